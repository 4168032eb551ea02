"""The heatmap with every control: layers, filters, what-if."""

from liqcore import wording
from liqcore.views import shell

shell.require_frame()

import streamlit as st

from liqcore.views import controls, explain, loaders, overlays, panels
from liqcore.views.explore import reading as reading_panels, tradingview as tradingview_panels

st.title("Explore the heatmap")
st.markdown(
    "Look for bright bands near the price, ask whose positions they are, and check how sure this map can be."
)

data = panels.attempt(loaders.pick)
if data is None:
    st.info(
        "Add a file with liquidations to see what happened, or a file with candles to see modelled levels. "
        "Both together show price on top. No file at hand? Choose the sample market in the sidebar.",
        icon=":material/upload_file:",
    )
    st.stop()
for note in data.notes:
    st.warning(wording.markdown(note), icon=":material/warning:")

settings = panels.attempt(controls.view_settings, data)
drawing = controls.drawing(settings.layer if settings is not None else "realised")
view = panels.good_view(data, settings) if settings is not None else panels.last_view()
if view is None:
    st.stop()

data, settings, grid = view
bars = loaders.price_bars(data, settings)
marks = reading_panels.on_the_map(data)
clusters = reading_panels.clusters(data, settings, grid, bars, marks.strong)
levels = reading_panels.levels(data, settings, bars, marks)
st.markdown(f"**{wording.markdown(explain.takeaway(grid, bars, shell.now()))}**")
if (sentence := controls.finest(data, settings.timeframe)) is not None:
    st.caption(sentence)
picture = panels.heatmap(
    grid,
    bars,
    data,
    drawing,
    "heatmap",
    select=True,
    levels=overlays.level_lines(levels.table, grid) if levels else None,
    outlines=overlays.outlines(overlays.drawn_clusters(clusters, drawing.side, marks.clusters), grid),
)
reading_panels.draw_strips(data, settings, grid, drawing, marks.strips)
panels.reading(grid, bars, picture, drawing)
panels.cells_table(picture)
panels.downloads(grid, bars, "grid")
tradingview_panels.downloads(grid, bars, clusters, levels, data)
told = reading_panels.story(data, settings, grid, clusters, "heatmap")
reading_panels.read_here(data, settings, grid, bars, marks, clusters, told)
panels.what_if(data, settings, drawing)
