"""Whatever is uploaded: a valid table, or one plain sentence that says how to go on."""

import gzip
import os
import re

import nasty
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from liqcore import tables
from liqcore.feeds import files
from liqcore.feeds.files import unpack as read_bytes
from liqcore.heat.grid import GridError, HeatGrid
from liqcore.tables import TableError

JARGON = re.compile(
    r"Traceback|Error|Exception|pandas|pyarrow|arrow|numpy|dtype|DataFrame|Series|NoneType|codec|KeyError|object at|"  # noqa: E501
    r"\bint64\b|float64|utf-8'|UTF-8 codec|errno|\bNaT\b|<class"
)
REMEDY = re.compile(
    r"upload|export|download|save|write|use |remove|correct|rename|compress|cut"
    r" |choose|check|split|unpack|name the|say which|"
    r"give |add |open |keep |only the|fill|store",
    re.IGNORECASE,
)
GUARD = "not foreseen"
FUZZ = settings(max_examples=int(os.environ.get("HEATLAB_FUZZ", "30")))


def assert_plain(sentence):
    assert 20 < len(sentence) < 400, sentence
    assert not JARGON.search(sentence), sentence
    assert REMEDY.search(sentence), sentence
    assert "\n" not in sentence
    assert len(re.findall(r"[.!?](?:\s|$)", sentence)) <= 3, sentence
    assert sentence[0].isupper()
    assert sentence.endswith((".", "?"))


def assert_valid(contents):
    table, kind = contents.table, contents.kind
    assert len(table) > 0
    assert tuple(table.columns) == tables.COLUMNS[kind]
    assert tables.ensure(table, kind) is table
    pd.testing.assert_frame_equal(tables.CHECKS[kind](table), table)
    assert contents.rows_kept == len(table)
    assert contents.start <= contents.end
    assert contents.summary
    assert "\n" not in contents.summary
    assert all(note.endswith(".") and not JARGON.search(note) for note in contents.notes)


@pytest.fixture(scope="module")
def nasty_folder(tmp_path_factory):
    return {
        name: (path, expectation)
        for name, path, expectation in nasty.nasty_files(tmp_path_factory.mktemp("nasty"))
    }


def test_the_folder_is_large_and_names_are_unique(nasty_folder):
    assert len(nasty_folder) >= 100
    assert sum(expectation == "read" for _, expectation in nasty_folder.values()) >= 40


def test_every_nasty_file_reads_or_says_why(nasty_folder):
    wrong = {}
    for name, (path, expectation) in nasty_folder.items():
        try:
            contents = files.read(path)
        except TableError as problem:
            sentence = str(problem)
            if expectation != "refuse" or GUARD in sentence:
                wrong[name] = sentence
            else:
                assert_plain(sentence)
        else:
            assert_valid(contents)
            if expectation != "read":
                wrong[name] = contents.summary
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_the_uploads_of_a_page_are_read_the_same_way(nasty_folder):
    for name in ("utf_16.csv", "header_glued.csv", "single_file.zip", "indexed.parquet"):
        path, _ = nasty_folder[name]
        with path.open("rb") as stream:
            stream.read(3)
            from_stream = files.read(stream).table
        pd.testing.assert_frame_equal(from_stream, files.read(path).table)


def test_zeros_are_refused_by_size_without_being_read(nasty_folder):
    class Upload:
        name, size = "zeros.csv", 300 * 1024**2

        def read(self, *_):
            raise AssertionError("a file that is too large must not be read")

    for source in (nasty_folder["zeros_300_mb.csv"][0], Upload()):
        with pytest.raises(TableError, match="300 MB; at most 60 MB"):
            files.read(source)


def test_a_bomb_is_stopped_while_it_unpacks(nasty_folder, monkeypatch):
    for name in ("bomb.csv.gz", "bomb.zip"):
        path, _ = nasty_folder[name]
        assert path.stat().st_size < 1024**2
        with pytest.raises(TableError, match="more than 200 times larger"):
            files.read(path)
    monkeypatch.setattr(read_bytes, "MAX_UNPACKED", 1024**2)
    with pytest.raises(TableError, match="larger than 1 MB"):
        files.read(gzip.compress(nasty.good_csv(20_000)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("price_nan.csv", "row 6"),
        ("price_negative.csv", "row 6"),
        ("time_word.csv", "row 6"),
        ("side_unknown.csv", "row 6"),
        ("duplicate_header.csv", "'price'"),
        ("year_1970.csv", "1970"),
        ("year_9999.csv", "9999"),
        ("other_coin.csv", "DOGEUSDT"),
        ("pickled.csv", "pickle"),
        ("web_page.csv", "web page"),
        ("workbook.csv", "Excel"),
        ("several_files.zip", "2 files"),
        ("mixed_zones.csv", "time zone"),
        ("two_tables.csv", "split"),
        ("header_only.csv", "no rows"),
        ("heatmap_cells.csv", "heatmap"),
    ],
)
def test_the_sentence_names_what_is_wrong(nasty_folder, name, words):
    with pytest.raises(TableError, match=words):
        files.read(nasty_folder[name][0])


def test_rows_are_counted_as_in_the_file_even_after_rows_were_left_out():
    rows = nasty.liquidation_rows(30)
    rows[2] = rows[2].rsplit(",", 1)[0] + ",0"
    rows[9] = rows[9].replace(",60063.5,", ",wrong,")
    with pytest.raises(TableError, match="row 10: 'wrong'"):
        files.read("\n".join([nasty.HEAD, *rows]).encode())


def test_errors_speak_of_the_column_as_the_file_names_it():
    text = "ts,side,px,size\n2024-03-01T00:00:00Z,long,60000,1\n2024-03-01T00:01:00Z,long,-5,1\n"
    with pytest.raises(TableError, match="Column 'px', row 2"):
        files.read(text.encode())


def test_odd_files_give_the_same_table_as_the_plain_one(nasty_folder):
    plain = files.read(nasty.good_csv()).table
    for name in (
        "byte_order_mark.csv",
        "utf_16.csv",
        "utf_16_no_mark.csv",
        "utf_32.csv",
        "windows_lines.csv",
        "old_mac_lines.csv",
        "semicolons.csv",
        "tabs.csv",
        "sep_line.csv",
        "comments.csv",
        "title_line.csv",
        "blank_lines.csv",
        "quoted.csv",
        "header_repeated.csv",
        "trailing_commas.csv",
        "parquet_named.csv",
        "csv_named.parquet",
        "gzip_named.csv",
        "single_file.zip",
        "backwards.csv",
    ):
        pd.testing.assert_frame_equal(files.read(nasty_folder[name][0]).table, plain, obj=name)


def test_numbers_are_read_as_people_write_them(nasty_folder):
    for name, price, column, amount in (
        ("decimal_commas.csv", 60_000.39, "quantity", 0.25),
        ("german_thousands.csv", 60_000.39, "notional", 1250.5),
        ("thousands.csv", 60_000.39, "quantity", 1.0),
    ):
        last = files.read(nasty_folder[name][0]).table.iloc[-1]
        assert (last["price"], last[column]) == (price, amount), name


def test_formulas_become_harmless_text(nasty_folder):
    table = files.read(nasty_folder["formulas.csv"][0]).table
    assert table["venue"].unique().tolist() == ["'=cmd|'/C calc'!A0"]
    assert table["symbol"].unique().tolist() == ["'@BTCUSDT"]
    again = files.write_table(table)
    assert not any(
        cell.startswith(("=", "+", "-", "@"))
        for line in again.decode().splitlines()
        for cell in line.split(",")
    )
    pd.testing.assert_frame_equal(files.read(again).table, table)


def outcome(data, reader=files.read):
    """The contents, or None after a plain sentence; anything else fails the test."""
    try:
        return reader(data)
    except (TableError, GridError) as problem:
        refusal = problem
    assert_plain(str(refusal))
    assert GUARD not in str(refusal), refusal.__cause__
    return None


@FUZZ
@given(st.binary(max_size=400))
def test_random_bytes_never_break_the_reader(data):
    found = outcome(data)
    assert found is None or len(found.table)


@FUZZ
@given(st.text(alphabet="0123456789.,;:\n\t\"' -+eTZxlongshrtimepcqy=\r", max_size=300))
def test_random_text_never_breaks_the_reader(text):
    found = outcome(text.encode())
    if found is not None:
        assert_valid(found)


def mutated(data, cuts):
    out = bytearray(data)
    for place, value, kind in cuts:
        at = place % max(len(out), 1)
        if kind == 0:
            out[at : at + 1] = bytes([value])
        elif kind == 1:
            del out[at : at + value % 9]
        elif kind == 2:
            out[at:at] = bytes([value]) * (value % 5)
        else:
            out = out[:at]
    return bytes(out)


CUTS = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from([0, 0, 0, 1, 2, 3])),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("make", [nasty.good_csv, nasty.good_parquet], ids=["csv", "parquet"])
@FUZZ
@given(cuts=CUTS)
def test_mutated_files_never_break_the_reader(make, cuts):
    found = outcome(mutated(make(12), cuts))
    if found is not None:
        assert_valid(found)


ODD_CELLS = st.sampled_from(
    [
        "",
        "NaN",
        "None",
        "inf",
        "-inf",
        "1e400",
        "-0",
        "0",
        "0x10",
        "1_000",
        "true",
        "10:30",
        "2024-02-30",
        "2024-03-01",
        "٣",
        "½",
        "=1+1",
        "  ",
        '""',
        "long",
        "sell",
        "1709251200",
        "1709251200000",
        "9" * 400,
        "2024-03-01T00:00:00+99:99",
        "\u202e",
        "nan nan",
    ]
)


@FUZZ
@given(edits=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 5), ODD_CELLS), min_size=1, max_size=12))
def test_odd_cells_never_break_the_reader(edits):
    rows = [row.split(",") for row in nasty.liquidation_rows(12)]
    for row, column, value in edits:
        rows[row][column] = value
    found = outcome("\n".join([nasty.HEAD, *(",".join(row) for row in rows)]).encode())
    if found is not None:
        assert_valid(found)


@FUZZ
@given(
    names=st.lists(
        st.sampled_from(
            [
                "time",
                "ts",
                "side",
                "S",
                "s",
                "price",
                "p",
                "qty",
                "usd",
                "open",
                "high",
                "low",
                "close",
                "l",
                "t",
                "long",
                "short",
                "oi",
                "funding_rate",
                "venue",
                "symbol",
                "",
                "A - b_long",
                "A - b_short",
                "X - y",
                "volume",
                "📈",
            ]
        ),
        min_size=1,
        max_size=8,
    ),
    values=st.lists(
        st.sampled_from(["1709251200", "long", "60000", "1", "2024-03-01", "buy", "", "x"]),
        min_size=8,
        max_size=8,
    ),
)
def test_any_header_is_read_or_asked_about(names, values):
    text = "\n".join([",".join(names), ",".join(values[: len(names)]), ",".join(values[: len(names)])])
    found = outcome(text.encode())
    if found is not None:
        assert_valid(found)


@FUZZ
@given(cuts=CUTS)
def test_mutated_heatmaps_never_break_the_reader(cuts):
    grid = HeatGrid(
        "realised",
        np.arange("2024-03-01", "2024-03-05", dtype="datetime64[D]"),
        np.array([1.0, 2.0, 3.0]),
        np.ones((3, 2)),
        np.zeros((3, 2)),
    )
    found = outcome(mutated(files.write_grid(grid, "json"), cuts), files.read_grid)
    assert found is None or found.shape[0] >= 1


def test_nasty_files_are_no_heatmaps_either(nasty_folder):
    for path, _ in nasty_folder.values():
        assert outcome(path, files.read_grid) is None
