"""Which position a liquidation closed: the file's own word for it, or the order that closed it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from liqcore.feeds.files import columns as cells, labels
from liqcore.feeds.files.draft import Request
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError


def sides(
    raw: RawTable,
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    request: Request,
    venues: pd.Series,
    notes: list[str],
) -> pd.Series:
    """`long` or `short` for each row; other words stay for the table's own check to name.

    Raises
    ------
    MappingNeeded
        The file says buy and sell, and nothing tells whether of the order or of the position.
    """
    # A file can hold the order side and the position; the position needs no interpretation.
    chosen = columns["side"]
    if "side" not in request.mapping:
        for column in raw.columns:
            if cells.key(column) in cells.ALIASES["liquidations"]["side"]:
                spelled = set(labels.held(labels.side_words(frame[column])))
                if spelled and spelled <= {"long", "short"}:
                    chosen = column
                    break
    words = labels.side_words(frame[chosen])
    traded = labels.among(words, ("buy", "sell"))
    if not traded.any():
        return words
    asked = request.mapping.get("side_meaning")
    if asked is not None and asked not in (*cells.OPTIONS["side_meaning"], cells.VENUES_OWN):
        raise TableError(
            "The side meaning is 'order' (a sell closes a long) or 'position' (a buy is a long that was"
            " closed). Choose one."
        )
    meaning = _meaning(chosen, frame, venues, asked)
    if bool(meaning[traded].isna().any()):
        raise cells.need(
            raw,
            "liquidations",
            columns,
            ("side_meaning",),
            f"Column {shown(chosen)} says buy or sell, which is the side of the order in some files and of"
            " the position in others. Choose which it is, or name the venue of its own messages.",
        )
    notes.append(
        "A sell order was taken as a long that was closed."
        if (meaning == "order").all()
        else (
            "Buy was taken as a long position that was closed."
            if (meaning == "position").all()
            else "Buy and sell were read by each venue's own meaning: order side or position side."
        )
    )
    return labels.positions(words, meaning)


def _meaning(chosen: str, frame: pd.DataFrame, venues: pd.Series, asked: str | None) -> pd.Series:
    """`order`, `position` or nothing for each row.

    Orders are what every tool writes, so a venue that speaks of orders needs no question; one that speaks of
    positions does, because its words may have been turned round on the way.
    """
    own = labels.recoded(venues, labels.SIDE_MEANING, ("order", "position"))
    if asked == cells.VENUES_OWN:
        return own
    if asked is not None:
        return labels.constant(asked, frame.index)
    name = cells.key(chosen)
    if name == "orderside":
        return labels.constant("order", frame.index)
    if name in ("positionside", "posside", "position", "liquidatedside", "liqside"):
        return labels.constant("position", frame.index)
    return labels.recoded(own, {"order": "order"}, ("order",))
