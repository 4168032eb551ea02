"""The bundled scenarios as they are read: parsed once, never crossing between those who read them."""

import os

import pytest

from liqcore.feeds import scenario_files as files
from liqcore.feeds.samples import SampleError


def test_what_one_reader_changes_no_other_reader_sees():
    name = files.names()[0]
    mine = files.read_settings(name)
    title = mine["title"]
    mine["title"] = "spoiled"
    mine["steps"].clear()
    assert files.read_settings(name)["title"] == title == files.contents()[name][0]
    assert len(files.read_settings(name)["steps"]) == files.contents()[name][1] > 0


def test_a_scenario_that_was_written_anew_is_read_anew(tmp_path):
    (tmp_path / "one").mkdir()
    file = tmp_path / "one" / "scenario.toml"
    file.write_text('title = "First"\norder = 2\n[[steps]]\n', encoding="utf-8")
    assert files.contents(tmp_path) == {"one": ("First", 1)}
    file.write_text('title = "Second"\norder = 2\n[[steps]]\n[[steps]]\n', encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert files.contents(tmp_path) == {"one": ("Second", 2)}
    file.write_text("title = ", encoding="utf-8")
    with pytest.raises(SampleError, match="cannot be read"):
        files.read_settings("one", tmp_path)
