"""Every source: how it is doing, what it leaves out, how late it is, and what is at rest."""

from liqcore.views import shell

shell.require_frame()

import pandas as pd
import streamlit as st

from liqcore.views import market as live_market
from liqcore.views.live import sources as sources_panels

st.title("Sources")
st.markdown(
    "Look at the column **State** first: a map can only show what its sources told, and this page says what"
    " they did not."
)

held = live_market.collector()
snapshot = held.snapshot()
now = pd.Timestamp(snapshot.moment, unit="us", tz="UTC")

if live_market.app().owner.offline:
    st.info(
        "No exchange is asked, because HEATLAB_OFFLINE is set. Start the app without it to hear from venues.",
        icon=":material/wifi_off:",
    )
st.subheader("Venues")
sources_panels.venues(snapshot)
sources_panels.test_one(now)
st.subheader("How late events arrive")
sources_panels.delays(held)
st.subheader("Sources with a key")
sources_panels.keyed(now)
st.subheader("The store")
sources_panels.store(held)
sources_panels.changes(held)
with st.expander(
    "How to read this", icon=":material/school:", key="help", bind="query-params", on_change="rerun"
):
    st.markdown(sources_panels.how_to_read(snapshot))
