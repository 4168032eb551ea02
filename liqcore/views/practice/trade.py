"""The paper trade of a practice test: planned through the risk calculator, placed once, and checked against
the rules."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import streamlit as st

from liqcore import wording
from liqcore.learn.practice import MOST_RISK, Candidate, confirmation, starting_numbers
from liqcore.market.candles import atr
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.plan import plan_trade
from liqcore.risk.plan_data import Plan
from liqcore.views.practice import table as practice_table
from liqcore.views.practice.table import Scene, Table

ACCOUNT: Final = 10_000.0
_FEE, _SLIPPAGE = 0.0005, 0.0002
_SIDES: Final = {"long": "Long", "short": "Short"}


def trade(table: Table, now: Scene, level: Candidate) -> None:
    """The form of the trade with the verdict of the risk rules; once placed, what was placed."""
    played = table.played
    with st.container(border=True):
        if played.plan is not None:
            _placed(table)
            return
        st.markdown("**3. Trade it on paper**, if you would. Not trading is an answer too.")
        if played.over(table.game):
            st.caption("This round is over: trade in the next one.")
            return
        if not st.toggle(
            "Plan a trade",
            key=f"trade-{table.key}",
            help="A limit order on a paper account of $10,000, sized by the risk calculator.",
        ):
            return
        _fields(table, now, level)
        try:
            plan = _plan(table, now, level)
        except RiskError as problem:
            st.error(wording.markdown(str(problem)), icon=":material/error:")
            return
        _verdict(plan)
        signal = confirmation(now.seen, table.game.timeframe, level.price, plan.side)
        if signal is None:
            st.caption(
                ":material/hourglass_empty: No candle has confirmed this level for this side yet. You can let"
                " bars come and place the order later."
            )
        else:
            st.caption(f":material/task_alt: {wording.markdown(signal)}")
        st.button(
            "Place the paper trade",
            icon=":material/receipt_long:",
            key="place",
            on_click=_place,
            args=(table, now, level),
            disabled=not plan.accepted or practice_table.playing(table),
        )
        if sentence := practice_table.wrong("trade"):
            st.error(wording.markdown(sentence), icon=":material/error:")


def _fields(table: Table, now: Scene, level: Candidate) -> None:
    """The fields of the order, filled with numbers to begin with."""
    usual = starting_numbers(level.price, now.seen, table.game.timeframe)
    where = _where(table, level)
    side = str(
        st.segmented_control(
            "Direction",
            list(_SIDES),
            default=usual.side,
            format_func=lambda name: _SIDES[name],
            key=f"side-{where}",
            required=True,
        )
    )
    start = starting_numbers(level.price, now.seen, table.game.timeframe, side)
    with st.container(horizontal=True, gap="small"):
        for name, value in (("entry", start.entry), ("stop", start.stop), ("target", start.target)):
            st.text_input(
                f"{name.capitalize()}, USD", wording.field(value), key=f"{name}-{where}-{side}", width=110
            )
    with st.container(horizontal=True, gap="small"):
        st.text_input(
            "Risk, %",
            "1",
            key=f"risk-{table.key}",
            width=110,
            help=(
                f"Of the paper account of $10,000. The rule is {wording.percent(MOST_RISK, exact=True)} at"
                " most."
            ),
        )
        st.text_input("Leverage", "5", key=f"leverage-{table.key}", width=110)


def _where(table: Table, level: Candidate) -> str:
    return f"{table.key}-{level.price:.0f}"


def _plan(table: Table, now: Scene, level: Candidate) -> Plan:
    """The plan of what the fields hold at this moment; raises RiskError where one cannot be read."""
    where = _where(table, level)
    side = str(st.session_state[f"side-{where}"])
    keys = {
        **{name: f"{name}-{where}-{side}" for name in ("entry", "stop", "target")},
        "risk": f"risk-{table.key}",
        "leverage": f"leverage-{table.key}",
    }
    numbers = {
        name: parse_number(str(st.session_state.get(key) or ""), name.capitalize(), percent=name == "risk")
        for name, key in keys.items()
    }
    return plan_trade(
        side,
        numbers["entry"],
        numbers["stop"],
        ACCOUNT,
        risk=numbers["risk"],
        leverage=numbers["leverage"],
        targets=(numbers["target"],),
        fee_rate=_FEE,
        slippage=_SLIPPAGE,
        atr_1m=_noise(now),
        mark_last_gap=0.0002 * numbers["entry"],
        bands=[(one.low, one.high) for one in now.clusters],
    )


def _noise(now: Scene) -> float | None:
    """The usual range of one candle, which the stop must survive; None where there are too few."""
    usual = float(np.nan_to_num(atr(now.seen.candles.iloc[-200:])[-1])) if len(now.seen.candles) > 14 else 0.0
    return usual or None


def _verdict(plan: Plan) -> None:
    if not plan.accepted:
        st.error(
            "**Refused by the risk rules.** " + " ".join(wording.markdown(reason) for reason in plan.reasons),
            icon=":material/block:",
        )
        return
    liquidation = "none" if plan.liquidation_price is None else wording.price(plan.liquidation_price)
    gain = "–" if plan.reward_risk is None else wording.r_multiple(plan.reward_risk, signed=False)
    st.markdown(
        wording.markdown(
            f"**{wording.quantity(plan.quantity, exact=True)}.** At the stop it loses"
            f" {wording.usd(plan.loss_at_stop)} with costs, {wording.percent(plan.risk_fraction)} of the"
            f" account: that is 1 R. At the target it gains {gain} after costs. Liquidation: {liquidation}."
        )
    )
    for flag in plan.flags[:2]:
        st.caption(f":orange[:material/flag:] {wording.markdown(flag)}")


def _place(table: Table, now: Scene, level: Candidate) -> None:
    # Planned anew: what was typed just before the press is not yet in the plan on the page.
    practice_table.attempt(
        lambda: table.put(table.played.place(table.game, _plan(table, now, level), level.price)), "trade"
    )


def _placed(table: Table) -> None:
    plan: Any = table.played.plan
    st.markdown(
        wording.markdown(
            f"**3. Placed** after bar {table.played.placed}: {plan.side}"
            f" {wording.quantity(plan.quantity, exact=True)} at {wording.price(plan.entry, exact=True)}, stop"
            f" {wording.price(plan.stop, exact=True)}, target"
            f" {wording.price(plan.targets[0].price, exact=True)}."
        )
    )
    if not table.played.over(table.game):
        rules(table)
    st.caption(
        f"Costs: {wording.percent(_FEE, exact=True)} fee on each side,"
        f" {wording.percent(_SLIPPAGE, exact=True)} slippage on every exit but a target. Doubts are decided"
        " against you."
    )


def rules(table: Table) -> None:
    """The rules, each with a sign whether it was kept."""
    for rule in table.played.rules():
        colour, icon = ("green", "check") if rule.kept else ("red", "close")
        said = (
            table.played.signal
            if rule.kept and rule.name.startswith("Confirmed") and table.played.signal
            else rule.sentence
        )
        st.markdown(f":{colour}[:material/{icon}:] **{rule.name}.** {wording.markdown(said)}")


__all__ = ["ACCOUNT", "rules", "trade"]
