"""A week of hourly snapshots of 3,000 holders into 2 × 168 × 400 cells, against pandas, in one run."""

import numpy as np
import pandas as pd

from benchmarks.conftest import run_race
from liqcore.heat.measured import measured_heatmap
from liqcore.heat.snapshots import Snapshot
from tests.heat.census import AT, MARK, census

HOURS, HOLDERS = 168, 3_000
EDGES = np.geomspace(MARK / 1.5, MARK * 1.5, 401)


def with_pandas(tables: list[pd.DataFrame]) -> np.ndarray:
    """(2, T, P) by `concat`, `cut` and `groupby`, the usual way."""
    table = pd.concat([one.assign(snapshot=hour) for hour, one in enumerate(tables)], ignore_index=True)
    told = table.dropna(subset="liquidation_price")
    usd = told["quantity"] * told["liquidation_price"]
    band = pd.cut(told["liquidation_price"], EDGES, right=False)
    wide = usd.groupby([told["side"], told["snapshot"], band], observed=False).sum()
    return wide.to_numpy().reshape(2, HOURS, len(EDGES) - 1)


def test_a_measured_map_is_several_times_faster_than_a_groupby(benchmark):
    moments = [AT + pd.Timedelta(hours=hour) for hour in range(HOURS)]
    tables = [census(HOLDERS, seed, at) for seed, at in enumerate(moments)]
    held = [
        Snapshot(at.tz_localize(None).to_datetime64(), "hyperliquid", table, 1e5, MARK)
        for at, table in zip(moments, tables, strict=True)
    ]
    race = run_race(lambda: measured_heatmap(held, price_edges=EDGES), lambda: with_pandas(tables))
    grid = race.our_result
    assert grid.shape[1] == len(EDGES) - 1
    # Each snapshot is a column of its own; the last stands on until it is too old.
    np.testing.assert_allclose(
        np.stack([grid.long, grid.short])[:, :HOURS].sum(axis=2), race.baseline_result.sum(axis=2), rtol=1e-5
    )
    benchmark.extra_info.update(ratio=race.ratio, ours_ms=1e3 * race.ours, pandas_ms=1e3 * race.baseline)
    benchmark.pedantic(lambda: measured_heatmap(held, price_edges=EDGES), rounds=1)
    print(f"{1e3 * race.ours:.0f} ms against {1e3 * race.baseline:.0f} ms: {race.ratio:.1f} times")
    assert race.ratio > 2
