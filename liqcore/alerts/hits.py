"""When conditions come true: the moments, and how moments of several conditions combine."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from liqcore import tables
from liqcore.alerts.rules import Condition, Group


class Hit(NamedTuple):
    """A condition that came true.

    `time` is in microseconds since 1970 UTC, `bar` the bar whose close (or in which the event) it was.
    `key` names the thing it happened to, so that it is told once. `level` and `price` are where it was looked
    for and where it happened (USD), `before` and `after` what changed, in `unit`, and `usd` the heat
    concerned. `born` is when the cluster concerned was first seen (microseconds), None where that was too
    early to be known. `event`: it is told of an event itself, not at the close of a bar.
    """

    time: int
    bar: int
    key: str
    what: str
    side: str
    level: float | None
    price: float | None
    usd: float
    before: float | None
    after: float | None
    unit: str
    words: str
    heat: str
    within: float
    cluster: str | None = None
    born: int | None = None
    event: bool = False


def latched(on: np.ndarray, off: np.ndarray) -> np.ndarray:
    """(T,) bool: true from a bar of `on` until a bar of `off` (hysteresis); false before the first of
    either."""
    mark = np.where(on, 1, np.where(off, -1, 0))
    last = (
        np.maximum.accumulate(np.where(mark != 0, np.arange(len(mark)), -1))
        if len(mark)
        else np.zeros(0, dtype=int)
    )
    return (last >= 0) & (mark[last] > 0) if len(mark) else np.zeros(0, dtype=bool)


def rises(state: np.ndarray) -> np.ndarray:
    """Bars at which a state becomes true, after one at which it was not."""
    return np.flatnonzero(state[1:] & ~state[:-1]) + 1


def at_least(values: list[np.ndarray], count: int, size: int) -> np.ndarray:
    """(T,) the `count`-th largest of several series: what at least so many of them reach; −inf with fewer
    series."""
    if len(values) < count:
        return np.full(size, -np.inf)
    return np.sort(np.stack(values), axis=0)[-count]


def window_sum(values: np.ndarray, bars: int) -> np.ndarray:
    """(T,) sum over the last `bars` bars, the current one included; what rounding leaves of nothing is
    nothing."""
    running = np.concatenate([[0.0], np.cumsum(values)])
    begin = np.maximum(np.arange(1, len(running)) - bars, 0)
    out = running[1:] - running[begin]
    return np.where(out < 0.5, 0.0, out)


def shifted(values: np.ndarray, bars: int) -> np.ndarray:
    """(T,) the value so many bars ago; NaN before the first."""
    out = np.full(len(values), np.nan)
    if bars < len(values):
        out[bars:] = values[: len(values) - bars]
    return out


def combine(group: Group, hits: Callable[[Condition], list[Hit]]) -> list[Hit]:
    """Moments at which a group comes true, in order of time.

    `any`: every moment of every part. `all`: the moments of a part by which each other part has come true
    within `together`; what the other parts said is told too.
    """
    parts = [hits(part) if isinstance(part, Condition) else combine(part, hits) for part in group.parts]
    together = int(tables.timeframe(group.together).astype("int64"))
    if group.match == "any" or len(parts) == 1:
        return sorted((hit for part in parts for hit in part), key=lambda hit: (hit.time, hit.what, hit.key))
    if not all(parts):
        return []
    times = [np.array([hit.time for hit in part]) for part in parts]
    out = []
    for number, part in enumerate(parts):
        for hit in part:
            last = [int(np.searchsorted(mine, hit.time, "right")) - 1 for mine in times]
            held = all(
                at >= 0 and hit.time - int(mine[at]) <= together for at, mine in zip(last, times, strict=True)
            )
            # Two parts of one moment make one hit, that of the first part.
            first = min(
                (n for n, at in enumerate(last) if at >= 0 and times[n][at] == hit.time), default=number
            )
            if held and number == first:
                others = [parts[n][at] for n, at in enumerate(last) if n != number]
                words = " ".join([hit.words, *(other.words for other in others)])
                key = "+".join([hit.key, *sorted({other.key for other in others})])
                out.append(hit._replace(words=words, key=key))
    return sorted(out, key=lambda hit: (hit.time, hit.what, hit.key))
