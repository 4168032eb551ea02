"""Charts stand on the page's own ground: every ink is read there in both themes."""

import re
from pathlib import Path

import altair as alt
import pytest
import vl_convert

from liqcore.charts import marks

ROOT = Path(__file__).resolve().parents[2]
GROUNDS = {"dark": "#171614", "light": "#ffffff"}
PAIR = re.compile(r"'(#[0-9a-f]{6})' : '(#[0-9a-f]{6})'")
# Charts on the page; the map and its pictures have grounds of their own.
ON_THE_PAGE = (
    "charts/ladder.py",
    "charts/measured.py",
    "charts/study.py",
    "views/risk/charts.py",
    "views/practice/charts.py",
    "views/walkthrough/panels.py",
    "views/compare/charts.py",
    "views/compare/keyed.py",
    "charts/heard.py",
)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("name", "least"),
    [
        *((name, 4.5) for name in ("LONG", "SHORT", "INK", "QUIET")),
        *((name, 3.0) for name in ("NOW", "GAIN", "DANGER", "DIM")),
    ],
)
def test_each_ink_is_read_on_both_grounds(name: str, least: float) -> None:
    dark, light = PAIR.search(getattr(marks, name)["expr"]).groups()
    assert contrast(dark, GROUNDS["dark"]) >= least
    assert contrast(light, GROUNDS["light"]) >= least


@pytest.mark.parametrize("theme", GROUNDS)
def test_a_chart_takes_the_ink_of_the_page_it_stands_on(theme: str) -> None:
    colour = alt.Color("k:N", scale=alt.Scale(domain=["long"], range=[marks.LONG]), legend=None)
    data = alt.InlineData(values=[{"x": 1, "k": "long"}])
    chart = alt.layer(
        alt.Chart(data).mark_bar().encode(x="x:Q", color=colour),
        *(alt.Chart(data).mark_text(**look).encode(text="k:N") for look in marks.halo({"align": "left"})),
    ).configure(background=GROUNDS[theme])
    drawn = vl_convert.vegalite_to_svg(chart.to_dict())
    for ink in (marks.LONG, marks.INK):
        here, there = PAIR.search(ink["expr"]).groups()[:: 1 if theme == "dark" else -1]
        assert here in drawn
        assert there not in drawn
    assert f'stroke="{GROUNDS[theme]}"' in drawn, "no halo of the page's own colour"


@pytest.mark.parametrize("path", ON_THE_PAGE)
def test_no_chart_on_a_page_brings_colours_of_its_own(path: str) -> None:
    text = (ROOT / "liqcore" / path).read_text("utf-8")
    assert not re.findall(r"[\"']#[0-9a-fA-F]{3,8}[\"']", text), "colours belong into charts/marks.py"
    assert "ViewBackground" not in text
    assert '"fill":' not in text
