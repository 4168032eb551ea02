"""Which file is this: the first producer that fits, and the generic readers for all others."""

from __future__ import annotations

from liqcore.feeds.files import columns as cells
from liqcore.feeds.files.draft import Draft, Request
from liqcore.feeds.files.producers import GENERIC, PRODUCERS, refuse_trades
from liqcore.feeds.files.table import RawTable, shown
from liqcore.tables import TableError


def draft(raw: RawTable, kind: str | None, request: Request) -> Draft:
    """The first layout that fits; a mapping always goes to the generic reader of its kind.

    Raises
    ------
    TableError
        The file holds another kind of table than the one asked for.
    MappingNeeded
        Columns that are needed were not found.
    """
    # A mapping that repeats what would be guessed (as in `MappingNeeded.guess`) keeps the producer's reading.
    guess = cells.find_columns(raw, kind, None) if kind is not None else {}
    columns_given = any(
        name not in cells.OPTIONS and guess.get(name) != column for name, column in request.mapping.items()
    )
    if columns_given:
        refuse_trades(raw, request)
    else:
        found = [item for item in PRODUCERS if item.fits(raw)]
        chosen = next((item for item in found if item.kind == kind or kind is None), None)
        if chosen is not None:
            return chosen.read(raw, request)
        # What a producer refuses is refused for every kind.
        refuse_trades(raw, request)
    if kind is None:
        kind = _guess_kind(raw, request)
    elif not columns_given:
        _refuse_other_kind(raw, kind)
    columns = cells.find_columns(raw, kind, request.mapping)
    if not raw.headed and not columns_given:
        raise cells.need(
            raw,
            kind,
            columns,
            tuple(name for name in cells.NEEDED[kind] if name not in columns),
            "The file has no column names and is of no known layout. Say which column holds what, or add a"
            " first line with names.",
        )
    return GENERIC[kind](raw, columns, request)


def _guess_kind(raw: RawTable, request: Request) -> str:
    names = {
        kind: cells.find_columns(
            raw,
            kind,
            (
                request.mapping
                if set(request.mapping) <= set(cells.ALIASES[kind]) | set(cells.OPTIONS)
                else None
            ),
        )
        for kind in GENERIC
    }
    liquidations = names["liquidations"]
    if set(cells.NEEDED["candles"]) <= set(names["candles"]):
        return "candles"
    paired = any(
        f"long_{unit}" in liquidations and f"short_{unit}" in liquidations for unit in ("usd", "btc", "total")
    )
    if paired or ("side" in liquidations and {"price", "quantity", "notional"} & set(liquidations)):
        return "liquidations"
    if "rate" in names["funding"]:
        return "funding"
    interest = names["open_interest"]
    if any(
        word in cells.key(interest.get(name, ""))
        for word in ("interest", "oi")
        for name in ("quantity", "notional")
    ):
        return "open_interest"
    missing = {kind: sum(name not in names[kind] for name in needed) for kind, needed in cells.NEEDED.items()}
    return min(("liquidations", "candles"), key=lambda kind: missing[kind])


def totals_beside(raw: RawTable) -> tuple[str, ...]:
    """The two columns of liquidation totals that stand beside candles, as they may be shown."""
    if not raw.headed:
        return ()
    found = cells.find_columns(raw, "liquidations", None)
    for unit in ("usd", "btc", "total"):
        pair = tuple(found.get(f"{side}_{unit}", "") for side in ("long", "short"))
        # One letter is too little to be a name beside o, h, l and c.
        if all(len(name) > 1 for name in pair):
            return tuple(shown(name) for name in pair)
    return ()


def _refuse_other_kind(raw: RawTable, kind: str) -> None:
    """A file of a known layout that was asked to be another table: say so instead of asking for columns."""
    known = next((item.kind for item in PRODUCERS if item.fits(raw)), None)
    columns = cells.find_columns(raw, kind, None)
    if (
        known
        and known != kind
        and not set(cells.NEEDED[kind]) <= set(columns)
        and not any(name.startswith("long_") for name in columns)
    ):
        raise TableError(
            f"This file holds {known.replace('_', ' ')}, not {kind.replace('_', ' ')}. Choose"
            f" {known.replace('_', ' ')} for it, or upload another file."
        )
