"""What every layer of the heatmap is made from: its structure, its places, and the plainest marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from liqcore.charts.palette import PANEL

Layer = dict[str, Any]

UP: Final = "#ffffff"
DOWN: Final = "#8fb8de"
NOW: Final = "#ffe08a"
INK: Final = "#e6edf3"
QUIET: Final = "#9aa7b5"
LINE: Final = "#2a313c"
GAP: Final = "#1d232d"
STRIPE: Final = "#3a4352"

NARROW: Final = "width < 560"


@dataclass(frozen=True)
class Structure:
    """What a chart is made of; two charts of one structure differ in data only."""

    orientation: Literal["time-right", "price-right"] = "time-right"
    log_price: bool = False
    flow: bool = False
    price_line: Literal["candles", "line", "none"] = "candles"
    zoom: Literal["shift", "wheel", "off"] = "shift"
    volume: bool = False
    profile: bool = False
    select: bool = False
    titled: bool = False
    height: int = 520
    renderer: Literal["canvas", "svg"] = "canvas"

    @property
    def upright(self) -> bool:
        """Price runs up and time to the right, as on trading screens."""
        return self.orientation == "time-right"

    @property
    def head(self) -> int:
        """Height of the legend above the plot, in pixels."""
        return 78 if self.titled else 56


@dataclass(frozen=True)
class Spot:
    """Where things are: turns time and price, or along and across the plot, into x and y."""

    structure: Structure

    @property
    def time(self) -> str:
        return "x" if self.structure.upright else "y"

    @property
    def price(self) -> str:
        return "y" if self.structure.upright else "x"

    def geometry(self) -> list[dict[str, Any]]:
        """Edges of the heat in pixels, and the widths of the margins."""
        s = self.structure
        profile = ("width < 560 ? 76 : 210" if s.upright else "92") if s.profile else "0"
        volume = ("74" if s.upright else "width < 560 ? 52 : 110") if s.volume else "0"
        side, below, above = (
            ("profile_size", "volume_size", "0") if s.upright else ("volume_size", "0", "profile_size")
        )
        return [
            {"name": "f", "expr": "data('frame')[0]"},
            {"name": "profile_size", "expr": profile},
            {"name": "volume_size", "expr": volume},
            {"name": "heat_right", "expr": f"width - {side}"},
            {"name": "heat_top", "expr": f"{s.head} + {above}"},
            {"name": "heat_bottom", "expr": f"height - {below}"},
            {"name": "bar_width", "expr": f"{NARROW} ? clamp(width - 150, 90, 200) : 300"},
        ]

    def at(self, **fields: str) -> dict[str, Any]:
        """Encoding of the fields given for `time`, `time2`, `price`, `price2`."""
        out: dict[str, Any] = {}
        for name, field in fields.items():
            channel = (self.time if name.startswith("time") else self.price) + (
                "2" if name.endswith("2") else ""
            )
            kind = "temporal" if name.startswith("time") else "quantitative"
            out[channel] = {"field": field} if name.endswith("2") else {"field": field, "type": kind}
        return out

    def pixels(self, **places: Any) -> dict[str, Any]:
        """Mark properties for pixel places given as `time`, `time2`, `price`, `price2`."""
        return {
            (self.time if name.startswith("time") else self.price)
            + ("2" if name.endswith("2") else ""): place
            for name, place in places.items()
        }


def expr(text: str) -> dict[str, str]:
    """A mark property or parameter computed in the browser."""
    return {"expr": text}


def layer(name: str, kind: str, encoding: dict[str, Any] | None = None, **mark: Any) -> Layer:
    """One layer over a named dataset, without the tooltip that the page's theme would add."""
    out: Layer = {"data": {"name": name}, "mark": {"type": kind, "tooltip": None, **mark}}
    if encoding:
        out["encoding"] = encoding
    return out


def box(left: Any, top: Any, right: Any, bottom: Any, fill: str = PANEL, **mark: Any) -> Layer:
    """A filled rectangle in pixels, drawn once."""
    return layer("frame", "rect", x=left, y=top, x2=right, y2=bottom, fill=fill, **mark)


def label(text: Any, x: Any, y: Any, **mark: Any) -> Layer:
    """A text in pixels, drawn once."""
    return layer(
        "frame",
        "text",
        text=text,
        x=x,
        y=y,
        **{
            "align": "left",
            "baseline": "top",
            "fontSize": 11.5,
            "color": QUIET,
            "lineBreak": "\n",
            "lineHeight": 15,
            **mark,
        },
    )
