"""Suggested stops and targets: outside the cluster, at the next level, at multiples of R."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from liqcore.risk import RiskError, measured_move, suggest_stops, suggest_targets
from liqcore.risk.levels import merge_bands


def test_stops_lie_beyond_the_level_by_multiples_of_atr():
    assert [stop.price for stop in suggest_stops("long", 28_000, 100)] == [27_950, 27_900, 27_850]
    assert [stop.price for stop in suggest_stops("short", 28_000, 100, multiples=[2])] == [28_200]
    assert "below $28,000" in suggest_stops("long", 28_000, 100)[0].sentence


def test_a_stop_inside_a_cluster_moves_to_its_far_side():
    (stop,) = suggest_stops("long", 28_000, 100, multiples=[1], bands=[(27_850, 27_920)])
    assert (stop.price, stop.moved, stop.multiple) == (27_840, True, 1.6)
    assert "moved below the cluster $27,850 to $27,920" in stop.sentence
    (beyond_both,) = suggest_stops(
        "long", 28_000, 100, multiples=[1], bands=[(27_850, 27_920), (27_835, 27_845)]
    )
    assert beyond_both.price == 27_825
    (short,) = suggest_stops("short", 28_000, 100, multiples=[1], bands=[(28_080, 28_150)])
    assert short.price == 28_160
    (free,) = suggest_stops("long", 28_000, 100, multiples=[1], bands=[(27_950, 28_050)])
    assert (free.price, free.moved) == (27_900, False)


BANDS = st.lists(
    st.tuples(st.floats(27_000, 29_000), st.floats(0, 300)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=6,
)


@given(st.sampled_from(["long", "short"]), BANDS, st.floats(10, 200))
def test_no_suggested_stop_is_inside_any_cluster(side, bands, atr):
    s = 1 if side == "long" else -1
    for stop, k in zip(suggest_stops(side, 28_000, atr, bands=bands), (0.5, 1.0, 1.5), strict=True):
        assert all(not low <= stop.price <= high for low, high in bands)
        assert s * (28_000 - stop.price) >= k * atr * (1 - 1e-9)
        assert stop.multiple == pytest.approx(s * (28_000 - stop.price) / atr)


def test_stops_below_zero_are_left_out():
    assert len(suggest_stops("long", 100, 80, multiples=[1, 2])) == 1


@given(BANDS)
def test_merged_bands_are_sorted_apart_and_cover_the_same(bands):
    merged = merge_bands(bands)
    assert all(a[1] < b[0] for a, b in pairwise(merged))
    for low, high in bands:
        assert any(a <= low and high <= b for a, b in merged)


def test_targets_are_the_next_level_the_measured_move_and_multiples_of_r():
    found = suggest_targets(
        "long", 28_100, 27_900, levels=[27_500, 29_500, 28_900], breakout=28_000, height=600
    )
    assert [(target.price, target.kind, target.reward_risk) for target in found] == [
        (28_300, "R multiple", 1),
        (28_500, "R multiple", 2),
        (28_600, "measured move", 2.5),
        (28_700, "R multiple", 3),
        (28_900, "level", 4),
    ]
    assert "next resistance at $28,900" in found[-1].sentence
    short = suggest_targets("short", 28_100, 28_300, levels=[27_500, 29_500], multiples=[1.5])
    assert [(target.price, target.kind) for target in short] == [(27_800, "R multiple"), (27_500, "level")]
    assert "support" in short[-1].sentence


def test_measured_move_goes_with_the_trade():
    assert measured_move("long", 28_000, 600) == 28_600
    assert measured_move("short", 28_000, 600) == 27_400


def test_targets_below_zero_or_behind_the_entry_are_left_out():
    assert suggest_targets("short", 100, 150, multiples=[1, 3]) == suggest_targets(
        "short", 100, 150, multiples=[1]
    )
    assert suggest_targets("long", 28_600, 28_000, breakout=27_000, height=600, multiples=[]) == ()


@pytest.mark.parametrize(
    "call",
    [
        lambda: suggest_stops("long", 0, 100),
        lambda: suggest_stops("long", 28_000, 0),
        lambda: suggest_stops("sideways", 28_000, 1),
        lambda: suggest_stops("long", 28_000, 100, bands=[(float("nan"), 1)]),
        lambda: suggest_stops("long", 28_000, 100, bands=[5]),
        lambda: suggest_targets("long", 28_000, 28_000),
        lambda: suggest_targets("long", 28_000, 27_000, breakout=28_000),
        lambda: suggest_targets("long", 28_000, 27_000, levels=[-1]),
    ],
)
def test_nonsense_gets_a_sentence(call):
    with pytest.raises(RiskError, match=r"\.$"):
        call()
