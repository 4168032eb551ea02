"""Two replicas behind the door, a collector and one PostgreSQL, as compose.yaml puts them together: the same
commands, the same Caddyfile, without containers."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import DESK, ROOT
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event

SECRET = "a-secret-of-some-length"
pytestmark = [pytest.mark.slow, pytest.mark.browser]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(*command, **environment):
    process = subprocess.Popen(
        command,
        cwd=tempfile.gettempdir(),
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def answers(address: str, patience: float = 60) -> str:
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                return reply.headers
        except OSError:
            assert time.monotonic() < until, address
            time.sleep(0.3)


@pytest.fixture(scope="module")
def door(postgres, wheel, tmp_path_factory):
    if shutil.which("caddy") is None:
        pytest.skip("Caddy is not installed here (Debian: apt-get install caddy)")
    folder = tmp_path_factory.mktemp("replicas")
    # As installed: from a checkout the map's code has no address of its own, which the door would refuse.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    with ExitStack() as stack:
        venues = stack.enter_context(VenueServer())
        venues.open_sockets()
        shared = {
            "PYTHONPATH": str(folder / "site"),
            "HEATLAB_STORE": postgres.url,
            "HEATLAB_LOOPBACK": venues.address,
            "HEATLAB_HOSTED": "1",
            "HEATLAB_OFFLINE": "0",
            "HEATLAB_FOLDER": str(folder / "data"),
            "HEATLAB_WEBHOOK_SECRET": SECRET,
        }
        stack.enter_context(running(sys.executable, "-m", "liqcore", "collect", **shared))
        ports = [free_port(), free_port()]
        for port in ports:
            serve = [sys.executable, "-m", "liqcore", "run", "--port", str(port)]
            stack.enter_context(running(*serve, "--server.address", "127.0.0.1", **shared))
        for port in ports:
            answers(f"http://127.0.0.1:{port}/_stcore/health")
        gate = free_port()
        stack.enter_context(
            running(
                *("caddy", "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"),
                HEATLAB_SITE=f"http://127.0.0.1:{gate}",
                HEATLAB_UPSTREAMS=" ".join(f"127.0.0.1:{port}" for port in ports),
                HOME=str(folder),
            )
        )
        answers(f"http://127.0.0.1:{gate}/_stcore/health")
        yield f"http://127.0.0.1:{gate}", venues


def test_the_door_says_what_a_browser_may_load_and_keeps_a_visitor_at_one_replica(door):
    headers = answers(door[0] + "/_stcore/health")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "Server" not in headers or "Caddy" not in headers["Server"]
    assert headers["Set-Cookie"].startswith("heatlab_replica=")


def test_a_map_is_drawn_through_the_door_and_nothing_breaks_the_rules_of_the_browser(door, browser):
    page = browser.new_page(viewport=DESK)
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    page.goto(door[0] + "/explore?data=violent")
    expect(page.locator(".hl-stage[data-drawn]").first).to_be_visible()
    page.goto(door[0] + "/live")
    expect(page.get_by_text("Tape", exact=True)).to_be_visible()
    page.close()
    broken = [line for line in said if "Content Security Policy" in line]
    assert not broken, "\n".join(broken)


def test_what_one_process_heard_is_read_at_both_replicas(door, browser):
    address, venues = door
    until = time.monotonic() + 60
    heard = 0
    while not heard and time.monotonic() < until:
        whale = Event(int(time.time()) * 1000, "long", 50_005.0, 77.77)
        heard = venues.publish("okx", [whale]).result(10)
        time.sleep(0.5)
    # One of the three processes listens; the others read what it stored.
    assert heard == 1
    replicas = set()
    # A visitor without a cookie is sent to either replica.
    for _ in range(8):
        context = browser.new_context(viewport=DESK)
        page = context.new_page()
        page.goto(address + "/live")
        expect(page.get_by_text("$3.89M").first).to_be_visible()
        replicas |= {one["value"] for one in context.cookies() if one["name"] == "heatlab_replica"}
        context.close()
        if len(replicas) == 2:
            break
    assert len(replicas) == 2


def test_a_signal_sent_again_is_known_at_the_other_replica(door):
    # On a busy machine they may take more than the second within which the same is told once.
    for attempt in range(10):
        body = json.dumps({"secret": SECRET, "name": f"cross {attempt}", "side": "long"}).encode()
        said, begun = [], time.monotonic()
        # Without a cookie each comes to either replica: all of eight at one of them is a chance of 1 in 128.
        for _ in range(8):
            sent = urllib.request.Request(
                door[0] + "/api/tradingview", body, {"Content-Type": "application/json"}, method="POST"
            )
            with urllib.request.urlopen(sent, timeout=10) as reply:
                said.append(reply.read().decode().strip())
        if time.monotonic() - begun < 0.9:
            break
    assert said[0] == "Taken."
    assert set(said[1:]) == {"Taken before: the same came just now."}
