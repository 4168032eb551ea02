"""The walkthrough: every scenario opens and ends, answers get feedback, and no step shows its future."""

import re

import pandas as pd
from test_pages import open_page, words

from liqcore.feeds import scenario_files as scenarios
from liqcore.learn.glossary import find_terms
from liqcore.views.walkthrough import panels as walkthrough_panels, sandbox as walkthrough_sandbox
from tests.maps import charts, maps


def press(app, key):
    next(button for button in app.button if button.key == key).click().run()
    assert not app.exception
    return app


def test_the_first_scenario_is_walked_from_end_to_end_with_wrong_and_right_answers():
    app = open_page("walkthrough.py")
    chosen = walkthrough_panels.scenario(scenarios.names()[0])
    for number, step in enumerate(chosen.steps, 1):
        assert f"{number}. " in words(app)
        assert len(charts(app)) == 1
        wrong = next(option for option in step.options if not option.right)
        right = next(option for option in step.options if option.right)
        if number == 1:
            view = walkthrough_panels._view(chosen.name, 1)
            wrong = next(option for option in view.options if not option.right)
            right = next(option for option in view.options if option.right)
            app.radio[0].set_value(wrong.text).run()
            assert any(wrong.feedback.replace("$", "\\$") in item.value for item in app.warning)
            app.radio[0].set_value(right.text).run()
            assert any(right.feedback.replace("$", "\\$") in item.value for item in app.success)
        press(app, "next")
    text = words(app)
    assert "How it ended" in text
    assert "worlds" in text
    assert f"You answered 1 of {len(chosen.steps)} questions, 1 of them right." in text
    press(app, "back")
    assert f"{len(chosen.steps)}. " in words(app)


def test_every_scenario_opens_at_any_step_of_its_address_and_shows_nothing_of_the_future():
    for number, name in enumerate(scenarios.names(), 1):
        chosen = walkthrough_panels.scenario(name)
        view = walkthrough_panels._view(name, 1 + number % len(chosen.steps))
        at = pd.Timestamp(view.at, tz="UTC")
        assert view.candles["time"].iloc[-1] < at
        assert view.liquidations.empty or view.liquidations["time"].iloc[-1] < at
        assert view.grid.time_edges[-1] <= view.at
    titles = [scenarios.read_settings(name)["title"] for name in scenarios.names()]
    app = open_page("walkthrough.py", scenario=titles[3], step="3")
    assert not app.exception
    assert app.selectbox(key="scenario").value == scenarios.names()[3]
    assert "3. " in words(app)
    app.selectbox(key="scenario").set_value(scenarios.names()[1]).run()
    assert "1. " in words(app), "another scenario is told from its beginning"


def test_the_glossary_can_be_searched():
    app = open_page("walkthrough.py")
    everything = words(app)
    app.text_input(key="term").set_value("funding").run()
    assert "unding" in words(app)
    assert len(words(app)) < len(everything)
    app.text_input(key="term").set_value("zzz").run()
    assert "No term matches" in words(app)


def test_terms_are_explained_where_they_stand_and_the_end_has_a_sandbox():
    name = "the-lagging-feed"
    title = scenarios.read_settings(name)["title"]
    app = open_page("walkthrough.py", scenario=title, step="1")
    meaning = find_terms("venue")[0].meaning
    assert f'(#glossary "{meaning}")' in words(app)
    assert any("**venue**" in str(item.proto.help) for item in app.markdown)

    stored = walkthrough_panels.scenario(name)
    settings = scenarios.read_settings(name)
    again = walkthrough_sandbox.remake(settings, 1.0)
    pd.testing.assert_frame_equal(again.candles, stored.market.candles)
    assert (again.arrivals == stored.market.arrivals).all()
    app = open_page("walkthrough.py", scenario=title, step="8", sandbox="true", crowd="Nobody")
    assert not app.exception
    assert [one.proto.alt.split(".")[0] for one in maps(app)] == ["As it was told", "With nobody"]
    longs = [float(found) for found in re.findall(r"\$([\d.]+)M of longs and", words(app).replace("\\", ""))]
    assert longs[0] > 3 * longs[1], "without the crowd the heat is gone"
