"""The scoreboard on invented snapshots whose truth is known, and on the recorded ones where they are
present."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from liqcore import TableError, cli, read_candles, read_open_interest, read_positions, snapshots, tables
from liqcore.heat.measured import measured_heatmap
from liqcore.heat.models import MODELS
from liqcore.heat.models.fitted_distance import LONGS, SHARES, fitted_levels
from liqcore.heat.snapshots import Snapshot
from liqcore.lab.found import measured
from liqcore.lab.scoreboard import Board, made_from, markdown, scoreboard
from tests.heat.census import AT, MARK, census

DOCS = Path(__file__).resolve().parents[2] / "docs" / "scoreboard.md"
RECORDED = {
    "positions": "L_2026-02_hyperliquid_positions/positions.parquet",
    "candles": "candles/binance_um_15m_2026-02_05.parquet",
    "open_interest": "candles/binance_um_oi_5m_2026-02_06.parquet",
}


def market(days: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    close = MARK * np.exp(np.cumsum(rng.normal(0, 0.001, days * 96)))
    time = AT - pd.Timedelta(days=days) + pd.to_timedelta(np.arange(days * 96) * 15, unit="min")
    high, low = close * 1.001, close * 0.999
    return tables.candles(
        pd.DataFrame({"time": time, "open": close, "high": high, "low": low, "close": close, "volume": 100.0})
    )


def interest() -> pd.DataFrame:
    time = market()["time"]
    swing = 80_000 + 500 * np.sin(np.arange(len(time)) / 30)
    return tables.open_interest(pd.DataFrame({"time": time, "venue": "x", "quantity": swing}))


def made(days: int = 12) -> list[Snapshot]:
    """A snapshot every six hours: one census whose accounts keep their prices."""
    moments = [AT - pd.Timedelta(hours=6 * back) for back in range(days * 4)][::-1]
    return [Snapshot(at.tz_localize(None).to_datetime64(), "x", census(400, 1, at)) for at in moments]


@pytest.fixture(scope="module")
def board() -> Board:
    held = made()
    exact = measured_heatmap(held, bins=4_000, price_range=(20_000, 180_000))
    noise = measured_heatmap([Snapshot(held[0].at, "x", census(400, 9))], bins=400)
    return scoreboard(
        held, market(), interest(), np.random.default_rng(1), others={"exact": exact, "another": noise}
    )


def test_the_exact_map_leads_and_yesterdays_is_as_good_where_nothing_moves(board):
    table = board.table.set_index("map")
    assert board.table["map"].iloc[:2].tolist() == ["Yesterday's measured map", "exact"]
    assert table.loc["Yesterday's measured map", "matched"] == pytest.approx(1.0)
    assert table.loc["exact", "matched"] > 0.9
    assert table.loc["exact", "precision"] > 0.9
    assert table.loc["Yesterday's measured map", "mass_error"] == pytest.approx(0.0, abs=1e-9)
    assert table.loc["Everywhere the same", "matched"] == 0
    assert table.loc["Everywhere the same", "precision"] == pytest.approx(0.1)


def test_every_model_of_the_registry_has_a_row_and_all_variants_are_counted(board):
    assert {one.title for one in MODELS.values()} <= set(board.table["map"])
    assert board.variants == len(board.table)
    assert (board.table["matched_low"] <= board.table["matched"]).all()
    assert (board.table["matched"] <= board.table["matched_high"]).all()


def test_without_liquidations_the_forward_score_is_unknown_and_said_so(board):
    assert board.table["forward"].isna().all()
    page = markdown(board)
    assert page.count("not enough data") == len(board.table)
    assert board.made_from in page
    assert f"{board.variants} maps were tried" in page


def test_few_days_are_not_enough_and_fewer_snapshots_are_refused():
    held = made(4)
    told = scoreboard(held, market(5), None, np.random.default_rng(1))
    assert "Not enough data" in told.note
    assert "Not enough data" in markdown(told)
    # A model that cannot run on what was given keeps its row.
    lacking = told.table.set_index("map").loc["Candle colour × ΔOI"]
    assert lacking.isna().all()
    assert "| Candle colour × ΔOI | not enough data | not enough data |" in markdown(told)
    with pytest.raises(TableError, match="Fewer than three snapshots"):
        scoreboard(held[:2], market(5), None, np.random.default_rng(1))


def test_what_it_was_made_from_changes_with_one_position():
    held, bars = made(4), market(5)
    one = made_from(held, bars, None)
    assert made_from(made(4), market(5), None) == one
    held[-1].positions.loc[0, "quantity"] *= 1.0001
    assert made_from(held, bars, None) != one


def test_fitted_levels_stand_at_the_quantiles_they_were_fitted_to():
    levels = fitted_levels(LONGS, LONGS)
    away = np.sort(1 - levels.long)
    assert np.interp(SHARES[1:-1], (np.arange(20) + 0.5) / 20, away) == pytest.approx(LONGS[1:-1], rel=0.08)
    assert levels.mixes.sum(axis=1) == pytest.approx([1.0, 1.0])


@pytest.mark.real_data
def test_the_committed_page_is_what_the_recorded_data_give(real_data):
    told = scoreboard(
        snapshots(read_positions(real_data / RECORDED["positions"], venue="hyperliquid")),
        read_candles(real_data / RECORDED["candles"]),
        read_open_interest(real_data / RECORDED["open_interest"]),
        np.random.default_rng(1),
    )
    assert told.note == ""
    assert markdown(told) == DOCS.read_text(encoding="utf-8")


def test_the_command_writes_the_page_and_the_table(tmp_path):
    pd.concat([one.positions.astype({"account": str}) for one in made(4)]).to_parquet(tmp_path / "p.parquet")
    market(5).to_parquet(tmp_path / "c.parquet")
    files = [str(tmp_path / "p.parquet"), "--candles", str(tmp_path / "c.parquet")]
    for name in ("board.md", "board.parquet"):
        done = CliRunner().invoke(cli._app, ["score", *files, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    assert "# Models against measured positions" in (tmp_path / "board.md").read_text(encoding="utf-8")
    assert "matched" in pd.read_parquet(tmp_path / "board.parquet")
    done = CliRunner().invoke(cli._app, ["score", *files, "-o", str(tmp_path / "board.docx")])
    assert done.exit_code == 2


def test_the_table_of_the_lab_page_is_that_of_the_committed_page():
    page, held = DOCS.read_text(encoding="utf-8"), measured()
    rows = [f"| {' | '.join(row)} |" for row in held.rows.astype(str).to_numpy().tolist()]
    assert rows == [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert held.note in page.replace("`", "")
