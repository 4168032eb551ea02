"""Venue against venue, model against record, and our map against another's: the numbers behind a
comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.grid import GridError, HeatGrid, merge
from liqcore.heat.verdicts import jensen_shannon

# Fewer events than this say little about a venue.
_FEW = 20
# An overlap that at most this share of random places reaches is called more than chance.
_RARE = 0.05


def venue_table(
    liquidations: pd.DataFrame,
    *,
    start: object = None,
    end: object = None,
    index: pd.DataFrame | None = None,
    delays: Mapping[str, float] | None = None,
    now: object = None,
) -> pd.DataFrame:
    """What each venue printed in a window, one row a venue, most USD first.

    Parameters
    ----------
    liquidations : liquidations table. start, end : window, UTC.
    index : candles table that the prices are compared with, for the basis.
    delays : seconds from event to arrival by venue, where known.
    now : moment from which ages are counted; by default `end`, or the newest event of all venues.

    Returns
    -------
    DataFrame `venue`, `events`, `usd`, `share` (of all USD), `long_share`, `largest_share` (of the largest
    print in the venue's USD), `age_hours` (since its last event), `delay_seconds` (NaN if not known),
    `basis_bp` (median of 10⁴·ln(price / close of the index candle); NaN without an index), `completeness`,
    `price_kind`, `note`. A venue of the table without an event in the window has 0 events and a note.
    """
    events = tables.ensure(liquidations, "liquidations")
    micros = tables.microseconds(events["time"])
    begin = 0 if start is None else int(np.searchsorted(micros, _micros(start)))
    stop = len(micros) if end is None else int(np.searchsorted(micros, _micros(end)))
    part = events.iloc[begin:stop]
    moment = (
        _micros(now if now is not None else end)
        if (now is not None or end is not None)
        else (int(micros[-1]) if len(micros) else 0)
    )
    held = part.groupby("venue", observed=True)
    known = [str(name) for name in events["venue"].cat.categories if (events["venue"] == name).any()]
    usd = held["notional"].sum().reindex(known).fillna(0.0)
    longs = (
        part[part["side"] == "long"]
        .groupby("venue", observed=True)["notional"]
        .sum()
        .reindex(known)
        .fillna(0.0)
    )
    last = pd.Series(
        {
            name: micros[:stop][(events["venue"].iloc[:stop] == name).to_numpy()].max(initial=-1)
            for name in known
        },
        dtype="int64",
    )
    first_rows = events.groupby("venue", observed=True).first().reindex(known)
    total = float(usd.sum())
    frame = pd.DataFrame(
        {
            "venue": known,
            "events": held.size().reindex(known).fillna(0).astype("int64").to_numpy(),
            "usd": usd.to_numpy(),
            "share": (usd / total if total > 0 else usd * np.nan).to_numpy(),
            "long_share": (longs / usd.where(usd > 0)).to_numpy(),
            "largest_share": (held["notional"].max().reindex(known) / usd.where(usd > 0)).to_numpy(),
            "age_hours": np.where(last >= 0, (moment - last) / 3.6e9, np.nan),
            "delay_seconds": [float((delays or {}).get(name, np.nan)) for name in known],
            "basis_bp": _basis(part, index).reindex(known).to_numpy(),
            "completeness": first_rows["completeness"].astype(str).to_numpy(),
            "price_kind": first_rows["price_kind"].astype(str).to_numpy(),
        }
    )
    frame["note"] = [_note(row) for row in frame.itertuples()]
    return frame.sort_values("usd", ascending=False, kind="stable").reset_index(drop=True)


def _micros(moment: object) -> int:
    return int(tables.to_datetime64(moment).astype("datetime64[us]").astype("int64"))


def _basis(events: pd.DataFrame, index: pd.DataFrame | None) -> pd.Series:
    """Median distance of a venue's prices from the index, in basis points, by venue."""
    if index is None or index.empty or events.empty:
        return pd.Series(dtype="float64")
    opens = tables.microseconds(index["time"])
    at = np.searchsorted(opens, tables.microseconds(events["time"]), side="right") - 1
    known = at >= 0
    close = index["close"].to_numpy()[np.maximum(at, 0)]
    away = pd.Series(
        1e4 * np.log(events["price"].to_numpy() / close), index=events["venue"].astype(str).to_numpy()
    )[known]
    return away.groupby(level=0).median()


def _note(row: object) -> str:
    parts = []
    if row.events == 0:  # type: ignore[attr-defined]
        return (
            "Silent in this window: nothing happened there, or its feed was down. The data cannot tell which."
        )
    if row.completeness == "sampled":  # type: ignore[attr-defined]
        parts.append("reports only a sample")
    if row.events < _FEW:  # type: ignore[attr-defined]
        parts.append(f"only {row.events} events: too few to judge")  # type: ignore[attr-defined]
    if row.largest_share > 0.5:  # type: ignore[attr-defined]
        parts.append("more than half of it is one print")
    if row.price_kind == "bankruptcy":  # type: ignore[attr-defined]
        parts.append("prints bankruptcy prices, not fills")
    if abs(row.basis_bp) > 500:  # type: ignore[attr-defined]
        parts.append("prices far from the index: another currency or another contract?")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


@dataclass(frozen=True, eq=False)
class Difference:
    """One venue's heat beside the rest's, each as a share of its own total.

    `share` is (T, P), venue minus rest; 0 everywhere would mean that the venue is a small copy of the
    others. `overlap` is the USD-share both have in common (1 − half the summed absolute difference), and
    `similarity` 1 − Jensen-Shannon divergence; both 0 to 1, NaN where one of them is empty.
    """

    venue: str
    share: np.ndarray
    overlap: float
    similarity: float
    venue_usd: float
    rest_usd: float


def difference(
    grids: Mapping[str, HeatGrid], venue: str, side: Literal["long", "short", "both"] = "both"
) -> Difference:
    """A venue minus the rest, both as shares of their own totals, so that a large venue is not different by
    its size.

    Raises
    ------
    GridError
        The venue is not among the grids, is the only one, or the grids do not share their edges.
    """
    rest = [grid for name, grid in grids.items() if name != venue]
    if venue not in grids or not rest:
        raise GridError(
            "A difference needs a venue and at least one other. Choose a market with two venues or more."
        )
    others = merge(rest)
    here, there = (np.asarray(grid.side(side), dtype=np.float64) for grid in (grids[venue], others))
    if here.shape != there.shape:
        raise GridError(
            "The maps do not share their edges. Make them with the same window, bins and timeframe."
        )
    mine, theirs = float(here.sum()), float(there.sum())
    if mine <= 0 or theirs <= 0:
        return Difference(venue, np.zeros(here.shape), float("nan"), float("nan"), mine, theirs)
    apart = here / mine - there / theirs
    return Difference(
        venue,
        apart,
        float(1 - np.abs(apart).sum() / 2),
        1 - jensen_shannon(here.ravel(), there.ravel()),
        mine,
        theirs,
    )


@dataclass(frozen=True)
class Survival:
    """What becomes of a cluster when one venue's data are taken away.

    `before` and `after` are the clusters (after: None where none is left near it), `left` the share of its
    USD that the others hold in its band, `survives` whether a cluster of its side still overlaps it.
    """

    venue: str
    before: Cluster
    after: Cluster | None
    left: float
    survives: bool

    @property
    def sentence(self) -> str:
        share, name = wording.percent(self.left), wording.venue(self.venue)
        place = (
            f"The {self.before.side} cluster at {wording.price(self.before.low)} to"
            f" {wording.price(self.before.high)}"
        )
        if self.survives:
            return (
                f"{place} survives without {name}: the others hold {share} of its USD there, and it"
                " still stands out."
            )
        return (
            f"{place} does not survive without {name}: the others hold {share} of its USD there, which"
            " no longer stands out."
        )


def without_venue(
    grids: Mapping[str, HeatGrid],
    venue: str,
    cluster: Cluster,
    *,
    last: int = 12,
    price: pd.DataFrame | None = None,
    rule: ClusterRule | None = None,
    liquidations: pd.DataFrame | None = None,
) -> Survival:
    """Ask whether a cluster of the aggregate is there without one venue. GridError where nothing would be
    left."""
    rest = [grid for name, grid in grids.items() if name != venue]
    if venue not in grids or not rest:
        raise GridError(
            "Taking a venue away needs at least one other. Choose a market with two venues or more."
        )
    others = merge(rest)
    low, high = cluster.low, cluster.high
    events = None
    if liquidations is not None and not others.is_stock:
        events = liquidations[liquidations["venue"] != venue]
    near = [
        one
        for one in find_clusters(others, last, price=price, rule=rule, liquidations=events)
        if one.side == cluster.side and one.low < high and one.high > low
    ]
    after = max(near, key=lambda one: one.notional, default=None)
    held = {
        name: _in_band(grid, cluster)
        for name, grid in (("all", merge(list(grids.values()))), ("rest", others))
    }
    left = held["rest"] / held["all"] if held["all"] > 0 else 0.0
    return Survival(venue, cluster, after, float(left), after is not None)


def _in_band(grid: HeatGrid, cluster: Cluster) -> float:
    """USD of the cluster's side in its band: of a flow since it counts, of a stock at the end; cut bins in
    part."""
    edges = np.clip(grid.price_edges, cluster.low, cluster.high)
    rows = np.flatnonzero(np.asarray(grid.observed))
    rows = rows[-1:] if grid.is_stock else rows[grid.time_edges[rows] >= cluster.since]
    share = np.diff(edges) / np.diff(grid.price_edges)
    return float((grid.side(cluster.side)[rows].astype(np.float64) @ share).sum())


@dataclass(frozen=True)
class Hits:
    """Where liquidations happened among the bins that price touched, by how bright the model had them before.

    `top` of the touched bins are looked up: the brightest ones held `captured` of the realised USD. `blind`
    is what as many bins hold on average when drawn at random among those with any modelled heat. A model has
    longs below the price and shorts above it, and that alone beats an even spread over all touched bins, so
    an even spread would flatter it. `simple` is what a rule without a model gets: the touched prices farthest
    beyond the last close. `columns` is the number of columns that count, `usd` what was realised in them.
    """

    top: float
    captured: float
    blind: float
    simple: float
    columns: int
    usd: float

    @property
    def sentence(self) -> str:
        if self.columns == 0 or self.usd <= 0:
            return (
                "No column has both modelled levels before it and realised liquidations in it, so nothing can"
                " be compared."
            )
        lift = self.captured / self.blind if self.blind > 0 else float("nan")
        word = "more" if lift >= 1.25 else "less" if lift <= 0.8 else "about the same"
        beyond = (
            "so its brightness adds to what direction alone tells"
            if self.captured > 1.1 * self.simple and word == "more"
            else "so its brightness tells nothing that direction alone does not"
        )
        return (
            f"Of the prices that were traded in {self.columns:,} columns, the model's brightest"
            f" {wording.percent(self.top)} held {wording.percent(self.captured)} of the realised USD. As many"
            f" bins drawn blindly among those it lit at all hold {wording.percent(self.blind)}: the model"
            f" gets {word}. A rule without a model, the traded prices farthest beyond the last close, gets"
            f" {wording.percent(self.simple)}, {beyond}."
        )


def model_hits(model: HeatGrid, record: HeatGrid, candles: pd.DataFrame, *, top: float = 0.2) -> Hits:
    """Compare modelled levels with the liquidations that followed, among touched prices only.

    For each column the bins between its low and its high are ranked by the modelled heat of the column
    before, longs and shorts each; the hottest `top` share of them is then looked up in the record. Only
    touched bins count: a model is not praised for knowing that nothing is liquidated where price never was.
    Bins without any modelled heat are never hot.

    Raises
    ------
    GridError
        Grids that do not share their edges, or a share outside 0 to 1.
    """
    if not 0 < top < 1:
        raise GridError("The share of the brightest bins lies between 0 and 1, for instance 0.2.")
    if (
        model.shape != record.shape
        or not np.array_equal(model.time_edges, record.time_edges)
        or not np.allclose(model.price_edges, record.price_edges, rtol=1e-9)
    ):
        raise GridError(
            "The two maps do not share their edges. Make them with the same window, bins and timeframe."
        )
    low, high, close = _traded(candles, model.time_edges)
    touched = (model.price_edges[1:][None, :] > low[1:, None]) & (
        model.price_edges[:-1][None, :] < high[1:, None]
    )
    count = touched.sum(axis=1)
    keep = np.maximum(np.rint(top * count), 1).astype(int)
    beyond = np.log(model.price_centres)[None, :] - np.log(close[:-1])[:, None]
    captured = blind = simple = usd = 0.0
    used = np.zeros(len(touched), dtype=bool)
    for name in tables.SIDES:
        heat, done = (
            getattr(model, name)[:-1].astype(np.float64),
            np.where(touched, getattr(record, name)[1:], 0.0).astype(np.float64),
        )
        lit = touched & (heat > 0)
        inside, under_light, lights = done.sum(axis=1), np.where(lit, done, 0.0).sum(axis=1), lit.sum(axis=1)
        # A column with one bin, or without modelled heat, ranks nothing.
        fair = (count > 2) & (lights > 0) & (inside > 0) & np.isfinite(close[:-1])
        farthest = beyond if name == "short" else -beyond
        captured += float(np.where(_first(heat, lit, keep), done, 0.0).sum(axis=1)[fair].sum())
        simple += float(np.where(_first(farthest, touched, keep), done, 0.0).sum(axis=1)[fair].sum())
        blind += float((under_light * np.minimum(keep / np.maximum(lights, 1), 1.0))[fair].sum())
        usd += float(inside[fair].sum())
        used |= fair
    captured, blind, simple = (part / usd if usd else float("nan") for part in (captured, blind, simple))
    return Hits(top, captured, blind, simple, int(used.sum()), usd)


def _first(values: np.ndarray, allowed: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """(T, P) whether a bin is among the `keep[t]` largest allowed ones of its row; ties to the lowest
    price."""
    order = np.argsort(np.where(allowed, -values, np.inf), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(values.shape[1]), order.shape), axis=1)
    return allowed & (rank < keep[:, None])


def _traded(candles: pd.DataFrame, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T,) low, high and close of each column; (inf, -inf, NaN) where it has no candle."""
    column = np.searchsorted(edges.astype("int64"), tables.microseconds(candles["time"]), side="right") - 1
    inside = (column >= 0) & (column < len(edges) - 1)
    low, high, close = (
        np.full(len(edges) - 1, np.inf),
        np.full(len(edges) - 1, -np.inf),
        np.full(len(edges) - 1, np.nan),
    )
    np.minimum.at(low, column[inside], candles["low"].to_numpy()[inside])
    np.maximum.at(high, column[inside], candles["high"].to_numpy()[inside])
    # Candles are in order of time, so that the last one of a column stays.
    close[column[inside]] = candles["close"].to_numpy()[inside]
    return low, high, close


@dataclass(frozen=True)
class Overlap:
    """Two maps of one kind at their ends: do their hottest bands lie at the same prices?

    `top` of the bins both cover are hot in each; `common` of the other's hot bins are hot in ours too, which
    chance would make `top`. Hot bins come in runs, so chance scatters widely: `shifted` is the share of all
    shifts of the other map along price (around the ends) that overlap at least as well. `similarity` is
    1 − Jensen-Shannon divergence of the price profiles (0 to 1). `low`, `high` is the range that both cover.
    """

    top: float
    common: float
    shifted: float
    similarity: float
    low: float
    high: float

    @property
    def sentence(self) -> str:
        rare = self.shifted <= _RARE and self.common > self.top
        word = "That is more than chance" if rare else "That can be chance"
        return (
            f"Between {wording.price(self.low)} and {wording.price(self.high)},"
            f" {wording.percent(self.common)} of the other map's hottest bands are hot in ours too. {word}:"
            f" moved along the price axis at random, it would do as well in {wording.percent(self.shifted)}"
            f" of places. Their price profiles are {wording.percent(self.similarity)} alike."
        )


def band_overlap(ours: HeatGrid, other: HeatGrid, *, top: float = 0.1, bins: int = 120) -> Overlap:
    """Compare where two maps of standing levels are hottest in their latest columns.

    Both profiles are put on common bins with their USD conserved; sizes are not compared, because the sources
    count different things.

    Raises
    ------
    GridError
        No common prices, or an empty map.
    """
    low, high = (
        max(ours.price_edges[0], other.price_edges[0]),
        min(ours.price_edges[-1], other.price_edges[-1]),
    )
    if not low < high:
        raise GridError(
            "The two maps show no common prices. Export the other one for the same days, or widen the price"
            " range."
        )
    edges = np.linspace(low, high, bins + 1)
    mine, theirs = (_profile(grid, edges) for grid in (ours, other))
    if mine.sum() <= 0 or theirs.sum() <= 0:
        raise GridError("One of the two maps is empty where they overlap. Choose another window.")
    keep = max(round(top * bins), 1)
    hot = np.zeros((2, bins), dtype=bool)
    for row, values in enumerate((mine, theirs)):
        hot[row, np.argsort(-values, kind="stable")[:keep]] = True
    places = (np.arange(bins)[None, :] - np.arange(bins)[:, None]) % bins
    common = (hot[1][places] & hot[0]).sum(axis=1)
    return Overlap(
        keep / bins,
        float(common[0] / keep),
        float((common[1:] >= common[0]).mean()),
        1 - jensen_shannon(mine, theirs),
        float(low),
        float(high),
    )


def _profile(grid: HeatGrid, edges: np.ndarray) -> np.ndarray:
    """USD of the latest observed column on other price bins, spread evenly inside each of its own."""
    seen = np.flatnonzero(np.asarray(grid.observed))
    column = grid.total[seen[-1] if len(seen) else -1].astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(column)])
    return np.diff(np.interp(edges, grid.price_edges, running))
