"""A page that draws one grid of 800 × 300 cells in one of two ways; the benchmark steps its threshold."""

import time

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from liqcore.charts.chart import heatmap_chart

from liqcore.heat.grid import HeatGrid, Provenance

COLUMNS, BINS = 800, 300


@st.cache_resource
def make_grid() -> HeatGrid:
    """Levels that appear and stay until price crosses them, as a modelled map has them; most cells are
    filled."""
    rng = np.random.default_rng(5)
    born = np.where(rng.random((COLUMNS, BINS)) < 0.02, rng.lognormal(13, 1.2, (COLUMNS, BINS)), 0.0)
    heat = np.cumsum(born, axis=0)
    price_bin = (BINS / 2 + BINS / 4 * np.sin(np.linspace(0, 9, COLUMNS))).astype(int)
    above = np.arange(BINS)[None, :] > price_bin[:, None]
    edges = np.datetime64("2026-03-01", "us") + np.arange(COLUMNS + 1) * np.timedelta64(15, "m")
    return HeatGrid(
        kind="modelled",
        time_edges=edges,
        price_edges=np.geomspace(50_000, 70_000, BINS + 1),
        long=np.where(above, 0, heat),
        short=np.where(above, heat, 0),
        provenance=Provenance(source="benchmark", venues=(), model="flow-identity"),
    )


def rects(grid: HeatGrid, threshold: float) -> alt.Chart:
    """The usual way: one rectangle per filled cell."""
    usd = grid.long + grid.short
    column, band = np.nonzero(usd >= threshold)
    frame = pd.DataFrame(
        {
            "from": grid.time_edges[column],
            "to": grid.time_edges[column + 1],
            "low": grid.price_edges[band],
            "high": grid.price_edges[band + 1],
            "usd": usd[column, band],
        }
    )
    return (
        alt.Chart(frame)
        .mark_rect()
        .encode(
            x="from:T",
            x2="to",
            y=alt.Y("low:Q", scale=alt.Scale(zero=False)),
            y2="high",
            color=alt.Color("usd:Q", scale=alt.Scale(type="log", scheme="inferno")),
            tooltip=["low", "high", "usd"],
        )
        .properties(height=520)
    )


way = st.query_params["way"]
step = st.number_input("step", value=0, key="step")
grid = make_grid()
begin = time.thread_time()
if way == "ours":
    picture = heatmap_chart(grid, threshold=1e5 + 2e5 * step)
    st.vega_lite_chart(spec=picture.spec, key="map", alt=picture.alt, width="stretch")
else:
    st.altair_chart(rects(grid, 1e5 + 2e5 * step), key="map", width="stretch")
st.text(f"step {step} took {time.thread_time() - begin:.4f} s")
