"""The classic scenarios, step by step, each drawn as it stood then."""

from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import panels
from liqcore.views.walkthrough import panels as walkthrough_panels

st.title("Learn by walking through")

chosen = panels.attempt(walkthrough_panels.pick)
if chosen is not None:
    panels.attempt(walkthrough_panels.step, chosen)
walkthrough_panels.glossary()
