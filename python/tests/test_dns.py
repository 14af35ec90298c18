"""getaddrinfo and getnameinfo."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from support import Loop, Opaque, Recorder, has_ipv6

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("127.0.0.1", 80, {}),
        ("127.0.0.1", 80, {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", 80, {"type": socket.SOCK_DGRAM}),
        ("127.0.0.1", 80, {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}),
        ("127.0.0.1", "80", {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", "http", {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", b"80", {"type": socket.SOCK_STREAM}),
        (b"127.0.0.1", 80, {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", None, {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", 0, {"family": socket.AF_INET, "type": socket.SOCK_STREAM}),
        ("127.1", 80, {"type": socket.SOCK_STREAM}),
        ("0x7f000001", 80, {"type": socket.SOCK_STREAM}),
        ("::1", 80, {"type": socket.SOCK_STREAM}),
        ("fe80::1%lo", 80, {"type": socket.SOCK_STREAM}),
        ("::ffff:127.0.0.1", 80, {"type": socket.SOCK_STREAM}),
        ("255.255.255.255", 80, {"type": socket.SOCK_DGRAM}),
        ("localhost", 80, {"type": socket.SOCK_STREAM}),
        ("localhost", 80, {"family": socket.AF_INET}),
        ("localhost", 80, {"flags": socket.AI_CANONNAME}),
        (None, 80, {"type": socket.SOCK_STREAM}),
        (None, 80, {"type": socket.SOCK_STREAM, "flags": socket.AI_PASSIVE}),
        ("", 80, {"type": socket.SOCK_STREAM}),
        ("127.0.0.1", 80, {"type": socket.SOCK_STREAM, "flags": socket.AI_NUMERICHOST}),
    ],
    ids=str,
)
async def test_getaddrinfo_answers_as_the_socket_module(
    loop: Loop, host: Any, port: Any, options: dict[str, int]
) -> None:
    try:
        expected = socket.getaddrinfo(host, port, **options)
    except OSError as error:
        with pytest.raises(type(error)):
            await loop.getaddrinfo(host, port, **options)
        return
    assert await loop.getaddrinfo(host, port, **options) == expected


@pytest.mark.parametrize(
    ("host", "port", "options"),
    [
        ("no-such-host.invalid", 80, {}),
        ("127.0.0.1", "no-such-service", {}),
        ("127.0.0.1", 80, {"family": socket.AF_INET6, "type": socket.SOCK_STREAM}),
        ("::1", 80, {"family": socket.AF_INET}),
        ("localhost", 80, {"flags": socket.AI_NUMERICHOST}),
        ("127.0.0.1", 80, {"type": 12345}),
        (None, None, {}),
    ],
    ids=str,
)
async def test_getaddrinfo_fails_as_the_socket_module(
    loop: Loop, host: Any, port: Any, options: dict[str, int]
) -> None:
    with pytest.raises(socket.gaierror) as expected:
        socket.getaddrinfo(host, port, **options)
    with pytest.raises(socket.gaierror) as raised:
        await loop.getaddrinfo(host, port, **options)
    assert raised.value.args == expected.value.args


@pytest.mark.parametrize("bad", [(5, 80), (Opaque(), 80), ("127.0.0.1", Opaque()), ("127.0.0.1", 1.5)], ids=str)
async def test_arguments_of_wrong_types_are_refused(loop: Loop, bad: tuple[Any, Any]) -> None:
    with pytest.raises((TypeError, OSError)) as expected:
        socket.getaddrinfo(*bad)
    with pytest.raises(type(expected.value)):
        await loop.getaddrinfo(*bad)


@pytest.mark.parametrize(
    ("address", "flags"),
    [
        (("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("127.0.0.1", 80), socket.NI_NUMERICHOST),
        (("127.0.0.1", 12345), 0),
        (("127.0.0.1", 53), socket.NI_DGRAM),
        (("::1", 80, 0, 0), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        (("fe80::1", 80, 0, 1), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
    ],
    ids=str,
)
async def test_getnameinfo_answers_as_the_socket_module(loop: Loop, address: Any, flags: int) -> None:
    assert await loop.getnameinfo(address, flags) == socket.getnameinfo(address, flags)


@pytest.mark.parametrize("bad", [("no-such-host.invalid", 80), ("localhost.invalid", 80), ("127.0.0.1",), 5, None])
async def test_getnameinfo_fails_as_the_socket_module(loop: Loop, bad: Any) -> None:
    with pytest.raises((TypeError, OSError)) as expected:
        socket.getnameinfo(bad, 0)
    with pytest.raises(type(expected.value)):
        await loop.getnameinfo(bad, 0)


async def test_many_lookups_run_at_once(loop: Loop) -> None:
    results = await asyncio.gather(
        *(loop.getaddrinfo("localhost", port, type=socket.SOCK_STREAM) for port in range(1, 101))
    )
    assert [result[0][4][1] for result in results] == list(range(1, 101))


async def test_the_loop_runs_while_a_lookup_takes_its_time(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(*args: Any, **options: Any) -> Any:
        go_on.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    lookup = asyncio.ensure_future(loop.getaddrinfo("slow.test", 80))
    await asyncio.sleep(0.005)
    assert not lookup.done()
    go_on.set()
    assert (await lookup)[0][4] == ("127.0.0.1", 80)


async def test_a_patched_getaddrinfo_is_used(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests and tools such as DNS caches replace it."""
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    asked: list[Any] = []

    def answer(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        asked.append((host, port))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    transport, client = await loop.create_connection(Recorder, "anything.test", 4711)
    assert transport.get_extra_info("peername") == address
    assert asked == [("anything.test", 4711)]
    transport.close()
    await client.wait_for("lost")
    server.close()


@needs_ipv6
async def test_scope_ids_are_kept(loop: Loop) -> None:
    index = socket.if_nametoindex("lo")
    ((*_, address), *_rest) = await loop.getaddrinfo(f"fe80::1%{index}", 80, type=socket.SOCK_STREAM)
    assert address == ("fe80::1", 80, 0, index)


async def test_a_lookup_can_be_cancelled(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: go_on.wait(10))
    task = asyncio.ensure_future(loop.getaddrinfo("slow.test", 80))
    await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
