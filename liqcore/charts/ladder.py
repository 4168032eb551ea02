"""A plan's prices on one axis, over the clusters and key levels around them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import altair as alt
import numpy as np
import pandas as pd

from liqcore.charts.marks import DANGER, GAIN, INK, LINE, LONG, QUIET, SHORT, halo
from liqcore.risk.plan_data import Plan
from liqcore.wording import count, price, r_multiple, usd

# What a rung is, and the ink it is drawn in.
_INKS: Final = {
    "entry": INK,
    "stop": LONG,
    "gain": GAIN,
    "danger": DANGER,
    "quiet": QUIET,
    "level": LINE,
    "long": LONG,
    "short": SHORT,
}
# Labels nearer than this share of the axis would cover one another.
_APART: Final = 0.052
# How many times the height of the rest the liquidation price may lie beyond it.
_FAR: Final = 4.0


class Zone(Protocol):
    """A band of heat: what `find_clusters` finds, or what a link hands over."""

    @property
    def side(self) -> str: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def notional(self) -> float: ...


@dataclass(frozen=True, eq=False)
class _Content:
    """What changes from ladder to ladder: rows, the ends of the axis, and the words."""

    boxes: pd.DataFrame
    rungs: pd.DataFrame
    domain: tuple[float, float]
    words: str


def ladder(
    plan: Plan, clusters: Sequence[Zone] = (), levels: Sequence[float] = (), *, height: int = 420
) -> alt.LayerChart:
    """Entry, stop, targets, break-even and liquidation price over the clusters and key levels around them.

    The description says the same in words, and which clusters lie outside the picture.
    """
    held = _content(plan, clusters, levels)
    return _chart(held).properties(height=height, description=held.words)


def ladder_spec(
    plan: Plan, clusters: Sequence[Zone] = (), levels: Sequence[float] = (), *, height: int = 420
) -> tuple[dict[str, Any], str]:
    """The Vega-Lite of `ladder` without its description, and that: for pages, where Altair would spend most
    of a click on building and checking what is the same in every ladder."""
    held = _content(plan, clusters, levels)
    spec = copy.deepcopy(_frame()) | {"height": height}
    for layer in spec["layer"]:
        scale = layer["encoding"]["y"].get("scale")
        if scale is not None:
            scale["domain"] = list(held.domain)
    boxes, rungs, *_ = (layer["data"]["name"] for layer in spec["layer"])
    spec["datasets"] = {boxes: held.boxes.to_dict("records"), rungs: held.rungs.to_dict("records")}
    return spec, held.words


@lru_cache(maxsize=1)
def _frame() -> dict[str, Any]:
    """A ladder of nothing in particular, made once; nobody changes it."""
    rows = {"low": [0.0], "high": [1.0], "ink": ["long"], "words": [""]}
    rungs = {"name": [""], "price": [0.0], "ink": [""], "place": [0.0], "label": [""]}
    made: dict[str, Any] = _chart(_Content(pd.DataFrame(rows), pd.DataFrame(rungs), (0.0, 1.0), "")).to_dict()
    return made


def _content(plan: Plan, clusters: Sequence[Zone], levels: Sequence[float]) -> _Content:
    rungs = _rungs(plan)
    low, high = rungs["price"].min(), rungs["price"].max()
    room = max(0.12 * (high - low), 0.002 * plan.entry)
    low, high = low - room, high + room
    near = pd.DataFrame(
        [("Key level", level, "level") for level in levels if low < level < high], columns=rungs.columns
    )
    rungs = pd.concat([rungs, near.astype(rungs.dtypes)]).sort_values("price", ignore_index=True)
    rungs["place"] = _apart(rungs["price"].to_numpy(), _APART * (high - low), low, high)
    rungs["label"] = [f"{name}  {price(at)}" for name, at in zip(rungs["name"], rungs["price"], strict=True)]
    seen = [zone for zone in clusters if zone.high > low and zone.low < high]
    boxes = pd.DataFrame(
        {
            "low": [max(zone.low, low) for zone in seen],
            "high": [min(zone.high, high) for zone in seen],
            "ink": [zone.side for zone in seen],
            "words": [
                f"{usd(zone.notional)} of {zone.side}s, {price(zone.low)} to {price(zone.high)}"
                for zone in seen
            ],
        }
    )
    return _Content(boxes, rungs, (float(low), float(high)), _in_words(plan, seen, clusters, low, high))


def _chart(held: _Content) -> alt.LayerChart:
    y = {
        "scale": alt.Scale(domain=list(held.domain), nice=False, zero=False),
        "axis": alt.Axis(title="BTC price, USD", format=",.0f", grid=False),
    }
    colour = alt.Color("ink:N", scale=alt.Scale(domain=[*_INKS], range=[*_INKS.values()]), legend=None)
    marks = alt.Chart(held.rungs)
    text = {"align": "left", "x": 10, "fontSize": 12, "fontWeight": "bold"}
    return alt.layer(
        alt.Chart(held.boxes)
        .mark_rect(opacity=0.3, clip=True, aria=False)
        .encode(
            y=alt.Y("low:Q", **y), y2="high:Q", color=colour, tooltip=alt.Tooltip("words:N", title="Cluster")
        ),
        marks.mark_rule(strokeWidth=2).encode(
            y=alt.Y("price:Q", **y),
            color=colour,
            strokeDash=alt.condition("datum.name == 'Entry'", alt.value([1, 0]), alt.value([6, 4])),
        ),
        *(marks.mark_text(**look).encode(y="place:Q", text="label:N") for look in halo(text)),
    )


def _rungs(plan: Plan) -> pd.DataFrame:
    out = [("Entry", plan.entry, "entry"), ("Stop", plan.stop, "stop")]
    if plan.break_even > 0:
        out.append(("Break-even", plan.break_even, "quiet"))
    out += [
        (f"Target {number}: {r_multiple(item.reward_risk, signed=False)}", item.price, "gain")
        for number, item in enumerate(plan.targets, 1)
    ]
    liquidation = plan.liquidation_price
    prices = [at for _, at, _ in out]
    # Far away, as with cross margin, it would press all else into one line; the description says where it is.
    reach = _FAR * (max(prices) - min(prices))
    if (
        liquidation is not None
        and plan.quantity > 0
        and min(prices) - reach < liquidation < max(prices) + reach
    ):
        out.append(("Liquidation", liquidation, "danger"))
    return pd.DataFrame(out, columns=["name", "price", "ink"])


def _in_words(plan: Plan, seen: Sequence[Zone], zones: Sequence[Zone], low: float, high: float) -> str:
    liquidation = (
        f"liquidation at {price(plan.liquidation_price)}"
        if plan.liquidation_price is not None and plan.quantity > 0
        else "no liquidation price"
    )
    return (
        f"Price ladder of a {plan.side}: entry {price(plan.entry)}, stop {price(plan.stop)}, {liquidation},"
        f" {count(len(plan.targets), 'target')}, {count(len(seen), 'cluster')} in view."
        f"{_outside(plan, low, high)}{_beyond(zones, low, high)}"
    )


def _outside(plan: Plan, low: float, high: float) -> str:
    """That the liquidation price lies outside the picture, in a sentence; empty where it does not."""
    at = plan.liquidation_price
    if at is None or plan.quantity <= 0 or low < at < high:
        return ""
    return f" Liquidation at {price(at)} is {'below' if at <= low else 'above'} the picture."


def _beyond(zones: Sequence[Zone], low: float, high: float) -> str:
    """Which clusters the picture leaves out, in a sentence; empty where it shows all."""
    above, below = [zone for zone in zones if zone.low >= high], [zone for zone in zones if zone.high <= low]
    parts = []
    if above:
        nearest = min(above, key=lambda zone: zone.low)
        parts.append(
            f"{len(above)} above it, the nearest {usd(nearest.notional)} of {nearest.side}s from"
            f" {price(nearest.low)}"
        )
    if below:
        nearest = max(below, key=lambda zone: zone.high)
        parts.append(
            f"{len(below)} below it, the nearest {usd(nearest.notional)} of {nearest.side}s up to"
            f" {price(nearest.high)}"
        )
    return f" Clusters outside the picture: {', and '.join(parts)}." if parts else ""


def _apart(prices: np.ndarray, least: float, low: float, high: float) -> np.ndarray:
    """Places of labels, ascending, at least `least` from one another and inside the picture."""
    steps = np.arange(len(prices)) * least
    up = np.maximum.accumulate(prices - steps) + steps
    top = high - least / 2 - steps[::-1]
    return np.maximum(np.minimum(up, top), low)
