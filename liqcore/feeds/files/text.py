"""Delimited text: its layout is found by looking at its first lines, and a second header starts a new
part."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.feeds.files import numerals, symbols, times
from liqcore.feeds.files.arrow import to_frame
from liqcore.feeds.files.table import EMPTY_WORDS, RawTable, check_shape, counted, is_values, shown, unique
from liqcore.feeds.files.unpack import Content
from liqcore.tables import TableError

_GLUED: Final = re.compile(r"^([^\d]*[A-Za-z_)])(\d.*)$")
_HEAD: Final = 1 << 18
_PIECE: Final = 1 << 17
# Words of which a line of column names holds at least one.
TIME_WORDS: Final = (
    "opentime", "timeopen", "time", "timestamp", "datetime", "date", "dateutc", "timeutc", "unix", "starttime",  # noqa: E501
    "localtime", "gmttime", "createtime", "eventtime", "tradetime", "transacttime",
)  # fmt: skip
_MAYBE_HEADER: Final = re.compile(rb"(?im)^[^\n]*(?:time|date|unix)[^\n]*$")
_MOST_PARTS: Final = 2_000


@dataclass
class _Layout:
    delimiter: str
    names: list[str]
    headed: bool
    start: int
    header: bytes = b""
    notes: list[str] = field(default_factory=list)
    symbol: str = ""
    zone: str = ""
    mark: str | None = None
    doubtful: frozenset[int] = frozenset()


def text_tables(content: Content) -> list[RawTable]:
    """The tables of a text file: one, or several where lines of column names start new ones."""
    data = content.data
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    check_shape(_lines(data), 0)
    try:
        whole = _one_table(content, data)
        if not _holds_header(whole.frame):
            return [whole]
        problem: TableError | None = None
    except TableError as error:
        problem = error
    starts = _header_lines(data)
    if not starts:
        if problem is not None:
            raise problem
        return [whole]
    edges = [0, *starts, len(data)]
    parts = []
    for number, (start, end) in enumerate(pairwise(edges), 1):
        piece = data[start:end]
        if piece.strip() and piece.strip().count(b"\n"):
            found = _one_table(content, piece)
            # Rows are counted as in the file.
            found.frame.index = found.frame.index + data.count(b"\n", 0, start)
            parts.append(replace(found, part=f"part {number}"))
    if not parts and problem is not None:
        raise problem
    return parts


def _lines(data: bytes) -> int:
    """Line ends. Compared a piece at a time, which takes half as long as `bytes.count`."""
    held = np.frombuffer(data, dtype=np.uint8)
    return sum(
        int(np.count_nonzero(held[begin : begin + _PIECE] == 10)) for begin in range(0, len(held), _PIECE)
    )


def _holds_header(frame: pd.DataFrame) -> bool:
    """Whether column names stand inside the data."""
    import pyarrow as pa
    from pyarrow import compute

    for name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.cat.categories.to_series()
        if pd.api.types.is_string_dtype(values.dtype) and values.dtype != object:
            words = compute.utf8_lower(pa.array(values, type=pa.string()))
            words = compute.replace_substring_regex(words, pattern="[_ <>]", replacement="")
            if compute.any(compute.is_in(words, value_set=pa.array(TIME_WORDS))).as_py():
                return True
    return False


def _header_lines(data: bytes) -> list[int]:
    """Where lines of column names begin, after the first line with values."""
    delimiter = _layout(data).delimiter
    found = []
    for match in _MAYBE_HEADER.finditer(data):
        cells = [cell.strip() for cell in _split(match[0].decode("utf-8", errors="replace"), delimiter)]
        words = [re.sub(r"[^a-z]", "", cell.lower()) for cell in cells]
        if (
            match.start() > 0
            and len(cells) >= 3
            and any(word in TIME_WORDS for word in words)
            and not any(any(letter.isdigit() for letter in cell[:1]) for cell in cells)
        ):
            found.append(match.start())
        if len(found) > _MOST_PARTS:
            raise TableError(
                "Column names stand between the rows again and again. Write one line of names and then the"
                " rows."
            )
    first = _layout(data)
    return [start for start in found if start >= first.start]


def _one_table(content: Content, data: bytes) -> RawTable:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    layout = _layout(data)
    check_shape(0, len(layout.names))
    again = b"\n" + layout.header + b"\n"
    if (
        layout.headed
        and not _lacks_a_letter(layout.header, data, layout.start)
        and (times_again := data.count(again, max(layout.start - 1, 0)))
    ):
        data = data[: layout.start] + data[layout.start :].replace(again, b"\n")
        layout.notes.append(
            f"The header is repeated inside the file; {counted(times_again, 'were', 'such line')} left out."
        )
    body = memoryview(data)[layout.start :]
    if not bytes(body[:4096]).strip() and not bytes(body).strip():
        raise TableError("The file has column names but no rows. Export it again with data.")
    uneven: list[tuple[int, int, bool]] = []
    quoted = b'"' in data

    def skip(row: Any) -> str:
        uneven.append((row.number or 0, row.actual_columns, "\n" in row.text))
        return "skip"

    def parse(block: int) -> Any:
        uneven.clear()
        return arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            read_options=arrow_csv.ReadOptions(
                column_names=[f"c{i}" for i in range(len(layout.names))], block_size=block, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=layout.delimiter,
                # Arrow is quicker where it need not look for quotes.
                quote_char='"' if quoted else False,
                newlines_in_values=quoted,
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(
                null_values=list(EMPTY_WORDS),
                strings_can_be_null=True,
                auto_dict_encode=True,
                auto_dict_max_cardinality=1000,
                decimal_point=layout.mark or ".",
                column_types={f"c{i}": pa.string() for i in layout.doubtful},
            ),
        )

    whole = min(len(body) + 1024, 2**31 - 1)
    try:
        try:
            table = parse(min(whole, 1 << 23))
        except pa.ArrowInvalid:
            # Types are inferred from the first block only; a column that changes later needs one single
            # block.
            table = parse(whole)
        frame, _ = to_frame(table)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise TableError(
            "The text cannot be split into columns. Check the quotes and the separators, or export it again"
            " as CSV."
        ) from problem
    _check_uneven(uneven, len(frame), len(layout.names), layout.notes)
    names, repeated = unique(layout.names)
    frame.columns = pd.Index(names)
    if uneven:
        kept = np.ones(len(frame) + len(uneven), dtype=bool)
        kept[[number - 1 for number, *_ in uneven if 0 < number <= len(kept)]] = False
        if kept.sum() == len(frame):
            frame.index = pd.Index(np.flatnonzero(kept))
    frame = times.joined(numerals.settled(frame, layout.mark))
    return RawTable(
        frame,
        content.name,
        layout.headed,
        len(frame) + len(uneven),
        repeated,
        (*content.notes, *layout.notes),
        layout.symbol,
        zone=layout.zone,
    )


def _lacks_a_letter(words: bytes, data: bytes, start: int) -> bool:
    """Whether a letter of the words stands nowhere in the data: a fifth of the time that a search for the
    words takes, and mostly enough."""
    head = data[start : start + _PIECE]
    rare = next((letter for letter in words if letter not in head), None)
    return rare is not None and data.find(rare, start) < 0


def _check_uneven(uneven: list[tuple[int, int, bool]], kept: int, width: int, notes: list[str]) -> None:
    if not uneven:
        return
    row, found, _ = uneven[0]
    if any(swallowed for *_, swallowed in uneven):
        at = next(number for number, _, swallowed in uneven if swallowed)
        raise TableError(
            f"From row {at:,} on, a quote is opened and not closed, so that lines run together. Correct or"
            " remove that quote."
        )
    if len(uneven) > max(1, (kept + len(uneven)) // 100):
        raise TableError(
            f"Row {row:,} has {found} fields where {width} are expected"
            f" ({counted(len(uneven), noun='such row')}). Two tables in one file must be split, and broken"
            " rows removed."
        )
    notes.append(
        f"{counted(len(uneven), 'were', 'broken row')} left out (row {row:,} has {found} fields instead of"
        f" {width})."
    )


def _layout(data: bytes) -> _Layout:
    lines, offsets = _first_lines(data)
    position, delimiter = _skip_preamble(lines)
    notes: list[str] = []
    rest = lines[position:]
    if delimiter is None:
        delimiter = _delimiter(rest)
    rows = [_split(line, delimiter) for line in rest[:60]]
    while rows and len(rows[0]) < 2 and len(rows) > 1:
        rows, position = rows[1:], position + 1
    header, symbol, zone = rows[0], "", times.zone_named(lines[:position])
    start, line = offsets[position], lines[position]
    if (stacked := _stacked(rows)) is not None:
        header, symbol, more = stacked
        notes += more
        rows, position = rows[2:], position + 2
        start, line = offsets[position], lines[position]
    body = [row for row in rows[1:] if row != [""] and row]
    if is_values(header):
        names = [f"column {i + 1}" for i in range(len(header))]
        return _marked(_Layout(delimiter, names, False, start, notes=notes, zone=zone), [header, *body])
    names = [name.strip().strip("\ufeff") for name in header]
    after = start + len(line.encode()) + 1
    width = Counter(map(len, body)).most_common(1)[0][0] if body else len(names)
    if width != len(names):
        glued = _GLUED.match(header[width - 1].strip()) if len(names) == 2 * width - 1 else None
        if glued:
            names = [*names[: width - 1], glued[1].strip()]
            after = start + len(line[: line.index(glued[0]) + len(glued[1])].encode())
            notes.append("The header was glued to the first row; it was cut off there.")
        elif len(names) == width + 1 and not names[-1]:
            names = names[:-1]
        elif width == len(names) + 1 and all(not row[-1].strip() for row in body if len(row) == width):
            names = [*names, ""]
        else:
            raise TableError(
                f"The header names {len(names)} columns and the rows have {width} fields. "
                "Correct the header, or split the file where a second table starts."
            )
    names = [name or f"column {i + 1}" for i, name in enumerate(names)]
    return _marked(_Layout(delimiter, names, True, after, line.encode(), notes, symbol, zone), body)


def _stacked(rows: list[list[str]]) -> tuple[list[str], str, list[str]] | None:
    """Three rows of names as yfinance writes them (field, ticker, then only Date) as one."""
    if len(rows) < 4 or len(rows[0]) < 3 or any(is_values(row) for row in rows[:3]) or not is_values(rows[3]):
        return None
    fields, tickers, last = ([cell.strip() for cell in row] for row in rows[:3])
    if not last or any(last[1:]) or len(tickers) != len(fields):
        return None
    wanted = [name for name in dict.fromkeys(tickers[1:]) if symbols.is_bitcoin(name)]
    chosen = wanted[0] if wanted else tickers[1]
    names = [
        field if ticker == chosen else f"{field} of {ticker}"
        for field, ticker in zip(fields[1:], tickers[1:], strict=True)
    ]
    others = [name for name in dict.fromkeys(tickers[1:]) if name != chosen]
    notes = (
        [f"Of several tickers, {shown(chosen)} was read; {', '.join(map(shown, others[:3]))} left out."]
        if others
        else []
    )
    return [last[0] or "Date", *names], chosen, notes


def _marked(layout: _Layout, rows: list[list[str]]) -> _Layout:
    """The layout with the decimal mark that its first rows prove, and the columns that need a second look."""
    proved: set[str] = set()
    doubtful = set()
    for place in range(len(layout.names)):
        found = numerals.marks(row[place] for row in rows if len(row) > place)
        proved |= found - {"?"}
        # Between commas, a point is no sign of thousands.
        if "?" in found and layout.delimiter != ",":
            doubtful.add(place)
    layout.mark = proved.pop() if len(proved) == 1 else None
    layout.doubtful = frozenset(doubtful) if layout.mark is None else frozenset()
    return layout


def _first_lines(data: bytes) -> tuple[list[str], list[int]]:
    """Up to 200 logical lines (a quoted line break does not end one) and the byte where each begins."""
    head = data[:_HEAD]
    if len(data) > _HEAD:
        cut = head.rfind(b"\n")
        if cut < 0:
            raise TableError(
                f"The first line is longer than {_HEAD // 1024:,} KB. This is not a table with one row a"
                " line; export it again as CSV."
            )
        head = head[: cut + 1]
    lines: list[str] = []
    offsets: list[int] = []
    at, open_quote = 0, False
    for part in head.decode("utf-8", errors="replace").split("\n")[:400]:
        length = len(part.encode()) + 1
        if open_quote:
            lines[-1] += "\n" + part
        else:
            lines.append(part)
            offsets.append(at)
        open_quote ^= part.count('"') % 2 == 1
        at += length
    return lines[:200], offsets[:200]


def _skip_preamble(lines: list[str]) -> tuple[int, str | None]:
    position, delimiter = 0, None
    while position < len(lines) - 1:
        text = lines[position].strip()
        if text.lower().startswith("sep=") and len(text) == 5:
            delimiter = text[4]
        elif text and not text.startswith(("#", "//")):
            break
        position += 1
    return position, delimiter if delimiter in (",", ";", "\t", "|") else None


def _delimiter(lines: list[str]) -> str:
    best, found = (False, 0.0), ""
    for candidate in ("\t", ";", "|", ","):
        widths = [len(_split(line, candidate)) for line in lines[:60] if line.strip()]
        wide = Counter(width for width in widths if width > 1)
        if wide:
            width, times = wide.most_common(1)[0]
            score = (widths[0] == width, round(times / len(widths), 1))
            if score > best or not found:
                best, found = score, candidate
    if not found:
        raise TableError(
            "No columns were found: a table needs columns separated by commas, semicolons or tabs. Export it"
            " again as CSV."
        )
    return found


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line.rstrip("\r"), newline=""), delimiter=delimiter), [])
    except csv.Error as problem:
        raise TableError(
            "A field near the top of the file is too long or badly quoted. Export the table again as CSV."
        ) from problem
