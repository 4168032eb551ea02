"""The shared controls of the heatmap pages. Every one of them is in the address, so a link repeats the
view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitValueAboveMaxError, StreamlitValueBelowMinError

from liqcore import tables, wording
from liqcore.feeds.history.presets import PRESETS as WINDOWS
from liqcore.heat.assumptions import PRESETS, Assumptions, preset
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.service import dataset
from liqcore.service.app import FIRST
from liqcore.service.dataset import DataError, Dataset, ViewSettings, candle_step
from liqcore.views import links

SPANS: Final = {"6 h": 6.0, "12 h": 12.0, "1 d": 24.0, "3 d": 72.0, "7 d": 168.0, "14 d": 336.0, "All": None}
REACHES: Final = {"Fit": None, "±2 %": 0.02, "±5 %": 0.05, "±10 %": 0.10, "±20 %": 0.20, "Custom": None}
LAYERS: Final = {"realised": "Realised", "modelled": "Modelled"}
MEASURED: Final = {"measured": "Measured"}
LINK: Final[Any] = "query-params"
_OVER: Final = "until_of_another_market"
AMOUNTS: Final = tuple(digit * 10**power for power in range(2, 10) for digit in (1, 2, 5))


@dataclass(frozen=True, eq=False)
class Toolbar:
    """The compact row above a map: places for its controls, and the drawer for what is rarely touched."""

    places: tuple[Any, ...]
    drawer: Any
    below: Any


def toolbar(places: int) -> Toolbar:
    """An empty row of so many places with its drawer at the end, and the room right below it."""
    with st.container(gap="xsmall"):
        # Two pixels less than usual between them: the market of now fills the row of a small screen.
        with st.container(horizontal=True, vertical_alignment="center", gap=6):
            made = tuple(st.container(width="content") for _ in range(places))
            drawer = st.popover("Settings", icon=":material/tune:", help="Everything that is rarely touched.")
        below = st.container()
    return Toolbar(made, drawer, below)


def view_settings(
    data: Dataset, bar: Toolbar, first_layer: str | None = None, measured: bool = False
) -> ViewSettings:
    """What to show: kind, window and timeframe in the row, the finer choices in the drawer.

    `first_layer` is what a page shows first, by default what the market has; with `measured`, positions that
    a venue publishes can be chosen too.
    """
    kind, window, column = bar.places[1:4]
    if measured:
        links.switched("measured", "layer", "measured")
    with kind:
        layer = links.choice(
            "Kind",
            LAYERS | MEASURED if measured else LAYERS,
            data.first_layer if first_layer is None else first_layer,
            "layer",
            label_visibility="collapsed",
            help=(
                "Realised: liquidations that happened. Modelled: where open positions would be liquidated, by"
                " an estimate."
                + (" Measured: where positions that a venue publishes would be." if measured else "")
            ),
        )
    with window:
        hours, columns = _window(data)
    with column:
        timeframe = links.select(
            "Timeframe",
            tables.TIMEFRAMES,
            "tf",
            columns,
            width=76,
            label_visibility="collapsed",
            help="The length of one column of the map.",
        )
    with bar.drawer:
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
        with bar.drawer:
            model, assumptions = model_controls("")
    return ViewSettings(
        layer={"modelled": "modelled", "measured": "measured"}.get(layer, "realised"),  # type: ignore[arg-type]
        timeframe=str(timeframe),
        hours=hours,
        until=until,
        reach=REACHES[reach],
        price_range=price_range,
        bins=bins,
        price_scale="log" if log_price else "linear",
        venues=venues,
        model=model,
        assumptions=assumptions,
    )


def _window(data: Dataset) -> tuple[float | None, str]:
    """How many hours to show, None for all, and the length of a column that suits them."""
    more: dict[str, Any] = {"label_visibility": "collapsed", "wrap": False}
    if not data.window:
        return SPANS[links.choice("Window", list(SPANS), "3 d", "span", **more)], "15m"
    # The market was fetched for the span that the address names, which is what this shows.
    windows = {name: one.title for name, one in WINDOWS.items()}
    chosen = links.choice("Window", windows, FIRST, "span", on_change=_suit_columns, **more)
    return float(WINDOWS[chosen].hours), WINDOWS[chosen].columns


def _suit_columns() -> None:
    """Another window begins with columns of its own length: a year in quarters of an hour is no picture."""
    st.session_state["tf"] = WINDOWS[str(st.session_state["span"])].columns


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
        (2, 4, 8, 12, 24, 36, 48, 96, 168),
        value=36,
        key=f"hold{suffix}",
        bind=LINK,
        disabled="holding_hours" not in reads,
        help="How long a position stays open on average. Shorter: bands fade faster.",
    )
    lives = st.slider(
        "Shorter lives at high leverage",
        0.0,
        1.0,
        Assumptions().lifetime_exponent,
        0.05,
        key=f"life{suffix}",
        bind=LINK,
        disabled="lifetime_exponent" not in reads,
        help=(
            "0: positions of every leverage stay open equally long. Higher: those of high leverage are closed"
            " sooner, so that bands near the price fade faster than those far away. Nobody publishes it."
        ),
    )
    guesses = preset(
        str(mix),
        maintenance_margin_rate=float(maintenance) / 100,
        holding_hours=float(hours),
        lifetime_exponent=float(lives),
    )
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
    over = st.session_state.pop(_OVER, False)
    if over or (
        held is not None and not first <= pd.Timestamp(held).tz_localize(None).to_pydatetime() <= last
    ):
        # The moment belongs to another market. Set, not forgotten: the address still holds it.
        st.session_state["until"] = last
    try:
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
    except (StreamlitValueBelowMinError, StreamlitValueAboveMaxError):
        # As a link would, the address of a longer span seeds a slider of other ends, over what was set above.
        st.session_state[_OVER] = True
        st.rerun()
    return None if moment >= last else tables.to_datetime64(moment)


def _custom_range(data: Dataset) -> tuple[float, float]:
    last = dataset.about_price(data)
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
            " them in Settings."
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
        format_func=lambda one: wording.markdown(wording.venue(one)),
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
