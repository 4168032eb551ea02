"""Identity over time: which bands of successive columns are one cluster, and what happened to it.

This is the engine under `clusters.track_clusters`; it works on the arrays of `bands.Bands` and returns
arrays and plain tuples. It looks at columns in order and never ahead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import log
from typing import NamedTuple

import numpy as np

from liqcore.heat.bands import Bands, ClusterRule, PricePath

KINDS = ("appeared", "split", "re-emerged", "grew", "shrank", "shifted", "swept", "merged", "dissipated")
# Columns over which the average true range is taken.
_RANGE_COLUMNS = 14


class Happening(NamedTuple):
    """One event of one cluster: observed column, kind, cluster number, USD and centre before and after.

    `band` is the band it happened to (its index in `Bands`), `other` the number of the cluster that it
    merged into or split from, or -1.
    """

    column: int
    kind: str
    cluster: int
    before: float
    after: float
    centre_before: float
    centre_after: float
    band: int
    other: int = -1


@dataclass(frozen=True, eq=False)
class Lives:
    """The clusters of a grid: `cluster` (N,) numbers the cluster of each band; `happenings` in order of
    time."""

    cluster: np.ndarray
    happenings: list[Happening]


def follow(bands: Bands, path: PricePath, rule: ClusterRule, horizon: int) -> Lives:
    """Give every band its cluster, and name what happened.

    Bands of neighbouring columns are one cluster when their intervals overlap by `rule.overlap` of their
    union, heavier clusters choosing first; then clusters that went missing may be found again; then
    centres within `rule.tolerance` count. What is left over merged, was swept, dissipated, split off,
    re-emerged or appeared. Growth, shrinking and shifts compare with `horizon` columns ago.
    """
    facts, root = _facts(bands, rule, len(bands.edges) - 1)
    size, columns = len(root), bands.columns
    heads = np.flatnonzero(root == np.arange(size))
    cluster, life = np.full(size, -1), np.full(size, -1)
    start = np.full(size, len(columns))
    happenings: list[Happening] = []
    price = path.close[columns].tolist(), path.low[columns].tolist(), path.high[columns].tolist()
    # Bands of a flow are made by price crossing them, and without prices nothing is known to be crossed.
    sweeps = not bands.flow and path.source != "heat"
    numbers = lives = 0
    for side, heat in enumerate(bands.heat):
        walker = _Walker(rule, heat, *price, sweeps, facts, numbers, lives)
        walker.walk(heads[bands.side[heads] == side], _first_strong(bands, root, side))
        numbers, lives = walker.numbers, walker.lives
        for head, owner in walker.heads.items():
            cluster[head], life[head], start[head] = owner
        happenings += walker.out
    # A chain too faint to begin a cluster belongs to none until it is strong.
    cluster, life = (np.where(bands.column >= start[root], values[root], -1) for values in (cluster, life))
    happenings += _changes(bands, path, rule, cluster, life, horizon, sweeps)
    happenings.sort(key=lambda h: (h.column, KINDS.index(h.kind), h.cluster))
    return Lives(cluster, happenings)


def _first_strong(bands: Bands, root: np.ndarray, side: int) -> dict[int, int]:
    """The first strong band of each chain of one side that has one, by the first band of the chain."""
    strong = np.flatnonzero(bands.strong & (bands.side == side))[::-1]
    return dict(zip(root[strong].tolist(), strong.tolist(), strict=True))


class _Facts(NamedTuple):
    """The bands as plain lists, which are quicker to look up one by one.

    `root` is the first band of the chain of each band, `tail` the last band of each chain by its first one.
    `ahead` and `behind` give the bands of the next and the previous column that overlap each band.
    """

    low: list[int]
    high: list[int]
    centre: list[float]
    usd: list[float]
    column: list[int]
    root: list[int]
    tail: dict[int, int]
    ahead: list[tuple[int, int]]
    behind: list[tuple[int, int]]


def _facts(bands: Bands, rule: ClusterRule, bins: int) -> tuple[_Facts, np.ndarray]:
    """The facts about all bands, and the first band (N,) of the chain of each.

    A chain links bands of successive columns that overlap each other enough, and nothing else as much:
    whoever chooses first, they find each other. All else needs a decision, which `_Walker` takes.
    """
    size, wide = len(bands.row), bins + 1
    # Seen from the price, as bands are ordered, the bins of the long side ascend downwards.
    short = bands.side == 1
    low, high = np.where(short, bands.low, bins - bands.high), np.where(short, bands.high, bins - bands.low)
    lows, highs = bands.row * wide + low, bands.row * wide + high
    ahead = np.searchsorted(highs, lows + wide, "right"), np.searchsorted(lows, highs + wide, "left")
    behind = np.searchsorted(highs, lows - wide, "right"), np.searchsorted(lows, highs - wide, "left")
    number = ahead[1] - ahead[0]
    one = np.repeat(np.arange(size), number)
    other = np.arange(number.sum()) + np.repeat(ahead[0] - (np.cumsum(number) - number), number)
    common = np.minimum(high[one], high[other]) - np.maximum(low[one], low[other])
    alike = common >= rule.overlap * ((high - low)[one] + (high - low)[other] - common)
    one, other = one[alike], other[alike]
    sure = (np.bincount(one, minlength=size)[one] == 1) & (np.bincount(other, minlength=size)[other] == 1)
    root, following = np.arange(size), np.full(size, -1)
    root[other[sure]], following[one[sure]] = one[sure], other[sure]
    while True:
        further = root[root]
        if np.array_equal(further, root):
            break
        root = further
    tails = np.flatnonzero(following < 0)
    return (
        _Facts(
            bands.low.tolist(),
            bands.high.tolist(),
            bands.centre.tolist(),
            bands.notional.tolist(),
            bands.column.tolist(),
            root.tolist(),
            dict(zip(root[tails].tolist(), tails.tolist(), strict=True)),
            list(zip(ahead[0].tolist(), ahead[1].tolist(), strict=True)),
            list(zip(behind[0].tolist(), behind[1].tolist(), strict=True)),
        ),
        root,
    )


@dataclass
class _Walker:
    """The clusters of one side while its columns are walked through."""

    rule: ClusterRule
    heat: np.ndarray
    close: list[float]
    low: list[float]
    high: list[float]
    sweeps: bool
    facts: _Facts
    numbers: int
    lives: int
    last: dict[int, int] = field(default_factory=dict)
    life: dict[int, int] = field(default_factory=dict)
    ends: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    missing: dict[int, tuple[int, str, float]] = field(default_factory=dict)
    deaths: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[int, int] = field(default_factory=dict)
    chain: dict[int, int] = field(default_factory=dict)
    due: list[int] = field(default_factory=list)
    faint: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    out: list[Happening] = field(default_factory=list)

    def walk(self, heads: np.ndarray, strong: dict[int, int]) -> None:
        """Go through the columns in which something begins, ends or is looked for.

        `heads` are the first bands of the chains, `strong` the first strong band of those that have one.
        """
        column = self.facts.column
        begins: dict[int, list[int]] = defaultdict(list)
        faint = self.faint
        promoted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for head in heads.tolist():
            at = strong.get(head, -1)
            (begins if at == head else faint)[column[head]].append(head)
            if at > head:
                promoted[column[at]].append((head, at))
        self.due = [*{*begins, *promoted}]
        heapify(self.due)
        done = -1
        while self.due:
            now = heappop(self.due)
            if now > done:
                done = now
                late = {at: head for head, at in promoted.get(now, ()) if head not in self.heads}
                self.chain |= late
                self.step(now, [*begins.get(now, ()), *late], faint.get(now, []))

    def _expect(self, column: int) -> None:
        if column < len(self.close):
            heappush(self.due, column)

    def step(self, now: int, new: list[int], faint: list[int]) -> None:
        """Match clusters that ended in the column before, or are missing, with the bands that are free in
        this one.

        `new` bands are strong enough to begin a cluster, `faint` ones can only carry one on.
        """
        lapsed = self.ends.pop(now, [])
        free = sorted([*new, *faint])
        taken = self._match(lapsed, free) if free and (lapsed or self.missing) else {}
        for cluster, band in taken.items():
            self.missing.pop(cluster, None)
            self._extend(cluster, band)
        for cluster in lapsed:
            if cluster not in taken:
                self._lose(cluster, now)
        used = set(taken.values())
        for band in new:
            if band not in used:
                self._begin(band, now)
        for cluster in self.deaths.pop(now, []):
            if self.missing.get(cluster, (-1,))[0] == now:
                self._die(cluster, now)

    def _match(self, lapsed: list[int], free: list[int]) -> dict[int, int]:
        """Clusters with the bands that carry them on: by overlap those just seen, then those missing; then by
        centre."""
        taken: dict[int, int] = {}
        missing = list(self.missing)
        for group, fit in (
            (lapsed, self._overlap),
            (missing, self._overlap),
            ([*lapsed, *missing], self._near),
        ):
            used = set(taken.values())
            left = [band for band in free if band not in used]
            if left and group:
                taken |= self._greedy([cluster for cluster in group if cluster not in taken], left, fit)
        return taken

    def _greedy(
        self, clusters: list[int], bands: list[int], fit: Callable[[int, int], float]
    ) -> dict[int, int]:
        """Which cluster takes which band, the heaviest cluster first, then the closest fit."""
        last, usd = self.last, self.facts.usd
        found = [
            (-usd[last[c]], -how, band, c)
            for c in clusters
            for band in bands
            if (how := fit(last[c], band)) > 0
        ]
        pairs: dict[int, int] = {}
        for _, _, band, cluster in sorted(found):
            if cluster not in pairs and band not in pairs.values():
                pairs[cluster] = band
        return pairs

    def _common(self, one: int, other: int) -> int:
        low, high = self.facts.low, self.facts.high
        return min(high[one], high[other]) - max(low[one], low[other])

    def _size(self, band: int) -> int:
        return self.facts.high[band] - self.facts.low[band]

    def _overlap(self, one: int, other: int) -> float:
        """Intersection over union of two bands; 0 when it is too little."""
        common = self._common(one, other)
        union = self._size(one) + self._size(other) - common
        return common / union if common > 0 and common >= self.rule.overlap * union else 0.0

    def _near(self, one: int, other: int) -> float:
        """1 for equal centres down to 0 beyond the tolerance."""
        a, b = self.facts.centre[one], self.facts.centre[other]
        return max(0.0, 1.0 - abs(a - b) / (min(a, b) * self.rule.tolerance)) if self.rule.tolerance else 0.0

    def _extend(self, cluster: int, band: int) -> None:
        head = self.chain.get(band, band)
        tail = self.facts.tail[head]
        self.heads[head] = cluster, self.life[cluster], self.facts.column[band]
        self.last[cluster] = tail
        after = self.facts.column[tail] + 1
        self.ends[after].append(cluster)
        self._expect(after)

    def _owner(self, band: int) -> int:
        """The cluster that a band belongs to by now, or -1."""
        cluster, _, start = self.heads.get(self.facts.root[band], (-1, 0, 0))
        return cluster if start <= self.facts.column[band] else -1

    def _lose(self, cluster: int, now: int) -> None:
        """A cluster that no band continues has merged, or is missing until it is found again or must be
        dead."""
        band = self.last[cluster]
        into = [
            other
            for other in range(*self.facts.ahead[band])
            if self._owner(other) >= 0 and 2 * self._common(band, other) >= self._size(band)
        ]
        if into:
            other = max(into, key=self.facts.usd.__getitem__)
            self._tell("merged", now, cluster, band, other, self._owner(other))
            return
        low, high, centre = self.facts.low[band], self.facts.high[band], self.facts.centre[band]
        enough, unseen, column = self.rule.decay * self.facts.usd[band], 0, now
        while column < len(self.close):
            # Mostly it is decided within the patience; out of reach it can take long.
            for left in (
                self.heat[column : column + self.rule.patience, low:high]
                .sum(axis=1, dtype=np.float64)
                .tolist()
            ):
                unseen += abs(log(self.close[column] / centre)) <= self.rule.reach
                over = left <= enough or unseen >= self.rule.patience
                if over or column in self.faint:
                    # Until it is dead, a faint band may be found to carry it on.
                    self._expect(column)
                if over:
                    self.missing[cluster] = column, self._end(centre, now, column + 1), left
                    self.deaths[column].append(cluster)
                    return
                column += 1
        self.missing[cluster] = column, "dissipated", 0.0

    def _end(self, centre: float, begin: int, stop: int) -> str:
        crossed = self.sweeps and any(self.low[t] <= centre <= self.high[t] for t in range(begin, stop))
        return "swept" if crossed else "dissipated"

    def _die(self, cluster: int, now: int) -> None:
        _, kind, left = self.missing.pop(cluster)
        band = self.last[cluster]
        self.dead[cluster] = now
        usd, centre = self.facts.usd[band], self.facts.centre[band]
        self.out.append(Happening(now, kind, cluster, usd, left, centre, centre, band))

    def _begin(self, band: int, now: int) -> None:
        """A band that continues nothing has split off, has come back, or is new."""
        self.lives += 1
        parents = [
            other
            for other in range(*self.facts.behind[band])
            if (owner := self._owner(other)) >= 0
            and self.facts.column[self.last[owner]] >= now
            and 2 * self._common(other, band) >= self._size(band)
        ]
        if not parents:
            ghosts = [c for c, when in self.dead.items() if now - when <= self.rule.memory]
            for cluster in self._greedy(ghosts, [band], self._overlap) or self._greedy(
                ghosts, [band], self._near
            ):
                held = self.last[cluster]
                del self.dead[cluster]
                self.life[cluster] = self.lives
                self._extend(cluster, band)
                self._tell("re-emerged", now, cluster, held, band)
                return
        cluster, self.numbers = self.numbers, self.numbers + 1
        self.life[cluster] = self.lives
        self._extend(cluster, band)
        if parents:
            parent = max(parents, key=self.facts.usd.__getitem__)
            self._tell("split", now, cluster, parent, band, self._owner(parent))
        else:
            centre = self.facts.centre[band]
            self.out.append(
                Happening(now, "appeared", cluster, 0.0, self.facts.usd[band], centre, centre, band)
            )

    def _tell(self, kind: str, now: int, cluster: int, before: int, after: int, other: int = -1) -> None:
        usd, centre = self.facts.usd, self.facts.centre
        band = before if kind == "merged" else after
        self.out.append(
            Happening(now, kind, cluster, usd[before], usd[after], centre[before], centre[after], band, other)
        )


def _changes(
    bands: Bands,
    path: PricePath,
    rule: ClusterRule,
    cluster: np.ndarray,
    life: np.ndarray,
    horizon: int,
    sweeps: bool,
) -> list[Happening]:
    """What happened to clusters that lived on: grew, shrank, shifted, or swept in part."""
    order = np.argsort(life, kind="stable")[np.count_nonzero(life < 0) :]
    own, column = life[order], bands.column[order]
    usd, centre = bands.notional[order], bands.centre[order]
    wide = len(bands.columns) + horizon + 1
    key = own * wide + column
    first = np.searchsorted(own, own, "left")
    base = np.maximum(np.searchsorted(key, key - horizon, "right") - 1, first)
    previous = np.maximum(np.arange(len(own)) - 1, first)
    low, high = path.low[bands.columns][column], path.high[bands.columns][column]
    crossed = sweeps & (low <= centre[previous]) & (high >= centre[previous])
    swept = crossed & (usd <= rule.decay * usd[previous]) & (previous < np.arange(len(own)))
    change = np.abs(usd - usd[base]) >= rule.minimum_usd
    ratio = usd / usd[base]
    moved = np.abs(centre - centre[base]) > np.maximum(
        rule.shift * centre, rule.shift_range * _true_range(path, bands.columns)[column]
    )
    found = {
        "swept": (swept, previous),
        "grew": ((ratio >= rule.growth) & change, base),
        "shrank": ((ratio <= rule.decay) & change, base),
        "shifted": (moved & (np.abs(ratio - 1) <= 0.5), base),
    }
    out = []
    for kind, (now, against) in found.items():
        begins = now & ~(now[previous] & (previous < np.arange(len(own))))
        begins = np.flatnonzero(begins & ~swept if kind == "shrank" else begins)
        told: dict[int, int] = {}
        for i in begins.tolist():
            # What goes on changing is told once a horizon.
            if column[i] - told.get(own[i], -horizon) >= horizon:
                told[own[i]] = column[i]
                j, band = against[i], int(order[i])
                out.append(
                    Happening(
                        int(column[i]),
                        kind,
                        int(cluster[band]),
                        float(usd[j]),
                        float(usd[i]),
                        float(centre[j]),
                        float(centre[i]),
                        band,
                    )
                )
    return out


def _true_range(path: PricePath, columns: np.ndarray) -> np.ndarray:
    """(C,) USD: mean range of up to 14 columns, gaps from the last close included; 0 where unknown."""
    if path.source != "candles":
        return np.zeros(len(columns))
    span = path.high[columns] - path.low[columns]
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(span))])
    counts = np.concatenate([[0], np.cumsum(np.isfinite(span))])
    end = np.arange(1, len(columns) + 1)
    start = np.maximum(end - _RANGE_COLUMNS, 0)
    return (sums[end] - sums[start]) / np.maximum(counts[end] - counts[start], 1)
