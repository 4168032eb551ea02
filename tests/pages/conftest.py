"""Pages run as without a network, with a store in memory, and leave no collector behind."""

import functools
import os
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

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
