"""A family of worlds that differ in what nobody knows about a real market's traders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from liqcore.lab.draws import uniforms
from liqcore.lab.world import REGIMES, Regime

_STREAM: Final = 1_000


@dataclass(frozen=True)
class Ranges:
    """Between which values the worlds of a family lie (see `Regime` for what each one is)."""

    lifetime_exponent: tuple[float, float] = (0.0, 0.7)
    holding: tuple[float, float] = (900.0, 2_400.0)
    cross_share: tuple[float, float] = (0.2, 0.8)
    leverage_tilt: tuple[float, float] = (-0.4, 0.4)
    flow_law: tuple[float, float] = (1.3, 1.8)
    churn: tuple[float, float] = (1.5, 4.5)
    impact: tuple[float, float] = (0.0, 4.0e-6)


def family(count: int, seed: int = 1, ranges: Ranges | None = None) -> list[Regime]:
    """So many regimes, calm and violent in turn, each setting drawn evenly from its range.

    Give them to `simulate(regime=...)`. The first worlds stay the same when more are asked for.
    """
    spans = vars(ranges or Ranges())
    out = []
    for number in range(count):
        preset = list(REGIMES.values())[number % len(REGIMES)]
        drawn = uniforms(seed, (_STREAM, number), len(spans)).tolist()
        values = {
            name: round(low + part * (high - low), 9)
            for (name, (low, high)), part in zip(spans.items(), drawn, strict=True)
        }
        out.append(replace(preset, name=f"{preset.name} world {number + 1}", **values))
    return out
