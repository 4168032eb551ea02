"""What a file holds before anything is interpreted, the limits of it, and words about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from liqcore import wording
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
    `symbol` is what the file says of all its rows outside its columns, `zone` the IANA name of a zone that
    stands in the lines before them, `part` the sheet or section of the file.
    """

    frame: pd.DataFrame
    name: str = ""
    headed: bool = True
    rows: int = 0
    repeated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    symbol: str = ""
    part: str = ""
    zone: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)


def shown(name: object) -> str:
    """A name from a file as it may stand in a sentence: short, printable, without mark-up."""
    text = "".join(
        letter if letter.isprintable() and letter not in "<>[]`*|$\\" else " " for letter in str(name)
    ).strip()
    return f"'{text}'" if len(text) <= 40 else f"'{text[:37]}…'"


def counted(number: int, verb: str = "", noun: str = "row") -> str:
    """`1 row was` or `1,200 rows were`."""
    one = number == 1
    said = {"were": "was", "are": "is", "have": "has", "lie": "lies"}.get(verb, verb) if one else verb
    return f"{wording.count(number, noun)}{' ' + said if said else ''}"


def check_shape(rows: int, columns: int) -> None:
    if rows > MAX_ROWS:
        raise TableError(f"The file has {rows:,} rows; at most {MAX_ROWS:,} are read. Cut it to fewer days.")
    if columns > MAX_COLUMNS:
        raise TableError(
            f"The file has {columns:,} columns; at most {MAX_COLUMNS} are read. Keep only the columns that"
            " are needed."
        )


def check_cells(values: pd.Series, name: str) -> None:
    words = values.cat.categories.to_series() if isinstance(values.dtype, pd.CategoricalDtype) else values
    if pd.api.types.is_string_dtype(words.dtype) and len(words) and (words.str.len() > MAX_CELL).any():
        raise TableError(
            f"Column {shown(name)} has a cell of more than {MAX_CELL:,} characters. Remove that column or"
            " correct the quotes."
        )


def unique(names: list[str]) -> tuple[list[str], tuple[str, ...]]:
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


def is_values(row: list[str]) -> bool:
    words = [cell.strip() for cell in row]
    filled = [word for word in words if word not in EMPTY_WORDS]
    if any(_MOMENT.match(word) for word in filled):
        return True
    return bool(filled) and sum(bool(_VALUE.match(word)) for word in filled) * 2 >= len(filled)
