"""Finds how each venue speaks: the `DIALECT` that stands in its test."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.loopback.aggregators import HOSTS as _KEYED
from tests.loopback.truth import Dialect, Door, Rest

_FOLDER = Path(__file__).parents[1] / "feeds" / "venues"
DIALECTS: dict[str, Dialect] = {
    file.stem.removeprefix("test_"): import_module(f"tests.feeds.venues.{file.stem}").DIALECT
    for file in sorted(_FOLDER.glob("test_*.py"))
}
HOSTS: dict[str, Rest] = {
    **_KEYED,
    **{host: rest for dialect in DIALECTS.values() for host, rest in dialect.rest.items()},
}
DOORS: dict[str, Door] = {
    address: door for dialect in DIALECTS.values() for address, door in dialect.doors.items()
}
