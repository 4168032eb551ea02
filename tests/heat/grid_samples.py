"""Grids to test with: a plain one, and a hypothesis strategy for all others."""

from typing import Any

import hypothesis.strategies as st
import numpy as np

from liqcore.heat.grid import HeatGrid, VenueCoverage

START = np.datetime64("2026-03-01T00:00", "us")
HOUR = np.timedelta64(1, "h")
KINDS = ("realised", "modelled", "measured")
SIDES = ("long", "short")


def make(long: Any, short: Any = None, *, kind: str = "realised", edges: Any = None, **more: Any) -> HeatGrid:
    """A grid of hourly columns; by default 100 USD bins from 1,000 USD."""
    long = np.asarray(long, dtype=float)
    return HeatGrid(
        kind=kind,  # type: ignore[arg-type]
        time_edges=START + HOUR * np.arange(long.shape[0] + 1),
        price_edges=1000.0 + 100 * np.arange(long.shape[1] + 1) if edges is None else edges,
        long=long, short=np.zeros_like(long) if short is None else short, **more,
    )


@st.composite
def grids(draw: st.DrawFn, kind: str | None = None, shape: tuple[int, int] | None = None, edges: Any = None) -> HeatGrid:
    """Grids of any kind and spacing, with empty cells, gaps, and USD outside."""
    t, p = shape or (draw(st.integers(1, 7)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = 10.0 ** draw(st.integers(0, 9))

    def cells() -> np.ndarray:
        return rng.exponential(size, (t, p)) * (rng.random((t, p)) < draw(st.sampled_from([0.3, 1.0])))

    if edges is None:
        edges = draw(st.sampled_from([np.linspace(50_000, 70_000, p + 1), np.geomspace(20_000, 90_000, p + 1)]))
    return make(
        cells(), cells(), kind=kind or draw(st.sampled_from(KINDS)), edges=edges,
        outside_long=float(rng.random() * size), outside_short=float(rng.random() * size), observed=rng.random(t) < 0.8,
    )


def usd(grid: HeatGrid, side: str) -> float:
    """Everything a grid accounts for on one side: all cells of a flow, the last column of a stock, and the outside."""
    cells = getattr(grid, side)
    cells = cells[-1] if grid.is_stock else cells
    return float(cells.astype(float).sum()) + float(getattr(grid, "outside_" + side))


def venue(name: str, completeness: str = "all", **more: Any) -> VenueCoverage:
    return VenueCoverage(name, completeness, **more)
