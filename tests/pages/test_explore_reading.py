"""Clusters, levels, strips and stories on the explore page."""

import pytest
from test_pages import charts, open_page, words


def test_strips_levels_and_clusters_come_from_the_address():
    app = open_page("explore.py", keylevels="true", mylevels="27,500; 28.1k", below=["RSI", "Funding"], most="5", hot="Sensitive")
    assert not app.exception
    assert len(charts(app)) == 3
    assert "RSI is" in words(app)
    assert "Funding is" in words(app)
    assert app.selectbox(key="cluster").options


def test_a_level_that_is_no_price_is_named_and_the_others_stay():
    app = open_page("explore.py", mylevels="moon; 28000")
    assert not app.exception
    assert any("moon" in item.value for item in app.warning)
    assert charts(app)


@pytest.mark.parametrize("layer", ["Realised", "Modelled"])
def test_a_chosen_cluster_tells_its_story(layer):
    app = open_page("explore.py", layer=layer, hot="Sensitive", span="14 d", tf="1h")
    box = app.selectbox(key="cluster")
    box.select(box.options[0]).run()
    assert not app.exception
    assert "cluster at \\$" in words(app)
    assert "First seen" in words(app)
    assert any("What happened" in str(table.value.columns.tolist()) for table in app.dataframe)
