"""What a symbol names: bitcoin or another coin, priced in which money, perpetual, dated or an option.

The base is parsed and never searched for: BTCDOM, WBTC, AIXBT and names in other scripts are other coins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import pandas as pd

from liqcore.feeds.files.labels import recoded

DOLLARS: Final = (
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "PYUSD", "RLUSD", "USDE", "USD1", "USDP", "USTF0", "UST", "DAI", "USD"  # noqa: E501
)  # fmt: skip
_OTHER_MONEY: Final = "EUR|GBP|JPY|KRW|TRY|BRL|AUD|CAD|CHF|RUB|UAH|INR|IDR|ZAR|NGN|MXN|ARS|PLN|SGD|HKD|CNY|CNH|THB|VND|ETH|BNB|SOL|XAU"  # noqa: E501
_MONTHS: Final = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
# Letters of a month and two digits of a year (XBTZ24, BTCUSDM25), a day, or HTX's names of its quarters.
_EXPIRY: Final = rf"\d{{6}}|\d{{8}}|\d{{1,2}}(?:{_MONTHS})\d{{2}}|[FGHJKMNQUVXZ]\d{{2}}|[CN][WQ]"
_SYMBOL: Final = re.compile(
    rf"(?:P[IFV]_|F[IF]_|PERP_|CMT_)?(?P<base>BTC|XBT|BITCOIN)"
    rf"(?:[-_/]?(?P<quote>{'|'.join(DOLLARS)}|{_OTHER_MONEY}))?"
    rf"(?::(?P<settle>{'|'.join(DOLLARS)}|BTC|XBT))?"
    rf"(?:[-_.:]?(?:PERPETUAL|PERP|SWAP|UMCBL|DMCBL|CMCBL|SPBL|CM|M|P|INTX|FUTURES|SPOT)){{0,2}}"
    rf"(?:[-_]?(?P<expiry>{_EXPIRY}))?(?P<option>-\d+(?:\.\d+)?-[CP])?"
)
_VENUE_BEFORE: Final = re.compile(r"^(?!BTC|XBT)[A-Z][A-Z0-9_ .]*:(?=[A-Z])")
_VENUE_AFTER: Final = re.compile(r"\.[A-Z0-9_]+$")
_COINS: Final = (
    "ETH|BCH|BSV|SOL|XRP|DOGE|ADA|BNB|LTC|DOT|AVAX|LINK|TRX|MATIC|POL|TON|SHIB|UNI|ATOM|XLM|XMR|ETC|FIL|APT|ARB|OP"
    "|NEAR|ICP|SUI|PEPE|HYPE|WBTC|BTCDOM|BTCST|AIXBT|ORDI|TIA|INJ|AAVE|EOS|HBAR|ALGO|FTM|SAND|WIF|ENA|WLD|TRUMP"
)
_UNNAMED: Final = ("", "UNKNOWN", "ALL", "PERP", "NAN", "NONE")
_MARKET: Final = re.compile(
    rf"[A-Z0-9]{{2,15}}[-_/]?(?:{'|'.join(DOLLARS)})(?:[-_.:](?:PERP|SWAP|P|USDT|USDC|BTC|UMCBL|{_EXPIRY}))*"
)


@dataclass(frozen=True)
class Instrument:
    """A bitcoin contract: the money it is priced in (empty where the symbol does not say) and whether it
    ends."""

    quote: str
    dated: bool = False
    option: bool = False
    inverse: bool = False

    @property
    def in_dollars(self) -> bool:
        return self.quote in ("", *DOLLARS)


@lru_cache(maxsize=4096)
def bitcoin(symbol: str) -> Instrument | None:
    """The bitcoin contract that a symbol names, or None for anything else."""
    # Formulas in a label were disarmed with an apostrophe.
    text = symbol.strip().lstrip("'@=+-")
    if not text.isascii():
        return None
    # Bitfinex writes a small t before its own names; TBTC in capitals is another coin.
    text = re.sub(r"^t(?=BTC[F:U])", "", text).upper().replace(" ", "")
    if text in _UNNAMED:
        return Instrument("")
    if text in ("BTCF0:USTF0", "BTCF0USTF0"):
        return Instrument("USDT")
    text = _VENUE_BEFORE.sub("", text)
    found = _SYMBOL.fullmatch(text) or _SYMBOL.fullmatch(_VENUE_AFTER.sub("", text))
    if found is None:
        return None
    quote = (found["quote"] or "").replace("USTF0", "USDT")
    return Instrument(
        quote,
        dated=bool(found["expiry"]),
        option=bool(found["option"]),
        inverse=quote in ("USD", "")
        and found["settle"] in (None, "BTC", "XBT")
        and not text.startswith("PF_"),
    )


def is_bitcoin(symbol: str) -> bool:
    """True for bitcoin priced in dollars or a dollar coin."""
    found = bitcoin(symbol)
    return found is not None and not found.option and found.in_dollars


def kinds(values: pd.Series) -> pd.Series:
    """`bitcoin`, `dated`, `money` (bitcoin priced in other money) or `other` for each row; blanks are
    bitcoin."""
    words = values.astype("category")
    verdict = {word: _kind(str(word)) for word in words.cat.categories}
    return recoded(words, verdict, ("bitcoin", "dated", "money", "other"), empty="bitcoin")


def _kind(symbol: str) -> str:
    found = bitcoin(symbol)
    if found is None or found.option:
        return "other"
    if not found.in_dollars:
        return "money"
    return "dated" if found.dated else "bitcoin"


def looks_like_symbols(values: pd.Series) -> bool:
    """Whether a column of text holds market symbols, whatever it is called."""
    words = values.astype("category").cat.categories[:50]
    texts = [str(word).strip().upper() for word in words]
    return bool(texts) and all(text in _UNNAMED or is_market(text) for text in texts)


def is_market(word: str) -> bool:
    """Whether a word is the symbol of a market or the name of a coin, of bitcoin or another."""
    text = _VENUE_BEFORE.sub("", word.strip().upper())
    return (
        _MARKET.fullmatch(text) is not None
        or (bitcoin(text) is not None and text not in _UNNAMED)
        or is_known_coin(text)
    )


def is_known_coin(symbol: str) -> bool:
    """Whether a symbol's base is one of the larger coins besides bitcoin: a name alone may mean nothing."""
    return (
        re.match(rf"(?:1000)?(?:{_COINS})(?:[-_]|{'|'.join(DOLLARS)}|EUR|BTC|$)", symbol.upper()) is not None
    )


def is_money(word: str) -> bool:
    """Whether a word names what coins are priced in: a dollar, a dollar coin or other money."""
    return word.strip().upper() in (*DOLLARS, *_OTHER_MONEY.split("|"))


def named_by_file(name: str) -> tuple[str, ...]:
    """Market symbols in a file's name, in capitals: `BTC_USDT_USDT-5m-futures.feather` names BTC_USDT."""
    stem = re.sub(r"(?<=\D)(19|20)\d{2}([-_.]?\d{2}){0,2}.*$", "", name.upper())
    dollars = "|".join(DOLLARS)
    found = re.findall(
        rf"(?<![A-Z0-9])(?:[A-Z0-9]{{2,12}}?)[-_ ]?(?:{dollars}|{_OTHER_MONEY})(?:[-_]?(?:{dollars}))?"
        rf"(?:[-_.]?(?:PERP|SWAP|CM|\d{{6}})|M)?(?![A-Z])",
        stem,
    )
    return tuple(re.sub(rf"(?<=(?:USDT|USDC))[-_]?(?:{dollars})$", "", item) for item in found)
