"""The walkthrough's quiz: seeded order, first answers, progress, and what is asked again."""

from hypothesis import given, strategies as st

from liqcore.learn.course import First, ask_again, missed, progress, shuffled

RIGHT, WRONG = First("yes", True), First("no", False)


@given(st.integers(0, 999_999), st.lists(st.integers(), max_size=6, unique=True), st.integers(1, 10))
def test_an_order_holds_every_answer_once_and_is_the_seeds_own(seed, options, number):
    order = shuffled(options, seed, ("a", number))
    assert sorted(order) == sorted(options)
    assert order == shuffled(options, seed, ("a", number))


def test_seeds_and_places_order_independently():
    options = range(4)
    assert len({shuffled(options, seed, ("a", 1)) for seed in range(200)}) == 24
    assert len({shuffled(options, 1, ("a", number)) for number in range(200)}) == 24
    firsts = [shuffled(options, seed, ("a", 1))[0] for seed in range(2_000)]
    assert all(400 < firsts.count(option) < 600 for option in options)


def test_progress_counts_first_answers_of_scenarios_that_there_are():
    firsts = {("a", 1): RIGHT, ("a", 2): WRONG, ("b", 1): RIGHT, ("gone", 1): RIGHT, ("b", 9): RIGHT}
    far = progress({"a": 2, "b": 3}, firsts)
    assert (far.scenarios, far.finished, far.questions, far.answered, far.right) == (2, 1, 5, 3, 2)
    assert far.sentence == (
        "1 of 2 scenarios finished; 3 of 5 questions answered, 2 of them right at the first try."
    )
    assert missed("a", firsts) == (2,)
    assert missed("b", firsts) == ()


def test_what_was_missed_longest_ago_returns_first_once_and_never_in_its_own_scenario():
    firsts = {("a", 1): RIGHT, ("a", 2): WRONG, ("b", 1): WRONG}
    known = ("a", "b", "c", "d", "e")
    assert ask_again("a", {("a", 1): WRONG}, {}, known) is None
    asked = {}
    for name, place in {"c": ("a", 2), "d": ("b", 1), "e": ("a", 1)}.items():
        assert ask_again(name, firsts, asked, known) == place
        asked[name] = place
    assert ask_again("c", {**firsts, ("b", 2): WRONG}, asked, known) == ("a", 2), "the choice stays"
    assert ask_again("b", firsts, asked, known) is None, "nothing returns twice"
    assert ask_again("c", {("gone", 1): WRONG}, {}, known) is None
