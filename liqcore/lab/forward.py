"""Does a map tell where positions will be closed? Cells that price reaches next, against what is closed in
them.

A Poisson rate that may not be negative is fitted on the past and scored on the future: first from the
distance alone, then with the map added. Its likelihood is a consistent score of events in cells (Brehmer,
Gneiting and others, arXiv:2103.11884).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab.blocks import Interval, around, draw_weights
from liqcore.lab.cells import distances

CELL: Final = 0.0025
CELLS: Final = 40
_ROUNDS: Final = 200


@dataclass(frozen=True)
class Reached:
    """Cells whose whole width price first reached within the horizon, and what was liquidated in them.

    `inside` (S, K) bool, `usd` (S, K), `known` (S,) whether the horizon ended within the data.
    """

    inside: np.ndarray
    usd: np.ndarray
    known: np.ndarray


def trigger_prices(
    liquidations: pd.DataFrame, maintenance_margin_rate: float = 0.005, fee_rate: float = 0.0005
) -> np.ndarray:
    """(N,) USD at which each was triggered: a bankruptcy price is moved back by the maintenance margin and
    the fee, which is what lies between the two; other prices are taken as they are."""
    price = liquidations["price"].to_numpy(dtype=float)
    sign = np.where(liquidations["side"] == "long", 1.0, -1.0)
    bankrupt = (liquidations["price_kind"] == "bankruptcy").to_numpy()
    return np.where(bankrupt, price / (1 - sign * (maintenance_margin_rate + fee_rate)), price)


def reached(
    candles: pd.DataFrame,
    liquidations: pd.DataFrame,
    times: np.ndarray,
    price: np.ndarray,
    hours: float = 4.0,
    cell: float = CELL,
    count: int = CELLS,
) -> Reached:
    """What happens in the `hours` after each moment (datetime64), seen from the price at that moment."""
    begin = np.asarray(times).astype("datetime64[us]").astype("int64")
    end = begin + int(hours * 3.6e9)
    opened = tables.microseconds(candles["time"])
    first, stop = (np.searchsorted(opened, edge, "left") for edge in (begin, end))
    low, high = (
        _extremes(candles[name].to_numpy(), first, stop, pick)
        for name, pick in (("low", np.minimum), ("high", np.maximum))
    )
    centre = distances(cell, count)
    down, up = (np.log(edge / price)[:, None] for edge in (low, high))
    far = np.abs(centre) + cell / 2
    inside = np.where(centre < 0, -down >= far, up >= far)
    return Reached(
        inside, _realised(liquidations, begin, end, price, cell, count) * inside, end <= opened[-1]
    )


def skill(
    map_: np.ndarray,
    cells: Reached,
    block: np.ndarray,
    rng: np.random.Generator,
    train: float = 0.5,
    cell: float = CELL,
    count: int = CELLS,
) -> Interval:
    """Share of the deviance that the map explains beyond the distance; above 0 it helps, on data it was not
    fitted to.

    Parameters
    ----------
    map_ : (S, K) USD of the map in the same cells. block : (S,) day of each snapshot, ascending.
    train : share of the snapshots that the rates are fitted on; snapshots whose horizon reaches into the
        tested part are left out by the length of a block.
    """
    split = block[min(int(len(block) * train), len(block) - 1)]
    past, future = (block < split - 1) & cells.known, (block >= split) & cells.known
    fit, test = cells.inside & past[:, None], cells.inside & future[:, None]
    if not cells.usd[fit].any() or not test.any():
        return Interval(np.nan, np.nan, np.nan, 0)
    away = np.round(np.abs(distances(cell, count)) / cell - 0.5).astype(int)
    profile = _profile(cells.usd, fit, away)[away]
    level = np.broadcast_to(profile, map_.shape)
    ones = np.ones(map_.shape)
    seen = cells.usd[fit]
    # A rate is known up to the hottest cell that was reached while fitting; hotter ones count as that one.
    map_ = np.minimum(map_, map_[fit].max())
    base = _fitted([ones[fit], level[fit]], seen)
    full = _fitted([ones[fit], level[fit], map_[fit]], seen)
    plain = base[0] + base[1] * level
    helped = full[0] + full[1] * level + full[2] * map_
    days, place = np.unique(block[np.nonzero(test)[0]], return_inverse=True)
    floor = seen.mean() * 1e-6
    costs = [
        np.bincount(place, _deviance(rate[test] + floor, cells.usd[test]), len(days))
        for rate in (plain, helped)
    ]
    weights = draw_weights(len(days), rng)
    value = 1 - float(costs[1].sum() / costs[0].sum())
    return around(value, 1 - (weights @ costs[1]) / (weights @ costs[0]), len(days))


def _extremes(values: np.ndarray, first: np.ndarray, stop: np.ndarray, pick: np.ufunc) -> np.ndarray:
    """(S,) least or greatest of values[first:stop]; NaN for an empty stretch."""
    padded = np.append(values, values[-1])
    edges = np.stack([first, np.maximum(stop, first + 1)], axis=1).ravel()
    found = pick.reduceat(padded, np.minimum(edges, len(values)))[::2]
    return np.where(stop > first, found, np.nan)


def _realised(
    liquidations: pd.DataFrame, begin: np.ndarray, end: np.ndarray, price: np.ndarray, cell: float, count: int
) -> np.ndarray:
    """(S, K) USD of liquidations in each cell on its own side, within each horizon.

    Events repeat in every horizon that holds them, at most horizon / step times."""
    time = tables.microseconds(liquidations["time"])
    first, stop = np.searchsorted(time, begin, "right"), np.searchsorted(time, end, "right")
    many = stop - first
    row = np.repeat(np.arange(len(begin)), many)
    event = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    place = np.floor(np.log(trigger_prices(liquidations)[event] / price[row]) / cell).astype(int) + count
    below = (liquidations["side"] == "long").to_numpy()[event]
    kept = (place >= np.where(below, 0, count)) & (place < np.where(below, count, 2 * count))
    usd = liquidations["notional"].to_numpy(dtype=float)[event]
    return np.bincount(row[kept] * 2 * count + place[kept], usd[kept], len(begin) * 2 * count).reshape(
        len(begin), 2 * count
    )


def _profile(usd: np.ndarray, fit: np.ndarray, away: np.ndarray) -> np.ndarray:
    """(K / 2,) mean USD a reached cell by distance, smoothed over its neighbours and drawn to the mean."""
    steps = np.broadcast_to(away, usd.shape)[fit]
    size = int(away.max()) + 1
    total, many = np.bincount(steps, usd[fit], size), np.bincount(steps, minlength=size).astype(float)
    window = np.ones(min(5, size))
    total, many = (np.convolve(values, window, "same")[:size] for values in (total, many))
    return (total + usd[fit].mean()) / (many + 1.0)


def _fitted(parts: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
    """Weights ≥ 0 of an additive Poisson rate, by expectation and maximisation."""
    sums = np.array([part.sum() for part in parts])
    # A map that is empty wherever price went can explain nothing.
    weights = np.array([seen.sum() / total / len(parts) if total > 0 else 0.0 for total in sums])
    for _ in range(_ROUNDS):
        rate = sum(weight * part for weight, part in zip(weights, parts, strict=True)) + 1e-300
        explained = seen / rate
        weights = weights * np.array([float(part @ explained) for part in parts]) / np.maximum(sums, 1e-300)
    return weights


def _deviance(rate: np.ndarray, seen: np.ndarray) -> np.ndarray:
    return 2 * (seen * np.log(np.where(seen > 0, seen / rate, 1.0)) - (seen - rate))
