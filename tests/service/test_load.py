"""The load script's judgement of a soak."""

import numpy as np
import pytest

from benchmarks.load.__main__ import MOST_GROWTH, by_minute, growth, soaked


def memory(minutes: int, slope: float) -> np.ndarray:
    """MB each second: caches fill for two minutes, then tables come and go, and it grows by `slope` a
    minute."""
    seconds = np.arange(60 * minutes)
    filling = 300 * np.minimum(seconds / 120, 1)
    return 300 + filling + 40 * (seconds % 7 < 2) + slope * seconds / 60


def test_a_soak_finds_a_leak_and_forgives_what_comes_and_goes(capsys):
    assert soaked(list(memory(15, 0.0)))
    assert not soaked(list(memory(15, 1.5 * MOST_GROWTH)))
    assert "MB a minute" in capsys.readouterr().out
    assert growth(list(memory(15, 4.0))) == pytest.approx(4.0, abs=0.1)
    # One large answer is no growth, nor is memory that is given back.
    once = memory(15, 0.0)
    once[600:720] += 200
    assert growth(list(once)) < MOST_GROWTH
    assert growth(list(memory(15, -3.0))) < 0
    assert len(by_minute(list(memory(15, 0.0))[:-10])) == 14
    with pytest.raises(SystemExit, match="at least"):
        soaked(list(memory(4, 0.0)))
