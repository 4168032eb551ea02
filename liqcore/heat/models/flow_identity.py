"""The flow identity: what opened and closed in a candle follows from its volume and its open interest.

In every candle buys = sells = V and both sides of open interest change alike, so that gross opens are
V + ΔOI and gross closes V − ΔOI, half on each side. Opened quantity is spread over leverage by who was the
aggressor, over entries by the candle's range, and stands at its liquidation price until price crosses it or
its share of the closes takes it away.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from liqcore import tables, wording
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.models.model import Inputs, Levels, Model, Steps
from liqcore.margins import liquidation_price

# What remains of the volume after churn where open interest cannot calibrate it.
_DEFAULT_CHURN: Final = 0.5


def levels(guesses: Assumptions) -> Levels:
    """Every leverage with every margin multiple, at the exact liquidation price of both."""
    leverage = np.tile(np.asarray(guesses.leverages), len(guesses.margin_multiples))
    margin = np.repeat(np.asarray(guesses.margin_multiples), len(guesses.leverages)) / leverage
    longs, shorts = (
        liquidation_price(
            side, 1.0, None, guesses.maintenance_margin_rate, wallet_balance=margin, fee_rate=guesses.fee_rate
        )
        for side in tables.SIDES
    )
    weights = np.asarray(guesses.margin_weights)
    mixes = np.stack(
        [np.outer(weights, np.asarray(mix)).ravel() for mix in (guesses.taker_mix, guesses.maker_mix)]
    )
    return Levels.of(leverage, longs, shorts, mixes, guesses.hazard(leverage))


def steps(inputs: Inputs, guesses: Assumptions) -> Steps:
    """Gross opens and closes by the identity, split over the mixes by who was the aggressor."""
    lasting = inputs.volume * _lasting_share(inputs, guesses)
    opened = np.maximum((lasting + inputs.change) / 2, np.maximum(inputs.change, 0.0))
    takers = (
        _tilted(inputs.taker, np.maximum(inputs.tilt, 0.0)),
        _tilted(1 - inputs.taker, np.maximum(-inputs.tilt, 0.0)),
    )
    long, short = (np.stack([opened * share, opened * (1 - share)], axis=1) for share in takers)
    closes_at = inputs.closes_at
    return Steps(
        long=long,
        short=short,
        low=inputs.low,
        high=inputs.high,
        kernel=guesses.entry_kernel,
        closed=np.maximum(opened - inputs.change, 0.0),
        before=inputs.before,
        after=inputs.interest,
        # Levels fade through holes between candles too.
        fade=np.exp(-np.diff(closes_at, prepend=closes_at[0] - inputs.step) / 3.6e9 / guesses.holding_hours),
    )


def flags(inputs: Inputs, guesses: Assumptions) -> tuple[str, ...]:
    """What is missing or old, and what is assumed instead."""
    said, interest, old, volume = ([], inputs.known_interest, inputs.stale_interest, inputs.known_volume)
    if not interest.any():
        said.append(
            "No open interest was given, so levels fade with an assumed holding time of"
            f" {guesses.holding_hours:g} hours."
        )
    elif not interest.all():
        said.append(
            f"Open interest is missing for {wording.percent(1 - interest.mean())} of the candles; levels fade"
            " by assumption there."
        )
    if old.any():
        said.append(
            f"Open interest is out of date for {wording.percent(old.mean())} of the candles; its last value"
            " is carried on there."
        )
    if inputs.late_interest:
        said.append(
            f"Open interest of {', '.join(inputs.late_interest)} begins later than the rest and enters there"
            " as a step."
        )
    if not volume.any():
        said.append("No volume was given, so only growth of open interest opens positions.")
    elif not inputs.known_split[volume].any():
        said.append("No taker volume was given, so longs and shorts get the same leverage mix.")
    return tuple(said)


def _lasting_share(inputs: Inputs, guesses: Assumptions) -> np.ndarray:
    """Share of the volume that opens or closes something lasting, from what was known at each candle.

    With open interest and no stated churn it is set so that open interest turns over once in
    `holding_hours`: each side closes half the lasting volume.
    """
    volume, known = inputs.volume, inputs.known_interest
    if guesses.churn is not None:
        return np.full(len(volume), 1 - guesses.churn)
    seen = np.maximum(np.cumsum(known), 1)
    mean_interest = np.cumsum(np.where(known, inputs.interest, 0.0)) / seen
    mean_volume = np.cumsum(volume) / np.arange(1, len(volume) + 1)
    hours = inputs.step / 3.6e9
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 2 * mean_interest * hours / (guesses.holding_hours * mean_volume)
    return np.where(known & np.isfinite(share), np.clip(share, 0.0, 1.0), 1 - _DEFAULT_CHURN)


def _tilted(share: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The share with its odds multiplied by exp(shift)."""
    raised = share * np.exp(shift)
    return raised / (raised + 1 - share)


MODEL: Final = Model(
    name="flow-identity",
    title="Flow identity",
    words="Buys, sells and the change of open interest say how much opened and closed on both sides.",
    source=(
        "Every contract has one long and one short, so a candle's gross opens are V + ΔOI and its gross"
        " closes"
        " V − ΔOI. Levels by the isolated-margin identity of liqcore.margins."
    ),
    place=0,
    reads=(
        "taker_mix",
        "maker_mix",
        "margin_multiples",
        "maintenance_margin_rate",
        "holding_hours",
        "lifetime_exponent",
        "churn",
        "entry_points",
        "funding_tilt",
    ),
    needs="either",
    levels=levels,
    steps=steps,
    flags=flags,
)
