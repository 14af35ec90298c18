"""Connections and names, both sides on the loop under test."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from jloop_bench.inprocess.registry import benchmark

if TYPE_CHECKING:
    from jloop_bench.inprocess.registry import Batch

HOST = "127.0.0.1"


class Echo(asyncio.Protocol):
    """Writes back what it got."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class AskOnce(asyncio.Protocol):
    """Sends a message, and closes when it comes back."""

    def __init__(self, message: bytes, done: asyncio.Future[None]) -> None:
        self.message = message
        self.done = done
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received == self.message:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self.received == self.message:
            self.done.set_result(None)
        else:
            self.done.set_exception(exc or ConnectionError("closed before the echo"))


def serve_echo(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.AbstractServer, int]:
    """An echo server on a free port; its port."""
    server = loop.run_until_complete(loop.create_server(Echo, HOST, 0))
    return server, server.sockets[0].getsockname()[1]


@benchmark("ready_chain", "network", "Chain of callbacks beside 250 idle connections", "callbacks", 1e6)
def ready_chain(loop: asyncio.AbstractEventLoop) -> Batch:
    """Each callback schedules the next one, so each costs a turn of the loop, which must look at 250 connections."""
    server, port = serve_echo(loop)
    clients = [socket.create_connection((HOST, port)) for _ in range(50)]
    # More than the default backlog one after another would wait for a loop that does not run yet.
    for _ in range(4):
        loop.run_until_complete(asyncio.sleep(0.05))
        clients += [socket.create_connection((HOST, port)) for _ in range(50)]
    loop.run_until_complete(asyncio.sleep(0.05))
    turns = 20_000

    def batch() -> int:
        left = turns

        def chain() -> None:
            nonlocal left
            left -= 1
            if left:
                loop.call_soon(chain)
            else:
                loop.stop()

        loop.call_soon(chain)
        loop.run_forever()
        return turns

    batch.alive = (server, clients)  # type: ignore[attr-defined]
    return batch


@benchmark("getaddrinfo", "network", "getaddrinfo of a numeric address", "calls", 1e3)
def getaddrinfo(loop: asyncio.AbstractEventLoop) -> Batch:
    """One after another."""
    calls = 1000

    async def main() -> None:
        for _ in range(calls):
            await loop.getaddrinfo(HOST, 80, type=socket.SOCK_STREAM)

    def batch() -> int:
        loop.run_until_complete(main())
        return calls

    return batch


@benchmark("connect_both", "network", "Connect, echo, close: both sides on the loop", "connections", 1e3)
def connect_both(loop: asyncio.AbstractEventLoop) -> Batch:
    """Sixteen clients at a time; each connects, gets one echo of 64 bytes and closes."""
    server, port = serve_echo(loop)
    message = b"x" * 64
    clients, turns = 16, 16

    async def client() -> None:
        for _ in range(turns):
            done = loop.create_future()
            await loop.create_connection(lambda done=done: AskOnce(message, done), HOST, port)  # type: ignore[misc]
            await done

    async def main() -> None:
        await asyncio.gather(*[client() for _ in range(clients)])

    def batch() -> int:
        loop.run_until_complete(main())
        return clients * turns

    batch.alive = server  # type: ignore[attr-defined]
    return batch
