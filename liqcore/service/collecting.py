"""How collecting is put together from sources, questions, rules and a store; and what it holds as a
market."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Final

import pandas as pd

from liqcore import tables
from liqcore.alerts.channels import ChannelError, channels_of
from liqcore.alerts.endpoint import SignalBox
from liqcore.alerts.notify import Notifier
from liqcore.feeds import samples
from liqcore.feeds.live import figures as live_figures
from liqcore.feeds.live.collector import Collector, Deliver, Feed, Source, Tell
from liqcore.feeds.live.playback import Playback, Reel, Tape
from liqcore.feeds.live.polling import PRICE_VENUES, Polling
from liqcore.feeds.live.store import open_store
from liqcore.feeds.live.stream import Price, StreamOptions, follow
from liqcore.feeds.live.ticks import Ticks, moved
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.registry import VENUES
from liqcore.feeds.venues.venue import Tick
from liqcore.service.app import App, Owner
from liqcore.service.asking import NOBODY
from liqcore.service.dataset import Dataset
from liqcore.service.watch import Watch

# The fortnight's most violent day begins a few hours after this moment of the sample.
REPLAY_FROM: Final = pd.Timedelta(days=4, hours=12)


def live_collector(owner: Owner, session: FeedSession, box: SignalBox) -> Collector:
    """Sockets of all venues, questions every minute, and a look at the rules after them; not yet started."""
    watch = Watch(Polling(session), notifier(owner), box.table)
    ticks = Ticks()
    return Collector(open_store(folder=owner.folder), live_sources(owner, ticks.note), watch, ticks=ticks)


def live_sources(owner: Owner, price: Price | None = None) -> dict[str, Source]:
    """The sockets of all venues, which tell `price` what they say of it; silent ones where nobody is to be
    asked."""
    names = [name for name, venue in VENUES.items() if venue.liquidations]
    options = StreamOptions(loopback=owner.loopback, price=price)
    return {
        name: partial(_silent, name) if owner.offline else partial(_followed, name, options) for name in names
    }


def notifier(owner: Owner) -> Notifier:
    """Who sends what rules tell that watch live: the owner's channels, as far as they can be used."""
    made = Notifier((), hosted=bool(owner.hosted))
    for channel in channels_of(owner.channels)[0]:
        try:
            made.add(channel)
        # The channels page says what is wrong with it.
        except ChannelError:
            continue
    return made


def _followed(venue: str, options: StreamOptions, deliver: Deliver, tell: Tell) -> Awaitable[None]:
    # Waits need no repeatable chance, only one that differs between venues and processes.
    return follow(venue, deliver, tell, options, rng=random.Random())  # noqa: S311


async def _silent(venue: str, deliver: Deliver, tell: Tell) -> None:
    tell(SourceStatus(venue, "off", NOBODY))


def collect_until_told(owner: Owner) -> None:
    """Collect without pages, for the processes that read the same store, until SIGTERM or Ctrl+C; what waits
    is written then."""
    told, app = threading.Event(), App(owner)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.set())
    app.begin()
    told.wait()
    app.stop()


def wound(name: str) -> Reel:
    """A sample as a tape to replay; one is enough for all who watch it."""
    held = samples.load_sample(name, only=tables.COLUMNS)
    tape = Tape(
        held.liquidations,
        held.candles,
        held.open_interest,
        held.funding,
        {venue.name: float(venue.lag_seconds) for venue in held.venues},
        held.label,
    )
    return Reel(tape, held.candles["time"].iloc[0] + REPLAY_FROM, history_hours=24.0)


def played(held: Playback, label: str) -> Dataset:
    """What had been told of a replayed market by its last full minute."""
    market, events = held.market(), held.events()
    # The venue's name of a tape's price is no venue.
    candles = market.candles.drop(columns="venue").reset_index(drop=True)
    return Dataset(
        key=f"replay:{held.now() // 60_000_000}",
        label=label,
        synthetic=True,
        candles=candles if len(candles) else None,
        liquidations=events.table() if len(events) else None,
        open_interest=market.open_interest if len(market.open_interest) else None,
        funding=market.funding if len(market.funding) else None,
        lags=held.reel.lags,
        beats=market.beats,
    )


def with_ticks(held: Feed, data: Dataset) -> tuple[Dataset, Tick | None]:
    """A collected market as of the newest tick of the venue whose price it is, and that tick; as it was where
    that venue's socket tells none."""
    market = held.window.market()
    if data.candles is None or market is None or market.candles.empty:
        return data, None
    venue = live_figures.price_venue(market.candles, PRICE_VENUES)
    tick = held.ticks.last(venue)
    if tick is None:
        return data, None
    return replace(data, candles=moved(data.candles, held.ticks.bars(venue))), tick


def collected(held: Feed, label: str, synthetic: bool, key: str) -> Dataset | None:
    """What a collector holds as a market for the other pages, or None while it holds nothing."""
    events, market = held.window.events(), held.window.market()
    candles = (
        None
        if market is None or market.candles.empty
        else live_figures.joined_candles(market.candles, PRICE_VENUES)
    )
    if not len(events) and candles is None:
        return None
    late = live_figures.delays(events).set_index("venue")
    return Dataset(
        key=f"{key}:{events.version}",
        label=label,
        synthetic=synthetic,
        candles=candles,
        liquidations=events.table() if len(events) else None,
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
