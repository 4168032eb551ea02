"""What if price moved, or the leverage or the stop were others: curves and sweeps around a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from liqcore.risk import gate
from liqcore.risk.gate import CODES
from liqcore.risk.luck import MonteCarlo, losing_streak_paths, losing_streaks, simulate_trades, streak_cost
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.plan_data import Plan
from liqcore.risk.request import TradeRequest, check_trade, impossibilities
from liqcore.risk.sizing import Floats, average_entry, profit, sign, to_tick

__all__ = [
    "MonteCarlo",
    "Sweep",
    "losing_streak_paths",
    "losing_streaks",
    "price_drag",
    "simulate_trades",
    "streak_cost",
    "sweep_leverage",
]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Size or rejection for every leverage (rows) and stop distance (columns).

    `quantity` in BTC, `notional`, `loss` and `liquidation_price` in USD (NaN where the position cannot be
    liquidated) are as computed, also where the gate rejects; `code` indexes `gate.CODES`, 0 is accepted.
    `stop_distances` are fractions of the entry as asked for, `stops` the prices on the tick next to them.
    """

    leverages: Floats
    stop_distances: Floats
    stops: Floats
    quantity: Floats
    notional: Floats
    loss: Floats
    liquidation_price: Floats
    code: NDArray[np.int8]

    @property
    def accepted(self) -> NDArray[np.bool_]:
        return self.code == gate.ACCEPTED

    def to_frame(self) -> pd.DataFrame:
        """Long form: `leverage`, `stop_distance`, `stop`, `quantity`, `notional`, `loss`,
        `liquidation_price`, `accepted`, `reason`."""
        shape = self.code.shape
        return pd.DataFrame(
            {
                "leverage": np.broadcast_to(self.leverages[:, None], shape).ravel(),
                "stop_distance": np.broadcast_to(self.stop_distances, shape).ravel(),
                "stop": np.broadcast_to(self.stops, shape).ravel(),
                "quantity": self.quantity.ravel(),
                "notional": self.notional.ravel(),
                "loss": self.loss.ravel(),
                "liquidation_price": self.liquidation_price.ravel(),
                "accepted": self.accepted.ravel(),
                "reason": pd.Categorical.from_codes(self.code.ravel(), categories=pd.Index(CODES)),
            }
        )


def sweep_leverage(leverages: ArrayLike, stop_distances: ArrayLike, **trade: Any) -> Sweep:
    """Size the same trade at every leverage and stop distance, and pass each through the gate.

    Parameters
    ----------
    leverages : (L,), each 1 or more
    stop_distances : (D,) fractions of the entry, each above 0 and below 1
    trade : the arguments of `plan_trade` by name, without `leverage` and `stop`; targets play no role

    Returns
    -------
    Sweep of shape (L, D). Each cell equals what `plan_trade` says of that leverage and that stop, which it
    puts on the tick as well, up to its targets and daily limit.

    Raises
    ------
    RiskError
    """
    lever, distance = (
        np.atleast_1d(np.asarray(values, dtype=float)) for values in (leverages, stop_distances)
    )
    if lever.ndim != 1 or distance.ndim != 1 or not lever.size or not distance.size:
        raise RiskError("A sweep needs a list of leverages and a list of stop distances, neither empty.")
    if not np.isfinite(lever).all() or lever.min() < 1 or lever.max() > 1000:
        raise RiskError("A leverage in the sweep is not between 1 and 1000.")
    if not np.isfinite(distance).all() or distance.min() <= 0 or distance.max() >= 1:
        raise RiskError(
            "A stop distance in the sweep is not a fraction of the entry between 0 and 1. Write 1 % as 0.01."
        )
    if lever.size * distance.size > 1_000_000:
        raise RiskError("The sweep has more than a million cells. Take fewer leverages or stop distances.")
    # Any stop on the right side does for checking the rest, whatever the entries are; the first tick is one.
    tick = parse_number(trade.get("tick", 0.0), "The tick")
    lowest = max(0.01, tick)
    anywhere = {"long": lowest, "short": 1e9}.get(str(trade.get("side")).strip().lower(), 1.0)
    checked = check_trade(TradeRequest(**trade, stop=anywhere, leverage=1.0))
    problems = impossibilities(checked)
    if problems:
        raise RiskError(problems[0])
    terms = checked.terms
    entry = average_entry(terms.entries, terms.weights, terms.contract)
    stops = to_tick(entry * (1 - sign(terms.side) * distance), tick)
    found = gate.evaluate(terms, lever[:, None], stops[None, :])
    return Sweep(
        leverages=lever,
        stop_distances=distance,
        stops=stops,
        quantity=found.quantity,
        notional=found.notional,
        loss=found.loss,
        liquidation_price=found.liquidation,
        code=found.code,
    )


def price_drag(plan: Plan, prices: ArrayLike | None = None, *, points: int = 241) -> pd.DataFrame:
    """What a plan is worth as price moves: PnL, equity, margin ratio, and where it is liquidated.

    Parameters
    ----------
    prices : USD; by default `points` prices around entry, stop, liquidation price and targets

    Returns
    -------
    DataFrame `price`, `pnl` (USD before costs), `net` (after entry and exit fee), `reward_risk` (net over
    the loss at the stop), `equity` and `maintenance` (USD of the margin account), `margin_ratio`
    (maintenance over equity, 1 at liquidation) and `liquidated`. From liquidation on the margin is gone:
    PnL is minus the margin (isolated) or minus the account (cross), and the ratio stays 1. Inverse
    contracts are valued at the entry price. The maintenance rate is that of the bracket at liquidation.

    Raises
    ------
    RiskError
        A plan without a position, or prices that are not above zero.
    """
    if plan.quantity <= 0:
        raise RiskError("This plan has no position to move the price of. " + " ".join(plan.reasons))
    price = (
        _around(plan, points)
        if prices is None
        else np.sort(np.atleast_1d(np.asarray(prices, dtype=float)).ravel())
    )
    if not price.size or not np.isfinite(price).all() or price.min() <= 0:
        raise RiskError("A price to look at is not above zero. Give prices in USD.")
    pnl = profit(plan.side, plan.entry, price, plan.quantity, plan.contract)
    value = plan.quantity * (plan.entry**2 / price if plan.contract == "inverse" else price)
    fees = plan.notional * plan.fee_rate + value * plan.exit_fee_rate
    equity, maintenance = gate.balance(
        plan.side,
        price,
        entry=plan.entry,
        quantity=plan.quantity,
        wallet=plan.margin_balance,
        rate=plan.maintenance_margin_rate,
        amount=plan.maintenance_amount,
        fee=plan.liquidation_fee_rate,
        contract=plan.contract,
        basis=plan.maintenance_basis,
    )
    if plan.contract == "inverse":
        equity, maintenance = equity * plan.entry, maintenance * plan.entry
    gone = np.zeros(price.shape, dtype=bool)
    if plan.liquidation_price is not None:
        gone = sign(plan.side) * (price - plan.liquidation_price) <= 0
    everything = plan.account if plan.margin_mode == "cross" else plan.margin
    net = np.where(
        gone,
        -everything - plan.notional * max(plan.fee_rate, 0.0) * (plan.margin_mode == "isolated"),
        pnl - fees,
    )
    return pd.DataFrame(
        {
            "price": price,
            "pnl": np.where(gone, -everything, pnl),
            "net": net,
            "reward_risk": net / plan.loss_at_stop,
            "equity": np.where(gone, 0.0, equity),
            "maintenance": maintenance,
            "margin_ratio": np.where(gone, 1.0, np.clip(maintenance / np.where(gone, 1.0, equity), 0.0, 1.0)),
            "liquidated": gone,
        }
    )


def _around(plan: Plan, points: int) -> Floats:
    """Evenly spaced prices over everything the plan names, a tenth wider on both sides."""
    if not 2 <= points <= 100_000:
        raise RiskError("Take 2 to 100,000 points.")
    named = [plan.entry, plan.stop, *(item.price for item in plan.targets)]
    if plan.liquidation_price is not None and plan.liquidation_price < 3 * plan.entry:
        named.append(plan.liquidation_price)
    low, high = min(named), max(named)
    edge = 0.1 * (high - low)
    return np.linspace(max(low - edge, low / 2), high + edge, points)
