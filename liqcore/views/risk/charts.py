"""Charts of the risk page as Vega-Lite, each with its alt text; no Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore.charts.marks import LINE, NOW, QUIET, UP
from liqcore.charts.palette import LONG, PANEL, SHORT
from liqcore.risk.handover import Zone
from liqcore.risk.plan_data import Plan
from liqcore.risk.what_if import MonteCarlo, Sweep
from liqcore.views.wording import price, usd

Drawn = tuple[dict[str, Any], str]

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_DANGER: Final = "#ff6b5e"
_GAIN: Final = "#7fd1b9"


def _spec(layers: list[dict[str, Any]], datasets: dict[str, pd.DataFrame], height: int) -> dict[str, Any]:
    return {
        "$schema": _SCHEMA,
        "height": height,
        "view": {"fill": PANEL, "stroke": None},
        "layer": layers,
        "datasets": datasets,
        "config": {
            "axis": {"labelColor": QUIET, "titleColor": QUIET, "titleFontWeight": "normal", "gridColor": LINE}
        },
    }


def ladder(plan: Plan, zones: Sequence[Zone], levels: Sequence[float]) -> Drawn:
    """Entry, stop, targets, break-even and liquidation price over the clusters and key levels around them."""
    marks = [("Entry", plan.entry, UP), ("Stop", plan.stop, LONG)]
    if plan.break_even > 0:
        marks.append(("Break-even", plan.break_even, QUIET))
    marks += [
        (f"Target {number}: {item.reward_risk:+.2f} R", item.price, _GAIN)
        for number, item in enumerate(plan.targets, 1)
    ]
    near = (
        plan.liquidation_price is not None
        and 0.3 * plan.entry < plan.liquidation_price < 3 * plan.entry
        and plan.quantity > 0
    )
    if near:
        marks.append(("Liquidation", float(plan.liquidation_price or 0), _DANGER))
    low, high = min(item[1] for item in marks), max(item[1] for item in marks)
    room = max(0.12 * (high - low), 0.002 * plan.entry)
    low, high = low - room, high + room
    marks += [("Key level", level, LINE) for level in levels if low < level < high]
    rows = (
        pd.DataFrame(marks, columns=["name", "price", "colour"]).sort_values("price").reset_index(drop=True)
    )
    rows["place"] = _apart(rows["price"].to_numpy(), 0.052 * (high - low), low, high)
    rows["label"] = [
        f"{name}  {price(value)}" for name, value in zip(rows["name"], rows["price"], strict=True)
    ]
    seen = [zone for zone in zones if zone.high > low and zone.low < high]
    boxes = pd.DataFrame(
        {
            "low": [max(zone.low, low) for zone in seen],
            "high": [min(zone.high, high) for zone in seen],
            "colour": [LONG if zone.side == "long" else SHORT for zone in seen],
            "words": [
                f"{usd(zone.usd)} of {zone.side}s, {price(zone.low)} to {price(zone.high)}" for zone in seen
            ],
        }
    )
    y = {
        "field": "price",
        "type": "quantitative",
        "scale": {"domain": [low, high], "nice": False, "zero": False},
        "axis": {"title": "BTC price, USD", "format": ",.0f", "grid": False},
    }
    colour = {"field": "colour", "type": "nominal", "scale": None}
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "boxes"},
            "mark": {"type": "rect", "opacity": 0.3, "tooltip": None, "clip": True},
            "encoding": {
                "y": {"field": "low", "type": "quantitative"},
                "y2": {"field": "high"},
                "color": colour,
                "tooltip": {"field": "words", "type": "nominal", "title": "Cluster"},
            },
        },
        {
            "data": {"name": "marks"},
            "mark": {"type": "rule", "strokeWidth": 2, "tooltip": None},
            "encoding": {
                "y": y,
                "color": colour,
                "strokeDash": {
                    "condition": {"test": "datum.name == 'Entry'", "value": [1, 0]},
                    "value": [6, 4],
                },
            },
        },
        {
            "data": {"name": "marks"},
            "mark": {
                "type": "text",
                "align": "left",
                "x": 10,
                "fontSize": 12,
                "fontWeight": "bold",
                "stroke": PANEL,
                "strokeWidth": 4,
                "tooltip": None,
            },
            "encoding": {"y": {"field": "place", "type": "quantitative"}, "text": {"field": "label"}},
        },
        {
            "data": {"name": "marks"},
            "mark": {
                "type": "text",
                "align": "left",
                "x": 10,
                "fontSize": 12,
                "fontWeight": "bold",
                "color": "#e6edf3",
                "tooltip": None,
            },
            "encoding": {"y": {"field": "place", "type": "quantitative"}, "text": {"field": "label"}},
        },
    ]
    liquidation = (
        f"liquidation at {price(plan.liquidation_price)}"
        if plan.liquidation_price is not None and plan.quantity > 0
        else "no liquidation price"
    )
    alt = (
        f"Price ladder of a {plan.side}: entry {price(plan.entry)}, stop {price(plan.stop)}, {liquidation},"
        f" {len(plan.targets)} targets, {len(seen)} clusters in view.{_beyond(zones, low, high)}"
    )
    return _spec(layers, {"marks": rows, "boxes": boxes}, 420), alt


def _beyond(zones: Sequence[Zone], low: float, high: float) -> str:
    """Which clusters the picture leaves out, in a sentence; empty where it shows all."""
    above, below = [zone for zone in zones if zone.low >= high], [zone for zone in zones if zone.high <= low]
    parts = []
    if above:
        nearest = min(above, key=lambda zone: zone.low)
        parts.append(
            f"{len(above)} above it, the nearest {usd(nearest.usd)} of {nearest.side}s from"
            f" {price(nearest.low)}"
        )
    if below:
        nearest = max(below, key=lambda zone: zone.high)
        parts.append(
            f"{len(below)} below it, the nearest {usd(nearest.usd)} of {nearest.side}s up to"
            f" {price(nearest.high)}"
        )
    return f" Clusters outside the picture: {', and '.join(parts)}." if parts else ""


def _apart(prices: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
    """Places of labels, ascending, at least `least` from one another and inside the picture."""
    steps = np.arange(len(prices)) * least
    up = np.maximum.accumulate(prices - steps) + steps
    top = high - least / 2 - steps[::-1]
    return np.maximum(np.minimum(up, top), low)


def drag(curve: pd.DataFrame, plan: Plan, at: float) -> Drawn:
    """Profit and loss after costs along price, with stop, entry and liquidation marked."""
    rows = curve[["price", "net"]].assign(colour=np.where(curve["net"] >= 0, _GAIN, _DANGER))
    marks = [("entry", plan.entry), ("stop", plan.stop)]
    if abs(at - plan.entry) > 0.0005 * plan.entry:
        marks.append(("here", at))
    if (
        plan.liquidation_price is not None
        and curve["price"].min() <= plan.liquidation_price <= curve["price"].max()
    ):
        marks.append(("liquidation", plan.liquidation_price))
    lines = pd.DataFrame(marks, columns=["name", "price"])
    x = {
        "field": "price",
        "type": "quantitative",
        "scale": {"zero": False, "nice": False},
        "axis": {"title": "BTC price, USD", "format": ",.0f", "grid": False},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "zero"},
            "mark": {"type": "rule", "color": QUIET, "tooltip": None},
            "encoding": {"y": {"field": "level", "type": "quantitative"}},
        },
        {
            "data": {"name": "curve"},
            "mark": {"type": "line", "color": NOW, "strokeWidth": 2, "tooltip": None},
            "encoding": {
                "x": x,
                "y": {
                    "field": "net",
                    "type": "quantitative",
                    "axis": {"title": "Profit or loss after costs, USD", "format": ",.0f"},
                },
            },
        },
        {
            "data": {"name": "lines"},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": QUIET, "tooltip": None},
            "encoding": {"x": {"field": "price", "type": "quantitative"}},
        },
        {
            "data": {"name": "lines"},
            "mark": {
                "type": "text",
                "align": "left",
                "baseline": "top",
                "dx": 4,
                "y": 4,
                "color": "#e6edf3",
                "fontSize": 11.5,
                "tooltip": None,
            },
            "encoding": {"x": {"field": "price", "type": "quantitative"}, "text": {"field": "name"}},
        },
    ]
    worst, best = float(curve["net"].min()), float(curve["net"].max())
    return (
        _spec(layers, {"curve": rows, "lines": lines, "zero": pd.DataFrame({"level": [0.0]})}, 300),
        (
            f"Profit and loss between {usd(worst)} and {usd(best)} as price moves; from the liquidation price"
            " on the margin is gone."
        ),
    )


def sweep(found: Sweep, plan: Plan) -> Drawn:
    """Size for every leverage and stop distance, grey with the reason where the plan would be rejected."""
    rows = found.to_frame()
    rows["reason"] = rows["reason"].astype(str)
    rows["stop_percent"] = [f"{100 * value:.2g} %" for value in rows["stop_distance"]]
    rows["shown"] = [
        f"{value:.4g} BTC" if good else reason
        for value, good, reason in zip(rows["quantity"], rows["accepted"], rows["reason"], strict=True)
    ]
    x = {
        "field": "stop_percent",
        "type": "ordinal",
        "sort": None,
        "axis": {"title": "Distance of the stop from the entry", "labelAngle": 0},
    }
    y = {"field": "leverage", "type": "ordinal", "sort": "descending", "axis": {"title": "Leverage, ×"}}
    tooltip = [
        {"field": "leverage", "type": "nominal", "title": "Leverage"},
        {"field": "stop_percent", "type": "nominal", "title": "Stop"},
        {"field": "shown", "type": "nominal", "title": "Size, or why not"},
    ]
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "cells"},
            "transform": [{"filter": "datum.accepted"}],
            "mark": {"type": "rect", "tooltip": None},
            "encoding": {
                "x": x,
                "y": y,
                "color": {
                    "field": "quantity",
                    "type": "quantitative",
                    "scale": {"scheme": "cividis"},
                    "legend": {"title": "BTC", "orient": "top", "gradientLength": 220},
                },
                "tooltip": tooltip,
            },
        },
        {
            "data": {"name": "cells"},
            "transform": [{"filter": "!datum.accepted"}],
            "mark": {"type": "rect", "color": "#30343b", "tooltip": None},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
        {
            "data": {"name": "cells"},
            "transform": [{"filter": "!datum.accepted"}],
            "mark": {"type": "text", "text": "×", "color": QUIET, "tooltip": None},
            "encoding": {"x": x, "y": y},
        },
    ]
    share = float(found.accepted.mean())
    return (
        _spec(layers, {"cells": rows}, 380),
        (
            f"Size by leverage and stop distance for a risk of {usd(plan.risk_usd)}: {100 * share:.0f} % of"
            " the combinations pass, the others are rejected, mostly because liquidation would come first."
        ),
    )


def fan(found: MonteCarlo, trades: int) -> Drawn:
    """The account over many random runs: median, and where half and nine tenths of the runs lie."""
    frame = pd.DataFrame(
        found.fan.T,
        columns=[f"p{100 * share:g}" if share <= 1 else f"p{share:g}" for share in found.percentiles],
    )
    names = list(frame.columns)
    frame.insert(0, "trade", np.arange(len(frame)))
    low, high, middle = names[0], names[-1], names[len(names) // 2]
    inner = (names[1], names[-2]) if len(names) >= 5 else (low, high)
    x = {"field": "trade", "type": "quantitative", "axis": {"title": "Trades", "grid": False}}

    def area(bottom: str, top: str, opacity: float) -> dict[str, Any]:
        return {
            "data": {"name": "fan"},
            "mark": {"type": "area", "color": SHORT, "opacity": opacity, "tooltip": None},
            "encoding": {
                "x": x,
                "y": {
                    "field": bottom,
                    "type": "quantitative",
                    "axis": {"title": "Account, multiple of its start"},
                },
                "y2": {"field": top},
            },
        }

    layers = [
        area(low, high, 0.25),
        area(*inner, 0.35),
        {
            "data": {"name": "fan"},
            "mark": {"type": "line", "color": UP, "strokeWidth": 2, "tooltip": None},
            "encoding": {"x": x, "y": {"field": middle, "type": "quantitative"}},
        },
        {
            "data": {"name": "ruin"},
            "mark": {"type": "rule", "color": _DANGER, "strokeDash": [4, 4], "tooltip": None},
            "encoding": {"y": {"field": "level", "type": "quantitative"}},
        },
        *(
            {
                "data": {"name": "notes"},
                "mark": {
                    "type": "text",
                    "align": "right",
                    "baseline": "bottom",
                    "dy": -3,
                    "fontSize": 11.5,
                    "tooltip": None,
                    **look,
                },
                "encoding": {
                    "x": {"field": "trade", "type": "quantitative"},
                    "y": {"field": "level", "type": "quantitative"},
                    "text": {"field": "label"},
                },
            }
            for look in ({"stroke": PANEL, "strokeWidth": 4}, {"color": "#e6edf3"})
        ),
    ]
    last = frame.iloc[-1]
    notes = pd.DataFrame(
        {
            "trade": len(frame) - 1,
            "level": [last[high], last[inner[1]], last[middle], found.ruin_level],
            "label": [
                "nine runs in ten stay within the light band",
                "half of the runs within the dark band",
                "the middle run",
                f"ruin: {found.ruin_level:.0%} of the start",
            ],
        }
    )
    return (
        _spec(
            layers, {"fan": frame, "ruin": pd.DataFrame({"level": [found.ruin_level]}), "notes": notes}, 320
        ),
        (
            f"After {trades} trades the account is {last[middle]:.2f} times its start in the middle run,"
            f" between {last[low]:.2f} and {last[high]:.2f} times in nine of ten;"
            f" {100 * found.ruin_probability:.1f} % of the runs fell to {found.ruin_level:.0%} at some time."
            " No liquidation is in this picture, only stops of equal $ risk."
        ),
    )


def streak(paths: pd.DataFrame) -> Drawn:
    """The account over a losing streak, fixed percent beside fixed dollar."""
    rows = paths.melt("losses", ["fixed_percent", "fixed_dollar"], "kind", "usd").replace(
        {"kind": {"fixed_percent": "Fixed percent", "fixed_dollar": "Fixed dollar"}}
    )
    layers = [
        {
            "data": {"name": "rows"},
            "mark": {"type": "line", "point": True, "strokeWidth": 2, "tooltip": None},
            "encoding": {
                "x": {
                    "field": "losses",
                    "type": "quantitative",
                    "axis": {"title": "Losses in a row", "grid": False, "tickMinStep": 1},
                },
                "y": {
                    "field": "usd",
                    "type": "quantitative",
                    "axis": {"title": "Account, USD", "format": ",.0f"},
                },
                "color": {
                    "field": "kind",
                    "type": "nominal",
                    "scale": {"range": [LONG, SHORT]},
                    "legend": {"title": None, "orient": "top"},
                },
                "tooltip": [
                    {"field": "kind", "type": "nominal"},
                    {"field": "losses", "type": "quantitative", "title": "Losses"},
                    {"field": "usd", "type": "quantitative", "title": "Account, USD", "format": ",.2f"},
                ],
            },
        }
    ]
    last = paths.iloc[-1]
    return (
        _spec(layers, {"rows": rows}, 300),
        (
            f"After {int(last['losses'])} losses in a row, each at its stop and none by liquidation,"
            f" {usd(float(last['fixed_percent']))} are left with a fixed percent and"
            f" {usd(float(last['fixed_dollar']))} with a fixed dollar risk."
        ),
    )
