"""What a reader moves in a step before answering: a venue off, the time back, the colour scale, the price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from liqcore import wording
from liqcore.heat.grid import HeatGrid
from liqcore.learn.scenarios import Scenario
from liqcore.learn.seen import Seen, see
from liqcore.learn.trades import at_price

# The strongest colours that a scale may be given, USD.
SCALES: Final = tuple(digit * 10.0**power for power in range(4, 8) for digit in (1, 2, 5))
_MOST_BARS: Final = 24
# A linear legend has this many shades; what falls below the first of them cannot be told from nothing.
_SHADES: Final = 50


@dataclass(frozen=True, eq=False)
class Moved:
    """The step's picture after a move: the map, USD at which its colours end (None: by the map), and what
    changed, in a sentence."""

    grid: HeatGrid
    seen: Seen
    scale_top: float | None
    sentence: str


def without(scenario: Scenario, number: int, off: tuple[str, ...]) -> Moved | None:
    """The step's map without some venues; None where none would be left."""
    step = scenario.steps[number - 1]
    had = step.venues or scenario.venues
    left = tuple(venue for venue in had if venue not in off)
    if not left:
        return None
    whole, seen = see(scenario, step), see(scenario, replace(step, venues=left))
    # The same prices as before: what changes is the venues alone.
    seen.__dict__["price_range"] = whole.price_range
    before, after = float(whole.near["notional"].sum()), float(seen.near["notional"].sum())
    sentence = (
        f"Without {wording.joined(off)}, near the level {wording.usd(after)} in"
        f" {wording.count(len(seen.near), 'print')} is left of {wording.usd(before)} in"
        f" {wording.count(len(whole.near), 'print')}."
    )
    return Moved(seen.grid, seen, step.scale_top, sentence)


def most_bars_back(scenario: Scenario, number: int) -> int:
    """How many bars of the scenario a step can be taken back."""
    return min(_MOST_BARS, scenario.steps[number - 1].bar - 4)


def back(scenario: Scenario, number: int, bars: int) -> Moved:
    """The step's map as it stood some bars before: what had happened and arrived by then."""
    step = scenario.steps[number - 1]
    now, then = see(scenario, step), see(scenario, step, step.bar - bars)
    then.__dict__["price_range"] = now.price_range
    amounts = [float(seen.near["notional"].sum()) for seen in (then, now)]
    close = float(then.candles["close"].iloc[-1])
    sentence = (
        f"As it stood at {wording.clock(then.at)}: price {wording.price(close)}, and"
        f" {wording.usd(amounts[0])} near the level in the last bars. In this step it is"
        f" {wording.usd(amounts[1])}."
    )
    return Moved(then.grid, then, step.scale_top, sentence)


def pinned(scenario: Scenario, number: int, top: float) -> Moved:
    """The step's map with its strongest colour at `top` USD."""
    step = scenario.steps[number - 1]
    seen = see(scenario, step)
    filled = np.asarray(seen.grid.total)[np.asarray(seen.grid.total) > 0]
    full, faint = int((filled >= top).sum()), int((filled < top / _SHADES).sum())
    sentence = (
        f"With the strongest colour at {wording.usd(top)}, of {wording.count(filled.size, 'filled cell')}"
        f" {full} reach it and {faint} are too faint to be told from empty. No amount has changed."
    )
    return Moved(seen.grid, seen, top, sentence)


def priced(scenario: Scenario, number: int, price: float) -> Moved:
    """What a price would do: on a modelled map close positions, with the plan drawn move the trade."""
    step = scenario.steps[number - 1]
    seen = see(scenario, step)
    sentence = _closed(seen, price) if step.layer == "modelled" else _worth(scenario, price)
    return Moved(seen.grid, seen, step.scale_top, sentence)


def _closed(seen: Seen, price: float) -> str:
    last = float(seen.candles["close"].iloc[-1])
    side: Literal["long", "short"] = "long" if price < last else "short"
    usd = seen.grid.on_the_way(last, price)[side]
    verb, what = ("fell", "sale") if side == "long" else ("rose", "purchase")
    way = f"If price {verb} from {wording.price(last)} to {wording.price(price)}, the model says"
    if usd <= 0:
        return f"{way} that nothing would be closed by force on the way."
    much = f"{way} up to {wording.usd(usd)} of {side}s would be closed by force on the way"
    return f"{much}, each of them a {what}."


def _worth(scenario: Scenario, price: float) -> str:
    plan = scenario.plan
    usd, r = at_price(plan, price)
    s = 1 if plan.side == "long" else -1
    target = max(s * one.price for one in plan.targets)
    worth = f"{wording.r_multiple(r)} after costs, which is {wording.usd(usd, signed=True)}"
    if s * price <= s * plan.stop:
        return f"At {wording.price(price)} the stop has closed the trade: {worth}."
    if s * price >= target:
        return f"At {wording.price(price)} the target has closed the trade: {worth}."
    return f"At {wording.price(price)} the trade stands at {worth}."
