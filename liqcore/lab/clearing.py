"""The clearing of the simulated market: what a move of the price triggers, and what that does to the price.

One round of a cascade closes every position whose liquidation or stop the marks have reached, in the order
in which the price came to them, each at the price that the earlier ones left behind. Rounds follow until
none is due. Insurance funds take what a liquidated position leaves and pay what it lacks; where a fund
would fall below zero, positions are closed against the most successful ones of the other side instead
(automatic deleveraging).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from liqcore.lab import book as ledger
from liqcore.lab.book import Accounts, Book, bankruptcy_price, fees, signs
from liqcore.lab.world import LOT, Regime, SimulationError, VenueSpec

_STRIDE: Final = 0.001
_BAND: Final = 0.012
_HORIZON: Final = 100_000
_NO_ROWS: Final = np.zeros(0, dtype=np.int64)
EVENT_COLUMNS: Final = ("minute", "leg", "code", "lots", "fill", "bankruptcy")


class Clearing:
    """All state of the market at one moment. Prices in ticks, quantities in lots, money in units.

    `clock` counts thousandths of a minute of usual trading: positions expire by it, sooner in a rout.
    """

    def __init__(self, regime: Regime, venues: tuple[VenueSpec, ...], price: int) -> None:
        self.regime = regime
        self.count = len(venues)
        fund = np.rint(np.array([venue.share for venue in venues]) * regime.insurance_fund / ledger.UNIT)
        self.accounts = Accounts(self.count, fund)
        self.book = Book()
        self.rate = np.array([venue.maintenance_margin_rate for venue in venues]) + regime.fee_rate
        self.price = self.high = self.low = price
        self.minute = self.clock = 0
        self.pending = 0.0
        self.signed = np.zeros(2 * self.count, dtype=np.int64)
        self._factor = np.zeros(2 * self.count)
        self.volume = np.zeros(self.count, dtype=np.int64)
        self.bought = np.zeros(self.count, dtype=np.int64)
        self.events: list[np.ndarray] = []
        self.deleveraged: list[tuple[int, int, int, int]] = []
        self._set_basis(np.zeros(self.count))
        self.rewatch()

    @property
    def marks(self) -> np.ndarray:
        """(V,) mark price of each venue, ticks."""
        return self.signed[::2]

    def begin_minute(self, minute: int, basis: np.ndarray) -> None:
        """Start a candle: every venue's mark follows its basis of this minute."""
        self.minute = minute
        self.volume[:] = 0
        self.bought[:] = 0
        self._set_basis(basis)
        self.high = self.low = self.price
        self.settle(0)

    def move(self, log_return: float, leg: int) -> None:
        """Move the index and settle what that triggers; a large move goes in strides, as a price walks."""
        strides = max(1, math.ceil(abs(log_return) / _STRIDE))
        for _ in range(strides):
            self._price(self.price * math.exp(log_return / strides))
            self.settle(leg)

    def rebound(self) -> float:
        """Log-return with which the market takes back a part of its earlier impact in one leg."""
        back = self.pending / (4 * self.regime.rebound_minutes)
        self.pending -= back
        return -back

    def settle(self, leg: int) -> None:
        """Run the cascade until no stop and no liquidation is due."""
        if np.abs(self.signed - self.watched_at).max() > self.band:
            self.rewatch()
        while (rows := self.book.due(self.signed)).size:
            self._round(rows, leg)
            if np.abs(self.signed - self.watched_at).max() > self.band:
                self.rewatch()

    def rewatch(self) -> None:
        """Renew the watch list around the marks of now."""
        self.band = int(_BAND * self.price)
        self.watched_at = self.signed.copy()
        self.watched_until = self.clock + _HORIZON
        self.book.watch(self.signed, self.band, self.watched_until)

    def open(
        self,
        venue: np.ndarray,
        sign: np.ndarray,
        lots: np.ndarray,
        entry: np.ndarray,
        *,
        leverage: np.ndarray,
        margin_multiple: np.ndarray,
        stop: np.ndarray,
        take: np.ndarray,
        expiry: np.ndarray,
        taker: np.ndarray,
        tops_up: np.ndarray,
    ) -> None:
        """Open positions at `entry` (ticks); traders pay in the margin and the fee."""
        value = lots * entry
        margin = np.rint(value / leverage * margin_multiple).astype(np.int64)
        fee = fees(value, self.regime.fee_rate)
        is_long = sign > 0
        self.accounts.post(
            venue,
            traders=margin - sign * value,
            maker_cash=sign * value,
            maker_lots=-sign * lots,
            deposits=margin + fee,
            fees=fee,
            long=lots * is_long,
            short=lots * ~is_long,
        )
        self._print(venue, lots, is_long == taker)
        stops = np.where(
            stop, ledger.stop_limit(sign, entry, margin, lots, self.regime.stop_at), ledger.NEVER
        )
        self.book.add(
            code=2 * venue + (sign < 0),
            lots=lots,
            entry=entry,
            margin=margin,
            leverage=leverage,
            expiry=expiry,
            tops_up=tops_up,
            liquidation=ledger.liquidation_limit(sign, entry, margin, lots, self.rate[venue]),
            stop=stops,
            take=ledger.take_limit(sign, entry, margin, lots, take),
        )

    def finish(self, passed: int) -> None:
        """Let `passed` of the trading clock go by and close what its owners want to close, at the mark."""
        self.clock += passed
        if self.clock > self.watched_until:
            self.rewatch()
        rows = self.book.finished(self.clock, self.signed)
        if rows.size:
            code = self.book.code[rows]
            self._close(
                rows, self.marks[code >> 1], np.zeros(rows.size, dtype=bool), fee_rate=self.regime.fee_rate
            )

    def upkeep(self) -> None:
        """Once an hour: some traders near liquidation double their margin, and closed positions are
        forgotten."""
        self.book.compact()
        book, n = self.book, self.book.rows
        distance = self.signed[book.code[:n]] - book.liquidation[:n]
        rows = np.flatnonzero(book.tops_up[:n] & (distance * book.leverage[:n] < 0.3 * self.price))
        if rows.size:
            book.retire(rows)
            venue, added = book.code[rows] >> 1, book.margin[rows].copy()
            book.margin[rows] += added
            self.accounts.post(venue, deposits=added, traders=added)
            sign = signs(book.code[rows])
            book.liquidation[rows] = ledger.liquidation_limit(
                sign, book.entry[rows], book.margin[rows], book.lots[rows], self.rate[venue]
            )
            book.limit[rows] = np.maximum(book.liquidation[rows], book.stop[rows])
        self.rewatch()

    def _round(self, rows: np.ndarray, leg: int) -> None:
        book = self.book
        # The order in which a moving price comes to them: the furthest behind it first.
        rows = rows[np.argsort(self.signed[book.code[rows]] - book.limit[rows], kind="stable")]
        code = book.code[rows]
        against = np.zeros(rows.size, dtype=bool)
        fills, impact = self._fills(rows, against)
        # A stop-loss that slips beyond its margin is a liquidation too.
        forced = (book.liquidation[rows] >= self.signed[code]) | (
            self._equity(rows, fills, self.regime.fee_rate) < 0
        )
        while (lacking := self._lacking(rows, forced & ~against, fills)).size:
            against[lacking] = True
            fills, impact = self._fills(rows, against)
        if against.any():
            fills[against] = bankruptcy_price(
                signs(code), book.entry[rows], book.margin[rows], book.lots[rows]
            )[against]
        if forced.any():
            self._log(rows[forced], fills[forced], leg)
        lots = book.lots[rows]
        self._close(rows[~against], fills[~against], forced[~against], fee_rate=self.regime.fee_rate)
        if against.any():
            self._close(rows[against], fills[against], forced[against], fee_rate=0.0)
            self._deleverage(code[against], lots[against], fills[against])
        self.pending += self.regime.rebound * impact
        self._price(self.price * math.exp(impact))

    def _fills(self, rows: np.ndarray, against: np.ndarray) -> tuple[np.ndarray, float]:
        """Fill price of each row at its venue, ticks, and the log-return of the index once all orders are
        through."""
        code = self.book.code[rows]
        order = np.where(against, 0, signs(code) * self.book.lots[rows])
        done = np.cumsum(order)
        per_lot = -self.regime.impact * LOT
        index = np.rint(self.price * np.exp(per_lot * (done - order / 2)))
        fills = np.rint(np.maximum(index, 1.0) * (1 + self.basis[code >> 1])).astype(np.int64)
        return fills, per_lot * float(done[-1])

    def _lacking(self, rows: np.ndarray, forced: np.ndarray, fills: np.ndarray) -> np.ndarray:
        """Which bankrupt rows the insurance funds cannot pay for, the latest ones of each venue (places in
        `rows`)."""
        left = np.where(forced, self._equity(rows, fills, self.regime.fee_rate), 0)
        venue = self.book.code[rows] >> 1
        balance = self.accounts["fund"].copy()
        np.add.at(balance, venue, left)
        if (balance >= 0).all():
            return _NO_ROWS
        picked = []
        for short in np.flatnonzero(balance < 0):
            places = np.flatnonzero((venue == short) & (left < 0))[::-1]
            covered = np.cumsum(-left[places])
            picked.append(places[: int(np.searchsorted(covered, -balance[short])) + 1])
        return np.concatenate(picked)

    def _equity(self, rows: np.ndarray, price: np.ndarray, fee_rate: float) -> np.ndarray:
        book = self.book
        lots = book.lots[rows]
        return (
            book.margin[rows]
            + signs(book.code[rows]) * lots * (price - book.entry[rows])
            - fees(lots * price, fee_rate)
        )

    def _close(self, rows: np.ndarray, price: np.ndarray, forced: np.ndarray, *, fee_rate: float) -> None:
        """Close whole positions at `price`; what is left of forced ones belongs to the insurance fund."""
        book = self.book
        code, lots = book.code[rows], book.lots[rows]
        venue, sign, is_long = code >> 1, signs(code), (code & 1) == 0
        value, equity = lots * price, self._equity(rows, price, fee_rate)
        fee, taken = fees(value, fee_rate), equity * forced
        self.accounts.post(
            venue,
            traders=sign * value - fee - taken,
            maker_cash=-sign * value,
            maker_lots=sign * lots,
            fees=fee,
            fund=taken,
            returned=equity - taken,
            long=-lots * is_long,
            short=-lots * ~is_long,
        )
        self._print(venue, lots, sign < 0)
        book.drop(rows)

    def _deleverage(self, code: np.ndarray, lots: np.ndarray, price: np.ndarray) -> None:
        """Close the other side of `lots` at the bankruptcy prices: the most successful first, the market
        maker last."""
        for each in np.unique(code):
            mine = code == each
            opposite = int(each) ^ 1
            need, value = int(lots[mine].sum()), int((lots[mine] * price[mine]).sum())
            rows, taken = self._winners(opposite, need)
            if not rows.size:
                continue
            total = int(taken.sum())
            paid = value if total == need else value * total // need
            self._reduce(rows, taken, opposite, paid)
            self.deleveraged.append((self.minute, opposite, total, paid))
        self.book.compact()
        self.rewatch()

    def _winners(self, code: int, need: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of one venue and side in profit, and the lots each gives: by profit × leverage, equal
        ranks in proportion."""
        book = self.book
        sign = 1 - 2 * (code & 1)
        rows = book.live()
        rows = rows[book.code[rows] == code]
        gain = sign * book.lots[rows] * (self.marks[code >> 1] - book.entry[rows])
        rows, gain = rows[gain > 0], gain[gain > 0]
        if not rows.size:
            return rows, rows
        value = book.lots[rows] * self.marks[code >> 1]
        score = (gain / book.margin[rows]) * (value / (book.margin[rows] + gain))
        order = np.argsort(-score, kind="stable")
        rows, score = rows[order], score[order]
        lots = book.lots[rows]
        before = np.cumsum(lots) - lots
        taken = np.clip(need - before, 0, lots)
        last = int(np.flatnonzero(taken)[-1])
        tied = np.flatnonzero(score == score[last])
        rest = int(taken[tied].sum())
        share = rest * lots[tied] // lots[tied].sum()
        odd = rest - int(share.sum())
        room = np.flatnonzero(share < lots[tied])[:odd]
        share[room] += 1
        taken[tied] = share
        return rows[taken > 0], taken[taken > 0]

    def _reduce(self, rows: np.ndarray, taken: np.ndarray, code: int, value: int) -> None:
        """Close parts of positions of one code for `value` units in all; their owners take margin and profit
        home."""
        book, accounts = self.book, self.accounts
        venue, sign = code >> 1, 1 - 2 * (code & 1)
        released = book.margin[rows] * taken // book.lots[rows]
        total = int(taken.sum())
        accounts["traders"][venue] += sign * value
        accounts["maker_cash"][venue] -= sign * value
        accounts["maker_lots"][venue] += sign * total
        accounts["returned"][venue] += int(released.sum()) + sign * (
            value - int((taken * book.entry[rows]).sum())
        )
        accounts["long" if sign > 0 else "short"][venue] -= total
        book.retire(rows)
        book.margin[rows] -= released
        book.lots[rows] -= taken
        book.drop(rows[book.lots[rows] == 0])

    def _print(self, venue: np.ndarray, lots: np.ndarray, buyer_took: np.ndarray) -> None:
        np.add.at(self.volume, venue, lots)
        np.add.at(self.bought, venue, np.where(buyer_took, lots, 0))

    def _log(self, rows: np.ndarray, fills: np.ndarray, leg: int) -> None:
        book = self.book
        code, lots = book.code[rows], book.lots[rows]
        bankrupt = np.maximum(np.rint(book.entry[rows] - signs(code) * book.margin[rows] / lots), 1).astype(
            np.int64
        )
        when = np.full(rows.size, self.minute), np.full(rows.size, leg)
        self.events.append(np.column_stack([*when, code, lots, fills, bankrupt]))

    def _price(self, price: float) -> None:
        """Set the index to the nearest tick."""
        self.price = int(np.rint(price))
        if self.price < 1_000:
            raise SimulationError(
                "The cascade drove the price under 100 USD. Lower the impact, the leverage or the size of the"
                " positions."
            )
        self.high, self.low = max(self.high, self.price), min(self.low, self.price)
        self._mark()

    def _set_basis(self, basis: np.ndarray) -> None:
        self.basis = basis
        self._factor[::2] = 1 + basis
        self._factor[1::2] = -self._factor[::2]
        self._mark()

    def _mark(self) -> None:
        self.signed = np.rint(self.price * self._factor).astype(np.int64)
