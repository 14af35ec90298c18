"""Child processes."""

from __future__ import annotations

import asyncio
import mmap
import shutil
from typing import TYPE_CHECKING

from jloop_bench.inprocess.registry import benchmark

if TYPE_CHECKING:
    from jloop_bench.inprocess.registry import Batch

CHILDREN = 20
GIBIBYTE = 1024**3


def spawning(loop: asyncio.AbstractEventLoop) -> Batch:
    """A batch of children that end at once, one after another."""
    program = shutil.which("true") or "/bin/true"

    async def main() -> None:
        for _ in range(CHILDREN):
            process = await asyncio.create_subprocess_exec(program)
            if await process.wait() != 0:
                raise RuntimeError(f"{program} failed")

    def batch() -> int:
        loop.run_until_complete(main())
        return CHILDREN

    return batch


@benchmark("spawn", "processes", "Child process, from a small process", "processes", 1)
def spawn(loop: asyncio.AbstractEventLoop) -> Batch:
    """Spawn `true` and wait for it."""
    return spawning(loop)


@benchmark("spawn_large", "processes", "Child process, from one with 1 GiB resident", "processes", 1)
def spawn_large(loop: asyncio.AbstractEventLoop) -> Batch:
    """As `spawn`, with a gibibyte of written pages, which a fork has to map."""
    ballast = mmap.mmap(-1, GIBIBYTE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared pages are not mapped at a fork
    for offset in range(0, GIBIBYTE, mmap.PAGESIZE):
        ballast[offset] = 1
    batch = spawning(loop)
    batch.ballast = ballast  # type: ignore[attr-defined]
    return batch
