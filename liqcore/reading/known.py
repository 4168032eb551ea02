"""What was knowable at the moment of a reading: maps, candles and tables cut there, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.append import append_events
from liqcore.heat.grid import HeatGrid
from liqcore.market.candles import atr, bar_length, missing_before, resample
from liqcore.tables import TableError

TIMEFRAMES = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d")
# Bars that are read: key levels look back 500, and what came before has faded from every average by then.
_BARS = 1_100
# A feed is old beyond three of its own columns and 90 seconds, as `liqcore.heat.agreement` has it.
_STALE_COLUMNS = 3
_STALE = np.timedelta64(90, "s")


@dataclass(frozen=True, eq=False)
class Known:
    """The data of a reading, nothing later than `moment`.

    `grid` is None where no column had closed. `candles` are as given, `bars` joined to `timeframe` with
    the length `step`. `price` is the last close, `usual` the average true range of the bars; None where
    unknown. `newest` is the end of the newest data in the map, `notes` what limits all this.
    """

    grid: HeatGrid | None
    width: np.timedelta64
    candles: pd.DataFrame
    bars: pd.DataFrame
    step: np.timedelta64
    timeframe: str
    venues: dict[str, HeatGrid]
    liquidations: pd.DataFrame | None
    open_interest: pd.DataFrame | None
    funding: pd.DataFrame | None
    moment: np.datetime64
    now: np.datetime64
    # When venues are compared: None at a past moment, where only their ages beside each other count.
    beside: np.datetime64 | None
    as_of: Mapping[str, np.datetime64]
    newest: np.datetime64 | None
    price: float | None
    usual: float | None
    notes: tuple[str, ...]

    def apart(self, share: float, price: float) -> str:
        """A distance from a price in per cent and, where the usual range is known, in ATR."""
        return wording.apart(share, share * price / self.usual if self.usual else None)


def finite(value: object) -> float | None:
    """A finite float, or None for what is missing, NaN or infinite."""
    if value is None:
        return None
    out = float(value)  # type: ignore[arg-type]
    return out if np.isfinite(out) else None


def known(
    grid: HeatGrid,
    candles: pd.DataFrame,
    *,
    by_venue: Mapping[str, HeatGrid] | None,
    liquidations: pd.DataFrame | None,
    open_interest: pd.DataFrame | None,
    funding: pd.DataFrame | None,
    at: object,
    now: object,
    as_of: Mapping[str, object] | None = None,
    timeframe: str | None,
    last: int,
) -> Known:
    """Cut everything at `at` (by default the end of the data) and join candles to bars."""
    until = None if at is None else tables.to_datetime64(at)
    width = np.median(np.diff(grid.time_edges).astype("int64")).astype("timedelta64[us]")
    closed, step = closed_candles(candles, until, width)
    ends = [grid.time_edges[-1]] + ([_end(closed, step)] if len(closed) else [])
    when = until if until is not None else max(ends)
    clock = when if now is None else tables.to_datetime64(now)
    cut, newest = _until(grid, until, clock)
    if cut is not None and not cut.is_stock:
        cut = _up_to(cut, when, width)
    bars, name, length, notes = _bars(closed, step, width, timeframe)
    usual = finite(atr(bars, timeframe=length)[-1]) if len(bars) else None
    return Known(
        grid=cut,
        width=width,
        candles=closed,
        bars=bars,
        step=length,
        timeframe=name,
        venues={
            venue: part
            for venue, one in (by_venue or {}).items()
            if (part := _until(one, until, clock)[0]) is not None
        },
        liquidations=_rows(liquidations, "liquidations", until),
        open_interest=_rows(open_interest, "open_interest", until),
        funding=_rows(funding, "funding", until),
        moment=when,
        now=clock,
        beside=None if until is not None and now is None else clock,
        as_of={name: min(tables.to_datetime64(one), when) for name, one in (as_of or {}).items()},
        newest=newest,
        price=float(closed["close"].iloc[-1]) if len(closed) else None,
        usual=usual,
        notes=(
            *_map_notes(cut, newest, width, clock, last),
            *_overlap_notes(cut, closed, step, width, clock),
            *notes,
        ),
    )


def closed_candles(
    candles: pd.DataFrame, until: np.datetime64 | None, alone: np.timedelta64
) -> tuple[pd.DataFrame, np.timedelta64]:
    """Candles closed by the moment, and their length as told by those that had opened by then; `alone` that
    of a single one."""
    checked = tables.ensure(candles, "candles")
    micros = tables.microseconds(checked["time"])
    if until is not None:
        checked = checked.iloc[: int(np.searchsorted(micros, until.astype("int64")))]
    step = bar_length(checked) if len(checked) > 1 else alone
    if until is not None:
        closed = int(
            np.searchsorted(tables.microseconds(checked["time"]), (until - step).astype("int64"), "right")
        )
        checked = checked.iloc[:closed]
    return checked, step


def _end(candles: pd.DataFrame, step: np.timedelta64) -> np.datetime64:
    return np.datetime64(int(tables.microseconds(candles["time"])[-1]), "us") + step


def _up_to(grid: HeatGrid, moment: np.datetime64, width: np.timedelta64) -> HeatGrid:
    """A realised map that goes on to the moment without events, where it ends with its last one.

    "The last three hours" are those before the moment, not those before the last event.
    """
    missing = int((moment - grid.time_edges[-1]) // width)
    widths = np.diff(grid.time_edges)
    if missing < 1 or (widths != widths[0]).any():
        return grid
    told = grid.provenance
    longer = append_events(
        grid, tables.empty("liquidations"), grid.time_edges[-1] + min(missing, grid.shape[0]) * width
    )
    return replace(longer, provenance=told)


def _until(
    grid: HeatGrid, until: np.datetime64 | None, now: np.datetime64
) -> tuple[HeatGrid | None, np.datetime64 | None]:
    """The columns that had closed, with the age their own cells tell, and the end of their newest data."""
    closed = grid.shape[0] if until is None else int(np.searchsorted(grid.time_edges[1:], until, "right"))
    if closed == 0:
        return None, None
    cut = grid if closed == grid.shape[0] else grid.crop(end=grid.time_edges[closed])
    filled = np.asarray(cut.observed)
    if not cut.is_stock:
        filled = filled & (cut.long.any(axis=1) | cut.short.any(axis=1))
    columns = np.flatnonzero(filled)
    newest = cut.time_edges[columns[-1] + 1] if columns.size else cut.time_edges[0]
    told = grid.provenance.as_of
    # What the map says of its age may be of a later time than the one asked for; then only its cells count.
    if told is not None and (until is None or told <= cut.time_edges[-1]):
        newest = min(max(newest, told.astype("datetime64[us]")), max(now, newest))
    return replace(cut, provenance=replace(cut.provenance, as_of=newest)), newest


def _rows(frame: pd.DataFrame | None, table: str, until: np.datetime64 | None) -> pd.DataFrame | None:
    if frame is None:
        return None
    checked = tables.ensure(frame, table)
    if until is None:
        return checked
    return checked.iloc[
        : int(np.searchsorted(tables.microseconds(checked["time"]), until.astype("int64"), "right"))
    ]


def _bars(
    candles: pd.DataFrame, step: np.timedelta64, width: np.timedelta64, timeframe: str | None
) -> tuple[pd.DataFrame, str, np.timedelta64, list[str]]:
    if timeframe is None:
        fitting = [name for name in TIMEFRAMES if tables.timeframe(name) % step == np.timedelta64(0, "us")]
        if not fitting:
            return candles.iloc[-_BARS:], wording.duration(step), step, []
        timeframe = min(fitting, key=lambda name: abs(float(np.log(tables.timeframe(name) / width))))
    length = tables.timeframe(timeframe)
    first = 0
    if len(candles):
        oldest = _end(candles, step) - _BARS * length
        first = int(np.searchsorted(tables.microseconds(candles["time"]), oldest.astype("int64")))
    recent = candles.iloc[first:]
    if length == step:
        return recent, timeframe, step, []
    try:
        bars, why = resample(recent, length, source=step), f"Not one bar of {timeframe} is complete."
    except TableError as error:
        bars, why = recent.iloc[:0], str(error)
    if len(bars) or candles.empty:
        return bars, timeframe, length, []
    return (
        candles.iloc[-_BARS:],
        wording.duration(step),
        step,
        [f"{why} The candles were read as they are."],
    )


def _map_notes(
    grid: HeatGrid | None, newest: np.datetime64 | None, width: np.timedelta64, now: np.datetime64, last: int
) -> list[str]:
    if grid is None or newest is None:
        return ["No column of the map had closed by then, so nothing can be said about heat."]
    notes = list(grid.provenance.flags)
    if grid.provenance.completeness == "unknown" and grid.kind == "realised":
        notes.append("Whether the venues report every liquidation is unknown: totals may be a lower bound.")
    watched = np.asarray(grid.observed)
    seen = int(watched.sum())
    if seen < 2 * last:
        notes.append(
            f"The map has only {wording.count(seen, 'observed column')}; comparing now with before takes"
            f" {2 * last}."
        )
    if not watched[-last:].all():
        notes.append(
            f"{wording.count(int((~watched[-last:]).sum()), 'column')} of the last {len(watched[-last:])}"
            " were not observed: a gap, not a zero."
        )
    age = now - newest
    if age > max(_STALE_COLUMNS * width, _STALE):
        notes.append(
            f"The newest data in the map is {wording.duration(age)} old: it shows how things were, not how"
            " they are."
        )
    return notes


def _overlap_notes(
    grid: HeatGrid | None,
    candles: pd.DataFrame,
    step: np.timedelta64,
    width: np.timedelta64,
    now: np.datetime64,
) -> list[str]:
    if candles.empty:
        return [
            "There are no candles up to this moment, so price, momentum and distance from price are unknown."
        ]
    notes = []
    end, start = _end(candles, step), np.datetime64(int(tables.microseconds(candles["time"])[0]), "us")
    if grid is not None and (end <= grid.time_edges[0] or start >= grid.time_edges[-1]):
        notes.append(
            f"Map and candles do not overlap in time: the map runs from {wording.when(grid.time_edges[0])} to"
            f" {wording.when(grid.time_edges[-1])}, the candles from {wording.when(start)} to"
            f" {wording.when(end)}. Heat and price action below are of different times."
        )
    elif grid is not None and start > grid.time_edges[0] + width:
        notes.append("The candles begin later than the map, so what price crossed before is unknown.")
    if now - end > max(_STALE_COLUMNS * step, _STALE):
        notes.append(f"The last candle closed {wording.duration(now - end)} before this reading.")
    if grid is not None and step > width:
        notes.append(
            f"Candles of {wording.duration(step)} are longer than the map's columns of"
            f" {wording.duration(width)}: the price inside a column is known only roughly."
        )
    gaps = missing_before(candles.iloc[-50_000:], step)
    if gaps.any():
        longest = int(gaps.argmax())
        notes.append(
            f"{wording.count(int(gaps.sum()), 'candle is', 'candles are')} missing, the longest gap"
            f" {wording.duration(gaps[longest] * step)} before"
            f" {wording.when(candles.iloc[-50_000:]['time'].iloc[longest])}. Nothing is assumed about prices"
            " in a gap."
        )
    return notes
