"""Numbers as the sentences of a reading write them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore.market.candles import spoken
from liqcore.market.rules import usd

__all__ = [
    "apart",
    "count",
    "duration",
    "joined",
    "moment",
    "money",
    "number",
    "sentence_case",
    "spoken",
    "stamp",
    "usd",
]


def money(amount: float) -> str:
    """USD in three digits: $950, $12.3k, $4.56M, $1.2bn."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if amount >= size * 0.9995:
            return f"${amount / size:.3g}{unit}"
    return f"${amount:.0f}"


def number(value: object) -> float | None:
    """A finite float, or None for what is missing, NaN or infinite."""
    if value is None:
        return None
    out = float(value)  # type: ignore[arg-type]
    return out if np.isfinite(out) else None


def stamp(time: object) -> str:
    """A moment as ISO text in UTC, to the second: `2026-03-01T14:30:00Z`."""
    return f"{_utc(time):%Y-%m-%dT%H:%M:%SZ}"


def moment(time: object) -> str:
    """A moment for a sentence: `2026-03-01 14:30 UTC`."""
    return f"{_utc(time):%Y-%m-%d %H:%M} UTC"


def _utc(time: object) -> pd.Timestamp:
    made = pd.Timestamp(time)  # type: ignore[arg-type]
    return made.tz_convert("UTC") if made.tzinfo else made


def duration(length: np.timedelta64) -> str:
    """A length of time in its two largest units: `2 d 3 h`, `45 min`."""
    return " ".join(spoken(int(length.astype("timedelta64[us]").astype("int64"))).split()[:4])


def apart(share: float, atr: float | None, price: float) -> str:
    """A distance in per cent and, where the usual range is known, in ATR: `0.42% (1.3 ATR)`."""
    return f"{share:.2%} ({share * price / atr:.1f} ATR)" if atr else f"{share:.2%}"


def count(many: int, thing: str, plural: str = "") -> str:
    """`1 bar`, `3 bars`."""
    return f"{many:,} {thing if many == 1 else plural or thing + 's'}"


def sentence_case(text: str) -> str:
    """The first letter large, and abbreviations as they are written."""
    out = text.replace("macd", "MACD").replace("rsi ", "RSI ").replace("cvd", "CVD")
    return out[:1].upper() + out[1:]


def joined(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
