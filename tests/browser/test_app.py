"""The app in a real Chromium: cold deep links, shared links, uploads, scrolling, phone width, memory."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from browsing import DESK, settle
from playwright.sync_api import Browser, Page, expect

from liqcore.feeds import files, samples
from liqcore.views import shell

pytestmark = pytest.mark.browser


def chart(page: Page):
    return page.locator(".hl-stage[data-drawn]").first


PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "pages").glob("*.py"))


# A server of its own for each page takes its time.
@pytest.mark.parametrize(
    "name", [name if name == "explore" else pytest.param(name, marks=pytest.mark.slow) for name in PAGES]
)
def test_a_cold_server_serves_a_deep_link_inside_the_frame(
    name: str, fresh_server: Callable, page: Page
) -> None:
    with fresh_server() as address:
        page.goto(f"{address}/{name}")
        settle(page)
        title = next(one.title for one in shell.PAGES if one.name == name)
        expect(page).to_have_title(
            "Heatlab · BTC liquidation heatmaps" if name == "start" else f"{title} · Heatlab"
        )
        expect(page.get_by_role("link", name="Explore").first).to_be_attached()
        assert page.locator("[data-testid='stSidebarNav']").count() == 0, (
            "the navigation of raw file names is showing"
        )
        expect(page.get_by_text("financial advice")).to_have_count(1)
        if name in ("start", "explore", "walkthrough", "practice"):
            expect(chart(page)).to_be_visible()
            # One visitor must fit a small host, and the heavy exchange library stays out of these pages.
            port = address.rsplit(":", 1)[1]
            process = next(
                item
                for item in psutil.process_iter(["cmdline"])
                if "streamlit" in " ".join(item.info["cmdline"] or [])
                and port in (item.info["cmdline"] or [])
            )
            assert process.memory_info().rss < 350e6
            assert not [item.path for item in process.memory_maps() if "/ccxt/" in item.path]
        assert page.locator("[data-testid='stException']").count() == 0


def test_a_copied_link_shows_the_same_view_to_another_person_and_reruns_keep_the_chart(
    server: str, browser: Browser, page: Page
) -> None:
    page.goto(f"{server}/explore")
    settle(page)
    page.get_by_text("Realised", exact=True).first.click()
    settle(page)
    kept = "globalThis.heatlab.charts.get('heatmap').stage.dataset.kept"
    page.evaluate(f"() => {{ {kept} = 'yes'; }}")
    page.get_by_text("Look", exact=True).click()
    for name in ("cividis", "viridis"):
        page.get_by_label("Colours").select_option(name)
    page.get_by_text("7 d", exact=True).click()
    settle(page)
    assert page.evaluate(f"() => {kept}") == "yes", "the browser built the map anew"
    page.wait_for_function("() => location.search.includes('viridis')")
    link = page.url
    assert "layer=realised" in link
    assert "colours=viridis" in link
    other = browser.new_context(viewport=DESK, reduced_motion="reduce").new_page()
    other.set_default_timeout(90_000)
    other.goto(link)
    settle(other)
    mine, theirs = (chart(tab).get_attribute("aria-label") for tab in (page, other))
    assert mine == theirs
    look = "() => globalThis.heatlab.charts.get('heatmap').look"
    assert page.evaluate(look) == other.evaluate(look)
    caption = "[data-testid='stCaptionContainer']"
    assert page.locator(caption).all_inner_texts() == other.locator(caption).all_inner_texts()
    other.context.close()


@pytest.mark.slow
def test_the_wheel_scrolls_the_page_and_not_the_chart(server: str, page: Page) -> None:
    page.goto(f"{server}/explore")
    settle(page)
    box = chart(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + min(box["height"], 300) / 2)
    top = "() => document.querySelector('[data-testid=\"stMain\"]').scrollTop"
    before = page.evaluate(top)
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(700)
    assert page.evaluate(top) > before + 200


def test_a_click_on_a_cell_tells_its_story(server: str, page: Page) -> None:
    page.goto(f"{server}/explore?layer=Modelled&hot=Sensitive")
    settle(page)
    box = chart(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 110)
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + 110)
    expect(page.get_by_text(re.compile("The model holds .* in this band"))).to_be_visible()
    expect(page.get_by_text(re.compile("Leverage is assumed, not observed")).first).to_be_visible()
    assert page.locator("[data-testid='stException']").count() == 0


@pytest.mark.parametrize(
    "path", ["/", pytest.param("/explore?layer=Modelled&compare=true", marks=pytest.mark.slow)]
)
def test_a_phone_shows_the_page_without_sideways_scrolling(server: str, browser: Browser, path: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(server + path)
    settle(page)
    expect(chart(page)).to_be_visible()
    wide = page.evaluate(
        "() => { const main = document.querySelector('[data-testid=\"stMain\"]'); return main.scrollWidth -"
        " main.clientWidth }"
    )
    assert wide <= 1
    box = chart(page).bounding_box()
    assert box is not None
    assert box["width"] > 300
    context.close()


def _upload(page: Page, *paths: Path) -> None:
    page.locator("input[type='file']").first.set_input_files([str(path) for path in paths])
    settle(page)
    page.wait_for_timeout(1500)
    settle(page)


def test_uploaded_files_make_a_heatmap_and_its_download_holds_the_same_money(
    server: str, page: Page, tmp_path: Path
) -> None:
    sample = samples.load_sample("violent")
    events, candles = tmp_path / "events.csv", tmp_path / "candles.parquet"
    events.write_bytes(files.write_table(sample.liquidations.iloc[:5000], "csv"))
    candles.write_bytes(files.write_table(sample.candles.iloc[:4000], "parquet"))
    page.goto(f"{server}/explore?data=Your+own+files&span=All&tf=1h")
    settle(page)
    _upload(page, events, candles)
    expect(chart(page)).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    facts = json.loads(Path(download.value.path()).read_text())
    cells = sum(row[2] for row in facts["liquidation_leverage_data"])
    outside = facts["heatlab"]["outside"]["long"] + facts["heatlab"]["outside"]["short"]
    assert facts["heatlab"]["kind"] == "realised"
    assert cells + outside == pytest.approx(sample.liquidations["notional"].iloc[:5000].sum(), rel=1e-4)


@pytest.mark.slow
def test_recorded_liquidations_and_candles_make_a_heatmap(server: str, page: Page, real_data: Path) -> None:
    folder = real_data / "J_2026-03_04_pacifica"
    page.goto(f"{server}/explore?data=Your+own+files&span=All&tf=4h")
    settle(page)
    _upload(page, folder / "candles_perp_15m.parquet", folder / "liq_events_pacifica.parquet")
    assert page.locator("[data-testid='stException']").count() == 0
    expect(chart(page)).to_be_visible()
    expect(page.get_by_text(re.compile("of positions were liquidated in this window"))).to_be_visible()
