"""Clusters: hot bands of a grid, followed over time, with a name for what happened to each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.distances import gap
from liqcore.heat.bands import Bands, ClusterRule
from liqcore.heat.cluster_story import Lives, follow
from liqcore.heat.flow_bands import SideFindings, find_flow_bands, side_findings
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.ground import Ground, ground_of
from liqcore.heat.orders import Orders
from liqcore.heat.price_path import PricePath, price_path
from liqcore.heat.stock_bands import find_stock_bands

# Prints further apart (µs) belong to different stays of price in a band.
_STAY = 30 * 60_000_000
EventKind = Literal[
    "appeared", "grew", "shrank", "shifted", "swept", "dissipated", "re-emerged", "merged", "split"
]


@dataclass(frozen=True)
class Cluster:
    """One hot band of one side, as it was when it was last seen.

    Of a realised map a cluster claims a level: more orders than time, volume, travel and new ground explain,
    and more than its busiest moments do. Of a stock it claims that heat rises above a smooth profile and
    above the unevenness of the map.

    Attributes
    ----------
    id : the same for the same cluster in every column; made of its side, birth and place.
    side : `long` or `short`, the positions that were or would be liquidated.
    low, centre, high : USD; the band is [low, high). The centre is the mean of its orders, of a stock that of
        its heat.
    notional, peak : USD in the band, and in its hottest bin. Of a flow, over the columns since `since`.
    z : the chance as standard deviations of a bell curve.
    first_seen, last_seen : datetime64 UTC, closing edges of the first and the last column in which it was
    hot.
    since : datetime64 UTC, opening edge of the first column that `notional` counts.
    persistence : share (0 to 1) of the last `last` observed columns in which it was hot.
    age : timedelta64, observed time from first_seen to last_seen.
    venues : venues of the map, or those with orders in the band where the events were given.
    kind : `realised`, `modelled` or `measured`.
    expected : orders that the price path explains at most, of a stock USD of the smooth profile.
    chance : that a map without any cluster shows one like this anywhere on its side.
    beyond_busy : whether it beats its busiest moments in its last column too; None for a stock.
    orders, visits : orders in the band, and the stays of price (half an hour apart) in which they came.
    events, largest_share, venue_share : prints that the orders were filled in, and the shares of the largest
        order and of the largest venue in its USD; None where the events were not given.
    """

    id: str
    side: Literal["long", "short"]
    low: float
    centre: float
    high: float
    notional: float
    peak: float
    z: float
    first_seen: np.datetime64
    last_seen: np.datetime64
    since: np.datetime64
    persistence: float
    age: np.timedelta64
    venues: tuple[str, ...]
    kind: str
    expected: float = float("nan")
    chance: float = float("nan")
    beyond_busy: bool | None = None
    orders: int | None = None
    visits: int | None = None
    events: int | None = None
    largest_share: float | None = None
    venue_share: float | None = None

    @property
    def ratio(self) -> float:
        """How many times what is expected: orders to orders, of a stock USD to USD."""
        held = self.notional if self.orders is None else float(self.orders)
        return held / max(self.expected, 1e-9)

    @property
    def odds(self) -> str:
        """The chance in words."""
        return odds(self.chance)

    @property
    def sentence(self) -> str:
        """What was found, beside what was expected, and how likely that is by chance."""
        place = f"between {wording.price(self.low)} and {wording.price(self.high)}"
        if self.orders is None:
            return (
                f"{wording.usd(self.notional)} of {self.side} positions {place},"
                f" {wording.decimal(self.ratio, 1)} times the smooth profile at that distance from price."
                f" Chance on a map without any cluster: {self.odds}."
            )
        stays = "in one stay of price" if self.visits == 1 else f"over {self.visits} stays of price"
        return (
            f"{self.orders:,} {self.side} liquidations {place}, {stays}; where price went explains about"
            f" {wording.decimal(max(self.expected, 0.1), 0 if self.expected >= 10 else 1)}. Chance anywhere"
            f" on a map without any cluster: {self.odds}."
        )

    def distance(self, level: float) -> float:
        """|ln(nearest edge / level)|, by which they are matched; 0 if the level is inside."""
        return gap(self.low, self.high, level)


@dataclass(frozen=True)
class Ridge:
    """A bright line of a stock that does not beat the map's own unevenness: `ratio` to the smooth profile,
    prices and `notional` in USD. It is not a cluster."""

    side: Literal["long", "short"]
    low: float
    centre: float
    high: float
    notional: float
    ratio: float

    @property
    def sentence(self) -> str:
        return (
            f"A ridge of {wording.usd(self.notional)} of {self.side} positions between"
            f" {wording.price(self.low)} and {wording.price(self.high)}, {wording.decimal(self.ratio, 1)}"
            " times the smooth profile: no more than the map's own roughness."
        )


def side_at(clusters: Iterable[Cluster], level: float, tolerance: float) -> Literal["long", "short"] | None:
    """The side of the largest cluster within a tolerance of a level, or None: the side in question there."""
    at = [one for one in clusters if one.distance(level) <= tolerance]
    return max(at, key=lambda one: one.notional).side if at else None


def odds(chance: float) -> str:
    """A chance in words, never finer than 1 in 1,000."""
    if chance < 1e-3:
        return "less than 1 in 1,000"
    if chance > 0.5:
        return "more than 1 in 2"
    number = 1 / chance
    step = 1 if number < 10 else 5 if number < 50 else 10 if number < 100 else 50
    return f"about 1 in {max(round(number / step) * step, 2):,}"


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
    present : those that stand out in the latest observed column, most USD first.
    events : ClusterEvents in order of time; what lies up to a column does not depend on later columns.
    notes : sentences on what could not be known, for instance sweeps without prices.
    ridges : bright lines of the latest column of a stock that are no clusters, the brightest first.
    findings : what the latest window of each side of a realised map allows to say; empty for a stock.
    """

    clusters: tuple[Cluster, ...]
    present: tuple[Cluster, ...]
    events: tuple[ClusterEvent, ...]
    notes: tuple[str, ...]
    ridges: tuple[Ridge, ...]
    findings: tuple[SideFindings, ...]
    # The edges (T + 1,) of the map's columns, and its bands without the cells they were found in: who keeps a
    # story keeps no map.
    _time_edges: np.ndarray = field(repr=False)
    _bands: Bands = field(repr=False)
    _cluster_of: np.ndarray = field(repr=False)

    @property
    def silent_sides(self) -> tuple[str, ...]:
        """Sides whose latest column cannot be judged: too empty a stock, or too few orders of a flow."""
        if self._bands.flow:
            return tuple(one.side for one in self.findings if not one.can_say)
        return tuple(name for name, mute in zip(tables.SIDES, self._bands.silent, strict=True) if mute)

    @cached_property
    def standing(self) -> pd.DataFrame:
        """Where clusters stood out, one row a cluster and column: `column` of the grid, `side`, `low`,
        `high`."""
        bands = self._bands
        some = np.flatnonzero((self._cluster_of >= 0) & bands.strong)
        return pd.DataFrame(
            {
                "column": bands.columns[bands.column[some]],
                "side": np.array(tables.SIDES)[bands.side[some]],
                "low": bands.edges[bands.low[some]],
                "high": bands.edges[bands.high[some]],
            }
        )

    def cluster(self, id: str) -> Cluster:
        """The cluster with this id, or KeyError."""
        return self.clusters[self._number[id]]

    def events_of(self, id: str) -> tuple[ClusterEvent, ...]:
        """What happened to one cluster, and what merged into it or split from it."""
        return tuple(event for event in self.events if id in (event.cluster, event.other))

    def history(self, id: str) -> pd.DataFrame:
        """One cluster column by column: `time` (closing edge), `low`, `centre`, `high`, `notional`, `peak`,
        `z`."""
        bands, edges = self._bands, self._bands.edges
        of = np.flatnonzero(self._cluster_of == self._number[id])
        of = of[np.argsort(bands.column[of], kind="stable")]
        return pd.DataFrame(
            {
                "time": pd.DatetimeIndex(self._time_edges[1:][bands.columns[bands.column[of]]], tz="UTC"),
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
    """The clusters of the latest observed column, most USD first.

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
    """Find the clusters of every column, follow them over time, and name what happened to them.

    Parameters
    ----------
    grid : HeatGrid of any kind. Columns that were not observed are passed over: they neither end nor age
        a cluster. Its bins decide nothing, as long as they are fine enough to hold what is looked for.
    last : observed columns over which persistence and change are measured.
    price : candles table, or (T,) closing prices in USD. A realised map is judged against the path they show;
        the finer the candles, the better. Without prices the judgement is weaker, `notes` says how, and
        nothing is said to have been swept.
    rule : thresholds; by default those of `ClusterRule`. Its `window` is how much time a column of a realised
        map stands for.
    liquidations : liquidations table behind a realised grid. Without it each filled cell counts as one order.

    Raises
    ------
    GridError
        `last` below 1, or prices that do not fit the grid.
    """
    if last < 1:
        raise GridError("`last` counts columns: give 1 or more.")
    rule = rule or ClusterRule()
    bands, path, ground = hot_bands(grid, price, rule, liquidations)
    lives = follow(bands, path, rule, last)
    clusters, latest = _clusters(grid, bands, lives, last)
    if ground is not None:
        clusters = [_with_orders(one, ground, liquidations is not None) for one in clusters]
    present = sorted((clusters[number] for number in latest), key=lambda c: (-c.notional, c.id))
    names = [cluster.id for cluster in clusters]
    return ClusterStory(
        tuple(clusters),
        tuple(present),
        _events(grid, bands, lives, names),
        _notes(grid, path, bands, rule, ground),
        _ridges(bands),
        _findings(ground, rule, bands),
        grid.time_edges,
        replace(bands, heat=(np.empty((0, 0)), np.empty((0, 0)))),
        lives.cluster,
    )


def hot_bands(
    grid: HeatGrid,
    price: pd.DataFrame | np.ndarray | None,
    rule: ClusterRule,
    liquidations: pd.DataFrame | None,
) -> tuple[Bands, PricePath, Ground | None]:
    """The bands of every observed column, the price beside the grid, and the ground of a realised one."""
    path = price_path(grid, price)
    if grid.is_stock:
        return find_stock_bands(grid, path, rule), path, None
    candles = tables.ensure(price, "candles") if isinstance(price, pd.DataFrame) else None
    events = None if liquidations is None else tables.ensure(liquidations, "liquidations")
    ground = ground_of(grid, path, candles, events)
    return find_flow_bands(ground, np.flatnonzero(np.asarray(grid.observed)), rule), path, ground


def _findings(ground: Ground | None, rule: ClusterRule, bands: Bands) -> tuple[SideFindings, ...]:
    if ground is None or not len(bands.columns):
        return ()
    return tuple(side_findings(ground, rule, bands, side, name) for side, name in enumerate(tables.SIDES))


def _ridges(bands: Bands) -> tuple[Ridge, ...]:
    """Bright lines of the latest column of a stock that are no clusters now, the brightest first."""
    if bands.flow or not len(bands.columns):
        return ()
    rest = np.flatnonzero((bands.column == len(bands.columns) - 1) & ~bands.strong)
    made = [
        Ridge(
            tables.SIDES[bands.side[i]],
            float(bands.edges[bands.low[i]]),
            float(bands.centre[i]),
            float(bands.edges[bands.high[i]]),
            float(bands.notional[i]),
            float(bands.notional[i] / max(bands.expected[i], 1e-9)),
        )
        for i in rest.tolist()
    ]
    return tuple(sorted(made, key=lambda one: -one.ratio))


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
    side = bands.side[band]
    first = column if bands.since is None else bands.since[side, column]
    names = _names(side, closing[born], bands.centre[birth])
    z, venues = bands.z[band], grid.provenance.venue_names
    clusters = [
        Cluster(
            id=names[i],
            side=tables.SIDES[side[i]],
            low=float(bands.edges[bands.low[at]]),
            centre=float(bands.centre[at]),
            high=float(bands.edges[bands.high[at]]),
            notional=float(bands.notional[at]),
            peak=float(bands.peak[at]),
            z=float(z[i]),
            first_seen=closing[born[i]],
            last_seen=closing[column[i]],
            since=opening[first[i]],
            persistence=float(seen[i] / min(column[i] + 1, last)),
            age=lived[column[i]] - lived[born[i]],
            venues=venues,
            kind=grid.kind,
            expected=float(bands.expected[at]),
            chance=float(bands.chance[at]),
            beyond_busy=bool(bands.strong[at]) if bands.flow else None,
        )
        for i, at in enumerate(band.tolist())
    ]
    # What only carries on what stood out before claims nothing now.
    return clusters, np.flatnonzero((column == len(bands.columns) - 1) & bands.strong[band]).tolist()


def _with_orders(cluster: Cluster, ground: Ground, events: bool) -> Cluster:
    """A realised cluster with what its orders tell: how many, from whom, in how many stays of price."""
    held = cluster_orders(cluster, ground)
    total = float(held.usd.sum())
    if not len(held.usd) or total <= 0:
        return cluster
    stays = 1 + int((np.diff(held.time) > _STAY).sum())
    if not events:
        return replace(cluster, orders=round(float(held.weight.sum())), visits=stays)
    usd = np.bincount(held.venue, held.usd, minlength=len(held.names))
    venues = tuple(held.names[i] for i in np.argsort(-usd, kind="stable") if usd[i] > 0)
    return replace(
        cluster,
        orders=len(held.usd),
        events=int(held.events.sum()),
        visits=stays,
        largest_share=float(held.usd.max()) / total,
        venues=venues,
        venue_share=min(float(usd.max()) / total, 1.0),
    )


def cluster_orders(cluster: Cluster, ground: Ground) -> Orders:
    """The orders that a realised cluster is made of."""
    since, until = (
        moment.astype("datetime64[us]").astype("int64") for moment in (cluster.since, cluster.last_seen)
    )
    low, high = ground.lattice.bin(np.log([cluster.low, cluster.high]))
    inside = (
        (ground.orders.side == tables.SIDES.index(cluster.side)) & (ground.bin >= low) & (ground.bin < high)
    )
    return ground.orders.where(inside & (ground.orders.time >= since) & (ground.orders.time < until))


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
    edges, time = bands.edges, grid.time_edges[1:][bands.columns]
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


def _notes(
    grid: HeatGrid, path: PricePath, bands: Bands, rule: ClusterRule, ground: Ground | None
) -> tuple[str, ...]:
    notes = list(ground.notes) if ground is not None else []
    if len(bands.columns) == 0:
        notes.append("No column of this map was observed, so there is nothing to find.")
    elif len(bands.columns) < grid.shape[0]:
        missing = grid.shape[0] - len(bands.columns)
        notes.append(
            f"{missing:,} of {grid.shape[0]:,} columns were not observed; they neither end nor age a cluster."
        )
    if path.source == "heat" and ground is None:
        notes.append(
            "No prices were given: price is guessed from the heat, and a cluster that price swept cannot be"
            " told from one that dissipated."
        )
    elif path.source == "closes" and grid.is_stock:
        notes.append(
            "Only closing prices were given: a wick that swept a cluster between two closes is reported as"
            " dissipation."
        )
    if any(bands.silent):
        sides = wording.joined(
            [name for name, silent in zip(tables.SIDES, bands.silent, strict=True) if silent]
        )
        notes.append(
            f"Fewer than half of the bins within reach are filled on the {sides} side in the latest column:"
            " what stands out from empty bins cannot be said."
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
