"""Liquidations as they happen, from many venues at once."""

from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import controls
from liqcore.views.live import page as live_page
from liqcore.views.measured import panels as measured_panels

bar = controls.toolbar(7)
market = live_page.source(bar)
kind = live_page.kind(market, bar)
view, pace = live_page.view(market, bar)
with bar.below:
    if kind == "measured":
        measured_panels.page(None, None, bar.places[6], st.container(), height=420)
    elif kind == "modelled":
        live_page.modelled(market, view)
    live_page.screen(market, view, pace, kind == "realised")
live_page.explained(market)
