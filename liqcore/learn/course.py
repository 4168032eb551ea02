"""The walkthrough's quiz: in which order answers stand, what the first ones scored, and what to ask again."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

T = TypeVar("T")
# Seeds that a link may carry.
LAST_SEED: Final = 999_999


@dataclass(frozen=True)
class First:
    """The first answer to a question, as it was worded, and whether it was right."""

    text: str
    right: bool


# Scenario and number of the step.
Place = tuple[str, int]


def shuffled(options: Sequence[T], seed: int, place: Place) -> tuple[T, ...]:
    """The answers in the order this seed gives them at this place; the same seed, the same order,
    everywhere."""
    mixed = zlib.crc32(f"{place[0]}/{place[1]}".encode())
    order = np.random.default_rng([seed, mixed]).permutation(len(options))
    return tuple(options[index] for index in order)


@dataclass(frozen=True)
class Progress:
    """Of all scenarios: how many are wholly answered, questions there are, answered, and right at first."""

    scenarios: int
    finished: int
    questions: int
    answered: int
    right: int

    @property
    def sentence(self) -> str:
        """How far the reader is, in words."""
        far = (
            f"{self.finished} of {self.scenarios} scenarios finished; {self.answered} of {self.questions}"
            " questions answered"
        )
        return f"{far}, {self.right} of them right at the first try." if self.answered else f"{far}."


def progress(counts: Mapping[str, int], firsts: Mapping[Place, First]) -> Progress:
    """How far a reader is; `counts` are the questions of each scenario. Answers to others are left out."""
    known = {place: one for place, one in firsts.items() if 1 <= place[1] <= counts.get(place[0], 0)}
    done = [sum(place[0] == name for place in known) for name in counts]
    return Progress(
        len(counts),
        sum(have == count for have, count in zip(done, counts.values(), strict=True)),
        sum(counts.values()),
        len(known),
        sum(one.right for one in known.values()),
    )


def missed(name: str, firsts: Mapping[Place, First]) -> tuple[int, ...]:
    """Numbers of the steps of a scenario whose first answer was wrong, in their order."""
    return tuple(sorted(number for (of, number), one in firsts.items() if of == name and not one.right))


def ask_again(
    name: str, firsts: Mapping[Place, First], asked: Mapping[str, Place], known: Sequence[str]
) -> Place | None:
    """The question of another scenario to ask once more at the end of this one; None while there is none.

    What was missed comes before what was right, and what lies longest back first: `firsts` are in the order
    of answering. `asked` holds what was asked again at the end of which scenario; that choice stays, and no
    question returns twice. `known` are the scenarios there are.
    """
    if name in asked:
        return asked[name]
    left = [place for place in firsts if place[0] != name and place[0] in known]
    left = [place for place in left if place not in asked.values()]
    return min(left, key=lambda place: firsts[place].right, default=None)
