"""Wrong secrets counted by who sends them, so that guessing is slow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

_MOST_CALLERS: Final = 1_000


class Guesses:
    """At most `most` wrong secrets of one caller in `seconds`; for all threads, and bounded."""

    def __init__(self, most: int = 10, seconds: float = 60.0) -> None:
        self.most, self.seconds = most, seconds
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._wrong)

    def spent(self, caller: str, now: float) -> bool:
        """Whether a caller has had its share for now (seconds of any clock)."""
        with self._lock:
            left = [at for at in self._wrong.pop(caller, []) if 0 <= now - at < self.seconds]
            if left:
                self._wrong[caller] = left
            return len(left) >= self.most

    def note(self, caller: str, now: float) -> None:
        """Count a wrong one; the callers that were quiet longest are forgotten first."""
        with self._lock:
            self._wrong.setdefault(caller, []).append(now)
            while len(self._wrong) > _MOST_CALLERS:
                self._wrong.popitem(last=False)
