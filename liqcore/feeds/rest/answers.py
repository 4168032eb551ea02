"""Answers at rest: a cache whose faults cost an answer's second use, and nothing else.

requests-cache waits without end for a file that is locked, full or read-only. Here a trouble is one line in
the log, the file is left alone for a minute and then opened anew, and meanwhile nothing is cached.

One thread at a time has the file, readers too: a connection that is closed under another thread's statement
takes the whole process with it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from requests_cache.backends.base import BaseCache
from requests_cache.backends.sqlite import SQLiteCache, SQLiteDict

# An answer stands in for a failed request for so long; then it is of no use.
STALE_FOR: Final = 6 * 3_600
_LEFT_ALONE: Final = 60.0
_SWEPT_EVERY: Final = 3_600.0
_BUSY_MS: Final = 1_000
_MOST: Final = 1_000
# A clock that was set back makes answers of the future, whose age nobody can tell.
_AHEAD: Final = 5.0


class _Aged:
    """Passes over answers that are dated in the future: they would be fresh until the clock has caught up."""

    def get_response(self, key: str, default: Any = None) -> Any:
        found = super().get_response(key, default)  # type: ignore[misc]
        made = getattr(found, "created_at", None)
        return default if made is not None and made.timestamp() > time.time() + _AHEAD else found


class MemoryAnswers(_Aged, BaseCache):
    """Answers of this process alone; the oldest of more than `_MOST` go."""

    def save_response(self, *arguments: Any, **options: Any) -> None:
        super().save_response(*arguments, **options)
        with suppress(KeyError, RuntimeError, StopIteration):
            while len(self.responses) > _MOST:
                del self.responses[next(iter(self.responses))]


class _Rows(SQLiteDict):
    """One table of the file. Until `rest` (seconds of the monotonic clock) the file is left alone; `both` are
    the tables of the file."""

    rest = 0.0
    swept = float("-inf")
    both: tuple[_Rows, ...] = ()

    @contextmanager
    def _acquire_sqlite_lock(self) -> Iterator[None]:
        with self._lock:
            assert self._connection is not None
            self._connection.execute("BEGIN IMMEDIATE")
            self._active_transaction = True
            try:
                yield
                self._connection.commit()
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.rollback()
                raise
            finally:
                self._active_transaction = False

    def __getitem__(self, key: Any) -> Any:
        with self._lock:
            if not self._at_hand():
                raise KeyError(key)
            try:
                return super().__getitem__(key)
            except sqlite3.Error as problem:
                self._trouble(problem)
                raise KeyError(key) from None

    def __delitem__(self, key: Any) -> None:
        with self._lock:
            if not self._at_hand():
                raise KeyError(key)
            try:
                super().__delitem__(key)
            except sqlite3.Error as problem:
                self._trouble(problem)
                raise KeyError(key) from None

    def __len__(self) -> int:
        with self._lock:
            return super().__len__()

    def _write(self, key: Any, value: Any) -> None:
        with self._lock:
            if not self._at_hand():
                return
            try:
                super()._write(key, value)
                if time.monotonic() - self.swept > _SWEPT_EVERY:
                    self.swept = time.monotonic()
                    with self.connection(commit=True) as connection:
                        connection.execute(
                            f"DELETE FROM {self.table_name} WHERE expires < ?",  # noqa: S608
                            (int(time.time()) - STALE_FOR,),
                        )
            except sqlite3.Error as problem:
                self._trouble(problem)

    def _at_hand(self) -> bool:
        """Whether the file can be used; opened anew after a trouble, also where its folder went away."""
        if not self.rest:
            return True
        if time.monotonic() < self.rest:
            return False
        try:
            Path(self.db_path).parent.mkdir(parents=True, exist_ok=True)
            self.init_db()
        except (sqlite3.Error, OSError):
            self.rest = time.monotonic() + _LEFT_ALONE
            return False
        self.rest = 0.0
        return True

    def _trouble(self, problem: sqlite3.Error) -> None:
        told = any(time.monotonic() < one.rest for one in self.both)
        for one in self.both:
            one.rest = time.monotonic() + _LEFT_ALONE
            with suppress(sqlite3.Error):
                one.close()
        if told:
            return
        logging.getLogger(__name__).warning(
            "Answers cannot be kept for now (%s); they are asked for again instead.", problem
        )


class StoredAnswers(_Aged, SQLiteCache):
    """Answers in a file, for the next process too. sqlite3.Error and OSError where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        BaseCache.__init__(self, cache_name=str(path))
        self.responses = _Rows(path, table_name="responses", serializer="json", busy_timeout=_BUSY_MS)
        self.redirects = _Rows(
            path, table_name="redirects", lock=self.responses._lock, serializer=None, busy_timeout=_BUSY_MS
        )
        for one in (both := (self.responses, self.redirects)):
            one.both = both
