"""Reading files against parsing the same bytes, in one run, and three million bars in bounded memory."""

import gzip
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from conftest import run_race

from liqcore import tables
from liqcore.feeds import files
from liqcore.feeds.files import quality

ROWS = 1_000_000
# What reading may cost beside a parser, whose result has not been checked, and the checks of a table.
# Candles: pandas' parser. Liquidations: Arrow's, which tells words from numbers and broken rows from sound
# ones; it alone takes longer than 1.3 times pandas' parser and the checks, which take a fifth of it.
READING = {"candles": 1.3, "liquidations": 1.7}


def candles(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    close = np.round(60_000 + np.cumsum(rng.normal(0, 3, rows)), 1)
    opened = np.round(np.concatenate([[60_000.0], close[:-1]]), 1)
    return pd.DataFrame(
        {
            "time": np.arange(rows, dtype="int64") * 60_000 + 1_577_836_800_000,
            "open": opened,
            "high": np.round(np.maximum(opened, close) + 5, 1),
            "low": np.round(np.minimum(opened, close) - 5, 1),
            "close": close,
            "volume": np.round(rng.lognormal(3, 1, rows), 3),
        }
    )


@pytest.fixture(scope="module")
def candle_bytes() -> bytes:
    return candles(ROWS).to_csv(index=False).encode()


@pytest.fixture(scope="module")
def event_bytes() -> bytes:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "exchange": "binance",
            "symbol": "BTCUSDT",
            "timestamp": np.sort(rng.integers(1_700_000_000_000, 1_730_000_000_000, ROWS)),
            "side": rng.choice(["buy", "sell"], ROWS),
            "price": np.round(60_000 + np.cumsum(rng.normal(0, 3, ROWS)), 1),
            "amount": np.round(rng.exponential(0.2, ROWS) + 0.001, 3),
        }
    )
    return frame.to_csv(index=False).encode()


def arrow(data: bytes) -> pa.Table:
    """The floor: Arrow's parser with one thread, told to find numbers, words and empty cells."""
    return arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 23),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True, auto_dict_encode=True, auto_dict_max_cardinality=1000
        ),
    )


@pytest.mark.parametrize("kind", ["candles", "liquidations"])
def test_reading_costs_little_more_than_parsing(kind: str, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue("candle_bytes" if kind == "candles" else "event_bytes")
    parsed = pd.read_csv(io.BytesIO(data))
    plain = files.read(data).table

    def checks() -> None:
        table = tables.CHECKS[kind](plain)
        quality.refuse_unbelievable(kind, table)
        quality.doubts(kind, table)

    # The same checks and doubts on a table that needs no interpretation are no part of reading.
    by_pandas = run_race(
        lambda: files.read(data), lambda: (pd.read_csv(io.BytesIO(data)), checks()), rounds=3
    )
    by_arrow = run_race(lambda: files.read(data), lambda: (arrow(data), checks()), rounds=3)
    print(
        f"\n{kind}: {1e3 * by_pandas.ours:.0f} ms CPU, {1 / by_pandas.ratio:.2f} times pandas.read_csv plus"
        f" checks, {1 / by_arrow.ratio:.2f} times Arrow's parser plus checks"
    )
    assert len(parsed) == ROWS
    assert by_pandas.our_result.rows_kept == ROWS
    assert 1 / (by_pandas if kind == "candles" else by_arrow).ratio < READING[kind]


def test_three_million_bars_take_seconds_and_less_than_1500_mb(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m.csv.gz"
    path.write_bytes(gzip.compress(candles(3_000_000).to_csv(index=False).encode(), compresslevel=1))
    code = (
        "import sys, time\nfrom liqcore.feeds import files\nbegin = time.process_time()\nfound ="
        f" files.read({str(path)!r})\nprint(found.rows_kept, time.process_time() - begin,"
        " open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    rows, seconds, kilobytes = int(out[0]), float(out[1]), int(out[2])
    print(f"{rows:,} bars in {seconds:.1f} s of CPU, at most {kilobytes / 1024:,.0f} MB")
    assert rows == 3_000_000
    assert seconds < 15
    assert kilobytes < 1.5e6
