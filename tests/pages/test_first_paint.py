"""The first page must be there fast: what it does not draw with stays out of it."""

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
print("loaded:", *sys.modules.keys() & set(sys.argv[1:]))
"""
# Each cost 5 to 600 ms and 2 to 80 MB when it was loaded for a page that has no use for it.
LATER = (
    "ccxt",
    "requests_cache",
    "sqlalchemy",
    "aiohttp",
    "apprise",
    "scipy",
    "matplotlib",
    "altair",
    "talib",
    "filelock",
    "pyarrow.dataset",
    "pyarrow.csv",
    "openpyxl",
    "liqcore.feeds.files",
    "liqcore.feeds.history.partitions",
    "liqcore.risk",
    "liqcore.lab",
)


# A browser test sees to ccxt on every run; the rest takes a fresh interpreter its time.
@pytest.mark.slow
def test_the_start_page_imports_only_what_it_draws_with() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *LATER],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == "loaded:"


COMMAND = """
import runpy, sys
from liqcore import cli
later = set(sys.argv[1:])
runpy.run_module = lambda name, **_: print("loaded:", name, *sys.modules.keys() & later)
sys.argv = ["heatlab", "run"]
cli.main()
"""


def test_the_command_that_starts_the_server_leaves_it_no_more_than_make_run_does() -> None:
    # The image, the unit and uvx start by it; it once held Altair and SciPy as long as the server lived.
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *LATER], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "loaded: streamlit"
