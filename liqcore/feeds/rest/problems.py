"""From an answer that is no answer to one typed error with one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from liqcore import wording
from liqcore.feeds.status import BadSymbol, ClockSkew, FeedError, GeoBlocked, KeyRefused, RateLimited
from liqcore.feeds.venues import registry

GEO_PAUSE: Final = 900.0
MOST_SKEW: Final = 600.0
# Sources behind a key; venues know their own hosts.
_HOSTS: Final = (("coinglass", "CoinGlass"), ("coinank", "CoinAnk"), ("coinalyze", "Coinalyze"))
_GEO: Final = re.compile(
    r"restricted location|block access from your country|unavailable (?:in|from) your (?:country|region)",
    re.IGNORECASE,
)
_BUSY: Final = re.compile(
    r"too (?:many|frequent)|rate limit|frequency|too much request|\(code (?:10006|10018|50011|429|-1003)\)",
    re.IGNORECASE,
)
_SYMBOL: Final = re.compile(
    r"invalid symbol|symbol invalid|symbol (?:is )?not|contract.?not.?found|instrument.*(?:not|doesn't)"
    r" exist|not_found|unknown symbol|"
    r"contract .*(?:doesn't|does not|not) exist|\(code (?:-1121|51001|40034|10001)\)",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(
    r"recvwindow|timestamp for this request|timestamp.*(?:expired|ahead)|not near now|\(code"
    r" (?:-1021|10002|50102|-7)\)",
    re.IGNORECASE,
)
_KEY: Final = re.compile(
    r"api.?key|unauthori[sz]ed|upgrade (?:your )?plan|\bplan\b|\(code (?:-3|401|403)\)", re.IGNORECASE
)


def host_name(host: str) -> str:
    """The name a visitor knows a host by."""
    venue = registry.at(host)
    return venue.name if venue else next((name for part, name in _HOSTS if part in host), host)


def problem_in(host: str, status: int, headers: Mapping[str, str], text: str) -> FeedError | None:
    """The error an answer is, or None for a good one. Looks inside a 200 too, where venues hide errors."""
    name, venue = host_name(host), registry.at(host)
    try:
        found: Any = json.loads(text)
        broken = False
    except (ValueError, RecursionError):
        found, broken = None, True
    refusal = venue.refusal if venue else refused
    said = refusal(found) if isinstance(found, (dict, list)) else None
    if status == 451 or _GEO.search(text[:2_000]):
        return _from_this_country(name)
    words = said or (text[:200] if status >= 400 and not text.lstrip().startswith("<") else "")
    if (
        status in (418, 429)
        or (status == 403 and _BUSY.search(text[:2_000]))
        or (words and _BUSY.search(words))
    ):
        wait = retry_seconds(headers, 600.0 if status in (403, 418) else 60.0)
        return RateLimited(
            f"{name} asks for a pause of {wording.duration(round(wait))}, because it was asked too often.",
            retry_after=wait,
        )
    if venue is not None and status in venue.geo_statuses:
        return _from_this_country(name)
    if status in (401, 402, 403) or (words and _KEY.search(words)):
        return KeyRefused(
            f"{name} refuses the key, or the plan of the key does not cover this ({_brief(words, status)})."
            " Check the key and its plan."
        )
    if words and _CLOCK.search(words):
        return ClockSkew(
            f"{name} says that the time of the request is wrong ({_brief(words, status)}). Set this"
            " computer's clock."
        )
    if words and _SYMBOL.search(words):
        return BadSymbol(f"{name} does not know the contract that was asked for ({_brief(words, status)}).")
    if status >= 500:
        return FeedError(f"{name} has trouble of its own (HTTP {status}). It is tried again soon.")
    if status >= 400 or said:
        return FeedError(f"{name} answered with an error: {_brief(words, status)}. It is tried again later.")
    if broken:
        return FeedError(f"{name} sent an answer that is broken or cut off. It is asked again.")
    return None


def refused(found: Any) -> str | None:
    """What a source behind a key complains about inside an answer that looks like success, or None."""
    if not isinstance(found, dict):
        return None
    code, words = found.get("code"), found.get("msg") or found.get("message") or found.get("error")
    words = str(words or "no reason given")[:200].rstrip(".")
    if code is not None and str(code) not in ("0", "200") and found.get("success") is not True:
        return f"{words} (code {code})"
    return words if found.get("success") is False or found.get("error") else None


def _from_this_country(name: str) -> GeoBlocked:
    return GeoBlocked(
        f"{name} refuses requests from the country of this computer. It is tried again in 15 minutes.",
        retry_after=GEO_PAUSE,
    )


def clock_problem(host: str, headers: Mapping[str, str], now: float) -> ClockSkew | None:
    """The error where the answer's `Date` is far from `now` (seconds since 1970)."""
    try:
        told = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (ValueError, TypeError):
        return None
    apart = abs(told - now)
    if apart <= MOST_SKEW:
        return None
    return ClockSkew(
        f"The clocks of this computer and of {host_name(host)} differ by"
        f" {wording.duration(60 * round(apart / 60))}, so its times cannot be placed. Set this computer's"
        " clock."
    )


def retry_seconds(headers: Mapping[str, str], default: float) -> float:
    """Seconds from `Retry-After`, which is a number or a date; between 1 s and an hour."""
    told = headers.get("Retry-After", "")
    try:
        wait = float(told)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            wait = default
    return min(max(wait, 1.0), 3_600.0) if wait == wait else default


def _brief(words: str, status: int) -> str:
    # In one line of plain signs: it goes into logs and terminals too.
    plain = "".join(one if one.isprintable() else " " for one in words)
    return " ".join(plain.split())[:160].rstrip(".") or f"HTTP {status}"
