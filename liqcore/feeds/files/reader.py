"""Files in and out: what a person has becomes a checked table, and tables and heatmaps become files.

The reader says what it understood (`FileContents.summary` and `notes`) and raises one sentence where it did
not. Files are parsed by pyarrow and pandas only; nothing in them is ever run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files import labels, symbols
from liqcore.feeds.files.copies import told_again
from liqcore.feeds.files.draft import Draft, Request, in_file_words
from liqcore.feeds.files.formats import draft, totals_beside
from liqcore.feeds.files.grid import read_grid
from liqcore.feeds.files.parse import raw_tables
from liqcore.feeds.files.quality import Doubt, doubts, outside_candles, refuse_unbelievable, to_come
from liqcore.feeds.files.table import MAX_COLUMNS, MAX_ROWS, MappingNeeded, RawTable, counted
from liqcore.feeds.files.unpack import MAX_BYTES, MAX_UNPACKED, load
from liqcore.feeds.files.write import write_grid, write_table
from liqcore.tables import TableError

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


@dataclass(frozen=True, eq=False)
class FileContents:
    """A file as it was understood.

    Attributes
    ----------
    table : the checked table.
    kind : `liquidations`, `candles`, `open_interest` or `funding`.
    format : what kind of file it was taken for.
    rows_read, rows_kept : rows of the file, and rows of the table (more where a row holds several venues).
    doubled_dropped : exact copies that were dropped.
    start, end : first and last time, UTC.
    venues : names in the table, or the one that was given.
    unit : what amounts were counted in; empty where the file has none.
    notes : one sentence for each thing that was assumed, dropped or is doubtful.
    extra : further columns of a chart export with `time`, or None.
    also : kinds that the same file can be read as too (candles with totals of liquidations beside them).
    """

    table: pd.DataFrame
    kind: str
    format: str
    rows_read: int
    rows_kept: int
    doubled_dropped: int
    start: pd.Timestamp
    end: pd.Timestamp
    venues: tuple[str, ...]
    unit: str
    notes: tuple[str, ...] = ()
    extra: pd.DataFrame | None = None
    also: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The notes that are reasons to doubt the data, worst first."""
        found = [note for note in self.notes if isinstance(note, Doubt)]
        return tuple(sorted(found, key=lambda note: -note.severity))

    @property
    def dated(self) -> tuple[str, ...]:
        """The dated futures among the symbols, which can be left out (`contracts` in the mapping)."""
        if "symbol" not in self.table:
            return ()
        named = labels.pruned(self.table["symbol"]).cat.categories.to_series()
        return tuple(named[symbols.kinds(named).eq("dated").to_numpy()])

    @property
    def summary(self) -> str:
        """Two or three plain sentences: how many rows of what, from when to when, and what was dropped."""
        where = f" of {', '.join(self.venues)}" if self.venues and self.venues != ("unknown",) else ""
        text = (
            f"{counted(self.rows_kept)} of {self.kind.replace('_', ' ')}{where}, {wording.when(self.start)}"
            f" to {wording.when(self.end)}. Read as:"
            f" {self.format}{f'; amounts in {self.unit}' if self.unit else ''}."
        )
        if self.doubled_dropped:
            text += f" {counted(self.doubled_dropped, 'were', 'doubled row')} dropped."
        return text


def read(
    source: Any,
    *,
    kind: str | None = None,
    mapping: Mapping[str, str] | None = None,
    venue: str | None = None,
    candles: pd.DataFrame | None = None,
    zone: str | None = None,
    now: pd.Timestamp | None = None,
) -> FileContents:
    """Read a table from CSV, CSV.gz, zip, Parquet, Feather, Excel or JSON and say what was understood.

    Parameters
    ----------
    source : path, binary file object (an upload too) or bytes; at most `MAX_BYTES`, `MAX_UNPACKED` unpacked,
        `MAX_ROWS` rows and `MAX_COLUMNS` columns.
    kind : `liquidations`, `candles`, `open_interest` or `funding`; told from the columns when None.
    mapping : `{our name: column of the file}` for what cannot be told, as in `MappingNeeded.guess`. Beside
        columns it takes `side_meaning` (`order` or `position`), `quantity_unit` (`BTC`, `USD`, `contracts` of
        the venue or `100-USD contracts`) and `contracts` (`all` or `perpetual only`).
    venue : where the data comes from, for files that do not say it.
    candles : candles table of the same days, for liquidations without prices and open interest in USD.
    zone : IANA name of the zone of clocks that name none (`Europe/Berlin`); UTC when None.
    now : the moment of reading, UTC: rows of a later time are doubted. None doubts none.

    Raises
    ------
    MappingNeeded
        Columns that are needed were not found; carries what was.
    TableError
        Anything else that keeps the file from being used, in one or two sentences.
    """
    if kind is not None and kind not in tables.CHECKS:
        raise TableError(f"A table is one of {', '.join(tables.CHECKS)}. Choose one of them.")
    try:
        made = _read(source, kind, Request(dict(mapping or {}), venue, candles, zone))
        return made if now is None else replace(made, notes=(*made.notes, *to_come(made.table, now)))
    except TableError:
        raise
    except Exception as problem:
        raise TableError(
            "The file is broken in a way that was not foreseen, and cannot be read. Export it again as plain"
            " CSV."
        ) from problem


def _read(source: Any, kind: str | None, request: Request) -> FileContents:
    parts = [_one(raw, kind, request) for raw in raw_tables(load(source))]
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        held = " and ".join(sorted(found.replace("_", " ") for found in kinds))
        raise TableError(f"The file holds {held}, which have to be split. Save each as a file of its own.")
    return parts[0] if len(parts) == 1 else _together(parts)


def _one(raw: RawTable, kind: str | None, request: Request) -> FileContents:
    if raw.zone and request.zone in (None, "UTC"):
        request = replace(request, zone=raw.zone)
    found = draft(raw, kind, request)
    table = _checked(found)
    if len(table) == 0:
        raise TableError("No usable rows are left in the file. Export it again with data.")
    doubled = found.doubled
    notes = [*raw.notes, *found.notes]
    if found.kind != "liquidations" and (copies := len(found.frame) - len(table)):
        doubled += copies
        notes.append(f"{counted(copies, 'were')} dropped as an exact copy of another.")
    if found.kind == "liquidations" and (again := told_again(table)).any():
        table = table[~again].reset_index(drop=True)
        doubled += int(again.sum())
        notes.append(
            f"{counted(int(again.sum()), 'were')} dropped: the file tells a whole stretch of liquidations"
            " more than once."
        )
    if not found.format.startswith("Heatlab"):
        refuse_unbelievable(found.kind, table)
    notes += doubts(found.kind, table, found.axis)
    if request.candles is not None and found.kind == "liquidations" and "price" in found.names:
        notes += outside_candles(table, request.candles)
    venues = labels.in_order(table["venue"]) if "venue" in table else ()
    also = totals_beside(raw) if found.kind == "candles" and kind is None else ()
    if also:
        notes.append(
            f"The columns {also[0]} and {also[1]} hold totals of liquidations, which can be read as"
            " liquidations too."
        )
    return FileContents(
        table=table,
        kind=found.kind,
        format=found.format,
        rows_read=raw.rows,
        rows_kept=len(table),
        doubled_dropped=doubled,
        start=table["time"].iloc[0],
        end=table["time"].iloc[-1],
        venues=venues or ((labels.safe_text(request.venue),) if request.venue else ()),
        unit=found.unit,
        notes=tuple(dict.fromkeys(notes)),
        extra=found.extra,
        also=("liquidations",) if also else (),
    )


def _together(parts: list[FileContents]) -> FileContents:
    """The parts or sheets of one file as one table."""
    kind = parts[0].kind
    frames = [part.table.astype(dict.fromkeys(part.table.select_dtypes("category"), str)) for part in parts]
    table = tables.CHECKS[kind](pd.concat(frames, ignore_index=True))
    formats = tuple(dict.fromkeys(part.format for part in parts))
    copies = sum(len(frame) for frame in frames) - len(table)
    notes = [f"The file has {len(parts)} parts with column names of their own; they were put together."]
    notes += [note for part in parts for note in part.notes if not isinstance(note, Doubt)]
    notes += doubts(kind, table)
    return replace(
        parts[0],
        table=table,
        format=", ".join(formats),
        rows_read=sum(part.rows_read for part in parts),
        rows_kept=len(table),
        doubled_dropped=sum(part.doubled_dropped for part in parts) + copies,
        start=table["time"].iloc[0],
        end=table["time"].iloc[-1],
        venues=tuple(dict.fromkeys(venue for part in parts for venue in part.venues)),
        unit=", ".join(dict.fromkeys(part.unit for part in parts if part.unit)),
        notes=tuple(dict.fromkeys(notes)),
        extra=None,
    )


def _checked(found: Draft) -> pd.DataFrame:
    try:
        return tables.CHECKS[found.kind](found.frame)
    except TableError as problem:
        raise in_file_words(problem, found.frame.index, found.names) from problem


def read_liquidations(
    source: Any,
    *,
    mapping: Mapping[str, str] | None = None,
    venue: str | None = None,
    candles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Liquidations from a file, as a checked table. `read` takes the same and also says what it
    understood."""
    return read(source, kind="liquidations", mapping=mapping, venue=venue, candles=candles).table


def read_candles(
    source: Any, *, mapping: Mapping[str, str] | None = None, venue: str | None = None
) -> pd.DataFrame:
    """Candles from a file, as a checked table."""
    return read(source, kind="candles", mapping=mapping, venue=venue).table


def read_open_interest(
    source: Any,
    *,
    mapping: Mapping[str, str] | None = None,
    venue: str | None = None,
    candles: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Open interest in BTC from a file, as a checked table; `candles` turn USD into BTC."""
    return read(source, kind="open_interest", mapping=mapping, venue=venue, candles=candles).table


def read_funding(
    source: Any, *, mapping: Mapping[str, str] | None = None, venue: str | None = None
) -> pd.DataFrame:
    """Funding rates from a file, as a checked table."""
    return read(source, kind="funding", mapping=mapping, venue=venue).table
