"""The open positions of all venues and the money behind them, in whole ticks, lots and their product.

Prices are int64 ticks (0.1 USD), quantities int64 lots (0.001 BTC), money int64 units (0.0001 USD), so that
cash and contracts are conserved to the last unit and no comparison depends on a rounding of the machine.
Every trader deals with the venue's market maker, who has no leverage: longs equal shorts at all times.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liqcore.lab.world import LOT, TICK

UNIT: Final = TICK * LOT
NEVER: Final = -(1 << 60)
_FOREVER: Final = 1 << 60
_COLUMNS: Final = (
    "code",
    "lots",
    "entry",
    "margin",
    "leverage",
    "liquidation",
    "stop",
    "limit",
    "take",
    "expiry",
    "tops_up",
)
_KEPT: Final = ("number", "seen", *_COLUMNS)
_UNSEEN: Final = -1
SPELL_COLUMNS: Final = ("number", "first", "last", "code", "lots", "entry", "margin", "liquidation")


class Accounts:
    """Money (units) and contracts (lots) of each venue, V entries an array.

    `traders` is their pooled cash, `deposits` all they ever paid in, `returned` what closed positions took
    home, `maker_*` the market maker's, `fund` the insurance fund, `long` and `short` the traders' open lots.
    """

    NAMES: Final = (
        "traders",
        "deposits",
        "returned",
        "maker_lots",
        "maker_cash",
        "fund",
        "fees",
        "long",
        "short",
    )

    def __init__(self, venues: int, fund: np.ndarray) -> None:
        self.table = np.zeros((len(self.NAMES), venues), dtype=np.int64)
        self._venues = np.arange(venues)
        self._place = {name: place for place, name in enumerate(self.NAMES)}
        self["fund"][:] = fund

    def __getitem__(self, name: str) -> np.ndarray:
        """(V,) one account of all venues; a view."""
        return self.table[self._place[name]]

    def post(self, venue: np.ndarray, **changes: np.ndarray) -> None:
        """Add the changes, one entry a position, to the accounts of each position's venue."""
        at_venue = (venue[:, None] == self._venues).astype(np.int64)
        sums = np.array(list(changes.values())) @ at_venue
        for name, added in zip(changes, sums, strict=True):
            self.table[self._place[name]] += added


class Book:
    """Open positions as parallel arrays, and a watch list of those that the next hour may touch.

    `code` is 2·venue + (1 for shorts). Prices that a falling index crosses (longs) and a rising one (shorts)
    are held with the sign of the side: a position is due when `limit >= sign · mark`, whatever its side.
    `take`, the price to close at in profit, has the other sign: it is reached when `take >= −sign · mark`.
    A position that snapshots have seen is written to `spells` once, when it changes or closes, with the first
    and the last snapshot that saw it so: a fortnight of hourly snapshots fit where one table of all would
    not.
    """

    def __init__(self, capacity: int = 1 << 12) -> None:
        self.rows = 0
        self.code = np.zeros(capacity, dtype=np.int64)
        self.lots = np.zeros(capacity, dtype=np.int64)
        self.entry = np.zeros(capacity, dtype=np.int64)
        self.margin = np.zeros(capacity, dtype=np.int64)
        self.leverage = np.zeros(capacity, dtype=np.float64)
        self.liquidation = np.zeros(capacity, dtype=np.int64)
        self.stop = np.zeros(capacity, dtype=np.int64)
        self.limit = np.zeros(capacity, dtype=np.int64)
        self.take = np.zeros(capacity, dtype=np.int64)
        self.expiry = np.zeros(capacity, dtype=np.int64)
        self.tops_up = np.zeros(capacity, dtype=bool)
        self.number = np.zeros(capacity, dtype=np.int64)
        self.seen = np.full(capacity, _UNSEEN, dtype=np.int64)
        self.opened = 0
        self.snapshots = 0
        self.spells: list[tuple[np.ndarray, np.ndarray]] = []
        self.watched = np.zeros(0, dtype=np.int64)
        self.watch_limit = np.zeros(0, dtype=np.int64)
        self.watch_take = np.zeros(0, dtype=np.int64)
        self.watch_code = np.zeros(0, dtype=np.int64)
        self.watch_expiry = np.zeros(0, dtype=np.int64)
        self.watching = 0

    def add(self, **columns: np.ndarray) -> None:
        """Append positions, one array a column, and watch them."""
        count = len(columns["code"])
        if self.rows + count > len(self.code):
            self._grow(max(2 * len(self.code), self.rows + count))
        new = slice(self.rows, self.rows + count)
        for name in _COLUMNS:
            if name != "limit":
                getattr(self, name)[new] = columns[name]
        self.number[new] = np.arange(self.opened, self.opened + count)
        self.seen[new] = _UNSEEN
        self.opened += count
        self.limit[new] = np.maximum(columns["liquidation"], columns["stop"])
        if self.watching + count > len(self.watched):
            self._grow_watch(self.watching + max(count, 4_096))
        seen = slice(self.watching, self.watching + count)
        self.watched[seen] = np.arange(self.rows, self.rows + count)
        self.watch_limit[seen] = self.limit[new]
        self.watch_take[seen] = columns["take"]
        self.watch_code[seen] = columns["code"]
        self.watch_expiry[seen] = columns["expiry"]
        self.rows += count
        self.watching += count

    def due(self, signed_marks: np.ndarray) -> np.ndarray:
        """Watched positions whose liquidation or stop the marks have reached, struck off the watch list
        (rows)."""
        n = self.watching
        return self._strike(np.flatnonzero(self.watch_limit[:n] >= signed_marks[self.watch_code[:n]]))

    def finished(self, clock: int, signed_marks: np.ndarray) -> np.ndarray:
        """Watched positions whose time is up or whose profit is made, struck off the watch list (rows)."""
        n = self.watching
        over = self.watch_expiry[:n] <= clock
        made = self.watch_take[:n] >= signed_marks[self.watch_code[:n] ^ 1]
        return self._strike(np.flatnonzero(over | made))

    def drop(self, rows: np.ndarray) -> None:
        """Mark positions as closed; `compact` forgets them."""
        self.retire(rows)
        self.lots[rows] = 0
        self.margin[rows] = 0
        self.liquidation[rows] = self.stop[rows] = self.limit[rows] = self.take[rows] = NEVER
        self.expiry[rows] = _FOREVER

    def snapshot(self) -> None:
        """See all open positions as they are now."""
        live = self.live()
        self.seen[live[self.seen[live] == _UNSEEN]] = self.snapshots
        self.snapshots += 1

    def retire(self, rows: np.ndarray) -> None:
        """Write down what snapshots saw of these positions, before they change or close."""
        rows = rows[(self.seen[rows] != _UNSEEN) & (self.lots[rows] > 0)]
        if rows.size:
            last = np.full(rows.size, self.snapshots - 1)
            columns = [self.code, self.lots, self.entry, self.margin, self.liquidation]
            spells = [self.number[rows], self.seen[rows], last, *(column[rows] for column in columns)]
            self.spells.append((np.column_stack(spells), self.leverage[rows]))
            self.seen[rows] = _UNSEEN

    def compact(self) -> None:
        """Forget closed positions. The watch list is void until `watch` is called."""
        live = np.flatnonzero(self.lots[: self.rows] > 0)
        for name in _KEPT:
            column = getattr(self, name)
            column[: len(live)] = column[live]
        self.rows = len(live)
        self.watching = 0

    def watch(self, signed_marks: np.ndarray, band: int, until: int) -> None:
        """Watch what lies within `band` ticks of the marks or expires by `until` on the trading clock."""
        n = self.rows
        code = self.code[:n]
        near = (self.limit[:n] >= signed_marks[code] - band) | (
            self.take[:n] >= signed_marks[code ^ 1] - band
        )
        self.watched = rows = np.flatnonzero(near | (self.expiry[:n] <= until))
        self.watch_limit, self.watch_take = self.limit[rows], self.take[rows]
        self.watch_code, self.watch_expiry = self.code[rows], self.expiry[rows]
        self.watching = len(self.watched)

    def live(self) -> np.ndarray:
        """Rows of all open positions."""
        return np.flatnonzero(self.lots[: self.rows] > 0)

    def _strike(self, places: np.ndarray) -> np.ndarray:
        self.watch_limit[places] = self.watch_take[places] = NEVER
        self.watch_expiry[places] = _FOREVER
        return self.watched[places]

    def _grow(self, capacity: int) -> None:
        for name in _KEPT:
            old = getattr(self, name)
            new = np.zeros(capacity, dtype=old.dtype)
            new[: self.rows] = old[: self.rows]
            setattr(self, name, new)

    def _grow_watch(self, capacity: int) -> None:
        for name in ("watched", "watch_limit", "watch_take", "watch_code", "watch_expiry"):
            old = getattr(self, name)
            new = np.zeros(capacity, dtype=np.int64)
            new[: self.watching] = old[: self.watching]
            setattr(self, name, new)


def signs(code: np.ndarray) -> np.ndarray:
    """+1 for longs and −1 for shorts, from position codes."""
    return 1 - 2 * (code & 1)


def liquidation_limit(
    sign: np.ndarray, entry: np.ndarray, margin: np.ndarray, lots: np.ndarray, rate: np.ndarray
) -> np.ndarray:
    """sign · liquidation price in ticks: the first tick at which equity no longer covers maintenance and
    closing fee.

    The one identity of linear contracts, (E − s·m/q) / (1 − s·rate), where `rate` is maintenance plus fee.
    """
    exact = (sign * entry - margin / lots) / (1 - sign * rate)
    return np.floor(exact).astype(np.int64)


def stop_limit(
    sign: np.ndarray, entry: np.ndarray, margin: np.ndarray, lots: np.ndarray, at: float
) -> np.ndarray:
    """sign · stop price in ticks: where the part `at` of the margin is lost."""
    return np.rint(sign * entry - at * margin / lots).astype(np.int64)


def take_limit(
    sign: np.ndarray, entry: np.ndarray, margin: np.ndarray, lots: np.ndarray, multiple: np.ndarray
) -> np.ndarray:
    """−sign · price in ticks at which the profit is `multiple` times the margin; NEVER where it is
    infinite."""
    wanted = np.isfinite(multiple)
    distance = np.where(wanted, multiple, 0.0) * margin / lots
    return np.where(wanted, -sign * entry - np.ceil(distance).astype(np.int64), NEVER)


def bankruptcy_price(sign: np.ndarray, entry: np.ndarray, margin: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """Ticks at which the margin is gone, rounded so that nothing is owed: up for longs, down for shorts."""
    return sign * np.ceil(sign * entry - margin / lots).astype(np.int64)


def fees(value: np.ndarray, rate: float) -> np.ndarray:
    """Fee in units on traded values in units, rounded down."""
    return np.floor(value * rate).astype(np.int64)
