"""A market of leveraged traders on several venues, whose open positions are known exactly.

Traders open, add margin, stop out, close and are liquidated; forced orders move the one price that all
venues share, which may trigger more of them. Nobody in it trades *towards* a cluster, so that nothing draws
the price to one: what such a market shows is feedback after a touch, not attraction before it. It teaches
and tests; it is no evidence about any real market.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.lab import tape as tapes
from liqcore.lab.clearing import EVENT_COLUMNS
from liqcore.lab.interventions import Branch, Crowd, FeedDelay, FeedOutage, Intervention, PriceDrift, Whale
from liqcore.lab.plan import Settings, make_plan, snapshot_minutes
from liqcore.lab.run import Run
from liqcore.lab.tape import Snapshots
from liqcore.lab.world import (
    CALM,
    LEVERAGES,
    LOT,
    MINUTES_PER_DAY,
    REGIMES,
    TICK,
    VENUES,
    VIOLENT,
    Regime,
    SimulationError,
    VenueSpec,
    choose_regime,
    choose_venues,
    describe,
)

VERSION: Final = 2

__all__ = [
    "CALM",
    "LEVERAGES",
    "REGIMES",
    "VENUES",
    "VERSION",
    "VIOLENT",
    "Branch",
    "Crowd",
    "FeedDelay",
    "FeedOutage",
    "Intervention",
    "PriceDrift",
    "Regime",
    "SimulatedMarket",
    "SimulationError",
    "VenueSpec",
    "Whale",
    "simulate",
]


@dataclass(frozen=True, eq=False)
class SimulatedMarket:
    """What happened in a simulated market, and the truth behind it.

    Attributes
    ----------
    candles : the index, one minute a row, with the volume of all venues.
    venue_candles : the same of each venue at its own price and volume.
    liquidations : what the feeds printed: thinned where a venue samples, without what an outage hid.
    arrivals : when each row of `liquidations` reached a listener, UTC; its `time` is when it happened.
    liquidations_true : every liquidation.
    open_interest, funding : tables of the house, every five minutes and every eight hours.
    snapshots : the exact open positions at some moments, packed; `positions` and `positions_at` unpack them.
    accounts : the venues' books every five minutes (see `tape.accounts`).
    deleveraged : positions in profit that automatic deleveraging closed.
    venues, regime, interventions, parameters : everything the market was made from.
    """

    candles: pd.DataFrame
    venue_candles: dict[str, pd.DataFrame]
    liquidations: pd.DataFrame
    arrivals: pd.Series
    liquidations_true: pd.DataFrame
    open_interest: pd.DataFrame
    funding: pd.DataFrame
    snapshots: Snapshots
    accounts: pd.DataFrame
    deleveraged: pd.DataFrame
    venues: tuple[VenueSpec, ...]
    regime: Regime
    interventions: tuple[Intervention, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """All open positions at all snapshots, one a row: time, venue, side, quantity BTC, entry USD,
        leverage, margin USD, liquidation_price USD (NaN where no price would liquidate it).

        A fortnight of hours does not fit so: `positions_at` unpacks one moment, `snapshots.each()` one after
        the other.

        Raises
        ------
        SimulationError
            More than four million rows, 200 MB.
        """
        return self.snapshots.table()

    def positions_at(self, moment: object) -> pd.DataFrame:
        """The open positions at one snapshot, as in `positions`.

        Raises
        ------
        SimulationError
            No snapshot was taken then.
        """
        times = self.snapshots.times
        places = np.flatnonzero(times == pd.Timestamp(tables.to_datetime64(moment), tz="UTC"))
        if not places.size:
            kept = f"from {times[0]} to {times[-1]}" if len(times) else "at no time"
            raise SimulationError(f"No positions were kept at {moment} (they were {kept}).")
        return self.snapshots.at(int(places[0]))


def simulate(
    days: float = 14,
    venues: int | Sequence[VenueSpec] = 5,
    seed: int = 1,
    *,
    regime: str | Regime = "calm",
    start: object = "2026-03-01",
    start_price: float = 28_000.0,
    interventions: Sequence[Intervention] = (),
    positions_every: object = "1h",
    positions_from: object = None,
    branch: Branch | None = None,
    **assumptions: float,
) -> SimulatedMarket:
    """Run the market and return its tables and its truth.

    Equal arguments give equal values on every machine, and a market of one day is the first day of a longer
    one.

    Parameters
    ----------
    days : length; parts of days are allowed.
    venues : how many of the five built-in venues (largest first), or a list of VenueSpec. seed : of all
    chance.
    regime : `calm`, `violent` or a Regime; single assumptions of it may be given by name (`impact=0.0`).
    start, start_price : first moment (UTC, a whole minute) and first index price, USD.
    interventions : Crowd, Whale, PriceDrift, FeedDelay, FeedOutage.
    positions_every : how often the exact positions are kept (a timeframe; None for never), from
        `positions_from` on (None: during the last day).
    branch : continue with other chance from some moment on.

    Raises
    ------
    SimulationError
        For impossible settings, with one sentence.
    """
    settings = Settings(
        minutes=round(days * MINUTES_PER_DAY),
        venues=choose_venues(venues),
        regime=choose_regime(regime, dict(assumptions)),
        seed=seed,
        start=tables.to_datetime64(start),
        start_price=round(start_price / TICK),
        interventions=tuple(interventions),
        branch=branch,
    )
    snapshots = snapshot_minutes(settings, positions_every, positions_from)
    run = Run(settings, make_plan(settings), snapshots)
    run.through(0, settings.minutes)
    run.close()
    return _market(run)


def _market(run: Run) -> SimulatedMarket:
    settings, clearing, tape = run.settings, run.clearing, run.tape
    events = (
        np.concatenate(clearing.events)
        if clearing.events
        else np.zeros((0, len(EVENT_COLUMNS)), dtype=np.int64)
    )
    true = tapes.liquidations(tape, events)
    liquidations, arrivals = tapes.printed(tape, true, settings.interventions)
    return SimulatedMarket(
        candles=tapes.candles(tape),
        venue_candles=tapes.venue_candles(tape),
        liquidations=liquidations,
        arrivals=arrivals,
        liquidations_true=true,
        open_interest=tapes.open_interest(tape),
        funding=tapes.funding(tape),
        snapshots=tapes.snapshots(tape, clearing.book),
        accounts=tapes.accounts(tape),
        deleveraged=tapes.deleveraged(tape, clearing.deleveraged),
        venues=settings.venues,
        regime=settings.regime,
        interventions=settings.interventions,
        parameters=_parameters(settings),
    )


def _parameters(settings: Settings) -> dict[str, Any]:
    return {
        "version": VERSION,
        "seed": settings.seed,
        "days": settings.minutes / MINUTES_PER_DAY,
        "start": f"{settings.start}Z",
        "start_price": settings.start_price * TICK,
        "tick": TICK,
        "lot": LOT,
        "regime": describe(settings.regime),
        "venues": [describe(venue) for venue in settings.venues],
        "interventions": [describe(event) for event in settings.interventions],
        "branch": None if settings.branch is None else describe(settings.branch),
    }
