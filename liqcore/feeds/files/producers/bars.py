"""Candles without column names, in the orders that exchanges' APIs use."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer
from liqcore.feeds.files.table import RawTable
from liqcore.tables import TableError

# The price columns after the time: most venues, Bitfinex and HTX, Coinbase.
_ORDERS: Final = (
    ("open", "high", "low", "close"),
    ("open", "close", "high", "low"),
    ("low", "high", "open", "close"),
)


def is_ohlc(raw: RawTable, places: tuple[int, int, int, int]) -> bool:
    """Whether four columns are open, high, low, close: the close inside low to high in nearly every row."""
    if len(raw.columns) <= max(places):
        return False
    part = [raw.frame.iloc[:, place] for place in places]
    if not all(
        pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        for values in part
    ):
        return False
    opened, high, low, close = part
    inside = (low <= close) & (close <= high) & (low <= high) & (low > 0)
    near = (opened <= high * 1.05) & (opened >= low * 0.95)
    return float((inside & near).mean()) > 0.98


def _orders(raw: RawTable) -> list[tuple[str, ...]]:
    """The orders of price columns that the rows allow, those that fit best only."""
    places = ("open", "high", "low", "close")
    fits = {}
    for order in _ORDERS:
        at = tuple(1 + order.index(name) for name in places)
        if is_ohlc(raw, at):  # type: ignore[arg-type]
            opened, high, low, _ = (raw.frame.iloc[:, place] for place in at)
            fits[order] = float(((opened >= low) & (opened <= high)).mean())
    return [order for order, share in fits.items() if share == max(fits.values())]


def _is_bars(raw: RawTable) -> bool:
    return not raw.headed and len(raw.columns) >= 6 and bool(_orders(raw))


def _tail(raw: RawTable) -> dict[int, str]:
    """What the columns after the prices hold: volume, or a mean price before it, or OKX's three volumes."""
    frame, width = raw.frame, len(raw.columns)
    high, low = frame.iloc[:, 1:5].max(axis=1), frame.iloc[:, 1:5].min(axis=1)
    sixth = pd.to_numeric(frame.iloc[:, 5], errors="coerce")
    if width >= 7 and bool(sixth.between(low * 0.999, high * 1.001).mean() > 0.98):
        return {6: "volume"}
    if width == 9 and bool(frame.iloc[:, 8].isin([0, 1]).all()):
        return {5: "volume", 6: "base_volume", 7: "quote_volume"}
    if width >= 7:
        with_price = pd.to_numeric(frame.iloc[:, 6], errors="coerce") / (sixth * (high + low) / 2)
        against = sixth / (pd.to_numeric(frame.iloc[:, 6], errors="coerce") * (high + low) / 2)
        if any(abs(float(ratio.median()) - 1) < 0.1 for ratio in (with_price, against)):
            return {5: "volume", 6: "quote_volume"}
    return {5: "volume"}


def _read_bars(raw: RawTable, request: Request) -> Draft:
    orders = _orders(raw)
    if len(orders) > 1:
        raise TableError(
            "There are no column names, and the prices fit more than one order of open, high, low and close."
            " Add a first line with names."
        )
    tail = _tail(raw)
    names = ["time", *orders[0], *(tail.get(i, f"column {i + 1}") for i in range(5, len(raw.columns)))]
    named = replace(raw, frame=raw.frame.set_axis(names, axis=1), headed=True)
    chosen = {name: name for name in names if not name.startswith("column ")}
    out = GENERIC["candles"](named, chosen, request, "Candles without header")
    out.notes.append(f"There are no column names; the columns were taken as {', '.join(names[:6])}.")
    return out


PRODUCERS: Final = (Producer("candles", _is_bars, _read_bars),)
