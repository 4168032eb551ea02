"""Messages of exchanges as a recorder kept them: rows are taken out of their wrappers, and what holds none is
counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from liqcore.feeds.files.table import counted, shown

# Where the rows of a message stand, and what beside them belongs to each row.
_INSIDE: Final = ("message", "payload", "frame", "data", "o", "details", "result", "params", "list", "rows")
_ENVELOPES: Final = ("message", "payload", "frame", "data")
_BESIDE: Final = ("venue", "exchange", "instId", "symbol", "contract_code", "contract")
_LIQUIDATED: Final = re.compile(r"liquid|forceorder|liq_orders", re.IGNORECASE)
_DEPTH: Final = 6


def are_messages(document: Sequence[Any]) -> bool:
    """Whether a list holds messages with rows inside, not rows."""
    return any(isinstance(one, dict) and _inner(one) is not None for one in document[:200])


def is_message(document: dict[str, Any]) -> bool:
    """Whether one document is itself a message of a socket."""
    told = "topic" in document or bool(_LIQUIDATED.search(_topic(document)))
    return told and bool({"data", "result"} & document.keys())


def rows_of(document: Sequence[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """All rows of a list of messages, and notes on the messages that are left out.

    Where some messages are about liquidations, those of other topics are left out and named; messages that
    hold no rows (confirmations, heartbeats) are left out and counted.
    """
    told = [one for one in document if isinstance(one, dict)]
    topics = [_topic(one) for one in told]
    wanted = {topic for topic in topics if _LIQUIDATED.search(topic)}
    # Bybit's older topic tells the same liquidations again.
    wanted = {topic for topic in wanted if topic.startswith("allLiquidation")} or wanted
    rows: list[dict[str, Any]] = []
    other: Counter[str] = Counter()
    empty = len(document) - len(told)
    for one, topic in zip(told, topics, strict=True):
        if wanted and topic and topic not in wanted:
            other[topic] += 1
        elif _inner(one) is None and (not topic or {"data", "event", "op"} & one.keys()):
            empty += 1
        else:
            # Some rows are told apart from trades by nothing but the topic that they came under.
            rows += _unwrapped(one, {"topic": topic} if topic in wanted else {}, 0)
    notes = []
    if other:
        named = ", ".join(shown(name) for name, _ in other.most_common(3))
        notes.append(f"{counted(other.total(), 'were', 'message')} left out for another topic ({named}).")
    if empty:
        notes.append(
            f"{counted(empty, 'were', 'message')} left out for holding no rows (confirmations, heartbeats)."
        )
    return rows, notes


def _inner(message: dict[str, Any]) -> Any:
    """The rows that a message carries; None where it carries none."""
    return next(
        (
            message[name]
            for name in _INSIDE
            if isinstance(message.get(name), dict)
            or (isinstance(message.get(name), list) and any(isinstance(one, dict) for one in message[name]))
        ),
        None,
    )


def _topic(message: dict[str, Any]) -> str:
    """What a message says it is about: Bybit's topic, OKX's channel, Binance's stream or event, BitMEX's
    table."""
    asked = message.get("arg")
    beside = asked.get("channel", asked.get("topic")) if isinstance(asked, dict) else None
    words = (message.get(name) for name in ("topic", "channel", "stream", "table", "e", "ch"))
    told = next((word for word in (*words, beside) if isinstance(word, str)), None)
    if told is not None:
        return told
    inside = next((message[name] for name in _ENVELOPES if isinstance(message.get(name), dict)), None)
    return _topic(inside) if inside is not None else ""


def _unwrapped(message: Any, beside: dict[str, Any], depth: int) -> list[dict[str, Any]]:
    if not isinstance(message, dict) or depth > _DEPTH:
        return []
    inner = _inner(message)
    if inner is None:
        return [{**beside, **message}]
    known = {**beside, **{name: message[name] for name in _BESIDE if isinstance(message.get(name), str)}}
    parts = inner if isinstance(inner, list) else [inner]
    return [row for part in parts for row in _unwrapped(part, known, depth + 1)]
