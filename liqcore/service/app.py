"""The running app without a screen: what one process holds once, and how its parts are put together.

Views ask an `App` for what it holds and never build it themselves; server.py gives it the life of the server.
What brings network packages along is loaded when it is first asked for: most pages never need it.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liqcore.alerts.channels import Secret
from liqcore.alerts.endpoint import LEAST_SECRET, MOST_WAITING, Endpoint, SignalBox
from liqcore.alerts.webhook import ExternalSignal
from liqcore.feeds.live.lines import Lines
from liqcore.service import allocation
from liqcore.service.census import Census
from liqcore.service.folder import folder
from liqcore.service.real import RealMarkets

if TYPE_CHECKING:
    from liqcore.feeds.live.collector import Collector
    from liqcore.feeds.rest.session import FeedSession
    from liqcore.service.dataset import Dataset

LOOPBACK: Final = "HEATLAB_LOOPBACK"
OFFLINE: Final = "HEATLAB_OFFLINE"
HOSTED: Final = "HEATLAB_HOSTED"
# The span of the market that pages open with.
FIRST: Final = "24h"
MARKET: Final = "HEATLAB_MARKET"
WEBHOOK_SECRET: Final = "HEATLAB_WEBHOOK_SECRET"  # noqa: S105
WEBHOOK_PATH: Final = "/api/tradingview"
PASSPHRASE: Final = "HEATLAB_PASSPHRASE"  # noqa: S105
_CHANNEL: Final = "HEATLAB_CHANNEL_"
# Seconds by which the first map goes before collecting, at most.
_AHEAD: Final = 4.0
# Seconds between two looks for memory that lies free; each takes about 10 ms of the processor.
_REST: Final = 10.0
_NO: Final = ("", "0", "false", "no", "off")


def with_environment(
    alerts: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """The table `alerts` of the owner's secrets, with channels and the passphrase from the environment, which
    win: a container has no file of secrets."""
    named = {
        name.removeprefix(_CHANNEL).lower().replace("_", " "): value
        for name, value in environment.items()
        if name.startswith(_CHANNEL) and value
    }
    held = alerts.get("channels")
    phrase = environment.get(PASSPHRASE)
    return {
        **alerts,
        **({"passphrase": phrase} if phrase else {}),
        "channels": {**(held if isinstance(held, dict) else {}), **named},
    }


@dataclass(frozen=True)
class Owner:
    """What whoever runs this process has decided, from the environment and the secrets file.

    Attributes
    ----------
    folder : where the store and the cache of answers are.
    market : where what was fetched of the market is kept: a folder, or an address that pyarrow opens
    (s3://…).
    offline : whether nobody is to be asked for anything.
    loopback : a `host:port` that plays every venue; None for the real ones.
    hosted : whether others than the person at this machine are served; None where only a visit can tell.
    channels : addresses of the owner's channels by name. Secret, as `webhook_secret` is.
    """

    folder: Path = field(default_factory=folder)
    # An address may hold the keys of its bucket.
    market: str = field(
        default_factory=lambda: os.environ.get(MARKET) or str(folder() / "market"), repr=False
    )
    offline: bool = False
    loopback: str | None = None
    hosted: bool | None = None
    channels: Mapping[str, Any] = field(default_factory=dict, repr=False)
    webhook_secret: Secret = field(default_factory=lambda: Secret(""))

    @classmethod
    def told(cls, alerts: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Owner:
        """The owner by the table `alerts` of the secrets and by the environment, which wins."""
        table = with_environment(alerts, environment)
        secret = environment.get(WEBHOOK_SECRET) or table.get("webhook_secret") or ""
        return cls(
            offline=offline(environment),
            loopback=environment.get(LOOPBACK) or None,
            hosted=hosted(environment),
            channels=table["channels"],
            webhook_secret=Secret(str(secret)),
        )


def offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether HEATLAB_OFFLINE says that nobody is to be asked for anything."""
    return environment.get(OFFLINE, "").strip().lower() not in _NO


def hosted(environment: Mapping[str, str] = os.environ) -> bool | None:
    """Whether HEATLAB_HOSTED, or the folder of Streamlit's cloud, says that others are served; None for
    neither."""
    told = environment.get(HOSTED, "").strip().lower()
    return told not in _NO if told else True if Path("/mount/src").is_dir() else None


def _signals(owner: Owner) -> SignalBox:
    """The box of signals, which writes each one down for the next process and for those beside it that share
    the owner's folder: a signal reaches one replica, and the rules are judged in another process."""
    if len(owner.webhook_secret.reveal()) < LEAST_SECRET:
        return SignalBox()
    kept = Lines(owner.folder / "signals.jsonl", MOST_WAITING)

    def written() -> list[ExternalSignal] | None:
        lines = kept.changed()
        if lines is None:
            return None
        found = (ExternalSignal.from_json(line) for line in lines)
        return [one for one in found if one is not None]

    return SignalBox(written, lambda signal: kept.append(signal.to_json()))


class App:
    """One session for requests, one collector with its store, one box of signals: for all threads, all
    visits.

    `session` and `collector` are made when they are first asked for. `stop` ends what was begun.
    """

    def __init__(self, owner: Owner) -> None:
        allocation.sparing()
        self._rested = 0.0
        self.owner, self.box = owner, _signals(owner)
        self.endpoint = Endpoint(owner.webhook_secret, self.box.put)
        self._lock = threading.RLock()
        # Of its own, so that a fetch need not wait until the store is open.
        self._asking = threading.Lock()
        self._session: FeedSession | None = None
        self._collector: Collector | None = None
        # The market of all spans, fetched as they are looked at.
        self.real = RealMarkets(self.session, owner.market, offline=owner.offline, collected=self._collected)
        # What venues publish of open positions; asks nobody until it is turned on.
        self.census = Census(
            owner.folder,
            owner.market,
            self.session,
            hosted=owner.hosted,
            offline=owner.offline,
            loopback=owner.loopback,
        )
        self._market: tuple[int, Dataset | None] = (-1, None)
        self._stopped = False

    @property
    def running(self) -> bool:
        """Whether the collector was started."""
        return self._collector is not None

    def open_door(self) -> Endpoint:
        """The webhook's endpoint, for the server that puts it under `WEBHOOK_PATH`."""
        self.box.listening = self.endpoint.open
        return self.endpoint

    def session(self) -> FeedSession:
        """The one session for requests, with its cache at rest."""
        from liqcore.service.asking import feed_session

        with self._asking:
            if self._session is None:
                self._session = feed_session(self.owner)
            return self._session

    def collector(self) -> Collector:
        """The one collector; the first who asks starts it."""
        from liqcore.service.collecting import live_collector

        with self._lock:
            if self._collector is None:
                self._collector = live_collector(self.owner, self.session(), self.box)
                self._collector.start()
                # What waits is written when the app is stopped, too.
                atexit.register(self.stop)
            return self._collector

    def _collected(self) -> Dataset | None:
        """What the collector holds as a market, read anew every minute; None while it holds nothing."""
        from liqcore.service.collecting import collected

        held = self._collector
        if held is None:
            return None
        minute = held.now() // 60_000_000
        if self._market[0] != minute:
            self._market = minute, collected(held, "Live", False, f"now:{minute}")
        return self._market[1]

    def begin(self) -> None:
        """Start the collector in the background, unless nobody is to be asked; returns at once."""
        if not (self.owner.offline or self.running):
            threading.Thread(target=self._begin, name="heatlab-beginning", daemon=True).start()

    def _begin(self) -> None:
        # The map that most visitors open first is asked for before anybody has come, and goes ahead: what
        # collecting loads would slow it down.
        self.real.look(FIRST, _AHEAD)
        with self._lock:
            if self._stopped:
                return
            try:
                self.collector()
                self.census.begin()
            # A store that cannot be opened is told by the pages that need it.
            except Exception as problem:
                logging.getLogger(__name__).warning("Collecting could not begin: %s", problem)

    def rest(self) -> None:
        """After a page was drawn: give back what lies free in memory, every ten seconds at most."""
        now = time.monotonic()
        if now - self._rested > _REST:
            self._rested = now
            allocation.give_back()

    def stop(self) -> None:
        """End the collector and close the session; what waits is written first."""
        atexit.unregister(self.stop)
        with self._lock:
            self._stopped = True
            # A round of questions that is under way ends with its next one.
            if self._session is not None:
                self._session.refuse("Nobody is asked any more, because the app ends.")
            self.real.stop()
            self.census.stop()
            if self._collector is not None:
                self._collector.stop()
            if self._session is not None:
                self._session.shut()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """The life of a server: collecting begins with it and ends with it."""
        self.begin()
        try:
            yield
        finally:
            await asyncio.to_thread(self.stop)
