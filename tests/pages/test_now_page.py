"""The market of now as pages show it, against a stand-in for all venues: first, fetched, kept, and one line
when away."""

import threading
import time

import pytest
import streamlit as st
from test_pages import open_page, words

from liqcore.views import market as live_market
from tests.loopback import truth
from tests.loopback.server import VenueServer
from tests.maps import charts


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HEATLAB_STORE", f"sqlite:///{tmp_path / 'store.sqlite'}")
    monkeypatch.setenv("HEATLAB_FOLDER", str(tmp_path))
    monkeypatch.delenv("HEATLAB_OFFLINE")
    monkeypatch.setattr(truth, "NOW", int(time.time()) * 1000)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
    end = time.monotonic() + 20
    while [one for one in threading.enumerate() if one.name.startswith("heatlab")] and time.monotonic() < end:
        time.sleep(0.1)


def warm(name="24h"):
    end = time.monotonic() + 60
    while live_market.app().real.look(name, 5.0).busy and time.monotonic() < end:
        pass


def test_every_page_opens_with_the_real_market_and_offline_keeps_the_last_map(monkeypatch):
    with VenueServer() as server:
        server.open_sockets()
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        warm()
        warm("14d")
        for name in ("start", "explore", "compare", "practice", "alerts"):
            app = open_page(f"{name}.py")
            assert not app.exception, name
            assert not app.error, name
            assert "Source: BTC now" in words(app) or name == "alerts"
            assert "synthetic" not in words(app).lower(), name
        app = open_page("explore.py")
        assert app.session_state["layer"] == "modelled"
        assert "Prices of Binance USD-M, open interest of 5 venues; every bar of the span held." in words(app)
        assert app.segmented_control(key="span").options == [
            "12 h", "24 h", "3 d", "7 d", "14 d", "30 d", "90 d", "180 d", "1 y",
        ]  # fmt: skip
        warm("30d")
        app.segmented_control(key="span").set_value("30d").run()
        assert app.session_state["tf"] == "2h"
        assert app.query_params["span"] == "30d"
        assert charts(app)
        app = open_page("risk.py")
        # A plan that nobody has touched is one for this market, and its address says so.
        assert app.session_state["entry"] == app.query_params["entry"] == "50,015"
        assert 49_500 < float(app.session_state["stop"].replace(",", "")) < 49_700
        app.text_input(key="entry").set_value("49,000").run()
        assert app.session_state["entry"] == "49,000", "what somebody types stays"
        live_market.app().stop()
    st.cache_resource.clear()
    monkeypatch.setenv("HEATLAB_OFFLINE", "1")
    app = open_page("start.py")
    assert not app.exception
    assert "Source: BTC now" in words(app)
    assert not app.error
    assert not app.warning


def test_a_named_day_is_fetched_on_demand_and_practised_without_its_date(monkeypatch):
    with VenueServer() as server:
        monkeypatch.setenv("HEATLAB_LOOPBACK", server.address)
        warm("2024-08-05")
        app = open_page("explore.py", data="days", day="2024-08-05")
        assert not app.exception
        assert "The yen unwind" in words(app)
        assert any("Why it matters" in table.value.columns for table in app.table)
        warm("2022-06-18")
        app = open_page("practice.py", data="days", seed="2")
        assert not app.exception
        assert "A named day" in words(app)
        assert "2022" not in words(app)
        assert "unwind" not in words(app)
        live_market.app().stop()


def test_without_a_network_a_named_day_is_a_sentence_and_no_error(monkeypatch):
    monkeypatch.setenv("HEATLAB_LOOPBACK", "127.0.0.1:9")
    app = open_page("explore.py", data="days")
    assert not app.exception
    assert not app.error
    assert "fetched from the public archive once and then kept" in words(app)
