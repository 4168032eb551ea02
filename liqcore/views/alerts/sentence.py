"""A rule as a sentence with controls in it: which words and fields each kind of condition has; no Streamlit
here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from liqcore import wording
from liqcore.alerts.rules import KINDS, Condition, RuleError
from liqcore.risk.numbers import RiskError, parse_number

MOST: Final = 4


@dataclass(frozen=True)
class Subject:
    """What a sentence is about: its words, the map it looks at where that is fixed, and its verbs by kind of
    condition."""

    label: str
    heat: str | None
    verbs: dict[str, str]


_CHANGES: Final = {"heat grows": "grow by", "heat shrinks": "shrink by", "heat spikes": "jump by"}
_LIVES: Final = {
    "cluster appears": "appear",
    "cluster grows": "grow",
    "cluster shrinks": "shrink",
    "cluster shifts": "shift",
    "cluster swept": "are swept by price",
    "cluster dissipates": "dissipate",
    "cluster re-emerges": "come back",
}
SUBJECTS: Final[dict[str, Subject]] = {
    "liquidations": Subject("liquidations", "realised", _CHANGES),
    "levels": Subject("modelled levels", "modelled", _CHANGES),
    "clusters": Subject("clusters of liquidations", "realised", _LIVES),
    "modelled": Subject("clusters of modelled levels", "modelled", _LIVES),
    "price": Subject(
        "price",
        None,
        {
            "recapture": "recaptures",
            "rejection": "is rejected at",
            "breakout": "breaks out with volume at",
            "false breakout": "breaks out falsely at",
            "price near cluster": "comes within",
        },
    ),
    "venues": Subject("venues", None, {"venues agree": "show", "venues stop agreeing": "no longer show"}),
    "balance": Subject("the balance of sides", None, {"balance flips": "flips"}),
    "large": Subject("a single liquidation", None, {"large liquidation": "happens"}),
    "funding": Subject("funding", None, {"funding extreme": "becomes extreme"}),
    "source": Subject("a feed", None, {"source stale": "goes silent"}),
    "external": Subject("an outside signal", None, {"external": "arrives"}),
}
# A field in braces becomes a control, everything else a word between controls.
_HEAT: Final = "{side} {subject} within {within} % of {level} {verb} {by}"
_AROUND: Final = "within {within} % of {level}"
_SIGNAL: Final = "{subject} {verb} {level} {way}"
LINES: Final[dict[str, str]] = {
    "heat grows": _HEAT + " % in {over} on at least {venues}",
    "heat shrinks": _HEAT + " % in {over} on at least {venues}",
    "heat spikes": _HEAT + " times the usual spread in {over} on at least {venues}",
    "large liquidation": "{subject} of {side} worth at least {minimum} {verb} " + _AROUND + " on {name} {on}",
    **dict.fromkeys(_LIVES, "{side} {subject} of at least {minimum} {verb} " + _AROUND),
    "cluster shifts": "{side} {subject} of at least {minimum} {verb} {way} " + _AROUND,
    "price near cluster": "{subject} {verb} {by} ATR of {side} clusters of {heat} of at least {minimum}",
    "recapture": _SIGNAL,
    "rejection": _SIGNAL,
    "breakout": _SIGNAL,
    "false breakout": _SIGNAL,
    "venues agree": "at least {venues} {subject} {verb} {side} {heat} " + _AROUND,
    "venues stop agreeing": "at least {venues} {subject} {verb} {side} {heat} " + _AROUND,
    "balance flips": "{subject} of {heat} {verb} {way} past {by} % " + _AROUND + " in {over}",
    "funding extreme": "{subject} on {name} becomes {way} by {by} robust deviations",
    "source stale": "{subject} of {name} {verb} for {over}",
    "external": "{subject} named {name} {verb} {on}",
}
SIDES: Final = {"both": "long and short", "long": "long", "short": "short"}
HEATS: Final = {"realised": "liquidations", "modelled": "modelled levels"}
TELL_AT: Final = {"bar": "told when the bar closes", "event": "told at once"}
_SPANS: Final = ("5min", "15min", "30min", "1h", "2h", "4h", "12h", "1d")
_AMOUNTS: Final = (0.0, 50e3, 100e3, 250e3, 500e3, 1e6, 2e6, 5e6, 10e6, 25e6, 50e6, 100e6)
_WAYS: Final = {
    "bullish": "upward",
    "bearish": "downward",
    "towards": "towards the level",
    "across": "across the level",
    "to long": "to longs",
    "to short": "to shorts",
    "high": "extremely high",
    "low": "extremely low",
}
_ANY_WAY: Final = {
    "cluster shifts": "anywhere",
    "balance flips": "to either side",
    "funding extreme": "extreme",
}
_PERCENT: Final = ("heat grows", "heat shrinks", "balance flips")
# Until a rule asks for another, a new condition starts like this.
START: Final[dict[str, Any]] = {
    "subject": "liquidations",
    "verb": "heat grows",
    "side": "short",
    "within": 0.5,
    "by": 50.0,
    "over": "30min",
    "venues": 3,
    "heat": "realised",
    "minimum": 0.0,
    "name": "",
    "way": "any",
    "on": "bar",
}


def tokens(kind: str) -> tuple[str, ...]:
    """The words and `{fields}` of a kind of condition in the order of its sentence; words in a row are one
    token."""
    out: list[str] = []
    for word in LINES[kind].split():
        if out and not word.startswith("{") and not out[-1].startswith("{"):
            out[-1] += f" {word}"
        else:
            out.append(word)
    return tuple(out)


def subject_of(condition: Condition) -> str:
    """The subject whose verbs and map a condition has."""
    return next(
        name
        for name, one in SUBJECTS.items()
        if condition.kind in one.verbs and one.heat in (None, condition.heat)
    )


def options(field: str, kind: str, venues: tuple[str, ...] = (), held: Any = None) -> dict[Any, str]:
    """The choices of a field with their words; what is `held` is one of them whatever it is."""
    if field == "over":
        found = {name: name.replace("min", " min").replace("h", " h").replace("d", " d") for name in _SPANS}
        return found | ({held: str(held)} if isinstance(held, str) and held not in found else {})
    if field == "venues":
        usual = range(2 if kind.startswith("venues") else 1, 9)
        noun = "" if kind.startswith("venues") else "venue"
        chosen = sorted({*usual, *([int(held)] if isinstance(held, int) and held >= usual[0] else [])})
        return {count: wording.count(count, noun) if noun else str(count) for count in chosen}
    if field == "minimum":
        least = [amount for amount in _AMOUNTS if amount > 0 or kind != "large liquidation"]
        chosen = sorted(
            {*least, *([float(held)] if isinstance(held, float) and (held > 0 or 0.0 in least) else [])}
        )
        return {amount: wording.usd(amount) if amount else "any size" for amount in chosen}
    if field == "name":
        return {"": "any venue", **{venue: venue for venue in venues}} | (
            {held: held} if isinstance(held, str) and held else {}
        )
    if field == "way":
        return {
            way: _ANY_WAY.get(kind, "either way") if way == "any" else _WAYS[way] for way in KINDS[kind].ways
        }
    return {
        "side": SIDES,
        "heat": HEATS,
        "on": TELL_AT,
        "subject": {name: one.label for name, one in SUBJECTS.items()},
    }[field]


def condition_of(values: Mapping[str, Any]) -> Condition:
    """The condition that the controls of a sentence say.

    `values` holds the fields of `tokens(kind)`, with `within` and shares in per cent and the level as typed,
    and `verb`, the kind. Raises RuleError with a sentence.
    """
    kind = str(values["verb"])
    facts, told = KINDS[kind], {token.strip("{}") for token in tokens(kind) if token.startswith("{")}
    more: dict[str, Any] = {
        name: values[name] for name in ("side", "over", "venues", "minimum", "way", "on") if name in told
    }
    # A least size that the sentence has no room for stays as it came with the rule.
    more |= {"minimum": values.get("minimum", 0.0)} if "minimum" in facts.takes else {}
    if "level" in told:
        more["level"] = level_of(str(values.get("level") or ""), facts.level == "needed")
    if "within" in told:
        more["within"] = round(float(values["within"]) / 100, 8)
    if "by" in told:
        more["by"] = round(float(values["by"]) / (100 if kind in _PERCENT else 1), 8)
    if "name" in told:
        more["name"] = str(values.get("name") or "").strip()
    fixed = SUBJECTS[str(values["subject"])].heat
    if "heat" in facts.takes:
        more["heat"] = fixed or values.get("heat", "realised")
    return Condition(kind, **more)


def values_of(condition: Condition) -> dict[str, Any]:
    """What the controls must hold for a condition; the inverse of `condition_of`."""
    out: dict[str, Any] = {**START, "subject": subject_of(condition), "verb": condition.kind}
    out |= {
        name: getattr(condition, name) for name in ("side", "over", "venues", "minimum", "name", "heat", "on")
    }
    if condition.way:
        out["way"] = condition.way
    out["within"] = round(100 * condition.within, 6)
    out["level"] = "" if condition.level is None else wording.field(condition.level)
    if condition.by is not None:
        out["by"] = round(condition.by * (100 if condition.kind in _PERCENT else 1), 6)
    return out


def limits(kind: str) -> tuple[float, float, float, float]:
    """Least, most, usual value and step of the strength of a kind, in the unit of its control."""
    least, most, usual = KINDS[kind].by or (0.0, 1.0, 0.5)
    unit = 100.0 if kind in _PERCENT else 1.0
    return (
        least * unit,
        most * unit,
        usual * unit,
        5.0 if unit > 1 else 0.5 if kind != "price near cluster" else 0.25,
    )


def level_of(text: str, needed: bool) -> float | None:
    """A level as people type it (28,500 or 28.5k); None for an empty one where it is not needed. RuleError
    otherwise."""
    if not text.strip() and not needed:
        return None
    try:
        value = parse_number(text, "The level")
    except RiskError as problem:
        raise RuleError(str(problem)) from None
    if not 1 <= value <= 1e8:
        raise RuleError(f"The level {text.strip()[:20]!r} is no price of BTC in USD. Type it like 28,500.")
    return value
