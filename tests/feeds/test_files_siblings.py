"""Files that resemble known ones: another coin, another unit or ordinary trades behind a familiar layout."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from liqcore.feeds import files
from liqcore.tables import TableError

START = 1_704_067_200
HOURS = range(48)


class Upload(io.BytesIO):
    def __init__(self, name, text):
        super().__init__(text if isinstance(text, bytes) else text.encode())
        self.name = name


def prices(hour):
    """Open, high, low, close and a volume in BTC of one hour."""
    opened = 42_000 + 40 * np.sin(hour)
    closed = 42_000 + 40 * np.sin(hour + 1)
    return opened, max(opened, closed) + 9, min(opened, closed) - 9, closed, 900.5 + hour


def bars(*, times=1):
    return [
        [START + 3600 * hour, *(f"{cell:.2f}" for cell in prices(hour)[:4]), prices(hour)[4] * times]
        for hour in HOURS
    ]


def trades(**cells):
    rows = [{"time": (START + 60 * at) * 1000, "price": 42_000 + at} for at in range(6)]
    return pd.DataFrame(
        [row | {name: call(at) for name, call in cells.items()} for at, row in enumerate(rows)]
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"pair": "BTC/EUR", "ohlc": bars()}},
        {"error": [], "result": {"XXBTZEUR": bars(), "last": START}},
        [dict(zip("tohlcv", row, strict=True), s="WBTC") for row in bars()],
    ],
    ids=["pair beside the rows", "Kraken's name of the rows", "s in every row"],
)
def test_another_market_named_beside_the_rows_is_refused(answer):
    with pytest.raises(TableError, match=r"[oO]nly BTC"):
        files.read(Upload("bars.json", json.dumps(answer)))
    usd = json.loads(
        json.dumps(answer).replace("BTC/EUR", "BTC/USD").replace("ZEUR", "ZUSD").replace("WBTC", "BTC")
    )
    found = files.read(Upload("bars.json", json.dumps(usd)))
    assert found.table["volume"].to_numpy() == pytest.approx([prices(hour)[4] for hour in HOURS])


@pytest.mark.parametrize("name", ["okx_BTC-USDT-SWAP_1h.json", "BTC-USDT-SWAP.json", "XBTUSDTM-1h.json"])
def test_a_volume_that_may_count_contracts_is_not_taken_as_btc(name):
    found = files.read(Upload(name, json.dumps(bars(times=100))))
    assert found.table["volume"].isna().all()
    assert any("may count contracts" in note for note in found.notes)


def test_a_market_that_names_coins_is_the_symbol():
    table = trades(
        market=lambda at: ["BTC-PERP", "ETH-PERP", "BTCDOMUSDT"][at % 3],
        side=lambda at: "long",
        quantity=lambda at: 0.1,
    )
    found = files.read(Upload("liquidations.csv", table.to_csv(index=False)))
    assert len(found.table) == 2
    venues = table.assign(market="Binance")
    assert files.read(Upload("liquidations.csv", venues.to_csv(index=False))).venues == ("binance",)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("dydx.csv", {"type": lambda at: ["LIQUIDATED", "LIMIT"][at % 2], "size": lambda at: 0.1}),
        (
            "deribit.csv",
            {
                "tick_direction": lambda at: 0,
                "liquidation": lambda at: "T" if at % 2 else "",
                "amount": lambda at: 10,
            },
        ),
    ],
)
def test_trades_that_mark_their_liquidations_are_still_trades(name, cells):
    table = trades(side=lambda at: "sell", **cells)
    with pytest.raises(TableError, match="ordinary trades"):
        files.read(Upload(name, table.to_csv(index=False)), mapping={"side_meaning": "order"})


def test_spot_trades_without_a_telling_name_are_refused():
    table = trades(id=lambda at: at + 1, volume=lambda at: 0.1, side=lambda at: "buy")
    with pytest.raises(TableError, match="spot trades"):
        files.read(
            Upload("BTCUSDT_2024-01.csv", table.rename(columns={"time": "timestamp"}).to_csv(index=False))
        )


@pytest.mark.parametrize(
    ("step", "amount", "unit"),
    [
        (86_400, 1_500, "BTC"),
        (60, 500, "USD"),
        (3_600, 400_000, "USD"),
        (3_600, 20, "BTC"),
        (3_600, 500, None),
    ],
)
def test_totals_without_a_unit_are_judged_by_their_day_or_asked_about(step, amount, unit):
    hours = pd.date_range("2024-01-01", periods=24 * 50, freq="h", tz="UTC")
    candles = pd.DataFrame(
        {"time": hours, "open": 42_000.0, "high": 42_100.0, "low": 41_900.0, "close": 42_000.0, "volume": 1.0}
    )
    table = pd.DataFrame({"t": START + step * np.arange(40), "l": float(amount), "s": float(amount)})
    upload = Upload("liquidations.csv", table.to_csv(index=False))
    if unit is None:
        with pytest.raises(files.MappingNeeded) as asked:
            files.read(upload, candles=candles)
        assert asked.value.missing == ("quantity_unit",)
        upload.seek(0)
        told = files.read(upload, candles=candles, mapping={"quantity_unit": "BTC"})
        assert told.table["quantity"].sum() == pytest.approx(2 * 40 * amount)
        return
    found = files.read(upload, candles=candles)
    assert found.unit == unit
    worth = found.table["quantity"] * (found.table["price"] if unit == "USD" else 1.0)
    assert worth.sum() == pytest.approx(2 * 40 * amount)


def test_a_swiss_apostrophe_of_windows_groups_digits():
    lines = ["time;open;high;low;close"]
    lines += [
        f"2024-01-01 {hour:02d}:00;" + ";".join(f"{cell:,.2f}".replace(",", "’") for cell in prices(hour)[:4])
        for hour in range(24)
    ]
    found = files.read(Upload("bars.csv", "\n".join(lines).encode("cp1252")))
    assert found.table["open"].iloc[0] == 42_000.0


def test_a_quantity_of_unknown_unit_says_what_it_was_taken_for():
    table = trades(side=lambda at: "long", size=lambda at: 0.1)
    found = files.read(Upload("liquidations.csv", table.to_csv(index=False)))
    assert "'size' was taken as BTC." in found.notes
    with pytest.raises(files.MappingNeeded, match="unit"):
        files.read(Upload("liquidations.csv", table.assign(size=100).to_csv(index=False)))
