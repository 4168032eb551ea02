"""The collector without the app: listens, asks, and writes a data set of its own, day by day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from liqcore.feeds.history.recording import write_day
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.polling import Polling
from liqcore.feeds.live.store import StoreError, open_store
from liqcore.service.app import Owner
from liqcore.service.asking import feed_session
from liqcore.service.collecting import live_sources

_STATE: Final = ".recorder"
_DAY: Final = 86_400_000_000


def record(
    out: str,
    owner: Owner,
    state: Path,
    *,
    every: float = 900.0,
    hours: float | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any] | None:
    """Record until `stop` is set or `hours` are over, writing to `out` every `every` seconds; the last
    manifest.

    `state` is a folder for the store, from which a recorder that was ended goes on.
    """
    halt = stop or threading.Event()
    session = feed_session(owner)
    collector = Collector(
        open_store(f"sqlite:///{state / 'recorder.sqlite'}"), live_sources(owner), Polling(session)
    )
    collector.start()
    begun = last = collector.now()
    manifest: dict[str, Any] | None = None
    try:
        over = False
        while not over:
            left = float("inf") if hours is None else hours * 3_600 - (collector.now() - begun) / 1e6
            over = (
                halt.wait(max(min(every, left), 0.05))
                or (collector.now() - begun) / 1e6 >= (hours or 1e9) * 3_600
            )
            now = collector.now()
            # Yesterday once more after midnight: what was late is in it then.
            days = np.arange(last // _DAY, now // _DAY + 1).astype("datetime64[D]")
            try:
                for day in days:
                    manifest = write_day(collector.store, out, day, now)
                    tell(_said(manifest))
                last = now
            except (OSError, StoreError, TimeoutError) as problem:
                tell(f"Nothing could be written this time: {problem} It is tried again.")
    finally:
        session.refuse("Nobody is asked any more, because the recorder ends.")
        collector.stop()
        session.shut()
    return manifest


def state_folder(out: str) -> Path:
    """Where the recorder of a data set keeps its store: beside it, or here where it lies at an address."""
    place = Path(_STATE) if "://" in out else Path(out) / _STATE
    place.mkdir(parents=True, exist_ok=True)
    return place


def _said(manifest: dict[str, Any]) -> str:
    told = manifest["rows"]["liquidations"]
    return (
        f"{manifest['day']} up to {manifest['until']}: {sum(told.values()):,} liquidations of"
        f" {sum(count > 0 for count in told.values())} venues,"
        f" {sum(manifest['rows']['candles'].values()):,} candles."
    )
