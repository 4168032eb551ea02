"""Market tables at rest: one Parquet file a kind, venue, step and month, with what was asked of the source.

    kind=candles/venue=binance/step=5m/month=2025-10/part.parquet

A file is replaced as a whole, so a reader sees the old one or the new one. Writers of one machine wait for
each other; on object stores, where nothing can be locked, the last writer of a month wins and nothing is
torn. What cannot be read is set aside and asked again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from filelock import FileLock

from liqcore import tables

ASKED: Final = b"heatlab.asked"
HOUR: Final = 3_600_000_000
# A hole that the source was asked about lately is drawn as one, and asked again after this long.
PATIENCE: Final = 6 * HOUR
MOST_BYTES: Final = 4_000_000_000
# Seconds for which an address that could not be reached is left alone: each try takes some, and a page waits.
_LEFT_ALONE: Final = 60.0
_KEYS: Final = {
    "candles": ["time"],
    "open_interest": ["time", "venue"],
    "funding": ["time", "venue"],
    "positions": ["time", "venue", "account"],
    "sweeps": ["time", "venue"],
}

Span = tuple[int, int]


@dataclass(frozen=True)
class Series:
    """What one run of partitions holds: `kind` of table, venue, and the step of its rows (`event` for
    none)."""

    kind: str
    venue: str
    step: str

    @property
    def length(self) -> int | None:
        """Microseconds between rows, None for events and for funding, whose intervals differ."""
        return None if self.step == "event" else int(tables.timeframe(self.step).astype("int64"))


@dataclass(frozen=True)
class Partitions:
    """The partitions under one address: a folder, or `s3://bucket/path` and what else pyarrow opens.

    Moments are µs since 1970 UTC, spans are [start, end).
    """

    root: str

    def held(self, series: Series, start: int, end: int) -> pd.DataFrame:
        """The rows from `start` to `end` as a checked table; empty where nothing is held."""
        files = self._paths(series, start, end)
        frames = [frame for frame in (self._load(path)[0] for path in files) if frame is not None]
        if not frames:
            return empty(series.kind)
        table = joined(series.kind, frames)
        time = tables.microseconds(table["time"])
        return table[(time >= start) & (time < end)].reset_index(drop=True)

    def missing(self, series: Series, start: int, end: int, now: int) -> list[Span]:
        """Spans of [start, end) to ask the source for: never asked, or a hole asked longer ago than
        `PATIENCE`."""
        known: list[Span] = []
        for path in self._paths(series, start, end):
            frame, asked = self._load(path)
            if frame is None:
                continue
            # Asked at a time to come means that the clock was set back since, and says nothing of later.
            fresh = [(first, last) for first, last, at in asked if abs(now - at) < PATIENCE]
            rows = tables.microseconds(frame["time"])
            if series.length is None:
                fresh = [(first, last) for first, last, _ in asked]
            else:
                known += _runs(rows, series.length)
            known += fresh
        return _without((start, end), known)

    def told(self, series: Series, start: int, end: int, now: int) -> list[Span]:
        """Spans of [start, end) that need not be asked for: rows stand there, or the source told all it
        had."""
        return _without((start, end), self.missing(series, start, end, now))

    def newest(self, kind: str, step: str) -> int | None:
        """The moment of the newest row of a kind and step that any venue told, None where nothing is held."""
        try:
            with _reached(self.root):
                system, base = self._system()
                place = pafs.FileSelector(f"{base}/kind={kind}", allow_not_found=True, recursive=True)
                told = system.get_file_info(place)
        except OSError:
            return None
        found = [
            one.path
            for one in told
            if one.is_file and one.extension == "parquet" and f"/step={step}/" in one.path
        ]
        for month in sorted({path.split("/month=")[1] for path in found}, reverse=True):
            frames = [self._load(path)[0] for path in found if path.endswith(month)]
            ends = [
                int(tables.microseconds(frame["time"])[-1])
                for frame in frames
                if frame is not None and len(frame)
            ]
            if ends:
                return max(ends)
        return None

    def add(self, series: Series, table: pd.DataFrame, spans: Sequence[Span], now: int) -> None:
        """Keep rows and what was asked for them. Of two rows for one moment the later one stays.

        Raises
        ------
        OSError
            The rows could not be written; what is held stays as it was.
        """
        time = tables.microseconds(table["time"]) if len(table) else np.empty(0, dtype="int64")
        rows = [(int(time[0]), int(time[-1]) + 1)] if len(time) else []
        # What a source told of events is told for good, so when it was asked does not matter.
        at = 0 if series.length is None else now
        for month in _months([*spans, *rows]):
            first, last = _bounds(month)
            part = table[(time >= first) & (time < last)]
            asked = [(max(a, first), min(b, last), at) for a, b in spans if max(a, first) < min(b, last)]
            with _reached(self.root), self._locked(series):
                self._merge(series, month, part, asked)

    def dataset(self, kind: str) -> ds.Dataset | None:
        """All partitions of a kind, read lazily with filters on venue, step, month and time; None if there
        are none."""
        system, base = self._system()
        place = f"{base}/kind={kind}"
        # By name: what a process that died left half or unnamed is no part of it, whole though it may be.
        found = [
            one.path
            for one in system.get_file_info(pafs.FileSelector(place, allow_not_found=True, recursive=True))
            if one.is_file and one.path.endswith("/part.parquet")
        ]
        if not found:
            return None
        return ds.dataset(
            sorted(found),
            filesystem=system,
            format="parquet",
            partitioning=ds.HivePartitioning.discover(infer_dictionary=False),
            partition_base_dir=place,
            exclude_invalid_files=True,
        )

    def trim(self, most: int = MOST_BYTES) -> int:
        """Delete the files written longest ago until all take at most `most` bytes; the bytes deleted."""
        try:
            with _reached(self.root):
                system, base = self._system()
                told = system.get_file_info(pafs.FileSelector(base, allow_not_found=True, recursive=True))
        except OSError:
            return 0
        found = [one for one in told if one.is_file and one.extension == "parquet"]
        over = sum(one.size for one in found) - most
        gone = 0
        for one in sorted(found, key=lambda one: one.mtime):
            if over - gone <= 0:
                break
            with suppress(OSError):
                system.delete_file(one.path)
                gone += one.size
        return gone

    def must_be_a_place(self) -> None:
        """NoPlace where the root is no folder and no address, whether or not it can be reached now."""
        self._system()

    def _system(self) -> tuple[pafs.FileSystem, str]:
        if "://" in self.root:
            try:
                system, base = pafs.FileSystem.from_uri(self.root)
            # What Arrow says repeats the address, which may hold keys.
            except (pa.ArrowException, ValueError, KeyError, TypeError):
                base = ""
            if not base.strip("/"):
                raise NoPlace(
                    "The place where the market is to be kept is no folder and no address like s3://bucket/path."
                ) from None
            return system, base.rstrip("/")
        return pafs.LocalFileSystem(), str(Path(self.root).absolute())

    def _path(self, series: Series, month: str) -> str:
        return f"{self._place(series)}/month={month}/part.parquet"

    def _place(self, series: Series) -> str:
        return f"{self._system()[1]}/kind={series.kind}/venue={series.venue}/step={series.step}"

    def _paths(self, series: Series, start: int, end: int) -> list[str]:
        """The files of a span; none while their place cannot be reached, so that venues are asked instead."""
        try:
            with _reached(self.root):
                wanted = [self._path(series, month) for month in _months([(start, end)])]
                found = self._system()[0].get_file_info(wanted)
        except OSError:
            return []
        return [one.path for one in found if one.is_file]

    @contextmanager
    def _locked(self, series: Series) -> Iterator[None]:
        if "://" in self.root:
            with nullcontext():
                yield
            return
        place = Path(self._place(series))
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / ".lock", timeout=30):
            yield

    def _load(
        self, path: str, wanted: bool = False
    ) -> tuple[pd.DataFrame | None, list[tuple[int, int, int]]]:
        """A file's rows and what was asked; nothing where it cannot be read. With `wanted` OSError where the
        system and not the file is at fault."""
        far = "://" in self.root
        try:
            with _reached(self.root):
                system, _ = self._system()
                told = system.get_file_info(path)
                return _FILES.read(self.root, path, told.mtime_ns, told.size)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as problem:
            # What the system refuses for now (rights, too many open files, no network) is whole.
            if isinstance(problem, OSError) and (far or problem.errno is not None):
                if wanted:
                    raise
                return None, []
            with suppress(OSError):
                self._system()[0].move(path, path.removesuffix(".parquet") + ".damaged")
            return None, []

    def _merge(
        self, series: Series, month: str, part: pd.DataFrame, asked: list[tuple[int, int, int]]
    ) -> None:
        system, _ = self._system()
        path = self._path(series, month)
        old: tuple[pd.DataFrame | None, list[tuple[int, int, int]]] = (None, [])
        if system.get_file_info(path).is_file:
            old = self._load(path, wanted=True)
        frames = [frame for frame in (old[0], part) if frame is not None and len(frame)]
        table = joined(series.kind, frames) if frames else empty(series.kind)
        found = _plain(pa.Table.from_pandas(table, preserve_index=False))
        found = found.replace_schema_metadata(
            (found.schema.metadata or {}) | {ASKED: json.dumps(_latest(old[1] + asked)).encode()}
        )
        system.create_dir(path.rsplit("/", 1)[0], recursive=True)
        target = path if "://" in self.root else f"{path.rsplit('/', 1)[0]}/.part.new"
        with system.open_output_stream(target) as stream:
            pq.write_table(found, stream, compression="zstd")
        if target != path:
            Path(target).replace(path)


_Content = tuple[pd.DataFrame, list[tuple[int, int, int]]]


class Files:
    """Files read lately, each as it was written last, of at most `most` bytes together. Safe in many
    threads.

    A month that is under way is written every minute; what it was before nobody asks for again.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock, self.size = most, threading.Lock(), 0
        self._held: OrderedDict[tuple[str, str], tuple[tuple[int, int], _Content, int]] = OrderedDict()

    def read(self, root: str, path: str, written: int, size: int) -> _Content:
        """One file as it was written at a moment, read once for all who look at it; nobody changes the
        frame."""
        with self._lock:
            found = self._held.get((root, path))
            if found is not None and found[0] == (written, size):
                self._held.move_to_end((root, path))
                return found[1]
        content = _read(root, path)
        weight = int(content[0].memory_usage(deep=True).sum()) + 100 * len(content[1])
        with self._lock:
            before = self._held.pop((root, path), None)
            self.size += weight - (0 if before is None else before[2])
            self._held[root, path] = (written, size), content, weight
            # The newest stays, however large: somebody is looking at it.
            while self.size > self._most and len(self._held) > 1:
                self.size -= self._held.popitem(last=False)[1][2]
        return content


_FILES: Final = Files(96_000_000)
_AWAY: Final[dict[str, float]] = {}


class NoPlace(OSError):
    """An address at which nothing can be kept, in a sentence that does not repeat it."""


@contextmanager
def _reached(root: str) -> Iterator[None]:
    """Ask something of an address; OSError at once while it was out of reach a moment ago. Folders are always
    asked."""
    if monotonic() < _AWAY.get(root, 0.0):
        raise OSError("The place where the market is kept could not be reached a moment ago.")
    try:
        yield
    except OSError as problem:
        if "://" in root and not isinstance(problem, FileNotFoundError):
            if root not in _AWAY:
                said = (
                    str(problem) if isinstance(problem, NoPlace) else f"It fails ({type(problem).__name__})."
                )
                logging.getLogger(__name__).warning("%s Venues are asked instead, and nothing is kept.", said)
            _AWAY[root] = monotonic() + _LEFT_ALONE
        raise


def _read(root: str, path: str) -> _Content:
    system, _ = Partitions(root)._system()
    with system.open_input_file(path) as file:
        found = pq.read_table(file)
    kind = path.split("/kind=")[1].split("/")[0]
    asked = json.loads((found.schema.metadata or {}).get(ASKED, b"[]"))
    return tables.ensure(found.to_pandas(), kind), [(int(a), int(b), int(c)) for a, b, c in asked]


def _plain(table: pa.Table) -> pa.Table:
    """Labels as plain text, so that a file agrees with its address, which names venue and step as text
    too."""
    for place, one in enumerate(table.schema):
        if pa.types.is_dictionary(one.type) or pa.types.is_large_string(one.type):
            table = table.set_column(place, one.name, table[one.name].cast(pa.string()))
    return table


@lru_cache
def empty(kind: str) -> pd.DataFrame:
    """A checked table without rows; nobody changes it."""
    return tables.empty(kind)


def joined(kind: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames of one kind as one checked table; for kinds with one row a moment the later frame's row
    stays."""
    if len(frames) == 1:
        return frames[0]
    if kind in _KEYS and all(tables.ensure(one, kind) is one for one in frames):
        return _stacked(kind, frames)
    plain = [frame.astype(dict.fromkeys(frame.select_dtypes("category"), str)) for frame in frames]
    if kind in _KEYS:
        whole = pd.concat(plain, ignore_index=True).drop_duplicates(_KEYS[kind], keep="last")
    else:
        # Two equal events of one frame are two; those that two frames tell alike are one.
        counted = [
            one.assign(_twin=one.groupby(list(one.columns), dropna=False, sort=False).cumcount())
            for one in plain
        ]
        whole = pd.concat(counted, ignore_index=True).drop_duplicates().drop(columns="_twin")
    return tables.check(whole, kind)


def _stacked(kind: str, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Checked tables as one, without looking at every value again."""
    full = [frame for frame in frames if len(frame)]
    if len(full) < 2:
        return full[0] if full else frames[0]
    whole = pd.DataFrame(
        {
            name: (
                _labels([frame[name].array for frame in full])
                if isinstance(dtype, pd.CategoricalDtype)
                else pd.concat([frame[name] for frame in full], ignore_index=True)
            )
            for name, dtype in full[0].dtypes.items()
        }
    )
    whole = whole[~whole.duplicated(_KEYS[kind], keep="last")]
    return whole.sort_values("time", kind="stable", ignore_index=True)


def _labels(parts: Sequence[pd.Categorical[str]]) -> pd.Categorical[str]:
    """Labels one after the other, with those that occur for categories, whatever type each part's have."""
    known = [np.array([str(label) for label in part.categories], dtype=object) for part in parts]
    names = sorted(
        {one for part, all_ in zip(parts, known, strict=True) for one in all_[np.unique(part.codes)]}
    )
    place = {name: number for number, name in enumerate(names)}
    codes = [
        np.array([place.get(name, -1) for name in all_])[part.codes]
        for part, all_ in zip(parts, known, strict=True)
    ]
    return pd.Categorical.from_codes(np.concatenate(codes), categories=pd.Index(names))


def _months(spans: Sequence[Span]) -> list[str]:
    found: set[str] = set()
    for start, end in spans:
        if end > start:
            first, last = (np.datetime64(moment, "us").astype("datetime64[M]") for moment in (start, end - 1))
            found |= set(np.arange(first, last + 1).astype(str).tolist())
    return sorted(found)


def _bounds(month: str) -> Span:
    first = np.datetime64(month, "M")
    return tuple(int(one.astype("datetime64[us]").astype("int64")) for one in (first, first + 1))  # type: ignore[return-value]


def _runs(rows: np.ndarray, length: int) -> list[Span]:
    """Spans in which row follows row without a hole; rows sorted, each standing for `length`."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) > length * 1.5)
    starts, ends = rows[np.r_[0, breaks + 1]], rows[np.r_[breaks, len(rows) - 1]] + length
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _without(span: Span, known: Sequence[Span]) -> list[Span]:
    """What is left of a span without the known ones."""
    left, at = [], span[0]
    for start, end in sorted(known):
        if at < min(start, span[1]):
            left.append((at, min(start, span[1])))
        at = max(at, end)
    return [*left, *([(at, span[1])] if at < span[1] else [])]


def _latest(asked: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """What was asked, touching spans of one moment joined, the oldest of many forgotten."""
    out: list[tuple[int, int, int]] = []
    for start, end, at in sorted(asked, key=lambda one: (one[2], one[0])):
        if out and out[-1][2] == at and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]), at)
        else:
            out.append((start, end, at))
    return out[-200:]
