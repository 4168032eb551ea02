"""Where rules are tested while a page goes on: a few threads for all visitors, and the tests already made.

Nothing here draws, and nothing of a visitor is kept: a test is known by its rule and its market.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from liqcore.alerts.measure import Replay

_MOST_KEPT: Final = 32
_AT_ONCE: Final = 2


class _Left(Exception):
    """Nobody waits for this test any more."""


@dataclass(eq=False)
class Job:
    """One test: how far it is (0 to 1), and, when `done`, its result or its problem."""

    share: float = 0.0
    result: Replay | None = None
    problem: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)
    wanted: int = 1


class Bench:
    """Tests by their keys, those used last kept; at most two run at a time."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock, self._places = threading.Lock(), threading.Semaphore(_AT_ONCE)

    def held(self, key: str) -> Job | None:
        """The test of a key, running or over."""
        with self._lock:
            return self._jobs.get(key)

    def job(self, key: str, work: Callable[[Callable[[float], None]], Replay], before: str = "") -> Job:
        """The test of a key, begun where it is new. `before` is the key that the same visitor waited for:
        where nobody else does, that test ends."""
        with self._lock:
            if before and before != key and (left := self._jobs.get(before)) is not None:
                left.wanted -= 1
                if left.wanted <= 0 and not left.done.is_set():
                    del self._jobs[before]
            found = self._jobs.get(key)
            if found is not None:
                self._jobs.move_to_end(key)
                found.wanted += before != key
                return found
            made = self._jobs[key] = Job()
            over = [name for name, one in self._jobs.items() if one.done.is_set()]
            for name in over[: max(len(over) - _MOST_KEPT, 0)]:
                del self._jobs[name]
        threading.Thread(target=self._run, args=(made, work), name="rule-test", daemon=True).start()
        return made

    def _run(self, job: Job, work: Callable[[Callable[[float], None]], Replay]) -> None:
        def progress(share: float) -> None:
            job.share = share
            if job.wanted <= 0:
                raise _Left

        with self._places:
            try:
                progress(0.0)
                job.result = work(progress)
            # What it was is told on the page that waits for it.
            except Exception as problem:
                job.problem = problem
            finally:
                job.done.set()
