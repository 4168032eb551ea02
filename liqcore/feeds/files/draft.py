"""What passes between the readers: a request, a draft table, and steps that several readers share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.feeds.files import labels, symbols, times
from liqcore.feeds.files.table import RawTable, counted, shown
from liqcore.tables import TableError

# Columns that name the money of a price beside a coin.
_QUOTES: Final = ("quote", "quoteasset", "quotecurrency", "quotecoin", "quotesymbol")


@dataclass(frozen=True)
class Request:
    """What the caller knows beyond the file: a mapping, a venue, candles that can give prices, and the zone
    of clocks that name none."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    venue: str | None = None
    candles: pd.DataFrame | None = None
    zone: str | None = None


@dataclass
class Draft:
    """A table in our words, not yet checked.

    `frame` keeps the file's row numbers as its index; `names` is `{our name: column of the file}`, so that
    errors can speak of the file. `axis` holds the times of interval data before rows without value were
    dropped, for the search for holes.
    """

    kind: str
    format: str
    frame: pd.DataFrame
    unit: str
    names: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubled: int = 0
    extra: pd.DataFrame | None = None
    axis: np.ndarray | None = None


def moments(values: pd.Series, column: str) -> np.ndarray:
    """Times as int64 microseconds since 1970 UTC, with errors that name the file's column and row."""
    try:
        return tables.microseconds(tables.parse_time(values.rename("time")))
    except TableError as problem:
        raise in_file_words(problem, values.index, {"time": column}) from problem


def in_file_words(problem: TableError, rows: pd.Index, names: Mapping[str, str]) -> TableError:
    """The same error with the row number and the column name of the file."""
    text = str(problem)

    def row(match: re.Match[str]) -> str:
        position = int(match[1]) - 1
        return f"row {int(rows[position]) + 1}" if position < len(rows) else match[0]

    text = (
        re.sub(r"\brow (\d+)", row, text)
        .replace(": nan is not", ": an empty cell is not")
        .replace(": <NA> is not", ": an empty cell is not")
    )
    found = re.match(r"Column '(\w+)'", text)
    if found and names.get(found[1], found[1]) != found[1]:
        text = f"Column {shown(names[found[1]])}{text[found.end() :]}"
    return TableError(text)


def venue_labels(frame: pd.DataFrame, columns: Mapping[str, str], request: Request) -> pd.Series:
    default = labels.safe_text(labels.canonical_venue(request.venue)) if request.venue else "unknown"
    if "venue" not in columns:
        return labels.constant(default, frame.index)
    named = labels.harmless(frame[columns["venue"]])
    heard = {label: labels.canonical_venue(str(label)) or default for label in named.cat.categories}
    known = labels.recoded(named, heard, sorted({*heard.values(), default}), empty=default)
    return labels.pruned(known)


def bitcoin_only(
    raw: RawTable, columns: Mapping[str, str], notes: list[str], request: Request
) -> pd.DataFrame:
    """The rows about bitcoin priced in dollars. Times of all rows are checked first: a second table is not
    another coin.

    Raises
    ------
    TableError
        No row is about bitcoin, or the file's name or a line beside its rows names another coin.
    """
    frame = raw.frame
    symbol = columns.get("symbol")
    if symbol is None:
        _refuse_other_coin(raw)
        ending = [name for name in _named(raw) if (found := symbols.bitcoin(name)) and found.dated]
        if ending:
            notes.append(
                f"By its name the file is about a dated future ({labels.safe_text(ending[0])}), which trades"
                " away from the perpetual contract."
            )
        return frame
    kinds = symbols.kinds(_with_quote(raw, frame[symbol]))
    wanted = kinds == "bitcoin"
    if request.mapping.get("contracts") != "perpetual only":
        wanted |= kinds == "dated"
    if "time" in columns and not wanted.all():
        moments(times.plain_times(frame[columns["time"]], [], request.zone), columns["time"])
    if not wanted.any():
        raise TableError(
            f"The file holds no BTC rows in USD ({shown(symbol)} has {shown(frame[symbol].iloc[0])}). Only"
            " BTC is read; export BTC data."
        )
    for kind, why in (
        ("other", "because they are about other coins"),
        ("money", "because they are priced in other money than dollars"),
        ("dated", "because they are dated futures"),
    ):
        rows = (kinds == kind) & ~wanted
        if rows.any():
            notes.append(
                f"{counted(int(rows.sum()), 'were')} left out {why} ({_some(frame.loc[rows, symbol])})."
            )
    dated = wanted & (kinds == "dated")
    if dated.any():
        notes.append(
            f"{counted(int(dated.sum()), 'are')} about dated futures ({_some(frame.loc[dated, symbol])}),"
            " which trade away from the perpetual contract; they are kept and can be left out."
        )
    return frame if wanted.all() else frame[wanted]


def _with_quote(raw: RawTable, names: pd.Series) -> pd.Series:
    """Symbols that name a coin only, with the money that another column prices them in."""
    quotes = [column for column in raw.columns if labels.key(column) in _QUOTES]
    if len(quotes) != 1 or not isinstance(raw.frame[quotes[0]].dtype, pd.CategoricalDtype):
        return names
    if not all(symbols.is_money(str(word)) for word in labels.held(raw.frame[quotes[0]])):
        return names
    pairs, place = labels.pairs(names, raw.frame[quotes[0]])
    joined = [
        f"{name}/{quote}" if (found := symbols.bitcoin(name)) and name and not found.quote and quote else name
        for name, quote in pairs
    ]
    return pd.Series(np.array(joined, dtype=object)[place], index=names.index, name=names.name)


def _some(values: pd.Series) -> str:
    names = [safe for name in values.dropna().unique()[:200] if (safe := labels.safe_text(str(name)))]
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _named(raw: RawTable) -> tuple[str, ...]:
    """The symbols that stand beside the rows or in the file's name."""
    return (raw.symbol,) if raw.symbol else symbols.named_by_file(raw.name)


def _refuse_other_coin(raw: RawTable) -> None:
    named = _named(raw)
    if any(symbols.is_bitcoin(name) for name in named):
        return
    for name in named:
        if raw.symbol or symbols.bitcoin(name) is not None or symbols.is_known_coin(name):
            raise TableError(
                f"The file is about {shown(name)}, and only BTC priced in dollars is read. Upload a file of"
                " BTC, or rename the file if its name misleads."
            )
