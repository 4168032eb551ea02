"""A data set of one's own: what a collector's store holds, written day by day as partitions with a manifest.

    kind=liquidations/venue=bybit/step=event/month=2026-03/part.parquet
    manifests/2026-03-01.json

A manifest says what a day holds: rows by kind and venue, and by venue the gaps in which nobody listened. Data
sets of many recorders are read as one: an event that two of them heard counts once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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

    A day may be written again as it fills. Raises OSError where nothing can be written, StoreError where
    nothing can be read.
    """
    first = int(day.astype("datetime64[us]").astype("int64"))
    span = first, min(first + DAY, now)
    kept = Partitions(out)
    beats = store.heartbeats(first)
    beats = beats[beats["minute"] < span[1]]
    events = store.liquidations(first)
    events = events[tables.microseconds(events["time"]) < span[1]]
    rows: dict[str, dict[str, int]] = {"liquidations": {}}
    gaps: dict[str, list[list[str]]] = {}
    for venue in sorted({*beats["venue"], *events["venue"].astype(str)}):
        part = events[(events["venue"] == venue).to_numpy()].reset_index(drop=True)
        heard = _runs(np.sort(beats.loc[beats["venue"] == venue, "minute"].to_numpy()), _MINUTE)
        heard = [(max(a, span[0]), min(b, span[1])) for a, b in heard if min(b, span[1]) > max(a, span[0])]
        kept.add(Series("liquidations", venue, "event"), part, heard, now)
        rows["liquidations"][venue] = len(part)
        gaps[venue] = [[_iso(a), _iso(b)] for a, b in _without(span, heard)]
    for kind, step in _STEPS.items():
        rows[kind] = _write_series(store, kept, kind, step, span, now)
    manifest = {
        "day": str(day.astype("datetime64[D]")),
        "until": _iso(span[1]),
        "whole": span[1] == first + DAY,
        "rows": rows,
        "gaps": gaps,
    }
    _save(out, f"{manifest['day']}.json", manifest)
    return manifest


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
    store: Store, kept: Partitions, kind: str, step: str, span: Span, now: int
) -> dict[str, int]:
    table = store.series(kind, span[0])
    table = table[tables.microseconds(table["time"]) < span[1]]
    counts: dict[str, int] = {}
    for venue, part in table.groupby("venue", observed=True):
        own = part[[name for name in tables.COLUMNS[kind] if name in part]].reset_index(drop=True)
        kept.add(Series(kind, str(venue), step), tables.CHECKS[kind](own), [span], now)
        counts[str(venue)] = len(own)
    return counts


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


__all__ = ["Recorded", "read_market", "write_day"]
