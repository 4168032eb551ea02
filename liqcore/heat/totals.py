"""Sums of liquidations by interval, ours beside somebody else's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import tables

_HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True, eq=False)
class TotalsBeside:
    """Two counts of the same intervals.

    Attributes
    ----------
    frame : `time`, `side`, `ours`, `theirs` in USD, one row an interval and side that both cover.
    ours, theirs : sums in USD. correlation : rank correlation over the rows, NaN under 8 rows or where one
        side never changes.
    """

    frame: pd.DataFrame
    ours: float
    theirs: float
    correlation: float


def beside(
    liquidations: pd.DataFrame,
    totals: pd.DataFrame,
    start: object,
    end: object,
    interval: np.timedelta64 = _HOUR,
) -> TotalsBeside:
    """Our events summed by the intervals of `totals`, for those that lie whole between `start` and `end`.

    Parameters
    ----------
    liquidations : checked table. totals : `time` (start of an interval, UTC), `long`, `short` in USD.
    start, end : the span that our events cover; an interval that is cut by it would count for less.
    """
    first, last = tables.to_datetime64(start), tables.to_datetime64(end)
    opens = totals["time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    rows = totals[(opens >= first) & (opens + interval <= last)].sort_values("time", ignore_index=True)
    opens = rows["time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype("int64")
    length = int(interval.astype("timedelta64[us]").astype("int64"))
    moment = tables.microseconds(liquidations["time"])
    place = np.searchsorted(opens, moment, "right") - 1
    inside = (place >= 0) & (moment < opens[np.maximum(place, 0)] + length) if len(opens) else place >= 0
    usd = liquidations["notional"].to_numpy()
    frames = []
    for side in tables.SIDES:
        mine = inside & (liquidations["side"] == side).to_numpy()
        sums = np.bincount(place[mine], weights=usd[mine], minlength=len(rows))
        frames.append(
            pd.DataFrame(
                {"time": rows["time"], "side": side, "ours": sums, "theirs": rows[side].to_numpy(float)}
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    told = len(frame) >= 8 and bool((np.ptp(frame[["ours", "theirs"]].to_numpy(), axis=0) > 0).all())
    rank = float(frame["ours"].rank().corr(frame["theirs"].rank())) if told else np.nan
    return TotalsBeside(frame, float(frame["ours"].sum()), float(frame["theirs"].sum()), rank)
