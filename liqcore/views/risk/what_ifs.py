"""The what-ifs of the risk page, one at a time."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.distances import away
from liqcore.risk.luck import losing_streak_paths, losing_streaks
from liqcore.risk.numbers import RiskError
from liqcore.risk.pine import plan_to_pine
from liqcore.risk.plan_data import Plan
from liqcore.risk.sizing import daily_budget, kelly
from liqcore.risk.what_if import price_drag, simulate_trades, sweep_leverage
from liqcore.views import links
from liqcore.views.controls import LINK
from liqcore.views.risk import charts as risk_charts
from liqcore.views.risk.fields import PRIVATE
from liqcore.views.risk.inputs import Inputs
from liqcore.views.spoken import spoken

PARTS: Final = {
    "drag": "Drag the price",
    "sweep": "Leverage and stop",
    "luck": "200 trades",
    "streak": "Losing streaks",
    "open": "Open risks",
    "ticket": "Order ticket",
}
# What else may be lost today, once the visitor has looked at it: it then decides over the plan, too.
BUDGET: Final = "risk_budget"
_LEVERAGES: Final = (1, 2, 3, 5, 7, 10, 15, 20, 25, 50, 75, 100)
_DISTANCES: Final = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08)


def more(plan: Plan, found: Inputs, made_at: str, current: bool) -> None:
    """The what-ifs, one at a time."""
    st.subheader("What if?")
    part = links.choice("Look at", PARTS, "drag", "part", label_visibility="collapsed")
    if part == "ticket" and not current:
        st.info(
            "There is no ticket while a field cannot be read: it would hold old numbers.",
            icon=":material/info:",
        )
        return
    try:
        {
            "drag": _drag,
            "sweep": _sweep,
            "luck": _luck,
            "streak": _streak,
            "open": _open,
            "ticket": lambda one, two: _ticket(one, two, made_at),
        }[part](plan, found)
    except RiskError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")


def _drag(plan: Plan, found: Inputs) -> None:
    if plan.quantity <= 0:
        st.info("Without a size there is nothing to gain or lose.", icon=":material/info:")
        return
    percent = st.slider("Price moves by", -20.0, 20.0, 0.0, 0.1, format="%+.1f %%", key="moved", bind=LINK)
    at = plan.entry * (1 + percent / 100)
    here = price_drag(plan, [at]).iloc[0]
    first, second, third, fourth = st.columns(4)
    first.metric("Price", wording.price(at))
    second.metric(
        "Profit or loss after fees",
        wording.markdown(wording.usd(here["net"], signed=True)),
        wording.r_multiple(here["reward_risk"]),
        delta_color="off",
        delta_arrow="off",
    )
    third.metric(
        "Margin ratio",
        wording.percent(min(here["margin_ratio"], 1)),
        "liquidated" if here["liquidated"] else None,
        delta_color="off",
        delta_arrow="off",
        help="Maintenance margin over what is left of the margin. At 100 % the position is liquidated.",
    )
    fourth.metric(
        "To liquidation",
        "never" if plan.liquidation_price is None else wording.percent(abs(away(at, plan.liquidation_price))),
    )
    spec, alt = risk_charts.drag(price_drag(plan), plan, at)
    st.vega_lite_chart(spec=spec, key="drag", alt=alt, width="stretch")
    st.caption(
        "The curve ignores the stop: it shows what the position itself would do. From the liquidation price"
        " on, the margin is gone whatever price does next."
    )


def _sweep(plan: Plan, found: Inputs) -> None:
    trade = {
        name: value
        for name, value in found.fields.items()
        if value is not None and name not in ("leverage", "stop", "targets", "target_shares", "bands")
    }
    if found.problems:
        st.info("Correct the fields at the left first.", icon=":material/info:")
        return
    spec, alt = risk_charts.sweep(
        sweep_leverage(np.array(_LEVERAGES, float), np.array(_DISTANCES), **trade), plan
    )
    st.vega_lite_chart(spec=spec, key="sweep", alt=alt, width="stretch")
    st.caption(
        wording.markdown(alt)
        + " The same money is at risk in every coloured cell, or less where the account limits the size: more"
        " leverage does not make the plan larger, only liquidation nearer."
    )


def _luck(plan: Plan, found: Inputs) -> None:
    left, right = st.columns([1, 2], gap="medium")
    with left:
        wins = st.slider("Win rate, %", 5, 95, 45, key="wins", bind=LINK) / 100
        reward = st.number_input(
            "A win gains, R",
            0.1,
            20.0,
            float(min(max(plan.reward_risk or 1.5, 0.1), 20.0)),
            0.1,
            key="reward",
            bind=LINK,
        )
        known = int(
            st.number_input(
                "Trades the win rate was measured on",
                0,
                100_000,
                0,
                10,
                key="measured",
                bind=LINK,
                help=(
                    "0 takes it as exactly known. Otherwise each run draws a win rate that so many trades"
                    " leave possible."
                ),
            )
        )
        seed = int(st.number_input("Seed", 0, 10_000, 1, key="seed", bind=LINK))
    risk = max(plan.risk_fraction, 1e-6) if plan.account > 0 else 0.01
    outcome = simulate_trades(
        np.random.default_rng(seed),
        win_rate=wins,
        reward_risk=float(reward),
        risk=min(risk, 1.0),
        win_rate_trades=known or None,
    )
    with right:
        spec, alt = risk_charts.fan(outcome, 200)
        st.vega_lite_chart(spec=spec, key="fan", alt=alt, width="stretch")
    st.markdown(
        wording.markdown(
            f"{alt} In the middle run the longest losing streak is"
            f" {wording.whole(outcome.longest_losing_streak)} trades and the worst drawdown"
            f" {wording.percent(outcome.worst_drawdown)}."
        )
    )
    st.caption(
        f"{outcome.note} **The win rate is the unknown**: nobody can know it before hundreds of trades, and"
        " this picture is only as good as that guess."
    )
    if st.toggle(
        "Kelly fraction",
        key="kelly",
        bind=LINK,
        help="Only with a win rate measured on trades that were not used to find the rule.",
    ):
        fraction = kelly(wins, float(reward), out_of_sample_trades=known)
        st.markdown(wording.markdown(fraction.sentence))


def _streak(plan: Plan, found: Inputs) -> None:
    wins = st.slider("Win rate, %", 5, 95, 45, key="wins", bind=LINK) / 100
    risk = min(max(plan.risk_fraction, 1e-4), 1.0)
    left, right = st.columns(2, gap="medium")
    with left:
        spec, alt = risk_charts.streak(losing_streak_paths(plan.account, risk, 15))
        st.vega_lite_chart(spec=spec, key="streak", alt=alt, width="stretch")
        st.caption(
            "A fixed percent shrinks with the account and never ends it; a fixed dollar amount does, but"
            " recovers sooner after a short streak."
        )
    with right:
        table = losing_streaks(wins, 200, risk, longest=12)
        shown = table.rename(
            columns={
                "losses": "Losses in a row",
                "probability": "Chance in 200 trades",
                "drawdown_percent_risk": "Lost, fixed percent",
                "drawdown_fixed_risk": "Lost, fixed dollar",
                "gain_to_recover": "Gain to recover",
            }
        )
        st.dataframe(
            spoken(
                shown,
                {
                    "Chance in 200 trades": partial(wording.share, total=1.0),
                    **dict.fromkeys(shown.columns[2:], partial(wording.percent, digits=1)),
                },
            ),
            hide_index=True,
            width="stretch",
            placeholder=wording.NOTHING,
        )


def _open(plan: Plan, found: Inputs) -> None:
    st.caption(
        "What every open trade would lose at its stop. All of them are on one coin, so the losses are added"
        " without any discount. Nothing here is stored."
    )
    left, right = st.columns([2, 1], gap="medium")
    with left:
        rows = st.data_editor(
            pd.DataFrame({"Trade": [""], "Loss at the stop, USD": [0.0]}),
            num_rows="dynamic",
            hide_index=True,
            width="stretch",
            key="openrisks",
        )
    with right:
        limit = (
            st.slider("Daily limit, % of the account", 0.5, 20.0, 3.0, 0.5, key="dailylimit", **PRIVATE) / 100
        )
        lost = st.number_input("Lost today, USD", 0.0, 1e9, 0.0, 10.0, key="losttoday", **PRIVATE)
    losses = [
        float(value)
        for value in pd.to_numeric(rows["Loss at the stop, USD"], errors="coerce").fillna(0.0)
        if value
    ]
    told = {"open_losses": tuple(losses), "daily_limit": limit, "lost_today": float(lost)}
    if st.session_state.get(BUDGET) != told:
        st.session_state[BUDGET] = told
        st.rerun()
    budget = daily_budget(losses, plan.account, limit, lost_today=float(lost))
    fits = plan.loss_at_stop <= budget.left
    st.markdown(wording.markdown(budget.sentence))
    (st.success if fits and budget.within else st.error)(
        wording.markdown(
            f"This plan would lose {wording.usd(plan.loss_at_stop)} at its stop, which"
            f" {'fits into' if fits else 'exceeds'} what is left."
        ),
        icon=":material/check_circle:" if fits and budget.within else ":material/block:",
    )


def _ticket(plan: Plan, found: Inputs, made_at: str) -> None:
    st.code(plan.order_ticket(), language=None, wrap_lines=True)
    pine = plan_to_pine(plan, made_at)
    with st.container(horizontal=True):
        st.download_button(
            "Plan as JSON",
            plan.to_json(),
            "heatlab-plan.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key="plan-json",
            help="Holds account and risk: keep it to yourself.",
        )
        st.download_button(
            "Pine script",
            pine,
            "heatlab-plan.pine",
            "text/plain",
            icon=":material/download:",
            on_click="ignore",
            key="plan-pine",
            help="Draws the plan's prices on a TradingView chart; account and size are not in it.",
        )
    with st.expander("Pine script", icon=":material/code:"):
        st.code(pine, language=None)
