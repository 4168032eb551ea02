"""A file of lines that outlives a process and is shared by several: each is appended at once, and only the
newest are kept."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO, Final

# How long a writer waits for another process (seconds); a webhook must answer within three.
_PATIENCE: Final = 0.5


class Lines:
    """The newest `most` lines of a text file, for all threads and processes that share its folder.

    A disk that cannot be written loses what others and the next process would have read, and nothing else.
    """

    def __init__(self, path: Path, most: int = 1_000) -> None:
        self._path, self._most, self._lock = path, most, threading.Lock()
        # How many lines stand in a file of so many bytes; somebody else may have written since.
        self._count, self._size = 0, 0
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> list[str]:
        """The lines held, oldest first; none where there is no file."""
        with self._lock:
            return self._read()

    def changed(self) -> list[str] | None:
        """The lines held, where they are others than when this was asked last; else None."""
        with self._lock:
            try:
                facts = self._path.stat()
                now = facts.st_ino, facts.st_size, facts.st_mtime_ns
            except OSError:
                return None
            if now == self._seen:
                return None
            self._seen = now
            return self._read()

    def append(self, line: str) -> bool:
        """Write one line; where twice as many as are kept stand there, the older half goes. False where it
        could not be written."""
        with self._lock:
            try:
                self._append(" ".join(line.splitlines()))
            except OSError:
                return False
            return True

    def _append(self, line: str) -> None:
        # Only who writes needs it: it costs the first page what nobody has asked for.
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Another process that drops the older half must not drop this line with it.
        with FileLock(self._path.with_suffix(".lock"), timeout=_PATIENCE, poll_interval=0.01):
            with self._path.open("a+b") as file:
                if file.tell() != self._size:
                    self._count = len(self._all())
                # A process that was killed may have left its last line without an end: it must not swallow
                # this one.
                if file.tell() and self._torn(file):
                    file.write(b"\n")
                file.write((line + "\n").encode())
                self._size = file.tell()
            self._count += 1
            if self._count >= 2 * self._most:
                kept = self._read()
                beside = self._path.with_suffix(".new")
                beside.write_text("\n".join(kept) + "\n", encoding="utf-8")
                os.replace(beside, self._path)
                self._count, self._size = len(kept), self._path.stat().st_size

    @staticmethod
    def _torn(file: BinaryIO) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"

    def _read(self) -> list[str]:
        return self._all()[-self._most :]

    def _all(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
