"""From a level to a plan: size the trade, pass it through the gate, and say in words what is wrong with
it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, Final, ParamSpec

import numpy as np

from liqcore import wording
from liqcore.margins import TierTable
from liqcore.risk import flags, gate
from liqcore.risk.gate import Outcome, Terms
from liqcore.risk.levels import Band, merge_bands
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.plan_data import Fill, Plan, Target
from liqcore.risk.sizing import (
    average_entry,
    break_even,
    check_contract,
    daily_budget,
    funding_cost,
    net_reward_risk,
    profit,
    risk_per_btc,
    sign,
    split_on_step,
    stop_problem,
    to_tick,
)

P = ParamSpec("P")

MARGIN_MODES: Final = ("isolated", "cross")
_USUAL_CEILING: Final = 125.0
_LARGEST: Final = 1e15
_LOWEST_PRICE, _HIGHEST_PRICE = 0.01, 1e9


@dataclass(frozen=True)
class TradeRequest:
    """One trade as it was asked for; every number may also be text as people type it."""

    side: str
    entry: float | str | Sequence[float]
    stop: float | str
    account: float | str
    _: KW_ONLY
    risk: float | str | None = None
    risk_usd: float | str | None = None
    leverage: float | str = 1.0
    fee_rate: float = 0.0
    exit_fee_rate: float | None = None
    slippage: float = 0.0
    targets: Sequence[float] = ()
    target_shares: Sequence[float] | None = None
    entry_shares: Sequence[float] | None = None
    maintenance_margin_rate: float = 0.005
    maintenance_amount: float = 0.0
    tiers: TierTable | None = None
    liquidation_fee_rate: float = 0.0
    step: float = 0.001
    minimum: float | None = None
    minimum_notional: float = 0.0
    contract: str = "linear"
    margin_mode: str = "isolated"
    other_maintenance: float = 0.0
    other_pnl: float = 0.0
    other_margin: float = 0.0
    added_margin: float = 0.0
    tick: float = 0.0
    atr_1m: float | None = None
    mark_last_gap: float | None = None
    gap: float = 0.02
    funding_rate: float = 0.0
    holding_hours: float = 0.0
    funding_interval_hours: float = 8.0
    bands: Iterable[Band] = ()
    open_losses: Iterable[float] = ()
    daily_limit: float | None = None
    lost_today: float = 0.0


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


@dataclass(frozen=True)
class Trade:
    """The checked inputs of one plan."""

    terms: Terms
    stop: float
    leverage: float
    gap: float
    target_prices: tuple[float, ...]
    target_shares: tuple[float, ...]
    funding_rate: float
    holding_hours: float
    funding_interval: float
    bands: tuple[Band, ...]
    room_known: bool


def check_trade(asked: TradeRequest) -> Trade:
    """What was asked as checked numbers; raises `RiskError`."""
    fee_out, smallest = asked.exit_fee_rate, asked.minimum
    unknown = (asked.atr_1m is None, asked.mark_last_gap is None)
    tick = _at_least_zero(asked.tick, "The tick")
    targets = tuple(_price(price, "The target", tick) for price in _several(asked.targets))
    terms = _terms(
        asked,
        tick,
        fee_in=_rate(asked.fee_rate, "The fee rate"),
        fee_out=_rate(asked.fee_rate if fee_out is None else fee_out, "The exit fee rate"),
        slippage=_rate(asked.slippage, "The slippage", 0.0),
        step=_step(asked.step),
        minimum=_at_least_zero(asked.step if smallest is None else smallest, "The minimum quantity"),
        minimum_notional=_at_least_zero(asked.minimum_notional, "The minimum notional"),
        maintenance_margin_rate=_share(asked.maintenance_margin_rate, "The maintenance margin rate", 0.5),
        maintenance_amount=_at_least_zero(asked.maintenance_amount, "The maintenance amount"),
        tiers=asked.tiers,
        liquidation_fee=_rate(asked.liquidation_fee_rate, "The liquidation fee rate", 0.0),
        other_maintenance=_at_least_zero(asked.other_maintenance, "The other maintenance margin"),
        other_pnl=_number(asked.other_pnl, "The other profit and loss"),
        other_margin=_at_least_zero(asked.other_margin, "The margin of other positions"),
        added_margin=_at_least_zero(asked.added_margin, "The added margin"),
        atr_1m=0.0 if unknown[0] else _at_least_zero(asked.atr_1m, "The one-minute ATR"),
        mark_last_gap=0.0 if unknown[1] else _at_least_zero(asked.mark_last_gap, "The mark-last gap"),
    )
    return Trade(
        terms=terms,
        stop=_price(asked.stop, "The stop", tick),
        leverage=_leverage(asked.leverage),
        gap=_share(asked.gap, "The gap through the stop"),
        target_prices=targets,
        target_shares=_shares(asked.target_shares, len(targets), "target"),
        funding_rate=_rate(asked.funding_rate, "The funding rate", -0.1),
        holding_hours=_at_least_zero(asked.holding_hours, "The holding time"),
        funding_interval=_interval(asked.funding_interval_hours),
        bands=merge_bands(asked.bands),
        room_known=not any(unknown),
    )


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


def impossibilities(trade: Trade) -> tuple[str, ...]:
    """What makes computing pointless, one sentence each."""
    terms, out = trade.terms, []
    if terms.account <= 0:
        out.append(
            f"The account is {wording.usd(terms.account)}, so there is nothing to risk: type the USD that you"
            " trade with."
        )
    elif terms.risk_usd <= 0:
        out.append(
            f"The risk is {wording.usd(terms.risk_usd)}, so no position can be sized: choose a small risk"
            " such as 1 %."
        )
    elif terms.risk_usd >= terms.account:
        out.append(
            f"The risk of {wording.usd(terms.risk_usd)} is the whole account of {wording.usd(terms.account)}"
            " or more: choose a small share such as 1 %."
        )
    elif terms.margin_mode == "cross" and terms.spendable <= 0:
        out.append(
            "The other positions of this cross account already use up all of it, so nothing is free for one"
            " more: close some of them first."
        )
    elif terms.spendable <= 0:
        out.append(
            f"The added margin of {wording.usd(terms.added_margin)} is the whole account of"
            f" {wording.usd(terms.account)} or more: add less."
        )
    stops = (stop_problem(terms.side, price, trade.stop) for price in terms.entries)
    return (*out, *[problem for problem in stops if problem][:1])


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


def _terms(asked: TradeRequest, tick: float, **rest: Any) -> Terms:
    sign(asked.side)
    check_contract(asked.contract)
    if asked.margin_mode not in MARGIN_MODES:
        raise RiskError(
            f"{asked.margin_mode!r} is not a margin mode. Choose isolated (only this position's margin) or"
            " cross (the whole account)."
        )
    tiers = asked.tiers
    if tiers is not None and tiers.contract != asked.contract:
        raise RiskError(
            f"The tier table of {tiers.venue} {tiers.symbol} is for {tiers.contract} contracts, not"
            f" {asked.contract} ones. Choose the matching one."
        )
    prices = _several(asked.entry)
    if not 1 <= len(prices) <= 20:
        raise RiskError("Give 1 to 20 entries.")
    account = _number(asked.account, "The account")
    return Terms(
        side=str(asked.side).strip().lower(),
        entries=tuple(_price(price, "The entry", tick) for price in prices),
        weights=_shares(asked.entry_shares, len(prices), "entry"),
        account=account,
        risk_usd=_allowed(account, asked.risk, asked.risk_usd),
        contract=asked.contract,
        margin_mode=asked.margin_mode,
        **rest,
    )


def _allowed(account: float, risk: object, risk_usd: object) -> float:
    """USD that may be lost, from exactly one of the two ways to say it."""
    if (risk is None) == (risk_usd is None):
        raise RiskError(
            "Say how much to risk in one way: risk as a fraction of the account (1 % is 0.01) or risk_usd as"
            " an amount."
        )
    if risk_usd is not None:
        return _number(risk_usd, "The risk in USD")
    fraction = parse_number(risk, "The risk")
    if fraction >= 1:
        raise RiskError(f"A risk of {fraction:g} is not a fraction of the account. Write 1 % as 0.01.")
    return account * fraction


def _shares(shares: Sequence[float] | None, count: int, name: str) -> tuple[float, ...]:
    """Shares that add up to 1; equal ones by default."""
    if shares is None:
        return (1.0 / count,) * count if count else ()
    held = tuple(_at_least_zero(share, f"The share of a {name}") for share in shares)
    if len(held) != count:
        raise RiskError(f"There are {count} {name} prices but {len(held)} shares. Give one share a price.")
    if count and (abs(sum(held) - 1) > 1e-6 or min(held) == 0):
        raise RiskError(
            f"The {name} shares add up to {sum(held):g}. Make each above zero and all together 1, like 0.5"
            " and 0.5."
        )
    return held


def _leverage(value: object) -> float:
    number = parse_number(value, "The leverage")
    if not 1 <= number <= 1000:
        raise RiskError(
            f"A leverage of {number:g} is not possible. Use 1 to the venue's highest; for less than 1×, trade"
            " a smaller quantity."
        )
    return number


def _rate(value: object, name: str, lowest: float = -0.001) -> float:
    number = parse_number(value, name)
    if not lowest <= number <= 0.1:
        raise RiskError(
            f"{name} is {number:g}, which is {wording.percent(number)}. Give a fraction: 0.05 % is 0.0005."
        )
    return number


def _share(value: object, name: str, most: float = 0.99) -> float:
    number = parse_number(value, name)
    if not 0 <= number <= most:
        raise RiskError(f"{name} is {number:g}. Give a fraction from 0 to {most:g}: 0.5 % is 0.005.")
    return number


def _number(value: object, name: str) -> float:
    number = parse_number(value, name)
    if abs(number) > _LARGEST:
        raise RiskError(f"{name} is {number:g}, larger than any real amount. Check it for a typing error.")
    return number


def _at_least_zero(value: object, name: str) -> float:
    number = _number(value, name)
    if number < 0:
        raise RiskError(f"{name} is {number:g}; it cannot be below zero.")
    return number


def _price(value: object, name: str, tick: float = 0.0) -> float:
    number = to_tick(parse_number(value, name), tick)
    if not _LOWEST_PRICE <= number <= _HIGHEST_PRICE:
        raise RiskError(f"{name} is {wording.field(number)} USD. Give a price above zero, such as 60000.")
    return number


def _step(value: object) -> float:
    number = _at_least_zero(value, "The step")
    if 0 < number < 1e-12:
        raise RiskError(
            f"The step is {number:g}. Use the venue's smallest quantity, such as 0.001, or 0 for none."
        )
    return number


def _interval(value: object) -> float:
    number = parse_number(value, "The funding interval")
    if not 1 / 60 <= number <= 10_000:
        raise RiskError(f"The funding interval is {number:g} hours. Most venues use 8.")
    return number


def _several(values: Any) -> list[Any]:
    return [values] if isinstance(values, str) or np.ndim(values) == 0 else list(values)
