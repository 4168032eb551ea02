"""Everything that touches files, the network or the clock. Names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liqcore.feeds.status import FeedError, SourceStatus
    from liqcore.feeds.venues.parse import parse_liquidations

_HOME = {"parse_liquidations": "venues.parse", "FeedError": "status", "SourceStatus": "status"}

__all__ = ["FeedError", "SourceStatus", "parse_liquidations"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
