"""What a modelled heatmap must assume because nobody publishes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from liqcore import wording

LEVERAGES: Final = (2.0, 3.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0)


class AssumptionError(ValueError):
    """An assumption that makes no sense, in one sentence."""


@dataclass(frozen=True)
class Assumptions:
    """Every guess of the model in one place; change one with `dataclasses.replace`.

    Attributes
    ----------
    leverages : tiers of leverage, × of margin.
    taker_mix, maker_mix : share of the opened quantity in each tier, for positions opened by taking and
        by making liquidity. Takers are assumed to use more leverage. Each sums to 1.
    margin_multiples, margin_weights : how much margin really backs a position, in multiples of
        value / leverage, and which share of positions has it. More than 1 stands for cross margin and for
        margin that was added. Few values far apart leave gaps in the map that no market has.
    maintenance_margin_rate : share of the value that must remain as margin.
    fee_rate : closing fee that the venue adds to the maintenance rate.
    holding_hours : mean time a position stays open. It decides how much of the volume opens positions
        (with open interest), or how fast levels fade (without).
    lifetime_exponent : how much shorter positions of high leverage live: lifetimes go with leverage to the
        power −exponent, `holding_hours` on the average of what is opened; 0 lets all live equally long.
        Nobody publishes it. Over 24 simulated worlds that differ in it, and four where all live equally
        long, the default has the best worst world (`docs/honesty.md`).
    churn : share of the volume that opens and closes nothing lasting (market makers, round trips inside
        a candle); None derives it from `holding_hours` and open interest.
    entry_points : number of evenly spread entries inside a candle's range.
    funding_tilt : how strongly unusual funding shifts the paying side to the taker mix, 0 to 0.3; 0 is off.
    smoothing_bp : width in basis points by which the drawn map is blurred along price, because entries
        and rates are not known to a bin; 0 is off. USD is conserved.
    """

    leverages: tuple[float, ...] = LEVERAGES
    taker_mix: tuple[float, ...] = (0.10, 0.15, 0.22, 0.22, 0.10, 0.08, 0.07, 0.02, 0.04)
    maker_mix: tuple[float, ...] = (0.50, 0.30, 0.10, 0.05, 0.02, 0.01, 0.01, 0.00, 0.01)
    margin_multiples: tuple[float, ...] = (1.0, 1.2, 1.6, 2.4)
    margin_weights: tuple[float, ...] = (0.5, 0.2, 0.2, 0.1)
    maintenance_margin_rate: float = 0.005
    fee_rate: float = 0.0005
    holding_hours: float = 36.0
    lifetime_exponent: float = 0.5
    churn: float | None = None
    entry_points: int = 5
    funding_tilt: float = 0.0
    smoothing_bp: float = 0.0

    def __post_init__(self) -> None:
        for name in ("leverages", "taker_mix", "maker_mix", "margin_multiples", "margin_weights"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        count = len(self.leverages)
        if count == 0 or not all(1 <= leverage < float("inf") for leverage in self.leverages):
            raise AssumptionError("Leverages must be 1 or more.")
        for name, mix, length in (
            ("taker_mix", self.taker_mix, count),
            ("maker_mix", self.maker_mix, count),
            ("margin_weights", self.margin_weights, len(self.margin_multiples)),
        ):
            if len(mix) != length or min(mix) < 0 or not abs(sum(mix) - 1) <= 1e-6:
                raise AssumptionError(f"{name} needs {length} shares of 0 or more that sum to 1.")
        if not all(1 <= multiple < float("inf") for multiple in self.margin_multiples):
            raise AssumptionError(
                "margin_multiples must be 1 or more: nobody holds less than the initial margin."
            )
        if not 0 <= self.maintenance_margin_rate < 0.5 or not 0 <= self.fee_rate < 0.1:
            raise AssumptionError(
                "The maintenance margin rate must lie between 0 and 50 %, the fee rate between 0 and 10 %."
            )
        if not 0 < self.holding_hours < 24 * 365:
            raise AssumptionError("The holding time must be above zero and under a year.")
        if not 0 <= self.lifetime_exponent <= 1:
            raise AssumptionError("The exponent of lifetimes lies between 0 (equally long) and 1.")
        if self.churn is not None and not 0 <= self.churn < 1:
            raise AssumptionError("The churn is a share of the volume, from 0 to under 1.")
        if not 1 <= self.entry_points <= 50 or self.entry_points != int(self.entry_points):
            raise AssumptionError("entry_points is a whole number from 1 to 50.")
        if not 0 <= self.funding_tilt <= 0.3:
            raise AssumptionError("The funding tilt lies between 0 and 0.3.")
        if not 0 <= self.smoothing_bp <= 500:
            raise AssumptionError("The smoothing lies between 0 and 500 basis points.")

    @property
    def entry_kernel(self) -> np.ndarray:
        """(entry_points,) positions of entries in a candle's range, 0 at the low and 1 at the high."""
        return np.array([0.5]) if self.entry_points == 1 else np.linspace(0.1, 0.9, self.entry_points)

    def hazard(self, leverage: np.ndarray) -> np.ndarray:
        """How fast positions of each leverage are closed, as a multiple of 1/`holding_hours`.

        What takers and makers open on average lives `holding_hours`, whatever the exponent.
        """
        shape = np.asarray(self.leverages) ** -self.lifetime_exponent
        mean = float((np.asarray(self.taker_mix) + np.asarray(self.maker_mix)) @ shape) / 2
        return mean * np.asarray(leverage) ** self.lifetime_exponent

    def tilted(self, power: float) -> Assumptions:
        """The same with both mixes multiplied by leverage^power and made to sum to 1 again."""

        def shift(mix: tuple[float, ...]) -> tuple[float, ...]:
            weights = np.asarray(mix) * np.asarray(self.leverages) ** power
            return tuple(float(weight) for weight in weights / weights.sum())

        return replace(self, taker_mix=shift(self.taker_mix), maker_mix=shift(self.maker_mix))

    def describe(self, fields: Iterable[str] | None = None) -> dict[str, str]:
        """The assumptions in words, for a table beside the map; only those in `fields` where given."""

        def mix(weights: tuple[float, ...]) -> str:
            return ", ".join(
                f"{leverage:g}×: {wording.percent(weight)}"
                for leverage, weight in zip(self.leverages, weights, strict=True)
                if weight >= 0.005
            )

        rows = {
            "taker_mix": ("Leverage of takers", mix(self.taker_mix)),
            "maker_mix": ("Leverage of makers", mix(self.maker_mix)),
            "margin_multiples": (
                "Extra margin (cross)",
                ", ".join(
                    f"{wording.percent(w)} hold {m:g}×"
                    for m, w in zip(self.margin_multiples, self.margin_weights, strict=True)
                ),
            ),
            "maintenance_margin_rate": (
                "Maintenance margin",
                (
                    f"{wording.percent(self.maintenance_margin_rate)}, plus {wording.percent(self.fee_rate)}"
                    " closing fee"
                ),
            ),
            "holding_hours": ("Mean holding time", f"{self.holding_hours:g} hours"),
            "lifetime_exponent": (
                "Lifetimes by leverage",
                (
                    "equally long"
                    if self.lifetime_exponent == 0
                    else f"shorter at high leverage, by its power of {self.lifetime_exponent:g}"
                ),
            ),
            "churn": (
                "Churn",
                (
                    "from holding time and open interest"
                    if self.churn is None
                    else f"{wording.percent(self.churn)} of the volume"
                ),
            ),
            "entry_points": ("Entries in a candle", f"{self.entry_points} evenly spread over its range"),
            "funding_tilt": ("Funding tilt", "off" if self.funding_tilt == 0 else f"{self.funding_tilt:g}"),
            "smoothing_bp": (
                "Smoothing",
                "off" if self.smoothing_bp == 0 else f"±{self.smoothing_bp:g} basis points",
            ),
        }
        return dict(rows[name] for name in (rows if fields is None else fields))


_HIGH = (0.0, 0.0, 0.15, 0.30, 0.0, 0.25, 0.20, 0.0, 0.10)
_LOW = (0.55, 0.25, 0.12, 0.05, 0.02, 0.01, 0.0, 0.0, 0.0)
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "Balanced": MappingProxyType({}),
        "High leverage, 5× to 100×": MappingProxyType({"taker_mix": _HIGH, "maker_mix": _HIGH}),
        "Low leverage, mostly 2× to 5×": MappingProxyType({"taker_mix": _LOW, "maker_mix": _LOW}),
    }
)


def preset(name: str, **changes: Any) -> Assumptions:
    """Assumptions by name, with single values changed; AssumptionError names the known presets."""
    if name not in PRESETS:
        raise AssumptionError(f"There is no set of assumptions called {name!r}. Known: {', '.join(PRESETS)}.")
    return Assumptions(**{**PRESETS[name], **changes})


# Offered beside other maps only, never as a map of its own: no set of guesses for what stands.
AS_AN_AGGREGATOR: Final = Assumptions(
    leverages=(10.0, 20.0, 25.0, 50.0, 75.0, 100.0),
    taker_mix=(0.17, 0.14, 0.12, 0.11, 0.03, 0.43),
    maker_mix=(0.17, 0.14, 0.12, 0.11, 0.03, 0.43),
    margin_multiples=(1.0,),
    margin_weights=(1.0,),
    maintenance_margin_rate=0.0,
    fee_rate=0.0,
    holding_hours=24.0 * 60,
    lifetime_exponent=0.0,
)
AS_AN_AGGREGATOR_WORDS: Final = "Imitates one recorded map; agrees less with what was liquidated."
