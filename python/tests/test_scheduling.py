"""call_soon and call_soon_threadsafe: what runs, in which order, in which iteration, from which thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support import Loop, LoopErrors, Opaque, iterations, until


def run_once(loop: Loop) -> None:
    """One iteration: a stop that is asked for before the run lets what is ready run, and returns."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_callbacks_run_in_the_order_they_were_scheduled(loop: Loop) -> None:
    ran: list[int] = []
    for number in range(1000):
        loop.call_soon(ran.append, number)
    run_once(loop)
    assert ran == list(range(1000))


def test_a_callback_does_not_run_before_the_loop_does(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_soon(ran.append, 1)
    assert ran == []
    run_once(loop)
    assert ran == [1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 40])
def test_a_callback_gets_exactly_its_arguments(loop: Loop, count: int) -> None:
    got: list[tuple[object, ...]] = []
    arguments = tuple(object() for _ in range(count))
    loop.call_soon(lambda *args: got.append(args), *arguments)
    run_once(loop)
    assert got == [arguments]


def test_any_callable_may_be_a_callback(loop: Loop) -> None:
    ran: list[object] = []

    class Callable_:
        def __call__(self, *args: object) -> None:
            ran.append(("object", args))

        def method(self, *args: object) -> None:
            ran.append(("method", args))

        @classmethod
        def of_class(cls, *args: object) -> None:
            ran.append(("class", args))

    loop.call_soon(Callable_(), 1)
    loop.call_soon(Callable_().method, 2)
    loop.call_soon(Callable_.of_class, 3)
    loop.call_soon(partial(ran.append, "partial"))
    loop.call_soon(ran.append, "builtin")
    loop.call_soon(dict)  # a type
    run_once(loop)
    assert ran == [("object", (1,)), ("method", (2,)), ("class", (3,)), "partial", "builtin"]


def test_only_what_was_ready_runs_in_an_iteration(loop: Loop) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.call_soon(ran.append, "scheduled by first")
        loop.stop()

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    loop.run_forever()
    assert ran == ["first", "second"]
    run_once(loop)
    assert ran == ["first", "second", "scheduled by first"]


def test_a_callback_that_reschedules_itself_does_not_starve_timers_or_descriptors(loop: Loop) -> None:
    count = 0

    def again() -> None:
        nonlocal count
        count += 1
        loop.call_soon(again)

    loop.call_soon(again)
    loop.call_later(0.005, loop.stop)
    loop.run_forever()
    assert count > 10


def test_a_cancelled_callback_does_not_run(loop: Loop) -> None:
    ran: list[int] = []
    handles = [loop.call_soon(ran.append, number) for number in range(4)]
    handles[0].cancel()
    handles[2].cancel()
    run_once(loop)
    assert ran == [1, 3]


def test_a_callback_can_cancel_one_that_is_already_due_in_this_iteration(loop: Loop) -> None:
    ran: list[str] = []
    handles: list[asyncio.Handle] = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(ran.append, "cancelled too late"))
    loop.call_soon(ran.append, "last")
    run_once(loop)
    assert ran == ["last"]


def test_cancelling_twice_or_after_the_run_changes_nothing(loop: Loop) -> None:
    ran: list[int] = []
    handle = loop.call_soon(ran.append, 1)
    run_once(loop)
    assert not handle.cancelled()
    handle.cancel()
    handle.cancel()
    assert handle.cancelled()
    run_once(loop)
    assert ran == [1]


def test_the_same_handle_object_can_be_cancelled_from_its_own_callback(loop: Loop) -> None:
    handles: list[asyncio.Handle] = []
    ran: list[bool] = []

    def callback() -> None:
        handles[0].cancel()
        ran.append(handles[0].cancelled())

    handles.append(loop.call_soon(callback))
    run_once(loop)
    assert ran == [True]


def test_the_result_of_a_callback_is_dropped(loop: Loop) -> None:
    loop.call_soon(lambda: object())
    loop.call_soon(lambda: NotImplemented)
    loop.call_soon(lambda: [1, 2, 3])
    run_once(loop)


def test_hundreds_of_thousands_of_callbacks_run_once_each(loop: Loop) -> None:
    total = 0

    def add(number: int) -> None:
        nonlocal total
        total += number

    for number in range(200_000):
        loop.call_soon(add, number)
    run_once(loop)
    assert total == 200_000 * 199_999 // 2


def test_ready_callbacks_survive_a_stop_and_run_the_next_time(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.call_soon(ran.append, 1)
    assert ran == []
    run_once(loop)
    assert ran == [1]


class TestThreadsafe:
    def test_it_wakes_a_loop_that_waits_for_nothing(self, loop: Loop) -> None:
        waits = threading.Event()
        stopper = threading.Thread(target=lambda: (waits.wait(), loop.call_soon_threadsafe(loop.stop)))
        stopper.start()
        loop.call_soon(waits.set)
        loop.run_forever()
        stopper.join()

    def test_it_wakes_a_loop_that_waits_for_a_distant_timer(self, loop: Loop) -> None:
        loop.call_later(3600, pytest.fail, "the timer ran")
        start = loop.time()
        stopper = threading.Timer(0.02, loop.call_soon_threadsafe, [loop.stop])
        stopper.start()
        loop.run_forever()
        stopper.join()
        assert loop.time() - start < 5

    def test_it_runs_on_the_loops_own_thread(self, loop: Loop) -> None:
        ran_on: list[int] = []

        def record() -> None:
            ran_on.append(threading.get_ident())
            loop.stop()

        thread = threading.Thread(target=loop.call_soon_threadsafe, args=[record])
        thread.start()
        loop.run_forever()
        thread.join()
        assert ran_on == [threading.get_ident()]

    def test_calls_of_many_threads_all_arrive_each_threads_in_order(self, loop: Loop) -> None:
        threads, calls = 8, 2000
        arrived: dict[int, list[int]] = {thread: [] for thread in range(threads)}
        left = threads * calls

        def arrive(thread: int, call: int) -> None:
            nonlocal left
            arrived[thread].append(call)
            left -= 1
            if left == 0:
                loop.stop()

        def caller(thread: int) -> None:
            for call in range(calls):
                loop.call_soon_threadsafe(arrive, thread, call)

        workers = [threading.Thread(target=caller, args=[number]) for number in range(threads)]
        for worker in workers:
            worker.start()
        loop.run_forever()
        for worker in workers:
            worker.join()
        assert all(calls_of == list(range(calls)) for calls_of in arrived.values())

    def test_a_ping_pong_between_two_threads_misses_no_wake_up(self, loop: Loop) -> None:
        rounds = 2000
        asked = threading.Semaphore(0)
        answered = 0

        def answer() -> None:
            nonlocal answered
            answered += 1
            asked.release()

        def other_thread() -> None:
            for _ in range(rounds):
                loop.call_soon_threadsafe(answer)
                assert asked.acquire(timeout=10)
            loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=other_thread)
        thread.start()
        loop.run_forever()
        thread.join()
        assert answered == rounds

    def test_it_returns_a_handle_that_can_be_cancelled(self, loop: Loop) -> None:
        ran: list[int] = []
        handle = loop.call_soon_threadsafe(ran.append, 1)
        assert isinstance(handle, asyncio.Handle)
        handle.cancel()
        run_once(loop)
        assert ran == []

    def test_it_works_from_the_loops_own_thread_too(self, loop: Loop) -> None:
        ran: list[str] = []
        loop.call_soon(ran.append, "first")
        loop.call_soon_threadsafe(ran.append, "second")
        loop.call_soon(ran.append, "third")
        run_once(loop)
        assert ran == ["first", "second", "third"]

    def test_calls_before_the_loop_ever_ran_are_kept(self, loop: Loop) -> None:
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=[loop.stop])
        thread.start()
        thread.join()
        loop.run_forever()

    def test_a_coroutine_can_be_submitted_from_another_thread(self, loop: Loop) -> None:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return 2 * number

        results: list[int] = []

        def submit() -> None:
            results.extend(asyncio.run_coroutine_threadsafe(double(n), loop).result(10) for n in range(10))
            loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=submit)
        thread.start()
        loop.run_forever()
        thread.join()
        assert results == [2 * n for n in range(10)]

    def test_a_closed_loop_refuses(self, loop: Loop) -> None:
        loop.close()
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            loop.call_soon_threadsafe(print)


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
def test_a_closed_loop_refuses_callbacks(loop: Loop, method: str) -> None:
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        getattr(loop, method)(print)


@pytest.mark.parametrize("bad", [None, 1, "text", Opaque()], ids=repr)
def test_what_cannot_be_called_is_reported_when_it_runs(loop: Loop, errors: LoopErrors, bad: Any) -> None:
    loop.call_soon(bad)
    run_once(loop)
    context = errors.take_one()
    assert isinstance(context["exception"], TypeError)
    assert "not callable" in str(context["exception"])


def test_calls_without_a_callback_are_type_errors(loop: Loop) -> None:
    calls: list[Callable[..., object]] = [loop.call_soon, loop.call_soon_threadsafe]
    for call in calls:
        with pytest.raises(TypeError):
            call()
        with pytest.raises(TypeError):
            call(print, no_such_keyword=1)


async def test_a_task_takes_one_iteration_per_step(loop: Loop) -> None:
    steps: list[str] = []

    async def stepper(name: str) -> None:
        for number in range(3):
            steps.append(f"{name}{number}")
            await asyncio.sleep(0)

    await asyncio.gather(stepper("a"), stepper("b"))
    assert steps == ["a0", "b0", "a1", "b1", "a2", "b2"]


async def test_sleep_zero_goes_round_once(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_soon(ran.append, 1)
    await iterations(1)
    assert ran == [1]


async def test_events_pass_between_a_thread_and_the_loop(loop: Loop) -> None:
    set_by_thread = asyncio.Event()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=[set_by_thread.set])
    thread.start()
    await set_by_thread.wait()
    await until(lambda: not thread.is_alive())
