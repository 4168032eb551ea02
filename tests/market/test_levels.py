"""Turning points, zones and key levels against brute force, and that none of them looks ahead."""

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings, strategies as st
from market_series import STEP, bars, mirrored, series, walk

from liqcore import market, tables
from liqcore.market import levels as level_module
from liqcore.market.swings import touches
from liqcore.tables import TableError


def pivots_by_hand(high, low, bars):
    found = []
    for i in range(bars, len(high) - bars):
        if all(high[i] > h for h in high[i - bars : i]) and all(
            high[i] >= h for h in high[i + 1 : i + bars + 1]
        ):
            found.append((i, "swing high", high[i]))
        if all(low[i] < value for value in low[i - bars : i]) and all(
            low[i] <= value for value in low[i + 1 : i + bars + 1]
        ):
            found.append((i, "swing low", low[i]))
    return found


@settings(max_examples=15)
@given(series(), st.integers(1, 5))
def test_pivots_agree_with_a_loop_and_are_known_late(candles, bars):
    got = market.pivots(candles, bars, timeframe="15min")
    time, rows = (
        candles["time"].tolist(),
        pivots_by_hand(candles["high"].tolist(), candles["low"].tolist(), bars),
    )
    expected = [(time[i], time[i + bars] + STEP, kind, price) for i, kind, price in rows]
    assert list(got.itertuples(index=False, name=None)) == expected


def test_flat_prices_have_no_turning_points_and_a_plateau_has_one():
    flat = bars([(100, 100, 100, 100, 1)] * 20)
    assert market.pivots(flat).empty
    top = bars([(high, high, 90, high, 1) for high in (95, 96, 99, 99, 99, 96, 95)])
    found = market.pivots(top)
    assert found["time"].tolist() == [top["time"].iloc[2]]
    assert found["confirmed_at"].tolist() == [top["time"].iloc[5]]


def test_unusable_windows_are_refused():
    for call in (
        lambda c: market.pivots(c, 0),
        lambda c: market.swing_zones(c, merge=0),
        lambda c: market.swing_zones(c, lookback=0),
    ):
        with pytest.raises(TableError):
            call(walk(1, 30))


def zones_by_hand(candles, pivot_bars, lookback, merge):
    """Every turn against every zone so far, nothing sorted, nothing forgotten."""
    high, low, close = (candles[name].to_numpy() for name in ("high", "low", "close"))
    usual = talib.ATR(high, low, close, 14) if len(candles) else []
    zones = []
    for row, kind, price in pivots_by_hand(high.tolist(), low.tolist(), pivot_bars):
        now = row + pivot_bars
        if np.isnan(usual[now]):
            continue
        near = [
            (abs(zone["price"] - price), zone["price"], zone)
            for zone in zones
            if now - zone["last"] <= lookback
            and (abs(zone["price"] - price) < merge * usual[now] or zone["price"] == price)
        ]
        if near:
            zone = min(near, key=lambda item: item[:2])[2]
            zone["turns"] += 1
            zone["last"] = now
        else:
            zones.append(
                {
                    "price": price,
                    "half": merge / 2 * usual[now],
                    "kind": kind,
                    "turns": 1,
                    "last": now,
                    "row": row,
                    "known": now,
                }
            )
    return zones


@settings(max_examples=15)
@given(
    series(gap=0.0),
    st.integers(1, 3),
    st.one_of(st.integers(3, 12), st.just(500)),
    st.sampled_from([0.25, 1.0]),
)
def test_zones_agree_with_every_turn_against_every_zone(candles, pivot_bars, lookback, merge):
    got = market.swing_zones(candles, pivot_bars, lookback, merge, timeframe="15min")
    expected = zones_by_hand(candles, pivot_bars, lookback, merge)
    time = candles["time"]
    assert got["price"].tolist() == [zone["price"] for zone in expected]
    assert got["turns"].tolist() == [zone["turns"] for zone in expected]
    assert got["kind"].tolist() == [zone["kind"] for zone in expected]
    assert got["first_seen"].tolist() == [time.iloc[zone["row"]] for zone in expected]
    assert got["confirmed_at"].tolist() == [time.iloc[zone["known"]] + STEP for zone in expected]
    np.testing.assert_allclose(got["high"] - got["low"], [2 * zone["half"] for zone in expected])


@settings(max_examples=15)
@given(series(least=5), st.data())
def test_what_comes_later_changes_no_zone(candles, data):
    cut = data.draw(st.integers(1, len(candles)))
    moment = candles["time"].iloc[cut - 1] + STEP
    whole = market.swing_zones(candles, 2, 60, timeframe="15min")
    then = market.swing_zones(candles.iloc[:cut], 2, 60, timeframe="15min")
    lasting = ["price", "low", "high", "kind", "first_seen", "confirmed_at"]
    pd.testing.assert_frame_equal(
        whole[whole["confirmed_at"] <= moment][lasting].reset_index(drop=True), then[lasting]
    )
    assert (then["turns"].to_numpy() <= whole["turns"].to_numpy()[: len(then)]).all()


@settings(max_examples=12)
@given(series(least=2), st.data())
def test_key_levels_at_a_moment_use_only_bars_closed_by_then(candles, data):
    row = data.draw(st.integers(0, len(candles) - 1))
    late = data.draw(st.sampled_from([pd.Timedelta(0), pd.Timedelta("7min")]))
    moment = candles["time"].iloc[row] + STEP + late
    options = {
        "own": [995.0],
        "timeframe": "15min",
        "pivot_bars": 2,
        "round_numbers": True,
        "bins": 20,
        "lookback": 60,
    }
    whole, then = (
        market.key_levels(candles, at=moment, **options),
        market.key_levels(candles.iloc[: row + 1], **options),
    )
    pd.testing.assert_frame_equal(whole.table, then.table)
    assert whole.notes == then.notes
    assert (whole.table["confirmed_at"] <= moment).all()
    just_before = market.key_levels(candles, at=moment - late - pd.Timedelta("1s"), **options)
    pd.testing.assert_frame_equal(just_before.table, market.key_levels(candles.iloc[:row], **options).table)


def touches_by_hand(candles, low, high, after):
    inside = [
        bool(h >= low and bottom <= high) for h, bottom in zip(candles["high"], candles["low"], strict=True)
    ]
    visits = [i for i in range(len(inside)) if inside[i] and (i == 0 or not inside[i - 1]) and i > after]
    later = [i for i in range(len(inside)) if inside[i] and i > after]
    return len(visits), (later[-1] if later else -1)


@settings(max_examples=15)
@given(series(most=60), st.lists(st.tuples(st.integers(985, 1015), st.integers(0, 8)), max_size=4))
def test_touches_agree_with_a_loop_behind_every_bar(candles, zones):
    after = np.tile(np.arange(-1, len(candles)), len(zones))
    low = np.repeat([float(price) for price, _ in zones], len(candles) + 1)
    high = low + np.repeat([float(height) for _, height in zones], len(candles) + 1)
    count, last = touches(candles, low, high, after)
    expected = [touches_by_hand(candles, *zone) for zone in zip(low, high, after, strict=True)]
    assert list(zip(count.tolist(), last.tolist(), strict=True)) == expected


def test_touches_before_confirmation_do_not_count():
    # Twenty bars of chop, a clear top at 110, five visits to it later on.
    chop = [(100, 101, 99, 100.5 - (i % 2), 5) for i in range(20)]
    top = [(100, 104, 99, 104, 5), (104, 110, 103, 105, 5), (105, 106, 101, 102, 5)]
    visit = [(102, 110.2, 101, 103, 5), (103, 104, 100, 102, 5), (102, 104, 100, 102, 5)]
    candles = bars(chop + top + [(102, 104, 100, 102, 5)] * 2 + visit * 5)
    options = {"pivot_bars": 2, "count": None, "spacing": 0.0, "volume_levels": False}
    found = market.key_levels(candles, **options).table
    level = found[found["price"] == 110].iloc[0]
    assert level["kind"] == "swing high"
    assert level["confirmed_at"] == candles["time"].iloc[23] + STEP
    assert level["touches"] == 5
    assert level["role"] == "resistance"
    assert level["last_touch"] == candles["time"].iloc[-3]
    early = market.key_levels(candles, at=candles["time"].iloc[24] + STEP, **options).table
    assert early[early["price"] == 110]["touches"].tolist() == [0]


@settings(max_examples=12)
@given(series(least=40, empty=0.0), st.integers(1, 8), st.sampled_from([0.5, 1.0, 2.0]))
def test_the_strongest_are_kept_apart(candles, count, spacing):
    found = market.key_levels(candles, timeframe="15min", pivot_bars=2, count=count, spacing=spacing).table
    everything = market.key_levels(candles, timeframe="15min", pivot_bars=2, count=None, spacing=0.0).table
    assert len(found) <= count
    assert found["price"].is_monotonic_increasing
    assert found["strength"].between(0, 1).all()
    usual = market.atr(candles, timeframe="15min")[-1]
    if len(found) > 1 and not np.isnan(usual):
        assert np.diff(found["price"]).min() >= spacing * usual - 1e-9
    if len(found):
        assert found["strength"].max() == everything["strength"].max()
        assert set(found["price"]) <= set(everything["price"])


def test_more_turns_make_a_stronger_level():
    found = market.key_levels(
        walk(4, 400), pivot_bars=2, count=None, spacing=0.0, volume_levels=False, lookback=10_000
    ).table
    by_turns = found.groupby("turns")["strength"].mean()
    assert len(by_turns) > 3
    assert by_turns.is_monotonic_increasing
    assert (found["turns"] >= 1).all()


def test_the_users_own_levels_are_always_there():
    candles = walk(2, 200)
    found = market.key_levels(candles, own=[5_000.0, 990.5, 990.5], count=1).table
    own = found[found["kind"] == "own"]
    assert own["price"].tolist() == [990.5, 5_000.0]
    assert own["strength"].tolist() == [1.0, 1.0]
    assert own["confirmed_at"].tolist() == [candles["time"].iloc[0]] * 2
    assert own["touches"].iloc[1] == 0
    assert own["role"].iloc[1] == "resistance"
    assert len(found) == 3
    for bad in (-1.0, float("nan"), 0.0):
        with pytest.raises(TableError, match="not a price"):
            market.key_levels(candles, own=[bad])


def test_volume_levels_are_those_of_the_profile_of_the_look_back():
    candles = walk(6, 300)
    found = market.key_levels(candles, lookback=100, count=None, spacing=0.0, merge=0.01).table
    profile = market.volume_profile(candles.iloc[-100:], 60)
    named = dict(zip(found["kind"].astype(str), found["price"], strict=True))
    assert named["point of control"] == profile.point_of_control
    assert (named["value area low"], named["value area high"]) == profile.value_area
    nodes = set(profile.high_nodes) - {profile.point_of_control}
    assert set(found.loc[found["kind"] == "volume node", "price"]) == nodes
    control = found[found["kind"] == "point of control"].iloc[0]
    assert control["first_seen"] == candles["time"].iloc[-100]
    assert control["confirmed_at"] == candles["time"].iloc[-1] + STEP
    assert control["touches"] == 0


def test_two_reasons_for_one_price_are_one_stronger_level():
    candles = walk(6, 300)
    apart = market.key_levels(candles, count=None, spacing=0.0, volume_levels=False).table
    together = market.key_levels(candles, count=None, spacing=0.0).table
    folded = together[together["also"] != ""]
    assert len(folded) > 0
    before = apart.set_index("price")["strength"]
    assert (folded["strength"].to_numpy() > before[folded["price"]].to_numpy()).all()
    assert folded["kind"].isin(["swing high", "swing low"]).all()
    assert folded["also"].str.contains("volume|value|control").all()


def test_round_numbers_surround_the_price():
    candles = walk(8, 200)
    found = market.key_levels(
        candles, round_numbers=True, count=None, spacing=0.0, merge=1e-6, volume_levels=False
    ).table
    rounds = found.loc[found["kind"] == "round number", "price"].to_numpy()
    close, usual = candles["close"].iloc[-1], market.atr(candles)[-1]
    apart = np.diff(rounds)
    assert len(rounds) == 4
    assert np.allclose(apart, apart[0])
    assert apart[0] >= 4 * usual
    assert str(round(apart[0])).strip("0") in ("1", "5")
    assert np.allclose(rounds % apart[0], 0)
    assert rounds[1] <= close < rounds[2]


@settings(max_examples=12)
@given(series(least=30, empty=0.0, unknown=0.0, flat=0.0))
def test_upside_down_highs_are_lows_and_support_is_resistance(candles):
    options = {"timeframe": "15min", "pivot_bars": 2, "count": None, "spacing": 0.0, "volume_levels": False}
    up = market.key_levels(candles, **options).table
    down = market.key_levels(mirrored(candles), **options).table.iloc[::-1].reset_index(drop=True)
    np.testing.assert_allclose(2000.0 - down["price"], up["price"])
    swap = {
        "swing high": "swing low",
        "swing low": "swing high",
        "support": "resistance",
        "resistance": "support",
        "at price": "at price",
    }
    assert [swap[kind] for kind in down["kind"]] == up["kind"].tolist()
    assert [swap[role] for role in down["role"]] == up["role"].tolist()
    assert down["touches"].tolist() == up["touches"].tolist()


@pytest.mark.parametrize(
    ("candles", "word"),
    [
        (tables.empty("candles"), "no candles"),
        (walk(1, 1), "only 1 closed"),
        (walk(1, 10), "only 10 closed"),
        (bars([(100, 100, 100, 100, 0)] * 40), "did not move"),
        (walk(1, 200, unknown=1.0), "unknown in 200 of 200"),
        (walk(1, 200, empty=1.0), "zero in every candle"),
        (walk(5, 200, gap=0.05), "missing"),
    ],
    ids=["none", "one", "ten", "flat", "unknown volume", "no volume", "gaps"],
)
def test_thin_data_gives_a_table_without_holes_and_a_sentence(candles, word):
    found = market.key_levels(candles, own=[1_000.0], round_numbers=True)
    assert any(word in note for note in found.notes)
    assert not found.table.isna().any().any()
    assert tuple(found.table.columns) == level_module.LEVELS
    assert len(found) == len(found.table)
    if len(candles):
        assert (found.table["kind"] == "own").sum() == 1


def test_an_empty_answer_has_the_columns_and_types_of_a_full_one():
    empty, full = market.key_levels(tables.empty("candles")).table, market.key_levels(walk(1, 200)).table
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


@pytest.mark.real_data
def test_levels_of_a_recorded_crash(real_data):
    raw = pd.read_parquet(real_data / "C_2024-06_08_yen_crash/binance_1h_ohlcv_liq_oi_ls.parquet")
    candles = tables.candles(
        raw.rename(columns={"ts": "time", "volume_btc": "volume", "buy_volume_btc": "taker_buy_volume"})
    )
    moment = pd.Timestamp("2024-08-05 12:00", tz="UTC")
    found = market.key_levels(candles, at=moment, own=[50_000.0]).table
    past = candles[candles["time"] + pd.Timedelta("1h") <= moment]
    assert len(past) < len(candles)
    assert found["price"].between(past["low"].min(), past["high"].max()).all()
    assert (found["confirmed_at"] <= moment).all()
    close = past["close"].iloc[-1]
    assert (found.loc[found["role"] == "support", "high"] < close).all()
    assert (found.loc[found["role"] == "resistance", "low"] > close).all()
    for level in found[found["kind"].isin(["swing high", "swing low"])].itertuples():
        behind = past[past["time"] >= level.confirmed_at]
        # Each visit begins with a bar inside, so visits cannot outnumber the bars that were inside.
        inside = ((behind["high"] >= level.low) & (behind["low"] <= level.high)).sum()
        assert level.touches <= inside
        assert level.price in set(past["high"]) | set(past["low"])
