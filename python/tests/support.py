"""What several test files share: kinds of loop, protocols that record, connected pairs, scripts in child processes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

Loop = asyncio.AbstractEventLoop
LoopFactory = Callable[[], Loop]
Context = dict[str, Any]

LOOP_NAMES = ("asyncio", "jloop")
PATIENCE = 10.0  # seconds until a condition that should come true is given up

T = TypeVar("T")


@functools.cache
def factory_of(loop_name: str) -> LoopFactory:
    """The function that makes loops of this kind, called once already, so that what it opens for good is open."""
    if loop_name == "asyncio":
        return asyncio.SelectorEventLoop
    import jloop

    jloop.new_event_loop().close()
    return jloop.new_event_loop


class LoopErrors:
    """An exception handler that keeps what it was called with."""

    def __init__(self) -> None:
        self.contexts: list[Context] = []

    def __len__(self) -> int:
        return len(self.contexts)

    def record(self, loop: Loop, context: Context) -> None:
        self.contexts.append(context)

    def take(self) -> list[Context]:
        """The contexts so far, which the test has now answered for."""
        taken, self.contexts = self.contexts, []
        return taken

    def take_one(self) -> Context:
        (context,) = self.take()
        return context


def open_descriptors() -> dict[int, str]:
    """Open descriptors of this process that are not regular files, each with what it refers to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{name}")
            if not target.startswith("/") or target.startswith("/dev/"):
                found[int(name)] = target
    return found


async def settle() -> None:
    """Cancel what other tasks are left, end generators and the executor, and let closed transports say so."""
    loop = asyncio.get_running_loop()
    await iterations(10)
    others = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await iterations(5)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


async def iterations(count: int = 1) -> None:
    """Let the loop go round `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go round until `condition()` is true; AssertionError when it does not come true."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + PATIENCE
    while not condition():
        assert loop.time() < give_up, "the condition did not come true"
        await asyncio.sleep(0.0005)


class Recorder(asyncio.Protocol):
    """A protocol that keeps everything it was told; `answer_to_eof` is what eof_received returns."""

    answer_to_eof: bool | None = None
    transport: Any

    def __init__(self) -> None:
        self.events: list[str] = []
        self.data = bytearray()
        self.error: Exception | None = None
        self._changed: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.happened("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.happened()

    def eof_received(self) -> bool | None:
        self.happened("eof")
        return self.answer_to_eof

    def pause_writing(self) -> None:
        self.happened("pause")

    def resume_writing(self) -> None:
        self.happened("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.happened("lost")

    def happened(self, event: str | None = None) -> None:
        if event is not None:
            self.events.append(event)
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def wait(self, condition: Callable[[], object]) -> None:
        """Wait until an event makes `condition()` true."""
        while not condition():
            self._changed = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self._changed, PATIENCE)

    async def wait_for(self, event: str) -> None:
        await self.wait(lambda: event in self.events)

    async def read(self, count: int) -> bytes:
        """Wait for `count` bytes altogether and return everything received."""
        await self.wait(lambda: len(self.data) >= count)
        return bytes(self.data)


class HalfOpenRecorder(Recorder):
    """Keeps its own side open after the peer's end of file."""

    answer_to_eof = True


class Deaf(Recorder):
    """Reads nothing until it is told to."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # 3.10's own loop forgets a pause from inside connection_made
        asyncio.get_running_loop().call_soon(self.transport.pause_reading)


class BufferedRecorder(asyncio.BufferedProtocol):
    """Like Recorder, but lends the loop a buffer of `size` bytes to receive into."""

    size = 4096
    answer_to_eof: bool | None = None
    transport: Any

    def __init__(self) -> None:
        self.inner = Recorder()
        self.buffer = bytearray(self.size)
        self.hints: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.inner.connection_made(transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        self.hints.append(sizehint)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.inner.data_received(bytes(self.buffer[:nbytes]))

    def eof_received(self) -> bool | None:
        self.inner.eof_received()
        return self.answer_to_eof

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    @property
    def events(self) -> list[str]:
        return self.inner.events

    @property
    def data(self) -> bytearray:
        return self.inner.data

    @property
    def error(self) -> Exception | None:
        return self.inner.error

    async def wait(self, condition: Callable[[], object]) -> None:
        await self.inner.wait(condition)

    async def wait_for(self, event: str) -> None:
        await self.inner.wait_for(event)

    async def read(self, count: int) -> bytes:
        return await self.inner.read(count)


class Echo(Recorder):
    """Sends back what it receives."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(data)


P = TypeVar("P", bound=Any)
Q = TypeVar("Q", bound=Any)


@contextlib.asynccontextmanager
async def connected(
    kind: str, server_side: Callable[[], P] = Recorder, client_side: Callable[[], Q] = Recorder, **options: Any
) -> AsyncIterator[tuple[P, Q]]:
    """The protocols of both ends of one connection (`kind` is tcp or unix), made by a server and a client."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[P] = loop.create_future()

    def accept() -> P:
        protocol = server_side()
        accepted.set_result(protocol)
        return protocol

    with socket_folder() as folder:
        server: asyncio.AbstractServer
        if kind == "tcp":
            server = await loop.create_server(accept, "127.0.0.1", 0, **options.pop("server", {}))
            address = server.sockets[0].getsockname()
            client = (await loop.create_connection(client_side, *address, **options.pop("client", {})))[1]
        else:
            path = str(folder / "s")
            server = await loop.create_unix_server(accept, path, **options.pop("server", {}))
            client = (await loop.create_unix_connection(client_side, path, **options.pop("client", {})))[1]
        assert not options, f"unknown options: {options}"
        server_protocol = await accepted
        await server_protocol.wait_for("made")
        await iterations(2)  # what connection_made scheduled has run
        try:
            yield server_protocol, client
        finally:
            for protocol in (server_protocol, client):
                if "lost" not in protocol.events:
                    protocol.transport.abort()
                    await protocol.wait_for("lost")
            server.close()
            await server.wait_closed()


@contextlib.contextmanager
def socket_folder() -> Iterator[Path]:
    """A folder with a path short enough for Unix sockets, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="jl-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def listener(family: socket.AddressFamily = socket.AF_INET, backlog: int = 16) -> Iterator[socket.socket]:
    """A blocking listening socket on a free loopback port, for peers that are no part of the loop."""
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        sock.listen(backlog)
        yield sock


def tcp_socketpair() -> tuple[socket.socket, socket.socket]:
    """Two blocking TCP sockets connected with each other."""
    with listener() as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    return accepted, client


@contextlib.contextmanager
def given_away(sock: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Close `sock` and give its number to a stranger: that one, and its peer. Whoever has the number must not use it."""
    number = sock.fileno()
    stranger, peer = socket.socketpair(type=sock.type)
    with stranger, peer:
        sock.close()
        os.dup2(stranger.fileno(), number)
        try:
            yield stranger, peer
        finally:
            os.close(number)  # which nobody else has closed


def reset(sock: socket.socket) -> None:
    """Close so that the peer gets a connection reset instead of an end of file."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    sock.close()


def receive_all(sock: socket.socket) -> bytes:
    """Receive until the peer's end of file."""
    received = bytearray()
    while chunk := sock.recv(65536):
        received += chunk
    return bytes(received)


def receive_exactly(sock: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = sock.recv(count - len(received))
        assert chunk, "end of file too early"
        received += chunk
    return bytes(received)


def pattern(size: int) -> bytes:
    """`size` bytes in which a lost, doubled or moved block shows."""
    words = b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))
    return words[:size]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


SCRIPT_HEAD = """
import asyncio, os, signal, socket, sys, threading, time
if LOOP_NAME == "asyncio":
    new_event_loop = asyncio.SelectorEventLoop
else:
    import jloop
    new_event_loop = jloop.new_event_loop
"""


def script_command(loop_name: str, source: str, *options: str) -> list[str]:
    """The command of a Python process that runs `source`, in which `new_event_loop` makes the loop under test."""
    text = f"LOOP_NAME = {loop_name!r}\n{SCRIPT_HEAD}\n{textwrap.dedent(source)}"
    return [sys.executable, *options, "-c", text]


def child_environment(loop_name: str, env: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for `script_command`: this process's, in which the child finds jloop where this process did."""
    merged = {**os.environ, **(env or {})}
    if loop_name == "jloop":
        import jloop

        paths = [str(Path(jloop.__file__).parent.parent), merged.get("PYTHONPATH", "")]
        merged["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return merged


def run_script(
    loop_name: str, source: str, *options: str, env: dict[str, str] | None = None, **keywords: Any
) -> subprocess.CompletedProcess[str]:
    """Run `source` to its end in a process of its own and return its output."""
    return subprocess.run(
        script_command(loop_name, source, *options),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=child_environment(loop_name, env),
        **keywords,
    )


class Opaque:
    """An object that is nothing in particular; its repr is the same in every process, for the names of tests."""

    def __repr__(self) -> str:
        return "an object"
