"""New accounts, as they trade: the trades socket names the buyer and the seller of each trade."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from liqcore.feeds.positions.answers import COIN, traders

SOCKET: Final = "wss://api.hyperliquid.xyz/ws"
_SUBSCRIBE: Final = {"method": "subscribe", "subscription": {"type": "trades", "coin": COIN}}
# The venue hangs up on who says nothing for a minute.
_PING_EVERY: Final = 50.0


async def listen(
    found: Callable[[set[str]], object], url: str = SOCKET, wait: float = 5.0, every: float = _PING_EVERY
) -> None:
    """Hand the addresses of each frame to `found`, connect again after a break or two silences of `every`
    seconds; ends only by being cancelled."""
    from aiohttp import ClientError, ClientSession

    async with ClientSession() as session:
        while True:
            with suppress(ClientError, OSError, TimeoutError):
                async with session.ws_connect(url) as socket:
                    await socket.send_json(_SUBSCRIBE)
                    await _hear(socket, found, every)
            await asyncio.sleep(wait)


async def _hear(socket: object, found: Callable[[set[str]], object], every: float) -> None:
    from aiohttp import ClientWebSocketResponse, WSMsgType

    assert isinstance(socket, ClientWebSocketResponse)
    asked = False
    while True:
        try:
            message = await socket.receive(every)
        except TimeoutError:
            # A connection that does not answer a ping either is dead, though nobody closed it.
            if asked:
                return
            asked = True
            await socket.send_json({"method": "ping"})
            continue
        asked = False
        if message.type is not WSMsgType.TEXT:
            return
        with suppress(ValueError, RecursionError):
            if users := traders(json.loads(message.data)):
                found(users)
