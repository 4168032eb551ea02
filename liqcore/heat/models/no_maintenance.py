"""The flow identity without maintenance margin: what a map looks like whose levels stand at bankruptcy."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models import flow_identity
from liqcore.heat.models.model import Inputs, Levels


def levels(guesses: Assumptions) -> Levels:
    """Every leverage at the price where its margin is used up, isolated."""
    return flow_identity.levels(
        replace(
            guesses, maintenance_margin_rate=0.0, fee_rate=0.0, margin_multiples=(1.0,), margin_weights=(1.0,)
        )
    )


def flags(inputs: Inputs, guesses: Assumptions) -> tuple[str, ...]:
    """What the flow identity says is missing, and what this model leaves out."""
    return (
        "No maintenance margin: levels stand at the bankruptcy price, further away than venues liquidate.",
        *flow_identity.flags(inputs, guesses),
    )


MODEL: Final = replace(
    flow_identity.MODEL,
    name="no-maintenance",
    title="Flow identity, no maintenance",
    words="The flow identity with levels at 1 ∓ 1/leverage of the entry, as if venues waited for bankruptcy.",
    source=(
        "Openings and closings as in the flow identity; the bankruptcy price of isolated margin that several"
        " published maps draw."
    ),
    place=2,
    reads=(
        "taker_mix",
        "maker_mix",
        "holding_hours",
        "lifetime_exponent",
        "churn",
        "entry_points",
        "funding_tilt",
    ),
    levels=levels,
    flags=flags,
)
