"""Tables whose cells are said as sentences say them, while sorting and saving keep the numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from liqcore import wording

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

Voice = Callable[[Any], str]


def spoken(table: pd.DataFrame, voices: Mapping[str, Voice]) -> Styler:
    """The table for `st.dataframe`: columns that have a voice (`wording.percent`, `wording.usd`) are shown in
    it, other fractions with three digits that matter; what is missing is a dash. A voice whose column is not
    there is no fault."""
    # A Styler keeps the numbers below what it shows, so a click on the head sorts by them.
    said: dict[Any, str | Voice | None] = dict.fromkeys(table.select_dtypes("float").columns, wording.decimal)
    said |= {name: voice for name, voice in voices.items() if name in table}
    return table.style.format(said, na_rep=wording.NOTHING)
