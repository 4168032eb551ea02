"""The rules a visitor keeps: switched on and off, edited, taken away, and carried in and out as files and
links."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import streamlit as st

from liqcore import wording
from liqcore.alerts import rule_text
from liqcore.alerts.rules import Rule, RuleError
from liqcore.alerts.sentences import sentence
from liqcore.views.alerts import builder as alerts_builder, live as alerts_live, session as alerts_session

_SHOWN: Final = 50
# Browsers and chats cut longer links.
_MOST_LINK: Final = 6_000


def keep_button(rule: Rule) -> None:
    """Keep the rule that is being built."""
    kept = any(
        one.id == rule.id and one.name == rule.name and one.tell == rule.tell
        for one in alerts_session.rules()
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.button(
            "Kept" if kept else "Keep this rule",
            icon=":material/check:" if kept else ":material/bookmark_add:",
            type="primary",
            key="al_keep",
            disabled=kept,
        ):
            if len(alerts_session.rules()) >= alerts_session.MOST_KEPT:
                st.warning(
                    f"You keep {alerts_session.MOST_KEPT} rules already. Take some away under Rules.",
                    icon=":material/warning:",
                )
            else:
                alerts_session.add_rules([rule])
                st.rerun()
        st.caption(
            "The address of this page holds the sentence: copy it to share the rule. Channels are not part"
            " of it."
        )


def draw() -> None:
    """The list of kept rules, and the ways in and out."""
    rules = alerts_session.rules()
    if not rules:
        st.info("You keep no rule yet. Build one and keep it, or bring a file.", icon=":material/rule:")
    for rule in rules[:_SHOWN]:
        _row(rule)
    if len(rules) > _SHOWN:
        st.caption(
            f"The first {_SHOWN} of {len(rules):,} rules are listed; all of them run and are in the files."
        )
    alerts_live.panel()
    st.subheader("In and out")
    left, right = st.columns(2, gap="large")
    with left:
        _bring()
    with right:
        _take(rules)


def _row(rule: Rule) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**{wording.name(rule.name)}**  \n{wording.markdown(sentence(rule))}")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.toggle(
                "On",
                value=rule.enabled,
                key=f"al_on_{rule.id}_{rule.enabled}",
                on_change=_switch,
                args=(rule.id,),
            )
            st.button(
                "Edit",
                icon=":material/edit:",
                key=f"al_edit_{rule.id}",
                type="tertiary",
                help="Open it as a sentence.",
                on_click=_edit,
                args=(rule,),
            )
            st.button(
                "Remove",
                icon=":material/delete:",
                key=f"al_away_{rule.id}",
                type="tertiary",
                on_click=_away,
                args=(rule.id,),
            )


def _switch(name: str) -> None:
    alerts_session.keep_rules(
        replace(rule, enabled=not rule.enabled) if rule.id == name else rule
        for rule in alerts_session.rules()
    )


def _away(name: str) -> None:
    alerts_session.keep_rules(rule for rule in alerts_session.rules() if rule.id != name)


def _edit(rule: Rule) -> None:
    if alerts_builder.load(rule):
        st.session_state["alerts"] = "build"
    else:
        st.session_state["alerts_said"] = (
            f"'{rule.name}' nests conditions, which a sentence cannot show. Export it, change the file and"
            " bring it back."
        )


def _bring() -> None:
    """Take rules from a file; where it cannot be read, say why and leave everything as it was."""
    upload = st.file_uploader(
        "Bring rules",
        type=["toml", "json"],
        key="al_upload",
        help="TOML or JSON as this page exports it. The rules that you keep stay.",
    )
    if upload is None:
        st.session_state.pop("al_taken", None)
        return
    if st.session_state.get("al_taken") == upload.file_id:
        return
    content: Any = upload.getvalue()
    read = rule_text.rules_from_json if upload.name.lower().endswith(".json") else rule_text.rules_from_toml
    try:
        found = read(content)
        if not found:
            raise RuleError("The file holds no rule.")
        if len({rule.id for rule in (*alerts_session.rules(), *found)}) > alerts_session.MOST_KEPT:
            raise RuleError(
                f"The file holds {len(found):,} rules; a session keeps at most {alerts_session.MOST_KEPT}."
                " Split the file."
            )
    except RuleError as problem:
        st.error(
            f"**{wording.name(upload.name)}** was not used, and nothing you keep has changed."
            f" {wording.markdown(str(problem))}",
            icon=":material/error:",
        )
        return
    st.session_state["al_taken"] = upload.file_id
    new = alerts_session.add_rules(found)
    st.session_state["alerts_said"] = (
        f"{wording.count(len(found), 'rule')} read from {upload.name}, {new:,} of them new."
    )
    st.rerun()


def _take(rules: tuple[Rule, ...]) -> None:
    st.markdown("Take rules with you. Files name channels but never their addresses.")
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "TOML",
            lambda: rule_text.rules_to_toml(rules),
            "heatlab-rules.toml",
            "application/toml",
            key="al_toml",
            icon=":material/download:",
            on_click="ignore",
            disabled=not rules,
        )
        st.download_button(
            "JSON",
            lambda: rule_text.rules_to_json(rules),
            "heatlab-rules.json",
            "application/json",
            key="al_rules_json",
            icon=":material/download:",
            on_click="ignore",
            disabled=not rules,
        )
    if not rules:
        return
    link = f"?rules={rule_text.rules_to_link(rules)}"
    if len(link) > _MOST_LINK:
        st.caption("These rules are too many for a link; share a file.")
    else:
        st.caption("Or put this behind the address of this page; channels are left out:")
        st.code(link, language=None)
