"""The frame around every page: navigation, the guard for cold deep links, and the footer."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from liqcore.service.app import OFFLINE, offline
from liqcore.views import market as live_market

_FRAMED: Final = "_framed"


def pages() -> list[StreamlitPage]:
    """Every page, in the order a beginner meets them. The file name is the address."""
    return [
        st.Page(
            "pages/start.py",
            title="Start",
            icon=":material/local_fire_department:",
            default=True,
            help="What a liquidation heatmap is, in one screen.",
        ),
        st.Page(
            "pages/walkthrough.py",
            title="Walkthrough",
            icon=":material/school:",
            help="Classic scenarios, step by step, with questions and honest base rates.",
        ),
        st.Page(
            "pages/practice.py",
            title="Practice",
            icon=":material/target:",
            help="A stretch of the market with its future hidden: forecast, trade on paper, be graded.",
        ),
        st.Page(
            "pages/explore.py",
            title="Explore",
            icon=":material/grid_on:",
            help="The heatmap with every control, on the sample market or your own files.",
        ),
        st.Page(
            "pages/live.py",
            title="Live",
            icon=":material/sensors:",
            help="Liquidations as they happen, from many venues, with their age, gaps and faults.",
        ),
        st.Page(
            "pages/compare.py",
            title="Compare",
            icon=":material/compare_arrows:",
            help="Venue against venue: is a cluster one venue's noise, or the market's?",
        ),
        st.Page(
            "pages/risk.py",
            title="Risk",
            icon=":material/shield:",
            help=(
                "From a level to a position size, a stop that fires before liquidation, and what it can cost."
            ),
        ),
        st.Page(
            "pages/alerts.py",
            title=f"Alerts ({count})" if (count := st.session_state.get("alerts_open")) else "Alerts",
            icon=":material/notifications:",
            help="Rules that watch the map for you: built as a sentence, tested at once, told in an inbox.",
        ),
        st.Page(
            "pages/sources.py",
            title="Sources",
            icon=":material/database:",
            help="Every source: how it is doing, what it leaves out, how late it is, and what is stored.",
        ),
    ]


def run() -> None:
    """Draw the page the address names inside the frame. Called by app.py only."""
    st.set_page_config(
        page_title="Heatlab · BTC liquidation heatmaps",
        page_icon=":material/local_fire_department:",
        layout="wide",
    )
    st.session_state[_FRAMED] = True
    page = st.navigation(pages(), position="top")
    try:
        page.run()
    finally:
        # A page that stops early still ends with the footer.
        footer()
        # Where no server began it, collecting begins with the first visit of any page, once that is drawn.
        live_market.app().begin()


def now() -> pd.Timestamp:
    """The present, in UTC: the one clock of the pages."""
    return pd.Timestamp.now(tz="UTC")


def require_frame() -> None:
    """First line of every page: come back through app.py when the page was reached without it.

    While a folder `pages/` exists and no session of this server has called `st.navigation` yet, Streamlit
    serves a deep link from that folder directly, without app.py. Calling `st.navigation` here switches that
    off for good, and the rerun draws the same page inside the frame.
    """
    if not st.session_state.get(_FRAMED):
        st.session_state[_FRAMED] = True
        st.navigation(pages(), position="top")
        st.rerun()


def footer() -> None:
    """What the whole app is and is not, said once."""
    st.divider()
    st.caption(
        "Heatlab is a tool for research and education. A heatmap is a diagnostic picture, not a forecast, and"
        " nothing here is financial advice. All times are UTC, all amounts are US dollars of notional. "
        + (
            f"{OFFLINE} is set: no exchange is asked for anything."
            if offline()
            else "Exchanges are asked for their public market data while the app runs; nothing about you is sent."
        )
    )
