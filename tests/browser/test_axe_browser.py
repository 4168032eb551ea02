"""axe over every page, light and dark: nothing serious or critical but what Streamlit itself fixes."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import settle
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

# Pages with what fills them, so that more than their first line is looked at.
PAGES = (
    "explore?data=violent",
    "",
    "walkthrough",
    "practice?data=violent",
    "live?livefrom=replay",
    "compare?data=violent",
    "compare?data=violent&view=agreement",
    "risk?data=violent",
    "alerts?data=violent",
    "lab?data=violent",
    "sources",
)
# By rule: which nodes, and why they cannot be mended here.
STREAMLITS_OWN = {
    "color-contrast": (
        # Streamlit writes white on the primary colour and, elsewhere, the primary colour on the ground. On a
        # dark ground no colour reaches 4.5 to 1 both ways; chosen segments, of which there are more, have it.
        "stBaseButton-primary",
        "stMultiSelect",
    )
}


def faults(results: dict) -> list[str]:
    """Serious and critical nodes, less those that are known to be Streamlit's own."""
    found = []
    for rule in results["violations"]:
        if rule["impact"] not in ("serious", "critical"):
            continue
        for node in rule["nodes"]:
            if not any(place in node["inside"] for place in STREAMLITS_OWN.get(rule["id"], ())):
                why = (node["any"] + node["all"] + node["none"])[0]["message"]
                found.append(f"{rule['id']}: {node['html'][:120]} ({node['inside']}): {why}")
    return found


DRAWN = """
() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
  .every(one => one.querySelector('svg, canvas'))
"""
# Which elements of Streamlit's a node lies in, outermost first; shadow roots are passed.
INSIDE = """
(results) => { for (const rule of results.violations) for (const node of rule.nodes) {
  let root = document, element = null;
  for (const step of node.target.flat()) { element = root?.querySelector(step); root = element?.shadowRoot; }
  const names = [];
  for (; element; element = element.parentElement ?? element.getRootNode().host)
    if (element.dataset?.testid) names.unshift(element.dataset.testid);
  node.inside = names.slice(-5).join(' ');
} return results; }
"""


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "path", [PAGES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in PAGES[1:])]
)
def test_axe_finds_nothing_serious(server: str, browser: Browser, path: str, scheme) -> None:
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{server}/{path}")
    settle(page)
    page.wait_for_function(DRAWN)
    results = Axe().run(page, options={"resultTypes": ["violations", "passes"]})
    assert len(results.response["passes"]) > 10, "axe looked at nothing"
    found = faults(page.evaluate(INSIDE, {"violations": results.response["violations"]}))
    context.close()
    assert not found, "\n".join(found)
