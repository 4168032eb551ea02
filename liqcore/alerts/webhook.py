"""Webhook payloads of TradingView as external signals: a pure parser, so that any server can stand in front
of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.alerts.guesses import same

MAX_BYTES: Final = 64 * 1024
_NAME = re.compile(r"[\w][\w .,:;'()%/+&-]{0,79}")
# What TradingView's placeholders and the messages people share call the same.
_CALLED: Final = {
    "secret": ("secret",),
    "name": ("name", "alert", "signal", "strategy"),
    "side": ("side", "action", "direction", "order", "position", "market_position"),
    "price": ("price", "close"),
    "text": ("text", "message", "comment"),
}
# `{{strategy.order.action}}` gives buy or sell, `{{strategy.market_position}}` long, short or flat.
_SIDES: Final = {
    **dict.fromkeys(("long", "buy", "bull", "bullish"), "long"),
    **dict.fromkeys(("short", "sell", "bear", "bearish"), "short"),
    **dict.fromkeys(("flat", "close", "exit", "both", "none", "neutral", "na", "n/a", "null", "-", ""), None),
}
_MOST_TEXT: Final = 500
EXAMPLE: Final = (
    '{"secret": "…", "name": "my cross", "side": "{{strategy.order.action}}", "price": {{close}}, "text":'
    ' "{{ticker}} {{interval}}"}'
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

    def to_json(self) -> str:
        """The signal as one line; it holds no secret."""
        facts = {"time": str(self.time), "name": self.name, "side": self.side, "price": self.price}
        return json.dumps({**facts, "text": self.text}, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> ExternalSignal | None:
        """The signal of such a line; None where it is none."""
        try:
            held = json.loads(line)
            return cls(
                tables.to_datetime64(held["time"]), _name(held), _side(held), _price(held), _text(held)
            )
        except (ValueError, KeyError, TypeError, tables.TableError):
            return None


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
        # Not strict: a line break inside a text, as {{alert_message}} may have it, is taken as it is.
        data = json.loads(body.decode("utf-8-sig"), strict=False)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise WebhookError(_no_json(body)) from None
    if not isinstance(data, dict):
        raise WebhookError(
            f"The message must be one JSON object. In TradingView's message box write: {EXAMPLE}"
        )
    found = {name: _called(data, words) for name, words in _CALLED.items()}
    given = found["secret"]
    if not isinstance(given, str) or not same(given, secret):
        raise WebhookError(
            "The secret in the message is missing or wrong. Copy it from the settings of this app.", 403
        )
    return ExternalSignal(tables.to_datetime64(now), _name(found), _side(found), _price(found), _text(found))


def _called(data: dict[str, Any], words: tuple[str, ...]) -> Any:
    """The field by any of its names, in any case; what else a message holds is left alone."""
    held = {str(name).strip().lower(): value for name, value in data.items()}
    return next((held[word] for word in words if word in held), None)


def _no_json(body: bytes) -> str:
    if b"{{" in body:
        return (
            "The message still holds a placeholder in double braces: TradingView fills it only when its alert"
            f" fires, and only names that it knows. A whole message is: {EXAMPLE}"
        )
    if body.lstrip()[:1] == b"{":
        return (
            "The message begins like JSON but is none: put every text between double quotes, and let no text"
            f" hold a double quote itself. A whole message is: {EXAMPLE}"
        )
    return f"The message is not JSON. In TradingView's message box write: {EXAMPLE}"


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
    word = "" if side is None else str(side).strip().lower()
    if word not in _SIDES:
        raise WebhookError(
            "'side' is buy, sell, long, short or flat, as {{strategy.order.action}} and"
            " {{strategy.market_position}} give it. Leave it out if the signal has none.",
            422,
        )
    return _SIDES[word]


def _price(data: dict[str, Any]) -> float | None:
    price = data.get("price")
    if price is None or (isinstance(price, str) and price.strip().lower() in ("", "na", "nan", "null")):
        return None
    try:
        value = (
            float(price.replace(",", "") if isinstance(price, str) else price)
            if isinstance(price, (int, float, str)) and not isinstance(price, bool)
            else float("nan")
        )
    except (ValueError, OverflowError):
        value = float("nan")
    if not 0 < value < 1e9:
        raise WebhookError(
            "'price' is a number above zero, in USD, as {{close}} gives it. Leave it out if the signal has"
            " none.",
            422,
        )
    return value


def _text(data: dict[str, Any]) -> str:
    text = data.get("text")
    said = "" if text is None else text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    if len(said) > _MOST_TEXT:
        raise WebhookError(f"'text' is up to {_MOST_TEXT} characters. Shorten it.", 422)
    return "".join(sign if sign.isprintable() else " " for sign in said).strip()
