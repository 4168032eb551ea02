"""A study on markets whose feedback is known: without impact it finds nothing, with a strong one it finds
that price goes on after the touch, and no attraction before it."""

import pandas as pd
import pytest

from liqcore.lab import impact_worlds
from liqcore.lab.event_study import Study

pytestmark = pytest.mark.slow


def told(found: Study, question: str, minutes: int = 0) -> pd.DataFrame:
    effects = found.effects
    return effects[(effects["question"] == question) & (effects["minutes"] == minutes)]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_market_without_feedback_shows_nothing(seed: int) -> None:
    found = impact_worlds.study(impact_worlds.NONE, seed)
    assert not (found.effects["holm"] < 0.05).any()
    assert told(found, "wait")["n"].sum() > 20


@pytest.mark.parametrize("seed", [1, 2])
def test_strong_feedback_is_continuation_after_the_touch_and_no_attraction_before(seed: int) -> None:
    found = impact_worlds.study(impact_worlds.STRONG, seed)
    assert found.verdict.startswith("Supported")
    assert not (told(found, "touched")["holm"] < 0.05).any()
    for minutes in (5, 15):
        moved = told(found, "move", minutes)
        assert (moved["low"] > 0.001).all()
        assert (moved["difference"] > 0.003).all()
    assert any("continuation" in point for point in found.points)
    assert any("no attraction" in point for point in found.points)
