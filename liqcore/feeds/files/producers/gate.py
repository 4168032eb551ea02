"""Gate: its own liquidation orders, whose sign names the position, and candle archives without a header."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from liqcore.feeds.files import numerals
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable

_CHANNEL: Final = "futures.public_liquidates"
_BARS: Final = ("time", "volume", "close", "high", "low", "open")


def _is_orders(raw: RawTable) -> bool:
    return raw.headed and {"contract", "fillprice", "ordersize", "size", "time"} <= keys(raw)


def _is_frames(raw: RawTable) -> bool:
    return (
        raw.headed
        and {"topic", "contract", "price", "size"} <= keys(raw)
        and set(raw.frame[column(raw, "topic")]) == {_CHANNEL}
    )


def _read_frames(raw: RawTable, request: Request) -> Draft:
    """The socket's rows: price and size of the order, whose sign is the position's."""
    sizes = pd.to_numeric(numerals.plain(raw.frame[column(raw, "size")]), errors="coerce")
    frame = raw.frame.assign(
        position=pd.Categorical(np.where(sizes > 0, "long", "short")), filled=sizes.abs()
    )
    chosen = {
        "side": "position",
        "quantity": "filled",
        "price": column(raw, "price") or "",
        "time": column(raw, "timems", "time") or "",
        "symbol": column(raw, "contract") or "",
    }
    asked = asking(request, "gate", quantity_unit="contracts")
    return read_as(
        "liquidations", replace(raw, frame=frame), asked, "Gate's own liquidation messages", chosen
    )


def _read_orders(raw: RawTable, request: Request) -> Draft:
    def number(name: str) -> pd.Series:
        held = column(raw, name)
        return (
            pd.to_numeric(numerals.plain(raw.frame[held]), errors="coerce")
            if held
            else pd.Series(0.0, index=raw.frame.index)
        )

    frame = raw.frame.assign(
        position=pd.Categorical(np.where(number("size") > 0, "long", "short")),
        filled=number("ordersize").abs() - number("left").abs(),
    )
    chosen = {
        "side": "position",
        "quantity": "filled",
        "price": column(raw, "fillprice") or "",
        "time": column(raw, "timems", "time") or "",
    }
    asked = asking(request, "gate", quantity_unit="contracts")
    return read_as("liquidations", replace(raw, frame=frame), asked, "Gate's own liquidation orders", chosen)


def _is_archive(raw: RawTable) -> bool:
    if raw.headed or len(raw.columns) not in (6, 7, 8):
        return False
    held = [pd.to_numeric(raw.frame.iloc[:, place], errors="coerce") for place in range(2, 6)]
    close, high, low, opened = held
    inside = (low <= close) & (close <= high) & (low <= opened) & (opened <= high) & (low > 0)
    # Prices lie close to one another; a volume in their place does not.
    near = high <= low * 1.5
    return float((inside & near).mean()) > 0.98


def _read_archive(raw: RawTable, request: Request) -> Draft:
    names = [*_BARS, *(f"column {place + 1}" for place in range(6, len(raw.columns)))]
    named = replace(raw, frame=raw.frame.set_axis(names, axis=1), headed=True)
    chosen = {name: name for name in _BARS if name != "volume"}
    out = GENERIC["candles"](named, chosen, request, "Gate candle archive")
    out.notes.append("The volume of this archive counts contracts or USD, by the market; it is not used.")
    return out


PRODUCERS: Final = (
    Producer("liquidations", _is_orders, _read_orders),
    Producer("liquidations", _is_frames, _read_frames),
    Producer("candles", _is_archive, _read_archive),
)
