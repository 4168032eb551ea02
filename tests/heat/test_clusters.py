"""Clusters: what is found, who it is over time, and what is said to have happened to it."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from liqcore import tables
from liqcore.heat.bands import Bands, ClusterRule
from liqcore.heat.cluster_story import follow
from liqcore.heat.clusters import ClusterEvent, find_clusters, track_clusters
from liqcore.heat.concentration import concentration
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage
from liqcore.heat.price_path import PricePath
from liqcore.heat.realised import realised_heatmap

START = np.datetime64("2026-03-01T00:00", "us")
HOUR = np.timedelta64(3_600_000_000, "us")
# Bins of 10 bp, which are those of the search, so that what is planted is what there is to find.
EDGES = np.exp((10_080 + np.arange(321)) * 0.001)
BINS, HERE = 320, 160
PRICE = float(np.sqrt(EDGES[HERE] * EDGES[HERE + 1]))


def grid_of(
    long: np.ndarray,
    short: np.ndarray | None = None,
    kind: str = "modelled",
    edges: np.ndarray = EDGES,
    **more,
) -> HeatGrid:
    long = np.asarray(long, dtype=float)
    return HeatGrid(
        kind,
        START + HOUR * np.arange(len(long) + 1),
        edges,
        long,
        np.zeros_like(long) if short is None else short,
        Provenance(venues=(VenueCoverage("okx"),)),
        **more,
    )


def noise(columns: int, seed: int = 1, side: str = "long", spread: float = 0.1) -> np.ndarray:
    """Background heat on the side of the price where it belongs, the same in every column."""
    rng = np.random.default_rng(seed)
    heat = np.tile(np.exp(rng.normal(np.log(1e4), spread, BINS)), (columns, 1))
    heat[:, HERE:] *= side == "short"
    heat[:, : HERE + 1] *= side == "long"
    return heat


def at(column: int) -> np.datetime64:
    """When what a column shows is known: at its closing edge."""
    return START + HOUR * (column + 1)


def prices(columns: int) -> np.ndarray:
    return np.full(columns, PRICE)


def kinds(events) -> list[str]:
    return [event.kind for event in events]


def candles_of(
    close: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> pd.DataFrame:
    low, high = (close if values is None else values for values in (low, high))
    time = pd.DatetimeIndex(START + HOUR * np.arange(len(close)), tz="UTC")
    return tables.candles(
        pd.DataFrame(
            {
                "time": time,
                "open": close,
                "high": np.maximum(high, close),
                "low": np.minimum(low, close),
                "close": close,
            }
        )
    )


# What is found


def test_a_planted_band_is_found_with_its_edges_and_usd():
    heat = noise(20)
    heat[:, 120:123] = 2e5
    found = find_clusters(grid_of(heat), price=prices(20))
    assert len(found) == 1
    band = found[0]
    assert (band.side, band.kind) == ("long", "modelled")
    assert (band.low, band.high) == (pytest.approx(EDGES[120]), pytest.approx(EDGES[123]))
    assert band.notional == pytest.approx(6e5, rel=1e-4)
    assert band.peak == pytest.approx(2e5, rel=1e-4)
    assert band.centre == pytest.approx(np.sqrt(EDGES[120:123] * EDGES[121:124]).mean(), rel=1e-6)
    assert band.expected == pytest.approx(3e4, rel=0.2)
    assert band.ratio == pytest.approx(band.notional / band.expected)
    assert band.chance < 0.01
    assert band.z > 2
    assert band.persistence == 1.0
    assert band.first_seen == at(0)
    assert band.last_seen == at(19)
    assert band.age == 19 * HOUR
    assert band.venues == ("okx",)
    assert band.orders is band.events is band.visits is band.beyond_busy is None
    assert "times the smooth profile" in band.sentence
    assert band.distance(EDGES[121]) == 0.0
    assert band.distance(EDGES[125]) == pytest.approx(0.002, rel=1e-6)


def test_a_flat_map_has_no_cluster_however_hot():
    heat = np.zeros((10, BINS))
    heat[:, :HERE] = 1e9
    assert find_clusters(grid_of(heat), price=prices(10)) == []


def test_only_what_is_within_reach_is_searched():
    heat = noise(3)
    heat[:, [40, 41, 42, 130, 131, 132]] = 1e6
    assert len(find_clusters(grid_of(heat), price=prices(3))) == 2
    near = find_clusters(grid_of(heat), price=prices(3), rule=ClusterRule(reach=0.10))
    assert [band.low for band in near] == [pytest.approx(EDGES[130])]


def test_minimum_heat_drops_slight_bands():
    heat = noise(3)
    heat[:, 120:123] = 3e5
    for usd, number in ((8e5, 1), (1e6, 0)):
        assert len(find_clusters(grid_of(heat), price=prices(3), rule=ClusterRule(minimum_usd=usd))) == number


# Price


def test_without_prices_a_stock_stands_between_its_longs_and_its_shorts():
    long, short = noise(10), noise(10, side="short")
    long[:, 120:123], short[:, 200:203] = 3e5, 3e5
    story = track_clusters(grid_of(long, short))
    assert {(band.side, round(band.low, 3)) for band in story.present} == {
        ("long", round(EDGES[120], 3)),
        ("short", round(EDGES[200], 3)),
    }
    assert any("swept cannot be told" in note for note in story.notes)


def test_a_price_far_outside_the_map_is_said():
    heat = np.zeros((3, BINS))
    heat[:, 120:123] = 1e6
    story = track_clusters(grid_of(heat), price=np.full(3, 4_000_000.0))
    assert story.present == ()
    assert any("same currency" in note for note in story.notes)


@pytest.mark.parametrize(
    ("price", "words"),
    [(np.full(2, PRICE), "one closing price for each"), (np.array([PRICE, -1.0, PRICE]), "above zero")],
)
def test_prices_that_do_not_fit_are_refused(price, words):
    with pytest.raises(GridError, match=words):
        track_clusters(grid_of(np.zeros((3, BINS))), price=price)


def test_a_candle_counts_in_the_column_in_which_it_closed():
    heat = noise(8)
    heat[:4, 148:152] = 1e6
    close = prices(8)
    low = close.copy()
    low[4] = EDGES[146]
    events = track_clusters(grid_of(heat), price=candles_of(close, low=low)).events
    assert [(event.kind, event.time) for event in events] == [("appeared", at(0)), ("swept", at(4))]


# What happens


def test_a_band_appears_and_grows_and_shrinks():
    heat = noise(30)
    heat[6:, 120:123] = 2e5
    heat[12:, 120:123] = 6e5
    heat[24:, 120:123] = 2.5e5
    story = track_clusters(grid_of(heat), last=4, price=prices(30))
    told = [(event.kind, event.time) for event in story.events]
    assert told == [("appeared", at(6)), ("grew", at(12)), ("shrank", at(24))]
    grew = story.events[1]
    assert (grew.before, grew.after) == (pytest.approx(6e5, rel=1e-4), pytest.approx(18e5, rel=1e-4))
    assert grew.cluster == story.present[0].id
    history = story.history(grew.cluster)
    assert len(history) == 24
    assert history["notional"].iloc[[0, 6, 18]].to_numpy() == pytest.approx([6e5, 18e5, 7.5e5], rel=1e-4)


def test_what_was_there_from_the_start_is_marked():
    heat = noise(3)
    heat[:, 120:123] = 1e6
    event = track_clusters(grid_of(heat), price=prices(3)).events[0]
    assert event.at_start
    assert "already there" in event.sentence


def test_swept_is_not_dissipated():
    heat = noise(12)
    heat[:8, 148:152] = 1e6
    heat[8:, 148:152] = noise(4)[:, 148:152]
    close = prices(12)
    crossing = close.copy()
    crossing[8] = EDGES[146]
    swept = track_clusters(grid_of(heat), price=candles_of(close, low=crossing)).events
    gone = track_clusters(grid_of(heat), price=candles_of(close)).events
    assert [(event.kind, event.time) for event in swept][1:] == [("swept", at(8))]
    assert [(event.kind, event.time) for event in gone][1:] == [("dissipated", at(8))]
    assert swept[1].before == pytest.approx(4e6, rel=1e-4)
    assert swept[1].after < 1e5
    assert "crossed" in swept[1].sentence
    assert "without price crossing" in gone[1].sentence


def test_a_band_half_swept_lives_on():
    heat = noise(12)
    heat[:, 128:146] = 1e6
    heat[6:, 134:146] = noise(6)[:, 134:146]
    close = prices(12)
    low = close.copy()
    low[6] = EDGES[134]
    story = track_clusters(grid_of(heat), price=candles_of(close, low=low))
    assert [(event.kind, event.time) for event in story.events][1:] == [("swept", at(6))]
    assert story.present[0].id == story.events[1].cluster
    assert story.present[0].high == pytest.approx(EDGES[134])


def test_a_band_that_only_stops_standing_out_is_given_patience():
    heat = noise(20)
    heat[:, 120:123] = 2e5
    # All else rises to it, roughly: the heat is still there, and no longer more than around it.
    heat[8:, :HERE] = noise(12, seed=2)[:, :HERE] * 20
    story = track_clusters(grid_of(heat), price=prices(20))
    end = [event for event in story.events if event.kind == "dissipated"]
    assert [event.time for event in end] == [at(8 + 3 - 1)]
    assert "no longer stands out" in end[0].sentence


def test_a_short_absence_keeps_the_id_without_an_event():
    heat = noise(12)
    heat[:, 120:123] = 2e5
    heat[5, :HERE] = noise(1, seed=2)[0, :HERE] * 20
    story = track_clusters(grid_of(heat), price=prices(12))
    assert kinds(story.events) == ["appeared"]
    assert story.present[0].first_seen == at(0)
    assert story.present[0].persistence == pytest.approx(11 / 12)


def test_a_dead_band_re_emerges_with_its_id():
    heat = noise(20)
    heat[[*range(6), *range(12, 20)], 120:123] = 2e5
    story = track_clusters(grid_of(heat), price=prices(20))
    assert [(event.kind, event.time) for event in story.events] == [
        ("appeared", at(0)),
        ("dissipated", at(6)),
        ("re-emerged", at(12)),
    ]
    assert len({event.cluster for event in story.events}) == 1
    assert story.present[0].first_seen == at(0)


def test_a_band_forgotten_is_new():
    heat = noise(20)
    heat[[*range(6), *range(12, 20)], 120:123] = 2e5
    events = track_clusters(grid_of(heat), price=prices(20), rule=ClusterRule(memory=3)).events
    assert kinds(events) == ["appeared", "dissipated", "appeared"]


def test_two_bands_merge_and_one_splits():
    heat = noise(12)
    heat[:, 104:116] = 1e6
    heat[:4, 126:132] = 1e6
    heat[4:8, 104:132] = 1e6
    heat[8:, 126:134] = 1e6
    events = track_clusters(grid_of(heat), last=50, price=prices(12)).events
    told = [(event.kind, event.time) for event in events if event.kind in ("merged", "split", "appeared")]
    assert told == [("appeared", at(0)), ("appeared", at(0)), ("merged", at(4)), ("split", at(8))]
    big, merged, split = (
        max(events[:2], key=lambda e: e.after),
        next(e for e in events if e.kind == "merged"),
        next(e for e in events if e.kind == "split"),
    )
    assert merged.other == split.other == big.cluster
    assert merged.cluster != big.cluster != split.cluster


def test_a_shift_is_told_once_and_keeps_the_id():
    heat = noise(16)
    for column in range(16):
        place = 120 if column < 6 else 121 if column < 8 else 124
        heat[column, place - 4 : place + 4] = 1e6
    story = track_clusters(grid_of(heat), last=6, price=prices(16))
    shifted = [event for event in story.events if event.kind == "shifted"]
    assert [event.time for event in shifted] == [at(8)]
    assert shifted[0].centre - shifted[0].centre_before > 3 * (EDGES[121] - EDGES[120])
    assert len(story.clusters) == 1


def test_small_moves_against_a_wide_range_are_no_shift():
    heat = noise(30)
    for column in range(30):
        place = 80 if column < 20 else 83
        heat[column, place - 5 : place + 5] = 1e6
    close = prices(30)
    calm, wild = candles_of(close), candles_of(close, low=close * 0.99, high=close * 1.01)
    assert "shifted" in kinds(track_clusters(grid_of(heat), price=calm).events)
    assert "shifted" not in kinds(track_clusters(grid_of(heat), price=wild).events)


def test_columns_nobody_watched_neither_kill_nor_age():
    heat = noise(20)
    heat[:, 120:123] = 2e5
    watched = np.ones(20, dtype=bool)
    watched[8:13] = False
    heat[8:13] = 0
    story = track_clusters(grid_of(heat, observed=watched), price=prices(20))
    assert kinds(story.events) == ["appeared"]
    assert story.present[0].age == (19 - 5) * HOUR
    assert story.present[0].persistence == 1.0
    assert any("5 of 20 columns were not observed" in note for note in story.notes)


def test_a_map_nobody_watched_holds_nothing():
    story = track_clusters(grid_of(noise(4), observed=np.zeros(4, dtype=bool)))
    assert (story.clusters, story.events) == ((), ())
    assert story.notes[0].startswith("No column")


def test_price_going_away_does_not_kill_a_cluster():
    heat = noise(30)
    heat[:, 100:104] = 1e6
    close = prices(30)
    close[10:20] = EDGES[300]
    story = track_clusters(grid_of(heat), price=close)
    assert kinds(story.events) == ["appeared"]
    assert [band.first_seen for band in story.present] == [at(0)]


@given(st.integers(0, 10_000), st.integers(2, 14))
def test_truncating_the_future_changes_nothing_before_it(seed, cut):
    grid, candles = wild(seed)
    whole = track_clusters(grid, last=4, price=candles)
    part = track_clusters(grid.crop(end=grid.time_edges[cut]), last=4, price=candles)
    assert part.events == tuple(event for event in whole.events if event.time <= grid.time_edges[cut])


@given(st.integers(0, 10_000))
def test_a_mirrored_market_tells_the_mirrored_story(seed):
    grid, _ = wild(seed, kind="modelled")
    turn = np.exp(2 * 9.21)
    closes = np.exp(9.21 + np.random.default_rng(seed).normal(0, 0.006, grid.shape[0]))
    flipped = HeatGrid(
        grid.kind,
        grid.time_edges,
        turn / grid.price_edges[::-1],
        grid.short[:, ::-1],
        grid.long[:, ::-1],
        grid.provenance,
        observed=grid.observed,
    )
    one, other = (
        track_clusters(each, last=4, price=close).events
        for each, close in ((grid, closes), (flipped, turn / closes))
    )
    swap = {"long": "short", "short": "long"}

    def told(events: tuple[ClusterEvent, ...], mirrored: bool) -> list[tuple]:
        return sorted(
            (
                event.time,
                event.kind,
                swap[event.side] if mirrored else event.side,
                round(turn / event.high if mirrored else event.low, 1),
                round(event.before, -2),
                round(event.after, -2),
            )
            for event in events
            # Centres are means of prices, which a mirror in logs does not keep.
            if event.kind != "shifted"
        )

    assert told(one, False) == told(other, True)


def wild(seed: int, kind: str | None = None) -> tuple[HeatGrid, pd.DataFrame]:
    """A restless map with gaps: bands that come and go over noise, and a price that walks through them."""
    rng = np.random.default_rng(seed)
    columns, bins = 16, 120
    edges = np.exp((9_210 + np.arange(-60, 61)) * 0.001)
    sides = []
    for _ in range(2):
        heat = np.exp(rng.normal(9, 0.3, (1, bins)) + rng.normal(0, 0.1, (columns, bins)))
        for _ in range(rng.integers(1, 7)):
            begin, low = rng.integers(0, columns), rng.integers(0, bins - 8)
            end, wide = begin + rng.integers(1, columns), rng.integers(2, 8)
            heat[begin:end, low : low + wide] += np.exp(rng.normal(12, 1))
        sides.append(heat)
    close = np.exp(9.21 + np.cumsum(rng.normal(0, 0.003, columns)))
    candles = candles_of(close, low=close * 0.997, high=close * 1.003)
    watched = rng.random(columns) < 0.9
    chosen = str(rng.choice(["modelled", "realised"])) if kind is None else kind
    return grid_of(sides[0], sides[1], kind=chosen, edges=edges, observed=watched), candles


COARSE = 20_000 * 1.01 ** np.arange(81)


# Brute force: every column against every cluster, one at a time, by the written rules


def brute_force(heat: np.ndarray, rule: ClusterRule) -> list[tuple[int, str, int]]:
    """(column, kind, low bin) of births, ends, merges, splits and returns in an empty map without prices to
    cross."""
    clusters, told = [], []

    def pieces(row: np.ndarray) -> list[dict]:
        cells, out = np.flatnonzero(row), []
        for cell in cells:
            if out and cell == out[-1]["high"]:
                out[-1]["high"] = cell + 1
            else:
                out.append({"low": cell, "high": cell + 1})
        for piece in out:
            span = slice(piece["low"], piece["high"])
            piece["usd"] = row[span].sum()
            piece["centre"] = (row[span] * np.sqrt(COARSE[:-1] * COARSE[1:])[span]).sum() / piece["usd"]
        return out

    def common(a: dict, b: dict) -> int:
        return max(0, min(a["high"], b["high"]) - max(a["low"], b["low"]))

    def overlap(a: dict, b: dict) -> float:
        union = a["high"] - a["low"] + b["high"] - b["low"] - common(a, b)
        return common(a, b) / union if common(a, b) / union >= rule.overlap else 0.0

    def near(a: dict, b: dict) -> float:
        return max(0.0, 1 - abs(a["centre"] - b["centre"]) / min(a["centre"], b["centre"]) / rule.tolerance)

    for now, row in enumerate(heat):
        free = pieces(row)
        seen = [c for c in clusters if c["state"] == "seen"]
        missing = [c for c in clusters if c["state"] == "missing"]
        previous = {id(c): c["piece"] for c in seen}
        found = {}
        for group, fit in ((seen, overlap), (missing, overlap), (seen + missing, near)):
            for cluster in sorted(group, key=lambda c: -c["piece"]["usd"]):
                fits = [p for p in free if id(cluster) not in found and fit(cluster["piece"], p) > 0]
                if fits:
                    best = max(fits, key=lambda p: fit(cluster["piece"], p))
                    found[id(cluster)] = best
                    free.remove(best)
        for cluster in seen + missing:
            if id(cluster) in found:
                continue
            piece = cluster["piece"]
            into = (
                [p for p in found.values() if 2 * common(piece, p) >= piece["high"] - piece["low"]]
                if cluster["state"] == "seen"
                else []
            )
            cluster["gone"] = cluster.get("gone", 0) + 1
            if into:
                cluster["state"] = "merged"
                told.append((now, "merged", piece["low"]))
            elif (
                row[piece["low"] : piece["high"]].sum() <= rule.decay * piece["usd"]
                or cluster["gone"] >= rule.patience
            ):
                cluster["state"], cluster["died"] = "dead", now
                told.append((now, "dissipated", piece["low"]))
            else:
                cluster["state"] = "missing"
        for cluster in clusters:
            if id(cluster) in found:
                cluster.update(state="seen", piece=found[id(cluster)], gone=0)
        for piece in free:
            split = any(
                id(c) in found and 2 * common(previous[id(c)], piece) >= piece["high"] - piece["low"]
                for c in seen
            )
            ghosts = [
                c
                for c in clusters
                if c["state"] == "dead" and c["died"] < now and now - c["died"] <= rule.memory
            ]
            ghost = None
            for fit in (overlap, near):
                fits = [c for c in ghosts if fit(c["piece"], piece) > 0]
                ghost = ghost or (max(fits, key=lambda c: c["piece"]["usd"]) if fits else None)
            if split or ghost is None:
                told.append((now, "split" if split else "appeared", piece["low"]))
                clusters.append({"state": "seen", "piece": piece})
            else:
                told.append((now, "re-emerged", piece["low"]))
                ghost.update(state="seen", piece=piece, gone=0)
    return sorted(told)


def bands_of(heat: np.ndarray) -> Bands:
    """Every stretch of filled bins of each column as a strong band of the short side."""
    found = []
    for column, row in enumerate(heat):
        labels, count = ndimage.label(row > 0)
        for k in range(1, count + 1):
            bins = np.flatnonzero(labels == k)
            usd = row[bins]
            centre = (usd * np.sqrt(COARSE[:-1] * COARSE[1:])[bins]).sum() / usd.sum()
            found.append((len(heat) + 1 + column, bins[0], bins[-1] + 1, usd.sum(), usd.max(), centre))
    fields = [np.array(part) for part in zip(*found, strict=True)]
    whole = [part.astype(np.intp) for part in fields[:3]]
    size = len(found)
    sides = np.zeros_like(heat), heat.astype(np.float32)
    rest = np.ones(size), np.full(size, 0.001), np.full(size, np.nan)
    return Bands(
        np.arange(len(heat)),
        COARSE,
        sides,
        None,
        *whole,
        *fields[3:],
        *rest,
        np.ones(size, dtype=bool),
        np.zeros(size, dtype=bool),
    )


@given(st.integers(0, 100_000))
def test_identity_over_time_agrees_with_brute_force(seed):
    rng = np.random.default_rng(seed)
    heat = np.zeros((14, 80))
    for _ in range(rng.integers(2, 5)):
        begin, place, wide = rng.integers(0, 8), rng.integers(42, 70), rng.integers(1, 4)
        for column in range(begin, min(14, begin + rng.integers(1, 12))):
            if rng.random() < 0.85:
                heat[column, place : place + wide] = np.exp(rng.normal(13, 0.3, wide))
            place = int(np.clip(place + rng.choice([-1, 0, 0, 0, 1]), 41, 76))
    heat = heat.astype(np.float32).astype(float)
    rule = ClusterRule(reach=1.0, memory=5, tolerance=0.015)
    close = np.full(14, COARSE[40])
    unknown = np.full(14, np.nan)
    lives = follow(bands_of(heat), PricePath(close, unknown, unknown, "heat"), rule, 1)
    identity = ("appeared", "merged", "split", "dissipated", "re-emerged")
    bands = bands_of(heat)
    ours = sorted(
        (one.column, one.kind, int(bands.low[one.band])) for one in lives.happenings if one.kind in identity
    )
    assert ours == brute_force(heat, rule)


# Realised maps: many small prints or one large one


def events_table(rows: list[tuple[float, str, float, float, str]]) -> pd.DataFrame:
    hours, side, price, usd, venue = zip(*rows, strict=True)
    time = pd.DatetimeIndex(START + (np.array(hours) * 3_600e6).astype("timedelta64[us]"), tz="UTC")
    return tables.liquidations(
        pd.DataFrame({"time": time, "side": side, "price": price, "notional": usd, "venue": venue})
    )


def crowd_and_whale() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A price that strolls over 4 % for a day, a crowd at 27,000 on two venues, and one large order."""
    rng = np.random.default_rng(0)
    hours = np.arange(24 * 60) / 60
    close = 27_300 + 500 * np.sin(hours * 1.3) + np.cumsum(rng.normal(0, 3, len(hours)))
    before = np.concatenate([close[:1], close[:-1]])
    candles = tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range(START, periods=len(hours), freq="min", tz="UTC"),
                "open": before,
                "close": close,
                "high": np.maximum(before, close),
                "low": np.minimum(before, close),
            }
        )
    )
    fall = np.flatnonzero(close < before)
    spread = [(hours[i], "long", close[i], 1e4, "okx") for i in rng.choice(fall, 200)]
    near = fall[np.abs(close[fall] - 27_000) < 60]
    crowd = [
        (hours[i], "long", 27_000 + rng.uniform(-20, 20), 2e4, rng.choice(["okx", "bybit"]))
        for i in rng.choice(near, 100)
    ]
    whale = [(hours[900], "long", close[900], 5e7, "okx")]
    return events_table([*spread, *crowd, *whale]), candles


def test_a_whale_is_told_apart_from_a_crowd():
    events, candles = crowd_and_whale()
    grid = realised_heatmap(events, timeframe="1h", bins=50)
    story = track_clusters(grid, price=candles, liquidations=events)
    assert len(story.present) == 1
    crowd = story.present[0]
    assert crowd.low < 27_000 < crowd.high
    assert crowd.events >= 90
    assert crowd.largest_share < 0.05
    assert set(crowd.venues) == {"bybit", "okx"}
    assert [usd for _, usd, _ in story.findings[0].prints] == [pytest.approx(5e7, rel=1e-3)]
    many = concentration(crowd, events, candles)
    assert many.events == crowd.events
    assert many.notional == pytest.approx(crowd.notional, rel=1e-5)
    assert not many.single_print
    assert "liquidations" in many.sentence


def test_a_modelled_cluster_has_no_events():
    heat = noise(3)
    heat[:, 120:123] = 1e6
    band = find_clusters(grid_of(heat), price=prices(3))[0]
    with pytest.raises(GridError, match="not made of events"):
        concentration(band, crowd_and_whale()[0])


def test_ids_do_not_change_when_time_goes_on():
    grid, candles = wild(7)
    early = track_clusters(grid.crop(end=grid.time_edges[10]), last=4, price=candles)
    late = track_clusters(grid, last=4, price=candles)
    assert {band.id for band in early.clusters} <= {band.id for band in late.clusters}
    assert len({band.id for band in late.clusters}) == len(late.clusters)
    assert late.cluster(late.clusters[0].id) == late.clusters[0]
    assert set(late.to_frame()["id"]) == {band.id for band in late.clusters}


@pytest.mark.parametrize("wrong", [{"reach": 0.0}, {"alpha": 0.0}, {"growth": 1.0}, {"patience": 0}])
def test_rules_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(GridError):
        ClusterRule(**wrong)


def test_last_counts_from_one():
    with pytest.raises(GridError, match="1 or more"):
        find_clusters(grid_of(np.zeros((3, BINS))), last=0)


def test_real_events_make_clusters_that_add_up(real_data):
    raw = pd.read_parquet(real_data / "J_2026-03_04_pacifica" / "liq_events_pacifica.parquet")
    events = tables.liquidations(
        pd.DataFrame(
            {
                "time": raw["ts"],
                "side": raw["position"].str.lower(),
                "price": raw["price"],
                "notional": raw["usd"],
                "venue": raw["exchange"],
            }
        )
    )
    bars = pd.read_parquet(real_data / "J_2026-03_04_pacifica" / "candles_perp_15m.parquet").rename(
        columns={"ts": "time"}
    )
    grid = realised_heatmap(events, timeframe="1h", bins=200)
    candles = tables.candles(bars)
    story = track_clusters(grid, price=candles, liquidations=events)
    # A level a week and side would be many: most liquidations lie where price was.
    assert len(story.clusters) < 20
    for band in story.clusters:
        held = concentration(band, events, candles)
        assert held.notional == pytest.approx(band.notional, rel=1e-4)
        assert held.events == band.events
        assert band.orders > 2 * band.expected


def test_who_keeps_a_story_keeps_no_map():
    heat = noise(400)
    heat[:, 120:123] = 2e5
    grid = grid_of(heat)
    story = track_clusters(grid, price=prices(400))
    held, size = [story], 0
    seen: dict[int, object] = {}
    while held:
        one = held.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen[id(one)] = one
        if isinstance(one, np.ndarray):
            # A view holds on to all of what it looks at.
            size += one.nbytes if one.base is None else 0
            held.append(one.base)
        held += gc.get_referents(one)
    assert story.standing["column"].nunique() == 400
    assert len(story.history(story.clusters[0].id)) == 400
    assert size < grid.long.nbytes / 4
