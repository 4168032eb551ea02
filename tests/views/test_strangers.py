"""A browser's message reaches its own session and nothing that all share."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.state import SessionState

from liqcore.views import strangers

ROOT = Path(__file__).parents[2]


@st.cache_resource
def shared() -> list[int]:
    return []


class Alone(AppSession):
    """A session without a server."""

    def __init__(self) -> None:
        self._session_state = SessionState()
        self._script_data = SimpleNamespace(main_script_path="app.py")

    def __del__(self) -> None:
        pass


@pytest.fixture
def as_streamlit_is(monkeypatch):
    """Whatever is changed of Streamlit's session is as it was afterwards."""
    for name in strangers._MESSAGES:
        monkeypatch.setattr(AppSession, name, AppSession.__dict__[name])


@pytest.mark.usefixtures("as_streamlit_is")
def test_no_browser_empties_what_all_share():
    strangers.refused()
    shared().append(1)
    Alone().handle_backmsg(BackMsg(clear_cache=True))
    assert shared() == [1], "the count of wrong guesses, the collector and all maps would be gone"


@pytest.mark.usefixtures("as_streamlit_is")
def test_no_browser_is_told_of_the_files_beside_the_app(monkeypatch):
    asked = []
    monkeypatch.setattr("streamlit.git_util.GitRepo", asked.append)
    strangers.refused()
    Alone().handle_backmsg(BackMsg(load_git_info=True))
    assert asked == []


def test_both_ways_to_start_refuse_it():
    for start in ("import server", "from liqcore.views import shell; shell.pages = 0; shell.run()"):
        script = (
            "from streamlit.runtime.app_session import AppSession as session\n"
            "names = '_handle_clear_cache_request', '_handle_git_information_request'\n"
            "held = [getattr(session, name) for name in names]\n"
            f"try:\n    {start}\nexcept TypeError:\n    pass\n"
            "assert not {*held} & {getattr(session, name) for name in names}"
        )
        subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, timeout=60)
