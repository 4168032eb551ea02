"""The practice table of one visitor: which test lies on it, what was done in it, and the journal. All of it
stays in the session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import streamlit as st

from liqcore import tables
from liqcore.heat.clusters import Cluster, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.learn.practice import Candidate, Played, candidates, journal_row
from liqcore.learn.quiz import JournalRow, QuizError, add_rows
from liqcore.learn.replay import ReplayError, Round, Visible, make_round
from liqcore.market.candles import resample
from liqcore.risk.numbers import RiskError
from liqcore.service import dataset
from liqcore.service.dataset import DataError, Dataset, ViewSettings, candle_step
from liqcore.views import panels
from liqcore.views.practice import charts as practice_charts

HISTORY: Final = 96
# Clusters are judged beside their surroundings, so the map is made wider than it is drawn.
BINS: Final = 240
_REACH, _ROOM = 0.035, 0.012
# Of what opened longer ago than this before the window, less than a hundredth still stands by the model's own
# assumption.
_LEAD: Final = np.timedelta64(5, "D")
PROBLEMS: Final = (*panels.PROBLEMS, ReplayError, QuizError, RiskError)
_PLAYED, _FINISHED, _BROUGHT, _WRONG, _CHOSEN = (
    "practice_played",
    "practice_finished",
    "practice_brought",
    "practice_wrong",
    "practice_chosen",
)
PLAYING: Final = "practice_playing"
# Rounds of one visitor that are remembered; the journal keeps more.
_MOST_ROUNDS: Final = 300


@dataclass(frozen=True)
class Table:
    """One test on the table: the market it is of, the round with its hidden future, and which map is
    drawn."""

    data: Dataset
    game: Round
    key: str
    layer: str

    @property
    def played(self) -> Played:
        """What this visitor has done in this test."""
        played: Played = st.session_state.setdefault(_PLAYED, {}).get(self.key, Played())
        return played

    def put(self, played: Played) -> None:
        """Keep what was done, and the journal's row where that ended the test."""
        rounds: dict[str, Played] = st.session_state.setdefault(_PLAYED, {})
        rounds[self.key] = played
        for old in list(rounds)[:-_MOST_ROUNDS]:
            rounds.pop(old)
        row = journal_row(self.game, played, self.data.label)
        if row is not None:
            finished: dict[str, JournalRow] = st.session_state.setdefault(_FINISHED, {})
            finished[self.key] = replace(row, note=finished[self.key].note) if self.key in finished else row

    @property
    def row(self) -> JournalRow | None:
        """The journal's row of this test once it is over."""
        row: JournalRow | None = st.session_state.get(_FINISHED, {}).get(self.key)
        return row

    def note(self, text: str) -> None:
        """Write a note into the journal's row of this test."""
        finished = st.session_state.get(_FINISHED, {})
        if self.key in finished:
            finished[self.key] = replace(finished[self.key], note=text[:300])


@dataclass(frozen=True, eq=False)
class Scene:
    """What may be drawn at the step shown: nothing in it was known later."""

    seen: Visible
    grid: HeatGrid
    bars: Any
    clusters: tuple[Cluster, ...]


@st.cache_resource(max_entries=16, ttl="2h", show_spinner="Dealing a test")
def _round(_data: Dataset, seed: int, timeframe: str, ahead: int, key: str) -> Round:
    if _data.candles is None or _data.candles.empty:
        raise DataError(
            "There are no candles to practise on. Add a candles file, or choose the sample market above."
        )
    return make_round(
        _data.candles,
        _data.liquidations,
        seed=seed,
        timeframe=timeframe,
        history=HISTORY,
        hidden=ahead,
        open_interest=_data.open_interest,
        funding=_data.funding,
        arrivals=_arrivals(_data),
        undated=True,
    )


def _arrivals(data: Dataset) -> np.ndarray | None:
    """When each liquidation reached a listener, where the market says how late its venues are."""
    if data.liquidations is None or not data.lags:
        return None
    late = data.liquidations["venue"].astype(str).map(data.lags).fillna(0.0).to_numpy(dtype=float)
    return np.asarray(tables.microseconds(data.liquidations["time"]) + (late * 1e6).astype("int64")).view(
        "datetime64[us]"
    )


def lay(data: Dataset, seed: int, timeframe: str, ahead: int, layer: str) -> Table:
    """The test that market, number, timeframe and bars to come stand for."""
    key = f"{data.key}|{seed}|{timeframe}|{ahead}"
    return Table(data, _round(data, seed, timeframe, ahead, key), key, layer)


def scene(table: Table) -> Scene:
    """The map, bars and clusters as they stood at the step shown, made of nothing but what was known then."""
    return _scene(table, table.played.step, f"{table.key}|{table.layer}|{table.played.step}")


@st.cache_resource(max_entries=24, ttl="1h", show_spinner=False)
def _scene(_table: Table, step: int, key: str) -> Scene:
    table, game = _table, _table.game
    seen = game.visible(step)
    # The modelled map also needs what came before the window; the realised one is drawn from the window
    # alone.
    past = game.known(step, _LEAD) if table.layer == "modelled" else seen
    known = Dataset(
        f"practice|{key}",
        table.data.label,
        table.data.synthetic,
        candles=past.candles,
        liquidations=past.liquidations,
        open_interest=past.open_interest if len(past.open_interest) else None,
        funding=past.funding if len(past.funding) else None,
    )
    length = tables.timeframe(game.timeframe)
    settings = ViewSettings(
        layer="modelled" if table.layer == "modelled" else "realised",
        timeframe=game.timeframe,
        until=seen.at,
        bins=BINS,
        hours=float((seen.at - game.start) / np.timedelta64(1, "h")),
        price_range=practice_charts.price_range(seen, _REACH),
    )
    wide = dataset.heatmap(known, settings)
    low, high = practice_charts.price_range(seen, _ROOM)
    grid = wide.crop(low=low, high=high)
    bars = (
        seen.candles
        if length <= candle_step(seen.candles)
        else resample(seen.candles, game.timeframe, partial=True)[list(tables.CANDLES)]
    )
    flow = wide.kind == "realised"
    story = track_clusters(
        wide, price=past.candles if flow else bars, liquidations=seen.liquidations if flow else None
    )
    return Scene(seen, grid, bars, tuple(story.present[:6]))


@st.cache_resource(max_entries=48, ttl="1h", show_spinner=False)
def _candidates(_table: Table, _now: Scene, own: tuple[float, ...], key: str) -> tuple[Candidate, ...]:
    return tuple(candidates(_now.seen, _table.game.timeframe, own=own, clusters=_now.clusters))


def levels(table: Table, now: Scene, own: list[float]) -> list[Candidate]:
    """Levels to ask about, the one that was chosen before among them."""
    found = list(_candidates(table, now, tuple(own), f"{table.key}|{table.layer}|{table.played.step}|{own}"))
    chosen = chosen_level(table)
    if chosen is not None and all(abs(one.price - chosen.price) > 1e-9 for one in found):
        found.append(chosen)
    return found


def chosen_level(table: Table) -> Candidate | None:
    """The level that was chosen in this test."""
    chosen: Candidate | None = st.session_state.get(_CHOSEN, {}).get(table.key)
    return chosen


def choose_level(table: Table, level: Candidate) -> None:
    """Keep the level for the bars to come, in which the list of levels is another one."""
    st.session_state.setdefault(_CHOSEN, {})[table.key] = level


def playing(table: Table) -> bool:
    """Whether bars come by themselves at the moment."""
    return bool(st.session_state.get(PLAYING)) and not table.played.over(table.game)


def journal() -> list[JournalRow]:
    """The journal of this session: what was brought, and every test finished here."""
    return add_rows(st.session_state.get(_BROUGHT, []), list(st.session_state.get(_FINISHED, {}).values()))


def bring(rows: list[JournalRow]) -> tuple[int, int]:
    """Add the rows of a journal file; returns how many were new and how many were here already."""
    before = journal()
    st.session_state[_BROUGHT] = add_rows(st.session_state.get(_BROUGHT, []), rows)
    new = len(set(rows) - set(before))
    return new, len(rows) - new


def attempt(action: Callable[[], None], where: str) -> None:
    """Do what a button asks; where that cannot be done, keep the sentence why for the panel named `where`."""
    wrong: dict[str, str] = st.session_state.setdefault(_WRONG, {})
    wrong.pop(where, None)
    try:
        action()
    except PROBLEMS as problem:
        wrong[where] = str(problem)


def wrong(where: str) -> str | None:
    """The sentence that the last attempt left for a panel, once."""
    sentence: str | None = st.session_state.get(_WRONG, {}).pop(where, None)
    return sentence


__all__ = [
    "HISTORY",
    "PLAYING",
    "PROBLEMS",
    "Scene",
    "Table",
    "attempt",
    "bring",
    "choose_level",
    "chosen_level",
    "journal",
    "lay",
    "levels",
    "playing",
    "scene",
    "wrong",
]
