"""What a session holds on to of markets that go on without it."""

import gc
from types import SimpleNamespace
from weakref import ref

import pytest
from streamlit.testing.v1 import AppTest

from liqcore.service.dataset import Dataset
from liqcore.views import loaders, market as live_market


def market(key: str, window: str = "") -> Dataset:
    return Dataset(key, "A market", synthetic=False, window=window)


@pytest.fixture
def now(monkeypatch) -> dict[str, Dataset]:
    """The markets as they are now: one of a span, one of the store."""
    held = {"24h": market("real:24h:new", "24h"), "live": market("live:live:2")}
    real = SimpleNamespace(look=lambda name: SimpleNamespace(data=held[name]))
    monkeypatch.setattr(live_market, "app", lambda: SimpleNamespace(real=real))
    monkeypatch.setattr(live_market, "collector", lambda: None)
    monkeypatch.setattr(live_market, "dataset", lambda *_: held["live"])
    return held


@pytest.mark.parametrize(
    ("key", "window", "name"), [("real:24h:old", "24h", "24h"), ("live:live:1", "", "live")]
)
def test_a_session_keeps_no_minute_of_a_market_that_went_on(now, key, window, name):
    seen = market(key, window)
    back = loaders.held(seen)
    assert back() is seen, "while others look at the same, it is that one"
    gone = ref(seen)
    del seen
    gc.collect()
    assert gone() is None
    assert back() is now[name]


@pytest.mark.parametrize("key", ["files:mine", "sample:calm", "real:2024-08-05:x"])
def test_what_does_not_go_on_stays_with_who_looked_at_it(key):
    seen = market(key)
    back, there = loaders.held(seen), ref(seen)
    del seen
    gc.collect()
    assert back() is there() is not None


def test_what_was_sent_of_a_live_map_goes_with_the_page():
    def script() -> None:
        import streamlit as st

        from liqcore.views import heat

        if "live-map-sent" in st.session_state:
            heat.left()
        else:
            st.session_state["live-map-sent"], st.session_state["entry"] = b"a map", "48,000"

    app = AppTest.from_function(script).run()
    assert app.session_state["live-map-sent"]
    app.run()
    assert not app.exception
    assert "live-map-sent" not in app.session_state
    assert app.session_state["entry"] == "48,000"
