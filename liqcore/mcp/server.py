"""Heatlab for assistants, over the Model Context Protocol: `heatlab mcp`.

Five questions and no more: a market's map, a level read with its base rates and doubts, venues compared, a
position's size, and how maps have scored. Nothing here trades, and every answer says which kind of map it
comes from, of which venues, how old and how complete.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import wraps
from typing import Annotated, Any, Final, Literal, ParamSpec

import numpy as np
import pandas as pd
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BeforeValidator, Field

import liqcore
from liqcore import tables, wording
from liqcore.distances import away
from liqcore.feeds import samples
from liqcore.feeds.history.presets import NAMED_DAYS, PRESETS
from liqcore.heat.clusters import Cluster, find_clusters
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.heat.measured import measured_heatmap
from liqcore.heat.snapshots import coverage
from liqcore.lab import found
from liqcore.reading.reading import read_level
from liqcore.reading.report import ReadingError
from liqcore.risk.numbers import RiskError
from liqcore.risk.plan import plan_trade
from liqcore.service import dataset
from liqcore.service.app import FIRST, App, Owner
from liqcore.service.dataset import DataError, Dataset, ViewSettings

_PROBLEMS: Final = (tables.TableError, GridError, DataError, ReadingError, RiskError, samples.SampleError)
_KINDS: Final = {
    "realised": "liquidations that happened, as venues report them",
    "modelled": "where open positions would be closed, an estimate",
    "measured": "where positions that one venue makes public would be closed; a part of the market",
}
_DOUBT: Final = (
    "A heatmap is a diagnostic picture, not a forecast, and this is no financial advice. On noise our own"
    " words appear at the rates that docs/honesty.md lists."
)
_INSTRUCTIONS: Final = (
    "Maps of BTC liquidations. Three kinds are never mixed: realised (happened), modelled (estimated) and"
    " measured. Quote `about` (kind, venues, age, completeness, doubts) with every figure. Ask `read_level`"
    " before calling a level important: its evidence stands beside base rates at random levels. Nothing here"
    " trades."
)
_WAIT: Final = 25.0
Kind = Literal["modelled", "realised"]
AnyKind = Literal["modelled", "realised", "measured"]
Market = Annotated[
    str,
    Field(
        description="A span of the real market up to now (12h, 24h, 3d, 7d, 14d, 30d, 90d, 180d, 1y), a named"
        " day like 2024-08-05, or a synthetic sample: calm, violent."
    ),
]


def _number(given: object) -> object:
    """What is to be a number, unless it is a yes or a no, which would count as 1 and 0."""
    if isinstance(given, bool):
        raise ValueError("Give a number.")
    return given


Number = Annotated[float, BeforeValidator(_number)]
Usd = Annotated[Number, Field(gt=0, description="USD.")]
Given = ParamSpec("Given")


def server(owner: Owner, clock: Callable[[], pd.Timestamp]) -> MCPServer:
    """The server with its five tools, on what `owner` lets it ask; `clock` says the present, UTC."""
    desk = _Desk(App(owner), clock)
    made = MCPServer(
        "heatlab",
        title="Heatlab",
        version=liqcore.__version__,
        instructions=_INSTRUCTIONS,
        log_level="WARNING",
    )
    for tool in (desk.market_map, desk.read_level, desk.compare_venues, size_position, scoreboard):
        made.tool()(_in_a_sentence(tool))
    return made


def _in_a_sentence(tool: Callable[Given, dict[str, Any]]) -> Callable[Given, dict[str, Any]]:
    """What is wrong with a question is told in our sentence; anything else stays an error of ours."""

    @wraps(tool)
    def asked(*args: Given.args, **kwargs: Given.kwargs) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = _plain(tool(*args, **kwargs))
        except _PROBLEMS as problem:
            raise ToolError(str(problem)) from problem
        return answer

    return asked


class _Desk:
    """Markets by name, fetched at most once a minute, and what is asked of them."""

    def __init__(self, app: App, clock: Callable[[], pd.Timestamp]) -> None:
        self.app, self.clock = app, clock

    def market_map(
        self,
        market: Market = FIRST,
        kind: AnyKind = "modelled",
        bands: Annotated[int, Field(ge=1, le=40, description="How many of the hottest bands.")] = 10,
    ) -> dict[str, Any]:
        """The map of now: hottest price bands by side, clusters with their odds, and sums by distance."""
        if kind == "measured":
            return self._measured(bands)
        data, settings, grid = self._map(market, kind)
        price = dataset.last_price(data)
        rows = _bands(grid, price, bands)
        return {
            "about": self._about(data, grid),
            "last_price": price,
            "hottest_bands": rows,
            "clusters": [_cluster(one, price) for one in _clusters(data, settings, grid)],
            "usd_within": _within(grid, price),
            "note": "" if rows else "Nothing stands in this map.",
        }

    def _measured(self, bands: int) -> dict[str, Any]:
        """The positions that this installation swept last, of whatever market was asked: they are of now."""
        now = self.clock()
        held = self.app.census.snapshots(now.timestamp())
        if not held:
            raise DataError(
                "No positions have been measured here. Set HEATLAB_POSITIONS=1 where the app runs, and it"
                " sweeps the accounts that Hyperliquid makes public; until then ask for kind modelled or"
                " realised."
            )
        latest = held[-1]
        grid, price = measured_heatmap([latest]), latest.price if np.isfinite(latest.price) else None
        told = coverage(latest, now.to_datetime64())
        return {
            "about": {
                **self._about(Dataset(key="measured", label=told.title, synthetic=False), grid),
                "completeness": told.words,
            },
            "last_price": price,
            "hottest_bands": _bands(grid, price, bands),
            "clusters": [],
            "usd_within": _within(grid, price),
            "note": "Bands as they are; no cluster is looked for in a single snapshot.",
        }

    def read_level(
        self,
        level: Usd,
        market: Market = FIRST,
        kind: Kind = "modelled",
        side: Annotated[
            Literal["long", "short"] | None, Field(description="Whose positions; both if left out.")
        ] = None,
    ) -> dict[str, Any]:
        """One price read in six steps, evidence for and against beside its rate at random levels."""
        data, settings, grid = self._map(market, kind)
        candles, events = dataset.until_end(data, settings)
        if candles is None:
            raise DataError("This market has no candles, and a level is read beside price.")
        names = data.venues if len(data.venues) > 1 else ()
        venues = {name: dataset.heatmap(data, replace(settings, venues=(name,))) for name in names}
        made = read_level(
            grid,
            candles,
            level=level,
            side=side,
            by_venue=venues or None,
            liquidations=events if kind == "realised" else None,
            open_interest=data.open_interest,
            funding=data.funding,
            as_of=dataset.heard_until(data, venues, grid.time_edges[-1]),
            timeframe=settings.timeframe,
        )
        return {"about": self._about(data, grid), "text": made.to_text(), "reading": made.to_dict()}

    def compare_venues(
        self, level: Usd, market: Market = FIRST, side: Literal["long", "short"] | None = None
    ) -> dict[str, Any]:
        """Whether realised liquidations at a price are one venue's or the market's, if anybody can say."""
        # The reading's own step, so that the two tools never contradict each other.
        read = self.read_level(level, market, "realised", side)
        return {"about": read["about"], **read["reading"]["step_agreement"]}

    def _map(self, market: str, kind: Kind) -> tuple[Dataset, ViewSettings, HeatGrid]:
        data = self._market(market)
        hours = float(PRESETS[market].hours) if market in PRESETS else 72.0
        settings = ViewSettings(layer=kind, timeframe="15m" if hours <= 336 else "4h", hours=hours)
        if kind == "realised" and data.liquidations is None:
            raise DataError(
                data.untold or "No venue has told liquidations of this market. Ask for kind modelled."
            )
        return data, settings, dataset.heatmap(data, settings)

    def _market(self, market: str) -> Dataset:
        if market in samples.names():
            return dataset.of_sample(market)
        if market not in {*PRESETS, *NAMED_DAYS}:
            known = wording.joined([*PRESETS, *NAMED_DAYS, *samples.names()])
            raise DataError(f"There is no market {market[:40]!r}. There are {known}.")
        look = self.app.real.look(market, _WAIT)
        if look.data is None:
            why = (
                look.away
                or " ".join(look.problems)
                or f"It is being fetched: {look.words}. Ask again in a moment."
            )
            raise DataError(
                f"The real market is not at hand. {why} The samples calm and violent are, synthetic ones."
            )
        return look.data

    def _about(self, data: Dataset, grid: HeatGrid) -> dict[str, Any]:
        facts = grid.provenance
        as_of = None if facts.as_of is None else pd.Timestamp(facts.as_of, tz="UTC")
        return {
            "kind": grid.kind,
            "meaning": _KINDS[grid.kind],
            "market": data.label,
            "synthetic": data.synthetic,
            "venues": {one.venue: one.completeness for one in facts.venues},
            "completeness": facts.completeness if grid.kind == "realised" else "an estimate",
            "from": wording.iso(grid.time_edges[0]),
            "data_up_to": None if as_of is None else wording.iso(as_of),
            "seconds_old": None
            if as_of is None or data.synthetic
            else (self.clock() - as_of).total_seconds(),
            "model": facts.model,
            "doubts": [*facts.flags, *data.notes, *([data.made_of] if data.made_of else []), _DOUBT],
        }


def size_position(
    side: Literal["long", "short"],
    entry: Usd,
    stop: Usd,
    account: Usd,
    risk_percent: Annotated[
        Number, Field(gt=0, le=100, description="Per cent of the account lost at the stop.")
    ] = 1.0,
    leverage: Annotated[Number, Field(ge=1, le=200)] = 1.0,
    targets: Annotated[list[Number] | None, Field(max_length=20)] = None,
    fee_percent: Annotated[Number, Field(ge=0, le=5, description="Per cent of the value, each way.")] = 0.05,
    maintenance_percent: Annotated[Number, Field(gt=0, lt=100, description="The venue's bracket.")] = 0.5,
) -> dict[str, Any]:
    """The size at which the stop loses a fixed share of the account, and whether liquidation comes first."""
    plan = plan_trade(
        side=side,
        entry=entry,
        stop=stop,
        account=account,
        risk=risk_percent / 100,
        leverage=leverage,
        targets=tuple(targets or ()),
        fee_rate=fee_percent / 100,
        maintenance_margin_rate=maintenance_percent / 100,
    )
    return {"accepted": plan.accepted, "reasons": list(plan.reasons), "plan": asdict(plan), "text": str(plan)}


def scoreboard() -> dict[str, Any]:
    """How maps have scored against positions that were measured; committed with this version, never live."""
    table = found.measured()
    return {"note": table.note, "rows": table.rows.to_dict("records"), "doubt": _DOUBT}


def _bands(grid: HeatGrid, price: float | None, count: int) -> list[dict[str, Any]]:
    """The bands with the most USD: of a stock in its last observed column, of a flow over the window."""
    rows: list[dict[str, Any]] = []
    for side in tables.SIDES:
        usd = _usd(grid, side)
        for bin_ in np.argsort(usd)[::-1][:count]:
            if usd[bin_] > 0:
                low, high = (float(edge) for edge in grid.price_edges[bin_ : bin_ + 2])
                distance = None if price is None else float(away(price, low, high))
                rows.append(
                    {"side": side, "low": low, "high": high, "usd": float(usd[bin_]), "away": distance}
                )
    return sorted(rows, key=lambda row: float(row["usd"]), reverse=True)[:count]


def _usd(grid: HeatGrid, side: str) -> np.ndarray:
    cells = getattr(grid, side)
    if not grid.is_stock:
        return cells.sum(axis=0, dtype=np.float64)
    seen = np.flatnonzero(np.asarray(grid.observed))
    return cells[seen[-1]].astype(np.float64) if len(seen) else np.zeros(cells.shape[1])


def _within(grid: HeatGrid, price: float | None) -> list[dict[str, Any]]:
    """USD of longs below and of shorts above the last price, by distance."""
    if price is None:
        return []
    middle = np.sqrt(grid.price_edges[:-1] * grid.price_edges[1:])
    share = np.asarray(away(price, middle))
    longs, shorts = _usd(grid, "long"), _usd(grid, "short")
    return [
        {
            "within": reach,
            "longs_below": float(longs[(share <= 0) & (share >= -reach)].sum()),
            "shorts_above": float(shorts[(share >= 0) & (share <= reach)].sum()),
        }
        for reach in (0.02, 0.05, 0.1)
    ]


def _clusters(data: Dataset, settings: ViewSettings, grid: HeatGrid) -> list[Cluster]:
    """As the app finds them: a realised map against the finest candles and its events."""
    if grid.is_stock:
        return find_clusters(grid, price=dataset.price_bars(data, settings))
    candles, events = dataset.until_end(data, settings)
    return find_clusters(grid, price=candles, liquidations=events)


def _cluster(one: Cluster, price: float | None) -> dict[str, Any]:
    odds = None if not one.chance > 0 else f"about 1 in {round(min(1 / one.chance, 1e6)):,} by chance"
    return {
        **{
            name: getattr(one, name)
            for name in ("side", "low", "centre", "high", "notional", "expected", "events")
        },
        "largest_share": one.largest_share,
        "away": None if price is None else float(away(price, one.low, one.high)),
        "odds": odds,
        "first_seen": wording.iso(one.first_seen),
    }


def _plain(value: Any) -> Any:
    """Values as JSON has them; what is no number is nothing."""
    if isinstance(value, dict):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(held) for held in value]
    if isinstance(value, (np.floating, float)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (np.datetime64, pd.Timestamp)):
        return wording.iso(value)
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
