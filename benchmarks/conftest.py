"""What benchmarks share: CPU time of two ways to do one thing, taken in turns."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Race:
    """Least CPU seconds of each contestant over the rounds, and what each returned."""

    ours: float
    baseline: float
    our_result: Any
    baseline_result: Any

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.baseline / self.ours


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process for one call, and its result. Time spent waiting for a core does not
    count."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def run_race(
    ours: Callable[[], Any], baseline: Callable[[], Any], rounds: int = 2, ours_each_round: int = 2
) -> Race:
    """Both in turns, so that a machine that slows down slows down both; the least time of each counts."""
    our_times, baseline_times = [], []
    our_result = baseline_result = None
    for _ in range(rounds):
        for _ in range(ours_each_round):
            seconds, our_result = cpu_seconds(ours)
            our_times.append(seconds)
        seconds, baseline_result = cpu_seconds(baseline)
        baseline_times.append(seconds)
    return Race(min(our_times), min(baseline_times), our_result, baseline_result)


def measure_peak_megabytes(work: Callable[[], Any]) -> float:
    """Most memory that one call holds at a time beyond what was there before it, in MB of 10⁶ bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return (tracemalloc.get_traced_memory()[1] - before) / 1e6
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="session")
def race() -> Callable[..., Race]:
    """`race(ours, baseline, rounds=2, ours_each_round=2)` -> Race."""
    return run_race


@pytest.fixture(scope="session")
def peak_megabytes() -> Callable[[Callable[[], Any]], float]:
    """`peak_megabytes(work)` -> MB."""
    return measure_peak_megabytes
