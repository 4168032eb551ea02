"""Rules: text and back, one sentence for every mistake, and the payloads of webhooks."""

import json
import tomllib

import pytest
from hypothesis import given, settings, strategies as st

from liqcore.alerts import rule_text
from liqcore.alerts.rules import KINDS, Condition, Group, Rule, RuleError
from liqcore.alerts.sentences import sentence
from liqcore.alerts.templates import templates
from liqcore.alerts.webhook import ExternalSignal, WebhookError, parse_tradingview

GROWS = Condition("heat grows", 28_500, "short", by=0.5, venues=3)


@st.composite
def conditions(draw):
    kind = draw(st.sampled_from(sorted(KINDS)))
    facts = KINDS[kind]
    more = {}
    if facts.level == "needed" or (facts.level == "optional" and draw(st.booleans())):
        more["level"] = draw(st.floats(1, 1e6))
    values = {
        "side": st.sampled_from(["long", "short", "both"]),
        "within": st.floats(0.0001, 0.2),
        "over": st.sampled_from(["5m", "30min", "4h", "1d"]),
        "venues": st.integers(2, 9),
        "heat": st.sampled_from(["realised", "modelled"]),
        "minimum": st.floats(1, 1e9),
        "name": st.sampled_from(["okx", "my cross (4h)", "Kreuz é"]),
    }
    more.update({name: draw(values[name]) for name in facts.takes})
    if facts.by:
        more["by"] = draw(st.floats(*facts.by[:2]))
    ways = [way for way in facts.ways if way not in ("towards", "across") or "level" in more]
    return Condition(
        kind,
        **more,
        **({"way": draw(st.sampled_from(ways))} if ways else {}),
        on=draw(st.sampled_from(["bar", "event"])) if facts.events else "bar",
    )


groups = st.recursive(
    st.lists(conditions(), min_size=1, max_size=3).map(lambda parts: Group("any", tuple(parts))),
    lambda inner: st.tuples(inner, conditions()).map(lambda parts: Group("any", parts, "2h")),
    max_leaves=2,
)
rules = st.builds(
    Rule,
    name=st.sampled_from(["My rule", "Stütze 28.000 (1h)"]),
    when=groups,
    cool_down=st.sampled_from(["30min", "1h"]),
    release=st.floats(0.1, 1),
    tell=st.sampled_from([("toast",), ("toast", "mail"), ()]),
    enabled=st.booleans(),
)


@given(st.lists(rules, min_size=1, max_size=4))
@settings(max_examples=25)
def test_every_rule_survives_toml_json_and_a_link(some):
    some = tuple(some)
    assert rule_text.rules_from_toml(rule_text.rules_to_toml(some)) == some
    assert rule_text.rules_from_json(rule_text.rules_to_json(some)) == some
    back = rule_text.rules_from_link(rule_text.rules_to_link(some))
    assert [one.id for one in back] == [one.id for one in some]
    assert all(one.tell == ("toast",) for one in back)
    assert all(sentence(one).startswith("When ") and sentence(one).endswith(".") for one in some)


def test_the_sentence_is_the_one_people_say():
    assert (
        sentence(Rule("x", Group("all", (GROWS,))))
        == "When short liquidations within 0.5 % of $28,500 grow by 50 % in 30 min on at least 3 venues, tell"
        " me by toast."
    )
    assert len({sentence(one) for one in templates(28_000, 29_000)}) == len(templates(28_000, 29_000)) >= 8


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*KINDS, "any", "all", "long", "5m"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "when",
                    "kind",
                    "level",
                    "side",
                    "by",
                    "within",
                    "over",
                    "venues",
                    "way",
                    "on",
                    "match",
                    "together",
                    "tell",
                    "release",
                    "enabled",
                    "x",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(
    data=st.fixed_dictionaries({"rules": st.lists(JSON, min_size=1, max_size=2)}) | JSON,
    noise=st.binary(max_size=60),
)
@settings(max_examples=25)
def test_a_malformed_file_gets_one_sentence_and_never_anything_else(data, noise):
    for read, text in (
        (rule_text.rules_from_json, json.dumps(data)),
        (rule_text.rules_from_json, noise),
        (rule_text.rules_from_toml, noise),
        (rule_text.rules_from_link, "r1." + noise.decode("latin1")),
    ):
        try:
            found = read(text)
        except RuleError as mistake:
            said = str(mistake)
            assert said.endswith((".", "Known: " + ", ".join(KINDS) + "."))
            assert "\n" not in said
            assert len(said) < 600
        else:
            assert all(isinstance(one, Rule) for one in found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '{"rules": [{"name": "a", "when": [{"kind": "heat grow", "level": 1}]}]}',
            "no condition 'heat grow'",
        ),
        ('{"rules": [{"name": "a", "when": [{"kind": "heat grows"}]}]}', "needs a level"),
        ('{"rules": [{"name": "a", "when": [{"kind": "heat grows", "level": -5}]}]}', "'level' is -5"),
        (
            '{"rules": [{"name": "a", "when": [{"kind": "heat grows", "level": 1, "within": 5}]}]}',
            "0.005 is 0.5 %",
        ),
        (
            '{"rules": [{"name": "a", "when": [{"kind": "heat grows", "level": 1, "over": "3 moons"}]}]}',
            "such as 30min",
        ),
        (
            '{"rules": [{"name": "a", "when": [{"kind": "breakout", "level": 1, "venues": 3}]}]}',
            "does not use 'venues'",
        ),
        (
            (
                '{"rules": [{"name": "a", "when": [{"kind": "heat grows", "level": 1}, {"kind": "heat'
                ' shrinks", "level": 1}]}]}'
            ),
            "contradict",
        ),
        ('{"rules": [{"name": "a", "when": []}]}', "1 to 8"),
        (
            (
                '{"rules": [{"name": "a", "tell": ["json://host/token"], "when": [{"kind": "heat grows",'
                ' "level": 1}]}]}'
            ),
            "secret",
        ),
        ('{"rules": [{"name": "a"}]}', "Rule 1: "),
        ('{"rules": 3}', "no list"),
        ("{", "line 1"),
        ("[" * 100_000, "deep"),
    ],
)
def test_mistakes_are_named(text, says):
    with pytest.raises(RuleError) as problem:
        rule_text.rules_from_json(text)
    assert says in str(problem.value)
    assert "token" not in str(problem.value)


def test_ten_thousand_rules_are_fine_and_more_are_too_many():
    one = rule_text.rule_to_dict(Rule("x", Group("all", (GROWS,))))
    assert len(rule_text.rules_from_json(json.dumps({"rules": [one] * 10_000}))) == 10_000
    with pytest.raises(RuleError, match="10,001 rules"):
        rule_text.rules_from_json(json.dumps({"rules": [one] * 10_001}))


def test_a_link_that_unpacks_to_gigabytes_is_refused():
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(b"[" + b" " * 9_000_000, 9)).decode().rstrip("=")
    with pytest.raises(RuleError, match="link"):
        rule_text.rules_from_link("r1." + bomb)
    assert (
        tomllib.loads(rule_text.rules_to_toml(templates(28_000, 29_000)))["rules"][0]["when"][0]["level"]
        == 28_000
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"secret": "s3cret-s3cret", "name": "x"' + b" " * 70_000 + b"}", 413),
        (b"not json", 400),
        (b"\xff", 400),
        (b"[" * 60_000, 400),
        (b"[1]", 400),
        (b"{}", 403),
        (b'{"secret": "wrong", "name": "x"}', 403),
        (b'{"secret": 5, "name": "x"}', 403),
        ('{"secret": "ß", "name": "x"}'.encode(), 403),
        (b'{"secret": "s3cret-s3cret"}', 422),
        (b'{"secret": "s3cret-s3cret", "name": "x", "side": "up"}', 422),
        (b'{"secret": "s3cret-s3cret", "name": "x", "price": NaN}', 422),
        (b'{"secret": "s3cret-s3cret", "name": "x", "price": "soon"}', 422),
        (b'{"secret": "s3cret-s3cret", "name": "x", "price": {{close}}}', 400),
        (b'{"secret": "s3cret-s3cret", "name": "x", "text": "say "hi""}', 400),
        (b'{"secret": "s3cret-s3cret", "name": "<b>"}', 422),
    ],
)
def test_payloads_that_are_refused_say_why_and_not_the_secret(body, status):
    with pytest.raises(WebhookError) as problem:
        parse_tradingview(body, "s3cret-s3cret", "2026-03-01 12:00")
    assert problem.value.status == status
    assert "s3cret" not in str(problem.value)
    with pytest.raises(WebhookError):
        parse_tradingview(b'{"secret": "", "name": "x"}', "", "2026-03-01 12:00")


def test_a_payload_becomes_a_signal():
    got = parse_tradingview(
        b'{"secret": "k", "name": " my cross ", "side": "long", "price": "28500.5", "text": "BTC\\n4h"}',
        "k",
        "2026-03-01 12:00",
    )
    assert (got.name, got.side, got.price, got.text) == ("my cross", "long", 28_500.5, "BTC 4h")


@pytest.mark.parametrize(
    ("body", "side", "price", "text"),
    [
        # {{strategy.order.action}}, {{strategy.market_position}}, {{close}}, {{timenow}}, {{ticker}}
        ('"side": "buy", "price": 28500.5', "long", 28_500.5, ""),
        ('"side": "sell", "price": "28,500.5"', "short", 28_500.5, ""),
        ('"side": "flat"', None, None, ""),
        ('"side": "LONG", "time": "2026-03-01T12:00:00Z", "ticker": "BTCUSDT.P", "y": 1', "long", None, ""),
        ('"Action": "Sell", "close": 28500, "comment": "stop hit"', "short", 28_500.0, "stop hit"),
        ('"market_position": "short", "price": "NaN"', "short", None, ""),
        ('"text": "first line\nsecond\tone"', None, None, "first line second one"),
        ('"text": {"o": 1}', None, None, '{"o": 1}'),
        ('"side": null, "price": null, "text": null', None, None, ""),
    ],
)
def test_what_tradingviews_placeholders_give_is_taken(body, side, price, text):
    got = parse_tradingview(
        b"\xef\xbb\xbf" + f'{{"secret": "s3cret-s3cret", "name": "x", {body}}}'.encode(),
        "s3cret-s3cret",
        "2026-03-01 12:00",
    )
    assert (got.side, got.price, got.text) == (side, price, text)
    assert ExternalSignal.from_json(got.to_json()) == got
    assert "s3cret" not in got.to_json()


def test_a_placeholder_that_was_not_filled_is_named():
    with pytest.raises(WebhookError, match="placeholder in double braces"):
        parse_tradingview(b'{"secret": "s3cret-s3cret", "price": {{close}}}', "s3cret-s3cret", "2026-03-01")
    with pytest.raises(WebhookError, match="no text hold a double quote"):
        parse_tradingview(b'{"secret": "x", "text": "say "hi""}', "x", "2026-03-01")
