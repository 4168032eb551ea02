"""The results of the risk page: the verdict, the ladder and how to read them."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.ladder import ladder_spec
from liqcore.distances import away
from liqcore.risk.levels import suggest_stops, suggest_targets
from liqcore.risk.numbers import RiskError
from liqcore.risk.plan import plan_trade
from liqcore.risk.plan_data import Plan
from liqcore.views.controls import LINK
from liqcore.views.risk import what_ifs
from liqcore.views.risk.inputs import Inputs
from liqcore.views.risk.market import defaults

_HELD: Final = "risk_last_plan"


def plan_of(found: Inputs) -> tuple[Plan | None, bool]:
    """The plan of what was typed, and True; where a field cannot be read, the last plan, and False."""
    if found.problems:
        st.error(
            f"**{wording.count(len(found.problems), 'field')} cannot be read**:"
            f" {wording.markdown(next(iter(found.problems.values())))}",
            icon=":material/error:",
        )
        return _last(), False
    try:
        plan = plan_trade(
            **{name: value for name, value in found.fields.items() if value is not None},
            **st.session_state.get(what_ifs.BUDGET, {}),
        )
    except RiskError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return _last(), False
    st.session_state[_HELD] = plan
    return plan, True


def _last() -> Plan | None:
    plan: Plan | None = st.session_state.get(_HELD)
    return plan


def verdict(plan: Plan, current: bool) -> None:
    """Accepted or rejected, with the reason."""
    if not current:
        st.warning(
            "**Old numbers.** Below is the last plan that could be computed. It does not hold what is typed"
            " now and is not to be traded.",
            icon=":material/history:",
        )
    elif plan.accepted and plan.doubts:
        count = len(plan.doubts)
        st.warning(
            f"**Not clean.** The stop fires before liquidation, but {wording.count(count, 'line')} of"
            f" the checklist {'does' if count == 1 else 'do'} not hold:"
            f" {wording.markdown('; '.join(plan.doubts))}.",
            icon=":material/warning:",
        )
    elif plan.passes:
        st.success(
            f"**This plan passes.** {wording.markdown(_size(plan))}: at the stop it loses"
            f" {wording.markdown(wording.usd(plan.loss_at_stop))},"
            f" {wording.percent(plan.risk_fraction)} of the account, and the stop fires before liquidation.",
            icon=":material/check_circle:",
        )
    else:
        st.error(
            "**Rejected.** " + " ".join(wording.markdown(reason) for reason in plan.reasons),
            icon=":material/block:",
        )
        st.caption("The numbers below show how far off it is. They are not tradable.")


_MEANS: Final = {
    "Bankruptcy": "The price at which the loss has used up the whole margin. Liquidation comes before it.",
    "ROE at the targets": "Return on equity: what the plan gains after costs, as a share of its margin.",
}


def _size(plan: Plan) -> str:
    size = wording.quantity(plan.quantity) if plan.contract == "linear" else wording.usd(plan.notional)
    return f"{size} {plan.side} at {plan.leverage:g}×"


def numbers(plan: Plan) -> None:
    """What the plan costs and can lose, and its red flags."""
    liquidation = (
        "–"
        if plan.quantity <= 0
        else "none"
        if plan.liquidation_price is None
        else wording.price(plan.liquidation_price)
    )
    far = (
        "not computed"
        if plan.quantity <= 0
        else (
            None
            if plan.liquidation_price is None
            else f"{wording.percent(away(plan.entry, plan.liquidation_price), signed=True)} from the entry"
        )
    )
    facts = (
        (
            # The unit stands in the label: on a phone there is no room for it beside the number.
            "Quantity, BTC" if plan.contract == "linear" else "Quantity",
            wording.field(plan.quantity) if plan.contract == "linear" else wording.usd(plan.notional),
            f"{wording.usd(plan.notional)} notional",
        ),
        (
            "Initial margin",
            wording.usd(plan.margin),
            f"{wording.percent(plan.margin / plan.account)} of the account" if plan.account > 0 else None,
        ),
        ("Liquidation", liquidation, far),
        (
            "Reward to risk",
            "–" if plan.reward_risk is None else wording.r_multiple(plan.reward_risk, signed=False),
            "after costs",
        ),
        ("Loss at the stop", wording.usd(plan.loss_at_stop), "with all costs"),
        ("Loss with a jump", wording.usd(plan.loss_with_gap), f"{wording.percent(plan.gap)} beyond it"),
        ("Break-even", wording.price(plan.break_even) if plan.break_even > 0 else "–", "after costs"),
        ("Funding", wording.usd(plan.funding_cost), f"{wording.count(plan.funding_payments, 'payment')}"),
        ("Bankruptcy", wording.price(plan.bankruptcy_price), "margin used up"),
        (
            "ROE at the targets",
            wording.percent(plan.return_on_margin, signed=True),
            f"{wording.percent(plan.loss_on_margin, signed=True)} at the stop",
        ),
    )
    with st.grid(4, min_column_width=150, gap="small"):
        for label, value, note in facts:
            st.metric(
                label,
                wording.markdown(value),
                wording.markdown(note) if note else None,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=_MEANS.get(label),
            )
    for flag in plan.flags:
        st.markdown(f":orange[:material/flag:] {wording.markdown(flag)}")


def ladder(plan: Plan, found: Inputs) -> None:
    """The plan's prices on one axis with the clusters and key levels around them, and the checklist beside
    it."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        spec, said = ladder_spec(plan, found.zones, found.levels)
        st.vega_lite_chart(spec=spec, key="ladder", alt=said, width="stretch")
        if outside := said.partition(" in view.")[2].strip():
            st.caption(wording.markdown(outside))
        if found.about:
            st.caption(wording.markdown(found.about))
    with right:
        st.markdown("**Checklist**")
        st.markdown(
            "\n".join(
                f"- :{'green' if check.passed else 'red'}[:material/{'check' if check.passed else 'close'}:]"
                f" {wording.markdown(check.text)}"
                for check in plan.checks
            )
        )
        _suggestions(plan, found)


def _suggestions(plan: Plan, found: Inputs) -> None:
    with st.expander("Where could stop and targets go?", icon=":material/lightbulb:"):
        width = defaults().atr_hour
        stops = suggest_stops(plan.side, plan.entry, width, bands=found.fields["bands"])
        st.markdown("\n".join(f"- {wording.markdown(stop.sentence)}" for stop in stops))
        try:
            targets = suggest_targets(plan.side, plan.entry, plan.stop, levels=found.levels)
            st.markdown("\n".join(f"- {wording.markdown(target.sentence)}" for target in targets))
        except RiskError as problem:
            st.caption(wording.markdown(str(problem)))
        st.caption(
            wording.markdown(
                f"The average true range is that of the sample market, {wording.usd(width)} an hour. These"
                " are places to look at, not advice."
            )
        )


def how_to_read(plan: Plan) -> None:
    """The liquidation price step by step, and what the size rests on, with this plan's own numbers."""
    with st.expander("How to read this", icon=":material/school:", key="help", bind=LINK, on_change="rerun"):
        points = [
            (
                f"**Size** comes from the risk, not from the leverage: {wording.usd(plan.risk_usd)} divided"
                f" by what one BTC loses between {wording.price(plan.entry, exact=True)} and"
                f" {wording.price(plan.stop, exact=True)}, fees and slippage included, rounded down."
            ),
            (
                f"**Leverage** only decides the margin: {plan.leverage:g}× ties up"
                f" {wording.usd(plan.margin)}. It also decides how near liquidation is."
            ),
            (
                "**The gate** rejects a plan whose stop could come too late: it needs room of"
                f" {wording.usd(plan.room_needed or 0)} between stop and liquidation and has"
                f" {wording.usd(plan.room or 0)}."
                if plan.liquidation_price is not None and plan.quantity > 0
                else (
                    "**The gate** was not reached: without a size there is no liquidation price."
                    if plan.quantity <= 0
                    else "**The gate** has nothing to check: this position cannot be liquidated."
                )
            ),
            (
                "**A stop is no guarantee.** Price can jump through it; the loss with a jump shows what that"
                " would cost."
            ),
        ]
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))
        if plan.derivation:
            st.markdown("**The liquidation price, step by step**")
            st.dataframe(
                pd.DataFrame(plan.derivation, columns=["Step", "Value"]),
                hide_index=True,
                width="stretch",
                placeholder=wording.NOTHING,
            )


def notes(found: Inputs) -> None:
    """What of the link or the typed clusters could not be read."""
    for sentence in found.notes:
        st.warning(wording.markdown(sentence), icon=":material/warning:")
