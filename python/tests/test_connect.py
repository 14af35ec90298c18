"""create_connection: its options, several addresses, cancelling it, and sockets given to it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import os
import socket
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest import mock

import pytest
from support import (
    Echo,
    Loop,
    Recorder,
    has_ipv6,
    iterations,
    open_descriptors,
    tcp_socketpair,
    until,
)

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
Address = tuple[str, int]


@contextlib.asynccontextmanager
async def echo_server(host: str = "127.0.0.1") -> AsyncIterator[Address]:
    server = await asyncio.get_running_loop().create_server(Echo, host, 0)
    yield server.sockets[0].getsockname()[:2]
    server.close()
    await server.wait_closed()


async def test_a_refused_connection_says_where_to(loop: Loop) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = closed.getsockname()
        with pytest.raises(ConnectionRefusedError) as raised:
            await loop.create_connection(asyncio.Protocol, *address)
        assert str(raised.value) == f"[Errno {errno.ECONNREFUSED}] Connect call failed {address}"
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(ConnectionRefusedError) as raised:
                await loop.sock_connect(sock, address)
            assert str(raised.value) == f"[Errno {errno.ECONNREFUSED}] Connect call failed {address}"


async def end(protocol: Recorder) -> None:
    protocol.transport.abort()
    await protocol.wait_for("lost")


@pytest.fixture
def unanswered() -> Iterator[Address]:
    """An address whose accept queue is full, so that a connect stays pending."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address


async def test_a_connection_returns_transport_and_protocol(loop: Loop) -> None:
    async with echo_server() as address:
        transport, protocol = await loop.create_connection(Recorder, *address)
        assert isinstance(protocol, Recorder)
        assert protocol.transport is transport
        assert protocol.events == ["made"]
        assert transport.get_extra_info("peername") == address
        await end(protocol)


async def test_nagles_algorithm_is_off(loop: Loop) -> None:
    class Looking(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            sock = transport.get_extra_info("socket")
            seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    seen: list[int] = []
    server = await loop.create_server(Looking, "127.0.0.1", 0)
    _, client = await loop.create_connection(Looking, *server.sockets[0].getsockname())
    await until(lambda: len(seen) == 2)
    assert all(seen)
    await end(client)
    server.close()


async def test_the_local_address_can_be_chosen(loop: Loop) -> None:
    async with echo_server() as address:
        transport, protocol = await loop.create_connection(Recorder, *address, local_addr=("127.0.0.3", 0))
        assert transport.get_extra_info("sockname")[0] == "127.0.0.3"
        await end(protocol)


@needs_ipv6
async def test_a_connection_over_ipv6_has_four_part_names(loop: Loop) -> None:
    async with echo_server("::1") as (host, port):
        transport, protocol = await loop.create_connection(Recorder, host, port)
        assert transport.get_extra_info("peername") == ("::1", port, 0, 0)
        assert transport.get_extra_info("socket").family == socket.AF_INET6
        await end(protocol)


async def test_a_name_is_resolved(loop: Loop) -> None:
    async with echo_server() as (_, port):
        _, protocol = await loop.create_connection(Recorder, "localhost", port, family=socket.AF_INET)
        await end(protocol)


async def test_a_port_may_be_text(loop: Loop) -> None:
    async with echo_server() as (host, port):
        _, protocol = await loop.create_connection(Recorder, host, str(port))
        await end(protocol)


audited: list[tuple[str, Any]] | None = None


@functools.cache
def listen_to_audit_events() -> None:
    sys.addaudithook(audit)  # which cannot be taken back


def audit(event: str, arguments: tuple[Any, ...]) -> None:
    if audited is not None and event == "socket.connect":
        audited.append((event, arguments[1]))


class TestAHostThatIsANumber:
    """Connected in Java, if nothing stands in between that a program put there."""

    @pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", pytest.param("::1", marks=needs_ipv6)])
    async def test_names_and_socket_are_those_of_the_connection(self, loop: Loop, host: str) -> None:
        async with echo_server("::1" if host == "::1" else "127.0.0.1") as (_, port):
            transport, protocol = await loop.create_connection(Recorder, host, port)
            sock = transport.get_extra_info("socket")
            assert transport.get_extra_info("peername") == sock.getpeername()
            assert transport.get_extra_info("sockname") == sock.getsockname()
            assert (sock.type, sock.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)
            assert sock.gettimeout() == 0
            assert not os.get_inheritable(sock.fileno())
            await end(protocol)

    async def test_what_a_program_put_in_its_way_is_called(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        async with echo_server() as address:
            for owner, name in (
                (type(loop), "sock_connect"),
                (loop, "sock_connect"),
                (socket.socket, "connect"),
                (socket, "socket"),
            ):
                with monkeypatch.context() as patch:
                    patch.setattr(owner, name, mock.Mock(wraps=getattr(owner, name), side_effect=LookupError(name)))
                    with pytest.raises(LookupError, match=name):
                        await loop.create_connection(Recorder, *address)
            _, protocol = await loop.create_connection(Recorder, *address)
            await end(protocol)

    async def test_audit_hooks_hear_of_it_before(self, loop: Loop) -> None:
        global audited
        listen_to_audit_events()
        async with echo_server() as address:
            audited = []
            try:
                _, protocol = await loop.create_connection(Recorder, *address)
            finally:
                events, audited = audited, None
            assert ("socket.connect", address) in events
            await end(protocol)

    async def test_a_hook_that_forbids_it_is_obeyed(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        class Forbidden(Exception):
            pass

        class Refusing(list[Any]):
            def append(self, _: Any) -> None:
                raise Forbidden

        listen_to_audit_events()
        async with echo_server() as address:
            before = open_descriptors()
            monkeypatch.setitem(globals(), "audited", Refusing())
            with pytest.raises(Forbidden):
                await loop.create_connection(Recorder, *address)
            monkeypatch.undo()
            gc.collect()
            assert open_descriptors() == before

    async def test_a_factory_that_fails_leaves_no_connection(self, loop: Loop, loop_name: str) -> None:
        if loop_name == "asyncio":
            pytest.skip("asyncio leaves the socket to the garbage collector, which warns of it")

        def factory() -> Any:
            raise LookupError("no protocol")

        async with echo_server() as address:
            await iterations(5)
            before = open_descriptors()
            with pytest.raises(LookupError, match="no protocol"):
                await loop.create_connection(factory, *address)
            await until(lambda: open_descriptors() == before)

    @pytest.mark.parametrize(
        ("port", "error"), [(65536, OverflowError), (-1, OverflowError), (None, OSError), (1.5, (TypeError, OSError))]
    )
    async def test_ports_that_are_none_are_refused(self, loop: Loop, port: Any, error: Any) -> None:
        with pytest.raises(error):
            await loop.create_connection(Recorder, "127.0.0.1", port)

    async def test_a_connection_that_has_to_wait_is_made(self, loop: Loop) -> None:
        """The kernel lets it wait a second where the other side's queue is full."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            with contextlib.ExitStack() as stack:
                first = stack.enter_context(socket.create_connection(address))
                pending = loop.create_task(loop.create_connection(Recorder, *address))
                await asyncio.sleep(0.05)
                assert not pending.done()
                stack.enter_context(full.accept()[0])
                transport, protocol = await pending
                assert transport.get_extra_info("peername") == address
                assert transport.get_extra_info("sockname") != first.getsockname()
                assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                await end(protocol)

    async def test_many_at_once_are_all_made(self, loop: Loop) -> None:
        async with echo_server() as address:
            made = await asyncio.gather(*(loop.create_connection(Recorder, *address) for _ in range(300)))
            for number, (transport, _) in enumerate(made):
                transport.write(b"%d" % number)
            for number, (_, protocol) in enumerate(made):
                text = b"%d" % number
                assert await protocol.read(len(text)) == text
                await end(protocol)


class TestSeveralAddresses:
    """A resolver that knows more than one address for a name, good ones and bad."""

    @pytest.fixture
    def resolve(self, loop: Loop) -> list[Address]:
        """The addresses of every name from now on."""
        addresses: list[Address] = []

        async def getaddrinfo(host: Any, port: Any, **_: Any) -> list[Any]:
            if host == "many.test":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]

        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]
        return addresses

    @pytest.fixture
    def refused(self) -> Address:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            address: Address = sock.getsockname()
        return address

    async def test_the_first_that_answers_is_taken(self, loop: Loop, resolve: list[Address], refused: Address) -> None:
        async with echo_server() as address:
            resolve += [refused, address]
            transport, protocol = await loop.create_connection(Recorder, "many.test", 1)
            assert transport.get_extra_info("peername") == address
            await end(protocol)

    async def test_when_all_fail_the_errors_are_told(
        self, loop: Loop, resolve: list[Address], refused: Address
    ) -> None:
        resolve += [refused, refused]
        with pytest.raises(OSError) as raised:
            await loop.create_connection(Recorder, "many.test", 1)
        assert isinstance(raised.value, ConnectionRefusedError) or "Connect call failed" in str(raised.value)

    async def test_different_errors_are_joined(self, loop: Loop, resolve: list[Address], refused: Address) -> None:
        resolve += [refused, ("255.255.255.255", 1)]
        with pytest.raises(OSError, match="Multiple exceptions"):
            await loop.create_connection(Recorder, "many.test", 1)

    async def test_happy_eyeballs_does_not_wait_for_the_slow_one(
        self, loop: Loop, resolve: list[Address], unanswered: Address
    ) -> None:
        async with echo_server() as address:
            resolve += [unanswered, address]
            before = open_descriptors()
            transport, protocol = await loop.create_connection(
                Recorder, "many.test", 1, happy_eyeballs_delay=0.005, interleave=1
            )
            assert transport.get_extra_info("peername") == address
            await iterations(3)
            assert len(open_descriptors()) <= len(before) + 2  # both ends, and not the one given up
            await end(protocol)

    async def test_happy_eyeballs_goes_on_at_once_when_one_is_refused(
        self, loop: Loop, resolve: list[Address], refused: Address
    ) -> None:
        async with echo_server() as address:
            resolve += [refused, address]
            start = loop.time()
            _, protocol = await loop.create_connection(Recorder, "many.test", 1, happy_eyeballs_delay=60)
            assert loop.time() - start < 10
            await end(protocol)

    async def test_no_address_at_all_is_an_error(self, loop: Loop, resolve: list[Address]) -> None:
        with pytest.raises(OSError, match=r"getaddrinfo\(.*\) returned empty list"):
            await loop.create_connection(Recorder, "many.test", 1)


class TestCancelling:
    async def test_a_pending_connect_can_be_cancelled(self, loop: Loop, unanswered: Address) -> None:
        before = open_descriptors()
        task = loop.create_task(loop.create_connection(Recorder, *unanswered))
        await asyncio.sleep(0.005)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()
        assert open_descriptors() == before

    async def test_a_pending_connect_can_time_out(self, loop: Loop, unanswered: Address) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(loop.create_connection(Recorder, *unanswered), 0.005)

    async def test_cancelling_at_every_step_leaves_no_descriptor(self, loop: Loop) -> None:
        async with echo_server() as address:
            await iterations(5)
            before = open_descriptors()
            finished = 0
            for steps in range(12):
                task = loop.create_task(loop.create_connection(Recorder, *address))
                await iterations(steps)
                task.cancel()
                try:
                    _, protocol = await task
                except asyncio.CancelledError:
                    pass
                else:
                    finished += 1
                    await end(protocol)
            assert finished < 12
            del task
            await asyncio.sleep(0.01)  # the server's ends see theirs closed
            gc.collect()
            assert open_descriptors() == before

    async def test_a_socket_given_is_the_loops_to_close_when_cancelled(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        with right:
            task = loop.create_task(loop.create_connection(Recorder, sock=left))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await iterations(3)
            assert left.fileno() == -1


class TestGivenSocket:
    async def test_it_is_used_and_closed_with_the_transport(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        with right:
            fd = left.fileno()
            transport, protocol = await loop.create_connection(Recorder, sock=left)
            assert transport.get_extra_info("socket").fileno() == fd
            assert left.fileno() == fd
            transport.close()
            await protocol.wait_for("lost")
            await iterations(2)
            assert left.fileno() == -1

    async def test_it_is_made_nonblocking(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        with right:
            assert left.gettimeout() is None
            _, protocol = await loop.create_connection(Recorder, sock=left)
            assert left.gettimeout() == 0
            await end(protocol)

    async def test_it_lives_as_long_as_its_transport(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        with right:
            transport, protocol = await loop.create_connection(Echo, sock=left)
            reference = weakref.ref(left)
            del left
            gc.collect()
            assert reference() is not None
            right.sendall(b"x")
            await protocol.read(1)
            await end(protocol)
            protocol.transport = None
            del transport, protocol
            await iterations(2)
            gc.collect()
            assert reference() is None

    async def test_one_that_a_transport_uses_is_refused(self, loop: Loop, loop_name: str) -> None:
        if loop_name == "asyncio" and sys.version_info < (3, 12):
            pytest.skip("asyncio looks at this from 3.12 on")

        left, right = tcp_socketpair()
        with right:
            _, protocol = await loop.create_connection(Recorder, sock=left)
            with pytest.raises(RuntimeError, match=r"File descriptor .* is used by transport"):
                await loop.create_connection(Recorder, sock=left)
            await end(protocol)

    async def test_one_that_is_not_connected_fails(self, loop: Loop) -> None:
        sock = socket.socket()
        _, protocol = await loop.create_connection(Recorder, sock=sock)
        await protocol.wait_for("lost")
        assert protocol.events[-1] == "lost"
        assert sock.fileno() == -1

    async def test_a_closed_one_is_an_error(self, loop: Loop) -> None:
        sock = socket.socket()
        sock.close()
        with pytest.raises((OSError, ValueError)):
            await loop.create_connection(Recorder, sock=sock)

    async def test_any_stream_family_may_be_given(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        with right:
            transport, protocol = await loop.create_connection(Echo, sock=left)
            right.sendall(b"x")
            await protocol.read(1)
            assert transport.get_extra_info("peername") == ""
            await end(protocol)


async def test_connecting_many_times_at_once_succeeds(loop: Loop) -> None:
    async with echo_server() as address:

        async def one(number: int) -> bytes:
            _, protocol = await loop.create_connection(Recorder, *address)
            protocol.transport.write(b"%05d" % number)
            answer = await protocol.read(5)
            await end(protocol)
            return answer

        answers = await asyncio.gather(*(one(number) for number in range(100)))
        assert answers == [b"%05d" % number for number in range(100)]


async def test_a_peer_that_speaks_first_is_heard_after_connection_made(loop: Loop) -> None:
    for _ in range(50):
        left, right = socket.socketpair()
        with right:
            right.send(b"first")
            right.shutdown(socket.SHUT_WR)
            _, protocol = await loop.create_connection(Recorder, sock=left)
            await protocol.wait_for("lost")
            assert protocol.events == ["made", "eof", "lost"]
            assert protocol.data == b"first"


async def test_connection_made_runs_before_create_connection_returns(loop: Loop) -> None:
    left, right = socket.socketpair()
    with right:
        _, protocol = await loop.create_connection(Recorder, sock=left)
        assert protocol.events == ["made"]
        await end(protocol)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all_errors came in 3.12")
async def test_all_errors_holds_one_error_per_address(loop: Loop) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(BaseException) as raised:
            await loop.create_connection(Recorder, *sock.getsockname(), all_errors=True)
    (error,) = raised.value.exceptions  # type: ignore[attr-defined]
    assert error.errno == errno.ECONNREFUSED


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_server_of_the_same_loop_is_connected_first(loop: Loop, host: str) -> None:
    made: list[Recorder] = []

    def accept() -> Recorder:
        made.append(Recorder())
        return made[-1]

    server = await loop.create_server(accept, host, 0, family=socket.AF_INET)
    for number in range(1, 50):
        transport, _ = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        assert len(made) == number
        assert "made" in made[-1].events
        transport.close()
    server.close()


async def test_the_handler_of_a_stream_server_has_begun_when_its_client_is_connected(loop: Loop) -> None:
    begun: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    for number in range(1, 50):
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert len(begun) == number
        writer.close()
    server.close()
    await until(lambda: all(writer.is_closing() for writer in begun))
