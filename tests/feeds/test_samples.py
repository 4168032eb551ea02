"""The bundled samples: read fast, checked, labelled as synthetic, and exactly what the simulator gives."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.feeds import samples
from liqcore.feeds.samples import Sample, SampleError
from tools.make_samples import RECIPES

PRICES = ["open", "high", "low", "close"]


@pytest.fixture(scope="module", params=["calm", "violent"])
def sample(request: pytest.FixtureRequest) -> Sample:
    return samples.load_sample(request.param)


@pytest.mark.parametrize(("name", "days"), [("violent", 1.0), ("calm", 0.25)])
def test_the_simulator_gives_the_stored_values_again(name: str, days: float) -> None:
    stored = samples.load_sample(name)
    made = RECIPES[name].simulate(days)
    end = made.candles["time"].iloc[-1] + pd.Timedelta("1min")
    for table in ("candles", "liquidations", "open_interest", "funding"):
        whole = getattr(stored, table)
        begin = whole[whole["time"] < end].reset_index(drop=True)
        assert len(begin) > 0
        pd.testing.assert_frame_equal(getattr(made, table), begin, check_exact=True)
    assert list(made.venue_candles) == list(stored.venue_candles)
    for venue, candles in made.venue_candles.items():
        pd.testing.assert_frame_equal(
            candles, stored.venue_candles[venue].iloc[: len(candles)], check_exact=True
        )
    for key in ("version", "seed", "start", "start_price", "regime", "venues", "interventions"):
        assert stored.parameters[key] == json.loads(json.dumps(made.parameters[key])), (
            f"run `make samples`: {key} has changed"
        )


def test_tables_are_checked_and_complete(sample: Sample) -> None:
    assert len(sample.candles) == 14 * 1_440
    for table in ("candles", "liquidations", "open_interest", "funding"):
        frame = getattr(sample, table)
        assert tables.ensure(frame, table) is frame
        # pandas' own assertion walks through a column of sides row by row.
        assert tables.CHECKS[table](frame).equals(frame)
    assert list(sample.venue_candles) == [venue.name for venue in sample.venues]
    for frame in sample.venue_candles.values():
        assert tables.candles(frame).equals(frame)
        np.testing.assert_array_equal(frame["time"], sample.candles["time"])
    total = sum(frame["volume"] for frame in sample.venue_candles.values())
    np.testing.assert_allclose(sample.candles["volume"], total, atol=1e-6)


def test_a_sample_says_that_it_is_synthetic_and_names_no_real_venue(sample: Sample) -> None:
    assert sample.label.startswith("Sample market (synthetic, ")
    assert {venue.name for venue in sample.venues} == {"Alder", "Birch", "Cedar", "Dogwood", "Elm"}
    assert set(sample.liquidations["venue"].cat.categories) == {venue.name for venue in sample.venues}
    assert json.loads((samples.FOLDER / sample.name / "metadata.json").read_text())["synthetic"] is True


def test_venues_print_as_their_description_says(sample: Sample) -> None:
    for venue in sample.venues:
        mine = sample.liquidations[sample.liquidations["venue"] == venue.name]
        count, usd = sample.parameters["liquidations_true"][venue.name]
        assert (mine["completeness"] == venue.completeness).all()
        assert (mine["price_kind"] == venue.price_kind).all()
        if venue.completeness == "all":
            assert (len(mine), round(mine["notional"].sum(), 2)) == (count, pytest.approx(usd, abs=0.02))
        else:
            assert len(mine) < count
            assert mine["time"].dt.floor("1s").is_unique
    assert max(venue.lag_seconds for venue in sample.venues) >= 60


def test_positions_are_the_open_interest(sample: Sample) -> None:
    first, last = sorted(sample.positions["time"].unique())
    assert last == sample.candles["time"].iloc[-1] + pd.Timedelta("1min")
    assert first == last - pd.Timedelta("1D")
    then = sample.positions[sample.positions["time"] == first]
    by_side = then.groupby(["venue", "side"], observed=True)["quantity"].sum()
    interest = sample.open_interest[sample.open_interest["time"] == first].set_index("venue")["quantity"]
    for venue in sample.venues:
        assert interest[venue.name] == pytest.approx(by_side[venue.name].max())
    close = sample.candles.loc[sample.candles["time"] == first, "open"].item()
    side = np.where(then["side"] == "long", 1.0, -1.0)
    distance = (side * (close - then["liquidation_price"])).dropna()
    assert (distance > -0.001 * close).all()  # each venue's mark stands within its basis of the index
    assert then["leverage"].between(2, 100).all()


def test_the_calm_and_the_violent_fortnight_are_what_they_are_called() -> None:
    calm, violent = (samples.load_sample(name) for name in ("calm", "violent"))

    def swing(market: Sample) -> pd.Series:
        days = market.candles.groupby(market.candles["time"].dt.floor("D"))
        return days["high"].max() / days["low"].min() - 1

    def worst(market: Sample, side: str) -> float:
        events = market.liquidations[market.liquidations["side"] == side]
        return float(events.groupby(events["time"].dt.floor("D"))["notional"].sum().max())

    assert swing(calm).max() < 0.06
    assert 0.12 < swing(violent).max() < 0.25
    assert worst(violent, "long") > 150e6
    assert worst(violent, "short") > 80e6
    assert worst(calm, "long") < 30e6


def test_samples_are_small_and_quick_to_read() -> None:
    assert samples.names() == ("calm", "violent")
    size = sum(path.stat().st_size for path in samples.FOLDER.rglob("*") if path.is_file())
    assert size < 6e6
    samples.load_sample("calm")
    spent = []
    for _ in range(5):
        begun = time.process_time()
        samples.load_sample("violent")
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.3


def test_what_is_written_is_read_back_exactly(tmp_path: Path) -> None:
    held = samples.load_sample("calm")
    samples.write_sample(held, tmp_path)
    again = samples.load_sample("calm", tmp_path)
    for name in ("candles", "liquidations", "open_interest", "funding", "positions"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(held, name), check_exact=True)
    for venue in held.venue_candles:
        pd.testing.assert_frame_equal(again.venue_candles[venue], held.venue_candles[venue], check_exact=True)
    assert (again.venues, again.parameters, again.label) == (held.venues, held.parameters, held.label)


def test_a_value_that_cannot_be_stored_exactly_is_refused(tmp_path: Path) -> None:
    held = samples.load_sample("calm")
    crooked = Sample(**{**vars(held), "candles": held.candles.assign(close=held.candles["close"] + 0.01)})
    with pytest.raises(SampleError, match="whole ticks"):
        samples.write_sample(crooked, tmp_path)


def test_a_missing_or_broken_sample_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no sample market 'mild' \(there are: calm, violent\)"):
        samples.load_sample("mild")
    with pytest.raises(SampleError, match="make samples"):
        samples.load_sample("calm", tmp_path)
    shutil.copytree(samples.FOLDER / "calm", tmp_path / "calm")
    (tmp_path / "calm" / "candles.parquet").write_bytes(b"not a table")
    with pytest.raises(SampleError, match="Run `make samples`"):
        samples.load_sample("calm", tmp_path)
