"""Does the market agree? How many venues show heat at a level, how evenly, how alike, and how late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat import agreement_words as words
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.lag import Lag, column_lags, price_basis, venue_lags

Verdict = Literal["isolated", "partly confirmed", "market-wide", "cannot say"]
State = Literal["fresh", "silent", "stale", "elsewhere"]

# A feed is stale when it is older than this many of its own intervals, and older than this many seconds.
_STALE_INTERVALS = 3
_STALE_SECONDS = 90
# Market-wide takes this many fresh venues, this share of them hot, and heat spread like so many equal venues.
_MARKET_VENUES = 3
_MARKET_SHARE = 2 / 3
_MARKET_EFFECTIVE = 2.0
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
    hot : whether it has a cluster of the side within the tolerance, by its own threshold.
    distance : to its nearest cluster of the side, as a share of price; None without one.
    notional : USD of the side within the tolerance of the level, or in the cluster.
    share : of the USD of all fresh venues there; None if there is none or the venue does not count.
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
    hot: bool = False
    distance: float | None = None
    notional: float = 0.0
    share: float | None = None
    basis: float | None = None
    lag_seconds: float | None = None
    lag_confidence: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How far venues agree at a level, in numbers and in words.

    Attributes
    ----------
    level, low, high : USD; the band in which heat was added up.
    side : the side that was compared.
    n_fresh, n_total : venues that count, and all that were given.
    share : of the fresh venues that are hot (0 to 1); None with fewer than two fresh venues.
    hhi, effective_venues : Σ share² of USD among fresh venues, and 1 / Σ share²; None without USD there.
    similarity : median over pairs of 1 − Jensen-Shannon divergence (base 2) of the heat around the level,
        1 for equal shapes, 0 for disjoint ones; None with fewer than two venues that show heat.
    score : share · (1 − max(0, hhi − 1/n)) · √similarity; None where one of them is.
    hot, silent, sampled, stale, elsewhere : names of venues.
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
    score: float | None
    hot: tuple[str, ...]
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
        """One row a venue, the fields of `VenueView` as columns."""
        names = [item.name for item in fields(VenueView)]
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
    """Compare venues at a level or a cluster, each by its own thresholds and at one moment.

    Stale venues are left out, and the others are cut at the oldest of their ages, so that a venue that is
    a little late is compared with what the others showed then.

    Parameters
    ----------
    grids : venue name to its HeatGrid; all of one kind.
    level, tolerance : USD, and the share of price within which a cluster counts. The tolerance is widened
        by the basis of a venue.
    cluster : compare at this cluster instead of a level.
    side : `long` or `short`; by default the cluster's, or the one on which more venues are hot.
    last : as in `find_clusters`.
    now : moment of the comparison, UTC; by default the newest data of any venue.
    as_of : per venue, the time of its newest data or heartbeat; by default the provenance's, or else the
        end of the last observed column.
    cadence : per venue, the interval at which it normally delivers, such as `15m`; by default the usual
        spacing of its columns with heat. A venue is stale beyond 3 intervals and 90 seconds.
    price : candles, for all venues or for each: the reference for clusters, and the basis if for each.
    liquidations : liquidations table with all venues, for lags in seconds.

    Raises
    ------
    GridError
        No grids, grids of different kinds, neither level nor cluster, or a level that is not above zero.
    """
    where = _place(grids, level, tolerance, cluster)
    prices = price if isinstance(price, Mapping) else dict.fromkeys(grids, price)
    views = _ages(grids, where, last, now, as_of or {}, cadence or {})
    watermark = min((view.as_of for view in views if view.counted), default=None)
    cut = {view.venue: _until(grids[view.venue], watermark) for view in views if view.counted}
    lags = _lags(cut, liquidations, watermark)
    rule = rule or ClusterRule()
    found = {name: find_clusters(grid, last, price=prices.get(name), rule=rule) for name, grid in cut.items()}
    basis = {(name, one): price_basis(name, one, cut, prices) for name in cut for one in tables.SIDES}
    chosen = side or (cluster.side if cluster else _busier(found, where, basis))
    views = [
        (
            _seen(
                view,
                cut[view.venue],
                found[view.venue],
                where,
                chosen,
                last,
                basis[view.venue, chosen],
                lags.get(view.venue),
            )
            if view.venue in cut
            else view
        )
        for view in views
    ]
    return _conclude(views, cut, where, chosen, last, next(iter(grids.values())).kind)


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
        low, high = self.inner
        return float(max(0.0, np.log(cluster.low / high), np.log(low / cluster.high)))


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
    last: int,
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
        elif not any(_latest(grid, name_, last).any() for name_ in tables.SIDES):
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


def _reaches(grid: HeatGrid, where: _Place) -> bool:
    """A stock knows nothing beyond its axis. A flow has no heat there, unless the axis is of another
    currency."""
    slack = 1.0 if grid.is_stock else 2.0
    return bool(where.high * slack >= grid.price_edges[0] and where.low / slack <= grid.price_edges[-1])


def _until(grid: HeatGrid, moment: np.datetime64 | None) -> HeatGrid:
    if moment is None or not grid.time_edges[0] < moment < grid.time_edges[-1]:
        return grid
    return grid.crop(end=moment)


def _latest(grid: HeatGrid, side: str, last: int) -> np.ndarray:
    """(P,) USD of one side: the last observed column of a stock, the sum of the last ones of a flow."""
    columns = np.flatnonzero(np.asarray(grid.observed))[-(1 if grid.is_stock else last) :]
    return grid.side(side)[columns].sum(axis=0, dtype=np.float64)  # type: ignore[arg-type]


def _between(grid: HeatGrid, usd: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """USD between neighbouring prices; bins that are cut count in proportion."""
    running = np.concatenate([[0.0], np.cumsum(usd)])
    return np.diff(np.interp(edges, grid.price_edges, running))


def _slack(basis: float | None) -> float:
    """By how much a venue's prices differ, as far as that can be a basis and not another currency."""
    return min(abs(basis or 0.0), words.STRANGE_BASIS)


def _busier(
    found: Mapping[str, list[Cluster]], where: _Place, basis: Mapping[tuple[str, str], float | None]
) -> Literal["long", "short"]:
    """The side on which more venues are hot, then the one with more USD."""

    def weight(side: str) -> tuple[int, float]:
        near = [
            [
                c
                for c in clusters
                if c.side == side and where.distance(c) <= where.tolerance + _slack(basis[name, side])
            ]
            for name, clusters in found.items()
        ]
        return sum(map(bool, near)), sum(c.notional for clusters in near for c in clusters)

    return "long" if weight("long") >= weight("short") else "short"


def _seen(
    view: VenueView,
    grid: HeatGrid,
    clusters: list[Cluster],
    where: _Place,
    side: str,
    last: int,
    basis: float | None,
    lag: Lag | None,
) -> VenueView:
    slack = _slack(basis)
    distance = min((where.distance(cluster) for cluster in clusters if cluster.side == side), default=None)
    band = np.array([where.low * np.exp(-slack), where.high * np.exp(slack)])
    return replace(
        view,
        distance=distance,
        hot=distance is not None and distance <= where.tolerance + slack,
        basis=basis,
        notional=float(_between(grid, _latest(grid, side, last), band)[0]),
        lag_seconds=lag.seconds if lag else None,
        lag_confidence=lag.confidence if lag else None,
    )


def _lags(
    grids: Mapping[str, HeatGrid], liquidations: pd.DataFrame | None, until: np.datetime64 | None
) -> dict[str, Lag]:
    if liquidations is None:
        return column_lags(grids)
    events = tables.ensure(liquidations, "liquidations")
    start = min((grid.time_edges[0] for grid in grids.values()), default=None)
    return {name: lag for name, lag in venue_lags(events, start=start, end=until).items() if name in grids}


def agreement_by_price(
    grids: Mapping[str, HeatGrid],
    last: int = 12,
    *,
    now: object = None,
    as_of: Mapping[str, object] | None = None,
    price: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    rule: ClusterRule | None = None,
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
    views = [view for view in _ages(grids, where, last, now, as_of or {}, {}) if view.counted]
    watermark = min((view.as_of for view in views), default=None)
    hot = {side: np.zeros(len(edges) - 1, dtype=np.int64) for side in tables.SIDES}
    for view in views:
        grid = _until(grids[view.venue], watermark)
        clusters = find_clusters(grid, last, price=prices.get(view.venue), rule=rule)
        for side in tables.SIDES:
            touched = np.zeros(len(edges) - 1, dtype=bool)
            for cluster in clusters:
                if cluster.side == side:
                    touched |= (edges[1:] > cluster.low) & (edges[:-1] < cluster.high)
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


def _similarity(grids: Mapping[str, HeatGrid], where: _Place, side: str, last: int) -> float | None:
    step = max(where.tolerance, np.log(where.high / where.low) / 2, 1e-4)
    edges = where.level * np.exp(step * np.arange(-_SHAPE_BINS, _SHAPE_BINS + 1))
    profiles = [_between(grid, _latest(grid, side, last), edges) for grid in grids.values()]
    alike = [1 - jensen_shannon(p, q) for p, q in combinations([p for p in profiles if p.sum() > 0], 2)]
    return float(np.median(alike)) if alike else None


def _conclude(
    views: list[VenueView],
    grids: Mapping[str, HeatGrid],
    where: _Place,
    side: Literal["long", "short"],
    last: int,
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
    hot = tuple(view.venue for view in counted if view.hot)
    hhi = herfindahl(usd) if total > 0 else None
    share = len(hot) / n if n >= 2 else None
    similarity = _similarity(grids, where, side, last)
    score = None
    if share is not None and hhi is not None and similarity is not None:
        score = share * (1 - max(0.0, hhi - 1 / n)) * float(np.sqrt(similarity))
    top = max(views, key=lambda view: view.share or 0.0)
    late = [
        view
        for view in counted
        if (view.lag_confidence or 0.0) >= _SURE and (view.lag_seconds or 0.0) >= _LATE
    ]
    made = Agreement(
        level=where.level,
        low=where.low,
        high=where.high,
        side=side,
        n_fresh=n,
        n_total=len(views),
        share=share,
        hhi=hhi,
        effective_venues=1 / hhi if hhi else None,
        similarity=similarity,
        score=score,
        hot=hot,
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
    return replace(made, sentence=words.sentence(made, where.words), caveats=words.caveats(made, kind))


def _verdict(made: Agreement) -> Verdict:
    if made.n_fresh < 2 or made.share is None or not made.hot:
        return "cannot say"
    if len(made.hot) == 1:
        return "isolated"
    wide = made.n_fresh >= _MARKET_VENUES and made.share >= _MARKET_SHARE - 1e-9
    return (
        "market-wide" if wide and (made.effective_venues or 0.0) >= _MARKET_EFFECTIVE else "partly confirmed"
    )
