"""Tables and heatmaps as files that others can open: CSV, CSV.gz, Parquet and JSON."""

from __future__ import annotations

import gzip
import io
from typing import Any, Final

import pandas as pd

from liqcore import tables
from liqcore.feeds.files.labels import harmless
from liqcore.heat.grid import HeatGrid
from liqcore.tables import TableError

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_table(table: pd.DataFrame, format: str = "csv") -> bytes:
    """One of the four tables as `csv`, `csv.gz` or `parquet`; `read` gives an equal table back.

    Times are UTC with microseconds. In CSV a label that begins like a formula (= + - @) gets an apostrophe
    before it, so that no spreadsheet runs it.

    Raises
    ------
    TableError
        Not one of the four tables, or an unknown format.
    """
    kind = next(
        (kind for kind, columns in tables.COLUMNS.items() if set(columns) <= set(table.columns)), None
    )
    if kind is None:
        raise TableError(
            "Only liquidations, candles, open interest and funding can be written. Check the columns of the"
            " table."
        )
    return _written(tables.ensure(table, kind), format, ("csv", "csv.gz", "parquet"))


def write_grid(grid: HeatGrid, format: str = "csv", candles: pd.DataFrame | None = None) -> bytes:
    """A heatmap as `csv` or `parquet` (one row a cell and side) or as `json` in CoinGlass's shape.

    `candles` go into the JSON beside the cells. The JSON is read back by `read_grid`.
    """
    if format == "json":
        return grid.to_json(candles).encode()
    return _written(grid.to_frame(), format, ("csv", "parquet", "json"))


def _written(frame: pd.DataFrame, format: str, known: tuple[str, ...]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if format not in known:
        raise TableError(f"The format is one of {', '.join(known)}, not {format!r}. Choose one of them.")
    if format == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
        return sink.getvalue()
    text = _csv(frame)
    # A fixed modification time makes equal tables equal files.
    return gzip.compress(text, compresslevel=6, mtime=0) if format == "csv.gz" else text


def _csv(frame: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    columns = {str(name): _csv_column(frame[name]) for name in frame.columns}
    words = [
        column.dictionary.to_pylist() for column in columns.values() if pa.types.is_dictionary(column.type)
    ]
    special = any(letter in str(word) for held in words for word in held for letter in ',"\r\n')
    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in columns.values()
    ]
    sink = io.BytesIO()
    sink.write((",".join(columns) + "\n").encode())
    options = arrow_csv.WriteOptions(
        include_header=False, batch_size=65536, quoting_style="needed" if special else "none"
    )
    arrow_csv.write_csv(pa.table(plain, names=list(columns)), sink, options)
    return sink.getvalue()


def _csv_column(values: pd.Series) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        # Arrow writes times with a zone twenty times slower than times without one.
        naive = pa.Array.from_pandas(values.dt.tz_convert("UTC").dt.tz_localize(None))
        return compute.binary_join_element_wise(naive.cast(pa.string()), "Z", "")
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype):
        return pa.Array.from_pandas(_unarmed(values.astype("category")))
    return pa.Array.from_pandas(values)


def _unarmed(values: pd.Series) -> pd.Series:
    if not any(str(word).startswith(_FORMULA) for word in values.cat.categories):
        return values
    return harmless(values)
