"""The tables that flow through the house, and the checks that let one in.

Each function takes a DataFrame with at least the required columns and returns a clean copy: columns in a
fixed order, fixed dtypes, sorted by time. Anything that cannot be understood raises `TableError` with one
sentence that names the column, the first bad row (counted from 1) and the fix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from liqcore import wording

LIQUIDATIONS: Final = (
    "time",
    "venue",
    "symbol",
    "side",
    "price",
    "quantity",
    "notional",
    "price_kind",
    "completeness",
)
CANDLES: Final = ("time", "open", "high", "low", "close", "volume", "taker_buy_volume")
OPEN_INTEREST: Final = ("time", "venue", "quantity")
FUNDING: Final = ("time", "venue", "rate", "interval_hours")
POSITIONS: Final = (
    "time",
    "venue",
    "account",
    "side",
    "quantity",
    "entry",
    "liquidation_price",
    "leverage",
    "margin",
    "notional",
)
SWEEPS: Final = (
    "time",
    "venue",
    "began",
    "open_interest",
    "mark_price",
    "asked",
    "answered",
    "failed",
    "recovered",
)

SIDES: Final = ("long", "short")
# The lengths of a column or bar that pages offer.
TIMEFRAMES: Final = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d")
PRICE_KINDS: Final = ("fill", "bankruptcy", "mark", "unknown", "estimated")
COMPLETENESS: Final = ("all", "sampled", "unknown")
MARGINS: Final = ("cross", "isolated", "unknown")

TIME_DTYPE: Final = "datetime64[us, UTC]"
_TIME: Final = pd.DatetimeTZDtype("us", "UTC")
_BLANKS: Final = ("", "nan", "none", "null", "na", "n/a")
_NO_NUMBERS: Final = {"b": "true/false", "M": "times", "m": "durations", "c": "complex numbers"}
_EARLIEST: Final = pd.Timestamp("2009-01-03", tz="UTC")
_LATEST: Final = pd.Timestamp("2100-01-01", tz="UTC")
_CHOICES: Final = {"side": SIDES, "price_kind": PRICE_KINDS, "completeness": COMPLETENESS, "margin": MARGINS}
# An offset follows a clock: the "-2026" of 01-03-2026 is none. No \s and no lookahead in patterns for whole
# columns, since Arrow leaves those to Python, ten times slower.
_OFFSET = r"(?:Z|UTC|GMT|[:T]\d{2,6}(?:[.,]\d+)? *[+-]\d{2}(?::?\d{2})?)$"
# pandas fills a missing date with today and a missing year with its own guess; neither is in the file.
_DATED = r"^(?:(?:19|20)\d{2}\D|(?:\d{1,2}[^\d:]|\D).*\b(?:19|20)\d{2}\b)"
ADDRESS: Final = r"0[xX][0-9a-fA-F]{40}"
_DAY_AND_MONTH = r"^(\d{1,2})[./-](\d{1,2})[./-]\d{4}\b"
_TIMEFRAME = re.compile(
    r"^\s*(\d{1,5})\s*(m|min|minute|minutes|h|hour|hours|d|day|days)\s*$", re.IGNORECASE | re.ASCII
)


class TableError(ValueError):
    """A table that cannot be used, said in one sentence a beginner can act on."""


def liquidations(frame: pd.DataFrame) -> pd.DataFrame:
    """Check realised liquidations and return them as a clean table.

    Parameters
    ----------
    frame : DataFrame
        Needs `time`, `side` (`long` or `short`: the position that was closed), `price` in USD, and
        `quantity` in BTC or `notional` in USD (the missing one is computed). `venue`, `symbol`,
        `price_kind` and `completeness` default to `unknown` (symbol to `BTC`).

    Returns
    -------
    DataFrame with the columns `LIQUIDATIONS`, sorted by time; equal rows are kept, because two equal
    liquidations can be real.

    Raises
    ------
    TableError
    """
    _require(frame, ("time", "side", "price"), "liquidations")
    if "quantity" not in frame and "notional" not in frame:
        raise TableError(
            "The liquidations have neither a column 'quantity' (BTC) nor 'notional' (USD). Add one of them."
        )
    out: dict[str, Any] = {"time": parse_time(frame["time"])}
    out["venue"] = _labels(frame, "venue", "unknown")
    out["symbol"] = _labels(frame, "symbol", "BTC")
    out["side"] = _choice(frame, "side", SIDES, _side_hint)
    price = out["price"] = _numbers(frame["price"], "price", positive=True)
    for name in ("quantity", "notional"):
        if name in frame:
            out[name] = _numbers(frame[name], name, positive=True)
    if "notional" not in out:
        out["notional"] = _numbers(pd.Series(price * out["quantity"]), "notional", positive=True)
    if "quantity" not in out:
        out["quantity"] = _numbers(pd.Series(out["notional"] / price), "quantity", positive=True)
    out["price_kind"] = _choice(frame, "price_kind", PRICE_KINDS, default="unknown")
    out["completeness"] = _choice(frame, "completeness", COMPLETENESS, default="unknown")
    return _sorted(_table(out, LIQUIDATIONS))


def candles(frame: pd.DataFrame) -> pd.DataFrame:
    """Check candles and return them as a clean table, one row a bar, sorted by open time.

    `volume` and `taker_buy_volume` (BTC) may be missing or NaN: unknown is not zero. An `open` outside
    [low, high] is let through, because some venues open a bar at the previous close. Exact repeats of a
    bar are dropped; two different bars with one time raise `TableError`.
    """
    _require(frame, ("time", "open", "high", "low", "close"), "candles")
    out: dict[str, Any] = {"time": parse_time(frame["time"])}
    for name in ("open", "high", "low", "close"):
        out[name] = _numbers(frame[name], name, positive=True)
    for name in ("volume", "taker_buy_volume"):
        out[name] = (
            _numbers(frame[name], name, minimum=0.0, missing=True)
            if name in frame
            else np.full(len(frame), np.nan)
        )
    _refuse(
        out["high"] < out["low"],
        lambda row: (
            f"Candle in row {row}: the high is below the low. Check that the columns are not swapped."
        ),
    )
    outside = (out["close"] > out["high"] * (1 + 1e-9)) | (out["close"] < out["low"] * (1 - 1e-9))
    _refuse(
        outside,
        lambda row: (
            f"Candle in row {row}: the close lies outside the low to high range. Check that the columns are"
            " not swapped."
        ),
    )
    _refuse(
        out["taker_buy_volume"] > out["volume"] * (1 + 1e-6) + 1e-9,
        lambda row: (
            f"Candle in row {row}: taker_buy_volume is larger than volume. Check the unit of both columns"
            " (BTC)."
        ),
    )
    return _unique(_without_copies(_sorted(_table(out, CANDLES))), ("time",), "candles")


def open_interest(frame: pd.DataFrame) -> pd.DataFrame:
    """Check open interest (`time`, `venue`, `quantity` in BTC) and return it as a clean table."""
    _require(frame, ("time", "quantity"), "open interest")
    out = pd.DataFrame({"time": parse_time(frame["time"])})
    out["venue"] = _labels(frame, "venue", "unknown")
    out["quantity"] = _numbers(frame["quantity"], "quantity", minimum=0.0)
    out = _sorted(out[list(OPEN_INTEREST)]).drop_duplicates(ignore_index=True)
    return _unique(out, ("time", "venue"), "open interest")


def funding(frame: pd.DataFrame) -> pd.DataFrame:
    """Check funding (`time`, `venue`, `rate` as a fraction per interval, `interval_hours`) and return it."""
    _require(frame, ("time", "rate"), "funding")
    out = pd.DataFrame({"time": parse_time(frame["time"])})
    out["venue"] = _labels(frame, "venue", "unknown")
    out["rate"] = _numbers(frame["rate"], "rate")
    out["interval_hours"] = (
        _numbers(frame["interval_hours"], "interval_hours", positive=True)
        if "interval_hours" in frame
        else 8.0
    )
    _refuse(
        out["rate"].abs() > 0.1,
        lambda row: (
            f"Column 'rate', row {row}: {out['rate'].iloc[row - 1]:g} is more than 10 % per interval. Give a"
            " fraction (0.0001), not a percentage."
        ),
    )
    out = _sorted(out[list(FUNDING)]).drop_duplicates(ignore_index=True)
    return _unique(out, ("time", "venue"), "funding")


def positions(frame: pd.DataFrame) -> pd.DataFrame:
    """Check open positions, one row an account and moment, and return them as a clean table.

    Parameters
    ----------
    frame : DataFrame
        Needs `time` (when the venue told it), `side` (of the position), `entry` in USD, and `quantity` in BTC
        or `notional` in USD; the missing one is computed at the entry. `liquidation_price` is NaN where the
        venue tells none; 0, which some venues write for that, counts as none. `leverage` is the account's
        setting, which is not its leverage. `margin` is `cross`, `isolated` or `unknown`. `account` is a name
        that tells accounts apart and must not be an address: it goes to files.

    Raises
    ------
    TableError
    """
    _require(frame, ("time", "side", "entry"), "positions")
    if "quantity" not in frame and "notional" not in frame:
        raise TableError(
            "The positions have neither a column 'quantity' (BTC) nor 'notional' (USD). Add one of them."
        )
    out = pd.DataFrame({"time": parse_time(frame["time"])})
    out["venue"] = _labels(frame, "venue", "unknown")
    out["account"] = (
        _labels(frame, "account", "unknown")
        if "account" in frame
        else pd.Categorical(pd.RangeIndex(1, len(frame) + 1).astype(str))
    )
    addresses = out["account"].cat.categories.str.fullmatch(ADDRESS)
    _refuse(
        out["account"].isin(out["account"].cat.categories[addresses]),
        lambda row: (
            f"Column 'account', row {row}: this is an address. Read the file with read_positions, which puts"
            " a name in its place."
        ),
    )
    out["side"] = _choice(frame, "side", SIDES, _held_hint)
    out["entry"] = _numbers(frame["entry"], "entry", positive=True)
    for name in ("quantity", "notional"):
        if name in frame:
            out[name] = _numbers(frame[name], name, positive=True)
    if "notional" not in out:
        out["notional"] = _numbers(out["quantity"] * out["entry"], "notional", positive=True)
    if "quantity" not in out:
        out["quantity"] = _numbers(out["notional"] / out["entry"], "quantity", positive=True)
    for name in ("liquidation_price", "leverage"):
        out[name] = _numbers(frame[name], name, minimum=0.0, missing=True) if name in frame else np.nan
        out[name] = out[name].where(out[name] > 0)
    out["margin"] = _choice(frame, "margin", MARGINS, default="unknown")
    out = _sorted(out[list(POSITIONS)]).drop_duplicates(ignore_index=True)
    return _unique(out, ("time", "venue", "account"), "positions")


def sweeps(frame: pd.DataFrame) -> pd.DataFrame:
    """Check sweeps, one row each time that all accounts of a venue were asked, and return them.

    `time` is when the last account was asked, `began` when the first was; `open_interest` (BTC) and
    `mark_price` (USD) are NaN where the venue did not tell them; `asked`, `answered`, `failed` and
    `recovered` (failed first, answered later) count accounts.
    """
    _require(frame, ("time", "began"), "sweeps")
    out = pd.DataFrame({"time": parse_time(frame["time"])})
    out["venue"] = _labels(frame, "venue", "unknown")
    out["began"] = microseconds(parse_time(frame["began"])).astype("float64")
    for name in ("open_interest", "mark_price"):
        out[name] = _numbers(frame[name], name, minimum=0.0, missing=True) if name in frame else np.nan
    for name in ("asked", "answered", "failed", "recovered"):
        out[name] = _numbers(frame[name], name, minimum=0.0) if name in frame else 0.0
    out = _sorted(out[list(SWEEPS)]).drop_duplicates(ignore_index=True)
    return _unique(out, ("time", "venue"), "sweeps")


# What people have as files; positions and sweeps have a reader of their own.
CHECKS: Final = {
    "liquidations": liquidations,
    "candles": candles,
    "open_interest": open_interest,
    "funding": funding,
}
COLUMNS: Final = {
    "liquidations": LIQUIDATIONS,
    "candles": CANDLES,
    "open_interest": OPEN_INTEREST,
    "funding": FUNDING,
}

_EVERY_CHECK: Final = CHECKS | {"positions": positions, "sweeps": sweeps}
_EVERY_COLUMN: Final = COLUMNS | {"positions": POSITIONS, "sweeps": SWEEPS}


def check(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The checked copy of a table of the given name, positions and sweeps included."""
    return _EVERY_CHECK[table](frame)


def empty(table: str) -> pd.DataFrame:
    """A checked table of the given name with no rows."""
    return _EVERY_CHECK[table](pd.DataFrame({name: [] for name in _EVERY_COLUMN[table]}))


def ensure(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return `frame` untouched when it already is a checked table, else the checked copy.

    The look is cheap (names, dtypes, order), so that functions can accept raw frames without paying for
    a full check of tables that were checked before.
    """
    return frame if _is_checked(frame, table) else _EVERY_CHECK[table](frame)


def _is_checked(frame: pd.DataFrame, table: str) -> bool:
    if not isinstance(frame, pd.DataFrame) or tuple(frame.columns) != _EVERY_COLUMN[table]:
        return False
    time, *kinds = frame.dtypes.tolist()
    if time != _TIME:
        return False
    for name, kind in zip(_EVERY_COLUMN[table][1:], kinds, strict=True):
        if name not in ("venue", "symbol", "account", *_CHOICES):
            if kind != np.float64:
                return False
        elif (
            not isinstance(kind, pd.CategoricalDtype)
            or frame[name].array.codes.min(initial=0) < 0
            or (name in _CHOICES and tuple(kind.categories) != _CHOICES[name])
        ):
            return False
    return _ascends(microseconds(frame["time"]))


def microseconds(times: pd.Series) -> np.ndarray:
    """Times of a checked table as int64 microseconds since 1970 UTC, without a copy."""
    return np.asarray(times.array.asi8)


def _ascends(values: np.ndarray) -> bool:
    return bool((values[:-1] <= values[1:]).all())


def to_datetime64(moment: object) -> np.datetime64:
    """One moment (string, Timestamp, datetime, datetime64) as datetime64[us] UTC; naive means UTC."""
    # Text without a year ("now", "14:30") would be read off the clock, and a bare number as nanoseconds.
    legible = (
        moment.strip()[:4].isdigit()
        if isinstance(moment, str)
        else not isinstance(moment, (int, float, np.number))
    )
    try:
        stamp = pd.Timestamp(moment) if legible else pd.NaT  # type: ignore[arg-type]
    except (ValueError, TypeError):
        stamp = pd.NaT
    if not isinstance(stamp, pd.Timestamp):
        raise TableError(f"{moment!r} is not a time. Write it like 2026-03-01 14:30 (UTC).")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.to_datetime64().astype("datetime64[us]")


def timeframe(text: str | np.timedelta64 | pd.Timedelta) -> np.timedelta64:
    """Length of a bar: `1m`, `15min`, `4h`, `1d` as timedelta64[us]. A bare `m` means minutes, `M`
    nothing."""
    length = np.timedelta64(0, "us")
    if not isinstance(text, str):
        given = pd.Timedelta(text)
        length = length if given is pd.NaT else given.to_timedelta64().astype("timedelta64[us]")
    # Exchanges write 1M for a month.
    elif (match := _TIMEFRAME.match(text)) and match[2] != "M":
        unit = {"m": "m", "h": "h", "d": "D"}[match[2][0].lower()]
        length = np.timedelta64(int(match[1]), unit).astype("timedelta64[us]")  # type: ignore[call-overload]
    if length <= np.timedelta64(0, "us"):
        raise TableError(f"{text!r} is not a timeframe. Write it like 1m, 15m, 1h, 4h or 1d.")
    return length


def parse_time(values: pd.Series) -> pd.Series:
    """Times in any common form as UTC: datetimes, ISO text, or Unix s, ms, µs or ns (told by magnitude).

    Times without a zone are taken as UTC. Text that has a zone in some rows and none in others raises, and
    so does text that does not say its year, or that leaves open which number is the day (01/03/2026).
    """
    name = str(values.name)
    values = values.reset_index(drop=True)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        out = values.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        out = values.dt.tz_localize("UTC")
    elif values.dtype.kind in _NO_NUMBERS:
        raise TableError(
            f"Column '{name}' holds {_NO_NUMBERS[values.dtype.kind]}, not times. Name the column that has the"
            " time."
        )
    elif len(values) == 0:
        out = pd.Series(pd.DatetimeIndex([], tz="UTC"))
    elif pd.to_numeric(values.dropna().head(20), errors="coerce").notna().any():
        number = pd.to_numeric(values, errors="coerce")
        if number.notna().all():
            out = _from_epoch(number, name)
        else:
            blank = number.isna() & values.astype("string").str.strip().fillna("").eq("")
            _refuse(blank, lambda row: _empty_time(name, row))
            if float(number.notna().mean()) > 0.5:
                # Else the numbers would be blamed for the word among them.
                _refuse(
                    number.isna(),
                    lambda row: (
                        f"Column '{name}', row {row}: {_shown(values.iloc[row - 1])} is not a Unix time, as"
                        " the other rows are. Correct it or remove the row."
                    ),
                )
            out = _from_text(values, name)
    else:
        out = _from_text(values, name)
    _refuse(out.isna(), lambda row: _empty_time(name, row))
    # Both ends say whether any row needs a look.
    held = microseconds(out)
    ends = out.iloc[[held.argmin(), held.argmax()]] if len(out) else out
    if not (ends.min() >= _EARLIEST and ends.max() <= _LATEST):
        _refuse(
            (out < _EARLIEST) | (out > _LATEST),
            lambda row: (
                f"Column '{name}', row {row}: {_shown(values.iloc[row - 1])} falls in the year"
                f" {out.iloc[row - 1].year}, outside 2009 to 2099. Check the unit (s, ms, µs) of the column."
            ),
        )
    return out.astype(TIME_DTYPE).rename(name)


def _empty_time(name: str, row: int) -> str:
    return f"Column '{name}', row {row}: the time is empty. Remove the row or fill in the time."


def _from_epoch(number: pd.Series, name: str) -> pd.Series:
    whole = pd.api.types.is_integer_dtype(number.dtype)
    if not whole:
        _refuse(
            ~np.isfinite(number.astype("float64")),
            lambda row: (
                f"Column '{name}', row {row}: the time is infinite. Remove the row or fill in the time."
            ),
        )
    size = number.abs() if number.min() < 0 else number
    # The usual size decides; the median needs a sort, and both ends mostly say the same.
    unit, largest = _epoch_unit(float(size.min())), float(size.max())
    if unit != _epoch_unit(largest):
        unit = _epoch_unit(float(size.median()))
    scale = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
    if largest * scale > _LATEST.timestamp() * 1e6:
        _refuse(
            size.astype("float64") * scale > _LATEST.timestamp() * 1e6,
            lambda row: (
                f"Column '{name}', row {row}: {_shown(number.iloc[row - 1])} does not fit the other rows,"
                f" which look like Unix time in {unit}. Use one unit in the whole column."
            ),
        )
    if whole:
        held = number.to_numpy("int64")
        micros = held // 1000 if unit == "ns" else held * int(scale)
    else:
        micros = (number.to_numpy("float64") * scale).round().astype("int64")
    # These numbers are nobody else's, and whole numbers of a zoned dtype are counted from 1970 in its unit.
    return pd.Series(micros, dtype=_TIME, copy=False)


def _epoch_unit(size: float) -> str:
    return next((unit for unit, top in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if size < top), "ns")


def _from_text(values: pd.Series, name: str) -> pd.Series:
    text = values.astype("string").str.strip()
    zoned = text.str.contains(_OFFSET, case=False).fillna(False).astype(bool)
    blank = text.isna() | (text == "")
    if zoned.any() and (~zoned & ~blank).any():
        row = int(np.flatnonzero((zoned != zoned[~blank].iloc[0]) & ~blank)[0]) + 1
        raise TableError(
            f"Column '{name}' mixes times with and without a time zone (first change in row {row}). "
            "Write all of them in UTC, or give every row its offset."
        )
    out = pd.to_datetime(text.where(text.str[:4].str.isdigit()), utc=True, errors="coerce", format="ISO8601")
    rest = text[out.isna() & ~blank]
    rest = rest[rest.str.match(_DATED)]
    if len(rest):
        out = out.fillna(_from_other_text(rest, _day_first(rest, name)).reindex(out.index))
    _refuse(
        out.isna() & ~blank,
        lambda row: (
            f"Column '{name}', row {row}: {_shown(values.iloc[row - 1])} is not a time. Use ISO time in UTC"
            " (2026-03-01 14:30) or Unix time."
        ),
    )
    return out


def _from_other_text(text: pd.Series, day_first: bool) -> pd.Series:
    """Dated text that is not ISO; the first row's format, tried on all rows, is a hundred times quicker than
    each row's own."""
    form = guess_datetime_format(text.iloc[0], dayfirst=day_first)
    out = pd.to_datetime(text, utc=True, errors="coerce", format=form or "mixed", dayfirst=day_first)
    odd = text[out.isna()]
    # One bad row is enough for the sentence: the costly look at each row is only for columns it may save.
    if form and len(odd) and guess_datetime_format(odd.iloc[0], dayfirst=day_first):
        out = out.fillna(
            pd.to_datetime(odd, utc=True, errors="coerce", format="mixed", dayfirst=day_first).reindex(
                out.index
            )
        )
    return out


def _day_first(text: pd.Series, name: str) -> bool:
    """Whether dates like 13/03/2026 begin with the day; raises where no row or contradicting rows tell."""
    numbers = text.str[:10].drop_duplicates().str.extract(_DAY_AND_MONTH).dropna().astype("int64")
    if numbers.empty:
        return False
    day_leads, month_leads = (bool((numbers[column] > 12).any()) for column in (0, 1))
    if day_leads == month_leads:
        row = int(numbers.index[0]) + 1
        raise TableError(
            f"Column '{name}', row {row}: {_shown(text.loc[row - 1])} does not tell which number is the day. "
            "Write the year first, in UTC (2026-03-01 14:30)."
        )
    return day_leads


def _require(frame: pd.DataFrame, names: Sequence[str], table: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise TableError(f"The {table} must be a table (pandas DataFrame), not {type(frame).__name__}.")
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError(f"The {table} have two columns named '{repeated[0]}'. Rename or remove one of them.")
    missing = [name for name in names if name not in frame]
    if missing:
        found = ", ".join(map(str, frame.columns[:12])) or "none"
        raise TableError(
            f"The {table} lack the column '{missing[0]}' (found: {found}). Rename the matching column to"
            f" '{missing[0]}'."
        )


def _numbers(
    values: pd.Series,
    name: str,
    *,
    positive: bool = False,
    minimum: float | None = None,
    missing: bool = False,
) -> np.ndarray:
    values = values.reset_index(drop=True)
    if values.dtype.kind in _NO_NUMBERS:
        raise TableError(
            f"Column '{name}' holds {_NO_NUMBERS[values.dtype.kind]}, not numbers. Name the column that has"
            f" the {name}."
        )
    ready = values.dtype == np.float64
    number = values if ready else pd.to_numeric(values, errors="coerce").astype("float64")
    # Both ends of a column say whether any row needs a look; a number that is not one makes both so.
    if len(number):
        held = number.to_numpy()
        low, high = held.min(), held.max()
        sound = np.isfinite(low) and np.isfinite(high)
        if sound and (not positive or low > 0) and (minimum is None or low >= minimum):
            # The caller's own numbers stay the caller's.
            return held.copy()
    bad = number.isna()
    if missing:
        # Text is looked at only where a number could not be read: it is slow, and a column of numbers has
        # none.
        bad &= values.notna()
        if bad.any():
            bad &= ~values.where(bad).astype("string").str.strip().str.lower().isin(_BLANKS).astype(bool)
    _refuse(
        bad,
        lambda row: (
            f"Column '{name}', row {row}: {_shown(values.iloc[row - 1])} is not a number. Correct it or"
            " remove the row."
        ),
    )
    _refuse(
        np.isinf(number),
        lambda row: f"Column '{name}', row {row}: the value is infinite. Correct it or remove the row.",
    )
    if positive:
        _refuse(
            number <= 0,
            lambda row: (
                f"Column '{name}', row {row}: {number.iloc[row - 1]:g} is not above zero. Correct it or"
                " remove the row."
            ),
        )
    if minimum is not None:
        _refuse(
            number < minimum,
            lambda row: (
                f"Column '{name}', row {row}: {number.iloc[row - 1]:g} is negative. Correct it or remove the"
                " row."
            ),
        )
    return number.to_numpy(copy=True)


def _labels(frame: pd.DataFrame, name: str, default: str) -> pd.Categorical[Any]:
    if name not in frame:
        return pd.Categorical([default] * len(frame), categories=[default])
    values = frame[name].reset_index(drop=True)
    if (
        isinstance(values.dtype, pd.CategoricalDtype)
        and values.notna().all()
        and all(
            isinstance(label, str) and label and label == label.strip() for label in values.dtype.categories
        )
    ):
        return pd.Categorical(values).copy()
    text = values.astype("string").str.strip().fillna("").replace("", default)
    return pd.Categorical(text.to_numpy(dtype=object))


def _side_hint(value: str) -> str:
    if value in ("buy", "sell", "b", "s", "bid", "ask"):
        return (
            "is an order side, and which position it closed depends on the venue. "
            "Write long or short: the position that was liquidated."
        )
    return "is not a side. Write long or short: the position that was liquidated."


def _held_hint(value: str) -> str:
    return "is not a side. Write long or short: the position that is held."


def _choice(
    frame: pd.DataFrame,
    name: str,
    allowed: Sequence[str],
    hint: Callable[[str], str] | None = None,
    default: str | None = None,
) -> pd.Categorical:
    if name not in frame:
        return pd.Categorical([default] * len(frame), categories=list(allowed))
    values = frame[name].reset_index(drop=True)
    if (
        isinstance(values.dtype, pd.CategoricalDtype)
        and tuple(values.cat.categories) == tuple(allowed)
        and values.notna().all()
    ):
        return pd.Categorical(values, categories=list(allowed)).copy()
    try:
        # Each word is looked at once, not in each row.
        rows, words = pd.factorize(values, use_na_sentinel=False)
    except TypeError:
        rows, words = np.arange(len(values)), pd.Index(values)
    text = pd.Series(words).astype("string").str.strip().str.lower()
    if default is not None:
        text = text.fillna("").replace("", default)

    def say(row: int) -> str:
        word = str(text.iloc[rows[row - 1]])
        meant = hint(word) if hint else f"is not one of {', '.join(allowed)}. Correct it."
        return f"Column '{name}', row {row}: {_shown(values.iloc[row - 1])} {meant}"

    known = pd.Categorical(text.where(text.isin(allowed)).to_numpy(dtype=object), categories=list(allowed))
    _refuse(known.codes[rows] < 0, say)
    return known.take(rows)


def _refuse(bad: pd.Series | np.ndarray, sentence: Callable[[int], str]) -> None:
    where = np.flatnonzero(np.asarray(bad, dtype=bool))
    if where.size:
        rest = where.size - 1
        more = f" {rest:,} more row{'s have' if rest > 1 else ' has'} the same fault." if rest else ""
        raise TableError(sentence(int(where[0]) + 1) + more)


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def _table(columns: dict[str, Any], names: Sequence[str]) -> pd.DataFrame:
    """A table of columns that are nobody else's: put together without another copy."""
    return pd.DataFrame({name: columns[name] for name in names}, copy=False)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    if frame["time"].is_monotonic_increasing:
        return frame
    return frame.sort_values("time", kind="stable", ignore_index=True)


def _without_copies(frame: pd.DataFrame) -> pd.DataFrame:
    """A sorted table without exact repeats; where every time is later than the one before, there are none."""
    times = microseconds(frame["time"])
    return frame if bool((times[1:] > times[:-1]).all()) else frame.drop_duplicates(ignore_index=True)


def _unique(frame: pd.DataFrame, key: Sequence[str], table: str) -> pd.DataFrame:
    times = microseconds(frame["time"])
    if bool((times[1:] > times[:-1]).all()):
        return frame
    twice = frame.duplicated(list(key))
    if twice.any():
        when = frame.loc[twice, "time"].iloc[0]
        raise TableError(
            f"The {table} have two different rows for {wording.when(when)} ({int(twice.sum()):,} such"
            " rows). Keep one of them; a repeated hour often means local time across a clock change."
        )
    return frame
