"""Files that tell the same: a download that was dropped twice, a day beside its month."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds import files
from liqcore.feeds.files import FileContents
from liqcore.heat.agreement import agreement
from liqcore.heat.realised import realised_heatmap
from liqcore.service.dataset import Dataset, combine

N = 60


def table(seed: int = 1, number: int = N, start: str = "2026-03-02") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    time = pd.Timestamp(start, tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 80_000, number)), unit="s")
    return pd.DataFrame(
        {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "side": rng.choice(["long", "short"], number),
            "price": 28_000 + rng.integers(-500, 500, number) / 2,
            "quantity": rng.integers(1, 900, number) / 1000,
        }
    )


def together(**tables: pd.DataFrame) -> Dataset:
    def read(name: str, frame: pd.DataFrame) -> FileContents:
        file = io.BytesIO(frame.to_csv(index=False).encode())
        file.name = f"{name}.csv"
        return files.read(file)

    return combine(
        [read(name, frame) for name, frame in tables.items()], [f"{name}.csv" for name in tables], "mine"
    )


@pytest.mark.parametrize("copies", [2, 3])
def test_a_download_that_was_dropped_twice_counts_once(copies):
    one = table()
    data = together(**{f"liqs{number or ''}": one for number in range(copies)})
    assert data.liquidations is not None
    assert len(data.liquidations) == N
    assert any("count once" in note for note in data.notes)


def test_a_day_beside_its_month_counts_once_and_what_only_one_has_stays():
    month = pd.concat([table(seed, start=f"2026-03-0{seed}") for seed in (1, 2, 3)])
    day = pd.concat([table(2, start="2026-03-02"), table(9, 5, "2026-03-02")])
    data = together(month=month, day=day)
    assert data.liquidations is not None
    assert len(data.liquidations) == 3 * N + 5


def test_equal_liquidations_of_one_file_and_chance_twins_of_two_stay():
    rows = pd.concat([table(1), table(1).head(3)])
    other = pd.concat([table(2), table(1).head(4)])
    data = together(a=rows, b=other)
    assert data.liquidations is not None
    assert len(data.liquidations) == N + 3 + N + 4
    assert not any("count once" in note for note in data.notes)


def test_two_copies_confirm_nothing():
    data = together(a=table(), b=table())
    assert data.liquidations is not None
    names = data.liquidations["venue"].unique().tolist()
    maps = {
        name: realised_heatmap(data.liquidations[data.liquidations["venue"] == name], "1h", 60)
        for name in names
    }
    assert len(maps) == 1
    assert agreement(maps, 28_000.0, liquidations=data.liquidations).verdict == "cannot say"
