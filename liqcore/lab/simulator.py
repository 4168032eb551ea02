"""A market of leveraged traders on several venues, whose open positions are known exactly.

Traders open, add margin, stop out, close and are liquidated; forced orders move the one price that all
venues share, which may trigger more of them. Nobody in it trades *towards* a cluster, so that nothing draws
the price to one: what such a market shows is feedback after a touch, not attraction before it. It teaches
and tests; it is no evidence about any real market.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.lab import tape as tapes
from liqcore.lab.book import signs
from liqcore.lab.draws import LEGS, Carry, Chance, Day, draw_day, draw_opening
from liqcore.lab.engine import EVENT_COLUMNS, Engine
from liqcore.lab.tape import Tape
from liqcore.lab.world import (
    CALM,
    LEVERAGES,
    LOT,
    MINUTES_PER_DAY,
    REGIMES,
    TICK,
    VENUES,
    VIOLENT,
    Branch,
    Crowd,
    FeedDelay,
    FeedOutage,
    Intervention,
    PriceDrift,
    Regime,
    SimulationError,
    VenueSpec,
    Whale,
    choose_regime,
    choose_venues,
    describe,
    minute_of,
)

VERSION: Final = 1
_LEDGER_MINUTES: Final = 5
_FUNDING_MINUTES: Final = 480
_TREND_MINUTES: Final = 240

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
    positions : all open positions at snapshots: time, venue, side, quantity BTC, entry USD, leverage, margin
        USD, liquidation_price USD (NaN where no price would liquidate it).
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
    positions: pd.DataFrame
    accounts: pd.DataFrame
    deleveraged: pd.DataFrame
    venues: tuple[VenueSpec, ...]
    regime: Regime
    interventions: tuple[Intervention, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


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

    Equal arguments give equal values on every machine, and a market of one day is the first day of a
    longer one.

    Parameters
    ----------
    days : length; parts of days are allowed.
    venues : how many of the five built-in venues (largest first), or a list of VenueSpec.
    seed : of all chance.
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
    minutes = round(days * MINUTES_PER_DAY)
    if not 1 <= minutes <= 400 * MINUTES_PER_DAY:
        raise SimulationError("Choose a length between one minute and 400 days.")
    if not 1_000 <= start_price <= 10_000_000:
        raise SimulationError("start_price must lie between 1,000 and 10,000,000 USD.")
    if seed < 0 or (branch is not None and branch.seed < 0):
        raise SimulationError("A seed is a whole number of zero or more.")
    settings = _Settings(
        minutes=minutes,
        venues=choose_venues(venues),
        regime=choose_regime(regime, dict(assumptions)),
        seed=seed,
        start=tables.to_datetime64(start),
        start_price=round(start_price / TICK),
        interventions=tuple(interventions),
        branch=branch,
    )
    plan = _plan(settings)
    snapshots = _snapshots(settings, positions_every, positions_from)
    return _run(settings, plan, snapshots)


@dataclass(frozen=True)
class _Settings:
    minutes: int
    venues: tuple[VenueSpec, ...]
    regime: Regime
    seed: int
    start: np.datetime64
    start_price: int
    interventions: tuple[Intervention, ...]
    branch: Branch | None

    @property
    def chance(self) -> Chance:
        if self.branch is None:
            return Chance(self.seed)
        return Chance(self.seed, minute_of(self.branch.at, self.start), self.branch.seed)


@dataclass(frozen=True)
class _Plan:
    """Interventions by minute: `drift`, `noise`, `activity` (whole days), targets, and crowds with the minute
    of their start."""

    drift: np.ndarray
    noise: np.ndarray
    activity: np.ndarray
    targets: tuple[tuple[int, int, float], ...]
    crowds: tuple[tuple[int, Crowd], ...]


def _plan(settings: _Settings) -> _Plan:
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
    return _Plan(drift, noise, activity, tuple(targets), tuple(crowds))


def _snapshots(settings: _Settings, every: object, since: object) -> frozenset[int]:
    if every is None:
        return frozenset()
    step = int(tables.timeframe(every) // np.timedelta64(1, "m"))  # type: ignore[arg-type]
    if step < 1:
        raise SimulationError("positions_every cannot be shorter than a minute.")
    first = max(settings.minutes - MINUTES_PER_DAY, 0) if since is None else minute_of(since, settings.start)
    return frozenset(range(settings.minutes, first - 1, -step))


def _run(settings: _Settings, plan: _Plan, snapshots: frozenset[int]) -> SimulatedMarket:
    engine = Engine(settings.regime, settings.venues, settings.start_price)
    tape = Tape.blank(settings.start, settings.venues, settings.minutes)
    _open_book(engine, settings)
    carry = Carry(0.0, (0.0,) * len(settings.venues))
    trend = 0.0
    for first in range(0, settings.minutes, MINUTES_PER_DAY):
        part = slice(first, first + MINUTES_PER_DAY)
        day, carry = draw_day(
            settings.chance,
            first // MINUTES_PER_DAY,
            settings.regime,
            settings.venues,
            carry,
            drift=plan.drift[part],
            noise=plan.noise[part],
            activity=plan.activity[part],
        )
        for minute in range(first, min(first + MINUTES_PER_DAY, settings.minutes)):
            _note(engine, tape, minute, snapshots, trend)
            trend = _minute(engine, tape, plan, day, minute, minute - first, trend)
    if settings.minutes in snapshots:
        tape.positions.append(tapes.positions(tape, engine.book, settings.minutes))
    return _market(settings, engine, tape)


def _open_book(engine: Engine, settings: _Settings) -> None:
    """Fill the book with the positions that a long-running market would have, less those that would be
    gone."""
    entries, ages, history = draw_opening(settings.chance, settings.regime, settings.venues)
    path = np.rint(settings.start_price * history)
    entry = path[ages].astype(np.int64)
    leverage = np.array(LEVERAGES, dtype=np.float64)[entries.tier]
    sign = np.where(entries.side_draw < 0.5, 1, -1)
    # The worst and the best price each has met since it was opened decide whether it is still there.
    low, high = np.minimum.accumulate(path)[ages], np.maximum.accumulate(path)[ages]
    worst, best = np.where(sign > 0, low, high), np.where(sign > 0, high, low)
    margin = entry * entries.margin_multiple / leverage
    reach = np.where(entries.stop, settings.regime.stop_at, 1.0) * margin - engine.rate[entries.venue] * entry
    alive = np.flatnonzero(
        (sign * (worst - entry) > -0.98 * reach) & (sign * (best - entry) < entries.take * margin)
    )
    engine.open(
        entries.venue[alive],
        sign[alive],
        entries.size[alive],
        entry[alive],
        leverage=leverage[alive],
        margin_multiple=entries.margin_multiple[alive],
        stop=entries.stop[alive],
        take=entries.take[alive],
        expiry=1_000 * entries.life[alive],
        taker=entries.taker[alive],
        tops_up=entries.tops_up[alive],
    )
    engine.rewatch()


def _note(engine: Engine, tape: Tape, minute: int, snapshots: frozenset[int], trend: float) -> None:
    """Write down the state at the beginning of a minute, before anything happens in it."""
    if minute % 60 == 0:
        engine.minute = minute
        engine.upkeep()
    if minute % _LEDGER_MINUTES == 0:
        tape.ledger_minutes.append(minute)
        tape.ledger_rows.append(engine.accounts.table.copy())
    if minute % _FUNDING_MINUTES == 0:
        long, short = engine.accounts["long"], engine.accounts["short"]
        skew = (long - short) / np.maximum(long + short, 1)
        rate = 0.0001 + 0.0030 * skew + 0.0002 * math.tanh(trend)
        tape.funding_rows.append((minute, np.rint(np.clip(rate, -0.0075, 0.0075) * 1e6) / 1e6))
    if minute in snapshots:
        tape.positions.append(tapes.positions(tape, engine.book, minute))


def _minute(engine: Engine, tape: Tape, plan: _Plan, day: Day, minute: int, row: int, trend: float) -> float:
    """One minute of the market; returns the trend (the last hours' move over its usual size)."""
    before = engine.price
    engine.begin_minute(minute, day.basis[row])
    for leg in range(LEGS):
        pull = sum(
            _pull(engine.price, target, minute, leg, last)
            for first, last, target in plan.targets
            if first <= minute < last
        )
        engine.move(float(day.returns[row, leg]) + engine.rebound() + pull, leg)
    move = math.log(engine.price / before) / float(day.scale[row])
    # In a rout people close what they have: positions age by the moves, 0.82 being the mean of the bracket.
    engine.finish(round(1_000 * float(day.pace[row]) * (0.25 + 0.75 * min(abs(move), 6.0)) / 0.82))
    trend += (move * math.sqrt(2 / _TREND_MINUTES)) - trend / _TREND_MINUTES
    _enter(engine, day, row, move, trend)
    for first, crowd in plan.crowds:
        if first <= minute < first + crowd.minutes:
            _enter_crowd(engine, tape, crowd, minute - first)
    tape.ohlc[minute] = before, engine.high, engine.low, engine.price
    tape.basis[minute] = day.basis[row]
    tape.volume[minute] = engine.volume + day.churn[row]
    tape.bought[minute] = engine.bought + day.churn_buy[row]
    tape.jitter[minute] = day.jitter[row]
    return trend


def _pull(price: int, target: float, minute: int, leg: int, last: int) -> float:
    return math.log(target / price) / ((last - minute) * LEGS - leg)


def _enter(engine: Engine, day: Day, row: int, move: float, trend: float) -> None:
    """The minute's new positions, on the side that the last moves make tempting."""
    part = slice(int(day.first_entry[row]), int(day.first_entry[row + 1]))
    if part.start == part.stop:
        return
    regime, entries = engine.regime, day.entries
    tilt = 0.5 + regime.chase / 2 * math.tanh(move) + regime.trend / 2 * math.tanh(trend)
    sign = np.where(entries.side_draw[part] < round(min(max(tilt, 0.02), 0.98), 6), 1, -1)
    venue, tier = entries.venue[part], entries.tier[part]
    engine.open(
        venue,
        sign,
        entries.size[part],
        engine.marks[venue],
        leverage=np.array(LEVERAGES, dtype=np.float64)[tier],
        margin_multiple=entries.margin_multiple[part],
        stop=entries.stop[part],
        take=entries.take[part],
        expiry=engine.clock + 1_000 * entries.life[part],
        taker=entries.taker[part],
        tops_up=entries.tops_up[part],
    )


def _enter_crowd(engine: Engine, tape: Tape, crowd: Crowd, passed: int) -> None:
    """The part of a crowd that opens in this minute."""
    edges = [crowd.positions * step // crowd.minutes for step in (passed, passed + 1)]
    number = np.arange(edges[0], edges[1])
    if not number.size:
        return
    place = tape.names.index(crowd.venue)
    venue = np.full(number.size, place)
    sign = np.full(number.size, 1 if crowd.side == "long" else -1)
    if crowd.entry_low is None or crowd.entry_high is None:
        entry = engine.marks[venue]
    else:
        middle = (number + 0.5) / crowd.positions
        entry = np.rint((crowd.entry_low + middle * (crowd.entry_high - crowd.entry_low)) / TICK).astype(
            np.int64
        )
    lots = np.full(number.size, max(round(crowd.quantity / crowd.positions / LOT), 1))
    never, ones = np.zeros(number.size, dtype=bool), np.ones(number.size)
    engine.open(
        venue,
        sign,
        lots,
        entry,
        leverage=ones * crowd.leverage,
        margin_multiple=ones,
        stop=never,
        take=ones * np.inf,
        expiry=np.full(number.size, engine.clock + max(round(crowd.hours * 60_000), 1)),
        taker=~never,
        tops_up=never,
    )
    book = engine.book
    new = slice(book.rows - number.size, book.rows)
    if (book.limit[new] >= engine.signed[book.code[new]]).any():
        price = float((signs(book.code[new]) * book.limit[new]).mean()) * TICK
        raise SimulationError(
            f"The {crowd.side} positions put on {crowd.venue} at {crowd.at} would be liquidated at once:"
            f" their liquidation price is about {wording.price(price)} and the price there is"
            f" {wording.price(engine.marks[place] * TICK)}. Lower the leverage or move the entry."
        )


def _market(settings: _Settings, engine: Engine, tape: Tape) -> SimulatedMarket:
    events = (
        np.concatenate(engine.events) if engine.events else np.zeros((0, len(EVENT_COLUMNS)), dtype=np.int64)
    )
    true = tapes.liquidations(tape, events)
    liquidations, arrivals = tapes.printed(tape, true, settings.interventions)
    positions = (
        pd.concat(tape.positions, ignore_index=True)
        if tape.positions
        else tapes.positions(tape, engine.book, 0).iloc[:0]
    )
    return SimulatedMarket(
        candles=tapes.candles(tape),
        venue_candles=tapes.venue_candles(tape),
        liquidations=liquidations,
        arrivals=arrivals,
        liquidations_true=true,
        open_interest=tapes.open_interest(tape),
        funding=tapes.funding(tape),
        positions=positions,
        accounts=tapes.accounts(tape),
        deleveraged=tapes.deleveraged(tape, engine.deleveraged),
        venues=settings.venues,
        regime=settings.regime,
        interventions=settings.interventions,
        parameters=_parameters(settings),
    )


def _parameters(settings: _Settings) -> dict[str, Any]:
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
