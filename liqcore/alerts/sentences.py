"""A rule as the sentence a person would say."""

from __future__ import annotations

import re

from liqcore import wording
from liqcore.alerts.rules import SIGNAL_KINDS, Condition, Group, Rule

_UNIT = {"m": "min", "h": "h", "d": "d"}


def sentence(rule: Rule) -> str:
    """The whole rule: when what happens where, within which time, on how many venues, and who is told."""
    tell = wording.joined(rule.tell, "and") or "nobody"
    return f"When {group_words(rule.when)}, tell me by {tell}."


def group_words(group: Group) -> str:
    """The conditions of a group joined by `and` or `or`."""
    parts = [
        condition_words(part) if isinstance(part, Condition) else f"({group_words(part)})"
        for part in group.parts
    ]
    if len(parts) == 1:
        return parts[0]
    text = wording.joined(parts, "and" if group.match == "all" else "or")
    return f"{text}, all within {span_words(group.together)}" if group.match == "all" else text


def condition_words(part: Condition) -> str:
    """One condition without its `when`."""
    if part.kind.startswith("heat "):
        return _heat_words(part)
    if part.kind.startswith("cluster "):
        return _cluster_words(part)
    if part.kind in SIGNAL_KINDS:
        way = "" if part.way == "any" else f"{part.way} "
        article = "an" if (way or part.kind)[0] in "aeiou" else "a"
        extra = " with volume" if part.kind == "breakout" else ""
        return f"price shows {article} {way}{part.kind} at {wording.price(part.level)}{extra}"
    return _other_words(part)


def _heat_words(part: Condition) -> str:
    what = f"{_what(part)} within {share_words(part.within)} of {wording.price(part.level)}"
    change = {
        "heat grows": f"grow by {share_words(part.by)} in {span_words(part.over)}",
        "heat shrinks": f"shrink by {share_words(part.by)} in {span_words(part.over)}",
        "heat spikes": f"change faster in {span_words(part.over)} than {part.by:g} times their usual spread",
    }[part.kind]
    least = f" by at least {wording.usd(part.minimum)}" if part.minimum else ""
    return f"{what} {change}{least}{_venues(part)}"


def _cluster_words(part: Condition) -> str:
    side = "" if part.side == "both" else f"{part.side} "
    heat = "modelled " if part.heat == "modelled" else ""
    size = f" of at least {wording.usd(part.minimum)}" if part.minimum else ""
    where = "" if part.level is None else f" within {share_words(part.within)} of {wording.price(part.level)}"
    verb = {
        "cluster appears": "appears",
        "cluster grows": "grows",
        "cluster shrinks": "shrinks",
        "cluster dissipates": "dissipates",
        "cluster swept": "is swept by price",
        "cluster re-emerges": "comes back",
        "cluster shifts": "shifts",
    }[part.kind]
    if part.kind == "cluster shifts" and part.level is not None and part.way != "any":
        verb, where = (
            f"shifts {part.way} {wording.price(part.level)}",
            f" (within {share_words(part.within)})" if part.way == "towards" else "",
        )
    return f"a {heat}{side}cluster{size} {verb}{where}"


def _other_words(part: Condition) -> str:
    side = "" if part.side == "both" else f"{part.side} "
    if part.kind == "price near cluster":
        return (
            f"price comes within {wording.decimal(part.by)} ATR of a"
            f" {'modelled ' if part.heat == 'modelled' else ''}{side}cluster"
            + (f" of at least {wording.usd(part.minimum)}" if part.minimum else "")
        )
    if part.kind == "large liquidation":
        at = (
            "" if part.level is None else f" within {share_words(part.within)} of {wording.price(part.level)}"
        )
        return f"a single {side}liquidation of at least {wording.usd(part.minimum)}{at} happens" + (
            f" on {part.name}" if part.name else ""
        )
    if part.kind in ("venues agree", "venues stop agreeing"):
        verb = "show" if part.kind == "venues agree" else "no longer show"
        return (
            f"at least {part.venues} venues {verb} {side}heat within {share_words(part.within)} of"
            f" {wording.price(part.level)}"
        )
    if part.kind == "balance flips":
        at = (
            "on the whole map"
            if part.level is None
            else f"within {share_words(part.within)} of {wording.price(part.level)}"
        )
        to = "" if part.way == "any" else f" {part.way}s"
        return f"the balance of long and short liquidations {at} flips{to} past {share_words(part.by)}"
    if part.kind == "funding extreme":
        way = "extreme" if part.way == "any" else f"extremely {part.way}"
        return (
            f"funding{f' on {part.name}' if part.name else ''} becomes {way} ({part.by:g} robust deviations)"
        )
    if part.kind == "source stale":
        return f"{part.name or 'any venue'} sends nothing for {span_words(part.over)}"
    return f"the external signal {part.name} arrives"


def _what(part: Condition) -> str:
    side = "" if part.side == "both" else f"{part.side} "
    return f"modelled {side}levels" if part.heat == "modelled" else f"{side}liquidations"


def _venues(part: Condition) -> str:
    return "" if part.venues == 1 else f" on at least {part.venues} venues"


def share_words(value: float | None) -> str:
    """A share as people say it: 0.5 %."""
    return wording.percent(value or 0.0, exact=True)


def span_words(text: str) -> str:
    """A length of time as people say it: 30 min, 4 h."""
    found = re.match(r"\s*(\d+)\s*([a-zA-Z])", text)
    return f"{int(found[1])} {_UNIT[found[2].lower()]}" if found else text
