"""CPython's collector runs at every moment and looks at everything: nothing of ours may be half made or hidden from it."""

from __future__ import annotations

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, socket, sys, weakref
    from underloop import callbacks, collect, echo, load, mixed, new_event_loop, run, say, timers
"""


@pytest.mark.parametrize("threshold", [1, 2, 7])
def test_a_collection_at_every_allocation(child: Child, threshold: int) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    gc.set_threshold({threshold}, 1, 1)
    loop.run_until_complete(callbacks(2000))
    loop.run_until_complete(timers(300))
    loop.run_until_complete(echo(5, 10))
    gc.set_threshold(700)
    load(loop)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_collections_inside_callbacks(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    class Collecting(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            self.cycle = self
            gc.collect()

        def data_received(self, data):
            gc.collect()
            self.transport.write(data)
            gc.collect()

        def eof_received(self):
            gc.collect()

        def connection_lost(self, error):
            gc.collect()

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Collecting, "127.0.0.1", 0)
        for number in range(20):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 1000)
            loop.call_soon(gc.collect)
            loop.call_later(0, gc.collect)
            assert await reader.readexactly(1000) == b"x" * 1000
            writer.close()
        server.close()
        await callbacks(1000)

    run(main())
    say("done")
    """,
        out="done\n",
    )


def test_every_object_the_collector_shows_can_be_looked_at(child: Child) -> None:
    """Pooled handles, recycled tuples and transports being made are shown too; `repr` and friends read every field."""
    child.run(
        PROGRAM
        + """
    wanted = ("Handle", "Transport", "Loop", "Server", "Protocol", "tuple", "Context")

    def look():
        for thing in gc.get_objects():
            if any(word in type(thing).__name__ for word in wanted):
                if type(thing) is not tuple:
                    repr(thing)
                sys.getsizeof(thing)
                gc.get_referents(thing)
                for name in getattr(type(thing), "__slots__", ()):
                    getattr(thing, name, None)

    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(3):
            for delay in (0, 0.001, 0.002):
                loop.call_later(delay, look)
            loop.call_soon(look)
            await mixed()
            look()

    run(main())
    say("done")
    """,
        out="done\n",
    )


def test_handles_that_the_collector_showed_may_be_kept(child: Child) -> None:
    """Whoever takes a reference to a pooled handle from the collector must not see it used for something else meanwhile."""
    child.run(
        PROGRAM
        + """
    loop = new_event_loop()
    load(loop)
    kept = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Handle)]
    load(loop, 2)
    said = [repr(handle) for handle in kept]
    load(loop, 2)
    del kept
    load(loop, 2)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


@pytest.mark.parametrize("count", [100, 4096, 20_000])
@pytest.mark.parametrize("make", ["loop.call_soon(int)", "loop.call_later(0, int)", "loop.call_soon_threadsafe(int)"])
def test_a_handle_its_caller_keeps_stays_what_it_is(child: Child, make: str, count: int) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    for turn in range(3):
        handles = [{make} for _ in range({count})]
        assert len({{id(handle) for handle in handles}}) == {count}
        load(loop)
        assert not any(handle.cancelled() for handle in handles)
        for handle in handles[::2]:
            handle.cancel()
        others = [{make} for _ in range({count})]
        assert all(handle.cancelled() == (index % 2 == 0) for index, handle in enumerate(handles))
        assert not any(handle.cancelled() for handle in others)
        load(loop)
        del handles, others, handle
        load(loop)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


@pytest.mark.parametrize("make", ["loop.call_soon(int)", "loop.call_later(0, int)", "loop.call_soon_threadsafe(int)"])
def test_a_weak_reference_to_a_handle_dies_with_it(child: Child, make: str) -> None:
    """A recycled handle is another handle: whoever had a weak reference must not reach it."""
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    died = []
    references = [weakref.ref({make}, died.append) for _ in range(5000)]
    load(loop)
    collect()
    assert not any(reference() for reference in references)
    assert len(died) == 5000, len(died)
    kept = [{make} for _ in range(5000)]
    assert not any(reference() for reference in references)
    load(loop)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_finalizers_that_use_the_loop_run_in_the_middle_of_its_work(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    class Finalized:
        count = 0

        def __init__(self):
            self.cycle = self

        def __del__(self):
            Finalized.count += 1
            loop.call_soon(int)
            loop.call_later(0.001, int).cancel()
            loop.call_soon_threadsafe(int)
            transport.write(b"x")
            loop.time()

    def make(*_):
        for _ in range(20):
            Finalized()

    loop = new_event_loop()
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    transport, protocol = loop.run_until_complete(
        loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
    gc.set_threshold(5, 1, 1)
    for _ in range(500):
        loop.call_soon(make, Finalized())
        loop.call_later(0, make, Finalized())
    load(loop)
    gc.set_threshold(700)
    collect()
    load(loop)
    assert Finalized.count > 11_000, Finalized.count
    transport.abort()
    server.close()
    load(loop)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_arguments_whose_finalizers_schedule_again(child: Child) -> None:
    """Giving up a handle's arguments runs code that takes handles from the pool."""
    child.run(
        PROGRAM
        + """
    class Again:
        def __init__(self, left):
            self.left = left

        def __del__(self):
            global finished
            if self.left:
                loop.call_soon(takes, Again(self.left - 1))
                handle = loop.call_later(0, takes, Again(0))
                handle.cancel()
                kept.append(loop.call_soon(takes))
            else:
                finished += 1

    def takes(*arguments):
        pass

    finished, kept = 0, []
    loop = new_event_loop()
    for _ in range(100):
        loop.call_soon(takes, Again(50))
    while finished < 100 * 51:
        load(loop)
        kept.clear()
        collect()
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_callbacks_that_are_in_cycles_with_their_handles_are_collected(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    class Node:
        alive = 0

        def __init__(self):
            Node.alive += 1

        def __del__(self):
            Node.alive -= 1

        def callback(self, *_):
            pass

    loop = new_event_loop()
    for _ in range(3000):
        node = Node()
        node.soon = loop.call_soon(node.callback, node)
        node.later = loop.call_later(0, node.callback, [node])
        node.never = loop.call_later(3600, node.callback, [node])
        node.never.cancel()
        node.future = loop.create_future()
        node.future.add_done_callback(node.callback)
    del node
    load(loop)
    for _ in range(200):
        loop.call_later(3600, int).cancel()
    load(loop)
    collect()
    assert Node.alive == 0, Node.alive
    loop.close()
    say("done")
    """,
        out="done\n",
    )


@pytest.mark.parametrize("live", ["connections", "closed connections"])
def test_loops_with_all_they_hold_are_collected(child: Child, live: str) -> None:
    """No cycle may hide in Java: the loop, its transports and protocols go when the program lets go of them."""
    child.run(
        PROGRAM
        + f"""
    import warnings
    warnings.simplefilter("ignore", ResourceWarning)

    class Protocol(asyncio.Protocol):
        alive = 0

        def __init__(self):
            Protocol.alive += 1

        def __del__(self):
            Protocol.alive -= 1

        def connection_made(self, transport):
            self.transport = transport

    def whole():
        loop = new_event_loop()
        loop.me = loop
        server = loop.run_until_complete(loop.create_server(Protocol, "127.0.0.1", 0))
        things = [loop.run_until_complete(loop.create_connection(Protocol, *server.sockets[0].getsockname()))
                  for _ in range(10)]
        load(loop)
        if {live == "closed connections"}:
            for transport, protocol in things:
                transport.close()
            server.close()
            load(loop)
            loop.close()
        return weakref.ref(loop)

    references = [whole() for _ in range(3)]
    collect()
    assert not any(reference() for reference in references), references
    assert Protocol.alive == 0, Protocol.alive
    say("done")
    """,
        out="done\n",
    )


@pytest.mark.parametrize(
    "switch", ["gc.freeze()", "gc.disable()", "gc.set_debug(0); gc.callbacks.append(lambda *_: loop.call_soon(int))"]
)
def test_load_under(child: Child, switch: str) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    load(loop)
    {switch}
    load(loop, 3)
    gc.collect()
    load(loop)
    gc.callbacks.clear()
    gc.unfreeze()
    gc.enable()
    collect()
    load(loop)
    loop.close()
    say("done")
    """,
        out="done\n",
    )
