"""What a visitor reads when the computer under the app is in trouble, and that no page goes blank of it."""

import threading
import time

import pytest
import sqlalchemy as sa
import streamlit as st
from test_live_page import until
from test_pages import open_page, words

from liqcore.service import watch as alerts_watch
from liqcore.service.folder import watch_mark
from liqcore.views import market as live_market
from tests.feeds.test_collector_faults import event, micros
from tests.feeds.test_http_faults import Host
from tests.pages.test_live_watch import RULES


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A store and a folder of its own, nobody asked, and no collector left behind."""
    monkeypatch.setenv("HEATLAB_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    monkeypatch.setenv("HEATLAB_HOSTED", "0")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
    end = time.monotonic() + 20
    while (
        left := [one.name for one in threading.enumerate() if one.name.startswith("heatlab")]
    ) and time.monotonic() < end:
        time.sleep(0.1)
    assert [name for name in left if name != "heatlab-name"] == []


def test_with_a_full_disk_live_and_alerts_say_so_and_stand():
    app = open_page("live.py", livekind="realised")
    held = live_market.collector()
    end = time.monotonic() + 20
    while not held.collecting and time.monotonic() < end:
        time.sleep(0.05)
    held.deliver("bybit", [event(number) for number in range(30)], micros())
    until(app, lambda app: len(held.window.events()) == 30)
    alerts_watch.give_orders(held.store, RULES[:1], "15min", "2026-03-01T12:00:00Z")
    watch_mark().touch()

    def small(connection, *_):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    sa.event.listen(held.store._engine, "checkout", small)
    held.deliver("bybit", [event(number) for number in range(100, 3_000)], micros())
    until(app, lambda app: any("The disk is full" in one.value for one in app.warning))
    assert "Free some space" in words(app)
    assert "Tape" in [one.value for one in app.subheader]
    assert any({"Longs", "Shorts"} <= set(frame.value) for frame in app.dataframe)
    app = open_page("alerts.py", pane="rules")
    assert not app.exception
    assert any("The disk is full" in one.value for one in app.warning)
    assert "watches the live market" in words(app)
    sa.event.remove(held.store._engine, "checkout", small)


def test_a_clock_that_was_set_is_said_on_live():
    app = open_page("live.py")
    held = live_market.collector()
    until(app, lambda app: held.collecting)
    held._apart += 3 * 3_600
    until(app, lambda app: any("clock was set back by 3 h" in one.value for one in app.warning))


def test_watching_can_be_stopped_in_a_folder_that_cannot_be_written(monkeypatch):
    store = live_market.collector().store
    alerts_watch.give_orders(store, RULES[:1], "15min", "2026-03-01T12:00:00Z")
    watch_mark().touch()
    app = open_page("alerts.py", pane="rules")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(watch_mark()), "unlink", refused)
    next(button for button in app.button if button.label == "Stop watching").click().run()
    assert not app.exception
    assert alerts_watch.orders(store) is None


@pytest.mark.slow
def test_while_every_venue_hangs_pages_stand_at_once_and_then_say_who_is_silent(monkeypatch):
    host = Host()
    monkeypatch.setenv("HEATLAB_LOOPBACK", f"127.0.0.1:{host.port}")
    monkeypatch.delenv("HEATLAB_OFFLINE")
    try:
        for name in ("explore", "live", "sources"):
            begun = time.monotonic()
            app = open_page(f"{name}.py")
            assert not app.exception
            assert time.monotonic() - begun < 20
        app = open_page("live.py")

        def silent(app):
            table = next((one.value for one in app.dataframe if "Why" in one.value), None)
            return table is not None and table["Why"].str.contains("did not answer in time").sum() > 5

        until(app, silent, 60)
        until(app, lambda app: "No venue can be heard from here" in words(app), 30)
    finally:
        host.close()
