"""The field's terms in a sentence or two each, for tooltips and for one searchable list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True)
class Term:
    """One term, what it means, and other words people use for it.

    `new` terms are ones that nobody knows from elsewhere: a lesson explains them where they first stand.
    """

    name: str
    meaning: str
    also: tuple[str, ...] = ()
    new: bool = False


TERMS: Final = tuple(
    sorted(
        (
            Term(
                "liquidation",
                "A venue closes a position by force, because its margin no longer covers the losses.",
                ("forced close", "rekt"),
            ),
            Term(
                "long liquidation",
                "A long position is closed by force after a fall. Closing it is a sale.",
                ("longs liquidated",),
            ),
            Term(
                "short liquidation",
                "A short position is closed by force after a rise. Closing it is a purchase.",
                ("shorts liquidated",),
            ),
            Term("long", "A position that gains when price rises and loses when it falls.", ("buy side",)),
            Term("short", "A position that gains when price falls and loses when it rises.", ("sell side",)),
            Term(
                "leverage",
                "How many times larger a position is than the margin behind it. At ten times, a move of about"
                " ten percent uses the margin up.",
                ("gearing",),
            ),
            Term("margin", "The money that is set aside to cover the losses of a position.", ("collateral",)),
            Term(
                "maintenance margin",
                "The least margin a position must keep. When it has less, it is liquidated.",
                ("MMR",),
            ),
            Term(
                "liquidation price", "The mark price at which a position is closed by force.", ("liq price",)
            ),
            Term(
                "bankruptcy price",
                "The price at which a position has lost all of its margin. Some venues print it instead of"
                " the price that was paid.",
                (),
            ),
            Term(
                "mark price",
                "A fair price that a venue works out from several markets. It decides liquidations, not the"
                " last trade.",
                ("fair price",),
            ),
            Term("open interest", "How many contracts are open. Each has one long and one short.", ("OI",)),
            Term(
                "funding",
                "A payment between longs and shorts every few hours that keeps a contract near the price of"
                " the coin. When it is positive, longs pay.",
                ("funding rate",),
            ),
            Term(
                "notional",
                "The value of a position or an order in USD: quantity times price.",
                ("position value",),
            ),
            Term("venue", "The place where something trades, for instance one exchange.", ("exchange",)),
            Term("heat", "USD of liquidations in one cell of the map.", ("intensity",)),
            Term(
                "heatmap",
                "A picture of heat over time and price. Colour says how many USD are in a cell, by the scale"
                " beside it.",
                ("liquidation map",),
            ),
            Term(
                "realised map",
                "A map of liquidations that have happened.",
                ("realized", "realised"),
                new=True,
            ),
            Term(
                "modelled map",
                "A guess at where open positions would be liquidated, made from public data and assumptions.",
                ("modeled", "modelled", "estimated levels"),
                new=True,
            ),
            Term(
                "measured map",
                "A map of where publicly known positions would be liquidated. Few venues make theirs public.",
            ),
            Term(
                "price bin",
                "A slice of the price axis: the height of one cell. What falls into it is added up.",
                new=True,
            ),
            Term(
                "band", "A row of strong cells at about one price, over many columns.", ("bands",), new=True
            ),
            Term(
                "print", "One liquidation as a venue reports it: a line of its feed.", ("prints",), new=True
            ),
            Term(
                "Alder, Birch and other trees",
                "Venues of the made-up markets are named after trees, so that nobody takes them for real"
                " exchanges.",
                ("Alder", "Birch", "Cedar", "Dogwood", "Elm"),
                new=True,
            ),
            Term(
                "cluster",
                "A band of prices with much more heat than its surroundings. It is a place to watch, not a"
                " forecast.",
                ("hot band",),
                new=True,
            ),
            Term(
                "persistence",
                "The share of the last bars in which a cluster was hot.",
                ("persistent", "fleeting"),
            ),
            Term("level", "A price that somebody cares about.", ("line",)),
            Term("support", "A level from which price has turned up before.", ("floor",)),
            Term("resistance", "A level from which price has turned down before.", ("ceiling",)),
            Term("rejection", "A candle reaches beyond a level and closes back on its own side.", ("wick",)),
            Term(
                "recapture",
                "Price trades beyond a level and then closes back within a few bars.",
                ("reclaim",),
            ),
            Term("breakout", "A close clearly beyond a level, with more volume than usual.", ("break",)),
            Term("false breakout", "A breakout whose price soon closes back inside.", ("fakeout", "trap")),
            Term(
                "liquidity grab",
                "A short move through a level that sets off stops and liquidations, and then turns back.",
                ("stop hunt", "sweep"),
            ),
            Term(
                "short squeeze",
                "A rise in which forced purchases by shorts push the price further up, until no short is left"
                " there.",
                ("squeeze",),
            ),
            Term(
                "R",
                "The loss that was planned at the stop. A result of plus two R gained twice what was at"
                " risk.",
                ("R-multiple", "risk unit"),
                new=True,
            ),
            Term(
                "stop", "An order that closes a trade at a loss you chose before you entered.", ("stop-loss",)
            ),
            Term("slippage", "The difference between the price you expected and the price you got.", ()),
            Term("average true range", "How far price usually moves in one bar.", ("ATR",), new=True),
            Term(
                "base rate",
                "How often something happens anyway. A signal is worth only what it adds to that.",
                ("prior",),
            ),
            Term(
                "Brier score",
                "The mean squared error of forecasts given as probabilities. Zero is perfect, and always"
                " saying one half scores a quarter.",
                ("Brier",),
                new=True,
            ),
            Term("calibration", "Whether things you give thirty percent happen three times in ten.", ()),
            Term(
                "sampled feed",
                "A feed that leaves out part of the liquidations. Its totals are too small.",
                ("censored", "incomplete"),
            ),
        ),
        key=lambda term: term.name.lower(),
    )
)


def find_terms(text: str = "") -> tuple[Term, ...]:
    """Terms that hold every word of `text` in their name, other names or meaning; those named so come first.
    All for no text."""
    words = text.lower().split()
    found = [
        term
        for term in TERMS
        if all(word in f"{term.name} {' '.join(term.also)} {term.meaning}".lower() for word in words)
    ]
    return tuple(
        sorted(
            found,
            key=lambda term: not all(word in f"{term.name} {' '.join(term.also)}".lower() for word in words),
        )
    )


def meaning(name: str) -> str:
    """What a term means, by its name or another name for it, whatever the case; `KeyError` where it is not
    here."""
    wanted = name.strip().lower()
    for term in TERMS:
        if wanted in (term.name.lower(), *(other.lower() for other in term.also)):
            return term.meaning
    raise KeyError(name)


def mentions(text: str) -> tuple[tuple[int, int, Term], ...]:
    """Where terms are first mentioned in a text: (start, end, term) in order; of terms that begin together
    the longest.

    Plurals count. "Long" and "short" count only as "longs" and "shorts", "R" only behind a number, and of the
    other names only those that are no everyday words.
    """
    found: list[tuple[int, int, Term]] = []
    for match in _pattern().finditer(text):
        term = _written()[match.group(0).lower()]
        if all(term != other for _, _, other in found):
            found.append((match.start(), match.end(), term))
    return tuple(found)


def new_words(texts: Sequence[str]) -> tuple[tuple[Term, ...], ...]:
    """Of texts read in order, the `new` terms that each is the first to name."""
    known: set[str] = set()
    out = []
    for text in texts:
        found = [term for _, _, term in mentions(text) if term.new and term.name not in known]
        known |= {term.name for term in found}
        out.append(tuple(found))
    return tuple(out)


@cache
def _written() -> dict[str, Term]:
    """Terms by every way in which a text may name them, in lower case."""
    out: dict[str, Term] = {}
    for term in TERMS:
        plain = [
            term.name,
            *(other for other in term.also if term.new or " " in other or "-" in other or other.isupper()),
        ]
        out |= {f"{name.lower()}{plural}": term for name in plain for plural in ("", "s")}
    return {
        name: term for name, term in out.items() if name not in ("long", "short", "buy sides", "sell sides")
    }


@cache
def _pattern() -> re.Pattern[str]:
    names = [name for name in _written() if len(name) > 1 and name != "rs"]
    return re.compile(
        rf"\b(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\b|(?<=[\d.] )R\b",
        re.IGNORECASE,
    )
