"""CoinMarketCap, Yahoo and others that show the volume of all markets in USD."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, keys
from liqcore.feeds.files.table import RawTable


def in_dollars(name: str, raw: RawTable, request: Request) -> Draft:
    """Candles whose volume is in USD."""
    found = cells.find_columns(raw, "candles", None)
    if "volume" in found and "quote_volume" not in found:
        found["quote_volume"] = found.pop("volume")
    return GENERIC["candles"](raw, found, request, name)


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    return (
        raw.headed
        and {"open", "high", "low", "close"} <= held
        and bool(held & {"marketcap", "circulatingsupply"})
    )


PRODUCERS: Final = (
    Producer("candles", _fits, lambda raw, request: in_dollars("CoinMarketCap history", raw, request)),
)
