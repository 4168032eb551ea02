"""How often our words are said where nothing is, and how often they are right where something was planted.

Every row is one word in one kind of world: how many worlds, and in how many of them it was said. Nothing here
is random but by its seed, so the same table comes out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from liqcore import tables, wording
from liqcore.heat.agreement import agreement
from liqcore.heat.clusters import ClusterStory, track_clusters
from liqcore.heat.grid import HeatGrid
from liqcore.heat.realised import realised_heatmap
from liqcore.heat.verdicts import Agreement
from liqcore.lab.null_worlds import (
    NULLS,
    START,
    Null,
    World,
    events_along,
    plant,
    random_walk,
    visited,
    wandering,
    with_margins,
    world,
)
from liqcore.reading import prepare, read_level

VENUES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm")
_DAY = pd.Timedelta("1D")
_QUARTER = np.timedelta64(900_000_000, "us")
_PRICE = 28_000.0
# A cluster is in its place within this much of the level planted (log price).
_THERE = 2e-3


@dataclass(frozen=True)
class Row:
    """How often a word is said: `said` of `worlds`; `wanted` tells what would be right, `most` or `least` the
    bar."""

    word: str
    where: str
    said: int
    worlds: int
    wanted: str

    @property
    def share(self) -> float:
        return self.said / max(self.worlds, 1)


Check = Callable[[int], Sequence[bool]]


@dataclass(frozen=True)
class Question:
    """One row to be made: `check(seed)` tells for one world, or several, whether the word was said."""

    word: str
    where: str
    wanted: str
    check: Check
    worlds: int

    def row(self, share: float = 1.0) -> Row:
        """Ask a share of the worlds."""
        seeds = range(max(round(self.worlds * share), 2))
        found = [one for seed in seeds for one in self.check(seed)]
        return Row(self.word, self.where, int(sum(found)), len(found), self.wanted)


def questions() -> list[Question]:
    """Every row of the table, in order."""
    return [*_clusters(), *_venues(), *_stocks(), *_readings()]


# Clusters of realised maps


def cluster_story(made: World) -> ClusterStory:
    """The clusters of a world's realised map."""
    grid = realised_heatmap(made.liquidations, "15min", 150, start=made.start, end=made.end)
    return track_clusters(grid, price=made.candles, liquidations=made.liquidations)


_SIZES = tuple((number, hours) for hours in (3.0, 24.0) for number in (50, 300, 4_000))


def _any(
    seed: int, kind: Null, sizes: tuple[tuple[int, float], ...], wander: bool = False, **more: float
) -> list[bool]:
    """Whether any cluster is announced, in a world of each size: events a side, hours."""
    return [
        bool(cluster_story(world(seed, number, kind, hours=hours, wander=wander, **more)).present)  # type: ignore[arg-type]
        for number, hours in sizes
    ]


def _found(seed: int, number: int, share: float, width: float) -> list[bool]:
    made = world(seed, number, planted=share, width=width)
    assert made.level is not None
    level = np.log(made.level)
    return [any(abs(np.log(one.centre) - level) < _THERE for one in cluster_story(made).present)]


def _print(seed: int, number: int) -> list[bool]:
    """One order of 50 million USD at a price that was traded."""
    made = world(seed, number)
    bar = made.candles.iloc[1_440 + (seed * 131) % 1_400]
    whale = pd.DataFrame(
        {
            "time": [bar["time"] + pd.Timedelta("20s")],
            "side": ["long"],
            "price": [float(bar["close"])],
            "notional": [5e7],
            "venue": ["Alder"],
        }
    )
    events = tables.liquidations(pd.concat([made.liquidations.drop(columns="quantity"), whale]))
    story = cluster_story(World(made.candles, events, 1, made.start, made.end))
    return [any(one.low <= bar["close"] <= one.high for one in story.present)]


def _parts(seed: int, number: int) -> list[bool]:
    """One position of 5 million USD that is closed in forty parts within a minute."""
    made = world(seed, number)
    bar = made.candles.iloc[1_440 + (seed * 131) % 1_400]
    step = np.arange(40) / 40
    parts = pd.DataFrame(
        {
            "time": bar["time"] + pd.to_timedelta(60 * step, unit="s"),
            "side": "long",
            "price": float(bar["close"]) * np.exp(6e-4 * ((7 * step) % 1.0 - 0.5)),
            "notional": 125_000.0,
            "venue": "Alder",
        }
    )
    events = tables.liquidations(pd.concat([made.liquidations.drop(columns="quantity"), parts]))
    story = cluster_story(World(made.candles, events, 1, made.start, made.end))
    return [
        any(one.low <= bar["close"] * 1.001 and one.high >= bar["close"] * 0.999 for one in story.present)
    ]


def _rounded(seed: int, number: int) -> list[bool]:
    """Prices rounded to 50 USD, in a world without any level."""
    made = world(seed, number)
    round_ = made.liquidations.drop(columns="quantity")
    round_["price"] = (round_["price"] / 50).round() * 50
    events = tables.liquidations(round_)
    return [bool(cluster_story(World(made.candles, events, 1, made.start, made.end)).present)]


# Shares of the margins (log price) that grow with the size of a position, on a venue of bankruptcy prices.
_MARGINS = {0.0045: 0.75, 0.01: 0.15, 0.02: 0.07, 0.03: 0.03}


def _margins(seed: int) -> list[bool]:
    """Bankruptcy prices of several margins, where no level is."""
    made = (world(seed, number, "new ground") for number in (300, 4_000))
    drawn = np.random.default_rng(seed)
    return [bool(cluster_story(with_margins(drawn, one, _MARGINS)).present) for one in made]


def _clusters() -> Iterator[Question]:
    wrong = "never"
    many = "50 to 4,000 a side in 3 h and 24 h"
    for kind in NULLS:
        check = partial(_any, kind=kind, sizes=_SIZES)
        yield Question("cluster", f"liquidations by {kind}, {many}", wrong, check, 20)
    check = partial(_any, kind="travel", sizes=_SIZES, wander=True)
    yield Question("cluster", f"a rate that doubles and halves within hours, {many}", wrong, check, 20)
    for minutes in (5, 15):
        check = partial(_any, kind="new ground", sizes=((300, 24.0), (4_000, 24.0)), minutes=minutes)
        yield Question("cluster", f"candles of {minutes} minutes, 300 and 4,000 a side", wrong, check, 30)
    for volatility in (0.3, 1.2):
        check = partial(_any, kind="travel", sizes=((300, 24.0), (4_000, 24.0)), volatility=volatility)
        where = f"volatility of {wording.percent(volatility)} a year, 300 and 4,000 a side"
        yield Question("cluster", where, wrong, check, 30)
    for number in (50, 300, 4_000):
        yield Question(
            "cluster",
            f"one order of $50M among {wording.whole(number)} a side",
            wrong,
            partial(_print, number=number),
            20,
        )
    many = wording.whole(300)
    yield Question(
        "cluster",
        f"one position closed in 40 parts within a minute, among {many} a side",
        wrong,
        partial(_parts, number=300),
        20,
    )
    for number in (300, 4_000):
        where = f"prices rounded to $50, {wording.whole(number)} a side"
        yield Question("cluster", where, wrong, partial(_rounded, number=number), 20)
    where = "bankruptcy prices of several margins, 300 and 4,000 a side"
    yield Question("cluster", where, wrong, _margins, 20)
    where = f"each liquidation sets off nine tenths of another within minutes, {many} a side"
    check = partial(_any, kind="travel", sizes=((300, 24.0),), excited=0.9)
    yield Question("cluster", where, wrong, check, 60)
    for number, share, width in (
        (50, 0.25, 6e-4),
        (300, 0.10, 15e-4),
        (300, 0.25, 15e-4),
        (4_000, 0.10, 15e-4),
    ):
        where = (
            f"{wording.percent(share)} of {wording.whole(number)} planted within"
            f" {wording.whole(width * 1e4)} bp"
        )
        yield Question(
            "cluster", where, "there", partial(_found, number=number, share=share, width=width), 30
        )


# Agreement of venues


def venue_world(
    seed: int,
    number: int,
    hot: int,
    kind: Null = "travel",
    wander: bool = False,
    shape: str | None = None,
    share: float = 0.25,
    width: float = 15e-4,
    order: float = 0.0,
) -> Agreement:
    """The verdict on five venues that share a path, the first `hot` of which have a level planted, at that
    level; one order of the first venue holds a share `order` of the USD there.

    With a `shape`, `flat` or `hump`, there is no path: prices lie around the level like that, and no candles
    are known.
    """
    rng = np.random.default_rng((seed, number, hot))
    candles = random_walk(rng)
    start = START + _DAY
    rate = wandering(rng, len(candles)) if wander else None
    level = visited(rng, candles, start)
    parts = {}
    for i, name in enumerate(VENUES):
        if shape is None:
            part = events_along(rng, candles, number, kind, start=start, rate=rate, venue=name)
            if i < hot:
                part = plant(rng, candles, part, share, level, width=width, start=start)
        else:
            part = _around(rng, level, number, shape, start, name, share if i < hot else 0.0, width)
        parts[name] = part
    if order:
        parts[VENUES[0]] = _with_order(parts, level, order)
    return _compared(parts, candles if shape is None else None, level)


def _compared(parts: dict[str, pd.DataFrame], path: pd.DataFrame | None, level: float) -> Agreement:
    table = tables.liquidations(pd.concat(parts.values()).drop(columns="quantity"))
    prices = (float(table["price"].min()), float(table["price"].max()))
    start = START + _DAY
    maps = {
        name: realised_heatmap(part, "15min", 120, start=start, end=start + _DAY, price_range=prices)
        for name, part in parts.items()
    }
    return agreement(maps, level, 0.005, side="long", price=path, liquidations=table)


def _with_order(parts: dict[str, pd.DataFrame], level: float, share: float) -> pd.DataFrame:
    """The first venue with one more order beside its event nearest to the level, with that share of the USD
    of longs within half a per cent."""
    off = [np.abs(np.log(part["price"] / level)).where(part["side"] == "long") for part in parts.values()]
    near = sum(
        float(part.loc[away <= 0.005, "notional"].sum())
        for part, away in zip(parts.values(), off, strict=True)
    )
    first = parts[VENUES[0]].drop(columns="quantity")
    like = first.loc[[off[0].idxmin()]]
    one = like.assign(time=like["time"] + pd.Timedelta("3s"), notional=near * share / (1 - share))
    return tables.liquidations(pd.concat([first, one]))


def _around(
    rng: np.random.Generator,
    level: float,
    number: int,
    shape: str,
    start: pd.Timestamp,
    venue: str,
    share: float,
    width: float,
) -> pd.DataFrame:
    x = rng.uniform(-0.03, 0.03, number) if shape == "flat" else rng.normal(0, 0.012, number)
    moved = rng.random(number) < share
    x = np.where(moved, rng.uniform(-width / 2, width / 2, number), x)
    time = start + pd.to_timedelta(rng.uniform(0, 86_400, number), unit="s").as_unit("us")
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": time,
                "side": "long",
                "price": level * np.exp(x),
                "notional": rng.lognormal(9.0, 1.5, number),
                "venue": venue,
            }
        )
    )


def _minute(seed: int, number: int, words: tuple[str, ...]) -> list[bool]:
    """A fifth of the longs of five venues in one minute that they share."""
    rng = np.random.default_rng((seed, number))
    candles = random_walk(rng)
    bar = candles.iloc[1_440 + int(rng.integers(1_400))]
    parts = {}
    for name in VENUES:
        part = events_along(rng, candles, number, start=START + _DAY, venue=name).drop(columns="quantity")
        hit = np.zeros(len(part), dtype=bool)
        hit[rng.choice(np.flatnonzero(part["side"] == "long"), number // 5, replace=False)] = True
        within = bar["time"] + pd.to_timedelta(rng.uniform(0, 59, len(part)), unit="s").as_unit("us")
        part["time"] = part["time"].mask(hit, pd.Series(within))
        part["price"] = part["price"].mask(hit, pd.Series(rng.uniform(bar["low"], bar["high"], len(part))))
        parts[name] = tables.liquidations(part)
    return [_compared(parts, candles, float(bar["close"])).verdict in words]


def _agrees(seed: int, words: tuple[str, ...], **more: object) -> list[bool]:
    return [venue_world(seed, **more).verdict in words for _ in (0,)]  # type: ignore[arg-type]


def _venues() -> Iterator[Question]:
    both = ("partly confirmed", "market-wide")
    name = "partly confirmed or market-wide"
    for number in (50, 300, 4_000):
        for wander in (False, True):
            how = "a wandering rate" if wander else "a shared path"
            check = partial(_agrees, words=both, number=number, hot=0, wander=wander)
            yield Question(
                name, f"no level at five venues, {wording.whole(number)} each, {how}", "never", check, 20
            )
    for number in (300, 4_000):
        check = partial(_minute, number=number, words=both)
        where = f"a fifth of five venues' longs in one minute, {wording.whole(number)} each"
        yield Question(name, where, "never", check, 20)
    for shape in ("flat", "hump"):
        for number in (50, 300, 4_000):
            check = partial(_agrees, words=both, number=number, hot=0, shape=shape)
            yield Question(
                name, f"no level, {wording.whole(number)} each, {shape}, without candles", "never", check, 20
            )
    check = partial(_agrees, words=both, number=300, hot=1)
    yield Question(name, "a level at one venue of five, 300 each", "never", check, 20)
    check = partial(_agrees, words=both, number=300, hot=3)
    yield Question(name, "a level at three venues of five, 300 each", "there", check, 20)
    check = partial(_agrees, words=both, number=300, hot=5, order=0.72)
    where = "a level at all five, 300 each, but one order is 72 % of the USD"
    yield Question(name, where, "never", check, 20)
    check = partial(_agrees, words=("market-wide",), number=300, hot=5)
    yield Question("market-wide", "a level at all five, a quarter of 300 each", "there", check, 30)
    check = partial(_agrees, words=("market-wide",), number=300, hot=5, wander=True)
    yield Question("market-wide", "the same at a wandering rate", "there", check, 20)


# Modelled and measured maps


def stock_map(
    seed: int,
    spread: float,
    columns: int = 1,
    wobble: float = 0.0,
    bands: tuple[float, ...] = (),
    bins: int = 300,
) -> HeatGrid:
    """A smooth profile with uneven bins, and narrow bands of six times the profile at some distances."""
    rng = np.random.default_rng(seed)
    edges = _PRICE * np.exp(np.linspace(-0.15, 0.15, bins + 1))
    away = np.log(np.sqrt(edges[1:] * edges[:-1]) / _PRICE)
    still, moving = rng.normal(0, spread, (1, bins)), rng.normal(0, spread, (columns, bins))
    base = np.exp(-np.abs(away) / 0.05)
    heat = 1e6 * base * np.exp(still * np.sqrt(1 - wobble**2) + moving * wobble)
    for place in bands:
        heat += 5e6 * np.exp(-abs(place) / 0.05) * np.exp(-0.5 * ((away - place) / 4e-4) ** 2)
    time = START.tz_localize(None).to_datetime64() + _QUARTER * np.arange(columns + 1)
    return HeatGrid("modelled", time, edges, heat * (away < 0), heat * (away > 0))


def _stock(seed: int, spread: float) -> list[bool]:
    return [bool(track_clusters(stock_map(seed, spread), price=np.array([_PRICE])).present)]


def _two(seed: int, bins: int) -> list[bool]:
    grid = stock_map(seed, 0.1, bands=(-0.0405, -0.0445), bins=bins)
    return [len(track_clusters(grid, price=np.array([_PRICE])).present) == 2]


def happenings(seed: int, wobble: float) -> int:
    """What is told of a day of noise in columns of a quarter of an hour."""
    story = track_clusters(stock_map(seed, 0.4, 96, wobble), price=np.full(96, _PRICE))
    return sum(not one.at_start for one in story.events)


def _busy_day(seed: int, wobble: float) -> list[bool]:
    return [happenings(seed, wobble) > 1]


def _stocks() -> Iterator[Question]:
    for spread in (0.1, 0.3, 0.6, 1.0):
        where = f"a modelled map of uneven bins (spread {wording.decimal(spread)} in logs)"
        yield Question("cluster", where, "never", partial(_stock, spread=spread), 100)
    for wobble in (0.3, 1.0):
        where = f"more than one change a day told of noise (wobble {wording.decimal(wobble)})"
        yield Question("grew, appeared, faded …", where, "seldom", partial(_busy_day, wobble=wobble), 20)
    for bins in (240, 300, 400):
        where = f"two equal bands 0.4 % apart, {bins} bins"
        yield Question("two clusters", where, "there", partial(_two, bins=bins), 40)


# The reading of a level


def _verdicts(seed: int, word: str, levels: int) -> list[bool]:
    made = world(seed, 1_200, NULLS[seed % 4], hours=96, past_hours=168, wander=seed % 3 == 0)
    grid = realised_heatmap(made.liquidations, "15min", 150, start=made.start, end=made.end)
    ready = prepare(grid, made.candles, liquidations=made.liquidations)
    rng, last = np.random.default_rng(seed), float(made.candles["close"].iloc[-1])
    found = [
        read_level(grid, made.candles, level=last * float(np.exp(away)), prepared=ready).balance
        for away in rng.uniform(-0.03, 0.03, levels)
    ]
    return [one == word for one in found if one != "cannot say"]


def _readings() -> Iterator[Question]:
    for word in ("mostly for", "mostly against"):
        where = "random levels within 3 % of price on random walks"
        yield Question(word, where, "1 in 10", partial(_verdicts, word=word, levels=40), 26)
