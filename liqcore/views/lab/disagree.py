"""Why do sites disagree? One market through every model, and what most of them agree on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.heat.grid import GridError, HeatGrid, Provenance
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.lab.cells import by_distance
from liqcore.lab.scoring import spearman
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import explain, heat, loaders, panels


def draw() -> None:
    """Every model on the market at hand, side by side."""
    st.markdown(
        "Sites show different maps of the same market because nobody publishes positions: each guesses what"
        " opens, how it is levered and when it closes. Here one market goes through every guess we know."
    )
    data = panels.attempt(loaders.pick)
    if data is None:
        loaders.bring("Add a file with candles, or choose the sample market above.")
        return
    settings = ViewSettings(layer="modelled", timeframe="1h", hours=72.0, bins=120)
    grids: dict[str, HeatGrid] = {}
    for name, model in MODELS.items():
        try:
            grids[model.title] = loaders.heatmap(data, replace(settings, model=name))
        except GridError as problem:
            st.caption(f":material/info: {wording.markdown(str(problem))}")
    if len(grids) < 2:
        return
    bars = loaders.price_bars(data, settings)
    _maps(data, grids, bars)
    _pairs(grids, bars)


def agreed(grids: dict[str, HeatGrid]) -> HeatGrid:
    """What at least half of the models show: the middle of all maps, each brought to the total of our own."""
    ours = next(iter(grids.values()))
    totals = [grid.long.sum(axis=1) + grid.short.sum(axis=1) for grid in grids.values()]
    scale = [
        np.divide(totals[0], total, out=np.zeros_like(total), where=total > 0)[:, None] for total in totals
    ]
    long, short = (
        np.median([getattr(grid, side) * by for grid, by in zip(grids.values(), scale, strict=True)], axis=0)
        for side in ("long", "short")
    )
    where = ours.provenance
    words = Provenance(where.source, where.venues, where.as_of, model=f"middle of {len(grids)} models")
    return HeatGrid("modelled", ours.time_edges, ours.price_edges, long, short, words, observed=ours.observed)


def _maps(data: Dataset, grids: dict[str, HeatGrid], bars: pd.DataFrame | None) -> None:
    middle = agreed(grids)
    line = explain.provenance_line(next(iter(grids.values())), data.synthetic, now=pd.Timestamp.now(tz="UTC"))
    shown = {"What most models agree on": middle, **grids}
    heat.bar("lab-model-0")
    with st.grid(2, min_column_width=340, gap="small"):
        for number, (title, grid) in enumerate(shown.items()):
            with st.container():
                heat.heatmap(
                    grid, bars, key=f"lab-model-{number}", height=300, caption=title, group="models", note=line,  # noqa: E501
                    strips=False, controls="legend" if number == 0 else "none",
                )  # fmt: skip
    st.caption(wording.markdown(line))


def _pairs(grids: dict[str, HeatGrid], bars: pd.DataFrame | None) -> None:
    """How alike the maps of the last column are."""
    now = explain.last_close(next(iter(grids.values())), bars)
    if now is None:
        return
    near = {
        title: by_distance(grid, np.array([now]), 0.0025, 40, slice(-1, None))
        for title, grid in grids.items()
    }
    names = list(near)
    # A map that shows nothing here is like or unlike none.
    shows = {title: bool(values.any()) for title, values in near.items()}
    table = pd.DataFrame(
        [
            [float(spearman(near[a], near[b])[0]) if shows[a] and shows[b] else np.nan for b in names]
            for a in names
        ],
        names,
        names,
    )
    off = table.to_numpy()[~np.eye(len(names), dtype=bool)]
    off = off[np.isfinite(off)]
    if not len(off):
        return
    st.subheader("How alike they are")
    st.markdown(
        "Rank correlation of the newest maps within 10 % of the price, pair by pair: from"
        f" {wording.decimal(off.min(), 2)} to {wording.decimal(off.max(), 2)}. Where two guesses correlate"
        " little, at most one of them is near the truth."
    )
    st.dataframe(
        table.reset_index(names="Model"),
        hide_index=True,
        width="stretch",
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in names},
        placeholder=wording.NOTHING,
    )
    st.caption(
        f"{MODELS[DEFAULT].title} is ours. *Is the map right?* holds each of them against a world whose"
        " positions are known."
    )
