"""Stretches of liquidations that a file tells twice: a download appended to itself, or two that overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import tables

# Two equal liquidations can be real; so many neighbours that nearly all have a copy are one stretch told
# again.
_STRETCH, _FEWEST, _ALMOST = 20, 10, 0.95


def told_again(table: pd.DataFrame) -> np.ndarray:
    """(N,) of a checked table: rows that copy another inside a stretch of which nearly every row has a
    copy."""
    times = tables.microseconds(table["time"])
    same = np.diff(times) == 0
    out = np.zeros(len(table), dtype=bool)
    if np.count_nonzero(same) < _FEWEST:
        return out
    # Copies share their time, so only rows beside an equal time are compared in full.
    beside = np.flatnonzero(np.append(same, False) | np.append(False, same))
    part = table.iloc[beside]
    again = part.duplicated().to_numpy()
    if np.count_nonzero(again) < _FEWEST:
        return out
    copy, copied = out.copy(), out.copy()
    copy[beside], copied[beside] = again, part.duplicated(keep=False)
    first = np.flatnonzero(~copy)
    width = min(_STRETCH, len(first))
    if width < _FEWEST:
        return out
    counts = np.convolve(copied[first], np.ones(width), "valid") >= _ALMOST * width
    stretch = np.convolve(counts, np.ones(width)) > 0
    return copy & stretch[np.cumsum(~copy) - 1]
