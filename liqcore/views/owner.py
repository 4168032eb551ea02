"""Who visits: whether others than the person at this machine are served, and whether this one is the
owner."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from liqcore.service.app import hosted as told_hosted

_UNLOCKED: Final = "alerts_owner"


def here() -> bool:
    """Whether this visitor is the owner: everybody whose own app it is; of a hosted one, who gave the
    passphrase in this session."""
    return not hosted() or bool(st.session_state.get(_UNLOCKED))


def unlock() -> None:
    """This session is the owner's from now on."""
    st.session_state[_UNLOCKED] = True


def hosted() -> bool:
    """Whether this app serves others than the person at this machine. In doubt it does.

    HEATLAB_HOSTED=1 or 0 in the environment decides; else only a browser on this very machine, with no proxy
    between and on a page of this very machine, counts as local.
    """
    if (told := told_hosted()) is not None:
        return told
    headers = st.context.headers.to_dict() if st.context.headers else {}
    return not local(headers, st.context.ip_address)


def local(headers: Mapping[str, Any], address: str | None) -> bool:
    """Whether a request comes from a browser on this very machine, by its headers and address (None for this
    machine)."""
    names = {str(name).lower(): str(value) for name, value in headers.items()}
    # A proxy may call the app localhost; the browser still says which site it shows.
    site = names.get("origin", "http://localhost").partition("://")[2]
    proxied = any(
        name.startswith("x-forwarded") or name in ("forwarded", "via", "x-real-ip") for name in names
    )
    return (
        not proxied
        and all(_here(host) for host in (names.get("host", "localhost"), site))
        and (address is None or _loopback(address))
    )


def _here(host: str) -> bool:
    """Whether a `host` or `host:port` names this machine."""
    return re.fullmatch(r"(localhost|127\.0\.0\.1|\[?::1\]?)(:\d+)?", host, re.IGNORECASE) is not None


def _loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_loopback
