"""The textbook formula: entry·(1 ∓ 1/leverage) for every taker trade, crossed by price and never closed."""

from __future__ import annotations

from typing import Final

import numpy as np

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models.model import Inputs, Levels, Model, Steps
from liqcore.margins import bankruptcy_price


def levels(guesses: Assumptions) -> Levels:
    """Every leverage at the price where its own margin is used up."""
    leverage = np.asarray(guesses.leverages)
    return Levels.of(
        leverage,
        bankruptcy_price("long", 1.0, leverage),
        bankruptcy_price("short", 1.0, leverage),
        np.asarray(guesses.taker_mix),
    )


def steps(inputs: Inputs, guesses: Assumptions) -> Steps:
    """Every taker buy opens a long at the close, every taker sell a short; nothing ever closes."""
    count = len(inputs.close)
    unknown = np.full(count, np.nan)
    return Steps(
        long=(inputs.volume * inputs.taker)[:, None],
        short=(inputs.volume * (1 - inputs.taker))[:, None],
        low=inputs.close,
        high=inputs.close,
        kernel=np.array([0.5]),
        closed=np.zeros(count),
        before=unknown,
        after=unknown,
        fade=np.ones(count),
    )


def flags(inputs: Inputs, guesses: Assumptions) -> tuple[str, ...]:
    """What the formula gets wrong, always said."""
    return (
        (
            "Textbook formula: levels stand at the bankruptcy price, too far away, and nothing but price ever"
            " removes them."
        ),
    )


MODEL: Final = Model(
    name="textbook",
    title="Textbook formula",
    words="Entry × (1 ∓ 1/leverage) for every trade; nothing but price ever removes a level.",
    source="The bankruptcy price 1 ∓ 1/leverage that many published scripts take for the liquidation price.",
    place=1,
    reads=("taker_mix",),
    needs="volume",
    levels=levels,
    steps=steps,
    flags=flags,
)
