"""Candles, open interest, funding and leverage tiers of a venue's BTC contract, in the house's units.

ccxt is imported on first use (seconds and tens of MB), with our session inside and its own throttle off. The
one
market it needs is given to it, so that it never downloads the list of all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.rest.session import Answer, FeedSession
from liqcore.feeds.status import BadSymbol, FeedError, SourceStatus
from liqcore.feeds.venues.history import Fetched
from liqcore.feeds.venues.registry import VENUES, Venue
from liqcore.margins import MarginError, TierTable

_TICK: Final = 30_000
_LIMIT: Final = {
    "binance": 1500,
    "binance-coin": 1500,
    "hyperliquid": 5000,
    "bitfinex": 10_000,
    "okx": 300,
    "bitget": 200,
    "htx": 2000,
}
# Volume of one unit in BTC where ccxt passes contracts on; None where its unit could not be established.
_VOLUME: Final[dict[str, float | None]] = {"gate": 0.0001, "htx": None}
_TIERS: Final = ("bybit", "gate", "bitget")
_BROKEN: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def candles(session: FeedSession, venue: str, timeframe: str, start: object, end: object) -> Fetched:
    """Candles from `start` to `end` as the checked table; taker-buy volume where the venue's raw bars have it
    (Binance)."""
    row = _row(venue)
    step = int(tables.timeframe(timeframe).astype("int64")) // 1_000
    first, last = _milliseconds(start), _milliseconds(end)
    read = _binance_candles if row.taker_volume else _plain_candles
    return _fetched(session, row, "candles", lambda: read(session, row, timeframe, step, first, last))


def open_interest(session: FeedSession, venue: str, timeframe: str = "5m") -> Fetched:
    """Open interest in BTC: the last hours or days where the venue keeps history, else one row for now."""
    row = _row(venue)
    if venue not in _OPEN_INTEREST:
        raise FeedError(
            f"{row.name} has no open interest that is read here. Choose one of {', '.join(_OPEN_INTEREST)}.",
            venue=venue,
        )
    return _fetched(session, row, "open_interest", lambda: _OPEN_INTEREST[venue](session, row, timeframe))


def funding(session: FeedSession, venue: str, start: object) -> Fetched:
    """Settled funding since `start`: rate as a fraction an interval, and the interval in hours from its
    times."""
    row = _row(venue)
    return _fetched(session, row, "funding", lambda: _funding(session, row, _milliseconds(start)))


def leverage_tiers(session: FeedSession, venue: str, now: object) -> TierTable:
    """The venue's maintenance brackets today, without a key.

    Raises
    ------
    FeedError
        The venue asks for a key or counts its brackets in something else than USD, or it does not answer.
    """
    row = _row(venue)
    if venue not in _TIERS:
        why = "asks for a key" if row.tiers_need_key else "publishes none in USD"
        raise FeedError(
            f"{row.name} {why} for its leverage tiers. Choose one of {', '.join(_TIERS)}.", venue=venue
        )
    found = _guarded(row, lambda: _client(session, row).fetch_market_leverage_tiers(row.unified))
    try:
        ordered = sorted(found, key=lambda tier: float(tier["minNotional"]))
        return TierTable(
            row.name,
            row.linear[0],
            str(tables.to_datetime64(now))[:10],
            f"{row.name}, public",
            tuple(float(tier["minNotional"]) for tier in ordered),
            float(ordered[-1]["maxNotional"]),
            tuple(float(tier["maintenanceMarginRate"]) for tier in ordered),
            tuple(float(tier["maxLeverage"]) for tier in ordered),
        )
    except (*_BROKEN, MarginError) as problem:
        raise FeedError(
            f"{row.name} sent leverage tiers that cannot be read. They are asked again later.", venue=venue
        ) from problem


def _row(venue: str) -> Venue:
    row = VENUES.get(venue)
    if row is None:
        raise FeedError(f"No venue is called {venue!r}. Known venues: {', '.join(VENUES)}.")
    return row


def _milliseconds(moment: object) -> int:
    return int(tables.to_datetime64(moment).astype("int64")) // 1_000


def _guarded(row: Venue, ask: Callable[[], Any]) -> Any:
    """What `ask` gives; whatever ccxt or an odd answer raises becomes one sentence."""
    import ccxt

    try:
        return ask()
    except FeedError:
        raise
    except ccxt.BadSymbol as problem:
        raise BadSymbol(f"{row.name} does not know the contract {row.unified}.", venue=row.id) from problem
    except ccxt.BaseError as problem:
        raise FeedError(
            f"{row.name} answered with an error. It is tried again later.", venue=row.id
        ) from problem
    except _BROKEN as problem:
        raise FeedError(
            f"{row.name} sent an answer of another shape than it documents. It is tried again later.",
            venue=row.id,
        ) from problem


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
            status, state="stale", age=age, message=f"This is {age / 60:,.0f} minutes old: {old[0].reason}"
        )
    return Fetched(found, replace(status, last_event=last), len(answers))


def _client(session: FeedSession, row: Venue) -> Any:
    import ccxt

    client = getattr(ccxt, row.ccxt)(
        {
            "session": session,
            "enableRateLimit": False,
            "timeout": int(session.timeout * 1_000),
            "enableLastHttpResponse": False,
        }
    )
    # A clock that stands still for half a minute lets addresses, and so cache keys, repeat.
    client.milliseconds = lambda: int(session.clock() * 1_000) // _TICK * _TICK
    client.seconds = lambda: client.milliseconds() // 1_000
    pair, settle = row.unified.split(":")
    base, quote = pair.split("/")
    inverse = settle == "BTC"
    symbol = row.inverse[0] if inverse else row.linear[0]
    # Gate puts the settlement coin into its paths, in small letters.
    market = client.safe_market_structure(
        {
            "id": symbol,
            "symbol": row.unified,
            "base": base,
            "quote": quote,
            "settle": settle,
            "baseId": base,
            "quoteId": quote,
            "settleId": settle.lower() if row.id == "gate" else settle,
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
            "contractSize": row.contract_size(symbol),
            "info": {"instFamily": symbol.removesuffix("-SWAP"), "uly": symbol.removesuffix("-SWAP")},
        }
    )
    client.set_markets([market])
    return client


def _binance_candles(
    session: FeedSession, row: Venue, timeframe: str, step: int, first: int, last: int
) -> pd.DataFrame:
    client = _client(session, row)
    coin = bool(row.inverse)
    ask = client.dapiPublicGetKlines if coin else client.fapiPublicGetKlines
    # COIN-M counts contracts in its volume; what it calls the quote volume is in BTC.
    volume, taker = (7, 10) if coin else (5, 9)
    bars: list[Any] = []
    while first <= last:
        page = ask(
            {
                "symbol": row.symbols[0],
                "interval": timeframe,
                "startTime": first,
                "endTime": last,
                "limit": 1500,
            }
        )
        bars += page
        if len(page) < 1500 or int(page[-1][0]) + step <= first:
            break
        first = int(page[-1][0]) + step
    frame = pd.DataFrame(
        [[bar[i] for i in (0, 1, 2, 3, 4, volume, taker)] for bar in bars], columns=list(tables.CANDLES)
    )
    return frame.drop_duplicates("time")


def _plain_candles(
    session: FeedSession, row: Venue, timeframe: str, step: int, first: int, last: int
) -> pd.DataFrame:
    client = _client(session, row)
    limit = _LIMIT.get(row.id, 1000)
    bars: list[Any] = []
    for since in range(first // step * step, last + 1, limit * step):
        # HTX forgets the span where a number of bars is asked for; dYdX answers the newest bars where no end
        # is.
        more = {"until": since + limit * step} if row.id == "dydx" else {}
        bars += client.fetch_ohlcv(
            row.unified, timeframe, since=since, limit=None if row.id == "htx" else limit, params=more
        )
    frame = pd.DataFrame(bars, columns=list(tables.CANDLES)[:6]).drop_duplicates("time")
    unit = _VOLUME.get(row.id, 1.0)
    frame["volume"] = np.nan if unit is None else pd.to_numeric(frame["volume"]) * unit
    return frame[(frame["time"] >= first) & (frame["time"] <= last)]


def _funding(session: FeedSession, row: Venue, since: int) -> pd.DataFrame:
    found = _client(session, row).fetch_funding_rate_history(row.unified, since, 100)
    # Deribit's rows are hourly, but ccxt gives each the rate of the eight hours before it.
    rates = [one["info"]["interest_1h"] if row.id == "deribit" else one["fundingRate"] for one in found]
    frame = pd.DataFrame({"time": [one["timestamp"] for one in found], "rate": rates}).drop_duplicates("time")
    frame = frame[frame["time"] >= since].assign(venue=row.id)
    hours = frame["time"].sort_values().diff().median() / 3_600_000
    return frame.assign(interval_hours=round(hours) if hours >= 1 else 8.0)


def _rows(row: Venue, times: list[Any], quantities: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"time": times, "venue": row.id, "quantity": quantities}).drop_duplicates("time")


def _interest_binance(session: FeedSession, row: Venue, timeframe: str) -> pd.DataFrame:
    if row.inverse:
        found = session.fetch(
            "https://dapi.binance.com/futures/data/openInterestHist",
            {"pair": "BTCUSD", "contractType": "PERPETUAL", "period": timeframe, "limit": 500},
        ).data
        return _rows(row, [one["timestamp"] for one in found], [one["sumOpenInterestValue"] for one in found])
    found = session.fetch(
        "https://fapi.binance.com/futures/data/openInterestHist",
        {"symbol": row.linear[0], "period": timeframe, "limit": 500},
    ).data
    return _rows(row, [one["timestamp"] for one in found], [one["sumOpenInterest"] for one in found])


def _interest_bybit(session: FeedSession, row: Venue, timeframe: str) -> pd.DataFrame:
    interval = {"5m": "5min", "15m": "15min", "30m": "30min"}.get(timeframe, timeframe)
    query = {"category": "linear", "symbol": row.linear[0], "intervalTime": interval, "limit": 200}
    found = session.fetch("https://api.bybit.com/v5/market/open-interest", query).data["result"]["list"]
    return _rows(row, [one["timestamp"] for one in found], [one["openInterest"] for one in found])


def _interest_gate(session: FeedSession, row: Venue, timeframe: str) -> pd.DataFrame:
    query = {"contract": row.linear[0], "interval": timeframe, "limit": 500}
    found = session.fetch("https://api.gateio.ws/api/v4/futures/usdt/contract_stats", query).data
    return _rows(
        row,
        [one["time"] for one in found],
        [float(one["open_interest"]) * row.contract_size(row.linear[0]) for one in found],
    )


def _interest_okx(session: FeedSession, row: Venue, timeframe: str) -> pd.DataFrame:
    found = session.fetch(
        "https://www.okx.com/api/v5/public/open-interest", {"instType": "SWAP", "instId": row.linear[0]}
    ).data["data"]
    return _rows(row, [one["ts"] for one in found], [one["oiCcy"] for one in found])


def _interest_hyperliquid(session: FeedSession, row: Venue, timeframe: str) -> pd.DataFrame:
    names, states = session.fetch("https://api.hyperliquid.xyz/info", body={"type": "metaAndAssetCtxs"}).data
    place = [one["name"] for one in names["universe"]].index("BTC")
    return _rows(row, [int(session.clock() * 1_000)], [states[place]["openInterest"]])


_OPEN_INTEREST: Final[dict[str, Callable[[FeedSession, Venue, str], pd.DataFrame]]] = {
    "binance": _interest_binance,
    "binance-coin": _interest_binance,
    "bybit": _interest_bybit,
    "gate": _interest_gate,
    "okx": _interest_okx,
    "hyperliquid": _interest_hyperliquid,
}
INTEREST_VENUES: Final = tuple(_OPEN_INTEREST)
