"""What is found out once for all sessions, under keys of which there is no end."""

import gc
import threading
from types import FunctionType

import streamlit as st

from liqcore.views.for_all import for_all

Lock = type(threading.Lock())


def test_one_answer_for_all_who_ask_the_same_and_the_last_are_kept():
    made = []

    @for_all(2)
    def square(_market: object, number: int) -> list[int]:
        made.append(number)
        return [number * number]

    assert square(object(), 3) is square(object(), 3)
    square(None, 4), square(None, 3), square(None, 5), square(None, 3)
    assert made == [3, 4, 5]
    square(None, 4)
    assert made == [3, 4, 5, 4]
    # Whoever empties all caches empties this one.
    st.cache_resource.clear()
    square(None, 4)
    assert made == [3, 4, 5, 4, 4]


def test_equal_questions_to_two_functions_have_two_answers():
    @for_all(4)
    def up(number: int) -> int:
        return number + 1

    @for_all(4)
    def down(number: int) -> int:
        return number - 1

    assert (up(1), down(1), up(1)) == (2, 0, 2)


def test_nothing_is_left_of_a_key_that_went():
    def left(keep: FunctionType) -> int:
        def locks() -> int:
            return sum(isinstance(one, Lock) for one in gc.get_objects())

        # What tests before this one left is gone when the count begins, and not while it runs.
        gc.collect()
        keep("first")
        before = locks()
        for number in range(300):
            keep(f"moment {number}")
        return locks() - before

    assert left(for_all(8)(lambda key: key)) == 0
    # What it is there for: should Streamlit forget such keys one day, this is needed no more.
    assert left(st.cache_resource(max_entries=8, show_spinner=False)(lambda key: key)) >= 290
