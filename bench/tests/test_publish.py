"""A run is put into the documentation."""

import pytest
from jloop_bench import charts, modes, publish, report
from jloop_bench.results import Results

PAGE = "# Performance\n\n<!-- begin cp314 -->\nold\n<!-- end cp314 -->\n\n<!-- begin other -->\n<!-- end other -->\n"


@pytest.fixture
def results():
    """One round of three loops in two modes, of which jloop leads in one."""
    made = Results(
        loops=["uvloop", "rloop", "jloop"], environment={"python": "CPython 3.14.0"}, machine={"processor": "Z80"}
    )
    for mode in modes.select(["call_soon", "tcp-proto-1k"]):
        made.add_mode(mode)
    for loop, rate, cost in (("uvloop", 3e6, 4.0), ("rloop", 6e6, 3.5), ("jloop", 9e6, 3.6)):
        made.add("call_soon", loop, 0, {"best": rate, "median": rate})
        made.add("tcp-proto-1k", loop, 0, {"cpu_us": cost})
    return made


@pytest.fixture
def docs(tmp_path, monkeypatch):
    """A folder of documentation; charts are named and not drawn, which takes a library that not every version has."""

    def name_all(results, directory, suffix):
        return [directory / f"{name}{suffix}.svg" for name in ("overview", "callbacks")]

    monkeypatch.setattr(charts, "write_all", name_all)
    (tmp_path / "performance").mkdir()
    (tmp_path / "performance.md").write_text(PAGE)
    return tmp_path


def test_the_page_gets_an_overview_and_the_run_a_page_of_its_own(results, docs):
    paths = {path.relative_to(docs).as_posix() for path in publish.publish(results, docs)}
    assert {
        "performance.md",
        "performance/cp314.md",
        "performance/cp314.json",
        "performance/overview-cp314.svg",
    } <= paths
    page = (docs / "performance.md").read_text()
    assert "old" not in page
    assert "jloop leads in 1 of 2 modes" in page
    assert "(performance/cp314.md)" in page
    assert page.endswith("<!-- begin other -->\n<!-- end other -->\n")
    whole = (docs / "performance" / "cp314.md").read_text()
    assert whole.startswith("# CPython 3.14.0 on Z80")
    assert "![Callbacks](callbacks-cp314.svg)" in whole


def test_a_run_may_have_a_name(results, docs):
    publish.publish(results, docs, "other")
    assert (docs / "performance" / "other.json").exists()
    assert "\nold\n" in (docs / "performance.md").read_text()


def test_a_page_without_the_block_is_told(results, docs):
    with pytest.raises(ValueError, match="has no block cp399"):
        publish.publish(results, docs, "cp399")
    assert not list((docs / "performance").iterdir())


def test_the_overview_says_how_many_times_as_good(results):
    rows = [[cell.strip() for cell in row.split("|")[2:-1]] for row in report.overview(results).splitlines()[2:]]
    assert rows == [
        ["9.00", "3.00", "**3.00**", "6.00 (rloop)", "**1.50**"],
        ["3.60", "4.00", "**1.11**", "3.50 (rloop)", "0.97"],
    ]
