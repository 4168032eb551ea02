"""Take the pictures of the documents from the running app, every page, light and dark: `make screenshots`.

With an argument, every page is taken in light and dark, wide and phone, into that folder instead.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browsing import CHROMIUM, FLAGS, serving, settle  # noqa: E402

PICTURES = {
    "start": "/",
    "walkthrough": "/walkthrough",
    "practice": "/practice?data=violent",
    "explore": "/explore?data=calm&layer=realised&span=14+d&tf=1h",
    "modelled": "/explore?data=calm&layer=modelled&span=14+d&tf=1h",
    "live": "/live?livefrom=replay",
    "compare": "/compare?data=calm",
    "risk": "/risk?data=calm",
    "alerts": "/alerts?data=calm",
    "lab": "/lab",
    "scoreboard": "/lab?question=scoreboard",
    "sources": "/sources",
}
# The live page begins with events, and its map comes with them.
WITHOUT_MAP = ("live", "risk", "scoreboard", "sources")
# What stands at the top of a picture whose page begins with something else than what it is about.
BEGINS = {"lab": "Moment, hours after the first snapshot"}
# What a pasted link shows; GitHub takes the same size.
PREVIEW = ROOT / "liqcore" / "charts" / "assets" / "preview.jpg"
CARD = """
<body style="margin:0;width:1280px;height:640px;position:relative;overflow:hidden;background:{ground};
  color:#f1f3f7;font-family:'Source Sans 3','DejaVu Sans',sans-serif">
<img src="data:image/png;base64,{map}" style="position:absolute;left:0;top:190px;width:1280px">
<div style="position:absolute;inset:0 0 auto 0;height:250px;
  background:linear-gradient({ground} 70%,transparent)"></div>
<div style="position:absolute;left:64px;top:44px;font-size:76px;font-weight:700">Heatlab</div>
<div style="position:absolute;left:66px;top:138px;font-size:31px">BTC liquidation heatmaps: see them, learn to
read them, doubt them</div>
<div style="position:absolute;right:64px;top:92px;font-size:20px;color:#a3acbd">Modelled map of the synthetic
sample market</div></body>
"""
SIZES = {"wide": (1280, 900), "phone": (390, 844)}


def shoot(folder: Path, pictures: dict[str, str], variants: list[tuple[str, str]], whole: bool) -> None:
    """Save one PNG for each picture and variant (size, theme)."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, theme in variants:
            width, height = SIZES[size]
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
            page = context.new_page()
            page.set_default_timeout(60_000)
            for name, path in pictures.items():
                page.goto(address + path)
                settle(page)
                if name not in WITHOUT_MAP:
                    page.locator(".hl-stage[data-drawn]").first.wait_for()
                page.wait_for_timeout(1500)
                if whole:
                    # Streamlit scrolls an inner element, so a whole page needs a window as tall as it.
                    tall = page.evaluate(
                        "() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight"
                    )
                    page.set_viewport_size({"width": width, "height": min(int(tall) + 60, 6000)})
                    page.wait_for_timeout(1200)
                elif name in BEGINS:
                    _begin(page, BEGINS[name])
                place = folder / (f"{name}-{size}-{theme}.png" if whole else f"{name}-{theme}.png")
                page.screenshot(path=place)
                if not whole:
                    _smaller(place)
                page.set_viewport_size({"width": width, "height": height})
            context.close()
        browser.close()


def preview() -> None:
    """The picture of a pasted link: the map of the explore page under the name."""
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="dark")
        page.set_default_timeout(60_000)
        page.goto(address + PICTURES["modelled"])
        settle(page)
        page.locator(".hl-stage[data-drawn]").first.wait_for()
        page.wait_for_timeout(1500)
        boxes = [one.bounding_box() for one in page.locator("canvas").all()]
        # The legend is a canvas, too.
        largest = max((box for box in boxes if box), key=lambda box: box["width"] * box["height"])
        shown = page.screenshot(clip=largest)  # type: ignore[arg-type]
        ground = page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        page.set_viewport_size({"width": 1280, "height": 640})
        card = CARD.replace("{ground}", ground)
        page.set_content(card.replace("{map}", base64.b64encode(shown).decode()))
        page.wait_for_timeout(300)
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").save(PREVIEW, quality=82, optimize=True, progressive=True)
        browser.close()


def _begin(page: Page, words: str) -> None:
    """Scroll until what says so stands below the navigation."""
    place = page.get_by_text(words).first
    place.evaluate("node => node.scrollIntoView({ block: 'start' })")
    page.locator("[data-testid='stMain']").evaluate("main => main.scrollBy(0, -70)")
    page.wait_for_timeout(1200)


def _smaller(place: Path) -> None:
    """A picture of 256 colours takes a third of the room."""
    with Image.open(place) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(place, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        chosen = {name: path for name, path in PICTURES.items() if len(sys.argv) < 3 or name in sys.argv[2:]}
        shoot(
            Path(sys.argv[1]),
            chosen,
            [(size, theme) for size in SIZES for theme in ("light", "dark")],
            whole=True,
        )
    else:
        shoot(ROOT / "docs" / "pictures", PICTURES, [("wide", "light"), ("wide", "dark")], whole=False)
        preview()
