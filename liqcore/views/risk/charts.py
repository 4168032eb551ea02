"""Charts of the risk page as Vega-Lite, each with its alt text; no Streamlit here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.charts.marks import DANGER, EMPTY, INK, LONG, NOW, QUIET, SHORT, halo, spec as _spec
from liqcore.risk.plan_data import Plan
from liqcore.risk.what_if import MonteCarlo, Sweep

Drawn = tuple[dict[str, Any], str]


def _named(name: str, y: int, left: bool) -> dict[str, Any]:
    """The word beside one of the lines, on a row of its own: on a phone lines are nearer than words are
    long. The lower of entry and stop has its word to the left, so that the other line does not cross
    it."""
    return {
        "data": {"name": "lines"},
        "transform": [{"filter": {"field": "name", "equal": name}}],
        "mark": {
            "type": "text",
            "align": "right" if left else "left",
            "baseline": "top",
            "dx": -4 if left else 4,
            "y": y,
            "color": INK,
            "fontSize": 11.5,
            "tooltip": None,
        },
        "encoding": {"x": {"field": "price", "type": "quantitative"}, "text": {"field": "name"}},
    }


def drag(curve: pd.DataFrame, plan: Plan, at: float) -> Drawn:
    """Profit and loss after fees along price, with stop, entry and liquidation marked."""
    rows = curve[["price", "net"]]
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
    lower = "stop" if plan.stop < plan.entry else "entry"
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
                    "axis": {"title": "Profit or loss after fees, USD", "format": ",.0f"},
                },
            },
        },
        {
            "data": {"name": "lines"},
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": QUIET, "tooltip": None},
            "encoding": {"x": {"field": "price", "type": "quantitative"}},
        },
        *(
            _named(name, 4 + 14 * row, left=name == lower)
            for row, name in enumerate(("entry", "stop", "liquidation", "here"))
        ),
    ]
    worst, best = float(curve["net"].min()), float(curve["net"].max())
    return (
        _spec(layers, {"curve": rows, "lines": lines, "zero": pd.DataFrame({"level": [0.0]})}, 300),
        (
            f"Profit and loss between {wording.usd(worst)} and {wording.usd(best)} as price moves; from the"
            " liquidation price on the margin is gone."
        ),
    )


def sweep(found: Sweep, plan: Plan) -> Drawn:
    """Size for every leverage and stop distance, grey with the reason where the plan would be rejected."""
    rows = found.to_frame()
    rows["reason"] = rows["reason"].astype(str)
    rows["stop_percent"] = [wording.percent(value) for value in rows["stop_distance"]]
    rows["stop_price"] = [wording.price(value) for value in rows["stop"]]
    rows["shown"] = [
        wording.quantity(value) if good else reason
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
        {"field": "stop_percent", "type": "nominal", "title": "Distance of the stop"},
        {"field": "stop_price", "type": "nominal", "title": "Stop, on the tick"},
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
            "mark": {"type": "rect", "color": EMPTY, "tooltip": None},
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
            f"Size by leverage and stop distance for a risk of {wording.usd(plan.risk_usd)}:"
            f" {wording.percent(share)} of the combinations pass, the others are rejected, mostly because"
            " liquidation would come first."
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
            "mark": {"type": "line", "color": INK, "strokeWidth": 2, "tooltip": None},
            "encoding": {"x": x, "y": {"field": middle, "type": "quantitative"}},
        },
        {
            "data": {"name": "ruin"},
            "mark": {"type": "rule", "color": DANGER, "strokeDash": [4, 4], "tooltip": None},
            "encoding": {"y": {"field": "level", "type": "quantitative"}},
        },
        *(
            {
                "data": {"name": "notes"},
                "mark": look,
                "encoding": {
                    "x": {"field": "trade", "type": "quantitative"},
                    "y": {"field": "level", "type": "quantitative"},
                    "text": {"field": "label"},
                },
            }
            for look in halo(
                {
                    "type": "text",
                    "align": "right",
                    "baseline": "bottom",
                    "dy": -3,
                    "fontSize": 11.5,
                    "tooltip": None,
                }
            )
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
                f"ruin: {wording.percent(found.ruin_level)} of the start",
            ],
        }
    )
    return (
        _spec(
            layers, {"fan": frame, "ruin": pd.DataFrame({"level": [found.ruin_level]}), "notes": notes}, 320
        ),
        (
            f"After {trades} trades the account is {wording.decimal(last[middle], 2)} times its start in the"
            f" middle run, between {wording.decimal(last[low], 2)} and {wording.decimal(last[high], 2)} times"
            f" in nine of ten; {wording.percent(found.ruin_probability)} of the runs fell to"
            f" {wording.percent(found.ruin_level)} at some time. No liquidation is in this picture, only"
            " stops of equal $ risk."
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
            f" {wording.usd(float(last['fixed_percent']))} are left with a fixed percent and"
            f" {wording.usd(float(last['fixed_dollar']))} with a fixed dollar risk."
        ),
    )
