"""What a collector does when its store goes away, a clock is wrong, or the line is cut: nothing heard is
lost, and every badge tells the last minute's truth."""

import asyncio
import shutil
import sqlite3
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from liqcore.feeds.live.collector import Collector, CollectorConfig
from liqcore.feeds.live.store import Arrival, Store, StoreError, open_store
from liqcore.feeds.live.window import LiveWindow
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.rows import MOST_AHEAD, LiquidationRow

QUICK = CollectorConfig(flush=0.05, silent=30.0, market_every=0.2)


def until(true, seconds=45.0, what=lambda: ""):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


def micros():
    return round(time.time() * 1e6)


def event(number, moment=None, venue="bybit"):
    when = micros() if moment is None else moment
    return LiquidationRow(when, venue, "BTCUSDT", "long", 50_000.0 + number, 0.1, 5_000.0, "fill", "all")


class Source:
    """A source that delivers what a test hands it, and notes whether it was ever ended."""

    def __init__(self, venue="bybit"):
        self.venue, self.begun, self.ended = venue, 0, 0

    async def __call__(self, deliver, tell):
        self.begun += 1
        self.deliver, self.tell = deliver, tell
        tell(SourceStatus(self.venue, "live", "Connected."))
        deliver(self.venue, [], micros())
        try:
            await asyncio.sleep(3_600)
        finally:
            self.ended += 1

    def send(self, *numbers):
        self.deliver(self.venue, [event(number) for number in numbers], micros())


@pytest.fixture
def running():
    held = []

    def start(*arguments, **more):
        held.append(Collector(*arguments, **{"config": QUICK, **more}))
        held[-1].start()
        return held[-1]

    yield start
    for collector in held:
        assert collector.stop()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("heatlab")]


def badge(collector, venue="bybit"):
    return next(status for status in collector.snapshot().statuses if status.venue == venue)


def test_a_server_that_is_gone_for_a_while_costs_no_event_and_closes_no_socket(postgres, running):
    source = Source()
    collector = running(open_store(postgres.url), {"bybit": source})
    until(lambda: collector.collecting and source.begun == 1)
    source.send(*range(10))
    until(lambda: collector.snapshot().written == 10)
    postgres.stop()
    try:
        source.send(*range(10, 20))
        until(lambda: "does not answer" in collector.snapshot().problem)
        told = collector.snapshot()
        assert (told.collecting, told.lost, told.waiting) == (True, {}, 10)
        assert badge(collector).state == "partial"
        assert "waits in memory (10 events" in badge(collector).message
        time.sleep(3.0)
        source.send(*range(20, 30))
        assert (source.begun, source.ended) == (1, 0)
    finally:
        postgres.start()
    until(lambda: collector.snapshot().written == 30, what=lambda: collector.snapshot())
    until(lambda: badge(collector).state == "live")
    assert (source.begun, source.ended) == (1, 0)
    assert collector.snapshot().problem == ""
    assert sorted(collector.store.liquidations()["price"]) == [50_000.0 + number for number in range(30)]


def test_who_lost_the_right_while_the_server_was_gone_hands_over_what_it_heard(postgres, running):
    first = Source()
    collector = running(open_store(postgres.url), {"bybit": first})
    until(lambda: collector.collecting and first.begun == 1)
    store = Store(postgres.url)
    store.prune(micros() + 10**12)
    postgres.stop()
    first.send(100, 101)
    until(lambda: "does not answer" in collector.snapshot().problem)
    # Another process is quicker once the server is back.
    collector._leader._advise = lambda: None
    postgres.start()
    second = Source()
    other = Collector(open_store(postgres.url), {"bybit": second}, config=QUICK)
    until(lambda: other._leader.take())
    del collector._leader._advise
    until(lambda: not collector.collecting)
    until(lambda: len(store.events()["id"]) == 2, what=lambda: collector.snapshot())
    until(lambda: first.ended == 1)
    other._leader.leave()
    store.close()


@pytest.mark.parametrize("what", ["file", "folder", "replaced"])
def test_a_store_that_is_removed_is_made_anew_from_memory(tmp_path, running, what):
    folder = tmp_path / "kept"
    url = f"sqlite:///{folder / 'store.sqlite'}"
    source = Source()
    collector = running(open_store(url), {"bybit": source})
    until(lambda: collector.collecting and source.begun == 1)
    for number in range(40):
        source.send(number)
    # Two that are equal in everything are two.
    twin = event(999)
    source.deliver("bybit", [twin, twin], micros())
    until(lambda: len(collector.window.events()) == 42 and collector.window.market() is not None)
    until(lambda: len(collector.window.market().beats))
    if what == "folder":
        shutil.rmtree(folder)
    else:
        (folder / "store.sqlite").unlink()
    if what == "replaced":
        other = Store(url)
        other.add([], {("bybit", 60_000_000): (7, 0)})
        other.close()
    until(lambda: "made anew" in collector.snapshot().problem, seconds=10)
    assert "42 events of the last 24 hours were written from memory" in collector.snapshot().problem
    source.send(40)
    until(lambda: len(collector.window.events()) == 43, what=lambda: collector.snapshot())
    assert collector.stop()
    with sqlite3.connect(folder / "store.sqlite") as file:
        assert file.execute("SELECT count(*) FROM events").fetchone()[0] == 43
        assert file.execute("SELECT sum(frames) FROM heartbeats").fetchone()[0] >= 43


def test_a_store_removed_just_before_the_end_is_still_written(tmp_path):
    collector = Collector(
        open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"),
        {"bybit": Source()},
        config=replace(QUICK, flush=30.0),
    )
    collector.start()
    until(lambda: collector.collecting)
    collector.deliver("bybit", [event(number) for number in range(5)], micros())
    (tmp_path / "store.sqlite").unlink()
    assert collector.stop()
    with sqlite3.connect(tmp_path / "store.sqlite") as file:
        assert file.execute("SELECT count(*) FROM events").fetchone()[0] == 5


def test_what_is_dated_in_the_future_is_refused_counted_and_named(tmp_path, running):
    source = Source()
    collector = running(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {"bybit": source})
    until(lambda: collector.collecting and source.begun == 1)
    now = micros()
    late = [event(1, now + MOST_AHEAD + 60_000_000), event(2, now + 10**14)]
    source.deliver("bybit", [event(0), *late, event(3, now + MOST_AHEAD // 2)], now)
    collector.deliver_history("bybit", [event(4), late[1]], now, (now - 10**7, now))
    until(lambda: collector.snapshot().written == 3)
    assert sorted(collector.store.liquidations()["price"]) == [50_000.0, 50_003.0, 50_004.0]
    assert "Events dated in the future that were refused: 3." in badge(collector).message
    assert badge(collector).last_event < np.datetime64(now + MOST_AHEAD, "us")


def test_what_an_older_store_holds_of_the_future_hides_nothing(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    now = micros()
    store.add([Arrival(event(0, now + 10**13), now, 0, "socket"), Arrival(event(1, now), now, 0, "socket")])
    window = LiveWindow(store)
    assert window.refresh(now) == 1
    assert window.events().columns["price"].tolist() == [50_001.0]


def test_after_a_cut_a_badge_does_not_live_on_a_history_of_before(tmp_path, running):
    source = Source()
    collector = running(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {"bybit": source})
    until(lambda: collector.collecting and source.begun == 1)
    collector.tell_history(SourceStatus("bybit", "live", "Every one."))
    assert badge(collector).state == "live"
    time.sleep(0.01)
    source.tell(SourceStatus("bybit", "error", "The connection to Bybit broke."))
    assert (badge(collector).state, badge(collector).message) == ("error", "The connection to Bybit broke.")
    # The next round asks, and its answer is of now; a further try of the socket does not undo that.
    collector.tell_history(SourceStatus("bybit", "live", "Every one."))
    source.tell(SourceStatus("bybit", "error", "Bybit cannot be reached."))
    assert badge(collector).state == "partial"
    assert "history" in badge(collector).message
    collector.tell_history(SourceStatus("bybit", "error", "Bybit cannot be reached."))
    assert badge(collector).state == "error"


def test_a_history_that_was_not_asked_for_minutes_is_no_history(tmp_path):
    moment = [1_790_000_000.0]
    collector = Collector(open_store("sqlite://"), {"bybit": Source()}, clock=lambda: moment[0])
    collector._collecting = True
    collector.tell(SourceStatus("bybit", "error", "Broke."))
    collector.tell_history(SourceStatus("bybit", "live", "Every one."))
    assert badge(collector).state == "partial"
    moment[0] += 160
    assert badge(collector).state == "error"


def test_with_a_full_disk_a_badge_says_that_nothing_is_kept(tmp_path, running, monkeypatch):
    source = Source()
    collector = running(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {"bybit": source})
    until(lambda: collector.collecting and source.begun == 1)
    add = collector.store.add

    def full(*_):
        raise StoreError("The disk is full, so the store cannot grow. Free some space.")

    monkeypatch.setattr(collector.store, "add", full)
    source.send(1, 2, 3)
    until(lambda: badge(collector).state == "partial")
    assert "waits in memory (3 events of all venues). The disk is full" in badge(collector).message
    monkeypatch.setattr(collector.store, "add", add)
    until(lambda: badge(collector).state == "live")
    assert collector.snapshot().written == 3


def test_a_round_of_questions_that_breaks_is_not_the_last(tmp_path, running, monkeypatch):
    monkeypatch.setattr("liqcore.feeds.live.collector._AFTER_TROUBLE", 0.05)
    rounds = []

    def poll(collector):
        rounds.append(1)
        if len(rounds) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        return 0.05

    collector = running(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {"bybit": Source()}, poll)
    until(lambda: len(rounds) > 2)
    assert "broke off (OperationalError)" in collector.snapshot().market["Questions"].message


def test_a_venue_that_told_nothing_covers_nothing(tmp_path):
    collector = Collector(open_store(f"sqlite:///{tmp_path / 'store.sqlite'}"), {}, poll=lambda _: 60.0)
    now = collector.now()
    collector.deliver_history("gate", [], now, (now, now))
    assert not collector._beats
    collector.deliver_history("gate", [], now, (now - 120_000_000, now))
    assert len(collector._beats) in (2, 3)
