"""Where a stop and the targets could go: outside the level and the clusters, at the next level, at multiples
of R."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from liqcore import wording
from liqcore.risk.numbers import RiskError, parse_number
from liqcore.risk.sizing import sign, stop_problem

Band = tuple[float, float]


@dataclass(frozen=True)
class StopSuggestion:
    """A stop price, how many ATR it lies from its level, and why it lies there."""

    price: float
    multiple: float
    moved: bool
    sentence: str


@dataclass(frozen=True)
class TargetSuggestion:
    """A target price, its kind (`level`, `measured move` or `R multiple`), its R before costs, and why."""

    price: float
    kind: str
    reward_risk: float
    sentence: str


def suggest_stops(
    side: str,
    level: float,
    atr: float,
    *,
    multiples: Sequence[float] = (0.5, 1.0, 1.5),
    bands: Iterable[Band] = (),
    clearance: float = 0.1,
) -> tuple[StopSuggestion, ...]:
    """Stops beyond a level (or the entry) by k·ATR, moved past a cluster they would fall into.

    A stop inside a cluster is filled while the cluster is being liquidated, at the worst moment; it is
    therefore moved to the far edge of the cluster plus `clearance` ATR.

    Parameters
    ----------
    side : `long` (stops below the level) or `short` (above)
    level, atr : USD
    multiples : the k of k·ATR
    bands : (low, high) of the clusters, USD; overlapping ones count as one

    Returns
    -------
    One `StopSuggestion` a multiple, those that would fall at or below zero left out.
    """
    s, at, span = sign(side), _positive(level, "The level"), _positive(atr, "The ATR")
    edges = merge_bands(bands, clearance * span)
    where = "below" if s > 0 else "above"
    out = []
    for k in (parse_number(value, "The ATR multiple") for value in multiples):
        price = at - s * k * span
        hit = band_at(price, edges)
        why = f"{k:g} ATR ({wording.price(k * span)}) {where} {wording.price(at, exact=True)}"
        if hit is not None:
            price = (hit[0] if s > 0 else hit[1]) - s * clearance * span
            why += (
                f", moved {where} the cluster {wording.price(hit[0], exact=True)} to"
                f" {wording.price(hit[1], exact=True)} that it would lie in"
            )
        if price > 0:
            out.append(StopSuggestion(price, s * (at - price) / span, hit is not None, why + "."))
    return tuple(out)


def suggest_targets(
    side: str,
    entry: float,
    stop: float,
    *,
    levels: Iterable[float] = (),
    breakout: float | None = None,
    height: float | None = None,
    multiples: Sequence[float] = (1.0, 2.0, 3.0),
) -> tuple[TargetSuggestion, ...]:
    """Targets in order of distance: the next level ahead, the measured move, and multiples of R.

    Parameters
    ----------
    levels : support and resistance in USD; the nearest one ahead of the entry is taken
    breakout, height : the measured move is `breakout ± height`, the height of the prior swing or range
    multiples : R multiples, `entry ± R·|entry − stop|`

    Raises
    ------
    RiskError
        Entry and stop that cannot be, or only one of `breakout` and `height`.
    """
    s, e, at = sign(side), _positive(entry, "The entry"), _positive(stop, "The stop")
    problem = stop_problem(side, e, at)
    if problem:
        raise RiskError(problem)
    if (breakout is None) != (height is None):
        raise RiskError(
            "A measured move needs both the breakout price and the height of the swing before it."
        )
    risk, name = abs(e - at), "resistance" if s > 0 else "support"
    found: list[tuple[float, str, str]] = []
    ahead = [price for price in (_positive(value, "The level") for value in levels) if s * (price - e) > 0]
    if ahead:
        nearest = min(ahead, key=lambda price: abs(price - e))
        found.append((nearest, "level", f"next {name} at {wording.price(nearest, exact=True)}"))
    if breakout is not None and height is not None:
        price = measured_move(side, breakout, height)
        found.append(
            (
                price,
                "measured move",
                (
                    f"breakout {wording.price(breakout, exact=True)} and the height"
                    f" {wording.price(height, exact=True)} of the swing before it"
                ),
            )
        )
    for multiple in multiples:
        price = e + s * parse_number(multiple, "The R multiple") * risk
        found.append((price, "R multiple", f"{multiple:g} times the distance to the stop"))
    kept = [item for item in found if item[0] > 0 and s * (item[0] - e) > 0]
    return tuple(
        TargetSuggestion(price, kind, abs(price - e) / risk, f"{kind[:1].upper()}{kind[1:]}: {why}.")
        for price, kind, why in sorted(kept, key=lambda item: abs(item[0] - e))
    )


def measured_move(side: str, breakout: float, height: float) -> float:
    """`breakout + height` for a long, `breakout − height` for a short, in USD."""
    return _positive(breakout, "The breakout price") + sign(side) * _positive(
        height, "The height of the swing"
    )


def merge_bands(bands: Iterable[Band], gap: float = 0.0) -> tuple[Band, ...]:
    """Bands sorted and joined where they overlap or lie within `gap` USD of each other."""
    held = []
    for band in bands:
        if np.shape(band) != (2,):
            raise RiskError("A cluster must be given as (low, high) in USD.")
        held.append(sorted(parse_number(edge, "The edge of a cluster") for edge in band))
    pairs = np.array(held, dtype=float).reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    out: list[Band] = []
    for low, high in pairs.tolist():
        if out and low <= out[-1][1] + gap:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def band_at(price: float, bands: Iterable[Band]) -> Band | None:
    """The first band that holds the price, edges included, or None."""
    return next((band for band in bands if band[0] <= price <= band[1]), None)


def _positive(value: float, name: str) -> float:
    number = parse_number(value, name)
    if number <= 0:
        raise RiskError(f"{name} is {number:g}; it must be above zero USD.")
    return number
