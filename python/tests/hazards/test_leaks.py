"""Nothing is left of connections, callbacks and timers that are over: objects, references, descriptors, memory, threads."""

from __future__ import annotations

import pytest

from .child import Child

PROGRAM = """
    import asyncio, gc, sys
    from underloop import collect, descriptors, kernel_threads, load, new_event_loop, resident, say, type_counts

    class Argument:
        pass

    argument, context = Argument(), __import__("contextvars").copy_context()
    watched = {}

    def references():
        # what a handle, a transport or a call could keep; None and small numbers are immortal from 3.12 on
        return {name: sys.getrefcount(thing) for name, thing in watched.items()}

    def rest():
        # waits, after each of which some of the handles are freed that a burst has left in their pool
        loop = new_event_loop()
        for _ in range(60):
            loop.call_later(1e-4, loop.stop)
            loop.run_forever()
        loop.close()

    def measure(rounds, allowed_mib, once):
        \"\"\"Run `once` to warm up, then `rounds` times more; what is held afterwards must be what was held before.\"\"\"
        for _ in range(3):
            once()
        rest()
        collect()
        counts, held, files, kernel = type_counts(), references(), descriptors(), kernel_threads()
        # A leak takes as much every time; what the JVM's compilers take for a while is not taken again.
        for attempt in range(3):
            memory = resident()
            for _ in range(rounds):
                once()
            rest()
            collect()
            if resident() - memory < allowed_mib:
                break
        after = type_counts()
        grown = {name: after[name] - counts.get(name, 0) for name in after if after[name] - counts.get(name, 0) > 2}
        grown.pop("builtins.dict", None) if grown.get("builtins.dict", 0) < 20 else None
        assert not grown, grown
        # None and its like are held here and there; a leak would show as many as there were connections or callbacks
        allowed = {name: 2000 if name in ("none", "true", "false", "empty", "empty_bytes") else 20 for name in held}
        off = {name: count - held[name] for name, count in references().items() if abs(count - held[name]) > allowed[name]}
        assert not off, off
        assert descriptors() == files, (descriptors(), files)
        assert kernel_threads() <= kernel + 2, (kernel_threads(), kernel)
        assert resident() - memory < allowed_mib, (memory, resident())
"""


@pytest.mark.parametrize("protocol", ["Protocol", "BufferedProtocol", "streams", "unix"])
def test_ten_thousand_connections(child: Child, protocol: str) -> None:
    child.run(
        PROGRAM
        + f"""
    kind = {protocol!r}

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)

        def connection_lost(self, error):
            pass

    class Buffered(asyncio.BufferedProtocol):
        def connection_made(self, transport):
            self.transport = transport
            self.buffer = bytearray(100)

        def get_buffer(self, hint):
            return self.buffer

        def buffer_updated(self, count):
            self.transport.write(bytes(self.buffer[:count]))

    class Client(asyncio.Protocol):
        def __init__(self, done):
            self.done = done

        def connection_made(self, transport):
            self.transport = transport
            transport.write(b"ping")

        def data_received(self, data):
            assert data == b"ping"
            self.transport.close()

        def connection_lost(self, error):
            self.done.set_result(None)

    async def serve(reader, writer):
        writer.write(await reader.readexactly(4))
        writer.close()
        await writer.wait_closed()

    async def client():
        if kind == "streams":
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            writer.close()
            await writer.wait_closed()
            return
        done = loop.create_future()
        if kind == "unix":
            await loop.create_unix_connection(lambda: Client(done), "socket")
        else:
            await loop.create_connection(lambda: Client(done), *address)
        await done

    async def connections(count):
        for _ in range(count // 10):
            await asyncio.gather(*(client() for _ in range(10)))

    async def start():
        if kind == "streams":
            return await asyncio.start_server(serve, "127.0.0.1", 0)
        if kind == "unix":
            return await loop.create_unix_server(Echo, "socket")
        return await loop.create_server(Buffered if kind == "BufferedProtocol" else Echo, "127.0.0.1", 0)

    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    server = loop.run_until_complete(start())
    address = server.sockets[0].getsockname() if kind != "unix" else None
    watched.update(Echo=Echo, Buffered=Buffered, Client=Client, received=Client.data_received, made=Echo.connection_made,
                   serve=serve, loop=loop, server=server)
    if sys.version_info < (3, 12):
        watched.update(none=None, true=True, false=False, empty=(), empty_bytes=b"")
    measure(10, 12, lambda: loop.run_until_complete(connections(1000)))
    server.close()
    loop.run_until_complete(server.wait_closed())
    load(loop)
    loop.close()
    import os
    if kind == "unix" and os.path.exists("socket"):
        os.unlink("socket")
    say("done")
    """,
        out="done\n",
        limit=120,
    )


@pytest.mark.parametrize(
    "schedule",
    [
        "loop.call_soon(callback)",
        "loop.call_soon(callback, argument)",
        "loop.call_soon(callback, argument, 1000 + index, context=context)",
        "loop.call_soon(callback, argument).cancel()",
        "kept.append(loop.call_soon(callback, argument))",
        "loop.call_later(0, callback, argument)",
        "loop.call_later(1e-6 * index, callback, argument, context=context)",
        "loop.call_later(3600, callback, argument).cancel()",
        "kept.append(loop.call_later(1e-6 * index, callback, argument))",
        "loop.call_soon_threadsafe(callback, argument)",
        "loop.call_soon_threadsafe(callback, argument).cancel()",
        "loop.call_soon(fails, argument)",
        "loop.create_future().add_done_callback(callback)",
        "loop.create_future().set_result(argument)",
        "repr(loop.call_soon(callback, argument))",
    ],
)
def test_a_million_callbacks(child: Child, schedule: str) -> None:
    child.run(
        PROGRAM
        + f"""
    def callback(*arguments):
        pass

    def fails(*arguments):
        raise ValueError("on purpose")

    kept = []

    def once():
        for _ in range({50 if "fails" in schedule or "repr" in schedule else 10}):
            for index in range({200 if "fails" in schedule or "repr" in schedule else 5000}):
                {schedule}
            loop.call_later(0.006, loop.stop)
            loop.run_forever()
            kept.clear()

    loop = new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    watched.update(argument=argument, callback=callback, context=context, loop=loop, fails=fails)
    if sys.version_info < (3, 12):
        watched.update(none=None, true=True, false=False, empty=())
    measure(20, 12, once)
    loop.close()
    say("done")
    """,
        out="done\n",
        limit=120,
    )


def test_reading_writing_and_signals_registered_again_and_again(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    import os, signal, socket

    def callback(*arguments):
        pass

    def once():
        for index in range(2000):
            loop.add_reader(ours, callback, argument)
            loop.add_writer(ours, callback, argument)
            if index % 3 == 0:
                loop.remove_reader(ours)
                loop.remove_writer(ours)
            if index % 10 == 0:
                loop.add_signal_handler(signal.SIGUSR1, callback, argument)
                os.kill(os.getpid(), signal.SIGUSR1)
                loop.call_soon(loop.stop)
                loop.run_forever()
        loop.remove_reader(ours)
        loop.remove_writer(ours)
        loop.remove_signal_handler(signal.SIGUSR1)

    loop = new_event_loop()
    ours, theirs = socket.socketpair()
    watched.update(argument=argument, callback=callback, loop=loop)
    measure(10, 8, once)
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_failing_connects_and_servers(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    import socket

    async def main():
        for _ in range(100):
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                try:
                    await loop.create_connection(asyncio.Protocol, *free.getsockname())
                except ConnectionRefusedError:
                    pass
            try:
                await loop.create_server(asyncio.Protocol, "127.0.0.1", server.sockets[0].getsockname()[1])
            except OSError:
                pass
            connecting = loop.create_task(loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
            await asyncio.sleep(0)
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
            transport.write(bytes(3_000_000))
            transport.abort()
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)

    loop = new_event_loop()
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    measure(5, 8, lambda: loop.run_until_complete(main()))
    server.close()
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_large_streams(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    from underloop import echo
    loop = new_event_loop()
    for _ in range(12):  # until what is hot is compiled, which takes memory once
        loop.run_until_complete(echo(4, 5, 3_000_000))
    measure(5, 12, lambda: loop.run_until_complete(echo(4, 5, 3_000_000)))
    loop.close()
    say("done")
    """,
        out="done\n",
        limit=120,
    )


def test_exceptions_of_callbacks(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    class Fails(asyncio.Protocol):
        def data_received(self, data):
            raise ValueError(data)

    async def main():
        for _ in range(200):
            transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
            transport.write(b"x")
            while not transport.is_closing():
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    loop = new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    server = loop.run_until_complete(loop.create_server(Fails, "127.0.0.1", 0))
    watched.update(Fails=Fails, loop=loop)
    measure(5, 8, lambda: loop.run_until_complete(main()))
    server.close()
    loop.close()
    say("done")
    """,
        out="done\n",
    )
