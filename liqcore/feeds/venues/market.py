"""Candles, open interest, funding and leverage tiers of any venue's BTC contract, in the house's units.

How each is asked for stands in the venue's own file; here are the checks, and one sentence for every trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.status import BadSymbol, FeedError, SourceStatus
from liqcore.feeds.venues.history import Fetched
from liqcore.feeds.venues.registry import VENUES, venue as row_of
from liqcore.feeds.venues.series import milliseconds
from liqcore.feeds.venues.venue import Series, Venue
from liqcore.margins import MarginError, TierTable

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import Answer, FeedSession

_DAY: Final = 86_400_000
_BROKEN: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)
_WORDS: Final = {"candles": "candles", "open_interest": "open interest", "funding": "funding"}


def candles(session: FeedSession, venue: str, timeframe: str, start: object, end: object) -> Fetched:
    """Candles from `start` to `end` (UTC) as the checked table; volume in BTC, taker-buy volume where the
    venue's raw bars have it (`taker_volume` of its row).

    Raises
    ------
    FeedError
        The venue has no row, or none of its candles are read. Trouble in asking is in the status instead.
    """
    return _series(session, row_of(venue), "candles", timeframe, start, end)


def open_interest(
    session: FeedSession, venue: str, start: object, end: object, timeframe: str = "5m"
) -> Fetched:
    """Open interest in BTC from `start` to `end` (UTC), as far back as the venue tells; one row for now where
    it keeps no history. Raises as `candles` does."""
    return _series(session, row_of(venue), "open_interest", timeframe, start, end)


def funding(session: FeedSession, venue: str, start: object, end: object) -> Fetched:
    """Settled funding from `start` to `end` (UTC): rate as a fraction an interval, and the interval in hours
    from its times. Raises as `candles` does."""
    return _series(session, row_of(venue), "funding", "1h", start, end)


def totals(
    session: FeedSession, venue: str, start: object, end: object, timeframe: str = "5m"
) -> pd.DataFrame:
    """Liquidated USD by interval and side of the position, as the venue adds it up: `time, venue, long,
    short`.

    Raises
    ------
    FeedError
        The venue has no row or no totals, or does not answer.
    """
    row = row_of(venue)
    if row.totals is None:
        raise FeedError(f"{row.name} does not add its liquidations up.", venue=row.id)
    series = row.totals
    first, last = (int(tables.to_datetime64(moment).astype("int64")) // 1_000 for moment in (start, end))
    found: pd.DataFrame = _guarded(row, lambda: series.read(session, row, timeframe, first, last))
    return found.drop_duplicates("time", keep="last").sort_values("time", ignore_index=True)


def leverage_tiers(session: FeedSession, venue: str, now: object) -> TierTable:
    """The venue's maintenance brackets today, without a key.

    Raises
    ------
    FeedError
        No brackets of the venue are read, or it does not answer, or not in the way it documents.
    """
    row = row_of(venue)
    read, day = row.tiers, str(tables.to_datetime64(now))[:10]
    if read is None:
        having = ", ".join(name for name, one in VENUES.items() if one.tiers)
        raise FeedError(
            f"Heatlab reads no maintenance brackets of {row.name}. Choose one of {having}.", venue=row.id
        )
    try:
        found: TierTable = _guarded(row, lambda: read(session, row, day))
    except MarginError as problem:
        raise FeedError(
            f"{row.name} sent leverage tiers that cannot be read. They are asked again later.", venue=row.id
        ) from problem
    return found


def _series(
    session: FeedSession, row: Venue, table: str, timeframe: str, start: object, end: object
) -> Fetched:
    series: Series | None = getattr(row, table)
    if series is None:
        having = ", ".join(name for name, one in VENUES.items() if getattr(one, table))
        raise FeedError(
            f"Heatlab reads no {_WORDS[table]} of {row.name}. Choose one of {having}.", venue=row.id
        )
    first, last = (int(tables.to_datetime64(moment).astype("int64")) // 1_000 for moment in (start, end))
    if series.reach:
        first = max(first, round(session.clock() * 1_000 - series.reach * _DAY))
    if series.in_all:
        step = milliseconds(timeframe)
        first = max(first, last // step * step - (series.in_all - 1) * step)
    if first > last:
        words = (
            f"{row.name} tells {_WORDS[table]} of the last"
            f" {wording.duration(86_400 * round(series.reach or 0))} only."
        )
        return Fetched(tables.empty(table), SourceStatus(row.id, "off", words))
    return _fetched(session, row, table, lambda: series.read(session, row, timeframe, first, last))


def _guarded(row: Venue, ask: Callable[[], Any]) -> Any:
    """What `ask` gives; whatever ccxt or an odd answer raises becomes one sentence."""
    try:
        return ask()
    except FeedError:
        raise
    except Exception as problem:
        # Not imported before it is needed: a venue may be read without ccxt.
        import ccxt

        if isinstance(problem, ccxt.BadSymbol):
            raise BadSymbol(
                f"{row.name} does not know the contract {row.unified}.", venue=row.id
            ) from problem
        if isinstance(problem, ccxt.BaseError):
            words = "answered with an error. It is tried again later."
        elif isinstance(problem, _BROKEN):
            words = "sent an answer of another shape than it documents. It is tried again later."
        else:
            raise
        raise FeedError(f"{row.name} {words}", venue=row.id) from problem


def _fetched(session: FeedSession, row: Venue, table: str, ask: Callable[[], pd.DataFrame]) -> Fetched:
    status = SourceStatus(row.id, "live", completeness="all")
    answers: list[Answer] = []
    try:
        with session.watched() as answers:
            found = tables.CHECKS[table](_guarded(row, ask))
    except tables.TableError as problem:
        return Fetched(
            tables.empty(table),
            replace(status, state="error", message=f"{row.name}: {problem}"),
            len(answers),
        )
    except FeedError as problem:
        return Fetched(tables.empty(table), problem.status(row.id), len(answers))
    last = np.datetime64(int(tables.microseconds(found["time"])[-1]), "us") if len(found) else None
    old = [answer for answer in answers if answer.stale]
    if old:
        age = max(answer.age for answer in old)
        status = replace(
            status,
            state="stale",
            age=age,
            message=f"This is {wording.duration(60 * round(age / 60))} old: {old[0].reason}",
        )
    return Fetched(found, replace(status, last_event=last), len(answers))
