"""The heatmap with every control: layers, filters, what-if."""

from liqcore.views import shell

shell.require_frame()

import streamlit as st  # noqa: E402

from liqcore.views import controls, explain, loaders, panels, wording  # noqa: E402

st.title("Explore the heatmap")
st.markdown("Look for bright bands near the price, ask whose positions they are, and check how sure this map can be.")

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
st.markdown(f"**{wording.markdown(explain.takeaway(grid, bars))}**")
if (sentence := controls.finest(data, settings.timeframe)) is not None:
    st.caption(sentence)
picture = panels.heatmap(grid, bars, data, drawing, "heatmap")
panels.reading(grid, bars, picture, drawing)
panels.cells_table(picture)
panels.downloads(grid, bars, "grid")
panels.what_if(data, settings, drawing)
