"""Grids and liquidations to test with: plain ones, and hypothesis strategies for all others."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd

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
        long=long,
        short=np.zeros_like(long) if short is None else short,
        **more,
    )


@st.composite
def grids(
    draw: st.DrawFn, kind: str | None = None, shape: tuple[int, int] | None = None, edges: Any = None
) -> HeatGrid:
    """Grids of any kind and spacing, with empty cells, gaps, and USD outside."""
    t, p = shape or (draw(st.integers(1, 7)), draw(st.integers(1, 9)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = 10.0 ** draw(st.integers(0, 9))

    def cells() -> np.ndarray:
        return rng.exponential(size, (t, p)) * (rng.random((t, p)) < draw(st.sampled_from([0.3, 1.0])))

    if edges is None:
        edges = draw(
            st.sampled_from([np.linspace(50_000, 70_000, p + 1), np.geomspace(20_000, 90_000, p + 1)])
        )
    return make(
        cells(),
        cells(),
        kind=kind or draw(st.sampled_from(KINDS)),
        edges=edges,
        outside_long=float(rng.random() * size),
        outside_short=float(rng.random() * size),
        observed=rng.random(t) < 0.8,
    )


def usd(grid: HeatGrid, side: str) -> float:
    """Everything a grid accounts for on one side: all cells of a flow, the last column of a stock, and the
    outside."""
    cells = getattr(grid, side)
    cells = cells[-1] if grid.is_stock else cells
    return float(cells.astype(float).sum()) + float(getattr(grid, "outside_" + side))


def venue(name: str, completeness: str = "all", **more: Any) -> VenueCoverage:
    return VenueCoverage(name, completeness, **more)


EPOCH = pd.Timestamp("2026-03-01", tz="UTC")


def events(rows: list[tuple[float, str, float, float]], **columns: Any) -> pd.DataFrame:
    """Liquidations from rows of (minutes after 2026-03-01, side, price, notional)."""
    minutes, side, price, notional = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    )
    return pd.DataFrame(
        {
            "time": EPOCH + pd.to_timedelta(np.array(minutes, dtype=float) * 60e6, unit="us").round("us"),
            "side": side,
            "price": np.array(price, dtype=float),
            "notional": np.array(notional, dtype=float),
            **columns,
        }
    )


FRAME = events([(0, "long", 59_000.0, 1.0), (60, "short", 61_000.0, 2.0)])

# Round prices and whole minutes put many events exactly on edges.
event_prices = st.one_of(
    st.sampled_from([59_000.0, 60_000.0, 60_100.0, 60_500.0, 61_000.0]), st.floats(50_000, 70_000)
)
event_minutes = st.one_of(
    st.integers(0, 3000).map(float), st.sampled_from([0.0, 15.0, 60.0, 240.0, 1440.0]), st.floats(0, 3000)
)
event_rows = st.tuples(event_minutes, st.sampled_from(SIDES), event_prices, st.floats(0.01, 1e8))
event_lists = st.lists(event_rows, min_size=1, max_size=30)
