"""The two suites: which modules they have, and their test classes as they run on the loop under test."""

import importlib
import os
import pkgutil
import sys
import unittest
from typing import Any

from . import target

# Modules of CPython's tests outside of test_asyncio that run on event loops; the first name that exists is taken.
_ELSEWHERE = {
    "test_asyncgen": ["test.test_asyncgen"],
    "test_async_case": ["test.test_unittest.test_async_case", "unittest.test.test_async_case"],
    "test_contextlib_async": ["test.test_contextlib_async"],
}

# These take longest: they run first, one class at a time, so that the jobs end together.
SPLIT = [
    "test_ssl",
    "test_tcp",
    "test_process",
    "test_events",
    "test_sslproto",
    "test_tasks",
    "test_unix",
    "test_subprocess",
]


class MissingTestsError(Exception):
    """A suite cannot run here; the message says why."""


class Suite:
    """One suite; made in a child process, where it changes asyncio to its needs."""

    def modules(self) -> list[str]:
        raise NotImplementedError

    def load(self, module: str) -> list[type[unittest.TestCase]]:
        """The test classes of a module."""
        raise NotImplementedError


class UvloopSuite(Suite):
    """The `tests` of uvloop's source distribution: those that it runs on its own loop.

    Each is there twice, for uvloop (`UVTestCase`) and for asyncio, the control. The former are the stricter ones.
    """

    def __init__(self) -> None:
        sys.path.append(os.environ["CONFORMANCE_SDIST"])

    def modules(self) -> list[str]:
        folder = os.path.join(os.environ["CONFORMANCE_SDIST"], "tests")
        return [found.name for found in pkgutil.iter_modules([folder]) if found.name.startswith("test_")]

    def load(self, module: str) -> list[type[unittest.TestCase]]:
        loaded = importlib.import_module(f"tests.{module}")
        control = importlib.import_module("uvloop._testbase").AIOTestCase
        return [cls for cls in _classes(loaded) if not issubclass(cls, control)]


class CpythonSuite(Suite):
    """`test.test_asyncio` of the running interpreter, and what else of its tests runs on loops."""

    def __init__(self) -> None:
        try:
            self._package = importlib.import_module("test.test_asyncio")
        except ImportError as error:
            raise MissingTestsError(
                f"{sys.executable} comes without CPython's own tests ({error}); distributions ship them as a package "
                "of their own, such as libpython3-testsuite"
            ) from None
        target.take_over()

    def modules(self) -> list[str]:
        inside = [found.name for found in pkgutil.iter_modules(self._package.__path__)]
        return [name for name in inside if name.startswith("test_")] + list(_ELSEWHERE)

    def load(self, module: str) -> list[type[unittest.TestCase]]:
        loaded = _first(_ELSEWHERE.get(module, [f"test.test_asyncio.{module}"]))
        if module == "test_runners":
            loaded.BaseTest.new_loop = _new_recording_loop
        return _classes(loaded)


def _first(names: list[str]) -> Any:
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    return importlib.import_module(names[-1])


def _classes(module: Any) -> list[type[unittest.TestCase]]:
    """The test classes that a module defines, without those that it imports."""
    return [
        cls
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, unittest.TestCase) and cls.__module__ == module.__name__
    ]


def _new_recording_loop(test: Any) -> Any:
    """In place of the fake loop of `test_runners`: a loop under test that tells what they ask it."""

    class RecordingLoop(target.loop_class()):  # type: ignore[misc]
        shutdown_ag_run = False

        async def shutdown_asyncgens(self) -> None:
            self.shutdown_ag_run = True
            await super().shutdown_asyncgens()

    return RecordingLoop()


def make(name: str) -> Suite:
    """The suite of this name."""
    return {"uvloop": UvloopSuite, "cpython": CpythonSuite}[name]()
