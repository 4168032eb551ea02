"""Pieces that several pages draw: a heatmap with its words, the what-if row, the table and the downloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.data import ChartError
from liqcore.charts.palette import PaletteError
from liqcore.charts.picture import Picture, asked_look
from liqcore.distances import away
from liqcore.feeds.samples import SampleError
from liqcore.heat.assumptions import AssumptionError
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.learn.scenarios import ScenarioError
from liqcore.margins import MarginError
from liqcore.service.dataset import DataError, Dataset, ViewSettings
from liqcore.tables import TableError
from liqcore.views import controls, explain, heat, loaders

PROBLEMS: Final = (
    DataError,
    GridError,
    TableError,
    AssumptionError,
    MarginError,
    SampleError,
    ChartError,
    PaletteError,
    ScenarioError,
)
_LAST: Final = "last_good_view"


def problem(error: Exception) -> None:
    """Say what is wrong, in the one sentence the error carries."""
    st.error(wording.markdown(str(error)), icon=":material/error:")


def attempt(action: Callable[..., Any], *arguments: Any) -> Any:
    """What `action` returns; where it cannot, the sentence why on the page, and None."""
    try:
        return action(*arguments)
    except PROBLEMS as error:
        problem(error)
        return None


def good_view(data: Dataset, settings: ViewSettings) -> tuple[Dataset, ViewSettings, HeatGrid] | None:
    """The grid asked for; where that fails, the sentence why and the last view that worked, if any."""
    try:
        grid = loaders.heatmap(data, settings)
    except PROBLEMS as error:
        problem(error)
        return last_view()
    st.session_state[_LAST] = (loaders.held(data), settings)
    return data, settings, grid


def last_view() -> tuple[Dataset, ViewSettings, HeatGrid] | None:
    """The last view that worked in this session, with a line that says so."""
    if _LAST not in st.session_state:
        return None
    held, settings = st.session_state[_LAST]
    data: Dataset | None = held()
    if data is None:
        return None
    try:
        grid = loaders.heatmap(data, settings)
    except PROBLEMS:
        # The market went on, and what worked on it a while ago does no more.
        return None
    st.caption(f":material/history: Below is the last view that worked: {wording.markdown(data.label)}.")
    return data, settings, grid


def heatmap(grid: HeatGrid, bars: pd.DataFrame | None, data: Dataset, key: str, **options: Any) -> heat.Drawn:
    """Draw one heatmap with the line that says what it is. `options` as `heat.heatmap` takes them."""
    now = pd.Timestamp.now(tz="UTC")
    line = explain.provenance_line(grid, data.synthetic, now=now)
    if data.made_of:
        line = f"{line} {data.made_of}"
    if data.window:
        line = f"{line} The newest price is {wording.age(min(data.span[1], now), now)} old."
    drawn = heat.heatmap(grid, bars, key=key, note=line, **options)
    st.caption(wording.markdown(" ".join([line, *drawn.picture.notes])))
    return drawn


def reading(grid: HeatGrid, bars: pd.DataFrame | None, picture: Picture) -> None:
    """The expander that explains the map with its own numbers."""
    with st.expander(
        "How to read this", icon=":material/school:", key="help", bind="query-params", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        look = asked_look(st.query_params)
        colour = picture.colour(look)
        points = explain.how_to_read(grid, bars, (colour.low, colour.high), colour.kind, look.hide)
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))


def what_if(data: Dataset, settings: ViewSettings) -> None:
    """Drag the price, change the assumptions, and compare two sets side by side. Always on the modelled
    layer."""
    st.subheader("What if?")
    modelled = replace(settings, layer="modelled")
    if data.candles is None or data.candles.empty:
        st.info("What-if needs candles: add a candles file.", icon=":material/candlestick_chart:")
        return
    try:
        grid, bars = loaders.heatmap(data, modelled), loaders.price_bars(data, modelled)
    except PROBLEMS as error:
        problem(error)
        return
    now = explain.last_close(grid, bars)
    if now is None or bars is None:
        st.info("What-if needs candles: add a candles file.", icon=":material/candlestick_chart:")
        return
    left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
    with left:
        target = controls.target_price(now, grid.price_edges[0], grid.price_edges[-1])
    with right:
        outcome = grid.on_the_way(now, target)
        first, second, third = st.columns(3)
        first.metric(
            "Price goes to",
            wording.price(target),
            wording.percent(away(now, target), signed=True),
            delta_color="off",
            delta_arrow="off",
        )
        second.metric("Longs liquidated", wording.usd(outcome["long"]))
        third.metric("Shorts liquidated", wording.usd(outcome["short"]))
    st.markdown(wording.markdown(explain.what_if(grid, bars, target)))
    if target < grid.price_edges[0] or target > grid.price_edges[-1]:
        st.caption(
            "The target lies outside the price range in view; only the part in view is counted. Choose a"
            " wider price range in Settings."
        )
    _compare_assumptions(data, modelled, target, now)


def _compare_assumptions(data: Dataset, settings: ViewSettings, target: float, now: float) -> None:
    if not st.toggle(
        "Compare two sets of assumptions",
        key="compare",
        bind="query-params",
        help="Same data, same legend, two guesses.",
    ):
        return
    left, right = st.columns(2, gap="medium")
    sets: list[ViewSettings] = []
    for column, suffix, name, mix in ((left, "_a", "Set A", 0), (right, "_b", "Set B", 1)):
        with column:
            model, assumptions = controls.model_controls(suffix, name, mix)
            sets.append(replace(settings, model=model, assumptions=assumptions))
    try:
        grids = [loaders.heatmap(data, item) for item in sets]
    except PROBLEMS as error:
        problem(error)
        return
    bars = loaders.price_bars(data, settings)
    heat.bar("compare-Set A")
    for column, grid, name in zip((left, right), grids, ("Set A", "Set B"), strict=True):
        with column:
            heatmap(
                grid,
                bars,
                data,
                f"compare-{name}",
                height=360,
                caption=name,
                group="assumptions",
                shared=True,
                controls="legend" if name == "Set A" else "none",
                strips=False,
            )
            amount = grid.on_the_way(now, target)
            side = "long" if target < now else "short"
            st.markdown(
                wording.markdown(
                    f"**{name}:** {wording.usd(amount[side])} of {side}s on the way to"
                    f" {wording.price(target)}."
                )
            )
    amounts = [max(grid.on_the_way(now, target).values()) for grid in grids]
    if min(amounts) > 0:
        st.markdown(
            f"The two guesses differ by a factor of {wording.decimal(max(amounts) / min(amounts), 1)} on the"
            " same data. That is how much the map depends on what nobody knows."
        )


def downloads(grid: HeatGrid, bars: pd.DataFrame | None, key: str) -> None:
    """The grid as files; each row of them says kind, venues and completeness."""
    name = f"heatlab-{grid.kind}-{wording.file_mark(grid.time_edges[-1])}"

    def written(form: Literal["csv", "json"]) -> bytes:
        # All that reads and writes files, loaded when somebody takes one.
        from liqcore.feeds import files

        return files.write_grid(grid, form, candles=bars if form == "json" else None)

    with st.container(horizontal=True):
        st.download_button(
            "CSV",
            lambda: written("csv"),
            f"{name}.csv",
            "text/csv",
            key=f"{key}-csv",
            icon=":material/download:",
            on_click="ignore",
            help="One row a cell and side, with kind, venues and completeness.",
        )
        st.download_button(
            "JSON",
            lambda: written("json"),
            f"{name}.json",
            "application/json",
            key=f"{key}-json",
            icon=":material/download:",
            on_click="ignore",
            help="CoinGlass's heatmap shape, with sides and provenance added.",
        )
