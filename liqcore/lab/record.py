"""What a model says was liquidated, beside what a venue recorded: does it say more than the candle does?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from liqcore import tables
from liqcore.lab.blocks import Interval, around, block_of, draw_weights


@dataclass(frozen=True)
class Agreement:
    """Rank correlations with recorded totals of one side.

    `model` of what the model says, `simple` of excursion × volume, `moved` of the absolute return, and
    `beyond` the model's given excursion × volume (partial), with an interval by day blocks; `n` periods.
    """

    side: str
    model: float
    simple: float
    moved: float
    beyond: Interval
    n: int


def against_record(
    predicted: pd.DataFrame, recorded: pd.DataFrame, candles: pd.DataFrame, rng: np.random.Generator
) -> list[Agreement]:
    """How `predicted` of a modelled grid agrees with totals, side by side.

    Parameters
    ----------
    predicted : time, long, short (USD a candle). recorded : time, long, short (USD or BTC a period, e.g.
    hours).
    candles : what the model was made from. Periods begin at the recorded times and last until the next.
    """
    starts = tables.microseconds(recorded["time"])
    step = int(np.median(np.diff(starts)))
    place = np.searchsorted(starts, tables.microseconds(predicted["time"]), "right") - 1
    inside = (place >= 0) & (tables.microseconds(predicted["time"]) < starts[np.maximum(place, 0)] + step)
    bars = candles.loc[inside].assign(_period=place[inside])
    grouped = bars.groupby("_period")
    price = pd.DataFrame(
        {
            "open": grouped["open"].first(),
            "high": grouped["high"].max(),
            "low": grouped["low"].min(),
            "close": grouped["close"].last(),
            "volume": grouped["volume"].sum(),
        }
    )
    # Hours that the record leaves out are unknown, not calm.
    price = price[np.isfinite(recorded[list(tables.SIDES)].to_numpy(dtype=float)).all(axis=1)[price.index]]
    rows = price.index.to_numpy()
    block = block_of(starts[rows])
    out = []
    for side in tables.SIDES:
        told = np.bincount(place[inside], predicted[side].to_numpy()[inside], len(starts))[rows]
        was = recorded[side].to_numpy(dtype=float)[rows]
        away = price["open"] - price["low"] if side == "long" else price["high"] - price["open"]
        simple = np.asarray(away / price["open"] * price["volume"])
        moved = np.asarray(np.abs(np.log(price["close"] / price["open"])))
        ranks = {
            name: rankdata(values) for name, values in (("told", told), ("was", was), ("simple", simple))
        }
        out.append(
            Agreement(
                side,
                _correlation(ranks["told"], ranks["was"]),
                _correlation(ranks["simple"], ranks["was"]),
                _correlation(rankdata(moved), ranks["was"]),
                _partial(ranks["told"], ranks["was"], ranks["simple"], block, rng),
                len(rows),
            )
        )
    return out


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


def _partial(
    one: np.ndarray, other: np.ndarray, given: np.ndarray, block: np.ndarray, rng: np.random.Generator
) -> Interval:
    """Correlation of what is left of two ranks after a third, with days resampled."""
    left, right = (values - np.polyval(np.polyfit(given, values, 1), given) for values in (one, other))
    names, place = np.unique(block, return_inverse=True)
    parts = [
        np.bincount(place, product, len(names)) for product in (left * right, left * left, right * right)
    ]
    weights = draw_weights(len(names), rng)
    cross, mine, theirs = (weights @ part for part in parts)
    value = float(parts[0].sum() / np.sqrt(max(parts[1].sum() * parts[2].sum(), 1e-300)))
    return around(value, cross / np.sqrt(np.maximum(mine * theirs, 1e-300)), len(names))
