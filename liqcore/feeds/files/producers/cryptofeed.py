"""cryptofeed: liquidations with each venue's own side and unit, as its callbacks write them."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.producers.tardis import venue_words
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    return (
        raw.headed
        and {"side", "price", "timestamp"} <= held
        and bool(held & {"exchange", "feed"})
        and bool(held & {"receipttimestamp", "leavesqty"})
        and bool(held & {"quantity", "leavesqty"})
    )


def _read(raw: RawTable, request: Request) -> Draft:
    exchange = column(raw, "exchange", "feed") or ""
    labels = [str(label) for label in raw.frame[exchange].dropna().unique()[:20]]
    chosen = {
        "venue": exchange,
        "quantity": column(raw, "quantity", "leavesqty") or "",
        "time": column(raw, "timestamp") or "",
    }
    # cryptofeed passes on the venue's word, so each venue's own meaning holds.
    asked = asking(request, side_meaning=cells.VENUES_OWN, quantity_unit="contracts")
    return read_as("liquidations", raw, asked, f"cryptofeed liquidations of {venue_words(labels)}", chosen)


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
