"""Many futures of one past: the market is run once up to a moment, and on from there with other chance."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from liqcore import tables
from liqcore.lab import simulator, tape as tapes
from liqcore.lab.draws import Carry, draw_day
from liqcore.lab.engine import Engine
from liqcore.lab.simulator import Branch, SimulationError
from liqcore.lab.tape import Tape
from liqcore.lab.world import MINUTES_PER_DAY, Intervention, choose_regime, choose_venues, minute_of


def futures(
    at: object,
    hours: float,
    seeds: Sequence[int],
    *,
    venues: Any = 5,
    seed: int = 1,
    regime: str = "calm",
    start: object = "2026-03-01",
    start_price: float = 28_000.0,
    interventions: Sequence[Intervention] = (),
    **assumptions: float,
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Candles of one minute from `at` on, one table for each seed of the future.

    Each is what `simulate(..., branch=Branch(at, seed))` gives after `at`, without paying for the past again.
    Interventions after `at` are left out: a future is left to chance.

    Raises
    ------
    SimulationError
        For impossible settings, as `simulate` does, or where the future reaches into the day after next.
    """
    opening = tables.to_datetime64(start)
    split = minute_of(at, opening)
    until = split + round(hours * 60)
    past = tuple(
        event
        for event in interventions
        if minute_of(getattr(event, "at", getattr(event, "start", None)), opening) < split
    )
    settings = simulator._Settings(
        minutes=until,
        venues=choose_venues(venues),
        regime=choose_regime(regime, dict(assumptions)),
        seed=seed,
        start=opening,
        start_price=round(start_price / simulator.TICK),
        interventions=past,
        branch=None,
    )
    if until > (split // MINUTES_PER_DAY + 1) * MINUTES_PER_DAY:
        raise SimulationError("The futures must end on the day on which they begin.")
    plan = simulator._plan(settings)
    engine, tape, carry, trend = _past(settings, plan, split)
    for branch in seeds:
        yield (
            branch,
            _future(
                replace(settings, branch=Branch(at, branch)),
                plan,
                split,
                copy.deepcopy((engine, tape)),
                carry,
                trend,
            ),
        )


def _day(settings: simulator._Settings, plan: simulator._Plan, first: int, carry: Carry) -> tuple[Any, Carry]:
    part = slice(first, first + MINUTES_PER_DAY)
    return draw_day(
        settings.chance,
        first // MINUTES_PER_DAY,
        settings.regime,
        settings.venues,
        carry,
        drift=plan.drift[part],
        noise=plan.noise[part],
        activity=plan.activity[part],
    )


def _past(
    settings: simulator._Settings, plan: simulator._Plan, split: int
) -> tuple[Engine, Tape, Carry, float]:
    """The market as it stands at the split, and what its day was drawn from."""
    engine = Engine(settings.regime, settings.venues, settings.start_price)
    tape = Tape.blank(settings.start, settings.venues, settings.minutes)
    simulator._open_book(engine, settings)
    carry, trend = Carry(0.0, (0.0,) * len(settings.venues)), 0.0
    for first in range(0, split + 1, MINUTES_PER_DAY):
        day, after = _day(settings, plan, first, carry)
        for minute in range(first, min(first + MINUTES_PER_DAY, split)):
            simulator._note(engine, tape, minute, frozenset(), trend)
            trend = simulator._minute(engine, tape, plan, day, minute, minute - first, trend)
        if split < first + MINUTES_PER_DAY:
            break
        carry = after
    return engine, tape, carry, trend


def _future(
    settings: simulator._Settings,
    plan: simulator._Plan,
    split: int,
    state: tuple[Engine, Tape],
    carry: Carry,
    trend: float,
) -> pd.DataFrame:
    engine, tape = state
    first = split // MINUTES_PER_DAY * MINUTES_PER_DAY
    day, _ = _day(settings, plan, first, carry)
    for minute in range(split, settings.minutes):
        simulator._note(engine, tape, minute, frozenset(), trend)
        trend = simulator._minute(engine, tape, plan, day, minute, minute - first, trend)
    return tapes.candles(tape).iloc[split:].reset_index(drop=True)
