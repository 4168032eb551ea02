"""The collector: everything delivered is at rest once, whatever breaks, and every source's state is the
truth."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds.live.collector import Collector, CollectorConfig
from liqcore.feeds.live.polling import HISTORY_VENUES, Polling
from liqcore.feeds.live.store import open_store
from liqcore.feeds.live.stream import StreamOptions, follow
from liqcore.feeds.rest.session import open_session
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.rows import LiquidationRow
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event, made_events

LINES = [name for name, venue in VENUES.items() if venue.lines]
QUICK = CollectorConfig(flush=0.05, silent=0.6, market_every=0.2)


def until(true, seconds=45.0, what=lambda: ""):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


def at(path):
    return open_store(f"sqlite:///{path / 'store.sqlite'}")


def rows(count, venue="bybit", first=0):
    now = round(time.time() * 1e6)
    return [
        LiquidationRow(
            now - 1_000 + number,
            venue,
            "BTCUSDT",
            "long",
            50_000.0 + first + number,
            0.1,
            5_000.0,
            "fill",
            "all",
        )
        for number in range(count)
    ]


def sending(batches, venue="bybit", pause=0.01):
    """A source that delivers the batches and then stays open and silent."""

    async def source(deliver, tell):
        tell(SourceStatus(venue, "live", "Connected."))
        for batch in batches:
            deliver(venue, batch, round(time.time() * 1e6))
            await asyncio.sleep(pause)
        await asyncio.sleep(3_600)

    return source


@pytest.fixture
def running():
    """Start collectors, and see that each ends with no thread of its own left."""
    held = []

    def start(*arguments, **more):
        held.append(Collector(*arguments, **{"config": QUICK, **more}))
        held[-1].start()
        return held[-1]

    yield start
    for collector in held:
        assert collector.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("heatlab")]


def test_a_burst_is_kept_whole_and_everybody_reads_the_same(tmp_path, running):
    burst = [rows(500, first=500 * number) for number in range(20)]
    collector = running(
        at(tmp_path), {"bybit": sending(burst, pause=0.0)}, config=CollectorConfig(flush=0.05, silent=1.5)
    )
    until(lambda: collector.snapshot().statuses[0].state == "live")
    until(lambda: collector.snapshot().written == 10_000)
    until(lambda: len(collector.window.events()) == 10_000)
    told = collector.snapshot()
    assert (dict(told.rows), dict(told.lost), told.waiting, told.doubled) == ({"bybit": 10_000}, {}, 0, 0)
    assert told.statuses[0].last_event == np.datetime64(
        max(row.time for batch in burst for row in batch), "us"
    )
    until(lambda: collector.snapshot().statuses[0].state == "stale")
    assert "Nothing has come" in collector.snapshot().statuses[0].message


def test_one_source_that_breaks_does_not_touch_the_others(tmp_path, running):
    async def broken(deliver, tell):
        raise KeyError("oops")

    collector = running(at(tmp_path), {"okx": broken, "bybit": sending([rows(3)])})
    until(lambda: collector.snapshot().written == 3)
    states = {status.venue: status for status in collector.snapshot().statuses}
    assert (states["okx"].state, states["bybit"].state) == ("error", "live")
    assert "KeyError" in states["okx"].message


def test_two_collectors_on_one_store_collect_once_and_the_second_takes_over(tmp_path, running):
    batches = [rows(10, first=10 * number) for number in range(5)]
    first = running(at(tmp_path), {"bybit": sending(batches)})
    until(lambda: first.snapshot().written == 50)
    second = running(at(tmp_path), {"bybit": sending([*batches, rows(7, first=999)])})
    until(lambda: len(second.window.events()) == 50)
    assert not second.collecting
    assert second.snapshot().rows == {}
    until(lambda: second.snapshot().statuses[0].last_event is not None)
    assert first.stop()
    until(lambda: second.snapshot().written == 7)
    assert second.collecting
    assert second.snapshot().doubled == 50


def test_a_locked_store_loses_nothing_and_says_so(tmp_path, running):
    collector = running(
        at(tmp_path), {"bybit": sending([rows(5, first=10 * number) for number in range(60)], pause=0.1)}
    )
    until(lambda: collector.snapshot().written > 0)
    holder = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    until(lambda: "locked" in collector.snapshot().problem)
    holder.execute("ROLLBACK")
    holder.close()
    until(lambda: collector.snapshot().written == 300)
    until(lambda: collector.snapshot().problem == "")
    assert collector.snapshot().lost == {}


def test_what_cannot_be_kept_is_counted_and_told(tmp_path, running):
    config = CollectorConfig(flush=0.05, most_rows=20, patience=0.2)
    go = threading.Event()

    async def source(deliver, tell):
        tell(SourceStatus("bybit", "live", "Connected."))
        while not go.is_set():
            await asyncio.sleep(0.02)
        for number in range(4):
            deliver("bybit", rows(20, first=20 * number), round(time.time() * 1e6))
        await asyncio.sleep(3_600)

    collector = running(at(tmp_path), {"bybit": source}, config=config)
    until(lambda: collector.collecting)
    holder = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    go.set()
    until(lambda: collector.snapshot().lost.get("bybit", 0) > 0)
    holder.execute("ROLLBACK")
    until(lambda: (told := collector.snapshot()).written + told.lost["bybit"] == 80)
    told = collector.snapshot()
    assert told.statuses[0].state == "partial"
    assert f"{told.lost['bybit']} events could not be kept" in told.statuses[0].message


def test_a_file_that_breaks_while_collecting_is_replaced(tmp_path, running):
    go = threading.Event()

    async def source(deliver, tell):
        deliver("bybit", rows(1_000), round(time.time() * 1e6))
        while not go.is_set():
            await asyncio.sleep(0.02)
        deliver("bybit", rows(30, first=5_000), round(time.time() * 1e6))
        await asyncio.sleep(3_600)

    # Rounds far apart: the file must break between them, since a connection in use would go on without its
    # file.
    collector = running(at(tmp_path), {"bybit": source}, config=replace(QUICK, flush=2.0))
    until(lambda: collector.snapshot().written == 1_000)
    time.sleep(1.0)
    collector.store.close()
    for name in ("store.sqlite-wal", "store.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "store.sqlite").write_bytes(b"broken " * 4_000)
    go.set()
    until(lambda: "set aside" in collector.snapshot().problem)
    until(lambda: collector.snapshot().written == 1_030)
    # What memory held of the broken file is in the new one, too.
    assert "1,000 events of the last 24 hours were written from memory" in collector.store.problem
    assert len(collector.store.events()["id"]) == 1_030
    until(lambda: len(collector.window.events()) == 1_030)


def of_now(monkeypatch, count):
    """Events of the last hours by the real clock, which the sockets use too."""
    now = int(time.time()) * 1_000
    monkeypatch.setattr(truth, "NOW", now)
    return made_events(count, hours=2)


def live_collector(running, path, server, session, venues=tuple(LINES), histories=HISTORY_VENUES):
    options = StreamOptions(loopback=server.address, first_wait=0.1, longest_wait=0.3, silence=5.0)
    sources = {venue: partial(follow, venue, options=options, rng=random.Random(1)) for venue in venues}
    return running(at(path), sources, Polling(session, histories, (), hours=6, every=0.3, workers=4))


def expected(events):
    return sorted((one.time, one.side, one.price, one.quantity) for one in events)


def held(collector, venue):
    table = collector.store.liquidations()
    mine = table[(table["venue"] == venue).to_numpy()]
    millis = mine["time"].astype("int64") // 1_000
    return sorted(
        zip(millis, mine["side"].astype(str), mine["price"], mine["quantity"].round(8), strict=True)
    )


def test_history_and_sockets_together_hold_every_event_of_every_venue_once(tmp_path, running, monkeypatch):
    events = of_now(monkeypatch, 60)
    with VenueServer(events) as server, open_session(loopback=server.address, per_second=1_000) as session:
        server.open_sockets()
        collector = live_collector(running, tmp_path, server, session)
        until(
            lambda: all(server.sockets.listeners(venue) for venue in LINES),
            what=lambda: collector.snapshot().statuses,
        )
        until(
            lambda: all(collector.live_span(venue) is not None for venue in LINES),
            what=lambda: collector.snapshot().statuses,
        )
        until(
            lambda: all(len(held(collector, venue)) >= 60 for venue in HISTORY_VENUES),
            what=lambda: {venue: len(held(collector, venue)) for venue in HISTORY_VENUES},
        )
        time.sleep(1.1)
        fresh = [
            Event(int(time.time()) * 1_000, side, 50_000.0 + 5 * number, 0.25)
            for number, side in enumerate(("long", "short") * 5)
        ]
        server.events += fresh
        for venue in LINES:
            server.publish(venue, fresh).result(10)
        until(lambda: all(len(held(collector, venue)) >= len(fresh) for venue in LINES))
        # Some rounds of questions more, which must change nothing.
        time.sleep(0.8)
        for venue in {*LINES, *HISTORY_VENUES}:
            assert held(collector, venue) == expected(events if venue in HISTORY_VENUES else fresh), venue
    told = collector.snapshot()
    assert told.lost == {}
    assert set(told.frames) == set(LINES)


def test_a_process_killed_while_it_writes_is_made_whole_by_the_next(tmp_path, running, monkeypatch):
    events = of_now(monkeypatch, 40)
    with VenueServer(events) as server, open_session(loopback=server.address, per_second=1_000) as session:
        server.open_sockets()
        script = (
            "import random, sys, time\nfrom functools import partial\nfrom liqcore.feeds.live.collector"
            " import *\nfrom liqcore.feeds.live.store import open_store\nfrom liqcore.feeds.live.stream"
            " import StreamOptions, follow\noptions = StreamOptions(loopback=sys.argv[1])\nsources = {name:"
            " partial(follow, name, options=options, rng=random.Random(1)) for name in ('okx', 'bitget',"
            " 'gate')}\ncollector = Collector(open_store(sys.argv[2]), sources,"
            " config=CollectorConfig(flush=0.01))\ncollector.start()\ntime.sleep(60)\n"
        )
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
        victim = subprocess.Popen(
            [sys.executable, "-c", script, server.address, url], cwd=Path(__file__).parents[2]
        )
        try:
            until(lambda: all(server.sockets.listeners(venue) for venue in ("okx", "bitget", "gate")), 30)
            for number in range(60):
                one = Event(int(time.time()) * 1_000 - number * 1_000, "long", 51_000.0 + 5 * number, 0.5)
                server.events.append(one)
                for venue in ("okx", "bitget", "gate"):
                    server.publish(venue, [one]).result(10)
                if number == 20:
                    until(lambda: len(at(tmp_path).events()["id"]))
                if number == 40:
                    os.kill(victim.pid, signal.SIGKILL)
        finally:
            victim.kill()
            victim.wait()
        server.events.sort(key=lambda one: one.time)
        before = len(at(tmp_path).events()["id"])
        assert 0 < before < 3 * 100
        collector = live_collector(
            running, tmp_path, server, session, ("okx", "bitget", "gate"), ("okx", "bitget", "gate")
        )
        until(lambda: all(len(held(collector, venue)) >= 60 for venue in ("okx", "bitget")))
        time.sleep(1.0)
        recent = [one for one in server.events if one.price >= 51_000]
        for venue in ("okx", "bitget"):
            mine = held(collector, venue)
            assert [one for one in mine if one[2] >= 51_000] == expected(recent), venue
            assert len(mine) == len(set(mine))


def test_a_venue_that_is_refused_live_is_asked_for_its_history(tmp_path, running, monkeypatch):
    events = of_now(monkeypatch, 20)
    with VenueServer(events) as server, open_session(loopback=server.address, per_second=1_000) as session:
        server.open_sockets()
        server.fault("ws.okx.com", "451")
        collector = live_collector(running, tmp_path, server, session, ("okx", "gate"), ("okx", "gate"))
        until(lambda: len(held(collector, "okx")) == 20)
        until(
            lambda: "country" in collector.snapshot().statuses[0].message,
            what=lambda: collector.snapshot().statuses,
        )
        status = {one.venue: one for one in collector.snapshot().statuses}
        assert status["okx"].state == "partial"
        assert "history" in status["okx"].message
        until(lambda: {one.venue: one for one in collector.snapshot().statuses}["gate"].state == "live")
        beats = collector.store.heartbeats(0)
        # Told by a history only: covered, and not heard.
        assert beats[beats["venue"] == "okx"]["frames"].max() == 0
        assert beats[beats["venue"] == "okx"]["events"].sum() >= 20
    assert isinstance(beats, pd.DataFrame)
