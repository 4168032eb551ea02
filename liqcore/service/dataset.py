"""What a page draws: one market's tables with their origin, and the heatmaps that settings ask of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds import samples
from liqcore.feeds.live import figures as live_figures
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.modelled import at_columns, modelled_heatmap
from liqcore.heat.models import DEFAULT
from liqcore.heat.realised import realised_heatmap, time_edges
from liqcore.market.candles import resample

Layer = Literal["realised", "modelled", "measured"]
Side = Literal["both", "long", "short", "net"]

# The model runs on five-minute candles at the finest unless one-minute columns are asked for: a fortnight
# of one-minute candles costs five times as much and draws the same bands.
_MODEL_STEP = np.timedelta64(5, "m")
MAX_COLUMNS = 3_000
_WALKED_COLUMNS = 1_000


class DataError(ValueError):
    """A view that the data at hand cannot give, in one sentence."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """One market: its tables, what to call it, and what to say about it on every chart.

    `key` tells caches two datasets apart. `lags` are seconds from event to arrival by venue, where known
    (half of the events come within them), `slowest` those within which 95 % come, where that was measured,
    and `beats` the minutes in which venues were heard of (`venue`, `minute` in µs), where that was recorded.
    """

    key: str
    label: str
    synthetic: bool
    candles: pd.DataFrame | None = None
    liquidations: pd.DataFrame | None = None
    open_interest: pd.DataFrame | None = None
    funding: pd.DataFrame | None = None
    venue_candles: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    lags: dict[str, float] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)
    beats: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    # The span (`liqcore.feeds.history.presets`) that a market of now was fetched for, empty for others, and
    # whose prices and open interest its modelled levels are made of, by name and in a sentence.
    window: str = ""
    made_of: str = ""
    modelled_of: tuple[str, ...] = ()
    # Why no liquidations are there, in a sentence, where that is known.
    untold: str = ""
    # As `key`, of all tables but the liquidations, where these come in between; empty where `key` is both.
    key_of_prices: str = ""

    @cached_property
    def venues(self) -> tuple[str, ...]:
        """Venues with liquidations, or with candles of their own."""
        names = list(self.venue_candles)
        if self.liquidations is not None and len(self.liquidations):
            seen = self.liquidations["venue"].cat
            counts = np.bincount(seen.codes, minlength=len(seen.categories))
            names += [str(name) for name, count in zip(seen.categories, counts, strict=True) if count]
        return tuple(dict.fromkeys(names))

    @property
    def first_layer(self) -> Layer:
        """What is shown first: modelled levels where the market has what they are made of."""
        if self.candles is None or self.candles.empty:
            return "realised"
        known = self.open_interest is not None and len(self.open_interest) > 0
        return "modelled" if known or self.liquidations is None else "realised"

    @cached_property
    def span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """First and last moment of any table that can be drawn, UTC."""
        ends: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        if self.candles is not None and len(self.candles):
            ends.append(
                (
                    self.candles["time"].iloc[0],
                    self.candles["time"].iloc[-1] + pd.Timedelta(candle_step(self.candles)),
                )
            )
        if self.liquidations is not None and len(self.liquidations):
            # Ends are exclusive, and the last event belongs to the window.
            ends.append(
                (
                    self.liquidations["time"].iloc[0],
                    self.liquidations["time"].iloc[-1] + pd.Timedelta(1, "us"),
                )
            )
        if not ends:
            raise DataError(
                "There is nothing to draw yet. Add a file with liquidations or candles, or open the sample"
                " market."
            )
        return min(first for first, _ in ends), max(last for _, last in ends)


def of_sample(name: str) -> Dataset:
    """A bundled sample market, `calm` or `violent`. Raises SampleError where there is none."""
    held = samples.load_sample(name, only=tables.COLUMNS)
    return Dataset(
        key=f"sample:{name}",
        label=held.label,
        synthetic=True,
        candles=held.candles,
        liquidations=held.liquidations,
        open_interest=held.open_interest,
        funding=held.funding,
        venue_candles=held.venue_candles,
        lags={venue.name: float(venue.lag_seconds) for venue in held.venues},
    )


@dataclass(frozen=True)
class Window:
    """The part of time and price that a view shows: `start`, `end` UTC, (low, high) USD."""

    start: np.datetime64
    end: np.datetime64
    low: float
    high: float


@dataclass(frozen=True)
class ViewSettings:
    """Everything that decides which cells a heatmap has; colours and marks are the chart's business.

    `reach` is half the price range as a fraction of the last price, None for the range that fits the
    window; `price_range` overrides it. `venues` empty means all.
    """

    layer: Layer = "realised"
    timeframe: str = "15m"
    hours: float | None = 72.0
    until: np.datetime64 | None = None
    reach: float | None = None
    price_range: tuple[float, float] | None = None
    bins: int = 150
    price_scale: Literal["linear", "log"] = "linear"
    venues: tuple[str, ...] = ()
    model: str = DEFAULT
    assumptions: Assumptions = field(default_factory=Assumptions)


def view_key(data: Dataset, settings: ViewSettings) -> str:
    """Tells caches two views apart: equal for equal maps, also where liquidations came that a modelled one
    does not show."""
    if settings.layer == "modelled":
        return f"{prices_key(data)}|{settings!r}"
    return f"{data.key}|{settings!r}"


def prices_key(data: Dataset) -> str:
    """Tells apart what markets hold beside their liquidations, and the span they can be shown for."""
    return f"{data.key_of_prices}|{data.span}" if data.key_of_prices else data.key


def candle_step(candles: pd.DataFrame) -> np.timedelta64:
    """The usual length of a candle: the most common distance between open times."""
    micros = tables.microseconds(candles["time"])
    if len(micros) < 2:
        return np.timedelta64(60_000_000, "us")
    steps, counts = np.unique(np.diff(micros), return_counts=True)
    return np.timedelta64(int(steps[counts.argmax()]), "us")


def market_candles(data: Dataset, venues: tuple[str, ...] = ()) -> pd.DataFrame:
    """Candles with the volume of the chosen venues; the price stays the market's.

    Raises DataError where the dataset has no candles.
    """
    if data.candles is None or data.candles.empty:
        raise DataError(
            "There are no candles, so neither price nor modelled levels can be drawn. Add a candles file."
        )
    chosen = [data.venue_candles[name] for name in venues if name in data.venue_candles]
    if not chosen or len(chosen) == len(data.venue_candles):
        return data.candles
    total = (
        pd.concat([table[["time", "volume", "taker_buy_volume"]] for table in chosen])
        .groupby("time")
        .sum(min_count=1)
    )
    volumes = total.reindex(data.candles["time"])
    return data.candles.assign(
        volume=volumes["volume"].to_numpy(), taker_buy_volume=volumes["taker_buy_volume"].to_numpy()
    )


def window(data: Dataset, settings: ViewSettings) -> Window:
    """The time and price window that the settings ask for, within what the dataset holds."""
    first, last = data.span
    if settings.until is None and data.key.startswith("files:"):
        # What was brought for this layer ends where its own table ends, not where longer candles do.
        own = data.liquidations if settings.layer == "realised" else data.candles
        if own is not None and len(own):
            step = pd.Timedelta(tables.timeframe(settings.timeframe))
            length = step if settings.layer == "realised" else pd.Timedelta(candle_step(own))
            last = min(last, own["time"].iloc[-1].floor(min(step, length)) + length)
    until = last if settings.until is None else min(pd.Timestamp(settings.until, tz="UTC"), last)
    start = first if settings.hours is None else max(first, until - pd.Timedelta(hours=settings.hours))
    if start >= until:
        raise DataError(
            f"The window ends before the data begins ({wording.when(first)}). Choose a later end."
        )
    low, high = settings.price_range or _price_range(data, start, until, settings)
    if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
        raise DataError("The price range is empty. Give a low above zero and a higher high.")
    return Window(tables.to_datetime64(start), tables.to_datetime64(until), float(low), float(high))


def _price_range(
    data: Dataset, start: pd.Timestamp, end: pd.Timestamp, settings: ViewSettings
) -> tuple[float, float]:
    """The traded range with room around it; modelled levels stand further away than events do."""
    low, high, last = _traded(data, start, end)
    if settings.reach is not None:
        return last * (1 - settings.reach), last * (1 + settings.reach)
    room = 0.01 * last if settings.layer == "realised" else 0.04 * last
    return low - room, high + room


def _traded(data: Dataset, start: pd.Timestamp, end: pd.Timestamp) -> tuple[float, float, float]:
    if data.candles is not None and len(data.candles):
        since = start.floor("s") - pd.Timedelta(candle_step(data.candles))
        inside = _rows(data.candles, since, end, "left")
        if inside.start < inside.stop:
            opened, highs, lows, closed = (
                data.candles[name].to_numpy()[inside] for name in ("open", "high", "low", "close")
            )
            # A wick more than half away from its own body is a slip of the feed, and would flatten the map.
            bottom, top = np.minimum(opened, closed), np.maximum(opened, closed)
            low = np.where(lows >= bottom / 2, lows, bottom).min()
            high = np.where(highs <= top * 2, highs, top).max()
            return float(low), float(high), float(closed[-1])
    events = data.liquidations
    if events is not None and len(events):
        inside = _rows(events, start, end, "right")
        if inside.start < inside.stop:
            price = events["price"].to_numpy()[inside]
            return float(price.min()), float(price.max()), float(price[-1])
    raise DataError(
        "This window holds neither candles nor liquidations. Choose a longer window or another end."
    )


def _rows(
    table: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, side: Literal["left", "right"]
) -> slice:
    """The rows of a table, ascending in time, from `start` on and before `end` (up to it: `right`)."""
    micros = tables.microseconds(table["time"])
    first = int(np.searchsorted(micros, -(-start.as_unit("ns").value // 1_000)))
    return slice(first, int(np.searchsorted(micros, end.as_unit("ns").value // 1_000, side)))


def last_price(data: Dataset | None) -> float | None:
    """The last close of a market, USD; None where it has no candles."""
    if data is None or data.candles is None or data.candles.empty:
        return None
    return float(data.candles["close"].iloc[-1])


def about_price(data: Dataset) -> float:
    """A price to start with, USD: the last one, of a market without candles that of its newest event, which
    may lie off it."""
    events = data.liquidations
    newest = float(events["price"].iloc[-1]) if events is not None and len(events) else 28_000.0
    return last_price(data) or newest


def price_bars(data: Dataset, settings: ViewSettings) -> pd.DataFrame | None:
    """Candles of the window at the view's timeframe, or None where the dataset has none."""
    if data.candles is None or data.candles.empty:
        return None
    view = window(data, settings)
    candles = _between(market_candles(data, settings.venues), view.start, view.end)
    if tables.timeframe(settings.timeframe) <= candle_step(data.candles):
        return candles.reset_index(drop=True)
    return resample(candles, settings.timeframe, partial=True)[list(tables.CANDLES)]


def heatmap(data: Dataset, settings: ViewSettings) -> HeatGrid:
    """The HeatGrid that the settings ask of the dataset.

    Raises DataError, GridError or TableError, each with a sentence for the user.
    """
    if settings.layer == "measured":
        raise DataError("Measured positions are a venue's own; this market does not hold them.")
    return (realised if settings.layer == "realised" else modelled)(data, settings)


def realised(data: Dataset, settings: ViewSettings) -> HeatGrid:
    """Liquidations that happened, at the view's timeframe; columns outside the recording are gaps."""
    events = data.liquidations
    if events is None or events.empty:
        raise DataError(
            data.untold
            or "There are no liquidations here, so nothing that happened can be drawn. Add a liquidations"
            " file, or switch to modelled levels."
        )
    view = window(data, settings)
    _check_columns(view, settings.timeframe)
    held = (events["time"].iloc[0], events["time"].iloc[-1])
    events = events_in_view(data, settings)
    grid = realised_heatmap(
        events,
        timeframe=settings.timeframe,
        bins=settings.bins,
        scale=settings.price_scale,
        start=view.start,
        end=view.end,
        price_range=(view.low, view.high),
        source=data.label,
        candles=data.candles,
    )
    if data.synthetic:
        return grid
    if data.beats is not None:
        return replace(grid, observed=live_figures.observed(data.beats, grid.time_edges, settings.venues))
    # Nobody says a file was recording before its first and after its last event.
    first, last = (tables.to_datetime64(edge) for edge in held)
    observed = (grid.time_edges[1:] > first) & (grid.time_edges[:-1] <= last)
    return replace(grid, observed=observed)


def events_in_view(data: Dataset, settings: ViewSettings) -> pd.DataFrame:
    """The liquidations of the view's venues in its window: those that its realised map adds up."""
    events = data.liquidations
    if events is None:
        raise DataError("The liquidations behind this map are not at hand.")
    view = window(data, settings)
    micros = tables.microseconds(events["time"])
    begin, stop = np.searchsorted(micros, [edge.astype("int64") for edge in (view.start, view.end)])
    events = events.iloc[begin:stop]
    return events[events["venue"].isin(settings.venues)] if settings.venues else events


def modelled(data: Dataset, settings: ViewSettings) -> HeatGrid:
    """Where open positions would be closed, as the chosen model estimates it.

    The model runs on all the history before the window's end, so that levels built earlier stand.
    """
    view = window(data, settings)
    _check_columns(view, settings.timeframe)
    candles, interest = model_inputs(data, settings)
    return modelled_heatmap(
        candles,
        open_interest=interest,
        funding=data.funding,
        model=settings.model,
        assumptions=settings.assumptions,
        bins=settings.bins,
        time_edges=time_edges(view.start, view.end, settings.timeframe),
        price_range=(view.low, view.high),
        venue=_modelled_of(data, settings),
        source=data.label,
    )


def _modelled_of(data: Dataset, settings: ViewSettings) -> tuple[str, ...]:
    """Whose volume and open interest a modelled map is made of: that of the chosen venues that have any."""
    interest = () if data.open_interest is None else data.open_interest["venue"].unique()
    known = {*data.venue_candles, *map(str, interest)}
    if told := tuple(name for name in settings.venues if name in known):
        return told
    if settings.venues and data.venue_candles:
        raise DataError(
            "There are neither candles nor open interest of"
            f" {wording.joined(wording.venues(settings.venues))} here, so no levels can be modelled. Choose"
            " other venues, or none of them for all."
        )
    return data.modelled_of or data.venues or ("all venues",)


def walked(data: Dataset, settings: ViewSettings) -> ViewSettings | None:
    """The view of shorter columns that holds all columns of this one, None where there is none.

    One walk through the candles makes both, so whoever keeps the short columns has every longer timeframe of
    the same window without walking again (`columns_of`).
    """
    if settings.layer != "modelled" or data.candles is None or data.candles.empty:
        return None
    view, asked = window(data, settings), tables.timeframe(settings.timeframe)
    shortest = max(_MODEL_STEP, candle_step(data.candles))
    for name in tables.TIMEFRAMES:
        step = tables.timeframe(name)
        if step >= asked:
            return None
        if step >= shortest and (view.end - view.start) // step <= _WALKED_COLUMNS:
            return replace(settings, timeframe=name)
    return None


def columns_of(grid: HeatGrid, data: Dataset, settings: ViewSettings) -> HeatGrid:
    """The view of longer columns from a map of `walked` ones."""
    view = window(data, settings)
    _check_columns(view, settings.timeframe)
    return at_columns(grid, time_edges(view.start, view.end, settings.timeframe))


def model_inputs(data: Dataset, settings: ViewSettings) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Candles up to the window's end at the step the model runs on, and the open interest of the chosen
    venues."""
    candles = _between(market_candles(data, settings.venues), None, window(data, settings).end)
    native, step = candle_step(candles), tables.timeframe(settings.timeframe)
    model_step = max(native, min(step, _MODEL_STEP))
    if model_step > native:
        candles = resample(candles, model_step, partial=True)[list(tables.CANDLES)]
    interest = data.open_interest
    if interest is not None and settings.venues:
        chosen = interest[interest["venue"].isin(settings.venues)]
        interest = chosen if len(chosen) else interest
    return candles, interest


def until_end(data: Dataset, settings: ViewSettings) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Candles and liquidations of the view's venues from the beginning of the data to the window's end."""
    end = window(data, settings).end
    candles = (
        None
        if data.candles is None or data.candles.empty
        else _between(market_candles(data, settings.venues), None, end)
    )
    events = data.liquidations
    if events is not None:
        events = events.iloc[: int(np.searchsorted(tables.microseconds(events["time"]), end.astype("int64")))]
        if settings.venues:
            events = events[events["venue"].isin(settings.venues)]
    return candles, events


def heard_until(data: Dataset, names: Iterable[str], end: np.datetime64) -> dict[str, np.datetime64]:
    """Until when each of some venues is known to have been listened to: the end of a simulated window, or its
    last recorded minute.

    A file does not say, so that a venue's silence there may be a broken feed.
    """
    if data.synthetic:
        return dict.fromkeys(names, end)
    if data.beats is None or data.beats.empty:
        return {}
    minutes = data.beats[data.beats["minute"] < end.astype("datetime64[us]").astype("int64")]
    last = minutes.groupby("venue", observed=True)["minute"].max() + 60_000_000
    return {name: np.datetime64(int(last[name]), "us") for name in names if name in last.index}


def heartbeats(data: Dataset) -> pd.DataFrame | None:
    """When each venue is known to have been heard, `time` and `venue`: always in a simulated market, in its
    recorded minutes in another, unknown (None) in a file."""
    if data.beats is not None and len(data.beats):
        heard = pd.to_datetime(data.beats["minute"].to_numpy(), unit="us", utc=True)
        return pd.DataFrame({"time": heard, "venue": data.beats["venue"].to_numpy()})
    if not data.synthetic or data.candles is None or data.candles.empty:
        return None
    first, last = data.candles["time"].iloc[[0, -1]]
    every = pd.date_range(first, last, freq="15min")
    return pd.DataFrame({"time": np.repeat(every, len(data.venues)), "venue": [*data.venues] * len(every)})


def moment_of(
    settings: ViewSettings, end: np.datetime64, candles: pd.DataFrame | None
) -> np.datetime64 | None:
    """From when the ages of venues are counted: the end of a view or of its candles; None in a past window,
    where venues are judged beside each other."""
    if settings.until is not None:
        return None
    if candles is None or len(candles) < 2:
        return end
    last = np.datetime64(int(tables.microseconds(candles["time"])[-1]), "us")
    return max(end.astype("datetime64[us]"), last + candle_step(candles))


def _between(candles: pd.DataFrame, start: np.datetime64 | None, end: np.datetime64) -> pd.DataFrame:
    micros = tables.microseconds(candles["time"])
    first = 0 if start is None else int(np.searchsorted(micros, start.astype("int64")))
    return candles.iloc[first : int(np.searchsorted(micros, end.astype("int64")))].reset_index(drop=True)


def _check_columns(view: Window, timeframe: str) -> None:
    columns = int((view.end - view.start) // tables.timeframe(timeframe)) + 1
    if columns > MAX_COLUMNS:
        raise DataError(
            f"{columns:,} columns of {timeframe} are more than a chart can show ({MAX_COLUMNS:,}). "
            "Choose a longer timeframe or a shorter window."
        )


__all__ = [
    "DataError",
    "Dataset",
    "GridError",
    "Layer",
    "Side",
    "ViewSettings",
    "Window",
    "candle_step",
    "columns_of",
    "events_in_view",
    "heatmap",
    "market_candles",
    "model_inputs",
    "modelled",
    "price_bars",
    "realised",
    "until_end",
    "walked",
    "window",
]
