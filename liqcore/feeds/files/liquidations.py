"""Liquidations from named columns: sides, units, zero rows, totals and missing prices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files import columns as cells, labels, numerals, times as stamps
from liqcore.feeds.files.candle_prices import clock_doubt, covered, price_from_candles
from liqcore.feeds.files.draft import Draft, Request, bitcoin_only, moments, venue_labels
from liqcore.feeds.files.sides import sides
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.feeds.files.totals import totals
from liqcore.feeds.files.units import units
from liqcore.heat.estimated import ESTIMATED
from liqcore.tables import TableError


def liquidations(
    raw: RawTable, columns: Mapping[str, str], request: Request, format: str = "Liquidations by column names"
) -> Draft:
    """Single liquidations, or totals an interval where the file has `long_*` and `short_*` columns."""
    total = next(
        (
            unit
            for unit in ("usd", "btc", "total")
            if f"long_{unit}" in columns and f"short_{unit}" in columns
        ),
        None,
    )
    if total and "side" not in columns and "time" in columns:
        return totals(raw, columns, request, total)
    missing = [name for name in ("time", "side") if name not in columns]
    if "quantity" not in columns and "notional" not in columns:
        missing.append("quantity")
    if missing:
        raise cells.need(raw, "liquidations", columns, tuple(missing))
    notes: list[str] = []
    frame = bitcoin_only(raw, columns, notes, request)
    out = pd.DataFrame(
        {"time": stamps.plain_times(frame[columns["time"]], notes, request.zone)}, index=frame.index
    )
    for name in ("price", "quantity", "notional"):
        if name in columns:
            out[name] = numerals.plain(frame[columns[name]])
    out["venue"] = venue_labels(frame, columns, request)
    out["symbol"] = (
        labels.harmless(frame[columns["symbol"]])
        if "symbol" in columns
        else labels.constant("BTC", frame.index)
    )
    out["side"] = labels.choices(sides(raw, frame, columns, request, out["venue"], notes), tables.SIDES)
    _refuse_mixed_coins(out, columns)
    unit = units(raw, out, columns, request, notes)
    out = _without_zero(out, notes)
    if "price" not in columns:
        out = _priced(raw, out, columns, request, notes)
    elif request.candles is not None and (doubt := _clock_of_priced(out, columns, request.candles)):
        notes.append(doubt)
    out["price_kind"] = _price_kind(frame, columns).reindex(out.index) if "price" in columns else ESTIMATED
    if "completeness" in columns:
        out["completeness"] = labels.choices(
            frame[columns["completeness"]].reindex(out.index), tables.COMPLETENESS
        )
    else:
        known = {name: labels.COMPLETENESS.get(name, "unknown") for name in out["venue"].cat.categories}
        out["completeness"] = labels.recoded(out["venue"], known, tables.COMPLETENESS)
    return Draft("liquidations", format, out, unit, columns, notes)


def _refuse_mixed_coins(out: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Prices that jump to and fro without a symbol beside them are those of several coins."""
    if "symbol" in columns or "price" not in out or len(out) < 6:
        return
    price = pd.to_numeric(out["price"], errors="coerce").dropna().to_numpy()
    price = price[price > 0]
    jumps = np.abs(np.diff(np.log(price))) > 0.4
    if jumps.sum() >= 3 and jumps.mean() > 0.05:
        raise TableError(
            f"The prices in {shown(columns['price'])} jump to and fro by more than half, as those of several"
            " coins do, and no column names the coin. Export a column with the symbol, or BTC only."
        )


def _without_zero(out: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    amount = "quantity" if "quantity" in out else "notional"
    zero = pd.to_numeric(out[amount], errors="coerce") == 0
    if zero.any():
        notes.append(
            f"{counted(int(zero.sum()), 'were')} left out for an amount of zero: nothing was liquidated."
        )
    return out[~zero] if zero.any() else out


def _priced(
    raw: RawTable, out: pd.DataFrame, columns: Mapping[str, str], request: Request, notes: list[str]
) -> pd.DataFrame:
    if request.candles is None:
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("price",),
            "The liquidations have no price. Upload candles of the same days first, so that prices can be"
            " estimated, or name the column with the price.",
        )
    candles = tables.ensure(request.candles, "candles")
    times = moments(out["time"], columns["time"])
    out["price"] = price_from_candles(times, (out["side"] == "long").to_numpy(), candles)
    return covered(out, candles, notes, clock_doubt(times, candles, usd=_amount(out)))


def _clock_of_priced(out: pd.DataFrame, columns: Mapping[str, str], candles: pd.DataFrame) -> str | None:
    price = pd.to_numeric(out["price"], errors="coerce").to_numpy(dtype="float64")
    return clock_doubt(moments(out["time"], columns["time"]), tables.ensure(candles, "candles"), price=price)


def _amount(out: pd.DataFrame) -> np.ndarray:
    column = out["notional"] if "notional" in out else out["quantity"]
    return pd.to_numeric(column, errors="coerce").fillna(0.0).to_numpy(dtype="float64")


def _price_kind(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.Series:
    if "price_kind" in columns:
        return labels.choices(frame[columns["price_kind"]], tables.PRICE_KINDS)
    name = cells.key(columns.get("price", ""))
    kind = (
        "fill"
        if name in ("averageprice", "avgprice", "ap", "fillprice", "executionprice")
        else (
            "bankruptcy"
            if name.startswith(("bankrupt", "bkpx"))
            else "mark"
            if name == "markprice"
            else "unknown"
        )
    )
    return labels.constant(kind, frame.index, tables.PRICE_KINDS)
