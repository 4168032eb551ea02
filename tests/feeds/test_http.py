"""The session's promises: one request for many askers, kind words for every fault, no key in any cache."""

import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from loopback_session import loopback

from liqcore.feeds import FeedError
from liqcore.feeds.rest.session import LOOPBACK, open_session
from liqcore.feeds.status import (
    BadSymbol,
    ClockSkew,
    GeoBlocked,
    KeyRefused,
    RateLimited,
    TimedOut,
    Unreachable,
)

KLINES = "https://fapi.binance.com/fapi/v1/klines"
QUERY = {"symbol": "BTCUSDT", "interval": "1m", "limit": 5}


def test_an_answer_is_cached_and_says_so():
    with loopback() as (server, session):
        first, second = session.fetch(KLINES, QUERY), session.fetch(KLINES, QUERY)
        assert (first.cached, second.cached, second.stale) == (False, True, False)
        assert first.data == second.data
        assert len(first.data) == 5
        assert server.count("klines") == 1


def test_askers_at_one_moment_share_one_request():
    with loopback() as (server, session):
        server.delay = 0.3
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(session.fetch(KLINES, QUERY).data)) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 6
        assert server.count("klines") == 1


def test_askers_at_one_moment_share_one_failure():
    with loopback() as (server, session):
        server.delay = 0.3
        server.fault("fapi", "500")
        failures = []

        def ask() -> None:
            try:
                session.fetch(KLINES, QUERY)
            except FeedError as problem:
                failures.append(str(problem))

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(failures) == 5
        assert server.count("klines") == 1


@pytest.mark.parametrize(
    ("kind", "error", "state", "words", "wait"),
    [
        ("429", RateLimited, "rate-limited", "asks for a pause of 7 s", 7.0),
        ("451", GeoBlocked, "geo-blocked", "refuses requests from the country", 900.0),
        ("403", GeoBlocked, "geo-blocked", "refuses requests from the country", 900.0),
        ("500", FeedError, "error", "trouble of its own", None),
        ("error-in-200", FeedError, "error", "internal trouble", None),
        ("truncated", FeedError, "error", "broken or cut off", None),
        ("unknown-symbol", BadSymbol, "off", "does not know the contract", None),
        ("skewed-clock", ClockSkew, "error", "differ by 1 h", None),
        ("key-refused", KeyRefused, "off", "refuses the key", None),
    ],
)
def test_a_fault_is_one_sentence_and_never_cached(kind, error, state, words, wait):
    with loopback() as (server, session):
        server.fault("fapi", kind)
        with pytest.raises(error, match=words) as caught:
            session.fetch(KLINES, QUERY)
        assert caught.value.state == state
        assert caught.value.status("binance").state == state
        assert caught.value.retry_after == wait
        assert str(caught.value).count("\n") == 0
        server.clear()
        session.resume()
        assert len(session.fetch(KLINES, QUERY).data) == 5
        # Others were never touched.
        assert (
            session.fetch("https://api.bybit.com/v5/market/open-interest", {"category": "linear"}).data[
                "retCode"
            ]
            == 0
        )


@pytest.mark.parametrize("kind", ["429", "451"])
def test_a_venue_that_asked_for_a_pause_is_left_alone(kind):
    with loopback() as (server, session):
        server.fault("fapi", kind)
        for _ in range(4):
            with pytest.raises(FeedError):
                session.fetch(KLINES, QUERY)
        assert server.count("klines") == 1


def test_silence_ends_in_time_and_a_dead_host_is_told():
    with loopback(timeout=0.4) as (server, session):
        server.slow = 6.0
        server.fault("fapi", "timeout")
        began = time.perf_counter()
        with pytest.raises(TimedOut, match="did not answer in time"):
            session.fetch(KLINES, QUERY)
        assert time.perf_counter() - began < 5
    dead = open_session(loopback="127.0.0.1:1", timeout=1)
    with pytest.raises(Unreachable, match="cannot be reached"):
        dead.fetch(KLINES, QUERY)
    dead.shut()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("500", "trouble of its own"),
        ("error-in-200", "internal trouble"),
        ("truncated", "cut off"),
        ("429", "pause"),
    ],
)
def test_an_old_answer_stands_in_and_tells_its_age_and_why(kind, words, monkeypatch):
    monkeypatch.setattr("liqcore.feeds.rest.session.EXPIRY", {"*": 1})
    with loopback() as (server, session):
        good = session.fetch(KLINES, QUERY).data
        time.sleep(1.1)
        server.fault("fapi", kind)
        old = session.fetch(KLINES, QUERY)
        assert old.data == good
        assert old.stale
        assert 1.0 < old.age < 30
        assert words in old.reason
        again = session.fetch(KLINES, QUERY)
        assert again.stale, "the trouble must not have removed the old answer"


def test_a_key_is_in_no_cache_and_shared_by_nobody(tmp_path):
    with loopback(tmp_path) as (server, session):
        url = "https://api.coinalyze.net/v1/liquidation-history"
        for key in ("first-secret", "second-secret"):
            session.fetch(url, {"symbols": "BTCUSDT_PERP.A"}, headers={"api_key": key})
        session.fetch(url, {"symbols": "X", "api_key": "third-secret"})
        session.fetch(KLINES, QUERY)
        assert server.count("liquidation-history") == 3
        assert [
            headers.get("api_key") for address, _, headers in server.requests if "coinalyze" in address
        ] == ["first-secret", "second-secret", None]
    files = list(tmp_path.iterdir())
    assert files
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_the_cache_survives_a_restart_and_a_damaged_file(tmp_path, monkeypatch):
    with loopback(tmp_path) as (server, session):
        session.fetch(KLINES, QUERY)
        monkeypatch.setenv(LOOPBACK, server.address)
        second = open_session(tmp_path)
        assert second.fetch(KLINES, QUERY).cached
        second.shut()
        assert server.count("klines") == 1
    with sqlite3.connect(tmp_path / "answers.sqlite") as file:
        assert file.execute("select count(*) from responses").fetchone()[0] == 1
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "answers.sqlite").write_bytes(b"this is no database at all" * 500)
    with loopback(bad) as (_, session):
        assert len(session.fetch(KLINES, QUERY).data) == 5
    assert (bad / "answers.damaged").is_file()


def test_a_key_follows_no_redirect_to_another_host():
    class Moved(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("CG-API-KEY")))
            here = self.path == "/here"
            self.send_response(302 if here else 200)
            if here:
                self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moved)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    session = open_session()
    try:
        with pytest.raises(FeedError):
            session.fetch(f"http://127.0.0.1:{server.server_port}/here", headers={"CG-API-KEY": "secret"})
    finally:
        session.shut()
        server.shutdown()
        server.server_close()
    assert asked == [("/here", "secret")]


def test_a_plan_that_one_key_used_up_pauses_no_other_key_and_nobody_without_one(monkeypatch):
    url = "https://open-api-v4.coinglass.com/api/futures/liquidation/x"
    with loopback() as (server, session):
        server.fault("coinglass", "429")

        def told(key: str) -> str:
            try:
                session.request("GET", url, headers={"CG-API-KEY": key})
            except FeedError as problem:
                return type(problem).__name__
            return "good"

        assert told("first") == "RateLimited"
        asked = server.count()
        assert told("first") == "RateLimited"
        assert server.count() == asked, "it waits"
        server.clear()
        assert told("second") != "RateLimited"
        assert told("first") == "RateLimited"
        assert "first" not in repr(session._paused)
