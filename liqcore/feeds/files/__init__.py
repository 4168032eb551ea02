"""Files in and out: what a person has becomes a checked table, and tables and heatmaps become files."""

from liqcore.feeds.files.reader import (
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_UNPACKED,
    FileContents,
    MappingNeeded,
    read,
    read_candles,
    read_funding,
    read_grid,
    read_liquidations,
    read_open_interest,
    write_grid,
    write_table,
)

__all__ = [
    "MAX_BYTES",
    "MAX_COLUMNS",
    "MAX_ROWS",
    "MAX_UNPACKED",
    "FileContents",
    "MappingNeeded",
    "read",
    "read_candles",
    "read_funding",
    "read_grid",
    "read_liquidations",
    "read_open_interest",
    "write_grid",
    "write_table",
]
