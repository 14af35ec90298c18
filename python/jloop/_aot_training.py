"""The work that a start-up cache is trained on: a bit of all that programs make a loop do."""

import asyncio
import contextlib
import socket
import struct
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

# Rounds that show what is used, in some tenths of a second, and rounds after which HotSpot has compiled all of that for
# good, what is done once per connection too, so that the cache holds the profiles with which the next process does so
# after its first thousand calls. Without them it takes 5,000, and 60,000 where it compiled without counting meanwhile.
# Three times as many rounds made connections faster by a tenth in their first second, and every start 5 ms slower.
FEW = 300
MANY = 6000

_CHUNK = 16 * 1024  # bytes
_CROWD = 96  # connections


async def work(rounds: int) -> None:
    """Do each thing that many times on the running loop; `MANY` take some seconds."""
    await _callbacks(rounds)
    await _timers(rounds)
    await _tasks(rounds)
    await _streams(rounds)
    await _protocols(rounds)
    await _bulk(rounds)
    await _sockets(rounds)
    await _datagrams(rounds)
    await _crowd(rounds)
    await _resets(rounds)


async def _callbacks(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def step(left: int, *_: object) -> None:
        if left:
            loop.call_soon(step, left - 1)
            loop.call_soon(step, 0, "more", "arguments").cancel()
        elif not done.done():
            done.set_result(None)

    loop.call_soon(step, 3 * rounds)
    await done
    threads = [threading.Thread(target=loop.call_soon_threadsafe, args=(step, 1)) for _ in range(20)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(loop.run_in_executor(None, thread.join) for thread in threads))
    for _ in range(rounds):
        loop.call_soon_threadsafe(step, 0)
    for _ in range(rounds // 4):
        await loop.run_in_executor(None, step, 0)
        await loop.getaddrinfo("127.0.0.1", 80)


async def _timers(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(rounds):
        loop.call_later(60 + number / 7, print).cancel()
        loop.call_at(loop.time() + number % 100, print).cancel()
        loop.call_at(round(loop.time()) + 30, print).cancel()  # as clients of HTTP round their deadlines
        loop.call_later(30, print).cancel()
        if number % 64 == 0:
            await asyncio.gather(*(asyncio.sleep(number / 1e5) for number in range(30)))
    # Many that live, and among which others are cancelled while the loop runs
    timers = [loop.call_later(60 + number % 5, print) for number in range(rounds // 3)]
    for number, timer in enumerate(timers):
        timer.cancel()
        loop.call_later(30 + number % 3, print).cancel()
        if number % 16 == 0:
            await asyncio.sleep(0)


async def _tasks(rounds: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(4)

    async def produce() -> None:
        for number in range(rounds):
            await queue.put(number)

    async def consume() -> None:
        for _ in range(rounds):
            await asyncio.wait_for(queue.get(), 5)

    await asyncio.gather(produce(), consume())
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0.001)
    for _ in range(rounds // 50):
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(50)))


async def _streams(rounds: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            size = int(line)
            writer.write(b"%d\r\n" % size)
            writer.write(b"." * size)
            await writer.drain()
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(rounds // 4):
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


class _TaskEcho(asyncio.Protocol):
    """What servers of HTTP do: a task for each request, an answer in two parts, and a timer while nothing is asked."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.loop = asyncio.get_running_loop()
        self.peer = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.idle = self.loop.call_later(5, transport.close)

    def data_received(self, data: bytes) -> None:
        self.idle.cancel()
        self.task = self.loop.create_task(self.answer(data))
        self.task.add_done_callback(self.answered)

    async def answer(self, data: bytes) -> None:
        await asyncio.sleep(0)
        if not self.transport.is_closing():
            self.transport.write(data[:100])
            self.transport.write(data[100:])

    def answered(self, task: "asyncio.Task[None]") -> None:
        self.idle = self.loop.call_later(5, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self.idle.cancel()


class _BufferedEcho(asyncio.BufferedProtocol):
    def __init__(self) -> None:
        self.buffer = bytearray(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


class _Sink(asyncio.Protocol):
    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set_result(None)


class _NarrowSink(_Sink, asyncio.BufferedProtocol):
    """Takes less at once than there is."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = bytearray(256)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        pass


class _Client(_Sink):
    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left = rounds
        self.missing = 0

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


async def _protocols(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    factory: Any
    for factory in (_Echo, _TaskEcho, _BufferedEcho):
        server = await loop.create_server(factory, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clients = [(await loop.create_connection(lambda: _Client(rounds // 6), "127.0.0.1", port))[1] for _ in range(8)]
        await asyncio.gather(*(client.done for client in clients))
        for number in range(rounds // 3):
            transport, client = await loop.create_connection(lambda: _Client(1), "127.0.0.1", port)
            if number % 16 == 0:
                transport.abort()
            await client.done
        server.close()


class _Source(asyncio.Protocol):
    """Writes whenever the transport wants more, until it has written so much."""

    def __init__(self, chunks: int, limit: int) -> None:
        self.left = chunks
        self.limit = limit
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(self.limit)
        self.loop = asyncio.get_running_loop()
        self.write()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.loop.call_soon(self.write)

    def write(self) -> None:
        for _ in range(4):
            if self.paused:
                return
            if not self.left:
                self.transport.close()
                return
            self.left -= 1
            data = b"x" * (_CHUNK + 1)
            self.transport.write(data if self.left % 4 else memoryview(data))
        self.loop.call_soon(self.write)


async def _bulk(rounds: int) -> None:
    """To clients that keep up, and where the kernel takes a part of what is written."""
    loop = asyncio.get_running_loop()
    for full in (False, True):
        limit = (2 if full else 4) * _CHUNK  # 4, as usual: what is sent is gathered beyond it where the kernel has room
        server = await loop.create_server(partial(_Source, rounds, limit), "127.0.0.1", 0)
        (listening,) = server.sockets
        if full:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        clients = [(await loop.create_connection(_Sink, *listening.getsockname()))[1] for _ in range(2)]
        await asyncio.gather(*(client.done for client in clients))
        server.close()
    server = await loop.create_server(partial(_Source, rounds // 20, 2 * _CHUNK), "127.0.0.1", 0)
    narrow = (await loop.create_connection(_NarrowSink, *server.sockets[0].getsockname()))[1]
    await narrow.done
    server.close()


async def _sockets(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        for _ in range(rounds // 2):
            received = asyncio.Event()
            loop.add_reader(left, received.set)
            right.send(b"x")
            await received.wait()
            loop.remove_reader(left)
            left.recv(1)
        for number in range(rounds):
            await asyncio.gather(loop.sock_sendall(left, b"data"), loop.sock_recv(right, 100))
            if number % 8 == 0:
                asking = asyncio.ensure_future(loop.sock_recv(left, 100))
                await asyncio.sleep(0)
                await loop.sock_sendall(right, b"data")
                await asking


class _DatagramEcho(asyncio.DatagramProtocol):
    """Answers some to an address of its own making, not to the object that came."""

    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.served += 1
        self.transport.sendto(data, (*addr,) if self.served % 8 == 0 else addr)


class _DatagramClient(asyncio.DatagramProtocol):
    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        for _ in range(8):
            self.transport.sendto(b"datagram")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.left -= 1
        if self.left > 0:
            self.transport.sendto(data)
        elif not self.done.done():
            self.done.set_result(None)


async def _datagrams(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    server, _protocol = await loop.create_datagram_endpoint(_DatagramEcho, ("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    transport, client = await loop.create_datagram_endpoint(lambda: _DatagramClient(rounds), remote_addr=address)
    with contextlib.suppress(asyncio.TimeoutError):  # a datagram may be lost
        await asyncio.wait_for(client.done, 5)
    transport.close()
    server.close()


class _SlowEcho(_Echo):
    """Once in a while what comes after an answer takes longer than answers wait for each other."""

    served = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        _SlowEcho.served += 1
        if _SlowEcho.served % 64 == 0:
            time.sleep(0.0015)


class _ViewEcho(_BufferedEcho):
    def buffer_updated(self, nbytes: int) -> None:
        half = nbytes // 2
        self.transport.write(memoryview(self.buffer)[:half])
        self.transport.write(self.buffer[half:nbytes])


async def _crowd(rounds: int) -> None:
    """Come all at once, more than the loop takes from the kernel at a time."""
    loop = asyncio.get_running_loop()
    for factory in (_SlowEcho, _TaskEcho, _BufferedEcho, _ViewEcho):
        server = await loop.create_server(factory, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(_CROWD)]
        clients = [(await loop.create_connection(lambda: _Client(rounds // 60), sock=sock))[1] for sock in sockets]
        await asyncio.gather(*(client.done for client in clients))
        server.close()
    await _crowd_of_sockets(rounds // 60)
    for _ in range(4):  # so that what a socket does once is seen, too
        await _crowd_of_datagrams(rounds // 80)


async def _crowd_of_sockets(rounds: int) -> None:
    loop = asyncio.get_running_loop()

    async def serve(connection: socket.socket) -> None:
        with connection:
            while data := await loop.sock_recv(connection, 100):
                await loop.sock_sendall(connection, data)
                await asyncio.sleep(0)  # meanwhile more may come

    async def talk(address: Any) -> None:
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, address)
            for _ in range(rounds):
                await loop.sock_sendall(connection, b"da")
                await asyncio.sleep(0)
                await loop.sock_sendall(connection, b"ta")
                await loop.sock_recv(connection, 100)

    with socket.create_server(("127.0.0.1", 0), backlog=_CROWD) as listening:
        listening.setblocking(False)
        clients = [asyncio.ensure_future(talk(listening.getsockname())) for _ in range(_CROWD)]
        servers = [asyncio.ensure_future(serve((await loop.sock_accept(listening))[0])) for _ in clients]
        await asyncio.gather(*clients, *servers)


async def _crowd_of_datagrams(rounds: int) -> None:
    loop = asyncio.get_running_loop()
    server, _protocol = await loop.create_datagram_endpoint(_DatagramEcho, ("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(_CROWD)]
        for number in range(rounds):
            for sock in sockets[: 1 + number % _CROWD]:
                for length in range(1 + number % 3):
                    sock.sendto(b"." * (64 + length // 2), address)
            await asyncio.sleep(0)
    server.close()


class _LongAnswers(asyncio.StreamReaderProtocol):
    """Answers with so much that a part of it has to wait."""

    def __init__(self) -> None:
        super().__init__(asyncio.StreamReader(), self.serve)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                writer.write(data * 8)
                await writer.drain()
        writer.close()


async def _resets(rounds: int) -> None:
    """Clients go away without a word: before they ask, when they have asked, and while an answer waits for them.

    A server's first such client would else cost it what is compiled of sending and receiving.
    """
    loop = asyncio.get_running_loop()
    factory: Any
    for factory in (_Echo, _BufferedEcho, _LongAnswers):
        server = await loop.create_server(factory, "127.0.0.1", 0)
        (listening,) = server.sockets
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        for number in range(rounds // 30):
            await _connect_and_reset(listening.getsockname(), number)
        server.close()

    async def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(connection, _CHUNK):
                await loop.sock_sendall(connection, data * 8)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
        for number in range(rounds // 30):
            resetting = asyncio.ensure_future(_connect_and_reset(listening.getsockname(), number))
            await serve((await loop.sock_accept(listening))[0])
            await resetting


async def _connect_and_reset(address: Any, number: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.connect(address)
        client.setblocking(False)
        await asyncio.sleep(0.0001)
        if number % 3:
            client.send(b"." * _CHUNK)
        if number % 3 == 2:
            await asyncio.sleep(0.0001)
