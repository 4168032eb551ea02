"""A scenario: a story of candles in steps, read from its settings and its market, and checked.

Nothing here reads a file: `liqcore.feeds.scenario_files` does, and a page hands over what it found. See
`steps` for what a reader sees at a step, and `outcome` for how it ended.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording

if TYPE_CHECKING:
    from liqcore.risk import Plan

FEWEST_STEPS: Final = 6
MOST_STEPS: Final = 10
# What a reader may move in a step before answering it.
MOVES: Final = ("venue", "time", "scale", "price")
_PLAN_NUMBERS: Final = ("entry", "stop", "account", "risk", "leverage", "fee_rate", "slippage", "targets")


class ScenarioError(ValueError):
    """A scenario that cannot be told, said in one sentence that names the place and the fix."""


@dataclass(frozen=True)
class Option:
    """One answer, whether it is right, and what to say to a reader who chose it."""

    text: str
    right: bool
    feedback: str


@dataclass(frozen=True)
class Highlight:
    """What to look at: bars counted back from the step's own (0 is the last closed bar), USD or names of
    facts."""

    first: int
    last: int
    low: float | str
    high: float | str
    label: str


@dataclass(frozen=True)
class Step:
    """One step as written. `bar` is how many bars of the scenario's timeframe have closed.

    `move` is what the reader may move before answering (see `moves`), `task` what to try with it.
    """

    number: int
    bar: int
    title: str
    text: str
    look: str
    question: str
    options: tuple[Option, ...]
    highlight: Highlight | None
    layer: Literal["realised", "modelled"]
    venues: tuple[str, ...]
    timeframe: str
    scale_top: float | None
    move: str | None = None
    task: str = ""


@dataclass(frozen=True)
class BaseRate:
    """How the same plan did in worlds that differ by chance, before the decision and after it.

    `r` holds one R a world after costs, None where the order was not filled or rejected, `before` the same
    before costs (empty where that was not kept); `ends` how many worlds ended how. The worlds are futures of
    `pasts` pasts, as many of each and one past after the other, the scenario's own first. `command` and the
    seeds (first_seed, first_seed + 1, …) make it again.
    """

    command: str
    first_seed: int
    hours: float
    ends: tuple[tuple[str, int], ...]
    r: tuple[float | None, ...]
    before: tuple[float | None, ...] = ()
    pasts: int = 1

    @property
    def worlds(self) -> int:
        return len(self.r)

    @property
    def results(self) -> np.ndarray:
        """(n,) R of the worlds in which the order was filled."""
        return np.array([value for value in self.r if value is not None], dtype=float)

    @property
    def filled(self) -> int:
        return int(self.results.size)

    @property
    def wins(self) -> int:
        """Worlds that ended above zero after costs."""
        return int((self.results > 0).sum())

    @property
    def mean_r(self) -> float:
        """Mean R of the filled worlds; 0 without any."""
        return float(self.results.mean()) if self.filled else 0.0

    @property
    def mean_before(self) -> float | None:
        """Mean R of the filled worlds before fees and slippage; None where it was not kept."""
        held = [value for value in self.before if value is not None]
        return float(np.mean(held)) if held else None

    @property
    def mean_error(self) -> float:
        """Standard error of `mean_r`: worlds of one past are alike, so that of several pasts each counts
        once."""
        if self.pasts == 1:
            return float(self.results.std(ddof=1) / np.sqrt(self.filled)) if self.filled > 1 else float("inf")
        held = np.array([np.nan if value is None else value for value in self.r]).reshape(self.pasts, -1)
        number = np.isfinite(held).sum(axis=1)
        if np.count_nonzero(number) < 2:
            return float("inf")
        # The mean is a ratio of sums over pasts (Cochran, Sampling Techniques, 6.3).
        left = np.where(np.isfinite(held), held - self.mean_r, 0.0).sum(axis=1)
        return float(np.sqrt((left**2).sum() * self.pasts / (self.pasts - 1)) / self.filled)

    @property
    def sentence(self) -> str:
        """What a reader should take from it."""
        if not self.filled:
            return f"In none of {self.worlds} worlds was the order filled."
        low, high = self.mean_r - 1.96 * self.mean_error, self.mean_r + 1.96 * self.mean_error
        verdict = (
            "That is too close to zero to tell from luck."
            if low <= 0 <= high
            else (
                "In these made-up worlds that is a loss on average."
                if high < 0
                else "In these made-up worlds that is a gain on average; it says nothing about a real market."
            )
        )
        share = self.wins / self.filled
        before = (
            "" if self.mean_before is None else f" and {wording.r_multiple(self.mean_before)} before them"
        )
        toss = ", close to a coin toss," if abs(share - 0.5) <= 0.1 else ""
        which, fixed = (
            (
                " that share this past and differ by chance after it",
                "All of it is about this one past: how often a set-up like it works in others, these worlds"
                " do not tell.",
            )
            if self.pasts == 1
            else (
                f", {self.worlds // self.pasts} futures of each of {self.pasts} pasts, this one among them."
                " The same script shaped every past, and all else is chance; prices are moved so that the"
                " plan lies as far off as here",
                "Not every one of these pasts shows a map like this one, and all follow this script: how"
                " often such a set-up works without it, these worlds do not tell.",
            )
        )
        return (
            f"The same plan was tried in {self.worlds} worlds{which}. It was filled in {self.filled}, and"
            f" {self.wins} of those ({wording.percent(share)}){toss} ended above zero after costs. The"
            f" mean was {wording.r_multiple(self.mean_r)} after costs (95 % range"
            f" {wording.decimal(low, 2, signed=True)} to {wording.r_multiple(high)}){before}. {verdict}"
            f" {fixed}"
        )


@dataclass(frozen=True, eq=False)
class Market:
    """The tables of a scenario, all of it, to be cut by `steps`. `arrivals` (n,) is when each liquidation
    reached a listener."""

    candles: pd.DataFrame
    liquidations: pd.DataFrame
    arrivals: np.ndarray
    open_interest: pd.DataFrame
    funding: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Scenario:
    """A story with its market. `shaped_by` are the interventions in words, `scripted` those of them that
    still move price after `decision_bar`, when the plan is made.

    `decision` is what a rule-following trader does: `trade` the plan, or `wait`; then `plan` is what waiting
    left out.
    """

    name: str
    title: str
    teaches: str
    level: float
    tolerance: float
    timeframe: str
    venues: tuple[str, ...]
    seed: int
    shaped_by: tuple[str, ...]
    steps: tuple[Step, ...]
    decision: Literal["trade", "wait"]
    decision_bar: int
    plan: Plan
    hours: float
    ending: str
    base_rate: BaseRate | None
    market: Market
    scripted: tuple[str, ...] = ()
    label: str = "Synthetic"
    start: np.datetime64 = field(default_factory=lambda: np.datetime64(0, "us"))

    def at(self, bar: int) -> np.datetime64:
        """The moment at which `bar` bars have closed."""
        return self.start + bar * tables.timeframe(self.timeframe)

    def planned(self, step: Step) -> bool:
        """Whether the plan is on the chart at a step."""
        return step.bar >= self.decision_bar and self.decision == "trade"


def make_scenario(
    name: str, settings: Mapping[str, Any], market: Market, base_rate: Mapping[str, Any] | None = None
) -> Scenario:
    """Check what was read and return the scenario.

    Parameters
    ----------
    name : of its folder. settings : the parsed scenario.toml. market : its tables.
    base_rate : the parsed base_rate.json, or None before it has been made.

    Raises
    ------
    ScenarioError
    """
    told = _Told(name)
    length = tables.timeframe(told.text(settings, "timeframe"))
    start = tables.to_datetime64(market.candles["time"].iloc[0])
    bars = int(
        (tables.to_datetime64(market.candles["time"].iloc[-1]) + np.timedelta64(1, "m") - start) // length
    )
    steps = _steps(told, settings, bars)
    plan, chosen = _plan(told, settings)
    if not steps[0].bar < chosen["bar"] <= steps[-1].bar:
        raise ScenarioError(
            f"Scenario {name!r}: the plan is made at bar {chosen['bar']}, which no step surrounds. Choose a"
            " bar within the steps."
        )
    simulation = told.table(settings, "simulation")
    told_by = simulation.get("interventions", ())
    return Scenario(
        name=name,
        title=told.text(settings, "title"),
        teaches=told.text(settings, "teaches"),
        level=float(settings["level"]),
        tolerance=float(settings.get("tolerance", 0.005)),
        timeframe=settings["timeframe"],
        venues=tuple(settings["venues"]),
        seed=int(simulation["seed"]),
        shaped_by=tuple(str(event["why"]) for event in told_by),
        scripted=tuple(
            str(event["why"])
            for event in told_by
            if _moves_price_after(event, start + chosen["bar"] * length)
        ),
        steps=steps,
        decision=chosen["decision"],
        decision_bar=int(chosen["bar"]),
        plan=plan,
        hours=float(chosen["hours"]),
        ending=told.text(settings, "ending"),
        base_rate=None if base_rate is None else _base_rate(base_rate),
        market=market,
        start=start,
    )


def _moves_price_after(event: Mapping[str, Any], moment: np.datetime64) -> bool:
    """Whether an intervention leads or trades price at or after a moment; feeds that fail leave price
    alone."""
    if str(event["kind"]).startswith("Feed"):
        return False
    begin = tables.to_datetime64(event.get("at", event.get("start")))
    last = begin + np.timedelta64(int(event.get("minutes", 0)), "m")
    if "end" in event:
        last = tables.to_datetime64(event["end"])
    return bool(begin >= moment or last > moment)


def placeholders(text: str) -> tuple[str, ...]:
    """Names in curly brackets, in order."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name)


@dataclass(frozen=True)
class _Told:
    """Reads settings and names the scenario and the place where one is missing."""

    name: str
    where: str = ""

    def text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            raise ScenarioError(
                f"Scenario {self.name!r}{self.where}: {key!r} must be a text. Write it into scenario.toml."
            )
        return " ".join(value.split())

    def table(self, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = table.get(key)
        if not isinstance(value, Mapping):
            raise ScenarioError(
                f"Scenario {self.name!r}{self.where}: the table [{key}] is missing. Add it to scenario.toml."
            )
        return value


def _steps(told: _Told, settings: Mapping[str, Any], bars: int) -> tuple[Step, ...]:
    written: Sequence[Mapping[str, Any]] = settings.get("steps", ())
    if not FEWEST_STEPS <= len(written) <= MOST_STEPS:
        raise ScenarioError(
            f"Scenario {told.name!r} has {len(written)} steps. Tell it in {FEWEST_STEPS} to {MOST_STEPS}."
        )
    steps = tuple(
        _step(_Told(told.name, f", step {i}"), item, i, settings) for i, item in enumerate(written, 1)
    )
    order = [step.bar for step in steps]
    if order != sorted(order) or order[0] < 1 or order[-1] > bars:
        raise ScenarioError(
            f"Scenario {told.name!r}: the steps' bars must not go back and must lie within 1 to {bars}; they"
            f" are {order}."
        )
    return steps


def _step(told: _Told, item: Mapping[str, Any], number: int, settings: Mapping[str, Any]) -> Step:
    options = tuple(
        Option(told.text(one, "text"), bool(one.get("right", False)), told.text(one, "feedback"))
        for one in item.get("options", ())
    )
    rights = sum(option.right for option in options)
    if len(options) < 2 or not 1 <= rights < len(options):
        raise ScenarioError(
            f"Scenario {told.name!r}{told.where}: give two or more answers, one or more right and one or more"
            " wrong."
        )
    layer = str(item.get("layer", settings.get("layer", "realised")))
    if layer not in ("realised", "modelled"):
        raise ScenarioError(
            f"Scenario {told.name!r}{told.where}: the layer is realised or modelled, not {layer!r}."
        )
    box, move = item.get("highlight"), item.get("move")
    if move is not None and move not in MOVES:
        raise ScenarioError(
            f"Scenario {told.name!r}{told.where}: a reader may move {wording.joined(MOVES, 'or')}, not"
            f" {move!r}."
        )
    return Step(
        number=number,
        bar=int(item["bar"]),
        title=told.text(item, "title"),
        text=told.text(item, "text"),
        look=told.text(item, "look"),
        question=told.text(item, "question"),
        options=options,
        layer=layer,  # type: ignore[arg-type]
        highlight=(
            None
            if box is None
            else Highlight(
                int(box["first"]), int(box.get("last", 0)), box["low"], box["high"], told.text(box, "label")
            )
        ),
        venues=tuple(item.get("venues", ())),
        timeframe=str(item.get("timeframe", settings["timeframe"])),
        scale_top=item.get("scale_top"),
        move=move,
        task="" if move is None else told.text(item, "task"),
    )


def _plan(told: _Told, settings: Mapping[str, Any]) -> tuple[Plan, dict[str, Any]]:
    given = told.table(settings, "plan")
    chosen = {"decision": given.get("decision", "trade"), "bar": given["bar"], "hours": given.get("hours", 4)}
    if chosen["decision"] not in ("trade", "wait"):
        raise ScenarioError(
            f"Scenario {told.name!r}: the decision is trade or wait, not {chosen['decision']!r}."
        )
    numbers = {key: given[key] for key in _PLAN_NUMBERS if key in given}
    from liqcore.risk import plan_trade

    return plan_trade(side=given["side"], **numbers), chosen


def _base_rate(stored: Mapping[str, Any]) -> BaseRate:
    return BaseRate(
        command=str(stored["command"]),
        first_seed=int(stored["first_seed"]),
        hours=float(stored["hours"]),
        ends=tuple((str(end), int(count)) for end, count in stored["ends"].items()),
        r=tuple(None if value is None else float(value) for value in stored["r"]),
        before=tuple(None if value is None else float(value) for value in stored.get("before", ())),
        pasts=int(stored.get("pasts", 1)),
    )
