"""Paper trades, rounds with a hidden future, grades and the journal."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqcore as lq
from liqcore import tables
from liqcore.learn import quiz
from liqcore.learn.glossary import TERMS, find_terms, meaning
from liqcore.learn.reading_grade import reading_grade, syllables
from liqcore.learn.replay import Forecast, ReplayError, base_rates, level_outcomes, make_round
from liqcore.learn.trades import run_trade


def _bars(rows, start="2026-01-01", step="1min"):
    frame = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
    frame.insert(0, "time", pd.date_range(start, periods=len(frame), freq=step, tz="UTC"))
    return tables.candles(frame.assign(volume=1.0))


def _plan(side="long", entry=100.0, stop=98.0, targets=(104.0,), **more):
    return lq.plan_trade(side=side, entry=entry, stop=stop, account=10_000, risk=0.01, leverage=5, targets=targets, fee_rate=0.0005, slippage=0.0002, **more)


def test_a_stop_costs_one_r_and_a_target_what_was_planned():
    plan = _plan()
    lost = run_trade(plan, _bars([(101, 101, 100, 100), (100, 100.5, 97.5, 98)]))
    assert (lost.end, lost.r) == ("stop", pytest.approx(-1.0))
    won = run_trade(plan, _bars([(101, 101, 100, 100), (100, 104, 99, 103)]))
    assert (won.end, won.r) == ("target", pytest.approx(plan.reward_risk))
    assert won.usd == pytest.approx(plan.targets[0].gain)
    assert (won.bars, won.best_r) == (2, pytest.approx(2.0))


def test_every_doubt_goes_against_the_trader():
    plan = _plan()
    both = run_trade(plan, _bars([(101, 101, 100, 100), (100, 105, 97, 104)]))
    assert both.end == "stop"
    assert both.ambiguous
    # In the bar that fills it the target may have come before the fill; the stop cannot.
    assert run_trade(plan, _bars([(101, 105, 99.5, 104), (104, 104.0 - 1e-6, 103, 103)])).end == "time"
    assert run_trade(plan, _bars([(101, 105, 97, 104)])).end == "stop"
    gap = run_trade(plan, _bars([(101, 101, 100, 100), (96, 97, 95, 96)]))
    assert gap.exit_price == pytest.approx(96)
    assert gap.r < -1.9


def test_orders_that_never_fill_and_trades_that_do_not_end():
    plan = _plan()
    flat = [(101, 102, 100.5, 101)] * 3
    assert run_trade(plan, _bars(flat)).end == "not filled"
    assert not run_trade(plan, _bars([*flat, (101, 101, 99, 100)]), fill_within=3).filled
    running = _bars([(101, 101, 100, 100), (100, 101, 99, 101)])
    assert run_trade(plan, running, close_at_end=False).end == "open"
    closed = run_trade(plan, running)
    assert closed.usd == pytest.approx(plan.quantity * (101 - 100 - 100 * 0.0005 - 101 * 0.0005 - 101 * 0.0002))
    assert run_trade(_plan(stop=101.0), running).end == "no order"
    half = _plan(targets=(102.0, 106.0))
    parts = run_trade(half, _bars([(101, 101, 100, 100), (100, 102.5, 99, 102), (102, 102, 97, 98)]))
    assert parts.end == "stop"
    assert -0.2 < parts.r < 0.1


@settings(max_examples=12)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1.5), st.floats(0, 1.5)), min_size=3, max_size=30))
def test_a_short_is_a_long_in_a_mirror(moves):
    price, rows, mirror = 100.0, [], []
    for move, up, down in moves:
        close = price + move
        high, low = max(price, close) + up, min(price, close) - down
        rows.append((price, high, low, close))
        mirror.append((200 - price, 200 - low, 200 - high, 200 - close))
        price = close
    free = dict(account=10_000, risk=0.01, leverage=3, entry=100.0)
    long = run_trade(lq.plan_trade("long", stop=97.0, targets=(104.0,), **free), _bars(rows))
    short = run_trade(lq.plan_trade("short", stop=103.0, targets=(96.0,), **free), _bars(mirror))
    assert (long.end, long.bars, long.ambiguous) == (short.end, short.bars, short.ambiguous)
    assert long.r == pytest.approx(short.r, abs=1e-6)


@pytest.fixture(scope="module")
def market():
    sample = lq.load_sample("calm")
    return sample.candles.iloc[:6_000], sample.liquidations


def test_a_round_hides_its_future_and_a_seed_repeats_it(market):
    candles, events = market
    one, same, other = (make_round(candles, events, seed=seed) for seed in (4, 4, 5))
    assert one.start == same.start != other.start
    pd.testing.assert_frame_equal(one.visible(3).liquidations, same.visible(3).liquidations)
    for step in (0, 1, one.hidden):
        view = one.visible(step)
        at = int(view.at.astype("int64"))
        assert tables.microseconds(view.candles["time"])[-1] + 60_000_000 == at
        assert tables.microseconds(view.liquidations["time"]).max(initial=0) < at
        assert len(one.future(step)) == (one.hidden - step) * 15
    late = make_round(candles, events, seed=4, arrivals=tables.microseconds(events["time"]).view("datetime64[us]") + np.timedelta64(6, "h")).visible(0)
    on_time = one.visible(0).liquidations
    assert 0 < len(late.liquidations) == int((on_time["time"] <= pd.Timestamp(late.at, tz="UTC") - pd.Timedelta("6h")).sum()) < len(on_time)
    with pytest.raises(ReplayError, match="hidden bars"):
        one.visible(one.hidden + 1)
    with pytest.raises(ReplayError, match="shorter than one round"):
        make_round(candles.iloc[:500], seed=1)
    with pytest.raises(ReplayError, match="between 0 and 1"):
        Forecast(0, 28_000, 1.2, 0.1, 0.1)


def test_a_touched_level_is_either_rejected_or_broken(market):
    bars = _bars([(100, 102, 99, 101), (101, 104, 100, 103)])
    assert level_outcomes(bars, 103.5, 100) == {"touches": True, "rejects": True, "breaks": False}
    assert level_outcomes(bars, 102.5, 100) == {"touches": True, "rejects": False, "breaks": True}
    assert level_outcomes(bars, 98, 100) == {"touches": False, "rejects": False, "breaks": False}
    candles, _ = market
    before = candles["time"].iloc[-1]
    price = candles["close"].iloc[-2]
    near, far = (base_rates(candles, price * (1 + share), hidden=16, timeframe="15m", before=before) for share in (0.001, 0.02))
    assert near.touches > far.touches
    assert near.touches == pytest.approx(near.rejects + near.breaks)
    later = candles.copy()
    later.loc[later.index[3_000]:, ["open", "high", "low", "close"]] *= 1.5
    cut = candles["time"].iloc[3_000]
    level = float(candles["close"].iloc[2_999]) * 1.003
    assert base_rates(later, level, hidden=16, timeframe="15m", before=cut) == base_rates(candles, level, hidden=16, timeframe="15m", before=cut)


def test_grades_follow_their_formulas():
    score = quiz.brier([0.9, 0.2, 0.5], [True, False, True], [0.5, 0.5, 0.5])
    assert score.brier == pytest.approx((0.01 + 0.04 + 0.25) / 3)
    assert score.skill == pytest.approx(1 - score.brier / 0.25)
    assert "better than" in score.sentence
    assert quiz.brier([0.4], [True], [None]).skill is None
    table = quiz.calibration([0.1, 0.15, 0.9, 1.0], [False, True, True, True])
    assert table[["count", "happened"]].to_numpy().tolist() == [[2, 0.5], [2, 1.0]]
    assert (table["range_low"] <= table["happened"]).all()
    results = quiz.summarise([1.5, -1, -1, 2])
    assert (results.sum_r, results.deepest_fall, results.win_rate) == (1.5, 2.0, 0.5)
    for bad in ([1.2], []):
        with pytest.raises(quiz.QuizError):
            quiz.brier(bad, [True] * len(bad))


def test_rules_are_kept_or_not():
    kept = quiz.adherence(_plan(), confirmed=True)
    assert [rule.kept for rule in kept] == [True, True, True]
    bold = lq.plan_trade("long", 60_000, 59_400, 10_000, risk=0.05, leverage=100)
    assert [rule.kept for rule in quiz.adherence(bold, confirmed=False)] == [False, False, False]


@settings(max_examples=25)
@given(st.lists(st.builds(
    quiz.JournalRow, seed=st.integers(0, 10**6), dataset=st.text(max_size=12), time=st.just("2026-03-01T00:00"),
    level=st.none() | st.floats(1, 1e6), said_touches=st.none() | st.floats(0, 1), touches=st.none() | st.booleans(),
    r=st.none() | st.floats(-5, 5), note=st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20) | st.sampled_from(["=1+1", "@x", "-2", "'quoted", 'a,"b"\nc']),
), max_size=4))
def test_a_journal_survives_and_runs_no_formula(rows):
    rows = [quiz.JournalRow(**{**row.__dict__, "dataset": row.dataset.replace("\r", "").replace("\x00", "")}) for row in rows]
    text = quiz.journal_csv(rows)
    assert quiz.read_journal(text) == rows
    for row in pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).to_dict("records"):
        assert not row["note"].startswith(("=", "+", "-", "@", "\t"))
        assert not row["dataset"].startswith(("=", "+", "-", "@", "\t"))


def test_a_journal_that_is_none_is_refused():
    for text in ("", "a,b\n1,2", "seed,dataset,time\nx,y,z", "seed,dataset,time\n1,y", "seed,dataset,time,said_touches\n1,y,z,7"):
        with pytest.raises(quiz.QuizError):
            quiz.read_journal(text)


def test_the_glossary_is_searchable_and_easy():
    assert len(TERMS) >= 20
    assert len({term.name for term in TERMS}) == len(TERMS)
    assert find_terms("squeeze")[0].name == "short squeeze"
    assert meaning("OI") == meaning("open interest")
    assert find_terms("xyzzy") == ()
    for term in TERMS:
        assert 1 <= term.meaning.count(".") <= 2
        assert reading_grade(term.meaning) < 13, term.name
    assert reading_grade(" ".join(term.meaning for term in TERMS)) < 9


def test_the_reading_grade_knows_easy_from_hard():
    assert [syllables(word) for word in ("price", "level", "liquidation", "closed", "table", "prices", "the")] == [1, 2, 4, 1, 2, 2, 1]
    # 12 words in 2 sentences with 13 syllables: 0.39 · 6 + 11.8 · 13/12 − 15.59.
    assert reading_grade("The cat sat on the mat. The dog sat on the table.") == pytest.approx(0.39 * 6 + 11.8 * 13 / 12 - 15.59)
    assert reading_grade("Notwithstanding considerable methodological heterogeneity, practitioners systematically overestimate profitability.") > 20
