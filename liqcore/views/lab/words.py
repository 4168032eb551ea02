"""Would you bet on our words? How often they are said where nothing is, and how often they came true."""

from __future__ import annotations

from typing import Final

import streamlit as st

from liqcore import wording
from liqcore.lab import found
from liqcore.lab.found import Table

_WHOLE: Final = 16


def draw() -> None:
    """The table of words, and what was found on recorded data."""
    st.markdown(
        "A word such as *cluster* or *market-wide* is a claim. Here is how often we make it on noise, where"
        " it is always wrong, and how often it is right where something was planted."
    )
    held = found.load()
    show(held["words"])
    st.subheader("What we found on recorded markets")
    show(held["recorded"])


def show(table: Table) -> None:
    """A table of figures with the sentence that says how they were measured."""
    # A ranking is read to its end; only long tables scroll.
    whole = len(table.rows) <= _WHOLE
    rows = table.rows.rename(columns=lambda name: "Hours" if name == "n" else wording.sentence_case(name))
    texts, numbers = rows.select_dtypes(exclude="number").columns, rows.select_dtypes("integer").columns
    rows[texts] = rows[texts].replace(r"(\d)%", r"\1 %", regex=True)
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height="content" if whole else "auto",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in numbers},
        placeholder=wording.NOTHING,
    )
    st.caption(wording.markdown(table.note))
