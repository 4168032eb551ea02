"""The sentences on the page say what the grid holds."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage
from liqcore.views import explain

ROOT = Path(__file__).resolve().parents[2]


def grid(kind: str = "modelled", **cells: list[tuple[int, int, float]]) -> HeatGrid:
    """A 4 × 5 grid around 28,000 USD with the given (column, bin, USD) cells a side."""
    values = {"long": np.zeros((4, 5)), "short": np.zeros((4, 5))}
    for side, entries in cells.items():
        for t, p, amount in entries:
            values[side][t, p] = amount
    return HeatGrid(
        kind=kind,
        time_edges=np.datetime64("2026-03-01T00:00", "us") + np.arange(5) * np.timedelta64(1, "h"),  # type: ignore[arg-type]
        price_edges=np.linspace(27_500, 28_500, 6),
        **values,
        provenance=Provenance(
            source="a test",
            venues=(VenueCoverage("Alder", "sampled", "fill", 3, 10.0),),
            as_of=np.datetime64("2026-03-01T04:00"),
        ),
    )


def bars(close: float = 28_000.0) -> pd.DataFrame:
    times = pd.date_range("2026-03-01", periods=4, freq="h", tz="UTC")
    return pd.DataFrame(
        {
            "time": times,
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": 1.0,
            "taker_buy_volume": 0.5,
        }
    )


def test_the_takeaway_of_levels_names_the_hottest_bands_and_their_distance() -> None:
    text = explain.takeaway(grid(long=[(3, 0, 2e6), (3, 1, 1e6)], short=[(3, 4, 5e5)]), bars())
    assert "$2.00M of longs at $27,500 to $27,700, 1.1 % away" in text
    assert "$500k of shorts at $28,300 to $28,500" in text


def test_the_takeaway_of_events_adds_up_the_window() -> None:
    text = explain.takeaway(grid("realised", long=[(0, 0, 3e6)], short=[(1, 4, 1e6)]), bars())
    assert text.startswith("$4.00M of positions were liquidated in this window, 75 % of it longs.")
    assert "$3.00M of longs" in text


def test_an_empty_map_is_said_to_be_empty() -> None:
    assert "No liquidation" in explain.takeaway(grid("realised"), bars())
    assert "no open positions" in explain.takeaway(grid(), bars())


def test_what_nobody_listened_to_is_not_said_to_be_empty() -> None:
    empty = grid("realised")
    some, none = np.array([False, True, False, False]), np.zeros(4, dtype=bool)
    assert "No liquidation" in explain.takeaway(replace(empty, observed=some), bars())
    assert "Nobody listened" in explain.takeaway(replace(empty, observed=none), bars())


@pytest.mark.parametrize(
    ("kind", "says", "never"),
    [("realised", "*were* closed", "*would be*"), ("modelled", "*would be* closed", "*were* closed")],
)
def test_realised_and_modelled_are_never_worded_alike(kind: str, says: str, never: str) -> None:
    text = " ".join(explain.how_to_read(grid(kind, long=[(0, 0, 1e6)]), bars(), (1e3, 1e6), "log", 0.0))
    assert says in text
    assert never not in text


def test_how_to_read_uses_the_legend_and_the_cell_of_this_chart() -> None:
    text = " ".join(
        explain.how_to_read(grid("realised", long=[(0, 0, 1e6)]), bars(), (2e3, 5e6), "percentile", 500.0)
    )
    for part in (
        "1-hour column",
        "$200",
        "$2.00k to $5.00M",
        "by rank",
        "Cells under $500",
        "95 %",
        "Alder: a sample",
    ):
        assert part in text, part


def test_gaps_are_said_to_be_gaps() -> None:
    whole = grid("realised", long=[(0, 0, 1e6)])
    cut = HeatGrid(
        **{
            **{name: getattr(whole, name) for name in whole.__dataclass_fields__},
            "observed": np.array([True, False, True, True]),
        }
    )
    assert "1 of 4 columns" in " ".join(explain.how_to_read(cut, bars(), (1, 10), "log", 0.0))
    assert "hatched" not in " ".join(explain.how_to_read(whole, bars(), (1, 10), "log", 0.0))


def test_what_if_counts_the_bands_between_and_names_who_is_pushed() -> None:
    levels = grid(long=[(3, 0, 2e6), (3, 1, 1e6)], short=[(3, 4, 5e5)])
    down, up = explain.what_if(levels, bars(), 27_500), explain.what_if(levels, bars(), 28_500)
    assert "$3.00M of longs" in down
    assert "selling" in down
    assert "$500k of shorts" in up
    assert "buying" in up
    assert "Move the slider" in explain.what_if(levels, bars(), 28_000)
    assert "nothing to liquidate" in explain.what_if(levels, bars(), 28_100)


@pytest.mark.parametrize("kind", ["realised", "modelled"])
def test_beginners_get_notes_that_lie_on_the_chart(kind: str) -> None:
    map_ = grid(
        kind, long=[(0, 0, 2e6), (1, 0, 2e6), (2, 1, 5e5), (3, 1, 1e6)], short=[(1, 4, 5e5), (3, 3, 3e5)]
    )
    notes = explain.notes_for_beginners(map_, bars())
    assert len(notes) == 3
    for note in notes:
        assert map_.time_edges[0] <= note.time <= map_.time_edges[-1]
        assert map_.price_edges[0] <= note.price <= map_.price_edges[-1]
        assert note.text.endswith(".")


def test_the_provenance_line_names_kind_venues_completeness_age_and_synthesis() -> None:
    now = pd.Timestamp("2026-03-02", tz="UTC")
    line = explain.provenance_line(grid("realised", long=[(0, 0, 1.0)]), synthetic=True, now=now)
    for part in ("Realised", "Alder (a sample)", "Mar 01, 04:00 UTC", "Synthetic", "a test"):
        assert part in line
    assert "Synthetic" not in explain.provenance_line(grid(), synthetic=False)
    later = pd.Timestamp("2027-01-01", tz="UTC")
    assert "Mar 01, 2026, 04:00 UTC" in explain.provenance_line(grid(), synthetic=False, now=later)


def test_no_table_says_none() -> None:
    """Streamlit writes a missing figure as `None`, which is Python's word and not ours."""
    places = [*(ROOT / "liqcore" / "views").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    found = 0
    for place in places:
        for node in ast.walk(ast.parse(place.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.dataframe":
                found += 1
                assert "placeholder" in {given.arg for given in node.keywords}, f"{place}:{node.lineno}"
    assert found > 20
