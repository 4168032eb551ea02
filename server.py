"""Heatlab as its server: collecting begins with it, and TradingView's webhook stands beside the pages,
a pasted link shows what it leads to, and strangers bring no more than there is room for.

`make run` starts this; `streamlit run app.py` collects from the first visit on and goes without the rest.
"""

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from liqcore.service.app import WEBHOOK_PATH
from liqcore.views import market as live_market, strangers
from liqcore.views.preview import Preview
from liqcore.views.received import Received

strangers.refused()
app = st.App(
    "app.py",
    lifespan=lambda _: live_market.app().alive(),
    routes=[Route(WEBHOOK_PATH, live_market.app().open_door())],
    middleware=[Middleware(Received), Middleware(Preview)],
)
