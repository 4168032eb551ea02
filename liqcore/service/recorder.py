"""The collector without the app: listens, asks, and writes a data set of its own, day by day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from liqcore.feeds.history.recording import unwritten, write_day
from liqcore.feeds.live.collector import Collector
from liqcore.feeds.live.polling import Polling
from liqcore.feeds.live.store import Store, StoreError, open_store
from liqcore.service.app import Owner
from liqcore.service.asking import feed_session
from liqcore.service.collecting import live_sources

_STATE: Final = ".recorder"


def record(
    out: str,
    owner: Owner,
    state: Path,
    *,
    every: float = 900.0,
    hours: float | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any] | None:
    """Record until `stop` is set or `hours` are over, writing to `out` every `every` seconds and at the end;
    the last manifest.

    `state` is a folder for the store, from which a recorder that was ended goes on: what lies there of days
    that no manifest tells to their end is written first. `clock` tells seconds since 1970 UTC.
    """
    halt = stop or threading.Event()
    store = open_store(f"sqlite:///{state / 'recorder.sqlite'}")
    # Before collecting begins, which forgets what is old.
    manifest = _write(store, out, round(clock() * 1e6), 0, tell, today=False)
    with _collecting(owner, store, clock) as (collector, polling):
        begun, reach = collector.now(), round(polling.hours * 3_600e6)
        end = float("inf") if hours is None else begun + hours * 3_600e6
        try:
            while (left := (end - collector.now()) / 1e6) > 0 and not halt.wait(max(min(every, left), 0.05)):
                if collector.now() < end:
                    manifest = _write(collector.store, out, collector.now(), reach, tell) or manifest
        finally:
            manifest = _write(collector.store, out, collector.now(), reach, tell) or manifest
    return manifest


def state_folder(out: str) -> Path:
    """Where the recorder of a data set keeps its store: beside it, or here where it lies at an address."""
    place = Path(_STATE) if "://" in out else Path(out) / _STATE
    place.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def _collecting(
    owner: Owner, store: Store, clock: Callable[[], float]
) -> Iterator[tuple[Collector, Polling]]:
    session = feed_session(owner)
    polling = Polling(session)
    collector = Collector(store, live_sources(owner), polling, clock=clock)
    collector.start()
    try:
        yield collector, polling
    finally:
        session.refuse("Nobody is asked any more, because the recorder ends.")
        collector.stop()
        session.shut()


def _write(
    store: Store, out: str, now: int, reach: int, tell: Callable[[str], None], today: bool = True
) -> dict[str, Any] | None:
    """Write the days that are not written to their end, those of the last `reach` µs, and today; the last
    manifest."""
    manifest: dict[str, Any] | None = None
    try:
        days = unwritten(store, out, now, reach)
        for day in [*days, *([np.datetime64(now, "us").astype("datetime64[D]")] if today else [])]:
            manifest = write_day(store, out, day, now)
            tell(_said(manifest))
    except (OSError, StoreError, TimeoutError) as problem:
        tell(f"Nothing could be written this time: {problem} It is tried again.")
    return manifest


def _said(manifest: dict[str, Any]) -> str:
    told = manifest["rows"]["liquidations"]
    return (
        f"{manifest['day']} up to {manifest['until']}: {sum(told.values()):,} liquidations of"
        f" {sum(count > 0 for count in told.values())} venues,"
        f" {sum(manifest['rows']['candles'].values()):,} candles."
    )
