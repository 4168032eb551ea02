"""Hot bands of a modelled or measured map: stretches that rise above a smooth profile and the unevenness of
bins.

All columns and both sides are judged at once, each as a row of places that begin at the price and lead away
from it, so that a mirrored market gives mirrored bands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve1d
from scipy.special import ndtr, ndtri

from liqcore.heat import scan
from liqcore.heat.bands import Bands, ClusterRule, no_bands
from liqcore.heat.grid import HeatGrid
from liqcore.heat.opportunity import smoothed
from liqcore.heat.price_path import PricePath

# Bins of log price in which a stock is judged, however it is drawn: 10 bp.
STEP = 0.001
# Widths that are tried, in places.
_WIDTHS = (2, 3, 4, 6, 8, 12, 16)
# Boxes that average the smooth profile, ±2 % wide together, and how often bands are weighed down before it is
# drawn again.
_BOXES, _TURNS = (15, 13, 15), 3
# A single place counts up to so many spreads, so that one is no band; unless it stands out by so many alone.
_CUT, _ALONE = 3.2, 7.0
# Where more than two places stick out all alone, noise has a heavy tail: everything must stand out more.
_HEAVY, _LONELY = 1.8, 2
# A band holds at least so many times the profile; a weak one from this share of the strong threshold on.
_LEAST, _WEAK = 1.35, 0.6
# A band is cut where its excess falls below this share of the lower peak.
_DEEP = 0.6
# A band ends where its excess falls below this share of its own peak for good.
_EDGE = 0.1
# A band begins a cluster once it stood out in the column before too, or at once where it stands out by so
# many
# thresholds: of noise that is drawn anew each column, each column is another chance.
_AT_ONCE = 1.2
# Places that must hold heat, and the share of all of them; else nothing can be said.
_ENOUGH, _FILLED = 20, 0.5
# USD. What decay leaves of a removed level is not heat.
_DUST = 1.0


class _Rows(NamedTuple):
    """Rows (R, D) of places: `y` log heat, `ok` where it counts, `distance` (R, D) from the price in logs."""

    usd: np.ndarray
    y: np.ndarray
    ok: np.ndarray
    distance: np.ndarray


def find_stock_bands(grid: HeatGrid, path: PricePath, rule: ClusterRule) -> Bands:
    """Search every observed column of a stock for bands.

    In each row ln USD is freed of a smooth profile over distance; a stretch is hot when its mean excess,
    single places cut, is more than its spread at that width shows by chance in the best of all stretches.
    Neighbours that vary together hold less evidence, by their correlation.
    """
    columns = np.flatnonzero(np.asarray(grid.observed))
    edges, first, heat, filled = _on_lattice(grid, columns)
    price = np.log(path.close[columns])
    if not len(columns) or not np.isfinite(price).any():
        return no_bands(columns, edges, heat, False)
    here = np.floor(np.where(np.isfinite(price), price, np.log(edges[0]) - 9) / STEP).astype(np.int64) - first
    places = int(np.ceil(rule.reach / STEP))
    usd = np.concatenate([_laid(one, here, side, places) for side, one in enumerate(heat)])
    part = np.concatenate([_laid(one, here, side, places) for side, one in enumerate(filled)])
    whole = np.ones((len(columns), len(edges) - 1), dtype=np.float32)
    # A place that the map covers in part only is none.
    whole[
        :, (edges[:-1] < grid.price_edges[0] * (1 - 1e-9)) | (edges[1:] > grid.price_edges[-1] * (1 + 1e-9))
    ] = 0
    known = np.concatenate([_laid(whole, here, side, places) for side in (0, 1)]) > 0
    rows = _rows(usd, known, part, np.tile(price - (here + first) * STEP, 2), len(columns))
    return _seen_twice(*_found(rows, rule, columns, edges, heat, here))


def _seen_twice(bands: Bands, at_once: np.ndarray) -> Bands:
    """Bands that begin a cluster only where one was seen in the column before, or in the first."""
    wide = len(bands.edges)
    turns = np.zeros((2 * (len(bands.columns) + 1), wide), dtype=np.int32)
    np.add.at(turns, (bands.row, bands.low), 1)
    np.add.at(turns, (bands.row, np.minimum(bands.high, wide - 1)), -1)
    # Whole numbers of one kind: a sum that changes their kind on the way takes ten times as long.
    held = np.zeros((len(turns), wide + 1), dtype=np.int32)
    np.cumsum(np.cumsum(turns, axis=1, dtype=np.int32) > 0, axis=1, dtype=np.int32, out=held[:, 1:])
    before = bands.row - 1
    seen = held[before, bands.high] > held[before, bands.low]
    return replace(bands, strong=bands.strong & (seen | at_once | (bands.column == 0)))


def _on_lattice(
    grid: HeatGrid, columns: np.ndarray
) -> tuple[np.ndarray, int, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Edges of the lattice (USD), the number of its first bin, and of both sides the heat in its bins and the
    share of each that filled bins of the map cover (C, P)."""
    ln = np.log(grid.price_edges)
    first, last = int(np.floor(ln[0] / STEP + 1e-9)), int(np.ceil(ln[-1] / STEP - 1e-9))
    edges = np.arange(first, max(last, first + 1) + 1) * STEP
    # Where each edge of the lattice lies among the bins of the map; heat is spread evenly over a bin.
    place = np.interp(edges, ln, np.arange(len(ln)))
    bin = np.minimum(place.astype(np.intp), len(ln) - 2)
    part = (place - bin).astype(np.float32)

    total = np.zeros((len(ln), len(columns)))

    def between(values: np.ndarray) -> np.ndarray:
        # Columns side by side: a running sum of many at once takes a fifth of the time.
        turned = np.ascontiguousarray(values.T)
        total[1:] = turned
        np.cumsum(total, axis=0, out=total)
        inside = total[bin] + part[:, None] * turned[bin]
        return np.ascontiguousarray(np.diff(inside, axis=0).T, dtype=np.float32)

    wide = (np.diff(ln) / STEP).astype(np.float32)
    long, short = (
        values if len(columns) == len(values) else values[columns] for values in (grid.long, grid.short)
    )
    filled = between((long > 0) * wide), between((short > 0) * wide)
    return np.exp(edges), first, (between(long), between(short)), filled


def _laid(values: np.ndarray, here: np.ndarray, side: int, places: int) -> np.ndarray:
    """(C, D) values (C, P) by place from the price outwards; 0 beyond the map."""
    bins = here[:, None] + (np.arange(places) if side else -np.arange(places))
    inside = (bins >= 0) & (bins < values.shape[1])
    return np.where(inside, np.take_along_axis(values, np.clip(bins, 0, values.shape[1] - 1), axis=1), 0.0)


def _rows(usd: np.ndarray, known: np.ndarray, filled: np.ndarray, above: np.ndarray, columns: int) -> _Rows:
    """`above` (R,) is how far the price stands over the lower edge of its own bin."""
    middle = (np.arange(usd.shape[1]) + 0.5) * STEP
    shift = np.where(np.arange(len(usd)) < columns, above - STEP, -above)
    distance = np.maximum(middle + shift[:, None], 1e-4)
    # Of the bin of the price only a part lies ahead, so it says nothing of the heat per bin.
    known[:, 0] = False
    ok = known & (usd >= _DUST)
    places = np.maximum(known.sum(axis=1), 1)
    enough = (ok.sum(axis=1) >= _ENOUGH) & ((filled * known).sum(axis=1) >= _FILLED * places)
    ok &= enough[:, None]
    return _Rows(usd, np.log(np.maximum(usd, _DUST)), ok, distance)


def _middle(values: np.ndarray, ok: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Quantile of the values that are ok in each row, 0 of none."""
    ordered = np.where(ok, values, np.inf)
    ordered.sort(axis=1)
    at = np.clip((share * (ok.sum(axis=1) - 1)).round().astype(np.intp), 0, values.shape[1] - 1)
    out = ordered[np.arange(len(values)), at]
    return np.where(np.isfinite(out), out, 0.0)


def _scale(rest: np.ndarray, ok: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and spread of each row, which a minority of bands does not move; no less than the upper tail
    says."""
    ordered = np.where(ok, rest, np.inf)
    ordered.sort(axis=1)
    n, row = ok.sum(axis=1), np.arange(len(rest))

    def quantile(share: float) -> np.ndarray:
        return ordered[row, np.clip((share * (n - 1)).round().astype(np.intp), 0, rest.shape[1] - 1)]

    middle = np.where(n > 0, quantile(0.5), 0.0)
    upper = np.where(n > 0, (quantile(0.8) - middle) / 0.8416, 0.0)
    # In memory that is at hand: to ask for more takes longer than the sums.
    away = np.abs(np.subtract(rest, middle[:, None], out=ordered), out=ordered)
    both = 1.4826 * _middle(away, ok)
    return middle, np.maximum(np.maximum(both, np.minimum(upper, 2.0 * both)), 0.03)


def _profile(rows: _Rows) -> tuple[np.ndarray, np.ndarray]:
    """The smooth profile (R, D) of log heat, and the spread of what is left; bands are weighed down.

    First a global shape over distance, which takes the steep rise next to the price, then a local line within
    2 % on what that leaves (Cleveland, Robust locally weighted regression, 1979).
    """
    ok, d = rows.ok, rows.distance
    log = np.log(d + 0.002)
    basis = np.stack([np.ones_like(log), log, log**2 / 5, d * 10, d**2 * 50], axis=2)
    weight, value = ok.astype(np.float64), np.where(ok, rows.y, 0.0)
    ridge, heavy = 1e-6 * np.eye(basis.shape[2]), np.empty_like(basis)
    for _ in range(_TURNS + 1):
        np.multiply(basis, weight[..., None], out=heavy)
        weighed = heavy.transpose(0, 2, 1)
        fit = (basis @ np.linalg.solve(weighed @ basis + ridge, weighed @ value[..., None]))[..., 0]
        weight = _weight(value - fit, ok)
    left = np.where(ok, value - fit, 0.0)
    # Places as coordinates around the middle, so that sums of squares keep their digits.
    x = np.arange(ok.shape[1]) - ok.shape[1] / 2
    half = sum(_BOXES) / 2
    line = np.zeros_like(left)
    for _ in range(_TURNS):
        # s: sums of weights times 1, x and x² around each place, t: of weighted values times 1 and x; the
        # line is (s2·t0 − s1·t1) / (s2·s0 − s1²), in memory that is at hand.
        held = weight * left
        s0, t0 = smoothed(weight, _BOXES), smoothed(held, _BOXES)
        s1, t1 = smoothed(weight * x, _BOXES), smoothed(np.multiply(held, x, out=held), _BOXES)
        s2 = smoothed(np.multiply(weight, x**2, out=held), _BOXES)
        s2 -= np.multiply(2 * x, s1, out=held)
        s2 += np.multiply(x**2, s0, out=held)
        s2 += np.multiply(0.02, s0, out=held) * half**2
        t1 -= np.multiply(x, t0, out=held)
        s1 -= np.multiply(x, s0, out=held)
        s0 *= s2
        s0 -= np.multiply(s1, s1, out=held)
        s2 *= t0
        s2 -= np.multiply(s1, t1, out=held)
        line = np.divide(s2, np.maximum(s0, 1e-9, out=s0), out=s2)
        weight = _weight(left - line, ok)
    middle, scale = _scale(left - line, ok)
    return np.where(ok, fit + line + middle[:, None], 0.0), scale


def _weight(rest: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Weights that do not let bands lift the profile."""
    middle, scale = _scale(rest, ok)
    over = rest - middle[:, None]
    over /= scale[:, None]
    np.maximum(over, 0.0, out=over)
    for _ in range(2):
        over *= over
    over /= 20
    over += 1
    return np.divide(ok, over, out=over)


def _spread_of_mean(rho: np.ndarray, width: np.ndarray | int) -> np.ndarray:
    """Spread of the mean of so many neighbours with lag-1 correlation rho, in spreads of one."""
    n, r = np.asarray(width, dtype=np.float64), np.minimum(rho, 0.95)
    # 1 + 2 Σ (1 − k/n) r^k in closed form.
    more = (1 + r) / (1 - r) - 2 * r * (1 - r**n) / (n * (1 - r) ** 2)
    return np.sqrt(np.maximum(more, 1e-9) / n)


def _found(
    rows: _Rows,
    rule: ClusterRule,
    columns: np.ndarray,
    edges: np.ndarray,
    heat: tuple[np.ndarray, np.ndarray],
    here: np.ndarray,
) -> tuple[Bands, np.ndarray]:
    """All bands, and which of them (N,) stand out by far."""
    fit, scale = _profile(rows)
    ok = rows.ok
    rest = np.where(ok, rows.y - fit, 0.0)
    beside = np.maximum(rest[:, :-2], rest[:, 2:])
    lone = (rest[:, 1:-1] > 3.5 * scale[:, None]) & (beside < 1.75 * scale[:, None])
    scale = scale * np.where(lone.sum(axis=1) > _LONELY, _HEAVY, 1.0)
    cut = np.clip(rest, -_CUT * scale[:, None], _CUT * scale[:, None])
    calm = np.clip(rest, -1.5 * scale[:, None], 1.5 * scale[:, None])
    both = ok[:, 1:] & ok[:, :-1]
    pairs = (calm[:, 1:] * calm[:, :-1] * both).sum(axis=1)
    rho = np.clip(pairs / np.maximum((calm**2 * ok).sum(axis=1), 1e-9), 0.0, 0.95)
    tried = np.maximum(sum(2.0 / width for width in _WIDTHS) * ok.sum(axis=1), 2.0)
    bar = -ndtri(rule.stock_alpha / tried)
    mask, alone = _hot(ok, rest, cut, scale, rho, bar)
    soft = convolve1d(np.where(ok, rows.usd, 0.0), np.array([0.25, 0.5, 0.25]), axis=1, mode="constant")
    base = np.where(ok, np.exp(fit), 0.0)
    over = np.maximum(soft - base, 0.0)

    def sure(row: np.ndarray, peak: np.ndarray, valley: np.ndarray) -> np.ndarray:
        return np.log((peak + under[row]) / (valley + under[row])) > 2.6 * scale[row]

    under = np.where(ok.any(axis=1), _middle(base, mask), 1.0)
    row, low, high = scan.cut_at_valleys(over, *scan.runs(mask), _DEEP, sure)
    low, high = _trimmed(rows.usd - base, row, low, high)
    size = high - low
    means = scan.running(cut)
    z = (means[row, high] - means[row, low]) / size / (scale[row] * _spread_of_mean(rho[row], size))
    some = scan.running(alone)
    z = np.where(some[row, high] > some[row, low], np.maximum(z, bar[row]), z)
    return _bands(rows, rule, columns, edges, heat, here, (row, low, high), z, bar, tried, base)


def _trimmed(
    over: np.ndarray, row: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Stretches without ends that hold next to nothing over the profile."""
    wide = int((high - low).max(initial=1))
    place = low[:, None] + np.arange(wide)
    inner = over[row[:, None], np.minimum(place, over.shape[1] - 1)]
    inner = np.where(place < high[:, None], inner, -np.inf)
    kept = inner >= _EDGE * inner.max(axis=1, keepdims=True)
    return low + kept.argmax(axis=1), low + wide - kept[:, ::-1].argmax(axis=1)


def _hot(
    ok: np.ndarray, rest: np.ndarray, cut: np.ndarray, scale: np.ndarray, rho: np.ndarray, bar: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places that belong to a hot stretch, down to the weak threshold, and those that stand out all alone."""
    places = ok.shape[1]
    mask = np.zeros((len(ok), places), dtype=np.bool_)
    sums, means = scan.running(cut), scan.running(rest)
    for width in _WIDTHS:
        if width > places:
            break
        z = (sums[:, width:] - sums[:, :-width]) / width / (scale * _spread_of_mean(rho, width))[:, None]
        hit = (z >= _WEAK * bar[:, None]) & ((means[:, width:] - means[:, :-width]) / width >= np.log(_LEAST))
        row, low = np.nonzero(hit)
        if len(row):
            # Each hit covers `width` places from its first on.
            turns = np.zeros((len(ok), places), dtype=np.int32)
            turns[row, low] += 1
            some = low + width < places
            turns[row[some], low[some] + width] -= 1
            np.cumsum(turns, axis=1, out=turns)
            mask |= turns > 0
    alone = ok & (rest >= np.maximum(_ALONE * scale[:, None], np.log(2 * _LEAST)))
    # A stretch overhangs; a place belongs to it only if it stands out a little itself.
    own = rest > np.maximum(0.5 * scale[:, None], np.log(1 + (_LEAST - 1) / 2))
    mask = (mask | alone) & own & ok
    mask[:, 1:-1] |= mask[:, :-2] & mask[:, 2:] & ok[:, 1:-1]
    return mask, alone


def _bands(
    rows: _Rows,
    rule: ClusterRule,
    columns: np.ndarray,
    edges: np.ndarray,
    heat: tuple[np.ndarray, np.ndarray],
    here: np.ndarray,
    found: tuple[np.ndarray, np.ndarray, np.ndarray],
    z: np.ndarray,
    bar: np.ndarray,
    tried: np.ndarray,
    base: np.ndarray,
) -> tuple[Bands, np.ndarray]:
    row, low, high = found
    last = np.array([len(columns) - 1, 2 * len(columns) - 1])
    silent = rows.usd[last].any(axis=1) & ~rows.ok[last].any(axis=1)
    usd = rows.usd.astype(np.float64)
    totals, under = scan.running(usd), scan.running(base)
    notional, expected = totals[row, high] - totals[row, low], under[row, high] - under[row, low]
    enough = (z >= _WEAK * bar[row]) & (notional >= max(rule.minimum_usd, _DUST))
    enough &= notional >= rule.minimum_share * totals[row, -1]
    row, low, high, z, notional, expected = (
        values[enough] for values in (row, low, high, z, notional, expected)
    )
    short, column = row // len(columns), row % len(columns)
    wide = int((high - low).max(initial=1))
    place = low[:, None] + np.arange(wide)
    inside = place < high[:, None]
    inner = np.where(inside, np.take_along_axis(usd[row], np.minimum(place, usd.shape[1] - 1), axis=1), 0.0)
    step = np.where(short == 1, 1, -1)
    bins = np.clip(here[column][:, None] + step[:, None] * place, 0, len(edges) - 2)
    centres = np.log(edges[:-1] * edges[1:])[bins] / 2
    # Rounded, so that what else is on the map does not show in the last digit.
    centre = np.round(np.exp((inner * centres).sum(axis=1) / np.maximum(inner.sum(axis=1), 1e-9)), 6)
    one, other = here[column] + step * low, here[column] + step * (high - 1)
    made = Bands(
        columns,
        edges,
        heat,
        None,
        short * (len(columns) + 1) + column,
        np.minimum(one, other),
        np.maximum(one, other) + 1,
        np.round(notional, 2),
        inner.max(axis=1, initial=0.0),
        centre,
        np.round(expected, 2),
        np.minimum(ndtr(-z) * tried[row], 1.0),
        np.full(len(row), np.nan),
        z >= bar[row],
        np.zeros(len(row), dtype=bool),
        (bool(silent[0]), bool(silent[1])),
    )
    return made, z >= _AT_ONCE * bar[row]
