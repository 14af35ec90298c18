"""The work that a start-up cache is trained on: a bit of all that programs make a loop do."""

import asyncio
import contextlib
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

_ROUNDS = 300


async def work() -> None:
    """Run everything once or many times on the running loop; takes about a second."""
    await _callbacks()
    await _timers()
    await _tasks()
    await _streams()
    await _protocols()
    await _sockets()


async def _callbacks() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def step(left: int, *_: object) -> None:
        if left:
            loop.call_soon(step, left - 1)
            loop.call_soon(step, 0, "more", "arguments").cancel()
        elif not done.done():
            done.set_result(None)

    loop.call_soon(step, 20 * _ROUNDS)
    await done
    threads = [threading.Thread(target=loop.call_soon_threadsafe, args=(step, 1)) for _ in range(20)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(loop.run_in_executor(None, thread.join) for thread in threads))


async def _timers() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(10):
        timers = [loop.call_later(60 + number / 7, print) for number in range(_ROUNDS)]
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*(asyncio.sleep(number / 1e5) for number in range(_ROUNDS // 10)))


async def _tasks() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(4)

    async def produce() -> None:
        for number in range(2 * _ROUNDS):
            await queue.put(number)

    async def consume() -> None:
        for _ in range(2 * _ROUNDS):
            await asyncio.wait_for(queue.get(), 5)

    await asyncio.gather(produce(), consume())
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.001)


async def _streams() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            size = int(line)
            writer.write(b"%d\r\n" % size)
            writer.write(b"." * size)
            await writer.drain()
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(_ROUNDS):
            writer.write(b"%d\n" % (number % 50 * 40))
            await reader.readexactly(int(await reader.readline()))
        writer.write(b"300000\n")
        await reader.readexactly(int(await reader.readline()))
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    await asyncio.gather(*(talk(*connection) for connection in connections))
    server.close()
    with tempfile.TemporaryDirectory(prefix="jloop-") as folder:
        path = str(Path(folder) / "socket")
        server = await asyncio.start_unix_server(serve, path)
        await talk(*await asyncio.open_unix_connection(path))
        server.close()


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.writelines([data[:100], data[100:]])


class _BufferedEcho(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


class _Client(asyncio.Protocol):
    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self.missing = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        self.missing = 1024
        self.transport.write(b"x" * 1024)

    def data_received(self, data: bytes) -> None:
        self.missing -= len(data)
        if self.missing:
            return
        self.left -= 1
        if self.left:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


async def _protocols() -> None:
    loop = asyncio.get_running_loop()
    factory: Any
    for factory in (_Echo, _BufferedEcho):
        server = await loop.create_server(factory, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = [(await loop.create_connection(lambda: _Client(2 * _ROUNDS), "127.0.0.1", port))[1] for _ in range(8)]
        await asyncio.gather(*(client.done for client in clients))
        for _ in range(20):
            transport, _protocol = await loop.create_connection(lambda: _Client(2), "127.0.0.1", port)
            transport.abort()
        server.close()


async def _sockets() -> None:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        received = asyncio.Event()
        loop.add_reader(left, received.set)
        right.send(b"x")
        await received.wait()
        loop.remove_reader(left)
        left.recv(1)
        for _ in range(20):
            await asyncio.gather(loop.sock_sendall(left, b"data"), loop.sock_recv(right, 100))
