"""The collector behind the live pages: one for everybody, and a replay for each visitor who asks for one."""

from __future__ import annotations

import atexit
import os
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from liqcore.feeds import samples
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Collector, CollectorConfig, Deliver, Source, Tell
from liqcore.feeds.live.playback import ReplayClock, Tape, replay
from liqcore.feeds.live.polling import PRICE_VENUES, Polling
from liqcore.feeds.live.store import open_store
from liqcore.feeds.rest.session import LOOPBACK, FeedSession, open_session
from liqcore.feeds.venues.registry import VENUES
from liqcore.service.dataset import Dataset
from liqcore.service.folder import folder

LIVE_VENUES: Final = tuple(name for name, venue in VENUES.items() if venue.socket)
# The fortnight's most violent day begins a few hours after this moment of the sample.
REPLAY_FROM: Final = pd.Timedelta(days=4, hours=12)


@dataclass(frozen=True)
class LiveConfig:
    """What the one live collector is asked to do; equal configs share it."""

    venues: tuple[str, ...] = LIVE_VENUES
    hours: float = 24.0
    every: float = 60.0
    collector: CollectorConfig = field(default_factory=CollectorConfig)


@dataclass(frozen=True, eq=False)
class Replayed:
    """A replay of one visitor: its collector, its clock, and the sample it plays."""

    collector: Collector
    clock: ReplayClock
    label: str


def _stop(collector: Collector) -> None:
    atexit.unregister(_stop)
    collector.stop()


def _stop_replay(held: Replayed) -> None:
    held.collector.stop()


@st.cache_resource(max_entries=1, show_spinner=False, on_release=lambda held: held.shut())
def session() -> FeedSession:
    """The one session for requests, with its cache at rest."""
    return open_session(folder(), timeout=8.0)


@st.cache_resource(max_entries=1, show_spinner="Starting the collector", on_release=_stop)
def collector(config: LiveConfig = LiveConfig()) -> Collector:
    """The collector of this process, started on the first visit."""
    from liqcore.feeds.live.stream import StreamOptions
    from liqcore.service import watch as alerts_watch
    from liqcore.views.alerts import session as alerts_session, webhook as alerts_webhook

    options = StreamOptions(loopback=os.environ.get(LOOPBACK) or None)
    sources: dict[str, Source] = {name: partial(_follow, name, options) for name in config.venues}
    polling = Polling(session(), hours=config.hours, every=config.every)
    watch = alerts_watch.Watch(polling, alerts_session.live_notifier(), alerts_webhook.box().table)
    made = Collector(open_store(folder=folder()), sources, watch, config.collector)
    made.start()
    # What waits is written when the app is stopped, too.
    atexit.register(_stop, made)
    return made


def _follow(venue: str, options: object, deliver: Deliver, tell: Tell) -> Awaitable[None]:
    from liqcore.feeds.live import stream

    # Waits need no repeatable chance, only one that differs between venues and processes.
    return stream.follow(venue, deliver, tell, options, rng=random.Random())  # type: ignore[arg-type]  # noqa: S311


@st.cache_resource(
    scope="session", max_entries=1, show_spinner="Rewinding the sample", on_release=_stop_replay
)
def replayed(name: str, number: int) -> Replayed:
    """A replay of a sample for this visitor; another `number` begins it again."""
    held = samples.load_sample(name)
    tape = Tape(
        held.liquidations,
        held.candles,
        held.open_interest,
        held.funding,
        {venue.name: float(venue.lag_seconds) for venue in held.venues},
    )
    made, clock = replay(tape, held.candles["time"].iloc[0] + REPLAY_FROM, history_hours=24.0)
    made.start()
    return Replayed(made, clock, held.label)


def dataset(held: Collector, label: str, synthetic: bool, tag: str) -> Dataset | None:
    """What a collector holds as a market for the other pages, or None while it holds nothing. Read anew every
    minute."""
    market = held.window.market()
    # The first events and the first candles are shown at once.
    filled = bool(len(held.window.events())), market is not None and not market.candles.empty
    return _dataset(held, label, synthetic, tag, held.now() // 60_000_000, filled)


@st.cache_resource(max_entries=4, show_spinner=False)
def _dataset(
    _held: Collector, label: str, synthetic: bool, tag: str, minute: int, filled: tuple[bool, bool]
) -> Dataset | None:
    events, market = _held.window.events(), _held.window.market()
    candles = (
        None
        if market is None or market.candles.empty
        else live_figures.joined_candles(market.candles, PRICE_VENUES)
    )
    if not len(events) and candles is None:
        return None
    liquidations, late = (
        events.table() if len(events) else None,
        live_figures.delays(events).set_index("venue"),
    )
    return Dataset(
        key=f"live:{tag}:{minute}:{filled}:{events.version}",
        label=label,
        synthetic=synthetic,
        candles=candles,
        liquidations=liquidations,
        open_interest=(
            None
            if market is None or market.open_interest.empty
            else market.open_interest[["time", "venue", "quantity"]]
        ),
        funding=(
            None
            if market is None or market.funding.empty
            else market.funding[["time", "venue", "rate", "interval_hours"]]
        ),
        lags=dict(late["median"]),
        slowest=dict(late["p95"]),
        beats=None if market is None else market.beats,
    )
