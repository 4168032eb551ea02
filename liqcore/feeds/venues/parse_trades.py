"""Venues that mark liquidations among their ordinary trades."""

from __future__ import annotations

from typing import Any

from liqcore.feeds.venues.registry import Venue
from liqcore.feeds.venues.rows import LiquidationRow, micros, number, position, read_all, row


def deribit(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """Trades by socket or REST; `liquidation` says whether the taker (T), the maker (M) or both were
    closed."""
    if not isinstance(message, dict):
        return []
    if "result" in message:
        found = message["result"]
        return (
            read_all(venue, found.get("trades"), _deribit)
            if isinstance(found, dict) and "trades" in found
            else []
        )
    told = message.get("params")
    if not isinstance(told, dict) or not str(told.get("channel", "")).startswith("trades."):
        return []
    return read_all(venue, told.get("data"), _deribit)


def _deribit(venue: Venue, trade: Any) -> tuple[LiquidationRow, ...] | None:
    flag = trade.get("liquidation")
    symbol = trade["instrument_name"]
    if flag is None or symbol not in venue.symbols:
        return None
    taker = position(trade["direction"], order=True)
    maker = "short" if taker == "long" else "long"
    sides = {"T": (taker,), "M": (maker,), "MT": (maker, taker)}.get(flag)
    if sides is None:
        raise ValueError(f"the liquidation flag is {flag!r}, not T, M or MT")
    moment, price, amount = (
        micros(trade["timestamp"]),
        number(trade["price"], "the price"),
        number(trade["amount"], "the amount"),
    )
    return tuple(
        found for side in sides if (found := row(venue, symbol, moment, side, price, amount)) is not None
    )


def kraken(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """Trades of the socket, its snapshot, and `history`, which does not name its contract."""
    if not isinstance(message, dict):
        return []
    if "history" in message:
        named = [
            {"product_id": symbol or venue.symbols[0], **trade} if isinstance(trade, dict) else trade
            for trade in _list(message["history"])
        ]
        return read_all(venue, named, _kraken)
    if message.get("feed") == "trade_snapshot":
        return read_all(venue, message.get("trades"), _kraken)
    # The confirmation of a subscription carries the feed's name too.
    return (
        read_all(venue, [message], _kraken)
        if message.get("feed") == "trade" and "event" not in message
        else []
    )


def _list(found: Any) -> Any:
    return found if isinstance(found, list) else [found]


def _kraken(venue: Venue, trade: Any) -> LiquidationRow | None:
    if trade.get("type") != "liquidation" or trade["product_id"] not in venue.symbols:
        return None
    amount = number(trade["qty"] if "qty" in trade else trade["size"], "the quantity")
    side = position(trade["side"], order=True)
    return row(
        venue, trade["product_id"], micros(trade["time"]), side, number(trade["price"], "the price"), amount
    )


def dydx(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """Trades of the indexer; rows do not name their market, the message does."""
    if not isinstance(message, dict):
        return []
    if "channel" in message:
        market, contents = message.get("id"), message.get("contents")
        if message["channel"] != "v4_trades" or market not in venue.symbols or contents is None:
            return []
        batches = contents if isinstance(contents, list) else [contents]
        trades = [
            one
            for batch in batches
            for one in _list(batch.get("trades") if isinstance(batch, dict) else batch)
        ]
    elif "trades" in message:
        trades = message["trades"]
    else:
        return []
    return read_all(venue, trades, _dydx)


def _dydx(venue: Venue, trade: Any) -> LiquidationRow | None:
    if trade.get("type") != "LIQUIDATED":
        return None
    side = position(trade["side"], order=True)
    return row(
        venue,
        venue.linear[0],
        micros(trade["createdAt"]),
        side,
        number(trade["price"], "the price"),
        number(trade["size"], "the size"),
    )
