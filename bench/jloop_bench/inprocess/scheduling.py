"""Callbacks: schedule and run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jloop_bench.inprocess.registry import benchmark

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from jloop_bench.inprocess.registry import Batch

# Callbacks that one callback schedules. A loop that makes a handle and a context for each lets CPython 3.14 collect
# garbage once per 2,000 objects: clearly more than that, lest one loop crosses the line and another just does not.
ROUND = 1100
ROUNDS = 100
FEW = 100  # callbacks per round when no garbage collection is wanted


def nothing() -> None:
    """The callback without arguments."""


def nothing_with(first: object, second: object) -> None:
    """The callback with two arguments."""


def in_rounds(
    loop: asyncio.AbstractEventLoop, schedule: Callable[[], None], size: int = ROUND, rounds: int = ROUNDS
) -> Batch:
    """A batch of `rounds` callbacks that each call `schedule`, which schedules `size` more."""

    def batch() -> int:
        left = rounds

        def step() -> None:
            nonlocal left
            if left == 0:
                loop.stop()
                return
            left -= 1
            schedule()
            loop.call_soon(step)

        loop.call_soon(step)
        loop.run_forever()
        return size * rounds

    return batch


@benchmark("call_soon", "scheduling", "call_soon, no arguments", "callbacks", 1e6)
def call_soon(loop: asyncio.AbstractEventLoop) -> Batch:
    """Handles dropped at once."""

    def schedule() -> None:
        call_soon = loop.call_soon
        for _ in range(ROUND):
            call_soon(nothing)

    return in_rounds(loop, schedule)


@benchmark("call_soon_few", "scheduling", "call_soon, 100 at a time", "callbacks", 1e6)
def call_soon_few(loop: asyncio.AbstractEventLoop) -> Batch:
    """As `call_soon`, so few that what is made is gone before the collector looks."""

    def schedule() -> None:
        call_soon = loop.call_soon
        for _ in range(FEW):
            call_soon(nothing)

    return in_rounds(loop, schedule, FEW, ROUNDS * 10)


@benchmark("call_soon_args", "scheduling", "call_soon, two arguments", "callbacks", 1e6)
def call_soon_args(loop: asyncio.AbstractEventLoop) -> Batch:
    """Handles dropped at once."""

    def schedule() -> None:
        call_soon = loop.call_soon
        for _ in range(ROUND):
            call_soon(nothing_with, 1, 2)

    return in_rounds(loop, schedule)


@benchmark("call_soon_kept", "scheduling", "call_soon, handle kept", "callbacks", 1e6)
def call_soon_kept(loop: asyncio.AbstractEventLoop) -> Batch:
    """The caller keeps every handle of a round until the next round."""
    kept: list[asyncio.Handle] = []

    def schedule() -> None:
        call_soon, keep = loop.call_soon, kept.append
        kept.clear()
        for _ in range(ROUND):
            keep(call_soon(nothing))

    return in_rounds(loop, schedule)


@benchmark("threadsafe_own", "scheduling", "call_soon_threadsafe, from the loop's thread", "callbacks", 1e6)
def threadsafe_own(loop: asyncio.AbstractEventLoop) -> Batch:
    """As `call_soon`, by the function made for other threads."""

    def schedule() -> None:
        call_soon = loop.call_soon_threadsafe
        for _ in range(ROUND):
            call_soon(nothing)

    return in_rounds(loop, schedule)


@benchmark("threadsafe_other", "scheduling", "call_soon_threadsafe, from another thread", "callbacks", 1e6)
def threadsafe_other(loop: asyncio.AbstractEventLoop) -> Batch:
    """A thread schedules as fast as it can while the loop runs; until the last callback has run."""
    count = 50_000

    def post() -> None:
        call_soon = loop.call_soon_threadsafe
        for _ in range(count):
            call_soon(nothing)
        call_soon(loop.stop)

    def batch() -> int:
        thread = threading.Thread(target=post)
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        return count

    return batch
