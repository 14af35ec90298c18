"""Fixtures of the behaviour tests.

Every test that asks for a loop runs twice: on the standard library's loop, the control, and on jloop. A test written as
`async def` with the `loop` fixture runs on that loop. `pytest --loop jloop` runs one side only.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from support import LOOP_NAMES, Loop, LoopErrors, LoopFactory, factory_of, open_descriptors, settle

DEADLINE = 30.0  # seconds an `async def` test may take before it is cancelled where it waits

call_failed = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loop",
        action="append",
        choices=LOOP_NAMES,
        help="run the behaviour tests on this loop only (default: on each)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control ignores SIGINT and SIGQUIT for what it puts in the background, nohup ignores SIGHUP,
    # and that is inherited: no test of such a signal could then pass
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    config.addinivalue_line("markers", "jloop_only: what jloop promises and asyncio does not; no run on the control")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "loop_name" in metafunc.fixturenames:
        names = metafunc.config.getoption("--loop") or LOOP_NAMES
        if metafunc.definition.get_closest_marker("jloop_only"):
            names = [name for name in names if name == "jloop"]
        metafunc.parametrize("loop_name", names)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or "loop" not in pyfuncitem.funcargs:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    run_async_test(pyfuncitem.funcargs["loop"], pyfuncitem.obj, arguments)
    return True


def run_async_test(loop: Loop, test: Callable[..., Any], arguments: dict[str, object]) -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        overdue = loop.call_later(DEADLINE, task.cancel)
        try:
            await test(**arguments)
        except asyncio.CancelledError as cancelled:
            raise TimeoutError(f"the test did not end within {DEADLINE} seconds") from cancelled
        finally:
            overdue.cancel()

    loop.run_until_complete(main())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[call_failed] = not report.passed
    return report


@pytest.fixture
def loop_factory(loop_name: str, request: pytest.FixtureRequest) -> Iterator[LoopFactory]:
    """Makes loops of the kind under test; after a test that passed, each is closed and no descriptor is left open."""
    make = factory_of(loop_name)
    before = open_descriptors()
    made: weakref.WeakSet[Loop] = weakref.WeakSet()

    def recorded() -> Loop:
        loop = make()
        made.add(loop)
        return loop

    yield recorded
    left_open = [loop for loop in made if not loop.is_closed()]
    for loop in left_open:
        loop.close()
    if request.node.stash.get(call_failed, True):
        return
    assert not left_open, "the test left a loop open"
    gc.collect()
    leaked = {fd: what for fd, what in open_descriptors().items() if before.get(fd) != what}
    assert not leaked, f"descriptors left open: {leaked}"


@pytest.fixture
def errors() -> LoopErrors:
    """What the loop's exception handler was called with; a test that expects a call takes it from here."""
    return LoopErrors()


@pytest.fixture
def loop(loop_factory: LoopFactory, errors: LoopErrors, request: pytest.FixtureRequest) -> Iterator[Loop]:
    """A loop whose exception handler must not be called, and which the test must leave without running tasks."""
    loop = loop_factory()
    loop.set_exception_handler(errors.record)
    yield loop
    if not loop.is_closed():
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(settle())
        loop.close()
    if not request.node.stash.get(call_failed, True):
        assert not errors, f"the exception handler was called: {errors.contexts}"
