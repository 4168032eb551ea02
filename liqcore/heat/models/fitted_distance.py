"""Fitted distances: the flow identity's openings, at distances that were measured instead of 1 / leverage.

The leverage setting of an account is not its leverage: margin is shared, added and idle. So here what opens
stands at distances drawn from measured positions, USD-weighted quantiles of |liquidation price / mark price −
1|.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import flow_identity
from liqcore.heat.models.model import Levels, Model

SHARES: Final = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90)
# Large Hyperliquid accounts, 94 snapshots of February 2026: whales of one venue, so a guess elsewhere.
LONGS: Final = (0.063, 0.102, 0.174, 0.314, 0.525, 0.682)
SHORTS: Final = (0.062, 0.091, 0.175, 0.467, 0.997, 1.73)
_ATOMS: Final = 20


def fitted_levels(longs: Sequence[float], shorts: Sequence[float]) -> Levels:
    """Levels at equally likely distances between the quantiles at `SHARES`; nearer and farther than the
    outermost by the same step again."""
    at = (np.arange(_ATOMS) + 0.5) / _ATOMS
    away = [_between(at, np.asarray(quantiles, dtype=float)) for quantiles in (longs, shorts)]
    away[0] = np.minimum(away[0], 0.98)
    return Levels.of(1 / away[0], 1 - away[0], 1 + away[1], np.full((2, _ATOMS), 1 / _ATOMS))


def _between(at: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    logs = np.log(quantiles)
    ends = 2 * logs[0] - logs[1], 2 * logs[-1] - logs[-2]
    return np.exp(np.interp(at, (0.0, *SHARES, 1.0), np.concatenate([[ends[0]], logs, [ends[1]]])))


def fitted(
    longs: Sequence[float], shorts: Sequence[float], words: str, name: str = "fitted-distance"
) -> Model:
    """The model with distances of one's own, for instance of earlier snapshots."""

    def levels(guesses: Assumptions) -> Levels:
        return fitted_levels(longs, shorts)

    return Model(
        name=name,
        title="Fitted distances",
        words=words,
        source="Openings by the flow identity; distances measured on Hyperliquid's public positions.",
        place=5,
        reads=("holding_hours", "churn", "entry_points"),
        needs="either",
        levels=levels,
        steps=flow_identity.steps,
        flags=flow_identity.flags,
    )


MODEL: Final = fitted(
    LONGS,
    SHORTS,
    "What opens stands at distances measured on large Hyperliquid accounts in February 2026, instead of at"
    " 1 / leverage.",
)
