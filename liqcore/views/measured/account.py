"""My position: the true cross liquidation price of an account, with its derivation and the heat around it.

The visitor's address lives in the session and nowhere else: in no link, log, cache or store.
"""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.feeds.positions import answers
from liqcore.feeds.status import FeedError
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.measured import measured_heatmap
from liqcore.risk.account import CrossPrice, Leg, cross_liquidation
from liqcore.risk.handover import Zone, plan_link
from liqcore.risk.numbers import RiskError
from liqcore.service import dataset
from liqcore.service.dataset import Dataset
from liqcore.views import links, market as live_market, shell
from liqcore.views.measured import source

_STATE: Final = "my_account_state"
_NEAR: Final = 0.05
_MOST_BANDS: Final = 5
_OTHERS: Final = pd.DataFrame(
    {
        "coin": ["ETH"],
        "side": ["long"],
        "quantity": [0.0],
        "entry": [3_000.0],
        "mark": [3_000.0],
        "maintenance, %": [2.0],
    }
)


def my_position(data: Dataset) -> None:
    """Paste an address or type a position; then the price at which the whole account would be liquidated."""
    st.subheader("Where the whole account would be liquidated")
    way = links.choice("Account", {"typed": "Type it in", "address": "By address"}, "typed", "myfrom")
    try:
        found = _by_address() if way == "address" else _typed(data)
        if found is None:
            return
        balance, legs = found
        follow = st.slider(
            "Other coins follow BTC by",
            0.0,
            2.0,
            1.0,
            0.1,
            format="%.1f %% for each 1 %%",
            key="my_follow",
            disabled=len(legs) == 1,
            help="0 lets them stand still, as the price that the venue tells does. In a crash they follow.",
        )
        told = cross_liquidation(balance, legs[0], legs[1:], float(follow))
        still = cross_liquidation(balance, legs[0], legs[1:], 0.0)
    except RiskError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return
    _told(told, still, legs)
    _around(told, legs[0])


def _typed(data: Dataset) -> tuple[float, list[Leg]] | None:
    last = dataset.last_price(data)
    price = round(last or 60_000.0)
    with st.container(horizontal=True, gap="small"):
        side = st.segmented_control(
            "Side", ["long", "short"], default="long", key="my_side", required=True, format_func=str.title
        )
        size = st.number_input("Size, BTC", min_value=0.0, value=1.0, key="my_size")
        entry = st.number_input("Entry, USD", min_value=0.0, value=float(price), key="my_entry")
        mark = st.number_input("Mark price, USD", min_value=0.0, value=float(price), key="my_mark")
        margin = st.number_input(
            "Cross wallet, USD",
            value=float(round(price / 10)),
            key="my_margin",
            help="What is in the account, without what open positions gained or lost.",
        )
        rate = st.number_input("Maintenance, %", 0.0, 50.0, 1.25, key="my_rate")
    others = st.data_editor(
        _OTHERS,
        num_rows="dynamic",
        hide_index=True,
        key="my_others",
        column_config={
            "coin": st.column_config.TextColumn("Coin"),
            "side": st.column_config.SelectboxColumn(
                "Side", options=["long", "short"], format_func=lambda side: str(side).title()
            ),
            "quantity": st.column_config.NumberColumn("Size, coins", format="localized"),
            "entry": st.column_config.NumberColumn("Entry, USD", format="localized"),
            "mark": st.column_config.NumberColumn("Mark price, USD", format="localized"),
            "maintenance, %": st.column_config.NumberColumn("Maintenance, %"),
        },
    )
    st.caption("The account's other cross positions. Rows with a size of 0 do not count.")
    legs = [
        Leg("long" if side == "long" else "short", float(size), float(entry), float(mark), float(rate) / 100)
    ]
    rows = others.dropna()
    for row in rows[rows["quantity"] > 0].to_dict("records"):
        legs.append(
            Leg(
                "long" if row["side"] == "long" else "short",
                float(row["quantity"]),
                float(row["entry"]),
                float(row["mark"]),
                float(row["maintenance, %"]) / 100,
                str(row["coin"]).upper(),
            )
        )
    return float(margin), legs


def _by_address() -> tuple[float, list[Leg]] | None:
    address = str(
        st.text_input(
            "Your Hyperliquid address",
            key="my_address",
            autocomplete="off",
            help=(
                "Kept in this session only. It is sent to Hyperliquid, past every cache, and to nobody else."
            ),
        )
        or ""
    ).strip()
    if not address:
        st.session_state.pop(_STATE, None)
        return None
    if not answers.is_address(address):
        st.warning("An address is 0x and 40 digits from 0 to f.", icon=":material/warning:")
        return None
    if st.button("Ask Hyperliquid", icon=":material/refresh:", type="primary"):
        st.session_state.pop(_STATE, None)
        try:
            st.session_state[_STATE] = address, *_asked(address)
        except (FeedError, answers.OddAnswer) as problem:
            st.error(wording.markdown(str(problem)), icon=":material/error:")
    kept = st.session_state.get(_STATE)
    if kept is None or kept[0] != address:
        return None
    told: answers.State = kept[1]
    held = told.bitcoin
    if held is None:
        st.info("This account holds no BTC.", icon=":material/info:")
        return None
    if held.margin == "isolated":
        price = wording.price(held.liquidation_price)
        st.markdown(
            wording.markdown(
                f"**The position is isolated: its price is {price}, whatever the rest of the account does.**"
            )
        )
        return None
    return answers.legs(told, kept[2])


def _asked(address: str) -> tuple[answers.State, dict[str, float]]:
    from liqcore.feeds.positions.sweep import asker

    ask = asker(live_market.session())
    told = answers.state(ask({"type": "clearinghouseState", "user": address}))
    return told, answers.rates(ask({"type": "metaAndAssetCtxs"}))


def _told(told: CrossPrice, still: CrossPrice, legs: list[Leg]) -> None:
    if told.already:
        st.error(
            "The account is at or below its maintenance: it would be liquidated now.", icon=":material/error:"
        )
        return
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            "Liquidation price",
            wording.price(told.price) if told.price == told.price else "none",
            help="The mark price of BTC at which the whole account would be liquidated.",
            width="content",
        )
        st.metric("Room", wording.percent(told.room), width="content")
        if len(legs) > 1:
            st.metric(
                "Room if the others stood still",
                wording.percent(still.room),
                help="What the price that the venue tells promises.",
                width="content",
            )
    if told.falling != (legs[0].side == "long") and told.price == told.price:
        st.warning(
            "The account's other positions outweigh this one: it is liquidated on the far side.",
            icon=":material/swap_vert:",
        )
    with st.expander("How it is derived", icon=":material/calculate:"):
        st.table(pd.DataFrame(list(told.steps), columns=["Step", "Amount"]).set_index("Step"))


def _around(told: CrossPrice, leg: Leg) -> None:
    """Measured heat between the price and the level, its fullest bands, and the way to the Risk page with
    both."""
    if told.already or told.price != told.price:
        return
    held, zones = source.controls(), []
    if held:
        reach = min(told.price, leg.mark) / 1.2, max(told.price, leg.mark) * 1.2
        try:
            grid = measured_heatmap(held[-1:], price_range=reach, bins=120)
        except GridError as problem:
            st.caption(wording.markdown(str(problem)))
        else:
            zones = _bands(grid, told.price)
            _heat_before(grid, told, leg, zones)
            source.meter(held[-1])
    st.page_link(
        shell.path("risk"),
        label=wording.markdown(f"Size a position at {wording.price(told.price)}"),
        icon=":material/shield:",
        query_params=plan_link(told.price, leg.mark, 0.01 * told.price, zones=zones),
    )


def _bands(grid: HeatGrid, level: float) -> list[Zone]:
    """The fullest measured bands of each side within 5 % of a level."""
    profile = grid.profile()
    near = profile[(profile["price"] / level - 1).abs() < _NEAR]
    zones: list[Zone] = []
    for side in tables.SIDES:
        top = near[near[side] > 0].nlargest(_MOST_BANDS, side)
        zones += [
            Zone(side, low, high, usd)
            for low, high, usd in zip(top["price_low"], top["price_high"], top[side], strict=True)
        ]
    return sorted(zones, key=lambda zone: -zone.notional)


def _heat_before(grid: HeatGrid, told: CrossPrice, leg: Leg, zones: list[Zone]) -> None:
    amounts = grid.on_the_way(leg.mark, told.price)
    side = "long" if told.price < leg.mark else "short"
    profile = grid.profile()
    near = profile[(profile["price"] / told.price - 1).abs() < 0.01]
    st.markdown(
        wording.markdown(
            f"**Measured {side} positions of {wording.usd(amounts[side])} would be liquidated before it, and"
            f" {wording.usd(float(near[side].sum()))} within 1 % of it.** A cascade can carry price through"
            " such a band."
        )
    )
    if zones:
        listed = [
            f"{wording.price(zone.low)} to {wording.price(zone.high)}: {wording.usd(zone.notional)} of"
            f" {zone.side}s"
            for zone in zones[:_MOST_BANDS]
        ]
        st.markdown(
            f"The fullest measured bands within {wording.percent(_NEAR, digits=0)} of it:\n\n"
            + "\n".join(f"- {wording.markdown(line)}" for line in listed)
        )
