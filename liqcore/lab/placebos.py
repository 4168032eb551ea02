"""What a study must not find: levels at random, a market without feedback, and a glance into the future."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab.event_study import Levels
from liqcore.lab.touches import Bars

LevelFinder = Callable[[pd.DataFrame, pd.DataFrame | None], Levels]


def random_levels(
    candles: pd.DataFrame, rng: np.random.Generator, every: int = 12, near: float = 0.005, far: float = 0.03
) -> Levels:
    """A level on each side at a random distance (log, evenly from `near` to `far`), every so many bars."""
    bars = Bars.of(candles)
    bar = np.repeat(np.arange(every, len(bars.close), every), 2)
    side = np.tile([-1, 1], len(bar) // 2)
    return Levels(bar, bars.close[bar] * np.exp(side * rng.uniform(near, far, len(bar))), side)


@dataclass(frozen=True)
class Glance:
    """How many of the levels looked at changed when everything after their moment was cut off."""

    looked: int
    changed: int

    @property
    def clean(self) -> bool:
        return self.changed == 0 and self.looked > 0


def look_ahead(
    find: LevelFinder, candles: pd.DataFrame, open_interest: pd.DataFrame | None = None, cuts: int = 6
) -> Glance:
    """Whether levels were fixed from what was known: found again with the future cut off, they must stay.

    `cuts` moments are tried, spread evenly; each cut compares all levels fixed at the last moment before it.
    """
    bars = Bars.of(candles)
    whole = find(candles, open_interest)
    moments = np.unique(whole.bar)
    moments = moments[moments < len(bars.close) - 1]
    looked = changed = 0
    for bar in (
        moments[np.linspace(0, len(moments) - 1, min(cuts, len(moments))).astype(int)] if len(moments) else ()
    ):
        known = candles.iloc[: bar + 1]
        until = int(bars.time[bar] + bars.step)
        told = (
            None
            if open_interest is None
            else open_interest[tables.microseconds(open_interest["time"]) <= until]
        )
        again = find(known, told)
        first, second = (np.sort(one.price[one.bar == bar]) for one in (whole, again))
        looked += len(first)
        same = len(first) == len(second) and np.allclose(first, second, rtol=2e-3, atol=0)
        changed += 0 if same else len(first)
    return Glance(looked, changed)


@dataclass(frozen=True)
class Match:
    """The score a published test gives levels: precision, recall and F1."""

    precision: float
    recall: float
    f1: float


def published_matcher(candles: pd.DataFrame, levels: np.ndarray, tolerance: float = 0.02) -> Match:
    """A test that passes anything, kept as a lesson.

    As published with a map of the kind: what "really" was liquidated are the high and the low of each bar, a
    level within 2 % of one counts as a hit, and levels that hit nothing are not counted as false.

    Parameters
    ----------
    levels : (T, M) USD of the levels that stand before each bar.
    """
    ends = np.stack([candles["low"].to_numpy(), candles["high"].to_numpy()], axis=1)
    near = np.abs(levels[:, None, :] / ends[:, :, None] - 1).min(axis=2) <= tolerance
    recall = float(near.mean())
    precision = 1.0 if recall else 0.0
    return Match(precision, recall, 2 * precision * recall / (precision + recall) if recall else 0.0)
