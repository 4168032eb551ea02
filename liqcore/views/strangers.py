"""What a browser may not ask of a process that serves many."""

from __future__ import annotations

from typing import Any, Final

from streamlit.runtime.app_session import AppSession

# Streamlit obeys these messages of any browser, whatever its menu shows, and no setting turns them off. One
# empties what all visitors share: the collector would end, and wrong passphrases count from nought again.
# The other tells the names of files beside the app that are in no repository.
_MESSAGES: Final = ("_handle_clear_cache_request", "_handle_git_information_request")


def refused() -> None:
    """From now on no browser's message empties what all visitors share, or asks for the names of files."""
    for name in _MESSAGES:
        setattr(AppSession, name, _nothing)


def _nothing(session: Any) -> None:
    """Nothing is done, and nothing answered."""
