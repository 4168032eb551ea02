"""Ten million liquidations into 2 × 400 × 300 cells, against pandas, in one run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.grid import HeatGrid
from liqcore.heat.realised import realised_heatmap

EVENTS = 10_000_000
COLUMNS, BINS = 400, 300
STEP = pd.Timedelta("15min")
START = pd.Timestamp("2026-03-01", tz="UTC")
WINDOW: dict[str, Any] = {
    "timeframe": "15min",
    "bins": BINS,
    "start": START,
    "end": START + COLUMNS * STEP,
    "price_range": (50_000.0, 70_000.0),
}


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    """A checked table: five venues, prices that wander and at times leave the window."""
    rng = np.random.default_rng(7)
    micros = np.sort(rng.integers(0, COLUMNS * STEP.value // 1000, EVENTS)) + START.value // 1000
    wander = 60_000 + 5_000 * np.sin(np.linspace(0, 12, EVENTS))
    price = wander + rng.normal(0, 1_500, EVENTS).round(1)
    quantity = rng.exponential(0.2, EVENTS) + 1e-4
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": pd.to_datetime(micros, unit="us", utc=True),
                "venue": pd.Categorical.from_codes(
                    rng.integers(0, 5, EVENTS).astype("int8"), [f"venue {letter}" for letter in "abcde"]
                ),
                "side": pd.Categorical.from_codes(
                    rng.integers(0, 2, EVENTS).astype("int8"), list(tables.SIDES)
                ),
                "price": price,
                "quantity": quantity,
            }
        )
    )


def with_pandas(events: pd.DataFrame, grid_edges: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
    """The usual way: cut time and price into bins, then pivot."""
    t_edges, p_edges = grid_edges
    time_bin = pd.cut(events["time"], pd.DatetimeIndex(t_edges, tz="UTC"), right=False, labels=False)
    price_bin = pd.cut(events["price"], p_edges, right=False, labels=False)
    frame = pd.DataFrame(
        {"time": time_bin, "price": price_bin, "side": events["side"], "usd": events["notional"]}
    )
    return frame.pivot_table(
        index=["side", "time"], columns="price", values="usd", aggfunc="sum", observed=True
    )


def read_once(events: pd.DataFrame) -> float:
    """The floor: numpy's sum of each column that binning needs, which touches every value once."""
    columns = (
        tables.microseconds(events["time"]),
        events["price"].to_numpy(),
        events["notional"].to_numpy(),
        *(events[name].array.codes for name in ("side", "venue", "completeness", "price_kind")),
    )
    return sum(float(column.sum()) for column in columns)


def test_binning_takes_at_most_six_times_as_long_as_reading(
    events: pd.DataFrame, race: Callable[..., Any]
) -> None:
    first = realised_heatmap(events, **WINDOW)
    assert first.shape == (COLUMNS, BINS)
    edges = (first.time_edges, first.price_edges)
    read = race(lambda: realised_heatmap(events, **WINDOW), lambda: read_once(events), rounds=4)
    cut = race(lambda: realised_heatmap(events, **WINDOW), lambda: with_pandas(events, edges))
    print(
        f"\nrealised, 10⁷ events into 2 × {COLUMNS} × {BINS}: {1e3 * read.ours:.0f} ms CPU,"
        f" a sum of each column {1e3 * read.baseline:.0f} ms ({1 / read.ratio:.1f} floors),"
        f" pandas.cut + pivot_table {1e3 * cut.baseline:.0f} ms ({cut.ratio:.1f} times)"
    )
    table = cut.baseline_result
    for side in tables.SIDES:
        pivot = table.loc[side].reindex(index=range(COLUMNS), columns=range(BINS)).fillna(0.0).to_numpy()
        np.testing.assert_allclose(getattr(cut.our_result, side), pivot, rtol=1e-4, atol=0.01)
    assert read.ours <= 6 * read.baseline


def test_cells_agree_with_numpy(events: pd.DataFrame) -> None:
    grid: HeatGrid = realised_heatmap(events, **WINDOW)
    micros, price, usd = (
        tables.microseconds(events["time"]),
        events["price"].to_numpy(),
        events["notional"].to_numpy(),
    )
    for code, side in enumerate(tables.SIDES):
        of_side = events["side"].array.codes == code
        expected, _, _ = np.histogram2d(
            micros[of_side],
            price[of_side],
            bins=[grid.time_edges.astype("int64").astype(float), grid.price_edges],
            weights=usd[of_side],
        )
        np.testing.assert_allclose(getattr(grid, side), expected, rtol=1e-5, atol=0.01)
        inside, outside = getattr(grid, side).sum(dtype=float), getattr(grid, "outside_" + side)
        assert outside > 0
        assert inside + outside == pytest.approx(usd[of_side].sum(), rel=1e-6)


def test_binning_needs_little_memory_beside_its_input(
    events: pd.DataFrame, peak_megabytes: Callable[..., float]
) -> None:
    peak = peak_megabytes(lambda: realised_heatmap(events, **WINDOW))
    print(f"\nrealised, 10⁷ events into 2 × {COLUMNS} × {BINS}: {peak:.1f} MB extra at the peak")
    assert peak < 32
