"""The first page must be there fast: the heavy exchange library stays out of it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=120).run()
assert not app.exception, app.exception
loaded = sorted(name for name in ("ccxt", "requests_cache", "scipy", "matplotlib") if name in sys.modules)
print("loaded:", *loaded)
"""


# A browser test sees to ccxt on every run; the rest takes a fresh interpreter its time.
@pytest.mark.slow
def test_the_start_page_does_not_import_ccxt() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "loaded:"
