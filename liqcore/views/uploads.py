"""The files a visitor brings: taken, said what they were read as, doubted on the screen, asked about."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from liqcore import tables, wording
from liqcore.feeds import files
from liqcore.feeds.files import FileContents
from liqcore.tables import TableError
from liqcore.views import owner, received

TYPES: Final = [
    "csv", "gz", "parquet", "zip", "txt", "tsv", "json", "jsonl", "ndjson", "feather", "arrow", "xlsx",
]  # fmt: skip
_HELD: Final = "held_files"
_NO_DATED: Final = "without_dated"
_MARKS: Final = "held_marks"
_UTC: Final = "UTC"
# A small archive unpacks to a hundred times its size, and nothing bounds how many somebody brings.
_ROOM: Final = 500 << 20
# How a doubt of each severity is shown: 3 is probably wrong, 2 may be, 1 is good to know.
_SHOWN: Final = {3: st.error, 2: st.warning, 1: st.info}
_ASKED: Final = {
    "liquidations": ("price", "symbol"),
    "candles": ("volume", "symbol"),
    "open_interest": ("symbol",),
    "funding": ("symbol",),
}


def brought(above: Any = None) -> list[tuple[str, FileContents]]:
    """The place for files and what was understood of them, as pairs of name and contents.

    What is wrong with them is said in `above`, where the map stands; before the place for files without one.
    """
    above = st.container() if above is None else above
    uploads = st.file_uploader(
        "Liquidations, candles, open interest or funding",
        type=TYPES,
        accept_multiple_files=True,
        key="uploads",
        on_change=_drop_removed,
        help=(
            "CSV, JSON, Parquet, Feather or Excel, also as gz or zip: files of Binance, Bybit, OKX, Tardis,"
            " cryptofeed, ccxt, freqtrade, Coinalyze, CoinGlass, TradingView, MetaTrader, this app and"
            " others, or any table with time, side, price and quantity. Several files of one kind become one"
            " table. Files are read in memory and never stored."
        ),
    )
    if received.Received.stands and owner.hosted():
        # Streamlit's own words for a file that the door refuses are "status code 413", and no run follows.
        st.caption(
            f"Others share this app: the files of one visit may hold {received.MINE >> 20} MB together. One"
            " that is too many ends with the error 413; remove some, or start the app on your own machine."
        )
    zone = _zone() if uploads else _UTC
    _take_all(list(uploads or []), zone, above)
    held = _held()
    groups = _groups(held)
    with above:
        _doubts_shown([[held[file_id] for file_id in group] for group in groups])
    for group in groups:
        _say(group, {upload.file_id: upload for upload in uploads or []}, zone)
    _open_on_what_is_there([contents for _, contents in held.values()])
    return list(held.values())


def _held() -> dict[str, tuple[str, FileContents]]:
    """Files that were understood, by upload id. They stay when an upload fails or the page changes."""
    return st.session_state.setdefault(_HELD, {})


def mark() -> str:
    """What names the files held, as this session read them, in caches that all visitors share.

    It is drawn by chance at each reading: nobody comes by it who has not this session, whatever their own
    files hold.
    """
    marks = st.session_state.get(_MARKS, {})
    told = "|".join(marks[file_id] for file_id in _held())
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def _zone() -> str:
    """What clocks that name no zone show."""
    here = st.context.timezone
    first = [_UTC, *([here] if here and here != _UTC else [])]
    chosen = st.selectbox(
        "Clocks without a zone show",
        [*first, *sorted(available_timezones() - set(first))],
        key="upload-zone",
        width=260,
        help="Only for files whose times name no zone, such as 2025-03-10 14:30. Unix times are always UTC.",
    )
    if st.session_state.setdefault("upload-zone-read", chosen) != chosen:
        st.session_state["upload-zone-read"] = chosen
        _held().clear()
    return str(chosen)


def _take_all(uploads: list[Any], zone: str, above: Any) -> None:
    """Read what is new; what needs candles is tried again when candles came with it."""
    forgotten = st.session_state.get("forgotten", set())
    new = [upload for upload in uploads if upload.file_id not in {*_held(), *forgotten}]
    if not new:
        return
    with st.spinner(f"Reading {wording.count(len(new), 'file')}"):
        failed = [(upload, problem) for upload in new if (problem := _take(upload, zone)) is not None]
        if len(failed) < len(new) and _candles() is not None:
            again = [upload for upload, _ in failed]
            failed = [(upload, problem) for upload in again if (problem := _take(upload, zone)) is not None]
    for upload, problem in failed:
        if isinstance(problem, files.MappingNeeded):
            if _held():
                above.info(
                    f"**{wording.name(upload.name)}** is not in the map yet: it asks a question beside"
                    " the files below.",
                    icon=":material/help:",
                )
            _ask_mapping(upload, problem)
        else:
            above.error(
                f"**{wording.name(upload.name)}** was not used. {wording.markdown(str(problem))}",
                icon=":material/error:",
            )


def _candles() -> Any:
    return next((contents.table for _, contents in _held().values() if contents.kind == "candles"), None)


def _take(upload: Any, zone: str, beside: str | None = None) -> TableError | None:
    """Read one file into what is held; what keeps it from being used, or None. `beside` is another kind that
    the same file is to be read as too."""
    asked = {
        **(st.session_state.get(f"mapping-{upload.file_id}") or {}),
        **({"kind": beside} if beside else {}),
    }
    if upload.file_id in st.session_state.get(_NO_DATED, set()):
        asked["mapping"] = {**asked.get("mapping", {}), "contracts": "perpetual only"}
    try:
        upload.seek(0)
        found = files.read(upload, candles=_candles(), zone=zone, now=pd.Timestamp.now("UTC"), **asked)
    except TableError as problem:
        return problem
    key = upload.file_id if beside is None else f"{upload.file_id}#{beside}"
    others = [contents for name, (_, contents) in _held().items() if name != key]
    if others and owner.hosted() and sum(map(_bytes, [*others, found])) > _ROOM:
        return TableError(
            f"Read, the files of one visit may hold {_ROOM >> 20} MB on an app that others visit, and with"
            " this one they would hold more. Remove one, or start the app on your own machine."
        )
    _held()[key] = (upload.name, found)
    st.session_state.setdefault(_MARKS, {})[key] = secrets.token_hex(16)
    return None


def _bytes(contents: FileContents) -> int:
    """Memory of what a file was read as."""
    more = 0 if contents.extra is None else int(contents.extra.memory_usage().sum())
    return int(contents.table.memory_usage().sum()) + more


def _groups(held: dict[str, tuple[str, FileContents]]) -> list[list[str]]:
    """Ids of files that were read alike: a month of daily files is one table with one summary."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for file_id, (_, contents) in held.items():
        groups.setdefault((contents.kind, contents.format, contents.unit), []).append(file_id)
    return list(groups.values())


def _say(ids: Sequence[str], uploads: dict[str, Any], zone: str) -> None:
    """What one group of files was read as, and all that is doubtful about it, one click away."""
    held = _held()
    group = [held[file_id] for file_id in ids if file_id in held]
    contents = [found for _, found in group]
    doubts = _worst(group)
    _without_dated(ids, contents, uploads, zone)
    with st.expander(
        wording.markdown(_title(group)),
        icon=":material/warning:" if doubts and doubts[0][0] >= 2 else ":material/check_circle:",
    ):
        st.markdown(wording.markdown(contents[0].summary if len(group) == 1 else _summary(contents)))
        if len(group) > 1:
            st.dataframe(
                {
                    "File": [name for name, _ in group],
                    "Rows": [found.rows_kept for found in contents],
                    "From (UTC)": [found.start for found in contents],
                    "To (UTC)": [found.end for found in contents],
                },
                hide_index=True,
                placeholder=wording.NOTHING,
            )
        said = [text for _, text in doubts]
        said += [
            note
            for note in dict.fromkeys(note for found in contents for note in found.notes)
            if note not in said
        ]
        st.markdown("\n".join(f"- {wording.markdown(note)}" for note in said[:40]))
        _totals_too(ids[0], contents[0], uploads, zone)
        if st.button(
            "Forget this file" if len(group) == 1 else "Forget these files",
            key=f"forget-{ids[0]}",
            icon=":material/delete:",
        ):
            for file_id in ids:
                held.pop(file_id, None)
            st.session_state["forgotten"] = {*st.session_state.get("forgotten", set()), *ids}
            st.rerun()


def _doubts_shown(groups: Sequence[Sequence[tuple[str, FileContents]]]) -> None:
    """The two worst doubts of all that was brought, by severity; the others are behind the files' names."""
    several = sum(map(len, groups)) > 1
    found = [
        (severity, text if len(group) > 1 or not several else f"{group[0][0]}: {text}")
        for group in groups
        for severity, text in _worst(group)
        if severity >= 2
    ]
    for severity, text in sorted(found, key=lambda doubt: -doubt[0])[:2]:
        _SHOWN[severity](wording.markdown(text), icon=":material/warning:")


def _without_dated(
    ids: Sequence[str], contents: Sequence[FileContents], uploads: dict[str, Any], zone: str
) -> None:
    """A switch to leave out dated futures, which trade away from the perpetual contract."""
    without: set[str] = st.session_state.setdefault(_NO_DATED, set())
    off = bool(without & set(ids))
    named = list(dict.fromkeys(symbol for found in contents for symbol in found.dated))
    brought = [uploads[file_id] for file_id in ids if file_id in uploads]
    if not brought or not (named or off):
        return
    also = f" ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})" if named else ""
    wanted = st.toggle(
        f"Leave out dated futures{wording.markdown(also)}",
        value=off,
        key=f"dated-{ids[0]}",
        help="They end on a day and trade above or below the perpetual contract, so their prices do not fit"
        " its candles exactly.",
    )
    if wanted == off:
        return
    st.session_state[_NO_DATED] = without | set(ids) if wanted else without - set(ids)
    problem = next((problem for upload in brought if (problem := _take(upload, zone)) is not None), None)
    if problem is None:
        st.rerun()
    # A file of nothing else stays as it was read.
    st.session_state[_NO_DATED] = without
    st.warning(wording.markdown(str(problem)), icon=":material/warning:")


def _worst(group: Sequence[tuple[str, FileContents]]) -> list[tuple[int, str]]:
    """Doubts of all files, worst first; with more than one file, each names the first file that it is
    about."""
    found: dict[str, tuple[int, str]] = {}
    for name, contents in group:
        for doubt in contents.doubts:
            text = str(doubt) if len(group) == 1 else f"{name}: {doubt}"
            found.setdefault(str(doubt), (doubt.severity, text))
    return sorted(found.values(), key=lambda doubt: -doubt[0])


def _title(group: Sequence[tuple[str, FileContents]]) -> str:
    if len(group) == 1:
        name, contents = group[0]
        return f"{name}: {contents.summary.split('. ')[0].rstrip('.')}"
    return f"{len(group)} files: {_summary([contents for _, contents in group]).split('. ')[0].rstrip('.')}"


def _summary(contents: Sequence[FileContents]) -> str:
    """One summary of files that were read alike."""
    rows = sum(found.rows_kept for found in contents)
    first, last = min(found.start for found in contents), max(found.end for found in contents)
    venues = list(dict.fromkeys(venue for found in contents for venue in found.venues if venue != "unknown"))
    where = f" of {wording.joined(venues[:4])}" if venues else ""
    unit = f"; amounts in {contents[0].unit}" if contents[0].unit else ""
    return (
        f"{rows:,} rows of {contents[0].kind.replace('_', ' ')}{where}, {wording.when(first)} to"
        f" {wording.when(last)}. Read as: {contents[0].format}{unit}."
    )


def _totals_too(file_id: str, contents: FileContents, uploads: dict[str, Any], zone: str) -> None:
    """A table of candles that also holds totals of liquidations can be read as both."""
    if not contents.also or file_id not in uploads:
        return
    key = f"{file_id}#liquidations"
    if st.toggle("Read its liquidation totals too", value=key in _held(), key=f"totals-{file_id}"):
        if key not in _held():
            if (problem := _take(uploads[file_id], zone, "liquidations")) is not None:
                st.error(wording.markdown(str(problem)), icon=":material/error:")
                return
            st.rerun()
    elif _held().pop(key, None) is not None:
        st.rerun()


def _open_on_what_is_there(contents: list[FileContents]) -> None:
    """New files open on the layer they can fill; afterwards the choice is the visitor's."""
    kinds = tuple(sorted({found.kind for found in contents}))
    if kinds == st.session_state.get("brought-kinds"):
        return
    st.session_state["brought-kinds"] = kinds
    if "candles" in kinds and "liquidations" not in kinds:
        st.query_params["layer"] = "modelled"
    elif "liquidations" in kinds and "candles" not in kinds:
        st.query_params["layer"] = "realised"


def _ask_mapping(upload: Any, question: files.MappingNeeded) -> None:
    """Select boxes for the columns that the reader could not recognise, and for what no column says."""
    wanted = list(question.missing)
    wanted += [
        name
        for name in _ASKED.get(question.kind or "", ("symbol",))
        if name not in {*wanted, *question.guess}
    ]
    with st.form(f"ask-{upload.file_id}"):
        st.markdown(f"**{wording.name(upload.name)}**: {wording.markdown(str(question))}")
        chosen: dict[str, str] = {}
        with st.container(horizontal=True):
            kind = question.kind or st.selectbox(
                "What the file holds",
                list(tables.COLUMNS),
                format_func=lambda name: name.replace("_", " ").capitalize(),
                key=f"kind-{upload.file_id}",
            )
            for name in wanted:
                nothing = "(not in this file)"
                options = [nothing, *question.choices.get(name, question.columns)]
                answer = st.selectbox(
                    name.replace("_", " ").capitalize(), options, key=f"map-{upload.file_id}-{name}"
                )
                if answer != nothing:
                    chosen[name] = str(answer)
        if st.form_submit_button("Use these columns", type="primary"):
            # An answer that is no column leaves the file to the producer that was recognised.
            guess = question.guess if set(chosen) - set(question.choices) else {}
            st.session_state[f"mapping-{upload.file_id}"] = {"kind": kind, "mapping": {**guess, **chosen}}
            st.rerun()


def _drop_removed() -> None:
    """A file taken out of the uploader is forgotten; leaving the page is not taking it out."""
    now = {upload.file_id for upload in st.session_state.get("uploads") or []}
    before = st.session_state.get("uploaded_ids", set())
    for file_id in before - now:
        for key in [key for key in _held() if key.split("#")[0] == file_id]:
            _held().pop(key, None)
    st.session_state["uploaded_ids"] = now
