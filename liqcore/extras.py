"""The optional parts of an installation, and the sentence that says which one is missing."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

_EXTRAS: Final = {
    "live": (
        "Live data and alerts need",
        ("ccxt", "aiohttp", "requests_cache", "requests_ratelimiter", "sqlalchemy", "filelock", "apprise"),
    ),
    "app": ("The app needs", ("streamlit",)),
    "mcp": ("Answers for assistants need", ("mcp", "requests_cache")),
    "lab": ("A study on a cluster needs", ("dask", "distributed")),
}


class MissingExtra(ImportError):
    """A part of Heatlab that was not installed; the message says how to install it."""


def need(extra: str) -> None:
    """Go on only where everything of an extra (`live`, `app`, `mcp` or `lab`) is installed.

    Raises
    ------
    MissingExtra
        One sentence: what is missing and what to install.
    """
    what, modules = _EXTRAS[extra]
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{what} {', '.join(missing)}, which a plain installation leaves out:"
            f' pip install "heatlab[{extra}]"'
        )
