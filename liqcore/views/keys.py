"""Keys of visitors and owners: looked for in the secrets and the environment, or typed for this session;
never stored or shown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import streamlit as st

from liqcore.views import owner

if TYPE_CHECKING:
    from liqcore.feeds.rest.keyed import KeyedSource


def alerts() -> dict[str, Any]:
    """The table `alerts` of the owner's secrets; empty without a secrets file, or with one that is broken."""
    try:
        table: Any = st.secrets.to_dict().get("alerts", {}) if st.secrets.load_if_toml_exists() else {}
    # A secrets file that is no TOML is the owner's to mend; visitors see an app without channels.
    except Exception:
        return {}
    return dict(table) if isinstance(table, dict) else {}


def key_of(source: KeyedSource) -> tuple[str, str]:
    """The key of a source and where it was found (`typed`, `secrets`, `environment`), both empty without
    one. The owner's of a hosted app is the owner's: strangers would use up the plan, and read what it pays
    for."""
    typed = str(st.session_state.get(f"typed-{source.secret}") or "").strip()
    if typed:
        return typed, "typed"
    if not owner.here():
        return "", ""
    try:
        held = str(st.secrets.get(source.secret, "") or "").strip()
    except (FileNotFoundError, KeyError, ValueError):
        held = ""
    if held:
        return held, "secrets"
    told = os.environ.get(source.secret.upper(), "").strip()
    return told, "environment" if told else ""


def given(source: KeyedSource) -> str:
    """The key of a source, with the field for it and a line on where it comes from; empty without one."""
    key, where = key_of(source)
    if where in ("", "typed"):
        ask(source)
    else:
        st.caption(f"With the key from the {'secrets file' if where == 'secrets' else 'environment'}.")
    if not key:
        st.caption(
            f"{source.name} answers only with a key of your own. {source.plan} Type it, or put"
            f" `{source.secret}` into the secrets."
        )
    return key


def ask(source: KeyedSource) -> None:
    """A field for a key that stays in this session only."""
    st.text_input(
        f"Your {source.name} key",
        type="password",
        key=f"typed-{source.secret}",
        autocomplete="off",
        help=(
            f"Kept in this session only, sent to {source.name} and to nobody else. To keep it, put"
            f" {source.secret} into .streamlit/secrets.toml."
        ),
    )
