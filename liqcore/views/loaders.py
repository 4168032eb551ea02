"""Cached access to samples and heatmaps, and the files a visitor has brought."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.feeds import files, samples
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.tables import TableError
from liqcore.views import links, market as live_market

SAMPLES: Final = {"violent": "Sample: violent fortnight", "calm": "Sample: calm fortnight"}
OWN: Final = "files"
STORE: Final = "store"
# What tables, windows and grids may say is wrong.
DATA_PROBLEMS: Final = (dataset.DataError, GridError, TableError)
_HELD: Final = "held_files"
_TYPES: Final = ["csv", "gz", "parquet", "zip", "txt"]


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
    _uploader()
    held = list(_held().values())
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


def _held() -> dict[str, tuple[str, Any]]:
    """Files that were understood, by upload id. They stay when an upload fails or the page changes."""
    return st.session_state.setdefault(_HELD, {})


def _uploader() -> None:
    """Take files, say what was understood, and ask where columns cannot be recognised."""
    st.session_state.setdefault("upload_seen", {})
    uploads = st.file_uploader(
        "Liquidations, candles, open interest or funding",
        type=_TYPES,
        accept_multiple_files=True,
        key="uploads",
        on_change=_drop_removed,
        help=(
            "CSV, CSV.gz, zip or Parquet: Binance liquidation snapshots and klines, TradingView chart"
            " exports, Coinalyze exports, files from this app, or any table with time, side, price and"
            " quantity. Files are read in memory and never stored."
        ),
    )
    for upload in uploads or []:
        if upload.file_id not in _held():
            _take(upload)
    for file_id, (name, contents) in list(_held().items()):
        with st.expander(
            f"{name}: {contents.summary.split('. ')[0].rstrip('.')}", icon=":material/check_circle:"
        ):
            st.markdown(wording.markdown(contents.summary))
            for note in contents.notes:
                st.markdown(f"- {wording.markdown(note)}")
            if st.button("Forget this file", key=f"forget-{file_id}", icon=":material/delete:"):
                _held().pop(file_id)
                st.session_state["forgotten"] = {*st.session_state.get("forgotten", set()), file_id}
                st.rerun()


def _take(upload: Any) -> None:
    if upload.file_id in st.session_state.get("forgotten", set()):
        return
    mapping = st.session_state.get(f"mapping-{upload.file_id}")
    candles = next((contents.table for _, contents in _held().values() if contents.kind == "candles"), None)
    try:
        upload.seek(0)
        _held()[upload.file_id] = (upload.name, files.read(upload, candles=candles, **(mapping or {})))
    except files.MappingNeeded as question:
        _ask_mapping(upload, question)
    except TableError as problem:
        st.error(
            f"**{wording.markdown(upload.name)}** was not used. {wording.markdown(str(problem))}",
            icon=":material/error:",
        )


def _ask_mapping(upload: Any, question: files.MappingNeeded) -> None:
    """Select boxes for the columns that the reader could not recognise, and for what no column says."""
    wanted = list(question.missing)
    if question.kind == "liquidations" and "price" not in {*wanted, *question.guess}:
        wanted.append("price")
    with st.form(f"ask-{upload.file_id}"):
        st.markdown(f"**{wording.markdown(upload.name)}**: {wording.markdown(str(question))}")
        chosen: dict[str, str] = {}
        with st.container(horizontal=True):
            kind = question.kind or st.selectbox(
                "What the file holds",
                list(tables.COLUMNS),
                format_func=lambda name: name.replace("_", " ").capitalize(),
                key=f"kind-{upload.file_id}",
            )
            for name in wanted:
                nothing = "(not in this file)"
                options = [nothing, *question.choices.get(name, question.columns)]
                answer = st.selectbox(
                    name.replace("_", " ").capitalize(), options, key=f"map-{upload.file_id}-{name}"
                )
                if answer != nothing:
                    chosen[name] = str(answer)
        if st.form_submit_button("Use these columns", type="primary"):
            st.session_state[f"mapping-{upload.file_id}"] = {
                "kind": kind,
                "mapping": {**question.guess, **chosen},
            }
            st.rerun()


def _drop_removed() -> None:
    """A file taken out of the uploader is forgotten; leaving the page is not taking it out."""
    now = {upload.file_id for upload in st.session_state.get("uploads") or []}
    before = st.session_state.get("uploaded_ids", set())
    for file_id in before - now:
        _held().pop(file_id, None)
    st.session_state["uploaded_ids"] = now
