"""Measure what docs/honesty.md and the Lab tell: words on noise, maps on worlds, the model on recorded
markets.

    python tools/lab_table.py words|worlds|placebos|recorded|positions …

Every section is written to liqcore/lab/found.json and from there into docs/honesty.md. Recorded markets are
not part of the repository: their folder is named by HEATLAB_REAL_DATA, and without it their figures stay as
they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import liqcore
from liqcore import tables
from liqcore.heat.modelled import modelled_heatmap
from liqcore.lab import found, hot_levels, scoreboard
from liqcore.lab.record import against_record
from tools import measure_placebos, measure_words, measure_worlds

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "honesty.md"
SCOREBOARD = ROOT / "docs" / "scoreboard.md"
STORED = ROOT / "liqcore" / "lab" / found.FILE
DATA = Path(os.environ.get("HEATLAB_REAL_DATA") or ROOT.parent / "shared" / "data")


def words() -> dict[str, dict[str, Any]]:
    made = section(measure_words.table(measure_words.measured()), measure_words.NOTE, "all worlds")
    return {"words": made}


def worlds() -> dict[str, dict[str, Any]]:
    scores = measure_worlds.measured()
    print(scores[scores["variant"] == "as delivered"].to_string())
    asked = (measure_worlds.DAYS, measure_worlds.START, measure_worlds.LAWS)
    lead = measure_worlds.leaders(scores)
    return {
        "worlds": section(measure_worlds.accuracy(scores), f"{measure_worlds.ACCURACY_NOTE} {lead}", asked),
        "ahead": section(measure_worlds.ahead(scores), measure_worlds.AHEAD_NOTE, asked),
        "lifetimes": section(measure_worlds.lifetimes(scores), measure_worlds.LIFETIMES_NOTE, asked),
    }


def placebos() -> dict[str, dict[str, Any]]:
    asked = (measure_placebos.SEEDS, measure_placebos.WALKS)
    return {"placebos": section(measure_placebos.table(), measure_placebos.NOTE, asked)}


def recorded() -> dict[str, dict[str, Any]]:
    if not DATA.is_dir():
        print(f"No recorded markets in {DATA}: their figures stay.")
        return {}
    rows = []
    for name, market in recorded_markets():
        candles, interest, totals, events = market
        rng = np.random.default_rng(1)
        grid = modelled_heatmap(candles, interest)
        assert grid.predicted is not None
        span = f"{candles['time'].iloc[0]:%Y-%m-%d} to {candles['time'].iloc[-1]:%Y-%m-%d}"
        closed = None if events is None else hot_levels.crossed(candles, interest, events, rng)
        for one in against_record(grid.predicted, totals, candles, rng):
            rows.append(
                {
                    "market": name,
                    "span": span,
                    "side": one.side,
                    "n": one.n,
                    "model": f"{one.model:.2f}",
                    "excursion × volume": f"{one.simple:.2f}",
                    "absolute return": f"{one.moved:.2f}",
                    "model given excursion × volume": (
                        f"{one.beyond.value:.2f} [{one.beyond.low:.2f}, {one.beyond.high:.2f}]"
                    ),
                    "USD in crossed hot over cold bands": (
                        "–"
                        if closed is None
                        else f"{closed.ratio.value:.2f} [{closed.ratio.low:.2f}, {closed.ratio.high:.2f}]"
                    ),
                }
            )
    note = (
        "Rank correlation of what the model says was liquidated with recorded totals by hour, beside two"
        " figures that need no model. Intervals of 95 % by days. Bands of 0.25 % that price crossed within"
        " four hours, hot against cold at the same distance (both sides together)."
    )
    return {"recorded": section(pd.DataFrame(rows), note, [row["span"] for row in rows])}


def recorded_markets():  # type: ignore[no-untyped-def]
    """Name and (candles, open interest, totals by hour, events with prices or None) of each recorded
    market."""
    frame = pd.read_parquet(DATA / "C_2024-06_08_yen_crash" / "binance_1h_ohlcv_liq_oi_ls.parquet").rename(
        columns={"ts": "time", "volume_btc": "volume", "buy_volume_btc": "taker_buy_volume"}
    )
    interest = pd.DataFrame(
        {"time": frame["time"] + pd.Timedelta("1h"), "venue": "binance", "quantity": frame["oi_close"]}
    )
    totals = pd.DataFrame(
        {"time": frame["time"], "long": frame["liq_long_btc"], "short": frame["liq_short_btc"]}
    )
    yield (
        "one venue, hourly, summer of 2024",
        (tables.candles(frame), tables.open_interest(interest), totals, None),
    )
    folder = DATA / "J_2026-03_04_pacifica"
    candles = tables.candles(
        pd.read_parquet(folder / "candles_perp_15m.parquet").rename(columns={"ts": "time"})
    )
    held = (
        pd.read_parquet(folder / "oi_5m.parquet")
        .rename(columns={"ts": "time", "oi": "quantity"})
        .assign(venue="binance")
    )
    hourly = pd.read_parquet(folder / "coinglass_1h.parquet").rename(
        columns={"ts": "time", "liquidation_long_usd": "long", "liquidation_short_usd": "short"}
    )
    hits = pd.read_parquet(folder / "liq_events_pacifica.parquet").rename(
        columns={"ts": "time", "qty": "quantity", "usd": "notional"}
    )
    events = tables.liquidations(hits.assign(side=hits["position"].str.lower(), venue="pacifica"))
    yield (
        "three venues by the hour, spring of 2026; prices of one more",
        (candles, tables.open_interest(held), hourly, events),
    )


def positions() -> dict[str, dict[str, Any]]:
    """docs/scoreboard.md and what the Lab shows of it, from recorded snapshots; no section of its own."""
    folder = DATA / "L_2026-02_hyperliquid_positions"
    if not folder.is_dir():
        print(f"No recorded positions in {DATA}: the scoreboard stays.")
        return {}
    board = scoreboard.scoreboard(
        liqcore.snapshots(liqcore.read_positions(folder / "positions.parquet", venue="hyperliquid")),
        liqcore.read_candles(DATA / "candles" / "binance_um_15m_2026-02_05.parquet"),
        liqcore.read_open_interest(DATA / "candles" / "binance_um_oi_5m_2026-02_06.parquet"),
        np.random.default_rng(1),
    )
    page = scoreboard.markdown(board)
    SCOREBOARD.write_text(page, encoding="utf-8")
    lines = page.splitlines()
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    )
    note = next(line for line in lines if "snapshots of" in line).replace("`", "")
    held = {"columns": [name[0].upper() + name[1:] for name in head], "rows": rows, "note": note}
    STORED.with_name("measured.json").write_text(
        json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return {}


def section(table: pd.DataFrame, note: str, asked: object) -> dict[str, Any]:
    """A table as it is kept, with the hash of what was asked and answered."""
    rows = table.to_numpy(dtype=object).tolist()
    mark = hashlib.blake2b(json.dumps([rows, str(asked)], default=str).encode(), digest_size=6).hexdigest()
    return {"columns": [str(name) for name in table.columns], "rows": rows, "note": f"{note} Hash {mark}."}


TITLES = {
    "words": ("Our words on noise", "make null"),
    "worlds": ("Maps against exact positions", "make lab-table"),
    "ahead": ("Maps against what is liquidated next", "make lab-table"),
    "lifetimes": ("How long high leverage lives", "make lab-table"),
    "placebos": ("What a study must not find", "make lab-table"),
    "recorded": ("The model beside recorded liquidations", "make lab-table, where the recorded data is"),
}


def write(held: dict[str, Any]) -> None:
    """Both places, each section between its own marks, so that what others write on the page stays."""
    STORED.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else "# How far our words can be trusted\n"
    for name, (title, command) in TITLES.items():
        if name not in held:
            continue
        columns, rows = held[name]["columns"], held[name]["rows"]
        lines = [
            f"| {' | '.join(str(cell) for cell in row)} |" for row in [columns, ["---"] * len(columns), *rows]
        ]
        body = (
            f"<!-- {name} -->\n## {title}\n\n{held[name]['note']} By `{command}`.\n\n"
            + "\n".join(lines)
            + f"\n<!-- end {name} -->"
        )
        first, last = f"<!-- {name} -->", f"<!-- end {name} -->"
        if first in text:
            text = text[: text.index(first)] + body + text[text.index(last) + len(last) :]
        else:
            text = f"{text.rstrip()}\n\n{body}\n"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    makers: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
        "words": words,
        "worlds": worlds,
        "placebos": placebos,
        "recorded": recorded,
        "positions": positions,
    }
    told = found.read()
    for wanted in sys.argv[1:] or makers:
        told.update(makers[wanted]())
        write(told)
