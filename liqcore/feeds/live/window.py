"""The newest stretch of the store in memory, kept current by reading only what came since."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.live.store import Arrival, Store
from liqcore.feeds.venues.rows import MOST_AHEAD, LiquidationRow

_NUMBERS: Final = {
    "id": np.int64,
    "time": np.int64,
    "arrived": np.int64,
    "price": np.float64,
    "quantity": np.float64,
    "notional": np.float64,
}
# Labels are few and repeat, so a byte or two holds each.
_LABELS: Final = {
    "venue": np.int16,
    "symbol": np.int16,
    "side": np.int8,
    "price_kind": np.int8,
    "completeness": np.int8,
    "origin": np.int8,
}
# Words whose codes mean the same everywhere.
_KNOWN_WORDS: Final = {
    "side": tables.SIDES,
    "price_kind": tables.PRICE_KINDS,
    "completeness": tables.COMPLETENESS,
}
_PAGE: Final = 20_000
# Rows of the market that are older than an hour change only where some are added, which their number tells;
# whatever else happened to them is seen within ten minutes. Both in µs.
_RECENT: Final = 3_600_000_000
_ANEW: Final = 600_000_000


@dataclass(frozen=True, eq=False)
class Events:
    """Events in the order in which they were stored: (N,) arrays, and the words that the codes of labels
    mean.

    `version` grows whenever events are added. `reading` is another object once they were read from the
    beginning again: what was made of those of before does not go on.
    """

    columns: dict[str, np.ndarray]
    words: dict[str, tuple[str, ...]]
    version: int
    reading: object = None

    def __len__(self) -> int:
        return len(self.columns["id"])

    def after(self, number: int) -> Events:
        """The events stored after the one with this `id`."""
        first = int(np.searchsorted(self.columns["id"], number, "right"))
        return replace(self, columns={name: values[first:] for name, values in self.columns.items()})

    def where(self, keep: np.ndarray) -> Events:
        """The events that a boolean array (N,) keeps."""
        return replace(self, columns={name: values[keep] for name, values in self.columns.items()})

    def of(self, venues: tuple[str, ...]) -> Events:
        """The events of these venues; of all where none are named."""
        if not venues:
            return self
        codes = [code for code, word in enumerate(self.words["venue"]) if word in venues]
        return self.where(np.isin(self.columns["venue"], codes))

    def since(self, moment: int) -> Events:
        """The events that happened at or after a moment (µs since 1970 UTC)."""
        return self.where(self.columns["time"] >= moment)

    def table(self) -> pd.DataFrame:
        """The liquidations table, sorted by time, with `arrived` dropped; as checked as when it was
        stored."""
        order = np.argsort(self.columns["time"], kind="stable")
        out: dict[str, Any] = {}
        for name in tables.LIQUIDATIONS:
            values = self.columns[name][order]
            if name == "time":
                out[name] = pd.DatetimeIndex(values.view("datetime64[us]"), tz="UTC")
            elif name in _LABELS:
                out[name] = pd.Categorical.from_codes(
                    values, categories=pd.Index(self.words[name], dtype=str)
                )
            else:
                out[name] = values
        return pd.DataFrame(out)


def coded(table: pd.DataFrame, arrived: np.ndarray, origin: str) -> Events:
    """A checked liquidations table (N rows) as the events that a store would hold had each row arrived when
    `arrived` (N,) says, in µs since 1970 UTC."""
    order = np.argsort(arrived, kind="stable")
    words: dict[str, tuple[str, ...]] = {**_KNOWN_WORDS, "origin": (origin,)}
    columns = {
        "id": np.arange(1, len(table) + 1),
        "time": tables.microseconds(table["time"])[order],
        "arrived": arrived.astype(np.int64)[order],
        "origin": np.zeros(len(table), np.int8),
    }
    for name in ("price", "quantity", "notional"):
        columns[name] = table[name].to_numpy(dtype=float)[order]
    for name in ("venue", "symbol", "side", "price_kind", "completeness"):
        values = table[name].astype("str")
        words.setdefault(name, tuple(sorted(values.unique())))
        codes = pd.Categorical(values, categories=pd.Index(words[name], dtype="str")).codes
        columns[name] = codes.astype(_LABELS[name])[order]
    return Events(columns, words, len(table))


@dataclass(frozen=True, eq=False)
class Market:
    """What the store holds beside events: heartbeats by minute, and candles, open interest and funding with
    `venue`."""

    beats: pd.DataFrame
    candles: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame


class LiveWindow:
    """The last `hours` of a store's events in memory; `refresh` reads what is new, from any thread."""

    def __init__(self, store: Store, hours: float = 24.0) -> None:
        self._store, self._length = store, round(hours * 3_600e6)
        self._reading = threading.Lock()
        self._words = {name: list(_KNOWN_WORDS.get(name, ())) for name in _LABELS}
        self._begin_anew()
        self._publish()
        self._market: Market | None = None
        self._whole_at = 0

    def refresh(self, now: int) -> int:
        """Read what was stored since the last call, and forget what is too old at `now` (µs). Returns how
        many were read."""
        with self._reading:
            read = sum(map(self._append, self._pages(now)))
            self._forget(now - self._length)
            self._publish()
        return read

    def _pages(self, now: int) -> Iterator[dict[str, list[Any]]]:
        """What was stored since the last page."""
        while True:
            # A store of before may hold what is dated in the future, which would be the newest for ever.
            found = self._store.events(
                after=self._last, since=now - self._length, until=now + MOST_AHEAD, most=_PAGE
            )
            if found["id"]:
                yield found
            if len(found["id"]) < _PAGE:
                return

    def refresh_market(self, now: int) -> None:
        """Read what changed of heartbeats, candles, open interest and funding of the stretch. A store that
        somebody emptied is read from its beginning."""
        first = now - self._length
        whole = self._market is None or not 0 <= now - self._whole_at < _ANEW
        with self._reading:
            last = self._size - 1
            gone = last >= 0 and not self._store.has(
                int(self._held["id"][last]), int(self._held["time"][last])
            )
            if gone or (whole and self._misses(first, now)):
                whole = True
                self._begin_anew()
                # Whoever looks meanwhile sees what was there before, and no part of it.
                for found in self._pages(now):
                    self._append(found)
                self._publish()
        held = None if whole else self._market
        # Funding comes every few hours, and a rate says little without the ones before it.
        made = Market(
            self._table("heartbeats", first, now, None if held is None else held.beats),
            self._table("candles", first, now, None if held is None else held.candles),
            self._table("open_interest", first, now, None if held is None else held.open_interest),
            self._table("funding", first - 3 * 86_400_000_000, now, None if held is None else held.funding),
        )
        if whole:
            self._whole_at = now
        # Who keeps what was made of a market sees by its identity that nothing changed.
        if held is None or any(vars(made)[name] is not table for name, table in vars(held).items()):
            self._market = made

    def _misses(self, first: int, now: int) -> bool:
        """Whether the store holds other events than memory up to the last that was read: some were deleted,
        or came under a lower `id` from a writer on a server that ended its writing later."""
        moments, until = self._held["time"][: self._size], now + MOST_AHEAD
        held = int(((moments >= first) & (moments < until)).sum())
        return self._last > 0 and held != self._store.count("events", first, until, self._last)

    def _table(self, name: str, first: int, now: int, held: pd.DataFrame | None) -> pd.DataFrame:
        """One table of the store from a moment (µs) on: the held one where nothing changed, its older part
        where only the newest rows did."""
        cut = now - _RECENT
        if held is not None:
            beats = name == "heartbeats"
            moments = held["minute"].to_numpy() if beats else tables.microseconds(held["time"])
            begin, end = np.searchsorted(moments, (first, cut)).tolist()
            if self._store.count(name, first, cut) == end - begin:
                new = self._read(name, cut)
                if not begin and held.iloc[end:].reset_index(drop=True).equals(new):
                    return held
                return pd.concat([held.iloc[begin:end], new], ignore_index=True) if end > begin else new
        return self._read(name, first)

    def _read(self, name: str, since: int) -> pd.DataFrame:
        return self._store.heartbeats(since) if name == "heartbeats" else self._store.series(name, since)

    def market(self) -> Market | None:
        """What `refresh_market` read last, None before the first time."""
        return self._market

    def events(self) -> Events:
        """What is held now, without waiting for a read under way. The arrays are views that later calls do
        not change."""
        return self._published

    def _begin_anew(self) -> None:
        # New arrays: a reader may still hold the old ones.
        self._held = {name: np.empty(0, kind) for name, kind in {**_NUMBERS, **_LABELS}.items()}
        self._size, self._last, self._begun = 0, 0, object()

    def _publish(self) -> None:
        self._published = Events(
            {name: values[: self._size] for name, values in self._held.items()},
            {name: tuple(words) for name, words in self._words.items()},
            self._last,
            self._begun,
        )

    def _append(self, found: dict[str, list[Any]]) -> int:
        count = len(found["id"])
        if self._size + count > len(self._held["id"]):
            room = max(2 * (self._size + count), 1_024)
            # New arrays: a reader may still hold the old ones.
            self._held = {
                name: np.concatenate([values[: self._size], np.empty(room - self._size, values.dtype)])
                for name, values in self._held.items()
            }
        part = slice(self._size, self._size + count)
        for name in _NUMBERS:
            self._held[name][part] = found[name]
        for name in _LABELS:
            known = {word: code for code, word in enumerate(self._words[name])}
            for word in dict.fromkeys(found[name]):
                if word not in known:
                    known[word] = len(known)
                    self._words[name].append(word)
            self._held[name][part] = [known[word] for word in found[name]]
        self._size += count
        self._last = found["id"][-1]
        return count

    def _forget(self, before: int) -> None:
        old = int((self._held["time"][: self._size] < before).sum())
        # Copying is dear, so it waits until a fifth of the events is too old.
        if old > 1_000 and old > self._size // 5:
            keep = self._held["time"][: self._size] >= before
            self._held = {name: values[: self._size][keep] for name, values in self._held.items()}
            self._size = len(self._held["id"])


def refill(store: Store, events: Events, market: Market | None, since: int) -> int:
    """Write what memory holds into a store that lost it; what it holds already is passed over.

    Returns how many events were written. Raises StoreError when the database fails.
    """
    names = (*LiquidationRow._fields, "arrived", "origin")
    columns = [
        np.array(events.words[name], dtype=object)[events.columns[name]]
        if name in _LABELS
        else events.columns[name]
        for name in names
    ]
    batch = []
    seen: dict[LiquidationRow, int] = {}
    for *values, arrived, origin in zip(*(column.tolist() for column in columns), strict=True):
        row = LiquidationRow(*values)
        seen[row] = seen.get(row, -1) + 1
        batch.append(Arrival(row, arrived, seen[row], origin))
    held = store.heartbeats(since)
    known = set(zip(held["venue"], held["minute"], strict=True))
    beats: dict[tuple[str, int], tuple[int, int]] = {}
    if market is not None:
        told = (market.beats[name].tolist() for name in ("venue", "minute", "frames", "events"))
        for venue, minute, frames, count in zip(*told, strict=True):
            if (venue, minute) not in known:
                beats[venue, minute] = frames, count
    new = store.add(batch, beats)
    if market is not None:
        for kind in ("candles", "open_interest", "funding"):
            for venue, rows in getattr(market, kind).groupby("venue"):
                store.put(kind, str(venue), rows)
    return new
