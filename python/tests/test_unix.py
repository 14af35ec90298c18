"""What is particular to Unix sockets: paths, abstract names, files left behind, credentials."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Echo, Loop, Recorder, receive_exactly, socket_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with socket_folder() as folder:
        yield folder


async def ask(loop: Loop, path: Any) -> bytes:
    transport, protocol = await loop.create_unix_connection(Recorder, path)
    transport.write(b"question")
    answer = await protocol.read(8)
    transport.close()
    await protocol.wait_for("lost")
    return answer


@pytest.mark.parametrize("kind", [str, Path, os.fsencode], ids=["str", "Path", "bytes"])
async def test_a_path_may_be_text_path_or_bytes(loop: Loop, folder: Path, kind: Any) -> None:
    path = kind(str(folder / "s"))
    server = await loop.create_unix_server(Echo, path)
    assert await ask(loop, path) == b"question"
    server.close()
    await server.wait_closed()


async def test_a_path_may_have_any_characters(loop: Loop, folder: Path) -> None:
    path = folder / "söcket ☃ with spaces"
    server = await loop.create_unix_server(Echo, path)
    assert await ask(loop, path) == b"question"
    server.close()
    await server.wait_closed()


async def test_an_abstract_name_needs_no_file(loop: Loop) -> None:
    name = f"\0jloop-test-{os.getpid()}"
    server = await loop.create_unix_server(Echo, name)
    assert server.sockets[0].getsockname() == name.encode()
    transport, protocol = await loop.create_unix_connection(Recorder, name)
    assert transport.get_extra_info("peername") == name.encode()
    transport.write(b"x")
    assert await protocol.read(1) == b"x"
    transport.close()
    await protocol.wait_for("lost")
    server.close()
    await server.wait_closed()


async def test_names_are_paths_and_a_client_has_none(loop: Loop, folder: Path) -> None:
    names: list[Any] = []

    class Looking(Echo):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            names.append((transport.get_extra_info("sockname"), transport.get_extra_info("peername")))

    path = str(folder / "s")
    server = await loop.create_unix_server(Looking, path)
    transport, protocol = await loop.create_unix_connection(Recorder, path)
    assert (transport.get_extra_info("sockname"), transport.get_extra_info("peername")) == ("", path)
    transport.write(b"x")
    await protocol.read(1)
    assert names == [(path, "")]
    transport.close()
    await protocol.wait_for("lost")
    server.close()
    await server.wait_closed()


async def test_a_stale_socket_file_is_replaced(loop: Loop, folder: Path) -> None:
    path = folder / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    server = await loop.create_unix_server(Echo, path)
    assert await ask(loop, path) == b"question"
    server.close()
    await server.wait_closed()


async def test_an_ordinary_file_is_not_replaced(loop: Loop, folder: Path) -> None:
    path = folder / "file"
    path.write_text("precious")
    with pytest.raises(OSError) as raised:
        await loop.create_unix_server(Echo, path)
    assert raised.value.errno == errno.EADDRINUSE
    assert path.read_text() == "precious"


async def test_a_folder_that_does_not_exist_is_an_error(loop: Loop, folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await loop.create_unix_server(Echo, folder / "missing" / "s")


async def test_a_path_that_is_too_long_is_an_error(loop: Loop, folder: Path) -> None:
    with pytest.raises(OSError, match="AF_UNIX path too long"):
        await loop.create_unix_server(Echo, folder / ("x" * 200))
    with pytest.raises(OSError, match="AF_UNIX path too long"):
        await loop.create_unix_connection(Echo, str(folder / ("x" * 200)))


class TestSocketFile:
    """The file of a server that closes: removed from 3.13 on, if it is still the server's own."""

    async def test_it_is_there_while_serving(self, loop: Loop, folder: Path) -> None:
        path = folder / "s"
        server = await loop.create_unix_server(Echo, path)
        assert stat.S_ISSOCK(path.stat().st_mode)
        server.close()
        await server.wait_closed()
        assert path.exists() == (sys.version_info < (3, 13))

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket came in 3.13")
    async def test_it_can_be_kept(self, loop: Loop, folder: Path) -> None:
        path = folder / "s"
        server = await loop.create_unix_server(Echo, path, cleanup_socket=False)
        server.close()
        await server.wait_closed()
        assert path.exists()

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket came in 3.13")
    async def test_another_servers_file_is_left_alone(self, loop: Loop, folder: Path) -> None:
        path = folder / "s"
        old = await loop.create_unix_server(Echo, path)
        path.unlink()
        new = await loop.create_unix_server(Echo, path)
        old.close()
        await old.wait_closed()
        assert path.exists()
        assert await ask(loop, path) == b"question"
        new.close()
        await new.wait_closed()

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="cleanup_socket came in 3.13")
    async def test_a_file_that_is_gone_already_is_no_error(self, loop: Loop, folder: Path) -> None:
        path = folder / "s"
        server = await loop.create_unix_server(Echo, path)
        path.unlink()
        server.close()
        await server.wait_closed()


async def test_a_bound_socket_of_ones_own_is_served(loop: Loop, folder: Path) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(folder / "s"))
    server = await loop.create_unix_server(Echo, sock=sock)
    assert await ask(loop, str(folder / "s")) == b"question"
    server.close()
    await server.wait_closed()


async def test_a_connected_socket_of_ones_own_is_used(loop: Loop) -> None:
    left, right = socket.socketpair()
    with right:
        transport, protocol = await loop.create_unix_connection(Recorder, sock=left)
        right.sendall(b"hello")
        assert await protocol.read(5) == b"hello"
        transport.write(b"you")
        assert await loop.run_in_executor(None, receive_exactly, right, 3) == b"you"
        transport.close()
        await protocol.wait_for("lost")
    assert left.fileno() == -1


async def test_credentials_of_the_peer_can_be_asked_for(loop: Loop) -> None:
    left, right = socket.socketpair()
    with right:
        transport, protocol = await loop.create_unix_connection(Recorder, sock=left)
        sock = transport.get_extra_info("socket")
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        assert struct.unpack("3i", credentials) == (os.getpid(), os.getuid(), os.getgid())
        transport.abort()
        await protocol.wait_for("lost")


async def test_start_serving_false_listens_later(loop: Loop, folder: Path) -> None:
    path = folder / "s"
    server = await loop.create_unix_server(Echo, path, start_serving=False)
    with pytest.raises(ConnectionRefusedError):
        await ask(loop, str(path))
    await server.start_serving()
    assert await ask(loop, str(path)) == b"question"
    server.close()
    await server.wait_closed()


async def test_streams_over_unix_sockets_work(loop: Loop, folder: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "s")
    reader, writer = await asyncio.open_unix_connection(folder / "s")
    writer.write(b"one\ntwo\n")
    writer.write_eof()
    assert await reader.read() == b"ONE\nTWO\n"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
