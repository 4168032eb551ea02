"""Answers that are the same for everybody, made once and bounded by their size."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class _Left(Exception):
    """Whoever was making an answer was sent elsewhere before it was there."""


class Shared(Generic[T]):
    """Keeps answers of at most `most` bytes together, the ones asked for lately, each for `seconds` at most.
    Safe in many threads.

    Whoever asks for an answer that is being made waits for that one and for nothing else. `size` weighs an
    answer in bytes. Nothing private belongs here: everybody who knows a key is given its answer.
    """

    def __init__(
        self,
        most: int,
        size: Callable[[T], int],
        seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._size, self._seconds, self._clock = most, size, seconds, clock
        # An answer, its bytes, and until when it holds.
        self._held: OrderedDict[Hashable, tuple[T, int, float]] = OrderedDict()
        self._making: dict[Hashable, Future[T]] = {}
        self._lock = threading.Lock()
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer of a key, made by `make` where it is not held. What `make` raises is raised to all who
        wait, and not kept."""
        while True:
            with self._lock:
                found = self._held.get(key)
                if found is not None and self._clock() < found[2]:
                    self._held.move_to_end(key)
                    return found[0]
                under_way = self._making.get(key)
                if under_way is None:
                    mine = self._making[key] = Future()
                    break
            try:
                return under_way.result()
            except _Left:
                continue
        return self._made(key, mine, make)

    def _made(self, key: Hashable, mine: Future[T], make: Callable[[], T]) -> T:
        try:
            answer = make()
            size = self._size(answer)
        except BaseException as problem:
            with self._lock:
                del self._making[key]
            mine.set_exception(problem if isinstance(problem, Exception) else _Left())
            raise
        with self._lock:
            now = self._clock()
            del self._making[key]
            for old in [one for one, held in self._held.items() if one == key or held[2] <= now]:
                self._bytes -= self._held.pop(old)[1]
            self._held[key] = answer, size, now + self._seconds
            self._bytes += size
            # The newest stays, however large: somebody is looking at it.
            while self._bytes > self._most and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1][1]
        mine.set_result(answer)
        return answer
