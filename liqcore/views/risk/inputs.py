"""The inputs of the risk page in the order a trader thinks. Account and risk stay in the session; the rest is
in the address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import streamlit as st

from liqcore import wording
from liqcore.feeds import samples
from liqcore.heat.tiers import TIERS
from liqcore.market.candles import atr, resample
from liqcore.risk.gate import LARGEST_BTC
from liqcore.risk.handover import Zone, read_zones
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.sizing import average_entry, risk_per_btc
from liqcore.service.app import FIRST
from liqcore.views import links, market as live_market, overlays
from liqcore.views.controls import LINK

OWN_RATE: Final = "Own rate"
VENUES: Final = {OWN_RATE: None, **{f"{table.venue} {table.symbol}, {table.as_of}": table for table in TIERS}}
_PRESETS: Final = ("0.5", "1", "2")
_PRIVATE: Final[dict[str, Any]] = {"persist_state": "session"}


@dataclass(frozen=True)
class Defaults:
    """Prices to start with: the last close of the sample market, and its one-minute and one-hour ATR, USD."""

    price: float
    atr_minute: float
    atr_hour: float


@dataclass(frozen=True)
class Inputs:
    """Everything a plan needs, parsed. `problems` names the fields that could not be read, one sentence
    each."""

    fields: dict[str, Any]
    problems: dict[str, str]
    zones: tuple[Zone, ...]
    levels: tuple[float, ...]
    notes: tuple[str, ...]


@st.cache_data(max_entries=1, show_spinner=False)
def defaults() -> Defaults:
    """What the sample market offers a first-time visitor to start with."""
    candles = samples.load_sample("violent").candles
    hourly = resample(candles, "1h", partial=False)
    return Defaults(
        round(float(candles["close"].iloc[-1])),
        float(np.round(atr(candles)[-1], 1)),
        float(np.round(atr(hourly)[-1], 0)),
    )


class _Form:
    """Fields that keep what was typed, and a sentence below each that cannot be read."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def number(
        self,
        label: str,
        key: str,
        start: str,
        *,
        percent: bool = False,
        optional: bool = False,
        private: bool = False,
        check: Callable[[float], str | None] | None = None,
        **more: Any,
    ) -> float | None:
        """A text field read as a number; None, and a sentence below it, where that fails."""
        text = st.text_input(
            label, value=start, key=key, live=True, **(_PRIVATE if private else {"bind": LINK}), **more
        )
        if optional and not str(text or "").strip():
            return None
        try:
            value = parse_number(str(text or ""), label.split(",")[0], percent=percent)
            sentence = check(value) if check else None
        except RiskError as problem:
            value, sentence = float("nan"), str(problem)
        if sentence:
            self.problems[key] = sentence
            st.caption(f":red[:material/error: {wording.markdown(sentence)}]")
            return None
        return value


def _above_zero(name: str, most: float = 1e12) -> Callable[[float], str | None]:
    def check(value: float) -> str | None:
        if value <= 0:
            return f"{name} must be above zero. Type a positive number."
        return (
            f"{name} of {wording.whole(value)} is larger than any venue carries. Type a smaller number."
            if value > most
            else None
        )

    return check


def _at_least(name: str, most: float = 1e12) -> Callable[[float], str | None]:
    def check(value: float) -> str | None:
        return None if 0 <= value <= most else f"{name} cannot be below zero, or so large. Type 0 for none."

    return check


def _percent(name: str, low: float, high: float, like: str) -> Callable[[float], str | None]:
    """What a field in per cent takes; the bounds are fractions, and those of the library."""

    def check(value: float) -> str | None:
        return (
            None
            if low <= value <= high
            else (
                f"{name} of {wording.percent(value, exact=True)} is outside"
                f" {wording.percent(low, exact=True)} to {wording.percent(high, exact=True)}. Type it in per"
                f" cent, like {like}."
            )
        )

    return check


def _several(form: _Form, label: str, key: str, start: str, help: str) -> tuple[float, ...] | None:
    text = st.text_input(label, value=start, key=key, live=True, bind=LINK, help=help)
    levels, problems = overlays.parse_levels(str(text or ""))
    if problems:
        form.problems[key] = problems[0]
        st.caption(f":red[:material/error: {wording.markdown(problems[0])}]")
        return None
    return tuple(levels)


def inputs() -> Inputs:
    """Draw all fields and read them."""
    form, start = _Form(), defaults()
    values: dict[str, Any] = {}
    level, side, told = _handed_over(start)
    s = 1 if side == "long" else -1
    st.markdown("**1. Money** :material/lock: stays in this session")
    money = st.segmented_control(
        "Account in", ["USD", "BTC"], default="USD", key="accountin", required=True, **_PRIVATE
    )
    account = (
        form.number("Account, USD", "account", "10,000", private=True, check=_above_zero("The account"))
        if money == "USD"
        else form.number("Account, BTC", "accountbtc", "0.5", private=True, check=_above_zero("The account"))
    )
    kind = st.segmented_control(
        "Risk per trade as",
        ["percent", "dollars", "size"],
        default="percent",
        format_func=str.capitalize,
        key="riskkind",
        required=True,
        **_PRIVATE,
    )
    if kind == "size":
        values["size"] = form.number(
            "Quantity, BTC", "quantity", "0.1", private=True, check=_above_zero("The quantity", LARGEST_BTC)
        )
        st.caption("The plan then says what this size loses at the stop.")
    elif kind == "percent":
        st.pills(
            "Presets",
            list(_PRESETS),
            key="riskpreset",
            label_visibility="collapsed",
            format_func=lambda text: wording.percent(float(text) / 100, exact=True),
            on_change=_preset,
            **_PRIVATE,
        )
        values["risk"] = form.number(
            "Risk, % of the account",
            "riskpercent",
            "1",
            percent=True,
            private=True,
            check=lambda value: (
                None
                if 0 < value < 1
                else "The risk is a share of the account: type more than 0 and less than 100, for instance 1."
            ),
        )
    else:
        values["risk_usd"] = form.number(
            "Risk, USD", "riskdollars", "100", private=True, check=_above_zero("The risk")
        )
    st.markdown("**2. Idea**")
    if st.button(
        "Use last price",
        icon=":material/my_location:",
        help="The newest price of the real market. Entry, stop and targets keep their distance in per cent.",
    ):
        _use_last_price()
    values["side"] = links.choice(
        "Direction", {"long": "Long", "short": "Short"}, "long", "direction", on_change=_mirror
    )
    s = 1 if values["side"] == "long" else -1
    values["entry"] = form.number(
        "Entry, USD",
        "entry",
        wording.whole(level),
        check=_above_zero("The entry", 1e9),
        help="The first entry. More entries stand below the targets.",
    )
    values["stop"] = form.number(
        "Stop, USD", "stop", wording.whole(level - s * start.atr_hour), check=_above_zero("The stop", 1e9)
    )
    values["targets"] = _several(
        form,
        "Targets, USD",
        "targets",
        f"{wording.whole(level + s * 2 * start.atr_hour)}; {wording.whole(level + s * 3.5 * start.atr_hour)}",
        "Several with a semicolon between. Empty for none.",
    )
    shares = st.text_input(
        "Close at each target, %",
        value="",
        key="shares",
        bind=LINK,
        placeholder="equal parts",
        help="One share a target, for instance 50; 50. Empty: equal parts.",
    )
    values["target_shares"] = _shares(form, str(shares or ""), values["targets"])
    further = _several(
        form,
        "Further entries, USD",
        "entries",
        "",
        "To scale in: equal parts at the entry and at each of these. Empty for one entry.",
    )
    if values["entry"] is not None and further:
        values["entry"] = (values["entry"], *further)
        parts = st.text_input(
            "Open at each entry, %",
            value="",
            key="parts",
            bind=LINK,
            placeholder="equal parts",
            help="One share an entry, the first one's first, for instance 30; 70. Empty: equal parts.",
        )
        values["entry_shares"] = _shares(form, str(parts or ""), values["entry"], "parts", "an entry")
    st.markdown("**3. Venue and margin**")
    venue = str(
        st.selectbox(
            "Maintenance brackets",
            list(VENUES),
            index=1,
            key="brackets",
            bind=LINK,
            help=(
                "Dated tables. Only those with a public, dated source are here; else give the rate yourself."
            ),
        )
    )
    values["tiers"] = VENUES[venue]
    if values["tiers"] is None:
        values["maintenance_margin_rate"] = form.number(
            "Maintenance margin, %", "maintenance", "0.5", percent=True, check=_maintenance
        )
    values["leverage"] = form.number(
        "Leverage, ×",
        "leverage",
        "10",
        check=lambda value: (
            None if 1 <= value <= 500 else f"A leverage of {value:g} is not offered anywhere. Type 1 to 125."
        ),
    )
    values["margin_mode"] = links.choice(
        "Margin",
        {"isolated": "Isolated", "cross": "Cross"},
        "isolated",
        "margin",
        help="Isolated: only this position's margin can be lost. Cross: the whole account backs it.",
    )
    values["contract"] = links.choice(
        "Contract",
        {"linear": "Linear", "inverse": "Inverse"},
        "linear",
        "contract",
        help="Linear is margined in dollars, inverse in BTC.",
    )
    if values["contract"] == "inverse" and values["tiers"] is not None:
        values["tiers"] = None
        st.caption(
            "The bracket tables are of linear contracts. For an inverse one, type the rate of its venue."
        )
        values["maintenance_margin_rate"] = form.number(
            "Maintenance margin, %", "maintenance", "0.5", percent=True, check=_maintenance
        )
    _margin(form, values)
    with st.expander("Costs, steps and time", icon=":material/tune:"):
        values["fee_rate"] = form.number(
            "Entry fee, % of the value",
            "fee",
            "0.05",
            percent=True,
            check=_percent("A fee", -0.001, 0.1, "0.05"),
            help="A limit order usually pays the maker fee, a market order the taker fee.",
        )
        values["exit_fee_rate"] = form.number(
            "Exit fee, % of the value",
            "exitfee",
            "0.05",
            percent=True,
            check=_percent("A fee", -0.001, 0.1, "0.05"),
            help="A stop is a market order and pays the taker fee.",
        )
        values["slippage"] = form.number(
            "Slippage at the stop, %",
            "slippage",
            "0.02",
            percent=True,
            check=_percent("Slippage", 0.0, 0.1, "0.02"),
        )
        values["gap"] = form.number(
            "Jump through the stop, %",
            "gap",
            "2",
            percent=True,
            check=_percent("The jump", 0.0, 0.99, "2"),
            help="For the worst case: price opens this far beyond the stop.",
        )
        linear = values["contract"] == "linear"
        values["step"] = form.number(
            "Quantity step, BTC" if linear else "Contract size, USD",
            "step" if linear else "contractsize",
            "0.001" if linear else "100",
            check=_above_zero("The step", 1e6),
        )
        values["tick"] = form.number(
            "Tick, USD",
            "tick",
            "0.1",
            check=_at_least("The tick"),
            help="Entry, stop and targets are put on it. 0 leaves them as typed.",
        )
        values["minimum_notional"] = form.number(
            "Smallest order, USD",
            "smallest",
            "100" if linear else "0",
            check=_at_least("The smallest order"),
            help="Venues refuse less: Binance takes no BTCUSDT order under 100 USDT.",
        )
        values["liquidation_fee_rate"] = form.number(
            "Closing fee within maintenance, %",
            "closingfee",
            "0",
            percent=True,
            check=_percent("The closing fee", 0.0, 0.1, "0.06"),
            help="OKX and Gate count the taker fee of closing as maintenance. 0 for Binance.",
        )
        values["holding_hours"] = form.number(
            "Expected holding time, hours",
            "hours",
            "24",
            check=lambda value: (
                None if 0 <= value <= 8760 else "The holding time lies between 0 and a year of 8,760 hours."
            ),
        )
        values["funding_rate"] = form.number(
            "Funding, % every 8 hours",
            "fundingrate",
            "0.01",
            percent=True,
            check=_percent("Funding", -0.1, 0.1, "0.01"),
        )
        values["atr_1m"] = form.number(
            "One-minute ATR, USD",
            "atr",
            f"{start.atr_minute:g}",
            optional=True,
            check=lambda value: None if value >= 0 else "The ATR is a range and cannot be below zero.",
            help=(
                "Noise that the stop must survive; here that of the sample market. Empty: unknown, which the"
                " plan then says."
            ),
        )
        values["mark_last_gap"] = form.number(
            "Gap between mark and last price, USD",
            "markgap",
            "5",
            optional=True,
            check=lambda value: None if value >= 0 else "The gap cannot be below zero.",
        )
    with st.expander("Clusters and key levels", icon=":material/layers:"):
        zones, notes = read_zones(
            str(
                st.text_input(
                    "Clusters",
                    value="",
                    key="zones",
                    bind=LINK,
                    placeholder="27900:28050:short:1200000; …",
                    help="low:high:side:usd each. The Explore page fills this in when it sends you here.",
                )
                or ""
            )
        )
        levels, more = overlays.parse_levels(
            str(
                st.text_input(
                    "Key levels, USD", value="", key="lines", bind=LINK, placeholder="28,400; 29,000"
                )
                or ""
            )
        )
    values["bands"] = tuple((zone.low, zone.high) for zone in zones)
    values["account"] = account
    if money == "BTC" and account is not None and values["entry"] is not None:
        first = values["entry"][0] if isinstance(values["entry"], tuple) else values["entry"]
        values["account"] = account * first
    if kind == "size":
        _risk_of_size(values, form)
    return Inputs(values, form.problems, zones, tuple(levels), (*told, *notes, *more))


def _preset() -> None:
    """A preset goes into the field of the risk."""
    if (chosen := st.session_state.get("riskpreset")) is not None:
        st.session_state["riskpercent"] = chosen


def _risk_of_size(values: dict[str, Any], form: _Form) -> None:
    """From a quantity to the risk it is: USD lost at the stop, costs included."""
    size, entry, stop = values.pop("size", None), values["entry"], values["stop"]
    costs = [values["fee_rate"], values["exit_fee_rate"], values["slippage"]]
    if None in (size, entry, stop, *costs) or form.problems:
        return
    prices = entry if isinstance(entry, tuple) else (entry,)
    shares = values.get("entry_shares") or (1.0,) * len(prices)
    mean = average_entry(prices, shares, values["contract"])
    lost = risk_per_btc(
        values["side"],
        mean,
        stop,
        fee_in=costs[0],
        fee_out=costs[1],
        slippage=costs[2],
        contract=values["contract"],
    )
    values["risk_usd"] = float(size * lost) * (1 + 1e-9)


def _margin(form: _Form, values: dict[str, Any]) -> None:
    """What else stands behind the position, and what other positions of a cross account hold."""
    cross = values["margin_mode"] == "cross"
    title = "Other positions in the account" if cross else "Maintenance and added margin"
    with st.expander(title, icon=":material/account_balance_wallet:"):
        if values["tiers"] is None:
            values["maintenance_amount"] = form.number(
                "Maintenance amount, USD" if values["contract"] == "linear" else "Maintenance amount, BTC",
                "maintamount",
                "0",
                check=_at_least("The maintenance amount"),
                help="The constant of your bracket, which makes maintenance continuous from one to the next.",
            )
        if not cross:
            values["added_margin"] = form.number(
                "Added margin, USD", "added", "0", private=True, check=_at_least("The added margin")
            )
            return
        for label, key, name in (
            ("Their maintenance margin, USD", "othermaintenance", "other_maintenance"),
            ("Their initial margin, USD", "othermargin", "other_margin"),
        ):
            values[name] = form.number(label, key, "0", private=True, check=_at_least(label.split(",")[0]))
        values["other_pnl"] = form.number("Their open profit or loss, USD", "otherpnl", "0", private=True)


def _use_last_price() -> None:
    """Move entry, stop and targets to the market's last price, and say how old that is."""
    look = live_market.app().real.look(FIRST, 2.5)
    if look.data is None or look.data.candles is None:
        st.caption(
            f":material/wifi_off: {wording.markdown(look.away or 'The price is on its way; try again.')}"
        )
        return
    price = float(look.data.candles["close"].iloc[-1])
    try:
        ratio = price / parse_number(str(st.session_state.get("entry", "")), "Entry")
    except RiskError:
        return
    for name in ("entry", "stop"):
        with suppress(RiskError):
            held = parse_number(str(st.session_state.get(name, "")), name)
            st.session_state[name] = wording.field(round(held * ratio, 1))
    for name in ("targets", "entries"):
        levels, _ = overlays.parse_levels(str(st.session_state.get(name, "")))
        st.session_state[name] = "; ".join(wording.field(round(level * ratio, 1)) for level in levels)
    st.caption(f"{wording.markdown(wording.price(price))} is the last price, {look.age}. {look.away}")


def _mirror() -> None:
    """Turning the direction mirrors stop and targets at the entry, as far as they can be read."""
    try:
        entry = parse_number(str(st.session_state.get("entry", "")), "Entry")
        stop = parse_number(str(st.session_state.get("stop", "")), "Stop")
    except RiskError:
        return
    targets, _ = overlays.parse_levels(str(st.session_state.get("targets", "")))
    st.session_state["stop"] = wording.field(2 * entry - stop)
    st.session_state["targets"] = "; ".join(wording.field(2 * entry - target) for target in targets)


def _maintenance(value: float) -> str | None:
    return None if 0 < value <= 0.5 else "The maintenance margin lies between 0 and 50 %. Type it like 0.5."


def _handed_over(start: Defaults) -> tuple[float, str, list[str]]:
    """The level and side of the link, or the sample market's last price; and what of the link could not be
    read."""
    levels, problems = overlays.parse_levels(str(st.query_params.get("level", "")))
    side = "short" if str(st.query_params.get("direction", "")).lower().startswith("short") else "long"
    return (
        (levels[0] if levels else start.price),
        side,
        [f"The level of the link was not used: {problem}" for problem in problems],
    )


def _shares(
    form: _Form, text: str, targets: tuple[float, ...] | None, key: str = "shares", each: str = "a target"
) -> tuple[float, ...] | None:
    if not text.strip() or not targets:
        return None
    try:
        shares = tuple(parse_number(part, "A share", percent=True) for part in text.replace(";", " ").split())
    except RiskError as problem:
        shares, sentence = (), str(problem)
    else:
        sentence = (
            ""
            if len(shares) == len(targets) and min(shares) > 0 and abs(sum(shares) - 1) < 0.005
            else (
                f"Give one share {each} ({len(targets)}), together 100 %, for instance"
                f" {'; '.join(['50'] * 2) if len(targets) == 2 else '100'}."
            )
        )
    if sentence:
        form.problems[key] = sentence
        st.caption(f":red[:material/error: {wording.markdown(sentence)}]")
        return None
    return tuple(share / sum(shares) for share in shares)
