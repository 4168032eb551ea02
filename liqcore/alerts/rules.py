"""Alert rules as frozen data: what to watch for, at which level, how strongly, and how often to tell."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from liqcore import tables, wording

MAX_RULES: Final = 10_000
MAX_PARTS: Final = 8
MAX_DEPTH: Final = 3
SIDES: Final = ("long", "short", "both")
HEATS: Final = ("realised", "modelled")
_LONGEST: Final = np.timedelta64(24, "h")
_NAME = re.compile(r"[\w][\w .,:;'()%/+&-]{0,79}")
_CHANNEL = re.compile(r"[\w][\w .-]{0,39}")


class RuleError(ValueError):
    """A rule that cannot be used, said in one sentence a beginner can act on."""


class Kind(NamedTuple):
    """What a kind of condition takes: whether a `level` is `needed`, `optional` or `none`, which other
    fields, and what `by` means.

    `by` is (least, most, default), or None where the kind has no strength. `ways` are the values of `way`,
    the default first. `events` says whether it may be told at the event instead of at the close of the bar.
    """

    level: str = "optional"
    takes: tuple[str, ...] = ()
    by: tuple[float, float, float] | None = None
    ways: tuple[str, ...] = ()
    events: bool = False


_HEAT: Final = ("side", "within", "over", "venues", "heat", "minimum")
_CLUSTER: Final = ("side", "within", "heat", "minimum")
SIGNAL_KINDS: Final = ("recapture", "rejection", "breakout", "false breakout")
KINDS: Final[dict[str, Kind]] = {
    "heat spikes": Kind("needed", _HEAT, (1.0, 50.0, 3.0)),
    "heat grows": Kind("needed", _HEAT, (0.05, 100.0, 0.5)),
    "heat shrinks": Kind("needed", _HEAT, (0.05, 1.0, 0.5)),
    "large liquidation": Kind("optional", ("side", "within", "minimum", "name"), events=True),
    "cluster appears": Kind("optional", _CLUSTER),
    "cluster grows": Kind("optional", _CLUSTER),
    "cluster shrinks": Kind("optional", _CLUSTER),
    "cluster shifts": Kind("optional", _CLUSTER, ways=("any", "towards", "across")),
    "cluster swept": Kind("optional", _CLUSTER),
    "cluster dissipates": Kind("optional", _CLUSTER),
    "cluster re-emerges": Kind("optional", _CLUSTER),
    "price near cluster": Kind("none", ("side", "heat", "minimum"), (0.05, 20.0, 1.0)),
    "venues agree": Kind("needed", ("side", "within", "venues", "heat")),
    "venues stop agreeing": Kind("needed", ("side", "within", "venues", "heat")),
    "balance flips": Kind(
        "optional", ("within", "over", "heat", "minimum"), (0.5, 0.95, 0.6), ("any", "to long", "to short")
    ),
    "funding extreme": Kind("none", ("name",), (1.0, 20.0, 3.0), ("any", "high", "low")),
    "source stale": Kind("none", ("name", "over")),
    **{name: Kind("needed", (), ways=("any", "bullish", "bearish")) for name in SIGNAL_KINDS},
    "external": Kind("none", ("name",), events=True),
}
_DEFAULTS: Final[dict[str, Any]] = {
    "side": "both",
    "within": 0.005,
    "over": "30min",
    "venues": 1,
    "heat": "realised",
    "minimum": 0.0,
    "name": "",
    "on": "bar",
}
_OPPOSITES: Final = (("heat grows", "heat shrinks"), ("venues agree", "venues stop agreeing"))


@dataclass(frozen=True)
class Condition:
    """One thing to watch for, checked when it is made: a condition that exists is a valid one.

    Attributes
    ----------
    kind : one of `KINDS`.
    level : USD, or None for anywhere (where the kind allows it). within : share of price around it.
    side : `long` or `short`, the positions that are liquidated, or `both`.
    by : the strength: robust z of a spike or of funding, growth or loss as a fraction (0.5 is 50 %), ATR
        between price and cluster, or the share of one side from which the balance counts as flipped.
    over : time over which heat is compared with the time before it, or after which a source is stale.
    venues : least number of venues that must show it. heat : `realised` or `modelled` map.
    way : direction, see `KINDS`. name : external signal or venue; empty for any venue.
    minimum : least USD that counts. on : `bar` (told at the close of the bar) or `event` (at the event).
    """

    kind: str
    level: float | None = None
    side: str = "both"
    within: float = 0.005
    by: float | None = None
    over: str = "30min"
    venues: int = 1
    heat: str = "realised"
    way: str = ""
    name: str = ""
    minimum: float = 0.0
    on: str = "bar"

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise RuleError(f"There is no condition {_shown(self.kind)}. Known: {', '.join(KINDS)}.")
        facts = KINDS[self.kind]
        self._level(facts)
        self._numbers(facts)
        self._choices(facts)
        for name, default in _DEFAULTS.items():
            if name != "on" and name not in facts.takes and getattr(self, name) != default:
                raise RuleError(f"'{self.kind}' does not use '{name}'. Leave it out.")

    def _level(self, facts: Kind) -> None:
        if facts.level == "none" and self.level is not None:
            raise RuleError(f"'{self.kind}' looks at the whole market, not at a level. Leave 'level' out.")
        if facts.level == "needed" and self.level is None:
            raise RuleError(f"'{self.kind}' needs a level, a price in USD, for instance level = 28500.")
        if self.level is not None:
            object.__setattr__(self, "level", _number("level", self.level, 1e-6, 1e9, "a price in USD"))

    def _numbers(self, facts: Kind) -> None:
        put = object.__setattr__
        put(
            self,
            "within",
            _number("within", self.within, 0.0001, 0.2, "a share of the price: 0.005 is 0.5 %"),
        )
        put(self, "minimum", _number("minimum", self.minimum, 0.0, 1e12, "USD"))
        put(
            self, "venues", int(_number("venues", self.venues, 1, 50, "a whole number of venues", whole=True))
        )
        if facts.by is None and self.by is not None:
            raise RuleError(f"'{self.kind}' has no strength. Leave 'by' out.")
        if facts.by is not None:
            least, most, usual = facts.by
            put(
                self,
                "by",
                _number(
                    "by",
                    usual if self.by is None else self.by,
                    least,
                    most,
                    f"how strong '{self.kind}' must be",
                ),
            )
        put(self, "over", span("over", self.over))

    def _choices(self, facts: Kind) -> None:
        if self.way in ("", None) and facts.ways:
            object.__setattr__(self, "way", facts.ways[0])
        for name, value, allowed in (
            ("side", self.side, SIDES),
            ("heat", self.heat, HEATS),
            ("on", self.on, ("bar", "event")),
            ("way", self.way, facts.ways or ("",)),
        ):
            if not isinstance(value, str) or value not in allowed:
                known = " or ".join(allowed) if any(allowed) else "nothing"
                raise RuleError(f"'{name}' of '{self.kind}' is {_shown(value)}; it takes {known}.")
        if self.on == "event" and not facts.events:
            raise RuleError(f"'{self.kind}' is only known when a bar closes. Leave 'on' out.")
        if not isinstance(self.name, str) or (self.name and not _NAME.fullmatch(self.name)):
            raise RuleError(
                f"The name {_shown(self.name)} must be up to 80 letters, digits, blanks and plain signs."
            )
        if self.way in ("towards", "across") and self.level is None:
            raise RuleError(f"A shift {self.way} needs a level, a price in USD, for instance level = 28500.")
        if self.kind == "external" and not self.name:
            raise RuleError(
                "'external' needs the name of the signal, as the webhook sends it, for instance name = \"my"
                ' cross".'
            )
        if self.kind == "large liquidation" and self.minimum <= 0:
            raise RuleError(
                "'large liquidation' needs the least size in USD, for instance minimum = 1000000."
            )
        if (self.kind == "venues stop agreeing" and self.venues < 2) or (
            self.kind == "venues agree" and self.venues < 2
        ):
            raise RuleError(f"'{self.kind}' needs at least two venues: give venues = 2 or more.")


@dataclass(frozen=True)
class Group:
    """Conditions of which `all` or `any` must hold; with `all`, each must have happened within `together`."""

    match: str
    parts: tuple[Condition | Group, ...]
    together: str = "30min"

    def __post_init__(self) -> None:
        if self.match not in ("all", "any"):
            raise RuleError(f"'match' is {_shown(self.match)}; it takes all or any.")
        if not 1 <= len(self.parts) <= MAX_PARTS:
            raise RuleError(
                f"A rule combines 1 to {MAX_PARTS} conditions, not {len(self.parts)}. Make two rules of it."
            )
        if self.depth > MAX_DEPTH:
            raise RuleError(f"Groups are nested more than {MAX_DEPTH} deep. Make two rules of it.")
        object.__setattr__(self, "together", span("together", self.together))
        if self.match == "all":
            _refuse_contradiction([part for part in self.parts if isinstance(part, Condition)])

    @property
    def depth(self) -> int:
        return 1 + max((part.depth for part in self.parts if isinstance(part, Group)), default=0)

    @property
    def conditions(self) -> Iterator[Condition]:
        """Every condition in the group and the groups inside it, in order."""
        for part in self.parts:
            if isinstance(part, Condition):
                yield part
            else:
                yield from part.conditions


@dataclass(frozen=True)
class Rule:
    """When to tell what to whom.

    Attributes
    ----------
    name : for people. when : a `Group` of conditions.
    cool_down : the rule stays quiet for so long after it has told. A thing that happened to one cluster is
        told only once in any case.
    release : a condition on a strength can be told again once it has fallen to this share of its threshold.
    tell : names of channels; their addresses are secrets and are kept elsewhere. enabled : whether it runs.
    """

    name: str
    when: Group
    cool_down: str = "30min"
    release: float = 0.8
    tell: tuple[str, ...] = ("toast",)
    enabled: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise RuleError(
                f"The name of the rule, {_shown(self.name)}, must be 1 to 80 letters, digits, blanks and"
                " plain signs."
            )
        if not isinstance(self.when, Group):
            raise RuleError(f"The rule '{self.name}' has no condition. Add one under 'when'.")
        object.__setattr__(self, "cool_down", span("cool_down", self.cool_down))
        object.__setattr__(
            self, "release", _number("release", self.release, 0.1, 1.0, "a share of the threshold")
        )
        if not isinstance(self.tell, tuple) or len(self.tell) > 20:
            raise RuleError("'tell' lists up to 20 names of channels, for instance tell = [\"toast\"].")
        for channel in self.tell:
            if not isinstance(channel, str) or not _CHANNEL.fullmatch(channel) or "//" in channel:
                raise RuleError(
                    "'tell' takes names of channels, such as toast. An address is a secret and does not"
                    " belong into a rule."
                )
        if not isinstance(self.enabled, bool):
            raise RuleError(f"'enabled' is {_shown(self.enabled)}; it takes true or false.")

    @cached_property
    def id(self) -> str:
        """The same for the same rule, whatever it is called and whoever is told."""
        return hashlib.sha256(
            json.dumps(_facts(self.when), sort_keys=True).encode()
            + f"{self.cool_down}{self.release:g}".encode()
        ).hexdigest()[:12]


def span(name: str, value: object) -> str:
    """A length of time as written, if it is one of at most a day; RuleError otherwise."""
    length = _length(value) if isinstance(value, str) and len(value) <= 20 else None
    if length is None or length > _LONGEST:
        raise RuleError(
            f"'{name}' is {_shown(value)}; write a length of time up to a day, such as 30min or 4h."
        )
    return str(value).strip()


@lru_cache(maxsize=256)
def _length(text: str) -> np.timedelta64 | None:
    try:
        return tables.timeframe(text)
    except (tables.TableError, OverflowError, ValueError):
        return None


def _facts(part: Condition | Group) -> Any:
    if isinstance(part, Condition):
        return {item.name: getattr(part, item.name) for item in fields(part)}
    return [part.match, part.together, [_facts(one) for one in part.parts]]


def _refuse_contradiction(parts: list[Condition]) -> None:
    where = {
        (part.kind, part.level, part.side if part.kind not in SIGNAL_KINDS else "", part.over)
        for part in parts
    }
    for one, other in _OPPOSITES:
        for kind, *rest in where:
            if kind == one and (other, *rest) in where:
                raise RuleError(
                    f"'{one}' and '{other}' at the same level contradict each other: together they never"
                    " hold. Match any of them instead."
                )
    ways = {(part.kind, part.level, part.name, part.way) for part in parts}
    for kind, level, name, way in ways:
        opposite = {"bullish": "bearish", "high": "low", "to long": "to short"}.get(way)
        if opposite and (kind, level, name, opposite) in ways:
            raise RuleError(f"'{kind}' cannot be {way} and {opposite} together. Match any of them instead.")


def _number(name: str, value: object, least: float, most: float, meaning: str, whole: bool = False) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
    if not good or (whole and value != int(value)):  # type: ignore[call-overload]
        raise RuleError(
            f"'{name}' is {_shown(value)}; it is {meaning}, from {wording.field(least)} to"
            f" {wording.field(most)}."
        )
    return float(value)  # type: ignore[arg-type]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
