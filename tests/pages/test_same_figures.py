"""One figure, one number: what Explore, Compare, Risk and Alerts say of one level, cluster and window."""

from __future__ import annotations

import functools
import re
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from test_pages import open_page, words

from liqcore import wording
from liqcore.alerts.alert import _verdict
from liqcore.alerts.inputs import Settings
from liqcore.alerts.observe import observe
from liqcore.distances import away
from liqcore.feeds import samples
from liqcore.heat.clusters import track_clusters
from liqcore.heat.realised import realised_heatmap
from liqcore.risk.handover import read_zones
from liqcore.views import loaders
from liqcore.views.alerts.trial import market_tables
from tests.maps import charts

VERDICT = re.compile(r"(Cannot say|Isolated|Partly confirmed|Market-wide)(?:: | at \$[\d,]+: )(.*)")


@functools.cache
def moment(data: str) -> str:
    """When most clusters stood out at once on the sample's realised map."""
    held = samples.load_sample(data)
    grid = realised_heatmap(held.liquidations, "15min", bins=150)
    found = track_clusters(grid, price=held.candles, liquidations=held.liquidations).standing
    late = found[found["column"] > 4 * 24 * 3]
    return str(grid.time_edges[1 + int(late["column"].mode().iloc[-1])].astype("datetime64[s]"))


@functools.cache
def pages(data: str, level: str = "") -> tuple[AppTest, AppTest]:
    """Explore with its reading, and Compare's agreement, of one level in one window."""
    view = {"data": data, "layer": "realised", "span": "3 d", "tf": "15m", "until": moment(data)}
    view |= {"level": level} if level else {}
    explore = open_page("explore.py", read="true", **view)
    compare = open_page("compare.py", view="Agreement", **view)
    assert not explore.exception
    assert not compare.exception
    return explore, compare


def plain(app: AppTest) -> str:
    return words(app).replace("\\$", "$").replace("**", "")


def verdicts(app: AppTest, near: str) -> set[tuple[str, str]]:
    """The word and the sentence on agreement at a level."""
    text = re.sub(r" The same holds for \d+ of 100 prices as far away\.", "", plain(app))
    return {found.groups() for found in VERDICT.finditer(text) if f"of {near}" in found.group(2)}


def close_at(data: str) -> float:
    candles = samples.load_sample(data).candles
    return float(candles[candles["time"] < pd.Timestamp(moment(data), tz="UTC")]["close"].iloc[-1])


LEVELS = [("violent", 1.0), ("violent", 0.985), ("calm", 0.996)]


@pytest.mark.parametrize(("data", "factor"), LEVELS)
def test_explore_and_compare_say_the_same_of_agreement(data, factor):
    level = round(close_at(data) * factor)
    explore, compare = pages(data, str(level))
    found = verdicts(explore, wording.price(level))
    assert len(found) == 1
    assert found == verdicts(compare, wording.price(level))


@pytest.mark.parametrize(("data", "factor"), LEVELS)
def test_a_level_has_one_distance(data, factor):
    level, price = round(close_at(data) * factor), close_at(data)
    explore, _ = pages(data, str(level))
    shown = wording.percent(abs(away(price, level)))
    near = re.findall(rf"\{wording.price(level)} lies ([\d.]+ %)", plain(explore))
    sits = re.findall(rf"sits on \{wording.price(level)}, ([\d.]+ %)", plain(explore))
    assert set(near + sits) == {shown}


@pytest.mark.parametrize("data", ["violent", "calm"])
def test_clusters_have_the_same_edges_and_usd_everywhere(data):
    explore, compare = pages(data)
    named = {name.replace("\\", "") for name in explore.selectbox(key="cluster").options}
    table = next(item.value for item in compare.dataframe if "Largest print" in item.value.columns)
    listed = {
        f"{row['Cluster']} · {row['Side']} {wording.usd(row['USD'])}" for row in table.to_dict("records")
    }
    assert named == listed
    assert f"{len(named)} clusters stand out" in plain(compare)
    # The risk page gets them with their edges and their USD.
    (link,) = [one.proto for one in explore.get("page_link") if "Size a position" in one.proto.label]
    zones, problems = read_zones(parse_qs(link.page.partition("?")[2] or link.query_string)["zones"][0])
    assert not problems
    sent = {
        (one.side, wording.price(one.low), wording.price(one.high), wording.usd(one.notional))
        for one in zones
    }
    for place, side, usd in (re.split(r" · | (?=\$[^ ]+$)", name) for name in named):
        assert (side.removesuffix("s"), *place.split(" to "), usd) in sent


@pytest.mark.parametrize("data", ["violent", "calm"])
def test_totals_and_cells_are_the_same(data):
    explore, _ = pages(data)
    view = {"data": data, "layer": "realised", "span": "3 d", "tf": "15m", "until": moment(data)}
    compare = open_page("compare.py", **view)
    table = next(item.value for item in compare.dataframe if "Largest print" in item.value.columns)
    assert f"{wording.usd(table['USD'].sum())} of positions were liquidated" in plain(explore)
    said = [charts(app)[0].proto.alt.partition("Largest")[2] for app in (explore, compare)]
    assert said[0] == said[1] != ""


def test_an_alert_of_that_moment_says_what_the_pages_say():
    data = "violent"
    until = np.datetime64(moment(data), "us")
    level = round(close_at(data) * 0.985)
    explore, _ = pages(data, str(level))
    ((word, sentence),) = verdicts(explore, wording.price(level))
    alerts = market_tables(loaders.sample(data))
    day = (until - np.timedelta64(1, "us")).astype("datetime64[D]").astype("datetime64[us]")
    frames = observe(alerts, Settings(timeframe="15min", lookback="24h"), day, until)
    bar = int((until - frames.edges[0]) // (frames.edges[1] - frames.edges[0])) - 1
    side = "short" if "short side" in sentence else "long"
    assert _verdict(frames, "realised", bar, float(level), side, 0.005) == word.lower()
