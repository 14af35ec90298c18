"""asyncio's streams over jloop's transports: bytes go to the reader without its methods, unless somebody could tell."""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import socket
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest import mock

import jloop
import pytest
from support import Loop, LoopErrors, iterations, pattern, until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]


@asynccontextmanager
async def stream(limit: int = 65_536) -> AsyncIterator[Streams]:
    """A reader and a writer, and the blocking socket at the other end."""
    near, far = socket.socketpair()
    with far:
        reader, writer = await asyncio.open_connection(sock=near, limit=limit)
        try:
            yield reader, writer, far
        finally:
            writer.close()
            with suppress(Exception):  # what the connection was lost with
                await writer.wait_closed()


async def test_bytes_reach_a_waiting_reader_and_one_that_comes_later(loop: Loop) -> None:
    async with stream() as (reader, _, far):
        task = loop.create_task(reader.read(100))
        await iterations(2)
        far.send(b"first")
        assert await task == b"first"
        far.send(b"second")
        await until(lambda: reader._buffer)  # type: ignore[attr-defined]
        far.send(b" third")
        await until(lambda: len(reader._buffer) > 6)  # type: ignore[attr-defined]
        assert await reader.read(100) == b"second third"
        far.send(b"line\nrest")
        assert await reader.readline() == b"line\n"
        assert await reader.readexactly(4) == b"rest"


async def test_a_full_reader_pauses_its_transport_and_goes_on_when_read(loop: Loop) -> None:
    async with stream(limit=1000) as (reader, writer, far):
        data = pattern(600_000)
        sending = asyncio.ensure_future(asyncio.to_thread(far.sendall, data))
        await until(lambda: not writer.transport.is_reading())  # type: ignore[attr-defined]
        assert len(reader._buffer) > 2000  # type: ignore[attr-defined]
        received = bytearray()
        while len(received) < len(data):
            received += await reader.read(700)
        await sending
        assert received == data
        assert writer.transport.is_reading()  # type: ignore[attr-defined]


async def test_the_end_of_the_file_wakes_the_reader(loop: Loop) -> None:
    async with stream() as (reader, _, far):
        task = loop.create_task(reader.read())
        await iterations(2)
        far.send(b"all")
        far.shutdown(socket.SHUT_WR)
        assert await task == b"all"
        assert reader.at_eof()


async def test_a_cancelled_read_leaves_the_bytes_to_the_next(loop: Loop) -> None:
    async with stream() as (reader, _, far):
        for turns in range(4):
            task = loop.create_task(reader.read(100))
            await iterations(2)
            far.send(b"hello")
            await iterations(turns)
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled():
                assert await reader.readexactly(5) == b"hello"
            else:
                assert task.result() == b"hello"


async def test_a_waiter_that_is_cancelled_before_the_bytes_come_is_passed_over(loop: Loop) -> None:
    async with stream() as (reader, _, far):
        task = loop.create_task(reader.read(100))
        await iterations(2)
        waiter = reader._waiter  # type: ignore[attr-defined]
        loop.call_soon(waiter.cancel)
        far.send(b"hello")
        await asyncio.wait([task])
        assert task.cancelled()
        assert await reader.read(100) == b"hello"


async def test_bytes_after_feed_eof_are_an_error_of_the_protocol(loop: Loop, errors: LoopErrors) -> None:
    async with stream() as (reader, _, far):
        reader.feed_eof()
        far.send(b"late")
        await until(lambda: errors)
        context = errors.take_one()
        assert isinstance(context["exception"], AssertionError)
        assert context["message"] == "Fatal error: protocol.data_received() call failed."


async def test_a_buffer_that_somebody_holds_is_an_error_of_the_protocol(loop: Loop, errors: LoopErrors) -> None:
    async with stream() as (reader, _, far):
        far.send(b"x")
        await until(lambda: reader._buffer)  # type: ignore[attr-defined]
        with memoryview(reader._buffer):  # type: ignore[attr-defined]
            far.send(bytes(10_000))
            await until(lambda: errors)
        context = errors.take_one()
        assert isinstance(context["exception"], BufferError)
        assert context["message"] == "Fatal error: protocol.data_received() call failed."


async def test_a_waiter_that_is_done_already_is_an_error_of_the_protocol(loop: Loop, errors: LoopErrors) -> None:
    async with stream() as (reader, _, far):
        waiter = loop.create_future()
        waiter.set_result(None)
        reader._waiter = waiter  # type: ignore[attr-defined]
        far.send(b"x")
        await until(lambda: errors)
        assert isinstance(errors.take_one()["exception"], asyncio.InvalidStateError)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (asyncio.StreamReader, "feed_data"),
        (asyncio.StreamReader, "_wakeup_waiter"),
        (asyncio.StreamReaderProtocol, "data_received"),
    ],
)
async def test_a_method_replaced_on_the_class_is_called(loop: Loop, target: Any, name: str) -> None:
    async with stream() as (reader, _, far):
        far.send(b"before")
        assert await reader.read(100) == b"before"
        original = getattr(target, name)
        calls = []

        def replacement(self: Any, *args: Any) -> None:
            calls.append(args)
            original(self, *args)

        with mock.patch.object(target, name, replacement):
            far.send(b"hello")
            assert await reader.read(100) == b"hello"
        assert calls
        calls.clear()
        far.send(b"after")
        assert await reader.read(100) == b"after"
        assert not calls


@pytest.mark.parametrize("name", ["feed_data", "_wakeup_waiter", "data_received"])
async def test_a_method_replaced_on_the_instance_is_called(loop: Loop, name: str) -> None:
    async with stream() as (reader, writer, far):
        target: Any = writer.transport.get_protocol() if name == "data_received" else reader
        with mock.patch.object(target, name, wraps=getattr(target, name)) as replaced:
            far.send(b"hello")
            assert await reader.read(100) == b"hello"
        assert replaced.called
        far.send(b"after")
        assert await reader.read(100) == b"after"


async def test_subclasses_have_their_methods_called(loop: Loop) -> None:
    fed = []

    class Reader(asyncio.StreamReader):
        def feed_data(self, data: bytes) -> None:
            fed.append(data)
            super().feed_data(data)

    class Protocol(asyncio.StreamReaderProtocol):
        def data_received(self, data: bytes) -> None:
            fed.append(b"protocol")
            super().data_received(data)

    near, far = socket.socketpair()
    with far:
        reader = Reader(loop=loop)
        transport, _ = await loop.create_connection(lambda: Protocol(reader, loop=loop), sock=near)
        far.send(b"hello")
        assert await reader.read(100) == b"hello"
        assert fed == [b"protocol", b"hello"]
        transport.close()
        await iterations(3)


async def test_bytes_for_a_reader_that_is_gone_are_dropped(loop: Loop) -> None:
    near, far = socket.socketpair()
    with far:
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, sock=near)
        ref = weakref.ref(reader)
        del reader
        gc.collect()
        assert ref() is None
        far.send(b"hello")
        await asyncio.sleep(0.01)
        assert transport.is_reading()  # type: ignore[attr-defined]
        transport.close()
        await iterations(3)


async def test_a_limit_of_any_size_is_kept_to(loop: Loop) -> None:
    for limit in (1, 2**62, 2**63 - 1, 2**80):
        async with stream(limit=limit) as (reader, _, far):
            far.send(b"hello")
            assert await reader.readexactly(5) == b"hello"


async def test_an_exception_from_a_socket_reaches_the_reader(loop: Loop) -> None:
    server = await asyncio.start_server(lambda r, w: w.transport.abort(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(bytes(100))
        with pytest.raises(ConnectionResetError):
            while True:
                if not await reader.read(100):
                    raise ConnectionResetError  # the end of the file was faster
        writer.close()


async def test_bytes_are_exact_both_ways_under_cancelling_and_collections(loop: Loop) -> None:
    chance = random.Random(3)
    handlers = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())
        while data := await reader.read(chance.choice((10, 1000, 100_000))):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def one(address: Any, number: int) -> None:
        reader, writer = await asyncio.open_connection(*address, limit=chance.choice((100, 65_536)))
        data = random.Random(number).randbytes(400_000)

        async def send() -> None:
            for at in range(0, len(data), 10_000):
                writer.write(data[at : at + 10_000])
                await writer.drain()

        sending = loop.create_task(send())
        received = bytearray()
        while len(received) < len(data):
            task = loop.create_task(reader.read(chance.choice((1, 5000, 100_000))))
            await iterations(chance.randrange(3))
            if chance.random() < 0.3:
                task.cancel()
            if chance.random() < 0.01:
                gc.collect()
            await asyncio.wait([task])
            if not task.cancelled():
                received += task.result()
        await sending
        assert received == data
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, limit=20_000)
    async with server:
        await asyncio.gather(*(one(server.sockets[0].getsockname(), number) for number in range(10)))
        await asyncio.gather(*handlers)


async def test_connections_come_and_go_without_a_leak(loop: Loop) -> None:
    readers: weakref.WeakSet[asyncio.StreamReader] = weakref.WeakSet()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        readers.add(reader)
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def one(address: Any) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(pattern(20_000))
        assert await reader.readexactly(20_000) == pattern(20_000)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        address = server.sockets[0].getsockname()
        for _ in range(5):
            await asyncio.gather(*(one(address) for _ in range(20)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            await asyncio.gather(*(one(address) for _ in range(20)))
        await asyncio.sleep(0.05)
        gc.collect()
        assert not readers
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB


async def test_what_callbacks_write_leaves_with_the_iteration(loop: Loop) -> None:
    """One wake-up of the peer for all; a write waits for other callbacks a millisecond at most, unless one takes longer.

    asyncio sends inside `write`.
    """
    async with stream() as (_, writer, far):
        far.setblocking(False)
        seen: list[bytes | None] = []

        def receive() -> None:
            try:
                seen.append(far.recv(100))
            except BlockingIOError:
                seen.append(None)

        for callback in (lambda: writer.write(b"one "), lambda: writer.write(b"two"), receive):
            loop.call_soon(callback)
        await iterations(2)
        receive()
        for callback in (lambda: writer.write(b"three"), lambda: time.sleep(0.002), receive):
            loop.call_soon(callback)
        await iterations(2)
        assert seen == ([None, b"one two", b"three"] if isinstance(loop, jloop.Loop) else [b"one two", None, b"three"])
