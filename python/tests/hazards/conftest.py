"""Fixtures of the hazards: a child process on asyncio (the control) and on jloop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .child import Child


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`--loop` narrows what runs, here as in the other tests; what compares the two loops counts as jloop's."""
    wanted = metafunc.config.getoption("--loop", None) or ["asyncio", "jloop"]
    if "child" in metafunc.fixturenames:
        metafunc.parametrize("child", wanted, indirect=True)
    elif "jloop_child" in metafunc.fixturenames:
        metafunc.parametrize("jloop_child", ["jloop"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "jloop" in (config.getoption("--loop", None) or ["jloop"]):
        return
    left_out = [item for item in items if "jloop_child" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Child]:
    """A runner of programs, once on asyncio and once on jloop."""
    child = Child(request.param, tmp_path)
    yield child
    child.close()


@pytest.fixture
def jloop_child(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Child]:
    """A runner of programs on jloop only, for what asyncio cannot show."""
    child = Child(request.param, tmp_path)
    yield child
    child.close()


@pytest.fixture
def asyncio_child(tmp_path: Path) -> Iterator[Child]:
    """A runner on asyncio, for tests that compare the two."""
    folder = tmp_path / "asyncio"
    folder.mkdir()
    child = Child("asyncio", folder)
    yield child
    child.close()
