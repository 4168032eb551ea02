"""MetaTrader: bars on the broker's clock, with a count of ticks instead of a volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, keys
from liqcore.feeds.files.table import RawTable

_CLOCK: Final = (
    "MetaTrader shows the broker's clock and does not name its zone, so the times may be hours away from UTC."
)
_TICKS: Final = "MetaTrader counts ticks of the broker, not what was traded; the volume counts as unknown."
_NAMES: Final = ("time", "open", "high", "low", "close")


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    if raw.headed:
        return {"open", "high", "low", "close"} <= held and bool(
            held & {"tickvol", "tickvolume", "tickvolumes"}
        )
    # A day and a clock in two columns were joined.
    return "column 2" not in raw.columns and 6 <= len(raw.columns) <= 8


def _read(raw: RawTable, request: Request) -> Draft:
    if not raw.headed:
        names = [*_NAMES, *raw.columns[5:]]
        raw = replace(raw, frame=raw.frame.set_axis(names, axis=1), headed=True)
    found = cells.find_columns(raw, "candles", None)
    for name in ("volume", "taker_buy_volume", "quote_volume", "base_volume"):
        found.pop(name, None)
    out = GENERIC["candles"](raw, found, request, "MetaTrader bars")
    out.notes += [*([] if request.zone else [_CLOCK]), _TICKS]
    return out


PRODUCERS: Final = (Producer("candles", _fits, _read),)
