"""What holds for every plan, whatever is asked: nothing red is green, and nothing is worse than it says."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from liqcore.heat.tiers import TIERS
from liqcore.margins import TierTable
from liqcore.risk import RiskError, plan_trade

WHOLE = TierTable(
    "x", "BTC", "2026-01-01", "", (0, 1e5, 1e6), 1e8, (0.004, 0.01, 0.03), (100, 50, 20), kind="whole"
)
TABLES = [*TIERS, WHOLE]


@st.composite
def requests(draw):
    contract = draw(st.sampled_from(["linear", "inverse"]))
    side = draw(st.sampled_from(["long", "short"]))
    s = 1 if side == "long" else -1
    entry = draw(st.floats(500, 200_000))
    stop = entry * (1 - s * draw(st.floats(-0.01, 0.4)))
    further = draw(st.lists(st.floats(0.9, 1.1), max_size=3))
    targets = [entry * (1 + s * far) for far in draw(st.lists(st.floats(-0.02, 0.8), max_size=4))]
    fits = [None, *(table for table in TABLES if table.contract == contract)]
    return dict(
        side=side,
        entry=(entry, *(entry * part for part in further)) if further else entry,
        stop=stop,
        account=draw(st.floats(10, 1e8)),
        risk=draw(st.floats(1e-4, 0.99)),
        leverage=draw(st.floats(1, 150)),
        targets=tuple(target for target in targets if target > 1),
        fee_rate=draw(st.floats(-0.0005, 0.01)),
        slippage=draw(st.floats(0, 0.02)),
        contract=contract,
        tiers=draw(st.sampled_from(fits)),
        maintenance_margin_rate=draw(st.floats(0, 0.1)),
        liquidation_fee_rate=draw(st.floats(0, 0.002)),
        step=draw(
            st.sampled_from([0.0, 0.001, 0.01, 0.3, 100.0] if contract == "linear" else [0.0, 1.0, 100.0])
        ),
        tick=draw(st.sampled_from([0.0, 0.1, 0.5, 2.5])),
        minimum_notional=draw(st.sampled_from([0.0, 100.0])),
        margin_mode=draw(st.sampled_from(["isolated", "cross"])),
        other_maintenance=draw(st.floats(0, 1e5)),
        other_margin=draw(st.floats(0, 1e5)),
        other_pnl=draw(st.floats(-1e5, 1e5)),
        added_margin=draw(st.floats(0, 1e4)),
        atr_1m=draw(st.one_of(st.none(), st.floats(0, 500))),
        mark_last_gap=draw(st.one_of(st.none(), st.floats(0, 500))),
        gap=draw(st.floats(0, 0.9)),
        funding_rate=draw(st.floats(-0.01, 0.01)),
        holding_hours=draw(st.floats(0, 500)),
    )


@given(asked=requests())
def test_nothing_red_is_green_and_no_loss_is_larger_than_told(asked) -> None:
    try:
        plan = plan_trade(**asked)
    except RiskError:
        return
    s = 1 if plan.side == "long" else -1
    red = [check for check in plan.checks if not check.passed]
    assert plan.passes == (plan.accepted and not red)
    assert ("accepted" in str(plan).splitlines()[0]) == plan.passes
    assert plan.loss_at_stop <= plan.loss_with_gap * (1 + 1e-12)
    assert plan.loss_at_stop <= max(plan.risk_usd, 0) * (1 + 1e-9)
    if not plan.accepted:
        assert plan.reasons
        assert plan.order_ticket().startswith("No order.")
        return
    assert not plan.reasons
    assert plan.quantity > 0
    assert s * (plan.entry - plan.stop) > 0
    # What other cross positions gained is margin, too.
    free = plan.account + max(asked["other_pnl"], 0) * (plan.margin_mode == "cross")
    assert plan.margin <= free * (1 + 1e-9)
    if plan.liquidation_price is not None:
        assert s * (plan.stop - plan.liquidation_price) >= 0
        assert plan.room >= plan.room_needed
    unit = plan.entry if plan.contract == "inverse" else 1.0
    parts = np.array([target.quantity for target in plan.targets]) * unit
    if parts.size:
        assert parts.sum() == pytest.approx(plan.quantity * unit, rel=1e-9)
        if plan.step > 0:
            assert parts.max() - parts.min() <= plan.step * (1 + 1e-6)
            whole = parts / plan.step
            assert np.abs(whole - whole.round()).max() < 1e-6 * max(whole.max(), 1)
