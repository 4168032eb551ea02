"""Paper trades, rounds with a hidden future, grades and the journal."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import liqcore as lq
from liqcore import tables
from liqcore.learn import quiz
from liqcore.learn.glossary import TERMS, find_terms, meaning, new_words
from liqcore.learn.practice import Played, candidates, confirmation, journal_row, starting_numbers
from liqcore.learn.replay import Forecast, ReplayError, base_rates, level_outcomes, make_round
from liqcore.learn.trades import run_trade
from tests.learn.reading_grade import reading_grade, syllables


def _bars(rows, start="2026-01-01", step="1min"):
    frame = pd.DataFrame(rows, columns=["open", "high", "low", "close"], dtype=float)
    frame.insert(0, "time", pd.date_range(start, periods=len(frame), freq=step, tz="UTC"))
    return tables.candles(frame.assign(volume=1.0))


def _plan(side="long", entry=100.0, stop=98.0, targets=(104.0,), **more):
    return lq.plan_trade(
        side=side,
        entry=entry,
        stop=stop,
        account=10_000,
        risk=0.01,
        leverage=5,
        targets=targets,
        fee_rate=0.0005,
        slippage=0.0002,
        **more,
    )


def test_a_stop_costs_one_r_and_a_target_what_was_planned():
    plan = _plan()
    lost = run_trade(plan, _bars([(101, 101, 100, 100), (100, 100.5, 97.5, 98)]))
    assert (lost.end, lost.r) == ("stop", pytest.approx(-1.0))
    won = run_trade(plan, _bars([(101, 101, 100, 100), (100, 104, 99, 103)]))
    assert (won.end, won.r) == ("target", pytest.approx(plan.reward_risk))
    assert won.usd == pytest.approx(plan.targets[0].gain)
    assert (won.bars, won.best_r) == (2, pytest.approx(won.r)), "the same costs in both"


@settings(max_examples=60, deadline=None)
@given(side=st.sampled_from(["long", "short"]), seed=st.integers(0, 10_000))
def test_results_are_told_after_costs_and_before_them_and_never_mixed(side, seed):
    rng = np.random.default_rng(seed)
    s = 1 if side == "long" else -1
    plan = _plan(side, stop=100 - 2 * s, targets=(100 + 4 * s,))
    closes = 100 + np.cumsum(rng.normal(0, 0.8, 30))
    rows = [
        (a, max(a, b) + 0.1, min(a, b) - 0.1, b)
        for a, b in zip(np.append(100, closes[:-1]), closes, strict=True)
    ]
    made = run_trade(plan, _bars(rows))
    if not made.filled:
        return
    sold = made.exit_price * (made.end != "target")
    costs = plan.quantity * ((made.entry + made.exit_price) * 0.0005 + sold * 0.0002)
    assert made.r_before - made.r == pytest.approx(costs / plan.loss_at_stop)
    assert made.r_before == pytest.approx(
        s * plan.quantity * (made.exit_price - made.entry) / plan.loss_at_stop
    )
    if made.end == "time":
        assert made.worst_r <= made.r <= made.best_r + costs / plan.loss_at_stop


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
    assert closed.usd == pytest.approx(
        plan.quantity * (101 - 100 - 100 * 0.0005 - 101 * 0.0005 - 101 * 0.0002)
    )
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
    late = make_round(
        candles,
        events,
        seed=4,
        arrivals=tables.microseconds(events["time"]).view("datetime64[us]") + np.timedelta64(6, "h"),
    ).visible(0)
    on_time = one.visible(0).liquidations
    assert (
        0
        < len(late.liquidations)
        == int((on_time["time"] <= pd.Timestamp(late.at, tz="UTC") - pd.Timedelta("6h")).sum())
        < len(on_time)
    )
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
    near, far = (
        base_rates(candles, price * (1 + share), hidden=16, timeframe="15m", before=before)
        for share in (0.001, 0.02)
    )
    assert near.touches > far.touches
    assert near.touches == pytest.approx(near.rejects + near.breaks)
    later = candles.copy()
    later.loc[later.index[3_000] :, ["open", "high", "low", "close"]] *= 1.5
    cut = candles["time"].iloc[3_000]
    level = float(candles["close"].iloc[2_999]) * 1.003
    assert base_rates(later, level, hidden=16, timeframe="15m", before=cut) == base_rates(
        candles, level, hidden=16, timeframe="15m", before=cut
    )


def test_an_undated_round_tells_the_same_story_on_a_calendar_that_gives_nothing_away(market):
    candles, events = market
    true, moved = make_round(candles, events, seed=4), make_round(candles, events, seed=4, undated=True)
    assert str(moved.start)[:10] == "2001-01-01"
    assert str(moved.start)[11:] == str(true.start)[11:]
    assert moved.dated(3) == true.at(3)
    seen, other = true.visible(5), moved.visible(5)
    pd.testing.assert_frame_equal(seen.candles.drop(columns="time"), other.candles.drop(columns="time"))
    assert len(seen.liquidations) == len(other.liquidations) > 0
    level = float(seen.candles["close"].iloc[-1]) * 1.002
    assert true.base_rates(level, 5) == moved.base_rates(level, 5)
    assert (
        len(true.known(5).candles) > len(seen.candles) == len(true.known(5, np.timedelta64(0, "h")).candles)
    )


def test_a_round_is_never_dealt_from_a_hole_in_the_candles(market):
    candles, _ = market
    holed = pd.concat([candles.iloc[:2_200], candles.iloc[3_000:5_300]])
    for seed in range(12):
        game = make_round(holed, seed=seed)
        assert len(game.visible(game.hidden).candles) >= 0.95 * 120 * 15
    # Two minutes of every five.
    sparse = candles[candles["time"].dt.minute % 5 < 2]
    with pytest.raises(ReplayError, match="free of gaps"):
        make_round(sparse, seed=1)
    with pytest.raises(ReplayError, match="multiple"):
        make_round(candles.iloc[::5], seed=1, timeframe="1m")


def test_a_forecast_and_a_trade_are_written_down_once_and_before_the_end(market):
    candles, events = market
    game = make_round(candles, events, seed=4, undated=True)
    price = float(game.visible(0).candles["close"].iloc[-1])
    level = round(price * 0.998)
    played = Played().write_down(game, level, 0.8, 0.25)
    assert (played.forecast.touches, played.forecast.rejects, played.forecast.breaks) == pytest.approx(
        (0.8, 0.6, 0.2)
    )
    assert played.base == game.base_rates(level, 0)
    plan = lq.plan_trade(
        "long",
        level,
        level - 200,
        10_000,
        risk=0.01,
        leverage=5,
        targets=(level + 400,),
        fee_rate=0.0005,
        slippage=0.0002,
    )
    placed = played.forward(game, 2).place(game, plan, level)
    assert (placed.step, placed.placed) == (2, 2)
    bold = lq.plan_trade(
        "long", level, level - 2_000, 10_000, risk=0.01, leverage=100, targets=(level + 400,)
    )
    above = lq.plan_trade(
        "long", price * 1.01, price * 0.99, 10_000, risk=0.01, leverage=2, targets=(price * 1.05,)
    )
    for wrong, message in (
        (lambda: played.write_down(game, level, 0.5, 0.5), "counts once"),
        (lambda: placed.place(game, plan, level), "already"),
        (lambda: Played().forward(game, 99).write_down(game, level, 0.5, 0.5), "would not count"),
        (lambda: Played().forward(game, 99).place(game, plan, level), "would not count"),
        (lambda: played.place(game, bold, level), "leverage|liquidat"),
        (lambda: played.place(game, above, level), "fill at once"),
        (lambda: Played().write_down(game, level, 0.5, 1.5), "between 0 and 1"),
    ):
        with pytest.raises(ReplayError, match=message):
            wrong()
    assert journal_row(game, placed, "calm") is None
    over = placed.forward(game, 99)
    row = journal_row(game, over, "calm")
    came = game.outcomes(played.forecast)
    assert (row.touches, row.rejects, row.breaks) == (came["touches"], came["rejects"], came["breaks"])
    assert row.time == f"{str(game.dated(0))[:16]}Z"
    assert (row.end, row.r) == (over.trade(game).end, over.trade(game).r if over.trade(game).filled else None)
    assert quiz.read_journal(quiz.journal_csv([row])) == [row]
    assert journal_row(game, Played().forward(game, 99), "calm") is None


def test_what_is_offered_and_confirmed_depends_on_nothing_later(market):
    candles, events = market
    game = make_round(candles, events, seed=9)
    at = pd.Timestamp(game.at(4), tz="UTC")
    later = candles.copy()
    later.loc[later["time"] >= at, ["open", "high", "low", "close"]] *= 1.3
    other = make_round(later, events, seed=9)
    seen, same = game.visible(4), other.visible(4)
    assert candidates(seen, "15m") == candidates(same, "15m")
    assert candidates(seen, "15m", own=[123.0])[0].price == 123.0
    price = float(seen.candles["close"].iloc[-1])
    for level in (price * 0.997, price * 1.003):
        start = starting_numbers(level, seen, "15m")
        assert (
            (start.stop < start.entry <= price)
            if start.side == "long"
            else (start.stop > start.entry >= price)
        )
        assert confirmation(seen, "15m", level, start.side) == confirmation(same, "15m", level, start.side)


def test_a_recapture_confirms_a_long_and_not_a_short():
    base = [(100 + 0.02 * (k % 5), 100.3 + 0.02 * (k % 5), 99.8, 100.1) for k in range(40)]
    fall = [(100, 100.1, 98.6, 98.7), (98.7, 98.9, 98.3, 98.6), (98.6, 100.9, 98.5, 100.8)]
    bars = _bars([*base, *fall], step="15min")
    seen = make_round(
        pd.concat([bars, bars.iloc[-1:].assign(time=bars["time"].iloc[-1] + pd.Timedelta("15min"))]),
        seed=0,
        timeframe="15m",
        history=43,
        hidden=1,
    ).visible(0)
    assert "99.5" in confirmation(seen, "15m", 99.5, "long")
    assert confirmation(seen, "15m", 99.5, "short") is None
    assert confirmation(seen, "15m", 95.0, "long") is None


def test_a_journal_is_graded_where_there_is_a_base_rate_and_grows_without_doubles():
    known = quiz.JournalRow(1, "a", "t", said_touches=0.9, touches=True, base_touches=0.5)
    bare = quiz.JournalRow(2, "a", "t", said_touches=0.2, touches=True, said_breaks=0.4)
    found = quiz.answers([known, bare])
    assert found.said.tolist() == [0.9, 0.2]
    assert (found.score.count, found.score.brier, found.score.base) == (1, pytest.approx(0.01), 0.25)
    assert quiz.answers([bare]).score.base is None
    assert quiz.answers([]).score is None
    assert quiz.add_rows([known], [bare, known, bare]) == [known, bare]


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
@given(
    st.lists(
        st.builds(
            quiz.JournalRow,
            seed=st.integers(0, 10**6),
            dataset=st.text(max_size=12),
            time=st.just("2026-03-01T00:00"),
            level=st.none() | st.floats(1, 1e6),
            said_touches=st.none() | st.floats(0, 1),
            touches=st.none() | st.booleans(),
            r=st.none() | st.floats(-5, 5),
            note=st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20)
            | st.sampled_from(["=1+1", "@x", "-2", "'quoted", 'a,"b"\nc']),
        ),
        max_size=4,
    )
)
def test_a_journal_survives_and_runs_no_formula(rows):
    rows = [
        quiz.JournalRow(**{**row.__dict__, "dataset": row.dataset.replace("\r", "").replace("\x00", "")})
        for row in rows
    ]
    text = quiz.journal_csv(rows)
    assert quiz.read_journal(text) == rows
    for row in pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).to_dict("records"):
        assert not row["note"].startswith(("=", "+", "-", "@", "\t"))
        assert not row["dataset"].startswith(("=", "+", "-", "@", "\t"))


def test_a_journal_that_is_none_is_refused():
    for text in (
        "",
        "a,b\n1,2",
        "seed,dataset,time\nx,y,z",
        "seed,dataset,time\n1,y",
        "seed,dataset,time,said_touches\n1,y,z,7",
    ):
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


def test_words_that_nobody_knows_from_elsewhere_are_told_once_where_they_first_stand():
    told = new_words(
        [
            "A band of longs on Alder, in 3 prints.",
            "The band on Birch again, worth +1.40 R. Our modelled guess.",
            "R is in no text by itself: a raw score.",
        ]
    )
    assert [[term.name for term in one] for one in told] == [
        ["band", "Alder, Birch and other trees", "print"],
        ["R", "modelled map"],
        [],
    ]
    needed = {"price bin", "band", "print", "average true range", "R", "Brier score", "modelled map", "Alder"}
    assert all(any(name in (term.name, *term.also) for term in TERMS if term.new) for name in needed)


def test_the_reading_grade_knows_easy_from_hard():
    assert [
        syllables(word) for word in ("price", "level", "liquidation", "closed", "table", "prices", "the")
    ] == [1, 2, 4, 1, 2, 2, 1]
    # 12 words in 2 sentences with 13 syllables: 0.39 · 6 + 11.8 · 13/12 − 15.59.
    assert reading_grade("The cat sat on the mat. The dog sat on the table.") == pytest.approx(
        0.39 * 6 + 11.8 * 13 / 12 - 15.59
    )
    assert (
        reading_grade(
            "Notwithstanding considerable methodological heterogeneity, practitioners systematically"
            " overestimate profitability."
        )
        > 20
    )
