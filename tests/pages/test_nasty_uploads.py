"""Files that people upload by mistake, through the page: a sentence each, the last good view stays, never a
traceback."""

import sys
from pathlib import Path

import pytest
from test_pages import open_page, words

from tests.maps import charts

sys.path.append(str(Path(__file__).resolve().parents[1] / "feeds"))

from nasty import good_csv, nasty_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return nasty_files(tmp_path_factory.mktemp("nasty"))


def test_refused_files_are_named_with_a_sentence_and_the_good_view_stays(folder):
    assert len(folder) >= 45
    # What the uploader takes: other endings are refused by Streamlit in the browser; the largest have tests
    # of their own.
    taken = {".csv", ".gz", ".parquet", ".zip", ".txt"}
    refused = [
        path
        for _, path, expectation in folder
        if expectation == "refuse" and path.suffix in taken and path.stat().st_size < 2**18
    ]
    assert len(refused) >= 30
    app = open_page("explore.py", data="Your own files")
    good = ("good.csv", good_csv(400), "text/csv")
    app.file_uploader(key="uploads").set_value([good]).run()
    before = charts(app)[0].proto.alt
    app.file_uploader(key="uploads").set_value(
        [good, *((path.name, path.read_bytes(), "text/csv") for path in refused)]
    ).run()
    assert not app.exception
    assert charts(app)[0].proto.alt == before, "what was held is not lost"
    said = words(app)
    unnamed = [path.name for path in refused if path.name not in said.replace("\\", "")]
    assert not unnamed
    assert "Traceback" not in said


@pytest.mark.slow
def test_odd_files_that_can_be_read_never_break_the_page(folder):
    # Few cells and no clusters: what a file does to the page does not depend on them.
    app = open_page("explore.py", data="Your own files", span="All", bins="50", tf="1h", clusters="false")
    for name, path, expectation in folder:
        if expectation == "read":
            app.file_uploader(key="uploads").set_value([(path.name, path.read_bytes(), "text/csv")]).run()
            assert not app.exception, name
            assert charts(app) or app.error or app.info or app.warning, name
