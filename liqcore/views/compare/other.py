"""Our modelled map beside somebody else's: from a file, or straight from an aggregator with the visitor's own
key."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.feeds.files.grid import read_grid
from liqcore.heat.comparison import band_overlap
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.views import keys, links, loaders, market as live_market, panels

_FETCHED: Final = "compare_fetched"


def against_another(data: Dataset, settings: ViewSettings) -> None:
    """Take another's map and lay ours beside it."""
    way = links.choice(
        "The other map", {"file": "From a file", "key": "By key, from an aggregator"}, "file", "otherfrom"
    )
    found = _from_file() if way == "file" else _by_key()
    if found is None:
        return
    other, name = found
    try:
        ours = loaders.heatmap(
            data,
            replace(
                settings,
                layer="modelled",
                price_range=(float(other.price_edges[0]), float(other.price_edges[-1])),
            ),
        )
    except (GridError, tables.TableError, dataset.DataError) as problem:
        panels.problem(problem)
        return
    if data.synthetic and way == "key":
        st.warning(
            "Ours is the synthetic sample market here, theirs the real one: choose the live market or your"
            " own files above before you compare.",
            icon=":material/science:",
        )
    bars = loaders.price_bars(data, settings)
    for column, grid, title in zip(
        st.columns(2, gap="small"), (ours, other), ("Our model", name), strict=True
    ):
        with column:
            panels.heatmap(
                grid,
                bars,
                data,
                f"file-{title[:3]}",
                height=380,
                heading="Compare venues" if grid is ours else None,
                caption=title,
                group="file",
                strips=False,
            )
    try:
        st.markdown(f"**{wording.markdown(band_overlap(ours, other).sentence)}**")
    except GridError as problem:
        st.info(wording.markdown(str(problem)), icon=":material/info:")
    st.caption(
        "Each map has its own legend: the sources count different things. Only where they are hottest is"
        " compared, at the end of each."
    )


def _from_file() -> tuple[HeatGrid, str] | None:
    upload = st.file_uploader(
        "A heatmap as JSON",
        type=["json"],
        key="otherfile",
        help=(
            "CoinGlass's or CoinAnk's heatmap answer, or the JSON this app exports. It is read in memory and"
            " never stored."
        ),
    )
    if upload is None:
        st.caption(
            "Save a heatmap as JSON (for instance with the JSON button on the Explore page), or the answer"
            " of an aggregator's API, and drop it here."
        )
        return None
    try:
        other = read_grid(upload)
    except (GridError, tables.TableError) as problem:
        panels.problem(problem)
        return None
    return other, f"The file ({other.provenance.source or 'unknown source'})"


def _by_key() -> tuple[HeatGrid, str] | None:
    """The last map fetched in this session; asked for again only by the button."""
    # Requests and their cache are needed only by those who ask.
    from liqcore.feeds.rest.keyed import HEATMAPS, KEYED
    from liqcore.feeds.status import FeedError

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = str(st.selectbox("Map", list(HEATMAPS), key="othermap", width=230))
        wanted, ask = HEATMAPS[name]
        source = next(one for one in KEYED if one.id == wanted)
        key, _ = keys.key_of(source)
        pressed = st.button(
            "Fetch now", icon=":material/cloud_download:", type="primary", key="otherfetch", disabled=not key
        )
    keys.given(source)
    if pressed:
        with st.spinner(f"Asking {source.name}"):
            try:
                st.session_state[_FETCHED] = (
                    ask(live_market.session(), key),
                    name,
                    wording.when(pd.Timestamp.now(tz="UTC")),
                )
            except (FeedError, GridError, tables.TableError) as problem:
                panels.problem(problem)
    held = st.session_state.get(_FETCHED)
    if held is None:
        return None
    grid, title, when = held
    st.caption(
        f"{title}, fetched {when}. It is {grid.kind}: what {title.split(',')[0]} believes, and nobody outside"
        " can check it."
    )
    return grid, title
