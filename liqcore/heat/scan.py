"""The scan: which stretches of price hold more orders than every explanation allows, many rows at a time.

A row is one map of one side: `counts` (R, P) orders by bin, and `shares` (E, R, P), by each of E explanations
where orders would fall. A stretch of w bins is hot when it beats the least favourable of them, in the whole
map and within its neighbourhood, after all stretches that were tried are allowed for. No chance is drawn: the
same orders give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

# Widths that are tried, in bins of 5 bp: 5 to 60 bp. What is wider is a zone, where price was.
WIDTHS = (1, 2, 3, 4, 6, 8, 12)
# Half-width of the neighbourhood that a band must beat as well (1 %): slow changes cancel there.
REACH = 20
# Orders below which nothing is a band, and bins in which price must have been for one to be told from its
# place.
LEAST = 5
PATH = 15.0
# A band must beat so many times what each explanation gives, since none is exact to the last bin: the first
# up
# to 500 orders, the second from 2,000 on (the more orders, the smaller the errors one would see).
_MARGIN, _MARGIN_AT = (1.25, 1.5), (500.0, 2_000.0)
# What is left of a band without its busiest moment must be so many orders, and beat the path by this chance.
_REST_LEAST, _REST = 3, 0.1
# Bands that are taken out of one row one after the other.
_MOST = 12
# ln k! of all whole numbers that markets have orders of; beyond them it is computed.
_FACTORIALS = gammaln(np.arange(1.0, 65_537.0))


class Windows(NamedTuple):
    """Hot windows (N,): `row`, bins [low, high), and the corrected chance; strongest of a row first."""

    row: np.ndarray
    low: np.ndarray
    high: np.ndarray
    chance: np.ndarray


def margin(orders: np.ndarray | float) -> np.ndarray:
    """How many times an explanation a band must beat, with so many orders in all."""
    return np.interp(np.log(np.maximum(orders, 1.0)), np.log(_MARGIN_AT), _MARGIN)


def log_tail(count: np.ndarray, orders: np.ndarray, share: np.ndarray) -> np.ndarray:
    """ln P(Binomial(orders, share) ≥ count), or a little more; parts of an order are rounded against a
    finding.

    pmf(k) · (k + 1)(1 − q) / (k + 1 − (n + 1) q) bounds the tail from above for k > nq, closely where it is
    small, and costs a hundredth of the exact one (Feller, An Introduction to Probability Theory, vol. 1,
    VI.3).
    """
    k = np.floor(np.asarray(count, dtype=np.float64) + 1e-6)
    n = np.maximum(np.floor(np.asarray(orders, dtype=np.float64) + 1e-6), k)
    q = np.clip(share, 1e-12, 1 - 1e-12)
    above = k + 1 - (n + 1) * q
    ways = _factorial(n) - _factorial(k) - _factorial(n - k)
    pmf = ways + k * np.log(q) + (n - k) * np.log1p(-q)
    bound = pmf + np.log((k + 1) * (1 - q)) - np.log(np.maximum(above, 1e-12))
    return np.where((k <= 0) | (above <= 0), 0.0, np.minimum(bound, 0.0))


def _factorial(whole: np.ndarray) -> np.ndarray:
    """ln k! of whole numbers."""
    if whole.max(initial=0.0) < len(_FACTORIALS):
        return _FACTORIALS[whole.astype(np.intp)]
    return gammaln(whole + 1)


def lived(time: np.ndarray) -> np.ndarray:
    """Bins in which price really was: exp of the entropy of the share of time (..., P) spent in each."""
    held = time > 0
    logs = np.log(np.where(held, time, 1.0))
    return np.where(held.any(axis=-1), np.exp(-(time * logs).sum(axis=-1)), 0.0)


def tried(been: np.ndarray | float) -> np.ndarray:
    """About how many independent stretches a scan over so many bins tries."""
    return np.maximum(sum(2.0 / width for width in WIDTHS) * np.asarray(been, dtype=np.float64), 1.0)


def running(values: np.ndarray) -> np.ndarray:
    """Sums along the last axis from the first bin up to each edge."""
    out = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=out[..., 1:])
    return out


def chances(
    run: np.ndarray,
    cum: np.ndarray | Sequence[np.ndarray],
    row: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of stretches [low, high) of rows: orders in them, the most any explanation expects, and ln of the
    chance (all (N,)).

    `run` (R, P + 1) and `cum` (E, R, P + 1) are running sums of orders and shares. The chance is the larger
    of P[Bin(N, m·share) ≥ c] over the map and P[Bin(n, m·share of the neighbourhood) ≥ c] within 1 % of it.
    """
    count, total = run[row, high] - run[row, low], run[row, -1]
    inside = [part[row, high] - part[row, low] for part in cum]
    whole = largest(inside, [part[:, -1][row] for part in cum])
    times = margin(run[:, -1])[row]
    near, local = _near(run, cum, row, low, high, inside)
    chance = np.maximum(log_tail(count, total, times * whole), log_tail(count, near, times * local))
    return count, np.maximum(total * whole, near * local), chance


def stands(count: np.ndarray, busiest: np.ndarray, total: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Whether bands (N,) stand out without the orders of their busiest moment, of so many in all."""
    share = np.minimum(margin(total) * expected / np.maximum(total, 1.0), 1.0)
    rest = count - busiest
    return (rest >= _REST_LEAST) & (log_tail(rest, total - busiest, share) <= np.log(_REST))


def largest(inside: list[np.ndarray], of: list[np.ndarray]) -> np.ndarray:
    """The largest share that any explanation gives."""
    out = inside[0] / np.maximum(of[0], 1e-12)
    for part, all_ in zip(inside[1:], of[1:], strict=True):
        np.maximum(out, part / np.maximum(all_, 1e-12), out=out)
    return out


def _near(
    run: np.ndarray,
    cum: np.ndarray | Sequence[np.ndarray],
    row: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    inside: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Orders in the neighbourhood of stretches, and the largest share of it that any explanation gives."""
    size = run.shape[1] - 1
    middle = low + (high - low) // 2
    a = np.minimum(np.maximum(middle - REACH, 0), low)
    b = np.maximum(np.minimum(middle + REACH + 1, size), high)
    return run[row, b] - run[row, a], largest(inside, [part[row, b] - part[row, a] for part in cum])


def scan(counts: np.ndarray, shares: np.ndarray, alpha: float) -> Windows:
    """Every hot window of every row, found strongest first; what is found is taken out and the rest tried
    again."""
    been = lived(shares[0])
    tests = tried(been)
    live = np.flatnonzero(
        (been >= PATH) & (counts.sum(axis=1) >= LEAST) & (shares.sum(axis=2) > 0).all(axis=0)
    )
    counts, shares = counts[live], shares[:, live]
    found: list[np.ndarray] = []
    for _ in range(_MOST):
        if not len(live):
            break
        low, high, chance = _strongest(counts, shares, np.log(alpha / tests[live]))
        hit = np.flatnonzero(chance + np.log(tests[live]) <= np.log(alpha))
        if not len(hit):
            break
        live, counts, shares = live[hit], counts[hit], shares[:, hit]
        low, high, chance = low[hit], high[hit], np.exp(chance[hit]) * tests[live]
        found.append(np.stack([live, low, high, chance]))
        bins = np.arange(counts.shape[1])
        taken = (bins >= low[:, None]) & (bins < high[:, None])
        counts[taken] = 0.0
        shares[:, taken] = 0.0
        left = (shares.sum(axis=2) > 0).all(axis=0)
        live, counts, shares = live[left], counts[left], shares[:, left]
    row, low, high, chance = np.concatenate(found, axis=1) if found else np.empty((4, 0))
    order = np.argsort(row, kind="stable")
    row, low, high = (values[order].astype(np.intp) for values in (row, low, high))
    return Windows(row, low, high, chance[order])


def _strongest(
    counts: np.ndarray, shares: np.ndarray, bar: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The window of each row with the least chance, in logs (0 where none comes below the bar)."""
    rows = len(counts)
    run, cum = running(counts), running(shares)
    # Windows without orders are none, and of the lattice orders fill but a part.
    held_bins = np.flatnonzero(counts.any(axis=0))
    if not len(held_bins):
        return np.zeros(rows, dtype=np.intp), np.ones(rows, dtype=np.intp), np.zeros(rows)
    first, last = (
        max(int(held_bins[0]) - WIDTHS[-1], 0),
        min(int(held_bins[-1]) + WIDTHS[-1], counts.shape[1]),
    )
    near_run, near_cum, size = run[:, first : last + 1], cum[:, :, first : last + 1], last - first
    times = margin(run[:, -1])
    # Nothing below its expectation stands out, so that few windows need a tail.
    lift = times * run[:, -1] / np.maximum(cum[:, :, -1], 1e-12)
    tops = []
    for width in WIDTHS:
        held = near_run[:, width:] - near_run[:, : size - width + 1]
        inside = [part[:, width:] - part[:, : size - width + 1] for part in near_cum]
        some = held >= LEAST
        for part, up in zip(inside, lift, strict=True):
            some &= held > part * up[:, None]
        at = np.flatnonzero(some.ravel())
        if len(at):
            row, low = np.divmod(at, size - width + 1)
            parts = [part.ravel()[at] for part in inside]
            tops.append(_below(run, cum, times, bar, (row, low + first, width), held.ravel()[at], parts))
    best = np.concatenate(tops, axis=1) if tops else np.empty((4, 0))
    best = best[:, np.lexsort((best[3], best[0]))]
    row, top = np.unique(best[0].astype(np.intp), return_index=True)
    low, high, chance = np.zeros(rows, dtype=np.intp), np.ones(rows, dtype=np.intp), np.zeros(rows)
    low[row], high[row], chance[row] = best[1, top], best[2, top], best[3, top]
    return low, high, chance


def _below(
    run: np.ndarray,
    cum: np.ndarray,
    times: np.ndarray,
    bar: np.ndarray,
    windows: tuple[np.ndarray, np.ndarray, int],
    count: np.ndarray,
    inside: list[np.ndarray],
) -> np.ndarray:
    """(4, N) row, ends and ln of the chance of those windows that come below the bar of their row.

    `windows` are rows, first bins and a width, with their orders and shares by each explanation. What cannot
    come below the bar is left out early: P[X = k] ≥ exp(−n·KL) / √(8k), and KL ≤ χ², so that
    (k − nq)² / (nq(1 − q)) < −bar − ln(8k)/2 is too little.
    """
    row, low, width = windows
    total, least = run[:, -1][row], bar[row]
    share = times[row] * largest(inside, [part[:, -1][row] for part in cum])
    usual = np.floor(total + 1e-6) * share
    most = np.maximum(np.floor(count + 1e-6) - usual, 0.0)
    far = -least - 0.5 * np.log(8 * count)
    kept = np.flatnonzero(most * most >= far * usual * np.maximum(1 - share, 0.0) * (1 - 1e-9))
    chance = log_tail(count[kept], total[kept], share[kept])
    below = chance <= least[kept]
    kept, chance = kept[below], chance[below]
    row, low = row[kept], low[kept]
    near, local = _near(run, cum, row, low, low + width, [part[kept] for part in inside])
    chance = np.maximum(chance, log_tail(count[kept], near, times[row] * local))
    return np.stack([row, low, low + width, chance])[:, chance <= bar[row]]


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stretches of True in each row: row, first bin, end."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = mask
    turns = np.diff(padded, axis=1)
    row, low = np.nonzero(turns == 1)
    return row, low, np.nonzero(turns == -1)[1]


def cut_at_valleys(
    values: np.ndarray,
    row: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    deep: float,
    sure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut stretches of `values` (R, P) where between two peaks they fall below `deep` of the lower one.

    `sure(row, lower peak, valley)` says which valleys (N, W) are more than chance; `row` is (N, 1). A stretch
    is cut at its deepest valley, and its pieces again.
    """
    done: list[np.ndarray] = []
    while len(row):
        cut = _valleys(values, row, low, high, deep, sure)
        whole = cut < 0
        done.append(np.stack([row, low, high])[:, whole])
        row, low, high, cut = row[~whole], low[~whole], high[~whole], cut[~whole]
        row, low, high = np.tile(row, 2), np.concatenate([low, cut]), np.concatenate([cut, high])
    row, low, high = np.concatenate(done, axis=1) if done else np.empty((3, 0), dtype=np.intp)
    order = np.lexsort((low, row))
    return row[order], low[order], high[order]


def _valleys(
    values: np.ndarray,
    row: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    deep: float,
    sure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Where each stretch is to be cut, in the middle of its deepest valley; -1 where it is not."""
    size = high - low
    wide = int(size.max(initial=0))
    if wide < 3:
        return np.full(len(row), -1)
    at = low[:, None] + np.arange(wide)
    inside = at < high[:, None]
    inner = np.where(inside, values[row[:, None], np.minimum(at, values.shape[1] - 1)], 0.0)
    left = np.maximum.accumulate(inner, axis=1)
    right = np.maximum.accumulate(inner[:, ::-1], axis=1)[:, ::-1]
    lower = np.minimum(left, right)
    valley = inside & (inner < deep * lower)
    if not valley.any():
        return np.full(len(row), -1)
    valley &= sure(row[:, None], lower, inner)
    depth = np.where(valley, inner / np.maximum(lower, 1e-12), np.inf)
    floor = depth.min(axis=1, keepdims=True)
    flat = valley & (depth <= floor + 1e-9)
    # The middle of the first stretch of equally deep bins.
    first = flat.argmax(axis=1)
    after = np.arange(wide) >= first[:, None]
    end = np.where((after & ~flat).any(axis=1), (after & ~flat).argmax(axis=1), wide)
    return np.where(np.isfinite(floor[:, 0]), low + (first + end) // 2, -1)


def fewer(row: np.ndarray, peak: np.ndarray, valley: np.ndarray) -> np.ndarray:
    """Whether a valley of counts is lower than its peak by more than chance: a binomial test, 1 in 20."""
    return log_tail(peak, peak + valley, np.full(peak.shape, 0.5)) < np.log(0.05)
