"""Candles and funding through ccxt, in the house's units, for the venues where ccxt does not spoil them.

ccxt is imported on first use (seconds and tens of MB), with our session inside and its own throttle off. The
one market it needs is given to it, so that it never downloads the list of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.venues.kit import HOUR
from liqcore.feeds.venues.venue import Series, Venue
from liqcore.margins import MarginError, TierTable

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_TICK: Final = 30_000


def milliseconds(timeframe: str) -> int:
    """The length of a timeframe."""
    return int(tables.timeframe(timeframe).astype("int64")) // 1_000


def spans(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Spans of at most `length` ms from `first` to `last`, oldest first; ends are the next one's start less
    one."""
    for lower in range(first, last + 1, length):
        yield lower, min(lower + length - 1, last)


def interest(venue: Venue, times: Sequence[Any], quantities: Sequence[Any]) -> pd.DataFrame:
    """Rows of open interest in BTC, each moment once."""
    return pd.DataFrame({"time": times, "venue": venue.id, "quantity": quantities}).drop_duplicates("time")


def candles(
    most: int = 1000, *, unit: float | None = 1.0, counted: bool = True, until: bool = False
) -> Series:
    """Candles as ccxt unifies them, `most` a request.

    `unit` is the BTC of one unit of volume where ccxt passes contracts on, None where that could not be
    established. `counted` is False for a venue that forgets the span where a number of bars is asked for,
    `until` True for one that answers the newest bars where no end is.
    """

    def read(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
        found, step = client(session, venue), milliseconds(timeframe)
        bars: list[Any] = []
        for since in range(first // step * step, last + 1, most * step):
            more = {"until": since + most * step} if until else {}
            bars += found.fetch_ohlcv(
                venue.unified, timeframe, since=since, limit=most if counted else None, params=more
            )
        frame = pd.DataFrame(bars, columns=list(tables.CANDLES)[:6]).drop_duplicates("time")
        frame["volume"] = np.nan if unit is None else pd.to_numeric(frame["volume"]) * unit
        return frame[(frame["time"] >= first) & (frame["time"] <= last)]

    return Series(read, most)


def _unified_rate(row: dict[str, Any]) -> Any:
    return row["fundingRate"]


def funding(
    most: int = 100, *, every: int = 8, end: str = "until", rate: Callable[[Any], Any] = _unified_rate
) -> Series:
    """Settled funding as ccxt unifies it, `most` a request, each `every` hours.

    `end` is what ccxt calls the end of a span of this venue, `rate` what of a row is the rate.
    """

    def read(session: FeedSession, venue: Venue, timeframe: str, first: int, last: int) -> pd.DataFrame:
        found: list[Any] = []
        asked = list(spans(first, last, most * every * HOUR))
        for lower, upper in asked:
            # The newest need no end, and an address without one can be answered from the cache.
            more = {end: upper + 1} if upper < last else {}
            found += client(session, venue).fetch_funding_rate_history(venue.unified, lower, most, more)
        frame = pd.DataFrame(
            {"time": [one["timestamp"] for one in found], "rate": [rate(one) for one in found]}
        )
        frame = frame.drop_duplicates("time")
        frame = frame[(frame["time"] >= first) & (frame["time"] <= last)].assign(venue=venue.id)
        hours = frame["time"].sort_values().diff().median() / HOUR
        return frame.assign(interval_hours=round(hours) if hours >= 1 else float(every))

    return Series(read, most)


def brackets(
    *,
    deduction: str | None = None,
    unit: Literal["value", "quantity"] = "value",
    each: float = 1.0,
    rate: Callable[[Any], float] = lambda tier: float(tier["maintenanceMarginRate"]),
) -> Callable[[FeedSession, Venue, str], TierTable]:
    """Maintenance brackets as ccxt unifies them; `each` is what one unit of their sizes is in the house's.

    `deduction` is the venue's name of the maintenance amount: where it tells those that make maintenance
    continuous, each rate holds for a part of the position. Where it tells none, the rate is taken to hold for
    the whole position, which is how OKX and Bitget describe it, and never too little.
    """

    def read(session: FeedSession, venue: Venue, day: str) -> TierTable:
        found = client(session, venue).fetch_market_leverage_tiers(venue.unified)
        ordered = sorted(found, key=lambda tier: float(tier["maxNotional"]))
        caps = [float(tier["maxNotional"]) * each for tier in ordered]
        told = [float(tier["info"].get(deduction) or 0) if deduction else 0.0 for tier in ordered]
        return table_of(
            venue,
            day,
            caps,
            [rate(tier) for tier in ordered],
            [float(tier["maxLeverage"]) for tier in ordered],
            told,
            unit=unit,
        )

    return read


def table_of(
    venue: Venue,
    day: str,
    caps: Sequence[float],
    rates: Sequence[float],
    leverages: Sequence[float],
    amounts: Sequence[float],
    *,
    unit: Literal["value", "quantity"] = "value",
) -> TierTable:
    """A checked table of the brackets a venue told today; raises MarginError where its maintenance amounts
    fit neither a rate for each part nor one for the whole position."""
    inverse = venue.unified.endswith(":BTC")
    table = TierTable(
        venue.name,
        (venue.inverse if inverse else venue.linear)[0],
        day,
        f"{venue.name}, read on {day}",
        (0.0, *caps[:-1]),
        caps[-1],
        tuple(rates),
        tuple(leverages),
        contract="inverse" if inverse else "linear",
        kind="marginal" if any(amounts) else "whole",
        unit=unit,
    )
    # Venues round the amounts of large brackets.
    if not np.allclose(amounts, table.amounts, rtol=2e-3, atol=1e-9):
        raise MarginError("The maintenance amounts do not belong to the rates.")
    if not all(0 < one < 1 for one in rates) or sorted(rates) != list(rates):
        raise MarginError("The maintenance rates are no shares that rise.")
    return table


def client(session: FeedSession, venue: Venue) -> Any:
    """ccxt's client of a venue, which knows its one BTC contract and asks through our session."""
    import ccxt

    found = getattr(ccxt, venue.ccxt)(
        {
            "session": session,
            "enableRateLimit": False,
            "timeout": int(session.timeout * 1_000),
            "enableLastHttpResponse": False,
        }
    )
    # A clock that stands still for half a minute lets addresses, and so cache keys, repeat.
    found.milliseconds = lambda: int(session.clock() * 1_000) // _TICK * _TICK
    found.seconds = lambda: found.milliseconds() // 1_000
    pair, settle = venue.unified.split(":")
    base, quote = pair.split("/")
    inverse = settle == "BTC"
    symbol = venue.inverse[0] if inverse else venue.linear[0]
    market = found.safe_market_structure(
        {
            "id": symbol,
            "symbol": venue.unified,
            "base": base,
            "quote": quote,
            "settle": settle,
            "baseId": base,
            "quoteId": quote,
            "settleId": settle,
            "baseName": base,
            "type": "swap",
            "spot": False,
            "swap": True,
            "future": False,
            "option": False,
            "contract": True,
            "active": True,
            "linear": not inverse,
            "inverse": inverse,
            "subType": "inverse" if inverse else "linear",
            "contractSize": venue.contract_size(symbol),
            "info": {"instFamily": symbol.removesuffix("-SWAP"), "uly": symbol.removesuffix("-SWAP")},
            **dict(venue.ccxt_market),
        }
    )
    found.set_markets([market])
    return found
