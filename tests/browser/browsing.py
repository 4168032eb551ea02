"""What browser tests share besides fixtures: where Chromium is, a server of one's own, waiting for a page."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import Page, ViewportSize, expect

# A busy machine with software rendering needs its time; a broken page fails all the same.
expect.set_options(timeout=45_000)

DESK: ViewportSize = {"width": 1280, "height": 900}
# A phone as it presents itself: pages look at the window, Streamlit's menu at the name of the browser.
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "reduced_motion": "reduce",
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126 Mobile Safari/537",
}
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
# Without these, Chromium phones home, which a closed network answers with many failed connections.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def serving(
    app: Path = ROOT / "app.py", log: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> Iterator[str]:
    """A fresh Streamlit server on a free port; yields its address. What it says goes to `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="heatlab-")
    # No venue and no store of somebody else, unless a test asks for one.
    alone = {"HEATLAB_LOOPBACK": "127.0.0.1:9", "HEATLAB_FOLDER": folder, "HEATLAB_STORE": "sqlite://"}
    alone["HEATLAB_OFFLINE"] = str(int("HEATLAB_LOOPBACK" not in environment))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(app),
            "--server.port",
            str(port),
            "--server.address",
            "127.0.0.1",
        ],
        cwd=ROOT,
        env={**os.environ, **alone, **environment},
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def settle(page: Page) -> None:
    """Wait until the script has run to its end and the charts have drawn."""
    page.wait_for_selector("[data-testid='stApp']")
    page.wait_for_function(
        "() => { const app = document.querySelector('[data-testid=\"stApp\"]');"
        " return app && app.getAttribute('data-test-script-state') === 'notRunning'; }"
    )
    page.wait_for_function("() => !document.querySelector('[data-testid=\"stSkeleton\"]')")
    page.wait_for_timeout(600)
