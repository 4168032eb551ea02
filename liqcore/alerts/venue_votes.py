"""Which venues show heat at the places that rules ask about, bar by bar, by their realised maps.

All places are answered together, a side and some bars at a time: what venues held by a bar is summed once for
all of them, and only what comes of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from liqcore import tables
from liqcore.heat.ground import Ground
from liqcore.heat.ledger import Ledger, ledgers, moments
from liqcore.heat.votes import ask, held
from liqcore.heat.votes_everywhere import hot_at, within_reach

# Chance at which one venue is called hot, the same however many are heard later; and bars that are asked at a
# time.
_VENUE_CHANCE, _CHUNK = 0.005, 64


class Place(NamedTuple):
    """What a rule asks about: `long`, `short` or `both`, a level (USD), and the share of price around it."""

    side: str
    level: float
    within: float

    @property
    def edges(self) -> tuple[float, float]:
        """USD."""
        return self.level * np.exp(-self.within), self.level * np.exp(self.within)


class Question(NamedTuple):
    """Do these venues agree at a place of one side, `long` or `short`, at a bar?"""

    place: Place
    bar: int
    venues: tuple[str, ...]


class Agreed(NamedTuple):
    """How many venues are hot and cold, and the shares of the largest venue and of the largest order in the
    USD there, as `heat.agreement.agreement` asks."""

    hot: int
    cold: int
    venue_share: float
    order_share: float


@dataclass(frozen=True, eq=False)
class VenueVotes:
    """The votes of K venues.

    Attributes
    ----------
    names, grounds : of the venues. since : (2, T) first column of each bar's window, of longs and of shorts.
    bars : those at which places are asked about. places : all that will be asked about, as far as known.
    """

    names: Sequence[str]
    grounds: Sequence[Ground]
    since: np.ndarray
    bars: np.ndarray
    places: tuple[Place, ...] = ()
    # Venue and bar of all that is hot at a place.
    _hot: dict[Place, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    _agreed: dict[Question, Agreed] = field(default_factory=dict, repr=False)
    _books: dict[int, list[Ledger]] = field(default_factory=dict, repr=False)

    def hot(self, venue: str, place: Place) -> np.ndarray:
        """(T,) bool: whether a venue is hot at a place, at the bars that are asked."""
        if place not in self._hot:
            self._answer(list(dict.fromkeys([place, *(one for one in self.places if one not in self._hot)])))
        who, bar = self._hot[place]
        out = np.zeros(self.since.shape[1], dtype=bool)
        if venue in self.names:
            out[bar[who == self.names.index(venue)]] = True
        return out

    def _answer(self, places: list[Place]) -> None:
        low, high = np.array([place.edges for place in places]).T
        found = [np.zeros((3, 0), dtype=np.int64)]
        for code, name in enumerate(tables.SIDES):
            of_side = np.array([place.side in ("both", name) for place in places])
            mine = np.flatnonzero(of_side & within_reach(self.grounds, code, low, high))
            for begin in range(0, len(self.bars) if len(mine) else 0, _CHUNK):
                part = self.bars[begin : begin + _CHUNK]
                seen = moments(self._ledgers(code), part, self.since[code, part])
                place, who, bar = np.nonzero(hot_at(seen, low[mine], high[mine], _VENUE_CHANCE))
                found.append(np.stack([mine[place], who, part[bar]]))
        place, who, bar = np.concatenate(found, axis=1)
        order = np.argsort(place, kind="stable")
        ends = np.searchsorted(place[order], np.arange(len(places) + 1))
        for number, one in enumerate(places):
            here = order[ends[number] : ends[number + 1]]
            self._hot[one] = who[here], bar[here]

    def _ledgers(self, side: int) -> list[Ledger]:
        if side not in self._books:
            self._books[side] = ledgers(self.grounds, side)
        return self._books[side]

    def agreed(self, question: Question) -> Agreed:
        """What some venues show at a place of one side at one bar."""
        if question not in self._agreed:
            self.ask_together([question])
        return self._agreed[question]

    def ask_together(self, questions: Iterable[Question]) -> None:
        """Answer questions at once, those of the same venues and side together, for `agreed`."""
        groups: dict[tuple[str, tuple[str, ...]], list[Question]] = {}
        for one in dict.fromkeys(questions):
            if one not in self._agreed:
                groups.setdefault((one.place.side, one.venues), []).append(one)
        for group in groups.values():
            for begin in range(0, len(group), _CHUNK):
                part = group[begin : begin + _CHUNK]
                self._agreed.update(zip(part, self._agree(part), strict=True))

    def _agree(self, questions: list[Question]) -> list[Agreed]:
        """The answers to questions of the same venues and side."""
        some = [number for number, name in enumerate(self.names) if name in questions[0].venues]
        if not some:
            return [Agreed(0, 0, 0.0, 0.0)] * len(questions)
        code = tables.SIDES.index(questions[0].place.side)
        rows = np.array([one.bar for one in questions])
        since, grounds = self.since[code, rows], [self.grounds[number] for number in some]
        low, high = np.array([one.place.edges for one in questions]).T
        books = self._ledgers(code)
        found = ask(moments([books[number] for number in some], rows, since), low, high)
        out = []
        for i, row in enumerate(rows.tolist()):
            edges = (low[i], high[i]), (found.low[i], found.high[i])
            there = [held(grounds, code, row, int(since[i]), *map(float, pair)) for pair in edges]
            out.append(
                Agreed(
                    int(found.hot[:, i].sum()),
                    int(found.cold[:, i].sum()),
                    max(one.venue_share for one in there),
                    max(one.order_share for one in there),
                )
            )
        return out
