"""What the live page says of a modelled map that lacks open interest."""

import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.modelled import modelled_heatmap
from liqcore.service.dataset import Dataset
from liqcore.views.live.panels import interest_missing


def test_missing_open_interest_is_said_with_who_told_it() -> None:
    times = pd.date_range("2026-03-01", periods=80, freq="1min", tz="UTC")
    close = 28_000 + np.arange(80.0)
    bars = tables.candles(
        pd.DataFrame(
            {"time": times, "open": close, "high": close + 5, "low": close - 5, "close": close}
        ).assign(volume=10.0, taker_buy_volume=5.0)
    )
    whole = tables.open_interest(
        pd.DataFrame({"time": times, "venue": "okx", "quantity": 1_000.0}).assign(time=times)
    )

    def said(interest: pd.DataFrame | None) -> str | None:
        data = Dataset("k", "Live", False, candles=bars, open_interest=interest)
        return interest_missing(data, modelled_heatmap(bars, interest, bins=50))

    assert said(whole) is None
    part = said(whole.iloc[60:])
    assert part is not None
    assert "26 %" in part
    assert "OKX" in part
    none = said(None)
    assert none is not None
    assert "No open interest" in none
