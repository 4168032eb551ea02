"""Tables that speak as sentences do, and sort as numbers do."""

import numpy as np
import pandas as pd
import pyarrow as pa
from streamlit.testing.v1 import AppTest

from liqcore import wording
from liqcore.views.spoken import spoken

TABLE = pd.DataFrame(
    {"Venue": ["Alder", "Birch", "Elm"], "Share": [0.0759, 0.33, np.nan], "USD": [2e6, 950.0, 0.0]}
)


def _drawn():
    import streamlit as st

    from liqcore import wording
    from liqcore.views.spoken import spoken
    from tests.views.test_spoken import TABLE

    st.dataframe(spoken(TABLE, {"Share": wording.percent, "USD": wording.usd, "Gone": wording.usd}))


def test_cells_are_said_as_in_sentences_and_stay_numbers_below():
    app = AppTest.from_function(_drawn).run()
    assert not app.exception
    drawn = app.dataframe[0]
    # What is sorted by and saved.
    pd.testing.assert_frame_equal(drawn.value, TABLE)
    # What is read.
    said = pa.ipc.open_stream(drawn.proto.arrow_data.styler.display_values).read_pandas()
    assert list(said["Share"]) == [wording.percent(0.0759), wording.percent(0.33), wording.NOTHING]
    assert list(said["USD"]) == ["$2.00M", "$950", "$0"]


def test_a_fraction_without_a_voice_has_three_digits_that_matter():
    told = spoken(pd.DataFrame({"Delay, s": [0.832794, 90.0, np.nan], "Events": [1, 2, 3]}), {}).to_html()
    assert all(f">{word}<" in told for word in ("0.833", "90", wording.NOTHING, "3"))
    assert "0.8327" not in told


def test_a_voice_for_a_column_that_is_not_there_changes_nothing():
    assert spoken(TABLE, {"Gone": wording.usd}).data is TABLE
