"""Colour maps that everybody can read, and legends that read in USD."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from liqcore.charts.palette import (
    DIVERGING,
    PALETTES,
    SCALES,
    ColourScale,
    PaletteError,
    colour_scale,
    colours,
    drawn_colours,
    round_125,
    usd,
)

# Severity 1.0 of G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE TVCG 15 (2009) 1291, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb, vision):
    """(N, 3) CIELAB (D65) of uint8 sRGB as an eye with the given vision sees it."""
    share = rgb / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = (linear @ VISION[vision].T).clip(0, 1) @ XYZ.T / np.array([0.95047, 1.0, 1.08883])
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], axis=1
    )


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("name", PALETTES)
def test_maps_brighten_all_the_way_for_every_eye(name, vision):
    seen = lab(colours(name), vision)
    assert np.diff(seen[::8, 0]).min() > 0
    assert seen[-1, 0] - seen[0, 0] > 60
    twelve = seen[np.linspace(0, 255, 12).round().astype(int)]
    assert np.linalg.norm(np.diff(twelve, axis=0), axis=1).min() > 4


@pytest.mark.parametrize("vision", VISION)
def test_diverging_map_brightens_from_a_dark_centre_and_its_arms_stay_apart(vision):
    seen = lab(colours(DIVERGING), vision)
    short, long = seen[:128][::-1], seen[128:]
    for arm in (short, long):
        assert np.diff(arm[::8, 0]).min() > 0
        assert arm[0, 0] < 15
        assert arm[-1, 0] > 75
    assert np.abs(short[:, 0] - long[:, 0]).max() < 12, "neither side may look larger than the other"
    apart = np.linalg.norm(short - long, axis=1)
    assert apart[64:].min() > 25, "long and short of one size must not look the same"


def test_known_ends_of_the_published_maps():
    assert colours("viridis")[0].tolist() == [68, 1, 84]
    assert colours("viridis")[-1].tolist() == [253, 231, 37]
    assert colours("inferno")[-1].tolist() == [252, 255, 164]
    assert colours("cividis")[0].tolist() == [0, 34, 78]


@pytest.mark.parametrize("name", PALETTES)
def test_the_faintest_drawn_colour_stands_out_from_the_panel(name):
    panel = lab(np.array([[0x0B, 0x0E, 0x14]]), "normal")
    assert np.linalg.norm(lab(drawn_colours(name)[:1], "normal") - panel) > 8
    assert drawn_colours(name).shape == (255, 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (0.3, "less than $1"),
        (1, "$1"),
        (850, "$850"),
        (999.6, "$1k"),
        (12_345, "$12.3k"),
        (309_400, "$309k"),
        (999_999, "$1M"),
        (1_250_000, "$1.25M"),
        (2_000_000_000, "$2B"),
        (-300_000, "−$300k"),
        (float("nan"), "unknown"),
    ],
)
def test_usd_in_three_digits(value, text):
    assert usd(value) == text


@given(st.floats(1, 1e11))
def test_usd_text_is_within_half_a_digit(value):
    number, unit = re.fullmatch(r"\$([\d.,]+)([kMB]?)", usd(value)).groups()
    read = float(number.replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6, "B": 1e9}[unit]
    assert read == pytest.approx(value, rel=0.0051)


@given(st.floats(1e-3, 1e12), st.booleans())
def test_rounding_to_one_two_five(value, up):
    out = round_125(value, up)
    assert out / 10 ** math.floor(math.log10(out) + 1e-9) == pytest.approx(
        round(out / 10 ** math.floor(math.log10(out) + 1e-9))
    )
    assert round(out / 10 ** math.floor(math.log10(out) + 1e-9)) in (1, 2, 5)
    assert (
        (value * (1 - 1e-8) <= out <= value * 2.5001) if up else (value / 2.5001 <= out <= value * (1 + 1e-8))
    )


amounts = st.lists(st.floats(1, 1e9), min_size=1, max_size=60).map(lambda values: np.array(values))


@given(amounts, st.sampled_from(SCALES))
def test_more_usd_never_gets_a_darker_colour(values, kind):
    scale = colour_scale(values, kind)
    place = scale.normalise(np.sort(values))
    assert (np.diff(place) >= -1e-7).all()
    assert place.min() >= 0
    assert place.max() <= 1


@given(amounts, st.sampled_from(SCALES))
def test_legend_ticks_stand_where_their_usd_are_coloured(values, kind):
    scale = colour_scale(values, kind)
    places = [place for place, _ in scale.legend()]
    assert places == sorted(places)
    assert places[0] == pytest.approx(0, abs=1e-6)
    assert places[-1] == pytest.approx(1, abs=1e-6)
    assert 2 <= len(places) <= 5
    assert all("$" in text for _, text in scale.legend())


def test_log_legend_is_in_round_usd_and_places_are_logarithmic():
    scale = ColourScale("log", 1e3, 1e6)
    assert scale.legend() == (
        (0.0, "$1k"),
        (pytest.approx(1 / 3), "$10k"),
        (pytest.approx(2 / 3), "$100k"),
        (1.0, "$1M"),
    )


def test_linear_starts_at_zero_and_log_at_a_robust_round_number():
    values = np.concatenate([np.geomspace(3_300, 740_000, 2_000), [1e12, 1e-3]])
    assert colour_scale(values, "linear").low == 0
    log = colour_scale(values, "log")
    assert (log.low, log.high) == (2e3, 1e6)


def test_percentile_gives_every_colour_the_same_share_of_cells():
    values = np.random.default_rng(3).lognormal(10, 2, 5_000)
    scale = colour_scale(values, "percentile")
    share, _ = np.histogram(scale.normalise(values), bins=10, range=(0, 1))
    assert np.abs(share / len(values) - 0.1).max() < 0.01
    quarter = dict(scale.legend())[0.25]
    assert quarter == usd(float(f"{np.quantile(values, 0.25):.1e}")), "the legend of ranks still reads in USD"


@given(amounts, st.sampled_from(SCALES))
def test_diverging_scale_is_mirrored_around_zero(values, kind):
    scale = colour_scale(values, kind, diverging=True)
    place = scale.normalise(np.concatenate([values, -values]))
    assert place[: len(values)] + place[len(values) :] == pytest.approx(np.ones(len(values)))
    assert scale.palette == DIVERGING
    assert scale.legend()[len(scale.legend()) // 2] == (0.5, "0")


def test_a_pinned_domain_colours_two_charts_alike():
    small, large = np.array([2e3, 5e4]), np.array([5e4, 7e7])
    pinned = [colour_scale(values, "log", domain=(1e3, 1e7)) for values in (small, large)]
    assert pinned[0].normalise(np.array([5e4])) == pinned[1].normalise(np.array([5e4]))
    free = [colour_scale(values, "log") for values in (small, large)]
    assert free[0].normalise(np.array([5e4])) != free[1].normalise(np.array([5e4]))
    shared = colour_scale([small, large], "log")
    assert free[0].low <= shared.low
    assert shared.high == free[1].high


def test_pixels_are_transparent_only_where_nothing_is_drawn():
    values = np.array([[0.0, 1.0, 1e9]])
    pixels = ColourScale("log", 1e3, 1e6).pixels(values, values > 0)
    assert pixels.tolist() == [[0, 1, 255]]
    assert pixels.dtype == np.uint8


def test_nothing_to_colour_still_has_a_legend():
    for kind in SCALES:
        assert len(colour_scale(np.zeros((3, 4)), kind).legend()) >= 2
        assert len(colour_scale(np.array([42.0]), kind).legend()) >= 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: colours("turbo"), "no colour map"),
        (lambda: ColourScale("sqrt", 1, 2), "log, linear or percentile"),
        (lambda: colour_scale(np.ones(3), "sqrt"), "log, linear or percentile"),
        (lambda: colour_scale(np.ones(3), domain=(5, 5)), "empty"),
        (lambda: colour_scale(np.ones(3), domain=(0, 5)), "above 0 USD"),
        (lambda: ColourScale("linear", 0, math.nan), "empty"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(make, words):
    with pytest.raises(PaletteError, match=words):
        make()
