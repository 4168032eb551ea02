"""What the simulated market assumes: venues, regimes of volatility and flow, and events that are put in on
purpose.

Everything here is a frozen value, so that a market is described completely by what `simulate` was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

TICK: Final = 0.1
LOT: Final = 0.001
MINUTES_PER_DAY: Final = 1_440
LEVERAGES: Final = (2, 3, 5, 10, 20, 25, 50, 75, 100)

Side = Literal["long", "short"]


class SimulationError(ValueError):
    """A market that cannot be simulated as asked, in one sentence."""


@dataclass(frozen=True)
class VenueSpec:
    """One venue of the simulated market. The names are invented; no real venue is meant.

    Attributes
    ----------
    name : what the tables call it.
    share : part of all new positions and of other volume that it gets; shares are scaled to add up to 1.
    leverage_mix : weights of `LEVERAGES` among its new positions.
    completeness : `all`, or `sampled`: its feed prints only the latest liquidation of every second.
    lag_seconds : from event to arrival at a listener.
    price_kind : its feed prints the `fill` price or the `bankruptcy` price.
    basis_bp : its usual premium over the index, in basis points.
    maintenance_margin_rate : fraction of the notional at which a position is liquidated.
    """

    name: str
    share: float
    leverage_mix: tuple[float, ...]
    completeness: Literal["all", "sampled"] = "all"
    lag_seconds: float = 0.2
    price_kind: Literal["fill", "bankruptcy"] = "fill"
    basis_bp: float = 0.0
    maintenance_margin_rate: float = 0.005

    def __post_init__(self) -> None:
        if (
            len(self.leverage_mix) != len(LEVERAGES)
            or min(self.leverage_mix) < 0
            or sum(self.leverage_mix) <= 0
        ):
            raise SimulationError(
                f"Venue {self.name}: leverage_mix needs {len(LEVERAGES)} weights of zero or more, one for"
                f" each of {LEVERAGES}."
            )
        if self.share <= 0 or self.lag_seconds < 0 or not 0 < self.maintenance_margin_rate < 0.009:
            raise SimulationError(
                f"Venue {self.name}: share must be above 0, lag_seconds 0 or more, and"
                " maintenance_margin_rate between 0 and 0.009 (below the margin of 100×)."
            )
        if self.completeness not in ("all", "sampled") or self.price_kind not in ("fill", "bankruptcy"):
            raise SimulationError(
                f"Venue {self.name}: completeness is all or sampled, and price_kind is fill or bankruptcy."
            )


# The spread between venues is what the reader is meant to meet: a big venue whose feed is thinned, one that
# prints bankruptcy prices, a careful crowd, a reckless crowd, and a slow feed.
VENUES: Final = (
    VenueSpec(
        "Alder",
        0.34,
        (0.11, 0.14, 0.21, 0.20, 0.10, 0.08, 0.08, 0.03, 0.05),
        "sampled",
        0.5,
        "fill",
        0.5,
        0.005,
    ),
    VenueSpec(
        "Birch",
        0.25,
        (0.09, 0.13, 0.20, 0.21, 0.12, 0.09, 0.08, 0.03, 0.05),
        "all",
        0.2,
        "bankruptcy",
        -0.4,
        0.005,
    ),
    VenueSpec(
        "Cedar", 0.18, (0.22, 0.24, 0.25, 0.16, 0.05, 0.04, 0.02, 0.01, 0.01), "all", 0.8, "fill", 1.2, 0.004
    ),
    VenueSpec(
        "Dogwood",
        0.13,
        (0.04, 0.06, 0.11, 0.17, 0.14, 0.12, 0.15, 0.08, 0.13),
        "sampled",
        1.5,
        "bankruptcy",
        -1.5,
        0.005,
    ),
    VenueSpec(
        "Elm", 0.10, (0.12, 0.16, 0.23, 0.20, 0.10, 0.08, 0.06, 0.02, 0.03), "all", 90.0, "fill", 2.5, 0.006
    ),
)


@dataclass(frozen=True)
class Regime:
    """How violent the market is and how its traders behave. Quantities in BTC, times in minutes.

    A family of worlds differs in these: who lives how long (`lifetime_exponent`), how many share their margin
    (`cross_share`), who borrows how much (`leverage_tilt`, and each venue's own mix), how trading answers to
    volatility (`flow_law`, `churn`), and how hard forced orders push (`impact`).

    Attributes
    ----------
    volatility : a usual weekday minute's standard deviation of the log-return (0.0003 is about 22 % a year).
    volatility_of_volatility : standard deviation of the log-volatility over days, hours and half hours
    together.
    news_per_day, news_size : rate of main news and its usual log-return, up or down.
    aftershocks : smaller news that follows each main one over the next hours, on average.
    unrest : how much news of the usual size adds to volatility, as a multiple of it; fades over hours.
    flurry : how much a flurry of orders adds to volatility for minutes, as a multiple of it, on average.
    pull, bounce, flicker : deviations from the path that last hours, minutes and seconds, in a minute's usual
        moves.
    activity_noise : standard deviation of the log of trading that volatility does not explain.
    flow_law : trading grows with the power `flow_law` of volatility, and with the move itself.
    entry_law, exit_law : new positions grow with this power of the flow, closings with the other; where exits
        grow faster, open interest falls in a rout.
    impact : log-return per BTC of forced and stop-loss orders, the strength of cascades; 0 switches them off.
    rebound, rebound_minutes : part of that impact which comes back, and how fast.
    opens : new positions in a usual minute, all venues.
    size_minimum, size_maximum, size_tail : Pareto distribution of position size; above 10× it shrinks with
    √leverage.
    holding : mean holding time of a 10× position in minutes of usual trading.
    lifetime_exponent : others scale with (10/leverage) to this power; 0 lets all live equally long.
    leverage_tilt : the venues' mixes are multiplied by leverage to this power; above 0 is more reckless.
    maker_share : part of the new positions that rest in the book instead of taking.
    cross_share, cross_margin : part of the positions with margin beyond the minimum, as cross margin gives,
        and its mean as a multiple of the minimum.
    stop_share, stop_at : part of the positions with a stop-loss, and where it stands as a part of the margin.
    take_share, take_at : part of the positions that close in profit, and at how much of it as a multiple of
        the margin (mean; never under 0.3 of it).
    top_up_share : part of the traders who double their margin when liquidation comes near.
    long_bias : how many more of the new positions are longs than shorts, as a part of all.
    chase, trend : how much the last minute's and the last hours' move tilt new positions to its side.
    churn : BTC a minute that change hands between other parties, per BTC of new positions in a usual one.
    fee_rate : fraction of the notional, paid by traders at opening and closing.
    insurance_fund : USD that the venues' insurance funds hold at the start, by share.
    basis_wobble : standard deviation of a venue's basis around its usual one, in basis points.
    """

    name: str = "calm"
    volatility: float = 2.0e-4
    volatility_of_volatility: float = 1.05
    news_per_day: float = 0.4
    news_size: float = 0.0055
    aftershocks: float = 2.0
    unrest: float = 2.8
    flurry: float = 1.5
    pull: float = 3.5
    bounce: float = 0.3
    flicker: float = 0.4
    activity_noise: float = 0.35
    flow_law: float = 1.5
    entry_law: float = 0.6
    exit_law: float = 0.8
    impact: float = 2.0e-6
    rebound: float = 0.8
    rebound_minutes: float = 25.0
    opens: float = 20.0
    size_minimum: float = 1.3
    size_maximum: float = 600.0
    size_tail: float = 1.5
    holding: float = 1_800.0
    lifetime_exponent: float = 0.7
    leverage_tilt: float = 0.0
    maker_share: float = 0.35
    cross_share: float = 0.5
    cross_margin: float = 0.6
    stop_share: float = 0.4
    stop_at: float = 0.6
    take_share: float = 0.5
    take_at: float = 1.0
    top_up_share: float = 0.1
    long_bias: float = 0.12
    chase: float = 0.3
    trend: float = 0.1
    churn: float = 3.0
    fee_rate: float = 0.0005
    insurance_fund: float = 20e6
    basis_wobble: float = 0.4

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("leverage_tilt", "long_bias") and abs(value) <= 3:
                continue
            if field.name != "name" and not (value >= 0 and value < float("inf")):
                raise SimulationError(f"{field.name} must be a number of zero or more, not {value!r}.")
        for name in ("size_minimum", "size_tail", "holding", "rebound_minutes"):
            if getattr(self, name) <= 0:
                raise SimulationError(f"{name} must be above zero.")
        for name in (
            "maker_share",
            "cross_share",
            "stop_share",
            "stop_at",
            "take_share",
            "top_up_share",
            "rebound",
        ):
            if getattr(self, name) > 1:
                raise SimulationError(f"{name} is a share and cannot be above 1.")


CALM: Final = Regime()
VIOLENT: Final = Regime(
    name="violent",
    volatility=2.2e-4,
    leverage_tilt=-0.2,
    news_per_day=1.0,
    news_size=0.0075,
    aftershocks=3.0,
    impact=2.0e-6,
    rebound=0.8,
    opens=25.0,
    holding=1_400.0,
    size_minimum=2.0,
)
REGIMES: Final = {"calm": CALM, "violent": VIOLENT}


def choose_venues(venues: int | Sequence[VenueSpec]) -> tuple[VenueSpec, ...]:
    """The first so many of `VENUES`, or the given ones, with shares that add up to 1."""
    if isinstance(venues, int):
        if not 1 <= venues <= len(VENUES):
            raise SimulationError(f"Choose 1 to {len(VENUES)} venues, or give a list of VenueSpec.")
        chosen = VENUES[:venues]
    else:
        chosen = tuple(venues)
    names = [venue.name for venue in chosen]
    if not chosen or len(set(names)) < len(names):
        raise SimulationError("The market needs at least one venue, and each needs its own name.")
    total = sum(venue.share for venue in chosen)
    return tuple(replace(venue, share=venue.share / total) for venue in chosen)


def choose_regime(regime: str | Regime, changes: dict[str, Any]) -> Regime:
    """A preset by name or a regime of one's own, with single assumptions changed."""
    if isinstance(regime, str):
        if regime not in REGIMES:
            raise SimulationError(
                f"There is no regime {regime!r}. Choose {' or '.join(REGIMES)}, or give a Regime."
            )
        regime = REGIMES[regime]
    unknown = sorted(set(changes) - {field.name for field in fields(Regime)})
    if unknown:
        raise SimulationError(
            f"{unknown[0]!r} is not an assumption of the market. Known are"
            f" {', '.join(field.name for field in fields(Regime))}."
        )
    return replace(regime, **changes)


def describe(value: Any) -> dict[str, Any]:
    """A frozen value as a plain dictionary with its kind, for metadata; times become text."""
    out: dict[str, Any] = {"kind": type(value).__name__}
    for name, item in asdict(value).items():
        out[name] = (
            list(item)
            if isinstance(item, tuple)
            else item
            if isinstance(item, (int, float, str)) or item is None
            else str(item)
        )
    return out
