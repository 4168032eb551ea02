"""Liquidation prices against published examples, and the identity they come from."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from liqcore.heat.tiers import TIERS, tier_table
from liqcore.margins import (
    MarginError,
    TierTable,
    bankruptcy_price,
    liquidation_price,
    liquidation_price_in_tiers,
)

BINANCE = tier_table("binance", day="2024-12-31")


@pytest.mark.parametrize(
    ("question", "expected", "tolerance"),
    [
        pytest.param(
            dict(
                side="long",
                entry=1456.84,
                quantity=3683.979,
                wallet_balance=1_535_443.01,
                maintenance_margin_rate=0.10,
                maintenance_amount=135_365,
            ),
            1114.78,
            0.005,
            id="Binance isolated ETH long, FAQ b3c689",
        ),
        pytest.param(
            dict(
                side="long",
                entry=32_481.98,
                quantity=109.488,
                wallet_balance=1_535_443.01,
                maintenance_margin_rate=0.025,
                maintenance_amount=16_300,
            ),
            18_778.73,
            0.005,
            id="Binance isolated BTC long, FAQ b3c689",
        ),
        pytest.param(
            dict(
                side="long",
                entry=1456.84,
                quantity=3683.979,
                wallet_balance=1_535_443.01,
                maintenance_margin_rate=0.10,
                maintenance_amount=135_365,
                other_maintenance=71_200.81,
                other_pnl=-56_354.57,
            ),
            1153.26,
            0.005,
            id="Binance cross ETH long beside a BTC leg, FAQ b3c689",
        ),
        pytest.param(
            dict(
                side="long",
                entry=45_000,
                quantity=100_000 * 100,
                wallet_balance=101,
                maintenance_margin_rate=0.125,
                maintenance_amount=11.605,
                contract="inverse",
            ),
            33_599.40,
            0.03,
            id="Binance COIN-M cross, dev.binance.vision/t/6292",
        ),
        pytest.param(
            dict(
                side="long",
                entry=20_000,
                leverage=50,
                maintenance_margin_rate=0.005,
                maintenance_basis="entry",
            ),
            19_700,
            1e-6,
            id="Bybit USDT contract help page",
        ),
        pytest.param(
            dict(
                side="short",
                entry=28_000,
                quantity=5 * 0.001,
                leverage=100,
                maintenance_margin_rate=0.004,
                maintenance_basis="entry",
            ),
            28_168,
            1e-6,
            id="KuCoin isolated short, support 4408061803033",
        ),
        pytest.param(
            dict(
                side="short",
                entry=3_800,
                quantity=1.0,
                wallet_balance=0.2262 * 3_800,
                maintenance_margin_rate=0.01,
                fee_rate=0.0006,
            ),
            4_610.7,
            0.05,
            id="KuCoin cross short leg, margin 22.62 % of value, support 35084431335065",
        ),
        pytest.param(
            dict(side="long", entry=10, leverage=5, maintenance_margin_rate=0.01, fee_rate=0.0006),
            8.0857085,
            5e-7,
            id="OKX and Gate long with taker fee, freqtrade",
        ),
        pytest.param(
            dict(side="short", entry=10, leverage=5, maintenance_margin_rate=0.01, fee_rate=0.0006),
            11.8741342,
            5e-7,
            id="OKX and Gate short with taker fee, freqtrade",
        ),
        pytest.param(
            dict(side="long", entry=60_000, leverage=100, maintenance_margin_rate=0.005),
            59_698,
            1.0,
            id="exact 100x where textbook formulas say 59,400",
        ),
        pytest.param(
            dict(side="long", entry=60_000, leverage=10, maintenance_margin_rate=0.005),
            54_271,
            1.0,
            id="exact 10x where textbook formulas say 54,000",
        ),
    ],
)
def test_published_liquidation_prices(question: dict, expected: float, tolerance: float) -> None:
    assert liquidation_price(**question) == pytest.approx(expected, abs=tolerance)


def test_published_bankruptcy_price() -> None:
    assert bankruptcy_price("long", 10_000, 50) == pytest.approx(9_800)  # Bybit help centre
    assert bankruptcy_price("long", 10_000, 50, "inverse") == pytest.approx(10_000 * 50 / 51)


def test_published_maintenance_amounts_and_margin() -> None:
    faq = TierTable(
        "binance",
        "any",
        "2020-01-01",
        "Binance FAQ b3c689",
        (0, 50_000, 250_000),
        1e6,
        (0.004, 0.005, 0.01),
        (125, 100, 50),
    )
    assert faq.amounts[2] == pytest.approx(1_300)  # 250,000·(1 % − 0.5 %) + 50
    coin = TierTable(
        "binance",
        "BTCUSD",
        "2020-01-01",
        "Binance FAQ ceccfcfb",
        (0,),
        100.0,
        (0.004,),
        (125,),
        contract="inverse",
    )
    assert coin.maintenance_margin(100 * 100 / 25_000) == pytest.approx(0.0016)


def test_computed_amounts_match_the_published_ones() -> None:
    assert BINANCE.amounts.tolist() == pytest.approx(
        [
            0,
            50,
            950,
            11_450,
            131_450,
            481_450,
            2_981_450,
            14_481_450,
            26_481_450,
            41_481_450,
            121_481_450,
            421_481_450,
        ]
    )


def sides_and_terms() -> st.SearchStrategy:
    return st.tuples(
        st.sampled_from(["long", "short"]),
        st.floats(100, 200_000),
        st.floats(1.5, 125),
        st.floats(0.001, 0.02),
        st.floats(0.001, 1_000),
        st.floats(0, 0.001),
    )


@given(sides_and_terms())
def test_equity_at_the_liquidation_price_is_the_maintenance_margin(terms: tuple) -> None:
    side, entry, leverage, rate, quantity, fee = terms
    price = liquidation_price(side, entry, leverage, rate, quantity, fee_rate=fee)
    assume(0 < price < np.inf)
    sign = 1 if side == "long" else -1
    equity = entry * quantity / leverage + sign * quantity * (price - entry)
    assert equity == pytest.approx(quantity * price * (rate + fee), rel=1e-9, abs=1e-9 * entry * quantity)


@given(sides_and_terms())
def test_inverse_equity_at_the_liquidation_price_is_the_maintenance_margin(terms: tuple) -> None:
    side, entry, leverage, rate, quantity, fee = terms
    usd = quantity * entry
    price = liquidation_price(side, entry, leverage, rate, usd, fee_rate=fee, contract="inverse")
    assume(0 < price < np.inf)
    sign = 1 if side == "long" else -1
    equity = usd / entry / leverage + sign * usd * (1 / entry - 1 / price)
    assert equity == pytest.approx(usd / price * (rate + fee), rel=1e-9, abs=1e-9 * quantity)


@given(st.floats(100, 200_000), st.floats(0.001, 0.005))
def test_linear_and_inverse_agree_at_high_leverage(entry: float, rate: float) -> None:
    for side in ("long", "short"):
        linear, inverse = (
            liquidation_price(side, entry, 125, rate, contract=contract) for contract in ("linear", "inverse")
        )
        assert abs(linear / inverse - 1) < 2 / 125**2


@given(sides_and_terms(), st.floats(1.01, 3))
def test_more_leverage_moves_liquidation_towards_the_entry(terms: tuple, factor: float) -> None:
    side, entry, leverage, rate, quantity, fee = terms
    low, high = (
        liquidation_price(side, entry, x, rate, quantity, fee_rate=fee) for x in (leverage, leverage * factor)
    )
    assert abs(high - entry) <= abs(low - entry) or high * (1 if side == "long" else -1) > entry * (
        1 if side == "long" else -1
    )


@given(st.floats(100, 200_000), st.floats(1.5, 100), st.floats(0, 0.01))
def test_long_and_short_mirror_each_other_around_the_entry(
    entry: float, leverage: float, rate: float
) -> None:
    """Exactly so where maintenance is taken on the entry value; on the mark value the short's is dearer."""
    long, short = (
        liquidation_price(side, entry, leverage, rate, maintenance_basis="entry")
        for side in ("long", "short")
    )
    assert long + short == pytest.approx(2 * entry)
    long, short = (liquidation_price(side, entry, leverage, rate) for side in ("long", "short"))
    assert long / entry * (1 - rate) + short / entry * (1 + rate) == pytest.approx(2)


@given(
    st.sampled_from(["long", "short"]), st.floats(1_000, 100_000), st.floats(0.01, 30_000), st.floats(2, 60)
)
def test_the_bracket_is_the_one_that_holds_at_the_liquidation_price(
    side: str, entry: float, quantity: float, leverage: float
) -> None:
    assume(quantity * entry < BINANCE.cap / 2)
    price = liquidation_price_in_tiers(side, entry, quantity, BINANCE, leverage=leverage)
    assume(0 < price < np.inf)
    sign = 1 if side == "long" else -1
    equity = entry * quantity / leverage + sign * quantity * (price - entry)
    assert equity == pytest.approx(BINANCE.maintenance_margin(quantity * price), rel=1e-7, abs=1e-6)


@pytest.mark.parametrize("table", TIERS, ids=lambda table: f"{table.symbol} {table.as_of}")
def test_maintenance_margin_is_continuous_across_brackets(table: TierTable) -> None:
    for floor in table.floors[1:]:
        below, above = table.maintenance_margin(np.nextafter(floor, 0)), table.maintenance_margin(floor)
        assert below == pytest.approx(above, rel=1e-9)


def test_liquidation_price_is_continuous_in_size_across_brackets() -> None:
    sizes = np.linspace(0.5, 60, 2_000)
    prices = np.array(
        [liquidation_price_in_tiers("long", 60_000, size, BINANCE, leverage=20) for size in sizes]
    )
    assert np.abs(np.diff(prices)).max() < 5
    assert (np.diff(prices) >= -1e-6).all()


def test_arrays_broadcast() -> None:
    prices = liquidation_price(["long", "short"], 60_000, np.array([[10.0], [100.0]]))
    assert prices.shape == (2, 2)
    assert prices[1, 0] == pytest.approx(liquidation_price("long", 60_000, 100))


def test_what_no_price_can_liquidate_is_said_in_numbers() -> None:
    assert liquidation_price("long", 60_000, 1) == 0.0
    assert liquidation_price("short", 60_000, 1, contract="inverse", quantity=100) == np.inf


def test_what_every_price_liquidates_is_not_mistaken_for_safety() -> None:
    """Debts beyond the position's value: a short is gone from 0 up, an inverse long from infinity down."""
    assert liquidation_price("short", 100.0, wallet_balance=0.0, other_pnl=-500.0) == 0.0
    assert liquidation_price("long", 100.0, wallet_balance=-2.0, quantity=100.0, contract="inverse") == np.inf
    assert liquidation_price("short", 100.0, wallet_balance=50.0, other_pnl=-100.0) == pytest.approx(
        50 / 1.005
    )


def test_a_table_can_be_asked_for_by_day() -> None:
    assert tier_table("binance").as_of == "2026-09-16"
    assert tier_table("binance", day="2024-12-31").as_of == "2024-10-01"
    assert tier_table("binance", day="2022-05-31").as_of == "2021-03-18"
    assert tier_table("Binance", "btcusdc").symbol == "BTCUSDC"
    # The same brackets as in FAQ b3c689's worked example, which has 1,300 from 250,000 up.
    assert tier_table("binance", day="2022-05-31").amounts[2] == pytest.approx(1_300)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: liquidation_price("buy", 1.0, 10), "long or short"),
        (lambda: liquidation_price("long", 0.0, 10), "entry price must be above zero"),
        (lambda: liquidation_price("long", 1.0, 0), "leverage must be above zero"),
        (lambda: liquidation_price("long", 1.0), "Give the leverage"),
        (lambda: liquidation_price("long", 1.0, 10, contract="quanto"), "linear or inverse"),
        (lambda: liquidation_price("long", 1.0, 10, quantity=-1), "quantity must be above zero"),
        (lambda: BINANCE.maintenance_margin(2e9), "Use a smaller position"),
        (lambda: liquidation_price("long", 1.0, 10, 0.5, fee_rate=0.5), "shares of the value"),
        (lambda: liquidation_price("long", 1.0, 10, float("nan")), "shares of the value"),
        (lambda: liquidation_price("long", 1.0, 10, -0.005), "shares of the value"),
        (lambda: liquidation_price("long", 1.0, wallet_balance=float("nan")), "must be numbers"),
        (lambda: tier_table("mars"), "There is no bracket table for mars"),
        (lambda: tier_table("binance", day="2020-12-31"), "of 2020-12-31 or before"),
    ],
)
def test_questions_without_an_answer_get_a_sentence(call, says: str) -> None:
    with pytest.raises(MarginError, match=says):
        call()
