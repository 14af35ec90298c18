"""Runs a program in a process of its own and compares all that is left of it: exit status, standard output, standard error."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

SUPPORT = Path(__file__).with_name("support")

# Variables of the caller that would make the JVM or CPython print, or that would change what is tested.
UNWANTED = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")
UNWANTED_PREFIXES = ("PYTHON", "COV_", "PYTEST_")

Text = str | re.Pattern[str]


class Child:
    """Programs that run on one kind of loop, `asyncio` or `jloop`, each in a fresh folder that must be empty afterwards."""

    def __init__(self, loop: str, folder: Path) -> None:
        self.loop = loop
        self.folder = folder
        self.started: list[Running] = []

    def run(
        self,
        program: str,
        *arguments: str,
        status: int = 0,
        out: Text = "",
        err: Text = "",
        options: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        limit: float = 90,
    ) -> Running:
        """Run `program` to its end, at most `limit` seconds, and check its exit status and every byte it printed.

        `status` is as in `subprocess`: -N for death by signal N. `out` and `err` are exact texts, or patterns for the whole.
        """
        running = self.start(program, *arguments, options=options, env=env)
        running.finish(status=status, out=out, err=err, limit=limit)
        return running

    def start(
        self, program: str, *arguments: str, options: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> Running:
        """Start `program` and return at once; the caller talks to it and calls `finish`."""
        number = len(self.started)
        path = self.folder / f"program{number}.py"
        path.write_text(textwrap.dedent(program).lstrip("\n"))
        cwd = self.folder / f"cwd{number}"
        cwd.mkdir()
        running = Running(self, path, arguments, cwd, options, self.environment(env or {}))
        self.started.append(running)
        return running

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "PYTHONPATH" or not (name in UNWANTED or name.startswith(UNWANTED_PREFIXES))
        }
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SUPPORT), kept.get("PYTHONPATH", "")]))
        kept["UNDER_LOOP"] = self.loop
        kept["LC_ALL"] = "C.UTF-8"
        return kept | extra

    def close(self) -> None:
        for running in self.started:
            running.kill()
            running.process.wait()
            for stream in (running.process.stdin, running.process.stdout, running.process.stderr):
                if stream is not None:
                    with suppress(BrokenPipeError):  # nobody is left to read what was not flushed
                        stream.close()


class Running:
    """A program that was started; its process group is its own, so that nothing it started outlives the test."""

    def __init__(
        self,
        child: Child,
        path: Path,
        arguments: tuple[str, ...],
        cwd: Path,
        options: tuple[str, ...],
        env: dict[str, str],
    ) -> None:
        self.child = child
        self.path = path
        self.cwd = cwd
        self.out = ""
        self.err = ""
        self.process = subprocess.Popen(
            [sys.executable, *options, str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        self.pid = self.process.pid

    def expect(self, line: str) -> None:
        """Read one line of standard output and check it."""
        assert self.process.stdout is not None
        got = self.process.stdout.readline()
        self.out += got
        if got != line + "\n":
            self.process.kill()
            assert self.process.stderr is not None
            self.err += self.process.stderr.read()
            raise AssertionError(f"expected the line {line!r}\n{self.describe()}")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait_until_idle(self, seconds: float = 0.3) -> None:
        """Return when the process has used next to no processor time for `seconds`; its loop then sits in its wait."""
        before, since = self.ticks(), time.monotonic()
        deadline = since + 30
        while time.monotonic() < deadline:
            time.sleep(0.05)
            now = self.ticks()
            if now - before > 1:
                before, since = now, time.monotonic()
            elif time.monotonic() - since > seconds:
                return
        raise AssertionError(f"never idle\n{self.describe()}")

    def ticks(self) -> int:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def finish(self, *, status: int = 0, out: Text = "", err: Text = "", limit: float = 90) -> None:
        """Wait for the end and check it, see `Child.run`."""
        try:
            more_out, more_err = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            threads = self.threads()
            self.kill()
            more_out, more_err = self.process.communicate()
            self.out += more_out
            self.err += more_err
            raise AssertionError(f"still running after {limit} s; its threads:\n{threads}\n{self.describe()}") from None
        self.out += more_out
        self.err += more_err
        problems = []
        if self.process.returncode != status:
            problems.append(f"exit status {self.process.returncode}, expected {status}")
        for name, got, expected in (("standard output", self.out, out), ("standard error", self.err, err)):
            if isinstance(expected, str):
                if got != expected:
                    problems.append(f"{name} is not exactly {expected!r}")
            elif expected.fullmatch(got) is None:
                problems.append(f"{name} does not match {expected.pattern!r}")
        if left := sorted(entry.name for entry in self.cwd.iterdir()):
            problems.append(f"left behind in its folder: {left}")
        if problems:
            raise AssertionError("; ".join(problems) + "\n" + self.describe())

    def threads(self) -> str:
        lines = []
        for task in sorted(Path(f"/proc/{self.pid}/task").glob("*")):
            try:
                state = task.joinpath("stat").read_text().rpartition(")")[2].split()[0]
                lines.append(f"  {task.name} {task.joinpath('comm').read_text().strip()} {state}")
            except OSError:
                continue
        return "\n".join(lines)

    def describe(self) -> str:
        parts = [f"exit status: {self.process.poll()}", f"--- out\n{self.out[-4000:]}", f"--- err\n{self.err[-8000:]}"]
        for report in sorted(self.cwd.glob("hs_err*")):
            parts.append(f"--- {report.name}\n{report.read_text(errors='replace')[:6000]}")
        return "\n".join(parts)

    def kill(self) -> None:
        """End what is left of the process group that this test started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def lines(*expected: object) -> str:
    """The text that `print` makes of `expected`, one a line."""
    return "".join(f"{line}\n" for line in expected)


def has_line(text: str) -> re.Pattern[str]:
    """A whole output that has `text` as one of its lines."""
    return re.compile(rf"(?s)(.*\n)?{re.escape(text)}\n.*")
