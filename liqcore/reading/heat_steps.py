"""Steps 2, 4 and 5 of a reading: the clusters near a level, how heat changes there, and whether venues
agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.distances import away, gap
from liqcore.heat.agreement import agreement
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, ClusterStory
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.market.flow import robust_z
from liqcore.reading.known import Known, finite
from liqcore.reading.report import AgreementStep, ChangeStep, ClusterNear, ClustersStep, Side

# Clusters at a level that are described one by one, and events that are told.
_MOST = 3
_EVENTS = 5
# Least robust deviation of log heat: a stretch that hardly moved is rounding, not information.
_FLOOR = 0.1
_LEAST_PAST = 20


@dataclass(frozen=True)
class Place:
    """The level and its band [low, high], USD; the side that was asked for; columns over which change is
    measured."""

    level: float
    low: float
    high: float
    tolerance: float
    side: Side | None
    last: int

    def distance(self, low: float, high: float) -> float:
        """|ln(nearest edge / level)|, as clusters are matched; 0 inside."""
        return gap(low, high, self.level)

    @property
    def words(self) -> str:
        return f"within {wording.percent(self.tolerance, exact=True)} of {wording.price(self.level)}"


def clusters_step(
    known: Known, place: Place, story: ClusterStory | None
) -> tuple[ClustersStep, tuple[Cluster, ...]]:
    """The clusters at the level, or else the nearest one, with the objects behind them."""
    grid = known.grid
    if grid is None or story is None:
        return (
            ClustersStep(
                (), None, ("No column of the map had closed by then, so there is nothing to find.",)
            ),
            (),
        )
    band = band_words(grid, place)
    if band is not None:
        return ClustersStep((), None, (band,)), ()
    found = [one for one in story.present if place.side in (None, one.side)]
    found.sort(key=lambda one: (place.distance(one.low, one.high), -one.notional))
    at = sorted(
        (one for one in found if place.distance(one.low, one.high) <= place.tolerance),
        key=lambda one: -one.notional,
    )
    begin = grid.time_edges[1]
    near = tuple(_near(one, known, place, begin) for one in at[:_MOST])
    which = f"{place.side} cluster" if place.side else "cluster"
    if near:
        lines = [_cluster_words(one, known, place) for one in near]
        if len(at) > _MOST:
            lines.append(f"{len(at) - _MOST} smaller ones lie there too.")
        first = (
            next(one for one in near if one.id == found[0].id)
            if any(one.id == found[0].id for one in near)
            else near[0]
        )
        return ClustersStep(near, first, tuple(lines)), tuple(at[:_MOST])
    if not found:
        return (
            ClustersStep(
                (),
                None,
                (f"No {which} stands out anywhere on the map right now, so there is none {place.words}.",),
            ),
            (),
        )
    nearest = _near(found[0], known, place, begin)
    where = "above" if nearest.low > place.level else "below"
    text = (
        f"No {which} lies {place.words}. The nearest one is {known.apart(nearest.distance, place.level)}"
        f" {where} it: {nearest.side}, {wording.price(nearest.low)} to {wording.price(nearest.high)},"
        f" {wording.usd(nearest.notional)}."
    )
    return ClustersStep((), nearest, (text,)), ()


def band_words(grid: HeatGrid, place: Place) -> str | None:
    """Why the map cannot speak of the level, if it cannot."""
    low, high = float(grid.price_edges[0]), float(grid.price_edges[-1])
    if place.high < low or place.low > high:
        return (
            f"{wording.price(place.level)} lies outside the map, which shows {wording.price(low)} to"
            f" {wording.price(high)}: nothing can be said about heat there."
        )
    return None


def _near(one: Cluster, known: Known, place: Place, begin: np.datetime64) -> ClusterNear:
    distance = abs(away(place.level, one.low, one.high))
    from_price = None if known.price is None else abs(away(known.price, one.low, one.high))
    events, largest, single = None, None, None
    if one.events is not None and one.largest_share is not None:
        events, largest, single = one.events, one.largest_share, one.largest_share > 0.5
    return ClusterNear(
        id=one.id,
        side=one.side,
        low=one.low,
        centre=one.centre,
        high=one.high,
        notional=one.notional,
        at_level=place.distance(one.low, one.high) <= place.tolerance,
        distance=distance,
        distance_atr=_in_atr(distance, known, place.level),
        from_price=from_price,
        from_price_atr=None if from_price is None else _in_atr(from_price, known, known.price or 0.0),
        first_seen=wording.iso(one.first_seen),
        from_the_start=bool(one.first_seen <= begin),
        age_hours=round(float(one.age / np.timedelta64(1, "h")), 3),
        persistence=one.persistence,
        z=one.z,
        events=events,
        largest_share=largest,
        single_print=single,
        venues=one.venues,
        orders=one.orders,
        expected=finite(one.expected),
        ratio=finite(one.ratio),
        chance=finite(one.chance),
        visits=one.visits,
        since=wording.iso(one.since),
    )


def _in_atr(share: float, known: Known, price: float) -> float | None:
    return share * price / known.usual if known.usual else None


def _cluster_words(one: ClusterNear, known: Known, place: Place) -> str:
    grid = known.grid
    assert grid is not None
    seen = min(int(np.asarray(grid.observed).sum()), place.last)
    where = (
        "across the level"
        if one.distance == 0
        else (f"{known.apart(one.distance, place.level)} {'above' if one.low > place.level else 'below'} it")
    )
    what = {
        "realised": f"{wording.usd(one.notional)} of {one.side} positions were liquidated",
        "modelled": f"an estimated {wording.usd(one.notional)} of {one.side} positions would be liquidated",
        "measured": f"{wording.usd(one.notional)} of {one.side} positions would be liquidated",
    }[grid.kind]
    text = f"Between {wording.price(one.low)} and {wording.price(one.high)} ({where}) {what}"
    if not grid.is_stock:
        # What a realised cluster counts began long before the last columns.
        text += f" since {wording.when(one.since, known.moment)}"
    text += (
        f"; the band stood out in {round(one.persistence * seen)} of the last {wording.count(seen, 'column')}"
    )
    if one.age_hours <= 0:
        text += ", for the first time in the latest."
    else:
        hours = wording.duration(np.timedelta64(int(one.age_hours * 3600), "s"))
        longer = " or longer: it is as old as the map" if one.from_the_start else ""
        text += f". It has been there for {hours}{longer}."
    if one.from_price is not None and known.price is not None:
        side = (
            "inside it" if one.from_price == 0 else f"{known.apart(one.from_price, known.price)} away from it"
        )
        text += f" The price is {side}."
    if one.events is not None and one.largest_share is not None:
        many = wording.count(one.events, "liquidation")
        kind = (
            "mostly one print, perhaps a single trader"
            if one.single_print
            else "many prints rather than one"
            if one.events >= 10
            else "few prints"
        )
        text += f" It is made of {many}, the largest {wording.percent(one.largest_share)} of it: {kind}."
    return text


def band_heat(grid: HeatGrid, side: str | None, low: float, high: float) -> np.ndarray:
    """(T,) USD of one side, or both for None, between two prices in each column; bins that are cut count in
    proportion."""
    edges = grid.price_edges
    share = np.clip((np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)) / np.diff(edges), 0.0, 1.0)
    held = np.flatnonzero(share)
    if not held.size:
        return np.zeros(grid.shape[0])
    part = slice(int(held[0]), int(held[-1]) + 1)
    heat = np.zeros(grid.shape[0])
    for name in (side,) if side else tables.SIDES:
        heat += grid.side(name)[:, part].astype(np.float64) @ share[part]  # type: ignore[arg-type]
    return heat


def heat_by_column(known: Known, side: str | None, low: float, high: float) -> np.ndarray:
    """(T,) USD of one side, or both for None, between two prices in each observed column.

    Of a realised map from the events themselves, where they are at hand and no column is missing; its columns
    then end at the moment of the reading, so that the last of them are the last hours.
    """
    grid = known.grid
    assert grid is not None
    seen = np.asarray(grid.observed)
    if grid.is_stock or known.liquidations is None or not seen.all():
        return band_heat(grid, side, low, high)[seen]
    events = known.liquidations
    price = events["price"].to_numpy()
    kept = (price >= low) & (price <= high)
    if side is not None:
        kept &= events["side"].array.codes == tables.SIDES.index(side)
    back = known.moment.astype("int64") - tables.microseconds(events["time"])[kept]
    column = grid.shape[0] - 1 - back // known.width.astype("int64")
    inside = (back >= 0) & (column >= 0)
    return np.bincount(column[inside], events["notional"].to_numpy()[kept][inside], minlength=grid.shape[0])


def heat_between(
    known: Known, place: Place, low: np.ndarray, high: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """USD between some prices (B,) at the end of some columns (B,) and `last` columns before; of a flow over
    `last` columns each. The last column ends at the moment of the reading."""
    grid = known.grid
    assert grid is not None
    if grid.is_stock or known.liquidations is None:
        rows = [
            band_heat(grid, place.side, float(a), float(b))
            for a, b in zip(low.tolist(), high.tolist(), strict=True)
        ]
        heat = np.stack(rows)
        if not grid.is_stock:
            run = np.concatenate([np.zeros((len(heat), 1)), np.cumsum(heat, axis=1)], axis=1)
            heat = run[:, 1:] - run[:, np.maximum(np.arange(1, run.shape[1]) - place.last, 0)]
        at, earlier = np.arange(len(columns)), np.maximum(columns - place.last, 0)
        return heat[at, columns], heat[at, earlier]
    events = known.liquidations
    if place.side is not None:
        events = events[events["side"] == place.side]
    time, price = tables.microseconds(events["time"]), events["price"].to_numpy()
    usd, span = events["notional"].to_numpy(), place.last * known.width.astype("int64")
    ends = grid.time_edges[1:].astype("int64")[columns]
    ends = np.where(columns == grid.shape[0] - 1, known.moment.astype("int64") + 1, ends)
    cuts = np.searchsorted(time, np.stack([ends - 2 * span, ends - span, ends], axis=1))
    out = np.zeros((2, len(columns)))
    for i, (first, middle, last) in enumerate(cuts.tolist()):
        inside = (price[first:last] >= low[i]) & (price[first:last] <= high[i])
        held = usd[first:last] * inside
        out[:, i] = held[middle - first :].sum(), held[: middle - first].sum()
    return out[0], out[1]


def change_step(known: Known, place: Place, story: ClusterStory | None, rule: ClusterRule) -> ChangeStep:
    """Heat at the level now and `last` columns ago (the sums of `last` columns, for events), and what
    clusters did."""
    grid = known.grid
    if grid is None or story is None or band_words(grid, place):
        return ChangeStep(
            "cannot say",
            None,
            None,
            None,
            None,
            (),
            ("How heat changes there cannot be said: the map does not show it.",),
        )
    seen = np.asarray(grid.observed)
    sides = {
        name: heat_by_column(known, name, place.low, place.high)
        for name in tables.SIDES
        if place.side in (None, name)
    }
    heat = sum(sides.values(), np.zeros(int(seen.sum())))
    level = heat if grid.is_stock else _windowed(heat, place.last)
    told = _recent_events(known, place, story)
    lines = [sentence for _, _, sentence in told[-_EVENTS:]] or [
        "Nothing is reported of clusters there lately: none appeared, grew, was swept or faded."
    ]
    span = wording.duration(place.last * known.width)
    if not len(level):
        return ChangeStep("cannot say", None, None, None, None, told, ("No column of the map was observed.",))
    now, before = float(level[-1]), float(level[-1 - place.last]) if len(level) > place.last else None
    split = " and ".join(f"{wording.usd(_latest(one, grid, place))} {name}" for name, one in sides.items())
    over = "" if grid.is_stock else f" in the last {span}"
    if before is None:
        text = (
            f"Heat {place.words} is {wording.usd(now)} ({split}){over}; the map is too short to say what it"
            f" was {span} earlier."
        )
        return ChangeStep("cannot say", now, None, None, None, told, (text, *lines))
    z = _unusual(level)
    direction, text = _direction(now, before, rule)
    earlier = f"{span} ago" if grid.is_stock else f"in the {span} before"
    text = (
        f"Heat {place.words} is {wording.usd(now)} ({split}){over}, against {wording.usd(before)} {earlier}:"
        f" {text}."
    )
    if z is not None:
        text += (
            f" Beside its own past that is {wording.decimal(abs(z), 1)} robust deviations"
            f" {'above' if z > 0 else 'below'} the usual."
        )
    return ChangeStep(direction, now, before, now / before if before > 0 else None, z, told, (text, *lines))  # type: ignore[arg-type]


def _latest(heat: np.ndarray, grid: HeatGrid, place: Place) -> float:
    """USD in the latest column of a stock, in the last columns of a flow."""
    return float(heat[-1] if grid.is_stock else heat[-place.last :].sum())


def _windowed(heat: np.ndarray, last: int) -> np.ndarray:
    running = np.concatenate([[0.0], np.cumsum(heat)])
    first = np.maximum(np.arange(1, len(running)) - last, 0)
    # Differences of a running sum leave dust where nothing happened.
    sums = running[1:] - running[first]
    return np.where(sums > 1e-9 * max(running[-1], 1.0), sums, 0.0)


def _unusual(level: np.ndarray) -> float | None:
    """Robust z of the latest heat (log) beside up to 96 earlier columns; None where most of these are
    empty."""
    past = level[-97:-1]
    if len(past) < _LEAST_PAST or np.count_nonzero(past) < len(past) / 2:
        return None
    recent = np.log1p(level[-97:])
    return finite(robust_z(recent, len(past), len(past), _FLOOR)[-1])


def _direction(now: float, before: float, rule: ClusterRule) -> tuple[str, str]:
    if now <= 0 and before <= 0:
        return "empty", "nothing then, nothing now"
    if before <= 0:
        return "new", "new"
    ratio = now / before
    size = f"{wording.decimal(ratio, 1)} times" if ratio < 100 else "more than 100 times"
    if ratio < 0.1:
        size = wording.percent(ratio)
    if ratio >= rule.growth:
        return "growing", f"{size} as much, growing"
    if ratio <= rule.decay:
        return "shrinking", f"{size} as much, shrinking"
    return "steady", f"{size} as much, about steady"


def _recent_events(known: Known, place: Place, story: ClusterStory) -> tuple[tuple[str, str, str], ...]:
    grid = known.grid
    assert grid is not None
    since = grid.time_edges[-1] - place.last * known.width
    return tuple(
        (wording.iso(event.time), event.kind, event.sentence)
        for event in story.events
        if event.time > since
        and not event.at_start
        and place.side in (None, event.side)
        and place.distance(min(event.low, event.centre_before), max(event.high, event.centre_before))
        <= place.tolerance
    )


def agreement_step(
    known: Known, place: Place, cluster: Cluster | None, rule: ClusterRule, price: pd.DataFrame | None
) -> AgreementStep:
    """The verdict of the venues at the level, or why there is none."""

    def silent(*lines: str) -> AgreementStep:
        return AgreementStep("cannot say", 0, 0, None, None, None, (), (), None, None, lines)

    if not known.venues:
        if known.grid is not None and known.grid.is_stock:
            return silent(
                "Cannot say: this is one modelled map of the whole market, made from public candles. "
                "Venue by venue maps were not given, so nothing confirms it."
            )
        names = known.grid.provenance.venue_names if known.grid is not None else ()
        who = (
            f"Only {wording.venue(names[0])} is in this map, and one venue confirms nothing."
            if len(names) == 1
            else "Maps by venue were not given, so it is open who shows this."
        )
        return silent(f"Cannot say: {who}")
    side = place.side or (cluster.side if cluster else None)
    try:
        made = agreement(
            known.venues,
            level=place.level,
            tolerance=place.tolerance,
            side=side,
            last=place.last,
            now=known.beside,
            as_of=known.as_of,
            price=price,
            liquidations=known.liquidations,
            rule=rule,
        )
    except GridError as error:
        return silent(f"Cannot say: {error}")
    return AgreementStep(
        made.verdict,
        made.n_fresh,
        made.n_total,
        finite(made.share),
        finite(made.effective_venues),
        finite(made.similarity),
        made.hot,
        made.stale,
        made.dominating,
        made.lagging,
        (made.sentence, *made.caveats),
    )
