"""Stream transports, over TCP and over Unix sockets: their methods, what they tell, and how they end."""

from __future__ import annotations

import array
import asyncio
import ctypes
import errno
import gc
import logging
import os
import socket
import sys
import weakref
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Any

import pytest
from support import (
    BufferedRecorder,
    Deaf,
    Echo,
    HalfOpenRecorder,
    Loop,
    Opaque,
    Recorder,
    connected,
    given_away,
    iterations,
    pattern,
    receive_all,
    receive_exactly,
    tcp_socketpair,
    until,
)

pytestmark = pytest.mark.parametrize("kind", ["tcp", "unix"])


async def test_bytes_arrive_in_order_both_ways(loop: Loop, kind: str) -> None:
    async with connected(kind) as (server, client):
        for number in range(100):
            client.transport.write(b"c%d." % number)
            server.transport.write(b"s%d." % number)
        up = b"".join(b"c%d." % number for number in range(100))
        down = b"".join(b"s%d." % number for number in range(100))
        assert await server.read(len(up)) == up
        assert await client.read(len(down)) == down


@pytest.mark.parametrize("size", [1, 1000, 65_536, 1_000_003, 5_000_000])
async def test_an_echo_of_any_size_comes_back_exactly(loop: Loop, kind: str, size: int) -> None:
    data = pattern(size)
    async with connected(kind, Echo) as (_, client):
        client.transport.write(data)
        assert await client.read(size) == data


@pytest.mark.parametrize("size", [1, 1000, 65_536, 2_000_003])
async def test_a_buffered_protocol_receives_exactly_what_was_sent(loop: Loop, kind: str, size: int) -> None:
    data = pattern(size)
    async with connected(kind, BufferedRecorder) as (server, client):
        client.transport.write(data)
        assert await server.read(size) == data
        assert server.hints
        assert all(hint == -1 or hint > 0 for hint in server.hints)


async def test_a_tiny_buffer_of_a_buffered_protocol_is_enough(loop: Loop, kind: str) -> None:
    class OneByte(BufferedRecorder):
        size = 1

    async with connected(kind, OneByte) as (server, client):
        client.transport.write(b"one byte at a time")
        assert await server.read(18) == b"one byte at a time"


async def test_a_buffered_protocol_may_lend_another_buffer_each_time(loop: Loop, kind: str) -> None:
    class Changing(BufferedRecorder):
        def get_buffer(self, sizehint: int) -> Any:
            self.buffer = bytearray(len(self.inner.data) % 7 + 1)
            return memoryview(self.buffer)

    data = pattern(5000)
    async with connected(kind, Changing) as (server, client):
        client.transport.write(data)
        assert await server.read(5000) == data


class TestWrite:
    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
    async def test_any_bytes_like_object_can_be_written(self, loop: Loop, kind: str, make: Any) -> None:
        async with connected(kind) as (server, client):
            client.transport.write(make(b"data"))
            assert await server.read(4) == b"data"

    async def test_a_memoryview_of_items_and_slices_is_written_as_its_bytes(self, loop: Loop, kind: str) -> None:
        import array

        items = memoryview(array.array("I", [1, 2, 3]))
        async with connected(kind) as (server, client):
            client.transport.write(items.cast("B"))
            client.transport.write(memoryview(b"abcdef")[2:4])
            assert await server.read(14) == items.tobytes() + b"cd"

    @pytest.mark.parametrize("bad", ["text", None, 1, [b"x"], Opaque()], ids=repr)
    async def test_what_is_not_bytes_is_a_type_error(self, loop: Loop, kind: str, bad: Any) -> None:
        async with connected(kind) as (server, client):
            with pytest.raises(TypeError, match="data argument must be") as ours:
                client.transport.write(bad)
            with pytest.raises(TypeError) as standard:
                asyncio.selector_events._SelectorSocketTransport.write(client.transport, bad)
            assert str(ours.value) == str(standard.value)
            client.transport.write(b"still works")
            assert await server.read(11) == b"still works"

    async def test_what_is_changed_after_the_write_is_sent_as_it_was(self, loop: Loop, kind: str) -> None:
        data = bytearray(b"original")
        async with connected(kind) as (server, client):
            client.transport.write(data)
            data[:] = b"changed!"
            client.transport.write(memoryview(data))
            data[:] = b"again..."
            data.clear()  # no export may be left either
            assert await server.read(16) == b"originalchanged!"

    async def test_writing_nothing_sends_nothing(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.write(b"")
            client.transport.write(bytearray())
            client.transport.writelines([])
            client.transport.writelines([b"", b""])
            assert client.transport.get_write_buffer_size() == 0
            client.transport.write(b"end")
            assert await server.read(3) == b"end"

    async def test_writelines_joins_what_an_iterable_gives(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.writelines([b"one ", bytearray(b"two "), memoryview(b"three ")])
            client.transport.writelines(b"%d" % number for number in range(2000))
            expected = b"one two three " + b"".join(b"%d" % number for number in range(2000))
            assert await server.read(len(expected)) == expected

    async def test_writelines_of_more_pieces_than_one_system_call_takes(self, loop: Loop, kind: str) -> None:
        pieces = [bytes([number % 256]) * (number % 300) for number in range(5000)]
        async with connected(kind) as (server, client):
            client.transport.writelines(pieces)
            assert await server.read(sum(map(len, pieces))) == b"".join(pieces)

    async def test_writelines_refuses_what_is_no_iterable_of_bytes(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            with pytest.raises(TypeError):
                client.transport.writelines(5)
            with pytest.raises(TypeError):
                client.transport.writelines(["text"])

    async def test_writes_in_connection_made_are_sent(self, loop: Loop, kind: str) -> None:
        class Greeting(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.write(b"hello ")
                transport.write(b"there")

        async with connected(kind, Greeting) as (_, client):
            assert await client.read(11) == b"hello there"

    async def test_many_small_writes_before_the_loop_runs_arrive_whole(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            for number in range(3000):
                client.transport.write(b"%06d" % number)
            assert await server.read(18_000) == b"".join(b"%06d" % number for number in range(3000))

    async def test_the_object_written_is_let_go_once_it_is_sent(self, loop: Loop, kind: str) -> None:
        class Bytes(bytes):
            pass

        async with connected(kind) as (server, client):
            data = Bytes(b"x" * 100)
            reference = sys.getrefcount(data)
            client.transport.write(data)
            await server.read(100)
            await iterations(2)
            assert sys.getrefcount(data) == reference

    async def test_write_after_close_is_dropped_without_an_error(self, loop: Loop, loop_name: str, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.write(b"before")
            client.transport.close()
            client.transport.write(b"after")
            if loop_name == "jloop" or sys.version_info[:2] not in ((3, 12), (3, 13)):  # theirs forget the close
                client.transport.writelines([b"after", b"too"])
            await server.wait_for("lost")
            await client.wait_for("lost")
            client.transport.write(b"long after")
            assert server.data == b"before"

    async def test_write_after_eof_is_an_error(self, loop: Loop, kind: str) -> None:
        async with connected(kind, HalfOpenRecorder) as (_, client):
            client.transport.write_eof()
            with pytest.raises(RuntimeError, match=r"Cannot call (write|writelines)\(\) after write_eof\(\)"):
                client.transport.write(b"x")
            with pytest.raises(RuntimeError, match=r"Cannot call (write|writelines)\(\) after write_eof\(\)"):
                client.transport.writelines([b"x"])

    async def test_writing_to_a_lost_connection_warns_after_the_fifth_time(
        self, loop: Loop, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with connected(kind) as (_, client):
            client.transport.abort()
            with caplog.at_level(logging.WARNING, logger="asyncio"):
                for _ in range(7):
                    client.transport.write(b"x")
            messages = [record.getMessage() for record in caplog.records]
            assert set(messages) <= {"socket.send() raised exception."}


class TestEndOfFile:
    async def test_transports_of_sockets_can_write_eof(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            assert client.transport.can_write_eof()
            assert server.transport.can_write_eof()

    async def test_a_protocol_that_returns_true_goes_on_writing(self, loop: Loop, kind: str) -> None:
        async with connected(kind, HalfOpenRecorder, HalfOpenRecorder) as (server, client):
            client.transport.write(b"question")
            client.transport.write_eof()
            await server.wait_for("eof")
            assert server.data == b"question"
            assert not server.transport.is_closing()
            server.transport.write(b"answer after the end")
            assert await client.read(20) == b"answer after the end"
            server.transport.write_eof()
            await client.wait_for("eof")

    @pytest.mark.parametrize("answer", [None, False, 0, ""], ids=repr)
    async def test_a_protocol_that_returns_nothing_is_closed(self, loop: Loop, kind: str, answer: Any) -> None:
        class Closing(Recorder):
            answer_to_eof = answer

        async with connected(kind, Closing) as (server, client):
            client.transport.write_eof()
            await server.wait_for("lost")
            await client.wait_for("lost")
            assert server.events == ["made", "eof", "lost"]
            assert server.error is None
            assert client.error is None

    async def test_what_was_written_before_eof_is_sent_first(self, loop: Loop, kind: str) -> None:
        data = pattern(3_000_000)
        async with connected(kind, HalfOpenRecorder) as (server, client):
            client.transport.write(data)
            client.transport.write_eof()
            await server.wait_for("eof")
            assert server.data == data

    async def test_eof_is_written_once_however_often_it_is_asked_for(self, loop: Loop, kind: str) -> None:
        async with connected(kind, HalfOpenRecorder) as (server, client):
            client.transport.write_eof()
            client.transport.write_eof()
            await server.wait_for("eof")
            client.transport.write_eof()
            await iterations(3)
            assert server.events.count("eof") == 1

    async def test_write_eof_after_close_does_nothing(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.close()
            client.transport.write_eof()
            await server.wait_for("lost")

    async def test_a_buffered_protocol_is_told_of_eof(self, loop: Loop, kind: str) -> None:
        async with connected(kind, BufferedRecorder) as (server, client):
            client.transport.write(b"last words")
            client.transport.write_eof()
            await server.wait_for("lost")
            assert server.data == b"last words"
            assert server.events == ["made", "eof", "lost"]

    async def test_closing_is_enough_for_the_peers_eof(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.close()
            await server.wait_for("lost")
            assert server.events == ["made", "eof", "lost"]

    async def test_writing_answers_in_eof_received_are_sent_before_the_close(self, loop: Loop, kind: str) -> None:
        class LastWords(Recorder):
            def eof_received(self) -> None:
                super().eof_received()
                self.transport.write(pattern(1_000_000))

        async with connected(kind, LastWords, HalfOpenRecorder) as (server, client):
            client.transport.write_eof()
            assert await client.read(1_000_000) == pattern(1_000_000)
            await server.wait_for("lost")


class TestClose:
    async def test_close_sends_what_is_buffered_first(self, loop: Loop, kind: str) -> None:
        data = pattern(5_000_000)
        async with connected(kind) as (server, client):
            client.transport.write(data)
            client.transport.close()
            assert client.transport.is_closing()
            await server.wait_for("lost")
            assert server.data == data
            await client.wait_for("lost")
            assert client.error is None

    async def test_connection_lost_comes_once_and_not_from_inside_close(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            client.transport.close()
            assert "lost" not in client.events
            client.transport.close()
            client.transport.abort()
            await client.wait_for("lost")
            client.transport.close()
            await iterations(5)
            assert client.events == ["made", "lost"]

    async def test_no_data_comes_after_close(self, loop: Loop, kind: str) -> None:
        class CloseAtOnce(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                self.transport.close()

        async with connected(kind, CloseAtOnce) as (server, client):
            client.transport.write(pattern(2_000_000))
            await server.wait_for("lost")
            first = len(server.data)
            await iterations(5)
            assert len(server.data) == first < 2_000_000

    async def test_abort_drops_what_is_buffered(self, loop: Loop, kind: str) -> None:
        async with connected(kind, Deaf) as (server, client):
            client.transport.write(b"x" * 8_000_000)
            assert client.transport.get_write_buffer_size() > 0
            client.transport.abort()
            assert client.transport.is_closing()
            await client.wait_for("lost")
            assert client.error is None
            server.transport.resume_reading()
            await server.wait_for("lost")
            assert len(server.data) < 8_000_000

    async def test_abort_closes_at_once_even_with_a_peer_that_reads_nothing(self, loop: Loop, kind: str) -> None:
        left, right = socket.socketpair()
        with right:
            transport, protocol = await loop.create_connection(Recorder, sock=left)
            transport.write(b"x" * 8_000_000)
            transport.close()
            await iterations(3)
            assert "lost" not in protocol.events  # the peer does not read
            transport.abort()
            await protocol.wait_for("lost")

    async def test_the_descriptor_is_closed_before_or_with_connection_lost(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            sock = client.transport.get_extra_info("socket")
            assert sock.fileno() >= 0
            client.transport.close()
            await client.wait_for("lost")
            await iterations(2)
            assert sock.fileno() == -1

    async def test_is_closing_tells_on_both_sides(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            assert not client.transport.is_closing()
            assert not server.transport.is_closing()
            client.transport.close()
            assert client.transport.is_closing()
            await server.wait_for("lost")
            assert server.transport.is_closing()

    async def test_closing_in_connection_made_is_allowed(self, loop: Loop, kind: str) -> None:
        class Refusing(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.close()

        async with connected(kind, Refusing) as (server, client):
            await client.wait_for("lost")
            await server.wait_for("lost")
            assert server.events == ["made", "lost"]

    async def test_everything_is_let_go_after_connection_lost(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            references = [weakref.ref(client.transport), weakref.ref(server.transport)]
            client.transport.close()
            await server.wait_for("lost")
            await client.wait_for("lost")
            client.transport = server.transport = None
            await iterations(3)
            gc.collect()
            assert [reference() for reference in references] == [None, None]


class TestReading:
    async def test_nothing_is_delivered_while_reading_is_paused(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            assert server.transport.is_reading()
            server.transport.pause_reading()
            assert not server.transport.is_reading()
            client.transport.write(b"later")
            await asyncio.sleep(0.005)
            assert server.data == b""
            server.transport.resume_reading()
            assert server.transport.is_reading()
            assert await server.read(5) == b"later"

    async def test_pausing_and_resuming_may_be_repeated(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            server.transport.resume_reading()
            server.transport.pause_reading()
            server.transport.pause_reading()
            server.transport.resume_reading()
            server.transport.resume_reading()
            client.transport.write(b"data")
            assert await server.read(4) == b"data"

    async def test_reading_can_be_paused_in_connection_made(self, loop: Loop, loop_name: str, kind: str) -> None:
        if loop_name == "asyncio" and sys.version_info < (3, 11):
            pytest.skip("3.10's own loop starts reading all the same")

        class Paused(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.pause_reading()

        async with connected(kind, Paused) as (server, client):
            client.transport.write(b"data")
            await asyncio.sleep(0.005)
            assert server.data == b""
            assert not server.transport.is_reading()
            server.transport.resume_reading()
            assert await server.read(4) == b"data"

    async def test_reading_paused_inside_data_received_stays_paused(self, loop: Loop, kind: str) -> None:
        class OneAtATime(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                self.transport.pause_reading()
                self.happened("read")

        data = pattern(1_000_000)
        async with connected(kind, OneAtATime) as (server, client):
            client.transport.write(data)
            while len(server.data) < len(data):
                had = server.events.count("read")
                server.transport.resume_reading()
                await server.wait(lambda had=had: server.events.count("read") > had)
                await iterations(2)
                assert server.events.count("read") == had + 1
            assert server.data == data

    async def test_eof_while_paused_comes_with_the_resume(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            server.transport.pause_reading()
            client.transport.write(b"last")
            client.transport.close()
            await client.wait_for("lost")
            await asyncio.sleep(0.005)
            assert server.events == ["made"]
            server.transport.resume_reading()
            await server.wait_for("lost")
            assert server.data == b"last"
            assert server.events == ["made", "eof", "lost"]

    async def test_a_closing_transport_ignores_pause_and_resume(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            client.transport.close()
            client.transport.pause_reading()
            client.transport.resume_reading()
            assert not client.transport.is_reading()
            await client.wait_for("lost")

    async def test_close_while_paused_still_closes(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.pause_reading()
            client.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")


class TestProtocols:
    async def test_get_protocol_returns_the_protocol(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            assert client.transport.get_protocol() is client
            assert server.transport.get_protocol() is server

    async def test_set_protocol_sends_what_follows_to_the_new_one(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            client.transport.write(b"first")
            await server.read(5)
            successor = Recorder()
            successor.transport = server.transport
            server.transport.set_protocol(successor)
            assert server.transport.get_protocol() is successor
            client.transport.write(b"second")
            assert await successor.read(6) == b"second"
            assert server.data == b"first"
            client.transport.close()
            await successor.wait_for("lost")
            assert server.events == ["made"]
            server.transport.set_protocol(server)
            server.happened("lost")

    async def test_protocols_may_change_from_plain_to_buffered_and_back(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            current: Any = server
            for number in range(6):
                successor: Any = BufferedRecorder() if number % 2 == 0 else Recorder()
                successor.transport = server.transport
                server.transport.set_protocol(successor)
                client.transport.write(b"step %d" % number)
                assert await successor.read(6) == b"step %d" % number
                current = successor
            assert current is not server
            server.transport.set_protocol(server)

    async def test_a_protocol_set_in_data_received_gets_the_next_data(self, loop: Loop, kind: str) -> None:
        successor = Recorder()

        class Handing(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                successor.transport = self.transport
                self.transport.set_protocol(successor)

        async with connected(kind, Handing) as (server, client):
            client.transport.write(b"a")
            await server.read(1)
            client.transport.write(b"b")
            assert await successor.read(1) == b"b"
            assert server.data == b"a"
            server.transport.set_protocol(server)

    async def test_any_object_with_the_methods_is_a_protocol(self, loop: Loop, kind: str) -> None:
        class Duck:
            def __init__(self) -> None:
                self.log: list[object] = []

            def connection_made(self, transport: Any) -> None:
                self.log.append("made")

            def data_received(self, data: bytes) -> None:
                self.log.append(data)

            def eof_received(self) -> None:
                self.log.append("eof")

            def connection_lost(self, exc: Exception | None) -> None:
                self.log.append(exc)

        left, right = socket.socketpair()
        with right:
            transport, duck = await loop.create_connection(Duck, sock=left)  # type: ignore[type-var]
            right.send(b"quack")
            await until(lambda: b"quack" in duck.log)
            right.close()
            await until(lambda: len(duck.log) == 4)
            assert duck.log == ["made", b"quack", "eof", None]
            assert transport.is_closing()

    async def test_methods_set_on_the_instance_are_called(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            got: list[bytes] = []
            client.transport.write(b"a")
            await server.read(1)
            server.data_received = lambda data: (got.append(data), server.happened())
            server.transport.set_protocol(server)
            client.transport.write(b"b")
            await server.wait(lambda: got)
            assert got == [b"b"]

    async def test_what_is_received_is_bytes_of_its_own(self, loop: Loop, kind: str) -> None:
        """Read buffers may be used again; what a protocol keeps may not change."""
        kept: list[bytes] = []

        class Keeping(Recorder):
            def data_received(self, data: bytes) -> None:
                kept.append(data)
                super().data_received(data)

        async with connected(kind, Keeping) as (server, client):
            for number in range(200):
                client.transport.write(b"%05d" % number)
                await server.read(5 * number + 5)
        assert all(type(data) is bytes for data in kept)
        assert b"".join(kept) == b"".join(b"%05d" % number for number in range(200))
        assert len({hash(data) for data in kept}) == len(kept)


class TestExtraInfo:
    async def test_the_socket_is_a_transport_socket(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            for protocol in (server, client):
                sock = protocol.transport.get_extra_info("socket")
                assert isinstance(sock, TransportSocket)
                assert sock.family == (socket.AF_INET if kind == "tcp" else socket.AF_UNIX)
                assert sock.type == socket.SOCK_STREAM
                assert sock.gettimeout() == 0
                assert sock.fileno() > 2
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM

    async def test_names_of_both_ends_match(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            info = client.transport.get_extra_info
            peer_info = server.transport.get_extra_info
            assert info("peername") == peer_info("sockname")
            assert info("sockname") == peer_info("peername")
            assert info("sockname") == info("socket").getsockname()

    async def test_what_is_unknown_has_the_default(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            default = object()
            assert client.transport.get_extra_info("no such thing") is None
            assert client.transport.get_extra_info("no such thing", default) is default
            assert client.transport.get_extra_info("sslcontext") is None

    async def test_names_can_be_asked_for_after_the_close(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            before = [client.transport.get_extra_info(name) for name in ("peername", "sockname")]
            client.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")
            assert [client.transport.get_extra_info(name) for name in ("peername", "sockname")] == before

    async def test_a_transport_is_an_asyncio_transport(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            for protocol in (server, client):
                assert isinstance(protocol.transport, asyncio.Transport)
                assert isinstance(protocol.transport, asyncio.BaseTransport)
                assert "fd=" in repr(protocol.transport)
                client.transport.abort()
            await client.wait_for("lost")
            assert "closed" in repr(client.transport)


async def test_a_peer_outside_the_loop_is_served(loop: Loop, kind: str) -> None:
    """Plain blocking sockets on another thread are the other end."""
    data = pattern(1_000_000)

    def peer() -> bytes:
        right.sendall(data)
        right.shutdown(socket.SHUT_WR)
        return receive_all(right)

    left, right = socket.socketpair()
    with right:
        transport, protocol = await loop.create_connection(type("E", (Echo,), {"answer_to_eof": True}), sock=left)
        answer = loop.run_in_executor(None, peer)
        await protocol.wait_for("eof")
        transport.close()
        assert await answer == data


async def test_one_byte_at_a_time_arrives(loop: Loop, kind: str) -> None:
    left, right = socket.socketpair()
    with right:
        transport, protocol = await loop.create_connection(Echo, sock=left)
        for number in range(300):
            right.send(bytes([number % 256]))
            assert await loop.run_in_executor(None, receive_exactly, right, 1) == bytes([number % 256])
        assert len(protocol.data) == 300
        transport.abort()
        await protocol.wait_for("lost")


def shut_down_a_duplicate(sock: Any) -> None:
    with sock.dup() as duplicate:
        duplicate.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    "use",
    [
        lambda sock: sock.shutdown(socket.SHUT_WR),
        shut_down_a_duplicate,
        lambda sock: os.write(sock.fileno(), b" and more"),
    ],
    ids=["shutdown", "dup", "fileno"],
)
async def test_what_is_done_with_the_socket_comes_after_what_was_written(
    loop: Loop, kind: str, use: Callable[[Any], object]
) -> None:
    async with connected(kind) as (server, client):
        client.transport.write(b"written")
        use(client.transport.get_extra_info("socket"))
        assert (await server.read(7)).startswith(b"written")


async def test_nothing_goes_to_the_next_owner_of_a_descriptor_that_the_program_closed(loop: Loop, kind: str) -> None:
    ours, theirs = tcp_socketpair() if kind == "tcp" else socket.socketpair()
    with theirs:
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        with given_away(ours) as (stranger, peer):
            transport.write(b"secret")
            await protocol.wait_for("lost")
            assert isinstance(protocol.error, OSError)
            assert protocol.error.errno == errno.EBADF
            peer.setblocking(False)
            with pytest.raises(BlockingIOError):
                peer.recv(100)
            peer.send(b"for another")
            await iterations(3)
            assert stranger.recv(100) == b"for another"


async def test_nothing_is_read_from_a_descriptor_that_the_program_closed(loop: Loop, kind: str) -> None:
    """The kernel still tells of it while a duplicate is open."""
    ours, theirs = tcp_socketpair() if kind == "tcp" else socket.socketpair()
    with theirs, socket.socket(fileno=os.dup(ours.fileno())):
        _, protocol = await loop.create_connection(Recorder, sock=ours)
        await iterations(2)
        with given_away(ours) as (stranger, peer):
            peer.send(b"for another")
            theirs.send(b"for us")
            await protocol.wait_for("lost")
            assert isinstance(protocol.error, OSError)
            assert protocol.error.errno == errno.EBADF
            assert (protocol.data, stranger.recv(100)) == (b"", b"for another")


async def test_writelines_takes_every_buffer(loop: Loop, kind: str) -> None:
    numbers = array.array("B", [1, 2, 3])
    lines = [b"one", bytearray(b"two"), memoryview(b"three"), numbers, memoryview(numbers), (ctypes.c_char * 2)(*b"ab")]
    expected = b"onetwothree" + 2 * numbers.tobytes() + b"ab"
    async with connected(kind) as (server, client):
        client.transport.writelines(lines)
        client.transport.writelines(iter([b"an", b"iterator"]))
        client.transport.writelines(())
        assert await server.read(len(expected) + 10) == expected + b"aniterator"


async def test_writelines_sends_nothing_of_what_it_refuses(loop: Loop, kind: str) -> None:
    async with connected(kind) as (server, client):
        for wrong in ("text", 5, None, object()):
            with pytest.raises(TypeError, match=r"bytes-like object"):
                client.transport.writelines([b"first", wrong])
        client.transport.write(b"end")
        assert await server.read(3) == b"end"


async def test_limits_of_the_write_buffer_may_be_any_numbers(loop: Loop, kind: str) -> None:
    async with connected(kind, Deaf) as (_, client):
        for high, low in ((1e6, 10.5), (2**63, 2**62), (float("inf"), 0)):
            client.transport.set_write_buffer_limits(high, low)
            assert client.transport.get_write_buffer_limits() == (low, high)
        client.transport.write(bytes(20_000_000))
        await iterations(2)
        assert "pause" not in client.events
        client.transport.set_write_buffer_limits(high=1000.5)
        client.transport.write(b"x")
        assert "pause" in client.events
