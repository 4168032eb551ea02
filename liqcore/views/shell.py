"""The frame around every page: navigation, the guard for cold deep links, and the footer."""

from __future__ import annotations

from importlib.resources import files
from typing import Final, NamedTuple, NoReturn

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import StopException

from liqcore import wording
from liqcore.service.app import OFFLINE, offline
from liqcore.views import heat, links, market as live_market, memory, strangers

_FRAMED: Final = "_framed"
# Served by the app itself: a Material icon in this place would be fetched from another server.
_ICON: Final = str(files("liqcore.charts") / "assets" / "icon.png")
_ENDLESS: Final = "_endless"
_SHOWN: Final = "_shown"
_ASKS: Final = "_asks_said_on"


class Page(NamedTuple):
    """A page: its name is its file and its address."""

    name: str
    title: str
    icon: str
    help: str


# In the order a beginner meets them; the first is the one that opens.
PAGES: Final = (
    Page(
        "start", "Start", ":material/local_fire_department:", "What a liquidation heatmap is, in one screen."
    ),
    Page(
        "walkthrough",
        "Walkthrough",
        ":material/school:",
        "Classic scenarios, step by step, with questions and honest base rates.",
    ),
    Page(
        "practice",
        "Practice",
        ":material/target:",
        "A stretch of the market with its future hidden: forecast, trade on paper, be graded.",
    ),
    Page(
        "explore",
        "Explore",
        ":material/grid_on:",
        "The heatmap with every control, on the sample market or your own files.",
    ),
    Page(
        "live",
        "Live",
        ":material/sensors:",
        "Liquidations as they happen, from many venues, with their age, gaps and faults.",
    ),
    Page(
        "compare",
        "Compare",
        ":material/compare_arrows:",
        "Venue against venue: is a cluster one venue's noise, or the market's?",
    ),
    Page(
        "risk",
        "Risk",
        ":material/shield:",
        "From a level to a position size, a stop that fires before liquidation, and what it can cost.",
    ),
    Page(
        "alerts",
        "Alerts",
        ":material/notifications:",
        "Rules that watch the map for you: built as a sentence, tested at once, told in an inbox.",
    ),
    Page(
        "lab",
        "Lab",
        ":material/science:",
        "Is the map right, does it predict, and would you bet on our words? With controls and placebos.",
    ),
    Page(
        "sources",
        "Sources",
        ":material/database:",
        "Every source: how it is doing, what it leaves out, how late it is, and what is stored.",
    ),
)


def path(name: str) -> str:
    """The file of a page, as a link to it needs it."""
    return f"pages/{next(page.name for page in PAGES if page.name == name)}.py"


def pages() -> list[StreamlitPage]:
    """Every page for the navigation; alerts say how many wait."""
    waiting = st.session_state.get("alerts_open")
    return [
        st.Page(
            path(page.name),
            title=f"{page.title} ({waiting})" if page.name == "alerts" and waiting else page.title,
            icon=page.icon,
            default=page is PAGES[0],
            help=page.help,
        )
        for page in PAGES
    ]


def run() -> None:
    """Draw the page the address names inside the frame. Called by app.py only."""
    strangers.refused()
    st.session_state[_FRAMED] = True
    # Before the navigation, or the browser fetches the page's own icon from Google's server first.
    st.set_page_config(page_icon=_ICON, layout="wide")
    listed = pages()
    page = st.navigation(listed, position="top")
    name = next(one.name for one, held in zip(PAGES, listed, strict=True) if held is page)
    if st.session_state.get(_SHOWN) != name:
        st.session_state[_SHOWN] = name
        heat.left()
    memory.restore(page, name, listed[0])
    if endless := links.endless():
        st.session_state[_ENDLESS] = endless
        rest = {key: st.query_params.get_all(key) for key in st.query_params if key not in endless}
        st.switch_page(page, query_params=rest)
    # Tabs and bookmarks tell the pages apart by this.
    st.set_page_config(
        page_title=(
            "Heatlab · BTC liquidation heatmaps"
            if page.title == PAGES[0].title
            else f"{page.title} · Heatlab"
        )
    )
    with st.container(gap=None):
        heat.code()
        asked, place = dict(st.query_params) | st.session_state.pop(_ENDLESS, {}), st.container()
        with st.container():
            try:
                page.run()
            finally:
                left_out(asked, place)
                # A page that stops early still ends with the footer.
                footer(name)
                # Where no server began it, collecting begins with the first visit of any page, once that is
                # drawn.
                live_market.app().begin()
                live_market.app().rest()


def end_page() -> NoReturn:
    """End the page here and draw its foot. After `st.stop` nothing more is drawn in a run: neither what of a
    link came to nothing, nor the way to delete one's data."""
    raise StopException


def left_out(asked: dict[str, str], place: DeltaGenerator) -> None:
    """Say which parts of the link came to nothing."""
    if said := links.ignored(asked):
        what = wording.joined([f"`{one[:60].replace('`', '')}`" for one in said])
        place.caption(
            f":material/link_off: The link asks for {what}, which this page does not know. It shows its own"
            " choice instead."
        )


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
        st.set_page_config(page_icon=_ICON, layout="wide")
        st.navigation(pages(), position="top")
        st.rerun()


def asks(page: str) -> None:
    """That exchanges are asked, said once to each visitor: on the first page that shows what they tell."""
    if not offline() and st.session_state.setdefault(_ASKS, page) == page:
        st.caption(
            ":material/public: Exchanges are asked for their public data, which needs no key; nothing about"
            " you is sent."
        )


def footer(page: str) -> None:
    """What the browser keeps, and what the whole app is and is not, said once on a page."""
    st.divider()
    memory.drawer()
    st.caption(
        "Heatlab is a tool for research and education. A heatmap is a diagnostic picture, not a forecast, and"
        " nothing here is financial advice. All times are UTC except on maps and charts where you asked for"
        " your own, all amounts are US dollars of notional. "
        + (
            f"{OFFLINE} is set: no exchange is asked for anything."
            if offline()
            else ""
            if st.session_state.get(_ASKS) == page
            else (
                "Exchanges are asked for their public market data while the app runs; nothing about you is"
                " sent."
            )
        )
    )
