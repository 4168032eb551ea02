"""The modelled heatmap against an independent slow reference, and the laws it must keep."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.heat.assumptions import PRESETS, AssumptionError, Assumptions, preset
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.modelled import modelled_heatmap

# Just under 10 basis points a bin, so that the drawn bins are the model's own.
RANGE = (18_000.0, 45_000.0)
BINS = 920
SIMPLE = Assumptions(churn=0.5, lifetime_exponent=0.0)


def market(seed: int, count: int = 40, wild: float = 0.004) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    close = 28_000 * np.exp(np.cumsum(rng.normal(0, wild, count)))
    open_ = np.concatenate([[28_000.0], close[:-1]])
    volume = rng.lognormal(4, 1, count)
    times = pd.date_range("2026-03-01", periods=count, freq="15min", tz="UTC")
    bars = pd.DataFrame(
        {
            "time": times,
            "open": open_,
            "close": close,
            "high": np.maximum(open_, close) * (1 + rng.uniform(0, wild, count)),
            "low": np.minimum(open_, close) * (1 - rng.uniform(0, wild, count)),
            "volume": volume,
            "taker_buy_volume": volume * rng.uniform(0, 1, count),
        }
    )
    interest = pd.DataFrame(
        {
            "time": times + pd.Timedelta("15min"),
            "venue": "a",
            "quantity": np.maximum(2_000 + np.cumsum(rng.normal(0, 60, count)), 100),
        }
    )
    return tables.candles(bars), tables.open_interest(interest)


def reference(
    bars: pd.DataFrame, interest: pd.DataFrame, guesses: Assumptions
) -> tuple[list[dict], list[dict]]:
    """Level by level with dictionaries keyed by leverage and bin: rows of BTC after each candle, and USD
    crossed in it."""
    step = math.log(RANGE[1] / RANGE[0]) / BINS

    def bin_of(price: float) -> int:
        return math.floor(math.log(price / RANGE[0]) / step + 1e-9)

    # Lifetimes go with leverage^−e and are 1/rate on the average of what takers and makers open.
    power = guesses.lifetime_exponent
    average = sum(
        (taker + maker) / 2 * leverage**-power
        for leverage, taker, maker in zip(
            guesses.leverages, guesses.taker_mix, guesses.maker_mix, strict=True
        )
    )
    book: dict[str, dict[tuple[float, int], float]] = {"long": {}, "short": {}}
    rows, crossed = [], []
    before = math.nan
    for bar, held in zip(bars.itertuples(), interest["quantity"], strict=True):
        gone = {}
        lowest, highest = bin_of(bar.low), bin_of(bar.high)
        for side in book:
            dead = [key for key in book[side] if (key[1] >= lowest if side == "long" else key[1] <= highest)]
            gone[side] = sum(book[side][key] for key in dead)
            crossed_usd = sum(
                book[side].pop(key) * RANGE[0] * math.exp((key[1] + 0.5) * step) for key in dead
            )
            crossed.append((side, crossed_usd))
        change = 0.0 if math.isnan(before) else held - before
        opened = max((bar.volume * (1 - guesses.churn) + change) / 2, change, 0.0)
        closed = max(opened - change, 0.0)
        for side in book:
            if not math.isnan(before):
                rest = before - gone[side]
                lost = (
                    min(max(closed - gone[side], 0.0) / rest, 1.0) if rest > 0 else float(closed > gone[side])
                )
            else:
                lost = 1 - math.exp(-0.25 / guesses.holding_hours)
            for leverage, i in book[side]:
                book[side][leverage, i] *= (1 - lost) ** (average * leverage**power)
            sign = 1 if side == "long" else -1
            buyers = bar.taker_buy_volume / bar.volume
            share = buyers if side == "long" else 1 - buyers
            need = guesses.maintenance_margin_rate + guesses.fee_rate
            for point in guesses.entry_kernel:
                entry = bar.low + (bar.high - bar.low) * point
                for leverage, taker, maker in zip(
                    guesses.leverages, guesses.taker_mix, guesses.maker_mix, strict=True
                ):
                    for multiple, weight in zip(
                        guesses.margin_multiples, guesses.margin_weights, strict=True
                    ):
                        level = entry * (1 - sign * multiple / leverage) / (1 - sign * need)
                        if level <= 0:
                            # More margin than the whole value: a long that no price liquidates.
                            continue
                        size = opened / guesses.entry_points * weight * (share * taker + (1 - share) * maker)
                        key = leverage, bin_of(level)
                        book[side][key] = book[side].get(key, 0.0) + size
        before = held
        rows.append({side: dict(book[side]) for side in book})
    by_candle = [dict(crossed[i : i + 2]) for i in range(0, len(crossed), 2)]
    return rows, by_candle


@settings(max_examples=8)
@given(
    st.integers(0, 10_000),
    st.sampled_from(
        [
            SIMPLE,
            Assumptions(churn=0.3, lifetime_exponent=1.0),
            preset("High leverage, 5× to 100×", churn=0.2),
            Assumptions(churn=0.9, entry_points=2, margin_multiples=(1.0,), margin_weights=(1.0,)),
        ]
    ),
)
def test_every_cell_agrees_with_the_slow_reference(seed: int, guesses: Assumptions) -> None:
    bars, interest = market(seed)
    grid = modelled_heatmap(
        bars, interest, assumptions=guesses, bins=BINS, columns=len(bars), price_range=RANGE
    )
    rows, crossed = reference(bars, interest, guesses)
    assert grid.shape == (len(bars), BINS)
    centres = grid.price_centres
    for t, row in enumerate(rows):
        for side, values in (("long", grid.long[t]), ("short", grid.short[t])):
            expected = np.zeros(BINS)
            for (_, i), quantity in row[side].items():
                if 0 <= i < BINS:
                    expected[i] += quantity * centres[i]
            np.testing.assert_allclose(values, expected, rtol=2e-5, atol=1e-2)
            assert grid.predicted is not None
            assert grid.predicted[side].iloc[t] == pytest.approx(crossed[t][side], rel=1e-6, abs=1e-3)


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(5, 38), st.booleans())
def test_cutting_off_the_future_changes_no_past_column(seed: int, kept: int, calibrated: bool) -> None:
    bars, interest = market(seed)
    guesses = replace(SIMPLE, churn=None if calibrated else 0.5, funding_tilt=0.2)
    rates = pd.DataFrame(
        {"time": bars["time"].iloc[::2], "rate": np.random.default_rng(seed).normal(0, 1e-4, 20)}
    )
    whole = modelled_heatmap(
        bars, interest, rates, assumptions=guesses, bins=BINS, columns=len(bars), price_range=RANGE
    )
    part = modelled_heatmap(
        bars.iloc[:kept], interest, rates, assumptions=guesses, bins=BINS, columns=kept, price_range=RANGE
    )
    np.testing.assert_allclose(part.long, whole.long[:kept], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(part.short, whole.short[:kept], rtol=1e-5, atol=1e-3)


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from(list(PRESETS)), st.floats(0.001, 0.03))
def test_what_is_mapped_never_exceeds_open_interest(seed: int, name: str, wild: float) -> None:
    bars, interest = market(seed, 80, wild)
    grid = modelled_heatmap(bars, interest, assumptions=preset(name, churn=0.3), bins=BINS, price_range=RANGE)
    totals = grid.predicted
    assert totals is not None
    for side in ("standing_long", "standing_short"):
        assert (totals[side] <= totals["open_interest"] * (1 + 1e-9)).all()


def test_levels_opened_blind_shrink_to_open_interest_once_it_is_known() -> None:
    bars, interest = market(11, 60)
    busy = bars.assign(volume=bars["volume"] * 500, taker_buy_volume=bars["taker_buy_volume"] * 500)
    totals = modelled_heatmap(busy, interest.iloc[40:], assumptions=SIMPLE, bins=50).predicted
    assert totals is not None
    assert totals["open_interest"].iloc[:40].isna().all()
    assert totals["standing_long"].iloc[39] > 2 * totals["open_interest"].iloc[40]
    for side in ("standing_long", "standing_short"):
        assert (totals[side].iloc[40:] <= totals["open_interest"].iloc[40:] * (1 + 1e-9)).all()


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.booleans(), st.floats(0.05, 1.0))
def test_lifetimes_by_leverage_keep_the_average_and_what_price_takes(
    seed: int, known: bool, power: float
) -> None:
    bars, interest = market(seed)
    calm = bars.assign(open=28_000.0, high=28_000.0, low=28_000.0, close=28_000.0, volume=0.0)
    calm.loc[0, "volume"], calm["taker_buy_volume"] = 100.0, 0.0
    calm.loc[0, "taker_buy_volume"] = 50.0
    held = tables.open_interest(interest.assign(quantity=2_000.0)) if known else None
    # One opening at each leverage by hand: what is left of it goes with its own lifetime.
    left = {}
    for leverage in SIMPLE.leverages:
        alone = replace(SIMPLE, leverages=(leverage, 2.0), taker_mix=(0.5, 0.5), maker_mix=(0.5, 0.5))
        grid = modelled_heatmap(
            calm, held, assumptions=replace(alone, lifetime_exponent=power), bins=50, columns=40
        ).predicted
        assert grid is not None
        left[leverage] = grid["standing_long"].iloc[-1] / grid["standing_long"].iloc[0]
    assert all(0 < share <= 1 for share in left.values())
    every = Assumptions(lifetime_exponent=power)
    lives = 1 / every.hazard(np.asarray(every.leverages))
    mix = (np.asarray(every.taker_mix) + np.asarray(every.maker_mix)) / 2
    assert lives @ mix == pytest.approx(1)
    assert lives[3] / lives[-1] == pytest.approx(10**power)
    assert (np.diff(lives) < 0).all()


def test_old_behaviour_is_there_at_exponent_zero() -> None:
    bars, interest = market(3, 60)
    equal = modelled_heatmap(bars, interest, assumptions=SIMPLE, bins=BINS, columns=60, price_range=RANGE)
    shorter = modelled_heatmap(
        bars,
        interest,
        assumptions=replace(SIMPLE, lifetime_exponent=0.35),
        bins=BINS,
        columns=60,
        price_range=RANGE,
    )
    assert ("Lifetimes by leverage", "equally long") in equal.provenance.parameters
    # High leverage, near the price, loses more; low leverage, far from it, less.
    close = bars["close"].iloc[-1]
    near = np.abs(equal.price_centres / close - 1) < 0.04
    ratio = shorter.total[-1] / np.maximum(equal.total[-1], 1e-9)
    lit = equal.total[-1] > 1
    assert np.median(ratio[lit & near]) < 0.99
    assert np.median(ratio[lit & (np.abs(equal.price_centres / close - 1) > 0.25)]) > 1.0


@settings(max_examples=4)
@given(st.integers(0, 10_000), st.floats(0.002, 0.03))
def test_price_removes_exactly_the_bins_it_crosses(seed: int, wild: float) -> None:
    bars, interest = market(seed, 30, wild)
    grid = modelled_heatmap(bars, interest, assumptions=SIMPLE, bins=BINS, columns=30, price_range=RANGE)
    for t in range(1, 30):
        low, high = bars["low"].iloc[t], bars["high"].iloc[t]
        # Only this candle's own new levels may stand in bins that it traded through.
        touched = np.flatnonzero((grid.price_edges[1:] > low) & (grid.price_edges[:-1] < high))
        kept = np.setdiff1d(np.flatnonzero(grid.long[t - 1] > 0), np.flatnonzero(grid.price_edges[1:] > low))
        assert (grid.long[t][kept] > 0).all() or grid.predicted["open_interest"].iloc[t] < 50  # type: ignore[index]
        fresh = modelled_heatmap(bars.iloc[t : t + 1], None, assumptions=SIMPLE, bins=BINS, price_range=RANGE)
        stray = touched[(fresh.long[0][touched] == 0) & (grid.price_edges[touched] > low)]
        assert not grid.long[t][stray].any()


def test_a_single_candle_puts_its_levels_at_the_exact_liquidation_prices() -> None:
    bars = tables.candles(
        pd.DataFrame(
            {
                "time": ["2026-03-01"],
                "open": 28_000.0,
                "high": 28_000.0,
                "low": 28_000.0,
                "close": 28_000.0,
                "volume": 100.0,
            }
        )
    )
    guesses = Assumptions(
        leverages=(10.0,),
        taker_mix=(1.0,),
        maker_mix=(1.0,),
        margin_multiples=(1.0,),
        margin_weights=(1.0,),
        churn=0.0,
        fee_rate=0.0,
    )
    grid = modelled_heatmap(bars, assumptions=guesses, bins=2_000, price_range=RANGE)
    for side, level in (("long", 28_000 * 0.9 / 0.995), ("short", 28_000 * 1.1 / 1.005)):
        (hot,) = np.flatnonzero(getattr(grid, side)[0])
        assert grid.price_edges[hot] <= level < grid.price_edges[hot + 1]
        assert getattr(grid, side)[0, hot] == pytest.approx(50 * level, rel=1e-3)


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_swapping_buyers_and_sellers_swaps_the_mixes(seed: int) -> None:
    bars, interest = market(seed, 20, 0.0005)
    flipped = bars.assign(taker_buy_volume=bars["volume"] - bars["taker_buy_volume"])
    grid, mirror = (
        modelled_heatmap(table, interest, assumptions=SIMPLE, bins=BINS, price_range=RANGE).predicted
        for table in (bars, flipped)
    )
    assert grid is not None
    assert mirror is not None
    untouched = ((grid[["long", "short"]] == 0) & (mirror[["long", "short"]] == 0)).all(axis=None)
    if untouched:
        np.testing.assert_allclose(grid["standing_long"], mirror["standing_short"], rtol=1e-9)


def test_the_price_range_only_cuts_the_picture() -> None:
    bars, interest = market(3, 60, 0.01)
    wide = modelled_heatmap(
        bars, interest, assumptions=SIMPLE, bins=400, columns=60, price_range=(15_000, 50_000)
    )
    narrow = modelled_heatmap(
        bars, interest, assumptions=SIMPLE, bins=400, columns=60, price_range=(27_000, 29_000)
    )
    few = modelled_heatmap(
        bars, interest, assumptions=SIMPLE, bins=25, columns=60, price_range=(15_000, 50_000)
    )
    assert wide.predicted is not None
    for other in (narrow, few):
        assert other.predicted is not None
        for side in ("long", "short"):
            # Bins of another width catch a level one candle earlier or later, no more.
            assert other.predicted[side].sum() == pytest.approx(wide.predicted[side].sum(), rel=0.03)
            whole = getattr(wide, side)[-1].sum(dtype=float) + getattr(wide, "outside_" + side)
            cut = getattr(other, side)[-1].sum(dtype=float) + getattr(other, "outside_" + side)
            assert cut == pytest.approx(whole, rel=0.01)
    np.testing.assert_allclose(
        wide.long.reshape(60, 25, 16).sum(axis=2)[-1], few.long[-1], rtol=0.02, atol=0.02 * few.long.max()
    )
    assert narrow.outside > wide.outside


def test_a_price_range_too_narrow_for_its_bins_is_refused_in_words() -> None:
    bars, interest = market(3)
    with pytest.raises(GridError, match="too narrow"):
        modelled_heatmap(bars, interest, price_range=(28_000, 28_000.1), bins=400)


@settings(max_examples=8)
@given(st.floats(5, 200))
def test_smoothing_moves_money_but_keeps_it(width: float) -> None:
    bars, interest = market(5)
    plain = modelled_heatmap(bars, interest, assumptions=SIMPLE, bins=600, price_range=RANGE)
    smooth = modelled_heatmap(
        bars, interest, assumptions=replace(SIMPLE, smoothing_bp=width), bins=600, price_range=RANGE
    )
    for side in ("long", "short"):
        assert getattr(smooth, side)[-1].sum(dtype=float) + getattr(
            smooth, "outside_" + side
        ) == pytest.approx(
            getattr(plain, side)[-1].sum(dtype=float) + getattr(plain, "outside_" + side), rel=1e-3
        )
        assert getattr(smooth, side).max() <= getattr(plain, side).max() * (1 + 1e-6)


def test_degraded_inputs_are_flagged_in_words() -> None:
    bars, interest = market(1)
    full = modelled_heatmap(bars, interest, price_range=RANGE).provenance.flags
    no_interest = modelled_heatmap(bars, price_range=RANGE).provenance.flags
    no_split = modelled_heatmap(
        bars.assign(taker_buy_volume=np.nan), interest, price_range=RANGE
    ).provenance.flags
    no_volume = modelled_heatmap(
        bars.assign(volume=np.nan, taker_buy_volume=np.nan), interest, price_range=RANGE
    ).provenance.flags
    late = modelled_heatmap(bars, interest.iloc[20:], price_range=RANGE).provenance.flags
    ended = modelled_heatmap(bars, interest.iloc[:20], price_range=RANGE).provenance.flags
    assert any("missing for 50 %" in flag for flag in late)
    assert any("out of date for 42 %" in flag for flag in ended)
    assert not any("No " in flag for flag in full)
    assert any("No open interest" in flag for flag in no_interest)
    assert any("No taker volume" in flag for flag in no_split)
    assert any("No volume" in flag for flag in no_volume)
    with pytest.raises(GridError, match="need volume or open interest"):
        modelled_heatmap(bars.assign(volume=np.nan, taker_buy_volume=np.nan), price_range=RANGE)


def test_open_interest_is_not_used_before_its_time() -> None:
    bars, interest = market(2)
    late = interest.assign(time=interest["time"] + pd.Timedelta("5min"))
    grid = modelled_heatmap(bars, tables.open_interest(late), price_range=RANGE)
    assert grid.predicted is not None
    assert grid.predicted["open_interest"].iloc[1] == pytest.approx(interest["quantity"].iloc[0])


def test_venues_of_open_interest_add_up_as_they_are_heard() -> None:
    bars, interest = market(2)
    second = interest.assign(venue="b", quantity=500.0).iloc[10:]
    both = tables.open_interest(pd.concat([interest.astype({"venue": str}), second.astype({"venue": str})]))
    totals = modelled_heatmap(bars, both, price_range=RANGE).predicted
    assert totals is not None
    np.testing.assert_allclose(totals["open_interest"].iloc[:10], interest["quantity"].iloc[:10])
    np.testing.assert_allclose(totals["open_interest"].iloc[10:], interest["quantity"].iloc[10:] + 500)


def test_a_hole_in_the_candles_is_a_gap() -> None:
    bars, interest = market(4)
    holed = pd.concat([bars.iloc[:15], bars.iloc[23:]])
    grid = modelled_heatmap(holed, interest, columns=40, price_range=RANGE)
    assert grid.observed is not None
    assert grid.observed.tolist() == [True] * 15 + [False] * 8 + [True] * 17


def test_levels_fade_by_the_clock_also_through_a_hole() -> None:
    bars, _ = market(4)
    quiet = bars.assign(
        open=28_000.0, high=28_000.0, low=28_000.0, close=28_000.0, volume=0.0, taker_buy_volume=0.0
    )
    quiet.loc[0, ["volume", "taker_buy_volume"]] = 100.0, 50.0
    whole, holed = (
        modelled_heatmap(part, columns=40, price_range=RANGE, assumptions=SIMPLE)
        for part in (quiet, quiet.drop(range(5, 39)))
    )
    np.testing.assert_allclose(holed.long[-1], whole.long[-1], rtol=1e-5)
    assert whole.long[-1].sum() == pytest.approx(
        whole.long[0].sum() * np.exp(-39 / 4 / SIMPLE.holding_hours), rel=1e-4
    )


def test_display_columns_are_states_of_the_full_run() -> None:
    bars, interest = market(6, 64)
    full = modelled_heatmap(bars, interest, columns=64, price_range=RANGE)
    few = modelled_heatmap(bars, interest, columns=8, price_range=RANGE)
    np.testing.assert_array_equal(few.long, full.long[7::8])
    assert few.time_edges[0] == full.time_edges[0]
    assert few.time_edges[-1] == full.time_edges[-1]
    edges = full.time_edges[[16, 32, 48]]
    chosen = modelled_heatmap(bars, interest, time_edges=edges, price_range=RANGE)
    np.testing.assert_array_equal(chosen.short, full.short[[31, 47]])


def test_a_late_venue_enters_as_a_step_and_erases_nothing() -> None:
    bars, interest = market(21, 60)
    known = interest.astype({"venue": str})
    late = known.iloc[40:].assign(venue="late", quantity=3_000.0)
    both = tables.open_interest(pd.concat([known, late]))
    alone, joined = (
        modelled_heatmap(bars, held, assumptions=SIMPLE, bins=BINS, columns=60, price_range=RANGE)
        for held in (interest, both)
    )
    np.testing.assert_array_equal(joined.long[:40], alone.long[:40])
    np.testing.assert_array_equal(joined.short[:40], alone.short[:40])
    told, before = joined.predicted, alone.predicted
    assert told is not None
    assert before is not None
    assert told["open_interest"].notna().all()
    np.testing.assert_allclose(told["open_interest"][40:], before["open_interest"][40:] + 3_000)
    # The step opens nothing: what stands grows only because more open interest makes the same closes a
    # smaller share of it.
    for side in ("standing_long", "standing_short"):
        opened = 0.5 * bars["volume"].iloc[40] / 2 + 60
        assert 0 <= told[side].iloc[40] - before[side].iloc[40] < opened
        assert (told[side] <= told["open_interest"] * (1 + 1e-9)).all()
    assert any("late begins later" in flag for flag in joined.provenance.flags)
    assert not any("begins later" in flag or "missing" in flag for flag in alone.provenance.flags)
    # Cutting the future off, the late venue with it, changes no column before.
    part = modelled_heatmap(bars[:40], both, assumptions=SIMPLE, bins=BINS, columns=40, price_range=RANGE)
    np.testing.assert_allclose(part.long, joined.long[:40], rtol=1e-5, atol=1e-3)


def test_the_textbook_formula_stands_at_the_bankruptcy_price_and_never_closes() -> None:
    bars, interest = market(8, 40, 0.0001)
    guesses = Assumptions(leverages=(10.0,), taker_mix=(1.0,), maker_mix=(1.0,))
    grid = modelled_heatmap(
        bars, interest, model="textbook", assumptions=guesses, bins=BINS, columns=40, price_range=RANGE
    )
    assert grid.provenance.model == "textbook"
    hot = grid.price_centres[np.flatnonzero(grid.long[-1])]
    assert np.abs(hot / (bars["close"].mean() * 0.9) - 1).max() < 0.02
    assert grid.long[-1].sum() == pytest.approx(
        (bars["taker_buy_volume"] * bars["close"] * 0.9).sum(), rel=0.01
    )
    # A quiet month later, with half of open interest gone, nothing has changed.
    month = bars.iloc[[0]].assign(
        time=bars["time"].iloc[-1] + pd.Timedelta("30D"), volume=0.0, taker_buy_volume=0.0
    )
    closing = tables.open_interest(
        pd.DataFrame({"time": month["time"], "venue": "a", "quantity": interest["quantity"].iloc[-1] / 2})
    )
    for held in (None, pd.concat([interest.astype({"venue": str}), closing.astype({"venue": str})])):
        later = modelled_heatmap(
            pd.concat([bars, month]),
            held,
            model="textbook",
            assumptions=guesses,
            bins=BINS,
            price_range=RANGE,
        )
        np.testing.assert_allclose(later.long[-1], grid.long[-1], rtol=1e-6)
        np.testing.assert_allclose(later.short[-1], grid.short[-1], rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(taker_mix=(1.0,)),
        dict(taker_mix=(0.5,) * 9),
        dict(leverages=(0.5,) * 9),
        dict(leverages=(float("nan"),) * 9),
        dict(maker_mix=(float("nan"), *[0.1] * 8)),
        dict(holding_hours=0),
        dict(churn=1.0),
        dict(funding_tilt=0.5),
        dict(entry_points=0),
        dict(entry_points=2.5),
        dict(margin_weights=(1.0,)),
        dict(margin_multiples=(0.5, 1.0)),
        dict(maintenance_margin_rate=-0.001),
        dict(smoothing_bp=-1),
    ],
)
def test_senseless_assumptions_are_refused_with_a_sentence(wrong: dict) -> None:
    with pytest.raises(AssumptionError, match=r"\.$"):
        Assumptions(**wrong)


def test_tilting_the_mix_moves_its_mean_leverage() -> None:
    def mean(guesses: Assumptions) -> float:
        return float(np.dot(guesses.taker_mix, guesses.leverages))

    assert mean(SIMPLE.tilted(-1)) < mean(SIMPLE) < mean(SIMPLE.tilted(1))
    assert SIMPLE.tilted(0.0).taker_mix == pytest.approx(SIMPLE.taker_mix)


@pytest.mark.parametrize("question", [dict(model="magic"), dict(price_range=(2.0, 1.0)), dict(bins=0)])
def test_impossible_questions_are_refused(question: dict) -> None:
    bars, interest = market(1)
    with pytest.raises(GridError, match=r"\.$"):
        modelled_heatmap(bars, interest, **question)


def test_flat_prices_and_no_volume_in_a_candle_are_survived() -> None:
    bars, interest = market(1)
    flat = bars.assign(
        open=28_000.0, high=28_000.0, low=28_000.0, close=28_000.0, volume=0.0, taker_buy_volume=0.0
    )
    grid = modelled_heatmap(flat, interest)
    assert np.isfinite(grid.total).all()


@pytest.mark.parametrize(("rate", "payer", "other"), [(5e-4, "long", "short"), (-5e-4, "short", "long")])
def test_unusual_funding_gives_the_paying_side_more_leverage(rate: float, payer: str, other: str) -> None:
    bars, interest = market(9, 60, 0.0005)
    rates = pd.DataFrame({"time": bars["time"], "rate": np.random.default_rng(1).normal(0, 1e-5, 60)})
    rates.loc[30:, "rate"] = rate
    off, on = (
        modelled_heatmap(
            bars,
            interest,
            rates,
            assumptions=replace(SIMPLE, funding_tilt=tilt),
            bins=BINS,
            price_range=RANGE,
        )
        for tilt in (0.0, 0.3)
    )

    def nearer(side: str) -> float:
        tilted, plain = (
            float(
                (getattr(grid, side)[-1] * np.abs(grid.price_centres / 28_000 - 1)).sum()
                / getattr(grid, side)[-1].sum()
            )
            for grid in (on, off)
        )
        return 1 - tilted / plain

    assert nearer(payer) > 0.02
    assert abs(nearer(other)) < nearer(payer) / 4


@pytest.fixture(scope="module")
def crash(real_data: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Hourly candles with taker volume, open interest at each hour's close, and recorded liquidations in
    USD."""
    rows = pd.read_parquet(real_data / "C_2024-06_08_yen_crash" / "binance_1h_ohlcv_liq_oi_ls.parquet")
    bars = tables.candles(
        rows.rename(columns={"ts": "time", "volume_btc": "volume", "buy_volume_btc": "taker_buy_volume"})[
            ["time", "open", "high", "low", "close", "volume", "taker_buy_volume"]
        ]
    )
    interest = tables.open_interest(
        pd.DataFrame(
            {"time": rows["ts"] + pd.Timedelta("1h"), "venue": "binance", "quantity": rows["oi_close"]}
        )
    )
    real = (
        rows[["liq_long_btc", "liq_short_btc"]]
        .fillna(0.0)
        .mul(rows["close"], axis=0)
        .set_axis(["long", "short"], axis=1)
    )
    return bars, interest, real


def sane(grid: HeatGrid, bars: pd.DataFrame) -> None:
    assert np.isfinite(grid.total).all()
    assert (grid.total.sum(axis=1) > 0).all()
    close = bars["close"].iloc[-1]
    assert grid.long[-1][grid.price_edges[:-1] > close].sum() <= 1e-2 * grid.long[-1].sum()
    assert grid.short[-1][grid.price_edges[1:] < close].sum() <= 1e-2 * grid.short[-1].sum()


@pytest.mark.real_data
def test_recorded_hours_give_a_finite_map_whose_liquidations_resemble_the_recorded_ones(crash: tuple) -> None:
    bars, interest, real = crash
    grid = modelled_heatmap(bars, interest, bins=300)
    sane(grid, bars)
    assert grid.provenance.flags == ()
    assert grid.predicted is not None
    assert (grid.predicted["standing_long"] <= grid.predicted["open_interest"] * (1 + 1e-9)).all()
    for side in ("long", "short"):
        assert grid.predicted[side].corr(real[side], method="spearman") > 0.6
    # The crash of 5 August 2024 is among the hours in which most longs are said to have gone.
    worst = grid.predicted.nlargest(5, "long")["time"]
    assert ((worst >= "2024-08-04T12:00Z") & (worst < "2024-08-06T00:00Z")).sum() >= 3


@pytest.mark.real_data
def test_the_model_beats_the_textbook_on_recorded_hours(crash: tuple) -> None:
    bars, interest, real = crash
    flow, textbook = (
        modelled_heatmap(bars, interest, model=model, bins=100).predicted
        for model in ("flow-identity", "textbook")
    )
    assert flow is not None
    assert textbook is not None
    for side in ("long", "short"):
        assert flow[side].corr(real[side], method="spearman") > textbook[side].corr(
            real[side], method="spearman"
        )


@pytest.mark.real_data
def test_recorded_quarter_hours_with_five_minute_open_interest(real_data: Path) -> None:
    folder = real_data / "J_2026-03_04_pacifica"
    bars = tables.candles(pd.read_parquet(folder / "candles_perp_15m.parquet").rename(columns={"ts": "time"}))
    held = pd.read_parquet(folder / "oi_5m.parquet")
    interest = tables.open_interest(
        pd.DataFrame({"time": held["ts"], "venue": "binance", "quantity": held["oi"]})
    )
    grid = modelled_heatmap(bars, interest, bins=300)
    sane(grid, bars)
    assert grid.provenance.flags == (
        "No taker volume was given, so longs and shorts get the same leverage mix.",
    )
    assert grid.predicted is not None
    assert (grid.predicted["standing_short"] <= grid.predicted["open_interest"] * (1 + 1e-9)).all()
    sane(modelled_heatmap(bars, bins=300), bars)


@pytest.mark.parametrize("bins", [0, -1, 2.5, float("nan"), None, "many", 10**9])
def test_bins_that_are_no_number_of_bins_are_said(bins):
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range("2026-03-01", periods=20, freq="5min", tz="UTC"),
                **{"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.0, "volume": 5.0},
            }
        )
    )
    with pytest.raises(GridError, match="whole number of price bins"):
        modelled_heatmap(candles, bins=bins)
