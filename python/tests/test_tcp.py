"""TCP under load: many connections, large transfers, slow and hostile peers, each stream checked byte by byte."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
import threading
from typing import Any

import pytest
from support import (
    BufferedRecorder,
    Echo,
    HalfOpenRecorder,
    Loop,
    Recorder,
    connected,
    iterations,
    listener,
    open_descriptors,
    pattern,
    receive_all,
    receive_exactly,
    reset,
    tcp_socketpair,
    until,
)


async def test_names_are_host_and_port(loop: Loop) -> None:
    async with connected("tcp") as (server, client):
        for protocol in (server, client):
            for name in ("peername", "sockname"):
                host, port = protocol.transport.get_extra_info(name)
                assert host == "127.0.0.1"
                assert 0 < port < 65536


async def test_a_large_transfer_to_a_slow_reader_is_exact(loop: Loop) -> None:
    data = random.Random(1).randbytes(12_000_000)

    def slow_peer(address: tuple[str, int]) -> str:
        digest = hashlib.sha256()
        with socket.create_connection(address) as sock:
            sizes = random.Random(2)
            while chunk := sock.recv(sizes.randrange(1, 300_000)):
                digest.update(chunk)
        return digest.hexdigest()

    class Sender(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            view = memoryview(data)
            sizes = random.Random(3)
            position = 0
            while position < len(data):
                size = sizes.choice([1, 100, 5_000, 100_000, 1_000_000])
                transport.write(view[position : position + size])
                position += size
            transport.close()

    server = await loop.create_server(Sender, "127.0.0.1", 0)
    received = await loop.run_in_executor(None, slow_peer, server.sockets[0].getsockname())
    assert received == hashlib.sha256(data).hexdigest()
    server.close()


async def test_a_large_transfer_from_a_quick_sender_is_exact(loop: Loop) -> None:
    data = pattern(12_000_000)
    for protocol_of in (Recorder, BufferedRecorder):
        left, right = tcp_socketpair()
        _, protocol = await loop.create_connection(protocol_of, sock=left)
        with right:
            await loop.run_in_executor(None, right.sendall, data)
        await protocol.wait_for("lost")
        assert protocol.data == data


async def test_many_echoes_at_once_mix_nothing_up(loop: Loop) -> None:
    async def one(number: int) -> None:
        source = random.Random(number)
        reader, writer = await asyncio.open_connection(*address)
        sent = received = b""
        for _ in range(30):
            chunk = source.randbytes(source.randrange(1, 3000))
            sent += chunk
            writer.write(chunk)
            if source.random() < 0.5:
                received += await reader.read(source.randrange(1, 5000))
        writer.write_eof()
        received += await reader.read()
        assert received == sent
        writer.close()
        await writer.wait_closed()

    server = await loop.create_server(type("E", (Echo,), {}), "127.0.0.1", 0, backlog=200)
    address = server.sockets[0].getsockname()
    await asyncio.gather(*(one(number) for number in range(100)))
    server.close()
    await server.wait_closed()


async def test_connections_ended_at_random_in_every_way_leave_nothing(loop: Loop) -> None:
    """Peers close, reset, half-close and go silent while the server writes, closes, aborts and pauses."""
    lost = made = 0
    choices = random.Random(5)

    class Unruly(Recorder):
        def connection_made(self, transport: Any) -> None:
            nonlocal made
            super().connection_made(transport)
            made += 1
            if choices.random() < 0.2:
                transport.write(b"x" * choices.choice([1, 10_000, 3_000_000]))

        def data_received(self, data: bytes) -> None:
            action = choices.randrange(6)
            if action == 0:
                self.transport.close()
            elif action == 1:
                self.transport.abort()
            elif action == 2:
                self.transport.pause_reading()
                loop.call_later(0.001, self.transport.resume_reading)
            elif action == 3 and not self.transport.is_closing():
                self.transport.write_eof()
            elif not self.transport.is_closing() and "ended" not in self.events:
                self.transport.write(data * 3)
            if action == 3:
                self.events.append("ended")
                self.data_received = lambda data: None  # type: ignore[method-assign]
                self.transport.set_protocol(self)

        def eof_received(self) -> bool:
            if choices.random() < 0.5:
                loop.call_later(0.001, self.transport.close)
                return True
            return False

        def connection_lost(self, exc: Exception | None) -> None:
            nonlocal lost
            lost += 1
            assert "lost" not in self.events
            super().connection_lost(exc)

    server = await loop.create_server(Unruly, "127.0.0.1", 0, backlog=300)
    address = server.sockets[0].getsockname()

    def peers(seed: int) -> None:
        source = random.Random(seed)
        for _ in range(100):
            sock = socket.create_connection(address)
            try:
                for _ in range(source.randrange(4)):
                    sock.send(b"y" * source.randrange(1, 20_000))
                    if source.random() < 0.5:
                        sock.setblocking(False)
                        try:
                            sock.recv(100_000)
                        except BlockingIOError:
                            pass
                        sock.setblocking(True)
            except OSError:
                pass
            reset(sock) if source.random() < 0.5 else sock.close()

    before = open_descriptors()
    await asyncio.gather(*(loop.run_in_executor(None, peers, seed) for seed in range(4)))
    await until(lambda: made == 400)
    await until(lambda: lost == 400)
    await iterations(5)
    assert open_descriptors() == before
    server.close()
    await server.wait_closed()


async def test_urgent_data_does_not_spin_or_break_the_stream(loop: Loop) -> None:
    left, right = tcp_socketpair()
    with right:
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        right.send(b"before")
        right.send(b"!", socket.MSG_OOB)
        right.send(b"after")
        data = await protocol.read(11)
        assert data.replace(b"!", b"") == b"beforeafter"
        transport.abort()
        await protocol.wait_for("lost")


async def test_socket_options_can_be_set_through_the_extra_info(loop: Loop) -> None:
    async with connected("tcp") as (_, client):
        sock = client.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        assert not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_shutting_the_socket_down_from_outside_is_seen_as_eof(loop: Loop) -> None:
    async with connected("tcp") as (server, client):
        client.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        await client.wait_for("lost")
        await server.wait_for("lost")


async def test_a_half_closed_peer_can_be_written_to_for_long(loop: Loop) -> None:
    left, right = tcp_socketpair()
    with right:
        transport, protocol = await loop.create_connection(HalfOpenRecorder, sock=left)
        right.shutdown(socket.SHUT_WR)
        await protocol.wait_for("eof")
        reading = loop.run_in_executor(None, receive_all, right)
        for _ in range(50):
            transport.write(b"z" * 50_000)
            await asyncio.sleep(0)
        transport.close()
        assert await reading == b"z" * 2_500_000


async def test_a_half_closed_idle_peer_costs_no_processor_time(loop: Loop) -> None:
    """The end of file stays readable for ever: a loop that keeps polling for it would spin."""
    import time

    left, right = tcp_socketpair()
    with right:
        transport, protocol = await loop.create_connection(HalfOpenRecorder, sock=left)
        right.shutdown(socket.SHUT_WR)
        await protocol.wait_for("eof")
        before = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - before < 0.1
        transport.close()
        await protocol.wait_for("lost")


async def test_a_paused_transport_with_data_waiting_costs_no_processor_time(loop: Loop) -> None:
    import time

    left, right = tcp_socketpair()
    with right:
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.pause_reading()
        right.sendall(b"waiting")
        await iterations(3)
        before = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - before < 0.1
        transport.abort()
        await protocol.wait_for("lost")


async def test_a_paused_transport_whose_peer_is_gone_costs_no_processor_time(loop: Loop) -> None:
    import time

    left, right = tcp_socketpair()
    transport, protocol = await loop.create_connection(Recorder, sock=left)
    transport.pause_reading()
    reset(right)
    await iterations(3)
    before = time.thread_time()
    await asyncio.sleep(0.2)
    assert time.thread_time() - before < 0.1
    transport.abort()
    await protocol.wait_for("lost")


async def test_a_listener_outside_the_loop_is_connected_to(loop: Loop) -> None:
    def serve(sock: socket.socket) -> bytes:
        peer, _ = sock.accept()
        with peer:
            peer.sendall(b"welcome")
            return receive_all(peer)

    with listener() as sock:
        served = loop.run_in_executor(None, serve, sock)
        transport, protocol = await loop.create_connection(Recorder, *sock.getsockname())
        assert await protocol.read(7) == b"welcome"
        transport.writelines([b"thank ", b"you"])
        transport.close()
        assert await served == b"thank you"
        await protocol.wait_for("lost")


@pytest.mark.parametrize("size", [1, 17, 1023, 1024, 1025, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 300_000])
async def test_messages_of_awkward_sizes_come_back(loop: Loop, size: int) -> None:
    """Around the sizes of read buffers: a message that fills one exactly must not make the loop wait for more."""
    left, right = tcp_socketpair()
    with right:
        transport, protocol = await loop.create_connection(Echo, sock=left)
        data = pattern(size)

        def ask_and_wait() -> bytes:
            sender = threading.Thread(target=right.sendall, args=[data])
            sender.start()
            answer = receive_exactly(right, size)
            sender.join()
            return answer

        for _ in range(3):
            assert await loop.run_in_executor(None, ask_and_wait) == data
        transport.abort()
        await protocol.wait_for("lost")


def test_a_write_after_the_loop_is_closed_is_sent_at_once(loop: Loop) -> None:
    ours, theirs = tcp_socketpair()
    with theirs:
        transport, _ = loop.run_until_complete(loop.create_connection(Recorder, sock=ours))
        transport.write(b"one")
        loop.close()
        transport.write(b"two")
        transport.writelines([b"three", bytearray(b"four")])
        assert receive_exactly(theirs, 15) == b"onetwothreefour"
        assert not transport.is_closing()
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            transport.write(bytes(20_000_000))
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            transport.close()
        transport._sock.close()  # type: ignore[attr-defined]
        transport._sock = None  # type: ignore[attr-defined]  # or its end is a ResourceWarning


async def test_the_end_that_comes_with_the_last_bytes_is_told_after_what_they_made_ready(loop: Loop) -> None:
    ours, theirs = tcp_socketpair()
    theirs.sendall(b"question")
    theirs.shutdown(socket.SHUT_WR)

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            loop.call_soon(self.transport.write, b"answer to " + data)

    with theirs:
        await loop.connect_accepted_socket(Answering, ours)
        assert await asyncio.to_thread(receive_all, theirs) == b"answer to question"


async def test_bytes_behind_urgent_data_are_read(loop: Loop) -> None:
    ours, theirs = tcp_socketpair()
    with theirs:
        transport, protocol = await loop.connect_accepted_socket(Recorder, ours)
        theirs.send(b"before")
        theirs.send(b"!", socket.MSG_OOB)
        theirs.send(b"behind")
        await until(lambda: protocol.data == b"beforebehind")
        transport.close()


async def test_a_protocol_with_a_small_buffer_reads_all_that_came_at_once(loop: Loop) -> None:
    ours, theirs = tcp_socketpair()
    read = bytearray()

    class Small(asyncio.BufferedProtocol):
        buffer = bytearray(7)

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            read.extend(self.buffer[:nbytes])

    with theirs:
        transport, _ = await loop.connect_accepted_socket(Small, ours)
        data = pattern(10_000)
        theirs.sendall(data)
        await until(lambda: len(read) == len(data))
        assert read == data
        transport.close()
