"""CoinGlass, CoinAnk and Coinalyze with the visitor's own key.

The key is an argument of every call, sent in a header past the cache, and appears in no message, log or file.
Totals are one row an interval with `time`, `long` and `short` in USD (or BTC where the name says so): they
are sums of what the venues published, sampled ones among them. Heatmaps are somebody's model and say so.

Where an answer counts the calls that the plan allows, the sentence is in `attrs["quota"]` of a table, and in
the flags of a heatmap once nine tenths are used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files.grid import read_grid
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import FeedError, KeyRefused
from liqcore.heat.grid import GridError, HeatGrid

COINGLASS: Final = "https://open-api-v4.coinglass.com/api/futures/liquidation/"
COINANK: Final = "https://open-api.coinank.com/api/"
COINALYZE: Final = "https://api.coinalyze.net/v1/"
_BROKEN: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def coinglass_history(
    session: FeedSession, key: str, interval: str = "1h", exchange: str | None = None, limit: int = 1000
) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, of one exchange or (without one) of those CoinGlass
    sums up.

    Raises
    ------
    FeedError and its kinds; `KeyRefused` where the key or its plan does not cover the call.
    """
    if exchange is None:
        path, query, prefix = (
            "aggregated-history",
            {"exchange_list": "Binance,OKX,Bybit", "symbol": "BTC"},
            "aggregated_",
        )
    else:
        path, query, prefix = "history", {"exchange": exchange, "symbol": "BTCUSDT"}, ""
    found, quota = _ask(
        session,
        "CoinGlass",
        COINGLASS + path,
        {**query, "interval": interval, "limit": limit},
        "CG-API-KEY",
        key,
    )
    return _counted(
        _totals(
            "CoinGlass", found, "time", f"{prefix}long_liquidation_usd", f"{prefix}short_liquidation_usd"
        ),
        quota,
    )


def coinglass_orders(
    session: FeedSession,
    key: str,
    start: object,
    end: object,
    exchange: str = "Binance",
    smallest: float = 10_000.0,
    long_code: int | None = None,
) -> pd.DataFrame:
    """Single liquidations from `smallest` USD up, at most 200 of the last 7 days: `time, exchange, symbol,
    side, price, notional, code`.

    CoinGlass documents its side code as the order's on one page and as the position's on another, so `side`
    is `unknown` unless `long_code` (1 or 2) says which code stands for a liquidated long. `code` is as sent.
    """
    first, last = _millis(start), _millis(end)
    query = {
        "exchange": exchange,
        "symbol": "BTC",
        "min_liquidation_amount": f"{smallest:g}",
        "start_time": first,
        "end_time": last,
    }
    found, quota = _ask(session, "CoinGlass", COINGLASS + "order", query, "CG-API-KEY", key)
    sides = {} if long_code is None else {long_code: "long", 3 - long_code: "short"}
    rows = [] if found is None else found
    try:
        frame = pd.DataFrame(
            [
                (
                    one["time"],
                    str(one["exchange_name"]),
                    str(one["symbol"]),
                    sides.get(int(one["side"]), "unknown"),
                    float(one["price"]),
                    float(one["usd_value"]),
                    int(one["side"]),
                )
                for one in rows
            ],
            columns=["time", "exchange", "symbol", "side", "price", "notional", "code"],
        )
        frame["time"] = tables.parse_time(frame["time"])
        good = (
            np.isfinite(frame[["price", "notional"]].to_numpy(float)).all()
            and (frame["price"] > 0).all()
            and (frame["notional"] >= 0).all()
        )
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd("CoinGlass") from problem
    if not good:
        raise _odd("CoinGlass")
    return _counted(frame.sort_values("time", ignore_index=True), quota)


def coinglass_map(
    session: FeedSession, key: str, span: str = "1d", exchange: str | None = None
) -> pd.DataFrame:
    """CoinGlass's liquidation map (`span` 1d, 7d or 30d): `price` in USD, `level` as CoinGlass scales it,
    `leverage` or NaN, by price.

    Somebody's model of what would be liquidated at a price. It names no side and no present price.
    """
    path, query = (
        ("aggregated-map", {"symbol": "BTC"})
        if exchange is None
        else ("map", {"exchange": exchange, "symbol": "BTCUSDT"})
    )
    found, quota = _ask(session, "CoinGlass", COINGLASS + path, {**query, "range": span}, "CG-API-KEY", key)
    try:
        inner = found["data"] if isinstance(found.get("data"), dict) else found
        rows = [
            (float(entry[0]), float(entry[1]), np.nan if entry[2] is None else float(entry[2]))
            for entries in inner.values()
            for entry in entries
        ]
    except _BROKEN as problem:
        raise _odd("CoinGlass") from problem
    return _counted(_map("CoinGlass", rows, ["price", "level", "leverage"]), quota)


def coinglass_heatmap(
    session: FeedSession, key: str, model: int = 1, span: str = "24h", exchange: str | None = None
) -> HeatGrid:
    """CoinGlass's liquidation heatmap, models 1 to 3, as a modelled grid (needs a plan that has it)."""
    if model not in (1, 2, 3):
        raise FeedError(f"CoinGlass has heatmap models 1, 2 and 3, not {model}. Choose one of them.")
    head = "aggregated-heatmap" if exchange is None else "heatmap"
    query = {"symbol": "BTC"} if exchange is None else {"exchange": exchange, "symbol": "BTCUSDT"}
    found, quota = _ask(
        session, "CoinGlass", f"{COINGLASS}{head}/model{model}", {**query, "range": span}, "CG-API-KEY", key
    )
    return _grid(
        "CoinGlass", f"CoinGlass heatmap, model {model}, {exchange or 'all exchanges'}", found, quota=quota
    )


def coinank_intervals(session: FeedSession, key: str) -> pd.DataFrame:
    """Long and short liquidations of the last hours in USD, all exchanges that CoinAnk sums up: `interval,
    long, short`."""
    found, _ = _ask(
        session, "CoinAnk", COINANK + "liquidation/allExchange/intervals", {"baseCoin": "BTC"}, "apikey", key
    )
    try:
        rows = [
            (name, float(one["longTurnover"]), float(one["shortTurnover"]))
            for name, one in found.items()
            if isinstance(one, dict) and "longTurnover" in one
        ]
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    frame = pd.DataFrame(rows, columns=["interval", "long", "short"])
    if (
        frame.empty
        or not (frame[["long", "short"]].to_numpy() >= 0).all()
        or not np.isfinite(frame[["long", "short"]].to_numpy()).all()
    ):
        raise _odd("CoinAnk")
    return frame.sort_values(
        "interval", key=lambda names: pd.to_timedelta(names, errors="coerce"), ignore_index=True
    )


def coinank_history(
    session: FeedSession,
    key: str,
    end: object,
    interval: str = "1h",
    size: int = 500,
    exchange: str | None = None,
) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, of one exchange or of all that CoinAnk sums up, until
    `end`, which must be near now."""
    path, which = (
        ("aggregated-history", {"baseCoin": "BTC"})
        if exchange is None
        else ("history", {"exchange": exchange, "symbol": "BTCUSDT"})
    )
    query = {**which, "interval": interval, "endTime": _millis(end), "size": size}
    found, _ = _ask(session, "CoinAnk", f"{COINANK}liquidation/{path}", query, "apikey", key)
    try:
        flat = [
            {"ts": one["ts"], **(one["all"] if isinstance(one.get("all"), dict) else one)} for one in found
        ]
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    return _totals("CoinAnk", flat, "ts", "longTurnover", "shortTurnover")


def coinank_orders(
    session: FeedSession,
    key: str,
    end: object,
    exchange: str = "Binance",
    side: str = "long",
    smallest: float = 100.0,
) -> pd.DataFrame:
    """Single liquidations of one exchange and side from `smallest` USD up, until `end`, as the checked
    liquidations table."""
    query = {
        "baseCoin": "BTC",
        "exchange": exchange,
        "side": side,
        "amount": f"{smallest:g}",
        "endTime": _millis(end),
    }
    found, _ = _ask(session, "CoinAnk", COINANK + "liquidation/orders", query, "apikey", key)
    try:
        rows = [
            (
                one["ts"],
                str(one["exchangeName"]).lower(),
                str(one["contractCode"]),
                one["posSide"],
                float(one["price"]),
                float(one["tradeTurnover"]),
            )
            for one in found or []
        ]
        frame = pd.DataFrame(rows, columns=["time", "venue", "symbol", "side", "price", "notional"])
        return tables.liquidations(frame) if rows else tables.empty("liquidations")
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd("CoinAnk") from problem


def coinank_map(
    session: FeedSession, key: str, span: str = "1d", exchange: str | None = "Binance"
) -> pd.DataFrame:
    """CoinAnk's liquidation map (`span` 1d or 1w): `price` in USD, `group` (leverage such as x25, or exchange
    where `exchange` is None), `level`.

    Somebody's model. CoinAnk documents no shape; this is the one that was seen: a list of prices and, for
    each group, a list as long. The price it was made at is in `attrs["price"]` where it is told.
    """
    path, query = (
        ("getAggLiqMap", {"baseCoin": "BTC"})
        if exchange is None
        else ("getLiqMap", {"exchange": exchange, "symbol": "BTCUSDT"})
    )
    found, _ = _ask(session, "CoinAnk", f"{COINANK}liqMap/{path}", {**query, "interval": span}, "apikey", key)
    try:
        prices = [float(price) for price in found["prices"]]
        groups = {
            name: values
            for name, values in found.items()
            if name != "prices" and isinstance(values, list) and len(values) == len(prices)
        }
        rows = [
            (price, name, float(value))
            for name, values in groups.items()
            for price, value in zip(prices, values, strict=True)
            if value
        ]
        price = float(found["lastPrice"]) if found.get("lastPrice") else None
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    if not groups:
        raise _odd("CoinAnk")
    frame = _map("CoinAnk", rows, ["price", "group", "level"])
    if price is not None:
        frame.attrs["price"] = price
    return frame


def coinank_heatmap(session: FeedSession, key: str, exchange: str = "Binance", span: str = "1d") -> HeatGrid:
    """CoinAnk's liquidation heatmap as a modelled grid. It tells no close of its columns, so sides split at
    the price it names."""
    found, _ = _ask(
        session,
        "CoinAnk",
        COINANK + "liqMap/getLiqHeatMap",
        {"exchange": exchange, "symbol": "BTCUSDT", "interval": span},
        "apikey",
        key,
    )
    try:
        heat = found["liqHeatMap"]
        price = (
            float(found["price"])
            if "price" in found
            else float(np.median(np.array(heat["priceArray"], dtype=float)))
        )
        shape = {
            "y_axis": [float(level) for level in heat["priceArray"]],
            "liquidation_leverage_data": heat["data"],
            "price_candlesticks": [
                [int(moment) / 1_000, price, price, price, price, 0] for moment in heat["chartTimeArray"]
            ],
        }
        where = (
            "the price it named"
            if "price" in found
            else "the middle of its price axis, because it named no price"
        )
        note = (f"CoinAnk sends no candles: sides were split at {where}, in every column alike.",)
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    return _grid("CoinAnk", f"CoinAnk heatmap, {exchange}", shape, note)


def coinalyze_liquidations(
    session: FeedSession,
    key: str,
    start: object,
    end: object,
    symbols: Sequence[str] = ("BTCUSDT_PERP.A",),
    interval: str = "5min",
) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, a row a symbol: `time, symbol, long, short`. The last
    row still grows."""
    found = _coinalyze(
        session, key, "liquidation-history", start, end, symbols, interval, {"convert_to_usd": "true"}
    )
    frames = [
        _totals("Coinalyze", one.get("history"), "t", "l", "s").assign(symbol=one["symbol"])[
            ["time", "symbol", "long", "short"]
        ]
        for one in found
    ]
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame(columns=["time", "symbol", "long", "short"])
    )


def coinalyze_open_interest(
    session: FeedSession,
    key: str,
    start: object,
    end: object,
    symbols: Sequence[str] = ("BTCUSDT_PERP.A",),
    interval: str = "5min",
) -> pd.DataFrame:
    """Open interest in BTC at the close of each interval, as the checked table; the venue column holds
    Coinalyze's symbol."""
    return _series(
        "open_interest",
        "quantity",
        1.0,
        _coinalyze(session, key, "open-interest-history", start, end, symbols, interval, {}),
    )


def coinalyze_funding(
    session: FeedSession,
    key: str,
    start: object,
    end: object,
    symbols: Sequence[str] = ("BTCUSDT_PERP.A",),
    interval: str = "daily",
) -> pd.DataFrame:
    """Funding as the checked table. Coinalyze sends per cent of 8 hours, which becomes a fraction."""
    return _series(
        "funding",
        "rate",
        0.01,
        _coinalyze(session, key, "funding-rate-history", start, end, symbols, interval, {}),
    )


def _coinalyze(
    session: FeedSession,
    key: str,
    path: str,
    start: object,
    end: object,
    symbols: Sequence[str],
    interval: str,
    more: Mapping[str, Any],
) -> list[dict[str, Any]]:
    if not 1 <= len(symbols) <= 20:
        raise FeedError("Coinalyze takes 1 to 20 symbols a request. Choose fewer.")
    first, last = (_millis(moment) // 1_000 for moment in (start, end))
    query = {"symbols": ",".join(symbols), "interval": interval, "from": first, "to": last, **more}
    found, _ = _ask(session, "Coinalyze", COINALYZE + path, query, "api_key", key)
    if not isinstance(found, list) or not all(isinstance(one, dict) and "symbol" in one for one in found):
        raise _odd("Coinalyze")
    return found


def _ask(
    session: FeedSession, name: str, url: str, query: Mapping[str, Any], header: str, key: str
) -> tuple[Any, str]:
    """The `data` of an answer, or the whole of it where it is a list, and what it says of the plan's
    calls."""
    # A line break in a pasted key would raise with the key in the message.
    if not key.strip() or not key.strip().isascii() or not key.strip().isprintable():
        raise KeyRefused(
            f"{name} needs a key, and the one given is empty or has odd characters. Paste it again."
        )
    response = session.request("GET", url, params=dict(query), headers={header: key.strip()})
    found = response.json()
    if isinstance(found, dict):
        if "data" not in found:
            raise _odd(name)
        found = found["data"]
    return found, _quota(name, response.headers)


def _quota(name: str, headers: Mapping[str, str]) -> str:
    """How many of the calls that the plan allows are used; empty where the answer does not count them."""
    try:
        used, most = int(headers.get("API-KEY-USE-LIMIT", "")), int(headers.get("API-KEY-MAX-LIMIT", ""))
    except ValueError:
        return ""
    advice = " Wait a minute before asking for more." if used >= 0.9 * most else ""
    return f"{name} has counted {used:,} of the {most:,} calls a minute that the plan allows.{advice}"


def _counted(frame: pd.DataFrame, quota: str) -> pd.DataFrame:
    if quota:
        frame.attrs["quota"] = quota
    return frame


def _map(name: str, rows: list[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    numbers = frame[["price", "level"]].to_numpy(float)
    if (
        not np.isfinite(numbers).all()
        or not (frame["price"].to_numpy(float) > 0).all()
        or not (numbers >= 0).all()
    ):
        raise _odd(name)
    return frame.sort_values(columns[:1], kind="stable", ignore_index=True)


def _millis(moment: object) -> int:
    return int(tables.to_datetime64(moment).astype("int64")) // 1_000


def _totals(name: str, rows: Any, time: str, long: str, short: str) -> pd.DataFrame:
    try:
        frame = pd.DataFrame(
            {
                "time": [one[time] for one in rows],
                "long": [float(one[long]) for one in rows],
                "short": [float(one[short]) for one in rows],
            }
        )
        out = (
            frame.assign(time=tables.parse_time(frame["time"]))
            .drop_duplicates("time", keep="last")
            .sort_values("time", ignore_index=True)
        )
        good = (
            np.isfinite(out[["long", "short"]].to_numpy()).all()
            and (out[["long", "short"]].to_numpy() >= 0).all()
        )
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd(name) from problem
    if not good:
        raise _odd(name)
    return out


def _series(table: str, column: str, factor: float, found: list[dict[str, Any]]) -> pd.DataFrame:
    try:
        rows = [
            (point["t"], one["symbol"], float(point["c"]) * factor)
            for one in found
            for point in one["history"]
        ]
        return tables.CHECKS[table](pd.DataFrame(rows, columns=["time", "venue", column]))
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd("Coinalyze") from problem


def _grid(name: str, source: str, found: Any, notes: tuple[str, ...] = (), quota: str = "") -> HeatGrid:
    try:
        grid = read_grid(json.dumps(found).encode())
    except (GridError, tables.TableError, *_BROKEN) as problem:
        raise FeedError(f"{name} sent a heatmap that cannot be read: {problem}") from problem
    if quota.endswith("more."):
        notes = (*notes, quota)
    told = replace(
        grid.provenance,
        source=source,
        model=f"{name} (method not published)",
        flags=grid.provenance.flags + notes,
    )
    return replace(grid, provenance=told)


def _odd(name: str) -> FeedError:
    return FeedError(f"{name} sent an answer of another shape than it documents. It is tried again later.")
