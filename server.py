"""Heatlab as its server: collecting begins with it, and TradingView's webhook stands beside the pages,
and a pasted link shows what it leads to.

`make run` starts this; `streamlit run app.py` goes without both until the first visit.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from liqcore.service.app import WEBHOOK_PATH
from liqcore.views import market as live_market, strangers
from liqcore.views.preview import Preview

strangers.refused()
app = st.App(
    "app.py",
    lifespan=lambda _: live_market.app().alive(),
    routes=[Route(WEBHOOK_PATH, live_market.app().open_door())],
    middleware=[Middleware(Preview)],
)
