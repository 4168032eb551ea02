"""One server that plays every venue: `https://host/path` is asked for as `http://127.0.0.1:PORT/host/path`.

Start it with `with VenueServer() as server:` and give `server.address` to `open_session(loopback=…)` or to
the environment variable HEATLAB_LOOPBACK. `server.fault("api.bybit.com", "403")` switches a fault on for
every address that contains the text, `server.clear()` switches all off. `server.count(text)` counts requests.

`server.open_sockets()` opens the sockets too; `server.publish(venue, events)` sends events to whoever
subscribed, and `server.sockets.sent[venue]` is what was sent. `python -m tests.loopback.server --live` plays
a market of now, events and history alike, until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from email.utils import formatdate
from typing import Any, Self

from aiohttp import web

from tests.loopback import archive, sockets, truth
from tests.loopback.dialects import DOORS, HOSTS
from tests.loopback.truth import Event, Refused, made_events

BYBIT_403 = (
    "<html><title>403</title>The Amazon CloudFront distribution is configured to block access from your"
    " country.</html>"
)
FAULTS = (
    "429",
    "451",
    "402",
    "403",
    "500",
    "timeout",
    "empty",
    "error-in-200",
    "truncated",
    "wrong-types",
    "unknown-symbol",
    "skewed-clock",
    "duplicates",
    "out-of-order",
    "one-bad-row",
    "key-refused",
    "html",
    "bad-checksum",
    "missing-file",
    "echo",
    "echo-in-200",
    "redirect",
    *sockets.FAULTS,
)


class VenueServer:
    """The stand-in for all venues, in a thread of its own on a free port."""

    def __init__(self, events: list[Event] | None = None, delay: float = 0.0, port: int = 0) -> None:
        self.events = made_events() if events is None else events
        self.delay = delay
        self.slow = 3.0
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.sockets: sockets.Sockets | None = None
        self.handshakes: list[str] = []
        self._faults: dict[str, str] = {}
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loopback", daemon=True)
        self.port = port

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

    def clear(self, requests: bool = True) -> None:
        """Switch all faults off and, unless told otherwise, forget the requests."""
        self._faults.clear()
        if not requests:
            return
        self.requests.clear()
        self.handshakes.clear()

    def open_sockets(self, **behaviour: Any) -> sockets.Sockets:
        """Speak every venue's socket dialect too; `behaviour` as for `Sockets`."""
        self.sockets = sockets.Sockets(self._fault_at, **behaviour)
        return self.sockets

    def publish(self, venue: str, events: list[Event], symbol: str | None = None) -> Future[int]:
        """Send events over the venue's sockets; the result counts the sockets that got them."""
        assert self.sockets is not None
        return asyncio.run_coroutine_threadsafe(self.sockets.publish(venue, events, symbol), self._loop)

    def say(self, venue: str, frame: Any) -> Future[None]:
        """Send one frame, None to hang up, over every open socket of the venue."""
        assert self.sockets is not None
        return asyncio.run_coroutine_threadsafe(self.sockets.say(venue, frame), self._loop)

    def _fault_at(self, address: str) -> str:
        return next((kind for where, kind in list(self._faults.items()) if where in address), "")

    def count(self, part: str = "") -> int:
        return sum(part in address for address, _, _ in self.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host, _, path = request.path.lstrip("/").partition("/")
        address = f"{host}/{path}"
        if request.headers.get("Upgrade", "").lower() == "websocket":
            self.handshakes.append(address)
            refused = self._refusal(self._fault_at(address))
            if refused is not None or self.sockets is None:
                return refused or web.Response(status=404)
            socket = web.WebSocketResponse(autoping=False, timeout=0.5)
            with suppress(ConnectionError):
                await socket.prepare(request)
                await self.sockets.serve(socket, address)
            return socket
        query = dict(request.query)
        if request.method == "POST":
            query |= await request.json()
        self.requests.append((address, query, dict(request.headers)))
        kind = self._fault_at(address)
        await asyncio.sleep(self.slow if kind == "timeout" else self.delay)
        refused = self._refusal(kind) or _told_back(kind, request)
        if refused is not None:
            return refused
        if host == archive.HOST:
            file = archive.answer(path, kind)
            return web.Response(status=404) if file is None else web.Response(body=file)
        if host not in HOSTS:
            return web.json_response({"message": f"no venue {host}"}, status=404)
        try:
            body = HOSTS[host](self.events, path, query)
        except Refused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        except TimeoutError:
            await asyncio.sleep(self.slow)
            return web.Response(status=504)
        text = json.dumps(_bent(body, kind))
        headers = {"Date": formatdate(time.time() - 3_600, usegmt=True)} if kind == "skewed-clock" else {}
        if "coinglass" in host:
            headers |= {"API-KEY-MAX-LIMIT": "30", "API-KEY-USE-LIMIT": str(self.count("coinglass"))}
        return web.Response(
            text=text[: len(text) // 2] if kind == "truncated" else text,
            content_type="application/json",
            headers=headers,
        )

    def _refusal(self, kind: str) -> web.Response | None:
        if kind == "429":
            return web.json_response(
                {"code": 429, "msg": "slow down"}, status=429, headers={"Retry-After": "7"}
            )
        if kind == "451":
            return web.json_response(
                {
                    "code": 0,
                    "msg": "Service unavailable from a restricted location according to 'b. Eligibility'",
                },
                status=451,
            )
        if kind == "html":
            page = "<html><title>Sign in to the network</title></html>"
            return web.Response(text=page, content_type="text/html")
        if kind == "403":
            return web.Response(text=BYBIT_403, status=403, content_type="text/html")
        if kind == "500":
            return web.Response(
                text="<html>Internal Server Error</html>", status=500, content_type="text/html"
            )
        if kind == "402":
            return web.json_response({"error": "Payment required"}, status=402)
        if kind == "error-in-200":
            return web.json_response(
                {
                    "retCode": 30000,
                    "code": 30000,
                    "retMsg": "internal trouble",
                    "msg": "internal trouble",
                    "label": "SERVER",
                    "success": False,
                }
            )
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
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


def _told_back(kind: str, request: web.Request) -> web.Response | None:
    """Refusals that repeat all that was sent, and one that sends the asker elsewhere."""
    if kind == "redirect":
        return web.Response(status=302, headers={"Location": "https://elsewhere.example/taken?back=1"})
    if not kind.startswith("echo"):
        return None
    said = f"unauthorized: {' '.join(request.headers.values())} {request.query_string}"
    return web.json_response(
        {"code": "401", "msg": said, "message": said}, status=401 if kind == "echo" else 200
    )


def _bent(body: Any, kind: str) -> Any:
    """The answer with its longest list changed as the fault says, wherever it is nested."""
    if kind not in ("empty", "duplicates", "out-of-order", "one-bad-row"):
        return body
    if isinstance(body, list) and not (body and isinstance(body[0], dict) and "details" in body[0]):
        if kind == "empty":
            return []
        if kind == "one-bad-row":
            return [*body, {"odd": True}] if body else body
        return (
            [one for row in body for one in (row, row)]
            if kind == "duplicates"
            else [*body[1::2], *body[0::2]]
        )
    if isinstance(body, list):
        return [{**entry, "details": _bent(entry["details"], kind)} for entry in body]
    if isinstance(body, dict):
        return {
            name: _bent(value, kind) if isinstance(value, (list, dict)) else value
            for name, value in body.items()
        }
    return body


def play(server: VenueServer, rate: float, stop: threading.Event, seed: int = 11) -> None:
    """Publish `rate` events a second at random venues, as of now, and let the histories end now as well."""
    chance, price = random.Random(seed), 50_030.0
    venues = sorted({door.venue for door in DOORS.values()})
    while not stop.wait(chance.expovariate(rate)):
        truth.NOW = now = int(time.time()) * 1000
        price += chance.gauss(0.0, 12.0) + (50_030.0 - price) * 0.02
        # Many are small and few are large.
        event = Event(
            now,
            chance.choice(("long", "short")),
            round(price),
            round(min(chance.paretovariate(1.2) / 100, 40.0), 2),
        )
        server.events.append(event)
        del server.events[:-5_000]
        server.publish(chance.choice(venues), [event])
        server.say("binance", {"e": "24hrMiniTicker", "E": now, "s": "BTCUSDT", "c": f"{price:.1f}"})


def main() -> None:
    """Start by hand; the printed line goes before `make run`."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--live", action="store_true", help="publish events of now over every socket")
    reader.add_argument("--rate", type=float, default=3.0, help="events a second")
    reader.add_argument("--port", type=int, default=0)
    chosen = reader.parse_args()
    truth.NOW = int(time.time()) * 1000
    with VenueServer(port=chosen.port) as alone:
        alone.open_sockets()
        print(f"HEATLAB_LOOPBACK={alone.address}", flush=True)
        stop = threading.Event()
        try:
            if chosen.live:
                play(alone, chosen.rate, stop)
            else:
                stop.wait()
        except KeyboardInterrupt:
            stop.set()


if __name__ == "__main__":
    main()
