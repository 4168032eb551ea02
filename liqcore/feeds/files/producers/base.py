"""What a producer is: a program or service whose files are recognised before their columns are looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from liqcore.feeds.files import columns as cells, liquidations as read_liquidations, series as read_series
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.table import RawTable

GENERIC: Final[dict[str, Callable[..., Draft]]] = {
    "liquidations": read_liquidations.liquidations,
    "candles": read_series.candles,
    "open_interest": read_series.open_interest,
    "funding": read_series.funding,
}


@dataclass(frozen=True)
class Producer:
    """One layout: what it holds, how it is told by header, file name and first rows, and how it is read."""

    kind: str
    fits: Callable[[RawTable], bool]
    read: Callable[[RawTable, Request], Draft]


def keys(raw: RawTable) -> set[str]:
    """The names of the columns as they are compared."""
    return {cells.key(column) for column in raw.columns}


def column(raw: RawTable, *names: str) -> str | None:
    """The file's own name of the first of these columns that it has."""
    held = {cells.key(name): name for name in reversed(raw.columns)}
    return next((held[name] for name in names if name in held), None)


def asking(request: Request, venue: str | None = None, **known: str) -> Request:
    """The request with what the producer knows; what a person has said goes before it."""
    return replace(request, venue=request.venue or venue, mapping={**known, **request.mapping})


def read_as(
    kind: str, raw: RawTable, request: Request, name: str, chosen: Mapping[str, str] | None = None
) -> Draft:
    """A raw table through the reader of its kind, with some columns chosen by the producer."""
    found = cells.find_columns(raw, kind, dict(chosen or {}))
    return GENERIC[kind](raw, found, request, name)


def by_header(
    name: str,
    kind: str,
    needed: set[str],
    *,
    file: str = "",
    chosen: Mapping[str, tuple[str, ...]] | None = None,
    venue: str | None = None,
    notes: tuple[str, ...] = (),
    **known: str,
) -> Producer:
    """A producer that is told by names of columns (and a pattern of the file's name, where one is given)."""

    def fits(raw: RawTable) -> bool:
        return (
            raw.headed and needed <= keys(raw) and (not file or re.search(file, raw.name.lower()) is not None)
        )

    def read(raw: RawTable, request: Request) -> Draft:
        picked = {
            ours: found
            for ours, names in (chosen or {}).items()
            if (found := column(raw, *names)) is not None
        }
        out = read_as(kind, raw, asking(request, venue, **known), name, picked)
        out.notes += notes
        return out

    return Producer(kind, fits, read)
