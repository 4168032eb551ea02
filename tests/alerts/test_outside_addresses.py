"""Where a hosted app's alerts may go, and what their words may do there: attacks by address, by name that
changes its mind, by redirect, by proxy, by answer, and by a name that calls everybody."""

import gzip
import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from test_notify import ALERT, Clock

from liqcore import wording
from liqcore.alerts.addresses import AddressRefused, is_public, public_only
from liqcore.alerts.channels import Channel, ChannelError, Secret
from liqcore.alerts.notify import Notifier, message

PACKED = gzip.compress(bytes(64 << 20), 1)


def sent(url, **options):
    """Whether an alert went out to an address, and why it did not."""
    clock = Clock()
    sender = Notifier(
        [Channel("web", Secret(url))], hosted=True, attempts=1, clock=clock, sleep=clock.sleep, **options
    )
    delivery = sender.deliver([ALERT])
    letters = sender.dead_letters
    return delivery.sent["web"], letters[0].reason if letters else ""


@pytest.fixture
def web():
    """A server on this machine that answers as its path says, and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(
                (self.path.split("?")[0], self.headers.get("Host"), self.headers.get("Authorization"))
            )
            what, _, rest = self.path.split("?")[0][1:].partition("/")
            if what == "to":
                status, _, target = rest.partition("/")
                self.send_response(int(status))
                self.send_header("Location", TARGETS[int(target)].format(port=self.server.server_port))
                self.end_headers()
                return
            self.send_response(200 if what != "fail" else 500)
            if what in ("packed", "fail"):
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            if what in ("packed", "fail"):
                self.wfile.write(PACKED)
            while what == "endless":
                self.wfile.write(b" " * 65_536)

        do_GET = do_CONNECT = do_POST

        def log_message(self, *_):
            pass

        def handle(self):
            with suppress(ConnectionError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port, asked
    server.shutdown()
    server.server_close()


INSIDE = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0", "0.0.0.0", "localhost",
    "localhost.", "LOCALHOST", "127.0.0.1.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:0:0:1]", "169.254.169.254", "good@169.254.169.254", "good.example:x@127.0.0.1",
    "127。0。0。1", "①②⑦.0.0.1", "10.0.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::1]", "100.64.0.1", "255.255.255.255",
)  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("scheme", ["json", "form"])
def test_no_spelling_of_an_address_inside_is_connected_to(host, scheme, web, monkeypatch):
    port, asked = web
    touched = []
    real = socket.socket.connect
    monkeypatch.setattr(
        "liqcore.alerts.addresses._connect", lambda own, to: (touched.append(to), real(own, to))
    )
    try:
        went, why = sent(f"{scheme}://{host}:{port}/ok")
    except ChannelError as problem:
        went, why = 0, str(problem)
    assert (went, asked, touched) == (0, [], [])
    assert why.endswith(".")
    assert host not in why


@pytest.mark.parametrize(
    "address",
    ["64:ff9b:1::1", "5f00::1", "3fff::1", "192.88.99.1", "::7f00:1", "::ffff:0:127.0.0.1", "198.18.0.1"],
)
def test_spaces_that_networks_keep_for_themselves_are_not_public(address):
    assert not is_public(address)


TARGETS = (
    "http://127.0.0.2:{port}/inside",
    "http://[::1]:{port}/inside",
    "http://169.254.169.254/latest/meta-data",
    "//0x7f.0.0.2:{port}/inside",
    "file:///etc/passwd",
    "ftp://127.0.0.2:{port}/",
    "gopher://127.0.0.2:{port}/_x",
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", range(len(TARGETS)))
def test_no_redirect_leads_inside(status, target, web):
    port, asked = web
    went, why = sent(f"json://127.0.0.1:{port}/to/{status}/{target}", relays=("127.0.0.1",))
    assert went == 0
    assert [path for path, *_ in asked] == [f"/to/{status}/{target}"]
    assert why.endswith(".")


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_judged(web, monkeypatch):
    port, asked = web
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"]])
    looked = []

    def resolve(name):
        looked.append(name)
        return next(answers)

    # The first answer is the owner's own relay; the name is looked up once and that address is connected to.
    assert sent(f"json://rebinding.example.com:{port}/ok", resolve=resolve, relays=("127.0.0.1",))[0] == 1
    assert looked == ["rebinding.example.com"]
    assert asked[0][1] == f"rebinding.example.com:{port}"
    went, why = sent(f"json://rebinding.example.com:{port}/ok", resolve=resolve, relays=("127.0.0.1",))
    assert went == 0
    assert "own network" in why
    with public_only(lambda name: ["8.8.8.8"]), pytest.raises(AddressRefused), socket.socket() as one:
        one.connect_ex(("127.0.0.1", port))
    with public_only(lambda name: ["8.8.8.8"]), pytest.raises(AddressRefused):
        socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")


def test_a_proxy_of_the_environment_does_not_connect_where_we_must_not(web, monkeypatch, tmp_path):
    port, asked = web
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login host password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    # The proxy stands where we may connect, the channel leads to where we may not.
    went, why = sent("json://169.254.169.254/latest", relays=("127.0.0.1",))
    assert (went, asked) == (0, [])
    assert "own network" in why
    # Nor does a password that the host keeps go along with an alert.
    assert sent(f"json://127.0.0.1:{port}/ok", relays=("127.0.0.1",))[0] == 1
    assert asked == [("/ok", f"127.0.0.1:{port}", None)]
    # Other threads and times keep both.
    assert requests.utils.get_environ_proxies("http://example.com")
    assert requests.sessions.get_environ_proxies("http://example.com")


@pytest.mark.parametrize("what", ["endless", "packed", "fail"])
@pytest.mark.parametrize("hosted", [True, False])
def test_a_service_that_answers_without_an_end_is_not_listened_to(what, hosted, web):
    import tracemalloc

    port, asked = web
    clock = Clock()
    sender = Notifier(
        [Channel("web", Secret(f"json://127.0.0.1:{port}/{what}"))],
        hosted=hosted, relays=("127.0.0.1",), attempts=1, clock=clock, sleep=clock.sleep,
    )  # fmt: skip
    tracemalloc.start()
    try:
        delivery = sender.deliver([ALERT], wait=20.0)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert delivery.failed == {"web": 1}
    assert asked


EVIL = "@everyone @here <!channel> <@U1> [x](http://e.co) <img src=//e.co/p> www.e.co\r\nBcc: all@e.co"
CALLS = ("@everyone", "@here", "<!channel", "<@U1", "](http", "://", "<img", "www.e", "all@e.co")


@pytest.mark.parametrize("batch", [1, 3])
def test_words_from_outside_call_nobody_and_become_no_link(batch):
    one = replace(ALERT, name=EVIL, sentence=EVIL, venues=((EVIL, "all"),), against=(EVIL,), kind_note=EVIL)
    title, body = message([one] * batch)
    assert "\n" not in title
    assert "\r" not in title + body
    for call in CALLS:
        assert call not in title + body, call
    assert "everyone" in body
    assert wording.letter(body) == body
    assert wording.letter("Long at $28,500 < 29,000: 5 @ 3") == "Long at $28,500 < 29,000: 5 @ 3"


@pytest.mark.parametrize(
    "url",
    [
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "tgram://123456789:ABCdefGHIjklMNOpqrsTUVwxyz0123456789/12345678",
        "ntfys://topic-of-mine",
    ],
)
def test_what_services_get_holds_no_call(url, monkeypatch):
    posted = []

    def ask(session, method, url, **options):
        posted.append(
            json.dumps([options.get("data"), options.get("json"), options.get("params")], default=str)
        )
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "request", ask)
    clock = Clock()
    sender = Notifier([Channel("web", Secret(url))], attempts=1, clock=clock, sleep=clock.sleep)
    sender.deliver([replace(ALERT, name=EVIL[:40], sentence=EVIL)])
    assert posted, sender.dead_letters
    for call in CALLS:
        # The picture of the sender is the library's.
        assert call not in posted[0].replace("https://github.com/caronc/", ""), call
