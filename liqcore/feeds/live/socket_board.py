"""How a venue's sockets are doing, told as one state and one message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from liqcore import wording
from liqcore.feeds.status import SourceStatus
from liqcore.feeds.venues.venue import Venue

_WORST_FIRST: Final = ("geo-blocked", "rate-limited", "error", "stale", "off")


class Board:
    """Sums up the states of a venue's sockets and tells the sum whenever it changes.

    `covers` names, socket by socket, the contracts it carries.
    """

    def __init__(self, venue: Venue, tell: Callable[[SourceStatus], None], covers: Sequence[str]) -> None:
        self._venue, self._tell, self._covers = venue, tell, tuple(covers)
        self._lines: list[tuple[str, str, float | None]] = [
            ("off", f"{venue.name} is being connected.", None)
        ] * len(self._covers)
        self._told: SourceStatus | None = None
        self._say()

    def put(self, place: int, state: str, message: str, retry_after: float | None = None) -> None:
        """Note the state of the socket at `place`; `retry_after` are the seconds until it is tried again."""
        self._lines[place] = (state, message, retry_after)
        self._say()

    def _say(self) -> None:
        state, message, retry = self._sum()
        status = SourceStatus(
            self._venue.id, state, message, completeness=self._venue.completeness, retry_after=retry
        )
        if status != self._told:
            self._told = status
            self._tell(status)

    def _sum(self) -> tuple[str, str, float | None]:
        lacking = [
            (covers, line)
            for covers, line in zip(self._covers, self._lines, strict=True)
            if line[0] != "live"
        ]
        if not lacking:
            return "live", " ".join(dict.fromkeys(message for _, message, _ in self._lines)), None
        if len(self._lines) == 1:
            return self._lines[0]
        if len(lacking) == len(self._lines) and not any(line[0] == "partial" for line in self._lines):
            return min(self._lines, key=lambda line: _WORST_FIRST.index(line[0]))
        same = len(lacking) == len(self._lines) and len({line[1] for _, line in lacking}) == 1
        words = (
            lacking[0][1][1]
            if same
            else " ".join(f"Not all of {covers}: {line[1]}" for covers, line in lacking)
        )
        return "partial", words, next((line[2] for _, line in lacking if line[2] is not None), None)


def span(seconds: float) -> str:
    """A wait in words."""
    if seconds >= 90:
        return wording.duration(60 * round(seconds / 60))
    count = max(round(seconds), 1)
    return f"{count} second" if count == 1 else f"{count} seconds"
