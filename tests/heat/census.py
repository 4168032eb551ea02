"""An invented census of a venue: every account's position, with longs equal to shorts, and what is known of
it."""

import numpy as np
import pandas as pd

from liqcore import tables

MARK = 60_000.0
AT = pd.Timestamp("2026-03-01 12:00", tz="UTC")


def census(count: int = 5_000, seed: int = 3, at: pd.Timestamp = AT) -> pd.DataFrame:
    """A positions table; a fifth of the accounts without a price, four fifths cross margined."""
    rng = np.random.default_rng(seed)
    side = np.where(np.arange(count) % 2 == 0, "long", "short")
    quantity = rng.pareto(1.3, count).clip(0.001, 300) + 0.001
    is_long = side == "long"
    quantity[~is_long] *= quantity[is_long].sum() / quantity[~is_long].sum()
    sign = np.where(is_long, 1, -1)
    distance = rng.lognormal(-1.2, 0.9, count)
    price = MARK * np.where(is_long, np.exp(-distance), np.exp(distance))
    return tables.positions(
        pd.DataFrame(
            {
                "time": at - pd.to_timedelta(rng.uniform(0, 600, count), unit="s"),
                "venue": "hyperliquid",
                "account": [f"{number:016x}" for number in range(count)],
                "side": side,
                "quantity": quantity,
                "entry": MARK * (1 + sign * rng.normal(0, 0.05, count)),
                "liquidation_price": np.where(rng.random(count) < 0.2, np.nan, price),
                "leverage": rng.choice([5, 10, 20, 40], count),
                "margin": np.where(rng.random(count) < 0.8, "cross", "isolated"),
                "notional": quantity * MARK,
            }
        )
    )


def sweep(at: pd.Timestamp = AT, open_interest: float = np.nan, **counts: float) -> pd.DataFrame:
    told = {"time": at, "venue": "hyperliquid", "began": at - pd.Timedelta(minutes=10)}
    return tables.sweeps(
        pd.DataFrame([{**told, "open_interest": open_interest, "mark_price": MARK, **counts}])
    )
