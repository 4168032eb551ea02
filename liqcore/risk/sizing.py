"""From money at risk to a quantity: costs, rounding, break-even, funding, Kelly and a daily budget.

Signs: s is +1 for a long and -1 for a short. Quantities are BTC, money is USD. A `linear` contract is
margined and settled in USD. An `inverse` one is margined and settled in BTC; its losses are valued at the
entry price, so that a risk of 1 % costs exactly 1 % of the BTC in the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liqcore import wording
from liqcore.risk.numbers import RiskError, parse_number

Side = Literal["long", "short"]
Contract = Literal["linear", "inverse"]
SIGN: Final = {"long": 1.0, "short": -1.0}
CONTRACTS: Final = ("linear", "inverse")
Floats = NDArray[np.float64]


def sign(side: object) -> float:
    """+1 for `long`, -1 for `short`; anything else raises `RiskError`."""
    found = SIGN.get(str(side).strip().lower())
    if found is None:
        raise RiskError(f"{side!r} is not a direction. Choose long (gains when price rises) or short.")
    return found


def check_contract(contract: object) -> None:
    """Raise `RiskError` unless `contract` is `linear` or `inverse`."""
    if contract not in CONTRACTS:
        raise RiskError(
            f"{contract!r} is not a kind of contract. Choose linear (settled in USD) or inverse (settled in"
            " BTC)."
        )


def risk_per_btc(
    side: str,
    entry: ArrayLike,
    stop: ArrayLike,
    *,
    fee_in: ArrayLike = 0.0,
    fee_out: ArrayLike = 0.0,
    slippage: ArrayLike = 0.0,
    contract: str = "linear",
) -> Floats:
    """USD lost for each BTC of position when the stop is filled, costs included.

    Linear: `|E − S| + E·fee_in + S·(fee_out + slippage)`. Inverse, valued at the entry price:
    `E·(|E − S|/S + fee_in + E/S·(fee_out + slippage))`, because the quantity shrinks in BTC as price
    rises. Both agree as S approaches E. Costs below zero (rebates) count as none. Arrays broadcast; prices in
    USD, rates are fractions. Source: the position-size identity risk = quantity × loss per unit, with fees on
    each fill's value.
    """
    sign(side)
    check_contract(contract)
    e, s = np.asarray(entry, dtype=float), np.asarray(stop, dtype=float)
    cost_in, cost_out = (
        np.asarray(fee_in, dtype=float),
        np.asarray(fee_out, dtype=float) + np.asarray(slippage, dtype=float),
    )
    if contract == "linear":
        return np.asarray(np.abs(e - s) + np.maximum(e * cost_in + s * cost_out, 0.0))
    return np.asarray(e * (np.abs(e - s) / s + np.maximum(cost_in + e / s * cost_out, 0.0)))


def round_down(quantity: ArrayLike, step: float) -> Floats:
    """The largest multiples of `step` that are not above `quantity`; a step of 0 rounds nothing.

    A quantity that floating point left a hair (1e-9 steps) below a multiple counts as that multiple; use
    `size_within` where the result may on no account exceed a limit.
    """
    quantity = np.asarray(quantity, dtype=float)
    if step <= 0:
        return quantity
    return _multiple(_whole_steps(quantity / step), step)


def split_on_step(quantity: float, shares: ArrayLike, step: float) -> Floats:
    """`quantity` cut into parts on the step that add up to it, each within one step of its share.

    Every part is rounded down, and the steps left over go one each to the parts that lost most by it; what
    is no whole step stays with the last. Equal shares thus differ by at most one step. (The method of the
    largest remainder, Hamilton.)
    """
    part = np.asarray(shares, dtype=float)
    part = part / part.sum()
    if step <= 0:
        return quantity * part
    wanted = quantity * part / step
    count = _whole_steps(wanted)
    spare = int(_whole_steps(np.asarray(quantity / step)) - count.sum())
    count[np.argsort(count - wanted, kind="stable")[: max(spare, 0)]] += 1
    return _multiple(count, step)


def to_tick(price: ArrayLike, tick: float) -> Floats:
    """The prices on the venue's grid that are nearest; a tick of 0 rounds nothing."""
    price = np.asarray(price, dtype=float)
    return _multiple(np.floor(price / tick + 0.5), tick) if tick > 0 else price


def _whole_steps(ratio: Floats) -> Floats:
    """Whole steps in a ratio that division left a hair below one of them: 1e-9, or the last few bits."""
    return np.asarray(np.floor(ratio + np.maximum(1e-9, 8 * np.finfo(float).eps * np.abs(ratio))))


def _multiple(count: Floats, step: float) -> Floats:
    """`count · step` without the tail of binary fractions (0.30000000000000004), whatever the step."""
    over, under = Decimal(repr(float(step))).as_integer_ratio()
    # Both whole: where their product fits into a float, one correctly rounded division is all there is.
    return np.asarray(count * float(over) / float(under))


def size_within(limit_usd: ArrayLike, usd_per_btc: ArrayLike, step: float) -> Floats:
    """The largest quantity on the step whose `quantity · usd_per_btc` does not exceed `limit_usd`.

    An exact multiple counts as within even where binary fractions put the product a last digit above.
    """
    limit, unit = np.asarray(limit_usd, dtype=float), np.asarray(usd_per_btc, dtype=float)
    raw = np.maximum(limit, 0.0) / unit
    if step <= 0:
        return np.asarray(np.where(raw * unit > limit, raw * (1 - 4e-16), raw))
    count = _whole_steps(raw / step)
    count = count - (_multiple(count, step) * unit > limit * (1 + 1e-12))
    return _multiple(np.maximum(count, 0.0), step)


def size_position(
    side: str,
    entry: float,
    stop: float,
    risk_usd: float,
    *,
    fee_in: float = 0.0,
    fee_out: float = 0.0,
    slippage: float = 0.0,
    step: float = 0.0,
    contract: str = "linear",
) -> float:
    """BTC that lose at most `risk_usd` at the stop, costs included, rounded down to `step`.

    `risk / (|E − S| + E·fee_in + S·(fee_out + slippage))`; 100 USD, 60,000, 59,400, 5 bp and 2 bp of
    slippage give 0.148903 BTC. For an inverse contract the step is in USD of contract value.

    Raises
    ------
    RiskError
        Entry equal to stop, or a stop on the wrong side of the entry.
    """
    problem = stop_problem(side, entry, stop)
    if problem:
        raise RiskError(problem)
    unit = risk_per_btc(
        side, entry, stop, fee_in=fee_in, fee_out=fee_out, slippage=slippage, contract=contract
    )
    if contract == "inverse":
        return float(size_within(risk_usd, unit / entry, step)) / entry
    return float(size_within(risk_usd, unit, step))


def stop_problem(side: str, entry: float, stop: float) -> str | None:
    """Why this stop cannot work for this side, as a sentence, or None."""
    s = sign(side)
    if entry == stop:
        return (
            f"Entry and stop are both {wording.price(entry, exact=True)}, so there is no distance to size the"
            " position by: move the stop away from the entry."
        )
    if s * (entry - stop) < 0:
        where, move = ("above", "below") if s > 0 else ("below", "above")
        return (
            f"The stop {wording.price(stop, exact=True)} is {where} the entry"
            f" {wording.price(entry, exact=True)}, but a {side} is stopped {move} its entry: move the stop"
            f" {move} {wording.price(entry, exact=True)} or turn the direction."
        )
    return None


def average_entry(prices: Sequence[float], weights: Sequence[float], contract: str = "linear") -> float:
    """The entry price of several fills; weights are shares of the quantity (linear) or of the USD
    (inverse)."""
    p, w = np.asarray(prices, dtype=float), np.asarray(weights, dtype=float)
    w = w / w.sum()
    return float(1.0 / (w / p).sum()) if contract == "inverse" else float((w * p).sum())


def profit(
    side: str, entry: ArrayLike, price: ArrayLike, quantity: ArrayLike, contract: str = "linear"
) -> Floats:
    """USD gained by `quantity` BTC between entry and price, before costs; inverse valued at the entry
    price."""
    e, p = np.asarray(entry, dtype=float), np.asarray(price, dtype=float)
    moved = sign(side) * (p - e) * np.asarray(quantity, dtype=float)
    return np.asarray(moved * e / p if contract == "inverse" else moved)


def net_reward_risk(
    side: str,
    entry: float,
    stop: float,
    exits: ArrayLike,
    *,
    fee_in: float = 0.0,
    fee_out: float = 0.0,
    slippage: float = 0.0,
    contract: str = "linear",
) -> Floats:
    """R of each exit after costs: net gain per BTC over net loss per BTC at the stop.

    Targets are limit orders, so they pay the fee but no slippage; the stop pays both.
    """
    x = np.asarray(exits, dtype=float)
    fees = entry * fee_in + (entry * entry / x if contract == "inverse" else x) * fee_out
    gain = profit(side, entry, x, 1.0, contract) - fees
    return np.asarray(
        gain
        / risk_per_btc(
            side, entry, stop, fee_in=fee_in, fee_out=fee_out, slippage=slippage, contract=contract
        )
    )


def break_even(
    side: str,
    entry: float,
    *,
    fee_in: float = 0.0,
    fee_out: float = 0.0,
    funding_per_btc: float = 0.0,
    contract: str = "linear",
) -> float:
    """The price at which fees and funding are paid for and the trade nets zero.

    Linear: `(s·E + E·fee_in + F) / (s − fee_out)`, from `s·(X − E) = E·fee_in + X·fee_out + F`. Inverse:
    `(s + fee_out) / ((s − fee_in)/E − F/E²)`. F is `funding_per_btc`, USD at the entry price.
    """
    s = sign(side)
    check_contract(contract)
    if contract == "linear":
        return (s * entry + entry * fee_in + funding_per_btc) / (s - fee_out)
    return (s + fee_out) / ((s - fee_in) / entry - funding_per_btc / entry**2)


def funding_cost(
    side: str, notional: float, rate: float, holding_hours: float, interval_hours: float = 8.0
) -> float:
    """USD of funding a position is expected to pay (below zero: to receive) over its holding time.

    `s · notional · rate · payments`: longs pay shorts when the rate is above zero. Payments are whole, see
    `funding_payments`.
    """
    owed = sign(side) * rate
    return owed * notional * funding_payments(holding_hours, interval_hours, pays=owed > 0)


def funding_payments(holding_hours: float, interval_hours: float = 8.0, *, pays: bool = True) -> int:
    """How many times of funding a trade lives through: the most that are possible for one who pays, the least
    for one who is paid, because it may open at any moment. 10 hours of 8 are 2 or 1."""
    if interval_hours <= 0:
        raise RiskError("The funding interval must be above zero hours. Most venues use 8.")
    times = holding_hours / interval_hours
    return int(np.ceil(times - 1e-9) if pays else np.floor(times + 1e-9))


@dataclass(frozen=True)
class Kelly:
    """Growth-optimal fraction of the account, and the quarter of it that is the most to use."""

    full: float
    capped: float
    sentence: str


def kelly(win_rate: float, reward_risk: float, *, out_of_sample_trades: int) -> Kelly:
    """Kelly fraction `p − (1 − p)/b`, capped at a quarter of itself. Win rate 0.55 at 1 R: 0.10 and 0.025.

    Parameters
    ----------
    win_rate, reward_risk : share of winning trades and the R of a win, both net of costs
    out_of_sample_trades : how many trades, not used to find the rule, the win rate was measured on

    Raises
    ------
    RiskError
        Fewer than 30 out-of-sample trades, or a win rate or R that cannot be. Source: Kelly (1956).
    """
    p, b = parse_number(win_rate, "The win rate"), parse_number(reward_risk, "The reward to risk")
    trades = parse_number(out_of_sample_trades, "The number of out-of-sample trades")
    if trades < 30:
        raise RiskError(
            "Kelly needs a win rate measured on at least 30 trades that were not used to find the rule;"
            f" {trades:g} are too few. Use a fixed small risk instead."
        )
    if not 0 <= p <= 1:
        raise RiskError(f"A win rate of {p:g} is not between 0 and 1. Write 55 % as 0.55.")
    if b <= 0:
        raise RiskError(f"A reward to risk of {b:g} is not above zero. A win of twice the risk is 2.")
    full = p - (1 - p) / b
    error = float(np.sqrt(p * (1 - p) / trades))
    if full <= 0:
        return Kelly(
            full,
            0.0,
            f"With {wording.percent(p)} wins at {b:g} R the trade loses money on average: Kelly says do not"
            " take it.",
        )
    return Kelly(
        full,
        full / 4,
        f"Full Kelly is {wording.percent(full)} of the account, a quarter of it {wording.percent(full / 4)};"
        f" the win rate itself is only known to about ±{wording.percent(2 * error)}.",
    )


@dataclass(frozen=True)
class RiskBudget:
    """Open risks against a daily limit, all in USD. `left` is what a new trade may still lose today."""

    open_risk: float
    lost_today: float
    limit: float
    left: float
    within: bool
    sentence: str


def daily_budget(
    open_losses: Iterable[float], account: float, daily_limit: float, *, lost_today: float = 0.0
) -> RiskBudget:
    """Add up what all open trades lose if every stop is hit, and compare with a daily limit.

    Losses are added without any discount, long or short: all positions are on one coin, and a day that goes
    both ways hits both stops.

    Parameters
    ----------
    open_losses : USD each open trade loses at its stop, above zero
    account, daily_limit : account in USD, limit as a fraction of it
    lost_today : USD already lost today (gains do not widen the limit)
    """
    losses = [parse_number(loss, "The loss of an open trade") for loss in open_losses]
    size, fraction = parse_number(account, "The account"), parse_number(daily_limit, "The daily limit")
    lost = max(parse_number(lost_today, "The loss of today"), 0.0)
    if any(loss < 0 for loss in losses):
        raise RiskError(
            "The loss of an open trade at its stop is below zero. Give the USD it would lose, as a positive"
            " number."
        )
    if size <= 0:
        raise RiskError("The account must be above zero USD.")
    if not 0 < fraction < 1:
        raise RiskError(f"A daily limit of {fraction:g} is not a fraction of the account. Write 3 % as 0.03.")
    limit, open_risk = size * fraction, float(sum(losses))
    left = max(limit - open_risk - lost, 0.0)
    used = f"{wording.usd(open_risk)} at risk in open trades and {wording.usd(lost)} lost today"
    within = open_risk + lost <= limit
    return RiskBudget(
        open_risk,
        lost,
        limit,
        left,
        within,
        (
            f"With {used}, {wording.usd(left)} of the daily limit of {wording.usd(limit)} are left."
            if within
            else (
                f"With {used}, the daily limit of {wording.usd(limit)} is already exceeded: take no further"
                " trade today."
            )
        ),
    )
