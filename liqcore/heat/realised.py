"""Realised liquidations (events that happened) binned over time, price and side."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.estimated import estimated_flag, spread_estimated
from liqcore.heat.grid import (
    MAX_CELLS,
    GridError,
    HeatGrid,
    Provenance,
    VenueCoverage,
    completeness_flags,
    least_complete,
    whole_bins,
)

# A chunk's arrays stay in the processor's cache and below the size at which malloc asks the kernel for
# fresh pages; one shot over all events is several times slower.
_CHUNK = 32_768
# Up to this many events, looking for the codes that occur costs more than counting all codes.
_FEW = 20_000


def price_edges(low: float, high: float, bins: int, scale: Literal["linear", "log"] = "linear") -> np.ndarray:
    """(bins + 1,) ascending price edges in USD between low and high, evenly or log spaced."""
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        raise GridError(
            f"The price range {low:g} to {high:g} USD is empty. Give a low above zero and a higher high."
        )
    bins = whole_bins(bins)
    if scale == "log":
        edges = np.geomspace(low, high, bins + 1)
        edges[0], edges[-1] = low, high
        return edges
    if scale == "linear":
        return np.linspace(low, high, bins + 1)
    raise GridError(f"The price scale is linear or log, not {scale!r}.")


def time_edges(start: np.datetime64, end: np.datetime64, timeframe: str | np.timedelta64) -> np.ndarray:
    """(T + 1,) datetime64[us] edges of whole bars, counted from 1970 UTC, that cover start to end."""
    step = tables.timeframe(timeframe).astype("int64")
    first = start.astype("datetime64[us]").astype("int64") // step * step
    last = -(-end.astype("datetime64[us]").astype("int64") // step) * step
    if (last - first) // step > MAX_CELLS:
        raise GridError(
            f"{(last - first) // step:,} columns are too many. Choose a longer timeframe or a shorter window."
        )
    return np.arange(first, max(last, first + step) + 1, step).astype("datetime64[us]")


def realised_heatmap(
    liquidations: pd.DataFrame,
    timeframe: str | np.timedelta64 = "15min",
    bins: int = 200,
    scale: Literal["linear", "log"] = "linear",
    start: object = None,
    end: object = None,
    price_range: tuple[float, float] | None = None,
    observed: np.ndarray | None = None,
    source: str = "liquidation events",
    candles: pd.DataFrame | None = None,
) -> HeatGrid:
    """Sum the notional of liquidations into cells of time, price and side.

    Parameters
    ----------
    liquidations : liquidations table.
    timeframe : length of a column, `1m` to `1d`; columns begin at whole multiples since 1970 UTC.
    bins, scale : number and spacing of price bins.
    start, end : window in UTC, widened to whole columns; by default the span of the events.
    price_range : (low, high) USD; by default the span of the events. The last bin includes `high`.
    observed : (T,) bool, False where nobody collected; by default every column counts as observed.
    source : words for the provenance.
    candles : candles table over which liquidations with estimated prices are spread; without it each is drawn
        at one price of its candle, and a flag says so.

    Returns
    -------
    HeatGrid of kind `realised`. USD is conserved: cells plus `outside` equal the notional given.

    Raises
    ------
    TableError, GridError
        No events and no window, or more than 20 million cells.
    """
    events = tables.ensure(liquidations, "liquidations")
    t_edges, p_edges = _edges(events, timeframe, bins, scale, start, end, price_range)
    shape = (len(t_edges) - 1, len(p_edges) - 1)
    if shape[0] * shape[1] > MAX_CELLS:
        raise GridError(
            f"{shape[0]:,} columns × {shape[1]:,} price bins are more than {MAX_CELLS:,} cells. "
            "Choose a longer timeframe, a shorter window or fewer bins."
        )
    placed = spread_estimated(events, candles)
    cells, by_venue, outside = _bin(placed, t_edges, p_edges, scale)
    venues = venue_coverage(events, by_venue)
    return HeatGrid(
        kind="realised",
        time_edges=t_edges,
        price_edges=p_edges,
        long=cells[:, 0],
        short=cells[:, 1],
        outside_long=outside[0],
        outside_short=outside[1],
        observed=observed,
        provenance=Provenance(
            source=source,
            venues=venues,
            as_of=(
                None
                if events.empty
                else events["time"].iloc[-1].tz_localize(None).to_datetime64().astype("datetime64[us]")
            ),
            parameters=(("timeframe", str(timeframe)), ("bins", bins), ("scale", scale)),
            flags=completeness_flags(venues) + estimated_flag(events, placed is not events),
        ),
    )


def _edges(
    events: pd.DataFrame,
    timeframe: str | np.timedelta64,
    bins: int,
    scale: Literal["linear", "log"],
    start: object,
    end: object,
    price_range: tuple[float, float] | None,
) -> tuple[np.ndarray, np.ndarray]:
    if events.empty and (start is None or end is None or price_range is None):
        raise GridError("There are no liquidations to draw. Widen the window or choose other venues.")
    micros = tables.microseconds(events["time"])
    first = micros[0].astype("datetime64[us]") if start is None else tables.to_datetime64(start)
    # The last event itself must fall into a column, and columns are open at their right edge.
    last = (micros[-1] + 1).astype("datetime64[us]") if end is None else tables.to_datetime64(end)
    if last <= first:
        if start is None or end is None:
            span = wording.period(events["time"].iloc[0], events["time"].iloc[-1])
            raise GridError(
                f"The window holds no liquidations: they span {span}. Choose a window that overlaps them."
            )
        raise GridError("The window ends before it starts. Choose a later end.")
    if price_range is None:
        low, high = float(events["price"].min()), float(events["price"].max())
        if high - low < 1e-6 * high:
            low, high = low * 0.995, high * 1.005
        price_range = (low, high)
    return time_edges(first, last, timeframe), price_edges(*price_range, bins, scale)


def _bin(
    events: pd.DataFrame, t_edges: np.ndarray, p_edges: np.ndarray, scale: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells (T, 2, P), USD in the time window by venue (V,), USD outside the grid by side (2,)."""
    price, usd = events["price"].to_numpy(), events["notional"].to_numpy()
    side, venue = events["side"].array.codes, events["venue"].array.codes
    # Two more price slots than bins: below and above the range, so that nothing is lost on the way.
    slots = len(p_edges) + 1
    cells = np.zeros((len(t_edges) - 1, 2, slots))
    by_venue = np.zeros(max(len(events["venue"].cat.categories), 1))
    starts = np.searchsorted(tables.microseconds(events["time"]), t_edges.astype("int64"))
    place = _price_slot(p_edges, scale)
    flat_buffer, part_buffer = np.empty(_CHUNK, dtype=np.intp), np.empty(_CHUNK, dtype=np.intp)
    for begin in range(starts[0], starts[-1], _CHUNK):
        stop = min(begin + _CHUNK, starts[-1])
        first = int(np.searchsorted(starts, begin, "right")) - 1
        last = int(np.searchsorted(starts, stop, "left"))
        block = cells[first:last].reshape(-1)
        flat, part = flat_buffer[: stop - begin], part_buffer[: stop - begin]
        flat[:] = 0
        np.add.at(flat, starts[first + 1 : last] - begin, 2 * slots)
        np.cumsum(flat, out=flat)
        flat += place(price[begin:stop])
        flat += np.multiply(side[begin:stop], np.intp(slots), out=part)
        # One pass gives cells and venues together while venues × cells stay small enough for the cache.
        together = len(by_venue) * block.size <= _CHUNK
        if together:
            flat += np.multiply(venue[begin:stop], np.intp(block.size), out=part)
        else:
            by_venue += np.bincount(venue[begin:stop], usd[begin:stop], minlength=len(by_venue))
        shares = np.bincount(flat, usd[begin:stop], minlength=block.size * (len(by_venue) if together else 1))
        shares = shares.reshape(-1, block.size)
        block += shares.sum(axis=0)
        if together:
            by_venue += shares.sum(axis=1)
    outside = cells[:, :, 0].sum(axis=0) + cells[:, :, -1].sum(axis=0)
    for begin, stop in ((0, starts[0]), (starts[-1], len(usd))):
        outside += np.bincount(side[begin:stop], usd[begin:stop], minlength=2)
        by_venue += np.bincount(venue[begin:stop], usd[begin:stop], minlength=len(by_venue))
    return cells[:, :, 1:-1], by_venue, outside


def _price_slot(edges: np.ndarray, scale: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function from up to `_CHUNK` prices to slots: 0 below the range, 1..P in it, P + 1 above it.

    The slot is computed; only prices within rounding of an edge are looked up in the very edges of the
    grid, so that a price on an edge falls where `searchsorted` would put it.
    """
    bins = len(edges) - 1
    low, high = np.log(edges[[0, -1]]) if scale == "log" else edges[[0, -1]]
    width = (high - low) / bins
    # Rounding of a price or an edge grows, counted in bins, as the bins get narrow.
    rounding = min(1e-9 + 8 * np.finfo(float).eps * max(abs(low), abs(high), 1.0) / width, 0.5)
    closed = np.append(edges[:-1], np.nextafter(edges[-1], np.inf))
    buffers = np.empty((2, _CHUNK)), np.empty(_CHUNK, dtype=np.intp)

    def place(price: np.ndarray) -> np.ndarray:
        (position, whole), slot = buffers[0][:, : len(price)], buffers[1][: len(price)]
        if scale == "log":
            np.log(price, out=position)
            position -= low
        else:
            np.subtract(price, low, out=position)
        position /= width
        position += 1.0
        np.clip(position, 0.0, bins + 1.0, out=position)
        np.floor(position, out=whole)
        np.copyto(slot, whole, casting="unsafe")
        position -= whole
        position -= 0.5
        doubtful = np.flatnonzero(np.abs(position, out=position) >= 0.5 - rounding)
        slot[doubtful] = np.searchsorted(closed, price[doubtful], "right")
        return slot

    return place


def venue_coverage(events: pd.DataFrame, notional: np.ndarray) -> tuple[VenueCoverage, ...]:
    """Events, USD, completeness and price kind of each venue that has events; `notional` is its USD by
    category (V,)."""
    product = len(tables.COMPLETENESS), len(tables.PRICE_KINDS)
    names = events["venue"].array
    venue, complete, kind = (
        names.codes,
        *(events[name].array.codes for name in ("completeness", "price_kind")),
    )
    counts = np.zeros((len(notional), *product), dtype=np.int64)
    small = np.int16 if counts.size <= np.iinfo(np.int16).max else np.int64
    present = np.array([], dtype=small)
    few = len(events) <= _FEW
    for begin in range(0, len(events), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        code = np.multiply(venue[part], product[0] * product[1], dtype=small)
        code += complete[part] * np.int8(product[1])
        code += kind[part]
        if few or small is not np.int16:
            counts += np.bincount(code, minlength=counts.size).reshape(counts.shape)
            continue
        # Few codes occur, and over many events comparing small integers is far cheaper than counting into
        # bins.
        found = np.array([np.count_nonzero(code == value) for value in present], dtype=np.int64)
        if found.sum() < len(code):
            present = np.union1d(present, code)
            found = np.array([np.count_nonzero(code == value) for value in present], dtype=np.int64)
        counts.reshape(-1)[present] += found
    out = []
    by_complete, by_kind = counts.sum(axis=2), counts.sum(axis=1)
    listed: list[list[Any]] = [
        part.tolist() for part in (counts.sum(axis=(1, 2)), by_complete > 0, by_kind > 0, notional)
    ]
    for name, seen, complete_seen, kind_seen, usd in zip(names.categories, *listed, strict=False):
        if seen:
            out.append(
                VenueCoverage(
                    venue=str(name),
                    completeness=least_complete(itertools.compress(tables.COMPLETENESS, complete_seen)),
                    price_kind=tables.PRICE_KINDS[kind_seen.index(True)] if sum(kind_seen) == 1 else "mixed",
                    events=seen,
                    notional=usd,
                )
            )
    return tuple(out)
