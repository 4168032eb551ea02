"""Our events summed by somebody else's hours: every dollar once, and only hours that both cover whole."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.heat.totals import beside

START = pd.Timestamp("2026-03-01", tz="UTC")


def events(moments, usd, sides):
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": START + pd.to_timedelta(moments, unit="s"),
                "side": sides,
                "price": 50_000.0,
                "notional": usd,
            }
        )
    )


def hours(count, first=0):
    time = START + pd.to_timedelta(np.arange(first, first + count), unit="h")
    return pd.DataFrame({"time": time, "long": np.arange(count) + 1.0, "short": np.arange(count)[::-1] + 2.0})


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_what_lies_in_full_hours_is_counted_once_on_its_side(seed):
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.uniform(0, 12 * 3600, 200))
    usd, sides = rng.uniform(1, 1e6, 200), rng.choice(["long", "short"], 200)
    found = beside(
        events(moments, usd, sides), hours(6, first=3), START, START + pd.Timedelta(hours=8, minutes=30)
    )
    inside = (moments >= 3 * 3600) & (moments < 8 * 3600)
    assert len(found.frame) == 10
    assert found.ours == pytest.approx(usd[inside].sum())
    row = found.frame[(found.frame["side"] == "long")].iloc[2]
    mine = (sides == "long") & (moments >= 5 * 3600) & (moments < 6 * 3600)
    assert row["ours"] == pytest.approx(usd[mine].sum())
    assert row["theirs"] == 3.0


def test_equal_counts_agree_and_nothing_shared_says_nothing():
    moments = np.arange(10) * 3600 + 60
    usd = np.arange(10) + 1.0
    liquidations = events(np.r_[moments, moments], np.r_[usd, usd], ["long"] * 10 + ["short"] * 10)
    same = hours(10).assign(long=usd, short=usd)
    found = beside(liquidations, same, START, START + pd.Timedelta(hours=10))
    assert found.correlation == pytest.approx(1.0)
    assert found.ours == found.theirs == 110.0
    none = beside(liquidations, hours(3, first=500), START, START + pd.Timedelta(hours=10))
    assert none.frame.empty
    assert np.isnan(none.correlation)
