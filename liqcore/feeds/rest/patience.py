"""An end to every request: a name that does not resolve, an answer that drips and one that is too large are
given up.

The timeouts of a socket bound one silence each, so that a byte a second would hold a request for hours, and
looking a name up has no timeout at all.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# A whole answer may take so many times the longest silence within it.
TIMES: Final = 6.0
_KNOWN_FOR: Final = 60.0
# The largest answer of any venue is a list of all its contracts, of 4 MB; a month of the archive has 2 MB.
MOST_BYTES: Final = 32 * 1024**2
_CHUNK: Final = 1 << 16


class TooSlow(requests.exceptions.ReadTimeout):
    """An answer that went on coming, and was not whole when it was given up."""


class NoName(requests.exceptions.ConnectTimeout):
    """A name that could not be looked up in time."""


class TooLarge(requests.exceptions.RequestException):
    """An answer of more than `MOST_BYTES` once it is unpacked."""


class _Cut:
    """Ends a connection from another thread once its time is over."""

    def __init__(self) -> None:
        self.held: socket.socket | None = None
        self.over = False

    def __call__(self) -> None:
        self.over = True
        if self.held is not None:
            # Past the layer of TLS, whose own shutdown would wait for the other side.
            with suppress(OSError):
                socket.socket.shutdown(self.held, socket.SHUT_RDWR)


_here: Final = threading.local()


class _Noted:
    """A connection that tells the request's cut which socket the answer comes by."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        cut = getattr(_here, "cut", None)
        if cut is not None:
            cut.held = self.sock
            if cut.over:
                cut()
        return super().getresponse()  # type: ignore[misc]


class _Plain(_Noted, HTTPConnection):
    pass


class _Secure(_Noted, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS: Final = {"http": _PlainPool, "https": _SecurePool}


class Patient(HTTPAdapter):
    """Sends and reads whole answers of at most `MOST_BYTES`; each ends after `TIMES` the timeout it is sent
    with.

    Raises
    ------
    TooSlow, TooLarge, NoName, beside what `requests` raises.
    """

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        silence = float(timeout[1] if isinstance(timeout, tuple) else timeout or 10.0)
        if select_proxy(request.url or "", proxies) is None:
            _look_up(urlsplit(request.url or ""), silence)
        with _cut_after(TIMES * silence) as cut:
            try:
                response = super().send(request, True, timeout, verify, cert, proxies)
                # Read here, where its time is counted.
                response._content = _whole(response)
            except (requests.exceptions.RequestException, OSError) as problem:
                if cut.over:
                    raise TooSlow(request=request) from problem
                raise
            if cut.over:
                raise TooSlow(request=request)
        return response


def _whole(response: requests.Response) -> bytes:
    """The body, read and unpacked no further than the limit, whatever its length was said to be."""
    told = response.headers.get("Content-Length", "")
    parts: list[bytes] = []
    size = int(told[:20]) if told.isdecimal() else 0
    if size <= MOST_BYTES:
        size = 0
        for part in response.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                break
    if size > MOST_BYTES:
        response.close()
        raise TooLarge
    return b"".join(parts)


@contextmanager
def _cut_after(seconds: float) -> Iterator[_Cut]:
    cut = _here.cut = _Cut()
    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        _here.cut = None


class _LookUp:
    """One name being looked up, for all who wait for it."""

    def __init__(self) -> None:
        self.done, self.at = threading.Event(), float("-inf")


_names: Final[dict[tuple[str, int], _LookUp]] = {}
_gate: Final = threading.Lock()


def _look_up(place: Any, wait: float) -> None:
    """Wait for a name at most so many seconds; a name that hangs costs one thread, however many ask."""
    key = str(place.hostname or ""), place.port or (80 if place.scheme == "http" else 443)
    with _gate:
        one = _names.get(key)
        if one is None or (one.done.is_set() and time.monotonic() - one.at > _KNOWN_FOR):
            one = _names[key] = _LookUp()
            threading.Thread(target=_resolve, args=(key, one), name="heatlab-name", daemon=True).start()
    if not one.done.wait(wait):
        raise NoName()


def _resolve(key: tuple[str, int], one: _LookUp) -> None:
    # What cannot be looked up fails again, with its reason, where the connection is made.
    with suppress(OSError, UnicodeError):
        socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
        one.at = time.monotonic()
    one.done.set()
