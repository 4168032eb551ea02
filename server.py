"""Heatlab with a webhook for TradingView beside it: `streamlit run server.py`. Without it, `make run` serves
app.py alone."""

import streamlit as st
from starlette.routing import Route

from liqcore.views.alerts import webhook as alerts_webhook

app = st.App("app.py", routes=[Route("/api/tradingview", alerts_webhook.endpoint())])
