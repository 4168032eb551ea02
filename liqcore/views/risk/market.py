"""The market that a plan is made for: its last price, and the clusters that stand around it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

from liqcore import wording
from liqcore.distances import away
from liqcore.feeds import samples
from liqcore.heat.clusters import track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.market.candles import atr, resample
from liqcore.risk.handover import MOST, Zone
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.service import dataset
from liqcore.service.app import FIRST
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import loaders, overlays, panels

SETTINGS: Final = ViewSettings(layer="modelled", timeframe="15m", hours=72.0, reach=0.1)
# A plan further away than this is one of another market, or of another time.
FAR: Final = 0.25
# Closer than this to the prices to start with, the market at hand is the one they are of.
_SAME: Final = 0.001
_PERSISTENCE_BARS: Final = 12
Layer = Literal["modelled", "realised"]
# The modelled map first: it is about positions that are still open. The two are never mixed.
_KINDS: Final[dict[Layer, str]] = {
    "modelled": "where positions would be closed, not where they were",
    "realised": "where positions were closed, which says nothing about those that are open",
}


@dataclass(frozen=True)
class Defaults:
    """Prices to start with: the last close of the sample market, and its one-minute and one-hour ATR, USD."""

    price: float
    atr_minute: float
    atr_hour: float


@st.cache_data(max_entries=1, show_spinner=False)
def defaults() -> Defaults:
    """What the sample market offers a first-time visitor to start with."""
    candles = samples.load_sample("violent", only=("candles",)).candles
    hourly = resample(candles, "1h", partial=False)
    return Defaults(
        round(float(candles["close"].iloc[-1])),
        float(np.round(atr(candles)[-1], 1)),
        float(np.round(atr(hourly)[-1], 0)),
    )


def at_hand() -> Dataset | None:
    """The market at hand, with its control and a button that moves the plan to its last price."""
    data = panels.attempt(loaders.opened, loaders.market(), FIRST)
    price = dataset.last_price(data)
    st.button(
        "Use last price",
        icon=":material/my_location:",
        disabled=price is None,
        help="The last price of this market. Entry, stop and targets keep their distance in per cent.",
        on_click=move_to,
        args=(price,),
    )
    if data is not None and price is not None:
        st.caption(
            wording.markdown(
                f"Last price {wording.price(price)},"
                f" {'of the synthetic sample market' if data.synthetic else f'of {data.label}'}."
            )
        )
    return data


def move_to(price: float | None) -> None:
    """Move entry, stop and targets to a price; each keeps its distance in per cent."""
    held, start = st.session_state, defaults()
    if price is None:
        return
    try:
        ratio = price / parse_number(str(held.get("entry", start.price)), "Entry")
    except (RiskError, ZeroDivisionError):
        return
    for name in ("entry", "stop"):
        with suppress(RiskError):
            moved = parse_number(str(held.get(name, "")), name) * ratio
            held[name] = wording.field(round(moved, 1))
    for name in ("targets", "entries"):
        levels, _ = overlays.parse_levels(str(held.get(name, "")))
        held[name] = "; ".join(wording.field(round(level * ratio, 1)) for level in levels)


def begin_at(price: float | None, texts: Mapping[str, str]) -> None:
    """Move a plan that nobody has touched, its fields as in `texts`, to the price of the market at hand.

    What is moved stands in the address, so that a link stays the same plan.
    """
    held, start = st.session_state, defaults()
    asked = {"level", *texts} & set(st.query_params)
    if price is None or asked or any(held.get(name, text) != text for name, text in texts.items()):
        return
    if abs(price / start.price - 1) > _SAME:
        held.update(texts)
        move_to(price)
        # A field that is drawn already writes its address itself, and lets nobody else do so.
        with suppress(StreamlitAPIException):
            st.query_params.update({name: held[name] for name in texts})


def drawn(data: Dataset | None) -> tuple[HeatGrid, pd.DataFrame] | None:
    """The modelled map of the last three days of a market and its candles; None where it has none."""
    grid = panels.attempt(loaders.heatmap, data, SETTINGS) if data is not None else None
    bars = loaders.price_bars(data, SETTINGS) if data is not None and grid is not None else None
    return None if grid is None or bars is None or bars.empty else (grid, bars)


def clusters(data: Dataset | None, entry: float) -> tuple[tuple[Zone, ...], str]:
    """The clusters of the market at hand, largest first, and a sentence on what they are; none, and why,
    where the plan is for another market."""
    price = dataset.last_price(data)
    if data is None or price is None:
        return (), "No market is at hand, so no clusters are drawn: type them at the left."
    if abs(away(price, entry)) > FAR:
        return (), (
            f"No clusters are drawn: the market at hand ends at {wording.price(price)} and the entry is"
            f" {wording.price(entry)}, so the plan is for another market or another time."
        )
    what = "the synthetic sample market" if data.synthetic else data.label
    seen = []
    for layer, words in _KINDS.items():
        zones = _zones(data, layer, dataset.view_key(data, replace(SETTINGS, layer=layer)))
        if zones:
            return (
                zones,
                f"{wording.sentence_case(layer)} clusters, from {what} and its last three days: {words}.",
            )
        if zones is not None:
            seen.append(layer)
    if not seen:
        return (), f"No map of {what} can be drawn, so no clusters are known: type them at the left."
    if len(seen) == len(_KINDS):
        return (), f"On neither map of {what} does anything stand out from chance, so no clusters are drawn."
    return (), (
        f"On the {seen[0]} map of {what} nothing stands out from chance, so no clusters are drawn. This"
        " market has no other map."
    )


@st.cache_data(max_entries=32, ttl="2h", show_spinner=False)
def _zones(_data: Dataset, layer: Layer, key: str) -> tuple[Zone, ...] | None:
    """The clusters of one map, None where this market has no such map."""
    settings = replace(SETTINGS, layer=layer)
    try:
        grid, bars = loaders.heatmap(_data, settings), loaders.price_bars(_data, settings)
    except loaders.DATA_PROBLEMS:
        return None
    events = None
    if grid.kind == "realised":
        candles, events = dataset.until_end(_data, settings)
        bars = bars if candles is None else candles
    story = track_clusters(grid, _PERSISTENCE_BARS, price=bars, liquidations=events)
    found = [Zone(one.side, one.low, one.high, one.notional) for one in story.present]
    return tuple(sorted(found, key=lambda zone: -zone.notional)[:MOST])
