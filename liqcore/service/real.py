"""The real market for all pages and visitors: each span fetched once, in the background, and told with its
age.

Nobody waits longer than asked: until a fetch is over, what was kept of before is shown, and what came so far.
Without a network the last map that was fetched stands, and says how old it is.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from liqcore import clocks, tables, wording
from liqcore.feeds.history.presets import NAMED_DAYS, PRESETS
from liqcore.service.dataset import Dataset

if TYPE_CHECKING:
    from liqcore.feeds.history.liquidations import Realised
    from liqcore.feeds.history.market import Market
    from liqcore.feeds.history.partitions import Partitions
    from liqcore.feeds.rest.session import FeedSession

# A year and the spans beside it for a handful of visitors; what is forgotten comes back from the disk at
# once.
_MOST_HELD: Final = 16
_FRESH: Final = 60.0
_PATIENCE: Final = 30.0
NAMED_LEAD: Final = 48.0
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_AGAIN: Final = 3_600.0
# The last day's liquidations are the collector's; before it, venues tell so many days in a few requests each.
_OLDER_DAYS: Final = 3
_LESS: Final = 0.5
# Seconds by which clocks of venues and of this computer may differ without a word.
_AHEAD_OF_US: Final = 120.0

Collected = Callable[[], Dataset | None]
# Liquidations and heartbeats.
_Told = tuple[pd.DataFrame | None, pd.DataFrame | None]


@dataclass(frozen=True, eq=False)
class Look:
    """What there is of one span at a moment.

    Attributes
    ----------
    data : the market to draw, None while there is nothing. busy : whether a fetch is under way, at `share`
        (0 to 1) with `words`. age : how old the newest price is, in words. fresh : whether this process
        fetched it. problems : what was wrong, one sentence each. away : the one sentence for a market that
        could not be asked for, else empty.
    """

    data: Dataset | None
    busy: bool = False
    share: float = 0.0
    words: str = ""
    age: str = ""
    fresh: bool = False
    problems: tuple[str, ...] = ()
    away: str = ""
    past: float | None = None


@dataclass(eq=False)
class _Held:
    """One span: what was fetched of it, and the fetch under way."""

    stop: threading.Event = field(default_factory=threading.Event)
    # Set while nothing is under way, and as soon as the map is there while liquidations still come.
    ready: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    making: threading.Lock = field(default_factory=threading.Lock)
    share: float = 0.0
    words: str = ""
    market: Market | None = None
    asked_at: float = float("-inf")
    cancelled: bool = False
    made: tuple[Any, Dataset | None] = (None, None)
    before: tuple[float, Market | None] = (float("-inf"), None)
    realised: Realised | None = None

    @property
    def busy(self) -> bool:
        return self.thread is not None and self.thread.is_alive() and not self.ready.is_set()


class RealMarkets:
    """All spans of the real market that somebody looks at. Safe in many threads; `stop` ends all fetches.

    `session` gives who asks, `kept` is the address of the partitions; `collected` gives what the collector
    holds, whose liquidations are the newest. Spans are named as in `PRESETS` and `NAMED_DAYS`.
    """

    def __init__(
        self,
        session: Callable[[], FeedSession],
        kept: str,
        *,
        offline: bool = False,
        collected: Collected = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.offline, self.clock = offline, clock
        # When to ask again must not depend on a clock that is set.
        self._steady = clocks.beside(clock)
        self._session, self._root, self._collected = session, kept, collected
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()
        self._stopped = False
        self._past: tuple[float, Realised | None] = (float("-inf"), None)
        self._past_thread: threading.Thread | None = None
        self._past_share, self._past_stop = 0.0, threading.Event()
        # What was told, joined once for all spans of more than a day, and once for the others.
        self._told_of: dict[bool, tuple[Any, _Told]] = {}

    def look(self, name: str, wait: float = 0.0) -> Look:
        """What there is of a span now; begins a fetch where that is due, and waits at most `wait` seconds for
        it."""
        with self._lock:
            one = self._held.setdefault(name, _Held())
            self._held.move_to_end(name)
            while len(self._held) > _MOST_HELD and not next(iter(self._held.values())).busy:
                self._held.popitem(last=False)
            if not self.offline and not self._stopped and not one.busy and self._due(name, one):
                one.stop.clear()
                one.ready.clear()
                one.share, one.words, one.cancelled = 0.0, "Asking the venues", False
                one.thread = threading.Thread(
                    target=self._fetch, args=(name, one), name=f"heatlab-market-{name}", daemon=True
                )
                one.thread.start()
        if one.busy and one.market is None:
            one.ready.wait(wait)
        return self._told(name, one)

    def cancel(self, name: str) -> None:
        """End the fetch of a span; what came is kept."""
        with self._lock:
            one = self._held.get(name)
        if one is not None:
            one.cancelled = True
            one.stop.set()

    def stop(self, wait: float = 10.0) -> None:
        """End all fetches."""
        with self._lock:
            self._stopped = True
            held = list(self._held.values())
        for event in (self._past_stop, *(one.stop for one in held)):
            event.set()
        end = time.monotonic() + wait
        for thread in (self._past_thread, *(one.thread for one in held)):
            if thread is not None:
                thread.join(max(end - time.monotonic(), 0.0))

    def kept(self) -> Partitions:
        """Where what came is kept."""
        from liqcore.feeds.history.partitions import Partitions

        return Partitions(self._root)

    def _due(self, name: str, one: _Held) -> bool:
        if one.cancelled and self._steady() - one.asked_at < _PATIENCE:
            return False
        if one.market is None or one.market.candles.empty or one.market.stopped:
            return self._steady() - one.asked_at > _PATIENCE
        if name in NAMED_DAYS:
            return False
        step = int(tables.timeframe(one.market.step).astype("int64")) / 1e6
        return self._steady() - one.asked_at > max(_FRESH, step / 10)

    def _span(self, name: str) -> tuple[pd.Timestamp, pd.Timestamp, str, float]:
        """Start, end, step of the bars and lead in hours of a span as of now."""
        if name in NAMED_DAYS:
            start, end = (pd.Timestamp(edge, tz="UTC") for edge in NAMED_DAYS[name].span)
            return start, end, "5m", NAMED_LEAD
        preset = PRESETS[name]
        end = pd.Timestamp(self.clock(), unit="s", tz="UTC").floor("us")
        return end - pd.Timedelta(hours=preset.hours), end, preset.step, float(preset.lead)

    def _fetch(self, name: str, one: _Held) -> None:
        from liqcore.feeds.history.market import market

        def progress(share: float, words: str) -> None:
            one.share, one.words = max(one.share, share), words

        try:
            start, end, step, lead = self._span(name)
            session, kept = self._session(), self.kept()
            # A second look is for what is new; the model's lead-in is complete by then.
            found = market(start, end, step, session, kept, lead=lead, progress=progress, stop=one.stop)
            if len(found.candles) or one.market is None:
                one.market = found
            else:
                one.market = replace(one.market, told=found.told)
            if name in NAMED_DAYS and not one.stop.is_set():
                from liqcore.feeds.history.snapshots import snapshots

                one.words = "Liquidations of the archive"
                one.realised = snapshots(*_edges(start, end), session, kept, one.stop)
            one.asked_at = self._steady()
            one.ready.set()
            if len(found.candles) and not found.stopped:
                if name in PRESETS and PRESETS[name].hours > 24:
                    self._ask_past()
                kept.trim()
        # A map that cannot be made is said on the page; whatever else was fetched stays.
        except Exception as problem:
            logging.getLogger(__name__).warning("The market of %s could not be fetched: %s", name, problem)
        finally:
            one.asked_at = self._steady()
            one.ready.set()

    def _ask_past(self) -> None:
        """Ask for the liquidations before the collector's day, once an hour and for all spans at once."""
        with self._lock:
            running = self._past_thread is not None and self._past_thread.is_alive()
            if running or self._stopped or self._steady() - self._past[0] < _AGAIN:
                return
            self._past_share = 0.0
            self._past_thread = threading.Thread(target=self._tell_past, name="heatlab-past", daemon=True)
            self._past_thread.start()

    def _tell_past(self) -> None:
        from liqcore.feeds.history.liquidations import liquidations

        def progress(share: float, _: str) -> None:
            self._past_share = share

        try:
            found = liquidations(
                *self._past_span(), self._session(), self.kept(), progress=progress, stop=self._past_stop
            )
            self._past = self._steady(), found
        # Nothing of the map depends on it.
        except Exception as problem:
            logging.getLogger(__name__).warning("Liquidations of the past could not be fetched: %s", problem)
            self._past = self._steady(), self._past[1]

    def _past_span(self) -> tuple[int, int]:
        now = int(self.clock() * 1e6) // _HOUR * _HOUR
        return now - (_OLDER_DAYS + 1) * _DAY, now - _DAY + _HOUR

    def _told(self, name: str, one: _Held) -> Look:
        found, away = one.market, ""
        if found is None or found.candles.empty:
            # Reading the disk is not for every rerun; while a fetch is under way something comes every
            # moment.
            if self._steady() - one.before[0] > (1.0 if one.busy else _FRESH):
                one.before = self._steady(), self._kept_market(name)
            found = one.before[1]
        if found is None:
            away = self._why(one)
        else:
            age = self.clock() - found.as_of.timestamp() if found.as_of is not None else 0.0
            length = float(tables.timeframe(found.step).astype("int64")) / 1e6
            if name not in NAMED_DAYS and age < -2 * length - _AHEAD_OF_US:
                away = (
                    f"The newest price is dated {wording.duration(60 * round(-age / 60))} ahead of this"
                    " computer's clock, so nothing here can be told an age. Set this computer's clock."
                )
            elif name not in NAMED_DAYS and age > 3 * length + 600 and not one.busy:
                away = (
                    f"{self._why(one)} Shown is the last map that was fetched,"
                    f" {how_old(found, self.clock())}."
                )
        return Look(
            None if found is None else self._dataset(name, one, found),
            one.busy,
            one.share,
            one.words,
            "" if found is None else how_old(found, self.clock()),
            one.market is not None and found is one.market,
            one.market.problems if one.market is not None else (),
            away,
            self._past_share if self._past_thread is not None and self._past_thread.is_alive() else None,
        )

    def _why(self, one: _Held) -> str:
        if self.offline:
            return "No exchange is asked, because HEATLAB_OFFLINE is set."
        if one.cancelled:
            return "The fetch was cancelled; what came is kept."
        if one.busy:
            return ""
        said = one.market.problems if one.market is not None else ()
        if not said:
            return "No exchange could be asked."
        # With a network at fault every source says the same; the venues' own words matter where they differ.
        gone = all("cannot be reached" in one or "did not answer" in one for one in said)
        return "No exchange can be reached from here." if gone else f"No exchange tells its prices. {said[0]}"

    def _kept_market(self, name: str) -> Market | None:
        """What is kept of a span: of now, else of the last time that anything was fetched."""
        if "://" not in self._root and not Path(self._root).is_dir():
            return None
        from liqcore.feeds.history.market import held

        start, end, step, lead = self._span(name)
        found = held(start, end, step, self.kept(), lead=lead, now=self.clock())
        if name in NAMED_DAYS:
            return found if found.complete >= _LESS else None
        if found.complete >= _LESS:
            return found
        newest = self.kept().newest("candles", step)
        if newest is None:
            return None
        end = pd.Timestamp(newest, unit="us", tz="UTC") + pd.Timedelta(tables.timeframe(step))
        start = end - pd.Timedelta(hours=PRESETS[name].hours)
        found = held(start, end, step, self.kept(), lead=lead, now=self.clock())
        return found if found.complete >= _LESS else None

    def _dataset(self, name: str, one: _Held, found: Market) -> Dataset:
        extra = self._collected() if name not in NAMED_DAYS else None
        realised = self._realised(name, one)
        key = (found, realised, None if extra is None else extra.key)
        with one.making:
            before, last = one.made
            if last is None or key != before:
                told = None if name in NAMED_DAYS else self._joined(realised, extra)
                last = as_dataset(name, found, realised, extra, told)
                one.made = key, last
            return last

    def _joined(self, realised: Realised | None, extra: Dataset | None) -> _Told:
        asked = realised, None if extra is None else extra.key
        held = self._told_of.get(realised is None)
        if held is None or held[0] != asked:
            held = self._told_of[realised is None] = asked, join(realised, extra)
        return held[1]

    def _realised(self, name: str, one: _Held) -> Realised | None:
        """Liquidations that venues told of the days before the collector's, or the archive of a named day;
        None for spans without them."""
        if name in NAMED_DAYS:
            if one.realised is None:
                from liqcore.feeds.history.snapshots import kept_snapshots

                start, end, *_ = self._span(name)
                one.realised = kept_snapshots(*_edges(start, end), self.kept())
            return one.realised
        if PRESETS[name].hours <= 24:
            return None
        if self._past[1] is None and ("://" in self._root or Path(self._root).is_dir()):
            from liqcore.feeds.history.liquidations import kept_liquidations

            now = int(self.clock() * 1e6)
            self._past = self._past[0], kept_liquidations(*self._past_span(), self.kept(), now=now)
        return self._past[1]


def _edges(start: pd.Timestamp, end: pd.Timestamp) -> tuple[int, int]:
    return int(start.value // 1_000), int(end.value // 1_000)


def made_of(found: Market) -> str:
    """What a market is made of, how complete it is, and what is wrong with whom."""
    from liqcore.feeds.venues.registry import VENUES

    open_interest = [VENUES[one.venue].name for one in found.told if one.kind == "open_interest" and one.rows]
    prices = VENUES[found.reference].name if found.reference in VENUES else found.reference
    held = "every bar" if found.complete >= 0.999 else f"{wording.share(found.complete, 1)} of the bars"
    many = len(open_interest)
    interest = f"open interest of {many} {'venue' if many == 1 else 'venues'}" if many else "no open interest"
    return " ".join([f"Prices of {prices}, {interest}; {held} of the span held.", *found.problems])


def how_old(found: Market, now: float) -> str:
    """How old the newest price is, in a few words."""
    moment = pd.Timestamp(now, unit="s", tz="UTC")
    return "" if found.as_of is None else f"{wording.age(min(found.as_of, moment), moment)} old"


def join(realised: Realised | None, extra: Dataset | None) -> _Told:
    """Liquidations of the collector and those told of before, and the minutes in which venues were heard of;
    None for what nobody told."""
    parts, beats = [], []
    if realised is not None:
        parts.append(realised.table)
        beats.append(realised.beats())
    if extra is not None and extra.liquidations is not None:
        parts.append(_outside(extra.liquidations, {} if realised is None else realised.covered))
    if extra is not None and extra.beats is not None:
        beats.append(extra.beats)
    full = [one for one in parts if len(one)]
    events = None
    if full:
        plain = [one.astype(dict.fromkeys(one.select_dtypes("category"), str)) for one in full]
        events = tables.liquidations(pd.concat(plain, ignore_index=True))
    heard = [one for one in beats if len(one)]
    return events, pd.concat(heard, ignore_index=True) if heard else None


def as_dataset(
    name: str, found: Market, realised: Realised | None, extra: Dataset | None, told: _Told | None = None
) -> Dataset:
    """A fetched market as the pages draw it; `told` is what `join` made of the two before, where that is at
    hand."""
    events, heard = told or join(realised, extra)
    interest = found.open_interest if len(found.open_interest) else None
    venues = tuple(
        dict.fromkeys(
            [found.reference, *([] if interest is None else interest["venue"].astype(str).unique().tolist())]
        )
    )
    day = NAMED_DAYS.get(name)
    made, untold = made_of(found), ""
    if day is not None:
        from liqcore.feeds.history import snapshots

        words = [snapshots.TOLD, *realised.problems] if events is not None and realised is not None else []
        made, untold = " ".join([made, *words]), snapshots.UNTOLD
    prices = f"real:{name}:{_digest(found)}"
    number = 0 if events is None else len(events)
    return Dataset(
        key=f"{prices}:{number}:{_hours(realised)}:{'' if extra is None else extra.key}",
        key_of_prices=prices,
        label="BTC now" if day is None else day.title,
        synthetic=False,
        candles=found.candles,
        liquidations=events,
        open_interest=interest,
        funding=found.funding if len(found.funding) else None,
        lags={} if extra is None else extra.lags,
        slowest={} if extra is None else extra.slowest,
        beats=heard,
        venue_candles=found.venue_candles if len(found.venue_candles) > 1 else {},
        window=name if day is None else "",
        made_of=made,
        modelled_of=venues,
        untold=untold,
    )


def _hours(realised: Realised | None) -> str:
    """Tells apart for which hours venues told: as many events may be those of more, whose quiet is no gap."""
    told = "" if realised is None else repr(sorted(realised.covered.items()))
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def _digest(found: Market) -> str:
    """Tells what was fetched apart by its content: the newest bar changes until it has ended."""
    digest = hashlib.blake2b(digest_size=12)
    for table in (found.candles, found.open_interest, found.funding, *found.venue_candles.values()):
        digest.update(len(table).to_bytes(8, "little") + tables.microseconds(table["time"]).tobytes())
        for name in table.columns:
            if table[name].dtype == np.float64:
                digest.update(table[name].to_numpy().tobytes())
    venues = *found.venue_candles, *found.open_interest["venue"].astype(str).unique(), made_of(found)
    digest.update(repr((found.reference, venues)).encode())
    return digest.hexdigest()


def _outside(events: pd.DataFrame, covered: dict[str, list[tuple[int, int]]]) -> pd.DataFrame:
    """The events that no history has told again: those outside what a venue covered."""
    time, venue = tables.microseconds(events["time"]), events["venue"].astype(str).to_numpy()
    twice = np.zeros(len(events), dtype=bool)
    for name, spans in covered.items():
        for start, end in spans:
            twice |= (venue == name) & (time >= start) & (time < end)
    return events[~twice]


__all__ = ["Look", "RealMarkets", "as_dataset", "made_of"]
