"""add_reader and add_writer: descriptors that the loop watches for somebody."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from support import Loop, LoopErrors, LoopFactory, Recorder, iterations, until

Sockets = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Sockets]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


def fill(sock: socket.socket) -> None:
    """Send until the kernel takes no more."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(b"x" * 65536)


async def test_a_reader_is_called_when_there_is_something_to_read(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    got: list[object] = []
    loop.add_reader(left, lambda *args: got.append((left.recv(100), args)), 1, "two")
    await iterations(3)
    assert got == []
    right.send(b"data")
    await until(lambda: got)
    assert got == [(b"data", (1, "two"))]
    assert loop.remove_reader(left)


async def test_a_reader_is_called_again_while_there_is_more(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    got: list[bytes] = []
    loop.add_reader(left, lambda: got.append(left.recv(1)))
    right.send(b"abcde")
    await until(lambda: len(got) == 5)
    assert b"".join(got) == b"abcde"
    loop.remove_reader(left)


async def test_hundreds_of_readers_that_never_stop_are_called_equally_often(loop: Loop) -> None:
    calls = [0] * 300  # more than the kernel is asked for at a time
    with contextlib.ExitStack() as stack:
        for number in range(len(calls)):
            reader, writer = os.pipe()
            stack.callback(os.close, reader)
            stack.callback(os.close, writer)
            os.write(writer, b"x")

            def ready(number: int = number) -> None:
                calls[number] += 1

            loop.add_reader(reader, ready)
            stack.callback(loop.remove_reader, reader)
        await until(lambda: max(calls) >= 20)
        assert min(calls) >= 19


async def test_a_reader_that_does_not_read_is_called_every_iteration(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[int] = []
    right.send(b"x")
    loop.add_reader(left, calls.append, 1)
    await until(lambda: len(calls) >= 5)
    loop.remove_reader(left)
    count = len(calls)
    await iterations(3)
    assert len(calls) == count


async def test_a_writer_is_called_while_there_is_room(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[int] = []
    loop.add_writer(left, calls.append, 1)
    await until(lambda: len(calls) >= 3)
    fill(left)
    await iterations(3)
    count = len(calls)
    await iterations(5)
    assert len(calls) == count
    with contextlib.suppress(BlockingIOError):
        while right.recv(65536):
            pass
    await until(lambda: len(calls) > count)
    assert loop.remove_writer(left)


async def test_one_descriptor_may_have_a_reader_and_a_writer(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, lambda: calls.append("reader"))
    loop.add_writer(left, lambda: calls.append("writer"))
    await until(lambda: "writer" in calls)
    assert "reader" not in calls
    assert loop.remove_writer(left)
    right.send(b"x")
    calls.clear()
    await until(lambda: "reader" in calls)
    assert "writer" not in calls
    assert loop.remove_reader(left)
    assert not loop.remove_reader(left)
    assert not loop.remove_writer(left)


async def test_both_are_called_when_both_are_ready(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[str] = []
    right.send(b"x")
    loop.add_writer(left, lambda: calls.append("writer"))
    loop.add_reader(left, lambda: calls.append("reader"))
    await until(lambda: len(calls) >= 2)
    assert calls[:2] == ["reader", "writer"]
    loop.remove_reader(left)
    loop.remove_writer(left)


async def test_a_second_reader_replaces_the_first(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, calls.append, "first")
    loop.add_reader(left, calls.append, "second")
    right.send(b"x")
    await until(lambda: calls)
    assert set(calls) == {"second"}
    loop.remove_reader(left)


async def test_replacing_a_writer_keeps_the_reader(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    calls: list[str] = []
    loop.add_reader(left, calls.append, "reader")
    loop.add_writer(left, calls.append, "first writer")
    loop.add_writer(left, calls.append, "second writer")
    right.send(b"x")
    await until(lambda: {"reader", "second writer"} <= set(calls))
    assert "first writer" not in calls
    loop.remove_reader(left)
    loop.remove_writer(left)


async def test_a_callback_may_remove_itself_and_add_another(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    got: list[bytes] = []

    def first() -> None:
        got.append(b"first " + left.recv(1))
        loop.remove_reader(left)
        loop.add_reader(left, second)

    def second() -> None:
        got.append(b"second " + left.recv(1))
        loop.remove_reader(left)

    loop.add_reader(left, first)
    right.send(b"abc")
    await until(lambda: len(got) == 2)
    await iterations(3)
    assert got == [b"first a", b"second b"]


async def test_a_reader_removed_by_another_callback_of_the_same_poll_is_not_called(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    called: list[int] = []

    def callback(number: int) -> None:
        called.append(number)
        for left, _ in pairs:
            loop.remove_reader(left)

    for number, (left, right) in enumerate(pairs):
        right.send(b"x")
        loop.add_reader(left, callback, number)
    await iterations(5)
    assert len(called) == 1
    for left, right in pairs:
        left.close()
        right.close()


@pytest.mark.parametrize("watch", ["socket", "number", "file"])
async def test_what_is_watched_may_be_a_number_or_an_object_with_one(loop: Loop, watch: str) -> None:
    reading, writing = os.pipe()
    file = open(reading, "rb", buffering=0)  # noqa: SIM115
    target: Any = {"socket": file, "number": reading, "file": type("F", (), {"fileno": lambda self: reading})()}[watch]
    ready = loop.create_future()
    loop.add_reader(target, lambda: ready.done() or ready.set_result(file.read(100)))
    os.write(writing, b"pipe")
    assert await ready == b"pipe"
    assert loop.remove_reader(reading)
    file.close()
    os.close(writing)


@pytest.mark.parametrize("bad", [-1, "text", None, object()], ids=["negative", "text", "None", "object"])
async def test_what_is_no_descriptor_is_refused(loop: Loop, bad: Any) -> None:
    for add in (loop.add_reader, loop.add_writer):
        with pytest.raises(ValueError):
            add(bad, print)
    for remove in (loop.remove_reader, loop.remove_writer):
        with pytest.raises(ValueError):
            remove(bad)


async def test_a_closed_descriptor_cannot_be_watched(loop: Loop) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError):
        loop.add_reader(reading, print)
    with pytest.raises(OSError):
        loop.add_writer(reading, print)
    assert not loop.remove_reader(reading)


async def test_a_closed_file_object_cannot_be_watched(loop: Loop, pair: Sockets) -> None:
    left, _ = pair
    left.close()
    with pytest.raises(ValueError):
        loop.add_reader(left, print)


async def test_a_regular_file_cannot_be_watched(loop: Loop, tmp_path: Any) -> None:
    with open(tmp_path / "file", "w+b") as file, pytest.raises(PermissionError):
        loop.add_reader(file, print)


async def test_the_end_of_a_pipe_is_readable(loop: Loop) -> None:
    reading, writing = os.pipe()
    ready = loop.create_future()
    loop.add_reader(reading, lambda: ready.done() or ready.set_result(os.read(reading, 1)))
    os.close(writing)
    assert await ready == b""
    loop.remove_reader(reading)
    os.close(reading)


async def test_a_pipe_whose_reader_is_gone_is_writable(loop: Loop) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 65536)
    broken = loop.create_future()

    def try_to_write() -> None:
        try:
            os.write(writing, b"x")
        except OSError as error:
            if not broken.done():
                broken.set_result(error)

    loop.add_writer(writing, try_to_write)
    await iterations(3)
    assert not broken.done()
    os.close(reading)
    assert isinstance(await broken, BrokenPipeError)
    loop.remove_writer(writing)
    os.close(writing)


async def test_a_connection_that_fails_is_writable(loop: Loop) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with socket.socket() as sock:
            sock.setblocking(False)
            sock.connect_ex(unused.getsockname())
            ready = loop.create_future()
            loop.add_writer(sock, lambda: ready.done() or ready.set_result(None))
            await ready
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
            loop.remove_writer(sock)


async def test_descriptors_of_transports_are_refused(loop: Loop, pair: Sockets) -> None:
    left, _ = pair
    transport, protocol = await loop.create_connection(Recorder, sock=left)
    calls = [loop.add_reader, loop.add_writer]
    for call in calls:
        for target in (left, left.fileno()):
            with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport"):
                call(target, print)
    for remove in (loop.remove_reader, loop.remove_writer):
        with pytest.raises(RuntimeError, match="is used by transport"):
            remove(left)
    transport.abort()
    await protocol.wait_for("lost")
    await iterations(2)


async def test_what_was_closed_while_watched_can_still_be_removed(loop: Loop, pair: Sockets) -> None:
    """A closed socket has no number to ask for; asyncio's selector finds it by its identity, and anyio relies on it."""
    left, right = pair
    loop.add_reader(left, print)
    loop.add_writer(right, print)
    left.close()
    right.close()
    assert loop.remove_reader(left)
    assert loop.remove_writer(right)
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        loop.remove_reader(left)


async def test_a_file_is_let_go_when_it_is_removed(loop: Loop) -> None:
    left, right = socket.socketpair()
    gone = weakref.ref(left)
    with right:
        loop.add_reader(left, print)
        loop.remove_reader(left)
        left.close()
        del left
        gc.collect()
        assert gone() is None


async def test_a_number_is_free_again_after_the_transport_is_closed(loop: Loop) -> None:
    for _ in range(20):
        left, right = socket.socketpair()
        fd = left.fileno()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.close()
        await protocol.wait_for("lost")
        await iterations(2)
        right.close()
        left, right = socket.socketpair()
        with left, right:
            if fd in (left.fileno(), right.fileno()):
                loop.add_reader(fd, print)
                assert loop.remove_reader(fd)


async def test_a_number_closed_while_watched_and_used_again_is_watched_anew(loop: Loop) -> None:
    """The kernel forgets a closed descriptor; a poller that keeps its own list must not trust it blindly."""
    for _ in range(10):
        reading, writing = os.pipe()
        loop.add_reader(reading, pytest.fail, "the old pipe is gone")
        await iterations(1)
        os.close(reading)
        os.close(writing)
        loop.remove_reader(reading)
        again, writing = os.pipe()
        assert again == reading
        ready = loop.create_future()
        loop.add_reader(again, lambda ready=ready: ready.done() or ready.set_result(None))  # type: ignore[misc]
        os.write(writing, b"x")
        await asyncio.wait_for(ready, 5)
        loop.remove_reader(again)
        os.close(again)
        os.close(writing)


async def test_a_duplicate_left_open_does_not_call_a_removed_reader(loop: Loop) -> None:
    left, right = socket.socketpair()
    duplicate = left.dup()
    calls: list[int] = []
    loop.add_reader(left, calls.append, 1)
    loop.remove_reader(left)
    left.close()
    right.send(b"x")
    await iterations(5)
    assert calls == []
    duplicate.close()
    right.close()


async def test_a_reader_that_raises_is_reported_and_stays(loop: Loop, errors: LoopErrors, pair: Sockets) -> None:
    left, right = pair

    def fail() -> None:
        raise LookupError(left.recv(1))

    loop.add_reader(left, fail)
    right.send(b"ab")
    await until(lambda: len(errors) == 2)
    first, second = errors.take()
    assert str(first["exception"]) == "b'a'"
    assert str(second["exception"]) == "b'b'"
    assert "handle" in first
    loop.remove_reader(left)


async def test_hundreds_of_descriptors_are_watched_at_once(loop: Loop) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1500, (soft - 100) // 2)
    pipes = [os.pipe() for _ in range(count)]
    got: set[int] = set()

    def readable(number: int) -> None:
        os.read(pipes[number][0], 1)
        got.add(number)

    for number, (reading, _) in enumerate(pipes):
        loop.add_reader(reading, readable, number)
    for _, writing in pipes[::2]:
        os.write(writing, b"x")
    await until(lambda: len(got) == (count + 1) // 2)
    assert got == set(range(0, count, 2))
    for reading, writing in pipes:
        assert loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


async def test_descriptors_with_large_numbers_are_watched(loop: Loop) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    reading, writing = os.pipe()
    large = soft - 2
    os.dup2(reading, large)
    ready = loop.create_future()
    loop.add_reader(large, lambda: ready.done() or ready.set_result(os.read(large, 1)))
    os.write(writing, b"x")
    assert await ready == b"x"
    loop.remove_reader(large)
    for fd in (reading, writing, large):
        os.close(fd)


def test_closing_the_loop_leaves_watched_descriptors_open(loop_factory: LoopFactory, pair: Sockets) -> None:
    left, right = pair
    loop = loop_factory()
    loop.add_reader(left, print)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    right.send(b"still open")
    assert left.recv(100) == b"still open"


def test_a_closed_loop_refuses(loop_factory: LoopFactory, pair: Sockets) -> None:
    loop = loop_factory()
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.add_reader(pair[0], print)
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.add_writer(pair[0], print)


def test_readers_stay_between_runs(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    got: list[bytes] = []

    def readable() -> None:
        got.append(left.recv(10))
        loop.stop()

    loop.add_reader(left, readable)
    for word in (b"one", b"two"):
        right.send(word)
        loop.run_forever()
    assert got == [b"one", b"two"]
    loop.remove_reader(left)


def test_one_descriptor_may_be_watched_by_two_loops(loop_factory: LoopFactory, pair: Sockets) -> None:
    left, right = pair
    loops = [loop_factory(), loop_factory()]
    right.send(b"x")
    for loop in loops:
        loop.add_reader(left, loop.stop)
    for loop in loops:
        loop.run_forever()
        loop.remove_reader(left)
        loop.close()


async def test_terminals_are_watched(loop: Loop) -> None:
    controller, terminal = os.openpty()
    ready = loop.create_future()
    loop.add_reader(controller, lambda: ready.done() or ready.set_result(os.read(controller, 100)))
    os.write(terminal, b"typed")
    assert await ready == b"typed"
    loop.remove_reader(controller)
    os.close(controller)
    os.close(terminal)


async def test_the_selector_tells_what_is_polled_by_socket_as_by_descriptor(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    loop.add_reader(left, print)
    assert loop._selector.get_key(left).events == loop._selector.get_key(left.fileno()).events == 1
    loop.remove_reader(left)
    for file in (left, left.fileno(), right):
        with pytest.raises(KeyError):
            loop._selector.get_key(file)


async def test_the_selector_forgets_a_socket_when_the_wait_for_it_is_over(loop: Loop, pair: Sockets) -> None:
    left, right = pair
    waiting = asyncio.ensure_future(loop.sock_recv(left, 10))
    await asyncio.sleep(0)
    assert loop._selector.get_key(left).events == 1
    right.send(b"data")
    assert await waiting == b"data"
    with pytest.raises(KeyError):
        loop._selector.get_key(left)
