"""Is the map right? A world whose every position is known, and a map that does not know it, side by side."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts import study as charts
from liqcore.charts.marks import inked
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import HeatGrid
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.lab import found
from liqcore.lab.cells import by_distance, model_maps
from liqcore.lab.scoring import precision, reliability, spearman
from liqcore.lab.simulator import simulate
from liqcore.lab.world import REGIMES
from liqcore.lab.worlds import PROFILE, World, exact_grid, score, world
from liqcore.views import heat, links
from liqcore.views.lab.words import show
from liqcore.views.spoken import spoken

_DAYS: Final = 6
_START: Final = "2026-03-01"
_BANDS: Final = 60
_REACH: Final = 0.1


@dataclass(frozen=True)
class Market:
    """What the world is really like: parameters of the simulator that nobody outside it knows."""

    regime: str
    seed: int
    lifetime_exponent: float
    cross_share: float
    leverage_tilt: float
    impact: float


def draw() -> None:
    """The world's sliders, the map's, and how the scores move."""
    st.markdown(
        "A simulator knows every position, so here a map can be marked like an exam. Change what the market"
        " is really like, or what the map assumes, and see what it gets wrong. The market is synthetic."
    )
    left, right = st.columns(2, gap="large")
    with left:
        market = _market()
    with right:
        model, guesses = _guesses()
    one = _world(market)
    card = _card(one, market, guesses)
    grid = _map(one, market, model, guesses)
    truth = _truth(one, market, grid, grid.price_edges.tobytes())
    _metrics(card, MODELS[model].title)
    at = _moment(one)
    first, second = st.columns([3, 2], gap="large")
    with first:
        _side_by_side(one, truth, grid)
    with second:
        _profile(one, truth, grid, at)
    _table(card, one)
    _reliability(one, grid)
    _worlds()


def _market() -> Market:
    st.subheader("What the market is really like")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        regime = links.choice("Weather", {"calm": "Calm", "violent": "Violent"}, "calm", "labregime")
        seed = st.number_input("World", 1, 999, 1, key="labseed", bind="query-params", width=110)
    lifetime = st.slider(
        "High leverage lives shorter by",
        0.0,
        0.7,
        REGIMES[regime].lifetime_exponent,
        0.05,
        key="lablife",
        bind="query-params",
        help="Lifetimes go with leverage to this power, downwards. At 0 all positions live equally long.",
    )
    cross = st.slider(
        "Share with extra margin (cross)", 0.0, 1.0, 0.5, 0.1, key="labcross", bind="query-params"
    )
    tilt = st.slider(
        "Recklessness", -0.4, 0.4, 0.0, 0.1, key="labtilt", bind="query-params",
        help="Above 0 positions are opened with more leverage than usual, below with less.",
    )  # fmt: skip
    impact = st.slider(
        "Strength of cascades", 0.0, 3.0, 1.0, 0.5, key="labimpact", bind="query-params",
        help="How far forced orders push the price, as a multiple of the usual. At 0 nothing feeds back.",
    )  # fmt: skip
    usual = REGIMES[regime]
    return Market(regime, int(seed), lifetime, cross, usual.leverage_tilt + tilt, usual.impact * impact)


def _guesses() -> tuple[str, Assumptions]:
    st.subheader("What the map assumes")
    model = links.select("Model", {name: one.title for name, one in MODELS.items()}, "labmodel", DEFAULT)
    reads = MODELS[model].reads
    st.caption(MODELS[model].words)
    lifetime = st.slider(
        "High leverage is taken to live shorter by",
        0.0,
        0.7,
        Assumptions().lifetime_exponent,
        0.05,
        key="labguess",
        bind="query-params",
        disabled="lifetime_exponent" not in reads,
    )
    hours = st.slider(
        "Mean holding time, hours", 4, 72, 36, 4, key="labhours", bind="query-params",
        disabled="holding_hours" not in reads,
    )  # fmt: skip
    power = st.slider(
        "Leverage guessed higher or lower", -0.5, 0.5, 0.0, 0.1, key="labpower", bind="query-params"
    )
    guesses = Assumptions(lifetime_exponent=lifetime, holding_hours=float(hours))
    return model, guesses.tilted(power) if power else guesses


# A world takes seconds of a processor: whoever asks for many at once waits for each, and nobody else does.
@st.cache_resource(show_spinner=False)
def _turn() -> threading.Lock:
    return threading.Lock()


@st.cache_resource(max_entries=6, ttl="1h", show_spinner="Making a world of six days")
def _world(market: Market) -> World:
    with _turn():
        made = simulate(
            _DAYS,
            2,
            market.seed,
            regime=market.regime,
            start=_START,
            positions_every="1h",
            positions_from=_START,
            lifetime_exponent=market.lifetime_exponent,
            cross_share=market.cross_share,
            leverage_tilt=market.leverage_tilt,
            impact=market.impact,
        )
        return world(f"{market.regime} {market.seed}", made)


@st.cache_data(max_entries=32, ttl="1h", show_spinner="Scoring every map")
def _card(_one: World, market: Market, guesses: Assumptions) -> pd.DataFrame:
    return score(_one, np.random.default_rng(market.seed), guesses)


@st.cache_resource(max_entries=16, ttl="1h", show_spinner=False)
def _map(_one: World, market: Market, model: str, guesses: Assumptions) -> HeatGrid:
    return model_maps(_one.candles, _one.market.open_interest, _one.times, model, guesses)


@st.cache_resource(max_entries=16, ttl="1h", show_spinner="Counting every position of this world")
def _truth(_one: World, market: Market, _like: HeatGrid, edges: bytes) -> HeatGrid:
    """Every open position on the cells of `_like`, whose price edges are `edges`."""
    return exact_grid(_one, _like)


def _metrics(card: pd.DataFrame, title: str) -> None:
    mine = card[card["map"] == title].iloc[0]
    oracle = card[card["map"] == PROFILE].iloc[0]
    rivals = card[~card["map"].isin([title, PROFILE])]
    with st.grid(4, min_column_width=170, gap="small"):
        st.metric(
            "Rank correlation",
            wording.decimal(mine["spearman"], 2),
            _around(mine, "spearman"),
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "Hottest tenth right",
            wording.percent(mine["precision"], digits=0),
            f"chance {wording.percent(0.1)}",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "Best other map",
            wording.decimal(rivals["spearman"].max(), 2),
            str(rivals.sort_values("spearman")["map"].iloc[-1]),
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "Distance profile",
            wording.decimal(oracle["spearman"], 2),
            "known to nobody",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=(
                "What the truth looks like on average at each distance. A map that does not beat it says less"
                " about this moment than a fixed curve would."
            ),
        )


def _around(row: pd.Series, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{wording.decimal(low, 2)} to {wording.decimal(high, 2)} (95 %)"


def _moment(one: World) -> int:
    return int(
        st.slider(
            "Moment, hours after the first snapshot",
            0,
            len(one.times) - 1,
            len(one.times) - 1,
            key="labmoment",
        )
    )


def _side_by_side(one: World, truth: HeatGrid, grid: HeatGrid) -> None:
    near = one.price.min() * (1 - _REACH), one.price.max() * (1 + _REACH)
    bars = one.candles
    heat.bar("lab-truth")
    for key, part, words in (
        ("lab-truth", _cut(truth, near), "Truth: every open position"),
        ("lab-map", _cut(grid, near), "Map: what the model says"),
    ):
        heat.heatmap(
            part, bars, key=key, height=300, caption=words, group="lab", strips=False,
            controls="legend" if key == "lab-truth" else "none", note="Simulated world; not market data.",
        )  # fmt: skip


def _cut(grid: HeatGrid, near: tuple[float, float]) -> HeatGrid:
    """The part of a grid between two prices, without the column before the first snapshot."""
    first, stop = np.searchsorted(grid.price_edges, near)
    first = max(int(first) - 1, 0)
    edges = grid.price_edges[first : int(stop) + 1]
    inside = slice(first, first + len(edges) - 1)
    return HeatGrid(
        grid.kind, grid.time_edges, edges, grid.long[:, inside], grid.short[:, inside], grid.provenance,
        observed=grid.observed,
    )  # fmt: skip


def _profile(one: World, truth: HeatGrid, grid: HeatGrid, at: int) -> None:
    cell, count = 2 * _REACH / _BANDS, _BANDS // 2
    now = one.price[at : at + 1]
    said = by_distance(grid, now, cell, count, slice(at, at + 1))[0]
    true = by_distance(truth, now, cell, count, slice(at, at + 1))[0]
    price = now[0] * np.exp((np.arange(-count, count) + 0.5) * cell)
    st.markdown(
        f"**{wording.when(one.times[at])}**: truth and map within {wording.percent(_REACH)} of the price"
    )
    words = (
        f"Exact liquidation prices and the modelled map at {wording.when(one.times[at])}, price"
        f" {wording.price(float(now[0]))}: where each has its shares, band by band."
    )
    st.altair_chart(inked(charts.mirror(np.round(price), true, said, float(now[0]))), alt=words)
    here = one.truth[at : at + 1]
    wide = by_distance(grid, now, rows=slice(at, at + 1))
    st.caption(
        f"At this moment: rank correlation {wording.decimal(float(spearman(wide, here)[0]), 2)},"
        f" {wording.percent(float(precision(wide, here)[0]), digits=0)} of the hottest tenth right."
    )


def _table(card: pd.DataFrame, one: World) -> None:
    st.subheader("Beside every other map")
    tab, table = st.tabs(["Chart", "Table"])
    with tab:
        st.altair_chart(
            inked(charts.scores(card, "spearman", "Rank correlation with the truth")),
            alt=charts.scores_words(card, float(one.price[-1])),
        )
    with table:
        st.dataframe(
            spoken(
                card[["map", *_FIGURES]],
                {**dict.fromkeys(_FIGURES, partial(wording.decimal, digits=2)), "precision": wording.percent},
            ),
            hide_index=True,
            width="stretch",
            column_config=_COLUMNS,
            placeholder=wording.NOTHING,
        )
    st.caption(
        f"{wording.count(len(one.times), 'hourly snapshot')} in"
        f" {wording.count(len(np.unique(one.block)), 'day')}; cells of 0.5 % up to 15 % from the price. One"
        " world proves little: the table of many worlds, with the worst of them, stands below."
    )


_COLUMNS: Final[dict[str, Any]] = {
    "map": "Map",
    "spearman": "Rank correlation",
    "spearman_low": "From",
    "spearman_high": "To",
    "precision": "Hottest tenth",
    "gain": st.column_config.NumberColumn(
        "Bits over profile", help="Information gain over the true distance profile; below 0 it says less."
    ),
    "skill": st.column_config.NumberColumn(
        "Forward skill",
        help=(
            "Deviance of the next four hours' liquidations that the map explains beyond distance, on data it"
            " was not fitted to."
        ),
    ),
    "skill_low": "From ",
    "skill_high": "To ",
}
_FIGURES: Final = tuple(name for name in _COLUMNS if name != "map")


def _reliability(one: World, grid: HeatGrid) -> None:
    with st.expander(
        "Is hot really hotter?", icon=":material/stairs:", key="labtenths", on_change="rerun"
    ) as opened:
        if not opened.open:
            return
        table = reliability(by_distance(grid, one.price), one.truth, one.block, np.random.default_rng(0))
        st.markdown(
            "All cells in tenths of what the map says stands there, with what truly stood there, as shares of"
            " their snapshot. On a map that is right both columns agree."
        )
        shares = dict.fromkeys(("said", "was", "was_low", "was_high"), wording.percent)
        st.dataframe(
            spoken(table, shares), hide_index=True, column_config=_TENTHS, placeholder=wording.NOTHING
        )


def _worlds() -> None:
    held = found.load()
    if "worlds" in held:
        st.subheader("Over many worlds")
        show(held["worlds"])


_TENTHS: Final[dict[str, Any]] = {
    "group": "Tenth",
    "said": "Said",
    "was": "Was",
    "was_low": "From",
    "was_high": "To",
    "cells": "Cells",
}
