"""One server that plays every venue: `https://host/path` is asked for as `http://127.0.0.1:PORT/host/path`.

Start it with `with VenueServer() as server:` and give `server.address` to `open_session(loopback=…)` or to the
environment variable HEATLAB_LOOPBACK. `server.fault("api.bybit.com", "403")` switches a fault on for every address
that contains the text, `server.clear()` switches all off. `server.count(text)` counts requests. A socket venue is
added by an entry in `sockets`: host → coroutine that gets the open socket.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Self

from aiohttp import web

from tests.loopback.dialects import Event, Refused, made_events
from tests.loopback.market_dialects import HOSTS

BYBIT_403 = "<html><title>403</title>The Amazon CloudFront distribution is configured to block access from your country.</html>"
FAULTS = (
    "429", "451", "403", "500", "timeout", "empty", "error-in-200", "truncated", "wrong-types", "unknown-symbol", "skewed-clock", "duplicates", "out-of-order",
    "one-bad-row", "key-refused",
)


class VenueServer:
    """The stand-in for all venues, in a thread of its own on a free port."""

    def __init__(self, events: list[Event] | None = None, delay: float = 0.0) -> None:
        self.events = made_events() if events is None else events
        self.delay = delay
        self.slow = 3.0
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.sockets: dict[str, Callable[[web.WebSocketResponse], Awaitable[None]]] = {}
        self._faults: dict[str, str] = {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loopback", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the loopback server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fault(self, where: str, kind: str) -> None:
        """Switch a fault of `FAULTS` on for every address that contains `where`."""
        if kind not in FAULTS:
            raise ValueError(kind)
        self._faults[where] = kind

    def clear(self) -> None:
        """Switch all faults off and forget the requests."""
        self._faults.clear()
        self.requests.clear()

    def count(self, part: str = "") -> int:
        return sum(part in address for address, _, _ in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host, _, path = request.path.lstrip("/").partition("/")
        address = f"{host}/{path}"
        if request.headers.get("Upgrade", "").lower() == "websocket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await self.sockets[host](socket)
            return socket
        query = dict(request.query)
        self.requests.append((address, query, dict(request.headers)))
        kind = next((kind for where, kind in self._faults.items() if where in address), "")
        await asyncio.sleep(self.slow if kind == "timeout" else self.delay)
        refused = self._refusal(kind)
        if refused is not None:
            return refused
        if host not in HOSTS:
            return web.json_response({"message": f"no venue {host}"}, status=404)
        try:
            body = HOSTS[host](self.events, path, query)
        except Refused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        text = json.dumps(_bent(body, kind))
        headers = {"Date": formatdate(time.time() - 3_600, usegmt=True)} if kind == "skewed-clock" else {}
        return web.Response(text=text[: len(text) // 2] if kind == "truncated" else text, content_type="application/json", headers=headers)

    def _refusal(self, kind: str) -> web.Response | None:
        if kind == "429":
            return web.json_response({"code": 429, "msg": "slow down"}, status=429, headers={"Retry-After": "7"})
        if kind == "451":
            return web.json_response({"code": 0, "msg": "Service unavailable from a restricted location according to 'b. Eligibility'"}, status=451)
        if kind == "403":
            return web.Response(text=BYBIT_403, status=403, content_type="text/html")
        if kind == "500":
            return web.Response(text="<html>Internal Server Error</html>", status=500, content_type="text/html")
        if kind == "error-in-200":
            return web.json_response({"retCode": 30000, "code": 30000, "retMsg": "internal trouble", "msg": "internal trouble", "label": "SERVER", "success": False})
        if kind == "unknown-symbol":
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        if kind == "key-refused":
            return web.json_response({"code": "401", "msg": "Upgrade plan", "success": False})
        if kind == "wrong-types":
            return web.json_response({"surprise": [1, 2, 3]})
        return None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


def _bent(body: Any, kind: str) -> Any:
    """The answer with its longest list changed as the fault says, wherever it is nested."""
    if kind not in ("empty", "duplicates", "out-of-order", "one-bad-row"):
        return body
    if isinstance(body, list) and not (body and isinstance(body[0], dict) and "details" in body[0]):
        if kind == "empty":
            return []
        if kind == "one-bad-row":
            return [*body, {"odd": True}] if body else body
        return [one for row in body for one in (row, row)] if kind == "duplicates" else [*body[1::2], *body[0::2]]
    if isinstance(body, list):
        return [{**entry, "details": _bent(entry["details"], kind)} for entry in body]
    if isinstance(body, dict):
        return {name: _bent(value, kind) if isinstance(value, (list, dict)) else value for name, value in body.items()}
    return body


if __name__ == "__main__":
    with VenueServer() as alone:
        print(f"HEATLAB_LOOPBACK={alone.address}", flush=True)
        threading.Event().wait()
