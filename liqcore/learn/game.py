"""A test of ten rounds: its seeds, its score against the base rate, the streak, and calibration in plain
words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from liqcore import wording
from liqcore.learn.quiz import JournalRow, Score, answers

ROUNDS: Final = 10
_TESTS: Final = 1_000_000


def round_seed(test: int, number: int) -> int:
    """The seed of a round (1 to 10) of a test; the first has the test's own number."""
    return test + _TESTS * (number - 1)


def place(seed: int) -> tuple[int, int]:
    """Test and round of a seed."""
    return seed % _TESTS, seed // _TESTS + 1


def points(score: Score | None) -> int | None:
    """0 to 100: 50 is as good as the base rate for that distance and volatility, 100 never wrong.

    The share of the base rate's Brier score in both, so that half its error gives 67 and twice its error 33.
    None without a base rate.
    """
    if score is None or score.base is None:
        return None
    both = score.base + score.brier
    return round(100 * score.base / both) if both > 0 else 50


def beat(row: JournalRow) -> bool | None:
    """Whether a round's forecast was better than the base rate; None where either is missing."""
    score = answers([row]).score
    return None if score is None or score.base is None else score.brier < score.base


@dataclass(frozen=True)
class Standing:
    """Rounds of one test that are graded: how many, points (None without a base rate), how many beat it."""

    rounds: int
    points: int | None
    better: int

    @property
    def sentence(self) -> str:
        """The standing in words."""
        if not self.rounds:
            return "No round played yet. 50 of 100 points are what the base rate gets."
        if self.points is None:
            return (
                f"{self.rounds} of {ROUNDS} rounds played. There is no base rate here to score them against."
            )
        verdict = (
            "better than the base rate"
            if self.points > 50
            else "worse than the base rate"
            if self.points < 50
            else "as good as the base rate"
        )
        return (
            f"{self.rounds} of {ROUNDS} rounds played: {self.points} of 100 points, {verdict}, which gets 50."
            f" {self.better} of them beat it."
        )


def standing(rows: Iterable[JournalRow]) -> Standing:
    """How a test stands by the rows of its rounds."""
    graded = [row for row in rows if row.said_touches is not None]
    return Standing(len(graded), points(answers(graded).score), sum(beat(row) is True for row in graded))


def streak(rows: Sequence[JournalRow]) -> tuple[int, int]:
    """Rounds in a row that beat the base rate: up to the newest, and the longest ever. Rounds without a
    forecast or a base rate neither lengthen nor end it."""
    now = best = 0
    for won in (beat(row) for row in rows):
        if won is not None:
            now = now + 1 if won else 0
            best = max(best, now)
    return now, best


def tests(rows: Iterable[JournalRow]) -> pd.DataFrame:
    """The history: a row a test and market, the newest first: `test`, `market`, `bars`, `rounds`, `points`,
    `better`, `r` (sum after costs of trades that were filled)."""
    groups: dict[tuple[int, str, str, int | None], list[JournalRow]] = {}
    for row in rows:
        key = (place(row.seed)[0], row.dataset, row.timeframe, row.bars)
        groups.setdefault(key, []).append(row)
    out = []
    for (test, market, bars, _), held in reversed(groups.items()):
        stood = standing(held)
        filled = [row.r for row in held if row.r is not None]
        out.append(
            (test, market, bars, stood.rounds, stood.points, stood.better, sum(filled) if filled else None)
        )
    return pd.DataFrame(out, columns=["test", "market", "bars", "rounds", "points", "better", "r"])


def calibration_words(bins: pd.DataFrame) -> tuple[str, ...]:
    """A sentence a row of `quiz.calibration`: what was said, what came, and whether luck explains the gap."""
    out = []
    names = ["said", "happened", "count", "range_low", "range_high"]
    for said, came, count, low, high in bins[names].itertuples(index=False, name=None):
        if low <= said <= high:
            verdict = (
                "Luck alone explains the gap."
                if wording.percent(said, digits=0) != wording.percent(came, digits=0)
                else "There is no gap."
            )
        else:
            verdict = f"You say too {'much' if said > came else 'little'} here."
        times = "once" if count == 1 else f"{count} times"
        out.append(
            f"You said about {wording.percent(said, digits=0)}, {times}; it came"
            f" true in {wording.percent(came, digits=0)} of them. {verdict}"
        )
    return tuple(out)
