"""Tables whose rate holds for the whole position, counts coins, or grows with it: against exact fractions."""

from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from liqcore.heat.tiers import tier_table
from liqcore.margins import MarginError, TierTable, liquidation_in_tiers, liquidation_price_in_tiers

RATES, LEVERS = (0.004, 0.01, 0.03), (100.0, 50.0, 20.0)


def table_of(floors, cap, **more) -> TierTable:
    rates, levers = (RATES, LEVERS) if len(floors) > 1 else ((0.01,), (50.0,))
    return TierTable("x", "BTC", "2026-01-01", "", floors, cap, rates, levers, **more)


WHOLE = table_of((0, 1e6, 5e6), 2e7, kind="whole")
COINS = table_of((0, 10, 50), 200, kind="whole", unit="quantity")
INVERSE = table_of((0, 5, 40), 400, contract="inverse", kind="whole")
GROWING = table_of((0,), 1e9, contract="inverse", growth=0.00005)
DERIBIT, COIN_M = tier_table("deribit", "BTC_USDC-PERPETUAL"), tier_table("binance", "BTCUSD_PERP")


def spare(table: TierTable, side: str, entry: F, size: F, margin: F, price: F) -> F:
    """Equity less maintenance at a price, exactly."""
    s = 1 if side == "long" else -1
    if table.contract == "linear":
        value, coins, gained = size * price, size, s * size * (price - entry)
    else:
        value = coins = size / price
        gained = s * size * (1 / entry - 1 / price)
    count = size if table.unit == "quantity" else value
    bracket = max(k for k, floor in enumerate(table.floors) if F(floor) <= count)
    amount = F(0)
    if table.kind == "marginal":
        for k in range(1, bracket + 1):
            amount += F(table.floors[k]) * (F(table.rates[k]) - F(table.rates[k - 1]))
    return margin + gained - value * (F(table.rates[bracket]) + F(table.growth) * coins) + amount


@pytest.mark.parametrize("table", [WHOLE, COINS, INVERSE, DERIBIT, GROWING, COIN_M])
@given(
    side=st.sampled_from(["long", "short"]),
    entry=st.floats(5_000, 150_000),
    share=st.floats(0.001, 0.9),
    leverage=st.floats(1.2, 90),
)
def test_equity_covers_maintenance_up_to_the_price_and_not_beyond(
    table, side, entry, share, leverage
) -> None:
    most = table.cap if np.isfinite(table.cap) else 500 * entry
    size = share * min(most, 1e8 if table.contract == "linear" else 2_000)
    if table.contract == "linear" and table.unit == "value":
        size /= entry
    if table.contract == "inverse":
        size *= entry
    value = size * entry if table.contract == "linear" else size / entry
    exact = [F(part) for part in (entry, size, value / leverage)]
    assume(spare(table, side, *exact, F(entry)) > 0)
    found = liquidation_in_tiers(side, entry, size, table, leverage=leverage)
    price = float(found.price)
    assume(found.bracket >= 0 and 0 < price < 1e12)
    s = 1 if side == "long" else -1
    assert s * (entry - price) > 0
    beyond, before = F(price) * (1 - s * F(1, 10**9)), F(price) * (1 + s * F(1, 10**9))
    assert spare(table, side, *exact, beyond) <= F(value) * F(1, 10**8)
    assert spare(table, side, *exact, before) >= -F(value) * F(1, 10**8)
    for step in range(1, 60):
        at = F(entry) + (F(price) - F(entry)) * F(step, 60)
        assert spare(table, side, *exact, at) > 0, "liquidated earlier than told"


def test_a_rate_that_comes_to_hold_for_the_whole_position_liquidates_at_the_floor() -> None:
    """A short of 9.9 BTC at 100,000 passes 1,000,000 USD at 101,010.10; 0.4 % of it becomes 1 %."""
    price = liquidation_price_in_tiers("short", 100_000, 9.9, WHOLE, leverage=50)
    assert price == pytest.approx(1e6 / 9.9)
    marginal = TierTable(
        "x", "BTC", "2026-01-01", "", WHOLE.floors, WHOLE.cap, WHOLE.rates, WHOLE.max_leverage
    )
    assert liquidation_price_in_tiers("short", 100_000, 9.9, marginal, leverage=50) > price
    assert WHOLE.maintenance(10, 100_000) == pytest.approx(10_000)
    assert WHOLE.maintenance(9.999, 100_000) == pytest.approx(3_999.6)


def test_deribits_own_worked_examples() -> None:
    """support.deribit.com, Linear Perpetual: 25 BTC at 100,000 need 28,125 USDC; 350 BTC need 2.75 %."""
    assert DERIBIT.maintenance(25, 100_000) == pytest.approx(28_125)
    assert DERIBIT.maintenance(350, 100_000) == pytest.approx(350 * 100_000 * 0.0275)
    assert 1 / DERIBIT.highest_leverage(350) == pytest.approx(0.02 + 350 * 0.00005)
    price = liquidation_price_in_tiers("long", 100_000, 350, DERIBIT, leverage=20)
    assert price == pytest.approx(100_000 * (1 - 1 / 20) / (1 - 0.0275))


def test_the_published_coin_margined_amounts_are_those_of_its_rates() -> None:
    amounts = [0, 0.005, 0.055, 0.43, 4.18, 24.18, 47.93, 77.93, 237.93, 837.93]
    assert COIN_M.amounts.tolist() == pytest.approx(amounts)


def test_arrays_give_what_single_positions_do() -> None:
    sides, sizes = np.array(["long", "short"]), np.array([[1.0], [9.9], [60.0]])
    for table in (WHOLE, COINS):
        found = liquidation_in_tiers(sides, 100_000.0, sizes, table, leverage=20)
        for i, j in np.ndindex(3, 2):
            alone = liquidation_price_in_tiers(sides[j], 100_000.0, sizes[i, 0], table, leverage=20)
            assert found.price[i, j] == alone


def test_a_growing_rate_has_one_bracket() -> None:
    with pytest.raises(MarginError, match="one bracket"):
        TierTable("x", "BTC", "2026-01-01", "", (0, 10), 20, (0.01, 0.02), (50, 20), growth=0.1)
