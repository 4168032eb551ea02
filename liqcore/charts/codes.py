"""USD as whole numbers of three significant digits: small to send, exact to read, and in order.

A code fits two bytes, neighbours of a standing level share its high byte, and side, scale, threshold and
palette turn codes into colours through one short table, wherever that happens.
"""

from __future__ import annotations

from typing import Final

import numpy as np

DECADES: Final = 9


def lowest_decade(*values: np.ndarray) -> int:
    """Power of ten of the smallest USD that keeps its digits; what is smaller is sent as "less than"."""
    top = max((float(part.max(initial=0.0)) for part in values), default=0.0)
    return int(np.floor(np.log10(top))) - (DECADES - 1) if top > 0 else 0


def codes(values: np.ndarray, lowest: int) -> np.ndarray:
    """uint16 codes of float32 USD, same shape, in the order of the amounts: 0 for nothing, 1 below
    10**lowest.

    Code 2 + 900·d + (m − 100) stands for m·10**(lowest + d − 2) with 100 ≤ m ≤ 999.
    """
    out = np.zeros(values.shape, dtype=np.uint16)
    filled = values > 0
    size = values[filled]
    # Single precision is several times quicker than double and off by a thousandth of the last digit sent.
    # The floor keeps what is sent as code 1 anyway within its numbers.
    place = np.maximum(size, np.float32(10.0 ** (lowest - 1)), dtype=np.float32)
    np.log(place, out=place)
    place *= np.float32(1 / np.log(10.0))
    power = np.floor(place)
    place -= power
    place *= np.float32(np.log(10.0))
    digits = np.exp(place, out=place)
    digits *= 100
    code = np.rint(digits)
    digits -= code
    unsure = np.flatnonzero(np.abs(digits, out=digits) > 0.49)
    # Rounding up to 1000 needs no care: 900·d + 900 is the code of 100 in the next decade.
    power -= lowest
    power *= 900
    code += power
    code -= 98
    np.maximum(code, 1, out=code)
    # What lies between two codes is decided in double precision.
    code[unsure] = _exact_codes(size[unsure].astype(np.float64), lowest)
    out[filled] = code
    return out


def _exact_codes(values: np.ndarray, lowest: int) -> np.ndarray:
    floor = 10.0 ** (lowest - 1)
    power = np.floor(np.log10(np.maximum(values, floor)))
    return np.maximum(900 * (power - lowest) + np.rint(values * 10.0 ** (2 - power)) - 98, 1)
