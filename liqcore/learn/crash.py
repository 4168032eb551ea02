"""A lesson on a real day: every number in it is computed from that day's candles and modelled map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.grid import HeatGrid
from liqcore.learn.scenarios import Option, ScenarioError
from liqcore.market.candles import bar_length, resample

DAY: Final = np.timedelta64(24, "h")
# Of a day's candles, how many must be there for it to be told.
_LEAST: Final = 0.95


@dataclass(frozen=True, eq=False)
class CrashStep:
    """One step: its words, its question, and the moment (UTC) up to which it shows the day."""

    number: int
    title: str
    text: str
    question: str
    options: tuple[Option, ...]
    at: np.datetime64


@dataclass(frozen=True)
class Fall:
    """A day's fall, in USD. `start` is the last price before the day and `before` that of a day earlier;
    `lowest` its low, which came at `bottom`; `end` its last price; `worst` the largest fall within one of its
    hours, a fraction."""

    before: float
    start: float
    lowest: float
    bottom: np.datetime64
    worst: float
    end: float


def fall_of(candles: pd.DataFrame, day: np.datetime64) -> Fall:
    """What happened on a day (its midnight, UTC).

    Raises
    ------
    ScenarioError
        The candles do not cover the day and the two before it, or price did not fall.
    """
    start = day.astype("datetime64[us]")
    micros = tables.microseconds(candles["time"])
    own = (micros >= start.astype("int64")) & (micros < (start + DAY).astype("int64"))
    # Two days before it, so that the map of a day earlier has something to stand on.
    past = (micros >= (start - 2 * DAY).astype("int64")) & (micros < start.astype("int64"))
    earlier = past & (micros < (start - DAY).astype("int64"))
    least = _LEAST * (DAY / bar_length(candles))
    if own.sum() < least or past.sum() < 2 * least or not earlier.any():
        raise ScenarioError(
            f"The candles at hand do not cover {wording.day(start)} and the two days before it. Fetch"
            " the day again."
        )
    bars = candles[own].reset_index(drop=True)
    hours = resample(bars, "1h", source=bar_length(candles))
    low = int(bars["low"].to_numpy().argmin())
    if bars["low"].iloc[low] >= candles["close"][past].iloc[-1]:
        raise ScenarioError(
            f"Price did not fall on {wording.day(start)}, so this lesson cannot be told of it."
        )
    return Fall(
        before=float(candles["close"][earlier].iloc[-1]),
        start=float(candles["close"][past].iloc[-1]),
        lowest=float(bars["low"].iloc[low]),
        bottom=bars["time"].to_numpy(dtype="datetime64[us]")[low],
        worst=float((1 - hours["low"] / hours["open"]).max()),
        end=float(bars["close"].iloc[-1]),
    )


def tell(
    fall: Fall, day: np.datetime64, map_at: Callable[[np.datetime64], HeatGrid]
) -> tuple[CrashStep, ...]:
    """The lesson's four steps; `map_at` gives the modelled map as it stood at a moment (UTC)."""
    start = day.astype("datetime64[us]")
    held, earlier = (
        map_at(moment).on_the_way(price, fall.lowest)["long"]
        for moment, price in ((start, fall.start), (start - DAY, fall.before))
    )
    below = float(map_at(start).long[-1].sum(dtype=np.float64))
    depth, won = 1 - fall.lowest / fall.start, (fall.end - fall.lowest) / (fall.start - fall.lowest)
    times = max(round(1 / fall.worst), 2)
    hours = wording.duration(fall.bottom - start)
    return (
        _step(
            1,
            "Before",
            f"This is a real market. At midnight UTC on {wording.day(start)} price stood at"
            f" {wording.price(fall.start)}; a day earlier it was {wording.price(fall.before)}. The modelled"
            f" map holds {wording.usd(below)} of longs below the price.",
            "If price falls from here, whose positions are closed by force?",
            ("Those of longs, and each closing is a sale.", "Right. A long loses when price falls."),
            ("Those of shorts.", "Shorts gain when price falls. They are closed when it rises."),
            start,
        ),
        _step(
            2,
            "The fall",
            f"{hours.capitalize()} later price was at {wording.price(fall.lowest)}, {wording.percent(depth)}"
            f" lower. The worst single hour took {wording.percent(fall.worst)}.",
            "From about which leverage on did that one hour use up the whole margin of a long?",
            (
                f"From about {times} times on.",
                f"Right. A fall of {wording.percent(fall.worst)} uses up a margin of as much, which is"
                f" {times} times leverage. Liquidation comes a little before that.",
            ),
            (
                f"Only from about {4 * times} times on.",
                f"Such a margin is used up by a quarter of that move. A fall of {wording.percent(fall.worst)}"
                f" is the whole margin at about {times} times.",
            ),
            fall.bottom + np.timedelta64(1, "h"),
        ),
        _step(
            3,
            "What the map had said",
            f"At midnight the map held {wording.usd(held)} of longs between the price and the later low. A"
            f" day earlier it had held {wording.usd(earlier)} of longs down to the same price.",
            "Did the map foresee the fall?",
            (
                "No. It says what would be closed if price went there, not that it goes there.",
                "Right. Something of that kind stands below the price on most days, and most days do not fall"
                " like this one.",
            ),
            (
                "Yes, the band was there before.",
                "Bands stand there on quiet days as well. Of one day that fell nothing can be learned about"
                " how often that happens.",
            ),
            start,
        ),
        _step(
            4,
            "After",
            f"At the end of the day price was {wording.price(fall.end)}: {wording.percent(won)} of the fall"
            " had been won back.",
            "Could one know at the low that it was the low?",
            (
                "No. Each hour before it had looked like one, too.",
                "Right. That is why a plan waits for a close that wins a level back, and why its stop is set"
                " before the entry.",
            ),
            ("Yes, because so much had been liquidated.", "That can be said of each hour of such a fall."),
            start + DAY,
        ),
    )


def _step(
    number: int,
    title: str,
    text: str,
    question: str,
    right: tuple[str, str],
    wrong: tuple[str, str],
    at: np.datetime64,
) -> CrashStep:
    options = Option(right[0], True, right[1]), Option(wrong[0], False, wrong[1])
    return CrashStep(number, title, text, question, options, at)
