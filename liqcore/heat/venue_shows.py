"""What each venue shows at a place, by its own orders on one ground, or by its own bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.distances import gap
from liqcore.heat import agreement_words as words
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.ground import WINDOW, Ground, ground_of
from liqcore.heat.price_path import price_path
from liqcore.heat.votes import Held, held, vote

Shows = Literal["hot", "cold", "cannot say"]


@dataclass(frozen=True)
class Seen:
    """What the venues that count show: the side, fields of their views, the common band, and what limits
    it."""

    side: Literal["long", "short"]
    views: dict[str, dict[str, Any]]
    band: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    # What the venues hold at the place and in the common band; empty for a stock.
    held: tuple[Held, ...] = ()
    cells: bool = False


@dataclass(frozen=True)
class Place:
    """The band that is compared: [low, high] around `level`; `inner` is the level, or the cluster's own
    band."""

    level: float
    low: float
    high: float
    inner: tuple[float, float]
    tolerance: float
    words: str

    def distance(self, cluster: Cluster) -> float:
        """|ln| of the gap between the inner band and a cluster; 0 where they touch."""
        return gap(cluster.low, cluster.high, *self.inner)


def flow_shows(
    grids: Mapping[str, HeatGrid],
    where: Place,
    wanted: str | None,
    prices: Mapping[str, pd.DataFrame | None],
    liquidations: pd.DataFrame | None,
    rule: ClusterRule,
    basis: Mapping[tuple[str, str], float | None],
) -> Seen:
    """Realised maps: orders of each venue against the path they share."""
    if not grids:
        return Seen(wanted or "long", {})  # type: ignore[arg-type]
    grounds, ground = venue_grounds(grids, prices, liquidations)
    if ground.guessed:
        # Without candles nothing says where a venue's prices belong, but its own heat beside the others'.
        grounds = [
            one.moved(_within(basis[name, tables.SIDES[0]]), _within(basis[name, tables.SIDES[1]]))
            for name, one in zip(grids, grounds, strict=True)
        ]
    rows = np.array([ground.shape[0] - 1])
    # On one path of price orders stand where they traded, whatever prices a venue prints.
    apart = ground.guessed or len({id(table) for table in prices.values()}) > 1
    slack = max((_slack(one) for one in basis.values()), default=0.0) if apart else 0.0
    # A cluster is a place already; around a level its tolerance is.
    low, high = (np.array([end]) for end in (where.low * np.exp(-slack), where.high * np.exp(slack)))
    asked = {
        name: vote(grounds, code, rows, ground.since(code, rule.window)[rows], low, high)
        for code, name in enumerate(tables.SIDES)
        if wanted in (None, name)
    }

    def there(side: str, low: float, high: float) -> Held:
        code = tables.SIDES.index(side)
        return held(grounds, code, int(rows[0]), int(ground.since(code, rule.window)[-1]), low, high)

    heat = {name: there(name, float(low[0]), float(high[0])) for name in asked}
    side = max(asked, key=lambda one: (asked[one].hot.sum(), asked[one].busy.sum(), heat[one].usd.sum()))
    found = asked[side]
    band = float(found.low[0]), float(found.high[0])
    views: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(grids):
        shows: Shows = "hot" if found.hot[i, 0] else "cold" if found.cold[i, 0] else "cannot say"
        views[name] = {
            "shows": shows,
            "busy": bool(found.busy[i, 0]),
            "orders": round(float(found.orders[i, 0])),
            "expected": float(found.expected[i, 0]),
            "chance": float(found.chance[i, 0]),
            "power": float(found.power[i, 0]),
            "total": round(float(found.total[i, 0])),
            "notional": float(heat[side].usd[i]),
            "largest": float(heat[side].largest[i]),
        }
    both = heat[side], there(side, *band)
    return Seen(side, views, band, ground.notes, both, liquidations is None)  # type: ignore[arg-type]


def venue_grounds(
    grids: Mapping[str, HeatGrid],
    prices: Mapping[str, pd.DataFrame | None],
    liquidations: pd.DataFrame | None,
) -> tuple[list[Ground], Ground]:
    """One ground a venue, on the columns and the path of price that they share, and that of all together."""
    names = list(grids)
    longest = max(names, key=lambda name: grids[name].shape[0])
    grid = replace(grids[longest], observed=np.ones(grids[longest].shape[0], dtype=bool))
    known = [table for table in prices.values() if table is not None and len(table)]
    candles = tables.ensure(max(known, key=len), "candles") if known else None
    events = None
    if liquidations is not None:
        events = tables.ensure(liquidations, "liquidations")
        among = events["venue"].isin(names).to_numpy()
        events = events if among.all() else events[among]
    ground = ground_of(grid, price_path(grid, candles), candles, events, grids)
    grounds = []
    for name in names:
        one = ground.of(name)
        heard = _heard(grids[name], ground.end)
        # A feed that begins within the window was not heard before its first event.
        first = one.orders.time[0] if liquidations is not None and len(one.orders.time) else ground.begin[0]
        judged = heard[one.column]
        kept = replace(one, heard=heard & (ground.end > first))
        grounds.append(kept if judged.all() else kept.kept(judged))
    return grounds, ground


def _heard(grid: HeatGrid, ends: np.ndarray) -> np.ndarray:
    """Which columns that end at these moments lie in an observed column of a grid."""
    edges = grid.time_edges.astype("int64")
    column = np.searchsorted(edges, ends - 1, "right") - 1
    inside = (column >= 0) & (column < grid.shape[0])
    return inside & np.asarray(grid.observed)[np.clip(column, 0, grid.shape[0] - 1)]


def stock_shows(
    grids: Mapping[str, HeatGrid],
    where: Place,
    wanted: str | None,
    last: int,
    prices: Mapping[str, pd.DataFrame | None],
    rule: ClusterRule,
    basis: Mapping[tuple[str, str], float | None],
) -> Seen:
    """Modelled or measured maps: each venue's own bands near the place."""
    stories = {
        name: track_clusters(grid, last, price=prices.get(name), rule=rule) for name, grid in grids.items()
    }

    def near(name: str, side: str) -> list[Cluster]:
        reach = where.tolerance + _slack(basis[name, side])
        return [one for one in stories[name].present if one.side == side and where.distance(one) <= reach]

    def weight(side: str) -> tuple[int, float]:
        found = [near(name, side) for name in grids]
        return sum(map(bool, found)), sum(one.notional for part in found for one in part)

    side = wanted or ("long" if weight("long") >= weight("short") else "short")
    views: dict[str, dict[str, Any]] = {}
    for name, grid in grids.items():
        slack = _slack(basis[name, side])
        band = np.array([where.low * np.exp(-slack), where.high * np.exp(slack)])
        mute = side in stories[name].silent_sides
        shows: Shows = "hot" if near(name, side) else "cannot say" if mute else "cold"
        of_side = [where.distance(one) for one in stories[name].present if one.side == side]
        views[name] = {
            "shows": shows,
            "distance": min(of_side, default=None),
            "notional": float(between(grid, latest(grid, side, rule), band)[0]),
        }
    return Seen(side, views)  # type: ignore[arg-type]


def latest(grid: HeatGrid, side: str, rule: ClusterRule) -> np.ndarray:
    """(P,) USD of one side: the last observed column of a stock, the sum over the window of a flow."""
    columns = np.flatnonzero(np.asarray(grid.observed))
    if grid.is_stock:
        columns = columns[-1:]
    elif len(columns):
        length = np.timedelta64(round((rule.window or WINDOW) * 3_600e6), "us")
        columns = columns[grid.time_edges[columns] >= grid.time_edges[columns[-1] + 1] - length]
    return grid.side(side)[columns].sum(axis=0, dtype=np.float64)  # type: ignore[arg-type]


def between(grid: HeatGrid, usd: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """USD between neighbouring prices; bins that are cut count in proportion."""
    running = np.concatenate([[0.0], np.cumsum(usd)])
    return np.diff(np.interp(edges, grid.price_edges, running))


def _slack(basis: float | None) -> float:
    """By how much a venue's prices differ, as far as that can be a basis and not another currency."""
    return min(abs(basis or 0.0), words.STRANGE_BASIS)


def _within(basis: float | None) -> float:
    """A basis that can be one, else 0."""
    return basis if basis is not None and abs(basis) <= words.STRANGE_BASIS else 0.0
