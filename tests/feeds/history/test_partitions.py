"""Partitions give back what was put in, know what to ask for, and survive what disks and processes do."""

import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from liqcore import tables
from liqcore.feeds.history import partitions
from liqcore.feeds.history.partitions import PATIENCE, Files, Partitions, Series, _runs, _without, joined

MINUTE = 60_000_000
START = int(np.datetime64("2025-10-30T00:00", "us").astype("int64"))
BARS = Series("candles", "binance", "5m")


def bars(first, count, step=5, close=60_000.0):
    time = pd.to_datetime(first + np.arange(count) * step * MINUTE, unit="us", utc=True)
    return tables.candles(
        pd.DataFrame(
            {"time": time, "open": close, "high": close, "low": close, "close": close, "volume": 1.0}
        )
    )


def test_months_come_back_whole_and_only_what_is_missing_is_asked(tmp_path):
    held, now = Partitions(str(tmp_path)), START + 10 * 86_400 * 1_000_000
    week = bars(START, 7 * 288)
    end = START + 7 * 288 * 5 * MINUTE
    assert held.missing(BARS, START, end, now) == [(START, end)]
    held.add(BARS, week, [(START, end)], now)
    pd.testing.assert_frame_equal(held.held(BARS, START, end), week)
    assert held.missing(BARS, START, end, now) == []
    assert held.missing(BARS, START - MINUTE, end + MINUTE, now) == [
        (START - MINUTE, START),
        (end, end + MINUTE),
    ]
    assert sorted(path.parent.name for path in tmp_path.rglob("part.parquet")) == [
        "month=2025-10",
        "month=2025-11",
    ]
    pd.testing.assert_frame_equal(
        held.held(BARS, START + 5 * MINUTE, START + 15 * MINUTE), week.iloc[1:3].reset_index(drop=True)
    )


def test_files_read_are_held_once_each_and_within_a_bound(tmp_path):
    held, files = Partitions(str(tmp_path)), Files(200_000)
    path = held._path(BARS, "2025-10")

    def read():
        told = held._system()[0].get_file_info(path)
        return files.read(held.root, path, told.mtime_ns, told.size)[0]

    sizes = []
    for minute in range(1, 30):
        held.add(BARS, bars(START, minute), [(START, START + minute * 5 * MINUTE)], START)
        frame = read()
        assert len(frame) == minute, "a file that was written anew is read anew"
        assert read() is frame
        sizes.append(files.size)
    assert sizes[-1] < 29 * 100 + 5_000, "what the month was before is held no longer"
    for venue in range(6):
        other = Series("candles", f"venue{venue}", "5m")
        held.add(other, bars(START, 900), [], START)
        for month in ("2025-10", "2025-11"):
            found = held._path(other, month)
            told = held._system()[0].get_file_info(found)
            files.read(held.root, found, told.mtime_ns, told.size)
    assert files.size <= 200_000
    assert len(read()) == 29


def test_a_hole_is_left_alone_for_a_while_and_then_asked_again(tmp_path):
    held, now = Partitions(str(tmp_path)), START + 86_400 * 1_000_000
    whole = bars(START, 288)
    holed = whole.drop(index=range(100, 112)).reset_index(drop=True)
    span = (START, START + 288 * 5 * MINUTE)
    held.add(BARS, holed, [span], now)
    assert held.missing(BARS, *span, now + PATIENCE - 1) == []
    hole = (START + 100 * 5 * MINUTE, START + 112 * 5 * MINUTE)
    assert held.missing(BARS, *span, now + PATIENCE) == [hole]
    held.add(BARS, whole.iloc[100:112], [hole], now + PATIENCE)
    pd.testing.assert_frame_equal(held.held(BARS, *span), whole)


def test_the_later_version_of_a_bar_stays(tmp_path):
    held = Partitions(str(tmp_path))
    held.add(BARS, bars(START, 3), [(START, START + 15 * MINUTE)], START)
    held.add(
        BARS,
        bars(START + 10 * MINUTE, 1, close=61_000.0),
        [(START + 10 * MINUTE, START + 15 * MINUTE)],
        START,
    )
    assert held.held(BARS, START, START + 15 * MINUTE)["close"].tolist() == [60_000.0, 60_000.0, 61_000.0]


def test_a_damaged_file_is_set_aside_and_asked_again(tmp_path):
    held, span = Partitions(str(tmp_path)), (START, START + 15 * MINUTE)
    held.add(BARS, bars(START, 3), [span], START)
    path = next(tmp_path.rglob("part.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    assert held.held(BARS, *span).empty
    assert held.missing(BARS, *span, START) == [span]
    assert path.with_suffix(".damaged").exists()
    held.add(BARS, bars(START, 3), [span], START)
    assert len(held.held(BARS, *span)) == 3


def test_two_writers_lose_nothing(tmp_path):
    held = Partitions(str(tmp_path))

    def write(part):
        for i in range(part, 24, 2):
            first = START + i * 60 * MINUTE
            held.add(BARS, bars(first, 12), [(first, first + 60 * MINUTE)], START)

    workers = [threading.Thread(target=write, args=(part,)) for part in (0, 1)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert len(held.held(BARS, START, START + 24 * 60 * MINUTE)) == 288


def test_a_full_disk_leaves_what_is_held(tmp_path, monkeypatch):
    held, span = Partitions(str(tmp_path)), (START, START + 15 * MINUTE)
    held.add(BARS, bars(START, 3), [span], START)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("liqcore.feeds.history.partitions.pq.write_table", full)
    with pytest.raises(OSError, match="No space"):
        held.add(BARS, bars(START, 3, close=61_000.0), [span], START)
    assert held.held(BARS, *span)["close"].tolist() == [60_000.0] * 3


def test_events_are_kept_though_equal_within_one_answer_and_spans_without_any_are_known(tmp_path):
    series, held = Series("liquidations", "gate", "event"), Partitions(str(tmp_path))
    day = (START, START + 86_400_000_000)
    held.add(series, tables.empty("liquidations"), [day], START)
    assert held.missing(series, *day, START + 100 * PATIENCE) == []
    assert held.held(series, *day).empty


def test_the_oldest_files_go_first_when_there_are_too_many(tmp_path):
    held = Partitions(str(tmp_path))
    for i in range(3):
        first = START + i * 40 * 86_400_000_000
        held.add(BARS, bars(first, 3), [(first, first + 15 * MINUTE)], START)
    files = sorted(tmp_path.rglob("part.parquet"))
    sizes = {path: path.stat().st_size for path in files}
    assert held.trim(sum(sizes.values()) - 1) == sizes[files[0]]
    assert not files[0].exists()
    assert held.trim(0) > 0
    assert not list(tmp_path.rglob("part.parquet"))


def test_all_partitions_of_a_kind_can_be_read_lazily(tmp_path):
    held = Partitions(str(tmp_path))
    assert held.dataset("candles") is None
    for venue in ("binance", "okx"):
        held.add(Series("candles", venue, "5m"), bars(START, 4), [(START, START + 20 * MINUTE)], START)
    import pyarrow.dataset as ds

    found = held.dataset("candles").to_table(filter=ds.field("venue") == "okx")
    assert found.num_rows == 4
    assert set(found.column("step").to_pylist()) == {"5m"}


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=8),
    st.integers(0, 30),
    st.integers(1, 40),
)
def test_what_is_missing_and_what_is_known_make_the_whole(spans, start, length):
    known = [(first, first + size) for first, size in spans]
    left = _without((start, start + length), known)
    wanted = {moment for moment in range(start, start + length) if not any(a <= moment < b for a, b in known)}
    assert {moment for a, b in left for moment in range(a, b)} == wanted
    assert all(a < b for a, b in left)


def test_runs_of_rows_end_at_holes():
    assert _runs(np.array([0, 5, 10, 30, 35]), 5) == [(0, 15), (30, 40)]
    assert _runs(np.array([], dtype=int), 5) == []


def test_an_address_of_pyarrow_holds_partitions_like_a_folder(tmp_path):
    there, span = Partitions(f"file://{tmp_path}/market"), (START, START + 15 * MINUTE)
    there.add(BARS, bars(START, 3), [span], START)
    assert there.missing(BARS, *span, START) == []
    assert there.newest("candles", "5m") == START + 10 * MINUTE
    assert there.dataset("candles").count_rows() == 3
    pd.testing.assert_frame_equal(Partitions(f"{tmp_path}/market").held(BARS, *span), bars(START, 3))
    assert there.trim(most=0) > 0
    assert there.held(BARS, *span).empty


def test_an_address_out_of_reach_holds_nothing_refuses_at_once_and_loses_no_file(tmp_path, monkeypatch):
    span, asked = (START, START + 15 * MINUTE), []
    root = f"file://{tmp_path}/market"
    Partitions(root).add(BARS, bars(START, 3), [span], START)
    whole = Partitions._system

    class Gone:
        def __getattr__(self, name):
            asked.append(name)
            raise OSError("AWS Error NETWORK_CONNECTION during HeadObject operation")

    away = Partitions(root)
    monkeypatch.setattr(Partitions, "_system", lambda self: (Gone(), whole(self)[1]))
    assert away.held(BARS, *span).empty
    assert away.missing(BARS, *span, START) == [span]
    assert away.trim() == 0
    assert away.newest("candles", "5m") is None
    with pytest.raises(OSError, match="could not be reached"):
        away.add(BARS, bars(START, 3), [span], START)
    assert asked == ["get_file_info"], "asked once, then left alone"
    monkeypatch.setattr(Partitions, "_system", whole)
    monkeypatch.setattr(partitions, "_AWAY", {})
    assert len(away.held(BARS, *span)) == 3, "nothing was set aside as damaged"


def test_a_network_that_fails_while_a_file_is_read_does_not_make_it_damaged(tmp_path, monkeypatch):
    span = (START, START + 15 * MINUTE)
    far = Partitions(f"file://{tmp_path}/market")
    far.add(BARS, bars(START, 3), [span], START)

    def fails(*_):
        raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    monkeypatch.setattr(partitions._FILES, "read", fails)
    assert far.held(BARS, *span).empty
    monkeypatch.undo()
    partitions._AWAY.clear()
    assert len(far.held(BARS, *span)) == 3


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:///",
        "s3://key:canary@bucket/x?odd=1",
        "s3://key:ca nary@bucket",
        "s3://key:canary@[::1/x",
        "nonsense://canary",
        "gs://key:canary@",
        "file://canary",
        "://canary",
    ],
)
def test_an_address_that_is_none_costs_what_would_be_kept_and_is_told_once_without_its_keys(address, caplog):
    partitions._AWAY.clear()
    held, span = Partitions(address), (START, START + 15 * MINUTE)
    assert held.held(BARS, *span).empty
    assert held.missing(BARS, *span, START + 86_400_000_000) == [span]
    assert held.newest("candles", "5m") is None
    assert held.trim() == 0
    with pytest.raises(OSError) as caught:
        held.add(BARS, bars(START, 3), [span], START)
    partitions._AWAY.clear()
    with pytest.raises(OSError, match="no folder and no address"):
        held.dataset("candles")
    lines = [one.getMessage() for one in caplog.records]
    assert len(lines) == 1
    assert "Venues are asked instead" in lines[0]
    assert "nary" not in f"{lines} {caught.value} {caught.value.__context__} {caught.value.__cause__}"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["candles", "open_interest", "funding"])
def test_checked_tables_put_together_are_the_check_of_their_rows(kind, seed):
    """The later table's row stays; order, types and labels are those of a table checked as a whole."""
    chance = np.random.default_rng(seed)

    def some() -> pd.DataFrame:
        count = int(chance.integers(0, 25))
        price = chance.uniform(100, 101, count)
        hours = pd.to_timedelta(chance.integers(0, 40, count), "h")
        rows = pd.DataFrame(
            {
                "time": pd.Timestamp("2026-03-01", tz="UTC") + hours,
                "venue": chance.choice(["okx", "binance", "gate"], count),
                "open": price, "high": price, "low": price, "close": price, "volume": price,
                "quantity": price, "rate": price / 1e4, "interval_hours": 8.0,
            }
        )  # fmt: skip
        key = ["time"] if kind == "candles" else ["time", "venue"]
        rows = rows[["time", *(name for name in rows if name in tables.COLUMNS[kind] and name != "time")]]
        checked = tables.check(rows.drop_duplicates(key), kind)
        # Part of a table knows labels that none of its rows has.
        return checked.iloc[: len(checked) // 2 + 1].reset_index(drop=True)

    frames = [some() for _ in range(int(chance.integers(2, 5)))]
    if kind != "candles" and seed % 2:
        # As a file gives them back: labels of another type of text.
        old = frames[0]["venue"].cat.categories
        frames[0]["venue"] = frames[0]["venue"].cat.rename_categories(old.astype("string[pyarrow]"))
    plain = pd.concat([one.astype(dict.fromkeys(one.select_dtypes("category"), str)) for one in frames])
    key = ["time"] if kind == "candles" else ["time", "venue"]
    pd.testing.assert_frame_equal(
        joined(kind, frames), tables.check(plain.drop_duplicates(key, keep="last"), kind)
    )
