"""Sweeps of an invented venue: all holders, slowly, from where they were stopped, and no address anywhere."""

import asyncio
import json
import logging
import os
import stat

import numpy as np
import pandas as pd
import pytest
from aiohttp import web

from liqcore import measured_heatmap
from liqcore.feeds.history.partitions import Partitions
from liqcore.feeds.positions import listen
from liqcore.feeds.positions.answers import OddAnswer, leaders, state
from liqcore.feeds.positions.book import HLP, AddressBook
from liqcore.feeds.positions.sweep import Sweep, asker, held, keep, refresh
from liqcore.feeds.status import FeedError, RateLimited, TimedOut
from liqcore.heat.snapshots import coverage
from tests.feeds.loopback_session import loopback
from tests.loopback.accounts import COUNT, HOLDERS, MARK, Accounts, accounts, address, leaderboard

START = 1_772_366_400.0


class Venue:
    """The invented venue with a clock that only waiting moves, and a note of every question's moment."""

    def __init__(self, census: Accounts) -> None:
        self.census, self.now, self.asked = census, START, []
        self.limited = 0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def ask(self, question):
        self.asked.append((self.now, question.get("user", "")))
        if self.limited and len(self.asked) % 500 == 0:
            self.limited -= 1
            raise RateLimited("slow down", retry_after=20.0)
        try:
            return self.census.answer(question, self.now)
        except TimeoutError:
            raise TimedOut("did not answer") from None


@pytest.fixture
def book(tmp_path):
    made = AddressBook(tmp_path / "book" / "accounts.sqlite")
    yield made
    made.close()


def sweep(book: AddressBook, venue: Venue, **more) -> Sweep:
    return Sweep(book, venue.ask, venue.clock, venue.sleep, **more)


def most_in_a_minute(venue: Venue) -> int:
    moments = np.array([moment for moment, _ in venue.asked])
    return int((np.searchsorted(moments, moments + 60.0 - 1e-6) - np.arange(len(moments))).max())


def test_a_whole_sweep_is_the_census_and_its_map_exact_to_the_dollar(book, tmp_path):
    venue = Venue(Accounts())
    book.add(dict(zip(venue.census.addresses, venue.census.value, strict=True)))
    store = Partitions(str(tmp_path / "market"))
    found = sweep(book, venue).run()
    keep(store, found)
    (snapshot,) = held(store, 0, int(4e15))
    facts = coverage(snapshot)
    census = venue.census
    assert (facts.asked, facts.answered, facts.failed, facts.positions) == (COUNT, COUNT, 0, HOLDERS)
    assert facts.share == pytest.approx(1.0)
    assert facts.long_btc == pytest.approx(census.open_interest)
    assert facts.imbalance == pytest.approx(0.0, abs=1e-9)
    assert facts.unpriced == pytest.approx(np.isnan(census.price[:HOLDERS]).mean())
    assert facts.cross == pytest.approx(census.cross[:HOLDERS].mean())
    assert snapshot.mark_price == MARK
    edges = np.geomspace(20_000, 200_000, 257)
    grid = measured_heatmap([snapshot], price_edges=edges)
    for side, shown in ((1, grid.long), (-1, grid.short)):
        own = (np.sign(census.size) == side) & np.isfinite(census.price)
        usd = np.abs(census.size[own]) * census.price[own]
        truth, _ = np.histogram(census.price[own], edges, weights=usd)
        assert np.abs(shown[-1] - truth).max() < 1.0


def test_three_thousand_holders_take_ten_minutes_at_half_the_venues_limit(book):
    venue = Venue(Accounts())
    book.add(venue.census.addresses[:HOLDERS])
    assert sweep(book, venue).run() is not None
    assert 590 <= venue.now - START <= 605
    # An account weighs 2, the venue allows 1,200 a minute: 300 accounts are half of it.
    assert most_in_a_minute(venue) <= 300


def test_holders_are_asked_first_and_then_the_richest(book):
    venue = Venue(Accounts())
    book.add(dict(zip(venue.census.addresses, venue.census.value, strict=True)))
    assert sweep(book, venue).run() is not None
    first = [name for _, name in venue.asked if name][:COUNT]
    worth = [venue.census.value[venue.census.number[name]] for name in first]
    assert worth == sorted(worth, reverse=True)
    venue.asked.clear()
    assert sweep(book, venue).run() is not None
    again = [venue.census.number[name] for _, name in venue.asked if name]
    assert all(number < HOLDERS for number in again[:HOLDERS])
    assert all(number >= HOLDERS for number in again[HOLDERS:])


def test_a_killed_sweep_goes_on_in_another_process(tmp_path):
    venue, path = Venue(Accounts()), tmp_path / "accounts.sqlite"
    book = AddressBook(path)
    book.add(venue.census.addresses[:1_000])
    assert sweep(book, venue, go_on=lambda: len(venue.asked) < 400).run() is None
    # Not closed in peace: the file is opened again as a crash leaves it.
    other = AddressBook(path)
    assert other.key == book.key
    found = sweep(other, venue).run()
    names = [name for _, name in venue.asked if name]
    assert len(names) == len(set(names)) == 1_000
    assert len(found.positions) == 1_000
    assert found.sweep["began"].iloc[0] == START * 1e6
    book.close()
    other.close()


def test_odd_answers_are_counted_and_the_late_ones_recovered(book):
    venue = Venue(Accounts())
    venue.census.misbehave()
    book.add(venue.census.addresses[:HOLDERS])
    found = sweep(book, venue).run()
    kinds = pd.Series(venue.census.odd).value_counts()
    failed = int(kinds["null"] + kinds["wrong types"] + kinds["cut"])
    told = found.sweep.iloc[0]
    assert (told["asked"], told["failed"], told["recovered"]) == (
        HOLDERS,
        failed,
        kinds["late"] + kinds["slow"],
    )
    assert told["answered"] == HOLDERS - failed
    assert len(found.positions) == HOLDERS - failed - kinds["vanished"]


def test_pauses_that_the_venue_asks_for_are_kept_and_nobody_is_lost(book):
    venue = Venue(Accounts())
    venue.limited = 3
    book.add(venue.census.addresses[:2_000])
    found = sweep(book, venue).run()
    assert found.sweep["failed"].iloc[0] == 0
    assert len(found.positions) == 2_000
    assert venue.now - START > 400 + 3 * 20


def test_an_account_that_fails_in_the_next_sweep_is_not_carried_over(book):
    venue = Venue(Accounts())
    book.add(venue.census.addresses[:50])
    assert len(sweep(book, venue).run().positions) == 50
    venue.census.odd[venue.census.addresses[3]] = "null"
    venue.now += 600
    assert len(sweep(book, venue).run().positions) == 49


def test_the_book_is_for_its_owner_only(book, tmp_path):
    (path,) = (tmp_path / "book").glob("*.sqlite")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def everything_at_rest(folder, but) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path not in but)


def test_no_address_is_in_a_log_a_url_a_cache_or_a_partition(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with loopback(tmp_path / "cache") as (server, session):
        book = AddressBook(tmp_path / "accounts.sqlite")
        known = [address(number) for number in range(40)]
        book.add(known)
        # A question that is cached, to know that the look into the cache sees questions and answers.
        session.fetch("https://api.hyperliquid.xyz/info", body={"type": "metaAndAssetCtxs"})
        found = Sweep(book, asker(session), a_minute=100_000).run()
        keep(Partitions(str(tmp_path / "market")), found)
        assert len(found.positions) == 40
        assert found.sweep["open_interest"].iloc[0] > 0
        urls = " ".join(where for where, _, _ in server.requests)
        cached = [
            bytes(part or b"")
            for answer in session.cache.responses.values()
            for part in (answer.request.body, answer.content, answer.url.encode())
        ]
        book.close()
    assert any(b"metaAndAssetCtxs" in part for part in cached)
    assert len(cached) == 3
    rest = everything_at_rest(tmp_path, {tmp_path / "accounts.sqlite"}) + b"".join(cached)
    in_the_book = (tmp_path / "accounts.sqlite").read_bytes()
    for name in known:
        assert name.encode() in in_the_book
        for place in (rest.lower(), caplog.text.lower().encode(), urls.lower().encode()):
            assert name[2:].encode() not in place
    assert found.positions["account"].nunique() == 40


@pytest.mark.parametrize("fault", ["429", "500", "truncated", "wrong-types", "html", "403"])
def test_faults_of_the_venue_become_failures_without_words(tmp_path, fault):
    with loopback() as (server, session):
        book = AddressBook(tmp_path / "accounts.sqlite")
        book.add([address(1)])
        server.fault("api.hyperliquid.xyz", fault)
        pauses = []
        found = Sweep(book, asker(session), sleep=pauses.append, a_minute=100_000).run()
        assert found.sweep[["asked", "answered", "failed"]].iloc[0].tolist() == [1, 0, 1]
        assert found.positions.empty
        assert np.isnan(found.sweep["open_interest"].iloc[0])
        assert bool(pauses) or fault != "429"
        book.close()


def test_a_venue_that_does_not_answer_in_time_is_a_failure(book):
    def ask(question):
        raise TimedOut("did not answer")

    book.add([address(1), address(2)])
    found = Sweep(book, ask, lambda: START, lambda seconds: None).run()
    assert found.sweep["failed"].iloc[0] == 2


def test_an_account_that_times_out_once_is_asked_again(tmp_path):
    with loopback(timeout=0.3) as (server, session):
        server.slow = 0.8
        book = AddressBook(tmp_path / "accounts.sqlite")
        book.add([address(number) for number in range(4)])
        accounts().odd[address(2)] = "slow"
        try:
            found = Sweep(book, asker(session), sleep=lambda seconds: None, a_minute=100_000).run()
        finally:
            accounts().odd.clear()
            accounts().refusals.clear()
        told = found.sweep.iloc[0]
        assert (told["asked"], told["answered"], told["failed"], told["recovered"]) == (4, 4, 0, 1)
        assert len(found.positions) == 4
        server.fault("api.hyperliquid.xyz", "timeout")
        found = Sweep(book, asker(session), sleep=lambda seconds: None, a_minute=100_000).run()
        assert found.sweep[["answered", "failed"]].iloc[0].tolist() == [0, 4]
        book.close()


def test_who_trades_on_the_stand_ins_socket_gets_into_the_book(tmp_path):
    with loopback() as (server, _):
        book = AddressBook(tmp_path / "accounts.sqlite")
        server.open_sockets()
        url = listen.SOCKET.replace("wss://", f"ws://{server.address}/")
        events = server.events[:8]

        async def hear():
            task = asyncio.create_task(listen.listen(book.add, url, wait=0.01))
            async with asyncio.timeout(10):
                while not server.sockets.listeners("hyperliquid"):
                    await asyncio.sleep(0.01)
                await asyncio.wrap_future(server.publish("hyperliquid", events[:4], "BTC"))
                # The venue hangs up; the ear comes back and hears the rest.
                await asyncio.wrap_future(server.say("hyperliquid", None))
                while server.handshakes.count("api.hyperliquid.xyz/ws") < 2:
                    await asyncio.sleep(0.01)
                while not server.sockets.listeners("hyperliquid"):
                    await asyncio.sleep(0.01)
                await asyncio.wrap_future(server.publish("hyperliquid", events[4:], "BTC"))
                wanted = {address(one.time // 1_000 % 1_000 + more) for one in events for more in (0, 1)}
                while book.count() < len(wanted):
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return len(wanted)

        wanted = asyncio.run(hear())
        assert book.count() == wanted > 4
        book.close()


def test_the_leaderboard_of_25_mb_comes_once_a_day_and_not_into_the_cache(tmp_path):
    assert 20e6 < len(json.dumps(leaderboard())) < 40e6
    with loopback(tmp_path / "cache") as (server, session):
        session.timeout = 60
        book = AddressBook(tmp_path / "accounts.sqlite")
        day = 86_400_000_000
        now = 1_772_366_400_000_000
        assert refresh(book, session, now) == book.count() == 35_001
        assert book.add([HLP]) == 0
        assert refresh(book, session, now + day // 2) == 0
        assert server.count("leaderboard") == 1
        server.fault("leaderboard", "wrong-types")
        with pytest.raises(FeedError):
            refresh(book, session, now + day)
        assert book.count() == 35_001
        assert b"ethAddress" not in everything_at_rest(tmp_path / "cache", set())
        book.close()


@pytest.mark.parametrize(
    "told", [None, [], 3, {}, {"time": 1}, {"time": 1, "assetPositions": [{"position": {"coin": "BTC"}}]}]
)
def test_answers_that_are_none_are_told_apart(told):
    with pytest.raises(OddAnswer):
        state(told)
    with pytest.raises(OddAnswer):
        leaders({"leaderboardRows": told} if not isinstance(told, list) else None)


def test_the_trades_socket_names_both_sides_and_is_opened_again():
    frames = [
        '{"channel": "subscriptionResponse", "data": {}}',
        "no json",
        json.dumps(
            {"channel": "trades", "data": [{"users": [address(1), address(2)]}, {"users": [1, "0x1"]}, {}]}
        ),
    ]
    subscribed, found = [], []

    async def serve(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        subscribed.append(await socket.receive_json())
        for frame in frames:
            await socket.send_str(frame)
        await socket.close()
        return socket

    async def play():
        app = web.Application()
        app.router.add_get("/ws", serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        task = asyncio.create_task(listen.listen(found.append, f"ws://127.0.0.1:{port}/ws", wait=0.01))
        async with asyncio.timeout(10):
            while len(found) < 2:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()

    asyncio.run(play())
    assert found[:2] == [{address(1), address(2)}] * 2
    assert subscribed[0]["subscription"] == {"type": "trades", "coin": "BTC"}
