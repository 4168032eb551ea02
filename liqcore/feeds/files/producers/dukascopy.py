"""Dukascopy: candles of a broker, with the zone in words and the broker's own volume."""

from __future__ import annotations

from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, keys
from liqcore.feeds.files.table import RawTable


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    return raw.headed and {"open", "high", "low", "close"} <= held and bool(held & {"localtime", "gmttime"})


def _read(raw: RawTable, request: Request) -> Draft:
    found = cells.find_columns(raw, "candles", None)
    had = found.pop("volume", None)
    out = GENERIC["candles"](raw, found, request, "Dukascopy candles")
    if had:
        out.notes.append(
            "The volume is what the broker itself traded, not the market's; it counts as unknown."
        )
    return out


PRODUCERS: Final = (Producer("candles", _fits, _read),)
