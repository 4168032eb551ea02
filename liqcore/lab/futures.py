"""Many futures of one past: the market is run once up to a moment, and on from there with other chance."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from liqcore import tables
from liqcore.lab import tape as tapes
from liqcore.lab.interventions import Branch, Intervention, minute_of
from liqcore.lab.plan import Settings, make_plan
from liqcore.lab.run import Run
from liqcore.lab.world import MINUTES_PER_DAY, TICK, SimulationError, choose_regime, choose_venues


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
    settings = Settings(
        minutes=until,
        venues=choose_venues(venues),
        regime=choose_regime(regime, dict(assumptions)),
        seed=seed,
        start=opening,
        start_price=round(start_price / TICK),
        interventions=past,
        branch=None,
    )
    if until > (split // MINUTES_PER_DAY + 1) * MINUTES_PER_DAY:
        raise SimulationError("The futures must end on the day on which they begin.")
    trunk = Run(settings, make_plan(settings))
    trunk.through(0, split)
    for branch in seeds:
        run = copy.deepcopy(trunk)
        run.settings = replace(settings, branch=Branch(at, branch))
        run.through(split, until)
        yield branch, tapes.candles(run.tape).iloc[split:].reset_index(drop=True)
