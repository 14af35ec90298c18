#!/usr/bin/env python3
"""Everything at once on one loop, for as long as asked, with every byte of every stream checked.

    python soak.py [--loop asyncio|jloop] [--seconds 60] [--seed N] [--verbose]

TCP, TLS, Unix and UDP traffic, subprocesses, timers, other threads' callbacks, cancellations at random points, resets, slow
readers and half-open peers. Each actor draws from its own generator, made from the printed seed. Exit status 1, and what was
wrong, if a byte was wrong, an actor failed or hung, or at the end descriptors, memory, tasks or handles had grown, or the
exception handler had been called.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import ctypes
import gc
import hashlib
import logging
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

PATIENCE = 60  # seconds after which an actor's turn counts as hung
MEMORY_ALLOWED = 24  # MiB of growth between the first quarter and the end


class Wrong(Exception):
    """A byte, a count or an order that was not as it has to be."""


def check(holds: object, *what: object) -> None:
    if not holds:
        raise Wrong(" ".join(map(str, what)))


def stream_bytes(seed: int, start: int, size: int) -> bytes:
    """Bytes `start` to `start + size` of the endless stream that belongs to `seed`."""
    block = 4096
    parts = []
    for number in range(start // block, (start + size + block - 1) // block):
        parts.append(hashlib.shake_128(struct.pack("<QQ", seed, number)).digest(block))
    offset = start % block
    return b"".join(parts)[offset : offset + size]


class Echo(asyncio.Protocol):
    """Sends back what it gets, and stops reading while what it sends is not taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        return False  # what is not yet sent is sent, then the connection is closed


class BufferedEcho(asyncio.BufferedProtocol):
    """The same by `BufferedProtocol`, with a buffer that is used again and again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = memoryview(bytearray(50_000))

    def get_buffer(self, hint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.transport.write(bytes(self.buffer[:count]))

    pause_writing = Echo.pause_writing
    resume_writing = Echo.resume_writing
    eof_received = Echo.eof_received


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: object) -> None:
        self.transport.sendto(data, address)

    def error_received(self, error: Exception) -> None:
        pass


async def stream_echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo by streams; peers that reset or vanish are expected."""
    try:
        while data := await reader.read(20_000):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            await writer.wait_closed()


class Soak:
    def __init__(self, loop: asyncio.AbstractEventLoop, seed: int, folder: Path, verbose: bool) -> None:
        self.loop = loop
        self.seed = seed
        self.folder = folder
        self.verbose = verbose
        self.turns: collections.Counter[str] = collections.Counter()
        self.bytes_checked = 0
        self.errors: list[str] = []
        self.ending = False

    # ---- actors: one turn each, called again and again ----

    async def tcp(self, rng: random.Random) -> None:
        await self.exchange(rng, *await asyncio.open_connection("127.0.0.1", rng.choice(self.tcp_ports)))

    async def tls(self, rng: random.Random) -> None:
        await self.exchange(
            rng,
            *await asyncio.open_connection(
                "127.0.0.1", self.tls_port, ssl=self.client_tls, server_hostname="localhost"
            ),
        )

    async def unix(self, rng: random.Random) -> None:
        await self.exchange(rng, *await asyncio.open_unix_connection(self.unix_path))

    async def exchange(self, rng: random.Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a stream in parts of random sizes while reading it back in others; every byte is compared."""
        seed, total = rng.getrandbits(60), rng.choice((1, 100, 5000, 70_000, 700_000))
        try:

            async def send() -> None:
                sent = 0
                while sent < total:
                    size = min(rng.choice((1, 7, 1000, 16_384, 65_537, 300_000)), total - sent)
                    data = stream_bytes(seed, sent, size)
                    if rng.random() < 0.2 and size > 2:
                        cut = rng.randrange(size)
                        writer.writelines([data[:cut], memoryview(data)[cut:]])
                    else:
                        writer.write(bytearray(data) if rng.random() < 0.3 else data)
                    if rng.random() < 0.7:
                        await writer.drain()
                    sent += size
                if writer.can_write_eof() and rng.random() < 0.5:
                    writer.write_eof()
                    self.turns["half closes"] += 1

            sending = asyncio.ensure_future(send())
            got = 0
            try:
                while got < total:
                    data = await reader.read(rng.choice((1, 100, 10_000, 100_000)) if total < 10_000 else 100_000)
                    check(data, "stream ended after", got, "of", total)
                    check(data == stream_bytes(seed, got, len(data)), "wrong bytes at", got, "of stream", seed)
                    got += len(data)
                    self.bytes_checked += len(data)
                await sending
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def datagrams(self, rng: random.Random) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()

        class Client(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: object) -> None:
                queue.put_nowait(data)

        transport, _ = await self.loop.create_datagram_endpoint(Client, remote_addr=self.udp_address)
        try:
            for number in range(rng.randrange(1, 20)):
                data = stream_bytes(rng.getrandbits(60), 0, rng.choice((1, 2, 500, 1400, 9000)))
                transport.sendto(data)
                answer = await asyncio.wait_for(queue.get(), PATIENCE)
                check(answer == data, "wrong datagram", number)
                self.bytes_checked += len(data)
        finally:
            transport.close()

    async def resets(self, rng: random.Random) -> None:
        """A peer that writes something and is gone: by reset, by abort, by close with unread bytes."""
        port = rng.choice((*self.tcp_ports, self.tls_port))
        if rng.random() < 0.5:
            sock = socket.socket()
            sock.setblocking(False)
            try:
                await self.loop.sock_connect(sock, ("127.0.0.1", port))
                if rng.random() < 0.8:
                    await self.loop.sock_sendall(sock, stream_bytes(1, 0, rng.choice((1, 500, 30_000))))
                await asyncio.sleep(rng.random() * 0.005)
                if rng.random() < 0.7:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except ConnectionError:
                pass  # the TLS server ended it first
            finally:
                sock.close()
        else:
            _, writer = await asyncio.open_connection("127.0.0.1", rng.choice(self.tcp_ports))
            writer.write(stream_bytes(2, 0, rng.choice((1, 5000, 2_000_000))))
            await asyncio.sleep(rng.random() * 0.005)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def slow_reader(self, rng: random.Random) -> None:
        """A peer that reads late and little, so that the server's writes queue up and its flow control works."""
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await self.loop.sock_connect(sock, ("127.0.0.1", rng.choice(self.tcp_ports)))
            seed, total = rng.getrandbits(60), rng.choice((50_000, 400_000))
            sending = asyncio.ensure_future(self.loop.sock_sendall(sock, stream_bytes(seed, 0, total)))
            try:
                await asyncio.sleep(rng.random() * 0.05)
                got = 0
                while got < total:
                    data = await self.loop.sock_recv(sock, rng.choice((100, 4000, 50_000)))
                    check(data and data == stream_bytes(seed, got, len(data)), "slow reader: wrong bytes at", got)
                    got += len(data)
                    self.bytes_checked += len(data)
                    if rng.random() < 0.02:
                        await asyncio.sleep(0.002)
                await sending
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            sock.close()

    async def half_open(self, rng: random.Random) -> None:
        """A peer that connects, says nothing or half of something, stays, and leaves."""
        reader, writer = await asyncio.open_connection("127.0.0.1", rng.choice((*self.tcp_ports, self.tls_port)))
        try:
            if rng.random() < 0.3:
                writer.write(b"\x16\x03\x01")  # the first bytes of a TLS record
            with contextlib.suppress(asyncio.TimeoutError, ConnectionError):
                await asyncio.wait_for(reader.readexactly(100), rng.random() * 0.2)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def subprocesses(self, rng: random.Random) -> None:
        data = stream_bytes(rng.getrandbits(60), 0, rng.choice((0, 10, 200_000)))
        process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if rng.random() < 0.25:
            process.kill()
            await process.communicate()
            check(process.returncode == -9, "killed child ended with", process.returncode)
        else:
            out, _ = await process.communicate(data)
            check(
                out == data and process.returncode == 0,
                "child gave back",
                len(out),
                "of",
                len(data),
                process.returncode,
            )
            self.bytes_checked += len(data)

    async def timers(self, rng: random.Random) -> None:
        """Many timers, most cancelled; those left run in order and never early."""
        fired: list[tuple[float, float]] = []
        handles = []
        for _ in range(200):
            when = self.loop.time() + rng.random() * 0.03
            handles.append(self.loop.call_at(when, lambda when=when: fired.append((when, self.loop.time()))))
        for handle in handles[50:]:
            handle.cancel()
        deadline = time.monotonic() + PATIENCE
        while len(fired) < 50:
            check(time.monotonic() < deadline, "timers lost:", 50 - len(fired))
            await asyncio.sleep(0.005)
        resolution = time.get_clock_info("monotonic").resolution
        check(all(now + resolution >= when for when, now in fired), "a timer fired early")
        check([when for when, _ in fired] == sorted(when for when, _ in fired), "timers out of order")

    async def threads(self, rng: random.Random) -> None:
        """Callbacks from another thread arrive once each, in order."""
        got: list[int] = []
        done = asyncio.Event()
        count = rng.randrange(1, 300)

        def other() -> int:
            for number in range(count):
                self.loop.call_soon_threadsafe(got.append, number)
            self.loop.call_soon_threadsafe(done.set)
            return count

        check(await self.loop.run_in_executor(None, other) == count, "wrong result of a thread")
        await done.wait()
        check(got == list(range(count)), "callbacks of a thread lost or out of order")

    async def cancellations(self, rng: random.Random) -> None:
        """Another actor's turn, cancelled at a random moment. No subprocesses: asyncio itself loses descriptors there."""
        actor = rng.choice(
            [self.tcp, self.tls, self.unix, self.datagrams, self.slow_reader, self.threads, self.half_open]
        )
        task = asyncio.ensure_future(actor(random.Random(rng.getrandbits(60))))
        await asyncio.sleep(rng.random() ** 2 * 0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def resolvers(self, rng: random.Random) -> None:
        found = await self.loop.getaddrinfo("127.0.0.1", self.tcp_ports[0], type=socket.SOCK_STREAM)
        check(found[0][4] == ("127.0.0.1", self.tcp_ports[0]), "resolved to", found)

    async def readers(self, rng: random.Random) -> None:
        """`add_reader` on a pair of sockets, removed and added again."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        got = bytearray()
        done = self.loop.create_future()

        def readable() -> None:
            got.extend(ours.recv(1000))
            if len(got) >= len(data) and not done.done():
                done.set_result(None)

        data = stream_bytes(rng.getrandbits(60), 0, 20_000)
        try:
            self.loop.add_reader(ours, readable)
            theirs.sendall(data[:10_000])
            if rng.random() < 0.5:
                await asyncio.sleep(0)
                self.loop.remove_reader(ours)
                self.loop.add_reader(ours, readable)
            theirs.sendall(data[10_000:])
            await done
            check(got == data, "wrong bytes by add_reader")
        finally:
            self.loop.remove_reader(ours)
            ours.close()
            theirs.close()

    # ---- the run ----

    async def serve(self) -> contextlib.AsyncExitStack:
        stack = contextlib.AsyncExitStack()
        certificate = make_certificate(self.folder)
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(certificate)
        self.client_tls = ssl.create_default_context(cafile=str(certificate))
        self.unix_path = str(self.folder / "socket")
        plain = [
            await self.loop.create_server(Echo, "127.0.0.1", 0, backlog=500),
            await self.loop.create_server(BufferedEcho, "127.0.0.1", 0, backlog=500),
            await asyncio.start_server(stream_echo, "127.0.0.1", 0, backlog=500),
        ]
        tls = await asyncio.start_server(
            stream_echo, "127.0.0.1", 0, ssl=server_tls, backlog=500, ssl_handshake_timeout=5
        )
        unix = await self.loop.create_unix_server(Echo, self.unix_path, backlog=500)
        for server in (*plain, tls, unix):
            stack.callback(server.close)
        self.tcp_ports = [server.sockets[0].getsockname()[1] for server in plain]
        self.tls_port = tls.sockets[0].getsockname()[1]
        transport, _ = await self.loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
        stack.callback(transport.close)
        self.udp_address = transport.get_extra_info("sockname")
        return stack

    async def actor(
        self, name: str, turn: Callable[[random.Random], Awaitable[None]], until: float, number: int
    ) -> None:
        rng = random.Random(f"{self.seed} {name} {number}")
        while time.monotonic() < until and not self.ending:
            try:
                await asyncio.wait_for(turn(rng), PATIENCE)
            except asyncio.TimeoutError:
                self.fail(f"{name} {number}: hung for {PATIENCE} s in turn {self.turns[name]}")
            except Exception:
                self.fail(f"{name} {number}:\n{traceback.format_exc()}")
            self.turns[name] += 1
            if rng.random() < 0.05:
                await asyncio.sleep(rng.random() * 0.01)

    def fail(self, what: str) -> None:
        self.errors.append(what)
        self.ending = True

    def handler(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        # what asyncio itself reports of peers that break off a TLS handshake, or leave during one
        if isinstance(error, (ConnectionError, ssl.SSLError, TimeoutError)):
            self.turns["reported connection errors"] += 1
            return
        self.errors.append(f"exception handler: {context!r}")

    async def main(self, seconds: float) -> None:
        self.loop.set_exception_handler(self.handler)
        async with await self.serve():
            until = time.monotonic() + seconds
            actors = {
                self.tcp: 4,
                self.tls: 2,
                self.unix: 2,
                self.datagrams: 2,
                self.resets: 2,
                self.slow_reader: 2,
                self.half_open: 3,
                self.subprocesses: 1,
                self.timers: 2,
                self.threads: 1,
                self.cancellations: 3,
                self.resolvers: 1,
                self.readers: 1,
            }
            tasks = [
                asyncio.ensure_future(self.actor(turn.__name__, turn, until, number))
                for turn, count in actors.items()
                for number in range(count)
            ]
            await self.watch(seconds, until)
            await asyncio.gather(*tasks)
        await self.settle()

    async def watch(self, seconds: float, until: float) -> None:
        """Memory after a quarter of the time, and now and then a line of progress."""
        await asyncio.sleep(seconds / 4)
        self.memory = resident()
        shown = time.monotonic()
        while time.monotonic() < until and not self.ending:
            await asyncio.sleep(0.2)
            if self.verbose and time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(
                    f"{until - shown:.0f} s left, {self.bytes_checked >> 20} MiB, {resident():.0f} MiB resident",
                    flush=True,
                )

    async def settle(self) -> None:
        """Wait until what the servers still had to do is done."""
        deadline = time.monotonic() + 10
        while len(asyncio.all_tasks()) > 1 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            self.errors.append(f"tasks left: {left}")
        await self.loop.shutdown_default_executor()
        await asyncio.sleep(0.1)


def resident() -> float:
    """Resident memory in MiB, without what the C library keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors() -> dict[str, str]:
    """What each descriptor is; without the files that the JVM takes its classes from, some of which it opens late."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return {name: what for name, what in found.items() if not what.endswith((".jar", "/modules"))}


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    path, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
        ]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path)],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + key.read_text())
    return path


def new_event_loop(kind: str) -> asyncio.AbstractEventLoop:
    if kind == "asyncio":
        return asyncio.SelectorEventLoop()
    import jloop

    return jloop.new_event_loop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", choices=["asyncio", "jloop"], default="jloop")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    # sslproto writes on after a reset, and asyncio's transports, like jloop's, say so each time
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    print(f"loop {options.loop}, Python {sys.version.split()[0]}, seed {seed}", flush=True)

    warm = new_event_loop(options.loop)  # what the process opens once stays open
    asyncio.set_event_loop(warm)
    warm.run_until_complete(asyncio.create_subprocess_exec("true"))
    warm.run_until_complete(asyncio.sleep(0.1))
    warm.close()
    gc.collect()
    before, threads = descriptors(), threading.active_count()

    with tempfile.TemporaryDirectory() as folder:
        loop = new_event_loop(options.loop)
        asyncio.set_event_loop(loop)
        soak = Soak(loop, seed, Path(folder), options.verbose)
        loop.run_until_complete(soak.main(options.seconds))
        memory = resident()
        loop.close()
    gc.collect()

    left = {number: what for number, what in descriptors().items() if before.get(number) != what}
    if left:
        soak.errors.append(f"descriptors left: {left}")
    if threading.active_count() > threads + 1:
        soak.errors.append(f"threads left: {threading.enumerate()}")
    if not soak.ending and memory - soak.memory > MEMORY_ALLOWED:
        soak.errors.append(f"memory grew from {soak.memory:.0f} to {memory:.0f} MiB")
    for name, count in sorted(soak.turns.items()):
        print(f"{count:8} {name}")
    print(f"{soak.bytes_checked / 2**20:8.0f} MiB checked, {memory:.0f} MiB resident")
    for error in soak.errors[:10]:
        print(f"FAILED {error}")
    return 1 if soak.errors else 0


if __name__ == "__main__":
    sys.exit(main())
