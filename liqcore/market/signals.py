"""Signals: what the price did at levels, and what momentum and order flow did, each with when it was
knowable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.market.candles import atr_of, closed_by, data_notes
from liqcore.market.flow import divergence_signals, funding_signals, momentum_signals, open_interest_signals
from liqcore.market.level_signals import Lines, level_signals
from liqcore.market.levels import Levels
from liqcore.market.rules import Batch, SignalRules
from liqcore.market.swings import ATR_PERIOD, stamps, zones_of
from liqcore.tables import TableError

SIGNALS: Final = ("time", "known_at", "name", "side", "level", "strength", "evidence")
NAMES: Final = (
    "rejection",
    "recapture",
    "breakout",
    "false breakout",
    "retest",
    "rsi turn",
    "macd cross",
    "funding extreme",
    "open interest change",
    "cvd divergence",
)
SIDES: Final = ("bullish", "bearish")
DEFAULT: Final = SignalRules()


@dataclass(frozen=True, eq=False)
class Signals:
    """Signals as a table with the columns `SIGNALS`, in order of time, and sentences on what limits them."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)


def find_signals(
    candles: pd.DataFrame,
    levels: Levels | pd.DataFrame | Sequence[float] | None = None,
    funding: pd.DataFrame | None = None,
    open_interest: pd.DataFrame | None = None,
    at: object = None,
    timeframe: str | np.timedelta64 | None = None,
    rules: SignalRules = DEFAULT,
) -> Signals:
    """Every signal in the bars closed by `at`, each from what was known at its own bar's close.

    Parameters
    ----------
    candles : candles table.
    levels : prices in USD (the user's own: known all along), or a table of levels with `price` and
        `confirmed_at` (used from the first bar that begins at or after it). By default the swing zones of
        the candles, each from its confirmation until it is forgotten (see `swing_zones`).
    funding, open_interest : tables; without them there are no signals from them.
    at : moment in UTC; None takes every bar as closed, so leave out a running bar or give `at`.
    timeframe : length of a bar; by default the most common spacing.
    rules : thresholds.

    Returns
    -------
    Signals with `time` (open of the bar), `known_at` (its close), `name` (of `NAMES`), `side` (`bullish`
    or `bearish`), `level` (USD, NaN where a signal has none), `strength` (0 to 1, to be compared within
    one name only) and `evidence` (a sentence with the numbers). A later candle never changes an earlier row.

    Raises
    ------
    TableError
    """
    checked, step = closed_by(candles, at, timeframe)
    notes = list(data_notes(checked, step, warm_up=ATR_PERIOD))
    usual = atr_of(checked, step, ATR_PERIOD)
    still = int(np.count_nonzero(usual == 0))
    if 0 < still < len(checked) and (checked["high"] > checked["low"]).any():
        notes.append(
            f"The price stood still so long that its usual range (ATR) is zero in {still:,} candles: levels"
            " are not judged there."
        )
    lines = _lines(checked, step, levels, rules)
    batches = level_signals(checked, step, usual, lines, rules) + momentum_signals(checked, step, rules)
    batches += divergence_signals(checked, step, rules)
    if funding is not None:
        batches.append(funding_signals(checked, step, funding, rules))
        notes += _short_past(funding, "funding readings", rules.past_minimum)
    if open_interest is not None:
        batches.append(open_interest_signals(checked, step, open_interest, rules))
        notes += _short_past(
            open_interest, "readings of open interest", rules.past_minimum + rules.open_interest_bars
        )
    return Signals(_table(checked, step, batches), tuple(notes))


def _lines(
    candles: pd.DataFrame,
    step: np.timedelta64,
    levels: Levels | pd.DataFrame | Sequence[float] | None,
    rules: SignalRules,
) -> Lines:
    end = len(candles)
    if levels is None:
        zones = zones_of(candles, step, rules.pivot_bars, rules.lookback, rules.merge, rules.least_turns)
        return Lines(zones.price, zones.established_row + 1, zones.last_row + rules.lookback)
    frame = levels.table if isinstance(levels, Levels) else levels
    if isinstance(frame, pd.DataFrame):
        if "price" not in frame or "confirmed_at" not in frame:
            raise TableError(
                "The levels need the columns 'price' and 'confirmed_at'. Take them from key_levels, or give"
                " plain prices."
            )
        price = frame["price"].to_numpy(dtype=float)
        known = (
            tables.microseconds(tables.parse_time(frame["confirmed_at"]))
            if len(frame)
            else np.array([], dtype=np.int64)
        )
        first = np.searchsorted(tables.microseconds(candles["time"]), known, "left")
    else:
        price = np.array([float(value) for value in frame])
        first = np.zeros(len(price), dtype=np.int64)
    bad = price[~(np.isfinite(price) & (price > 0))]
    if len(bad):
        raise TableError(f"The level {bad[0]:g} is not a price. Give a number above zero, in USD.")
    return Lines(price, first, np.full(len(price), end))


def _short_past(readings: pd.DataFrame, what: str, minimum: int) -> list[str]:
    if len(readings) > minimum:
        return []
    return [
        f"There are {len(readings):,} {what}, too few to say what is usual (more than {minimum:,} are"
        " needed)."
    ]


def _table(candles: pd.DataFrame, step: np.timedelta64, batches: Iterable[Batch]) -> pd.DataFrame:
    parts = list(batches)
    sizes = [len(batch.row) for batch in parts]

    def column(values: list[object], dtype: type) -> np.ndarray:
        return np.concatenate(
            [
                np.broadcast_to(np.asarray(value, dtype=dtype), size)
                for value, size in zip(values, sizes, strict=True)
            ]
        )

    row = column([batch.row for batch in parts], np.int64)
    name = np.repeat(np.array([NAMES.index(batch.name) for batch in parts]), sizes)
    bearish = (column([batch.side for batch in parts], np.int64) < 0).astype(np.int8)
    level = column([batch.level for batch in parts], float)
    strength = column([batch.strength for batch in parts], float)
    evidence = np.array([sentence for batch in parts for sentence in batch.evidence], dtype=object)
    order = np.lexsort((bearish, level, name, row))
    micros = tables.microseconds(candles["time"])[row[order]]
    return pd.DataFrame(
        {
            "time": stamps(micros),
            "known_at": stamps(micros + step.astype("int64")),
            "name": pd.Categorical.from_codes(name[order], categories=pd.Index(NAMES)),
            "side": pd.Categorical.from_codes(bearish[order], categories=pd.Index(SIDES)),
            "level": level[order],
            "strength": strength[order],
            "evidence": pd.array(evidence[order], dtype="str"),
        }
    )
