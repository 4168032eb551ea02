"""Take the README's pictures from the running app: `make screenshots`.

With an argument, every page is taken in light and dark, wide and phone, into that folder instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browsing import CHROMIUM, FLAGS, serving, settle  # noqa: E402

PICTURES = {
    "start": "/",
    "explore": "/explore?span=14+d&tf=1h",
    "modelled": "/explore?layer=modelled&span=14+d&tf=1h",
}
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
                page.wait_for_timeout(1500)
                if whole:
                    # Streamlit scrolls an inner element, so a whole page needs a window as tall as it.
                    tall = page.evaluate(
                        "() => document.querySelector('[data-testid=\"stMain\"]').scrollHeight"
                    )
                    page.set_viewport_size({"width": width, "height": min(int(tall) + 60, 6000)})
                    page.wait_for_timeout(1200)
                page.screenshot(path=folder / (f"{name}.png" if not whole else f"{name}-{size}-{theme}.png"))
                page.set_viewport_size({"width": width, "height": height})
            context.close()
        browser.close()


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
        shoot(ROOT / "docs" / "pictures", PICTURES, [("wide", "dark")], whole=False)
