"""Tasks and futures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jloop_bench.inprocess.registry import benchmark

if TYPE_CHECKING:
    from jloop_bench.inprocess.registry import Batch

TASKS = 100
STEPS = 300


@benchmark("task_step", "tasks", "Task step: sleep(0)", "steps", 1e6)
def task_step(loop: asyncio.AbstractEventLoop) -> Batch:
    """A hundred tasks that yield."""

    async def step() -> None:
        for _ in range(STEPS):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*[step() for _ in range(TASKS)])

    def batch() -> int:
        loop.run_until_complete(main())
        return TASKS * STEPS

    return batch


@benchmark("future_wakeup", "tasks", "Future wakes its task", "wake-ups", 1e6)
def future_wakeup(loop: asyncio.AbstractEventLoop) -> Batch:
    """A hundred tasks that each await a future, which a callback completes."""

    async def wait() -> None:
        for _ in range(STEPS):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

    async def main() -> None:
        await asyncio.gather(*[wait() for _ in range(TASKS)])

    def batch() -> int:
        loop.run_until_complete(main())
        return TASKS * STEPS

    return batch


@benchmark("gather", "tasks", "gather of 100 coroutines", "coroutines", 1e6)
def gather(loop: asyncio.AbstractEventLoop) -> Batch:
    """Tasks made, run and awaited."""

    async def nothing() -> None:
        pass

    async def main() -> None:
        for _ in range(STEPS):
            await asyncio.gather(*[nothing() for _ in range(TASKS)])

    def batch() -> int:
        loop.run_until_complete(main())
        return TASKS * STEPS

    return batch


@benchmark("executor", "threads", "Executor round trip", "calls", 1e3)
def executor(loop: asyncio.AbstractEventLoop) -> Batch:
    """One call after another on the default executor."""
    calls = 500

    def nothing() -> None:
        pass

    async def main() -> None:
        for _ in range(calls):
            await loop.run_in_executor(None, nothing)

    def batch() -> int:
        loop.run_until_complete(main())
        return calls

    return batch
