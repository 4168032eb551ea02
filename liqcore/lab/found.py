"""What was measured and is told on the page and in docs/honesty.md: figures with span, number and hash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import pandas as pd

FILE: Final = "found.json"
SECTIONS: Final = ("words", "worlds", "recorded")


@dataclass(frozen=True, eq=False)
class Found:
    """A table a section, and the sentence that says how it was made. Empty where it was not made yet."""

    words: pd.DataFrame
    words_note: str
    worlds: pd.DataFrame
    worlds_note: str
    recorded: pd.DataFrame
    recorded_note: str


def load() -> Found:
    """The figures that came with this version."""
    held = read()
    values: dict[str, Any] = {}
    for name in SECTIONS:
        section = held.get(name, {})
        values[name] = pd.DataFrame(section.get("rows", []), columns=section.get("columns"))
        values[f"{name}_note"] = section.get("note", "")
    return Found(**values)


def read() -> dict[str, Any]:
    """The file as it is: section → columns, rows and note."""
    file = resources.files(__package__ or "liqcore.lab").joinpath(FILE)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


@dataclass(frozen=True, eq=False)
class Measured:
    """The scoreboard of docs/scoreboard.md as rows, and the sentence that says what it was made from."""

    rows: pd.DataFrame
    note: str


def measured() -> Measured:
    """The scoreboard that came with this version."""
    file = resources.files(__package__ or "liqcore.lab").joinpath("measured.json")
    held = json.loads(file.read_text(encoding="utf-8"))
    return Measured(pd.DataFrame(held["rows"], columns=held["columns"]), held["note"])
