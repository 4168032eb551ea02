"""The Vega-Lite description of the heatmap: written once for each structure, then only its data change.

Everything that differs from one rerun to the next (ranges, texts, colours) is read from one-row datasets by
expressions, so that the description stays the same and the browser keeps the living chart. All times are
numbers of milliseconds since 1970 UTC on a `utc` scale: no browser time zone, and no clock change, can move
a candle against the heat.

The chart is a single view. The picture, the price and the heat share one pair of scales whose ranges leave
margins at the edges for the legend, the profile and the volume; the margins have their own dark background
drawn over the zoomed picture. A view that is not concatenated keeps its width with the page.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from liqcore.charts import readout as chart_readout
from liqcore.charts.marks import (
    DOWN,
    GAP,
    INK,
    LINE,
    NARROW,
    NOW,
    QUIET,
    STRIPE,
    UP,
    Layer,
    Spot,
    Structure,
    box,
    expr,
    label,
    layer,
)
from liqcore.charts.palette import LONG, PANEL, SHORT

# In the order of the toolbar's "Show data", which shows the first only.
DATASETS: Final = (
    "table",
    "frame",
    "heat",
    "cells",
    "bands",
    "columns",
    "curves",
    "candles",
    "gaps",
    "outlines",
    "levels",
    "marks",
    "ticks",
    "swatches",
)
_WHEEL: Final = {"shift": "wheel![event.shiftKey]", "wheel": "wheel!"}
# A finger that moves over the chart scrolls the page; only a mouse or a pen drags the chart.
_DRAG: Final = "[pointerdown[event.pointerType !== 'touch'], window:pointerup] > window:pointermove!"


@functools.lru_cache(maxsize=64)
def template(structure: Structure) -> dict[str, Any]:
    """The whole description without data. Shared between calls: copy before changing it."""
    spot = Spot(structure)
    # Events lie on the price that made them, so there the heat goes over the candles.
    ground = [*_price(spot), *_heat(spot)] if structure.flow else [*_heat(spot), *_price(spot)]
    layers = [
        *_gaps(spot),
        *ground,
        *_outlines(spot),
        *_levels(spot),
        *_now(spot),
        *_marks(spot),
        *_margins(spot),
        *_profile(spot),
        *_volume(spot),
        *_header(spot),
        *chart_readout.layers(spot),
        *(
            {
                "data": {"name": name},
                "transform": [{"filter": "false"}],
                "mark": {"type": "point", "tooltip": None},
            }
            for name in ("table", "bands", "columns", "curves", "candles")
        ),
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "height": structure.height,
        "view": {"fill": PANEL, "stroke": None},
        "params": [*spot.geometry(), *chart_readout.signals(spot)],
        "layer": layers,
        "usermeta": {"embedOptions": {"renderer": structure.renderer}},
    }


def _heat(spot: Spot) -> list[Layer]:
    s = spot.structure
    hover = {
        "name": "pointer",
        "select": {
            # An interval that begins and ends at the pointer: its pixel signals pointer_x and pointer_y are
            # the place of the mouse, or of the last tap, which Vega-Lite offers in no other way.
            "type": "interval",
            "encodings": ["x", "y"],
            "clear": "mouseout",
            "translate": False,
            "zoom": False,
            "on": "[pointermove, mouseout] > pointermove, [pointerdown, mouseout] > pointermove",
            "mark": {"fillOpacity": 0, "strokeOpacity": 0, "cursor": "crosshair"},
        },
    }
    params: list[dict[str, Any]] = [hover]
    if s.zoom != "off":
        params.append(
            {
                "name": "zoom",
                "bind": "scales",
                "select": {
                    "type": "interval",
                    "encodings": ["x", "y"],
                    "zoom": _WHEEL[s.zoom],
                    "translate": _DRAG,
                },
            }
        )
    image = layer(
        "heat",
        "image",
        spot.at(time="time_from", time2="time_to", price="price_from", price2="price_to"),
        aspect=False,
        smooth=False,
        clip=True,
    )
    image["encoding"]["url"] = {"field": "url", "type": "nominal"}
    image["encoding"][spot.time] |= _time_axis(spot)
    image["encoding"][spot.price] |= _price_axis(spot)
    image["params"] = params
    colour = {"field": "colour", "type": "nominal", "scale": None}
    where = spot.at(time="time_from", time2="time_to", price="price_from", price2="price_to")
    edges = layer("cells", "rect", where, clip=True, fill=PANEL, stroke=PANEL, strokeWidth=4.5)
    cells = layer("cells", "rect", where | {"fill": colour, "stroke": colour}, clip=True, strokeWidth=2.2)
    cells["params"] = [
        {
            "name": "dot",
            "select": {
                "type": "point",
                "fields": ["column", "band"],
                "on": "pointerover",
                "clear": "mouseout",
                "toggle": False,
            },
        }
    ]
    return [image, edges, cells]


def _range(spot: Spot, channel: str) -> list[Any]:
    return [0, expr("heat_right")] if channel == "x" else [expr("heat_bottom"), expr("heat_top")]


def _time_axis(spot: Spot) -> dict[str, Any]:
    day = "(utchours(datum.value) == 0 && utcminutes(datum.value) == 0)"
    long_span = "(f.time_to - f.time_from > 345600000)"
    first = (
        f"datum.index == 0 && !{day} ? [utcFormat(datum.value, '%H:%M'), utcFormat(datum.value, '%b %d')] : "
    )
    return {
        "scale": {
            "type": "utc",
            "nice": False,
            "domain": expr("[f.time_from, f.time_to]"),
            "range": _range(spot, spot.time),
        },
        "axis": {
            "grid": False,
            "domain": False,
            "labelOverlap": True,
            "labelFlush": spot.time == "x",
            "tickCount": expr(
                "max(2, ceil(width / 130))" if spot.time == "x" else "max(2, ceil(height / 70))"
            ),
            "labelExpr": (
                f"{first}utcFormat(datum.value, {day} || {long_span} && utchours(datum.value) == 0 ? '%b %d'"
                " : '%H:%M')"
            ),
            "labelFontSize": 11.5,
            **_corner_title(spot, spot.time, "Time (UTC)"),
        },
    }


def _price_axis(spot: Spot) -> dict[str, Any]:
    return {
        "scale": (
            {
                "type": "log" if spot.structure.log_price else "linear",
                "nice": False,
                "zero": False,
                "domain": expr("[f.price_from, f.price_to]"),
                "range": _range(spot, spot.price),
            }
            if not spot.structure.log_price
            else {
                "type": "log",
                "nice": False,
                "domain": expr("[f.price_from, f.price_to]"),
                "range": _range(spot, spot.price),
            }
        ),
        "axis": {
            "grid": False,
            "domain": False,
            "labelOverlap": True,
            "tickCount": expr(
                "max(2, ceil(width / 110))" if spot.price == "x" else "max(3, ceil(height / 55))"
            ),
            "labelExpr": (
                "format(datum.value, abs(datum.value - round(datum.value)) < 0.001 ? '$,.0f' : '$,.2f')"
            ),
            "labelFontSize": 11.5,
            **({"minExtent": 56, "maxExtent": 56} if spot.price == "y" else {}),
            **_corner_title(spot, spot.price, "BTC price"),
        },
    }


def _corner_title(spot: Spot, channel: str, text: str) -> dict[str, Any]:
    """Titles of vertical axes lie flat in the free corner beside the legend: no width lost on a phone."""
    if channel == "x":
        return {"title": text, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 4}
    return {
        "title": text,
        "titleAngle": 0,
        "titleAlign": "right",
        "titleBaseline": "bottom",
        "titleX": -8,
        "titleY": expr("heat_top - 16"),
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }


def _gaps(spot: Spot) -> list[Layer]:
    span = spot.at(time="time_from", time2="time_to")
    edge, far = ("heat_top", "heat_bottom") if spot.structure.upright else ("heat_right", "0")
    across = spot.pixels(price=expr(edge), price2=expr(far))
    wide = f"abs(scale('{spot.time}', datum.time_to) - scale('{spot.time}', datum.time_from))"
    return [
        layer("gaps", "rect", span, clip=True, fill=GAP, **across),
        # One thick dashed rule a gap draws the stripes.
        layer(
            "gaps",
            "rule",
            spot.at(time="middle"),
            clip=True,
            color=STRIPE,
            strokeDash=[2, 7],
            strokeWidth=expr(wide),
            **across,
        ),
        layer(
            "gaps",
            "text",
            spot.at(time="middle"),
            clip=True,
            text=expr(f"{wide} > 46 ? 'no data' : ''"),
            color=QUIET,
            fontSize=11.5,
            **spot.pixels(price=expr("heat_bottom - 14" if spot.structure.upright else "heat_right - 30")),
        ),
    ]


def _halo(text: Layer, width: float = 3.0) -> list[Layer]:
    """A text with a dark edge, readable on any colour of the map."""
    under = {
        **text,
        "mark": {
            **text["mark"],
            "stroke": PANEL,
            "strokeWidth": width,
            "strokeJoin": "round",
            "color": PANEL,
            "strokeOpacity": 0.85,
        },
    }
    return [under, text]


def _outlines(spot: Spot) -> list[Layer]:
    where = spot.at(time="time_from", time2="time_to", price="price_from", price2="price_to")
    colour = expr(f"datum.side == 'long' ? '{LONG}' : datum.side == 'short' ? '{SHORT}' : '{INK}'")
    text = layer(
        "outlines",
        "text",
        spot.at(time="label_at", price="price_to"),
        clip=True,
        text=expr("datum.label"),
        align=expr("datum.flip ? 'right' : 'left'"),
        baseline=expr("datum.under ? 'top' : 'bottom'"),
        dx=expr("datum.flip ? -4 : 4"),
        dy=expr("datum.under ? 5 : -3"),
        fontSize=11.5,
        color=INK,
    )
    return [
        layer(
            "outlines",
            "rect",
            where,
            clip=True,
            fillOpacity=0,
            stroke=PANEL,
            strokeWidth=4,
            strokeOpacity=0.8,
        ),
        layer("outlines", "rect", where, clip=True, fillOpacity=0, stroke=colour, strokeWidth=1.8),
        *_halo(text),
    ]


def _levels(spot: Spot) -> list[Layer]:
    across = spot.pixels(
        time=expr("0" if spot.structure.upright else "heat_bottom"),
        time2=expr("heat_right" if spot.structure.upright else "heat_top"),
    )
    place = spot.pixels(time=expr("8" if spot.structure.upright else "heat_bottom - 12"))
    text = layer(
        "levels",
        "text",
        spot.at(price="price"),
        clip=True,
        text=expr("datum.label"),
        align="left",
        baseline="bottom" if spot.structure.upright else "middle",
        dx=0 if spot.structure.upright else 4,
        dy=-3 if spot.structure.upright else 0,
        fontSize=11.5,
        fontWeight="bold",
        color=INK,
        **place,
    )
    return [
        layer(
            "levels",
            "rule",
            spot.at(price="price"),
            clip=True,
            color=PANEL,
            strokeWidth=3.2,
            opacity=0.7,
            **across,
        ),
        layer(
            "levels",
            "rule",
            spot.at(price="price"),
            clip=True,
            color=INK,
            strokeWidth=1.3,
            strokeDash=[7, 4],
            **across,
        ),
        *_halo(text),
    ]


def _price(spot: Spot) -> list[Layer]:
    if spot.structure.price_line == "none":
        return []
    if spot.structure.price_line == "line":
        line: dict[str, Any] = {"clip": True, "strokeJoin": "round"}
        where = spot.at(time="time_to", price="close") | {
            "order": {"field": "time_to", "type": "quantitative"}
        }
        return [
            layer("candles", "line", where, color=PANEL, strokeWidth=4.5, opacity=0.75, **line),
            layer("candles", "line", where, color=UP, strokeWidth=1.7, **line),
        ]
    colour = expr(f"datum.close >= datum.open ? '{UP}' : '{DOWN}'")
    wick = spot.at(time="middle", price="low", price2="high")
    body = spot.at(time="left", time2="right", price="open", price2="close")
    return [
        layer("candles", "rule", wick, clip=True, color=PANEL, strokeWidth=3, opacity=0.7),
        layer(
            "candles", "rect", body, clip=True, fill=PANEL, stroke=PANEL, strokeWidth=2.4, strokeOpacity=0.7
        ),
        layer("candles", "rule", wick, clip=True, color=colour, strokeWidth=1),
        layer("candles", "rect", body, clip=True, fill=colour, stroke=colour, strokeWidth=0.6),
    ]


def _now(spot: Spot) -> list[Layer]:
    upright = spot.structure.upright
    place = f"scale('{spot.price}', f.now)"
    inside = (
        f"isValid(f.now) && {place} >= "
        + ("heat_top && " if upright else "0 && ")
        + f"{place} <= "
        + ("heat_bottom" if upright else "heat_right")
    )
    shown = expr(f"{inside} ? 1 : 0")
    along = (0, expr("heat_right")) if upright else (expr("heat_bottom"), expr("heat_top"))
    where, rule = spot.at(price="now"), spot.pixels(time=along[0], time2=along[1])
    if upright:
        text = label(
            expr("f.now_label"),
            expr("heat_right - 6"),
            expr(f"{place} - 5"),
            align="right",
            baseline="bottom",
            color=NOW,
            fontWeight="bold",
            fontSize=12,
        )
    else:
        text = label(
            expr("f.now_label"),
            expr(f"{place} + 6"),
            expr("heat_top + 8"),
            color=NOW,
            fontWeight="bold",
            fontSize=12,
        )
    text["mark"]["opacity"] = shown
    return [
        layer(
            "frame",
            "rule",
            where,
            clip=True,
            color=PANEL,
            strokeWidth=3,
            opacity=expr(f"{inside} ? 0.6 : 0"),
            **rule,
        ),
        layer(
            "frame",
            "rule",
            where,
            clip=True,
            color=NOW,
            strokeWidth=1.2,
            strokeDash=[4, 3],
            opacity=shown,
            **rule,
        ),
        *_halo(text),
    ]


def _marks(spot: Spot) -> list[Layer]:
    where = spot.at(time="time", price="price")
    text = layer(
        "marks",
        "text",
        where,
        clip=True,
        text=expr(f"{NARROW} ? '' : datum.label"),
        fontSize=12,
        fontWeight="bold",
        align=expr("datum.flip ? 'right' : 'left'"),
        dx=expr("datum.flip ? -15 : 15"),
        baseline="middle",
        color=UP,
    )
    return [
        layer(
            "marks",
            "point",
            where,
            clip=True,
            shape="circle",
            size=380,
            fill=UP,
            stroke=PANEL,
            strokeWidth=2.5,
            opacity=1,
        ),
        layer(
            "marks",
            "text",
            where,
            clip=True,
            text=expr("datum.number"),
            fontSize=13,
            fontWeight="bold",
            color=PANEL,
            baseline="middle",
        ),
        *_halo(text, 3.5),
    ]


def _margins(spot: Spot) -> list[Layer]:
    """Dark ground for the margins, over the picture, which zooming may have pushed under them."""
    s, out = spot.structure, []
    if s.upright and s.volume:
        out += [
            box(0, expr("heat_bottom"), expr("width"), expr("height")),
            box(0, expr("heat_bottom"), expr("heat_right"), expr("heat_bottom + 1"), LINE),
        ]
    if s.upright and s.profile:
        out += [
            box(expr("heat_right"), 0, expr("width"), expr("height")),
            box(expr("heat_right"), expr("heat_top"), expr("heat_right + 1"), expr("heat_bottom"), LINE),
        ]
    if not s.upright and s.volume:
        out += [
            box(expr("heat_right"), 0, expr("width"), expr("height")),
            box(expr("heat_right"), expr("heat_top"), expr("heat_right + 1"), expr("heat_bottom"), LINE),
        ]
    if not s.upright and s.profile:
        out += [
            box(0, 0, expr("width"), expr("heat_top")),
            box(0, expr("heat_top - 1"), expr("heat_right"), expr("heat_top"), LINE),
        ]
    return out


def _profile(spot: Spot) -> list[Layer]:
    if not spot.structure.profile:
        return []
    upright = spot.structure.upright
    room = "(profile_size - 10)" if upright else "(profile_size - 22)"

    def grow(share: str) -> dict[str, str]:
        return expr(f"heat_right + 2 + {room} * {share}" if upright else f"heat_top - 2 - {room} * {share}")

    bars = spot.at(price="price_from", price2="price_to")
    out = [
        layer(
            "bands",
            "rect",
            bars,
            clip=True,
            fill=LONG,
            **spot.pixels(time=grow("0"), time2=grow("datum.long_share")),
        ),
        layer(
            "bands",
            "rect",
            bars,
            clip=True,
            fill=SHORT,
            **spot.pixels(
                time=grow("datum.long_share"), time2=grow("(datum.long_share + datum.short_share)")
            ),
        ),
    ]
    for side, colour in (("long", LONG), ("short", SHORT)):
        where = spot.at(price="price") | {"order": {"field": "price", "type": "quantitative"}}
        curve = layer(
            "curves",
            "line",
            where,
            clip=True,
            strokeWidth=1.6,
            color=colour,
            **spot.pixels(time=grow(f"datum.{side}")),
        )
        edge = layer(
            "curves",
            "line",
            where,
            clip=True,
            strokeWidth=4,
            color=PANEL,
            opacity=0.8,
            **spot.pixels(time=grow(f"datum.{side}")),
        )
        out += [{**part, "transform": [{"filter": f"datum.side == '{side}'"}]} for part in (edge, curve)]
    return out


def _volume(spot: Spot) -> list[Layer]:
    if not spot.structure.volume:
        return []
    upright = spot.structure.upright
    room = "(volume_size - 22)" if upright else "(volume_size - 10)"

    def grow(share: str) -> dict[str, str]:
        return expr(f"height - {room} * {share}" if upright else f"heat_right + 2 + {room} * {share}")

    span = spot.at(time="left", time2="right")
    pressed = expr(f"datum.pressure >= 0 ? '{UP}' : '{DOWN}'")
    out = [
        layer(
            "candles",
            "rect",
            span,
            clip=True,
            fill="#465264",
            **spot.pixels(price=grow("0"), price2=grow("datum.volume_share")),
        ),
        layer(
            "candles",
            "rect",
            span,
            clip=True,
            fill=pressed,
            **spot.pixels(price=grow("0"), price2=grow("abs(datum.pressure)")),
        ),
    ]
    if upright:
        out.append(box(expr("heat_right"), expr("heat_bottom"), expr("width"), expr("height")))
        out.append(
            label(
                expr(f"{NARROW} ? f.volume_short : f.volume_title"), 10, expr("heat_bottom + 5"), fontSize=11
            )
        )
    else:
        out += [box(expr("heat_right"), 0, expr("width"), expr("heat_top"))]
        out.append(
            label(
                expr(f"{NARROW} ? 'Volume' : f.volume_lines"),
                expr("heat_right + 8"),
                expr("heat_top - 50"),
                fontSize=11,
            )
        )
    return out


def _header(spot: Spot) -> list[Layer]:
    s = spot.structure
    top = 24 if s.titled else 2
    out = [box(0, 0, expr("width"), s.head)]
    if s.titled:
        out.append(label(expr("f.title"), 12, 7, fontSize=14, fontWeight="bold", color=INK))
    out += [
        label(expr(f"{NARROW} ? f.legend_short : f.legend_title"), 12, top + 5, color=INK, fontSize=12),
        layer(
            "frame",
            "image",
            {"url": {"field": "legend_url", "type": "nominal"}},
            x=12,
            y=top + 23,
            align="left",
            baseline="top",
            width=expr("bar_width"),
            height=9,
            aspect=False,
            smooth=True,
        ),
        layer(
            "ticks",
            "text",
            None,
            text=expr("datum.label"),
            x=expr("12 + datum.share * bar_width"),
            y=top + 36,
            baseline="top",
            fontSize=11,
            color=INK,
            opacity=expr(f"{NARROW} && !datum.narrow ? 0 : 1"),
            align=expr("datum.share < 0.02 ? 'left' : datum.share > 0.98 ? 'right' : 'center'"),
        ),
    ]
    left = f"(28 + bar_width + ({NARROW} ? 0 : datum.place * 108))"
    high = f"({top + 22} + ({NARROW} ? datum.place * 15 : 0))"
    out += [
        layer(
            "swatches",
            "rect",
            None,
            x=expr(left),
            x2=expr(f"{left} + 16"),
            y=expr(high),
            y2=expr(f"{high} + 11"),
            fill=expr(f"datum.gap ? '{GAP}' : '{PANEL}'"),
            stroke="#4b5563",
            strokeWidth=1,
        ),
        *(
            layer(
                "swatches",
                "rect",
                None,
                x=expr(f"{left} + 1"),
                x2=expr(f"{left} + 15"),
                y=expr(f"{high} + {k}"),
                y2=expr(f"{high} + {k + 2}"),
                fill=STRIPE,
                opacity=expr("datum.gap ? 1 : 0"),
            )
            for k in (2, 6)
        ),
        layer(
            "swatches",
            "text",
            None,
            x=expr(f"{left} + 22"),
            y=expr(high),
            text=expr("datum.label"),
            align="left",
            baseline="top",
            fontSize=11,
            color=QUIET,
        ),
    ]
    if s.profile:  # on a phone the margin is too narrow for words; the box beside the finger has them
        place = (expr("heat_right + 8"), top + 5) if s.upright else (12, expr("heat_top - 88"))
        words = (
            f"{NARROW} ? '' : f.profile_title"
            if s.upright
            else f"{NARROW} ? f.profile_short : f.profile_line"
        )
        out.append(label(expr(words), *place, fontSize=11, lineHeight=14))
    return out
