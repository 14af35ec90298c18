"""The child process: lists the tests of a suite, or runs some of them.

    python -m jloop_conformance.child list SUITE
    python -m jloop_conformance.child run FD SUITE MODULE TIMEOUT TEST[=asyncio]...

What `run` has to tell goes to the descriptor FD at once, a JSON object a line, so that the parent knows what ran when
this process crashes or hangs.
"""

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
import unittest
from collections.abc import Iterator
from typing import Any

from . import left_out, suites


def _tests(module: str, cls: type[unittest.TestCase]) -> Iterator[str]:
    for name in unittest.defaultTestLoader.getTestCaseNames(cls):
        yield f"{module}.{cls.__name__}.{name}"


def list_tests(suite_name: str, debug: bool) -> dict[str, Any]:
    """The tests of each module; those left out are counted, and whole modules among them not even imported."""
    out = left_out.LeftOut(left_out.PATH.read_text(), sys.version_info[:3], debug)
    try:
        suite = suites.make(suite_name)
    except suites.MissingTestsError as error:
        return {"missing": str(error)}
    modules: dict[str, list[str]] = {}
    errors = {}
    for module in suite.modules():
        modules[module] = []
        if out.find(f"{suite_name}/{module}"):
            modules[module].append(module)
            continue
        try:
            for cls in suite.load(module):
                modules[module] += _tests(module, cls)
        except unittest.SkipTest:  # of the module itself: for another platform
            continue
        except BaseException:
            errors[module] = traceback.format_exc()
    return {"modules": modules, "errors": errors}


class Reporter(unittest.TestResult):
    """Tells the parent of every start and end."""

    def __init__(self, fd: int, timeout: float) -> None:
        super().__init__()
        self._out = os.fdopen(fd, "w", buffering=1)
        self._pid = os.getpid()
        self._timeout = timeout
        self._outcome: dict[str, str] | None = None  # of the test that runs

    def tell(self, **event: Any) -> None:
        if os.getpid() == self._pid:  # not a child that a test forked
            self._out.write(json.dumps(event) + "\n")

    def _name(self, test: Any) -> str:
        return f"{type(test).__module__.rpartition('.')[2]}.{type(test).__name__}.{test._testMethodName}"

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802, as in unittest
        super().startTest(test)
        self._outcome = {"status": "passed"}
        self._start = time.monotonic()
        self.tell(event="start", test=self._name(test))
        # shortly before the parent gives up
        faulthandler.dump_traceback_later(self._timeout * 0.9)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        if self._outcome is not None:
            self.tell(event="end", test=self._name(test), time=time.monotonic() - self._start, **self._outcome)
        self._outcome = None

    def _failed(self, test: Any, text: str) -> None:
        if self._outcome is None:
            self.tell(event="outside", status="failed", text=text)  # setUpClass and the like
        elif self._outcome["status"] != "failed":
            self._outcome = {"status": "failed", "text": text}

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        self._failed(test, "".join(traceback.format_exception(*err)))

    addFailure = addError  # noqa: N815

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            self.addError(test, err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self._failed(test, "unexpected success")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        if self._outcome is not None:
            self._outcome = {"status": "skipped", "text": reason}
        elif isinstance(test, unittest.TestCase):  # CPython 3.12.1 skips before it starts
            self.tell(event="end", test=self._name(test), time=0, status="skipped", text=reason)
        else:
            self.tell(event="outside", status="skipped", text=reason)


def run_tests(fd: int, suite_name: str, module: str, timeout: float, wanted: dict[str, bool]) -> None:
    """Run the tests named in `wanted`; true there: as uvloop's tests run on asyncio."""
    faulthandler.enable()
    reporter = Reporter(fd, timeout)
    suite = suites.make(suite_name)
    tests = unittest.TestSuite()
    for cls in suite.load(module):
        for name in _tests(module, cls):
            if name in wanted:
                test: Any = cls(name.rpartition(".")[2])
                if wanted[name]:
                    test.implementation = "asyncio"
                tests.addTest(test)
    tests.run(reporter)
    reporter.tell(event="done")


def main(arguments: list[str]) -> None:
    command, *rest = arguments
    if command == "list":
        listing = list_tests(rest[0], debug="PYTHONASYNCIODEBUG" in os.environ)
        print(json.dumps(listing))
    else:
        # where this runs under nohup it is ignored, and would be by the children that tests send it to
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        fd, suite_name, module, timeout, *tests = rest
        wanted = {test.partition("=")[0]: test.endswith("=asyncio") for test in tests}
        run_tests(int(fd), suite_name, module, float(timeout), wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
