"""run_forever, run_until_complete, stop and close: the life of a loop, of many, and of several at once."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref
from contextlib import closing

import pytest
from support import Loop, LoopErrors, LoopFactory, factory_of, open_descriptors


def test_run_until_complete_returns_a_coroutines_result(loop: Loop) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert loop.run_until_complete(answer()) == 42


def test_run_until_complete_takes_futures_and_any_awaitable(loop: Loop) -> None:
    class Awaitable:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield
            return "awaited"

    future = loop.create_future()
    loop.call_soon(future.set_result, "result")
    assert loop.run_until_complete(future) == "result"
    assert loop.run_until_complete(Awaitable()) == "awaited"


def test_run_until_complete_raises_what_the_coroutine_raises(loop: Loop) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("from the coroutine")

    with pytest.raises(LookupError, match="from the coroutine"):
        loop.run_until_complete(fail())


def test_run_until_complete_refuses_what_cannot_be_awaited(loop: Loop) -> None:
    bad: object
    for bad in (None, 1, object(), lambda: None):
        with pytest.raises(TypeError):
            loop.run_until_complete(bad)  # type: ignore[arg-type]


def test_run_until_complete_refuses_another_loops_future(loop: Loop, loop_factory: LoopFactory) -> None:
    with closing(loop_factory()) as other, pytest.raises(ValueError):
        loop.run_until_complete(other.create_future())


def test_a_stop_before_the_future_is_done_is_an_error(loop: Loop) -> None:
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)


def test_after_a_stop_the_same_future_can_be_run_to_its_end(loop: Loop) -> None:
    async def main() -> str:
        loop.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    task = loop.create_task(main())
    with pytest.raises(RuntimeError, match="stopped before"):
        loop.run_until_complete(task)
    assert loop.run_until_complete(task) == "done"


def test_run_until_complete_leaves_no_callback_on_the_future(loop: Loop) -> None:
    future = loop.create_future()
    for _ in range(3):
        loop.call_soon(loop.stop)
        with pytest.raises(RuntimeError):
            loop.run_until_complete(future)
    assert not future._callbacks


def test_what_is_ready_with_the_last_step_runs_before_the_return(loop: Loop) -> None:
    ran: list[str] = []

    async def main() -> None:
        loop.call_soon(ran.append, "scheduled by the last step")

    loop.run_until_complete(main())
    assert ran == ["scheduled by the last step"]


def test_stop_before_run_runs_one_iteration(loop: Loop) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.call_soon(ran.append, "second iteration")

    loop.call_soon(first)
    loop.stop()
    loop.run_forever()
    assert ran == ["first"]


def test_stop_before_run_does_not_wait_for_timers(loop: Loop) -> None:
    loop.call_later(60, pytest.fail, "it waited")
    loop.stop()
    start = loop.time()
    loop.run_forever()
    assert loop.time() - start < 5


def test_one_stop_stops_one_run(loop: Loop) -> None:
    ran: list[int] = []
    loop.stop()
    loop.run_forever()
    loop.call_soon(ran.append, 1)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [1]


def test_stop_finishes_the_iteration(loop: Loop) -> None:
    ran: list[int] = []
    loop.call_soon(loop.stop)
    loop.call_soon(ran.append, 1)
    loop.call_soon(loop.stop)
    loop.call_soon(ran.append, 2)
    loop.run_forever()
    assert ran == [1, 2]


def test_is_running_and_get_running_loop_tell_the_truth(loop: Loop) -> None:
    seen: list[tuple[bool, Loop]] = []
    assert not loop.is_running()
    loop.call_soon(lambda: seen.append((loop.is_running(), asyncio.get_running_loop())))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [(True, loop)]
    assert not loop.is_running()
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_a_loop_that_was_left_by_an_exception_no_longer_runs(loop: Loop) -> None:
    def leave() -> None:
        assert loop.is_running()
        raise SystemExit(3)

    loop.call_soon(leave)
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert not loop.is_running()


def test_an_is_running_of_the_program_is_asked(loop: Loop) -> None:
    asked: list[bool] = []

    def is_running() -> bool:
        asked.append(type(loop).is_running(loop))
        return asked[-1]

    async def ask() -> bool:
        return loop.is_running()

    loop.is_running = is_running  # type: ignore[method-assign]
    assert loop.run_until_complete(ask())
    assert not loop.is_running()
    assert {True, False} <= set(asked)
    del loop.is_running
    assert not loop.is_running()


def test_an_is_running_of_a_subclass_is_asked(loop: Loop) -> None:
    class Own(type(loop)):  # type: ignore[misc]
        def is_running(self) -> bool:
            asked.append(super().is_running())
            return asked[-1]

    async def ask() -> bool:
        return asyncio.get_running_loop().is_running()

    asked: list[bool] = []
    with closing(Own()) as own:
        assert own.run_until_complete(ask())
        assert not own.is_running()
        assert {True, False} <= set(asked)


def test_a_running_loop_cannot_be_run_again(loop: Loop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="This event loop is already running"):
            loop.run_forever()

    loop.run_until_complete(main())


def test_a_running_loop_cannot_be_run_again_until_something_completes(loop: Loop) -> None:
    async def main() -> None:
        never_run = asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="This event loop is already running"):
            loop.run_until_complete(never_run)
        never_run.close()

    loop.run_until_complete(main())


def test_no_other_loop_runs_inside_a_running_one(loop: Loop, loop_factory: LoopFactory) -> None:
    with closing(loop_factory()) as other:

        async def main() -> None:
            with pytest.raises(RuntimeError, match="Cannot run the event loop while another loop is running"):
                other.run_forever()

        loop.run_until_complete(main())
        other.call_soon(other.stop)
        other.run_forever()


def test_a_running_loop_cannot_be_run_from_another_thread(loop: Loop) -> None:
    raised: list[BaseException] = []

    def run_it_too() -> None:
        try:
            loop.run_forever()
        except RuntimeError as error:
            raised.append(error)
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=run_it_too)
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
    assert [str(error) for error in raised] == ["This event loop is already running"]


def test_a_running_loop_cannot_be_closed(loop: Loop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()

    loop.run_until_complete(main())
    assert not loop.is_closed()


def test_closing_twice_is_allowed_and_is_closed_tells(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    assert not loop.is_closed()
    loop.close()
    assert loop.is_closed()
    loop.close()
    assert loop.is_closed()
    assert not loop.is_running()


def test_a_closed_loop_cannot_be_run(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_forever()
    never_run = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_until_complete(never_run)
    never_run.close()


def test_a_loop_that_never_ran_can_be_closed(loop_factory: LoopFactory) -> None:
    loop_factory().close()


def test_closing_drops_callbacks_that_are_ready(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    loop.call_soon(pytest.fail, "it ran")
    loop.close()


def test_a_loop_shows_its_state_in_its_repr(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    assert "running=False closed=False debug=False" in repr(loop)
    loop.close()
    assert "closed=True" in repr(loop)


def test_a_loop_that_is_dropped_unclosed_warns(loop_name: str) -> None:
    make = factory_of(loop_name)
    loop = make()
    reference = weakref.ref(loop)
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()
    assert reference() is None


def test_a_transport_left_open_by_its_loop_warns_when_it_is_dropped(loop_factory: LoopFactory) -> None:
    left, right = socket.socketpair()
    with right:
        loop = loop_factory()
        transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=left))
        del left
        loop.close()
        with pytest.warns(ResourceWarning, match="unclosed (transport|<socket)"):
            del transport, _, loop
            gc.collect()
        assert right.recv(1) == b""


def test_a_thousand_loops_leave_nothing_behind(loop_name: str) -> None:
    make = factory_of(loop_name)

    def use() -> None:
        loop = make()
        loop.call_soon(loop.call_later, 0, loop.stop)
        loop.run_forever()
        loop.close()

    for _ in range(100):
        use()
    gc.collect()
    descriptors, objects, memory = open_descriptors(), len(gc.get_objects()), resident_memory()
    for _ in range(1000):
        use()
    gc.collect()
    assert open_descriptors() == descriptors
    assert len(gc.get_objects()) - objects < 500
    assert resident_memory() - memory < 24 * 2**20


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def test_loops_run_in_several_threads_at_once(loop_factory: LoopFactory) -> None:
    count, rounds = 4, 300
    barrier = threading.Barrier(count)
    results: list[int] = []

    async def work(number: int) -> int:
        barrier.wait()
        total = 0
        for step in range(rounds):
            await asyncio.sleep(0 if step % 20 else 0.0005)
            total += number
        return total

    def thread(number: int) -> None:
        with closing(loop_factory()) as loop:
            results.append(loop.run_until_complete(work(number)))

    threads = [threading.Thread(target=thread, args=[number]) for number in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == [number * rounds for number in range(count)]


def test_loops_in_threads_call_each_other(loop_factory: LoopFactory) -> None:
    """Two loops pass a number back and forth through call_soon_threadsafe."""
    loops = [loop_factory(), loop_factory()]
    hops = 1000

    def hop(number: int) -> None:
        if number == hops:
            for loop in loops:
                loop.call_soon_threadsafe(loop.stop)
        else:
            loops[number % 2].call_soon_threadsafe(hop, number + 1)

    threads = [threading.Thread(target=loop.run_forever) for loop in loops]
    for thread in threads:
        thread.start()
    loops[0].call_soon_threadsafe(hop, 0)
    for thread in threads:
        thread.join()
    for loop in loops:
        loop.close()


def test_a_loop_may_move_from_thread_to_thread_between_runs(loop: Loop) -> None:
    threads: list[int] = []

    def run() -> None:
        loop.call_soon(lambda: threads.append(threading.get_ident()))
        loop.call_soon(loop.stop)
        loop.run_forever()

    run()
    one = threading.Thread(target=run)
    one.start()
    one.join()
    run()
    assert len(threads) == 3
    assert threads[0] == threads[2] != threads[1]


def test_closing_from_another_thread_frees_everything(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    loop.call_soon(loop.stop)
    loop.run_forever()
    thread = threading.Thread(target=loop.close)
    thread.start()
    thread.join()
    assert loop.is_closed()


def test_a_thread_that_ends_with_its_loop_leaves_nothing(loop_factory: LoopFactory) -> None:
    def whole_life() -> None:
        with closing(loop_factory()) as loop:
            loop.run_until_complete(asyncio.sleep(0))

    for _ in range(30):
        thread = threading.Thread(target=whole_life)
        thread.start()
        thread.join()


def test_asyncio_runs_a_main_on_this_loop(loop_factory: LoopFactory) -> None:
    used: list[Loop] = []

    async def main() -> str:
        used.append(asyncio.get_running_loop())
        return "ran"

    runner = getattr(asyncio, "Runner", None)
    if runner is None:  # 3.10
        with closing(loop_factory()) as loop:
            assert loop.run_until_complete(main()) == "ran"
    else:
        with runner(loop_factory=loop_factory) as run:
            assert run.run(main()) == "ran"
            assert run.get_loop() is used[0]
            assert run.run(main()) == "ran"
        assert used[0].is_closed()
        assert used[0] is used[1]


def test_a_loop_can_be_the_threads_current_one(loop: Loop) -> None:
    asyncio.set_event_loop(loop)
    try:
        assert asyncio.get_event_loop() is loop
        assert asyncio.Future().get_loop() is loop
    finally:
        asyncio.set_event_loop(None)


def test_exceptions_in_the_last_iteration_reach_the_handler(loop: Loop, errors: LoopErrors) -> None:
    def fail() -> None:
        raise ValueError("last")

    loop.call_soon(loop.stop)
    loop.call_soon(fail)
    loop.run_forever()
    assert str(errors.take_one()["exception"]) == "last"
