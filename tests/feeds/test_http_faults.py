"""Requests to hosts that hang, drip and reset, with a cache that is locked, full or gone: each ends in time,
in one sentence, and nothing stands in the log but one line."""

import logging
import socket
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from liqcore.feeds.rest import answers, patience
from liqcore.feeds.rest.session import LOOPBACK, open_session
from liqcore.feeds.status import FeedError, RateLimited, TimedOut
from tests.feeds.loopback_session import loopback

KLINES = "https://fapi.binance.com/fapi/v1/klines"
QUERY = {"symbol": "BTCUSDT", "interval": "1m", "limit": 5}
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a": '


@pytest.fixture(autouse=True)
def no_detour(monkeypatch):
    """Hosts of this file are asked where they are, whatever other tests of the process are told."""
    monkeypatch.delenv(LOOPBACK, raising=False)


class Host:
    """A host that takes a connection and then does as it is told: what it sends, and how long it waits
    between bytes."""

    def __init__(self, sends=b"", every=0.0, reset=False):
        self.sends, self.every, self.reset = sends, every, reset
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over, self.held = threading.Event(), []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with suppress(OSError):
            while True:
                taken, _ = self.listener.accept()
                self.held.append(taken)
                threading.Thread(target=self.answer, args=(taken,), daemon=True).start()

    def answer(self, taken):
        with suppress(OSError):
            if self.every:
                for place in range(len(self.sends)):
                    taken.sendall(self.sends[place : place + 1])
                    if self.over.wait(self.every):
                        return
            else:
                taken.sendall(self.sends)
            if self.reset:
                taken.recv(65_536)
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                taken.close()
                return
            self.over.wait(20)

    def close(self):
        self.over.set()
        for one in (self.listener, *self.held):
            one.close()


HANGS = {
    "never answers": (Host, {}, "did not answer in time"),
    "headers and then nothing": (Host, {"sends": GOOD}, "did not answer in time"),
    "headers that drip": (Host, {"sends": GOOD, "every": 0.05}, "so slowly that its answer was given up"),
    "a body that drips": (Host, {"sends": GOOD + b" " * 900, "every": 0.01}, "so slowly"),
    "a body without an end that drips": (
        Host,
        {"sends": b"HTTP/1.0 200 OK\r\n\r\n[" + b" " * 900, "every": 0.02},
        "so slowly",
    ),
    "reset in the body": (Host, {"sends": GOOD, "reset": True}, "broken or cut off"),
}


@pytest.mark.parametrize(
    ("kind", "secret"), [*((kind, False) for kind in HANGS), ("a body that drips", True)], ids=str
)
def test_a_host_that_hangs_is_given_up_in_time_and_in_one_sentence(kind, secret, monkeypatch, caplog):
    monkeypatch.setattr(patience, "TIMES", 2.5)
    make, how, words = HANGS[kind]
    host, session = make(**how), open_session(timeout=0.25)
    begun = time.monotonic()
    try:
        with pytest.raises(FeedError, match=words) as caught:
            session.fetch(f"http://127.0.0.1:{host.port}/x", headers={"api_key": "k"} if secret else {})
        assert time.monotonic() - begun < 3.6
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, TimedOut) is ("reset" not in kind)
    finally:
        host.close()
        session.shut()
    assert not [one for one in caplog.records if one.exc_info]


def test_a_greeting_of_tls_that_hangs_is_given_up_in_time():
    host, session = Host(), open_session(timeout=0.3)
    begun = time.monotonic()
    try:
        with pytest.raises(TimedOut):
            session.fetch(f"https://127.0.0.1:{host.port}/x")
        assert time.monotonic() - begun < 10
    finally:
        host.close()
        session.shut()


def test_a_file_that_drips_is_given_up_too(monkeypatch):
    monkeypatch.setattr(patience, "TIMES", 2.5)
    host, session = Host(GOOD + b" " * 900, every=0.01), open_session(timeout=0.25)
    try:
        with pytest.raises(TimedOut, match="so slowly"):
            session.download(f"http://127.0.0.1:{host.port}/x.zip")
        with pytest.raises(TimedOut, match="so slowly"):
            session.ask_privately(f"http://127.0.0.1:{host.port}/x")
    finally:
        host.close()
        session.shut()


def test_names_that_hang_cost_one_thread_however_many_ask(monkeypatch):
    hung, asked = threading.Event(), []

    def hang(*arguments, **_):
        asked.append(arguments)
        hung.wait(20)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(patience.socket, "getaddrinfo", hang)
    session = open_session(timeout=0.3)
    begun, failed = time.monotonic(), []

    def ask(number):
        try:
            session.fetch(f"https://names-that-hang.example/{number}")
        except TimedOut as problem:
            failed.append(str(problem))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert time.monotonic() - begun < 15
    assert len(failed) == 5
    assert len(asked) == 1
    hung.set()
    session.shut()


def test_a_good_answer_that_takes_its_time_is_left_alone():
    body = b'{"a": [' + b"1," * 200 + b"1]}"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    host, session = Host(head + body, every=0.001), open_session(timeout=0.5)
    try:
        assert len(session.fetch(f"http://127.0.0.1:{host.port}/x").data["a"]) == 201
    finally:
        host.close()
        session.shut()


@pytest.fixture
def troubled(tmp_path):
    with loopback(tmp_path) as (server, session):
        session.fetch(KLINES, QUERY)
        yield server, session, tmp_path / "answers.sqlite"


def ended_within(seconds, work):
    """What `work` gives, where it ends in time: a request that waits for ever must not hold the tests."""
    found = []

    def run():
        try:
            found.append(work())
        except Exception as problem:
            found.append(problem)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it did not end"
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def test_a_cache_that_another_program_locks_costs_a_second_and_no_answer(troubled, caplog):
    server, session, path = troubled
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        found = ended_within(8, lambda: session.fetch(KLINES, {**QUERY, "limit": 4}))
        assert len(found.data) == 4
        waits = []
        for limit in (3, 30, 31):
            begun = time.monotonic()
            assert len(session.fetch(KLINES, {**QUERY, "limit": limit}).data) == limit
            waits.append(time.monotonic() - begun)
        assert min(waits) < 0.8, "it is left alone after the first time"
        # Who comes now takes nothing away from whoever holds it.
        other = ended_within(10, lambda: open_session(path.parent, loopback=server.address))
        assert len(other.fetch(KLINES, {**QUERY, "limit": 2}).data) == 2
        other.shut()
        assert not path.with_suffix(".damaged").exists()
    finally:
        holder.execute("COMMIT")
        holder.close()
    lines = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert lines == ["Answers cannot be kept for now (database is locked); they are asked for again instead."]
    assert not [one for one in caplog.records if one.exc_info]


@pytest.mark.parametrize("kind", ["full", "read-only", "malformed", "no table"])
def test_a_cache_that_fails_costs_its_answers_and_nothing_else(troubled, kind, caplog, monkeypatch):
    _, session, path = troubled
    rows = session.cache.responses
    with rows.connection() as connection:
        if kind == "full":
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")
        elif kind == "read-only":
            connection.execute("PRAGMA query_only=1")
        elif kind == "no table":
            connection.execute("DROP TABLE responses")
        else:
            rows.close()
            whole = path.read_bytes()
            path.write_bytes(whole[:4_096] + bytes(len(whole) - 4_096))
            rows.connection_kwargs["timeout"] = 1.0
    if kind == "malformed":
        with suppress(sqlite3.DatabaseError), rows.connection():
            pass
    for limit in (50, 51, 52):
        found = ended_within(8, lambda limit=limit: session.fetch(KLINES, {**QUERY, "limit": limit}))
        assert len(found.data) == limit
    assert sum("cannot be kept for now" in one.getMessage() for one in caplog.records) == 1
    assert not [one for one in caplog.records if one.exc_info]
    if kind != "malformed":
        # A minute later it is opened anew.
        monkeypatch.setattr(rows, "rest", 1e-9)
        session.fetch(KLINES, {**QUERY, "limit": 60})
        assert session.fetch(KLINES, {**QUERY, "limit": 60}).cached


def test_a_cache_whose_folder_went_away_is_made_again(tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    with loopback(folder) as (_, session):
        session.fetch(KLINES, QUERY)
        for one in folder.iterdir():
            one.unlink()
        folder.rmdir()
        for limit in (6, 7):
            assert len(session.fetch(KLINES, {**QUERY, "limit": limit}).data) == limit
        monkeypatch.setattr(session.cache.responses, "rest", 1e-9)
        session.fetch(KLINES, {**QUERY, "limit": 8})
        assert session.fetch(KLINES, {**QUERY, "limit": 8}).cached
        assert (folder / "answers.sqlite").exists()


def test_a_place_where_no_cache_can_be_costs_the_cache_alone():
    with loopback(Path("/proc/nowhere")) as (server, session):
        assert len(session.fetch(KLINES, QUERY).data) == 5
        assert session.fetch(KLINES, QUERY).cached
        assert server.count("klines") == 1


def test_answers_of_no_use_leave_the_file(troubled, monkeypatch):
    _, session, _ = troubled
    rows = session.cache.responses
    with rows.connection(commit=True) as connection:
        connection.execute("UPDATE responses SET expires = ?", (int(time.time()) - answers.STALE_FOR - 60,))
    monkeypatch.setattr(rows, "swept", float("-inf"))
    session.fetch(KLINES, {**QUERY, "limit": 9})
    assert len(rows) == 1


@pytest.mark.parametrize("cached", ["file", "memory"])
@pytest.mark.parametrize("hours", [-3, 3, -24, 24])
def test_after_the_clock_was_set_no_answer_is_taken_for_one_of_now(tmp_path, monkeypatch, cached, hours):
    with loopback(tmp_path if cached == "file" else None) as (server, session):
        session.fetch(KLINES, QUERY)
        assert session.fetch(KLINES, QUERY).cached
        # requests-cache asks datetime for the time, so the answer is moved instead of the clock.
        rows = session.cache.responses
        (key,) = rows
        held = rows[key]
        for name in ("created_at", "expires"):
            moved = getattr(held, name).timestamp() - hours * 3_600
            setattr(held, name, type(held.created_at).fromtimestamp(moved, tz=held.created_at.tzinfo))
        rows[key] = held
        found = session.fetch(KLINES, QUERY)
        assert not found.cached
        assert server.count("klines") == 2


def test_a_pause_that_a_venue_asked_for_outlives_no_set_clock():
    moment = [time.time()]
    with loopback() as (server, session):
        session.clock = lambda: moment[0]
        server.fault("fapi", "429")
        with pytest.raises(RateLimited):
            session.fetch(KLINES, QUERY)
        until = next(iter(session._paused.values()))[0]
        assert 0 < until - time.monotonic() <= 7.0
        # The clock of the host is set back by a day: what the venue asked for stays seven seconds.
        moment[0] -= 86_400
        assert next(iter(session._paused.values()))[0] - time.monotonic() <= 7.0
        moment[0] += 2 * 86_400
        with pytest.raises(RateLimited):
            session.fetch(KLINES, QUERY)
        assert server.count("klines") == 1


def test_an_old_answer_that_stands_in_leaves_no_traceback(caplog, monkeypatch):
    monkeypatch.setattr("liqcore.feeds.rest.session.EXPIRY", {"*": 1})
    caplog.set_level(logging.WARNING)
    with loopback() as (server, session):
        session.fetch(KLINES, QUERY)
        time.sleep(1.1)
        server.fault("fapi", "500")
        assert session.fetch(KLINES, QUERY).stale
    assert not caplog.records


def test_what_requests_raises_of_these_is_a_timeout():
    assert issubclass(patience.TooSlow, requests.exceptions.Timeout)
    assert issubclass(patience.NoName, requests.exceptions.Timeout)
