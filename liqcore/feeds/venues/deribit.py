"""Deribit: marks the trades that closed a liquidated position; all trades are public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from liqcore.feeds.venues import kit
from liqcore.feeds.venues.rows import (
    Found,
    LeftOut,
    LiquidationRow,
    micros,
    number,
    other_contract,
    other_topic,
    position,
    read_all,
    row,
)
from liqcore.feeds.venues.series import candles, funding
from liqcore.feeds.venues.venue import ALL_CONTRACTS, History, Line, Meaning, Message, Pages, Venue

if TYPE_CHECKING:
    from liqcore.feeds.rest.session import FeedSession

_LINEAR: Final = ("BTC_USDC-PERPETUAL",)
_INVERSE: Final = ("BTC-PERPETUAL",)
# The raw channels need an account, those of 100 ms do not.
_CHANNELS: Final = tuple(f"trades.{symbol}.100ms" for symbol in _LINEAR + _INVERSE)
_SUBSCRIBE: Final = 1
_HEARTBEAT: Final = 2
_TEST: Final = 3


def _parse(venue: Venue, message: Message) -> list[Found]:
    """Trades by socket or REST; `liquidation` says whether the taker (T), the maker (M) or both were
    closed."""
    found = message.data
    if not isinstance(found, dict):
        return []
    if "result" in found:
        told = found["result"]
        trades = isinstance(told, dict) and "trades" in told
        return read_all(venue, told.get("trades"), _trade) if trades else []
    told = found.get("params")
    if not isinstance(told, dict) or "channel" not in told:
        return []
    if not str(told["channel"]).startswith("trades."):
        return other_topic("channel", told["channel"])
    return read_all(venue, told.get("data"), _trade)


def _trade(venue: Venue, trade: Any) -> tuple[LiquidationRow, ...] | LeftOut | None:
    flag, symbol = trade.get("liquidation"), trade["instrument_name"]
    if flag is None:
        return None
    if symbol not in venue.symbols:
        return other_contract(symbol)
    taker = position(trade["direction"], order=True)
    maker = "short" if taker == "long" else "long"
    sides = {"T": (taker,), "M": (maker,), "MT": (maker, taker)}.get(flag)
    if sides is None:
        raise ValueError(f"the liquidation flag is {flag!r}, not T, M or MT")
    moment, price = micros(trade["timestamp"]), number(trade["price"], "the price")
    amount = number(trade["amount"], "the amount")
    rows = (row(venue, symbol, moment, side, price, amount) for side in sides)
    return tuple(one for one in rows if one is not None)


def _refusal(found: Any) -> str | None:
    return kit.about(found, "message")


def _meaning(found: Any) -> Meaning:
    if not isinstance(found, dict):
        return Meaning()
    if found.get("method") == "heartbeat":
        wanted = isinstance(found.get("params"), dict) and found["params"].get("type") == "test_request"
        test = {"jsonrpc": "2.0", "id": _TEST, "method": "public/test", "params": {}}
        return Meaning(answer=kit.text(test) if wanted else None)
    if found.get("id") != _SUBSCRIBE or "result" not in found:
        return kit.answered(_refusal(found), False)
    # It names the channels it took and is silent about those it did not.
    taken = found["result"] if isinstance(found["result"], list) else []
    missing = [
        f"{channel} is not among the channels it took" for channel in _CHANNELS if channel not in taken
    ]
    return Meaning(confirmed=bool(taken), refused=tuple(missing))


def _pages(session: FeedSession, venue: Venue, first: int, last: int) -> Pages:
    for symbol in (*venue.inverse, *venue.linear):
        upper = last
        for _ in range(kit.MOST_PAGES):
            query = {
                "instrument_name": symbol,
                "start_timestamp": first,
                "end_timestamp": upper,
                "count": 1000,
                "sorting": "desc",
            }
            address = "https://www.deribit.com/api/v2/public/get_last_trades_by_instrument_and_time"
            answer = session.fetch(address, query)
            yield answer, symbol
            trades = answer.data["result"]["trades"]
            oldest = min((int(one["timestamp"]) for one in trades), default=first)
            if not answer.data["result"].get("has_more") or oldest >= upper:
                break
            upper = oldest
        else:
            raise kit.too_long(venue)


def _call(ident: int, method: str, parameters: dict[str, Any]) -> str:
    return kit.text({"jsonrpc": "2.0", "id": ident, "method": method, "params": parameters})


VENUES: Final = (
    Venue(
        id="deribit",
        name="Deribit",
        ccxt="deribit",
        hosts=("deribit",),
        side="flag",
        price_kind="fill",
        completeness="all",
        completeness_words=(
            "Deribit marks the trades that closed a liquidated position; all trades are public."
        ),
        linear=_LINEAR,
        inverse=_INVERSE,
        unified="BTC/USD:BTC",
        parse=_parse,
        refusal=_refusal,
        lines=(
            Line(
                "wss://www.deribit.com/ws/api/v2",
                ALL_CONTRACTS,
                (
                    _call(_SUBSCRIBE, "public/subscribe", {"channels": _CHANNELS}),
                    _call(_HEARTBEAT, "public/set_heartbeat", {"interval": 30}),
                ),
                1,
            ),
        ),
        meaning=_meaning,
        history=History(_pages, "trades of the last hours"),
        candles=candles(1000),
        # Its rows are hourly, but ccxt gives each the rate of the eight hours before it.
        funding=funding(100, every=1, rate=lambda one: one["info"]["interest_1h"]),
    ),
)
