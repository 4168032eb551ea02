"""A test of ten rounds: points against the base rate, streaks, history, and calibration in words."""

import io

import numpy as np
import pytest
from PIL import Image

from liqcore.charts.card import card
from liqcore.learn import game, quiz
from liqcore.learn.quiz import JournalRow, Score


def row(seed, said, came, base, **more):
    """A round of one answer: the others were not asked."""
    return JournalRow(
        seed, "a market", "2026-01-01T00:00Z", "15m", 24,
        level=1.0, said_touches=said, touches=came, base_touches=base, **more,
    )  # fmt: skip


def test_every_round_has_a_seed_of_its_own_and_is_found_again():
    seeds = {game.round_seed(test, number) for test in (0, 1, 2, 999_999) for number in range(1, 11)}
    assert len(seeds) == 40
    assert all(game.round_seed(*game.place(seed)) == seed for seed in seeds)
    assert game.round_seed(7, 1) == 7, "older links open the same round"


@pytest.mark.parametrize(
    ("brier", "base", "points"),
    [(0.0, 0.2, 100), (0.2, 0.2, 50), (0.1, 0.2, 67), (0.4, 0.2, 33), (0.0, 0.0, 50), (0.3, 0.0, 0)],
)
def test_points_are_of_a_hundred_and_the_base_rate_gets_fifty(brier, base, points):
    assert game.points(Score(3, brier, base, None)) == points
    assert game.points(Score(3, brier, None, None)) is None
    assert game.points(None) is None


def test_points_fall_with_every_worse_forecast():
    found = [game.standing([row(1, said, True, 0.4)]).points for said in np.linspace(0, 1, 21)]
    assert found == sorted(found)
    assert found[0] >= 0
    assert found[-1] == 100


def test_a_standing_counts_rounds_and_those_that_beat_the_base_rate():
    rows = [row(1, 0.9, True, 0.5), row(2, 0.9, False, 0.5), JournalRow(3, "a market", "t", side="long")]
    stood = game.standing(rows)
    # Brier: (0.01 + 0.81) / 2 against 0.25.
    assert stood == game.Standing(2, round(100 * 0.25 / (0.25 + 0.41)), 1)
    assert "worse than the base rate, which gets 50. 1 of them beat it" in stood.sentence
    assert "no base rate" in game.standing([row(1, 0.9, True, None)]).sentence
    assert "No round played yet" in game.standing([]).sentence


def test_a_streak_ends_with_a_loss_and_not_with_a_round_that_had_no_forecast():
    won, lost = row(1, 0.9, True, 0.5), row(2, 0.1, True, 0.5)
    none = JournalRow(3, "a market", "t")
    assert game.streak([won, won, lost, won, none, won]) == (2, 2)
    assert game.streak([won, won, won, lost]) == (0, 3)
    assert game.streak([]) == (0, 0)


def test_the_history_has_a_row_a_test_newest_first():
    rows = [
        row(7, 0.9, True, 0.5, side="long", r=1.5),
        row(game.round_seed(7, 2), 0.9, True, 0.5, side="long", r=-1.0),
        row(8, 0.2, False, 0.5),
    ]
    table = game.tests(rows)
    assert table["test"].tolist() == [8, 7]
    assert table["rounds"].tolist() == [1, 2]
    assert table["r"].iloc[1] == 0.5
    assert np.isnan(table["r"].iloc[0])


def test_calibration_is_said_in_words_and_calls_luck_luck():
    sure = quiz.calibration([0.9] * 40, [True] * 10 + [False] * 30)
    fair = quiz.calibration([0.3] * 10, [True] * 3 + [False] * 7)
    shy = quiz.calibration([0.1] * 40, [True] * 30 + [False] * 10)
    assert game.calibration_words(sure) == (
        "You said about 90 %, 40 times; it came true in 25 % of them. You say too much here.",
    )
    assert game.calibration_words(fair)[0].endswith("There is no gap.")
    near = quiz.calibration([0.3] * 10, [True] * 4 + [False] * 6)
    assert game.calibration_words(near)[0].endswith("Luck alone explains the gap.")
    assert game.calibration_words(shy)[0].endswith("You say too little here.")


def test_a_card_is_a_picture_and_its_bar_is_as_long_as_the_points():
    def bar(points):
        picture = Image.open(io.BytesIO(card(points, "Test 7, a market", ("One.", "Two."), "http://a/b?c=1")))
        assert picture.size == (1200, 630)
        return sum(picture.getpixel((x, 400)) == (240, 140, 58) for x in range(1200))

    assert bar(0) == 0
    assert bar(40) == pytest.approx(0.4 * 1040, abs=8)
    assert bar(100) == pytest.approx(1040, abs=8)
