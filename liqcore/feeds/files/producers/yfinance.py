"""yfinance: Yahoo's candles, in the old layout with an adjusted close or the new one with three header
rows."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files.producers.base import Producer, keys
from liqcore.feeds.files.producers.coinmarketcap import in_dollars
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    stacked = raw.symbol.upper().startswith("BTC-") and bool(held & {"date", "datetime"})
    yahoo = "adjclose" in held or {"dividends", "stocksplits"} <= held or stacked
    return raw.headed and {"open", "high", "low", "close"} <= held and yahoo


PRODUCERS: Final = (
    Producer("candles", _fits, lambda raw, request: in_dollars("Yahoo candles (yfinance)", raw, request)),
)
