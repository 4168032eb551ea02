"""From one raw message of a venue to the liquidations table: the one place that interprets side, units and
price."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues import parse_orders, parse_trades
from liqcore.feeds.venues.registry import VENUES, Venue
from liqcore.feeds.venues.rows import LiquidationRow

_Parser = Callable[[Venue, Any, "str | None"], list[LiquidationRow]]

PARSERS: Final[dict[str, _Parser]] = {
    "binance": parse_orders.binance,
    "binance-coin": parse_orders.binance,
    "bybit": parse_orders.bybit,
    "okx": parse_orders.okx,
    "gate": parse_orders.gate,
    "bitget": parse_orders.bitget,
    "htx": parse_orders.htx,
    "bitfinex": parse_orders.bitfinex,
    "deribit": parse_trades.deribit,
    "kraken": parse_trades.kraken,
    "dydx": parse_trades.dydx,
}


def parse_liquidations(venue: str, message: Any, symbol: str | None = None) -> pd.DataFrame:
    """One raw message of a venue, REST or socket, as the checked liquidations table.

    Parameters
    ----------
    venue : id of a row of `venues.VENUES`.
    message : text, bytes (gzip too) or decoded JSON, as recorded.
    symbol : the contract asked for, where an answer does not name it (Kraken's history).

    Returns
    -------
    DataFrame: BTC liquidations only; empty for messages that hold none (confirmations, heartbeats, other
    coins).

    Raises
    ------
    FeedError
        No JSON, an answer that is an error, or a liquidation that cannot be read; its `rows` hold the
        readable ones.
    """
    return to_table(parse_rows(venue, message, symbol))


def parse_rows(venue: str, message: Any, symbol: str | None = None) -> list[LiquidationRow]:
    """As `parse_liquidations`, as rows: a hundred times cheaper for a stream of single events."""
    row = VENUES.get(venue)
    if row is None:
        raise FeedError(f"No venue is called {venue!r}. Known venues: {', '.join(VENUES)}.")
    found = decoded(row, message)
    if not isinstance(found, (dict, list)):
        return []
    if refusal := error_in(found):
        raise FeedError(
            f"{row.name} answered with an error: {refusal}. It is tried again later.", venue=venue
        )
    return PARSERS[venue](row, found, symbol) if venue in PARSERS else []


def to_table(rows: Iterable[LiquidationRow]) -> pd.DataFrame:
    """Rows as the checked liquidations table, sorted by time."""
    listed = list(rows)
    if not listed:
        return tables.empty("liquidations")
    frame = pd.DataFrame(listed, columns=list(LiquidationRow._fields))
    frame["time"] = pd.to_datetime(frame["time"].to_numpy(np.int64), unit="us", utc=True)
    return tables.liquidations(frame)


def decoded(venue: Venue, message: Any) -> Any:
    """The JSON of a message; text that is a plain keep-alive (`ping`, `pong`) is returned as text."""
    if not isinstance(message, (str, bytes, bytearray)):
        return message
    data = bytes(message) if not isinstance(message, str) else message
    try:
        if isinstance(data, bytes) and data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        text = data.decode() if isinstance(data, bytes) else data
        return text.strip() if text.strip() in ("ping", "pong") else json.loads(text)
    except (ValueError, OSError, EOFError, zlib.error, RecursionError) as problem:
        raise FeedError(
            f"{venue.name} sent a message that is broken or cut off. It is asked again.", venue=venue.id
        ) from problem


def error_in(found: Any) -> str | None:
    """What a venue complains about inside an answer that looks like success, or None."""
    if isinstance(found, list):
        refused = len(found) >= 3 and found[0] == "error"
        return f"{found[1]} {found[2]}".strip() if refused else None
    if not isinstance(found, dict):
        return None
    # The names of the codes differ by venue; zero, 200 and success mean that all is well.
    for name in ("retCode", "code", "err-code", "err_code"):
        code = found.get(name)
        if (
            code is not None
            and str(code) not in ("0", "00000", "200")
            and found.get("success") is not True
            and found.get("event") != "info"
        ):
            return f"{_words(found)} (code {code})"
    if (
        found.get("status") == "error"
        or found.get("result") == "error"
        or found.get("type") == "error"
        or found.get("success") is False
        or "label" in found
    ):
        return _words(found)
    if found.get("error") or found.get("errors"):
        told = found.get("error") or found.get("errors")
        return _words(told) if isinstance(told, dict) else str(told)[:200]
    return None


def _words(found: dict[str, Any]) -> str:
    for name in ("retMsg", "ret_msg", "msg", "message", "err-msg", "err_msg", "error", "label"):
        if isinstance(found.get(name), str) and found[name]:
            return str(found[name])[:200].rstrip(".")
    return "no reason given"
