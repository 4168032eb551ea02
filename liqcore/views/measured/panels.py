"""Measured positions on the pages: their map, a model held against it, and what changed between two
snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.measured import churn_chart, distance_chart
from liqcore.heat.assumptions import AS_AN_AGGREGATOR, AS_AN_AGGREGATOR_WORDS
from liqcore.heat.grid import HeatGrid
from liqcore.heat.measured import measured_heatmap
from liqcore.heat.models import DEFAULT
from liqcore.heat.realised import time_edges
from liqcore.heat.snapshots import Snapshot, churn, churn_shares, coverage
from liqcore.lab.cells import closes, model_maps
from liqcore.service import dataset
from liqcore.service.dataset import DataError, Dataset, ViewSettings
from liqcore.views import controls, loaders, panels, shell
from liqcore.views.measured import source
from liqcore.views.spoken import spoken

if TYPE_CHECKING:
    from liqcore.lab.against_positions import Against

_FAR = 1.5


def page(data: Dataset | None, settings: ViewSettings | None, place: Any, heading: str) -> None:
    """Measured positions as the map of a page, in its `place` below their switch."""
    with place:
        source.controls()
    shown(data, settings, place, heading)


def shown(
    data: Dataset | None, settings: ViewSettings | None, place: Any, heading: str, height: int | None = None
) -> None:
    """The map in its `place`, with how complete it is below; on the window that the settings ask for, without
    them on the snapshots' own."""
    held = source.held()
    with place:
        drawn = panels.attempt(_map, data, settings, held, heading, height) if held else None
        if drawn is None:
            st.title(heading)
            if not held:
                source.nothing()
            return
    grid, bars = drawn
    if data is not None and data.synthetic:
        st.warning(
            "The market chosen above is the synthetic sample; measured positions are of the real one, so no"
            " price is drawn over them. Choose the real market to see both.",
            icon=":material/science:",
        )
    source.meter(held[-1])
    for flag in grid.provenance.flags:
        st.caption(wording.markdown(flag))
    panels.downloads(grid, bars, "measured")


def _map(
    data: Dataset | None,
    settings: ViewSettings | None,
    held: list[Snapshot],
    heading: str,
    height: int | None,
) -> tuple[HeatGrid, pd.DataFrame | None] | None:
    if data is None or data.synthetic:
        data, settings = Dataset(key="measured", label="Measured positions", synthetic=False), None
    times = edges = bars = None
    if settings is not None:
        window = dataset.window(data, settings)
        times = time_edges(window.start, window.end, settings.timeframe)
        edges = np.geomspace(window.low, window.high, settings.bins + 1)
        bars = loaders.price_bars(data, settings)
    made = measured_heatmap(held, price_edges=edges, time_edges=times, bins=200)
    if not np.asarray(made.observed).any():
        st.info(
            "No snapshot falls into the window above. Choose another window, or wait for the next round.",
            icon=":material/history_toggle_off:",
        )
        return None
    panels.heatmap(
        made,
        bars,
        _real(data),
        "measured-map",
        heading=heading,
        height=height,
        caption=coverage(held[-1], shell.now()).title,
        address=True,
        replay=True,
        what=True,
    )
    return made, bars


def _real(data: Dataset) -> Dataset:
    """Measured maps are never of a synthetic market, whatever stands beside them."""

    return replace(data, synthetic=False, made_of="", window="")


def model_against(data: Dataset, settings: ViewSettings) -> None:
    """Both maps at one moment, how they agree beyond distance, and the model's assumptions as sliders."""
    # It brings SciPy's statistics along, 46 MB that pages with other maps need not.
    from liqcore.lab.against_positions import WITHIN, against

    held = source.controls()
    if not held:
        source.nothing()
        return
    # The answer comes first where columns stand under each other.
    right, left = st.columns([3, 1], gap="large")
    begin: np.datetime64 | None = None
    with left:
        model, assumptions = controls.model_controls("_m")
        if st.toggle(
            "As an aggregator counts",
            key="aggregator",
            bind=controls.LINK,
            help=(
                "Empty at the window's edge, 10× to 100× only, no cross margin, no maintenance, hardly"
                " fading, instead of the sliders."
            ),
        ):
            model, assumptions, begin = DEFAULT, AS_AN_AGGREGATOR, dataset.window(data, settings).start
            st.caption(
                wording.markdown(
                    f"{AS_AN_AGGREGATOR_WORDS} It starts empty on {wording.when(begin)}, the edge of the"
                    " window above."
                )
            )
    candles = dataset.market_candles(data, settings.venues)
    if begin is not None:
        candles = candles[candles["time"] >= pd.Timestamp(begin, tz="UTC")].reset_index(drop=True)
    fitting = [one for one in held if _within(one, candles)]
    if not fitting:
        raise DataError(
            f"The snapshots ({wording.period(held[0].at, held[-1].at)}) lie outside the candles of this"
            " market. Choose the market of those days above."
        )
    snapshot = fitting[-1]
    price = float(closes(candles, np.array([snapshot.at]))[0])
    grid = model_maps(candles, data.open_interest, np.array([snapshot.at]), model, assumptions, reach=0.5)
    told = against(grid, snapshot, price)
    edges = np.geomspace(price / _FAR, price * _FAR, 301)
    with right:
        if data.synthetic:
            st.warning(
                "The market above is the synthetic sample, and positions are real ones: their ranks mean"
                " nothing here. Choose BTC now.",
                icon=":material/science:",
            )
        source.meter(snapshot)
        _figures(told, WITHIN)
        spec, alt = distance_chart(told.profile)
        st.vega_lite_chart(spec=spec, key="distances", alt=alt, width="stretch")
    pair = measured_heatmap([snapshot], price_edges=edges), _shown(grid, edges)
    for column, one, title in zip(st.columns(2, gap="small"), pair, ("Measured", "Modelled"), strict=True):
        with column:
            panels.heatmap(
                one,
                None,
                _real(data),
                f"against-{title}",
                height=380,
                heading="Model against measured" if title == "Measured" else None,
                caption=title,
                group="against",
            )
    st.caption(
        "Both at the snapshot's moment. Distance alone explains most of any such map, so the rank correlation"
        " is taken inside bands of distance: 1 would be the same map, 0 knows nothing beyond distance. The"
        " measured map is one venue's; the model's is of the market above."
    )


def _within(snapshot: Snapshot, candles: pd.DataFrame) -> bool:
    at = pd.Timestamp(snapshot.at, tz="UTC")
    return bool(candles["time"].iloc[0] < at <= candles["time"].iloc[-1] + pd.Timedelta(hours=1))


def _shown(grid: HeatGrid, edges: np.ndarray) -> HeatGrid:
    """The last column on the measured map's prices."""

    def put(side: np.ndarray) -> np.ndarray:
        running = np.concatenate([[0.0], np.cumsum(side[-1], dtype=float)])
        return np.diff(np.interp(edges, grid.price_edges, running))[None, :]

    return replace(
        grid,
        time_edges=grid.time_edges[-2:],
        price_edges=edges,
        long=put(grid.long),
        short=put(grid.short),
        observed=None,
        predicted=None,
    )


def _figures(told: Against, reaches: Sequence[float]) -> None:
    st.markdown(f"**{wording.markdown(told.sentence)}**")
    rows = [
        {
            "Within": wording.percent(within),
            "Longs, measured": told.true_mass[0, place],
            "Longs, model": told.mass[0, place],
            "Shorts, measured": told.true_mass[1, place],
            "Shorts, model": told.mass[1, place],
        }
        for place, within in enumerate(reaches)
    ]
    st.dataframe(
        spoken(pd.DataFrame(rows), dict.fromkeys(list(rows[0])[1:], wording.percent)),
        hide_index=True,
        placeholder=wording.NOTHING,
    )


def changed(data: Dataset, settings: ViewSettings) -> None:
    """What was held, moved, opened, closed or liquidated between two snapshots, as bands."""
    st.subheader("What became of the positions")
    held = source.controls()
    if not held:
        source.nothing()
        return
    if len(held) < 2:
        st.info(
            "What changed stands between two snapshots of the positions, and there is one so far. Asking all"
            " accounts once more brings the next.",
            icon=":material/groups:",
        )
        return
    names = [wording.when(one.at) for one in held]
    chosen = st.select_slider(
        "From and to",
        list(range(len(held))),
        value=(0, len(held) - 1),
        format_func=lambda place: names[place],
        key="churn_between",
    )
    first, last = (held[place] for place in chosen)
    if first is last:
        st.info("Choose two different moments.", icon=":material/info:")
        return
    between = _reached(data, first, last)
    price = last.price
    bands = churn(first, last, np.geomspace(price / _FAR, price * _FAR, 41), between)
    shares = churn_shares(first, last, between)
    st.markdown(
        "**"
        + wording.markdown(
            f"Of the positions of {wording.when(first.at)}, {wording.percent(shares['held'])} were held,"
            f" {wording.percent(shares['moved'])} moved their liquidation price by more than 2 %,"
            f" {wording.percent(shares['closed'])} were closed and {wording.percent(shares['liquidated'])}"
            f" probably liquidated; {wording.percent(shares['opened'])} as many opened."
        )
        + "**"
    )
    spec, alt = churn_chart(bands)
    st.vega_lite_chart(spec=spec, key="churn", alt=alt, width="stretch")
    st.caption(
        "A measured map is a snapshot: much of it has moved a few days later. A position counts as liquidated"
        " where it is gone and the price reached its level in between"
        + (
            "."
            if between
            else (
                "; the candles of this market do not cover the time between, so here all that is gone counts"
                " as closed."
            )
        )
        + " An account that was not asked again counts as closed, too."
    )
    source.meter(last)


def _reached(data: Dataset, first: Snapshot, last: Snapshot) -> tuple[float, float] | None:
    if data.synthetic or data.candles is None:
        return None
    if not (_within(first, data.candles) and _within(last, data.candles)):
        return None
    time = data.candles["time"]
    inside = data.candles[
        (time >= pd.Timestamp(first.at, tz="UTC")) & (time < pd.Timestamp(last.at, tz="UTC"))
    ]
    return (float(inside["low"].min()), float(inside["high"].max())) if len(inside) else None
