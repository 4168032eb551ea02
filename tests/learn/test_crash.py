"""The lesson on a real day states only what that day's candles and map say."""

import numpy as np
import pandas as pd
import pytest

from liqcore import wording
from liqcore.heat.grid import HeatGrid
from liqcore.learn.crash import DAY, fall_of, tell
from liqcore.learn.scenarios import ScenarioError
from tests.learn.reading_grade import reading_grade

MIDNIGHT = np.datetime64("2024-08-05", "us")


def candles(days=3):
    """Three days of five-minute bars: two flat at 60,000, then a fall to 48,000 by 06:00, half of it back."""
    time = pd.date_range("2024-08-03", periods=288 * days, freq="5min", tz="UTC")
    second = np.interp(np.arange(288), [0, 60, 72, 287], [60_000, 57_000, 48_000, 54_000])
    close = np.concatenate([np.full(576, 60_000.0), second])[: len(time)]
    opened = np.concatenate([close[:1], close[:-1]])
    return pd.DataFrame(
        {
            "time": time,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": 1.0,
        }
    )


def test_the_fall_is_measured_from_the_last_price_before_the_day():
    fall = fall_of(candles(), MIDNIGHT)
    assert (fall.before, fall.start, fall.lowest, fall.end) == (60_000, 60_000, 48_000, 54_000)
    assert fall.bottom == MIDNIGHT + np.timedelta64(6, "h")
    # The hour from 05:00 to 06:00 went from about 57,000 to 48,750.
    assert fall.worst == pytest.approx(1 - 48_750 / 57_000, abs=0.002)


def test_a_day_that_is_not_covered_is_a_sentence():
    for part in (candles(2), candles().iloc[200:], candles().iloc[:700]):
        with pytest.raises(ScenarioError, match="do not cover"):
            fall_of(part.reset_index(drop=True), MIDNIGHT)
    with pytest.raises(ScenarioError, match="did not fall"):
        fall_of(candles().assign(open=6e4, low=6e4, high=6e4, close=6e4), MIDNIGHT)


def map_at(moment, usd=1e6):
    edges = np.linspace(45_000, 65_000, 41)
    long = np.where(edges[:-1] < 60_000, usd * (1 + (moment == MIDNIGHT)), 0.0)[None, :]
    return HeatGrid(
        kind="modelled",
        time_edges=np.array([moment - np.timedelta64(1, "h"), moment]),
        price_edges=edges,
        long=long,
        short=np.zeros_like(long),
    )


def test_the_steps_state_the_numbers_of_candles_and_map_and_are_easy():
    fall = fall_of(candles(), MIDNIGHT)
    steps = tell(fall, MIDNIGHT, map_at)
    text = " ".join(step.text for step in steps)
    # 24 bins of $500 between 48,000 and 60,000.
    assert wording.usd(48e6) in steps[2].text
    assert wording.usd(24e6) in steps[2].text
    assert "20 % lower" in text
    assert "50 % of the fall" in text
    assert "From about 7 times on." in steps[1].options[0].text
    for step in steps:
        assert sum(option.right for option in step.options) == 1
        words = " ".join([step.text, step.question, *(f"{o.text} {o.feedback}" for o in step.options)])
        assert "nan" not in words
        assert reading_grade(words) < 9, step.number
        assert step.at <= MIDNIGHT + DAY
