"""What every parser makes: rows, and what was left out or cannot be read; with the conversions they share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from liqcore.feeds.status import FeedError

if TYPE_CHECKING:
    from liqcore.feeds.venues.venue import Venue

# Clocks differ by seconds; what is dated more µs later than it arrived cannot have happened.
MOST_AHEAD: Final = 300_000_000
_FIRST: Final = 1_230_940_800_000_000
_LAST: Final = 4_102_444_800_000_000
# BTC as the base: not BTCDOM, BTCST or a coin that ends in it.
_BITCOIN: Final = re.compile(r"(?:t|[PF][IFV]_)?(?:BTC|XBT)(?:F0)?(?=$|[-_/:.\d]|USD|BUSD|FDUSD|EUR|PERP)")


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


class LeftOut(NamedTuple):
    """Something about liquidations that is not read here, by the name to count it under."""

    what: str


class Unread(NamedTuple):
    """An entry that cannot be read, and why."""

    why: str


Found = LiquidationRow | LeftOut | Unread
Reader = Callable[["Venue", Any], "Found | tuple[Found, ...] | None"]


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


def other_contract(symbol: Any) -> LeftOut | None:
    """What is noted of a contract that is none of a venue's: its name where it is on bitcoin, else nothing,
    since other coins are not what is asked for."""
    return LeftOut(symbol) if isinstance(symbol, str) and _BITCOIN.match(symbol) else None


def other_topic(kind: str, name: Any) -> list[Found]:
    """A message of another topic than the one that is read, by its name."""
    return [LeftOut(f"{kind} {name}"[:80])]


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


def read_all(venue: Venue, entries: Any, reader: Reader) -> list[Found]:
    """Every entry through `reader`; one that cannot be read costs no other.

    Raises
    ------
    FeedError
        What should be a list is none.
    """
    if not isinstance(entries, Iterable) or isinstance(entries, (str, bytes, dict)):
        raise FeedError(
            f"{venue.name} sent {_shown(entries)} where a list of liquidations belongs. It is tried again.",
            venue=venue.id,
        )
    out: list[Found] = []
    for place, entry in enumerate(entries, start=1):
        try:
            found = reader(venue, entry)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as problem:
            reason = f"{problem.args[0]} is missing" if isinstance(problem, KeyError) else str(problem)
            if isinstance(problem, (TypeError, IndexError, AttributeError)):
                reason = f"it is {_shown(entry)}"
            out.append(Unread(f"row {place}: {reason}"))
            continue
        # A row is a tuple too.
        several = isinstance(found, tuple) and not isinstance(found, (LiquidationRow, LeftOut, Unread))
        out.extend(found if several else () if found is None else (found,))  # type: ignore[arg-type]
    return out


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
