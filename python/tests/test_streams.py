"""asyncio's streams: StreamReader and StreamWriter on sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest
from support import Loop, LoopErrors, iterations, pattern, receive_all, reset, tcp_socketpair


async def pair(**options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]:
    """A stream pair on one end of a connection, the blocking socket of the other end."""
    left, right = tcp_socketpair()
    reader, writer = await asyncio.open_connection(sock=left, **options)
    return reader, writer, right


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_readers_read_what_is_there(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        peer.sendall(b"first line\nsecond|rest")
        assert await reader.readline() == b"first line\n"
        assert await reader.readuntil(b"|") == b"second|"
        assert await reader.readexactly(2) == b"re"
        assert await reader.read(100) == b"st"
        peer.shutdown(socket.SHUT_WR)
        assert await reader.read() == b""
        assert reader.at_eof()
        await close(writer)


async def test_readexactly_waits_for_all_its_bytes(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        reading = asyncio.ensure_future(reader.readexactly(10))
        for number in range(10):
            assert not reading.done()
            peer.send(b"%d" % number)
            await asyncio.sleep(0.001)
        assert await reading == b"0123456789"
        await close(writer)


async def test_an_early_end_of_file_is_an_incomplete_read(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        peer.sendall(b"abc")
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(asyncio.IncompleteReadError) as raised:
            await reader.readexactly(5)
        assert raised.value.partial == b"abc"
        with pytest.raises(asyncio.IncompleteReadError):
            await reader.readuntil(b"\n")
        assert await reader.readline() == b""
        await close(writer)


async def test_a_line_longer_than_the_limit_is_an_error(loop: Loop) -> None:
    reader, writer, peer = await pair(limit=64)
    with peer:
        peer.sendall(b"x" * 200 + b"\n")
        with pytest.raises(ValueError):
            await reader.readline()
        peer.sendall(b"short\n")
        await close(writer)


async def test_a_reader_that_is_full_pauses_the_transport(loop: Loop) -> None:
    reader, writer, peer = await pair(limit=1000)
    transport: Any = writer.transport
    with peer:
        peer.setblocking(False)
        while True:  # until the kernel takes no more
            try:
                peer.send(b"x" * 65536)
            except BlockingIOError:
                await asyncio.sleep(0.001)
                if not transport.is_reading():
                    break
        assert not transport.is_reading()
        await reader.readexactly(500_000)
        assert len(reader._buffer) < 600_000  # type: ignore[attr-defined]
        writer.transport.abort()
        with pytest.raises(ConnectionError):
            await writer.wait_closed()
            raise ConnectionError  # an abort without an error is fine too


async def test_a_large_stream_is_read_exactly_in_every_way(loop: Loop) -> None:
    data = pattern(3_000_000)
    reader, writer, peer = await pair()
    with peer:
        sending = loop.run_in_executor(None, peer.sendall, data)
        received = bytearray()
        while len(received) < len(data):
            if len(received) % 3 == 0:
                received += await reader.readexactly(min(70_001, len(data) - len(received)))
            else:
                received += await reader.read(50_000)
        await sending
        assert received == data
        await close(writer)


async def test_read_all_waits_for_the_end(loop: Loop) -> None:
    data = pattern(2_000_000)
    reader, writer, peer = await pair()

    def send() -> None:
        with peer:
            peer.sendall(data)

    sending = loop.run_in_executor(None, send)
    assert await reader.read(-1) == data
    await sending
    await close(writer)


async def test_a_reader_is_an_asynchronous_iterator_of_lines(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        peer.sendall(b"".join(b"line %d\n" % number for number in range(1000)) + b"no newline")
        peer.shutdown(socket.SHUT_WR)
        lines = [line async for line in reader]
    assert lines == [*(b"line %d\n" % number for number in range(1000)), b"no newline"]
    await close(writer)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="readuntil takes several separators from 3.13 on")
async def test_readuntil_takes_several_separators(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        peer.sendall(b"one;two,three")
        assert await reader.readuntil((b",", b";")) == b"one;"
        assert await reader.readuntil((b",", b";")) == b"two,"
        await close(writer)


async def test_two_readers_at_once_are_refused(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        first = asyncio.ensure_future(reader.read(1))
        await iterations(1)
        with pytest.raises(RuntimeError, match="another coroutine is already waiting"):
            await reader.read(1)
        peer.send(b"x")
        assert await first == b"x"
        await close(writer)


async def test_a_cancelled_read_loses_nothing(loop: Loop) -> None:
    reader, writer, peer = await pair()
    with peer:
        for number in range(20):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.readexactly(50), 0.001)
            peer.send(b"%d" % (number % 10))
        expected = b"".join(b"%d" % (number % 10) for number in range(20))
        assert await reader.readexactly(20) == expected
        await close(writer)


async def test_a_reset_is_raised_in_the_read_and_in_the_write(loop: Loop) -> None:
    reader, writer, peer = await pair()
    reading = asyncio.ensure_future(reader.read(1))
    await iterations(1)
    reset(peer)
    with pytest.raises(ConnectionResetError):
        await reading
    writer.write(b"x")
    with pytest.raises(ConnectionResetError):
        await writer.drain()
    with pytest.raises(ConnectionResetError):
        await close(writer)


class TestWriter:
    async def test_everything_written_is_sent_before_the_close(self, loop: Loop) -> None:
        data = pattern(3_000_000)
        _, writer, peer = await pair()
        with peer:
            received = loop.run_in_executor(None, receive_all, peer)
            writer.write(data[:1000])
            writer.writelines([data[1000:2000], data[2000:2500]])
            writer.write(data[2500:])
            await close(writer)
            assert await received == data

    async def test_it_tells_of_its_transport(self, loop: Loop) -> None:
        _, writer, peer = await pair()
        with peer:
            assert writer.get_extra_info("peername") == peer.getsockname()
            assert writer.can_write_eof()
            assert not writer.is_closing()
            assert isinstance(writer.transport, asyncio.Transport)
            writer.close()
            assert writer.is_closing()
            await writer.wait_closed()

    async def test_write_eof_half_closes(self, loop: Loop) -> None:
        reader, writer, peer = await pair()
        with peer:
            writer.write(b"question")
            writer.write_eof()
            assert await loop.run_in_executor(None, receive_all, peer) == b"question"
            peer.sendall(b"answer")
            peer.shutdown(socket.SHUT_WR)
            assert await reader.read() == b"answer"
            await close(writer)

    async def test_drain_after_the_close_of_the_peer_raises(self, loop: Loop) -> None:
        _, writer, peer = await pair()
        peer.close()
        with pytest.raises(ConnectionError):
            for _ in range(100):
                writer.write(b"x" * 1000)
                await writer.drain()
                await asyncio.sleep(0.001)
        with pytest.raises(ConnectionError):
            await close(writer)

    async def test_several_tasks_may_drain_at_once(self, loop: Loop) -> None:
        _, writer, peer = await pair()
        with peer:
            writer.write(b"x" * 8_000_000)
            drains = [asyncio.ensure_future(writer.drain()) for _ in range(3)]
            await iterations(2)
            assert not any(drain.done() for drain in drains)
            received = loop.run_in_executor(None, receive_all, peer)
            await asyncio.gather(*drains)
            await close(writer)
            assert len(await received) == 8_000_000


class TestServer:
    async def test_a_coroutine_serves_each_client(self, loop: Loop) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            name = await reader.readline()
            writer.write(b"hello " + name)
            await writer.drain()
            await close(writer)

        async def client(number: int) -> bytes:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"client %d\n" % number)
            answer = await reader.read()
            await close(writer)
            return answer

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        answers = await asyncio.gather(*(client(number) for number in range(50)))
        assert answers == [b"hello client %d\n" % number for number in range(50)]
        server.close()
        await server.wait_closed()

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="the exception is reported from 3.12 on")
    async def test_a_handler_that_fails_is_reported(self, loop: Loop, errors: LoopErrors) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raise LookupError("in the handler")

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        await close(writer)
        context = errors.take_one()
        assert context["message"] == "Unhandled exception in client_connected_cb"
        assert isinstance(context["exception"], LookupError)
        server.close()
        await server.wait_closed()

    async def test_a_proxy_between_two_streams_passes_everything_on(self, loop: Loop) -> None:
        data = pattern(2_000_000)

        async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while chunk := await reader.read(10_000):
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there_reader, there_writer = await asyncio.open_connection(*echo.sockets[0].getsockname())
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
            await close(there_writer)
            await close(writer)

        async def serve_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await pump(reader, writer)
            await close(writer)

        echo = await asyncio.start_server(serve_echo, "127.0.0.1", 0)
        front = await asyncio.start_server(proxy, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*front.sockets[0].getsockname())
        reading = asyncio.ensure_future(reader.read())
        writer.write(data)
        writer.write_eof()
        assert await reading == data
        await close(writer)
        for server in (front, echo):
            server.close()
            await server.wait_closed()


async def test_pipelined_requests_are_answered_in_order(loop: Loop) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(b"re: ")
            writer.write(line)
        await close(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"".join(b"request %d\n" % number for number in range(2000)))
    for number in range(2000):
        assert await reader.readline() == b"re: request %d\n" % number
    await close(writer)
    server.close()
    await server.wait_closed()
