"""What the sources page draws: every source with its state, delays, the store, keys, import and export."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.marks import inked
from liqcore.feeds import files
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Collector, Snapshot
from liqcore.feeds.live.store import StoreError, arrivals, as_rows
from liqcore.feeds.rest.keyed import KEYED, check
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.feeds.venues import market as market_data
from liqcore.feeds.venues.history import liquidation_history
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.venue import Venue
from liqcore.tables import TableError
from liqcore.views import keys, market as live_market, owner
from liqcore.views.live.panels import received
from liqcore.views.spoken import spoken

_TYPES: Final = ["csv", "gz", "parquet", "zip", "txt"]
# Reasons are long and alike, which would leave no room for what differs.
_WIDTHS: Final = {
    "Why": st.column_config.TextColumn(width=335),
    "History": st.column_config.TextColumn(width=200),
    "Refuses": st.column_config.TextColumn(width=190),
}
_DELAYS: Final = {
    "venue": "Venue",
    "events": "Live events",
    "median": "Half within",
    "p90": "90 % within",
    "p99": "99 % within",
    "longest": "Longest",
}


def venues(snapshot: Snapshot) -> None:
    """Every venue: state, what it tells, what it refuses, and the last trouble in words."""
    known = {status.venue: status for status in snapshot.statuses}
    rows = []
    for name, venue in VENUES.items():
        status = known.get(name) or SourceStatus(name, "off", venue.completeness_words)
        rows.append(
            {
                "Source": venue.name,
                "State": status.state,
                "Why": status.message,
                "Live": _tick(venue.socket),
                "History": venue.history.words if venue.history else "none",
                "Sends": {"all": "every one", "sampled": "a sample"}.get(venue.completeness, "not known"),
                "Price is": venue.price_kind,
                "Refuses": ", ".join(venue.refuses) or "nobody known",
                "Key": "none",
                "Received": received(status, snapshot),
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height=38 + 35 * len(rows),
        column_config=_WIDTHS,
        placeholder=wording.NOTHING,
    )
    st.caption(
        "Public data of each venue, under its own terms of use. Nothing here needs an account. What a venue"
        " leaves out is in the column Sends and on the Live page."
    )
    if snapshot.market:
        with st.expander("Candles, open interest and funding", icon=":material/candlestick_chart:"):
            st.dataframe(
                pd.DataFrame(
                    [
                        {
                            "Source": name,
                            "State": status.state,
                            "Newest": (
                                "never"
                                if status.last_event is None
                                else wording.when(status.last_event, np.datetime64(snapshot.moment, "us"))
                            ),
                            "Why": status.message,
                        }
                        for name, status in sorted(snapshot.market.items())
                    ]
                ),
                hide_index=True,
                width="stretch",
                placeholder=wording.NOTHING,
            )


def _tick(yes: bool) -> str:
    return "yes" if yes else "no"


def delays(held: Collector) -> None:
    """How long events take to arrive, by venue."""
    events = held.window.events()
    found = live_figures.delays(events)
    if found.empty:
        st.caption(
            "Delays are drawn once events have come live. What a history told later says nothing about speed."
        )
        return
    bins = live_figures.delay_histogram(events)
    bins = bins.assign(
        venue=bins["venue"].map(wording.venue),
        span=[_span(low, high) for low, high in zip(bins["from"], bins["to"], strict=True)],
    )
    order = list(dict.fromkeys(bins.sort_values("from")["span"]))
    chart = (
        alt.Chart(bins)
        .mark_rect()
        .encode(
            x=alt.X(
                "span:N",
                sort=order,
                title="Seconds from the event to its arrival",
                axis=alt.Axis(labelAngle=0),
            ),
            y=alt.Y("venue:N", title=None, axis=alt.Axis(labelOverlap=False)),
            color=alt.Color("events:Q", title="Events", scale=alt.Scale(scheme="viridis", type="symlog")),
            tooltip=[
                alt.Tooltip("venue:N", title="Venue"),
                alt.Tooltip("span:N", title="Seconds"),
                alt.Tooltip("events:Q", title="Events", format=","),
            ],
        )
        .properties(height=alt.Step(22))
    )
    st.altair_chart(
        inked(chart),
        key="delays",
        width="stretch",
        alt=f"Delays of {int(found['events'].sum()):,} live events of {len(found)} venues.",
    )
    slow = found.sort_values("median").to_dict("records")[-1]
    st.markdown(
        f"Half of {wording.venue(str(slow['venue']))}'s events took more than"
        f" **{wording.duration(slow['median'])}** to arrive, the slowest of {len(found)} venues; one in a"
        f" hundred took more than {wording.duration(slow['p99'])}."
    )
    shown = found.rename(columns=_DELAYS)[list(_DELAYS.values())]
    shown["Venue"] = wording.venues(shown["Venue"])
    st.dataframe(
        spoken(
            shown,
            {"Live events": wording.whole, **dict.fromkeys(list(_DELAYS.values())[2:], wording.duration)},
        ),
        hide_index=True,
        width="stretch",
        placeholder=wording.NOTHING,
    )
    st.caption(
        "From the venue's own time of the event to its arrival here, so a wrong clock on either side shows as"
        " delay. A negative one means that this computer's clock is behind."
    )


def _span(low: float, high: float) -> str:
    return f"over {low:g}" if high == float("inf") else f"{low:g} to {high:g}"


def test_one(now: pd.Timestamp) -> None:
    """Ask one venue a small question and say what came."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = str(st.selectbox("Venue", list(VENUES), format_func=wording.venue, key="testvenue", width=220))
        asked = st.button(
            "Test it now", icon=":material/network_ping:", help="One small public request. Nothing is stored."
        )
    if asked:
        with st.spinner("Asking"):
            status, rows, what = _tested(VENUES[name], now)
        good = status.state in ("live", "partial")
        (st.success if good else st.warning)(
            wording.markdown(
                f"{wording.venue(name)}: {f'{rows:,} {what}. ' if good else ''}{status.message}".strip()
            ),
            icon=":material/check_circle:" if good else ":material/error:",
        )


def _tested(venue: Venue, now: pd.Timestamp) -> tuple[SourceStatus, int, str]:
    try:
        if venue.history:
            found = liquidation_history(live_market.session(), venue.id, now - pd.Timedelta(hours=1), now)
            return found.status, len(found.table), "liquidations in the last hour"
        found = market_data.candles(
            live_market.session(), venue.id, "1m", now - pd.Timedelta(minutes=10), now
        )
        return found.status, len(found.table), "candles of the last ten minutes"
    except FeedError as problem:
        return problem.status(venue.id), 0, ""


def keyed(now: pd.Timestamp) -> None:
    """Sources behind a key: what they give, where the key was found, and a test."""
    for source in KEYED:
        with st.expander(f"{source.name}: {source.gives}", icon=":material/key:"):
            st.caption(source.plan)
            keys.ask(source)
            key, found = keys.key_of(source)
            st.markdown(
                {
                    "typed": "A key was typed. It is kept for this session only.",
                    "secrets": "A key is in the secrets.",
                    "environment": "A key is in the environment.",
                }.get(
                    found,
                    f"No key yet. Type one, or put `{source.secret}` into `.streamlit/secrets.toml` or"
                    f" `{source.secret.upper()}` into the environment.",
                )
            )
            if st.button(
                "Test the key", key=f"test-{source.id}", disabled=not key, icon=":material/network_ping:"
            ):
                with st.spinner(f"Asking {source.name}"):
                    status = check(source, live_market.session(), key, now)
                (st.success if status.state == "live" else st.warning)(wording.markdown(status.message))
    st.caption("Keys are sent to their source only, past the cache, and stand in no link, log or file.")


def store(held: Collector) -> None:
    """What is at rest: span, size, and what can be done with it."""
    try:
        found, size = held.store.summary(), held.store.size()
    except StoreError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/database_off:")
        return
    now = np.datetime64(held.now(), "us")
    place = (
        "in memory: it is lost when the app stops"
        if held.store.url == "sqlite://"
        else "in PostgreSQL"
        if held.store.path is None
        else f"in the file {held.store.path.name}"
    )
    with st.container(horizontal=True, gap="large"):
        st.metric("Liquidations at rest", f"{int(found['events'].sum()):,}")
        st.metric("Size", wording.file_size(size))
        st.metric("Kept for", f"{held.config.keep_days:g} days")
    who = "This process collects." if held.collecting else "Another process collects into it; this one reads."
    if live_market.app().owner.offline:
        who = "Nothing is collected while HEATLAB_OFFLINE is set."
    st.caption(f"The store is {place}. HEATLAB_STORE takes another SQLAlchemy address. {who}")
    if len(found):
        st.dataframe(
            spoken(
                pd.DataFrame(
                    {
                        "Venue": found["venue"].map(wording.venue),
                        "Events": found["events"],
                        "USD": found["notional"],
                        "First": [
                            wording.when(np.datetime64(int(time), "us"), now) for time in found["first"]
                        ],
                        "Last": [wording.when(np.datetime64(int(time), "us"), now) for time in found["last"]],
                    }
                ),
                {"Events": wording.whole, "USD": wording.usd},
            ),
            hide_index=True,
            width="stretch",
            placeholder=wording.NOTHING,
        )
        with st.container(horizontal=True):
            for kind, media in (("csv", "text/csv"), ("parquet", "application/octet-stream")):
                st.download_button(
                    f"Export as {kind.upper() if kind == 'csv' else 'Parquet'}",
                    lambda kind=kind: files.write_table(held.store.liquidations(), kind),  # type: ignore[misc]
                    f"heatlab-liquidations.{kind}",
                    media,
                    key=f"export-{kind}",
                    icon=":material/download:",
                    on_click="ignore",
                )


def changes(held: Collector) -> None:
    """Import and clearing, for whoever runs the app."""
    if owner.hosted():
        st.caption(
            "This app is hosted for many people, so importing and clearing are left to whoever runs it."
        )
        return
    upload = st.file_uploader(
        "Import liquidations into the store",
        type=_TYPES,
        key="storefile",
        help="Any file that the Explore page reads. Events that are held already are passed over.",
    )
    if upload is not None and st.session_state.get("store_taken") != upload.file_id:
        try:
            with st.spinner("Reading the file"):
                contents = files.read(upload)
            if contents.kind != "liquidations":
                raise TableError(
                    f"{upload.name} holds {contents.kind.replace('_', ' ')}, and the store takes liquidations"
                    " here. Choose a file with liquidations."
                )
            batch = arrivals(as_rows(contents.table), held.now(), "import")
            late = len(contents.table) - len(batch)
            with st.spinner(f"Storing {wording.count(len(batch), 'event')}"):
                new = held.store.add(batch)
            st.session_state["store_taken"] = upload.file_id
            st.success(
                f"{new:,} new events of {len(contents.table):,} in the file. Those older than the window of"
                " the live page are held but not drawn there."
                + (f" Dated in the future, and refused: {late:,}." if late else "")
            )
        except (TableError, StoreError) as problem:
            st.error(
                f"**{wording.name(upload.name)}** was not imported. {wording.markdown(str(problem))}",
                icon=":material/error:",
            )
    if st.button(
        "Clear the cache of answers",
        icon=":material/mop:",
        help="Answers of venues that were kept to ask them less. Collected events stay.",
    ):
        live_market.session().cache.clear()
        live_market.session().resume()
        st.toast("The cache is empty, and pauses that venues asked for are forgotten.")


def how_to_read(snapshot: Snapshot) -> str:
    """The explanation with the numbers of the moment."""
    states = [status.state for status in snapshot.statuses]
    live = states.count("live")
    sampled = [venue.name for venue in VENUES.values() if venue.completeness == "sampled"]
    return "\n".join(
        f"- {point}"
        for point in (
            (
                f"**State.** {live} of {len(states)} venues are live now. *Partial*: something is missing,"
                " the column Why says what. *Geo-blocked*: the venue refuses the country of this computer"
                " and is asked again every 15 minutes. *Rate-limited*: it asked for a pause, and gets it."
            ),
            f"**Sends.** {', '.join(sampled)} tell only a sample, so a sum over venues is a lower bound.",
            (
                f"**Received** counts since this process started: {sum(snapshot.rows.values()):,} events, of"
                f" which {snapshot.written:,} were new to the store and {snapshot.doubled:,} were told twice"
                " and kept once."
            ),
            f"**Lost** events would be counted here: {sum(snapshot.lost.values()):,}.",
            (
                "**Delays** matter for reading clusters: a venue that is a minute late looks as if it"
                " confirmed what it only repeats."
            ),
        )
    )
