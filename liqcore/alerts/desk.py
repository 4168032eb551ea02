"""The desk: what the engine remembers, the inbox and what could not be delivered, as one text that a store
can hold.

A live collector calls `advance` once a minute and stores the desk; a page reads it, acknowledges and snoozes.
Pure bookkeeping: nothing here reads a clock, a disk or a network.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from liqcore import tables
from liqcore.alerts.alert import Alert
from liqcore.alerts.engine import State, start, step
from liqcore.alerts.inputs import AlertData, Settings
from liqcore.alerts.rules import Rule, RuleError

MOST_ENTRIES: Final = 1_000
MOST_LETTERS: Final = 500
STATES: Final = ("open", "snoozed", "acknowledged")
_DEFAULT: Final = Settings()


@dataclass(frozen=True)
class Entry:
    """An alert in the inbox. `snoozed` is until when it sleeps (ISO, UTC), `origin` whether it is `live` or a
    `replay`."""

    alert: Alert
    acknowledged: bool = False
    snoozed: str | None = None
    origin: Literal["live", "replay"] = "live"

    def state(self, now: object) -> str:
        """`open`, `snoozed` or `acknowledged` at a moment (UTC)."""
        if self.acknowledged:
            return "acknowledged"
        asleep = self.snoozed is not None and tables.to_datetime64(self.snoozed) > tables.to_datetime64(now)
        return "snoozed" if asleep else "open"


@dataclass(frozen=True)
class Letter:
    """An alert that a channel did not take: the channel's name, when (ISO, UTC), attempts and the reason,
    without its address."""

    channel: str
    alert: Alert
    time: str
    attempts: int
    reason: str


@dataclass(frozen=True)
class Desk:
    """Engine state, inbox (newest first) and dead letters (oldest first). `state` is None before the engine
    first ran."""

    state: State | None = None
    entries: tuple[Entry, ...] = ()
    letters: tuple[Letter, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, text and numbers, ready for JSON."""
        return {
            "version": 1,
            "state": None if self.state is None else self.state.to_dict(),
            "entries": [
                {
                    "alert": one.alert.to_dict(),
                    "acknowledged": one.acknowledged,
                    "snoozed": one.snoozed,
                    "origin": one.origin,
                }
                for one in self.entries
            ],
            "letters": [{**vars(one), "alert": one.alert.to_dict()} for one in self.letters],
        }

    @classmethod
    def from_dict(cls, data: object) -> Desk:
        """The desk of `to_dict`, or RuleError where it cannot be read."""
        try:
            facts: Any = data
            if facts["version"] != 1:
                raise ValueError
            entries = tuple(
                Entry(
                    Alert.from_dict(one["alert"]),
                    bool(one["acknowledged"]),
                    _moment(one["snoozed"]),
                    "replay" if one["origin"] == "replay" else "live",
                )
                for one in facts["entries"]
            )
            letters = tuple(
                Letter(
                    str(one["channel"]),
                    Alert.from_dict(one["alert"]),
                    str(one["time"]),
                    int(one["attempts"]),
                    str(one["reason"]),
                )
                for one in facts["letters"]
            )
            return cls(
                None if facts["state"] is None else State.from_dict(facts["state"]),
                entries[:MOST_ENTRIES],
                letters[-MOST_LETTERS:],
            )
        except (KeyError, TypeError, ValueError, AttributeError, tables.TableError):
            raise RuleError(
                "The stored inbox cannot be read. Remove it: alerts are then collected anew from now."
            ) from None

    def to_json(self) -> str:
        """The desk as one text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Desk:
        """The desk of `to_json`, or RuleError where it cannot be read."""
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError, TypeError):
            raise RuleError(
                "The stored inbox cannot be read. Remove it: alerts are then collected anew from now."
            ) from None


def advance(
    desk: Desk,
    rules: Sequence[Rule],
    data: AlertData,
    now: object,
    settings: Settings = _DEFAULT,
    detail: Literal["full", "quick"] = "full",
) -> tuple[Desk, tuple[Alert, ...]]:
    """Judge what happened since the last call and put what was told into the inbox.

    The first call only starts the clock: what happened before a rule was watched is not told.

    Parameters
    ----------
    data : tables from `inputs.needed_since(desk.state.until, settings)` on; rows later than `now` are not
    looked at.

    Returns
    -------
    The new desk, and the new alerts in order of time, for `Notifier.deliver`.
    """
    if desk.state is None:
        return (
            replace(
                desk,
                state=start(tables.to_datetime64(now) - np.timedelta64(round(settings.delay * 1e6), "us")),
            ),
            (),
        )
    state, alerts = step(rules, desk.state, data, now, settings, detail)
    return receive(replace(desk, state=state), alerts), alerts


def receive(desk: Desk, alerts: Iterable[Alert], origin: Literal["live", "replay"] = "live") -> Desk:
    """Put alerts into the inbox; one that is there already stays as it is. Beyond 1,000 the oldest settled
    ones go first."""
    held = {one.alert.id for one in desk.entries}
    new = {alert.id: Entry(alert, origin=origin) for alert in alerts if alert.id not in held}
    entries = sorted(
        (*new.values(), *desk.entries), key=lambda one: (one.alert.time, one.alert.id), reverse=True
    )
    if len(entries) > MOST_ENTRIES:
        settled = [one for one in entries if one.acknowledged]
        gone = {one.alert.id for one in settled[max(len(settled) - (len(entries) - MOST_ENTRIES), 0) :]}
        entries = [one for one in entries if one.alert.id not in gone][:MOST_ENTRIES]
    return replace(desk, entries=tuple(entries))


def acknowledge(desk: Desk, ids: Collection[str], done: bool = True) -> Desk:
    """Mark alerts as seen, or as not seen again."""
    return replace(
        desk,
        entries=tuple(
            replace(one, acknowledged=done, snoozed=None) if one.alert.id in ids else one
            for one in desk.entries
        ),
    )


def snooze(desk: Desk, ids: Collection[str], until: object) -> Desk:
    """Let alerts sleep until a moment (UTC); then they are open again."""
    moment = f"{np.datetime_as_string(tables.to_datetime64(until), unit='s')}Z"
    return replace(
        desk,
        entries=tuple(
            replace(one, snoozed=moment, acknowledged=False) if one.alert.id in ids else one
            for one in desk.entries
        ),
    )


def bury(desk: Desk, letters: Iterable[Letter]) -> Desk:
    """Add to the list of what could not be delivered; beyond 500 the oldest go."""
    return replace(desk, letters=(*desk.letters, *letters)[-MOST_LETTERS:])


def exhume(desk: Desk) -> tuple[Desk, tuple[Letter, ...]]:
    """Take all letters off the list, to try them again."""
    return replace(desk, letters=()), desk.letters


def waiting(desk: Desk, now: object) -> int:
    """How many alerts are open at a moment (UTC)."""
    return sum(one.state(now) == "open" for one in desk.entries)


def chosen(
    desk: Desk, now: object, state: str = "open", kind: str = "", side: str = "", rule: str = ""
) -> tuple[Entry, ...]:
    """The entries in a state (empty for any) of a kind of map, a side and a rule's name, newest first."""
    return tuple(
        one
        for one in desk.entries
        if (not state or one.state(now) == state)
        and (not kind or one.alert.kind == kind)
        and (not side or one.alert.side == side)
        and (not rule or one.alert.name == rule)
    )


def to_csv(entries: Sequence[Entry], now: object) -> str:
    """Entries as CSV, one row each, with what speaks against them; text that a spreadsheet would run is made
    harmless."""
    out = io.StringIO()
    names = (
        "time",
        "state",
        "name",
        "sentence",
        "what",
        "side",
        "level",
        "price",
        "usd",
        "before",
        "after",
        "unit",
        "kind",
        "agreement",
        "completeness",
        "data_age",
    )
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, "venues", "stale", "against"])
    for one in entries:
        facts = {**vars(one.alert), "state": one.state(now)}
        more = (
            "; ".join(f"{venue} ({complete})" for venue, complete in one.alert.venues),
            "; ".join(one.alert.stale),
            " ".join(one.alert.against),
        )
        writer.writerow([_harmless(value) for value in (*(facts[name] for name in names), *more)])
    return out.getvalue()


def to_json(entries: Sequence[Entry], now: object) -> str:
    """Entries as a JSON list of alerts with their state."""
    return json.dumps(
        [{"state": one.state(now), "origin": one.origin, **one.alert.to_dict()} for one in entries],
        ensure_ascii=False,
        indent=1,
    )


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _moment(value: object) -> str | None:
    if value is None:
        return None
    tables.to_datetime64(value)
    return str(value)
