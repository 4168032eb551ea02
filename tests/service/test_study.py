"""Studies at scale: the same here, on a cluster that loses a worker, and after an interruption."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from liqcore.lab.event_study import Design
from liqcore.lab.hot_levels import Finder
from liqcore.lab.study import Plan, Venue
from liqcore.service import study
from tests.lab.test_event_study import interest_of
from tests.lab.walks import walk

PLAN = Plan(Finder(every="2h"), Design(memory_days=6, controls=4, drawn=40), part_days=4)


@pytest.fixture
def config(tmp_path: Path) -> study.Config:
    venues = []
    for seed, name in ((1, "Alder"), (2, "Birch")):
        candles = walk(20, seed)
        venues.append(Venue(name, candles, interest_of(candles, seed)))
    return study.Config(PLAN, tuple(venues), tmp_path / "here")


def test_a_study_resumes_and_is_told_in_one_page(
    config: study.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    whole = study.make

    def counted(part, plan):
        made.append(part.number)
        if len(made) == 4:
            raise KeyboardInterrupt
        return whole(part, plan)

    monkeypatch.setattr(study, "make", counted)
    with pytest.raises(KeyboardInterrupt):
        study.run(config)
    first = study.run(config)
    assert sorted(made) == sorted([*range(10), 3])
    again = study.run(config)
    assert len(made) == 11
    pd.testing.assert_frame_equal(first.effects, again.effects)
    text = (config.out / "report.md").read_text()
    assert first.verdict in text
    assert config.mark in text.split("Cite this")[1]
    assert "Alder and Birch" in text
    page = (config.out / "report.html").read_text()
    assert first.verdict in page
    assert config.mark in page.split("Cite this")[1]
    assert "<svg" in page or "vegaEmbed" in page
    assert len(pd.read_parquet(config.out / "effects.parquet")) == len(first.effects)


def test_another_question_has_another_hash(config: study.Config) -> None:
    assert config.mark == replace(config, out=Path("elsewhere")).mark
    assert config.mark != replace(config, plan=replace(PLAN, seed=2)).mark
    assert config.mark != replace(config, venues=config.venues[:1]).mark


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_bit_for_bit(
    config: study.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    # Tests of pages leave app.py as the main module, which each worker would run.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    here = study.run(config)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    )
    try:
        victim = next(iter(cluster.workers.values())).pid
        killed = threading.Event()

        def kill(done: int, total: int, title: str) -> None:
            if done == 2 and not killed.is_set():
                killed.set()
                os.kill(victim, signal.SIGKILL)

        away = replace(config, out=tmp_path / "away", address=cluster.scheduler_address)
        there = study.run(away, kill)
        assert killed.is_set()
    finally:
        cluster.close()
        time.sleep(0.1)
    pd.testing.assert_frame_equal(here.effects, there.effects, check_exact=True)


def test_a_config_says_what_is_wrong(tmp_path: Path) -> None:
    def told(text: str) -> str:
        file = tmp_path / "study.toml"
        file.write_text(text)
        with pytest.raises(study.StudyError) as problem:
            study.read_config(file)
        return str(problem.value)

    assert "names no venue" in told("[study]\nseed = 1\n")
    assert "no 'speed'" in told("[study]\nspeed = 1\n")
    assert "no TOML file" in told("[study\n")
    assert "has no candles" in told('[[venue]]\nname = "Alder"\nfiles = []\n')
    with pytest.raises(study.StudyError, match="There is no study"):
        study.read_config(tmp_path / "nowhere.toml")


def test_a_config_names_a_sample_and_the_design(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[study]\nhours = 1.0\nmodel = "textbook"\n\n[[venue]]\nsample = "calm"\n')
    read = study.read_config(file)
    assert read.plan.design.hours == 1.0
    assert read.plan.finder.model == "textbook"
    assert read.venues[0].name == "calm"
    assert read.out == tmp_path / "mine"


def test_days_and_venues_in_a_folder_are_one_market_a_venue(tmp_path: Path) -> None:
    """Parquet by venue and day, as recorded; a day told by two files stands once."""
    whole = {name: walk(4, seed) for seed, name in ((1, "Alder"), (2, "Birch"))}
    for name, candles in whole.items():
        for day, part in candles.groupby(candles["time"].dt.date):
            place = tmp_path / "recorded" / f"venue={name}" / f"{day}.parquet"
            place.parent.mkdir(parents=True, exist_ok=True)
            part.to_parquet(place)
        interest_of(candles).to_parquet(place.with_name("interest.parquet"))
    file = tmp_path / "study.toml"
    file.write_text('[study]\nfolder = "recorded"\n')
    read = study.read_config(file)
    assert [venue.name for venue in read.venues] == ["Alder", "Birch"]
    for venue in read.venues:
        assert len(venue.candles) == len(whole[venue.name])
        assert venue.candles["close"].to_numpy() == pytest.approx(whole[venue.name]["close"].to_numpy())
        assert venue.open_interest is not None
    file.write_text('[[venue]]\nname = "Alder"\nfiles = ["recorded/venue=Alder/*.parquet"]\n')
    assert len(study.read_config(file).venues[0].candles) == len(whole["Alder"])
    twice = whole["Alder"].iloc[:300]
    twice.to_parquet(tmp_path / "recorded" / "venue=Alder" / "again.parquet")
    file.write_text('[[venue]]\nname = "Alder"\nfiles = ["recorded/venue=Alder"]\n')
    assert len(study.read_config(file).venues[0].candles) == len(whole["Alder"])
    file.write_text('[study]\nfolder = "nowhere"\n')
    with pytest.raises(study.StudyError, match="There is no folder"):
        study.read_config(file)


def test_what_was_fetched_is_studied_as_it_is_kept(tmp_path: Path) -> None:
    """Partitions of `heatlab get`: candles of the step that is asked for, of every venue."""
    for step, rows in (("1m", 10), ("5m", 288)):
        place = tmp_path / "kept" / "kind=candles" / "venue=binance" / f"step={step}" / "month=2026-03"
        place.mkdir(parents=True)
        walk(1, 3).iloc[:rows].to_parquet(place / "part.parquet")
    file = tmp_path / "study.toml"
    file.write_text('[study]\nfolder = "kept"\n')
    (venue,) = study.read_config(file).venues
    assert (venue.name, len(venue.candles)) == ("binance", 288)
