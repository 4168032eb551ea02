"""Charts of the compare page as Vega-Lite: a difference map, agreement along price, and lags; no Streamlit
here."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.charts.data import milliseconds
from liqcore.charts.marks import EMPTY, LINE, LONG, QUIET, SHORT, spec
from liqcore.charts.times import UTC, Clock
from liqcore.heat.comparison import Difference
from liqcore.heat.grid import HeatGrid
from liqcore.heat.lag import Lag

# More rectangles than this redraw slowly; the map is joined to fewer cells first.
_COLUMNS: Final = 96
_BANDS: Final = 60
# Height of the legend inside a titled map, in pixels: prices beside it begin at the same height.
_HEAD: Final = 78


def difference_chart(found: Difference, grid: HeatGrid, clock: Clock = UTC) -> tuple[dict[str, Any], str]:
    """The difference map, joined to at most 96 × 60 cells, and its alt text. Its time is read by `clock`."""
    name = wording.venue(found.venue)
    by = -(-grid.shape[0] // _COLUMNS), -(-grid.shape[1] // _BANDS)
    times, prices = np.arange(0, grid.shape[0], by[0]), np.arange(0, grid.shape[1], by[1])
    joined = np.add.reduceat(np.add.reduceat(found.share, times, axis=0), prices, axis=1)
    column, band = np.nonzero(np.abs(joined) > 1e-5)
    edges, levels = (
        milliseconds(grid.time_edges[np.append(times, grid.shape[0])]),
        grid.price_edges[np.append(prices, grid.shape[1])],
    )
    value = 100 * joined[column, band]
    rows = pd.DataFrame(
        {
            "from": edges[column],
            "to": edges[column + 1],
            "low": levels[band],
            "high": levels[band + 1],
            "points": value,
            "where": [
                f"{wording.price(low)} to {wording.price(high)}"
                for low, high in zip(levels[band], levels[band + 1], strict=True)
            ],
            "more": [
                f"{wording.decimal(abs(points), 2)} points {'more' if points > 0 else 'less'} than the rest"
                for points in value
            ],
        }
    )
    most = float(np.quantile(np.abs(value), 0.99)) if len(value) else 1.0
    chart = _spec(
        rows,
        [
            {
                "mark": {"type": "rect", "tooltip": None, "clip": True},
                "encoding": {
                    "x": {
                        "field": "from",
                        "type": "temporal",
                        "axis": clock.axis,
                        "scale": {
                            "type": clock.scale,
                            "nice": False,
                            "domain": {"expr": f"[{edges[0]}, {edges[-1]}]"},
                        },
                    },
                    "x2": {"field": "to"},
                    "y": {
                        "field": "low",
                        "type": "quantitative",
                        "scale": {
                            "zero": False,
                            "nice": False,
                            "domain": [float(levels[0]), float(levels[-1])],
                        },
                        "axis": {"grid": False, "title": "BTC price, USD", "format": ",.0f"},
                    },
                    "y2": {"field": "high"},
                    "color": {
                        "field": "points",
                        "type": "quantitative",
                        "scale": {
                            "domain": [-most, 0, most],
                            "range": [SHORT, EMPTY, LONG],
                            "interpolate": "lab",
                            "clamp": True,
                        },
                        "legend": {
                            "title": "Points of its own total",
                            "orient": "top",
                            "gradientLength": 260,
                        },
                    },
                    "tooltip": [
                        {"field": "where", "type": "nominal", "title": "Price band"},
                        {"field": "more", "type": "nominal", "title": name},
                    ],
                },
            }
        ],
        520,
    )
    if len(rows) == 0:
        return (
            chart,
            (
                f"No difference can be drawn between {name} and the rest of the venues: one of them"
                " has no liquidations here ($0)."
            ),
        )
    top = rows.iloc[int(np.abs(value).argmax())]
    return (
        chart,
        (
            f"{name} against the rest of the venues. The largest difference in liquidations:"
            f" {top['more']} at {top['where']}."
        ),
    )


def agreement_chart(frame: pd.DataFrame, level: float | None = None) -> tuple[dict[str, Any], str]:
    """Numbers of venues with a cluster along price, longs to the left and shorts to the right, and the alt
    text.

    Prices stand at the height at which a titled heatmap beside it has them; `level` is marked in both.
    """
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "low": frame["price_low"],
                    "high": frame["price_high"],
                    "venues": sign * frame[side],
                    "zero": 0,
                    "side": f"{side.capitalize()}s",
                }
            )
            for side, sign in (("long", -1), ("short", 1))
        ]
    )
    fresh = int(frame["n_fresh"].max()) if len(frame) else 0
    rows = rows[rows["venues"] != 0].assign(
        where=lambda held: [
            f"{wording.price(low)} to {wording.price(high)}"
            for low, high in zip(held["low"], held["high"], strict=True)
        ],
        count=lambda held: [f"{abs(int(number))} of {fresh}" for number in held["venues"]],
    )
    reach = max(fresh, 1)
    heads = [
        {
            "mark": {
                "type": "text",
                "text": text,
                "color": colour,
                "fontWeight": "bold",
                "y": 40,
                "x": {"expr": f"width * {place}"},
                "tooltip": None,
            },
            "data": {"values": [{}]},
        }
        for text, colour, place in (("Longs", LONG, 0.25), ("Shorts", SHORT, 0.75))
    ]
    asked = (
        []
        if level is None
        else [
            {
                "mark": {"type": "rule", "color": QUIET, "strokeDash": [6, 4], "clip": True, "tooltip": None},
                "data": {"values": [{}]},
                "encoding": {"y": {"datum": level}},
            }
        ]
    )
    chart = _spec(
        rows,
        [
            {
                "mark": {
                    "type": "rule",
                    "color": LINE,
                    "tooltip": None,
                    "y": _HEAD,
                    "y2": {"expr": "height"},
                },
                "data": {"values": [{}]},
                "encoding": {"x": {"datum": 0}},
            },
            *heads,
            {
                "mark": {"type": "rect", "tooltip": None},
                "encoding": {
                    "y": {
                        "field": "low",
                        "type": "quantitative",
                        "axis": {"grid": False, "title": None, "format": "$,.0f", "domain": False},
                        "scale": {
                            "zero": False,
                            "nice": False,
                            "domain": [float(frame["price_low"].min()), float(frame["price_high"].max())],
                            "range": [{"expr": "height"}, _HEAD],
                        },
                    },
                    "y2": {"field": "high"},
                    "x": {
                        "field": "zero",
                        "type": "quantitative",
                        "scale": {"domain": [-reach, reach], "nice": False},
                        "axis": {
                            "title": f"Venues with a cluster, of {fresh} fresh ones",
                            "labelExpr": "abs(datum.value)",
                            "tickMinStep": 1,
                            "grid": False,
                        },
                    },
                    "x2": {"field": "venues"},
                    "color": {
                        "field": "side",
                        "type": "nominal",
                        "scale": {"domain": ["Longs", "Shorts"], "range": [LONG, SHORT]},
                        "legend": None,
                    },
                    "tooltip": [
                        {"field": "where", "type": "nominal", "title": "Price band"},
                        {"field": "side", "type": "nominal", "title": "Side"},
                        {"field": "count", "type": "nominal", "title": "Venues"},
                    ],
                },
            },
            *asked,
        ],
        420,
    )
    if rows.empty:
        return chart, "No venue has a band of liquidations that stands out in this range of prices ($)."
    best = rows.iloc[int(np.abs(rows["venues"].to_numpy()).argmax())]
    return (
        chart,
        (
            f"Agreement along price: at most {best['count']} fresh venues have a cluster of liquidated"
            f" {str(best['side']).lower()} in one band, at {best['where']}."
        ),
    )


def lag_chart(frame: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """Seconds by which each venue's events come later than the others', and the alt text. Columns as in
    `lag_table`."""
    rows = frame.rename(columns={"Venue": "venue", "Later by, s": "seconds", "Sure": "sure"})[
        ["venue", "seconds", "sure"]
    ]
    rows["venue"] = wording.venues(rows["venue"])
    chart = _spec(
        rows,
        [
            {
                "mark": {"type": "bar", "tooltip": None, "color": SHORT, "height": {"band": 0.6}},
                "encoding": {
                    "y": {
                        "field": "venue",
                        "type": "nominal",
                        "sort": None,
                        "axis": {"title": None, "labelFontSize": 12},
                    },
                    "x": {
                        "field": "seconds",
                        "type": "quantitative",
                        "axis": {
                            "title": ["Seconds later than the other venues", "(left of 0: earlier)"],
                            "grid": False,
                            "format": "d",
                            "tickMinStep": 1,
                        },
                    },
                    "opacity": {
                        "field": "sure",
                        "type": "quantitative",
                        "scale": {"domain": [0, 1], "range": [0.25, 1]},
                        "legend": {
                            "title": "Sureness",
                            "orient": "top",
                            "values": [0, 0.5, 1],
                            "format": ".0%",
                        },
                    },
                    "tooltip": [
                        {"field": "venue", "type": "nominal", "title": "Venue"},
                        {"field": "seconds", "type": "quantitative", "title": "Seconds later"},
                        {"field": "sure", "type": "quantitative", "title": "Sureness", "format": ".0%"},
                    ],
                },
            }
        ],
        190 + 34 * max(len(rows), 1),
    )
    late = rows[(rows["seconds"] > 0)]
    said = (
        ", ".join(
            f"{venue} {wording.duration(seconds)}"
            for venue, seconds in zip(late["venue"], late["seconds"], strict=True)
        )
        or "none is visibly late"
    )
    return (
        chart,
        (
            "How much later each venue's liquidations are than the others' (in seconds, whatever the $"
            f" amount): {said}."
        ),
    )


def correlogram_chart(venue: str, lag: Lag) -> tuple[dict[str, Any], str]:
    """How often another venue's event came how much earlier or later than one of this venue's, against the
    mirror image of that.

    Without a lag the picture is its own mirror image, whatever bursts the events come in.
    """
    venue = wording.venue(venue)
    reach = min(max(2 * abs(lag.seconds) + 20 * lag.step, 60 * lag.step), float(lag.shifts[-1]))
    kept = np.abs(lag.shifts) <= reach
    here = pd.DataFrame(
        {"seconds": lag.shifts[kept], "pairs": lag.pairs[kept], "line": f"{venue} after the others"}
    )
    mirror = pd.DataFrame(
        {"seconds": lag.shifts[kept], "pairs": lag.pairs[::-1][kept], "line": "its mirror image"}
    )
    middle = len(lag.pairs) // 2
    steps = round(lag.seconds / lag.step)
    there, back = float(lag.pairs[middle + steps]), float(lag.pairs[middle - steps])
    shown = pd.concat([here, mirror], ignore_index=True)
    chart = _spec(
        shown,
        [
            {
                "mark": {"type": "line", "tooltip": None, "interpolate": "monotone"},
                "encoding": {
                    "x": {
                        "field": "seconds",
                        "type": "quantitative",
                        "scale": {"nice": False},
                        "axis": {
                            "title": [f"Seconds by which {venue} came after others", "(left of 0: before)"],
                            "grid": False,
                        },
                    },
                    "y": {
                        "field": "pairs",
                        "type": "quantitative",
                        "axis": {"title": "Pairs of events", "grid": True},
                    },
                    "color": {
                        "field": "line",
                        "type": "nominal",
                        "sort": None,
                        "scale": {"range": [SHORT, QUIET]},
                        "legend": {"title": None, "orient": "top"},
                    },
                    "strokeDash": {
                        "field": "line",
                        "type": "nominal",
                        "sort": None,
                        "scale": {"range": [[1, 0], [4, 4]]},
                        "legend": None,
                    },
                },
            },
            {
                "data": {"name": "mark"},
                "mark": {"type": "rule", "color": LONG, "strokeWidth": 2, "tooltip": None},
                "encoding": {"x": {"field": "seconds", "type": "quantitative"}},
            },
        ],
        260,
    )
    chart["datasets"]["mark"] = pd.DataFrame({"seconds": [lag.seconds]})
    if not steps:
        return (
            chart,
            (
                f"No shift of {venue} stands out against its mirror image: it is neither late nor early as"
                f" far as these {lag.events:,} busy steps tell."
            ),
        )
    return (
        chart,
        (
            f"At {abs(lag.seconds):g} seconds {'after' if steps > 0 else 'before'} the others, {venue} has"
            f" {wording.whole(there)} pairs of events; as many seconds {'before' if steps > 0 else 'after'}"
            f" them, {wording.whole(back)}. The wider the two lines part there, the surer the lag."
        ),
    )


def _spec(rows: pd.DataFrame, layers: list[dict[str, Any]], height: int) -> dict[str, Any]:
    return {**spec(layers, {"rows": rows.reset_index(drop=True)}, height), "data": {"name": "rows"}}
