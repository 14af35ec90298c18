"""The list of benchmarks, which the functions enter themselves into."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    Batch = Callable[[], int]
    Prepare = Callable[[asyncio.AbstractEventLoop], Batch]


class Benchmark(NamedTuple):
    """One benchmark: `operations` says what is counted, `scale` in what number per second it is told (1, 1e3, 1e6)."""

    name: str
    group: str
    title: str
    operations: str
    scale: float
    prepare: Prepare


BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str, group: str, title: str, operations: str, scale: float) -> Callable[[Prepare], Prepare]:
    """Enter the decorated function as the benchmark `name`."""

    def enter(prepare: Prepare) -> Prepare:
        BENCHMARKS[name] = Benchmark(name, group, title, operations, scale, prepare)
        return prepare

    return enter


def load_all() -> dict[str, Benchmark]:
    """Every benchmark, in the order of the modules below."""
    from jloop_bench.inprocess import network, processes, scheduling, tasks, timers  # noqa: F401

    order = ("scheduling", "timers", "tasks", "threads", "network", "processes")
    return dict(sorted(BENCHMARKS.items(), key=lambda item: order.index(item[1].group)))
