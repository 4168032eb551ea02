"""Time beside the map: in 24 hours, with the day at midnight, and by the clock that the reader chose."""

import re
import subprocess
import sys

import altair as alt
import pandas as pd
import pytest
import vl_convert

from liqcore.charts import heard, marks
from liqcore.charts.times import UTC, Clock

SINCE = 1_795_905_900_000_000  # Nov 28, 2026, 22:45 UTC
NOW = SINCE + 4 * 3_600_000_000


def chart(clock: Clock = UTC) -> str:
    runs = pd.DataFrame(
        {
            "venue": ["alder"],
            "start": pd.to_datetime([SINCE], unit="us", utc=True),
            "end": pd.to_datetime([NOW], unit="us", utc=True),
            "how": ["live"],
        }
    )
    events = pd.DataFrame({"venue": [], "time": [], "side": [], "notional": []})
    rows = heard.rows(runs, events, str)
    values = [
        {"venue": "alder", "how": "live", "start": SINCE / 1000, "end": NOW / 1000} for _ in range(len(rows))
    ]
    return vl_convert.vegalite_to_svg(
        {**heard.spec(SINCE, NOW, clock), "width": 900, "data": {"values": values}}
    )


def words(drawn: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawn)


def test_an_evening_is_told_in_24_hours_and_midnight_is_the_day() -> None:
    told = words(chart())
    assert "23:00" in told
    assert "Nov 29" in told
    assert "01:00" in told
    assert "Time, UTC" in told
    assert not [word for word in told if re.search(r"[AP]M|^1[01]:45$", word)]


def test_a_chart_follows_the_browser_where_its_reader_asks_for_that() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/charts');"
        "from test_time_axes import chart, words; from liqcore.charts.times import Clock;"
        "print(words(chart(Clock('Asia/Kolkata'))))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={"TZ": "Asia/Kolkata"}, capture_output=True, text=True, check=True
    ).stdout
    # 23:00 UTC is 04:30 there, and ticks stand at round hours of the reader's own.
    assert "'05:00'" in told
    assert "'23:00'" not in told
    assert "Time, Asia/Kolkata" in told


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_of_axes_and_legends_have_the_ink_that_is_read(theme: str) -> None:
    ground = {"dark": "#171614", "light": "#ffffff"}[theme]
    data = alt.InlineData(values=[{"x": 1, "k": "one"}])
    drawn = marks.inked(alt.Chart(data).mark_bar().encode(x="x:Q", color="k:N")).to_dict()
    drawn["config"]["background"] = ground
    inks = set(re.findall(r'<text[^>]* fill="([^"]*)"', vl_convert.vegalite_to_svg(drawn)))
    dark, light = re.search(r"'(#\w+)' : '(#\w+)'", marks.QUIET["expr"]).groups()
    assert inks == {dark if theme == "dark" else light}
