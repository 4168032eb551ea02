"""A second implementation in exact decimal arithmetic, written from the contract definitions: equal to the
cent.

It shares no formula with the library: it books cash flows, and finds liquidation and break-even by
bisection on "equity minus maintenance" and on "net profit".
"""

from decimal import ROUND_FLOOR, Decimal, getcontext

from hypothesis import assume, given, settings, strategies as st

from liqcore.risk import plan_trade

getcontext().prec = 40
CENT = Decimal("0.005")


def root(function, low, high):
    """Where a function that is negative at `low` and positive at `high` crosses zero."""
    for _ in range(90):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


class Book:
    """One position, in USD (linear) or BTC (inverse); size is BTC or USD of contracts."""

    def __init__(self, side, contract, entry, fee_in, fee_out):
        self.s = 1 if side == "long" else -1
        self.inverse, self.entry, self.fee_in, self.fee_out = contract == "inverse", entry, fee_in, fee_out

    def value(self, size, price):
        return size / price if self.inverse else size * price

    def gross(self, size, price):
        return self.s * size * ((1 / self.entry - 1 / price) if self.inverse else (price - self.entry))

    def net(self, size, price, slip=Decimal(0)):
        return (
            self.gross(size, price)
            - self.value(size, self.entry) * self.fee_in
            - self.value(size, price) * (self.fee_out + slip)
        )

    def usd(self, amount):
        return amount * self.entry if self.inverse else amount


def price(low, high):
    return st.decimals(low, high, places=2)


TRADES = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["long", "short"]),
        "contract": st.sampled_from(["linear", "inverse"]),
        "entry": price(1_000, 200_000),
        "distance": st.decimals("0.001", "0.2", places=4),
        "account": price(500, 5_000_000),
        "risk": st.decimals("0.001", "0.05", places=4),
        "leverage": st.integers(2, 125),
        "fee_in": st.decimals("0", "0.001", places=5),
        "fee_out": st.decimals("0", "0.001", places=5),
        "slip": st.decimals("0", "0.001", places=5),
        "mmr": st.decimals("0.002", "0.02", places=4),
        "reward": st.decimals("0.5", "4", places=2),
    }
)


@settings(max_examples=100)
@given(TRADES)
def test_every_figure_of_a_plan_to_the_cent(t):
    s = 1 if t["side"] == "long" else -1
    entry = t["entry"]
    stop = (entry * (1 - s * t["distance"])).quantize(Decimal("0.01"))
    target = (entry * (1 + s * t["distance"] * t["reward"])).quantize(Decimal("0.01"))
    assume(target > 0)
    book = Book(t["side"], t["contract"], entry, t["fee_in"], t["fee_out"])
    step = Decimal(10) if book.inverse else Decimal("0.001")
    gap = Decimal("0.02")

    plan = plan_trade(
        t["side"],
        float(entry),
        float(stop),
        float(t["account"]),
        risk=float(t["risk"]),
        leverage=t["leverage"],
        fee_rate=float(t["fee_in"]),
        exit_fee_rate=float(t["fee_out"]),
        slippage=float(t["slip"]),
        targets=(float(target),),
        maintenance_margin_rate=float(t["mmr"]),
        step=float(step),
        contract=t["contract"],
        gap=float(gap),
    )

    allowed = t["account"] * t["risk"]
    loss_of_one = -book.usd(book.net(Decimal(1), stop, t["slip"]))
    cost_of_one = book.usd(book.value(Decimal(1), entry)) * (1 / Decimal(t["leverage"]) + t["fee_in"])
    size = (min(allowed / loss_of_one, t["account"] / cost_of_one) / step).to_integral_value(
        ROUND_FLOOR
    ) * step
    assume(size > 0)

    def close(found, exact, tolerance=CENT):
        assert abs(Decimal(found) - exact) <= tolerance + abs(exact) * Decimal("1e-12"), (found, exact)

    close(plan.quantity, size / entry if book.inverse else size, Decimal("1e-9"))
    close(plan.notional, book.usd(book.value(size, entry)))
    close(plan.margin, plan_margin := book.usd(book.value(size, entry)) / t["leverage"])
    close(plan.loss_at_stop, size * loss_of_one)
    assert Decimal(plan.loss_at_stop) <= allowed * (1 + Decimal("1e-15"))
    close(plan.targets[0].gain, book.usd(book.net(size, target)))
    close(plan.reward_risk, -book.net(size, target) / book.net(size, stop, t["slip"]), Decimal("1e-9"))

    def slack(at):
        """Equity minus maintenance; rises with price for a long."""
        return s * (
            book.value(size, entry) / t["leverage"] + book.gross(size, at) - book.value(size, at) * t["mmr"]
        )

    liquidation = root(slack, entry / 1000, entry * 1000)
    assert (plan.liquidation_price is None) == (liquidation > entry * 999)
    if plan.liquidation_price is not None:
        close(plan.liquidation_price, liquidation)
    close(plan.break_even, root(lambda at: s * book.net(size, at), entry / 2, entry * 2))

    fill = stop * (1 - s * gap)
    everything = plan_margin + book.usd(book.value(size, entry)) * t["fee_in"]
    at_stop = size * loss_of_one
    jumped = min(-book.usd(book.net(size, fill, t["slip"])), everything)
    worst = max(everything if s * (fill - liquidation) <= 0 else jumped, at_stop)
    close(plan.loss_with_gap, worst)

    room, needed = s * (stop - liquidation), abs(entry - liquidation) / 4
    if abs(room - needed) > CENT:
        assert plan.accepted == (room >= needed), (plan.reasons, room, needed)
