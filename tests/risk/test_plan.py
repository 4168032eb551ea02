"""Plans: the gate, the words, the vectors, the invariants, and every bad input as a sentence."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from liqcore.margins import TierTable
from liqcore.risk import Plan, RiskError, plan_trade

EXAMPLE = {
    "side": "long",
    "entry": 60_000,
    "stop": 59_400,
    "account": 10_000,
    "risk": 0.01,
    "leverage": 20,
    "fee_rate": 0.0005,
    "slippage": 0.0002,
    "targets": (61_200,),
    "maintenance_margin_rate": 0.005,
    "step": 0.001,
}
TIERS = TierTable(
    venue="somewhere",
    symbol="BTCUSDT",
    as_of="2024-10-01",
    source="a copy",
    floors=(0, 50e3, 600e3, 3e6, 12e6),
    cap=70e6,
    rates=(0.004, 0.005, 0.0065, 0.01, 0.02),
    max_leverage=(125, 100, 75, 50, 25),
)


def plan(**changes):
    return plan_trade(**{**EXAMPLE, **changes})


def numbers(value):
    """All numbers anywhere in a plan."""
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) else []


class TestWorkedExample:
    def test_figures(self):
        p = plan()
        assert p.accepted
        assert p.reasons == ()
        assert p.quantity == 0.148
        assert p.notional == pytest.approx(8880)
        assert p.margin == pytest.approx(444)
        assert p.loss_at_stop == pytest.approx(0.148 * 671.58)
        assert p.liquidation_price == pytest.approx(60_000 * (1 - 1 / 20) / 0.995)
        assert p.reward_risk == pytest.approx((1200 - 30 - 30.6) / 671.58)
        assert p.risk_fraction <= 0.01

    def test_without_a_step_it_is_the_published_quantity(self):
        assert plan(step=0).quantity == pytest.approx(0.148903, abs=5e-7)

    def test_risk_in_usd_is_the_same_as_the_fraction(self):
        assert plan(risk=None, risk_usd=100) == plan()

    def test_numbers_may_be_typed_text(self):
        assert (
            plan(entry="$60,000", stop="59 400", account="10.000,00", leverage="20x", targets=("61,200",))
            == plan()
        )

    def test_a_plan_is_immutable(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            plan().quantity = 1.0


class TestGate:
    def test_fifty_passes_and_a_hundred_is_liquidated_first(self):
        good, bad = plan(leverage=50, fee_rate=0, slippage=0), plan(leverage=100, fee_rate=0, slippage=0)
        assert good.accepted
        assert good.liquidation_price == pytest.approx(59_095, abs=1)
        assert not bad.accepted
        assert bad.liquidation_price == pytest.approx(59_698, abs=1)
        assert len(bad.reasons) == 1
        assert "before the stop" in bad.reasons[0]
        assert "54×" in bad.reasons[0]

    def test_the_named_leverage_is_the_highest_that_passes(self):
        highest = plan(leverage=100).highest_leverage
        # LP = E(1 − 1/L)/(1 − m) and S − LP ≥ (E − LP)/4 give L ≤ 1 / (1 − (4S − E)/3·(1 − m)/E) = 54.7.
        assert highest == 54
        assert plan(leverage=highest).accepted
        assert not plan(leverage=highest + 1).accepted

    @given(
        st.sampled_from(["long", "short"]),
        st.floats(0.001, 0.2),
        st.integers(1, 125),
        st.floats(0.002, 0.01),
        st.floats(0, 300),
        st.floats(0, 500),
        st.sampled_from(["linear", "inverse"]),
    )
    def test_is_the_stated_inequality(self, side, distance, leverage, rate, atr, gap, contract):
        s = 1 if side == "long" else -1
        stop = 60_000 * (1 - s * distance)
        p = plan(
            side=side,
            stop=stop,
            leverage=leverage,
            maintenance_margin_rate=rate,
            atr_1m=atr,
            mark_last_gap=gap,
            targets=(),
            contract=contract,
            step=0,
            account=1e6,
        )
        if p.liquidation_price is None:
            assert leverage == 1
            return
        room, needed = (
            s * (stop - p.liquidation_price),
            max(abs(60_000 - p.liquidation_price) / 4, 2 * atr, gap),
        )
        assert p.room == pytest.approx(room, abs=1e-6)
        assert p.room_needed == pytest.approx(needed, abs=1e-6)
        assume(abs(room - needed) > 1e-6)
        underwater = s * (60_000 - p.liquidation_price) <= 0
        assert p.accepted == (room >= needed and not underwater)

    def test_noise_and_mark_gap_widen_the_room(self):
        assert plan(leverage=50).accepted
        assert not plan(leverage=50, atr_1m=200, mark_last_gap=0).accepted
        assert not plan(leverage=50, atr_1m=0, mark_last_gap=400).accepted
        assert plan(leverage=50, atr_1m=100, mark_last_gap=200).accepted

    def test_margin_below_maintenance_is_liquidated_at_once(self):
        p = plan(leverage=125, maintenance_margin_rate=0.01)
        assert not p.accepted
        assert "at once" in p.reasons[0]

    def test_no_leverage_helps_when_the_stop_is_beyond_reach(self):
        p = plan(side="short", stop=130_000, leverage=5, targets=())
        assert p.highest_leverage is None
        assert "no leverage would pass" in p.reasons[0]

    def test_of_several_fills_the_first_alone_must_hold_too(self):
        together = plan(entry=(60_000, 59_000), stop=58_000, leverage=30, targets=())
        assert not together.accepted
        assert "first fill alone" in together.reasons[0]
        # Both together are like one entry at 59,500; 24× is enough for that, and not for the first alone.
        one, both = (
            plan(entry=59_500, stop=58_000, leverage=24, targets=()),
            plan(entry=(60_000, 59_000), stop=58_000, leverage=24, targets=()),
        )
        assert one.accepted
        assert not both.accepted


class TestLiquidation:
    @pytest.mark.parametrize(
        ("side", "stop", "published"), [("long", 9, 8.0857085), ("short", 11, 11.8741342)]
    )
    def test_matches_the_published_isolated_figures_with_closing_fee(self, side, stop, published):
        p = plan(
            side=side,
            entry=10,
            stop=stop,
            leverage=5,
            maintenance_margin_rate=0.01,
            liquidation_fee_rate=0.0006,
            targets=(),
            step=0,
        )
        assert p.liquidation_price == pytest.approx(published, abs=1e-6)

    @given(
        st.sampled_from(["long", "short"]),
        st.floats(1.5, 100),
        st.floats(0.002, 0.02),
        st.floats(0, 0.001),
        st.sampled_from(["linear", "inverse"]),
        st.sampled_from(["isolated", "cross"]),
    )
    def test_equity_equals_maintenance_there(self, side, leverage, rate, fee, contract, mode):
        s = 1 if side == "long" else -1
        p = plan(
            side=side,
            stop=60_000 * (1 - s * 0.003),
            leverage=leverage,
            maintenance_margin_rate=rate,
            liquidation_fee_rate=fee,
            contract=contract,
            margin_mode=mode,
            targets=(),
            other_maintenance=500,
            other_pnl=-300,
            step=0,
            risk=0.2,
        )
        assume(p.liquidation_price is not None)
        steps = dict(p.derivation)
        equity, maintenance = (value for what, value in steps.items() if what.startswith("Check"))
        assert equity == pytest.approx(maintenance, rel=1e-9)
        # The same by hand, from the cash that backs the position.
        at, q, e = p.liquidation_price, p.quantity, p.entry
        backing = q * e / leverage if mode == "isolated" else 10_000 - q * e * 0.0005 - 500 - 300
        worth = q * e * e / at if contract == "inverse" else q * at
        gain = q * e * s * (1 - e / at) if contract == "inverse" else s * q * (at - e)
        assert backing + gain == pytest.approx(worth * (rate + fee), rel=1e-9)

    @given(st.sampled_from(["long", "short"]), st.sampled_from([50e3, 600e3, 3e6]), st.floats(2, 60))
    def test_is_continuous_across_tier_boundaries(self, side, boundary, leverage):
        s = 1 if side == "long" else -1
        # The size whose liquidation value is the boundary, a hair below and above it.
        rates = dict(zip(TIERS.floors, zip(TIERS.rates, TIERS.amounts, strict=True), strict=True))
        rate, amount = rates[boundary]
        equity_share = 1 - s / leverage
        size = (boundary * (1 - s * rate) + s * amount) / (60_000 * equity_share)
        prices = []
        for nudge in (1 - 1e-9, 1 + 1e-9):
            q = size * nudge
            # 50 USD from entry to stop; so much account that neither it nor the leverage limits the size.
            p = plan(
                side=side,
                stop=60_000 - s * 50,
                risk=None,
                risk_usd=q * 50,
                account=1e9,
                leverage=leverage,
                fee_rate=0,
                slippage=0,
                targets=(),
                step=0,
                tiers=TIERS,
                minimum=0,
            )
            assert p.quantity == pytest.approx(q, rel=1e-12)
            prices.append((p.liquidation_price, p.maintenance_margin_rate))
        assert prices[0][1] != prices[1][1]
        assert prices[0][0] == pytest.approx(prices[1][0], rel=1e-8)

    def test_the_closing_fee_counts_within_tiers_as_it_does_without(self):
        tiered = plan(tiers=TIERS, liquidation_fee_rate=0.0006, targets=())
        flat = plan(maintenance_margin_rate=0.004, liquidation_fee_rate=0.0006, targets=())
        assert tiered.liquidation_price == pytest.approx(flat.liquidation_price, rel=1e-12)
        assert tiered.liquidation_price > plan(tiers=TIERS, targets=()).liquidation_price

    def test_a_larger_position_is_liquidated_sooner(self):
        found = [plan(account=account, tiers=TIERS, leverage=10) for account in (1e4, 1e6, 1e8)]
        assert [p.maintenance_margin_rate for p in found] == [0.004, 0.0065, 0.02]
        assert found[0].liquidation_price < found[1].liquidation_price < found[2].liquidation_price

    @given(st.floats(1.2, 100), st.floats(0.001, 0.02))
    def test_long_and_short_mirror(self, leverage, rate):
        long, short = (
            plan(
                side=side,
                stop=stop,
                leverage=leverage,
                maintenance_margin_rate=rate,
                targets=(),
                fee_rate=0,
                slippage=0,
            )
            for side, stop in (("long", 59_400), ("short", 60_600))
        )
        assert long.quantity == short.quantity
        # Maintenance is taken at the mark price, so the mirror is weighted by 1 ∓ rate.
        below, above = 60_000 - long.liquidation_price, short.liquidation_price - 60_000
        assert below * (1 - rate) == pytest.approx(above * (1 + rate), rel=1e-9, abs=1e-6)

    @given(st.sampled_from(["long", "short"]), st.floats(1.5, 100), st.floats(0.001, 0.01))
    def test_an_inverse_long_is_a_linear_short_of_dollars(self, side, leverage, rate):
        other = "short" if side == "long" else "long"
        s = 1 if side == "long" else -1
        inverse = plan(
            side=side,
            contract="inverse",
            stop=60_000 * (1 - s * 0.001),
            leverage=leverage,
            maintenance_margin_rate=rate,
            step=0,
            targets=(),
        )
        # The same position seen in dollars per bitcoin turned over, at a scale of 60,000².
        linear = plan(
            side=other,
            stop=60_000 * (1 + s * 0.001),
            leverage=leverage,
            maintenance_margin_rate=rate,
            step=0,
            targets=(),
        )
        assert inverse.liquidation_price == pytest.approx(60_000**2 / linear.liquidation_price, rel=1e-12)

    @given(st.sampled_from(["long", "short"]), st.floats(200, 1000))
    def test_inverse_and_linear_agree_near_the_entry(self, side, leverage):
        s = 1 if side == "long" else -1
        linear, inverse = (
            plan(
                side=side,
                contract=kind,
                stop=60_000 - s * 0.5,
                leverage=leverage,
                maintenance_margin_rate=0.0005,
                step=0,
                targets=(),
            )
            for kind in ("linear", "inverse")
        )
        distance = abs(linear.liquidation_price - 60_000)
        assert abs(inverse.liquidation_price - linear.liquidation_price) < distance * 3 / leverage
        assert inverse.quantity == pytest.approx(linear.quantity, rel=1e-4)

    def test_cross_margin_reaches_further_than_isolated(self):
        isolated, cross = (plan(margin_mode=mode, leverage=50, risk=0.02) for mode in ("isolated", "cross"))
        assert cross.liquidation_price is None or cross.liquidation_price < isolated.liquidation_price

    def test_one_times_long_is_never_liquidated(self):
        p = plan(leverage=1, maintenance_margin_rate=0)
        assert p.accepted
        assert p.liquidation_price is None
        assert "no liquidation price" in p.derivation[-1][0]


class TestMoney:
    def test_the_account_caps_the_size(self):
        p = plan(leverage=1, stop=59_900, risk=0.02)
        assert p.margin + p.notional * 0.0005 <= 10_000
        assert p.quantity == 0.166
        assert any("limits the size" in flag for flag in p.flags)

    def test_a_gap_loses_no_more_than_the_margin_when_isolated(self):
        p = plan(gap=0.3)
        assert p.loss_with_gap == pytest.approx(p.margin + p.notional * 0.0005)
        assert plan(gap=0.3, margin_mode="cross", leverage=50, risk=0.3).loss_with_gap <= 10_000
        # Between liquidation (59,095) and bankruptcy (58,800) the margin is gone as well.
        between = plan(leverage=50, fee_rate=0, slippage=0, gap=1 - 59_000 / 59_400)
        assert between.loss_with_gap == pytest.approx(between.margin)
        assert plan(gap=0).loss_with_gap == p.loss_at_stop
        assert plan(gap=0.01).loss_with_gap == pytest.approx(
            0.148 * (60_000 - 59_400 * 0.99 + 30 + 59_400 * 0.99 * 0.0007)
        )

    def test_partial_exits_split_on_the_step_and_close_everything(self):
        p = plan(targets=(60_900, 61_200, 62_400), target_shares=(0.5, 0.3, 0.2))
        assert [target.quantity for target in p.targets] == [0.074, 0.044, 0.03]
        assert sum(target.quantity for target in p.targets) == pytest.approx(p.quantity, abs=1e-12)
        assert p.reward_risk == pytest.approx(sum(target.gain for target in p.targets) / p.loss_at_stop)

    def test_scaling_in_risks_no_more_than_allowed(self):
        p = plan(entry=(60_000, 59_800, 59_600), entry_shares=(0.5, 0.25, 0.25), leverage=10)
        assert p.accepted
        loss = sum(
            fill.quantity * (fill.price - 59_400 + fill.price * 0.0005 + 59_400 * 0.0007)
            for fill in p.entries
        )
        assert p.loss_at_stop == pytest.approx(loss)
        assert loss <= 100
        assert p.entry == pytest.approx(sum(fill.quantity * fill.price for fill in p.entries) / p.quantity)
        assert [round(fill.quantity / 0.001, 6) % 1 for fill in p.entries] == [0, 0, 0]

    def test_funding_moves_break_even(self):
        free, paying, receiving = (
            plan(),
            plan(funding_rate=0.001, holding_hours=24),
            plan(side="short", stop=60_600, targets=(), funding_rate=0.001, holding_hours=24),
        )
        assert free.funding_cost == 0
        assert paying.funding_cost == pytest.approx(8880 * 0.003)
        assert paying.break_even > free.break_even + 179
        assert receiving.funding_cost < 0
        assert any("Funding" in flag for flag in paying.flags)

    def test_the_daily_limit_counts_open_trades_and_losses(self):
        assert plan(daily_limit=0.03, open_losses=(100, 50), lost_today=40).accepted
        over = plan(daily_limit=0.03, open_losses=(100, 50), lost_today=60)
        assert not over.accepted
        assert "daily limit" in over.reasons[0]

    @given(
        st.sampled_from(["long", "short"]),
        st.floats(0.0005, 0.3),
        st.floats(0.0005, 0.2),
        st.integers(1, 100),
        st.floats(0.001, 0.05),
    )
    def test_a_wider_stop_never_gives_more_and_never_costs_more_than_the_risk(
        self, side, distance, wider, leverage, risk
    ):
        s = 1 if side == "long" else -1
        near, far = (
            plan(side=side, stop=60_000 * (1 - s * d), leverage=leverage, risk=risk, targets=())
            for d in (distance, distance + wider)
        )
        assert far.quantity <= near.quantity
        assert max(near.loss_at_stop, far.loss_at_stop) <= 10_000 * risk


class TestWords:
    def test_the_checklist_names_every_figure(self):
        text = str(plan())
        for part in ("accepted", "0.148 BTC", "$99.39", "$57,286", "$61,200", "1.70 R", "[x]"):
            assert part in text
        rejected = str(plan(leverage=100))
        assert "REJECTED" in rejected
        assert "Rejected: At 100×" in rejected
        assert "[ ] Stop" in rejected

    def test_the_order_ticket_can_be_copied(self):
        ticket = plan(tiers=TIERS).order_ticket()
        assert ticket.splitlines()[0] == "Venue: somewhere"
        assert "Buy limit 0.148 BTC at $60,000" in ticket
        assert "Sell stop-market 0.148 BTC, trigger $59,400" in ticket
        assert "Sell limit 0.148 BTC at $61,200, reduce only" in ticket
        short = plan(
            side="short", stop=60_600, targets=(58_800,), contract="inverse", step=100
        ).order_ticket()
        assert "Sell limit 9,000 USD at $60,000" in short
        assert "Buy stop-market" in short

    def test_there_is_no_ticket_for_a_rejected_plan(self):
        ticket = plan(leverage=100).order_ticket()
        assert ticket.startswith("No order. At 100×")
        assert "Buy" not in ticket

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"risk": 0.05}, "ten losses in a row"),
            ({"targets": ()}, "no target"),
            ({"targets": (60_300,)}, "more than 74 % of such trades must win"),
            ({"targets": (60_010,)}, "gain nothing"),
            ({"stop": 59_950, "leverage": 5}, "Fees and slippage are"),
            ({"margin_mode": "cross"}, "whole account behind"),
            ({"leverage": 54}, "Liquidation is only"),
            ({"bands": [(59_300, 59_500)]}, "stop lies inside the cluster"),
            ({"bands": [(57_500, 57_000)]}, "liquidation price lies inside the cluster"),
            ({"atr_1m": 400, "mark_last_gap": 0}, "ordinary noise"),
            ({"atr_1m": 40}, "was not given"),
            ({"account": 1_000, "step": 0.01}, "Rounding down"),
            ({"gap": 0.2, "leverage": 5}, "A jump of"),
            ({"tiers": TIERS}, "2024-10-01"),
            ({"leverage": 1.2, "stop": 59_900}, "ties up"),
            (
                {
                    "account": 3_000,
                    "targets": (61_000, 62_000, 63_000, 64_000, 65_000, 66_000),
                    "target_shares": (0.01, 0.01, 0.01, 0.01, 0.01, 0.95),
                },
                "too small to be split",
            ),
        ],
    )
    def test_red_flags(self, changes, words):
        clean = plan(atr_1m=10, mark_last_gap=5)
        assert clean.flags == ()
        p = plan(**changes)
        assert p.accepted
        assert any(words in flag for flag in p.flags), p.flags
        assert all(flag.endswith(".") for flag in p.flags)


class TestJson:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"leverage": 100},
            {"stop": 61_000},
            {"tiers": TIERS, "entry": (60_000, 59_900)},
            {"leverage": 1, "maintenance_margin_rate": 0},
            {"contract": "inverse", "step": 100, "targets": (61_000, 62_000)},
            {"account": 0},
        ],
    )
    def test_round_trip_is_exact(self, changes):
        p = plan(**changes)
        again = Plan.from_json(p.to_json())
        assert again == p
        assert str(again) == str(p)
        assert again.order_ticket() == p.order_ticket()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "3",
            "null",
            '{"format": "other"}',
            '{"format": "heatlab-plan"}',
            "NaN",
            "[" * 100_000,
        ],
    )
    def test_foreign_text_is_refused(self, text):
        with pytest.raises(RiskError, match=r"\.$"):
            Plan.from_json(text)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("quantity", "much"),
            ("quantity", math.nan),
            ("quantity", 10**400),
            ("accepted", 1),
            ("entries", [[1, 2]]),
            ("side", "up"),
            ("reasons", "no"),
            ("highest_leverage", 1.5),
            ("highest_leverage", math.inf),
            ("contract", "quanto"),
            ("targets", [{"price": 1}]),
        ],
    )
    def test_a_tampered_plan_is_refused(self, key, value):
        held = json.loads(plan().to_json()) | {key: value}
        with pytest.raises(RiskError, match=r"\.$"):
            Plan.from_json(json.dumps(held))

    def test_a_missing_field_is_named(self):
        held = json.loads(plan().to_json())
        del held["notional"]
        with pytest.raises(RiskError, match="notional"):
            Plan.from_json(json.dumps(held))


class TestBadInput:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"stop": 60_500}, "above the entry"),
            ({"side": "short"}, "below the entry"),
            ({"stop": 60_000}, "both"),
            ({"account": 0}, "nothing to risk"),
            ({"account": -10_000}, "nothing to risk"),
            ({"risk": 0}, "no position"),
            ({"risk": -0.01}, "no position"),
            ({"risk": None, "risk_usd": 10_000}, "whole account"),
            ({"leverage": 100}, "before the stop"),
            ({"stop": 50_000}, "before the stop"),
            ({"account": 1e12}, "larger than any venue"),
            ({"account": 1e12, "tiers": TIERS}, "larger than any venue"),
            ({"account": 1e8, "tiers": TIERS}, "largest that the venue's tiers allow"),
            ({"account": 1e6, "leverage": 100, "tiers": TIERS}, "at most 75×"),
            ({"account": 5}, "below the smallest order"),
            (
                {"account": 5, "leverage": 1, "risk": 0.5, "stop": 59_999, "fee_rate": 0},
                "too small for the smallest order",
            ),
            ({"minimum_notional": 100, "account": 100}, "$100"),
            ({"minimum": 1}, "smallest order of 1 BTC"),
            ({"targets": (59_000,)}, "where a long loses"),
            ({"targets": (61_000, 610_000)}, "check that no digit or semicolon is missing"),
            ({"margin_mode": "cross", "other_maintenance": 20_000}, "use up all of it"),
            ({"entry": (60_000, 59_000), "stop": 59_400}, "above the entry $59,000"),
        ],
    )
    def test_impossible_trades_are_rejected_in_one_sentence(self, changes, words):
        p = plan(**changes)
        assert not p.accepted
        assert any(words in reason for reason in p.reasons), p.reasons
        assert all(reason.endswith(".") and reason.count(". ") == 0 for reason in p.reasons)
        assert all(math.isfinite(number) for number in numbers(p))
        assert words in str(p)

    @pytest.mark.parametrize(
        "changes",
        [
            {"entry": ""},
            {"entry": None},
            {"entry": 0},
            {"entry": -1},
            {"entry": math.nan},
            {"entry": math.inf},
            {"entry": "abc"},
            {"entry": "28.000"},
            {"entry": 1e-300},
            {"entry": []},
            {"stop": ""},
            {"stop": "  "},
            {"stop": [59_400]},
            {"stop": 0},
            {"account": ""},
            {"account": 1e300},
            {"account": "€5"},
            {"risk": None},
            {"risk": 1},
            {"risk": 5},
            {"risk": ""},
            {"risk_usd": 100},
            {"leverage": 0},
            {"leverage": 1e9},
            {"leverage": "many"},
            {"fee_rate": 0.5},
            {"fee_rate": -1},
            {"slippage": -0.1},
            {"slippage": 1},
            {"maintenance_margin_rate": 50},
            {"step": -1},
            {"step": 1e-300},
            {"contract": "quanto"},
            {"margin_mode": "both"},
            {"side": ""},
            {"side": None},
            {"targets": ("x",)},
            {"targets": (61_000, 62_000), "target_shares": (0.5,)},
            {"targets": (61_000, 62_000), "target_shares": (0.5, 0.6)},
            {"targets": (61_000, 62_000), "target_shares": (0, 1)},
            {"gap": 1},
            {"gap": -0.1},
            {"atr_1m": -5},
            {"atr_1m": ""},
            {"funding_rate": 5},
            {"holding_hours": -1},
            {"funding_interval_hours": 0},
            {"bands": [(1, 2, 3)]},
            {"bands": [("a", "b")]},
            {"daily_limit": 5},
            {"contract": "inverse", "tiers": TIERS},
            {"other_pnl": math.nan},
        ],
        ids=str,
    )
    def test_what_is_no_number_is_refused_with_a_sentence(self, changes):
        with pytest.raises(RiskError, match=r"\.$"):
            plan(**changes)

    @given(
        st.fixed_dictionaries(
            {
                "side": st.sampled_from(["long", "short"]),
                "entry": st.floats(0.01, 1e9),
                "stop": st.floats(0.01, 1e9),
                "account": st.floats(-1e15, 1e15),
                "risk": st.floats(-1, 0.999),
                "leverage": st.floats(1, 1000),
                "fee_rate": st.floats(-0.001, 0.1),
                "slippage": st.floats(0, 0.1),
                "maintenance_margin_rate": st.floats(0, 0.5),
                "maintenance_amount": st.floats(0, 1e6),
                "step": st.one_of(st.just(0.0), st.floats(1e-12, 1e6)),
                "contract": st.sampled_from(["linear", "inverse"]),
                "margin_mode": st.sampled_from(["isolated", "cross"]),
                "gap": st.floats(0, 0.99),
                "other_pnl": st.floats(-1e9, 1e9),
                "other_maintenance": st.floats(0, 1e9),
                "atr_1m": st.one_of(st.none(), st.floats(0, 1e9)),
                "targets": st.lists(st.floats(0.01, 1e9), max_size=3),
                "tiers": st.sampled_from([None, TIERS]),
            }
        )
    )
    def test_never_crashes_and_never_holds_nan(self, trade):
        if trade["contract"] == "inverse":
            trade["tiers"] = None
        p = plan_trade(**trade)
        assert p.accepted == (not p.reasons)
        assert all(math.isfinite(number) for number in numbers(p))
        assert p.loss_at_stop <= max(p.risk_usd, 0)
        assert Plan.from_json(p.to_json()) == p
        assert str(p)
        assert np.isfinite(p.quantity)


def test_what_other_positions_of_a_cross_account_hold_is_not_there_for_this_one():
    free = plan(margin_mode="cross", risk=0.2, leverage=5, stop=59_900)
    less = plan(margin_mode="cross", risk=0.2, leverage=5, stop=59_900, other_margin=6_000, other_pnl=-1_000)
    assert free.margin > 9_000
    assert 2_900 < less.margin <= 3_000
    none = plan(margin_mode="cross", other_margin=11_000)
    assert not none.accepted
    assert "nothing is free" in none.reasons[0]


@given(
    st.integers(2, 125), st.floats(0.0005, 0.05), st.floats(0, 0.1), st.sampled_from(["isolated", "cross"])
)
def test_a_jump_never_loses_less_than_the_stop(leverage, distance, gap, mode):
    found = plan(
        leverage=leverage, stop=60_000 * (1 - distance), gap=gap, margin_mode=mode, targets=(), slippage=0.001
    )
    assert found.loss_with_gap >= found.loss_at_stop


def test_prices_are_put_on_the_tick_and_added_margin_moves_liquidation_away():
    found = plan(entry=60_000.37, stop=59_400.21, targets=(61_200.26,), tick=0.5)
    assert (found.entry, found.stop, found.targets[0].price) == (60_000.5, 59_400.0, 61_200.5)
    assert plan(added_margin=100).liquidation_price < plan().liquidation_price - 600
