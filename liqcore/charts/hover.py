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
import pyarrow as pa

from liqcore.charts.palette import usd
from liqcore.heat.grid import HeatGrid

# Printable ASCII without blank (an empty cell) and | (which marks a cell in the sparse spelling).
DIGITS: Final = "".join(chr(code) for code in range(33, 127) if chr(code) != "|")
BASE: Final = len(DIGITS)
DECADES: Final = 9
_BYTES: Final = np.frombuffer(DIGITS.encode(), dtype=np.uint8)
# The two characters of every code as one 16-bit number: two blanks for 0, then the digits of code − 1.
_PAIRS: Final = (
    np.concatenate(
        [
            np.full((1, 2), ord(" "), dtype=np.uint8),
            np.stack([np.repeat(_BYTES, BASE), np.tile(_BYTES, BASE)], axis=1),
        ]
    )
    .view(np.uint16)
    .reshape(-1)
)
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
    """uint16 codes of float32 USD, same shape: 0 empty, 1 below 10**lowest, then three significant digits in
    order.

    Code 2 + 900·d + (m − 100) stands for m·10**(lowest + d − 2) with 100 ≤ m ≤ 999.
    """
    out = np.zeros(values.shape, dtype=np.uint16)
    filled = values > 0
    size = values[filled]
    # Single precision is several times quicker than double and off by a thousandth of the last digit sent.
    # The
    # floor keeps what is sent as code 1 anyway within its numbers.
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


@dataclass(frozen=True)
class Strings:
    """One side of a grid as text: for each band its string, and the column of its first code.

    `first` is -1 for the sparse spelling, whose codes carry their columns.
    """

    text: pa.Array
    first: np.ndarray


def band_strings(code: np.ndarray, dense_only: bool = False) -> Strings:
    """The strings of one side, one a price band, from (P, T) codes, a row a band; empty text for an empty
    band."""
    bands, columns = code.shape
    filled = code > 0
    counts = np.add.reduce(filled, axis=1, dtype=np.int32)
    if not counts.any():
        return no_strings(bands)
    first = filled.argmax(axis=1)
    last = np.where(counts > 0, columns - filled[:, ::-1].argmax(axis=1), first)
    if dense_only or 2 * int((last - first).sum()) <= 5 * int(counts.sum()):
        place = np.arange(columns, dtype=np.int16)
        keep = (place >= first.astype(np.int16)[:, None]) & (place < last.astype(np.int16)[:, None])
        return Strings(
            _strings(_PAIRS.take(code[keep]).view(np.uint8), 2 * (last - first)), first.astype(np.int32)
        )
    band, column = np.nonzero(filled)
    cell = np.empty((len(column), 5), dtype=np.uint8)
    cell[:, 0] = ord("|")
    cell[:, 1], cell[:, 2] = _BYTES[column // BASE], _BYTES[column % BASE]
    cell[:, 3:] = _PAIRS[code[band, column]][:, None].view(np.uint8)
    return Strings(_strings(cell.reshape(-1), 5 * counts), np.full(bands, -1, dtype=np.int32))


def no_strings(bands: int) -> Strings:
    """The strings of a side in which no band holds anything."""
    return Strings(
        _strings(np.empty(0, dtype=np.uint8), np.zeros(bands, dtype=np.int32)),
        np.zeros(bands, dtype=np.int32),
    )


def _strings(text: np.ndarray, lengths: np.ndarray) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(
        pa.string(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))]
    )


def in_words(
    grid: HeatGrid, shown: dict[str, np.ndarray], venues: str, kind: str, digits: int, most: int
) -> pa.Table:
    """The map as a table, largest first: what a screen reader reads and the toolbar's "Show data" shows.

    Parameters
    ----------
    shown : for each side drawn, (P, T) USD with 0 where nothing is drawn, a row a band.
    digits : decimals of prices.
    most : number of rows kept.

    Returns
    -------
    Arrow table `Price band`, `Side`, `USD`, `Since (UTC)`, `Until (UTC)`, `Venues`, `Kind`. Where columns are
    states, a row is a stretch of time in which a band was filled, with the largest USD in it; where they are
    sums of events, a row is a cell.
    """
    found = [_stretches(values, grid.is_stock) for values in shown.values()]
    start, end, size = (np.concatenate([item[k] for item in found]) for k in range(3))
    order = np.argpartition(-size, most)[:most] if len(size) > most else np.arange(len(size))
    order = order[np.argsort(-size[order], kind="stable")]
    side = np.repeat(np.arange(len(found)), [len(item[0]) for item in found])[order]
    columns = grid.shape[0]
    (band, begin), edges, names = np.divmod(start[order], columns), grid.price_edges.tolist(), list(shown)
    finish = end[order] % columns + 1
    until = _minutes(grid.time_edges[finish])
    if grid.is_stock:
        until = [
            "still in place" if column == columns else text
            for column, text in zip(finish.tolist(), until, strict=True)
        ]
    # Arrow all the way: pandas would look at every text twice to find out that it is one.
    return pa.table(
        {
            "Price band": pa.array(
                [f"${edges[k]:,.{digits}f} to ${edges[k + 1]:,.{digits}f}" for k in band.tolist()],
                pa.string(),
            ),
            "Side": pa.array([names[k] for k in side.tolist()], pa.string()),
            "USD": size[order].round().astype("int64"),
            "Since (UTC)": pa.array(_minutes(grid.time_edges[begin]), pa.string()),
            "Until (UTC)": pa.array(until, pa.string()),
            "Venues": pa.array([venues] * len(order), pa.string()),
            "Kind": pa.array([kind] * len(order), pa.string()),
        }
    )


def _minutes(times: np.ndarray) -> list[str]:
    return [text.replace("T", " ") for text in np.datetime_as_string(times, unit="m").tolist()]


def _stretches(values: np.ndarray, stock: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First cell, last cell (places in the flattened (P, T) grid) and largest USD of each row of the
    table."""
    filled = values > 0
    if not stock:
        at = np.flatnonzero(filled)
        return at, at, values.reshape(-1)[at]
    begins, ends = filled.copy(), filled.copy()
    begins[:, 1:] &= ~filled[:, :-1]
    ends[:, :-1] &= ~filled[:, 1:]
    at = np.flatnonzero(begins)
    # Up to the next stretch there is nothing but zeros, so the largest value in between is the stretch's own.
    peak = np.maximum.reduceat(values.reshape(-1), at) if len(at) else np.empty(0, values.dtype)
    return at, np.flatnonzero(ends), peak


def largest(grid: HeatGrid, shown: dict[str, np.ndarray]) -> tuple[str, float, float, float] | None:
    """(side, USD, low, high) of the fullest of the (P, T) cells: of the last column where columns are states,
    else of all."""
    best: tuple[str, float, float, float] | None = None
    for side, values in shown.items():
        by_price = values[:, -1] if grid.is_stock else values.max(axis=1)
        band = int(by_price.argmax())
        size = float(by_price[band])
        if size > 0 and (best is None or size > best[1]):
            best = side, size, float(grid.price_edges[band]), float(grid.price_edges[band + 1])
    return best


def below_text(lowest: int) -> str:
    """How an amount below the smallest that keeps its digits is written."""
    return f"less than {usd(10.0 ** max(lowest, 0))}"
