"""Binance: its own forced orders as the socket sends them, and those of Aster, which look the same."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    return raw.headed and {"s", "S", "ap", "z", "T"} <= set(raw.columns)


def _read(raw: RawTable, request: Request) -> Draft:
    # `l` is the last fill only and `p` the limit of the order near bankruptcy.
    chosen = {"time": "T", "symbol": "s", "side": "S", "quantity": "z", "price": "ap"}
    aster = "aster" in raw.name.lower()
    venue = request.venue or ("aster" if aster else "binance")
    asked = asking(request, venue, side_meaning="order", quantity_unit="contracts")
    name = f"{'Aster' if venue == 'aster' else 'Binance'}'s own forced orders"
    out = read_as("liquidations", raw, asked, name, chosen)
    out.frame["price_kind"] = "fill"
    out.notes.append("At most one order a second and contract is sent, so totals are a lower bound.")
    if venue == "binance":
        out.notes.append("Aster's messages look the same: name the venue if the file is from there.")
    return out


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
