"""Every map against every world: scores of all models and baselines on simulated markets, worst case beside.

A single simulator proves what it was built to prove. The worlds of a family differ in what nobody knows (how
long positions live, how they are levered, how trading follows price), and a claim is only as good as its
worst world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.lab import baselines, forward
from liqcore.lab.blocks import block_of
from liqcore.lab.cells import CELL, CELLS, by_distance, closes, model_maps, positions
from liqcore.lab.scoring import distance_profile, scorecard, told
from liqcore.lab.simulator import SimulatedMarket
from liqcore.market.candles import resample

PROFILE: Final = "True distance profile"
YESTERDAY: Final = "Yesterday's map"
_STEP: Final = "5min"
_DAY: Final = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True)
class World:
    """One simulated market as the scores need it: moments, prices, and the exact map at each.

    `times` (S,) datetime64, `price` (S,) USD, `truth` (S, K) USD, `candles` of five minutes.
    """

    name: str
    market: SimulatedMarket
    candles: pd.DataFrame
    times: np.ndarray
    price: np.ndarray
    truth: np.ndarray

    @property
    def block(self) -> np.ndarray:
        """(S,) day of each snapshot."""
        return block_of(self.times.astype("int64"))


def world(name: str, market: SimulatedMarket, skip: float = 1 / 3) -> World:
    """A market with exact positions kept, read at its snapshots; the first part, in which maps fill, is left
    out."""
    kept = market.snapshots.times
    begin, end = market.candles["time"].iloc[0], market.candles["time"].iloc[-1]
    kept = kept[(kept >= begin + (end - begin) * skip) & (kept > begin)]
    candles = resample(market.candles, _STEP)[list(tables.CANDLES)]
    times = kept.tz_localize(None).to_numpy().astype("datetime64[us]")
    price = closes(candles, times)
    truth = np.stack([positions(market.positions_at(at), here) for at, here in zip(kept, price, strict=True)])
    return World(name, market, candles, times, price, truth)


def exact_grid(one: World, like: HeatGrid) -> HeatGrid:
    """The exact positions on the cells of a model's map of the same world, in USD at liquidation prices."""
    columns = {"long": np.zeros(like.shape), "short": np.zeros(like.shape)}
    for row, moment in enumerate(one.times):
        frame = one.market.positions_at(moment)
        limit = frame["liquidation_price"].to_numpy(dtype=float)
        place = np.searchsorted(like.price_edges, limit, "right") - 1
        inside = np.isfinite(limit) & (place >= 0) & (place < like.shape[1])
        for side, usd in columns.items():
            mine = inside & (frame["side"] == side).to_numpy()
            usd[row] = np.bincount(place[mine], (frame["quantity"].to_numpy() * limit)[mine], like.shape[1])
    return HeatGrid(
        "measured",
        like.time_edges,
        like.price_edges,
        columns["long"],
        columns["short"],
        Provenance(
            source="simulator",
            venues=tuple(VenueCoverage(venue.name) for venue in one.market.venues),
            as_of=like.time_edges[-1],
        ),
    )


def model_grids(one: World, assumptions: Assumptions | None = None) -> dict[str, HeatGrid]:
    """One map a model of the registry that the world's tables allow, a column a snapshot."""
    return {
        model.title: model_maps(one.candles, one.market.open_interest, one.times, name, assumptions)
        for name, model in MODELS.items()
    }


def maps_of(
    one: World, grids: dict[str, HeatGrid], cell: float = CELL, count: int = CELLS
) -> dict[str, np.ndarray]:
    """(S, K) of every model and every baseline, from what was known at each snapshot."""
    out = {title: by_distance(grid, one.price, cell, count) for title, grid in grids.items()}
    ours = MODELS[DEFAULT].title
    before = np.searchsorted(one.times, one.times - _DAY, "right") - 1
    # Yesterday's map still stands at yesterday's prices; before there was one, it says nothing.
    old = by_distance(grids[ours], one.price, cell, count, np.maximum(before, 0))
    out[YESTERDAY] = np.where(before[:, None] >= 0, old, 0.0)
    out["Volume of 24 hours"] = baselines.volume_profile(one.candles, one.times, one.price, cell, count)
    out["Round numbers"] = baselines.round_numbers(one.price, cell, count)
    out["Uniform"] = baselines.uniform(len(one.price), 2 * count)
    return out


def score(
    one: World, rng: np.random.Generator, assumptions: Assumptions | None = None, hours: float = 4.0
) -> pd.DataFrame:
    """One row a map: how well it fits the exact map, and how much it tells of the next `hours`."""
    grids = model_grids(one, assumptions)
    wide = {PROFILE: distance_profile(one.truth), **maps_of(one, grids)}
    held = scorecard(wide, one.truth, one.block, rng)
    near = maps_of(one, grids, forward.CELL, forward.CELLS)
    ahead = forward.reached(one.candles, one.market.liquidations, one.times, one.price, hours)
    skills = pd.DataFrame(
        [
            {"map": name, **told("skill", forward.skill(map_, ahead, one.block, rng))}
            for name, map_ in near.items()
        ]
    )
    out = held.merge(skills, on="map", how="left")
    out.insert(0, "world", one.name)
    out.attrs.update(held.attrs)
    return out


def score_family(
    made: Iterable[tuple[str, Callable[[], SimulatedMarket]]],
    variants: Mapping[str, Assumptions],
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Every world scored under every set of assumptions; column `variant`. Worlds are made one at a time.

    `variants` in attrs counts maps × sets of assumptions that were tried.
    """
    parts = []
    for number, (name, make) in enumerate(made):
        if progress is not None:
            progress(name)
        one = world(name, make())
        for variant, guesses in variants.items():
            rng = np.random.default_rng((seed, number))
            parts.append(score(one, rng, guesses).assign(variant=variant, blocks=len(np.unique(one.block))))
    out = pd.concat(parts, ignore_index=True)
    out.attrs.update(variants=out["map"].nunique() * len(variants), worlds=out["world"].nunique())
    return out


def worst(scores: pd.DataFrame) -> pd.DataFrame:
    """The least of each figure over all worlds, by map and variant; never one simulator's best."""
    figures = [name for name in ("spearman", "precision", "gain", "skill") if name in scores]
    return scores.groupby(["variant", "map"], sort=False)[figures].min().reset_index()
