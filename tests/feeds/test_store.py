"""The store: nothing twice, nothing lost, and nothing fatal when the file is old, broken, locked or newer."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from liqcore import tables
from liqcore.feeds.live.figures import live_grid
from liqcore.feeds.live.leader import Leadership
from liqcore.feeds.live.store import SCHEMA, Store, StoreError, arrivals, as_rows, open_store
from liqcore.feeds.live.window import LiveWindow
from liqcore.feeds.venues.rows import LiquidationRow

BEGIN = 1_790_000_000_000_000
END = BEGIN + 10**9
MINUTE = 60_000_000


def made(count, seed=0, venue="bybit"):
    chance = random.Random(seed)
    return [
        LiquidationRow(
            BEGIN + chance.randrange(10**9),
            venue,
            "BTCUSDT",
            chance.choice(["long", "short"]),
            50_000.5,
            chance.randrange(1, 50) / 1_000,
            1_234.5,
            "bankruptcy",
            "all",
        )
        for _ in range(count)
    ]


@pytest.fixture
def path(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'folder' / 'store.sqlite'}"


def filled(url):
    store = open_store(url)
    assert store.problem == ""
    return store


def holds_everything_once(store):
    rows = made(500)
    assert store.add(arrivals(rows[:300], END, "socket"), {("bybit", BEGIN): (3, 300)}) == 300
    # A poll that overlaps, in another order, and the same again.
    assert (
        store.add(
            arrivals(rows[200:][::-1], END + 5, "history"),
            {("bybit", BEGIN): (1, 7), ("bybit", BEGIN + MINUTE): (0, 2)},
        )
        == 200
    )
    assert store.add(arrivals(rows, END + 9, "history")) == 0
    held = store.liquidations()
    wanted = tables.liquidations(
        pd.DataFrame(rows).assign(time=pd.to_datetime([row.time for row in rows], unit="us", utc=True))
    )
    key = ["time", "price", "quantity", "side"]
    pd.testing.assert_frame_equal(
        held.astype(str).sort_values(key, ignore_index=True),
        wanted.astype(str).sort_values(key, ignore_index=True),
    )
    assert store.heartbeats(0).to_dict("records") == [
        {"venue": "bybit", "minute": BEGIN, "frames": 4, "events": 307},
        {"venue": "bybit", "minute": BEGIN + MINUTE, "frames": 0, "events": 2},
    ]
    assert store.summary().loc[0, ["events", "first", "last"]].tolist() == [
        500,
        min(row.time for row in rows),
        max(row.time for row in rows),
    ]
    # Two equal events of one delivery are two.
    twin = made(1, seed=9)
    assert store.add(arrivals([*twin, *twin], END, "socket")) == 2
    assert store.add(arrivals([*twin, *twin], END, "socket")) == 0
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": pd.to_datetime([BEGIN, BEGIN + MINUTE], unit="us", utc=True),
                "open": 1.0,
                "high": 2.0,
                "low": 1.0,
                "close": 1.5,
                "volume": [7.0, 8.0],
                "taker_buy_volume": [3.0, float("nan")],
            }
        )
    )
    store.put("candles", "bybit", candles)
    store.put("candles", "bybit", candles.assign(volume=[7.0, 9.0]))
    series = store.series("candles", venue="bybit")
    assert series["volume"].tolist() == [7.0, 9.0]
    assert series["taker_buy_volume"].isna().tolist() == [False, True]
    store.set_note("name", "one")
    store.set_note("name", "two")
    assert (store.note("name"), store.note("other")) == ("two", None)
    cut = BEGIN + 5 * 10**8
    old = int((tables.microseconds(held["time"]) < cut).sum()) + 2 * (twin[0].time < cut)
    assert store.prune(cut) == old
    assert store.liquidations()["time"].min() >= pd.Timestamp(cut, unit="us", tz="UTC")


def test_everything_is_held_once_and_forgotten_when_old(path):
    store = filled(path)
    holds_everything_once(store)
    assert 10_000 < store.size() < 2_000_000
    store.close()


def test_a_store_in_memory_does_the_same():
    holds_everything_once(Store("sqlite://"))


def test_the_window_reads_only_what_is_new_and_forgets_what_is_old(path):
    store = filled(path)
    window = LiveWindow(store, hours=1)
    rows = made(3_000)
    store.add(arrivals(rows[:2_000], END, "socket"))
    assert window.refresh(BEGIN + 10**9) == 2_000
    before = window.events()
    store.add(arrivals(rows[2_000:], END + 1, "history"))
    assert (window.refresh(BEGIN + 10**9), window.refresh(BEGIN + 10**9)) == (1_000, 0)
    assert (len(before), len(window.events())) == (2_000, 3_000)
    table = window.events().table()
    assert tables.ensure(table, "liquidations") is table
    pd.testing.assert_frame_equal(
        table.astype(str).sort_values(list(table), ignore_index=True),
        store.liquidations().astype(str).sort_values(list(table), ignore_index=True),
    )
    assert len(window.events().after(before.version)) == 1_000
    assert sorted(as_rows(table)) == sorted(rows)
    half = BEGIN + 5 * 10**8
    window.refresh(half + 3_600_000_000)
    assert window.events().columns["time"].min() >= half


def bars(times, close):
    columns = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame(
        {
            "time": pd.to_datetime(times, unit="us", utc=True),
            **columns,
            "volume": 1.0,
            "taker_buy_volume": 0.5,
        }
    )


def test_a_window_reads_again_only_what_another_process_changed(path, monkeypatch):
    hour, now = 3_600_000_000, BEGIN // MINUTE * MINUTE + 10 * 3_600_000_000
    ours, theirs = filled(path), Store(path)
    window = LiveWindow(ours, hours=6)
    minutes = np.arange(now - 8 * hour, now, MINUTE)
    theirs.add([], {(venue, int(one)): (1, 0) for one in minutes for venue in ("bybit", "okx")})
    theirs.put("candles", "bybit", bars(minutes, 100.0))
    window.refresh_market(now)
    first = window.market()
    assert len(first.beats) == 2 * 6 * 60
    assert len(first.candles) == 6 * 60
    asked = []
    read = window._read
    monkeypatch.setattr(window, "_read", lambda name, since: asked.append(since) or read(name, since))
    window.refresh_market(now)
    assert window.market() is first, "nothing changed, so nothing is made anew"
    assert min(asked) >= now - 2 * hour, "old rows are counted, not read"
    # The running bar is replaced, a minute is heard, and what is too old goes.
    theirs.put("candles", "bybit", bars(minutes[-1:], 200.0))
    theirs.add([], {("okx", now): (1, 0)})
    window.refresh_market(now + MINUTE)
    second = window.market()
    assert second.candles["close"].iloc[-1] == 200.0
    assert second.beats["minute"].iloc[-1] == now
    assert second.beats["minute"].iloc[0] == now + MINUTE - 6 * hour
    assert second.funding is first.funding
    # What somebody tells late about hours ago is seen at once, because it is counted.
    theirs.add([], {("gate", now - 4 * hour): (0, 2)})
    window.refresh_market(now + MINUTE)
    assert "gate" in set(window.market().beats["venue"])
    # Values that were replaced hours back change no number; they are read within ten minutes.
    theirs.put("candles", "bybit", bars(minutes[-200:-199], 300.0))
    window.refresh_market(now + 12 * MINUTE)
    assert 300.0 in set(window.market().candles["close"])
    pd.testing.assert_frame_equal(window.market().beats, ours.heartbeats(now + 12 * MINUTE - 6 * hour))
    pd.testing.assert_frame_equal(
        window.market().candles, ours.series("candles", now + 12 * MINUTE - 6 * hour)
    )
    # A clock that was set back hears of the hours before again.
    window.refresh_market(now - hour)
    assert window.market().beats["minute"].min() == now - 7 * hour
    theirs.close()


def test_a_store_that_somebody_emptied_empties_the_window(path):
    ours, theirs = filled(path), Store(path)
    window = LiveWindow(ours, hours=1)
    now = BEGIN + 10**9
    rows = made(50)
    theirs.add(arrivals(rows, END, "socket"), {("bybit", now // MINUTE * MINUTE): (1, 0)})
    assert window.refresh(now) == 50
    window.refresh_market(now)
    with sqlite3.connect(path.removeprefix("sqlite:///")) as connection:
        for table in ("events", "heartbeats", "sqlite_sequence"):
            connection.execute(f"DELETE FROM {table}")
    window.refresh(now)
    window.refresh_market(now)
    assert (len(window.events()), len(window.market().beats)) == (0, 0)
    # Numbers begin anew, and what is written now is seen.
    theirs.add(arrivals(rows[:7], END, "socket"))
    assert window.refresh(now) == 7
    assert len(window.events()) == 7
    theirs.close()


def test_the_window_is_read_anew_where_events_were_deleted_or_came_under_lower_numbers(path):
    ours = filled(path)
    window = LiveWindow(ours, hours=1)
    now = BEGIN + 10**9
    ours.add(arrivals(made(50), END, "socket"))
    window.refresh(now)
    window.refresh_market(now)
    before = window.events()
    copy = before.columns["id"].copy()
    grid = live_grid(None, before, now, hours=1)
    with sqlite3.connect(path.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM events WHERE id BETWEEN 11 AND 30")
    window.refresh(now + MINUTE)
    window.refresh_market(now + MINUTE)
    assert len(window.events()) == 50, "counted every ten minutes only"
    window.refresh_market(now + 11 * MINUTE)
    assert len(window.events()) == 30
    # On a server a writer may end after one whose numbers are higher.
    with sqlite3.connect(path.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE events SET id = id + 1000 WHERE id > 30")
        connection.execute("UPDATE sqlite_sequence SET seq = 2000")
    window.refresh(now + 11 * MINUTE)
    with sqlite3.connect(path.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE events SET id = id - 1000 WHERE id > 1040")
    window.refresh_market(now + 22 * MINUTE)
    held = window.events()
    assert sorted(held.columns["id"].tolist()) == ours.events()["id"]
    # What was looked at before is as it was, and no map goes on from what was deleted.
    assert np.array_equal(before.columns["id"], copy)
    again = live_grid(grid, replace(held, version=before.version + 1), now, hours=1).grid
    assert again.long.sum() + again.short.sum() == pytest.approx(held.columns["notional"].sum())


def test_a_table_of_before_gets_the_indexes_by_which_it_is_read(path):
    filled(path).close()
    file = path.removeprefix("sqlite:///")
    with sqlite3.connect(file) as connection:
        connection.execute("DROP INDEX heartbeats_minute")
    filled(path).close()
    with sqlite3.connect(file) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM heartbeats WHERE minute >= 5").fetchall()
    assert "heartbeats_minute" in str(plan)


def test_an_old_file_is_migrated_and_a_newer_one_is_left_alone(path):
    store = filled(path)
    store.add(arrivals(made(3), END, "socket"))
    store.close()
    file = Path(path.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE events DROP COLUMN origin")
        connection.execute("UPDATE notes SET text = '1' WHERE name = 'schema'")
    store = filled(path)
    assert store.note("schema") == str(SCHEMA)
    assert store.events()["origin"] == ["socket"] * 3
    store.set_note("schema", str(SCHEMA + 1))
    store.close()
    kept = file.read_bytes()
    other = open_store(path)
    assert "newer version" in other.problem
    assert other.url == "sqlite://"
    assert file.read_bytes() == kept


@pytest.mark.parametrize("damage", [b"not a database at all, but long enough to be read as one" * 100, None])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path, damage):
    store = filled(path)
    store.add(arrivals(made(2_000), END, "socket"))
    store.close()
    file = Path(path.removeprefix("sqlite:///"))
    whole = file.read_bytes()
    # The header stays whole and the pages behind it do not.
    file.write_bytes(damage or whole[:4096] + bytes(len(whole) - 4096))
    store = open_store(path)
    if damage is None and not store.problem:
        with pytest.raises(StoreError) as caught:
            store.summary()
        assert caught.value.damaged
        return
    assert "set aside" in store.problem
    assert store.add(arrivals(made(5), END, "socket")) == 5
    assert any("damaged" in name for name in os.listdir(file.parent))


def test_a_locked_file_a_bad_address_and_a_place_that_cannot_be_written_get_a_sentence(path):
    store = filled(path)
    file = path.removeprefix("sqlite:///")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    begun = time.monotonic()
    with pytest.raises(StoreError, match="locked by another program"):
        store.add(arrivals(made(1), END, "socket"))
    assert time.monotonic() - begun < 20
    holder.execute("COMMIT")
    assert store.add(arrivals(made(1), END, "socket")) == 1
    for url, words in (
        ("sqlite:////proc/nowhere/x.sqlite", "cannot be written"),
        ("nonsense", "no address"),
        ("postgresql+psycopg://name:hush@127.0.0.1:1/x", "does not answer"),
    ):
        other = open_store(url)
        assert words in other.problem
        assert "hush" not in other.problem
        assert other.add(arrivals(made(2), END, "socket")) == 2


def test_one_leader_a_store_even_when_it_is_killed(path):
    store = filled(path)
    script = (
        "import sys,time\nfrom liqcore.feeds.live.store import Store\nfrom liqcore.feeds.live.leader import"
        " Leadership\nlead = Leadership(Store(sys.argv[1]))\nprint(lead.take(), flush=True)\ntime.sleep(60)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "True"
        lead = Leadership(store)
        assert not lead.take()
    finally:
        other.kill()
        other.wait()
    assert lead.take()
    lead.leave()
    assert Leadership(store).take()


def test_many_who_open_a_new_file_at_once_all_get_it(tmp_path):
    url, ready, made = f"sqlite:///{tmp_path / 'store.sqlite'}", threading.Barrier(8), []

    def opened():
        ready.wait()
        made.append(open_store(url))

    for _ in range(5):
        threads = [threading.Thread(target=opened) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {(store.url, store.problem) for store in made} == {(url, "")}
        for store in made:
            store.close()
        made.clear()
        (tmp_path / "store.sqlite").unlink()


def soon(lead):
    """Whether it gets the right within seconds: the server takes a moment to end a connection and its
    locks."""
    end = time.monotonic() + 15
    while not lead.take() and time.monotonic() < end:
        time.sleep(0.05)
    return lead.held


def test_postgresql_does_the_same_and_has_one_leader(postgres):
    store = filled(postgres.url)
    holds_everything_once(store)
    first, second = Leadership(store), Leadership(store)
    assert (first.take(), second.take()) == (True, False)
    first.leave()
    assert soon(second)
    # The server forgets locks when it ends a connection; whoever thinks to hold one notices.
    with sa.create_engine(postgres.url).connect() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        )
    third = Leadership(store)
    assert soon(third)
    assert not second.take()
    second.leave()
    third.leave()
    # A window follows what another process writes, and a table that is emptied and counts from one again.
    other, window = Store(postgres.url), LiveWindow(store, hours=1)
    now = BEGIN + 2 * 10**9
    minute = now // MINUTE * MINUTE
    window.refresh_market(now)
    other.add(arrivals([made(1)[0]._replace(time=now)], now, "socket"), {("okx", minute): (1, 1)})
    other.put("candles", "okx", bars([minute], 100.0))
    window.refresh(now)
    window.refresh_market(now)
    assert window.events().columns["time"].max() == now
    assert window.market().beats["minute"].tolist()[-1] == minute
    assert window.market().candles["close"].tolist()[-1] == 100.0
    assert store.newest("candles", "okx") == minute
    with sa.create_engine(postgres.url).begin() as connection:
        connection.execute(sa.text("TRUNCATE events, heartbeats, candles RESTART IDENTITY"))
    window.refresh_market(now)
    assert (len(window.events()), len(window.market().beats), len(window.market().candles)) == (0, 0, 0)
    other.add(arrivals(made(3), END, "socket"))
    assert window.refresh(BEGIN + 10**9) == 3
    other.close()
    store.close()
