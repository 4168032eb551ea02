"""The walkthrough: every scenario opens and ends, answers get feedback, and no step shows its future."""

import re

import numpy as np
import pandas as pd
import pytest
from test_pages import open_page, words

from liqcore import wording
from liqcore.feeds import scenario_files as scenarios
from liqcore.learn import course
from liqcore.learn.crash import fall_of
from liqcore.learn.glossary import find_terms
from liqcore.learn.scenarios import ScenarioError
from liqcore.market.candles import resample
from liqcore.service.dataset import Dataset
from liqcore.views import lesson, loaders
from liqcore.views.walkthrough import crash, panels as walkthrough_panels, sandbox as walkthrough_sandbox
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
            assert "Your first answer counts, and it was not right." in words(app)
            wrong_first, right_first = wrong, right
        press(app, "next")
    text = words(app)
    assert "How it ended" in text
    assert "worlds" in text
    assert f"You answered 1 of {len(chosen.steps)} questions, 0 of them right at the first try." in text
    first = walkthrough_panels._view(chosen.name, 1)
    recap = next(item.value for item in app.markdown if "You said:" in item.value).replace("\\", "")
    assert first.question in recap
    assert f"You said: {wrong_first.text} Right is: {right_first.text}" in recap
    press(app, "back")
    assert f"{len(chosen.steps)}. " in words(app)


def test_the_seed_of_the_link_orders_the_answers_and_no_place_gives_the_right_one_away():
    place, count = [], 0
    for name in scenarios.names():
        for number in range(1, len(walkthrough_panels.scenario(name).steps) + 1):
            shown = course.shuffled(walkthrough_panels._view(name, number).options, 7, (name, number))
            place.append(next(index for index, option in enumerate(shown) if option.right))
            count += len(shown)
    assert len(place) >= 60
    # By chance the share of each place is one in the number of answers.
    by_chance = len(place) ** 2 / count
    for index in (0, 1):
        assert 0.6 * by_chance < place.count(index) < 1.5 * by_chance
    name = scenarios.names()[0]
    for seed in ("7", "8"):
        app = open_page("walkthrough.py", quiz=seed)
        view = walkthrough_panels._view(name, 1)
        expected = [option.text for option in course.shuffled(view.options, int(seed), (name, 1))]
        assert [option.replace("\\", "") for option in app.radio[0].options] == expected
        assert app.query_params["quiz"] == seed
    for bad in ("", "x", "-3", "²", "9" * 40):
        app = open_page("walkthrough.py", quiz=bad)
        assert 1 <= int(app.query_params["quiz"]) <= course.LAST_SEED, bad


def test_the_first_answer_counts_and_returns_at_the_end_of_a_later_scenario():
    names = scenarios.names()
    app = open_page("walkthrough.py", quiz="7", scenario=names[0], step="2")
    view = walkthrough_panels._view(names[0], 2)
    wrong = next(option for option in view.options if not option.right)
    right = next(option for option in view.options if option.right)
    total = sum(len(scenarios.read_settings(name)["steps"]) for name in names)
    assert progress(app) == f"0 of 10 scenarios finished; 0 of {total} questions answered."
    app.radio[0].set_value(wrong.text).run()
    app.radio[0].set_value(right.text).run()
    told = f"0 of 10 scenarios finished; 1 of {total} questions answered, 0 of them right at the first try."
    assert progress(app) == told, "the last click does not count"
    app.selectbox(key="scenario").set_value(names[1]).run()
    for step in walkthrough_panels.scenario(names[1]).steps:
        assert "Do you still know?" not in words(app)
        shown = walkthrough_panels._view(names[1], step.number)
        app.radio[0].set_value(next(option.text for option in shown.options if option.right)).run()
        press(app, "next")
    count = len(walkthrough_panels.scenario(names[1]).steps)
    told = f"1 of 10 scenarios finished; {count + 1} of {total} questions answered, {count} of them"
    assert progress(app).startswith(told)
    assert "Do you still know?" in words(app)
    assert not any("You said:" in item.value for item in app.markdown)
    again = app.radio(key=f"again-{names[0]}-2")
    assert again.value is None, "asked anew"
    again.set_value(right.text).run()
    assert any(right.feedback.replace("$", "\\$") in item.value for item in app.success)
    assert progress(app).startswith(told), "the first try keeps its score"
    press(app, "following")
    assert app.session_state["scenario"] == names[2]
    assert "1. " in words(app)


def progress(app):
    return app.get("progress")[0].proto.text


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


def test_two_presses_lead_from_the_start_page_through_the_tour_to_the_first_question():
    app = open_page("start.py")
    assert [button.key for button in app.button if button.proto.type == "primary"] == ["learn"]
    press(app, "learn")
    assert app.title[0].value == "Touch a strong band"
    assert len(maps(app)) == 1
    press(app, "question")
    assert app.title[0].value == "Learn by walking through"
    assert app.radio(key=f"answer-{lesson.FIRST}-1").value is None


def test_from_the_start_page_to_the_end_of_the_first_scenario_are_three_minutes_of_reading():
    start, tour = open_page("start.py"), open_page("start.py", tour="1")
    told = [start.title[0].value, start.markdown[0].value, tour.title[0].value, tour.markdown[0].value]
    chosen = walkthrough_panels.scenario(lesson.FIRST)
    for step in chosen.steps:
        view = walkthrough_panels._view(lesson.FIRST, step.number)
        right = next(option for option in view.options if option.right)
        told += [view.title, view.text, view.look, view.question, *(one.text for one in view.options)]
        told.append(right.feedback)
    ended = walkthrough_panels._outcome(lesson.FIRST)
    told += [ended.sentence, ended.text]
    # Silent reading of English prose: 238 words a minute (Brysbaert, 2019, a review of 190 studies).
    assert sum(len(text.split()) for text in told) < 3 * 238


def test_each_step_of_the_tour_answers_what_the_reader_does_with_the_maps_own_numbers():
    app = open_page("start.py", tour="1")
    grid = loaders.heatmap(loaders.sample("violent"), lesson._SETTINGS)
    assert not app.success, "nothing is told before something was touched"
    t, p = np.unravel_index(int(grid.short.argmax()), grid.short.shape)
    low, high = grid.price_edges[p : p + 2]
    begin, end = (grid.time_edges[t : t + 2].astype("datetime64[ms]").astype(float)).tolist()
    app.session_state["tour-picked"] = {
        "side": "short", "price_from": low, "price_to": high, "time_from": begin, "time_to": end, "usd": 1.0,
    }  # fmt: skip
    app.run()
    told = app.success[0].value.replace("\\", "")
    assert f"{wording.usd(float(grid.short[t, p]))} of shorts" in told
    assert "each closing is a purchase" in told
    press(app, "tournext")
    assert not app.success
    app.slider(key="tourprice").set_value(-4.0).run()
    last = float(loaders.price_bars(loaders.sample("violent"), lesson._SETTINGS)["close"].iloc[-1])
    closed = grid.on_the_way(last, 0.96 * last)["long"]
    assert f"up to {wording.usd(closed)} of longs" in app.success[0].value.replace("\\", "")
    press(app, "tournext")
    app.button_group(key="tourvenue").set_value("Birch").run()
    assert app.success[0].value.startswith("Birch alone holds")
    press(app, "tourback")
    assert app.title[0].value == "Drag the price"
    for bad in ("0", "4", "x", ""):
        assert open_page("start.py", tour=bad).title[0].value == "Where would leverage break?"


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
    crowds = [event for event in settings["simulation"]["interventions"] if event["kind"] == "Crowd"]
    opened = sum(event["quantity"] for event in crowds) * settings["level"] / 1e6
    assert longs[0] - longs[1] == pytest.approx(opened, rel=0.2), "without the crowd its heat is gone"


def test_the_real_day_is_told_by_its_own_numbers_or_is_a_sentence(monkeypatch):
    app = open_page("walkthrough.py", scenario=crash.NAME)
    assert any("fetched from the public archive" in item.value for item in app.info)
    assert not app.error
    # Another market, moved to that day: whatever its numbers are, the lesson states them.
    sample = loaders.sample("violent")
    first = sample.candles["time"].iloc[0].floor("D")
    bars = resample(sample.candles, "5m", source="1m")
    moves = [pd.Timestamp("2024-08-05", tz="UTC") - first - pd.Timedelta(days=days) for days in range(1, 13)]
    for by in moves:
        table = bars.assign(time=bars["time"] + by)
        interest = sample.open_interest.assign(time=sample.open_interest["time"] + by)
        try:
            fall = fall_of(table, np.datetime64("2024-08-05", "us"))
        except ScenarioError:
            continue
        break
    data = Dataset("day|test", "A day", False, candles=table, open_interest=interest)
    monkeypatch.setattr(loaders, "day", lambda date: data)
    for number in (1, 2, 3, 4):
        app = open_page("walkthrough.py", scenario=crash.NAME, realstep=str(number))
        assert not app.exception
        assert maps(app), [item.value for item in app.error]
        told = words(app).replace("\\", "")
        assert {
            1: wording.price(fall.start),
            2: wording.price(fall.lowest),
            3: "At midnight the map held $",
            4: wording.price(fall.end),
        }[number] in told
        assert "ynthetic" not in told
    assert app.radio(key=f"answer-{crash.NAME}-4").value is None
