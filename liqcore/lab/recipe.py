"""A scenario's market from what its file says: seed, venues, and the interventions it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from liqcore.lab.simulator import (
    VENUES,
    Crowd,
    FeedDelay,
    FeedOutage,
    Intervention,
    PriceDrift,
    SimulatedMarket,
    Whale,
    simulate,
)

_KINDS: Final[dict[str, Any]] = {
    kind.__name__: kind for kind in (Crowd, Whale, PriceDrift, FeedDelay, FeedOutage)
}


def interventions(settings: Mapping[str, Any], crowds: float = 1.0) -> tuple[Intervention, ...]:
    """The interventions a scenario names; `crowds` times as much opened by its crowds and whales, 0 leaves
    them out."""
    named = [
        _KINDS[event["kind"]](**{key: value for key, value in event.items() if key not in ("kind", "why")})
        for event in settings["simulation"].get("interventions", ())
    ]
    sized = [
        replace(one, quantity=one.quantity * crowds) if isinstance(one, (Crowd, Whale)) else one
        for one in named
        if crowds > 0 or not isinstance(one, (Crowd, Whale))
    ]
    return tuple(sized)


def recipe(settings: Mapping[str, Any], crowds: float = 1.0) -> dict[str, Any]:
    """The arguments of `simulate`, without the length, from a scenario's settings (the tables of its TOML
    file)."""
    given = settings["simulation"]
    return {
        "venues": [venue for venue in VENUES if venue.name in settings["venues"]],
        "seed": given["seed"],
        "regime": given.get("regime", "calm"),
        "start": given["start"],
        "start_price": given["start_price"],
        "interventions": interventions(settings, crowds),
        **given.get("assumptions", {}),
    }


def market_of(settings: Mapping[str, Any], crowds: float = 1.0) -> SimulatedMarket:
    """The scenario's market, or the one it would have been with `crowds` times as much opened by the crowds
    it names."""
    return simulate(settings["simulation"]["hours"] / 24, positions_every=None, **recipe(settings, crowds))
