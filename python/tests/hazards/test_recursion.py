"""Deep recursion ends in RecursionError, as deep as it goes without a JVM.

HotSpot puts guard pages into the stacks of threads it knows and checks for room when Java code is entered; CPython's own limit
must be what stops a program, on the main thread's 8 MiB and on threads with small stacks.
"""

from __future__ import annotations

import sys

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

    def through_the_exception_handler(loop=None, context=None):
        globals()["loop"].call_exception_handler({"message": "again"})
        return through_the_exception_handler()

    def through_handles():
        asyncio.Handle(through_handles, (), loop)._run()
        return through_handles()

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
        "map": lambda: [None for _ in __import__("functools").reduce(lambda it, _: map(bool, it), range(DEPTH), iter([1]))],
        "through the loop": through_the_loop,
        "through the transport": through_the_transport,
        "compile": lambda: eval("-" * min(DEPTH, 20_000) + "1"),
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
]

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


@pytest.mark.parametrize("stack", [256 * 1024, 512 * 1024, 1024 * 1024, 64 * 1024 * 1024], ids="{} bytes".format)
@pytest.mark.parametrize("way", ["plain", "repr", "json.dumps", "call", "through the loop", "through the transport"])
def test_recursion_in_a_thread_with_a_stack_of_its_own(child: Child, way: str, stack: int) -> None:
    child.run(IN_CALLBACK, way, str(stack), out="RecursionError " * 3 + "RecursionError\n")


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
