"""Curves and sweeps around a plan agree with the plan itself."""

import numpy as np
import pytest

from liqcore.margins import TierTable
from liqcore.risk import RiskError, plan_trade, price_drag, sweep_leverage
from liqcore.risk.gate import CODES

TRADE = {
    "side": "long",
    "entry": 60_000,
    "account": 10_000,
    "risk": 0.01,
    "fee_rate": 0.0005,
    "slippage": 0.0002,
}
TIERS = TierTable(
    venue="somewhere",
    symbol="BTCUSDT",
    as_of="2024-10-01",
    source="a copy",
    floors=(0, 5e3, 20e3),
    cap=1e6,
    rates=(0.004, 0.01, 0.03),
    max_leverage=(125, 50, 20),
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"side": "short"},
        {"margin_mode": "cross", "risk": 0.2},
        {"contract": "inverse", "step": 100},
        {"tiers": TIERS},
        {"entry": (60_000, 59_700), "step": 0.0001},
        {"atr_1m": 60, "mark_last_gap": 100},
        {"account": 100},
        {"account": 1e12, "risk": 0.001},
    ],
    ids=str,
)
def test_every_cell_is_what_the_plan_says(changes):
    levers, distances = [1, 3, 10, 25, 54, 55, 100, 125], [0.0005, 0.002, 0.004, 0.0101, 0.03, 0.2, 0.6]
    trade = TRADE | changes
    sweep = sweep_leverage(levers, distances, **trade)
    assert sweep.code.shape == (8, 7)
    for i, lever in enumerate(levers):
        for j, stop in enumerate(sweep.stops):
            plan = plan_trade(**trade, leverage=lever, stop=stop)
            assert plan.accepted == sweep.accepted[i, j], plan.reasons
            if CODES[sweep.code[i, j]] != "stop on the wrong side":
                assert plan.quantity == sweep.quantity[i, j]
                assert plan.loss_at_stop == sweep.loss[i, j]
                assert (plan.liquidation_price or 0) == np.nan_to_num(sweep.liquidation_price[i, j])
            else:
                assert sweep.quantity[i, j] == 0


def test_the_frame_names_the_reasons():
    frame = sweep_leverage([1, 50, 125], [0.0005, 0.01, 0.1], **TRADE).to_frame()
    assert len(frame) == 9
    assert (
        frame.loc[(frame["leverage"] == 125) & (frame["stop_distance"] == 0.1), "reason"].item()
        == "liquidation before the stop"
    )
    assert (
        frame.loc[(frame["leverage"] == 1) & (frame["stop_distance"] == 0.01), "reason"].item() == "accepted"
    )
    assert (frame["accepted"] == (frame["reason"] == "accepted")).all()
    assert frame["stop"].to_numpy() == pytest.approx(60_000 * (1 - frame["stop_distance"].to_numpy()))


@pytest.mark.parametrize("tick", [0.1, "0.5", 5])
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_sweep_takes_prices_that_stand_on_ticks(side: str, tick: float | str) -> None:
    trade = TRADE | {"side": side, "tick": tick}
    assert sweep_leverage([1, 10], [0.005, 0.01], **trade).accepted.any()


@pytest.mark.parametrize("tick", [0.1, 70, 500])
@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("contract", ["linear", "inverse"])
def test_a_swept_stop_stands_on_the_tick_as_that_of_the_plan(side: str, contract: str, tick: float) -> None:
    trade = TRADE | {"side": side, "contract": contract, "tick": tick, "entry": 60_123.4}
    levers, distances = [1, 10, 100], [0.001, 0.0034, 0.0123, 0.05]
    sweep = sweep_leverage(levers, distances, **trade)
    entry = plan_trade(**trade, leverage=1, stop=30_000 if side == "long" else 90_000).entry
    for j, distance in enumerate(distances):
        typed = entry * (1 - distance if side == "long" else 1 + distance)
        for i, lever in enumerate(levers):
            plan = plan_trade(**trade, leverage=lever, stop=typed)
            assert plan.stop == sweep.stops[j]
            assert plan.accepted == sweep.accepted[i, j], plan.reasons
            # A distance below half a tick falls on the entry, where no stop can stand.
            assert sweep.quantity[i, j] == (0 if plan.stop == entry else plan.quantity)
            assert sweep.loss[i, j] == (0 if plan.stop == entry else plan.loss_at_stop)


def test_a_sweep_is_monotone_in_stop_distance_and_leverage():
    sweep = sweep_leverage(np.arange(1, 126), np.linspace(0.001, 0.3, 60), **TRADE)
    assert (np.diff(sweep.quantity, axis=1) <= 0).all()
    assert (np.diff(sweep.quantity, axis=0) >= 0).all()
    assert sweep.loss.max() <= 100
    # Once liquidation comes before the stop, a higher leverage or a wider stop does not mend it.
    first = sweep.code == CODES.index("liquidation before the stop")
    beyond = np.maximum.accumulate(np.maximum.accumulate(first, axis=0), axis=1)
    assert not (beyond & sweep.accepted).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: sweep_leverage([], [0.01], **TRADE),
        lambda: sweep_leverage([0], [0.01], **TRADE),
        lambda: sweep_leverage([1], [0], **TRADE),
        lambda: sweep_leverage([1], [1.0], **TRADE),
        lambda: sweep_leverage([np.nan], [0.01], **TRADE),
        lambda: sweep_leverage([1], [np.inf], **TRADE),
        lambda: sweep_leverage(np.ones(2000), np.full(2000, 0.01), **TRADE),
        lambda: sweep_leverage([1], [0.01], **(TRADE | {"account": 0})),
        lambda: sweep_leverage([1], [0.01], **(TRADE | {"side": "up"})),
        lambda: sweep_leverage([1], [0.01], **(TRADE | {"entry": ""})),
    ],
)
def test_a_nonsense_sweep_gets_a_sentence(call):
    with pytest.raises(RiskError, match=r"\.$"):
        call()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"side": "short", "stop": 60_600, "targets": (58_000,)},
        {"contract": "inverse", "step": 100},
        {"margin_mode": "cross", "risk": 0.3, "leverage": 50},
        {"tiers": TIERS},
        {"side": "short", "stop": 60_600, "contract": "inverse", "step": 1, "targets": ()},
    ],
    ids=str,
)
def test_dragging_the_price_meets_the_plan_at_its_own_prices(changes):
    plan = plan_trade(**({"stop": 59_400, "leverage": 20, "targets": (61_200,)} | TRADE | changes))
    s = 1 if plan.side == "long" else -1
    assert plan.accepted
    assert plan.liquidation_price is not None
    here = plan.liquidation_price
    drag = price_drag(
        plan,
        [
            plan.entry,
            plan.stop,
            here * (1 + s * 1e-9),
            here * (1 - s * 1e-9),
            *(t.price for t in plan.targets),
        ],
    ).set_index("price")
    assert drag.loc[plan.entry, "pnl"] == 0
    slip = (
        plan.quantity
        * plan.slippage
        * (plan.stop if plan.contract == "linear" else plan.entry**2 / plan.stop)
    )
    assert drag.loc[plan.stop, "net"] - slip == pytest.approx(-plan.loss_at_stop)
    for target in plan.targets:
        assert drag.loc[target.price, "net"] == pytest.approx(target.gain)
    before, after = drag.loc[here * (1 + s * 1e-9)], drag.loc[here * (1 - s * 1e-9)]
    assert not before["liquidated"]
    assert before["equity"] == pytest.approx(before["maintenance"], rel=1e-4)
    assert before["margin_ratio"] == pytest.approx(1, rel=1e-4)
    assert after["liquidated"]
    assert after["margin_ratio"] == 1
    assert after["pnl"] == -(plan.account if plan.margin_mode == "cross" else plan.margin)


def test_the_default_curve_spans_everything_the_plan_names_without_holes():
    plan = plan_trade(**TRADE, stop=59_400, leverage=20, targets=(61_200, 66_000))
    drag = price_drag(plan)
    assert len(drag) == 241
    assert drag["price"].min() < plan.liquidation_price < 66_000 < drag["price"].max()
    assert np.isfinite(drag.drop(columns="liquidated").to_numpy()).all()
    alive = drag[~drag["liquidated"]]
    assert (np.diff(alive["pnl"]) > 0).all()
    assert (np.diff(alive["margin_ratio"]) < 0).all()
    assert drag["reward_risk"].max() == pytest.approx(drag["net"].max() / plan.loss_at_stop)


def test_a_position_that_cannot_be_liquidated_never_is():
    plan = plan_trade(**TRADE, stop=59_000, leverage=1, maintenance_margin_rate=0)
    assert not price_drag(plan, np.linspace(1, 200_000, 50))["liquidated"].any()


@pytest.mark.parametrize("prices", [[0], [-1], [np.nan], []])
def test_a_nonsense_price_gets_a_sentence(prices):
    with pytest.raises(RiskError, match=r"\.$"):
        price_drag(plan_trade(**TRADE, stop=59_400, leverage=20), prices)


def test_there_is_nothing_to_drag_without_a_position():
    with pytest.raises(RiskError, match="no position"):
        price_drag(plan_trade(**TRADE, stop=61_000, leverage=20))
