"""Secrets that came wrong, counted by who sent them, so that guessing is slow and locks out nobody else."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import threading
from collections import OrderedDict
from typing import Final

_MOST_CALLERS: Final = 1_000
# A customer of a provider is given a whole network of this size: each of its addresses is the same caller.
_IPV6_PREFIX: Final = 48
# How much larger the share of a network is from which the right secret came before: neighbours of its owner
# may not lock them out with a handful of wrong ones.
_TRUSTED: Final = 12
# A caller that a proxy did not name.
UNNAMED: Final = ""


class Guesses:
    """At most `most` wrong secrets of one network within `seconds`, and `of_all` of all strange networks
    together; for all threads, and bounded.

    A try is counted before its secret is looked at, so that many at once are no way around it, and taken back
    when it was right. A network from which the right one came before is held to a share of its own, so that
    nobody elsewhere can lock its people out.
    """

    def __init__(self, most: int = 10, seconds: float = 60.0, of_all: int | None = None) -> None:
        self.most, self.seconds, self.of_all = most, seconds, of_all
        self._tries: OrderedDict[str, list[float]] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._tries)

    def spent(self, caller: str, now: float) -> bool:
        """Whether a caller has had its share for now (seconds of any clock)."""
        with self._lock:
            return self._spent(network(caller), now)

    def begin(self, caller: str, now: float) -> bool:
        """Count a try before its secret is compared; False, and it must not be compared, where the caller has
        had its share."""
        name = network(caller)
        with self._lock:
            if self._spent(name, now):
                return False
            self._tries.setdefault(name, []).append(now)
            self._tries.move_to_end(name)
            # The callers that were quiet longest are forgotten first.
            while len(self._tries) > _MOST_CALLERS:
                self._tries.popitem(last=False)
            return True

    def take_back(self, caller: str, now: float, right: bool) -> None:
        """A try that `begin` counted at `now` was right, or was none because it held no secret to compare."""
        name = network(caller)
        with self._lock:
            left = self._tries.get(name, [])
            if now in left:
                left.remove(now)
            if not left:
                self._tries.pop(name, None)
            if right and name:
                self._known[name] = None
                self._known.move_to_end(name)
                while len(self._known) > _MOST_CALLERS:
                    self._known.popitem(last=False)

    def _spent(self, name: str, now: float) -> bool:
        held = self._within(name, now)
        if name in self._known:
            return held >= self.most * _TRUSTED
        if held >= self.most:
            return True
        if self.of_all is None:
            return False
        return (
            sum(self._within(one, now) for one in list(self._tries) if one not in self._known) >= self.of_all
        )

    def _within(self, name: str, now: float) -> int:
        # Whoever comes late with an early time, as a body held back does, may not make later tries undone.
        left = [at for at in self._tries.get(name, ()) if abs(now - at) < self.seconds]
        if left:
            self._tries[name] = left
        else:
            self._tries.pop(name, None)
        return len(left)


def same(given: str, secret: str) -> bool:
    """Whether a secret is the right one, in a time that tells neither how much of it is right nor its length.
    An empty one is never right."""
    told, held = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, secret))
    return hmac.compare_digest(told, held) and bool(secret)


def network(caller: str) -> str:
    """The network that a caller's address belongs to: an IPv4 address alone, of IPv6 what one customer is
    given."""
    try:
        found = ipaddress.ip_address(caller.partition("%")[0])
    except ValueError:
        # A socket's path, or a name that a proxy gave: no more of it than names need.
        return caller[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found), _IPV6_PREFIX), strict=False))
    return str(found)
