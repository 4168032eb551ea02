"""What a study must not find, and whether it does: `make lab-table` writes the table of docs/honesty.md."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.lab import impact_worlds
from liqcore.lab.event_study import Design, Levels, Study, conclude, observe
from liqcore.lab.placebos import look_ahead, published_matcher, random_levels
from liqcore.lab.touches import Bars

SEEDS: Final = (1, 2, 3, 4)
WALKS: Final = 40
NOTE: Final = (
    f"Levels at random: {WALKS} random walks of 30 days. Worlds: {len(SEEDS)} simulated markets each of"
    f" {impact_worlds.DAYS} days in which a crowd opens every four hours and its liquidation price is the"
    " level. Told means corrected for all registered comparisons (Holm, 5 %). Move: after 15 minutes, onward"
    " positive, hot minus controls, in basis points."
)
_DESIGN: Final = Design(memory_days=20, controls=6, drawn=60)


def table() -> pd.DataFrame:
    """A row a placebo: what was tried, how often a comparison was told from its controls, what is wanted."""
    walks = [walk(30, seed) for seed in range(WALKS)]
    rows = [_row("levels at random on random walks", [_blind(one) for one in walks], "1 in 20")]
    for words, impact, wanted in (
        ("a market without feedback", impact_worlds.NONE, "nothing"),
        ("a market with strong feedback", impact_worlds.STRONG, "moves on after the touch, no attraction"),
    ):
        rows.append(_row(words, [impact_worlds.study(impact, seed) for seed in SEEDS], wanted))
        print(words, flush=True)
    glance = look_ahead(_peeking, walks[0])
    candles, rng = walks[1], np.random.default_rng(0)
    levels = candles["close"].to_numpy()[:, None] * (1 + rng.uniform(-0.1, 0.1, (len(candles), 50)))
    match = published_matcher(candles, levels)
    rows += [
        _plain(
            "levels that look 20 bars ahead", f"caught: {glance.changed} of {glance.looked} changed", "caught"
        ),
        _plain(
            "a published test, 50 levels at random",
            f"F1 {wording.decimal(match.f1, 3)}",
            "a lesson: it passes all",
        ),
    ]
    return pd.DataFrame(rows)


def walk(days: int, seed: int) -> pd.DataFrame:
    """Five-minute candles of a random walk with steady volatility."""
    rng = np.random.default_rng(seed)
    bars = days * 288
    path = 28_000 * np.exp(np.cumsum(rng.normal(0, 8e-4 / np.sqrt(5), bars * 5))).reshape(bars, 5)
    opened = np.concatenate([[28_000.0], path[:-1, -1]])
    whole = np.column_stack([opened, path])
    return tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range("2026-03-01", periods=bars, freq="5min", tz="UTC"),
                "open": opened,
                "high": whole.max(axis=1),
                "low": whole.min(axis=1),
                "close": path[:, -1],
                "volume": rng.lognormal(4, 0.5, bars),
            }
        )
    )


def _blind(candles: pd.DataFrame) -> Study:
    rng = np.random.default_rng(len(candles))
    levels = random_levels(candles, rng)
    return conclude(observe(candles, levels, rng, design=_DESIGN), np.random.default_rng(1))


def _peeking(known: pd.DataFrame, _: object) -> Levels:
    bars = Bars.of(known)
    bar = np.arange(300, len(bars.close), 12)
    later = bars.close[np.minimum(bar + 20, len(bars.close) - 1)]
    return Levels(bar, later, np.where(later >= bars.close[bar], 1, -1))


def _row(words: str, found: list[Study], wanted: str) -> dict[str, str]:
    effects = pd.concat([one.effects for one in found], keys=range(len(found)), names=["study"])
    told = effects["holm"] < 0.05
    drawn = told & (effects["question"] == "touched")
    moved = effects[(effects["question"] == "move") & (effects["minutes"] == 15)]
    after = moved["difference"].to_numpy() * 1e4
    return {
        "tried": words,
        "studies with a comparison told": f"{told.groupby(level='study').any().sum()} of {len(found)}",
        "of these attraction": f"{drawn.groupby(level='study').any().sum()}",
        "move after the touch, bp": (
            f"{wording.decimal(after.mean(), 0)} ({wording.decimal(after.min(), 0)} to"
            f" {wording.decimal(after.max(), 0)} by world and side)"
        ),
        "wanted": wanted,
    }


def _plain(words: str, said: str, wanted: str) -> dict[str, str]:
    blank = dict.fromkeys(("of these attraction", "move after the touch, bp"), "–")
    return {"tried": words, "studies with a comparison told": said, **blank, "wanted": wanted}
