"""What the price does at a level: rejection, recapture, breakout, false breakout and retest.

Each is written once, for a level that is approached from above (a support that holds) or broken upwards.
The other side is the same rule on the mirrored prices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.market.rules import Batch, SignalRules
from liqcore.market.swings import touching_pairs


class Lines(NamedTuple):
    """Levels as (L,) prices in USD, each good for signals from one row of the candles to another."""

    price: np.ndarray
    first_row: np.ndarray
    last_row: np.ndarray


class Bars(NamedTuple):
    """Candles as (T,) arrays; `sign` is −1 where the prices are mirrored. `atr` is never zero: NaN
    instead."""

    time: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume_ratio: np.ndarray
    atr: np.ndarray
    step: int
    sign: int

    def mirrored(self) -> Bars:
        return self._replace(
            open=-self.open, high=-self.low, low=-self.high, close=-self.close, sign=-self.sign
        )


class Breakouts(NamedTuple):
    """Rows and mirrored level prices of the breakouts of one side."""

    row: np.ndarray
    level: np.ndarray


def level_signals(
    candles: pd.DataFrame, step: np.timedelta64, usual: np.ndarray, lines: Lines, rules: SignalRules
) -> list[Batch]:
    """Batches of signals of checked candles at the lines; `usual` is the ATR, (T,) USD."""
    bars = _bars(candles, step, usual, rules)
    row, line = _near(bars, lines, rules)
    out = []
    for seen in (bars, bars.mirrored()):
        level = seen.sign * lines.price[line]
        breakouts, batch = _breakout(seen, row, level, rules)
        out += [
            batch,
            _rejection(seen, row, level, rules),
            _recapture(seen, row, level, rules),
            _false_breakout(seen, breakouts, rules),
            _retest(seen, breakouts, rules),
        ]
    return out


def _bars(candles: pd.DataFrame, step: np.timedelta64, usual: np.ndarray, rules: SignalRules) -> Bars:
    opens, high, low, close = (candles[name].to_numpy() for name in ("open", "high", "low", "close"))
    volume = candles["volume"]
    past = (
        volume.shift(1)
        .rolling(rules.volume_bars, min_periods=(rules.volume_bars + 1) // 2)
        .median()
        .to_numpy()
    )
    return Bars(
        time=candles["time"].array.view("i8"),
        # Some venues open a bar at the last close, outside its own range; a body must lie within the range.
        open=np.clip(opens, low, high),
        high=high,
        low=low,
        close=close,
        volume_ratio=volume.to_numpy() / np.where(past > 0, past, np.nan),
        atr=np.where(usual > 0, usual, np.nan),
        step=int(step.astype("int64")),
        sign=1,
    )


def _near(bars: Bars, lines: Lines, rules: SignalRules) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (row, line) in which the bar, or the way to it from the last close, comes near a line that is
    known."""
    before = np.append(np.nan, bars.close[:-1]) if len(bars.close) else bars.close
    margin = rules.tolerance * bars.atr
    row, line = touching_pairs(
        np.minimum(bars.low, before) - margin,
        np.maximum(bars.high, before) + margin,
        lines.price,
        lines.price,
    )
    fresh = np.diff(bars.time, prepend=bars.time[:1]) <= rules.within * bars.step
    good = (row >= lines.first_row[line]) & (row <= lines.last_row[line]) & fresh[row] & (row > 0)
    return row[good], line[good]


def _rejection(bars: Bars, row: np.ndarray, level: np.ndarray, rules: SignalRules) -> Batch:
    """A pin bar that reached the level from inside and closed inside."""
    wick = np.minimum(bars.open, bars.close) - bars.low
    body, span = np.abs(bars.close - bars.open), bars.high - bars.low
    pin = (
        (span > 0)
        & (wick >= rules.wick_to_body * body)
        & (wick >= rules.wick_to_range * span)
        & (bars.close - bars.low >= 2.0 / 3.0 * span)
    )
    hit = (
        pin[row]
        & (bars.close[row - 1] > level)
        & (bars.close[row] > level)
        & (bars.low[row] <= level + rules.tolerance * bars.atr[row])
    )
    row, level = row[hit], level[hit]
    share, thin = wick[row] / span[row], body[row] / span[row]
    verb, which = ("Fell", "lower") if bars.sign > 0 else ("Rose", "upper")
    return Batch(
        "rejection",
        row,
        bars.sign,
        bars.sign * level,
        share * np.minimum(span[row] / bars.atr[row], 1.0),
        [
            f"{verb} to {wording.price(bars.sign * low)} at {wording.price(bars.sign * price)} and closed at"
            f" {wording.price(bars.sign * close)}: the {which} wick is {wording.percent(wicked)} of the bar,"
            f" the body {wording.percent(bodied)}."
            for low, price, close, wicked, bodied in zip(
                bars.low[row], level, bars.close[row], share, thin, strict=True
            )
        ],
    )


def _recapture(bars: Bars, row: np.ndarray, level: np.ndarray, rules: SignalRules) -> Batch:
    """A bar trades beyond the level, and one of the next few, itself included, closes back inside."""
    starts = (bars.close[row - 1] > level) & (bars.low[row] <= level - rules.tolerance * bars.atr[row])
    start, level = row[starts], level[starts]
    back = _first(bars, start, range(rules.within), lambda at: bars.close[at] > level)
    found = back >= 0
    start, level, back = start[found], level[found], back[found]
    lowest = bars.low[start]
    for later in range(1, rules.within):
        inside = start + later <= back
        lowest = np.where(inside, np.minimum(lowest, bars.low[np.minimum(start + later, back)]), lowest)
    depth = (level - lowest) / bars.atr[start]
    where, again = ("below", "above") if bars.sign > 0 else ("above", "below")
    return Batch(
        "recapture",
        back,
        bars.sign,
        bars.sign * level,
        np.minimum(depth, 1.0),
        [
            f"Traded {wording.decimal(deep, 2)} ATR {where} {wording.price(bars.sign * price)} (to"
            f" {wording.price(bars.sign * low)}) and closed back {again} it at"
            f" {wording.price(bars.sign * close)}, {_bars_later(late)}."
            for deep, price, low, close, late in zip(
                depth, level, lowest, bars.close[back], back - start, strict=True
            )
        ],
    )


def _breakout(bars: Bars, row: np.ndarray, level: np.ndarray, rules: SignalRules) -> tuple[Breakouts, Batch]:
    """A close well beyond the level, from inside, with a full body and much volume."""
    body, span = bars.close - bars.open, bars.high - bars.low
    beyond = (bars.close[row] - level) / bars.atr[row]
    hit = (
        (bars.close[row - 1] <= level)
        & (beyond >= rules.tolerance)
        & (span[row] > 0)
        & (body[row] >= rules.body_to_range * span[row])
        & (bars.volume_ratio[row] >= rules.volume_ratio)
    )
    row, level, beyond = row[hit], level[hit], beyond[hit]
    full, ratio = body[row] / span[row], bars.volume_ratio[row]
    strength = (np.minimum(beyond, 1.0) + np.minimum(ratio / (2.0 * rules.volume_ratio), 1.0) + full) / 3.0
    where = "above" if bars.sign > 0 else "below"
    evidence = [
        f"Closed at {wording.price(bars.sign * close)}, {wording.decimal(far, 2)} ATR {where}"
        f" {wording.price(bars.sign * price)}, on {wording.decimal(much, 1)} times the median volume of the"
        f" {rules.volume_bars} bars before; the body is {wording.percent(part)} of the bar."
        for close, far, price, much, part in zip(bars.close[row], beyond, level, ratio, full, strict=True)
    ]
    return Breakouts(row, level), Batch("breakout", row, bars.sign, bars.sign * level, strength, evidence)


def _false_breakout(bars: Bars, breakouts: Breakouts, rules: SignalRules) -> Batch:
    """A breakout whose price closes back inside soon: it speaks for the other side."""
    row, level = breakouts
    back = _first(bars, row, range(1, rules.false_breakout_bars + 1), lambda at: bars.close[at] < level)
    found = back >= 0
    row, level, back = row[found], level[found], back[found]
    # A close on the very level ends no wait, so two breakouts can fail in one bar: the later one is named.
    order = np.lexsort((row, level, back))
    row, level, back = row[order], level[order], back[order]
    last = np.append((back[1:] != back[:-1]) | (level[1:] != level[:-1]), True)[: len(row)]
    row, level, back = row[last], level[last], back[last]
    where = "below" if bars.sign > 0 else "above"
    return Batch(
        "false breakout",
        back,
        -bars.sign,
        bars.sign * level,
        1.0 - (back - row - 1) / rules.false_breakout_bars,
        [
            f"Closed back {where} {wording.price(bars.sign * price)} at {wording.price(bars.sign * close)},"
            f" {_bars_later(late)} than its breakout."
            for price, close, late in zip(level, bars.close[back], back - row, strict=True)
        ],
    )


def _retest(bars: Bars, breakouts: Breakouts, rules: SignalRules) -> Batch:
    """After a breakout the price comes back to the level and closes beyond it, without a close inside
    before."""
    row, level = breakouts
    offsets = range(1, rules.retest_bars + 1)
    failed = _first(bars, row, offsets, lambda at: bars.close[at] <= level)
    back = _first(
        bars,
        row,
        offsets,
        lambda at: (bars.low[at] <= level + rules.tolerance * bars.atr[at]) & (bars.close[at] > level),
    )
    held = (back >= 0) & ((failed < 0) | (back < failed))
    row, level, back = row[held], level[held], back[held]
    where = "above" if bars.sign > 0 else "below"
    return Batch(
        "retest",
        back,
        bars.sign,
        bars.sign * level,
        np.minimum((bars.close[back] - level) / bars.atr[back], 1.0),
        [
            f"Came back to {wording.price(bars.sign * low)}, {_bars_later(late)} than the breakout, and"
            f" closed at {wording.price(bars.sign * close)}, still {where}"
            f" {wording.price(bars.sign * price)}."
            for low, late, close, price in zip(
                bars.low[back], back - row, bars.close[back], level, strict=True
            )
        ],
    )


def _first(
    bars: Bars, start: np.ndarray, offsets: Sequence[int], holds: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """For each start the first row at one of the offsets (in bars and in time) where `holds(rows)`; −1 for
    none."""
    out = np.full(len(start), -1, dtype=np.int64)
    last = len(bars.close) - 1
    for offset in offsets:
        at = np.minimum(start + offset, last)
        # Time, not rows, bounds the wait, so that a gap does not stretch it.
        allowed = (start + offset <= last) & (bars.time[at] - bars.time[start] <= offsets[-1] * bars.step)
        out = np.where((out < 0) & allowed & holds(at), at, out)
    return out


def _bars_later(count: int) -> str:
    if count == 0:
        return "in the same bar"
    return "1 bar later" if count == 1 else f"{count} bars later"
