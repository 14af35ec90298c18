"""`loop.getaddrinfo`: what `socket.getaddrinfo` says, in a thread only where something must be looked up."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from functools import partial
from typing import Any
from unittest import mock

import pytest
from support import Loop, LoopFactory

HOSTS = [
    "127.0.0.1", "255.255.255.255", "::1", "::", "::ffff:1.2.3.4", "2001:DB8::0001", "fe80::1%lo", "fe80::1%1",
    "fe80::1%nope", "ff02::1", "1.2.3.4%lo", "127.0.0.1\0", None,
]  # fmt: skip
PORTS = [80, 0, 70_000, -1, None, "80", "080", "http", True, 1.0, b"80"]
KINDS = [0, socket.SOCK_STREAM, socket.SOCK_DGRAM, 99]
FAMILIES = [0, socket.AF_INET, socket.AF_INET6, None]
FLAGS = [0, socket.AI_PASSIVE, socket.AI_NUMERICHOST, socket.AI_CANONNAME | socket.AI_NUMERICHOST]


def outcome(call: Any) -> Any:
    try:
        answer = call()
    except Exception as error:
        return type(error), error.args
    return answer, [[type(item) for item in entry] for entry in answer]


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_and_errors_are_the_sockets(loop: Loop, family: Any) -> None:
    for host, port, kind, flags in itertools.product(HOSTS, PORTS, KINDS, FLAGS):
        direct = outcome(partial(socket.getaddrinfo, host, port, family, kind, 0, flags))
        for _ in range(2):
            asked = loop.getaddrinfo(host, port, family=family, type=kind, flags=flags)
            assert outcome(partial(loop.run_until_complete, asked)) == direct, (host, port, kind, flags)


@pytest.mark.jloop_only
async def test_an_address_needs_no_thread(loop: Loop) -> None:
    with mock.patch.object(loop, "run_in_executor", side_effect=AssertionError):
        for host in ("127.0.0.1", "::1", None):
            assert await loop.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("127.0.0.1", 80, family=socket.AF_INET6)


async def test_a_name_is_looked_up_in_a_thread(loop: Loop) -> None:
    threads = []

    def lookup(*args: Any) -> list[Any]:
        threads.append(threading.get_ident())
        return []

    with mock.patch("socket.getaddrinfo", lookup):
        assert await loop.getaddrinfo("example.invalid", 80) == []
    assert threads
    assert threads[0] != threading.get_ident()


async def test_an_answer_is_the_callers_to_change(loop: Loop) -> None:
    first = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    first.clear()
    assert await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)


@pytest.mark.parametrize("target", ["socket.getaddrinfo", "_socket.getaddrinfo"])
async def test_a_replaced_function_is_asked(loop: Loop, target: str) -> None:
    await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    with mock.patch(target, return_value=[(2, 1, 6, "", ("10.0.0.1", 80))]) as replaced:
        answer = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert replaced.called
    assert answer[0][4] == ("10.0.0.1", 80)


def test_a_closed_loop_answers_nothing(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.getaddrinfo("127.0.0.1", 80).send(None)


async def test_many_addresses_are_answered(loop: Loop) -> None:
    for number in range(3000):
        host = f"10.0.{number >> 8}.{number & 255}"
        assert (await loop.getaddrinfo(host, 1, type=socket.SOCK_STREAM))[0][4] == (host, 1)


async def test_a_connection_goes_through_a_patched_resolver(loop: Loop) -> None:
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    async with server:
        with mock.patch("socket.getaddrinfo", return_value=[(2, 1, 6, "", address)]):
            transport, _ = await loop.create_connection(asyncio.Protocol, "somewhere.invalid", 1)
        assert transport.get_extra_info("peername") == address
        transport.close()
