"""Delivery against real servers on this machine: HTTP, SMTP, failures, a channel that hangs, and private
addresses."""

import datetime as dt
import json
import logging
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller

from liqcore.alerts.addresses import AddressRefused, is_public, public_only
from liqcore.alerts.alert import Alert
from liqcore.alerts.channels import Channel, ChannelError, QuietHours, Secret, channels_of
from liqcore.alerts.notify import Notifier, message

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ALERT = Alert(
    id="a",
    rule="r",
    name="Short heat grows",
    time="2026-03-01T12:00:00Z",
    sentence="It grew by half.",
    what="heat grows",
    side="short",
    level=28_500.0,
    price=28_500.0,
    usd=1e6,
    before=1.0,
    after=2.0,
    unit="USD",
    cluster=None,
    venues=(("okx", "all"),),
    completeness="all",
    stale=(),
    data_age=1.0,
    kind="realised",
    kind_note="Realised.",
    agreement="isolated",
    against=("One print.",),
    explore=(("level", "28500"),),
    tell=("web", "mail", "slow"),
)


class Clock:
    def __init__(self):
        self.now, self.slept = NOON, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
def web():
    """A server that answers by path: /ok, /fail, /flaky (fails twice), /hang, /away (redirects to itself)."""
    got, hold = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got.append((self.path.split("?")[0], body))
            if "hang" in self.path:
                hold.wait(20)
            flaky = "flaky" in self.path and len(got) < 3
            self.send_response(500 if flaky or "fail" in self.path else 307 if "away" in self.path else 200)
            if "away" in self.path:
                self.send_header("Location", f"http://127.0.0.2:{self.server.server_address[1]}/inside")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_address[1], got, hold
    hold.set()
    server.shutdown()
    server.server_close()


def channel(port, path, name="web", **more):
    return Channel(name, Secret(f"json://user:hunter2secret@127.0.0.1:{port}/{path}"), **more)


def notifier(*channels, **more):
    clock = Clock()
    return Notifier(channels, clock=clock, sleep=clock.sleep, **more), clock


def test_web_and_mail_arrive_with_what_the_alert_says(web):
    port, got, _ = web
    letters = []

    class Inbox:
        async def handle_DATA(self, server, session, envelope):
            letters.append(envelope.content.decode())
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        place = free.getsockname()[1]
    post = Controller(Inbox(), hostname="127.0.0.1", port=place)
    post.start()
    try:
        mail = Channel(
            "mail", Secret(f"mailto://127.0.0.1:{place}?from=alerts@example.com&to=me@example.com")
        )
        sender, _ = notifier(channel(port, "ok"), mail)
        done = sender.deliver([ALERT])
    finally:
        post.stop()
    assert done.sent == {"web": 1, "mail": 1}
    sent = json.loads(got[0][1])
    assert sent["title"] == "Short heat grows"
    assert "It grew by half." in sent["message"]
    assert "One print." in sent["message"]
    assert "me@example.com" in letters[0]
    assert "Short heat grows" in letters[0]


def test_failures_are_tried_again_later_each_time_and_end_on_the_list_without_their_secret(web, caplog):
    port, got, _ = web
    caplog.set_level(logging.DEBUG)
    sender, clock = notifier(channel(port, "flaky/hunter2secret"))
    assert sender.deliver([ALERT]).sent == {"web": 1}
    assert clock.slept == [2.0, 4.0]
    sender, clock = notifier(channel(port, "fail/hunter2secret"))
    assert sender.deliver([ALERT]).failed == {"web": 1}
    (letter,) = sender.dead_letters
    assert (letter.channel, letter.attempts, letter.alert) == ("web", 4, ALERT)
    assert "hunter2secret" not in repr(letter) + repr(channel(port, "x")) + caplog.text
    assert str(port) not in letter.reason
    count = len(got)
    assert sender.retry().failed == {"web": 1}
    assert len(got) == count + 4
    assert len(sender.dead_letters) == 1


def test_nobody_listening_names_no_address(caplog):
    caplog.set_level(logging.DEBUG)
    sender, _ = notifier(
        Channel("web", Secret("json://topsecrethost:9/tokentoken")),
        attempts=1,
        hosted=True,
        resolve=lambda name: ["192.0.2.1"],
    )
    sender.deliver([ALERT])
    (letter,) = sender.dead_letters
    assert "topsecrethost" not in letter.reason + caplog.text
    assert "tokentoken" not in letter.reason + caplog.text


def test_a_channel_that_hangs_holds_up_no_other(web):
    port, got, hold = web
    sender, _ = notifier(channel(port, "hang", "slow"), channel(port, "ok"), attempts=1)
    began = time.monotonic()
    # The collector looks in again and again and never waits for longer than it wants to.
    sent = [sender.deliver([replace(ALERT, id=str(number))], wait=0.15).sent for number in range(3)]
    assert time.monotonic() - began < 10
    assert sum(one["slow"] for one in sent) == 0
    deadline = time.monotonic() + 15
    while len([path for path, _ in got if path == "/ok"]) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [path for path, _ in got].count("/ok") == 3
    assert [path for path, _ in got].count("/hang") == 1
    # Once it answers, what waited for it arrives too.
    hold.set()
    while [path for path, _ in got].count("/hang") < 3 and time.monotonic() < deadline:
        sender.deliver(wait=0.05)
    assert sender.deliver(wait=5).waiting == {"slow": 0, "web": 0}
    assert sender.take_dead_letters() == ()


def test_channels_come_and_go_and_dead_letters_are_handed_over_once(web):
    port, got, _ = web
    sender, _ = notifier(channel(port, "fail"), attempts=1)
    sender.deliver([ALERT])
    sender.add(channel(port, "ok", "mail"))
    with pytest.raises(ChannelError, match="Two channels"):
        sender.add(channel(port, "ok", "mail"))
    (letter,) = sender.take_dead_letters()
    assert sender.dead_letters == sender.take_dead_letters() == ()
    sender.remove("web")
    assert [one.name for one in sender.channels] == ["mail"]
    assert sender.deliver([letter.alert]).sent == {"mail": 1}
    assert [path for path, _ in got] == ["/fail", "/ok"]


def test_the_owners_secrets_become_channels_and_mistakes_in_them_name_no_address():
    good, problems = channels_of(
        {
            "phone": "ntfys://t0psecret",
            "mail": {
                "url": "mailtos://t0psecret@example.com",
                "quiet": ["22:00", "07:00", "Europe/Berlin"],
                "limit": 5,
                "digest": True,
            },
            "a": {"url": 5},
            "b": {"link": "json://t0psecret"},
            "c": 7,
            "d": {"url": "json://t0psecret", "quiet": ["25:00", "1"]},
            "e": {"url": "json://t0psecret", "limit": "many"},
            "f": {"url": "json://t0psecret", "colour": 1},
            "x" * 60: "json://t0psecret",
        }
    )
    assert [(one.name, one.scheme) for one in good] == [("phone", "ntfys"), ("mail", "mailtos")]
    assert (good[1].limit, good[1].digest, good[1].quiet.zone) == (5, True, "Europe/Berlin")
    assert len(problems) == 7
    assert "t0psecret" not in " ".join(problems) + repr(good)
    assert all(text.endswith("Correct it there.") for text in problems)


def test_limits_and_quiet_hours_hold_back_and_then_send_one_digest(web):
    port, got, _ = web
    sender, clock = notifier(channel(port, "ok", limit=2, quiet=QuietHours("22:00", "07:00")))
    clock.now = NOON.replace(hour=23)
    assert sender.deliver([replace(ALERT, id=str(i)) for i in range(5)]).waiting == {"web": 5}
    assert got == []
    clock.now += dt.timedelta(hours=8)
    assert sender.deliver().sent == {"web": 5}
    assert json.loads(got[0][1])["title"] == "5 alerts"
    assert sender.deliver([ALERT]).sent == {"web": 1}
    assert sender.deliver([ALERT]).waiting == {"web": 1}
    clock.now += dt.timedelta(minutes=61)
    assert sender.deliver().sent == {"web": 1}
    assert len(got) == 3


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "255.255.255.255",
        "no address",
    ],
)
def test_private_addresses_are_told_in_every_spelling(address):
    assert not is_public(address)
    assert is_public("8.8.8.8")
    assert is_public("2606:4700:4700::1111")


def test_a_hosted_app_refuses_addresses_inside_by_number_by_name_and_after_a_change_of_mind(web):
    port, got, _ = web
    answers = iter([["8.8.8.8"], ["127.0.0.1"]] * 9)
    for url, resolve in (
        (f"json://127.0.0.1:{port}/ok", lambda name: ["8.8.8.8"]),
        (f"json://inside.example.com:{port}/ok", lambda name: ["8.8.8.8", "127.0.0.1"]),
        (f"json://[::1]:{port}/ok", lambda name: []),
        (f"json://2130706433:{port}/ok", lambda name: ["127.0.0.1"]),
        (
            f"mailto://inside.example.com:{port}?from=a@example.com&to=b@example.com",
            lambda name: ["127.0.0.1"],
        ),
    ):
        sender, clock = notifier(Channel("web", Secret(url)), hosted=True, resolve=resolve)
        assert sender.deliver([ALERT]).failed == {"web": 1}, url
        assert "own network" in sender.dead_letters[0].reason
        assert clock.slept == []
    assert got == []
    # Whatever a name resolved to before, the address that is connected to is the one that is judged.
    with public_only(lambda name: next(answers)):
        assert socket.getaddrinfo("changes.example.com", port)[0][4][0] == "8.8.8.8"
        with pytest.raises(AddressRefused):
            socket.create_connection(("changes.example.com", port))
    with public_only(), socket.socket() as plain, pytest.raises(AddressRefused):
        plain.connect(("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port)) as free:
        assert free.getpeername()[1] == port


def test_a_redirect_to_an_address_inside_is_refused(web):
    port, got, _ = web
    sender, _ = notifier(channel(port, "away"), hosted=True, relays=("127.0.0.1",))
    assert sender.deliver([ALERT]).failed == {"web": 1}
    assert [path for path, _ in got] == ["/away"]
    assert "own network" in sender.dead_letters[0].reason
    freely, _ = notifier(channel(port, "away"))
    assert freely.deliver([ALERT]).sent == {"web": 1}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Notifier([Channel("x", Secret("nonsense://secretsecret"))]), "Apprise"),
        (lambda: Notifier([Channel("x", Secret("syslog://"))], hosted=True), "hosted"),
        (
            lambda: Notifier([Channel("x", Secret("json://h")), Channel("x", Secret("json://h"))]),
            "Two channels",
        ),
        (lambda: Channel("x", "json://secretsecret"), "secret"),
        (lambda: QuietHours("25:00", "07:00"), "22:00"),
        (lambda: QuietHours("22:00", "07:00", "Moon/Base"), "time zone"),
        (lambda: Channel("x", Secret("json://h"), limit=0), "limit"),
    ],
)
def test_channels_that_cannot_work_say_so_without_their_address(make, says):
    with pytest.raises(ChannelError) as problem:
        make()
    assert says in str(problem.value)
    assert "secretsecret" not in str(problem.value)


def test_quiet_hours_know_their_time_zone():
    berlin = QuietHours("22:00", "07:00", "Europe/Berlin")
    assert berlin.holds(dt.datetime(2026, 7, 1, 20, 30, tzinfo=dt.UTC))
    assert not berlin.holds(dt.datetime(2026, 7, 1, 19, 30, tzinfo=dt.UTC))
    assert message([ALERT] * 40)[1].count("\n") == 30
