"""What lies over the heat, ready to be placed: candles joined to fit, gaps, and the caller's annotations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.grid import HeatGrid

CANDLES_DRAWN: Final = 2_000
_COLUMNS: Final = ("open", "high", "low", "close", "volume", "bought")


class ChartError(ValueError):
    """A chart that cannot be drawn as asked, said in one sentence."""


def milliseconds(times: np.ndarray) -> np.ndarray:
    """datetime64 as float64 milliseconds since 1970 UTC."""
    return times.astype("datetime64[us]").astype("int64") / 1000.0


@dataclass(frozen=True, eq=False)
class Bars:
    """Candles as drawn: one row a step of `step` ms from `origin`, NaN where there is none. Step 0: no
    candles.

    `rows` holds open, high, low, close (USD), volume (BTC) and bought (takers' share of the volume, 0 to 1).
    """

    rows: dict[str, np.ndarray]
    origin: float = 0.0
    step: float = 0.0
    merged: bool = False


_NO_BARS: Final = Bars({name: np.empty(0) for name in _COLUMNS})


def candles_drawn(
    candles: pd.DataFrame | None, start: np.datetime64, end: np.datetime64, most: int = CANDLES_DRAWN
) -> Bars:
    """Candles of the window, joined until at most `most` are left, one row a step without holes in the steps.

    Joining is exact: first open, highest high, lowest low, last close, volumes added.
    """
    if candles is None or not len(candles):
        return _NO_BARS
    source = tables.ensure(candles, "candles")
    opened = tables.microseconds(source["time"])
    step = _usual_step(opened)
    from_, to = (moment.astype("datetime64[us]").astype("int64") for moment in (start, end))
    first, last = np.searchsorted(opened, [from_ - step + 1, to])
    kept = opened[first:last]
    if not len(kept):
        return _NO_BARS
    merged = math.ceil(((kept[-1] - kept[0]) // step + 1) / most) * step
    origin = int(kept[0] // merged * merged)
    slot = ((kept - origin) // merged).astype(int)
    at = np.flatnonzero(np.diff(slot, prepend=-1))
    values = {
        name: source[name].to_numpy()[first:last]
        for name in ("open", "high", "low", "close", "volume", "taker_buy_volume")
    }
    joined = {
        "open": values["open"][at],
        "high": np.maximum.reduceat(values["high"], at),
        "low": np.minimum.reduceat(values["low"], at),
        "close": values["close"][np.append(at[1:], len(kept)) - 1],
        "volume": np.add.reduceat(values["volume"], at),
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        joined["bought"] = np.add.reduceat(values["taker_buy_volume"], at) / joined["volume"]
    rows = {name: np.full(slot[-1] + 1, np.nan) for name in _COLUMNS}
    for name in _COLUMNS:
        rows[name][slot[at]] = joined[name]
    return Bars(rows, origin / 1000.0, merged / 1000.0, merged=merged > step)


def _usual_step(opened: np.ndarray) -> int:
    steps = np.diff(opened)
    return int(np.median(steps)) if len(steps) else 3_600_000_000


def gaps(grid: HeatGrid) -> list[tuple[float, float]]:
    """Stretches of time nobody watched, from and to in ms."""
    if grid.observed is None or grid.observed.all():
        return []
    edge = np.diff(np.concatenate([[True], grid.observed, [True]]).astype(np.int8))
    at = milliseconds(grid.time_edges)
    starts, ends = at[np.flatnonzero(edge == -1)].tolist(), at[np.flatnonzero(edge == 1)].tolist()
    return list(zip(starts, ends, strict=True))


def placed(frame: pd.DataFrame | None, name: str, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    """The caller's annotations as one dict a row: times in ms, prices in USD, the rest as it is.

    Raises
    ------
    ChartError
        A needed column is missing.
    """
    if frame is None:
        return []
    missing = [column for column in needed if column not in frame]
    if missing:
        raise ChartError(f"The {name} to draw lack the column '{missing[0]}'. They need {', '.join(needed)}.")
    out: dict[str, list[Any]] = {}
    for column in frame.columns:
        if column.startswith("time"):
            times = pd.DatetimeIndex(pd.to_datetime(frame[column], utc=True)).tz_localize(None)
            out[column] = milliseconds(times.to_numpy()).tolist()
        elif column.startswith("price"):
            out[column] = frame[column].astype(float).tolist()
        else:
            out[column] = ["" if pd.isna(value) else value for value in frame[column].tolist()]
    return [dict(zip(out, row, strict=True)) for row in zip(*out.values(), strict=True)]
