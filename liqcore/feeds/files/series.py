"""Candles, open interest and funding from named columns: units, percent, and what was not collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files import columns as cells, interest, labels, numerals, times, volume
from liqcore.feeds.files.candle_prices import distinct
from liqcore.feeds.files.draft import Draft, Request, bitcoin_only, moments, venue_labels
from liqcore.feeds.files.quality import Doubt
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.heat.estimated import bar_length
from liqcore.tables import TableError

# Median rates of eight hours: above the first, a fraction is doubted, above the second no fraction.
_HIGH, _UNBELIEVABLE = 0.003, 0.006
# Columns that say how long a bar is, and of what kind its market.
_LENGTHS: Final = ("interval", "timeframe", "tf", "period", "resolution", "granularity", "barsize")
_TYPES: Final = ("category", "insttype", "instrumenttype", "markettype", "contracttype")


def candles(
    raw: RawTable,
    columns: Mapping[str, str],
    request: Request,
    format: str = "Candles by column names",
    *,
    stamped_at_close: bool = False,
) -> Draft:
    """Candles; bars without prices are skipped, and a volume in contracts or USD becomes BTC where the file
    says how."""
    missing = tuple(name for name in cells.NEEDED["candles"] if name not in columns)
    if missing:
        raise cells.need(raw, "candles", columns, missing)
    notes: list[str] = []
    frame = bitcoin_only(raw, columns, notes, request)
    out = pd.DataFrame(
        {"time": times.plain_times(frame[columns["time"]], notes, request.zone)}, index=frame.index
    )
    for name in ("open", "high", "low", "close", "volume", "taker_buy_volume"):
        if name in columns:
            out[name] = numerals.plain(frame[columns[name]])
    kept = _with_prices(out, notes)
    if not kept.all():
        out, frame = out[kept], frame[kept]
    if out.empty:
        raise TableError("No bar of the file has prices. Export it again with data.")
    micros = moments(out["time"], columns["time"])
    if stamped_at_close or _ends(micros):
        length = bar_length(distinct(micros))
        micros = micros + (-micros % 60_000_000 if _ends(micros) else 0) - length
        notes.append("The bars are stamped at their close and were moved to their open.")
    out["time"] = pd.Series(micros, index=out.index, dtype=tables.TIME_DTYPE, copy=not micros.flags.writeable)
    _refuse_several(raw, frame, micros)
    unit = volume.settle(raw, columns, frame, out, request, notes)
    return Draft("candles", format, _last_versions(out, micros, notes), unit, columns, notes)


def _with_prices(out: pd.DataFrame, notes: list[str]) -> pd.Series:
    """True for bars with prices: an empty bar, or one of zeros, says that nothing was traded or collected."""
    empty, zero = pd.Series(True, index=out.index), pd.Series(True, index=out.index)
    for name in ("open", "high", "low", "close"):
        # Mostly the first column says already that no bar is.
        if empty.any():
            empty &= out[name].isna()
        if zero.any():
            zero &= numerals.number(out[name]) == 0
    for bars, what in ((empty, "empty"), (zero, "zero")):
        if bars.any():
            notes.append(
                f"{counted(int(bars.sum()), 'were', 'bar')} left out for {what} prices: nothing was traded,"
                " or"
                " nothing was collected."
            )
    return ~(empty | zero)


def _ends(micros: np.ndarray) -> bool:
    """Whether all times lie one millisecond or one second before a full bar, as the end of one does."""
    length = bar_length(distinct(micros))
    if length < 60_000_000 or len(micros) < 2:
        return False
    return any(
        (micros[0] + early) % length == 0 and bool(((micros + early) % length == 0).all())
        for early in (1_000, 1_000_000, 1)
    )


def _refuse_several(raw: RawTable, frame: pd.DataFrame, micros: np.ndarray) -> None:
    """Bars of one time that are of several venues, markets or lengths are no versions of one bar."""
    if bool((micros[1:] > micros[:-1]).all()):
        return
    for column in raw.columns:
        if cells.key(column) not in (*cells.VENUE, *cells.SYMBOL, *_LENGTHS, *_TYPES):
            continue
        words = frame[column].astype("category")
        if len(labels.held(words)) < 2:
            continue
        at = words.cat.codes.groupby(micros)
        if (at.min() < at.max()).any():
            named = " and ".join(shown(word) for word in list(labels.in_order(words))[:2])
            raise TableError(
                f"The file holds several bars for one time, of {named} in {shown(column)}. Save the bars of"
                " one of them as a file of its own."
            )


def _last_versions(out: pd.DataFrame, micros: np.ndarray, notes: list[str]) -> pd.DataFrame:
    """Of a bar that was still open when it was written, its last version; other repeats are left to the
    check."""
    if bool((micros[1:] > micros[:-1]).all()):
        return out
    times_held = pd.Series(micros, index=out.index)
    repeated = times_held.duplicated(keep=False)
    if not repeated.any():
        return out
    twice = out[repeated].assign(at=times_held[repeated])
    numbers = twice.drop(columns="time").apply(pd.to_numeric, errors="coerce")
    twice = numbers[~numbers.duplicated()]
    before = twice.groupby("at").shift()
    later = before["open"].notna()
    grown = (
        (twice["open"] == before["open"])
        & (twice["high"] >= before["high"])
        & (twice["low"] <= before["low"])
    )
    if "volume" in twice:
        grown &= (twice["volume"] >= before["volume"]) | before["volume"].isna() | twice["volume"].isna()
    if not later.any() or not grown[later].all():
        return out
    notes.append(
        f"{counted(int(later.sum()), noun='bar')} written again before the end; of each the last version was"
        " kept."
    )
    # A copy of the last version is no other version.
    last = twice.groupby("at").tail(1).index
    return out[~repeated | out.index.isin(last)]


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
    frame = bitcoin_only(raw, columns, notes, request)
    out = pd.DataFrame(
        {
            "time": times.plain_times(frame[columns["time"]], notes, request.zone),
            "venue": venue_labels(frame, columns, request),
        },
        index=frame.index,
    )

    def price() -> pd.Series:
        if "price" in columns:
            return pd.to_numeric(numerals.plain(frame[columns["price"]]), errors="coerce")
        if request.candles is not None:
            return _close(out["time"], columns["time"], request.candles)
        raise TableError(
            "The open interest is in USD, and BTC is needed. Upload candles of the same days first."
        )

    out["quantity"], unit = interest.settle(raw, columns, frame, out, price, request, notes)
    usd = "USD" in unit and out["quantity"].isna().any()
    if "quantity" in columns and cells.key(columns["quantity"]).endswith(("open", "close")) and unit == "BTC":
        notes.append(f"Of the bar of open interest, {shown(columns['quantity'])} was taken.")
    out = _without_zero(out, notes)
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
    return Draft("open_interest", format, out, unit, columns, notes)


def _close(stamps: pd.Series, column: str, candles: pd.DataFrame) -> pd.Series:
    """USD: the close of the last bar that had ended by each time; NaN away from the candles."""
    candles = tables.ensure(candles, "candles")
    starts, at = tables.microseconds(candles["time"]), moments(stamps, column)
    length = bar_length(starts)
    held = np.searchsorted(starts + length, at, "right") - 1
    # Before the first bar has ended, its open is all that was known.
    price = np.append(candles["close"].to_numpy(), candles["open"].iloc[0] if len(candles) else np.nan)[held]
    near = (
        (at >= starts[0]) & (at <= starts[-1] + 2 * length) if len(starts) else np.zeros(len(at), dtype=bool)
    )
    return pd.Series(np.where(near, price, np.nan), index=stamps.index)


def _without_zero(out: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    zero = out["quantity"] == 0
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
    frame = bitcoin_only(raw, columns, notes, request)
    out = pd.DataFrame(
        {
            "time": times.plain_times(frame[columns["time"]], notes, request.zone),
            "venue": venue_labels(frame, columns, request),
        },
        index=frame.index,
    )
    rate = numerals.plain(frame[columns["rate"]])
    name = columns["rate"].lower()
    percent = (
        "%" in name
        or "percent" in name
        or cells.key(name).endswith("pct")
        or cells.key(name) == "fundingopen"
    )
    number = pd.to_numeric(rate, errors="coerce")
    hours = _interval(out["time"], columns["time"])
    # Of an hour an eighth is paid, so that per cent of an hour look like a fraction of eight.
    usual = float(number.abs().median()) * 8 / (hours or 8.0) if len(number) else 0.0
    if numerals.in_percent(frame[columns["rate"]]):
        notes.append(f"{shown(columns['rate'])} is written in percent.")
    elif percent:
        rate = number / 100
        notes.append(f"{shown(columns['rate'])} was taken as percent.")
    elif usual >= _UNBELIEVABLE:
        raise TableError(
            f"Half of the rates in {shown(columns['rate'])} are above {wording.percent(usual)} in eight"
            " hours, which bitcoin never paid: they may be in percent. Name the column with pct, or write"
            " 0.01 % as 0.0001."
        )
    elif usual >= _HIGH:
        notes.append(
            Doubt(
                f"The median rate of {wording.percent(usual)} in eight hours is very high for bitcoin;"
                f" {shown(columns['rate'])} may be in percent.",
                3,
            )
        )
    out["rate"] = rate
    if "interval_hours" in columns:
        out["interval_hours"] = numerals.plain(frame[columns["interval_hours"]])
    else:
        out["interval_hours"] = hours or 8.0
        notes.append(
            "The funding interval is not named;"
            f" {wording.count(int(out['interval_hours'].iloc[0]), 'hour')} taken."
        )
    return Draft("funding", format, out, "fraction an interval", columns, notes)


def _interval(stamps: pd.Series, column: str) -> float | None:
    """Hours from one funding to the next; None where they are none that a venue has."""
    hours = bar_length(np.unique(np.round(moments(stamps, column) / 3.6e9).astype("int64")))
    return float(hours) if hours in (1, 2, 4, 8) else None


def own_candles(raw: RawTable) -> pd.DataFrame | None:
    columns = cells.find_columns(raw, "candles", None)
    if not {"time", "open", "high", "low", "close"} <= set(columns):
        return None
    return tables.candles(candles(raw, columns, Request()).frame)
