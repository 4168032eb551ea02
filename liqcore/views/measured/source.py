"""Where measured positions come from on a page: this app's own sweeps, or a file of the visitor's."""

from __future__ import annotations

import secrets
from typing import Final

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.heat.snapshots import Coverage, Snapshot, coverage, snapshots
from liqcore.views import market as live_market, owner, shell

_FILE: Final = "measured_file"
_KEY: Final = "measured_key"


def held() -> list[Snapshot]:
    """The snapshots to show, oldest first: those of the file in this session, else those that the app
    swept."""
    mine: tuple[str, list[Snapshot]] | None = st.session_state.get(_FILE)
    return mine[1] if mine else live_market.app().census.snapshots()


def controls() -> list[Snapshot]:
    """The switch, how far the sweep is, and a place for a file; then what there is to show."""
    census = live_market.app().census
    local = not owner.hosted()
    told = census.progress(local)
    with st.popover("Measured positions", icon=":material/groups:"):
        st.markdown(
            "On Hyperliquid everybody's positions are public. This app can ask for them, account by account,"
            " at half the speed that the venue allows: about ten minutes for all known holders of BTC."
            " Accounts are kept under names that lead nowhere; addresses stay in one file that only this"
            " app's user can read."
        )
        if told.may:
            on = st.toggle("Ask Hyperliquid for them", value=told.on, key="measured_on")
            if on != told.on:
                census.switch(on, local)
                st.rerun()
        elif not told.on:
            st.caption("Asking is off here. Only whoever runs this app can turn it on.")
        if told.on:
            st.caption(
                f"{wording.count(told.asked, 'account')} of {wording.whole(told.known)} asked in this round."
                if told.known
                else "The first round begins."
            )
        if told.problem:
            st.warning(wording.markdown(told.problem), icon=":material/warning:")
        _file()
    return held()


def _file() -> None:
    upload = st.file_uploader(
        "Or a file of positions",
        type=["parquet", "csv", "json", "gz", "zip"],
        key="measured_upload",
        help=(
            "Parquet, Hyperliquid's answers as JSON, or a list like address, size, entry, liq, lev. It stays"
            " in this session."
        ),
    )
    if upload is None:
        st.session_state.pop(_FILE, None)
        return
    mark = f"{upload.file_id}"
    if st.session_state.get(_FILE, ("",))[0] == mark:
        return
    from liqcore.feeds.files.positions import read_positions

    key = st.session_state.setdefault(_KEY, secrets.token_bytes(16))
    try:
        found = snapshots(read_positions(upload, time=shell.now(), venue="hyperliquid", key=key))
    except tables.TableError as problem:
        st.error(wording.markdown(str(problem)), icon=":material/error:")
        return
    st.session_state[_FILE] = mark, found


def nothing() -> None:
    """What to do where there are no positions."""
    st.info(
        "There are no measured positions yet. Open **Measured positions**: there this app can ask"
        " Hyperliquid, where everybody's positions are public, or read a file of them.",
        icon=":material/groups:",
    )


def meter(snapshot: Snapshot) -> Coverage:
    """The coverage meter: always beside a measured map."""
    facts = coverage(snapshot, shell.now())
    st.markdown(f"**{wording.markdown(facts.title)}**")
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            "Open interest seen",
            f"{'≤ ' if facts.at_most else ''}{wording.percent(facts.share)}",
            help=(
                "Mean of both sides. Without the venue's open interest only a bound is known: the smaller"
                " side against the larger."
            ),
            width="content",
        )
        st.metric(
            "Longs against shorts, BTC",
            f"{wording.whole(facts.long_btc)} / {wording.whole(facts.short_btc)}",
            help=(
                "Equal in a full census, because every contract has both sides. The difference tells what is"
                " missing."
            ),
            width="content",
        )
        st.metric(
            "Without a price",
            wording.percent(facts.unpriced_usd),
            help="Share of USD that BTC alone cannot liquidate. It is in no band.",
            width="content",
        )
        st.metric(
            "Cross margined",
            wording.percent(facts.cross_usd),
            help="Share of USD. Its prices hold only while the accounts' other positions stand still.",
            width="content",
        )
        st.metric(
            "Median answer, oldest",
            f"{_age(facts.median_seconds)}, {_age(facts.oldest_seconds)}",
            help="How old the answers are.",
            width="content",
        )
        st.metric(
            "Asked, failed",
            f"{wording.whole(facts.asked)}, {wording.whole(facts.failed)}" if facts.asked else "not told",
            help=f"{wording.count(facts.recovered, 'account')} failed first and answered later.",
            width="content",
        )
    return facts


def _age(seconds: float) -> str:
    return wording.duration(pd.Timedelta(seconds=seconds), units=1) if seconds == seconds else "unknown"
