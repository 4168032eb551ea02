"""One whale or many traders: of how many orders a realised cluster is made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.clusters import Cluster
from liqcore.heat.grid import GridError
from liqcore.heat.opportunity import STEP, bars_of
from liqcore.heat.orders import orders_of


@dataclass(frozen=True, eq=False)
class Concentration:
    """Of how many events a cluster is made, and how much of it is one order.

    `events` is their number, `notional` and `largest` USD, `largest_share` (0 to 1) the largest order's share
    and `effective` the number of equal orders that would be as concentrated, 1 / Σ share².
    `venues` names the venues with events in it, most USD first; `by_venue` holds `venue`, `usd`, `orders`,
    `events` (the prints they were filled in) and `largest` (USD of one order) of each. `moved` names those
    whose prints lie beyond the trade, as bankruptcy prices do: a cluster counts them where the trade
    happened.
    """

    events: int
    notional: float
    largest: float
    largest_share: float
    effective: float
    venues: tuple[str, ...]
    by_venue: pd.DataFrame = field(repr=False)
    moved: tuple[str, ...] = ()

    @property
    def single_print(self) -> bool:
        """True where one order is more than half of the cluster."""
        return self.largest_share > 0.5

    @property
    def sentence(self) -> str:
        if self.events == 0:
            return "No event of the table falls into this cluster."
        many = wording.count(self.events, "liquidation")
        one = f"the largest is {wording.usd(self.largest)}, {wording.percent(self.largest_share)} of it"
        if self.single_print:
            return f"This cluster is mostly one print: {many}, and {one}. It may be a single trader."
        return f"This cluster is made of {many}; {one}."


def concentration(
    cluster: Cluster, liquidations: pd.DataFrame, price: pd.DataFrame | None = None
) -> Concentration:
    """Tell one large print from many small ones: the events of a realised cluster, from `since` to
    `last_seen`.

    Parameters
    ----------
    liquidations : the liquidations table from which the grid was made.
    price : the candles the cluster was found with, by which prices beyond the trade are moved back to it.

    Raises
    ------
    GridError
        The cluster is of a modelled or measured grid, which has no events.
    """
    if cluster.kind != "realised":
        raise GridError(
            f"A {cluster.kind} cluster is not made of events. Give a cluster of a realised heatmap."
        )
    bars = None if price is None or price.empty else bars_of(tables.ensure(price, "candles"))
    orders = orders_of(tables.ensure(liquidations, "liquidations"), bars)
    begin, end = np.array([cluster.since, cluster.last_seen]).astype("datetime64[us]").astype("int64")
    x = np.floor(orders.x / STEP + 1e-9)
    low, high = np.round(np.log([cluster.low, cluster.high]) / STEP)
    inside = (orders.time >= begin) & (orders.time < end) & (x >= low) & (x < high)
    held = orders.where(inside & (orders.side == tables.SIDES.index(cluster.side)))
    by_venue = (
        pd.DataFrame({"venue": held.venue, "usd": held.usd, "events": held.events})
        .groupby("venue")
        .agg(usd=("usd", "sum"), orders=("usd", "size"), events=("events", "sum"), largest=("usd", "max"))
        .sort_values("usd", ascending=False, kind="stable")
        .reset_index()
    )
    by_venue["venue"] = [held.names[i] for i in by_venue["venue"]]
    total, squares = float(held.usd.sum()), float((held.usd**2).sum())
    largest = float(held.usd.max(initial=0.0))
    return Concentration(
        int(held.events.sum()),
        total,
        largest,
        largest / total if total else 0.0,
        total**2 / squares if squares else 0.0,
        tuple(by_venue["venue"]),
        by_venue,
        tuple(name for name in by_venue["venue"] if name in orders.moved),
    )
