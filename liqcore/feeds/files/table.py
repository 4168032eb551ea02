"""From bytes to a raw table: Parquet, or delimited text whose layout is found by looking at its first
lines."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.feeds.files.unpack import MAX_UNPACKED, Content
from liqcore.tables import TableError

MAX_ROWS: Final = 5_000_000
MAX_COLUMNS: Final = 500
MAX_CELL: Final = 10_000
EMPTY_WORDS: Final = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "none", "-", "--")

_VALUE = re.compile(
    r"^\s*[$+\-−]?[\d.,' ]*\d[\d.,'"
    r" ]*([eE][+-]?\d+)?\s*$|^\s*\d{1,4}[-/.:]\d{1,2}.*$|^\s*[+-]?(inf|infinity)\s*$",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"^\s*\d{4}-\d{2}-\d{2}([T ]|$)|^\s*\d{9,}(\.\d+)?\s*$")
_GLUED = re.compile(r"^([^\d]*[A-Za-z_)])(\d.*)$")
_HEAD: Final = 1 << 18


class MappingNeeded(TableError):
    """Some columns could not be told; a person must say which is which.

    Attributes
    ----------
    columns : the names found in the file (`column 1`, `column 2`, ... where it has no header).
    missing : the names of ours that are needed and were not found.
    kind : the table that was attempted, or None when not even that could be told.
    guess : what was found, `{our name: column of the file}`. Complete it and pass it as `mapping`.
    choices : for a missing name that is no column but a question, the answers that can be given
        (`{"side_meaning": ("order", "position")}`).
    """

    def __init__(
        self,
        message: str,
        *,
        columns: tuple[str, ...],
        missing: tuple[str, ...],
        kind: str | None,
        guess: Mapping[str, str],
        choices: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(message)
        self.columns = columns
        self.missing = missing
        self.kind = kind
        self.guess = dict(guess)
        self.choices = dict(choices or {})


@dataclass(frozen=True)
class RawTable:
    """What a file holds before anything is interpreted.

    `frame` has unique text column names; its index is the row number of the file, counted from 0.
    `repeated` lists names that occurred more than once. `headed` is False where the names were made up.
    """

    frame: pd.DataFrame
    name: str = ""
    headed: bool = True
    rows: int = 0
    repeated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)


@dataclass
class _Layout:
    delimiter: str
    names: list[str]
    headed: bool
    start: int
    header: bytes = b""
    notes: list[str] = field(default_factory=list)


def shown(name: object) -> str:
    """A name from a file as it may stand in a sentence: short, printable, without mark-up."""
    text = "".join(
        letter if letter.isprintable() and letter not in "<>[]`*|$\\" else " " for letter in str(name)
    ).strip()
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}...'"


def counted(number: int, verb: str = "", noun: str = "row") -> str:
    """`1 row was` or `1,200 rows were`."""
    one = number == 1
    said = {"were": "was", "are": "is", "have": "has"}.get(verb, verb) if one else verb
    return f"{number:,} {noun}{'' if one else 's'}{' ' + said if said else ''}"


def raw_table(content: Content) -> RawTable:
    """Parse the bytes into columns without interpreting them.

    Raises
    ------
    TableError
        A heatmap or other JSON, more than `MAX_ROWS` rows or `MAX_COLUMNS` columns, no rows, two tables in
        one
        file, or bytes that are neither delimited text nor Parquet.
    """
    if content.form == "json":
        raise TableError(
            "This is JSON, and tables are read from CSV or Parquet. Save the table as CSV; a heatmap in JSON"
            " is opened as a heatmap."
        )
    raw = _from_parquet(content) if content.form == "parquet" else _from_text(content)
    if raw.rows == 0 or len(raw.frame) == 0:
        raise TableError("The file has column names but no rows. Export it again with data.")
    return raw


def _from_parquet(content: Content) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    damaged = TableError("The Parquet file is cut off or damaged. Download or export it again.")
    try:
        stored = pq.ParquetFile(io.BytesIO(content.data))
        facts, schema = stored.metadata, stored.schema_arrow
        size = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise damaged from problem
    _check_shape(facts.num_rows, facts.num_columns)
    plain = [
        name for name, kind in zip(schema.names, schema.types, strict=True) if not pa.types.is_nested(kind)
    ]
    if not plain:
        raise TableError("The Parquet file has only nested columns. Store each value in a column of its own.")
    if size > MAX_UNPACKED or facts.num_rows * len(plain) * 8 > MAX_UNPACKED:
        raise TableError(
            f"Unpacked, the Parquet file is larger than {MAX_UNPACKED // 1024**2} MB. Cut it to fewer days or"
            " columns."
        )
    texts = [
        name
        for name, kind in zip(schema.names, schema.types, strict=True)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind)
    ]
    try:
        stored = pq.ParquetFile(io.BytesIO(content.data), read_dictionary=texts)
        table = stored.read(columns=list(dict.fromkeys(plain)), use_threads=False)
        frame, repeated = _to_frame(table)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        OverflowError,
        KeyError,
        TypeError,
        AttributeError,
    ) as problem:
        raise damaged from problem
    notes = [] if len(plain) == len(schema.names) else ["Nested columns of the Parquet file were left out."]
    return RawTable(frame, content.name, True, len(frame), repeated, (*content.notes, *notes))


def _from_text(content: Content) -> RawTable:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    data = content.data
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    _check_shape(data.count(b"\n"), 0)
    layout = _layout(data)
    _check_shape(0, len(layout.names))
    again = b"\n" + layout.header + b"\n"
    if layout.headed and (times := data.count(again, max(layout.start - 1, 0))):
        data = data[: layout.start] + data[layout.start :].replace(again, b"\n")
        layout.notes.append(
            f"The header is repeated inside the file; {counted(times, 'were', 'such line')} left out."
        )
    body = memoryview(data)[layout.start :]
    if not bytes(body[:4096]).strip() and not bytes(body).strip():
        raise TableError("The file has column names but no rows. Export it again with data.")
    uneven: list[tuple[int, int, bool]] = []

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
                delimiter=layout.delimiter, newlines_in_values=b'"' in data, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                null_values=list(EMPTY_WORDS),
                strings_can_be_null=True,
                auto_dict_encode=True,
                auto_dict_max_cardinality=1000,
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
        frame, _ = _to_frame(table)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise TableError(
            "The text cannot be split into columns. Check the quotes and the separators, or export it again"
            " as CSV."
        ) from problem
    _check_uneven(uneven, len(frame), len(layout.names), layout.notes)
    names, repeated = _unique(layout.names)
    frame.columns = pd.Index(names)
    if uneven:
        kept = np.ones(len(frame) + len(uneven), dtype=bool)
        kept[[number - 1 for number, *_ in uneven if 0 < number <= len(kept)]] = False
        if kept.sum() == len(frame):
            frame.index = pd.Index(np.flatnonzero(kept))
    return RawTable(
        frame,
        content.name,
        layout.headed,
        len(frame) + len(uneven),
        repeated,
        (*content.notes, *layout.notes),
    )


def _check_shape(rows: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise TableError(f"The file has {rows:,} rows; at most {MAX_ROWS:,} are read. Cut it to fewer days.")
    if columns > MAX_COLUMNS:
        raise TableError(
            f"The file has {columns:,} columns; at most {MAX_COLUMNS} are read. Keep only the columns that"
            " are needed."
        )


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


def _to_frame(table: Any) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Arrow to pandas without its metadata: dates become times, words categories, decimals numbers."""
    import pyarrow as pa

    names, repeated = _unique(list(table.column_names))
    columns: dict[str, Any] = {}
    for position, name in enumerate(names):
        column = table.column(position)
        kind = column.type
        if pa.types.is_date(kind):
            column = column.cast(pa.timestamp("s"))
        elif (
            pa.types.is_time(kind)
            or pa.types.is_duration(kind)
            or pa.types.is_binary(kind)
            or pa.types.is_large_binary(kind)
        ):
            column = column.cast(pa.string(), safe=False)
        elif pa.types.is_decimal(kind) or pa.types.is_float16(kind):
            column = column.cast(pa.float64())
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()
        columns[name] = (
            column.to_pandas(ignore_metadata=True)
            if not pa.types.is_null(kind)
            else pd.Series(np.full(len(column), np.nan))
        )
        _check_cells(columns[name], name)
    return pd.DataFrame(columns), repeated


def _check_cells(values: pd.Series, name: str) -> None:
    words = values.cat.categories.to_series() if isinstance(values.dtype, pd.CategoricalDtype) else values
    if pd.api.types.is_string_dtype(words.dtype) and len(words) and (words.str.len() > MAX_CELL).any():
        raise TableError(
            f"Column {shown(name)} has a cell of more than {MAX_CELL:,} characters. Remove that column or"
            " correct the quotes."
        )


def _unique(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Names made unique by a number; and the names that occurred more than once."""
    count = Counter(names)
    used: set[str] = set(count)
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        fresh = name
        while seen[name] > 1 and fresh in used:
            fresh = f"{name} ({seen[name]})"
            if fresh in used:
                seen[name] += 1
        used.add(fresh)
        out.append(fresh)
    return out, tuple(name for name, times in count.items() if times > 1)


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
    header, body = rows[0], [row for row in rows[1:] if row != [""] and row]
    start, line = offsets[position], lines[position]
    if _is_values(header):
        return _Layout(delimiter, [f"column {i + 1}" for i in range(len(header))], False, start, notes=notes)
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
    return _Layout(delimiter, names, True, after, line.encode(), notes)


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


def _is_values(row: list[str]) -> bool:
    words = [cell.strip() for cell in row]
    filled = [word for word in words if word not in EMPTY_WORDS]
    if any(_MOMENT.match(word) for word in filled):
        return True
    return bool(filled) and sum(bool(_VALUE.match(word)) for word in filled) * 2 >= len(filled)
