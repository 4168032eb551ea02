"""The map on its pages, in a real Chromium: how much of the screen it gets, where its questions lead, and
live."""

import re

import pytest
from browsing import DESK, settle
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

CHART = "globalThis.heatlab.charts.get"


def drawn(page: Page, key: str) -> None:
    page.wait_for_function(f"() => globalThis.heatlab?.charts?.get('{key}')?.stats.base > 0")
    settle(page)


def box(page: Page, key: str) -> dict[str, float]:
    return page.evaluate(
        f"() => {{ const r = {CHART}('{key}').stage.getBoundingClientRect();"
        " return { x: r.x, y: r.y, w: r.width, h: r.height }; }"
    )


@pytest.mark.parametrize(
    ("path", "key", "size", "share"),
    [
        ("explore?data=violent", "heatmap", (1440, 900), 0.55),
        pytest.param("explore?data=violent", "heatmap", (2560, 1440), 0.60, marks=pytest.mark.slow),
    ],
)
def test_the_map_is_most_of_the_screen_and_whole_without_scrolling(server, page, path, key, size, share):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{server}/{path}")
    drawn(page, key)
    found = box(page, key)
    assert found["y"] <= 150
    assert found["y"] + found["h"] <= size[1]
    assert found["w"] * found["h"] / (size[0] * size[1]) >= share


def test_on_a_phone_the_map_is_whole_on_the_first_screen(server, browser):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=3
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{server}/explore")
    drawn(page, "heatmap")
    page.wait_for_timeout(500)
    found = box(page, "heatmap")
    assert found["y"] + found["h"] <= 844
    assert found["h"] >= 340
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    context.close()


def click_on(page: Page, key: str, across: float, down: float) -> None:
    found = box(page, key)
    page.mouse.click(found["x"] + across * found["w"], found["y"] + down * found["h"])


def test_a_clicked_price_can_be_watched(server, page):
    page.goto(f"{server}/explore?layer=modelled")
    drawn(page, "heatmap")
    click_on(page, "heatmap", 0.3, 0.2)
    page.get_by_role("button", name="Alert me here").click()
    page.wait_for_url(re.compile(r"/alerts\?.*rules="))
    settle(page)
    level = page.evaluate("() => new URLSearchParams(location.search).get('rules')")
    assert level
    expect(page.get_by_role("heading", name="What it would have told")).to_be_visible()


@pytest.mark.slow
def test_a_clicked_price_can_be_read_and_the_what_if_line_becomes_a_stop(server, page):
    page.goto(f"{server}/explore?layer=modelled")
    drawn(page, "heatmap")
    click_on(page, "heatmap", 0.3, 0.2)
    page.get_by_role("button", name="Read this level").click()
    expect(page.get_by_text("What speaks for it")).to_be_visible()
    assert page.get_by_role("textbox", name="Level, USD").input_value()
    page.goto(f"{server}/explore?layer=modelled&goes=27000")
    drawn(page, "heatmap")
    page.get_by_role("slider", name="What-if price").press("ArrowDown")
    page.get_by_role("button", name="Stop here").click()
    page.wait_for_url(re.compile(r"/risk\?.*stop="))
    settle(page)
    assert page.get_by_role("textbox", name="Stop, USD").input_value().startswith("26,9")


@pytest.mark.slow
def test_a_plans_line_is_dragged_on_the_map_of_the_risk_page(server, page):
    page.goto(f"{server}/risk?onmap=true")
    drawn(page, "risk-map")
    before = page.get_by_label("Stop, USD").input_value()
    handle = page.get_by_role("slider", name=re.compile("^Stop "))
    handle.scroll_into_view_if_needed()
    where = handle.bounding_box()
    page.mouse.move(where["x"] + 8, where["y"] + 8)
    page.mouse.down()
    page.mouse.move(where["x"] + 8, where["y"] + 40, steps=5)
    page.mouse.up()
    expect(page.get_by_label("Stop, USD")).not_to_have_value(before)


@pytest.mark.slow
def test_back_and_forward_and_another_page_keep_the_view(server, page):
    page.goto(f"{server}/explore")
    drawn(page, "heatmap")
    page.evaluate(
        f"() => {{ {CHART}('heatmap').zoomBy(0.5); {CHART}('heatmap').setLook({{palette: 'cividis'}}); }}"
    )
    page.wait_for_function("() => location.search.includes('t=') && location.search.includes('cividis')")
    window = f"() => {CHART}('heatmap').time.window.map(t => Math.round(t / 60000))"
    kept = page.evaluate(window)
    page.get_by_role("link", name="Risk").first.click()
    expect(page.get_by_text("This plan passes.")).to_be_visible()
    page.get_by_role("link", name="Explore").first.click()
    drawn(page, "heatmap")
    assert page.evaluate(window) == kept, "the page remembers"
    page.wait_for_function("() => location.search.includes('cividis')")
    page.reload()
    drawn(page, "heatmap")
    assert page.evaluate(window) == kept, "the address remembers"
    page.go_back()
    settle(page)
    page.go_forward()
    drawn(page, "heatmap")
    assert page.evaluate(f"() => {CHART}('heatmap').look.palette") == "cividis"


@pytest.mark.slow
def test_a_minute_of_live_costs_little_and_clicks_arrive(server, browser: Browser):
    page = browser.new_context(viewport=DESK).new_page()
    page.set_default_timeout(60_000)
    sizes: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    page.goto(f"{server}/live?livefrom=replay&livepace=2+s&livetf=1m")
    drawn(page, "live-map")
    page.evaluate(f"() => {{ {CHART}('live-map').stage.dataset.kept = 'yes'; }}")
    first = page.evaluate(f"() => {CHART}('live-map').heat.shape[0]")
    page.wait_for_timeout(4_000)
    sizes.clear()
    page.evaluate(f"() => {{ {CHART}('live-map').zoomBy(0.6); }}")
    span = page.evaluate(f"() => {{ const w = {CHART}('live-map').time.window; return w[1] - w[0]; }}")
    page.wait_for_timeout(60_000)
    assert page.evaluate(f"() => {CHART}('live-map').stage.dataset.kept") == "yes", "never built anew"
    assert page.evaluate(f"() => {CHART}('live-map').root.isConnected")
    assert page.evaluate(
        f"() => {CHART}('live-map').time.window[1] - {CHART}('live-map').time.window[0]"
    ) == (pytest.approx(span, rel=0.01))
    assert page.evaluate(f"() => {CHART}('live-map').heat.shape[0]") >= first
    ends = page.evaluate(
        f"() => {{ const c = {CHART}('live-map'), h = c.heat;"
        " return [c.time.full, h.candle_origin + h.candle_step * h.close.length]; }"
    )
    assert ends[0][1] - ends[0][0] <= 4.2 * 3_600_000, "the map rolls on: four hours stay four hours"
    assert ends[1] > ends[0][1] - 10 * 60_000, "candles come with the columns"
    assert max(sizes) < 60_000, "a map sent anew now and then, never the code"
    page.context.close()


@pytest.mark.slow
def test_strips_below_the_map_stand_on_its_time_and_say_their_values(server: str, page: Page) -> None:
    page.goto(f"{server}/explore?data=violent&below=Funding&below=RSI")
    page.wait_for_function("() => globalThis.heatlab?.charts?.get('heatmap')?.stats.base > 0")
    settle(page)
    chart = "globalThis.heatlab.charts.get('heatmap')"
    whole = page.evaluate(f"() => {chart}.height - {chart}.rowsY")
    assert whole == 2 * 84
    # The map itself is as high as without them.
    assert page.evaluate(f"() => {chart}.rowsY + {chart}.stage.getBoundingClientRect().y") < 900
    page.evaluate(f"() => {chart}.zoomBy(0.3)")
    told = page.evaluate(
        f"""() => {{ const c = {chart}; const r = c.stage.getBoundingClientRect();
        const rsi = c.layers.series[1]; const k = Math.floor(rsi.at.length / 2);
        c.crossAt(c.time.at(rsi.at[k]) + 1, c.rowsY + 120);
        return [rsi.name, rsi.values[k], c.cross.zone]; }}"""
    )
    assert told[0] == "RSI"
    assert told[2] == "rows"
    page.wait_for_timeout(300)
    said = page.evaluate(f"() => {chart}.reading.innerText").splitlines()
    assert f"RSI {round(told[1])}" in said
    assert any(line.startswith("Funding ") for line in said)
    # A cell's click stays on the map, and what is turned on its side has no strips.
    page.evaluate(f"() => {chart}.setLook({{ upright: false }})")
    page.wait_for_function(f"() => {chart}.height === {chart}.rowsY")
