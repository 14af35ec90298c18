"""`python -m jloop_conformance`: see `scripts/conformance`."""

import argparse
import concurrent.futures
import fnmatch
import platform
import sys
import time
from pathlib import Path

from . import left_out, report, sdist, suites
from .processes import Children, Result, Unit


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description="uvloop's and CPython's tests on a loop")
    parser.add_argument("--suite", choices=["uvloop", "cpython", "all"], default="all")
    parser.add_argument("--loop", choices=["jloop", "asyncio"], default="jloop")
    parser.add_argument("--debug", action="store_true", help="in asyncio's debug mode")
    parser.add_argument("-k", metavar="PATTERN", help="only tests whose name contains, or matches, this")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (2)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds a test may take (30)")
    parser.add_argument(
        "--verify-list",
        action="store_true",
        help="run on asyncio what is left out because asyncio fails it: what passes does not belong there",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="tell what is left out, and tracebacks")
    parser.add_argument("--cache", type=Path, default=Path(".cache/conformance"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.verify_list:
        options.loop = "asyncio"
    return options


class Run:
    """One run of the suites on one loop."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.left_out: dict[str, left_out.Entry] = {}
        self.results: dict[str, Result] = {}
        self.missing: dict[str, str] = {}
        text = left_out.PATH.read_text()
        self._list = left_out.LeftOut(text, sys.version_info[:3], options.debug)
        self._sdist = sdist.fetch(options.cache.absolute())

    def _children(self, as_asyncio: frozenset[str] = frozenset()) -> Children:
        options = self._options
        return Children(options.loop, self._sdist, options.timeout, options.debug, as_asyncio)

    def _wanted(self, test: str) -> bool:
        """Whether a test is to run; notes those that are left out."""
        pattern = self._options.k
        if pattern and not (pattern in test or fnmatch.fnmatchcase(test, pattern)):
            return False
        entry = self._list.find(test)
        if self._options.verify_list:
            return entry is not None and entry.kind == "asyncio"
        if entry:
            self.left_out[test] = entry
        return entry is None

    def _plan(self, suite: str) -> list[Unit]:
        listing = self._children().list_tests(suite)
        if "missing" in listing:
            self.missing[suite] = listing["missing"]
            return []
        for module, text in listing["errors"].items():
            self.results[f"{suite}/{module}"] = Result("failed", text)
        units: dict[tuple[str, str], list[str]] = {}
        for module, tests in listing["modules"].items():
            for test in tests:
                if self._wanted(f"{suite}/{test}"):
                    part = test.rpartition(".")[0] if module in suites.SPLIT else module
                    units.setdefault((module, part), []).append(test)
        return [Unit(suite, module, tuple(tests)) for (module, _), tests in units.items()]

    def run(self, names: list[str]) -> None:
        """Run the suites, and tell of each unit that ends."""
        units = [unit for name in names for unit in self._plan(name)]
        units.sort(key=lambda unit: suites.SPLIT.index(unit.module) if unit.module in suites.SPLIT else 99)
        every = [f"{unit.suite}/{test}" for unit in units for test in unit.tests]
        children = self._children(frozenset(test for test in every if self._list.as_asyncio(test)))
        with concurrent.futures.ThreadPoolExecutor(self._options.jobs) as pool:
            running = {pool.submit(children.run, unit): unit for unit in units}
            for future in concurrent.futures.as_completed(running):
                unit = running[future]
                results = {f"{unit.suite}/{test}": result for test, result in future.result().items()}
                self.results.update(results)
                name = f"{unit.suite}/{unit.module}"
                if unit.module in suites.SPLIT:
                    name += "." + unit.tests[0].split(".")[1]
                seconds = sum(result.time for result in results.values())
                print(f"{name:60} {report.count(results.values())} ({seconds:.1f} s)", flush=True)


def main() -> int:
    """Run what the arguments ask for; 0 if nothing failed, 1 if something did, 2 if a suite asked for is not there."""
    options = _arguments()
    names = ["uvloop", "cpython"] if options.suite == "all" else [options.suite]
    start = time.monotonic()
    run = Run(options)
    run.run(names)
    if options.verify_list:
        return report.verified(run.results)
    if options.verbose:
        report.tell_left_out(run.left_out)
    report.tell_failures(run.results, options.verbose)
    mode = f"{options.loop} on CPython {platform.python_version()}{' in debug mode' if options.debug else ''}"
    for name in names:
        if name in run.missing:
            print(f"{mode}, {name}: NOT RUN: {run.missing[name]}")
        else:
            print(f"{mode}, {name}: {report.summary(run.results, run.left_out, name + '/')}")
    print(f"{mode}: {report.summary(run.results, run.left_out)}, in {time.monotonic() - start:.0f} s")
    if options.suite in run.missing:
        return 2
    return int(any(result.bad for result in run.results.values()))


if __name__ == "__main__":
    sys.exit(main())
