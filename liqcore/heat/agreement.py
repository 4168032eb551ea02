"""Does the market agree? How many venues show heat at a level, how evenly, how alike, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.lag import Lag, centres_of_heat, column_lags, price_basis, venue_lags
from liqcore.heat.venue_shows import Place, Seen, flow_shows, latest, stock_shows
from liqcore.heat.verdicts import Agreement, State, VenueView, conclude

# A feed is stale when it is older than this many of its own intervals, and older than this many seconds.
_STALE_INTERVALS = 3
_STALE_SECONDS = 90


def agreement(
    grids: Mapping[str, HeatGrid],
    level: float | None = None,
    tolerance: float = 0.005,
    *,
    cluster: Cluster | None = None,
    side: Literal["long", "short"] | None = None,
    last: int = 12,
    now: object = None,
    as_of: Mapping[str, object] | None = None,
    cadence: Mapping[str, object] | None = None,
    price: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    liquidations: pd.DataFrame | None = None,
    rule: ClusterRule | None = None,
) -> Agreement:
    """Compare venues at a level or a cluster, at one moment and beyond the price path they share.

    A realised map is asked for more orders than time, volume, travel and new ground put there, and than the
    venue's own busy moments would; a stock for a band of its own. A venue too small to have shown the band
    cannot say, and does not count against it. With no hot venue, two or more come up in at most 1 of 20
    cases. Where one order holds most of the USD the venues agree on nothing, however many orders they had,
    and where one venue holds nearly all of it the market does not. Stale venues are left out, and the others
    are cut at the oldest of their ages, so that a venue that is a little late is compared with what the
    others showed then.

    Parameters
    ----------
    grids : venue name to its HeatGrid; all of one kind.
    level, tolerance : USD, and the share of price around it that the question is about. The tolerance is
        widened by the basis of a venue, where the venues do not share one path of price.
    cluster : compare at this cluster instead of a level.
    side : `long` or `short`; by default the cluster's, or the one on which more venues are hot.
    last : columns over which a venue of a stock must have shown heat lately.
    now : moment of the comparison, UTC; by default the newest data of any venue.
    as_of : per venue, the time of its newest data or heartbeat; by default the provenance's, or else the
        end of the last observed column.
    cadence : per venue, the interval at which it normally delivers, such as `15m`; by default the usual
        spacing of its columns with heat. A venue is stale beyond 3 intervals and 90 seconds.
    price : candles, for all venues or for each: the path they share, and the basis if for each.
    liquidations : liquidations table with all venues: the orders of realised maps, and lags in seconds.
        Without it each filled cell counts as one order.
    rule : as in `find_clusters`.

    Raises
    ------
    GridError
        No grids, grids of different kinds, neither level nor cluster, or a level that is not above zero.
    """
    where = _place(grids, level, tolerance, cluster)
    prices = price if isinstance(price, Mapping) else dict.fromkeys(grids, price)
    rule = rule or ClusterRule()
    views = _ages(grids, where, rule, now, as_of or {}, cadence or {})
    watermark = min((view.as_of for view in views if view.counted), default=None)
    cut = {view.venue: _until(grids[view.venue], watermark) for view in views if view.counted}
    lags = _lags(cut, liquidations, watermark)
    basis = _bases(cut, prices)
    stock = next(iter(grids.values())).is_stock
    wanted = side or (cluster.side if cluster else None)
    seen: Seen
    if stock:
        seen = stock_shows(cut, where, wanted, last, prices, rule, basis)
    else:
        seen = flow_shows(cut, where, wanted, prices, liquidations, rule, basis)
    views = [
        (
            _with_price(
                replace(view, **seen.views[view.venue]), basis[view.venue, seen.side], lags.get(view.venue)
            )
            if view.venue in cut
            else view
        )
        for view in views
    ]
    return conclude(views, cut, where, seen, rule, next(iter(grids.values())).kind)


def agreement_by_price(
    grids: Mapping[str, HeatGrid],
    last: int = 12,
    *,
    now: object = None,
    as_of: Mapping[str, object] | None = None,
    price: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    rule: ClusterRule | None = None,
    liquidations: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Along the price axis of the first grid: how many venues that count are hot in each bin.

    Returns
    -------
    DataFrame `price_low`, `price`, `price_high`, `long`, `short` (numbers of venues), `n_fresh`, and
    `long_share`, `short_share` (NaN with fewer than two venues that count). Arguments as in `agreement`.
    """
    first = next(iter(grids.values()), None)
    edges = first.price_edges if first is not None else np.ones(2)
    where = replace(_place(grids, float(edges[0]), 0.1, None), low=float(edges[0]), high=float(edges[-1]))
    prices = price if isinstance(price, Mapping) else dict.fromkeys(grids, price)
    views = [
        view for view in _ages(grids, where, rule or ClusterRule(), now, as_of or {}, {}) if view.counted
    ]
    events = None if liquidations is None else tables.ensure(liquidations, "liquidations")
    watermark = min((view.as_of for view in views), default=None)
    hot = {side: np.zeros(len(edges) - 1, dtype=np.int64) for side in tables.SIDES}
    for view in views:
        grid = _until(grids[view.venue], watermark)
        own = None if events is None else events[events["venue"] == view.venue]
        clusters = find_clusters(grid, last, price=prices.get(view.venue), rule=rule, liquidations=own)
        for side in tables.SIDES:
            touched = np.zeros(len(edges) - 1, dtype=bool)
            for cluster in clusters:
                if cluster.side == side:
                    common = np.minimum(edges[1:], cluster.high) - np.maximum(edges[:-1], cluster.low)
                    touched |= common >= np.diff(edges) / 2
                    touched |= (edges[:-1] <= cluster.centre) & (cluster.centre < edges[1:])
            hot[side] += touched
    frame = pd.DataFrame(
        {
            "price_low": edges[:-1],
            "price": first.price_centres if first is not None else edges[:-1],
            "price_high": edges[1:],
            **hot,
            "n_fresh": len(views),
        }
    )
    for side in tables.SIDES:
        frame[f"{side}_share"] = frame[side] / len(views) if len(views) >= 2 else np.nan
    return frame


def _place(
    grids: Mapping[str, HeatGrid], level: float | None, tolerance: float, cluster: Cluster | None
) -> Place:
    if not grids:
        raise GridError("There is no venue to compare. Give at least one heatmap, better three.")
    kinds = sorted({grid.kind for grid in grids.values()})
    if len(kinds) > 1:
        raise GridError(
            f"These are {' and '.join(kinds)} heatmaps, which are different things. Compare venues on"
            " heatmaps of one kind."
        )
    if not 0 < tolerance <= 0.2:
        raise GridError(
            f"A tolerance of {tolerance:g} is a share of the price: give more than 0 and at most 0.2, for"
            " instance 0.005 for 0.5 %."
        )
    if cluster is not None:
        words = f"in the {cluster.side} cluster {wording.price(cluster.low)} to {wording.price(cluster.high)}"
        return Place(cluster.centre, cluster.low, cluster.high, (cluster.low, cluster.high), tolerance, words)
    if level is None or not np.isfinite(level) or level <= 0:
        raise GridError("Give the level to compare at, a price above zero, or a cluster.")
    low, high = level * np.exp(-tolerance), level * np.exp(tolerance)
    return Place(
        level,
        float(low),
        float(high),
        (level, level),
        tolerance,
        f"within {wording.percent(tolerance)} of {wording.price(level)}",
    )


def _ages(
    grids: Mapping[str, HeatGrid],
    where: Place,
    rule: ClusterRule,
    now: object,
    as_of: Mapping[str, object],
    cadence: Mapping[str, object],
) -> list[VenueView]:
    newest = {name: _newest(grid, as_of.get(name)) for name, grid in grids.items()}
    moment = max(newest.values()) if now is None else tables.to_datetime64(now)
    out = []
    for name, grid in grids.items():
        age = max(moment - newest[name], np.timedelta64(0, "us"))
        every = _cadence(grid) if name not in cadence else tables.timeframe(cadence[name])  # type: ignore[arg-type]
        limit = max(_STALE_INTERVALS * every, np.timedelta64(_STALE_SECONDS, "s"))
        state: State = "fresh"
        if age > limit or not np.asarray(grid.observed).any():
            state = "stale"
        elif not _reaches(grid, where):
            state = "elsewhere"
        elif not any(latest(grid, name_, rule).any() for name_ in tables.SIDES):
            state = "silent"
        counted = state == "fresh" or (state == "silent" and name in as_of)
        out.append(VenueView(name, state, counted, grid.provenance.completeness, newest[name], age))
    return out


def _newest(grid: HeatGrid, told: object) -> np.datetime64:
    if told is not None:
        return tables.to_datetime64(told)
    if grid.provenance.as_of is not None:
        return grid.provenance.as_of.astype("datetime64[us]")
    observed = np.flatnonzero(np.asarray(grid.observed))
    return grid.time_edges[observed[-1] + 1 if observed.size else 0]


def _cadence(grid: HeatGrid) -> np.timedelta64:
    """Median spacing of the columns with heat of a flow; the width of a column of a stock."""
    width = np.median(np.diff(grid.time_edges).astype("int64")).astype("timedelta64[us]")
    if grid.is_stock:
        return width
    busy = grid.time_edges[:-1][(grid.long.any(axis=1) | grid.short.any(axis=1))]
    return (
        max(width, np.median(np.diff(busy).astype("int64")).astype("timedelta64[us]"))
        if len(busy) > 1
        else width
    )


def _reaches(grid: HeatGrid, where: Place) -> bool:
    """A stock knows nothing beyond its axis. A flow has no heat there, unless the axis is of another
    currency."""
    slack = 1.0 if grid.is_stock else 2.0
    return bool(where.high * slack >= grid.price_edges[0] and where.low / slack <= grid.price_edges[-1])


def _until(grid: HeatGrid, moment: np.datetime64 | None) -> HeatGrid:
    if moment is None or not grid.time_edges[0] < moment < grid.time_edges[-1]:
        return grid
    return grid.crop(end=moment)


def _bases(
    grids: Mapping[str, HeatGrid], prices: Mapping[str, pd.DataFrame | None]
) -> dict[tuple[str, str], float | None]:
    """The price basis of each venue by side."""
    out: dict[tuple[str, str], float | None] = {}
    for side in tables.SIDES:
        # A stock has no basis of its own, and a large one takes its time.
        flows = not any(grid.is_stock for grid in grids.values())
        centres = centres_of_heat(grids, side) if flows else {}
        out |= {(name, side): price_basis(name, side, grids, prices, centres) for name in grids}
    return out


def _with_price(view: VenueView, basis: float | None, lag: Lag | None) -> VenueView:
    return replace(
        view,
        basis=basis,
        lag_seconds=lag.seconds if lag else None,
        lag_confidence=lag.confidence if lag else None,
    )


def _lags(
    grids: Mapping[str, HeatGrid], liquidations: pd.DataFrame | None, until: np.datetime64 | None
) -> dict[str, Lag]:
    if liquidations is None:
        return column_lags(grids)
    start = min((grid.time_edges[0] for grid in grids.values()), default=None)
    return {
        name: lag for name, lag in venue_lags(liquidations, start=start, end=until).items() if name in grids
    }
