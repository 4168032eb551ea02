"""What is drawn over a heatmap: outlines of clusters and lines at levels; no Streamlit here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.heat.clusters import Cluster, ClusterStory
from liqcore.heat.grid import HeatGrid
from liqcore.reading.timeframes import TimeframeReading
from liqcore.risk.numbers import RiskError, parse_number

_MOST_OWN: Final = 12
# Share of the drawn prices that a line of text needs for itself.
_LEAST_APART: Final = 0.04
_PRICE: Final = (1.0, 1e7)
# How a kind of level is written on the chart.
_SHORT: Final = {
    "point of control": "most volume",
    "value area high": "value area high",
    "value area low": "value area low",
    "volume node": "volume node",
    "round number": "round",
    "own": "mine",
}


def cluster_label(cluster: Cluster) -> str:
    """Side and USD of a cluster, of when that is, and how many times the expected or usual, in a few
    words."""
    if cluster.kind == "realised":
        when, than = f"in {wording.duration(cluster.last_seen - cluster.since)}", "expected"
    else:
        when, than = "at the end", "usual"
    text = f"{cluster.side.capitalize()}s {wording.usd(cluster.notional)} {when}"
    return f"{text} · {wording.decimal(cluster.ratio, 1)}× {than}"


def cluster_name(cluster: Cluster) -> str:
    """A cluster in a list of them: where it is, whose, and how much."""
    return (
        f"{wording.price(cluster.low)} to {wording.price(cluster.high)} · {cluster.side}s"
        f" {wording.usd(cluster.notional)}"
    )


def drawn_clusters(story: ClusterStory, side: str, most: int) -> list[Cluster]:
    """The largest clusters that stand at the end of the map, at most `most` a side."""
    sides = ("long", "short") if side in ("both", "net") else (side,)
    return [
        cluster for name in sides for cluster in [one for one in story.present if one.side == name][:most]
    ]


def outlines(clusters: Sequence[Cluster], grid: HeatGrid) -> pd.DataFrame | None:
    """Boxes for the chart: of a realised cluster around the events that its label adds up, of a stock from
    when it was first seen to the state that its label tells."""
    if not clusters:
        return None
    first = [one.since if one.kind == "realised" else one.first_seen for one in clusters]
    return pd.DataFrame(
        {
            "time_from": [max(moment, grid.time_edges[0]) for moment in first],
            "time_to": [one.last_seen for one in clusters],
            "price_from": [one.low for one in clusters],
            "price_to": [one.high for one in clusters],
            "label": [cluster_label(one) for one in clusters],
            "side": [one.side for one in clusters],
        }
    )


def level_lines(levels: pd.DataFrame, grid: HeatGrid) -> pd.DataFrame | None:
    """Lines for the chart at the levels that lie inside the drawn prices."""
    inside = levels[(levels["price"] > grid.price_edges[0]) & (levels["price"] < grid.price_edges[-1])]
    if inside.empty:
        return None
    inside = _apart(inside, _LEAST_APART * float(grid.price_edges[-1] - grid.price_edges[0]))
    names = [
        _line_name(str(kind), int(turns), str(role))
        for kind, turns, role in zip(inside["kind"], inside["turns"], inside["role"], strict=True)
    ]
    return pd.DataFrame(
        {
            "price": inside["price"].to_numpy(),
            "label": [
                f"{wording.price(value)} {name}" for value, name in zip(inside["price"], names, strict=True)
            ],
        }
    )


def _apart(levels: pd.DataFrame, least: float) -> pd.DataFrame:
    """The user's own levels, and the strongest of the others whose names do not run into one another."""
    mine = (levels["kind"] == "own").to_numpy()
    prices = levels["price"].to_numpy()
    order = np.lexsort((-levels["strength"].to_numpy(), ~mine))
    kept: list[int] = []
    for row in order.tolist():
        if mine[row] or all(abs(prices[row] - prices[other]) >= least for other in kept):
            kept.append(row)
    return levels.iloc[sorted(kept)]


def _line_name(kind: str, turns: int, role: str) -> str:
    if kind in _SHORT:
        return _SHORT[kind]
    return f"{role}, {wording.count(turns, 'turn')}"


def parse_levels(text: str) -> tuple[list[float], list[str]]:
    """The user's own levels from one line of text, and a sentence for each part that is no price.

    Parts are separated by semicolons or by a comma and a blank, and each is read like a field of its own, so
    that blanks may group its digits: `27 400; 28,000; 28.5k, 30500`. Blanks between whole prices separate
    them too (`28000 28500`); what can be one price or two is refused.
    """
    levels: list[float] = []
    problems: list[str] = []
    for part in _parts(text):
        found, trouble = _one_or_more(part)
        problems += trouble
        levels += [value for value in found if value not in levels]
    if len(levels) > _MOST_OWN:
        problems.append(
            f"Only the first {_MOST_OWN} of {len(levels)} levels are drawn. Remove some to see the others."
        )
    return levels[:_MOST_OWN], problems


def _parts(text: str) -> list[str]:
    """Parts of a line at its semicolons and line breaks, and at a comma before a blank."""
    plain = unicodedata.normalize("NFKC", re.sub(r"[\r\n]+", ";", text))
    parts: list[str] = []
    for part in plain.split(";"):
        pieces = [piece.strip(" ,") for piece in re.split(r",\s+", part.strip(" ,"))]
        # A group of three digits after a comma and a blank (28, 000) belongs to what stands before it.
        grouped = any(
            re.fullmatch(r"[0-9]{3}", piece) and re.search(r"(?:^|[ ,.'])[0-9]{1,3}$", before)
            for before, piece in pairwise(pieces)
        )
        parts += [part] if grouped else pieces
    return [part for part in parts if part]


def _one_or_more(part: str) -> tuple[list[float], list[str]]:
    """The price that a part is, or the prices that stand in it with blanks between."""
    shown = part if len(part) <= 40 else f"{part[:39]}…"
    if re.search(r"[0-9]{4,},[0-9]{4,}", part):
        return [], [f"The levels '{shown}' can be two prices or one. Put a semicolon between two prices."]
    words = [word.strip(",") for word in part.split()]
    try:
        return _within([parse_number(part, f"The level {shown!r}")], shown)
    except RiskError as problem:
        if len(words) == 1:
            return [], [str(problem)]
    if any(
        re.fullmatch(r"[0-9]{3}(?:[.,][0-9]+)?", word) and re.search(r"(?:^|[^0-9])[0-9]{1,3}$", before)
        for before, word in pairwise(words)
    ):
        return [], [
            f"In the levels '{shown}', blanks may group thousands or separate prices. Put a semicolon between"
            " two prices."
        ]
    levels: list[float] = []
    problems: list[str] = []
    for word in words:
        try:
            found, trouble = _within([parse_number(word, f"The level {word!r}")], word)
        except RiskError as problem:
            found, trouble = [], [str(problem)]
        levels += found
        problems += trouble
    return levels, problems


def _within(values: list[float], shown: str) -> tuple[list[float], list[str]]:
    if all(_PRICE[0] <= value <= _PRICE[1] for value in values):
        return values, []
    return [], [
        f"The level {shown!r} is no price of BTC in USD. Type it like 28000, several with a semicolon between"
        " them."
    ]


def level_in_question(
    told: object, own: Sequence[float], story: ClusterStory, bars: pd.DataFrame | None
) -> tuple[float | None, str]:
    """The level a reader probably means, and why it is that one: what was clicked, their own, the largest
    cluster, the price."""
    if told is not None:
        return (float(told.low) * float(told.high)) ** 0.5, ", the middle of the band you chose"  # type: ignore[attr-defined]
    if own:
        return float(own[0]), ", the first of your own levels"
    if story.present:
        return float(story.present[0].centre), ", the middle of the largest cluster"
    if bars is not None and len(bars):
        return float(bars["close"].iloc[-1]), ", the last price"
    return None, ""


def timeframe_table(rows: Sequence[TimeframeReading]) -> pd.DataFrame:
    """A level at several timeframes as a table in words."""
    return pd.DataFrame(
        {
            "Timeframe": [row.timeframe for row in rows],
            "Heat at the level": ["unknown" if row.heat is None else wording.usd(row.heat) for row in rows],
            "Nearest cluster": [
                (
                    "none"
                    if row.cluster is None
                    else (
                        f"{row.cluster[0]}s at {wording.price(row.cluster[1])} to"
                        f" {wording.price(row.cluster[2])}"
                    )
                )
                for row in rows
            ],
            "Persistence": [
                "–" if row.persistence is None else wording.percent(row.persistence) for row in rows
            ],
            "Verdict": [row.verdict for row in rows],
            "Price action": [
                ", ".join(f"{name} ({lean})" for name, lean in row.signals) or "none lately" for row in rows
            ],
            "Note": [row.note for row in rows],
        }
    )
