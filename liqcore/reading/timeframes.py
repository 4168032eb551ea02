"""The same level at several timeframes, side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.persistence import persistence_by_timeframe
from liqcore.market.candles import resample
from liqcore.market.signals import find_signals
from liqcore.reading.heat_steps import Place, band_heat
from liqcore.reading.known import closed_candles, finite
from liqcore.reading.price_steps import RECENT
from liqcore.reading.reading import place_of
from liqcore.tables import TableError

_AT_LEVEL = ("rejection", "recapture", "breakout", "false breakout", "retest")
_BARS = 120


@dataclass(frozen=True)
class TimeframeReading:
    """One level in bars of one length.

    `heat` is USD within the tolerance, of a realised source over the last `last` bars, else in the latest
    column; None where unknown. `cluster` is (side, low, high, USD) of the nearest cluster within the
    tolerance. `persistence` is the share of the last bars in which it was hot, with `verdict` in a word.
    `signals` are the latest (name, `bullish` or `bearish`) at the level within the last 12 bars. `note` says
    all that in words.
    """

    timeframe: str
    bars: int
    heat: float | None
    cluster: tuple[str, float, float, float] | None
    persistence: float | None
    verdict: Literal["persistent", "fleeting", "absent", "cannot say"]
    signals: tuple[tuple[str, str], ...]
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self)


def read_timeframes(
    source: HeatGrid | pd.DataFrame,
    candles: pd.DataFrame,
    *,
    level: float,
    timeframes: Sequence[str] = ("15m", "1h", "4h", "1d"),
    tolerance: float = 0.005,
    at: object = None,
    last: int = 12,
    bins: int = 200,
    rule: ClusterRule | None = None,
) -> tuple[TimeframeReading, ...]:
    """A level through several timeframes: heat, cluster, persistence and price action in each.

    Parameters
    ----------
    source : HeatGrid, or a liquidations table that is binned for each timeframe.
    candles, level, tolerance, at, last, rule : as in `read_level`. bins : for a liquidations table.

    Raises
    ------
    ReadingError, TableError
    """
    place = place_of(level, None, tolerance, last)
    until = None if at is None else tables.to_datetime64(at)
    closed, step = closed_candles(candles, until, tables.timeframe("1m"))
    known = _known(source, until)
    if known is None:
        none = "Nothing of the map was known by then."
        return tuple(
            TimeframeReading(name, 0, None, None, None, "cannot say", (), none) for name in timeframes
        )
    price = closed if len(closed) else None
    rows = persistence_by_timeframe(
        known, place.level, timeframes, last=last, tolerance=tolerance, price=price, bins=bins, rule=rule
    )
    return tuple(_row(row, known, place, closed, step) for row in rows.to_dict("records"))


def _known(source: HeatGrid | pd.DataFrame, until: np.datetime64 | None) -> HeatGrid | pd.DataFrame | None:
    if isinstance(source, HeatGrid):
        closed = (
            source.shape[0] if until is None else int(np.searchsorted(source.time_edges[1:], until, "right"))
        )
        return source.crop(end=source.time_edges[closed]) if closed else None
    events = tables.ensure(source, "liquidations")
    if until is not None:
        events = events.iloc[
            : int(np.searchsorted(tables.microseconds(events["time"]), until.astype("int64"), "right"))
        ]
    return events if len(events) else None


def _row(
    row: Mapping[Hashable, Any],
    source: HeatGrid | pd.DataFrame,
    place: Place,
    candles: pd.DataFrame,
    step: np.timedelta64,
) -> TimeframeReading:
    name = row["timeframe"]
    heat = _heat(source, place, tables.timeframe(name)) if row["bars"] else None
    low = finite(row["low"])
    cluster = None if low is None else (str(row["side"]), low, float(row["high"]), float(row["notional"]))
    signals, said = _signals(candles, step, name, place.level)
    parts = [row["note"]]
    if heat is not None:
        over = f" over {place.last} bars" if isinstance(source, pd.DataFrame) or not source.is_stock else ""
        parts.append(f"Heat {place.words}{over}: {wording.usd(heat)}.")
    return TimeframeReading(
        name,
        int(row["bars"]),
        heat,
        cluster,
        finite(row["persistence"]),
        row["verdict"],
        signals,
        " ".join([*parts, said]),
    )


def _heat(source: HeatGrid | pd.DataFrame, place: Place, length: np.timedelta64) -> float | None:
    """USD within the tolerance: in the latest column of a stock, over the last bars of a flow."""
    if isinstance(source, pd.DataFrame):
        micros = tables.microseconds(source["time"])
        begin = int(np.searchsorted(micros, micros[-1] - place.last * length.astype("int64"), "right"))
        part = source.iloc[begin:]
        price = part["price"].to_numpy()
        return float(part["notional"].to_numpy()[(price >= place.low) & (price <= place.high)].sum())
    seen = np.asarray(source.observed)
    if not seen.any() or place.high < source.price_edges[0] or place.low > source.price_edges[-1]:
        return None
    heat = band_heat(source, None, place.low, place.high)
    if source.is_stock:
        return float(heat[np.flatnonzero(seen)[-1]])
    return float(heat[(source.time_edges[:-1] >= source.time_edges[-1] - place.last * length) & seen].sum())


def _signals(
    candles: pd.DataFrame, step: np.timedelta64, name: str, level: float
) -> tuple[tuple[tuple[str, str], ...], str]:
    """The latest signals at the level in bars of a timeframe, and the sentence on them."""
    length = tables.timeframe(name)
    if candles.empty:
        return (), "There are no candles."
    micros = tables.microseconds(candles["time"])
    begin = int(np.searchsorted(micros, micros[-1] - _BARS * length.astype("int64")))
    try:
        bars = resample(candles.iloc[begin:], length, source=step)
        table = find_signals(bars, [level], timeframe=length).table if len(bars) else None
    except (TableError, GridError) as error:
        return (), str(error)
    if table is None or len(bars) < RECENT:
        return (), f"Only {len(bars)} bars of {name} are complete, too few for price action."
    since = bars["time"].iloc[-RECENT]
    table = table[table["name"].astype(str).isin(_AT_LEVEL) & (table["time"] >= since)]
    found = tuple(dict.fromkeys(zip(table["name"].astype(str), table["side"].astype(str), strict=True)))
    if not found:
        return (), f"No rejection, recapture or breakout at {wording.price(level)} in the last {RECENT} bars."
    return found, "Price action: " + ", ".join(f"{what} ({side})" for what, side in found) + "."
