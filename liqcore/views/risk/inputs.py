"""The inputs of the risk page in the order a trader thinks. Account and risk stay in the session; the rest is
in the address."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from liqcore import wording
from liqcore.risk.gate import LARGEST_BTC
from liqcore.risk.handover import Zone, read_zones
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.sizing import average_entry, risk_per_btc
from liqcore.service import dataset
from liqcore.service.dataset import Dataset
from liqcore.views import links, overlays
from liqcore.views.controls import LINK
from liqcore.views.risk import brackets, costs, market
from liqcore.views.risk.fields import (
    PRIVATE,
    Form,
    above_zero,
    at_least,
    maintenance_check,
    several,
    shares_of,
)
from liqcore.views.risk.market import Defaults, defaults

CONTRACTS: Final = {"linear": "Linear", "inverse": "Inverse"}
_PRESETS: Final = ("0.5", "1", "2")


@dataclass(frozen=True)
class Inputs:
    """Everything a plan needs, parsed. `problems` names the fields that could not be read, one sentence each;
    `data` is the market at hand, and `about` says whose the clusters are where they are not of the fields."""

    fields: dict[str, Any]
    problems: dict[str, str]
    zones: tuple[Zone, ...]
    levels: tuple[float, ...]
    notes: tuple[str, ...]
    data: Dataset | None = None
    about: str = ""


def inputs() -> Inputs:
    """Draw all fields and read them."""
    form, start = Form(), defaults()
    values: dict[str, Any] = {}
    level, told = _handed_over(start)
    st.markdown("**1. Money** :material/lock: stays in this session")
    money, kind, account = _money(form, values)
    st.markdown("**2. Idea**")
    data = market.at_hand()
    _idea(form, values, start, level, data)
    st.markdown("**3. Venue and margin**")
    _venue(form, values)
    with st.expander("Costs, steps and time", icon=":material/tune:"):
        costs.costs(form, values)
        costs.noise(form, values, start)
    zones, levels, notes = _around()
    about, entry = "", values["entry"]
    if not zones and entry is not None:
        zones, about = market.clusters(data, entry[0] if isinstance(entry, tuple) else entry)
    values["bands"] = tuple((zone.low, zone.high) for zone in zones)
    values["account"] = account
    if money == "BTC" and account is not None and values["entry"] is not None:
        first = values["entry"][0] if isinstance(values["entry"], tuple) else values["entry"]
        values["account"] = account * first
    if kind == "size":
        _risk_of_size(values, form)
    return Inputs(values, form.problems, zones, levels, (*told, *notes), data, about)


def _money(form: Form, values: dict[str, Any]) -> tuple[str, str, float | None]:
    """The account and the risk, or the size that says it; the account comes back in its own currency."""
    money = st.segmented_control(
        "Account in", ["USD", "BTC"], default="USD", key="accountin", required=True, **PRIVATE
    )
    account = (
        form.number("Account, USD", "account", "10,000", private=True, check=above_zero("The account"))
        if money == "USD"
        else form.number("Account, BTC", "accountbtc", "0.5", private=True, check=above_zero("The account"))
    )
    contract = links.asked("contract", CONTRACTS, "linear")
    kind = st.segmented_control(
        "Risk per trade as",
        ["percent", "dollars", "size"],
        default="percent",
        format_func=str.capitalize,
        key="riskkind",
        required=True,
        **PRIVATE,
    )
    if kind == "size" and contract == "linear":
        values["size"] = form.number(
            "Quantity, BTC",
            "quantity",
            "0.1",
            private=True,
            step=0.01,
            check=above_zero("The quantity", LARGEST_BTC),
        )
    elif kind == "size":
        values["size_usd"] = form.number(
            "Contracts, USD",
            "contracts",
            "5,000",
            private=True,
            step=100,
            check=above_zero("The value of the contracts"),
        )
    if kind == "size":
        st.caption("The plan then says what this size loses at the stop.")
    elif kind == "percent":
        st.pills(
            "Presets",
            list(_PRESETS),
            key="riskpreset",
            label_visibility="collapsed",
            format_func=lambda text: wording.percent(float(text) / 100, exact=True),
            on_change=_preset,
            **PRIVATE,
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
            "Risk, USD", "riskdollars", "100", private=True, check=above_zero("The risk")
        )
    return str(money), str(kind), account


def _to_start_with(level: float, side: str, start: Defaults) -> dict[str, str]:
    """Entry, stop and targets of a plan at a level, as they stand in their fields."""
    s = 1 if side == "long" else -1
    stop, *targets = (wording.whole(level + s * many * start.atr_hour) for many in (-1, 2, 3.5))
    return {"entry": wording.whole(level), "stop": stop, "targets": "; ".join(targets)}


def _idea(form: Form, values: dict[str, Any], start: Defaults, level: float, data: Dataset | None) -> None:
    """Direction, entries, stop and targets."""
    values["side"] = links.choice(
        "Direction", {"long": "Long", "short": "Short"}, "long", "direction", on_change=_mirror
    )
    texts = _to_start_with(level, values["side"], start)
    market.begin_at(dataset.last_price(data), texts)
    values["entry"] = form.number(
        "Entry, USD",
        "entry",
        texts["entry"],
        step=_step_of(level),
        check=above_zero("The entry", 1e9),
        help="The first entry. More entries stand below the targets.",
    )
    values["stop"] = form.number(
        "Stop, USD", "stop", texts["stop"], step=_step_of(level), check=above_zero("The stop", 1e9)
    )
    values["targets"] = several(
        form, "Targets, USD", "targets", texts["targets"], "Several with a semicolon between. Empty for none."
    )
    shares = st.text_input(
        "Close at each target, %",
        value="",
        key="shares",
        bind=LINK,
        placeholder="equal parts",
        help="One share a target, for instance 50; 50. Empty: equal parts.",
    )
    values["target_shares"] = shares_of(form, str(shares or ""), values["targets"])
    further = several(
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
        values["entry_shares"] = shares_of(form, str(parts or ""), values["entry"], "parts", "an entry")


def _venue(form: Form, values: dict[str, Any]) -> None:
    """Contract, brackets, leverage and what backs the position."""
    values["contract"] = links.choice(
        "Contract", CONTRACTS, "linear", "contract", help="Linear is margined in dollars, inverse in BTC."
    )
    values["tiers"] = brackets.choose(values["contract"])
    if values["tiers"] is None:
        values["maintenance_margin_rate"] = form.number(
            "Maintenance margin, %", "maintenance", "0.5", percent=True, check=maintenance_check
        )
        values["maintenance_basis"] = links.choice(
            "Maintenance on the value at",
            {"mark": "Mark price", "entry": "Entry"},
            "mark",
            "basis",
            help="Most venues take it at the mark price. KuCoin, and older pages of Bybit, at the entry.",
        )
    values["leverage"] = form.number(
        "Leverage, ×",
        "leverage",
        "10",
        step=1,
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
    _margin(form, values)


def _margin(form: Form, values: dict[str, Any]) -> None:
    """What else stands behind the position, and what other positions of a cross account hold."""
    cross = values["margin_mode"] == "cross"
    title = "Other positions in the account" if cross else "Maintenance and added margin"
    with st.expander(title, icon=":material/account_balance_wallet:"):
        if values["tiers"] is None:
            values["maintenance_amount"] = form.number(
                "Maintenance amount, USD" if values["contract"] == "linear" else "Maintenance amount, BTC",
                "maintamount",
                "0",
                check=at_least("The maintenance amount"),
                help="The constant of your bracket, which makes maintenance continuous from one to the next.",
            )
        if not cross:
            values["added_margin"] = form.number(
                "Added margin, USD", "added", "0", private=True, check=at_least("The added margin")
            )
            return
        for label, key, name in (
            ("Their maintenance margin, USD", "othermaintenance", "other_maintenance"),
            ("Their initial margin, USD", "othermargin", "other_margin"),
        ):
            values[name] = form.number(label, key, "0", private=True, check=at_least(label.split(",")[0]))
        values["other_pnl"] = form.number("Their open profit or loss, USD", "otherpnl", "0", private=True)


def _around() -> tuple[tuple[Zone, ...], tuple[float, ...], tuple[str, ...]]:
    """Clusters and key levels of one's own, or those of a link; and what of them could not be read."""
    with st.expander("Clusters and key levels", icon=":material/layers:"):
        zones, notes = read_zones(
            str(
                st.text_input(
                    "Clusters",
                    value="",
                    key="zones",
                    bind=LINK,
                    placeholder="27900:28050:short:1200000; …",
                    help=(
                        "low:high:side:usd each. Empty: those of the market at hand. The Explore page"
                        " fills this in when it sends you here."
                    ),
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
    return zones, tuple(levels), (*notes, *more)


def _preset() -> None:
    """A preset goes into the field of the risk."""
    if (chosen := st.session_state.get("riskpreset")) is not None:
        st.session_state["riskpercent"] = chosen


def _risk_of_size(values: dict[str, Any], form: Form) -> None:
    """From a quantity to the risk it is: USD lost at the stop, costs included."""
    size, usd = values.pop("size", None), values.pop("size_usd", None)
    entry, stop = values["entry"], values["stop"]
    rates = [values["fee_rate"], values["exit_fee_rate"], values["slippage"]]
    if None in (entry, stop, *rates) or (size is None and usd is None) or form.problems:
        return
    prices = entry if isinstance(entry, tuple) else (entry,)
    shares = values.get("entry_shares") or (1.0,) * len(prices)
    mean = average_entry(prices, shares, values["contract"])
    lost = risk_per_btc(
        values["side"],
        mean,
        stop,
        fee_in=rates[0],
        fee_out=rates[1],
        slippage=rates[2],
        contract=values["contract"],
    )
    values["risk_usd"] = float((usd / mean if size is None else size) * lost) * (1 + 1e-9)


def _step_of(price: float) -> float:
    """A round step for a price: a power of ten near a twentieth of a per cent of it."""
    return float(10.0 ** round(math.log10(price / 2_500))) if price > 0 else 1.0


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


def _handed_over(start: Defaults) -> tuple[float, list[str]]:
    """The level of the link, or the sample market's last price; and what of the link could not be read."""
    levels, problems = overlays.parse_levels(str(st.query_params.get("level", "")))
    return (
        (levels[0] if levels else start.price),
        [f"The level of the link was not used: {problem}" for problem in problems],
    )
