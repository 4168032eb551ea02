"""What packed tables would become, told before they are unpacked: a kilobyte can ask for a terabyte.

The readers of JSON, Excel and Arrow files take what is claimed on trust, and one of them ends the whole
process where memory runs out.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from liqcore.feeds.files.unpack import MAX_UNPACKED, pour
from liqcore.tables import TableError

# Each list or object of a JSON costs a few hundred bytes, each value some fifty.
MOST_NESTED: Final = 2_000_000
MOST_VALUES: Final = 16_000_000
# A cell costs some 80 bytes between the reader and the table.
MOST_CELLS: Final = 5_000_000
_MOST_PARTS: Final = 1_000
# A cell with something in it; styled ones without do not widen a sheet.
_CELL: Final = re.compile(rb"<(?:\w+:)?c(?=[\s>])[^>]*(?<!/)>")
_PLACED: Final = re.compile(
    rb"<(?:\w+:)?c(?=[\s>])[^>]*?\sr\s*=\s*[\"']([A-Za-z]{1,3})(\d{1,7})[\"'][^>]*(?<!/)>"
)
_LINE: Final = re.compile(rb"<(?:\w+:)?row\b[^>]*?\br\s*=\s*[\"'](\d{1,7})[\"']")
_ROW: Final = re.compile(rb"<(?:\w+:)?row\b")
_STRING: Final = re.compile(rb"<(?:\w+:)?si\b")
_SHARED: Final = re.compile(rb"\bt\s*=\s*[\"']s[\"'](?:[^>]*>\s*<(?:\w+:)?v>\s*(\d+))?")


def refuse_json(data: bytes, remedy: str) -> None:
    """TableError for a JSON whose values would fill the memory; `remedy` is a sentence."""
    for found, most, what in (
        (data.count(b"{") + data.count(b"["), MOST_NESTED, "rows or nested fields"),
        (data.count(b","), MOST_VALUES, "values"),
    ):
        if found > most:
            raise TableError(f"The JSON has about {found:,} {what}; at most {most:,} are read. {remedy}")


def refuse_workbook(data: bytes) -> None:
    """TableError for an Excel file whose sheets would fill the memory: with cells far away, or long texts
    that many cells share. What it holds at all is limited before."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        items = archive.infolist()
        if len(items) > _MOST_PARTS:
            raise TableError("The Excel file has too many parts. Save the sheet as CSV and upload that.")
        if any(item.filename == "content.xml" or item.filename.endswith("workbook.bin") for item in items):
            raise TableError(
                "This is a binary or an OpenDocument workbook. Save the sheet as CSV or .xlsx and upload"
                " that."
            )
        cells = 0
        shown, lengths = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        for item in items:
            with archive.open(item) as stream:
                # Text of two bytes a letter shows its words without the empty ones.
                text = pour(stream, len(data)).replace(b"\x00", b"")
            cells += _area(text)
            shown = np.append(shown, _shown(text))
            lengths = np.append(lengths, _lengths(text))
    if cells > MOST_CELLS:
        raise TableError(
            f"The sheets of the Excel file span {cells:,} cells; at most {MOST_CELLS:,} are read. Remove what"
            " stands far away from the table, or save the sheet as CSV."
        )
    # What cannot be told counts as the longest.
    longest = int(lengths.max(initial=0))
    told = np.where((shown >= 0) & (shown < len(lengths)), shown, len(lengths))
    if int(np.append(lengths, longest)[told].sum()) > MAX_UNPACKED:
        raise TableError(
            "The cells of the Excel file hold texts that are too long. Save the sheet as CSV without them."
        )


def _area(text: bytes) -> int:
    """The rows times the columns of a sheet; 0 for another part."""
    places = _PLACED.findall(text)
    wide = max(map(_column, {letters for letters, _ in places}), default=0)
    high = max(map(int, {digits for _, digits in places}), default=0)
    cells = np.array([cell.start() for cell in _CELL.finditer(text)])
    if len(cells) > len(places):
        # Cells that do not say where they are come one after another.
        rows = np.array([row.start() for row in _ROW.finditer(text)] or [0])
        high = max([high, *map(int, _LINE.findall(text))]) + len(rows)
        wide += int(np.bincount(np.searchsorted(rows, cells)).max())
    return wide * high


def _column(letters: bytes) -> int:
    """`A` is 1, `AB` is 28."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _shown(text: bytes) -> np.ndarray:
    """Which of the shared texts each cell shows, -1 where that cannot be told."""
    found = _SHARED.findall(text)
    return np.array([int(number[:9] or -1) for number in found], dtype=np.int64)


def _lengths(text: bytes) -> np.ndarray:
    """Lengths of the texts that cells share."""
    begins = [found.start() for found in _STRING.finditer(text)]
    return np.diff([*begins, len(text)]) if begins else np.zeros(0, dtype=np.int64)


def arrow_bytes(messages: Iterator[Any]) -> int:
    """Bytes that the compressed buffers of Arrow's messages would unpack to, by the length before each.

    Raises
    ------
    ValueError, struct.error, IndexError
        A message that is broken.

    Source: Arrow columnar format, Message.fbs and "Compression" of record batches.
    """
    return sum(_message_bytes(one.metadata.to_pybytes(), one.body) for one in messages)


def _message_bytes(head: bytes, body: Any) -> int:
    def field(table: int, number: int) -> int:
        """Where a field of a table stands, 0 where it is left out."""
        index = table - int(struct.unpack_from("<i", head, table)[0])
        (size,) = struct.unpack_from("<H", head, index)
        place = 4 + 2 * number
        (at,) = struct.unpack_from("<H", head, index + place) if place + 2 <= size else (0,)
        return table + int(at) if at else 0

    def follow(place: int) -> int:
        return place + int(struct.unpack_from("<I", head, place)[0])

    root = follow(0)
    kind, inner = head[field(root, 1)], follow(field(root, 2))
    if kind == 2:
        inner = follow(field(inner, 1))
    if kind not in (2, 3) or not field(inner, 3) or not (place := field(inner, 2)):
        return 0
    held = follow(place)
    (count,) = struct.unpack_from("<I", head, held)
    buffers = np.frombuffer(head, "<i8", 2 * count, held + 4).reshape(-1, 2)
    starts = [int(start) for start, length in buffers if length >= 8]
    data = memoryview(body)
    return sum(max(int(struct.unpack_from("<q", data, start)[0]), 0) for start in starts)
