"""What is made once for everybody: by one, for all who ask at once, within a bound, and never crossing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from liqcore import tables
from liqcore.service import dataset
from liqcore.service.dataset import Dataset, ViewSettings
from liqcore.service.shared import Shared
from tests.service.test_columns import market


def kept(most: int = 100) -> Shared[str]:
    return Shared(most, len)


def test_all_who_ask_at_once_are_given_one_answer_and_others_do_not_wait_for_it():
    shared, made, begun, go = kept(), [], threading.Event(), threading.Event()

    def slow() -> str:
        made.append("year")
        begun.set()
        assert go.wait(10)
        return "a year"

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(shared.get, "year", slow)
        assert begun.wait(10)
        others = [pool.submit(shared.get, "year", slow) for _ in range(6)]
        # Somebody else's day is there while the year is still being made.
        assert pool.submit(shared.get, "day", lambda: "a day").result(10) == "a day"
        assert not first.done()
        go.set()
        assert {one.result(10) for one in [first, *others]} == {"a year"}
    assert made == ["year"]


def test_what_was_not_asked_for_lately_goes_beyond_the_bound_and_the_newest_always_stays():
    shared, made = kept(10), []

    def ask(key: str, size: int = 4) -> str:
        return shared.get(key, lambda: made.append(key) or key * size)

    ask("a"), ask("b"), ask("a"), ask("c"), ask("a"), ask("b")
    assert made == ["a", "b", "c", "b"]
    assert ask("z", 50) == "z" * 50
    assert ask("z", 50) == "z" * 50
    assert made == ["a", "b", "c", "b", "z"]
    ask("a")
    assert made[-1] == "a"


def test_an_answer_is_made_anew_after_its_time_and_what_is_too_old_takes_no_room():
    now, made = [0.0], []
    shared = Shared(10, len, 60, lambda: now[0])

    def ask(key: str) -> str:
        return shared.get(key, lambda: made.append(key) or key * 4)

    ask("a"), ask("b")
    now[0] = 59
    assert ask("a") == "aaaa"
    now[0] = 60
    ask("a"), ask("c")
    assert made == ["a", "b", "a", "c"]
    # Both fit, because what was there before counts no more.
    ask("a"), ask("c")
    assert made == ["a", "b", "a", "c"]


def test_a_trouble_is_told_to_all_who_wait_and_not_kept():
    shared, begun, go = kept(), threading.Event(), threading.Event()

    def fails() -> str:
        begun.set()
        assert go.wait(10)
        raise dataset.DataError("There is nothing.")

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(shared.get, "key", fails)]
        assert begun.wait(10)
        asked += [pool.submit(shared.get, "key", fails) for _ in range(2)]
        go.set()
        for one in asked:
            with pytest.raises(dataset.DataError, match="nothing"):
                one.result(10)
    assert shared.get("key", lambda: "there") == "there"


def test_who_waits_for_a_visitor_that_left_makes_the_answer_anew():
    class Left(BaseException):
        pass

    shared, begun, go = kept(), threading.Event(), threading.Event()

    def leaves() -> str:
        begun.set()
        assert go.wait(10)
        raise Left

    left = []

    def visitor() -> None:
        try:
            shared.get("key", leaves)
        except Left as gone:
            left.append(gone)

    one = threading.Thread(target=visitor)
    one.start()
    assert begun.wait(10)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(shared.get, "key", lambda: "made anew")
        go.set()
        assert other.result(10) == "made anew"
    one.join(10)
    assert len(left) == 1


def events(data: Dataset, count: int, seed: int) -> pd.DataFrame:
    chance, first = np.random.default_rng(seed), data.candles["time"].iloc[0]
    return tables.liquidations(
        pd.DataFrame(
            {
                "time": first + pd.to_timedelta(np.sort(chance.uniform(0, 86_000, count)), unit="s"),
                "venue": "okx",
                "symbol": "BTCUSDT",
                "side": chance.choice(["long", "short"], count),
                "price": chance.uniform(59_000, 61_000, count),
                "quantity": chance.uniform(0.1, 2, count),
            }
        )
    )


@pytest.mark.parametrize("seed", range(3))
def test_liquidations_that_came_change_the_key_of_realised_maps_alone(seed):
    bare = replace(market(5, 48), key_of_prices="prices")
    one, other = (
        replace(bare, key=f"t{count}", liquidations=events(bare, count, seed)) for count in (50, 80)
    )
    modelled, realised = ViewSettings(layer="modelled", hours=24), ViewSettings(layer="realised", hours=24)
    assert dataset.view_key(one, realised) != dataset.view_key(other, realised)
    assert dataset.view_key(one, modelled) == dataset.view_key(other, modelled)
    for name in ("long", "short", "time_edges", "price_edges"):
        grids = [getattr(dataset.heatmap(data, modelled), name) for data in (one, other)]
        np.testing.assert_array_equal(*grids)
    # An event after the last candle moves the window, so that the map is another one.
    late = replace(
        one, liquidations=one.liquidations.assign(time=one.liquidations["time"] + pd.Timedelta("48h"))
    )
    assert dataset.view_key(late, modelled) != dataset.view_key(one, modelled)
    # Where nobody says that liquidations come in between, the whole market is the key.
    assert dataset.view_key(replace(one, key_of_prices=""), modelled) != dataset.view_key(other, modelled)
