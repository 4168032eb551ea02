"""Numbers and names as a reader sees them; no Streamlit here."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from liqcore.heat.grid import HeatGrid

KIND_NOUN = {
    "realised": "realised liquidations",
    "modelled": "modelled liquidation levels",
    "measured": "measured liquidation levels",
}
KIND_MEANING = {
    "realised": "Realised: positions that were closed by force.",
    "modelled": (
        "Modelled: where open positions would be closed, estimated from public data under the assumptions"
        " shown."
    ),
    "measured": "Measured: where positions that are publicly known would be closed.",
}
COMPLETENESS = {
    "all": "every liquidation",
    "sampled": "a sample",
    "unknown": "completeness unknown",
    "mixed": "partly sampled",
}
SIDE_NAME = {"both": "Longs and shorts", "long": "Longs", "short": "Shorts", "net": "Longs minus shorts"}


def usd(value: float) -> str:
    """$1.23M: three significant digits with k, M or B."""
    size = abs(value)
    if not math.isfinite(size):
        return "–"
    for limit, divisor, unit in (
        (999.5, 1.0, ""),
        (999.5e3, 1e3, "k"),
        (999.5e6, 1e6, "M"),
        (math.inf, 1e9, "B"),
    ):
        if size < limit:
            scaled = value / divisor
            digits = 0 if not unit else max(0, 2 - math.floor(math.log10(max(abs(scaled), 1))))
            number = f"{abs(scaled):,.{digits}f}"
            return f"{'−' if value < 0 else ''}${number}{unit}"
    raise AssertionError("unreachable: the last limit is infinite")


def price(value: float) -> str:
    """$28,000, with one decimal only where the price is small."""
    return f"${value:,.0f}" if value >= 1000 else f"${value:,.1f}"


def share(part: float, whole: float) -> str:
    """A share in per cent; 'none' of nothing."""
    if whole <= 0:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else "under 1 %"


def when(moment: object) -> str:
    """Mar 05, 14:30 UTC."""
    return f"{pd.Timestamp(moment):%b %d, %H:%M} UTC"  # type: ignore[arg-type]


def duration(span: np.timedelta64 | pd.Timedelta) -> str:
    """15-minute, 4-hour or 1-day, as an adjective."""
    minutes = pd.Timedelta(span).total_seconds() / 60
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes >= size and minutes % size == 0:
            return f"{minutes / size:.0f}-{unit}"
    return f"{minutes:g}-minute"


def age(moment: object, now: object) -> str:
    """How old something is: 40 seconds, 3 minutes, 2 hours, 5 days."""
    seconds = (pd.Timestamp(now) - pd.Timestamp(moment)).total_seconds()  # type: ignore[arg-type]
    for size, unit in ((86_400 * 2, "days"), (3_600 * 2, "hours"), (120, "minutes")):
        if seconds >= size:
            per = {"days": 86_400, "hours": 3_600, "minutes": 60}[unit]
            return f"{seconds / per:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def markdown(text: str) -> str:
    """Text safe to show as Markdown: a dollar sign would start a formula."""
    return text.replace("$", r"\$")


def provenance_line(grid: HeatGrid, synthetic: bool) -> str:
    """One line that says which kind of heatmap this is, from which venues, how complete and how old."""
    facts = grid.provenance
    venues = ", ".join(
        f"{item.venue} ({COMPLETENESS.get(item.completeness, item.completeness)})" for item in facts.venues
    )
    parts = [KIND_MEANING[grid.kind], f"Source: {facts.source}." if facts.source else ""]
    if grid.kind == "realised":
        parts.append(f"Venues: {venues or 'none'}.")
    elif facts.venues:
        parts.append(f"Venues: {', '.join(facts.venue_names)}.")
    if facts.as_of is not None:
        parts.append(f"Data up to {when(facts.as_of)}.")
    if synthetic:
        parts.append("Synthetic data, made by a simulator.")
    return " ".join(part for part in parts if part)
