"""The engine: a pure step from (state, data, now) to (state, alerts), the same for live data and for a
replay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from liqcore import tables
from liqcore.alerts.alert import Alert, ask_venues, make_alert
from liqcore.alerts.conditions import hits_of
from liqcore.alerts.hits import Hit, combine
from liqcore.alerts.inputs import DAY, AlertData, Settings, days, judged
from liqcore.alerts.observe import Frames, observe
from liqcore.alerts.rules import MAX_RULES, Rule, RuleError
from liqcore.alerts.venue_votes import Place

# Microseconds for which it is remembered what has been told: longer than a stretch of data can reach back.
_MEMORY: Final = 3 * 24 * 3_600_000_000
# Share of the price by which a cluster may have moved between two tellings and still be the same.
_SAME_PLACE: Final = 0.005
_DEFAULT: Final = Settings()


@dataclass(frozen=True)
class Memory:
    """What one rule has told: when last, and of which things (key to time); and since when it runs without a
    break, None where it does not run. Microseconds since 1970 UTC."""

    told: int | None = None
    seen: Mapping[str, int] = field(default_factory=dict)
    since: int | None = None


@dataclass(frozen=True)
class State:
    """All that the engine remembers: up to which moment (UTC) it has judged, and what each rule has told, by
    its id."""

    until: np.datetime64
    rules: Mapping[str, Memory] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, text and numbers, ready for JSON."""
        return {
            "version": 1,
            "until": f"{self.until.astype('datetime64[us]')}Z",
            "rules": {
                name: {"told": one.told, "seen": dict(one.seen), "since": one.since}
                for name, one in self.rules.items()
            },
        }

    @classmethod
    def from_dict(cls, data: object) -> State:
        """The state of `to_dict`, or RuleError where it cannot be read."""
        try:
            facts: Any = data
            if facts["version"] != 1:
                raise ValueError
            rules = {
                str(name): Memory(
                    None if one["told"] is None else int(one["told"]),
                    {str(key): int(time) for key, time in one["seen"].items()},
                    # States of before know none: their rules hear what comes late from now on.
                    None if one.get("since") is None else int(one["since"]),
                )
                for name, one in facts["rules"].items()
            }
            return cls(tables.to_datetime64(str(facts["until"])), rules)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise RuleError(
                "The stored state of the alerts cannot be read. Remove it: the rules then begin anew from"
                " now."
            ) from None


def start(at: object) -> State:
    """A state that has told nothing and judges what happens after the moment `at` (UTC)."""
    return State(tables.to_datetime64(at))


def set_back(state: State, now: object, settings: Settings = _DEFAULT) -> State:
    """The state after the clock was set back to `now` (UTC), which lies before what the state has judged.

    From as long before `now` as the clock had run ahead, a day at most, everything is judged again: what a
    wrong clock left out is told then, and what was told stays told. A state that is not ahead is returned as
    it is.
    """
    moment = tables.to_datetime64(now)
    ahead = state.until - moment
    if ahead <= np.timedelta64(0, "us"):
        return state
    last = int(moment.astype("datetime64[us]").astype("int64"))
    rules = {
        name: Memory(
            None if one.told is None else min(one.told, last),
            {key: min(at, last) for key, at in one.seen.items()},
            None if one.since is None else min(one.since, last),
        )
        for name, one in state.rules.items()
    }
    return State(judged(moment, settings) - min(ahead, np.timedelta64(1, "D")), rules)


def step(
    rules: Sequence[Rule],
    state: State,
    data: AlertData,
    now: object,
    settings: Settings = _DEFAULT,
    detail: Literal["full", "quick"] = "full",
    *,
    bare: Collection[str] = (),
    progress: Callable[[float], None] | None = None,
) -> tuple[State, tuple[Alert, ...]]:
    """Judge everything between the state's moment and `now`, and remember it.

    Feeding a day at once, bar by bar, or with the state written and read back at every bar gives the same
    alerts, as long as each call gets the tables from `inputs.needed_since(state.until, settings)` on.

    Parameters
    ----------
    rules : enabled ones run; equal rules run once and tell the channels of all of them.
    data : tables; rows later than `now` are not looked at.
    now : moment in UTC. Nothing happens where it is not later than the state's.
    detail : `full` alerts carry the counter-evidence of the level's reading; `quick` ones leave it out.
    bare : ids of rules of which only moments and prices are wanted, such as the controls of a replay: their
        alerts say neither venues nor agreement, which cost more than all the rest.
    progress : called after each UTC day with the share that is done.

    Returns
    -------
    The new state, and the alerts in order of time.

    Raises
    ------
    RuleError
        More than 10,000 rules.
    TableError, GridError
        Tables or times that cannot be used.
    """
    if len(rules) > MAX_RULES:
        raise RuleError(f"There are {len(rules):,} rules; at most {MAX_RULES:,} can run. Remove some.")
    moment, alerts = tables.to_datetime64(now), []
    running = _distinct(rules)
    ids, first = {rule.id for rule in running}, int(state.until.astype("int64"))
    memory = {
        name: replace(one, since=one.since if name in ids else None) for name, one in state.rules.items()
    }
    for name in ids:
        held = memory.get(name, Memory())
        memory[name] = replace(held, since=first if held.since is None else held.since)
    late = round(settings.late * 1e6)
    stretch, places = days(state.until, moment, settings), _places(running)
    for number, day in enumerate(stretch, 1):
        frames = observe(data, settings, day, moment, places)
        window = (
            int(max(state.until, day).astype("int64")),
            int(min(day + DAY, judged(moment, settings)).astype("int64")),
        )
        told: list[tuple[Rule, Hit]] = []
        for rule in running:
            # An event of the day before may still come on its first moments.
            memory[rule.id], hits = _run(rule, memory[rule.id], frames, window, late if number == 1 else 0)
            told += [(rule, hit) for hit in hits]
        ask_venues((hit for rule, hit in told if rule.id not in bare), frames)
        alerts += [
            make_alert(rule, hit, frames, data, "bare" if rule.id in bare else detail) for rule, hit in told
        ]
        if progress is not None:
            progress(number / len(stretch))
    until = max(state.until, judged(moment, settings))
    # A rule that is switched off for a while does not forget, until there is nothing left to repeat.
    kept = {name: one for name, held in memory.items() if (one := _pruned(held, until)) != Memory()}
    return State(until, kept), tuple(sorted(alerts, key=lambda alert: (alert.time, alert.id)))


def _run(
    rule: Rule, memory: Memory, frames: Frames, window: tuple[int, int], late: int
) -> tuple[Memory, list[Hit]]:
    """What one rule tells of the hits later than `window[0]` and up to `window[1]`; events may have come
    `late` (µs) after they were due, but none of before the rule ran is told."""
    ran = window[0] if memory.since is None else memory.since
    since = max(window[0] - late, ran)
    # After the clock was set back the window may begin before the rule did.
    first = {True: max(min(since, window[0]), ran), False: max(window[0], ran)}
    hits = [
        hit
        for hit in combine(rule.when, lambda part: hits_of(part, frames, rule.release))
        if first[hit.event] < hit.time <= window[1]
    ]
    if not hits:
        return memory, []
    quiet = int(tables.timeframe(rule.cool_down).astype("int64"))
    told, seen, out = memory.told, dict(memory.seen), []
    for hit in hits:
        key = f"{hit.what}|{hit.key}"
        if key in seen or (told is not None and hit.time - told < quiet):
            continue
        renamed = _renamed(hit, seen, frames)
        seen[key] = hit.time
        if hit.key == hit.cluster:
            seen[f"{_place(hit)}{hit.price:.10g}@{hit.cluster}"] = hit.time
        if renamed:
            continue
        told = hit.time
        out.append(hit)
    return Memory(told, seen, memory.since), out


def _place(hit: Hit) -> str:
    return f"{hit.what}@{hit.side}@"


def _renamed(hit: Hit, seen: Mapping[str, int], frames: Frames) -> bool:
    """Whether this cluster was told under another id: at midnight those that are older than the stretch seen
    get a new one.

    It is the same when it stands at the same place on the same side, existed when the other was told, and the
    other id is not in the story any more.
    """
    if hit.cluster is None or hit.key != hit.cluster or hit.price is None:
        return False
    ids, prefix = frames.births(hit.heat), _place(hit)
    for name, told in seen.items():
        if name.startswith(prefix) and (hit.born is None or hit.born <= told):
            price, other = name[len(prefix) :].split("@", 1)
            if other not in ids and abs(np.log(float(price) / hit.price)) <= _SAME_PLACE:
                return True
    return False


def _distinct(rules: Sequence[Rule]) -> list[Rule]:
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.enabled:
            held = found.get(rule.id)
            found[rule.id] = (
                rule if held is None else replace(held, tell=tuple(dict.fromkeys(held.tell + rule.tell))[:20])
            )
    return list(found.values())


def _places(rules: Sequence[Rule]) -> tuple[Place, ...]:
    """Where the rules ask whether venues agree."""
    return tuple(
        dict.fromkeys(
            Place(part.side, float(part.level or 0), part.within)
            for rule in rules
            for part in rule.when.conditions
            if part.kind in ("venues agree", "venues stop agreeing") and part.heat == "realised"
        )
    )


def _pruned(memory: Memory, until: np.datetime64) -> Memory:
    oldest = int(until.astype("datetime64[us]").astype("int64")) - _MEMORY
    return Memory(
        memory.told if memory.told is not None and memory.told >= oldest else None,
        {key: time for key, time in memory.seen.items() if time >= oldest},
        memory.since,
    )
