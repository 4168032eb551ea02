"""Addresses that nobody would write by hand: every page opens, says what came to nothing, and takes no long
time over it."""

import base64
import json
import random
import re
import time
import zlib
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.testing.v1 import AppTest
from test_pages import words

from liqcore.alerts.rule_text import rule_to_dict, rules_from_link, rules_to_link
from liqcore.alerts.rules import Condition, Group, Rule, RuleError
from liqcore.feeds import scenario_files
from liqcore.views import links
from liqcore.views.compare.panels import VIEWS
from liqcore.views.shell import PAGES

ROOT = Path(__file__).resolve().parents[2]
SEED = 20_261_128
SECONDS, MEGABYTES = 2.0, 400
NAMES = [page.name for page in PAGES]
# A page is asked for markets that are there without a network, mostly.
MARKETS = ("calm", "violent", "calm", "files", "store", "now", "days")
HOSTILE = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e309", "-1e309", "1e-320", "-1", "0", "-0", "1", "7",
    "0x10", "1_000", "9" * 400, "-" + "9" * 30, "0." + "0" * 300 + "1", "１２３", "٣٤", "²", "½",
    "1,5", "1;2;3", "28,000; 28.5k", "1e5", "\x00", "\x1b[31m", "\u202e\u2066", "\ufeff",
    "\ud7ff\ue000", "é" * 300, "🦀" * 200, "a" * 20_000, "1;" * 3_000, "../../../../etc/passwd",
    "..\\..\\secrets.toml", "/etc/passwd", "file:///etc/passwd", "con", "%2e%2e%2f", "%00",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "javascript:alert(1)",
    "'; DROP TABLE events;--", "${7*7}", "{{7*7}}", "%s%n%x", "`id`", "$(id)", "__class__",
    "[[1]](2)", "$x^2$ and $y$", "| a | b |", ":material/x:", "true", "false", "True", "null",
    "None", "[]", "{}", '{"a": 1}', "[1, 2]", "long", "both", "modelled", "15m", "0m", "-4h",
    "9999999d", "1y", "2026-13-45", "0000-00-00", "9999-12-31T23:59", "1970-01-01", "-271821-04-20",
    "now", "all", "okx", "BTCUSDT", "28000", "0.0000001", "1e16", "100000000000000000000",
    "long:1:2:3;" * 400, "eJwDAAAAAAE", "A" * 4_000 + "==", "nonsense-7",
)  # fmt: skip


# The ways into a page: what is drawn only there is attacked there, too.
WAYS = {
    "explore": {"layer": ("realised", "modelled", "measured"), "read": ("true",), "expected": ("true",)},
    "compare": {"view": tuple(VIEWS), "otherfrom": ("file", "key"), "myfrom": ("typed", "address")},
    "alerts": {"pane": ("build", "inbox", "rules", "channels"), "test": ("Off", "1 d")},
    "practice": {"map": ("realised", "modelled"), "every": ("15m", "1h")},
    "walkthrough": {"scenario": tuple(scenario_files.names()), "step": ("1", "2", "5"), "sandbox": ("true",)},
    "live": {"livefrom": ("live", "replay"), "livekind": ("realised", "modelled", "measured")},
    "lab": {"question": ("words", "disagree", "scoreboard")},
}  # fmt: skip
ASKED = re.compile(r"""(?:key=|links\.\w+\([^)]*?|query_params\.get\()["']([a-z_]{2,20})["']""")
TEXT = "".join(
    path.read_text("utf-8") for room in ("liqcore/views", "pages") for path in (ROOT / room).rglob("*.py")
)
# Names that an address may hold, as the code asks for them; a world of the Lab takes seconds to make.
KNOWN = sorted(
    {"rules", "zones", "level", "direction", "entry", "stop", "targets", "side", "scale", "colours", "price"}
    | {name for name in ASKED.findall(TEXT) if not name.startswith(("lab", "question", "data"))}
)  # fmt: skip


def addresses(page: str, count: int, seed: int = SEED) -> list[dict[str, str | list[str]]]:
    """So many addresses of a page: some of its own names and some of others', with what nobody expects."""
    chance = random.Random(f"{page} {seed}")
    made = []
    for _ in range(count):
        query: dict[str, str | list[str]] = {"data": chance.choice(MARKETS)}
        query |= {name: chance.choice(ways) for name, ways in WAYS.get(page, {}).items()}
        for name in chance.sample(KNOWN, chance.randint(1, 14)):
            query[name] = chance.choice(HOSTILE)
        if chance.random() < 0.2:
            query[chance.choice(KNOWN)] = [chance.choice(HOSTILE) for _ in range(chance.randint(2, 40))]
        if chance.random() < 0.2:
            query[chance.choice(HOSTILE)[:200] or "x"] = chance.choice(HOSTILE)
        made.append(query)
    return made


def opened(page: str, query: dict[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    if page != NAMES[0]:
        app.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def attacked(page: str, count: int) -> None:
    """Each of so many addresses opens the page, within its time and memory."""
    first = {name: ways[0] for name, ways in WAYS.get(page, {}).items()}
    for market in ("calm", "violent"):
        opened(page, {**first, "data": market})
    process = psutil.Process()
    before, slow = process.memory_info().rss, []
    for query in addresses(page, count):
        begun = time.process_time()
        app = opened(page, query)
        took = time.process_time() - begun
        assert not app.exception, (page, query, app.exception[0].message, app.exception[0].stack_trace)
        assert any("research and education" in item.value for item in app.caption), "drawn to its end"
        if took > SECONDS:
            slow.append((round(took, 1), query))
    grown = (process.memory_info().rss - before) / 1e6
    assert not slow, (page, slow)
    assert grown < MEGABYTES, (page, grown)


@pytest.mark.parametrize("page", NAMES)
def test_hostile_addresses_open_their_page(page: str) -> None:
    attacked(page, 4)


@pytest.mark.slow
@pytest.mark.parametrize("page", NAMES)
def test_five_hundred_hostile_addresses_open_their_page(page: str) -> None:
    attacked(page, 500)


def test_what_came_to_nothing_is_said_in_one_short_sentence() -> None:
    app = opened("explore", {"data": "calm", "tf": "a" * 20_000, "bins": "nan", "layer": "<b>`x`</b>"})
    (told,) = [item.value for item in app.caption if "The link asks for" in item.value]
    assert all(f"`{name}=" in told for name in ("tf", "bins", "layer"))
    assert len(told) < 600
    assert "`x`" not in told, "what was asked ends no quotation"
    assert "a" * 200 not in words(app)


def bent(value: Any, chance: random.Random) -> Any:
    """A rule with some of its parts put in place of others, by something that no rule holds."""
    if chance.random() < 0.15:
        odd = (None, True, -1, 1e308, -1e308, float("nan"), float("inf"), 10**30, "", [], {}, [[]], HOSTILE)
        return chance.choice((*odd, *HOSTILE))
    if isinstance(value, dict):
        return {chance.choice((name, name, name, "x")): bent(one, chance) for name, one in value.items()}
    return [bent(one, chance) for one in value] if isinstance(value, list) else value


def test_bent_rules_in_a_link_are_refused_in_a_sentence_or_taken_whole() -> None:
    chance = random.Random(SEED)
    heat = Condition("heat grows", 28_000.0, "short", by=0.5, venues=3)
    whole = [rule_to_dict(Rule("heat", Group("all", (heat,)), cool_down="2h"))]
    taken, said = 0, []
    for _ in range(500):
        packed = zlib.compress(json.dumps(bent(whole, chance)).encode())
        try:
            rules = rules_from_link("r1." + base64.urlsafe_b64encode(packed).decode().rstrip("="))
        except RuleError as problem:
            said.append(str(problem))
        else:
            taken += 1
            assert rules_from_link(rules_to_link(rules)) == rules
    assert 0 < taken < 400
    assert all(10 < len(one) < 600 for one in said), max(said, key=len)


@pytest.mark.parametrize("seed", ["²", "9" * 5_000, "３", "-1", "1.5", "0x1", ""])
def test_what_only_looks_like_a_number_is_none(seed: str) -> None:
    app = opened("practice", {"data": "days", "seed": seed})
    assert not app.exception
    assert links.whole(seed, 2) == 2


@pytest.mark.parametrize(("page", "name"), [("practice", "seed"), ("practice", "ahead"), ("explore", "bins")])
@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e309", ["1", "nan"], "9" * 400])
def test_a_number_without_end_is_none(page: str, name: str, value: str | list[str]) -> None:
    app = opened(page, {"data": "calm", name: value})
    assert not app.exception
    if value == "inf":
        assert any(f"`{name}=inf`" in item.value for item in app.caption), "what came to nothing is said"
