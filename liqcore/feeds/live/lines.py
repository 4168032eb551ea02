"""A file of lines that outlives a process: each is appended at once, and only the newest are kept."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


class Lines:
    """The newest `most` lines of a text file, for all threads of a process.

    A disk that cannot be written loses what would have been read by the next process, and nothing else.
    """

    def __init__(self, path: Path, most: int = 1_000) -> None:
        self._path, self._most, self._lock = path, most, threading.Lock()
        self._count: int | None = None

    def read(self) -> list[str]:
        """The lines held, oldest first; none where there is no file."""
        with self._lock:
            return self._read()

    def append(self, line: str) -> None:
        """Write one line; where twice as many as are kept stand there, the older half goes."""
        with self._lock, suppress(OSError):
            held = len(self._read()) if self._count is None else self._count
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                # A process that was killed may have left its last line without an end: it must not swallow
                # this one.
                if file.tell() and self._torn(file):
                    file.write(b"\n")
                file.write((" ".join(line.splitlines()) + "\n").encode())
            self._count = held + 1
            if self._count >= 2 * self._most:
                kept = self._read()
                beside = self._path.with_suffix(".new")
                beside.write_text("\n".join(kept) + "\n", encoding="utf-8")
                os.replace(beside, self._path)
                self._count = len(kept)

    @staticmethod
    def _torn(file: BinaryIO) -> bool:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"

    def _read(self) -> list[str]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return lines[-self._most :]
