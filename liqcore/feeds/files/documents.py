"""JSON: lists of rows, columns by name, answers of APIs below their wrappers, and one document a line."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pandas as pd

from liqcore import wording
from liqcore.feeds.files import columns as cells, frames, labels, numerals, symbols, times
from liqcore.feeds.files.claims import refuse_json
from liqcore.feeds.files.table import MAX_COLUMNS, RawTable, check_cells, check_shape, counted, shown, unique
from liqcore.feeds.files.unpack import Content
from liqcore.tables import TableError

MAX_JSON: Final = 100 * 1024**2
_WRAPPERS: Final = (
    "data",
    "result",
    "response",
    "list",
    "rows",
    "items",
    "candles",
    "liquidations",
    "history",
)
# What the symbol is called that stands beside rows, in the order in which it is believed.
_SYMBOLS: Final = ("symbol", "pair", "instId", "instrument_name", "s")
# The same, where the word that stands there is a market.
_MARKETS: Final = ("ticker", "product_id", "contract", "contract_code", "market", "coin")
_DEPTH: Final = 5
_BROKEN: Final = "The JSON is cut off or broken. Download or export it again."
_NO_TABLE: Final = (
    "The JSON holds no table: a list of rows, or columns of one length. Save the table as CSV and upload"
    " that."
)


def json_tables(content: Content) -> list[RawTable]:
    """The table of a JSON or JSON-lines file; several where an answer holds several symbols."""
    if len(content.data) > MAX_JSON:
        raise TableError(
            f"The JSON has {wording.file_size(len(content.data))}; at most {MAX_JSON // 1024**2} MB are read."
            " Save the table as CSV or Parquet."
        )
    refuse_json(content.data, "Save the table as CSV or Parquet.")
    document, notes = _document(content.data)
    try:
        parts = _tables(document, 0, notes)
        tables = [_raw(rows, symbol, content, notes) for rows, symbol in parts]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as problem:
        if isinstance(problem, TableError):
            raise
        raise TableError(_NO_TABLE) from problem
    if not tables:
        raise TableError(_why_empty(document))
    return tables


def _why_empty(document: Any) -> str:
    """What an answer without rows says: an error, nothing, or no table at all."""
    if isinstance(document, dict):
        said = next((document[name] for name in ("msg", "retMsg", "message") if document.get(name)), "")
        code = next((document[name] for name in ("code", "retCode") if name in document), "0")
        if str(code).strip("0") not in ("", "2") and said:
            return (
                f"The file holds an error that was answered and no data ({shown(said)}). Correct the question"
                " and save its answer."
            )
        if any(document.get(name) == [] for name in _WRAPPERS):
            return (
                "The answer holds no rows: nothing happened in that span, or it is not told. Ask for other"
                " days."
            )
    return _NO_TABLE


def _document(data: bytes) -> tuple[Any, list[str]]:
    try:
        return json.loads(data), []
    except (ValueError, RecursionError) as problem:
        lines = [line for line in data.split(b"\n") if line.strip()]
        if len(lines) < 2 or isinstance(problem, RecursionError):
            raise TableError(_BROKEN) from problem
    rows, broken = [], 0
    for line in lines:
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError):
            broken += 1
    if broken > max(1, len(lines) // 100):
        raise TableError(_BROKEN)
    # A recorder that was stopped leaves half a line at the end.
    return rows, [f"{counted(broken, 'were', 'broken line')} left out."] if broken else []


def _tables(document: Any, depth: int, notes: list[str]) -> list[tuple[Any, str]]:
    """Pairs of rows (or columns) and the symbol that stands beside them."""
    if depth > _DEPTH:
        return []
    if isinstance(document, dict):
        if {"y_axis", "liquidation_leverage_data"} <= set(document):
            raise TableError(
                "This JSON is a heatmap and no table of events. Open it as a heatmap on the Compare page, or"
                " upload the events as CSV."
            )
        if set(document) >= {"columns", "data"} and isinstance(document["columns"], list):
            return [(pd.DataFrame(document["data"], columns=[str(name) for name in document["columns"]]), "")]
        lists = {name: value for name, value in document.items() if isinstance(value, list)}
        lengths = {len(value) for value in lists.values()}
        flat = all(not isinstance(value[0], (dict, list)) for value in lists.values() if value)
        if len(lists) >= 3 and flat and len(lengths) == 1:
            return [(pd.DataFrame(lists), str(document.get("symbol", "")))]
        nested = {name: value for name, value in document.items() if isinstance(value, dict)}
        if len(nested) >= 3 and len(nested) == len(document) and _same_keys(list(nested.values())):
            return [(_by_column(nested), "")]
        if isinstance(document.get("o"), dict) or frames.is_message(document):
            return _tables([document], depth + 1, notes)
        symbol = _symbol_beside(document)
        for names in (_WRAPPERS, tuple(name for name in document if name not in _WRAPPERS)):
            below = {
                name: found
                for name in names
                if isinstance(document.get(name), (dict, list))
                and (found := _tables(document[name], depth + 1, notes))
            }
            if len(below) > 1:
                return _several(below, notes)
            if below:
                name, found = next(iter(below.items()))
                return [(rows, own or symbol or _of_kraken(name)) for rows, own in found]
        return []
    if not isinstance(document, list) or not document:
        return []
    if all(isinstance(page, list) and page and isinstance(page[0], (dict, list)) for page in document):
        # Pages of rows, as a loop over an API collects them.
        return _tables([row for page in document for row in page], depth + 1, notes)
    first = document[0]
    if frames.are_messages(document):
        rows, told = frames.rows_of(document)
        notes += told
        return [(rows, "")] if rows else []
    if isinstance(first, dict):
        if isinstance(first.get("history"), list):
            return _histories(document)
        return [(document, "")]
    if isinstance(first, list) and all(not isinstance(cell, (dict, list)) for cell in first):
        return [(document, "")]
    return []


def _symbol_beside(document: dict[str, Any]) -> str:
    """What stands beside rows as their symbol, or nothing."""
    words = [(name, document[name]) for name in (*_SYMBOLS, *_MARKETS) if isinstance(document.get(name), str)]
    return next(
        (
            word
            for name, word in words
            if name in _SYMBOLS or symbols.bitcoin(word) is not None or symbols.is_market(word)
        ),
        "",
    )


def _several(found: dict[str, list[tuple[Any, str]]], notes: list[str]) -> list[tuple[Any, str]]:
    """Lists of rows that stand side by side under names: one table where the names are sides, venues, days
    or markets, which the rows then carry.

    Raises
    ------
    TableError
        The names say nothing of the kind, so that one list cannot be told from another.
    """
    rows = {name: parts[0][0] for name, parts in found.items() if len(parts) == 1}
    if len(rows) == len(found) and all(isinstance(part, list) for part in rows.values()):
        column = _named_by(list(rows))
        if all(isinstance(one, dict) for part in rows.values() for one in part[:1]):
            if column is not None:
                notes.append(
                    f"The lists {', '.join(shown(name) for name in list(rows)[:4])} were put together."
                )
                beside = {name: {column: _of_kraken(name) or name} if column else {} for name in rows}
                return [([{**beside[name], **one} for name, part in rows.items() for one in part], "")]
        elif column == "":
            return [([one for part in rows.values() for one in part], "")]
        elif column == "symbol":
            named = {name: _of_kraken(name) or name for name in rows}
            wanted = [name for name in rows if symbols.is_bitcoin(named[name])]
            if len(wanted) == 1:
                notes.append(
                    f"Of the lists {', '.join(shown(name) for name in list(rows)[:4])}, {shown(wanted[0])}"
                    " was read."
                )
                return [(rows[wanted[0]], named[wanted[0]])]
    raise TableError(
        f"The JSON holds several tables side by side ({', '.join(shown(name) for name in list(found)[:4])})."
        " Save the one that is wanted as a file of its own."
    )


def _named_by(names: list[str]) -> str | None:
    """The column whose values the names of lists are; empty for days and pages, None for other words."""
    words = pd.Series(names, dtype="string")
    if set(labels.side_words(words).astype(str)) <= {"long", "short"}:
        return "side"
    if all(symbols.is_market(_of_kraken(name) or name) for name in names):
        return "symbol"
    if all(labels.is_venue(name) for name in names):
        return "venue"
    return "" if words.str.fullmatch(r"[0-9][0-9T:Z.+_ -]*").all() else None


def _histories(document: list[dict[str, Any]]) -> list[tuple[Any, str]]:
    """An answer of Coinalyze: one symbol, or the rows of several as one table that names them."""
    parts = [part for part in document if part.get("history")]
    if len(parts) < 2:
        return [(part["history"], str(part.get("symbol", ""))) for part in parts]
    return [
        ([{**row, "symbol": str(part.get("symbol", ""))} for part in parts for row in part["history"]], "")
    ]


def _of_kraken(name: str) -> str:
    """The symbol in a name of Kraken's answer (`XXBTZEUR` is XBTEUR), which holds its rows; else nothing."""
    return name[1:4] + name[5:] if re.fullmatch(r"X[A-Z]{3}Z[A-Z]{3}", name) else ""


def _same_keys(values: list[dict[str, Any]]) -> bool:
    return all(value.keys() == values[0].keys() for value in values[:20]) and len(values[0]) > 0


def _by_column(nested: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """pandas' own JSON: `{column: {row: value}}`; row names that are times become a column."""
    inner = {cells.key(str(name)) for name in next(iter(nested.values()))}
    if inner & set(cells.BAR_TIME):
        # One row a name, not one column.
        return pd.DataFrame(list(nested.values()))
    frame = pd.DataFrame(nested)
    if not set(map(str, frame.columns)) & {"time", "timestamp", "date", "Date", "datetime", "t"}:
        frame = frame.rename_axis("time").reset_index()
    return frame.reset_index(drop=True)


def _raw(rows: Any, symbol: str, content: Content, notes: list[str]) -> RawTable:
    headed = True
    if isinstance(rows, pd.DataFrame):
        frame = rows
    elif isinstance(rows[0], list):
        widths = {len(row) if isinstance(row, list) else -1 for row in rows}
        if len(widths) != 1:
            raise TableError("The rows of the JSON have different lengths. Export it again.")
        headed = False
        frame = pd.DataFrame(rows, columns=[f"column {place + 1}" for place in range(len(rows[0]))])
    else:
        rows = [row for row in rows if isinstance(row, dict)]
        fields: set[str] = set()
        for row in rows:
            fields |= row.keys()
            if len(fields) > MAX_COLUMNS:
                break
        check_shape(len(rows), len(fields))
        frame = pd.DataFrame(rows)
    check_shape(len(frame), frame.shape[1])
    names, repeated = unique([str(name) for name in frame.columns])
    frame = frame.set_axis(names, axis=1)
    nested = [name for name in names if frame[name].map(lambda cell: isinstance(cell, (dict, list))).any()]
    frame = frame.drop(columns=nested)
    if frame.shape[1] < 2:
        raise TableError(_NO_TABLE)
    frame = pd.DataFrame({name: _typed(frame[name]) for name in frame.columns})
    for name in frame.columns:
        check_cells(frame[name], name)
    notes = [*notes, *(["Nested fields of the JSON were left out."] if nested else [])]
    frame = times.joined(numerals.settled(frame, None))
    return RawTable(frame, content.name, headed, len(frame), repeated, (*content.notes, *notes), symbol)


def _typed(values: pd.Series) -> pd.Series:
    if values.dtype != object and not pd.api.types.is_string_dtype(values.dtype):
        return values
    held = values.dropna()
    if len(held) and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in held):
        return pd.to_numeric(values, errors="coerce").astype("float64")
    return values.where(values.isna(), values.astype(str)).astype("string").astype("category")
