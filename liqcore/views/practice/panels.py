"""The practice page's table: which test, the map as it stood, the bars as they come, and the forecast."""

from __future__ import annotations

import random
from typing import Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.picture import Look
from liqcore.distances import away
from liqcore.learn import game
from liqcore.learn.practice import Candidate, last_price
from liqcore.service.dataset import Dataset
from liqcore.views import explain, heat, links, overlays
from liqcore.views.controls import LINK
from liqcore.views.explore.stories import picked_place
from liqcore.views.practice import charts as practice_charts, table as practice_table
from liqcore.views.practice.charts import percent
from liqcore.views.practice.table import PROBLEMS, Scene, Table

TIMEFRAMES: Final = ("5m", "15m", "1h", "4h", "1d")
AHEAD: Final = (12, 24, 48)
MAPS: Final = {"modelled": "Modelled", "realised": "Realised"}
_FIRST_TEST: Final = 2
ROUND: Final = "round"
_LAST_TEST: Final = 999_999
# Seconds between two bars: long enough to see what a bar did.
_PACE: Final = 1.2


def choose(data: Dataset) -> Table | None:
    """The test in the address; a sentence and None where this market cannot give it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        number = int(
            st.pagination(game.ROUNDS, key=ROUND, bind=LINK, max_visible_pages=game.ROUNDS, on_change=_clear)
        )
        st.button(
            "New test",
            icon=":material/casino:",
            key="deal",
            on_click=_deal,
            help="Ten other stretches of the same market.",
        )
        settings = st.popover("Settings", icon=":material/tune:", help="Which test, of which bars and map.")
    with settings:
        test, timeframe, ahead, layer = _settings()
    try:
        return practice_table.lay(data, game.round_seed(test, number), timeframe, ahead, layer)
    except PROBLEMS as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return None


def _settings() -> tuple[int, str, int, str]:
    """Number of the test, its bars, how many of them are hidden, and which map is drawn."""
    test = int(
        st.number_input(
            "Test number",
            0,
            _LAST_TEST,
            _FIRST_TEST,
            key="seed",
            bind=LINK,
            help=(
                "Ten rounds each. Two people with the same number, market and bars face the same test. It is"
                " part of the link."
            ),
        )
    )
    timeframe = str(st.selectbox("Bars of", TIMEFRAMES, index=1, key="every", bind=LINK))
    ahead = int(
        st.selectbox(
            "Hidden bars",
            AHEAD,
            index=1,
            key="ahead",
            bind=LINK,
            help="How many bars are still to come, and until when a forecast counts.",
        )
    )
    layer = links.choice(
        "Map",
        MAPS,
        "modelled",
        "map",
        help=(
            "Modelled: where open positions would be liquidated, by an estimate. Realised: liquidations that"
            " happened."
        ),
    )
    return test, timeframe, ahead, layer


def _deal() -> None:
    """Another test: another number, from its first round."""
    st.session_state["seed"] = random.randint(1, _LAST_TEST)  # noqa: S311
    st.session_state[ROUND] = 1
    _clear()


def _clear() -> None:
    """Nothing of the last round is left on the table."""
    st.session_state["marks"] = ""
    st.session_state[practice_table.PLAYING] = False


def onward(table: Table) -> None:
    """Once a round is over, the way to the next one, and after the last to another test."""
    if not table.played.over(table.game):
        return
    _, number = game.place(table.game.seed)
    last = number == game.ROUNDS
    st.button(
        "Next test" if last else "Next round",
        type="primary",
        icon=":material/casino:" if last else ":material/skip_next:",
        key="onward",
        on_click=_deal if last else _next_round,
        shortcut="D",
    )


def _next_round() -> None:
    st.session_state[ROUND] = int(st.session_state.get(ROUND, 1)) + 1
    _clear()


def asked(table: Table, now: Scene) -> Candidate:
    """The level of this test: the one written down, else the one chosen from those that the map and the
    candles offer."""
    played = table.played
    held = played.forecast
    if held is not None:
        return Candidate(held.level, "the level you wrote down")
    own, problems = overlays.parse_levels(str(st.session_state.get("marks") or ""))
    found = practice_table.levels(table, now, own)
    named = {one.price: one for one in found}
    price, before = last_price(now.seen), practice_table.chosen_level(table)
    with st.container(border=True):
        st.markdown("**1. Mark** a level. Which price matters here?")
        # A new widget a bar: the names of the levels change with the price, and a kept widget would hold a
        # name that is gone.
        chosen = st.selectbox(
            "Level of this round",
            list(named),
            index=list(named).index(before.price) if before is not None and before.price in named else 0,
            key=f"asked-{table.key}-{table.layer}-{played.step}",
            help=(
                "A level of your own comes first, then clusters, then levels of the candles, each nearest"
                " first."
            ),
            format_func=lambda value: (
                f"{wording.price(value)}, {wording.percent(away(price, value), signed=True)}:"
                f" {named[value].why}"
            ),
        )
        st.text_input(
            "My own levels, USD",
            key="marks",
            bind=LINK,
            on_change=_typed,
            args=(table, tuple(own)),
            placeholder="28,000; 28.5k, or click a band",
            help="Type prices, or click a strong cell of the map: its middle becomes a level.",
        )
        for sentence in problems:
            st.caption(f":orange[:material/warning: {wording.markdown(sentence)}]")
    level = named[chosen] if chosen in named else found[0]
    practice_table.choose_level(table, level)
    return level


def scene(table: Table) -> Scene | None:
    """What may be drawn now; a sentence and None where this map cannot be made."""
    try:
        return practice_table.scene(table)
    except PROBLEMS as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return None


def replay(table: Table, level: Candidate) -> None:
    """The map with the bars that have come, and the buttons that bring more. While it plays, only this part
    is drawn anew."""
    played = table.played
    over, nothing = played.over(table.game), played.forecast is None and played.plan is None
    playing = practice_table.playing(table)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Next bar",
            icon=":material/skip_next:",
            key="bar",
            on_click=_forward,
            args=(table, 1),
            disabled=over or playing,
            shortcut="N",
        )
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key="play",
            on_click=_toggle,
            disabled=over,
            shortcut="P",
        )
        st.button(
            "Show the rest",
            icon=":material/visibility:",
            key="rest",
            on_click=_forward,
            args=(table, table.game.hidden),
            disabled=over or nothing,
            shortcut="E",
        )
        st.toggle(
            "Show what is found",
            value=True,
            key="found",
            bind=LINK,
            help=(
                "Outlines of clusters and lines at key levels. Turn it off to find them yourself first, then"
                " on to compare."
            ),
        )
    if nothing and not over:
        st.caption(
            "Let bars come one by one to wait for a signal. The rest can be shown at once when you have"
            " written a forecast down or placed a trade."
        )
    # A full run draws the present state; only the clock's own runs bring a bar.
    st.session_state["practice_fresh"] = True
    st.fragment(_picture, run_every=_PACE if playing else None)(table, level)


def _picture(table: Table, level: Candidate) -> None:
    if not st.session_state.pop("practice_fresh", False) and st.session_state.get(practice_table.PLAYING):
        table.put(table.played.forward(table.game))
        if table.played.over(table.game) or _just_ended(table):
            st.session_state[practice_table.PLAYING] = False
            st.rerun()
    if st.session_state.pop("practice_clicked", False):
        st.rerun()
    now, played = practice_table.scene(table), table.played
    shown = bool(st.session_state.get("found", True))
    own, _ = overlays.parse_levels(str(st.session_state.get("marks") or ""))
    drawn = [one for one in practice_table.levels(table, now, own) if shown or one.why == practice_charts.OWN]
    low, high = now.grid.price_edges[[0, -1]]
    heat.heatmap(
        now.grid,
        now.bars,
        key="practice",
        note=explain.provenance_line(now.grid, table.data.synthetic, now=pd.Timestamp.now(tz="UTC")),
        look=Look(profile=False),
        height=520,
        boxes=(
            overlays.outlines([one for one in now.clusters if low < one.centre < high], now.grid)
            if shown
            else None
        ),
        marks=practice_charts.moment(table.game, played),
        levels=practice_charts.lines(played, level.price, drawn, now.grid),
        on_picked=lambda: _mark(table),
    )
    left = table.game.hidden - played.step
    st.progress(
        played.step / table.game.hidden,
        f"Bar {played.step} of {table.game.hidden}. "
        + (f"{left} still hidden." if left else "Nothing is hidden any more."),
    )
    if sentence := practice_charts.standing(played, played.trade(table.game), played.over(table.game)):
        st.markdown(f":material/receipt_long: {wording.markdown(sentence)}")
    st.caption(
        wording.markdown(
            f"As it stood on {wording.when(now.seen.at)} of a hidden calendar; nothing later is in this"
            " picture."
            f" {explain.provenance_line(now.grid, table.data.synthetic, now=pd.Timestamp.now(tz='UTC'))}"
        )
    )


def _just_ended(table: Table) -> bool:
    """Whether the bar that has just come filled or ended the trade: then the clock stops, so that one can
    look."""
    played = table.played
    if played.plan is None or played.placed is None or played.step == 0:
        return False
    before = table.game.trade(played.plan, played.placed, max(played.step - 1, played.placed))
    after = played.trade(table.game)
    return after is not None and before.end != after.end


def _forward(table: Table, bars: int) -> None:
    st.session_state[practice_table.PLAYING] = False
    table.put(table.played.forward(table.game, bars))


def _toggle() -> None:
    st.session_state[practice_table.PLAYING] = not st.session_state.get(practice_table.PLAYING, False)


def _typed(table: Table, before: tuple[float, ...]) -> None:
    """A level of one's own that is new becomes the level of the test."""
    own, _ = overlays.parse_levels(str(st.session_state.get("marks") or ""))
    if new := [value for value in own if value not in before]:
        practice_table.choose_level(table, Candidate(new[-1], practice_charts.OWN))


def _mark(table: Table) -> None:
    """A click on a cell makes its middle one of one's own levels, and the level of the test."""
    place = picked_place(st.session_state.get("practice-picked"))
    if place is None:
        return
    own, _ = overlays.parse_levels(str(st.session_state.get("marks") or ""))
    middle = round((place[1] + place[2]) / 2)
    if middle not in own:
        st.session_state["marks"] = "; ".join(f"{value:g}" for value in [*own, middle])
    practice_table.choose_level(table, Candidate(float(middle), practice_charts.OWN))
    st.session_state["practice_clicked"] = True


def forecast(table: Table, level: Candidate) -> None:
    """Two sliders, written down once; afterwards what was said, beside the base rate."""
    played, key = table.played, table.key
    left = table.game.hidden - played.step
    with st.container(border=True):
        if played.forecast is not None:
            said, base = played.forecast, played.base
            st.markdown(
                f"**2. Written down** for {wording.markdown(wording.price(said.level))} after bar {said.step}"
            )
            with st.container(horizontal=True):
                for name, label in (("touches", "Touched"), ("rejects", "Rejected"), ("breaks", "Broken")):
                    note = None if base is None else f"base rate {percent(getattr(base, name))}"
                    st.metric(label, percent(getattr(said, name)), note, delta_color="off", delta_arrow="off")
            if base is not None:
                st.caption(
                    f"Base rate: what followed in the next {base.bars} bars from {base.starts:,} earlier bars"
                    " of this market, with a level as far away in usual ranges. These stretches overlap."
                )
            if not played.over(table.game):
                st.markdown("Now let the bars come, or choose **Show the rest**, above the map.")
            return
        if played.over(table.game):
            st.markdown(
                "**2. Say it in numbers**: too late for this round, its future has been shown. Take the"
                " next one."
            )
            return
        st.markdown(
            f"**2. Say it in numbers.** What will the next {left} bars do at"
            f" {wording.markdown(wording.price(level.price))}?"
        )
        touches = int(st.slider("Price touches it", 0, 100, 50, 5, format="%d %%", key=f"touches-{key}"))
        breaks = int(
            st.slider(
                "If it touches it, the last bar closes beyond it",
                0,
                100,
                50,
                5,
                format="%d %%",
                key=f"breaks-{key}",
            )
        )
        st.caption(
            f"So you say: {percent(touches / 100)} touched, {percent(touches * (100 - breaks) / 1e4)} touched"
            f" and rejected, {percent(touches * breaks / 1e4)} broken."
        )
        st.button(
            "Write it down",
            type="primary",
            icon=":material/edit:",
            key="say",
            on_click=_say,
            args=(table, level.price),
            shortcut="W",
            help="A forecast counts once and cannot be changed. While bars come by themselves it waits.",
            disabled=practice_table.playing(table),
        )
        if sentence := practice_table.wrong("forecast"):
            st.error(wording.markdown(sentence), icon=":material/error:")


def _say(table: Table, level: float) -> None:
    # Read here: a slider that is moved and a button that is pressed at once come in one message, after the
    # page was drawn.
    touches, breaks = (int(st.session_state[f"{name}-{table.key}"]) / 100 for name in ("touches", "breaks"))
    practice_table.attempt(
        lambda: table.put(table.played.write_down(table.game, level, touches, breaks)), "forecast"
    )


def how_to_read(table: Table, now: Scene, level: Candidate) -> None:
    """What the test asks and what the map shows, with their own numbers."""
    with st.expander("How to read this", icon=":material/school:", key="help", bind=LINK, on_change="rerun"):
        points = practice_charts.reading_points(table.game, table.played, level, now.seen)
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))
        top = float(now.grid.total.max())
        map_points = explain.how_to_read(
            now.grid,
            now.bars,
            (top / 500 if top else 1.0, top or 2.0),
            "linear" if now.grid.kind == "modelled" else "log",
            0.0,
        )
        st.markdown(
            "**The map**\n\n"
            + "\n".join(
                f"- {wording.markdown(point)}" for point in map_points if not point.startswith("**Colours")
            )
        )


def opening(table: Table, now: Scene) -> None:
    """One bold sentence: where price stands and what is still hidden."""
    end = pd.Timedelta(table.game.at(table.game.hidden) - now.seen.at)
    hours = end.total_seconds() / 3600
    length = f"{hours:g} hours" if hours < 48 else f"{hours / 24:g} days"
    ahead = (
        f"The next {length} are hidden." if hours else "Nothing is hidden any more: see below how you did."
    )
    st.markdown(f"**{wording.markdown(f'Price stands at {wording.price(last_price(now.seen))}. {ahead}')}**")


__all__ = [
    "AHEAD",
    "MAPS",
    "TIMEFRAMES",
    "asked",
    "choose",
    "forecast",
    "how_to_read",
    "onward",
    "opening",
    "replay",
]
