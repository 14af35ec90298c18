"""Echo over a stream in the four ways asyncio offers: `flavor` is proto, buffered, streams or sock."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from jloop_bench.servers import _listen

READ_SIZE = 256 * 1024  # bytes, for the ways in which the program says how much it wants
STREAM_LIMIT = 1024 * 1024  # bytes
BACKLOG = 100  # asyncio's default


class EchoProtocol(asyncio.Protocol):
    """Writes back what it got. Small, so that the memory of a connection is the loop's."""

    __slots__ = ("transport",)

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class EchoBufferedProtocol(asyncio.BufferedProtocol):
    """Writes back a copy of what was put into its buffer, as uvloop's own benchmark does."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = bytearray(READ_SIZE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(self.buffer[:nbytes])


async def echo_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Writes back what the reader has, until end of file."""
    try:
        while data := await reader.read(READ_SIZE):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def echo_sock(loop: asyncio.AbstractEventLoop, client: socket.socket) -> None:
    """Echoes on a bare socket, until end of file."""
    with client:
        try:
            while data := await loop.sock_recv(client, READ_SIZE):
                await loop.sock_sendall(client, data)
        except ConnectionError:
            pass


async def accept_forever(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """Echoes on every socket that `listener` accepts, each in a task."""
    tasks = set()
    while True:
        client, _ = await loop.sock_accept(listener)
        if client.family == socket.AF_INET:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = loop.create_task(echo_sock(loop, client))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def listening_socket(spec: dict[str, Any]) -> socket.socket:
    """A non-blocking socket that listens on `unix` (a path) in `spec`, else on a free port."""
    listener = socket.socket(socket.AF_UNIX if "unix" in spec else socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(spec.get("unix", (_listen.HOST, 0)))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


async def start(loop: asyncio.AbstractEventLoop, spec: dict[str, Any]) -> str:
    """Serve; `spec` may have `unix`, or `certificate` and `key`."""
    flavor = spec["flavor"]
    if flavor == "proto":
        return await _listen.protocol_server(loop, EchoProtocol, spec)
    if flavor == "buffered":
        return await _listen.protocol_server(loop, EchoBufferedProtocol, spec)
    if flavor == "streams":
        if "unix" in spec:
            return _listen.address(
                await asyncio.start_unix_server(echo_stream, spec["unix"], limit=STREAM_LIMIT, ssl=_listen.tls(spec))
            )
        return _listen.address(
            await asyncio.start_server(echo_stream, _listen.HOST, 0, limit=STREAM_LIMIT, ssl=_listen.tls(spec))
        )
    listener = listening_socket(spec)
    accept_forever.task = loop.create_task(accept_forever(loop, listener))  # type: ignore[attr-defined]  # kept alive
    name = listener.getsockname()
    return f"unix:{name}" if isinstance(name, str) else f"{name[0]}:{name[1]}"
