"""The walkthrough: every scenario opens and ends, answers get feedback, and no step shows its future."""

import pandas as pd
from test_pages import charts, open_page, words

from liqcore.feeds import scenarios
from liqcore.views import walkthrough_panels


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
