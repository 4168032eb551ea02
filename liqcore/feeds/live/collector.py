"""The background collector: takes what sources deliver, writes it every second, and knows how each source is
doing.

One a process. Sources run on their own loop in one thread, the writer in another, polling in a third. With
several processes on one store only one collects; the others read what it wrote, and take over when it is
gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

from liqcore import clocks, wording
from liqcore.feeds.live.health import Known, current, from_plain, plain
from liqcore.feeds.live.leader import Leadership
from liqcore.feeds.live.store import Arrival, Store, StoreError, arrivals, open_store, set_aside
from liqcore.feeds.live.ticks import Ticks
from liqcore.feeds.live.window import Events, LiveWindow, Market, refill
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.rows import LiquidationRow

MINUTE: Final = 60_000_000
_STATUS: Final = "status"
_STATUS_HOLDS: Final = 1.0
_AFTER_TROUBLE: Final = 30.0
# A clock that moves on its own by more than this between two looks (seconds) was set; how long that is told.
_SET: Final = 2.0
_TOLD_FOR: Final = 3_600.0
# Seconds between two looks whether a store that had to be in memory can be where it should be.
_HOME: Final = 60.0
# Seconds before the log is told once more what it was told already.
_SAID_AGAIN: Final = 60.0

Deliver = Callable[[str, list[LiquidationRow], int], None]
Tell = Callable[[SourceStatus], None]
Source = Callable[[Deliver, Tell], Awaitable[None]]
# Called again and again in its own thread with the collector; returns the seconds to wait until the next
# call.
Poll = Callable[["Collector"], float]


@dataclass(frozen=True)
class CollectorConfig:
    """How a collector works. Times are seconds unless the name says otherwise; equal configs are one
    collector.

    `most_rows` bounds what waits to be written; a source is held back at that, and after `patience` seconds
    rows are dropped and counted. `silent` is the age of the last frame after which a live source is called
    stale, and `market_every` the time between two readings of heartbeats and candles into memory.
    """

    flush: float = 1.0
    most_rows: int = 200_000
    patience: float = 10.0
    silent: float = 180.0
    window_hours: float = 24.0
    keep_days: float = 14.0
    market_every: float = 10.0


@dataclass(frozen=True)
class Snapshot:
    """How the collection is doing at a moment (µs since 1970 UTC).

    `statuses` are those of the live sources, `market` those of candles, open interest and funding by name.
    `rows`, `lost` and `frames` count by venue since the start; `written` and `doubled` all together.
    """

    moment: int
    collecting: bool
    statuses: tuple[SourceStatus, ...]
    market: Mapping[str, SourceStatus]
    rows: Mapping[str, int]
    frames: Mapping[str, int]
    lost: Mapping[str, int]
    waiting: int
    written: int
    doubled: int
    problem: str


class Held(Protocol):
    """A stretch of the market in memory, be it a store's or a tape's."""

    def events(self) -> Events:
        """The events of the stretch."""

    def market(self) -> Market | None:
        """What is held beside events; the same object until it changes."""


class Feed(Protocol):
    """What pages ask of a collector, and of whatever plays one."""

    ticks: Ticks

    @property
    def window(self) -> Held:
        """The newest stretch."""

    def now(self) -> int:
        """The time of the feed in µs since 1970 UTC."""

    def snapshot(self) -> Snapshot:
        """How its sources are doing."""


class Collector:
    """Runs sources into a store. `start` and `stop` may be called from any thread, `stop` more than once."""

    def __init__(
        self,
        store: Store,
        sources: Mapping[str, Source],
        poll: Poll | None = None,
        config: CollectorConfig | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Ticks | None = None,
    ) -> None:
        self.config = config or CollectorConfig()
        self.store, self.clock = store, clock
        self.ticks = ticks or Ticks()
        self.window = LiveWindow(store, self.config.window_hours)
        self._sources, self._poll = dict(sources), poll
        self._leader = Leadership(store)
        self._room = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quiet = [threading.Event(), threading.Event()]
        self._waiting: list[Arrival] = []
        self._beats: Counter[tuple[str, int]] = Counter()
        self._beat_events: Counter[tuple[str, int]] = Counter()
        self._statuses = {
            name: SourceStatus(name, "off", "It has not been asked yet.") for name in self._sources
        }
        self._histories: dict[str, SourceStatus] = {}
        self._market: dict[str, SourceStatus] = {}
        self._frames: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._live_since: dict[str, int] = {}
        self._frame_at: dict[str, int] = {}
        # The same by the steady clock, and when events last came: ages must not follow a clock that is set.
        self._steady = clocks.beside(clock)
        self._frame_mark: dict[str, float] = {}
        self._rows_mark: dict[str, float] = {}
        self._apart = self.clock() - self._steady()
        self._set_clock, self._set_at = "", float("-inf")
        self._event_at: dict[str, int] = {}
        self._written = self._doubled = 0
        self._refused: Counter[str] = Counter()
        self._down_since: dict[str, float] = dict.fromkeys(self._sources, self._steady())
        self._history_at: dict[str, float] = {}
        self._problem, self._said = "", dict[str, float]()
        self._say(store.problem)
        self._stuck = ""
        self._collecting = False
        self._elsewhere: tuple[float, tuple[SourceStatus, ...]] = float("-inf"), ()

    def start(self) -> None:
        """Begin; returns at once."""
        for name, work in (
            ("writer", self._write_on),
            ("sources", self._run_sources),
            ("poller", self._poll_on),
        ):
            thread = threading.Thread(target=work, name=f"heatlab-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, wait: float = 15.0) -> bool:
        """End all threads and sockets, and write what still waits. True where nothing is left running."""
        self._stopping.set()
        with self._room:
            self._room.notify_all()
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        end = time.monotonic() + wait
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(end - time.monotonic(), 0.0))
        alive = [thread for thread in self._threads if thread.is_alive()]
        self._leader.leave()
        if not alive:
            self.store.close()
        return not alive

    @property
    def collecting(self) -> bool:
        """Whether this process is the one that collects."""
        return self._collecting

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def now(self) -> int:
        """The collector's clock in µs since 1970 UTC."""
        return round(self.clock() * 1e6)

    def deliver(self, venue: str, rows: list[LiquidationRow], arrived: int) -> None:
        """Take the rows of one frame (none is a sign of life). Blocks while too much waits to be written."""
        since = self._live_since.get(venue, arrived)
        batch = self._possible(venue, rows, arrived, "socket")
        # What a venue tells at the subscription happened before anybody listened, so it says nothing about
        # delays.
        self._take(
            venue,
            [one if one.row.time >= since else one._replace(origin="history") for one in batch],
            arrived,
        )

    def deliver_history(
        self, venue: str, rows: list[LiquidationRow], arrived: int, covered: tuple[int, int]
    ) -> None:
        """Take rows that a venue told later, and the span (µs) for which it told all it has."""
        self._take(venue, self._possible(venue, rows, arrived, "history"), None)
        # A venue that told nothing covers nothing, not even the minute in which it was asked.
        empty = covered[1] <= covered[0]
        minutes = range(0) if empty else range(covered[0] // MINUTE * MINUTE, covered[1], MINUTE)
        with self._room:
            self._beats.update(dict.fromkeys(((venue, minute) for minute in minutes), 0))
            for row in rows:
                self._beat_events[venue, row.time // MINUTE * MINUTE] += 1

    def tell(self, status: SourceStatus) -> None:
        """Take what a source says about itself."""
        with self._room:
            self._statuses[status.venue] = status
            if status.state == "live":
                self._down_since.pop(status.venue, None)
            else:
                self._live_since.pop(status.venue, None)
                self._down_since.setdefault(status.venue, self._steady())

    def tell_history(self, status: SourceStatus) -> None:
        """Take how asking a venue for its history went; it matters where the venue does not send live."""
        with self._room:
            self._histories[status.venue] = status
            self._history_at[status.venue] = self._steady()

    def tell_market(self, name: str, status: SourceStatus) -> None:
        """Take how a source of candles, open interest or funding is doing."""
        with self._room:
            self._market[name] = status

    def live_span(self, venue: str) -> tuple[int, int] | None:
        """First and last frame (µs) of a source since it last came live; None while it is not."""
        with self._room:
            since = self._live_since.get(venue)
            return None if since is None else (since, self._frame_at[venue])

    def snapshot(self) -> Snapshot:
        """How everything is doing; waits for nothing but a short lock."""
        with self._room:
            waiting, problem, collecting = len(self._waiting), self._problem, self._collecting
            if self._steady() - self._set_at < _TOLD_FOR:
                problem = f"{problem} {self._set_clock}".strip()
            facts: dict[str, Any] = dict(
                market=dict(self._market),
                rows=dict(self._rows),
                frames=dict(self._frames),
                lost=dict(self._lost),
            )
            statuses = tuple(self._current(name) for name in self._statuses)
            written, doubled = self._written, self._doubled
        if not collecting:
            told = self._told_elsewhere()
            statuses = told or tuple(
                replace(status, state="off", message="Another process collects; this one reads its store.")
                for status in statuses
            )
        return Snapshot(
            self.now(),
            collecting,
            statuses,
            waiting=waiting,
            written=written,
            doubled=doubled,
            problem=problem,
            **facts,
        )

    def _possible(self, venue: str, rows: list[LiquidationRow], arrived: int, origin: str) -> list[Arrival]:
        """The rows that can have happened by then; the others are counted."""
        batch = arrivals(rows, arrived, origin)
        if len(batch) < len(rows):
            with self._room:
                self._refused[venue] += len(rows) - len(batch)
        return batch

    def _take(self, venue: str, batch: list[Arrival], frame_at: int | None) -> None:
        with self._room:
            if batch and not self._room.wait_for(
                lambda: len(self._waiting) < self.config.most_rows or self._stopping.is_set(),
                self.config.patience,
            ):
                self._lost[venue] += len(batch)
                batch = []
            self._waiting += batch
            self._rows[venue] += len(batch)
            newest, mark = max((one.row.time for one in batch), default=0), self._steady()
            if batch:
                self._rows_mark[venue] = mark
            self._event_at[venue] = max(self._event_at.get(venue, 0), newest)
            if frame_at is not None:
                minute = frame_at // MINUTE * MINUTE
                self._frames[venue] += 1
                self._frame_at[venue] = frame_at
                self._beats[venue, minute] += 1
                self._beat_events[venue, minute] += len(batch)
                # After a long silence, as of a machine that slept, it is not one stretch any more.
                if mark - self._frame_mark.get(venue, mark) > self.config.silent:
                    self._live_since.pop(venue, None)
                self._frame_mark[venue] = mark
                if venue not in self._live_since:
                    self._live_since[venue] = frame_at
                    self._rows_mark[venue] = mark

    def _current(self, name: str) -> SourceStatus:
        """What a source said, with what is known about it since."""
        mark = self._steady()
        frame, down = self._frame_mark.get(name), self._down_since.get(name)
        return current(
            self._statuses[name],
            Known(
                self.config.silent,
                self._frame_at.get(name),
                self._event_at.get(name) or None,
                None if frame is None else mark - frame,
                mark - self._rows_mark.get(name, mark),
                self._histories.get(name),
                mark - self._history_at.get(name, float("-inf")),
                None if down is None else mark - down,
                self._stuck,
                len(self._waiting),
                self._lost[name],
                self._refused[name],
            ),
        )

    def _told_elsewhere(self) -> tuple[SourceStatus, ...]:
        """The statuses that the collecting process left in the store; empty where there are none or they are
        too old."""
        read_at, statuses = self._elsewhere
        # Every look of every visitor asks, and it is written every five seconds.
        if time.monotonic() - read_at < _STATUS_HOLDS:
            return statuses
        statuses = ()
        with suppress(StoreError, ValueError, TypeError, KeyError):
            told = json.loads(self.store.note(_STATUS) or "{}")
            # Neither old nor, after the clock was set back, of a time to come.
            if abs(self.now() - int(told["moment"])) < MINUTE:
                statuses = tuple(from_plain(one) for one in told["statuses"])
        self._elsewhere = time.monotonic(), statuses
        return statuses

    def _write_on(self) -> None:
        told_at = pruned_at = read_at = float("-inf")
        home_at = time.monotonic()
        while True:
            last = self._stopping.is_set()
            if last:
                # What sources deliver until they have ended is written too.
                for ended in self._quiet:
                    ended.wait(5)
            if self.store.gone:
                self._open_anew(
                    "The store's file was removed or replaced while the app ran. It was made anew"
                )
            if self.store.wanted != self.store.url and time.monotonic() - home_at > _HOME:
                home_at = time.monotonic()
                self._come_home()
            self._mind_the_clock()
            before, self._collecting = self._collecting, self._leader.take()
            # Who is no longer the one still has what it heard until then.
            if self._collecting or before:
                self._flush()
            if self._collecting:
                if time.monotonic() - told_at > 5:
                    told_at = time.monotonic()
                    self._leave_status()
                if time.monotonic() - pruned_at > 3_600:
                    pruned_at = time.monotonic()
                    with suppress(StoreError):
                        self._forget()
            market = time.monotonic() - read_at > self.config.market_every
            if market:
                read_at = time.monotonic()
            self._read(market)
            if last:
                return
            self._stopping.wait(self.config.flush)

    def _forget(self) -> None:
        """Forget what is too old, by the newest event heard where the computer's clock runs ahead of it: a
        wrong clock must not empty the store."""
        newest = max(self._event_at.values(), default=0)
        if newest:
            now = min(self.now(), newest + 86_400_000_000)
            self.store.prune(now - round(self.config.keep_days * 86_400e6))

    def _mind_the_clock(self) -> None:
        """Where this computer's clock was set: spans begin anew, and memory is read again as of now."""
        apart = self.clock() - self._steady()
        moved, self._apart = apart - self._apart, apart
        if abs(moved) < _SET:
            return
        window = LiveWindow(self.store, self.config.window_hours)
        with suppress(StoreError):
            window.refresh(self.now())
            window.refresh_market(self.now())
            self.window = window
        with self._room:
            self._live_since.clear()
            self._set_at = self._steady()
            at = wording.clock(np.datetime64(self.now(), "us"))
            self._set_clock = (
                f"This computer's clock was set {'forward' if moved > 0 else 'back'} by"
                f" {wording.duration(round(abs(moved)))} at {at} UTC."
                " What was collected is still there; what the wrong clock left out is asked for again where a"
                " venue tells its history."
            )
        logging.getLogger(__name__).warning("%s", self._set_clock)

    def _flush(self) -> None:
        with self._room:
            batch, beats, beat_events = self._waiting, self._beats, self._beat_events
            if not batch and not beats:
                return
            self._waiting, self._beats, self._beat_events = [], Counter(), Counter()
        try:
            new = self.store.add(batch, {key: (frames, beat_events[key]) for key, frames in beats.items()})
        except StoreError as problem:
            if problem.damaged:
                self._open_anew("The store was damaged.", damaged=True)
            with self._room:
                self._waiting = batch + self._waiting
                self._beats.update(beats)
                self._beat_events.update(beat_events)
                self._stuck = "" if problem.damaged else str(problem)
                self._say(self._problem if problem.damaged else str(problem))
            return
        with self._room:
            self._written += new
            self._doubled += len(batch) - new
            self._stuck = ""
            self._say(self.store.problem)
            self._room.notify_all()

    def _say(self, problem: str) -> None:
        """What is wrong with the store, for the pages; a change is told to the log too, since a process that
        only collects has no pages. What comes and goes is told once a minute."""
        now = self._steady()
        if problem != self._problem and now - self._said.get(problem, float("-inf")) > _SAID_AGAIN:
            self._said[problem] = now
            logging.getLogger(__name__).warning("%s", problem or "The store is written again.")
        self._problem = problem

    def _open_anew(self, why: str, damaged: bool = False) -> None:
        """Open the store again, with what is in memory, after its file went away, was damaged, or can be had
        at last."""
        events, market, old = self.window.events(), self.window.market(), self.store
        old.close()
        if damaged:
            why = f"{why} It was set aside as {set_aside(old.url)}, and a new one was begun"
        else:
            self._leader.leave()
        self.store = open_store(old.wanted)
        if not damaged:
            self._leader = Leadership(self.store)
            self._collecting = self._collecting and self._leader.take()
        if self._collecting:
            since = self.now() - round(self.config.window_hours * 3_600e6)
            try:
                kept = refill(self.store, events, market, since)
                said = (
                    f"{kept:,} events of the last {self.config.window_hours:g} hours were written from memory"
                )
            except StoreError as problem:
                said = f"what was in memory could not be written: {problem}"
            self.store.problem = self.store.problem or f"{why}: {said}; what was older is gone."
        self.window = LiveWindow(self.store, self.config.window_hours)
        with self._room:
            self._stuck = ""
            self._say(self.store.problem)

    def _come_home(self) -> None:
        """Go from memory back to where the store should be, where that has become possible."""
        try:
            Store(self.store.wanted).close()
        except StoreError:
            return
        self._open_anew("The store can be written again. It goes on from memory")

    def _read(self, market: bool) -> None:
        """Read what is new into memory."""
        try:
            self.window.refresh(self.now())
            if market:
                self.window.refresh_market(self.now())
        except StoreError as problem:
            if problem.damaged and self._collecting:
                self._open_anew("The store was damaged.", damaged=True)

    def _leave_status(self) -> None:
        with self._room:
            statuses = [plain(self._current(name)) for name in self._statuses]
        with suppress(StoreError):
            self.store.set_note(_STATUS, json.dumps({"moment": self.now(), "statuses": statuses}))

    def _run_sources(self) -> None:
        while not self._stopping.is_set():
            if not self._collecting:
                self._stopping.wait(0.2)
                continue
            self._loop = asyncio.new_event_loop()
            try:
                self._loop.run_until_complete(self._gathered())
            except asyncio.CancelledError:
                pass
            finally:
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.close()
                self._loop = None
        self._quiet[0].set()

    async def _gathered(self) -> None:
        tasks = [
            asyncio.create_task(self._guarded(name, source), name=name)
            for name, source in self._sources.items()
        ]
        try:
            while not self._stopping.is_set() and self._collecting and not all(task.done() for task in tasks):
                await asyncio.sleep(0.1)
            if not self._stopping.is_set() and self._collecting:
                # Every source has ended by itself, as a replay does; there is nothing more to run.
                while not self._stopping.is_set():
                    await asyncio.sleep(0.2)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, name: str, source: Source) -> None:
        try:
            await source(self.deliver, self.tell)
        except asyncio.CancelledError:
            raise
        except Exception as problem:  # one broken source must not take the others with it
            logging.getLogger(__name__).warning("The source %s stopped: %s", name, type(problem).__name__)
            self.tell(
                SourceStatus(
                    name,
                    "error",
                    f"This source stopped because of an error in the app ({type(problem).__name__}). Restart"
                    " the app to try again.",
                )
            )

    def _poll_on(self) -> None:
        while self._poll is not None and not self._stopping.is_set():
            if not self._collecting:
                self._stopping.wait(0.2)
                continue
            try:
                pause = self._poll(self)
            except Exception as problem:  # a round that breaks must not be the last one
                # A process that ends takes away what rounds are asked with; that is no fault.
                if "shutdown" not in str(problem):
                    logging.getLogger(__name__).warning(
                        "A round of questions broke off: %s", type(problem).__name__
                    )
                words = f"A round of questions broke off ({type(problem).__name__}). It is tried again."
                self.tell_market("Questions", SourceStatus("", "error", words))
                pause = _AFTER_TROUBLE
            self._stopping.wait(max(pause, 0.05))
        self._quiet[1].set()
