"""What a planned trade would have made, bar by bar and after costs, with every doubt decided against the
trader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.risk import Plan, RiskError
from liqcore.risk.sizing import sign

End = Literal["target", "stop", "time", "open", "not filled", "no order"]


@dataclass(frozen=True)
class TradeResult:
    """How a plan ended.

    Attributes
    ----------
    end : `target` (all of it left at targets), `stop` (what was left hit the stop), `time` (what was left was
        closed at the last bar), `open` (still running), `not filled`, or `no order` (the plan was rejected).
    r : gain after fees and slippage over the plan's loss at its stop; 0 without a fill. For an open trade it
        is counted at the last close.
    r_before : the same gain before fees and slippage, over the same loss, so that the difference is costs.
    usd : the same in USD. quantity : BTC. entry_time, exit_time : opening times of the bars, None where not
    yet.
    exit_price : USD, average over the parts. bars : from fill to exit, both counted.
    worst_r, best_r : r if all of it had been closed where price was worst and best while it ran, costs
        included; the plan's own stop and targets left out.
    ambiguous : whether one bar held both stop and target, so that the worse was taken.
    """

    end: End
    r: float
    usd: float
    quantity: float
    entry: float
    entry_time: np.datetime64 | None = None
    exit_time: np.datetime64 | None = None
    exit_price: float | None = None
    bars: int = 0
    worst_r: float = 0.0
    best_r: float = 0.0
    ambiguous: bool = False
    r_before: float = 0.0

    @property
    def filled(self) -> bool:
        return self.entry_time is not None


def run_trade(
    plan: Plan, candles: pd.DataFrame, *, fill_within: int | None = None, close_at_end: bool = True
) -> TradeResult:
    """Follow a plan through the bars that come after it.

    The entry is a limit order: it fills at its price in the first bar that reaches it. In that bar no target
    counts, because nobody knows what came first; the stop does. Later a bar that holds stop and target counts
    as stopped.
    A bar that opens beyond the stop fills there, not at the stop. Fees as in the plan, slippage on every exit
    but a target.

    Parameters
    ----------
    plan : linear, with one entry; only its stop, targets, quantity and costs are used.
    candles : candles table, the first bar being the first in which the order stands.
    fill_within : bars after which an unfilled order is taken back. close_at_end : close what is left at the
    last close.

    Raises
    ------
    RiskError
        An inverse contract, or more than one entry.
    """
    if plan.contract != "linear" or len(plan.entries) > 1:
        raise RiskError("A replay needs a linear plan with one entry. Plan the parts one by one.")
    if not plan.accepted or plan.quantity <= 0:
        return TradeResult("no order", 0.0, 0.0, 0.0, plan.entry)
    bars = tables.ensure(candles, "candles")
    s = sign(plan.side)
    # Seen from the trader's side: up is gain, so that a short is a long in mirrored prices.
    opens, good, bad, close = (s * bars[name].to_numpy() for name in _mirrored(s))
    reached = np.flatnonzero(bad[:fill_within] <= s * plan.entry)
    if not reached.size:
        return TradeResult("not filled", 0.0, 0.0, plan.quantity, plan.entry)
    return _follow(plan, bars, int(reached[0]), s, (opens, good, bad, close), close_at_end)


def at_price(plan: Plan, price: float) -> tuple[float, float]:
    """USD and R after costs of a filled plan when price stands at `price` (USD); beyond its stop or its last
    target it has been closed there."""
    s = sign(plan.side)
    ends = [s * plan.stop, max(s * target.price for target in plan.targets)]
    mirrored = min(max(s * price, ends[0]), ends[1])
    usd = _gain(plan, s, plan.quantity, mirrored, slips=mirrored < ends[1])
    return usd, usd / plan.loss_at_stop


def _mirrored(s: float) -> tuple[str, str, str, str]:
    return ("open", "high", "low", "close") if s > 0 else ("open", "low", "high", "close")


def _follow(
    plan: Plan, bars: pd.DataFrame, begin: int, s: float, prices: tuple[np.ndarray, ...], close_at_end: bool
) -> TradeResult:
    opens, good, bad, close = prices
    stop, entry = s * plan.stop, s * plan.entry
    hit = np.flatnonzero(bad[begin:] <= stop)
    last = begin + int(hit[0]) if hit.size else len(bars) - 1
    ambiguous, parts, exit_row = False, [], begin
    for target in plan.targets:
        found = begin + 1 + np.flatnonzero(good[begin + 1 : last + 1] >= s * target.price)
        if found.size and not (hit.size and found[0] == last):
            parts.append((target.quantity, s * target.price, False))
            exit_row = max(exit_row, int(found[0]))
        elif found.size:
            ambiguous = True
    left = plan.quantity - sum(part[0] for part in parts)
    end: End = "target"
    if left > 1e-9:
        end = "stop" if hit.size else "time" if close_at_end else "open"
        # The order fills during its bar: what the bar opened at came before.
        gap = min(stop, opens[last]) if hit.size and last > begin else stop
        parts.append((left, gap if hit.size else close[last], True))
        exit_row = last
    usd = sum(_gain(plan, s, quantity, price, slips) for quantity, price, slips in parts)
    before = sum(quantity * (price - entry) for quantity, price, _ in parts)
    worst = min(bad[begin : exit_row + 1].min(), entry)
    best = good[begin + 1 : exit_row + 1].max(initial=entry)
    times = tables.microseconds(bars["time"])
    return TradeResult(
        end=end,
        r=usd / plan.loss_at_stop,
        usd=usd,
        quantity=plan.quantity,
        entry=plan.entry,
        entry_time=np.datetime64(int(times[begin]), "us"),
        exit_time=None if end == "open" else np.datetime64(int(times[exit_row]), "us"),
        exit_price=abs(sum(quantity * price for quantity, price, _ in parts)) / plan.quantity,
        bars=exit_row - begin + 1,
        worst_r=float(_gain(plan, s, plan.quantity, worst, True) / plan.loss_at_stop),
        best_r=float(_gain(plan, s, plan.quantity, best, False) / plan.loss_at_stop),
        ambiguous=ambiguous,
        r_before=float(before / plan.loss_at_stop),
    )


def _gain(plan: Plan, s: float, quantity: float, mirrored: float, slips: bool) -> float:
    price = abs(mirrored)
    slip = price * plan.slippage if slips else 0.0
    return quantity * (
        s * (price - plan.entry) - plan.entry * plan.fee_rate - price * plan.exit_fee_rate - slip
    )
