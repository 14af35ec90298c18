"""Exceptions of every kind out of protocol callbacks do what they do on asyncio of the running version.

Each program runs on both loops; what is compared is the record of everything that followed: calls to the exception handler,
the protocol's further callbacks, how `run_forever` ended. An exception that left an upcall would end the process.
"""

from __future__ import annotations

import re
import sys

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, os, re, socket, sys
    from underloop import collect, load, new_event_loop, quiet_tracebacks, say

    class Unprintable(Exception):
        def __str__(self):
            raise ValueError("no text")
        __repr__ = __str__

    class Base(BaseException):
        pass

    class Uninstantiable(Exception):
        def __init__(self, one, two):
            pass

    def recurse():
        return recurse()

    class Deep(Exception):
        pass

    def deep():
        error = None
        for _ in range(1000):
            new = Deep()
            new.__context__ = error
            error = new
        raise error

    kinds = {
        "Exception": lambda: 1 / 0,
        "OSError": lambda: os.stat("/nonexistent"),
        "ConnectionResetError": lambda: throw(ConnectionResetError(104, "reset")),
        "BlockingIOError": lambda: throw(BlockingIOError()),
        "InterruptedError": lambda: throw(InterruptedError()),
        "StopIteration": lambda: next(iter(())),
        "CancelledError": lambda: throw(asyncio.CancelledError()),
        "MemoryError": lambda: throw(MemoryError()),
        "RecursionError": recurse,
        "Unprintable": lambda: throw(Unprintable()),
        "Uninstantiable": lambda: throw(Uninstantiable),
        "Deep": deep,
        "BaseException": lambda: throw(Base()),
        "GeneratorExit": lambda: throw(GeneratorExit()),
        "KeyboardInterrupt": lambda: throw(KeyboardInterrupt()),
        "SystemExit": lambda: throw(SystemExit(3)),
    }

    def throw(error):
        raise error

    record = []

    def note(*what):
        record.append(" ".join(str(part) for part in what))

    def handler(loop, context):
        error = context.get("exception")
        message = re.split(r"[(<]| in callback", context["message"])[0].strip()
        note("handler:", message, type(error).__name__, sorted(set(context) - {"exception", "message", "source_traceback", "handle"}))

    where, *wanted = sys.argv[1:]
    kind = ""

    class Raiser(asyncio.Protocol):
        def __init__(self, name):
            self.name = name
            self.raised = False

        def maybe(self, callback):
            note(self.name, callback)
            if callback == where and self.name == "server" and not self.raised:
                self.raised = True
                kinds[kind]()

        def connection_made(self, transport):
            self.transport = transport
            self.maybe("connection_made")

        def data_received(self, data):
            self.maybe("data_received")

        def eof_received(self):
            self.maybe("eof_received")

        def connection_lost(self, error):
            self.error = error
            self.maybe("connection_lost")
            note(self.name, "lost with", type(error).__name__)

        def pause_writing(self):
            self.maybe("pause_writing")

        def resume_writing(self):
            self.maybe("resume_writing")

    class BufferedRaiser(asyncio.BufferedProtocol):
        def __init__(self, name):
            self.name = name
            self.raised = False
            self.buffer = bytearray(100)

        maybe, connection_made, connection_lost = Raiser.maybe, Raiser.connection_made, Raiser.connection_lost
        eof_received, pause_writing, resume_writing = Raiser.eof_received, Raiser.pause_writing, Raiser.resume_writing

        def get_buffer(self, hint):
            self.maybe("get_buffer")
            return self.buffer

        def buffer_updated(self, count):
            self.maybe("buffer_updated")

    def turn(seconds=0.02):
        while True:
            stop = loop.call_later(seconds, loop.stop)
            try:
                loop.run_forever()
                return
            except BaseException as error:
                note("run_forever:", type(error).__name__)
                stop.cancel()

    loop = new_event_loop()
    loop.set_exception_handler(handler)
    servers = []

    def factory():
        protocol = (BufferedRaiser if "buffer" in where else Raiser)("server")
        servers.append(protocol)
        return protocol

    def go():
        server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0))
        client = socket.create_connection(server.sockets[0].getsockname())
        turn()
        client.sendall(b"hello")
        turn()
        protocol = servers[-1]
        if where in ("pause_writing", "resume_writing"):
            protocol.transport.set_write_buffer_limits(high=1000)
            try:
                protocol.transport.write(bytes(20_000_000))
            except BaseException as error:
                note("write:", type(error).__name__)
            turn()
            client.settimeout(0.05)
            got = 0
            while got < 20_000_000:
                try:
                    data = client.recv(10_000_000)
                except TimeoutError:
                    turn(0.005)
                    continue
                except OSError as error:
                    note("client:", type(error).__name__)
                    break
                if not data:
                    break
                got += len(data)
                turn(0.0005)
            note("client got", got)
        try:
            client.sendall(b"more")
            turn()
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        turn()
        client.close()
        turn()
        note("closing:", protocol.transport.is_closing())
        protocol.transport.abort()
        turn()
        server.close()
        turn()

    for kind in wanted:
        note("--", kind)
        go()
    collect()
    load(loop)
    loop.close()
    for line in record:
        say(line)
"""

WHERE = [
    "connection_made",
    "data_received",
    "eof_received",
    "connection_lost",
    "pause_writing",
    "resume_writing",
    "get_buffer",
    "buffer_updated",
]

KINDS = [
    "Exception",
    "OSError",
    "ConnectionResetError",
    "BlockingIOError",
    "InterruptedError",
    "StopIteration",
    "CancelledError",
    "MemoryError",
    "RecursionError",
    "Unprintable",
    "Uninstantiable",
    "Deep",
    "BaseException",
    "GeneratorExit",
    "KeyboardInterrupt",
    "SystemExit",
]


def same_on_both(asyncio_child: Child, jloop_child: Child, program: str, *arguments: str) -> None:
    """Run `program` on both loops and compare what it prints; it has to print something."""
    expected = asyncio_child.run(program, *arguments, out=re.compile("(?s).+"))
    jloop_child.run(program, *arguments, out=expected.out, limit=60)


# After these two out of `resume_writing` asyncio's own transport is broken: it writes an empty buffer again and again.
LEAVING = ["KeyboardInterrupt", "SystemExit"]


@pytest.mark.parametrize("where", WHERE)
def test_exceptions_do_what_they_do_on_asyncio(asyncio_child: Child, jloop_child: Child, where: str) -> None:
    kinds = [kind for kind in KINDS if where != "resume_writing" or kind not in LEAVING]
    same_on_both(asyncio_child, jloop_child, PROGRAM, where, *kinds)


@pytest.mark.parametrize("kind", LEAVING)
def test_an_exception_to_leave_by_does_not_break_the_transport(jloop_child: Child, kind: str) -> None:
    then = rf"server resume_writing\nrun_forever: {kind}\n.*client got 20000000\n.*lost with NoneType\n"
    jloop_child.run(PROGRAM, "resume_writing", kind, out=re.compile(rf"(?s).*{then}.*"))


BUFFERS = """
    import array, asyncio, mmap, socket, sys
    from underloop import collect, load, new_event_loop, say

    record = []
    released = memoryview(bytearray(10))
    released.release()

    class Grows(bytearray):
        pass

    def strided():
        return memoryview(bytearray(100))[::2]

    def resized(protocol):
        protocol.kept = bytearray(100)
        loop.call_soon(protocol.kept.extend, b"x" * 10_000)
        return protocol.kept

    buffers = {
        "None": lambda p: None,
        "int": lambda p: 5,
        "str": lambda p: "text",
        "empty": lambda p: bytearray(),
        "bytes": lambda p: b"0123456789",
        "released": lambda p: released,
        "read-only view": lambda p: memoryview(bytearray(10)).toreadonly(),
        "strided": lambda p: strided(),
        "one byte": lambda p: bytearray(1),
        "temporary": lambda p: bytearray(1000),
        "view": lambda p: memoryview(bytearray(1000))[10:20],
        "ints": lambda p: array.array("i", [0] * 100),
        "two dimensions": lambda p: memoryview(bytearray(100)).cast("B", (10, 10)),
        "mmap": lambda p: mmap.mmap(-1, 4096),
        "subclass": lambda p: Grows(100),
        "large": lambda p: bytearray(10_000_000),
        "resized": resized,
    }

    class Buffered(asyncio.BufferedProtocol):
        total = 0

        def connection_made(self, transport):
            self.transport = transport

        def get_buffer(self, hint):
            assert isinstance(hint, int), hint
            return buffers[sys.argv[1]](self)

        def buffer_updated(self, count):
            self.total += count

        def connection_lost(self, error):
            record.append(f"lost with {'an error' if error else None} after {self.total} bytes")

    def handler(loop, context):
        assert context["message"].startswith("Fatal "), context
        assert isinstance(context["exception"], (TypeError, ValueError, BufferError, RuntimeError)), context
        record.append("handler")

    def turn():
        loop.call_later(0.02, loop.stop)
        loop.run_forever()

    loop = new_event_loop()
    loop.set_exception_handler(handler)
    server = loop.run_until_complete(loop.create_server(Buffered, "127.0.0.1", 0))
    client = socket.create_connection(server.sockets[0].getsockname())
    turn()
    for part in (b"x", b"hello", b"y" * 300):
        try:
            client.sendall(part)
        except OSError:
            pass
        turn()
        collect()
    client.close()
    turn()
    server.close()
    load(loop)
    loop.close()
    for line in record:
        say(line)
"""


@pytest.mark.parametrize(
    "buffer",
    [
        "None",
        "int",
        "str",
        "empty",
        "bytes",
        "released",
        "read-only view",
        "strided",
        "one byte",
        "temporary",
        "view",
        "ints",
        "two dimensions",
        "mmap",
        "subclass",
        "large",
        "resized",
    ],
)
def test_a_bad_buffer_does_what_it_does_on_asyncio(asyncio_child: Child, jloop_child: Child, buffer: str) -> None:
    same_on_both(asyncio_child, jloop_child, BUFFERS, buffer)


@pytest.mark.parametrize(
    "handler",
    [
        "lambda loop, context: 1 / 0",
        "lambda loop, context: loop.call_exception_handler(context)",
        "lambda loop, context: loop.close()",
        "lambda loop, context: loop.stop()",
        "lambda loop, context: loop.set_exception_handler(None)",
        "lambda: None",
    ],
)
def test_an_exception_handler_that_fails_itself(asyncio_child: Child, jloop_child: Child, handler: str) -> None:
    same_on_both(
        asyncio_child,
        jloop_child,
        f"""
        import asyncio, logging, sys
        from underloop import load, new_event_loop, say

        class Lines(logging.Handler):
            def emit(self, record):
                say(record.levelname, record.getMessage().split("\\n")[0].split("<")[0].split("(")[0],
                    record.exc_info and record.exc_info[0].__name__)

        logging.getLogger("asyncio").addHandler(Lines())
        logging.getLogger("asyncio").propagate = False
        loop = new_event_loop()
        loop.set_exception_handler({handler})
        for _ in range(3):
            loop.call_soon(lambda: 1 / 0)
        loop.call_later(0.02, loop.stop)
        try:
            loop.run_forever()
        except BaseException as error:
            say(type(error).__name__, error)
        loop.set_exception_handler(None)
        say("closed:", loop.is_closed())
        """,
    )


@pytest.mark.parametrize("where", ["call_soon", "call_later", "call_soon_threadsafe", "add_reader", "signal handler"])
def test_exceptions_of_a_callback_do_what_they_do_on_asyncio(
    asyncio_child: Child, jloop_child: Child, where: str
) -> None:
    body = """
    loop = new_event_loop()
    loop.set_exception_handler(handler)
    ours, theirs = socket.socketpair()

    def callback(*_):
        note("callback")
        if where == "add_reader":
            ours.recv(1)
        kinds[kind]()

    for kind in [kind for kind in wanted for _ in range(2)]:
        note("--", kind)
        if where == "add_reader":
            loop.add_reader(ours, callback)
            theirs.send(b"x")
        elif where == "signal handler":
            import signal
            loop.add_signal_handler(signal.SIGUSR1, callback)
            loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
        else:
            getattr(loop, where)(*([0] if where == "call_later" else []), callback)
        loop.call_soon(note, "next")
        turn(0.2 if where == "signal handler" else 0.02)
    if where == "signal handler":
        loop.remove_signal_handler(signal.SIGUSR1)
    loop.remove_reader(ours)
    load(loop)
    loop.close()
    for line in record:
        say(line)
"""
    program = PROGRAM[
        : PROGRAM.index("    loop = new_event_loop()\n    loop.set_exception_handler(handler)\n    servers")
    ]
    same_on_both(asyncio_child, jloop_child, program + body, where, *KINDS)


@pytest.mark.parametrize("size", [3, 100, 4000, 300_000])
@pytest.mark.parametrize("where", ["get_buffer", "__buffer__"])
def test_a_protocol_that_is_replaced_while_it_gives_its_buffer(child: Child, size: int, where: str) -> None:
    """What is read goes to the buffer that was given, and no further; the new protocol is told, whatever it is."""
    if where == "__buffer__" and sys.version_info < (3, 12):
        pytest.skip("classes cannot define __buffer__ before 3.12")
    child.run(
        f"""
        import asyncio, socket
        from underloop import new_event_loop, say

        class Plain(asyncio.Protocol):
            def data_received(self, data):
                say("data", set(data) <= {{68}})

        class Buffer:
            def __init__(self, owner):
                self.owner = owner

            def __len__(self):
                return 5

            def __buffer__(self, flags):
                self.owner.transport.set_protocol(Plain())
                return memoryview(self.owner.memory)

        class Switching(asyncio.BufferedProtocol):
            def __init__(self):
                self.memory = bytearray(5)

            def connection_made(self, transport):
                self.transport = transport

            def get_buffer(self, sizehint):
                if {where!r} == "__buffer__":
                    return Buffer(self)
                self.transport.set_protocol(Plain())
                return self.memory

        async def main():
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            transport, protocol = await loop.create_connection(Switching, sock=ours)
            sending = asyncio.ensure_future(loop.sock_sendall(theirs, b"D" * {size}))
            await asyncio.sleep(0.05)
            sending.cancel()
            say(bytes(protocol.memory))
            transport.abort()
            theirs.close()
            await asyncio.gather(sending, return_exceptions=True)

        loop = new_event_loop()
        loop.set_exception_handler(lambda _, context: say(context["message"], context["exception"]))
        loop.run_until_complete(main())
        loop.close()
        """,
        out="Fatal error: protocol.buffer_updated() call failed. 'Plain' object has no attribute 'buffer_updated'\n"
        f"{(b'D' * size)[:5].ljust(5, bytes(1))!r}\n",
    )
