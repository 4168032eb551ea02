"""How often our words are said where nothing is, and how often they are right where something was planted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.agreement import agreement
from liqcore.heat.clusters import find_clusters
from liqcore.heat.realised import realised_heatmap
from liqcore.lab.null_worlds import NULLS, START, Null, events_along, plant, random_walk, visited

VENUES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm")
_NEAR = 0.003
_DAY = pd.Timedelta("1D")


def words_of(seed: int, kind: Null, hot: int, number: int = 200, share: float = 0.3) -> dict[str, bool]:
    """What is said of one world of five venues, `hot` of which have a level planted: words at that level.

    `cluster`: any on the sum of venues; `cluster here`: one that holds the level; then the verdict's words.
    """
    rng = np.random.default_rng((seed, NULLS.index(kind), hot))
    candles = random_walk(rng)
    start = START + _DAY
    level = visited(rng, candles, start)
    parts = {name: events_along(rng, candles, number, kind, start=start, venue=name) for name in VENUES}
    for name in VENUES[:hot]:
        parts[name] = plant(rng, candles, parts[name], share, level, start=start)
    table = tables.liquidations(pd.concat(parts.values()).drop(columns="quantity"))
    window = {
        "timeframe": "15min",
        "bins": 120,
        "start": start,
        "end": start + _DAY,
        "price_range": (float(table["price"].min()), float(table["price"].max())),
    }
    maps = {name: realised_heatmap(part, **window) for name, part in parts.items()}  # type: ignore[arg-type]
    whole = realised_heatmap(table, **window)  # type: ignore[arg-type]
    clusters = find_clusters(whole, 96, price=candles, liquidations=table)
    verdict = agreement(maps, level, _NEAR, side="long", last=96, price=candles, liquidations=table).verdict
    return {
        "cluster": bool(clusters),
        "cluster here": any(one.low <= level <= one.high for one in clusters),
        "partly confirmed or market-wide": verdict in ("partly confirmed", "market-wide"),
        "market-wide": verdict == "market-wide",
    }


def table_of(seeds: int) -> pd.DataFrame:
    """Shares of worlds in which each word was said, by what was planted; one row a word."""
    planted = {0: "Nothing planted", 1: "At one venue of five", 5: "At all five"}
    said = {
        title: pd.DataFrame([words_of(seed, kind, hot) for kind in NULLS for seed in range(seeds)]).mean()
        for hot, title in planted.items()
    }
    return pd.DataFrame(said).rename_axis("Word").reset_index()
