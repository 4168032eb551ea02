"""How well a map tells where positions would be closed, against the exact positions of a simulated world.

Every figure comes with an interval by day blocks. Maps and truth are (S, K): one row a snapshot, one cell a
distance from the price (see `liqcore.lab.cells`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from liqcore.lab.blocks import Interval, ratio

TOP: Final = 0.1
# How much of a map is taken to be spread evenly, so that a cell called empty does not cost endless bits.
_EVEN: Final = 0.05


def spearman(map_: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(S,) rank correlation over the cells of each snapshot; 0 where either is flat."""
    one, other = (rankdata(values, axis=1) - (values.shape[1] + 1) / 2 for values in (map_, truth))
    size = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.divide((one * other).sum(axis=1), size, out=np.zeros(len(size)), where=size > 0)


def precision(map_: np.ndarray, truth: np.ndarray, top: float = TOP) -> np.ndarray:
    """(S,) share of the hottest cells that are among the truly hottest; ties count by chance, so that a flat
    map scores `top`."""
    count = max(round(map_.shape[1] * top), 1)
    return (_membership(map_, count) * _membership(truth, count)).sum(axis=1) / count


def information_gain(map_: np.ndarray, truth: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(S,) bits by which a map tells better than a reference where a dollar of the truth stands."""
    truth_share = truth / np.maximum(truth.sum(axis=1, keepdims=True), 1e-300)
    return (truth_share * np.log2(_shares(map_) / _shares(reference))).sum(axis=1)


def distance_profile(truth: np.ndarray) -> np.ndarray:
    """(S, K) the mean of all snapshots in every row: what is true of the distance alone.

    An oracle: nobody outside a simulator knows it. A map that does not beat it says less about this moment
    than a fixed curve would.
    """
    return np.broadcast_to(truth.mean(axis=0), truth.shape)


def scorecard(
    maps: dict[str, np.ndarray], truth: np.ndarray, block: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """One row a map: rank correlation, precision and information gain, each with its interval.

    Parameters
    ----------
    maps : name → (S, K). truth : (S, K) USD. block : (S,) day of each snapshot.

    `variants` in the frame's attrs is how many maps were tried.
    """
    reference = distance_profile(truth)
    rows = []
    for name, map_ in maps.items():
        figures = {
            "spearman": spearman(map_, truth),
            "precision": precision(map_, truth),
            "gain": information_gain(map_, truth, reference),
        }
        row: dict[str, object] = {"map": name}
        for figure, values in figures.items():
            row |= told(figure, ratio(values, np.ones(len(values)), block, rng))
        rows.append(row)
    out = pd.DataFrame(rows)
    out.attrs.update(variants=len(maps), snapshots=len(truth), blocks=len(np.unique(block)))
    return out


def told(name: str, found: Interval) -> dict[str, float]:
    """An interval as the columns of a table."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def reliability(
    map_: np.ndarray, truth: np.ndarray, block: np.ndarray, rng: np.random.Generator, groups: int = 10
) -> pd.DataFrame:
    """Cells in tenths of what the map says (share of its snapshot), with what truly stood there."""
    said = map_ / np.maximum(map_.sum(axis=1, keepdims=True), 1e-300)
    was = truth / np.maximum(truth.sum(axis=1, keepdims=True), 1e-300)
    group = ((rankdata(said, method="ordinal") - 1) * groups // said.size).reshape(said.shape).astype(int)
    rows = []
    for number in range(groups):
        inside = group == number
        count = inside.sum(axis=1).astype(float)
        found = ratio((was * inside).sum(axis=1), count, block, rng)
        mean = float(said[inside].mean())
        rows.append({"group": number + 1, "said": mean, **told("was", found), "cells": int(count.sum())})
    return pd.DataFrame(rows)


def _membership(values: np.ndarray, count: int) -> np.ndarray:
    """(S, K) 1 for the `count` highest of a row; those that tie at the edge share what is left."""
    edge = np.partition(values, -count, axis=1)[:, -count, None]
    above, ties = values > edge, values == edge
    left = count - above.sum(axis=1, keepdims=True)
    return above + ties * (left / ties.sum(axis=1, keepdims=True))


def _shares(values: np.ndarray) -> np.ndarray:
    total = values.sum(axis=1, keepdims=True)
    even = np.full_like(values, 1 / values.shape[1], dtype=float)
    return np.where(total > 0, (1 - _EVEN) * values / np.where(total > 0, total, 1.0) + _EVEN * even, even)
