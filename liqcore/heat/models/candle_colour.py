"""Candle colour × ΔOI: what many published scripts do with open interest.

Where open interest grows in a candle, all of the growth is taken for longs if the candle closed up and for
shorts if it closed down; where it shrinks, both sides lose the same share.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liqcore import wording
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import textbook_maintenance
from liqcore.heat.models.model import Inputs, Model, Steps


def steps(inputs: Inputs, guesses: Assumptions) -> Steps:
    """Growth opens one side at the close; shrinkage closes its share of both."""
    grown = np.maximum(inputs.change, 0.0)
    up = inputs.close >= inputs.open
    return Steps(
        long=np.where(up, grown, 0.0)[:, None],
        short=np.where(up, 0.0, grown)[:, None],
        low=inputs.close,
        high=inputs.close,
        kernel=np.array([0.5]),
        closed=np.maximum(-inputs.change, 0.0),
        before=inputs.before,
        after=inputs.interest,
        fade=np.ones(len(inputs.close)),
    )


def flags(inputs: Inputs, guesses: Assumptions) -> tuple[str, ...]:
    """What the recipe gets wrong, always said, and where it knows nothing."""
    said = [
        "Candle colour × ΔOI: every contract has one long and one short, so growth opens both sides alike,"
        " whatever the candle's colour."
    ]
    if not inputs.known_interest.all():
        said.append(
            f"Open interest is missing for {wording.percent(1 - inputs.known_interest.mean())} of the"
            " candles; nothing opens or closes there."
        )
    return tuple(said)


MODEL: Final = Model(
    name="candle-colour",
    title="Candle colour × ΔOI",
    words="Growth of open interest opens longs in rising candles and shorts in falling ones, at the close.",
    source="The recipe of several published scripts, with the first-order formula of the liquidation price.",
    place=4,
    reads=("taker_mix", "maintenance_margin_rate"),
    needs="open interest",
    levels=textbook_maintenance.levels,
    steps=steps,
    flags=flags,
)
