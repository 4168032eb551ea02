"""Tables in Arrow's own formats: Parquet and Feather."""

from __future__ import annotations

import io
import struct
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.feeds.files import numerals, times
from liqcore.feeds.files.claims import arrow_bytes
from liqcore.feeds.files.table import RawTable, check_cells, check_shape, unique
from liqcore.feeds.files.unpack import MAX_UNPACKED, Content
from liqcore.tables import TableError

_PIECE: Final = 16_384


def parquet_table(content: Content) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    damaged = TableError("The Parquet file is cut off or damaged. Download or export it again.")
    try:
        stored = pq.ParquetFile(io.BytesIO(content.data))
        facts, schema = stored.metadata, stored.schema_arrow
        size = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise damaged from problem
    check_shape(facts.num_rows, facts.num_columns)
    plain = [
        name for name, kind in zip(schema.names, schema.types, strict=True) if not pa.types.is_nested(kind)
    ]
    if not plain:
        raise TableError("The Parquet file has only nested columns. Store each value in a column of its own.")
    if size > MAX_UNPACKED or facts.num_rows * len(plain) * 8 > MAX_UNPACKED:
        raise _too_large("Parquet")
    texts = [
        name
        for name, kind in zip(schema.names, schema.types, strict=True)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind)
    ]
    try:
        stored = pq.ParquetFile(io.BytesIO(content.data), read_dictionary=texts)
        frame, repeated = to_frame(_poured(stored, list(dict.fromkeys(plain))))
    except TableError:
        raise
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
    return _settled(frame, content, repeated, notes)


def feather_table(content: Content) -> RawTable:
    """A Feather file (Arrow IPC), of version 1 or 2."""
    import pyarrow as pa
    from pyarrow import feather

    damaged = TableError("The Feather file is cut off or damaged. Export it again.")
    try:
        if content.data.startswith(b"ARROW1"):
            # After its first eight bytes the file is a stream: what is measured is what is read.
            stream = pa.py_buffer(content.data)[8:]
            if arrow_bytes(pa.ipc.MessageReader.open_stream(stream)) > MAX_UNPACKED:
                raise _too_large("Feather")
            table = pa.ipc.open_stream(stream).read_all()
        else:
            table = feather.read_table(pa.BufferReader(content.data), use_threads=False, memory_map=False)
        check_shape(table.num_rows, table.num_columns)
        if table.num_rows * table.num_columns * 8 > MAX_UNPACKED:
            raise _too_large("Feather")
        plain = [
            name
            for name, kind in zip(table.column_names, table.schema.types, strict=True)
            if not pa.types.is_nested(kind)
        ]
        if not plain:
            raise TableError(
                "The Feather file has only nested columns. Store each value in a column of its own."
            )
        notes = (
            [] if len(plain) == table.num_columns else ["Nested columns of the Feather file were left out."]
        )
        frame, repeated = to_frame(table.select(plain))
    except TableError:
        raise
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        OverflowError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        struct.error,
    ) as problem:
        raise damaged from problem
    return _settled(frame, content, repeated, notes)


def _too_large(what: str) -> TableError:
    return TableError(
        f"Unpacked, the {what} file is larger than {MAX_UNPACKED // 1024**2} MB. Cut it to fewer days or"
        " columns."
    )


def _poured(stored: Any, names: list[str]) -> Any:
    """The columns, read piece by piece: what the file says of its own size need not be true."""
    import pyarrow as pa

    pieces, size = [], 0
    seen: set[int] = set()
    for piece in stored.iter_batches(_PIECE, columns=names, use_threads=False):
        for column in piece.columns:
            words = getattr(column, "dictionary", None)
            if words is None:
                size += column.nbytes
                continue
            size += column.indices.nbytes
            # Pieces of one part of the file share their words.
            place = max((held.address for held in words.buffers() if held is not None), default=0)
            size += 0 if place in seen else words.nbytes
            seen.add(place)
        if size > MAX_UNPACKED:
            raise _too_large("Parquet")
        pieces.append(piece)
    return pa.Table.from_batches(pieces) if pieces else stored.read(columns=names, use_threads=False)


def _settled(frame: pd.DataFrame, content: Content, repeated: tuple[str, ...], notes: list[str]) -> RawTable:
    frame = times.joined(numerals.settled(frame, None))
    return RawTable(frame, content.name, True, len(frame), repeated, (*content.notes, *notes))


def to_frame(table: Any) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Arrow to pandas without its metadata: dates become times, words categories, decimals numbers."""
    import pyarrow as pa

    names, repeated = unique(list(table.column_names))
    columns: dict[str, Any] = {}
    # Each column of Arrow's goes as soon as it is copied.
    held = list(reversed(table.columns))
    del table
    for name in names:
        column = held.pop()
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
        check_cells(columns[name], name)
    return pd.DataFrame(columns, copy=False), repeated
