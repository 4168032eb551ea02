"""What a simulated market was asked for, minute by minute."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liqcore import tables
from liqcore.lab.draws import Chance
from liqcore.lab.interventions import Branch, Crowd, Intervention, PriceDrift, Whale, minute_of
from liqcore.lab.world import MINUTES_PER_DAY, TICK, Regime, SimulationError, VenueSpec

# 1 January 1970 was a Thursday.
_EPOCH_WEEKDAY = 3


@dataclass(frozen=True)
class Settings:
    minutes: int
    venues: tuple[VenueSpec, ...]
    regime: Regime
    seed: int
    start: np.datetime64
    start_price: int
    interventions: tuple[Intervention, ...]
    branch: Branch | None

    def __post_init__(self) -> None:
        if not 1 <= self.minutes <= 400 * MINUTES_PER_DAY:
            raise SimulationError("Choose a length between one minute and 400 days.")
        if not 1_000 <= self.start_price * TICK <= 10_000_000:
            raise SimulationError("start_price must lie between 1,000 and 10,000,000 USD.")
        if self.seed < 0 or (self.branch is not None and self.branch.seed < 0):
            raise SimulationError("A seed is a whole number of zero or more.")

    @property
    def minute_of_week(self) -> int:
        """Minutes from Monday's midnight, UTC, to the start."""
        passed = int(self.start.astype("datetime64[m]").astype("int64")) + _EPOCH_WEEKDAY * MINUTES_PER_DAY
        return passed % (7 * MINUTES_PER_DAY)

    @property
    def chance(self) -> Chance:
        if self.branch is None:
            return Chance(self.seed)
        return Chance(self.seed, minute_of(self.branch.at, self.start), self.branch.seed)


@dataclass(frozen=True)
class Plan:
    """Interventions by minute: `drift`, `noise`, `activity` (whole days), targets, and crowds with the minute
    of their start."""

    drift: np.ndarray
    noise: np.ndarray
    activity: np.ndarray
    targets: tuple[tuple[int, int, float], ...]
    crowds: tuple[tuple[int, Crowd], ...]


def make_plan(settings: Settings) -> Plan:
    whole = -(-settings.minutes // MINUTES_PER_DAY) * MINUTES_PER_DAY
    drift, noise, activity = np.zeros(whole), np.ones(whole), np.ones(whole)
    targets, crowds = [], []
    names = [venue.name for venue in settings.venues]
    for event in settings.interventions:
        named = getattr(event, "venue", None)
        if named is not None and named not in names:
            raise SimulationError(
                f"There is no venue {named!r} in this market. Choose from {', '.join(names)}."
            )
        if isinstance(event, (Crowd, Whale)):
            crowds.append(
                (minute_of(event.at, settings.start), event.as_crowd() if isinstance(event, Whale) else event)
            )
            continue
        first, last = (minute_of(edge, settings.start) for edge in (event.start, event.end))
        if last <= first:
            raise SimulationError(
                f"An intervention must end at least a minute after it starts ({event.start})."
            )
        if isinstance(event, PriceDrift):
            noise[first:last] *= event.noise
            activity[first:last] *= event.activity
            if event.change is not None:
                drift[first:last] += math.log1p(event.change) / (last - first)
            else:
                targets.append((first, last, float(event.target or 0.0) / TICK))
    return Plan(drift, noise, activity, tuple(targets), tuple(crowds))


def snapshot_minutes(settings: Settings, every: object, since: object) -> frozenset[int]:
    if every is None:
        return frozenset()
    step = int(tables.timeframe(every) // np.timedelta64(1, "m"))  # type: ignore[arg-type]
    if step < 1:
        raise SimulationError("positions_every cannot be shorter than a minute.")
    first = max(settings.minutes - MINUTES_PER_DAY, 0) if since is None else minute_of(since, settings.start)
    return frozenset(range(settings.minutes, first - 1, -step))
