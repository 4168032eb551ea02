"""What a reader does with a heatmap: clusters and levels on it, their stories, strips below, and the reading
of a level."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.alerts.rule_text import rules_to_link
from liqcore.alerts.rules import Condition, Group, Rule
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, ClusterStory, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.market.candles import atr, bar_length
from liqcore.market.levels import Levels, key_levels
from liqcore.reading.reading import Prepared, prepare, read_level
from liqcore.reading.report import Reading, ReadingError
from liqcore.reading.timeframes import read_timeframes
from liqcore.risk.handover import Zone, plan_link
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import links, loaders, overlays, shell
from liqcore.views.controls import LINK
from liqcore.views.explore import stories, strips
from liqcore.views.for_all import for_all

# How often a map on which nothing stands out may show a cluster all the same.
SENSITIVITY: Final = {"strict": 0.01, "usual": 0.05, "sensitive": 0.2}
_PERSISTENCE_BARS: Final = 12
# What can be asked at a clicked price, and at the what-if line.
ACTIONS: Final = (("read", "Read this level"), ("alert", "Alert me here"), ("plan", "Plan a trade here"))
LINES: Final = (("entry", "Enter here"), ("stop", "Stop here"), ("targets", "Target here"))


@dataclass(frozen=True)
class OnTheMap:
    """What is drawn over the cells: the largest clusters of each side, key levels, the user's own, strips
    below."""

    clusters: int
    alpha: float
    key_levels: bool
    own: tuple[float, ...]
    strips: tuple[str, ...]

    @property
    def rule(self) -> ClusterRule:
        return ClusterRule(alpha=self.alpha)


def on_the_map(drawer: Any) -> OnTheMap:
    """The controls for clusters, levels and strips, in the drawer and in the address."""
    with drawer:
        st.markdown("**Clusters and levels**")
        shown = st.toggle(
            "Outline clusters",
            value=True,
            key="clusters",
            bind=LINK,
            help="Boxes around the largest hot bands of each side, with USD, age and persistence.",
        )
        most, sensitivity = 3, "usual"
        if shown:
            most = int(st.select_slider("At most, a side", (1, 2, 3, 5, 8), value=3, key="most", bind=LINK))
            sensitivity = links.choice(
                "What counts as a cluster",
                {name: name.capitalize() for name in SENSITIVITY},
                "usual",
                "hot",
                help=(
                    "A cluster holds more than chance and the path of price explain. On a map without any,"
                    " one shows up all the same on 1 of 100 maps (strict), 1 of 20 (usual) or 1 of 5"
                    " (sensitive)."
                ),
            )
        levels = st.toggle(
            "Key levels",
            value=False,
            key="keylevels",
            bind=LINK,
            help=(
                "Prices where the market turned before or traded most, from candles closed by the end of the"
                " window."
            ),
        )
        text = st.text_input(
            "My levels, USD",
            key="mylevels",
            bind=LINK,
            placeholder="28,000; 28.5k",
            help="Your own prices, separated by a semicolon or a blank. They are part of the link.",
        )
        chosen = st.pills(
            "Below the chart",
            list(strips.STRIPS),
            selection_mode="multi",
            format_func=lambda name: strips.STRIPS[name],
            key="below",
            bind=LINK,
        )
    own, problems = overlays.parse_levels(str(text or ""))
    for sentence in problems:
        st.warning(wording.markdown(sentence), icon=":material/warning:")
    return OnTheMap(
        most if shown else 0, SENSITIVITY[sensitivity], bool(levels), tuple(own), tuple(chosen or ())
    )


# What is found is never changed, so all who ask the same are given one: a copy costs more than a look.
@for_all(64, 7_200)
def _clusters(
    _grid: HeatGrid, _bars: pd.DataFrame | None, _events: pd.DataFrame | None, alpha: float, key: str
) -> ClusterStory:
    rule = ClusterRule(alpha=alpha)
    return track_clusters(_grid, _PERSISTENCE_BARS, price=_bars, rule=rule, liquidations=_events)


def clusters(
    data: Dataset, settings: ViewSettings, grid: HeatGrid, bars: pd.DataFrame | None, alpha: float
) -> ClusterStory:
    """Every cluster of the view, followed over time; of a realised map against the finest candles at hand."""
    events = None
    if grid.kind == "realised":
        candles, events = dataset.until_end(data, settings)
        bars = bars if candles is None else candles
    return _clusters(grid, bars, events, alpha, dataset.view_key(data, settings))


@for_all(64, 7_200)
def _levels(_bars: pd.DataFrame, own: tuple[float, ...], automatic: bool, key: str) -> Levels:
    return key_levels(_bars, own=own, count=8 if automatic else 0)


def levels(
    data: Dataset, settings: ViewSettings, bars: pd.DataFrame | None, marks: OnTheMap
) -> Levels | None:
    """Key levels of the window, and the user's own; None without candles or where none are wanted."""
    if bars is None or bars.empty or not (marks.key_levels or marks.own):
        return None
    return _levels(bars, marks.own, marks.key_levels, dataset.view_key(data, settings))


@for_all(64, 7_200)
def _strips(_data: Dataset, _settings: ViewSettings, key: str) -> dict[str, tuple[dict[str, Any], str]]:
    found = strips.strip_data(_data, _settings)
    return {name: (strips.series(name, frame), strips.words(name, frame)) for name, frame in found.items()}


def strips_below(
    data: Dataset, settings: ViewSettings, names: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The chosen strips for the map to draw below itself, and what the last value of each says."""
    if not names:
        return [], []
    found = _strips(data, settings, dataset.view_key(data, settings))
    said = [
        found[name][1]
        if name in found
        else f"{strips.STRIPS[name]}: this market's data holds nothing for it."
        for name in names
    ]
    return [found[name][0] for name in names if name in found], said


def take(asked: dict[str, Any]) -> None:
    """Before the run that a question on the map starts: the level asked for goes where it is read."""
    if asked.get("what") == "read":
        st.session_state["level"] = wording.whole(float(asked["price"]))
        st.session_state["read"] = True


def go_on(
    asked: dict[str, Any] | None,
    marks: OnTheMap,
    grid: HeatGrid,
    bars: pd.DataFrame | None,
    found: ClusterStory | None = None,
) -> None:
    """Follow a question on the map to the page that answers it."""
    if not asked or asked.get("what") == "read":
        return
    what, level = str(asked["what"]), float(asked["price"])
    if what == "alert":
        above = bars is not None and len(bars) > 0 and level > float(bars["close"].iloc[-1])
        heat = "modelled" if grid.is_stock else "realised"
        grows = Condition("heat grows", round(level), "short" if above else "long", by=0.5, heat=heat)
        rule = Rule(f"Heat grows at {level:.0f}", Group("all", (grows,)))
        st.switch_page("pages/alerts.py", query_params={"rules": rules_to_link([rule])})
    if what in ("plan", "entry", "stop", "targets"):
        st.switch_page("pages/risk.py", query_params=sizing(level, bars, marks, found, what))


def sizing(
    level: float, bars: pd.DataFrame | None, marks: OnTheMap, found: ClusterStory | None, what: str = "plan"
) -> dict[str, str]:
    """What the risk page needs for a trade with its entry (or stop, or target) at a level: its fields, the
    clusters of this map and the market."""
    zones = [Zone(one.side, one.low, one.high, one.notional) for one in found.present] if found else []
    last, width = level, float("nan")
    if bars is not None and len(bars) > 1:
        last = float(bars["close"].iloc[-1])
        width = float(atr(bars)[-1]) * float(np.sqrt(np.timedelta64(1, "h") / bar_length(bars)))
    asks = plan_link(
        last if what in ("stop", "targets") else level,
        last,
        width if width > 0 else 0.01 * level,
        stop=level if what == "stop" else None,
        target=level if what == "targets" else None,
        zones=zones,
        lines=marks.own,
    )
    return asks | {name: st.query_params[name] for name in ("data", "day", "span") if name in st.query_params}


def picked(key: str, grid: HeatGrid) -> stories.Cell | None:
    """The cell last clicked on the chart with this key, as it is on the map now."""
    return stories.picked_cell(st.session_state.get(f"{key}-picked"), grid)


def story(
    data: Dataset, settings: ViewSettings, grid: HeatGrid, found: ClusterStory | None, key: str
) -> stories.Cell | Cluster | None:
    """The story of the cluster chosen in the list, or of the clicked cell and the cluster it belongs to;
    returns what it told."""
    cell = picked(key, grid)
    present = list(found.present)[:12] if found is not None else []
    names = {overlays.cluster_name(one): one for one in present}
    st.subheader("The story behind a band")
    silent = stories.no_cluster(found) if found is not None else []
    if silent:
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in silent))
    if not names and cell is None:
        st.caption("Click a filled cell to see what made it.")
        return None
    chosen = None
    if names:
        name = st.selectbox(
            "A cluster, largest first, or click a cell on the chart",
            list(names),
            index=None,
            placeholder="Choose a cluster",
            key="cluster",
            bind=LINK,
            format_func=lambda text: text,
        )
        chosen = names.get(str(name))
    if chosen is None and cell is None:
        return None
    now = pd.Timestamp.now(tz="UTC")
    if chosen is not None:
        _tell(stories.cluster_story(data, settings, grid, found, chosen, now))  # type: ignore[arg-type]
        return chosen
    _tell(stories.cell_story(data, settings, grid, cell, now))  # type: ignore[arg-type]
    around = stories.cluster_at(found, cell) if found is not None and cell is not None else None
    if around is not None:
        _tell(stories.cluster_story(data, settings, grid, found, around, now))  # type: ignore[arg-type]
        return around
    return cell


def _tell(told: stories.Story) -> None:
    with st.container(border=True):
        st.markdown(f"**{wording.markdown(told.title)}**")
        st.markdown("\n".join(f"- {wording.markdown(point)}" for point in told.points))
        shown = [(title, table) for title, table in told.tables if len(table)]
        if shown:
            for column, (title, table) in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
                with column:
                    st.caption(title)
                    st.dataframe(
                        table,
                        hide_index=True,
                        width="stretch",
                        height=min(38 + 35 * len(table), 260),
                        column_config={
                            name: st.column_config.NumberColumn(format="localized")
                            for name in table.select_dtypes("number").columns.astype(str)
                        },
                        placeholder=wording.NOTHING,
                    )


def read_here(
    data: Dataset,
    settings: ViewSettings,
    grid: HeatGrid,
    bars: pd.DataFrame | None,
    marks: OnTheMap,
    found: ClusterStory,
    told: stories.Cell | Cluster | None,
) -> float | None:
    """The level in question and, where the reader asks for it, its reading in six steps and at several
    timeframes."""
    st.subheader("Read a level")
    wanted, why = overlays.level_in_question(told, marks.own, found, bars)
    typed = st.text_input(
        "Level, USD",
        key="level",
        bind=LINK,
        placeholder=wording.whole(wanted) if wanted else "28,000",
        width=220,
        help=(
            "The price to read. Empty takes the band you clicked, your first own level, or the largest"
            " cluster."
        ),
    )
    levels, problems = overlays.parse_levels(str(typed or ""))
    for sentence in problems:
        st.warning(wording.markdown(sentence), icon=":material/warning:")
    level = levels[0] if levels else wanted
    if level is None:
        st.caption("Type a price, or click a band on the map.")
        return None
    st.caption(wording.markdown(f"Reading {wording.price(level)}{'' if levels else why}."))
    with st.expander(
        "Read this level", icon=":material/menu_book:", key="read", bind=LINK, on_change="rerun"
    ) as opened:
        if opened.open:
            try:
                _reading(data, settings, grid, marks, found, level)
            except (*loaders.DATA_PROBLEMS, ReadingError) as error:
                st.error(wording.markdown(str(error)), icon=":material/error:")
    st.page_link(
        shell.path("risk"),
        label=wording.markdown(f"Size a position at {wording.price(level)}"),
        icon=":material/shield:",
        query_params=sizing(level, bars, marks, found),
    )
    return level


def _reading(
    data: Dataset, settings: ViewSettings, grid: HeatGrid, marks: OnTheMap, found: ClusterStory, level: float
) -> None:
    candles, events = dataset.until_end(data, settings)
    if candles is None:
        st.info("A reading needs candles: add a candles file.", icon=":material/candlestick_chart:")
        return
    end = grid.time_edges[-1]
    prepared = _prepared(data, settings, grid, candles, events, marks.alpha, f"{data.key}|{settings!r}")
    with st.spinner("Reading what stands at the level"):
        reading = read_level(
            grid, candles, level=level, rule=marks.rule, last=_PERSISTENCE_BARS, prepared=prepared
        )
    draw_reading(reading)
    source: Any = (
        events
        if grid.kind == "realised"
        else loaders.heatmap(data, replace(settings, timeframe="15m", hours=_longest(settings.hours)))
    )
    with st.spinner("Reading it at other timeframes"):
        rows = read_timeframes(
            source, candles, level=level, at=None if settings.until is None else end, rule=marks.rule
        )
    st.markdown(
        "**The same level at other timeframes**: a band that shows in one of them only is easily noise."
    )
    st.dataframe(
        overlays.timeframe_table(rows), hide_index=True, width="stretch", placeholder=wording.NOTHING
    )
    name = f"reading-{level:.0f}-{wording.file_mark(grid.time_edges[-1])}"
    with st.container(horizontal=True):
        st.download_button(
            "Text",
            reading.to_text(),
            f"{name}.txt",
            "text/plain",
            icon=":material/download:",
            on_click="ignore",
            key="reading-text",
        )
        st.download_button(
            "JSON",
            json.dumps(reading.to_dict(), indent=1),
            f"{name}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key="reading-json",
        )


@st.cache_resource(max_entries=12, ttl="1h", show_spinner="Comparing with other prices …")
def _prepared(
    _data: Dataset,
    _settings: ViewSettings,
    _grid: HeatGrid,
    _candles: pd.DataFrame,
    _events: pd.DataFrame | None,
    alpha: float,
    key: str,
) -> Prepared:
    """What every reading on a map needs, made once."""
    venues = by_venue(_data, _settings)
    return prepare(
        _grid,
        _candles,
        by_venue=venues or None,
        liquidations=_events if _grid.kind == "realised" else None,
        open_interest=_data.open_interest,
        funding=_data.funding,
        at=None if _settings.until is None else _grid.time_edges[-1],
        as_of=dataset.heard_until(_data, venues, _grid.time_edges[-1]),
        timeframe=_settings.timeframe,
        rule=ClusterRule(alpha=alpha),
        last=_PERSISTENCE_BARS,
    )


def _longest(hours: float | None) -> float:
    return min(max(hours or 336.0, 72.0), 336.0)


def draw_reading(reading: Reading) -> None:
    """A reading with its evidence for and against side by side, and the six steps below."""
    st.markdown(f"**{wording.markdown(reading.summary)}**")
    st.caption(wording.markdown(f"{reading.kind_note} {reading.claim}"))
    sections = dict(reading.sections)
    icons = {
        "What speaks for it": "add_circle",
        "What speaks against it": "do_not_disturb_on",
        "What would confirm it": "task_alt",
        "What would invalidate it": "block",
    }
    titles = list(icons)
    for pair in (titles[:2], titles[2:]):
        for column, title in zip(st.columns(2, gap="medium"), pair, strict=True):
            with column.container(border=True, height="stretch"):
                _list(f":material/{icons[title]}: {title}", sections[title])
    for row in range(0, 6, 2):
        for number, column in enumerate(st.columns(2, gap="medium"), row):
            with column.container(height="stretch"):
                title, lines = reading.steps[number]
                _list(f"{number + 1}. {title}", lines)
    with st.container(border=True):
        _list(":material/help: What is missing", sections["What is missing"])


def _list(title: str, lines: tuple[str, ...]) -> None:
    st.markdown(f"**{title}**\n\n" + "\n".join(f"- {wording.markdown(line)}" for line in lines))


def by_venue(data: Dataset, settings: ViewSettings) -> dict[str, HeatGrid]:
    """The view once for each venue, for the question whether they agree."""
    names = settings.venues or data.venues
    return (
        {name: loaders.heatmap(data, replace(settings, venues=(name,))) for name in names}
        if len(names) > 1
        else {}
    )
