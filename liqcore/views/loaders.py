"""Cached access to samples and heatmaps, and the files a visitor has brought."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from liqcore.feeds import samples
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.tables import TableError
from liqcore.views import links, market as live_market, uploads

SAMPLES: Final = {"violent": "Sample: violent fortnight", "calm": "Sample: calm fortnight"}
OWN: Final = "files"
STORE: Final = "store"
# What tables, windows and grids may say is wrong.
DATA_PROBLEMS: Final = (dataset.DataError, GridError, TableError)


@st.cache_resource(max_entries=len(SAMPLES), show_spinner="Opening the sample market")
def sample(name: str) -> Dataset:
    """A bundled sample market. The tables are shared by all visitors and must not be changed."""
    held = samples.load_sample(name)
    return Dataset(
        key=f"sample:{name}",
        label=held.label,
        synthetic=True,
        candles=held.candles,
        liquidations=held.liquidations,
        open_interest=held.open_interest,
        funding=held.funding,
        venue_candles=held.venue_candles,
        lags={venue.name: float(venue.lag_seconds) for venue in held.venues},
    )


@st.cache_data(max_entries=16, ttl="2h", show_spinner=False)
def _heatmap(_data: Dataset, _settings: ViewSettings, key: str) -> HeatGrid:
    return dataset.heatmap(_data, _settings)


def heatmap(data: Dataset, settings: ViewSettings) -> HeatGrid:
    """The HeatGrid that the settings ask for, computed once for equal questions."""
    return _heatmap(data, settings, f"{data.key}|{settings!r}")


@st.cache_data(max_entries=16, ttl="2h", show_spinner=False)
def _price_bars(_data: Dataset, _settings: ViewSettings, key: str) -> pd.DataFrame | None:
    return dataset.price_bars(_data, _settings)


def price_bars(data: Dataset, settings: ViewSettings) -> pd.DataFrame | None:
    """Candles for the chart, or None where there are none."""
    return _price_bars(data, settings, f"{data.key}|{settings!r}")


def pick() -> Dataset | None:
    """The market to look at: a sample, or the visitor's own files. None while there are no files yet."""
    return opened(market())


def market() -> str:
    """Which market is asked for: its name in the address."""
    return links.select(
        "Market",
        {**SAMPLES, STORE: "Live: what was collected", OWN: "Your own files"},
        "data",
        width=178,
        label_visibility="collapsed",
        help=(
            "The sample market is synthetic: it is there so that you can learn without a network. Live is"
            " what this app has collected from venues in the last day. Your own files stay in this"
            " session."
        ),
    )


def opened(name: str) -> Dataset | None:
    """The data of a market; None, and a sentence or a place for files, while there is none."""
    if name == STORE:
        return _collected()
    if name != OWN:
        return sample(name)
    held = uploads.brought()
    if not held:
        return None
    return dataset.combine([contents for _, contents in held], [name for name, _ in held])


def _collected() -> Dataset | None:
    """What the live collector holds, read anew every minute; None and a sentence while it holds nothing."""
    found = live_market.dataset(live_market.collector(), "Live", False, "live")
    if found is None:
        st.warning(
            "Nothing has been collected yet. The Live page says which sources answer; without a network, the"
            " sample market is here.",
            icon=":material/wifi_off:",
        )
    return found
