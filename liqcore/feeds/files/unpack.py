"""From a path or a file object to plain bytes: sizes, archives, encodings, and what is no table at all.

Everything here happens before a parser sees the file, so that a bomb, a picture or a web page is turned
away cheaply and with one sentence.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from liqcore import wording
from liqcore.tables import TableError

MAX_BYTES: Final = 60 * 1024**2
MAX_UNPACKED: Final = 400 * 1024**2
_BOMB_RATIO: Final = 200
_BOMB_FLOOR: Final = 32 * 1024**2
_CHUNK: Final = 1 << 20
_MOST_PARTS: Final = 20_000

Form = Literal["text", "json", "parquet", "feather", "xlsx"]

_SIGNATURES: Final = (
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x93NUMPY", "a NumPy file"),
)
_PICKLES: Final = tuple(bytes([0x80, version]) for version in range(2, 6))
_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_DAMAGED: Final = (
    EOFError,
    OSError,
    zlib.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
)


@dataclass(frozen=True)
class Content:
    """A file's bytes, unpacked; text is UTF-8 without a byte order mark.

    `name` is the last part of the file's name (inside a zip: of its member), or an empty string.
    """

    name: str
    data: bytes
    form: Form
    notes: tuple[str, ...] = ()


def load(source: Any) -> Content:
    """Read a path, a binary file object or bytes, within the size limits.

    Raises
    ------
    TableError
        No such file, too large (`MAX_BYTES` as it comes, `MAX_UNPACKED` unpacked), a damaged archive, an
        encoding that cannot be told, or a file that holds no text and no Parquet table.
    """
    name, data = _fetch(source)
    if data.startswith(b"PK"):
        _check_parts(data.count(b"PK\x01\x02"))
    if data.startswith(b"\x1f\x8b"):
        name, data = _stem(name, ".gz"), _gunzip(data)
    elif data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if _is_workbook(data):
            return Content(name, data, "xlsx")
        name, data = _unzip(data)
        if data.startswith(b"\x1f\x8b"):
            raise TableError(
                "The zip archive holds another archive. Unpack it once and upload what is inside."
            )
    if data.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise TableError("The archive holds another archive. Unpack it once and upload what is inside.")
    if data.startswith(b"PAR1"):
        return Content(name, data, "parquet")
    if data.startswith((b"ARROW1", b"FEA1")):
        return Content(name, data, "feather")
    _refuse_binary(data)
    data, notes = _utf8(data)
    start = data[:4096].lstrip()
    # MetaTrader writes its column names between angle brackets.
    if start.startswith(b"<") and not re.match(rb"<[A-Z_]+>[\t,;]", start):
        raise TableError(
            "This is a web page (HTML or XML), not a data file; a login or error page is often saved by"
            " mistake. Download the data again as CSV or Parquet."
        )
    return Content(name, data, "json" if start.startswith((b"{", b"[")) else "text", notes)


def _fetch(source: Any) -> tuple[str, bytes]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        _check_size(len(data))
        return "", data
    if isinstance(source, (str, os.PathLike)):
        return _fetch_path(os.fspath(source))
    if not hasattr(source, "read"):
        raise TableError("Give the path of a file, or an open file.")
    size = getattr(source, "size", None)
    if isinstance(size, int):
        _check_size(size)
    try:
        if hasattr(source, "seek"):
            source.seek(0)
        data = source.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        raise TableError(
            "The file could not be read: it is closed or gone. Upload or open it again."
        ) from problem
    data = data.encode() if isinstance(data, str) else bytes(data)
    _check_size(len(data))
    return os.path.basename(str(getattr(source, "name", "") or "")), data


def _fetch_path(text: str | bytes) -> tuple[str, bytes]:
    text = os.fsdecode(text)
    if "://" in text:
        raise TableError("This is a web address, not a file. Download the file first and give its path.")
    path = Path(text)
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise TableError(f"The file {_short(path.name)} {what}. Check the path.")
        _check_size(path.stat().st_size)
        return path.name, path.read_bytes()
    except (OSError, ValueError) as problem:
        if isinstance(problem, TableError):
            raise
        raise TableError(
            f"The file {_short(path.name)} cannot be opened. Check the path and the permissions."
        ) from problem


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise TableError(
            f"The file has {wording.file_size(size)}; at most {MAX_BYTES // 1024**2} MB are read. "
            "Compress it as .csv.gz or Parquet, or cut it to fewer days."
        )
    if size == 0:
        raise TableError("The file is empty. Download or export it again.")


def _check_parts(count: int) -> None:
    if count > _MOST_PARTS:
        raise TableError(
            "The archive is made of many thousand pieces, which no market data is. Unpack it and upload one"
            " file."
        )


def pour(stream: Any, packed: int) -> bytes:
    """All that a stream unpacks to from so many packed bytes.

    Raises
    ------
    TableError
        More than `MAX_UNPACKED`, or so many times more than it was packed into that it is a bomb.
    """
    out = io.BytesIO()
    while chunk := stream.read(_CHUNK):
        out.write(chunk)
        if out.tell() > MAX_UNPACKED:
            raise TableError(
                f"Unpacked, the file is larger than {MAX_UNPACKED // 1024**2} MB, which is more than is read."
                " Cut it to fewer days."
            )
        # Market data shrinks to a tenth; a bomb is a thousand times its size and need not be unpacked to the
        # end.
        if out.tell() > max(_BOMB_FLOOR, _BOMB_RATIO * packed):
            raise TableError(
                f"Unpacked, the file is more than {_BOMB_RATIO} times larger than it comes, which no market"
                " data is. Export it again."
            )
    return out.getvalue()


def _gunzip(data: bytes) -> bytes:
    _check_parts(data.count(b"\x1f\x8b\x08"))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            out = pour(stream, len(data))
    except TableError:
        raise
    except _DAMAGED as problem:
        raise TableError("The compressed file is cut off or damaged. Download it again.") from problem
    if not out:
        raise TableError("The compressed file is empty inside. Download or export it again.")
    return out


def _is_workbook(data: bytes) -> bool:
    """Whether a zip is an Excel workbook; one that unpacks to too much is refused before it is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if not any(name.startswith("xl/worksheets/") for name in archive.namelist()):
                return False
            size = sum(item.file_size for item in archive.infolist())
    except _DAMAGED:
        return False
    if size > min(MAX_UNPACKED, max(_BOMB_FLOOR, _BOMB_RATIO * len(data))):
        raise TableError(
            f"Unpacked, the Excel file has {wording.file_size(size)}, which is more than is read. Save the"
            " sheet as CSV and cut it to fewer days."
        )
    return True


def _unzip(data: bytes) -> tuple[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if "[Content_Types].xml" in archive.namelist():
                raise TableError(
                    "This is an Excel or Office file without a sheet. Save the table as CSV and upload that."
                )
            found = [
                item
                for item in archive.infolist()
                if not item.is_dir()
                and not item.filename.startswith("__MACOSX/")
                and not item.filename.upper().endswith(".CHECKSUM")
            ]
            if len(found) != 1:
                held = ", ".join(_short(os.path.basename(item.filename)) for item in found[:3]) or "nothing"
                raise TableError(
                    f"The zip archive holds {len(found)} files ({held}{', …' if len(found) > 3 else ''}),"
                    " and one is needed. Unpack it and upload one file."
                )
            with archive.open(found[0]) as stream:
                out = pour(stream, len(data))
    except TableError:
        raise
    except _DAMAGED as problem:
        raise TableError(
            "The zip archive is damaged or protected by a password. Unpack it and upload the file inside."
        ) from problem
    if not out:
        raise TableError("The file inside the zip archive is empty. Download or export it again.")
    return os.path.basename(found[0].filename), out


def _refuse_binary(data: bytes) -> None:
    if data.startswith(_PICKLES):
        raise TableError(
            "This is a Python pickle, which can run code when opened and is never read. Save the table as"
            " Parquet or CSV."
        )
    for signature, what in _SIGNATURES:
        if data.startswith(signature):
            raise TableError(
                f"This is {what}, not a table that can be read here. Upload CSV, CSV.gz or Parquet."
            )


def _utf8(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    if encoding == "utf-8":
        data = data[3:]
    elif encoding is None and b"\x00" in data[:4096]:
        encoding = _wide_encoding(data[:4096])
    notes: tuple[str, ...] = ()
    if encoding not in (None, "utf-8"):
        try:
            data = data.decode(encoding).lstrip("\ufeff").encode()
        except UnicodeError as problem:
            raise TableError(
                "The text of the file cannot be decoded. Save it as UTF-8 and try again."
            ) from problem
        notes = (f"The text is stored as {encoding[:6].upper()} and was converted.",)
    if b"\x00" in data:
        # Before it is decoded, which takes several times its size.
        raise _binary()
    if not notes and not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            data = data.decode("cp1252", errors="replace").encode()
            notes = ("Some letters are not UTF-8; the text was read as Windows-1252.",)
    sample = data[:65536]
    control = len(sample) - len(sample.translate(None, bytes(range(9)) + bytes(range(14, 32))))
    if control > 0.01 * len(sample):
        raise _binary()
    if not data or data.isspace():
        raise TableError("The file is empty. Download or export it again.")
    return data, notes


def _binary() -> TableError:
    return TableError("The file holds binary data, not text. Upload CSV, CSV.gz or Parquet.")


def _wide_encoding(sample: bytes) -> str | None:
    even, odd = sample[0::2], sample[1::2]
    low, high = even.count(0) / max(len(even), 1), odd.count(0) / max(len(odd), 1)
    if high > 0.4 and low < 0.1:
        return "utf-16-le"
    return "utf-16-be" if low > 0.4 and high < 0.1 else None


def _stem(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix) else name


def _short(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"'{clean}'" if len(clean) <= 40 else f"'{clean[:37]}…'"
