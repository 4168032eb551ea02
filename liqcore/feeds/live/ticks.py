"""The newest prices that sockets carry beside liquidations, as the bars of the last minutes by venue."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple

import pandas as pd

from liqcore import tables
from liqcore.feeds.venues.venue import Tick

_MINUTE: Final = 60_000_000
# Candles are asked for every minute, so that they are never further behind than this.
_KEPT: Final = 10


class TickBar(NamedTuple):
    """One minute (µs since 1970 UTC) of a venue's ticks, in USD."""

    minute: int
    open: float
    high: float
    low: float
    close: float


class Ticks:
    """What sockets said of the price. Safe in many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: dict[str, dict[int, TickBar]] = {}
        self._last: dict[str, Tick] = {}

    def note(self, venue: str, tick: Tick) -> None:
        """Take one price. What is older than the newest is known already and moves nothing."""
        with self._lock:
            last = self._last.get(venue)
            if last is not None and tick.time < last.time:
                return
            self._last[venue] = tick
            bars, minute = self._bars.setdefault(venue, {}), tick.time // _MINUTE * _MINUTE
            held = bars.get(minute) or TickBar(minute, *(4 * (tick.price,)))
            bars[minute] = held._replace(
                high=max(held.high, tick.price), low=min(held.low, tick.price), close=tick.price
            )
            while len(bars) > _KEPT:
                del bars[min(bars)]

    def last(self, venue: str) -> Tick | None:
        """The newest price of a venue, None where its socket tells none."""
        with self._lock:
            return self._last.get(venue)

    def bars(self, venue: str) -> list[TickBar]:
        """The last minutes of a venue, oldest first."""
        with self._lock:
            held = self._bars.get(venue, {})
            return [held[minute] for minute in sorted(held)]


def moved(candles: pd.DataFrame, bars: list[TickBar]) -> pd.DataFrame:
    """One-minute candles with their last bar moved by ticks, and the bars that began since.

    A tick knows no volume, so a bar that only ticks tell has none; a bar that had begun before anybody
    listened keeps the range that the venue told.
    """
    if candles.empty:
        return candles
    last = int(tables.microseconds(candles["time"])[-1])
    new = [bar for bar in bars if bar.minute >= last]
    if not new:
        return candles
    out = candles
    if new[0].minute == last:
        row, bar = candles.iloc[-1], new.pop(0)
        out = candles.copy()
        place = out.index[-1]
        out.loc[place, ["high", "low", "close"]] = (
            max(row["high"], bar.high),
            min(row["low"], bar.low),
            bar.close,
        )
    if new:
        fresh = pd.DataFrame([bar._asdict() for bar in new]).rename(columns={"minute": "time"})
        fresh["time"] = pd.to_datetime(fresh["time"], unit="us", utc=True)
        out = pd.concat([out, fresh.assign(volume=float("nan"), taker_buy_volume=float("nan"))])
    return tables.candles(out)


__all__ = ["TickBar", "Ticks", "moved"]
