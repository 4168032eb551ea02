"""Deribit: trades that it marks as liquidations, of the taker, of the maker, or of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable, counted

_OTHER: Final = {"buy": "sell", "sell": "buy"}


def _marks(raw: RawTable) -> pd.Series:
    return raw.frame[column(raw, "liquidation") or ""].astype("string").str.strip().str.upper()


def _fits(raw: RawTable) -> bool:
    return (
        raw.headed
        and {"liquidation", "direction", "instrumentname", "price", "amount"} <= keys(raw)
        and bool(_marks(raw).isin(["T", "M", "MT"]).all())
    )


def _read(raw: RawTable, request: Request) -> Draft:
    """The direction is the taker's, so that a maker's liquidation is of the other side; the amount is USD on
    contracts settled in bitcoin."""
    marks = _marks(raw)
    taken = raw.frame[column(raw, "direction") or ""].astype("string").str.strip().str.lower()
    order = taken.where(marks != "M", taken.map(_OTHER))
    frame = raw.frame.assign(order=order.astype("category"))[marks != "MT"]
    chosen = {
        "side": "order",
        "quantity": column(raw, "amount") or "",
        "symbol": column(raw, "instrumentname") or "",
    }
    asked = asking(request, "deribit", side_meaning="order", quantity_unit="contracts")
    out = read_as("liquidations", replace(raw, frame=frame), asked, "Deribit's own liquidations", chosen)
    if both := int((marks == "MT").sum()):
        out.notes.append(
            f"{counted(both, 'were')} left out in which a long and a short were liquidated against each"
            " other."
        )
    out.frame["price_kind"] = "fill"
    return out


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
