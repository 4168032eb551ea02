"""Intervals and probabilities that respect that the hours of a day are not independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

RUNS: Final = 1_000
_POWER: Final = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval of 95 %, from `blocks` days (or longer blocks); NaN where unknown."""

    value: float
    low: float
    high: float
    blocks: int

    @property
    def error(self) -> float:
        """The standard error behind the interval."""
        return (self.high - self.low) / 2 / _quantile(self.blocks)

    @property
    def detectable(self) -> float:
        """The smallest true effect that would be told from nothing four times of five."""
        return _POWER * self.error


def block_of(micros: np.ndarray, days: int = 1) -> np.ndarray:
    """(N,) number of the block of days since 1970 UTC in which each moment (µs) lies."""
    return np.asarray(micros) // (days * 86_400_000_000)


def ratio(top: np.ndarray, bottom: np.ndarray, block: np.ndarray, rng: np.random.Generator) -> Interval:
    """Σ top / Σ bottom with an interval by resampling whole blocks; `ratio(x, ones, …)` is a mean.

    Few blocks make few numbers: the interval is as wide as Student's t with blocks − 1 degrees says.
    """
    names, place = np.unique(block, return_inverse=True)
    above, below = (np.bincount(place, values, len(names)) for values in (top, bottom))
    total = below.sum()
    value = float(above.sum() / total) if total else np.nan
    weights = draw_weights(len(names), rng)
    return around(value, (weights @ above) / np.maximum(weights @ below, 1e-300), len(names))


def draw_weights(count: int, rng: np.random.Generator, runs: int = RUNS) -> np.ndarray:
    """(runs, count) how much each block weighs in each run (Bayesian bootstrap, Rubin 1981)."""
    return rng.exponential(size=(runs, count))


def around(value: float, drawn: np.ndarray, blocks: int) -> Interval:
    """The interval that resampled values give an estimate."""
    if blocks < 2 or not np.isfinite(value):
        return Interval(value, np.nan, np.nan, blocks)
    half = _quantile(blocks) * float(np.std(drawn)) * np.sqrt((blocks + 1) / (blocks - 1))
    return Interval(value, value - half, value + half, blocks)


def sign_flips(sums: np.ndarray, rng: np.random.Generator, runs: int = RUNS) -> float:
    """Two-sided p of paired differences, summed by block, when the pairs of whole blocks change places."""
    if not len(sums) or not np.any(sums):
        return 1.0
    flipped = np.abs(rng.choice((-1.0, 1.0), size=(runs, len(sums))) @ sums)
    return float(((flipped >= abs(sums.sum()) * (1 - 1e-12)).sum() + 1) / (runs + 1))


def holm(p: np.ndarray) -> np.ndarray:
    """(N,) p-values corrected for all N of a family that was fixed beforehand (Holm, 1979); NaN stays NaN
    and counts as one that was tried."""
    order = np.argsort(np.where(np.isnan(p), 1.0, p), kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(np.nan_to_num(steps, nan=0.0)), 1.0)
    return np.where(np.isnan(p), np.nan, out)


def _quantile(blocks: int) -> float:
    return float(stats.t.ppf(0.975, max(blocks - 1, 1)))
