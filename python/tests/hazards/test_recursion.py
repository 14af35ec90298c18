"""Deep recursion ends in RecursionError, as deep as it goes without a JVM.

HotSpot puts guard pages into the stacks of threads it knows and checks for room when Java code is entered; CPython's own limit
must be what stops a program, on the main thread's 8 MiB and on threads with small stacks.
"""

from __future__ import annotations

import re
import sys
import textwrap

import pytest

from .child import Child

WAYS = """
    import asyncio, copy, gc, json, pickle, sys, threading
    from underloop import collect, load, mixed, new_event_loop, quiet_tracebacks, run, say

    def plain(depth=0):
        return plain(depth + 1)

    def nested(kind, depth):
        thing = kind()
        for _ in range(depth):
            thing = [thing] if kind is list else {"k": thing}
        return thing

    class Getattr:
        def __getattr__(self, name):
            return getattr(self, name + "x"[:0])

    class Key:
        def __lt__(self, other):
            return sorted([Key(), Key()]) is None

    class Call:
        pass

    Call.__call__ = Call()

    def through_the_loop(depth=0):
        loop.call_soon(int).cancel()
        loop.call_later(1, int).cancel()
        loop.time()
        return through_the_loop(depth + 1)

    def through_the_transport(depth=0):
        transport.write(b"x")
        transport.get_write_buffer_size()
        return through_the_transport(depth + 1)

    class LoopKey:
        def __lt__(self, other):
            through = loop.call_soon(int), loop.call_later(1, int)
            transport.write(b"x")
            for handle in through:
                handle.cancel()
            return min(LoopKey(), LoopKey()) is None

    ways = {
        "plain": plain,
        "repr": lambda: repr(nested(list, DEPTH)),
        "json.dumps": lambda: json.dumps(nested(list, DEPTH)),
        "json.loads": lambda: json.loads("[" * DEPTH + "]" * DEPTH),
        "pickle": lambda: pickle.dumps(nested(dict, DEPTH)),
        "deepcopy": lambda: copy.deepcopy(nested(list, DEPTH)),
        "compare": lambda: nested(list, DEPTH) == nested(list, DEPTH),
        "getattr": lambda: Getattr().x,
        "sort": lambda: sorted([Key(), Key()]),
        "call": Call(),
        "through the loop": through_the_loop,
        "through the transport": through_the_transport,
        "through C and the loop": lambda: LoopKey() < LoopKey(),
    }
    DEPTH = 100_000
"""

NAMES = [
    "plain",
    "repr",
    "json.dumps",
    "json.loads",
    "pickle",
    "deepcopy",
    "compare",
    "getattr",
    "sort",
    "call",
    "through the loop",
    "through the transport",
    "through C and the loop",
]

VERSION = sys.version_info[:2]

# What stock CPython does not survive is no test of ours: bytes of stack that each way needs at the default recursion limit.
STACK_NEEDED = {
    # from "through the loop" on: of half a megabyte 3.10 takes 420 KiB, and HotSpot wants 100 KiB free to enter Java
    (3, 10): dict.fromkeys(["plain", "deepcopy", "getattr"], 2**19)
    | dict.fromkeys(["through the loop", "through the transport", "through C and the loop"], 2**20)
    | {"sort": 2**22},
    (3, 11): {"getattr": 2**20, "sort": 2**22, "through C and the loop": 2**20},
    (3, 12): {"compare": 2**19, "getattr": 2**19, "call": 2**19, "sort": 2**22, "through C and the loop": 2**20},
    (3, 13): dict.fromkeys(["repr", "json.dumps", "json.loads", "pickle", "compare", "call"], 2**21)
    | {"deepcopy": 2**19, "getattr": 2**20, "sort": 2**23, "through C and the loop": 2**22},
}.get(VERSION, {})

# And the recursion limit that each way survives on a stack of 8 MiB; from 3.12 on C recursion has a limit of its own.
HIGHEST_LIMIT = {
    (3, 10): dict.fromkeys(["plain", "deepcopy", "getattr", "through the loop", "through the transport"], 10_000)
    | dict.fromkeys(["repr", "json.dumps", "json.loads", "pickle", "compare", "call"], 30_000)
    | {"sort": 3_000, "through C and the loop": 5_000},
    (3, 11): dict.fromkeys(["repr", "json.dumps", "json.loads", "pickle", "compare", "call"], 30_000)
    | {"getattr": 9_000, "sort": 2_000, "through C and the loop": 5_000},
    (3, 13): {"sort": 1_000},
}.get(VERSION, {})

STACKS = [2**18, 2**19, 2**20, 2**23]

IN_CALLBACK = (
    WAYS
    + """
    def main():
        global loop, transport
        loop = new_event_loop()
        load(loop)
        server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
        transport, _ = loop.run_until_complete(
            loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
        errors = []
        loop.set_exception_handler(lambda loop, context: errors.append(type(context["exception"]).__name__))
        for _ in range(3):
            loop.call_soon(ways[sys.argv[1]])
        loop.call_later(0, ways[sys.argv[1]])
        load(loop)
        transport.abort()
        server.close()
        load(loop)
        loop.close()
        say(*errors)

    if len(sys.argv) > 3:
        sys.setrecursionlimit(int(sys.argv[3]))
    if sys.argv[2] == "main":
        main()
    else:
        threading.stack_size(int(sys.argv[2]))
        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
"""
)


@pytest.mark.parametrize("way", NAMES)
def test_recursion_in_a_callback_is_a_recursion_error(child: Child, way: str) -> None:
    child.run(IN_CALLBACK, way, "main", out="RecursionError " * 3 + "RecursionError\n")


@pytest.mark.parametrize("way", NAMES)
def test_recursion_under_a_raised_limit_is_a_recursion_error(child: Child, way: str) -> None:
    """Up to the last kilobytes of the 8 MiB that the main thread has."""
    limit = HIGHEST_LIMIT.get(way, 100_000)
    child.run(IN_CALLBACK, way, "main", str(limit), out="RecursionError " * 3 + "RecursionError\n")


@pytest.mark.parametrize(
    ("way", "stack"), [(way, stack) for way in NAMES for stack in STACKS if stack >= STACK_NEEDED.get(way, 0)]
)
def test_recursion_in_a_thread_with_a_stack_of_its_own(child: Child, way: str, stack: int) -> None:
    child.run(IN_CALLBACK, way, str(stack), out="RecursionError " * 3 + "RecursionError\n")


by_the_stack = pytest.mark.skipif(VERSION < (3, 14), reason="CPython counts calls, whatever the stack, before 3.14")


@by_the_stack
@pytest.mark.parametrize("kilobytes", [1024, 65_536])
def test_recursion_in_a_main_thread_with_another_stack(child: Child, kilobytes: int) -> None:
    """HotSpot takes the main thread's stack for another than it is; the limit must be where it really ends."""
    limited = f"""
    import os, resource, sys
    if len(sys.argv) == 3:
        resource.setrlimit(resource.RLIMIT_STACK, ({kilobytes * 1024}, resource.RLIM_INFINITY))
        os.execv(sys.executable, [sys.executable, *sys.argv, "1000000"])
    """
    program = textwrap.dedent(limited) + textwrap.dedent(IN_CALLBACK)
    child.run(program, "through C and the loop", "main", out="RecursionError " * 3 + "RecursionError\n")


@by_the_stack
@pytest.mark.parametrize("stack", STACKS)
def test_recursion_in_a_thread_that_runs_no_loop(child: Child, stack: int) -> None:
    child.run(
        f"""
        import threading
        from underloop import load, new_event_loop, say

        class Key:
            def __lt__(self, other):
                loop.call_soon_threadsafe(int).cancel()
                return min(Key(), Key()) is None

        def recurse():
            loop.call_soon_threadsafe(int)
            try:
                Key() < Key()
            except RecursionError:
                say("RecursionError")

        loop = new_event_loop()
        load(loop)
        threading.stack_size({stack})
        for _ in range(3):
            worker = threading.Thread(target=recurse)
            worker.start()
            worker.join()
        load(loop)
        loop.close()
        """,
        out="RecursionError\n" * 3,
    )


@by_the_stack
@pytest.mark.parametrize("stack", STACKS)
def test_recursion_through_tasks_that_start_at_once(child: Child, stack: int) -> None:
    """The error is one task's or the caller's, or is lost in telling of it, by where exactly the stack ends."""
    child.run(
        f"""
        import logging, threading, warnings
        from underloop import collect, load, new_event_loop, say

        def main():
            loop = new_event_loop()
            depth = 0

            async def recurse():
                nonlocal depth
                depth += 1
                loop.create_task(recurse(), eager_start=True)

            load(loop)
            for _ in range(3):
                try:
                    loop.run_until_complete(recurse())
                except RecursionError:
                    pass
            collect()
            load(loop)
            loop.close()
            say("deep" if depth > 15 else depth)

        logging.disable()
        warnings.simplefilter("ignore")
        threading.stack_size({stack})
        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
        """,
        out="deep\n",
        err=re.compile("(Traceback(.*\n)*?RecursionError: .*\n)*"),
    )


@pytest.mark.parametrize("stack", [256 * 1024, 512 * 1024], ids="{} bytes".format)
def test_a_loop_lives_in_a_thread_with_a_small_stack(child: Child, stack: int) -> None:
    child.run(
        f"""
        import threading
        from underloop import load, new_event_loop, say

        def main():
            loop = new_event_loop()
            load(loop, 5)
            loop.close()
            say("done")

        threading.stack_size({stack})
        for _ in range(3):
            thread = threading.Thread(target=main)
            thread.start()
            thread.join()
        """,
        out="done\ndone\ndone\n",
    )


def test_the_first_loop_of_the_process_may_be_made_deep_in_a_small_stack(child: Child) -> None:
    child.run(
        """
        import threading
        from underloop import load, new_event_loop, say

        def deep(depth):
            if depth:
                return deep(depth - 1)
            loop = new_event_loop()
            load(loop)
            loop.close()
            say("done")

        threading.stack_size(256 * 1024)
        thread = threading.Thread(target=deep, args=(100,))
        thread.start()
        thread.join()
        deep(500)
        """,
        out="done\ndone\n",
    )


CHAIN = """
    import asyncio, sys
    from underloop import collect, load, new_event_loop, say

    def callback(*arguments):
        pass

    loop = new_event_loop()
    load(loop)
    handle = None
    for _ in range(200_000):
        handle = {make}
    {drop}
    handle = None
    collect()
    load(loop if not loop.is_closed() else new_event_loop())
    say("done")
"""


@pytest.mark.parametrize(
    "drop",
    [
        "handle.cancel()",
        "loop.close()",
        "loop.run_until_complete(asyncio.sleep(0.01))",
        "handle = loop = None; loop = new_event_loop()",
    ],
)
@pytest.mark.parametrize("make", ["loop.call_soon(callback, handle)", "loop.call_later(1e-9, callback, handle)"])
def test_a_long_chain_of_handles_is_freed_without_recursion(child: Child, make: str, drop: str) -> None:
    """Each handle holds the one before it, and freeing the last frees them all, inside one another."""
    child.run(CHAIN.format(make=make, drop=drop), out="done\n")


def test_a_long_chain_of_contexts_and_callbacks_is_freed_without_recursion(child: Child) -> None:
    child.run(
        """
        import functools
        from underloop import collect, load, new_event_loop, say
        loop = new_event_loop()
        load(loop)
        callback = print
        for _ in range(100_000):
            callback = loop.call_soon(functools.partial(isinstance, callback)).cancel
        callback = None
        loop.close()
        collect()
        say("done")
        """,
        out="done\n",
    )
