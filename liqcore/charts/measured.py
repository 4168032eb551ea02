"""Charts of measured positions as Vega-Lite: a model's distances beside the measured ones, and churn by
band."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.charts.marks import DIM, LONG, NOW, QUIET, SHORT, spec

FATES: Final = ("held", "moved", "opened", "closed", "liquidated")
# Told apart by lightness too, for those who see no hue.
_FATE_INKS: Final = (QUIET, SHORT, NOW, DIM, LONG)


def distance_chart(profile: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """Shares of each side's USD by distance from the price, model and measured; a chart and its alt text.

    `profile` has `distance` (signed, log), `model` and `measured`.
    """
    percent = 100 * (np.exp(profile["distance"]) - 1)
    rows = pd.DataFrame(
        {
            "away": np.tile(percent, 2),
            "share": 100 * np.concatenate([profile["measured"], profile["model"]]),
            "map": np.repeat(["Measured", "Model"], len(profile)),
        }
    )
    chart = _spec(
        rows,
        {
            "mark": {"type": "line", "interpolate": "step"},
            "encoding": {
                "x": {
                    "field": "away",
                    "type": "quantitative",
                    "title": "Distance from the price, % (longs left, shorts right)",
                    "axis": {"grid": False},
                },
                "y": {"field": "share", "type": "quantitative", "title": "% of the side's USD"},
                "color": {
                    "field": "map",
                    "scale": {"domain": ["Measured", "Model"], "range": [SHORT, LONG]},
                    "legend": {"orient": "top", "title": None},
                },
                "strokeDash": {
                    "field": "map",
                    "scale": {"domain": ["Measured", "Model"], "range": [[1, 0], [5, 3]]},
                    "legend": None,
                },
                "tooltip": [
                    {"field": "map"},
                    {"field": "away", "format": "+.1f", "title": "%"},
                    {"field": "share", "format": ".2f", "title": "% of USD"},
                ],
            },
        },
        240,
    )
    near = profile["distance"].abs() < 0.05
    told = [
        f"{name} {wording.percent(float(profile.loc[near, column].sum()) / 2)}"
        for name, column in (("measured", "measured"), ("the model", "model"))
    ]
    return (
        chart,
        (
            "Two step lines of the share of liquidation prices by distance from the price. Within 5 % of it,"
            f" mean of both sides: {' and '.join(told)}."
        ),
    )


def churn_chart(bands: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """USD by band of liquidation price, stacked by what became of the positions; a chart and its alt text."""
    inside = bands[bands["price_low"].notna()]
    rows = pd.DataFrame(
        {
            "low": inside["price_low"],
            "high": inside["price_high"],
            "usd": inside["usd"],
            "fate": inside["fate"].str.capitalize(),
            "order": inside["fate"].map({name: place for place, name in enumerate(FATES)}),
        }
    )
    names = [name.capitalize() for name in FATES]
    chart = _spec(
        rows,
        {
            "mark": {"type": "bar"},
            "encoding": {
                "y": {
                    "field": "low",
                    "type": "quantitative",
                    "title": "Liquidation price, USD",
                    "scale": {"zero": False, "nice": False},
                    "axis": {"grid": False, "format": ",.0f"},
                },
                "y2": {"field": "high"},
                "x": {
                    "field": "usd",
                    "type": "quantitative",
                    "aggregate": "sum",
                    "stack": "zero",
                    "title": "USD",
                    "axis": {"format": "~s", "tickCount": 6},
                },
                "color": {
                    "field": "fate",
                    "scale": {"domain": names, "range": list(_FATE_INKS)},
                    "legend": {"orient": "top", "title": None},
                },
                "order": {"field": "order"},
                "tooltip": [
                    {"field": "fate"},
                    {"field": "usd", "aggregate": "sum", "format": "~s", "title": "USD"},
                ],
            },
        },
        420,
    )
    sums = bands.groupby("fate")["usd"].sum()
    told = ", ".join(f"{name} {wording.usd(float(sums[name]))}" for name in FATES if name in sums)
    return chart, f"Bars of USD by liquidation price, split by what became of the positions: {told}."


def _spec(rows: pd.DataFrame, layer: dict[str, Any], height: int) -> dict[str, Any]:
    return {**spec([layer], {"rows": rows.reset_index(drop=True)}, height), "data": {"name": "rows"}}
