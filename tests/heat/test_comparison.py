"""Comparisons of venues and maps, against independent pandas and brute-force computations."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.clusters import find_clusters
from liqcore.heat.comparison import Hits, band_overlap, difference, model_hits, venue_table, without_venue
from liqcore.heat.grid import GridError, HeatGrid, Provenance
from liqcore.heat.realised import realised_heatmap
from liqcore.lab import null_worlds
from liqcore.lab.null_worlds import events_along, plant, random_walk, visited

START = pd.Timestamp("2026-03-01", tz="UTC")


def events(count=600, seed=3, venues=("north", "south", "west")):
    rng = np.random.default_rng(seed)
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": START + pd.to_timedelta(np.sort(rng.integers(0, 86_400, count)), unit="s"),
                "venue": rng.choice(
                    venues, count, p=np.linspace(3, 1, len(venues)) / np.linspace(3, 1, len(venues)).sum()
                ),
                "symbol": "BTCUSDT",
                "side": rng.choice(["long", "short"], count),
                "price": 60_000 + rng.normal(0, 200, count).round(1),
                "quantity": rng.exponential(0.3, count) + 0.001,
                "price_kind": "fill",
                "completeness": "all",
            }
        )
    )


def grid(long, short=None, kind="realised", low=100.0, high=200.0):
    long = np.asarray(long, dtype=float)
    edges = START.tz_localize(None).to_numpy() + np.arange(long.shape[0] + 1) * np.timedelta64(15, "m")
    return HeatGrid(
        kind=kind,
        time_edges=edges,
        price_edges=np.linspace(low, high, long.shape[1] + 1),
        long=long,
        short=np.zeros_like(long) if short is None else np.asarray(short, dtype=float),
        provenance=Provenance(source="test", venues=()),
    )


def test_the_table_adds_up_with_pandas():
    table = events()
    begin, end = START + pd.Timedelta("6h"), START + pd.Timedelta("18h")
    index = tables.candles(
        pd.DataFrame(
            {
                "time": pd.date_range(START, periods=24, freq="h"),
                "open": 60_000.0,
                "high": 60_100.0,
                "low": 59_900.0,
                "close": 60_000.0,
                "volume": 1.0,
                "taker_buy_volume": 0.5,
            }
        )
    )
    found = venue_table(table, start=begin, end=end, index=index, delays={"north": 2.0}).set_index("venue")
    part = table[(table["time"] >= begin) & (table["time"] < end)]
    for venue, rows in part.groupby("venue", observed=True):
        row = found.loc[str(venue)]
        assert row["events"] == len(rows)
        assert row["usd"] == pytest.approx(rows["notional"].sum())
        assert row["long_share"] == pytest.approx(
            rows.loc[rows["side"] == "long", "notional"].sum() / rows["notional"].sum()
        )
        assert row["largest_share"] == pytest.approx(rows["notional"].max() / rows["notional"].sum())
        assert row["age_hours"] == pytest.approx((end - rows["time"].max()).total_seconds() / 3600)
        assert row["basis_bp"] == pytest.approx(np.median(1e4 * np.log(rows["price"] / 60_000)))
    assert found["share"].sum() == pytest.approx(1)
    assert found.loc["north", "delay_seconds"] == 2.0
    assert np.isnan(found.loc["south", "delay_seconds"])


def test_a_silent_venue_stays_in_the_table_and_is_called_silent():
    table = events()
    quiet = tables.liquidations(
        pd.concat([table, table.iloc[:1].assign(venue="quiet", time=START - pd.Timedelta("2D"))]).drop(
            columns="notional"
        )
    )
    row = venue_table(quiet, start=START).set_index("venue").loc["quiet"]
    assert row["events"] == 0
    assert "Silent" in row["note"]
    assert row["age_hours"] > 47


@pytest.mark.parametrize(
    ("change", "word"),
    [({"completeness": "sampled"}, "sample"), ({"price_kind": "bankruptcy"}, "bankruptcy")],
)
def test_what_a_venue_leaves_out_is_said(change, word):
    assert (
        word
        in venue_table(tables.liquidations(events().drop(columns="notional").assign(**change)))["note"][
            0
        ].lower()
    )


def test_one_large_print_and_few_events_are_told():
    table = events(count=5, venues=("lone",)).drop(columns="notional")
    table.loc[2, "quantity"] = 500.0
    note = venue_table(tables.liquidations(table))["note"][0]
    assert "one print" in note
    assert "too few" in note


def test_a_small_copy_of_the_rest_is_no_different():
    heat = np.arange(12.0).reshape(3, 4)
    same = difference({"small": grid(heat / 100), "large": grid(heat), "other": grid(heat * 5)}, "small")
    assert np.allclose(same.share, 0)
    assert same.overlap == pytest.approx(1)
    assert same.similarity == pytest.approx(1)
    left, right = np.zeros((1, 4)), np.zeros((1, 4))
    left[0, 0], right[0, 3] = 10, 7
    apart = difference({"a": grid(left), "b": grid(right)}, "a")
    assert apart.overlap == pytest.approx(0)
    assert apart.share.sum() == pytest.approx(0)
    assert np.isnan(difference({"a": grid(np.zeros((1, 4))), "b": grid(right)}, "a").overlap)


def test_a_difference_needs_another_venue():
    with pytest.raises(GridError, match="two venues"):
        difference({"a": grid(np.ones((1, 4)))}, "a")


def test_a_cluster_of_one_venue_does_not_survive_its_removal():
    rng = np.random.default_rng(1)
    candles = random_walk(rng)
    start = null_worlds.START + pd.Timedelta("1D")
    level = visited(rng, candles, start)
    parts = {
        name: events_along(rng, candles, 200, start=start, venue=name) for name in ("north", "south", "west")
    }
    parts["north"] = plant(rng, candles, parts["north"], 0.5, level, start=start)
    table = tables.liquidations(pd.concat(parts.values()).drop(columns="quantity"))
    prices = (float(table["price"].min()), float(table["price"].max()))
    window = {"timeframe": "15min", "bins": 120, "start": start, "end": start + pd.Timedelta("1D")}
    maps = {name: realised_heatmap(part, **window, price_range=prices) for name, part in parts.items()}
    whole = realised_heatmap(table, **window, price_range=prices)
    cluster = find_clusters(whole, 12, price=candles, liquidations=table)[0]
    assert cluster.low < level < cluster.high
    gone = without_venue(maps, "north", cluster, price=candles, liquidations=table)
    assert not gone.survives
    assert gone.left < 0.5
    assert "does not survive without north" in gone.sentence
    kept = without_venue(maps, "west", cluster, price=candles, liquidations=table)
    assert kept.survives
    assert kept.left > 0.7


def brute_hits(model, record, low, high, close, top):
    captured = blind = simple = usd = 0.0
    for side in ("long", "short"):
        for t in range(1, model.shape[0]):
            bins = [
                p
                for p in range(model.shape[1])
                if model.price_edges[p + 1] > low[t] and model.price_edges[p] < high[t]
            ]
            heat = {p: float(getattr(model, side)[t - 1, p]) for p in bins}
            done = {p: float(getattr(record, side)[t, p]) for p in bins}
            lit = [p for p in bins if heat[p] > 0]
            if len(bins) <= 2 or not lit or sum(done.values()) <= 0:
                continue
            keep = max(int(np.rint(top * len(bins))), 1)
            beyond = {
                p: (model.price_centres[p] / close[t - 1]) ** (1 if side == "short" else -1) for p in bins
            }
            captured += sum(done[p] for p in sorted(lit, key=lambda p: (-heat[p], p))[:keep])
            simple += sum(done[p] for p in sorted(bins, key=lambda p: -beyond[p])[:keep])
            blind += sum(done[p] for p in lit) * min(keep / len(lit), 1)
            usd += sum(done.values())
    return captured / usd, blind / usd, simple / usd


def moving_market(columns=20):
    low = 110 + 40 * np.random.default_rng(7).random(columns)
    high, close = low + 30, low + 12.0
    return (
        low,
        high,
        close,
        tables.candles(
            pd.DataFrame(
                {
                    "time": pd.date_range(START, periods=columns, freq="15min"),
                    "open": low,
                    "high": high,
                    "low": low,
                    "close": close,
                    "volume": 1.0,
                    "taker_buy_volume": 0.5,
                }
            )
        ),
    )


def test_hits_agree_with_brute_force():
    rng = np.random.default_rng(7)
    shape = (20, 40)
    model = grid(rng.random(shape) * (rng.random(shape) < 0.7), rng.random(shape), kind="modelled")
    record = grid(
        rng.random(shape) * (rng.random(shape) < 0.3), rng.random(shape) * (rng.random(shape) < 0.2)
    )
    low, high, close, candles = moving_market()
    found = model_hits(model, record, candles, top=0.2)
    assert (found.captured, found.blind, found.simple) == pytest.approx(
        brute_hits(model, record, low, high, close, 0.2)
    )
    # A map that knows where the liquidations will be is told from one that does not.
    knowing = grid(
        np.roll(record.long, -1, axis=0) + 1e-6, np.roll(record.short, -1, axis=0) + 1e-6, kind="modelled"
    )
    assert model_hits(knowing, record, candles).captured > 2 * found.captured
    assert "the model gets more" in model_hits(knowing, record, candles).sentence
    assert "adds to what direction alone tells" in model_hits(knowing, record, candles).sentence
    with pytest.raises(GridError, match="edges"):
        model_hits(model, grid(np.ones((20, 39))), candles)


def test_a_model_that_only_knows_the_direction_is_not_praised():
    rng = np.random.default_rng(11)
    *_, close, candles = moving_market(200)
    centres = grid(np.zeros((200, 40))).price_centres
    below = centres[None, :] < close[:, None]
    # Levels of random brightness on the right side, and liquidations anywhere on that side.
    model = grid(rng.random(below.shape) * below, rng.random(below.shape) * ~below, kind="modelled")
    before = np.roll(below, 1, axis=0)
    found = model_hits(
        model, grid(rng.random(below.shape) * before, rng.random(below.shape) * ~before), candles
    )
    assert found.captured > 0.25, "an even spread over all touched prices, 20 %, is no fair rival"
    assert found.captured == pytest.approx(found.blind, rel=0.1)
    assert "about the same" in found.sentence
    assert "tells nothing that direction alone does not" in found.sentence


@pytest.mark.parametrize(
    ("blind", "simple", "more", "adds"),
    [
        (0.20, 0.20, True, True),
        (0.35, 0.34, False, False),
        (0.20, 0.38, True, False),
        (0.35, 0.20, False, False),
    ],
)
def test_brightness_is_said_to_add_only_where_it_beats_both_rivals(blind, simple, more, adds):
    told = Hits(top=0.2, captured=0.38, blind=blind, simple=simple, columns=39, usd=1e6).sentence
    assert ("the model gets more" in told) == more
    assert ("adds to what direction alone tells" in told) == adds


def test_the_same_map_on_other_bins_overlaps_and_a_shifted_one_does_not():
    rng = np.random.default_rng(2)
    heat = np.repeat(rng.exponential(1, 60) ** 3, 4)[None, :]
    ours = grid(heat, kind="modelled")
    same = band_overlap(ours, grid(heat.reshape(1, 60, 4).sum(axis=2), kind="modelled"))
    assert same.common > 0.9
    assert same.similarity > 0.95
    other = band_overlap(ours, grid(np.repeat(rng.exponential(1, 60) ** 3, 4)[None, :], kind="modelled"))
    assert other.common < 0.5
    assert same.shifted < 0.05 < other.shifted
    assert "more than chance" in same.sentence
    assert "can be chance" in other.sentence
    with pytest.raises(GridError, match="common prices"):
        band_overlap(ours, grid(heat, kind="modelled", low=300, high=400))
