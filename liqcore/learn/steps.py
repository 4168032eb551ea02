"""What a reader sees at a step of a scenario, and how the scenario ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.grid import HeatGrid
from liqcore.learn.facts import FACTS, Value, fact, in_words
from liqcore.learn.glossary import Term, new_words
from liqcore.learn.scenarios import BaseRate, Highlight, Option, Scenario, ScenarioError, Step, placeholders
from liqcore.learn.seen import Seen, see
from liqcore.learn.trades import TradeResult, run_trade
from liqcore.risk import Plan

_BEFORE: Final = "before_"
# Share of the drawn prices that two names at the right edge need to stand apart.
_APART: Final = 0.09


@dataclass(frozen=True, eq=False)
class StepView:
    """One step, filled. Nothing in it was known later than `at`.

    Attributes
    ----------
    name, number, count : of the scenario, which step, of how many.
    title, text, look, question, options : the words, with every number computed.
    at : datetime64 UTC, the closing edge of the last bar.
    candles, bars : one minute, and the step's timeframe. liquidations, open_interest, funding : tables so
    far.
    grid : the map to draw, `layer` realised or modelled, of `venues`. scale_top : USD at which to pin the
    colour scale, or None.
    outlines : DataFrame `time_from`, `time_to`, `price_from`, `price_to`, `label`, to give the chart, empty
    without a highlight.
    marks : DataFrame `time`, `price`, `label`, of the same place.
    levels : DataFrame `price`, `label`: the level, and from the decision on the plan's entry, stop and
    targets.
    facts : name to (value, words) of every placeholder in the texts.
    words : the terms that this step is the first of its scenario to name and that need explaining.
    untraded : a sentence on cells at prices that were never traded, empty where there are none.
    move, task : what the reader may move before answering (None: nothing), and what to try with it.
    """

    number: int
    count: int
    title: str
    text: str
    look: str
    question: str
    options: tuple[Option, ...]
    at: np.datetime64
    timeframe: str
    layer: str
    venues: tuple[str, ...]
    scale_top: float | None
    candles: pd.DataFrame
    bars: pd.DataFrame
    liquidations: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    grid: HeatGrid
    outlines: pd.DataFrame
    marks: pd.DataFrame
    levels: pd.DataFrame
    facts: dict[str, tuple[Value, str]]
    words: tuple[Term, ...] = ()
    untraded: str = ""
    move: str | None = None
    task: str = ""
    name: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """How it ended. `result` is the plan's trade, taken or not; `r` what the rule-following trader made (0
    for waiting).

    `text` is the scenario's last word with its numbers filled in (it may also name `result_r` and
    `result_usd`), `sentence` the result in words.
    """

    decision: Literal["trade", "wait"]
    plan: Plan
    result: TradeResult
    r: float
    text: str
    sentence: str
    base_rate: BaseRate | None
    candles: pd.DataFrame


def step_view(scenario: Scenario, number: int) -> StepView:
    """The step with this number (from 1), its tables cut at its bar.

    Raises
    ------
    ScenarioError
        There is no such step, or its text names a fact that does not exist.
    """
    if not 1 <= number <= len(scenario.steps):
        raise ScenarioError(
            f"Scenario {scenario.name!r} has {len(scenario.steps)} steps; there is no step {number}."
        )
    step = scenario.steps[number - 1]
    facts = _Facts(scenario, step)
    options = tuple(
        Option(facts.fill(option.text), option.right, facts.fill(option.feedback)) for option in step.options
    )
    words = {name: facts.fill(getattr(step, name)) for name in ("title", "text", "look", "question")}
    seen = facts.seen
    outlines, marks = _places(facts, step.highlight)
    return StepView(
        number=number,
        count=len(scenario.steps),
        options=options,
        at=seen.at,
        timeframe=step.timeframe,
        layer=step.layer,
        venues=step.venues or scenario.venues,
        scale_top=step.scale_top,
        candles=seen.candles,
        bars=seen.bars,
        liquidations=seen.shown,
        open_interest=seen.open_interest,
        funding=seen.funding,
        grid=seen.grid,
        outlines=outlines,
        marks=marks,
        levels=_levels(scenario, step, seen.price_range),
        facts=facts.used,
        words=_new_words(scenario)[number - 1],
        untraded=_untraded(seen),
        move=step.move,
        task=step.task,
        name=scenario.name,
        **words,
    )


def outcome(scenario: Scenario) -> Outcome:
    """The end of the story: the plan followed to its end within the scenario's hours, in R after costs."""
    result, after = follow(scenario)
    taken = scenario.decision == "trade"
    last = scenario.steps[-1]
    facts = _Facts(scenario, last)
    facts.used |= {
        "result_r": (result.r, wording.r_multiple(result.r)),
        "result_usd": (result.usd, wording.usd(result.usd, signed=True)),
    }
    text = facts.fill(scenario.ending)
    went = {
        "target": "reached its target",
        "stop": "was stopped out",
        "time": "was closed when time was up",
        "not filled": "was never filled",
        "no order": "was refused by the risk rules",
        "open": "is still open",
    }[result.end]
    who = (
        "The trade that follows every rule"
        if taken
        else "The rule was to wait, which made 0 R. The trade that was left out"
    )
    sentence = (
        f"{who} {went}: {wording.r_multiple(result.r)} after costs ({wording.usd(result.usd, signed=True)})."
        if result.filled
        else f"{who} {went}."
    )
    return Outcome(
        scenario.decision,
        scenario.plan,
        result,
        result.r if taken else 0.0,
        text,
        sentence,
        scenario.base_rate,
        after,
    )


def follow(scenario: Scenario, candles: pd.DataFrame | None = None) -> tuple[TradeResult, pd.DataFrame]:
    """The plan in the bars after its decision, by default the scenario's own, and these bars; `candles` may
    be another future."""
    begin = scenario.at(scenario.decision_bar)
    micros = tables.microseconds((scenario.market.candles if candles is None else candles)["time"])
    end = begin + np.timedelta64(round(scenario.hours * 3_600), "s")
    chosen = (micros >= begin.astype("int64")) & (micros < end.astype("int64"))
    after = (scenario.market.candles if candles is None else candles)[chosen].reset_index(drop=True)
    return run_trade(scenario.plan, after), after


def _new_words(scenario: Scenario) -> tuple[tuple[Term, ...], ...]:
    """By step, the terms it is the first to name. Numbers with a unit come from facts, so `R` is looked for
    behind them too."""
    texts = []
    for step in scenario.steps:
        written = " ".join([step.title, step.text, step.look, step.task, step.question])
        if step.highlight is not None:
            written += f" {step.highlight.label}"
        kinds = {FACTS[name.removeprefix(_BEFORE)][0] for name in placeholders(written)}
        trees = {"word"} & kinds and any("venue" in name for name in placeholders(written))
        texts.append(
            f"{written}{' 1 R' if 'r' in kinds else ''}{' ' + ' '.join(scenario.venues) if trees else ''}"
        )
    return new_words(texts)


def _untraded(seen: Seen) -> str:
    cells, venue = seen.untraded
    if not venue:
        return ""
    lie = "lies" if cells == 1 else "lie"
    return (
        f"{wording.count(cells, 'cell')} {lie} where no candle was: {venue}, where most of them come from,"
        " prints the bankruptcy price, at which the margin is gone, and not the price that was paid."
    )


class _Facts:
    """Fills texts of one step and remembers which facts they used."""

    def __init__(self, scenario: Scenario, step: Step) -> None:
        self.seen = see(scenario, step)
        self.used: dict[str, tuple[Value, str]] = {}
        self._scenario, self._step = scenario, step
        self._before: Seen | None = None

    def value(self, name: str) -> Value:
        if not name.startswith(_BEFORE):
            return fact(self.seen, name)
        if self._before is None:
            earlier = self._scenario.steps[max(self._step.number - 2, 0)]
            self._before = see(self._scenario, earlier)
        return fact(self._before, name.removeprefix(_BEFORE))

    def fill(self, text: str) -> str:
        for name in placeholders(text):
            if name not in self.used:
                value = self.value(name)
                self.used[name] = (value, in_words(name.removeprefix(_BEFORE), value))
        return text.format_map({name: words for name, (_, words) in self.used.items()})


def _places(facts: _Facts, box: Highlight | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The highlight as an outline and as a mark at its middle."""
    outlines, marks = ("time_from", "time_to", "price_from", "price_to", "label"), ("time", "price", "label")
    if box is None:
        return pd.DataFrame(columns=list(outlines)), pd.DataFrame(columns=list(marks))
    length, at = tables.timeframe(facts.seen.step.timeframe), facts.seen.at
    low, high = (
        float(facts.value(edge) if isinstance(edge, str) else edge)  # type: ignore[arg-type]
        for edge in (box.low, box.high)
    )
    # A candle without a range would be a box without a height.
    low, high = min(low, high) - 0.0002 * abs(low), max(low, high) + 0.0002 * abs(high)
    start = max(at + (box.first - 1) * length, facts.seen.scenario.start)
    end, label = at + box.last * length, facts.fill(box.label)
    return (
        pd.DataFrame([[start, end, low, high, label]], columns=list(outlines)),
        pd.DataFrame([[start + (end - start) // 2, (low + high) / 2, label]], columns=list(marks)),
    )


def together(lines: list[tuple[float, str]], least: float) -> pd.DataFrame:
    """Lines as `price` and `label`; a name that would run into another one (nearer than `least` USD) joins
    it."""
    rows: list[list[float | str]] = []
    for price, name in sorted(lines, key=lambda line: -line[0]):
        near = next((row for row in reversed(rows) if row[1] and abs(float(row[0]) - price) < least), None)
        if near is not None:
            near[1] = f"{near[1]} · {name}"
        rows.append([price, "" if near is not None else name])
    return pd.DataFrame(rows, columns=["price", "label"])


def _levels(scenario: Scenario, step: Step, prices: tuple[float, float]) -> pd.DataFrame:
    rows: list[tuple[float, str]] = [(scenario.level, "level")]
    if scenario.planned(step):
        rows += plan_lines(scenario.plan)
    return together(rows, _APART / 2 * (prices[1] - prices[0]))


def plan_lines(plan: Plan) -> list[tuple[float, str]]:
    """Entry, stop and targets with their names, numbered where there are several targets."""
    many = len(plan.targets) > 1
    return [
        (plan.entry, "entry"),
        (plan.stop, "stop"),
        *((target.price, f"target {k}" if many else "target") for k, target in enumerate(plan.targets, 1)),
    ]
