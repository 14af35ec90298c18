"""Servers: creating them in every way, what they tell, and how they close."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support import (
    Echo,
    Loop,
    LoopErrors,
    LoopFactory,
    Recorder,
    has_ipv6,
    iterations,
    open_descriptors,
    receive_exactly,
    reset,
    tcp_socketpair,
    until,
)

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


def port_of(server: asyncio.AbstractServer) -> int:
    return int(server.sockets[0].getsockname()[1])  # type: ignore[attr-defined]


async def ask(port: int, host: str = "127.0.0.1", question: bytes = b"question") -> bytes:
    """What an echo server there answers."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(question)
    answer = await reader.readexactly(len(question))
    writer.close()
    await writer.wait_closed()
    return answer


@contextlib.asynccontextmanager
async def serving(*args: Any, **options: Any) -> AsyncIterator[asyncio.Server]:
    server = await asyncio.get_running_loop().create_server(Echo, *args, **options)
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


class TestCreating:
    async def test_a_server_is_asyncios_and_tells_of_itself(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0) as server:
            assert isinstance(server, asyncio.Server)
            assert server.get_loop() is loop
            assert server.is_serving()
            (sock,) = server.sockets
            assert sock.family == socket.AF_INET
            assert sock.type == socket.SOCK_STREAM
            assert sock.getsockname()[0] == "127.0.0.1"
            assert sock.gettimeout() == 0
            assert "sockets=" in repr(server)

    async def test_no_host_means_every_interface(self, loop: Loop) -> None:
        for host in (None, ""):
            async with serving(host, 0) as server:
                families = {sock.family for sock in server.sockets}
                assert socket.AF_INET in families
                port = next(sock.getsockname()[1] for sock in server.sockets if sock.family == socket.AF_INET)
                assert await ask(port) == b"question"

    @needs_ipv6
    async def test_several_hosts_have_a_socket_each(self, loop: Loop) -> None:
        async with serving(["127.0.0.1", "::1", "127.0.0.2"], 0) as server:
            assert len(server.sockets) == 3
            for sock in server.sockets:
                host, port = sock.getsockname()[:2]
                assert await ask(port, host) == b"question"

    async def test_a_name_is_resolved(self, loop: Loop) -> None:
        async with serving("localhost", 0, family=socket.AF_INET) as server:
            assert server.sockets[0].getsockname()[0] == "127.0.0.1"

    @needs_ipv6
    async def test_the_family_can_be_chosen(self, loop: Loop) -> None:
        async with serving(None, 0, family=socket.AF_INET6) as server:
            assert [sock.family for sock in server.sockets] == [socket.AF_INET6]
            assert server.sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)

    async def test_a_port_may_be_text(self, loop: Loop) -> None:
        async with serving("127.0.0.1", "0") as server:
            assert port_of(server) > 0

    async def test_the_address_can_be_used_again_at_once(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0) as server:
            port = port_of(server)
            assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
            await ask(port)
        async with serving("127.0.0.1", port):
            assert await ask(port) == b"question"

    async def test_a_port_can_be_shared(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0, reuse_port=True) as server:
            assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
            async with serving("127.0.0.1", port_of(server), reuse_port=True):
                assert [await ask(port_of(server)) for _ in range(10)] == [b"question"] * 10

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="keep_alive came in 3.13")
    async def test_connections_can_be_kept_alive(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0, keep_alive=True) as server:
            assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    async def test_a_socket_of_ones_own_is_served(self, loop: Loop) -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        async with serving(sock=sock) as server:
            assert server.sockets[0].fileno() == sock.fileno()
            assert await ask(port_of(server)) == b"question"
        assert sock.fileno() == -1

    async def test_a_socket_that_listens_already_is_served(self, loop: Loop) -> None:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        early = socket.create_connection(sock.getsockname())
        async with serving(sock=sock):
            with early:
                early.sendall(b"early")
                assert await loop.run_in_executor(None, receive_exactly, early, 5) == b"early"

    async def test_with_start_serving_false_nobody_is_accepted_yet(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0, start_serving=False) as server:
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                await ask(port_of(server))
            await server.start_serving()
            assert server.is_serving()
            await server.start_serving()
            assert await ask(port_of(server)) == b"question"

    async def test_a_backlog_of_one_still_serves_many(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0, backlog=1) as server:
            assert [await ask(port_of(server)) for _ in range(20)] == [b"question"] * 20

    async def test_many_clients_at_once_are_accepted(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0, backlog=500) as server:
            questions = [b"question %d" % number for number in range(300)]
            answers = await asyncio.gather(*(ask(port_of(server), question=question) for question in questions))
            assert answers == questions

    async def test_servers_on_one_loop_do_not_disturb_each_other(self, loop: Loop) -> None:
        async with contextlib.AsyncExitStack() as stack:
            servers = [await stack.enter_async_context(serving("127.0.0.1", 0)) for _ in range(20)]
            assert await asyncio.gather(*(ask(port_of(server)) for server in servers)) == [b"question"] * 20


class TestClosing:
    async def test_a_closed_server_accepts_nobody(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        port = port_of(server)
        server.close()
        assert not server.is_serving()
        assert list(server.sockets) == []
        with pytest.raises(ConnectionRefusedError):
            await ask(port)
        server.close()
        await server.wait_closed()

    async def test_connections_outlive_the_server(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Recorder, "127.0.0.1", port_of(server))
        transport.write(b"before ")
        await client.read(7)
        server.close()
        transport.write(b"after")
        assert await client.read(12) == b"before after"
        transport.close()
        await client.wait_for("lost")
        await server.wait_closed()

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="until 3.12 wait_closed did not wait")
    async def test_wait_closed_waits_for_the_last_connection(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        transport, client = await loop.create_connection(Recorder, "127.0.0.1", port_of(server))
        transport.write(b"x")
        await client.read(1)
        server.close()
        waiting = asyncio.ensure_future(server.wait_closed())
        await iterations(5)
        assert not waiting.done()
        transport.close()
        await asyncio.wait_for(waiting, 5)

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients came in 3.13")
    async def test_close_clients_closes_connections_after_what_is_buffered(self, loop: Loop) -> None:
        class Greeting(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.write(b"x" * 3_000_000)
                protocols.append(self)

        protocols: list[Recorder] = []
        server: Any = await loop.create_server(Greeting, "127.0.0.1", 0)
        clients = [(await loop.create_connection(Recorder, "127.0.0.1", port_of(server)))[1] for _ in range(3)]
        await until(lambda: len(protocols) == 3)
        server.close()
        server.close_clients()
        for client in clients:
            await client.wait_for("lost")
            assert len(client.data) == 3_000_000
        await asyncio.wait_for(server.wait_closed(), 5)
        assert [protocol.error for protocol in protocols] == [None] * 3

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="abort_clients came in 3.13")
    async def test_abort_clients_drops_what_is_buffered(self, loop: Loop) -> None:
        class Greeting(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.write(b"x" * 8_000_000)
                protocols.append(self)

        protocols: list[Recorder] = []
        server: Any = await loop.create_server(Greeting, "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", port_of(server))):  # does not read
            await until(lambda: protocols)
            server.close()
            server.close_clients()
            await iterations(3)
            assert "lost" not in protocols[0].events
            server.abort_clients()
            await protocols[0].wait_for("lost")
            await asyncio.wait_for(server.wait_closed(), 5)

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients came in 3.13")
    @pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
    async def test_clients_of_another_server_stay(self, loop: Loop, end: str) -> None:
        servers: list[Any] = [await loop.create_server(Echo, "127.0.0.1", 0) for _ in range(2)]
        clients = [(await loop.create_connection(Recorder, "127.0.0.1", port_of(server)))[1] for server in servers]
        for client in clients:
            client.transport.write(b"here")
            assert await client.read(4) == b"here"
        assert [len(server._clients) for server in servers] == [1, 1]
        transports = [next(iter(server._clients)) for server in servers]
        assert [transport in server._clients for transport in transports for server in servers] == [
            True,
            False,
            False,
            True,
        ]
        getattr(servers[0], end)()
        await clients[0].wait_for("lost")
        await until(lambda: len(servers[0]._clients) == 0)
        assert list(servers[0]._clients) == []
        assert "lost" not in clients[1].events
        clients[1].transport.close()
        for server in servers:
            server.close()
            await asyncio.wait_for(server.wait_closed(), 5)

    @pytest.mark.jloop_only
    async def test_a_transport_that_could_not_be_made_does_not_keep_the_server_from_closing(self, loop: Loop) -> None:
        class Refusing:
            """Has no `connection_made`: making the transport fails when it is asked for."""

        server: Any = await loop.create_server(Refusing, "127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", port_of(server))) as client:
            client.setblocking(False)
            assert await loop.sock_recv(client, 1) == b""
        server.close()
        await asyncio.wait_for(server.wait_closed(), 5)

    async def test_leaving_the_context_closes(self, loop: Loop) -> None:
        async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
            assert await ask(port_of(server)) == b"question"
        assert not server.is_serving()

    async def test_serve_forever_serves_until_it_is_cancelled(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, start_serving=False)
        port = port_of(server)
        forever = asyncio.ensure_future(server.serve_forever())
        await until(server.is_serving)
        assert await ask(port) == b"question"
        with pytest.raises(RuntimeError, match="is already being awaited on serve_forever"):
            await server.serve_forever()
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await forever
        assert not server.is_serving()

    async def test_close_ends_serve_forever(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        forever = asyncio.ensure_future(server.serve_forever())
        await iterations(2)
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(forever, 5)
        with pytest.raises(RuntimeError, match="is closed"):
            await server.serve_forever()

    async def test_closing_and_creating_on_one_port_again_and_again(self, loop: Loop) -> None:
        async with serving("127.0.0.1", 0) as server:
            port = port_of(server)
        for _ in range(50):
            async with serving("127.0.0.1", port):
                assert await ask(port) == b"question"

    async def test_a_server_dropped_without_close_goes_on_serving(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        sockets = [sock.dup() for sock in server.sockets]
        port = port_of(server)
        kept = server._sockets  # type: ignore[attr-defined]
        del server
        gc.collect()
        assert await ask(port) == b"question"
        for sock in kept:
            loop._stop_serving(sock)  # type: ignore[attr-defined]
        for sock in sockets:
            sock.close()


class TestAccepting:
    async def test_clients_that_are_gone_before_they_are_accepted_do_no_harm(
        self, loop: Loop, errors: LoopErrors
    ) -> None:
        async with serving("127.0.0.1", 0, start_serving=False) as server:
            server.sockets[0]._sock.listen(100)  # type: ignore[attr-defined]
            for number in range(50):
                client = socket.create_connection(server.sockets[0].getsockname())
                client.close() if number % 2 else reset(client)
            await server.start_serving()
            assert await ask(port_of(server)) == b"question"
        assert not errors

    async def test_without_descriptors_the_server_waits_and_goes_on(self, loop: Loop, errors: LoopErrors) -> None:
        import resource

        async with serving("127.0.0.1", 0) as server:
            assert await ask(port_of(server)) == b"question"
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            client = socket.socket()
            with client:
                client.setblocking(False)
                resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_descriptors()) + 1, hard))
                fillers = []
                try:
                    with contextlib.suppress(OSError):
                        while True:
                            fillers.append(os.dup(0))
                    with contextlib.suppress(BlockingIOError):
                        client.connect(server.sockets[0].getsockname())
                    await until(lambda: errors)
                finally:
                    for filler in fillers:
                        os.close(filler)
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for context in errors.take():
                    assert context["message"] == "socket.accept() out of system resource"
                    assert context["exception"].errno == errno.EMFILE
                client.setblocking(True)
                client.sendall(b"late")
                assert await loop.run_in_executor(None, receive_exactly, client, 4) == b"late"

    @pytest.mark.parametrize("kind", ["tcp", "unix"])
    async def test_the_socket_of_a_connection_is_there_when_it_is_asked_for(
        self, loop: Loop, tmp_path: Path, kind: str
    ) -> None:
        peers: list[Recorder] = []

        def factory() -> Recorder:
            peers.append(Recorder())
            return peers[-1]

        if kind == "tcp":
            server = await loop.create_server(factory, "127.0.0.1", 0)
            client = socket.create_connection(server.sockets[0].getsockname())
        else:
            server = await loop.create_unix_server(factory, str(tmp_path / "socket"))
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(tmp_path / "socket"))
        with client:
            await until(lambda: peers and "made" in peers[0].events)
            transport = peers[0].transport
            assert transport.get_extra_info("peername") == client.getsockname()
            assert transport.get_extra_info("sockname") == client.getpeername()
            sock = transport.get_extra_info("socket")
            assert sock is transport.get_extra_info("socket")
            assert sock.getsockname() == client.getpeername()
            assert (sock.family, sock.type) == (client.family, socket.SOCK_STREAM)
            assert sock.gettimeout() == 0
            assert not os.get_inheritable(sock.fileno())
            assert not os.get_blocking(sock.fileno())
            client.sendall(b"still read")
            assert await peers[0].read(10) == b"still read"
            transport.abort()
            await peers[0].wait_for("lost")
            await iterations(2)
            assert sock.fileno() == -1
        server.close()
        await server.wait_closed()

    @pytest.mark.parametrize("proto", [0, socket.IPPROTO_TCP])
    async def test_a_listening_socket_may_tell_its_protocol_or_not(
        self, loop: Loop, loop_name: str, proto: int
    ) -> None:
        peer = Recorder()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto) as listener:
            listener.bind(("127.0.0.1", 0))
            server = await loop.create_server(lambda: peer, sock=listener)
            with socket.create_connection(listener.getsockname()) as client:
                await until(lambda: "made" in peer.events)
                if loop_name == "jloop":
                    assert type(peer.transport._conn) is int  # no socket object yet
                assert peer.transport.get_extra_info("peername") == client.getsockname()
                assert peer.transport.get_extra_info("socket").proto in (proto, socket.IPPROTO_TCP)
                peer.transport.abort()
                await peer.wait_for("lost")
            server.close()
            await server.wait_closed()

    async def test_the_socket_of_a_connection_that_is_closed_is_a_closed_one(self, loop: Loop) -> None:
        peer = Recorder()
        server = await loop.create_server(lambda: peer, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await until(lambda: "made" in peer.events)
            peer.transport.abort()
            await peer.wait_for("lost")
            await iterations(2)
            sock = peer.transport.get_extra_info("socket")
            assert (sock.fileno(), sock.family) == (-1, socket.AF_INET)
        server.close()
        await server.wait_closed()

    async def test_an_exit_while_connections_are_accepted_closes_the_rest(self, loop: Loop, loop_name: str) -> None:
        if loop_name == "asyncio":
            pytest.skip("asyncio calls protocol factories in tasks")

        def factory() -> Any:
            raise SystemExit(3)

        def accept() -> None:
            loop._accept_connection(factory, server.sockets[0]._sock, None, server)  # type: ignore[attr-defined]

        async with serving("127.0.0.1", 0, start_serving=False) as server:
            listener = server.sockets[0]._sock  # type: ignore[attr-defined]
            listener.listen(10)
            clients = [socket.create_connection(listener.getsockname()) for _ in range(4)]
            before = open_descriptors()
            with pytest.raises(SystemExit):
                accept()
            gc.collect()
            assert open_descriptors() == before
            for client in clients:
                client.close()

    async def test_an_accept_that_a_program_replaced_is_called(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accepted = []
        original = socket.socket.accept

        def accept(sock: socket.socket) -> Any:
            accepted.append(sock)
            return original(sock)

        monkeypatch.setattr(socket.socket, "accept", accept)
        async with serving("127.0.0.1", 0) as server:
            assert await ask(port_of(server)) == b"question"
            assert accepted

    async def test_thousands_of_short_connections_leave_no_descriptors(self, loop: Loop) -> None:
        lost = 0

        class Counting(Echo):
            def connection_lost(self, exc: Exception | None) -> None:
                nonlocal lost
                lost += 1

        def clients() -> None:
            for _ in range(1500):
                with socket.create_connection(address) as client:
                    client.sendall(b"ping")
                    assert receive_exactly(client, 4) == b"ping"

        server = await loop.create_server(Counting, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        before = open_descriptors()
        await asyncio.gather(*(loop.run_in_executor(None, clients) for _ in range(2)))
        await until(lambda: lost == 3000)
        await iterations(3)
        assert open_descriptors() == before
        server.close()
        await server.wait_closed()

    async def test_connections_leave_no_objects(self, loop: Loop) -> None:
        async def connections(count: int) -> None:
            for _ in range(count):
                await ask(port)
            await iterations(5)
            gc.collect()

        async with serving("127.0.0.1", 0) as server:
            port = port_of(server)
            await connections(30)
            before = len(gc.get_objects())
            await connections(300)
            assert len(gc.get_objects()) - before < 300


@contextlib.asynccontextmanager
async def burst() -> AsyncIterator[tuple[asyncio.Server, list[Recorder], list[socket.socket]]]:
    """A server that has not run yet since 150 clients connected to it, the protocols it makes, and the clients."""
    made: list[Recorder] = []

    def factory() -> Recorder:
        made.append(Recorder())
        return made[-1]

    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, backlog=200)
    clients = [socket.create_connection(server.sockets[0].getsockname()) for _ in range(150)]
    try:
        yield server, made, clients
    finally:
        for client in clients:
            client.close()
        server.close()
        await server.wait_closed()


class TestBursts:
    """More connections at once than transports are made in one turn."""

    async def test_each_gets_its_own_transport_in_order(self, loop: Loop) -> None:
        async with burst() as (_, made, clients):
            await until(lambda: len(made) == 150 and "made" in made[-1].events)
            names = [protocol.transport.get_extra_info("peername") for protocol in made]
            assert names == [client.getsockname() for client in clients]
            for number, client in enumerate(clients):
                client.sendall(b"%03d" % number)
            for number, protocol in enumerate(made):
                assert await protocol.read(3) == b"%03d" % number
                protocol.transport.abort()
            await until(lambda: all("lost" in protocol.events for protocol in made))

    async def test_an_error_of_one_connection_does_not_end_the_others(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Linux tells what happened to a connection before it was accepted as an error of accept()."""
        original = socket.socket.accept
        calls = raised = 0

        def accept(sock: socket.socket) -> Any:
            nonlocal calls, raised
            calls += 1
            if calls in (3, 160):  # the second one while most wait for their transports
                raised += 1
                raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
            return original(sock)

        errors: list[Any] = []
        loop.set_exception_handler(lambda _, context: errors.append(context["exception"].errno))
        monkeypatch.setattr(socket.socket, "accept", accept)
        async with burst() as (_, made, clients):
            await until(lambda: len(made) == len(clients) and "made" in made[-1].events)
            assert errors == [errno.EPROTO] * raised
            assert raised > 0
            for client, protocol in zip(clients, made, strict=True):
                client.sendall(b"here")
                assert await protocol.read(4) == b"here"
                protocol.transport.abort()
                await protocol.wait_for("lost")

    async def test_others_have_their_turn_meanwhile(self, loop: Loop, loop_name: str) -> None:
        if loop_name == "asyncio":
            pytest.skip("asyncio accepts as many as the backlog has place for before anything else runs")
        async with burst() as (_, made, _):
            seen = set()
            while len(made) < 150:
                await asyncio.sleep(0)
                seen.add(len(made))
            assert len(seen) > 2
            for protocol in made:
                await protocol.wait_for("made")
                protocol.transport.abort()

    async def test_a_server_that_closes_meanwhile_leaves_none_open(self, loop: Loop) -> None:
        async with burst() as (server, made, clients):
            before = len(open_descriptors())
            await until(lambda: made)
            server.close()
            await iterations(10)
            for protocol in made:
                protocol.transport.abort()
            await until(lambda: len(open_descriptors()) < before)  # the listening socket too
            for client in clients:
                client.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    assert client.recv(1) == b""

    def test_a_loop_that_closes_meanwhile_leaves_none_open(self, loop_factory: LoopFactory, loop_name: str) -> None:
        if loop_name == "asyncio":
            pytest.skip("asyncio calls protocol factories in tasks")

        def factory() -> Any:
            raise LookupError("no protocol")

        with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
            listener.setblocking(False)
            clients = [socket.create_connection(listener.getsockname()) for _ in range(150)]
            before = open_descriptors()
            loop = loop_factory()
            empty = len(open_descriptors())
            loop._accept_connection(factory, listener)  # type: ignore[attr-defined]
            assert len(open_descriptors()) > empty
            loop.close()
            assert open_descriptors() == before
            for client in clients:
                client.close()


class TestConnectAcceptedSocket:
    async def test_a_socket_accepted_elsewhere_becomes_a_transport(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.connect_accepted_socket(Echo, left)
        with right:
            right.sendall(b"hello")
            assert await loop.run_in_executor(None, receive_exactly, right, 5) == b"hello"
        await protocol.wait_for("lost")
        assert isinstance(transport, asyncio.Transport)
        assert left.fileno() == -1

    async def test_a_failing_factory_is_raised(self, loop: Loop) -> None:
        def factory() -> Any:
            raise LookupError("factory")

        left, right = tcp_socketpair()
        with left, right, pytest.raises(LookupError):
            await loop.connect_accepted_socket(factory, left)

    async def test_a_socket_in_use_is_refused(self, loop: Loop, loop_name: str) -> None:
        if loop_name == "asyncio" and sys.version_info < (3, 12):
            pytest.skip("asyncio looks at this from 3.12 on")

        left, right = tcp_socketpair()
        with right:
            transport, protocol = await loop.connect_accepted_socket(Recorder, left)
            with pytest.raises(RuntimeError, match="is used by transport"):
                await loop.connect_accepted_socket(Recorder, left)
            transport.abort()
            await protocol.wait_for("lost")


@pytest.mark.parametrize("own", ["_make_socket_transport", "_accept_connection2"])
async def test_an_overridden_step_of_accepting_is_taken(loop: Loop, own: str) -> None:
    calls: list[str] = []
    original = getattr(loop, own)

    def step(*args: Any, **kwargs: Any) -> Any:
        calls.append(own)
        return original(*args, **kwargs)

    setattr(loop, own, step)
    server = await loop.create_server(Recorder, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):
        await until(lambda: calls)
        await iterations(3)
    await iterations(3)
    server.close()
    await server.wait_closed()
