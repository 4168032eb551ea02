"""Ten windows of the market with their futures hidden: forecast, trade on paper, and be graded."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import loaders, panels
from liqcore.views.practice import (
    panels as practice_panels,
    record as practice_record,
    table as practice_table,
    trade as practice_trade,
)

st.title("Practise with a hidden future")
st.markdown("Write down what you expect, then let the hidden bars come. Ten rounds make a test.")

data = panels.attempt(loaders.pick, True)
if data is None:
    loaders.bring(
        "Add a candles file to practise on; liquidations make the realised map. No file at hand? Choose the"
        " sample market above."
    )
    shell.end_page()
for note in data.notes:
    st.warning(wording.markdown(note), icon=":material/warning:")

table = practice_panels.choose(data)
now = practice_panels.scene(table) if table is not None else None
if table is not None and now is not None:
    practice_panels.opening(table, now)
    left, right = st.columns([5, 3], gap="large")
    with right:
        practice_record.score(table, practice_table.journal())
        level = practice_panels.asked(table, now)
        practice_panels.forecast(table, level)
        practice_trade.trade(table, now, level)
    with left:
        practice_panels.replay(table, level)
    practice_record.ending(table)
    practice_panels.onward(table)
    practice_record.share(table, practice_table.journal())
    practice_panels.how_to_read(table, now, level)
rows = practice_table.journal()
practice_record.record(rows)
practice_record.journal(rows)
