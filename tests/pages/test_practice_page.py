"""The practice page: a round from the map to its grade, refusals, journals, the same test by number, and
nothing of the future sent."""

import re
import struct

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import open_page, words

from liqcore.learn import game, quiz
from liqcore.learn.practice import Played, journal_row
from liqcore.market.candles import resample
from liqcore.views import loaders
from liqcore.views.practice import table as practice_table
from tests.learn.reading_grade import reading_grade
from tests.maps import charts, maps, unwrapped


def button(app: AppTest, key: str):
    return next(item for item in app.button if item.key == key)


def press(app: AppTest, key: str) -> AppTest:
    button(app, key).click().run()
    assert not app.exception
    return app


def keyed(items, start: str):
    return next(item for item in items if str(item.key).startswith(start))


def said(app: AppTest) -> str:
    return words(app) + "\n".join(
        str(item.value) for kind in ("success", "subheader") for item in getattr(app, kind)
    )


def held(app: AppTest) -> list[quiz.JournalRow]:
    return list(app.session_state["practice_finished"].values())


def table_of(seed: int, layer: str = "modelled") -> practice_table.Table:
    return practice_table.lay(loaders.sample("violent"), seed, "15m", 24, layer)


def sent(app: AppTest) -> bytes:
    """Every message that the browser got for the page as it stands."""
    out: list[bytes] = []

    def walk(block) -> None:
        for child in block.children.values():
            if getattr(child, "proto", None) is not None:
                message = getattr(child.proto, "bytes", b"")
                out.extend(unwrapped(message) if message else [child.proto.SerializeToString()])
            if hasattr(child, "children"):
                walk(child)

    for root in (app._tree.main, app._tree.sidebar):
        walk(root)
    return b"\n".join(out)


def future_prices(table: practice_table.Table, step: int) -> set[float]:
    """Prices of the bars and minutes after the step that had not been traded in any bar before."""
    past, future = table.game.known(step).candles, table.game.future(step)
    names = ["open", "high", "low", "close"]
    later = {
        float(value)
        for frame in (future, resample(future, "15m", source="1m"))
        for value in frame[names].to_numpy().ravel()
    }
    return later - {
        float(value)
        for frame in (past, resample(past, "15m", source="1m"))
        for value in frame[names].to_numpy().ravel()
    }


def leaks(payload: bytes, prices: set[float]) -> list[float]:
    """Prices found as a number of an Arrow table, or as text."""
    texts = (lambda p: f"{p:.2f}", lambda p: f"{p:,.2f}", repr, lambda p: f"{p:,.1f}")
    return [
        p
        for p in prices
        if struct.pack("<d", p) in payload
        or any(text(p).encode() in payload for text in texts if "." in text(p) and not text(p).endswith(".0"))
    ]


def test_a_round_goes_from_a_forecast_and_a_trade_to_its_grade():
    app = open_page("practice.py", seed="4")
    assert button(app, "rest").disabled, "without a forecast or a trade there is nothing to grade"
    keyed(app.slider, "touches-").set_value(90)
    keyed(app.slider, "breaks-").set_value(80)
    press(app, "say")
    assert "Written down" in words(app)
    assert "base rate" in " ".join(str(item.delta) for item in app.metric)
    keyed(app.toggle, "trade-").set_value(True).run()
    press(app, "place")
    press(app, "rest")
    row, table = held(app)[0], table_of(4)
    assert (row.said_touches, row.said_breaks) == (0.9, pytest.approx(0.72))
    assert row == journal_row(table.game, app.session_state["practice_played"][table.key], table.data.label)
    assert (row.touches, row.breaks, row.end, row.r) == (True, True, "stop", pytest.approx(-1.0))
    score = quiz.brier(
        [0.9, 0.18, 0.72], [True, False, True], [row.base_touches, row.base_rejects, row.base_breaks]
    )
    assert score.sentence in words(app)
    assert "was stopped out: −1.00 R" in words(app)
    assert "kept in 1 of 1" in words(app)
    assert any("Calibration" in chart.proto.alt for chart in charts(app))
    keyed(app.text_input, "note-").set_value("=I was sure").run()
    assert held(app)[0].note == "=I was sure"

    # The other answer to the same test is graded worse, and looking on without an answer is not graded at
    # all.
    press(app, "deal")
    assert app.session_state["seed"] != 4
    wrong = open_page("practice.py", seed="4")
    keyed(wrong.slider, "touches-").set_value(0)
    press(press(wrong, "say"), "rest")
    assert quiz.answers(held(wrong)).score.brier > score.brier
    wrong.session_state["seed"] = 3
    key = table_of(3).key
    wrong.session_state["practice_played"] = {key: Played(step=23)}
    press(wrong.run(), "bar")
    assert "nothing to grade" in words(wrong)
    assert key not in wrong.session_state["practice_finished"]


def test_rounds_follow_one_another_to_points_a_card_and_a_history():
    app = open_page("practice.py", seed="4")
    assert "Ten rounds make a test" in words(app)
    assert not any(item.key == "onward" for item in app.button), "a round is played to its end first"
    for number in (1, 2):
        assert app.session_state["round"] == number
        press(press(press(app, "say"), "rest"), "onward")
    first, second = held(app)
    assert (first.seed, second.seed) == (4, game.round_seed(4, 2))
    stood = game.standing([first, second])
    assert stood.sentence in words(app)
    assert game.ROUNDS > stood.rounds == 2
    history = next(item.value for item in app.dataframe if "Points" in item.value)
    assert history["Points"].tolist() == [stood.points]
    assert "it came true in" in words(app), "calibration in words"
    last = open_page("practice.py", seed="4", round="10")
    press(press(last, "say"), "rest")
    assert button(last, "onward").label == "Next test"
    press(last, "onward")
    assert (last.session_state["round"], last.session_state["seed"] != 4) == (1, True)


def test_r_is_always_said_to_be_after_costs():
    app = open_page("practice.py", seed="4")
    keyed(app.toggle, "trade-").set_value(True).run()
    press(press(app, "place"), "bar")
    press(app, "rest")
    told = words(app).replace("\\", "")
    for place in re.finditer(r"[\d] R\b", told):
        around = told[max(place.start() - 60, 0) : place.end() + 60]
        assert re.search(r"after costs|cost|1 R\. At|0 R", around), around


def test_the_risk_rules_refuse_a_trade_and_say_why():
    app = open_page("practice.py")
    keyed(app.toggle, "trade-").set_value(True).run()
    assert not button(app, "place").disabled
    keyed(app.text_input, "leverage-").set_value("100")
    keyed(app.text_input, "stop-").set_value("24,000").run()
    assert button(app, "place").disabled
    assert any("Refused by the risk rules" in item.value for item in app.error)
    keyed(app.text_input, "stop-").set_value("soon").run()
    assert not app.exception
    assert any("soon" in item.value for item in app.error)
    price = float(table_of(2).game.visible(0).candles["close"].iloc[-1])
    keyed(app.text_input, "leverage-").set_value("5")
    keyed(app.text_input, "entry-").set_value(f"{price + 50:.0f}")
    keyed(app.text_input, "stop-").set_value(f"{price - 100:.0f}")
    keyed(app.text_input, "target-").set_value(f"{price + 500:.0f}").run()
    press(app, "place")
    assert any("fill at once" in item.value for item in app.error)
    assert "practice_played" not in app.session_state or all(
        played.plan is None for played in app.session_state["practice_played"].values()
    )


def test_journals_come_back_and_broken_ones_change_nothing():
    app = open_page("practice.py", map="Realised")
    mine = [
        quiz.JournalRow(
            5, "a market", "2026-01-01T00:00Z", level=100.0, said_touches=0.5, touches=True, note="=1+1"
        )
    ]
    good = quiz.journal_csv(mine).encode()

    def bring(content: bytes) -> None:
        app.file_uploader(key="journal-file").set_value(("journal.csv", content, "text/csv")).run()
        assert not app.exception

    bring(good)
    assert "1 round added" in said(app)
    for nasty in (
        b"\xff\xfe\x00\x01binary",
        b'seed,dataset,time\n1,"open',
        b"seed,dataset,time,r\n1,a,b,1e999",
    ):
        bring(nasty)
        assert any("Your journal here is unchanged" in item.value for item in app.error), nasty[:40]
        assert app.session_state["practice_brought"] == mine
    bring(good)
    assert "1 were here already" in said(app)
    assert app.session_state["practice_brought"] == mine
    assert "Your record" in said(app)


def test_one_number_is_one_test_for_everybody():
    one, same, other = (open_page("practice.py", seed=seed, map="Realised") for seed in ("7", "7", "8"))
    alts = [[chart.proto.alt for chart in charts(app)] for app in (one, same, other)]
    assert alts[0] == alts[1] != alts[2]
    specs = [maps(app)[0].head for app in (one, same)]
    assert specs[0] == specs[1]
    assert "2001" in alts[0][0], "the true date would tell what came"
    assert "2026" not in words(one)
    assert leaks(sent(one), future_prices(table_of(7), 0)) == []


def test_nothing_of_the_future_is_sent_before_it_is_shown():
    table = table_of(2)
    app = open_page("practice.py", help="true")
    ahead = future_prices(table, 0)
    assert len(ahead) > 100
    assert leaks(sent(app), ahead) == []
    for part in (str(item.value) for kind in ("markdown", "caption") for item in getattr(app, kind)):
        assert reading_grade(re.sub(r"[*\\]|:material/\w+:", "", part)) < 9, part
    assert "Brier score" in words(app)
    press(press(app, "say"), "bar")
    assert leaks(sent(app), future_prices(table, 1)) == []
    assert leaks(sent(app), ahead), "the bar that has come is drawn"
    press(app, "rest")
    assert len(leaks(sent(app), ahead)) > 10, "this search finds prices once they are shown"
