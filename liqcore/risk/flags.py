"""Why a plan is refused, and what is worrying about one that passes: each one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from liqcore import wording
from liqcore.distances import away
from liqcore.risk import gate
from liqcore.risk.gate import Outcome, Terms
from liqcore.risk.levels import Band, band_at, merge_bands
from liqcore.risk.plan_data import GAP_SHARE, Plan
from liqcore.risk.sizing import sign

_MUCH_RISK: Final = 0.02
_MUCH_COST: Final = 0.25
_NEAR_LIQUIDATION: Final = 0.02
_BIG_MARGIN: Final = 0.5
_UNUSED_RISK: Final = 0.8
# A target this many times above or below the entry is a slip of the keyboard; one this far away is a hope.
_FARTHEST: Final = 5.0
_FAR: Final = 0.5


def refusals(
    terms: Terms, stop: float, leverage: float, outcome: Outcome, highest: int | None
) -> tuple[str, ...]:
    """The sentence for the gate's code, none when it passes."""
    out: list[str] = []
    code = int(outcome.code)
    if code == gate.TOO_SMALL:
        out.append(_too_small(terms, stop, outcome))
    elif code == gate.OVER_TIER:
        out.append(_over_tier(terms, leverage, outcome, highest))
    elif code in (gate.UNDERWATER, gate.LIQUIDATED_FIRST, gate.TOO_NEAR):
        out.append(_too_near(terms, stop, leverage, outcome, highest))
    elif code == gate.TOO_LARGE:
        out.append(
            f"A position of {wording.quantity(float(outcome.quantity))} is larger than any venue carries"
            f" (about {wording.quantity(gate.LARGEST_BTC)}): check the account, the risk and the stop for a"
            " typing error."
        )
    return tuple(out)


def _too_small(terms: Terms, stop: float, outcome: Outcome) -> str:
    unit = "USD of contracts" if terms.contract == "inverse" else "BTC"
    smallest = f"{max(terms.minimum, terms.step):g} {unit}"
    if terms.minimum_notional > 0:
        smallest += f" and {wording.usd(terms.minimum_notional)}"
    part = " in each part" if len(terms.entries) > 1 else ""
    if bool(outcome.capped):
        return (
            f"The account of {wording.usd(terms.account)} is too small for the smallest order of"
            f" {smallest}{part} at this leverage: fund it or trade where orders may be smaller."
        )
    return (
        f"With {wording.usd(terms.risk_usd)} at risk the position would be below the smallest order of"
        f" {smallest}{part}: risk more, move the stop closer or trade where orders may be smaller."
    )


def _over_tier(terms: Terms, leverage: float, outcome: Outcome, highest: int | None) -> str:
    most = float(gate.tier_leverage(terms, outcome.quantity, outcome.notional))
    if most <= 0:
        return (
            f"A position of {wording.usd(float(outcome.notional))} is above the largest that the venue's"
            " tiers allow: risk less or split it over venues."
        )
    advice = "risk less" if highest is None else f"the highest leverage that passes is {highest}×"
    return (
        f"For a position of {wording.usd(float(outcome.notional))} the venue allows at most {most:g}×, not"
        f" {leverage:g}×: {advice}."
    )


def _too_near(terms: Terms, stop: float, leverage: float, outcome: Outcome, highest: int | None) -> str:
    worst = wording.price(float(outcome.worst_liquidation), exact=True)
    first = (
        " of the first fill alone" if float(outcome.worst_liquidation) != float(outcome.liquidation) else ""
    )
    if int(outcome.code) == gate.UNDERWATER:
        fact = f"At {leverage:g}× the position would be liquidated at once (liquidation price{first} {worst})"
    elif int(outcome.code) == gate.LIQUIDATED_FIRST:
        fact = (
            f"At {leverage:g}× liquidation{first} at {worst} comes before the stop at"
            f" {wording.price(stop, exact=True)}"
        )
    else:
        fact = (
            f"At {leverage:g}× the stop at {wording.price(stop, exact=True)} fires only"
            f" {wording.usd(float(outcome.room))} before liquidation{first} at {worst}, and"
            f" {wording.usd(float(outcome.needed))} are needed"
        )
    if highest is None:
        return f"{fact}; no leverage would pass: move the stop closer to the entry or risk less."
    return f"{fact}; the highest leverage that passes is {highest}×."


def bad_targets(plan: Plan) -> tuple[str, ...]:
    """Targets on the losing side of the entry, and those so far away that a digit is wrong."""
    s = sign(plan.side)
    where = "below" if s > 0 else "above"
    return (
        tuple(
            f"The target {wording.price(item.price, exact=True)} is {where} the entry"
            f" {wording.price(plan.entry, exact=True)}, where a {plan.side} loses: move it to the other side."
            for item in plan.targets
            if s * (item.price - plan.entry) <= 0
        )[:1]
        or tuple(
            f"The target {wording.price(item.price, exact=True)} is"
            f" {wording.percent(abs(away(plan.entry, item.price)))} away from the entry"
            f" {wording.price(plan.entry, exact=True)}: check that no digit or semicolon is missing."
            for item in plan.targets
            if not plan.entry / _FARTHEST < item.price < plan.entry * _FARTHEST
        )[:1]
    )


def red_flags(
    plan: Plan,
    *,
    bands: Iterable[Band] = (),
    atr_1m: float = 0.0,
    room_known: bool = True,
    capped: bool = False,
) -> tuple[str, ...]:
    """What is worrying about a plan, in words; the order is from the account down to the details."""
    return tuple(
        flag
        for flag in (
            *_size_flags(plan, capped),
            *_liquidation_flags(plan, room_known),
            *_stop_flags(plan, merge_bands(bands), atr_1m),
            *_target_flags(plan),
        )
        if flag
    )


def _size_flags(plan: Plan, capped: bool) -> Iterable[str]:
    if plan.risk_fraction > _MUCH_RISK:
        lost = 1 - (1 - plan.risk_fraction) ** 10
        yield (
            f"{wording.percent(plan.risk_fraction)} of the account on one trade is much: ten losses in a row"
            f" would take {wording.percent(lost)} of it."
        )
    if capped:
        yield (
            f"The account limits the size, not the risk: at {plan.leverage:g}× the stop loses only"
            f" {wording.usd(plan.loss_at_stop)} of the {wording.usd(plan.risk_usd)} allowed."
        )
    elif plan.loss_at_stop < _UNUSED_RISK * plan.risk_usd:
        yield (
            f"Rounding down to the smallest step leaves the loss at {wording.usd(plan.loss_at_stop)} of the"
            f" {wording.usd(plan.risk_usd)} allowed."
        )
    if plan.margin_mode == "isolated" and plan.margin > _BIG_MARGIN * plan.account:
        yield f"The margin ties up {wording.percent(plan.margin / plan.account)} of the account."


def _liquidation_flags(plan: Plan, room_known: bool) -> Iterable[str]:
    if plan.liquidation_price is not None:
        distance = abs(away(plan.entry, plan.liquidation_price))
        if distance < _NEAR_LIQUIDATION:
            yield (
                f"Liquidation is only {wording.percent(distance)} away from the entry: one fast candle"
                " reaches it."
            )
    if plan.margin_mode == "cross":
        yield (
            "Cross margin puts the whole account behind this position: a stop that fails can cost all of it."
        )
    if not room_known:
        yield (
            "The one-minute ATR or the gap between mark and last price was not given, so the room before"
            " liquidation was checked against distance alone."
        )
    if plan.tiers_as_of:
        day = plan.tiers_as_of
        when = f"on {day}" if day[:1].isdigit() else f"as its {day} pages tell them"
        yield (
            f"The maintenance brackets are those of {plan.venue} {when}: compare them with the venue's"
            " present ones."
        )
    if plan.loss_with_gap > GAP_SHARE * plan.account:
        yield (
            f"A jump of {wording.percent(plan.gap)} through the stop would lose"
            f" {wording.usd(plan.loss_with_gap)}, {wording.percent(plan.loss_with_gap / plan.account)} of the"
            " account."
        )


def _stop_flags(plan: Plan, bands: tuple[Band, ...], atr_1m: float) -> Iterable[str]:
    distance = abs(plan.entry - plan.stop)
    costs = 1 - plan.quantity * distance / plan.loss_at_stop
    if costs > _MUCH_COST:
        yield (
            f"Fees and slippage are {wording.percent(costs)} of the loss at the stop: the stop is very close"
            " for these costs."
        )
    if 0 < distance < 2 * atr_1m:
        yield (
            f"The stop is {wording.decimal(distance / atr_1m, 1)} one-minute ATR away: ordinary noise reaches"
            " it within minutes."
        )
    held = band_at(plan.stop, bands)
    if held:
        yield (
            f"The stop lies inside the cluster {wording.price(held[0], exact=True)} to"
            f" {wording.price(held[1], exact=True)}, where a cascade would fill it at a bad price: put it"
            " beyond the cluster."
        )
    held = band_at(plan.liquidation_price, bands) if plan.liquidation_price is not None else None
    if held:
        yield (
            f"The liquidation price lies inside the cluster {wording.price(held[0], exact=True)} to"
            f" {wording.price(held[1], exact=True)}, among those who would be liquidated together."
        )


def _target_flags(plan: Plan) -> Iterable[str]:
    if plan.reward_risk is None:
        yield "There is no target, so nothing says whether the risk is worth taking."
    elif plan.reward_risk <= 0:
        yield "After costs the targets gain nothing."
    elif plan.reward_risk < 1:
        yield (
            f"After costs the targets pay {wording.r_multiple(plan.reward_risk, signed=False)}: more than"
            f" {wording.percent(1 / (1 + plan.reward_risk))} of such trades must win to gain anything."
        )
    far = [item.price for item in plan.targets if abs(away(plan.entry, item.price)) > _FAR]
    if far:
        yield (
            f"The target {wording.price(far[-1], exact=True)} is"
            f" {wording.percent(abs(away(plan.entry, far[-1])))} away from the entry: read it once more."
        )
    if plan.targets and min(item.quantity for item in plan.targets) <= 0:
        yield "The position is too small to be split over all targets: some would close nothing."
    if plan.funding_cost > 0.1 * plan.loss_at_stop:
        yield (
            f"Funding over {plan.holding_hours:g} hours is expected to cost {wording.usd(plan.funding_cost)},"
            f" {wording.percent(plan.funding_cost / plan.loss_at_stop)} of the loss at the stop."
        )
