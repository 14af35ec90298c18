"""sendfile and sock_sendfile: natively, by fallback, whole and in part."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import client_context, server_context
from support import Loop, Recorder, connected, iterations, pattern, receive_all, tcp_socketpair

SIZE = 3_000_017
DATA = pattern(SIZE)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Any]:
    """A file of SIZE bytes, open at its start."""
    path = tmp_path / "data"
    path.write_bytes(DATA)
    with path.open("rb") as file:
        yield file


class Sink(Recorder):
    """Receives; keeps its own side open until it is closed."""

    answer_to_eof = True


@pytest.mark.parametrize("kind", ["tcp", "unix"])
class TestTransports:
    async def test_a_file_is_sent_whole(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (server, client):
            assert await loop.sendfile(client.transport, file) == SIZE
            assert file.tell() == SIZE
            assert await server.read(SIZE) == DATA

    async def test_what_is_written_before_and_after_keeps_its_place(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (server, client):
            client.transport.write(b"before" * 100_000)
            assert await loop.sendfile(client.transport, file) == SIZE
            client.transport.write(b"after")
            expected = b"before" * 100_000 + DATA + b"after"
            assert await server.read(len(expected)) == expected

    @pytest.mark.parametrize(
        ("offset", "count"), [(0, 10), (1000, 1000), (SIZE - 5, None), (SIZE - 5, 1000), (SIZE, 10), (5, SIZE)]
    )
    async def test_a_part_is_sent(self, loop: Loop, kind: str, file: Any, offset: int, count: int | None) -> None:
        expected = DATA[offset:] if count is None else DATA[offset : offset + count]
        async with connected(kind) as (server, client):
            assert await loop.sendfile(client.transport, file, offset, count) == len(expected)
            assert file.tell() == (offset + len(expected) if expected else 0)
            client.transport.write(b".")
            assert await server.read(len(expected) + 1) == expected + b"."

    async def test_several_files_follow_one_another(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (server, client):
            for start in range(0, 1_000_000, 100_000):
                await loop.sendfile(client.transport, file, start, 100_000)
            assert await server.read(1_000_000) == DATA[:1_000_000]

    async def test_an_object_that_is_no_real_file_is_read_instead(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (server, client):
            memory = io.BytesIO(DATA)
            assert await loop.sendfile(client.transport, memory, 100, 200_000) == 200_000
            assert memory.tell() == 200_100
            assert await server.read(200_000) == DATA[100:200_100]

    async def test_without_fallback_an_object_that_is_no_real_file_is_refused(self, loop: Loop, kind: str) -> None:
        async with connected(kind) as (_, client):
            with pytest.raises((RuntimeError, NotImplementedError)):
                await loop.sendfile(client.transport, io.BytesIO(DATA), fallback=False)

    async def test_a_closing_transport_is_refused(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (_, client):
            client.transport.close()
            with pytest.raises(RuntimeError, match="Transport is closing"):
                await loop.sendfile(client.transport, file)

    async def test_a_receiver_that_goes_away_meanwhile_is_an_error(self, loop: Loop, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "large"
        path.write_bytes(b"x" * 10_000_000)
        with path.open("rb") as large:
            async with connected(kind) as (server, client):
                server.transport.pause_reading()
                sending = loop.create_task(loop.sendfile(client.transport, large))
                await iterations(3)
                assert not sending.done()
                server.transport.abort()
                with pytest.raises(ConnectionError):
                    await sending

    async def test_reading_goes_on_during_sendfile(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (server, client):
            sending = loop.create_task(loop.sendfile(client.transport, file))
            server.transport.write(b"meanwhile")
            assert await client.read(9) == b"meanwhile"
            assert await sending == SIZE
            assert await server.read(SIZE) == DATA

    async def test_a_cancelled_one_stops_sending(self, loop: Loop, kind: str, file: Any) -> None:
        async with connected(kind) as (server, client):
            server.transport.pause_reading()
            sending = loop.create_task(loop.sendfile(client.transport, file))
            await iterations(3)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert file.tell() < SIZE
            client.transport.abort()
            await client.wait_for("lost")
            server.transport.resume_reading()
            await server.wait_for("lost")
            assert DATA.startswith(server.data)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"offset": -1}, ValueError),
        ({"count": 0}, ValueError),
        ({"count": -1}, ValueError),
        ({"offset": 1.5}, TypeError),
        ({"count": "1"}, TypeError),
    ],
    ids=str,
)
async def test_impossible_parts_are_refused(
    loop: Loop, file: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    left, right = tcp_socketpair()
    left.setblocking(False)
    with left, right, pytest.raises(error):
        await loop.sock_sendfile(left, file, **options)


async def test_a_file_in_text_mode_is_refused(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("text")
    left, right = tcp_socketpair()
    left.setblocking(False)
    with left, right, path.open() as text, pytest.raises(ValueError, match="binary mode"):
        await loop.sock_sendfile(left, text)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:unclosed transport <asyncio.sslproto:ResourceWarning")  # 3.10's own
async def test_over_tls_a_file_is_read_and_sent(loop: Loop, file: Any) -> None:
    sinks: list[Sink] = []

    def accept() -> Sink:
        sinks.append(Sink())
        return sinks[0]

    server = await loop.create_server(accept, "127.0.0.1", 0, ssl=server_context())
    transport, client = await loop.create_connection(
        Recorder, *server.sockets[0].getsockname(), ssl=client_context(), server_hostname="localhost"
    )
    transport.write(b"before")
    assert await loop.sendfile(transport, file, 10) == SIZE - 10
    transport.write(b"after")
    expected = b"before" + DATA[10:] + b"after"
    assert await sinks[0].read(len(expected)) == expected
    with pytest.raises(RuntimeError):
        await loop.sendfile(transport, file, fallback=False)
    transport.close()
    await client.wait_for("lost")
    await sinks[0].wait_for("lost")
    server.close()
    await server.wait_closed()


class TestSockets:
    async def send(self, loop: Loop, call: Callable[[socket.socket], Any]) -> tuple[Any, bytes]:
        """What `call(sock)` returns, and what the peer receives."""
        left, right = tcp_socketpair()
        left.setblocking(False)
        with left, right:
            received = loop.run_in_executor(None, receive_all, right)
            result = await call(left)
            left.shutdown(socket.SHUT_WR)
            return result, await received

    async def test_a_file_is_sent_whole(self, loop: Loop, file: Any) -> None:
        assert await self.send(loop, lambda sock: loop.sock_sendfile(sock, file)) == (SIZE, DATA)
        assert file.tell() == SIZE

    async def test_a_part_is_sent(self, loop: Loop, file: Any) -> None:
        sent = await self.send(loop, lambda sock: loop.sock_sendfile(sock, file, 5, 100_000))
        assert sent == (100_000, DATA[5:100_005])
        assert file.tell() == 100_005

    async def test_an_empty_file_is_sent(self, loop: Loop, tmp_path: Path) -> None:
        (tmp_path / "empty").write_bytes(b"")
        with (tmp_path / "empty").open("rb") as empty:
            assert await self.send(loop, lambda sock: loop.sock_sendfile(sock, empty)) == (0, b"")

    async def test_an_object_that_is_no_real_file_is_read_instead(self, loop: Loop) -> None:
        memory = io.BytesIO(DATA)
        assert await self.send(loop, lambda sock: loop.sock_sendfile(sock, memory, 7)) == (SIZE - 7, DATA[7:])

    async def test_a_cancelled_one_leaves_the_socket_usable(self, loop: Loop, file: Any) -> None:
        left, right = tcp_socketpair()
        left.setblocking(False)
        with left, right:
            task = loop.create_task(loop.sock_sendfile(left, file))
            await iterations(3)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not loop.remove_writer(left)
            left.setblocking(True)
            received = loop.run_in_executor(None, receive_all, right)
            await loop.run_in_executor(None, left.sendall, b"after")
            left.shutdown(socket.SHUT_WR)
            sent = await received
            assert sent.endswith(b"after")
            assert DATA.startswith(sent[:-5])
