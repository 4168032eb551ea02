"""Is the map right, does it predict, and would you bet on our words?"""

from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import links
from liqcore.views.lab import disagree, predicts, words

VIEWS = {
    "predicts": "Does it predict?",
    "disagree": "Why do sites disagree?",
    "words": "Would you bet on our words?",
}

st.title("Lab")
view = links.choice("Question", VIEWS, "predicts", "question", label_visibility="collapsed")
{"predicts": predicts.draw, "disagree": disagree.draw, "words": words.draw}[view]()
