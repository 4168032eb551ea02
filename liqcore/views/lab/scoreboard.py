"""Scoreboard: every map against positions that a venue makes public, and against worlds whose positions are
known."""

from __future__ import annotations

import streamlit as st

from liqcore.lab import found
from liqcore.views.lab.words import show


def draw() -> None:
    """Measured positions first, then simulated worlds, then how the default was chosen."""
    st.markdown(
        "One venue lets everyone read its traders' positions. Every map is held against them here, ours"
        " beside curves that need no model. Where another leads, it stands above ours."
    )
    st.subheader("Against measured positions")
    show(found.measured())
    st.caption(
        "By `heatlab score positions.parquet --candles candles.csv`, on your own recordings too."
        " **Measured positions** on Explore makes them."
    )
    held = found.load()
    for name, title in (
        ("worlds", "Against worlds whose positions are known"),
        ("ahead", "Against what is liquidated next"),
        ("lifetimes", "How our default was chosen"),
    ):
        if name in held:
            st.subheader(title)
            show(held[name])
