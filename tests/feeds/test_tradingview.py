"""What is handed to TradingView: the script's limits, its data, and that no name can break out of a text."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore.feeds.tradingview import MOST_BOXES, clusters_to_pine, watch_list
from liqcore.heat.clusters import Cluster
from liqcore.heat.grid import Provenance, VenueCoverage
from liqcore.tables import TableError

MADE = "2026-03-01 14:30"
SEEN = np.datetime64("2026-02-28T10:00:00", "us")
SEEN_MS = 1_772_272_800_000


def cluster(side="long", low=58_000.0, notional=12_340_000.0, kind="modelled"):
    return Cluster(
        f"{side}{low}",
        side,
        low,
        low + 50,
        low + 100,
        notional,
        notional / 2,
        4.0,
        SEEN,
        SEEN + np.timedelta64(4, "h"),
        SEEN,
        0.75,
        np.timedelta64(4, "h"),
        ("bybit",),
        kind,
    )


LEVELS = pd.DataFrame(
    {
        "price": [57_250.0, 61_000.0],
        "low": [57_200.0, np.nan],
        "high": [57_300.0, np.nan],
        "kind": ["swing low", "own"],
        "confirmed_at": [pd.Timestamp(SEEN, tz="UTC"), pd.NaT],
    }
)
SOURCE = Provenance(
    "Bybit and OKX",
    (VenueCoverage("bybit", "all"), VenueCoverage("okx", "sampled")),
    np.datetime64("2026-03-01T14:00", "us"),
    "entry model",
    (),
    ("Half an hour is missing.",),
)

SNAPSHOT_HEAD = """//@version=6
// Heatlab levels made at Mar 01, 2026, 14:30 UTC: a modelled map, that is positions that a model supposes, not known ones.
// Source: Bybit and OKX. Venues: bybit (every liquidation), okx (a sample).
// Data up to Mar 01, 2026, 14:00 UTC.
// Model: entry model.
// Note: Half an hour is missing.
// 2 clusters and 2 key levels; 0 smaller clusters left out.
// Prices as they were then: this script does not follow the market.
indicator("Heatlab levels (modelled)", overlay = true, max_boxes_count = 400)
"""  # noqa: E501
SNAPSHOT_ROWS = (
    f"58000.00;58100.00;{SEEN_MS};L;100;long $12.3M|62000.00;62100.00;{SEEN_MS};S;50;short $6.17M|"
    f"57200.00;57300.00;{SEEN_MS};K;30;swing low $57,250|61000.00;61000.00;0;K;30;own $61,000"
)


def rows_in(script):
    """The boxes as the script's own loop would read them."""
    chunks = re.search(r"array\.from\(\n(.*?)\)\n// Drawn", script, re.DOTALL).group(1)
    texts = [line.strip().removesuffix(",") for line in chunks.split("\n")]
    assert all(
        len(text) < 4_096 and text[0] == text[-1] == '"' and '"' not in text[1:-1] and "\\" not in text
        for text in texts
    )
    return [row.split(";") for text in texts for row in text[1:-1].split("|") if row]


def test_the_script_says_what_it_shows_and_holds_every_box():
    script = clusters_to_pine(
        [cluster(), cluster("short", 62_000.0, 6_170_000.0)], LEVELS, "modelled", SOURCE, MADE
    )
    assert script.startswith(SNAPSHOT_HEAD)
    assert f'array.from(\n     "{SNAPSHOT_ROWS}")\n' in script
    assert 'table.cell(note, 0, 0, "Heatlab, modelled, made Mar 01, 2026, 14:30 UTC"' in script
    body = script[script.index("// Drawn once") :]
    assert body.count("box.new(") == 1
    assert all(len(line) - len(line.lstrip()) in range(0, 24, 4) for line in body.split("\n"))


def test_four_hundred_boxes_are_the_most_and_the_largest_are_kept():
    many = [cluster("long", 40_000.0 + 10 * place, 1e6 + place) for place in range(1_000)]
    script = clusters_to_pine(many, LEVELS, "realised", SOURCE, MADE)
    rows = rows_in(script)
    assert len(rows) == MOST_BOXES == 400
    assert [row[3] for row in rows].count("K") == 2
    assert min(float(row[0]) for row in rows if row[3] == "L") == 40_000 + 10 * 602
    assert "602 smaller clusters left out" in script
    # A character of text costs two of 100,256 tokens.
    assert len(script) * 2 < 90_000
    assert len(rows_in(clusters_to_pine(many, None, "realised", SOURCE, MADE, most=5))) == 5
    assert rows_in(clusters_to_pine([], None, "realised", SOURCE, MADE)) == []


HOSTILE = st.text(st.sampled_from(list('"\\\n\r\u2028;|(){}/@=abc\u0000é\u202e')), max_size=30)


@given(venue=HOSTILE, source=HOSTILE, flag=HOSTILE, kind=HOSTILE)
@settings(max_examples=25, deadline=None)
def test_no_name_breaks_out_of_its_line(venue, source, flag, kind):
    told = Provenance(source, (VenueCoverage(venue),), None, source, (), (flag,))
    levels = LEVELS.assign(kind=kind)
    plain = clusters_to_pine(
        [cluster()], LEVELS, "modelled", Provenance("x", (VenueCoverage("y"),), None, "z", (), ("w",)), MADE
    )
    script = clusters_to_pine([cluster()], levels, "modelled", told, MADE)
    assert script.isascii()
    assert len(script.split("\n")) == len(plain.split("\n"))
    for mine, usual in zip(script.split("\n"), plain.split("\n"), strict=True):
        assert (
            mine == usual
            or (mine.startswith("// ") and usual.startswith("// "))
            or (mine.startswith('     "') and mine.count('"') == 2)
        )
    assert [len(row) for row in rows_in(script)] == [6, 6, 6]
    listed = watch_list([cluster()], levels, 60_000.0, "modelled", told, MADE)
    assert len(listed.splitlines()) == len(listed.split("\n")) - 1
    assert all(
        line.startswith("#") or "cluster" in line or "key level" in line or line.endswith("price")
        for line in listed.splitlines()
    )


def test_a_made_up_market_says_so_in_title_head_and_note():
    script = clusters_to_pine([cluster()], None, "modelled", SOURCE, MADE, synthetic=True)
    assert 'indicator("Heatlab levels (modelled, made-up market)"' in script
    assert "// The market is made up by a simulator; these are no real prices." in script
    assert '"Heatlab, modelled, made-up market, made Mar 01, 2026, 14:30 UTC"' in script


def test_the_watch_list_runs_from_high_to_low_around_the_price():
    text = watch_list(
        [cluster(), cluster("short", 62_000.0, 6_170_000.0)], LEVELS, 60_000.0, "modelled", SOURCE, MADE
    )
    assert [line for line in text.split("\n") if line and not line.startswith("#")] == [
        "  $62,050.00    +3.42 %  short cluster, $62,000 to $62,100, $6.17M, 75 % of the time",
        "  $61,000.00    +1.67 %  key level, own",
        "  $60,000.00             price",
        "  $58,050.00    −3.25 %  long cluster, $58,000 to $58,100, $12.3M, 75 % of the time",
        "  $57,250.00    −4.58 %  key level, swing low",
    ]
    assert text.startswith("# Heatlab levels made at Mar 01, 2026, 14:30 UTC: a modelled map")
    assert "okx (a sample)" in text


def test_a_moment_that_is_none_is_refused():
    with pytest.raises(TableError, match="not a time"):
        clusters_to_pine([], None, "modelled", SOURCE, "soon")
