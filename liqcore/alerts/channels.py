"""Channels: where alerts go. Their addresses are secrets: they are shown nowhere, in no error and in no
log."""

from __future__ import annotations

import base64
import datetime as dt
import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote
from zoneinfo import ZoneInfo

from liqcore.alerts.rules import RuleError

HIDDEN: Final = "•••"
# What reaches people over the network. Others run programs, or talk to the desktop of the host.
HOSTED_SCHEMES: Final = frozenset(
    {
        "tgram",
        "discord",
        "slack",
        "mailto",
        "mailtos",
        "ntfy",
        "ntfys",
        "json",
        "jsons",
        "form",
        "forms",
        "xml",
        "xmls",
        "gotify",
        "gotifys",
        "matrix",
        "matrixs",
        "msteams",
        "workflow",
        "workflows",
        "mmost",
        "mmosts",
        "pover",
        "pushover",
        "rocket",
        "rockets",
        "signal",
        "signals",
        "simplepush",
        "pbul",
        "whatsapp",
        "webexteams",
        "wxteams",
        "zulip",
    }
)

# Services whose addresses name a user and a password before a host.
_WITH_USER: Final = frozenset(
    name + more
    for name in ("mailto", "json", "form", "xml", "ntfy", "gotify", "matrix", "mmost", "rocket")
    for more in ("", "s")
)
_WRITTEN: Final = {"@": "%40", ";": "%3B", "#": "%23", "/": "%2F", "?": "%3F", "%": "%25"}
_SHORT: Final = 4


class ChannelError(RuleError):
    """A channel that cannot be used, said in one sentence without its address."""


class Secret:
    """Text that shows itself only when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("A secret is not written anywhere.")


@dataclass(frozen=True)
class QuietHours:
    """From `begin` to `end` (`22:00`, `07:00`) in a time zone nothing is sent; it waits and comes as one
    digest."""

    begin: str
    end: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        for text in (self.begin, self.end):
            if not isinstance(text, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
                raise ChannelError(f"Quiet hours are written like 22:00, not {str(text)[:20]!r}.")
        if self.begin == self.end:
            raise ChannelError(
                "Quiet hours that begin when they end would last all day or never. Give two times."
            )
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ChannelError(
                f"There is no time zone {self.zone[:40]!r}. Write it like Europe/Berlin or UTC."
            ) from None

    def holds(self, moment: dt.datetime) -> bool:
        """Whether it is quiet at a moment with a time zone."""
        now = f"{moment.astimezone(ZoneInfo(self.zone)):%H:%M}"
        return self.begin <= now < self.end if self.begin < self.end else now >= self.begin or now < self.end


@dataclass(frozen=True)
class Channel:
    """One place to send to.

    Attributes
    ----------
    name : what rules call it. url : its address in Apprise's notation, a `Secret`.
    quiet : quiet hours or None. limit, per_minutes : at most so many messages in so many minutes; what is
        more waits and comes as one digest. digest : always join what is waiting into one message.
    """

    name: str
    url: Secret
    quiet: QuietHours | None = None
    limit: int = 20
    per_minutes: float = 60.0
    digest: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.url, Secret):
            raise ChannelError("The address of a channel is a secret: wrap it in Secret(...).")
        if not re.fullmatch(r"[\w][\w .-]{0,39}", self.name or ""):
            raise ChannelError("The name of a channel is 1 to 40 letters, digits, blanks, dots and dashes.")
        if not (1 <= self.limit <= 10_000 and 0 < self.per_minutes <= 1_440):
            raise ChannelError(
                f"The limit of the channel '{self.name}' is 1 to 10,000 messages in at most 1,440 minutes."
            )

    @property
    def scheme(self) -> str:
        """The service, such as `tgram` or `mailto`; all that is ever shown of the address."""
        return (
            self.url.reveal().split("://")[0].strip().lower()[:20]
            if "://" in self.url.reveal()
            else "unknown"
        )


def channels_of(facts: Mapping[str, Any]) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
    """Channels from the owner's secrets, and a sentence for each that cannot be used, without its address.

    `facts` holds an address by name, or a table with `url` and, if wanted, `quiet` (begin, end and time
    zone), `limit`, `per_minutes` and `digest`.
    """
    found, problems = [], []
    for name, given in facts.items():
        told = {"url": given} if isinstance(given, str) else given
        try:
            if not isinstance(told, Mapping) or not isinstance(told.get("url"), str):
                raise ChannelError("it has no 'url'")
            odd = next(
                (str(key) for key in told if key not in ("url", "quiet", "limit", "per_minutes", "digest")),
                None,
            )
            if odd is not None:
                raise ChannelError(f"it has {odd[:20]!r}, which means nothing here")
            more: dict[str, Any] = {
                key: told[key] for key in ("limit", "per_minutes", "digest") if key in told
            }
            quiet = QuietHours(*told["quiet"]) if "quiet" in told else None
            found.append(Channel(str(name), Secret(told["url"]), quiet, **more))
        except (ChannelError, TypeError, ValueError) as problem:
            why = str(problem) if isinstance(problem, ChannelError) else "one of its values cannot be read"
            problems.append(
                f"The channel '{str(name)[:40]}' of the secrets is not used: {why.rstrip('.')}. Correct it"
                " there."
            )
    return tuple(found), tuple(problems)


def check_address(channel: Channel) -> None:
    """ChannelError where a sign in a user name or password would end it, so that a part of it became a host:
    with how to write it."""
    scheme, _, rest = channel.url.reveal().partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    path = rest[len(authority) :].partition("?")[0]
    mail = scheme.strip().lower().startswith("mailto")
    odd = [sign for sign in "@;#" if sign in (user if at else authority.partition(":")[2])]
    if not at and scheme.strip().lower() in _WITH_USER:
        _, colon, port = re.sub(r"^\[[^\]]*\]", "", authority).partition(":")
        first = rest.partition("?")[2].partition("&")[0]
        # A password of digits up to the sign looks like a port; then an @ follows where none belongs.
        if colon and (not port.isdigit() or (mail and ("@" in path or ("@" in first and "=" not in first)))):
            odd.append("/")
    elif mail and "@" in path and "." not in host.partition(":")[0]:
        odd.append("/")
    if odd:
        how = ", ".join(f"{sign} as {written}" for sign, written in _WRITTEN.items())
        raise ChannelError(
            f"The user name or password in the address of the channel '{channel.name}' holds a sign that"
            f" means something else in an address. Write it in its escaped form: {how}."
        )


def masked(text: str, channel: Channel) -> str:
    """Text without the address of a channel and without any part of it that could be a secret.

    Short parts cannot be told from words: where one stands in the text, none of the text is shown.
    """
    url = channel.url.reveal()
    rest = url.partition("://")[2]
    netloc = re.split(r"[/?]", rest, maxsplit=1)[0]
    pieces = {
        url,
        netloc,
        *re.split(r"[/@:?&=#,;]", url.split("://", 1)[-1]),
        *(value for _, value in parse_qsl(rest.partition("?")[2])),
    }
    pieces |= {unquote(piece) for piece in pieces}
    pieces |= {quote(piece, safe="") for piece in pieces}
    user = unquote(netloc.rpartition("@")[0])
    pieces |= {base64.b64encode(one.encode()).decode() for one in (user, netloc) if one}
    pieces.discard("")
    for piece in sorted((piece for piece in pieces if len(piece) >= _SHORT), key=len, reverse=True):
        text = text.replace(piece, HIDDEN)
    short = [re.escape(piece) for piece in pieces if len(piece) < _SHORT]
    if short and re.search(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)", text):
        return "The service did not take the message."
    return text


class _Delivering(threading.local):
    said: list[str] | None = None


_delivering = _Delivering()


class _Collector(logging.Filter):
    """Keeps what libraries say while this thread delivers out of all logs: it may hold addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _delivering.said is None:
            return True
        if record.levelno >= logging.WARNING:
            _delivering.said.append(record.getMessage())
        return False


_collector = _Collector()


class Hush:
    """While a thread is inside, what the delivering libraries log goes to `said` and nowhere else."""

    def __enter__(self) -> list[str]:
        for name in (
            "apprise",
            "urllib3",
            "urllib3.connectionpool",
            "urllib3.util.retry",
            "requests",
            "smtplib",
        ):
            logger = logging.getLogger(name)
            if _collector not in logger.filters:
                logger.addFilter(_collector)
        _delivering.said = []
        return _delivering.said

    def __exit__(self, *_: object) -> None:
        _delivering.said = None
