"""Control levels: as far from the price, on the same side, at moments already past that were alike.

For each level, earlier moments are drawn whose outcome was known when the level was fixed, whose volatility
lay in the same third of its own past, and at which a level as far away would be as near to a round number. Of
those drawn, the ones of most similar volatility are kept. Nothing later is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore.lab.baselines import round_step

_FEWEST = 200
_CHUNK = 20_000
_NEAR_ROUND = 0.1


@dataclass(frozen=True)
class Controls:
    """Moments beside each of N levels: `bar` (N, K), −1 where fewer were found; `known` (N,) all K were."""

    bar: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return np.asarray((self.bar >= 0).all(axis=1))


def volatility(close: np.ndarray, span: int) -> np.ndarray:
    """(T,) a bar's usual log return as felt at each close, faded over `span` bars; NaN for the first of
    them."""
    squares = pd.Series(np.diff(np.log(close), prepend=np.nan) ** 2)
    return np.sqrt(squares.ewm(span=span, min_periods=span).mean().to_numpy())


def terciles(felt: np.ndarray, memory: int) -> np.ndarray:
    """(T,) 0 to 2: the rank of each bar's volatility among the `memory` bars before it; −1 where unknown."""
    rank = pd.Series(felt).rolling(memory, min_periods=min(_FEWEST, memory)).rank(pct=True).to_numpy()
    return np.where(np.isnan(rank), -1, np.minimum(np.nan_to_num(rank) * 3, 2)).astype(np.int8)


def near_round(price: np.ndarray) -> np.ndarray:
    """Whether prices lie within a tenth of a step of a round number."""
    step = round_step(price)
    return np.abs(price - np.round(price / step) * step) <= _NEAR_ROUND * step


def matched(
    bar: np.ndarray,
    distance: np.ndarray,
    close: np.ndarray,
    felt: np.ndarray,
    reach: int,
    memory: int,
    rng: np.random.Generator,
    keep: int = 10,
    drawn: int = 120,
) -> Controls:
    """Controls of levels at signed log `distance` (N,) from the close of `bar` (N,).

    Parameters
    ----------
    close, felt : (T,) USD and volatility. reach : bars until an outcome is known. memory : how many bars back
        controls may lie. keep, drawn : controls kept of so many drawn for each level.
    """
    third = terciles(felt, memory)
    out = np.full((len(bar), keep), -1, dtype=np.int64)
    for tercile in range(3):
        pool = np.flatnonzero(third == tercile)
        mine = np.flatnonzero(third[bar] == tercile)
        for begin in range(0, len(mine), _CHUNK):
            some = mine[begin : begin + _CHUNK]
            out[some] = _nearest(
                bar[some], distance[some], pool, close, felt, (reach, memory), rng, keep, drawn
            )
    return Controls(out)


def _nearest(
    bar: np.ndarray,
    distance: np.ndarray,
    pool: np.ndarray,
    close: np.ndarray,
    felt: np.ndarray,
    span: tuple[int, int],
    rng: np.random.Generator,
    keep: int,
    drawn: int,
) -> np.ndarray:
    reach, memory = span
    stop = np.searchsorted(pool, bar - reach, "right")
    first = np.searchsorted(pool, bar - memory, "left")
    many = stop - first
    enough = many >= _FEWEST
    draw = first[:, None] + (rng.random((len(bar), drawn)) * many[:, None]).astype(np.int64)
    other = pool[np.clip(draw, 0, len(pool) - 1)]
    shift = np.exp(distance)
    alike = near_round(close[other] * shift[:, None]) == near_round(close[bar] * shift)[:, None]
    apart = np.where(alike, np.abs(np.log(felt[other] / felt[bar][:, None])), np.inf)
    best = np.argpartition(apart, keep, axis=1)[:, :keep]
    chosen = np.take_along_axis(other, best, axis=1)
    fits = np.isfinite(np.take_along_axis(apart, best, axis=1)) & enough[:, None]
    return np.where(fits, chosen, -1)
