"""Child processes of the driver: pinned, heard line by line, measured through /proc, always ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

MEBIBYTE = 2**20


class ChildFailed(Exception):
    """A child that ended, said nothing in time, or said that it cannot; the message ends with its last words."""


class Child:
    """A running child process. Use as a context manager: leaving it kills the child.

    `cores` is what it and its threads may run on. Its standard error goes to a file, which failures quote.
    """

    def __init__(self, command: Sequence[str], cores: frozenset[int], env: Mapping[str, str] | None = None) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by kill
        self._buffer = b""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=env,
            # The driver has one thread. A child must never run elsewhere, not even until it has read its arguments.
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End the child at once and forget it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass

    def tell(self, line: str) -> None:
        """Write one line to the child's standard input."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ChildFailed(self._last_words("ended")) from None

    def line(self, timeout: float) -> str:
        """The next line of the child's standard output, waiting at most `timeout` seconds.

        Raises ChildFailed if there is none.
        """
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise ChildFailed(self._last_words(f"said nothing for {timeout:.0f} seconds"))
            data = os.read(fd, 65536)
            if not data:
                self._process.wait()
                raise ChildFailed(self._last_words(f"ended with status {self._process.returncode}"))
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace")

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next line of standard output, which must be a JSON object. Raises ChildFailed if it is not."""
        line = self.line(timeout)
        try:
            found = json.loads(line)
        except ValueError:
            rest = " ".join(line for _ in range(20) if (line := self._line_at_hand().strip(" #")))
            raise ChildFailed(f"printed {line[:80]!r} {rest[:400]}") from None
        if not isinstance(found, dict):
            raise ChildFailed(f"printed {line[:80]!r}")
        return found

    def _line_at_hand(self) -> str:
        """The next line if it comes at once, else nothing."""
        try:
            return self.line(0.2)
        except ChildFailed:
            return ""

    def check(self) -> None:
        """Raises ChildFailed if the child has ended."""
        status = self._process.poll()
        if status is not None:
            raise ChildFailed(self._last_words(f"ended with status {status}"))

    def wait(self, timeout: float) -> None:
        """Until the child has ended by itself, at most `timeout` seconds. Raises ChildFailed if it does not, or badly."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ChildFailed(self._last_words(f"did not end in {timeout:.0f} seconds")) from None
        if status != 0:
            raise ChildFailed(self._last_words(f"ended with status {status}"))

    def memory(self) -> dict[str, float]:
        """Memory of the child now, in MiB: `rss_mib` resident, `pss_mib` with shared pages shared out."""
        fields = {}
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, _, value = line.partition(":")
            fields[name] = int(value.split()[0]) * 1024 / MEBIBYTE
        return {"rss_mib": fields["Rss"], "pss_mib": fields["Pss"]}

    def _last_words(self, what: str) -> str:
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return f"{what}: {lines[-1].strip()[:200]}" if lines else what
