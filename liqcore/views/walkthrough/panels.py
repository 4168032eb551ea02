"""The guided walkthrough: one scenario, step by step, drawn as it stood then."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.data import milliseconds
from liqcore.charts.marks import LONG, SHORT, halo, spec
from liqcore.charts.picture import Look
from liqcore.feeds import scenario_files as files
from liqcore.learn.glossary import find_terms, mentions
from liqcore.learn.moves import Moved
from liqcore.learn.scenarios import Market, Scenario, make_scenario
from liqcore.learn.steps import Outcome, StepView, outcome, plan_lines, step_view, together
from liqcore.views import explain, heat, links, shell
from liqcore.views.controls import LINK
from liqcore.views.walkthrough import (
    crash as walkthrough_crash,
    moves as walkthrough_moves,
    quiz,
    sandbox as walkthrough_sandbox,
)

_CACHED: Final = 12
# Of the time drawn, after its newest column: the names of the lines stand there and cover no candle.
_ROOM: Final = 0.16


@st.cache_resource(max_entries=_CACHED, show_spinner="Opening the scenario")
def scenario(name: str) -> Scenario:
    """A bundled scenario. Shared by all visitors and not to be changed."""
    found = files.read_scenario(name)
    sample = found.sample
    market = Market(sample.candles, sample.liquidations, found.arrivals, sample.open_interest, sample.funding)
    return make_scenario(name, found.settings, market, found.base_rate)


@st.cache_resource(max_entries=120, show_spinner=False)
def _view(name: str, number: int) -> StepView:
    return step_view(scenario(name), number)


@st.cache_resource(max_entries=_CACHED, show_spinner=False)
def _outcome(name: str) -> Outcome:
    return outcome(scenario(name))


def pick() -> Scenario | None:
    """The scenario in the address, chosen from the list; None where the real day is told instead."""
    titles = {name: title for name, (title, _) in files.contents().items()}
    titles[walkthrough_crash.NAME] = walkthrough_crash.TITLE
    name = links.select("Scenario", titles, "scenario", label_visibility="collapsed")
    if name == walkthrough_crash.NAME:
        walkthrough_crash.lesson()
        return None
    chosen = scenario(name)
    # The number of a step belongs to its scenario: another one is told from its beginning.
    if st.session_state.get("told") not in (None, name):
        st.session_state["step"] = 1
    st.session_state["told"] = name
    st.caption(f"{chosen.teaches} Synthetic market, made by a simulator from seed {chosen.seed}.")
    return chosen


def step(chosen: Scenario) -> None:
    """One step: chart, what to look at, text, question with feedback; after the last one, how it ended."""
    count = len(chosen.steps)
    with st.container(horizontal=True, vertical_alignment="center"):
        # Back and Next stay side by side where the row wraps.
        buttons = st.container(horizontal=True, width="content")
        number = min(int(st.pagination(count + 1, key="step", bind=LINK, max_visible_pages=12)), count + 1)
        buttons.button(
            "Back",
            icon=":material/arrow_back:",
            key="back",
            on_click=_go,
            args=(-1, count),
            disabled=number <= 1,
            shortcut="B",
        )
        buttons.button(
            "Next",
            icon=":material/arrow_forward:",
            icon_position="right",
            key="next",
            on_click=_go,
            args=(1, count),
            disabled=number > count,
            type="primary",
            shortcut="N",
        )
    if number > count:
        _end(chosen)
        quiz.progress()
        return
    view = _view(chosen.name, number)
    left, right = st.columns([3, 2], gap="large")
    with left:
        shown = st.toggle("Show me on the chart", value=True, key="highlight", bind=LINK)
        changed = walkthrough_moves.control(chosen, view)
        _chart(view, shown and changed is None, changed=changed)
    with right:
        st.markdown(f"##### {number}. {wording.markdown(view.title)}")
        st.markdown(explained(view.text), help=terms(f"{view.text} {view.look} {view.question}"))
        st.info(explained(view.look), icon=":material/visibility:")
        if view.words:
            st.caption(
                "  \n".join(f"**{term.name}**: {wording.markdown(term.meaning)}" for term in view.words)
            )
        quiz.question(chosen.name, view)
    quiz.progress()


def _go(by: int, count: int) -> None:
    st.session_state["step"] = min(max(int(st.session_state.get("step", 1)) + by, 1), count + 1)


def _chart(
    view: StepView, shown: bool, key: str = "walk", height: int = 470, changed: Moved | None = None
) -> None:
    grid, bars, at, top = view.grid, view.bars, view.at, view.scale_top
    if changed is not None:
        grid, bars, at, top = changed.grid, changed.seen.bars, changed.seen.at, changed.scale_top
    now = pd.Timestamp.now(tz="UTC")
    line = explain.provenance_line(grid, synthetic=True, now=now)
    levels = walkthrough_moves.lines(view)
    heat.heatmap(
        grid,
        bars,
        key=key,
        note=line,
        look=Look(domain=None if top is None else (top / 500, top), profile=False),
        height=height,
        room=_ROOM,
        controls="legend",
        boxes=view.outlines if shown and len(view.outlines) else None,
        levels=levels if len(levels) else None,
        replay=True,
        on_asked=lambda asked: walkthrough_moves.dragged(view, asked),
    )
    st.caption(
        wording.markdown(
            f"As it stood on {wording.when(at, now)}; nothing later is in this picture. {view.untraded}"
            f" {line}"
        )
    )


def _end(chosen: Scenario) -> None:
    ended = _outcome(chosen.name)
    st.markdown(f"##### How it ended: {wording.markdown(chosen.title)}")
    last = _view(chosen.name, len(chosen.steps))
    left, right = st.columns([3, 2], gap="large")
    with left:
        bars = ended.candles
        inside = bars[
            bars["time"] < pd.Timestamp(last.grid.time_edges[-1], tz="UTC") + pd.Timedelta(hours=chosen.hours)
        ]
        _ending_chart(chosen, ended, inside)
    with right:
        st.markdown(f"**{wording.markdown(ended.sentence)}**")
        st.markdown(wording.markdown(ended.text))
        quiz.recap(chosen.name, [_view(chosen.name, step.number) for step in chosen.steps])
    with st.container(border=True):
        st.markdown("**What the base rate says**")
        if ended.base_rate is None:
            st.markdown(
                "The base rate of this set-up has not been simulated yet, so one outcome is all there is: it"
                " proves nothing."
            )
        else:
            st.markdown(wording.markdown(ended.base_rate.sentence))
            if chosen.scripted:
                st.markdown(
                    "What came after the decision in the story was scripted and is not one of these worlds,"
                    f" which were left to chance: {wording.markdown(' '.join(chosen.scripted))}"
                )
            st.caption(f"Made again by: {ended.base_rate.command}")
    _returning(chosen.name)
    walkthrough_sandbox.sandbox(chosen)
    names = files.names()
    following = names[(names.index(chosen.name) + 1) % len(names)]
    st.button(
        "Next scenario", icon=":material/skip_next:", key="following", on_click=_open, args=(following,)
    )
    st.page_link(
        shell.path("practice"), label="Practise on a market whose future is hidden", icon=":material/target:"
    )
    with st.expander("What shaped this market", icon=":material/construction:"):
        st.markdown("\n".join(f"- {wording.markdown(why)}" for why in chosen.shaped_by))


def _returning(name: str) -> None:
    """One question of an earlier scenario, with its picture, when something else has been read since."""
    place = quiz.returning(name)
    if place is None:
        return
    earlier, view = scenario(place[0]), _view(*place)
    with st.container(border=True):
        st.markdown(f"**Do you still know? From “{wording.markdown(earlier.title)}”**")
        left, right = st.columns([3, 2], gap="large")
        with left:
            _chart(view, True, key="again", height=340)
        with right:
            st.markdown(explained(view.text))
            quiz.question(place[0], view, again_after=name)


def _open(name: str) -> None:
    st.session_state["scenario"] = name


def _ending_chart(chosen: Scenario, ended: Outcome, bars: pd.DataFrame) -> None:
    plan, clock = ended.plan, links.clock()
    rows = bars.iloc[:: max(len(bars) // 600, 1)]
    data = pd.DataFrame(
        {"t": milliseconds(rows["time"].to_numpy(dtype="datetime64[us]")), "close": rows["close"]}
    )
    lines = [(chosen.level, "level"), *plan_lines(plan)]
    shown = [bars["low"].min(), bars["high"].max(), *(price for price, _ in lines)]
    marks = together(lines, 0.05 * (max(shown) - min(shown)))
    line: dict[str, Any] = {
        "x": {"field": "t", "type": "temporal", "axis": clock.axis, "scale": {"type": clock.scale}},
        "y": {
            "field": "close",
            "type": "quantitative",
            "scale": {"zero": False},
            "axis": {"title": "BTC price, USD", "format": ",.0f"},
        },
    }
    at = {"y": {"field": "price", "type": "quantitative"}}
    text = {"type": "text", "align": "left", "x": 8, "dy": -8, "fontWeight": "bold", "tooltip": None}
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "price"},
            "mark": {"type": "line", "tooltip": None, "color": SHORT},
            "encoding": line,
        },
        {
            "data": {"name": "marks"},
            "mark": {"type": "rule", "strokeDash": [5, 4], "color": LONG, "tooltip": None},
            "encoding": at,
        },
        *(
            {"data": {"name": "marks"}, "mark": look, "encoding": {**at, "text": {"field": "label"}}}
            for look in halo(text)
        ),
    ]
    st.vega_lite_chart(
        spec=spec(layers, {"price": data, "marks": marks}, 360),
        key="ending",
        width="stretch",
        alt=(
            f"Price to the end of the scenario with the level at {wording.price(chosen.level)}, entry"
            f" {wording.price(plan.entry, exact=True)} and stop {wording.price(plan.stop, exact=True)}: a"
            " plan beside liquidations, not a forecast."
        ),
    )


def explained(text: str) -> str:
    """A text as Markdown in which each term of the glossary shows its meaning when it is pointed at, and
    leads to the list."""
    out, end = [], 0
    for start, stop, term in mentions(text):
        title = term.meaning.replace('"', "'")
        out += [wording.markdown(text[end:start]), f'[{text[start:stop]}](#glossary "{title}")']
        end = stop
    return "".join([*out, wording.markdown(text[end:])])


def terms(text: str) -> str | None:
    """The terms of a text with their meanings, for a tooltip that keyboard and touch reach too; None without
    any."""
    found = [term for _, _, term in mentions(text)]
    return "\n\n".join(f"**{term.name}**: {wording.markdown(term.meaning)}" for term in found) or None


def glossary() -> None:
    """The searchable list of terms."""
    st.subheader("Glossary", anchor="glossary")
    with st.expander("Every term in a sentence or two", icon=":material/dictionary:"):
        text = st.text_input("Search", key="term", placeholder="liquidation, funding, R …", live=True)
        found = find_terms(str(text or ""))
        st.markdown(
            "\n".join(f"- **{term.name}**: {wording.markdown(term.meaning)}" for term in found)
            or "No term matches. Try a shorter word."
        )
