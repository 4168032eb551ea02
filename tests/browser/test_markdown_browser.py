"""What Streamlit itself makes of names from outside: the text, and nothing else."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import ROOT, serving

pytestmark = pytest.mark.slow

ATTACKS = (
    "![p](http://e.co/p.png)", "[a](javascript:alert(1))", "\\\\[x](http://e.co)", "<http://e.co>",
    "http://e.co/x", "https://e.co", "see www.e.co now", "mail a@e.co", ":red[r]", ":blue-background[r]",
    ":material/home:", ":smile:", ":+1:", ":streamlit:", ":red", "::red", ":::red\n:::",
    "&#58;material/home:", ":red-badge[x]", "$x^2$ and $y$", "$$z$$", "\\\\$a\\\\$", "`code`", "# head",
    "> quote", "<b>bold</b>", "<script>document.title='owned'</script>", "<img src=x onerror=alert(1)>",
    "&lt;b&gt;", "</div>", "a\u202etxt.exe", "[^1]", "\\[x]: http://e.co", ":tooltip[x]{y}", "x" * 10_000,
)  # fmt: skip
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
import streamlit as st
from liqcore import wording
ATTACKS = {attacks!r}
for number, text in enumerate(ATTACKS):
    with st.container(key=f"n{{number}}"):
        st.markdown(wording.markdown(text))
        st.button(wording.markdown(text), key=f"b{{number}}")
        st.warning("**" + wording.markdown(text) + "** was not used.")
        st.expander(wording.markdown(text))
st.text("done")
"""
LIVE = (
    "a, img, code, pre, blockquote, h1, h2, h3, b, script, .katex, [data-testid=stIconMaterial],"
    " .stMarkdownColoredText, .stMarkdownColoredBackground, .stMarkdownBadge"
)


def test_streamlit_shows_names_from_outside_as_they_are_written(page: Page, tmp_path):
    script = tmp_path / "app.py"
    script.write_text(SCRIPT.format(root=str(ROOT), attacks=ATTACKS))
    with serving(script) as address:
        page.goto(address)
        expect(page.get_by_text("done", exact=True)).to_be_visible()
        for number, text in enumerate(ATTACKS):
            found = page.locator(f".st-key-n{number} [data-testid=stMarkdownContainer]").locator(LIVE)
            assert found.count() == 0, (text[:60], found.first.evaluate("one => one.outerHTML")[:300])
        assert page.title() != "owned"
        shown = page.locator(".st-key-n0 [data-testid=stMarkdownContainer]").first.inner_text()
        assert shown.replace("\u2060", "") == ATTACKS[0]
