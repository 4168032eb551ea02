"""CoinGlass, CoinAnk and Coinalyze with the visitor's own key.

The key is an argument of every call, sent in a header past the cache, and appears in no message, log or file.
Totals are one row an interval with `time`, `long` and `short` in USD (or BTC where the name says so): they are
sums of what the venues published, sampled ones among them. Heatmaps are somebody's model and say so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.http import FeedSession
from liqcore.feeds.read_grid import read_grid
from liqcore.feeds.status import FeedError, KeyRefused
from liqcore.heat.grid import GridError, HeatGrid

COINGLASS: Final = "https://open-api-v4.coinglass.com/api/futures/liquidation/"
COINANK: Final = "https://open-api.coinank.com/api/"
COINALYZE: Final = "https://api.coinalyze.net/v1/"
_BROKEN: Final = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def coinglass_history(session: FeedSession, key: str, interval: str = "1h", exchange: str | None = None, limit: int = 1000) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, of one exchange or (without one) of those CoinGlass sums up.

    Raises
    ------
    FeedError and its kinds; `KeyRefused` where the key or its plan does not cover the call.
    """
    if exchange is None:
        path, query, prefix = "aggregated-history", {"exchange_list": "Binance,OKX,Bybit", "symbol": "BTC"}, "aggregated_"
    else:
        path, query, prefix = "history", {"exchange": exchange, "symbol": "BTCUSDT"}, ""
    found = _ask(session, "CoinGlass", COINGLASS + path, {**query, "interval": interval, "limit": limit}, "CG-API-KEY", key)
    return _totals("CoinGlass", found, "time", f"{prefix}long_liquidation_usd", f"{prefix}short_liquidation_usd")


def coinglass_heatmap(session: FeedSession, key: str, model: int = 1, span: str = "24h", exchange: str | None = None) -> HeatGrid:
    """CoinGlass's liquidation heatmap, models 1 to 3, as a modelled grid (needs a plan that has it)."""
    if model not in (1, 2, 3):
        raise FeedError(f"CoinGlass has heatmap models 1, 2 and 3, not {model}. Choose one of them.")
    head = "aggregated-heatmap" if exchange is None else "heatmap"
    query = {"symbol": "BTC"} if exchange is None else {"exchange": exchange, "symbol": "BTCUSDT"}
    found = _ask(session, "CoinGlass", f"{COINGLASS}{head}/model{model}", {**query, "range": span}, "CG-API-KEY", key)
    return _grid("CoinGlass", f"CoinGlass heatmap, model {model}, {exchange or 'all exchanges'}", found)


def coinank_history(session: FeedSession, key: str, end: object, interval: str = "1h", size: int = 500) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, all exchanges that CoinAnk sums up, until `end`, which must be near now."""
    query = {"baseCoin": "BTC", "interval": interval, "endTime": int(tables.to_datetime64(end).astype("int64")) // 1_000, "size": size}
    found = _ask(session, "CoinAnk", COINANK + "liquidation/aggregated-history", query, "apikey", key)
    try:
        flat = [{"ts": one["ts"], **(one["all"] if isinstance(one.get("all"), dict) else one)} for one in found]
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    return _totals("CoinAnk", flat, "ts", "longTurnover", "shortTurnover")


def coinank_heatmap(session: FeedSession, key: str, exchange: str = "Binance", span: str = "1d") -> HeatGrid:
    """CoinAnk's liquidation heatmap as a modelled grid. It tells no close of its columns, so sides split at the price it names."""
    found = _ask(session, "CoinAnk", COINANK + "liqMap/getLiqHeatMap", {"exchange": exchange, "symbol": "BTCUSDT", "interval": span}, "apikey", key)
    try:
        heat = found["liqHeatMap"]
        price = float(found["price"]) if "price" in found else float(np.median(np.array(heat["priceArray"], dtype=float)))
        shape = {"y_axis": [float(level) for level in heat["priceArray"]], "liquidation_leverage_data": heat["data"],
                 "price_candlesticks": [[int(moment) / 1_000, price, price, price, price, 0] for moment in heat["chartTimeArray"]]}
        where = "the price it named" if "price" in found else "the middle of its price axis, because it named no price"
        note = (f"CoinAnk sends no candles: sides were split at {where}, in every column alike.",)
    except _BROKEN as problem:
        raise _odd("CoinAnk") from problem
    return _grid("CoinAnk", f"CoinAnk heatmap, {exchange}", shape, note)


def coinalyze_liquidations(
    session: FeedSession, key: str, start: object, end: object, symbols: Sequence[str] = ("BTCUSDT_PERP.A",), interval: str = "5min"
) -> pd.DataFrame:
    """Long and short liquidations an interval in USD, a row a symbol: `time, symbol, long, short`. The last row still grows."""
    found = _coinalyze(session, key, "liquidation-history", start, end, symbols, interval, {"convert_to_usd": "true"})
    frames = [
        _totals("Coinalyze", one.get("history"), "t", "l", "s").assign(symbol=one["symbol"])[["time", "symbol", "long", "short"]] for one in found
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["time", "symbol", "long", "short"])


def coinalyze_open_interest(
    session: FeedSession, key: str, start: object, end: object, symbols: Sequence[str] = ("BTCUSDT_PERP.A",), interval: str = "5min"
) -> pd.DataFrame:
    """Open interest in BTC at the close of each interval, as the checked table; the venue column holds Coinalyze's symbol."""
    return _series("open_interest", "quantity", 1.0, _coinalyze(session, key, "open-interest-history", start, end, symbols, interval, {}))


def coinalyze_funding(
    session: FeedSession, key: str, start: object, end: object, symbols: Sequence[str] = ("BTCUSDT_PERP.A",), interval: str = "daily"
) -> pd.DataFrame:
    """Funding as the checked table. Coinalyze sends per cent of 8 hours, which becomes a fraction."""
    return _series("funding", "rate", 0.01, _coinalyze(session, key, "funding-rate-history", start, end, symbols, interval, {}))


def _coinalyze(
    session: FeedSession, key: str, path: str, start: object, end: object, symbols: Sequence[str], interval: str, more: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if not 1 <= len(symbols) <= 20:
        raise FeedError("Coinalyze takes 1 to 20 symbols a request. Choose fewer.")
    first, last = (int(tables.to_datetime64(moment).astype("int64")) // 1_000_000 for moment in (start, end))
    query = {"symbols": ",".join(symbols), "interval": interval, "from": first, "to": last, **more}
    found = _ask(session, "Coinalyze", COINALYZE + path, query, "api_key", key)
    if not isinstance(found, list) or not all(isinstance(one, dict) and "symbol" in one for one in found):
        raise _odd("Coinalyze")
    return found


def _ask(session: FeedSession, name: str, url: str, query: Mapping[str, Any], header: str, key: str) -> Any:
    """The `data` of an answer, or the whole of it where it is a list."""
    # A line break in a pasted key would raise with the key in the message.
    if not key.strip() or not key.strip().isascii() or not key.strip().isprintable():
        raise KeyRefused(f"{name} needs a key, and the one given is empty or has odd characters. Paste it again.")
    try:
        found = session.fetch(url, query, headers={header: key.strip()}).data
    except FeedError as problem:
        if key.strip() in str(problem):
            raise type(problem)(str(problem).replace(key.strip(), "…"), retry_after=problem.retry_after) from None
        raise
    if isinstance(found, dict):
        if "data" not in found:
            raise _odd(name)
        return found["data"]
    return found


def _totals(name: str, rows: Any, time: str, long: str, short: str) -> pd.DataFrame:
    try:
        frame = pd.DataFrame({"time": [one[time] for one in rows], "long": [float(one[long]) for one in rows], "short": [float(one[short]) for one in rows]})
        out = frame.assign(time=tables.parse_time(frame["time"])).drop_duplicates("time", keep="last").sort_values("time", ignore_index=True)
        good = np.isfinite(out[["long", "short"]].to_numpy()).all() and (out[["long", "short"]].to_numpy() >= 0).all()
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd(name) from problem
    if not good:
        raise _odd(name)
    return out


def _series(table: str, column: str, factor: float, found: list[dict[str, Any]]) -> pd.DataFrame:
    try:
        rows = [(point["t"], one["symbol"], float(point["c"]) * factor) for one in found for point in one["history"]]
        return tables.CHECKS[table](pd.DataFrame(rows, columns=["time", "venue", column]))
    except (*_BROKEN, tables.TableError) as problem:
        raise _odd("Coinalyze") from problem


def _grid(name: str, source: str, found: Any, notes: tuple[str, ...] = ()) -> HeatGrid:
    try:
        grid = read_grid(json.dumps(found).encode())
    except (GridError, tables.TableError, *_BROKEN) as problem:
        raise FeedError(f"{name} sent a heatmap that cannot be read: {problem}") from problem
    told = replace(grid.provenance, source=source, model=f"{name} (method not published)", flags=grid.provenance.flags + notes)
    return replace(grid, provenance=told)


def _odd(name: str) -> FeedError:
    return FeedError(f"{name} sent an answer of another shape than it documents. It is tried again later.")
