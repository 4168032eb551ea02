"""The plan of one trade as data: what it holds, how it reads as a checklist and order ticket, and its
JSON."""

from __future__ import annotations

import json
import math
import types
import typing
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Final

from liqcore import wording
from liqcore.risk.numbers import RiskError
from liqcore.risk.sizing import check_contract, sign

FORMAT: Final = "heatlab-plan"
VERSION: Final = 1
GAP_SHARE: Final = 0.05


@dataclass(frozen=True)
class Fill:
    """One part of the entry: price in USD, quantity in BTC."""

    price: float
    quantity: float


@dataclass(frozen=True)
class Target:
    """One exit with a gain: price, share and BTC of the position, its own R and gain in USD, both after
    costs."""

    price: float
    share: float
    quantity: float
    reward_risk: float
    gain: float


@dataclass(frozen=True)
class Check:
    """One line of the checklist."""

    passed: bool
    text: str


@dataclass(frozen=True)
class Plan:
    """One trade from money at risk to an order, accepted or rejected with reasons. Immutable.

    Money in USD, quantity in BTC, rates as fractions. `str(plan)` is a checklist, `order_ticket()` the text
    to copy, `to_json()` and `from_json()` keep everything. A rejected plan still carries what was computed,
    so that one can see how far off it is; where nothing could be computed its numbers are 0 or None.

    Attributes
    ----------
    accepted, reasons : whether to take it, and if not, one sentence a reason
    flags : what to worry about although the plan passes, in words
    entry, entries : average entry of the rounded fills, and the fills
    risk_usd : the most it may lose; loss_at_stop : what it loses at the stop, with fees and slippage
    loss_with_gap : what it loses when price jumps `gap` (a fraction) through the stop
    margin : initial margin in USD; margin_balance : what backs the position at entry in its own currency
        (USD; inverse: BTC), the margin when isolated, the account less other positions' needs when cross
    liquidation_price : USD, None when the position cannot be liquidated
    room, room_needed : USD between stop and liquidation, there and demanded; None when not liquidated
    highest_leverage : the highest whole leverage that would pass, None when none does
    reward_risk : gain at the targets over loss at the stop, after costs; None without a target
    derivation : (what, value) steps from margin to liquidation price
    """

    accepted: bool
    reasons: tuple[str, ...]
    flags: tuple[str, ...]
    side: str
    contract: str
    margin_mode: str
    entry: float
    stop: float
    account: float
    risk_usd: float
    leverage: float
    fee_rate: float
    exit_fee_rate: float
    slippage: float
    gap: float
    step: float
    quantity: float
    notional: float
    margin: float
    margin_balance: float
    liquidation_fee_rate: float
    maintenance_margin_rate: float
    maintenance_amount: float
    liquidation_price: float | None
    room: float | None
    room_needed: float | None
    highest_leverage: int | None
    loss_at_stop: float
    loss_with_gap: float
    break_even: float
    funding_cost: float
    holding_hours: float
    reward_risk: float | None
    entries: tuple[Fill, ...]
    targets: tuple[Target, ...]
    derivation: tuple[tuple[str, float], ...]
    venue: str | None = None
    tiers_as_of: str | None = None
    funding_payments: int = 0
    maintenance_basis: str = "mark"

    @property
    def risk_fraction(self) -> float:
        """Loss at the stop as a fraction of the account."""
        return self.loss_at_stop / self.account if self.account > 0 else 0.0

    @property
    def bankruptcy_price(self) -> float | None:
        """USD at which what backs the position is used up; None where no price does that, or without size.

        Equity `B + s·q·(p − E)` is zero at `E − s·B/q` (linear), and `B + s·Q·(1/E − 1/p)` at
        `Q / (Q/E + s·B)` (inverse, Q in USD, B in BTC).
        """
        if self.quantity <= 0:
            return None
        s, share = sign(self.side), self.margin_balance / self.quantity
        price = (
            self.entry - s * share if self.contract == "linear" else self.entry / max(1 + s * share, 1e-12)
        )
        return price if 0 < price < 1e9 else None

    @property
    def return_on_margin(self) -> float | None:
        """Gain at the targets after costs over the initial margin (ROE); None without targets or size."""
        return (
            sum(item.gain for item in self.targets) / self.margin
            if self.targets and self.margin > 0
            else None
        )

    @property
    def loss_on_margin(self) -> float | None:
        """Loss at the stop after costs over the initial margin, below zero; None without size."""
        return -self.loss_at_stop / self.margin if self.margin > 0 else None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The lines of the checklist."""
        return _checks(self)

    @property
    def doubts(self) -> tuple[str, ...]:
        """The lines of the checklist that do not hold; a plan that has one passes nowhere."""
        return tuple(check.text for check in self.checks if not check.passed)

    @property
    def passes(self) -> bool:
        """Whether the gate takes it and every line of the checklist holds."""
        return self.accepted and not self.doubts

    def __str__(self) -> str:
        state = "accepted" if self.passes else "ACCEPTED WITH DOUBTS" if self.accepted else "REJECTED"
        head = f"{self.side.capitalize()} BTC, {self.contract}, {self.margin_mode} margin: {state}"
        lines = [head, *(f"[{'x' if check.passed else ' '}] {check.text}" for check in self.checks)]
        lines += [f"Rejected: {reason}" for reason in self.reasons]
        lines += [f"Watch out: {flag}" for flag in self.flags]
        return "\n".join(lines)

    def order_ticket(self) -> str:
        """The orders as text to copy; for a rejected plan, why there is none."""
        if not self.accepted:
            return "No order. " + " ".join(self.reasons)
        enter, leave = ("Buy", "Sell") if self.side == "long" else ("Sell", "Buy")
        unit = " (size in USD of contract value)" if self.contract == "inverse" else ""
        lines = [f"BTC perpetual, {self.contract}{unit}, {self.margin_mode} margin, {self.leverage:g}×"]
        if self.venue:
            lines.insert(0, f"Venue: {self.venue}")
        lines += [
            f"{enter} limit {self._size(fill.quantity, fill.price)} at"
            f" {wording.price(fill.price, exact=True)}"
            for fill in self.entries
        ]
        lines.append(
            f"{leave} stop-market {self._size(self.quantity, self.entry)}, trigger"
            f" {wording.price(self.stop, exact=True)} on the mark price, reduce only"
        )
        lines += [
            f"{leave} limit {self._size(item.quantity, self.entry)} at"
            f" {wording.price(item.price, exact=True)}, reduce only"
            for item in self.targets
        ]
        lines.append(
            f"At the stop this loses {wording.usd(self.loss_at_stop)}; liquidation {_liquidation(self)}."
        )
        return "\n".join(lines)

    def _size(self, quantity: float, price: float) -> str:
        if self.contract == "inverse":
            return f"{wording.field(quantity * price)} USD"
        return wording.quantity(quantity, exact=True)

    def to_json(self) -> str:
        """Everything as JSON; numbers survive the round trip to the last bit."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """A plan from its JSON; anything else raises `RiskError` with a sentence."""
        try:
            held = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            raise RiskError("This is not JSON. Load the file that was saved from the risk page.") from None
        if not isinstance(held, dict) or held.get("format") != FORMAT:
            raise RiskError("This JSON is not a trade plan. Load the file that was saved from the risk page.")
        if held.get("version") != VERSION:
            raise RiskError(
                f"This plan was saved in format version {held.get('version')!r}, but version {VERSION} is"
                " needed. Make the plan anew."
            )
        try:
            plan = _read(cls, {key: held[key] for key in held if key not in ("format", "version")}, "plan")
        except OverflowError:
            raise RiskError("The saved plan has a number that is too large. Make the plan anew.") from None
        sign(plan.side)
        check_contract(plan.contract)
        return typing.cast(Plan, plan)


def _liquidation(plan: Plan) -> str:
    return (
        f"at {wording.price(plan.liquidation_price)}"
        if plan.liquidation_price is not None
        else "is not possible"
    )


def _checks(plan: Plan) -> tuple[Check, ...]:
    lines = [
        Check(
            plan.quantity > 0 and plan.loss_at_stop <= plan.risk_usd,
            f"Loss at the stop with costs: {wording.usd(plan.loss_at_stop)},"
            f" {wording.percent(plan.risk_fraction)} of {wording.usd(plan.account)} (allowed"
            f" {wording.usd(plan.risk_usd)})",
        )
    ]
    lines.append(
        Check(
            plan.quantity > 0,
            f"Quantity {wording.quantity(plan.quantity, exact=True)}, {wording.usd(plan.notional)} at"
            f" {wording.price(plan.entry, exact=True)}",
        )
    )
    lines.append(
        Check(
            0 < plan.margin <= plan.account,
            f"Initial margin {wording.usd(plan.margin)} at {plan.leverage:g}×",
        )
    )
    if plan.liquidation_price is None or plan.room is None or plan.room_needed is None:
        lines.append(
            Check(
                plan.accepted,
                f"Stop {wording.price(plan.stop, exact=True)}; liquidation"
                f" {_liquidation(plan) if plan.quantity > 0 else 'not computed'}",
            )
        )
    else:
        lines.append(
            Check(
                plan.room >= plan.room_needed and plan.room > 0,
                f"Stop {wording.price(plan.stop, exact=True)} fires before liquidation {_liquidation(plan)}:"
                f" {wording.usd(plan.room)} of room, {wording.usd(plan.room_needed)} needed",
            )
        )
    lines.append(
        Check(
            plan.loss_with_gap <= GAP_SHARE * plan.account,
            f"Loss if price jumps {wording.percent(plan.gap)} through the stop:"
            f" {wording.usd(plan.loss_with_gap)}",
        )
    )
    lines += [
        Check(
            item.reward_risk > 0,
            f"Target {wording.price(item.price, exact=True)} for"
            f" {wording.quantity(item.quantity, exact=True)}: {wording.usd(item.gain, signed=True)},"
            f" {wording.r_multiple(item.reward_risk, signed=False)}",
        )
        for item in plan.targets
    ]
    if plan.reward_risk is not None:
        lines.append(
            Check(
                plan.reward_risk >= 1,
                f"Reward to risk after costs: {wording.r_multiple(plan.reward_risk, signed=False)}",
            )
        )
    if plan.break_even > 0:
        funding = (
            f", with {wording.usd(plan.funding_cost)} of funding in"
            f" {wording.count(plan.funding_payments, 'payment')} over {plan.holding_hours:g} hours"
            if plan.funding_cost
            else ""
        )
        lines.append(Check(True, f"Break-even after fees at {wording.price(plan.break_even)}{funding}"))
    return tuple(lines)


def _read(kind: Any, value: Any, name: str) -> Any:
    """`value` from JSON as the annotated type, checked; numbers must be finite."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        return _read_dataclass(kind, value, name)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _read(inner[0], value, name)
    if origin is tuple and isinstance(value, list):
        if inner[-1] is Ellipsis:
            return tuple(_read(inner[0], item, name) for item in value)
        if len(inner) == len(value):
            return tuple(_read(part, item, name) for part, item in zip(inner, value, strict=True))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    if kind is int and number and math.isfinite(value) and value == int(value):
        return int(value)
    raise RiskError(f"The saved plan has an unusable value for {name!r}. Make the plan anew.")


def _read_dataclass(kind: Any, value: Any, name: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {field.name for field in fields(kind)}
    # What came later has a default, so that plans saved before it can still be read.
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if not isinstance(value, dict) or not needed <= set(value) <= known:
        odd = sorted(set(value) - known | needed - set(value))[:1] if isinstance(value, dict) else [name]
        raise RiskError(f"The saved plan lacks or misnames {odd[0]!r}. Make the plan anew.")
    return kind(**{key: _read(hints[key], held, key) for key, held in value.items()})
