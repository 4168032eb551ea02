"""Clusters: hot bands of a grid, followed over time, with a name for what happened to each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.bands import Bands, ClusterRule, find_bands
from liqcore.heat.cluster_story import Lives, follow
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.price_path import PricePath, price_path

EventKind = Literal[
    "appeared", "grew", "shrank", "shifted", "swept", "dissipated", "re-emerged", "merged", "split"
]


@dataclass(frozen=True)
class Cluster:
    """One hot band of one side, as it was when it was last seen.

    Attributes
    ----------
    id : the same for the same cluster in every column; made of its side, birth and place.
    side : `long` or `short`, the positions that were or would be liquidated.
    low, centre, high : USD; the band is [low, high) and the centre is weighted by heat.
    notional, peak : USD in the band, and in its hottest bin. Of a flow, over the columns since `since`.
    z : robust z of the hottest bin against the map at that distance from price; None where most of the map
        is empty, so that there is nothing to compare with.
    first_seen, last_seen : datetime64 UTC, closing edges of the first and the last column in which it was
    hot.
    since : datetime64 UTC, opening edge of the first column that `notional` counts.
    persistence : share (0 to 1) of the last `last` observed columns in which it was hot. Of a flow: in
        which it took at least half of what it takes on average in these columns.
    age : timedelta64, observed time from first_seen to last_seen.
    venues : venues of the map, or those with events in the band where the events were given.
    kind : `realised`, `modelled` or `measured`.
    events, largest_share : number of events in the band and the share of the largest one in its USD;
        None where the events were not given, as for every modelled map.
    """

    id: str
    side: Literal["long", "short"]
    low: float
    centre: float
    high: float
    notional: float
    peak: float
    z: float | None
    first_seen: np.datetime64
    last_seen: np.datetime64
    since: np.datetime64
    persistence: float
    age: np.timedelta64
    venues: tuple[str, ...]
    kind: str
    events: int | None = None
    largest_share: float | None = None

    def distance(self, level: float) -> float:
        """|ln(nearest edge / level)|, about the share of price between them; 0 if the level is inside."""
        if self.low <= level <= self.high:
            return 0.0
        return float(abs(np.log((self.low if level < self.low else self.high) / level)))


@dataclass(frozen=True)
class ClusterEvent:
    """Something that happened to one cluster, known at `time`, the closing edge of its column (UTC).

    `before` and `after` are USD, `centre_before` and `centre` USD prices. `other` is the id of the cluster
    it merged into or split from. `at_start` marks clusters that the first column already shows: when they
    appeared is not known.
    """

    time: np.datetime64
    kind: EventKind
    cluster: str
    side: Literal["long", "short"]
    low: float
    centre: float
    high: float
    before: float
    after: float
    centre_before: float
    other: str | None = None
    at_start: bool = False

    @property
    def sentence(self) -> str:
        """What happened, in words with the numbers in it."""
        name = f"The {self.side} cluster near {wording.price(self.centre)}"
        was, now = wording.usd(self.before), wording.usd(self.after)
        return {
            "appeared": (
                f"{name} was already there when the map begins, with {now}."
                if self.at_start
                else f"A {self.side} cluster of {now} appeared near {wording.price(self.centre)}."
            ),
            "grew": f"{name} grew from {was} to {now}.",
            "shrank": f"{name} shrank from {was} to {now}.",
            "shifted": (
                f"The {self.side} cluster of {now} shifted from {wording.price(self.centre_before)} to"
                f" {wording.price(self.centre)}."
            ),
            "swept": (
                f"Price crossed the {self.side} cluster near {wording.price(self.centre_before)}: of {was},"
                f" {now} are left."
            ),
            "dissipated": (
                f"{name} faded into its surroundings: the band still holds {now} of {was}, but no longer"
                " stands out."
                if self.after > self.before / 2
                else f"{name} dissipated without price crossing it: of {was}, {now} are left."
            ),
            "re-emerged": f"{name} came back with {now}; it had {was} when it was last seen.",
            "merged": (
                f"The {self.side} cluster near {wording.price(self.centre_before)} ({was}) merged into the"
                f" one near {wording.price(self.centre)}, now {now}."
            ),
            "split": (
                f"{name} ({now}) split off from the one near {wording.price(self.centre_before)}, which held"
                f" {was}."
            ),
        }[self.kind]


@dataclass(frozen=True, eq=False)
class ClusterStory:
    """Every cluster of a grid with its id, and what happened to each, in order of time.

    Attributes
    ----------
    clusters : all of them, each as it was when last seen; longs, then shorts, in order of birth.
    present : those that are hot in the latest observed column, most USD first.
    events : ClusterEvents in order of time; what lies up to a column does not depend on later columns.
    notes : sentences on what could not be known, for instance sweeps without prices.
    """

    clusters: tuple[Cluster, ...]
    present: tuple[Cluster, ...]
    events: tuple[ClusterEvent, ...]
    notes: tuple[str, ...]
    _grid: HeatGrid = field(repr=False)
    _bands: Bands = field(repr=False)
    _cluster_of: np.ndarray = field(repr=False)

    def cluster(self, id: str) -> Cluster:
        """The cluster with this id, or KeyError."""
        return self.clusters[self._number[id]]

    def events_of(self, id: str) -> tuple[ClusterEvent, ...]:
        """What happened to one cluster, and what merged into it or split from it."""
        return tuple(event for event in self.events if id in (event.cluster, event.other))

    def history(self, id: str) -> pd.DataFrame:
        """One cluster column by column: `time` (closing edge), `low`, `centre`, `high`, `notional`, `peak`,
        `z`."""
        bands, edges = self._bands, self._grid.price_edges
        of = np.flatnonzero(self._cluster_of == self._number[id])
        of = of[np.argsort(bands.column[of], kind="stable")]
        return pd.DataFrame(
            {
                "time": pd.DatetimeIndex(
                    self._grid.time_edges[1:][bands.columns[bands.column[of]]], tz="UTC"
                ),
                "low": edges[bands.low[of]],
                "centre": bands.centre[of],
                "high": edges[bands.high[of]],
                "notional": bands.notional[of],
                "peak": bands.peak[of],
                "z": bands.z[of],
            }
        )

    def to_frame(self) -> pd.DataFrame:
        """The clusters as a table, one row each: the fields of `Cluster`, and whether it is `present`."""
        names = [item.name for item in fields(Cluster)]
        frame = pd.DataFrame(
            [[getattr(cluster, name) for name in names] for cluster in self.clusters], columns=names
        )
        return frame.assign(present=frame["id"].isin([cluster.id for cluster in self.present]))

    @cached_property
    def _number(self) -> dict[str, int]:
        return {cluster.id: number for number, cluster in enumerate(self.clusters)}


def find_clusters(
    grid: HeatGrid,
    last: int = 12,
    *,
    price: pd.DataFrame | np.ndarray | None = None,
    rule: ClusterRule | None = None,
    liquidations: pd.DataFrame | None = None,
) -> list[Cluster]:
    """The hot bands of the latest observed column, most USD first.

    The same clusters, with the same ids, as `track_clusters(...).present`; see there for the arguments.
    """
    return list(track_clusters(grid, last, price=price, rule=rule, liquidations=liquidations).present)


def track_clusters(
    grid: HeatGrid,
    last: int = 12,
    *,
    price: pd.DataFrame | np.ndarray | None = None,
    rule: ClusterRule | None = None,
    liquidations: pd.DataFrame | None = None,
) -> ClusterStory:
    """Find the hot bands of every column, follow them over time, and name what happened to them.

    Parameters
    ----------
    grid : HeatGrid of any kind. Columns that were not observed are passed over: they neither end nor age
        a cluster.
    last : observed columns over which persistence and change are measured. Each column of a realised grid
        stands for the sum of its last `last` columns, because events are few; a stock for itself.
    price : candles table, or (T,) closing prices in USD. Without it the price is guessed from the heat, and
        nothing is said to have been swept.
    rule : thresholds; by default those of `ClusterRule`.
    liquidations : liquidations table behind a realised grid, for `events`, `largest_share` and `venues`.

    Raises
    ------
    GridError
        `last` below 1, or prices that do not fit the grid.
    """
    if last < 1:
        raise GridError("`last` counts columns: give 1 or more.")
    rule = rule or ClusterRule()
    path = price_path(grid, price)
    bands = find_bands(grid, path, rule, last)
    lives = follow(bands, path, rule, grid.price_edges, last)
    clusters, latest = _clusters(grid, bands, lives, last)
    if liquidations is not None and not grid.is_stock:
        clusters = [_with_events(cluster, liquidations, grid) for cluster in clusters]
    present = sorted((clusters[number] for number in latest), key=lambda c: (-c.notional, c.id))
    names = [cluster.id for cluster in clusters]
    return ClusterStory(
        tuple(clusters),
        tuple(present),
        _events(grid, bands, lives, names),
        _notes(grid, path, bands, rule),
        grid,
        bands,
        lives.cluster,
    )


def _clusters(grid: HeatGrid, bands: Bands, lives: Lives, last: int) -> tuple[list[Cluster], list[int]]:
    """Every cluster as it was when last seen, and the numbers of those seen in the latest column."""
    order = np.argsort(lives.cluster, kind="stable")[np.count_nonzero(lives.cluster < 0) :]
    owner = lives.cluster[order]
    if len(owner) == 0:
        return [], []
    begin = np.flatnonzero(np.diff(owner, prepend=-1))
    end = np.append(begin[1:], len(owner)) - 1
    band, birth = order[end], order[begin]
    column, born = bands.column[band], bands.column[birth]
    opening, closing = grid.time_edges[:-1][bands.columns], grid.time_edges[1:][bands.columns]
    lived = np.cumsum(closing - opening)
    wide = len(bands.columns) + last + 1
    seen = (
        np.arange(len(owner))[end]
        - np.searchsorted(owner * wide + bands.column[order], owner[end] * wide + column - last, "right")
        + 1
    )
    hot = seen / np.minimum(column + 1, last) if grid.is_stock else _evenness(grid, bands, band, last)
    side = bands.side[band]
    edges, venues, kind = grid.price_edges, grid.provenance.venue_names, grid.kind
    names = _names(side, closing[born], bands.centre[birth])
    rows = zip(
        names,
        side.tolist(),
        edges[bands.low[band]].tolist(),
        bands.centre[band].tolist(),
        edges[bands.high[band]].tolist(),
        bands.notional[band].tolist(),
        bands.peak[band].tolist(),
        bands.z[band].tolist(),
        closing[born],
        closing[column],
        opening[np.maximum(column - bands.window + 1, 0)],
        hot.tolist(),
        lived[column] - lived[born],
        strict=True,
    )
    clusters = [
        Cluster(
            id,
            tables.SIDES[s],
            low,
            centre,
            high,
            usd,
            peak,
            None if z != z else z,
            first,
            until,
            since,
            share,
            age,
            venues,
            kind,
        )
        for id, s, low, centre, high, usd, peak, z, first, until, since, share, age in rows
    ]
    return clusters, np.flatnonzero(column == len(bands.columns) - 1).tolist()


def _evenness(grid: HeatGrid, bands: Bands, band: np.ndarray, last: int) -> np.ndarray:
    """Share of the last columns in which a band of a flow took at least half of its average there."""
    flows = grid.long, grid.short
    out = np.empty(len(band))
    for i, (number, side, column) in enumerate(
        zip(band.tolist(), bands.side[band].tolist(), bands.column[band].tolist(), strict=True)
    ):
        rows = bands.columns[max(column - last + 1, 0) : column + 1]
        took = flows[side][rows, bands.low[number] : bands.high[number]].sum(axis=1, dtype=np.float64)
        out[i] = np.mean(took >= took.mean() / 2)
    return out


def _names(side: np.ndarray, born: np.ndarray, centre: np.ndarray) -> list[str]:
    """Ids that stay the same when the grid grows, because they hold nothing but the birth of the cluster."""
    taken: dict[str, int] = {}
    out = []
    for s, when, where in zip(
        side.tolist(), np.datetime_as_string(born, unit="m").tolist(), centre.tolist(), strict=True
    ):
        name = f"{tables.SIDES[s]}-{when}-{where:.6g}"
        taken[name] = taken.get(name, 0) + 1
        out.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return out


def _events(grid: HeatGrid, bands: Bands, lives: Lives, names: list[str]) -> tuple[ClusterEvent, ...]:
    happenings = lives.happenings
    band = np.array([item.band for item in happenings], dtype=np.intp)
    column = np.array([item.column for item in happenings], dtype=np.intp)
    edges, time = grid.price_edges, grid.time_edges[1:][bands.columns]
    facts = zip(
        happenings,
        time[column],
        bands.side[band].tolist(),
        edges[bands.low[band]].tolist(),
        edges[bands.high[band]].tolist(),
        strict=True,
    )
    return tuple(
        ClusterEvent(
            when,
            item.kind,  # type: ignore[arg-type]
            names[item.cluster],
            tables.SIDES[side],
            low,
            item.centre_after,
            high,
            item.before,
            item.after,
            item.centre_before,
            names[item.other] if item.other >= 0 else None,
            item.kind == "appeared" and item.column == 0,
        )
        for item, when, side, low, high in facts
    )


def _notes(grid: HeatGrid, path: PricePath, bands: Bands, rule: ClusterRule) -> tuple[str, ...]:
    notes = []
    if len(bands.columns) == 0:
        notes.append("No column of this map was observed, so there is nothing to find.")
    elif len(bands.columns) < grid.shape[0]:
        missing = grid.shape[0] - len(bands.columns)
        notes.append(
            f"{missing:,} of {grid.shape[0]:,} columns were not observed; they neither end nor age a cluster."
        )
    if path.source == "heat":
        notes.append(
            "No prices were given: price is guessed from the heat, and a cluster that price swept cannot be"
            " told from one that dissipated."
        )
    elif path.source == "closes" and grid.is_stock:
        notes.append(
            "Only closing prices were given: a wick that swept a cluster between two closes is reported as"
            " dissipation."
        )
    close = path.close[np.isfinite(path.close)]
    if len(close) and (
        close[-1] * np.exp(rule.reach) < grid.price_edges[0]
        or close[-1] * np.exp(-rule.reach) > grid.price_edges[-1]
    ):
        notes.append(
            f"The price ({wording.price(close[-1])}) lies far outside the map"
            f" ({wording.price(grid.price_edges[0])} to {wording.price(grid.price_edges[-1])}), so no cluster"
            " is within reach. Check that both are in the same currency."
        )
    return tuple(notes)


@dataclass(frozen=True)
class Concentration:
    """Of how many events a cluster is made, and how much of it is one event.

    `events` is their number, `notional` and `largest` USD, `largest_share` (0 to 1) the largest one's share
    and `effective` the number of equal events that would be as concentrated, 1 / Σ share².
    `venues` names the venues with events in it, most USD first.
    """

    events: int
    notional: float
    largest: float
    largest_share: float
    effective: float
    venues: tuple[str, ...]

    @property
    def single_print(self) -> bool:
        """True where one event is more than half of the cluster."""
        return self.largest_share > 0.5

    @property
    def sentence(self) -> str:
        if self.events == 0:
            return "No event of the table falls into this cluster."
        many = wording.count(self.events, "liquidation")
        one = f"the largest is {wording.usd(self.largest)}, {wording.percent(self.largest_share)} of it"
        if self.single_print:
            return f"This cluster is mostly one print: {many}, and {one}. It may be a single trader."
        return f"This cluster is made of {many}; {one}."


def concentration(
    cluster: Cluster, liquidations: pd.DataFrame, *, include_high: bool = False
) -> Concentration:
    """Tell one large print from many small ones: the events of a realised cluster, from `since` to
    `last_seen`.

    Parameters
    ----------
    liquidations : the liquidations table from which the grid was made.
    include_high : count events exactly at the upper edge, as the topmost bin of a grid does.

    Raises
    ------
    GridError
        The cluster is of a modelled or measured grid, which has no events.
    """
    if cluster.kind != "realised":
        raise GridError(
            f"A {cluster.kind} cluster is not made of events. Give a cluster of a realised heatmap."
        )
    events = tables.ensure(liquidations, "liquidations")
    window = np.array([cluster.since, cluster.last_seen]).astype("datetime64[us]").astype("int64")
    begin, end = np.searchsorted(tables.microseconds(events["time"]), window)
    events = events.iloc[begin:end]
    price = events["price"].to_numpy()
    inside = (price >= cluster.low) & ((price < cluster.high) | (include_high & (price == cluster.high)))
    inside &= events["side"].array.codes == tables.SIDES.index(cluster.side)
    usd = events["notional"].to_numpy()[inside]
    if len(usd) == 0:
        return Concentration(0, 0.0, 0.0, 0.0, 0.0, ())
    venues = events["venue"].to_numpy()[inside]
    by_venue = pd.Series(usd).groupby(venues.astype(str)).sum().sort_values(ascending=False, kind="stable")
    total = float(usd.sum())
    return Concentration(
        len(usd),
        total,
        float(usd.max()),
        float(usd.max()) / total,
        float(total**2 / (usd**2).sum()),
        tuple(by_venue.index),
    )


def _with_events(cluster: Cluster, liquidations: pd.DataFrame, grid: HeatGrid) -> Cluster:
    found = concentration(cluster, liquidations, include_high=cluster.high == grid.price_edges[-1])
    return replace(
        cluster,
        events=found.events,
        largest_share=found.largest_share if found.events else None,
        venues=found.venues or cluster.venues,
    )
