"""One spelling for every amount, price, share, quantity, span and moment that a person reads.

Pure functions of what they are given: the current time is an argument (`now`), never a hidden clock. What a
machine reads (identifiers, file names, URLs, chart formats) is not written here, apart from `iso`. Numbers
that are missing, NaN or infinite read `–`; a number that rounds to zero has no sign.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd

__all__ = [
    "NOTHING",
    "adjective",
    "age",
    "apart",
    "clock",
    "count",
    "day",
    "decimal",
    "duration",
    "field",
    "file_mark",
    "file_size",
    "iso",
    "joined",
    "markdown",
    "name",
    "percent",
    "period",
    "price",
    "quantity",
    "r_multiple",
    "sentence_case",
    "share",
    "usd",
    "venue",
    "venues",
    "when",
    "whole",
]

NOTHING = "–"
"""What stands where a number is not known."""

Moment = datetime | np.datetime64 | str | None
Span = np.timedelta64 | pd.Timedelta | float

_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_LENGTHS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
# What Markdown reads as more than text: how writing turns, what a backslash takes the meaning from, and what
# Streamlit finds in text whatever stands before it (icons, emoji, addresses).
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SIGNS = re.compile(r"(\\*)([\[\]`<$]|&(?=#?\w+;))")
_HEADING = re.compile(r"(?m)^(\s{0,3})(#{1,6}(?=\s)|>)")
_FOUND_LATER = re.compile(r":(?=[a-z:+\-]|//)|\bwww(?=\.)|(?<=[\w.+\-])@(?=[\w\-])", re.IGNORECASE)
_EMPHASIS = re.compile(r"(?<!\\)[*_~]")
_JOINER = "\u2060"
_ANGLES = re.compile(r"<(?=\S)|(?<=\S)>")
_CALLS = re.compile(rf"[@!](?!{_JOINER}|\s|$)|\](?=\()|:(?=//)|\bwww(?=\.)", re.IGNORECASE)
_ACRONYMS = {"macd": "MACD", "rsi": "RSI", "cvd": "CVD", "atr": "ATR"}


def usd(value: float, *, signed: bool = False) -> str:
    """An amount of money: `$1.50M`, `−$2.50k`, `$950`, `$25`, `$0.25`; with `signed`, gains get a plus.

    Three digits with k, M, B or T; below $100 to the cent, so that a small account's loss is not `$0`.
    """
    size = abs(value)
    if not math.isfinite(size):
        return NOTHING
    rounded = round(size, 2) if size < 100 else float(f"{size:.2e}")
    unit, letter = next(((unit, letter) for unit, letter in _UNITS if rounded >= unit), (1.0, ""))
    scaled = rounded / unit
    cents = 0 if scaled == int(scaled) else 2
    digits = max(0, 2 - math.floor(math.log10(scaled))) if letter else cents
    return f"{_sign(value if rounded else 0.0, signed)}${scaled:,.{digits}f}{letter}"


def price(value: float | None, *, digits: int | None = None, exact: bool = False) -> str:
    """A price: `$28,000`, `$950.50`, `$0.5123`; `digits` fixes the decimals, as on a fine axis.

    Whole dollars from $1,000 (with `exact`, as an order needs it, the cents as well), cents from $1, four
    digits below.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if digits is None:
        if size == int(size) or (size >= 999.995 and not exact):
            digits = 0
        else:
            digits = 2 if size >= 1 else 3 - math.floor(math.log10(size))
    text = f"{size:,.{digits}f}"
    return f"{_sign(value if float(text.replace(',', '')) else 0.0)}${text}"


def percent(
    part: float | None, *, digits: int | None = None, signed: bool = False, exact: bool = False
) -> str:
    """A fraction in per cent: 0.45 is `45 %`, 0.0042 is `0.42 %`, −0.012 is `−1.2 %`.

    Two digits that matter, unless `digits` fixes the decimals (for numbers that stand under each other) or
    `exact` keeps all that somebody set (up to six digits, no trailing zeros).
    """
    if part is None or not math.isfinite(part):
        return NOTHING
    size = 100 * abs(part)
    if exact:
        text = _plain(float(f"{size:.6g}"))
    elif digits is not None:
        text = f"{size:,.{digits}f}"
    else:
        text = f"{size:,.0f}" if size >= 9.95 else _plain(float(f"{size:.2g}"))
    return f"{_sign(part if _not_zero(text) else 0.0, signed)}{text} %"


def share(part: float, total: float) -> str:
    """A part of a total in per cent; `under 1 %` and `over 99 %` where rounding would say none or all."""
    if not (math.isfinite(part) and math.isfinite(total)):
        return NOTHING
    if total <= 0 or part <= 0:
        return "0 %"
    percents = 100 * part / total
    if percents < 1:
        return "under 1 %"
    return "over 99 %" if 99.5 <= percents < 100 else f"{percents:.0f} %"


def apart(part: float, atrs: float | None = None) -> str:
    """A distance in prices: `0.42 %`, and `0.42 % (1.3 ATR)` where the usual range of a bar is known."""
    return percent(part) if atrs is None else f"{percent(part)} ({decimal(atrs, 1)} ATR)"


def decimal(value: float | None, digits: int | None = None, *, signed: bool = False) -> str:
    """A number without a unit: `2.5`, `−0.31`, `1,234.5`; three digits that matter unless `digits` is
    given."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if digits is not None:
        text = f"{size:,.{digits}f}"
    else:
        text = f"{size:,.0f}" if size >= 999.5 else _plain(float(f"{size:.3g}"))
    return f"{_sign(value if _not_zero(text) else 0.0, signed)}{text}"


def whole(value: float) -> str:
    """A whole number: `1,234`."""
    return decimal(value, 0)


def r_multiple(value: float | None, *, signed: bool = True) -> str:
    """Multiples of the risk: a result, `+2.00 R` or `−1.00 R`; a ratio that is never lost has no sign."""
    return NOTHING if value is None or not math.isfinite(value) else f"{decimal(value, 2, signed=signed)} R"


def quantity(btc: float | None, *, signed: bool = False, exact: bool = False) -> str:
    """An amount of bitcoin: `0.125 BTC`, `12.3 BTC`, `4,560 BTC`; `exact` keeps what an order needs."""
    if btc is None or not math.isfinite(btc):
        return NOTHING
    if exact:
        text = _plain(float(f"{abs(btc):.8f}"))
        return f"{_sign(btc if _not_zero(text) else 0.0, signed)}{text} BTC"
    return f"{decimal(btc, signed=signed)} BTC"


def count(many: int, thing: str, plural: str = "") -> str:
    """`1 bar`, `3 bars`, `1,200 exact copies`."""
    return f"{whole(many)} {thing if many == 1 else plural or thing + 's'}"


def file_size(many: float) -> str:
    """Bytes in steps of 1,024, as file managers count them: `800 B`, `12 kB`, `3.4 MB`."""
    for size, unit in ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB")):
        if many >= size:
            return (
                f"{many / size:,.0f} {unit}"
                if many >= 10 * size
                else f"{_plain(round(many / size, 1))} {unit}"
            )
    return f"{many:,.0f} B"


def duration(length: Span, units: int = 2) -> str:
    """A length of time (a number is in seconds) in its largest units: `3 h 20 min`, `2 d`, `45 s`, `0.4
    s`."""
    seconds = _seconds(length)
    if not math.isfinite(seconds):
        return NOTHING
    sign, size = _sign(seconds), abs(seconds)
    if size < 9.95 and size != int(size):
        return f"{sign if round(size, 1) else ''}{_plain(round(size, 1))} s"
    first = _largest(round(size))
    last = min(first + units - 1, len(_LENGTHS) - 1)
    left = round(size / _LENGTHS[last][0]) * _LENGTHS[last][0]
    first = min(first, _largest(left))
    parts = []
    for per, unit in _LENGTHS[first : first + units]:
        many, left = divmod(left, per)
        if many:
            parts.append(f"{many:,} {unit}")
    return sign + " ".join(parts) if parts else "0 s"


def age(moment: Moment, now: Moment) -> str:
    """How old something is, in one unit: `40 s`, `3 min`, `2 h`, `5 d`. The future is `0 s` old."""
    seconds = (_utc(now) - _utc(moment)).total_seconds()
    for per, unit in _LENGTHS[:-1]:
        if seconds >= 2 * per:
            return f"{seconds / per:,.0f} {unit}"
    return NOTHING if math.isnan(seconds) else f"{max(seconds, 0.0):.0f} s"


def adjective(length: Span) -> str:
    """A length of time before a noun: `15-minute`, `4-hour`, `1-day`."""
    seconds = _seconds(length)
    for per, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= per and seconds % per == 0:
            return f"{seconds / per:,.0f}-{unit}"
    return f"{_plain(seconds / 60)}-minute" if seconds >= 60 else f"{_plain(seconds)}-second"


def when(moment: Moment, now: Moment | None = None, *, seconds: bool = False) -> str:
    """A moment: `Apr 20, 00:00 UTC`, and `Apr 20, 2024, 00:00 UTC` where the year is not the one of `now`.

    Without `now` the year is always said.
    """
    text = day(moment, now)
    return text if text == NOTHING else f"{text}, {clock(moment, seconds=seconds)} UTC"


def day(moment: Moment, now: Moment | None = None) -> str:
    """A date: `Apr 20`, or `Apr 20, 2024` where the year is not the one of `now`."""
    time = _utc(moment)
    if pd.isna(time):
        return NOTHING
    same = now is not None and _utc(now).year == time.year
    return f"{time:%b %d}" if same else f"{time:%b %d, %Y}"


def clock(moment: Moment, *, seconds: bool = False) -> str:
    """The time of day in UTC on 24 hours: `14:30` or `14:30:05`."""
    time = _utc(moment)
    return NOTHING if pd.isna(time) else f"{time:%H:%M:%S}" if seconds else f"{time:%H:%M}"


def period(start: Moment, end: Moment, now: Moment | None = None) -> str:
    """From one moment to another: `Apr 20, 00:00 to Apr 22, 12:00 UTC`."""
    if pd.isna(_utc(start)) or pd.isna(_utc(end)):
        return NOTHING
    return f"{when(start, now).removesuffix(' UTC')} to {when(end, now)}"


def iso(moment: Moment) -> str:
    """A moment for a machine, in UTC and to the second: `2026-03-01T14:30:00Z`."""
    return f"{_utc(moment):%Y-%m-%dT%H:%M:%SZ}"


def file_mark(moment: Moment) -> str:
    """A moment in the name of a file: `20260420-0000`."""
    return f"{_utc(moment):%Y%m%d-%H%M}"


def field(value: float) -> str:
    """A number as a form's field keeps it and `parse_number` reads it back: `28,000`, `0.00125`."""
    return f"{value:,.10g}"


def joined(items: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


# Data and addresses say `binance-coin`; people say this. A test holds them to the files of the venues.
_VENUES: Final = {
    "binance": "Binance",
    "binance-coin": "Binance COIN-M",
    "coinex": "CoinEx",
    "dydx": "dYdX",
    "htx": "HTX",
    "kraken": "Kraken Futures",
    "okx": "OKX",
    **{
        name: name.capitalize()
        for name in ("aster", "bitfinex", "bitget", "bybit", "deribit", "gate", "hyperliquid", "lighter")
    },
}


def venue(name: object) -> str:
    """A venue as people call it; one nobody here knows as its data calls it.

    Files say "Binance" of all its contracts together, so nothing is added to it here.
    """
    return _VENUES.get(str(name), str(name))


def venues(names: Iterable[object]) -> list[str]:
    """Venues as people call them."""
    return [venue(name) for name in names]


def sentence_case(text: str) -> str:
    """The first letter large, and abbreviations as they are written."""
    for said, written in _ACRONYMS.items():
        text = re.sub(rf"\b{said}\b", written, text)
    return text[:1].upper() + text[1:]


def letter(text: str) -> str:
    """A text for services that others run, whatever names from outside stand in it: nobody is called by it
    (`@everyone`, `<!channel>`), and neither a link nor HTML comes of it."""
    text = "".join(one for one in _TURNS.sub("", text) if one == "\n" or one.isprintable() or one == _JOINER)
    # An empty sign does not part what stands between angle brackets: Apprise looks for calls there itself.
    return _CALLS.sub(rf"\g<0>{_JOINER}", _ANGLES.sub(lambda found: "‹›"[found[0] == ">"], text))


def markdown(text: str) -> str:
    """A sentence safe to show as Markdown, whatever names from outside it holds; twice does what once does.

    Formulas, links, pictures, code, HTML, headings, colours, icons and addresses in it are shown as they are
    written; marks that turn the direction of writing go. Emphasis (`*`) and lists stay, for sentences of our
    own.
    """
    text = _TURNS.sub("", text)
    # An odd number of backslashes before a sign is one that takes its meaning away already.
    text = _SIGNS.sub(lambda found: found[0] if len(found[1]) % 2 else f"{found[1]}\\{found[2]}", text)
    text = _HEADING.sub(r"\1\\\2", text)
    # Streamlit looks for these in the finished text, where a backslash is gone; an empty sign parts them.
    return _FOUND_LATER.sub(rf"\g<0>{_JOINER}", text)


def name(text: str) -> str:
    """A name from outside in a sentence that is shown as Markdown: as `markdown`, and no emphasis either."""
    return _EMPHASIS.sub(r"\\\g<0>", markdown(text))


def _sign(value: float, signed: bool = False) -> str:
    return "−" if value < 0 else "+" if signed and value > 0 else ""


def _plain(size: float) -> str:
    """A number without trailing zeros and without an exponent."""
    text = f"{size:,.10f}".rstrip("0").rstrip(".")
    return text or "0"


def _not_zero(text: str) -> bool:
    return bool(re.search("[1-9]", text))


def _largest(seconds: float) -> int:
    """Which unit a length is said in first."""
    return next((at for at, (per, _) in enumerate(_LENGTHS) if seconds >= per), len(_LENGTHS) - 1)


def _seconds(length: Span) -> float:
    if isinstance(length, np.timedelta64 | pd.Timedelta):
        return float(pd.Timedelta(length).total_seconds())
    return float(length)


def _utc(moment: Moment) -> pd.Timestamp:
    """A moment in UTC; what has no zone is taken for UTC."""
    time = pd.Timestamp(moment)  # type: ignore[arg-type]
    if pd.isna(time):
        return time
    return time.tz_convert("UTC") if time.tzinfo else time.tz_localize("UTC")
