"""The box beside the pointer: which cell is under it, and what it says, worked out in the browser.

A tooltip of the chart library belongs to a mark and shows the value the mark had when the pointer moved, one
event late. This box is drawn by marks whose texts are expressions of the pointer's place, so it shows the
cell under the pointer: place → step of the lattice → bin → characters of the band's string → USD.
"""

from __future__ import annotations

from typing import Any, Final

from liqcore.charts.hover import BASE, DIGITS
from liqcore.charts.marks import INK, NARROW, QUIET, Layer, Spot, box, expr, label, layer
from liqcore.charts.palette import PANEL

_WIDTH: Final = 306
_ROW: Final = 18


def signals(spot: Spot) -> list[dict[str, Any]]:
    """Named values of the pointer's place, in an order in which each uses only earlier ones."""
    return [
        {"name": "digits", "value": DIGITS},
        *(
            {"name": name, "expr": text}
            for name, text in (_place(spot) | _cell() | _stretch() | _texts(spot) | _box()).items()
        ),
    ]


def layers(spot: Spot) -> list[Layer]:
    """Crosshair, outline of the cell, and the box with its two columns of text."""
    cell = spot.pixels(
        time=expr(_inside(spot, spot.time, "since_time")),
        time2=expr(_inside(spot, spot.time, "until_time")),
        price=expr(_inside(spot, spot.price, "band_low")),
        price2=expr(_inside(spot, spot.price, "band_high")),
    )
    shown, lit = expr("box_rows > 0 ? 1 : 0"), expr("over_heat && cell_filled ? 1 : 0")
    outline = layer(
        "frame", "rect", None, fillOpacity=0, stroke="#ffffff", strokeWidth=1.5, strokeOpacity=lit, **cell
    )
    if spot.structure.select:
        outline["transform"] = [
            {"calculate": text, "as": name}
            for name, text in (
                ("price_from", "band_low"),
                ("price_to", "band_high"),
                ("time_from", "since_time"),
                ("time_to", "until_time"),
                ("side", "code_long >= code_short ? 'long' : 'short'"),
                ("usd", "cell_filled ? cell_usd : 0"),
            )
        ]
        outline["params"] = [
            {
                "name": "picked",
                "select": {
                    "type": "point",
                    "on": "click",
                    "toggle": False,
                    "fields": ["price_from", "price_to", "time_from", "time_to", "side", "usd"],
                },
            }
        ]
        outline["mark"]["fill"], outline["mark"]["fillOpacity"] = "#ffffff", 0.001
    line: dict[str, Any] = {"fill": "#c9d1d9", "opacity": expr("over_heat ? 0.3 : 0")}
    return [
        box(0, expr("pointer_y[1]"), expr("heat_right"), expr("pointer_y[1] + 0.8"), **line),
        box(expr("pointer_x[1]"), expr("heat_top"), expr("pointer_x[1] + 0.8"), expr("heat_bottom"), **line),
        layer("frame", "rect", None, fillOpacity=0, stroke=PANEL, strokeWidth=4, strokeOpacity=lit, **cell),
        outline,
        box(
            expr("box_x"),
            expr("box_y"),
            expr("box_x + box_width"),
            expr("box_y + box_height"),
            "#131922",
            stroke="#3d4757",
            strokeWidth=1,
            cornerRadius=6,
            opacity=expr("box_rows > 0 ? 0.97 : 0"),
        ),
        label(
            expr("box_titles"),
            expr("box_x + 12"),
            expr("box_y + 10"),
            color=QUIET,
            fontSize=12,
            lineHeight=_ROW,
            opacity=shown,
        ),
        label(
            expr("box_values"),
            expr("box_x + box_width - 12"),
            expr("box_y + 10"),
            color=INK,
            fontSize=12,
            lineHeight=_ROW,
            align="right",
            opacity=shown,
        ),
    ]


def _inside(spot: Spot, channel: str, value: str) -> str:
    low, high = ("0", "heat_right") if channel == "x" else ("heat_top", "heat_bottom")
    return f"over_heat ? clamp(scale('{channel}', {value}), {low}, {high}) : 0"


def _number(text: str) -> str:
    """Two characters as a whole number."""
    return f"(indexof(digits, slice({text}, 0, 1)) * {BASE} + indexof(digits, slice({text}, 1, 2)))"


def _place(spot: Spot) -> dict[str, str]:
    upright = spot.structure.upright
    along, up = f"pointer_{spot.time}[1]", f"pointer_{spot.price}[1]"
    price = "log(at_price)" if spot.structure.log_price else "at_price"
    in_time = "at_time >= f.time_from && at_time < f.time_to"
    in_price = "at_price >= f.price_from && at_price < f.price_to"
    in_plot = (
        "pointer_x[1] > 0 && pointer_x[1] <= heat_right && pointer_y[1] >= heat_top && pointer_y[1] <="
        " heat_bottom"
    )
    if upright:
        in_profile = "pointer_x[1] > heat_right && pointer_y[1] >= heat_top && pointer_y[1] <= heat_bottom"
        in_volume = "pointer_y[1] > heat_bottom && pointer_x[1] > 0 && pointer_x[1] <= heat_right"
    else:
        in_profile = (
            f"pointer_x[1] > 0 && pointer_x[1] <= heat_right && pointer_y[1] > {spot.structure.head} &&"
            " pointer_y[1] < heat_top"
        )
        in_volume = "pointer_x[1] > heat_right && pointer_y[1] >= heat_top"
    return {
        "at_time": f"invert('{spot.time}', {along})",
        "at_price": f"invert('{spot.price}', {up})",
        "over_heat": f"!!({in_plot} && {in_time} && {in_price})",
        "over_profile": f"!!(profile_size > 0 && {in_profile} && {in_price})",
        "over_volume": f"!!(volume_size > 0 && {in_volume} && {in_time})",
        "time_step": "over_heat || over_volume ? floor((at_time - f.time_origin) / f.time_step) : 0",
        "price_step": (
            f"over_heat || over_profile ? clamp(floor(({price} - f.price_origin) / f.price_step), 0,"
            " f.price_steps - 1) : 0"
        ),
        # A cell too small to hit is drawn larger than it is; when the pointer is on it, it is meant.
        "on_dot": "over_heat && isArray(dot.column) && dot.column.length > 0",
        "column": (
            "on_dot ? dot.column[0] : f.time_bins == '' ? time_step :"
            f" {_number('slice(f.time_bins, 2 * time_step, 2 * time_step + 2)')}"
        ),
        "band": (
            "on_dot ? dot.band[0] : f.price_bins == '' ? price_step :"
            f" {_number('slice(f.price_bins, 2 * price_step, 2 * price_step + 2)')}"
        ),
        "row": "over_heat || over_profile ? data('bands')[band] : null",
        "band_low": "row ? row.price_from : 0",
        "band_high": "row ? row.price_to : 0",
        "unseen": "over_heat && f.gaps != '' && slice(f.gaps, column, column + 1) == '1'",
        "candle": (
            "(over_heat || over_volume) && f.candle_step > 0 ? data('candles')[floor((at_time -"
            " f.candle_origin) / f.candle_step)] : null"
        ),
        "has_candle": "!!candle && isValid(candle.close)",
        "is_narrow": NARROW,
    }


def _cell() -> dict[str, str]:
    """The characters of the cell in each string, and the USD they stand for."""
    key = (
        f"'|' + slice(digits, floor(column / {BASE}), floor(column / {BASE}) + 1) + slice(digits, column %"
        f" {BASE}, column % {BASE} + 1)"
    )
    out = {"cell_key": key}
    for side in ("long", "short", "total"):
        text, first, at = f"text_{side}", f"first_{side}", f"at_{side}"
        out[text] = f"over_heat && row ? row.{side} : ''"
        out[first] = f"over_heat && row ? row.{first} : 0"
        # Where the cell's two characters begin; -1 where the string has none for it.
        out[at] = (
            f"{text} == '' ? -1 : {first} >= 0 ? 2 * max(column - {first}, -1) : indexof({text}, cell_key)"
        )
        out[f"pair_{side}"] = (
            f"{at} < 0 ? '' : {first} >= 0 ? slice({text}, {at}, {at} + 2) : slice({text}, {at} + 3, {at}"
            " + 5)"
        )
        out[f"code_{side}"] = f"pair_{side} == '' || pair_{side} == '  ' ? 0 : 1 + {_number(f'pair_{side}')}"
        amount = f"(100 + (code_{side} - 2) % 900) * pow(10, floor((code_{side} - 2) / 900) + f.lowest - 2)"
        out[f"usd_{side}"] = f"code_{side} < 2 ? 0 : {amount}"
        words = f"replace(format(usd_{side}, '$.3~s'), 'G', 'B')"
        out[f"words_{side}"] = f"code_{side} == 1 ? f.below : usd_{side} < 1 ? 'less than $1' : {words}"
    out["cell_filled"] = "code_long > 0 || code_short > 0"
    out["cell_usd"] = "max(usd_long, usd_short)"
    return out


def _stretch() -> dict[str, str]:
    """From when to when the fuller side of this band has been filled without a break around this cell."""

    def edge(column: str) -> str:
        return f"over_heat ? data('columns')[{column}].edge : 0"

    return {
        "text_main": "code_long >= code_short ? text_long : text_short",
        "first_main": "code_long >= code_short ? first_long : first_short",
        "at_main": "code_long >= code_short ? at_long : at_short",
        "alone": "f.flow || first_main < 0 || !cell_filled",
        "since": "alone ? column : first_main + (lastindexof(slice(text_main, 0, at_main), ' ') + 1) / 2",
        "blank": "alone ? 2 : indexof(slice(text_main, at_main), ' ')",
        "until": "blank < 0 ? first_main + length(text_main) / 2 : column + blank / 2",
        "since_time": edge("since"),
        "until_time": edge("until"),
        "column_time": edge("column"),
    }


def _texts(spot: Spot) -> dict[str, str]:
    """Titles and values, one line each, for the cell, the candle, the volume and the profile."""
    money = "format({}, f.price_format)"
    moment = "utcFormat({}, '%b %d, %H:%M')"
    short, long = "code_short > 0", "code_long > 0"
    amount = "({0} > 0 ? {0} < 1 ? 'less than $1' : replace(format({0}, '$.3~s'), 'G', 'B') : 'none')"
    rows = [
        ("row", "'Price band'", f"{money.format('band_low')} + ' to ' + {money.format('band_high')}"),
        (long, "f.word_long", "words_long"),
        (short, "f.word_short", "words_short"),
        (
            f"{long} && {short} && code_total > 0",
            "f.word_total",
            "(f.net && code_short > code_long ? '−' : '') + words_total",
        ),
        ("over_heat && !cell_filled && !unseen", "f.word_any", "f.empty"),
        ("unseen", "f.word_any", "'no data for this time'"),
        ("over_heat && cell_filled", "f.word_since", f"{moment.format('since_time')} + ' UTC'"),
        (
            "over_heat && cell_filled",
            "f.word_until",
            f"!f.flow && until >= f.columns ? 'still in place' : {moment.format('until_time')} + ' UTC'",
        ),
        (
            "(over_heat && !cell_filled) || over_volume",
            "'Time'",
            f"{moment.format('over_volume ? at_time : column_time')} + ' UTC'",
        ),
        ("over_profile", "f.word_long + f.profile_when", amount.format("row.long_usd")),
        ("over_profile", "f.word_short + f.profile_when", amount.format("row.short_usd")),
        ("over_profile && !f.flow", "'Summed from ' + f.reference", amount.format("row.way_usd")),
        (
            "has_candle",
            "'Candle, low to high'",
            f"{money.format('candle.low')} + ' to ' + {money.format('candle.high')}",
        ),
        (
            "has_candle && !is_narrow",
            "'Candle, open and close'",
            f"{money.format('candle.open')} + ', ' + {money.format('candle.close')}",
        ),
        (
            "has_candle && volume_size > 0 && (over_volume || !is_narrow) && isValid(candle.volume)",
            "'Volume'",
            "format(candle.volume, '.3~s') + ' BTC'",
        ),
        (
            "has_candle && volume_size > 0 && (over_volume || !is_narrow) && isValid(candle.bought)",
            "'Bought by takers'",
            "format(candle.bought, '.0%')",
        ),
        ("(over_heat && cell_filled) || over_profile", "'Venues'", "f.venues"),
        ("(over_heat && cell_filled) || over_profile", "'Kind'", "f.kind"),
    ]
    any_over = "over_heat || over_profile || over_volume"
    lines = {
        name: (
            f"{any_over} ? slice("
            + " + ".join(f"({when} ? '\\n' + ({part[k]}) : '')" for when, *part in rows)
            + ", 1) : ''"
        )
        for k, name in enumerate(("box_titles", "box_values"))
    }
    return lines | {"box_rows": "box_titles == '' ? 0 : length(split(box_titles, '\\n'))"}


def _box() -> dict[str, str]:
    """The box keeps off the pointer, and off the finger, and stays within the plot."""
    return {
        "box_width": f"min({_WIDTH}, width - 8)",
        "box_height": f"box_rows * {_ROW} + 16",
        "box_x": (
            "pointer_x[1] + 16 + box_width < width ? pointer_x[1] + 16 : max(4, min(pointer_x[1] - 16 -"
            " box_width, width - box_width - 4))"
        ),
        "box_y": (
            "pointer_y[1] + 18 + box_height < height ? pointer_y[1] + 18 : max(4, pointer_y[1] - 18 -"
            " box_height)"
        ),
    }
