"""Charts are drawn from results."""

import xml.dom.minidom

import pytest
from jloop_bench import charts, modes
from jloop_bench.results import Results

pytest.importorskip("matplotlib", reason="no matplotlib of this version for CPython before 3.12")


def test_a_chart_per_question_that_was_measured(tmp_path):
    results = Results(loops=["asyncio", "jloop"], environment={"python": "CPython 3.14.0"})
    for mode in modes.select(["call_soon", "uvicorn"]):
        results.add_mode(mode)
    for round_ in range(3):
        results.add("call_soon", "asyncio", round_, {"best": 1e6 + round_})
        results.add("call_soon", "jloop", round_, {"best": 9e6 + round_})
    paths = charts.write_all(results, tmp_path, "-cp314")
    assert [path.name for path in paths] == ["overview-cp314.svg", "callbacks-cp314.svg"]
    overview, callbacks = (xml.dom.minidom.parse(str(path)).toxml() for path in paths)
    assert "M/s: longer is better" in overview  # uvicorn's is the other way round
    assert "call_soon, no arguments (M/s)" in callbacks
    assert "9.00" in callbacks


def test_every_mode_in_a_chart_exists():
    known = {mode.name for mode in modes.ALL}
    assert {name for chart in charts.CHARTS for name in chart.modes} <= known
