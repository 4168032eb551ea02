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

from liqcore import tables
from liqcore.feeds.live.collector import MINUTE, Collector
from liqcore.feeds.live.store import StoreError, as_rows
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.feeds.venues import market as market_data
from liqcore.feeds.venues.history import liquidation_history
from liqcore.feeds.venues.registry import VENUES

SECOND: Final = 1_000_000
# Their history is told in whole seconds and their sockets in milliseconds, so the same event cannot be
# recognised.
_WHOLE_SECONDS: Final = ("gate",)
# Their history ends after so many rows of trades or coins, so only what it reaches back to is covered.
_SHORT: Final = ("bitfinex", "kraken", "dydx")
# Events are late, and two answers about one span overlap so that none falls between them.
_OVERLAP: Final = 20 * SECOND
PRICE_VENUES: Final = ("binance", "bybit", "okx", "hyperliquid", "bitget", "kraken")
HISTORY_VENUES: Final = tuple(name for name, venue in VENUES.items() if venue.history)


@dataclass
class Polling:
    """Called again and again by a collector, in its thread; keeps what it has asked for up to when.

    `hours` is how far back the first questions reach, `every` the seconds between rounds. Whatever fails is a
    status
    and is asked again in the next round; one venue's trouble touches no other.
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
        if venue in _WHOLE_SECONDS:
            rows = [
                row
                for row in rows
                if row.time >= covered and (live is None or row.time < end // SECOND * SECOND)
            ]
        answered = found.status.state in ("live", "partial")
        start = covered
        if venue in _SHORT:
            start = max(covered, min((row.time for row in rows), default=end))
        collector.deliver_history(venue, rows, collector.now(), (start, end) if answered else (end, end))
        if found.status.state == "live":
            # What has only just happened may not be told yet.
            self._covered[venue] = max(covered, end if live is not None else end - _OVERLAP)

    def _market(self, collector: Collector, venue: str, now: int) -> None:
        name = VENUES[venue].name
        self._series(collector, "candles", venue, f"{name} candles", now)
        if self._rounds % 5 == 0:
            if venue in market_data.INTEREST_VENUES:
                self._series(collector, "open_interest", venue, f"{name} open interest", now)
            self._series(collector, "funding", venue, f"{name} funding", now)

    def _series(self, collector: Collector, kind: str, venue: str, label: str, now: int) -> None:
        """Ask for one series of a venue and keep it."""
        first = now - round(self.hours * 3_600e6)
        try:
            if kind == "candles":
                held = collector.store.series("candles", first, venue)["time"]
                # The last bar was still running when it was read.
                since = max(int(tables.microseconds(held)[-1]) - 2 * MINUTE, first) if len(held) else first
                found = market_data.candles(self.session, venue, "1m", _utc(since), _utc(now))
            elif kind == "open_interest":
                found = market_data.open_interest(self.session, venue)
            else:
                found = market_data.funding(self.session, venue, _utc(now - 3 * 86_400 * SECOND))
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
