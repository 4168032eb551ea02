"""A level with the clusters and key levels around it as text that fits into a link, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from liqcore.risk.numbers import RiskError, parse_number

MOST: Final = 24


@dataclass(frozen=True)
class Zone:
    """A cluster handed over: the side it would close, its lowest and highest price in USD, and its USD."""

    side: str
    low: float
    high: float
    notional: float


def write_zones(zones: Iterable[Zone]) -> str:
    """`low:high:side:usd` for each, semicolons between, largest first: `27900:28050:short:1200000`."""
    chosen = sorted(zones, key=lambda zone: -zone.notional)[:MOST]
    return ";".join(f"{zone.low:.6g}:{zone.high:.6g}:{zone.side}:{zone.notional:.4g}" for zone in chosen)


def read_zones(text: str) -> tuple[tuple[Zone, ...], tuple[str, ...]]:
    """The zones of such a text, and a sentence for each part that is none."""
    zones: list[Zone] = []
    problems: list[str] = []
    for part in [piece.strip() for piece in text.split(";") if piece.strip()][: MOST * 4]:
        try:
            zones.append(_zone(part))
        except RiskError as problem:
            problems.append(str(problem))
    if len(zones) > MOST:
        problems.append(
            f"Only the first {MOST} of {len(zones)} clusters are used. Remove some to see the others."
        )
    return tuple(zones[:MOST]), tuple(problems[:5])


def _zone(part: str) -> Zone:
    wrong = (
        f"The cluster {part[:40]!r} cannot be read. Write it as low:high:side:usd, for instance"
        " 27900:28050:short:1200000."
    )
    pieces = part.split(":")
    if len(pieces) != 4 or pieces[2].strip().lower() not in ("long", "short"):
        raise RiskError(wrong)
    try:
        low, high, usd = (parse_number(pieces[k], "A cluster's number") for k in (0, 1, 3))
    except RiskError:
        raise RiskError(wrong) from None
    if not (0 < low < high < 1e9 and 0 <= usd < 1e13 and math.isfinite(usd)):
        raise RiskError(wrong)
    return Zone(pieces[2].strip().lower(), low, high, usd)
