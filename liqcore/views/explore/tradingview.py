"""What the map says, for TradingView: a script that draws its clusters and levels, and a list of levels to
watch."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.feeds.tradingview import clusters_to_pine, watch_list
from liqcore.heat.clusters import ClusterStory
from liqcore.heat.grid import HeatGrid
from liqcore.market.levels import Levels
from liqcore.service.dataset import Dataset


def downloads(
    grid: HeatGrid, bars: pd.DataFrame | None, found: ClusterStory, levels: Levels | None, data: Dataset
) -> None:
    """The clusters that stand now and the key levels as a Pine script, and as a plain list."""
    clusters, lines = list(found.present), None if levels is None else levels.table
    made_at = pd.Timestamp.now(tz="UTC")
    name = f"heatlab-{grid.kind}-{wording.file_mark(grid.time_edges[-1])}"
    with st.container(horizontal=True):
        st.download_button(
            "Pine script",
            lambda: clusters_to_pine(
                clusters, lines, grid.kind, grid.provenance, made_at, synthetic=data.synthetic
            ),
            f"{name}.pine",
            "text/plain",
            key="pine-out",
            icon=":material/candlestick_chart:",
            on_click="ignore",
            help=(
                "Paste it into TradingView's Pine editor: it draws these clusters and key levels as boxes on"
                " your chart."
            ),
        )
        if bars is not None and len(bars):
            price = float(bars["close"].iloc[-1])
            st.download_button(
                "Watch-list",
                lambda: watch_list(
                    clusters, lines, price, grid.kind, grid.provenance, made_at, synthetic=data.synthetic
                ),
                f"{name}-levels.txt",
                "text/plain",
                key="watch-out",
                icon=":material/list:",
                on_click="ignore",
                help=(
                    "The same levels as text, from the highest price down, with what each is and how far"
                    " away."
                ),
            )
