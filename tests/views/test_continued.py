"""A map that goes on: what is sent from tick to tick turns the map that was sent into the one of now."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.charts.continued import go_on
from liqcore.charts.picture import picture
from liqcore.heat.grid import HeatGrid, Provenance
from tests.maps import amounts, unpacked

START = np.datetime64("2026-03-01", "us")
MINUTE = np.timedelta64(60_000_000, "us")


def at(minute, count=60, extra=()):
    """The last minutes of a market that is the same however late one looks."""
    first = minute - count
    rng = np.random.default_rng(1)
    cells = (rng.lognormal(9, 1, (200, 30)) * (rng.random((200, 30)) < 0.1)).astype(np.float32)
    for column, band, usd in extra:
        cells[column, band] = usd
    close = 50_000 + np.cumsum(rng.normal(0, 5, 200))
    grid = HeatGrid(
        "realised",
        START + np.arange(first, minute + 1) * MINUTE,
        np.linspace(49_000, 51_000, 31),
        cells[first:minute],
        cells[first:minute] * 0,
        Provenance("Live"),
    )
    bars = pd.DataFrame({"time": START + np.arange(200) * MINUTE, "close": close, "volume": 2.0})
    bars = bars.assign(open=close, high=close + 1, low=close - 1).iloc[max(first, 0) : minute]
    return picture(grid, tables.candles(bars))


def put_together(sent, part):
    """What the browser holds after both messages."""
    head, arrays = unpacked(sent)
    more, new = unpacked(part)
    assert more["base"] == head["id"]
    kept, row = more["first"], more["candle_at"]
    edges = np.append(arrays["time_edges"][:kept], new["time_edges"])
    cells = np.vstack([arrays["long"][:kept], new["long"]])
    begin = int(np.searchsorted(edges, more["begins"]))
    return (
        edges[begin:],
        amounts(cells[begin:], head["lowest"]),
        np.append(arrays["close"][:row], new["close"]),
    )


@pytest.mark.parametrize("later", [0, 1, 2, 25])
def test_base_and_part_are_the_map_of_now(later):
    sent, nothing = go_on(None, at(100), "live", None, {})
    assert nothing == b""
    # A late event falls into a column that was sent already.
    now = at(100 + later, extra=[(90, 3, 7_777.0)])
    same, part = go_on(sent, now, "live", None, {"note": "new"})
    assert same is sent, "the map's own message stays the same"
    edges, long, close = put_together(sent.message, part)
    np.testing.assert_array_equal(edges, now.grid.time_edges.astype("int64") / 1000)
    np.testing.assert_allclose(long, now.grid.long, rtol=0.0051, atol=1)
    np.testing.assert_allclose(close[-len(now.bars.rows["close"]) :], now.bars.rows["close"], rtol=1e-6)
    assert len(part) < 5_000
    assert unpacked(part)[0]["note"] == "new"


def test_another_question_another_range_or_too_much_new_is_sent_anew():
    sent, _ = go_on(None, at(100), "live", None, {})
    for now, options in ((at(100), {"address": True}), (at(199), {}), (at(101, extra=[(100, 1, 5e9)]), {})):
        new, part = go_on(sent, now, "live", None, options)
        assert new is not sent
        assert part == b""
    wider = at(101)
    wider = replace(wider, grid=replace(wider.grid, price_edges=wider.grid.price_edges + 1))
    assert go_on(sent, wider, "live", None, {})[0] is not sent
