"""The results file, the targets and the tables made of it."""

import pytest
from jloop_bench import modes, report, targets
from jloop_bench.progress import shown
from jloop_bench.results import Results


@pytest.fixture
def results():
    """Two rounds of three loops in two modes; jloop has the better median in one of them."""
    made = Results(loops=["asyncio", "uvloop", "jloop", "C epoll"], environment={"python": "CPython 3.14.0"})
    for mode in modes.select(["call_soon", "tcp-proto-1k"]):
        made.add_mode(mode)
    for round_, factor in enumerate((1.0, 1.1)):
        for loop, rate in {"asyncio": 1.2e6, "uvloop": 3.0e6, "jloop": 9.0e6}.items():
            made.add("call_soon", loop, round_, {"best": rate * factor, "median": rate})
        for loop, cost in {"asyncio": 8.0, "uvloop": 4.0, "jloop": 4.4, "C epoll": 3.5}.items():
            made.add("tcp-proto-1k", loop, round_, {"cpu_us": cost * factor, "load_share": 0.5, "server_share": 1.0})
    return made


def test_rounds_are_counted_by_mode_and_told(results):
    results.add("call_soon", "jloop", 4, {"best": 9.0e6})
    assert [results.rounds_taken(mode) for mode in ("call_soon", "tcp-proto-1k", "udp-64")] == [5, 2, 0]
    assert "; 2 to 5 rounds of" in report.circumstances(results)


def verdict(results, mode, key, reference):
    return next(v for v in targets.judge(results) if v.target[:3] == (mode, key, reference))


def test_a_file_reads_back_as_it_was_written(results, tmp_path):
    results.fail("tcp-proto-1k", "zloop", 'said "no"')
    results.save(tmp_path / "r.json")
    assert Results.read(tmp_path / "r.json") == results


def test_a_failed_round_leaves_a_gap(results, tmp_path):
    results.add("call_soon", "uvloop", 3, {"best": 3.0e6})
    results.save(tmp_path / "r.json")
    assert list(Results.read(tmp_path / "r.json").rounds("call_soon", "uvloop", "best")) == [0, 1, 3]


def test_more_is_better_is_judged_against_the_best_rival(results):
    found = verdict(results, "call_soon", "best", targets.BEST)
    assert (found.reference, found.met) == ("uvloop", True)
    assert found.limit == pytest.approx(1.2 * 3.15e6)


def test_less_is_better_is_judged_against_the_best_rival(results):
    found = verdict(results, "tcp-proto-1k", "cpu_us", targets.BEST)
    assert (found.reference, found.met) == ("uvloop", False)


def test_a_bound_is_no_rival(results):
    assert verdict(results, "tcp-proto-1k", "cpu_us", "C epoll").limit == pytest.approx(1.08 * 3.675)
    assert verdict(results, "tcp-proto-1k", "cpu_us", targets.BEST).reference != "C epoll"


def test_a_mode_in_which_jloop_fails_is_a_target_missed(results):
    results.add_mode(modes.select(["timer_due"])[0])
    results.add("timer_due", "uvloop", 0, {"best": 1e6})
    results.fail("timer_due", "jloop", "crashed")
    found = verdict(results, "timer_due", "best", targets.BEST)
    assert not found.met
    assert "| fails |" in report.targets_section(results, targets.TARGETS, "Targets")


def test_every_target_names_a_mode_and_a_figure_of_it():
    known = {mode.name: {figure.key for figure in mode.figures} for mode in modes.ALL}
    for target in targets.TARGETS + targets.FLOORS:
        assert target.key in known[target.mode]


def test_tables_mark_the_best_loop_and_the_limits_of_the_load(results):
    for round_ in range(2):
        results.add("tcp-proto-1k", "uvloop", round_, {"load_share": 0.99, "server_share": 0.5})
    text = report.group_tables(results, [results.modes["tcp-proto-1k"]])
    assert "**4.20**† ±5%" in text
    assert "the load generator was the limit" in text


def test_a_full_report_tells_what_failed(results):
    results.fail("tcp-proto-1k", "asyncio", "ended with status 1")
    assert "TCP echo, Protocol, 1 KiB: asyncio: ended with status 1" in report.full(results)


@pytest.mark.parametrize(("value", "text"), [(9.876e6, "9.88 M/s"), (12.34e6, "12.3 M/s"), (1234.5e6, "1,234 M/s")])
def test_values_have_three_digits(results, value, text):
    assert shown(value, results.modes["call_soon"].main) == text


def test_names_of_modes_are_unique():
    names = [mode.name for mode in modes.ALL]
    assert len(names) == len(set(names))


def test_a_pattern_that_matches_nothing_is_an_error():
    with pytest.raises(KeyError, match="tcp-prto"):
        modes.select(["tcp-prto-1k"])
