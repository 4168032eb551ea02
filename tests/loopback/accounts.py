"""Hyperliquid's accounts as the stand-in knows them: 5,000 invented ones, every position and its margin
known.

Accounts misbehave as real ones do: some answer null, some with wrong types, some vanish, some time out at
first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

MARK = 60_000.0
COUNT = 5_000
HOLDERS = 3_000


def address(number: int) -> str:
    return "0x" + hashlib.sha256(f"invented account {number}".encode()).hexdigest()[:40]


class Accounts:
    """The census: arrays over accounts; the first `HOLDERS` hold BTC, as many long as short."""

    def __init__(self, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.addresses = [address(number) for number in range(COUNT)]
        self.number = {name: number for number, name in enumerate(self.addresses)}
        size = np.round(rng.pareto(1.4, HOLDERS // 2).clip(0.001, 250) + 0.001, 5)
        # Each contract has a long and a short: the shorts hold the same sizes, dealt anew.
        self.size = np.concatenate([size, -rng.permutation(size), np.zeros(COUNT - HOLDERS)])
        self.entry = np.round(MARK * (1 + rng.normal(0, 0.05, COUNT)), 1)
        self.cross = rng.random(COUNT) < 0.8
        distance = np.exp(np.sign(self.size) * -rng.lognormal(-1.2, 0.8, COUNT))
        self.price = np.where(rng.random(COUNT) < 0.2, np.nan, np.round(MARK * distance, 1))
        self.value = np.round(10 ** rng.uniform(2, 7, COUNT), 2)
        self.leverage = rng.choice([3, 10, 20, 40], COUNT)
        self.odd: dict[str, str] = {}
        self.refusals: dict[str, int] = {}

    @property
    def open_interest(self) -> float:
        return float(self.size[self.size > 0].sum())

    def misbehave(self, each: int = 400) -> None:
        """Let a few of each `each` holders answer oddly: for good, or (late, slow) only the first time."""
        kinds = ("null", "wrong types", "cut", "vanished", "late", "slow")
        for place, kind in enumerate(kinds):
            for number in range(place, HOLDERS, each):
                self.odd[self.addresses[number]] = kind

    def answer(self, question: Mapping[str, Any], now: float) -> Any:
        """What the venue says to a question of its info endpoint; `now` in seconds since 1970. TimeoutError
        where it says nothing in time."""
        if question["type"] == "metaAndAssetCtxs":
            told = {"openInterest": str(self.open_interest), "markPx": str(MARK)}
            return [{"universe": [{"name": "ETH"}, {"name": "BTC"}]}, [{"openInterest": "400000"}, told]]
        if question["type"] == "vaultDetails":
            return {"relationship": {"type": "parent", "data": {"childAddresses": [self.addresses[0]]}}}
        name = question["user"]
        kind = self.odd.get(name, "")
        if kind == "slow" and self.refusals.setdefault(name, 0) == 0:
            self.refusals[name] = 1
            raise TimeoutError
        if kind == "null" or (kind == "late" and self.refusals.setdefault(name, 0) == 0):
            self.refusals[name] = 1
            return None
        if kind == "wrong types":
            return {"time": "yesterday", "assetPositions": {"position": 3}}
        number = self.number.get(name, COUNT)
        held = number < HOLDERS and kind != "vanished"
        out = self._state(number if number < COUNT else 0, held, now)
        if kind == "cut":
            del out["assetPositions"]
        return out

    def _state(self, number: int, held: bool, now: float) -> dict[str, Any]:
        price = self.price[number]
        position = {
            "coin": "BTC",
            "szi": str(self.size[number]),
            "entryPx": str(self.entry[number]),
            "leverage": {
                "type": "cross" if self.cross[number] else "isolated",
                "value": int(self.leverage[number]),
            },
            "liquidationPx": None if np.isnan(price) else str(price),
            "positionValue": str(abs(self.size[number]) * MARK),
            "marginUsed": "1.0",
        }
        return {
            "time": int(now * 1_000),
            "marginSummary": {"accountValue": str(self.value[number])},
            "crossMaintenanceMarginUsed": "1.0",
            "assetPositions": [{"type": "oneWay", "position": position}] if held else [],
        }


@lru_cache
def accounts() -> Accounts:
    return Accounts()


@lru_cache
def leaderboard(rows: int = 35_000) -> dict[str, Any]:
    """About 25 MB, as the venue's; the census is among it, and rows that are none."""
    known = accounts()
    periods = [
        [name, {"pnl": "-12345.678901", "roi": "-0.0123456789", "vlm": "1234567890.123456"}]
        for name in ("day", "week", "month", "allTime", "perpDay", "perpWeek", "perpMonth")
    ]
    found: list[Any] = [
        {
            "ethAddress": name,
            "accountValue": str(value),
            "windowPerformances": periods,
            "prize": 0,
            "displayName": None,
        }
        for name, value in zip(known.addresses, known.value, strict=True)
    ]
    found += [
        {"ethAddress": address(number), "accountValue": "0.0", "windowPerformances": periods}
        for number in range(COUNT, rows)
    ]
    return {"leaderboardRows": [None, {"ethAddress": "0x12"}, {"ethAddress": 7}, "row", *found]}
