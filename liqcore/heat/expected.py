"""The expected map: what the price path alone would have put where, beside what was liquidated there.

Liquidations print where price goes, above all where it had not been for hours. Spread over that path, the
same orders give a map that looks much like the realised one: only what the two do not share says something
about a level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat import opportunity, scan
from liqcore.heat.grid import GridError, HeatGrid, Provenance
from liqcore.heat.ground import Ground, ground_of
from liqcore.heat.price_path import price_path

SOURCE = "what the price path alone would put there"
_FLAG = (
    "Expected, not realised: the orders of each side spread over where price travelled towards them, new"
    " ground ten times. No liquidation lies where this map shows one."
)
# Bands of the profile: 25 bp of log price.
_BAND = 5
# Share of a column's fullest cell below which nothing is drawn.
_DUST = 0.01


@dataclass(frozen=True, eq=False)
class Expected:
    """What happened beside what the path explains.

    Attributes
    ----------
    grid : HeatGrid on the edges of the realised one, USD: each side's total spread over the path.
    profile : DataFrame by band of price and side, `side`, `price_low`, `price_high`, `orders`, `expected`
        (orders) and `ratio` (NaN where hardly one is expected); the fullest bands first.
    notes : what limits this, as sentences.
    """

    grid: HeatGrid
    profile: pd.DataFrame
    notes: tuple[str, ...]


def expected_heatmap(
    grid: HeatGrid, candles: pd.DataFrame | np.ndarray, liquidations: pd.DataFrame | None = None
) -> Expected:
    """Spread the orders of a realised map over the path of price: opportunity times the number of orders.

    Parameters
    ----------
    grid : realised HeatGrid. candles : candles table, best of a minute, or (T,) closing prices.
    liquidations : liquidations table behind the grid; without it each filled cell counts as one order.

    Raises
    ------
    GridError
        A grid of another kind, or no candles, without which there is no path.
    """
    if grid.kind != "realised":
        raise GridError(f"An expected map stands beside a realised one, not beside a {grid.kind} one.")
    table = tables.ensure(candles, "candles") if isinstance(candles, pd.DataFrame) else None
    if table is not None and table.empty:
        raise GridError("Without candles there is no path to expect liquidations on. Add a candles file.")
    events = None if liquidations is None else tables.ensure(liquidations, "liquidations")
    ground = ground_of(grid, price_path(grid, candles), table, events)
    if ground.bars is None or ground.guessed:
        raise GridError(
            "The candles do not belong to these liquidations, so there is no path to expect them on."
        )
    spread = [_spread(ground, side) for side in (0, 1)]
    totals = (float(heat.sum(dtype=np.float64)) for heat in (grid.long, grid.short))
    cells = [_on_grid(grid, ground, part * total) for part, total in zip(spread, totals, strict=True)]
    made = replace(
        grid,
        long=cells[0],
        short=cells[1],
        outside_long=0.0,
        outside_short=0.0,
        provenance=Provenance(
            source=SOURCE,
            venues=grid.provenance.venues,
            as_of=grid.provenance.as_of,
            model="expected by the price path",
            flags=(_FLAG,),
        ),
    )
    return Expected(made, _profile(ground, spread), ground.notes)


def _spread(ground: Ground, side: int) -> np.ndarray:
    """(C, P) share of all orders of a side in each column and bin, by travel into new ground."""
    weights = ground.travelled(side)[3] * ground.heard[:, None]
    total = weights.sum(axis=1)
    return opportunity.shares(weights, spill=False) * (total / max(float(total.sum()), 1e-12))[:, None]


def _on_grid(grid: HeatGrid, ground: Ground, usd: np.ndarray) -> np.ndarray:
    """(T, P) USD (C, bins of the lattice) in the cells of a grid; what lies beyond its prices is left out."""
    run = scan.running(usd)
    place = np.clip(
        np.log(grid.price_edges) / opportunity.STEP - ground.lattice.first, 0, ground.lattice.size
    )
    below = np.minimum(place.astype(np.intp), ground.lattice.size - 1)
    at = run[:, below] + (place - below) * (run[:, below + 1] - run[:, below])
    cells = np.diff(at, axis=1)
    # What the blur leaves far from the path is no expectation.
    cells[cells < _DUST * cells.max(axis=1, keepdims=True, initial=0.0)] = 0.0
    out = np.zeros(grid.shape, dtype=np.float32)
    out[np.flatnonzero(np.asarray(grid.observed))] = cells
    return out


def _profile(ground: Ground, spread: list[np.ndarray]) -> pd.DataFrame:
    edges, size = ground.lattice.edges, ground.lattice.size
    starts = np.arange(0, size, _BAND)
    rows = []
    for side, name in enumerate(tables.SIDES):
        mine = ground.orders.side == side
        counts = np.bincount(ground.bin[mine], ground.orders.weight[mine], minlength=size)
        expected = spread[side].sum(axis=0) * counts.sum()
        rows.append(
            pd.DataFrame(
                {
                    "side": name,
                    "price_low": edges[starts],
                    "price_high": edges[np.minimum(starts + _BAND, size)],
                    "orders": np.add.reduceat(counts, starts),
                    "expected": np.add.reduceat(expected, starts),
                }
            )
        )
    table = pd.concat(rows, ignore_index=True)
    table["ratio"] = np.where(
        table["expected"] >= 1, table["orders"] / np.maximum(table["expected"], 1), np.nan
    )
    return table.sort_values("orders", ascending=False, ignore_index=True)
