"""The expected map beside the realised one: what the price path alone would have put where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.heat.expected import Expected, expected_heatmap
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.tables import TableError
from liqcore.views import panels
from liqcore.views.controls import LINK

_ROWS = 12


@st.cache_resource(max_entries=12, ttl="1h", show_spinner=False)
def _expected(_grid: HeatGrid, _candles: pd.DataFrame, _events: pd.DataFrame | None, key: str) -> Expected:
    return expected_heatmap(_grid, _candles, _events)


def beside(data: Dataset, settings: ViewSettings, grid: HeatGrid, bars: pd.DataFrame | None) -> None:
    """A switch and, where it is on, the expected map and its ratio to what happened."""
    if grid.kind != "realised":
        return
    shown = st.toggle(
        "Beside what the price path explains",
        key="expected",
        bind=LINK,
        help=(
            "Liquidations happen where price goes. This map spreads the same orders over the path alone: only"
            " what the two do not share says something about a price."
        ),
    )
    if not shown:
        return
    candles, events = dataset.until_end(data, settings)
    if candles is None or candles.empty:
        st.info("An expected map needs candles: add a candles file.", icon=":material/candlestick_chart:")
        return
    try:
        found = _expected(grid, candles, events, f"{data.key}|{settings!r}")
    except (GridError, TableError) as problem:
        st.info(wording.markdown(str(problem)), icon=":material/info:")
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        panels.heatmap(
            found.grid,
            bars,
            data,
            "expected-map",
            height=360,
            caption="What the price path alone would put there",
            controls="none",
            strips=False,
        )
    with right:
        st.markdown("**The fullest places, beside what the path explains**")
        st.dataframe(
            _table(found.profile),
            hide_index=True,
            width="stretch",
            height=330,
            column_config={
                "Path explains": st.column_config.NumberColumn(format="%.1f"),
                "Times": st.column_config.NumberColumn(
                    format="%.1f",
                    help="Orders over what the path explains; empty where hardly one is expected.",
                ),
            },
            placeholder=wording.NOTHING,
        )
    st.caption(
        "The expected map is no record and no forecast: it shows each side's USD where price travelled"
        " towards its liquidations, ten times where price had not been for four hours. Times near 1 are what"
        " chance and the path give; a cluster is called one only where no explanation comes near."
    )
    for note in found.notes:
        st.caption(wording.markdown(note))


def _table(profile: pd.DataFrame) -> pd.DataFrame:
    top = profile[profile["orders"] > 0].head(_ROWS)
    return pd.DataFrame(
        {
            "Price": [
                f"{wording.price(low)} to {wording.price(high)}"
                for low, high in zip(top["price_low"], top["price_high"], strict=True)
            ],
            "Side": [f"{side}s" for side in top["side"]],
            "Orders": np.round(top["orders"]).astype(int),
            "Path explains": top["expected"],
            "Times": top["ratio"],
        }
    )
