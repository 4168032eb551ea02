"""A level with the clusters and key levels around it as text that fits into a link, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from liqcore import wording
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
    return ";".join(f"{zone.low:.8g}:{zone.high:.8g}:{zone.side}:{round(zone.notional)}" for zone in chosen)


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


def plan_link(
    entry: float,
    price: float,
    atr: float,
    *,
    stop: float | None = None,
    target: float | None = None,
    zones: Sequence[Zone] = (),
    lines: Sequence[float] = (),
) -> dict[str, str]:
    """The fields of the risk page for a trade at a price, by their names in its address.

    A stop or a target that is given tells the direction; else an entry below the market's `price` is one to
    buy at, one above it to sell at. A stop that is not given lies one hourly `atr` (USD) beyond the entry,
    and beyond the cluster that it stands in; targets lie 2 and 3.5 such distances off.
    """
    falls = (entry > price, stop is not None and stop > entry, target is not None and target < entry)
    s = -1.0 if falls[2 if target is not None else 1 if stop is not None else 0] else 1.0
    held = [zone for zone in zones if zone.low <= entry <= zone.high]
    edge = min((s * (zone.low if s > 0 else zone.high) for zone in held), default=s * entry)
    away = max(s * entry - edge + 0.25 * atr * bool(held), atr) if stop is None else abs(entry - stop)
    goals = [entry + s * far * away for far in (2.0, 3.5)] if target is None else [target]
    digits = 0 if entry >= 1_000 else 3 - math.floor(math.log10(entry))

    def told(at: float) -> str:
        return wording.field(round(at, digits))

    # What the page would start with anyway stays out: it would rewrite its address, and Back would stop
    # there.
    said = {
        "entry": told(entry),
        "direction": "short" if s < 0 else "",
        "stop": told(entry - s * away),
        "targets": "; ".join(told(goal) for goal in goals if goal > 0),
        "zones": write_zones(zones),
        "lines": "; ".join(wording.field(line) for line in lines),
    }
    return {name: text for name, text in said.items() if text}
