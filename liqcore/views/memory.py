"""What the visitor's browser keeps: settings, saved views, and how to have all of it deleted."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.navigation.page import StreamlitPage

from liqcore import wording
from liqcore.views import links

# Names in the address that say how things are shown; what is looked at (levels, moments, tests) is not kept.
SETTINGS: Final = (
    *("data", "span", "layer", "tf", "range", "bins", "logprice", "model", "mix", "lean", "mmr", "hold"),
    *("life", "colours", "scale", "side", "price", "axes", "volume", "profile", "boxes", "lines", "logaxis"),
    *("times", "show", "every", "ahead", "map", "highlight"),
    # A trader's venue and its costs; the idea itself, its prices, is not kept.
    *(
        "contract",
        "brackets",
        "maintenance",
        "basis",
        "leverage",
        "margin",
        "fee",
        "exitfee",
        "slippage",
        "gap",
    ),
    *("lot", "contractsize", "tick", "smallest", "closingfee", "hours", "fundinghours", "part"),
)
# Markets that are there only as long as a session is.
_PASSING: Final = {("data", "files"), ("data", "store")}
_RESTORED, _LEAVES, _ASK, _MEMORY = "_restored", "_leaves", "_memory_ask", "heatlab-memory"
_LONGEST, _MOST_VIEWS = 40, 50
_NOTHING: Final = {"id": 0, "what": "", "name": ""}


def _component() -> Any:
    """The component: from its file where Heatlab is installed, else with its code inline."""
    try:
        return st.components.v2.component("heatlab.memory", js="memory.js")
    except StreamlitAPIException:
        code = (files("liqcore.charts") / "assets" / "memory.js").read_text("utf-8")
        return st.components.v2.component("heatlab_memory", js=code)


_memory = _component()


def remembered(cookies: Mapping[str, str], page: str) -> dict[str, str]:
    """The settings that a browser sent for a page; what is no setting is left out."""
    told = cookies.get(f"heatlab-{page}", "")
    # Streamlit's AppTest hands out cookies that are no text, at which Python 3.13 stumbles.
    pairs = parse_qsl(unquote(told)) if isinstance(told, str) else []
    return {name: value for name, value in pairs if name in SETTINGS and (name, value) not in _PASSING}


def restore(page: StreamlitPage, name: str, first: StreamlitPage) -> None:
    """At a page's first visit in a session, where its address says nothing: open it as it was left before.

    After everything was deleted, `first` opens instead, without a word in its address.
    """
    if st.session_state.pop(_LEAVES, False):
        st.switch_page(first, query_params={})
    seen: set[str] = st.session_state.setdefault(_RESTORED, set())
    if name in seen:
        return
    seen.add(name)
    if st.query_params:
        return
    found = remembered(st.context.cookies, name)
    # What was chosen on another page of this session is newer.
    found = {key: value for key, value in found.items() if key not in st.session_state}
    if found:
        st.switch_page(page, query_params=found)


def drawer() -> None:
    """The fold at the foot of every page: whose times, saved views, and the way to delete all of it."""
    asked: dict[str, Any] = st.session_state.get(_ASK, _NOTHING)
    before = st.session_state.get(_MEMORY)
    told = _memory(
        key=_MEMORY,
        data={
            "names": list(SETTINGS),
            "ask": asked,
            "known": bool(before and before.get("views") is not None),
        },
        on_views_change=lambda: None,
    ).views
    with st.popover("Views and settings", icon=":material/bookmark:"):
        zone = st.context.timezone
        links.choice(
            "Times on maps and charts",
            {"utc": "UTC", "local": f"My time ({zone})" if zone else "My time"},
            "utc",
            "times",
            help="Data, files, tables and sentences stay in UTC and say so.",
        )
        _views([one for one in told or [] if _whole(one)])
        st.caption(
            "Settings and saved views stay in this browser; a link holds the same view for others. The button"
            " deletes them, and what this session holds: journal, answers, uploaded files and typed keys."
            " Rules and alerts that this server keeps are deleted on Alerts."
        )
        st.button("Delete my data", icon=":material/delete:", key="forget", on_click=_forget)


def _views(held: list[dict[str, str]]) -> None:
    st.text_input(
        "Save this view as",
        key="viewname",
        max_chars=_LONGEST,
        placeholder="My support, 4h",
        on_change=_save,
        args=(len(held),),
        help="Press Enter to save. A name that is there already is replaced.",
    )
    for number, one in enumerate(held):
        with st.container(horizontal=True, gap="small"):
            label = wording.name(one["name"])
            if st.button(label, icon=":material/bookmark:", key=f"view-{number}", width="stretch"):
                query = dict(parse_qsl(one["query"]))
                st.switch_page(f"pages/{one['page']}.py", query_params=query)
            st.button(
                "Remove",
                icon=":material/close:",
                key=f"unview-{number}",
                type="tertiary",
                on_click=_ask,
                args=("drop", one["name"]),
            )


def _whole(one: Any) -> bool:
    """Whether a stored view is one: anybody can write into a browser's storage."""
    from liqcore.views.shell import PAGES

    return (
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) for name in ("name", "page", "query"))
        and any(page.name == one["page"] for page in PAGES)
    )


def _ask(what: str, name: str = "") -> None:
    """What the browser shall do once, in the run that follows."""
    number = int(st.session_state.get(_ASK, _NOTHING)["id"]) + 1
    st.session_state[_ASK] = {"id": number, "what": what, "name": name}


def _save(count: int) -> None:
    name = str(st.session_state.get("viewname") or "").strip()
    if name and count < _MOST_VIEWS:
        _ask("save", name)
    st.session_state["viewname"] = ""


def _forget() -> None:
    """Nothing of this visitor is left in the session, the browser is asked to forget, and Start opens."""
    from liqcore.views.shell import PAGES

    _ask("forget")
    kept = {
        "_framed": True,
        _LEAVES: True,
        _ASK: st.session_state[_ASK],
        _RESTORED: {page.name for page in PAGES},
    }
    for name in list(st.session_state):
        del st.session_state[name]
    for name, value in kept.items():
        st.session_state[name] = value
