"""Liquidations as they happen, from many venues at once."""

from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import controls
from liqcore.views.live import page as live_page

st.title("Live liquidations")
st.markdown(
    "Watch where liquidations cluster as they happen, and look at the badges first: they say which venues you"
    " are really seeing."
)

market = live_page.source()
with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
    view, pace = live_page.view(market)
drawing = controls.drawing("realised")
live_page.screen(market, view, drawing, pace)
live_page.modelled(market, view, drawing)
live_page.explained(market)
