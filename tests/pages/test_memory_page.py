"""What the browser keeps: settings come back, views are saved under a name, and all of it can be deleted."""

import json

import pytest
from streamlit.runtime.context import ContextProxy
from test_pages import open_page

from liqcore.views import memory
from tests.maps import maps


@pytest.fixture
def cookies(monkeypatch):
    """Cookies that a browser sends with its first visit."""
    sent: dict[str, str] = {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: sent))
    return sent


def test_only_settings_are_taken_from_what_a_browser_sends():
    sent = {
        "heatlab-explore": "tf%3D4h%26data%3Dcalm%26level%3D28000%26seed%3D7",
        "heatlab-risk": "data%3Dfiles",
        "heatlab-live": "%%%",
        "other": "tf=1h",
    }
    assert memory.remembered(sent, "explore") == {"tf": "4h", "data": "calm"}
    assert memory.remembered(sent, "risk") == {}, "files are gone with their session"
    sent["heatlab-risk"] = "leverage%3D25%26fee%3D0.02%26margin%3Dcross%26entry%3D28000%26stop%3D27000"
    kept = {"leverage": "25", "fee": "0.02", "margin": "cross"}
    assert memory.remembered(sent, "risk") == kept, "a venue and its costs stay, an idea does not"
    assert memory.remembered(sent, "live") == memory.remembered(sent, "start") == {}


def test_a_page_opens_as_it_was_left_unless_its_address_says_otherwise(cookies):
    cookies["heatlab-explore"] = "tf%3D4h%26data%3Dcalm"
    app = open_page("explore.py")
    assert not app.exception
    assert (app.session_state["tf"], app.session_state["data"]) == ("4h", "calm")
    linked = open_page("explore.py", tf="1h")
    assert (linked.session_state["tf"], linked.session_state["data"]) == ("1h", "now")


def test_settings_that_name_nothing_open_the_page_all_the_same(cookies):
    cookies["heatlab-explore"] = "tf%3Dnever%26bins%3D-1%26layer%3Dx"
    app = open_page("explore.py")
    assert not app.exception
    assert maps(app)


def test_times_on_the_map_are_utc_until_the_reader_asks_for_their_own():
    assert not any(one.head.get("local") for one in maps(open_page("explore.py")))
    assert all(one.head["local"] for one in maps(open_page("explore.py", times="local")))


def test_charts_follow_the_clock_of_the_map(monkeypatch):
    def axis(**query):
        app = open_page("compare.py", view="difference", **query)
        assert not app.exception
        one = next(one for kind in ("vega_lite_chart", "arrow_vega_lite_chart") for one in app.get(kind))
        x = json.loads(one.proto.spec)["layer"][0]["encoding"]["x"]
        return x["scale"]["type"], x["axis"]["title"]

    assert axis(data="calm") == ("utc", "Time, UTC")
    for zone, said in (("Asia/Kolkata", "Asia/Kolkata"), ("<b>x", "your own"), (None, "your own")):
        monkeypatch.setattr(ContextProxy, "timezone", property(lambda _, zone=zone: zone))
        assert axis(data="calm", times="local") == ("time", f"Time, {said}")


def test_delete_my_data_leaves_nothing_of_the_visitor_in_the_session():
    app = open_page("practice.py", times="local", seed="4", every="1h")
    app.session_state["quiz_firsts"] = {("a", 1): "an answer"}
    app.session_state["typed-some-key"] = "secret"
    next(button for button in app.button if button.key == "forget").click().run()
    assert not app.exception
    assert "quiz_firsts" not in app.session_state
    assert "typed-some-key" not in app.session_state
    assert app.session_state["_memory_ask"]["what"] == "forget"


def test_a_view_is_asked_to_be_saved_under_its_name_and_a_broken_one_is_not_offered(monkeypatch):
    app = open_page("start.py")
    app.text_input(key="viewname").set_value("  My support ").run()
    assert app.session_state["_memory_ask"] == {"id": 1, "what": "save", "name": "My support"}
    assert app.session_state["viewname"] == ""
    assert memory._whole({"name": "a", "page": "explore", "query": "tf=4h"})
    for broken in (
        None,
        "x",
        {},
        {"name": 1, "page": "explore", "query": ""},
        {"name": "a", "page": "../x", "query": ""},
    ):
        assert not memory._whole(broken)
