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
from liqcore.service.dataset import Dataset
from liqcore.service.together import combine

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


@pytest.mark.parametrize("apart", ["3s", "-700ms", "each its own", "whole minutes"])
def test_one_venue_that_two_tools_recorded_counts_once(apart):
    """One tool writes when a liquidation happened, the other when it heard of it."""
    one = pd.concat([table(), table().head(3)]).assign(venue="bybit")
    times = pd.to_datetime(one["time"])
    late = pd.to_timedelta(np.random.default_rng(5).uniform(0, 20, len(one)), unit="s")
    other = {"each its own": lambda: times + late, "whole minutes": lambda: times.dt.floor("min")}.get(
        apart, lambda: times + pd.Timedelta(apart)
    )()
    mine = one.assign(time=other.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    # One has five that the other missed, and one more of two that are told alike.
    only = pd.concat([table(7, 5).assign(venue="bybit"), mine.head(2)])
    data = together(a=one, b=pd.concat([mine, only]))
    assert data.liquidations is not None
    assert len(data.liquidations) == N + 3 + 5 + 2
    assert any("under another time, and count once" in note for note in data.notes)


def test_equal_sizes_within_a_minute_in_two_files_are_two_venues():
    """Round sizes at round prices meet by chance, and a few rows prove nothing."""
    rng = np.random.default_rng(3)
    seconds = pd.to_timedelta(np.sort(rng.integers(0, 80_000, 2 * N)), unit="s")
    time = (pd.Timestamp("2026-03-02", tz="UTC") + seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
    both = pd.DataFrame({"time": time, "side": "long", "price": 28_000.0, "quantity": 0.1})
    for one, other in ((both[::2], both[1::2]), (both[:4:2], both[1:4:2])):
        data = together(a=one, b=other)
        assert data.liquidations is not None
        assert len(data.liquidations) == len(one) + len(other)


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
