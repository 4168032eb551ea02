"""Numbers as people and their programs write them: one way of writing for the whole file, never one a cell.

`82.000` is eighty-two in most files and eighty-two thousand in many from German or Italian Excel. Cells that
can be read in only one way (`0,010`, `82.037,50`, `82000.5`) settle it for all the others; where none does,
a number that can be read in two ways is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from liqcore.feeds.files.table import EMPTY_WORDS, shown
from liqcore.tables import TableError

_BLANKS: Final = "\u0020\u00a0\u2007\u2009\u202f"
_NOISE: Final = re.compile(rf"[\s{_BLANKS}$€£₿]|(?<=[0-9])['’](?=[0-9])|(?<=[0-9.,\s])(?:USDT?|BTC)$")
_SCALES: Final = {"K": 1e3, "M": 1e6, "B": 1e9, "%": 1e-2}
_END: Final = r"(?:[eE][+-]?[0-9]+)?([KMB%])?"
# One way only: a decimal mark that cannot group thousands, or groups that cannot be fractions.
_POINT: Final = re.compile(
    r"[+-]?(?:0?\.[0-9]+|0\.[0-9]+|[0-9]{4,}\.[0-9]+|[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})"
    rf"|[1-9][0-9]{{0,2}}(?:,[0-9]{{2,3}})*,[0-9]{{3}}\.[0-9]+|[1-9][0-9]{{0,2}}(?:,[0-9]{{2,3}})+,[0-9]{{3}}){_END}"
)
_COMMA: Final = re.compile(
    r"[+-]?(?:0?,[0-9]+|0,[0-9]+|[0-9]{4,},[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})"
    rf"|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+,[0-9]+|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}}){{2,}}){_END}"
)
_TWO_WAYS: Final = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}[.,][0-9]{{3}}{_END}")
_WITH_POINT: Final = rf"[+-]?(?:[1-9][0-9]{{0,2}}(?:,[0-9]{{2,3}})*,[0-9]{{3}}|[0-9]+)?(?:\.[0-9]*)?{_END}"
_WITH_COMMA: Final = rf"[+-]?(?:[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+|[0-9]+)?(?:,[0-9]*)?{_END}"
_SAMPLE: Final = 5_000


def bare(text: str) -> str:
    """A cell without blanks, apostrophes, currency signs; a long minus becomes a short one."""
    return _NOISE.sub("", text.strip().replace("−", "-"))


def marks(words: Iterable[str]) -> set[str]:
    """Which decimal marks the words prove: any of `.` and `,`; `?` where a word can be read in two ways."""
    found: set[str] = set()
    for word in words:
        text = bare(word)
        if not text or not (text[0].isdigit() or text[0] in "+-.,"):
            continue
        if _POINT.fullmatch(text):
            found.add(".")
        elif _COMMA.fullmatch(text):
            found.add(",")
        elif _TWO_WAYS.fullmatch(text):
            found.add("?")
    return found


def settled(frame: pd.DataFrame, hint: str | None) -> pd.DataFrame:
    """Columns of text that hold numbers as numbers, all read by the one decimal mark that the file proves.

    `hint` is what the file's text has proved before it was parsed. A column whose cells contradict one
    another, or can be read in two ways while nothing settles it, stays text for its reader to refuse.
    """
    proved: set[str] = {hint} if hint else set()
    texts: dict[str, set[str]] = {}
    for name in frame.columns:
        # Per cent stay as they are written, for whoever reads them to say so.
        if in_percent(frame[name]) or _two_units(frame[name]):
            continue
        if _is_text(frame[name]) and (found := _column_marks(frame[name])) is not None:
            texts[name] = found
            proved |= found - {"?"}
        elif hint is None and frame[name].dtype.kind == "f" and _is_pointed(frame[name]):
            proved.add(".")
    changed = {}
    for name, found in texts.items():
        own = found - {"?"}
        mark = own.copy().pop() if len(own) == 1 else next(iter(proved)) if len(proved) == 1 else None
        if len(own) > 1 or ("?" in found and mark is None):
            continue
        number = _numbers(frame[name], mark or ".")
        if number is not None:
            changed[name] = number
    return frame.assign(**changed) if changed else frame


def in_percent(values: pd.Series) -> bool:
    """Whether cells say themselves that they are per cent (`0.01%`), which `plain` divides by 100."""
    return _is_text(values) and bool(_words(values).str.strip().str.endswith("%").any())


def _two_units(values: pd.Series) -> tuple[str, ...]:
    """A cell in BTC and one in dollars of a column that has both; else nothing."""
    if not _is_text(values):
        return ()
    words = _words(values).iloc[:_SAMPLE].str.strip()
    found = [
        words[words.str.fullmatch(rf"[^A-Za-z]*[0-9][KMB]?\s*{unit}")] for unit in ("BTC", "(?:USDT?|USDC)")
    ]
    return tuple(str(cells.iloc[0]) for cells in found) if all(map(len, found)) else ()


def plain(values: pd.Series) -> pd.Series:
    """A column for its number reader; text that is left says what is wrong with it.

    Raises
    ------
    TableError
        Cells can be read in two ways (`27,250`), or are written in two ways in one column.
    """
    if not _is_text(values):
        return values
    if units := _two_units(values):
        raise TableError(
            f"Column {shown(values.name)} counts in two units: {shown(units[0])} and {shown(units[1])}. Write"
            " all amounts in one unit."
        )
    text = values.dropna().astype("string").str.strip()
    text = text[~text.isin(EMPTY_WORDS)]
    found = marks(text.head(_SAMPLE))
    if {".", ","} <= found:
        point, comma = (
            next(word for word in text.head(_SAMPLE) if pattern.fullmatch(bare(word)))
            for pattern in (_POINT, _COMMA)
        )
        raise TableError(
            f"Column {shown(values.name)} is written in two ways: {shown(point)} with a decimal point and"
            f" {shown(comma)} with a decimal comma. Write all numbers in one way."
        )
    sample = next((word for word in text.head(_SAMPLE) if _TWO_WAYS.fullmatch(bare(word))), None)
    if sample is not None and found == {"?"}:
        raise TableError(
            f"Column {shown(values.name)}: {shown(sample)} can be read as a large number or as a fraction. "
            "Write numbers without thousands separators and with a decimal point."
        )
    if len(text) == 0:
        return values
    # Cells that can be read are, so that the table's own check names the one that cannot.
    number, spelled = _read(values, "," if "," in found else ".")
    return number.where(spelled, values.astype("object"))


def number(values: pd.Series) -> pd.Series:
    """A column as numbers, NaN where a cell is none; a column of numbers as it is, without a copy."""
    ready = values.dtype in (np.float64, np.int64)
    return values if ready else pd.to_numeric(values, errors="coerce")


def _is_text(values: pd.Series) -> bool:
    return (
        isinstance(values.dtype, pd.CategoricalDtype)
        or pd.api.types.is_string_dtype(values.dtype)
        or values.dtype == object
    )


def _is_pointed(values: pd.Series) -> bool:
    """Whether a parser met fractions of numbers too large to have been thousands."""
    part = values.to_numpy()[:_SAMPLE]
    part = np.abs(part[np.isfinite(part)])
    return bool((part % 1 != 0).any()) and float(part.max()) >= 1000


def _words(values: pd.Series) -> pd.Series:
    """The different texts of a column (of a long one, the first some thousands)."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.categories.to_series().astype("string")
    return values.dropna().head(_SAMPLE).astype("string")


def _column_marks(values: pd.Series) -> set[str] | None:
    """What a column of text proves; None where it is no column of numbers."""
    words = [word for word in _words(values).str.strip() if word not in EMPTY_WORDS]
    if not words:
        return None
    numeric = sum(
        bool(re.fullmatch(_WITH_POINT, bare(word)) or re.fullmatch(_WITH_COMMA, bare(word)))
        for word in words[:200]
    )
    return marks(words) if numeric >= 0.8 * len(words[:200]) else None


def _numbers(values: pd.Series, mark: str) -> pd.Series | None:
    """The column as float64 by one decimal mark, or None where a cell does not follow it."""
    number, spelled = _read(values, mark)
    return number if bool(spelled.all()) else None


def _read(values: pd.Series, mark: str) -> tuple[pd.Series, pd.Series]:
    """Numbers by one decimal mark, and for each row whether its cell is one, or empty."""
    words = values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("category")
    text = words.cat.categories.to_series().astype("string").str.strip()
    empty = text.isin(EMPTY_WORDS)
    text = text.str.replace("−", "-", regex=False).str.replace(_NOISE, "", regex=True)
    pattern, group = (_WITH_POINT, ",") if mark == "." else (_WITH_COMMA, ".")
    fits = text.str.fullmatch(pattern) & text.str.contains("[0-9]", regex=True)
    scale = text.str[-1:].map(_SCALES).astype("float64").fillna(1.0)
    digits = text.str.rstrip("KMB%").str.replace(group, "", regex=False).str.replace(",", ".", regex=False)
    number = pd.to_numeric(digits.where(fits), errors="coerce").astype("float64") * scale
    spelled = (empty | (fits & number.notna())).astype(bool)
    if words.cat.categories.empty:
        return pd.Series(np.nan, index=values.index), pd.Series(True, index=values.index)
    codes = words.cat.codes.to_numpy()
    return (
        pd.Series(np.where(codes < 0, np.nan, number.to_numpy()[codes]), index=values.index),
        pd.Series((codes < 0) | spelled.to_numpy()[codes], index=values.index),
    )
