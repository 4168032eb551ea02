"""Bybit: its own liquidation messages, whose side names the position."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, by_header, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    return raw.headed and {"T", "s", "S", "v", "p"} <= set(raw.columns) and len(raw.columns) <= 7


def _read(raw: RawTable, request: Request) -> Draft:
    chosen = {"time": "T", "symbol": "s", "side": "S", "quantity": "v", "price": "p"}
    asked = asking(request, "bybit", side_meaning="position", quantity_unit="contracts")
    out = read_as("liquidations", raw, asked, "Bybit's own liquidation messages", chosen)
    out.frame["price_kind"] = "bankruptcy"
    return out


PRODUCERS: Final = (
    Producer("liquidations", _fits, _read),
    by_header(
        "Bybit klines",
        "candles",
        {"openprice", "highprice", "lowprice", "closeprice", "turnover"},
        venue="bybit",
    ),
)
