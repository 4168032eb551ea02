"""Who asks: the one session for requests. A room of its own, so that the first map need not wait for what
only collecting loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from liqcore.feeds.rest.session import FeedSession, open_session
from liqcore.service.app import OFFLINE

if TYPE_CHECKING:
    from liqcore.service.app import Owner

NOBODY: Final = f"Nobody is asked, because {OFFLINE} is set."


def feed_session(owner: Owner) -> FeedSession:
    """The session for requests; one that refuses each of them where nobody is to be asked."""
    return open_session(
        owner.folder, timeout=8.0, loopback=owner.loopback, refuse=NOBODY if owner.offline else None
    )


__all__ = ["NOBODY", "feed_session"]
