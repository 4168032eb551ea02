"""A map held against measured positions: ranks within bands of distance, and how much of it stands how near.

Distance alone explains most of any such map, so maps are compared inside bands of it. Arrays are (S,
2·COUNT): one row a snapshot, cells of half a per cent (`liqcore.lab.cells`), longs first and then shorts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.grid import HeatGrid
from liqcore.heat.snapshots import Snapshot
from liqcore.lab.cells import CELL, by_distance, distances, positions
from liqcore.lab.scoring import precision, spearman

COUNT: Final = 40
BANDS: Final = ((0.0, 0.05), (0.05, 0.10), (0.10, 0.20))
WITHIN: Final = (0.05, 0.10, 0.20)


def band_name(low: float, high: float) -> str:
    """`5 % to 10 %`."""
    return f"{wording.percent(low)} to {wording.percent(high)}"


def truth_cells(snapshot: Snapshot, price: float) -> tuple[np.ndarray, np.ndarray]:
    """(2·COUNT,) USD of measured positions in cells around a price, and (2,) USD of longs and shorts in
    all."""
    held = snapshot.positions
    usd = (held["quantity"] * held["liquidation_price"]).fillna(0.0)
    totals = np.array([float(usd[(held["side"] == side).to_numpy()].sum()) for side in tables.SIDES])
    return positions(held, price, CELL, COUNT), totals


def band_ranks(map_: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Band of distance → (S,) rank correlation of the cells in it, both sides together."""
    away = np.abs(distances(CELL, COUNT))
    # To the dollar: what rounding leaves in an empty cell is no rank.
    map_, truth = np.round(map_), np.round(truth)
    return {
        band_name(low, high): spearman(*(values[:, (away > low) & (away < high)] for values in (map_, truth)))
        for low, high in BANDS
    }


def matched_ranks(map_: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(S,) the mean of the rank correlations within the bands: what a map says beyond distance."""
    return np.mean(list(band_ranks(map_, truth).values()), axis=0)


def mass_within(cells: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """(S, 2, 3) share of each side's USD (S, 2) that stands within 5, 10 and 20 % of the price."""
    away = np.abs(distances(CELL, COUNT)) < np.array(WITHIN)[:, None]
    sides = cells.reshape(len(cells), 2, COUNT), away.reshape(len(WITHIN), 2, COUNT)
    inside = np.einsum("sdk,wdk->sdw", sides[0], sides[1].astype(float))
    return np.divide(inside, totals[:, :, None], out=np.zeros_like(inside), where=totals[:, :, None] > 0)


@dataclass(frozen=True, eq=False)
class Against:
    """A map held against one snapshot.

    Attributes
    ----------
    ranks : rank correlation by band of distance; 1 for the snapshot's own map, about 0 for one that knows
        nothing beyond distance.
    precision : share of the map's hottest tenth of cells that are among the truly hottest.
    mass, true_mass : (2, 3) share of USD of longs and of shorts within 5, 10 and 20 %.
    profile : DataFrame `distance` (signed, log), `model` and `measured` (share of the side's USD in the
    cell).
    """

    ranks: dict[str, float]
    precision: float
    mass: np.ndarray
    true_mass: np.ndarray
    profile: pd.DataFrame

    @property
    def sentence(self) -> str:
        """What it comes to, in one sentence."""
        mean = float(np.mean(list(self.ranks.values())))
        where = "; ".join(f"{wording.decimal(value, 2)} at {band}" for band, value in self.ranks.items())
        agree = "hardly agree beyond distance" if mean < 0.3 else "agree in part" if mean < 0.7 else "agree"
        return f"Model and measured positions {agree}: rank correlation {where} from the price."


def against(model: HeatGrid, snapshot: Snapshot, price: float, column: int = -1) -> Against:
    """Hold one column of a map against a snapshot; the map should reach 20 % and more to each side."""
    at = np.array([price])
    cells = by_distance(model, at, CELL, COUNT, slice(column, None if column == -1 else column + 1))
    sums = np.array(
        [
            [float(side[column].sum(dtype=float)) + beyond]
            for side, beyond in ((model.long, model.outside_long), (model.short, model.outside_short))
        ]
    ).T
    truth, totals = truth_cells(snapshot, price)
    true = truth[None, :]
    own, real = (
        values.reshape(2, COUNT) / np.maximum(whole.reshape(2, 1), 1e-300)
        for values, whole in ((cells, sums), (true, totals))
    )
    return Against(
        ranks={band: float(value[0]) for band, value in band_ranks(cells, true).items()},
        precision=float(precision(cells, true)[0]),
        mass=mass_within(cells, sums)[0],
        true_mass=mass_within(true, totals[None, :])[0],
        profile=pd.DataFrame(
            {"distance": distances(CELL, COUNT), "model": own.ravel(), "measured": real.ravel()}
        ),
    )
