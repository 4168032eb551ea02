"""HeatGrid: USD over time, price and side, with where it came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording

Kind = Literal["realised", "modelled", "measured"]


# Cells, not events, bound the memory of a grid: 20 million float32 cells a side are 160 MB.
MAX_CELLS = 20_000_000


class GridError(ValueError):
    """Grids that cannot be built or combined, said in one sentence."""


def whole_bins(bins: object) -> int:
    """A number of price bins, as whoever calls wrote it.

    Raises
    ------
    GridError
        It is no whole number, or a map of so many bins is too large.
    """
    if (
        isinstance(bins, (int, float, np.integer, np.floating))
        and 1 <= bins <= MAX_CELLS
        and bins == int(bins)
    ):
        return int(bins)
    raise GridError(f"A heatmap needs a whole number of price bins from 1 to {MAX_CELLS:,}, not {bins}.")


@dataclass(frozen=True)
class VenueCoverage:
    """What one venue contributed: how many events, how much USD, and how complete its feed is.

    A venue is as complete as its least complete part; `price_kind` is `mixed` when its parts differ.
    """

    venue: str
    completeness: str = "unknown"
    price_kind: str = "unknown"
    events: int = 0
    notional: float = 0.0


@dataclass(frozen=True)
class Provenance:
    """Where a grid came from: source, venues, age, model with its assumptions, and what was degraded.

    `flags` holds one sentence for each thing a reader must know before trusting the grid.
    """

    source: str = "unknown"
    venues: tuple[VenueCoverage, ...] = ()
    as_of: np.datetime64 | None = None
    model: str | None = None
    parameters: tuple[tuple[str, Any], ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def venue_names(self) -> tuple[str, ...]:
        return tuple(item.venue for item in self.venues)

    @property
    def completeness(self) -> str:
        """`all`, `sampled`, `unknown`, or `mixed` when the venues differ."""
        kinds = {item.completeness for item in self.venues} or {"unknown"}
        return kinds.pop() if len(kinds) == 1 else "mixed"


@dataclass(frozen=True, eq=False)
class HeatGrid:
    """Liquidation heat in USD over time and price, longs and shorts apart.

    Attributes
    ----------
    kind : `realised` (events that happened, a flow: cells add up over time), `modelled` or `measured`
        (positions that would be closed, a stock: each column is the state at its closing edge).
    time_edges : (T+1,) datetime64[us], UTC, ascending.
    price_edges : (P+1,) float64, USD, ascending.
    long, short : (T, P) float32, USD. Sums are taken in float64.
    provenance : where the numbers came from.
    outside_long, outside_short : USD that fell outside the window; for a stock, in the last column.
    observed : (T,) bool. False marks a column nobody watched: a gap, not a zero.
    predicted : for modelled grids, a DataFrame `time`, `long`, `short` with the USD the model says was
        liquidated in each candle; None otherwise.
    """

    kind: Kind
    time_edges: np.ndarray
    price_edges: np.ndarray
    long: np.ndarray
    short: np.ndarray
    provenance: Provenance = field(default_factory=Provenance)
    outside_long: float = 0.0
    outside_short: float = 0.0
    observed: np.ndarray | None = None
    predicted: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "time_edges", np.asarray(self.time_edges).astype("datetime64[us]"))
        put(self, "price_edges", np.asarray(self.price_edges, dtype=np.float64))
        put(self, "long", np.asarray(self.long, dtype=np.float32))
        put(self, "short", np.asarray(self.short, dtype=np.float32))
        shape = (len(self.time_edges) - 1, len(self.price_edges) - 1)
        if self.kind not in ("realised", "modelled", "measured"):
            raise GridError(f"A grid is realised, modelled or measured, not {self.kind!r}.")
        if min(shape) < 1:
            raise GridError("A grid needs at least one time column and one price bin.")
        if self.long.shape != shape or self.short.shape != shape:
            raise GridError(f"long and short must have the shape (time, price) = {shape}.")
        if (
            not (np.diff(self.time_edges).astype("int64") > 0).all()
            or not (np.diff(self.price_edges) > 0).all()
        ):
            raise GridError("The edges of a grid must ascend.")
        if not (
            np.isfinite(self.price_edges).all()
            and np.isfinite(self.long).all()
            and np.isfinite(self.short).all()
        ):
            raise GridError(
                "Prices and heat must be finite numbers. Mark a column nobody watched as not observed"
                " instead."
            )
        if self.observed is None:
            put(self, "observed", np.ones(shape[0], dtype=bool))
        else:
            put(self, "observed", np.asarray(self.observed, dtype=bool))
            if self.observed.shape != (shape[0],):
                raise GridError("observed must have one entry a time column.")

    @property
    def shape(self) -> tuple[int, int]:
        """(time columns, price bins)."""
        return self.long.shape[0], self.long.shape[1]

    @property
    def total(self) -> np.ndarray:
        """(T, P) float32, USD: long and short together."""
        return self.long + self.short

    @property
    def net(self) -> np.ndarray:
        """(T, P) float32, USD: long minus short."""
        return self.long - self.short

    @property
    def outside(self) -> float:
        """USD that fell outside the window, both sides."""
        return self.outside_long + self.outside_short

    @property
    def price_centres(self) -> np.ndarray:
        """(P,) USD: the middle of each bin, geometric when the bins are log-spaced."""
        low, high = self.price_edges[:-1], self.price_edges[1:]
        return np.sqrt(low * high) if self.scale == "log" else (low + high) / 2

    @property
    def scale(self) -> Literal["linear", "log"]:
        """How the bins are spaced: log-spaced ones widen upwards."""
        widths = np.diff(self.price_edges)
        # rebin leaves a short last bin.
        full = widths[:-1] if len(widths) > 2 else widths
        return "log" if full[-1] > full[0] * (1 + 1e-6) and self.price_edges[0] > 0 else "linear"

    @property
    def is_stock(self) -> bool:
        """True where columns are states (modelled, measured) that must not be added up over time."""
        return self.kind != "realised"

    def side(self, name: Literal["long", "short", "both", "net"]) -> np.ndarray:
        """(T, P) USD of one side, of both together, or long minus short."""
        return getattr(self, "total" if name == "both" else name)

    def crop(
        self, start: object = None, end: object = None, low: float | None = None, high: float | None = None
    ) -> HeatGrid:
        """The columns and bins that lie wholly or partly inside the window; the rest counts as outside.

        For a stock, `outside` refers to the last column kept.
        """
        t0 = (
            0
            if start is None
            else int(np.searchsorted(self.time_edges, tables.to_datetime64(start), "right")) - 1
        )
        t1 = (
            len(self.time_edges) - 1
            if end is None
            else int(np.searchsorted(self.time_edges, tables.to_datetime64(end), "left"))
        )
        p0 = 0 if low is None else int(np.searchsorted(self.price_edges, low, "right")) - 1
        p1 = (
            len(self.price_edges) - 1
            if high is None
            else int(np.searchsorted(self.price_edges, high, "left"))
        )
        t0, p0 = max(t0, 0), max(p0, 0)
        t1, p1 = min(t1, self.shape[0]), min(p1, self.shape[1])
        if t0 >= t1 or p0 >= p1:
            raise GridError(
                "The window holds nothing: the grid spans"
                f" {wording.period(self.time_edges[0], self.time_edges[-1])} and"
                f" {wording.price(self.price_edges[0])} to {wording.price(self.price_edges[-1])}."
            )
        cut: dict[str, np.ndarray] = {}
        lost: dict[str, float] = {}
        for name in tables.SIDES:
            full = getattr(self, name)
            cut[name] = full[t0:t1, p0:p1]
            before = getattr(self, "outside_" + name)
            if self.is_stock:
                lost[name] = (
                    (before if t1 == self.shape[0] else 0.0) + _usd(full[t1 - 1]) - _usd(cut[name][-1])
                )
            else:
                lost[name] = before + _usd(full) - _usd(cut[name])
        return replace(
            self,
            time_edges=self.time_edges[t0 : t1 + 1],
            price_edges=self.price_edges[p0 : p1 + 1],
            long=cut["long"],
            short=cut["short"],
            outside_long=lost["long"],
            outside_short=lost["short"],
            observed=_observed(self)[t0:t1],
        )

    def rebin(self, time: int = 1, price: int = 1) -> HeatGrid:
        """Coarser bins: `time` columns and `price` bins into one; a short last group is kept.

        Price bins add up. Columns of a realised grid add up too; of a stock the last state of each
        group stands. A group counts as observed when every column in it was.
        """
        if time < 1 or price < 1 or time != int(time) or price != int(price):
            raise GridError("rebin takes whole numbers of 1 or more.")
        t = np.arange(0, self.shape[0], int(time))
        p = np.arange(0, self.shape[1], int(price))
        last = np.minimum(t + int(time), self.shape[0]) - 1

        def group(values: np.ndarray) -> np.ndarray:
            wide = (
                values[last].astype(np.float64)
                if self.is_stock
                else np.add.reduceat(values, t, axis=0, dtype=np.float64)
            )
            return np.add.reduceat(wide, p, axis=1)

        return replace(
            self,
            time_edges=np.append(self.time_edges[t], self.time_edges[-1]),
            price_edges=np.append(self.price_edges[p], self.price_edges[-1]),
            long=group(self.long),
            short=group(self.short),
            observed=np.logical_and.reduceat(_observed(self), t),
        )

    def profile(self) -> pd.DataFrame:
        """USD by price: `price_low`, `price`, `price_high`, `long`, `short`.

        Realised heat is summed over the window; of a stock the last column stands.
        """

        def over_time(values: np.ndarray) -> np.ndarray:
            return values[-1].astype(np.float64) if self.is_stock else values.sum(axis=0, dtype=np.float64)

        return pd.DataFrame(
            {
                "price_low": self.price_edges[:-1],
                "price": self.price_centres,
                "price_high": self.price_edges[1:],
                "long": over_time(self.long),
                "short": over_time(self.short),
            }
        )

    def cumulative(self, reference: float) -> pd.DataFrame:
        """How much heat lies between a reference price and every other price.

        Returns
        -------
        DataFrame `price` (the P+1 edges and the reference), `long_below` (USD of long heat from the
        reference down to the price, 0 above it) and `short_above` (USD of short heat from the reference
        up to the price, 0 below it). A bin that the reference cuts counts in proportion.
        """
        profile = self.profile()
        edges = self.price_edges
        price = np.union1d(edges, np.clip(reference, edges[0], edges[-1]))
        out = {"price": price}
        for name in tables.SIDES:
            running = np.concatenate([[0.0], np.cumsum(profile[name].to_numpy())])
            at = np.interp(price, edges, running)
            here = float(np.interp(reference, edges, running))
            out["long_below" if name == "long" else "short_above"] = (
                np.maximum(here - at, 0.0) if name == "long" else np.maximum(at - here, 0.0)
            )
        return pd.DataFrame(out)

    def on_the_way(self, start: float, end: float) -> dict[str, float]:
        """USD that would be liquidated if price went from `start` to `end`, by side.

        Falling price liquidates longs, rising price shorts; the other side is 0.
        """
        low, high = sorted((start, end))
        amounts = dict.fromkeys(tables.SIDES, 0.0)
        if start != end:
            side = "long" if end < start else "short"
            values = getattr(self, side)
            usd = values[-1] if self.is_stock else values.sum(axis=0, dtype=np.float64)
            running = np.concatenate([[0.0], np.cumsum(usd, dtype=np.float64)])
            there, here = np.interp([high, low], self.price_edges, running)
            amounts[side] = float(there - here)
        return amounts

    def to_frame(self) -> pd.DataFrame:
        """Long form, one row a non-empty cell and side, with the kind and venues in every row."""
        parts = []
        for name in tables.SIDES:
            values = getattr(self, name)
            t, p = np.nonzero(values)
            parts.append(
                pd.DataFrame(
                    {
                        "time_from": pd.DatetimeIndex(self.time_edges[t], tz="UTC"),
                        "time_to": pd.DatetimeIndex(self.time_edges[t + 1], tz="UTC"),
                        "price_from": self.price_edges[p],
                        "price_to": self.price_edges[p + 1],
                        "side": name,
                        "usd": values[t, p].astype(np.float64),
                    }
                )
            )
        out = pd.concat(parts, ignore_index=True).sort_values(
            ["time_from", "price_from", "side"], ignore_index=True
        )
        out["side"] = pd.Categorical(out["side"], categories=list(tables.SIDES))
        return out.assign(
            kind=self.kind,
            venues=", ".join(self.provenance.venue_names),
            completeness=self.provenance.completeness,
        )

    def to_json(self, candles: pd.DataFrame | None = None) -> str:
        """JSON in CoinGlass's heatmap shape, with what that shape lacks under `heatlab`.

        `y_axis` holds the bin centres, `liquidation_leverage_data` rows `[time index, price index, USD]`,
        `price_candlesticks` rows `[Unix s, open, high, low, close, volume]` with prices as text.
        `heatlab` adds kind, edges, sides, venues with completeness, age, model and flags.
        """

        def sparse(values: np.ndarray) -> list[list[float]]:
            t, p = np.nonzero(values)
            return [
                [int(a), int(b), round(float(usd), 2)]
                for a, b, usd in zip(t, p, values[t, p].astype(np.float64), strict=True)
            ]

        bars: list[list[Any]] = []
        if candles is not None and len(candles):
            candles = tables.ensure(candles, "candles")
            bars = [
                [int(second), *(f"{value:.10g}" for value in row)]
                for second, row in zip(
                    tables.microseconds(candles["time"]) // 1_000_000,
                    candles[["open", "high", "low", "close", "volume"]].fillna(0.0).to_numpy(),
                    strict=True,
                )
            ]
        facts = self.provenance
        return json.dumps(
            {
                "y_axis": [round(float(v), 4) for v in self.price_centres],
                "liquidation_leverage_data": sparse(self.total),
                "price_candlesticks": bars,
                "heatlab": {
                    "kind": self.kind,
                    "unit": "USD",
                    "long": sparse(self.long),
                    "short": sparse(self.short),
                    "time_edges": [str(edge) + "Z" for edge in self.time_edges],
                    "price_edges": [float(edge) for edge in self.price_edges],
                    "outside": {"long": self.outside_long, "short": self.outside_short},
                    "unobserved_columns": [int(i) for i in np.flatnonzero(~_observed(self))],
                    "source": facts.source,
                    "as_of": None if facts.as_of is None else str(facts.as_of) + "Z",
                    "venues": [
                        {
                            "venue": v.venue,
                            "completeness": v.completeness,
                            "price_kind": v.price_kind,
                            "events": v.events,
                            "usd": v.notional,
                        }
                        for v in facts.venues
                    ],
                    "model": facts.model,
                    "parameters": {key: _plain(value) for key, value in facts.parameters},
                    "flags": list(facts.flags),
                },
            }
        )


def merge(grids: Sequence[HeatGrid]) -> HeatGrid:
    """Add up grids of one kind on the same edges, for instance one a venue.

    The age of the sum is the age of its oldest part. Complete and sampled venues may be added, but the
    sum then says so in its flags. A column counts as observed where every part was.

    Raises
    ------
    GridError
        No grids, different kinds, or different edges.
    """
    if not grids:
        raise GridError("There is no grid to merge.")
    first = grids[0]
    for other in grids[1:]:
        if other.kind != first.kind:
            raise GridError(
                f"A {first.kind} and a {other.kind} heatmap are different things and cannot be added. Show"
                " them side by side."
            )
        if not (
            np.array_equal(first.time_edges, other.time_edges)
            and np.array_equal(first.price_edges, other.price_edges)
        ):
            raise GridError(
                "The grids have different edges. Build them with the same start, end, timeframe, price range"
                " and bins."
            )
    predicted = None
    if all(grid.predicted is not None for grid in grids):
        predicted = (
            pd.concat([grid.predicted for grid in grids])
            .groupby("time", as_index=False, sort=True)[list(tables.SIDES)]
            .sum()
        )
    return replace(
        first,
        long=sum((grid.long.astype(np.float64) for grid in grids), np.zeros(first.shape)),
        short=sum((grid.short.astype(np.float64) for grid in grids), np.zeros(first.shape)),
        outside_long=sum(grid.outside_long for grid in grids),
        outside_short=sum(grid.outside_short for grid in grids),
        observed=np.logical_and.reduce([_observed(grid) for grid in grids]),
        provenance=_merged([grid.provenance for grid in grids]),
        predicted=predicted,
    )


def least_complete(kinds: Iterable[str]) -> str:
    """`sampled` if any part is, else `unknown` if any is, else `all`: a sum is no better than its worst
    part."""
    found = set(kinds)
    return next((kind for kind in ("sampled", "unknown", "all") if kind in found), "unknown")


def completeness_flags(venues: Iterable[VenueCoverage]) -> tuple[str, ...]:
    """The sentence a sum needs when part of it comes from a sampled feed, if any."""
    groups: dict[str, list[str]] = {}
    for item in venues:
        groups.setdefault(item.completeness, []).append(item.venue)
    if "sampled" in groups:
        rest = [venue for kind in sorted(set(groups) - {"sampled"}) for venue in groups[kind]]
        mixed = f", added here to others ({', '.join(wording.venues(rest))})" if rest else ""
        return (
            (
                "Only a sample of the liquidations comes from"
                f" {', '.join(wording.venues(groups['sampled']))}{mixed}: totals are a lower bound."
            ),
        )
    return ()


def joined_coverage(parts: Iterable[VenueCoverage]) -> tuple[VenueCoverage, ...]:
    """One entry a venue, in the order in which they first occur; what several parts contributed is added
    up."""
    venues: dict[str, VenueCoverage] = {}
    for item in parts:
        held = venues.get(item.venue)
        venues[item.venue] = (
            item
            if held is None
            else replace(
                held,
                events=held.events + item.events,
                notional=held.notional + item.notional,
                completeness=least_complete((held.completeness, item.completeness)),
                price_kind=held.price_kind if held.price_kind == item.price_kind else "mixed",
            )
        )
    return tuple(venues.values())


def _merged(parts: Sequence[Provenance]) -> Provenance:
    venues = joined_coverage(item for part in parts for item in part.venues)
    ages = [part.as_of for part in parts if part.as_of is not None]
    models = list(dict.fromkeys(part.model for part in parts if part.model))
    flags = [flag for part in parts for flag in part.flags if flag not in completeness_flags(part.venues)]
    flags += completeness_flags(venues)
    return Provenance(
        source=", ".join(dict.fromkeys(part.source for part in parts)),
        venues=venues,
        as_of=min(ages) if ages else None,
        model=" + ".join(models) or None,
        parameters=(
            parts[0].parameters if all(part.parameters == parts[0].parameters for part in parts) else ()
        ),
        flags=tuple(dict.fromkeys(flags)),
    )


def _observed(grid: HeatGrid) -> np.ndarray:
    return grid.observed if grid.observed is not None else np.ones(grid.shape[0], dtype=bool)


def _usd(values: np.ndarray) -> float:
    return float(values.sum(dtype=np.float64))


def _plain(value: Any) -> Any:
    """A value that every JSON reader takes: no NaN, no infinity, no numpy."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int)) or (isinstance(value, float) and np.isfinite(value)):
        return value
    return str(value)
