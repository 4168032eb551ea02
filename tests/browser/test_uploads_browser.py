"""Ten producers' files through the page's uploader in a real Chromium: named, or refused in a sentence."""

import re
import sys
from pathlib import Path

import pytest
from browsing import settle
from playwright.sync_api import Page, expect

sys.path.append(str(Path(__file__).parents[1] / "feeds"))
from file_kinds import FORMS, KINDS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READ = (
    ("Tardis liquidations of OKX", "csv"),
    ("Tardis liquidations of BitMEX", "csv"),
    ("Moon Dev", "jsonl"),
    ("liq-stream", "json"),
    ("NautilusTrader", "parquet"),
    ("Binance klines", "csv"),
    ("freqtrade", "feather"),
    ("CoinMarketCap", "xlsx"),
    ("MetaTrader", "csv"),
)


def test_ten_files_through_the_uploader(server: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{server}/explore?data=files")
    settle(page)
    for said, form in READ:
        kind = next(kind for kind in KINDS if kind.said == said)
        path = tmp_path / re.sub(r"\.\w+$", f".{form}", kind.name)
        path.write_bytes(FORMS[form](kind.table()))
        page.locator("input[type='file']").first.set_input_files(str(path))
        settle(page)
        rows = f"{len(kind.truth())} rows of {kind.kind}"
        expect(page.get_by_text(re.compile(rows)).first).to_be_visible()
        title = page.locator("[data-testid='stExpander']", has_text=rows).first
        title.locator("summary").click()
        expect(page.get_by_text(said).first).to_be_visible()
        page.get_by_role("button", name="Forget this file").first.click()
        settle(page)
    trades = tmp_path / "BTCUSDT-trades-2025-03-10.csv"
    trades.write_text(
        "id,price,qty,quote_qty,time,is_buyer_maker\n" + "1,82000.5,0.01,820.005,1741600800000,false\n" * 5
    )
    page.locator("input[type='file']").first.set_input_files(str(trades))
    settle(page)
    expect(page.get_by_text("ordinary trades").first).to_be_visible()
    assert page.locator("[data-testid='stException']").count() == 0
