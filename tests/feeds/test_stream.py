"""Every venue's socket against a stand-in: what it publishes arrives, whatever happens to the connection."""

import asyncio
import random
import time
from collections import defaultdict
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings, strategies as st

from liqcore.feeds.live.stream import StreamOptions, follow
from liqcore.feeds.venues.registry import VENUES
from tests.loopback.dialects import DIALECTS
from tests.loopback.server import VenueServer
from tests.loopback.truth import made_events

EVENTS = made_events(60)
LINES = {name: venue.lines for name, venue in VENUES.items() if venue.lines}
DOORS = [door for dialect in DIALECTS.values() for door in dialect.doors.values()]
# Venues that tell, at each subscription, what happened before.
REMEMBER = {door.venue for door in DOORS if door.snapshot}
HOSTS = {
    venue: [line.url.removeprefix("wss://").partition("?")[0] for line in lines]
    for venue, lines in LINES.items()
}
QUICK = dict(first_wait=0.05, longest_wait=0.2, geo_wait=0.5, silence=3.0)


class World:
    """The stand-in, everything delivered and everything told."""

    def __init__(self, server, options):
        self.server, self.sockets, self.options = server, server.sockets, options
        self.rows, self.told = defaultdict(list), defaultdict(list)
        self.beats = defaultdict(list)

    def deliver(self, venue, rows, arrived):
        assert abs(arrived - time.time() * 1e6) < 5e6
        self.rows[venue] += rows
        self.beats[venue].append(time.monotonic())

    def states(self, venue):
        return [status.state for status in self.told[venue]]

    def last(self, venue):
        return self.told[venue][-1]

    def fault(self, kind, venues):
        for venue in venues:
            for address in HOSTS[venue]:
                self.server.fault(address, kind)

    def handshakes(self, venue):
        return sum(address in HOSTS[venue] for address in self.server.handshakes)

    async def publish(self, venues, events=EVENTS):
        """The events, dealt to all contracts of each venue."""
        await asyncio.gather(
            *(
                asyncio.wrap_future(
                    self.server.publish(venue, events[place :: len(VENUES[venue].symbols)], symbol)
                )
                for venue in venues
                for place, symbol in enumerate(VENUES[venue].symbols)
            )
        )

    async def live(self, venues=tuple(LINES)):
        await until(
            lambda: all(self.last(venue).state == "live" for venue in venues),
            lambda: {venue: self.last(venue) for venue in venues},
        )
        await until(
            lambda: all(self.sockets.listeners(venue) >= len(VENUES[venue].symbols) for venue in venues)
        )


async def until(true, what=lambda: "", seconds=20.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def world(venues=tuple(LINES), faults=(), behaviour=(), **options):
    with VenueServer() as server:
        server.open_sockets(**{"ping_every": 0.6, "patience": 4.0, **dict(behaviour)})
        here = World(server, StreamOptions(loopback=server.address, **{**QUICK, **options}))
        for kind, where in faults:
            here.fault(kind, where)
        tasks = [
            asyncio.create_task(
                follow(
                    venue,
                    here.deliver,
                    lambda status: here.told[status.venue].append(status),
                    here.options,
                    rng=random.Random(3),
                )
            )
            for venue in venues
        ]
        try:
            await until(lambda: all(here.told[venue] for venue in venues))
            yield here
        finally:
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 3)
            assert not ended, [task.exception() for task in ended]
            assert len(asyncio.all_tasks()) == 1
            await until(lambda: not here.sockets.open)


def rows_of(rows):
    return sorted(
        (row.time // 1000, row.side, row.price, round(row.quantity, 8), round(row.notional, 3))
        for row in rows
    )


def truth(events):
    return sorted(
        (one.time, one.side, one.price, one.quantity, round(one.quantity * one.price, 3)) for one in events
    )


def test_every_venue_delivers_what_it_publishes_and_is_kept_alive():
    async def play():
        async with world() as here:
            await here.live()
            await here.publish(LINES)
            await asyncio.sleep(4.6)
            for venue in LINES:
                assert rows_of(here.rows[venue]) == truth(EVENTS), venue
                assert {row.symbol for row in here.rows[venue]} == set(VENUES[venue].symbols)
                assert {(row.venue, row.completeness, row.price_kind) for row in here.rows[venue]} == {
                    (venue, VENUES[venue].completeness, VENUES[venue].price_kind)
                }
                assert here.states(venue)[0] == "off"
                assert set(here.states(venue)[1:-1]) <= {"partial"}
                # Without pings and answers to pings the stand-in hangs up.
                assert here.sockets.expelled[venue] == 0
                assert here.handshakes(venue) == len(LINES[venue])
                assert here.beats[venue][-1] > time.monotonic() - 2.0, (
                    "a quiet socket must still show that it lives"
                )
            assert (
                min(here.sockets.pongs[venue] for venue in {door.venue for door in DOORS if door.ping}) >= 3
            )

    asyncio.run(play())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("gzip", ""),
        ("duplicates", ""),
        ("out-of-order", ""),
        ("garbage", "broken or cut off"),
        ("odd-row", "cannot be read"),
    ],
)
def test_odd_frames_cost_nothing_that_was_sent(kind, words):
    names = ("bybit", "gate", "bitget", "htx") if kind == "odd-row" else tuple(LINES)
    well = ("okx", "dydx")

    async def play():
        async with world(faults=[(kind, set(names) - set(well))]) as here:
            await here.live()
            await here.publish(LINES)
            await until(lambda: all(len(set(rows_of(here.rows[venue]))) == len(EVENTS) for venue in LINES))
            await asyncio.sleep(0.1)
            for venue in LINES:
                expected = EVENTS * 2 if kind == "duplicates" and venue not in well else EVENTS
                assert rows_of(here.rows[venue]) == truth(expected), venue
                assert here.handshakes(venue) == len(LINES[venue])
            for venue in set(names) - set(well):
                assert words in here.last(venue).message
                assert here.last(venue).state == ("partial" if words else "live")
            assert {here.last(venue).state for venue in well} == {"live"}

    asyncio.run(play())


def test_sockets_cut_every_few_frames_lose_nothing_that_was_sent():
    well = ("gate", "deribit")
    cut = tuple(set(LINES) - set(well))

    async def play():
        async with world(faults=[("cut", cut)], behaviour={"cut_after": 2}) as here:
            await here.live()
            for start in range(0, len(EVENTS), 12):
                await here.publish(LINES, EVENTS[start : start + 12])
                await asyncio.sleep(0.3)
            here.server.clear(requests=False)
            await here.live()
            await until(
                lambda: all(
                    set(truth(here.sockets.sent[venue])) <= set(rows_of(here.rows[venue])) for venue in LINES
                )
            )
            for venue in cut:
                assert set(rows_of(here.rows[venue])) == set(truth(here.sockets.sent[venue])), venue
                assert here.handshakes(venue) >= 3 or len(here.sockets.sent[venue]) == len(EVENTS)
                assert any(
                    status.state in ("error", "partial")
                    and "closed the connection" in status.message
                    and "tried again in" in status.message
                    for status in here.told[venue]
                )
            for venue in REMEMBER:
                assert rows_of(set(here.rows[venue])) == truth(EVENTS)
            for venue in well:
                assert rows_of(here.rows[venue]) == truth(EVENTS)
                assert "error" not in here.states(venue)

    asyncio.run(play())


def test_a_silent_socket_is_given_up_and_others_go_on():
    async def play():
        async with world(silence=0.6) as here:
            await here.live()
            mute = set(LINES) - {"okx"}
            here.fault("silent", mute)
            await until(lambda: all("stale" in here.states(venue) for venue in mute))
            for venue in mute:
                said = next(status for status in here.told[venue] if status.state == "stale")
                assert said.message.startswith(f"Nothing came from {VENUES[venue].name} for 1 s")
            here.server.clear(requests=False)
            await here.live()
            await here.publish(LINES)
            await until(lambda: all(rows_of(here.rows[venue]) == truth(EVENTS) for venue in LINES))
            assert "stale" not in here.states("okx")
            # A venue whose socket was given up connected anew, before or after the silence ended.
            assert all(here.handshakes(venue) > len(LINES[venue]) for venue in mute)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("kind", "state", "words", "wait"),
    [
        ("451", "geo-blocked", "the country or network of this computer", 0.5),
        ("403", "geo-blocked", "the country or network of this computer", 0.5),
        ("429", "rate-limited", "asks for a pause", 7.0),
    ],
)
def test_a_refusing_venue_is_told_and_not_hammered(kind, state, words, wait):
    async def play():
        refused = set(LINES) - {"bybit", "dydx"} if kind != "403" else {"bybit"}
        async with world(faults=[(kind, refused)]) as here:
            await here.live(set(LINES) - refused)
            await until(lambda: all(here.last(venue).state == state for venue in refused))
            await asyncio.sleep(0.25)
            for venue in refused:
                assert words in here.last(venue).message
                assert here.last(venue).retry_after == wait
                assert here.handshakes(venue) == len(LINES[venue]), "asked again before its time"
            here.server.clear()
            if wait < 1:
                await here.live()
                await here.publish(refused)
                await until(lambda: all(rows_of(here.rows[venue]) == truth(EVENTS) for venue in refused))

    asyncio.run(play())


def test_waits_double_up_to_the_longest_and_start_anew_after_a_frame():
    async def play():
        async with world(("okx",), faults=[("500", ("okx",))], first_wait=0.04, longest_wait=0.3) as here:
            await until(lambda: len(here.told["okx"]) > 5)
            waits = [status.retry_after for status in here.told["okx"] if status.state == "error"]
            for wait, middle in zip(waits, (0.04, 0.08, 0.16, 0.3, 0.3), strict=False):
                assert 0.74 * middle <= wait <= 1.26 * middle
            assert "has trouble of its own (HTTP 500)" in here.told["okx"][1].message
            here.server.clear()
            await here.live(("okx",))
            seen = len(here.told["okx"])
            here.fault("500", ("okx",))
            here.server.say("okx", None)
            await until(lambda: any(status.state == "error" for status in here.told["okx"][seen:]))
            assert (
                next(status for status in here.told["okx"][seen:] if status.state == "error").retry_after
                <= 0.05
            )

    asyncio.run(play())


def test_an_unreachable_venue_and_one_without_sockets_are_told():
    async def play():
        told = []
        options = StreamOptions(loopback="127.0.0.1:9", first_wait=0.05)
        task = asyncio.create_task(
            follow("bybit", lambda *_: None, told.append, options, rng=random.Random(1))
        )
        await until(lambda: told and told[-1].state == "error")
        assert told[-1].message.startswith(
            "Bybit cannot be reached. Check the network connection. It is tried again in 1 second."
        )
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1
        await follow("hyperliquid", lambda *_: None, told.append, options, rng=random.Random(1))
        assert (told[-1].state, told[-1].message) == ("off", "Hyperliquid sends no liquidations live.")

    asyncio.run(play())


def test_a_refused_subscription_is_told_in_the_venue_s_words():
    asked = set(LINES) - {door.venue for door in DOORS if door.lenient}

    async def play():
        async with world(tuple(asked), faults=[("refused", asked - {"bybit"}), ("half", ("bybit",))]) as here:
            await until(
                lambda: all(
                    any("refuses" in status.message for status in here.told[venue]) for venue in asked
                )
            )
            await until(lambda: "connected since" in here.last("bybit").message)
            assert here.last("bybit").state == "partial"
            assert (
                "a part of the subscription (error:handler not found,topic:allLiquidation.NONEPERP)"
                in here.last("bybit").message
            )
            for venue in asked - {"bybit"}:
                said = next(status for status in here.told[venue] if "refuses" in status.message)
                assert said.state in ("error", "off", "partial")
                assert "live" not in here.states(venue)
            await here.publish(["bybit"])
            await until(lambda: {row.symbol for row in here.rows["bybit"]} == {"BTCUSDT", "BTCUSD"})

    asyncio.run(play())


def test_a_socket_is_replaced_before_its_day_ends_without_a_gap():
    async def play():
        # The old socket stays for a quarter of its life, which must be enough for a busy machine to subscribe
        # anew.
        async with world(
            longest_life=2.0, silence=6.0, behaviour={"ping_every": 1.5, "patience": 10.0}
        ) as here:
            await here.live()
            for start in range(0, len(EVENTS), 6):
                await here.publish(LINES, EVENTS[start : start + 6])
                await asyncio.sleep(0.8)
            await until(lambda: all(set(rows_of(here.rows[venue])) == set(truth(EVENTS)) for venue in LINES))
            for venue in LINES:
                assert here.handshakes(venue) >= 3 * len(LINES[venue])
                live = here.states(venue).index("live")
                assert set(here.states(venue)[live:]) == {"live"}, [
                    status.message for status in here.told[venue]
                ]

    asyncio.run(play())


def test_a_venue_that_asks_for_a_new_connection_gets_one_without_a_gap():
    asks = {
        "okx": {
            "event": "notice",
            "code": "64008",
            "msg": "The connection will soon be closed for a service upgrade. Please reconnect.",
            "connId": "a",
        },
        "bitfinex": {"event": "info", "code": 20051, "msg": "Stopping. Please try to reconnect"},
    }

    async def play():
        async with world(tuple(asks), longest_life=2.4) as here:
            await here.live(tuple(asks))
            for venue, frame in asks.items():
                here.server.say(venue, frame)
            await here.publish(asks, EVENTS[:30])
            await until(lambda: all(here.handshakes(venue) == 2 for venue in asks), seconds=1.5)
            await here.publish(asks, EVENTS[30:])
            await until(lambda: all(set(rows_of(here.rows[venue])) == set(truth(EVENTS)) for venue in asks))
            assert {state for venue in asks for state in here.states(venue)} == {"off", "partial", "live"}

    asyncio.run(play())


def test_what_is_not_read_and_what_cannot_have_happened_is_told_and_costs_nothing():
    cases = {
        venue: next(iter(dialect.left_out[venue]))
        for dialect in DIALECTS.values()
        for venue in dialect.left_out
        if venue in LINES
    }
    assert {"okx", "bybit", "binance", "gate", "htx"} <= set(cases)
    later = int(time.time() * 1000) + 400 * 86_400_000
    future = {"T": later, "s": "BTCUSDT", "S": "Buy", "v": "0.1", "p": "50000"}

    async def play():
        async with world(tuple(cases)) as here:
            await here.live(tuple(cases))
            for venue, (message, names) in cases.items():
                here.server.say(venue, message)
                name = next(iter(names))
                await until(lambda venue=venue, name=name: f"left out: {name} (" in here.last(venue).message)
            await here.publish(cases)
            await until(lambda: all(rows_of(here.rows[venue]) == truth(EVENTS) for venue in cases))
            # Nothing is lacking of what was asked for.
            assert {here.last(venue).state for venue in cases} == {"live"}
            here.server.say("bybit", {"topic": "allLiquidation.BTCUSDT", "data": [future]})
            await until(lambda: here.last("bybit").state == "partial")
            assert "dated 400 d in the future" in here.last("bybit").message
            assert rows_of(here.rows["bybit"]) == truth(EVENTS)

    asyncio.run(play())


@given(
    venue=st.sampled_from(sorted(VENUES)),
    found=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from(["ping", "error", "subscribe", "test_request", "heartbeat", "info"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "op",
                        "event",
                        "method",
                        "params",
                        "type",
                        "id",
                        "result",
                        "jsonrpc",
                        "ping",
                        "ts",
                        "code",
                        "msg",
                        "success",
                        "error",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=8,
    ),
)
@settings(max_examples=150, deadline=None)
def test_whatever_a_frame_is_it_has_a_meaning(venue, found):
    told = VENUES[venue].meaning(found)
    assert told.answer is None or isinstance(told.answer, str)
    assert all(isinstance(words, str) and words for words in told.refused)


def test_ten_thousand_events_in_a_second_hold_up_nobody():
    many = made_events(10_000)

    async def play():
        async with world(("bybit", "okx"), silence=5.0, behaviour={"patience": 10.0}) as here:
            await here.live(("bybit", "okx"))
            begin = time.monotonic()
            for start in range(0, len(many), 500):
                await here.publish(["okx"], EVENTS[start // 500 * 3 : start // 500 * 3 + 3])
                assert await asyncio.wrap_future(here.server.publish("bybit", many[start : start + 500])) == 1
                await until(lambda start=start: len(here.rows["okx"]) == start // 500 * 3 + 3, seconds=10)
                await asyncio.sleep(max(begin + (start + 500) / len(many) - time.monotonic(), 0))
            await until(lambda: len(here.rows["bybit"]) >= len(many))
            assert rows_of(here.rows["bybit"]) == truth(many)
            assert rows_of(here.rows["okx"]) == truth(EVENTS)
            assert {status for venue in ("bybit", "okx") for status in here.states(venue)} <= {
                "off",
                "partial",
                "live",
            }

    asyncio.run(play())
