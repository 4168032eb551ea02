"""Venues that publish liquidations as such. What their words mean is in `venues.py`, with its source."""

from __future__ import annotations

from typing import Any

from liqcore.feeds.venues.registry import Venue
from liqcore.feeds.venues.rows import LiquidationRow, micros, number, position, read_all, row

_MOST_BITCOIN = 1_000.0


def binance(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`forceOrder`, alone, in a combined stream, or in the array of all markets."""
    events = message if isinstance(message, list) else [message]
    events = [event.get("data", event) if isinstance(event, dict) else event for event in events]
    flat = [one for event in events for one in (event if isinstance(event, list) else [event])]
    orders = [
        one["o"] for one in flat if isinstance(one, dict) and one.get("e") == "forceOrder" and "o" in one
    ]
    return read_all(venue, orders, _binance)


def _binance(venue: Venue, order: Any) -> LiquidationRow | None:
    if order["s"] not in venue.symbols:
        return None
    # `l` is the last fill only and `p` the limit of the order near bankruptcy.
    filled = number(order["z"], "the filled quantity")
    if filled == 0:
        return None
    return row(
        venue,
        order["s"],
        micros(order["T"]),
        position(order["S"], order=True),
        number(order["ap"], "the price"),
        filled,
    )


def bybit(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`allLiquidation.*`; the side is the position's, the price the bankruptcy price."""
    if not isinstance(message, dict) or not str(message.get("topic", "")).startswith("allLiquidation"):
        return []
    return read_all(venue, message.get("data"), _bybit)


def _bybit(venue: Venue, entry: Any) -> LiquidationRow | None:
    if entry["s"] not in venue.symbols:
        return None
    side = position(entry["S"], order=False)
    return row(
        venue,
        entry["s"],
        micros(entry["T"]),
        side,
        number(entry["p"], "the price"),
        number(entry["v"], "the quantity"),
    )


def okx(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`liquidation-orders`, socket or REST: every detail of every contract."""
    if not isinstance(message, dict) or "event" in message:
        return []
    channel = message.get("arg", {"channel": "liquidation-orders"})
    if not isinstance(channel, dict) or channel.get("channel") != "liquidation-orders":
        return []
    if not isinstance(message.get("data"), list):
        return read_all(venue, message.get("data"), _okx)
    contracts = [
        entry
        for entry in message["data"]
        if not isinstance(entry, dict) or entry.get("instId") in venue.symbols
    ]
    details: list[Any] = []
    for entry in contracts:
        listed = entry.get("details") if isinstance(entry, dict) else None
        details += [(entry["instId"], one) for one in listed] if isinstance(listed, list) else [entry]
    return read_all(venue, details, _okx)


def _okx(venue: Venue, entry: Any) -> LiquidationRow | None:
    symbol, detail = entry
    held = detail.get("posSide")
    side = held if held in ("long", "short") else position(detail["side"], order=True)
    moment = micros(detail["ts"] if "ts" in detail else detail["time"])
    return row(
        venue, symbol, moment, side, number(detail["bkPx"], "the price"), number(detail["sz"], "the quantity")
    )


def gate(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`liq_orders` (a list) and `futures.public_liquidates`; the sign of `size` is the position's."""
    if isinstance(message, list):
        return read_all(venue, message, _gate)
    if (
        not isinstance(message, dict)
        or message.get("channel") != "futures.public_liquidates"
        or message.get("event") != "update"
    ):
        return []
    found = message.get("result")
    return read_all(venue, [found] if isinstance(found, dict) else found, _gate)


def _gate(venue: Venue, entry: Any) -> LiquidationRow | None:
    symbol = entry["contract"]
    if symbol not in venue.symbols:
        return None
    size = number(entry["size"], "the size")
    if size == 0:
        return None
    # `size` is the whole position and `left` what the order did not fill.
    ordered = number(entry.get("order_size", size), "the order size")
    filled = abs(ordered) - abs(number(entry.get("left", 0), "the rest"))
    price = number(entry["fill_price"] if "fill_price" in entry else entry["price"], "the price")
    moment = (
        micros(entry["time_ms"])
        if "time_ms" in entry
        else micros(entry["time"], 1e6 if number(entry["time"], "the time") < 1e11 else 1e3)
    )
    return None if filled == 0 else row(venue, symbol, moment, "long" if size > 0 else "short", price, filled)


def bitget(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`v3/market/liquidations` and the `liquidation` topic; the side is the position's, the amount in BTC."""
    if not isinstance(message, dict) or "event" in message:
        return []
    if "arg" in message:
        topic = message["arg"].get("topic") if isinstance(message["arg"], dict) else None
        return read_all(venue, message.get("data"), _bitget) if topic == "liquidation" else []
    found = message.get("data")
    return read_all(venue, found.get("list") if isinstance(found, dict) else found, _bitget)


def _bitget(venue: Venue, entry: Any) -> LiquidationRow | None:
    if entry["symbol"] not in venue.symbols:
        return None
    amount = number(entry["amount"], "the amount")
    if amount > _MOST_BITCOIN:
        raise ValueError(f"the amount {amount:g} is too large for BTC")
    price = number(entry["price"], "the price")
    # Bitget counts BTC on its inverse contracts too, where `row` expects USD.
    size = amount * price if entry["symbol"] in venue.inverse else amount
    return row(venue, entry["symbol"], micros(entry["ts"]), position(entry["side"], order=False), price, size)


def htx(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """v5 and v3 history, and `public.*.liquidation_orders`; quantities are contracts."""
    if not isinstance(message, dict):
        return []
    if "op" in message or "topic" in message:
        notified = message.get("op") == "notify" and str(message.get("topic", "")).endswith(
            "liquidation_orders"
        )
        return read_all(venue, message.get("data"), _htx) if notified else []
    return [] if "ping" in message else read_all(venue, message.get("data"), _htx)


def _htx(venue: Venue, entry: Any) -> LiquidationRow | None:
    symbol = entry["contract_code"]
    if symbol not in venue.symbols:
        return None
    held = str(entry.get("position_side", "")).lower()
    side = (
        held
        if held in ("long", "short")
        else position(entry["side"] if "side" in entry else entry["direction"], order=True)
    )
    moment = micros(entry["liquidation_time"] if "liquidation_time" in entry else entry["created_at"])
    price = number(entry["bankrupt_price"] if "bankrupt_price" in entry else entry["price"], "the price")
    return row(venue, symbol, moment, side, price, number(entry["volume"], "the volume"))


def bitfinex(venue: Venue, message: Any, symbol: str | None) -> list[LiquidationRow]:
    """`liquidations/hist` and `liq:global`: rows that start with `pos`, however they are nested."""
    return read_all(venue, _positions(message), _bitfinex)


def _positions(message: Any, depth: int = 4) -> list[Any]:
    if not isinstance(message, list) or depth == 0:
        return []
    if message and message[0] == "pos":
        return [message]
    return [found for part in message for found in _positions(part, depth - 1)]


def _bitfinex(venue: Venue, entry: Any) -> LiquidationRow | None:
    # A trigger comes first and its executions follow; counting both would double.
    if entry[4] not in venue.symbols or entry[8] != 1:
        return None
    amount = number(entry[5], "the amount")
    return row(
        venue,
        entry[4],
        micros(entry[2]),
        "long" if amount > 0 else "short",
        number(entry[11], "the price"),
        abs(amount),
    )
