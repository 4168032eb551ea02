"""Pages run as without a network, with a store in memory, and leave no collector behind."""

import functools
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

# Nothing listens on the discard port, so that every venue is refused at once.
os.environ.setdefault("HEATLAB_LOOPBACK", "127.0.0.1:9")
os.environ.setdefault("HEATLAB_STORE", "sqlite://")
# Only the tests of live pages let the first visit start the collector.
os.environ.setdefault("HEATLAB_OFFLINE", "1")
os.environ.setdefault("HEATLAB_FOLDER", tempfile.mkdtemp(prefix="heatlab-"))

# Streamlit's test harness looks through all installed packages for components each time it opens a page, for
# most of a second.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True, scope="module")
def no_collector_left() -> Iterator[None]:
    yield
    st.cache_resource.clear()
    end = time.monotonic() + 20
    while (
        left := [thread.name for thread in threading.enumerate() if thread.name.startswith("heatlab")]
    ) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left


@pytest.fixture(autouse=True)
def no_money_becomes_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Markdown, text between two dollar signs is set as a formula: every page, whatever it shows, escapes
    them."""
    run = AppTest._run

    def checked(app: AppTest, *args: object, **options: object) -> AppTest:
        out = run(app, *args, **options)
        for kind in ("markdown", "caption", "error", "warning", "info", "success", "toast"):
            for item in getattr(out, kind):
                plain = re.sub(r"`[^`]*`", "", str(item.value))
                assert len(re.findall(r"(?<!\\)\$", plain)) < 2, f"a formula in the {kind}: {item.value}"
        return out

    monkeypatch.setattr(AppTest, "_run", checked)
