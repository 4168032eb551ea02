"""Orders and the path of price of some venues, summed so that any stretch of time is at hand.

That is what a vote looks at before a place is named: one account serves all places that are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from liqcore.heat import scan
from liqcore.heat.ground import Ground
from liqcore.heat.opportunity import Lattice

# Every so many columns the sum up to there is kept.
_EVERY = 64


class Running:
    """Sums of values (..., P) of a column each, over any columns of a map.

    Sums up to every 64th column are kept, and the values from there on are asked for again: a sixty-fourth of
    the memory, and to the bit what adding up all columns in order gives.

    Parameters
    ----------
    block : gives the values (..., n, P) of the columns from one up to, but without, another. columns : their
        number.
    """

    def __init__(self, block: Callable[[int, int], np.ndarray], columns: int) -> None:
        self._block, self._columns = block, columns
        # As far as sums have been asked for.
        self._marks = [np.zeros_like(block(0, 1)[..., 0, :])] if columns else []

    def within(self, rows: np.ndarray, since: np.ndarray) -> np.ndarray:
        """(..., R, P) sums over the columns `since` to `rows` (R,), both included, as `ground.windowed`."""
        until, out = self._until(rows + 1), self._until(since)
        np.subtract(until, out, out=out)
        # Differences of sums leave rounding where there was nothing.
        out[out < 1e-9 * until] = 0.0
        return out

    def _until(self, column: np.ndarray) -> np.ndarray:
        """(..., R, P) sums over the columns before each of some."""
        first = self._marks[0]
        out = np.empty((*first.shape[:-1], len(column), first.shape[-1]))
        number = column // _EVERY
        for mark in np.unique(number).tolist():
            here = np.flatnonzero(number == mark)
            begin = mark * _EVERY
            added = self._added(mark, int(column[here].max()) - begin)
            out[..., here, :] = added[..., column[here] - begin, :]
        return out

    def _added(self, mark: int, number: int) -> np.ndarray:
        """(..., number + 1, P) the sums from a mark on."""
        while len(self._marks) <= mark:
            self._marks.append(self._added(len(self._marks) - 1, _EVERY)[..., -1, :].copy())
        start = self._marks[mark][..., None, :]
        if not number:
            return start
        values = self._block(mark * _EVERY, mark * _EVERY + number)
        return np.cumsum(np.concatenate([start, values], axis=-2), axis=-2)


@dataclass(frozen=True, eq=False)
class Ledger:
    """One side of a venue: its orders, the path of price while it was heard, and the path weighed by its busy
    moments; without a path of price neither."""

    ground: Ground
    side: int
    orders: Running
    path: Running | None
    busy: Running | None


def ledgers(grounds: Sequence[Ground], side: int) -> list[Ledger]:
    """The ledgers of venues on one ground for a side (0 long, 1 short); those heard at the same times share
    the path."""
    paths: dict[bytes, Running] = {}
    out = []
    for one in grounds:
        path = busy = None
        if one.bars is not None:
            path = paths.setdefault(one.heard.tobytes(), _path(one, side))
            weights = one.busy_weights(side)
            busy = Running(lambda begin, end, weights=weights: weights[begin:end], len(one.end))  # type: ignore[misc]
        out.append(Ledger(one, side, _orders(one, side), path, busy))
    return out


def _path(one: Ground, side: int) -> Running:
    travelled, heard = one.travelled(side), one.heard[:, None]
    return Running(lambda begin, end: travelled[:, begin:end] * heard[begin:end], len(one.end))


def _orders(one: Ground, side: int) -> Running:
    mine = np.flatnonzero(one.orders.side == side)
    mine = mine[np.argsort(one.column[mine], kind="stable")]
    column, bins, weight = one.column[mine], one.bin[mine], one.orders.weight[mine]
    size = one.lattice.size

    def block(begin: int, end: int) -> np.ndarray:
        first, last = np.searchsorted(column, [begin, end])
        place = (column[first:last] - begin) * size + bins[first:last]
        counts = np.bincount(place, weight[first:last], minlength=(end - begin) * size)
        return counts.reshape(end - begin, size)

    return Running(block, len(one.end))


class Moments(NamedTuple):
    """What K venues held in B stretches of time, by running sums along price: of their orders (B, P + 1), and
    of the shares by each explanation of the path; and their orders in all, `total` (K, B).

    `busy` is one more explanation a venue, by its busy moments; none without a path. `books` are the venues'
    ledgers, `rows` and `since` (B,) the last and first columns.
    """

    books: Sequence[Ledger]
    rows: np.ndarray
    since: np.ndarray
    lattice: Lattice
    orders: list[np.ndarray]
    path: list[list[np.ndarray]]
    busy: list[np.ndarray]
    total: np.ndarray

    @property
    def explanations(self) -> list[list[np.ndarray]]:
        """All explanations of each venue."""
        if not self.busy:
            return self.path
        return [[*path, busy] for path, busy in zip(self.path, self.busy, strict=True)]


def moments(books: Sequence[Ledger], rows: np.ndarray, since: np.ndarray) -> Moments:
    """What venues held from the columns `since` to `rows` (B,), both included."""
    counts = [one.orders.within(rows, since) for one in books]
    made: dict[object, list[np.ndarray]] = {}
    path = []
    for one, count in zip(books, counts, strict=True):
        # The path explains the same for all that were heard at the same times.
        key = count.tobytes() if one.ground.guessed else one.ground.heard.tobytes()
        if key not in made:
            spent = None if one.path is None else one.path.within(rows, since)
            made[key] = list(scan.running(one.ground.explained(count, spent)))
        path.append(made[key])
    busy = [
        scan.running(one.ground.busy_shares(one.busy.within(rows, since)))
        for one in books
        if one.busy is not None
    ]
    return Moments(
        books,
        rows,
        since,
        books[0].ground.lattice,
        [scan.running(count) for count in counts],
        path,
        busy,
        np.stack([count.sum(axis=1) for count in counts]),
    )
