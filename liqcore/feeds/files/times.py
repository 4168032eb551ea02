"""Times as programs and people write them: units row by row, dates beside clocks, Excel's numbers, zones in
words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files.table import EMPTY_WORDS, counted, shown
from liqcore.tables import TableError

ZONELESS: Final = "The times carry no time zone and were taken as UTC."
_ZONE: Final = r"(?:Z|UTC|GMT|:\d{2}(?:[.,]\d+)?\s*[+-]\d{2}(?::?\d{2})?)$"
_WORDY: Final = re.compile(r"(?:GMT|UTC) ?([+-])(\d{1,2})(?::?(\d{2}))?(?: ?\([^)]*\))?$")
_IN_NAME: Final = re.compile(r"(?:UTC|GMT) ?([+-−]) ?(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
# Short names of zones, many of which stand for more than one, and clocks that are only called local.
_SHORT: Final = re.compile(r"[ECMP][SD]?T|[CEW]ES?T|MES?Z|[BIJK]ST|HKT|SGT|MSK|AE[SD]T|LOCAL|LOKAL|ORTSZEIT")
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?")
_DAY: Final = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}|(?:19|20)\d{6}")
_GERMAN: Final = r"^(\d{1,2})\.(\d{1,2})\.(\d{4})"
# Unix times of 2009 to 2100 in each unit; the ranges lie far apart, so that each row tells its own.
_EPOCH: Final = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}
_FIRST, _LAST = 1_230_940_800, 4_102_444_800
# Days since 1899-12-30, Excel's day zero, of the same years.
_SERIAL: Final = (39_816, 73_051)


def plain_times(values: pd.Series, notes: list[str], zone: str | None = None) -> pd.Series:
    """Times in a form that `tables.parse_time` reads, in UTC; what was assumed goes to `notes`.

    `zone` (an IANA name) is what the clock shows where the file does not say it.

    Raises
    ------
    TableError
        A spreadsheet has cut the digits that tell the rows apart, or a local hour that came twice or never.
    """
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values if isinstance(values.dtype, pd.DatetimeTZDtype) else _zoned(values, notes, zone)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values.dtype):
        return values
    if pd.api.types.is_numeric_dtype(values.dtype):
        return _from_numbers(values, notes, zone)
    text = values.astype("string").str.strip()
    text = text.mask(text.isin(EMPTY_WORDS))
    number = pd.to_numeric(text, errors="coerce")
    if number.notna().any() and bool((number.notna() | text.isna()).all()):
        return _from_numbers(number, notes, zone)
    text = _offsets_in_digits(text).str.replace(r"(?<=\d) - (?=\d)", " ", regex=True)
    # Nobody writes the month first between points.
    text = text.str.replace(
        _GERMAN, lambda found: f"{found[3]}-{int(found[2]):02d}-{int(found[1]):02d}", regex=True
    )
    clock = text.str.contains(r"\d[T ]\d{1,2}:\d\d", regex=True)
    zoned = text.str.contains(_ZONE, case=False, regex=True)
    if zoned.any():
        return text
    if not clock.any() and zone in (None, "UTC"):
        return text
    return _zoned(text, notes, zone)


def _offsets_in_digits(text: pd.Series) -> pd.Series:
    """`GMT+0100` and `UTC+1` as +01:00; a zone's name in brackets after it goes."""
    if not text.str.contains("GMT|UTC", regex=True).any():
        return text
    return text.str.replace(
        _WORDY, lambda found: f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}", regex=True
    ).str.replace(r"(\d) +([+-]\d{2}:\d{2})$", r"\1\2", regex=True)


def _zoned(values: pd.Series, notes: list[str], zone: str | None) -> pd.Series:
    """Times without a zone as times of `zone`, or of the one that the column's name tells, or of UTC."""
    named = _IN_NAME.search(str(values.name))
    if zone in (None, "UTC") and not named:
        zone = _zone_in_name(str(values.name))
        if zone is None:
            notes.append(ZONELESS)
            return values
    local = tables.parse_time(values).dt.tz_localize(None).set_axis(values.index)
    if named and zone in (None, "UTC"):
        hours = (-1 if named[1] != "+" else 1) * (int(named[2]) + int(named[3] or 0) / 60)
        notes.append(
            f"The times are those of UTC{wording.decimal(hours, signed=True)}, as the column's name says, and"
            " became UTC."
        )
        return (local - pd.Timedelta(hours=hours)).dt.tz_localize("UTC")
    try:
        stamped = local.dt.tz_localize(zone, ambiguous="infer", nonexistent="raise").dt.tz_convert("UTC")
    except (ValueError, KeyError) as problem:
        if not _is_zone(str(zone)):
            raise TableError(f"{shown(zone)} is no time zone. Choose one like Europe/Berlin.") from problem
        when = re.search(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}", str(problem))
        raise TableError(
            f"{when[0] if when else 'One hour'} came twice or never in {shown(zone)}, where the clocks were"
            " changed, so its rows cannot be placed. Export the times in UTC, or choose another zone."
        ) from problem
    notes.append(f"The times were taken as those of {zone} and became UTC.")
    return stamped


def _zone_in_name(column: str) -> str | None:
    """The zone that a column's name tells (`Time (Europe/Berlin)`, `Date [New York]`), or None.

    Raises
    ------
    TableError
        The name says that the clock is another than UTC, and not which.
    """
    from zoneinfo import available_timezones

    zones = available_timezones()
    cities = {
        zone.rsplit("/", 1)[-1].replace("_", " ").lower(): zone for zone in sorted(zones) if "/" in zone
    }
    for words in re.findall(r"[(\[]([^)\]]+)[)\]]", column):
        if words.strip() in zones and "/" in words:
            return str(words.strip())
        if words.strip().lower() in cities and words.strip().lower() not in ("utc", "gmt"):
            return cities[words.strip().lower()]
    # One of the letters of "date et heure" is no zone.
    found = [
        word for word in re.split(r"[^A-Za-z]+", column) if _SHORT.fullmatch(word.upper()) and word != "et"
    ]
    if not found:
        return None
    raise TableError(
        f"Column {shown(column)} says that its clock shows {shown(found[0])}, which is not UTC and could be"
        " more than one zone. Choose the zone that clocks show, or export the times in UTC."
    )


def zone_named(lines: Sequence[str]) -> str:
    """The zone that lines of words name by its IANA name (`# times in Europe/Berlin`), where it is one."""
    named = {word for line in lines for word in re.findall(r"[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+", line)}
    zones = [word for word in sorted(named) if _is_zone(word)]
    return zones[0] if len(zones) == 1 else ""


def _is_zone(name: str) -> bool:
    from zoneinfo import available_timezones

    return name in available_timezones()


def _from_numbers(values: pd.Series, notes: list[str], zone: str | None) -> pd.Series:
    number = values if values.dtype == np.int64 else pd.to_numeric(values, errors="coerce")
    if _is_ordinary(number):
        return number
    known = number[number.notna()]
    if known.empty:
        return values
    if pd.api.types.is_bool_dtype(number.dtype) or not np.isfinite(known.astype("float64")).all():
        return values
    if (days := _compact(number)) is not None:
        return _zoned(_named(days, values), notes, zone)
    if known.between(*_SERIAL).all():
        notes.append("The times are Excel's day numbers and were read to the second.")
        seconds = ((number - 25_569) * 86_400).round()
        return _zoned(_named(pd.to_datetime(seconds, unit="s"), values), notes, zone)
    _refuse_lost_digits(known, str(values.name))
    return _epoch(number, notes)


def _named(out: pd.Series, like: pd.Series) -> pd.Series:
    out.name = like.name
    return out


def _is_ordinary(number: pd.Series) -> bool:
    """Whole Unix times in one unit, of which the first thousand keep all their digits: the usual case, told
    quickly."""
    if not pd.api.types.is_integer_dtype(number.dtype) or number.empty or number.hasnans:
        return False
    low, high = number.min(), number.max()
    head = number.head(1000)
    return any(
        _FIRST * scale <= low and high <= _LAST * scale and bool((head % int(1000 * scale) != 0).any())
        for scale in _EPOCH.values()
    )


def _compact(number: pd.Series) -> pd.Series | None:
    """20240115 is a day, and 20240115103000 a second of one, not a second of 1970."""
    if not pd.api.types.is_integer_dtype(number.dtype):
        return None
    for low, high, form in (
        (20090103, 21000101, "%Y%m%d"),
        (200901030000, 210001010000, "%Y%m%d%H%M"),
        (20090103000000, 21000101000000, "%Y%m%d%H%M%S"),
    ):
        if number.between(low, high).all():
            days = pd.to_datetime(number.astype("string"), format=form, errors="coerce")
            return days if days.notna().all() else None
    return None


def _epoch(number: pd.Series, notes: list[str]) -> pd.Series:
    """Unix times whose unit changes inside the column as UTC; one unit is left to the tables' own reader."""
    size = number.astype("float64")
    units = {unit: size.between(_FIRST * scale, _LAST * scale) for unit, scale in _EPOCH.items()}
    used = [unit for unit, rows in units.items() if rows.any()]
    covered = np.logical_or.reduce([rows.to_numpy() for rows in units.values()])
    if len(used) < 2 or not (covered | number.isna().to_numpy()).all():
        return number
    whole = pd.api.types.is_integer_dtype(number.dtype)
    micros = np.zeros(len(number), dtype="int64")
    for unit, rows in units.items():
        at = rows.to_numpy()
        held = number.to_numpy()[at]
        scale = 1e6 / _EPOCH[unit]
        if whole:
            micros[at] = held * int(scale) if scale >= 1 else held // 1000
        else:
            micros[at] = np.round(held * scale).astype("int64")
    notes.append(
        f"The unit of the times changes inside the file ({', '.join(used)}); each row was read by its own."
    )
    out = pd.Series(
        pd.DatetimeIndex(micros.astype("datetime64[us]"), tz="UTC"), index=number.index, name=number.name
    )
    return out.mask(number.isna())


def _refuse_lost_digits(known: pd.Series, column: str) -> None:
    """A spreadsheet shows 1741600800123 as 1.7416E+12 and saves it so."""
    size = known.astype("float64")
    unit = next(
        (scale for scale in _EPOCH.values() if _FIRST * scale <= float(size.median()) <= _LAST * scale), 0.0
    )
    if len(size) < 3 or not unit or unit == 1.0:
        return
    minutes = size % (60 * unit) == 0
    if bool((size % (1000 * unit) == 0).all()) and not minutes.all():
        left = int(size.nunique())
        said = (
            f"All {counted(len(size), noun='event')} have the same time"
            if left == 1
            else f"Only {left:,} different times are left in {counted(len(size))}"
        )
        raise TableError(
            f"{said} ({shown(known.iloc[0])} in {shown(column)}): a spreadsheet has cut off the last digits. "
            "Export the file again and do not open it in a spreadsheet before."
        )


def joined(frame: pd.DataFrame) -> pd.DataFrame:
    """A column of days and a column of clocks as one column of times, named after both."""
    days = [name for name in frame.columns if _all_match(frame[name], _DAY)]
    clocks = [name for name in frame.columns if _all_match(frame[name], _CLOCK)]
    if len(days) != 1 or len(clocks) != 1:
        return frame
    day, clock = days[0], clocks[0]
    held = frame[day]
    both = held.dt.strftime("%Y-%m-%d") if pd.api.types.is_datetime64_any_dtype(held.dtype) else held
    both = both.astype("string").str.strip()
    both = both.str.replace(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3", regex=True)
    both = both + " " + frame[clock].astype("string").str.strip()
    out = frame.drop(columns=[clock])
    place = int(np.flatnonzero(out.columns == day)[0])
    out.isetitem(place, both.array)
    name = f"{day} {clock}" if not str(day).startswith("column ") else day
    return out.set_axis([name if column == day else column for column in out.columns], axis=1)


def _all_match(values: pd.Series, pattern: re.Pattern[str]) -> bool:
    if pd.api.types.is_datetime64_any_dtype(values.dtype) and pattern is _DAY:
        # Arrow reads a column of days as times at midnight.
        found = values.dropna()
        return bool(len(found)) and bool((found.dt.normalize() == found).all())
    if pd.api.types.is_integer_dtype(values.dtype) and pattern is _DAY:
        # Most columns of whole numbers are told by their first.
        return bool(len(values)) and all(
            bool(part.between(20090103, 21000101).all()) for part in (values.head(50), values)
        )
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return False
    head = values.dropna().head(50).astype("string").str.strip()
    return bool(len(head)) and all(pattern.fullmatch(word) for word in head)
