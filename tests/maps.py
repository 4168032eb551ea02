"""The maps and charts of a page in the test harness, as the browser would get them."""

import json
import zlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


def unpacked(message: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Head and arrays of a payload; the two sides as (T, P) USD."""
    size = 4 + int.from_bytes(message[:4], "little")
    head = json.loads(message[4:size])
    arrays: dict[str, np.ndarray] = {}
    for block in head["blocks"]:
        body = zlib.decompress(message[size : size + block["size"]])
        size += block["size"]
        at = 0
        for name, kind, length in block["parts"]:
            dtype = {"f8": "<f8", "f4": "<f4", "u2": "u1"}[kind]
            arrays[name] = np.frombuffer(body[at : at + length], dtype)
            at += length
    assert size == len(message)
    for side in ("long", "short"):
        if side in arrays:
            low, high = arrays[side].reshape(2, *head["shape"]).astype(np.uint16)
            arrays[side] = np.cumsum(low + 256 * high, axis=0, dtype=np.uint16)
    return head, arrays


def unwrapped(message: bytes) -> list[bytes]:
    """What is inside a map's message: numbers as doubles, candles as the cents they were made from, texts."""
    head, arrays = unpacked(message)
    texts: list[str] = []
    numbers = [(part if part.itemsize == 8 else np.round(part.astype(float), 2)) for part in arrays.values()]

    def collect(value) -> None:
        if isinstance(value, dict):
            collect(list(value.values()))
        elif isinstance(value, list):
            for item in value:
                collect(item)
        elif isinstance(value, str):
            texts.append(value)
        elif value is not None:
            numbers.append(np.array([float(value)]))

    collect(head)
    return [*(part.tobytes() for part in numbers), *(text.encode() for text in texts)]


def amounts(code: np.ndarray, lowest: int) -> np.ndarray:
    """USD of codes."""
    power, digits = np.divmod(code.astype(int) - 2, 900)
    usd = (100 + digits) * 10.0 ** (power + lowest - 2)
    return np.where(code == 0, 0.0, np.where(code == 1, 10.0**lowest / 2, usd))


@dataclass
class Map:
    """A map: its head, its arrays, and what lies over it."""

    head: dict[str, Any]
    arrays: dict[str, np.ndarray]
    layers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def proto(self) -> SimpleNamespace:
        """What charts of Streamlit have as well."""
        return SimpleNamespace(alt=self.head["alt"])

    def usd(self, side: str) -> np.ndarray:
        return amounts(self.arrays[side], self.head["lowest"])


def maps(app: AppTest) -> list[Map]:
    """The maps of a page in its order."""
    found: dict[str, Map] = {}
    for element in app.get("bidi_component"):
        if not element.proto.bytes:
            continue
        head, arrays = unpacked(element.proto.bytes)
        if head["role"] == "heat":
            found[head["key"]] = Map(head, arrays)
        elif head["role"] == "layers":
            found[head["target"]].layers = head["layers"]
    return list(found.values())


def charts(app: AppTest) -> list[Any]:
    """Maps and Vega charts of a page."""
    return [*maps(app), *app.get("vega_lite_chart"), *app.get("arrow_vega_lite_chart")]


def headings(app: AppTest) -> list[str]:
    """The first headings of a page: its title, or the one that a map brings."""
    return [item.value for item in app.title] + [
        one.head["heading"] for one in maps(app) if "heading" in one.head
    ]
