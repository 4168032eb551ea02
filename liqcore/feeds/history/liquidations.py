"""Liquidations of the past that venues tell without a key, day by day, kept so that no hour is asked for
twice.

Each day of history has a budget of requests of its own. What a venue told is kept with the span it told it
for, so that a map can show where somebody looked, and where nobody did.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.history.partitions import HOUR, Partitions, Series, Span, empty, joined
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.history import liquidation_history
from liqcore.feeds.venues.registry import VENUES

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

MOST_A_DAY: Final = 120
TELLERS: Final = tuple(name for name, row in VENUES.items() if row.history)
_DAY: Final = 24 * HOUR
_CHUNK: Final = 6 * HOUR
# What has only just happened may not be told yet.
_LATE: Final = 20_000_000
_MINUTE: Final = 60_000_000

Progress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Realised:
    """Liquidations of a span, and who told of when.

    Attributes
    ----------
    table : liquidations table. covered : spans [start, end) in µs by venue for which a venue told all it had.
    problems : one sentence each. requests : how many were sent.
    """

    table: pd.DataFrame
    covered: dict[str, list[Span]]
    problems: tuple[str, ...] = ()
    requests: int = 0

    def beats(self) -> pd.DataFrame:
        """The minutes that are covered: `venue`, `minute` in µs, `frames` and `events` 0, as a collector
        notes them."""
        found = [
            pd.DataFrame({"venue": venue, "minute": np.arange(start // _MINUTE * _MINUTE, end, _MINUTE)})
            for venue, spans in self.covered.items()
            for start, end in spans
        ]
        none = pd.DataFrame({"venue": pd.Series(dtype=object), "minute": pd.Series(dtype="int64")})
        return pd.concat(found or [none], ignore_index=True).assign(frames=0, events=0)


def kept_liquidations(
    start: int, end: int, kept: Partitions, venues: Sequence[str] = TELLERS, now: int | None = None
) -> Realised:
    """What is kept of [start, end), µs, asking nobody."""
    frames, covered = [], {}
    for venue in venues:
        series = Series("liquidations", venue, "event")
        spans = kept.told(series, start, end, end if now is None else now)
        if spans:
            covered[venue] = spans
            frames.append(kept.held(series, start, end))
    full = [frame for frame in frames if len(frame)]
    return Realised(joined("liquidations", full) if full else empty("liquidations"), covered)


def liquidations(
    start: int,
    end: int,
    session: FeedSession,
    kept: Partitions,
    *,
    venues: Sequence[str] = TELLERS,
    most_a_day: int = MOST_A_DAY,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Realised:
    """Liquidations of [start, end), µs, newest day first, at most `most_a_day` requests for each day.

    Nothing is raised for a venue that fails: `Realised.problems` says it, and the hours stay uncovered.
    """
    now = int(session.clock() * 1e6)
    end = min(end, now - _LATE)
    edges = [*range(end, start, -_DAY), start]
    days = list(zip(edges[1:], edges[:-1], strict=True))
    problems: dict[str, str] = {}
    requests = 0
    halt = stop or threading.Event()
    for number, (first, last) in enumerate(days):
        if halt.is_set():
            break
        requests += _day((first, last), session, kept, venues, most_a_day, now, problems, halt)
        if progress is not None:
            progress((number + 1) / len(days), "Liquidations of the past")
    found = kept_liquidations(start, end, kept, venues, now)
    return Realised(found.table, found.covered, tuple(dict.fromkeys(problems.values())), requests)


def _day(
    span: Span,
    session: FeedSession,
    kept: Partitions,
    venues: Sequence[str],
    most: int,
    now: int,
    problems: dict[str, str],
    halt: threading.Event,
) -> int:
    """Ask for what is missing of a day, six hours of each venue at a time; how many requests that took."""
    spent, cost = 0, Counter[str]()
    for last in range(span[1], span[0], -_CHUNK):
        chunk = max(last - _CHUNK, span[0]), last
        # A venue that told hours ago is not asked for what it no longer tells, nor one that has just refused.
        due = [
            (name, part)
            for name in venues
            if name not in problems
            for part in kept.missing(Series("liquidations", name, "event"), *chunk, now)
        ]
        asked: list[tuple[str, Span]] = []
        for name, part in due:
            if spent + sum(cost[one] for one, _ in asked) + max(cost[name], 1) <= most:
                asked.append((name, part))
        if not asked or halt.is_set():
            continue
        with ThreadPoolExecutor(len(asked), thread_name_prefix="heatlab-liquidations") as pool:
            counts = pool.map(lambda one: _ask(session, kept, one[0], one[1], now, problems), asked)
            for (name, _), count in zip(asked, counts, strict=True):
                cost[name] = max(cost[name], count)
                spent += count
    return spent


def _ask(
    session: FeedSession, kept: Partitions, venue: str, span: Span, now: int, problems: dict[str, str]
) -> int:
    row = VENUES[venue]
    start, end = (pd.Timestamp(moment, unit="us", tz="UTC") for moment in span)
    try:
        found = liquidation_history(session, venue, start, end)
    except FeedError as problem:
        problems[venue] = str(problem)
        return 0
    whole = found.status.state == "live"
    if not whole:
        problems[venue] = found.status.message
    time = tables.microseconds(found.table["time"])
    table = found.table[(time >= span[0]) & (time < span[1])].reset_index(drop=True)
    told = span
    if row.history is not None and row.history.short:
        # It ends after so many rows, so only what it reaches back to is covered.
        told = (int(time.min()), span[1]) if len(time) and len(table) else (span[1], span[1])
    try:
        kept.add(Series("liquidations", venue, "event"), table, [told if whole else (0, 0)], now)
    except (OSError, TimeoutError):
        problems[venue] = "What was fetched cannot be kept on this disk, so it is fetched again next time."
    return found.requests


__all__ = ["MOST_A_DAY", "TELLERS", "Realised", "kept_liquidations", "liquidations"]
