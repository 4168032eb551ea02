"""Whether the sides that a venue's socket tells agree with the totals that the same venue adds up."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.live.window import Events
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.registry import VENUES

_STEP: Final = 300_000_000
# Intervals that are nearly all of one side tell which is which; a coin shows six of six once in 64 times.
_ONE_SIDED: Final = 0.8
_LEAST: Final = 6
_LEAST_USD: Final = 1_000.0


def side_status(
    venue: str, events: Events, totals: pd.DataFrame, live: tuple[int, int], step: int = _STEP
) -> SourceStatus:
    """Compare intervals of `step` µs that were heard to their end, where both are nearly all of one side.

    `totals` has `time`, `long` and `short` in USD; `live` is the span (µs) in which the socket was heard. The
    status is `live` where the sides agree, `partial` where they are the other way round, `off` while too few
    intervals can tell.
    """
    name = VENUES[venue].name
    start = tables.microseconds(totals["time"])
    whole = (start >= live[0]) & (start + step <= live[1])
    told = _lean(totals["long"].to_numpy(dtype=float)[whole], totals["short"].to_numpy(dtype=float)[whole])
    heard = events.of((venue,)).where(np.isin(events.of((venue,)).columns["origin"], _sockets(events)))
    slot = heard.columns["time"] // step * step
    sides = []
    for code in range(2):
        usd = (
            pd.Series(np.where(heard.columns["side"] == code, heard.columns["notional"], 0.0))
            .groupby(slot)
            .sum()
        )
        sides.append(usd.reindex(start[whole]).fillna(0.0).to_numpy())
    both = told * _lean(*sides)
    same, other = int((both > 0).sum()), int((both < 0).sum())
    if same + other < _LEAST:
        return SourceStatus(
            venue, "off", f"Too few one-sided minutes yet to compare {name}'s socket with its totals."
        )
    if other > 3 * same:
        return SourceStatus(
            venue,
            "partial",
            f"{name}'s socket and its own totals disagree about the side in {other} of {same + other}"
            " intervals, so its longs and shorts here may be the other way round.",
        )
    said = wording.share(same, same + other)
    return SourceStatus(venue, "live", f"{name}'s socket and its own totals agree about the side in {said}.")


def _sockets(events: Events) -> list[int]:
    return [code for code, word in enumerate(events.words["origin"]) if word == "socket"]


def _lean(long: np.ndarray, short: np.ndarray) -> np.ndarray:
    """1 where nearly all is long, −1 where nearly all is short, 0 else and where there is little."""
    total = long + short
    share = np.divide(long, total, out=np.full(len(total), 0.5), where=total > 0)
    lean = np.where(share >= _ONE_SIDED, 1, np.where(share <= 1 - _ONE_SIDED, -1, 0))
    return np.where(total >= _LEAST_USD, lean, 0)
