"""Venue against venue, against the aggregate, and our model against the record and against others' maps."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.service.app import FIRST
from liqcore.views import controls, links, loaders, panels
from liqcore.views.compare import (
    agreement as compare_agreement,
    keyed as compare_keyed,
    lags as compare_lags,
    other as compare_other,
    panels as compare_panels,
)
from liqcore.views.measured import account as measured_account, panels as measured_panels

bar = controls.toolbar(4)
with bar.places[0]:
    market = loaders.market()
data = panels.attempt(loaders.opened, market, FIRST, bar.below)
if data is None:
    st.title("Compare venues")
    loaders.bring("Add files with liquidations of two venues or more, or choose the sample market above.")
    shell.end_page()
for note in data.notes:
    st.warning(wording.markdown(note), icon=":material/warning:")

settings = panels.attempt(controls.view_settings, data, bar, compare_panels.first_layer(data))
view = links.choice("View", compare_panels.VIEWS, "venues", "view", label_visibility="collapsed")
if settings is None:
    shell.end_page()

if view == "record":
    panels.attempt(compare_panels.model_and_record, data, settings)
elif view == "file":
    panels.attempt(compare_other.against_another, data, settings)
elif view == "figures":
    panels.attempt(compare_keyed.against_figures, data)
elif view == "measured":
    panels.attempt(measured_panels.model_against, data, settings)
elif view == "churn":
    panels.attempt(measured_panels.changed, data, settings)
elif view == "position":
    panels.attempt(measured_account.my_position, data)
else:
    found = panels.attempt(compare_panels.venues_of, data, settings)
    if found is None:
        shell.end_page()
    clusters = compare_panels.clusters_of(found)
    if view == "venues":
        panels.attempt(compare_panels.side_by_side, data, settings, found)
    elif view == "difference":
        panels.attempt(compare_panels.one_against_the_rest, found)
    elif view == "agreement":
        level = compare_agreement.level_choice(found, clusters)
        panels.attempt(compare_agreement.agree, data, found, level, clusters)
    elif view == "lag":
        panels.attempt(compare_lags.lags, data, found)
    else:
        panels.attempt(compare_panels.what_without, found, clusters, data)
    compare_panels.how_to_read(found, clusters)
