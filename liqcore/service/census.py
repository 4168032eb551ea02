"""Measured positions in a running app: one sweep for all visitors, off until somebody turns it on."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liqcore import clocks
from liqcore.feeds.status import FeedError

if TYPE_CHECKING:
    from liqcore.feeds.history.partitions import Partitions
    from liqcore.feeds.positions.book import AddressBook
    from liqcore.feeds.rest.session import FeedSession
    from liqcore.heat.snapshots import Snapshot

POSITIONS: Final = "HEATLAB_POSITIONS"
# A sweep of all holders takes ten minutes, so the next one begins an hour after the last began.
EVERY: Final = 3_600.0
SHOWN: Final = 7 * 86_400_000_000
# Seconds after which a folder that could not be written is tried again.
_AGAIN: Final = 60.0
_BOOK: Final = "accounts.sqlite"
_NO: Final = ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Progress:
    """Whether sweeping is on and may be switched by visitors, how far it is, and what keeps it, if
    anything."""

    on: bool
    may: bool
    asked: int = 0
    known: int = 0
    problem: str = ""


class Census:
    """Sweeps, and what they found.

    `session` gives the session for requests. Visitors may not switch where an app serves others (`hosted`):
    there the owner sets HEATLAB_POSITIONS. Where only a visit can tell (None), one at this machine may.
    """

    def __init__(
        self,
        folder: Path,
        market: str,
        session: Callable[[], FeedSession],
        *,
        hosted: bool | None = None,
        offline: bool = False,
        loopback: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._folder, self._market, self._session, self._loopback = folder, market, session, loopback
        told = environment.get(POSITIONS)
        self._owner = None if told is None else told.strip().lower() not in _NO
        self._hosted, self._offline = hosted, offline
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._book: AddressBook | None = None
        self._problem = ""
        self._read: tuple[int, list[Snapshot]] = (-1, [])

    @cached_property
    def _store(self) -> Partitions:
        from liqcore.feeds.history.partitions import Partitions

        return Partitions(self._market)

    @property
    def _mark(self) -> Path:
        return self._folder / "positions-on"

    def may(self, local: bool) -> bool:
        """Whether a visitor may switch it, `local` one at this very machine: not where the owner has decided,
        and not in a hosted app."""
        if self._owner is not None or self._offline:
            return False
        return not self._hosted if self._hosted is not None else local

    @property
    def on(self) -> bool:
        if self._offline:
            return False
        return self._owner if self._owner is not None else not self._hosted and self._mark.exists()

    def switch(self, on: bool, local: bool = False) -> None:
        """A visitor who may turns sweeping on or off for this installation; what was found stays."""
        if not self.may(local):
            return
        try:
            if on:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._mark.touch()
                self.begin()
            else:
                self._mark.unlink(missing_ok=True)
        except OSError as problem:
            self._problem = f"{_why(problem)}, so this cannot be switched. Free it and try again."

    def begin(self) -> None:
        """Begin sweeping in the background where it is on; returns at once."""
        with self._lock:
            if self.on and self._thread is None and not self._end.is_set():
                self._thread = threading.Thread(target=self._run, name="heatlab-positions", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End after the question that is under way; a sweep goes on from there next time."""
        self._end.set()
        thread = self._thread
        if thread is not None:
            thread.join(5)

    def progress(self, local: bool = False) -> Progress:
        """As a visitor sees it, `local` one at this very machine."""
        book = self._book
        if book is None:
            return Progress(self.on, self.may(local), problem=self._problem)
        try:
            began = int(book.fact("began", 0))
            asked, known = book.counts(began)["asked"] if began else 0, book.count()
        # The sweep says what is wrong with its book; a page that asks how far it is goes on.
        except sqlite3.Error:
            asked = known = 0
        return Progress(self.on, self.may(local), asked, known, self._problem)

    def snapshots(self, now: float | None = None) -> list[Snapshot]:
        """The snapshots of the last week, oldest first, read anew every minute."""
        from liqcore.feeds.positions.sweep import held

        moment = int((time.time() if now is None else now) * 1e6)
        minute = moment // 60_000_000
        if self._read[0] != minute:
            with suppress(OSError):
                self._read = minute, held(self._store, moment - SHOWN, moment)
        return self._read[1]

    def _run(self) -> None:
        from filelock import FileLock, Timeout

        # Of several processes on one folder, one sweeps; the others look again.
        lock = FileLock(self._folder / "positions.lock", thread_local=False)
        while not self._end.is_set() and self.on:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._end.wait(_AGAIN)
                continue
            except OSError as problem:
                self._rest(problem)
                continue
            try:
                self._sweeping()
            except (OSError, sqlite3.Error) as problem:
                self._rest(problem)
            # One line is told; the app goes on without measured positions.
            except Exception as problem:
                self._problem = "Sweeping the accounts ended by a fault. Turn it off and on again."
                logging.getLogger(__name__).warning("Sweeping ended: %s", type(problem).__name__)
                break
            finally:
                lock.release()
        self._thread = None

    def _rest(self, problem: OSError | sqlite3.Error) -> None:
        """Say why nothing can be written, in one line, and wait; a book that is damaged is set aside."""
        logging.getLogger(__name__).warning("Sweeping rests: %s", type(problem).__name__)
        if isinstance(problem, sqlite3.DatabaseError) and not isinstance(problem, sqlite3.OperationalError):
            with suppress(OSError):
                (self._folder / _BOOK).replace(self._folder / "accounts.damaged")
            self._problem = "The book of accounts was damaged. It was set aside, and a new one is begun."
        else:
            self._problem = f"{_why(problem)}, so no account is asked. It is tried again in a minute."
        self._end.wait(_AGAIN)

    def _sweeping(self) -> None:
        from liqcore.feeds.positions.book import AddressBook
        from liqcore.feeds.positions.sweep import Sweep, asker, keep, refresh

        self._book = book = AddressBook(self._folder / _BOOK)
        ear = threading.Thread(target=self._listen, args=(book,), name="heatlab-traders", daemon=True)
        ear.start()
        try:
            while self._goes_on():
                started = clocks.steady()
                try:
                    refresh(book, self._session(), int(time.time() * 1e6))
                    self._problem = ""
                except FeedError as problem:
                    self._problem = str(problem)
                found = Sweep(book, asker(self._session()), sleep=self._pause, go_on=self._goes_on).run()
                if found is not None and found.sweep["answered"].iloc[0] > 0:
                    keep(self._store, found)
                    self._read = (-1, [])
                self._pause(max(EVERY - (clocks.steady() - started), 60.0))
        finally:
            self._book = None
            ear.join(2)
            book.close()

    def _goes_on(self) -> bool:
        return not self._end.is_set() and self.on

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._goes_on() and (left := until - time.monotonic()) > 0:
            self._end.wait(min(left, 5.0))

    def _listen(self, book: AddressBook) -> None:
        from liqcore.feeds.positions.listen import SOCKET, listen

        url = SOCKET if self._loopback is None else SOCKET.replace("wss://", f"ws://{self._loopback}/")

        def heard(users: set[str]) -> None:
            # Who could not be written down trades again.
            with suppress(sqlite3.Error):
                book.add(users)

        async def while_on() -> None:
            task = asyncio.create_task(listen(heard, url))
            while self._goes_on():
                await asyncio.sleep(0.5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(while_on())


def _why(problem: OSError | sqlite3.Error) -> str:
    full = getattr(problem, "errno", None) == errno.ENOSPC or "full" in str(problem).lower()
    return "The disk is full" if full else "The folder of this app cannot be written"
