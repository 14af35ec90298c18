"""In which order samples are taken, and what an earlier run leaves to do."""

import pytest
from jloop_bench import loops, runner
from jloop_bench.child import ChildFailed
from jloop_bench.modes import Setup, select
from jloop_bench.modes.base import Figure, Mode
from jloop_bench.results import Results


class Counting(Mode):
    """Notes who was measured; `broken` cannot be."""

    def __init__(self):
        super().__init__("counting", "scheduling", "Counting", (Figure("best", "turns", "/s", False),))
        self.log = []

    def sample(self, setup, loop):
        self.log.append(loop.name)
        if loop.name == "broken":
            raise ChildFailed("broken")
        return {"best": float(len(self.log))}


@pytest.fixture
def measure(tmp_path):
    """A function of mode, results and number of rounds."""
    three = [loops.LoopSpec(name, name) for name in ("first", "broken", "second")]

    def run(mode, results, rounds):
        setup = Setup("python", None, 1.0, 1.0, tmp_path)
        runner.run([mode], three, rounds, setup, results, tmp_path / "results.json")

    return run


def test_each_round_begins_with_another_loop_and_what_fails_twice_is_left_out(measure):
    mode, results = Counting(), Results(loops=["first", "broken", "second"])
    measure(mode, results, 2)
    assert mode.log == ["first", "broken", "broken", "second", "second", "first"]
    assert results.failures["counting"]["broken"] == "broken"


def test_a_later_run_adds_the_rounds_that_are_missing(measure, tmp_path):
    mode = Counting()
    measure(mode, Results(loops=["first", "broken", "second"]), 2)
    del mode.log[:]
    results = Results.read(tmp_path / "results.json")
    measure(mode, results, 3)
    assert mode.log == ["first", "second"]
    assert results.rounds("counting", "first", "best") == {0: 1.0, 1: 6.0, 2: 1.0}
    del mode.log[:]
    measure(mode, results, 3)
    assert mode.log == []


def test_a_mode_that_a_later_run_adds_stands_where_it_belongs(measure, tmp_path):
    results = Results(loops=["first", "broken", "second"])
    timers, callbacks = select(["timer_due"])[0], select(["call_soon"])[0]
    results.add_mode(timers)
    results.add("timer_due", "first", 0, {"best": 1.0})
    results.fail("timer_due", "second", "broken")
    results.add_mode(callbacks)
    results.add("call_soon", "first", 0, {"best": 1.0})
    results.fail("call_soon", "second", "broken")
    measure(Counting(), results, 1)
    again = Results.read(tmp_path / "results.json")
    assert list(again.modes) == list(again.failures) == ["call_soon", "timer_due", "counting"]
    written = (tmp_path / "results.json").read_text()
    values = written[written.index('"values"') :]
    assert values.index('"call_soon"') < values.index('"timer_due"') < values.index('"counting"')
