"""The door alone, before two upstreams that only say which they are."""

import http.client
import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.browsing import ROOT
from tests.deploy.test_replicas import free_port


class Upstream(BaseHTTPRequestHandler):
    """Says its port, whatever it is asked."""

    def do_GET(self):
        said = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass


def begun() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def ended(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


@contextmanager
def door(upstreams, folder):
    if shutil.which("caddy") is None:
        pytest.skip("Caddy is not installed here (Debian: apt-get install caddy)")
    port = free_port()
    settings = {
        "HEATLAB_SITE": f"http://127.0.0.1:{port}",
        "HEATLAB_UPSTREAMS": " ".join(f"127.0.0.1:{one.server_address[1]}" for one in upstreams),
        "HOME": str(folder),
    }
    command = ["caddy", "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


def asked(port, cookie="", path="/"):
    """Status, body and cookie of a visit."""
    visit = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    visit.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = visit.getresponse()
    told = answer.status, answer.read().decode(), answer.headers.get("Set-Cookie", cookie).partition(";")[0]
    visit.close()
    return told


def opened(port):
    until = time.monotonic() + 30
    while True:
        try:
            if (told := asked(port))[0] == 200:
                return told
        except OSError:
            pass
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_visitor_stays_at_one_replica_and_is_handed_on_without_an_error_when_it_ends(tmp_path):
    upstreams = [begun(), begun()]
    by_port = {str(one.server_address[1]): one for one in upstreams}
    try:
        with door(upstreams, tmp_path) as port:
            _, mine, cookie = opened(port)
            # What a replica counts of its visitors is for nobody outside, however the address is spelled.
            for path in (
                "/_stcore/metrics",
                "/_stcore/%6detrics",
                "/_stcore//metrics",
                "/x/../_stcore/metrics",
            ):
                assert asked(port, cookie, path)[0] in (404, 400), path
            assert {asked(port, cookie)[1] for _ in range(12)} == {mine}
            ended(by_port.pop(mine))
            (left,) = by_port
            for _ in range(5):
                status, body, cookie = asked(port, cookie)
                assert (status, body) == (200, left)
    finally:
        for one in by_port.values():
            ended(one)
