"""Sockets that stay open and tell nothing: a venue that is quiet is told from a connection that is dead, and
neither is believed for ever."""

import asyncio

from aiohttp import WSMsgType, web

from liqcore.feeds.positions import listen
from liqcore.feeds.status import SourceStatus
from tests.feeds.test_stream import EVENTS, LINES, rows_of, truth, until, world
from tests.service.test_clock_set import badge, event, host, listening

__all__ = ["host"]


def test_a_socket_that_only_answers_pings_is_replaced_without_a_gap_or_a_fault():
    venues = ("bybit", "okx")

    async def play():
        async with world(venues, quiet=0.8, longest_life=100.0) as here:
            await here.live(venues)
            await until(lambda: all(here.handshakes(one) >= 2 * len(LINES[one]) for one in venues))
            await here.live(venues)
            await here.publish(venues)
            await until(lambda: all(set(rows_of(here.rows[one])) == set(truth(EVENTS)) for one in venues))
            for one in venues:
                states = here.states(one)
                assert set(states[states.index("live") :]) == {"live"}, "a quiet market is no fault"

    asyncio.run(play())


def test_a_socket_that_tells_liquidations_is_left_alone():
    async def play():
        async with world(("okx",), quiet=1.5, longest_life=100.0) as here:
            await here.live(("okx",))
            for start in range(0, 12, 2):
                await here.publish(["okx"], EVENTS[start : start + 2])
                await asyncio.sleep(0.35)
            assert here.handshakes("okx") == len(LINES["okx"])

    asyncio.run(play())


def test_an_hour_of_pings_alone_is_a_quiet_venue_and_an_hour_of_nothing_a_dead_one(host):
    held = listening(host)
    for _ in range(60):
        host.passes(60)
        held.deliver("bybit", [], held.now())
    assert badge(held).state == "live"
    assert badge(held).message == "Connected. It answers, and has told no liquidation for 1 h."
    held.deliver("bybit", [event(host)], held.now())
    assert badge(held).message == "Connected."
    host.passes(3_600)
    assert badge(held).state == "stale"
    assert badge(held).message == "Nothing has come for 1 h. Connected."
    held.tell(SourceStatus("bybit", "error", "The connection to Bybit broke."))
    assert badge(held).state == "error"


def test_the_trades_socket_gives_a_dead_connection_up_and_keeps_one_that_answers():
    connections = {"/mute": 0, "/quiet": 0}

    async def serve(request):
        connections[request.path] += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if request.path == "/quiet" and message.type is WSMsgType.TEXT and "ping" in message.data:
                await socket.send_json({"channel": "pong"})
        return socket

    async def play():
        app = web.Application()
        for path in connections:
            app.router.add_get(path, serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        tasks = [
            asyncio.create_task(
                listen.listen(lambda users: None, f"ws://127.0.0.1:{port}{path}", wait=0.01, every=0.2)
            )
            for path in connections
        ]
        await until(lambda: connections["/mute"] >= 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await runner.cleanup()

    asyncio.run(play())
    assert connections["/quiet"] == 1
