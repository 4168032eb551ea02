"""A market under way: minute by minute, what chance and the plan bring, and what is written down of it."""

from __future__ import annotations

import math

import numpy as np

from liqcore import wording
from liqcore.lab import driver
from liqcore.lab.book import signs
from liqcore.lab.clearing import Clearing
from liqcore.lab.draws import Carry, Day, churned, draw_day, draw_opening
from liqcore.lab.driver import LEGS
from liqcore.lab.interventions import Crowd
from liqcore.lab.plan import Plan, Settings
from liqcore.lab.tape import Tape
from liqcore.lab.world import LEVERAGES, MINUTES_PER_DAY, TICK, SimulationError

_LEDGER_MINUTES = 5
_FUNDING_MINUTES = 480
_TREND_MINUTES = 240


class Run:
    """All that a market is at one moment: its clearing, what was written down, and the last moves.

    `trend` is the last hours' move over its usual size, `rush` the faded sum of the last minutes'.
    A copy of it goes on by itself, with other `settings` (another branch of chance) if given.
    """

    def __init__(self, settings: Settings, plan: Plan, snapshots: frozenset[int] = frozenset()) -> None:
        self.settings, self.plan, self.snapshots = settings, plan, snapshots
        self.clearing = Clearing(settings.regime, settings.venues, settings.start_price)
        self.tape = Tape.blank(settings.start, settings.venues, settings.minutes)
        self.carry = Carry(driver.Carry(), (0.0,) * len(settings.venues))
        self.trend = self.rush = 0.0
        self._open_book()

    def through(self, first: int, last: int) -> None:
        """Live through the minutes from `first` to before `last`."""
        for dawn in range(first // MINUTES_PER_DAY * MINUTES_PER_DAY, last, MINUTES_PER_DAY):
            day, after = self._draw(dawn)
            dusk = dawn + MINUTES_PER_DAY
            for minute in range(max(first, dawn), min(last, dusk)):
                self._note(minute)
                self._minute(day, minute, minute - dawn)
            if last >= dusk:
                self.carry = after

    def close(self) -> None:
        """Take the last snapshot, if one is due at the end."""
        self._snapshot(self.settings.minutes)

    def _draw(self, dawn: int) -> tuple[Day, Carry]:
        settings, plan = self.settings, self.plan
        part = slice(dawn, dawn + MINUTES_PER_DAY)
        return draw_day(
            settings.chance,
            dawn // MINUTES_PER_DAY,
            settings.regime,
            settings.venues,
            self.carry,
            minute_of_week=settings.minute_of_week + dawn,
            drift=plan.drift[part],
            noise=plan.noise[part],
            activity=plan.activity[part],
        )

    def _open_book(self) -> None:
        """Fill the book with the positions that a long-running market would have, less those that would be
        gone."""
        settings, clearing = self.settings, self.clearing
        entries, ages, history = draw_opening(settings.chance, settings.regime, settings.venues)
        path = np.rint(settings.start_price * history)
        entry = path[ages].astype(np.int64)
        leverage = np.array(LEVERAGES, dtype=np.float64)[entries.tier]
        sign = np.where(entries.side_draw < 0.5 + settings.regime.long_bias / 2, 1, -1)
        # The worst and the best price each has met since it was opened decide whether it is still there.
        low, high = np.minimum.accumulate(path)[ages], np.maximum.accumulate(path)[ages]
        worst, best = np.where(sign > 0, low, high), np.where(sign > 0, high, low)
        margin = entry * entries.margin_multiple / leverage
        reach = (
            np.where(entries.stop, settings.regime.stop_at, 1.0) * margin
            - clearing.rate[entries.venue] * entry
        )
        alive = np.flatnonzero(
            (sign * (worst - entry) > -0.98 * reach) & (sign * (best - entry) < entries.take * margin)
        )
        clearing.open(
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
        clearing.rewatch()

    def _note(self, minute: int) -> None:
        """Write down the state at the beginning of a minute, before anything happens in it."""
        clearing, tape = self.clearing, self.tape
        if minute % 60 == 0:
            clearing.minute = minute
            clearing.upkeep()
        if minute % _LEDGER_MINUTES == 0:
            tape.ledger_minutes.append(minute)
            tape.ledger_rows.append(clearing.accounts.table.copy())
        if minute % _FUNDING_MINUTES == 0:
            long, short = clearing.accounts["long"], clearing.accounts["short"]
            skew = (long - short) / np.maximum(long + short, 1) - self.settings.regime.long_bias
            rate = 0.0001 + 0.0050 * skew + 0.0002 * math.tanh(self.trend)
            tape.funding_rows.append((minute, np.rint(np.clip(rate, -0.0075, 0.0075) * 1e6) / 1e6))
        self._snapshot(minute)

    def _snapshot(self, minute: int) -> None:
        if minute in self.snapshots:
            self.tape.snapshots.append(minute)
            self.clearing.book.snapshot()

    def _minute(self, day: Day, minute: int, row: int) -> None:
        """One minute of the market."""
        clearing, tape, regime = self.clearing, self.tape, self.settings.regime
        before = clearing.price
        clearing.begin_minute(minute, day.basis[row])
        for leg in range(LEGS):
            pull = sum(
                _pull(clearing.price, target, minute, leg, last)
                for first, last, target in self.plan.targets
                if first <= minute < last
            )
            clearing.move(float(day.drive.returns[row, leg]) + clearing.rebound() + pull, leg)
        change, scale = math.log(clearing.price / before), float(day.drive.scale[row])
        self.rush = driver.rush_of(self.rush, change)
        flow = float(driver.flow_of(day.drive.level[row], change, self.rush, scale))
        # In a rout people close what they have: positions age by the trading, which a cascade adds to.
        clearing.finish(round(1_000 * flow**regime.exit_law))
        move = change / scale
        self.trend += (move * math.sqrt(2 / _TREND_MINUTES)) - self.trend / _TREND_MINUTES
        self._enter(day, row, move)
        for first, crowd in self.plan.crowds:
            if first <= minute < first + crowd.minutes:
                self._enter_crowd(crowd, minute - first)
        lots, bought = churned(flow, move, day.churn[row], day.buying[row])
        tape.ohlc[minute] = before, clearing.high, clearing.low, clearing.price
        tape.basis[minute] = day.basis[row]
        tape.volume[minute] = clearing.volume + lots
        tape.bought[minute] = clearing.bought + bought
        tape.jitter[minute] = day.jitter[row]

    def _enter(self, day: Day, row: int, move: float) -> None:
        """The minute's new positions, on the side that the last moves make tempting."""
        part = slice(int(day.first_entry[row]), int(day.first_entry[row + 1]))
        if part.start == part.stop:
            return
        clearing, regime, entries = self.clearing, self.settings.regime, day.entries
        swayed = regime.long_bias + regime.chase * math.tanh(move) + regime.trend * math.tanh(self.trend)
        tilt = 0.5 + swayed / 2
        sign = np.where(entries.side_draw[part] < round(min(max(tilt, 0.02), 0.98), 6), 1, -1)
        venue, tier = entries.venue[part], entries.tier[part]
        clearing.open(
            venue,
            sign,
            entries.size[part],
            clearing.marks[venue],
            leverage=np.array(LEVERAGES, dtype=np.float64)[tier],
            margin_multiple=entries.margin_multiple[part],
            stop=entries.stop[part],
            take=entries.take[part],
            expiry=clearing.clock + 1_000 * entries.life[part],
            taker=entries.taker[part],
            tops_up=entries.tops_up[part],
        )

    def _enter_crowd(self, crowd: Crowd, passed: int) -> None:
        """The part of a crowd that opens in this minute."""
        edges = [crowd.positions * step // crowd.minutes for step in (passed, passed + 1)]
        number = np.arange(edges[0], edges[1])
        if not number.size:
            return
        clearing = self.clearing
        place = self.tape.names.index(crowd.venue)
        venue = np.full(number.size, place)
        sign = np.full(number.size, 1 if crowd.side == "long" else -1)
        if crowd.entry_low is None or crowd.entry_high is None:
            entry = clearing.marks[venue]
        else:
            middle = (number + 0.5) / crowd.positions
            usd = crowd.entry_low + middle * (crowd.entry_high - crowd.entry_low)
            entry = np.rint(usd / TICK).astype(np.int64)
        lots = np.full(number.size, crowd.lots)
        never, ones = np.zeros(number.size, dtype=bool), np.ones(number.size)
        clearing.open(
            venue,
            sign,
            lots,
            entry,
            leverage=ones * crowd.leverage,
            margin_multiple=ones,
            stop=never,
            take=ones * np.inf,
            expiry=np.full(number.size, clearing.clock + max(round(crowd.hours * 60_000), 1)),
            taker=~never,
            tops_up=never,
        )
        self._refuse_doomed(crowd, number.size)

    def _refuse_doomed(self, crowd: Crowd, count: int) -> None:
        book = self.clearing.book
        new = slice(book.rows - count, book.rows)
        if (book.limit[new] >= self.clearing.signed[book.code[new]]).any():
            price = float((signs(book.code[new]) * book.limit[new]).mean()) * TICK
            mark = self.clearing.marks[self.tape.names.index(crowd.venue)] * TICK
            raise SimulationError(
                f"The {crowd.side} positions put on {crowd.venue} at {crowd.at} would be liquidated at once:"
                f" their liquidation price is about {wording.price(price)} and the price there is"
                f" {wording.price(mark)}. Lower the leverage or move the entry."
            )


def _pull(price: int, target: float, minute: int, leg: int, last: int) -> float:
    return math.log(target / price) / ((last - minute) * LEGS - leg)
