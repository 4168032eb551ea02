"""Bitget: its own liquidations, whose side names the position and whose amount is BTC on every contract."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    # Anybody's own file may have these five: its topic or the file's name has to say whose they are.
    if not raw.headed or keys(raw) - {"topic"} != {"symbol", "side", "price", "amount", "ts"}:
        return False
    topic = column(raw, "topic")
    return "bitget" in raw.name.lower() if topic is None else set(raw.frame[topic]) == {"liquidation"}


def _read(raw: RawTable, request: Request) -> Draft:
    chosen = {"quantity": column(raw, "amount") or "", "time": column(raw, "ts") or ""}
    asked = asking(request, "bitget", side_meaning="position", quantity_unit="BTC")
    out = read_as("liquidations", raw, asked, "Bitget's own liquidations", chosen)
    out.frame["price_kind"] = "bankruptcy"
    return out


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
