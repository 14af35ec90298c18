"""Futures, tasks and their factories, asynchronous generators, executors."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import sys
import threading
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any

import pytest
from support import Loop, LoopErrors, LoopFactory, iterations, run_script


async def answer(value: Any = 42) -> Any:
    await asyncio.sleep(0)
    return value


def test_create_future_makes_a_future_of_this_loop(loop: Loop) -> None:
    future = loop.create_future()
    assert isinstance(future, asyncio.Future)
    assert future.get_loop() is loop
    assert not future.done()


async def test_awaiting_a_future_returns_its_result(loop: Loop) -> None:
    future = loop.create_future()
    loop.call_soon(future.set_result, "result")
    assert await future == "result"


async def test_a_failed_future_raises_in_each_that_awaits_it(loop: Loop) -> None:
    future = loop.create_future()
    loop.call_soon(future.set_exception, LookupError("failed"))
    results = await asyncio.gather(*(asyncio.wait([future]) for _ in range(3)))
    assert len(results) == 3
    with pytest.raises(LookupError, match="failed"):
        await future


async def test_create_task_makes_a_task_of_this_loop(loop: Loop) -> None:
    task = loop.create_task(answer())
    assert isinstance(task, asyncio.Task)
    assert task.get_loop() is loop
    assert await task == 42


async def test_a_tuple_found_through_the_collector_stays_as_it_was(loop: Loop) -> None:
    """Arguments travel in tuples that are used again where nobody else has them."""

    async def nothing() -> None:
        pass

    await asyncio.gather(*(loop.create_task(nothing()) for _ in range(10)))
    found = [item for item in gc.get_objects() if type(item) is tuple and len(item) == 1]
    before = [item[0] for item in found]
    await asyncio.gather(*(loop.create_task(nothing()) for _ in range(10)))
    assert all(item[0] is was for item, was in zip(found, before, strict=True))


async def test_creating_a_task_that_fails_keeps_nothing(loop: Loop) -> None:
    class Mark:
        pass

    mark = Mark()
    references = sys.getrefcount(mark)
    for _ in range(10):
        with pytest.raises(TypeError, match="coroutine"):
            loop.create_task(mark)  # type: ignore[arg-type]
    assert sys.getrefcount(mark) == references


async def test_a_task_has_the_name_it_was_given_or_one_of_its_own(loop: Loop) -> None:
    named, unnamed = loop.create_task(answer(), name="a name"), loop.create_task(answer())
    assert named.get_name() == "a name"
    assert unnamed.get_name().startswith("Task-")
    await asyncio.gather(named, unnamed)


async def test_a_name_that_is_no_string_becomes_one(loop: Loop) -> None:
    task = loop.create_task(answer(), name=123)  # type: ignore[arg-type]
    assert task.get_name() == "123"
    await task


async def test_a_task_does_not_start_before_the_next_iteration(loop: Loop) -> None:
    started: list[int] = []

    async def start() -> None:
        started.append(1)

    task = loop.create_task(start())
    assert started == []
    await task
    assert started == [1]


async def test_a_cancelled_task_raises_where_it_waits(loop: Loop) -> None:
    async def wait() -> str:
        try:
            await loop.create_future()
        except asyncio.CancelledError as error:
            return f"cancelled with {error.args}"
        return "not cancelled"

    task = loop.create_task(wait())
    await asyncio.sleep(0)
    task.cancel("a reason")
    assert await task == "cancelled with ('a reason',)"


async def test_all_tasks_and_current_task_know_this_loops_tasks(loop: Loop) -> None:
    task = loop.create_task(answer())
    assert task in asyncio.all_tasks()
    assert asyncio.current_task() in asyncio.all_tasks(loop)
    await task
    assert task not in asyncio.all_tasks()


@pytest.mark.skipif(sys.version_info < (3, 14), reason="create_task takes eager_start from 3.14 on")
async def test_a_task_started_eagerly_runs_to_its_first_wait_at_once(loop: Loop) -> None:
    steps: list[str] = []

    async def stepper() -> str:
        steps.append("first")
        await asyncio.sleep(0)
        steps.append("second")
        return "result"

    task = loop.create_task(stepper(), name="eager", eager_start=True)
    assert steps == ["first"]
    assert task.get_name() == "eager"
    assert await task == "result"

    async def no_wait() -> int:
        return 1

    done = loop.create_task(no_wait(), eager_start=True)
    assert done.done()
    context = contextvars.copy_context()
    here = loop.create_task(no_wait(), name="here", context=context, eager_start=True)
    assert here.done()
    assert here.get_name() == "here"
    assert here.get_context() is context
    late = loop.create_task(no_wait(), eager_start=False)
    assert not late.done()
    assert await late == 1


@pytest.mark.skipif(sys.version_info < (3, 14), reason="create_task takes eager_start from 3.14 on")
async def test_tasks_started_eagerly_start_others(loop: Loop) -> None:
    started = []

    async def start(depth: int) -> int:
        started.append(depth)
        if depth == 0:
            return 0
        return 1 + await asyncio.create_task(start(depth - 1), eager_start=True)

    tasks = [loop.create_task(start(depth), eager_start=True) for depth in (3, 0, 2)]
    assert started == [3, 2, 1, 0, 0, 2, 1, 0]
    assert [await task for task in tasks] == [3, 0, 2]
    late = loop.create_task(start(0), eager_start=False)
    assert not late.done()
    assert await late == 0
    early = loop.create_task(start(0), eager_start=1)  # type: ignore[arg-type]  # what counts is its truth
    assert early.done()
    with pytest.raises(TypeError, match="a coroutine was expected, got 5"):
        loop.create_task(5, eager_start=True)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.version_info >= (3, 13, 3), reason="create_task leaves keywords to the task from 3.13.3 on")
async def test_starting_eagerly_is_no_keyword_of_create_task(loop: Loop) -> None:
    coro = answer()
    with pytest.raises(TypeError, match="eager_start"):
        loop.create_task(coro, eager_start=True)
    coro.close()


class TestTaskFactories:
    async def test_a_factory_makes_the_tasks(self, loop: Loop) -> None:
        made: list[Any] = []

        class MyTask(asyncio.Task):
            pass

        def factory(loop: Loop, coro: Coroutine[Any, Any, Any], **keywords: Any) -> MyTask:
            made.append(coro)
            return MyTask(coro, loop=loop, **keywords)

        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        coro = answer()
        task = loop.create_task(coro, name="made")
        assert type(task) is MyTask
        assert made == [coro]
        assert task.get_name() == "made"
        assert await task == 42
        loop.set_task_factory(None)
        assert loop.get_task_factory() is None
        task = loop.create_task(answer())
        assert type(task) is asyncio.Task
        await task

    def test_a_factory_must_be_callable(self, loop: Loop) -> None:
        with pytest.raises(TypeError, match="task factory must be a callable or None"):
            loop.set_task_factory(1)  # type: ignore[arg-type]

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="create_task(context=) came in 3.11")
    async def test_a_factory_is_given_the_context(self, loop: Loop) -> None:
        import contextvars

        given: list[dict[str, Any]] = []

        def factory(loop: Loop, coro: Coroutine[Any, Any, Any], **keywords: Any) -> asyncio.Task[Any]:
            given.append(keywords)
            return asyncio.Task(coro, loop=loop, **keywords)

        loop.set_task_factory(factory)
        context = contextvars.copy_context()
        await loop.create_task(answer(), context=context)
        assert given[0]["context"] is context

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager_task_factory came in 3.12")
    async def test_eager_tasks_that_need_no_wait_are_done_at_once(self, loop: Loop) -> None:
        from asyncio import eager_task_factory

        async def no_wait() -> str:
            return "at once"

        async def fail() -> None:
            raise LookupError

        loop.set_task_factory(eager_task_factory)
        task = loop.create_task(no_wait(), name="named")
        assert task.done()
        assert task.get_name() == "named"
        assert await task == "at once"
        failed = loop.create_task(fail())
        assert isinstance(failed.exception(), LookupError)
        assert await asyncio.gather(*(answer(number) for number in range(10))) == list(range(10))

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager_task_factory came in 3.12")
    async def test_eager_tasks_see_themselves_as_the_current_task(self, loop: Loop) -> None:
        from asyncio import eager_task_factory

        seen: list[asyncio.Task[Any] | None] = []

        async def look() -> None:
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

        loop.set_task_factory(eager_task_factory)
        me = asyncio.current_task()
        task = loop.create_task(look())
        assert asyncio.current_task() is me
        await task
        assert seen == [task, task]


class TestAsyncGenerators:
    def test_shutdown_closes_generators_that_were_left_unfinished(self, loop: Loop) -> None:
        closed: list[str] = []

        async def generator() -> AsyncGenerator[int, None]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                closed.append("closed")

        async def main() -> AsyncGenerator[int, None]:
            left = generator()
            assert await left.__anext__() == 1
            return left

        left = loop.run_until_complete(main())
        assert closed == []
        loop.run_until_complete(loop.shutdown_asyncgens())
        assert closed == ["closed"]
        del left

    def test_a_generator_that_is_dropped_is_closed_by_the_loop(self, loop: Loop) -> None:
        closed: list[str] = []

        async def generator() -> AsyncGenerator[int, None]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.append("closed")

        async def main() -> None:
            left = generator()
            await left.__anext__()
            del left
            gc.collect()
            await iterations(5)
            assert closed == ["closed"]

        loop.run_until_complete(main())

    def test_a_generator_that_fails_to_close_is_reported(self, loop: Loop, errors: LoopErrors) -> None:
        async def generator() -> AsyncGenerator[int, None]:
            try:
                yield 1
            finally:
                raise LookupError("while closing")

        async def main() -> AsyncGenerator[int, None]:
            left = generator()
            await left.__anext__()
            return left

        left = loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_asyncgens())
        context = errors.take_one()
        assert "an error occurred during closing of asynchronous generator" in context["message"]
        assert context["asyncgen"] is left

    def test_hooks_are_set_while_running_and_restored_after(self, loop: Loop) -> None:
        before = sys.get_asyncgen_hooks()

        async def main() -> Any:
            return sys.get_asyncgen_hooks()

        during = loop.run_until_complete(main())
        assert during.firstiter is not None
        assert during.finalizer is not None
        assert sys.get_asyncgen_hooks() == before

    def test_a_generator_started_after_the_shutdown_warns(self, loop: Loop) -> None:
        async def generator() -> AsyncGenerator[int, None]:
            yield 1

        async def main() -> None:
            await loop.shutdown_asyncgens()
            late = generator()
            with pytest.warns(ResourceWarning, match="was scheduled after loop.shutdown_asyncgens"):
                await late.__anext__()
            await late.aclose()

        loop.run_until_complete(main())


@pytest.fixture(scope="session")
def resource_tracker() -> None:
    """multiprocessing's helper process, whose pipe stays open once it runs."""
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()


class TestExecutors:
    async def test_a_function_runs_on_another_thread_and_its_result_comes_back(self, loop: Loop) -> None:
        def work(*args: int) -> tuple[int, tuple[int, ...]]:
            return threading.get_ident(), args

        thread, args = await loop.run_in_executor(None, work, 1, 2)
        assert thread != threading.get_ident()
        assert args == (1, 2)

    async def test_an_exception_comes_back_too(self, loop: Loop) -> None:
        def fail() -> None:
            raise LookupError("in the thread")

        with pytest.raises(LookupError, match="in the thread"):
            await loop.run_in_executor(None, fail)

    async def test_an_executor_of_ones_own_is_used(self, loop: Loop) -> None:
        with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
            name = await loop.run_in_executor(pool, lambda: threading.current_thread().name)
        assert name.startswith("mine")

    async def test_the_default_executor_can_be_set(self, loop: Loop) -> None:
        pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="default")
        loop.set_default_executor(pool)
        name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
        assert name.startswith("default")
        await loop.shutdown_default_executor()
        assert pool._shutdown

    async def test_to_thread_uses_the_loops_executor(self, loop: Loop) -> None:
        assert await asyncio.to_thread(lambda: threading.get_ident()) != threading.get_ident()

    async def test_many_results_come_back(self, loop: Loop) -> None:
        results = await asyncio.gather(*(loop.run_in_executor(None, pow, number, 2) for number in range(500)))
        assert results == [number**2 for number in range(500)]

    @pytest.mark.usefixtures("resource_tracker")
    async def test_a_process_pool_works(self, loop: Loop) -> None:
        import multiprocessing

        with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert await loop.run_in_executor(pool, pow, 3, 4) == 81

    def test_after_shutdown_the_default_executor_is_refused(self, loop: Loop) -> None:
        loop.run_until_complete(loop.shutdown_default_executor())
        with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
            loop.run_in_executor(None, print)

    def test_shutdown_waits_for_what_runs(self, loop: Loop) -> None:
        finished: list[int] = []
        started, go_on = threading.Event(), threading.Event()

        def work() -> None:
            started.set()
            go_on.wait(10)
            finished.append(1)

        async def main() -> None:
            loop.run_in_executor(None, work)
            started.wait(10)
            loop.call_later(0.005, go_on.set)
            await loop.shutdown_default_executor()
            assert finished == [1]

        loop.run_until_complete(main())

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="came in 3.12, whose first releases wait all the same")
    def test_shutdown_gives_up_after_its_timeout(self, loop: Loop) -> None:
        go_on = threading.Event()

        async def main() -> None:
            loop.run_in_executor(None, go_on.wait, 10)
            with pytest.warns(RuntimeWarning, match="The executor did not finish"):
                await loop.shutdown_default_executor(timeout=0.005)
            go_on.set()

        loop.run_until_complete(main())

    def test_a_closed_loop_refuses_executors(self, loop_factory: LoopFactory) -> None:
        loop = loop_factory()
        loop.close()
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            loop.run_in_executor(None, print)

    async def test_cancelling_the_future_leaves_the_thread_to_finish(self, loop: Loop) -> None:
        finished = threading.Event()
        started = threading.Event()
        go_on = threading.Event()

        def work() -> None:
            started.set()
            go_on.wait(10)
            finished.set()

        future = loop.run_in_executor(None, work)
        started.wait(10)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        go_on.set()
        assert finished.wait(10)

    async def test_the_loop_runs_while_a_thread_computes(self, loop: Loop) -> None:
        ticks = 0

        def compute() -> bool:
            end = time.monotonic() + 10
            while ticks < 10 and time.monotonic() < end:
                pass
            return ticks >= 10

        future = loop.run_in_executor(None, compute)
        while not future.done():
            ticks += 1
            await asyncio.sleep(0.001)
        assert await future


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came in 3.11")
async def test_a_task_group_cancels_the_rest_when_one_fails(loop: Loop) -> None:
    from asyncio import TaskGroup

    cancelled: list[int] = []

    async def wait(number: int) -> None:
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(BaseException) as raised:
        async with TaskGroup() as group:
            for number in range(3):
                group.create_task(wait(number))
            await asyncio.sleep(0)
            raise LookupError("in the group")
    assert sorted(cancelled) == [0, 1, 2]
    assert isinstance(raised.value.exceptions[0], LookupError)  # type: ignore[attr-defined]


async def test_locks_queues_and_conditions_work_between_tasks(loop: Loop) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=3)
    lock = asyncio.Lock()
    total = 0

    async def produce() -> None:
        for number in range(100):
            await queue.put(number)
        await queue.put(-1)

    async def consume() -> None:
        nonlocal total
        while (number := await queue.get()) >= 0:
            async with lock:
                total += number
        await queue.put(-1)

    await asyncio.gather(produce(), *(consume() for _ in range(4)))
    assert total == 4950


@pytest.mark.skipif(sys.version_info < (3, 14), reason="call graphs came in 3.14")
async def test_call_graphs_show_who_waits_for_whom(loop: Loop) -> None:
    from asyncio import capture_call_graph

    async def inner() -> Any:
        return capture_call_graph()

    async def outer() -> Any:
        return await loop.create_task(inner(), name="inner")

    graph = await loop.create_task(outer(), name="outer")
    assert graph.future.get_name() == "inner"
    assert graph.awaited_by[0].future.get_name() == "outer"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="python -m asyncio pstree came with 3.14")
def test_the_tasks_of_a_running_process_can_be_told_from_outside(loop_name: str) -> None:
    ended = run_script(
        loop_name,
        """
        async def leaf():
            await asyncio.sleep(30)

        async def main():
            tasks = [asyncio.create_task(leaf(), name=f"leaf {number}") for number in range(2)]
            await asyncio.sleep(0)
            command = [sys.executable, "-m", "asyncio", "pstree", str(os.getpid())]
            teller = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-2)
            print((await teller.communicate())[0].decode())

        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(main())
        """,
    )
    if "ermission" in ended.stdout:
        pytest.skip("the system lets no process look into its parent: " + ended.stdout.strip().splitlines()[-1])
    assert ended.returncode == 0, ended.stderr
    for line in ("(T) leaf 0", "(T) leaf 1", " leaf <string>:", " sleep "):
        assert line in ended.stdout


@pytest.fixture
def no_automatic_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_automatic_collection")
async def test_finished_tasks_are_freed_without_the_collector(loop: Loop) -> None:
    import weakref

    references = []
    for _ in range(50):
        task = loop.create_task(answer())
        references.append(weakref.ref(task))
        await task
        del task
    await iterations(2)
    assert [reference() for reference in references[:-1]] == [None] * 49
