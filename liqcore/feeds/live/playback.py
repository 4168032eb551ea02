"""A sample market played as if it were happening, by a clock that may run faster than time.

A tape is wound once and shared by all who watch it. Nothing runs between two looks: each is answered from the
tape, as far as the visitor's own clock has come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.live.collector import Snapshot
from liqcore.feeds.live.ticks import Ticks
from liqcore.feeds.live.window import Events, Market, coded
from liqcore.feeds.status import SourceStatus

SPEEDS: Final = (0, 1, 10, 60, 300, 600)
_MINUTE: Final = 60_000_000
# How much of what was told is still shown.
_HELD: Final = 48 * 3_600_000_000


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
    """What is replayed: the tables of a market, by venue how many seconds its news took to arrive, and what
    to call it."""

    liquidations: pd.DataFrame
    candles: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    lags: Mapping[str, float]
    label: str = ""


class Reel:
    """A tape in the order in which its news came, from `history_hours` before `begin` (UTC) on; it does not
    change, so any number of replays read one."""

    def __init__(self, tape: Tape, begin: object, history_hours: float = 12.0) -> None:
        self.label = tape.label
        self.begin = int(tables.to_datetime64(begin).astype("int64"))
        self.first = self.begin - round(history_hours * 3_600e6)
        self.end = int(tables.microseconds(tape.candles["time"])[-1])
        table = tape.liquidations[tables.microseconds(tape.liquidations["time"]) >= self.first]
        late = table["venue"].astype(str).map(dict(tape.lags)).fillna(0.0).to_numpy(dtype=float)
        self.events = coded(table, tables.microseconds(table["time"]) + np.round(late * 1e6), "replay")
        self.lags = {
            str(name): float(tape.lags.get(str(name), 0.0)) for name in sorted(self.events.words["venue"])
        }
        # A sign of life of each venue a minute.
        minutes = np.arange(self.first // _MINUTE + 1, self.end // _MINUTE + 1) * _MINUTE
        self._beats = pd.DataFrame(
            {
                "venue": np.tile(np.array(list(self.lags), dtype=object), len(minutes)),
                "minute": np.repeat(minutes, len(self.lags)),
                "frames": 1,
            }
        ).astype({"venue": "str"})
        # A bar is known when it has closed.
        self._candles = self._told(tape.candles, _MINUTE)
        self._interest, self._funding = self._told(tape.open_interest), self._told(tape.funding)

    def market(self, now: int) -> Market:
        """What had been told of the market at a full minute (µs)."""
        first = now - _HELD
        minutes = self._beats["minute"].to_numpy()
        return Market(
            self._beats.iloc[np.searchsorted(minutes, first) : np.searchsorted(minutes, now, "right")],
            _between(self._candles, first, now - _MINUTE),
            _between(self._interest, first, now),
            _between(self._funding, self.first, now),
        )

    def _told(self, table: pd.DataFrame, late: int = 0) -> pd.DataFrame:
        kept = table[tables.microseconds(table["time"]) + late > self.first]
        venue = kept["venue"].astype("str") if "venue" in kept else "market"
        return kept.assign(venue=venue).sort_values("time", kind="stable", ignore_index=True)


def _between(table: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    moments = tables.microseconds(table["time"])
    return table.iloc[np.searchsorted(moments, first) : np.searchsorted(moments, last, "right")]


class Playback:
    """A reel as far as a clock has come, with what pages ask of a collector."""

    def __init__(self, reel: Reel, clock: ReplayClock) -> None:
        self.reel, self.clock, self.ticks = reel, clock, Ticks()
        self._market: tuple[int, Market] | None = None

    @property
    def window(self) -> Playback:
        """What is held: itself."""
        return self

    def now(self) -> int:
        """The replayed market's time in µs since 1970 UTC."""
        return round(self.clock() * 1e6)

    def events(self) -> Events:
        """What had arrived by now, in the order of its arrival."""
        arrived, now = self.reel.events.columns["arrived"], self.now()
        part = slice(*np.searchsorted(arrived, (now - _HELD, now), "right").tolist())
        return Events(
            {name: values[part] for name, values in self.reel.events.columns.items()},
            self.reel.events.words,
            part.stop,
        )

    def market(self) -> Market:
        """What had been told of the market by the last full minute; the same object until the next."""
        minute = min(self.now(), self.reel.end + _MINUTE) // _MINUTE * _MINUTE
        if self._market is None or self._market[0] != minute:
            self._market = minute, self.reel.market(minute)
        return self._market[1]

    def snapshot(self) -> Snapshot:
        """How each venue of the tape is doing."""
        now, events = self.now(), self.events()
        codes = {word: code for code, word in enumerate(events.words["venue"])}
        rows = np.bincount(events.columns["venue"], minlength=len(codes))
        counts = {name: int(rows[code]) for name, code in codes.items()}
        statuses = tuple(self._status(name, events.of((name,)), now) for name in self.reel.lags)
        return Snapshot(
            now,
            True,
            statuses,
            market={},
            rows=counts,
            frames={},
            lost={},
            waiting=0,
            written=len(events),
            doubled=0,
            problem="",
        )

    def _status(self, venue: str, told: Events, now: int) -> SourceStatus:
        over, lag = now >= self.reel.end, self.reel.lags[venue]
        words = "Replayed from the sample market."
        if lag >= 1:
            words += f" Its news arrive {wording.duration(round(lag))} late."
        if over:
            words = "The replay has come to its end. Start it again to see it once more."
        heard = min(now, self.reel.end) // _MINUTE * _MINUTE
        if len(told):
            heard = max(heard, int(told.columns["arrived"].max()))
        kinds = self.reel.events.of((venue,)).columns["completeness"]
        return SourceStatus(
            venue,
            "off" if over else "live",
            words,
            last_event=np.datetime64(int(told.columns["time"].max()), "us") if len(told) else None,
            last_heartbeat=np.datetime64(heard, "us"),
            age=max((now - heard) / 1e6, 0.0),
            completeness=self.reel.events.words["completeness"][kinds[-1]],
        )
