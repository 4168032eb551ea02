"""The real market of a span, from what is kept, the venues and the public archive, in as few requests as it
takes.

Prices come from one venue, the first of the references that answers. Volume is that of the venues whose bars
cover the span, open interest that of all venues that tell theirs, each from the moment on from which it is
known. What came is kept in partitions at once, so that a second look, a cancelled fetch or a process that
died asks only for the rest. One venue's trouble is a sentence and costs no other venue anything.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.history import archive
from liqcore.feeds.history.partitions import HOUR, Partitions, Series, Span, empty, joined
from liqcore.feeds.live.figures import joined_candles
from liqcore.feeds.status import FeedError, Missing
from liqcore.feeds.venues import market as venue_market
from liqcore.feeds.venues.registry import REFERENCES, VENUES

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

DAY: Final = 24 * HOUR
# Open interest and volume move slowly against bars of a long span: coarser rows save requests.
_STEPS: Final = ("5m", "15m", "30m", "1h", "4h", "1d")
# Requests a venue may cost for one series, by days of the span.
_QUOTA: Final = ((5, 1), (70, 2), (10_000, 6))
# The metrics of a day are one file, so only short spans of the past are filled from them.
_METRIC_DAYS: Final = 45
_WORKERS: Final = 8
_VOLUME_VENUES: Final = 2

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Told:
    """What one source told of one table: the span it covers, how many rows, and what was wrong, if
    anything."""

    kind: str
    venue: str
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    rows: int
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Market:
    """The market of a span.

    Attributes
    ----------
    candles, open_interest, funding : checked tables from `lead_start` on. reference : venue of the prices,
        empty where none answered. volume_venues : whose volume the candles hold.
    step : length of a bar. start, end : the span that was asked for; bars before `start` are lead-in.
    venue_candles : the bars of each of `volume_venues`. told : one row a source and table. requests : how
    many were sent. stopped : whether it was cancelled.
    as_of : end of the newest bar held, None without bars.
    """

    candles: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    reference: str
    volume_venues: tuple[str, ...]
    step: str
    start: pd.Timestamp
    end: pd.Timestamp
    told: tuple[Told, ...]
    requests: int
    stopped: bool = False
    venue_candles: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def as_of(self) -> pd.Timestamp | None:
        if self.candles.empty:
            return None
        return self.candles["time"].iloc[-1] + pd.Timedelta(tables.timeframe(self.step))

    @property
    def complete(self) -> float:
        """Share of the bars between `start` and `end` that are held."""
        length = int(tables.timeframe(self.step).astype("int64"))
        first, last = (int(one.timestamp() * 1e6) for one in (self.start, self.end))
        time = tables.microseconds(self.candles["time"])
        wanted = max(math.ceil((last - first) / length), 1)
        return min(float(((time >= first - length + 1) & (time < last)).sum()) / wanted, 1.0)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong, each sentence once."""
        return tuple(dict.fromkeys(one.problem for one in self.told if one.problem))


@dataclass
class _Fetch:
    """One fetch on its way: what it asks with, what came, and how far it is."""

    session: Any
    kept: Partitions
    now: int
    progress: Progress | None
    stop: threading.Event
    fresh: dict[Series, list[pd.DataFrame]] = field(default_factory=dict)
    problems: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: int = 0
    done: int = 0
    planned: int = 0
    share: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, series: Series, table: pd.DataFrame, span: Span) -> None:
        """Remember rows for this look, and at rest those that can no longer change."""
        with self.lock:
            self.fresh.setdefault(series, []).append(table)
        length = series.length or 0
        settled = table[tables.microseconds(table["time"]) + length <= self.now] if len(table) else table
        try:
            self.kept.add(series, settled, [(span[0], min(span[1], self.now - length))], self.now)
        except (OSError, TimeoutError):
            self.note(
                series, "What was fetched cannot be kept on this disk, so it is fetched again next time."
            )

    def note(self, series: Series, sentence: str) -> None:
        with self.lock:
            self.problems.setdefault((series.kind, series.venue), sentence)

    def step(self, words: str) -> None:
        with self.lock:
            self.done += 1
            # What is planned grows on the way; how far it is said to be never falls.
            share = self.share = max(self.share, min(self.done / max(self.planned, 1), 1.0))
        if self.progress is not None:
            self.progress(share, words)


def market(
    start: object,
    end: object,
    step: str,
    session: FeedSession,
    kept: Partitions,
    *,
    lead: float = 0.0,
    references: Sequence[str] = REFERENCES,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Market:
    """The market from `start` to `end`, and `lead` hours before, in bars of `step`.

    Parameters
    ----------
    start, end : moments, UTC; an end in the future means now. step : `5m`, `15m`, `30m`, `1h`, `4h` or `1d`.
    session : asks; its clock is the now. kept : where what came is kept and what is known is read.
    references : venues whose prices may be shown, the wanted ones first.
    progress : called from this thread with a share and words. stop : set it to keep what came so far.

    Nothing is raised for a source that fails; `Market.told` says it.
    """
    now = int(session.clock() * 1e6)
    first, last = (int(tables.to_datetime64(moment).astype("int64")) for moment in (start, end))
    last = min(last, now)
    span = (first - round(lead * HOUR), last)
    fetch = _Fetch(session, kept, now, progress, stop or threading.Event())
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="heatlab-history") as pool:
        slow = _others(fetch, pool, span, step)
        reference = _reference(fetch, pool, span, step, references)
        rest = _second_volume(fetch, pool, span, step, reference)
        _wait(fetch, [*slow, *rest])
        if fetch.stop.is_set():
            pool.shutdown(wait=True, cancel_futures=True)
    return _composed(fetch, span, (first, last), step, reference)


def held(
    start: object, end: object, step: str, kept: Partitions, *, lead: float = 0.0, now: float | None = None
) -> Market:
    """What is kept of a span, asking nobody; as `market`. `now` in seconds since 1970 is by default the
    end."""
    first, last = (int(tables.to_datetime64(moment).astype("int64")) for moment in (start, end))
    fetch = _Fetch(None, kept, last if now is None else int(now * 1e6), None, threading.Event())
    return _composed(fetch, (first - round(lead * HOUR), last), (first, last), step, "")


def _reference(
    fetch: _Fetch, pool: ThreadPoolExecutor, span: Span, step: str, references: Sequence[str]
) -> str:
    """The first venue that has bars of the span; the newest part is asked first, because it decides."""
    for venue in sorted(references, key=lambda name: not _known(fetch, name, span, step)):
        if fetch.stop.is_set():
            break
        series = Series("candles", venue, step)
        parts = _parts(fetch, series, span, newest=True)
        if parts:
            newest = parts.pop()
            if not _ask(fetch, series, newest) and not _held(fetch, series, span):
                old = span[1] < fetch.now - 2 * DAY
                if not old or not _from_archive(fetch, pool, series, [*parts, newest]):
                    continue
                return venue
            _wait(fetch, [pool.submit(_ask, fetch, series, part) for part in parts])
            _from_archive(fetch, pool, series, fetch.kept.missing(series, *span, fetch.now))
        return venue
    return ""


def _known(fetch: _Fetch, venue: str, span: Span, step: str) -> bool:
    """Whether half of the span's bars of a venue are held already: it was the reference before."""
    left = fetch.kept.missing(Series("candles", venue, step), *span, fetch.now)
    return sum(end - start for start, end in left) < (span[1] - span[0]) / 2


def _held(fetch: _Fetch, series: Series, span: Span) -> bool:
    return bool(len(fetch.kept.held(series, *span))) or any(len(one) for one in fetch.fresh.get(series, []))


def _others(fetch: _Fetch, pool: ThreadPoolExecutor, span: Span, step: str) -> list[Future[Any]]:
    """Open interest of every venue that tells it, and funding of the two that come first."""
    asked: list[Future[Any]] = []
    payers = [name for name in REFERENCES if VENUES[name].funding][:1]
    # A venue that tells only the present adds one row, which would stand for a day of positions opened at
    # once.
    wanted = [
        ("open_interest", name)
        for name, row in VENUES.items()
        if row.open_interest and row.open_interest.reach != 0.0
    ]
    for kind, name in [*wanted, *(("funding", name) for name in payers)]:
        row = getattr(VENUES[name], kind)
        series = Series(kind, name, _coarse(row.most, span, step) if kind == "open_interest" else "8h")
        reach = span if row.reach is None else (max(span[0], fetch.now - round(row.reach * DAY)), span[1])
        asked += [pool.submit(_ask, fetch, series, part) for part in _parts(fetch, series, reach)]
        # A file a day is too much for the lead-in of a recent map, and right for a day long past.
        if kind == "open_interest" and name == archive.VENUE and reach[0] >= span[1]:
            asked += _metrics(fetch, pool, name, span)
    return asked


def _second_volume(
    fetch: _Fetch, pool: ThreadPoolExecutor, span: Span, step: str, reference: str
) -> list[Future[Any]]:
    """Bars of one more venue, where they cost no more than three requests."""
    for venue in REFERENCES:
        row = VENUES[venue].candles
        if venue == reference or row is None or fetch.stop.is_set() or not reference:
            continue
        bars = (span[1] - span[0]) / int(tables.timeframe(step).astype("int64"))
        if math.ceil(bars / row.most) > 3 or (row.in_all and bars > row.in_all):
            continue
        series = Series("candles", venue, step)
        return [pool.submit(_ask, fetch, series, part) for part in _parts(fetch, series, span)]
    return []


def _coarse(most: int, span: Span, step: str) -> str:
    """The finest step, not finer than the bars', at which a span costs no more requests than its quota."""
    days = (span[1] - span[0]) / DAY
    quota = next(count for limit, count in _QUOTA if days <= limit)
    for one in _STEPS[_STEPS.index(step) if step in _STEPS else 0 :]:
        if (span[1] - span[0]) / int(tables.timeframe(one).astype("int64")) <= most * quota:
            return one
    return _STEPS[-1]


def _parts(fetch: _Fetch, series: Series, span: Span, newest: bool = False) -> list[Span]:
    """What is missing of a span, cut into single requests, oldest first."""
    if span[1] <= span[0]:
        return []
    row = getattr(VENUES[series.venue], series.kind)
    length = (series.length or 0) * max(row.most - 2, 1)
    out: list[Span] = []
    for start, end in fetch.kept.missing(series, *span, fetch.now):
        # The row in the making is wanted of the prices alone, which show how old they are.
        if end - start < (series.length or 0) and not newest:
            continue
        count = max(math.ceil((end - start) / length), 1) if length else 1
        edges = np.linspace(start, end, count + 1).astype("int64").tolist()
        out += list(pairwise(edges))
    fetch.planned += len(out)
    return out


def _ask(fetch: _Fetch, series: Series, span: Span) -> bool:
    """One request; what came is kept. Whether the venue answered."""
    row = VENUES[series.venue]
    words = f"{row.name}: {series.kind.replace('_', ' ')}"
    if fetch.stop.is_set():
        return False
    start, end = (pd.Timestamp(moment, unit="us", tz="UTC") for moment in (span[0], span[1] - 1))
    try:
        if series.kind == "candles":
            found = venue_market.candles(fetch.session, series.venue, series.step, start, end)
        elif series.kind == "open_interest":
            found = venue_market.open_interest(fetch.session, series.venue, start, end, series.step)
        else:
            found = venue_market.funding(fetch.session, series.venue, start, end)
    except FeedError as problem:
        fetch.note(series, str(problem))
        fetch.step(words)
        return False
    with fetch.lock:
        fetch.requests += found.requests
    if found.status.message:
        fetch.note(series, found.status.message)
    good = found.status.state in ("live", "partial")
    if good or len(found.table):
        fetch.keep(series, found.table, span if good else (0, 0))
    fetch.step(words)
    return good and bool(len(found.table))


def _from_archive(fetch: _Fetch, pool: ThreadPoolExecutor, series: Series, spans: Iterable[Span]) -> bool:
    """Bars of the archive's venue for spans that the venue itself did not tell. Whether anything came."""
    if series.venue != archive.VENUE:
        return False
    files = {
        file.url: file
        for start, end in spans
        if end - start > HOUR
        for file in archive.files("candles", series.step, start, end, fetch.now)
    }
    fetch.planned += len(files)
    return any(_wait(fetch, [pool.submit(_file, fetch, series, file) for file in files.values()]))


def _metrics(fetch: _Fetch, pool: ThreadPoolExecutor, venue: str, span: Span) -> list[Future[Any]]:
    """Open interest of days that the venue no longer tells, where these are few."""
    files = archive.files("open_interest", "5m", *span, fetch.now)
    if not 0 < len(files) <= _METRIC_DAYS:
        return []
    fine = Series("open_interest", venue, "5m")
    left = fetch.kept.missing(fine, *span, fetch.now)
    wanted = [file for file in files if any(a < file.end and b > file.start for a, b in left)]
    fetch.planned += len(wanted)
    return [pool.submit(_file, fetch, fine, file) for file in wanted]


def _file(fetch: _Fetch, series: Series, file: archive.ArchiveFile) -> bool:
    if fetch.stop.is_set():
        return False
    try:
        table = archive.read(fetch.session, file)
    except Missing:
        fetch.keep(series, empty(series.kind), (file.start, file.end))
        return False
    except FeedError as problem:
        fetch.note(series, str(problem))
        return False
    finally:
        with fetch.lock:
            fetch.requests += 2
        fetch.step("The public archive")
    fetch.keep(series, table, (file.start, file.end))
    return True


def _wait(fetch: _Fetch, asked: Sequence[Future[Any]]) -> list[Any]:
    """Results as they come; what has not begun is dropped once the fetch is stopped."""
    out = []
    for one in as_completed(asked):
        if fetch.stop.is_set():
            for other in asked:
                other.cancel()
        if not one.cancelled():
            out.append(one.result())
    return out


def _composed(fetch: _Fetch, span: Span, asked: Span, step: str, reference: str) -> Market:
    """Everything held of the span, with what is fresh laid over what was at rest."""
    bars = {name: _table(fetch, Series("candles", name, step), span) for name in REFERENCES}
    bars = {name: table for name, table in bars.items() if len(table)}
    if not reference and bars:
        reference = max(bars, key=lambda name: len(bars[name]))
    volume = [reference] if reference in bars else []
    volume += [
        name
        for name, table in bars.items()
        if name != reference and _covers(table, bars.get(reference), step)
    ][: _VOLUME_VENUES - 1]
    # Holes of the reference stay holes: no other venue's price is put into them.
    frames = [
        bars[name][bars[name]["time"].isin(bars[reference]["time"])].assign(venue=name) for name in volume
    ]
    candles = joined_candles(pd.concat(frames), [reference]) if frames else empty("candles")
    interest = [
        _table(fetch, Series("open_interest", name, one), span)
        for name, row in VENUES.items()
        if row.open_interest
        for one in _STEPS
    ]
    rates = [
        _table(fetch, Series("funding", name, "8h"), span) for name, row in VENUES.items() if row.funding
    ]
    told = [_told(fetch, "candles", name, table) for name, table in bars.items()]
    tables_of = {
        "open_interest": _together("open_interest", interest),
        "funding": _together("funding", rates),
    }
    for kind, table in tables_of.items():
        code = {name: number for number, name in enumerate(table["venue"].cat.categories)}
        for name in VENUES:
            part = table[table["venue"].array.codes == code[name]] if name in code else empty(kind)
            if len(part) or (kind, name) in fetch.problems:
                told.append(_told(fetch, kind, name, part))
    said = {(one.kind, one.venue) for one in told}
    told += [
        Told(kind, name, None, None, 0, problem)
        for (kind, name), problem in fetch.problems.items()
        if (kind, name) not in said
    ]
    begin, until = (pd.Timestamp(moment, unit="us", tz="UTC") for moment in asked)
    return Market(
        candles,
        tables_of["open_interest"],
        tables_of["funding"],
        reference,
        tuple(volume),
        step,
        begin,
        until,
        tuple(told),
        fetch.requests,
        fetch.stop.is_set(),
        {name: bars[name] for name in volume},
    )


def _table(fetch: _Fetch, series: Series, span: Span) -> pd.DataFrame:
    frames = [fetch.kept.held(series, *span), *fetch.fresh.get(series, [])]
    return _together(series.kind, frames, span)


def _together(kind: str, frames: Sequence[pd.DataFrame], span: Span | None = None) -> pd.DataFrame:
    """Frames of one kind as one table; of two rows for one moment and venue the later frame's stays."""
    full = [frame for frame in frames if len(frame)]
    if not full:
        return empty(kind)
    whole = joined(kind, full)
    time = tables.microseconds(whole["time"])
    if span is None or (time[0] >= span[0] - DAY and time[-1] <= span[1]):
        return whole
    return whole[(time >= span[0] - DAY) & (time <= span[1])].reset_index(drop=True)


def _covers(table: pd.DataFrame, other: pd.DataFrame | None, step: str) -> bool:
    """Whether a venue's bars, with volume, cover those of the reference but for a hundredth."""
    if other is None or not len(other) or table["volume"].isna().any():
        return False
    shared = np.isin(tables.microseconds(other["time"]), tables.microseconds(table["time"]))
    return bool(shared.mean() >= 0.99)


def _told(fetch: _Fetch, kind: str, venue: str, table: pd.DataFrame) -> Told:
    problem = fetch.problems.get((kind, venue), "")
    if table.empty:
        return Told(kind, venue, None, None, 0, problem)
    return Told(kind, venue, table["time"].iloc[0], table["time"].iloc[-1], len(table), problem)
