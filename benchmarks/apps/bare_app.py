"""The least a Streamlit page can be: one control, one line."""

import streamlit as st

st.write(st.segmented_control("Which", ["one", "two"], default="one", required=True, key="which"))
