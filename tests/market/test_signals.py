"""Signals against rules written out by hand, upside down, and with the future cut off."""

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings, strategies as st
from market_series import START, STEP, bars, clean, mirrored, series, walk

from liqcore import market, tables
from liqcore.market import signals as signal_module
from liqcore.market.flow import robust_z
from liqcore.tables import TableError

# Long windows made short, so that a hundred bars hold every kind of signal.
QUICK = market.SignalRules(
    pivot_bars=2,
    lookback=80,
    least_turns=2,
    volume_bars=8,
    funding_window=10,
    past_minimum=5,
    open_interest_window=20,
    extreme_z=2.5,
)
CALM = [(102, 103, 101, 102.5, 10), (102.5, 103.5, 101.5, 102, 10)] * 15


def named(found, name):
    return found.table[found.table["name"] == name]


def at_100(rows, name, **options):
    """Signals of one name at the level 100 after thirty calm bars above it: (bars after the calm, side)."""
    candles = bars(CALM + rows)
    found = named(market.find_signals(candles, levels=[100.0], rules=market.SignalRules(**options)), name)
    assert (found["level"] == 100).all()
    first = candles["time"].iloc[len(CALM)]
    return [
        (int((time - first) / STEP), side) for time, side in zip(found["time"], found["side"], strict=True)
    ]


PIN = (101.2, 101.5, 99.0, 101.1, 10)


def test_a_pin_bar_at_a_level_is_a_rejection():
    assert at_100([PIN], "rejection") == [(0, "bullish")]
    assert at_100([(101.2, 101.5, 100.9, 101.1, 10)], "rejection") == []
    assert at_100([(101.2, 102.8, 99.0, 101.1, 10)], "rejection") == [], "the wick is under 60 % of the bar"
    assert at_100([(101.5, 101.6, 99.0, 100.4, 10)], "rejection") == [], "the close is not in the outer third"
    assert at_100([(100.1, 101.5, 97.0, 99.9, 10)], "rejection") == [], "it closed beyond the level"
    assert at_100([(101, 101, 98, 98.5, 10), PIN], "rejection") == [], "it came from below"
    assert at_100([(101.0, 103.0, 99.0, 103.0, 10)], "rejection") == [], "the body is as long as the wick"


def test_a_close_back_inside_soon_is_a_recapture():
    below = (101, 101.2, 98, 98.5, 10)
    under = (98.5, 99, 98, 98.6, 10)
    back = (98.6, 101.5, 98.4, 101, 10)
    assert at_100([(101, 101.2, 98, 100.5, 10)], "recapture") == [(0, "bullish")]
    assert at_100([below, back], "recapture") == [(1, "bullish")]
    assert at_100([below, under, back], "recapture") == [(2, "bullish")]
    assert at_100([below, under, under, back], "recapture") == []
    assert at_100([below, under, under, back], "recapture", within=4) == [(3, "bullish")]
    assert at_100([(101, 101.2, 99.9, 100.5, 10)], "recapture") == [], "not beyond by the tolerance"
    found = market.find_signals(bars([*CALM, below, under, back]), levels=[100.0])
    assert "(to $98)" in named(found, "recapture")["evidence"].iloc[0]
    assert "2 bars later" in named(found, "recapture")["evidence"].iloc[0]
    deeper = market.find_signals(bars([*CALM, below, under, (98.6, 101.5, 97, 101, 10)]), levels=[100.0])
    assert "(to $97)" in named(deeper, "recapture")["evidence"].iloc[0]
    assert (
        "(to $98)"
        in named(
            market.find_signals(bars([*CALM, below, back, (101, 101, 97, 100.5, 10)]), [100.0]), "recapture"
        )["evidence"].iloc[0]
    )


DOWN = (101, 101.2, 98, 98.2, 30)


def test_a_full_bar_on_volume_that_closes_beyond_is_a_breakout():
    assert at_100([DOWN], "breakout") == [(0, "bearish")]
    assert at_100([(*DOWN[:4], 14.9)], "breakout") == [], "the volume is too small"
    assert at_100([(*DOWN[:4], 15)], "breakout") == [(0, "bearish")]
    assert at_100([(101, 101.2, 94, 98.2, 30)], "breakout") == [], "the body is too small"
    assert at_100([(101, 101.2, 99.7, 99.9, 30)], "breakout") == [], "too close to the level"
    assert at_100([DOWN, (98.2, 98.3, 96, 96.2, 60)], "breakout") == [(0, "bearish")], "the level breaks once"
    assert at_100([DOWN, (99.5, 100.2, 96, 96.2, 60)], "breakout") == [(0, "bearish")], (
        "also when the price touches it again"
    )
    assert at_100([(*DOWN[:4], np.nan)], "breakout") == [], "nobody knows the volume"


def test_a_breakout_that_closes_back_inside_was_a_false_one():
    under, back = (98.2, 99, 98, 98.4, 10), (98.4, 101.5, 98.3, 101, 10)
    assert at_100([DOWN, under, back], "false breakout") == [(2, "bullish")]
    assert at_100([DOWN, *[under] * 4, back], "false breakout") == [(5, "bullish")]
    assert at_100([DOWN, *[under] * 5, back], "false breakout") == []
    assert at_100([(*DOWN[:4], 5), under, back], "false breakout") == [], "there was no breakout on volume"
    on_it = (98.2, 100.2, 98.1, 100, 10)
    assert at_100([DOWN, on_it, (100, 100.1, 98, 98.2, 60), back], "false breakout") == [(3, "bullish")], (
        "two breakouts, one failure"
    )


def test_a_breakout_that_comes_back_and_holds_is_a_retest():
    under, touch, back = (98.2, 99, 98, 98.4, 10), (98.4, 100.1, 98, 98.5, 10), (98.4, 101.5, 98.3, 101, 10)
    assert at_100([DOWN, under, touch, touch], "retest") == [(2, "bearish")]
    assert at_100([DOWN, under, back, touch], "retest") == []
    assert at_100([DOWN, under, touch], "retest", retest_bars=0) == []
    assert at_100([DOWN, *[under] * 10, touch], "retest") == []


def test_a_gap_ends_every_wait():
    rows = [(101, 101.2, 98, 98.5, 10), (98.6, 101.5, 98.4, 101, 10)]
    candles = bars(CALM + rows)
    late = candles.assign(
        time=candles["time"].where(candles.index < len(candles) - 1, candles["time"] + pd.Timedelta("1D"))
    )
    assert len(named(market.find_signals(candles, [100.0]), "recapture")) == 1
    found = market.find_signals(late, [100.0])
    assert named(found, "recapture").empty
    assert any("missing" in note for note in found.notes)


AT_LEVELS = {"rejection", "recapture", "breakout", "false breakout", "retest"}


def level_signals_found(candles, levels, rules):
    found = market.find_signals(candles, levels, timeframe="15min", rules=rules).table
    found = found[found["name"].isin(AT_LEVELS)]
    row = ((found["time"] - candles["time"].iloc[0]) / STEP).round().astype(int)
    side = np.where(found["side"] == "bullish", 1, -1)
    got = list(zip(row.tolist(), found["name"].tolist(), side.tolist(), found["level"].tolist(), strict=True))
    assert len(set(got)) == len(got)
    return set(got)


def level_signals_by_hand(candles, levels, rules):
    """The definitions, one bar and one level at a time."""
    o, h, low, c, v = (candles[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    usual = talib.ATR(h, low, c, 14)
    found = set()
    for level in levels:
        for t in range(1, len(c)):
            if not usual[t] > 0:
                continue
            reach, span, body = rules.tolerance * usual[t], h[t] - low[t], abs(c[t] - o[t])
            past = [x for x in v[max(t - rules.volume_bars, 0) : t] if not np.isnan(x)]
            much = (
                len(past) * 2 >= rules.volume_bars
                and np.median(past) > 0
                and v[t] >= rules.volume_ratio * np.median(past)
            )
            for side in (1, -1):

                def beyond(x, by=0.0, side=side, level=level):
                    return (level - x) * side >= by if by else (level - x) * side > 0

                def inside(x, side=side, level=level):
                    return (x - level) * side > 0

                tip = low if side > 0 else h
                wick = min(o[t], c[t]) - low[t] if side > 0 else h[t] - max(o[t], c[t])
                if inside(c[t - 1]):
                    touched = (tip[t] - level) * side <= reach
                    outer = abs(c[t] - tip[t]) >= 2 / 3 * span
                    if (
                        span > 0
                        and touched
                        and inside(c[t])
                        and wick >= 2 * body
                        and wick >= 0.6 * span
                        and outer
                    ):
                        found.add((t, "rejection", side, level))
                    if beyond(tip[t], reach):
                        back = [r for r in range(t, min(t + rules.within, len(c))) if inside(c[r])]
                        if back:
                            found.add((back[0], "recapture", side, level))
                if (
                    not beyond(c[t - 1])
                    and beyond(c[t], reach)
                    and much
                    and span > 0
                    and (o[t] - c[t]) * side >= 0.5 * span
                ):
                    found.add((t, "breakout", -side, level))
                    later = range(t + 1, min(t + 1 + rules.false_breakout_bars, len(c)))
                    back = [r for r in later if inside(c[r])]
                    if back:
                        found.add((back[0], "false breakout", side, level))
                    for r in range(t + 1, min(t + 1 + rules.retest_bars, len(c))):
                        if not beyond(c[r]):
                            break
                        other = h if side > 0 else low
                        if (level - other[r]) * side <= rules.tolerance * usual[r]:
                            found.add((r, "retest", -side, level))
                            break
    return found


@settings(max_examples=15)
@given(
    series(least=20, most=120, gap=0.0),
    st.lists(st.integers(1970, 2030), min_size=1, max_size=5, unique=True),
)
def test_level_signals_agree_with_the_rules_bar_by_bar(candles, halves):
    levels = [half / 2 for half in halves]
    assert level_signals_found(candles, levels, QUICK) == level_signals_by_hand(candles, levels, QUICK)


def test_level_signals_of_lively_markets_agree_with_the_rules_and_are_of_every_kind():
    kinds = set()
    for seed in range(30, 36):
        candles = walk(seed, 250, unknown=0.02)
        levels = candles["close"].quantile([0.2, 0.4, 0.5, 0.6, 0.8]).unique().tolist()
        expected = level_signals_by_hand(candles, levels, QUICK)
        assert level_signals_found(candles, levels, QUICK) == expected
        kinds |= {name for _, name, _, _ in expected}
    assert kinds == AT_LEVELS


def market_of(seed, candles):
    """Funding and open interest of two venues beside the candles, each with a few shocks."""
    rng = np.random.default_rng(seed)
    first, last = candles["time"].iloc[0], candles["time"].iloc[-1]
    funding, interest = [], []
    for venue, cadence in (("okx", "1h"), ("bybit", "2h")):
        time = pd.date_range(first - pd.Timedelta("20h"), last, freq=cadence)
        rate = 1e-4 + rng.normal(0, 2e-5, len(time)) + rng.choice([0, 0, 0, 0, 2e-3, -2e-3], len(time))
        funding.append(pd.DataFrame({"time": time, "venue": venue, "rate": rate, "interval_hours": 8.0}))
        time = pd.date_range(first - pd.Timedelta("5h"), last, freq="15min") + pd.Timedelta("40s")
        time = time[rng.random(len(time)) < 0.97]
        quantity = 1e4 * np.exp(
            np.cumsum(rng.normal(0, 1e-3, len(time)) + rng.choice([0] * 18 + [0.05, -0.05], len(time)))
        )
        interest.append(pd.DataFrame({"time": time, "venue": venue, "quantity": quantity}))
    return in_order(funding, "funding"), in_order(interest, "open_interest")


def in_order(frames, table):
    joined = pd.concat(frames).sort_values("time", kind="stable", ignore_index=True)
    return clean(joined.astype({"venue": pd.CategoricalDtype(["bybit", "okx"])}), table)


@settings(max_examples=15)
@given(series(least=3, most=140), st.integers(0, 1_000), st.sampled_from([None, "own", "table"]), st.data())
def test_what_comes_later_changes_no_signal(candles, seed, kind, data):
    funding, interest = market_of(seed, candles)
    levels = {
        None: None,
        "own": [995.0, 1_000.0, 1_010.5],
        "table": pd.DataFrame({"price": [996.0, 1_003.0], "confirmed_at": [START, START + 40 * STEP]}),
    }[kind]
    options = {"levels": levels, "timeframe": "15min", "rules": QUICK}
    whole = market.find_signals(candles, funding=funding, open_interest=interest, **options).table
    for cut in data.draw(st.lists(st.integers(1, len(candles)), min_size=2, max_size=2)):
        moment = candles["time"].iloc[cut - 1] + STEP
        then = market.find_signals(
            candles.iloc[:cut],
            funding=funding[funding["time"] <= moment],
            open_interest=interest[interest["time"] <= moment],
            **options,
        ).table
        known = whole[whole["known_at"] <= moment].reset_index(drop=True)
        pd.testing.assert_frame_equal(known, then, check_exact=True)
        pd.testing.assert_frame_equal(
            market.find_signals(candles, funding=funding, open_interest=interest, at=moment, **options).table,
            then,
        )


def test_every_kind_of_signal_occurs_and_none_changes_at_any_bar():
    candles = walk(21, 260)
    funding, interest = market_of(3, candles)
    whole = market.find_signals(candles, funding=funding, open_interest=interest, rules=QUICK).table
    assert set(whole["name"]) == set(signal_module.NAMES)
    assert set(whole["side"]) == {"bullish", "bearish"}
    for cut in range(60, 160, 2):
        moment = candles["time"].iloc[cut - 1] + STEP
        then = market.find_signals(
            candles.iloc[:cut], funding=funding, open_interest=interest, rules=QUICK
        ).table
        pd.testing.assert_frame_equal(
            whole[whole["known_at"] <= moment].reset_index(drop=True), then, check_exact=True
        )


def test_the_table_is_tidy():
    candles = walk(22, 260)
    funding, interest = market_of(4, candles)
    found = market.find_signals(candles, funding=funding, open_interest=interest, rules=QUICK)
    table = found.table
    assert tuple(table.columns) == signal_module.SIGNALS
    assert len(found) == len(table) > 50
    assert (table["known_at"] - table["time"] == STEP).all()
    assert table["time"].isin(candles["time"]).all()
    assert table["time"].is_monotonic_increasing
    assert table["strength"].between(0, 1).all()
    assert table["evidence"].str.contains(r"\d.*\.$").all()
    assert not table["evidence"].str.contains("nan").any()
    leveled = table["name"].isin(
        ["rejection", "recapture", "breakout", "false breakout", "retest", "cvd divergence"]
    )
    assert (table["level"].notna() == leveled).all()
    empty = market.find_signals(tables.empty("candles")).table
    pd.testing.assert_series_equal(empty.dtypes, table.dtypes)


@settings(max_examples=12)
@given(series(least=40, empty=0.0), st.lists(st.integers(1970, 2030), min_size=1, max_size=4, unique=True))
def test_upside_down_bulls_are_bears(candles, halves):
    levels = np.array(halves) / 2
    options = {"timeframe": "15min", "rules": QUICK}
    up = market.find_signals(candles, levels, **options).table
    down = market.find_signals(mirrored(candles), 2000.0 - levels, **options).table
    # RSI and MACD round differently on reflected prices; a value on the threshold may fall either way.
    up, down = (table[~table["name"].isin(["rsi turn", "macd cross"])] for table in (up, down))
    swap = {"bullish": "bearish", "bearish": "bullish"}
    expected = sorted(
        (time, name, swap[side], None if np.isnan(level) else 2000.0 - level)
        for time, name, side, level in zip(up["time"], up["name"], up["side"], up["level"], strict=True)
    )
    got = sorted(
        (time, name, side, None if np.isnan(level) else level)
        for time, name, side, level in zip(
            down["time"], down["name"], down["side"], down["level"], strict=True
        )
    )
    assert got == expected


def test_zones_give_signals_only_once_they_are_established():
    candles = walk(23, 300)
    rules = market.SignalRules(pivot_bars=2, least_turns=3)
    found = market.find_signals(candles, rules=rules).table
    at_levels = found[found["name"].isin(["rejection", "recapture", "breakout"])]
    turns, zones = market.pivots(candles, 2), market.swing_zones(candles, 2)
    assert len(at_levels) > 5
    for signal in at_levels.itertuples():
        zone = zones[zones["price"] == signal.level].iloc[0]
        before = turns[turns["confirmed_at"] <= signal.time]
        assert zone["confirmed_at"] <= signal.time
        assert (np.abs(before["price"] - signal.level) < 20).sum() >= 3
    everything = market.find_signals(candles, rules=market.SignalRules(pivot_bars=2, least_turns=1)).table
    assert len(everything) > len(found)


def test_a_turn_is_no_level_before_it_is_confirmed():
    top = [(102, 106, 101, 105.5, 10), (105, 110, 104.5, 105, 10)]
    pin = (105, 110, 104.7, 105.1, 10)
    calm = [(105, 106, 104.5, 105.2, 10)] * 4
    candles = bars([*CALM, *top, pin, *calm, pin])
    rules = market.SignalRules(pivot_bars=2, least_turns=1)
    found = named(market.find_signals(candles, rules=rules), "rejection")
    assert found["time"].tolist() == [candles["time"].iloc[-1]]
    assert (found["level"] == 110).all()


def test_levels_of_a_table_speak_only_after_they_were_known():
    candles = bars([*CALM, PIN, *CALM[:6], PIN])
    late = pd.DataFrame({"price": [100.0], "confirmed_at": [candles["time"].iloc[len(CALM) + 3]]})
    found = named(market.find_signals(candles, late), "rejection")
    assert found["time"].tolist() == [candles["time"].iloc[-1]]
    levels = market.key_levels(candles, own=[100.0], count=0)
    assert len(named(market.find_signals(candles, levels), "rejection")) == 2


def test_rsi_turns_are_its_returns_from_the_extremes():
    candles = walk(24, 400)
    value = talib.RSI(candles["close"].to_numpy(), 14)
    up = [t for t in range(1, 400) if value[t - 1] <= 30 < value[t]]
    down = [t for t in range(1, 400) if value[t - 1] >= 70 > value[t]]
    found = named(market.find_signals(candles, []), "rsi turn")
    assert len(up) > 1
    assert len(down) > 1
    assert found.loc[found["side"] == "bullish", "time"].tolist() == candles["time"].iloc[up].tolist()
    assert found.loc[found["side"] == "bearish", "time"].tolist() == candles["time"].iloc[down].tolist()
    state = market.momentum(candles)
    assert (state["rsi_state"] == "oversold").equals(pd.Series(value <= 30))
    assert (state["rsi_state"] == "overbought").equals(pd.Series(value >= 70))
    assert (state["rsi_state"] == "neutral").equals(pd.Series((value >= 45) & (value <= 55)))
    assert state["rsi_state"].isna().sum() == 14


def test_macd_crosses_are_changes_of_sign():
    candles = walk(25, 300)
    _, _, histogram = talib.MACD(candles["close"].to_numpy())
    crossed = [t for t in range(34, 300) if np.sign(histogram[t]) != np.sign(histogram[t - 1])]
    found = named(market.find_signals(candles, []), "macd cross")
    assert found["time"].tolist() == candles["time"].iloc[crossed].tolist()
    assert (np.where(found["side"] == "bullish", 1, -1) == np.sign(histogram[crossed])).all()


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 9.0]), max_size=40), st.integers(2, 8), st.integers(2, 5)
)
def test_robust_z_agrees_with_a_loop_over_the_past(values, window, minimum):
    got = robust_z(np.array(values), window, minimum, 0.1)
    for i, value in enumerate(values):
        past = np.array(values[max(i - window, 0) : i])
        if i < minimum:
            assert np.isnan(got[i])
        else:
            spread = np.median(np.abs(past - np.median(past)))
            assert got[i] == pytest.approx((value - np.median(past)) / max(1.4826 * spread, 0.1))


def funding_of(rates, hours=8.0, start="2024-02-01"):
    time = pd.date_range(start, periods=len(rates), freq=f"{hours:g}h", tz="UTC")
    return tables.funding(
        pd.DataFrame({"time": time, "venue": "okx", "rate": rates, "interval_hours": hours})
    )


def test_funding_is_extreme_beside_its_own_past():
    pinned = [1e-4] * 60
    state = market.funding_extremes(funding_of([*pinned, 4e-4, 4e-4, 1e-4, -3e-4]))
    assert state["extreme"].tolist() == [False] * 60 + [True, True, False, True]
    assert state["z"].iloc[60] == pytest.approx(6.0)
    assert state["z"].iloc[:20].isna().all()
    falling = market.funding_extremes(funding_of([*[5e-4] * 60, 1e-4]))
    assert not falling["extreme"].any(), "longs that pay less are not crowded shorts"
    hourly = market.funding_extremes(funding_of([rate / 8 for rate in [*pinned, 4e-4]], hours=1.0))
    assert hourly["z"].iloc[60] == pytest.approx(6.0)


def test_funding_signals_begin_with_the_extreme_and_take_the_other_side():
    funding = funding_of([*[1e-4] * 87, 9e-4, 9e-4, 1e-4, -5e-4])
    candles = walk(1, 400, start_price=1000)
    found = named(market.find_signals(candles, [], funding=funding), "funding extreme")
    assert found["time"].tolist() == [START, START + pd.Timedelta("24h")]
    assert found["side"].tolist() == ["bearish", "bullish"]
    assert "longs pay and are crowded" in found["evidence"].iloc[0]
    assert "shorts pay and are crowded" in found["evidence"].iloc[1]
    few = market.find_signals(candles, [], funding=funding.iloc[:5])
    assert any("5 funding readings, too few" in note for note in few.notes)


def interest_of(candles, quantity, delay="0s"):
    return tables.open_interest(
        pd.DataFrame({"time": candles["time"] + pd.Timedelta(delay), "venue": "okx", "quantity": quantity})
    )


def test_open_interest_counts_only_what_was_stamped_at_the_open():
    candles = walk(26, 120)
    quantity = np.where(np.arange(120) < 80, 1e4, 1.1e4)
    at_open = market.open_interest_changes(candles, interest_of(candles, quantity))
    assert at_open["change"].to_numpy()[80] == pytest.approx(0.1)
    assert at_open["change"].to_numpy()[79] == 0
    later = market.open_interest_changes(candles, interest_of(candles, quantity, "1s"))
    assert later["change"].to_numpy()[80] == 0
    assert later["change"].to_numpy()[81] == pytest.approx(0.1)
    opens = candles["open"].to_numpy()
    np.testing.assert_allclose(at_open["price_change"].to_numpy()[4:], opens[4:] / opens[:-4] - 1)
    late = candles.assign(time=candles["time"].where(candles.index < 60, candles["time"] + 5 * STEP))
    moved = market.open_interest_changes(late, interest_of(late, quantity))["price_change"]
    assert moved.isna().tolist() == [row < 4 or 60 <= row < 64 for row in range(120)], (
        "a gap hides where the price came from"
    )


def test_new_positions_back_a_move_and_closed_ones_do_not():
    rising = bars([(100 + i, 101 + i, 99 + i, 101 + i, 5) for i in range(120)])
    for change, side, words in (
        (1.1, "bullish", "new positions back the move"),
        (0.9, "bearish", "closes positions"),
    ):
        quantity = np.where(np.arange(120) < 80, 1e4, 1e4 * change)
        found = named(
            market.find_signals(rising, [], open_interest=interest_of(rising, quantity)),
            "open interest change",
        )
        assert found["time"].tolist() == [rising["time"].iloc[80]], "an episode is one signal"
        assert found["side"].tolist() == [side]
        assert words in found["evidence"].iloc[0]
    small = np.where(np.arange(120) < 80, 1e4, 1.008e4)
    assert named(
        market.find_signals(rising, [], open_interest=interest_of(rising, small)), "open interest change"
    ).empty


def test_open_interest_adds_up_the_venues_that_report_at_both_ends():
    candles = walk(27, 60)
    okx = interest_of(candles, np.full(60, 1_000.0))
    late = interest_of(candles, np.full(60, 9_000.0)).iloc[30:].assign(venue=pd.Categorical(["bybit"] * 30))
    both = tables.open_interest(pd.concat([okx.astype({"venue": str}), late.astype({"venue": str})]))
    state = market.open_interest_changes(candles, both)
    np.testing.assert_array_equal(state["change"].to_numpy()[4:], 0.0)
    stale = market.open_interest_changes(candles, okx.iloc[:10])
    assert stale["change"].notna().tolist() == [4 <= row <= 17 for row in range(60)], (
        "two hours after the last reading it is unknown"
    )


def test_a_higher_high_on_net_selling_is_a_bearish_divergence():
    rise = [(100 + i, 101 + i, 99 + i, 100.5 + i, 10) for i in range(6)]
    fall = [(105 - i, 106 - i, 104 - i, 104.5 - i, 10) for i in range(5)]
    again = [(101 + i, 102 + i, 100 + i, 101.5 + i, 10) for i in range(8)]
    down = [(107 - i, 108 - i, 106 - i, 106.5 - i, 10) for i in range(6)]
    rows = rise + fall + again + down
    second = 6 + 5 + 7
    for buys, expected in ((4.0, ["bearish"]), (6.0, [])):
        candles = bars(rows, taker=np.full(len(rows), buys))
        found = named(market.find_signals(candles, []), "cvd divergence")
        assert found["side"].tolist() == expected
        if expected:
            assert found["time"].iloc[0] == candles["time"].iloc[second + 5]
            assert found["level"].iloc[0] == 109
            assert "sold 26 BTC net" in found["evidence"].iloc[0]
    taker = np.full(len(rows), 4.0)
    taker[10] = np.nan
    assert named(market.find_signals(bars(rows, taker=taker), []), "cvd divergence").empty


@pytest.mark.parametrize(
    ("candles", "word", "silent"),
    [
        (tables.empty("candles"), "no candles", {"rejection", "rsi turn", "breakout"}),
        (walk(1, 1), "only 1 closed", {"rejection", "rsi turn", "breakout"}),
        (walk(1, 12), "only 12 closed", {"rejection", "rsi turn", "breakout", "recapture"}),
        (bars([(1_000, 1_000, 1_000, 1_000, 5)] * 80), "did not move", set(signal_module.NAMES)),
        (
            walk(28, 300, unknown=1.0),
            "breakouts and volume levels leave them out",
            {"breakout", "false breakout", "retest", "cvd divergence"},
        ),
        (walk(28, 300, empty=1.0), "zero in every candle", {"breakout", "false breakout", "cvd divergence"}),
        (walk(28, 300, taker=False), "who was pushing", {"cvd divergence"}),
    ],
    ids=["none", "one", "twelve", "flat", "unknown volume", "no volume", "no takers"],
)
def test_thin_data_is_silent_and_says_why(candles, word, silent):
    levels = candles["close"].quantile([0.25, 0.5, 0.75]).dropna().to_list()
    found = market.find_signals(candles, levels)
    assert not silent & set(found.table["name"])
    assert any(word in note for note in found.notes)
    assert not found.table[["strength", "evidence", "side", "name"]].isna().any().any()
    if len(candles) > 200:
        assert {"recapture", "rsi turn", "macd cross"} <= set(found.table["name"])


def test_a_dead_stretch_after_a_lively_one_is_named():
    lively = walk(29, 60)
    last = float(lively["close"].iloc[-1])
    dead = bars([(last, last, last, last, 0)] * 60, start=lively["time"].iloc[-1] + pd.Timedelta("1D"))
    found = market.find_signals(tables.candles(pd.concat([lively, dead])), levels=[last])
    assert any("stood still" in note for note in found.notes)
    assert found.table["time"].max() <= lively["time"].iloc[-1]


def test_bad_levels_and_rules_are_refused_in_a_sentence():
    candles = walk(1, 30)
    with pytest.raises(TableError, match="not a price"):
        market.find_signals(candles, [float("nan")])
    with pytest.raises(TableError, match="confirmed_at"):
        market.find_signals(candles, pd.DataFrame({"price": [1.0]}))
    with pytest.raises(TableError, match="'within' is 0"):
        market.SignalRules(within=0)
    with pytest.raises(TableError, match="rsi_low"):
        market.SignalRules(rsi_low=80)


@pytest.mark.real_data
def test_signals_of_a_recorded_crash_add_up_with_pandas(real_data):
    folder = real_data / "C_2024-06_08_yen_crash"
    raw = pd.read_parquet(folder / "binance_1h_ohlcv_liq_oi_ls.parquet").rename(columns={"ts": "time"})
    candles = tables.candles(
        raw.rename(columns={"volume_btc": "volume", "buy_volume_btc": "taker_buy_volume"})
    )
    interest = tables.open_interest(
        raw[["time", "oi_open"]].rename(columns={"oi_open": "quantity"}).assign(venue="binance")
    )
    rates = pd.read_parquet(real_data / "candles/binance_um_funding_8h_2019_2026.parquet").rename(
        columns={"ts": "time", "funding_rate": "rate"}
    )
    funding = tables.funding(rates.assign(venue="binance"))
    found = market.find_signals(candles, [60_000.0], funding=funding, open_interest=interest)
    table = found.table.set_index("time")
    series = candles.set_index("time")
    crossed_down = (series["close"].shift(1) > 60_000) & (series["low"] < 60_000)
    recaptured = table[(table["name"] == "recapture") & (table["side"] == "bullish")].index
    back = series["close"] > 60_000
    within = crossed_down.rolling(3, min_periods=1).max().astype(bool)
    assert len(recaptured) > 3
    assert (back & within)[recaptured].all()
    broke = table[table["name"] == "breakout"].index
    assert ((series["volume"] / series["volume"].shift(1).rolling(20).median())[broke] >= 1.5).all()
    change = series["open"].pct_change(4)
    moved = interest.set_index("time")["quantity"].pct_change(4)
    shocks = table[table["name"] == "open interest change"]
    assert (moved[shocks.index].abs() >= 0.01).all()
    assert (
        np.where(shocks["side"] == "bullish", 1, -1) == np.sign(change[shocks.index] * moved[shocks.index])
    ).all()
    # The sharpest hour of the crash closed positions in bulk; the signal must be there, and not before.
    day = shocks.loc["2024-08-05"]
    assert len(day) > 0
    assert day["evidence"].str.contains("closes positions").any()
