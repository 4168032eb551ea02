"""How a source is doing, and the errors that say so: one sentence each, and the state the panel shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

STATES: Final = ("live", "partial", "stale", "geo-blocked", "rate-limited", "error", "off")


@dataclass(frozen=True)
class SourceStatus:
    """What a visitor is told about one source. Times are datetime64[us] UTC, ages are seconds."""

    venue: str
    state: str
    message: str = ""
    last_event: np.datetime64 | None = None
    last_heartbeat: np.datetime64 | None = None
    age: float | None = None
    completeness: str = "unknown"
    retry_after: float | None = None


class FeedError(ValueError):
    """A source that cannot be used now, said in one sentence.

    `state` is the state to show and `retry_after` the seconds to wait, if the source named them. `rows` holds
    what was understood before the trouble, so that one bad row does not cost the good ones beside it.
    """

    state = "error"

    def __init__(
        self, sentence: str, *, venue: str = "", retry_after: float | None = None, rows: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.venue = venue
        self.retry_after = retry_after
        self.rows = rows

    def status(self, venue: str | None = None, completeness: str = "unknown") -> SourceStatus:
        """The error as a line of the status panel."""
        return SourceStatus(
            venue or self.venue,
            self.state,
            str(self),
            completeness=completeness,
            retry_after=self.retry_after,
        )


class RateLimited(FeedError):
    """The source asks for a pause."""

    state = "rate-limited"


class GeoBlocked(FeedError):
    """The source refuses the country of this computer."""

    state = "geo-blocked"


class TimedOut(FeedError):
    """The source did not answer in time."""


class Unreachable(FeedError):
    """No connection to the source could be made."""


class ClockSkew(FeedError):
    """The clock of this computer and that of the source differ too much for requests by time."""


class BadSymbol(FeedError):
    """The source does not know the contract."""

    state = "off"


class KeyRefused(FeedError):
    """The key is missing, wrong, or its plan does not cover the request."""

    state = "off"


class Missing(FeedError):
    """What was asked for is not there, and asking again soon will not change that."""

    state = "off"
