"""Clusters, levels, strips and stories on the explore page."""

import functools

import pytest
from test_pages import open_page, words

from liqcore.feeds import samples
from liqcore.heat.clusters import track_clusters
from liqcore.heat.realised import realised_heatmap
from tests.maps import charts, maps


@functools.cache
def when_something_stood_out() -> str:
    """A moment at which the sample's realised map shows a cluster, as an address has it."""
    held = samples.load_sample("violent")
    grid = realised_heatmap(held.liquidations, "1h", bins=150)
    found = track_clusters(grid, price=held.candles, liquidations=held.liquidations)
    return str(max(one.first_seen for one in found.clusters).astype("datetime64[s]"))


def test_strips_levels_and_clusters_come_from_the_address():
    app = open_page(
        "explore.py",
        keylevels="true",
        mylevels="27,500; 28.1k",
        below=["RSI", "Funding"],
        most="5",
        data="violent",
        layer="realised",
        hot="Sensitive",
        span="14 d",
        tf="1h",
        until=when_something_stood_out(),
    )
    assert not app.exception
    assert len(charts(app)) == 1
    assert [one["name"] for one in charts(app)[0].layers["series"]] == ["RSI", "Funding"]
    assert "RSI is" in words(app)
    assert "Funding is" in words(app)
    assert app.selectbox(key="cluster").options


def test_a_level_that_is_no_price_is_named_and_the_others_stay():
    app = open_page("explore.py", mylevels="moon; 28000")
    assert not app.exception
    assert any("moon" in item.value for item in app.warning)
    assert charts(app)


def test_a_chosen_cluster_tells_its_story():
    app = open_page(
        "explore.py",
        data="violent",
        layer="realised",
        hot="Sensitive",
        span="14 d",
        tf="1h",
        until=when_something_stood_out(),
    )
    box = app.selectbox(key="cluster")
    box.select(box.options[0]).run()
    assert not app.exception
    assert "cluster at \\$" in words(app)
    assert "First seen" in words(app)
    assert any("What happened" in str(table.value.columns.tolist()) for table in app.dataframe)


@pytest.mark.parametrize("layer", ["Realised", "Modelled"])
def test_a_level_is_read_with_evidence_for_and_against_and_at_four_timeframes(layer):
    app = open_page("explore.py", layer=layer, read="true", level="28,000", span="7 d", tf="1h")
    assert not app.exception
    text = words(app)
    for title in (
        "What speaks for it",
        "What speaks against it",
        "What would invalidate it",
        "What is missing",
        "5. Agreement across venues",
    ):
        assert title in text
    assert "28,000" in text
    table = next(item.value for item in app.dataframe if "Timeframe" in item.value.columns)
    assert table["Timeframe"].tolist() == ["15m", "1h", "4h", "1d"]


@pytest.mark.parametrize(
    ("level", "said"), [("99000", "outside the map"), ("nowhere", "nowhere"), ("-3", "no price of BTC")]
)
def test_a_level_that_cannot_be_read_says_why_and_the_map_stays(level, said):
    app = open_page("explore.py", read="true", level=level)
    assert not app.exception
    assert charts(app)
    assert said in words(app)


def test_a_reading_in_the_past_knows_nothing_of_what_came_later():
    app = open_page(
        "explore.py", read="true", level="28000", span="3 d", tf="1h", until="2026-04-14T00:00:00"
    )
    assert not app.exception
    moment = [line for line in words(app).splitlines() if "Read in bars of 1h" in line]
    assert moment
    assert "Apr 14, 2026, 00:00 UTC" in moment[0]


def test_clusters_go_to_tradingview_as_what_they_are():
    app = open_page("explore.py", layer="Modelled")
    labels = {button.proto.label for button in app.get("download_button")}
    assert {"CSV", "JSON", "Pine script", "Watch-list"} <= labels
    assert not app.exception


def test_a_question_on_the_map_goes_to_where_it_is_answered():
    """The browser's message is the click's; here it is put where Streamlit puts it."""
    from liqcore.views.explore import reading

    app = open_page("explore.py", layer="modelled")
    shown = {one.head["key"]: one.head for one in maps(app)}["heatmap"]
    assert [what for what, _ in shown["actions"]] == [what for what, _ in reading.ACTIONS]
    assert [what for what, _ in shown["lines"]] == ["entry", "stop", "targets"]
    assert shown["address"]
    assert shown["replay"]
    assert shown["what"]
    assert not app.sidebar.children, "map pages have no sidebar"


def test_the_expected_map_stands_beside_the_realised_one_with_its_ratio():
    app = open_page("explore.py", data="violent", layer="realised", span="3 d", tf="1h", expected="true")
    kinds = [one.value for one in app.caption if "Venues: Alder" in one.value]
    assert [one.startswith("Realised: positions that were closed") for one in kinds] == [True, False]
    assert kinds[1].startswith("No record but what the price path alone would put there")
    assert not app.exception
    assert len(maps(app)) == 2
    table = next(item.value for item in app.dataframe if "Path explains" in item.value.columns)
    assert len(table) == 12
    assert (table["Orders"] > 0).all()
    near_one = table["Times"].dropna()
    assert near_one.median() < 3
    assert "no record and no forecast" in words(app)
    other = open_page("explore.py", data="violent", layer="modelled", span="3 d", tf="1h", expected="true")
    assert not other.exception
    assert len(maps(other)) == 1
