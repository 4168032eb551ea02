"""What could be seen of a scenario's market at one bar, and nothing that came or arrived later."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.realised import realised_heatmap, time_edges
from liqcore.learn.scenarios import Scenario, Step
from liqcore.market.candles import resample
from liqcore.reading import Reading, TimeframeReading, read_level, read_timeframes

BINS = 120
LAST = 12
# Clusters are judged beside their surroundings: a map as narrow as the drawn one has none.
_REACH, _WIDE_BINS = 0.06, 240


@dataclass(frozen=True, eq=False)
class Seen:
    """The tables cut at `at`: closed candles, liquidations that had happened and arrived, and what follows
    from them.

    `liquidations` are of all venues, `shown` those of the step. `arrivals` (n,) belongs to `liquidations`.
    Maps, clusters and readings are made on first use.
    """

    scenario: Scenario
    step: Step
    at: np.datetime64
    candles: pd.DataFrame
    liquidations: pd.DataFrame
    arrivals: np.ndarray
    open_interest: pd.DataFrame
    funding: pd.DataFrame

    @cached_property
    def bars(self) -> pd.DataFrame:
        """Closed bars of the step's timeframe."""
        return resample(self.candles, self.step.timeframe, source="1m")

    @cached_property
    def shown(self) -> pd.DataFrame:
        """Liquidations of the venues that the step shows."""
        if not self.step.venues:
            return self.liquidations
        return self.liquidations[self.liquidations["venue"].isin(self.step.venues)].reset_index(drop=True)

    @cached_property
    def price_range(self) -> tuple[float, float]:
        """USD range of the maps: what was traded so far and the level, with some room."""
        prices = [self.candles["low"].min(), self.candles["high"].max(), *self._drawn]
        room = 0.006 * self.scenario.level if self.step.layer == "realised" else 0.03 * self.scenario.level
        return float(min(prices) - room), float(max(prices) + room)

    @property
    def _drawn(self) -> list[float]:
        """Prices that the picture must hold: the level, the plan once it is drawn, and the cluster where it
        is pointed at."""
        plan, box = self.scenario.plan, self.step.highlight
        out = [self.scenario.level]
        if self.scenario.planned(self.step):
            out += [plan.entry, plan.stop, *(target.price for target in plan.targets)]
        if box is not None and self.cluster is not None and "cluster_low" in (box.low, box.high):
            out += [self.cluster.low, self.cluster.high]
        return out

    @cached_property
    def grid(self) -> HeatGrid:
        """The map of the step's layer, venues and timeframe."""
        return (
            self._realised(self.shown, self.price_range, BINS)
            if self.step.layer == "realised"
            else self._modelled(self.price_range)
        )

    @cached_property
    def wide(self) -> HeatGrid:
        """The same over a wide range of prices, in which clusters are looked for."""
        return (
            self._realised(self.shown, self._reach, _WIDE_BINS)
            if self.step.layer == "realised"
            else self._modelled(self._reach)
        )

    @property
    def _reach(self) -> tuple[float, float]:
        return self.scenario.level * (1 - _REACH), self.scenario.level * (1 + _REACH)

    def _realised(self, events: pd.DataFrame, prices: tuple[float, float], bins: int) -> HeatGrid:
        return realised_heatmap(
            events,
            timeframe=self.step.timeframe,
            bins=bins,
            start=self.scenario.start,
            end=self.at,
            price_range=prices,
            source=self.scenario.label,
        )

    def _modelled(self, prices: tuple[float, float]) -> HeatGrid:
        candles = resample(self.candles, "5m", source="1m")
        return modelled_heatmap(
            candles,
            open_interest=self.open_interest,
            bins=BINS,
            time_edges=time_edges(self.scenario.start, self.at, self.step.timeframe),
            price_range=prices,
            venue=self.scenario.venues,
            source=self.scenario.label,
        )

    @cached_property
    def by_venue(self) -> dict[str, HeatGrid]:
        """The realised map of each venue; a venue that printed nothing has an empty one."""
        venues = self.step.venues or self.scenario.venues
        events = self.liquidations
        return {
            venue: self._realised(
                events[events["venue"] == venue].reset_index(drop=True), self._reach, _WIDE_BINS
            )
            for venue in venues
        }

    @cached_property
    def near(self) -> pd.DataFrame:
        """Shown events of the last bars within the tolerance of the level."""
        since = pd.Timestamp(self.at - LAST * tables.timeframe(self.step.timeframe), tz="UTC")
        low, high = self.band
        events = self.shown
        return events[(events["time"] >= since) & (events["price"] >= low) & (events["price"] <= high)]

    @cached_property
    def untraded(self) -> tuple[int, str]:
        """How many filled cells of a realised map lie where no candle of their column was, and which venue's
        bankruptcy prices most of them are; empty where they are none."""
        grid = self.grid
        if grid.kind != "realised" or self.shown.empty:
            return 0, ""
        edges = grid.time_edges.astype("datetime64[us]")
        times = tables.microseconds(self.candles["time"])
        starts = np.searchsorted(times, edges.astype("int64"))
        high, low = (self.candles[name].to_numpy() for name in ("high", "low"))
        reach = [
            (low[a:b].min(), high[a:b].max()) if b > a else (np.inf, -np.inf)
            for a, b in pairwise(starts.tolist())
        ]
        lowest, highest = np.array(reach).T
        beyond = (grid.price_edges[:-1][None, :] > highest[:, None]) | (
            grid.price_edges[1:][None, :] < lowest[:, None]
        )
        cells = int((beyond & (grid.total > 0)).sum())
        events = self.shown
        column = np.searchsorted(edges.astype("int64"), tables.microseconds(events["time"]), "right") - 1
        column = np.clip(column, 0, len(lowest) - 1)
        price = events["price"].to_numpy()
        away = (price > highest[column]) | (price < lowest[column])
        bankrupt = away & (events["price_kind"] == "bankruptcy").to_numpy()
        if not cells or 2 * bankrupt.sum() <= away.sum():
            return cells, ""
        return cells, str(events.loc[bankrupt, "venue"].astype(str).mode().iloc[0])

    @property
    def band(self) -> tuple[float, float]:
        """USD within the tolerance of the level."""
        return self.scenario.level * float(np.exp(-self.scenario.tolerance)), self.scenario.level * float(
            np.exp(self.scenario.tolerance)
        )

    @cached_property
    def cluster(self) -> Cluster | None:
        """The cluster nearest to the level, the larger of two that are as near."""
        found = find_clusters(
            self.wide,
            LAST,
            price=self.candles,
            liquidations=self.shown if self.step.layer == "realised" else None,
        )
        return (
            min(
                found,
                key=lambda cluster: (round(cluster.distance(self.scenario.level), 4), -cluster.notional),
            )
            if found
            else None
        )

    @cached_property
    def reading(self) -> Reading:
        """The six-step reading of the level."""
        return read_level(
            self.wide,
            self.candles,
            level=self.scenario.level,
            tolerance=self.scenario.tolerance,
            by_venue=self.by_venue if self.step.layer == "realised" else None,
            liquidations=self.shown,
            open_interest=self.open_interest,
            funding=self.funding,
            at=self.at,
            now=self.at,
            timeframe=self.step.timeframe,
            last=LAST,
        )

    @cached_property
    def timeframes(self) -> dict[str, TimeframeReading]:
        """The level in bars of 15 minutes, an hour and four hours, where the step's own bars are no
        longer."""
        own = tables.timeframe(self.step.timeframe)
        frames = [frame for frame in ("15m", "1h", "4h") if tables.timeframe(frame) >= own]
        rows = read_timeframes(
            self.wide,
            self.candles,
            level=self.scenario.level,
            timeframes=frames,
            tolerance=self.scenario.tolerance,
            at=self.at,
            last=LAST,
        )
        return {row.timeframe: row for row in rows}


def see(scenario: Scenario, step: Step, bar: int | None = None) -> Seen:
    """Cut a scenario's market at a bar, by default the step's own; an event counts once it has reached a
    listener."""
    at = scenario.at(step.bar if bar is None else bar)
    micros, market = at.astype("int64"), scenario.market
    arrived = (market.arrivals <= at) & (tables.microseconds(market.liquidations["time"]) < micros)
    return Seen(
        scenario=scenario,
        step=step,
        at=at,
        candles=_before(market.candles, at - np.timedelta64(60_000_000 - 1, "us")),
        liquidations=market.liquidations[arrived].reset_index(drop=True),
        arrivals=market.arrivals[arrived],
        open_interest=_before(market.open_interest, at + np.timedelta64(1, "us")),
        funding=_before(market.funding, at + np.timedelta64(1, "us")),
    )


def _before(table: pd.DataFrame, moment: np.datetime64) -> pd.DataFrame:
    return table.iloc[: int(np.searchsorted(tables.microseconds(table["time"]), moment.astype("int64")))]
