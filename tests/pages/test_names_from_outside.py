"""Names that strangers choose (venue, file, column, rule) are shown as they are written, on every page."""

import re

import pytest
from google.protobuf.json_format import MessageToDict
from test_alerts_page import short
from test_compare_page import market
from test_pages import open_page

from liqcore.alerts import rule_text
from liqcore.feeds import files

# All that Markdown could make more of than text, in one name of 100 characters.
EVIL = "![p](http://e.co/p) :red[r] :material/home: :smile: www.e.co a@e.co <b>`c` $x$ y$ </script>"
# A table, a chart, a component and code show text as it is; what a person typed goes back to that person.
AS_THEY_ARE = {
    "arrowDataFrame",
    "arrowVegaLiteChart",
    "bidiComponent",
    "code",
    "json",
    "downloadButton",
    "deferredFile",
}
PLAIN_FIELDS = {
    "id", "elementHash", "formId", "key", "queryParamKey", "url", "data", "spec", "rawValues", "icon", "html",
    "userKey", "elementId", "blockId", "href", "page", "queryString",
}  # fmt: skip
LIVE = re.compile(
    r"(?<!\\)\[p|(?<!\\)<b>|(?<!\\)`c|(?<!\\)\$x|:red(?<!\\)\[|:material/home:|:smile:|http://e|www\.e|a@e"
)


def texts(message, path=()):
    """All words of a page that Streamlit reads as Markdown, with where they stand."""
    if isinstance(message, dict):
        for name, inner in message.items():
            if name not in AS_THEY_ARE and name not in PLAIN_FIELDS:
                yield from texts(inner, (*path, name))
    elif isinstance(message, list):
        for inner in message:
            yield from texts(inner, path)
    elif isinstance(message, str):
        yield "/".join(path), message


def shown(app):
    found = []
    for node in app._tree:
        proto = getattr(node, "proto", None)
        if proto is not None and hasattr(proto, "DESCRIPTOR"):
            kind = type(node).__name__.lower()
            if kind not in ("dataframe", "json", "code"):
                found += [(f"{kind}/{place}", text) for place, text in texts(MessageToDict(proto))]
    return found


# Lists to choose from and fields to type into show text as it is.
TYPED = re.compile(
    r"^(selectbox|multiselect|textinput|textarea|fileuploader)/(options|value|default|rawValues)|element/alt$"
)


def assert_harmless(app, least=1):
    assert not app.exception
    pieces = [(place, text) for place, text in shown(app) if not TYPED.search(place)]
    live = [(place, found[0], text[:200]) for place, text in pieces if (found := LIVE.search(text))]
    assert not live, "\n".join(map(str, live))
    assert sum("e.co" in text for _, text in pieces) >= least


def evil_market():
    liquidations, candles = market(venues=(EVIL, "south"))
    assert set(liquidations["venue"].cat.categories) == {EVIL, "south"}
    return files.write_table(liquidations), files.write_table(candles)


@pytest.mark.parametrize(
    ("page", "options"),
    [
        ("explore.py", {}),
        ("explore.py", {"level": "30000"}),
        *(
            ("compare.py", {"view": view, "venue": EVIL})
            for view in ("venues", "difference", "agreement", "lag", "without", "churn")
        ),
        ("risk.py", {}),
        ("alerts.py", {"pane": "rules"}),
    ],
)
def test_a_venue_of_a_file_is_text_on_every_page(page, options):
    liquidations, candles = evil_market()
    app = open_page(page, data="files", **options)
    app.file_uploader(key="uploads").set_value(
        [(f"{EVIL}.csv", liquidations, "text/csv"), ("candles.csv", candles, "text/csv")]
    ).run()
    assert_harmless(app)


def test_files_that_are_refused_or_ask_say_their_names_as_text():
    rows = f"a,{EVIL},c\n2026-03-01T00:00:00Z,1,{EVIL}\n".replace("`", "'").encode()
    wrong = f"time,side,price,qty\n2026-03-01T00:00:00Z,{EVIL},1,1\n".encode()
    app = open_page("explore.py", data="files")
    app.file_uploader(key="uploads").set_value(
        [
            (f"{EVIL}1.csv", rows, "text/csv"),
            (f"{EVIL}2.csv", wrong, "text/csv"),
            (f"{EVIL}3.csv", b"", "text/csv"),
        ]
    ).run()
    assert_harmless(app, least=3)


def test_rules_from_a_file_say_their_names_as_text():
    text = rule_text.rules_to_toml([short(27_500.0)]).replace("short heat", EVIL[:60])
    app = open_page("alerts.py", pane="rules")
    app.file_uploader(key="al_upload").set_value([(f"{EVIL}.toml", text.encode(), "text/plain")]).run()
    assert_harmless(app)
