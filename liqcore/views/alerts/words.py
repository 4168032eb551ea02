"""What a test of a rule and an alert say, in sentences made from their own numbers; no Streamlit here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.alerts.alert import Alert
from liqcore.alerts.measure import Replay
from liqcore.alerts.rules import KINDS, SIGNAL_KINDS, Condition, Rule
from liqcore.heat.grid import HeatGrid
from liqcore.service.dataset import Dataset
from liqcore.views.explain import COMPLETENESS

# Numbers on a map run into one another beyond this.
MOST_MARKS = 30
_FEW = 20


def lacking(rule: Rule, data: Dataset) -> list[str]:
    """What the rule watches that this market does not hold: where that is all, no telling is no finding."""
    tables = {"liquidations": data.liquidations, "candles": data.candles, "funding": data.funding}
    held = {"", *(name for name, table in tables.items() if table is not None and len(table))}
    needed = (_watched(part) for part in rule.when.conditions)
    return [name for name in dict.fromkeys(needed) if name not in held]


def _watched(part: Condition) -> str:
    if part.kind in ("external", "funding extreme"):
        return "signals from outside" if part.kind == "external" else "funding"
    if part.kind == "large liquidation":
        return "liquidations"
    if "heat" in KINDS[part.kind].takes:
        return "candles" if part.heat == "modelled" else "liquidations"
    return "candles" if part.kind in SIGNAL_KINDS else ""


def verdict(told: Replay, horizon: str, lacks: Sequence[str] = ()) -> str:
    """One sentence on what the test says, careful with small numbers; `lacks` is what the rule watches and
    the market does not hold."""
    row = told.summary.iloc[0]
    if row["firings"] == 0 and lacks:
        return (
            "Nobody knows what this rule would have told: it watches"
            f" {wording.joined(lacks)}, and this market holds none. Choose another market, or watch"
            " something else."
        )
    if row["firings"] == 0:
        return f"This rule would not have told anything in {wording.count(round(told.days), 'day')}."
    times = (
        f"This rule would have told {wording.count(row['firings'], 'time')} in"
        f" {wording.count(round(told.days), 'day')}"
    )
    if row["judged"] == 0:
        return f"{times}. No touch of a level can be judged: {_why_not(told)}"
    touched = (
        f"{times}. The level was touched within {horizon} after {row['touched']:,} of the {row['judged']:,}"
        " that can be judged"
    )
    if not row["separate"]:
        return f"{touched}. The data before them are too short to say how often chance alone does that."
    return f"{touched}. {_against_chance(row)}"


def _against_chance(row: pd.Series) -> str:
    """The verdict holds its error rate: on levels nobody chose it speaks of a difference 5 times in 100."""
    seen, expected = row["separate_touched"] / row["separate"], 1 - row["base_false_alarms"]
    compared = (
        f"Of {row['separate']:,} that do not overlap, {percent(seen)} were touched; levels as far away at"
        f" earlier moments as lively were touched in {percent(expected)}"
    )
    if not row["chance_p"] <= 0.05:
        return f"{compared}: no difference one could tell from chance."
    return f"{compared}: {'more' if seen > expected else 'fewer'} than chance explains in 19 of 20 cases."


def _why_not(told: Replay) -> str:
    outcomes = told.firings["outcome"].value_counts()
    most = str(outcomes.index[0])
    return {
        "already there": "the price stood at the level already.",
        "too late to tell": "the data end too early, or the rule watches no price.",
    }.get(most, "there is nothing to compare with.")


def how_to_read(told: Replay, rule: Rule, horizon: str, timeframe: str, grid: HeatGrid) -> list[str]:
    """The explanation beside the test, with its own numbers."""
    row = told.summary.iloc[0]
    points = [
        (
            f"**Each number on the map** is a moment at which the rule would have told, {row['firings']:,} in"
            f" {wording.decimal(told.days, 1)} days or {wording.decimal(row['per_day'], 1)} a day. It was"
            f" judged only from what was known then, at the close of each {_length(timeframe)} bar."
        ),
        (
            "**Lead** is the time from the alert to the first touch of the level,"
            f" {_minutes(row['lead_minutes'])} in the median here. A level that was not touched within"
            f" {horizon} counts as a false alarm; one that price stood at already is left out"
            f" ({int((told.firings['outcome'] == 'already there').sum()):,} here)."
        ),
        (
            f"**Control levels** are {row['controls']:,} other prices as far from the market when the test"
            f" begins, with the same rule: {percent(row['control_false_alarms'])} false alarms. Levels as far"
            " away as these firings, at earlier moments as lively, without any rule:"
            f" {percent(row['base_false_alarms'])}. A rule is worth something only if it does clearly better"
            " than both."
        ),
        (
            "**The map** shows"
            f" {'liquidations that happened' if grid.kind == 'realised' else 'modelled levels, an estimate'},"
            f" from {', '.join(wording.venues(grid.provenance.venue_names)) or 'an unnamed source'}. A touch"
            " is not a profit: what price did afterwards, spreads and fees are not in these figures."
        ),
    ]
    if row["judged"] < _FEW:
        points.append(
            f"**Few cases:** {row['judged']:,} can be judged. Under {_FEW} a rate says next to nothing; take"
            " a longer stretch, or a looser rule."
        )
    return points


def marks(told: Replay, grid: HeatGrid) -> pd.DataFrame | None:
    """The latest firings inside the drawn prices as numbered notes for the chart."""
    rows = told.firings
    place = (
        rows["level"].astype(float).fillna(rows["price"].astype(float)).to_numpy()
        if len(rows)
        else np.empty(0)
    )
    inside = (place > grid.price_edges[0]) & (place < grid.price_edges[-1])
    if not inside.any():
        return None
    kept = rows[inside].assign(place=place[inside], number=np.flatnonzero(inside) + 1).tail(MOST_MARKS)
    # Words beside numbers that stand close together would cover one another; the table has them.
    return pd.DataFrame(
        {"time": kept["time"], "price": kept["place"], "label": "", "number": kept["number"].astype(str)}
    ).reset_index(drop=True)


def level_lines(rule: Rule, grid: HeatGrid) -> pd.DataFrame | None:
    """The levels of a rule as lines for the chart."""
    found = sorted(
        {
            part.level
            for part in rule.when.conditions
            if part.level is not None and grid.price_edges[0] < part.level < grid.price_edges[-1]
        }
    )
    return (
        pd.DataFrame({"price": found, "label": [f"{wording.price(level)} watched" for level in found]})
        if found
        else None
    )


def firing_table(told: Replay) -> pd.DataFrame:
    """Every firing as a row in words, the latest first."""
    rows = told.firings.iloc[::-1]
    level = rows["level"].astype(float).fillna(rows["price"].astype(float))
    return pd.DataFrame(
        {
            "No.": np.arange(len(rows), 0, -1),
            "Time (UTC)": rows["time"],
            "What": rows["what"].astype(str).str.capitalize(),
            "Side": rows["side"],
            "Level, USD": level.to_numpy(),
            "Heat, USD": rows["usd"].astype(float).to_numpy(),
            "Away": rows["distance"].astype(float).abs().to_numpy(),
            "Outcome": rows["outcome"].astype(str).str.capitalize(),
            "Lead, min": rows["lead_minutes"].astype(float).to_numpy(),
            "Venues": rows["agreement"].astype(str).str.capitalize(),
            "Data": [COMPLETENESS.get(name, name) for name in rows["completeness"]],
        }
    )


def evidence(alert: Alert) -> list[str]:
    """What speaks for an alert, one short sentence a point."""
    out = [alert.sentence]
    count = len(alert.venues)
    if alert.agreement == "market-wide":
        out.append(
            f"At least two thirds of {count} fresh venues show heat there, and no single one holds nearly all"
            " of it."
        )
    elif alert.agreement == "partly confirmed":
        out.append(f"Several of {count} fresh venues show heat there.")
    if alert.completeness == "all" and alert.venues:
        out.append("Every one of these venues publishes all its liquidations.")
    return out


def counter_evidence(alert: Alert) -> list[str]:
    """What speaks against it: the reading of the level, and what the data lack. Never empty."""
    out = list(alert.against)
    if alert.agreement in ("cannot say", "isolated"):
        out.append(
            "Too few venues show it, or most of it is one order: the market cannot be told from one trader or"
            " one venue's noise."
            if alert.agreement == "cannot say"
            else "Only one venue shows it: it may be one trader or a feed that errs."
        )
    sampled = [name for name, complete in alert.venues if complete == "sampled"]
    if sampled:
        out.append(
            f"{wording.joined(sampled)} {'publishes' if len(sampled) == 1 else 'publish'} only a sample of"
            " liquidations."
        )
    if alert.stale:
        out.append(f"Without {wording.joined(alert.stale)}: no news from there for too long.")
    if alert.kind == "modelled":
        out.append("Nobody outside the venues knows the open positions: this is an estimate.")
    return out or ["Nothing was found against it. That is not the same as proof."]


def facts_line(alert: Alert) -> str:
    """Kind, venues with completeness, and the age of the data in one line."""
    venues = ", ".join(
        f"{wording.venue(name)} ({COMPLETENESS.get(complete, complete)})" for name, complete in alert.venues
    )
    age = "of unknown age" if alert.data_age is None else f"{wording.duration(alert.data_age)} old"
    return f"{alert.kind_note} Venues: {venues or 'none'}. Data {age} at that moment."


def percent(share: float) -> str:
    """33 %, or unknown."""
    return wording.percent(share) if math.isfinite(share) else "unknown"


def _minutes(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    return wording.duration(60 * round(value))


def lead(value: float) -> str:
    """38 min or 2 h 5 min, or a dash."""
    return _minutes(value) if math.isfinite(value) else "–"


def _length(timeframe: str) -> str:
    return wording.adjective(pd.Timedelta(timeframe))
