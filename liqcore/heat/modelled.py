"""Modelled liquidation levels: where open positions would be closed, estimated from public data.

What opens, what closes and where a level stands is a model's business (`liqcore.heat.models`); here its book
is walked through and drawn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage, whole_bins
from liqcore.heat.level_book import Lattice, Outcome, run
from liqcore.heat.models import DEFAULT, Inputs, model as model_named
from liqcore.heat.models.book import book as model_book
from liqcore.heat.models.inputs import aligned_inputs
from liqcore.heat.models.model import Model


def modelled_heatmap(
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    model: str | Model = DEFAULT,
    assumptions: Assumptions | None = None,
    bins: int = 400,
    columns: int = 400,
    price_range: tuple[float, float] | None = None,
    time_edges: np.ndarray | None = None,
    venue: str | tuple[str, ...] = "unknown",
    source: str = "candles",
) -> HeatGrid:
    """Estimate where open positions would be liquidated, as a HeatGrid of kind `modelled`.

    Parameters
    ----------
    candles : candles table, oldest first; all of its history builds levels.
    open_interest : open interest table; several venues are summed. A value is used from its own time on,
        never earlier.
    funding : funding table; used only when `assumptions.funding_tilt` is above 0.
    model : name of one of `liqcore.heat.models.MODELS`, or a `Model`.
    assumptions : the guesses; `Assumptions()` by default.
    bins : log-spaced price bins between `price_range`, by default 15 % beyond the traded range. They only
        draw: inside, the model's bins are at most 10 basis points wide and reach as far as levels can.
    columns : at most so many display columns, evenly spread over time.
    time_edges : (T + 1,) datetime64 edges to use instead of `columns`.
    venue, source : words for the provenance.

    Returns
    -------
    HeatGrid (T, bins) in USD at the liquidation price; a column is the state at its closing edge and is
    not observed where it holds no candle. `outside` is what stands beyond the price range at the end.
    `predicted` has one row a candle: `time`, `long` and `short` (USD the model says was liquidated),
    `standing_long`, `standing_short` and `open_interest` (BTC, after the candle).

    Raises
    ------
    TableError, GridError
        No candles; neither volume nor open interest; an unknown model; an empty price range.
    """
    chosen = model if isinstance(model, Model) else model_named(model)
    guesses = assumptions or Assumptions()
    bars = tables.ensure(candles, "candles")
    if bars.empty:
        raise GridError("Modelled levels need candles, and there are none in this window.")
    inputs = aligned_inputs(bars, open_interest, funding, guesses)
    if (lacking := chosen.lacks(inputs)) is not None:
        raise GridError(lacking)
    edges = _edges(inputs, columns) if time_edges is None else np.asarray(time_edges).astype("datetime64[us]")
    low, high = price_range or (float(inputs.low.min()) * 0.85, float(inputs.high.max()) * 1.15)
    bins = whole_bins(bins)
    if not (np.isfinite([low, high]).all() and 0 < low < high):
        raise GridError(
            f"The price range {low:g} to {high:g} USD is empty. Give a low above zero and a higher high."
        )
    made = model_book(chosen, inputs, guesses, low, high, bins)
    book = made.lattice
    closing = inputs.closes_at
    snapshots = np.searchsorted(closing, edges[1:].astype("int64"), side="right") - 1
    blur = blur_bins(book, guesses.smoothing_bp)
    kept = book.window(blur)
    outcome = run(book, made.flows, made.deposits, snapshots, kept)
    # A column has data where a candle closed in it, or where a candle longer than the column covers it.
    first, last = np.searchsorted(closing, edges.astype("int64"), side="right")[:-1], snapshots
    inside = last >= first
    covered = np.append(inputs.opens_at, np.iinfo(np.int64).max)[np.minimum(last + 1, len(closing))] < edges[
        1:
    ].astype("int64")
    names = (venue,) if isinstance(venue, str) else venue
    return _grid(
        book,
        outcome,
        inputs,
        edges,
        (low, high),
        inside | covered,
        (kept, blur),
        Provenance(
            source=source,
            venues=tuple(VenueCoverage(name) for name in names),
            as_of=np.datetime64(int(closing[-1]), "us"),
            model=chosen.name,
            parameters=tuple(guesses.describe((*chosen.reads, "smoothing_bp")).items()),
            flags=chosen.flags(inputs, guesses),
        ),
    )


def at_columns(grid: HeatGrid, time_edges: np.ndarray) -> HeatGrid:
    """The same walk at other columns: the map that `modelled_heatmap` makes with these `time_edges`.

    Parameters
    ----------
    grid : a modelled map of short columns.
    time_edges : (T + 1,) datetime64 edges, each closing edge one of the grid's or after its end.
    """
    edges = np.asarray(time_edges).astype("datetime64[us]")
    column = np.searchsorted(grid.time_edges[1:], edges, side="right") - 1
    if (column[1:] < 0).any():
        raise GridError("A column ends before this map begins.")
    seen = np.concatenate([[0], np.cumsum(np.asarray(grid.observed))])
    return replace(
        grid,
        time_edges=edges,
        long=grid.long[column[1:]],
        short=grid.short[column[1:]],
        observed=seen[column[1:] + 1] > seen[column[:-1] + 1],
    )


def _edges(inputs: Inputs, columns: int) -> np.ndarray:
    """Display edges on whole candles, evenly spread over time."""
    start, end = int(inputs.opens_at[0]), int(inputs.closes_at[-1])
    step = int(np.median(inputs.closes_at - inputs.opens_at))
    count = max(-(-(end - start) // step), 1)
    at = np.unique(np.linspace(0, count, min(max(columns, 1), count) + 1).round().astype(np.int64))
    return (start + at * step).astype("datetime64[us]")


def _grid(
    book: Lattice,
    outcome: Outcome,
    inputs: Inputs,
    edges: np.ndarray,
    price_range: tuple[float, float],
    observed: np.ndarray,
    blur: tuple[slice, int],
    provenance: Provenance,
) -> HeatGrid:
    kept, half = blur
    margin = (book.first - kept.start) // book.parts
    shown = (_blurred(outcome.rows, half) if half else outcome.rows)[:, :, margin : margin + book.drawn]
    price_edges = book.edges
    price_edges[0], price_edges[-1] = price_range
    beyond = np.maximum(
        (outcome.last * book.centres).sum(axis=1) - shown[:, -1].sum(axis=1, dtype=np.float64), 0.0
    )
    return HeatGrid(
        kind="modelled",
        time_edges=edges,
        price_edges=price_edges,
        long=shown[0],
        short=shown[1],
        outside_long=float(beyond[0]),
        outside_short=float(beyond[1]),
        observed=observed,
        provenance=provenance,
        predicted=pd.DataFrame(
            {
                "time": pd.DatetimeIndex(inputs.opens_at.astype("datetime64[us]"), tz="UTC"),
                "long": outcome.crossed_usd[:, 0],
                "short": outcome.crossed_usd[:, 1],
                "standing_long": outcome.standing[:, 0],
                "standing_short": outcome.standing[:, 1],
                "open_interest": inputs.interest,
            }
        ),
    )


def blur_bins(book: Lattice, smoothing_bp: float) -> int:
    """How many drawn bins a map is blurred by to each side."""
    return round(smoothing_bp / 1e4 / (book.log_step * book.parts))


def blur_kernel(half: int) -> np.ndarray:
    """(2·half + 1,) a triangle that falls to nothing beyond `half` bins and sums to 1."""
    kernel = np.concatenate([np.arange(1, half + 2), np.arange(half, 0, -1)])
    return kernel / kernel.sum()


def _blurred(usd: np.ndarray, half: int) -> np.ndarray:
    """Rows blurred along price; USD only moves."""
    padded = np.pad(usd, ((0, 0), (0, 0), (half, half)))
    out = np.zeros_like(usd)
    for shift, weight in enumerate(blur_kernel(half).astype(np.float32)):
        out += weight * padded[:, :, shift : shift + usd.shape[2]]
    return out
