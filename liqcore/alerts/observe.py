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
from liqcore.alerts.rules import RuleError, span
from liqcore.heat.agreement import venue_grounds
from liqcore.heat.bands import Bands, ClusterRule
from liqcore.heat.cluster_story import follow
from liqcore.heat.clusters import ClusterStory, hot_bands, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.ground import Ground, ground_of
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.price_path import price_path
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.votes import held, vote
from liqcore.market.candles import atr, resample
from liqcore.market.signals import find_signals
from liqcore.tables import TableError

DAY = np.timedelta64(24, "h").astype("timedelta64[us]")
# Chance at which one venue is called hot, the same however many are heard later; bars before a day that are
# asked
# as well, and how many at a time.
_VENUE_CHANCE, _BEFORE, _CHUNK = 0.005, 3, 64
# Funding is judged against up to 90 readings of 8 hours.
_FUNDING_PAST = np.timedelta64(40 * 24, "h").astype("timedelta64[us]")


@dataclass(frozen=True)
class Settings:
    """How the market is looked at; the same for all rules of an engine.

    Attributes
    ----------
    timeframe : length of a bar and of a column of the maps. candles : length of the candles that are given.
    lookback : time before each UTC day that is seen with it; clusters older than that are given a new id at
        midnight, which the engine knows for the old one by place and side.
    window : columns over which clusters are measured, as `last` in `track_clusters`.
    bin_width, reach : share of price of a bin, and log-distance to either side that the maps cover.
    stale : a venue that sent nothing for so long does not count as fresh.
    delay : seconds that a closed bar, and an event, is given for late data before it is judged. What arrives
        later still counts in the bars after it, but what it would have told at its own bar is not told any
        more: live, make the delay as long as the slowest venue's lag.
    late : seconds that an event may come after the delay and still be told by a rule that is told of events.
    """

    timeframe: str = "5min"
    candles: str = "1min"
    lookback: str = "24h"
    window: int = 12
    bin_width: float = 0.001
    reach: float = 0.25
    stale: str = "1h"
    delay: float = 0.0
    late: float = 600.0
    clusters: ClusterRule = field(default_factory=ClusterRule)

    def __post_init__(self) -> None:
        for name in ("timeframe", "candles", "lookback", "stale"):
            span(name, getattr(self, name))
        if (
            DAY % self.step
            or tables.timeframe(self.lookback) % self.step
            or self.step % tables.timeframe(self.candles)
        ):
            raise RuleError(
                "The timeframe must divide a day and the lookback, and be a multiple of the candles given."
            )
        if not (
            1 <= self.window <= 500
            and 1e-4 <= self.bin_width <= 0.02
            and 0.02 <= self.reach <= 1
            and 0 <= self.delay <= 3_600
            and 0 <= self.late <= 3_600
        ):
            raise RuleError(
                "Settings: window 1 to 500, bin_width 0.0001 to 0.02, reach 0.02 to 1, delay and late 0 to"
                " 3,600 seconds."
            )

    @property
    def step(self) -> np.timedelta64:
        return tables.timeframe(self.timeframe)


@dataclass(frozen=True, eq=False)
class AlertData:
    """Tables as far as they are needed: from `needed_since` on, up to now.

    `heartbeats` has `time` and `venue`: when a venue was heard of without an event. `external` has `time` and
    `name`, and may have `side`, `price` and `text`: signals from outside, such as TradingView's.
    """

    liquidations: pd.DataFrame | None = None
    candles: pd.DataFrame | None = None
    open_interest: pd.DataFrame | None = None
    funding: pd.DataFrame | None = None
    heartbeats: pd.DataFrame | None = None
    external: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        for name in ("liquidations", "candles", "open_interest", "funding"):
            given = getattr(self, name)
            object.__setattr__(
                self, name, tables.empty(name) if given is None else tables.ensure(given, name)
            )
        for name, columns in (("heartbeats", ("time", "venue")), ("external", ("time", "name"))):
            object.__setattr__(self, name, _loose(getattr(self, name), name, columns))

    def between(self, start: np.datetime64, end: np.datetime64) -> AlertData:
        """The rows from `start` up to but without `end`; of funding also the past that tells what is
        usual."""
        cut = {
            name: _rows(getattr(self, name), start, end)
            for name in ("liquidations", "candles", "open_interest", "heartbeats", "external")
        }
        return AlertData(**cut, funding=_rows(self.funding, start - _FUNDING_PAST, end))


def needed_since(after: np.datetime64, settings: Settings) -> np.datetime64:
    """From when on tables are needed to judge the bars that close after a moment (funding: 40 days more)."""
    return _day(after) - tables.timeframe(settings.lookback)


def days(after: np.datetime64, now: np.datetime64, settings: Settings) -> list[np.datetime64]:
    """The UTC days with moments later than `after` that are judged at `now`."""
    last = judged(now, settings)
    return [] if last <= after else list(np.arange(_day(after), last, DAY))


def judged(now: np.datetime64, settings: Settings) -> np.datetime64:
    """The latest moment that is judged at `now`: the delay earlier."""
    return now.astype("datetime64[us]") - np.timedelta64(round(settings.delay * 1e6), "us")


@dataclass(frozen=True, eq=False)
class Frames:
    """One UTC day bar by bar, with the stretch before it; (T,) arrays by bar, everything as known at its
    close.

    `edges` (T + 1,) are the bars' borders, `begin` the first bar of the day itself. Maps, clusters and
    signals are made when first asked for, and kept. `recent` also has the events of the bar that is still
    running.
    """

    data: AlertData
    recent: AlertData
    settings: Settings
    edges: np.ndarray
    begin: int
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        return len(self.edges) - 1

    def bars(self, length: str) -> int:
        """A length of time in bars, at least one."""
        return max(int(tables.timeframe(length) // self.settings.step), 1)

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
        """(T,) bool: whether a venue has a cluster of the side near the level, by its own threshold."""
        return self.keep(
            ("hot", heat, venue, side, level, within), lambda: self._hot(heat, venue, side, level, within)
        )

    def shown(
        self, side: str, level: float, within: float, bars: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(K, B) bool: which venues are hot near a level at some bars, and which cold, by their realised
        maps."""
        grounds = self.keep(("grounds",), self._grounds)
        low, high = (np.full(len(bars), level * np.exp(way * within)) for way in (-1, 1))
        hot, cold = (np.zeros((len(grounds), len(bars)), dtype=bool) for _ in range(2))
        for code, name in enumerate(tables.SIDES):
            if side not in ("both", name) or not len(bars) or not grounds:
                continue
            since = self.keep(("since", code), lambda code=code: self._since(code))[bars]
            found = vote(grounds, code, bars, since, low, high, _VENUE_CHANCE)
            hot, cold = hot | found.hot, cold | found.cold
        return hot, cold & ~hot

    def agreed(
        self, side: str, level: float, within: float, bar: int, venues: tuple[str, ...]
    ) -> tuple[int, int, float, float]:
        """How many of some venues are hot and cold near a level at one bar, and the shares of the largest
        venue and of the largest order in the USD there, as `heat.agreement.agreement` asks."""
        grounds = [
            one
            for name, one in zip(self.heard_of, self.keep(("grounds",), self._grounds), strict=True)
            if name in venues
        ]
        if not grounds:
            return 0, 0, 0.0, 0.0
        code, rows = tables.SIDES.index(side), np.array([bar])
        since = self.keep(("since", code), lambda: self._since(code))[rows]
        low, high = (np.array([level * np.exp(way * within)]) for way in (-1, 1))
        found = vote(grounds, code, rows, since, low, high)
        edges = (low[0], high[0]), (found.low[0], found.high[0])
        there = [held(grounds, code, bar, int(since[0]), *map(float, pair)) for pair in edges]
        return (
            int(found.hot.sum()),
            int(found.cold.sum()),
            max(one.venue_share for one in there),
            max(one.order_share for one in there),
        )

    @property
    def heard_of(self) -> list[str]:
        """Venues that have a realised map, in the order of their grounds."""
        return [venue for venue in self.venues if self.grid("realised", venue) is not None]

    def _grounds(self) -> list[Ground]:
        grids = {venue: grid for venue in self.venues if (grid := self.grid("realised", venue)) is not None}
        if not grids:
            return []
        return venue_grounds(grids, dict.fromkeys(grids, self._price("realised")), self.data.liquidations)[0]

    def _since(self, side: int) -> np.ndarray:
        """(T,) the first bar of each bar's window, by the orders of all venues."""
        ground = self.keep(("ground",), self._ground)
        return ground.since(side, self.settings.clusters.window)

    def _ground(self) -> Ground:
        grid = self.grid("realised")
        assert grid is not None
        price = self._price("realised")
        return ground_of(grid, price_path(grid, price), price, self.data.liquidations)

    def _hot(self, heat: str, venue: str, side: str, level: float, within: float) -> np.ndarray:
        if heat == "realised":
            return self.keep(
                ("shown", side, level, within), lambda: self._shown_by_bar(side, level, within)
            ).get(venue, np.zeros(self.size, dtype=bool))
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

    def _shown_by_bar(self, side: str, level: float, within: float) -> dict[str, np.ndarray]:
        """(T,) bool by venue: whether it is hot near the level, at the bars of the day and a few before
        it."""
        names = self.heard_of
        out = {venue: np.zeros(self.size, dtype=bool) for venue in names}
        bars = np.arange(max(self.begin - _BEFORE, 0), self.size)
        if len(bars) and names:
            # Where hardly an order lies near the level, no venue can be hot.
            held = sum(
                (self.near("realised", venue, "both", level, 2 * within + 0.005) > 0).astype(int)
                for venue in names
            )
            total = np.concatenate([[0], np.cumsum(held)])
            first = np.minimum(self._since(0), self._since(1))[bars]
            bars = bars[total[bars + 1] - total[first] >= 2]
        for begin in range(0, len(bars), _CHUNK):
            part = bars[begin : begin + _CHUNK]
            hot, _ = self.shown(side, level, within, part)
            for row, venue in enumerate(names):
                out[venue][part] = hot[row]
        return out

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


def observe(data: AlertData, settings: Settings, day: np.datetime64, now: np.datetime64) -> Frames:
    """The frames of one UTC day as far as its bars have closed; later rows are not looked at."""
    start, step = day - tables.timeframe(settings.lookback), settings.step
    until = min(day + DAY, judged(now, settings))
    edges = np.arange(start, max((until - start) // step, 1) * step + start + step, step)
    # An event at the very moment belongs to what is known then.
    recent = data.between(start, until + np.timedelta64(1, "us"))
    # A reading of open interest counts from its own time on, the close of a bar included.
    interest = _rows(recent.open_interest, start, edges[-1] + np.timedelta64(1, "us"))
    return Frames(
        replace(recent.between(start, edges[-1]), open_interest=interest),
        recent,
        settings,
        edges,
        int((day - start) // step),
    )


def _day(moment: np.datetime64) -> np.datetime64:
    return moment.astype("datetime64[us]").astype("datetime64[D]").astype("datetime64[us]")


def _rows(frame: pd.DataFrame | None, start: np.datetime64, end: np.datetime64) -> pd.DataFrame:
    micros = tables.microseconds(frame["time"])  # type: ignore[index]
    first, last = np.searchsorted(micros, [start.astype("int64"), end.astype("int64")])
    return frame.iloc[int(first) : int(last)].reset_index(drop=True)  # type: ignore[union-attr]


def _carry(values: np.ndarray) -> np.ndarray:
    seen = (
        np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
        if len(values)
        else np.zeros(0, dtype=int)
    )
    return np.where(seen < 0, np.nan, values[seen]) if len(values) else values


def _loose(frame: pd.DataFrame | None, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    if frame is None:
        frame = pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    missing = next((column for column in columns if column not in frame), None)
    if missing is not None:
        raise TableError(f"The {name} lack the column '{missing}'. They need {' and '.join(columns)}.")
    if str(frame["time"].dtype) == tables.TIME_DTYPE and frame["time"].is_monotonic_increasing:
        return frame
    frame = frame.reset_index(drop=True)
    return frame.assign(time=tables.parse_time(frame["time"])).sort_values(
        "time", kind="stable", ignore_index=True
    )
