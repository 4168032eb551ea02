"""The clock for waits and ages: nobody sets it, and it goes on while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

# On Linux the monotonic clock stands still during a sleep, and nothing that was live before is live after it.
_ASLEEP = getattr(time, "CLOCK_BOOTTIME", None)


def steady() -> float:
    """Seconds of a clock that never goes back, from a start of its own."""
    return time.monotonic() if _ASLEEP is None else time.clock_gettime(_ASLEEP)


def beside(clock: Callable[[], float]) -> Callable[[], float]:
    """What to count waits by where `clock` (seconds since 1970) tells the time: the steady clock beside the
    computer's own, which may be set; any other clock itself, since whoever gave it moves it."""
    return steady if clock is time.time else clock
