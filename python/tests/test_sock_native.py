"""`loop.sock_*`: what comes through, who waits, cancelling at any moment, and descriptors whose numbers are used again."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import socket
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from support import Loop, iterations, listener, pattern, tcp_socketpair, until

Pair = tuple[socket.socket, socket.socket]

needs_datagram_methods = pytest.mark.skipif(sys.version_info < (3, 11), reason="sock_recvfrom came with 3.11")


def make_pair(kind: str) -> Pair:
    pair = tcp_socketpair() if kind == "tcp" else socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # so that large sends must wait
    return pair


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two connected non-blocking stream sockets."""
    left, right = make_pair(request.param)
    with left, right:
        yield left, right


def start(loop: Loop, coroutine: Any) -> asyncio.Task[Any]:
    return loop.create_task(coroutine)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


# ---- what comes through


async def test_what_is_there_is_received_without_a_turn_of_the_loop(loop: Loop, pair: Pair) -> None:
    pair[1].send(b"hello")
    coroutine = loop.sock_recv(pair[0], 100)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == b"hello"


async def test_receiving_waits_for_bytes(loop: Loop, pair: Pair) -> None:
    for size in (1, 1024, 100_000):
        task = start(loop, loop.sock_recv(pair[0], size))
        await iterations(2)
        assert not task.done()
        pair[1].send(b"x")
        assert await task == b"x"


async def test_receiving_takes_no_more_than_asked_for(loop: Loop, pair: Pair) -> None:
    pair[1].send(b"hello")
    assert await loop.sock_recv(pair[0], 2) == b"he"
    assert await loop.sock_recv(pair[0], 10) == b"llo"


async def test_end_of_file_is_no_bytes(loop: Loop, pair: Pair) -> None:
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].shutdown(socket.SHUT_WR)
    assert await task == b""
    assert await loop.sock_recv(pair[0], 10) == b""
    assert await loop.sock_recv_into(pair[0], bytearray(4)) == 0


async def test_receiving_into_a_buffer_fills_its_beginning(loop: Loop, pair: Pair) -> None:
    buffer = bytearray(8)
    task = start(loop, loop.sock_recv_into(pair[0], buffer))
    await iterations(2)
    pair[1].send(b"abc")
    assert await task == 3
    assert buffer == b"abc\0\0\0\0\0"
    pair[1].send(b"1234567890")
    assert await loop.sock_recv_into(pair[0], memoryview(buffer)[2:4]) == 2
    assert buffer == b"ab12\0\0\0\0"
    buffer.append(0)  # nobody holds on to it


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_all_is_sent_however_large(loop: Loop, pair: Pair, kind: Any) -> None:
    for size in (0, 1, 1024, 3_000_001):
        data = pattern(size)

        async def receive(size: int = size) -> bytes:
            parts = bytearray()
            while len(parts) < size:
                parts += await loop.sock_recv(pair[1], 1_000_000)
            return bytes(parts)

        task = start(loop, receive())
        given = kind(data)
        assert await loop.sock_sendall(pair[0], given) is None
        assert await task == data
        if kind is bytearray:
            given.append(0)  # nobody holds on to it


async def test_a_bytearray_cannot_shrink_while_it_is_sent(loop: Loop, pair: Pair) -> None:
    data = bytearray(pattern(3_000_000))
    task = start(loop, loop.sock_sendall(pair[0], data))
    await iterations(2)
    with pytest.raises(BufferError):
        data.clear()
    await cancelled(task)
    data.clear()


@pytest.mark.jloop_only  # asyncio counts the elements of a memoryview, and so never ends
async def test_items_wider_than_a_byte_are_sent(loop: Loop, pair: Pair) -> None:
    import array

    data = array.array("I", range(500_000))

    async def receive() -> bytes:
        parts = bytearray()
        while len(parts) < 2_000_000:
            parts += await loop.sock_recv(pair[1], 1_000_000)
        return bytes(parts)

    task = start(loop, receive())
    await loop.sock_sendall(pair[0], memoryview(data))
    assert await task == data.tobytes()


async def test_a_connection_is_made_and_accepted(loop: Loop) -> None:
    with listener() as server, socket.socket() as client:
        server.setblocking(False)
        client.setblocking(False)
        task = start(loop, loop.sock_accept(server))
        await iterations(2)
        await loop.sock_connect(client, server.getsockname())
        connection, address = await task
        with connection:
            assert address == client.getsockname()
            assert connection.gettimeout() == 0
            await loop.sock_sendall(client, b"hello")
            assert await loop.sock_recv(connection, 10) == b"hello"


async def test_connections_that_queue_up_are_all_accepted(loop: Loop) -> None:
    with listener(backlog=50) as server:
        server.setblocking(False)
        task = start(loop, loop.sock_accept(server))
        await iterations(2)
        clients = [socket.create_connection(server.getsockname()) for _ in range(20)]
        accepted = [(await task)[0]]
        while len(accepted) < 20:
            accepted.append((await loop.sock_accept(server))[0])
        for sock in clients + accepted:
            sock.close()


async def test_a_refused_connection_says_so(loop: Loop) -> None:
    with listener() as server:
        address = server.getsockname()
    with socket.socket() as client:
        client.setblocking(False)
        with pytest.raises(ConnectionRefusedError) as error:
            await loop.sock_connect(client, address)
        assert error.value.args in (
            (111, f"Connect call failed {address}"),
            (111, "Connection refused"),
        )


@needs_datagram_methods
async def test_datagrams_come_with_their_senders_address(loop: Loop) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as left, socket.socket(type=socket.SOCK_DGRAM) as right:
        for sock in (left, right):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        buffer = bytearray(100)
        for _ in range(3):
            task = start(loop, loop.sock_recvfrom(left, 100))
            await iterations(2)
            assert await loop.sock_sendto(right, b"hello", left.getsockname()) == 5
            assert await task == (b"hello", right.getsockname())
            task = start(loop, loop.sock_recvfrom_into(left, buffer))
            await iterations(2)
            assert await loop.sock_sendto(right, b"abc", left.getsockname()) == 3
            assert await task == (3, right.getsockname())


async def test_a_large_datagram_is_not_cut(loop: Loop) -> None:
    left, right = socket.socketpair(type=socket.SOCK_DGRAM)
    with left, right:
        left.setblocking(False)
        right.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
        size = min(400_000, right.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2 - 1000)
        task = start(loop, loop.sock_recv(left, 1_000_000))
        await iterations(2)
        right.send(bytes(size))
        assert len(await task) == size


# ---- errors


async def test_a_closed_socket_is_a_bad_descriptor(loop: Loop, pair: Pair) -> None:
    pair[0].close()
    for coroutine in (
        loop.sock_recv(pair[0], 10),
        loop.sock_recv_into(pair[0], bytearray(10)),
        loop.sock_sendall(pair[0], b"x"),
        loop.sock_sendall(pair[0], b""),
        loop.sock_accept(pair[0]),
    ):
        with pytest.raises(OSError) as error:
            await coroutine
        assert error.value.args == (9, "Bad file descriptor")


async def test_wrong_arguments_are_refused_as_by_the_socket(loop: Loop, pair: Pair) -> None:
    for n, kind in ((-1, ValueError), ("1", TypeError), (1.0, TypeError), (2**70, OverflowError)):
        with pytest.raises(kind):
            await loop.sock_recv(pair[0], n)  # type: ignore[arg-type]
    for buffer in (b"fixed", "text", None):
        with pytest.raises(TypeError):
            await loop.sock_recv_into(pair[0], buffer)  # type: ignore[arg-type]
    for data in ("text", None, 1):
        with pytest.raises(TypeError):
            await loop.sock_sendall(pair[0], data)  # type: ignore[arg-type]
    assert await loop.sock_recv(pair[0], 0) == b""


async def test_a_lost_connection_is_raised_by_who_waits(loop: Loop) -> None:
    left, right = make_pair("tcp")
    with left, right:
        receiving = start(loop, loop.sock_recv(left, 10))
        await iterations(2)
        right.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        right.close()
        with pytest.raises(ConnectionResetError) as error:
            await receiving
        assert error.value.args == (104, "Connection reset by peer")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await loop.sock_sendall(left, b"x")


async def test_debug_mode_refuses_a_blocking_socket(loop: Loop, pair: Pair) -> None:
    loop.set_debug(True)
    pair[0].setblocking(True)
    coroutines = [
        loop.sock_recv(pair[0], 1),
        loop.sock_recv_into(pair[0], bytearray(1)),
        loop.sock_sendall(pair[0], b"x"),
        loop.sock_accept(pair[0]),
        loop.sock_connect(pair[0], ("127.0.0.1", 1)),
    ]
    if sys.version_info >= (3, 11):
        coroutines.append(loop.sock_recvfrom(pair[0], 1))
        coroutines.append(loop.sock_sendto(pair[0], b"x", None))
    for coroutine in coroutines:
        with pytest.raises(ValueError, match="the socket must be non-blocking"):
            await coroutine


async def test_a_blocking_socket_blocks_as_its_own_calls_do(loop: Loop, pair: Pair) -> None:
    pair[0].settimeout(0.01)
    with pytest.raises(TimeoutError):
        await loop.sock_recv(pair[0], 1)


async def test_tls_sockets_are_refused(loop: Loop, pair: Pair) -> None:
    ssl = pytest.importorskip("ssl")
    sock = mock.Mock(spec=ssl.SSLSocket)
    for coroutine in (
        loop.sock_recv(sock, 1),
        loop.sock_recv_into(sock, bytearray(1)),
        loop.sock_sendall(sock, b"x"),
        loop.sock_accept(sock),
        loop.sock_connect(sock, ("127.0.0.1", 1)),
    ):
        with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
            await coroutine


async def test_a_transports_descriptor_is_refused(loop: Loop, pair: Pair) -> None:
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=pair[0])
    with pytest.raises(RuntimeError, match="is used by transport"):
        await loop.sock_recv(pair[0], 1)
    with pytest.raises(RuntimeError, match="is used by transport"):
        await loop.sock_sendall(pair[0], bytes(5_000_000))
    transport.abort()
    await iterations(3)


async def test_a_socket_that_was_waited_on_can_become_a_transport(loop: Loop, pair: Pair) -> None:
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"first")
    assert await task == b"first"
    received: asyncio.Queue[bytes] = asyncio.Queue()

    class Protocol(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            received.put_nowait(data)

    transport, _ = await loop.create_connection(Protocol, sock=pair[0])
    with pytest.raises(RuntimeError, match="is used by transport"):
        await loop.sock_recv(pair[0], 1)
    pair[1].send(b"second")
    assert await received.get() == b"second"
    transport.close()
    await iterations(3)


async def test_a_replaced_method_of_the_socket_class_is_called(loop: Loop, pair: Pair) -> None:
    with mock.patch.object(socket.socket, "recv", lambda self, n: b"patched"):
        assert await loop.sock_recv(pair[0], 10) == b"patched"
    with mock.patch.object(socket.socket, "send", lambda self, data: len(data)):
        await loop.sock_sendall(pair[0], b"nowhere")

    class Quiet(socket.socket):
        def recv(self, *args: Any) -> bytes:
            return b"own"

    with Quiet(fileno=os.dup(pair[0].fileno())) as sock:
        sock.setblocking(False)
        assert await loop.sock_recv(sock, 10) == b"own"
    pair[1].send(b"x")
    assert await loop.sock_recv(pair[0], 10) == b"x"


# ---- waiting


async def test_a_second_reader_replaces_the_first(loop: Loop, pair: Pair) -> None:
    first = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    second = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"hello")
    assert await second == b"hello"
    await iterations(3)
    assert not first.done()
    await cancelled(first)
    third = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"again")
    assert await third == b"again"


async def test_cancelling_a_replaced_reader_leaves_the_one_that_replaced_it(loop: Loop, pair: Pair) -> None:
    first = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    second = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    await cancelled(first)
    await iterations(2)
    pair[1].send(b"hello")
    assert await second == b"hello"


async def test_reading_and_writing_wait_side_by_side(loop: Loop, pair: Pair) -> None:
    data = pattern(2_000_000)
    receiving = start(loop, loop.sock_recv(pair[0], 10))
    sending = start(loop, loop.sock_sendall(pair[0], data))
    await iterations(3)
    assert not receiving.done()
    assert not sending.done()
    pair[1].send(b"up")
    assert await receiving == b"up"
    received = bytearray()
    while len(received) < len(data):
        received += await loop.sock_recv(pair[1], 65_536)
    await sending
    assert received == data


async def test_add_reader_takes_the_place_of_a_waiting_receive(loop: Loop, pair: Pair) -> None:
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    called = asyncio.Event()
    loop.add_reader(pair[0], called.set)
    pair[1].send(b"hello")
    await called.wait()
    assert loop.remove_reader(pair[0])
    assert not task.done()
    await cancelled(task)
    assert not loop.remove_reader(pair[0])
    assert await loop.sock_recv(pair[0], 10) == b"hello"


async def test_a_waiting_receive_takes_the_place_of_add_reader(loop: Loop, pair: Pair) -> None:
    calls: list[int] = []
    loop.add_reader(pair[0], calls.append, 1)
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"hello")
    assert await task == b"hello"
    pair[1].send(b"more")
    await asyncio.sleep(0.01)
    assert not calls


async def test_remove_reader_ends_a_waiting_receive(loop: Loop, pair: Pair) -> None:
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    assert loop.remove_reader(pair[0])
    assert not loop.remove_reader(pair[0])
    pair[1].send(b"hello")
    await iterations(3)
    assert not task.done()
    await cancelled(task)


async def test_a_writer_and_a_waiting_receive_share_a_descriptor(loop: Loop, pair: Pair) -> None:
    calls: list[int] = []
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    loop.add_writer(pair[0], calls.append, 1)
    await until(lambda: len(calls) > 3)  # as long as it is ready
    pair[1].send(b"hello")
    assert await task == b"hello"
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    assert loop.remove_writer(pair[0])
    pair[1].send(b"again")
    assert await task == b"again"
    assert not loop.remove_writer(pair[0])


async def test_a_ready_socket_that_nobody_waits_for_costs_nothing(loop: Loop, pair: Pair) -> None:
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"hello")
    assert await task == b"hello"
    for _ in range(3):
        pair[1].send(b"unwanted")
        before = time.process_time()
        await asyncio.sleep(0.1)
        assert time.process_time() - before < 0.05
    assert await loop.sock_recv(pair[0], 100) == b"unwanted" * 3
    task = start(loop, loop.sock_recv(pair[0], 10))
    await iterations(2)
    pair[1].send(b"wanted")
    assert await task == b"wanted"


async def test_cancelling_before_and_after_readiness_loses_nothing(loop: Loop, pair: Pair) -> None:
    for turns in range(4):
        task = start(loop, loop.sock_recv(pair[0], 10))
        await iterations(2)
        pair[1].send(b"hello")
        await iterations(turns)
        if task.cancel():
            with suppress(asyncio.CancelledError):
                await task
        received = b"" if task.cancelled() else task.result()
        if not received:
            with suppress(BlockingIOError):  # asyncio's own loop may have taken the bytes with the task
                received = pair[0].recv(10)
        assert received in ((b"hello",) if loop_is_jloop(loop) else (b"hello", b""))


def loop_is_jloop(loop: Loop) -> bool:
    return type(loop).__module__.startswith("jloop")


async def test_no_waiter_is_left_behind(loop: Loop, pair: Pair) -> None:
    class Data(bytearray):
        pass

    data = Data(3_000_000)
    buffer = Data(10)
    kept = [weakref.ref(data), weakref.ref(buffer)]
    tasks = [start(loop, loop.sock_sendall(pair[0], data)), start(loop, loop.sock_recv_into(pair[0], buffer))]
    await iterations(3)
    for task in tasks:
        await cancelled(task)
    del tasks, task, data, buffer
    gc.collect()
    assert [ref() for ref in kept] == [None, None]
    assert not loop.remove_reader(pair[0])
    assert not loop.remove_writer(pair[0])


async def test_a_socket_that_is_dropped_is_freed(loop: Loop) -> None:
    left, right = make_pair("unix")
    with right:
        task = start(loop, loop.sock_recv(left, 10))
        await iterations(2)
        right.send(b"x")
        await task
        number = left.fileno()
        ref = weakref.ref(left)
        with pytest.warns(ResourceWarning):
            del left
            gc.collect()
        assert ref() is None
        with pytest.raises(OSError):
            os.fstat(number)


def test_a_loop_can_be_closed_while_somebody_waits(loop_factory: Any) -> None:
    def run() -> weakref.ref[Any]:
        loop = loop_factory()
        left, right = make_pair("unix")
        with left, right:
            coroutine = loop.sock_recv(left, 10)

            async def main() -> None:
                waiting = coroutine.send(None)
                assert not waiting.done()

            loop.run_until_complete(main())
            loop.close()
            coroutine.close()
        return weakref.ref(loop)

    ref = run()
    gc.collect()
    assert ref() is None


# ---- descriptors whose numbers are used again


async def waited_on(loop: Loop) -> Pair:
    """A pair whose left side has been waited on, so that something of it may be kept."""
    left, right = make_pair("unix")
    task = start(loop, loop.sock_recv(left, 10))
    await iterations(2)
    right.send(b"x")
    assert await task == b"x"
    return left, right


async def test_a_new_socket_with_an_old_number_is_waited_for(loop: Loop) -> None:
    for _ in range(5):
        left, right = await waited_on(loop)
        number = left.fileno()
        left.close()
        right.close()
        left, right = make_pair("unix")
        if right.fileno() == number:
            left, right = right, left
        with left, right:
            assert left.fileno() == number
            task = start(loop, loop.sock_recv(left, 10))
            await iterations(3)
            right.send(b"new")
            assert await asyncio.wait_for(task, 5) == b"new"


async def test_a_socket_object_at_an_old_address_is_told_from_the_old_one(loop: Loop) -> None:
    """An object may be freed and another one made at its address, with its descriptor's number too."""
    for _ in range(20):
        left, right = await waited_on(loop)
        left.close()
        right.close()
        del left, right


async def test_a_number_that_is_now_a_readers_or_a_transports_works(loop: Loop) -> None:
    left, right = await waited_on(loop)
    number = left.fileno()
    left.close()
    right.close()
    left, right = make_pair("unix")
    if right.fileno() == number:
        left, right = right, left
    with left, right:
        called = asyncio.Event()
        loop.add_reader(left, called.set)
        right.send(b"x")
        await asyncio.wait_for(called.wait(), 5)
        loop.remove_reader(left)
        assert left.recv(10) == b"x"

    left, right = await waited_on(loop)
    left.close()
    right.close()
    left, right = make_pair("unix")
    with right:
        reader, writer = await asyncio.open_connection(sock=left)
        right.send(b"hello")
        assert await asyncio.wait_for(reader.readexactly(5), 5) == b"hello"
        writer.close()
        await writer.wait_closed()


async def test_a_descriptor_put_over_another_is_waited_for_by_a_new_object(loop: Loop) -> None:
    left, right = await waited_on(loop)
    other, peer = make_pair("unix")
    with right, peer:
        os.dup2(other.fileno(), left.fileno())
        other.close()
        with socket.socket(fileno=left.detach()) as now:
            task = start(loop, loop.sock_recv(now, 10))
            await iterations(2)
            peer.send(b"y")
            assert await asyncio.wait_for(task, 5) == b"y"


async def test_a_duplicate_of_a_closed_descriptor_does_not_keep_the_loop_awake(loop: Loop) -> None:
    left, right = await waited_on(loop)
    with right, left.dup() as duplicate:
        left.close()
        for _ in range(5):
            right.send(b"for the duplicate")
            before = time.process_time()
            await asyncio.sleep(0.05)
            assert time.process_time() - before < 0.04
        task = start(loop, loop.sock_recv(duplicate, 1000))
        assert await task == b"for the duplicate" * 5
        task = start(loop, loop.sock_recv(duplicate, 1000))
        await iterations(2)
        right.send(b"more")
        assert await asyncio.wait_for(task, 5) == b"more"


# ---- all of it at once


async def test_bytes_are_exact_under_random_cancelling(loop: Loop) -> None:
    """Receivers that are cancelled at any moment lose nothing, on jloop; asyncio can lose what it has just received."""
    if not loop_is_jloop(loop):
        pytest.skip("asyncio gives the bytes to a future that is cancelled later")
    chance = random.Random(7)

    async def one(number: int) -> None:
        left, right = make_pair(("tcp", "unix")[number % 2])
        data = random.Random(number).randbytes(600_000)
        with left, right:
            sending = start(loop, loop.sock_sendall(left, data))
            received = bytearray()
            buffer = bytearray(7000)
            while len(received) < len(data):
                if chance.random() < 0.5:
                    task = start(loop, loop.sock_recv(right, chance.choice((1, 100, 10_000, 400_000))))
                else:
                    task = start(loop, loop.sock_recv_into(right, buffer))
                await iterations(chance.randrange(4))
                if chance.random() < 0.6:
                    task.cancel()
                if chance.random() < 0.02:
                    gc.collect()
                try:
                    result = await task
                except asyncio.CancelledError:
                    continue
                received += result if isinstance(result, bytes) else buffer[:result]
            await sending
            assert received == data

    await asyncio.gather(*(one(number) for number in range(20)))


async def test_many_sockets_come_and_go_without_a_leak(loop: Loop) -> None:
    async def echo(sock: socket.socket) -> None:
        with sock:
            while data := await loop.sock_recv(sock, 65_536):
                await loop.sock_sendall(sock, data)

    async def client(address: Any) -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            for size in (1, 5000, 200_000):
                data = pattern(size)
                sending = start(loop, loop.sock_sendall(sock, data))
                received = bytearray()
                while len(received) < size:
                    received += await loop.sock_recv(sock, 65_536)
                await sending
                assert received == data

    with listener(backlog=100) as server:
        server.setblocking(False)

        async def serve() -> None:
            async with Awaited() as tasks:
                while True:
                    connection, _ = await loop.sock_accept(server)
                    tasks.append(start(loop, echo(connection)))

        serving = start(loop, serve())
        for _ in range(5):
            await asyncio.gather(*(client(server.getsockname()) for _ in range(20)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(20):
            await asyncio.gather(*(client(server.getsockname()) for _ in range(20)))
        await cancelled(serving)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert after - before < 60_000  # KiB


class Awaited:
    """Tasks that are awaited when the block is left."""

    async def __aenter__(self) -> list[asyncio.Task[Any]]:
        self.tasks: list[asyncio.Task[Any]] = []
        return self.tasks

    async def __aexit__(self, *error: object) -> None:
        await asyncio.gather(*self.tasks)
