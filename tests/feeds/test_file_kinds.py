"""Every producer's file, in every form, and bent in every way: right or refused, never wrong."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from file_kinds import FORMS, KINDS, NAMES, Upload, wrong
from hypothesis import given, settings, strategies as st

from liqcore.feeds import files
from liqcore.tables import TableError


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_each_producer_is_named_and_read_as_it_means(kind):
    found = files.read(Upload(kind.name, kind.csv()), **kind.given)
    assert wrong(found, kind, volume=kind.volume) == []
    assert kind.said in found.summary


@pytest.mark.parametrize("form", [form for form in FORMS if form != "csv"])
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_form_of_the_file_changes_nothing(kind, form):
    name = re.sub(r"\.\w+$", f".{form}", kind.name)
    found = files.read(Upload(name, FORMS[form](kind.table())), **kind.given)
    assert wrong(found, kind, volume=kind.volume) == []
    assert kind.said in found.summary


NUMBER = re.compile(r"-?\d+(\.\d+)?")
LOCALES = {
    "english": lambda text: f"{int(float(text)):,}" + (f".{text.split('.')[1]}" if "." in text else ""),
    "german": lambda text: (
        f"{int(float(text)):,}".replace(",", ".") + (f",{text.split('.')[1]}" if "." in text else "")
    ),
    "comma": lambda text: text.replace(".", ","),
    "french": lambda text: (
        f"{int(float(text)):,}".replace(",", "\u202f") + (f",{text.split('.')[1]}" if "." in text else "")
    ),
    "swiss": lambda text: (
        f"{int(float(text)):,}".replace(",", "’") + (f".{text.split('.')[1]}" if "." in text else "")
    ),
}
TIMES = (
    "time",
    "timestamp",
    "open_time",
    "order_trade_time",
    "startTime",
    "T",
    "ts",
    "Timestamp",
    "date",
    "ts_ms",
)
UNITS = {"s": 1e-6, "ms": 1e-3, "us": 1.0, "ns": 1e3}
NEW_NAMES = (
    "foo",
    "Value",
    "column",
    "x",
    "my side",
    "Price",
    "qty",
    "amount",
    "date",
    "ts",
    "volume",
    "size",
    "total",
)


def written(table, locale=None):
    """CSV with a semicolon and the numbers of a locale; times in text stay as they are."""
    if locale is None:
        return table.to_csv(index=False).encode()
    out = table.copy()
    for name in out.columns:
        if pd.api.types.is_numeric_dtype(out[name]) and name not in (
            *TIMES,
            "local_timestamp",
            "close_time",
            "Unix",
        ):
            out[name] = [
                LOCALES[locale](str(value)) if NUMBER.fullmatch(str(value)) else str(value)
                for value in out[name]
            ]
    return out.to_csv(index=False, sep=";").encode()


def outcome(kind, name, data):
    """The contents, or None after a refusal or a question."""
    try:
        return files.read(Upload(name, data), **kind.given)
    except TableError as refusal:
        said = str(refusal)
    assert "not foreseen" not in said
    return None


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_locale_is_read_right_or_refused(kind, locale):
    found = outcome(kind, kind.name, written(kind.table(), locale))
    assert found is None or wrong(found, kind) == []


@pytest.mark.parametrize("unit", [*UNITS, "s then ms", "ms then us", "serial"])
@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_unit_of_time_is_read_right_or_refused(kind, unit):
    table = kind.table()
    name = next(
        (name for name in TIMES if name in table and pd.api.types.is_integer_dtype(table[name])), None
    )
    if name is None:
        pytest.skip("the producer writes its times as text")
    exact = kind.truth()["time"].astype("datetime64[us, UTC]").astype("int64")
    exact = exact if len(exact) == len(table) and table.index[0] == 0 else exact[::-1]
    exact = exact.to_numpy() + (15 * 60_000_000 if "XBTUSD_15m" in kind.name else 0)
    if unit == "serial":
        table[name] = exact / 86_400e6 + 25_569
    elif " then " in unit:
        first, second = (UNITS[part] for part in unit.split(" then "))
        half = len(table) // 2
        table[name] = np.where(np.arange(len(table)) < half, exact * first, exact * second).astype("int64")
    else:
        table[name] = (exact * UNITS[unit]).astype("int64")
    found = outcome(kind, kind.name, written(table))
    assert found is None or wrong(found, kind, seconds="s" in unit.split() or unit == "serial") == []


# As many as a gate can wait for; HEATLAB_FUZZ=2000 looks longer.
@settings(max_examples=int(os.environ.get("HEATLAB_FUZZ", "80")), deadline=None)
@given(data=st.data())
def test_bent_files_are_right_or_refused(data):
    """Reordered, renamed and dropped columns, a lost file name, another locale: the generator knows the
    truth."""
    kind = data.draw(st.sampled_from(KINDS))
    table = kind.table().reset_index(drop=True)
    columns = (
        data.draw(st.permutations(list(table.columns))) if data.draw(st.booleans()) else list(table.columns)
    )
    table = table[columns]
    for name in data.draw(st.lists(st.sampled_from(columns), max_size=2, unique=True)):
        if data.draw(st.booleans()):
            table = table.drop(columns=name)
        else:
            # A name that another column has, or that means something else, makes a file that lies.
            fresh = data.draw(
                st.sampled_from(("foo", "x", "my column", name.upper(), name.title(), f" {name} "))
            )
            table = table.rename(columns={name: fresh})
    locale = data.draw(st.sampled_from([None, None, *LOCALES]))
    name = kind.name if data.draw(st.booleans()) else "export.csv"
    found = outcome(kind, name, written(table, locale))
    if found is not None and found.kind == kind.kind:
        assert wrong(found, kind) == [], (found.summary, list(table.columns), found.notes)
