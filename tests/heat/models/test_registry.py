"""What every model must keep, whoever adds it, and that a file is all it takes to add one."""

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.heat import models
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import GridError
from liqcore.heat.level_book import run
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.models import MODELS, registry
from liqcore.heat.models.book import book
from liqcore.heat.models.inputs import aligned_inputs
from liqcore.heat.origin import level_origin

CENTRE = 28_000.0
RANGE = (CENTRE / 1.6, CENTRE * 1.6)
every_model = st.sampled_from(list(MODELS))


def market(seed: int, count: int = 60, wild: float = 0.004) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    close = CENTRE * np.exp(np.cumsum(rng.normal(0, wild, count)))
    open_ = np.concatenate([[CENTRE], close[:-1]])
    volume = rng.lognormal(4, 1, count)
    times = pd.date_range("2026-03-01", periods=count, freq="15min", tz="UTC")
    bars = tables.candles(
        pd.DataFrame(
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
    )
    held = np.maximum(2_000 + np.cumsum(rng.normal(0, 60, count)), 100)
    interest = pd.DataFrame({"time": times + pd.Timedelta("15min"), "venue": "a", "quantity": held})
    return bars, tables.open_interest(interest)


@settings(max_examples=12, deadline=None)
@given(every_model, st.integers(0, 10_000), st.integers(8, 50))
def test_no_model_sees_the_future(name: str, seed: int, kept: int) -> None:
    bars, interest = market(seed)
    whole = modelled_heatmap(bars, interest, model=name, bins=300, columns=60, price_range=RANGE)
    part = modelled_heatmap(bars[:kept], interest, model=name, bins=300, columns=kept, price_range=RANGE)
    scale = max(float(whole.total.max()), 1.0)
    # Where a level falls on an edge of the inner bins, the longer lattice may put it on the other side.
    np.testing.assert_allclose(part.long.sum(axis=1), whole.long[:kept].sum(axis=1), rtol=2e-3)
    assert np.abs(part.long - whole.long[:kept]).mean() < 1e-3 * scale


@settings(max_examples=12, deadline=None)
@given(every_model, st.integers(0, 10_000), st.floats(0.001, 0.02))
def test_levels_stand_beyond_price_and_never_exceed_a_known_open_interest(
    name: str, seed: int, wild: float
) -> None:
    bars, interest = market(seed, 80, wild)
    grid = modelled_heatmap(bars, interest, model=name, bins=400, columns=80)
    assert grid.total.sum() > 0
    assert np.isfinite(grid.total).all()
    assert (grid.long >= 0).all()
    assert (grid.short >= 0).all()
    low, high = bars["low"].to_numpy(), bars["high"].to_numpy()
    for t in range(80):
        # A candle's own new levels may lie inside its range, nothing may lie on the wrong side of it.
        assert grid.long[t][grid.price_edges[:-1] > high[t]].sum() == 0
        assert grid.short[t][grid.price_edges[1:] < low[t]].sum() == 0
    inputs = aligned_inputs(bars, interest, None, Assumptions())
    after = MODELS[name].steps(inputs, Assumptions()).after
    told = grid.predicted
    assert told is not None
    for side in ("standing_long", "standing_short"):
        known = np.isfinite(after)
        assert (told[side][known] <= after[known] * (1 + 1e-9)).all()


@settings(max_examples=10, deadline=None)
@given(every_model, st.integers(0, 10_000))
def test_what_opens_is_crossed_closed_or_stands(name: str, seed: int) -> None:
    bars, interest = market(seed)
    guesses = Assumptions()
    inputs = aligned_inputs(bars, interest, None, guesses)
    made = book(MODELS[name], inputs, guesses, *RANGE, 200)
    end = np.array([len(bars) - 1])
    outcome = run(made.lattice, made.flows, made.deposits, end, made.lattice.window(0))
    places, sizes = made.deposits.make(0, len(bars))
    for i in (0, 1):
        opened = places.shape[3] * sizes[:, i].sum()
        gone = outcome.crossed[:, i].sum() + outcome.closed[:, i].sum()
        assert opened == pytest.approx(gone + outcome.standing[-1, i], rel=1e-9)
        assert (outcome.closed[:, i] >= -1e-9).all()
        assert outcome.standing[-1, i] == pytest.approx(outcome.last[i].sum(), rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(every_model, st.integers(0, 10_000))
def test_a_market_turned_upside_down_swaps_the_sides(name: str, seed: int) -> None:
    """Quantities only: a long's liquidation at −x % has its short at +x % only to first order."""
    bars, interest = market(seed, wild=0.0005)
    low, high = bars["low"].copy(), bars["high"].copy()
    mirror = tables.candles(
        bars.assign(
            open=2 * CENTRE - bars["open"],
            close=2 * CENTRE - bars["close"],
            low=2 * CENTRE - high,
            high=2 * CENTRE - low,
            taker_buy_volume=bars["volume"] - bars["taker_buy_volume"],
        )
    )
    far = replace(Assumptions(), leverages=(2.0, 5.0), taker_mix=(0.5, 0.5), maker_mix=(0.5, 0.5))
    one, other = (
        modelled_heatmap(table, interest, model=name, assumptions=far, bins=100).predicted
        for table in (bars, mirror)
    )
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one["standing_long"], other["standing_short"], rtol=1e-9)
    np.testing.assert_allclose(one["standing_short"], other["standing_long"], rtol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_what_it_is_and_only_what_it_reads(name: str) -> None:
    held = MODELS[name]
    assert held.name == name
    for text in (held.words, held.source):
        assert text.endswith(".")
        assert len(text) > 30
    bars, interest = market(1)
    grid = modelled_heatmap(bars, interest, model=name, bins=50)
    assert grid.provenance.model == name
    assert [word for word, _ in grid.provenance.parameters] == list(
        Assumptions().describe((*held.reads, "smoothing_bp"))
    )
    changed = {
        "taker_mix": (1.0, *[0.0] * 8),
        "maker_mix": (*[0.0] * 8, 1.0),
        "margin_multiples": (2.0, 2.5, 3.0, 4.0),
        "maintenance_margin_rate": 0.02,
        "holding_hours": 2.0,
        "lifetime_exponent": 1.0,
        "churn": 0.9,
        "entry_points": 1,
        "funding_tilt": 0.3,
    }
    funding = pd.DataFrame(
        {"time": bars["time"], "venue": "a", "rate": np.random.default_rng(2).normal(0, 1e-4, len(bars))}
    )
    plain = modelled_heatmap(bars, interest, funding, model=name, bins=50)
    for field, value in changed.items():
        moved = modelled_heatmap(
            bars, interest, funding, model=name, assumptions=replace(Assumptions(), **{field: value}), bins=50
        )
        same = np.allclose(moved.total, plain.total, rtol=1e-6) and moved.outside_long == plain.outside_long
        assert same == (field not in held.reads), field


ADDED = """
from dataclasses import replace
from liqcore.heat.models import textbook
MODEL = replace(
    textbook.MODEL, name="halved", title="Half of it", place=99, words="Half of what the textbook holds.",
    reads=("taker_mix",),
    steps=lambda inputs, guesses: replace(
        made := textbook.steps(inputs, guesses), long=made.long / 2, short=made.short / 2
    ),
)
"""


def test_a_file_is_all_it_takes(tmp_path, monkeypatch) -> None:
    (tmp_path / "halved.py").write_text(ADDED)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    try:
        found = importlib.reload(registry).MODELS
        assert list(found)[-1] == "halved"
        assert next(iter(found)) == "flow-identity"
        bars, _ = market(5)
        # The map, its provenance and the trace of a band read the registry at the time of the question.
        for module in ("liqcore.heat.modelled", "liqcore.heat.origin"):
            monkeypatch.setattr(f"{module}.model_named", registry.model)
        half, whole = (modelled_heatmap(bars, model=name, bins=80) for name in ("halved", "textbook"))
        np.testing.assert_allclose(half.total, whole.total / 2, rtol=1e-5)
        assert half.provenance.model == "halved"
        assert [word for word, _ in half.provenance.parameters] == ["Leverage of takers", "Smoothing"]
        band = level_origin(bars, "long", 20_000, 28_000, model="halved")
        assert band.usd == pytest.approx(
            level_origin(bars, "long", 20_000, 28_000, model="textbook").usd / 2, rel=1e-9
        )
    finally:
        monkeypatch.undo()
        importlib.reload(registry)
    assert "halved" not in registry.MODELS


def test_an_unknown_model_is_told_the_known_ones() -> None:
    bars, interest = market(1)
    with pytest.raises(GridError, match=r"magic.*flow-identity.*textbook"):
        modelled_heatmap(bars, interest, model="magic")
    with pytest.raises(GridError, match=r"magic.*flow-identity.*textbook"):
        level_origin(bars, "long", 20_000, 28_000, model="magic")


@pytest.mark.parametrize("name", MODELS)
def test_a_model_without_what_it_needs_says_so(name: str) -> None:
    bars, interest = market(1)
    nothing = bars.assign(volume=np.nan, taker_buy_volume=np.nan)
    with pytest.raises(GridError, match=r"volume|open interest"):
        modelled_heatmap(nothing, model=name)
    with pytest.raises(GridError, match=r"volume|open interest"):
        level_origin(nothing, "long", 20_000, 28_000, model=name)
    if MODELS[name].needs != "volume":
        assert modelled_heatmap(nothing, interest, model=name).total.sum() > 0
