"""A map and what lies over it as bytes for the browser. Nothing here knows Streamlit.

Layout: uint32 (little endian) length of the head, the head as JSON, then zlib blocks one behind the other.
`blocks` in the head gives the size of each and the names, kinds and sizes of the arrays inside, widest items
first, so that typed arrays can be laid over the bytes. Cells and candles are blocks of their own, because the
cells of a grid are packed once and sent with whatever candles lie over them.

Cells are codes (`codes.py`), (T, P) for each side. Each column is sent as its difference from the one before,
low bytes and high bytes apart: bands persist and fade evenly, which makes a modelled map small.
"""

from __future__ import annotations

import functools
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from liqcore.charts import codes, data as chart_data
from liqcore.charts.palette import DIVERGING, PALETTES, drawn_colours
from liqcore.heat.grid import HeatGrid

GROUNDS: Final = ("dark", "light")
_LEVEL: Final = 1
_PACKED: Final[WeakKeyDictionary[HeatGrid, tuple[Block, int]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Block:
    """Arrays compressed together: (name, kind, bytes) of each, and the zlib stream."""

    parts: tuple[tuple[str, str, int], ...]
    stream: bytes
    id: str


def block(arrays: dict[str, tuple[str, bytes]]) -> Block:
    """Compress named arrays of kind `f8`, `f4` or `u2` (which travels as two planes of bytes)."""
    body = b"".join(part for _, part in arrays.values())
    parts = tuple((name, kind, len(part)) for name, (kind, part) in arrays.items())
    return Block(parts, zlib.compress(body, _LEVEL), hashlib.blake2b(body, digest_size=8).hexdigest())


def pack(head: dict[str, Any], *blocks: Block) -> bytes:
    """Head and blocks in one bytes object; `id` in the head says whether two of them hold the same arrays."""
    whole = {
        "id": "-".join(item.id for item in blocks),
        "blocks": [{"size": len(item.stream), "parts": item.parts} for item in blocks],
        **head,
    }
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
    return len(text).to_bytes(4, "little") + text + b"".join(item.stream for item in blocks)


def planes(code: np.ndarray) -> bytes:
    """(T, P) uint16 as differences along time: all low bytes, then all high bytes."""
    step = code.copy()
    step[1:] -= code[:-1]
    pairs = step.reshape(-1).view(np.uint8).reshape(-1, 2)
    return pairs[:, 0].tobytes() + pairs[:, 1].tobytes()


def cells(grid: HeatGrid) -> tuple[Block, int]:
    """The cells of a grid, and the decade of its smallest amount that keeps its digits. Grids never change,
    so they are packed once, and that is kept as long as the grid is."""
    found = _PACKED.get(grid)
    if found is None:
        lowest = codes.lowest_decade(grid.long, grid.short)
        found = _PACKED[grid] = _cells(grid, lowest, 0), lowest
    return found


def _cells(grid: HeatGrid, lowest: int, first: int) -> Block:
    return block(
        {
            "time_edges": ("f8", chart_data.milliseconds(grid.time_edges[first:]).tobytes()),
            "price_edges": ("f8", grid.price_edges.tobytes()),
            "long": ("u2", planes(codes.codes(grid.long[first:], lowest))),
            "short": ("u2", planes(codes.codes(grid.short[first:], lowest))),
        }
    )


def _bars(bars: chart_data.Bars, first: int = 0) -> Block:
    return block(
        {name: ("f4", values[first:].astype(np.float32).tobytes()) for name, values in bars.rows.items()}
    )


def heat(grid: HeatGrid, bars: chart_data.Bars, **head: Any) -> bytes:
    """Everything of a map that changes with its cells or candles: role `heat`."""
    packed, lowest = cells(grid)
    return pack(
        {
            "role": "heat",
            "shape": grid.shape,
            "kind": grid.kind,
            "stock": grid.is_stock,
            "lowest": lowest,
            "candle_origin": bars.origin,
            "candle_step": bars.step,
            "gaps": chart_data.gaps(grid),
            **head,
        },
        packed,
        _bars(bars),
    )


def identity(payload: bytes) -> str:
    """The id of the arrays in a payload, to which `columns` can be added."""
    return str(json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])["id"])


def columns(
    grid: HeatGrid,
    bars: chart_data.Bars,
    *,
    first: int,
    kept: int,
    lowest: int,
    candle_first: int,
    **head: Any,
) -> bytes:
    """What came after a map was sent: role `columns`.

    Parameters
    ----------
    grid, bars : as they are now.
    first : column of `grid` from which on it differs from the map that was sent.
    kept : how many columns of the sent map stand before it.
    lowest : the sent map's decade, in which the codes are written.
    candle_first : row of `bars` from which on candles are sent; they continue the sent rows.
    head : `target` (key of the map), `base` (its id), `candle_at` (row of the sent candles that they replace
        and continue), and the words of now.
    """
    return pack(
        {
            "role": "columns",
            "first": kept,
            "begins": float(chart_data.milliseconds(grid.time_edges[:1])[0]),
            "shape": (grid.shape[0] - first, grid.shape[1]),
            "gaps": chart_data.gaps(grid),
            **head,
        },
        _cells(grid, lowest, first),
        _bars(bars, candle_first),
    )


def layers(target: str, **named: list[dict[str, Any]]) -> bytes:
    """Lines, boxes and marks over a map that is already there: role `layers`."""
    return pack({"role": "layers", "target": target, "layers": named})


@functools.lru_cache(maxsize=1)
def palettes() -> bytes:
    """The colours of every map on both grounds, 255 in hexadecimal: role `palettes`, sent once a session."""
    named = {name: name for name in PALETTES} | {"net": DIVERGING}
    return pack(
        {
            "role": "palettes",
            "palettes": {
                ground: {key: drawn_colours(name, ground).tobytes().hex() for key, name in named.items()}
                for ground in GROUNDS
            },
        }
    )
