"""Do venues show the same band, beyond the price path they share? Every venue one vote, at many moments at
once.

Each venue is asked at the place where the *others* are hottest, so that it has no say in the place it is
judged at. With no hot venue the expected number of those called hot is at most 2·K·a of K venues, so two or
more come up in at most K·a ≤ 5 % of cases whatever their dependence (Markov's inequality).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import bdtrc

from liqcore.heat import scan
from liqcore.heat.ground import Ground
from liqcore.heat.lag import median_of_known
from liqcore.heat.ledger import Moments, ledgers, moments
from liqcore.heat.opportunity import Lattice
from liqcore.heat.scan import LEAST, WIDTHS

# Chance at which one venue is called hot; less with many venues, so that together they err in 1 of 20 cases.
_ALPHA, _TOGETHER = 0.01, 0.05
# Orders a venue needs at a place that others chose, and the most that one venue's vote counts for (-ln
# chance).
FEWEST, _VOTE = 3, 12.0
# A venue that is not hot is cold only if it would have been hot with this power, had it the others' excess.
_POWER = 0.8
# Standard errors by which the excess of the others is lowered before that is asked.
_CAUTION = 0.67
Lasts = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Held(NamedTuple):
    """What K venues hold between two prices: `usd` (K,), and `largest` (K,), the USD of the largest order.

    Of a map without events the largest filled cell stands for the largest order, of which it may be made.
    """

    usd: np.ndarray
    largest: np.ndarray

    @property
    def venue_share(self) -> float:
        """Share of the largest venue in all USD; 0 of nothing."""
        return float(self.usd.max(initial=0.0) / max(self.usd.sum(), 1e-9))

    @property
    def order_share(self) -> float:
        """Share of the largest order in all USD; 0 of nothing."""
        return float(min(self.largest.max(initial=0.0) / max(self.usd.sum(), 1e-9), 1.0))


def held(grounds: Sequence[Ground], side: int, row: int, since: int, low: float, high: float) -> Held:
    """What venues hold of a side between two prices (USD), from the column `since` to `row`."""
    usd, largest = np.zeros(len(grounds)), np.zeros(len(grounds))
    a, b = np.log(low), np.log(high)
    for venue, one in enumerate(grounds):
        orders = one.orders
        here = (orders.side == side) & (one.column >= since) & (one.column <= row)
        here &= (orders.x >= a) & (orders.x <= b)
        usd[venue] = orders.usd[here].sum()
        # A cell is cut into parts, each of which stands for so much of it.
        largest[venue] = (orders.usd[here] / orders.weight[here]).max(initial=0.0)
    return Held(usd, largest)


class Votes(NamedTuple):
    """What K venues show at B places: arrays (K, B), and the common band `low` to `high` (B,) USD.

    `hot` beats the path and the venue's own busy moments, `busy` the path alone; `cold` would have been hot
    with 80 % power, had it what the hot ones have. `orders`, `expected` and `chance` (not corrected for the
    places tried) are those of the common band, `total` the venue's orders in the window.
    """

    hot: np.ndarray
    busy: np.ndarray
    cold: np.ndarray
    orders: np.ndarray
    expected: np.ndarray
    chance: np.ndarray
    power: np.ndarray
    total: np.ndarray
    low: np.ndarray
    high: np.ndarray


def venue_alpha(venues: int) -> float:
    """Chance at which one of so many venues is called hot."""
    return min(_ALPHA, _TOGETHER / max(venues, 1))


def vote(
    grounds: Sequence[Ground],
    side: int,
    rows: np.ndarray,
    since: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    chance: float | None = None,
) -> Votes:
    """Ask venues on one ground about bands.

    Parameters
    ----------
    grounds : one a venue, of the same columns and lattice.
    side : 0 for longs, 1 for shorts.
    rows, since : (B,) last and first column of each question. low, high : (B,) USD, the region it is about.
    chance : at which one venue is called hot; by default as little as so many venues ask for.
    """
    return ask(moments(ledgers(grounds, side), rows, since), low, high, chance)


def ask(seen: Moments, low: np.ndarray, high: np.ndarray, chance: float | None = None) -> Votes:
    """Ask venues about one band (B,) USD at each of some moments; `chance` as in `vote`."""
    a, b = bins_of(seen.lattice, low, high)
    asks, alpha = np.arange(len(a)), log_alpha(len(seen.orders), chance)
    hot, first, last = _hot(seen, seen.explanations, a, b, alpha, lasting(seen, asks))
    loose = _hot(seen, seen.path, a, b, alpha)[0]
    found, expected, logs = (
        np.stack(part)
        for part in zip(
            *(
                scan.chances(run, cum, asks, first, last)
                for run, cum in zip(seen.orders, seen.path, strict=True)
            ),
            strict=True,
        )
    )
    power = _power(hot, found, expected, seen.total, alpha)
    edges = seen.lattice.edges
    cold = ~hot & (power >= _POWER)
    return Votes(
        hot, loose & ~hot, cold, found, expected, np.exp(logs), power, seen.total, edges[first], edges[last]
    )


def bins_of(lattice: Lattice, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last bin of bands in USD; all that a vote knows of its place."""
    first, last = (np.clip(lattice.bin(np.log(price)), 0, lattice.size - 1) for price in (low, high))
    return first, last


def log_alpha(venues: int, chance: float | None) -> float:
    """ln of the chance at which one of so many venues is called hot."""
    return float(np.log(venue_alpha(venues) if chance is None else chance))


def lasting(seen: Moments, at: np.ndarray) -> Lasts:
    """Tells whether what a venue shows in stretches of price is more than one busy moment.

    It takes the venue, the numbers (N,) of the questions, whose moments are `at`, and their stretches [first,
    last).
    """

    def lasts(venue: int, which: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        row, book = at[which], seen.books[venue]
        held, expected, _ = scan.chances(seen.orders[venue], seen.explanations[venue], row, first, last)
        busiest = book.ground.busiest(book.side, seen.rows[row], seen.since[row], first, last)
        return scan.stands(held, busiest, seen.total[venue, row], expected)

    return lasts


def windows(a: np.ndarray, b: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First bins and ends (B, W) of the stretches that touch each region, and which of them count."""
    wide = int((b - a).max()) + 1
    low, high, real = [], [], []
    for width in WIDTHS:
        first = (a - width // 2)[:, None] + np.arange(wide)
        low.append(np.clip(first, 0, size - width))
        high.append(low[-1] + width)
        real.append((first <= (b - width // 2)[:, None]) & (first >= 0) & (first + width <= size))
    return np.concatenate(low, axis=1), np.concatenate(high, axis=1), np.concatenate(real, axis=1)


def _hot(
    seen: Moments,
    explanations: Sequence[Sequence[np.ndarray]],
    a: np.ndarray,
    b: np.ndarray,
    alpha: float,
    lasts: Lasts | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which venues (K, B) are hot at one place, and the place that all of them chose, [first, last) (B,)."""
    low, high, real = windows(a, b, seen.lattice.size)
    asks, number = low.shape
    row = np.repeat(np.arange(asks), number)
    logs, held = [], []
    for run, cum in zip(seen.orders, explanations, strict=True):
        inside, _, chance = scan.chances(run, cum, row, low.ravel(), high.ravel())
        logs.append(np.where(real, chance.reshape(asks, number), 0.0))
        held.append(inside.reshape(asks, number))
    return elect((low, high), np.stack(logs), np.stack(held), b - a + 1, alpha, lasts)


def elect(
    stretches: tuple[np.ndarray, np.ndarray],
    chance: np.ndarray,
    held: np.ndarray,
    wide: np.ndarray,
    alpha: float,
    lasts: Lasts | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which venues are hot, by what each shows in W stretches of price that touch the place.

    Parameters
    ----------
    stretches : first bins and ends (B, W). chance, held : (K, B, W) ln of the chance of what a venue shows
        there, 0 where it does not count, and its orders. wide : (B,) bins of the place. lasts : as `lasting`
        gives it, where one busy moment is not to be enough.

    Returns
    -------
    hot (K, B), and the place that all of them chose, [first, last) (B,).
    """
    low, high = stretches
    vote = np.minimum(-chance, _VOTE)
    total = vote.sum(axis=0)
    best = total.argmax(axis=1)
    ask = np.arange(len(best))
    first, last = low[ask, best], high[ask, best]
    hot = np.zeros(chance.shape[:2], dtype=bool)
    tests = np.log(np.maximum(sum(2.0 * np.maximum(wide / width, 1.0) for width in WIDTHS), 1.0))
    for venue in range(len(chance)):
        others = total - vote[venue]
        place = others.argmax(axis=1)
        crossed = (chance[venue, ask, place] <= alpha) & (held[venue, ask, place] >= FEWEST)
        crossed &= others[ask, place] > 0
        own = np.where(held[venue] >= LEAST, chance[venue], 0.0)
        mine = own.argmin(axis=1)
        alone = own[ask, mine] + tests <= alpha

        def touches(which: np.ndarray) -> np.ndarray:
            return (low[ask, which] < last + 1) & (high[ask, which] > first - 1)

        crossed, alone = crossed & touches(place), alone & touches(mine)
        if lasts is not None:
            for said, which in ((crossed, place), (alone, mine)):
                some = np.flatnonzero(said)
                said[some] = lasts(venue, some, low[some, which[some]], high[some, which[some]])
        hot[venue] = crossed | alone
    return hot, first, last


def _power(
    hot: np.ndarray, held: np.ndarray, expected: np.ndarray, total: np.ndarray, alpha: float
) -> np.ndarray:
    """(K, B) chance that a venue would be hot, had it the median excess share of the other hot ones,
    cautiously."""
    excess = (held - expected - _CAUTION * np.sqrt(np.maximum(held, 1.0))) / np.maximum(total, 1.0)
    out = np.zeros(hot.shape)
    # Of each venue (K), the others (K) at each place.
    others = hot & ~np.eye(len(hot), dtype=bool)[:, :, None]
    some = others.any(axis=1) & (total >= 1)
    if not some.any():
        return out
    venue, place = np.nonzero(some)
    shown = np.where(others[venue, :, place], excess[:, place].T, np.nan).T
    share = np.clip(median_of_known(shown), 0.0, 0.95)
    n = np.floor(total[some]).astype(np.int64)
    usual = np.clip(expected[some] / n, 1e-9, 0.95)
    enough = _needed(n, np.minimum(scan.margin(n) * usual, 1 - 1e-9), alpha)
    chance = bdtrc(enough - 1.0, n, np.minimum(usual + share * (1 - usual), 1 - 1e-9))
    out[some] = np.where(enough <= n, chance, 0.0)
    return out


def _needed(orders: np.ndarray, share: np.ndarray, alpha: float) -> np.ndarray:
    """The least number of orders, at least three, that so small a share makes by a chance below alpha; orders
    + 1 where none does."""
    low, high = np.full(len(orders), float(FEWEST - 1)), orders + 1.0
    high = np.maximum(high, FEWEST)
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        enough = scan.log_tail(middle, orders, share) <= alpha
        enough |= middle > orders
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        high = np.maximum(high, low + 1)
    return high
