"""Every recorded table loads, says what it is, and only the fake one is called a fake."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds import files
from liqcore.feeds.files.candle_prices import price_from_candles
from liqcore.tables import TableError

pytestmark = pytest.mark.real_data
FAKE = "probably not a recorded market"

CANDLES = {
    "A_2023-01_squeeze/candles_perp_5m.parquet": 6_912,
    "A_2023-01_squeeze/mark_1h.parquet": 576,
    "B_2023-02_06_btc28k/candles_perp_5m.parquet": 43_200,
    "B_2023-02_06_btc28k/mark_1h.parquet": 3_600,
    "C_2024-06_08_yen_crash/binance_1h_ohlcv_liq_oi_ls.parquet": 1_465,
    "C_2024-06_08_yen_crash/candles_spot_1m.parquet": 43_209,
    "C_2024-06_08_yen_crash/candles_spot_5m_taker.parquet": 19_584,
    "C_2024-06_08_yen_crash/mark_1h.parquet": 1_632,
    "J_2026-03_04_pacifica/candles_perp_15m.parquet": 3_168,
    "J_2026-03_04_pacifica/coinglass_1h.parquet": 790,
    "J_2026-03_04_pacifica/mark_1h.parquet": 792,
    "candles/binance_um_15m_2026-02_05.parquet": 9_060,
    "candles/binance_um_1h_2019_2024.parquet": 41_047,
    "candles/binance_um_5m_2023-01_2024-05.parquet": 143_900,
    "candles/bitmex_xbtusd_1m_2020-03.parquet": 44_640,
    "raw/BTCUSDT-5m_20230323-20230325.csv": 848,
    "raw/src__csvFolder__BTCUSDT_PERP.A_ohlcv-history.csv": 1_465,
    "raw/src__csvFolder2__BTCUSDT_PERP.A_ohlcv-history.csv": 1_441,
}
OPEN_INTEREST = {
    "J_2026-03_04_pacifica/oi_5m.parquet": 9_504,
    "candles/binance_um_oi_5m_2026-02_06.parquet": 34_273,
    "raw/src__csvFolder__BTCUSDT_PERP.A_open-interest-history.csv": 1_465,
    "raw/src__csvFolder2__BTCUSDT_PERP.A_open-interest-history.csv": 1_441,
}
FUNDING = {
    "A_2023-01_squeeze/funding_8h.parquet": 72,
    "B_2023-02_06_btc28k/funding_8h.parquet": 450,
    "C_2024-06_08_yen_crash/funding_8h.parquet": 204,
    "J_2026-03_04_pacifica/funding_8h.parquet": 99,
    "candles/binance_um_funding_8h_2019_2026.parquet": 7_323,
}


@pytest.mark.parametrize(("name", "rows"), CANDLES.items())
def test_recorded_candles_load_and_are_believed(real_data, name, rows):
    found = files.read(real_data / name)
    assert (found.kind, found.rows_kept, found.rows_read) == ("candles", rows, rows)
    assert not any(FAKE in note or "odd" in note for note in found.notes), found.notes
    pd.testing.assert_frame_equal(tables.candles(found.table), found.table)


@pytest.mark.parametrize(
    ("kind", "name", "rows"),
    [
        *(("open_interest", *item) for item in OPEN_INTEREST.items()),
        *(("funding", *item) for item in FUNDING.items()),
    ],
)
def test_recorded_open_interest_and_funding_load(real_data, kind, name, rows):
    found = files.read(real_data / name)
    assert (found.kind, found.rows_kept) == (kind, rows)
    if kind == "open_interest":
        assert found.table["quantity"].between(20_000, 300_000).all()
    else:
        assert found.table["interval_hours"].unique().tolist() == [8.0]
        assert found.table["rate"].abs().max() < 0.01


def test_the_fake_series_is_doubted(real_data):
    found = files.read(real_data / "raw/moondevonyt_btc_15m_sample_FAKE.csv")
    notes = [note for note in found.notes if FAKE in note]
    assert len(notes) == 1
    assert notes[0].count(";") >= 3


def test_the_outage_is_found(real_data):
    notes = files.read(real_data / "raw/BTCUSDT-5m_20230323-20230325.csv").notes
    assert any(
        "Missing bars: 16, in 1 hole" in note and "Mar 24, 2023, 12:40 to Mar 24, 2023, 14:00" in note
        for note in notes
    )


def test_taker_volume_is_kept(real_data):
    for name in (
        "raw/BTCUSDT-5m_20230323-20230325.csv",
        "C_2024-06_08_yen_crash/candles_spot_5m_taker.parquet",
        "raw/src__csvFolder__BTCUSDT_PERP.A_ohlcv-history.csv",
    ):
        table = files.read_candles(real_data / name)
        traded = table[table["volume"] > 0]
        assert (traded["taker_buy_volume"] / traded["volume"]).median() == pytest.approx(0.5, abs=0.05)


def test_contract_volume_of_bitmex_is_taken_in_btc(real_data):
    table = files.read_candles(real_data / "candles/bitmex_xbtusd_1m_2020-03.parquet")
    assert table["volume"].max() < 20_000


def test_events_with_price(real_data):
    candles = files.read_candles(real_data / "J_2026-03_04_pacifica/candles_perp_15m.parquet")
    found = files.read(real_data / "J_2026-03_04_pacifica/liq_events_pacifica.parquet", candles=candles)
    assert (found.kind, found.rows_kept, found.venues, found.unit) == (
        "liquidations",
        2_987,
        ("pacifica",),
        "BTC",
    )
    assert found.table["side"].value_counts().to_dict() == {"short": 1_838, "long": 1_149}
    assert not any("clock" in note for note in found.notes)


def test_local_times_of_the_same_events_are_noticed(real_data):
    folder = real_data / "J_2026-03_04_pacifica"
    candles = files.read_candles(folder / "candles_perp_15m.parquet")
    stored = pd.read_parquet(folder / "liq_events_pacifica.parquet")
    stored["ts"] += pd.Timedelta("5h30min")
    notes = files.read(stored.drop(columns="ts_raw").to_csv(index=False).encode(), candles=candles).notes
    assert any("5.5 hours back" in note for note in notes)


def test_the_price_estimate_beats_the_typical_price(real_data):
    folder = real_data / "J_2026-03_04_pacifica"
    candles, events = (
        files.read_candles(folder / "candles_perp_15m.parquet"),
        files.read_liquidations(folder / "liq_events_pacifica.parquet"),
    )
    times = tables.microseconds(events["time"])
    guess = price_from_candles(times, (events["side"] == "long").to_numpy(), candles)
    held = candles.iloc[np.searchsorted(tables.microseconds(candles["time"]), times, "right") - 1]
    typical = held[["high", "low", "close"]].mean(axis=1).to_numpy()
    true = events["price"].to_numpy()
    error, error_typical = (1e4 * np.abs(values / true - 1).mean() for values in (guess, typical))
    assert error < 20
    assert error_typical > 1.25 * error


def test_clusters_without_price_use_the_candles(real_data):
    folder = real_data / "A_2023-01_squeeze"
    with pytest.raises(TableError, match="candles"):
        files.read_liquidations(folder / "liq_events_binance_clusters.parquet")
    candles = files.read_candles(folder / "candles_perp_5m.parquet")
    found = files.read(folder / "liq_events_binance_clusters.parquet", candles=candles)
    assert (found.rows_kept, found.venues) == (1_620, ("binance",))
    assert found.table["notional"].min() > 30_000
    stored = pd.read_parquet(folder / "liq_events_binance_clusters.parquet")
    assert found.table["notional"].sum() == pytest.approx(stored["usd"].sum())
    assert found.table["side"].eq("long").sum() == stored["position"].eq("long").sum()


def test_hourly_totals_in_local_time_are_read_and_doubted(real_data):
    candles = files.read_candles(real_data / "C_2024-06_08_yen_crash/candles_spot_5m_taker.parquet")
    found = files.read(real_data / "raw/BTCUSDT_PERP.A_liquidation-history.csv", candles=candles)
    assert (found.doubled_dropped, found.venues) == (19, ("binance",))
    text = " ".join(found.notes)
    assert "6 hours back" in text
    assert "Missing totals: 19" in text
    utc = files.read(
        real_data / "C_2024-06_08_yen_crash/binance_1h_ohlcv_liq_oi_ls.parquet", kind="liquidations"
    )
    assert utc.table["quantity"].sum() == pytest.approx(found.table["quantity"].sum(), rel=0.02)
    assert "clock" not in " ".join(utc.notes)


@pytest.mark.parametrize("folder", ["A_2023-01_squeeze", "B_2023-02_06_btc28k", "C_2024-06_08_yen_crash"])
def test_daily_columns_a_venue(real_data, folder):
    candles = files.read_candles(
        real_data
        / folder
        / ("candles_spot_5m_taker.parquet" if folder.startswith("C") else "candles_perp_5m.parquet")
    )
    stored = pd.read_parquet(real_data / folder / "liq_daily_by_exchange.parquet")
    found = files.read(real_data / folder / "liq_daily_by_exchange.parquet", candles=candles)
    assert found.table["notional"].sum() == pytest.approx(stored.drop(columns="ts").sum().sum())
    assert {"binance", "bybit", "okx", "htx"} <= set(found.venues)
    interest = files.read_open_interest(real_data / folder / "oi_daily_by_exchange.parquet", candles=candles)
    binance = interest[interest["venue"] == "binance"]
    assert binance["quantity"].between(60_000, 200_000).all()


def test_coinglass_totals(real_data):
    candles = files.read_candles(real_data / "J_2026-03_04_pacifica/candles_perp_15m.parquet")
    half = files.read(real_data / "J_2026-03_04_pacifica/coinglass_30m.parquet", candles=candles)
    stored = pd.read_parquet(real_data / "J_2026-03_04_pacifica/coinglass_30m.parquet")
    assert half.table.groupby("side", observed=True)["notional"].sum().to_dict() == pytest.approx(
        {"long": stored["longUsd"].sum(), "short": stored["shortUsd"].sum()}
    )
    hour = real_data / "J_2026-03_04_pacifica/coinglass_1h.parquet"
    assert files.read(hour, kind="liquidations").table["notional"].sum() > 1e8
    assert files.read_open_interest(hour)["quantity"].between(50_000, 150_000).all()
    assert files.read_funding(hour)["rate"].abs().max() < 0.001


@pytest.mark.parametrize(
    "name",
    [
        "raw/src__csvFolder__BTCUSDT_PERP.A_long-short-ratio-history.csv",
        "raw/src__csvFolder2__BTCUSDT_PERP.A_long-short-ratio-history.csv",
        "B_2023-02_06_btc28k/hyperliquid_liquidations_all_coins.parquet",
        "B_2023-02_06_btc28k/hyperliquid_trades_nonmm.parquet",
    ],
)
def test_what_is_no_table_of_ours_is_refused_with_a_sentence(real_data, name):
    with pytest.raises(TableError) as problem:
        files.read(real_data / name)
    assert str(problem.value).endswith(".")


def test_recorded_heatmap_samples_are_shortened_and_said_to_be(real_data):
    from liqcore.heat.grid import GridError

    with pytest.raises(GridError, match="outside its axes"):
        files.read_grid(real_data / "messages/coinglass/liquidation-heatmap.json")
    with pytest.raises(GridError, match="no heatmap"):
        files.read_grid(real_data / "messages/coinglass/liquidation-order.json")
