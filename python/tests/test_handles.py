"""Handles: real asyncio types, valid for as long as somebody holds them, however the loop reuses the others."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import weakref
from collections.abc import Iterator

import pytest
from support import Loop, LoopFactory


@pytest.fixture
def constant_collection() -> Iterator[None]:
    """The cyclic collector runs at every allocation."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*before)


def run_once(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def callback(*args: object) -> None:
    pass


def test_call_soon_returns_an_asyncio_handle(loop: Loop) -> None:
    for handle in (loop.call_soon(callback), loop.call_soon_threadsafe(callback)):
        assert isinstance(handle, asyncio.Handle)
        assert not isinstance(handle, asyncio.TimerHandle)
        assert not handle.cancelled()


def test_call_later_and_call_at_return_asyncio_timer_handles(loop: Loop) -> None:
    for handle in (loop.call_later(10, callback), loop.call_at(loop.time() + 10, callback)):
        assert isinstance(handle, asyncio.TimerHandle)
        assert isinstance(handle, asyncio.Handle)
        handle.cancel()


@pytest.mark.parametrize("delay", [0, -1, 0.0, -0.5])
def test_a_timer_that_is_due_at_once_is_a_timer_handle_too(loop: Loop, delay: float) -> None:
    handle = loop.call_later(delay, callback)
    assert isinstance(handle, asyncio.TimerHandle)
    assert isinstance(handle.when(), float)


def test_a_handles_repr_names_its_callback(loop: Loop) -> None:
    handle = loop.call_soon(callback)
    assert repr(handle).startswith("<Handle callback() at ")
    assert repr(handle).endswith(">")
    handle.cancel()
    assert repr(handle) == "<Handle cancelled>"


def test_in_debug_mode_a_handles_repr_tells_its_arguments_and_origin(loop: Loop) -> None:
    loop.set_debug(True)
    handle = loop.call_soon(callback, 1, "two")
    assert repr(handle).startswith("<Handle callback(1, 'two') at ")
    assert " created at " in repr(handle)


def test_a_timer_handles_repr_names_time_and_callback(loop: Loop) -> None:
    handle = loop.call_at(loop.time() + 100, callback)
    assert repr(handle).startswith(f"<TimerHandle when={handle.when()} callback() at ")
    handle.cancel()
    assert repr(handle) == f"<TimerHandle cancelled when={handle.when()}>"


def test_when_tells_the_deadline(loop: Loop) -> None:
    deadline = loop.time() + 12.5
    at = loop.call_at(deadline, callback)
    assert at.when() == deadline
    before = loop.time()
    later = loop.call_later(12.5, callback)
    assert before + 12.5 <= later.when() <= loop.time() + 12.5
    at.cancel()
    later.cancel()
    assert at.when() == deadline


def test_a_handle_kept_after_its_run_is_still_that_handle(loop: Loop) -> None:
    handle = loop.call_soon(callback, "mine")
    shown = repr(handle)
    run_once(loop)
    for number in range(1000):
        loop.call_soon(callback, number)
    run_once(loop)
    assert repr(handle) == shown
    assert not handle.cancelled()


def test_handles_that_are_kept_are_all_different_objects(loop: Loop) -> None:
    kept = []
    for _ in range(5):
        kept += [loop.call_soon(callback) for _ in range(200)]
        run_once(loop)
    assert len({id(handle) for handle in kept}) == 1000
    assert len(set(kept)) == 1000


def test_a_handle_kept_by_its_own_callback_is_not_given_to_another_call(loop: Loop) -> None:
    kept: list[asyncio.Handle] = []

    def schedule(number: int) -> None:
        if number:
            kept.append(loop.call_soon(schedule, number - 1))

    loop.call_soon(schedule, 100)
    loop.call_later(0, loop.call_soon, loop.stop)
    while len(kept) < 100:
        run_once(loop)
    assert [handle._args for handle in kept] == [(number,) for number in reversed(range(100))]


def test_handles_work_in_sets_and_as_keys(loop: Loop) -> None:
    handles = {loop.call_soon(callback) for _ in range(50)}
    names = {handle: number for number, handle in enumerate(handles)}
    run_once(loop)
    assert len(handles) == len(names) == 50
    assert all(handle in names for handle in handles)


def test_weak_references_to_handles_live_as_long_as_the_handle(loop: Loop) -> None:
    handle = loop.call_soon(callback)
    reference = weakref.ref(handle)
    run_once(loop)
    assert reference() is handle
    del handle
    gc.collect()
    assert reference() is None


def test_a_weak_reference_does_not_come_to_mean_a_later_handle(loop: Loop) -> None:
    references = [weakref.ref(loop.call_soon(callback, number)) for number in range(100)]
    run_once(loop)
    gc.collect()
    for number in range(100):
        loop.call_soon(callback, number)
    assert [reference() for reference in references] == [None] * 100
    run_once(loop)


def test_timer_handles_compare_by_deadline(loop: Loop) -> None:
    early, late = loop.call_at(10.0, callback), loop.call_at(20.0, callback)
    same = loop.call_at(10.0, callback)
    assert early < late
    assert early <= late
    assert late > early
    assert late >= early
    assert early == same
    assert hash(early) == hash(10.0)
    assert early != late
    for handle in (early, late, same):
        handle.cancel()


def test_callback_and_arguments_are_let_go_after_the_run(loop: Loop) -> None:
    class Argument:
        pass

    class Target:
        def method(self, argument: Argument) -> None:
            pass

    argument, target = Argument(), Target()
    references = [weakref.ref(argument), weakref.ref(target)]
    loop.call_soon(target.method, argument)
    loop.call_later(0, target.method, argument)
    del argument, target
    assert all(reference() is not None for reference in references)
    for _ in range(3):
        run_once(loop)
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_cancelling_lets_callback_and_arguments_go_at_once(loop: Loop) -> None:
    class Argument:
        pass

    for schedule in (loop.call_soon, lambda *args: loop.call_later(60, *args)):
        argument = Argument()
        reference = weakref.ref(argument)
        handle = schedule(callback, argument)
        del argument
        handle.cancel()
        gc.collect()
        assert reference() is None


def test_closing_the_loop_lets_unrun_callbacks_go(loop_factory: LoopFactory) -> None:
    class Argument:
        pass

    loop = loop_factory()
    soon, later = Argument(), Argument()
    references = [weakref.ref(soon), weakref.ref(later)]
    loop.call_soon(callback, soon)
    loop.call_later(60, callback, later)
    del soon, later
    loop.close()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_an_argument_that_refers_to_its_own_handle_is_collected(loop: Loop) -> None:
    class Node:
        handle: asyncio.Handle

    references = []
    for schedule in (loop.call_soon, lambda *args: loop.call_later(0, *args)):
        node = Node()
        node.handle = schedule(callback, node)
        references.append(weakref.ref(node))
        del node
    run_once(loop)
    run_once(loop)
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_a_loop_that_nobody_holds_is_collected_with_its_callbacks(loop_factory: LoopFactory) -> None:
    class Argument:
        loop: Loop

    loop = loop_factory()
    argument = Argument()
    argument.loop = loop
    reference = weakref.ref(argument)
    loop.call_soon(callback, argument)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    of_loop = weakref.ref(loop)
    del loop, argument
    gc.collect()
    assert reference() is None
    assert of_loop() is None


@pytest.mark.usefixtures("constant_collection")
def test_scheduling_survives_a_collection_at_every_allocation(loop: Loop) -> None:
    ran = 0
    kept: list[asyncio.Handle] = []

    def step(number: int, *args: object) -> None:
        nonlocal ran
        ran += 1
        cycle: list[object] = [number]
        cycle.append(cycle)
        if number % 7 == 0:
            kept.append(loop.call_soon(callback, cycle))
        if number % 11 == 0:
            loop.call_later(0, callback, cycle)

    for number in range(2000):
        handle = loop.call_soon(step, number, [number], (number, {}))
        if number % 3 == 0:
            kept.append(handle)
        if number % 5 == 0:
            handle.cancel()
    run_once(loop)
    run_once(loop)
    assert ran == 2000 - 400
    assert sum(handle.cancelled() for handle in kept) == len(range(0, 2000, 15))


def test_collections_inside_callbacks_do_not_disturb_the_queue(loop: Loop) -> None:
    ran: list[int] = []

    def collect(number: int) -> None:
        ran.append(number)
        for handle in [loop.call_soon(callback, [number]) for _ in range(5)]:
            handle.cancel()
        gc.collect()

    for number in range(50):
        loop.call_soon(collect, number)
    run_once(loop)
    assert ran == list(range(50))


def test_destructors_may_schedule_and_cancel(loop: Loop) -> None:
    ran: list[str] = []

    class Scheduling:
        def __init__(self, name: str) -> None:
            self.name = name
            self.timer = loop.call_later(60, callback)

        def __del__(self) -> None:
            self.timer.cancel()
            loop.call_soon(ran.append, self.name)

    for number in range(20):
        loop.call_soon(callback, Scheduling(str(number)))
    for _ in range(3):
        run_once(loop)
    assert sorted(ran, key=int) == [str(number) for number in range(20)]


def test_reference_counts_of_callback_and_arguments_are_what_they_were(loop: Loop) -> None:
    argument, shared = object(), (object(),)

    def target(*args: object) -> None:
        pass

    counted = (argument, shared, target)
    before = [sys.getrefcount(value) for value in counted]
    for number in range(2000):
        handle = loop.call_soon(target, argument, shared)
        timer = loop.call_later(0, target, argument, shared)
        if number % 2:
            handle.cancel()
            timer.cancel()
    del handle, timer
    for _ in range(3):
        run_once(loop)
    gc.collect()
    assert [sys.getrefcount(value) for value in counted] == before


def test_running_many_callbacks_leaves_no_objects_behind(loop: Loop) -> None:
    def burst() -> None:
        for number in range(5000):
            loop.call_soon(callback, number, [number])
            loop.call_later(0, callback, number)
        for _ in range(3):
            run_once(loop)
        gc.collect()

    burst()
    before = len(gc.get_objects())
    for _ in range(5):
        burst()
    assert len(gc.get_objects()) - before < 2500


def test_a_handle_has_no_dictionary_of_its_own_state_shared_with_others(loop: Loop) -> None:
    first, second = loop.call_soon(callback, 1), loop.call_soon(callback, 2)
    first.cancel()
    assert first.cancelled()
    assert not second.cancelled()
    run_once(loop)


def test_handles_from_one_loop_do_not_mix_with_those_of_another(loop_factory: LoopFactory) -> None:
    loops = [loop_factory() for _ in range(4)]
    ran: list[list[int]] = [[] for _ in loops]
    for number, (index, loop) in itertools.product(range(50), enumerate(loops)):
        loop.call_soon(ran[index].append, number)
    for loop in reversed(loops):
        run_once(loop)
        loop.close()
    assert ran == [list(range(50))] * 4


def test_a_handle_made_by_hand_runs_on_request(loop: Loop) -> None:
    """asyncio's own code makes handles and calls their private _run; a selector's reader is such a handle."""
    ran: list[int] = []
    handle = asyncio.Handle(ran.append, [1], loop)
    handle._run()
    assert ran == [1]
