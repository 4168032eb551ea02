"""The heatmap with every control: layers, filters, what-if."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.service.app import FIRST
from liqcore.views import controls, explain, loaders, overlays, panels
from liqcore.views.explore import (
    path as path_panels,
    reading as reading_panels,
    tradingview as tradingview_panels,
)
from liqcore.views.measured import panels as measured_panels

bar = controls.toolbar(4)
with bar.places[0]:
    market = loaders.market()
data = panels.attempt(loaders.opened, market, FIRST, bar.below)
if data is None:
    st.title("Explore the heatmap")
    loaders.bring(
        "Add a file with liquidations to see what happened, or a file with candles to see modelled levels. "
        "Both together show price on top. No file at hand? Choose the sample market above."
    )
    shell.end_page()
for note in data.notes:
    st.warning(wording.markdown(note), icon=":material/warning:")

settings = panels.attempt(controls.view_settings, data, bar, None, True)
if settings is not None and settings.layer == "measured":
    measured_panels.page(data, settings, bar.below, "Explore the heatmap")
    shell.end_page()
marks = reading_panels.on_the_map(bar.drawer)
view = panels.good_view(data, settings) if settings is not None else panels.last_view()
if view is None:
    shell.end_page()

data, settings, grid = view
bars = loaders.price_bars(data, settings)
clusters = reading_panels.clusters(data, settings, grid, bars, marks.alpha)
levels = reading_panels.levels(data, settings, bars, marks)
series, said = reading_panels.strips_below(data, settings, marks.strips)
with bar.below:
    drawn = panels.heatmap(
        grid,
        bars,
        data,
        "heatmap",
        heading="Explore the heatmap",
        levels=overlays.level_lines(levels.table, grid) if levels else None,
        boxes=overlays.outlines(overlays.drawn_clusters(clusters, "both", marks.clusters), grid),
        series=series,
        address=True,
        replay=True,
        what=True,
        pick=True,
        actions=reading_panels.ACTIONS,
        lines=reading_panels.LINES,
        on_asked=reading_panels.take,
    )
reading_panels.go_on(drawn.asked, marks, grid, bars, clusters)
st.markdown(
    f"**{wording.markdown(explain.takeaway(grid, bars, shell.now()))}** Look for strong bands near the price,"
    " ask whose positions they are, and check how sure this map can be."
)
if (sentence := controls.finest(data, settings.timeframe)) is not None:
    st.caption(sentence)
for sentence in said:
    st.caption(wording.markdown(sentence))
path_panels.beside(data, settings, grid, bars)
panels.reading(grid, bars, drawn.picture)
panels.downloads(grid, bars, "grid")
tradingview_panels.downloads(grid, bars, clusters, levels, data)
told = reading_panels.story(data, settings, grid, clusters, "heatmap")
reading_panels.read_here(data, settings, grid, bars, marks, clusters, told)
# What is asked here changes nothing above, which therefore is not drawn again.
st.fragment(panels.what_if)(data, settings)
