"""Runs tests in child processes that may crash or hang."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_LOST = 10  # crashes and hangs of one unit after which the rest of it is given up
_GOODBYE = 20.0  # seconds a process has to end after its last test


@dataclass
class Result:
    """What became of one test: passed, failed, skipped, crashed, hung; flaky if it passed the second time only."""

    status: str
    text: str = ""
    time: float = 0.0
    flaky: bool = False

    @property
    def bad(self) -> bool:
        return self.status in ("failed", "crashed", "hung")


@dataclass(frozen=True)
class Unit:
    """Tests that run in one process: a module's, or a class's."""

    suite: str
    module: str
    tests: tuple[str, ...]


class Children:
    """Starts child processes for one loop."""

    def __init__(self, loop: str, sdist: Path, timeout: float, debug: bool, as_asyncio: frozenset[str]) -> None:
        self._timeout = timeout
        self._as_asyncio = as_asyncio
        self._environment = dict(os.environ, CONFORMANCE_LOOP=loop, CONFORMANCE_SDIST=str(sdist))
        self._environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if debug:
            self._environment["PYTHONASYNCIODEBUG"] = "1"
        else:
            self._environment.pop("PYTHONASYNCIODEBUG", None)

    def _command(self, suite: str, *words: str) -> tuple[list[str], dict[str, str]]:
        """What starts a child, and its environment: the stand-in for uvloop is on the path for uvloop's tests only."""
        path = [str(ROOT)] + ([str(ROOT / "stand_in")] if suite == "uvloop" else [])
        path += [self._environment["PYTHONPATH"]] if self._environment.get("PYTHONPATH") else []
        environment = dict(self._environment, PYTHONPATH=os.pathsep.join(path))
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "jloop_conformance.child"]
        return [*command, *words], environment

    def list_tests(self, suite: str) -> dict[str, Any]:
        """What `child.list_tests` found."""
        command, environment = self._command(suite, "list", suite)
        listing: dict[str, Any] = json.loads(subprocess.check_output(command, env=environment, timeout=120))
        return listing

    def run(self, unit: Unit) -> dict[str, Result]:
        """Run the tests of a unit, in new processes after each crash or hang; failures once more, each alone."""
        results: dict[str, Result] = {}
        left = list(unit.tests)
        for _ in range(_LOST):
            results.update(self._run_once(unit, left))
            left = [test for test in left if test not in results]
            if not left:
                break
        results.update((test, Result("crashed", "given up: too many crashes and hangs")) for test in left)
        for test, first in list(results.items()):
            if first.status in ("failed", "hung") and test in unit.tests:
                again = self._run_once(unit, [test])
                if not any(result.bad for result in again.values()) and test in again:
                    results[test] = Result(again[test].status, first.text, again[test].time, flaky=True)
        return results

    def _run_once(self, unit: Unit, tests: list[str]) -> dict[str, Result]:
        """Run tests in one process: the results of those that it came to, the last of which may have ended it."""
        words = [f"{test}=asyncio" if f"{unit.suite}/{test}" in self._as_asyncio else test for test in tests]
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True))
            log = stack.enter_context(open(Path(folder, "log"), "w+b"))
            receiver, sender = os.pipe()
            stack.callback(os.close, receiver)
            os.mkdir(Path(folder, "work"))
            command, environment = self._command(
                unit.suite, "run", str(sender), unit.suite, unit.module, str(self._timeout), *words
            )
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=Path(folder, "work"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[sender],
                start_new_session=True,
            )
            os.close(sender)
            events, hung = _listen(receiver, process, self._timeout)
            # its session is its own: it, and what its tests have started and left
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8000))
            output = log.read().decode(errors="replace")
        return _understand(unit, tests, events, hung, process.returncode, output)


def _listen(receiver: int, process: "subprocess.Popen[bytes]", timeout: float) -> tuple[list[dict[str, Any]], bool]:
    """What a child tells until it ends; true beside it if it had to be given up."""
    received = bytearray()
    ended = os.pidfd_open(process.pid)
    try:
        told, limit = time.monotonic(), timeout
        while True:
            ready, _, _ = select.select([receiver, ended], [], [], max(0.0, told + limit - time.monotonic()))
            if receiver in ready:
                data = os.read(receiver, 1 << 16)
                received += data
                told = time.monotonic()
                if b'"done"' in data:
                    limit = _GOODBYE
                if data:
                    continue
                ready = [ended] if select.select([ended], [], [], _GOODBYE)[0] else []
            if not ready:
                return _parse(received), True
            # ended: what is left in the pipe; a process that it forked may hold the other end
            while select.select([receiver], [], [], 0)[0] and (data := os.read(receiver, 1 << 16)):
                received += data
            return _parse(received), False
    finally:
        os.close(ended)


def _parse(received: bytearray) -> list[dict[str, Any]]:
    return [json.loads(line) for line in received.splitlines(keepends=True) if line.endswith(b"\n")]


def _understand(
    unit: Unit, tests: Iterable[str], events: list[dict[str, Any]], hung: bool, status: int, output: str
) -> dict[str, Result]:
    results: dict[str, Result] = {}
    running, done, outside = None, False, None
    for event in events:
        kind = event.pop("event")
        if kind == "start":
            running = event["test"]
        elif kind == "end":
            running = None
            test = event.pop("test")
            results[test] = Result(**event)
        elif kind == "outside":
            outside = Result(**event)
        else:
            done = True
    if done and not hung and status == 0:
        rest = outside or Result("failed", "was not run")
    elif done:
        # every test ended, the process did not as it should: this is nobody's and everybody's
        how = "did not end" if hung else f"ended with status {status}"
        results[f"{unit.module}.(exit)"] = Result("crashed", f"the process {how} after its last test\n{output}")
        rest = Result("failed", "was not run")
    else:
        how = "no end in time" if hung else f"the process ended with status {status}"
        lost = running or next(test for test in tests if test not in results)
        results[lost] = Result("hung" if hung else "crashed", f"{how}\n{output}")
        return results
    return {**dict.fromkeys(tests, rest), **results}
