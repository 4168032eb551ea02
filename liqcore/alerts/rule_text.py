"""Rules as text and back: TOML for people, JSON for programs, and a short text for links."""

from __future__ import annotations

import base64
import binascii
import json
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from liqcore.alerts.rules import KINDS, MAX_DEPTH, MAX_PARTS, MAX_RULES, Condition, Group, Rule, RuleError

_MOST_BYTES: Final = 8_000_000
_MOST_LINK: Final = 200_000
_PREFIX: Final = "r1."
_CONDITION: Final = tuple(item.name for item in fields(Condition))
_GROUP: Final = ("match", "when", "together")
_RULE: Final = ("name", *_GROUP, "cool_down", "release", "tell", "enabled")


def rule_to_dict(rule: Rule) -> dict[str, Any]:
    """A rule as plain dicts and lists; what has its usual value is left out."""
    out: dict[str, Any] = {"name": rule.name, **_group_to_dict(rule.when)}
    usual = {item.name: item.default for item in fields(Rule)}
    for name in ("cool_down", "release", "tell", "enabled"):
        if (value := getattr(rule, name)) != usual[name]:
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def rule_from_dict(data: object) -> Rule:
    """A checked rule from plain dicts and lists, or RuleError."""
    facts = _mapping(data, "A rule", _RULE)
    more: dict[str, Any] = {
        name: facts[name] for name in ("cool_down", "release", "enabled") if name in facts
    }
    if "tell" in facts:
        more["tell"] = tuple(facts["tell"]) if isinstance(facts["tell"], (list, tuple)) else facts["tell"]
    if "when" not in facts:
        raise RuleError(
            f"The rule {str(facts.get('name', ''))[:80]!r} has no condition. Add one under 'when'."
        )
    return Rule(name=facts.get("name", ""), when=_group_from_dict(facts, 1), **more)


def rules_to_json(rules: Sequence[Rule]) -> str:
    """A list of rules as JSON: `{"rules": [...]}`."""
    return json.dumps({"rules": [rule_to_dict(rule) for rule in rules]}, ensure_ascii=False, indent=1)


def rules_from_json(text: str | bytes) -> tuple[Rule, ...]:
    """Rules from JSON, or RuleError with the line of the mistake or the number of the rule."""
    return _listed(_load_json(_text(text)))


def rules_to_toml(rules: Sequence[Rule]) -> str:
    """A list of rules as TOML, one `[[rules]]` table each."""
    return "\n".join(_rule_to_toml(rule) for rule in rules)


def rules_from_toml(text: str | bytes) -> tuple[Rule, ...]:
    """Rules from TOML, or RuleError with the line of the mistake or the number of the rule."""
    try:
        data = tomllib.loads(_text(text))
    except tomllib.TOMLDecodeError as mistake:
        raise RuleError(f"The rule file is not valid TOML: {mistake}. Correct that line.") from None
    except (RecursionError, ValueError):
        raise RuleError(
            "The rule file is nested too deeply or holds a number too long to read. Simplify it."
        ) from None
    return _listed(data)


def rules_to_link(rules: Sequence[Rule]) -> str:
    """Rules as one short word for the address of a page. Channels are left out: they are the sender's own."""
    shared = [{key: value for key, value in rule_to_dict(rule).items() if key != "tell"} for rule in rules]
    packed = zlib.compress(json.dumps(shared, ensure_ascii=False, separators=(",", ":")).encode(), 9)
    return _PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def rules_from_link(text: str) -> tuple[Rule, ...]:
    """Rules from the word of a link, or RuleError."""
    broken = RuleError("The rules in this link cannot be read. Copy the whole link again.")
    if (
        not isinstance(text, str)
        or not text.startswith(_PREFIX)
        or len(text) > _MOST_LINK
        or not text.isascii()
    ):
        raise broken
    body = text[len(_PREFIX) :]
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        # Only so much is unpacked: a few bytes may stand for gigabytes.
        plain = zlib.decompressobj().decompress(packed, _MOST_BYTES)
        data = json.loads(plain.decode())
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise broken from None
    return _listed({"rules": data})


def _text(text: str | bytes) -> str:
    if len(text) > _MOST_BYTES:
        raise RuleError(f"The rule file is larger than {_MOST_BYTES // 1_000_000} MB. Split it.")
    if isinstance(text, bytes):
        try:
            return text.decode("utf-8-sig")
        except UnicodeDecodeError as mistake:
            raise RuleError(
                f"The rule file is not UTF-8 text (byte {mistake.start + 1:,}). Save it as UTF-8."
            ) from None
    return text


def _load_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as mistake:
        raise RuleError(
            f"The rule file is not valid JSON: {mistake.msg} in line {mistake.lineno}. Correct that line."
        ) from None
    except (RecursionError, ValueError):
        raise RuleError(
            "The rule file is nested too deeply or holds a number too long to read. Simplify it."
        ) from None


def _listed(data: object) -> tuple[Rule, ...]:
    if isinstance(data, Mapping):
        _mapping(data, "The rule file", ("rules",))
        data = data.get("rules")
    if not isinstance(data, list):
        raise RuleError(
            'The rule file has no list of rules. Begin each rule with [[rules]] in TOML, or give {"rules":'
            " [...]} in JSON."
        )
    if len(data) > MAX_RULES:
        raise RuleError(f"There are {len(data):,} rules; at most {MAX_RULES:,} can run. Remove some.")
    out = []
    for number, item in enumerate(data, 1):
        try:
            out.append(rule_from_dict(item))
        except RuleError as mistake:
            raise RuleError(f"Rule {number:,}: {mistake}") from None
    return tuple(out)


def _mapping(data: object, what: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise RuleError(f"{what} must be a table of names and values, not {type(data).__name__}.")
    odd = next((str(name) for name in data if name not in known), None)
    if odd is not None:
        raise RuleError(f"{what} has {odd[:60]!r}, which means nothing here. Known: {', '.join(known)}.")
    return dict(data)


def _group_to_dict(group: Group) -> dict[str, Any]:
    out: dict[str, Any] = {"match": group.match} if group.match != "all" or len(group.parts) > 1 else {}
    if group.together != "30min":
        out["together"] = group.together
    out["when"] = [
        _condition_to_dict(part) if isinstance(part, Condition) else _group_to_dict(part)
        for part in group.parts
    ]
    return out


def _condition_to_dict(part: Condition) -> dict[str, Any]:
    usual = {item.name: item.default for item in fields(Condition)}
    ways = KINDS[part.kind].ways
    return {
        name: value
        for name in _CONDITION
        if (value := getattr(part, name)) != usual.get(name)
        and not (name == "way" and ways and value == ways[0])
    }


def _group_from_dict(facts: Mapping[str, Any], depth: int) -> Group:
    if depth > MAX_DEPTH:
        raise RuleError(f"Groups are nested more than {MAX_DEPTH} deep. Make two rules of it.")
    when = facts["when"]
    parts = list(when) if isinstance(when, (list, tuple)) else [when]
    if len(parts) > MAX_PARTS:
        raise RuleError(
            f"A rule combines 1 to {MAX_PARTS} conditions, not {len(parts):,}. Make two rules of it."
        )
    return Group(
        facts.get("match", "all"), tuple(_part(part, depth) for part in parts), facts.get("together", "30min")
    )


def _part(data: object, depth: int) -> Condition | Group:
    if isinstance(data, Mapping) and "when" in data:
        return _group_from_dict(_mapping(data, "A group", _GROUP), depth + 1)
    facts = _mapping(data, "A condition", _CONDITION)
    if "kind" not in facts:
        raise RuleError(f"A condition has no 'kind'. Known: {', '.join(KINDS)}.")
    return Condition(**facts)


def _rule_to_toml(rule: Rule) -> str:
    facts = rule_to_dict(rule)
    parts = facts.pop("when")
    lines = ["[[rules]]", *(f"{name} = {_value(value)}" for name, value in facts.items())]
    for part in parts:
        lines += ["", "[[rules.when]]", *(f"{name} = {_value(value)}" for name, value in part.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_value(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
