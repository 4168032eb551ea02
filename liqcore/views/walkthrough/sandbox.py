"""The sandbox at the end of a scenario: its market made again with one thing changed, beside the market as it
was told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.feeds import scenario_files as files
from liqcore.heat.grid import HeatGrid
from liqcore.heat.realised import realised_heatmap
from liqcore.lab import recipe
from liqcore.learn.scenarios import Market, Scenario
from liqcore.learn.seen import BINS, Seen, see
from liqcore.views import explain, heat, links
from liqcore.views.controls import LINK

CROWDS: Final = {"none": "Nobody", "half": "Half as many", "double": "Twice as many"}
_TITLES: Final = {"none": "With nobody", "half": "With half as many", "double": "With twice as many"}
_TIMES: Final = {"none": 0.0, "half": 0.5, "double": 2.0}


@dataclass(frozen=True, eq=False)
class World:
    """A market up to the last step: its map on the prices of both worlds, its bars, last price, and USD
    liquidated by side."""

    grid: HeatGrid
    bars: pd.DataFrame
    price: float
    long: float
    short: float


def remake(settings: dict[str, Any], times: float) -> Market:
    """The scenario's market from its own seed and interventions, with `times` as much opened by the crowds it
    names (0 leaves them out)."""
    made = recipe.market_of(settings, times)
    arrivals = tables.microseconds(made.arrivals.astype(tables.TIME_DTYPE)).view("datetime64[us]")
    return Market(made.candles, made.liquidations, arrivals, made.open_interest, made.funding)


@st.cache_resource(max_entries=12, ttl="2h", show_spinner="Making the market again with one thing changed")
def _worlds(_scenario: Scenario, name: str, change: str) -> tuple[World, World]:
    """The world as it was told and the changed one, on the same prices."""
    step = _scenario.steps[-1]
    told = see(_scenario, step)
    changed = see(replace(_scenario, market=remake(files.read_settings(name), _TIMES[change])), step)
    ranges = [seen.price_range for seen in (told, changed)]
    low, high = min(edge for edge, _ in ranges), max(edge for _, edge in ranges)
    return _world(told, (low, high)), _world(changed, (low, high))


def _world(seen: Seen, prices: tuple[float, float]) -> World:
    events = seen.liquidations
    by_side = events.groupby(events["side"].astype(str))["notional"].sum()
    grid = realised_heatmap(
        events,
        timeframe=seen.step.timeframe,
        bins=BINS,
        start=seen.scenario.start,
        end=seen.at,
        price_range=prices,
        source=seen.scenario.label,
    )
    return World(
        grid,
        seen.bars,
        float(np.asarray(seen.candles["close"])[-1]),
        *(float(by_side.get(side, 0.0)) for side in tables.SIDES),
    )


def sandbox(chosen: Scenario) -> None:
    """One control: how many had opened the positions that the scenario names. The same picture before and
    after."""
    with st.expander(
        "Sandbox: change one thing", icon=":material/science:", key="sandbox", bind=LINK, on_change="rerun"
    ) as opened:
        st.markdown(
            "Guess first: if fewer or more traders had crowded in, what would this map have looked like?"
        )
        change = links.choice("How many crowded in?", CROWDS, "none", "crowd")
        if not opened.open:
            return
        before, after = _worlds(chosen, chosen.name, change)
        heat.bar("sandbox-True")
        for column, world, title in zip(
            st.columns(2, gap="medium"), (before, after), ("As it was told", _TITLES[change]), strict=True
        ):
            with column:
                heat.heatmap(
                    world.grid,
                    world.bars,
                    key=f"sandbox-{title == 'As it was told'}",
                    note=explain.provenance_line(world.grid, synthetic=True, now=pd.Timestamp.now(tz="UTC")),
                    caption=title,
                    height=340,
                    controls="legend" if title == "As it was told" else "none",
                    group="sandbox",
                    shared=True,
                    strips=False,
                    levels=pd.DataFrame({"price": [chosen.level], "label": ["level"]}),
                )
                st.markdown(
                    wording.markdown(
                        f"{wording.usd(world.long)} of longs and {wording.usd(world.short)} of shorts were"
                        f" liquidated. The last price is {wording.price(world.price)}."
                    )
                )
        st.caption(
            "Both worlds are simulated from one seed, with one legend; only the size of the crowds differs."
            " Two worlds are two examples: they show what can follow, not what must."
            f" {explain.provenance_line(after.grid, synthetic=True, now=pd.Timestamp.now(tz='UTC'))}"
        )


__all__ = ["CROWDS", "remake", "sandbox"]
