"""Files that a visitor brought, put together to one market."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from liqcore import tables, wording
from liqcore.service.dataset import DataError, Dataset

if TYPE_CHECKING:
    from liqcore.feeds.files import FileContents

# Liquidations that two files must have in common before they are taken for the same.
_COPIES: Final = 10
# How far apart two recorders stamp one liquidation: when it happened, when it was heard, or its minute.
_APART: Final = pd.Timedelta(minutes=1)


def combine(parts: Sequence[FileContents], names: Sequence[str], mark: str) -> Dataset:
    """One dataset from the files a visitor brought; files of one kind are put together.

    `mark` goes into the dataset's key, by which caches know it: it must name the visitor and the reading of
    these very files, because no figure of a table tells it from every other.

    Of a bar that ends one file and stands in another too, the version with more volume holds, because the
    other was written before the bar had ended. Any other disagreement about one time raises DataError with
    the names of both files. Liquidations of several files are added up, but for those that a file tells once
    more.
    """
    held: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    for kind in tables.COLUMNS:
        found = [
            (name, _named(part.table, name))
            for name, part in zip(names, parts, strict=True)
            if part.kind == kind
        ]
        if len(found) > 1:
            held[kind] = _put_together(kind, found, notes)
        elif found:
            held[kind] = found[0][1]
    label = ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
    return Dataset(
        key=f"files:{mark}",
        label=f"Your files ({label})",
        synthetic=False,
        candles=held.get("candles"),
        liquidations=held.get("liquidations"),
        open_interest=held.get("open_interest"),
        funding=held.get("funding"),
        notes=tuple(notes),
    )


def _put_together(kind: str, found: list[tuple[str, pd.DataFrame]], notes: list[str]) -> pd.DataFrame:
    """Tables of one kind from several files as one."""
    both = pd.concat(
        [
            table.astype(dict.fromkeys(table.select_dtypes("category"), str)).assign(_file=place)
            for place, (_, table) in enumerate(found)
        ],
        ignore_index=True,
    )
    content = [name for name in both.columns if name != "_file"]
    if kind == "liquidations":
        both = _without_copies(both, [name for name, _ in found], notes)
        if copies := int(both.duplicated(content).sum()):
            notes.append(
                f"{copies:,} liquidations stand in more than one file or more than once, and are counted as"
                " often."
            )
        return tables.CHECKS[kind](both[content])
    both = both.drop_duplicates(content)
    key = [name for name in ("time", "venue") if name in both]
    twice = both[both.duplicated(key, keep=False)]
    if len(twice) and kind == "candles":
        last = twice["time"].map(lambda time: any(time == table["time"].iloc[-1] for _, table in found))
        same_open = twice.groupby("time")["open"].transform("nunique") == 1
        if bool((last & same_open).all()):
            kept = twice.sort_values("volume", kind="stable", na_position="first").groupby("time").tail(1)
            both = both.drop(index=twice.index.difference(kept.index))
            notes.append(
                f"{len(kept):,} bar{'s stand' if len(kept) > 1 else ' stands'} at the end of one file and in"
                " another; the version that had ended was kept."
            )
            twice = twice.iloc[:0]
    if len(twice):
        when = twice["time"].iloc[0]
        files = [found[place][0] for place in twice.loc[twice["time"] == when, "_file"].unique()[:2]]
        raise DataError(
            f"{' and '.join(files)} have different {kind.replace('_', ' ')} for {wording.when(when)}."
            " Forget one of the two files."
        )
    return tables.CHECKS[kind](both[content])


def _without_copies(both: pd.DataFrame, files: Sequence[str], notes: list[str]) -> pd.DataFrame:
    """Without the liquidations of a file that another one told before, where that is most of what it tells of
    their common time: a download that was dropped twice, a day beside its month, what two recorders heard of
    one venue."""
    again = pd.Series(False, index=both.index)
    for place, file in enumerate(files[1:], 1):
        mine, before = both["_file"] == place, both["_file"] < place
        others = both.loc[before & ~again]
        if others.empty:
            continue
        shared = int((mine & both["time"].between(others["time"].min(), others["time"].max())).sum())
        exact, near = _told_before(both[mine], others)
        for copies, least in ((exact, min(_COPIES, int(mine.sum()))), (near, _COPIES)):
            if len(copies) and len(copies) * 2 >= shared and len(copies) >= least:
                again[copies] = True
                told = wording.count(len(copies), "liquidation")
                when = "" if copies is exact else ", some under another time,"
                notes.append(f"{told} of {file} stand in another file too{when} and count once.")
                break
    return both[~again]


def _told_before(mine: pd.DataFrame, others: pd.DataFrame) -> tuple[pd.Index, pd.Index]:
    """The rows of a file that others hold at the same time, and those that they hold within `_APART`: one row
    of theirs for each, so that equal rows of one file stay so many liquidations."""
    alike = ["side", "price", "quantity"]
    both = pd.concat([mine.assign(new=True), others.assign(new=False)])
    both = both[both.duplicated(alike, keep=False)].sort_values([*alike, "time"], kind="stable")
    # Equal orders one after the other are one run, within which the first of one file is the other's first.
    begins = ~both.duplicated(alike) | (both["time"].diff() > _APART)
    found = []
    for run in (both["time"], begins.cumsum()):
        number = both.groupby([*alike, run, "_file"], observed=True).cumcount()
        named = pd.MultiIndex.from_arrays([both[name] for name in alike] + [run, number])
        found.append(both.index[both["new"] & named.isin(named[~both["new"]])])
    return found[0], found[1]


def _named(table: pd.DataFrame, file: str) -> pd.DataFrame:
    """A table whose venue no column tells, with the file's name for a venue: two such files are not one
    venue, and daily files of one name are."""
    if "venue" not in table or not len(table) or not (table["venue"].astype(str) == "unknown").all():
        return table
    stem = file.split(".")[0]
    name = re.sub(r"[-_ ]?(?:19|20)\d{2}[-_]?\d{2}(?:[-_]?\d{2})?", "", stem) or stem
    return table.assign(venue=pd.Categorical([name] * len(table)))
