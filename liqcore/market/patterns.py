"""Candle patterns, found by TA-Lib and named for a beginner."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.market.candles import closed_by, missing_before


class Pattern(NamedTuple):
    """A pattern: its name, the bars it is made of, whether it takes a side, and what it shows."""

    name: str
    bars: int
    sided: bool
    meaning: str


PATTERNS: Final = {
    "CDLENGULFING": Pattern(
        "Engulfing",
        2,
        True,
        "one candle's body covers the whole body of the candle before it, the other way round",
    ),
    "CDLHAMMER": Pattern(
        "Hammer",
        1,
        True,
        "a small body on top of a long lower wick near the last low: sellers pushed down and were pushed"
        " back",
    ),
    "CDLINVERTEDHAMMER": Pattern(
        "Inverted hammer",
        1,
        True,
        "a small body under a long upper wick after a fall: buyers tried, without success yet",
    ),
    "CDLHANGINGMAN": Pattern(
        "Hanging man", 1, True, "the shape of a hammer, but at the top of a rise: the first deep push down"
    ),
    "CDLSHOOTINGSTAR": Pattern(
        "Shooting star",
        1,
        True,
        "a small body under a long upper wick after a rise: buyers pushed up and were pushed back",
    ),
    "CDLDOJI": Pattern("Doji", 1, False, "open and close are almost the same: nobody won this bar"),
    "CDLDRAGONFLYDOJI": Pattern(
        "Dragonfly doji",
        1,
        False,
        "open and close at the high with a long lower wick: a fall that was bought back in full",
    ),
    "CDLGRAVESTONEDOJI": Pattern(
        "Gravestone doji",
        1,
        False,
        "open and close at the low with a long upper wick: a rise that was sold back in full",
    ),
    "CDLMORNINGSTAR": Pattern(
        "Morning star", 3, True, "a long fall, a small hesitant body, then a rise deep into the fall"
    ),
    "CDLEVENINGSTAR": Pattern(
        "Evening star", 3, True, "a long rise, a small hesitant body, then a fall deep into the rise"
    ),
    "CDLPIERCING": Pattern(
        "Piercing line",
        2,
        True,
        "a rise that opens below the last low and closes above the middle of the last fall",
    ),
    "CDLDARKCLOUDCOVER": Pattern(
        "Dark cloud cover",
        2,
        True,
        "a fall that opens above the last high and closes below the middle of the last rise",
    ),
    "CDLHARAMI": Pattern(
        "Inside body (harami)", 2, True, "a small body inside the long body before it: the move pauses"
    ),
    "CDL3WHITESOLDIERS": Pattern(
        "Three rising candles", 3, True, "three long rises in a row, each closing near its high"
    ),
    "CDL3BLACKCROWS": Pattern(
        "Three falling candles", 3, True, "three long falls in a row, each closing near its low"
    ),
    "CDLMARUBOZU": Pattern(
        "Full-body candle", 1, True, "almost no wicks: one side pushed from open to close"
    ),
}


def candle_patterns(
    candles: pd.DataFrame, at: object = None, timeframe: str | np.timedelta64 | None = None
) -> pd.DataFrame:
    """Every candle pattern in the bars closed by `at`, as one row each.

    Returns
    -------
    DataFrame `time` (open of the last bar of the pattern), `known_at` (its close), `name`, `side`
    (`bullish`, `bearish` or `neutral`), `strength` (1, or 0.8 for an engulfing body with one end equal),
    `bars`, `meaning`; sorted by time. Bars without a range and patterns across a gap are left out.

    TA-Lib's definitions and defaults; several of them (stars, piercing line, dark cloud) ask for a gap
    between bodies, which a market that never closes seldom has.
    """
    import talib

    checked, step = closed_by(candles, at, timeframe)
    opens, high, low, close = (checked[name].to_numpy() for name in ("open", "high", "low", "close"))
    # Some venues open a bar at the last close, outside its own range; a body must lie within the range.
    opens = np.clip(opens, low, high)
    gaps = np.concatenate(([0], np.cumsum(missing_before(checked, step))))[1:]
    found: list[tuple[np.ndarray, np.ndarray, Pattern]] = []
    for function, pattern in PATTERNS.items():
        code = (
            getattr(talib, function)(opens, high, low, close)
            if len(checked)
            else np.array([], dtype=np.int32)
        )
        rows = np.flatnonzero((code != 0) & (high > low))
        rows = rows[gaps[rows] == gaps[np.maximum(rows - pattern.bars + 1, 0)]]
        found.append((rows, code[rows], pattern))
    index = np.concatenate([rows for rows, _, _ in found])
    sides = [
        np.where(code > 0, "bullish", "bearish") if pattern.sided else np.full(len(rows), "neutral")
        for rows, code, pattern in found
    ]
    counts = [len(rows) for rows, _, _ in found]
    time = checked["time"].iloc[index].reset_index(drop=True)
    out = pd.DataFrame(
        {
            "time": time,
            "known_at": (time + pd.Timedelta(step)).astype(tables.TIME_DTYPE),
            "name": np.repeat([pattern.name for pattern in PATTERNS.values()], counts),
            "side": pd.Categorical(np.concatenate(sides), categories=["bullish", "bearish", "neutral"]),
            "strength": np.abs(np.concatenate([code for _, code, _ in found])) / 100.0,
            "bars": np.repeat([pattern.bars for pattern in PATTERNS.values()], counts),
            "meaning": np.repeat([pattern.meaning for pattern in PATTERNS.values()], counts),
        }
    )
    return out.sort_values(["time", "name"], kind="stable", ignore_index=True)
