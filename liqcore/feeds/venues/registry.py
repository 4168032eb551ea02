"""Finds the venues: every file of this folder that is not part of the machinery is one, with its `VENUES`."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

import liqcore.feeds.venues as _folder
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.venue import Venue

_MACHINERY: Final = {"history", "kit", "market", "parse", "registry", "rows", "series", "venue"}


def _found() -> dict[str, Venue]:
    names = sorted(one.name for one in iter_modules(_folder.__path__) if one.name not in _MACHINERY)
    rows = [row for name in names for row in import_module(f"{_folder.__name__}.{name}").VENUES]
    # Those that stand for the market first, in their order.
    rows.sort(key=lambda row: (row.reference or 99, row.name.lower()))
    return {row.id: row for row in rows}


def _plain(name: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


VENUES: Final[dict[str, Venue]] = _found()
REFERENCES: Final = tuple(name for name, row in VENUES.items() if row.reference)
_NAMES: Final = {
    _plain(name): row for row in VENUES.values() for name in (row.id, row.name, row.ccxt, *row.aliases)
}


def venue(name: object) -> Venue:
    """The row of a venue by its id, its name or ccxt's id, in any case (`OKX`, `gateio`, `Gate.io`).

    Raises
    ------
    FeedError
        No such venue; the message lists those that exist.
    """
    found = _NAMES.get(_plain(name))
    if found is None:
        raise FeedError(f"No venue is called {name!r}. Known venues: {', '.join(VENUES)}.")
    return found


def at(host: str) -> Venue | None:
    """The venue that answers at a host, None for a host that is no venue's."""
    parts = [(part, row) for row in VENUES.values() for part in row.hosts if part in host]
    return max(parts, key=lambda one: len(one[0]))[1] if parts else None
