"""Testing a rule on the market at hand: run through the engine as live, kept for the next look, drawn over
the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.alerts.inputs import AlertData, Settings
from liqcore.alerts.measure import Replay, replay
from liqcore.alerts.rules import Rule, RuleError
from liqcore.heat.grid import HeatGrid
from liqcore.service import dataset
from liqcore.service.dataset import DataError, Dataset, ViewSettings
from liqcore.views import links, loaders, panels
from liqcore.views.alerts import words as alerts_words
from liqcore.views.alerts.bench import Bench
from liqcore.views.controls import LINK
from liqcore.views.spoken import Voice, spoken

SPANS: Final = {"Off": 0, "1 d": 1, "3 d": 3, "7 d": 7, "14 d": 14, "All": None}
HORIZONS: Final = ("1h", "2h", "4h", "12h", "1d")
TIMEFRAMES: Final = ("5min", "15min", "30min", "1h")
CONTROLS: Final = 4
# Seconds that a page waits for a test before it draws the sentence and lets the test follow.
PATIENCE: Final = 0.4
_MINE: Final = "alerts_test"
# A day costs a good part of a second: longer tests would keep a small host from everybody else.
_MOST_DAYS: Final = 31


@dataclass(frozen=True)
class Test:
    """How a rule is tested: length of a bar, days of the market (None for as many as it has, 0 for no test),
    and time to touch the level."""

    timeframe: str
    days: int | None
    horizon: str


@st.cache_resource(show_spinner=False)
def _bench() -> Bench:
    return Bench()


def settings_for(data: Dataset, timeframe: str) -> Settings:
    """How the engine looks at this market: bars of the timeframe, or of the candles where those are longer.
    DataError if neither fits."""
    step = (
        np.timedelta64(1, "m")
        if data.candles is None or data.candles.empty
        else dataset.candle_step(data.candles)
    )
    minutes = int(step // np.timedelta64(1, "m"))
    wanted = int(tables.timeframe(timeframe) // np.timedelta64(1, "m"))
    if minutes < 1 or minutes * np.timedelta64(1, "m") != step:
        raise DataError(
            "The candles of this market are not whole minutes long, so rules cannot be judged bar by bar."
            " Bring candles of a minute or more."
        )
    length = max(wanted, minutes)
    hours = (data.span[1] - data.span[0]) / pd.Timedelta("1h")
    lookback = max(60 if hours < 8 else 240 if hours < 30 else 720, length)
    lookback -= lookback % length
    try:
        return Settings(timeframe=f"{length}min", candles=f"{minutes}min", lookback=f"{lookback}min")
    except RuleError:
        raise DataError(
            f"Bars of {length} minutes do not fit into a day evenly, so rules cannot be judged. Bring candles"
            " of 1, 5, 15 or 60 minutes."
        ) from None


def market_tables(data: Dataset, external: pd.DataFrame | None = None) -> AlertData:
    """The market's tables as the engine takes them."""
    return AlertData(
        data.liquidations, data.candles, data.open_interest, data.funding, dataset.heartbeats(data), external
    )


def choices() -> Test:
    """Bars, stretch and horizon of the test; in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        span = links.choice("Test on the last", tuple(SPANS), "14 d", "test")
        timeframe = st.selectbox(
            "Bars",
            TIMEFRAMES,
            index=1,
            format_func=_spaced,
            key="bars",
            bind=LINK,
            width=110,
            help="Rules are judged at the close of a bar of this length.",
        )
        horizon = st.selectbox(
            "Touched within",
            HORIZONS,
            index=2,
            format_func=_spaced,
            key="horizon",
            bind=LINK,
            width=130,
            help="A level that price reaches later than this after the alert counts as a false alarm.",
        )
    return Test(str(timeframe), SPANS[span], str(horizon))


def tested(rule: Rule, data: Dataset, how: Test) -> Replay | None:
    """The rule run over the market as the engine would have run it live, from memory where it was run before;
    None where no test is wanted."""
    if how.days == 0:
        return None
    settings = settings_for(data, how.timeframe)
    end = data.span[1]
    begin = max(
        data.span[0] + pd.Timedelta(settings.lookback), end - pd.Timedelta(days=how.days or _MOST_DAYS)
    )
    key = f"{rule.id}|{data.key}|{settings!r}|{begin}|{how.horizon}"

    def work(progress: Callable[[float], None]) -> Replay:
        # Named after the rule alone, so that the same rule meets the same control levels whatever else is
        # asked.
        rng = np.random.default_rng(int(rule.id, 16))
        return replay(
            [rule],
            market_tables(data),
            rng,
            begin=begin,
            settings=settings,
            horizon=how.horizon,
            controls=CONTROLS,
            progress=progress,
        )

    job = _bench().job(key, work, str(st.session_state.get(_MINE, "")))
    st.session_state[_MINE] = key
    job.done.wait(PATIENCE)
    if not job.done.is_set():
        _waiting(key)
        return None
    if isinstance(job.problem, RuleError):
        raise DataError(str(job.problem))
    if job.problem is not None:
        raise job.problem
    return job.result


@st.fragment(run_every=0.5)
def _waiting(key: str) -> None:
    """How far the test is; the page is drawn again when it is over."""
    job = _bench().held(key)
    if job is None or job.done.is_set():
        st.rerun()
    st.progress(job.share, "Testing the rule on every bar")


def draw(rule: Rule, told: Replay, data: Dataset, how: Test) -> None:
    """The figures, the timeline over the heatmap, and how to read them."""
    row = told.summary.iloc[0]
    lacks = alerts_words.lacking(rule, data)
    known = bool(row["firings"]) or not lacks
    st.markdown(f"**{wording.markdown(alerts_words.verdict(told, _spaced(how.horizon), lacks))}**")
    with st.grid(4, min_column_width=150, gap="small"):
        st.metric(
            "Would have told",
            wording.count(row["firings"], "time") if known else "not known",
            f"{wording.decimal(row['per_day'], 1)} a day" if known else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "Lead to the touch",
            alerts_words.lead(row["lead_minutes"]),
            "median",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "False alarms",
            _share(row["false_alarms"]),
            f"of {row['judged']:,} judged",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric(
            "At other levels",
            _share(row["control_false_alarms"]),
            f"of {row['control_judged']:,} · chance {_share(row['base_false_alarms'])}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=(
                "False alarms of the same rule at other levels as far from the price; chance is the share of"
                " such levels that are not touched at random moments."
            ),
        )
    if any(part.kind == "external" for part in rule.when.conditions):
        st.caption(":material/info: Signals from outside only come live: no market's record holds them.")
    for note in told.notes:
        st.caption(f":material/info: {wording.markdown(note)}")
    grid = _map(rule, told, data, how)
    if grid is not None:
        with st.expander(
            "How to read this", icon=":material/school:", key="help", bind="query-params", on_change="rerun"
        ):
            points = alerts_words.how_to_read(told, rule, _spaced(how.horizon), how.timeframe, grid)
            st.markdown("\n".join(f"- {wording.markdown(point)}" for point in points))
    if len(told.firings):
        with st.expander(
            (
                f"All {len(told.firings):,} firings as a table"
                if len(told.firings) > 1
                else "The firing as a table"
            ),
            icon=":material/table_rows:",
        ):
            st.dataframe(
                spoken(alerts_words.firing_table(told), _VOICES),
                hide_index=True,
                width="stretch",
                height=320,
                column_config=_COLUMNS,
                placeholder=wording.NOTHING,
            )


_COLUMNS: Final[dict[str, Any]] = {
    "Time (UTC)": st.column_config.DatetimeColumn(format="MMM DD, HH:mm"),
    "Away": st.column_config.NumberColumn(help="Distance of the level from the price, as a share of it."),
}
_VOICES: Final[dict[str, Voice]] = {
    "Level, USD": wording.price,
    "Heat, USD": wording.usd,
    "Away": partial(wording.percent, digits=2),
    "Lead, min": wording.whole,
}


def _map(rule: Rule, told: Replay, data: Dataset, how: Test) -> HeatGrid | None:
    """The heatmap that the rule watches, with its levels and the moments it would have told."""
    heats = {part.heat for part in rule.when.conditions}
    has_events = data.liquidations is not None and len(data.liquidations) > 0
    layer: Any = "modelled" if heats == {"modelled"} or not has_events else "realised"
    coarse = "1h" if told.days > 4 else how.timeframe
    settings = ViewSettings(
        layer=layer, timeframe=coarse, hours=None if how.days is None else 24.0 * how.days
    )
    grid = panels.attempt(loaders.heatmap, data, settings)
    if grid is None:
        return None
    bars = loaders.price_bars(data, settings)
    panels.heatmap(
        grid,
        bars,
        data,
        "alerts-map",
        height=420,
        strips=False,
        marks=alerts_words.marks(told, grid),
        levels=alerts_words.level_lines(rule, grid),
    )
    if len(told.firings) > alerts_words.MOST_MARKS:
        st.caption(
            f"The latest {alerts_words.MOST_MARKS} of {len(told.firings):,} moments are numbered on the map;"
            " the table holds all."
        )
    return grid


def _share(value: float) -> str:
    return alerts_words.percent(value) if np.isfinite(value) else "–"


def _spaced(text: str) -> str:
    return text.replace("min", " min") if "min" in text else text[:-1] + " " + text[-1]
