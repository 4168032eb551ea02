"""Event studies: touches as bars show them, controls from the past, and placebos that find nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.lab import controls as matching
from liqcore.lab.event_study import Design, Levels, conclude, observe
from liqcore.lab.hot_levels import Finder, crossed, hottest
from liqcore.lab.placebos import look_ahead, published_matcher, random_levels
from liqcore.lab.touches import NEVER, Bars, Outcomes, Touches
from tests.lab.walks import bars_of, walk

SHORT = Design(memory_days=20, controls=6, drawn=60)


def studied(candles: pd.DataFrame, levels: Levels, seed: int = 0, **more):
    return conclude(
        observe(candles, levels, np.random.default_rng(seed), design=SHORT, **more), np.random.default_rng(1)
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 70))
def test_the_first_touch_is_the_first_bar_that_reaches(seed, reach):
    rng = np.random.default_rng(seed)
    candles = walk(1, seed)
    bars = Bars.of(candles)
    bar = rng.integers(0, 287, 30)
    side = rng.choice([-1, 1], 30)
    level = bars.close[bar] * np.exp(side * rng.uniform(0, 0.01, 30))
    found = Touches(bars, reach).first(bar, level, side)
    for at, price, sign, first in zip(bar, level, side, found, strict=True):
        ahead = np.arange(at + 1, min(at + reach, 287) + 1)
        hits = ahead[(bars.high[ahead] >= price) if sign > 0 else (bars.low[ahead] <= price)]
        assert first == (hits[0] if len(hits) else NEVER)


def test_moves_after_a_touch_are_signed_by_where_price_came_from():
    close = np.array([100.0, 101, 102, 103, 104, 103, 102, 101])
    bars = Bars.of(bars_of(close, np.random.default_rng(0)))
    level, touch = np.array([102.0, 102.0]), np.array([2, 2])
    after = Outcomes(bars, (2,), 2).after(touch, level, np.array([1, -1]), 2)
    assert after.move == pytest.approx([np.log(104 / 102), -np.log(104 / 102)])
    assert after.beyond[0] == pytest.approx(np.log(bars.high[3:5].max() / 102))
    assert after.back[1] == pytest.approx(after.beyond[0])


def test_controls_are_past_settled_and_alike():
    candles = walk(40, 5)
    bars = Bars.of(candles)
    felt = matching.volatility(bars.close, 48)
    bar = np.arange(2_000, len(bars.close), 97)
    away = np.where(np.arange(len(bar)) % 2, 0.01, -0.01)
    found = matching.matched(bar, away, bars.close, felt, 96, 5_000, np.random.default_rng(0), 6, 60)
    kept, at = found.bar[found.known], bar[found.known]
    assert found.known.mean() > 0.7
    assert (kept + 96 <= at[:, None]).all()
    assert (kept >= at[:, None] - 5_000).all()
    third = matching.terciles(felt, 5_000)
    assert (third[kept] == third[at][:, None]).all()
    shift = np.exp(away[found.known])
    assert (
        matching.near_round(bars.close[kept] * shift[:, None])
        == matching.near_round(bars.close[at] * shift)[:, None]
    ).all()


def test_what_comes_later_changes_no_control():
    candles = walk(30, 6)
    bars = Bars.of(candles)
    bar, away = np.arange(3_000, 6_000, 101), np.full(30, 0.01)

    def drawn(close):
        felt = matching.volatility(close, 48)
        return matching.matched(bar, away, close, felt, 96, 3_000, np.random.default_rng(0), 6, 60).bar

    later = bars.close.copy()
    later[6_100:] *= 2
    assert (drawn(bars.close) == drawn(later)).all()


def test_levels_at_random_score_nothing():
    """On sixteen random walks the registered comparisons differ about as seldom as they claim."""
    wrong, apart = 0, []
    for seed in range(16):
        candles = walk(30, seed)
        found = studied(candles, random_levels(candles, np.random.default_rng(seed)), seed)
        family = found.effects[found.effects["registered"]]
        wrong += bool((family["holm"] < 0.05).any())
        touched = family[family["question"] == "touched"]
        apart += list(touched["difference"])
    assert wrong <= 3
    assert abs(np.mean(apart)) < 0.015


def planted(seed: int, days: int = 60, pull: float = 0.0, push: float = 0.0):
    """A walk with one level an hour and side: price is drawn to it before, or pushed on after its touch."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 8e-4, days * 288)
    log = np.empty(len(noise))
    bar, price, side = [], [], []
    now, going, until = np.log(28_000), 0.0, 0
    target = None
    for at, step in enumerate(noise):
        if at % 36 == 0 and at > 300:
            sign = 1 if rng.random() < 0.5 else -1
            target = (sign, now + sign * 0.006)
            bar.append(at - 1)
            price.append(np.exp(target[1]))
            side.append(sign)
        if target is not None:
            step += pull * target[0]
        if at < until:
            step += going
        now += step
        if target is not None and (now - target[1]) * target[0] >= 0:
            going, until, target = push * target[0], at + 12, None
        log[at] = now
    return bars_of(np.exp(log), rng), Levels(np.array(bar), np.array(price), np.array(side))


def test_a_pull_before_the_touch_is_attraction():
    found = studied(*planted(1, pull=1.5e-4))
    touched = found.effects[found.effects["question"] == "touched"]
    assert (touched["verdict"] == "supported").all()
    assert (touched["difference"] > 0.05).all()
    assert found.points[0].endswith("attraction.")


def test_a_push_after_the_touch_is_continuation_and_no_attraction():
    found = studied(*planted(2, days=100, push=9e-4))
    effects = found.effects.set_index(["question", "minutes", "side"]).sort_index()
    assert (effects.loc["touched"].loc[0, "verdict"] != "supported").all()
    moved = effects.loc["move"].loc[60]
    assert (moved["verdict"] == "supported").all()
    assert (moved["low"] > 0).all()
    assert (effects.loc["rejected"].loc[60, "difference"] < 0).all()
    assert "continuation" in found.points[1]


def test_little_data_says_that_it_cannot_tell():
    candles = walk(9, 3)
    found = studied(candles, random_levels(candles, np.random.default_rng(0)))
    assert found.verdict.startswith("Cannot tell")


def test_levels_that_were_never_touched_rule_nothing_out():
    """No touch, hot or control: their shares agree to the last digit, and moves after them are unknown."""
    candles = walk(30, 3)
    far = random_levels(candles, np.random.default_rng(0), near=0.5, far=0.6)
    found = studied(candles, far)
    assert (found.effects["question"] == "touched").all()
    assert (found.effects["verdict"] == "not supported").all()
    assert found.verdict.startswith("Cannot tell")


def test_no_levels_is_a_sentence_and_no_failure():
    candles = walk(2, 3)
    empty = Levels(np.array([], int), np.array([]), np.array([], int))
    assert studied(candles, empty).verdict.startswith("Cannot tell")


def test_a_glance_into_the_future_is_caught():
    candles = walk(6, 4)

    def peeks(known, _):
        bars = Bars.of(known)
        bar = np.arange(300, len(bars.close), 12)
        ahead = np.minimum(bar + 20, len(bars.close) - 1)
        return Levels(bar, bars.close[ahead], np.sign(bars.close[ahead] - bars.close[bar] + 1e-9).astype(int))

    assert not look_ahead(peeks, candles).clean


def interest_of(candles: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    quantity = 5_000 * np.exp(np.cumsum(rng.normal(0, 2e-3, len(candles))))
    return tables.open_interest(
        pd.DataFrame({"time": candles["time"], "venue": "Alder", "quantity": quantity})
    )


def test_our_own_levels_look_at_nothing_later():
    candles = walk(6, 7)
    found = look_ahead(hottest, candles, interest_of(candles))
    assert found.looked >= 8
    assert found.clean


def test_the_hottest_levels_lie_where_the_finder_says():
    candles = walk(5, 8)
    levels = hottest(candles, interest_of(candles), Finder(every="2h"))
    away = np.log(levels.price / candles["close"].to_numpy()[levels.bar])
    assert (np.sign(away) == levels.side).all()
    assert (np.abs(away) >= 0.0049).all()
    assert (np.abs(away) <= 0.031).all()
    assert (np.diff(np.unique(levels.bar)) % 24 == 0).all()


def test_a_published_test_passes_levels_at_random():
    """Fifty levels at random within ten per cent: a test that passes them tells nothing."""
    candles = walk(20, 9)
    rng = np.random.default_rng(0)
    levels = candles["close"].to_numpy()[:, None] * (1 + rng.uniform(-0.1, 0.1, (len(candles), 50)))
    assert published_matcher(candles, levels).f1 > 0.99
    far = candles["close"].to_numpy()[:, None] * np.full((1, 50), 1.4)
    assert published_matcher(candles, far).f1 == 0


def test_crossed_bands_are_held_against_bands_as_far_away():
    """Liquidations that follow the map raise the ratio; those that follow the distance alone do not."""
    candles = walk(25, 10)
    interest = interest_of(candles)
    bars = Bars.of(candles)
    rng = np.random.default_rng(1)
    bar = np.repeat(np.arange(300, len(bars.close)), 2)
    price = np.where(np.arange(len(bar)) % 2, bars.high[bar], bars.low[bar])
    blind = pd.DataFrame(
        {
            "time": candles["time"].to_numpy()[bar],
            "side": np.where(np.arange(len(bar)) % 2, "short", "long"),
            "price": price,
            "notional": rng.lognormal(10, 1, len(bar)),
        }
    )
    found = crossed(candles, interest, tables.liquidations(blind), rng)
    assert found.n_hot > 50
    assert found.ratio.low < 1.15
    assert found.ratio.high > 0.87
    from liqcore.lab.cells import model_maps

    times = (bars.time + bars.step).astype("datetime64[us]")[299:-1]
    grid = model_maps(candles, interest, times, reach=0.08)
    place = np.searchsorted(grid.price_edges, price) - 1
    held = np.where(np.arange(len(bar)) % 2, grid.short[bar - 300, place], grid.long[bar - 300, place])
    follows = tables.liquidations(blind.assign(notional=1.0 + held))
    told = crossed(candles, interest, follows, rng)
    assert told.ratio.low > 1.3


def test_studies_of_parts_add_up():
    candles = walk(40, 11)
    levels = random_levels(candles, np.random.default_rng(2))
    sums = observe(candles, levels, np.random.default_rng(0), design=SHORT)
    half = sums["day"] < sums["day"].median()
    shuffled = pd.concat([sums[~half], sums[half]], ignore_index=True)
    one, other = (conclude(part, np.random.default_rng(1)).effects for part in (sums, shuffled))
    keys = ["question", "side", "minutes"]
    for name in ("difference", "n", "hot"):
        assert one.set_index(keys)[name].sort_index().to_numpy() == pytest.approx(
            other.set_index(keys)[name].sort_index().to_numpy(), rel=1e-9
        )
