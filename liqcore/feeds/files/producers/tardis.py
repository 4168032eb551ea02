"""Tardis.dev: liquidations of every venue with the side of the order and the amount in the venue's unit."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files import columns as cells, labels
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, keys, read_as
from liqcore.feeds.files.table import RawTable
from liqcore.tables import TableError

_NAMES: Final = {
    "binance-coin": "Binance COIN-M",
    "okx": "OKX",
    "htx": "HTX",
    "ftx": "FTX",
    "bitmex": "BitMEX",
    "dydx": "dYdX",
}


def venue_words(venues: list[str]) -> str:
    """Venues as they are written in a sentence: `OKX`, `Binance and 3 more`."""
    names = [
        _NAMES.get(label, label.capitalize()) for label in dict.fromkeys(map(labels.canonical_venue, venues))
    ]
    return (
        names[0]
        if len(names) == 1
        else f"{names[0]} and {len(names) - 1} more"
        if names
        else "an unknown venue"
    )


def _fits(raw: RawTable) -> bool:
    return raw.headed and {"exchange", "timestamp", "localtimestamp", "side", "price", "amount"} <= keys(raw)


def _read(raw: RawTable, request: Request) -> Draft:
    exchange = next(column for column in raw.columns if cells.key(column) == "exchange")
    venues = [str(label) for label in raw.frame[exchange].dropna().unique()[:20]]
    # Tardis writes the order that closed the position, whatever the venue's own message names.
    asked = asking(request, side_meaning="order", quantity_unit="contracts")
    return read_as("liquidations", raw, asked, f"Tardis liquidations of {venue_words(venues)}")


def _is_ticker(raw: RawTable) -> bool:
    return raw.headed and {"exchange", "localtimestamp", "fundingrate"} <= keys(raw)


def _refuse_ticker(raw: RawTable, request: Request) -> Draft:
    raise TableError(
        "This is Tardis's derivative ticker, which repeats funding and open interest at every tick and is not"
        " read. Upload liquidations, candles, open interest or funding."
    )


PRODUCERS: Final = (
    Producer("liquidations", _is_ticker, _refuse_ticker),
    Producer("liquidations", _fits, _read),
)
