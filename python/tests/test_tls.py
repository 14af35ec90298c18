"""TLS servers and clients with the user's own SSLContext."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from certificates import client_context, new_client_context, new_server_context, server_context
from support import (
    BufferedRecorder,
    Echo,
    Loop,
    LoopErrors,
    Recorder,
    iterations,
    listener,
    open_descriptors,
    pattern,
    receive_all,
    receive_exactly,
    reset,
    tcp_socketpair,
    until,
)

# 3.10's own TLS transports warn when it was the peer that closed them
pytestmark = pytest.mark.filterwarnings("ignore:unclosed transport <asyncio.sslproto:ResourceWarning")
since_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio's TLS was rewritten in 3.11")


@contextlib.asynccontextmanager
async def secured(
    server_side: Callable[[], Any] = Recorder,
    client_side: Callable[[], Any] = Recorder,
    server_ssl: ssl.SSLContext | None = None,
    client_ssl: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[Any, Any]]:
    """The protocols of both ends of one TLS connection."""
    loop = asyncio.get_running_loop()
    protocols: list[Any] = []

    def accept() -> Any:
        protocols.append(server_side())
        return protocols[0]

    server = await loop.create_server(accept, "127.0.0.1", 0, ssl=server_ssl or server_context())
    client = (
        await loop.create_connection(
            client_side,
            *server.sockets[0].getsockname(),
            ssl=client_ssl or client_context(),
            server_hostname="localhost",
        )
    )[1]
    await protocols[0].wait_for("made")
    try:
        yield protocols[0], client
    finally:
        for protocol in (protocols[0], client):
            if "lost" not in protocol.events:
                protocol.transport.abort()
                await protocol.wait_for("lost")
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
class TestBothVersions:
    @pytest.mark.parametrize("size", [1, 1000, 16_384, 16_385, 1_000_003, 4_000_000])
    async def test_an_echo_of_any_size_comes_back_exactly(self, loop: Loop, version: ssl.TLSVersion, size: int) -> None:
        data = pattern(size)
        async with secured(Echo, Recorder, server_context(version), client_context(version)) as (_, client):
            client.transport.write(data)
            assert await client.read(size) == data
            assert client.transport.get_extra_info("ssl_object").version() == version.name.replace("_", ".")

    async def test_both_sides_may_write_much_at_once(self, loop: Loop, version: ssl.TLSVersion) -> None:
        data = pattern(2_000_000)
        contexts = server_context(version), client_context(version)
        async with secured(Recorder, Recorder, *contexts) as (server, client):
            server.transport.write(data)
            client.transport.write(data)
            assert await client.read(len(data)) == data
            assert await server.read(len(data)) == data

    async def test_a_client_can_be_asked_for_its_certificate(self, loop: Loop, version: ssl.TLSVersion) -> None:
        contexts = server_context(version, ask_client=True), client_context(version, with_certificate=True)
        async with secured(Echo, Recorder, *contexts) as (server, client):
            certificate = server.transport.get_extra_info("peercert")
            assert ("email", "client@example.org") in certificate["subjectAltName"]
            client.transport.write(b"x")
            assert await client.read(1) == b"x"


async def test_a_buffered_protocol_receives_exactly_what_was_sent(loop: Loop) -> None:
    data = pattern(1_000_000)
    async with secured(BufferedRecorder, BufferedRecorder) as (server, client):
        client.transport.write(data)
        server.transport.write(data)
        assert await server.read(len(data)) == data
        assert await client.read(len(data)) == data


async def test_extra_info_tells_of_the_session(loop: Loop) -> None:
    async with secured() as (server, client):
        info = client.transport.get_extra_info
        assert info("sslcontext") is client_context()
        assert isinstance(info("ssl_object"), ssl.SSLObject)
        assert ("DNS", "localhost") in info("peercert")["subjectAltName"]
        assert info("cipher") == info("ssl_object").cipher()
        assert info("compression") is None
        assert info("peername") == server.transport.get_extra_info("sockname")
        assert info("socket").family == socket.AF_INET
        assert info("no such thing", "default") == "default"
        assert server.transport.get_extra_info("sslcontext") is server_context()
        assert not server.transport.get_extra_info("peercert")


async def test_transports_are_asyncios_and_cannot_half_close(loop: Loop) -> None:
    async with secured() as (server, client):
        for protocol in (server, client):
            assert isinstance(protocol.transport, asyncio.Transport)
            assert not protocol.transport.can_write_eof()
            with pytest.raises(NotImplementedError):
                protocol.transport.write_eof()
            assert protocol.transport.get_protocol() is protocol
            assert not protocol.transport.is_closing()


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
async def test_any_bytes_like_object_can_be_written(loop: Loop, make: Any) -> None:
    async with secured() as (server, client):
        client.transport.write(make(b"data"))
        client.transport.write(make(b""))
        client.transport.writelines([make(b" and "), make(b"lines")])
        assert await server.read(14) == b"data and lines"


async def test_what_is_not_bytes_is_a_type_error(loop: Loop) -> None:
    async with secured() as (_, client):
        with pytest.raises(TypeError):
            client.transport.write("text")


async def test_reading_can_be_paused_and_resumed(loop: Loop) -> None:
    async with secured() as (server, client):
        server.transport.pause_reading()
        assert not server.transport.is_reading()
        client.transport.write(b"later")
        await asyncio.sleep(0.005)
        assert server.data == b""
        server.transport.resume_reading()
        assert await server.read(5) == b"later"


async def test_write_buffer_limits_pause_and_resume(loop: Loop) -> None:
    async with secured() as (server, client):
        server.transport.pause_reading()
        client.transport.set_write_buffer_limits(high=100_000)
        for _ in range(80):
            client.transport.write(b"x" * 100_000)
        assert "pause" in client.events
        assert client.transport.get_write_buffer_size() > 0
        server.transport.resume_reading()
        await client.wait_for("resume")
        assert len(await server.read(8_000_000)) == 8_000_000


async def test_set_protocol_sends_what_follows_to_the_new_one(loop: Loop) -> None:
    async with secured() as (server, client):
        client.transport.write(b"first")
        await server.read(5)
        successor = Recorder()
        successor.transport = server.transport
        server.transport.set_protocol(successor)
        client.transport.write(b"second")
        assert await successor.read(6) == b"second"
        server.transport.set_protocol(server)


class TestClose:
    async def test_close_sends_what_is_buffered_first(self, loop: Loop) -> None:
        data = pattern(3_000_000)
        async with secured() as (server, client):
            client.transport.write(data)
            client.transport.close()
            assert client.transport.is_closing()
            await server.wait_for("lost")
            assert server.data == data
            await client.wait_for("lost")
            assert client.error is None
            if sys.version_info >= (3, 11):  # 3.10 says nothing of the end
                assert server.events == ["made", "eof", "lost"]

    async def test_write_after_close_is_silent(self, loop: Loop) -> None:
        async with secured() as (server, client):
            client.transport.write(b"before")
            client.transport.close()
            client.transport.write(b"after")
            client.transport.close()
            await server.wait_for("lost")
            await client.wait_for("lost")
            assert bytes(server.data).startswith(b"before")

    async def test_abort_ends_both_sides(self, loop: Loop) -> None:
        async with secured() as (server, client):
            client.transport.abort()
            await client.wait_for("lost")
            await server.wait_for("lost")
            assert client.error is None

    async def test_a_peer_is_told_of_the_close(self, loop: Loop) -> None:
        """A blocking peer that insists on close_notify sees a clean end."""

        def peer() -> bytes:
            plain = socket.create_connection(address)
            with client_context().wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock:
                return receive_all(sock)

        class Greeting(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.write(b"hello")
                transport.close()

        server = await loop.create_server(Greeting, "127.0.0.1", 0, ssl=server_context())
        address = server.sockets[0].getsockname()
        assert await loop.run_in_executor(None, peer) == b"hello"
        server.close()
        await server.wait_closed()

    @since_311
    async def test_a_peers_close_notify_is_an_eof(self, loop: Loop) -> None:
        def peer(sock: socket.socket) -> None:
            with server_context().wrap_socket(sock.accept()[0], server_side=True) as secure:
                secure.sendall(b"bye")
                secure.unwrap().close()

        with listener() as sock:
            peering = loop.run_in_executor(None, peer, sock)
            _, protocol = await loop.create_connection(
                Recorder, *sock.getsockname(), ssl=client_context(), server_hostname="localhost"
            )
            await protocol.wait_for("lost")
            await peering
        assert protocol.data == b"bye"
        assert protocol.events == ["made", "eof", "lost"]

    async def test_a_peer_that_is_gone_without_a_word_is_lost(self, loop: Loop) -> None:
        def peer(sock: socket.socket) -> None:
            secure = server_context().wrap_socket(sock.accept()[0], server_side=True)
            secure.sendall(b"bye")
            receive_exactly(secure, 1)
            reset(secure)

        with listener() as sock:
            peering = loop.run_in_executor(None, peer, sock)
            transport, protocol = await loop.create_connection(
                Recorder, *sock.getsockname(), ssl=client_context(), server_hostname="localhost"
            )
            transport.write(b"x")
            await protocol.wait_for("lost")
            await peering
        assert protocol.events[-1] == "lost"

    async def test_connections_leave_nothing_behind(self, loop: Loop) -> None:
        async with secured() as (server, client):
            references = [weakref.ref(client.transport), weakref.ref(server.transport)]
            references += [weakref.ref(one.transport.get_extra_info("ssl_object")) for one in (client, server)]
            client.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")
            client.transport = server.transport = None
            await iterations(5)
            gc.collect()
            assert [reference() for reference in references] == [None] * 4

    async def test_many_connections_leave_no_descriptors(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        address = server.sockets[0].getsockname()
        before = open_descriptors()
        for number in range(60):
            transport, client = await loop.create_connection(
                Recorder, *address, ssl=client_context(), server_hostname="localhost"
            )
            transport.write(b"x")
            await client.read(1)
            transport.close() if number % 2 else transport.abort()
            await client.wait_for("lost")
        await until(lambda: open_descriptors() == before)
        server.close()
        await server.wait_closed()


class TestHandshake:
    async def test_an_untrusted_certificate_is_refused(self, loop: Loop) -> None:
        server = await loop.create_server(Recorder, "127.0.0.1", 0, ssl=server_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            await loop.create_connection(
                Recorder,
                *server.sockets[0].getsockname(),
                ssl=ssl.create_default_context(),
                server_hostname="localhost",
            )
        server.close()
        await server.wait_closed()

    async def test_a_wrong_name_is_refused(self, loop: Loop) -> None:
        server = await loop.create_server(Recorder, "127.0.0.1", 0, ssl=server_context())
        with pytest.raises(ssl.SSLCertVerificationError, match="[Hh]ostname mismatch"):
            await loop.create_connection(
                Recorder, *server.sockets[0].getsockname(), ssl=client_context(), server_hostname="wrong.example"
            )
        server.close()
        await server.wait_closed()

    async def test_the_host_is_the_name_unless_another_is_given(self, loop: Loop) -> None:
        names: list[str | None] = []
        context = new_server_context()
        context.sni_callback = lambda _, name, __: names.append(name)
        server = await loop.create_server(Recorder, "127.0.0.1", 0, ssl=context)
        transport, client = await loop.create_connection(
            Recorder, "localhost", server.sockets[0].getsockname()[1], ssl=client_context(), family=socket.AF_INET
        )
        assert names == ["localhost"]
        transport.close()
        await client.wait_for("lost")
        server.close()
        await server.wait_closed()

    async def test_protocols_are_negotiated(self, loop: Loop) -> None:
        server_ssl = new_server_context()
        server_ssl.set_alpn_protocols(["h2", "http/1.1"])
        client_ssl = new_client_context()
        client_ssl.set_alpn_protocols(["http/1.1"])
        async with secured(Recorder, Recorder, server_ssl, client_ssl) as (server, client):
            for protocol in (server, client):
                assert protocol.transport.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"

    async def test_a_server_survives_what_is_no_tls(self, loop: Loop, errors: LoopErrors) -> None:
        def peer() -> bytes:
            with socket.create_connection(address) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                try:
                    return receive_all(sock)
                except ConnectionResetError:
                    return b""

        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        address = server.sockets[0].getsockname()
        await loop.run_in_executor(None, peer)
        transport, client = await loop.create_connection(
            Recorder, *address, ssl=client_context(), server_hostname="localhost"
        )
        transport.write(b"fine")
        assert await client.read(4) == b"fine"
        transport.close()
        await client.wait_for("lost")
        server.close()
        await server.wait_closed()
        errors.take()  # versions differ in whether they report it

    async def test_a_silent_peer_ends_the_handshake_after_its_time(self, loop: Loop) -> None:
        with listener() as sock:
            before = open_descriptors()
            with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer than"):
                await loop.create_connection(
                    Recorder,
                    *sock.getsockname(),
                    ssl=client_context(),
                    server_hostname="localhost",
                    ssl_handshake_timeout=0.01,
                )
            await iterations(3)
            assert open_descriptors() == before

    async def test_a_silent_client_is_dropped_after_its_time(self, loop: Loop, errors: LoopErrors) -> None:
        server = await loop.create_server(Recorder, "127.0.0.1", 0, ssl=server_context(), ssl_handshake_timeout=0.01)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            assert await loop.run_in_executor(None, client.recv, 1) == b""
        server.close()
        await server.wait_closed()
        errors.take()  # versions differ in whether they report it

    async def test_a_peer_that_hangs_up_during_the_handshake_is_an_error(self, loop: Loop) -> None:
        def peer(sock: socket.socket) -> None:
            accepted, _ = sock.accept()
            accepted.recv(10)
            reset(accepted)

        with listener() as sock:
            peering = loop.run_in_executor(None, peer, sock)
            with pytest.raises((ConnectionError, ssl.SSLError)):
                await loop.create_connection(
                    Recorder, *sock.getsockname(), ssl=client_context(), server_hostname="localhost"
                )
            await peering

    async def test_a_handshake_can_be_cancelled(self, loop: Loop) -> None:
        with listener() as sock:
            before = open_descriptors()
            task = loop.create_task(
                loop.create_connection(Recorder, *sock.getsockname(), ssl=client_context(), server_hostname="localhost")
            )
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            await iterations(5)
            gc.collect()
            assert open_descriptors() == before

    @pytest.mark.parametrize("bad", [0, -1])
    async def test_impossible_timeouts_are_refused(self, loop: Loop, bad: float) -> None:
        left, right = tcp_socketpair()
        with left, right, pytest.raises(ValueError, match="should be a positive number"):
            await loop.create_connection(
                Recorder, sock=left, ssl=client_context(), server_hostname="localhost", ssl_handshake_timeout=bad
            )


class TestStartTls:
    async def upgrade(self, loop: Loop, protocol: Any, server_side: bool, **options: Any) -> None:
        context = server_context() if server_side else client_context()
        if not server_side:
            options.setdefault("server_hostname", "localhost")
        plain = protocol.transport
        protocol.transport = await loop.start_tls(plain, protocol, context, server_side=server_side, **options)
        assert protocol.transport is not plain

    async def test_both_sides_can_go_over_to_tls(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        _, server = await loop.connect_accepted_socket(Recorder, left)
        _, client = await loop.create_connection(Recorder, sock=right)
        client.transport.write(b"STARTTLS\n")
        assert await server.read(9) == b"STARTTLS\n"
        await asyncio.gather(self.upgrade(loop, server, True), self.upgrade(loop, client, False))
        data = pattern(500_000)
        client.transport.write(data)
        assert await server.read(9 + len(data)) == b"STARTTLS\n" + data
        server.transport.write(data)
        assert await client.read(len(data)) == data
        assert client.transport.get_extra_info("peercert")
        client.transport.close()
        await client.wait_for("lost")
        await server.wait_for("lost")
        assert server.events.count("made") == client.events.count("made") == 1

    async def test_a_blocking_peer_can_be_the_other_side(self, loop: Loop) -> None:
        def peer() -> bytes:
            right.sendall(b"STARTTLS\n")
            receive_exactly(right, 6)
            with client_context().wrap_socket(right, server_hostname="localhost") as secure:
                secure.sendall(b"secret")
                return receive_exactly(secure, 6)

        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        peering = loop.run_in_executor(None, peer)
        await protocol.read(9)
        transport.write(b"READY\n")
        await self.upgrade(loop, protocol, True)
        assert await protocol.read(15) == b"STARTTLS\nsecret"
        protocol.transport.write(b"answer")
        assert await peering == b"answer"
        await protocol.wait_for("lost")

    async def test_a_buffered_protocol_goes_over_too(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        _, server = await loop.connect_accepted_socket(BufferedRecorder, left)
        _, client = await loop.create_connection(BufferedRecorder, sock=right)
        await asyncio.gather(self.upgrade(loop, server, True), self.upgrade(loop, client, False))
        client.transport.write(b"secret")
        assert await server.read(6) == b"secret"
        client.transport.close()
        await client.wait_for("lost")
        await server.wait_for("lost")

    async def test_a_failed_upgrade_closes_the_connection(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        with right:
            right.sendall(b"this is no TLS at all, whatever you expect")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await self.upgrade(loop, protocol, False)
        await iterations(5)
        assert transport.is_closing()

    async def test_an_upgrade_can_time_out(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        with right, pytest.raises(ConnectionAbortedError):
            await self.upgrade(loop, protocol, False, ssl_handshake_timeout=0.01)
        await iterations(5)
        assert transport.is_closing()

    async def test_a_context_is_required(self, loop: Loop) -> None:
        left, right = tcp_socketpair()
        transport, protocol = await loop.create_connection(Recorder, sock=left)
        with right, pytest.raises(TypeError, match="sslcontext is expected to be an instance of ssl.SSLContext"):
            await loop.start_tls(transport, protocol, None)  # type: ignore[arg-type]
        transport.abort()
        await protocol.wait_for("lost")

    async def test_a_transport_that_cannot_is_refused(self, loop: Loop) -> None:
        with pytest.raises(TypeError, match="is not supported by start_tls"):
            await loop.start_tls(asyncio.Transport(), Recorder(), client_context())

    @since_311
    async def test_tls_can_be_spoken_inside_tls(self, loop: Loop) -> None:
        async with secured() as (server, client):
            await asyncio.gather(self.upgrade(loop, server, True), self.upgrade(loop, client, False))
            data = pattern(200_000)
            client.transport.write(data)
            assert await server.read(len(data)) == data

    @since_311
    async def test_a_stream_writer_goes_over(self, loop: Loop) -> None:
        async def serve(reader: asyncio.StreamReader, writer: Any) -> None:
            assert await reader.readline() == b"STARTTLS\n"
            writer.write(b"READY\n")
            await writer.drain()
            await writer.start_tls(server_context())
            writer.write((await reader.readline()).upper())
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        writer: Any
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"READY\n"
        await writer.start_tls(client_context(), server_hostname="localhost")
        writer.write(b"secret\n")
        assert await reader.readline() == b"SECRET\n"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()


async def test_streams_over_tls_work(loop: Loop) -> None:
    data = pattern(1_000_000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(data)))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context())
    reader, writer = await asyncio.open_connection(
        *server.sockets[0].getsockname(), ssl=client_context(), server_hostname="localhost"
    )
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_unix_sockets_can_be_secured_too(loop: Loop, tmp_path: Any) -> None:
    path = str(tmp_path / "s")
    server = await loop.create_unix_server(Echo, path, ssl=server_context())
    transport, client = await loop.create_unix_connection(
        Recorder, path, ssl=client_context(), server_hostname="localhost"
    )
    transport.write(b"secret")
    assert await client.read(6) == b"secret"
    transport.close()
    await client.wait_for("lost")
    server.close()
    await server.wait_closed()


async def test_an_accepted_socket_can_be_secured(loop: Loop) -> None:
    left, right = tcp_socketpair()
    (_, server), (transport, client) = await asyncio.gather(
        loop.connect_accepted_socket(Echo, left, ssl=server_context()),
        loop.create_connection(Recorder, sock=right, ssl=client_context(), server_hostname="localhost"),
    )
    transport.write(b"secret")
    assert await client.read(6) == b"secret"
    transport.close()
    await client.wait_for("lost")
    await server.wait_for("lost")


async def test_an_exception_in_data_received_closes_the_connection(loop: Loop, errors: LoopErrors) -> None:
    class Failing(Recorder):
        def data_received(self, data: bytes) -> None:
            raise LookupError("in data_received")

    async with secured(Failing) as (server, client):
        client.transport.write(b"x")
        await client.wait_for("lost")
        await server.wait_for("lost")
    (context,) = errors.take()
    assert isinstance(context["exception"], LookupError)


async def test_a_slow_blocking_reader_gets_everything(loop: Loop) -> None:
    data = pattern(3_000_000)

    def peer() -> bytes:
        plain = socket.create_connection(address)
        received = bytearray()
        with client_context().wrap_socket(plain, server_hostname="localhost") as sock:
            while chunk := sock.recv(7001):
                received += chunk
        return bytes(received)

    class Sender(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.writelines([data[start : start + 100_000] for start in range(0, len(data), 100_000)])
            transport.close()

    server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=server_context())
    address = server.sockets[0].getsockname()
    assert await loop.run_in_executor(None, peer) == data
    server.close()
    await server.wait_closed()
