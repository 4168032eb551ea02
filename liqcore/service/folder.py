"""The folder in which this app keeps its store, and the mark in it that rules watch the live market."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FOLDER: Final = "HEATLAB_FOLDER"


def folder() -> Path:
    """Where the store and the cache are: HEATLAB_FOLDER, or `.heatlab` beside the app."""
    return Path(os.environ.get(FOLDER) or ".heatlab")


def watch_mark() -> Path:
    """A file that is there while rules watch the live market, so that a restarted app knows it without
    opening the store."""
    return folder() / "rules-watch-live"
