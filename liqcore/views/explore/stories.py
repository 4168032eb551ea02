"""The story of one cell or cluster, in words and tables made from the data behind it; no Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.clusters import Cluster, ClusterStory
from liqcore.heat.concentration import concentration
from liqcore.heat.estimated import is_estimated, spread_estimated
from liqcore.heat.flow_bands import DensePlace
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.ground import ESTIMATED_NOTE
from liqcore.heat.origin import Origin, level_origin
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings


@dataclass(frozen=True)
class Cell:
    """A cell of a map that the reader has chosen: one side, USD prices, UTC times, USD of heat.

    `other` is the heat of the other side in the same cell; `last` marks the highest bin, which holds its own
    upper edge.
    """

    side: Literal["long", "short"]
    low: float
    high: float
    start: np.datetime64
    end: np.datetime64
    usd: float
    other: float = 0.0
    last: bool = False


@dataclass(frozen=True, eq=False)
class Story:
    """Sentences, and tables with their titles, that tell where heat came from and what became of it."""

    title: str
    points: tuple[str, ...]
    tables: tuple[tuple[str, pd.DataFrame], ...] = ()


def picked_place(found: Any) -> tuple[Literal["long", "short"], float, float, np.datetime64] | None:
    """Side, low and high (USD) and the middle of the time (UTC) of a clicked cell; None beside the heat."""
    try:
        low, high, usd = (float(found[name]) for name in ("price_from", "price_to", "usd"))
        middle = float(found["time_from"]) / 2 + float(found["time_to"]) / 2
        side: Literal["long", "short"] = {"long": "long", "short": "short"}[found["side"]]  # type: ignore[assignment]
        at = np.datetime64(round(1000 * middle), "us")
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (side, low, high, at) if 0 < low < high < np.inf and usd > 0 else None


def picked_cell(found: Any, grid: HeatGrid) -> Cell | None:
    """The cell of the map as it is now where the reader clicked, or None where it is empty or off the map.

    The browser tells the place; the amount is the map's own, so that it stays true when the map has moved on
    or its bins have changed since the click.
    """
    if (place := picked_place(found)) is None:
        return None
    side, low, high, at = place
    t = int(np.searchsorted(grid.time_edges, at, "right")) - 1
    p = int(np.searchsorted(grid.price_edges, (low + high) / 2, "right")) - 1
    inside = 0 <= t < grid.shape[0] and 0 <= p < grid.shape[1]
    return cell_of(grid, side, t, p) if inside else None


def cell_of(grid: HeatGrid, side: Literal["long", "short"], column: int, band: int) -> Cell | None:
    """One cell of a map, None where it holds nothing of the side."""
    long, short = float(grid.long[column, band]), float(grid.short[column, band])
    usd, other = (long, short) if side == "long" else (short, long)
    if usd <= 0:
        return None
    return Cell(
        side,
        float(grid.price_edges[band]),
        float(grid.price_edges[band + 1]),
        grid.time_edges[column],
        grid.time_edges[column + 1],
        usd,
        other,
        band == grid.shape[1] - 1,
    )


def cluster_at(story: ClusterStory, cell: Cell) -> Cluster | None:
    """The cluster of the cell's side that holds its middle and was there at its time, the largest if
    several."""
    middle = (cell.low * cell.high) ** 0.5
    near = [
        one
        for one in story.clusters
        if one.side == cell.side
        and one.low <= middle <= one.high
        and one.since <= cell.end
        and one.last_seen >= cell.start
    ]
    return max(near, key=lambda one: one.notional, default=None)


def no_cluster(story: ClusterStory) -> list[str]:
    """What can be said of the sides on which no cluster stands at the end of the map."""
    found = {one.side for one in story.present}
    points = [ESTIMATED_NOTE] if ESTIMATED_NOTE in story.notes else []
    for one in story.findings:
        # Where all prices are estimated there is nothing to judge, and the note has said so.
        if one.side in found or (points and not one.orders):
            continue
        points.append(f"{one.sentence}{_places('Densest', one.dense)}")
        if one.busy:
            points.append(
                f"A busy time of {one.side}s is not a busy price, so this is no level:{_places('', one.busy)}"
            )
        points += one.one_prints
    ridges = [one for one in story.ridges if one.side not in found][:3]
    if not story.findings and not ridges and not found:
        points.append("No band of this map rises above the usual at its distance from price.")
    return points + [one.sentence for one in ridges]


def _places(name: str, places: Sequence[DensePlace]) -> str:
    """A sentence on stretches of price with their orders beside what the path explains, with a blank before
    it."""
    told = [
        f"{wording.price(place.low)} to {wording.price(place.high)} with {place.orders} (the path explains"
        f" {wording.decimal(place.expected, 1)})"
        for place in places
    ]
    return f" {name}{': ' if name else ''}{wording.joined(told)}." if told else ""


def cell_story(
    data: Dataset, settings: ViewSettings, grid: HeatGrid, cell: Cell, now: pd.Timestamp | None = None
) -> Story:
    """What made one cell: its events by venue, or its candles and leverages, as of the cell's own time."""
    place = f"{cell.side.capitalize()}s at {wording.price(cell.low)} to {wording.price(cell.high)}"
    if grid.kind == "realised":
        points, found = _events(data, settings, cell)
        title = f"{place}, {wording.period(cell.start, cell.end, now)}"
    else:
        points, found = _opened(data, settings, grid, cell.side, cell.low, cell.high, cell.end, now)
        held = f"The model holds {wording.usd(cell.usd)} of {cell.side}s in this band at that moment."
        points = [held, *points]
        title = f"{place}, as of {wording.when(cell.end, now)}"
    if cell.other > 0:
        other = "long" if cell.side == "short" else "short"
        points.append(f"The same cell also holds {wording.usd(cell.other)} of {other}s, not counted here.")
    return Story(title, tuple(points), found)


def cluster_story(
    data: Dataset,
    settings: ViewSettings,
    grid: HeatGrid,
    story: ClusterStory,
    cluster: Cluster,
    now: pd.Timestamp | None = None,
) -> Story:
    """Since when a cluster stands, what happened to it, and what made it."""
    title = (
        f"{cluster.side.capitalize()} cluster at {wording.price(cluster.low)} to"
        f" {wording.price(cluster.high)}"
    )
    there = cluster in story.present
    points = [
        cluster.sentence,
        f"{_held(cluster, now)} First seen {wording.when(cluster.first_seen, now)}, "
        + (
            "still there at the end of the map"
            if there
            else f"last seen {wording.when(cluster.last_seen, now)}"
            + ("; by then its busiest moments explain it" if cluster.beyond_busy is False else "")
        )
        + f"; hot in {wording.percent(cluster.persistence)} of the last bars looked at.",
    ]
    if cluster.kind == "realised":
        more, found = _orders(data, settings, cluster)
    else:
        more, found = _opened(
            data, settings, grid, cluster.side, cluster.low, cluster.high, cluster.last_seen, now
        )
    told = [event.sentence for event in story.events_of(cluster.id)][-8:]
    times = [wording.when(event.time, now) for event in story.events_of(cluster.id)][-8:]
    history = pd.DataFrame({"Known at": times, "What happened": told})
    return Story(title, (*points, *more), (("What happened to it", history), *found))


def _held(cluster: Cluster, now: pd.Timestamp | None) -> str:
    """What a cluster holds, and of when that is."""
    if cluster.kind == "realised":
        return (
            f"Its {wording.usd(cluster.notional)} were liquidated from"
            f" {wording.period(cluster.since, cluster.last_seen, now)}."
        )
    return f"Its {wording.usd(cluster.notional)} stood at {wording.when(cluster.last_seen, now)}."


def dataset_events(data: Dataset, settings: ViewSettings) -> pd.DataFrame | None:
    """The liquidations behind the view, of its venues only."""
    events = data.liquidations
    if events is None or not settings.venues:
        return events
    return events[events["venue"].isin(settings.venues)]


def _events(
    data: Dataset, settings: ViewSettings, cell: Cell
) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    """The liquidations of one cell, found as the map finds them."""
    try:
        events = spread_estimated(dataset.events_in_view(data, settings), data.candles)
    except dataset.DataError as problem:
        return [str(problem)], ()
    inside = tables.microseconds(events["time"])
    begin, end = np.searchsorted(inside, [edge.astype("int64") for edge in (cell.start, cell.end)])
    part = events.iloc[begin:end]
    price = part["price"]
    below = (price <= cell.high) if cell.last else (price < cell.high)
    part = part[(price >= cell.low) & below & (part["side"] == cell.side)]
    if part.empty:
        return ["No recorded liquidation falls into this cell."], ()
    many = part.index.nunique()
    by = (
        part.assign(row=part.index)
        .groupby("venue", observed=True)
        .agg(usd=("notional", "sum"), events=("row", "nunique"), largest=("notional", "max"))
        .sort_values("usd", ascending=False, kind="stable")
        .reset_index()
    )
    points, found = _venues(by, part)
    total, largest = float(by["usd"].sum()), float(by["largest"].max())
    if is_estimated(part).any():
        points.append(
            "Prices are estimated from candles: each amount is spread over the time and prices it may have"
            " come from, so how much of it belongs here is a guess."
        )
        first = f"{wording.usd(total)}, in parts of {wording.count(many, 'recorded amount')}."
    elif many == 1:
        first = f"One liquidation of {wording.usd(total)}."
    else:
        first = (
            f"{wording.count(many, 'liquidation')}, {wording.usd(total)} together; the largest is"
            f" {wording.usd(largest)}, {wording.share(largest, total)} of it."
        )
    return [first, *points], found


def _orders(
    data: Dataset, settings: ViewSettings, cluster: Cluster
) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    """The orders of a realised cluster, counted as the cluster counts them."""
    candles, events = dataset.until_end(data, settings)
    if events is None:
        return ["The liquidations behind this map are not at hand."], ()
    made = concentration(cluster, events, candles)
    if not made.events:
        return [made.sentence], ()
    points, found = _venues(made.by_venue, events)
    if made.moved:
        points.append(
            f"{wording.joined(made.moved)} {'reports' if len(made.moved) == 1 else 'report'} prices beyond"
            " the trade, as bankruptcy prices are. The map draws them as they were reported; the cluster"
            " counts them where the trade happened."
        )
    return [made.sentence, *points], found


def _venues(by: pd.DataFrame, events: pd.DataFrame) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    """Who has how much, `by` with `venue`, `usd`, `events` and `largest`, most USD first."""
    complete = events.groupby("venue", observed=True)["completeness"].first().astype(str)
    complete.index = complete.index.astype(str)
    venues = by["venue"].astype(str)
    found = pd.DataFrame(
        {
            "Venue": venues,
            "USD": by["usd"].round().astype("int64"),
            "Liquidations": by["events"],
            "Largest, USD": by["largest"].round().astype("int64"),
            "Completeness": complete.reindex(venues).to_numpy(),
        }
    )
    top = wording.share(float(by["usd"].iloc[0]), float(by["usd"].sum()))
    points = [
        (
            f"All of it is from {venues.iloc[0]}: one venue alone is not a market."
            if len(by) == 1
            else f"{wording.count(len(by), 'venue')}: {venues.iloc[0]} has {top} of the USD."
        )
    ]
    if (found["Completeness"] != "all").any():
        points.append(
            "A venue that is not complete reports only a part of its liquidations, or does not say: the true"
            " amount may be larger."
        )
    return points, (("Which venues", found),)


def _opened(
    data: Dataset,
    settings: ViewSettings,
    grid: HeatGrid,
    side: Literal["long", "short"],
    low: float,
    high: float,
    at: np.datetime64,
    now: pd.Timestamp | None,
) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    try:
        origin = trace(data, settings, grid, side, low, high, at)
    except (GridError, tables.TableError) as problem:
        return [f"Where it came from cannot be traced: {problem}"], ()
    if origin.usd <= 0:
        return ["Nothing of this band can be traced to a candle."], ()
    window = origin.window()
    by = origin.by_leverage.sort_values("usd", ascending=False)
    top = by.iloc[:2]
    names = " and ".join(
        f"{leverage:g}× ({wording.share(amount, origin.usd)})"
        for leverage, amount in zip(top["leverage"], top["usd"], strict=True)
    )
    points = [
        (
            f"By the model, four fifths of it were opened between {wording.when(window[0], now)} and"
            f" {wording.when(window[1], now)}, mostly at {names}."
            if window is not None
            else "The model cannot say when it was opened."
        ),
        (
            "Of everything that opened with its liquidation price in this band,"
            f" {wording.share(origin.usd, origin.opened)} still stands; the rest was closed or swept before."
        ),
        (
            "Leverage is assumed, not observed: the mix and the holding time in Settings decide where this"
            " band lies."
        ),
    ]
    found = pd.DataFrame(
        {
            "Leverage": [f"{value:g}×" for value in by["leverage"]],
            "USD": by["usd"].round().astype("int64"),
            "Share": [wording.share(value, origin.usd) for value in by["usd"]],
        }
    )
    return points, (("Which leverage the model assumes", found),)


def trace(
    data: Dataset,
    settings: ViewSettings,
    grid: HeatGrid,
    side: Literal["long", "short"],
    low: float,
    high: float,
    at: np.datetime64,
) -> Origin:
    """The origin of a band of the view's modelled map: same candles, same assumptions, same bins."""
    candles, interest = dataset.model_inputs(data, settings)
    return level_origin(
        candles,
        side,
        low,
        high,
        at,
        open_interest=interest,
        funding=data.funding,
        model=settings.model,
        assumptions=settings.assumptions,
        price_range=(float(grid.price_edges[0]), float(grid.price_edges[-1])),
        bins=grid.shape[1],
    )
