"""A realised grid that goes on: new events are added to the cells that are there, and columns move with
time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.grid import GridError, HeatGrid, completeness_flags, joined_coverage
from liqcore.heat.realised import venue_coverage


def append_events(
    grid: HeatGrid, liquidations: pd.DataFrame, end: object = None, columns: int | None = None
) -> HeatGrid:
    """The grid with more events in it, up to `end`, as if it had been built from all of them.

    Parameters
    ----------
    grid : realised grid with columns of equal length.
    liquidations : liquidations table of the new events; late ones may belong to columns that are there
    already.
    end : moment in UTC up to which columns are needed; by default as many as the grid and the events need.
    columns : how many to keep, the newest; by default as many as the grid has.

    Returns
    -------
    HeatGrid of kind `realised` on the same price edges. USD of dropped columns counts as outside, so that USD
    is conserved. New columns count as observed.

    Raises
    ------
    GridError
        The grid is not realised, or its columns differ in length.
    """
    events = tables.ensure(liquidations, "liquidations")
    edges = grid.time_edges.astype("int64")
    step = int(edges[1] - edges[0])
    if grid.kind != "realised" or ((edges[1:] - edges[:-1]) != step).any():
        raise GridError("Only a realised heatmap with columns of one length can go on. Build a new one.")
    micros, price, usd = (
        tables.microseconds(events["time"]),
        events["price"].to_numpy(),
        events["notional"].to_numpy(),
    )
    last = (
        int(tables.to_datetime64(end).astype("int64"))
        if end is not None
        else (int(micros[-1]) + 1 if len(micros) else 0)
    )
    new = max(-(-(last - int(edges[-1])) // step), 0)
    keep = grid.shape[0] if columns is None else columns
    drop = max(grid.shape[0] + new - keep, 0)
    edges = np.arange(edges[0], edges[-1] + (new + 1) * step, step)[drop:]
    side, venue = events["side"].array.codes, events["venue"].array
    cell, inside = _place(micros, price, edges, step, grid.price_edges)
    cells = np.zeros((2, len(edges) - 1, grid.shape[1]), np.float32)
    kept = max(grid.shape[0] - drop, 0)
    cells[0, :kept], cells[1, :kept] = grid.long[drop:], grid.short[drop:]
    np.add.at(
        cells.reshape(-1), (side * np.intp(cells[0].size) + cell)[inside], usd[inside].astype(np.float32)
    )
    observed = np.concatenate(
        [np.ones(grid.shape[0], bool) if grid.observed is None else grid.observed, np.ones(new, bool)]
    )[drop:]
    outside = np.array([grid.outside_long, grid.outside_short]) + np.bincount(
        side[~inside], usd[~inside], minlength=2
    )
    if drop:
        outside += [values[:drop].sum(dtype=np.float64) for values in (grid.long, grid.short)]
    added = venue_coverage(events, np.bincount(venue.codes, usd, minlength=max(len(venue.categories), 1)))
    venues = tuple(sorted(joined_coverage([*grid.provenance.venues, *added]), key=lambda item: item.venue))
    newest = np.datetime64(int(micros[-1]), "us") if len(micros) else None
    ages = [moment for moment in (grid.provenance.as_of, newest) if moment is not None]
    flags = tuple(
        flag for flag in grid.provenance.flags if flag not in completeness_flags(grid.provenance.venues)
    ) + completeness_flags(venues)
    return HeatGrid(
        kind="realised",
        time_edges=edges.astype("datetime64[us]"),
        price_edges=grid.price_edges,
        long=cells[0],
        short=cells[1],
        outside_long=float(outside[0]),
        outside_short=float(outside[1]),
        observed=observed,
        provenance=replace(grid.provenance, venues=venues, as_of=max(ages) if ages else None, flags=flags),
    )


def _place(
    micros: np.ndarray, price: np.ndarray, edges: np.ndarray, step: int, prices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Flat cell of each event, and whether it is on the grid; the last price bin includes its upper edge."""
    column = (micros - edges[0]) // step
    row = np.searchsorted(prices, price, "right") - 1
    row[price == prices[-1]] = len(prices) - 2
    inside = (column >= 0) & (column < len(edges) - 1) & (row >= 0) & (row < len(prices) - 1)
    return np.where(inside, column * (len(prices) - 1) + row, 0), inside
