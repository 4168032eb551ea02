"""What the live page draws: the map that fills, the tape, sums, coverage, and how every source is doing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from liqcore import tables, wording
from liqcore.charts import heard
from liqcore.charts.times import Clock
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Feed, Snapshot
from liqcore.feeds.live.figures import LiveGrid
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.registry import VENUES
from liqcore.heat.grid import HeatGrid
from liqcore.market.candles import resample
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.tables import TableError
from liqcore.views import controls, links, loaders, panels
from liqcore.views.controls import Toolbar
from liqcore.views.for_all import for_all

PACES: Final = {"2 s": 2.0, "5 s": 5.0, "15 s": 15.0, "1 min": 60.0}
WINDOWS: Final = {"1 h": 1.0, "4 h": 4.0, "12 h": 12.0, "24 h": 24.0}
_ICONS: Final = {
    "live": ("green", "sensors"),
    "partial": ("orange", "rule"),
    "stale": ("orange", "hourglass_bottom"),
    "geo-blocked": ("red", "public_off"),
    "rate-limited": ("orange", "speed"),
    "error": ("red", "error"),
    "off": ("gray", "power_settings_new"),
}
_GRID: Final = "live_grid"
NOBODY: Final = (
    "Nobody listened, so nobody knows whether anything was liquidated. Leave the app running with a network"
    " to collect, or choose **Replay** above."
)


@dataclass(frozen=True)
class LiveView:
    """What the live page shows: length of a column, hours, venues (empty: all), and the least USD on the
    tape."""

    timeframe: str
    hours: float
    venues: tuple[str, ...]
    minimum: float


def view_controls(held: Feed, bar: Toolbar) -> LiveView:
    """Window, timeframe, venues and the size filter, all in the address."""
    with bar.places[2]:
        window = links.choice("Window", list(WINDOWS), "4 h", "livespan", label_visibility="collapsed")
    with bar.places[3]:
        timeframe = st.selectbox(
            "Timeframe",
            ("1m", "5m", "15m", "1h"),
            index=1,
            key="livetf",
            bind=controls.LINK,
            width=76,
            label_visibility="collapsed",
            help="The length of one column of the map.",
        )
        names = [status.venue for status in held.snapshot().statuses]
    with bar.places[4]:
        venue = links.select(
            "Venue",
            {"all": "All exchanges", **{name: wording.venue(name) for name in names}},
            "livevenue",
            width=160,
            label_visibility="collapsed",
            help="All exchanges added up, or one at a time.",
        )
    minimum = bar.drawer.select_slider(
        "Tape from",
        (0, *controls.AMOUNTS[3:16]),
        value=0,
        format_func=wording.usd,
        key="livemin",
        bind=controls.LINK,
        help="Smaller liquidations stay off the tape. The map shows all.",
    )
    return LiveView(
        str(timeframe), WINDOWS[str(window)], () if venue == "all" else (str(venue),), float(minimum)
    )


def clock_line(now: int, speed: float | None) -> str:
    """The time in UTC and where the visitor is; for a replay also how fast it runs."""
    moment = pd.Timestamp(now, unit="us", tz="UTC")
    text = f":material/schedule: {wording.when(moment, moment, seconds=True)}"
    zone = st.context.timezone
    if zone and zone != "UTC":
        # A browser may name a zone that this computer does not know.
        with suppress(ValueError, KeyError, OSError):
            text += (
                f" · {wording.clock(moment.tz_convert(zone).tz_localize(None), seconds=True)} in"
                f" {zone.replace('_', ' ')}"
            )
    return (
        text
        if speed is None
        else (
            f"{text} · replay of a synthetic market,"
            f" {'standing still' if speed == 0 else f'{speed:g}× as fast as time'}"
        )
    )


def badges(snapshot: Snapshot) -> str:
    """One badge a source: its state by word, colour and icon."""
    parts = []
    for status in snapshot.statuses:
        colour, icon = _ICONS.get(status.state, ("gray", "help"))
        parts.append(f":{colour}-badge[:material/{icon}: {wording.venue(status.venue)}: {status.state}]")
    return " ".join(parts)


def status_table(snapshot: Snapshot) -> pd.DataFrame:
    """Every source: state, ages in seconds, completeness and why."""
    now = np.datetime64(snapshot.moment, "us")

    def ago(moment: np.datetime64 | None) -> str:
        return "never" if moment is None else wording.age(moment, now)

    return pd.DataFrame(
        [
            {
                "Source": wording.venue(status.venue),
                "State": status.state,
                "Last event": ago(status.last_event),
                "Last sign of life": ago(status.last_heartbeat),
                "Sends": {"all": "every one", "sampled": "a sample"}.get(status.completeness, "not known"),
                "Received": received(status, snapshot),
                "Why": status.message,
            }
            for status in snapshot.statuses
        ]
    )


def received(status: SourceStatus, snapshot: Snapshot) -> int | None:
    """How many events a source has told; None where it was never heard, which is no 0."""
    count = snapshot.rows.get(status.venue, 0)
    return None if status.last_heartbeat is None and not count else count


def nothing_live(snapshot: Snapshot) -> bool:
    """Whether no source has been heard of."""
    return bool(snapshot.statuses) and all(status.last_heartbeat is None for status in snapshot.statuses)


def figures(data: Dataset | None, sums: pd.DataFrame, now: int, ticked: int | None = None) -> None:
    """Price with its age at `now` (µs), open interest, funding, and what was liquidated in the last hour by
    `live_figures.totals`. `ticked` is when a socket told the price (µs), None where it is a candle's."""
    hour = sums.set_index("span").loc["1 h"].to_dict()
    with st.container(horizontal=True, gap="medium"):
        candles = None if data is None else data.candles
        if candles is not None and len(candles):
            close = candles["close"]
            before = float(close.iloc[max(len(close) - 61, 0)])
            moment = pd.Timestamp(now, unit="us", tz="UTC")
            last = candles["time"].iloc[-1] if ticked is None else pd.Timestamp(ticked, unit="us", tz="UTC")
            moved = float(close.iloc[-1]) / before - 1
            said = wording.percent(moved, signed=True)
            st.metric(
                f"Last price, {wording.age(min(last, moment), moment)} old{' at most' * (ticked is None)}",
                wording.price(float(close.iloc[-1])),
                f"{said} in 1 h",
                delta_color="off",
                # By itself it takes our minus for a plus.
                delta_arrow="up" if said.startswith("+") else "down" if said.startswith("−") else "off",
                width="content",
            )
        interest = None if data is None else data.open_interest
        if interest is not None and len(interest):
            last = interest.groupby("venue", observed=True)["quantity"].last()
            st.metric(
                "Open interest",
                wording.quantity(last.sum()),
                help=f"The newest of {', '.join(wording.venue(str(name)) for name in last.index)}, added up.",
                width="content",
            )
        funding = None if data is None else data.funding
        if funding is not None and len(funding):
            rates = funding.groupby("venue", observed=True)[["rate", "interval_hours"]].last()
            hourly = float((rates["rate"] / rates["interval_hours"]).mean())
            st.metric(
                "Funding, 8 h",
                wording.percent(8 * hourly, signed=True),
                help=(
                    "The mean of the venues' newest settled rates, as a rate for 8 hours. Positive: longs pay"
                    " shorts."
                ),
                width="content",
            )
        for side in tables.SIDES:
            st.metric(
                f"{side.title()}s liquidated, 1 h",
                _sum(hour, side),
                f"heard for {hour['heard']} of 60 min" if hour["heard"] and not hour["whole"] else None,
                delta_color="off",
                delta_arrow="off",
                width="content",
                help=None if _known(hour) else NOBODY,
            )


def _known(row: Mapping[Any, Any]) -> bool:
    """Whether anybody told of this span: a 0 that nobody listened to is no figure."""
    return bool(row["events"] or row["heard"])


def _sum(row: Mapping[Any, Any], side: str) -> str:
    return wording.usd(float(row[side])) if _known(row) else "not heard"


def heat(
    held: Feed,
    data: Dataset | None,
    snapshot: Snapshot,
    view: LiveView,
    label: str,
    synthetic: bool,
    shared: str | None,
) -> None:
    """The realised map, kept going from refresh to refresh; once for all visitors where it is `shared` under
    a name."""
    alive = _alive(snapshot, view)
    try:
        if shared is None:
            kept = st.session_state.setdefault(_GRID, {})
            made, bars = _grid(kept, held, data, view, alive, label)
        else:
            key = f"{shared}|{view!r}|{label}|{_moment(held)}"
            made, bars = _shared_grid(held, data, view, alive, label, key)
        if made is None:
            st.title("Live liquidations")
            first = held.now() - view.hours * 3_600e6
            minutes = heard_minutes(held, view)
            if (minutes >= first).any():
                quiet = (
                    "Nothing was liquidated in this window as far as anyone told us. BTC alone can be quiet"
                )
                what = (
                    f"{quiet} for minutes: choose a longer window, or watch the replay of the sample market."
                )
            else:
                what = f"{NOBODY} A longer window holds more." if len(minutes) else NOBODY
            st.info(what, icon=":material/hourglass_empty:")
            return
        shown = Dataset(key="live", label=label, synthetic=synthetic)
        panels.heatmap(
            made.grid, bars, shown, "live-map", heading="Live liquidations", address=True, live=True
        )
    except panels.PROBLEMS as error:
        panels.problem(error)


def _moment(held: Feed, seconds: int = 5) -> str:
    """What is drawn once for all who look within some seconds: which events, and about when."""
    return f"{id(held.window)}:{held.window.events().version}:{held.now() // (seconds * 1_000_000)}"


def _grid(
    kept: dict[str, Any], held: Feed, data: Dataset | None, view: LiveView, alive: bool, label: str
) -> tuple[LiveGrid | None, pd.DataFrame | None]:
    """The map with what came since it was `kept`, and the bars on it."""
    market = held.window.market()
    made = kept["grid"] = live_figures.live_grid(
        kept.get("grid"),
        held.window.events(),
        held.now(),
        timeframe=view.timeframe,
        hours=view.hours,
        venues=view.venues,
        beats=None if market is None else market.beats,
        alive=alive,
        source=label,
        key=id(held.window),
    )
    return made, None if made is None else _bars(data, made.grid.time_edges[0], view.timeframe)


# One grid of each view goes on for all who look at it; the largest has 3 MB.
@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(view: str) -> dict[str, Any]:
    return {}


@for_all(8, 60)
def _shared_grid(
    _held: Feed, _data: Dataset | None, _view: LiveView, _alive: bool, _label: str, key: str
) -> tuple[LiveGrid | None, pd.DataFrame | None]:
    kept = _kept(repr(replace(_view, minimum=0.0)))
    return _grid(kept, _held, _data, _view, _alive, _label)


def _bars(data: Dataset | None, start: np.datetime64, timeframe: str) -> pd.DataFrame | None:
    if data is None or data.candles is None:
        return None
    candles = data.candles[data.candles["time"] >= pd.Timestamp(start, tz="UTC")].reset_index(drop=True)
    if candles.empty:
        return None
    try:
        return (
            candles if timeframe == "1m" else resample(candles, timeframe, partial=True)[list(tables.CANDLES)]
        )
    except TableError:
        return None


def lists(held: Feed, view: LiveView) -> pd.DataFrame:
    """Sums, the largest and the newest liquidations side by side; returns `live_figures.totals`."""
    chosen = held.window.events().of(view.venues)
    minutes = heard_minutes(held, view)
    sums = live_figures.totals(chosen, held.now(), minutes)
    nothing = "No liquidations yet." if len(minutes) else "Nobody was heard yet, so there is nothing to list."
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Liquidated")
        totals(sums)
        st.subheader("Largest held")
        events_table(live_figures.biggest(chosen, 6), nothing, short=True)
    with right:
        st.subheader("Tape")
        if len(chosen) and view.minimum > 0:
            nothing = "Nothing of this size yet. Lower the size, or wait."
        events_table(live_figures.tape(chosen, view.minimum, 40), nothing)
    return sums


def heard_minutes(held: Feed, view: LiveView) -> NDArray[np.int64]:
    """The minutes (µs) of the last day in which a venue of the view was heard, or tells of now."""
    market = held.window.market()
    alive = [held.now()] if _alive(held.snapshot(), view) else []
    if market is None:
        return np.array(alive, dtype=np.int64)
    beats = market.beats
    mine = beats if not view.venues else beats[beats["venue"].isin(view.venues)]
    return np.append(mine["minute"].to_numpy(dtype=np.int64), alive).astype(np.int64)


def _alive(snapshot: Snapshot, view: LiveView) -> bool:
    return any(
        status.state in ("live", "partial") and (not view.venues or status.venue in view.venues)
        for status in snapshot.statuses
    )


def shared_lists(held: Feed, view: LiveView) -> pd.DataFrame:
    """`lists`, drawn once for all who look at the same within some seconds. Nothing of a visitor is in it."""
    return _lists(held, view, f"{view!r}|{_moment(held)}")


@st.cache_resource(max_entries=16, ttl=60, show_spinner=False)
def _lists(_held: Feed, _view: LiveView, key: str) -> pd.DataFrame:
    return lists(_held, _view)


def totals(found: pd.DataFrame) -> None:
    """Long and short USD over four spans by `live_figures.totals`, with what they leave out."""
    rows = found.to_dict("records")
    st.dataframe(
        pa.table(
            {
                "Last": found["span"].tolist(),
                "Longs": [_sum(row, "long") for row in rows],
                "Shorts": [_sum(row, "short") for row in rows],
                "Events": pa.array([row["events"] if _known(row) else None for row in rows], pa.int64()),
                "Complete": [_complete(row) for row in rows],
            }
        ),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
        column_config={
            "Events": st.column_config.NumberColumn(format="localized"),
            "Complete": st.column_config.TextColumn(
                help=(
                    "all: the venues tell every event. sample: they tell some. partly: some venues tell every"
                    " event. nothing told: someone listened, and no venue told of any. short: for a part of"
                    " the time nobody listened. nobody listened: there is no figure."
                )
            ),
        },
    )
    if not all(map(_known, rows)):
        st.caption(NOBODY)
    if set(found["completeness"]) & {"sampled", "mixed"}:
        st.caption(
            "Some venues send only a sample, so these sums are a lower bound. Compare shares and shapes, not"
            " totals."
        )


def _complete(row: Mapping[Any, Any]) -> str:
    if not _known(row):
        return "nobody listened"
    words = {"all": "all", "sampled": "sample", "mixed": "partly"}.get(row["completeness"], "not known")
    if not row["events"]:
        words = "nothing told"
    return words if row["whole"] else f"{words}, short"


def events_table(found: pd.DataFrame, empty: str, short: bool = False) -> None:
    """Liquidations as a list; a `short` one leaves out what kind of price it is and how late it came."""
    if found.empty:
        st.caption(empty)
        return
    rows = found.to_dict("list")
    more = (
        {}
        if short
        else {"Price is": rows["price_kind"], "Late": [wording.duration(value) for value in rows["late"]]}
    )
    st.dataframe(
        pa.table(
            {
                "UTC": [wording.clock(time, seconds=True) for time in rows["time"]],
                "Venue": [wording.venue(name) for name in rows["venue"]],
                "Side": rows["side"],
                "Price": [wording.price(value) for value in rows["price"]],
                "USD": [wording.usd(value) for value in rows["notional"]],
                **more,
            }
        ),
        hide_index=True,
        width="stretch",
        height=min(38 + 35 * len(found), 392),
        # As wide as the longest name, whoever stands in the first rows.
        column_config={"Venue": st.column_config.TextColumn(width=112)},
        placeholder=wording.NOTHING,
    )


def coverage(held: Feed, hours: float, clock: Clock) -> None:
    """When each venue was heard of, with its larger events; what is blank is a gap, not a quiet time."""
    market, now = held.window.market(), held.now()
    if market is None or market.beats.empty:
        st.caption("Coverage is drawn once the first minute has been heard.")
        return
    since = now - round(hours * 3_600e6)
    runs = live_figures.coverage(market.beats, since, now)
    big = live_figures.biggest(held.window.events().since(since), 150)
    gaps = len(runs) - runs["venue"].nunique()
    st.vega_lite_chart(
        heard.rows(runs, big, wording.venue),
        heard.spec(since, now, clock),
        key="live-coverage",
        width="stretch",
        alt=f"Coverage of {runs['venue'].nunique()} venues over {hours:g} hours; {gaps} breaks.",
    )
    st.caption(
        "Green: heard live. Grey: told later by the venue's own history. Blank: nobody listened, which is a"
        " gap and not a quiet time. Orange ticks: the 150 largest liquidations."
    )


def shared_coverage(held: Feed, hours: float, clock: Clock) -> None:
    """`coverage`, drawn anew every half minute, and when a venue is heard, for all who look at so many
    hours."""
    market = held.window.market()
    beats = None if market is None else market.beats
    told = None if beats is None or beats.empty else (len(beats), int(beats["minute"].iloc[-1]))
    _coverage(held, hours, clock, f"{id(held.window)}:{told}:{held.now() // 30_000_000}")


@st.cache_resource(max_entries=8, ttl=60, show_spinner=False)
def _coverage(_held: Feed, hours: float, clock: Clock, key: str) -> None:
    coverage(_held, hours, clock)


def sampling_notes(snapshot: Snapshot) -> list[str]:
    """One sentence a venue on what it leaves out."""
    return [
        f"**{wording.venue(status.venue)}**: {VENUES[status.venue].completeness_words}"
        for status in snapshot.statuses
        if status.venue in VENUES
    ]


def modelled(data: Dataset | None, hours: float) -> Any:
    """Modelled levels from the candles and open interest that are held; computed once a minute."""
    if data is None or data.candles is None or len(data.candles) < 60:
        st.title("Live market")
        st.info(
            "Modelled levels need an hour of candles. They appear once a source of candles has answered.",
            icon=":material/candlestick_chart:",
        )
        return None
    settings = ViewSettings(layer="modelled", timeframe="5m" if hours <= 12 else "15m", hours=hours)
    try:
        grid, bars = loaders.heatmap(data, settings), loaders.price_bars(data, settings)
        if (missing := interest_missing(data, grid)) is not None:
            st.warning(missing, icon=":material/rule:")
        return panels.heatmap(
            grid,
            bars,
            data,
            "live-modelled",
            heading="Live market",
            caption="Where open positions would be closed",
            height=420,
            what=True,
        )
    except panels.PROBLEMS as error:
        panels.problem(error)
        return None


def interest_missing(data: Dataset, grid: HeatGrid) -> str | None:
    """A sentence where a modelled map runs on candles without open interest, else None; the newest bar or
    two, which no venue has told of yet, are no lack."""
    if grid.predicted is None or (known := float(grid.predicted["open_interest"].notna().mean())) >= 0.99:
        return None
    if data.open_interest is None or known == 0:
        return (
            "**No open interest** has been told by any venue, so this map only guesses how much is open:"
            " levels fade by an assumed holding time. Read where the bands lie, not how large they are."
        )
    told = ", ".join(
        wording.markdown(wording.venue(str(name))) for name in data.open_interest["venue"].unique()
    )
    return (
        f"**Open interest is known for {wording.share(known, 1.0)} of the candles** (from {told}). In the"
        " others levels fade by an assumed holding time: read where the bands lie, not how large they are."
    )
