"""A folder of files that people really upload by mistake, made by code.

`nasty_files(folder)` writes them and returns (name, path, expectation): `read` where a valid table must come
out, `refuse` where one plain sentence must. Needs no pytest, so that any test can use it.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

HEAD = "time,venue,symbol,side,price,quantity"
CANDLE_HEAD = "time,open,high,low,close,volume"


def liquidation_rows(count: int = 40, start: str = "2024-03-01") -> list[str]:
    """Rows of `HEAD`, one a minute."""
    times = pd.date_range(start, periods=count, freq="min")
    return [
        f"{time:%Y-%m-%dT%H:%M:%SZ},bybit,BTCUSDT,{'long' if i % 3 else 'short'},{60_000 + 7 * i}.5,{0.01 * (i + 1):.3f}"  # noqa: E501
        for i, time in enumerate(times)
    ]


def candle_rows(
    count: int = 40, start: str = "2024-03-01", time_format: str = "%Y-%m-%d %H:%M:%S"
) -> list[str]:
    """Rows of `CANDLE_HEAD`, one a quarter of an hour."""
    times = pd.date_range(start, periods=count, freq="15min")
    return [
        f"{time.strftime(time_format)},{60_000 + i},{60_020 + i},{59_980 + i},{60_001 + i},{10 + i % 7}.25"
        for i, time in enumerate(times)
    ]


def good_csv(count: int = 40) -> bytes:
    """A small file of liquidations that every reader takes."""
    return _text(HEAD, *liquidation_rows(count))


def good_parquet(count: int = 40) -> bytes:
    """The same liquidations as Parquet."""
    return _parquet(pd.read_csv(io.BytesIO(good_csv(count))))


def nasty_files(folder: Path) -> list[tuple[str, Path, str]]:
    """Write every nasty file below `folder` and return (name, path, `read` or `refuse`)."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for expectation, made in (
        ("refuse", {**_no_tables(), **_archives(), **_bad_values(), **_bad_layouts()}),
        ("read", {**_odd_but_good(), **_odd_values()}),
    ):
        for name, data in made.items():
            path = folder / name
            path.write_bytes(data)
            out.append((name, path, expectation))
    zeros = folder / "zeros_300_mb.csv"
    with zeros.open("wb") as stream:
        stream.truncate(300 * 1024**2)
    return [*out, (zeros.name, zeros, "refuse")]


def _text(*lines: str, end: str = "\n") -> bytes:
    return (end.join(lines) + end).encode()


def _changed(row: int, column: str, value: str, head: str = HEAD) -> bytes:
    """A good file with one cell replaced."""
    rows = liquidation_rows() if head == HEAD else candle_rows()
    cells = rows[row].split(",")
    cells[head.split(",").index(column)] = value
    rows[row] = ",".join(cells)
    return _text(head, *rows)


def _parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()


def _zip(**members: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__dot__", ".").replace("__slash__", "/"), data)
    return sink.getvalue()


def _zip_bomb(megabytes: int) -> bytes:
    """A zip whose one member unpacks to that many MB of zeros, put together from one repeated block."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    data = block * megabytes + packer.flush()
    name, size = b"bomb.csv", megabytes << 20
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(data), size, len(name), 0)
    local = b"PK\x03\x04" + facts + name
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    return local + data + central + end


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
        + chunk(b"IEND", b"")
    )


def _no_tables() -> dict[str, bytes]:
    rng = np.random.default_rng(7)
    sheet = {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in sheet.items():
            archive.writestr(name, data)
    deep = b"[" * 200_000 + b"]" * 200_000
    return {
        "empty.csv": b"",
        "only_spaces.csv": b"  \n\n \t\n",
        "only_byte_order_mark.csv": b"\xef\xbb\xbf",
        "web_page.csv": (
            b"<!DOCTYPE html><html><body><h1>403"
            b" Forbidden</h1><table><tr><td>1,2,3</td></tr></table></body></html>"
        ),
        "error.xml": b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
        "picture.csv": _png(),
        "random_bytes.csv": rng.integers(0, 256, 5000, dtype="uint8").tobytes(),
        "pickled.csv": pickle.dumps({"time": [1, 2, 3]}, protocol=4),
        "pickled_frame.parquet": pickle.dumps(pd.DataFrame({"time": [1]})),
        "workbook.csv": sink.getvalue(),
        "old_workbook.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        "document.csv": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "database.csv": b"SQLite format 3\x00" + bytes(84),
        "records.json": json.dumps([{"time": 1, "price": 2.0}]).encode(),
        "deep.json": deep,
        "cut.json": b'{"y_axis": [1, 2',
        "prose.txt": b"Dear exchange,\nplease send me my data.\nThank you\n",
        "nul_bytes.csv": good_csv().replace(b"60007.5", b"60\x0007.5"),
        "zeros.csv": bytes(20_000),
    }


def _archives() -> dict[str, bytes]:
    parquet = good_parquet()
    packed = gzip.compress(good_csv(2000), mtime=0)
    bomb = gzip.compress(bytes(1 << 20) * 8, mtime=0) * 60
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", good_csv())
        archive.writestr("b.csv", good_csv())
    rows = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=3, tz="UTC"), "nested": [[1], [2], [3]]})
    return {
        "cut_off.csv.gz": packed[: len(packed) // 2],
        "damaged.csv.gz": packed[:40] + b"\x00\x01\x02\x03" + packed[44:],
        "empty_inside.csv.gz": gzip.compress(b"", mtime=0),
        "gzip_in_gzip.csv.gz": gzip.compress(packed, mtime=0),
        "bomb.csv.gz": bomb,
        "bomb.zip": _zip_bomb(420),
        "several_files.zip": many.getvalue(),
        "no_files.zip": b"PK\x05\x06" + bytes(18),
        "cut_off.zip": many.getvalue()[:200],
        "picture_inside.zip": _zip(picture__dot__png=_png()),
        "cut_off.parquet": parquet[: len(parquet) // 2],
        "damaged.parquet": parquet[:60] + bytes(120) + parquet[180:],
        "foot_only.parquet": b"PAR1" + bytes(100) + b"PAR1",
        "missing_columns.parquet": _parquet(
            pd.DataFrame({"time": pd.date_range("2024-01-01", periods=3), "price": [1.0, 2.0, 3.0]})
        ),
        "nested.parquet": _parquet(rows),
        "no_rows.parquet": _parquet(pd.read_csv(io.BytesIO(good_csv())).iloc[:0]),
        "wide.parquet": _parquet(pd.DataFrame({f"c{i}": [1.0] for i in range(1_000)})),
    }


def _bad_values() -> dict[str, bytes]:
    return {
        "price_nan.csv": _changed(5, "price", "NaN"),
        "price_none.csv": _changed(5, "price", "None"),
        "price_empty.csv": _changed(5, "price", ""),
        "price_zero.csv": _changed(5, "price", "0"),
        "price_negative.csv": _changed(5, "price", "-60000"),
        "price_infinite.csv": _changed(5, "price", "inf"),
        "price_huge.csv": _changed(5, "price", "1e999"),
        "price_word.csv": _changed(5, "price", "sixty thousand"),
        "quantity_negative.csv": _changed(5, "quantity", "-1"),
        "side_unknown.csv": _changed(5, "side", "sideways"),
        "side_empty.csv": _changed(5, "side", ""),
        "side_order_unknown_venue.csv": (
            good_csv().replace(b"long", b"sell").replace(b"short", b"buy").replace(b"bybit", b"somewhere")
        ),
        "year_1970.csv": _changed(5, "time", "1970-01-01T00:00:00Z"),
        "year_9999.csv": _changed(5, "time", "9999-12-31T23:59:59Z"),
        "unix_1970.csv": _text("ts,side,price,qty", *(f"{i},long,60000,1" for i in range(1, 40))),
        "mixed_zones.csv": _changed(5, "time", "2024-03-01 00:05:00"),
        "time_empty.csv": _changed(5, "time", ""),
        "time_word.csv": _changed(5, "time", "yesterday"),
        "time_of_day_only.csv": _text(
            "time,side,price,qty", *(f"10:{i:02d},long,60000,1" for i in range(40))
        ),
        "day_or_month.csv": _text(
            "time,side,price,qty", *(f"0{1 + i % 9}/03/2024 10:00,long,60000,1" for i in range(9))
        ),
        "thousands_or_decimals.csv": _text(
            "time;side;price;qty", *(f"2024-03-01T00:{i:02d}:00Z;long;60,{i:03d};1" for i in range(40))
        ),
        "all_zero_amounts.csv": _text(
            "time,side,price,qty", *(f"2024-03-01T00:{i:02d}:00Z,long,60000,0" for i in range(40))
        ),
        "other_coin.csv": good_csv().replace(b"BTCUSDT", b"DOGEUSDT"),
        "funding_in_percent.csv": _text(
            "time,funding_rate", *(f"2024-03-{1 + i:02d}T00:00:00Z,1.5" for i in range(20))
        ),
        "candle_high_below_low.csv": _changed(5, "high", "1000", CANDLE_HEAD),
        "candle_twice_different.csv": _text(
            CANDLE_HEAD, *candle_rows(), candle_rows()[5].replace("60005", "60007")
        ),
    }


def _bad_layouts() -> dict[str, bytes]:
    rows, bars = liquidation_rows(), candle_rows()
    return {
        "header_only.csv": _text(HEAD),
        "one_row_of_numbers.csv": b"1,2,3,4\n",
        "one_column.csv": _text("price", *("60000" for _ in range(20))),
        "no_header_unknown.csv": _text(*rows),
        "unknown_columns.csv": _text("alpha,beta,gamma", *(f"{i},{2 * i},{3 * i}" for i in range(20))),
        "two_tables.csv": _text(HEAD, *rows, CANDLE_HEAD + ",more,columns", *(bar + ",1,2" for bar in bars)),
        "two_tables_same_width.csv": _text(HEAD, *rows, CANDLE_HEAD, *bars),
        "ragged.csv": _text(HEAD, *(row + ",x" * (i % 3) for i, row in enumerate(rows))),
        "duplicate_header.csv": _text("time,venue,price,side,price,quantity", *rows),
        "ten_thousand_columns.csv": _text(
            ",".join(f"c{i}" for i in range(10_000)), ",".join("1" for _ in range(10_000))
        ),
        "giant_field.csv": _text(HEAD, rows[0], rows[1].replace("bybit", "x" * 2_000_000)),
        "giant_line.csv": b"time,side," + b"x" * 3_000_000,
        "open_quote.csv": _text(HEAD, *rows[:5], '"' + rows[5], *rows[6:]),
        "header_wider_than_rows.csv": _text(HEAD + ",a,b,c", *rows),
        "long_short_ratio.csv": _text(
            "time,long_pct,short_pct", *(f"2024-03-01T00:{i:02d}:00Z,51,49" for i in range(40))
        ),
        "heatmap_cells.csv": _text(
            "time_from,time_to,price_from,price_to,side,usd,kind",
            "2024-03-01 00:00:00Z,2024-03-01 00:15:00Z,60000,60100,long,5,realised",
        ),
    }


def _odd_but_good() -> dict[str, bytes]:
    rows, bars = liquidation_rows(), candle_rows()
    text = good_csv().decode()
    glued = _text(*bars)
    return {
        "byte_order_mark.csv": b"\xef\xbb\xbf" + good_csv(),
        "utf_16.csv": text.encode("utf-16"),
        "utf_16_no_mark.csv": text.encode("utf-16-le"),
        "utf_32.csv": text.encode("utf-32"),
        "latin_1.csv": text.replace("bybit", "börse").encode("latin-1"),
        "windows_lines.csv": _text(HEAD, *rows, end="\r\n"),
        "old_mac_lines.csv": _text(HEAD, *rows, end="\r"),
        "semicolons.csv": good_csv().replace(b",", b";"),
        "tabs.csv": good_csv().replace(b",", b"\t"),
        "sep_line.csv": b"sep=;\n" + good_csv().replace(b",", b";"),
        "comments.csv": b"# Market: BTCUSDT\n# Generated yesterday\n#\n" + good_csv(),
        "title_line.csv": b"Liquidations of March\n" + good_csv(),
        "blank_lines.csv": b"\n\n" + good_csv().replace(b"\n", b"\n\n"),
        "quoted.csv": _text(*(",".join(f'"{cell}"' for cell in line.split(",")) for line in [HEAD, *rows])),
        "quoted_line_break.csv": good_csv().replace(b"bybit", b'"by\nbit"'),
        "header_glued.csv": CANDLE_HEAD.encode() + glued,
        "header_repeated.csv": _text(HEAD, *rows[:20], HEAD, *rows[20:]),
        "trailing_commas.csv": _text(HEAD, *(row + "," for row in rows)),
        "one_broken_row.csv": _text(HEAD, *liquidation_rows(300), "2024-03-01T09:00:00Z,bybit"),
        "no_header_klines.csv": _text(
            *(
                f"{1_709_251_200_000 + 60_000 * i},60000,60010,59990,60005,12.5,{1_709_251_259_999 + 60_000 * i},750000,90,6.25,375000,0"  # noqa: E501
                for i in range(40)
            )
        ),
        "emoji_columns.csv": _text(
            "⏰ time,😀 side,💰 price,🪙 qty", *(f"2024-03-01T00:{i:02d}:00Z,long,60000,1" for i in range(40))
        ),
        "parquet_named.csv": good_parquet(),
        "csv_named.parquet": good_csv(),
        "gzip_named.csv": gzip.compress(good_csv(), mtime=0),
        "single_file.zip": _zip(BTC__dot__csv=good_csv(), __MACOSX__slash__BTC__dot__csv=b"\x00"),
        "indexed.parquet": _indexed(),
        "duplicate_extra_columns.csv": _text(
            "time,open,high,low,close,Plot,Plot", *(f"{bar.rsplit(',', 1)[0]},1,2" for bar in bars)
        ),
    }


def _indexed() -> bytes:
    frame = (
        pd.read_csv(io.BytesIO(_text(CANDLE_HEAD, *candle_rows())), parse_dates=["time"])
        .set_index("time")
        .rename_axis(None)
    )
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def _odd_values() -> dict[str, bytes]:
    rows = liquidation_rows()
    tab = [row.split(",") for row in rows]
    return {
        "seconds_and_milliseconds.csv": _text(
            "ts,side,price,qty",
            *(
                f"{1_709_251_200 + 60 * i if i % 2 else (1_709_251_200 + 60 * i) * 1000},long,60000,1"
                for i in range(40)
            ),
        ),
        "one_row.csv": _text(HEAD, rows[0]),
        "all_one_price.csv": _text(HEAD, *(",".join([*cells[:4], "60000", cells[5]]) for cells in tab)),
        "backwards.csv": _text(HEAD, *reversed(rows)),
        "every_row_twice.csv": _text(HEAD, *(line for row in rows for line in (row, row))),
        "some_zero_rows.csv": _text(
            HEAD, *(row if i % 5 else row.rsplit(",", 1)[0] + ",0" for i, row in enumerate(rows))
        ),
        "formulas.csv": good_csv().replace(b"bybit", b"=cmd|'/C calc'!A0").replace(b"BTCUSDT", b"@BTCUSDT"),
        "mark_up.csv": good_csv().replace(b"bybit", b"<script>alert(1)</script>"),
        "decimal_commas.csv": _text(
            "time;side;price;qty", *(f"2024-03-01T00:{i:02d}:00Z;long;60000,{i:02d};0,25" for i in range(40))
        ),
        "german_thousands.csv": _text(
            "time;side;price;usd",
            *(f"2024-03-01T00:{i:02d}:00Z;long;60.000,{i:02d};1.250,5" for i in range(40)),
        ),
        "thousands.csv": _text(
            "time,side,price,qty", *(f'2024-03-01T00:{i:02d}:00Z,long,"60,000.{i:02d}",1' for i in range(40))
        ),
        "dollar_signs.csv": _text(
            "time,side,price,usd", *(f"2024-03-01T00:{i:02d}:00Z,long,$60000.5,$1000" for i in range(40))
        ),
        "day_first.csv": _text(
            "time,side,price,qty", *(f"{10 + i}/03/2024 10:00,long,60000,1" for i in range(10))
        ),
        "offsets.csv": _text(
            "time,side,price,qty",
            *(f"2024-03-31T0{i}:30:00+0{1 + (i > 2)}:00,long,60000,1" for i in range(9)),
        ),
        "microseconds.csv": _text(
            "ts,side,price,qty",
            *(f"{1_709_251_200_000_000 + 60_000_001 * i},long,60000,1" for i in range(40)),
        ),
        "whole_days.csv": _text(
            "date,open,high,low,close", *(f"202403{1 + i:02d},60000,61000,59000,60500" for i in range(20))
        ),
        "word_in_one_label.csv": _changed(3, "venue", "None"),
        "zero_volume.csv": _text(CANDLE_HEAD, *(row.rsplit(",", 1)[0] + ",0" for row in candle_rows())),
    }
