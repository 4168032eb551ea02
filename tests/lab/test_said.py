"""Our own words on noise: a small version of every row of the table that `make null` makes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from liqcore.lab import found
from liqcore.lab.said import Row, happenings, questions, venue_world

ROOT = Path(__file__).resolve().parents[2]
QUICK = 5
# The verdicts of a reading are asked of few walks in its own tests; here they would take as long as all the
# rest.
ROWS = [one for one in questions() if one.wanted != "1 in 10"]


def tool():
    spec = importlib.util.spec_from_file_location("measure_words", ROOT / "tools" / "measure_words.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{one.word}: {one.where}" for one in ROWS])
def test_every_row_holds_in_a_few_worlds(number):
    """Where a word should never be said it hardly is, and where something was planted it mostly is."""
    question = ROWS[number]
    worlds = max(round(QUICK * (1 if question.worlds < 100 else 3)), 2)
    row = question.row(worlds / question.worlds)
    if question.wanted == "never":
        # With a true rate of 5 %, more than this is seen in 1 of 200 tables.
        assert row.said <= np.ceil(0.05 * row.worlds + 2.6 * np.sqrt(0.0475 * row.worlds))
    elif question.wanted == "there":
        weak = question.where.startswith("10 %") or "of 50 " in question.where
        assert row.share >= (0.2 if weak else 0.75)


def test_a_day_of_noise_tells_less_than_one_change():
    assert np.mean([happenings(seed, 1.0) for seed in range(8)]) <= 0.5
    assert np.mean([happenings(seed, 0.3) for seed in range(8)]) <= 0.5


def test_the_cold_venue_among_hot_ones_is_named():
    made = venue_world(3, 4_000, 4, width=12e-4)
    assert made.verdict in ("market-wide", "partly confirmed")
    assert made.cold == ("Elm",)
    assert "Elm would have shown it" in made.sentence


def test_one_venue_with_nearly_all_the_usd_is_never_market_wide():
    made = venue_world(4, 300, 5)
    assert made.verdict == "market-wide"
    top = max(made.venues, key=lambda view: view.share)
    assert top.share <= 0.9
    assert "99 %" not in made.sentence


def test_a_range_holds_the_share_it_is_of():
    module = tool()
    low, high = module.interval(5, 100)
    assert (round(low, 3), round(high, 3)) == (0.022, 0.112)
    assert module.interval(0, 20)[0] == 0
    assert module.cells(Row("cluster", "x", 1, 20, "never"))[2] == "5% (1% to 24%)"


def test_the_page_and_the_lab_show_the_same_table():
    held = json.loads((ROOT / "liqcore" / "lab" / found.FILE).read_text(encoding="utf-8"))["words"]
    page = (ROOT / "docs" / "honesty.md").read_text(encoding="utf-8")
    assert len(held["rows"]) > 25
    for row in held["rows"]:
        assert "| " + " | ".join(row) + " |" in page
    # What the table says of noise is what we promise.
    for word, _, said, worlds, wanted in held["rows"]:
        share = float(said.split("%")[0]) / 100
        if wanted == "never":
            assert share <= 0.05 + 2 * np.sqrt(0.0475 / int(worlds.replace(",", ""))), word
