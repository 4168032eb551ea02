"""When each venue was heard, with its larger events: bars of minutes, ticks of liquidations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from liqcore.charts.marks import CONFIG, DIM, GAIN, LONG
from liqcore.charts.times import UTC, Clock


def rows(runs: pd.DataFrame, events: pd.DataFrame, name: Callable[[str], str]) -> pd.DataFrame:
    """Runs of minutes (`venue`, `start`, `end`, `how`) and events (`venue`, `time`, `side`, `notional`) as
    one table, in which an event has no `how`; `name` says what to call a venue."""
    told = events[["venue", "time", "side", "notional"]].rename(columns={"time": "start"})
    both = pd.concat([runs, told], ignore_index=True)
    return both.assign(venue=[name(str(venue)) for venue in both["venue"]])


def spec(since: int, now: int, clock: Clock = UTC) -> dict[str, Any]:
    """The chart of `rows` from a moment to another (µs since 1970 UTC), in Vega-Lite, read by `clock`."""
    start = {
        "field": "start",
        "type": "temporal",
        "axis": clock.axis,
        "scale": {"type": clock.scale, "domain": [since / 1_000, now / 1_000]},
    }
    venue = {
        "field": "venue",
        "type": "nominal",
        "title": None,
        "sort": "ascending",
        "axis": {"labelOverlap": False, "labelLimit": 120},
    }
    told = {"field": "venue", "type": "nominal", "title": "Venue"}
    minute = {"type": "temporal", "timeUnit": clock.unit("hoursminutes"), "format": "%H:%M"}
    return {
        "height": {"step": 22},
        "config": CONFIG,
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.how)"}],
                "mark": {"type": "bar", "height": 9, "opacity": 0.75},
                "encoding": {
                    "x": start,
                    "x2": {"field": "end"},
                    "y": venue,
                    "color": {
                        "field": "how",
                        "type": "nominal",
                        "title": "Heard",
                        "scale": {"domain": ["live", "history"], "range": [GAIN, DIM]},
                        "legend": None,
                    },
                    "tooltip": [
                        told,
                        {"field": "how", "type": "nominal", "title": "Heard"},
                        {"field": "start", "title": "From", **minute},
                        {"field": "end", "title": "To", **minute},
                    ],
                },
            },
            {
                "transform": [{"filter": "!isValid(datum.how)"}],
                "mark": {"type": "tick", "thickness": 2, "size": 16},
                "encoding": {
                    "x": start,
                    "y": venue,
                    "color": {"value": LONG},
                    "tooltip": [
                        told,
                        {"field": "side", "type": "nominal", "title": "Side"},
                        {"field": "notional", "type": "quantitative", "title": "USD", "format": "$,.0f"},
                    ],
                },
            },
        ],
    }
