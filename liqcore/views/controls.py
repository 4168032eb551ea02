"""The shared controls of the heatmap pages. Every one of them is in the address, so a link repeats the
view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.heat.assumptions import PRESETS, Assumptions, preset
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.service.dataset import DataError, Dataset, Layer, ViewSettings, candle_step
from liqcore.views import links

SPANS: Final = {"6 h": 6.0, "12 h": 12.0, "1 d": 24.0, "3 d": 72.0, "7 d": 168.0, "14 d": 336.0, "All": None}
REACHES: Final = {"Fit": None, "±2 %": 0.02, "±5 %": 0.05, "±10 %": 0.10, "±20 %": 0.20, "Custom": None}
LAYERS: Final = {"realised": "Realised", "modelled": "Modelled"}
SIDES: Final = {"both": "Both", "long": "Longs", "short": "Shorts", "net": "Net"}
SCALES: Final = {"auto": "Auto", "log": "Log", "linear": "Linear", "percentile": "Percentile"}
LINK: Final[Any] = "query-params"
# 1-2-5 steps, so that a pinned legend reads in round dollars.
AMOUNTS: Final = tuple(digit * 10**power for power in range(2, 10) for digit in (1, 2, 5))


@dataclass(frozen=True)
class Drawing:
    """How a heatmap is drawn: everything that changes the picture but not the cells."""

    side: Literal["both", "long", "short", "net"]
    scale: Literal["log", "linear", "percentile"]
    domain: tuple[float, float] | None
    palette: str
    threshold: float
    price_line: Literal["candles", "line", "none"]
    volume: bool
    profile: bool
    orientation: Literal["time-right", "price-right"]
    zoom: bool


def view_settings(data: Dataset) -> ViewSettings:
    """What to draw: layer, timeframe and window above the chart, the finer choices in the sidebar."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        layer = links.choice(
            "Layer",
            LAYERS,
            "realised",
            "layer",
            help=(
                "Realised: liquidations that happened. Modelled: where open positions would be liquidated, by"
                " an estimate."
            ),
        )
        timeframe = st.selectbox(
            "Timeframe",
            tables.TIMEFRAMES,
            index=2,
            key="tf",
            bind=LINK,
            width=110,
            help="The length of one column of the map.",
        )
        span = st.selectbox(
            "Window",
            list(SPANS),
            index=3,
            key="span",
            bind=LINK,
            width=110,
            help="How much time the map shows.",
        )
    with st.sidebar:
        st.subheader("Window")
        until = _until(data)
        reach = str(
            st.selectbox(
                "Price range",
                list(REACHES),
                key="range",
                bind=LINK,
                help="How far around the last price to look.",
            )
        )
        price_range = _custom_range(data) if reach == "Custom" else None
        bins = int(
            st.select_slider(
                "Price bins", (50, 75, 100, 150, 200, 300, 400), value=150, key="bins", bind=LINK
            )
        )
        log_price = layer == "realised" and st.toggle(
            "Log-spaced price bins",
            key="logprice",
            bind=LINK,
            help="Bins of equal per cent instead of equal dollars.",
        )
        venues = _venues(data)
    model, assumptions = DEFAULT, Assumptions()
    if layer == "modelled":
        with st.sidebar:
            model, assumptions = model_controls("")
    return ViewSettings(
        layer="modelled" if layer == "modelled" else "realised",
        timeframe=str(timeframe),
        hours=SPANS[str(span)],
        until=until,
        reach=REACHES[reach],
        price_range=price_range,
        bins=bins,
        price_scale="log" if log_price else "linear",
        venues=venues,
        model=model,
        assumptions=assumptions,
    )


def drawing(layer: Layer) -> Drawing:
    """How to draw it: side above the chart, colours and price in the sidebar."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        side = links.choice(
            "Side",
            SIDES,
            "both",
            "side",
            help="Longs are liquidated when price falls, shorts when it rises. Net is longs minus shorts.",
        )
        price_line = links.choice(
            "Price", {"candles": "Candles", "line": "Line", "none": "None"}, "candles", "price"
        )
    with st.sidebar:
        st.subheader("Colour")
        scale = links.choice(
            "Scale",
            SCALES,
            "auto",
            "scale",
            help=(
                "Log: each step of colour multiplies. Percentile: by rank. Auto: log for realised events,"
                " which differ by factors of thousands, and linear for modelled levels, which differ little."
            ),
        )
        if scale == "auto":
            scale = "log" if layer == "realised" else "linear"
        palette = links.choice("Colours", ("inferno", "viridis", "cividis"), "inferno", "colours")
        pinned = st.toggle(
            "Pin the legend in USD",
            key="pin",
            bind=LINK,
            help="A pinned legend is the only way to compare the colours of two charts.",
        )
        domain: tuple[float, float] | None = None
        if pinned:
            low, high = st.select_slider(
                "Legend from, to",
                AMOUNTS,
                value=(1_000, 5_000_000),
                format_func=wording.usd,
                key="legend",
                bind=LINK,
            )
            domain = (float(low), float(max(high, low * 2)))
        threshold = float(
            st.select_slider(
                "Hide cells under",
                (0, *AMOUNTS[:-3]),
                value=0,
                format_func=wording.usd,
                key="min",
                bind=LINK,
                help="Cells with less than this stay dark, so that the large ones stand out.",
            )
        )
        st.subheader("Chart")
        volume = st.toggle("Volume strip", value=True, key="volume", bind=LINK)
        profile = st.toggle(
            "Price profile",
            value=True,
            key="profile",
            bind=LINK,
            help="Heat by price, with running totals from the last price.",
        )
        zoom = st.toggle(
            "Zoom and pan",
            key="zoom",
            bind=LINK,
            help="Shift and mouse wheel zooms, dragging pans. The page scrolls as usual.",
        )
        orientation = links.choice(
            "Axes",
            {"time-right": "Time →", "price-right": "Price →"},
            "time-right",
            "axes",
            help=(
                "Trading screens put time to the right. Some articles put price to the right and time upward."
            ),
        )
    return Drawing(
        side=side,  # type: ignore[arg-type]
        scale=scale,  # type: ignore[arg-type]
        domain=domain,
        palette=palette,
        threshold=threshold,
        price_line=price_line,  # type: ignore[arg-type]
        volume=volume,
        profile=profile,
        orientation=orientation,  # type: ignore[arg-type]
        zoom=zoom,
    )


def model_controls(suffix: str, title: str = "Model", mix_at: int = 0) -> tuple[str, Assumptions]:
    """Assumptions of the model; `suffix` tells two sets on one page apart, `mix_at` is the preset to start
    with."""
    st.subheader(title)
    model = links.select(
        "Formula",
        {name: one.title for name, one in MODELS.items()},
        f"model{suffix}",
        help="  \n".join(f"{one.title}: {one.words}" for one in MODELS.values()),
    )
    reads = MODELS[model].reads
    mix = st.selectbox(
        "Leverage mix",
        list(PRESETS),
        index=mix_at,
        key=f"mix{suffix}",
        bind=LINK,
        help=(
            "How the opened quantity is spread over leverage. Nobody publishes it: this is the largest"
            " unknown."
        ),
    )
    lean = st.slider(
        "Lean to high leverage",
        -1.0,
        1.0,
        0.0,
        0.1,
        format="%+.1f",
        key=f"lean{suffix}",
        bind=LINK,
        help=(
            "Above zero moves the mix to higher leverage, so that levels come closer to price; below zero the"
            " other way."
        ),
    )
    maintenance = st.slider(
        "Maintenance margin, %",
        0.2,
        2.0,
        0.5,
        0.1,
        key=f"mmr{suffix}",
        bind=LINK,
        disabled="maintenance_margin_rate" not in reads,
        help="The share of a position's value that must remain as margin.",
    )
    hours = st.select_slider(
        "Mean holding time, hours",
        (2, 4, 8, 12, 24, 48, 96, 168),
        value=24,
        key=f"hold{suffix}",
        bind=LINK,
        disabled="holding_hours" not in reads,
        help="How long a position stays open on average. Shorter: bands fade faster.",
    )
    guesses = preset(str(mix), maintenance_margin_rate=float(maintenance) / 100, holding_hours=float(hours))
    return model, guesses.tilted(float(lean)) if lean else guesses


def target_price(now: float, low: float, high: float) -> float:
    """The price of the what-if row, set in per cent of the last price and shown in USD."""
    percent = st.slider(
        "Drag the price",
        -20.0,
        20.0,
        -3.0,
        0.25,
        format="%+.2f %%",
        key="move",
        bind=LINK,
        help=(
            f"From the last price, {wording.price(now)}. The map in view spans {wording.price(low)} to"
            f" {wording.price(high)}."
        ),
    )
    return now * (1 + float(percent) / 100)


def _until(data: Dataset) -> Any:
    first, last = (
        moment.tz_localize(None).to_pydatetime()
        for moment in (data.span[0].ceil("h"), data.span[1].floor("h"))
    )
    if first + pd.Timedelta(hours=1) >= last:
        return None
    held = st.session_state.get("until")
    if held is not None and not first <= pd.Timestamp(held).tz_localize(None).to_pydatetime() <= last:
        # The moment belongs to another market.
        del st.session_state["until"]
    moment = st.slider(
        "End of the window (UTC)",
        first,
        last,
        last,
        pd.Timedelta(hours=1).to_pytimedelta(),
        format="MMM DD, HH:mm",
        key="until",
        bind=LINK,
        help="Move back in time: the map then shows what stood at that moment.",
    )
    return None if moment >= last else tables.to_datetime64(moment)


def _custom_range(data: Dataset) -> tuple[float, float]:
    candles = data.candles
    last = float(candles["close"].iloc[-1]) if candles is not None and len(candles) else 28_000.0
    low = st.number_input(
        "Low, USD", min_value=1.0, value=float(round(last * 0.9, -2)) or 1.0, step=100.0, key="low", bind=LINK
    )
    high = st.number_input(
        "High, USD",
        min_value=2.0,
        value=float(round(last * 1.1, -2)) or 2.0,
        step=100.0,
        key="high",
        bind=LINK,
    )
    if low >= high:
        raise DataError(
            f"The low ({wording.price(low)}) is not below the high ({wording.price(high)}). Correct one of"
            " them in the sidebar."
        )
    return float(low), float(high)


def _venues(data: Dataset) -> tuple[str, ...]:
    names = data.venues
    if len(names) < 2:
        return ()
    chosen = st.pills(
        "Venues",
        names,
        selection_mode="multi",
        key="venues",
        bind=LINK,
        help="None chosen means all of them.",
    )
    return tuple(chosen or ())


def finest(data: Dataset, timeframe: str) -> str | None:
    """A sentence where the candles are longer than the timeframe asked for, else None."""
    if data.candles is None or data.candles.empty:
        return None
    step = candle_step(data.candles)
    if step > tables.timeframe(timeframe):
        return (
            f"The candles here are {wording.adjective(step)} ones, so price and modelled levels cannot be"
            " finer than that."
        )
    return None
