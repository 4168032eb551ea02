"""Which of several columns of times is the clock that needs no zone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files.table import RawTable
from liqcore.tables import TableError

# Zones lie whole quarters of an hour apart, and at most so far from UTC; a clock in text may have lost its
# milliseconds. Rows looked at, over the whole file, because summer time is one of them.
_QUARTER, _FARTHEST, _ROUNDED, _LOOKED = 900.0, 14 * 3_600.0, 1.0, 200


def unix_beside(raw: RawTable, chosen: str, others: Iterable[str]) -> str | None:
    """The column of Unix times beside a clock without a zone that shows the same moments in another zone.

    None where `chosen` says its zone, or no column tells its moments: what stands in UTC already needs none.
    """
    if len(raw.frame) < 2:
        return None
    rows = np.unique(np.linspace(0, len(raw.frame) - 1, _LOOKED).astype("int64"))
    shown = raw.frame[chosen].iloc[rows]
    if pd.api.types.is_numeric_dtype(shown.dtype) or isinstance(shown.dtype, pd.DatetimeTZDtype):
        return None
    for column in others:
        told = raw.frame[column].iloc[rows]
        if column == chosen or not pd.api.types.is_numeric_dtype(told.dtype):
            continue
        try:
            away = _micros(shown) - _micros(told)
        except TableError:
            continue
        seconds = away / 1e6
        quarters = np.round(seconds / _QUARTER) * _QUARTER
        # A bar's other end is as far away as the bar is long.
        length = float(np.median(np.diff(_micros(raw.frame[column].head(50))))) / 1e6
        zone = np.any(quarters) and not (np.abs(quarters) == abs(length)).all()
        near = (np.abs(seconds - quarters) <= _ROUNDED).all() and np.abs(quarters).max() <= _FARTHEST
        if zone and near:
            return column
    return None


def _micros(values: pd.Series) -> np.ndarray:
    return tables.microseconds(tables.parse_time(values))
