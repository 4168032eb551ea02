"""Where the variants of the textbook and of the flow identity put a 10× and a 100× position."""

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.heat.assumptions import Assumptions
from liqcore.heat.modelled import modelled_heatmap
from liqcore.heat.models import MODELS

BAR = tables.candles(
    pd.DataFrame(
        {"time": ["2026-03-01"], "open": 60_000.0, "high": 60_000.0, "low": 60_000.0, "close": 60_000.0}
    ).assign(volume=10.0, taker_buy_volume=5.0)
)
# Entry 60,000, maintenance .5 %, no fee: long and short at 10× and at 100×.
PRICES = {
    "flow-identity": ((54_271.36, 65_671.64), (59_698.49, 60_298.51)),
    "no-maintenance": ((54_000.0, 66_000.0), (59_400.0, 60_600.0)),
    "textbook": ((54_000.0, 66_000.0), (59_400.0, 60_600.0)),
    "textbook-maintenance": ((54_300.0, 65_700.0), (59_700.0, 60_300.0)),
}


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("place", [0, 1])
def test_levels_stand_where_the_formula_says(name: str, place: int) -> None:
    one = Assumptions(
        leverages=((10.0,), (100.0,))[place],
        taker_mix=(1.0,),
        maker_mix=(1.0,),
        margin_multiples=(1.0,),
        margin_weights=(1.0,),
        fee_rate=0.0,
    )
    found = MODELS[name].levels(one)
    assert (60_000 * found.long[0], 60_000 * found.short[0]) == pytest.approx(PRICES[name][place], abs=0.01)
    grid = modelled_heatmap(BAR, model=name, assumptions=one, bins=4_000, price_range=(50_000, 70_000))
    for side, price in zip((grid.long, grid.short), PRICES[name][place], strict=True):
        (hot,) = np.flatnonzero(side[-1])
        assert grid.price_edges[hot] <= price * (1 + 1e-9)
        assert grid.price_edges[hot + 1] >= price * (1 - 1e-9)


def test_without_maintenance_only_the_place_of_a_level_differs() -> None:
    ours, other = (
        modelled_heatmap(
            BAR,
            model=name,
            # A long of 2× with more than twice its margin has no price at which it would be liquidated.
            assumptions=Assumptions(margin_multiples=(1.0, 1.6), margin_weights=(0.5, 0.5)),
            bins=50,
        ).predicted
        for name in ("flow-identity", "no-maintenance")
    )
    assert ours is not None
    assert other is not None
    np.testing.assert_allclose(ours["standing_long"], other["standing_long"], rtol=1e-9)
