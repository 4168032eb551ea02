"""NautilusTrader: liquidation data of a catalogue, with the venue after the symbol and times in
nanoseconds."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files import labels
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    return raw.headed and {"instrumentid", "orderside", "price", "tsevent"} <= keys(raw)


def _read(raw: RawTable, request: Request) -> Draft:
    instrument = column(raw, "instrumentid") or ""
    venues = raw.frame[instrument].dropna().astype(str).str.rpartition(".")[2].unique()
    venue = labels.canonical_venue(str(venues[0])) if len(venues) == 1 else None
    chosen = {
        "time": column(raw, "tsevent") or "",
        "side": column(raw, "orderside") or "",
        "symbol": instrument,
    }
    asked = asking(request, venue, side_meaning="order")
    return read_as("liquidations", raw, asked, "NautilusTrader liquidations", chosen)


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
