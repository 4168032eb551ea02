"""Does it predict? A study of hot levels against their controls: verdict first, then effects, then method."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts import study as charts
from liqcore.charts.marks import inked
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.lab import found as found_tables
from liqcore.lab.event_study import FEW_BLOCKS, Design, Study, conclude
from liqcore.lab.hot_levels import Crossed, Finder, crossed, hottest
from liqcore.lab.placebos import Glance, look_ahead, published_matcher
from liqcore.lab.study import Part, Plan, Venue, make, mark, parts
from liqcore.market.candles import resample
from liqcore.service import dataset
from liqcore.service.dataset import DataError, Dataset
from liqcore.views import links, loaders, panels
from liqcore.views.lab.words import show

HORIZONS: Final = {"1h": "1 h", "4h": "4 h", "12h": "12 h", "24h": "1 d"}
_STEP: Final = np.timedelta64(5, "m")
_STOP: Final = "lab_stopped"
_PART_DAYS: Final = 30


def draw() -> None:
    """The market, the question, and what came of it."""
    st.markdown(
        "Levels are fixed at a moment from what was known then, and followed. Beside each stand levels as far"
        " away, on the same side, at earlier moments that were as lively. Only what differs from *those* says"
        " anything about the map."
    )
    data = panels.attempt(loaders.pick)
    if data is None:
        loaders.bring("Add a file with candles, or choose the sample market above.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = links.select(
            "Levels of", {name: one.title for name, one in MODELS.items()}, "labmap", DEFAULT, width=280
        )
        hours = links.choice("Touched within", HORIZONS, "4h", "labwithin")
    panels.attempt(_study, data, model, float(hours.removesuffix("h")))


def _study(data: Dataset, model: str, hours: float) -> None:
    venue = _venue(data)
    if MODELS[model].needs == "open interest" and venue.open_interest is None:
        raise DataError(f"The model {MODELS[model].title!r} needs open interest, and this market has none.")
    plan = Plan(Finder(model), Design(hours=hours), part_days=_PART_DAYS)
    blind = Plan(Finder(model), Design(hours=hours), "random", part_days=_PART_DAYS)
    sums = [
        _made(venue, one, words, data.key)
        for one, words in ((plan, "Following hot levels"), (blind, "Following levels at random"))
    ]
    made = [part for part in sums if part is not None]
    if len(made) < len(sums):
        return
    key, blind_key = (f"{data.key}|{mark(one, [venue])}" for one in (plan, blind))
    found, placebo = _concluded(made[0], key), _concluded(made[1], blind_key)
    _verdict(found, placebo, data)
    if found.effects.empty:
        return
    _forest(found, float(venue.candles["close"].iloc[-1]))
    _closed(venue, plan, key)
    _method(found, placebo, venue, plan, key)


def _venue(data: Dataset) -> Venue:
    candles = data.candles
    if candles is None or candles.empty:
        raise DataError("A study needs candles, and this market has none. Add a file with candles.")
    step = dataset.candle_step(candles)
    if step > np.timedelta64(60, "m"):
        raise DataError(
            f"These candles are {wording.duration(step)} long. Touches are followed by minutes: bring candles"
            " of an hour or less."
        )
    days = (candles["time"].iloc[-1] - candles["time"].iloc[0]) / pd.Timedelta("1D")
    if days < 3:
        raise DataError(
            "A study needs three days of candles or more: a first day to fill the map, and a past to draw"
            " controls from."
        )
    bars = resample(candles, "5min") if step < _STEP else candles
    return Venue(data.label, bars, data.open_interest, data.liquidations)


def _made(venue: Venue, plan: Plan, words: str, data: str) -> pd.DataFrame | None:
    """The sums of all parts, each from memory where it was made before; None where the reader stopped it.
    `data` is the key of the market, which tells one visitor's files from another's."""
    cut = list(parts([venue], plan))
    key = mark(plan, [venue])
    place = st.empty()
    done: list[pd.DataFrame] = []
    if st.session_state.get(_STOP) == key:
        place.info("Stopped. What was made so far is kept.", icon=":material/stop_circle:")
        st.button(
            "Go on",
            icon=":material/play_arrow:",
            on_click=lambda: st.session_state.pop(_STOP, None),
            key=f"go-{key}",
        )
        return None
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, words)
        st.button("Stop", icon=":material/stop:", key=f"stop-{key}", on_click=_stop, args=(key,))
    for part in cut:
        bar.progress(len(done) / len(cut), f"{words}: {part.title}")
        done.append(_sums(part, plan, f"{data}|{key}|{part.number}"))
    place.empty()
    return pd.concat(done, ignore_index=True)


def _stop(key: str) -> None:
    st.session_state[_STOP] = key


@st.cache_data(max_entries=128, ttl="2h", show_spinner=False)
def _sums(_part: Part, _plan: Plan, key: str) -> pd.DataFrame:
    return make(_part, _plan)


@st.cache_data(max_entries=32, ttl="2h", show_spinner="Comparing levels with their controls")
def _concluded(_sums: pd.DataFrame, key: str) -> Study:
    return conclude(_sums, np.random.default_rng(1))


def _verdict(found: Study, placebo: Study, data: Dataset) -> None:
    supported = found.verdict.startswith("Supported")
    icon = (
        ":material/check_circle:"
        if supported
        else ":material/help:"
        if found.verdict.startswith("Cannot")
        else ":material/block:"
    )
    st.subheader(found.verdict)
    for point in found.points:
        st.markdown(f"- {point}")
    if not placebo.effects.empty:
        wrong = int((placebo.effects["holm"] < 0.05).sum())
        st.markdown(
            f"- The same study of levels at random: {wording.count(wrong, 'comparison')} of"
            f" {int(placebo.effects['registered'].sum())} told from their controls (it should be none)."
        )
    if data.synthetic:
        st.caption(
            f"{icon} This market is synthetic: nobody in it trades towards a level, so no attraction can be"
            " there."
        )


def _forest(found: Study, price: float) -> None:
    effects = found.effects[charts.drawn(found.effects)]
    titles = {
        "points": "**Touched and turned back**, in points of a hundred",
        "bp": "**Move after the touch**, onward positive",
    }
    drawn = [unit for unit in titles if (charts.shown(effects)["unit"] == unit).any()]
    for column, unit in zip(st.columns(max(len(drawn), 1), gap="large"), drawn, strict=False):
        with column:
            st.markdown(titles[unit])
            st.altair_chart(
                inked(charts.forest(effects, unit)), alt=charts.forest_words(effects, unit, price)
            )
    left = int(found.effects["registered"].sum()) - len(effects)
    if left:
        touched = int(found.effects.loc[found.effects["question"] == "wait", "n"].sum())
        st.caption(
            f"{wording.count(left, 'comparison')} on fewer than {FEW_BLOCKS} days"
            f" {'is' if left == 1 else 'are'} not drawn:"
            f" {wording.count(touched, 'separate touch', 'separate touches')} of hot levels had touched"
            " controls. A longer market or a longer time to touch tells more."
        )
    with st.expander("All figures", icon=":material/table_rows:"):
        st.dataframe(
            charts.shown(found.effects).drop(columns="question"),
            hide_index=True,
            width="stretch",
            height=360,
            column_config=_COLUMNS,
            placeholder=wording.NOTHING,
        )
        st.caption(
            "Detectable is the smallest true difference that this much data would tell from nothing four"
            " times of five. p is corrected for all registered comparisons (Holm); the others are shown as"
            " they are."
        )
    with st.expander("Does it hold over time?", icon=":material/timeline:"):
        st.markdown("The difference in each quarter of the span. What is real keeps its sign.")
        quarters = {
            f"Quarter {number}": st.column_config.NumberColumn(format="%.1f") for number in range(1, 5)
        }
        st.dataframe(
            charts.walked(found.walk, found.effects),
            hide_index=True,
            width="stretch",
            column_config={"asked": "Asked", "side": "Levels", "unit": "Unit", **quarters},
            placeholder=wording.NOTHING,
        )


_COLUMNS: Final[dict[str, Any]] = {
    "asked": "Asked",
    "side": "Levels",
    "unit": "Unit",
    **{
        name: st.column_config.NumberColumn(label, format="%.2f")
        for name, label in (
            ("hot", "Hot"),
            ("control", "Controls"),
            ("difference", "Difference"),
            ("low", "From"),
            ("high", "To"),
            ("detectable", "Detectable"),
        )
    },
    "n": "Events",
    "days": "Days",
    "p": st.column_config.NumberColumn("p", format="%.3f"),
    "verdict": "Verdict",
}


@st.cache_data(max_entries=32, ttl="2h", show_spinner="Counting what was closed in crossed bands")
def _crossed(_venue: Venue, _plan: Plan, key: str) -> Crossed:
    assert _venue.liquidations is not None
    return crossed(
        _venue.candles,
        _venue.open_interest,
        _venue.liquidations,
        np.random.default_rng(1),
        _plan.finder,
        _plan.design.hours,
    )


@st.cache_data(max_entries=32, ttl="2h", show_spinner="Cutting off the future")
def _glance(_venue: Venue, _plan: Plan, key: str) -> Glance:
    return look_ahead(
        lambda candles, interest: hottest(candles, interest, _plan.finder),
        _venue.candles,
        _venue.open_interest,
        cuts=4,
    )


def _closed(venue: Venue, plan: Plan, key: str) -> None:
    st.subheader("What is closed when a band is crossed")
    if venue.liquidations is None or venue.liquidations.empty:
        st.caption("This market has no liquidations, so nothing can be counted here.")
        return
    found = _crossed(venue, plan, key)
    told = found.ratio
    if not np.isfinite(told.value) or not np.isfinite(told.low):
        st.caption("Too few bands were crossed to tell.")
        return
    sure = told.low > 1
    st.markdown(
        wording.markdown(
            f"Hot bands held **{wording.decimal(told.value, 2)} times** the USD of cold bands as far away"
            f" ({wording.decimal(told.low, 2)} to {wording.decimal(told.high, 2)}, 95 %):"
            f" {wording.usd(found.hot)} against {wording.usd(found.cold)} a band."
            f" {'More is closed where the map is hot.' if sure else 'That cannot be told from no difference.'}"  # noqa: E501
        )
    )
    st.caption(
        f"{wording.whole(found.n_hot)} crossings of hot bands and {wording.whole(found.n_cold)} of cold ones"
        f" in {wording.count(told.blocks, 'day')}. Hot is above four fifths of what earlier maps said at that"
        " distance."
    )


def _method(found: Study, placebo: Study, venue: Venue, plan: Plan, key: str) -> None:
    with st.expander("How this was made, and how to break it", icon=":material/science:"):
        glance = _glance(venue, plan, key)
        first, last = venue.candles["time"].iloc[0], venue.candles["time"].iloc[-1]
        st.markdown(
            f"- Span: {wording.period(first, last)}, bars of"
            f" {wording.duration(dataset.candle_step(venue.candles))}.\n- Every hour the hottest level"
            f" between 0.5 % and 3 % from the price on each side, touched within {plan.design.hours:g} h.\n-"
            f" {plan.design.controls} controls a level: same side and distance, volatility in the same third"
            " of its own past and as similar as can be drawn, as near to a round number, at moments whose"
            " outcome was known. Never from the future.\n- Errors hang together within the days of the"
            " levels and those of their controls; several touches within an hour count once; p by changing"
            f" hot and control of whole days.\n- Look-ahead: with the future cut off, {glance.changed} of"
            f" {glance.looked} levels changed.\n- Configuration {mark(plan, [venue])}."
        )
        candles = venue.candles.iloc[:2_000]
        rng = np.random.default_rng(0)
        levels = candles["close"].to_numpy()[:, None] * (1 + rng.uniform(-0.1, 0.1, (len(candles), 50)))
        match = published_matcher(candles, levels)
        st.markdown(
            "**A test that passes anything.** One published test calls the high and the low of each bar what"
            " was liquidated, and counts no level as false. Fifty levels at random within 10 % score F1"
            f" {wording.decimal(match.f1, 3)} on this market. A score without a control says nothing."
        )
        held = found_tables.load()
        if "placebos" in held:
            st.markdown(
                "**What this study must not find**, tried on walks and on worlds whose feedback is known."
            )
            show(held["placebos"])
