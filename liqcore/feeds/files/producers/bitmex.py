"""BitMEX: bins of trades, stamped at their close, with the volume in contracts and in bitcoin beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, column, keys
from liqcore.feeds.files.table import RawTable

_OWN: Final = {"vwap", "trades", "lastsize", "turnover", "homenotional", "foreignnotional"}


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    if not raw.headed or not {"open", "high", "low", "close"} <= held:
        return False
    symbol = column(raw, "symbol")
    xbt = "XBT" in raw.name.upper() or (
        symbol is not None and bool(raw.frame[symbol].astype(str).str.upper().str.startswith("XBT").any())
    )
    return len(held & _OWN) >= (2 if xbt else 4)


def _read(raw: RawTable, request: Request) -> Draft:
    # Turnover is in satoshi, which no other file has beside dollars.
    dropped = [name for name in raw.columns if cells.key(name) == "turnover"]
    plain = replace(raw, frame=raw.frame.drop(columns=dropped))
    found = cells.find_columns(plain, "candles", None)
    home, foreign = column(plain, "homenotional"), column(plain, "foreignnotional")
    if home is None and foreign is None:
        # Contracts of one USD, except those priced in a dollar coin.
        found.pop("volume", None)
    return GENERIC["candles"](plain, found, request, "BitMEX trade bins", stamped_at_close=True)


PRODUCERS: Final = (Producer("candles", _fits, _read),)
