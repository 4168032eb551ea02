"""Every model held against measured positions, day blocks and all: what docs/scoreboard.md is made of.

The first third of the snapshots only fits what is fitted (distances, the distance profile); the rest is
scored, all maps on the same snapshots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.assumptions import AS_AN_AGGREGATOR
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.models import DEFAULT, MODELS
from liqcore.heat.models.fitted_distance import SHARES, fitted
from liqcore.heat.models.model import Model
from liqcore.heat.snapshots import Snapshot, coverage
from liqcore.lab import baselines, forward
from liqcore.lab.against_positions import COUNT, WITHIN, mass_within, matched_ranks, truth_cells
from liqcore.lab.blocks import block_of, ratio
from liqcore.lab.cells import CELL, by_distance, closes, model_maps
from liqcore.lab.scoring import precision, told

# Fewer days than this make no interval that says anything.
ENOUGH: Final = 5
_DAY: Final = np.timedelta64(24, "h")
_REACH: Final = 0.5
_AGGREGATOR: Final = "As an aggregator counts"


@dataclass(frozen=True, eq=False)
class Board:
    """The scoreboard.

    Attributes
    ----------
    table : one row a map: `map`, `matched` (rank correlation within bands of distance), `precision`,
        `mass_error` (mean difference of the share of USD within 5, 10 and 20 %), each with `_low` and `_high`
        (95 % by day blocks), and `forward` (skill beyond distance on liquidations of the next hours).
    start, end : of the scored snapshots. snapshots, days : how many. variants : maps that were tried.
    seen : coverage of the last snapshot in words. made_from : hash of positions, candles and open interest.
    note : "not enough data" and why, or empty.
    """

    table: pd.DataFrame
    start: np.datetime64
    end: np.datetime64
    snapshots: int
    days: int
    variants: int
    seen: str
    made_from: str
    note: str


def scoreboard(
    held: Sequence[Snapshot],
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None,
    rng: np.random.Generator,
    liquidations: pd.DataFrame | None = None,
    others: Mapping[str, HeatGrid] | None = None,
) -> Board:
    """Score every model of the registry and the baselines against snapshots.

    Parameters
    ----------
    held : snapshots of one venue, oldest first. candles, open_interest : the market of the same days.
    liquidations : liquidations table of the same days, for the forward score; without it that is unknown.
    others : further maps by name, for instance an aggregator's; a column counts for the snapshots inside it.

    Raises
    ------
    TableError
        Fewer than three snapshots lie inside the candles.
    """
    usable = _usable(held, candles)
    if len(usable) < 3:
        raise tables.TableError(
            "Fewer than three snapshots lie a day or more inside the candles. Give candles of the same days."
        )
    cut = max(len(usable) // 3, 1)
    past, scored = usable[:cut], usable[cut:]
    times = np.array([one.at for one in scored])
    price = closes(candles, times)
    found = [truth_cells(one, at) for one, at in zip(scored, price, strict=True)]
    truth, totals = np.stack([one[0] for one in found]), np.stack([one[1] for one in found])
    maps = _maps(past, usable, scored, candles, open_interest, times, price)
    for name, grid in (others or {}).items():
        maps[name] = _other(grid, times, price)
    block = block_of(times.astype("datetime64[us]").astype("int64"))
    rows = [
        {"map": name, **_scores(cells, sums, truth, totals, block, rng)}
        for name, (cells, sums) in maps.items()
    ]
    table = pd.DataFrame(rows)
    table["forward"] = _forward(maps, candles, liquidations, times, price, block, rng)
    days = len(np.unique(block))
    note = (
        ""
        if days >= ENOUGH
        else f"Not enough data: {wording.count(days, 'day')}, and {ENOUGH} or more make an interval."
    )
    return Board(
        table.sort_values("matched", ascending=False, ignore_index=True),
        times[0],
        times[-1],
        len(scored),
        days,
        len(maps),
        coverage(scored[-1]).words,
        made_from(usable, candles, open_interest),
        note,
    )


def _usable(held: Sequence[Snapshot], candles: pd.DataFrame) -> list[Snapshot]:
    first, last = (candles["time"].iloc[place].tz_localize(None).to_datetime64() for place in (0, -1))
    return [one for one in held if first + _DAY <= one.at <= last and len(one.positions)]


Cells = tuple[np.ndarray, np.ndarray | None]


def _maps(
    past: Sequence[Snapshot],
    usable: Sequence[Snapshot],
    scored: Sequence[Snapshot],
    candles: pd.DataFrame,
    open_interest: pd.DataFrame | None,
    times: np.ndarray,
    price: np.ndarray,
) -> dict[str, Cells]:
    """Name → (S, 2·COUNT) USD and (S, 2) USD in all, None where a map has no sum of its own."""
    out: dict[str, Cells] = {}
    chosen: dict[str, str | Model] = {one.title: name for name, one in MODELS.items()}
    chosen["Fitted distances, earlier days"] = fitted(
        *_quantiles(past), words="Fitted on the earlier snapshots."
    )
    chosen[_AGGREGATOR] = DEFAULT
    for title, model in chosen.items():
        guesses = AS_AN_AGGREGATOR if title == _AGGREGATOR else None
        try:
            grid = model_maps(candles, open_interest, times, model, guesses, reach=_REACH)
        # It needs what was not given: its row says so.
        except GridError:
            out[title] = np.full((len(times), 2 * COUNT), np.nan), None
            continue
        # The first column ends with the first snapshot.
        cells = by_distance(grid, price, CELL, COUNT)
        out[title] = (
            cells,
            np.stack([side.sum(axis=1, dtype=float) for side in (grid.long, grid.short)], axis=1),
        )
    prices = closes(candles, np.array([one.at for one in past]))
    profile = [truth_cells(one, at) for one, at in zip(past, prices, strict=True)]
    mean, sums = (np.mean([one[part] for one in profile], axis=0) for part in (0, 1))
    count = len(scored)
    out["Distance only, of earlier days"] = np.tile(mean, (count, 1)), np.tile(sums, (count, 1))
    moments = np.array([one.at for one in usable])
    before = np.maximum(np.searchsorted(moments, times - _DAY, side="right") - 1, 0)
    old = [truth_cells(usable[place], at) for place, at in zip(before, price, strict=True)]
    out["Yesterday's measured map"] = np.stack([one[0] for one in old]), np.stack([one[1] for one in old])
    out["Traded volume of 24 hours"] = baselines.volume_profile(candles, times, price, CELL, COUNT), None
    out["Round prices"] = baselines.round_numbers(price, CELL, COUNT), None
    out["Everywhere the same"] = baselines.uniform(count, 2 * COUNT), None
    return out


def _quantiles(past: Sequence[Snapshot]) -> tuple[list[float], list[float]]:
    """USD-weighted quantiles of the distance at `SHARES`, longs and shorts."""
    whole = pd.concat(
        [
            one.positions.assign(away=(one.positions["liquidation_price"] / one.price - 1).abs())
            for one in past
        ]
    ).dropna(subset=["away"])
    out = []
    for side in tables.SIDES:
        own = whole[(whole["side"] == side) & (whole["away"] > 0)].sort_values("away")
        weight = own["notional"].to_numpy().cumsum()
        place = np.searchsorted(weight, np.array(SHARES) * weight[-1])
        out.append(
            np.maximum.accumulate(own["away"].to_numpy()[place] + np.arange(len(SHARES)) * 1e-6).tolist()
        )
    return out[0], out[1]


def _other(grid: HeatGrid, times: np.ndarray, price: np.ndarray) -> Cells:
    at = np.clip(np.searchsorted(grid.time_edges, times, side="left") - 1, 0, grid.shape[0] - 1)
    known = (times > grid.time_edges[0]) & (times <= grid.time_edges[-1])
    return by_distance(grid, price, CELL, COUNT, at) * known[:, None], None


def _scores(
    cells: np.ndarray,
    sums: np.ndarray | None,
    truth: np.ndarray,
    totals: np.ndarray,
    block: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    if np.isnan(cells).any():
        names = ("matched", "precision", "mass_error")
        return {f"{name}{end}": np.nan for name in names for end in ("", "_low", "_high")}
    ones = np.ones(len(truth))
    out = told("matched", ratio(matched_ranks(cells, truth), ones, block, rng))
    out |= told("precision", ratio(precision(np.round(cells), np.round(truth)), ones, block, rng))
    if sums is None:
        return out | dict.fromkeys(("mass_error", "mass_error_low", "mass_error_high"), np.nan)
    gap = np.abs(mass_within(cells, sums) - mass_within(truth, totals)).mean(axis=(1, 2))
    return out | told("mass_error", ratio(gap, ones, block, rng))


def _forward(
    maps: Mapping[str, Cells],
    candles: pd.DataFrame,
    liquidations: pd.DataFrame | None,
    times: np.ndarray,
    price: np.ndarray,
    block: np.ndarray,
    rng: np.random.Generator,
) -> list[float]:
    if liquidations is None or liquidations.empty:
        return [np.nan] * len(maps)
    cells = forward.reached(candles, liquidations, times, price, cell=CELL, count=COUNT)
    return [forward.skill(map_, cells, block, rng, cell=CELL, count=COUNT).value for map_, _ in maps.values()]


def made_from(held: Sequence[Snapshot], candles: pd.DataFrame, open_interest: pd.DataFrame | None) -> str:
    """16 digits that change with any position, candle or open interest behind a board."""
    digest = hashlib.sha256()
    for frame in (*(one.positions.drop(columns="account") for one in held), candles, open_interest):
        if frame is not None:
            digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def markdown(board: Board) -> str:
    """The board as a page: what was held against what, the table, and what it says and does not."""
    lines = [
        "# Models against measured positions",
        "",
        (
            f"{wording.count(board.snapshots, 'snapshot')} of Hyperliquid's public positions,"
            f" {wording.period(board.start, board.end)} ({wording.count(board.days, 'day')}; {board.seen}),"
            f" made from data with the hash `{board.made_from}`. {board.variants} maps were tried. The first"
            " third of the snapshots fitted what is fitted and is not scored. Made by `heatlab score`."
        ),
        "",
        *([f"**{board.note}**", ""] if board.note else []),
        (
            f"| map | rank within distance bands | hottest tenth found | share within {_within()} off by |"
            " forward |"
        ),
        "|---|---|---|---|---|",
    ]
    for row in board.table.to_dict("records"):
        cells = [_cell(row, name) for name in ("matched", "precision", "mass_error")]
        ahead = "not enough data" if np.isnan(row["forward"]) else wording.decimal(row["forward"], 3)
        lines.append(f"| {row['map']} | {' | '.join(cells)} | {ahead} |")
    lines += [
        "",
        (
            "Rank: correlation of half-per-cent cells inside 0 to 5, 5 to 10 and 10 to 20 % of the price,"
            " averaged; 1 is the same map and 0 knows nothing beyond distance. In brackets 95 % intervals by"
            " whole days. Forward: share of deviance explained beyond distance on liquidations of the next"
            " four hours."
        ),
        "",
        _comes_to(board.table),
        "",
        (
            "The distances that the model Fitted distances brings along were measured on large accounts in"
            " February 2026; on those days its row is not out of sample, the row of earlier days is. A"
            " venue's accounts are held against a model of the candles given, which may be another venue's."
        ),
        "",
    ]
    return "\n".join(lines)


def _comes_to(table: pd.DataFrame) -> str:
    best, rest = table.iloc[0], table.iloc[1:]
    near = int((rest["matched_high"] >= best["matched_low"]).sum())
    zero = int((table["matched_low"] > 0).sum())
    return (
        f"What it shows: {wording.count(zero, 'map')} of {len(table)} say something beyond distance. The best"
        f" is {best['map']!r}; the intervals of {wording.count(near, 'other')} reach into its own, so its"
        " lead over those is not told from chance."
    )


def _within() -> str:
    return wording.joined([wording.percent(one) for one in WITHIN])


def _cell(row: Mapping, name: str) -> str:
    if np.isnan(row[name]):
        return "not enough data" if np.isnan(row["matched"]) else "none"
    value, low, high = (wording.decimal(row[f"{name}{end}"], 2) for end in ("", "_low", "_high"))
    return f"{value} ({low} to {high})"
