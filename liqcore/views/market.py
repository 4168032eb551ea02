"""What this process runs once, as pages reach it: the collector, its session, and replays of visitors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from liqcore.service.app import App, Owner
from liqcore.service.dataset import Dataset
from liqcore.views import keys
from liqcore.views.for_all import for_all

if TYPE_CHECKING:
    from liqcore.feeds.live.collector import Collector, Feed
    from liqcore.feeds.live.playback import Playback, Reel
    from liqcore.feeds.rest.session import FeedSession
    from liqcore.feeds.venues.venue import Tick


@st.cache_resource(max_entries=1, show_spinner=False, on_release=lambda held: held.stop())
def app() -> App:
    """The one app of this process, for its server and for all sessions."""
    return App(Owner.told(keys.alerts()))


def session() -> FeedSession:
    """The one session for requests, with its cache at rest."""
    return app().session()


def collector() -> Collector:
    """The collector of this process."""
    held = app()
    if held.running:
        return held.collector()
    with st.spinner("Starting the collector"):
        return held.collector()


@st.cache_resource(max_entries=1, show_spinner="Rewinding the sample")
def _wound(name: str) -> Reel:
    from liqcore.service.collecting import wound

    return wound(name)


def replayed(name: str) -> Playback:
    """A sample from its beginning on, by a clock of its own."""
    from liqcore.feeds.live.playback import Playback, ReplayClock

    reel = _wound(name)
    return Playback(reel, ReplayClock(reel.begin / 1e6))


def played(held: Playback, label: str) -> Dataset:
    """What had been told of a replayed market by now."""
    from liqcore.service.collecting import played

    return played(held, label)


def dataset(held: Feed, label: str, synthetic: bool, tag: str) -> Dataset | None:
    """What a collector holds as a market for the other pages, or None while it holds nothing. Read anew every
    minute."""
    market, events = held.window.market(), held.window.events()
    # The first events of a venue and the first candles are shown at once.
    told = events.words["venue"] if len(events) else ()
    filled = told, market is not None and not market.candles.empty
    return _dataset(held, label, synthetic, f"live:{tag}:{held.now() // 60_000_000}:{filled}")


def with_ticks(held: Feed, data: Dataset) -> tuple[Dataset, Tick | None]:
    """A collected market as of the newest tick of a socket, and that tick; moved once in two seconds for all
    who look."""
    return _ticked(held, data, f"{id(held)}:{data.key}:{held.now() // 2_000_000}")


@for_all(2, 60)
def _ticked(_held: Feed, _data: Dataset, key: str) -> tuple[Dataset, Tick | None]:
    from liqcore.service.collecting import with_ticks

    return with_ticks(_held, _data)


@for_all(4)
def _dataset(_held: Feed, label: str, synthetic: bool, key: str) -> Dataset | None:
    from liqcore.service.collecting import collected

    return collected(_held, label, synthetic, key)
