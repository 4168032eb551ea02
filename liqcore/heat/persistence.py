"""Fleeting or persistent: the same level looked at through several timeframes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import Cluster, ClusterStory, track_clusters
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.realised import realised_heatmap

# With fewer bars a share of them says nothing; from this share on a band is persistent.
_LEAST_BARS = 4
_PERSISTENT = 0.5
# A realised cluster is persistent when price came back to it: its orders fell into so many stays.
_VISITS = 3
# Events of a week have a say in what stands out now.
_WEEK = 7 * 86_400_000_000


def persistence_by_timeframe(
    source: HeatGrid | pd.DataFrame,
    level: float,
    timeframes: Sequence[str] = ("15m", "1h", "4h", "1d"),
    *,
    last: int = 12,
    tolerance: float = 0.005,
    price: pd.DataFrame | None = None,
    bins: int = 200,
    rule: ClusterRule | None = None,
) -> pd.DataFrame:
    """How long the cluster at a level has been hot, seen in bars of several lengths.

    Parameters
    ----------
    source : a HeatGrid with columns no longer than the timeframes, or a liquidations table, which is binned
        into `bins` for each of them.
    level, tolerance : USD, and the share of price within which a cluster counts.
    last : bars over which persistence is measured. price : candles table, as in `find_clusters`.

    Returns
    -------
    DataFrame, one row a timeframe: `timeframe`, `bars` (observed bars that were looked at), `side`, `low`,
    `high`, `notional` and `persistence` of the nearest cluster (0 without one), `verdict` (`persistent`,
    `fleeting`, `absent` or `cannot say`) and `note`, a sentence. A cluster of a stock is persistent from half
    of the bars on, a realised one when its liquidations came in three stays of price or more; what one busy
    moment explains is fleeting.

    Raises
    ------
    GridError, TableError
        A level that is not above zero, or a timeframe that cannot be read.
    """
    if not np.isfinite(level) or level <= 0:
        raise GridError("Give the level to look at, a price above zero.")
    rows = []
    events = source if isinstance(source, pd.DataFrame) else None
    for name in timeframes:
        step = tables.timeframe(name)
        try:
            grid = _in_bars(source, step, last, bins, rule or ClusterRule())
        except GridError as error:
            rows.append(
                {
                    "timeframe": name,
                    "bars": 0,
                    "persistence": np.nan,
                    "verdict": "cannot say",
                    "note": str(error),
                }
            )
            continue
        asked = rule or ClusterRule()
        if not grid.is_stock:
            # A realised map of so many bars asks what their events show, and no others.
            asked = replace(asked, window=last * float(step / np.timedelta64(1, "h")))
        story = track_clusters(grid, last, price=price, rule=asked, liquidations=events)
        near = [one for one in story.present if one.distance(level) <= tolerance]
        band = min(near, key=lambda one: (one.distance(level), -one.notional), default=None)
        bars = min(int(np.asarray(grid.observed).sum()), last)
        rows.append({"timeframe": name, **_row(band, bars, name, level, _silence(story, level, tolerance))})
    columns = ["timeframe", "bars", "side", "low", "high", "notional", "persistence", "verdict", "note"]
    return pd.DataFrame(rows, columns=columns)


def _silence(story: ClusterStory, level: float, tolerance: float) -> str | None:
    """Why the absence of a cluster says nothing, where it does; a busy moment is told as well."""
    if not story.findings:
        return None
    low, high = level * np.exp(-tolerance), level * np.exp(tolerance)
    for side in story.findings:
        if any(one.low <= high and one.high >= low for one in side.busy):
            return "More liquidations lie there than the path explains, but one busy moment does."
    if not any(side.can_say for side in story.findings):
        return "There are too few liquidations to tell."
    return None


def _row(band: Cluster | None, bars: int, name: str, level: float, silence: str | None) -> dict[str, object]:
    if bars < _LEAST_BARS:
        note = f"Only {bars} bars of {name} were observed, too few to tell fleeting from persistent."
        return {"bars": bars, "persistence": np.nan, "verdict": "cannot say", "note": note}
    if band is None:
        fleeting = silence is not None and "busy moment" in silence
        verdict = "absent" if silence is None else "fleeting" if fleeting else "cannot say"
        note = f"No cluster near {wording.price(level)} shows in bars of {name}."
        return {
            "bars": bars,
            "persistence": 0.0 if silence is None or fleeting else np.nan,
            "verdict": verdict,
            "note": f"{note} {silence}" if silence else note,
        }
    if band.visits is not None:
        steady = band.visits >= _VISITS
        how = f"came in {wording.count(band.visits, 'stay')} of price"
    else:
        steady = band.persistence >= _PERSISTENT
        how = f"was hot in {round(band.persistence * bars)} of {bars}"
    verdict = "persistent" if steady else "fleeting"
    return {
        "bars": bars,
        "side": band.side,
        "low": band.low,
        "high": band.high,
        "notional": band.notional,
        "persistence": band.persistence,
        "verdict": verdict,
        "note": (
            f"In bars of {name} the {band.side} cluster near {wording.price(band.centre)} {how}: {verdict}."
        ),
    }


def _in_bars(
    source: HeatGrid | pd.DataFrame, step: np.timedelta64, last: int, bins: int, rule: ClusterRule
) -> HeatGrid:
    length = int(step.astype("int64"))
    if isinstance(source, pd.DataFrame):
        events = tables.ensure(source, "liquidations")
        micros = tables.microseconds(events["time"])
        # No bar before these has a say, so that a year of events does not become a year of minutes.
        first = None
        if len(micros):
            first = np.int64(max(micros[-1] - max((rule.memory + last) * length, _WEEK), micros[0])).astype(
                "datetime64[us]"
            )
        span = (float(events["price"].min()), float(events["price"].max())) if len(micros) else None
        if span is not None and span[1] - span[0] < 1e-6 * span[1]:
            span = None
        return realised_heatmap(events, timeframe=step, bins=bins, start=first, price_range=span)
    edges = source.time_edges.astype("int64")
    width = int(np.median(np.diff(edges)))
    if length % width:
        raise GridError(
            f"The columns of this map are {wording.duration(width / 1e6)} long, so bars of"
            f" {wording.duration(length / 1e6)} cannot be made of them."
        )
    whole = np.flatnonzero(edges[:-1] % length == 0)
    if not whole.size:
        raise GridError(f"This map is shorter than one bar of {wording.duration(length / 1e6)}.")
    return source.crop(start=source.time_edges[whole[0]]).rebin(time=length // width)
