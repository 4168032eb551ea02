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
with st.expander(
    "How to read this", icon=":material/school:", key="help", bind="query-params", on_change="rerun"
) as opened:
    if opened.open:
        st.markdown(
            "- **Rank correlation** says whether the map puts places in the right order, from −1 to 1; 0 is"
            " what chance gives. It says nothing about amounts.\n"
            "- **Hottest tenth** is the share of the truly hottest tenth of places that the map's own hottest"
            " tenth finds. Chance finds a tenth.\n"
            "- **Ranges** hold 95 %, made from whole days, because hours of one day resemble each other."
            " Where two ranges overlap widely, neither map is known to be better.\n"
            "- **A curve that needs no model** stands beside ours. A map that does not beat it tells you no"
            " more than the distance from the price.\n"
            "- **Simulated worlds** have traders that we made up: a map that is right there may be wrong on a"
            " real market. Measured positions are of one venue and a few days.\n"
            "- **None of this is a forecast of the price.** It asks whether levels are where the map puts"
            " them."
        )
