"""The composition root: one of everything for all threads, begun and ended with the server, silent
offline."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from liqcore.alerts.channels import Secret
from liqcore.feeds.live.store import open_store
from liqcore.feeds.status import Unreachable
from liqcore.service.app import App, Owner, with_environment
from tests.loopback.server import VenueServer
from tests.loopback.truth import Event

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    monkeypatch.setenv("HEATLAB_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield
    end = time.monotonic() + 15
    while (
        left := [thread.name for thread in threading.enumerate() if thread.name.startswith("heatlab")]
    ) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def until(true, seconds=30.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_owner_is_told_by_secrets_and_environment_and_says_no_secret(monkeypatch):
    alerts = {
        "webhook_secret": "from-the-file-of-secrets",
        "passphrase": "x",
        "channels": {"desk": "json://desk.example/hidden", "old": "json://old.example"},
    }
    environment = {
        "HEATLAB_CHANNEL_OLD": "json://new.example/hidden",
        "HEATLAB_CHANNEL_NIGHT_DESK": "json://night.example",
        "HEATLAB_CHANNEL_EMPTY": "",
        "HEATLAB_LOOPBACK": "127.0.0.1:9",
        "HEATLAB_OFFLINE": "yes",
        "HEATLAB_HOSTED": "0",
    }
    owner = Owner.told(alerts, environment)
    assert dict(owner.channels) == {
        "desk": "json://desk.example/hidden",
        "old": "json://new.example/hidden",
        "night desk": "json://night.example",
    }
    assert (owner.offline, owner.hosted, owner.loopback) == (True, False, "127.0.0.1:9")
    assert owner.webhook_secret.reveal() == "from-the-file-of-secrets"
    assert "hidden" not in repr(owner)
    assert "from-the-file" not in repr(owner)
    assert with_environment(alerts, {})["passphrase"] == "x"
    assert with_environment({}, {"HEATLAB_PASSPHRASE": "of a container"})["passphrase"] == "of a container"
    assert "passphrase" not in with_environment({}, {"HEATLAB_PASSPHRASE": ""})
    wins = Owner.told(alerts, {"HEATLAB_WEBHOOK_SECRET": "from-the-environment"})
    assert wins.webhook_secret.reveal() == "from-the-environment"
    assert (wins.offline, wins.hosted, wins.loopback) == (False, None, None)
    for told in ("", "0", "false", "No", " off "):
        assert not Owner.told({}, {"HEATLAB_OFFLINE": told}).offline
    # A table of another shape than channels is no reason to fall over.
    assert Owner.told({"channels": "json://x"}, {}).channels == {}


def test_many_threads_get_one_collector_and_stop_ends_it(tmp_path):
    with VenueServer([]) as server:
        server.open_sockets()
        app = App(Owner(folder=tmp_path, loopback=server.address))
        assert not app.running
        found = []
        threads = [
            threading.Thread(target=lambda: found.append((app.session(), app.collector()))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(one) for one, _ in found}) == 1
        assert len({id(one) for _, one in found}) == 1
        assert app.running
        until(lambda: bool(server.handshakes))
        app.begin()
        app.stop()
        assert found[0][1].stopping


def test_a_servers_life_begins_and_ends_collecting_and_writes_what_came(tmp_path):
    with VenueServer([]) as server:
        server.open_sockets()
        app = App(Owner(folder=tmp_path, loopback=server.address))

        async def live():
            async with app.alive():
                await asyncio.to_thread(until, lambda: app.collector().live_span("bybit") is not None)
                # That it is connected is told before its wish has been read at the other end.
                await asyncio.to_thread(until, lambda: server.sockets.listeners("bybit"))
                fresh = [Event(int(time.time() * 1_000), "short", 50_000.0, 0.5)]
                await asyncio.to_thread(server.publish("bybit", fresh).result, 10)
                await asyncio.to_thread(until, lambda: app.collector().snapshot().rows.get("bybit", 0) >= 1)

        asyncio.run(live())
    store = open_store(folder=tmp_path)
    assert len(store.liquidations(0)) == 1
    store.close()


def test_offline_nobody_is_asked_and_every_source_says_why(tmp_path):
    with VenueServer([]) as server:
        app = App(Owner(folder=tmp_path, loopback=server.address, offline=True))
        app.begin()
        time.sleep(0.2)
        assert not app.running
        held = app.collector()
        # Sockets and questions are begun by threads of their own, in any order.
        until(lambda: len(held.snapshot().market) > 3 and "asked yet" not in str(held.snapshot().statuses))
        told = held.snapshot()
        for status in (*told.statuses, *told.market.values()):
            assert status.state in ("off", "error")
            assert "HEATLAB_OFFLINE" in status.message
        with pytest.raises(Unreachable, match="HEATLAB_OFFLINE"):
            app.session().fetch("https://api.bybit.com/v5/market/time")
        assert not server.requests
        assert not server.handshakes
        app.stop()


def test_a_store_that_cannot_be_opened_costs_the_server_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("HEATLAB_STORE", "no-such-database://x")
    app = App(Owner(folder=tmp_path, loopback="127.0.0.1:9"))
    with caplog.at_level(logging.WARNING):
        app.begin()
        until(lambda: not any(one.name == "heatlab-beginning" for one in threading.enumerate()))
    app.stop()
    assert "Traceback" not in caplog.text


def test_only_a_secret_that_is_long_enough_opens_the_door():
    assert App(Owner(webhook_secret=Secret("a-secret-of-some-length"))).open_door().open
    shut = App(Owner(webhook_secret=Secret("short")))
    shut.open_door()
    assert not shut.box.listening


def test_the_server_collects_before_anybody_visits_and_ends_in_peace(tmp_path):
    with VenueServer([]) as server, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HEATLAB_")}
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "server.py"),
                *("--server.port", str(port), "--server.address", "127.0.0.1"),
            ],
            cwd=ROOT,
            env={**environment, "HEATLAB_LOOPBACK": server.address, "HEATLAB_FOLDER": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            until(lambda: bool(server.handshakes and server.requests), 90)
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=30)[0].decode()
        assert "Traceback" not in said
        assert "ScriptRunContext" not in said
        assert (tmp_path / "answers.sqlite").exists()
