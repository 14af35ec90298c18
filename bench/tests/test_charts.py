"""Charts are drawn from results."""

import xml.dom.minidom

import pytest
from jloop_bench import charts, modes
from jloop_bench.results import Results

pytest.importorskip("matplotlib")


def test_a_chart_per_question_that_was_measured(tmp_path):
    results = Results(loops=["asyncio", "jloop"], environment={"python": "CPython 3.14.0"})
    for mode in modes.select(["call_soon", "uvicorn"]):
        results.add_mode(mode)
    for round_ in range(3):
        results.add("call_soon", "asyncio", round_, {"best": 1e6 + round_})
        results.add("call_soon", "jloop", round_, {"best": 9e6 + round_})
    paths = charts.write_all(results, tmp_path, "-cp314")
    assert [path.name for path in paths] == ["callbacks-cp314.svg"]
    text = xml.dom.minidom.parse(str(paths[0])).toxml()
    assert "call_soon, no arguments (M/s)" in text
    assert "9.00" in text


def test_every_mode_in_a_chart_exists():
    known = {mode.name for mode in modes.ALL}
    assert {name for chart in charts.CHARTS for name in chart.modes} <= known
