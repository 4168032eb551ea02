"""Nothing a person reads is formatted by hand: amounts, shares, spans and moments go through `wording`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("liqcore/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])

# What is written for a machine, by file: keys, addresses, files, questions to venues.
MACHINE = {
    "liqcore/alerts/alert.py": {".10g"},
    "liqcore/alerts/channels.py": {"%H:%M"},  # compared with the quiet hours, in the reader's zone
    "liqcore/alerts/conditions.py": {".10g"},
    "liqcore/alerts/engine.py": {".10g"},
    "liqcore/feeds/files/times.py": {"strftime"},
    "liqcore/feeds/live/store.py": {"strftime"},
    "liqcore/feeds/tradingview.py": {".2f"},
    "liqcore/feeds/venues/dydx.py": {"strftime"},
    "liqcore/feeds/venues/kraken.py": {"strftime"},
    "liqcore/heat/clusters.py": {".6g"},
    "liqcore/heat/grid.py": {".10g"},
    "liqcore/risk/handover.py": {".8g", ".4g"},
    "liqcore/risk/pine.py": {".2f"},
    "liqcore/views/explore/reading.py": {".0f", ".6g"},
    "liqcore/views/practice/trade.py": {".0f"},
}
# Legends and the values under the pointer have still their own spelling, which drops trailing zeros.
NOT_YET = {"liqcore/charts/hover.py", "liqcore/charts/palette.py", "liqcore/charts/words.py"}
DATE = re.compile(r"%[aAbBdHIjmMpSyY]")
NUMBER = re.compile(r"[+,]*\.?\d*[eEfFgG%]$")


def hand_made(source: str) -> Iterator[tuple[int, str]]:
    """Line and offence of every number, share, amount, plural or moment that is formatted by hand."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield from _in_text(node)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "strftime":
                yield node.lineno, "strftime"
            if name == "format" and isinstance(node.func, ast.Name):
                yield node.lineno, "format()"
        elif isinstance(node, ast.IfExp):
            ends = {part.value for part in (node.body, node.orelse) if isinstance(part, ast.Constant)}
            if ends == {"", "s"}:
                yield node.lineno, "a plural by hand"


def _in_text(text: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    around = [str(part.value) if isinstance(part, ast.Constant) else "" for part in text.values]
    for before, part, after in zip(["", *around], text.values, [*around[1:], ""], strict=False):
        if not isinstance(part, ast.FormattedValue):
            continue
        spec = "".join(str(getattr(item, "value", "{}")) for item in getattr(part.format_spec, "values", []))
        if DATE.search(spec):
            yield part.lineno, f"a moment by hand: {spec}"
        elif NUMBER.search(spec) and spec != "g":
            yield part.lineno, f"a number by hand: {spec}"
        elif before.endswith("$"):
            yield part.lineno, "money by hand"
        elif re.match(r" ?%(?!\w)", after):
            yield part.lineno, "a share by hand"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_format_is_made_by_hand(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name == "liqcore/wording.py" or name in NOT_YET:
        return
    told = list(hand_made(path.read_text(encoding="utf-8")))
    meant = MACHINE.get(name, set())
    found = [f"{name}:{line}: {what}" for line, what in told if what.rpartition(": ")[2] not in meant]
    assert not found, "say it with liqcore.wording:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        'f"{x:.0f} %"',
        'f"{x:.1%}"',
        'f"{100 * x:g} %"',
        'f"{x:,.2f}"',
        'f"{x:+.2f} R"',
        'f"${x}"',
        'f"{t:%b %d, %H:%M}"',
        't.strftime("%H:%M")',
        "f\"{n} bar{'s' if n != 1 else ''}\"",
        'f"{x:.{n}f}"',
    ],
)
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    assert list(hand_made(source))


@pytest.mark.parametrize(
    "source", ['f"{n:,} rows"', 'f"{name!r}"', 'f"{wording.usd(x)}"', 'f"{n:>3}"', 'f"{x:g}×"']
)
def test_the_search_leaves_the_rest_alone(source: str) -> None:
    assert not list(hand_made(source))
