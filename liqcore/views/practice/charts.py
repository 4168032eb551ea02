"""What the practice page draws and says about a round; no Streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from liqcore import wording
from liqcore.charts.marks import NOW, QUIET, spec
from liqcore.distances import away
from liqcore.heat.grid import HeatGrid
from liqcore.learn.practice import OWN, Candidate, Played, last_price, usual_range
from liqcore.learn.quiz import JournalRow
from liqcore.learn.replay import QUESTIONS, Round, Visible
from liqcore.learn.trades import TradeResult

__all__ = [
    "OWN",
    "calibration_chart",
    "forecast_table",
    "lines",
    "moment",
    "percent",
    "price_range",
    "reading_points",
    "standing",
]

_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
# Share of the drawn prices within which two lines share one name.
_TOGETHER: Final = 0.06


def percent(part: float) -> str:
    """0.3 as 30 %."""
    return wording.percent(part)


def price_range(seen: Visible, room: float) -> tuple[float, float]:
    """The prices traded in the window so far, with `room` (a fraction of the last price) on both sides."""
    low, high, last = float(seen.candles["low"].min()), float(seen.candles["high"].max()), last_price(seen)
    return low - room * last, high + room * last


def lines(played: Played, level: float, shown: Sequence[Candidate], grid: HeatGrid) -> pd.DataFrame | None:
    """Lines for the chart: the level asked about, the trade, one's own levels, and, before there is a trade,
    those found.

    A name that would run into another one joins it; a found level that would do so is left out.
    """
    asked = played.forecast.level if played.forecast is not None else level
    rows = [(asked, "asked", True)]
    if played.plan is not None:
        plan = played.plan
        rows += [
            (plan.entry, "entry", True),
            (plan.stop, "stop", True),
            *((item.price, "target", True) for item in plan.targets),
        ]
    for one in shown:
        own = one.why == OWN
        if abs(one.price / asked - 1) > 1e-9 and (own or played.plan is None):
            rows.append((one.price, "mine" if own else one.why.split(",")[0], own))
    low, high = float(grid.price_edges[0]), float(grid.price_edges[-1])
    drawn: list[tuple[float, str]] = []
    for price, name, wanted in rows:
        if not low < price < high:
            continue
        near = next(
            (
                k
                for k, (other, text) in enumerate(drawn)
                if text and abs(other - price) < _TOGETHER * (high - low)
            ),
            None,
        )
        if near is None:
            drawn.append((price, f"{wording.price(price)} {name}"))
        elif wanted:
            other, text = drawn[near]
            drawn[near] = (
                other,
                (
                    f"{text}, {name}"
                    if abs(other / price - 1) < 1e-4
                    else f"{text} · {wording.price(price)} {name}"
                ),
            )
            drawn.append((price, ""))
    return pd.DataFrame(drawn, columns=["price", "label"]) if drawn else None


def moment(game: Round, played: Played) -> pd.DataFrame | None:
    """A mark where the forecast was written down, or else where the trade was placed, once a bar has come
    since."""
    written = played.forecast.step if played.forecast is not None else played.placed
    if written is None or played.step <= written:
        return None
    return pd.DataFrame(
        [
            [
                game.at(written),
                last_price(game.visible(written)),
                "written down" if played.forecast is not None else "placed",
            ]
        ],
        columns=["time", "price", "label"],
    )


def standing(played: Played, result: TradeResult | None, over: bool) -> str:
    """How the paper trade stands, in one sentence; nothing without one."""
    if played.plan is None or result is None:
        return ""
    side, entry = played.plan.side, wording.price(played.plan.entry, exact=True)
    if not result.filled and over:
        return f"Your {side} order at {entry} was never filled: price did not come there. That made 0 R."
    if not result.filled:
        return f"Your {side} order waits at {entry}; price has not come there."
    if result.end == "open":
        return (
            f"Your {side} from {entry} is open and stands at {wording.r_multiple(result.r)} after costs at"
            " the last close."
        )
    how = {
        "target": "reached its target",
        "stop": "was stopped out",
        "time": "was closed at the end of the round",
    }[result.end]
    doubt = " One bar held both stop and target, so the stop counts." if result.ambiguous else ""
    return (
        f"Your {side} from {entry} {how}: {wording.r_multiple(result.r)} after costs"
        f" ({wording.usd(result.usd)}).{doubt}"
    )


def reading_points(game: Round, played: Played, level: Candidate, seen: Visible) -> list[str]:
    """How to read this test, with its own numbers."""
    price, usual, left = last_price(seen), usual_range(seen, game.timeframe), game.hidden - played.step
    points = [
        (
            f"**The line named “asked”** is the level of this round: {wording.price(level.price)}"
            f" ({level.why}). Price stands at {wording.price(price)},"
            f" {wording.percent(abs(away(price, level.price)))} away. That is"
            f" {wording.decimal(abs(level.price - price) / usual, 1)} times the usual range of one bar"
            f" ({wording.price(usual)})."
        ),
        (
            f"**Touched** means that one of the next {left} bars reaches it. **Broken** means that the last"
            " bar closes beyond it; **rejected** that it was touched and the last bar closes on this side."
        ),
        (
            "**The Brier score** is the gap between what you said and what came (1 or 0), squared, and the"
            " mean of that. 0 is perfect. Saying 50 % to everything gives 0.25."
        ),
        (
            "**The base rate** asks how often a level as far away, measured in usual ranges, was touched in"
            " the past of this market. A forecast that does not beat it adds nothing."
        ),
        (
            "**The dates are hidden.** The first day is called January 1, so that you cannot know what came."
            " The true date stands in your journal afterwards."
        ),
    ]
    return points if left else [points[0], *points[2:]]


def forecast_table(row: JournalRow) -> pd.DataFrame:
    """The three questions of a graded round: what was said, the base rate, and what happened."""
    names = {"touches": "Touched", "rejects": "Touched and rejected", "breaks": "Broken"}
    base = [getattr(row, f"base_{name}") for name in QUESTIONS]
    return pd.DataFrame(
        {
            "Question": list(names.values()),
            "You said": [percent(getattr(row, f"said_{name}")) for name in QUESTIONS],
            "Base rate": ["–" if rate is None else percent(rate) for rate in base],
            "It happened": ["yes" if getattr(row, name) else "no" for name in QUESTIONS],
        }
    )


def calibration_chart(bins: pd.DataFrame) -> tuple[dict[str, Any], str]:
    """One's probabilities beside what came true, with the 95 % range, and the alt text."""
    rows = bins.assign(
        words=[
            f"{percent(said)} said, {percent(came)} came true ({count} answers)"
            for said, came, count in zip(bins["said"], bins["happened"], bins["count"], strict=True)
        ]
    )[["said", "happened", "range_low", "range_high", "count", "words"]]
    axis = {"format": ".0%", "values": [0, 0.25, 0.5, 0.75, 1]}
    x = {
        "field": "said",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"title": "What you said", **axis},
    }
    y = {
        "field": "happened",
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"title": "How often it came true", **axis},
    }
    layers = [
        {
            "data": {"name": "even"},
            "mark": {"type": "line", "strokeDash": [5, 4], "color": QUIET, "tooltip": None},
            "encoding": {
                "x": {"field": "at", "type": "quantitative"},
                "y": {"field": "at", "type": "quantitative"},
            },
        },
        {
            "data": {"name": "bins"},
            "mark": {"type": "rule", "strokeWidth": 2, "color": NOW, "opacity": 0.6, "tooltip": None},
            "encoding": {
                "x": x,
                "y": {"field": "range_low", "type": "quantitative"},
                "y2": {"field": "range_high"},
            },
        },
        {
            "data": {"name": "bins"},
            "mark": {"type": "point", "filled": True, "opacity": 1, "color": NOW, "tooltip": None},
            "encoding": {
                "x": x,
                "y": y,
                "size": {
                    "field": "count",
                    "type": "quantitative",
                    "legend": None,
                    "scale": {"range": [60, 320], "zero": True},
                },
                "tooltip": {"field": "words", "type": "nominal", "title": "Answers"},
            },
        },
    ]
    chart = spec(layers, {"bins": rows, "even": pd.DataFrame({"at": [0.0, 1.0]})}, 260)
    alt = "Calibration of your answers about liquidation levels: " + "; ".join(rows["words"]) + "."
    return chart, alt
