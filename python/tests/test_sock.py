"""The sock_* methods: plain sockets awaited, and cancelled at every point."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from support import (
    Loop,
    Recorder,
    has_ipv6,
    iterations,
    pattern,
    receive_all,
    receive_exactly,
    reset,
    tcp_socketpair,
)

Sockets = tuple[socket.socket, socket.socket]
since_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="sock_sendto and sock_recvfrom came in 3.11")


@pytest.fixture
def pair() -> Iterator[Sockets]:
    """A non-blocking socket for the loop, a blocking one for the peer."""
    left, right = tcp_socketpair()
    left.setblocking(False)
    with left, right:
        yield left, right


@pytest.fixture
def datagrams() -> Iterator[Sockets]:
    """Two bound datagram sockets, neither connected."""
    left = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    right = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with left, right:
        for sock in (left, right):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield left, right


async def waits(task: asyncio.Task[Any]) -> None:
    """Let the task start; it must not be done."""
    await iterations(3)
    assert not task.done()


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class TestRecv:
    async def test_what_is_there_is_received(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        right.sendall(b"hello")
        assert await loop.sock_recv(left, 3) == b"hel"
        assert await loop.sock_recv(left, 100) == b"lo"

    async def test_it_waits_for_something_to_come(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        task = loop.create_task(loop.sock_recv(left, 100))
        await waits(task)
        right.sendall(b"late")
        assert await task == b"late"

    async def test_the_end_of_file_is_empty(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        right.close()
        assert await loop.sock_recv(left, 100) == b""

    async def test_a_reset_is_raised(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        task = loop.create_task(loop.sock_recv(left, 100))
        await waits(task)
        reset(right)
        with pytest.raises(ConnectionResetError):
            await task

    async def test_a_cancelled_one_leaves_the_data(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        for number in range(10):
            task = loop.create_task(loop.sock_recv(left, 100))
            await iterations(number % 4)
            await cancel(task)
        right.sendall(b"kept")
        assert await loop.sock_recv(left, 100) == b"kept"
        assert not loop.remove_reader(left)

    async def test_cancelling_when_the_data_is_there_already_loses_nothing(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        task = loop.create_task(loop.sock_recv(left, 100))
        await waits(task)
        right.sendall(b"kept")
        await cancel(task)
        assert await loop.sock_recv(left, 100) == b"kept"

    async def test_recv_into_fills_the_buffer(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        buffer = bytearray(10)
        right.sendall(b"hello")
        assert await loop.sock_recv_into(left, buffer) == 5
        assert buffer == b"hello\0\0\0\0\0"
        task = loop.create_task(loop.sock_recv_into(left, memoryview(buffer)[5:]))
        await waits(task)
        right.sendall(b"world and more")
        assert await task == 5
        assert buffer == b"helloworld"

    async def test_recv_into_refuses_what_cannot_be_filled(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        right.sendall(b"x")
        bad: Any
        for bad in (b"constant", "text", None):
            with pytest.raises(TypeError):
                await loop.sock_recv_into(left, bad)

    async def test_a_cancelled_recv_into_lets_the_buffer_go(self, loop: Loop, pair: Sockets) -> None:
        left, _ = pair
        buffer = bytearray(10)
        task = loop.create_task(loop.sock_recv_into(left, buffer))
        await waits(task)
        await cancel(task)
        buffer.clear()  # a BufferError if it were still exported


class TestSendall:
    async def test_everything_is_sent(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        data = pattern(5_000_000)
        received = loop.run_in_executor(None, receive_exactly, right, len(data))
        await loop.sock_sendall(left, data)
        assert await received == data

    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
    async def test_any_bytes_like_object_is_sent(self, loop: Loop, pair: Sockets, make: Any) -> None:
        left, right = pair
        await loop.sock_sendall(left, make(b"data"))
        await loop.sock_sendall(left, make(b""))
        assert right.recv(10) == b"data"

    async def test_it_waits_for_room_and_can_be_cancelled(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        task = loop.create_task(loop.sock_sendall(left, b"x" * 8_000_000))
        await waits(task)
        await cancel(task)
        assert not loop.remove_writer(left)
        left.shutdown(socket.SHUT_WR)
        received = await loop.run_in_executor(None, receive_all, right)
        assert 0 < len(received) < 8_000_000
        assert set(received) == {ord("x")}

    async def test_a_peer_that_is_gone_is_an_error(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        reset(right)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while True:
                await loop.sock_sendall(left, b"x" * 100_000)

    async def test_sending_and_receiving_at_once_is_possible(self, loop: Loop, pair: Sockets) -> None:
        left, right = pair
        data = pattern(1_000_000)

        def echo() -> None:
            right.sendall(receive_exactly(right, len(data)))

        async def receive() -> bytes:
            received = bytearray()
            while len(received) < len(data):
                received += await loop.sock_recv(left, 100_000)
            return bytes(received)

        echoing = loop.run_in_executor(None, echo)
        _, received = await asyncio.gather(loop.sock_sendall(left, data), receive())
        await echoing
        assert received == data


class TestConnectAndAccept:
    async def test_both_ends_meet(self, loop: Loop) -> None:
        with socket.socket() as server, socket.socket() as client:
            server.setblocking(False)
            client.setblocking(False)
            server.bind(("127.0.0.1", 0))
            server.listen()
            accepting = loop.create_task(loop.sock_accept(server))
            await waits(accepting)
            await loop.sock_connect(client, server.getsockname())
            accepted, address = await accepting
            with accepted:
                assert address == client.getsockname()
                assert accepted.gettimeout() == 0
                await loop.sock_sendall(client, b"hello")
                assert await loop.sock_recv(accepted, 5) == b"hello"

    async def test_a_refusal_is_raised(self, loop: Loop) -> None:
        with socket.socket() as unused, socket.socket() as client:
            unused.bind(("127.0.0.1", 0))
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(client, unused.getsockname())

    async def test_a_host_name_is_resolved(self, loop: Loop) -> None:
        with socket.socket() as server, socket.socket() as client:
            server.bind(("127.0.0.1", 0))
            server.listen()
            client.setblocking(False)
            await loop.sock_connect(client, ("localhost", server.getsockname()[1]))
            assert client.getpeername() == server.getsockname()

    @pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
    async def test_ipv6_addresses_of_two_and_four_parts_work(self, loop: Loop) -> None:
        with socket.socket(socket.AF_INET6) as server:
            server.bind(("::1", 0))
            server.listen()
            port = server.getsockname()[1]
            for address in (("::1", port), ("::1", port, 0, 0)):
                with socket.socket(socket.AF_INET6) as client:
                    client.setblocking(False)
                    await loop.sock_connect(client, address)

    async def test_unix_sockets_connect_by_path(self, loop: Loop, tmp_path: Any) -> None:
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(path)
            server.listen()
            server.setblocking(False)
            client.setblocking(False)
            await loop.sock_connect(client, path)
            accepted, _ = await loop.sock_accept(server)
            accepted.close()

    async def test_a_pending_connect_can_be_cancelled_and_the_socket_closed(self, loop: Loop) -> None:
        with socket.socket() as full, contextlib.ExitStack() as stack:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            client = socket.socket()
            client.setblocking(False)
            task = loop.create_task(loop.sock_connect(client, full.getsockname()))
            await waits(task)
            await cancel(task)
            await iterations(1)
            assert not loop.remove_writer(client)
            client.close()

    async def test_a_cancelled_accept_leaves_the_next_client_to_the_next_accept(self, loop: Loop) -> None:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            server.setblocking(False)
            for number in range(5):
                task = loop.create_task(loop.sock_accept(server))
                await iterations(number)
                await cancel(task)
            assert not loop.remove_reader(server)
            with socket.create_connection(server.getsockname()) as client:
                accepted, address = await loop.sock_accept(server)
                accepted.close()
                assert address == client.getsockname()

    async def test_many_clients_are_accepted_one_after_another(self, loop: Loop) -> None:
        async def client(number: int) -> bytes:
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, server.getsockname())
                await loop.sock_sendall(sock, b"%03d" % number)
                return await loop.sock_recv(sock, 3)

        async def serve() -> None:
            for _ in range(50):
                accepted, _ = await loop.sock_accept(server)
                with accepted:
                    await loop.sock_sendall(accepted, (await loop.sock_recv(accepted, 3)).upper())

        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(100)
            server.setblocking(False)
            serving = loop.create_task(serve())
            answers = await asyncio.gather(*(client(number) for number in range(50)))
            await serving
            assert answers == [b"%03d" % number for number in range(50)]


@since_311
class TestDatagrams:
    async def test_a_datagram_comes_with_its_senders_address(self, loop: Loop, datagrams: Sockets) -> None:
        left, right = datagrams
        assert await loop.sock_sendto(left, b"hello", right.getsockname()) == 5
        assert await loop.sock_recvfrom(right, 100) == (b"hello", left.getsockname())

    async def test_recvfrom_waits_and_can_be_cancelled(self, loop: Loop, datagrams: Sockets) -> None:
        left, right = datagrams
        task = loop.create_task(loop.sock_recvfrom(left, 100))
        await waits(task)
        await cancel(task)
        task = loop.create_task(loop.sock_recvfrom(left, 100))
        await waits(task)
        right.sendto(b"late", left.getsockname())
        assert await task == (b"late", right.getsockname())

    async def test_recvfrom_into_fills_the_buffer(self, loop: Loop, datagrams: Sockets) -> None:
        left, right = datagrams
        buffer = bytearray(b"..........")
        right.sendto(b"hello", left.getsockname())
        assert await loop.sock_recvfrom_into(left, buffer) == (5, right.getsockname())
        assert buffer == b"hello....."
        right.sendto(b"worlds", left.getsockname())
        got = await loop.sock_recvfrom_into(left, buffer, 3)
        assert got == (3, right.getsockname())
        assert buffer == b"worlo....."

    async def test_an_empty_datagram_arrives(self, loop: Loop, datagrams: Sockets) -> None:
        left, right = datagrams
        assert await loop.sock_sendto(left, b"", right.getsockname()) == 0
        assert await loop.sock_recvfrom(right, 100) == (b"", left.getsockname())

    async def test_sendto_waits_for_room(self, loop: Loop) -> None:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with left, right:
            left.setblocking(False)
            right.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    left.send(b"x" * 100)
                    sent += 1
            name = right.getsockname()
            task = loop.create_task(loop.sock_sendall(left, b"last"))
            await waits(task)
            assert name == ""
            for _ in range(sent):
                assert right.recv(200) == b"x" * 100
            await task
            assert right.recv(200) == b"last"


class TestRefusals:
    async def test_a_wait_on_a_socket_of_a_transport_is_refused(self, loop: Loop, pair: Sockets) -> None:
        left, _ = pair
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport"):
            await loop.sock_recv(left, 1)
        assert not transport.is_closing()
        transport.abort()
        await protocol.wait_for("lost")

    async def test_ssl_sockets_are_refused(self, loop: Loop, pair: Sockets) -> None:
        import ssl

        left, _ = pair
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(left, do_handshake_on_connect=False) as secure:
            for call in (lambda: loop.sock_recv(secure, 1), lambda: loop.sock_sendall(secure, b"x")):
                with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                    await call()

    async def test_a_closed_socket_is_an_error(self, loop: Loop) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.close()
        for call in (lambda: loop.sock_recv(sock, 1), lambda: loop.sock_sendall(sock, b"x")):
            with pytest.raises((OSError, ValueError)):
                await call()

    async def test_a_socket_that_is_not_connected_is_an_error(self, loop: Loop) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(OSError):
                await loop.sock_recv(sock, 1)


async def test_nothing_is_held_after_the_wait(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    buffer = bytearray(10)
    references_before = sys.getrefcount(buffer)
    mine = left.dup()
    mine.setblocking(False)
    reference = weakref.ref(mine)
    task = loop.create_task(loop.sock_recv_into(mine, buffer))
    await waits(task)
    right.sendall(b"x")
    await task
    mine.close()
    del mine, task
    await iterations(2)
    gc.collect()
    assert reference() is None
    assert sys.getrefcount(buffer) == references_before


async def test_two_tasks_on_two_sockets_do_not_mix(loop: Loop) -> None:
    pairs = [tcp_socketpair() for _ in range(20)]
    for left, _ in pairs:
        left.setblocking(False)
    tasks = [loop.create_task(loop.sock_recv(left, 10)) for left, _ in pairs]
    await iterations(2)
    for number, (_, right) in enumerate(pairs):
        right.sendall(b"%d" % number)
    assert await asyncio.gather(*tasks) == [b"%d" % number for number in range(20)]
    for left, right in pairs:
        left.close()
        right.close()


async def test_timeouts_at_random_points_corrupt_nothing(loop: Loop, pair: Sockets) -> None:
    """A receiver that gives up again and again still sees every byte once."""
    left, right = pair
    data = pattern(200_000)

    def send_slowly() -> None:
        for start in range(0, len(data), 5000):
            right.sendall(data[start : start + 5000])
        right.shutdown(socket.SHUT_WR)

    sending = loop.run_in_executor(None, send_slowly)
    received = bytearray()
    attempts = 0
    while True:
        attempts += 1
        task = loop.create_task(loop.sock_recv(left, 3000))
        await iterations(attempts % 3)
        task.cancel()
        try:
            chunk = await task
        except asyncio.CancelledError:
            continue
        if not chunk:
            break
        received += chunk
    await sending
    assert received == data
