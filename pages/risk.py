"""From a level to a position that cannot ruin you."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views.risk import (
    inputs as risk_inputs,
    on_map as risk_map,
    panels as risk_panels,
    what_ifs as risk_what_ifs,
)

st.title("Size a position")
st.markdown(
    "Look at the loss before the gain: how much can this trade cost, and does the stop fire before"
    " liquidation?"
)

# On a phone the columns stand below one another: the answer comes before the form, not after it.
answer = st.container()
left, right = st.columns([1, 3], gap="large")
with left:
    found = risk_inputs.inputs()
with answer:
    plan, current = risk_panels.plan_of(found)
    if plan is None:
        shell.end_page()
    risk_panels.verdict(plan, current)
with right:
    risk_panels.notes(found)
    risk_panels.numbers(plan)
    risk_panels.ladder(plan, found)
    risk_map.draw(plan, found.data)
    risk_panels.how_to_read(plan)
    # What is asked here changes no field, so the plan is not drawn again.
    st.fragment(risk_what_ifs.more)(plan, found, wording.when(shell.now()), current)
    st.caption(
        "Prices to start with are the last of the market at hand, or of the synthetic sample market where"
        " there is none, with its distances in per cent; put in your own. Account and risk stay in this"
        " session and never enter the link."
    )
