"""OKX: candle archives and its own liquidation orders, which are counted in contracts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, by_header, column, keys, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    return raw.headed and {"bkpx", "sz", "side"} <= keys(raw)


def _read(raw: RawTable, request: Request) -> Draft:
    if column(raw, "instid", "symbol") is None and raw.symbol:
        raw = replace(raw, frame=raw.frame.assign(instId=raw.symbol))
    chosen = {"price": column(raw, "bkpx") or "", "quantity": column(raw, "sz") or ""}
    if time := column(raw, "ts"):
        # Some answers have a second clock, that of the frame, in some rows only.
        chosen["time"] = time
    asked = asking(request, "okx", side_meaning="order", quantity_unit="contracts")
    return read_as("liquidations", raw, asked, "OKX's own liquidation orders", chosen)


PRODUCERS: Final = (
    Producer("liquidations", _fits, _read),
    by_header("OKX candle archive", "candles", {"open", "close", "volccy", "opentime"}, venue="okx"),
    by_header("OKX candles", "candles", {"open", "close", "volccy", "volccyquote"}, venue="okx"),
)
