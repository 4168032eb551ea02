"""ccxt: liquidations as its unified methods return them, saved as JSON, JSON lines or CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files import columns as cells, contracts, labels, numerals, symbols
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers.base import Producer, asking, column, keys, read_as
from liqcore.feeds.files.table import RawTable, shown


def _fits(raw: RawTable) -> bool:
    held = keys(raw)
    return (
        raw.headed
        and {"contracts", "price"} <= held
        and bool(held & {"contractsize", "basevalue", "quotevalue"})
    )


def _read(raw: RawTable, request: Request) -> Draft:
    frame = raw.frame.copy()
    symbol = column(raw, "symbol")
    venue_column = column(raw, "exchange", "venue")
    venue = request.venue and labels.canonical_venue(request.venue)
    count, size = _numbers(raw, "contracts"), _numbers(raw, "contractsize")
    price, quote = _numbers(raw, "price"), _numbers(raw, "quotevalue")
    names = frame[symbol].astype(str) if symbol else pd.Series("BTC", index=frame.index)
    inverse = names.map({name: _inverse(name) for name in names.unique()}).astype(bool)
    venues = (
        frame[venue_column].astype(str).map(labels.canonical_venue)
        if venue_column
        else pd.Series(venue or "unknown", index=frame.index)
    )
    pairs = venues + "\n" + names
    known = pairs.map({pair: _known(*pair.split("\n", 1)) for pair in pairs.unique()}).astype("float64")
    worth = count * size.fillna(known)
    usd = worth.where(inverse, worth * price)
    # Some venues' contracts have no size in ccxt; its own value in the quote currency is the next best.
    usd = usd.fillna(quote.where(~inverse))
    wanted = symbols.kinds(names).isin(["bitcoin", "dated"])
    if usd[wanted].isna().any():
        raise cells.need(
            raw,
            "liquidations",
            cells.find_columns(raw, "liquidations", None),
            ("quantity_unit",),
            "ccxt gives no size of the contract for row"
            f" {int(usd[wanted].index[usd[wanted].isna()][0]) + 1:,}. Name the venue, or choose the unit of"
            " contracts.",
        )
    frame["usd value"] = usd
    out = replace(raw, frame=frame)
    chosen = {"notional": "usd value", "price": column(raw, "price") or "price"}
    if time := column(raw, "timestamp", "datetime"):
        chosen["time"] = time
    asked = asking(request, quantity_unit="USD")
    if (venue or venue_column) and "side_meaning" not in request.mapping:
        # ccxt passes on the venue's word, so its own meaning holds.
        asked = asking(
            asked, side_meaning=cells.VENUES_OWN if venue_column else labels.SIDE_MEANING.get(venue or "", "")
        )
    asked = replace(asked, mapping={name: value for name, value in asked.mapping.items() if value})
    found = read_as("liquidations", out, asked, "ccxt liquidations", chosen)
    found.notes.append(f"The size in USD was computed from {shown('contracts')} and the size of a contract.")
    return found


def _numbers(raw: RawTable, name: str) -> pd.Series:
    held = column(raw, name)
    if held is None:
        return pd.Series(float("nan"), index=raw.frame.index)
    return pd.to_numeric(numerals.plain(raw.frame[held]), errors="coerce").astype("float64")


def _inverse(symbol: str) -> bool:
    found = symbols.bitcoin(symbol)
    return found is not None and found.inverse and ":" in symbol


def _known(venue: str, symbol: str) -> float:
    found = contracts.unit(venue, symbol)
    return found.size if found is not None else float("nan")


PRODUCERS: Final = (Producer("liquidations", _fits, _read),)
