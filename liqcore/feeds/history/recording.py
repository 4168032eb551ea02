"""A data set of one's own: what a collector's store holds, written day by day as partitions with a manifest.

    kind=liquidations/venue=bybit/step=event/month=2026-03/part.parquet
    manifests/2026-03-01.json

A manifest says what a day holds: from when until when it was written (`whole` where that is the day), rows
by kind and venue, and by venue the gaps in which nobody listened. Data sets of many recorders are read as
one: an event that two of them heard counts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pyarrow.fs as pafs

from liqcore import tables
from liqcore.feeds.history.partitions import Partitions, Series, Span, _runs, _without, empty, joined
from liqcore.feeds.live.figures import joined_candles
from liqcore.feeds.venues.registry import REFERENCES

if TYPE_CHECKING:
    from liqcore.feeds.live.store import Store

DAY: Final = 86_400_000_000
_MINUTE: Final = 60_000_000
_STEPS: Final = {"candles": "1m", "open_interest": "5m", "funding": "8h"}
_MANIFESTS: Final = "manifests"


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recorded market: tables by kind, and the manifests of its days, oldest first."""

    liquidations: pd.DataFrame
    candles: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    manifests: tuple[dict[str, Any], ...]


def write_day(store: Store, out: str, day: np.datetime64, now: int) -> dict[str, Any]:
    """Write what a store holds of a day, up to `now` (µs), into the partitions at `out`; the day's manifest.

    A day may be written again, as it fills or from a store that has forgotten some of it: what the data set
    holds and its manifest told before stays. Raises OSError where nothing can be written, StoreError where
    nothing can be read.
    """
    first = int(day.astype("datetime64[us]").astype("int64"))
    span = first, min(first + DAY, now)
    kept = Partitions(out)
    before = _told(out, first)
    beats = store.heartbeats(first)
    beats = beats[beats["minute"] < span[1]]
    events = store.liquidations(first, span[1])
    rows: dict[str, dict[str, int]] = {"liquidations": {}}
    gaps: dict[str, list[list[str]]] = {}
    until = max(span[1], before.until)
    for venue in sorted({*beats["venue"], *events["venue"].astype(str), *before.heard}):
        part = events[(events["venue"] == venue).to_numpy()].reset_index(drop=True)
        heard = _runs(np.sort(beats.loc[beats["venue"] == venue, "minute"].to_numpy()), _MINUTE)
        heard = [(max(a, span[0]), min(b, span[1])) for a, b in heard if min(b, span[1]) > max(a, span[0])]
        series = Series("liquidations", venue, "event")
        if len(part) or heard:
            kept.add(series, part, heard, now)
        rows["liquidations"][venue] = len(kept.held(series, first, until))
        both = [*heard, *before.heard.get(venue, ())]
        gaps[venue] = [[_iso(a), _iso(b)] for a, b in _without((first, until), both)]
    for kind, step in _STEPS.items():
        rows[kind] = _write_series(store, kept, kind, step, (first, until), now, before.rows.get(kind, ()))
    begun = store.since()
    since = min(max(span[0], span[1] if begun is None else begun), span[1])
    # Between what was written before and what the store holds now may lie what nobody wrote.
    if before.until >= since:
        since = min(since, before.since)
    manifest = {
        "day": str(day.astype("datetime64[D]")),
        "since": _iso(since),
        "until": _iso(until),
        "whole": (since, until) == (first, first + DAY),
        "rows": rows,
        "gaps": gaps,
    }
    _save(out, f"{manifest['day']}.json", manifest)
    return manifest


def unwritten(store: Store, out: str, now: int, reach: int) -> list[np.datetime64]:
    """The days before that of `now` (µs) which `store` holds and no manifest at `out` tells to their end, and
    those of the last `reach` µs, into which history may still come; oldest first.

    Raises OSError where `out` cannot be reached, StoreError where nothing can be read.
    """
    over = [first for first in store.days() if first + DAY <= now]
    found = [first for first in over if first + DAY > now - reach or _told(out, first).until < first + DAY]
    return [np.datetime64(first, "us").astype("datetime64[D]") for first in found]


def read_market(
    where: str | Path | Sequence[str | Path], start: object = None, end: object = None
) -> Recorded:
    """Open a recorded market, or several as one; from `start` to `end` (UTC) where they are given.

    `where` is a folder, or an address that pyarrow opens (`s3://bucket/path`). Equal events of several
    recorders count once. Candles are those of the venue with the most, with the volume of all.

    Raises
    ------
    TableError
        There is nothing recorded in one of the places.
    """
    places = [where] if isinstance(where, (str, Path)) else list(where)
    first, last = (
        None if moment is None else pd.Timestamp(tables.to_datetime64(moment), tz="UTC")
        for moment in (start, end)
    )
    found: dict[str, list[pd.DataFrame]] = {kind: [] for kind in ("liquidations", *_STEPS)}
    manifests: list[dict[str, Any]] = []
    for place in places:
        kept = Partitions(str(place))
        if all(kept.dataset(kind) is None for kind in found):
            raise tables.TableError(
                f"Nothing is recorded in {place}: it holds no partitions. Name another folder."
            )
        manifests += _manifests(str(place))
        for kind, frames in found.items():
            frames += _read(kept, kind, first, last)
    out = {kind: _one(kind, frames) for kind, frames in found.items()}
    return Recorded(**out, manifests=tuple(sorted(manifests, key=lambda one: one["day"])))


def _write_series(
    store: Store, kept: Partitions, kind: str, step: str, span: Span, now: int, before: Iterable[str]
) -> dict[str, int]:
    table = store.series(kind, span[0])
    table = table[tables.microseconds(table["time"]) < min(span[1], now)]
    for venue, part in table.groupby("venue", observed=True):
        own = part[[name for name in tables.COLUMNS[kind] if name in part]].reset_index(drop=True)
        # Rows cover themselves; of what lies between them a store does not know whether it was asked for.
        kept.add(Series(kind, str(venue), step), tables.CHECKS[kind](own), [], now)
    venues = sorted({*table["venue"].astype(str), *before})
    return {venue: len(kept.held(Series(kind, venue, step), *span)) for venue in venues}


@dataclass(frozen=True)
class _Told:
    """What a day's manifest told so far: from when until when (µs), where each venue was heard, venues by
    kind."""

    since: int
    until: int
    heard: dict[str, list[Span]]
    rows: dict[str, tuple[str, ...]]


def _told(out: str, first: int) -> _Told:
    """The manifest of the day that begins at `first` (µs); nothing told where there is none, or half of
    one."""
    system, place = _place(out)
    path = f"{place}/{np.datetime64(first, 'us').astype('datetime64[D]')}.json"
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        with system.open_input_stream(path) as stream:
            told = json.loads(stream.read())
        # Those of before say no `since`, and were written from midnight on.
        since, until = (_micros(told[name]) if name in told else first for name in ("since", "until"))
        heard = {
            str(venue): _without((first, until), [(_micros(a), _micros(b)) for a, b in gaps])
            for venue, gaps in told["gaps"].items()
        }
        return _Told(since, until, heard, {kind: tuple(venues) for kind, venues in told["rows"].items()})
    return _Told(first, first, {}, {})


def _read(
    kept: Partitions, kind: str, first: pd.Timestamp | None, last: pd.Timestamp | None
) -> list[pd.DataFrame]:
    data = kept.dataset(kind)
    if data is None:
        return []
    frames = []
    # Each venue's file is a table of its own; only candles do not say whose they are.
    told = [
        (dict(part.split("=", 1) for part in fragment.path.split("/") if "=" in part), fragment)
        for fragment in data.get_fragments()
    ]
    # Bars of two lengths are no table, so the finest are taken.
    finest = min(
        (tables.timeframe(parts["step"]) for parts, _ in told if parts["step"] != "event"), default=None
    )
    for parts, fragment in told:
        if kind == "candles" and tables.timeframe(parts["step"]) != finest:
            continue
        table = fragment.to_table().to_pandas()
        time = table["time"]
        keep = np.ones(len(table), dtype=bool)
        if first is not None:
            keep &= (time >= first).to_numpy()
        if last is not None:
            keep &= (time < last).to_numpy()
        table = table[keep].reset_index(drop=True)
        if len(table):
            frames.append(
                tables.CHECKS[kind](table).assign(**({"venue": parts["venue"]} if kind == "candles" else {}))
            )
    return frames


def _one(kind: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    if not frames:
        return empty(kind)
    if kind != "candles":
        return joined(kind, frames)
    both = pd.concat(frames, ignore_index=True).drop_duplicates(["time", "venue"], keep="last")
    return joined_candles(both, REFERENCES)


def _iso(micros: int) -> str:
    return f"{np.datetime64(micros, 'us').astype('datetime64[s]')}Z"


def _micros(iso: str) -> int:
    return int(np.datetime64(iso.removesuffix("Z"), "us").astype("int64"))


def _place(out: str) -> tuple[pafs.FileSystem, str]:
    system, base = Partitions(out)._system()
    return system, f"{base}/{_MANIFESTS}"


def _save(out: str, name: str, manifest: dict[str, Any]) -> None:
    system, place = _place(out)
    system.create_dir(place, recursive=True)
    # On object stores a file is there as a whole or not at all; elsewhere a reader must not find half of it.
    target = f"{place}/{name}" if "://" in out else f"{place}/.{name}.new"
    with system.open_output_stream(target) as stream:
        stream.write(json.dumps(manifest, indent=1).encode())
    if "://" not in out:
        Path(target).replace(f"{place}/{name}")


def _manifests(out: str) -> list[dict[str, Any]]:
    system, place = _place(out)
    told = system.get_file_info(pafs.FileSelector(place, allow_not_found=True))
    found = []
    for one in told:
        if one.is_file and one.path.endswith(".json") and not one.base_name.startswith("."):
            with system.open_input_stream(one.path) as stream, suppress(ValueError):
                found.append(json.loads(stream.read()))
    return found


__all__ = ["Recorded", "read_market", "unwritten", "write_day"]
