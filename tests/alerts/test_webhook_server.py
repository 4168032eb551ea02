"""The webhook beside the app, started as its owner starts it, over real HTTP; and the box and the clock
behind it."""

import asyncio
import datetime as dt
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liqcore.alerts.channels import Secret
from liqcore.alerts.endpoint import MOST_WAITING, MOST_WRONG, WRONG_FOR, Endpoint, SignalBox
from liqcore.alerts.webhook import ExternalSignal, parse_tradingview
from liqcore.feeds.live.lines import Lines
from liqcore.service.app import App, Owner

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-of-some-length"
GOOD = {"secret": SECRET, "name": "my cross", "side": "long", "price": 28_500}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "server.py",
            "--server.port",
            str(free),
            "--server.address",
            "127.0.0.1",
        ],
        cwd=ROOT,
        env={**os.environ, "HEATLAB_WEBHOOK_SECRET": SECRET, "HEATLAB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{free}/_stcore/health", timeout=2).read()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield free
    finally:
        process.terminate()
        said = process.communicate(timeout=20)[0].decode()
    assert SECRET not in said
    assert "Traceback" not in said


def ask(port, body, method="POST", headers=JSON, **more):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    began = time.monotonic()
    connection.request(method, "/api/tradingview", body, headers, **more)
    answer = connection.getresponse()
    said = answer.read().decode()
    assert time.monotonic() - began < 10
    connection.close()
    assert SECRET not in said
    return answer, said


def test_every_message_gets_a_status_and_a_sentence_in_time(port):
    answer, said = ask(port, json.dumps(GOOD))
    assert (answer.status, said) == (200, "Taken.\n")
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask(port, json.dumps(GOOD), headers={"Content-Type": "text/plain; charset=utf-8"})[0].status == 200
    for body, headers, method, status in (
        (None, {}, "GET", 405),
        (None, {}, "DELETE", 405),
        (json.dumps(GOOD), {"Content-Type": "application/x-www-form-urlencoded"}, "POST", 415),
        (b"\xff\xfe", JSON, "POST", 400),
        (b"", JSON, "POST", 400),
        (b"[" * 60_000, JSON, "POST", 400),
        (b"not json", JSON, "POST", 400),
        (json.dumps({**GOOD, "secret": SECRET[:-1]}), JSON, "POST", 403),
        (json.dumps({"name": "x"}), JSON, "POST", 403),
        (json.dumps({**GOOD, "secret": SECRET + "x"}), JSON, "POST", 403),
        (json.dumps({**GOOD, "side": "up"}), JSON, "POST", 422),
        (json.dumps({**GOOD, "text": "x" * 70_000}), JSON, "POST", 413),
    ):
        answer, said = ask(port, body, method, headers)
        assert answer.status == status, (body or b"")[:40]
        assert said.count("\n") == 1
        assert said.rstrip().endswith((".", "}"))
    answer, said = ask(port, None, "HEAD", {})
    assert (answer.status, said, answer.headers["Allow"]) == (405, "", "POST")


def test_a_body_without_length_is_cut_off_and_a_broken_off_one_harms_nobody(port):
    chunks = (b"x" * 1_000 for _ in range(100))
    try:
        answer, _ = ask(port, chunks, encode_chunked=True, headers={**JSON, "Transfer-Encoding": "chunked"})
        assert answer.status == 413
    except (BrokenPipeError, ConnectionResetError):
        # The server may hang up before all was sent, which is what it should do.
        pass
    with socket.create_connection(("127.0.0.1", port)) as lying:
        lying.sendall(
            b"POST /api/tradingview HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:"
            b" 99999999999\r\n\r\n{"
        )
        assert b" 413 " in lying.recv(200)
    with socket.create_connection(("127.0.0.1", port)) as gone:
        gone.sendall(
            b"POST /api/tradingview HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:"
            b" 50\r\n\r\n{"
        )
    small = (part for part in (b'{"secret": "', SECRET.encode(), b'", "name"', b': "x"}'))
    assert (
        ask(port, small, encode_chunked=True, headers={**JSON, "Transfer-Encoding": "chunked"})[0].status
        == 200
    )
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=30).status == 200
    assert b"<title>" in urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30).read()


def called(endpoint, messages, method="POST", wait=0.0, client="10.0.0.1"):
    """The status that an endpoint answers when called directly, with time passing before each message."""
    sent, left = [], list(messages)

    async def receive():
        await asyncio.sleep(wait)
        return left.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "headers": [(b"content-type", b"application/json")],
        "client": (client, 5),
    }
    asyncio.run(endpoint(scope, receive, send))
    return sent[0]["status"] if sent else None


def test_slow_senders_are_left_and_a_weak_secret_keeps_the_door_shut():
    box = SignalBox()
    noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    door = Endpoint(Secret(SECRET), box.put, clock=lambda: noon, patience=0.1)
    whole = {"type": "http.request", "body": json.dumps(GOOD).encode()}
    assert called(door, [whole]) == 200
    assert box.last.time == parse_tradingview(whole["body"], SECRET, noon).time
    drip = [{"type": "http.request", "body": b"{", "more_body": True}] * 20
    assert called(door, drip, wait=0.03) == 408
    assert called(door, [{"type": "http.disconnect"}]) is None
    for weak in ("", "short"):
        shut = Endpoint(Secret(weak), box.put)
        assert (
            called(shut, [{"type": "http.request", "body": json.dumps({**GOOD, "secret": weak}).encode()}])
            == 503
        )
    assert len(box.table()) == 1


def test_the_box_takes_from_many_threads_and_stays_bounded():
    box = SignalBox()
    start = parse_tradingview(json.dumps(GOOD).encode(), SECRET, "2026-03-01 12:00").time

    def fill(number):
        for step in range(400):
            box.put(ExternalSignal(start + number * 1_000 + step, f"signal {number} {step}"))

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert box.table()["time"].is_monotonic_increasing
    for thread in threads:
        thread.join()
    assert len(box.table()) == MOST_WAITING


def message(**more):
    return [{"type": "http.request", "body": json.dumps({**GOOD, **more}).encode()}]


def test_wrong_secrets_make_an_address_wait_and_nobody_else():
    now = [dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)]
    box = SignalBox()
    door = Endpoint(Secret(SECRET), box.put, clock=lambda: now[0])
    for _ in range(MOST_WRONG):
        assert called(door, message(secret="guess")) == 403
    assert called(door, message(secret="guess")) == 429
    assert called(door, message()) == 429, "what is right is not told from what is wrong"
    assert called(door, message(), client="10.0.0.2") == 200
    now[0] += dt.timedelta(seconds=WRONG_FOR + 1)
    assert called(door, message()) == 200
    for number in range(3_000):
        called(door, message(secret="guess"), client=f"10.1.{number // 250}.{number % 250}")
    assert len(door._wrong) <= 1_000


def test_the_same_message_within_a_second_is_told_once():
    now = [dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)]
    box = SignalBox()
    door = Endpoint(Secret(SECRET), box.put, clock=lambda: now[0])
    for after, count in ((0.0, 1), (0.4, 1), (0.5, 1), (2.0, 2)):
        now[0] += dt.timedelta(seconds=after)
        assert called(door, message()) == 200
        assert len(box.table()) == count, after
    assert called(door, message(name="another")) == 200
    assert len(box.table()) == 3


def test_signals_survive_a_restart_and_a_broken_file_harms_nobody(tmp_path):
    owner = Owner(folder=tmp_path, offline=True, webhook_secret=Secret(SECRET))
    app = App(owner)
    assert called(app.open_door(), message(text="first")) == 200
    assert called(app.open_door(), message(text="second\nline")) == 200
    held = app.box.table()
    pd.testing.assert_frame_equal(App(owner).box.table(), held)
    path = tmp_path / "signals.jsonl"
    assert SECRET not in path.read_text()
    path.write_text("not json\n{}\n" + path.read_text() + "\x00\n")
    pd.testing.assert_frame_equal(App(owner).box.table(), held)
    lines = Lines(path, 10)
    for number in range(100):
        lines.append(f"{number}\nx")
    assert len(path.read_text().splitlines()) < 20
    assert lines.read()[-1] == "99 x"
    Lines(tmp_path / "signals.jsonl" / "no" / "folder").append("x")


def test_what_reaches_one_replica_is_in_the_box_of_all_that_share_the_folder(tmp_path):
    owner = Owner(folder=tmp_path, offline=True, webhook_secret=Secret(SECRET))
    here, there, judge = App(owner), App(owner), App(owner)
    assert len(judge.box.table()) == 0
    assert called(here.open_door(), message(text="to one")) == 200
    assert judge.box.table()["text"].tolist() == ["to one"]
    assert called(there.open_door(), message(text="to the other")) == 200
    for app in (here, there, judge):
        assert app.box.table()["text"].tolist() == ["to one", "to the other"]
        assert app.box.last.text == "to the other"
    # A sender that tries again may reach the other replica.
    signal = here.box.last
    assert not here.box.put(replace(signal, time=signal.time + np.timedelta64(300, "ms")))


def test_a_signal_that_cannot_be_written_stays_with_those_of_others(tmp_path):
    owner = Owner(folder=tmp_path, offline=True, webhook_secret=Secret(SECRET))
    here, there = App(owner), App(owner)
    assert called(here.open_door(), message(text="first")) == 200
    # A folder where the lock should be: nothing can be written, as on a full disk.
    lock = tmp_path / "signals.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    assert called(there.open_door(), message(text="mine alone")) == 200
    lock.rmdir()
    assert called(here.open_door(), message(text="third")) == 200
    assert there.box.table()["text"].tolist() == ["first", "mine alone", "third"]
    assert here.box.table()["text"].tolist() == ["first", "third"]


APPENDS = """
import sys
from pathlib import Path
from liqcore.feeds.live.lines import Lines
kept = Lines(Path(sys.argv[1]), 100)
for number in range(150):
    while not kept.append(f"{sys.argv[2]} {number}"):
        pass
"""


def test_processes_that_write_at_once_lose_no_line_of_each_other(tmp_path):
    path = tmp_path / "signals.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", APPENDS, str(path), str(one)]) for one in range(3)]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    held = Lines(path, 100).read()
    assert len(path.read_text().splitlines()) < 200
    for one in range(3):
        mine = [int(line.split()[1]) for line in held if line.startswith(f"{one} ")]
        assert mine == list(range(150 - len(mine), 150)), "the newest of each, without a hole"


def test_the_server_names_its_pages_for_those_who_show_a_link(port) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/risk?data=calm", timeout=20) as answer:
        text = answer.read().decode()
    assert '<meta property="og:title" content="Risk · Heatlab">' in text
    assert f'content="http://127.0.0.1:{port}/preview.jpg"' in text
    assert "<title>Streamlit</title>" not in text, "Streamlit has changed the page that is changed here"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/preview.jpg", timeout=20) as answer:
        assert answer.headers["content-type"] == "image/jpeg"
