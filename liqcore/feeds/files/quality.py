"""Doubts about data that was read: holes, odd clocks, zero and constant stretches, series that no market
made.

Nothing here refuses a file. Each function returns sentences for the reader of the chart.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.files.candle_prices import distinct
from liqcore.feeds.files.table import counted
from liqcore.heat.estimated import bar_length, range_at
from liqcore.tables import TableError

_MINUTE: Final = 60_000_000
_DAY: Final = 86_400_000_000
_FEWEST: Final = 50


class Doubt(str):
    """A sentence with a severity: 3 where numbers are probably wrong, 2 where they may be, 1 where it is good
    to know."""

    severity: int

    def __new__(cls, text: str, severity: int = 2) -> Doubt:
        made = super().__new__(cls, text)
        made.severity = severity
        return made


# USD of one bar of an hour or less that no market ever turned over, times its usual volume that a bar would
# have to be, and steps of the usual volume that only another unit makes.
_MOST_A_BAR, _SPIKE, _UNIT_STEP = 2e9, 500.0, 200.0
# USD of a usual liquidation below which amounts are hardly in USD.
_SMALL: Final = 5.0
# What bitcoin cost at least and at most in each year, in USD; later years are taken like the last ones.
_PRICES: Final = {
    2010: (0.05, 0.5), 2011: (0.3, 32), 2012: (4, 14), 2013: (13, 1_170), 2014: (290, 1_000), 2015: (160, 500),  # noqa: E501
    2016: (350, 980), 2017: (750, 20_000), 2018: (3_100, 17_300), 2019: (3_300, 13_900), 2020: (3_800, 29_400),  # noqa: E501
    2021: (27_700, 69_000), 2022: (15_400, 48_200), 2023: (16_400, 44_800), 2024: (38_500, 108_400),
    2025: (74_000, 126_300),
}  # fmt: skip
_LATER: Final = (15_000, 500_000)


def refuse_unbelievable(kind: str, table: pd.DataFrame) -> None:
    """Raise where nearly all prices are far from what bitcoin cost in their year: another coin, other money,
    or thousands read as fractions."""
    if kind not in ("candles", "liquidations") or not len(table):
        return
    price = table["close" if kind == "candles" else "price"].to_numpy()
    times = tables.microseconds(table["time"])
    # Times of a checked table ascend, so that each year is one stretch of rows.
    known = np.arange(table["time"].iloc[0].year, table["time"].iloc[-1].year + 1)
    ends = np.searchsorted(
        times, (known + 1 - 1970).astype("datetime64[Y]").astype("datetime64[us]").view(int)
    )
    far, first = 0, None
    for year, (begin, end) in zip(known.tolist(), pairwise([0, *ends.tolist()]), strict=True):
        low, high = _PRICES.get(year, _LATER)
        bad = (price[begin:end] < low / 5) | (price[begin:end] > high * 5)
        count = int(np.count_nonzero(bad))
        if count and first is None:
            first = (float(price[begin + int(np.argmax(bad))]), year, low, high)
        far += count
    if first is None or far / len(price) < 0.9:
        return
    worst, year, low, high = first
    raise TableError(
        f"A price of {wording.price(worst)} in {year} is not one of BTC, which cost {wording.price(low)} to"
        f" {wording.price(high)} then. Check the coin, the currency, the decimal mark and the unit of the"
        " times, and export BTC in USD."
    )


def to_come(table: pd.DataFrame, now: pd.Timestamp) -> list[Doubt]:
    """A doubt where rows are of a time to come, by more than a day (clocks and zones differ)."""
    late = len(table) - int(table["time"].searchsorted(now + pd.Timedelta("1D"), side="right"))
    if not late:
        return []
    last = wording.when(table["time"].iloc[-1])
    return [
        Doubt(
            f"{counted(late, 'lie')} in the future, the last at {last}: the unit or the zone of the times may"
            " be another.",
            3,
        )
    ]


def believable(price: float, year: int) -> bool:
    """Whether bitcoin can have cost about so many USD in a year."""
    low, high = _PRICES.get(year, _LATER)
    return low / 2 <= price <= high * 2


def outside_candles(table: pd.DataFrame, candles: pd.DataFrame) -> list[str]:
    """A doubt where the prices of liquidations do not lie inside the candles of their time."""
    high, low = range_at(tables.microseconds(table["time"]), tables.ensure(candles, "candles"))
    covered = np.isfinite(high)
    if covered.sum() < 20:
        return []
    price = table["price"].to_numpy()
    inside = float(((price <= high * 1.003) & (price >= low * 0.997))[covered].mean())
    if inside > 0.8:
        return []
    return [
        Doubt(
            f"Only {wording.percent(inside)} of the prices lie inside the candle of their time: the events"
            " are not of this market, not of this clock, or were invented.",
            3,
        )
    ]


def doubts(kind: str, table: pd.DataFrame, axis: np.ndarray | None = None) -> list[Doubt]:
    """What is worth doubting in a checked table of the given kind.

    `axis` replaces the table's times in the search for holes where rows were dropped for good reason.
    """
    if len(table) == 0:
        return []
    times = tables.microseconds(table["time"])
    notes: list[str] = []
    if kind == "candles":
        notes += _axis(times, "bars") + _candles(table, times)
    elif kind == "liquidations":
        notes += _axis(axis, "totals") if axis is not None else _events(table, times)
    else:
        what = "values of open interest" if kind == "open_interest" else "funding times"
        parts = list(table.groupby("venue", observed=True))
        for venue, part in parts:
            own = _axis(tables.microseconds(part["time"]), what)
            own += _stuck(part["quantity"].to_numpy(), "open interest") if kind == "open_interest" else []
            notes += [Doubt(f"{venue}: {note}", _severity(note)) for note in own] if len(parts) > 1 else own
    return [Doubt(note, _severity(note)) for note in notes]


def _severity(note: str) -> int:
    """How much a doubt weighs: its own word for it, else by what it says."""
    if isinstance(note, Doubt):
        return note.severity
    if any(words in note for words in _WRONG):
        return 3
    return 1 if any(words in note for words in _HARMLESS) else 2


# Sentences that say the numbers are probably wrong, and those that are good to know.
_WRONG: Final = (
    "not a recorded market", "by a factor of", "never changes", "not believable", "thousand times",
)  # fmt: skip
_HARMLESS: Final = (
    "open outside low to high",
    "volume of zero",
    "exact cop",
    "do not start on the full",
    "Nothing happened",
)


def _axis(times: np.ndarray, what: str) -> list[str]:
    """Holes in a regular series, and bars that do not start on the clock."""
    times = distinct(times)
    length = bar_length(times)
    if len(times) < 3 or length == 0:
        return []
    notes = []
    steps = np.diff(times)
    # Funding stamps carry some milliseconds of jitter.
    holes = np.flatnonzero(steps > 1.5 * length)
    if holes.size:
        missing = int(np.round(steps[holes] / length - 1).sum())
        longest = holes[np.argmax(steps[holes])]
        notes.append(
            f"Missing {what}: {missing:,}, in {counted(int(holes.size), noun='hole')}; "
            f"the longest has no data from {_span_of(times[longest] + length, times[longest + 1])}."
        )
    regular = length % _MINUTE == 0 and _DAY % length == 0
    off = times % length if regular else np.zeros(1, dtype="int64")
    late = (
        float((np.minimum(off, length - off) > _MINUTE // 2).mean())
        if length > _MINUTE
        else float((off > 0).mean())
    )
    if regular and late > 0.5:
        shift = int(np.median(off)) // _MINUTE
        notes.append(
            f"The {what} start {shift:g} minutes past the full {_span(length)}. The clock may be local time,"
            " or wrong."
            if shift
            else f"Many {what} do not start on the full {_span(length)}."
        )
    elif regular and late > 0.01:
        notes.append(f"{wording.percent(late)} of the {what} do not start on the full {_span(length)}.")
    return notes


def _candles(table: pd.DataFrame, times: np.ndarray) -> list[str]:
    opened, high, low, close = (table[name].to_numpy() for name in ("open", "high", "low", "close"))
    notes = []
    flat = high == low
    if len(table) > 1 and bool(flat.all()) and float(np.ptp(close)) == 0.0:
        notes.append("The price never changes; this is not a market.")
    elif (run := _longest(flat[1:] & (np.diff(close) == 0))) >= max(30, 0.02 * len(table)):
        notes.append(f"The price stands still for {run + 1:,} bars in a row.")
    outside = int(((opened > high) | (opened < low)).sum())
    if outside:
        notes.append(
            f"{counted(outside, noun='bar')} with an open outside low to high: some venues open a bar at the"
            " previous close."
        )
    silent = int((table["volume"] == 0).sum())
    if silent:
        notes.append(
            f"{counted(silent, 'have', 'bar')} a volume of zero: nothing was traded, or nothing was"
            " collected."
        )
    notes += _wicks(opened, high, low, close, times)
    jumps = np.abs(np.log(close[1:] / close[:-1]))[np.diff(times) == bar_length(times)]
    if jumps.size and jumps.max() > 0.5 and np.median(jumps) < 0.05:
        notes.append(
            f"The price jumps by a factor of {wording.decimal(np.exp(jumps.max()))} between two neighbouring"
            " bars; one of them may be wrong."
        )
    notes += _volumes(table["volume"].to_numpy(), close, times)
    return notes + _suspicion(opened, high, low, close, table["volume"].to_numpy(), times)


def _volumes(volume: np.ndarray, close: np.ndarray, times: np.ndarray) -> list[str]:
    """Doubts about a volume that no market turned over, and about a unit that changes in the file."""
    traded = np.flatnonzero(np.isfinite(volume) & (volume > 0))
    if len(traded) < _FEWEST:
        return []
    most = traded[volume[traded].argmax()]
    # Most files have no such volume, and need no median.
    if volume[most] * close[most] > _MOST_A_BAR and bar_length(times) <= 3_600_000_000:
        ratio = volume[most] / float(np.median(volume[traded]))
        if ratio > _SPIKE:
            return [
                f"The volume at {wording.when(pd.Timestamp(int(times[most]), unit='us', tz='UTC'))} is about"
                f" {wording.whole(ratio)} times the usual, more than any market turned over: it is not"
                " believable, and a modelled map would show little else."
            ]
    parts = np.array_split(traded, min(12, len(traded) // 10))
    # A thousand bars of each tell what is usual.
    parts = [part[:: max(len(part) // 1_000, 1)] for part in parts]
    usual = np.log([float(np.median(volume[part])) for part in parts])
    step = int(np.abs(np.diff(usual)).argmax())
    if abs(usual[step + 1] - usual[step]) > np.log(_UNIT_STEP):
        when = pd.Timestamp(int(times[parts[step + 1][0]]), unit="us", tz="UTC")
        factor = wording.whole(np.exp(abs(usual[step + 1] - usual[step])))
        return [
            f"The volume changes by a factor of about {factor} near {wording.when(when)}, as when its unit"
            " changes."
        ]
    return []


def _wicks(
    opened: np.ndarray, high: np.ndarray, low: np.ndarray, close: np.ndarray, times: np.ndarray
) -> list[str]:
    """Lows and highs more than half away from the body of their own bar, where bodies are short."""
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    notes = []
    for what, bad, values in (("low", low < bottom / 2, low), ("high", high > top * 2, high)):
        if bad.any() and bad.mean() < 0.05:
            first = int(np.argmax(bad))
            count = counted(int(bad.sum()), "have", "bar")
            notes.append(
                f"{count} a {what} more than half away from the close, like {wording.price(values[first])} at"
                f" {_clock(times[first])}; it is probably wrong, and is drawn clipped."
            )
    return notes


def _suspicion(
    opened: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    close: np.ndarray,
    volume: np.ndarray,
    times: np.ndarray,
) -> list[str]:
    """Findings that no recorded BTC market shows; two independent ones make a verdict.

    Limits are far outside what recorded markets give (in brackets: 2019 to 2026, 1-minute to 1-hour bars of
    Binance and BitMEX, crashes included): gap from close to next open, median 10 bp (0 to 0.1); range of a
    bar scaled to a day, 25 % (2 to 4); autocorrelation of returns, below -0.3 (-0.07 to 0.02);
    autocorrelation of log volume, below 0.1 (0.6 to 0.8); prices with more than eight decimals.
    """
    length = bar_length(times)
    if len(close) < _FEWEST or length == 0:
        return []
    next_to = np.diff(times) == length
    found = []
    with np.errstate(all="ignore"):
        gap = float(np.median(np.abs(np.log(opened[1:] / close[:-1]))[next_to])) if next_to.any() else 0.0
        daily = float(np.median(np.log(high / low))) / np.sqrt(length / _DAY)
        returns = np.diff(np.log(close))
        memory = _correlation(returns[1:], returns[:-1])
        traded = volume > 0
        pairs = traded[1:] & traded[:-1] & next_to
        persistence = _correlation(np.log(volume[1:][pairs]), np.log(volume[:-1][pairs]))
    if gap > 0.001:
        found.append(
            f"bars open {wording.percent(gap)} away from the close before, where a market that never closes"
            " opens at that close"
        )
    if daily > 0.25:
        found.append(
            f"the typical bar spans {wording.percent(np.exp(daily * np.sqrt(length / _DAY)) - 1)}, far more"
            " than BTC ever did"
        )
    if memory < -0.3:
        found.append("each price forgets the one before, as random numbers do")
    if pairs.sum() >= 300 and length <= _DAY // 24 and persistence < 0.1:
        found.append("busy bars do not follow busy bars, as they do in every market")
    if float((np.round(close, 8) != close).mean()) > 0.5:
        found.append("prices have more decimals than any venue quotes")
    if len(found) >= 2:
        return [f"This series is probably not a recorded market: {'; '.join(found)}."]
    return [f"This series is odd: {found[0]}."] if found else []


def _events(table: pd.DataFrame, times: np.ndarray) -> list[str]:
    notes = []
    # Copies share their time, so only rows beside an equal time are compared in full.
    same = np.diff(times) == 0
    beside = np.append(same, False) | np.append(False, same)
    copies = int(table[beside].duplicated().sum())
    if copies:
        notes.append(
            f"{counted(copies, noun='exact copy of another row') if copies == 1 else f'{copies:,} exact copies of other rows'}"  # noqa: E501
            " kept, because two equal liquidations can be real. Compare with the source if this is a doubt."
        )
    price = table["price"].to_numpy()
    if len(table) >= 20 and float(np.ptp(price)) == 0.0:
        notes.append("Every liquidation has the same price, which is not believable.")
    head = table["notional"].head(_FEWEST)
    if len(head) == _FEWEST and (usual := float(head.median())) < _SMALL:
        notes.append(
            Doubt(
                f"A usual liquidation is of {wording.usd(usual)}, less than venues take orders for: the"
                " amounts may count thousands, millions or something else than USD or BTC.",
                3,
            )
        )
    # A median costs ten times a look at both ends, and decides nothing where these are near each other.
    if price.max() > 1000 * price.min():
        middle = np.median(price)
        far = (price > 1000 * middle) | (price * 1000 < middle)
        if far.any():
            notes.append(
                f"{counted(int(far.sum()), 'are', 'price')} more than a thousand times away from the median"
                f" of {wording.price(middle)}."
            )
    if len(table) >= _FEWEST:
        steps = np.diff(times)
        longest = int(np.argmax(steps))
        if steps[longest] > _DAY and steps[longest] > 50 * np.quantile(steps, 0.9):
            notes.append(
                f"No liquidations from {_span_of(times[longest], times[longest + 1])}. "
                "Nothing happened then, or nobody recorded it."
            )
        if times[0] % (60 * _MINUTE) == 0 and bool((times % (60 * _MINUTE) == 0).all()):
            notes.append("All times are full hours, so the rows may be totals and not single liquidations.")
    return notes


def _stuck(values: np.ndarray, what: str) -> list[str]:
    run = _longest(np.diff(values) == 0)
    if len(values) > 2 and run >= max(30, 0.02 * len(values)):
        return [
            f"The {what} repeats one value {run + 1:,} times in a row; it was probably not collected then."
        ]
    return []


def _longest(flags: np.ndarray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype("int8"), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    if len(left) < _FEWEST - 2 or np.std(left) == 0 or np.std(right) == 0:
        return 1.0
    return float(np.corrcoef(left, right)[0, 1])


def _span_of(start: int, end: int) -> str:
    return wording.period(np.datetime64(int(start), "us"), np.datetime64(int(end), "us"))


def _clock(micros: int) -> str:
    return wording.when(pd.Timestamp(int(micros), unit="us"))


def _span(micros: int) -> str:
    minutes = micros // _MINUTE
    if minutes % 1440 == 0:
        return "day"
    if minutes % 60 == 0:
        return "hour" if minutes == 60 else f"{minutes // 60} hours"
    return "minute" if minutes == 1 else f"{minutes} minutes"
