"""From one raw message of any venue to the liquidations table; what it means is in the venue's own file."""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.feeds.status import FeedError
from liqcore.feeds.venues.registry import venue as row_of
from liqcore.feeds.venues.rows import MOST_AHEAD, LeftOut, LiquidationRow, Unread
from liqcore.feeds.venues.venue import Message, Venue

# A history of a thousand liquidations has 300 kB; a message of a socket a few.
MOST_MESSAGE: Final = 16 * 1024**2


class Parsed(NamedTuple):
    """What one message held: rows, how often each contract or topic that is not read was left out, and in one
    sentence what could not be read ("" where all could)."""

    rows: list[LiquidationRow]
    left_out: Counter[str]
    trouble: str = ""


def parse_liquidations(
    venue: str, message: Any, symbol: str | None = None, arrived: int | None = None
) -> pd.DataFrame:
    """One raw message of a venue, REST or socket, as the checked liquidations table.

    Parameters
    ----------
    venue : a venue's id, name or ccxt's id, in any case.
    message : text, bytes (gzip too) or decoded JSON, as recorded.
    symbol : the contract asked for, where an answer does not name it (Kraken's history).
    arrived : when it came, µs since 1970 UTC; now where not given. An event dated more than five minutes
        later is refused, and it is the time of an event that carries none.

    Returns
    -------
    DataFrame: BTC liquidations only; empty for messages that hold none (confirmations, heartbeats, other
    coins). `attrs["left_out"]` counts, by name, the bitcoin contracts and topics that are not read.

    Raises
    ------
    FeedError
        No JSON, an answer that is an error, or a liquidation that cannot be read; its `rows` hold the
        readable ones.
    """
    row = row_of(venue)
    found = parse_message(row, decoded(row, message), _now() if arrived is None else arrived, symbol)
    if found.trouble:
        raise FeedError(found.trouble, venue=row.id, rows=tuple(found.rows))
    table = to_table(found.rows)
    if found.left_out:
        table.attrs["left_out"] = dict(found.left_out)
    return table


def parse_message(row: Venue, data: Any, arrived: int, symbol: str | None = None) -> Parsed:
    """As `parse_liquidations`, from decoded JSON to rows: a hundred times cheaper for single events.

    Raises
    ------
    FeedError
        The message is an error, or not what it should be as a whole; single rows become `trouble`.
    """
    if not isinstance(data, (dict, list)) or row.parse is None:
        return Parsed([], Counter())
    if refusal := row.refusal(data):
        raise FeedError(
            f"{row.name} answered with an error: {refusal}. It is tried again later.", venue=row.id
        )
    found = row.parse(row, Message(data, arrived, symbol))
    events = [one for one in found if isinstance(one, LiquidationRow)]
    rows = [one for one in events if one.time <= arrived + MOST_AHEAD]
    left_out = Counter(one.what for one in found if isinstance(one, LeftOut))
    unread = next((one.why for one in found if isinstance(one, Unread)), "")
    if unread:
        unread = f"{row.name} sent a liquidation that cannot be read ({unread})."
    elif len(rows) < len(events):
        late = max(one.time for one in events)
        when = datetime.fromtimestamp(late / 1e6, UTC)
        unread = (
            f"{row.name} sent a liquidation dated {wording.duration((late - arrived) / 1e6, 1)} in the future"
            f" ({wording.when(when)}); it is refused. Check this computer's clock if that is often so."
        )
    return Parsed(rows, left_out, f"{unread} The others of the message were kept." if unread else "")


def _now() -> int:
    return time.time_ns() // 1_000


def to_table(rows: Iterable[LiquidationRow]) -> pd.DataFrame:
    """Rows as the checked liquidations table, sorted by time."""
    listed = list(rows)
    if not listed:
        return tables.empty("liquidations")
    frame = pd.DataFrame(listed, columns=list(LiquidationRow._fields))
    frame["time"] = pd.to_datetime(frame["time"].to_numpy(np.int64), unit="us", utc=True)
    return tables.liquidations(frame)


def _unpacked(data: bytes) -> bytes:
    """A packed message; ValueError where it is cut off, or unpacks to more than any message has."""
    packer = zlib.decompressobj(31)
    out = packer.decompress(data, MOST_MESSAGE)
    if not packer.eof:
        raise ValueError
    return out


def decoded(venue: Venue, message: Any) -> Any:
    """The JSON of a message; text that is a plain keep-alive (`ping`, `pong`) is returned as text."""
    if not isinstance(message, (str, bytes, bytearray)):
        return message
    data = bytes(message) if not isinstance(message, str) else message
    try:
        if isinstance(data, bytes) and data[:2] == b"\x1f\x8b":
            data = _unpacked(data)
        text = data.decode() if isinstance(data, bytes) else data
        return text.strip() if text.strip() in ("ping", "pong") else json.loads(text)
    except (ValueError, OSError, EOFError, zlib.error, RecursionError) as problem:
        raise FeedError(
            f"{venue.name} sent a message that is broken or cut off. It is asked again.", venue=venue.id
        ) from problem
