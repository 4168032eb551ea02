"""The alerts page: the sentence is the rule, the test draws its firings, the inbox keeps what was told, and
secrets stay secret."""

import io
import json
import threading
import time
import tomllib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from test_pages import open_page, words

from liqcore import wording
from liqcore.alerts import rule_text
from liqcore.alerts.rules import KINDS, Condition, Group, Rule, RuleError
from liqcore.alerts.templates import templates
from liqcore.feeds import files, samples
from liqcore.views import owner
from liqcore.views.alerts import (
    channels as alerts_channels,
    sentence as alerts_sentence,
    session as alerts_session,
    trial as alerts_trial,
)
from liqcore.views.alerts.bench import Bench
from tests.maps import charts, maps

# A round price near the end of the violent sample, which the page offers.
NEAR = 26_000.0
# A price to which it comes on its last day.
VISITED = 25_500.0
ISSUE = (
    "When short liquidations within 0.5 % of $26,000 grow by 50 % in 30 min on at least 3 venues, tell me by"
    " toast."
)
URL = "jsons://hooks.example.com/t0psecret-token"


@pytest.fixture(autouse=True)
def at_home(monkeypatch):
    """Where nobody can tell, the app takes itself for a hosted one."""
    monkeypatch.setenv("HEATLAB_HOSTED", "0")


@pytest.fixture(autouse=True, scope="module")
def tests_of_rules_are_waited_for():
    """All but those of speed look at what a test says, however long it takes here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alerts_trial, "PATIENCE", 60.0)
        yield


@pytest.fixture(scope="module")
def built():
    """The page as a first visitor finds it; each test that changes it opens its own."""
    return open_page("alerts.py")


def rule_of(app):
    return rule_text.rules_from_link(
        app.query_params["rules"][0]
        if isinstance(app.query_params["rules"], list)
        else app.query_params["rules"]
    )[0]


def link(*rules):
    return rule_text.rules_to_link(rules)


def short(level=NEAR, **more):
    return Rule(
        "short heat", Group("all", (Condition("heat grows", level, "short", by=0.5, venues=3, **more),))
    )


def metrics(app):
    return {item.label: item.value for item in app.metric}


def press(app, key):
    app.button(key=key).click().run()
    assert not app.exception
    return app


def test_the_first_sentence_is_the_one_people_say_and_its_controls_build_the_rule(built):
    from liqcore.alerts.sentences import sentence

    assert sentence(rule_of(built)) == ISSUE
    app = open_page("alerts.py", test="Off")
    app.selectbox(key="al0_side").set_value("long")
    app.number_input(key="al0_within").set_value(1.0)
    app.text_input(key="al0_level").set_value("27.9k")
    app.number_input(key="al0_by").set_value(80.0)
    app.selectbox(key="al0_over").set_value("1h")
    app.selectbox(key="al0_venues").set_value(2).run()
    assert not app.exception
    assert rule_of(app).when.parts == (Condition("heat grows", 27_900.0, "long", 0.01, 0.8, "1h", 2),)
    # A second condition, joined by or, of another subject.
    next(button for button in app.button if button.label == "Add a condition").click().run()
    app.selectbox(key="al_match").set_value("any")
    app.selectbox(key="al1_subject").set_value("clusters").run()
    app.selectbox(key="al1_verb").set_value("cluster dissipates").run()
    assert not app.exception
    found = rule_of(app)
    assert found.when.match == "any"
    assert found.when.parts[1].kind == "cluster dissipates"
    press(app, "al_drop_0")
    assert [part.kind for part in rule_of(app).when.parts] == ["cluster dissipates"]


def test_every_kind_of_condition_and_every_template_can_be_said():
    for kind, facts in KINDS.items():
        more = {"level": 28_000.0} if facts.level == "needed" else {}
        more |= (
            {"minimum": 1e6}
            if kind == "large liquidation"
            else (
                {"venues": 2}
                if kind.startswith("venues")
                else {"name": "my cross"}
                if kind == "external"
                else {}
            )
        )
        for heat in ("realised", "modelled") if "heat" in facts.takes else ("realised",):
            for way in facts.ways or ("",):
                where = {"level": 28_000.0} if way in ("towards", "across") else {}
                one = Condition(kind, **{**more, **where}, heat=heat, way=way)
                assert alerts_sentence.condition_of(alerts_sentence.values_of(one)) == one
                fields = {
                    token.strip("{}") for token in alerts_sentence.tokens(kind) if token.startswith("{")
                }
                assert fields - {"subject", "verb", "heat"} <= {*facts.takes, "level", "by", "way", "on"}
    for rule in templates(27_000, 29_000):
        assert all(
            alerts_sentence.condition_of(alerts_sentence.values_of(part)) == part
            for part in rule.when.conditions
        )


def test_a_test_shows_firings_on_the_map_leads_and_false_alarms_against_controls(built):
    shown = metrics(built)
    assert shown["Would have told"] == "13 times"
    assert shown["Lead to the touch"].endswith("min")
    assert shown["False alarms"].endswith("%")
    assert shown["At other levels"].endswith("%")
    drawn = maps(built)[0].layers["marks"]
    assert [int(mark["number"]) for mark in drawn] == list(range(1, 14))
    assert {mark["price"] for mark in drawn} == {NEAR}
    assert len(built.dataframe[0].value) == 13
    said = words(built)
    for part in (
        "no difference one could tell from chance",
        "levels as far away at earlier moments as lively",
        "Realised: positions that were closed by force",
        "Synthetic",
    ):
        assert part.lower() in said.lower()
    assert "Control levels" in "".join(str(item.value) for item in built.markdown)


def test_a_template_fills_the_sentence_with_levels_of_this_market(built):
    app = open_page("alerts.py", test="Off")
    app.selectbox(key="al_template").set_value("Breakout with volume through short heat").run()
    assert not app.exception
    found = rule_of(app)
    assert [part.kind for part in found.when.parts] == ["breakout", "heat grows"]
    last = float(samples.load_sample("violent").candles["close"].iloc[-1])
    assert last < found.when.parts[0].level < 1.15 * last
    assert app.text_input(key="al_name").value == "Breakout with volume through short heat"


MISTAKES = [
    ("al0_level", "", "The level is empty"),
    ("al0_level", "moon", "The level"),
    ("al0_level", "-5", "The level"),
    ("al0_level", "28.500", "28"),
    ("al_name", "<b>x</b>", "name of the rule"),
]


def test_what_cannot_be_said_gets_a_sentence_and_the_last_test_stays():
    app = open_page("alerts.py", test="1 d")
    before = metrics(app)
    for field, value, said in MISTAKES:
        good = app.text_input(key=field).value
        app.text_input(key=field).set_value(value).run()
        assert not app.exception
        assert said in app.error[0].value.replace("\\", ""), value
        assert app.text_input(key=field).value == value
        assert "last sentence that worked" in words(app)
        assert charts(app)
        assert metrics(app) == before
        app.text_input(key=field).set_value(good)


def test_who_is_on_this_machine_is_told_by_address_and_headers():
    here = {"Host": "127.0.0.1:8501"}
    for headers, address, is_local in (
        (here, None, True),
        (here, "::ffff:127.0.0.1", True),
        ({"Host": "[::1]:8501"}, "::1", True),
        ({}, None, True),
        (here, "10.0.0.5", False),
        (here, "nonsense", False),
        ({"Host": "app.example.com"}, None, False),
        ({**here, "X-Forwarded-For": "1.2.3.4"}, None, False),
        ({**here, "via": "1.1 proxy"}, "127.0.0.1", False),
        ({**here, "Origin": "http://localhost:8501"}, None, True),
        ({**here, "Origin": "https://app.example.com"}, None, False),
        ({**here, "Origin": "null"}, None, False),
        ({"Host": "localhost.example.com"}, None, False),
        ({"Host": "[::1].example.com"}, None, False),
    ):
        assert owner.local(headers, address) is is_local, (headers, address)


def test_contradictions_are_refused_and_a_level_outside_the_data_is_bound_to_stay_quiet():
    both = Group("any", (Condition("heat grows", NEAR, "short"), Condition("heat shrinks", NEAR, "short")))
    app = open_page("alerts.py", rules=link(Rule("both", both)), test="Off")
    app.selectbox(key="al_match").set_value("all").run()
    assert "contradict" in app.error[0].value
    app = open_page("alerts.py", rules=link(short(90_000.0)), test="1 d")
    assert not app.exception
    assert metrics(app)["Would have told"] == "0 times"
    assert "far outside the prices" in words(app)
    assert "would not have told anything" in words(app)


def test_a_link_brings_its_rules_and_a_broken_one_leaves_everything_as_it_was():
    nested = Rule(
        "nested",
        Group(
            "all",
            (
                Group("any", (Condition("cluster appears"), Condition("cluster grows"))),
                Condition("recapture", 28_000.0),
            ),
        ),
    )
    app = open_page("alerts.py", rules=link(short(27_000.0), nested), pane="rules")
    assert "al0_level" not in {item.key for item in app.text_input}
    assert [rule.name for rule in app.session_state["alerts_rules"]] == ["nested"]
    assert app.session_state["al0_level"] == "27,000"
    press(app, f"al_edit_{nested.id}")
    assert "nests conditions" in words(app) + " ".join(item.value for item in app.success)
    assert not charts(app)
    app = open_page("alerts.py", rules="r1.broken!", test="Off")
    assert "cannot be read" in words(app)
    assert app.text_input(key="al0_level").value == "26,000"


def test_a_link_of_many_rules_fills_the_list_and_no_more():
    app = open_page("alerts.py", rules=link(*(short(20_000.0 + k) for k in range(400))), pane="rules")
    assert len(app.session_state["alerts_rules"]) == alerts_session.MOST_KEPT
    assert "as many as a session keeps" in app.success[0].value


def test_what_signals_from_outside_say_becomes_no_link_and_no_picture():
    assert (
        wording.markdown("![x](http://e.com/p.png) <b> $5 `c`")
        == "!\\[x\\](http:\u2060//e.com/p.png) \\<b> \\$5 \\`c\\`"
    )


def test_rule_files_come_in_and_go_out_and_malformed_ones_lose_nothing():
    app = open_page("alerts.py", rules=link(short()), pane="rules")
    good = rule_text.rules_to_toml([short(27_500.0), short(27_600.0)])
    app.file_uploader(key="al_upload").set_value(("mine.toml", good.encode(), "application/toml")).run()
    assert [rule.when.parts[0].level for rule in app.session_state["alerts_rules"]] == [27_500.0, 27_600.0]
    for name, content, said in (
        ("broken.toml", b"[[rules]\nname = ", "not valid TOML"),
        ("broken.json", b'{"rules": [{"name": "a"}]}', "Rule 1"),
        ("noise.json", bytes(range(128, 200)), "UTF-8"),
        ("empty.json", b'{"rules": []}', "no rule"),
        (
            "many.json",
            rule_text.rules_to_json([short(20_000.0 + k) for k in range(300)]).encode(),
            "at most 200",
        ),
        (
            "secret.json",
            (
                b'{"rules": [{"name": "a", "tell": ["json://host/t0psecret"], "when": [{"kind": "recapture",'
                b' "level": 1}]}]}'
            ),
            "secret",
        ),
    ):
        app.file_uploader(key="al_upload").set_value((name, content, "application/octet-stream")).run()
        assert not app.exception, name
        assert said in app.error[0].value, name
        assert "nothing you keep has changed" in app.error[0].value
        assert "t0psecret" not in app.error[0].value
        assert len(app.session_state["alerts_rules"]) == 2
    kept = app.session_state["alerts_rules"][0]
    app.toggle(key=f"al_on_{kept.id}_True").set_value(False).run()
    assert [rule.enabled for rule in app.session_state["alerts_rules"]] == [False, True]
    press(app, f"al_away_{kept.id}")
    assert len(app.session_state["alerts_rules"]) == 1
    assert len(tomllib.loads(rule_text.rules_to_toml(app.session_state["alerts_rules"]))["rules"]) == 1


def test_a_play_that_rings_nothing_is_said_in_one_notice():
    app = open_page("alerts.py", data="calm", rules=link(short(90_000.0)), pane="inbox")
    assert [item.value.partition(".")[0] for item in app.info] == ["Nothing has been told yet"]
    press(app, "al_play")
    assert [item.value[:19] for item in (*app.info, *app.success)] == ["Nothing new was tol"]


@pytest.fixture(scope="module")
def told():
    """An inbox filled by playing the last day."""
    app = open_page("alerts.py", data="violent", rules=link(short(VISITED)), pane="inbox")
    app.session_state["alerts_sound"] = True
    return press(app, "al_play")


def test_played_alerts_show_both_sides_and_can_be_acknowledged_snoozed_and_filtered(told):
    entries = told.session_state["alerts_desk"].entries
    assert len(entries) == told.session_state["alerts_open"] >= 2
    said = words(told)
    assert said.count("**For it**") == said.count("**Against it**") == len(entries)
    for part in (
        "Venues: Alder (a sample)",
        "old at that moment",
        "Realised: liquidations that happened",
        "publish only a sample",
    ):
        assert part in said
    assert f"And {len(entries) - 1} more" in told.toast[0].value
    assert len(told.toast) == 1
    assert len(told.get("audio")) == 1
    first, second = entries[0].alert.id, entries[1].alert.id
    press(told, f"al_ack_{first}")
    press(told, f"al_snooze_4 h_{second}")
    assert told.session_state["alerts_open"] == len(entries) - 2
    assert words(told).count("**For it**") == len(entries) - 2
    # Playing again tells nothing twice and keeps what was settled.
    press(told, "al_play")
    assert told.session_state["alerts_open"] == len(entries) - 2
    assert len(told.session_state["alerts_desk"].entries) == len(entries)
    told.selectbox(key="alertkind").set_value("modelled").run()
    assert "No alert passes these filters" in words(told)


def test_an_alert_links_to_the_view_that_shows_it(told):
    alert = told.session_state["alerts_desk"].entries[0].alert
    explore = dict(alert.explore)
    assert explore["data"] == "violent"
    app = open_page("explore.py", **explore)
    assert not app.exception
    assert app.text_input(key="mylevels").value == "25500"
    assert "Apr 19" in words(app) or "Apr 20" in words(app)


def test_addresses_are_nowhere_on_the_page_in_the_link_or_in_logs(caplog, monkeypatch):
    monkeypatch.setenv("HEATLAB_CHANNEL_PAGER", "jsons://pager.example.com/t0psecret-token")
    app = open_page("alerts.py", rules=link(short()), pane="channels")
    app.text_input(key="al_channel_name").set_value("phone")
    app.text_input(key="al_channel_url").set_value(URL)
    next(button for button in app.button if button.label == "Add").click().run()
    assert not app.exception
    assert "jsons://•••" in words(app)
    # Twice the same name, no service, quiet hours that are none: a sentence without the address.
    for name, url, begin in (("phone", URL, ""), ("other", "t0psecret-token", ""), ("other", URL, "25:00")):
        app.text_input(key="al_channel_name").set_value(name)
        app.text_input(key="al_channel_url").set_value(url)
        app.text_input(key="al_channel_from").set_value(begin)
        next(button for button in app.button if button.label == "Add").click().run()
        assert not app.exception
        assert app.error
    shown = (
        words(app)
        + json.dumps(dict(app.query_params))
        + caplog.text
        + " ".join(item.value for item in (*app.error, *app.success))
    )
    assert "t0psecret" not in shown
    assert "hooks.example.com" not in shown
    assert "pager" in shown


def test_a_hosted_app_takes_no_channel_from_a_visitor_and_unlocks_with_the_owners_phrase_only(monkeypatch):
    monkeypatch.setenv("HEATLAB_HOSTED", "1")
    app = open_page("alerts.py", rules=link(short()), pane="channels")
    assert "hosted for many people" in words(app)
    assert not {"al_channel_url", "al_phrase"} & {item.key for item in app.text_input}
    app.secrets["alerts"] = {
        "passphrase": "open, please",
        "channels": {"pager": "json://127.0.0.1:9/t0psecret-token", "odd": 7},
    }
    app.run()
    for phrase in ("wrong", "", "open, please"):
        assert "pager" not in words(app)
        app.text_input(key="al_phrase").set_value(phrase)
        next(button for button in app.button if button.label == "Unlock channels").click().run()
        assert not app.exception
    assert "pager" in words(app)
    assert "'odd' of the secrets is not used" in words(app)
    assert "al_channel_url" not in {item.key for item in app.text_input}
    # What a hosted app may not talk to is refused, and why stands on the page without the address.
    press(app, "al_test_pager")
    assert "host's own network" in app.dataframe[0].value["Why"].iloc[0]
    press(app, "al_retry")
    assert len(app.session_state["alerts_desk"].letters) == 1
    shown = words(app) + app.dataframe[0].value.to_csv() + json.dumps(dict(app.query_params))
    assert "t0psecret" not in shown
    assert "open, please" not in shown


def test_own_files_can_be_tested_and_too_short_ones_say_so():
    sample = samples.load_sample("violent")
    app = open_page("alerts.py", data="Your own files", rules=link(short()), test="1 d")
    assert "Add files with liquidations" in words(app)
    events = sample.liquidations[
        sample.liquidations["time"] < sample.liquidations["time"].iloc[0] + pd.Timedelta("2D")
    ]
    candles = sample.candles.iloc[:2880]
    upload = [
        ("events.csv", files.write_table(events, "csv"), "text/csv"),
        ("klines.csv", files.write_table(candles, "csv"), "text/csv"),
    ]
    app.file_uploader(key="uploads").set_value(upload).run()
    assert not app.exception
    assert charts(app)
    assert "Would have told" in metrics(app)
    app.file_uploader(key="uploads").set_value(upload[1:]).run()
    assert metrics(app)["Would have told"] == "not known", "candles alone hold no liquidation"
    assert "it watches liquidations, and this market holds none" in words(app)
    tiny = io.BytesIO(files.write_table(candles.iloc[:20], "csv")).getvalue()
    app.file_uploader(key="uploads").set_value([("tiny.csv", tiny, "text/csv")]).run()
    assert not app.exception
    assert "too short" in words(app)


def test_a_rule_that_no_record_can_wake_is_not_said_to_stay_quiet():
    outside = Rule("mine", Group("all", (Condition("external", name="my cross"),)))
    app = open_page("alerts.py", rules=link(outside), test="1 d")
    assert not app.exception
    assert metrics(app)["Would have told"] == "not known"
    assert "Nobody knows what this rule would have told" in words(app)
    assert "would not have told anything" not in words(app)


def test_a_tone_is_short_and_does_not_clip():
    wave = alerts_session.tone()
    assert np.abs(wave).max() < 0.5
    assert np.abs(wave[[0, -1]]).max() < 0.01
    assert 0.1 < len(wave) / 22_050 < 0.5


def test_a_change_of_the_sentence_answers_at_once_and_its_test_follows(monkeypatch):
    monkeypatch.setattr(alerts_trial, "PATIENCE", 0.0)
    app = open_page("alerts.py")
    names = {rule.name for rule in templates(1.0, 2.0)}
    for name in [option for option in app.selectbox(key="al_template").options if option in names]:
        app.selectbox(key="al_template").set_value(name).run()
        assert not app.exception, name
        assert rule_of(app).name == name
    next(button for button in app.button if button.label == "Add a condition").click().run()
    assert len(rule_of(app).when.parts) == 2
    assert not metrics(app), "the test has not been waited for"
    # Only the last of them is still wanted.
    monkeypatch.setattr(alerts_trial, "PATIENCE", 60.0)
    app.run()
    assert "Would have told" in metrics(app)


def test_a_test_nobody_waits_for_ends_and_a_shared_one_goes_on():
    bench, begun, go = Bench(), threading.Event(), threading.Event()
    ended = []

    def work(progress):
        begun.set()
        go.wait(10)
        progress(0.5)
        ended.append("a")

    first = bench.job("a", work)
    assert bench.job("a", work) is first
    begun.wait(10)
    second = bench.job("b", lambda progress: "made", before="a")
    assert second.done.wait(10)
    assert second.result == "made"
    bench.job("b", work, before="a")
    go.set()
    assert first.done.wait(10)
    assert not ended
    assert bench.held("a") is None
    assert bench.job("b", work) is second, "what was made is kept"


def test_what_goes_wrong_in_a_test_is_told():
    def broken(progress):
        raise RuleError("There are too many bars.")

    job = Bench().job("a", broken)
    assert job.done.wait(10)
    assert str(job.problem) == "There are too many bars."


def test_guessing_the_passphrase_is_slow_for_all_sessions_of_a_network_together(monkeypatch):
    monkeypatch.setenv("HEATLAB_HOSTED", "1")
    monkeypatch.setattr(alerts_session, "secrets", lambda: {"passphrase": "open, please", "channels": {}})
    st.cache_resource.clear()
    here = ["203.0.113.7"]
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda context: here[0]))

    def tried(phrase):
        app = open_page("alerts.py", pane="channels")
        app.text_input(key="al_phrase").set_value(phrase)
        next(button for button in app.button if button.label == "Unlock channels").click().run()
        assert not app.exception
        return app

    for number in range(5):
        assert any("not the passphrase" in item.value for item in tried(f"guess {number}").error)
    assert "takes none for a while" in words(open_page("alerts.py", pane="channels"))
    late = tried("open, please")
    assert "alerts_owner" not in late.session_state, "not even the right one is looked at"
    assert "takes none for a while" in words(late)
    here[0] = "198.51.100.9"
    assert tried("open, please").session_state["alerts_owner"], "guesses of another network shut nobody out"
    here[0] = "203.0.113.7"
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 61)
    monkeypatch.setattr(alerts_channels, "time", later)
    # On the page that refused it before, as it stands.
    late.text_input(key="al_phrase").set_value("open, please")
    next(button for button in late.button if button.label == "Unlock channels").click().run()
    assert late.session_state["alerts_owner"]
    st.cache_resource.clear()
