"""What happens inside one process: benchmarks of `jloop_bench.inprocess`, start-up, memory when idle."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jloop_bench.child import Child
from jloop_bench.inprocess import registry
from jloop_bench.modes.base import START_TIMEOUT, Figure, Mode, bare_env
from jloop_bench.stats import median

if TYPE_CHECKING:
    from jloop_bench.loops import LoopSpec
    from jloop_bench.modes.base import Setup

UNITS = {1.0: "/s", 1e3: "k/s", 1e6: "M/s"}
STARTS = 5  # processes per sample
SETTLE = 0.5  # seconds until the memory of an idle process is read

FIRST_CALLBACK = """import time
loop = new_event_loop()
def first():
    print(time.monotonic_ns(), flush=True)
    loop.stop()
loop.call_soon(first)
loop.run_forever()
loop.close()
"""

IDLE = """loop = new_event_loop()
loop.call_soon(lambda: print("idle", flush=True))
loop.run_forever()
"""


@dataclass(frozen=True)
class InProcessMode(Mode):
    """A benchmark of `jloop_bench.inprocess`: best and median batch of one process."""

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Run it in a process of its own."""
        warmup, seconds = setup.warmup / 2, setup.seconds
        with setup.module("inprocess", self.name, loop.name, str(warmup), str(seconds)) as child:
            result = child.answer(5 * (warmup + seconds) + 20)
            return {"best": result["best"], "median": result["median"]}


@dataclass(frozen=True)
class StartMode(Mode):
    """From the start of the interpreter to the first callback: the median of a few processes.

    `cold` gives each process an empty cache folder, as on the first run after installing.
    """

    cold: bool = False

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Start a few processes; when caches may be warm, one more before them."""
        if not self.cold:
            self._start(setup, loop)
        times = [self._start(setup, loop) for _ in range(STARTS)]
        return {"first_ms": median([first for first, _ in times]), "whole_ms": median([whole for _, whole in times])}

    def _start(self, setup: Setup, loop: LoopSpec) -> tuple[float, float]:
        """Milliseconds until the first callback, and until the process has ended."""
        with tempfile.TemporaryDirectory(dir=setup.directory) as cache:
            env = bare_env()
            if self.cold:
                env["XDG_CACHE_HOME"] = env["JLOOP_CACHE_DIR"] = cache
            began = time.monotonic_ns()
            with Child([setup.python, "-c", f"{loop.setup}\n{FIRST_CALLBACK}"], setup.cores.server, env) as child:
                first = int(child.line(START_TIMEOUT))
                child.wait(START_TIMEOUT)
                whole = time.monotonic_ns()
        return (first - began) / 1e6, (whole - began) / 1e6


@dataclass(frozen=True)
class MemoryMode(Mode):
    """A process whose loop runs and has nothing to do."""

    def sample(self, setup: Setup, loop: LoopSpec) -> dict[str, float]:
        """Resident memory half a second after its first callback."""
        with Child([setup.python, "-c", f"{loop.setup}\n{IDLE}"], setup.cores.server, bare_env()) as child:
            child.line(START_TIMEOUT)
            time.sleep(SETTLE)
            return child.memory()


def _in_process(benchmark: registry.Benchmark) -> InProcessMode:
    figures = (
        Figure(
            "best", f"{benchmark.operations} per second, best batch", UNITS[benchmark.scale], False, benchmark.scale
        ),
        Figure("median", "median batch", UNITS[benchmark.scale], False, benchmark.scale),
    )
    return InProcessMode(benchmark.name, benchmark.group, benchmark.title, figures)


_START = (
    Figure("first_ms", "until the first callback", "ms", True),
    Figure("whole_ms", "until the process has ended", "ms", True),
)
_MEMORY = (Figure("rss_mib", "resident memory", "MiB", True), Figure("pss_mib", "proportional share", "MiB", True))

MODES: tuple[Mode, ...] = (
    *(_in_process(benchmark) for benchmark in registry.load_all().values()),
    StartMode("start", "process", "First callback of a fresh process", _START),
    StartMode("start-cold", "process", "First callback, caches empty", _START, cold=True),
    MemoryMode("memory", "process", "Idle process", _MEMORY),
)
