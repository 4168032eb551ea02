"""Webhook payloads of TradingView as external signals: a pure parser, so that any server can stand in front
of it."""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables

MAX_BYTES: Final = 64 * 1024
_NAME = re.compile(r"[\w][\w .,:;'()%/+&-]{0,79}")
_KNOWN: Final = ("secret", "name", "side", "price", "text")
EXAMPLE: Final = (
    '{"secret": "…", "name": "my cross", "side": "long", "price": {{close}}, "text": "{{ticker}}'
    ' {{interval}}"}'
)


class WebhookError(ValueError):
    """A payload that is refused; `status` is the HTTP status that says so."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class ExternalSignal:
    """A signal from outside. `time` is when it arrived (UTC); `price` in USD, `side` and `text` where it said
    so."""

    time: np.datetime64
    name: str
    side: str | None = None
    price: float | None = None
    text: str = ""


def parse_tradingview(body: bytes, secret: str, now: object) -> ExternalSignal:
    """Check a payload and return its signal.

    Parameters
    ----------
    body : the request's body, JSON such as `EXAMPLE`, at most 64 kB.
    secret : the one that the body must carry; compared in constant time.
    now : moment of arrival, UTC. What the body says of its own time is not used.

    Raises
    ------
    WebhookError
        Too large (413), not JSON (400), a wrong secret (403), or a field that cannot be used (422).
    """
    if len(body) > MAX_BYTES:
        raise WebhookError(f"The message is larger than {MAX_BYTES // 1024} kB. Shorten it.", 413)
    try:
        data = json.loads(body.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise WebhookError(
            f"The message is not JSON. In TradingView's message box write: {EXAMPLE}"
        ) from None
    if not isinstance(data, dict):
        raise WebhookError(
            f"The message must be one JSON object. In TradingView's message box write: {EXAMPLE}"
        )
    given = data.get("secret")
    told = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else b""
    # An empty secret would let everybody in.
    if not secret or not hmac.compare_digest(told, secret.encode()):
        raise WebhookError(
            "The secret in the message is missing or wrong. Copy it from the settings of this app.", 403
        )
    odd = next((str(name) for name in data if name not in _KNOWN), None)
    if odd is not None:
        raise WebhookError(
            f"The message has {odd[:40]!r}, which means nothing here. Known: {', '.join(_KNOWN)}.", 422
        )
    return ExternalSignal(tables.to_datetime64(now), _name(data), _side(data), _price(data), _text(data))


def external_table(signals: list[ExternalSignal] | tuple[ExternalSignal, ...]) -> pd.DataFrame:
    """Signals as the `external` table of `AlertData`, in order of time."""
    frame = pd.DataFrame(
        {
            "time": pd.DatetimeIndex([one.time for one in signals], tz="UTC").astype(tables.TIME_DTYPE),
            "name": pd.Series([one.name for one in signals], dtype=object),
            "side": pd.Series([one.side for one in signals], dtype=object),
            "price": pd.Series([np.nan if one.price is None else one.price for one in signals], dtype=float),
            "text": pd.Series([one.text for one in signals], dtype=object),
        }
    )
    return frame.sort_values("time", kind="stable", ignore_index=True)


def _name(data: dict[str, Any]) -> str:
    name = data.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name.strip()):
        raise WebhookError(
            "The message needs a 'name' of 1 to 80 letters, digits, blanks and plain signs, for instance \"my"
            ' cross".',
            422,
        )
    return name.strip()


def _side(data: dict[str, Any]) -> str | None:
    side = data.get("side")
    if side in (None, ""):
        return None
    if side not in tables.SIDES:
        raise WebhookError("'side' is long or short. Leave it out if the signal has none.", 422)
    return str(side)


def _price(data: dict[str, Any]) -> float | None:
    price = data.get("price")
    if price is None:
        return None
    try:
        value = (
            float(price)
            if isinstance(price, (int, float, str)) and not isinstance(price, bool)
            else float("nan")
        )
    except (ValueError, OverflowError):
        value = float("nan")
    if not 0 < value < 1e9:
        raise WebhookError(
            "'price' is a number above zero, in USD. Leave it out if the signal has none.", 422
        )
    return value


def _text(data: dict[str, Any]) -> str:
    text = data.get("text", "")
    if not isinstance(text, str) or len(text) > 500:
        raise WebhookError("'text' is up to 500 characters. Shorten it.", 422)
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
