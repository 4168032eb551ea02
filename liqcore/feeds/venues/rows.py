"""The row every parser makes, and the few conversions they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.registry import Venue

_FIRST: Final = 1_230_940_800_000_000
_LAST: Final = 4_102_444_800_000_000


class LiquidationRow(NamedTuple):
    """One liquidation as the table has it: time in µs since 1970 UTC, price in USD, quantity in BTC, notional
    in USD."""

    time: int
    venue: str
    symbol: str
    side: str
    price: float
    quantity: float
    notional: float
    price_kind: str
    completeness: str


Reader = Callable[[Venue, Any], "LiquidationRow | tuple[LiquidationRow, ...] | None"]


def number(value: Any, what: str) -> float:
    """A finite number from a number or its text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{what} is {_shown(value)}, not a number")
    try:
        out = float(value)
    except ValueError:
        raise ValueError(f"{what} is {_shown(value)}, not a number") from None
    if not math.isfinite(out):
        raise ValueError(f"{what} is {_shown(value)}, not a number")
    return out


def micros(value: Any, unit: float = 1e3) -> int:
    """µs since 1970 from a number of `unit` µs, or from ISO text."""
    if isinstance(value, str) and "T" in value:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"the time is {_shown(value)}") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        out = round(moment.timestamp() * 1e6)
    else:
        # Whole numbers go around float, which would lose microseconds.
        whole = isinstance(value, int) or (isinstance(value, str) and value.isdigit())
        out = int(value) * int(unit) if whole else round(number(value, "the time") * unit)
    if not _FIRST <= out <= _LAST:
        raise ValueError(f"the time is {_shown(value)}, outside 2009 to 2100")
    return out


def position(side: Any, *, order: bool) -> str:
    """`long` or `short` from buy or sell: the order that closed the position, or the position itself."""
    word = str(side).lower()
    if word not in ("buy", "sell"):
        raise ValueError(f"the side is {_shown(side)}, neither buy nor sell")
    return "long" if (word == "sell") == order else "short"


def row(
    venue: Venue, symbol: str, time: int, side: str, price: float, amount: float
) -> LiquidationRow | None:
    """A row from an amount in the venue's own unit; None where nothing was executed."""
    if price <= 0:
        raise ValueError(f"the price is {price:g}")
    if amount < 0:
        raise ValueError(f"the quantity is {amount:g}")
    if amount == 0:
        return None
    size = amount * venue.contract_size(symbol)
    quantity = size / price if symbol in venue.inverse else size
    notional = size if symbol in venue.inverse else size * price
    return LiquidationRow(
        time, venue.id, symbol, side, price, quantity, notional, venue.price_kind, venue.completeness
    )


def read_all(venue: Venue, entries: Any, reader: Reader) -> list[LiquidationRow]:
    """Every entry through `reader`; a bad entry raises after the others were read, with them in `rows`."""
    if not isinstance(entries, Iterable) or isinstance(entries, (str, bytes, dict)):
        raise FeedError(
            f"{venue.name} sent {_shown(entries)} where a list of liquidations belongs. It is tried again.",
            venue=venue.id,
        )
    rows: list[LiquidationRow] = []
    trouble = ""
    for position_in_list, entry in enumerate(entries, start=1):
        try:
            found = reader(venue, entry)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as problem:
            reason = f"{problem.args[0]} is missing" if isinstance(problem, KeyError) else str(problem)
            if isinstance(problem, (TypeError, IndexError, AttributeError)):
                reason = f"it is {_shown(entry)}"
            trouble = trouble or f"row {position_in_list}: {reason}"
            continue
        rows.extend(() if found is None else (found,) if isinstance(found, LiquidationRow) else found)
    if trouble:
        raise FeedError(
            f"{venue.name} sent a liquidation that cannot be read ({trouble}). The others of the message were"
            " kept.",
            venue=venue.id,
            rows=tuple(rows),
        )
    return rows


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
