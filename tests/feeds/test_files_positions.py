"""Files of open positions: ours, a venue's answers, and lists; no address comes through."""

import json

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from liqcore import TableError, read_positions, tables
from liqcore.feeds.positions.answers import pseudonym
from tests.heat.census import census

ADDRESS = "0x" + "aB" * 20
OTHER = "0x" + "1c" * 20
KEY = b"of one installation"


def answer(size: str = "-1.5", price: str | None = "71000.5") -> dict:
    return {
        "time": 1_772_366_400_123,
        "marginSummary": {"accountValue": "12000.0"},
        "crossMaintenanceMarginUsed": "900",
        "assetPositions": [
            {"position": {"coin": "ETH", "szi": "10", "entryPx": "3000", "positionValue": "30000"}},
            {
                "position": {
                    "coin": "BTC",
                    "szi": size,
                    "entryPx": "61000",
                    "leverage": {"type": "cross", "value": 20},
                    "liquidationPx": price,
                    "positionValue": "90000",
                }
            },
        ],
    }


def test_our_own_parquet_comes_back_equal(tmp_path):
    held = census(300)
    held.to_parquet(tmp_path / "positions.parquet")
    assert_frame_equal(read_positions(tmp_path / "positions.parquet"), held, check_categorical=False)


@pytest.mark.parametrize(
    "told", [{ADDRESS: answer()}, [{"user": ADDRESS, "state": answer()}], [{"address": ADDRESS, **answer()}]]
)
def test_the_venues_answers_in_every_wrapping(told):
    found = read_positions(json.dumps(told).encode(), key=KEY)
    (row,) = found.to_dict("records")
    assert row["account"] == pseudonym(ADDRESS, KEY)
    assert (row["side"], row["quantity"], row["entry"]) == ("short", 1.5, 61_000.0)
    assert (row["liquidation_price"], row["leverage"], row["margin"]) == (71_000.5, 20.0, "cross")
    assert row["notional"] == 90_000.0
    assert row["time"] == pd.Timestamp(1_772_366_400_123, unit="ms", tz="UTC")


def test_lines_of_answers_and_prices_that_are_null():
    lines = "\n".join(json.dumps({"user": user, "state": answer("2", None)}) for user in (ADDRESS, OTHER))
    found = read_positions(lines.encode())
    assert found["account"].nunique() == 2
    assert found["liquidation_price"].isna().all()
    assert (found["side"] == "long").all()


def test_a_list_as_people_keep_it():
    text = f"address,size,entry,liq,lev\n{ADDRESS},-2,61000,70000,20x\n{OTHER},1,59000,,5x\n{OTHER[:-1]}d,0,1,1,1\n"  # noqa: E501
    found = read_positions(text.encode(), time="2026-03-01 12:00", venue="hyperliquid", key=KEY)
    assert found["side"].tolist() == ["short", "long"]
    assert found["quantity"].tolist() == [2.0, 1.0]
    assert found["leverage"].tolist() == [20.0, 5.0]
    assert found["liquidation_price"].tolist()[0] == 70_000.0
    assert np.isnan(found["liquidation_price"].tolist()[1])
    assert set(found["account"]) == {pseudonym(ADDRESS, KEY), pseudonym(OTHER, KEY)}


def test_no_address_comes_through_and_a_new_key_gives_new_names():
    text = f"address,size,entry,liq,lev\n{ADDRESS},-2,61000,70000,20\n".encode()
    one, two = (read_positions(text, time="2026-03-01") for _ in range(2))
    for found in (one, two):
        assert not found.to_csv().lower().count(ADDRESS.lower()[2:])
    assert set(one["account"]).isdisjoint(two["account"])


def test_a_table_with_an_address_is_refused_before_it_comes_to_rest():
    rows = pd.DataFrame(
        {"time": ["2026-03-01"], "account": [ADDRESS], "side": ["long"], "quantity": [1], "entry": [6e4]}
    )
    with pytest.raises(TableError, match="address") as caught:
        tables.positions(rows)
    assert ADDRESS[2:] not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"address,size,entry,liq,lev\n0x1,1,60000,1,1\n", "Give the time"),
        (b"time,size,entry,liq\n2026-03-01,1,word,3\n", "'entry', row 1"),
        (b"time,coin,size,entry\n2026-03-01,ETH,1,3000\n", "no BTC positions"),
        (b'{"assetPositions": 3}', "clearinghouseState"),
        (b'[1, 2, "x"]', "clearinghouseState"),
        (b'{"time": 1772366400123, "assetPositions": []}', "holds BTC"),
        (b"nothing at all", "."),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(content, words):
    with pytest.raises(TableError, match=words):
        read_positions(content)
