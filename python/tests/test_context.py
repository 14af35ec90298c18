"""contextvars: each handle runs in its own context, given or copied when it was scheduled."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import Loop

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def run_once(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def soon(loop: Loop, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
    return loop.call_soon(callback, *args, **keywords)


def threadsafe(loop: Loop, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
    return loop.call_soon_threadsafe(callback, *args, **keywords)


def later(loop: Loop, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
    return loop.call_later(0, callback, *args, **keywords)


def at(loop: Loop, callback: Callable[..., object], *args: Any, **keywords: Any) -> asyncio.Handle:
    return loop.call_at(loop.time() - 1, callback, *args, **keywords)


every_way = pytest.mark.parametrize("schedule", [soon, threadsafe, later, at], ids=lambda way: way.__name__)
Schedule = Callable[..., asyncio.Handle]


def run_all(loop: Loop) -> None:
    run_once(loop)
    run_once(loop)


@every_way
def test_a_callback_sees_the_context_of_the_moment_it_was_scheduled(loop: Loop, schedule: Schedule) -> None:
    seen: list[str] = []

    def record() -> None:
        seen.append(variable.get())

    def schedule_three() -> None:
        for value in ("first", "second", "third"):
            variable.set(value)
            schedule(loop, record)
        variable.set("after")

    contextvars.copy_context().run(schedule_three)
    run_all(loop)
    assert seen == ["first", "second", "third"]


@every_way
def test_what_a_callback_sets_is_not_seen_outside(loop: Loop, schedule: Schedule) -> None:
    seen: list[str] = []

    def change(value: str) -> None:
        seen.append(variable.get())
        variable.set(value)

    for value in ("first", "second", "third"):
        schedule(loop, change, value)
    run_all(loop)
    assert seen == ["unset"] * 3
    assert variable.get() == "unset"


@every_way
def test_a_given_context_is_the_one_it_runs_in(loop: Loop, schedule: Schedule) -> None:
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    seen: list[str] = []

    def change() -> None:
        seen.append(variable.get())
        variable.set("changed")

    schedule(loop, change, context=context)
    run_all(loop)
    assert seen == ["given"]
    assert context[variable] == "changed"
    assert variable.get() == "unset"


@every_way
def test_context_none_means_a_copy_of_the_current_one(loop: Loop, schedule: Schedule) -> None:
    seen: list[str] = []

    def inside() -> None:
        variable.set("outer")
        schedule(loop, lambda: (seen.append(variable.get()), variable.set("inner")), context=None)

    context = contextvars.copy_context()
    context.run(inside)
    run_all(loop)
    assert seen == ["outer"]
    assert context[variable] == "outer"


@pytest.mark.parametrize("schedule", [soon, threadsafe], ids=lambda way: way.__name__)
def test_changes_in_one_callback_do_not_reach_the_next_with_an_equal_context(loop: Loop, schedule: Schedule) -> None:
    """Handles and contexts may be used again by the loop; what they carried must not."""
    seen: list[str] = []

    def step(number: int) -> None:
        seen.append(variable.get())
        variable.set(f"step {number}")
        if number:
            # scheduled from inside: inherits what this callback has set
            schedule(loop, step, number - 1)

    contextvars.copy_context().run(schedule, loop, step, 3)
    for _ in range(5):
        run_once(loop)
    schedule(loop, step, 0)
    run_once(loop)
    assert seen == ["unset", "step 3", "step 2", "step 1", "unset"]


def test_a_callbacks_context_object_is_its_own(loop: Loop) -> None:
    contexts: list[contextvars.Context] = []
    for _ in range(10):
        loop.call_soon(lambda: contexts.append(contextvars.copy_context()))
    run_once(loop)
    for number, context in enumerate(contexts):
        context.run(variable.set, str(number))
    assert [context[variable] for context in contexts] == [str(number) for number in range(10)]


def test_a_variable_reset_in_a_callback_is_reset_there_only(loop: Loop) -> None:
    seen: list[str] = []

    def callback() -> None:
        token = variable.set("temporary")
        seen.append(variable.get())
        variable.reset(token)
        seen.append(variable.get())

    loop.call_soon(callback)
    run_once(loop)
    assert seen == ["temporary", "unset"]


def test_many_variables_survive_many_handles(loop: Loop) -> None:
    variables = [contextvars.ContextVar(f"many{number}", default=-1) for number in range(200)]
    seen: list[list[int]] = []

    def record() -> None:
        seen.append([one.get() for one in variables])

    def schedule() -> None:
        for number, one in enumerate(variables):
            one.set(number)
            loop.call_soon(record)

    contextvars.copy_context().run(schedule)
    run_once(loop)
    assert seen == [[*range(count + 1), *[-1] * (199 - count)] for count in range(200)]


def test_a_context_that_is_already_entered_is_an_error_that_is_logged(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_exception_handler(None)
    context = contextvars.copy_context()

    def run_inside() -> None:
        loop.call_soon(pytest.fail, "it ran", context=context)
        run_once(loop)

    context.run(run_inside)
    (record,) = caplog.records
    assert record.message.startswith("Exception in callback")
    assert "is already entered" in caplog.text


def test_what_is_no_context_is_reported(loop: Loop) -> None:
    bad: Any = object()
    failures: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    try:
        loop.call_soon(print, context=bad)
        run_once(loop)
    except (TypeError, AttributeError):
        return
    (failure,) = failures
    assert isinstance(failure, (AttributeError, TypeError))


async def test_tasks_have_contexts_of_their_own(loop: Loop) -> None:
    async def child(value: str) -> tuple[str, str]:
        inherited = variable.get()
        variable.set(value)
        await asyncio.sleep(0)
        return inherited, variable.get()

    variable.set("parent")
    results = await asyncio.gather(*(loop.create_task(child(str(number))) for number in range(20)))
    assert results == [("parent", str(number)) for number in range(20)]
    assert variable.get() == "parent"


async def test_done_callbacks_run_in_the_context_they_were_added_in(loop: Loop) -> None:
    seen: list[str] = []
    future = loop.create_future()
    for value in ("one", "two"):
        variable.set(value)
        future.add_done_callback(lambda _: seen.append(variable.get()))
    given = contextvars.copy_context()
    given.run(variable.set, "given")
    future.add_done_callback(lambda _: seen.append(variable.get()), context=given)
    variable.set("three")
    future.set_result(None)
    await asyncio.sleep(0)
    assert seen == ["one", "two", "given"]


async def test_a_reader_runs_in_the_context_it_was_added_in(loop: Loop) -> None:
    left, right = socket.socketpair()
    with left, right:
        seen: list[str] = []
        ready = loop.create_future()

        def readable() -> None:
            seen.append(variable.get())
            variable.set("changed by the reader")
            left.recv(1)
            if len(seen) == 2:
                ready.set_result(None)

        variable.set("adding")
        loop.add_reader(left, readable)
        variable.set("later")
        right.send(b"ab")
        await ready
        loop.remove_reader(left)
    assert seen[0] == "adding"
    assert variable.get() == "later"


async def test_a_threads_call_carries_that_threads_context(loop: Loop) -> None:
    seen: asyncio.Future[str] = loop.create_future()

    def in_thread() -> None:
        variable.set("thread")
        loop.call_soon_threadsafe(lambda: seen.set_result(variable.get()))

    threading.Thread(target=in_thread).start()
    assert await seen == "thread"


async def test_protocol_callbacks_see_one_context_per_connection(loop: Loop) -> None:
    """What connection_made finds is what was set around create_connection."""
    seen: dict[str, str] = {}

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            seen["made"] = variable.get()

        def data_received(self, data: bytes) -> None:
            seen["data"] = variable.get()

        def connection_lost(self, exc: Exception | None) -> None:
            seen["lost"] = variable.get()
            done.set_result(None)

    done = loop.create_future()
    left, right = socket.socketpair()
    with right:
        variable.set("around")
        transport, _ = await loop.create_connection(Protocol, sock=left)
        variable.set("afterwards")
        right.send(b"data")
        while "data" not in seen:
            await asyncio.sleep(0)
        transport.close()
        await done
    assert seen["made"] == seen["data"] == "around"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="create_task(context=) came in 3.11")
async def test_a_task_runs_in_the_context_it_was_given(loop: Loop) -> None:
    async def change() -> None:
        variable.set("set by the task")
        await asyncio.sleep(0)
        variable.set(variable.get() + ", again")

    context = contextvars.copy_context()
    await loop.create_task(change(), context=context)
    assert context[variable] == "set by the task, again"
    assert variable.get() == "unset"


async def test_what_a_blocked_write_leads_to_runs_in_its_context(loop: Loop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    events: list[tuple[str, str]] = []

    class Writing(asyncio.Protocol):
        def pause_writing(self) -> None:
            events.append(("pause", variable.get()))

        def resume_writing(self) -> None:
            events.append(("resume", variable.get()))

        def connection_lost(self, exc: Exception | None) -> None:
            events.append(("lost", variable.get()))

    async def write(name: str) -> None:
        variable.set(name)
        transport.write(bytes(4_000_000))

    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        variable.set("connecting")
        transport, _ = await loop.create_connection(Writing, sock=ours)
        for name in ("first", "second"):
            await asyncio.create_task(write(name))
            if name == "second":
                transport.close()
            left = 4_000_000
            while left:
                left -= len(await loop.sock_recv(theirs, left))
            await asyncio.sleep(0.005)
    assert events == [
        ("pause", "first"),
        ("resume", "first"),
        ("pause", "second"),
        ("resume", "second"),
        ("lost", "second"),
    ]
