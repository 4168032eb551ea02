"""What a browser may not ask of a process that serves many."""

from __future__ import annotations

from typing import Any, Final

from streamlit.runtime.app_session import AppSession

# Streamlit obeys this message of any browser, whatever its menu shows, and empties what all visitors share:
# the collector would end, and wrong passphrases would count from nought again. No setting turns it off.
_EMPTIES: Final = "_handle_clear_cache_request"


def refused() -> None:
    """From now on no browser's message empties what all visitors share."""
    setattr(AppSession, _EMPTIES, _nothing)


def _nothing(session: Any) -> None:
    """Nothing is emptied: caches have bounds of their own."""
