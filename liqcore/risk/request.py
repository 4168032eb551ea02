"""A trade as it was asked for, checked: every number in its unit, or one sentence on what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final

import numpy as np

from liqcore import wording
from liqcore.margins import TierTable
from liqcore.risk.gate import Basis, Terms
from liqcore.risk.levels import Band, merge_bands
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.sizing import check_contract, sign, stop_problem, to_tick

MARGIN_MODES: Final = ("isolated", "cross")
BASES: Final = ("mark", "entry")
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
    maintenance_basis: str = "mark"
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
        maintenance_basis=_basis(asked),
        **rest,
    )


def _basis(asked: TradeRequest) -> Basis:
    if asked.maintenance_basis not in BASES:
        raise RiskError(
            f"Maintenance is taken on the mark or on the entry value, not on {asked.maintenance_basis!r}."
        )
    if asked.tiers is not None and asked.maintenance_basis != "mark":
        raise RiskError("A tier table takes maintenance on the mark value. Give a rate of your own instead.")
    return "entry" if asked.maintenance_basis == "entry" else "mark"


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
    number = float(to_tick(parse_number(value, name), tick))
    if not _LOWEST_PRICE <= number <= _HIGHEST_PRICE:
        why = "above zero" if number < _LOWEST_PRICE else "that a market could have"
        raise RiskError(f"{name} is {wording.field(number)} USD. Give a price {why}, such as 60000.")
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
