"""Exceptions out of protocol callbacks, and errors of connections."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support import (
    BufferedRecorder,
    Echo,
    Loop,
    LoopErrors,
    Recorder,
    connected,
    iterations,
    reset,
    tcp_socketpair,
    until,
)


class InCallbackError(Exception):
    pass


def failing(method: str, base: type[Any] = Recorder) -> Callable[[], Any]:
    """A protocol of class `base` that raises out of `method`, after doing what it does."""

    def fail(self: Any, *args: object) -> Any:
        getattr(base, method)(self, *args)
        raise InCallbackError(method)

    return type("Failing", (base,), {method: fail})


async def test_an_exception_in_data_received_closes_the_connection(loop: Loop, errors: LoopErrors) -> None:
    async with connected("tcp", failing("data_received")) as (server, client):
        client.transport.write(b"data")
        await server.wait_for("lost")
        await client.wait_for("lost")
        assert isinstance(server.error, InCallbackError)
        assert server.events == ["made", "lost"]
    context = errors.take_one()
    assert context["message"] == "Fatal error: protocol.data_received() call failed."
    assert context["exception"] is server.error
    assert context["transport"] is server.transport
    assert context["protocol"] is server


async def test_an_exception_in_eof_received_closes_the_connection(loop: Loop, errors: LoopErrors) -> None:
    async with connected("tcp", failing("eof_received")) as (server, client):
        client.transport.write_eof()
        await server.wait_for("lost")
        assert isinstance(server.error, InCallbackError)
    assert errors.take_one()["message"] == "Fatal error: protocol.eof_received() call failed."


async def test_an_exception_in_connection_lost_is_reported_and_the_descriptor_is_closed(
    loop: Loop, errors: LoopErrors
) -> None:
    async with connected("tcp", failing("connection_lost")) as (server, client):
        sock = server.transport.get_extra_info("socket")
        client.transport.close()
        await server.wait_for("lost")
        await iterations(2)
        assert sock.fileno() == -1
    assert isinstance(errors.take_one()["exception"], InCallbackError)


async def test_an_exception_in_connection_made_of_a_server_is_reported(loop: Loop, errors: LoopErrors) -> None:
    server = await loop.create_server(failing("connection_made"), "127.0.0.1", 0)
    transport, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
    await until(lambda: errors)
    assert isinstance(errors.take_one()["exception"], InCallbackError)
    transport.close()
    await client.wait_for("lost")
    server.close()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_an_exception_in_a_protocol_factory_refuses_the_connection(loop: Loop, errors: LoopErrors) -> None:
    """Reported in debug mode only."""
    loop.set_debug(True)

    def factory() -> Any:
        raise InCallbackError("factory")

    server = await loop.create_server(factory, "127.0.0.1", 0)
    _, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
    await until(lambda: errors)
    context = errors.take_one()
    assert isinstance(context["exception"], InCallbackError)
    assert context["message"] == "Error on transport creation for incoming connection"
    del context  # its traceback holds the socket
    gc.collect()
    await client.wait_for("lost")
    server.close()
    await server.wait_closed()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_an_exception_in_the_factory_of_a_client_is_raised_there(loop: Loop) -> None:
    def factory() -> Any:
        raise InCallbackError("factory")

    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    with pytest.raises(InCallbackError):
        await loop.create_connection(factory, *server.sockets[0].getsockname())
    server.close()


@pytest.mark.parametrize("method", ["get_buffer", "buffer_updated"])
async def test_an_exception_in_a_buffered_protocol_closes_the_connection(
    loop: Loop, errors: LoopErrors, method: str
) -> None:
    async with connected("tcp", failing(method, BufferedRecorder)) as (server, client):
        client.transport.write(b"data")
        await server.wait_for("lost")
        assert isinstance(server.error, InCallbackError)
    assert method in errors.take_one()["message"]


@pytest.mark.parametrize(
    "bad", [bytearray(), b"read-only", None, 5, memoryview(b"read-only")], ids=lambda bad: type(bad).__name__
)
async def test_a_bad_buffer_of_a_buffered_protocol_closes_the_connection(
    loop: Loop, errors: LoopErrors, bad: Any
) -> None:
    class Bad(BufferedRecorder):
        def get_buffer(self, sizehint: int) -> Any:
            return bad

    async with connected("tcp", Bad) as (server, client):
        client.transport.write(b"data")
        await server.wait_for("lost")
        assert isinstance(server.error, (RuntimeError, TypeError, BufferError, ValueError))
    assert errors.take_one()["exception"] is server.error


@pytest.mark.parametrize("error", [ValueError, OSError, asyncio.CancelledError, StopIteration, GeneratorExit])
async def test_an_exception_of_any_kind_in_data_received_ends_only_that_connection(
    loop: Loop, errors: LoopErrors, error: type[BaseException]
) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            raise error("from data_received")

    async with connected("tcp", Echo) as (_, healthy), connected("tcp", Failing) as (server, client):
        client.transport.write(b"data")
        await server.wait_for("lost")
        healthy.transport.write(b"fine")
        assert await healthy.read(4) == b"fine"
    if error is OSError:  # an error of the connection like any other
        assert str(server.error) == "from data_received"
    else:
        assert errors.take_one()["exception"].args == ("from data_received",)


class TestReset:
    async def test_a_reset_while_reading_is_connection_losts_error(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        _, protocol = await loop.create_connection(Recorder, sock=left)
        reset(right)
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, ConnectionResetError)
        assert protocol.error.errno == errno.ECONNRESET
        assert protocol.events == ["made", "lost"]

    async def test_a_reset_is_told_to_a_buffered_protocol(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        _, protocol = await loop.create_connection(BufferedRecorder, sock=left)
        reset(right)
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, ConnectionResetError)

    async def test_a_reset_of_a_connection_with_unread_data_is_no_error_of_the_loop(self, loop: Loop) -> None:
        """Ordinary ends of connections are not worth the exception handler: the fixture fails if it is called."""
        for _ in range(20):
            left, right = tcp_socketpair()
            transport, protocol = await loop.create_connection(Recorder, sock=left)
            right.send(b"data")
            transport.write(b"unread")
            reset(right)
            await protocol.wait_for("lost")
            assert isinstance(protocol.error, (ConnectionResetError, BrokenPipeError))

    async def test_writing_to_a_peer_that_is_gone_ends_the_connection(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.pause_reading()
        right.close()
        while "lost" not in protocol.events:
            transport.write(b"x" * 1000)
            await asyncio.sleep(0.0005)
        assert isinstance(protocol.error, (ConnectionResetError, BrokenPipeError))

    async def test_a_reset_with_much_left_to_write_drops_it(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.write(b"x" * 8_000_000)
        assert transport.get_write_buffer_size() > 0
        reset(right)
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, (ConnectionResetError, BrokenPipeError))
        assert transport.is_closing()

    async def test_a_reset_while_closing_still_ends_in_connection_lost(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.write(b"x" * 8_000_000)
        transport.close()
        reset(right)
        await protocol.wait_for("lost")
        assert protocol.events.count("lost") == 1

    async def test_a_pending_reset_is_found_when_reading_resumes(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        transport.pause_reading()
        reset(right)
        await asyncio.sleep(0.002)
        transport.resume_reading()
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, ConnectionResetError)

    async def test_aborting_resets_nothing_for_a_peer_that_read_everything(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            client.transport.write(b"data")
            await server.read(4)
            client.transport.abort()
            await server.wait_for("lost")
            assert server.error is None


class TestRefused:
    async def test_a_refused_connection_raises(self, loop: Loop, free_port: int) -> None:
        with pytest.raises(ConnectionRefusedError) as raised:
            await loop.create_connection(Recorder, "127.0.0.1", free_port)
        assert raised.value.errno == errno.ECONNREFUSED
        assert str(("127.0.0.1", free_port)) in str(raised.value)

    async def test_a_refused_unix_connection_raises(self, loop: Loop, tmp_path: Any) -> None:
        with pytest.raises(FileNotFoundError):
            await loop.create_unix_connection(Recorder, str(tmp_path / "nothing"))
        with socket.socket(socket.AF_UNIX) as bound:
            path = str(tmp_path / "s")
            bound.bind(path)
            with pytest.raises(ConnectionRefusedError):
                await loop.create_unix_connection(Recorder, path)

    async def test_a_name_that_does_not_exist_raises(self, loop: Loop) -> None:
        with pytest.raises(socket.gaierror):
            await loop.create_connection(Recorder, "no-such-host.invalid", 80)

    async def test_an_address_that_is_in_use_raises(self, loop: Loop) -> None:
        server = await loop.create_server(Recorder, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError) as raised:
            await loop.create_server(Recorder, "127.0.0.1", port)
        assert raised.value.errno == errno.EADDRINUSE
        assert "error while attempting to bind on address ('127.0.0.1'" in str(raised.value)
        server.close()

    async def test_a_local_address_that_is_not_ours_raises(self, loop: Loop) -> None:
        with pytest.raises(OSError, match="error while attempting to bind on address"):
            await loop.create_connection(Recorder, "127.0.0.1", 1, local_addr=("192.0.2.1", 0))

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="all_errors came in 3.12")
    async def test_all_errors_are_raised_as_a_group(self, loop: Loop, free_port: int) -> None:
        with pytest.raises(BaseException) as raised:
            await loop.create_connection(Recorder, "127.0.0.1", free_port, all_errors=True)
        assert type(raised.value).__name__ == "ExceptionGroup"
        assert [type(error) for error in raised.value.exceptions] == [ConnectionRefusedError]  # type: ignore[attr-defined]


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    ("buffer", "message", "error"),
    [
        (b"", "Fatal error: protocol.get_buffer() call failed.", RuntimeError),
        (None, "Fatal error: protocol.get_buffer() call failed.", TypeError),
        (b"read-only", "Fatal read error on socket transport", TypeError),
        (memoryview(bytearray(10))[::2], "Fatal read error on socket transport", TypeError),
    ],
)
async def test_a_buffer_that_cannot_be_filled(
    loop: Loop, errors: LoopErrors, buffer: Any, message: str, error: type[BaseException]
) -> None:
    class Lending(asyncio.BufferedProtocol):
        def get_buffer(self, sizehint: int) -> Any:
            return buffer

    ours, theirs = socket.socketpair()
    with theirs:
        transport, _ = await loop.create_connection(Lending, sock=ours)
        theirs.send(b"data")
        await until(lambda: errors)
        context = errors.take_one()
        assert context["message"] == message
        assert type(context["exception"]) is error
        assert transport.is_closing()
        await asyncio.sleep(0)
