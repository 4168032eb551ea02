"""Clusters of modelled and measured maps: how often the unevenness of bins makes one, and what is
resolved."""

from __future__ import annotations

import numpy as np
import pytest

from liqcore.heat.bands import ClusterRule
from liqcore.heat.clusters import track_clusters
from liqcore.heat.grid import HeatGrid

START = np.datetime64("2026-03-01T00:00", "us")
QUARTER = np.timedelta64(15, "m").astype("timedelta64[us]")
PRICE = 28_000.0
SHAPES = {
    "falling": lambda d: np.exp(-d / 0.05),
    "hump": lambda d: np.exp(-0.5 * ((d - 0.05) / 0.03) ** 2) + 0.05,
    "flat": np.ones_like,
    "steep": lambda d: 1 / (d + 0.004),
}


def stock(
    seed: int,
    bins: int = 300,
    shape: str = "falling",
    spread: float = 0.2,
    columns: int = 1,
    wobble: float = 0.0,
    bands: tuple[tuple[float, float, float], ...] = (),
    reach: float = 0.15,
    linear: bool = False,
) -> HeatGrid:
    """A map with a smooth profile, uneven bins that wobble over time, and bands (ln distance, times,
    width)."""
    rng = np.random.default_rng(seed)
    ends = PRICE * np.exp([-reach, reach])
    edges = np.linspace(*ends, bins + 1) if linear else PRICE * np.exp(np.linspace(-reach, reach, bins + 1))
    away = np.log((edges[1:] + edges[:-1]) / 2 / PRICE)
    base = SHAPES[shape](np.abs(away))
    still, moving = rng.normal(0, spread, (1, bins)), rng.normal(0, spread, (columns, bins))
    heat = 1e6 * base * np.exp(still * np.sqrt(1 - wobble**2) + moving * wobble)
    for place, times, wide in bands:
        heat += 1e6 * SHAPES[shape](abs(place)) * (times - 1) * np.exp(-0.5 * ((away - place) / wide) ** 2)
    return HeatGrid(
        "modelled", START + QUARTER * np.arange(columns + 1), edges, heat * (away < 0), heat * (away > 0)
    )


def story_of(grid: HeatGrid):
    return track_clusters(grid, price=np.full(grid.shape[0], PRICE))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bins", [150, 300])
def test_uneven_bins_are_no_clusters(shape, bins):
    found = [
        len(story_of(stock(seed, bins, shape, spread)).present)
        for spread in (0.1, 0.3, 0.6, 1.0)
        for seed in range(15)
    ]
    assert sum(map(bool, found)) <= 3


@pytest.mark.parametrize("wobble", [0.3, 1.0])
def test_a_day_of_noise_tells_hardly_anything(wobble):
    told = [
        sum(not one.at_start for one in story_of(stock(seed, spread=0.4, columns=96, wobble=wobble)).events)
        for seed in range(12)
    ]
    assert np.mean(told) <= 0.5


@pytest.mark.parametrize(("spread", "bins", "alpha", "most"), [(0.8, 400, 0.05, 0.5), (0.8, 400, 0.2, 1.0)])
def test_noise_of_every_column_tells_hardly_anything_however_rough(spread, bins, alpha, most):
    told = []
    for seed in range(10):
        made = stock(seed, spread=spread, columns=96, wobble=1.0, bins=bins)
        story = track_clusters(made, price=np.full(96, PRICE), rule=ClusterRule(alpha=alpha))
        told.append(sum(not one.at_start for one in story.events))
    assert np.mean(told) <= most


def test_two_equal_bands_four_tenths_of_a_per_cent_apart_are_two():
    for bins, linear in ((240, False), (300, False), (400, True)):
        apart = [
            len(
                story_of(
                    stock(
                        seed, bins, spread=0.1, bands=((-0.0405, 6, 4e-4), (-0.0445, 6, 4e-4)), linear=linear
                    )
                ).present
            )
            for seed in range(20)
        ]
        assert sum(number == 2 for number in apart) >= 18


def test_they_are_two_in_explores_150_bins_over_the_prices_it_shows():
    bands = ((-0.0305, 6, 4e-4), (-0.0345, 6, 4e-4))
    found = [
        len(story_of(stock(seed, 150, spread=0.1, bands=bands, reach=0.07)).present) for seed in range(20)
    ]
    assert sum(number == 2 for number in found) >= 18


def test_a_peak_is_found_in_its_place_and_nothing_else():
    apart, others, hits = [], 0, 0
    for seed in range(30):
        present = story_of(stock(seed, bands=((-0.04, 5, 1e-3),))).present
        near = [one for one in present if abs(np.log(one.centre / PRICE) + 0.04) < 2e-3]
        hits, others = hits + bool(near), others + len(present) - len(near)
        apart += [abs(np.log(one.centre / PRICE) + 0.04) * 1e4 for one in near]
    assert hits >= 28
    assert np.median(apart) < 5
    assert others <= 1


def test_the_bins_on_screen_move_a_band_by_less_than_a_bin_of_the_search():
    places = [
        story_of(stock(1, bins, spread=0.05, bands=((-0.04, 8, 1.5e-3),))).present[0].centre
        for bins in (200, 300, 600, 1_000)
    ]
    assert np.ptp(np.log(places)) < 1e-3


def test_bright_lines_that_do_not_beat_the_roughness_are_ridges():
    ridges = [
        one
        for seed in range(20)
        for one in story_of(stock(seed, spread=0.5, bands=((-0.04, 3.5, 1e-3),))).ridges
    ]
    near = [one for one in ridges if one.low < PRICE * np.exp(-0.04) < one.high]
    assert len(near) >= 3
    assert all(one.ratio > 1.3 for one in near)
    assert all("no more than the map's own roughness" in one.sentence for one in near)


def test_a_map_that_is_mostly_empty_says_nothing():
    grid = stock(1, bands=((-0.04, 50, 1e-3),))
    few = np.random.default_rng(0).random(300) < 0.4
    story = story_of(
        HeatGrid("measured", grid.time_edges, grid.price_edges, grid.long * few, grid.short * few)
    )
    assert story.present == story.ridges == ()
    assert any("filled" in note for note in story.notes)
