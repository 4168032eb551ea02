"""Grading practice: forecasts against the base rate, trades in R, rules kept, and the journal as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.risk import Plan

# A spreadsheet runs a cell that begins with one of these, so such text gets an apostrophe before it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_MOST_ROWS: Final = 10_000


class QuizError(ValueError):
    """Answers that cannot be graded or a journal that cannot be read, said in one sentence."""


@dataclass(frozen=True)
class Score:
    """Forecasts graded. `brier` is the mean squared error (0 is perfect, 0.25 is always saying one half).

    `base` is the Brier score of the base rates for the same questions, and `skill` 1 − brier / base: above 0
    is better than knowing the base rate alone. Both are None where a base rate is missing (skill also where
    the base scores 0).
    """

    count: int
    brier: float
    base: float | None
    skill: float | None

    @property
    def sentence(self) -> str:
        """The grade in words."""
        answers = wording.count(self.count, "answer")
        if self.base is None or self.skill is None:
            return (
                f"Brier score {wording.decimal(self.brier, 3)} over {answers}. There is no base rate to"
                " compare it with."
            )
        verdict = (
            "better than"
            if self.brier < self.base
            else "worse than"
            if self.brier > self.base
            else "as good as"
        )
        few = " With so few answers this is mostly luck." if self.count < 30 else ""
        return (
            f"Brier score {wording.decimal(self.brier, 3)} over {answers}, {verdict} the base rate"
            f" ({wording.decimal(self.base, 3)}).{few}"
        )


def brier(
    forecasts: Sequence[float], outcomes: Sequence[bool], base_rates: Sequence[float | None] | None = None
) -> Score:
    """The Brier score of probabilities (0 to 1) against what happened, beside that of the base rates.

    Source: Brier (1950), Verification of forecasts expressed in terms of probability.

    Raises
    ------
    QuizError
        Nothing to grade, lists of different lengths, or a probability outside 0 to 1.
    """
    p, y = _graded(forecasts, outcomes)
    score = float(((p - y) ** 2).mean())
    if base_rates is None or any(rate is None for rate in base_rates):
        return Score(len(p), score, None, None)
    b, _ = _graded([float(rate) for rate in base_rates if rate is not None], outcomes)
    base = float(((b - y) ** 2).mean())
    return Score(len(p), score, base, 1 - score / base if base > 0 else None)


def calibration(forecasts: Sequence[float], outcomes: Sequence[bool], *, bins: int = 5) -> pd.DataFrame:
    """One's own probabilities beside what came true.

    Returns
    -------
    DataFrame, a row a bin that holds answers: `low`, `high`, `count`, `said` (mean probability), `happened`
    (share), `range_low`, `range_high` (95 % Wilson range of that share).
    """
    p, y = _graded(forecasts, outcomes)
    if bins < 1:
        raise QuizError("A calibration needs one or more bins.")
    place = np.minimum((p * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    held = np.flatnonzero(count)
    n = count[held].astype(float)
    said, happened = (np.bincount(place, weights=values, minlength=bins)[held] / n for values in (p, y))
    low, high = _wilson(happened, n)
    return pd.DataFrame(
        {
            "low": held / bins,
            "high": (held + 1) / bins,
            "count": count[held],
            "said": said,
            "happened": happened,
            "range_low": low,
            "range_high": high,
        }
    )


@dataclass(frozen=True)
class Results:
    """Trades in R: how many, the share above zero, mean, sum, best and worst, and the deepest fall of the
    running sum."""

    count: int
    win_rate: float
    mean_r: float
    sum_r: float
    best_r: float
    worst_r: float
    deepest_fall: float


def summarise(r: Iterable[float]) -> Results:
    """R-multiples of closed trades in order."""
    values = np.array([float(value) for value in r], dtype=float)
    if not values.size:
        return Results(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    if not np.isfinite(values).all():
        raise QuizError("A result in R is not a number. Grade only trades that have ended.")
    running = np.concatenate([[0.0], values.cumsum()])
    fall = float((np.maximum.accumulate(running) - running).max())
    return Results(
        len(values),
        float((values > 0).mean()),
        float(values.mean()),
        float(values.sum()),
        float(values.max()),
        float(values.min()),
        fall,
    )


@dataclass(frozen=True)
class Rule:
    """One rule and whether a trade kept it; None where it could not be judged."""

    name: str
    kept: bool | None
    sentence: str


def adherence(plan: Plan, *, confirmed: bool | None, most_risk: float = 0.01) -> tuple[Rule, ...]:
    """Whether a trade kept the rules: confirmed before the entry, risk within the limit, stop before
    liquidation.

    Parameters
    ----------
    plan : as placed. confirmed : whether a signal was known when the order was placed (None: nobody knows).
    most_risk : largest fraction of the account that may be lost at the stop.
    """
    risk = plan.risk_fraction
    within = 0 < risk <= most_risk * (1 + 1e-9)
    safe = plan.quantity > 0 and (
        plan.room is None
        or (plan.room_needed is not None and plan.room >= plan.room_needed and plan.room > 0)
    )
    return (
        Rule(
            "Confirmed before entry",
            confirmed,
            {
                True: "A candle had confirmed the level before the order was placed.",
                False: "No candle had confirmed the level when the order was placed.",
                None: "Whether a candle had confirmed the level is not known.",
            }[confirmed],
        ),
        Rule(
            "Risk within the limit",
            within,
            f"The stop would cost {wording.percent(risk)} of the account; the limit is"
            f" {wording.percent(most_risk)}.",
        ),
        Rule(
            "Stop before liquidation",
            safe,
            (
                "The stop is reached well before the liquidation price."
                if safe
                else "The stop is too near the liquidation price, or beyond it."
            ),
        ),
    )


@dataclass(frozen=True)
class JournalRow:
    """One round of practice as it is kept. Times are ISO text in UTC, prices USD, probabilities 0 to 1, None
    where not given."""

    seed: int
    dataset: str
    time: str
    timeframe: str = ""
    bars: int | None = None
    level: float | None = None
    said_touches: float | None = None
    said_rejects: float | None = None
    said_breaks: float | None = None
    touches: bool | None = None
    rejects: bool | None = None
    breaks: bool | None = None
    base_touches: float | None = None
    base_rejects: float | None = None
    base_breaks: float | None = None
    side: str = ""
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    end: str = ""
    r: float | None = None
    confirmed: bool | None = None
    risk_kept: bool | None = None
    stop_kept: bool | None = None
    note: str = ""


COLUMNS: Final = tuple(field.name for field in fields(JournalRow))
_TEXTS: Final = ("dataset", "time", "timeframe", "side", "end", "note")
_WHOLE: Final = ("seed", "bars")
# What a number in a journal may be at most; nothing sensible lies beyond.
_MOST: Final = {"seed": 2**53, "bars": 10_000, "r": 1_000.0}
_FLAGS: Final = ("touches", "rejects", "breaks", "confirmed", "risk_kept", "stop_kept")


@dataclass(frozen=True, eq=False)
class Answers:
    """Every probability of a journal with what came of it: `said`, `happened` (n,), `base` (n,) with NaN
    where there is none."""

    said: np.ndarray
    happened: np.ndarray
    base: np.ndarray

    @property
    def score(self) -> Score | None:
        """The grade; where some answers have a base rate, of those, so that both are graded on the same
        questions."""
        if not self.said.size:
            return None
        held = np.isfinite(self.base)
        if not held.any():
            return brier(self.said.tolist(), self.happened.tolist())
        return brier(self.said[held].tolist(), self.happened[held].tolist(), self.base[held].tolist())


def answers(rows: Iterable[JournalRow]) -> Answers:
    """The answers in a journal that can be graded."""
    found = [
        (getattr(row, f"said_{name}"), getattr(row, name), getattr(row, f"base_{name}"))
        for row in rows
        for name in ("touches", "rejects", "breaks")
        if getattr(row, f"said_{name}") is not None and getattr(row, name) is not None
    ]
    said, happened, base = zip(*found, strict=True) if found else ((), (), ())
    return Answers(
        np.array(said, dtype=float),
        np.array(happened, dtype=bool),
        np.array([np.nan if rate is None else rate for rate in base], dtype=float),
    )


def add_rows(held: Sequence[JournalRow], new: Sequence[JournalRow]) -> list[JournalRow]:
    """The held journal and the rows of another that are not in it yet; at most 10,000, the newest."""
    known = set(held)
    return [*held, *(row for row in dict.fromkeys(new) if row not in known)][-_MOST_ROWS:]


def journal_csv(rows: Iterable[JournalRow]) -> str:
    """The journal as CSV. Text that a spreadsheet would run as a formula begins with an apostrophe, which
    reading removes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_written(name, value) for name, value in asdict(row).items()] for row in rows)
    return out.getvalue()


def read_journal(text: str) -> list[JournalRow]:
    """The rows of a journal written by `journal_csv`; columns may be missing or in another order.

    Raises
    ------
    QuizError
        Text that is no journal, or a row that cannot be read, by its number.
    """
    try:
        table = list(csv.reader(io.StringIO(text.lstrip("\ufeff")), strict=True))
    except csv.Error as problem:
        raise QuizError(
            f"The journal cannot be read as CSV ({problem}). Load the file that was saved here."
        ) from problem
    if (
        not table
        or not {"seed", "dataset", "time"} <= set(table[0])
        or not set(table[0]) <= set(COLUMNS)
        or len(set(table[0])) < len(table[0])
    ):
        raise QuizError("This is not a practice journal. Load the CSV file that was saved here.")
    if len(table) - 1 > _MOST_ROWS:
        raise QuizError(
            f"The journal has {len(table) - 1:,} rows; at most {_MOST_ROWS:,} are read. Split the file."
        )
    rows = []
    for number, cells in enumerate(table[1:], 1):
        if not cells:
            continue
        if len(cells) != len(table[0]):
            raise QuizError(
                f"Row {number} of the journal has {len(cells)} cells instead of {len(table[0])}. Correct it"
                " or remove it."
            )
        rows.append(
            JournalRow(
                **{name: _read(name, cell, number) for name, cell in zip(table[0], cells, strict=True)}
            )
        )
    return rows


def _written(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    return f"'{text}" if name in _TEXTS and text.startswith(_FORMULA) else text


def _read(name: str, cell: str, number: int) -> Any:
    if name in _TEXTS:
        return cell[1:] if cell.startswith("'") else cell
    if cell == "" and name != "seed":
        return None
    if name in _FLAGS and cell in ("yes", "no"):
        return cell == "yes"
    try:
        value: float = math.nan if name in _FLAGS else int(cell) if name in _WHOLE else float(cell)
    except ValueError:
        value = math.nan
    likely = name.startswith(("said_", "base_"))
    low = -_MOST["r"] if name == "r" else 0
    if not low <= value <= (1 if likely else _MOST.get(name, 1e9)):
        raise QuizError(
            f"Row {number} of the journal: {cell[:40]!r} in {name!r} cannot be used. Correct it or remove the"
            " row."
        )
    return value


def _graded(forecasts: Sequence[float], outcomes: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    p, y = np.asarray(forecasts, dtype=float), np.asarray(outcomes, dtype=float)
    if p.size == 0 or p.shape != y.shape:
        raise QuizError("Every probability needs its outcome, and there must be one or more of them.")
    if not ((p >= 0) & (p <= 1)).all():
        raise QuizError("A probability lies outside 0 to 1. Write 30 % as 0.3.")
    return p, y


def _wilson(share: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """95 % range of a share (Wilson, 1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
