"""Is the map right, does it predict, and would you bet on our words?"""

from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import links
from liqcore.views.lab import disagree, predicts, right, scoreboard, words

VIEWS = {
    "right": "Is the map right?",
    "predicts": "Does it predict?",
    "disagree": "Why do sites disagree?",
    "words": "Would you bet on our words?",
    "scoreboard": "Scoreboard",
}
DRAW = {
    "right": right.draw,
    "predicts": predicts.draw,
    "disagree": disagree.draw,
    "words": words.draw,
    "scoreboard": scoreboard.draw,
}

st.title("Lab")
view = links.choice("Question", VIEWS, "right", "question", label_visibility="collapsed")
DRAW[view]()
