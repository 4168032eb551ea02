"""What a liquidation heatmap is, on the market of now, in one screen."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.charts.picture import Look
from liqcore.service.app import FIRST
from liqcore.views import lesson, links, loaders, panels, tour

if (step := lesson.step()) is not None:
    lesson.tour(step)
    shell.end_page()

st.title("Where would leverage break?")
st.markdown(
    "A leveraged position is closed by force when price reaches its liquidation price. A heatmap shows where,"
    " when, and how much money that is."
)
st.button(
    "Learn it in three minutes",
    type="primary",
    icon=":material/school:",
    key="learn",
    on_click=lesson.begin,
    help="Three small things to try on the map, then the first question.",
)
layer = links.choice("What to show", tour.LAYERS, "modelled", "show", label_visibility="collapsed")
data = loaders.now(FIRST)
if (waits := tour.waits(data, layer)) is not None:
    st.info(waits, icon=":material/hourglass_empty:")
    layer = "modelled"
story = tour.first_look(*tour.view(data, layer), shell.now())
panels.heatmap(
    story.grid,
    story.bars,
    data,
    "start",
    look=Look(profile=False, volume=False),
    height=430,
    marks=story.marks,
    controls="legend",
    replay=True,
    what=True,
)
shell.asks("start")

# A quiet market has fewer things to notice.
places = st.columns(max(len(story.notes), 1), gap="small")
for column, (number, note) in zip(places, enumerate(story.notes, 1), strict=False):
    with column, st.container(border=True, height="stretch"):
        st.markdown(f"**{number}. {note.title}**")
        st.markdown(wording.markdown(note.text))

st.subheader("Where to go from here")
for row in range(0, len(tour.LINKS), 3):
    for column, link in zip(st.columns(3, gap="small"), tour.LINKS[row : row + 3], strict=False):
        with column, st.container(border=True, height="stretch"):
            st.page_link(link.page, label=link.label, icon=link.icon, query_params=link.query)
            st.caption(link.text)
