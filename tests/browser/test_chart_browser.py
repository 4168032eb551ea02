"""What only a browser shows of the heatmap: the box at the pointer, zoom beside scroll, redraws, the
toolbar."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import DESK, ROOT, serving
from playwright.sync_api import Browser, Page

from liqcore.charts.palette import usd
from liqcore.heat.grid import HeatGrid

pytestmark = pytest.mark.browser

# The app draws grids that the test can build again, named by the address.
APP = """
    import sys
    sys.path.insert(0, {root!r})
    sys.path.insert(0, {here!r})
    import numpy as np
    import pandas as pd
    import streamlit as st
    from chart_grids import bars, grid
    from liqcore.charts.chart import heatmap_chart

    st.set_page_config(layout="wide")
    asked = st.query_params
    seed = st.slider("Seed", 1, 9, 1)
    drawn = grid(asked.get("kind", "modelled"), seed)
    chart = heatmap_chart(
        drawn, bars(), scale=asked.get("scale", "log"), orientation=asked.get("orientation", "time-right"), profile="profile" in asked,
        zoom=asked.get("zoom", "shift"), select="select" in asked, price_line="none", renderer="svg", volume="volume" in asked,
    )
    extra = dict(on_select="rerun", selection_mode="picked") if "select" in asked else dict()
    event = st.vega_lite_chart(spec=chart.spec, key="heatmap", alt=chart.alt, width="stretch", **extra)
    if "select" in asked:
        st.code(str(event.selection.get("picked")))
    st.write("drawn with seed " + str(seed))
    st.write("text " * 4000)
"""

GRIDS = '''
"""Grids that both the app and the test build."""
import numpy as np
import pandas as pd

from liqcore import tables
from liqcore.heat.grid import HeatGrid, Provenance, VenueCoverage

START = np.datetime64("2026-03-28", "us")  # a European clock change falls into the window
HOUR = np.timedelta64(3_600_000_000, "us")


def grid(kind, seed=1):
    rng = np.random.default_rng(seed)
    columns, bands, density = {"modelled": (60, 40, 0.6), "dense": (120, 90, 0.8), "sparse": (60, 40, 0.08)}[kind]
    usd = rng.lognormal(11, 2, (columns, bands)) * (rng.random((columns, bands)) < density)
    below = np.arange(bands) < bands // 2
    both = rng.random((columns, bands)) < 0.1
    log = kind == "modelled"
    steps = np.ones(columns, int) if kind != "modelled" else rng.integers(1, 3, columns)
    seen = np.ones(columns, bool)
    seen[10:14] = False
    usd[~seen] = 0
    return HeatGrid(
        "modelled" if kind == "modelled" else "realised", START + np.append(0, np.cumsum(steps)) * HOUR,
        (np.geomspace if log else np.linspace)(50_000, 60_000, bands + 1), usd * (below | both), usd * (~below | both) * 0.7,
        Provenance("Sample market", (VenueCoverage("okx", "all"),)), observed=seen,
    )


def bars():
    count = 60
    close = 55_000 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.002, count)))
    return tables.candles(pd.DataFrame({
        "time": START + np.arange(count) * HOUR, "open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": 10.0,
    }))
'''


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("chart_app")
    (folder / "chart_grids.py").write_text(GRIDS)
    (folder / "app.py").write_text(textwrap.dedent(APP.format(root=str(ROOT), here=str(folder))))
    with serving(folder / "app.py") as served:
        yield served


def build(kind: str, seed: int = 1) -> HeatGrid:
    scope: dict = {}
    exec(GRIDS, scope)
    return scope["grid"](kind, seed)


class Drawn:
    """An open chart: where its cells are on the screen, and what its box says."""

    def __init__(self, page: Page, grid: HeatGrid, log: bool, upright: bool = True):
        self.page, self.grid, self.log, self.upright = page, grid, log, upright
        page.wait_for_selector(".stVegaLiteChart svg image")
        page.wait_for_function(
            "document.querySelectorAll('.stVegaLiteChart svg .mark-image image').length >= 2"
        )
        self.page.wait_for_timeout(600)
        self.place = page.evaluate(
            """() => {
            const box = [...document.querySelectorAll('.stVegaLiteChart svg .mark-image image')]
                .map(image => image.getBoundingClientRect()).sort((a, b) => b.height - a.height)[0];
            return [box.x, box.y, box.width, box.height];
        }"""
        )

    def point(self, column: int, band: int) -> tuple[float, float]:
        """The middle of a cell in pixels of the screen."""
        times = self.grid.time_edges.astype("int64").astype(float)
        prices = np.log(self.grid.price_edges) if self.log else self.grid.price_edges
        along = (times[column : column + 2].mean() - times[0]) / (times[-1] - times[0])
        up = (prices[band : band + 2].mean() - prices[0]) / (prices[-1] - prices[0])
        x, y, width, height = self.place
        across, down = (along, 1 - up) if self.upright else (up, 1 - along)
        return x + across * width, y + down * height

    def at(self, column: int, band: int) -> dict[str, str]:
        self.page.mouse.move(*self.point(column, band))
        return self.box()

    def box(self) -> dict[str, str]:
        """Titles and values of the box, once it has been drawn."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        lines = self.page.evaluate(
            """() => [...document.querySelectorAll('.stVegaLiteChart svg .mark-text text')]
            .filter(text => text.getAttribute('opacity') !== '0')
            .map(text => [...text.querySelectorAll('tspan')].map(line => line.textContent).filter(line => line) )
            .filter(lines => lines.length > 1)"""
        )
        titles = next((block for block in lines if block[0] in ("Price band", "Time")), None)
        if titles is None:
            return {}
        return dict(zip(titles, lines[lines.index(titles) + 1], strict=True))

    def expected(self, column: int, band: int) -> dict[str, str]:
        """What the box must say of a cell, from the grid alone."""
        grid = self.grid
        low, high = grid.price_edges[band : band + 2]
        out = {"Price band": f"${low:,.0f} to ${high:,.0f}"}
        word = "Estimated" if grid.is_stock else "Realised"
        for side in ("long", "short"):
            if grid.side(side)[column, band] > 0:
                out[f"{word} {side} liquidations"] = usd(float(f"{grid.side(side)[column, band]:.2e}"))
        if len(out) == 3:
            out["Both sides together"] = usd(float(f"{grid.total[column, band]:.2e}"))
        if len(out) == 1:
            out[f"{word} liquidations"] = (
                ("none estimated" if grid.is_stock else "none recorded")
                if grid.observed[column]
                else "no data for this time"
            )
            return out
        since, until = column, column + 1
        if grid.is_stock:
            fuller = grid.long if grid.long[column, band] >= grid.short[column, band] else grid.short
            while since > 0 and fuller[since - 1, band] > 0:
                since -= 1
            while until < grid.shape[0] and fuller[until, band] > 0:
                until += 1
        moment = [str(np.datetime_as_string(grid.time_edges[k], "m")) for k in (since, until)]
        said = [f"{'Mar' if text[5:7] == '03' else 'Apr'} {text[8:10]}, {text[11:]} UTC" for text in moment]
        if grid.is_stock and until == grid.shape[0]:
            said[1] = "still in place"
        out |= dict(zip(("In place since", "Until") if grid.is_stock else ("From", "To"), said, strict=True))
        return out | {
            "Venues": "okx",
            "Kind": "modelled, not observed" if grid.is_stock else "realised: these happened",
        }


def open_chart(
    browser: Browser, address: str, query: str, grid: HeatGrid, log: bool, upright: bool = True
) -> Drawn:
    # A zone with a clock change inside the window: the chart must not notice.
    context = browser.new_context(
        viewport=DESK, timezone_id="Europe/Berlin", accept_downloads=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{address}/?{query}")
    return Drawn(page, grid, log, upright)


@pytest.mark.parametrize(
    ("kind", "query", "upright", "points"),
    [
        ("modelled", "kind=modelled", True, 120),
        pytest.param("sparse", "kind=sparse", True, 120, marks=pytest.mark.slow),
        pytest.param("dense", "kind=dense", True, 60, marks=pytest.mark.slow),
        pytest.param(
            "modelled",
            "kind=modelled&orientation=price-right&profile=1&volume=1",
            False,
            60,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_box_says_the_cell_under_the_pointer_exactly(browser, address, kind, query, upright, points):
    grid = build(kind)
    drawn = open_chart(browser, address, query, grid, kind == "modelled", upright)
    rng = np.random.default_rng(7)
    filled = np.argwhere(grid.total > 0)
    # Small cells are drawn larger than they are; beside one, the pointer means that one.
    near = np.zeros(grid.shape, bool)
    for a in (-1, 0, 1):
        for b in (-1, 0, 1):
            near |= np.roll(grid.total > 0, (a, b), (0, 1)) if kind == "sparse" else grid.total > 0
    empty = np.argwhere(~near)
    cells = np.concatenate(
        [rng.permutation(filled)[: points * 2 // 3], rng.permutation(empty)[: points // 3]]
    )
    wrong = []
    for column, band in cells.tolist():
        said, expected = drawn.at(column, band), drawn.expected(column, band)
        if {title: said.get(title) for title in expected} != expected:
            wrong.append((column, band, said, expected))
    assert not wrong, f"{len(wrong)} of {len(cells)}: {wrong[0]}"
    assert len(cells) >= points * 0.9
    drawn.page.context.close()


def test_the_wheel_scrolls_the_page_and_with_shift_zooms_the_chart(browser, address):
    grid = build("modelled")
    drawn = open_chart(browser, address, "kind=modelled", grid, log=True)
    page = drawn.page
    scrolled = "() => document.querySelector('[data-testid=stMain]').scrollTop"
    prices = (
        "() => [...document.querySelectorAll('.stVegaLiteChart .role-axis-label text')].map(text =>"
        " text.textContent).filter(text => text[0] == '$')"
    )
    before = page.evaluate(prices)
    page.mouse.move(*drawn.point(30, 20))
    page.mouse.wheel(0, 200)
    page.wait_for_function(f"({scrolled})() > 100")
    assert page.evaluate(prices) == before
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"({scrolled})() == 0")
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Shift")
    page.wait_for_function(f"before => JSON.stringify(({prices})()) != JSON.stringify(before)", arg=before)
    assert page.evaluate(scrolled) == 0
    page.mouse.move(*(np.array(drawn.point(30, 20)) + 3))
    assert drawn.box()["Price band"], "the box still works on a zoomed chart"
    page.mouse.dblclick(*drawn.point(30, 20))
    page.wait_for_function(
        f"before => JSON.stringify(({prices})().sort()) == JSON.stringify(before.sort())", arg=before
    )
    page.context.close()


def test_a_finger_scrolls_the_page_and_a_tap_reads_a_cell(browser, address):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{address}/?kind=modelled")
    grid = build("modelled")
    drawn = Drawn(page, grid, log=True)
    filled = np.argwhere(grid.total > 0)
    column, band = filled[len(filled) // 2].tolist()
    page.touchscreen.tap(*drawn.point(column, band))
    assert drawn.box().get("Price band"), "a tap opens the box and it stays"
    frame = page.evaluate(
        "() => { const box = document.querySelector('.stVegaLiteChart').getBoundingClientRect(); return"
        " [box.left, box.right, document.documentElement.scrollWidth]; }"
    )
    assert frame[0] >= 0
    assert frame[1] <= 390
    assert frame[2] <= 390, "the page must not scroll sideways on a phone"
    touch = context.new_cdp_session(page)
    x, y = drawn.point(30, 8)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 16):
        touch.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 12 * step}]}
        )
        page.wait_for_timeout(15)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 80")
    context.close()


def test_a_rerun_with_new_data_shows_the_new_cells(browser, address):
    drawn = open_chart(browser, address, "kind=modelled", build("modelled"), log=True)
    page = drawn.page
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("drawn with seed 2").wait_for()
    page.wait_for_timeout(800)
    other = Drawn(page, build("modelled", 2), log=True)
    column, band = np.argwhere(other.grid.total > 0)[400].tolist()
    said, expected = other.at(column, band), other.expected(column, band)
    assert {title: said.get(title) for title in expected} == expected
    page.context.close()


@pytest.mark.slow
def test_a_click_selects_the_cell(browser, address):
    grid = build("modelled")
    drawn = open_chart(browser, address, "kind=modelled&select=1", grid, log=True)
    column, band = np.argwhere(grid.long > 0)[50].tolist()
    drawn.at(column, band)
    drawn.page.mouse.click(*drawn.point(column, band))
    shown = drawn.page.locator("[data-testid=stCode]")
    drawn.page.wait_for_function(
        "() => document.querySelector('[data-testid=stCode]').innerText.includes('price_from')"
    )
    text = shown.inner_text()
    low = float(re.search(r"'price_from': ([\d.]+)", text)[1])
    assert low == pytest.approx(grid.price_edges[band])
    amount = max(grid.long[column, band], grid.short[column, band])
    assert float(re.search(r"'usd': ([\d.]+)", text)[1]) == pytest.approx(float(f"{amount:.2e}"))
    drawn.page.context.close()


@pytest.mark.slow
def test_the_toolbar_saves_a_picture_and_shows_a_readable_table(browser, address, tmp_path):
    drawn = open_chart(browser, address, "kind=modelled&profile=1&volume=1", build("modelled"), log=True)
    page = drawn.page
    page.locator(".stVegaLiteChart").hover()
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("Download as PNG")).click()
    file = Path(tmp_path / "chart.png")
    saved.value.save_as(file)
    from PIL import Image

    with Image.open(file) as picture:
        colours = picture.convert("RGB").resize((200, 100)).getcolors(20_000)
    assert len(colours) > 500, "the heat itself must be in the saved picture"
    page.locator(".stVegaLiteChart").hover()
    page.get_by_role("button", name=re.compile("Show data")).click()
    table = page.locator("[data-testid=stDataFrame]")
    table.wait_for()
    page.wait_for_function(
        "() => /Price band/.test(document.querySelector('[data-testid=stDataFrame]').textContent)"
    )
    assert "base64" not in table.text_content()
    assert drawn.grid.shape == (60, 40)
    page.context.close()
