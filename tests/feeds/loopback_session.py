"""A session whose venues are all played by one local server, with a clock the test can move."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from liqcore.feeds.rest.session import FeedSession, open_session
from tests.loopback.server import VenueServer
from tests.loopback.truth import END, START, rows, rows_of

__all__ = ["END", "START", "loopback", "rows", "rows_of"]


@contextmanager
def loopback(
    folder: Path | None = None, *, timeout: float = 5.0
) -> Iterator[tuple[VenueServer, FeedSession]]:
    with VenueServer() as server:
        session = open_session(folder, timeout=timeout, loopback=server.address, per_second=200)
        try:
            yield server, session
        finally:
            session.shut()
