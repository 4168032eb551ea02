"""Candles, open interest and funding from named columns: units, percent, and what was not collected."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.candle_prices import bar_length
from liqcore.feeds.files.draft import Draft, Request, bitcoin_only, moments, venue_labels
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.tables import TableError


def candles(
    raw: RawTable, columns: Mapping[str, str], request: Request, format: str = "Candles by column names"
) -> Draft:
    """Candles; a volume in contracts or USD becomes BTC where the file holds both counts."""
    missing = tuple(name for name in cells.NEEDED["candles"] if name not in columns)
    if missing:
        raise cells.need(raw, "candles", columns, missing)
    notes: list[str] = []
    frame = bitcoin_only(raw.frame, columns, notes)
    out = pd.DataFrame({"time": cells.plain_times(frame[columns["time"]], notes)}, index=frame.index)
    for name in ("open", "high", "low", "close", "volume", "taker_buy_volume"):
        if name in columns:
            out[name] = cells.plain_numbers(frame[columns[name]])
    quote = (
        pd.to_numeric(cells.plain_numbers(frame[columns["quote_volume"]]), errors="coerce")
        if "quote_volume" in columns
        else None
    )
    unit = "BTC" if "volume" in out else ""
    if quote is not None and "volume" not in out:
        out["volume"] = quote / pd.to_numeric(out["close"], errors="coerce")
        notes.append(f"The volume was computed from {shown(columns['quote_volume'])} (USD) and the close.")
        unit = "USD, turned into BTC"
    elif quote is not None and (size := _contract_size(out, quote)):
        buys = (
            cells.plain_numbers(frame[columns["taker_buy_quote"]]) if "taker_buy_quote" in columns else np.nan
        )
        out["volume"] = quote
        if "taker_buy_volume" in out:
            out["taker_buy_volume"] = buys
        unit = f"{size}-USD contracts, turned into BTC" if size > 1 else "USD, turned into BTC"
        notes.append(
            f"The volume counts {'contracts of 100 USD' if size > 1 else 'USD'};"
            f" {shown(columns['quote_volume'])} holds the same in BTC and was used."
        )
    if "volume" in out and bool((pd.to_numeric(out["volume"], errors="coerce") == 0).all()):
        out = out.drop(columns=[name for name in ("volume", "taker_buy_volume") if name in out])
        notes.append("The volume is zero in every row, so it was not collected and counts as unknown.")
        unit = ""
    return Draft("candles", format, out, unit, columns, notes)


def _contract_size(out: pd.DataFrame, quote: pd.Series) -> int:
    """100 or 1 where volume counts USD contracts and `quote` is BTC, 0 where volume is BTC already."""
    volume, close = (
        pd.to_numeric(out["volume"], errors="coerce"),
        pd.to_numeric(out["close"], errors="coerce"),
    )
    with np.errstate(all="ignore"):
        linear = float((quote / (volume * close)).median())
        inverse = float((quote * close / volume).median())
    if 0.8 < linear < 1.25:
        return 0
    return 100 if 80 < inverse < 125 else 1 if 0.8 < inverse < 1.25 else 0


def open_interest(
    raw: RawTable, columns: Mapping[str, str], request: Request, format: str = "Open interest by column names"
) -> Draft:
    """Open interest in BTC; USD is divided by a price of the file or of the candles."""
    columns = dict(columns)
    missing = tuple(
        name
        for name in ("time", "quantity")
        if name not in columns and not (name == "quantity" and "notional" in columns)
    )
    if missing:
        raise cells.need(raw, "open_interest", columns, missing)
    notes: list[str] = []
    frame = bitcoin_only(raw.frame, columns, notes)
    out = pd.DataFrame(
        {
            "time": cells.plain_times(frame[columns["time"]], notes),
            "venue": venue_labels(frame, columns, request),
        },
        index=frame.index,
    )
    held = cells.plain_numbers(frame[columns.get("quantity", columns.get("notional", ""))])
    number = pd.to_numeric(held, errors="coerce")
    # There will never be more than 21 million BTC; a single venue holds a few hundred thousand at most.
    usd = "quantity" not in columns or bool(number.max() > 5e6)
    if usd:
        if "price" in columns:
            price = pd.to_numeric(cells.plain_numbers(frame[columns["price"]]), errors="coerce")
        elif request.candles is not None:
            price = _close(out["time"], columns["time"], request.candles)
        else:
            raise TableError(
                "The open interest is in USD, and BTC is needed. Upload candles of the same days first."
            )
        held = number / price
        notes.append("The open interest is in USD and was divided by the price at its time.")
    elif cells.key(columns["quantity"]).endswith(("open", "close")):
        notes.append(f"Of the bar of open interest, {shown(columns['quantity'])} was taken.")
    out["quantity"] = held
    out = _without_zero(out, number, notes)
    if usd and out["quantity"].isna().all():
        raise TableError(
            "The candles do not cover the time of the open interest. Upload candles of the same days."
        )
    if usd and out["quantity"].isna().any():
        notes.append(
            f"{counted(int(out['quantity'].isna().sum()), 'were')} left out because no candle covers their"
            " time."
        )
        out = out[out["quantity"].notna()]
    return Draft("open_interest", format, out, "USD, turned into BTC" if usd else "BTC", columns, notes)


def _close(times: pd.Series, column: str, candles: pd.DataFrame) -> pd.Series:
    """USD: the close of the last bar that had ended by each time; NaN away from the candles."""
    candles = tables.ensure(candles, "candles")
    starts, at = tables.microseconds(candles["time"]), moments(times, column)
    length = bar_length(starts)
    held = np.searchsorted(starts + length, at, "right") - 1
    # Before the first bar has ended, its open is all that was known.
    price = np.append(candles["close"].to_numpy(), candles["open"].iloc[0] if len(candles) else np.nan)[held]
    near = (
        (at >= starts[0]) & (at <= starts[-1] + 2 * length) if len(starts) else np.zeros(len(at), dtype=bool)
    )
    return pd.Series(np.where(near, price, np.nan), index=times.index)


def _without_zero(out: pd.DataFrame, number: pd.Series, notes: list[str]) -> pd.DataFrame:
    zero = number == 0
    if zero.any():
        notes.append(
            f"{counted(int(zero.sum()), 'were')} left out for an open interest of zero: it was not collected"
            " then."
        )
    return out[~zero]


def funding(
    raw: RawTable, columns: Mapping[str, str], request: Request, format: str = "Funding by column names"
) -> Draft:
    """Funding as a fraction an interval; a column named as percent is divided by 100."""
    missing = tuple(name for name in cells.NEEDED["funding"] if name not in columns)
    if missing:
        raise cells.need(raw, "funding", columns, missing)
    notes: list[str] = []
    frame = bitcoin_only(raw.frame, columns, notes)
    out = pd.DataFrame(
        {
            "time": cells.plain_times(frame[columns["time"]], notes),
            "venue": venue_labels(frame, columns, request),
        },
        index=frame.index,
    )
    rate = cells.plain_numbers(frame[columns["rate"]])
    name = columns["rate"].lower()
    percent = (
        "%" in name
        or "percent" in name
        or cells.key(name).endswith("pct")
        or cells.key(name) == "fundingopen"
    )
    number = pd.to_numeric(rate, errors="coerce")
    if percent:
        rate = number / 100
        notes.append(f"{shown(columns['rate'])} was taken as percent.")
    elif len(number) and float(number.abs().median()) >= 0.003:
        notes.append(
            f"The median rate of {float(number.abs().median()):.3g} is very high for a fraction;"
            f" {shown(columns['rate'])} may be in percent."
        )
    out["rate"] = rate
    if "interval_hours" in columns:
        out["interval_hours"] = cells.plain_numbers(frame[columns["interval_hours"]])
    else:
        hours = bar_length(np.unique(np.round(moments(out["time"], columns["time"]) / 3.6e9).astype("int64")))
        out["interval_hours"] = float(hours) if hours in (1, 2, 4, 8) else 8.0
        notes.append(
            f"The funding interval is not named; {out['interval_hours'].iloc[0]:g} hours were taken."
        )
    return Draft("funding", format, out, "fraction an interval", columns, notes)


def own_candles(raw: RawTable) -> pd.DataFrame | None:
    columns = cells.find_columns(raw, "candles", None)
    if not {"time", "open", "high", "low", "close"} <= set(columns):
        return None
    return tables.candles(candles(raw, columns, Request()).frame)
