"""What only a browser shows of the map, with the app's own renderer: fingers, wheels, keys, colours, the
address."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import DESK, ROOT, serving
from map_app import bars, grid
from playwright.sync_api import Browser, Error as PlaywrightError, Page

from liqcore.charts.palette import colour_scale
from liqcore.heat.grid import HeatGrid

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("map_app.py")
CHART = "globalThis.heatlab?.charts?.get(key)"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(APP) as served:
        yield served


class Drawn:
    """An open map: where its cells are on the screen, and what it says."""

    def __init__(self, page: Page, key: str = "map") -> None:
        self.page, self.key = page, key
        page.wait_for_function(f"key => {CHART}?.stats.base > 0", arg=key)
        page.wait_for_timeout(300)

    def get(self, what: str, *arguments: Any) -> Any:
        """A value of the chart: `c` in JavaScript, `a` its arguments."""
        script = f"([key, a]) => {{ const c = {CHART}; return {what}; }}"
        return self.page.evaluate(script, [self.key, list(arguments)])

    @property
    def place(self) -> tuple[float, float, float, float]:
        return tuple(self.get("(({x, y}) => [x, y, c.plot.w, c.plot.h])(c.stage.getBoundingClientRect())"))

    def point(self, column: int, band: int) -> tuple[float, float]:
        """The middle of a cell in pixels of the screen."""
        x, y = self.get(
            "(([t, p]) => { const m = (e, k) => (e[k] + e[k + 1]) / 2; const time ="
            " c.time.at(m(c.heat.time_edges, t)), e = c.heat.price_edges, price = c.price.at(m(e, p)); return"
            " c.upright ? [time, price] : [price, time]; })(a)",
            column,
            band,
        )
        left, top, *_ = self.place
        return left + x, top + y

    def says(self) -> list[str]:
        self.settle()
        return [line for line in self.get("c.reading.textContent").split("\n") if line]

    def settle(self) -> None:
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def window(self) -> list[float]:
        return self.get("[...c.time.window, ...c.price.window]")

    def wait(self, what: str) -> None:
        self.page.wait_for_function(f"key => {{ const c = {CHART}; return {what}; }}", arg=self.key)


FAULTS: list[str] = []


@pytest.fixture(autouse=True)
def no_fault_of_the_page():
    """Nothing that is done to a map may throw where nobody looks."""
    FAULTS.clear()
    yield
    assert not FAULTS


def opened(browser: Browser, address: str, query: str = "", **context: Any) -> Drawn:
    # A zone with a clock change inside the window: the map must not notice.
    options = {
        "viewport": DESK,
        "timezone_id": "Europe/Berlin",
        "accept_downloads": True,
        "reduced_motion": "reduce",
    }
    page = browser.new_context(**(options | context)).new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: FAULTS.append(str(error)))
    page.goto(f"{address}/?{query}")
    return Drawn(page, "map0" if "many" in query else "map")


def amount(value: float) -> str:
    from liqcore.wording import usd

    return usd(float(f"{value:.2e}"))


def clicks(drawn: Drawn) -> str:
    return drawn.page.locator("[data-testid=stCode]").inner_text()


@pytest.mark.parametrize(
    "kind",
    ["modelled", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("dense", "sparse", "empty"))],
)
def test_every_cells_usd_and_colour_is_pythons(browser, address, kind):
    drawn = opened(browser, address, f"kind={kind}")
    held: HeatGrid = grid(kind)
    for side in ("both", "long", "short", "net"):
        for scale in ("log", "linear", "percentile"):
            drawn.get("c.setLook({side: a[0], scale: a[1]})", side, scale)
            values = held.side(side)
            colour = colour_scale(values, scale, diverging=side == "net")
            if side == "both" and scale == "log":
                for name in ("long", "short"):
                    read = np.array(drawn.get("Array.from(c.heat[a[0]], k => c.cells.usd[k])", name))
                    expected = getattr(held, name).ravel()
                    clear = expected >= 10.0 ** drawn.get("c.heat.lowest")
                    np.testing.assert_allclose(read[clear], expected[clear], rtol=0.0051)
                    np.testing.assert_array_equal(read > 0, expected > 0)
            index = np.array(drawn.get("Array.from(c.index)")).reshape(held.shape)
            np.testing.assert_array_equal(index > 0, values != 0)
            place = 1 + np.round(254 * colour.normalise(values))
            # Python ranks by 101 stops, the browser by every cell.
            off = np.abs(index - place)[values != 0]
            assert off.size == 0 or off.max() <= (4 if scale == "percentile" else 2), (side, scale, off.max())
    drawn.page.context.close()


def test_the_readout_says_the_cell_under_the_pointer(browser, address):
    drawn = opened(browser, address)
    held = grid("modelled")
    rng = np.random.default_rng(7)
    for column, band in rng.permutation(np.argwhere(held.total > 0))[:25].tolist():
        drawn.page.mouse.move(*drawn.point(column, band))
        said = drawn.says()
        low, high = held.price_edges[band : band + 2]
        assert said[1] == f"${low:,.0f} to ${high:,.0f}"
        for side in ("long", "short"):
            usd = float(getattr(held, side)[column, band])
            assert (
                f"{side}s {amount(usd)}" in said[2].replace("Longs", "longs").replace("Shorts", "shorts")
            ) == (usd > 0)
        assert "would be closed, estimated" in said[2]
        assert said[3].endswith(f"from the last price ${bars()['close'].iloc[-1]:,.0f}")
        assert len(said) == 4
    drawn.page.mouse.move(*drawn.point(11, 5))
    assert "no data for this time" in drawn.says()
    column = int(np.argmax(held.long[:, 3] > 0))
    drawn.page.mouse.move(*drawn.point(column, 3))
    if column == 0:
        assert "since before this map" in drawn.says()[2]
    drawn.page.context.close()


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl_or_after_a_click(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    whole = drawn.window()
    scrolled = "() => document.querySelector('[data-testid=stMain]').scrollTop"
    page.mouse.move(*drawn.point(30, 20))
    page.mouse.wheel(0, 200)
    page.wait_for_function(f"({scrolled})() > 100")
    assert drawn.window() == whole
    assert "scroll to zoom" in drawn.get("c.pill.textContent")
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"({scrolled})() == 0")
    page.mouse.move(*drawn.point(30, 20))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    drawn.settle()
    near = drawn.window()
    assert near[0] > whole[0]
    assert near[3] < whole[3]
    assert page.evaluate(scrolled) == 0
    page.mouse.dblclick(*drawn.point(30, 20))
    drawn.wait(f"c.time.window[0] === {whole[0]}")
    # Over an axis the wheel needs no key and moves that axis alone.
    left, top, _, high = drawn.place
    page.wait_for_timeout(700)
    page.mouse.move(left + drawn.get("c.axisX") + 10, top + high / 2)
    page.mouse.wheel(0, -300)
    drawn.settle()
    assert drawn.window()[:2] == whole[:2]
    assert drawn.window()[3] < whole[3]
    page.context.close()


def test_dragging_moves_and_dragging_an_axis_stretches(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    drawn.get("c.zoomBy(0.4)")
    drawn.settle()
    before = drawn.window()
    x, y, wide, high = drawn.place
    page.mouse.move(x + wide / 2, y + high / 2)
    page.mouse.down()
    page.mouse.move(x + wide / 2 - 120, y + high / 2 + 40, steps=6)
    page.mouse.up()
    after = drawn.window()
    assert after[0] > before[0]
    assert after[1] - after[0] == pytest.approx(before[1] - before[0], rel=1e-6)
    assert after[2] > before[2]
    assert "picked None" in clicks(drawn), "a drag is no click"
    page.mouse.move(x + drawn.get("c.axisX") + 12, y + high / 2)
    page.mouse.down()
    page.mouse.move(x + drawn.get("c.axisX") + 12, y + high / 2 + 100, steps=5)
    page.mouse.up()
    stretched = drawn.window()
    assert stretched[:2] == after[:2]
    assert stretched[3] - stretched[2] != pytest.approx(after[3] - after[2], rel=0.05)
    page.context.close()


def test_a_click_at_once_marks_the_cell_and_reaches_python(browser, address):
    drawn = opened(browser, address)
    held = grid("modelled")
    column, band = np.argwhere(held.long > 0)[400].tolist()
    drawn.page.mouse.click(*drawn.point(column, band))
    drawn.page.wait_for_function(
        "() => /'column'/.test(document.querySelector('[data-testid=stCode]').innerText)"
    )
    said = clicks(drawn)
    assert f"'column': {column}" in said
    assert f"'band': {band}" in said
    assert float(re.search(r"'long': ([\d.]+)", said)[1]) == pytest.approx(
        held.long[column, band], rel=0.0051
    )
    assert drawn.get("c.picked !== null && c.picked !== undefined")
    drawn.page.get_by_role("button", name="Read this level").click()
    drawn.page.wait_for_function(
        "() => /'what': 'read'/.test(document.querySelector('[data-testid=stCode]').innerText)"
    )
    drawn.page.context.close()


@pytest.mark.slow
def test_installed_the_map_is_drawn_where_only_the_servers_own_scripts_may_run(browser, tmp_path):
    (tmp_path / "liqcore").symlink_to(ROOT / "liqcore")
    told = tmp_path / "heatlab-0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: heatlab\nVersion: 0\nRequires-Dist: streamlit\n"
    )
    (told / "RECORD").write_text("liqcore/charts/assets/pyproject.toml,,\n")
    with serving(APP, PYTHONPATH=str(tmp_path)) as address:
        context = browser.new_context(viewport=DESK)
        page = context.new_page()
        refused: list[str] = []
        page.on(
            "console",
            lambda message: refused.append(message.text) if "Content Security" in message.text else 0,
        )

        # A policy in the document's head holds for all that is loaded after it.
        page.add_init_script(
            """new MutationObserver((_, watch) => {
                if (!document.head) return;
                watch.disconnect();
                const rule = document.createElement('meta');
                rule.httpEquiv = 'Content-Security-Policy';
                rule.content = "script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'";
                document.head.prepend(rule);
            }).observe(document, { childList: true, subtree: true });"""
        )
        page.goto(f"{address}/?kind=dense")
        Drawn(page)
        with pytest.raises(PlaywrightError):
            page.evaluate(
                "() => import(URL.createObjectURL(new Blob(['export {}'], {type: 'text/javascript'})))"
            )
        assert len([text for text in refused if "blob:" in text]) <= 1, "only what this test tried itself"
        context.close()


PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 3,
}


class Fingers:
    """Touches as a screen sends them."""

    def __init__(self, page: Page) -> None:
        self.page, self.session = page, page.context.new_cdp_session(page)

    def send(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        self.page.wait_for_timeout(16)


def test_a_tap_reads_and_picks_and_the_page_never_scrolls_sideways(browser, address):
    drawn = opened(browser, address, **PHONE)
    held = grid("modelled")
    column, band = np.argwhere(held.long > 0)[300].tolist()
    drawn.page.touchscreen.tap(*drawn.point(column, band))
    drawn.page.wait_for_function(
        "() => /'column'/.test(document.querySelector('[data-testid=stCode]').innerText)"
    )
    assert f"'band': {band}" in clicks(drawn)
    low, high = held.price_edges[band : band + 2]
    assert drawn.says()[1] == f"${low:,.0f} to ${high:,.0f}", "what a tap read stays"
    assert drawn.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    drawn.page.context.close()


def test_a_slide_moves_the_crosshair_a_swipe_scrolls_and_two_fingers_zoom(browser, address):
    drawn = opened(browser, address, **PHONE)
    fingers = Fingers(drawn.page)
    x, y, *_ = drawn.place
    fingers.send("touchStart", (x + 60, y + 150))
    for step in range(8):
        fingers.send("touchMove", (x + 60 + 12 * step, y + 150))
    first = drawn.get("c.cross.time")
    fingers.send("touchMove", (x + 240, y + 150))
    fingers.send("touchEnd")
    assert drawn.get("c.cross.time") > first
    whole = drawn.window()
    fingers.send("touchStart", (x + 100, y + 150), (x + 180, y + 150))
    for step in range(10):
        fingers.send(
            "touchMove", (x + 100 - 6 * step, y + 150 - 6 * step), (x + 180 + 6 * step, y + 150 + 6 * step)
        )
    fingers.send("touchEnd")
    near = drawn.window()
    assert near[1] - near[0] < 0.8 * (whole[1] - whole[0])
    assert near[3] - near[2] < 0.8 * (whole[3] - whole[2])
    fingers.send("touchStart", (x + 100, y + 300))
    for step in range(14):
        fingers.send("touchMove", (x + 100, y + 300 - 14 * step))
    fingers.send("touchEnd")
    drawn.page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 60")
    drawn.page.context.close()


def test_keys_walk_zoom_pick_and_are_heard(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    drawn.get("c.stage.focus()")
    page.keyboard.press("ArrowRight")
    start = drawn.get("[c.cross.time, c.cross.price]")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    after = drawn.get("[c.cross.time, c.cross.price]")
    assert after[0] > start[0]
    assert after[1] > start[1]
    drawn.wait("c.live.textContent.includes('UTC')")
    whole = drawn.window()
    page.keyboard.press("+")
    assert drawn.window() != whole
    page.keyboard.press("0")
    assert drawn.window() == whole
    page.keyboard.press("Enter")
    page.wait_for_function("() => /'column'/.test(document.querySelector('[data-testid=stCode]').innerText)")
    # One Tab behind the map is its table.
    drawn.get("c.stage.focus()")
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(drawn.get("c.root.getRootNode().activeElement?.getAttribute('aria-label')"))
        if names[-1] == "The same cells as a table":
            break
    assert names[-1] == "The same cells as a table"
    page.keyboard.press("Enter")
    held = grid("modelled")
    rows = page.get_by_role("dialog").get_by_role("row")
    largest = max(held.long[-1].max(), held.short[-1].max())
    assert amount(float(largest)) in rows.nth(1).inner_text()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    page.context.close()


def test_the_look_changes_without_the_server_and_a_copied_link_repeats_it(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    run = clicks(drawn)
    page.get_by_role("button", name="Longs", exact=True).click()
    page.get_by_text("Look", exact=True).click()
    page.get_by_label("Colours").select_option("viridis")
    page.get_by_label("Scale").select_option("percentile")
    page.get_by_text("Price to the right").click()
    drawn.get("c.zoomBy(0.5)")
    drawn.get("c.whatIf.goes(53000)")
    page.wait_for_function("() => location.search.includes('goes=53000') && location.search.includes('t=')")
    assert clicks(drawn) == run, "no run of the script"
    link = page.url
    assert "side=long" in link
    assert "colours=viridis" in link
    window = drawn.window()
    look = drawn.get("c.look")
    other = opened(browser, address, link.split("?", 1)[1])
    assert other.get("c.look") == look
    minute = 60_000
    assert np.abs(np.array(other.window()[:2]) - window[:2]).max() < minute
    assert other.get("c.whatIf.target") == 53_000
    # The address survives a run of the script, and the look a change of cells.
    page.get_by_test_id("stNumberInputStepUp").click()
    page.wait_for_function(
        "before => document.querySelector('[data-testid=stCode]').innerText !== before", arg=run
    )
    drawn.wait("c.look.side === 'long' && c.stats.base > 1")
    assert "colours=viridis" in page.url
    assert page.evaluate("() => history.length") == other.page.evaluate("() => history.length"), (
        "no steps to go back"
    )
    for one in (drawn, other):
        one.page.context.close()


def test_the_legends_handles_hide_small_cells_and_set_the_strongest_colour(browser, address):
    drawn = opened(browser, address, "kind=dense")
    page = drawn.page
    hide = page.get_by_role("slider", name="Hide cells under")
    box = page.locator(".hl-track").bounding_box()
    shown = drawn.get("c.index.reduce((n, k) => n + (k > 0), 0)")
    page.mouse.move(box["x"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10, steps=5)
    page.mouse.up()
    least = drawn.get("c.look.hide")
    held = grid("dense")
    assert drawn.get("c.index.reduce((n, k) => n + (k > 0), 0)") == pytest.approx(
        (held.total >= least).sum(), abs=2
    )
    assert drawn.get("c.index.reduce((n, k) => n + (k > 0), 0)") < shown
    hide.press("Home")
    assert drawn.get("c.look.hide") == 0
    high = drawn.get("c.scale.high")
    page.get_by_role("slider", name="Strongest colour from").press("ArrowLeft")
    assert drawn.get("c.scale.high") < high
    page.get_by_role("slider", name="Strongest colour from").press("Home")
    assert drawn.get("c.scale.high") == high
    page.context.close()


def test_the_what_if_line_adds_up_what_python_adds_up(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    page.get_by_role("button", name="What if price goes there").click()
    handle = page.get_by_role("slider", name="What-if price")
    _, y, _, high = drawn.place
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, y + high - 60, steps=6)
    page.mouse.up()
    held = grid("modelled")
    target = drawn.get("c.whatIf.target")
    last = float(bars()["close"].iloc[-1])
    assert target < last
    way = held.on_the_way(last, target)
    assert drawn.get("c.whatIf.sums().long") == pytest.approx(way["long"], rel=0.004)
    assert drawn.get("c.whatIf.sums().short") == 0
    assert f"{amount(drawn.get('c.whatIf.sums().long'))} longs to be closed on the way" in handle.inner_text()
    page.context.close()


@pytest.mark.slow
def test_a_line_of_a_plan_is_dragged_and_told_when_let_go(browser, address):
    drawn = opened(browser, address, "plan=1")
    page = drawn.page
    box = page.get_by_role("slider", name="$54,000 stop").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 10, box["y"] + 68, steps=6)
    assert "asked None" in clicks(drawn)
    page.mouse.up()
    page.wait_for_function(
        "() => /'what': 'stop'/.test(document.querySelector('[data-testid=stCode]').innerText)"
    )
    assert float(re.search(r"'price': ([\d.]+)", clicks(drawn))[1]) < 54_000
    page.context.close()


def test_replay_shows_and_adds_up_nothing_later(browser, address):
    drawn = opened(browser, address)
    page = drawn.page
    page.get_by_role("button", name="Replay", exact=True).click()
    # From the scrubber Space plays, where it would scroll the page and the map out of view.
    page.get_by_label("Moment of the replay").fill("3")
    page.keyboard.press("Space")
    drawn.wait("c.seen > 4")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.get_by_label("Moment of the replay").fill("20")
    drawn.settle()
    held = grid("modelled")
    assert drawn.get("c.seen") == 20
    until = held.time_edges[20].astype("int64") / 1000
    assert drawn.get("c.bars.at(-1).t + c.bars.at(-1).size") <= until
    assert drawn.get("c.priced.long.reduce((a, b) => a + b)") == pytest.approx(
        held.long[19].sum(dtype=float), rel=0.005
    )
    page.mouse.move(*drawn.point(40, 10))
    assert "not replayed yet" in drawn.says()
    empty = drawn.get(
        "(k => { const w = Math.round(c.plot.w * c.ratio); return c.pixels[w * 30 + w - 3] === c.palette[0];"
        " })()"
    )
    assert empty
    page.get_by_role("button", name="Play", exact=True).click()
    drawn.wait("c.seen > 22")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause").click()
    page.context.close()


@pytest.mark.slow
def test_six_maps_have_one_crosshair_one_look_and_one_scale(browser, address):
    drawn = opened(browser, address, "mode=many")
    page = drawn.page
    maps = [Drawn(page, f"map{number}") for number in range(6)]
    page.mouse.move(*maps[2].point(20, 30))
    maps[2].settle()
    at = maps[2].get("[c.cross.time, c.cross.price]")
    assert all(one.get("[c.cross.time, c.cross.price]") == at for one in maps)
    page.get_by_role("button", name="Shorts", exact=True).click()
    maps[0].settle()
    assert {one.get("c.look.side") for one in maps} == {"short"}
    assert len({(one.get("c.scale.low"), one.get("c.scale.high")) for one in maps}) == 1
    grids = [grid("dense", number + 1) for number in range(6)]
    shared = colour_scale([one.short for one in grids], "log")
    assert maps[0].get("[c.scale.low, c.scale.high]") == pytest.approx([shared.low, shared.high])
    page.context.close()


@pytest.mark.slow
def test_theme_size_full_screen_and_the_picture_that_explains_itself(browser, address, tmp_path):
    drawn = opened(browser, address, "kind=dense", color_scheme="dark")
    page = drawn.page
    assert drawn.get("c.ink.name") == "dark"
    page.emulate_media(color_scheme="light")
    drawn.wait("c.ink.name === 'light'")
    page.set_viewport_size({"width": 900, "height": 800})
    drawn.wait("c.width < 900")
    page.get_by_role("button", name="Full screen").click()
    drawn.wait("c.full")
    page.keyboard.press("Escape")
    page.evaluate("() => document.fullscreenElement && document.exitFullscreen()")
    drawn.wait("!c.full")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as PNG").click()
    file = tmp_path / "map.png"
    saved.value.save_as(file)
    from PIL import Image

    with Image.open(file) as picture:
        assert picture.height > drawn.get("c.height * c.ratio") + 80, "title, legend, note and link around it"
        assert len(picture.convert("RGB").resize((200, 100)).getcolors(20_000)) > 500
    page.context.close()
