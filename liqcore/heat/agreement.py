"""Does the market agree? How many venues show heat at a level, how evenly, how alike, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.distances import gap
from liqcore.heat import agreement_words as words
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters, track_clusters
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.ground import WINDOW, Ground, ground_of
from liqcore.heat.lag import Lag, centres_of_heat, column_lags, price_basis, venue_lags
from liqcore.heat.price_path import price_path
from liqcore.heat.votes import Held, held, vote

Verdict = Literal["isolated", "partly confirmed", "market-wide", "cannot say"]
State = Literal["fresh", "silent", "stale", "elsewhere"]
Shows = Literal["hot", "cold", "cannot say"]

# A feed is stale when it is older than this many of its own intervals, and older than this many seconds.
_STALE_INTERVALS = 3
_STALE_SECONDS = 90
# Market-wide takes this many hot venues, this share of those that can say, and none with nearly all the USD.
_MARKET_VENUES = 3
_MARKET_SHARE = 2 / 3
_NEARLY_ALL = 0.9
# Where one order holds more than this share of the USD, the heat is one trader's: no venues agree on that.
_ONE_ORDER = 0.5
_SHOWS: tuple[Shows, ...] = ("hot", "cold", "cannot say")
# A venue dominates with more than this share of the USD, and lags from so many seconds with this confidence.
_DOMINATES = 0.5
_LATE = 2.0
_SURE = 0.5
# Profiles are compared within this many tolerances of the level, in bins one tolerance wide.
_SHAPE_BINS = 10


@dataclass(frozen=True)
class VenueView:
    """What one venue shows at the level.

    Attributes
    ----------
    state : `fresh`; `silent` (fresh, but without any heat lately); `stale` (too old to count); `elsewhere`
        (its map does not reach the level).
    counted : whether it takes part. A fresh venue does; a silent one only if `as_of` says that its feed is
        alive, because otherwise its silence cannot be told from a broken feed.
    as_of, age : datetime64 UTC of its newest data, and timedelta64 to the time of the comparison.
    shows : `hot` (more there than the shared path and its own busy moments explain), `cold` (it would have
        shown a band like the others') or `cannot say` (too few events for that). `hot` is the same as a bool.
    busy : it has more there than the path explains, but one busy moment would do.
    orders, expected, chance, power : of a realised map, its orders in the common band, what the path
        explains, the chance of so many, and the chance that it would be hot, had it the others' excess; else
        None.
    total : its orders in the window; None for a stock.
    distance : |ln| of the gap to its nearest band of the side; None without one, and for a realised map.
    notional : USD of the side within the tolerance of the level, or in the cluster.
    share : of the USD of all fresh venues there; None if there is none or the venue does not count.
    largest : USD of its largest order there, of a map without events of its largest cell; None for a stock.
    basis : ln(its price / the others'), about the share of price by which it differs; None if unknown.
    lag_seconds, lag_confidence : how much later its events come than the others', and how sure that is
        (0 to 1); None with too few events.
    """

    venue: str
    state: State
    counted: bool
    completeness: str
    as_of: np.datetime64
    age: np.timedelta64
    shows: Shows = "cannot say"
    busy: bool = False
    orders: int | None = None
    expected: float | None = None
    chance: float | None = None
    power: float | None = None
    total: int | None = None
    distance: float | None = None
    notional: float = 0.0
    share: float | None = None
    largest: float | None = None
    basis: float | None = None
    lag_seconds: float | None = None
    lag_confidence: float | None = None

    @property
    def hot(self) -> bool:
        return self.shows == "hot"


@dataclass(frozen=True)
class Agreement:
    """How far venues agree at a level, in numbers and in words.

    Attributes
    ----------
    level, low, high : USD; the band in which heat was added up.
    band_low, band_high : USD; where within it the venues are hottest together; None for a stock.
    side : the side that was compared.
    n_fresh, n_total : venues that count, and all that were given.
    share : of the venues that can say that are hot (0 to 1); None with fewer than two fresh venues, or if
    none can.
    hhi, effective_venues : Σ share² of USD among fresh venues, and 1 / Σ share²; None without USD there.
    similarity : median over pairs of 1 − Jensen-Shannon divergence (base 2) of the heat around the level,
        1 for equal shapes, 0 for disjoint ones; None with fewer than two venues that show heat.
    largest_order : share of the USD there, or in the common band if it is more, that is one order; without
        events one cell of a map. None for a stock, and without USD.
    largest_venue : the venue of that order. band_share : share of the largest venue in the common band.
    score : share · (1 − max(0, hhi − 1/n)) · √similarity; None where one of them is.
    hot, cold, cannot_say, silent, sampled, stale, elsewhere : names of venues; the first three of those that
    count.
    busy : names of venues that one busy moment explains.
    dominating, lagging : name of the venue with most of the USD, and of one that is clearly late, or None.
    venues : one VenueView each. verdict, sentence, caveats : the same in words.
    """

    level: float
    low: float
    high: float
    side: Literal["long", "short"]
    n_fresh: int
    n_total: int
    share: float | None
    hhi: float | None
    effective_venues: float | None
    similarity: float | None
    largest_order: float | None
    largest_venue: str | None
    band_share: float | None
    score: float | None
    hot: tuple[str, ...]
    cold: tuple[str, ...]
    cannot_say: tuple[str, ...]
    busy: tuple[str, ...]
    band_low: float | None
    band_high: float | None
    silent: tuple[str, ...]
    sampled: tuple[str, ...]
    stale: tuple[str, ...]
    elsewhere: tuple[str, ...]
    dominating: str | None
    lagging: str | None
    venues: tuple[VenueView, ...]
    verdict: Verdict
    sentence: str
    caveats: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """One row a venue, the fields of `VenueView` as columns, and `hot`."""
        names = [*(item.name for item in fields(VenueView)), "hot"]
        return pd.DataFrame([[getattr(view, name) for name in names] for view in self.venues], columns=names)


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
    seen: _Seen
    if stock:
        seen = _stock(cut, where, wanted, last, prices, rule, basis)
    else:
        seen = _flow(cut, where, wanted, prices, liquidations, rule, basis)
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
    return _conclude(views, cut, where, seen, rule, next(iter(grids.values())).kind)


@dataclass(frozen=True)
class _Seen:
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
class _Place:
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


def _place(
    grids: Mapping[str, HeatGrid], level: float | None, tolerance: float, cluster: Cluster | None
) -> _Place:
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
        return _Place(
            cluster.centre, cluster.low, cluster.high, (cluster.low, cluster.high), tolerance, words
        )
    if level is None or not np.isfinite(level) or level <= 0:
        raise GridError("Give the level to compare at, a price above zero, or a cluster.")
    low, high = level * np.exp(-tolerance), level * np.exp(tolerance)
    return _Place(
        level,
        float(low),
        float(high),
        (level, level),
        tolerance,
        f"within {wording.percent(tolerance)} of {wording.price(level)}",
    )


def _ages(
    grids: Mapping[str, HeatGrid],
    where: _Place,
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
        elif not any(_latest(grid, name_, rule).any() for name_ in tables.SIDES):
            state = "silent"
        counted = state == "fresh" or (state == "silent" and name in as_of)
        out.append(VenueView(name, state, counted, grid.provenance.completeness, newest[name], age))
    return out


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


def _reaches(grid: HeatGrid, where: _Place) -> bool:
    """A stock knows nothing beyond its axis. A flow has no heat there, unless the axis is of another
    currency."""
    slack = 1.0 if grid.is_stock else 2.0
    return bool(where.high * slack >= grid.price_edges[0] and where.low / slack <= grid.price_edges[-1])


def _until(grid: HeatGrid, moment: np.datetime64 | None) -> HeatGrid:
    if moment is None or not grid.time_edges[0] < moment < grid.time_edges[-1]:
        return grid
    return grid.crop(end=moment)


def _latest(grid: HeatGrid, side: str, rule: ClusterRule) -> np.ndarray:
    """(P,) USD of one side: the last observed column of a stock, the sum over the window of a flow."""
    columns = np.flatnonzero(np.asarray(grid.observed))
    if grid.is_stock:
        columns = columns[-1:]
    elif len(columns):
        length = np.timedelta64(round((rule.window or WINDOW) * 3_600e6), "us")
        columns = columns[grid.time_edges[columns] >= grid.time_edges[columns[-1] + 1] - length]
    return grid.side(side)[columns].sum(axis=0, dtype=np.float64)  # type: ignore[arg-type]


def _between(grid: HeatGrid, usd: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """USD between neighbouring prices; bins that are cut count in proportion."""
    running = np.concatenate([[0.0], np.cumsum(usd)])
    return np.diff(np.interp(edges, grid.price_edges, running))


def _slack(basis: float | None) -> float:
    """By how much a venue's prices differ, as far as that can be a basis and not another currency."""
    return min(abs(basis or 0.0), words.STRANGE_BASIS)


def _within(basis: float | None) -> float:
    """A basis that can be one, else 0."""
    return basis if basis is not None and abs(basis) <= words.STRANGE_BASIS else 0.0


def _flow(
    grids: Mapping[str, HeatGrid],
    where: _Place,
    wanted: str | None,
    prices: Mapping[str, pd.DataFrame | None],
    liquidations: pd.DataFrame | None,
    rule: ClusterRule,
    basis: Mapping[tuple[str, str], float | None],
) -> _Seen:
    """Realised maps: orders of each venue against the path they share."""
    if not grids:
        return _Seen(wanted or "long", {})  # type: ignore[arg-type]
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
    return _Seen(side, views, band, ground.notes, both, liquidations is None)  # type: ignore[arg-type]


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


def _stock(
    grids: Mapping[str, HeatGrid],
    where: _Place,
    wanted: str | None,
    last: int,
    prices: Mapping[str, pd.DataFrame | None],
    rule: ClusterRule,
    basis: Mapping[tuple[str, str], float | None],
) -> _Seen:
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
            "notional": float(_between(grid, _latest(grid, side, rule), band)[0]),
        }
    return _Seen(side, views)  # type: ignore[arg-type]


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


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two non-negative profiles in bits: 0 for equal shapes, 1 for disjoint
    ones.

    Source: Lin (1991), Divergence measures based on the Shannon entropy. NaN if one profile is empty.
    """
    p, q = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    if p.sum() <= 0 or q.sum() <= 0:
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def against(values: np.ndarray) -> float:
        held = values > 0
        return float((values[held] * np.log2(values[held] / middle[held])).sum())

    return float(np.clip((against(p) + against(q)) / 2, 0.0, 1.0))


def herfindahl(usd: np.ndarray) -> float:
    """Herfindahl-Hirschman index Σ share²: 1/n for n equal venues, 1 for a single one; NaN without USD."""
    usd = np.asarray(usd, dtype=np.float64)
    return float(((usd / usd.sum()) ** 2).sum()) if usd.sum() > 0 else float("nan")


def _similarity(grids: Mapping[str, HeatGrid], where: _Place, side: str, rule: ClusterRule) -> float | None:
    step = max(where.tolerance, np.log(where.high / where.low) / 2, 1e-4)
    edges = where.level * np.exp(step * np.arange(-_SHAPE_BINS, _SHAPE_BINS + 1))
    profiles = [_between(grid, _latest(grid, side, rule), edges) for grid in grids.values()]
    alike = [1 - jensen_shannon(p, q) for p, q in combinations([p for p in profiles if p.sum() > 0], 2)]
    return float(np.median(alike)) if alike else None


def _conclude(
    views: list[VenueView],
    grids: Mapping[str, HeatGrid],
    where: _Place,
    seen: _Seen,
    rule: ClusterRule,
    kind: str,
) -> Agreement:
    counted = [view for view in views if view.counted]
    n = len(counted)
    usd = np.array([view.notional for view in counted])
    total = float(usd.sum())
    views = [
        replace(view, share=view.notional / total) if view in counted and total > 0 else view
        for view in views
    ]
    shown = {word: tuple(view.venue for view in counted if view.shows == word) for word in _SHOWS}
    can = len(shown["hot"]) + len(shown["cold"])
    hhi = herfindahl(usd) if total > 0 else None
    share = len(shown["hot"]) / can if n >= 2 and can else None
    similarity = _similarity(grids, where, seen.side, rule)
    score = None
    if share is not None and hhi is not None and similarity is not None:
        score = share * (1 - max(0.0, hhi - 1 / n)) * float(np.sqrt(similarity))
    top = max(views, key=lambda view: view.share or 0.0)
    one_order = max(seen.held, key=lambda part: part.order_share, default=None)
    some = one_order is not None and total > 0
    late = [
        view
        for view in counted
        if (view.lag_confidence or 0.0) >= _SURE and (view.lag_seconds or 0.0) >= _LATE
    ]
    made = Agreement(
        level=where.level,
        low=where.low,
        high=where.high,
        side=seen.side,
        n_fresh=n,
        n_total=len(views),
        share=share,
        hhi=hhi,
        effective_venues=1 / hhi if hhi else None,
        similarity=similarity,
        largest_order=one_order.order_share if one_order is not None and some else None,
        largest_venue=list(grids)[int(one_order.largest.argmax())]
        if one_order is not None and some
        else None,
        band_share=seen.held[-1].venue_share if some else None,
        score=score,
        hot=shown["hot"],
        cold=shown["cold"],
        cannot_say=shown["cannot say"],
        busy=tuple(view.venue for view in counted if view.busy),
        band_low=None if seen.band is None else seen.band[0],
        band_high=None if seen.band is None else seen.band[1],
        **{
            state: tuple(view.venue for view in views if view.state == state)
            for state in ("silent", "stale", "elsewhere")
        },
        sampled=tuple(view.venue for view in views if view.completeness in ("sampled", "mixed")),
        dominating=top.venue if (top.share or 0.0) > _DOMINATES else None,
        lagging=max(late, key=lambda view: view.lag_seconds or 0.0).venue if late else None,
        venues=tuple(views),
        verdict="cannot say",
        sentence="",
        caveats=(),
    )
    made = replace(made, verdict=_verdict(made))
    caveats = (*words.caveats(made, kind), *seen.notes)
    return replace(made, sentence=words.sentence(made, where.words, seen.cells), caveats=caveats)


def one_order(largest_order: float | None) -> bool:
    """Whether an order with this share of the USD makes the heat one trader's."""
    return (largest_order or 0.0) > _ONE_ORDER


def verdict(
    hot: int, cold: int, fresh: int, largest_share: float, largest_order: float | None = None
) -> Verdict:
    """The word for so many hot and cold venues; one has that share of the USD there, and one order has that.

    `market-wide` takes three hot ones, two thirds of those that can say, and no venue with nearly all the
    USD. Where most of the USD is one order, several hot venues confirm nothing.
    """
    if fresh < 2 or hot == 0 or (hot > 1 and one_order(largest_order)):
        return "cannot say"
    if hot == 1:
        return "isolated" if cold else "cannot say"
    wide = hot >= _MARKET_VENUES and hot / (hot + cold) >= _MARKET_SHARE - 1e-9
    return "market-wide" if wide and largest_share <= _NEARLY_ALL else "partly confirmed"


def _verdict(made: Agreement) -> Verdict:
    top = max((view.share or 0.0 for view in made.venues), default=0.0)
    top = max(top, made.band_share or 0.0)
    return verdict(len(made.hot), len(made.cold), made.n_fresh, top, made.largest_order)
