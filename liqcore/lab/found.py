"""What was measured and is told on the page and in docs/honesty.md: figures with span, number and hash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import pandas as pd

FILE: Final = "found.json"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they were measured, and the sentence that says how: span, number and hash."""

    rows: pd.DataFrame
    note: str


def load() -> dict[str, Table]:
    """The figures that came with this version by section (`words`, `worlds`, `ahead`, `lifetimes`,
    `placebos`, `recorded`)."""
    return {
        name: Table(pd.DataFrame(held["rows"], columns=held["columns"]), held["note"])
        for name, held in read().items()
    }


def read() -> dict[str, Any]:
    """The file as it is: section → columns, rows and note."""
    file = resources.files(__package__ or "liqcore.lab").joinpath(FILE)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def measured() -> Table:
    """The scoreboard of docs/scoreboard.md that came with this version."""
    file = resources.files(__package__ or "liqcore.lab").joinpath("measured.json")
    held = json.loads(file.read_text(encoding="utf-8"))
    return Table(pd.DataFrame(held["rows"], columns=held["columns"]), held["note"])
