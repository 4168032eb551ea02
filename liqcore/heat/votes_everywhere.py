"""One vote on many places at many moments at once: which venues are hot at each, as `votes.ask` says for one.

What a venue shows in a stretch of price is the same for all places that the stretch touches, so it is worked
out once; and where no venue shows anything rare, none is hot and nothing need be weighed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from liqcore.heat import scan
from liqcore.heat.ground import Ground
from liqcore.heat.ledger import Moments
from liqcore.heat.scan import WIDTHS
from liqcore.heat.votes import FEWEST, bins_of, elect, lasting, log_alpha, windows

# Places and moments that are weighed at a time, to bound memory.
_BATCH = 512


def hot_at(seen: Moments, low: np.ndarray, high: np.ndarray, chance: float | None = None) -> np.ndarray:
    """(L, K, B) bool: which venues are hot at each of L bands (L,) USD at each moment."""
    alpha, size = log_alpha(len(seen.orders), chance), seen.lattice.size
    places, place = np.unique(np.stack(bins_of(seen.lattice, low, high)), axis=1, return_inverse=True)
    logs, rare = _everywhere(seen, alpha)
    hot = np.zeros((places.shape[1], *seen.total.shape), dtype=bool)
    until = np.concatenate([np.zeros((len(rare), 1), dtype=np.int64), np.cumsum(rare, axis=1)], axis=1)
    which, moment = np.nonzero((until[:, places[1] + 1] > until[:, places[0]]).T)
    for begin in range(0, len(which), _BATCH):
        ask, at = which[begin : begin + _BATCH], moment[begin : begin + _BATCH]
        a, b = places[:, ask]
        first, last, real = windows(a, b, size)
        kind = np.repeat(np.arange(len(WIDTHS)), first.shape[1] // len(WIDTHS))
        found = np.stack([np.where(real, one[kind, at[:, None], first], 0.0) for one in logs])
        held = np.stack([run[at[:, None], last] - run[at[:, None], first] for run in seen.orders])
        hot[ask, :, at] = elect((first, last), found, held, b - a + 1, alpha, lasting(seen, at))[0].T
    return hot[place.ravel()]


def _everywhere(seen: Moments, alpha: float) -> tuple[list[np.ndarray], np.ndarray]:
    """ln of the chance of what each venue shows in every stretch, (7, B, P) by width and first bin; and
    (B, P) which bins are the middle of a stretch rare enough for a venue to be hot."""
    moments, size = seen.orders[0].shape[0], seen.lattice.size
    rare = np.zeros((moments, size), dtype=bool)
    out = []
    for run, cum, found in zip(seen.orders, seen.explanations, _candidates(seen), strict=True):
        kind, row, low = found
        high = low + np.array(WIDTHS)[kind]
        held, _, chance = scan.chances(run, cum, row, low, high)
        logs = np.zeros((len(WIDTHS), moments, size))
        logs[kind, row, low] = chance
        out.append(logs)
        # A little more than is needed: what is left out here cannot be hot.
        some = (chance <= alpha + 1e-6) & (held >= FEWEST)
        rare[row[some], low[some] + (high - low)[some] // 2] = True
    return out, rare


def _candidates(seen: Moments) -> Iterator[np.ndarray]:
    """(3, N) of each venue: width, moment and first bin of all stretches whose chance can be below 1.

    Those are the ones with an order and with more of them than each explanation expects.
    """
    shared: dict[tuple[int, int], np.ndarray] = {}
    for venue, (run, path) in enumerate(zip(seen.orders, seen.path, strict=True)):
        total, found = run[:, -1:], []
        times = scan.margin(total)
        for kind, width in enumerate(WIDTHS):
            key = id(path), width
            if key not in shared:
                shared[key] = _share(path, width)
            share = shared[key]
            if seen.busy:
                share = np.maximum(share, _share([seen.busy[venue]], width))
            held = run[:, width:] - run[:, :-width]
            # With room for rounding; `scan.log_tail` has the last word.
            above = held + 1 + 1e-5 > total * np.minimum(times * share, 1.0) * (1 - 1e-9)
            row, low = np.nonzero(above & (held >= 0.5))
            found.append(np.stack([np.full(len(row), kind), row, low]))
        yield np.concatenate(found, axis=1)


def _share(explanations: list[np.ndarray], width: int) -> np.ndarray:
    """(B, P + 1 - width) the largest share that any explanation gives to the stretches of a width."""
    inside = [cum[:, width:] - cum[:, :-width] for cum in explanations]
    return scan.largest(inside, [cum[:, -1:] for cum in explanations])


def within_reach(grounds: Sequence[Ground], side: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(L,) bool: near which bands (L,) USD some venue ever has as many orders of a side as it takes to be
    hot."""
    out = np.zeros(len(low), dtype=bool)
    for one in grounds:
        a, b = bins_of(one.lattice, low, high)
        bins = np.sort(one.bin[one.orders.side == side])
        # No stretch that touches a band goes further.
        first, last = np.searchsorted(bins, a - WIDTHS[-1]), np.searchsorted(bins, b + WIDTHS[-1], "right")
        out |= last - first >= FEWEST
    return out
