"""Excel workbooks: each sheet that holds a table is one, the others are left out and named."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Final

import pandas as pd

from liqcore.feeds.files import numerals, times
from liqcore.feeds.files.claims import refuse_workbook
from liqcore.feeds.files.table import RawTable, check_cells, check_shape, is_values, shown, unique
from liqcore.feeds.files.unpack import Content
from liqcore.tables import TableError

_MOST_SHEETS: Final = 50


def sheet_tables(content: Content) -> list[RawTable]:
    """The tables of a workbook, one a sheet."""
    try:
        refuse_workbook(content.data)
        sheets = pd.read_excel(io.BytesIO(content.data), sheet_name=None, header=None, engine="calamine")
    except TableError:
        raise
    except Exception as problem:
        raise TableError(
            "The Excel file is damaged or protected by a password. Save the sheet as CSV and upload that."
        ) from problem
    if len(sheets) > _MOST_SHEETS:
        raise TableError(
            f"The workbook has {len(sheets)} sheets; at most {_MOST_SHEETS} are read. Keep only those that"
            " are needed."
        )
    found = [(name, table) for name, frame in sheets.items() if (table := _table(frame, content)) is not None]
    if not found:
        raise TableError(
            "No sheet of the workbook holds a table with column names and rows. Save the sheet as CSV and"
            " upload that."
        )
    empty = [name for name in sheets if name not in dict(found)]
    notes = (f"Sheets without a table were left out: {', '.join(map(shown, empty[:3]))}.",) if empty else ()
    first = replace(found[0][1], notes=(*found[0][1].notes, *notes))
    parts = [first, *(table for _, table in found[1:])]
    return [replace(raw, part=f"sheet {shown(name)}") for raw, (name, _) in zip(parts, found, strict=True)]


def _table(sheet: pd.DataFrame, content: Content) -> RawTable | None:
    check_shape(len(sheet), sheet.shape[1])
    sheet = sheet.dropna(axis=1, how="all")
    filled = sheet.notna().sum(axis=1)
    wide = filled[filled >= 2]
    if len(wide) < 2 or sheet.shape[1] < 2:
        return None
    usual = int(filled.tail(max(1, len(filled) // 2)).median())
    top = next((row for row in wide.index[:30] if filled[row] >= max(2, usual - 1)), wide.index[0])
    header = ["" if pd.isna(cell) else str(cell) for cell in sheet.loc[top]]
    headed = not is_values([word for word in header if word])
    body = sheet.loc[top + 1 :] if headed else sheet.loc[top:]
    body = body[body.notna().any(axis=1)]
    names = [(name.strip() if headed else "") or f"column {place + 1}" for place, name in enumerate(header)]
    names, repeated = unique(names)
    frame = body.set_axis(names, axis=1)
    frame.index = pd.Index(range(len(frame)))
    frame = pd.DataFrame({name: _typed(frame[name]) for name in names})
    for name in names:
        check_cells(frame[name], name)
    frame = times.joined(numerals.settled(frame, None))
    return RawTable(frame, content.name, headed, len(frame), repeated, content.notes)


def _typed(values: pd.Series) -> pd.Series:
    """A column of cells as numbers, times or words, whichever they all are."""
    kinds = {type(value).__name__ for value in values.dropna()}
    if kinds <= {"int", "float"}:
        return pd.to_numeric(values, errors="coerce")
    if kinds <= {"datetime", "Timestamp", "date"}:
        return pd.to_datetime(values, errors="coerce")
    return values.where(values.isna(), values.astype(str)).astype("string").astype("category")
