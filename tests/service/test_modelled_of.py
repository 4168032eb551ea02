"""Whose positions a modelled map is said to be of: those of the venues it was made from."""

import pandas as pd
import pytest

from liqcore import tables
from liqcore.service import dataset
from liqcore.service.dataset import DataError, Dataset, ViewSettings
from tests.service.test_columns import market


def names(data: Dataset, *venues: str) -> tuple[str, ...]:
    return dataset.heatmap(data, ViewSettings(layer="modelled", venues=venues)).provenance.venue_names


def test_a_modelled_map_is_not_called_by_a_venue_that_gave_nothing_to_it() -> None:
    plain = market(15, 48)
    held = plain.candles
    assert held is not None
    each = {"alder": held, "birch": held}
    data = Dataset("k", "test", True, candles=held, venue_candles=each)
    assert names(data) == ("alder", "birch")
    assert names(data, "birch", "cedar") == ("birch",)
    with pytest.raises(DataError, match="neither candles nor open interest of cedar"):
        names(data, "cedar")
    interest = tables.open_interest(
        pd.DataFrame({"time": held["time"], "venue": "cedar", "quantity": 1_000.0})
    )
    told = Dataset("k", "test", True, candles=held, venue_candles=each, open_interest=interest)
    assert names(told, "cedar") == ("cedar",)
    # Candles of nobody in particular: the map is the market's, whoever is chosen.
    assert names(plain, "cedar") == names(plain)
