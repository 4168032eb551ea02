"""Longer bars, indicators, volume at price and candle patterns against independent computations."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings, strategies as st
from market_series import STEP, bars, mirrored, series, walk

from liqcore import market, tables
from liqcore.market.candles import data_notes
from liqcore.tables import TableError

# Closing prices of a widely printed worked example of Wilder's RSI, to four decimals.
CHART_SCHOOL = [
    44.3389,
    44.0902,
    44.1497,
    43.6124,
    44.3278,
    44.8264,
    45.0955,
    45.4245,
    45.8433,
    46.0826,
    45.8931,
    46.0328,
    45.6140,
    46.2820,
    46.2820,
    46.0028,
    46.0328,
    46.4116,
    46.2222,
    45.6439,
]


def only_closes(prices):
    return bars([(price, price, price, price, 1.0) for price in prices])


def test_bar_length_is_the_most_common_spacing_or_what_is_said():
    candles = walk(1, 50, gap=0.1)
    assert market.bar_length(candles) == np.timedelta64(15, "m")
    assert market.bar_length(candles, "1h") == np.timedelta64(1, "h")
    with pytest.raises(TableError, match="timeframe"):
        market.bar_length(candles.iloc[:1])


@settings(max_examples=15)
@given(series(least=8), st.sampled_from([2, 4, 7]))
def test_resampling_agrees_with_pandas_and_invents_nothing(candles, factor):
    frame = f"{15 * factor}min"
    ours = market.resample(candles, frame, partial=True, source="15min")
    groups = candles.set_index("time").resample(frame, origin="epoch")
    theirs = pd.DataFrame(
        {
            "open": groups["open"].first(),
            "high": groups["high"].max(),
            "low": groups["low"].min(),
            "close": groups["close"].last(),
            "volume": groups["volume"].sum(),
            "count": groups["open"].count(),
        }
    )
    unknown = groups["volume"].count() < theirs["count"]
    theirs["volume"] = theirs["volume"].mask(unknown)
    theirs = theirs[theirs["count"] > 0]
    assert ours["time"].tolist() == theirs.index.tolist()
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(ours[name], theirs[name])
    np.testing.assert_array_equal(ours["complete"], theirs["count"] == factor)
    whole = market.resample(candles, frame, source="15min")
    pd.testing.assert_frame_equal(
        whole, ours[ours["complete"]].drop(columns="complete").reset_index(drop=True)
    )
    assert tuple(whole.columns) == tables.CANDLES


def test_resampled_days_begin_at_midnight_utc():
    hourly = bars(
        [(1, 1, 1, 1, 1)] * 60, start=pd.Timestamp("2024-03-01 07:00", tz="UTC"), step=pd.Timedelta("1h")
    )
    days = market.resample(hourly, "1d")
    assert days["time"].tolist() == [pd.Timestamp("2024-03-02", tz="UTC")]
    assert days["volume"].tolist() == [24.0]


def test_bars_that_cannot_be_built_are_refused_in_a_sentence():
    candles = walk(3, 20)
    with pytest.raises(TableError, match="multiple of 15 min"):
        market.resample(candles, "20min")
    shifted = candles.assign(time=candles["time"] + pd.Timedelta("7min"))
    with pytest.raises(TableError, match="whole 15 min UTC"):
        market.resample(shifted, "1h")


def test_rsi_reproduces_the_published_example():
    got = market.rsi(only_closes(CHART_SCHOOL))
    np.testing.assert_allclose(got[14:20], [70.53, 66.32, 66.55, 69.41, 66.36, 57.97], atol=0.005)
    assert np.isnan(got[:14]).all()


def wilder(values, period):
    """Wilder's smoothing, begun with a plain mean of the first `period` values; one loop, nothing clever."""
    out = [np.nan] * (period - 1) + [sum(values[:period]) / period]
    for value in values[period:]:
        out.append((out[-1] * (period - 1) + value) / period)
    return np.array(out)


def exponential(values, period):
    out = [np.nan] * (period - 1) + [sum(values[:period]) / period]
    for value in values[period:]:
        out.append(out[-1] + 2.0 / (period + 1) * (value - out[-1]))
    return np.array(out)


def test_indicators_agree_with_loops_written_from_the_definitions():
    candles = walk(5, 120)
    high, low, close = (candles[name].tolist() for name in ("high", "low", "close"))
    ranges = [high[0] - low[0]]
    ranges += [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in range(1, 120)
    ]
    np.testing.assert_allclose(market.true_range(candles), ranges)
    np.testing.assert_allclose(market.atr(candles)[1:], wilder(ranges[1:], 14))
    change = np.diff(close)
    up, down = wilder(np.maximum(change, 0).tolist(), 14), wilder(np.maximum(-change, 0).tolist(), 14)
    np.testing.assert_allclose(market.rsi(candles)[1:], 100 * up / (up + down))
    slow = exponential(close, 26)
    fast = np.append(np.full(14, np.nan), exponential(close[14:], 12))
    line = fast - slow
    average = np.append(np.full(25, np.nan), exponential(line[25:].tolist(), 9))
    got = market.macd(candles)
    np.testing.assert_allclose(got.signal, average, atol=1e-9)
    np.testing.assert_allclose(got.line[33:], line[33:], atol=1e-9)
    np.testing.assert_allclose(got.histogram, got.line - got.signal)
    assert np.isnan(got.line[:33]).all()


def test_indicators_forget_across_a_long_gap_and_bridge_a_short_one():
    candles = walk(7, 160)
    late = candles.assign(
        time=candles["time"].where(candles.index < 80, candles["time"] + pd.Timedelta("1D"))
    )
    for indicator in (market.rsi, market.atr):
        np.testing.assert_array_equal(
            indicator(late), np.append(indicator(candles.iloc[:80]), indicator(candles.iloc[80:]))
        )
    short = candles.assign(time=candles["time"].where(candles.index < 80, candles["time"] + 5 * STEP))
    close = candles["close"].to_numpy()
    np.testing.assert_array_equal(market.rsi(short), talib.RSI(close, 14))
    assert market.true_range(late)[80] == candles["high"][80] - candles["low"][80]


def test_a_price_that_stands_still_has_no_range_and_no_direction():
    flat = only_closes([28_000.0] * 60)
    assert (market.atr(flat)[14:] == 0).all()
    assert (market.rsi(flat)[14:] == 50).all()
    np.testing.assert_allclose(market.macd(flat).histogram[33:], 0, atol=1e-6)


@settings(max_examples=15)
@given(series(least=2), st.data())
def test_no_indicator_looks_ahead(candles, data):
    cut = data.draw(st.integers(1, len(candles)))
    past = candles.iloc[:cut]
    for indicator in (market.true_range, market.atr, market.rsi):
        np.testing.assert_array_equal(
            indicator(candles, timeframe="15min")[:cut], indicator(past, timeframe="15min")
        )
    for whole, part in zip(
        market.macd(candles, timeframe="15min"), market.macd(past, timeframe="15min"), strict=True
    ):
        np.testing.assert_array_equal(whole[:cut], part)
    np.testing.assert_array_equal(market.cvd(candles)[:cut], market.cvd(past))
    moment = candles["time"].iloc[cut - 1] + STEP
    whole, part = (
        market.candle_patterns(candles, timeframe="15min"),
        market.candle_patterns(past, timeframe="15min"),
    )
    pd.testing.assert_frame_equal(whole[whole["known_at"] <= moment].reset_index(drop=True), part)
    pd.testing.assert_frame_equal(market.candle_patterns(candles, at=moment, timeframe="15min"), part)


def test_cvd_adds_what_is_known_and_marks_what_is_not():
    candles = bars([(1, 1, 1, 1, volume) for volume in (10, 10, np.nan, 10)], taker=[7, 2, np.nan, 10])
    np.testing.assert_array_equal(market.taker_delta(candles), [4, -6, np.nan, 10])
    np.testing.assert_array_equal(market.cvd(candles), [4, -2, np.nan, 8])


def spread_by_hand(candles, edges):
    out = np.zeros(len(edges) - 1)
    for bottom, top, volume in zip(
        *(candles[name].tolist() for name in ("low", "high", "volume")), strict=True
    ):
        if np.isnan(volume):
            continue
        for place, (below, above) in enumerate(pairwise(edges.tolist())):
            if top > bottom:
                out[place] += volume * max(min(top, above) - max(bottom, below), 0.0) / (top - bottom)
            elif below <= bottom < above or (place == len(out) - 1 and bottom == above):
                out[place] += volume
    return out


@settings(max_examples=15)
@given(series(least=1, most=40), st.integers(1, 25), st.booleans())
def test_volume_at_price_agrees_with_bar_by_bar_bin_by_bin(candles, bins, cropped):
    window = (float(candles["low"].min()) + 2.2, float(candles["high"].max()) + 3.1) if cropped else None
    profile = market.volume_profile(candles, bins, window)
    np.testing.assert_allclose(profile.volume, spread_by_hand(candles, profile.edges), atol=1e-6)
    total = candles["volume"].sum()
    assert profile.volume.sum() + profile.outside == pytest.approx(total, abs=1e-6)
    if not cropped:
        assert profile.outside == 0
    if profile.volume.sum() == 0:
        assert profile.point_of_control is None
        assert profile.value_area is None
        assert profile.notes
        return
    low, high = profile.value_area
    first, last = np.searchsorted(profile.edges, [low, high])
    busiest = int(profile.volume.argmax())
    assert profile.point_of_control == pytest.approx(profile.centres[busiest])
    assert first <= busiest < last
    held = profile.volume[first:last].sum()
    assert held >= 0.7 * profile.volume.sum() * (1 - 1e-9)
    # The smaller end was the last to be needed: without it the area would be too small.
    if last - first > 1:
        ends = [end for end in (first, last - 1) if end != busiest]
        assert held - max(profile.volume[end] for end in ends) < 0.7 * profile.volume.sum() * (1 + 1e-9)


def test_value_area_grows_towards_the_busier_side():
    # Volumes by price: 1, 1, 10, 5, 4, 0.5. From 10 the rule takes 5, then 4, and has 19 of 21.5.
    rows = [
        (price, price, price, price, volume)
        for price, volume in zip([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], [1, 1, 10, 5, 4, 0.5], strict=True)
    ]
    profile = market.volume_profile(bars(rows), bins=6, price_range=(1e-9, 6.0))
    assert profile.value_area == pytest.approx((2.0, 5.0))
    assert market.volume_profile(
        bars(rows), bins=6, price_range=(1e-9, 6.0), share=0.65
    ).value_area == pytest.approx((2.0, 4.0))


def test_high_and_low_nodes_are_the_hills_and_the_valley():
    price = np.arange(100, 140) + 0.5
    height = 100 * np.exp(-((price - 110) ** 2) / 8) + 60 * np.exp(-((price - 130) ** 2) / 8) + 1
    profile = market.volume_profile(
        bars([(p, p, p, p, v) for p, v in zip(price, height, strict=True)]), 40, (100.0, 140.0)
    )
    assert profile.high_nodes == pytest.approx([110, 130], abs=1.0)
    assert profile.low_nodes == pytest.approx([120], abs=2.0)
    assert profile.point_of_control == pytest.approx(110, abs=1.0)


def test_profiles_without_volume_say_why():
    unknown = walk(1, 30, unknown=1.0)
    assert "unknown in every candle" in market.volume_profile(unknown).notes[0]
    dead = walk(1, 30, empty=1.0)
    assert "Nothing was traded" in market.volume_profile(dead).notes[0]
    some = unknown.assign(
        volume=unknown["volume"].where(unknown.index > 4, np.nan).fillna(0.0).where(unknown.index > 4)
    )
    some.loc[10, "volume"] = 3.0
    assert "5 of 30" in market.volume_profile(some).notes[0]
    with pytest.raises(TableError, match="no candles"):
        market.volume_profile(tables.empty("candles"))
    with pytest.raises(TableError, match="range"):
        market.volume_profile(dead, price_range=(5.0, 5.0))


CALM = [(100, 101, 99, 100.4, 5), (100.4, 101.4, 99.4, 100, 5)] * 8


def patterns_in(rows, **options):
    found = market.candle_patterns(bars(rows, **options))
    last = bars(rows)["time"].iloc[-1]
    return {
        (row.name_, row.side)
        for row in found.rename(columns={"name": "name_"}).itertuples()
        if row.time == last
    }


def test_patterns_drawn_by_hand_are_found_and_named():
    engulfing = [*CALM, (100, 100.2, 98.8, 99, 5), (98.9, 101.2, 98.8, 101, 5)]
    assert ("Engulfing", "bullish") in patterns_in(engulfing)
    hammer = [*CALM, (100, 100.1, 98, 98.2, 5), (98, 98.22, 96.2, 98.2, 5)]
    assert ("Hammer", "bullish") in patterns_in(hammer)
    star = [*CALM, (100, 102, 99.9, 101.8, 5), (102.1, 104, 102.05, 102.3, 5)]
    assert ("Shooting star", "bearish") in patterns_in(star)
    assert ("Doji", "neutral") in patterns_in([*CALM, (100, 101, 99, 100, 5)])
    morning = [*CALM, (100, 100.1, 95.9, 96, 5), (95.5, 95.8, 95.2, 95.4, 5), (95.9, 99.2, 95.8, 99, 5)]
    assert ("Morning star", "bullish") in patterns_in(morning)
    evening = [
        *CALM,
        (100, 104.1, 99.9, 104, 5),
        (104.5, 104.8, 104.2, 104.6, 5),
        (104.1, 104.2, 100.8, 101, 5),
    ]
    assert ("Evening star", "bearish") in patterns_in(evening)


def test_patterns_are_those_of_ta_lib_with_time_and_words():
    candles = walk(11, 400)
    found = market.candle_patterns(candles)
    opens, high, low, close = (candles[name].to_numpy() for name in ("open", "high", "low", "close"))
    engulfing = talib.CDLENGULFING(opens, high, low, close)
    ours = found[found["name"] == "Engulfing"]
    assert len(ours) == np.count_nonzero(engulfing)
    assert ours["time"].tolist() == candles["time"][engulfing != 0].tolist()
    assert (np.where(ours["side"] == "bullish", 1, -1) * ours["strength"] * 100).tolist() == engulfing[
        engulfing != 0
    ].tolist()
    assert ((found["known_at"] - found["time"]) == STEP).all()
    assert found["meaning"].str.len().min() > 20


def test_upside_down_a_bullish_engulfing_is_bearish():
    candles = walk(13, 300)
    up, down = (market.candle_patterns(frame) for frame in (candles, mirrored(candles)))
    sides = [frame[frame["name"] == "Engulfing"]["side"].value_counts() for frame in (up, down)]
    assert sides[0]["bullish"] > 0
    # A body without height counts as rising, whichever way up, so the counts may differ by those few.
    assert abs(int(sides[0]["bullish"]) - int(sides[1]["bearish"])) <= int(
        (candles["open"] == candles["close"]).sum()
    )


def test_no_pattern_without_a_range_or_across_a_gap():
    assert market.candle_patterns(only_closes([100.0] * 40)).empty
    rows = [*CALM, (100, 100.2, 98.8, 99, 5), (98.9, 101.2, 98.8, 101, 5)]
    candles = bars(rows)
    late = candles.assign(
        time=candles["time"].where(candles.index < len(rows) - 1, candles["time"] + pd.Timedelta("1D"))
    )
    assert "Engulfing" in set(market.candle_patterns(candles).query("time == @candles.time.iloc[-1]")["name"])
    assert "Engulfing" not in set(market.candle_patterns(late).query("time == @late.time.iloc[-1]")["name"])


def test_notes_name_what_the_candles_cannot_tell():
    step = np.timedelta64(15, "m").astype("timedelta64[us]")
    assert "no candles" in data_notes(tables.empty("candles"), step)[0]
    assert data_notes(walk(1, 60), step, 14) == ()
    assert "only 9 closed candles" in data_notes(walk(1, 9), step, 14)[0]
    candles = walk(1, 60)
    late = candles.assign(
        time=candles["time"].where(candles.index < 30, candles["time"] + pd.Timedelta("1D"))
    )
    assert any("96 candles are missing" in note and "1 d" in note for note in data_notes(late, step))
    assert any("unknown in 60 of 60" in note for note in data_notes(walk(1, 60, unknown=1.0), step))
    assert any("zero in every candle" in note for note in data_notes(walk(1, 60, empty=1.0), step))
    assert any("did not move" in note for note in data_notes(only_closes([5.0] * 30), step))
    assert any("Taker volume" in note for note in data_notes(walk(1, 60, taker=False), step))


@pytest.mark.real_data
def test_five_minute_candles_make_the_hourly_ones_that_were_recorded_separately(real_data):
    fine = tables.candles(
        pd.read_parquet(real_data / "candles/binance_um_5m_2023-01_2024-05.parquet")
        .rename(columns={"ts": "time"})
        .head(20_000)
    )
    hourly = tables.candles(
        pd.read_parquet(real_data / "candles/binance_um_1h_2019_2024.parquet").rename(columns={"ts": "time"})
    )
    both = market.resample(fine, "1h").merge(hourly, on="time", suffixes=("", "_recorded"))
    assert len(both) > 1_500
    for name in ("open", "high", "low", "close", "volume"):
        agree = np.isclose(both[name], both[f"{name}_recorded"], rtol=1e-6)
        assert agree.mean() > 0.999, name


@pytest.mark.real_data
def test_crash_candles_with_opens_outside_their_range_are_read(real_data):
    raw = pd.read_parquet(real_data / "candles/bitmex_xbtusd_1m_2020-03.parquet")
    raw = raw.rename(columns={"timestamp": "time"})[["time", "open", "high", "low", "close"]].assign(
        volume=raw["homeNotional"]
    )
    candles = tables.candles(raw.iloc[15_000:20_000])
    profile = market.volume_profile(candles)
    assert profile.volume.sum() == pytest.approx(candles["volume"].sum())
    assert candles["low"].min() < profile.point_of_control < candles["high"].max()
    assert np.isfinite(market.atr(candles)[14:]).all()
    assert market.candle_patterns(candles)["time"].is_monotonic_increasing
