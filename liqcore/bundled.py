"""Where what comes with Heatlab lies: beside `liqcore` in the repository, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Path of something that comes with Heatlab, by its name in the repository: `app.py`, `data/samples`."""
    repository = _PACKAGE.parent
    # Other packages may have left a folder `data` in site-packages; only a repository has this file.
    return (repository if (repository / "pyproject.toml").is_file() else _PACKAGE / "_bundled") / name
