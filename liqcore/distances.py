"""How far a price is from a level: defined here once, for every page, text, table and alert."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike


@overload
def away(price: float, low: float, high: float | None = None) -> float: ...
@overload
def away(price: ArrayLike, low: ArrayLike, high: ArrayLike | None = None) -> float | np.ndarray: ...
def away(price: ArrayLike, low: ArrayLike, high: ArrayLike | None = None) -> float | np.ndarray:
    """The share of a price by which it must move to reach a level, or the nearest edge of a band; signed.

    Positive where the level lies above, 0 inside a band, NaN where a price is unknown: a price of 100 is
    +0.1 from 110 and −0.1 from 90. All in USD, arrays as NumPy broadcasts them.
    """
    here, bottom = np.asarray(price, dtype=np.float64), np.asarray(low, dtype=np.float64)
    top = bottom if high is None else np.asarray(high, dtype=np.float64)
    out = np.clip(here, bottom, top) / here - 1
    return float(out) if out.ndim == 0 else out


def gap(low: float, high: float, bottom: float, top: float | None = None) -> float:
    """|ln| of what lies between two bands, or a band and a level; 0 where they touch.

    For matching: it is the same from either side. What is shown is `away`.
    """
    end = bottom if top is None else top
    return float(max(np.log(bottom / high), np.log(low / end), 0.0))
