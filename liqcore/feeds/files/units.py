"""What the quantity of a liquidation counts: BTC, USD or contracts of its venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.feeds.files import columns as cells, contracts, labels
from liqcore.feeds.files.draft import Request
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError

# USD that a typical liquidation, and the largest one on record by far, are worth.
_TYPICAL: Final = 2e6
_LARGEST: Final = 1e9
# Amounts of which so many, looked at up to so many, are never all whole numbers of BTC.
_SOME, _MANY = 20, 5_000


def _number(out: pd.DataFrame, name: str) -> pd.Series:
    return pd.to_numeric(out[name], errors="coerce")


def units(
    raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], request: Request, notes: list[str]
) -> str:
    """Settle what the quantity counts, row by row where venues differ; returns the unit in words."""
    unit = request.mapping.get("quantity_unit")
    if unit is not None and unit not in cells.OPTIONS["quantity_unit"]:
        raise TableError(
            f"The quantity unit is one of {', '.join(cells.OPTIONS['quantity_unit'])}. Choose one."
        )
    if "quantity" not in out:
        return "USD"
    if unit == "contracts":
        return _from_contracts(raw, out, columns, notes)
    if unit in ("USD", "100-USD contracts"):
        out["notional"] = _number(out, "quantity") * (100.0 if unit == "100-USD contracts" else 1.0)
        del out["quantity"]
        return unit
    if "notional" in out and "price" in out:
        with np.errstate(all="ignore"):
            ratio = _number(out, "quantity") * _number(out, "price") / _number(out, "notional")
        ratio = ratio.replace([np.inf, -np.inf], np.nan).dropna()
        if len(ratio) and not ratio.between(0.8, 1.25).mean() > 0.99:
            notes.append(
                f"Quantity times price is {wording.decimal(float(ratio.median()))} times the USD column, so"
                f" {shown(columns['quantity'])} is not in BTC; the USD column was used and BTC computed from"
                " it."
            )
            del out["quantity"]
            return "USD"
        return "BTC"
    if unit is None and not cells.key(columns["quantity"]).endswith("btc"):
        _ask_unit(raw, out, columns)
        notes.append(f"{shown(columns['quantity'])} was taken as BTC.")
    return "BTC"


def _ask_unit(raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Raise where the quantity may be anything but BTC: contracts of the venue, or sums no market knows."""
    for venue, symbol in labels.pairs(out["venue"], out["symbol"])[0]:
        home = contracts.home(symbol) if venue == "unknown" else venue
        counted_in = contracts.unit(home, symbol)
        if home in (*contracts.LINEAR, *contracts.INVERSE) and counted_in != contracts.Unit(1.0, False):
            raise cells.need(
                raw,
                "liquidations",
                columns,
                ("quantity_unit",),
                f"Quantities of {shown(symbol)} on {home} are contracts or USD, and nothing says what"
                f" {shown(columns['quantity'])} counts here. Choose its unit.",
            )
    held = _number(out, "quantity").head(_MANY)
    if len(held) >= _SOME and (held % 1 == 0).all() and held.max() > 1 and (out["venue"] == "unknown").all():
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"All amounts in {shown(columns['quantity'])} are whole numbers, as contracts are and BTC are"
            " not. Choose its unit, or name the venue.",
        )
    if "price" not in out:
        return
    with np.errstate(all="ignore"):
        worth = _number(out, "quantity") * _number(out, "price")
    # The median is asked for only where it can be that large.
    most = float(worth.max())
    if most > _LARGEST or (most > _TYPICAL and float(worth.median()) > _TYPICAL):
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"Taken as BTC, a liquidation in {shown(columns['quantity'])} would be worth"
            f" {wording.usd(most)}, which is not believable. Choose its unit.",
        )


def _from_contracts(raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], notes: list[str]) -> str:
    """BTC or USD from contracts, by the size that each venue gives its symbol."""
    if "symbol" not in columns and not raw.symbol:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("quantity_unit",),
            f"Without a column of symbols, nothing says what {shown(columns['quantity'])} counts. Choose its"
            " unit.",
        )
    pairs, place = labels.pairs(out["venue"], out["symbol"])
    sizes = []
    for venue, symbol in pairs:
        home = contracts.home(symbol) if venue == "unknown" else venue
        size = contracts.unit(home, symbol)
        if size is None:
            raise cells.need(
                raw,
                "liquidations",
                columns,
                ("quantity_unit",),
                f"The size of a contract of {shown(symbol)} on {shown(venue)} is not known. Choose the unit"
                f" of {shown(columns['quantity'])}, or leave these rows out.",
            )
        sizes.append(size)
    amount = _number(out, "quantity") * np.array([size.size for size in sizes], dtype="float64")[place]
    dollars = np.array([size.dollars for size in sizes], dtype=bool)[place]
    words = list(dict.fromkeys(size.words for size in sizes))
    if "price" not in out and dollars.any():
        out["notional"] = amount.where(dollars)
        out["quantity"] = amount.where(~dollars)
        return ", ".join(words)
    price = _number(out, "price") if "price" in out else 1.0
    if dollars.any():
        out["notional"] = amount.where(dollars, amount * price)
        del out["quantity"]
    else:
        out["quantity"] = amount
        if "notional" in out:
            del out["notional"]
    if words != ["BTC"]:
        notes.append(f"Quantities were taken as {' and '.join(words)}, as the venue counts them.")
    return ", ".join(words)
