"""The textbook formula with its maintenance term: entry·(1 ∓ (1/leverage − maintenance rate))."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import textbook
from liqcore.heat.models.model import Inputs, Levels


def levels(guesses: Assumptions) -> Levels:
    """Every leverage at the usual first-order formula; within a few USD of the exact price at high
    leverage."""
    leverage = np.asarray(guesses.leverages)
    distance = 1 / leverage - guesses.maintenance_margin_rate
    return Levels.of(leverage, 1 - distance, 1 + distance, np.asarray(guesses.taker_mix))


def flags(inputs: Inputs, guesses: Assumptions) -> tuple[str, ...]:
    """What the formula gets wrong, always said."""
    return (
        "Textbook formula with maintenance: nothing but price ever removes a level, so old ones pile up.",
    )


MODEL: Final = replace(
    textbook.MODEL,
    name="textbook-maintenance",
    title="Textbook formula with maintenance",
    words="Entry × (1 ∓ (1/leverage − maintenance)) for every trade; nothing but price removes a level.",
    source="The first-order formula 1 ∓ 1/leverage ± maintenance of many documentation pages.",
    place=3,
    reads=("taker_mix", "maintenance_margin_rate"),
    levels=levels,
    flags=flags,
)
