"""Links carry names that stay; links made while they carried labels open the same view."""

from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.errors import StreamlitValueBelowMinError
from streamlit.testing.v1 import AppTest

from liqcore.views import controls, links, shell

ROOT = Path(__file__).resolve().parents[2]


def opened(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page(shell.path(name))
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    return app


OLD = {"data": "Sample: calm fortnight", "layer": "Modelled", "model": "Textbook formula"}
NEW = {"data": "calm", "layer": "modelled", "model": "textbook"}


@pytest.mark.parametrize("query", [OLD, NEW, {key: value.upper() for key, value in OLD.items()}])
def test_a_link_of_then_and_of_now_opens_the_same_view_and_is_told_on_by_its_names(
    query: dict[str, str],
) -> None:
    app = opened("explore", **query)
    assert {key: app.session_state[key] for key in NEW} == NEW
    # Modelled is what a market with open interest shows first, so the address need not say it.
    assert {key: app.query_params.get(key) for key in NEW} == {**NEW, "layer": None}


@pytest.mark.parametrize(
    ("then", "now"), [("Without a venue", "without"), ("Against other figures", "figures"), ("lag", "lag")]
)
def test_a_link_to_a_comparison_outlives_its_words(then: str, now: str) -> None:
    app = opened("compare", data="calm", view=then)
    assert app.session_state["view"] == app.query_params["view"] == now


def test_the_address_follows_the_control_and_forgets_what_is_the_default() -> None:
    app = opened("explore", layer="Realised")
    assert app.query_params["layer"] == "realised"
    app.segmented_control(key="layer").set_value("modelled").run()
    assert app.session_state["layer"] == "modelled"
    assert "layer" not in app.query_params
    app.query_params["layer"] = "realised"
    app.run()
    assert app.session_state["layer"] == "realised", "a new address is followed"


def test_a_word_that_names_nothing_opens_the_default() -> None:
    app = opened("explore", layer="nonsense", data="no such market", side="")
    assert (app.session_state["layer"], app.session_state["data"]) == ("modelled", "now")
    assert "layer" not in app.query_params


def told(app: AppTest) -> str:
    return " ".join(item.value for item in app.caption if "The link asks for" in item.value)


def test_a_link_says_which_of_its_values_came_to_nothing() -> None:
    said = told(opened("explore", tf="never", bins="-3", data="calm", side="up", colours="mud", other="x"))
    for part in ("tf=never", "bins=-3", "side=up", "colours=mud"):
        assert f"`{part}`" in said
    assert "calm" not in said
    assert "other" not in said, "what no control reads may be anything"
    assert "`step=99`" in told(opened("walkthrough", step="99"))
    assert "`scenario=nothing`" in told(opened("walkthrough", scenario="nothing"))
    assert "`seed=x`" in told(opened("practice", seed="x"))


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("explore", OLD),
        ("explore", NEW),
        ("explore", {"layer": "Modelled", "tf": "15m", "bins": "150", "side": "Longs", "scale": "Log"}),
        (
            "explore",
            {"logprice": "false", "move": "-3", "compare": "true", "help": "true", "venues": "Alder"},
        ),
        ("practice", {"seed": "2", "every": "15m", "ahead": "24", "map": "Modelled", "found": "true"}),
        ("walkthrough", {"step": "1", "highlight": "true", "quiz": "7"}),
        ("start", {}),
    ],
)
def test_a_good_link_is_not_complained_of(name: str, query: dict[str, str]) -> None:
    assert told(opened(name, **query)) == ""


def test_a_scenario_is_found_by_its_name_and_by_its_title() -> None:
    app = opened("walkthrough")
    names = app.selectbox(key="scenario")
    title = names.options[2]
    by_title = opened("walkthrough", scenario=title)
    name = by_title.session_state["scenario"]
    assert name != title
    assert by_title.query_params["scenario"] == name
    assert opened("walkthrough", scenario=name).session_state["scenario"] == name


def test_no_label_of_then_was_the_name_of_something_else() -> None:
    for once in links._ONCE.values():
        for label, name in once.items():
            assert label.casefold() == name.casefold() or label.casefold() not in map(
                str.casefold, once.values()
            )


def test_every_page_is_registered_and_has_its_file() -> None:
    assert shell.PAGES[0].name == "start"
    assert {shell.path(page.name) for page in shell.PAGES} == {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").glob("*.py")
    }
    with pytest.raises(StopIteration):
        shell.path("nowhere")


def test_a_link_of_the_time_when_measured_was_a_switch_opens_the_measured_map() -> None:
    app = opened("explore", data="calm", measured="true")
    assert app.session_state["layer"] == "measured"
    assert (app.query_params.get("layer"), "measured" in app.query_params) == ("measured", False)
    assert told(app) == ""
    assert opened("live", measured="true").session_state["livekind"] == "measured"


def test_a_moment_of_another_market_that_a_browser_holds_moves_to_the_end(monkeypatch):
    drawn = []

    def slider(*given, **more):
        if more.get("key") == "until":
            drawn.append(st.session_state.get("until"))
            if len(drawn) == 1:
                # As Streamlit refuses what a browser sends that lies before the first hour of this market.
                raise StreamlitValueBelowMinError(value=given[1], min_value=given[1])
        return real(*given, **more)

    real = st.slider
    monkeypatch.setattr(controls.st, "slider", slider)
    app = opened("compare", data="calm")
    assert not app.exception
    last = app.slider(key="until").value
    assert drawn[:2] == [None, last]


def test_a_moment_before_the_market_at_hand_is_its_end():
    app = opened("explore", data="violent", until="2026-04-12T00:00:00")
    assert str(app.slider(key="until").value).startswith("2026-04-12")
    app.session_state["until"] = pd.Timestamp("2001-01-01").to_pydatetime()
    app.run()
    assert not app.exception
    assert str(app.slider(key="until").value).startswith("2026-04-20")
