"""What a mode is, and what it works with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jloop_bench import bounds
from jloop_bench.child import Child
from jloop_bench.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jloop_bench.loops import LoopSpec
    from jloop_bench.machine import Cores

START_TIMEOUT = 60.0  # seconds until a server must serve
PACKAGE_ROOT = Path(__file__).parent.parent.parent


def bare_env() -> dict[str, str]:
    """The environment as users have it, but nothing is made in the background, and warnings do not clutter."""
    return {"JLOOP_AOT": "use", **os.environ, "PYTHONWARNINGS": "ignore"}


class Figure(NamedTuple):
    """One number that a mode measures: `key` in samples, and how it is told.

    What is shown is the value divided by `scale`, in `unit`. `lower_is_better` tells which way is up.
    """

    key: str
    title: str
    unit: str
    lower_is_better: bool
    scale: float = 1.0


CPU = Figure("cpu_us", "server CPU per request", "µs", True)
USER = Figure("user_us", "of it in user space", "µs", True)
RATE = Figure("rate", "requests per second", "k/s", False, 1e3)
P50 = Figure("p50_us", "median latency", "µs", True)
P99 = Figure("p99_us", "p99 latency", "µs", True)
P999 = Figure("p999_us", "p99.9 latency", "µs", True)
RSS = Figure("rss_mib", "resident memory after load", "MiB", True)
REQUEST_FIGURES = (CPU, USER, RATE, P50, P99, P999, RSS)


@dataclass
class Setup:
    """What samples are taken with: interpreter, cores, times in seconds, a folder for what is temporary."""

    python: str
    cores: Cores
    seconds: float
    warmup: float
    directory: Path
    _load: Load | None = None
    _sockets: int = 0
    _certificate: tuple[str, str] | None = field(default=None)

    @property
    def env(self) -> dict[str, str]:
        """The environment of processes under test: this package can be imported, warnings do not clutter."""
        paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
        return {**bare_env(), "PYTHONPATH": os.pathsep.join(path for path in paths if path)}

    def module(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> Child:
        """Run a module of this package by the interpreter under test on the server's core."""
        return Child([self.python, "-m", f"jloop_bench.{name}", *arguments], self.cores.server, env or self.env)

    @contextmanager
    def server(self, loop: LoopSpec, program: str, **spec: object) -> Iterator[tuple[Child, str]]:
        """A server under test (see `jloop_bench.servers`) or a bound, and the address it serves on."""
        if loop.bound:
            where = f"unix:{spec['unix']}" if "unix" in spec else "127.0.0.1:0"
            command = [*bounds.command(loop, self.directory), where]
            with Child(command, self.cores.server) as child:
                yield child, child.line(START_TIMEOUT)
            return
        with self.module("servers", json.dumps({"program": program, "loop": loop.name, **spec})) as child:
            yield child, child.answer(START_TIMEOUT)["address"]

    @property
    def load(self) -> Load:
        """The load generator; started when first asked for."""
        if self._load is None:
            self._load = Load(self.cores.load)
        return self._load

    def end_load(self) -> None:
        """End the load generator: the next mode gets a new one, which has seen nothing but that mode."""
        if self._load is not None:
            self._load.__exit__(None, None, None)
            self._load = None

    def unix_path(self) -> str:
        """A path for a Unix socket that is not there yet."""
        self._sockets += 1
        return str(self.directory / f"s{self._sockets}")

    def certificate(self) -> tuple[str, str]:
        """Paths of a self-signed certificate and its key, made the first time."""
        if self._certificate is None:
            certificate, key = str(self.directory / "cert.pem"), str(self.directory / "key.pem")
            request = [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ]
            subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
            self._certificate = certificate, key
        return self._certificate


@dataclass(frozen=True)
class Mode(ABC):
    """One kind of work.

    `figures` are what a sample has, the main one first; `packages` what the interpreter under test must have, `programs`
    what must be on PATH.
    """

    name: str
    group: str
    title: str
    figures: tuple[Figure, ...]
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @abstractmethod
    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Measure once, in processes of their own. Raises ChildFailed if it cannot be measured."""

    def includes(self, loop: LoopSpec) -> bool:
        """Whether `loop` takes part."""
        return not loop.bound

    def missing(self, packages: dict[str, Any]) -> list[str]:
        """What is not there of what it needs, `packages` being those of the interpreter under test."""
        return [name for name in self.packages if name not in packages] + [
            name for name in self.programs if not shutil.which(name)
        ]
