"""From what the engine recorded to the tables that flow through the house."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.lab import book as ledger
from liqcore.lab.book import Accounts, Book, signs
from liqcore.lab.driver import LEGS
from liqcore.lab.interventions import FeedDelay, FeedOutage, Intervention, minute_of
from liqcore.lab.world import LOT, TICK, SimulationError, VenueSpec

_MINUTE_MS = 60_000
# Rows of open positions that are unpacked at once at most, and bytes of one: 200 MB.
_MOST_ROWS, _ROW_BYTES = 4_000_000, 50
_LEG_MS = _MINUTE_MS // LEGS


@dataclass
class Tape:
    """What is written down while the market runs. T minutes, V venues; ticks, lots and units."""

    start: np.datetime64
    venues: tuple[VenueSpec, ...]
    ohlc: np.ndarray
    basis: np.ndarray
    volume: np.ndarray
    bought: np.ndarray
    jitter: np.ndarray
    ledger_minutes: list[int] = field(default_factory=list)
    ledger_rows: list[np.ndarray] = field(default_factory=list)
    funding_rows: list[tuple[int, np.ndarray]] = field(default_factory=list)
    snapshots: list[int] = field(default_factory=list)

    @classmethod
    def blank(cls, start: np.datetime64, venues: tuple[VenueSpec, ...], minutes: int) -> Tape:
        """A tape for so many minutes."""
        count = len(venues)
        return cls(
            start,
            venues,
            np.zeros((minutes, 4), dtype=np.int64),
            np.zeros((minutes, count)),
            np.zeros((minutes, count), dtype=np.int64),
            np.zeros((minutes, count), dtype=np.int64),
            np.zeros((minutes, LEGS)),
        )

    def time(self, minutes: Any) -> pd.DatetimeIndex:
        """Minutes since the start as UTC times."""
        return pd.DatetimeIndex(self.start + np.asarray(minutes, dtype="timedelta64[m]"), tz="UTC")

    @property
    def names(self) -> list[str]:
        """Names of the venues in order."""
        return [venue.name for venue in self.venues]

    def label(self, index: np.ndarray) -> pd.Categorical[str]:
        """Venue numbers as their names."""
        return pd.Categorical.from_codes(index, categories=pd.Index(self.names))


def candles(tape: Tape) -> pd.DataFrame:
    """One-minute candles of the index, with the volume of all venues."""
    return _candles(tape, tape.ohlc, tape.volume.sum(axis=1), tape.bought.sum(axis=1))


def venue_candles(tape: Tape) -> dict[str, pd.DataFrame]:
    """One-minute candles of each venue at its own price."""
    out = {}
    for number, name in enumerate(tape.names):
        prices = np.rint(tape.ohlc * (1 + tape.basis[:, number])[:, None]).astype(np.int64)
        out[name] = _candles(tape, prices, tape.volume[:, number], tape.bought[:, number])
    return out


def liquidations(tape: Tape, events: np.ndarray) -> pd.DataFrame:
    """Every liquidation, at the price that its venue prints, in the order in which they happened."""
    minute, leg, code, lots, fill, bankrupt = events.T
    venue = code >> 1
    prints_fill = np.array([spec.price_kind == "fill" for spec in tape.venues])
    kinds = np.where(prints_fill[venue], "fill", "bankruptcy")
    millis = minute * _MINUTE_MS + _within_minute(tape, minute, leg)
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": pd.DatetimeIndex(tape.start + millis.astype("timedelta64[ms]"), tz="UTC"),
                "venue": tape.label(venue),
                "symbol": "BTC",
                "side": _side(code),
                "price": _usd(np.where(prints_fill[venue], fill, bankrupt)),
                "quantity": _btc(lots),
                "price_kind": kinds,
                "completeness": "all",
            }
        )
    )


def printed(
    tape: Tape, true: pd.DataFrame, interventions: tuple[Intervention, ...]
) -> tuple[pd.DataFrame, pd.Series]:
    """What the feeds let a listener see: the liquidations table and the arrival time of each of its rows."""
    venue = true["venue"].cat.codes.to_numpy().astype(np.int64)
    micros = tables.microseconds(true["time"])
    second = micros // 1_000_000
    sampled = np.array([spec.completeness == "sampled" for spec in tape.venues])
    seen = ~sampled[venue] | _last_of_second(venue, second)
    lag = np.array([spec.lag_seconds for spec in tape.venues])[venue]
    minute = (micros - tape.start.astype("datetime64[us]").astype("int64")) // 60_000_000
    for event in interventions:
        if isinstance(event, (FeedDelay, FeedOutage)):
            first, last = (minute_of(edge, tape.start) for edge in (event.start, event.end))
            touched = (venue == tape.names.index(event.venue)) & (minute >= first) & (minute < last)
            if isinstance(event, FeedOutage):
                seen &= ~touched
            else:
                lag = lag + np.where(touched, event.seconds, 0.0)
    kept = true[seen].reset_index(drop=True)
    kinds = np.where(sampled[venue[seen]], "sampled", "all")
    kept["completeness"] = pd.Categorical(kinds, categories=list(tables.COMPLETENESS))
    arrival = micros[seen] + np.rint(lag[seen] * 1e6).astype(np.int64)
    return kept, pd.Series(pd.DatetimeIndex(arrival.astype("datetime64[us]"), tz="UTC"), name="arrival")


def open_interest(tape: Tape) -> pd.DataFrame:
    """Open interest of each venue every five minutes, as it stood at that moment (longs = shorts, makers
    included)."""
    state = np.array(tape.ledger_rows)
    long, maker = (state[:, Accounts.NAMES.index(name)] for name in ("long", "maker_lots"))
    count = len(tape.venues)
    return tables.open_interest(
        pd.DataFrame(
            {
                "time": tape.time(np.repeat(tape.ledger_minutes, count)),
                "venue": tape.label(np.tile(np.arange(count), len(state))),
                "quantity": _btc((long + np.maximum(maker, 0)).ravel()),
            }
        )
    )


def accounts(tape: Tape) -> pd.DataFrame:
    """The venues' books every five minutes: `long`, `short`, `maker_quantity` BTC and the money of each
    party, USD."""
    state = np.array(tape.ledger_rows)
    count = len(tape.venues)
    out = pd.DataFrame(
        {
            "time": tape.time(np.repeat(tape.ledger_minutes, count)),
            "venue": tape.label(np.tile(np.arange(count), len(state))),
        }
    )
    lots = {"maker_lots": "maker_quantity", "long": "long", "short": "short"}
    for place, name in enumerate(Accounts.NAMES):
        values = state[:, place].ravel()
        out[lots.get(name, name)] = _btc(values) if name in lots else values / round(1 / ledger.UNIT)
    return out


def funding(tape: Tape) -> pd.DataFrame:
    """Funding rates every eight hours. They inform; no cash moves, as the sums are small beside the
    margins."""
    count = len(tape.venues)
    return tables.funding(
        pd.DataFrame(
            {
                "time": tape.time(np.repeat([minute for minute, _ in tape.funding_rows], count)),
                "venue": tape.label(np.tile(np.arange(count), len(tape.funding_rows))),
                "rate": (
                    np.concatenate([rates for _, rates in tape.funding_rows]) if tape.funding_rows else []
                ),
                "interval_hours": 8.0,
            }
        )
    )


@dataclass(frozen=True, eq=False)
class Snapshots:
    """The exact open positions at several moments, each position kept once for as long as it stays the same.

    `minutes` (S,) since the start, `spells` (N, 8) see `book.SPELL_COLUMNS`, `leverage` (N,).
    """

    tape: Tape
    minutes: np.ndarray
    spells: np.ndarray
    leverage: np.ndarray

    @property
    def times(self) -> pd.DatetimeIndex:
        """When the snapshots were taken, UTC."""
        return self.tape.time(self.minutes)

    def at(self, place: int) -> pd.DataFrame:
        """All open positions at snapshot number `place`, in the order in which they were opened."""
        return self._table(self._rows(place), np.full(1, place))

    @property
    def rows(self) -> int:
        """How many rows `table` has."""
        return int(np.maximum(self.spells[:, 2] - self.spells[:, 1] + 1, 0).sum())

    def each(self) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
        """Time and open positions of one snapshot after the other."""
        for place, time in enumerate(self.times):
            yield time, self.at(place)

    def table(self) -> pd.DataFrame:
        """All snapshots under each other.

        Raises
        ------
        SimulationError
            More rows than memory should be filled with.
        """
        if self.rows > _MOST_ROWS:
            size = wording.whole(self.rows * _ROW_BYTES / 1e6)
            raise SimulationError(
                f"All {wording.count(self.rows, 'row')} of {wording.count(len(self.minutes), 'snapshot')} at"
                f" once would fill {size} MB. Go through `snapshots.each()`, ask for one moment with"
                " `positions_at`, or keep fewer with `positions_every`."
            )
        rows = [self._rows(place) for place in range(len(self.minutes))]
        joined = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        return self._table(joined, np.repeat(np.arange(len(rows)), [len(part) for part in rows]))

    def _rows(self, place: int) -> np.ndarray:
        return np.flatnonzero((self.spells[:, 1] <= place) & (self.spells[:, 2] >= place))

    def _table(self, rows: np.ndarray, places: np.ndarray) -> pd.DataFrame:
        def column(name: str) -> np.ndarray:
            return self.spells[rows, ledger.SPELL_COLUMNS.index(name)]

        code = column("code").astype(np.int8)
        liquidation = signs(code) * column("liquidation")
        return pd.DataFrame(
            {
                "time": self.tape.time(np.broadcast_to(self.minutes[places], len(rows))),
                "venue": self.tape.label(code >> 1),
                "side": _side(code),
                "quantity": _btc(column("lots")),
                "entry": _usd(column("entry")),
                "leverage": self.leverage[rows],
                "margin": column("margin") / round(1 / ledger.UNIT),
                "liquidation_price": np.where(liquidation > 0, _usd(liquidation), np.nan),
            },
            copy=False,
        )


def snapshots(tape: Tape, book: Book) -> Snapshots:
    """What the snapshots saw, with the positions that are still open."""
    book.retire(book.live())
    kept = book.spells or [(np.zeros((0, len(ledger.SPELL_COLUMNS)), dtype=np.int64), np.zeros(0))]
    spells, leverage = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(spells[:, 0], kind="stable")
    return Snapshots(tape, np.array(tape.snapshots, dtype=np.int64), spells[order], leverage[order])


def deleveraged(tape: Tape, closed: list[tuple[int, int, int, int]]) -> pd.DataFrame:
    """Positions in profit that were closed by automatic deleveraging: time, venue, side, quantity, mean
    price."""
    minute, code, lots, value = np.array(closed, dtype=np.int64).reshape(-1, 4).T
    return pd.DataFrame(
        {
            "time": tape.time(minute),
            "venue": tape.label(code >> 1),
            "side": _side(code),
            "quantity": _btc(lots),
            "price": _usd(np.rint(value / np.maximum(lots, 1))),
        }
    )


def _candles(tape: Tape, ohlc: np.ndarray, volume: np.ndarray, bought: np.ndarray) -> pd.DataFrame:
    opening, high, low, close = _usd(ohlc).T
    return tables.ensure(
        pd.DataFrame(
            {
                "time": tape.time(np.arange(len(ohlc))),
                "open": opening,
                "high": high,
                "low": low,
                "close": close,
                "volume": _btc(volume),
                "taker_buy_volume": _btc(bought),
            }
        ),
        "candles",
    )


def _within_minute(tape: Tape, minute: np.ndarray, leg: np.ndarray) -> np.ndarray:
    """Milliseconds into the minute: the events of a leg are spread evenly over its seconds, in their
    order."""
    _, first, group, size = np.unique(
        minute * LEGS + leg, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.arange(len(minute)) - first[group]
    shift = tape.jitter[minute, leg]
    return leg * _LEG_MS + np.floor((rank + shift) * _LEG_MS / size[group]).astype(np.int64)


def _last_of_second(venue: np.ndarray, second: np.ndarray) -> np.ndarray:
    """True for the latest event of each venue in each second; events come in the order of time."""
    last = np.zeros(len(venue), dtype=bool)
    key = second * (venue.max(initial=0) + 1) + venue
    _, from_end = np.unique(key[::-1], return_index=True)
    last[len(venue) - 1 - from_end] = True
    return last


def _side(code: np.ndarray) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(code & 1, categories=pd.Index(tables.SIDES))


def _usd(ticks: np.ndarray) -> np.ndarray:
    return ticks / round(1 / TICK)


def _btc(lots: np.ndarray) -> np.ndarray:
    return lots / round(1 / LOT)
