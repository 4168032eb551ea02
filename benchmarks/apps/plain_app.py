"""Streamlit alone: as many widgets as the app's toolbar, a table, nothing computed: what a click costs at
least."""

import streamlit as st

st.title("Nothing is computed here")
st.segmented_control("Range", ["12 h", "24 h", "3 d"], default="24 h")
st.segmented_control("Kind", ["Realised", "Modelled"], default="Realised")
st.selectbox("Timeframe", ["5m", "15m", "1h"])
st.selectbox("Scale", ["linear", "log"])
st.toggle("Longs")
st.toggle("Shorts")
st.slider("Threshold", 0, 100, 10)
for part in range(20):
    st.markdown(f"Sentence {part}: a page has about as many.")
st.dataframe({"price": list(range(50)), "usd": list(range(50))})
