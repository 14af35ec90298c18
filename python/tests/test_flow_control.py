"""Write buffers: sizes, limits, pause and resume on both sides, slow readers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support import Deaf, Echo, Loop, LoopErrors, Recorder, connected, iterations, pattern, receive_all, until

pytestmark = pytest.mark.parametrize("kind", ["tcp", "unix"])

PLENTY = 8_000_000  # more bytes than the kernel takes for a peer that does not read


async def test_a_small_write_leaves_nothing_in_the_buffer(loop: Loop, kind: str) -> None:
    async with connected(kind) as (server, client):
        client.transport.write(b"x" * 1000)
        assert client.transport.get_write_buffer_size() == 0
        await server.read(1000)


async def test_the_buffer_holds_what_the_kernel_did_not_take(loop: Loop, kind: str) -> None:
    async with connected(kind, Deaf) as (server, client):
        client.transport.write(b"x" * PLENTY)
        size = client.transport.get_write_buffer_size()
        assert 0 < size < PLENTY
        client.transport.write(b"y" * 1000)
        client.transport.writelines([b"z" * 500] * 2)
        assert client.transport.get_write_buffer_size() == size + 2000
        server.transport.resume_reading()
        await server.read(PLENTY + 2000)
        await until(lambda: client.transport.get_write_buffer_size() == 0)
        assert server.data == b"x" * PLENTY + b"y" * 1000 + b"z" * 1000


async def test_writing_is_paused_once_inside_the_write_and_resumed_when_drained(loop: Loop, kind: str) -> None:
    async with connected(kind, Deaf) as (server, client):
        client.transport.write(b"x" * PLENTY)
        assert client.events == ["made", "pause"]
        client.transport.write(b"x")
        assert client.events == ["made", "pause"]
        server.transport.resume_reading()
        await client.wait_for("resume")
        low, _ = client.transport.get_write_buffer_limits()
        assert client.transport.get_write_buffer_size() <= low
        assert client.events == ["made", "pause", "resume"]
        await server.read(PLENTY + 1)


async def test_pausing_and_resuming_alternate(loop: Loop, kind: str) -> None:
    async with connected(kind, Deaf) as (server, client):
        written = 0
        for count in range(1, 5):
            while client.events.count("pause") < count:  # the kernel's buffers grow: how much it takes is not known
                client.transport.write(b"x" * 1_000_000)
                written += 1_000_000
            server.transport.resume_reading()
            await server.read(written)
            await client.wait(lambda count=count: client.events.count("resume") == count)
            server.transport.pause_reading()
        assert client.events == ["made", *["pause", "resume"] * 4]


class TestLimits:
    async def test_the_defaults_are_asyncios(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            assert client.transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)

    @pytest.mark.parametrize(
        ("given", "limits"),
        [
            ({"high": 1000}, (250, 1000)),
            ({"low": 1000}, (1000, 4000)),
            ({"high": 1000, "low": 10}, (10, 1000)),
            ({"high": 0}, (0, 0)),
            ({"high": 5, "low": 5}, (5, 5)),
            ({}, (16 * 1024, 64 * 1024)),
        ],
        ids=str,
    )
    async def test_what_is_not_given_follows_from_the_other(
        self, loop: Loop, kind: str, given: dict[str, int], limits: tuple[int, int]
    ) -> None:
        async with connected(kind) as (_, client):
            client.transport.set_write_buffer_limits(**given)
            assert client.transport.get_write_buffer_limits() == limits

    @pytest.mark.parametrize("bad", [{"high": 1, "low": 2}, {"high": -1}, {"low": -1}, {"high": 1, "low": -1}], ids=str)
    async def test_impossible_limits_are_refused(self, loop: Loop, kind: str, bad: dict[str, int]) -> None:
        async with connected(kind) as (_, client):
            with pytest.raises(ValueError, match="must be >= low"):
                client.transport.set_write_buffer_limits(**bad)
            assert client.transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)

    async def test_a_high_limit_lets_much_be_buffered(self, loop: Loop, kind: str) -> None:
        async with connected(kind, Deaf) as (server, client):
            client.transport.set_write_buffer_limits(high=PLENTY * 2)
            client.transport.write(b"x" * PLENTY)
            assert "pause" not in client.events
            server.transport.resume_reading()
            await server.read(PLENTY)

    async def test_with_a_limit_of_zero_any_buffered_byte_pauses(self, loop: Loop, kind: str) -> None:
        async with connected(kind, Deaf) as (server, client):
            client.transport.set_write_buffer_limits(high=0)
            client.transport.write(b"x")
            assert client.events == ["made"]
            client.transport.write(b"x" * PLENTY)
            assert client.events == ["made", "pause"]
            server.transport.resume_reading()
            await client.wait_for("resume")
            assert client.transport.get_write_buffer_size() == 0
            await server.read(PLENTY + 1)

    async def test_a_limit_lowered_below_what_is_buffered_pauses_at_once(self, loop: Loop, kind: str) -> None:
        async with connected(kind, Deaf) as (_, client):
            client.transport.set_write_buffer_limits(high=PLENTY * 2)
            client.transport.write(b"x" * PLENTY)
            assert client.events == ["made"]
            client.transport.set_write_buffer_limits(high=1000)
            assert client.events == ["made", "pause"]


async def test_an_exception_in_pause_writing_is_reported_and_the_data_is_sent(
    loop: Loop, errors: LoopErrors, kind: str
) -> None:
    class Failing(Recorder):
        def pause_writing(self) -> None:
            super().pause_writing()
            raise LookupError("in pause_writing")

        def resume_writing(self) -> None:
            super().resume_writing()
            raise LookupError("in resume_writing")

    async with connected(kind, Deaf, Failing) as (server, client):
        client.transport.write(b"x" * PLENTY)
        server.transport.resume_reading()
        assert await server.read(PLENTY) == b"x" * PLENTY
        await client.wait_for("resume")
        await iterations(1)
    first, second = errors.take()
    assert first["message"] == "protocol.pause_writing() failed"
    assert second["message"] == "protocol.resume_writing() failed"
    assert first["transport"] is second["transport"]
    assert first["protocol"] is client


async def test_a_producer_that_heeds_pauses_never_buffers_much(loop: Loop, kind: str) -> None:
    total, chunk = 10_000_000, b"x" * 50_000

    class Producer(Recorder):
        sent = 0
        paused = False
        most = 0

        def produce(self) -> None:
            while not self.paused and self.sent < total:
                self.transport.write(chunk)
                self.sent += len(chunk)
                self.most = max(self.most, self.transport.get_write_buffer_size())
            if self.sent >= total:
                loop.call_soon(self.transport.close)

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.produce()

        def pause_writing(self) -> None:
            self.paused = True

        def resume_writing(self) -> None:
            self.paused = False
            self.produce()

    class Counter(Recorder):
        count = 0

        def data_received(self, data: bytes) -> None:
            self.count += len(data)

    async with connected(kind, Counter, Producer) as (server, client):
        await server.wait_for("lost")
        assert server.count == total
        assert client.most <= 64 * 1024 + len(chunk)


async def test_a_producer_that_keeps_on_is_paused_in_time_and_nothing_is_lost(loop: Loop, kind: str) -> None:
    """Without a look at the buffer, which would send it; the peer reads, stops, and reads the rest."""
    written = pattern(1 << 26)
    chunk = 1 << 16

    class Producer(Recorder):
        sent = left = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.produce()

        def produce(self) -> None:
            for _ in range(4):
                if self.events[-1] == "pause":
                    return
                if self.sent == len(written):
                    self.transport.close()
                    return
                self.transport.write(written[self.sent : self.sent + chunk])
                self.sent += chunk
            loop.call_soon(self.produce)

        def pause_writing(self) -> None:
            super().pause_writing()
            self.left = max(self.left, self.transport.get_write_buffer_size())

        def resume_writing(self) -> None:
            super().resume_writing()
            loop.call_soon(self.produce)

    class StoppingReader(Recorder):
        def data_received(self, data: bytes) -> None:
            before = len(self.data)
            super().data_received(data)
            if before < 1 << 24 <= len(self.data):
                self.transport.pause_reading()
                loop.call_later(0.1, self.transport.resume_reading)

    async with connected(kind, StoppingReader, Producer) as (server, client):
        await server.wait_for("lost")
        assert server.data == written
        assert "pause" in client.events
        assert client.left <= 64 * 1024 + chunk


async def test_two_sides_that_write_much_at_once_do_not_block_each_other(loop: Loop, kind: str) -> None:
    data = pattern(6_000_000)
    async with connected(kind) as (server, client):
        server.transport.write(data)
        client.transport.write(data)
        assert await client.read(len(data)) == data
        assert await server.read(len(data)) == data


async def test_an_echo_keeps_up_with_a_sender_that_reads_slowly(loop: Loop, kind: str) -> None:
    """The peer sends everything before it reads anything: the echo has to hold it all."""
    data = pattern(3_000_000)
    left, right = socket.socketpair()

    def peer() -> bytes:
        sender = threading.Thread(target=right.sendall, args=[data])
        sender.start()
        sender.join()
        right.shutdown(socket.SHUT_WR)
        return receive_all(right)

    with right:
        transport, protocol = await loop.create_connection(Echo, sock=left)
        assert await loop.run_in_executor(None, peer) == data
        await protocol.wait_for("lost")
        assert transport.get_write_buffer_size() == 0


@contextmanager
def small_kernel_buffers() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        for sock in (left, right):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield left, right


async def test_partial_writes_through_tiny_kernel_buffers_lose_nothing(loop: Loop, kind: str) -> None:
    pieces = [bytes([number % 251]) * (number % 997) for number in range(3000)]
    with small_kernel_buffers() as (left, right):
        transport, _ = await loop.create_connection(Recorder, sock=left)
        received = loop.run_in_executor(None, receive_all, right)
        for number in range(0, 3000, 3):
            transport.write(pieces[number])
            transport.writelines(pieces[number + 1 : number + 3])
            if number % 300 == 0:
                await asyncio.sleep(0)
        transport.close()
        assert await received == b"".join(pieces)


async def test_one_slow_reader_does_not_hold_up_the_others(loop: Loop, kind: str) -> None:
    async with connected(kind, Deaf) as (_, slow), connected(kind, Echo) as (_, quick):
        slow.transport.write(b"x" * PLENTY)
        for number in range(100):
            quick.transport.write(b"%03d" % number)
            await quick.read(3 * number + 3)
        assert slow.transport.get_write_buffer_size() > 0


async def test_stream_writers_drain_waits_for_a_slow_reader(loop: Loop, kind: str) -> None:
    left, right = socket.socketpair()
    with right:
        reader, writer = await asyncio.open_connection(sock=left)
        writer.write(b"x" * PLENTY)
        drain = asyncio.ensure_future(writer.drain())
        await iterations(5)
        assert not drain.done()
        reading = loop.run_in_executor(None, receive_all, right)
        await drain
        writer.close()
        await writer.wait_closed()
        assert len(await reading) == PLENTY
        assert await reader.read() == b""
