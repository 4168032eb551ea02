"""BitMEX: bins of trades, stamped at their close, with the volume in contracts and in bitcoin beside it, and
its liquidation orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import GENERIC, Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable, counted
from liqcore.tables import TableError

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


def _is_orders(raw: RawTable) -> bool:
    return raw.headed and {"symbol", "side", "price", "leavesqty"} <= keys(raw)


def _read_orders(raw: RawTable, request: Request) -> Draft:
    found = cells.find_columns(raw, "liquidations", None)
    if "time" not in found:
        raise TableError(
            "These are BitMEX's liquidation orders, which carry no time of their own, so they have no place"
            " on a map. Record the time of arrival in a column beside them."
        )
    order, quantity = column(raw, "orderid"), column(raw, "leavesqty") or ""
    repeated = raw.frame.duplicated(order) & raw.frame[order].notna() if order else None
    if repeated is not None and repeated.any():
        # What is left of an order is told again as it is filled; the first message holds the whole of it.
        raw = replace(raw, frame=raw.frame[~repeated])
    asked = asking(request, "bitmex", side_meaning="order", quantity_unit="contracts")
    out = read_as(
        "liquidations",
        raw,
        asked,
        "BitMEX's own liquidation orders",
        {"quantity": quantity, "time": found["time"]},
    )
    if repeated is not None and repeated.any():
        out.notes.append(
            f"{counted(int(repeated.sum()), 'were', 'later message')} about an order already told left out."
        )
    return out


PRODUCERS: Final = (Producer("liquidations", _is_orders, _read_orders), Producer("candles", _fits, _read))
