"""The reading of a level: the six steps composed from maps, candles and tables, as known at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from liqcore import wording
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import ClusterStory, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.market.levels import Levels
from liqcore.reading import judge
from liqcore.reading.base_rates import Controls, controls_of, weigh
from liqcore.reading.heat_steps import Place, agreement_step, change_step, clusters_step
from liqcore.reading.known import Known, known
from liqcore.reading.price_steps import approach_step, level_step, price_step, role_of
from liqcore.reading.report import Reading, ReadingError, Side

# Beyond these levels elsewhere, as far away, are no numbers any more.
_LOWEST, _HIGHEST = 1e-9, 1e12


def read_level(
    grid: HeatGrid,
    candles: pd.DataFrame,
    *,
    level: float,
    side: Side | None = None,
    tolerance: float = 0.005,
    by_venue: Mapping[str, HeatGrid] | None = None,
    liquidations: pd.DataFrame | None = None,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    at: object = None,
    now: object = None,
    as_of: Mapping[str, object] | None = None,
    timeframe: str | None = None,
    key_levels: Levels | pd.DataFrame | None = None,
    rule: ClusterRule | None = None,
    last: int = 12,
    prepared: Prepared | None = None,
) -> Reading:
    """Read one level in six steps: level, clusters, approach, change, agreement, price action.

    Parameters
    ----------
    grid : HeatGrid of any kind. candles : candles table; leave out a running bar, or give `at`.
    level : USD. side : `long` or `short` to look at one side of the heat only.
    tolerance : share of price (0.005 is 0.5 %) around the level within which heat and clusters count.
    by_venue : venue to its own HeatGrid, for agreement.
    liquidations, open_interest, funding : tables; what is not given is listed as missing.
    at : moment in UTC; only columns, bars and rows complete by then are used. By default the end of the data.
    now : moment from which ages are counted; by default `at` or the end of the data. Whether venues are fresh
        at a past moment is judged beside each other, unless `now` is given.
    as_of : per venue, until when it is known to have been heard, as in `liqcore.heat.agreement.agreement`.
    timeframe : length of the bars that are read; by default the one nearest to a column of the map.
    key_levels : as found before; those confirmed later than the moment are left out. By default they are
        found in the bars.
    rule, last : as in `track_clusters`.
    prepared : what `prepare` made of these very arguments, to save the time for the next level of the map.

    Returns
    -------
    Reading. Gaps, short, flat or unrelated data give a Reading that says so.

    Raises
    ------
    ReadingError
        A level that is not a price, a side that is none, a tolerance outside 0 to 0.2, or `last` below 1.
    TableError
        Tables or times that cannot be read.
    """
    rule = rule or ClusterRule()
    place = place_of(level, side, tolerance, last)
    if prepared is None:
        prepared = prepare(
            grid,
            candles,
            by_venue=by_venue,
            liquidations=liquidations,
            open_interest=open_interest,
            funding=funding,
            at=at,
            now=now,
            as_of=as_of,
            timeframe=timeframe,
            rule=rule,
            last=last,
        )
    facts, story = prepared.known, prepared.story
    price = facts.candles if len(facts.candles) else None
    steps = _steps(facts, place, story, rule, price, key_levels)
    weighed = weigh(facts, place, prepared.controls, story, rule)
    for_, against = judge.evidence(facts, place, steps, weighed)
    confirm, invalidate = judge.conditions(facts, place, steps, rule)
    verdict = judge.balance(facts, place, weighed)
    return Reading(
        level=place.level,
        low=place.low,
        high=place.high,
        tolerance=tolerance,
        side=side,
        kind=grid.kind,
        kind_note=judge.KIND_NOTE[grid.kind],
        moment=wording.iso(facts.moment),
        timeframe=facts.timeframe,
        price=facts.price,
        atr=facts.usual,
        claim=judge.claim(place, steps.level.role, grid.kind),
        balance=verdict,
        summary=judge.summary(facts, place, steps, weighed, verdict),
        step_level=steps.level,
        step_clusters=steps.clusters,
        step_approach=steps.approach,
        step_change=steps.change,
        step_agreement=steps.agreement,
        step_price=steps.price,
        evidence_for=tuple(for_),
        evidence_against=tuple(against),
        confirm=confirm,
        invalidate=invalidate,
        missing=judge.missing(facts, place, steps),
    )


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a reading needs of a map whatever the level: what was known, its clusters, and the moments of the
    controls."""

    known: Known
    story: ClusterStory | None
    controls: Controls | None


def prepare(
    grid: HeatGrid,
    candles: pd.DataFrame,
    *,
    by_venue: Mapping[str, HeatGrid] | None = None,
    liquidations: pd.DataFrame | None = None,
    open_interest: pd.DataFrame | None = None,
    funding: pd.DataFrame | None = None,
    at: object = None,
    now: object = None,
    as_of: Mapping[str, object] | None = None,
    timeframe: str | None = None,
    rule: ClusterRule | None = None,
    last: int = 12,
) -> Prepared:
    """Make what `read_level` needs of a map once, for all levels that are read on it; arguments as there."""
    facts = known(
        grid,
        candles,
        by_venue=by_venue,
        liquidations=liquidations,
        open_interest=open_interest,
        funding=funding,
        at=at,
        now=now,
        as_of=as_of,
        timeframe=timeframe,
        last=last,
    )
    story = None
    if facts.grid is not None:
        price = facts.candles if len(facts.candles) else None
        story = track_clusters(facts.grid, last, price=price, rule=rule, liquidations=_flow_events(facts))
    return Prepared(facts, story, controls_of(facts, story))


def _flow_events(facts: Known) -> pd.DataFrame | None:
    """The events behind a realised map."""
    return None if facts.grid is None or facts.grid.is_stock else facts.liquidations


def place_of(level: float, side: Side | None, tolerance: float, last: int) -> Place:
    """The level and its band, or ReadingError."""
    try:
        price = float(level)
    except (TypeError, ValueError):
        price = float("nan")
    if not _LOWEST <= price <= _HIGHEST:
        raise ReadingError(
            f"The level {level!r} is not a price. Give a number above zero, in USD, for instance 28000."
        )
    if side not in (None, "long", "short"):
        raise ReadingError(f"The side is long or short, or None for both, not {side!r}.")
    if not 0 < tolerance <= 0.2:
        raise ReadingError(
            f"A tolerance of {tolerance!r} is a share of the price: give more than 0 and at most 0.2, for"
            " instance 0.005 for 0.5 %."
        )
    if last < 1:
        raise ReadingError("`last` counts columns of the map: give 1 or more.")
    return Place(
        price, float(price * np.exp(-tolerance)), float(price * np.exp(tolerance)), tolerance, side, int(last)
    )


def _steps(
    facts: Known,
    place: Place,
    story: ClusterStory | None,
    rule: ClusterRule,
    price: pd.DataFrame | None,
    given: Levels | pd.DataFrame | None,
) -> judge.Steps:
    role, came_from = role_of(facts, place)
    near, clusters = clusters_step(facts, place, story)
    return judge.Steps(
        level=level_step(facts, place, role, given),
        clusters=near,
        approach=approach_step(facts, place, came_from, near.nearest),
        change=change_step(facts, place, story, rule),
        agreement=agreement_step(facts, place, clusters[0] if clusters else None, rule, price),
        price=price_step(facts, place),
    )
