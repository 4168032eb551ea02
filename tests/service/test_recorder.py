"""A data set of one's own: recorded without the app, written by days, opened again, merged with another's."""

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest

import liqcore as lq
from liqcore.feeds.history.partitions import Partitions, Series
from liqcore.feeds.history.recording import read_market, write_day
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.service.app import Owner
from liqcore.service.recorder import record, state_folder
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event, made_events

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = np.datetime64("2026-03-01")
NOON = int(np.datetime64("2026-03-01T12:00", "us").astype("int64"))


def row(second, venue="gate", price=50_000.0):
    return LiquidationRow(
        NOON + second * 1_000_000, venue, "BTC_USDT", "long", price, 0.5, price * 0.5, "fill", "all"
    )


def store_of(tmp_path, name, rows, minutes):
    store = open_store(f"sqlite:///{tmp_path / name}.sqlite")
    beats = {("gate", NOON + minute * MINUTE): (1, 0) for minute in minutes}
    store.add(arrivals(rows, NOON + 3_600_000_000, "socket"), beats)
    return store


def test_a_day_is_written_with_its_gaps_and_recorders_merge_without_doubles(tmp_path):
    # One recorder heard both of two equal events, the other only one of them, and one of its own.
    one = store_of(tmp_path, "one", [row(1), row(1), row(70)], [0, 1, 5])
    other = store_of(tmp_path, "other", [row(1), row(130)], [0, 1, 2])
    now = NOON + 6 * MINUTE
    manifest = write_day(one, str(tmp_path / "a"), DAY, now)
    write_day(other, str(tmp_path / "b"), DAY, now)
    assert manifest["rows"]["liquidations"] == {"gate": 3}
    assert ["2026-03-01T12:02:00Z", "2026-03-01T12:05:00Z"] in manifest["gaps"]["gate"]
    assert not manifest["whole"]
    assert json.loads((tmp_path / "a" / "manifests" / "2026-03-01.json").read_text()) == manifest
    # Written again as the day fills, nothing doubles.
    write_day(one, str(tmp_path / "a"), DAY, now)
    assert len(read_market(tmp_path / "a").liquidations) == 3
    both = lq.read_market([tmp_path / "a", tmp_path / "b"])
    seconds = (both.liquidations["time"] - pd.Timestamp(NOON, unit="us", tz="UTC")).dt.total_seconds()
    assert seconds.tolist() == [1, 1, 70, 130]
    part = read_market(tmp_path / "a", start="2026-03-01T12:01:00")
    assert len(part.liquidations) == 1
    assert len(both.manifests) == 2
    with pytest.raises(lq.TableError, match="Nothing is recorded"):
        read_market(tmp_path / "nothing")
    for store in (one, other):
        store.close()


def test_the_recorder_hears_and_asks_and_writes_without_the_app(tmp_path, monkeypatch):
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    out, told, stop = str(tmp_path / "set"), [], threading.Event()
    with VenueServer(made_events(60, hours=2)) as server:
        server.open_sockets()
        owner = Owner(folder=tmp_path, loopback=server.address)
        thread = threading.Thread(
            target=record,
            args=(out, owner, state_folder(out)),
            kwargs={"every": 1.0, "stop": stop, "tell": told.append},
        )
        thread.start()
        end = time.monotonic() + 60
        while not server.sockets.listeners("bybit"):
            assert time.monotonic() < end, told
            time.sleep(0.1)
        now = int(time.time()) * 1000
        mine = Event(now, "short", 51_234.0, 0.7)
        server.publish("bybit", [mine]).result(10)
        while time.monotonic() < end:
            with_it = [] if not told else read_market(out).liquidations["price"].tolist()
            if mine.price in with_it and len(read_market(out).candles):
                break
            time.sleep(0.5)
        stop.set()
        thread.join(30)
    found = read_market(out)
    assert not thread.is_alive()
    assert (found.liquidations["price"] == mine.price).sum() == 1
    # Two hours were to be had; a set begins with its day, so that just after midnight there is less.
    midnight = pd.Timestamp(now, unit="ms", tz="UTC").normalize()
    since = (pd.Timestamp(now, unit="ms", tz="UTC") - midnight) / pd.Timedelta("1min")
    assert len(found.candles) >= min(100, since - 2)
    assert len(found.open_interest)
    told_rows = [one["rows"]["liquidations"].values() for one in found.manifests]
    assert sum(map(sum, told_rows)) == len(found.liquidations)
    assert "liquidations of" in told[-1]


def listening(store, begin, end, venue="gate"):
    """A venue that was heard each minute from one moment to another, and candles of the same minutes."""
    minutes = range(begin, end, MINUTE)
    store.add([], {(venue, minute): (1, 0) for minute in minutes})
    time = pd.to_datetime(np.array(minutes), unit="us", utc=True)
    prices = dict.fromkeys(("open", "high", "low", "close"), 50_000.0)
    store.put(
        "candles", "binance", pd.DataFrame({"time": time, **prices, "volume": 1.0, "taker_buy_volume": 0.5})
    )


def go_on(tmp_path, now, every=0.2):
    """Start the recorder at a moment, with nobody to ask, and end it once it has written."""
    stop, told = threading.Event(), []
    out = str(tmp_path / "set")
    owner = Owner(folder=tmp_path, offline="1")
    threading.Timer(1.0, stop.set).start()
    record(out, owner, state_folder(out), every=every, stop=stop, tell=told.append, clock=lambda: now / 1e6)
    return {one["day"]: one for one in read_market(out).manifests}


def state_of(tmp_path):
    return open_store(f"sqlite:///{state_folder(str(tmp_path / 'set')) / 'recorder.sqlite'}")


MIDNIGHT = NOON + 12 * HOUR


def test_a_recorder_that_was_ended_before_midnight_finishes_that_day_when_it_goes_on(tmp_path):
    store = state_of(tmp_path)
    listening(store, NOON - 12 * HOUR, MIDNIGHT - 5 * MINUTE)
    ended = (MIDNIGHT - 15 * MINUTE - NOON) // 1_000_000
    store.add(arrivals([row(ended - 60)], MIDNIGHT, "socket"))
    half = write_day(store, str(tmp_path / "set"), DAY, MIDNIGHT - 15 * MINUTE)
    # This was heard after the last writing, and then the machine went off.
    store.add(arrivals([row(ended + 60), row(ended + 120)], MIDNIGHT, "socket"))
    store.close()
    assert not half["whole"]
    found = go_on(tmp_path, MIDNIGHT + 35 * MINUTE)
    day = found["2026-03-01"]
    assert (day["since"], day["until"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
    assert day["whole"]
    assert day["rows"]["liquidations"] == {"gate": 3}
    assert day["rows"]["candles"] == {"binance": 24 * 60 - 5}
    assert day["gaps"]["gate"] == [["2026-03-01T23:55:00Z", "2026-03-02T00:00:00Z"]]
    assert len(read_market(tmp_path / "set").liquidations) == 3
    assert not found["2026-03-02"]["whole"]


def test_days_that_were_left_unfinished_are_finished_as_far_as_the_store_holds_them(tmp_path):
    store = state_of(tmp_path)
    first = NOON - 12 * HOUR
    listening(store, first, first + 30 * HOUR)
    # The second day was written while the first one was not: so did recorders of before.
    write_day(store, str(tmp_path / "set"), DAY, first + 20 * HOUR)
    write_day(store, str(tmp_path / "set"), DAY + 1, first + 26 * HOUR)
    store.close()
    # Off for longer than a store keeps: it is written before that is forgotten.
    found = go_on(tmp_path, first + 20 * 24 * HOUR)
    assert sorted(found) == ["2026-03-01", "2026-03-02", "2026-03-21"]
    assert found["2026-03-01"]["whole"]
    assert found["2026-03-01"]["rows"]["candles"] == {"binance": 24 * 60}
    assert found["2026-03-01"]["gaps"]["gate"] == []
    assert found["2026-03-02"]["rows"]["candles"] == {"binance": 6 * 60}
    assert found["2026-03-02"]["gaps"]["gate"] == [["2026-03-02T06:00:00Z", "2026-03-03T00:00:00Z"]]


@pytest.mark.parametrize(("forgotten", "lost"), [(9, False), (12, False), (15, True)])
def test_what_a_store_has_forgotten_stays_written_and_is_never_said_to_be_covered(tmp_path, forgotten, lost):
    store, out, first = state_of(tmp_path), str(tmp_path / "set"), NOON - 12 * HOUR
    listening(store, first, first + 24 * HOUR)
    store.add(arrivals([row(-7_200), row(10 * 3_600)], MIDNIGHT, "socket"))
    write_day(store, out, DAY, NOON)
    store.prune(first + forgotten * HOUR)
    for _ in range(2):
        day = write_day(store, out, DAY, MIDNIGHT + HOUR)
        assert day["rows"]["liquidations"] == {"gate": 2}
        assert day["rows"]["candles"] == {"binance": 24 * 60 - 3 * 60 * lost}
        hole = [["2026-03-01T12:00:00Z", "2026-03-01T15:00:00Z"]] if lost else []
        assert day["gaps"]["gate"] == hole
        assert (day["since"], day["whole"]) == (f"2026-03-01T{15 if lost else 0:02}:00:00Z", not lost)
        assert day["until"] == "2026-03-02T00:00:00Z"
    holes = [(NOON, NOON + 3 * HOUR)] if lost else []
    for series in (Series("liquidations", "gate", "event"), Series("candles", "binance", "1m")):
        assert Partitions(out).missing(series, first, MIDNIGHT, MIDNIGHT + HOUR) == holes
    # A recorder with a new store tells less, and takes nothing away.
    other = store_of(tmp_path, "other", [], [200])
    again = write_day(other, out, DAY, MIDNIGHT + HOUR)
    assert (again["rows"]["liquidations"], again["gaps"]["gate"]) == ({"gate": 2}, hole)
    for one in (store, other):
        one.close()


@pytest.mark.parametrize("clock", ["2026-03-02T00:00:20", "2026-03-02T00:30", "2024-02-29T12:00"])
def test_a_recorder_that_begins_writes_the_day_that_it_asked_for_at_any_hour(tmp_path, monkeypatch, clock):
    now = int(np.datetime64(clock, "us").astype("int64"))
    monkeypatch.setattr(truth, "NOW", now // 1_000)
    out, stop, told = str(tmp_path / "set"), threading.Event(), []
    with VenueServer(made_events(60, hours=2)) as server:
        owner = Owner(folder=tmp_path, loopback=server.address)
        arguments = {"every": 3.0, "stop": stop, "tell": told.append, "clock": lambda: now / 1e6}
        thread = threading.Thread(target=record, args=(out, owner, state_folder(out)), kwargs=arguments)
        thread.start()
        end = time.monotonic() + 60
        while not any(" 0 liquidations" not in one and ", 0 candles" not in one for one in told):
            assert time.monotonic() < end, told
            time.sleep(0.2)
        stop.set()
        thread.join(30)
    found = read_market(out)
    today, before = np.datetime64(clock, "D"), np.datetime64(clock, "D") - 1
    assert [one["day"] for one in found.manifests] == [str(before), str(today)]
    asked = (np.datetime64(clock, "s") - 24 * 3_600).astype("datetime64[m]").astype("datetime64[s]")
    assert found.manifests[0]["since"] == f"{asked}Z"
    assert found.manifests[0]["until"] == f"{today}T00:00:00Z"
    assert [one["whole"] for one in found.manifests] == [asked == before.astype("datetime64[s]"), False]
    assert len(found.candles) > 23 * 60
