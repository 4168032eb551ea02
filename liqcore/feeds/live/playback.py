"""A sample market played as if it were happening: the same deliveries, by a clock that may run faster than
time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.live.collector import Collector, CollectorConfig, Deliver, Source, Tell
from liqcore.feeds.live.store import MEMORY, Store, as_rows
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.rows import LiquidationRow

SPEEDS: Final = (0, 1, 10, 60, 300, 600)
_MINUTE: Final = 60_000_000
_TICK: Final = 0.2


class ReplayClock:
    """Seconds since 1970 UTC in the replayed market; `speed` may be changed while it runs, zero stands
    still."""

    def __init__(self, begin: float, speed: float = 60.0, real: Callable[[], float] = time.monotonic) -> None:
        self._real, self._lock = real, threading.Lock()
        self._market, self._at, self._speed = begin, real(), speed

    def __call__(self) -> float:
        with self._lock:
            return self._market + (self._real() - self._at) * self._speed

    @property
    def speed(self) -> float:
        return self._speed

    def run_at(self, speed: float) -> None:
        """Go on from here at another speed."""
        with self._lock:
            now = self._real()
            self._market, self._at, self._speed = self._market + (now - self._at) * self._speed, now, speed


@dataclass(frozen=True, eq=False)
class Tape:
    """What is replayed: the tables of a market, and by venue how many seconds its news took to arrive."""

    liquidations: pd.DataFrame
    candles: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    lags: Mapping[str, float]

    @property
    def end(self) -> int:
        """The last moment with candles, µs since 1970 UTC."""
        return int(tables.microseconds(self.candles["time"])[-1])


def replay(
    tape: Tape,
    begin: object,
    speed: float = 60.0,
    history_hours: float = 12.0,
    config: CollectorConfig | None = None,
) -> tuple[Collector, ReplayClock]:
    """A collector with a store of its own, in memory, that lives through the tape from `begin` (UTC) on; not
    started yet.

    What happened in the `history_hours` before is told at once, as a venue's history is.
    """
    start = int(tables.to_datetime64(begin).astype("int64"))
    clock = ReplayClock(start / 1e6, speed)
    kept = tape.liquidations["time"] >= pd.Timestamp(start, unit="us", tz="UTC") - pd.Timedelta(
        hours=history_hours
    )
    events = tape.liquidations[kept.to_numpy()]
    venues = [str(name) for name in sorted(events["venue"].astype(str).unique())]
    sources: dict[str, Source] = {
        name: _source(
            as_rows(events[(events["venue"] == name).to_numpy()]),
            float(tape.lags.get(name, 0.0)),
            name,
            start,
            tape.end,
            history_hours,
            clock,
        )
        for name in venues
    }
    market = _Market(tape, start - round(history_hours * 3_600e6))
    return (
        Collector(
            Store(MEMORY),
            sources,
            market,
            config or CollectorConfig(flush=0.5, silent=7_200, window_hours=48, market_every=1.0),
            clock,
            origin="replay",
        ),
        clock,
    )


def _source(
    rows: list[LiquidationRow],
    lag: float,
    venue: str,
    begin: int,
    end: int,
    history: float,
    clock: ReplayClock,
) -> Source:
    arrive = np.array([row.time for row in rows], dtype=np.int64) + round(lag * 1e6)
    completeness = rows[-1].completeness if rows else "unknown"

    async def follow(deliver: Deliver, tell: Tell) -> None:
        words = "Replayed from the sample market." + (
            f" Its news arrive {wording.duration(round(lag))} late." if lag >= 1 else ""
        )
        tell(SourceStatus(venue, "live", words, completeness=completeness))
        told, known = begin - round(history * 3_600e6), 0
        while True:
            now = min(round(clock() * 1e6), end)
            upto = int(np.searchsorted(arrive, now, "right"))
            # Every event at its own moment, and a sign of life a minute, however fast the clock runs.
            pulse = np.arange(told // _MINUTE + 1, now // _MINUTE + 1) * _MINUTE
            moments = np.concatenate([arrive[known:upto], pulse])
            for place in np.argsort(moments, kind="stable").tolist():
                deliver(venue, [rows[known + place]] if place < upto - known else [], int(moments[place]))
            told, known = now, max(known, upto)
            if now >= end:
                tell(
                    SourceStatus(
                        venue,
                        "off",
                        "The replay has come to its end. Start it again to see it once more.",
                        completeness=completeness,
                    )
                )
                return
            await asyncio.sleep(_TICK)

    return follow


class _Market:
    """Candles, open interest and funding as far as the clock has come; called by the collector again and
    again."""

    def __init__(self, tape: Tape, begin: int) -> None:
        self._tape, self._known = tape, begin

    def __call__(self, collector: Collector) -> float:
        # A bar is known when it has closed.
        now = collector.now() // (_MINUTE) * (_MINUTE)
        if now > self._known:
            for kind, table, late in (
                ("candles", self._tape.candles, _MINUTE),
                ("open_interest", self._tape.open_interest, 0),
                ("funding", self._tape.funding, 0),
            ):
                micros = tables.microseconds(table["time"]) + late
                part = table[(micros > self._known) & (micros <= now)]
                names = (
                    part["venue"].astype(str) if "venue" in part else pd.Series("market", index=part.index)
                )
                for venue, rows in part.groupby(names):
                    collector.store.put(kind, str(venue), rows)
            self._known = now
        return 0.5
