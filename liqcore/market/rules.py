"""The thresholds behind every signal, in one place, and the shape in which signals travel inside the
package."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from liqcore.tables import TableError


@dataclass(frozen=True)
class SignalRules:
    """Thresholds of the signals. They are conventions, not findings: change one and see what it does."""

    pivot_bars: int = 5
    """Bars to either side of a turning point (zones and divergences); it is known so many bars late."""
    lookback: int = 500
    """Bars without a turn after which a zone is forgotten."""
    merge: float = 0.25
    """Turns nearer than this many ATR belong to one zone."""
    least_turns: int = 3
    """Turns after which a zone is established and signals look at it."""
    tolerance: float = 0.1
    """ATR beyond a level that count as beyond it, and ATR short of it that count as touching it."""
    wick_to_body: float = 2.0
    """A pin bar's wick is at least so many times its body."""
    wick_to_range: float = 0.6
    """A pin bar's wick is at least this share of the bar."""
    within: int = 3
    """Bars, the first excursion included, within which a recapture must close back inside."""
    volume_ratio: float = 1.5
    """A breakout's volume is at least so many times the median of the bars before it."""
    volume_bars: int = 20
    """Bars of that median; at least half of them must have a known volume."""
    body_to_range: float = 0.5
    """A breakout's body is at least this share of the bar."""
    false_breakout_bars: int = 5
    """Bars within which a close back inside makes a breakout a false one."""
    retest_bars: int = 10
    """Bars within which a breakout may come back to its level; 0 looks for no retest."""
    rsi_low: float = 30.0
    """RSI at or below which a market counts as oversold."""
    rsi_high: float = 70.0
    """RSI at or above which a market counts as overbought."""
    extreme_z: float = 3.0
    """Robust standard deviations from the past median at which funding or open interest is extreme."""
    funding_window: int = 90
    """Past funding readings of a venue to compare with (90 are 30 days of 8 hours)."""
    funding_floor: float = 5e-5
    """Least robust deviation of funding, as a fraction per 8 hours: venues pin the rate for weeks."""
    open_interest_bars: int = 4
    """Bars over which a change of open interest is taken."""
    open_interest_window: int = 200
    """Past changes to compare with."""
    open_interest_floor: float = 0.002
    """Least robust deviation of a change of open interest, as a fraction."""
    open_interest_change: float = 0.01
    """Least change of open interest that counts, as a fraction."""
    past_minimum: int = 20
    """Past readings without which nothing is called extreme."""
    divergence_bars: int = 60
    """Most bars between the two turning points of a divergence."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 1 if field.type in ("int", int) and field.name != "retest_bars" else 0
            if not (np.isfinite(value) and value >= least):
                raise TableError(f"The rule '{field.name}' is {value:g}; it must be at least {least}.")
        if self.rsi_low >= self.rsi_high:
            raise TableError("The rule 'rsi_low' must be below 'rsi_high'.")


class Batch(NamedTuple):
    """Signals of one name: (N,) rows of the bars, sides (+1 bullish, −1 bearish), levels, strengths,
    sentences."""

    name: str
    row: np.ndarray
    side: int | np.ndarray
    level: float | np.ndarray
    strength: np.ndarray
    evidence: list[str]
