"""A session whose venues are all played by one local server, with a clock the test can move."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from liqcore.feeds.rest.session import FeedSession, open_session
from tests.loopback.dialects import NOW
from tests.loopback.server import VenueServer

END = np.datetime64(NOW, "ms")
START = END - np.timedelta64(6, "h")


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
