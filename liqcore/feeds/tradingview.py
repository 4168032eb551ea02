"""Clusters and key levels for TradingView: a Pine script that draws them, and a plain list of levels to
watch.

TradingView keeps at most about 500 boxes a script and 100,256 tokens of compiled code, where a character of
text costs two (pine-script-docs: Writing scripts, Limitations). So the boxes are data, read by one short
loop, not 400 calls.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from liqcore import tables, wording
from liqcore.distances import away
from liqcore.heat.clusters import Cluster
from liqcore.heat.grid import Provenance

MOST_BOXES: Final = 400
# Older versions of Pine took 4,096 characters in one text.
_CHUNK: Final = 3_500
_LABEL: Final = 40
_COMPLETE: Final = {
    "all": "every liquidation",
    "sampled": "a sample",
    "unknown": "completeness unknown",
    "mixed": "partly sampled",
}
_MEANING: Final = {
    "realised": "liquidations that happened",
    "modelled": "positions that a model supposes, not known ones",
    "measured": "positions that were measured",
}

_SCRIPT: Final = """//@version=6
{header}
indicator("{title}", overlay = true, max_boxes_count = {most})
bool showLongs = input.bool(true, "Long liquidations")
bool showShorts = input.bool(true, "Short liquidations")
bool showLevels = input.bool(true, "Key levels")
// One box a row: low;high;since in ms;L, S or K (key level);strength from 0 to 100;label
array<string> chunks = array.from(
{chunks})
// Drawn once, on the last bar that had closed when the script began.
if barstate.islastconfirmedhistory
    int right = time + 30 * timeframe.in_seconds() * 1000
    for chunk in chunks
        for row in str.split(chunk, "|")
            array<string> cells = str.split(row, ";")
            if cells.size() == 6
                string kind = cells.get(3)
                bool shown = kind == "L" ? showLongs : kind == "S" ? showShorts : showLevels
                if shown
                    color base = kind == "L" ? #f2a24b : kind == "S" ? #5fb0f0 : color.gray
                    float low = str.tonumber(cells.get(0))
                    float high = str.tonumber(cells.get(1))
                    float since = str.tonumber(cells.get(2))
                    float strength = str.tonumber(cells.get(4))
                    int left = math.min(int(since), time)
                    color edge = color.new(base, 40)
                    color fill = color.new(base, 90 - 0.6 * strength)
                    box.new(left, high, right, low, border_color = edge, xloc = xloc.bar_time, bgcolor = fill, text = cells.get(5), text_size = size.small, text_color = chart.fg_color, text_halign = text.align_right)
    table note = table.new(position.bottom_right, 1, 1)
    table.cell(note, 0, 0, "{note}", text_color = color.gray, text_size = size.small)
"""  # noqa: E501


def clusters_to_pine(
    clusters: Sequence[Cluster],
    levels: pd.DataFrame | None,
    kind: str,
    provenance: Provenance,
    made_at: object,
    *,
    synthetic: bool = False,
    most: int = MOST_BOXES,
) -> str:
    """Clusters and key levels as the text of a Pine v6 script that draws them as labelled boxes.

    Parameters
    ----------
    clusters : as `heat.clusters` tells them; where there are too many, those with the most USD are kept.
    levels : None or a table with `price`, `low`, `high`, `kind` and `confirmed_at`, as `market.key_levels`
    makes it.
    kind : of the map: realised, modelled or measured.
    provenance : of the map; its venues and their completeness are written into the head.
    made_at : when the script is made (UTC where it names no zone).
    synthetic : whether the market is made up, which the title then says.
    most : boxes at most, up to 400.

    Raises
    ------
    TableError : `made_at` is no time.
    """
    room = min(max(most, 1), MOST_BOXES)
    level_rows = [_level_row(level) for level in _records(levels)][:room]
    kept = sorted(clusters, key=lambda one: -one.notional)[: room - len(level_rows)]
    largest = max((one.notional for one in kept), default=1.0) or 1.0
    rows = [_cluster_row(one, largest) for one in kept] + level_rows
    made, left_out = wording.when(tables.to_datetime64(made_at)), len(clusters) - len(kept)
    words = kind + (", made-up market" if synthetic else "")
    head = [
        *_head(kind, provenance, made, synthetic),
        f"{len(kept):,} clusters and {len(level_rows):,} key levels; {left_out:,} smaller clusters left out.",
        "Prices as they were then: this script does not follow the market.",
    ]
    return _SCRIPT.format(
        header="\n".join(f"// {_plain(line, 300)}" for line in head),
        title=_plain(f"Heatlab levels ({words})", 80),
        most=MOST_BOXES,
        chunks=",\n".join(f'     "{chunk}"' for chunk in _chunks(rows)),
        note=_plain(f"Heatlab, {words}, made {made}", 120),
    )


def watch_list(
    clusters: Sequence[Cluster],
    levels: pd.DataFrame | None,
    price: float,
    kind: str,
    provenance: Provenance,
    made_at: object,
    *,
    synthetic: bool = False,
) -> str:
    """Clusters and key levels as plain text, one a line from the highest price down, with the way from
    `price` to each.

    The arguments are those of `clusters_to_pine`; `price` is the price of now in USD.
    """
    entries = [
        (
            one.centre,
            (
                f"{one.side} cluster, {wording.price(one.low)} to {wording.price(one.high)},"
                f" {wording.usd(one.notional)}, {wording.percent(one.persistence)} of the time"
            ),
        )
        for one in clusters
    ]
    entries += [
        (float(level["price"]), f"key level, {_plain(str(level.get('kind', 'level')), _LABEL)}")
        for level in _records(levels)
    ]
    lines = [
        f"{wording.price(at, digits=2):>12}  {wording.percent(away(price, at), digits=2, signed=True):>9}"
        f"  {words}"
        for at, words in entries
    ]
    lines.append(f"{wording.price(price, digits=2):>12}  {'':>9}  price")
    order = sorted(
        range(len(lines)), key=lambda place: -(entries[place][0] if place < len(entries) else price)
    )
    head = _head(kind, provenance, wording.when(tables.to_datetime64(made_at)), synthetic)
    return (
        "\n".join([*(f"# {_plain(line, 300)}" for line in head), *(lines[place] for place in order)]) + "\n"
    )


def _head(kind: str, provenance: Provenance, made: str, synthetic: bool) -> list[str]:
    venues = ", ".join(
        f"{item.venue} ({_COMPLETE.get(item.completeness, item.completeness)})" for item in provenance.venues
    )
    lines = [f"Heatlab levels made at {made}: a {kind} map, that is {_MEANING.get(kind, 'of unknown kind')}."]
    if synthetic:
        lines.append("The market is made up by a simulator; these are no real prices.")
    lines.append(f"Source: {provenance.source}. Venues: {venues or 'not named'}.")
    if provenance.as_of is not None:
        lines.append(f"Data up to {wording.when(provenance.as_of)}.")
    if provenance.model is not None:
        lines.append(f"Model: {provenance.model}.")
    return lines + [f"Note: {flag}" for flag in provenance.flags]


def _cluster_row(one: Cluster, largest: float) -> str:
    label = _cell(f"{one.side} {wording.usd(one.notional)}")
    return _row(
        one.low,
        one.high,
        one.first_seen,
        "L" if one.side == "long" else "S",
        round(100 * one.notional / largest),
        label,
    )


def _records(levels: pd.DataFrame | None) -> list[dict[Hashable, Any]]:
    return [] if levels is None else levels.to_dict("records")


def _level_row(level: Mapping[Hashable, Any]) -> str:
    price = float(level["price"])
    low, high = (price if pd.isna(level.get(name)) else float(level[name]) for name in ("low", "high"))
    return _row(
        low,
        high,
        level.get("confirmed_at"),
        "K",
        30,
        _cell(f"{level.get('kind', 'level')} {wording.price(price)}"),
    )


def _row(low: float, high: float, since: Any, kind: str, strength: int, label: str) -> str:
    start = (
        0 if since is None or pd.isna(since) else int(tables.to_datetime64(since).astype("int64")) // 1_000
    )
    return f"{low:.2f};{high:.2f};{start};{kind};{strength};{label}"


def _chunks(rows: Iterable[str]) -> list[str]:
    """Rows joined by bars into texts that are short enough for Pine."""
    chunks = [""]
    for row in rows:
        joined = f"{chunks[-1]}|{row}" if chunks[-1] else row
        if len(joined) <= _CHUNK:
            chunks[-1] = joined
        else:
            chunks.append(row)
    return chunks


def _cell(text: str) -> str:
    return _plain(text, _LABEL).replace(";", ",").replace("|", "/")


def _plain(text: str, most: int) -> str:
    """One line of printable ASCII without what would end a text or a comment in Pine."""
    kept = "".join(one if one.isascii() and one.isprintable() else " " for one in text)
    return " ".join(kept.replace('"', "'").replace("\\", "/").split())[:most]
