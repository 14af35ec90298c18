"""Handles are used again; nothing of that may be seen, whatever a program does with them."""

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Callable

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

KEPT = 4096  # HandlePool.KEPT
MORE_THAN_A_POOL = 70_000


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_handles_with_weak_references_die_like_others(loop: asyncio.AbstractEventLoop) -> None:
    # A handle with weak references is freed and not recycled: the type's destructor has to find its own base's.
    references = [weakref.ref(loop.call_soon(int)) for _ in range(100)]
    _run(loop)
    gc.collect()
    assert [reference for reference in references if reference() is not None] == []


def test_more_handles_die_at_once_than_are_kept_for_use(loop: asyncio.AbstractEventLoop) -> None:
    handles = [loop.call_soon(int) for _ in range(MORE_THAN_A_POOL)]
    timers = [loop.call_later(0, int) for _ in range(MORE_THAN_A_POOL)]
    _run(loop)
    del handles, timers
    handles = [loop.call_soon(int) for _ in range(MORE_THAN_A_POOL)]
    _run(loop)
    assert not any(handle.cancelled() for handle in handles)


def test_what_a_burst_of_handles_leaves_is_given_back(loop: asyncio.AbstractEventLoop) -> None:
    def handles() -> list[object]:
        gc.collect()
        return [found for found in gc.get_objects() if isinstance(found, asyncio.Handle)]

    before = len(handles())
    context = contextvars.copy_context()
    for number in range(15_000):
        loop.call_soon(id, number)
        loop.call_soon(id, number, context=context)
        loop.call_later(0, int)
    _run(loop)
    seen = handles()[:1000]  # what is shown stays usable, and leaves the pool all the same

    async def wait_often() -> None:
        for _ in range(2500):
            await asyncio.sleep(0.0001)

    loop.run_until_complete(wait_often())
    assert len({id(handle) for handle in handles()} - {id(handle) for handle in seen}) <= before + 2 * KEPT + 100
    assert all(repr(handle) for handle in seen)
    del seen
    assert len(handles()) <= before + 2 * KEPT + 1000
    again = [loop.call_soon(id, number) for number in range(30_000)]
    _run(loop)
    assert not any(handle.cancelled() for handle in again)


def test_a_long_chain_of_handles_dies_without_using_up_the_stack(loop: asyncio.AbstractEventLoop) -> None:
    handle = None
    for _ in range(200_000):
        handle = loop.call_soon(id, handle)
    _run(loop)
    del handle
    gc.collect()
    assert not loop.is_closed()


def test_a_callback_that_cancels_its_own_handle_keeps_its_arguments(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[object] = []

    def callback(*args: object) -> None:
        handle.cancel()
        gc.collect()
        seen.extend(args)

    handle = loop.call_soon(callback, "one", ["two"])
    _run(loop)
    assert seen == ["one", ["two"]]
    assert handle.cancelled()


def test_the_arguments_of_a_handle_that_ran_stay_with_whoever_holds_them(loop: asyncio.AbstractEventLoop) -> None:
    arguments = loop.call_soon(id, "kept")._args
    hash(arguments)
    _run(loop)
    others = [loop.call_soon(id, "other") for _ in range(100)]
    assert arguments == ("kept",)
    assert {handle._args for handle in others} == {("other",)}
    _run(loop)


def test_cycles_through_handles_are_collected(loop: asyncio.AbstractEventLoop) -> None:
    class Node:
        handle: asyncio.Handle

    dead: list[int] = []
    for number in range(200):
        node = Node()
        node.handle = loop.call_soon(lambda *args: None, [node], number)
        weakref.finalize(node, dead.append, number)
    _run(loop)
    del node
    gc.collect()
    assert sorted(dead) == list(range(200))


def test_a_dropped_loop_with_timers_is_collected(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    timer = loop.call_later(3600, id, loop)
    reference = weakref.ref(loop)
    loop.close()
    del loop, timer
    gc.collect()
    assert reference() is None
