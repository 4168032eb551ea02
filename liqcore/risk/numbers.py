"""Numbers as people type and paste them, or a sentence that says what is unclear."""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal
from numbers import Real
from typing import Final


class RiskError(ValueError):
    """An input to a risk calculation that cannot be used, said in one sentence a beginner can act on."""


_LONGEST: Final = 40
_OTHER_MONEY: Final = {"€": "euros", "£": "pounds", "¥": "yen", "₩": "won", "EUR": "euros", "GBP": "pounds"}
_UNIT_BEFORE = re.compile(r"^([+-]?)\s*(?:US\$|\$|USDT|USDC|USD|BTC|₿|≈|~)\s*", re.IGNORECASE)
_UNIT_AFTER = re.compile(r"\s*(?:US\$|\$|USDT|USDC|USD|BTC|₿|x|×)$", re.IGNORECASE)
_THOUSANDS = re.compile(r"^[0-9]{1,3}(?:([ '_,.])[0-9]{3})(?:\1[0-9]{3})*$")
_PLAIN = re.compile(r"^(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?$", re.IGNORECASE)
_MULTIPLE: Final = {"k": 1e3, "m": 1e6, "bn": 1e9}


def parse_number(value: object, name: str = "The number", *, percent: bool = False) -> float:
    """One number from a field: `$28,000`, `28 000`, `28.000,5`, `1,5`, `20x`, `28k` or a real number.

    A comma before exactly three digits groups thousands (28,000 is twenty-eight thousand), any other
    single comma is a decimal comma. A point before exactly three digits is refused where both readings
    make sense, because taking 28.000 for 28 would make a position a thousand times too large.

    Parameters
    ----------
    value : str or real number
    name : how the field is called in sentences
    percent : the field is a percentage; `1`, `1 %` and `1,0` all return the fraction 0.01

    Raises
    ------
    RiskError
        Empty, not a number, infinite, in another currency, or readable in two ways.
    """
    if value is None:
        raise RiskError(_empty(name))
    if isinstance(value, str):
        number = _from_text(value, name, percent)
    elif isinstance(value, Real | Decimal) and not isinstance(value, bool):
        number = _as_float(value, name)
    else:
        raise RiskError(f"{name} must be a number, not {type(value).__name__}. Type it like 28000 or 0.5.")
    if not math.isfinite(number):
        raise RiskError(f"{name} is not a finite number. Type it like 28000 or 0.5.")
    return number / 100.0 if percent else number


def _empty(name: str) -> str:
    return f"{name} is empty. Type a number such as 28000 or 0.5."


def _as_float(value: Real | Decimal, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise RiskError(f"{name} is too large. Type it like 28000 or 0.5.") from None


def _from_text(typed: str, name: str, percent: bool) -> float:
    text = _plain_characters(typed)
    if not text:
        raise RiskError(_empty(name))
    if len(text) > _LONGEST:
        raise RiskError(
            f"{name} is {len(text)} characters long, too long for a number. Type it like 28000 or 0.5."
        )
    for mark, money in _OTHER_MONEY.items():
        if mark in text.upper():
            raise RiskError(f"{name}: {text!r} is in {money}. Convert it and type the amount in USD.")
    if text.endswith("%"):
        if not percent:
            raise RiskError(
                f"{name}: {text!r} is a percentage, but this field takes a plain number. Type it without %."
            )
        text = text[:-1].rstrip()
    body = _UNIT_AFTER.sub("", _UNIT_BEFORE.sub(r"\1", text))
    sign = -1.0 if body.startswith("-") else 1.0
    body = body[1:].strip() if body[:1] in {"+", "-"} else body
    body, multiple = _multiple(body)
    number = _without_separators(body, text, name)
    if not _PLAIN.match(number):
        raise RiskError(f"{name}: {text!r} is not a number. Type it like 28000 or 0.5.")
    return sign * float(number) * multiple


def _plain_characters(typed: str) -> str:
    """Full-width and other digits, minus signs and blanks as plain ASCII ones."""
    text = unicodedata.normalize("NFKC", typed).replace("−", "-").replace("’", "'")
    text = "".join(str(unicodedata.decimal(char, char)) for char in text)
    return re.sub(r"\s+", " ", text).strip()


def _multiple(body: str) -> tuple[str, float]:
    for ending, factor in _MULTIPLE.items():
        if body.lower().endswith(ending) and body[: -len(ending)].rstrip()[-1:].isdigit():
            return body[: -len(ending)].rstrip(), factor
    return body, 1.0


def _without_separators(body: str, shown: str, name: str) -> str:
    """The same number with a decimal point and no grouping, or a sentence on what is unclear."""
    comma, point = body.rfind(","), body.rfind(".")
    if comma >= 0 and point >= 0:
        decimal = max(comma, point)
        whole, rest = body[:decimal], body[decimal + 1 :]
        if body[decimal] in whole or not _THOUSANDS.match(whole):
            raise RiskError(
                f"{name}: {shown!r} mixes commas and points in an unusual way. Type it without thousands"
                " separators, like 28000.5."
            )
        return f"{_ungroup(whole)}.{rest}"
    mark = "," if comma >= 0 else "."
    if body.count(mark) == 1:
        whole, rest = body.split(mark)
        groupable = len(rest) == 3 and rest.isdigit() and _could_lead(whole)
        if groupable and mark == ".":
            raise RiskError(
                f"{name}: {shown!r} can mean {_ungroup(whole)}{rest} or {_ungroup(whole)}.{rest}. "
                f"Type {_ungroup(whole)}{rest}, or {_ungroup(whole)}.{rest}0 with a fourth decimal."
            )
        if not groupable:
            if re.search(r"[ '_]", whole) and not _THOUSANDS.match(whole):
                raise RiskError(_bad_groups(name, shown))
            return f"{_ungroup(whole)}.{rest}"
    if re.search(r"[ '_,.]", body) and not _THOUSANDS.match(body):
        raise RiskError(_bad_groups(name, shown))
    return _ungroup(body)


def _could_lead(whole: str) -> bool:
    """Whether digits before one separator can be the first group of thousands: 28, but not 0 or 1234."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,2}", whole))


def _ungroup(text: str) -> str:
    return re.sub(r"[ '_,.]", "", text)


def _bad_groups(name: str, shown: str) -> str:
    return f"{name}: {shown!r} is not grouped in thousands. Type it without separators, like 28000."
