"""An extension of griffe: our docstrings say `name : what it is`, numpy's say `name : type`.

Types stand in the signature, so what follows the colon is moved to where a description belongs.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_LISTS = ("Parameters", "Attributes")
_HEAD = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_ITEM = re.compile(r"^([\w*, ]+?)\s:\s(.*)$")


class Words(griffe.Extension):
    """Rewrites each docstring once, before it is parsed."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Of modules, classes, functions and attributes alike."""
        if obj.docstring is not None:
            obj.docstring.value = turned(obj.docstring.value)


def turned(text: str) -> str:
    """A docstring with its items as numpy's parser reads them; all other words stand before them, since the
    parser takes whatever follows an item for one."""
    parts = _HEAD.split(text)
    words, lists = [parts[0].rstrip()], []
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        if head in _LISTS:
            items, rest = _items(body)
            lists.append(f"{head}\n{'-' * len(head)}\n{items}")
            words += [rest] if rest else []
        elif head == "Returns":
            words.append(f"**Returns**: {body.strip()}")
        else:
            lists.append(f"{head}\n{'-' * len(head)}\n{body.strip()}")
    return "\n\n".join([*words, *lists])


def _items(body: str) -> tuple[str, str]:
    """Each `name : words` as a name with its words below, one for each of several names; and what else
    stands there."""
    lines: list[str] = []
    rest: list[str] = []
    names: list[str] = []
    told: list[str] = []
    for line in [*body.strip("\n").splitlines(), ""]:
        found = _ITEM.match(line)
        if line.startswith(" ") and names:
            told.append(line.strip())
            continue
        for name in names:
            lines += [name, *(f"    {one}" for one in told)]
        names, told = [], []
        if found:
            names, told = found.group(1).split(", "), [found.group(2)]
        else:
            rest.append(line)
    return "\n".join(lines), "\n".join(rest).strip()
