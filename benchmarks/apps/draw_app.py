"""A page that draws one grid of 800 × 300 or 1,600 × 600 cells in one of two ways."""

import time

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from liqcore.heat.grid import HeatGrid, Provenance
from liqcore.views import heat as heat_view


@st.cache_resource
def make_grid(columns: int, bins: int) -> HeatGrid:
    """Levels that appear, fade, and stay until price crosses them, as a modelled map has them; most cells are
    filled."""
    rng = np.random.default_rng(5)
    heat = np.where(rng.random((columns, bins)) < 0.02, rng.lognormal(13, 1.2, (columns, bins)), 0.0)
    for column in range(1, columns):
        heat[column] += 0.995 * heat[column - 1]
    price_bin = (bins / 2 + bins / 4 * np.sin(np.linspace(0, 9, columns))).astype(int)
    above = np.arange(bins)[None, :] > price_bin[:, None]
    edges = np.datetime64("2026-03-01", "us") + np.arange(columns + 1) * np.timedelta64(15, "m")
    return HeatGrid(
        kind="modelled",
        time_edges=edges,
        price_edges=np.geomspace(50_000, 70_000, bins + 1),
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
step = int(st.number_input("step", value=0, key="step"))
columns, bins = (int(part) for part in st.query_params.get("size", "800x300").split("x"))
grid = make_grid(columns, bins)
if way == "ours":
    heat_view.code()
begin = time.thread_time()
if way == "ours":
    heat_view.heatmap(grid, key="map", height=560)
elif way == "rects":
    st.altair_chart(rects(grid, 1e5 + 2e5 * step), key="map", width="stretch")
st.text(f"step {step} took {time.thread_time() - begin:.4f} s")
