"""From bytes to raw tables, whatever form they come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from liqcore.feeds.files.arrow import feather_table, parquet_table
from liqcore.feeds.files.documents import json_tables
from liqcore.feeds.files.sheets import sheet_tables
from liqcore.feeds.files.table import RawTable
from liqcore.feeds.files.text import text_tables
from liqcore.feeds.files.unpack import Content, Form
from liqcore.tables import TableError

_READERS: Final[dict[Form, Callable[[Content], list[RawTable]]]] = {
    "text": text_tables,
    "json": json_tables,
    "parquet": lambda content: [parquet_table(content)],
    "feather": lambda content: [feather_table(content)],
    "xlsx": sheet_tables,
}


def raw_tables(content: Content) -> list[RawTable]:
    """The tables of a file as columns, not yet interpreted: mostly one, more in sheets, parts and answers.

    Raises
    ------
    TableError
        Too many rows or columns, no rows, or bytes that are no table.
    """
    found = [raw for raw in _READERS[content.form](content) if raw.rows and len(raw.frame)]
    if not found:
        raise TableError("The file has column names but no rows. Export it again with data.")
    return found
