"""What an aggregator counts, with the visitor's own key, beside what our events add up to."""

from __future__ import annotations

import math
from typing import Final

import altair as alt
import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.charts.marks import LONG, SHORT, USD_AXIS, inked
from liqcore.charts.times import Clock
from liqcore.heat.totals import TotalsBeside, beside
from liqcore.service.dataset import Dataset
from liqcore.views import keys, links, market as live_market, panels

_FETCHED: Final = "compare_figures"
_HOURS: Final = 72


def _time(clock: Clock) -> alt.X:
    return alt.X("time:T", axis=alt.Axis(**clock.axis), scale=alt.Scale(type=clock.scale))


def _when(clock: Clock) -> alt.Tooltip:
    # Without the unit a browser tells its own time.
    return alt.Tooltip(
        "time:T", title=clock.title, timeUnit=clock.unit("yearmonthdatehoursminutes"), format="%b %d, %H:%M"
    )


def against_figures(data: Dataset) -> None:
    """Take a source's hourly totals, open interest and funding, and lay ours beside them."""
    # Requests and their cache are needed only by those who ask.
    from liqcore.feeds.rest.keyed import KEYED, Figures, figures
    from liqcore.feeds.status import FeedError

    by_name = {one.id: one for one in KEYED}
    source = by_name[links.choice("Source", {one.id: one.name for one in KEYED}, "coinalyze", "figuresfrom")]
    key = keys.given(source)
    if st.button(
        "Fetch now", icon=":material/cloud_download:", type="primary", key="figuresfetch", disabled=not key
    ):
        now = pd.Timestamp.now(tz="UTC")
        with st.spinner(f"Asking {source.name}"):
            try:
                st.session_state[_FETCHED] = (
                    source.id,
                    figures(source.id, live_market.session(), key, now, _HOURS),
                    now,
                )
            except (FeedError, tables.TableError) as problem:
                panels.problem(problem)
    held = st.session_state.get(_FETCHED)
    if held is None:
        st.caption(
            f"{source.gives} Fetched for the last {wording.duration(pd.Timedelta(hours=_HOURS))}, and only by"
            " the button."
        )
        return
    found: Figures
    name, found, fetched = by_name[held[0]].name, held[1], held[2]
    st.caption(
        f"{name}: {found.covers}, fetched {wording.when(fetched)}. Its sums hold what the venues published,"
        " sampled ones among them, so they are too small, as ours are."
    )
    if data.synthetic:
        st.warning(
            f"The market above is invented and {name} counts the real one: choose the live market or your own"
            " files before you compare.",
            icon=":material/science:",
        )
    _totals(data, found.totals, name)
    _open_interest(data, found.open_interest, name)
    _funding(data, found.funding, name)


def _totals(data: Dataset, totals: pd.DataFrame, name: str) -> None:
    st.subheader("Liquidations an hour")
    ours = data.liquidations
    result = None if ours is None or ours.empty else beside(ours, totals, *data.span)
    if result is None or result.frame.empty:
        st.info(
            (
                f"No full hour of {name}'s totals lies within the liquidations of this market"
                f" ({name} tells {wording.period(totals['time'].iloc[0], totals['time'].iloc[-1])})."
                if len(totals)
                else f"{name} told no totals for these hours."
            ),
            icon=":material/info:",
        )
        return
    st.markdown(f"**{wording.markdown(sentence(result, name))}**")
    for column, who in (("ours", "Ours"), ("theirs", name)):
        chart = totals_chart(result.frame, column, who, links.clock())
        words = f"{who}, liquidations an hour in USD. {sentence(result, name)}"
        st.altair_chart(inked(chart), key=f"figures-{column}", alt=words, width="stretch")


def totals_chart(frame: pd.DataFrame, column: str, who: str, clock: Clock) -> alt.Chart:
    """The sums of one of the two that count, hour by hour, longs and shorts apart, on a scale for both."""
    told = frame.assign(side=frame["side"].map({"long": "Longs", "short": "Shorts"}), usd=frame[column])
    hours = frame["time"].nunique()
    top = float(frame.groupby("time")[["ours", "theirs"]].sum().to_numpy().max())
    return (
        alt.Chart(told[["time", "side", "usd"]])
        .mark_bar(size=max(2, min(24, 600 // hours)))
        .encode(
            x=_time(clock),
            y=alt.Y(
                "usd:Q",
                title="USD",
                axis=alt.Axis(labelExpr=USD_AXIS, tickCount=4),
                scale=alt.Scale(domain=[0, top]),
            ),
            color=alt.Color("side:N", scale=alt.Scale(range=[LONG, SHORT]), title=None),
            tooltip=[_when(clock), "side:N", alt.Tooltip("usd:Q", title="USD", format="$,.0f")],
        )
        .properties(height=200, title=who)
    )


def _times(more: float) -> str:
    return "over 1,000 times" if more > 1_000 else f"{wording.decimal(more)} times"


def sentence(found: TotalsBeside, name: str) -> str:
    """How much of the other's sum ours is, and whether the hours agree."""
    hours = len(found.frame) // 2
    words = (
        f"In {wording.count(hours, 'full hour')} that both cover, ours add up to {wording.usd(found.ours)}"
        f" and {name}'s to {wording.usd(found.theirs)}"
    )
    if found.theirs > 0:
        more = found.ours / found.theirs
        words += (
            f", {wording.share(found.ours, found.theirs)} of it"
            if more <= 2
            else f", {_times(more)} as much: the two do not count the same"
        )
    if math.isnan(found.correlation):
        return f"{words}. Too few hours to say whether they rise and fall together."
    return (
        f"{words}. By rank the hours agree at {wording.decimal(found.correlation, 2)} (1 is the same order, 0"
        " none)."
    )


def _open_interest(data: Dataset, theirs: pd.DataFrame | None, name: str) -> None:
    if theirs is None or theirs.empty:
        return
    st.subheader("Open interest")
    frames = [theirs.assign(source=name)]
    if data.open_interest is not None and len(data.open_interest):
        venues = data.open_interest["venue"].map(lambda venue: wording.venue(str(venue))).astype(str)
        frames.append(data.open_interest.assign(source=venues))
    last = {
        str(who): float(part["quantity"].iloc[-1])
        for who, part in pd.concat(frames).groupby("source", sort=False)
    }
    words = "Newest: " + ", ".join(f"{who} {wording.quantity(value)}" for who, value in last.items()) + "."
    clock = links.clock()
    rows = pd.concat(frames)[["time", "quantity", "source"]]
    # Two kinds of line, told apart without their colours too; the tooltip names the venue.
    kinds = [name, "Venues here"]
    rows["line"] = rows["source"].where(rows["source"] == name, kinds[1])
    chart = (
        alt.Chart(rows)
        .mark_line(interpolate="step-after")
        .encode(
            x=_time(clock),
            y=alt.Y("quantity:Q", title="BTC", scale=alt.Scale(zero=False), axis=alt.Axis(format="~s")),
            color=alt.Color("line:N", title=None, scale=alt.Scale(domain=kinds, range=[LONG, SHORT])),
            strokeDash=alt.StrokeDash(
                "line:N", title=None, scale=alt.Scale(domain=kinds, range=[[1, 0], [5, 3]])
            ),
            detail="source:N",
            tooltip=[_when(clock), "source:N", alt.Tooltip("quantity:Q", format=",.0f")],
        )
        .properties(height=180)
    )
    st.altair_chart(inked(chart), key="figures-interest", alt=words, width="stretch")
    st.caption(words)


def _funding(data: Dataset, theirs: pd.DataFrame | None, name: str) -> None:
    if theirs is None or theirs.empty:
        return
    st.subheader("Funding")
    rows = [(name, theirs)]
    if data.funding is not None and len(data.funding):
        rows += [
            (wording.venue(str(venue)), part) for venue, part in data.funding.groupby("venue", observed=True)
        ]
    table = pd.DataFrame(
        [
            {
                "Source": who,
                "Newest": wording.when(part["time"].iloc[-1]),
                "Rate": wording.percent(float(part["rate"].iloc[-1]), exact=True),
                "Interval": wording.duration(pd.Timedelta(hours=float(part["interval_hours"].iloc[-1]))),
            }
            for who, part in rows
        ]
    )
    st.dataframe(table, hide_index=True, width="stretch", placeholder=wording.NOTHING)
