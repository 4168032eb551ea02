"""Sources that want the visitor's own key: where the key is looked for, what a plan gives, and one small
question to test it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from liqcore.feeds.rest import aggregators
from liqcore.feeds.rest.session import FeedSession
from liqcore.feeds.status import FeedError, SourceStatus
from liqcore.heat.grid import HeatGrid


@dataclass(frozen=True)
class KeyedSource:
    """One source behind a key. `secret` is its name in the secrets, in capitals the name in the
    environment."""

    id: str
    name: str
    secret: str
    gives: str
    plan: str
    ask: Callable[[FeedSession, str, pd.Timestamp], object]


def _coinalyze(session: FeedSession, key: str, now: pd.Timestamp) -> object:
    return aggregators.coinalyze_liquidations(
        session, key, now - pd.Timedelta(hours=24), now, interval="1hour"
    )


KEYED: Final = (
    KeyedSource(
        "coinglass",
        "CoinGlass",
        "coinglass_key",
        "Totals by exchange, and modelled heatmaps 1 to 3.",
        "Paid; heatmaps need the Professional plan.",
        lambda session, key, now: aggregators.coinglass_history(session, key, "1h", None, 5),
    ),
    KeyedSource(
        "coinank",
        "CoinAnk",
        "coinank_key",
        "Totals of all exchanges, and a modelled heatmap.",
        "Paid; what is covered depends on the VIP level.",
        lambda session, key, now: aggregators.coinank_history(session, key, now, "1h", 5),
    ),
    KeyedSource(
        "coinalyze",
        "Coinalyze",
        "coinalyze_key",
        "Totals, open interest and funding by contract.",
        "Free key; 40 calls a minute.",
        _coinalyze,
    ),
)
# Heatmaps that can be laid beside ours, by what they are called on the screen.
HEATMAPS: Final[dict[str, tuple[str, Callable[[FeedSession, str], HeatGrid]]]] = {
    **{
        f"CoinGlass, model {number}": (
            "coinglass",
            lambda session, key, number=number: aggregators.coinglass_heatmap(session, key, number),  # type: ignore[misc]
        )
        for number in (1, 2, 3)
    },
    "CoinAnk, Binance": ("coinank", lambda session, key: aggregators.coinank_heatmap(session, key)),
}


@dataclass(frozen=True, eq=False)
class Figures:
    """What a source counts itself, of the last hours: `totals` (`time`, `long`, `short` in USD an hour), and
    open interest (BTC) and funding as checked tables where it tells them. `covers` says what is summed up."""

    totals: pd.DataFrame
    covers: str
    open_interest: pd.DataFrame | None = None
    funding: pd.DataFrame | None = None


def figures(source: str, session: FeedSession, key: str, now: pd.Timestamp, hours: int) -> Figures:
    """The last hours as the source `coinglass`, `coinank` or `coinalyze` counts them.

    Raises
    ------
    FeedError and its kinds; `KeyRefused` where the key or its plan does not cover the call.
    """
    if source == "coinglass":
        return Figures(
            aggregators.coinglass_history(session, key, "1h", None, hours), "Binance, OKX and Bybit together"
        )
    if source == "coinank":
        return Figures(
            aggregators.coinank_history(session, key, now, "1h", hours), "all exchanges that CoinAnk sums up"
        )
    start = now - pd.Timedelta(hours=hours)
    totals = aggregators.coinalyze_liquidations(session, key, start, now, interval="1hour")
    return Figures(
        totals[["time", "long", "short"]],
        "Binance's BTCUSDT contract",
        aggregators.coinalyze_open_interest(session, key, start, now, interval="1hour"),
        aggregators.coinalyze_funding(session, key, start, now, interval="1hour"),
    )


def check(source: KeyedSource, session: FeedSession, key: str, now: pd.Timestamp) -> SourceStatus:
    """Ask one small question with the key; the answer as a status, its sentence without the key."""
    try:
        source.ask(session, key, now)
    except FeedError as problem:
        return problem.status(source.id)
    return SourceStatus(source.id, "live", f"{source.name} answered, and the key is good.")
