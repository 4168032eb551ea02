"""How a source is doing now: what it said of itself, and what is known about it since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, NamedTuple

import numpy as np

from liqcore import wording
from liqcore.feeds.status import SourceStatus

# Two rounds of questions; after that nobody knows what a history would have told.
_HISTORY_HOLDS: Final = 150_000_000


class Known(NamedTuple):
    """What a collector knows about one source at a moment. Times are µs since 1970 UTC, `silent` seconds.

    `frame` and `event` are the last ones, `down_since` when it ceased to be live, None while it is; `history`
    is how asking for its history went at `history_at`. `stuck` is why nothing can be stored now ("" where it
    can), while `waiting` events of all sources wait. `lost` and `refused` count events.
    """

    now: int
    silent: float
    frame: int | None = None
    event: int | None = None
    history: SourceStatus | None = None
    history_at: int = 0
    down_since: int | None = None
    stuck: str = ""
    waiting: int = 0
    lost: int = 0
    refused: int = 0


def current(status: SourceStatus, known: Known) -> SourceStatus:
    """The status to show: the last minute's truth, not what the source said when it last spoke."""
    age = None if known.frame is None else max((known.now - known.frame) / 1e6, 0.0)
    if status.state == "live" and age is not None and age > known.silent:
        status = _said(
            status,
            "stale",
            f"Nothing has come for {wording.duration(60 * round(age / 60))}. {status.message}",
        )
    if status.state not in ("live", "stale") and known.history is not None:
        status = _with_history(status, known, known.history)
    if known.stuck and status.state == "live":
        waits = f"waits in memory ({known.waiting:,} events of all venues)"
        status = _said(status, "partial", f"It is heard, and what it says {waits}. {known.stuck}")
    if known.lost:
        lost = f"{known.lost:,} events could not be kept, because the store did not answer."
        status = _said(status, "partial", f"{lost} {status.message}")
    if known.refused:
        refused = f"Events dated in the future that were refused: {known.refused:,}."
        status = _said(status, status.state, f"{status.message} {refused}")
    return replace(
        status,
        last_event=_moment(known.event) or status.last_event,
        last_heartbeat=_moment(known.frame) or status.last_heartbeat,
        age=age if age is not None else status.age,
    )


def _with_history(status: SourceStatus, known: Known, history: SourceStatus) -> SourceStatus:
    # What a history told before the socket went says nothing about now.
    since = known.now if known.down_since is None else known.down_since
    recent = known.history_at >= since and known.now - known.history_at < _HISTORY_HOLDS
    told = history.state in ("live", "partial")
    if told and recent:
        words = f"Not live: {status.message} Its history is asked every minute instead."
        return _said(status, "partial", words)
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
