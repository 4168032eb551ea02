"""The Pine scripts we hand out: read by a parser of the language, and visible and still on any chart."""

import ast as python
import functools
import re

import pytest
from pynescript import ast as pine
from pynescript.ast.error import SyntaxError as PineError

from liqcore.feeds import samples
from liqcore.feeds.tradingview import clusters_to_pine
from liqcore.heat.clusters import track_clusters
from liqcore.heat.realised import realised_heatmap
from liqcore.market.levels import key_levels
from liqcore.risk import plan_trade
from liqcore.risk.pine import plan_to_pine

# Types, functions and variables of Pine v6 by its reference.
BUILT_IN = {
    *("array", "bool", "color", "float", "int", "label", "string", "table"),
    *(
        "array.from",
        "array.new",
        "array.push",
        "box.new",
        "label.new",
        "label.set_x",
        "line.new",
        "table.cell",
    ),
    *(
        "color.new",
        "indicator",
        "input.bool",
        "math.max",
        "math.min",
        "str.split",
        "str.tonumber",
        "table.new",
    ),
    *("bar_index", "barstate.isconfirmed", "barstate.islastconfirmedhistory", "barstate.isrealtime", "time"),
    *("chart.fg_color", "color.gray", "extend.right", "label.style_label_left", "line.style_dashed"),
    *("position.bottom_right", "size.small", "text.align_right", "timeframe.in_seconds", "xloc.bar_time"),
}
SPACES = {name.partition(".")[0] for name in BUILT_IN if "." in name}
tree = functools.cache(pine.parse)


def plans():
    for side, s in (("long", 1), ("short", -1)):
        targets = tuple(60_000 * (1 + s * k / 50) for k in range(1, 4))
        yield plan_trade(
            side, 60_000, 60_000 * (1 - 0.01 * s), 10_000, risk=0.01, leverage=20, targets=targets
        )
    yield plan_trade("long", 60_000, 61_000, 10_000, risk=0.01)


@pytest.fixture(scope="module")
def scripts():
    found = [plan_to_pine(plan, "2026-03-01 10:00 UTC") for plan in plans()]
    sample = samples.load_sample("calm")
    grid = realised_heatmap(sample.liquidations, "1h", bins=200)
    story = track_clusters(grid, price=sample.candles, liquidations=sample.liquidations)
    levels = key_levels(sample.candles, count=4).table
    return [
        *found,
        clusters_to_pine(story.present, levels, "realised", grid.provenance, "2026-03-01", most=5),
    ]


def names(script) -> set[str]:
    """Every name read, dotted ones whole."""
    found = set()

    def walk(node):
        if isinstance(node, pine.Attribute) and isinstance(node.value, pine.Name):
            found.add(f"{node.value.id}.{node.attr}")
            return
        if isinstance(node, pine.Name) and not isinstance(node.ctx, pine.Store):
            found.add(node.id)
        for child in pine.iter_child_nodes(node):
            walk(child)

    walk(tree(script))
    return found


@pytest.mark.slow  # the parser's first script takes half a minute
def test_every_script_is_pine(scripts) -> None:
    for script in scripts:
        assert script.startswith("//@version=6\n")
        assert tree(script).body
        assert all(ord(sign) < 0x2190 for sign in script)


@pytest.mark.slow  # the parser's first script takes half a minute
def test_a_broken_script_is_told_from_a_good_one(scripts) -> None:
    for old, new in (("if barstate", "if (barstate"), ("indicator(", "indicator("[:-1]), ("=>", "=")):
        with pytest.raises(PineError):
            tree(scripts[2].replace(old, new, 1))


@pytest.mark.slow  # the parser's first script takes half a minute
def test_only_names_of_the_language_and_of_the_script_are_used(scripts) -> None:
    for script in scripts:
        own = set(re.findall(r"\b[a-z]\w*\b", re.sub(r'"[^"]*"|//.*', "", script))) - SPACES
        assert {name for name in names(script) - BUILT_IN if name.partition(".")[0] not in own} == set()


def test_all_is_drawn_once_on_few_bars_and_seen_on_a_light_chart(scripts) -> None:
    for script in scripts:
        assert "barstate.islast\n" not in script
        drawing = [line for line in script.splitlines() if re.search(r"\b(line|label|box)\.new\(", line)]
        assert drawing
        assert all(line.startswith("    ") for line in drawing), "inside a function, or the branch of one bar"
        assert script.count("if barstate.islastconfirmedhistory") == 1
        assert "color.white" not in script
        assert "chart.fg_color" in script
        # Blocks are indented by whole steps, and every bracket is closed on its line.
        for line in re.sub(r'"[^"]*"', '""', script).split("array.from(")[0].splitlines():
            assert (len(line) - len(line.lstrip())) % 4 == 0
            assert line.count("(") == line.count(")")
    for script in scripts[:-1]:
        assert "math.max(bar_index - 50, 0)" in script


def luminance(colour: str) -> float:
    part = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in part]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_its_lines_stand_out_on_black_and_on_white(scripts) -> None:
    colours = set(re.findall(r"#[0-9a-f]{6}", "".join(scripts[:-1])))
    assert len(colours) == 3
    for colour in colours:
        light = luminance(colour)
        assert 1.05 / (light + 0.05) >= 3, colour
        assert (light + 0.05) / 0.05 >= 3, colour


def test_words_cannot_break_out_of_the_script(scripts) -> None:
    for script in scripts:
        for line in script.splitlines():
            for text in re.findall(r'"[^"]*"', line):
                assert python.literal_eval(text) == text[1:-1]
