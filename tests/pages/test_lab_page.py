"""The Lab: every question has an answer with its control, can be stopped, and says what it cannot tell."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_pages import open_page, words


def asked(question: str, **query: str) -> AppTest:
    app = open_page("lab.py", question=question, data="violent", **query)
    assert not app.exception
    return app


def test_a_study_says_its_verdict_its_placebo_and_its_method() -> None:
    app = asked("predicts")
    assert not app.error
    assert app.subheader[0].value.startswith(("Supported", "Not supported", "Cannot tell"))
    said = words(app)
    assert "levels at random" in said
    assert "with the future cut off, 0 of" in said
    assert "A test that passes anything" in said
    assert "times** the USD of cold bands" in said
    assert "What this study must not find" in said


def test_a_stopped_study_says_so_and_goes_on() -> None:
    stopped = open_page("lab.py", question="predicts", data="calm", labwithin="1h")
    from liqcore.lab.event_study import Design
    from liqcore.lab.hot_levels import Finder
    from liqcore.lab.study import Plan, mark
    from liqcore.views import loaders
    from liqcore.views.lab import predicts

    venue = predicts._venue(loaders.sample("calm"))
    stopped.session_state["lab_stopped"] = mark(Plan(Finder(), Design(hours=1.0), part_days=30), [venue])
    stopped.run()
    assert any("Stopped" in item.value for item in stopped.info)
    next(item for item in stopped.button if item.label == "Go on").click().run()
    assert not any("Stopped" in item.value for item in stopped.info)
    assert stopped.subheader


def test_models_stand_side_by_side_with_what_most_agree_on() -> None:
    app = asked("disagree")
    assert any("pair by pair" in item.value for item in app.markdown)


def test_the_page_explains_its_figures_to_whoever_asks() -> None:
    assert "Chance finds a tenth" not in words(asked("words"))
    assert "Chance finds a tenth" in words(asked("words", help="true"))


def test_our_words_stand_with_how_they_were_measured() -> None:
    app = asked("words")
    assert len(app.dataframe) == 2
    for table in app.dataframe:
        assert all(name[0].isupper() for name in table.value.columns)
    assert all("Hash" in item.value for item in app.caption[:2])


def test_the_scoreboard_shows_what_leads_and_how_it_was_measured() -> None:
    app = asked("scoreboard")
    measured, worlds, *_ = (item.value for item in app.dataframe)
    assert {"Flow identity", "Everywhere the same"} <= set(measured.iloc[:, 0])
    assert {"Flow identity", "Uniform", "True distance profile"} <= set(worlds["Map"])
    assert any("was" in item.value and "Hash" in item.value for item in app.caption)


@pytest.mark.parametrize("within", ["1h", "24h"])
def test_every_horizon_gives_a_verdict(within: str) -> None:
    assert asked("predicts", labwithin=within).subheader


def test_scores_move_with_what_the_market_is_really_like() -> None:
    app = asked("right")
    held = {item.label: item.value for item in app.metric}
    assert 0 < float(held["Rank correlation"]) < 1
    app.slider(key="labguess").set_value(0.0).run()
    other = {item.label: item.value for item in app.metric}
    assert not app.exception
    assert other["Rank correlation"] != held["Rank correlation"]
    assert other["Distance profile"] == held["Distance profile"]
    app.slider(key="labmoment").set_value(3).run()
    assert any("At this moment: rank correlation" in item.value for item in app.caption)
