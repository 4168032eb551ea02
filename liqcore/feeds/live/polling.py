"""What is asked for again and again: history where nobody was listening, and candles, open interest and
funding."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore.feeds.live.collector import MINUTE, Collector
from liqcore.feeds.live.sides import side_status
from liqcore.feeds.live.store import StoreError, as_rows
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.feeds.venues import market as market_data
from liqcore.feeds.venues.history import liquidation_history
from liqcore.feeds.venues.registry import REFERENCES, VENUES

SECOND: Final = 1_000_000
# Events are late, and two answers about one span overlap so that none falls between them.
_OVERLAP: Final = 20 * SECOND
_STEP: Final = {"candles": MINUTE, "open_interest": 5 * MINUTE}
PRICE_VENUES: Final = REFERENCES
_ADDERS: Final = tuple(name for name, venue in VENUES.items() if venue.totals)
_COMPARED: Final = 6 * 3_600 * SECOND
HISTORY_VENUES: Final = tuple(name for name, venue in VENUES.items() if venue.history)


@dataclass
class Polling:
    """Called again and again by a collector, in its thread; keeps what it has asked for up to when.

    `hours` is how far back the first questions reach, `every` the seconds between rounds. Whatever fails is a
    status and is asked again in the next round; one venue's trouble touches no other.
    """

    session: FeedSession
    histories: Sequence[str] = HISTORY_VENUES
    prices: Sequence[str] = PRICE_VENUES
    hours: float = 24.0
    every: float = 60.0
    workers: int = 6
    _covered: dict[str, int] = field(default_factory=dict)
    _rounds: int = 0

    def __call__(self, collector: Collector) -> float:
        """One round of questions; returns the seconds until the next."""
        now = collector.now()
        if self._rounds == 0:
            self._covered = self._covered_before(collector, now)
        # After the clock was set back nothing is covered that lies ahead of it.
        self._covered = {name: min(moment, now) for name, moment in self._covered.items()}
        work: list[Callable[[], None]] = [
            functools.partial(self._history, collector, name, now) for name in self.histories
        ]
        work += [lambda name=name: self._market(collector, name, now) for name in self.prices]  # type: ignore[misc]
        with ThreadPoolExecutor(self.workers, thread_name_prefix="heatlab-poll") as pool:
            waiting = [pool.submit(one) for one in work]
            for done in as_completed(waiting):
                done.result()
                if collector.stopping:
                    pool.shutdown(wait=True, cancel_futures=True)
                    break
        if self._rounds % 5 == 0:
            for name in _ADDERS:
                self._sides(collector, name, now)
        self._rounds += 1
        return self.every

    def _covered_before(self, collector: Collector, now: int) -> dict[str, int]:
        """Up to when the store holds each venue without a gap, not earlier than the first questions reach."""
        first = now - round(self.hours * 3_600e6)
        try:
            beats = collector.store.heartbeats(first)
        except StoreError:
            return dict.fromkeys(self.histories, first)
        wanted = np.arange(-(-first // MINUTE), now // MINUTE) * MINUTE
        out = {}
        for name in self.histories:
            heard = beats.loc[beats["venue"] == name, "minute"].to_numpy()
            missing = wanted[~np.isin(wanted, heard)]
            # The minute of the last sign of life may not have been heard to its end.
            out[name] = int(missing[0]) if len(missing) else int(wanted[-1])
            out[name] = max(min(out[name], int(heard.max())) if len(heard) else first, first)
        return out

    def _history(self, collector: Collector, venue: str, now: int) -> None:
        told = VENUES[venue].history
        live, covered = collector.live_span(venue), self._covered[venue]
        if live is not None and live[0] <= covered + SECOND:
            self._covered[venue] = max(covered, live[1])
            return
        end = now if live is None else live[0]
        try:
            found = liquidation_history(
                self.session,
                venue,
                pd.Timestamp(covered - _OVERLAP, unit="us", tz="UTC"),
                pd.Timestamp(end + _OVERLAP, unit="us", tz="UTC"),
            )
        except FeedError as problem:
            collector.tell_history(replace(problem.status(venue), state="off"))
            return
        collector.tell_history(found.status)
        rows = as_rows(found.table)
        if told is not None and told.whole_seconds:
            rows = [
                row
                for row in rows
                if row.time >= covered and (live is None or row.time < end // SECOND * SECOND)
            ]
        # What broke off half way may lack any part of the span.
        answered = found.status.state == "live"
        start = covered
        if told is not None and told.short:
            start = max(covered, min((row.time for row in rows), default=end))
        collector.deliver_history(venue, rows, collector.now(), (start, end) if answered else (end, end))
        if found.status.state == "live":
            # What has only just happened may not be told yet.
            self._covered[venue] = max(covered, end if live is not None else end - _OVERLAP)

    def _sides(self, collector: Collector, venue: str, now: int) -> None:
        """Compare the sides that a venue's socket told with those of its own totals, and say whether they
        agree."""
        since = collector.live_span(venue)
        if since is None:
            return
        first = max(since[0], now - _COMPARED) // _STEP["open_interest"] * _STEP["open_interest"]
        try:
            told = market_data.totals(self.session, venue, _utc(first), _utc(now))
        except FeedError as problem:
            collector.tell_market(f"{VENUES[venue].name} sides", problem.status(venue))
            return
        status = side_status(venue, collector.window.events(), told, since)
        collector.tell_market(f"{VENUES[venue].name} sides", status)

    def _market(self, collector: Collector, venue: str, now: int) -> None:
        name = VENUES[venue].name
        self._series(collector, "candles", venue, f"{name} candles", now)
        if self._rounds % 5 == 0:
            if VENUES[venue].open_interest:
                self._series(collector, "open_interest", venue, f"{name} open interest", now)
            self._series(collector, "funding", venue, f"{name} funding", now)

    def _series(self, collector: Collector, kind: str, venue: str, label: str, now: int) -> None:
        """Ask for one series of a venue, from where the store has it on, and keep it."""
        span, step = (72.0, 0) if kind == "funding" else (self.hours, 2 * _STEP[kind])
        first = now - round(span * 3_600e6)
        try:
            if step:
                held = collector.store.newest(kind, venue)
                # The last row was still running when it was read.
                first = first if held is None else max(held - step, first)
            begin, end = _utc(first), _utc(now)
            if kind == "candles":
                found = market_data.candles(self.session, venue, "1m", begin, end)
            else:
                ask = market_data.open_interest if kind == "open_interest" else market_data.funding
                found = ask(self.session, venue, begin, end)
            collector.store.put(kind, venue, found.table)
            collector.tell_market(label, found.status)
        except (FeedError, StoreError) as problem:
            status = (
                problem.status(venue)
                if isinstance(problem, FeedError)
                else SourceStatus(venue, "error", str(problem))
            )
            collector.tell_market(label, status)


def _utc(micros: int) -> pd.Timestamp:
    return pd.Timestamp(micros, unit="us", tz="UTC")


__all__ = ["HISTORY_VENUES", "PRICE_VENUES", "Polling"]
