"""freqtrade: candles, mark prices and funding, whose pair and kind stand in the file's name only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, keys, read_as
from liqcore.feeds.files.table import RawTable

_NAME: Final = re.compile(
    r"^(?P<pair>[A-Za-z0-9]+_[A-Z0-9]+?)(?:_[A-Z0-9]+)?-(?P<frame>\d+[mhdwM])(?:-(?P<what>futures|mark|spot|funding_rate))?\.\w+"
)
_COLUMNS: Final = ("date", "open", "high", "low", "close", "volume")


def _named(raw: RawTable) -> re.Match[str] | None:
    found = _NAME.match(raw.name)
    fits = set(_COLUMNS) <= keys(raw) if raw.headed else len(raw.columns) == 6
    return found if fits else None


def _kind(raw: RawTable) -> str | None:
    found = _named(raw)
    return None if found is None else "funding" if found["what"] == "funding_rate" else "candles"


def _read(raw: RawTable, request: Request) -> Draft:
    found = _named(raw)
    assert found is not None
    frame = raw.frame if raw.headed else raw.frame.set_axis(list(_COLUMNS), axis=1)
    named = replace(raw, frame=frame, headed=True, symbol=found["pair"])
    what = found["what"] or "spot"
    if what == "funding_rate":
        out = read_as("funding", named, request, "freqtrade funding", {"rate": "open", "time": "date"})
        out.frame["rate"] = frame["open"]
        return out
    return read_as("candles", named, request, f"freqtrade candles ({what}, {found['frame']})")


PRODUCERS: Final = (
    Producer("candles", lambda raw: _kind(raw) == "candles", _read),
    Producer("funding", lambda raw: _kind(raw) == "funding", _read),
)
