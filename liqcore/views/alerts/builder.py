"""The controls that are a rule's sentence: inline, kept in the session, and in the address as one word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import streamlit as st

from liqcore import wording
from liqcore.alerts import rule_text
from liqcore.alerts.rules import KINDS, Condition, Group, Rule, RuleError
from liqcore.alerts.templates import templates
from liqcore.market.candles import resample
from liqcore.market.levels import key_levels
from liqcore.service import dataset
from liqcore.service.dataset import Dataset
from liqcore.views.alerts import sentence as words

OWN: Final = "My own sentence"
_KEPT: Final[dict[str, Any]] = {"persist_state": "session", "label_visibility": "collapsed"}
_LINK: Final = "rules"
_COOL: Final = {
    "5min": "5 min",
    "15min": "15 min",
    "30min": "30 min",
    "1h": "1 h",
    "4h": "4 h",
    "12h": "12 h",
    "1d": "1 d",
}
_NAMES: Final = {
    "side": "Side",
    "subject": "What it is about",
    "within": "Share of the price around the level, %",
    "level": "Level, USD",
    "verb": "What happens",
    "by": "How strongly",
    "over": "Within which time",
    "venues": "On how many venues",
    "heat": "Which map",
    "minimum": "Least size, USD",
    "name": "Name",
    "way": "Direction",
    "on": "When it is told",
}


@dataclass(frozen=True)
class Around:
    """What the market at hand offers a rule to start with: the next levels (USD) and the venues with
    liquidations."""

    level: float
    support: float
    resistance: float
    venues: tuple[str, ...]


@st.cache_data(max_entries=8, show_spinner=False)
def _around(_data: Dataset, key: str) -> tuple[float, float, float]:
    candles, last = _data.candles, dataset.about_price(_data)
    if candles is None or candles.empty:
        return last * 1.01, last * 0.99, last * 1.01
    prices = key_levels(resample(candles, "1h", partial=True), count=8).table["price"].to_numpy(dtype=float)
    below, above = prices[prices < last * 0.998], prices[prices > last * 1.002]
    return (
        last,
        float(below.max()) if below.size else last * 0.99,
        float(above.min()) if above.size else last * 1.01,
    )


def around(data: Dataset) -> Around:
    """Levels to start with: the next round one above, and the nearest support and resistance."""
    last, support, resistance = _around(data, data.key)
    unit = 10.0 ** np.floor(np.log10(last)) / 20
    counted = (
        ()
        if data.liquidations is None
        else tuple(name for name in data.venues if (data.liquidations["venue"] == name).any())
    )
    return Around(float(np.ceil(last * 1.01 / unit) * unit), round(support), round(resistance), counted)


def opening_rule(near: Around) -> Rule:
    """The sentence a first visitor finds: short liquidations grow at the next round level."""
    return Rule(
        "My rule",
        Group(
            "all",
            (Condition("heat grows", near.level, "short", by=0.5, venues=max(min(3, len(near.venues)), 1)),),
        ),
    )


def load(rule: Rule) -> bool:
    """Put a rule into the controls; False where it nests groups or has too many conditions for a sentence."""
    parts = rule.when.parts
    if len(parts) > words.MOST or not all(isinstance(part, Condition) for part in parts):
        return False
    held = st.session_state
    for number, part in enumerate(parts):
        for name, value in words.values_of(part).items():  # type: ignore[arg-type]
            held[f"al{number}_{name}"] = value
    held.update(
        {
            "al_count": len(parts),
            "al_match": rule.when.match,
            "al_together": rule.when.together,
            "al_cool": rule.cool_down,
            "al_name": rule.name,
            "al_tell": (
                [name for name in rule.tell if name in held.get("al_channels", ("toast",))] or ["toast"]
            ),
        }
    )
    return True


def open_link(near: Around) -> tuple[Rule, ...]:
    """Fill the controls from the address, or at first with the opening rule; returns rules of the link beyond
    the first."""
    word = st.query_params.get(_LINK)
    more: tuple[Rule, ...] = ()
    if "al_count" not in st.session_state:
        load(opening_rule(near))
    if word and word != st.session_state.get("al_word"):
        st.session_state["al_word"] = word
        try:
            found = rule_text.rules_from_link(word)
        except RuleError as problem:
            st.warning(
                f"{wording.markdown(str(problem))} Your own sentence stays as it was.",
                icon=":material/link_off:",
            )
            return ()
        held = bool(found) and load(found[0])
        more = found[1:] if held else found
    return more


def share(rule: Rule) -> None:
    """Put the rule into the address. Channels are not part of it."""
    word = rule_text.rules_to_link([rule])
    if st.query_params.get(_LINK) != word:
        st.query_params[_LINK] = word
    st.session_state["al_word"] = word


def draw(near: Around, channels: tuple[str, ...]) -> None:
    """Draw the sentence with its controls; `read` says which rule it is."""
    held = st.session_state
    held["al_channels"], held["al_near"] = channels, wording.whole(near.level)
    _template(near)
    with st.container(border=True):
        count = int(held["al_count"])
        for number in range(count):
            with st.container(
                horizontal=True, vertical_alignment="center", gap="xsmall", key=f"al_line_{number}"
            ):
                _word("**When**") if number == 0 else _joint(number)
                _condition(number, near)
                if count > 1:
                    st.button(
                        "",
                        icon=":material/close:",
                        type="tertiary",
                        key=f"al_drop_{number}",
                        help="Take this condition out.",
                        on_click=_drop,
                        args=(number,),
                    )
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="al_line_tell"):
            _telling(channels, count)
        _last_line(count)


def read() -> tuple[Rule | None, str]:
    """The rule of the controls, drawn in this run or not; or None and the sentence on what is wrong."""
    held = st.session_state
    try:
        parts = tuple(
            words.condition_of(
                {
                    name: held.get(f"al{number}_{name}", usual)
                    for name, usual in {**words.START, "level": ""}.items()
                }
            )
            for number in range(int(held["al_count"]))
        )
        group = Group(held.get("al_match", "all"), parts, held.get("al_together", "30min"))
        name = str(held.get("al_name") or "").strip() or "My rule"
        return Rule(name, group, held.get("al_cool", "30min"), tell=tuple(held.get("al_tell", ()))), ""
    except RuleError as problem:
        return None, str(problem)


def _template(near: Around) -> None:
    names = {rule.name: rule for rule in templates(near.support, near.resistance)}

    def chosen() -> None:
        if (rule := names.get(st.session_state["al_template"])) is not None:
            load(rule)

    st.selectbox(
        "Start from",
        [OWN, *names],
        key="al_template",
        on_change=chosen,
        persist_state="session",
        width=460,
        help=(
            "Rules for the situations that beginners are taught to watch, at the nearest support"
            f" ({wording.whole(near.support)}) and resistance ({wording.whole(near.resistance)}) of this"
            " market."
        ),
    )


def _condition(number: int, near: Around) -> None:
    kind = st.session_state[f"al{number}_verb"]
    for token in words.tokens(kind):
        field = token.strip("{}")
        if token.startswith("{"):
            _field(number, field, kind, near)
        else:
            _word(token)


def _field(number: int, field: str, kind: str, near: Around) -> None:
    key, label = f"al{number}_{field}", _NAMES[field]
    held = st.session_state
    if field == "level":
        optional = KINDS[kind].level != "needed"
        st.text_input(label, key=key, width=110, placeholder="any price" if optional else "28,500", **_KEPT)
    elif field == "name" and kind == "external":
        st.text_input(
            label,
            key=key,
            width=190,
            placeholder="my cross",
            max_chars=80,
            help="As the message of the webhook names it.",
            **_KEPT,
        )
    elif field in ("within", "by"):
        least, most, usual, step = (0.01, 20.0, 0.5, 0.1) if field == "within" else words.limits(kind)
        value = float(held.get(key, usual))
        held[key] = value if least <= value <= most else usual
        st.number_input(label, least, most, step=step, format="%.4g", key=key, width=88, **_KEPT)
    elif field == "verb":
        _verb(number, kind)
    else:
        change = {"on_change": _new_subject, "args": (number,)} if field == "subject" else {}
        choices = words.options(field, kind, near.venues, held.get(key))
        _choose(label, choices, key, **change)


def _verb(number: int, kind: str) -> None:
    verbs = words.SUBJECTS[st.session_state[f"al{number}_subject"]].verbs
    if len(verbs) == 1:
        _word(verbs[kind])
    else:
        _choose(_NAMES["verb"], verbs, f"al{number}_verb", on_change=_new_verb, args=(number,))


def _choose(label: str, choices: dict[Any, str], key: str, **more: Any) -> Any:
    held = st.session_state
    if held.get(key) not in choices:
        held[key] = next(iter(choices))
    # As wide as what it says, so that the line reads as a sentence.
    width = int(56 + 8.1 * len(choices[held[key]]))
    return st.selectbox(
        label, list(choices), format_func=lambda name: choices[name], key=key, width=width, **_KEPT, **more
    )


def _word(text: str) -> None:
    st.markdown(text, width="content")


def _joint(number: int) -> None:
    """Between two conditions: the first joint chooses, the others repeat it."""
    if number == 1:
        _choose("How conditions combine", {"all": "and", "any": "or"}, "al_match")
    else:
        _word("and" if st.session_state.get("al_match", "all") == "all" else "or")


def _telling(channels: tuple[str, ...], count: int) -> None:
    held = st.session_state
    if count > 1 and held.get("al_match", "all") == "all":
        _word("all within")
        _choose(
            "Within which time all must happen",
            words.options("over", "", held=held.get("al_together")),
            "al_together",
        )
    _word("tell me by")
    held["al_tell"] = [name for name in held.get("al_tell", ["toast"]) if name in channels]
    st.multiselect(
        "Channels",
        channels,
        key="al_tell",
        width=200 + 60 * max(len(held["al_tell"]) - 1, 0),
        placeholder="nobody",
        **_KEPT,
    )
    _word("at most once in")
    held_cool = held.get("al_cool")
    _choose(
        "Cool-down",
        _COOL | ({held_cool: held_cool} if held_cool and held_cool not in _COOL else {}),
        "al_cool",
    )


def _last_line(count: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="al_line_more"):
        st.button(
            "Add a condition",
            icon=":material/add:",
            type="tertiary",
            on_click=_add,
            disabled=count >= words.MOST,
            help=f"Up to {words.MOST} conditions, joined by and or by or.",
        )
        _word("Call it")
        st.text_input("Name of the rule", key="al_name", width=320, max_chars=80, **_KEPT)


def _new_subject(number: int) -> None:
    held = st.session_state
    held[f"al{number}_verb"] = next(iter(words.SUBJECTS[held[f"al{number}_subject"]].verbs))
    _new_verb(number)


def _new_verb(number: int) -> None:
    """Another kind of condition measures something else: its strength starts at what is usual for it."""
    held = st.session_state
    kind = held[f"al{number}_verb"]
    held[f"al{number}_by"] = words.limits(kind)[2]
    held[f"al{number}_minimum"] = 1e6 if kind == "large liquidation" else 0.0
    held[f"al{number}_name"] = ""
    if kind.startswith("venues") and held.get(f"al{number}_venues", 1) < 2:
        held[f"al{number}_venues"] = 2
    if not held.get(f"al{number}_level") and KINDS[kind].level == "needed":
        held[f"al{number}_level"] = wording.whole(held.get("al_near", 28_500.0))


def _add() -> None:
    held = st.session_state
    number = int(held["al_count"])
    for name, value in {
        **words.START,
        "verb": "recapture",
        "subject": "price",
        "way": "any",
        "level": held.get("al0_level") or held.get("al_near", ""),
    }.items():
        held[f"al{number}_{name}"] = value
    held["al_count"] = number + 1


def _drop(number: int) -> None:
    held, names = st.session_state, [*words.START, "level"]
    for later in range(number + 1, int(held["al_count"])):
        for name in names:
            if f"al{later}_{name}" in held:
                held[f"al{later - 1}_{name}"] = held[f"al{later}_{name}"]
    held["al_count"] = int(held["al_count"]) - 1
