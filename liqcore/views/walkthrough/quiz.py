"""The quiz of one visitor: answers in the order of the link's seed, of which the first counts. It stays in
the session."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import streamlit as st

from liqcore import wording
from liqcore.feeds import scenario_files as files
from liqcore.learn import course
from liqcore.learn.course import First, Place
from liqcore.learn.crash import CrashStep
from liqcore.learn.steps import StepView

_SEED: Final = "quiz"
_FIRSTS, _AGAIN, _ASKED = "quiz_firsts", "quiz_again", "quiz_asked"


def seed() -> int:
    """The seed of the order of answers: the link's, else drawn once for this visitor and put into the
    link."""
    told = str(st.query_params.get(_SEED, ""))
    # A link that is not a number this quiz knows opens as one without it.
    if told.isascii() and told.isdecimal() and len(told) <= len(str(course.LAST_SEED)):
        st.session_state[_SEED] = int(told)
    held: int = st.session_state.setdefault(_SEED, random.randint(1, course.LAST_SEED))  # noqa: S311
    if told != str(held):
        st.query_params[_SEED] = str(held)
    return held


def firsts() -> dict[Place, First]:
    """First answers so far, in the order in which they were given."""
    held: dict[Place, First] = st.session_state.setdefault(_FIRSTS, {})
    return held


def progress() -> None:
    """How far this visitor is, over all scenarios."""
    counts = {name: steps for name, (_, steps) in files.contents().items()}
    far = course.progress(counts, firsts())
    st.progress(far.answered / max(far.questions, 1), text=far.sentence)


def question(name: str, view: StepView | CrashStep, *, again_after: str | None = None) -> None:
    """The question of a step with feedback to every answer; the first one is scored.

    `again_after` is the scenario at whose end the question returns; its score is kept apart.
    """
    place = (name, view.number)
    scored: dict[Place, First] = firsts() if again_after is None else st.session_state.setdefault(_AGAIN, {})
    # A returning question stands in another order, so that its place is no help.
    mixed = place if again_after is None else (f"{name} again", view.number)
    options = {option.text: option for option in course.shuffled(view.options, seed(), mixed)}
    rights = {text: option.right for text, option in options.items()}
    key = f"answer-{name}-{view.number}" if again_after is None else f"again-{name}-{view.number}"
    st.markdown(f"**{wording.markdown(view.question)}**")
    answer = st.radio(
        "Your answer",
        list(options),
        index=None,
        key=key,
        label_visibility="collapsed",
        format_func=wording.markdown,
        persist_state="session",
        on_change=_score,
        args=(key, place, scored, rights),
    )
    if answer is None:
        return
    option = options[str(answer)]
    (st.success if option.right else st.warning)(
        wording.markdown(option.feedback),
        icon=":material/check_circle:" if option.right else ":material/replay:",
    )
    first = scored.get(place)
    if first is not None and first.text != answer:
        st.caption(f"Your first answer counts, and it was {'right' if first.right else 'not right'}.")


def _score(key: str, place: Place, scored: dict[Place, First], rights: Mapping[str, bool]) -> None:
    """Before the page is drawn again: a first answer is written down, a later one changes nothing."""
    answer = str(st.session_state.get(key))
    if answer in rights:
        scored.setdefault(place, First(answer, rights[answer]))


def recap(name: str, views: list[StepView]) -> None:
    """What was answered at first, and each question that was missed with its right answer."""
    held = firsts()
    given = [view for view in views if (name, view.number) in held]
    if not given:
        st.markdown(f"You answered none of {len(views)} questions.")
        return
    wrong = course.missed(name, held)
    st.markdown(
        f"You answered {len(given)} of {len(views)} questions, {len(given) - len(wrong)} of them right at the"
        " first try."
    )
    for view in given:
        if view.number in wrong:
            right = next(option for option in view.options if option.right)
            st.markdown(
                wording.markdown(
                    f"{view.number}. {view.question} You said: {held[name, view.number].text} Right is:"
                    f" {right.text}"
                )
            )


def returning(name: str) -> Place | None:
    """The question of an earlier scenario to ask once more at the end of this one, if there is one."""
    asked: dict[str, Place] = st.session_state.setdefault(_ASKED, {})
    place = course.ask_again(name, firsts(), asked, files.names())
    if place is not None:
        asked[name] = place
    return place
