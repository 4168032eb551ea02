"""Charts of studies and scores: effects beside their controls, maps beside the truth."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.charts.marks import LONG, QUIET, SHORT
from liqcore.lab.event_study import FEW_BLOCKS, QUESTION

_VERDICTS: Final = ("supported", "cannot tell", "not supported")
_SHAPES: Final = ("circle", "diamond", "square")
# How a figure is shown: its factor and its unit.
_SHOWN: Final = {
    "share": (100.0, "points"),
    "log move": (1e4, "bp"),
    "minutes": (1.0, "min"),
    "USD": (1.0, "USD"),
    "log ratio": (100.0, "%"),
}
# On a phone the names leave half of the width to the axis, which a title in its middle would leave.
_END: Final = alt.Axis(titleAnchor="end")
_SIDES: Final = {"long": "Longs, below", "short": "Shorts, above"}


def shown(effects: pd.DataFrame) -> pd.DataFrame:
    """Effects in the units that are shown, with words: columns asked, side, hot, control, difference, low,
    high, detectable, unit, n, days, p, verdict."""
    factor = np.array([_SHOWN[QUESTION[name].unit][0] for name in effects["question"]])
    out = {
        "asked": _asked(effects),
        "side": effects["side"].map(_SIDES),
        "unit": [_SHOWN[QUESTION[name].unit][1] for name in effects["question"]],
    }
    out |= {
        name: effects[name] * factor for name in ("hot", "control", "difference", "low", "high", "detectable")
    }
    out |= {"n": effects["n"], "days": effects["blocks"], "p": effects["holm"].fillna(effects["p"])}
    return pd.DataFrame(out | {"verdict": effects["verdict"], "question": effects["question"]})


def walked(walk: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """The registered differences in each quarter of the time, in the units that are shown, one row a
    comparison."""
    key = ["question", "side", "minutes"]
    rows = walk.merge(effects.loc[effects["registered"], key], on=key)
    units = [_SHOWN[QUESTION[name].unit] for name in rows["question"]]
    told = pd.DataFrame(
        {
            "asked": _asked(rows),
            "side": rows["side"].map(_SIDES),
            "unit": [unit for _, unit in units],
            "quarter": [f"Quarter {number}" for number in rows["quarter"]],
            "difference": rows["difference"] * np.array([factor for factor, _ in units]),
        }
    )
    table = told.pivot_table(
        index=["asked", "side", "unit"], columns="quarter", values="difference", sort=False
    )
    return table.rename_axis(columns=None).reset_index()


def _asked(rows: pd.DataFrame) -> list[str]:
    return [
        f"{QUESTION[name].words}{f', {minutes} min' if minutes else ''}"
        for name, minutes in zip(rows["question"], rows["minutes"], strict=True)
    ]


def drawn(effects: pd.DataFrame) -> pd.Series:
    """Which comparisons the forest shows: registered ones with days enough for an interval."""
    return effects["registered"] & (effects["blocks"] >= FEW_BLOCKS)


def forest(effects: pd.DataFrame, unit: str, width: int | str = "container") -> alt.LayerChart:
    """Differences from the controls with their intervals, registered comparisons of one unit (`points`,
    `bp`).

    A comparison of too few days for an interval is not drawn: its dot would look like a finding.
    """
    rows = shown(effects[drawn(effects)])
    rows = rows[rows["unit"] == unit]
    order = list(dict.fromkeys(rows["asked"]))
    base = alt.Chart(rows).encode(
        y=alt.Y(
            "asked:N",
            sort=order,
            title=None,
            axis=alt.Axis(labelLimit=260, grid=True, domain=False, ticks=False),
        ),
        yOffset=alt.YOffset("side:N", sort=[*_SIDES.values()]),
        color=alt.Color(
            "side:N",
            scale=alt.Scale(domain=[*_SIDES.values()], range=[LONG, SHORT]),
            legend=alt.Legend(title=None, orient="bottom", columns=3),
        ),
        tooltip=[
            alt.Tooltip("asked:N", title="Asked"),
            alt.Tooltip("side:N", title="Levels"),
            *(
                alt.Tooltip(f"{name}:Q", title=wording.sentence_case(name), format=".2f")
                for name in ("hot", "control", "difference", "low", "high", "detectable")
            ),
            alt.Tooltip("n:Q", title="Events"),
            alt.Tooltip("verdict:N", title="Verdict"),
        ],
    )
    lines = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=f"Hot minus control, {unit}", axis=_END), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(
        x="difference:Q",
        shape=alt.Shape(
            "verdict:N",
            scale=alt.Scale(domain=[*_VERDICTS], range=[*_SHAPES]),
            legend=alt.Legend(
                title=None, orient="bottom", columns=3, symbolFillColor=QUIET, symbolStrokeColor=QUIET
            ),
        ),
    )
    none = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(strokeDash=[4, 3], color=QUIET).encode(x="x:Q")
    # The axis with its title and two legends take their room from the same height.
    return alt.layer(none, lines, dots).properties(width=width, height=44 * len(order) + 150)


def forest_words(effects: pd.DataFrame, unit: str, price: float) -> str:
    """What the forest shows, for those who hear it."""
    rows = shown(effects[drawn(effects)])
    rows = rows[rows["unit"] == unit]
    told = [
        f"{row['asked']}, {row['side'].lower()}: {wording.decimal(row['difference'], 1)}"
        f" ({wording.decimal(row['low'], 1)} to {wording.decimal(row['high'], 1)}), {row['verdict']}"
        for row in rows.to_dict("records")
    ]
    return (
        f"Hot modelled levels beside their controls, difference in {unit} with intervals of 95 %, price last"
        f" {wording.price(price)}. {'; '.join(told)}."
    )


def mirror(price: np.ndarray, exact: np.ndarray, map_: np.ndarray, now: float) -> alt.LayerChart:
    """Exact positions to the left and a model's map to the right of one price axis, each as shares of its
    own."""
    frames = []
    for name, values, sign in (("Truth", exact, -1.0), ("Map", map_, 1.0)):
        share = values / max(values.sum(), 1e-300)
        frames.append(pd.DataFrame({"price": price, "share": sign * share, "size": share, "what": name}))
    rows = pd.concat(frames, ignore_index=True)
    bars = (
        alt.Chart(rows)
        .mark_bar(height=alt.RelativeBandSize(0.9))
        .encode(
            y=alt.Y(
                "price:O",
                sort="descending",
                title="BTC price, USD",
                axis=alt.Axis(format=",.0f", labelOverlap=True),
            ),
            x=alt.X(
                "share:Q",
                title="Truth ←  share of all in view  → Map",
                axis=alt.Axis(format="~%", labelExpr="replace(datum.label, '−', '')"),
            ),
            color=alt.Color(
                "what:N",
                scale=alt.Scale(domain=["Truth", "Map"], range=[SHORT, LONG]),
                legend=alt.Legend(title=None, orient="bottom", columns=3),
            ),
            tooltip=[
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("price:Q", title="Price, USD", format=",.0f"),
                alt.Tooltip("size:Q", title="Share", format=".1%"),
            ],
        )
    )
    nearest = price[np.abs(price - now).argmin()]
    line = (
        alt.Chart(pd.DataFrame({"price": [nearest]}))
        .mark_rule(strokeDash=[4, 3], color=QUIET)
        .encode(y=alt.Y("price:O", sort="descending"))
    )
    return alt.layer(bars, line).properties(height=520, width="container")


def scores(card: pd.DataFrame, figure: str, title: str) -> alt.LayerChart:
    """One figure of every map with its interval, best first."""
    rows = card.sort_values(figure, ascending=False)
    rows = pd.DataFrame(
        {
            "map": rows["map"],
            "value": rows[figure],
            "low": rows[f"{figure}_low"],
            "high": rows[f"{figure}_high"],
        }
    ).dropna(subset=["value"])
    base = alt.Chart(rows).encode(
        y=alt.Y("map:N", sort=list(rows["map"]), title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=["map:N", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high"))],
    )
    lines = base.mark_rule(strokeWidth=2, color=LONG).encode(
        x=alt.X("low:Q", title=title, axis=_END), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1, color=LONG).encode(x="value:Q")
    return alt.layer(lines, dots).properties(height=26 * len(rows) + 20, width="container")


def scores_words(card: pd.DataFrame, price: float) -> str:
    """The rank correlations of all maps, best first, for those who hear them."""
    rows = card.sort_values("spearman", ascending=False)
    told = [f"{row['map']} {wording.decimal(row['spearman'], 2)}" for row in rows.to_dict("records")]
    return (
        f"Rank correlation of modelled maps with exact positions around {wording.price(price)}:"
        f" {', '.join(told)}."
    )
