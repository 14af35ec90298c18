"""call_later, call_at and time: never early, in order, of any length, and cheap to cancel."""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from typing import Any

import pytest
from support import Loop, LoopFactory, Opaque

RESOLUTION = time.get_clock_info("monotonic").resolution


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def test_time_is_the_monotonic_clock_in_seconds(loop: Loop) -> None:
    before = time.monotonic()
    now = loop.time()
    assert isinstance(now, float)
    assert before <= now <= time.monotonic()


def test_time_passes_while_a_callback_blocks(loop: Loop) -> None:
    """A clock read once per iteration would stand still here."""
    times: list[float] = []

    def blocking() -> None:
        times.append(loop.time())
        time.sleep(0.003)
        times.append(loop.time())
        loop.stop()

    loop.call_soon(blocking)
    loop.run_forever()
    assert times[1] - times[0] >= 0.003


def test_time_has_a_finer_resolution_than_a_millisecond(loop: Loop) -> None:
    times = {loop.time() for _ in range(1000)}
    assert len(times) > 100


@pytest.mark.parametrize("delay", [0.0001, 0.0005, 0.001, 0.0013, 0.005, 0.0201])
def test_timers_are_never_early(loop: Loop, delay: float) -> None:
    early: list[float] = []
    rounds = 0

    def check(deadline: float) -> None:
        nonlocal rounds
        rounds += 1
        early_by = deadline - loop.time()
        if early_by > RESOLUTION:
            early.append(early_by)
        if rounds == 10:
            loop.stop()
        else:
            start()

    def start() -> None:
        loop.call_later(delay, check, loop.time() + delay)

    start()
    loop.run_forever()
    assert not early


def test_sleep_is_never_shorter_than_asked_on_the_systems_clock(loop: Loop) -> None:
    async def main() -> list[float]:
        took = []
        for number in range(30):
            start = time.monotonic()
            await asyncio.sleep(0.001 + number / 30_000)
            took.append(time.monotonic() - start - 0.001 - number / 30_000)
        return took

    assert min(loop.run_until_complete(main())) >= -RESOLUTION


def test_timers_below_a_millisecond_are_told_apart(loop: Loop) -> None:
    ran: list[int] = []
    base = loop.time() + 0.01
    for number in (5, 1, 4, 2, 3):
        loop.call_at(base + number * 0.0002, ran.append, number)
    loop.call_at(base + 0.002, loop.stop)
    loop.run_forever()
    assert ran == [1, 2, 3, 4, 5]


def test_timers_run_in_the_order_of_their_deadlines(loop: Loop) -> None:
    ran: list[int] = []
    base = loop.time()
    numbers = [(number * 7919) % 1009 for number in range(1009)]
    for number in numbers:
        loop.call_at(base + number / 1e5, ran.append, number)
    loop.call_at(base + 0.02, loop.stop)
    loop.run_forever()
    assert ran == sorted(numbers)


@pytest.mark.parametrize("base", [0.005, -5.0, -1e6], ids=["soon", "past", "long past"])
def test_timers_less_than_a_nanosecond_apart_run_in_the_order_of_their_deadlines(loop: Loop, base: float) -> None:
    """A clock of a few hours has hundreds of numbers for a nanosecond; asyncio's heap orders them all."""
    start = loop.time() + base
    deadlines = [start + number / 64e9 for number in range(128)]
    fired: list[float] = []
    for deadline in random.Random(3).sample(deadlines, len(deadlines)):
        loop.call_at(deadline, fired.append, deadline)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert fired == sorted(deadlines)


def test_timers_before_the_clock_began_run_in_the_order_of_their_deadlines(loop: Loop) -> None:
    fired: list[float] = []
    for deadline in (-2.5, -1e300, 0.0, -7.25, 1e-9):
        loop.call_at(deadline, fired.append, deadline)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    assert fired == [-1e300, -7.25, -2.5, 0.0, 1e-9]


def test_timers_with_deadlines_in_the_past_run_in_the_order_of_their_deadlines(loop: Loop) -> None:
    ran: list[int] = []
    now = loop.time()
    for number in (3, 1, 2):
        loop.call_at(now - 10 + number, ran.append, number)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert ran == [1, 2, 3]


def test_timers_with_one_deadline_all_run(loop: Loop) -> None:
    deadline = loop.time() + 0.002
    ran: list[int] = []
    for number in range(100):
        loop.call_at(deadline, ran.append, number)
    loop.call_at(deadline + 0.001, loop.stop)
    loop.run_forever()
    assert sorted(ran) == list(range(100))


@pytest.mark.jloop_only
def test_timers_with_one_deadline_run_in_scheduling_order(loop: Loop) -> None:
    """A promise of jloop's: asyncio leaves the order of equal deadlines open."""
    deadline = loop.time() + 0.002
    ran: list[int] = []
    for number in range(1000):
        loop.call_at(deadline, ran.append, number)
    loop.call_at(deadline + 0.001, loop.stop)
    loop.run_forever()
    assert ran == list(range(1000))


def test_a_timer_of_no_delay_runs_after_what_is_ready(loop: Loop) -> None:
    ran: list[str] = []
    loop.call_later(0, ran.append, "timer")
    loop.call_soon(ran.append, "soon")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert ran == ["soon", "timer"]


def test_a_timer_that_reschedules_itself_with_no_delay_does_not_hold_the_loop(loop: Loop) -> None:
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        loop.call_later(0, again)

    again()
    loop.call_later(0.005, loop.stop)
    loop.run_forever()
    assert count > 5


@pytest.mark.parametrize("delay", [0, 0.0, -1, -0.5, -(10**9), True, False, 5e-324, -math.inf], ids=repr)
def test_a_delay_may_be_any_number_however_small(loop: Loop, delay: float) -> None:
    ran: list[int] = []
    if delay is True:  # an int too: one second, so only its deadline is looked at
        handle = loop.call_later(delay, ran.append, 1)
        assert handle.when() > loop.time() + 0.5
        handle.cancel()
        return
    loop.call_later(delay, ran.append, 1)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert ran == [1]


@pytest.mark.parametrize("delay", [1e9, 10**9, 1e15, 1e300, math.inf, 365 * 86400 * 300], ids=repr)
def test_a_delay_may_be_however_huge(loop: Loop, delay: float) -> None:
    loop.call_later(delay, pytest.fail, "it ran")
    loop.call_later(0.002, loop.stop)
    start = loop.time()
    loop.run_forever()
    assert loop.time() - start >= 0.002 - RESOLUTION


def test_a_loop_that_only_waits_for_a_huge_delay_can_be_woken(loop: Loop) -> None:
    import threading

    loop.call_later(1e12, pytest.fail, "it ran")
    thread = threading.Timer(0.02, loop.call_soon_threadsafe, [loop.stop])
    thread.start()
    loop.run_forever()
    thread.join()


class Seconds:
    """A number in the way of numpy's: it knows __float__ and arithmetic."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value

    def __radd__(self, other: float) -> float:
        return other + self.value


def test_a_delay_may_be_an_object_that_adds_to_a_float(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_later(Seconds(0.001), ran.append, 1)  # type: ignore[arg-type]
    loop.call_later(0.003, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_a_fraction_or_a_decimal_of_a_second_is_treated_as_addition_treats_it(loop: Loop) -> None:
    from decimal import Decimal
    from fractions import Fraction

    ran: list[int] = []
    loop.call_later(Fraction(1, 1000), ran.append, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        loop.call_later(Decimal("0.001"), ran.append, 2)  # type: ignore[arg-type]
    loop.call_later(0.003, loop.stop)
    loop.run_forever()
    assert ran == [1]


@pytest.mark.parametrize("bad", ["1", b"1", [], Opaque()], ids=repr)
def test_a_delay_that_is_no_number_is_a_type_error(loop: Loop, bad: Any) -> None:
    with pytest.raises(TypeError):
        loop.call_later(bad, print)


def test_no_time_at_all_is_a_type_error(loop: Loop) -> None:
    if sys.version_info >= (3, 11):
        with pytest.raises(TypeError, match="delay must not be None"):
            loop.call_later(None, print)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="when cannot be None"):
            loop.call_at(None, print)  # type: ignore[arg-type]
    else:
        with pytest.raises(TypeError):
            loop.call_later(None, print)  # type: ignore[arg-type]


def test_missing_arguments_are_type_errors(loop: Loop) -> None:
    schedule: Any
    for schedule in (loop.call_later, loop.call_at):
        with pytest.raises(TypeError):
            schedule()
        with pytest.raises(TypeError):
            schedule(1)
        with pytest.raises(TypeError):
            schedule(1, print, no_such_keyword=1)


def test_delay_and_callback_may_be_keywords(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_later(delay=0, callback=lambda: ran.append(1))
    loop.call_at(when=loop.time(), callback=lambda: ran.append(2))
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert sorted(ran) == [1, 2]


def test_an_integer_deadline_is_taken_as_it_is(loop: Loop) -> None:
    deadline = int(loop.time()) + 3600
    handle = loop.call_at(deadline, print)
    assert handle.when() == deadline
    handle.cancel()


def test_a_cancelled_timer_does_not_run(loop: Loop) -> None:
    ran: list[str] = []
    loop.call_later(0.001, ran.append, "cancelled").cancel()
    loop.call_later(0.002, loop.stop)
    loop.run_forever()
    assert ran == []


def test_a_timer_can_cancel_another_that_is_due_with_it(loop: Loop) -> None:
    ran: list[str] = []
    deadline = loop.time() + 0.001
    second = loop.call_at(deadline + 1e-6, ran.append, "second")
    loop.call_at(deadline, second.cancel)
    loop.call_at(deadline + 0.002, loop.stop)
    loop.run_forever()
    assert ran == []
    assert second.cancelled()


def test_cancelling_the_next_timer_lets_the_one_after_it_run_in_time(loop: Loop) -> None:
    ran: list[float] = []
    start = loop.time()
    first = loop.call_at(start + 0.004, ran.append, 1.0)
    loop.call_at(start + 0.006, loop.stop)
    loop.call_soon(first.cancel)
    loop.run_forever()
    assert ran == []
    assert loop.time() - start < 2


def test_a_sooner_timer_set_while_waiting_for_a_later_one_is_not_late(loop: Loop) -> None:
    start = loop.time()
    loop.call_later(60, pytest.fail, "too late")
    loop.call_soon(loop.call_later, 0.002, loop.stop)
    loop.run_forever()
    assert loop.time() - start < 5


def test_timers_that_are_cancelled_again_and_again_do_not_pile_up(loop: Loop) -> None:
    """A server sets and cancels a timeout for every request: these must not wait in the heap for their hour."""

    def burst() -> None:
        for _ in range(20):
            for _ in range(5000):
                loop.call_later(3600, print).cancel()
            loop.call_soon(loop.stop)
            loop.run_forever()

    burst()
    before = resident_memory()
    burst()
    assert resident_memory() - before < 12 * 2**20


def test_cancelled_timers_between_live_ones_do_not_disturb_them(loop: Loop) -> None:
    ran: list[int] = []
    base = loop.time() + 0.002
    handles = [loop.call_at(base + number / 1e6, ran.append, number) for number in range(3000)]
    for handle in handles[::3] + handles[1::3]:
        handle.cancel()
    loop.call_at(base + 0.01, loop.stop)
    loop.run_forever()
    assert ran == list(range(2, 3000, 3))


def test_a_timer_outlives_a_stop_and_runs_in_the_next_run(loop: Loop) -> None:
    ran: list[int] = []
    timer = loop.call_later(0.05, ran.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == []
    loop.call_at(timer.when() + 0.001, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_a_handle_that_nobody_keeps_runs_all_the_same(loop: Loop) -> None:
    import gc

    ran: list[int] = []
    loop.call_later(0.002, ran.append, 1)
    gc.collect()
    loop.call_later(0.004, loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_a_closed_loop_refuses_timers(loop: Loop) -> None:
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_later(0, print)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_at(0, print)


def test_closing_forgets_timers(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    handle = loop.call_later(0, pytest.fail, "it ran")
    loop.close()
    assert not handle.cancelled()


async def test_wait_for_gives_up_in_time(loop: Loop) -> None:
    start = loop.time()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(loop.create_future(), 0.005)
    assert 0.005 - RESOLUTION <= loop.time() - start < 5


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came in 3.11")
async def test_a_timeout_can_be_moved(loop: Loop) -> None:
    from asyncio import timeout

    with pytest.raises(TimeoutError):
        async with timeout(60) as limit:
            limit.reschedule(loop.time() + 0.002)
            await loop.create_future()
    async with timeout(0.001) as limit:
        limit.reschedule(None)
        await asyncio.sleep(0.003)
