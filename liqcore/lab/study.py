"""A study cut into parts that can be made anywhere, in any order, and add up to the same.

A part is a stretch of one venue with the past its controls may come from. Its chance comes from its own
number, so that machines, order and interruptions change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.lab.event_study import MINUTES, Design, Levels, observe
from liqcore.lab.hot_levels import Finder, hottest
from liqcore.lab.placebos import random_levels
from liqcore.lab.touches import Bars

DAY: Final = 86_400_000_000
# Of the method: a change that moves figures moves this, and every hash with it.
VERSION: Final = 2


@dataclass(frozen=True)
class Venue:
    """What a study needs of one venue: candles, and open interest and liquidations where there are any."""

    name: str
    candles: pd.DataFrame
    open_interest: pd.DataFrame | None = None
    liquidations: pd.DataFrame | None = None


@dataclass(frozen=True)
class Plan:
    """What a study asks; part of its hash.

    `levels`: `hottest` of a model, or `random` ones as a placebo. `part_days`: length of a part.
    """

    finder: Finder = field(default_factory=Finder)
    design: Design = field(default_factory=Design)
    levels: Literal["hottest", "random"] = "hottest"
    seed: int = 1
    part_days: int = 120


@dataclass(frozen=True)
class Part:
    """A stretch of a venue: levels fixed from `begin` to before `end` (µs) count; earlier bars are the
    past."""

    number: int
    venue: Venue
    begin: int
    end: int

    @property
    def title(self) -> str:
        """Venue and days, for progress."""
        first, last = (pd.Timestamp(edge, unit="us") for edge in (self.begin, self.end - 1))
        return f"{self.venue.name}, {wording.day(first)} to {wording.day(last)}"


def parts(venues: Iterable[Venue], plan: Plan) -> Iterator[Part]:
    """The parts of a study in order, each with its own slices of the tables."""
    number = 0
    lead = int(plan.design.memory_days * DAY)
    settle = int(plan.design.hours * 3.6e9) + (max(MINUTES) + 60) * 60_000_000
    for venue in venues:
        opened = tables.microseconds(venue.candles["time"])
        if not len(opened):
            continue
        first, last = int(opened[0] // DAY * DAY), int(opened[-1]) + 1
        for begin in range(first, last, plan.part_days * DAY):
            end = min(begin + plan.part_days * DAY, last)
            span = begin - lead, end + settle
            cut = Venue(
                venue.name,
                _between(venue.candles, span),
                None if venue.open_interest is None else _between(venue.open_interest, span),
                None if venue.liquidations is None else _between(venue.liquidations, span),
            )
            yield Part(number, cut, begin, end)
            number += 1


def make(part: Part, plan: Plan) -> pd.DataFrame:
    """The sums of one part, with its venue; equal on every machine."""
    rng = np.random.default_rng((plan.seed, part.number))
    venue = part.venue
    if plan.levels == "random":
        levels = random_levels(venue.candles, rng)
    else:
        levels = hottest(venue.candles, venue.open_interest, plan.finder)
    closes_at = Bars.of(venue.candles).time[levels.bar]
    own = (closes_at >= part.begin) & (closes_at < part.end)
    levels = Levels(levels.bar[own], levels.price[own], levels.side[own])
    return observe(venue.candles, levels, rng, venue.liquidations, plan.design).assign(venue=venue.name)


def mark(plan: Plan, venues: Iterable[Venue]) -> str:
    """The hash that a study is cited and resumed by: what is asked, of what data, by which version."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(f"{VERSION}|{plan!r}".encode())
    for venue in venues:
        for table in (venue.candles, venue.open_interest, venue.liquidations):
            if table is None or table.empty:
                digest.update(b"|nothing")
                continue
            ends = tables.microseconds(table["time"])[[0, -1]].tolist()
            sums = [float(total).hex() for total in table.select_dtypes("number").sum()]
            digest.update(f"|{venue.name}|{len(table)}|{ends}|{sums}".encode())
    return digest.hexdigest()


def _between(table: pd.DataFrame, span: tuple[int, int]) -> pd.DataFrame:
    first, stop = np.searchsorted(tables.microseconds(table["time"]), span)
    return table.iloc[int(first) : int(stop)].reset_index(drop=True)
