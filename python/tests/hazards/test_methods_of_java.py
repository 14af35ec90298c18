"""Whatever the methods that Java installs are called with, on whatever object, they answer with a result or an exception."""

from __future__ import annotations

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, logging, socket, sys, threading, types, warnings
    from underloop import load, new_event_loop, say
    warnings.simplefilter("ignore")
    logging.disable()
    sys.unraisablehook = lambda unraisable: None

    new_event_loop().close()
    from jloop import _native
    _native.load_datagrams()

    descriptors = {
        (cls, name): descriptor
        for cls in _native._namespace["namespace"].values() if isinstance(cls, type) and cls.__module__.startswith("jloop")
        for name, descriptor in vars(cls).items() if isinstance(descriptor, types.MethodDescriptorType)
    }

    class Evil:
        def __index__(self): raise LookupError
        __float__ = __bool__ = fileno = __call__ = __iter__ = __eq__ = __index__
        __hash__ = None

    class OwnHandle(asyncio.TimerHandle):
        def __getattribute__(self, name): raise LookupError(name)

    blocking, plain = socket.socketpair()
    plain.setblocking(False)
    closed = socket.socket()
    closed.close()
    half = asyncio.TimerHandle.__new__(asyncio.TimerHandle)
    values = [None, object(), "text", b"bytes", -1, 2**40, 2**100, -(2**100), 0, 1.5, float("nan"), float("-inf"), True,
              Evil(), Evil, plain, blocking, closed, half, OwnHandle.__new__(OwnHandle), asyncio.Handle, (), [None], {},
              memoryview(b"view"), bytearray(3), int, ("127.0.0.1", 1)]

    def argument_lists():
        yield ()
        for value in values:
            for count in (1, 2, 3, 4, 5):
                yield (value,) * count
            yield (plain, value)
            yield (plain, b"bytes", value)
            yield (plain, bytearray(8), value)
            yield (value, int)
        yield (None,) * 300

    keywords = [{}, {"no_such": 1}, {"context": object()}, {"callback": int}, {"data": None}, {"\\udc80": 1}]

    def made_by_hand(cls):
        return cls.__new__(cls)

    def alive(cls):
        loop = new_event_loop()
        name = cls.__name__
        if name == "Loop":
            return loop
        if name == "SocketTransport":
            ours, theirs = socket.socketpair()
            keep.extend((loop, theirs))
            transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
            return transport
        if name == "DatagramTransport":
            keep.append(loop)
            transport, _ = loop.run_until_complete(
                loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)))
            return transport
        keep.append(loop)
        if name == "TimerHandle":
            return loop.call_later(0, int)
        if name in ("Handle", "_ThreadSafeHandle"):
            return loop.call_soon_threadsafe(int) if cls is not type(loop.call_soon(int)) else loop.call_soon(int)
        return cls()

    def of_a_closed_loop(cls):
        made = alive(cls)
        loop = made if isinstance(made, asyncio.AbstractEventLoop) else keep[0]
        loop.close()
        return made

    keep = []

    def end():
        for thing in keep:
            try:
                if hasattr(thing, "call_soon") and not thing.is_closed():
                    thing.call_soon(thing.stop)
                    thing.run_forever()
                thing.close()
            except Exception:
                pass
        keep.clear()

    def call_with_everything(descriptor, made):
        for arguments in argument_lists():
            for named in keywords:
                if isinstance(made, asyncio.AbstractEventLoop) and not made.is_closed():
                    made.stop()  # should it run
                try:
                    descriptor(made, *arguments, **named)
                except Exception:
                    pass

    def finish(made):
        try:
            if isinstance(made, asyncio.AbstractEventLoop) and not made.is_running():
                made.set_exception_handler(lambda *_: None)
                made.call_soon(made.stop)
                made.run_forever()
        except Exception:
            pass
        try:
            made.close()
        except Exception:
            pass
"""


@pytest.mark.parametrize("state", ["made_by_hand", "alive", "of_a_closed_loop"])
@pytest.mark.parametrize("thread", [False, True], ids=["here", "other thread"])
def test_any_arguments_get_an_answer(jloop_child: Child, state: str, thread: bool) -> None:
    jloop_child.run(
        PROGRAM
        + f"""
    assert len(descriptors) > 50, len(descriptors)

    def call_all():
        for (cls, name), descriptor in descriptors.items():
            if cls.__name__ == "_Hooks":
                continue  # ends the use of Java, for the whole process
            made = {state}(cls)
            if {thread}:
                worker = threading.Thread(target=call_with_everything, args=(descriptor, made))
                worker.start()
                worker.join()
            else:
                call_with_everything(descriptor, made)
            finish(made)
            end()
            del made
        gc.collect()
        load(new_event_loop())

    call_all()
    say("survived")
    """,
        out="survived\n",
        err="",
        limit=180,
    )


def test_any_object_as_self_gets_an_answer(jloop_child: Child) -> None:
    jloop_child.run(
        PROGRAM
        + """
    for descriptor in descriptors.values():
        for made in values:
            try:
                descriptor(made)
                said = "no exception"
            except TypeError:
                continue
            say(descriptor, made, said)
    say("survived")
    """,
        out="survived\n",
    )


def test_a_running_loop_refuses_what_only_one_that_rests_can_do(jloop_child: Child) -> None:
    jloop_child.run(
        PROGRAM
        + """
    loop = new_event_loop()
    said = []

    def attempt(name):
        try:
            getattr(loop, name)()
        except RuntimeError as error:
            said.append((name, str(error)))

    def attempts():
        for name in ("_run", "_run_once", "_close_engine", "_open", "close", "__init__"):
            attempt(name)
        loop.call_soon_threadsafe(loop.stop)

    loop.call_soon(attempts)
    loop.call_soon(int)
    loop.run_forever()
    worker = threading.Thread(target=attempts)
    loop.call_later(0.01, worker.start)
    loop.run_forever()
    worker.join()
    for name, text in sorted(set(said)):
        say(name, text)
    load(loop)
    loop.close()
    """,
        out="__init__ Cannot close a running event loop\n"
        "_close_engine Cannot close a running event loop\n"
        "_open Cannot close a running event loop\n"
        "_run This event loop is already running\n"
        "_run_once This event loop is already running\n"
        "close Cannot close a running event loop\n",
    )


def test_more_handles_than_java_has_memory_for_are_a_memory_error(jloop_child: Child) -> None:
    """Cancelled or not, they wait in the queue for their turn, as on asyncio."""
    jloop_child.run(
        """
        import asyncio
        from underloop import load, new_event_loop, say

        def schedule_for_ever():
            for make in (lambda: loop.call_soon(int).cancel(), lambda: loop.call_later(0, int)):
                try:
                    while True:
                        make()
                except MemoryError:
                    say("MemoryError")
            loop.stop()

        loop = new_event_loop()
        loop.call_soon(schedule_for_ever)
        loop.run_forever()
        say("went on")
        loop.close()
        load(new_event_loop())
        """,
        env={"JLOOP_JVM_OPTIONS": "-Xmx14m"},
        out="MemoryError\nMemoryError\nwent on\n",
    )


def test_a_loop_runs_handles_whose_slots_a_program_has_spoilt(jloop_child: Child) -> None:
    """asyncio's own loop fails in each turn from then on, for a spoilt timer stays at the head of its heap."""
    jloop_child.run(
        """
        import asyncio, logging
        from underloop import load, new_event_loop, say
        logging.disable()
        loop = new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)
        for slot in ("_callback", "_args", "_context", "_cancelled", "_loop"):
            for make in (lambda: loop.call_soon(int), lambda: loop.call_later(0, int)):
                for value in ("delete", None, [1], object()):
                    handle = make()
                    if value == "delete":
                        delattr(handle, slot)
                    else:
                        setattr(handle, slot, value)
                    try:
                        loop.run_until_complete(asyncio.sleep(0.001))
                    except Exception:
                        pass
                    del handle
        load(loop)
        loop.close()
        say("survived")
        """,
        out="survived\n",
    )
