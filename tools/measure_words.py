"""How often our words are said where nothing is, by many processes: `make null` writes the table of
docs/honesty.md.

Run by itself it asks a tenth of the worlds and prints them.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
# The arrays are small: more threads than processes only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from liqcore.alerts.chance import against_chance  # noqa: E402
from liqcore.lab.said import Question, Row, questions  # noqa: E402

COLUMNS = ("Word", "World", "Said", "Worlds", "Wanted")
NOTE = (
    "Random walks of one-minute candles unless said; five venues share one path; a range holds the true share"
    " in 19 of 20 cases (Wilson). Worlds are invented, so the figures tell how the words behave on noise, and"
    " not how real markets are."
)


_AHEAD, _BAR = 16, 15 * 60_000_000


def _chance(seed: int) -> list[bool]:
    """Whether an alert at levels that nobody chose is told from chance: three weeks of a walk whose
    volatility wanders, 80 firings."""
    rng = np.random.default_rng(seed)
    bars = 21 * 96
    level = np.convolve(rng.normal(size=bars) * 0.12, 0.985 ** np.arange(400))[:bars]
    steps = rng.normal(size=(bars, 15)) * np.exp(level)[:, None] * 6e-4
    path = 60_000 * np.exp(np.cumsum(steps)).reshape(bars, 15)
    low, high = np.full(bars, np.nan), np.full(bars, np.nan)
    window = np.lib.stride_tricks.sliding_window_view
    low[:-_AHEAD] = window(path.min(axis=1)[1:], _AHEAD).min(axis=1)
    high[:-_AHEAD] = window(path.max(axis=1)[1:], _AHEAD).max(axis=1)
    close = path[:, -1]
    fired = np.sort(rng.choice(np.arange(300, bars - _AHEAD - 1), 80, replace=True))
    away = rng.choice([-1, 1], 80) * rng.uniform(0.001, 0.015, 80)
    came = np.where(away < 0, np.log(low / close)[fired] <= away, np.log(high / close)[fired] >= away)
    time = np.arange(bars) * _BAR
    found = against_chance(fired, away, came, time, close, (low, high), _AHEAD, rng)
    return [found.p <= 0.05]


def asked() -> list[Question]:
    """The questions of the lab, and that of the alerts, which the lab does not know."""
    where = "alerts at levels nobody chose, three weeks of a walk"
    return [*questions(), Question("told from chance", where, "1 in 20", _chance, 200)]


def _row(job: tuple[int, float]) -> Row:
    number, share = job
    return asked()[number].row(share)


def interval(said: int, worlds: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, n, p = 1.96, worlds, said / worlds
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + z**2 / n)), min(1.0, (middle + half) / (1 + z**2 / n))


def cells(row: Row) -> list[str]:
    low, high = interval(row.said, row.worlds)
    return [row.word, row.where, f"{row.share:.0%} ({low:.0%} to {high:.0%})", f"{row.worlds:,}", row.wanted]


def measured(share: float = 1.0) -> list[Row]:
    """Every row, from a share of its worlds, by as many processes as the machine has cores."""
    jobs = [(number, share) for number in range(len(asked()))]
    with ProcessPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        return list(pool.map(_row, jobs))


def table(rows: list[Row]) -> pd.DataFrame:
    """The rows as they are shown."""
    return pd.DataFrame([cells(row) for row in rows], columns=list(COLUMNS))


if __name__ == "__main__":
    print(table(measured(0.1)).to_string(index=False))
