"""From a level to a plan: size the trade, pass it through the gate, and say in words what is wrong with
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import signature
from typing import Any, Final, ParamSpec

import numpy as np

from liqcore import wording
from liqcore.risk import flags, gate
from liqcore.risk.gate import Outcome
from liqcore.risk.plan_data import Fill, Plan, Target
from liqcore.risk.request import Trade, TradeRequest, check_trade, impossibilities
from liqcore.risk.sizing import (
    average_entry,
    break_even,
    daily_budget,
    funding_cost,
    funding_payments,
    net_reward_risk,
    profit,
    risk_per_btc,
    sign,
    split_on_step,
)

P = ParamSpec("P")

_USUAL_CEILING: Final = 125.0


def _asked_by(
    request: Callable[P, TradeRequest],
) -> Callable[[Callable[[TradeRequest], Plan]], Callable[P, Plan]]:
    """Let a function of a request be called with its arguments, which are then written down once."""

    def opened(answer: Callable[[TradeRequest], Plan]) -> Callable[P, Plan]:
        @wraps(answer)
        def asked(*arguments: P.args, **named: P.kwargs) -> Plan:
            return answer(request(*arguments, **named))

        asked.__signature__ = signature(request).replace(return_annotation="Plan")  # type: ignore[attr-defined]
        return asked

    return opened


@_asked_by(TradeRequest)
def plan_trade(asked: TradeRequest) -> Plan:
    """Plan one trade: quantity, margin, liquidation, targets, worst cases, and whether it passes the gate.

    Every number may also be text as people type it (`"$28,000"`, `"1,5"`); see `parse_number`.

    Parameters
    ----------
    side : `long` or `short`
    entry, stop : USD; several entries scale in, `entry_shares` of the quantity each (of the USD, inverse)
    account : USD (of an inverse contract: the BTC in the account at the entry price)
    risk, risk_usd : exactly one: fraction of the account (0.01 is 1 %), or USD, lost at the stop with costs
    fee_rate, exit_fee_rate, slippage : fractions of the value traded; the exit fee defaults to `fee_rate`
    targets, target_shares : USD, and the share of the position to close at each (equal by default)
    maintenance_margin_rate, maintenance_amount : of the bracket; `tiers` replaces both by a dated table
    maintenance_basis : `mark`, or `entry` for venues that take maintenance on the value at entry (KuCoin)
    liquidation_fee_rate : closing fee within the liquidation formula (OKX, Gate: the taker fee)
    step, minimum : quantity step and smallest order, BTC (inverse: USD of contract value); `minimum`
        defaults to one step
    tick : price step in USD; entries, stop and targets are put on it. 0 leaves them as they are
    other_maintenance, other_pnl, other_margin : USD of the other positions in a cross account; what they hold
        back is not there for this one
    added_margin : USD put beside the initial margin of an isolated position
    atr_1m, mark_last_gap : USD; None means unknown, which the plan then flags
    gap : how far price may jump through the stop, as a fraction
    funding_rate, holding_hours : expected funding a `funding_interval_hours`, and how long the trade lasts
    bands : (low, high) of clusters, to warn of a stop or a liquidation price inside one
    open_losses, daily_limit, lost_today : open trades' losses at their stops in USD, limit as a fraction
        of the account, and USD lost today

    Returns
    -------
    Plan, accepted or rejected with reasons.

    Raises
    ------
    RiskError
        An input that is no such number: empty, text, infinite, a fee given as a percentage. Inputs that
        are numbers but make no trade (stop on the wrong side, account of zero) give a rejected plan.
    """
    return _within_the_day(asked, _assemble(check_trade(asked)))


def _within_the_day(asked: TradeRequest, plan: Plan) -> Plan:
    """The plan, rejected where it may lose more than is left of the daily limit."""
    if asked.daily_limit is None or plan.account <= 0:
        return plan
    budget = daily_budget(asked.open_losses, plan.account, asked.daily_limit, lost_today=asked.lost_today)
    if plan.loss_at_stop <= budget.left:
        return plan
    reason = (
        f"This trade may lose {wording.usd(plan.loss_at_stop)}, but only {wording.usd(budget.left)}"
        f" of the daily limit of {wording.usd(budget.limit)} are left: make it smaller or wait"
        " until tomorrow."
    )
    return replace(plan, accepted=False, reasons=(*plan.reasons, reason))


def _assemble(trade: Trade) -> Plan:
    impossible = impossibilities(trade)
    if impossible:
        return _blank(trade, impossible)
    terms = trade.terms
    outcome = gate.evaluate(terms, trade.leverage, trade.stop)
    quantity = float(outcome.quantity)
    highest = gate.highest_leverage(terms, trade.stop, max(trade.leverage, _USUAL_CEILING))
    plan = replace(
        _blank(trade, ()),
        **_numbers(trade, outcome),
        highest_leverage=highest,
        targets=_targets(trade, float(outcome.entry), quantity),
    )
    plan = replace(plan, reward_risk=_reward_risk(trade, plan))
    reasons = (*flags.refusals(terms, trade.stop, trade.leverage, outcome, highest), *flags.bad_targets(plan))
    return replace(
        plan,
        accepted=not reasons,
        reasons=reasons,
        flags=(
            flags.red_flags(
                plan,
                bands=trade.bands,
                atr_1m=terms.atr_1m,
                room_known=trade.room_known,
                capped=bool(outcome.capped),
            )
            if quantity > 0
            else ()
        ),
    )


def _blank(trade: Trade, reasons: tuple[str, ...]) -> Plan:
    """A rejected plan with its inputs and nothing computed."""
    terms = trade.terms
    return Plan(
        accepted=False,
        reasons=reasons,
        flags=(),
        side=terms.side,
        contract=terms.contract,
        margin_mode=terms.margin_mode,
        entry=average_entry(terms.entries, terms.weights, terms.contract),
        stop=trade.stop,
        account=terms.account,
        risk_usd=terms.risk_usd,
        leverage=trade.leverage,
        fee_rate=terms.fee_in,
        exit_fee_rate=terms.fee_out,
        slippage=terms.slippage,
        gap=trade.gap,
        step=terms.step,
        quantity=0.0,
        notional=0.0,
        margin=0.0,
        margin_balance=0.0,
        liquidation_fee_rate=terms.liquidation_fee,
        maintenance_margin_rate=terms.maintenance_margin_rate,
        maintenance_amount=terms.maintenance_amount,
        liquidation_price=None,
        room=None,
        room_needed=None,
        highest_leverage=None,
        loss_at_stop=0.0,
        loss_with_gap=0.0,
        break_even=0.0,
        funding_cost=0.0,
        holding_hours=trade.holding_hours,
        reward_risk=None,
        entries=(),
        targets=(),
        derivation=(),
        venue=terms.tiers.venue if terms.tiers else None,
        tiers_as_of=terms.tiers.as_of if terms.tiers else None,
        maintenance_basis=terms.maintenance_basis,
    )


def _numbers(trade: Trade, outcome: Outcome) -> dict[str, Any]:
    """The computed fields of a plan."""
    terms = trade.terms
    entry, quantity, notional = float(outcome.entry), float(outcome.quantity), float(outcome.notional)
    funding = funding_cost(
        terms.side, notional, trade.funding_rate, trade.holding_hours, trade.funding_interval
    )
    per_btc = funding_cost(terms.side, entry, trade.funding_rate, trade.holding_hours, trade.funding_interval)
    size = outcome.legs if terms.contract == "linear" else outcome.legs / np.array(terms.entries)
    liquidation, held = (
        float(outcome.liquidation),
        quantity > 0 and bool(np.isfinite(outcome.worst_liquidation)),
    )
    return {
        "entry": entry,
        "quantity": quantity,
        "notional": notional,
        "margin": float(outcome.margin),
        "margin_balance": gate.backing(terms, outcome, trade.leverage),
        "maintenance_margin_rate": float(outcome.rate),
        "maintenance_amount": float(outcome.amount),
        "liquidation_price": liquidation if np.isfinite(liquidation) else None,
        "room": float(outcome.room) if held else None,
        "room_needed": float(outcome.needed) if held else None,
        "loss_at_stop": float(outcome.loss),
        "loss_with_gap": _loss_with_gap(trade, outcome),
        "break_even": break_even(
            terms.side,
            entry,
            fee_in=terms.fee_in,
            fee_out=terms.fee_out,
            funding_per_btc=per_btc,
            contract=terms.contract,
        ),
        "funding_cost": funding,
        "funding_payments": funding_payments(
            trade.holding_hours, trade.funding_interval, pays=sign(terms.side) * trade.funding_rate > 0
        ),
        "derivation": gate.derivation(terms, outcome, trade.leverage) if quantity > 0 else (),
        "entries": tuple(Fill(price, float(part)) for price, part in zip(terms.entries, size, strict=True)),
    }


def _loss_with_gap(trade: Trade, outcome: Outcome) -> float:
    """USD lost when the stop is filled `gap` beyond its price.

    Beyond the liquidation price it is the whole margin and the entry fee (isolated) or the whole account
    (cross).
    """
    terms, s = trade.terms, sign(trade.terms.side)
    entry, fill = float(outcome.entry), trade.stop * (1 - s * trade.gap)
    lost = float(outcome.quantity) * float(
        risk_per_btc(
            terms.side,
            entry,
            fill,
            fee_in=terms.fee_in,
            fee_out=terms.fee_out,
            slippage=terms.slippage,
            contract=terms.contract,
        )
    )
    everything = (
        terms.account
        if terms.margin_mode == "cross"
        else float(outcome.margin) + terms.added_margin + float(outcome.notional) * max(terms.fee_in, 0.0)
    )
    liquidated = s * (fill - float(outcome.liquidation)) <= 0
    # Never less than at the stop itself, whose costs may reach beyond the margin.
    return max(everything if liquidated else min(lost, everything), float(outcome.loss))


def _targets(trade: Trade, entry: float, quantity: float) -> tuple[Target, ...]:
    """Exits with the position split on the step, parts as equal as it allows."""
    if not trade.target_prices:
        return ()
    terms = trade.terms
    prices, shares = np.array(trade.target_prices), np.array(trade.target_shares)
    unit = entry if terms.contract == "inverse" else 1.0
    held = split_on_step(quantity * unit, shares, terms.step) / unit
    net = net_reward_risk(
        terms.side,
        entry,
        trade.stop,
        prices,
        fee_in=terms.fee_in,
        fee_out=terms.fee_out,
        slippage=terms.slippage,
        contract=terms.contract,
    )
    per_btc = (
        profit(terms.side, entry, prices, 1.0, terms.contract)
        - entry * terms.fee_in
        - (entry**2 / prices if terms.contract == "inverse" else prices) * terms.fee_out
    )
    return tuple(
        Target(float(p), float(w), float(q), float(r), float(q * g))
        for p, w, q, r, g in zip(prices, shares, held, net, per_btc, strict=True)
    )


def _reward_risk(trade: Trade, plan: Plan) -> float | None:
    if not plan.targets:
        return None
    if plan.loss_at_stop > 0:
        return sum(item.gain for item in plan.targets) / plan.loss_at_stop
    return sum(item.share * item.reward_risk for item in plan.targets)
