"""Live sockets: every frame a venue sends becomes rows or a sign of life, and every trouble a sentence.

All venues go through one small adapter over aiohttp, which reads the raw frame with the parser that history
uses too. The unified watchers of ccxt are not used: they return only the last of several liquidations in a
frame, the last fill instead of the filled quantity, and have no name for the channels of Gate, Bitget, HTX
and Bitfinex. Its client classes would add markets, requests and a hundred MiB and still leave each frame to
be read here.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from liqcore import wording
from liqcore.feeds.live.socket_board import Board, span
from liqcore.feeds.rest.problems import problem_in, retry_seconds
from liqcore.feeds.status import FeedError, GeoBlocked, RateLimited, SourceStatus, TimedOut, Unreachable
from liqcore.feeds.venues import parse
from liqcore.feeds.venues.registry import venue as row_of
from liqcore.feeds.venues.rows import MOST_AHEAD, LiquidationRow
from liqcore.feeds.venues.venue import Line, Tick, Venue

if TYPE_CHECKING:
    from aiohttp import ClientSession, ClientWebSocketResponse

Deliver = Callable[[str, list[LiquidationRow], int], None]
Tell = Callable[[SourceStatus], None]
Price = Callable[[str, Tick], None]

_GREETING: Final = 10.0
_FAREWELL: Final = 0.5
_OVERLAP: Final = 2.0
# A burst would keep the other sockets of the loop waiting.
_AT_ONCE: Final = 64
_REMEMBERED: Final = 900.0
_NAMED: Final = 4
# Kinds of frames by RFC 6455.
_WORDS: Final = (1, 2)
_PING: Final = 9
_PONG: Final = 10


@dataclass(frozen=True)
class StreamOptions:
    """How sockets are kept open; all times are seconds.

    `loopback` is a `host:port` that plays every venue: `wss://host/path` is asked as
    `ws://host:port/host/path`.
    After a failure `first_wait` passes, doubled at each further one up to `longest_wait`, with jitter; a
    frame sets it back. A refused country is asked again after `geo_wait`. `silence` is the time without any
    frame (an answer to our own ping counts) after which a socket is given up, None for each venue's own.
    `price` gets the venue and each price that a frame carries beside liquidations.
    After `quiet` without a liquidation a new socket replaces one that only answers pings: the venue may have
    nothing to tell, or may have forgotten the subscription, and nobody can tell which.
    `longest_life` is the age at which a new socket replaces an old one, before the venue cuts it.
    """

    loopback: str | None = None
    first_wait: float = 1.0
    longest_wait: float = 60.0
    geo_wait: float = 900.0
    silence: float | None = None
    longest_life: float = 23.8 * 3600
    price: Price | None = None
    quiet: float = 3_600.0


_DEFAULT: Final = StreamOptions()


class _Silent(FeedError):
    state = "stale"


async def follow(
    venue: str, deliver: Deliver, tell: Tell, options: StreamOptions = _DEFAULT, *, rng: random.Random
) -> None:
    """Keep a venue's sockets open and hand on what they say, until cancelled.

    Parameters
    ----------
    venue : id of a venue; one without sockets is told as off, and the call returns.
    deliver : gets the venue, the rows of one frame (none is a sign of life) and its arrival in µs since 1970
    UTC.
    tell : gets the venue's state whenever it changes.
    rng : spreads the waits before reconnecting.
    """
    row = row_of(venue)
    if not row.lines:
        tell(SourceStatus(row.id, "off", f"{row.name} sends no liquidations live."))
        return
    from aiohttp import ClientSession, ClientTimeout

    board = Board(row, tell, [line.covers for line in row.lines])
    async with ClientSession(timeout=ClientTimeout(total=None)) as session, asyncio.TaskGroup() as group:
        for place, line in enumerate(row.lines):
            group.create_task(
                _Socket(row, line, place, board, session, deliver, options, rng).run(),
                name=f"{venue} {place}",
            )


@dataclass
class _Socket:
    """One socket of a venue, opened again and again."""

    venue: Venue
    line: Line
    place: int
    board: Board
    session: ClientSession
    deliver: Deliver
    options: StreamOptions
    rng: random.Random
    settled: bool = False
    confirmed: bool = False
    since: str = ""
    refused: list[str] = field(default_factory=list)
    refusals: int = 0
    unread: int = 0
    last_unread: str = ""
    unread_at: float = 0.0
    left_out: Counter[str] = field(default_factory=Counter)
    told_at: float = 0.0

    async def run(self) -> None:
        """Open, read, wait, for ever."""
        wait = self.options.first_wait
        while True:
            self.settled = False
            try:
                await self._live()
            except FeedError as problem:
                wait = self.options.first_wait if self.settled else wait
                pause = problem.retry_after or wait * self.rng.uniform(0.75, 1.25)
                wait = min(wait * 2, self.options.longest_wait)
                self.board.put(
                    self.place, problem.state, f"{problem} It is tried again in {span(pause)}.", pause
                )
                await asyncio.sleep(pause)

    async def _live(self) -> None:
        """One connection and those that replace it in time; ends only by raising."""
        socket = await self._open()
        self._begin()
        clock, life = asyncio.get_running_loop().time, self.options.longest_life
        silence = self.options.silence or self.line.silence
        every, overlap = min(self.line.every, silence / 3), min(_OVERLAP, life / 4)
        heard, ping_at, renew_at = clock(), clock() + every, clock() + life
        fresh: asyncio.Task[ClientWebSocketResponse] | None = None
        frames, self.told_at = 0, clock()
        try:
            while True:
                message = None
                with suppress(TimeoutError):
                    message = await socket.receive(
                        max(min(ping_at, heard + silence, renew_at) - clock(), 0.001)
                    )
                now = clock()
                if message is not None:
                    heard, frames = now, frames + 1
                    if await self._take(socket, message):
                        renew_at = now
                    if frames % _AT_ONCE == 0:
                        await asyncio.sleep(0)
                elif now >= heard + silence:
                    raise _Silent(
                        f"Nothing came from {self.venue.name} for {span(silence)}, not even an answer to a"
                        " ping."
                    )
                if now >= ping_at:
                    ping_at = now + every
                    await self._ping(socket)
                if now - self.told_at > self.options.quiet:
                    self.told_at = renew_at = now
                if now >= renew_at:
                    renew_at = now + overlap
                    if fresh is None:
                        fresh = asyncio.create_task(self._successor(overlap))
                    elif fresh.done():
                        renew_at = now + (self.options.longest_wait if fresh.exception() else life)
                        if fresh.exception() is None:
                            old, socket = socket, fresh.result()
                            self._begin()
                            heard = now
                            await old.close()
                        fresh = None
        except OSError as problem:
            raise FeedError(f"The connection to {self.venue.name} broke.") from problem
        finally:
            if fresh is not None:
                fresh.cancel()
                with suppress(asyncio.CancelledError, FeedError):
                    await (await fresh).close()
            await socket.close()

    async def _successor(self, overlap: float) -> ClientWebSocketResponse:
        """A socket that has stood beside the old one for a while; what both carry is stored once."""
        socket = await self._open()
        try:
            await asyncio.sleep(overlap)
        except asyncio.CancelledError:
            await socket.close()
            raise
        return socket

    def _begin(self) -> None:
        self.confirmed, self.refused, self.refusals, self.unread = False, [], 0, 0
        self.since = wording.clock(datetime.now(UTC))
        if not self.settled:
            self._show()

    async def _open(self) -> ClientWebSocketResponse:
        """A subscribed socket, or the reason why there is none."""
        from aiohttp import ClientError, ClientWSTimeout, WSServerHandshakeError

        name, place = self.venue.name, urlsplit(self.line.url)
        url = (
            self.line.url
            if self.options.loopback is None
            else f"ws://{self.options.loopback}/{place.netloc}{place.path}"
        )
        try:
            async with asyncio.timeout(_GREETING):
                socket = await self.session.ws_connect(
                    url, autoping=False, timeout=ClientWSTimeout(ws_close=_FAREWELL), proxy=self._proxy()
                )
                for frame in self.line.subscribe:
                    await socket.send_str(frame.replace("{now}", str(int(time.time()))))
        except WSServerHandshakeError as problem:
            raise self._refusal(problem.status, dict(problem.headers or {})) from problem
        except TimeoutError as problem:
            raise TimedOut(f"{name} did not answer in time.") from problem
        except (ClientError, OSError) as problem:
            raise Unreachable(f"{name} cannot be reached. Check the network connection.") from problem
        return socket

    def _proxy(self) -> str | None:
        if self.options.loopback is not None or proxy_bypass(urlsplit(self.line.url).netloc):
            return None
        return getproxies().get("https")

    def _refusal(self, status: int, headers: dict[str, str]) -> FeedError:
        name = self.venue.name
        if status in (403, 451):
            words = (
                f"{name} refuses connections from the country or network of this computer (HTTP {status})."
            )
            return GeoBlocked(words, retry_after=self.options.geo_wait)
        if status in (418, 429):
            return RateLimited(
                f"{name} asks for a pause, because it was asked too often.",
                retry_after=retry_seconds(headers, 600.0 if status == 418 else 60.0),
            )
        words = "has trouble of its own" if status >= 500 else "refuses the connection"
        return FeedError(f"{name} {words} (HTTP {status}).")

    async def _ping(self, socket: ClientWebSocketResponse) -> None:
        if self.unread or self.left_out:
            self._show()
        if self.line.ping is None:
            await socket.ping()
        else:
            await socket.send_str(self.line.ping.replace("{now}", str(int(time.time()))))

    async def _take(self, socket: ClientWebSocketResponse, message: Any) -> bool:
        """Hand on what one frame says; True where the venue asks for a new connection."""
        arrived = time.time_ns() // 1_000
        if message.type in _WORDS:
            return await self._read(socket, message.data, arrived)
        if message.type == _PING:
            await socket.pong(message.data)
        elif message.type != _PONG:
            said = (
                f" ({' '.join(message.extra.split())[:120]})"
                if isinstance(message.extra, str) and message.extra.strip()
                else ""
            )
            raise FeedError(f"{self.venue.name} closed the connection{said}.")
        self.deliver(self.venue.id, [], arrived)
        return False

    async def _read(self, socket: ClientWebSocketResponse, data: str | bytes, arrived: int) -> bool:
        try:
            found = parse.decoded(self.venue, data)
        except FeedError:
            # What a broken frame held is unknown, so it is no sign that all is well.
            self._note_unread(
                f"{self.venue.name} sent a message that is broken or cut off; what it said is lost."
            )
            return False
        told = self.venue.meaning(found)
        tick = None if self.options.price is None else self.venue.tick(found)
        # One dated ahead would be the newest until then.
        if self.options.price is not None and tick is not None and tick.time <= arrived + MOST_AHEAD:
            self.options.price(self.venue.id, tick)
        if told.answer is not None:
            await socket.send_str(told.answer)
        if told.refused:
            self._note_refused(found, told.refused)
        before = self.confirmed
        self.confirmed = self.confirmed or told.confirmed
        if not told.refused or told.confirmed:
            self._hand_on(found, arrived)
            self.settled = self.settled or self.confirmed
        if self.confirmed and not before:
            self._show()
        return told.reconnect

    def _hand_on(self, found: Any, arrived: int) -> None:
        rows: list[LiquidationRow] = []
        try:
            told = parse.parse_message(self.venue, found, arrived)
        except FeedError as problem:
            self._note_unread(str(problem))
        else:
            rows = told.rows
            if told.trouble:
                self._note_unread(told.trouble)
            self._note_left_out(told.left_out)
        self.confirmed = self.confirmed or bool(rows)
        if rows:
            self.told_at = asyncio.get_running_loop().time()
        self.deliver(self.venue.id, rows, arrived)

    def _note_left_out(self, names: Counter[str]) -> None:
        new = names.keys() - self.left_out.keys()
        self.left_out += names
        # Of those that are known the count is told at the next ping.
        if new:
            self._show()

    def _note_unread(self, words: str) -> None:
        self.unread += 1
        self.last_unread, self.unread_at = words, time.monotonic()
        self._show()

    def _note_refused(self, found: Any, words: tuple[str, ...]) -> None:
        # Venues may refuse each of several subscriptions in the same words.
        self.refused += [word for word in words if word not in self.refused]
        self.refusals += 1
        if not self.confirmed and self.refusals >= self.line.asked:
            kind = problem_in(urlsplit(self.line.url).netloc, 200, {}, json.dumps(found)) or FeedError("")
            raise type(kind)(
                f"{self.venue.name} refuses the subscription ({'; '.join(self.refused)}).",
                retry_after=kind.retry_after,
            )
        self._show()

    def _show(self) -> None:
        """Put this socket's state on the board."""
        if not self.confirmed:
            self.board.put(
                self.place,
                "partial",
                f"{self.venue.name} is connected but has not confirmed the subscription yet.",
            )
            return
        notes = [f"{self.venue.name} has been connected since {self.since} UTC."]
        if self.refused:
            notes.append(f"It refuses a part of the subscription ({'; '.join(self.refused)}).")
        if self.unread:
            notes.append(f"Messages that could not be read: {self.unread:,}. The last: {self.last_unread}")
        if self.left_out:
            names = ", ".join(f"{name} ({count:,})" for name, count in self.left_out.most_common(_NAMED))
            more = len(self.left_out) - _NAMED
            notes.append(f"Not read here, and left out: {names}{f' and {more:,} more' if more > 0 else ''}.")
        lacking = self.refused or (self.unread and time.monotonic() - self.unread_at < _REMEMBERED)
        self.board.put(self.place, "partial" if lacking else "live", " ".join(notes))
