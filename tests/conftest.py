"""What every test may use: the real-data folder, and one hypothesis profile."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[1]

# Without the phase that explains a failure, which takes minutes where an example takes tens of milliseconds.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
# The gate tries the same examples each time; everybody else's run looks for new ones.
settings.register_profile(
    "house",
    deadline=None,
    max_examples=30,
    phases=PHASES,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of recorded market data, which is not part of the repository."""
    folder = Path(os.environ.get("HEATLAB_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip(f"recorded market data not found in {folder}; set HEATLAB_REAL_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def browser():
    """The one Chromium of a test process: two would hold each other's loop."""
    from playwright.sync_api import sync_playwright

    from tests.browser.browsing import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
