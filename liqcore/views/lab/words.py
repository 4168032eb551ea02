"""Would you bet on our words? How often they are said where nothing is, and how often they came true."""

from __future__ import annotations

import streamlit as st

from liqcore import wording
from liqcore.lab import found


def draw() -> None:
    """The table of words, and what was found on recorded data."""
    st.markdown(
        "A word such as *cluster* or *market-wide* is a claim. Here is how often we make it on noise, where"
        " it is always wrong, and how often it is right where something was planted."
    )
    held = found.load()
    if held.words.empty:
        st.info("The table of words has not been made yet: `make null`.", icon=":material/hourglass_empty:")
    else:
        st.dataframe(held.words, hide_index=True, width="stretch")
        st.caption(wording.markdown(held.words_note))
    st.subheader("What we found on recorded markets")
    st.dataframe(held.recorded, hide_index=True, width="stretch")
    st.caption(wording.markdown(held.recorded_note))
    measured = found.measured()
    st.subheader("What we found on measured positions")
    st.dataframe(measured.rows, hide_index=True, width="stretch")
    st.caption(wording.markdown(measured.note))
