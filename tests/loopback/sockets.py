"""The stand-in's sockets: who is connected, what was published to whom, and the faults of a connection."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from liqcore.feeds.venues.registry import VENUES
from tests.loopback.dialects import DOORS
from tests.loopback.truth import Door, Event

# `cut` closes after every `cut_after` frames, `silent` answers nothing at all, `garbage` sends a broken frame
# before each
# good one, `odd-row` puts an unreadable row into a good frame. `refused` turns every subscription into one
# the venue does
# not know, `half` all but the first.
FAULTS = ("cut", "silent", "gzip", "duplicates", "out-of-order", "garbage", "odd-row", "refused", "half")


@dataclass
class Connection:
    """One open socket: its door, what it asked for, and how it behaves."""

    address: str
    door: Door
    socket: web.WebSocketResponse
    symbols: list[str] = field(default_factory=list)
    frames: int = 0
    heard: float = 0.0
    unanswered: int = 0


class Sockets:
    """All sockets of the stand-in; lives in the server's loop, counts may be read from anywhere.

    A client that sends nothing for `patience` seconds, or leaves two pings unanswered, is cut, as venues do.
    """

    def __init__(
        self, fault: Callable[[str], str], ping_every: float = 5.0, patience: float = 35.0, cut_after: int = 3
    ) -> None:
        self._fault = fault
        self.ping_every, self.patience, self.cut_after = ping_every, patience, cut_after
        self.open: list[Connection] = []
        # In the order of sending, each event once.
        self.sent: defaultdict[str, dict[Event, None]] = defaultdict(dict)
        self.published: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
        self.pongs: Counter[str] = Counter()
        self.expelled: Counter[str] = Counter()

    def listeners(self, venue: str) -> int:
        """How many subscriptions of the venue stand."""
        return sum(
            len(connection.symbols) for connection in list(self.open) if connection.door.venue == venue
        )

    async def serve(self, socket: web.WebSocketResponse, address: str) -> None:
        """Play the venue at `address` until the client or a fault ends it."""
        door = DOORS.get(address)
        if door is None:
            await socket.close(code=1008, message=b"no such path")
            return
        connection = Connection(address, door, socket, heard=asyncio.get_running_loop().time())
        self.open.append(connection)
        beat = asyncio.create_task(self._beat(connection))
        try:
            for frame in door.greeting:
                await self._send(connection, frame)
            while True:
                message = await socket.receive()
                connection.heard = asyncio.get_running_loop().time()
                if message.type in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG):
                    await self._hear(connection, message)
                else:
                    return
        except (ConnectionError, RuntimeError):
            pass
        finally:
            beat.cancel()
            self.open.remove(connection)

    async def _hear(self, connection: Connection, message: Any) -> None:
        kind = self._fault(connection.address)
        if kind == "silent":
            return
        if message.type == WSMsgType.PING:
            await connection.socket.pong(message.data)
        elif message.type == WSMsgType.PONG:
            self._answered(connection)
        else:
            found = decoded(message.data)
            if kind == "refused" or (kind == "half" and connection.symbols):
                found = spoiled(found)
            reply = connection.door.answer(found)
            if reply.pong:
                self._answered(connection)
            for frame in reply.frames:
                await self._send(connection, frame)
            connection.symbols += reply.symbols
            for symbol in reply.symbols:
                if connection.door.snapshot is not None:
                    held = self.published[connection.door.venue, symbol][-100:]
                    await self._send(connection, connection.door.snapshot(held, symbol))
                    self._note(connection.door.venue, held)

    def _answered(self, connection: Connection) -> None:
        connection.unanswered = 0
        self.pongs[connection.door.venue] += 1

    async def _beat(self, connection: Connection) -> None:
        with suppress(ConnectionError, RuntimeError):
            while True:
                await asyncio.sleep(self.ping_every)
                if self._fault(connection.address) == "silent":
                    continue
                if (
                    connection.unanswered > 1
                    or asyncio.get_running_loop().time() - connection.heard > self.patience
                ):
                    self.expelled[connection.door.venue] += 1
                    await connection.socket.close(code=1008, message=b"no answer to a ping")
                    return
                if isinstance(connection.door.ping, bytes):
                    await connection.socket.ping(connection.door.ping)
                elif connection.door.ping is not None:
                    await self._send(connection, connection.door.ping)
                connection.unanswered += connection.door.ping is not None

    async def publish(self, venue: str, events: list[Event], symbol: str | None = None) -> int:
        """Send the events to everyone who subscribed to the symbol; returns how many open sockets got
        them."""
        symbol = symbol or VENUES[venue].symbols[0]
        self.published[venue, symbol] += events
        reached = [
            connection
            for connection in list(self.open)
            if connection.door.venue == venue and symbol in connection.symbols
        ]
        for connection in reached:
            with suppress(ConnectionError):
                await self._deliver(connection, events, symbol)
        return len(reached)

    async def say(self, venue: str, frame: Any) -> None:
        """Send one frame over every open socket of the venue; None hangs up."""
        for connection in [one for one in self.open if one.door.venue == venue]:
            await (connection.socket.close() if frame is None else self._send(connection, frame))

    async def _deliver(self, connection: Connection, events: list[Event], symbol: str) -> None:
        kind, door = self._fault(connection.address), connection.door
        if kind == "silent":
            return
        chunks = [events[start : start + door.most] for start in range(0, len(events), door.most)]
        for chunk in chunks[::-1] if kind == "out-of-order" else chunks:
            if connection.socket.closed:
                return
            for frame in door.frames(chunk[::-1] if kind == "out-of-order" else chunk, symbol):
                for name in ("data", "result") if kind == "odd-row" and isinstance(frame, dict) else ():
                    if isinstance(frame.get(name), list):
                        frame[name].insert(
                            0,
                            {
                                "s": "BTCUSDT",
                                "symbol": "BTCUSDT",
                                "contract": "BTC_USDT",
                                "contract_code": "BTC-USDT",
                            },
                        )
                if kind == "garbage":
                    await connection.socket.send_str(json.dumps(frame)[:-9])
                for _ in range(2 if kind == "duplicates" else 1):
                    await self._send(connection, frame)
            self._note(door.venue, chunk)
            connection.frames += 1
            if kind == "cut" and connection.frames >= self.cut_after:
                connection.symbols.clear()
                await connection.socket.close(code=1001, message=b"going away")
                return

    def _note(self, venue: str, events: list[Event]) -> None:
        self.sent[venue].update(dict.fromkeys(events))

    async def _send(self, connection: Connection, frame: Any) -> None:
        body = frame if isinstance(frame, str) else json.dumps(frame)
        if connection.door.gzip or self._fault(connection.address) == "gzip":
            await connection.socket.send_bytes(gzip.compress(body.encode()))
        else:
            await connection.socket.send_str(body)


def decoded(data: Any) -> Any:
    """A client's frame: JSON, or the bare word."""
    return data if data in ("ping", "pong") else json.loads(data)


def spoiled(found: Any) -> Any:
    """A subscription to something that the venue does not have."""
    text = json.dumps(found)
    for right, wrong in (
        ("BTC", "NONE"),
        ("XBT", "NONE"),
        ("btc", "none"),
        ("liq", "none"),
        ("trade/", "none/"),
    ):
        text = text.replace(right, wrong)
    return json.loads(text)
