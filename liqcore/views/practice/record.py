"""How a practice test ended, the record over all of them, and the journal as a file."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from liqcore import wording
from liqcore.charts.card import card
from liqcore.learn import game, quiz
from liqcore.learn.glossary import meaning
from liqcore.learn.quiz import JournalRow, QuizError
from liqcore.views.practice import charts as practice_charts, table as practice_table, trade as practice_trade
from liqcore.views.practice.table import Table

_LARGEST_FILE: Final = 3_000_000
_HELD: Final = "practice_files"
# What makes a link lead to the same test.
_SAME: Final = ("data", "day", "span", "every", "ahead", "map")
_HISTORY: Final = {
    "test": "Test",
    "market": "Market",
    "bars": "Bars",
    "rounds": "Rounds",
    "points": "Points",
    "better": "Beat the base rate",
    "r": "Trades, R after costs",
}
_NAMES: Final = {
    "time": "Began (UTC)",
    "dataset": "Market",
    "seed": "Test",
    "timeframe": "Bars",
    "level": "Level, USD",
    "said_touches": "Said touched",
    "touches": "Touched",
    "said_breaks": "Said broken",
    "breaks": "Broken",
    "side": "Trade",
    "end": "Ended by",
    "r": "R after costs",
    "note": "Note",
}


def ending(table: Table) -> None:
    """The grade of this test, once all bars have come."""
    row, played = table.row, table.played
    if not played.over(table.game):
        return
    st.subheader("How you did")
    if row is None:
        st.info(
            "You wrote nothing down in this round, so there is nothing to grade. In the next one, write a"
            " forecast before you let the bars come.",
            icon=":material/edit_off:",
        )
        return
    left, right = st.columns(2, gap="large")
    with left:
        if row.said_touches is not None:
            st.markdown(f"**Your forecast** for {wording.markdown(wording.price(row.level or 0))}")
            st.dataframe(
                practice_charts.forecast_table(row),
                hide_index=True,
                width="stretch",
                placeholder=wording.NOTHING,
            )
            score = quiz.answers([row]).score
            if score is not None:
                st.markdown(score.sentence)
                st.caption(f"Brier score: {meaning('Brier score')}")
        else:
            st.markdown("You gave no forecast in this round.")
    with right:
        result = played.trade(table.game)
        if result is not None:
            st.markdown(
                f"**Your trade.** {wording.markdown(practice_charts.standing(played, result, over=True))}"
            )
            practice_trade.rules(table)
            st.caption(
                f"R: {meaning('R')} A trade that keeps every rule can lose, and one that breaks them can win."
                " Grade the rules, not the one result."
            )
        else:
            st.markdown("**No trade.** That made 0 R and cost nothing.")
        st.text_input(
            "A note for your journal",
            key=f"note-{table.key}",
            max_chars=300,
            on_change=_note,
            args=(table,),
            placeholder="What did you see, and what did you miss?",
        )
    st.caption(
        f"In truth, the hidden bars began on {wording.when(table.game.dated(0))} in"
        f" {wording.markdown(table.data.label)}."
    )


def _note(table: Table) -> None:
    table.note(str(st.session_state.get(f"note-{table.key}") or ""))


def score(table: Table, rows: list[JournalRow]) -> None:
    """The standing of the test on the table, and the streak over all rounds, in one line."""
    now, best = game.streak(rows)
    told = game.standing(_of_test(table, rows)).sentence
    if best:
        told += f" Streak: {now} in a row, the longest so far {best}."
    st.markdown(f":material/sports_score: {told}")


def _of_test(table: Table, rows: list[JournalRow]) -> list[JournalRow]:
    """Rows of the test that the round on the table belongs to."""
    test, _ = game.place(table.game.seed)
    here = (test, table.data.label, table.game.timeframe, table.game.hidden)
    return [row for row in rows if (game.place(row.seed)[0], row.dataset, row.timeframe, row.bars) == here]


def share(table: Table, rows: list[JournalRow]) -> None:
    """After a round was graded: a card of the test as a picture, and the link to the same test."""
    stood = game.standing(_of_test(table, rows))
    if stood.points is None or not table.played.over(table.game):
        return
    with st.expander("A card to pass on", icon=":material/share:", key="card", on_change="rerun") as opened:
        if not opened.open:
            return
        test, _ = game.place(table.game.seed)
        link = _link(test, table.data.key)
        title = f"Test {test}, {table.game.hidden} bars of {table.game.timeframe}, {table.data.label}"
        lines = (
            f"{stood.rounds} of {game.ROUNDS} rounds played, {stood.better} beat the base rate.",
            "A forecast game on liquidation heatmaps. Nothing here is advice.",
        )
        picture = card(stood.points, title, lines, link)
        st.image(picture, width=600)
        st.download_button(
            "Save the picture",
            picture,
            f"heatlab-test-{test}.png",
            "image/png",
            icon=":material/download:",
            key="save-card",
            on_click="ignore",
        )
        st.code(link, language=None)
        st.caption(
            "Whoever opens the link faces the same ten rounds. The market of now moves on from day to day."
        )


def _link(test: int, market: str) -> str:
    """The address of the test's first round, with what makes it the same: market, number, bars, map."""
    kept = {name: value for name, value in st.query_params.items() if name in _SAME}
    kind, _, name = market.partition(":")
    if kind == "sample":
        # Also where the sample stands in for a market that nobody could reach.
        kept["data"] = name
    return f"{str(st.context.url or '').partition('?')[0]}?{urlencode({**kept, 'seed': test})}"


def record(rows: list[JournalRow]) -> None:
    """Everything graded so far: forecasts against the base rate, calibration, and trades in R."""
    st.subheader("Your record")
    if not rows:
        st.caption("Nothing yet. Finish a round, or bring a journal that you saved before.")
        return
    st.dataframe(
        game.tests(rows).rename(columns=_HISTORY),
        hide_index=True,
        width="stretch",
        column_config={
            _HISTORY["points"]: st.column_config.NumberColumn(
                format="%d", help="Of 100. The base rate gets 50."
            ),
            _HISTORY["r"]: st.column_config.NumberColumn(
                format="%+.2f", help="The sum after costs. R: " + meaning("R")
            ),
        },
        placeholder=wording.NOTHING,
    )
    left, right = st.columns(2, gap="large")
    with left:
        _forecasts(rows)
    with right:
        _trades(rows)
    with st.expander(f"The journal: {wording.count(len(rows), 'round')}", icon=":material/menu_book:"):
        table = pd.DataFrame(
            [{name: getattr(row, key) for key, name in _NAMES.items()} for row in reversed(rows[-500:])]
        )
        st.dataframe(table, hide_index=True, width="stretch", placeholder=wording.NOTHING)


def _forecasts(rows: list[JournalRow]) -> None:
    found = quiz.answers(rows)
    score = found.score
    if score is None:
        st.markdown("No forecast has been graded yet.")
        return
    with st.container(horizontal=True):
        st.metric(
            "Your Brier score",
            wording.decimal(score.brier, 3),
            f"{score.count} answers",
            delta_color="off",
            delta_arrow="off",
        )
        st.metric(
            "The base rate's",
            "–" if score.base is None else wording.decimal(score.base, 3),
            "lower is better",
            delta_color="off",
            delta_arrow="off",
        )
    if score.count < 30:
        st.caption(f"{score.count} answers are too few to tell skill from luck.")
    bins = quiz.calibration(found.said.tolist(), found.happened.tolist())
    spec, alt = practice_charts.calibration_chart(bins)
    st.vega_lite_chart(spec=spec, key="calibration", alt=alt, width="stretch")
    st.markdown("\n".join(f"- {words}" for words in game.calibration_words(bins)))
    st.caption(
        "On the dashed line, what you give 30 % happens three times in ten. The bars show how far luck alone"
        " may carry a point; with few answers they are long."
    )


def _trades(rows: list[JournalRow]) -> None:
    placed = [row for row in rows if row.side]
    closed = [row.r for row in placed if row.r is not None]
    if not placed:
        st.markdown("No trade has been placed yet. Waiting is a decision too.")
        return
    results = quiz.summarise(closed)
    with st.container(horizontal=True):
        for label, value, note in (
            ("Trades filled", f"{results.count}", f"of {len(placed)} placed"),
            ("Mean", wording.r_multiple(results.mean_r), "after costs"),
            (
                "Sum",
                wording.r_multiple(results.sum_r),
                f"after costs, deepest fall {wording.r_multiple(results.deepest_fall, signed=False)}",
            ),
        ):
            st.metric(label, value, note, delta_color="off", delta_arrow="off")
    kept = {
        name: [getattr(row, key) for row in placed if getattr(row, key) is not None]
        for key, name in (
            ("confirmed", "Confirmed before entry"),
            ("risk_kept", "Risk within the limit"),
            ("stop_kept", "Stop before liquidation"),
        )
    }
    st.markdown("\n".join(f"- {name}: kept in {sum(flags)} of {len(flags)}" for name, flags in kept.items()))
    if 0 < results.count < 30:
        st.caption(
            f"{wording.count(results.count, 'trade')} cannot tell skill from luck: at even"
            " odds, a run of good or bad results this long is common."
        )


def journal(rows: list[JournalRow]) -> None:
    """Save the journal as CSV, or bring one back. It lives in this browser session only."""
    st.caption("The journal stays in this session and is gone when you close the tab. Save it to keep it.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.download_button(
            "Save the journal",
            lambda: quiz.journal_csv(practice_table.journal()),
            "heatlab-practice.csv",
            "text/csv",
            icon=":material/download:",
            key="save-journal",
            on_click="ignore",
            disabled=not rows,
        )
    upload = st.file_uploader(
        "Bring a saved journal (CSV)",
        type=["csv"],
        key="journal-file",
        help="It is read in memory and added to the one here; rows that are here already are not doubled.",
    )
    if upload is None:
        return
    said: dict[str, tuple[bool, str]] = st.session_state.setdefault(_HELD, {})
    if upload.file_id not in said:
        said[upload.file_id] = _read(upload)
        st.rerun()
    good, sentence = said[upload.file_id]
    (st.success if good else st.error)(
        wording.markdown(sentence), icon=":material/check_circle:" if good else ":material/error:"
    )


def _read(upload: Any) -> tuple[bool, str]:
    if upload.size > _LARGEST_FILE:
        return (
            False,
            (
                f"The file has {wording.file_size(upload.size)}, and a journal has at most"
                f" {wording.file_size(_LARGEST_FILE)}. Your journal here is unchanged."
            ),
        )
    try:
        new, known = practice_table.bring(quiz.read_journal(upload.getvalue().decode("utf-8-sig")))
    except UnicodeDecodeError:
        return (
            False,
            (
                "This file is no text, so it is no journal. Load the CSV file that was saved here. Your"
                " journal here is unchanged."
            ),
        )
    except QuizError as problem:
        return False, f"{problem} Your journal here is unchanged."
    return True, f"{wording.count(new, 'round')} added" + (f", {known} were here already." if known else ".")
