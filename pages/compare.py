"""Venue against venue, against the aggregate, and our model against the record and against others' maps."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import controls, links, loaders, panels
from liqcore.views.compare import other as compare_other, panels as compare_panels

st.title("Compare venues")
st.markdown("Look at one band on all maps at once: is it the market's, or one venue's noise?")

data = panels.attempt(loaders.pick)
if data is None:
    st.info(
        "Add files with liquidations of two venues or more, or choose the sample market in the sidebar.",
        icon=":material/upload_file:",
    )
    st.stop()
for note in data.notes:
    st.warning(wording.markdown(note), icon=":material/warning:")

settings = panels.attempt(controls.view_settings, data)
drawing = controls.drawing(settings.layer if settings is not None else "realised")
view = links.choice("View", compare_panels.VIEWS, "venues", "view")
if settings is None:
    st.stop()

if view == "record":
    panels.attempt(compare_panels.model_and_record, data, settings, drawing)
elif view == "file":
    panels.attempt(compare_other.against_another, data, settings, drawing)
else:
    found = panels.attempt(compare_panels.venues_of, data, settings)
    if found is None:
        st.stop()
    clusters = compare_panels.clusters_of(found)
    if view == "venues":
        panels.attempt(compare_panels.side_by_side, data, settings, found, drawing)
    elif view == "difference":
        panels.attempt(compare_panels.one_against_the_rest, found, drawing)
    elif view == "agreement":
        level = compare_panels.level_choice(found, clusters)
        panels.attempt(compare_panels.agree, data, found, level, drawing)
    elif view == "lag":
        panels.attempt(compare_panels.lags, data, found)
    else:
        panels.attempt(compare_panels.what_without, found, clusters, drawing, data)
    compare_panels.how_to_read(found, clusters)
