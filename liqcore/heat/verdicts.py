"""Whether venues agree: what each shows put together, in numbers and in a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from liqcore.heat import agreement_words as words
from liqcore.heat.bands import ClusterRule
from liqcore.heat.grid import HeatGrid
from liqcore.heat.venue_shows import Place, Seen, Shows, between, latest

Verdict = Literal["isolated", "partly confirmed", "market-wide", "cannot say"]
State = Literal["fresh", "silent", "stale", "elsewhere"]

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


def conclude(
    views: list[VenueView],
    grids: Mapping[str, HeatGrid],
    where: Place,
    seen: Seen,
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


def _similarity(grids: Mapping[str, HeatGrid], where: Place, side: str, rule: ClusterRule) -> float | None:
    step = max(where.tolerance, np.log(where.high / where.low) / 2, 1e-4)
    edges = where.level * np.exp(step * np.arange(-_SHAPE_BINS, _SHAPE_BINS + 1))
    profiles = [between(grid, latest(grid, side, rule), edges) for grid in grids.values()]
    alike = [1 - jensen_shannon(p, q) for p, q in combinations([p for p in profiles if p.sum() > 0], 2)]
    return float(np.median(alike)) if alike else None


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
