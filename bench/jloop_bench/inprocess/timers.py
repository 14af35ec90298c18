"""Timers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jloop_bench.inprocess.registry import benchmark
from jloop_bench.inprocess.scheduling import ROUND, in_rounds, nothing

if TYPE_CHECKING:
    import asyncio

    from jloop_bench.inprocess.registry import Batch

LATER = 60.0  # seconds


@benchmark("timer_cancel", "timers", "Timer scheduled and cancelled", "timers", 1e6)
def timer_cancel(loop: asyncio.AbstractEventLoop) -> Batch:
    """What a timeout costs that does not strike."""

    def schedule() -> None:
        call_later = loop.call_later
        for _ in range(ROUND):
            call_later(LATER, nothing).cancel()

    return in_rounds(loop, schedule)


@benchmark("timer_due", "timers", "Timers due together", "timers", 1e6)
def timer_due(loop: asyncio.AbstractEventLoop) -> Batch:
    """Many timers of one millisecond: by the time the last is scheduled the first are due."""
    count = 20_000

    def step() -> None:
        call_later = loop.call_later
        for _ in range(count):
            call_later(0.001, nothing)
        call_later(0.001, loop.stop)

    def batch() -> int:
        loop.call_soon(step)
        loop.run_forever()
        return count

    return batch


@benchmark("timer_zero", "timers", "Timers without delay", "timers", 1e6)
def timer_zero(loop: asyncio.AbstractEventLoop) -> Batch:
    """A round of timers without delay, run; again. A loop may take them for `call_soon`."""
    rounds = 50

    def batch() -> int:
        left = rounds

        def step() -> None:
            nonlocal left
            if left == 0:
                loop.stop()
                return
            left -= 1
            call_later = loop.call_later
            for _ in range(ROUND):
                call_later(0, nothing)
            call_later(0, step)

        loop.call_soon(step)
        loop.run_forever()
        return ROUND * rounds

    return batch


@benchmark("timer_chain", "timers", "Timers chained, 1,100 at a time", "timers", 1e6)
def timer_chain(loop: asyncio.AbstractEventLoop) -> Batch:
    """Each timer without delay schedules its successor."""
    total = 50_000

    def batch() -> int:
        left = total

        def chain() -> None:
            nonlocal left
            left -= 1
            if left > 0:
                loop.call_later(0, chain)
            elif left == 0:
                # The rest of the last round is due too and must not run in the next batch.
                loop.call_later(0, loop.stop)

        for _ in range(ROUND):
            loop.call_later(0, chain)
        loop.run_forever()
        return total + ROUND - 1

    return batch


@benchmark("timer_heap", "timers", "Timer scheduled and cancelled beside 100,000", "timers", 1e6)
def timer_heap(loop: asyncio.AbstractEventLoop) -> Batch:
    """As `timer_cancel`, at deadlines spread among those of 100,000 other timers."""
    outstanding = 100_000
    waiting = [loop.call_later(3600.0 + i * 0.001, nothing) for i in range(outstanding)]
    delays = [3600.0 + (i * 7919 % ROUND) * 0.1 for i in range(ROUND)]

    def schedule() -> None:
        call_later = loop.call_later
        for delay in delays:
            call_later(delay, nothing).cancel()

    batch = in_rounds(loop, schedule)
    batch.waiting = waiting  # type: ignore[attr-defined]  # kept, as programs keep what they may cancel
    return batch
