"""Guessing is slow, by whatever many ways at once, and shuts nobody out but those who guess."""

import asyncio
import datetime as dt
import json
import threading

import numpy as np
import pytest
from hypothesis import given, strategies as st

from liqcore.alerts.channels import Secret
from liqcore.alerts.endpoint import MOST_OF_ALL, MOST_WRONG, Endpoint, SignalBox
from liqcore.alerts.guesses import UNNAMED, Guesses, network, same

SECRET = "a-secret-of-some-length"
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("one", "another", "alike"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:ff00::1", True),
        ("2001:db8:1:2::1", "2001:db8:2:2::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("/run/a.sock", "/run/a.sock", True),
        ("", "203.0.113.7", False),
    ],
)
def test_addresses_of_one_customer_are_one_caller(one: str, another: str, alike: bool) -> None:
    assert (network(one) == network(another)) is alike


@given(st.text(max_size=200))
def test_any_name_of_a_caller_is_a_short_one(caller: str) -> None:
    assert len(network(caller)) <= 64


def test_a_whole_network_of_addresses_has_one_share() -> None:
    tries = Guesses(5, 60.0)
    allowed = [
        tries.begin(f"2001:db8:7:{number:x}::{number:x}", 100.0 + number / 100) for number in range(500)
    ]
    assert sum(allowed) == 5
    assert len(tries) == 1


def test_tries_at_once_are_counted_before_they_are_compared() -> None:
    tries, passed = Guesses(5, 60.0), []
    gate = threading.Barrier(40)

    def guess() -> None:
        gate.wait()
        if tries.begin("203.0.113.7", 10.0):
            passed.append(1)

    threads = [threading.Thread(target=guess) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 5


def test_who_comes_late_with_an_early_time_undoes_no_later_try() -> None:
    tries = Guesses(5, 60.0, of_all=8)
    assert sum(tries.begin("203.0.113.7", 100.0 + number) for number in range(9)) == 5
    assert not tries.begin("203.0.113.7", 99.0)
    assert tries.spent("203.0.113.7", 110.0)
    assert [tries.begin("198.51.100.1", at) for at in (99.5, 98.0, 111.0, 97.0)] == [True, True, True, False]
    # A clock that was set back by more than that begins anew.
    assert tries.begin("203.0.113.7", 20.0)


def test_all_strangers_together_are_bounded_and_who_knew_the_secret_is_not_shut_out() -> None:
    tries = Guesses(5, 60.0, of_all=60)
    assert tries.begin("198.51.100.9", 0.0)
    tries.take_back("198.51.100.9", 0.0, right=True)
    allowed = sum(tries.begin(f"10.{number >> 8}.{number & 255}.1", 1.0) for number in range(2_000))
    assert allowed == 60
    assert not tries.begin("203.0.113.7", 2.0), "a stranger waits"
    assert tries.begin("198.51.100.9", 2.0), "the owner's network does not"
    # Neighbours in it have a share, too, and it ends.
    assert 10 < sum(tries.begin("198.51.100.9", 3.0) for _ in range(500)) <= 60
    assert tries.begin("203.0.113.7", 62.0), "a minute later anybody may try again"


def test_a_right_one_is_not_counted_and_nobody_unnamed_is_known() -> None:
    tries = Guesses(2, 60.0)
    for moment in range(20):
        assert tries.begin(UNNAMED, float(moment))
        tries.take_back(UNNAMED, float(moment), right=True)
    assert [tries.begin(UNNAMED, 30.0) for _ in range(3)] == [True, True, False]


def test_callers_are_forgotten_and_memory_is_bounded() -> None:
    tries = Guesses(2, 60.0)
    for number in range(5_000):
        tries.begin(f"10.{number >> 8}.{number & 255}.1", number / 1_000)
        tries.take_back(f"11.{number >> 8}.{number & 255}.1", number / 1_000, right=True)
    assert len(tries) <= 1_000
    assert len(tries._known) <= 1_000


@given(st.text(), st.text())
def test_secrets_are_compared_whole(one: str, another: str) -> None:
    assert same(one, another) is (one == another and bool(another))


def test_an_empty_secret_is_never_right() -> None:
    assert not same("", "")


def test_what_is_compared_takes_as_long_for_a_near_miss_as_for_a_far_one(monkeypatch) -> None:
    """Not by a clock, which tells nothing on a busy machine: what is compared has one length."""
    seen = []
    monkeypatch.setattr(
        "liqcore.alerts.guesses.hmac.compare_digest", lambda a, b: seen.append((len(a), len(b))) or a == b
    )
    for guess in ("", "a", SECRET[:-1], SECRET, SECRET * 50):
        same(guess, SECRET)
    assert set(seen) == {(32, 32)}


class Held:
    """A request whose body comes only when it is let go."""

    def __init__(self, gate: asyncio.Event, secret: str) -> None:
        self.gate, self.status = gate, 0
        self.body = json.dumps({"secret": secret, "name": "my cross"}).encode()

    async def receive(self):
        await self.gate.wait()
        return {"type": "http.request", "body": self.body}

    async def send(self, message) -> None:
        self.status = message.get("status", self.status)


def scope(client: str, *headers: tuple[bytes, bytes]):
    return {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": (client, 1),
    }


def test_bodies_held_back_at_once_are_no_way_around_the_share() -> None:
    async def all_at_once() -> list[int]:
        gate = asyncio.Event()
        door = Endpoint(Secret(SECRET), SignalBox().put, clock=lambda: NOON)
        asked = [Held(gate, f"guess number {number}") for number in range(80)]
        waiting = [asyncio.ensure_future(door(scope("203.0.113.7"), one.receive, one.send)) for one in asked]
        await asyncio.sleep(0.01)
        gate.set()
        await asyncio.gather(*waiting)
        return [one.status for one in asked]

    told = asyncio.run(all_at_once())
    assert told.count(403) == MOST_WRONG
    assert told.count(429) == 80 - MOST_WRONG


def post(
    door: Endpoint, client: str, secret: str, *headers: tuple[bytes, bytes], body: bytes | None = None
) -> int:
    async def once() -> int:
        gate = asyncio.Event()
        gate.set()
        one = Held(gate, secret)
        one.body = one.body if body is None else body
        await door(scope(client, *headers), one.receive, one.send)
        return one.status

    return asyncio.run(once())


def test_a_forged_header_is_no_new_address() -> None:
    """Whose address counts is decided by the server, which believes only proxies that its owner named."""
    door = Endpoint(Secret(SECRET), SignalBox().put, clock=lambda: NOON)
    told = [
        post(
            door,
            "203.0.113.7",
            "guess",
            (b"x-forwarded-for", f"10.0.0.{number}".encode()),
            (b"forwarded", b"x"),
        )
        for number in range(MOST_WRONG + 3)
    ]
    assert told == [403] * MOST_WRONG + [429] * 3


def test_addresses_without_end_have_a_share_together() -> None:
    door = Endpoint(Secret(SECRET), SignalBox().put, clock=lambda: NOON)
    assert post(door, "52.89.214.238", SECRET) == 200
    told = [post(door, f"10.{number >> 8}.{number & 255}.1", f"guess {number}") for number in range(700)]
    assert told.count(403) == MOST_OF_ALL
    assert post(door, "52.89.214.238", SECRET) == 200, "who sent the right one goes on"


def test_another_account_at_the_same_sender_cannot_shut_the_owner_out_with_a_handful() -> None:
    """TradingView sends everybody's alerts from the same few addresses."""
    now = [NOON]
    door = Endpoint(Secret(SECRET), SignalBox().put, clock=lambda: now[0])
    assert post(door, "52.89.214.238", SECRET) == 200
    for number in range(4 * MOST_WRONG):
        assert post(door, "52.89.214.238", f"guess {number}") == 403
    now[0] += dt.timedelta(seconds=5)
    assert post(door, "52.89.214.238", SECRET) == 200
    told = [post(door, "52.89.214.238", f"more {number}") for number in range(200)]
    assert 429 in told, "the larger share ends too"


def test_messages_without_a_secret_to_compare_are_no_guesses() -> None:
    door = Endpoint(Secret(SECRET), SignalBox().put, clock=lambda: NOON)
    rng = np.random.default_rng(3)
    for _ in range(3 * MOST_WRONG):
        assert post(door, "203.0.113.7", "", body=b"\xff" + rng.bytes(20)) == 400
    assert post(door, "203.0.113.7", SECRET, body=json.dumps({"secret": SECRET}).encode()) == 422
    assert post(door, "203.0.113.7", SECRET) == 200
