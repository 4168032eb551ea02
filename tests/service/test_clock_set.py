"""The computer's clock is set by hours or a day, or the machine sleeps: nothing is live that is not, no age
is below zero, nothing waits for the old time to come back, and nothing is told twice."""

import functools
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from liqcore import clocks
from liqcore.alerts.channels import Channel, Secret
from liqcore.alerts.endpoint import SignalBox
from liqcore.alerts.engine import start, step
from liqcore.alerts.inputs import AlertData
from liqcore.alerts.notify import Notifier
from liqcore.alerts.webhook import ExternalSignal
from liqcore.feeds.live import figures, polling
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.polling import Polling
from liqcore.feeds.live.store import arrivals, open_store
from liqcore.feeds.live.window import LiveWindow
from liqcore.feeds.positions.book import AddressBook
from liqcore.feeds.positions.sweep import Sweep
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.rows import LiquidationRow
from liqcore.service import watch as alerts_watch
from liqcore.service.real import RealMarkets, _Held
from liqcore.service.watch import Watch
from tests.pages.test_live_watch import FIRST, RULES, SAMPLE, at, between, fill, micros, replay

HOUR = 3_600
NOON = 1_790_000_000.0
JUMPS = pytest.mark.parametrize("hours", [3, -3, 24, -24])


class Host:
    """A computer whose clock can be set, and which can sleep; true time goes on."""

    def __init__(self):
        self.wall, self.mark = NOON, 5_000.0

    def now(self):
        return self.wall

    def passes(self, seconds):
        self.wall += seconds
        self.mark += seconds

    def sets(self, hours):
        self.wall += hours * HOUR


@pytest.fixture
def host(monkeypatch):
    made = Host()
    monkeypatch.setattr(clocks, "steady", lambda: made.mark)
    monkeypatch.setattr(clocks, "beside", lambda clock: lambda: made.mark)
    return made


def listening(host, store=None):
    """A collector that has been hearing Bybit until ten seconds ago; nothing runs by itself."""
    made = Collector(store or open_store("sqlite://"), {"bybit": None}, clock=host.now)
    made._collecting = True
    made.tell(SourceStatus("bybit", "live", "Connected."))
    made.deliver("bybit", [], made.now())
    host.passes(10)
    return made


def badge(collector):
    return next(one for one in collector.snapshot().statuses if one.venue == "bybit")


def event(host, ago=0.0, venue="bybit"):
    moment = round((host.now() - ago) * 1e6)
    return LiquidationRow(moment, venue, "BTCUSDT", "long", 50_000.0, 0.1, 5_000.0, "fill", "all")


def test_the_clock_for_waits_never_goes_back_and_is_another_only_for_the_computers_own():
    first = clocks.steady()
    assert clocks.steady() >= first
    assert clocks.beside(time.time) is clocks.steady
    other = Host().now
    assert clocks.beside(other) is other


@JUMPS
def test_a_badge_keeps_its_age_says_what_was_set_and_turns_stale_in_its_time(host, hours):
    held = listening(host)
    host.sets(hours)
    held._mind_the_clock()
    assert (badge(held).state, badge(held).age) == ("live", 10.0)
    way = "forward" if hours > 0 else "back"
    span = "3 h" if abs(hours) == 3 else "1 d"
    assert f"clock was set {way} by {span}" in held.snapshot().problem
    host.passes(200)
    held._mind_the_clock()
    assert badge(held).state == "stale"
    assert "Nothing has come for 4 min" in badge(held).message
    host.passes(HOUR)
    assert held.snapshot().problem == ""


def test_a_clock_that_only_drifts_is_not_said_to_be_set(host):
    held = listening(host)
    for _ in range(100):
        host.passes(1)
        host.wall += 0.0005
        held._mind_the_clock()
    assert held.snapshot().problem == ""
    assert held.live_span("bybit") is not None


def test_a_machine_that_slept_is_stale_until_it_hears_again_and_its_sleep_is_no_listening(host):
    held = listening(host)
    before = held.live_span("bybit")
    host.passes(3 * HOUR)
    held._mind_the_clock()
    assert badge(held).state == "stale"
    assert badge(held).message.startswith("Nothing has come for 3 h")
    held.deliver("bybit", [], held.now())
    assert badge(held).state == "live"
    assert before is not None
    assert held.live_span("bybit") == (held.now(), held.now())
    assert "clock was set" not in held.snapshot().problem


@JUMPS
def test_a_history_asked_after_the_clock_was_set_counts(host, hours):
    held = listening(host)
    held.tell(SourceStatus("bybit", "error", "Broke."))
    host.sets(hours)
    held._mind_the_clock()
    assert badge(held).state == "error"
    held.tell_history(SourceStatus("bybit", "live", "Every one."))
    assert badge(held).state == "partial"
    host.passes(160)
    assert badge(held).state == "error"


@JUMPS
def test_what_a_wrong_clock_left_out_is_asked_for_once_it_is_right(host, hours, monkeypatch):
    asked = []

    def history(session, venue, begin, end):
        asked.append((begin.timestamp(), end.timestamp()))
        return SimpleNamespace(status=SourceStatus(venue, "live", ""), table=pd.DataFrame())

    monkeypatch.setattr(polling, "liquidation_history", history)
    monkeypatch.setattr(polling, "as_rows", lambda table: [])
    monkeypatch.setattr(polling, "_ADDERS", ())
    held, poll = listening(host), Polling(None, histories=("bybit",), prices=())
    poll(held)
    host.passes(60)
    poll(held)
    right = host.now()
    asked.clear()
    host.sets(hours)
    held._mind_the_clock()
    for _ in range(60):
        host.passes(60)
        held._mind_the_clock()
        held.deliver("bybit", [], held.now())
        poll(held)
    wrong = host.now()
    assert all(begin < end <= wrong + 21 for begin, end in asked)
    host.sets(-hours)
    held._mind_the_clock()
    asked.clear()
    host.passes(60)
    held.deliver("bybit", [], held.now())
    poll(held)
    # While the clock was wrong nothing that happened could be placed, so all of it is asked for.
    if hours < 0:
        assert min(begin for begin, _ in asked) <= right
        assert max(end for _, end in asked) >= host.now()
    # A clock ahead heard all that came: nothing was left out, and nothing is asked of a time to come.
    assert all(end <= host.now() + 21 for _, end in asked)


@JUMPS
def test_what_is_held_is_held_again_once_the_clock_is_right(host, hours, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    held = listening(host, store)
    held.deliver("bybit", [event(host, ago) for ago in range(0, 3_000, 2)], held.now())
    held._flush()
    held.window.refresh(held.now())
    assert len(held.window.events()) == 1_500
    host.sets(hours)
    held._mind_the_clock()
    for _ in range(3):
        host.passes(1)
        held._mind_the_clock()
        held.window.refresh(held.now())
        held._forget()
    host.sets(-hours)
    held._mind_the_clock()
    assert len(held.window.events()) == 1_500
    store.close()


def test_a_clock_a_month_ahead_empties_no_store(host, tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    held = listening(host, store)
    held.deliver("bybit", [event(host, 100), event(host, 20 * 86_400)], held.now())
    held._flush()
    host.sets(30 * 24)
    held._mind_the_clock()
    held._forget()
    # What is older than two weeks goes, the rest stays.
    assert len(store.events()["id"]) == 1
    store.close()


def test_a_process_that_reads_takes_no_status_of_a_time_to_come(host):
    held = listening(host)
    held._leave_status()
    held._collecting = False
    assert badge(held).state == "live"
    host.sets(-3)
    held._elsewhere = float("-inf"), ()
    assert badge(held).state == "off"


def test_the_hours_of_a_sleep_are_holes_on_the_map(host):
    store, asleep = open_store("sqlite://"), 3 * HOUR
    now = round((host.now() + asleep) * 1e6)
    store.add(arrivals([event(host, 60)], round(host.now() * 1e6), "socket"), {})
    minute = round(host.now() * 1e6) // 60_000_000 * 60_000_000
    window = LiveWindow(store)
    window.refresh(now)
    beats = pd.DataFrame({"venue": ["bybit"], "minute": [minute], "frames": [5], "events": [1]})
    made = figures.live_grid(
        None, window.events(), now, timeframe="5m", hours=4, bins=20, beats=beats, alive=True
    )
    ends = made.grid.time_edges[1:].astype("int64")
    slept = (ends > minute + 6 * 60_000_000) & (ends < now - 6 * 60_000_000)
    assert slept.sum() > 30
    assert not made.grid.observed[slept].any()
    assert made.grid.observed[-1]


class Sender:
    """Takes what a watch sends, and never keeps any of it waiting."""

    channels = (SimpleNamespace(name="desk"),)

    def __init__(self):
        self.sent = []

    def pending(self):
        return frozenset()

    def deliver(self, alerts=(), wait=0.0):
        self.sent += [one.id for one in alerts]

    def take_dead_letters(self):
        return ()


@pytest.mark.parametrize("hours", [3, *(pytest.param(one, marks=pytest.mark.slow) for one in (-3, 30, -24))])
def test_rules_tell_each_alert_once_and_go_on_at_once_when_the_clock_is_right_again(tmp_path, hours):
    store = at(tmp_path)
    fill(store, FIRST - pd.Timedelta("36h"), FIRST)
    orders = alerts_watch.give_orders(store, RULES, "15min", str(FIRST))
    sender = Sender()
    watch = Watch(lambda collector: 60.0, sender)
    moments = pd.date_range(FIRST, FIRST + pd.Timedelta("4h"), freq="60min")
    for number, moment in enumerate(moments):
        if number:
            fill(store, moments[number - 1], moment)
        wrong = number == 2
        watch.look(Collector(store, {}), micros(moment + pd.Timedelta(hours=hours if wrong else 0)))
        said = alerts_watch.report(store).problem
        assert ("clock" in said) is (wrong and hours < 0), said
        assert not said or wrong
    found = [one.alert.id for one in alerts_watch.inbox(store)]
    replayed = replay(orders, moments[-1])
    true = {one.id for one in replayed}
    assert len(found) == len(set(found))
    assert len(sender.sent) == len(set(sender.sent))
    assert set(found) <= true, "nothing is told that a right clock would not have told"
    assert any(pd.Timestamp(one.time) > moments[2] for one in replayed)
    # After a break of more than a day, which is what a clock 30 hours ahead looks like, the past is not told.
    if hours != 30:
        assert set(found) == true, "what the wrong clock left out is told late"
    store.close()


@JUMPS
def test_limits_of_a_channel_end_in_their_time(host, hours, monkeypatch):
    monkeypatch.setattr(Notifier, "_send", lambda *_: (None, True))
    sender = Notifier((Channel("desk", Secret("json://127.0.0.1:9/x"), limit=1, per_minutes=60),))
    store = Sender()
    alert = _alert()
    sender.deliver([alert])
    assert sender.deliver([alert]).waiting == {"desk": 1}
    host.sets(hours)
    sender._clock = lambda: pd.Timestamp(host.wall, unit="s", tz="UTC").to_pydatetime()
    assert sender.deliver().waiting == {"desk": 1}, "the limit holds"
    host.passes(HOUR + 1)
    assert sender.deliver().sent == {"desk": 1}
    assert not store.sent


@functools.cache
def _alert():
    _, told = step(
        RULES,
        start(FIRST.tz_localize(None).to_datetime64()),
        AlertData(
            *(
                between(table, FIRST - pd.Timedelta("36h"), FIRST + pd.Timedelta("4h"))
                for table in (SAMPLE.liquidations, SAMPLE.candles, SAMPLE.open_interest, SAMPLE.funding)
            )
        ),
        FIRST + pd.Timedelta("4h"),
        alerts_watch.Orders(RULES, "15min", str(FIRST)).settings(),
    )
    return next(one for one in told if "desk" in one.tell)


@JUMPS
def test_a_signal_from_outside_is_taken_again_after_the_clock_was_set(hours):
    box = SignalBox()
    first = ExternalSignal(np.datetime64("2026-03-01T12:00:00", "us"), "cross", "long")
    assert box.put(first)
    assert not box.put(first)
    again = ExternalSignal(first.time + np.timedelta64(hours, "h"), "cross", "long")
    assert box.put(again)
    assert not box.put(again)


@JUMPS
def test_a_sweep_goes_on_at_its_pace_and_asks_everybody_again(host, hours, tmp_path):
    book, asked, slept = AddressBook(tmp_path / "accounts.sqlite"), [], []
    book.add([f"0x{number:040x}" for number in range(6)])

    def ask(question):
        asked.append(question.get("user"))
        if len(asked) == 3 and not slept[100:]:
            host.sets(hours)
            slept.extend([0.0] * 100)
        return None

    def sleep(seconds):
        slept.append(seconds)
        host.passes(seconds)

    Sweep(book, ask, host.now, sleep, a_minute=60).run()
    assert len({one for one in asked if one}) == 6
    assert max(slept) <= 20
    # The next one asks all of them, whatever the clock said when they were asked before.
    asked.clear()
    found = Sweep(book, ask, host.now, sleep, a_minute=60).run()
    assert len({one for one in asked if one}) == 6
    assert found.sweep["asked"].iloc[0] == 6
    book.close()


@JUMPS
def test_a_map_is_asked_for_again_in_its_time_and_says_where_its_prices_are_of_a_time_to_come(host, hours):
    real = RealMarkets(lambda: None, "/nowhere", clock=host.now)
    one = _Held(asked_at=host.mark)
    as_of = pd.Timestamp(host.now(), unit="s", tz="UTC")
    one.market = SimpleNamespace(
        candles=pd.DataFrame({"time": [as_of]}), stopped=False, step="5m", as_of=as_of, problems=(), told=()
    )
    real._dataset = lambda *_: None
    one.ready.set()
    host.sets(hours)
    assert not real._due("24h", one)
    look = real._told("24h", one)
    assert not look.age.startswith(("-", "−"))
    assert ("ahead of this computer's clock" in look.away) is (hours < 0)
    assert ("last map that was fetched" in look.away) is (hours > 0)
    host.passes(90)
    assert real._due("24h", one)
