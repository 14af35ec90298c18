"""What the programs of the hazards share: the loop under test, some load for it, and what the process holds."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import ssl
import sys
import threading

KIND = os.environ["UNDER_LOOP"]


def new_event_loop():
    if KIND == "asyncio":
        loop = asyncio.SelectorEventLoop()
    else:
        import jloop

        loop = jloop.new_event_loop()
        assert isinstance(loop, jloop.Loop), type(loop)
    loop.slow_callback_duration = 60  # a busy machine must not make a debug loop print
    return loop


def run(main, *, debug=None):
    """`asyncio.run` on the loop under test."""
    if KIND == "jloop":
        import jloop

        return jloop.run(main, debug=debug)
    return asyncio.run(main, debug=debug)


def load(loop, scale=1):
    """Some of everything on `loop`: callbacks, timers, other threads' callbacks, connections. About 0.1 s per `scale`."""
    return loop.run_until_complete(mixed(scale))


async def mixed(scale=1):
    asyncio.get_running_loop().slow_callback_duration = 60
    await callbacks(10_000 * scale)
    await timers(500 * scale)
    await threadsafe(500 * scale)
    await echo(connections=5, messages=20 * scale)


async def callbacks(count):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def callback(argument):
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_soon(callback, [left])
        elif not done.done():
            done.set_result(None)

    for _ in range(10):
        loop.call_soon(callback, None)
    await done
    await asyncio.sleep(0)


async def timers(count):
    loop = asyncio.get_running_loop()
    fired = 0

    def callback():
        nonlocal fired
        fired += 1

    for index in range(count):
        loop.call_later(index % 7 / 1000, callback)
        loop.call_later(3600, callback).cancel()
    while fired < count:
        await asyncio.sleep(0.001)


async def threadsafe(count):
    loop = asyncio.get_running_loop()
    called = 0
    done = asyncio.Event()

    def callback():
        nonlocal called
        called += 1
        if called == count:
            done.set()

    def other_thread():
        for _ in range(count):
            loop.call_soon_threadsafe(callback)

    thread = threading.Thread(target=other_thread)
    thread.start()
    await done.wait()
    thread.join()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def echo(connections=5, messages=20, size=1000, tls=None):
    """Exchange `messages` of `size` bytes on each of `connections` with an echo server of the same loop; every byte is checked."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=tls and tls[0])
    port = server.sockets[0].getsockname()[1]

    async def client(number):
        options = {"ssl": tls[1], "server_hostname": "localhost"} if tls else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
        for index in range(messages):
            message = f"{number} {index} ".encode().ljust(size, b"x")
            writer.write(message)
            assert await reader.readexactly(size) == message
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*map(client, range(connections)))
    server.close()
    await server.wait_closed()


def tls_contexts(certificate):
    """A server's and a client's context for the self-signed `certificate`, a file with its key."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(certificate)
    return server, client


def descriptors():
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def resident():
    """Resident memory of this process in MiB, without what the C library keeps for later."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def kernel_threads():
    """How many threads the kernel counts in this process."""
    return len(os.listdir("/proc/self/task"))


def say(*words):
    print(*words, flush=True)


def collect():
    for _ in range(3):
        gc.collect()


def type_counts():
    """How many objects of each type the collector sees, as a plain dict that is not counted itself."""
    collect()
    counts = {}
    for thing in gc.get_objects():
        name = f"{type(thing).__module__}.{type(thing).__qualname__}"
        counts[name] = counts.get(name, 0) + 1
    return counts


def quiet_tracebacks():
    """No log on stderr from asyncio's logger, for programs that raise on purpose."""
    import logging

    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)


if sys.flags.dev_mode:
    import warnings

    warnings.simplefilter("default")
