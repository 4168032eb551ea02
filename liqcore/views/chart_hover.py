"""What a reader can point at: every cell's own USD, packed small enough to send with the picture.

One row a price band goes to the browser. Each side of a band is one string of two-character codes, a code
being the cell's USD to three significant digits, so the chart can look any cell up by its position in the
string: no rectangle a cell, no averaging, and a hover costs the same whatever the grid's size. Merging
neighbouring cells of one colour instead, as one would for persistent bands, fails on recorded liquidations:
in fortnights of real events nearly every run is one cell long, so nothing merges, and merging cells whose
values differ gives averages where the reader expects the value.

Two spellings, chosen by length for each side of the grid:

- dense: a code for each column from the first to the last filled one, blanks between: persistent bands. The
  blanks also tell where a stretch began and ended.
- sparse: `|` + column + code for each filled cell: scattered events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from liqcore.heat.grid import HeatGrid
from liqcore.views.palette import usd

# Printable ASCII without blank (an empty cell) and | (which marks a cell in the sparse spelling).
DIGITS: Final = "".join(chr(code) for code in range(33, 127) if chr(code) != "|")
BASE: Final = len(DIGITS)
DECADES: Final = 9
_BYTES: Final = np.frombuffer(DIGITS.encode(), dtype=np.uint8)
# The two characters of every code as one 16-bit number: two blanks for 0, then the digits of code − 1.
_PAIRS: Final = np.concatenate([
    np.full((1, 2), ord(" "), dtype=np.uint8),
    np.stack([np.repeat(_BYTES, BASE), np.tile(_BYTES, BASE)], axis=1),
]).view(np.uint16).reshape(-1)
# Exact lattices up to this many steps; longer ones would make the picture larger than any screen.
_STEPS: Final = 4_096


@dataclass(frozen=True)
class Lattice:
    """An axis as equal steps: which bin each step shows, and at which step each bin begins.

    Attributes
    ----------
    origin, step : place of the first edge and length of a step, in the axis' own unit (ms, USD or log USD).
    bins : (N,) bin shown by each step; identity when the bins are equal.
    starts : (B+1,) step at which each bin begins; the last entry is N.
    exact : False when the edges had to be rounded to the nearest step.
    """

    origin: float
    step: float
    bins: np.ndarray
    starts: np.ndarray
    exact: bool = True

    @property
    def even(self) -> bool:
        return len(self.bins) == len(self.starts) - 1


def time_lattice(edges: np.ndarray) -> Lattice:
    """Steps in ms of the greatest common divisor of the columns, for (T+1,) datetime64[us] edges."""
    micros = edges.astype("int64")
    widths = np.diff(micros)
    step = int(np.gcd.reduce(widths))
    steps = int((micros[-1] - micros[0]) // step)
    if steps > max(_STEPS, len(widths)):
        return _nearest(micros / 1000.0)
    return _on_steps(micros[0] / 1000.0, step / 1000.0, ((micros - micros[0]) // step).astype(int))


def price_lattice(edges: np.ndarray, log: bool) -> Lattice:
    """Steps in USD, or in log USD, for (P+1,) USD edges; a narrower last bin is met by finer steps."""
    place = np.log(edges) if log else edges
    widths = np.diff(place)
    span = place[-1] - place[0]
    for parts in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16):
        steps = round(span / widths.min() * parts)
        if steps > max(_STEPS, len(widths)):
            break
        at = (place - place[0]) / span * steps
        if np.abs(at - at.round()).max() < 0.005:
            return _on_steps(float(place[0]), float(span / steps), at.round().astype(int))
    return _nearest(place)


def _on_steps(origin: float, step: float, starts: np.ndarray, exact: bool = True) -> Lattice:
    return Lattice(origin, step, np.repeat(np.arange(len(starts) - 1), np.diff(starts)), starts, exact)


def _nearest(place: np.ndarray) -> Lattice:
    steps = max(_STEPS, len(place) - 1)
    span = place[-1] - place[0]
    starts = ((place - place[0]) / span * steps).round().astype(int)
    return _on_steps(float(place[0]), float(span / steps), starts, exact=False)


def in_digits(numbers: np.ndarray) -> str:
    """Whole numbers below 8,649 as two characters each."""
    pairs = np.stack([_BYTES[numbers // BASE], _BYTES[numbers % BASE]], axis=-1)
    return pairs.tobytes().decode()


def lowest_decade(*values: np.ndarray) -> int:
    """Power of ten of the smallest USD that keeps its digits; what is smaller is sent as "less than"."""
    top = max((float(part.max(initial=0.0)) for part in values), default=0.0)
    return int(np.floor(np.log10(top))) - (DECADES - 1) if top > 0 else 0


def codes(values: np.ndarray, lowest: int) -> np.ndarray:
    """uint16 codes of USD, same shape: 0 empty, 1 below 10**lowest, then three significant digits in order.

    Code 2 + 900·d + (m − 100) stands for m·10**(lowest + d − 2) with 100 ≤ m ≤ 999.
    """
    out = np.zeros(values.shape, dtype=np.uint16)
    filled = values > 0
    size = values[filled].astype(np.float64)
    # What is far below the rest is sent as code 1 anyway; the floor only keeps the table of powers short.
    power = np.floor(np.log10(np.maximum(size, 10.0 ** (lowest - 1)))).astype(np.int16)
    scale = 10.0 ** np.arange(3 - lowest, 3 - lowest - DECADES - 3, -1, dtype=np.float64)
    digits = np.rint(size * scale[power - (lowest - 1)]).astype(np.int32)
    # Rounding up to 1000 needs no care: 900·d + 900 is the code of 100 in the next decade.
    code = 900 * (power.astype(np.int32) - lowest) + (digits - 98)
    out[filled] = np.maximum(code, 1)
    return out


@dataclass(frozen=True)
class Strings:
    """One side of a grid as text: for each band its string, and the column of its first code.

    `first` is -1 for the sparse spelling, whose codes carry their columns.
    """

    text: pa.Array
    first: np.ndarray


def band_strings(code: np.ndarray, dense_only: bool = False) -> Strings:
    """The strings of one side, one a price band, from (T, P) codes; empty text for an empty band."""
    by_band = np.ascontiguousarray(code.T)
    bands, columns = by_band.shape
    filled = by_band > 0
    counts = np.count_nonzero(filled, axis=1)
    if not counts.any():
        return Strings(_strings(np.empty(0, dtype=np.uint8), counts), np.zeros(bands, dtype=np.int32))
    first = filled.argmax(axis=1)
    last = np.where(counts > 0, columns - filled[:, ::-1].argmax(axis=1), first)
    if dense_only or 2 * int((last - first).sum()) <= 5 * int(counts.sum()):
        place = np.arange(columns)
        keep = (place >= first[:, None]) & (place < last[:, None])
        return Strings(_strings(_PAIRS[by_band[keep]].view(np.uint8), 2 * (last - first)), first.astype(np.int32))
    band, column = np.nonzero(filled)
    cell = np.empty((len(column), 5), dtype=np.uint8)
    cell[:, 0] = ord("|")
    cell[:, 1], cell[:, 2] = _BYTES[column // BASE], _BYTES[column % BASE]
    cell[:, 3:] = _PAIRS[by_band[band, column]][:, None].view(np.uint8)
    return Strings(_strings(cell.reshape(-1), 5 * counts), np.full(bands, -1, dtype=np.int32))


def _strings(text: np.ndarray, lengths: np.ndarray) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))])


def in_words(
    grid: HeatGrid, shown: dict[str, np.ndarray], venues: str, kind: str, digits: int, most: int
) -> pd.DataFrame:
    """The map as a table, largest first: what a screen reader reads and the toolbar's "Show data" shows.

    Parameters
    ----------
    shown : for each side drawn, (T, P) USD with 0 where nothing is drawn.
    digits : decimals of prices.
    most : number of rows kept.

    Returns
    -------
    DataFrame `Price band`, `Side`, `USD`, `Since (UTC)`, `Until (UTC)`, `Venues`, `Kind`. Where columns are
    states, a row is a stretch of time in which a band was filled, with the largest USD in it; where they are
    sums of events, a row is a cell.
    """
    found = [(side, *_stretches(values, grid.is_stock)) for side, values in shown.items()]
    side = np.repeat([item[0] for item in found], [len(item[1]) for item in found])
    band, start, end, size = (np.concatenate([item[k] for item in found]) for k in range(1, 5))
    order = np.argpartition(-size, most)[:most] if len(size) > most else np.arange(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    band, end, edges = band[order], end[order], grid.price_edges.tolist()
    moments = np.char.replace(np.datetime_as_string(grid.time_edges, unit="m"), "T", " ")
    until = np.where(end < grid.shape[0], moments[end], "still in place") if grid.is_stock else moments[end]
    text = {
        "Price band": [f"${edges[k]:,.{digits}f} to ${edges[k + 1]:,.{digits}f}" for k in band.tolist()],
        "Side": side[order].tolist(), "USD": size[order].round().astype("int64"),
        "Since (UTC)": moments[start[order]].tolist(), "Until (UTC)": until.tolist(),
        "Venues": [venues] * len(order), "Kind": [kind] * len(order),
    }
    # Columns made by Arrow: pandas would look at every text twice to find out that it is one.
    return pa.table(text).to_pandas()


def _stretches(values: np.ndarray, stock: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Band, first column, column after the last, and largest USD of each row of the table."""
    by_band = np.ascontiguousarray(values.T)
    filled = by_band > 0
    begins = filled
    if stock:
        begins = filled.copy()
        begins[:, 1:] &= ~filled[:, :-1]
    at = np.flatnonzero(begins)
    band, start = np.divmod(at, by_band.shape[1])
    if not stock:
        return band, start, start + 1, by_band.reshape(-1)[at]
    ends = filled.copy()
    ends[:, :-1] &= ~filled[:, 1:]
    # Up to the next stretch there is nothing but zeros, so the largest value in between is the stretch's own.
    peak = np.maximum.reduceat(by_band.reshape(-1), at) if len(at) else np.empty(0, by_band.dtype)
    return band, start, np.flatnonzero(ends) % by_band.shape[1] + 1, peak


def largest(grid: HeatGrid, shown: dict[str, np.ndarray]) -> tuple[str, float, float, float] | None:
    """(side, USD, low, high) of the fullest cell: of the last column where columns are states, else of all."""
    best: tuple[str, float, float, float] | None = None
    for side, values in shown.items():
        by_price = values[-1] if grid.is_stock else values.max(axis=0)
        band = int(by_price.argmax())
        size = float(by_price[band])
        if size > 0 and (best is None or size > best[1]):
            best = side, size, float(grid.price_edges[band]), float(grid.price_edges[band + 1])
    return best


def below_text(lowest: int) -> str:
    """How an amount below the smallest that keeps its digits is written."""
    return f"less than {usd(10.0 ** max(lowest, 0))}"
