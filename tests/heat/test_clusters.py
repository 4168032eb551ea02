"""Clusters: what is found, who it is over time, and what is said to have happened to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from liqcore import tables
from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import ClusterEvent, concentration, find_clusters, track_clusters
from liqcore.heat.grid import GridError, HeatGrid, Provenance, VenueCoverage
from liqcore.heat.realised import realised_heatmap

START = np.datetime64("2026-03-01T00:00", "us")
HOUR = np.timedelta64(3_600_000_000, "us")
# Bins of 1 % are coarser than the smoothing, so that what is planted is what there is to find.
EDGES = 20_000 * 1.01 ** np.arange(81)
PRICE = float(np.sqrt(EDGES[40] * EDGES[41]))


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


def noise(columns: int, seed: int = 1, side: str = "long", spread: float = 0.02) -> np.ndarray:
    """Background heat on the side of the price where it belongs."""
    rng = np.random.default_rng(seed)
    heat = np.exp(rng.normal(np.log(1e4), spread, (columns, 80)))
    heat[:, 40:] *= side == "short"
    heat[:, :41] *= side == "long"
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
    heat[:, 30:33] = 2e5
    found = find_clusters(grid_of(heat), price=prices(20))
    assert len(found) == 1
    band = found[0]
    assert (band.side, band.low, band.high) == ("long", EDGES[30], EDGES[33])
    assert band.notional == pytest.approx(6e5)
    assert band.peak == pytest.approx(2e5)
    centres = np.sqrt(EDGES[30:33] * EDGES[31:34])
    assert band.centre == pytest.approx(centres.mean())
    assert band.z is not None
    assert band.z > 2.5
    assert band.persistence == 1.0
    assert band.first_seen == at(0)
    assert band.last_seen == at(19)
    assert band.age == 19 * HOUR
    assert band.venues == ("okx",)
    assert band.distance(EDGES[31]) == 0.0
    assert band.distance(EDGES[35]) == pytest.approx(2 * np.log(1.01))


def test_noise_without_a_band_has_no_cluster():
    assert find_clusters(grid_of(noise(20)), price=prices(20)) == []


def test_a_flat_map_has_no_cluster_however_hot():
    heat = np.zeros((10, 80))
    heat[:, :40] = 1e9
    assert find_clusters(grid_of(heat), price=prices(10)) == []


def test_equal_background_falls_back_to_the_quantile():
    heat = np.zeros((5, 80))
    heat[:, :40] = 1e4
    heat[:, 33] = 1e6
    found = find_clusters(grid_of(heat), price=prices(5))
    assert [(band.low, band.high) for band in found] == [(EDGES[33], EDGES[34])]


def test_bands_of_different_size_in_an_empty_map_are_both_found():
    heat = np.zeros((5, 80))
    heat[:, 28:30] = 5e6
    heat[:, 34:37] = 3e6
    found = find_clusters(grid_of(heat), price=prices(5))
    assert [(band.low, band.high) for band in found] == [(EDGES[28], EDGES[30]), (EDGES[34], EDGES[37])]
    assert all(band.z is None for band in found)


def test_the_usual_heat_near_the_price_is_not_a_band():
    distance = np.arange(40)[::-1]
    heat = noise(40)
    heat[:, :40] *= np.exp(3.0 - distance * 0.25)
    plain = find_clusters(grid_of(heat), price=prices(40))
    heat[:, 28:30] *= 40
    marked = find_clusters(grid_of(heat), price=prices(40))
    assert plain == []
    assert [(band.low, band.high) for band in marked] == [(EDGES[28], EDGES[30])]


def test_one_cool_bin_does_not_split_a_band_and_two_do():
    one, two = np.zeros((3, 80)), np.zeros((3, 80))
    one[:, [30, 32]] = 1e6
    two[:, [30, 33]] = 1e6
    assert len(find_clusters(grid_of(one), price=prices(3))) == 1
    assert len(find_clusters(grid_of(two), price=prices(3))) == 2


def test_a_band_extends_down_to_the_weak_threshold_but_needs_a_strong_bin():
    rng = np.random.default_rng(3)
    heat = np.zeros((1, 80))
    heat[0, :40] = np.exp(rng.normal(10, 0.5, 40))
    x = np.log1p(heat[0, :40])
    middle = np.median(x)
    scale = 1.4826 * np.median(np.abs(x - middle))
    shoulder, top = np.expm1(middle + 2.0 * scale), np.expm1(middle + 3.5 * scale)
    heat[0, 20:23] = shoulder
    rule = ClusterRule(reach=0.5, quantile=0.5)
    assert all(
        not band.low <= EDGES[21] < band.high
        for band in find_clusters(grid_of(heat), price=prices(1), rule=rule)
    )
    heat[0, 21] = top
    near = [
        band
        for band in find_clusters(grid_of(heat), price=prices(1), rule=rule)
        if band.low <= EDGES[21] < band.high
    ]
    assert [(band.low, band.high) for band in near] == [(EDGES[20], EDGES[23])]


def test_z_is_the_robust_z_of_the_hottest_bin():
    rng = np.random.default_rng(5)
    heat = np.zeros((1, 80))
    heat[0, :40] = np.exp(rng.normal(10, 0.4, 40))
    heat[0, 12] = np.exp(14)
    rule = ClusterRule(reach=1.0)
    found = find_clusters(grid_of(heat), price=prices(1), rule=rule)
    x = np.log1p(heat[0, :40])
    expected = (x[12] - np.median(x)) / (1.4826 * np.median(np.abs(x - np.median(x))))
    assert found[0].z == pytest.approx(expected, rel=1e-4)


def test_minimum_heat_drops_slight_bands():
    heat = np.zeros((3, 80))
    heat[:, 30] = 1e6
    assert len(find_clusters(grid_of(heat), price=prices(3), rule=ClusterRule(minimum_usd=1e6 - 1))) == 1
    assert find_clusters(grid_of(heat), price=prices(3), rule=ClusterRule(minimum_usd=1e6 + 1)) == []


def test_only_what_is_within_reach_is_searched():
    heat = np.zeros((3, 80))
    heat[:, [10, 35]] = 1e6
    near = find_clusters(grid_of(heat), price=prices(3), rule=ClusterRule(reach=0.10))
    assert [band.low for band in near] == [EDGES[35]]


def test_fine_bins_are_smoothed_but_the_band_keeps_its_raw_edges():
    edges = 20_000 * 1.0005 ** np.arange(801)
    heat = np.zeros((4, 800))
    rng = np.random.default_rng(2)
    heat[:, :400] = np.exp(rng.normal(9, 0.3, (4, 400)))
    heat[:, 300:310] = 1e6
    grid = grid_of(heat, edges=edges)
    found = find_clusters(grid, price=np.full(4, edges[400] * 1.0001))
    assert [(band.low, band.high) for band in found] == [(edges[300], edges[310])]
    assert found[0].notional == pytest.approx(1e7)


@given(st.data())
def test_bands_of_a_column_are_the_labelled_components(data):
    cells = data.draw(st.lists(st.integers(0, 79), min_size=1, max_size=8, unique=True))
    heat = np.zeros((1, 80))
    heat[0, cells] = data.draw(st.lists(st.floats(3e5, 1e6), min_size=len(cells), max_size=len(cells)))
    grid = grid_of(np.zeros((1, 80)), heat, kind="realised")
    found = find_clusters(grid, last=1, price=prices(1), rule=ClusterRule(reach=1.0, minimum_share=0.0))
    held = np.pad(heat[0] > 0, 1)
    labels, count = ndimage.label((held | (np.roll(held, 1) & np.roll(held, -1)))[1:-1])
    expected = sorted(
        (EDGES[np.flatnonzero(labels == k)[0]], EDGES[np.flatnonzero(labels == k)[-1] + 1])
        for k in range(1, count + 1)
    )
    assert sorted((band.low, band.high) for band in found) == expected
    assert sum(band.notional for band in found) == pytest.approx(heat.sum(), rel=1e-6)


# Price


def test_without_prices_a_stock_stands_between_its_longs_and_its_shorts():
    long, short = noise(10), noise(10, side="short")
    long[:, 30:33], short[:, 50:52] = 3e5, 3e5
    story = track_clusters(grid_of(long, short))
    assert {(band.side, band.low) for band in story.present} == {("long", EDGES[30]), ("short", EDGES[50])}
    assert any("swept cannot be told" in note for note in story.notes)


def test_a_price_far_outside_the_map_is_said():
    heat = np.zeros((3, 80))
    heat[:, 30] = 1e6
    story = track_clusters(grid_of(heat), price=np.full(3, 4_000_000.0))
    assert story.present == ()
    assert any("same currency" in note for note in story.notes)


@pytest.mark.parametrize(
    ("price", "words"),
    [(np.full(2, PRICE), "one closing price for each"), (np.array([PRICE, -1.0, PRICE]), "above zero")],
)
def test_prices_that_do_not_fit_are_refused(price, words):
    with pytest.raises(GridError, match=words):
        track_clusters(grid_of(np.zeros((3, 80))), price=price)


def test_a_candle_counts_in_the_column_in_which_it_closed():
    heat = noise(8)
    heat[:4, 35:37] = 1e6
    close = prices(8)
    low = close.copy()
    low[4] = EDGES[34]
    events = track_clusters(grid_of(heat), price=candles_of(close, low=low)).events
    assert [(event.kind, event.time) for event in events] == [("appeared", at(0)), ("swept", at(4))]


# What happens


def test_a_band_appears_and_grows_and_shrinks():
    heat = noise(30)
    heat[6:, 30:33] = 2e5
    heat[12:, 30:33] = 6e5
    heat[24:, 30:33] = 2.5e5
    story = track_clusters(grid_of(heat), last=4, price=prices(30))
    told = [(event.kind, event.time) for event in story.events]
    assert told == [("appeared", at(6)), ("grew", at(12)), ("shrank", at(24))]
    grew = story.events[1]
    assert (grew.before, grew.after) == (pytest.approx(6e5), pytest.approx(18e5))
    assert grew.cluster == story.present[0].id
    history = story.history(grew.cluster)
    assert len(history) == 24
    assert history["notional"].iloc[[0, 6, 18]].to_numpy() == pytest.approx([6e5, 18e5, 7.5e5])


def test_what_was_there_from_the_start_is_marked():
    heat = noise(3)
    heat[:, 30] = 1e6
    event = track_clusters(grid_of(heat), price=prices(3)).events[0]
    assert event.at_start
    assert "already there" in event.sentence


def test_swept_is_not_dissipated():
    heat = noise(12)
    heat[:8, 36:38] = 1e6
    close = prices(12)
    crossing = close.copy()
    crossing[8] = EDGES[35]
    swept = track_clusters(grid_of(heat), price=candles_of(close, low=crossing)).events
    gone = track_clusters(grid_of(heat), price=candles_of(close)).events
    assert [(event.kind, event.time) for event in swept][1:] == [("swept", at(8))]
    assert [(event.kind, event.time) for event in gone][1:] == [("dissipated", at(8))]
    assert swept[1].before == pytest.approx(2e6)
    assert swept[1].after < 1e5
    assert "crossed" in swept[1].sentence
    assert "without price crossing" in gone[1].sentence


def test_a_band_half_swept_lives_on():
    heat = noise(12)
    heat[:, 32:38] = 1e6
    heat[6:, 34:] = 0
    close = prices(12)
    low = close.copy()
    low[6] = EDGES[34]
    story = track_clusters(grid_of(heat), price=candles_of(close, low=low))
    assert [(event.kind, event.time) for event in story.events][1:] == [("swept", at(6))]
    assert story.present[0].id == story.events[1].cluster
    assert story.present[0].high == EDGES[34]


def test_a_band_that_only_stops_standing_out_is_given_patience():
    heat = noise(20)
    heat[:, 30:33] = 2e5
    heat[8:, :30] = 1.95e5
    heat[8:, 33:40] = 1.95e5
    story = track_clusters(grid_of(heat), price=prices(20), rule=ClusterRule(profile_columns=1))
    end = [event for event in story.events if event.kind == "dissipated"]
    assert [event.time for event in end] == [at(8 + 3 - 1)]
    assert "no longer stands out" in end[0].sentence


def test_a_short_absence_keeps_the_id_without_an_event():
    heat = noise(12)
    heat[:, 30:33] = 2e5
    heat[5, :30] = 1.95e5
    heat[5, 33:40] = 1.95e5
    story = track_clusters(grid_of(heat), price=prices(12))
    assert kinds(story.events) == ["appeared"]
    assert story.present[0].first_seen == at(0)
    assert story.present[0].persistence == pytest.approx(11 / 12)


def test_a_dead_band_re_emerges_with_its_id():
    heat = noise(20)
    heat[[*range(6), *range(12, 20)], 30:33] = 2e5
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
    heat[[*range(6), *range(12, 20)], 30:33] = 2e5
    events = track_clusters(grid_of(heat), price=prices(20), rule=ClusterRule(memory=3)).events
    assert kinds(events) == ["appeared", "dissipated", "appeared"]


def test_two_bands_merge_and_one_splits():
    heat = np.zeros((12, 80))
    heat[:, 26:30] = 1e6
    heat[:4, 33:35] = 1e6
    heat[4:8, 26:35] = 1e6
    heat[8:, 32:35] = 1e6
    events = track_clusters(grid_of(heat), last=50, price=prices(12), rule=ClusterRule(reach=0.4)).events
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
    heat = np.zeros((16, 80))
    for column in range(16):
        place = 30 if column < 6 else 31 if column < 8 else 34
        heat[column, place - 4 : place + 4] = 1e6
    story = track_clusters(grid_of(heat), last=6, price=prices(16), rule=ClusterRule(reach=0.4))
    shifted = [event for event in story.events if event.kind == "shifted"]
    assert [event.time for event in shifted] == [at(8)]
    assert shifted[0].centre - shifted[0].centre_before > 3 * (EDGES[31] - EDGES[30])
    assert len(story.clusters) == 1


def test_small_moves_against_a_wide_range_are_no_shift():
    heat = np.zeros((30, 80))
    for column in range(30):
        place = 20 if column < 20 else 23
        heat[column, place - 5 : place + 5] = 1e6
    close = prices(30)
    calm, wild = candles_of(close), candles_of(close, low=close * 0.92, high=close * 1.08)
    rule = ClusterRule(reach=0.5, shift_range=1.0)
    assert "shifted" in kinds(track_clusters(grid_of(heat), price=calm, rule=rule).events)
    assert "shifted" not in kinds(track_clusters(grid_of(heat), price=wild, rule=rule).events)


def test_columns_nobody_watched_neither_kill_nor_age():
    heat = noise(20)
    heat[:, 30:33] = 2e5
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
    heat = np.zeros((30, 80))
    heat[:, 25:27] = 1e6
    close = prices(30)
    close[10:20] = EDGES[60]
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
    grid, _ = wild(seed, linear=True)
    closes = 10_000 + np.random.default_rng(seed).normal(0, 60, grid.shape[0])
    flipped = HeatGrid(
        grid.kind,
        grid.time_edges,
        20_000 - grid.price_edges[::-1],
        grid.short[:, ::-1],
        grid.long[:, ::-1],
        grid.provenance,
        observed=grid.observed,
    )
    # Centres and shifts are measured in shares of price, which a mirror in USD does not keep.
    rule = ClusterRule(reach=0.5, tolerance=1e-9)
    one, other = (
        track_clusters(each, last=4, price=close, rule=rule).events
        for each, close in ((grid, closes), (flipped, 20_000 - closes))
    )
    swap = {"long": "short", "short": "long"}

    def told(events: tuple[ClusterEvent, ...], mirrored: bool) -> list[tuple]:
        return sorted(
            (
                event.time,
                event.kind,
                swap[event.side] if mirrored else event.side,
                round(20_000 - event.high if mirrored else event.low, 3),
                round(event.before),
                round(event.after),
            )
            for event in events
            if event.kind != "shifted"
        )

    assert told(one, False) == told(other, True)


def wild(seed: int, linear: bool = False) -> tuple[HeatGrid, pd.DataFrame]:
    """A restless map with gaps: bands that come and go over noise, and a price that walks through them."""
    rng = np.random.default_rng(seed)
    columns, bins = 16, 60
    edges = np.linspace(9_400, 10_600, bins + 1) if linear else 10_000 * 1.004 ** np.arange(-30, 31)
    sides = []
    for _ in range(2):
        heat = np.exp(rng.normal(9, 0.6, (columns, bins))) * (
            rng.random((columns, bins)) < rng.choice([0.05, 1.0])
        )
        for _ in range(rng.integers(1, 7)):
            begin, low = rng.integers(0, columns), rng.integers(0, bins - 4)
            end, wide = begin + rng.integers(1, columns), rng.integers(1, 6)
            heat[begin:end, low : low + wide] += np.exp(rng.normal(12, 1))
        sides.append(heat)
    close = 10_000 * np.exp(np.cumsum(rng.normal(0, 0.01, columns)))
    candles = candles_of(close, low=close * 0.99, high=close * 1.01)
    watched = rng.random(columns) < 0.9
    return (
        grid_of(
            sides[0], sides[1], kind=str(rng.choice(["modelled", "realised"])), edges=edges, observed=watched
        ),
        candles,
    )


# Brute force: every column against every cluster, one at a time, by the written rules


def brute_force(heat: np.ndarray, rule: ClusterRule) -> list[tuple[int, str, int]]:
    """(column, kind, low bin) of births, ends, merges, splits and returns in an empty map without prices to
    cross."""
    clusters, told = [], []

    def pieces(row: np.ndarray) -> list[dict]:
        cells, out = np.flatnonzero(row), []
        for cell in cells:
            if out and cell - out[-1]["high"] <= rule.gap:
                out[-1]["high"] = cell + 1
            else:
                out.append({"low": cell, "high": cell + 1})
        for piece in out:
            span = slice(piece["low"], piece["high"])
            piece["usd"] = row[span].sum()
            piece["centre"] = (row[span] * np.sqrt(EDGES[:-1] * EDGES[1:])[span]).sum() / piece["usd"]
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
    keep = np.cumsum(heat > 0, axis=1) <= 8
    heat *= keep
    rule = ClusterRule(reach=1.0, minimum_share=0.0, memory=5, tolerance=0.015)
    # A flow without averaging: in an empty map every bin with heat is a band, on either side of the price.
    grid = grid_of(np.zeros_like(heat), heat.astype(np.float32), kind="realised")
    story = track_clusters(grid, last=1, price=prices(14), rule=rule)
    identity = ("appeared", "merged", "split", "dissipated", "re-emerged")
    hot = np.where(heat >= heat.max(axis=1, keepdims=True) / 10, heat, 0).astype(np.float32).astype(float)
    ours = sorted(
        (
            int((event.time - START) / HOUR) - 1,
            event.kind,
            int(np.searchsorted(EDGES, event.low * 1.0001) - 1),
        )
        for event in story.events
        if event.kind in identity
    )
    assert ours == brute_force(hot, rule)


# Realised maps: many small prints or one large one


def events_table(rows: list[tuple[float, str, float, float, str]]) -> pd.DataFrame:
    hours, side, price, usd, venue = zip(*rows, strict=True)
    time = pd.DatetimeIndex(START + (np.array(hours) * 3_600e6).astype("timedelta64[us]"), tz="UTC")
    return tables.liquidations(
        pd.DataFrame({"time": time, "side": side, "price": price, "notional": usd, "venue": venue})
    )


def crowd_and_whale() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    crowd = [
        (h, "long", 27_000 + rng.uniform(0, 90), 2e4, rng.choice(["okx", "bybit"]))
        for h in rng.uniform(0, 12, 100)
    ]
    return events_table(
        [
            *crowd,
            (11.5, "long", 25_050.0, 2e6, "okx"),
            (0.1, "short", 29_000.0, 1e3, "okx"),
            (11.9, "short", 24_000.0, 1e3, "okx"),
        ]
    )


def test_a_whale_is_told_apart_from_a_crowd():
    events = crowd_and_whale()
    grid = realised_heatmap(events, timeframe="1h", bins=50, price_range=(24_000, 29_000))
    crowd, whale = sorted(
        (band for band in find_clusters(grid, liquidations=events) if band.side == "long"),
        key=lambda band: -band.centre,
    )
    assert (crowd.events, whale.events) == (100, 1)
    assert whale.largest_share == 1.0
    assert crowd.largest_share == pytest.approx(0.01)
    assert crowd.venues == ("bybit", "okx") or crowd.venues == ("okx", "bybit")
    assert whale.persistence == pytest.approx(1 / 12)
    assert crowd.persistence > 0.8
    one, many = concentration(whale, events), concentration(crowd, events)
    assert one.single_print
    assert not many.single_print
    assert many.effective == pytest.approx(100)
    assert "one print" in one.sentence
    assert "100 liquidations" in many.sentence


def test_the_events_of_a_cluster_add_up_to_its_usd():
    events = crowd_and_whale()
    grid = realised_heatmap(events, timeframe="1h", bins=50)
    for band in find_clusters(grid, last=5):
        assert concentration(
            band, events, include_high=band.high == grid.price_edges[-1]
        ).notional == pytest.approx(band.notional, rel=1e-6)


def test_a_modelled_cluster_has_no_events():
    heat = np.zeros((3, 80))
    heat[:, 30] = 1e6
    band = find_clusters(grid_of(heat), price=prices(3))[0]
    with pytest.raises(GridError, match="not made of events"):
        concentration(band, crowd_and_whale())


def test_ids_do_not_change_when_time_goes_on():
    grid, candles = wild(7)
    early = track_clusters(grid.crop(end=grid.time_edges[10]), last=4, price=candles)
    late = track_clusters(grid, last=4, price=candles)
    assert {band.id for band in early.clusters} <= {band.id for band in late.clusters}
    assert len({band.id for band in late.clusters}) == len(late.clusters)
    assert late.cluster(late.clusters[0].id) == late.clusters[0]
    assert set(late.to_frame()["id"]) == {band.id for band in late.clusters}


@pytest.mark.parametrize("wrong", [{"reach": 0.0}, {"weak": 3.0}, {"growth": 1.0}, {"patience": 0}])
def test_rules_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(GridError):
        ClusterRule(**wrong)


def test_last_counts_from_one():
    with pytest.raises(GridError, match="1 or more"):
        find_clusters(grid_of(np.zeros((3, 80))), last=0)


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
    story = track_clusters(grid, price=tables.candles(bars), liquidations=events)
    assert len(story.clusters) > 20
    top = grid.price_edges[-1]
    for band in story.clusters[:50]:
        inside = (
            (events["side"] == band.side)
            & (events["price"] >= band.low)
            & ((events["price"] < band.high) | (band.high == top))
            & (events["time"] >= pd.Timestamp(band.since, tz="UTC"))
            & (events["time"] < pd.Timestamp(band.last_seen, tz="UTC"))
        )
        assert events.loc[inside, "notional"].sum() == pytest.approx(band.notional, rel=1e-4)
        assert band.events == inside.sum()
