"""What the live page says in numbers: pure functions of the events, heartbeats and candles held at a
moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from liqcore import tables
from liqcore.heat.append import append_events
from liqcore.heat.grid import HeatGrid, least_complete
from liqcore.heat.realised import realised_heatmap, time_edges

if TYPE_CHECKING:
    from liqcore.feeds.live.window import Events

SPANS: Final = {"5 min": 300, "1 h": 3_600, "4 h": 14_400, "24 h": 86_400}
_MINUTE: Final = 60_000_000


def totals(events: Events, now: int, minutes: ArrayLike = ()) -> pd.DataFrame:
    """Liquidated USD of the last 5 minutes, hour, 4 hours and 24 hours.

    Returns one row a span: `span`, `long`, `short`, `events`, `completeness` of the venues that contributed,
    and by `minutes`, the beginnings (µs) of those in which someone was heard: `heard`, how many of them lie
    in the span, and `whole`, whether that is all of it. A sum of 0 that nobody `heard` is no figure.
    """
    listened = np.unique(np.asarray(minutes, dtype=np.int64))
    listened = listened[listened <= now]
    kinds = events.words["completeness"]
    firsts = np.array([now - seconds * 1_000_000 for seconds in SPANS.values()])
    # Each event counts once, in the shortest span that holds it; the longer ones are running sums.
    moment = events.columns["time"]
    cell = np.zeros(len(moment), dtype=np.intp)
    for first in firsts:
        cell += moment < first
    cell[moment > now] = len(firsts)
    shape = len(firsts) + 1, len(tables.SIDES), len(kinds)
    for name, size in (("side", shape[1]), ("completeness", shape[2])):
        cell *= size
        cell += events.columns[name]
    usd, count = (
        np.bincount(cell, weights, minlength=int(np.prod(shape))).reshape(shape).cumsum(axis=0)
        for weights in (events.columns["notional"], None)
    )
    rows = []
    for place, (name, seconds) in enumerate(SPANS.items()):
        # The minute in which a span begins counts; the newest is told of only when it is over.
        heard = min(int((listened > firsts[place] - _MINUTE).sum()), seconds // 60)
        flags = [kind for kind, seen in zip(kinds, count[place].sum(axis=0), strict=True) if seen]
        rows.append(
            {
                "span": name,
                "long": float(usd[place, 0].sum()),
                "short": float(usd[place, 1].sum()),
                "events": int(count[place].sum()),
                "completeness": (
                    ("mixed" if len(flags) > 1 else least_complete(flags)) if flags else "unknown"
                ),
                "heard": heard,
                "whole": heard >= seconds // 60 - 1,
            }
        )
    return pd.DataFrame(rows)


def tape(events: Events, minimum: float = 0.0, most: int = 50) -> pd.DataFrame:
    """The newest events of at least `minimum` USD, newest first, with `late`: seconds from event to
    arrival."""
    moment = events.columns["time"]
    keep = np.flatnonzero(events.columns["notional"] >= minimum) if minimum > 0 else None
    times = moment if keep is None else moment[keep]
    last = np.argpartition(times, -most)[-most:] if len(times) > most else np.arange(len(times))
    keep = last if keep is None else keep[last]
    return _listed(events, keep[np.lexsort((events.columns["id"][keep], moment[keep]))[::-1]])


def biggest(events: Events, most: int = 10) -> pd.DataFrame:
    """The largest events held, largest first."""
    usd = events.columns["notional"]
    top = np.argpartition(usd, -most)[-most:] if len(usd) > most else np.arange(len(usd))
    return _listed(events, top[np.argsort(usd[top], kind="stable")[::-1]])


def delays(events: Events) -> pd.DataFrame:
    """Seconds from event to arrival of what came live, by venue: `venue`, `events`, `median`, `p90`, `p95`,
    `p99`, `longest`.

    What a history told later says nothing about speed and is left out. A negative delay means that the clock
    of this computer is behind the venue's.
    """
    live = [code for code, word in enumerate(events.words["origin"]) if word in ("socket", "replay")]
    kept = events.where(np.isin(events.columns["origin"], live))
    names = (
        np.array(events.words["venue"], dtype=object)[kept.columns["venue"]]
        if len(kept)
        else np.empty(0, dtype=object)
    )
    frame = pd.DataFrame({"venue": names, "late": (kept.columns["arrived"] - kept.columns["time"]) / 1e6})
    grouped = frame.groupby("venue")["late"]
    out = pd.DataFrame(
        {
            "events": grouped.size(),
            "median": grouped.median(),
            "p90": grouped.quantile(0.9),
            "p95": grouped.quantile(0.95),
            "p99": grouped.quantile(0.99),
            "longest": grouped.max(),
        }
    )
    return out.reset_index()


def delay_histogram(
    events: Events, edges: tuple[float, ...] = (0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900)
) -> pd.DataFrame:
    """How many live events of each venue took how long to arrive: `venue`, `from`, `to` (seconds),
    `events`."""
    live = [code for code, word in enumerate(events.words["origin"]) if word in ("socket", "replay")]
    kept = events.where(np.isin(events.columns["origin"], live))
    late = (kept.columns["arrived"] - kept.columns["time"]) / 1e6
    slot = np.clip(np.searchsorted(edges, late, "right") - 1, 0, len(edges) - 1)
    counts = np.zeros((len(events.words["venue"]), len(edges)), dtype=np.int64)
    np.add.at(counts, (kept.columns["venue"], slot), 1)
    venue, bar = np.nonzero(counts)
    upper = [*edges[1:], np.inf]
    return pd.DataFrame(
        {
            "venue": [events.words["venue"][code] for code in venue.tolist()],
            "from": [float(edges[one]) for one in bar.tolist()],
            "to": [float(upper[one]) for one in bar.tolist()],
            "events": counts[venue, bar],
        }
    )


def coverage(beats: pd.DataFrame, since: int, until: int) -> pd.DataFrame:
    """When each venue was heard of: runs of minutes as `venue`, `start`, `end` (datetime64, UTC), `how`
    (`live` or `history`).

    `beats` has `venue`, `minute` (µs), `frames`; a minute without frames is one that a history covers.
    """
    if beats.empty:
        return pd.DataFrame({"venue": [], "start": [], "end": [], "how": []})
    held = beats[(beats["minute"] >= since - _MINUTE) & (beats["minute"] < until)].sort_values(
        ["venue", "minute"], kind="stable"
    )
    minute, live = held["minute"].to_numpy(), held["frames"].to_numpy() > 0
    venue = held["venue"].to_numpy()
    begins = np.ones(len(held), dtype=bool)
    begins[1:] = (venue[1:] != venue[:-1]) | (minute[1:] - minute[:-1] != _MINUTE) | (live[1:] != live[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(held)) - 1 if len(held) else first
    return pd.DataFrame(
        {
            "venue": venue[first],
            "start": pd.to_datetime(np.maximum(minute[first], since), unit="us", utc=True),
            "end": pd.to_datetime(np.minimum(minute[last] + _MINUTE, until), unit="us", utc=True),
            "how": np.where(live[first], "live", "history"),
        }
    )


def observed(beats: pd.DataFrame, edges: np.ndarray, venues: Sequence[str] = ()) -> np.ndarray:
    """(T,) bool: whether any of the venues (all, if none are named) was heard of in a column."""
    mine = beats if not venues else beats[beats["venue"].isin(venues)]
    column = np.searchsorted(edges.astype("int64"), mine["minute"].to_numpy(dtype=np.int64), "right") - 1
    out = np.zeros(len(edges) - 1, dtype=bool)
    out[column[(column >= 0) & (column < len(out))]] = True
    return out


def price_venue(candles: pd.DataFrame, order: Sequence[str] = ()) -> str:
    """The venue whose price is the market's: the one with the most candles, the earlier in `order` where that
    is equal."""
    counts = candles.groupby("venue").size()
    rank = {name: place for place, name in enumerate(order)}
    return str(max(counts.index, key=lambda name: (counts[name], -rank.get(name, len(rank)))))


def joined_candles(candles: pd.DataFrame, order: Sequence[str] = ()) -> pd.DataFrame:
    """One candles table of the market from those of several venues: the price of one, the volume of all.

    The price is that of the venue with the most candles, the earlier in `order` where that is equal, so that
    no jump stands where one venue ends and another begins. Taker volume is the sum of those venues that tell
    it.
    """
    if candles.empty:
        return tables.empty("candles")
    chosen = price_venue(candles, order)
    price = candles[candles["venue"] == chosen].drop(columns="venue").set_index("time")
    # A share of taker volume of part of the venues is no share of the whole.
    told = candles.assign(known=candles["volume"].where(candles["taker_buy_volume"].notna()))
    sums = told.groupby("time")[["volume", "taker_buy_volume", "known"]].sum(min_count=1)
    taker = sums["taker_buy_volume"] * (sums["volume"] / sums["known"])
    both = price.assign(volume=sums["volume"], taker_buy_volume=taker.clip(upper=sums["volume"]))
    return tables.candles(both.reset_index())


@dataclass(frozen=True, eq=False)
class LiveGrid:
    """A realised grid that is kept going: what it was asked to show, and the last event in it (`id`)."""

    grid: HeatGrid
    asked: tuple[Any, ...]
    last: int


def live_grid(
    held: LiveGrid | None,
    events: Events,
    now: int,
    *,
    timeframe: str = "1m",
    hours: float = 4.0,
    bins: int = 120,
    venues: tuple[str, ...] = (),
    beats: pd.DataFrame | None = None,
    alive: bool = False,
    source: str = "live",
    key: object = None,
) -> LiveGrid | None:
    """The grid of the last hours: the held one with what is new, or a new one where something else is asked
    for.

    A new one is also built when a price has left the range. `beats` say which columns someone watched,
    `alive` whether someone watches now, since heartbeats are read less often. Returns None while nothing was
    liquidated in the window.
    """
    asked = key, events.reading, timeframe, hours, bins, venues, source
    step = tables.timeframe(timeframe).astype("int64")
    start = now - round(hours * 3_600e6)
    edges = time_edges(np.datetime64(start, "us"), np.datetime64(now + 1, "us"), timeframe)
    if (
        held is not None
        and held.asked == asked
        and events.version >= held.last
        and int(held.grid.time_edges[-1].astype("int64")) >= now - 60 * step
    ):
        fresh = events.after(held.last).of(venues)
        prices = fresh.columns["price"]
        if not len(fresh) or (
            prices.min() >= held.grid.price_edges[0] and prices.max() <= held.grid.price_edges[-1]
        ):
            grid = append_events(
                held.grid, fresh.table(), end=np.datetime64(now + 1, "us"), columns=len(edges) - 1
            )
            return LiveGrid(_seen(grid, beats, venues, now if alive else None), asked, events.version)
    shown = events.since(int(edges[0].astype("int64"))).of(venues)
    if not len(shown):
        return None
    low, high = float(shown.columns["price"].min()), float(shown.columns["price"].max())
    room = max(0.15 * (high - low), 0.004 * high)
    grid = realised_heatmap(
        shown.table(),
        timeframe,
        bins,
        start=edges[0],
        end=edges[-1],
        price_range=(low - room, high + room),
        source=source,
    )
    return LiveGrid(_seen(grid, beats, venues, now if alive else None), asked, events.version)


def _seen(grid: HeatGrid, beats: pd.DataFrame | None, venues: tuple[str, ...], alive: int | None) -> HeatGrid:
    """The grid with the columns that somebody watched; `alive` is now (µs) where somebody watches now."""
    if beats is None:
        return grid
    seen = observed(beats, grid.time_edges, venues)
    if alive is not None:
        # Heartbeats are read every few seconds: older columns without one were watched by nobody, as while
        # the machine slept.
        last = int(beats["minute"].max()) if len(beats) else 0
        seen |= grid.time_edges[1:].astype("int64") > max(last, alive - 2 * _MINUTE)
    return replace(grid, observed=seen)


def _listed(events: Events, order: np.ndarray) -> pd.DataFrame:
    labels = {
        name: [events.words[name][code] for code in events.columns[name][order].tolist()]
        for name in ("venue", "symbol", "side", "price_kind", "completeness")
    }
    columns: Mapping[str, np.ndarray] = {name: values[order] for name, values in events.columns.items()}
    return pd.DataFrame(
        {
            "time": pd.to_datetime(columns["time"], unit="us", utc=True),
            **labels,
            "price": columns["price"],
            "quantity": columns["quantity"],
            "notional": columns["notional"],
            "late": (columns["arrived"] - columns["time"]) / 1e6,
        }
    )
