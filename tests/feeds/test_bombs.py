"""Files made to hurt, each refused in a sentence within a bounded memory and time.

Each is read in a process of its own, where memory can be told and an abort costs nobody else; one that is
small enough to be made in a moment is read here in `make test`, the others under `make slow`.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import nasty
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather
from test_files_nasty import assert_plain

HERE = Path(__file__).parent
MOST_MEGABYTES, MOST_SECONDS = 1_000, 15
READ = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
from liqcore.feeds import files
from liqcore.heat.grid import GridError
import pyarrow.csv, pyarrow.feather, pyarrow.parquet, python_calamine

def peak():
    # What getrusage tells would include the process that started this one.
    return next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if "VmHWM" in line)

before = peak()
for path in sys.argv[1:]:
    with open(path, "rb") as stream:
        data = stream.read()
    for reader in (files.read, files.read_grid)[: 2 if "json" in path else 1]:
        begun = time.process_time()
        try:
            said = "read: " + type(reader(data)).__name__
        except (files.MappingNeeded, ValueError) as problem:
            said = f"{type(problem).__name__}: {problem}"
        used = peak() - before
        took = round(time.process_time() - begun, 1)
        print(path.rsplit("/", 1)[-1], used, took, said, sep="\\t", flush=True)
"""


def parquet(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"compression": "zstd", **options})
    return sink.getvalue()


def arrow(table, compression="zstd"):
    sink = io.BytesIO()
    feather.write_feather(table, sink, compression=compression)
    return sink.getvalue()


def repeated(text, count):
    """A column that says one text many times, kept once."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int32")), pa.array([text]))


def lying_parquet(count=30_000):
    """Text of 30 kB in each of its rows, in a file that says of itself that it is small."""
    table = pa.table({"time": pa.array(["x" * 30_000] * count), "side": ["long"] * count})
    data = parquet(table, use_dictionary=False)
    facts = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    sizes = {facts.total_byte_size, *(facts.column(at).total_uncompressed_size for at in range(2))}
    for size in sizes:
        word = varint(2 * size)
        # A small number written with as many bytes.
        data = data.replace(word, b"\xa0" + b"\x80" * (len(word) - 2) + b"\x00")
    assert pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).total_byte_size < 1_000
    return data


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def nested_parquet(depth=60):
    kind = pa.int32()
    for _ in range(depth):
        kind = pa.list_(kind)
    return parquet(pa.table({"a": pa.array([None], kind), "time": [1], "side": ["l"]}))


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def linked_zip():
    link = zipfile.ZipInfo("a.csv")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    return zipped((link, "/etc/passwd"))


def overlapping_zip():
    """One packed member that two hundred entries of the directory name."""
    data = nasty._zip_bomb(20)
    begin, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = data[begin:end] * 200
    foot = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 200, 200, len(entries), begin, 0)
    return data[:begin] + entries + foot


def many_entries(count=30_000):
    """A directory of many entries that all name nothing."""
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0)
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + facts + bytes(14) + b"a"
    foot = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(entry) * count, 31, 0)
    return b"PK\x03\x04" + facts + b"a" + entry * count + foot


def understated(megabytes, claimed=1_000):
    """A zip that says its member is small."""
    return nasty._zip_bomb(megabytes).replace(struct.pack("<I", megabytes << 20), struct.pack("<I", claimed))


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_FACE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACK = "http://schemas.openxmlformats.org/package/2006"
GOOD_ROWS = "".join(
    f'<row r="{row}"><c r="A{row}"><v>{row}</v></c><c r="B{row}"><v>1</v></c></row>' for row in (1, 2, 3)
)


def workbook(rows=GOOD_ROWS, shared="<si><t>a</t></si>", sheets=1, head="", size="A1:C3", more=()):
    """An Excel file written by hand."""
    spoken = f'<?xml version="1.0"?>{head}'
    parts = [(f"xl/worksheets/sheet{at + 1}.xml", at) for at in range(sheets)]
    sheet = (
        f'{spoken}<worksheet xmlns="{_MAIN}"><dimension ref="{size}"/><sheetData>{rows}</sheetData>'
        "</worksheet>"
    )
    kinds = f"{_PACK}/content-types"
    links = f"{_PACK}/relationships"
    mime = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return zipped(
        (
            "[Content_Types].xml",
            f'<Types xmlns="{kinds}"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{mime}.sheet.main+xml"/></Types>',
        ),
        (
            "_rels/.rels",
            f'<Relationships xmlns="{links}"><Relationship Id="rId1" Type="{_FACE}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        ),
        (
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_FACE}"><sheets>'
            + "".join(f'<sheet name="S{at}" sheetId="{at + 1}" r:id="rId{at + 1}"/>' for _, at in parts)
            + "</sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{links}">'
            + "".join(
                f'<Relationship Id="rId{at + 1}" Type="{_FACE}/worksheet" Target="{name[3:]}"/>'
                for name, at in parts
            )
            + f'<Relationship Id="rIdS" Type="{_FACE}/sharedStrings" Target="sharedStrings.xml"/>'
            + "</Relationships>",
        ),
        ("xl/sharedStrings.xml", f'{spoken}<sst xmlns="{_MAIN}">{shared}</sst>'),
        *((name, sheet) for name, _ in parts),
        *more,
    )


FAR = GOOD_ROWS + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
# Cells that do not say where they stand, after a row that stands far down.
UNPLACED = GOOD_ROWS + '<row r="1048576">' + "<c><v>1</v></c>" * 2_000 + "</row>"
SHARING = "".join(
    f'<row r="{row}">'
    + "".join(f'<c r="{letter}{row}" t="s"><v>0</v></c>' for letter in "ABCDEFGHIJ")
    + "</row>"
    for row in range(1, 4_001)
)
LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'lol'>" + "".join(
    f"<!ENTITY a{at + 1} '{f'&a{at};' * 10}'>" for at in range(9)
)

QUICK = {
    "far cell.xlsx": lambda: workbook(FAR),
    "far cell, single quotes.xlsx": lambda: workbook(FAR.replace('"', "'")),
    "far cells on sixty sheets.xlsx": lambda: workbook(FAR, sheets=60),
    "far cell in UTF-16.xlsx": lambda: utf_16_sheet(FAR),
    "far cell behind a prefix.xlsx": lambda: workbook(re.sub(r"<(/?)(row|c|v)\b", r"<\1x:\2", FAR)),
    "cells without a place.xlsx": lambda: workbook(UNPLACED),
    "claimed size.xlsx": lambda: workbook(size="A1:XFD1048576"),
    "one long text shared.xlsx": lambda: workbook(SHARING, f"<si><t>{'q' * 30_000}</t></si>"),
    "billion laughs.xlsx": lambda: workbook(shared="<si><t>&a9;</t></si>", head=LAUGHS + "]>"),
    "entity from a file.xlsx": lambda: workbook(
        shared="<si><t>&x;</t></si>", head='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    ),
    "many parts.xlsx": lambda: workbook(more=[(f"x{at}", "") for at in range(2_000)]),
    "binary workbook.xlsx": lambda: workbook(more=[("xl/workbook.bin", "x")]),
    "a sheet elsewhere.xlsx": lambda: workbook(more=[("content.xml", "x")]),
    "understated.zip": lambda: understated(50),
    "overlapping.zip": overlapping_zip,
    "many entries.zip": many_entries,
    "link.zip": linked_zip,
    "zip in zip in zip.zip": lambda: zipped(
        ("a.zip", zipped(("b.zip", zipped(("c.csv", b"0" * 9_000_000)))))
    ),
    "xz in zip.zip": lambda: zipped(("a.csv", lzma.compress(bytes(10**7)))),
    "bz2.csv": lambda: bz2.compress(bytes(10**7)),
    "xz.csv": lambda: lzma.compress(bytes(10**7)),
    "zstd.csv": lambda: b"\x28\xb5\x2f\xfd" + bytes(400),
    "many members.gz": lambda: gzip.compress(b"") * 100_000,
    "shared long text.parquet": lambda: parquet(
        pa.table({"time": repeated("y" * 100_000, 900_000), "side": repeated("long", 900_000)})
    ),
    "claimed foot.parquet": lambda: b"PAR1" + bytes(100) + struct.pack("<I", 2**31 - 1) + b"PAR1",
    "deep.parquet": nested_parquet,
    "five thousand columns.parquet": lambda: parquet(pa.table({f"c{at}": [1] for at in range(5_000)})),
    "rows of nothing.feather": lambda: arrow(pa.table({"time": pa.nulls(10**7), "side": pa.nulls(10**7)})),
    "deep lists.json": lambda: b"[" * 300_000 + b"]" * 300_000,
    "deep objects.json": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "giant number.json": lambda: b'[{"time":1,"price":' + b"9" * 2_000_000 + b"}]",
    "giant exponent.json": lambda: b'[{"time":1e999999999,"price":1E-999999999}]',
    "giant text.json": lambda: b'[{"time":"' + b"x" * 9_000_000 + b'","price":1}]',
    "many keys.json": lambda: json.dumps({f"k{at}": 1 for at in range(200_000)}).encode(),
    "a key of its own in each row.json": lambda: json.dumps([{f"k{at}": 1} for at in range(20_000)]).encode(),
    "doubled keys.json": lambda: b"[{" + b'"a":1,' * 1_000_000 + b'"b":1}]',
    "empty objects.json": lambda: b"[" + b"{}," * 5_000_000 + b"{}]",
    "small numbers.json": lambda: b"[" + b"1," * 17_000_000 + b"1]",
    "one endless line.ndjson": lambda: b'{"time":"' + b"x" * 12_000_000,
    "broken lines.ndjson": lambda: b'{"a":\n' * 1_000_000,
    "deep lines.ndjson": lambda: (b"[" * 3_000 + b"]" * 3_000 + b"\n") * 900,
    "one endless line.csv": lambda: b"time,side,price\n" + b"x" * 12_000_000,
    "no line end.csv": lambda: b"x" * 12_000_000,
    "a million columns.csv": lambda: b",".join([b"c"] * 1_000_000) + b"\n" + b"1," * 1_000_000,
    "commas.csv": lambda: b"," * 12_000_000,
    "quotes.csv": lambda: b'"' * 12_000_000,
    "unclosed quote.csv": lambda: b'time,side,price,qty\n"' + b"2024-03-01,long,1,1\n" * 1_000_000,
    "NUL bytes.csv": lambda: b"time,side,price\n" + b"a\x00,b,c\n" * 3_000_000,
    "giant cells.csv": lambda: (
        b"time,side,price,qty\n" + (b"2024-03-01,long," + b"9" * 60_000 + b",1\n") * 300
    ),
    "line ends.csv": lambda: b"\n" * 12_000_000,
    "headers again.csv": lambda: b"time,side,price\n1,long,2\n" * 100_000,
    "comments.csv": lambda: b"#x\n" * 4_000_000,
}
SLOW = {
    "large dictionary.parquet": lambda: parquet(
        pa.table({"time": [f"{'x' * 9_000}{at}" for at in range(2_000)] * 25, "side": ["long"] * 50_000})
    ),
    "one text of 100 MB.parquet": lambda: parquet(pa.table({"time": ["y" * 10**8], "side": ["long"]})),
    "long texts.feather": lambda: arrow(pa.table({"time": ["x" * 90_000] * 9_000, "side": ["long"] * 9_000})),
    "long texts lz4.feather": lambda: arrow(
        pa.table({"time": ["x" * 90_000] * 9_000, "side": ["long"] * 9_000}), "lz4"
    ),
    "long dictionary.feather": lambda: arrow(
        pa.table({"time": pa.array(["x" * 90_000 + str(at) for at in range(6_000)]).dictionary_encode()})
    ),
    "lying sizes.parquet": lying_parquet,
    "420 MB.gz": lambda: gzip.compress(os.urandom(2_200_000) + b" " * 420_000_000, 1),
    "binary at 390 MB.gz": lambda: gzip.compress(os.urandom(2_000_000) + bytes(390_000_000), 1),
    "understated sheet.xlsx": lambda: lied_sheet(),
    "numbers of one kind.parquet": lambda: parquet(
        pa.table({f"c{at}": np.zeros(4_900_000) for at in range(10)})
    ),
    "numbers of one kind.feather": lambda: arrow(
        pa.table({f"c{at}": np.zeros(4_900_000) for at in range(10)})
    ),
    "symbols of their own.csv": lambda: (
        b"time,side,price,qty,symbol\n"
        + b"".join(b"2024-03-01T00:00:00Z,long,60000,1,S%d\n" % at for at in range(1_000_000))
    ),
    "windows letters.csv": lambda: b"time,side,price\n" + b"\xe4" * 55_000_000,
    "messages in messages.json": lambda: (
        b"[" + b",".join([b'{"data":{"data":[{"a":1},{"a":2}]}}'] * 380_000) + b"]"
    ),
    "values in rows.json": lambda: json.dumps(
        [[at + 0.5, at + 1.5, at + 2.5] for at in range(1_900_000)]
    ).encode(),
}


def utf_16_sheet(rows):
    body = f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    source = zipfile.ZipFile(io.BytesIO(workbook()))
    return zipped(
        *(
            (name, body.encode("utf-16") if "sheet1" in name else source.read(name))
            for name in source.namelist()
        )
    )


def lied_sheet(megabytes=500):
    """A sheet that unpacks to far more than it says."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    size = len(workbook(" " * 1_000))
    data = workbook(" " * (megabytes << 20))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    assert packer
    return data.replace(struct.pack("<I", sheet.file_size), struct.pack("<I", size))


def judged(made, folder):
    """What a process of its own says of each file: megabytes at its peak, seconds, words."""
    paths = []
    for name, make in made.items():
        path = folder / name
        path.write_bytes(make())
        assert path.stat().st_size < 62 << 20, name
        paths.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", READ, *paths],
        capture_output=True,
        text=True,
        cwd=HERE.parents[1],
        timeout=300,
        check=False,
    )
    lines = [line.split("\t", 3) for line in done.stdout.splitlines()]
    dead = sorted(set(made) - {name for name, *_ in lines})
    assert done.returncode == 0, f"the process died at {dead[:1]}: {done.stderr[-300:]}"
    return lines


def assert_refused(lines, megabytes, seconds):
    for name, used, took, said in lines:
        assert not said.startswith("read"), f"{name}: {said}"
        kind, _, sentence = said.partition(": ")
        assert kind in ("TableError", "GridError", "MappingNeeded"), f"{name}: {said[:200]}"
        assert "not foreseen" not in sentence, f"{name}: {sentence}"
        if kind != "MappingNeeded":
            assert_plain(sentence)
        assert int(used) < megabytes, f"{name}: {used} MB"
        assert float(took) < seconds, f"{name}: {took} s"


def test_bombs_are_refused_within_memory_and_time(tmp_path):
    lines = judged(QUICK, tmp_path)
    assert {name for name, *_ in lines} == set(QUICK)
    assert_refused(lines, 500, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_large_bombs_are_refused_within_memory_and_time(name, tmp_path):
    assert_refused(judged({name: SLOW[name]}, tmp_path), MOST_MEGABYTES, MOST_SECONDS)


@pytest.mark.parametrize("name", ["../../../etc/passwd.csv", "/etc/passwd.csv", "C:\\a.csv", "a\x00b\n.csv"])
def test_names_in_archives_lead_nowhere(name, tmp_path, monkeypatch):
    from liqcore.feeds import files

    monkeypatch.chdir(tmp_path)
    assert files.read(zipped((name, nasty.good_csv()))).rows_kept == 40
    assert not list(tmp_path.iterdir())


def test_what_people_really_have_is_still_read(tmp_path):
    from liqcore.feeds import files

    table = files.read(nasty.good_csv(2_000)).table
    plain = table.assign(time=table["time"].dt.tz_localize(None)).astype(
        {"venue": str, "symbol": str, "side": str}
    )
    sink = io.BytesIO()
    plain.to_excel(sink, index=False)
    assert files.read(sink.getvalue(), kind="liquidations").rows_kept == 2_000
    for compression in ("zstd", "lz4", "uncompressed"):
        assert files.read(arrow(pa.Table.from_pandas(plain), compression)).rows_kept == 2_000
    many = pa.table({name: pa.concat_arrays([pa.array(plain[name])] * 40) for name in plain})
    assert files.read(parquet(many, row_group_size=7_000)).rows_read == 80_000
