"""Which addresses a hosted app may talk to: public ones only, judged at the moment of connecting.

Looking at a link is not enough: a name may resolve to a private address, resolve differently the second time,
or redirect to one. So the check sits where sockets connect, for the threads that ask for it. There, a proxy
of the environment is not asked either: it would connect to wherever it is told, past the check.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

Resolver = Callable[[str], Sequence[str]]

# Spaces that a network translates to its own addresses, or keeps for itself, and Python takes for public.
_OWN: Final = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "5f00::/16", "3fff::/20", "192.88.99.0/24")))
# What a service says to an alert is a line; one that says more is not listened to any further.
_MOST_ANSWER: Final = 1 << 20

_guard = threading.local()
_installed = threading.Lock()


class AddressRefused(OSError):
    """A connection to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; IPv6 forms of an IPv4 address count as that
    one."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    if any(ip.version == space.version and ip in space for space in _OWN):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def system_resolver(host: str) -> Sequence[str]:
    """The addresses of a host name by the system's resolver."""
    return [str(found[4][0]) for found in _getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@contextmanager
def public_only(resolve: Resolver = system_resolver, relays: Collection[str] = ()) -> Iterator[list[str]]:
    """Inside, this thread connects to public addresses and `relays` only; yields a list that collects what
    was refused."""
    _install()
    refused: list[str] = []
    before = getattr(_guard, "held", None)
    _guard.held = (resolve, refused, frozenset(relays))
    try:
        yield refused
    finally:
        _guard.held = before


@contextmanager
def short_answers() -> Iterator[None]:
    """Inside, this thread reads no more than a megabyte of an answer of the web, unpacked."""
    _install()
    before = getattr(_guard, "short", False)
    _guard.short = True
    try:
        yield
    finally:
        _guard.short = before


_getaddrinfo = socket.getaddrinfo
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def _install() -> None:
    with _installed:
        if socket.getaddrinfo is not _guarded_getaddrinfo:
            socket.getaddrinfo = _guarded_getaddrinfo
            socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
            socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign, assignment]
            with suppress(ImportError):
                _install_requests()


def _install_requests() -> None:
    import requests

    proxies, password = requests.sessions.get_environ_proxies, requests.sessions.get_netrc_auth
    read = requests.Response.iter_content

    def held() -> bool:
        return getattr(_guard, "held", None) is not None

    def iter_content(self: requests.Response, *more: Any, **named: Any) -> Iterator[Any]:
        size = 0
        for part in read(self, *more, **named):
            size += len(part)
            if size > _MOST_ANSWER and getattr(_guard, "short", False):
                self.close()
                raise requests.exceptions.ConnectionError("the service answers without an end")
            yield part

    requests.sessions.get_environ_proxies = lambda *more, **named: {} if held() else proxies(*more, **named)
    requests.sessions.get_netrc_auth = lambda *more, **named: None if held() else password(*more, **named)
    requests.Response.iter_content = iter_content  # type: ignore[method-assign]


def _guarded_getaddrinfo(host: Any, port: Any, *more: Any, **named: Any) -> Any:
    held = getattr(_guard, "held", None)
    if held is None or host is None:
        return _getaddrinfo(host, port, *more, **named)
    resolve, refused, relays = held
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        addresses = [str(ipaddress.ip_address(name.split("%")[0]))]
    except ValueError:
        addresses = list(resolve(name))
    for address in addresses:
        if not is_public(address) and address not in relays:
            refused.append(address)
            raise AddressRefused("this address is not public")
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "this name has no address")
    return [found for address in addresses for found in _getaddrinfo(address, port, *more, **named)]


def _check(address: Any) -> None:
    held = getattr(_guard, "held", None)
    if held is None:
        return
    host = address[0] if isinstance(address, tuple) and address else ""
    if not is_public(str(host)) and str(host) not in held[2]:
        held[1].append(str(host))
        raise AddressRefused("this address is not public")


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _check(address)
    return _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    _check(address)
    return _connect_ex(self, address)
