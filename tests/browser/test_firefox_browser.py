"""The map in Firefox, spoken to by WebDriver BiDi; skipped where there is none (Debian: firefox-esr)."""

import asyncio
import itertools
import json
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession, ClientWebSocketResponse

FIREFOX = next((path for name in ("firefox", "firefox-esr") if (path := shutil.which(name))), None)
CHART = "globalThis.heatlab?.charts?.get('heatmap')"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(FIREFOX is None, reason="no Firefox here (Debian's package firefox-esr has one)"),
]


class Fox:
    """One page of a Firefox; `faults` are the errors that it threw."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket, self.number, self.page, self.faults = socket, itertools.count(1), "", []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.number)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            told = await self.socket.receive_json(timeout=90)
            if told.get("method") == "log.entryAdded" and told["params"]["type"] == "javascript":
                self.faults.append(told["params"]["text"])
            if told.get("id") == number:
                assert told["type"] == "success", told
                return told["result"]

    async def open(self, address: str) -> None:
        await self.ask("session.new", capabilities={})
        await self.ask("session.subscribe", events=["log.entryAdded"])
        self.page = (await self.ask("browsingContext.getTree"))["contexts"][0]["context"]
        await self.ask(
            "browsingContext.setViewport", context=self.page, viewport={"width": 1440, "height": 900}
        )
        await self.ask("browsingContext.navigate", context=self.page, url=address, wait="complete")

    async def get(self, expression: str) -> Any:
        told = await self.ask(
            "script.evaluate",
            expression=f"Promise.resolve((c => ({expression}))({CHART})).then(JSON.stringify)",
            target={"context": self.page},
            awaitPromise=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"].get("value", "null"))

    async def until(self, expression: str) -> Any:
        async with asyncio.timeout(60):
            while not (found := await self.get(expression)):
                await asyncio.sleep(0.1)
        return found

    async def point(self, *acts: dict[str, Any]) -> None:
        source = {
            "type": "pointer",
            "id": "mouse",
            "parameters": {"pointerType": "mouse"},
            "actions": list(acts),
        }
        await self.ask("input.performActions", context=self.page, actions=[source])

    async def wheel(self, x: int, y: int, by: int) -> None:
        act = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": by}
        source = {"type": "wheel", "id": "wheel", "actions": [act]}
        await self.ask("input.performActions", context=self.page, actions=[source])


def move(x: int, y: int) -> dict[str, Any]:
    return {"type": "pointerMove", "x": x, "y": y, "duration": 30}


DOWN, UP = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}


async def walked(fox: Fox, address: str) -> None:
    await fox.open(f"{address}/explore?data=violent")
    await fox.until("c?.stats.base > 0")
    await asyncio.sleep(1)
    left, top, wide, high = await fox.get(
        "(r => [r.x, r.y, c.plot.w, c.plot.h])(c.stage.getBoundingClientRect())"
    )
    x, y = round(left + 0.4 * wide), round(top + 0.4 * high)
    await fox.point(move(x, y))
    told = await fox.until("c.reading.innerText")
    assert "UTC" in told
    assert "from the last price" in told
    await fox.point(DOWN, UP)
    assert "Read this level" in await fox.until("!c.actions.hidden && c.actions.innerText")
    # After the click the wheel zooms; a drag moves; two clicks show everything.
    await fox.wheel(x, y, -400)
    await fox.until("c.time.zoomed")
    before = await fox.get("c.time.window")
    await fox.point(move(x, y), DOWN, move(x - 60, y), move(x - 150, y), UP)
    after = await fox.get("c.time.window")
    assert after[0] > before[0]
    assert after[1] - after[0] == pytest.approx(before[1] - before[0], rel=1e-6)
    await fox.point(move(x, y), DOWN, UP, DOWN, UP)
    await fox.until("!c.time.zoomed")
    await fox.get("c.setLook({ palette: 'viridis', side: 'net' }) ?? 1")
    assert "viridis" in await fox.until("/colours=viridis/.test(location.search) && location.search")
    # What is drawn are the colours of the palette, not an empty canvas.
    assert await fox.get("new Set(c.pixels).size") > 20
    assert fox.faults == []


async def with_firefox(profile: str, address: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", str(port)]
    fox = subprocess.Popen(
        [str(FIREFOX), *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with ClientSession() as session, asyncio.timeout(180):
            while True:
                try:
                    line = await session.ws_connect(f"ws://127.0.0.1:{port}/session", max_msg_size=0)
                    break
                except ClientConnectionError:
                    await asyncio.sleep(0.3)
            await walked(Fox(line), address)
    finally:
        fox.terminate()
        fox.wait(20)


def test_the_map_is_drawn_read_zoomed_and_dragged_in_firefox(server: str, tmp_path) -> None:
    # In a thread of its own, because Playwright keeps a loop running in this one.
    with ThreadPoolExecutor(1) as alone:
        alone.submit(asyncio.run, with_firefox(str(tmp_path), server)).result()
