"""What rules look at: maps, clusters, venues and prices, bar by bar, computed once and shared by all rules.

Time is cut into UTC days. The bars of a day are seen with a fixed stretch of time before it, never with
more, so that what a bar shows depends neither on how much data was handed over nor on what came later.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.alerts.inputs import DAY, AlertData, Settings, judged, rows_between
from liqcore.alerts.venue_votes import Place, VenueVotes
from liqcore.heat.bands import Bands
from liqcore.heat.cluster_story import follow
from liqcore.heat.clusters import ClusterStory, hot_bands, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.ground import ground_of
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.price_path import price_path
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.venue_shows import venue_grounds
from liqcore.market.candles import atr, resample
from liqcore.market.signals import find_signals

# Bars before a day at which venues are asked as well.
_BEFORE = 3


@dataclass(frozen=True, eq=False)
class Frames:
    """One UTC day bar by bar, with the stretch before it; (T,) arrays by bar, everything as known at its
    close.

    `edges` (T + 1,) are the bars' borders, `begin` the first bar of the day itself. Maps, clusters and
    signals are made when first asked for, and kept. `recent` also has the events of the bar that is still
    running. `places` are those that venues will be asked about.
    """

    data: AlertData
    recent: AlertData
    settings: Settings
    edges: np.ndarray
    begin: int
    places: tuple[Place, ...] = ()
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        return len(self.edges) - 1

    def bars(self, length: str) -> int:
        """A length of time in bars, at least one."""
        return self.keep(
            ("bars", length), lambda: max(int(tables.timeframe(length) // self.settings.step), 1)
        )

    def bar_of(self, times: pd.Series) -> np.ndarray:
        """The bar in which each moment falls."""
        return (tables.microseconds(times) - self.edges[0].astype("int64")) // self.settings.step.astype(
            "int64"
        )

    def keep(self, key: Any, make: Any) -> Any:
        """The value of `make()`, made once for each key."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    @cached_property
    def candles(self) -> pd.DataFrame:
        """Bars of the timeframe that are complete, in order."""
        if self.data.candles is None or self.data.candles.empty:
            return tables.empty("candles")
        return resample(self.data.candles, self.settings.timeframe, source=self.settings.candles)

    @cached_property
    def prices(self) -> dict[str, np.ndarray]:
        """`close`, `low`, `high` and `atr` (USD); a bar without candles keeps the last close, NaN before the
        first."""
        at = self.bar_of(self.candles["time"])
        out = {name: np.full(self.size, np.nan) for name in ("close", "low", "high", "atr")}
        for name in ("close", "low", "high"):
            out[name][at] = self.candles[name].to_numpy()
        if len(at):
            out["atr"][at] = atr(self.candles, timeframe=self.settings.timeframe)
        out["close"], out["atr"] = _carry(out["close"]), _carry(out["atr"])
        out["low"], out["high"] = (
            np.where(np.isnan(out[name]), out["close"], out[name]) for name in ("low", "high")
        )
        return out

    @cached_property
    def path(self) -> pd.DataFrame | None:
        """The bars without holes, so that their spacing says how long one is; None without candles."""
        known = np.isfinite(self.prices["close"])
        if not known.any():
            return None
        close = self.prices["close"][known]
        return tables.candles(
            pd.DataFrame(
                {
                    "time": pd.DatetimeIndex(self.edges[:-1][known], tz="UTC"),
                    "open": close,
                    "close": close,
                    "high": np.maximum(self.prices["high"][known], close),
                    "low": np.minimum(self.prices["low"][known], close),
                }
            )
        )

    @cached_property
    def venues(self) -> tuple[str, ...]:
        """Venues heard of in the stretch, by name."""
        events, beats = self.data.liquidations, self.data.heartbeats
        heard = set(events["venue"].unique()) | set(beats["venue"].unique())  # type: ignore[index]
        return tuple(sorted(str(name) for name in heard))

    def names(self, heat: str) -> tuple[str, ...]:
        """The venues of a kind of map: those that sent events, or those with open interest."""
        if heat == "realised":
            return self.venues
        found = sorted(str(name) for name in self.data.open_interest["venue"].unique())  # type: ignore[index]
        return tuple(found) or ("market",)

    @cached_property
    def price_range(self) -> tuple[float, float] | None:
        """Edges of the maps in USD, around the first price of the stretch; None without any."""
        events, bars = self.data.liquidations, self.candles
        first = []
        if len(bars):
            first.append(
                (bars["time"].iloc[0] + pd.Timedelta(self.settings.step), float(bars["close"].iloc[0]))
            )
        if len(events):  # type: ignore[arg-type]
            first.append((events["time"].iloc[0], float(events["price"].iloc[0])))  # type: ignore[index]
        if not first:
            return None
        middle = round(np.log(min(first)[1]) / self.settings.bin_width)
        half = round(self.settings.reach / self.settings.bin_width)
        return float(np.exp((middle - half) * self.settings.bin_width)), float(
            np.exp((middle + half) * self.settings.bin_width)
        )

    def grid(self, heat: str, venue: str | None = None) -> HeatGrid | None:
        """The map of one venue, or of all together; None where there is nothing to make it of."""
        return self.keep(("grid", heat, venue), lambda: self._grid(heat, venue))

    def _grid(self, heat: str, venue: str | None) -> HeatGrid | None:
        if self.price_range is None:
            return None
        bins = 2 * round(self.settings.reach / self.settings.bin_width)
        if heat == "realised":
            events = self.data.liquidations
            if venue is not None:
                events = self._events(heat, venue)
            return realised_heatmap(
                events,  # type: ignore[arg-type]
                self.settings.timeframe,
                bins,
                "log",
                self.edges[0],
                self.edges[-1],
                self.price_range,
            )
        interest = self.data.open_interest
        if venue is not None and len(interest):  # type: ignore[arg-type]
            interest = interest[(interest["venue"] == venue).to_numpy()].reset_index(drop=True)  # type: ignore[index]
        if self.candles.empty or (interest.empty and self.candles["volume"].isna().all()):  # type: ignore[union-attr]
            return None
        return modelled_heatmap(
            self.candles,
            interest if len(interest) else None,  # type: ignore[arg-type]
            bins=bins,
            price_range=self.price_range,
            time_edges=self.edges,
            venue=venue or self.names(heat),
        )

    def story(self, heat: str) -> ClusterStory | None:
        """The clusters of the map of all venues and what happened to them."""
        grid = self.grid(heat)
        return (
            None
            if grid is None
            else self.keep(
                ("story", heat),
                lambda: track_clusters(
                    grid,
                    self.settings.window,
                    price=self._price(heat),
                    rule=self.settings.clusters,
                    liquidations=self._events(heat, None),
                ),
            )
        )

    def births(self, heat: str) -> dict[str, int | None]:
        """When each cluster of the story was first seen, by its id, in microseconds; None for those that may
        be older.

        Flows are measured over the last columns, so what stood before the stretch seems to be born while they
        fill.
        """
        story = self.story(heat)
        known = self.edges[0] + DAY
        return (
            {}
            if story is None
            else self.keep(
                ("births", heat),
                lambda: {
                    one.id: (
                        int(one.first_seen.astype("datetime64[us]").astype("int64"))
                        if one.first_seen > known
                        else None
                    )
                    for one in story.clusters
                },
            )
        )

    def bands(self, heat: str, venue: str | None = None) -> tuple[Bands, np.ndarray, np.ndarray] | None:
        """The hot bands of a map that belong to clusters, the bar (N,) of each, and the number of its cluster
        in the story."""
        grid = self.grid(heat, venue)
        return (
            None
            if grid is None
            else self.keep(("bands", heat, venue), lambda: self._bands(grid, heat, venue))
        )

    def _bands(self, grid: HeatGrid, heat: str, venue: str | None) -> tuple[Bands, np.ndarray, np.ndarray]:
        rule = self.settings.clusters
        found, path, _ = hot_bands(grid, self._price(heat), rule, self._events(heat, venue))
        lives = follow(found, path, rule, self.settings.window)
        kept = found.where(lives.cluster >= 0)
        return kept, found.columns[kept.column], lives.cluster[lives.cluster >= 0]

    def _price(self, heat: str) -> pd.DataFrame | None:
        """The candles a map is judged by: of a realised one the finest, of a model the bars without holes."""
        if heat == "realised" and self.data.candles is not None and len(self.data.candles):
            return self.data.candles
        return self.path

    def _events(self, heat: str, venue: str | None) -> pd.DataFrame | None:
        """The events behind a realised map."""
        events = self.data.liquidations
        if heat != "realised" or events is None or venue is None:
            return events if heat == "realised" else None
        return events[(events["venue"] == venue).to_numpy()].reset_index(drop=True)

    def near(self, heat: str, venue: str, side: str, level: float | None, within: float) -> np.ndarray:
        """(T,) float64: USD of a side in each column near a level (everywhere for None); cut bins count in
        part."""
        return self.keep(
            ("near", heat, venue, side, level, within), lambda: self._near(heat, venue, side, level, within)
        )

    def _near(self, heat: str, venue: str, side: str, level: float | None, within: float) -> np.ndarray:
        grid = self.grid(heat, venue)
        if grid is None:
            return np.zeros(self.size)
        if side == "both":
            return self.near(heat, venue, "long", level, within) + self.near(
                heat, venue, "short", level, within
            )
        values = grid.side(side)  # type: ignore[arg-type]
        if level is None:
            return values.sum(axis=1, dtype=np.float64)
        edges = np.clip(grid.price_edges, level * np.exp(-within), level * np.exp(within))
        share = np.diff(edges) / np.diff(grid.price_edges)
        held = np.flatnonzero(share > 0)
        # Row by row: a matrix product may round differently with the number of rows.
        return (values[:, held] * share[held]).sum(axis=1) if held.size else np.zeros(self.size)

    def hot(self, heat: str, venue: str, side: str, level: float, within: float) -> np.ndarray:
        """(T,) bool: whether a venue has a cluster of the side near the level, by its own threshold.

        A realised map is asked at the bars of the day and a few before it.
        """
        if heat == "realised":
            return self.votes.hot(venue, Place(side, level, within))
        return self.keep(
            ("hot", heat, venue, side, level, within), lambda: self._hot(heat, venue, side, level, within)
        )

    def _hot(self, heat: str, venue: str, side: str, level: float, within: float) -> np.ndarray:
        out, found = np.zeros(self.size, dtype=bool), self.bands(heat, venue)
        if found is not None:
            bands, bar, _ = found
            edges = bands.edges
            close = (
                bands.strong
                & (edges[bands.low] <= level * np.exp(within))
                & (edges[bands.high] >= level * np.exp(-within))
            )
            out[bar[close & ((side == "both") | (bands.side == (side == "short")))]] = True
        return out

    @cached_property
    def votes(self) -> VenueVotes:
        """What venues with a realised map show, on one ground."""
        grids = {venue: grid for venue in self.venues if (grid := self.grid("realised", venue)) is not None}
        bars = np.arange(max(self.begin - _BEFORE, 0), self.size)
        if not grids:
            return VenueVotes([], [], np.zeros((2, self.size), dtype=np.int64), bars)
        price, events, all_ = self._price("realised"), self.data.liquidations, self.grid("realised")
        grounds, _ = venue_grounds(grids, dict.fromkeys(grids, price), events)
        assert all_ is not None
        together = ground_of(all_, price_path(all_, price), price, events)
        since = np.stack([together.since(side, self.settings.clusters.window) for side in (0, 1)])
        return VenueVotes(list(grids), grounds, since, bars, self.places)

    def heard(self, venue: str) -> np.ndarray:
        """(T,) int64 microseconds of the last news of a venue by the close of each bar; the smallest int64
        before any."""
        return self.keep(("heard", venue), lambda: self._heard(venue))

    def _heard(self, venue: str) -> np.ndarray:
        times = [
            tables.microseconds(frame["time"])[(frame["venue"] == venue).to_numpy()]  # type: ignore[index]
            for frame in (self.data.liquidations, self.data.heartbeats)
        ]
        known = np.sort(np.concatenate(times))
        count = np.searchsorted(known, self.edges[1:].astype("int64"), "left")
        return np.append(np.iinfo(np.int64).min // 2, known)[count]

    def fresh(self, heat: str, venue: str) -> np.ndarray:
        """(T,) bool: whether a venue counts at the close of each bar. A model has no feed of its own that
        could stop."""
        if heat == "modelled":
            return np.isfinite(self.prices["close"])
        limit = tables.timeframe(self.settings.stale).astype("int64")
        return self.edges[1:].astype("int64") - self.heard(venue) <= limit

    def signals(self, level: float | None) -> pd.DataFrame:
        """Price-action signals at one level, or funding signals for None, with `bar`, the one at whose close
        they were known."""
        return self.keep(("signals", level), lambda: self._signals(level))

    def _signals(self, level: float | None) -> pd.DataFrame:
        levels = [] if level is None else [level]
        if self.candles.empty:
            return find_signals(
                tables.empty("candles"), levels, timeframe=self.settings.timeframe
            ).table.assign(bar=0)
        found = find_signals(self.candles, levels, timeframe=self.settings.timeframe).table
        return found.assign(bar=self.bar_of(found["time"]))


def observe(
    data: AlertData,
    settings: Settings,
    day: np.datetime64,
    now: np.datetime64,
    places: tuple[Place, ...] = (),
) -> Frames:
    """The frames of one UTC day as far as its bars have closed; later rows are not looked at.

    `places` are those that rules will ask venues about: told beforehand, they are answered together.
    """
    start, step = day - tables.timeframe(settings.lookback), settings.step
    until = min(day + DAY, judged(now, settings))
    edges = np.arange(start, max((until - start) // step, 1) * step + start + step, step)
    # An event at the very moment belongs to what is known then.
    recent = data.between(start, until + np.timedelta64(1, "us"))
    # A reading of open interest counts from its own time on, the close of a bar included.
    interest = rows_between(recent.open_interest, start, edges[-1] + np.timedelta64(1, "us"))
    return Frames(
        replace(recent.between(start, edges[-1]), open_interest=interest),
        recent,
        settings,
        edges,
        int((day - start) // step),
        places,
    )


def _carry(values: np.ndarray) -> np.ndarray:
    seen = (
        np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
        if len(values)
        else np.zeros(0, dtype=int)
    )
    return np.where(seen < 0, np.nan, values[seen]) if len(values) else values
