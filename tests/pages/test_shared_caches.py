"""What visitors share: no cache answers one of them from another's files, nor anybody by the owner's keys."""

import ast
import inspect
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.caching import cache_utils
from streamlit.testing.v1 import AppTest
from test_pages import open_page
from test_uploads import candle_csv, event_csv, upload

from liqcore.service.shared import Shared
from liqcore.views.lab import right
from tests.maps import maps

ROOT = Path(__file__).resolve().parents[2]
MARKED = ("cache_data", "cache_resource", "lru_cache", "cache", "for_all")


def unseen() -> Iterator[tuple[str, list[str], list[str]]]:
    """Every function that keeps what it returned: its name, the arguments its cache does not look at, and
    those it does."""
    for path in (ROOT / "liqcore").rglob("*.py"):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "cache" in text or "for_all" in text else ():
            if not isinstance(node, ast.FunctionDef):
                continue
            marks = {ast.unparse(mark).partition("(")[0].rpartition(".")[2] for mark in node.decorator_list}
            if marks & set(MARKED):
                names = [one.arg for one in (*node.args.args, *node.args.kwonlyargs)]
                hidden = [name for name in names if name.startswith("_")]
                place = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                yield f"{place}.{node.name}", hidden, [name for name in names if name not in hidden]


def test_what_a_cache_does_not_look_at_is_named_by_something_it_looks_at() -> None:
    found = list(unseen())
    assert len(found) > 20
    for name, hidden, seen in found:
        assert not hidden or seen, name


@pytest.fixture
def asked(monkeypatch) -> dict[str, set[str]]:
    """Keys that shared caches were asked for, by which cache, as far as a key does not hold all that the
    answer is made of."""
    found: dict[str, set[str]] = defaultdict(set)
    make, get = cache_utils._make_value_key, Shared.get

    def noted(cache_type, func, *args, **more):
        key = make(cache_type, func, *args, **more)
        if any(name.startswith("_") for name in inspect.signature(func).parameters):
            found[f"{func.__module__}.{func.__name__}"].add(str(key))
        return key

    def got(shared, key, make):
        found[f"Shared {id(shared)}"].add(str(key))
        return get(shared, key, make)

    monkeypatch.setattr(cache_utils, "_make_value_key", noted)
    monkeypatch.setattr(Shared, "get", got)
    return found


def visitor(*files: tuple[str, bytes]) -> AppTest:
    return upload(open_page("explore.py", data="files", layer="realised"), *files)


def looked_around(app: AppTest) -> None:
    """All that is made of one's own files, on every page that takes them."""
    for page, query in (
        (
            "explore",
            {"read": "true", "expected": "true", "keylevels": "true", "mylevels": "82000", "below": "volume"},
        ),
        ("compare", {}),
        ("practice", {}),
        ("alerts", {"test": "Off"}),
        ("lab", {"question": "predicts"}),
    ):
        app.switch_page(f"pages/{page}.py")
        app.query_params.clear()
        for name, value in {"data": "files", **query}.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, page


def test_two_visitors_with_the_very_same_files_share_nothing_that_is_made_of_them(asked) -> None:
    st.cache_resource.clear()
    st.cache_data.clear()
    files = ("bars.csv", candle_csv(count=400)), ("events.csv", event_csv(count=400))
    told = []
    for _ in range(2):
        asked.clear()
        looked_around(visitor(*files))
        told.append({name: set(found) for name, found in asked.items()})
    one, other = told
    assert len(one) >= 8, sorted(one)
    assert set(one) == set(other)
    for name, found in one.items():
        assert not found & other[name], name


def test_files_that_differ_in_what_no_sum_shows_are_not_taken_for_each_other() -> None:
    """Same name, rows, ends and sums, but longs are shorts: a cache by figures would show one's map to the
    other."""
    mine = event_csv(count=300)
    theirs = mine.replace(b",long,", b",tmp,").replace(b",short,", b",long,").replace(b",tmp,", b",short,")
    (one,), (other,) = (maps(visitor(("events.csv", file))) for file in (mine, theirs))
    assert one.usd("long").sum() > 0
    assert one.usd("long").sum() == pytest.approx(other.usd("short").sum())
    assert one.usd("short").sum() == pytest.approx(other.usd("long").sum())
    assert one.usd("long").sum() != pytest.approx(other.usd("long").sum())


def test_a_key_of_the_owner_answers_nobody_else_on_a_hosted_app(monkeypatch) -> None:
    def shown() -> None:
        import streamlit as st

        from liqcore.feeds.rest.keyed import KEYED
        from liqcore.views import keys

        st.text("|".join(keys.key_of(source)[0] for source in KEYED))

    monkeypatch.setenv("COINANK_KEY", "of-the-environment")
    for hosted, unlocked, expected in (
        ("0", False, "of-the-secrets|of-the-environment|"),
        ("1", False, "||typed"),
        ("1", True, "of-the-secrets|of-the-environment|typed"),
    ):
        monkeypatch.setenv("HEATLAB_HOSTED", hosted)
        app = AppTest.from_function(shown)
        app.secrets["coinglass_key"] = "of-the-secrets"
        if hosted == "1":
            app.session_state["typed-coinalyze_key"] = "typed"
        if unlocked:
            app.session_state["alerts_owner"] = True
        assert app.run().text[0].value == expected


def test_worlds_are_made_one_at_a_time_however_many_ask(monkeypatch) -> None:
    running, most = [], []

    def slow(*_: object, **__: object) -> str:
        running.append(1)
        most.append(len(running))
        time.sleep(0.02)
        running.pop()
        return "made"

    monkeypatch.setattr(right, "simulate", slow)
    monkeypatch.setattr(right, "world", lambda name, made: name)
    right._world.clear()
    asked = [right.Market("calm", seed, 0.3, 0.5, 0.0, 1.0) for seed in range(6)]
    with ThreadPoolExecutor(6) as visitors:
        assert list(visitors.map(right._world, asked)) == [f"calm {seed}" for seed in range(6)]
    right._world.clear()
    assert max(most) == 1
    assert len(most) == 6
