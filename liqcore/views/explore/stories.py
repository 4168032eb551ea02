"""The story of one cell or cluster, in words and tables made from the data behind it; no Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.clusters import Cluster, ClusterStory, concentration
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.origin import Origin, level_origin
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings


@dataclass(frozen=True)
class Cell:
    """A rectangle of a map that the reader has chosen: one side, USD prices, UTC times."""

    side: str
    low: float
    high: float
    start: np.datetime64
    end: np.datetime64
    usd: float


@dataclass(frozen=True, eq=False)
class Story:
    """Sentences, and tables with their titles, that tell where heat came from and what became of it."""

    title: str
    points: tuple[str, ...]
    tables: tuple[tuple[str, pd.DataFrame], ...] = ()


def picked_cell(found: Any) -> Cell | None:
    """The cell that a click on the map chose, or None where the click was beside the heat."""
    try:
        low, high, amount = float(found["price_from"]), float(found["price_to"]), float(found["usd"])
        start, end = (
            np.datetime64(round(float(found[name]) * 1000), "us") for name in ("time_from", "time_to")
        )
        side = str(found["side"])
    except (KeyError, TypeError, ValueError):
        return None
    if side not in tables.SIDES or not (0 < low < high and amount > 0 and start < end):
        return None
    return Cell(side, low, high, start, end, amount)


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


def cell_story(
    data: Dataset, settings: ViewSettings, grid: HeatGrid, cell: Cell, now: pd.Timestamp | None = None
) -> Story:
    """What made one cell: its events by venue, or its candles and leverages."""
    title = f"{cell.side.capitalize()}s at {wording.price(cell.low)} to {wording.price(cell.high)}"
    if grid.kind == "realised":
        points, found = _events(data, settings, cell, now)
        return Story(title, tuple(points), found)
    points, found = _opened(data, settings, cell.side, cell.low, cell.high, cell.end, now)
    return Story(
        title,
        (
            f"At {wording.when(cell.end, now)} the model holds {wording.usd(cell.usd)} of {cell.side}s in"
            " this band.",
            *points,
        ),
        found,
    )


def cluster_story(
    data: Dataset,
    settings: ViewSettings,
    grid: HeatGrid,
    story: ClusterStory,
    cluster: Cluster,
    now: pd.Timestamp | None = None,
) -> Story:
    """Since when a cluster stands, what happened to it, and what made it."""
    title = f"{cluster.side.capitalize()} cluster at {wording.price(cluster.low)} to {wording.price(cluster.high)}"
    there = cluster in story.present
    points = [
        f"{wording.usd(cluster.notional)} of {cluster.side}s, the hottest bin {wording.usd(cluster.peak)}."
        f" First seen {wording.when(cluster.first_seen, now)}, "
        + (
            "still there at the end of the map"
            if there
            else f"last seen {wording.when(cluster.last_seen, now)}"
        )
        + f"; hot in {wording.percent(cluster.persistence)} of the last bars looked at."
    ]
    if cluster.kind == "realised":
        events = dataset_events(data, settings)
        if events is not None:
            points.append(concentration(cluster, events, dataset.until_end(data, settings)[0]).sentence)
        area = Cell(
            cluster.side, cluster.low, cluster.high, cluster.since, cluster.last_seen, cluster.notional
        )
        more, found = _events(data, settings, area, now)
        points += more[1:]
    else:
        more, found = _opened(data, settings, cluster.side, cluster.low, cluster.high, cluster.last_seen, now)
        points += more
    told = [event.sentence for event in story.events_of(cluster.id)][-8:]
    times = [wording.when(event.time, now) for event in story.events_of(cluster.id)][-8:]
    history = pd.DataFrame({"Known at": times, "What happened": told})
    return Story(title, tuple(points), (("What happened to it", history), *found))


def dataset_events(data: Dataset, settings: ViewSettings) -> pd.DataFrame | None:
    """The liquidations behind the view, of its venues only."""
    events = data.liquidations
    if events is None or not settings.venues:
        return events
    return events[events["venue"].isin(settings.venues)]


def _events(
    data: Dataset, settings: ViewSettings, cell: Cell, now: pd.Timestamp | None
) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    events = dataset_events(data, settings)
    if events is None or events.empty:
        return ["The liquidations behind this map are not at hand."], ()
    micros = tables.microseconds(events["time"])
    begin, end = np.searchsorted(
        micros,
        [
            cell.start.astype("datetime64[us]").astype("int64"),
            cell.end.astype("datetime64[us]").astype("int64"),
        ],
    )
    part = events.iloc[begin:end]
    part = part[(part["price"] >= cell.low) & (part["price"] < cell.high) & (part["side"] == cell.side)]
    if part.empty:
        return ["No recorded liquidation falls into this rectangle."], ()
    total, largest = float(part["notional"].sum()), float(part["notional"].max())
    by = (
        part.groupby("venue", observed=True)["notional"]
        .agg(["sum", "count", "max"])
        .sort_values("sum", ascending=False)
    )
    complete = part.groupby("venue", observed=True)["completeness"].first().astype(str)
    found = pd.DataFrame(
        {
            "Venue": by.index.astype(str),
            "USD": by["sum"].round().astype("int64"),
            "Liquidations": by["count"],
            "Largest, USD": by["max"].round().astype("int64"),
            "Completeness": complete.reindex(by.index).to_numpy(),
        }
    ).reset_index(drop=True)
    first = str(by.index[0])
    points = [
        (
            f"{wording.count(len(part), 'liquidation')} of {cell.side}s, {wording.usd(total)} together,"
            f" between {wording.when(cell.start, now)} and {wording.when(cell.end, now)}; the largest is"
            f" {wording.usd(largest)}, {wording.share(largest, total)} of it."
        ),
        f"{wording.count(len(by), 'venue')}: {first} has {wording.share(float(by['sum'].iloc[0]), total)}"
        " of the USD." + (" One venue alone is not a market." if len(by) == 1 else ""),
    ]
    if (found["Completeness"] != "all").any():
        points.append(
            "A sampled venue reports only a part of its liquidations, so the true amount is larger."
        )
    return points, (("Which venues", found),)


def _opened(
    data: Dataset,
    settings: ViewSettings,
    side: str,
    low: float,
    high: float,
    at: np.datetime64,
    now: pd.Timestamp | None,
) -> tuple[list[str], tuple[tuple[str, pd.DataFrame], ...]]:
    try:
        origin = trace(data, settings, side, low, high, at)
    except (GridError, tables.TableError) as problem:
        return [f"Where it came from cannot be traced: {problem}"], ()
    if origin.usd <= 0:
        return [
            "Nothing of this band can be traced to a candle: it lies at the edge of a bin of the model."
        ], ()
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
    data: Dataset, settings: ViewSettings, side: str, low: float, high: float, at: np.datetime64
) -> Origin:
    """The origin of a band of the view's modelled map, from the same candles and assumptions."""
    candles, interest = dataset.model_inputs(data, settings)
    return level_origin(
        candles,
        side,  # type: ignore[arg-type]
        low,
        high,
        at,
        open_interest=interest,
        funding=data.funding,
        model=settings.model,
        assumptions=settings.assumptions,
    )
