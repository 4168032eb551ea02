"""Hot bands: stretches of price that hold more than their surroundings explain, in every column of a map.

This is the arithmetic under `clusters.py`. Everything here is causal: what is found in a column depends on
that column and earlier ones only. Nothing depends on the bins of the map on screen: bands are counted in bins
of log price of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from liqcore.heat.grid import GridError
from liqcore.heat.price_path import PricePath as PricePath

# Columns of a stock are asked one after the other, and each is another chance to be fooled.
_STOCK_SHARE = 0.03


@dataclass(frozen=True)
class ClusterRule:
    """What counts as a hot band, and when two bands are the same one. Every number is an assumption.

    Attributes
    ----------
    alpha : chance that a map on which nothing stands out shows a cluster all the same (0.05 is 1 map in 20).
        A column of a stock is held to 3 % of it, because each of many columns is asked.
    window : hours of events that a column of a realised map stands for; None for 24, or as far back as there
        were 100 orders of the side, up to a week.
    reach : bands of a stock are searched within this log-distance of the price (0.15 is about ±15 %).
    minimum_usd, minimum_share : least heat of a band, in USD and as a share of its side.
    overlap, tolerance : bands of two columns are one cluster when their intervals overlap by this share of
        their union, or else when their centres differ by less than this share of price.
    growth, decay : ratio of heat now to heat `last` columns ago that counts as grown, or as shrunk or gone.
    shift, shift_range : a centre has shifted when it moved by more than this share of price and more than so
        many average true ranges.
    patience : observed columns a cluster may go unseen, with its heat still there, before it has dissipated.
    memory : columns for which a dead cluster can re-emerge.
    """

    alpha: float = 0.05
    window: float | None = None
    reach: float = 0.15
    minimum_usd: float = 0.0
    minimum_share: float = 0.005
    overlap: float = 0.3
    tolerance: float = 0.0015
    growth: float = 1.5
    decay: float = 0.5
    shift: float = 0.002
    shift_range: float = 0.25
    patience: int = 3
    memory: int = 96

    def __post_init__(self) -> None:
        if not (self.reach > 0 and 0 < self.alpha <= 0.5 and (self.window is None or self.window > 0)):
            raise GridError(
                "A cluster rule needs a reach above 0, an alpha above 0 and at most 0.5, and a window above 0"
                " hours."
            )
        if self.growth <= 1 or not 0 < self.decay < 1:
            raise GridError("A cluster rule needs a growth above 1 and a decay between 0 and 1.")
        if min(self.patience, self.memory) < 1:
            raise GridError("Patience and memory of a cluster rule are 1 or more.")

    @property
    def flow_alpha(self) -> float:
        """Chance of a false cluster on one side of a realised map."""
        return self.alpha / 2

    @property
    def stock_alpha(self) -> float:
        """Chance of a false cluster on one side of one column of a stock."""
        return self.alpha * _STOCK_SHARE


@dataclass(frozen=True, eq=False)
class Bands:
    """Hot bands of all observed columns as parallel arrays (N,), sorted by side, column and distance.

    `row` numbers (side, observed column) as side · (C + 1) + column, with long 0 and short 1. `low` and
    `high` are bins between `edges` (P + 1,) USD, half-open. `notional`, `peak`, `expected` are USD, `centre`
    USD price. `expected` is what the null puts there: of a flow the most that any explanation of the price
    path does, of a stock the smooth profile. `chance` is the corrected one, `orders` the number of orders,
    NaN for a stock. `strong` marks bands that begin a cluster; the others can only carry one on. `busy` marks
    those that would, if one busy moment did not explain them.
    `silent` tells for each side whether the latest column of a stock is too empty to be judged.
    `columns` (C,) are the grid's observed columns, `heat` the two (C, P) arrays that were searched, and
    `since` (2, C) the first of `columns` that each row of a flow sums up; None for a stock.
    """

    columns: np.ndarray
    edges: np.ndarray
    heat: tuple[np.ndarray, np.ndarray]
    since: np.ndarray | None
    row: np.ndarray
    low: np.ndarray
    high: np.ndarray
    notional: np.ndarray
    peak: np.ndarray
    centre: np.ndarray
    expected: np.ndarray
    chance: np.ndarray
    orders: np.ndarray
    strong: np.ndarray
    busy: np.ndarray
    silent: tuple[bool, bool] = (False, False)

    @property
    def side(self) -> np.ndarray:
        return self.row // (len(self.columns) + 1)

    @property
    def column(self) -> np.ndarray:
        return self.row % (len(self.columns) + 1)

    @property
    def flow(self) -> bool:
        return self.since is not None

    @property
    def z(self) -> np.ndarray:
        """(N,) how far beyond chance, as standard deviations of a bell curve (one-sided)."""
        return -ndtri(np.clip(self.chance, 1e-300, 1 - 1e-12))

    def where(self, keep: np.ndarray) -> Bands:
        """Only those bands."""
        return replace(self, **{name: getattr(self, name)[keep] for name in ROWS})


ROWS = ("row", "low", "high", "notional", "peak", "centre", "expected", "chance", "orders", "strong", "busy")


def no_bands(
    columns: np.ndarray, edges: np.ndarray, heat: tuple[np.ndarray, np.ndarray], flow: bool
) -> Bands:
    """Bands of a map in which none was found."""
    whole, real, never = np.empty(0, dtype=np.intp), np.empty(0), np.empty(0, dtype=bool)
    since = np.zeros((2, len(columns)), dtype=np.intp) if flow else None
    return Bands(
        columns, edges, heat, since, whole, whole, whole, real, real, real, real, real, real, never, never
    )
