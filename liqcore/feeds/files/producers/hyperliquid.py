"""Hyperliquid: fills and trade history, of which the rows whose direction says so are liquidations."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable, counted


def _said(raw: RawTable) -> pd.Series:
    return raw.frame[column(raw, "dir") or ""].astype("string").str.lower().fillna("")


def _fits(raw: RawTable) -> bool:
    return (
        raw.headed
        and {"coin", "px", "sz", "dir"} <= keys(raw)
        and bool(_said(raw).str.contains("liquidat", regex=False).any())
    )


def _read(raw: RawTable, request: Request) -> Draft:
    said = _said(raw)
    rows = said.str.contains("liquidat", regex=False)
    frame = raw.frame[rows].copy()
    frame["position"] = said[rows].map(lambda text: _side(str(text))).astype("category")
    chosen = {"side": "position", "symbol": column(raw, "coin") or "", "quantity": column(raw, "sz") or ""}
    asked = asking(request, "hyperliquid", quantity_unit="BTC")
    out = read_as("liquidations", replace(raw, frame=frame), asked, "Hyperliquid fills", chosen)
    out.notes.append(
        f"{counted(int((~rows).sum()), 'were')} left out because they are fills that nobody forced; these are"
        " the liquidations of one account and not of the market."
    )
    return out


def _side(text: str) -> str:
    found = re.search(r"long|short", text)
    return found[0] if found else text


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
