"""What a reader can point at: every cell's own USD, packed small enough to send with the picture.

One row a price band goes to the browser. Each side of a band is one string of two-character codes, a code
being the cell's USD to three significant digits, so the chart can look any cell up by its position in the
string: no rectangle a cell, no averaging, and a hover costs the same whatever the grid's size. Merging
neighbouring cells of one colour instead, as one would for persistent bands, fails on recorded liquidations:
in fortnights of real events nearly every run is one cell long, so nothing merges, and merging cells whose
values differ gives averages where the reader expects the value.

Two spellings, chosen by length for each side of the grid:

- dense, `d` + first column + a code for each column up to the last filled one (blanks between): persistent
  bands. The blanks also tell where a stretch began and ended.
- sparse, `s` + `|` + column + code for each filled cell: scattered events.
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
    power = np.floor(np.log10(size))
    digits = np.rint(size / 10.0 ** (power - 2))
    # Rounding up to 1000 needs no care: 900·d + 900 is the code of 100 in the next decade.
    code = 900 * (power - lowest) + (digits - 100) + 2
    out[filled] = np.where(code < 2, 1, code)
    return out


def band_strings(code: np.ndarray, dense_only: bool = False) -> pd.Series:
    """The strings of one side, one a price band, from (T, P) codes; empty text for an empty band."""
    by_band = np.ascontiguousarray(code.T)
    filled = by_band > 0
    any_filled = np.asarray(filled.any(axis=1))
    columns = by_band.shape[1]
    first = np.where(any_filled, filled.argmax(axis=1), columns)
    last = np.where(any_filled, columns - 1 - filled[:, ::-1].argmax(axis=1), -1)
    dense_size = int((2 * (last - first + 1) + 3)[any_filled].sum())
    sparse_size = int(5 * np.count_nonzero(filled) + np.count_nonzero(any_filled))
    if dense_only or dense_size <= sparse_size:
        return _dense(by_band, filled, first, last)
    return _sparse(by_band, filled, any_filled)


def _dense(code: np.ndarray, filled: np.ndarray, first: np.ndarray, last: np.ndarray) -> pd.Series:
    bands, columns = code.shape
    number = np.maximum(code, 1) - 1
    text = np.empty((bands, 3 + 2 * columns), dtype=np.uint8)
    text[:, 0] = ord("d")
    text[:, 1], text[:, 2] = _BYTES[first // BASE], _BYTES[first % BASE]
    text[:, 3::2] = np.where(filled, _BYTES[number // BASE], ord(" "))
    text[:, 4::2] = np.where(filled, _BYTES[number % BASE], ord(" "))
    place = (np.arange(3 + 2 * columns) - 3) // 2
    keep = (place >= first[:, None]) & (place <= last[:, None])
    keep[:, :3] = (last >= 0)[:, None]
    return _strings(text[keep], keep.sum(axis=1))


def _sparse(code: np.ndarray, filled: np.ndarray, any_filled: np.ndarray) -> pd.Series:
    band, column = np.nonzero(filled)
    number = code[band, column] - 1
    cell = np.stack([
        np.full(len(column), ord("|"), dtype=np.uint8), _BYTES[column // BASE], _BYTES[column % BASE],
        _BYTES[number // BASE], _BYTES[number % BASE],
    ], axis=1)
    counts = filled.sum(axis=1)
    starts = 5 * (np.cumsum(counts) - counts)[any_filled]
    return _strings(np.insert(cell.reshape(-1), starts, ord("s")), 5 * counts + any_filled)


def _strings(text: np.ndarray, lengths: np.ndarray) -> pd.Series:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))]
    return pd.Series(pa.Array.from_buffers(pa.string(), len(lengths), buffers).to_pandas(), dtype="str")


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
    sums of events, a row is a cell. `attrs["edges"]` holds low and high USD of each row's band.
    """
    parts = [_stretches(values, grid.is_stock).assign(side=side) for side, values in shown.items()]
    cells = pd.concat(parts, ignore_index=True)
    cells = cells.nlargest(most, "usd").reset_index(drop=True)
    low, high = grid.price_edges[cells["band"]], grid.price_edges[cells["band"] + 1]
    since = pd.Series(pd.DatetimeIndex(grid.time_edges[cells["start"]]))
    until = pd.Series(pd.DatetimeIndex(grid.time_edges[cells["end"]]))
    ends = until.dt.strftime("%Y-%m-%d %H:%M")
    if grid.is_stock:
        ends = ends.where(cells["end"] < grid.shape[0], "still in place")
    out = pd.DataFrame({
        "Price band": [f"${a:,.{digits}f} to ${b:,.{digits}f}" for a, b in zip(low, high, strict=True)],
        "Side": cells["side"], "USD": cells["usd"].round().astype("int64"),
        "Since (UTC)": since.dt.strftime("%Y-%m-%d %H:%M"), "Until (UTC)": ends, "Venues": venues, "Kind": kind,
    })
    out.attrs["edges"] = [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    return out


def _stretches(values: np.ndarray, stock: bool) -> pd.DataFrame:
    by_band = np.ascontiguousarray(values.T)
    filled = by_band > 0
    begins = filled.copy()
    if stock:
        begins[:, 1:] &= ~filled[:, :-1]
    band, start = np.nonzero(begins)
    if not stock:
        return pd.DataFrame({"band": band, "start": start, "end": start + 1, "usd": by_band[band, start]})
    ends = filled.copy()
    ends[:, :-1] &= ~filled[:, 1:]
    end = np.nonzero(ends)[1] + 1
    columns = by_band.shape[1]
    # Up to the next stretch there is nothing but zeros, so the largest value in between is the stretch's own.
    peak = np.maximum.reduceat(by_band.reshape(-1), band * columns + start) if len(band) else np.empty(0, by_band.dtype)
    return pd.DataFrame({"band": band, "start": start, "end": end, "usd": peak})


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
