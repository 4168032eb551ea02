"""How a source is doing now: what it said of itself, and what is known about it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

import numpy as np

from liqcore import wording
from liqcore.feeds.status import SourceStatus

# Two rounds of questions; after that nobody knows what a history would have told.
_HISTORY_HOLDS: Final = 150.0
# Longer than BTC alone leaves a venue quiet on most days: then it is said that this is no fault.
_QUIET: Final = 1_800.0


class Known(NamedTuple):
    """What a collector knows about one source at a moment. Lengths are seconds by a clock that nobody sets.

    `frame` and `event` are the last ones (µs since 1970 UTC), `age` that of the last frame, too much above
    `silent`; `quiet` is for how long no event was told while it is live, `down` for how long it
    has not been live, None while it is; `history` is how asking for its history went, `asked` ago. `stuck` is
    why nothing can be stored now ("" where it can), while `waiting` events of all sources wait. `lost` and
    `refused` count events.
    """

    silent: float
    frame: int | None = None
    event: int | None = None
    age: float | None = None
    quiet: float = 0.0
    history: SourceStatus | None = None
    asked: float = float("inf")
    down: float | None = None
    stuck: str = ""
    waiting: int = 0
    lost: int = 0
    refused: int = 0


def current(status: SourceStatus, known: Known) -> SourceStatus:
    """The status to show: the last minute's truth, not what the source said when it last spoke."""
    age = known.age
    if status.state == "live" and age is not None and age > known.silent:
        status = _said(
            status,
            "stale",
            f"Nothing has come for {wording.duration(60 * round(age / 60))}. {status.message}",
        )
    elif status.state == "live" and known.quiet > _QUIET:
        words = (
            f"It answers, and has told no liquidation for {wording.duration(60 * round(known.quiet / 60))}."
        )
        status = _said(status, "live", f"{status.message} {words}")
    if status.state not in ("live", "stale") and known.history is not None:
        status = _with_history(status, known, known.history)
    if known.stuck and status.state == "live":
        waits = f"waits in memory ({known.waiting:,} events of all venues)"
        status = _said(status, "partial", f"It is heard, and what it says {waits}. {known.stuck}")
    if known.lost:
        lost = f"{known.lost:,} events could not be kept, because the store did not answer."
        status = _said(status, "partial", f"{lost} {status.message}")
    if known.refused:
        refused = (
            f"Events dated in the future that were refused: {known.refused:,}. If that goes on, this"
            " computer's clock is behind: set it."
        )
        status = _said(status, status.state, f"{status.message} {refused}")
    return replace(
        status,
        last_event=_moment(known.event) or status.last_event,
        last_heartbeat=_moment(known.frame) or status.last_heartbeat,
        age=age if age is not None else status.age,
    )


def _with_history(status: SourceStatus, known: Known, history: SourceStatus) -> SourceStatus:
    # What a history told before the socket went says nothing about now.
    recent = known.down is not None and known.asked <= known.down and known.asked < _HISTORY_HOLDS
    told = history.state in ("live", "partial")
    if told and recent:
        words = f"Not live: {status.message} Its history is asked every minute instead."
        return _said(status, "partial", words)
    if status.state == "off" and history.message == status.message:
        return status
    if status.state == "off" and not told:
        return _said(status, history.state, f"{status.message} {history.message}")
    return status


def _said(status: SourceStatus, state: str, words: str) -> SourceStatus:
    return replace(status, state=state, message=words.strip())


def _moment(micros: int | None) -> np.datetime64 | None:
    return None if micros is None else np.datetime64(micros, "us")


def plain(status: SourceStatus) -> dict[str, Any]:
    """A status as JSON holds it."""
    return {
        **asdict(status),
        **{
            name: (
                None
                if (value := getattr(status, name)) is None
                else int(value.astype("datetime64[us]").astype("int64"))
            )
            for name in ("last_event", "last_heartbeat")
        },
    }


def from_plain(told: Mapping[str, Any]) -> SourceStatus:
    """The status that `plain` wrote."""
    return SourceStatus(
        **{**told, **{name: _moment(told[name]) for name in ("last_event", "last_heartbeat")}}
    )
