"""Datagram transports: UDP over IPv4 and IPv6, and Unix datagrams."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support import Loop, LoopErrors, given_away, has_ipv6, iterations, socket_folder, until

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")


class Datagrams(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []
        self.lost_with: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.events.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_with = exc
        self.events.append("lost")

    @property
    def words(self) -> list[bytes]:
        return [data for data, _ in self.received]


class EchoDatagrams(Datagrams):
    def datagram_received(self, data: bytes, addr: Any) -> None:
        super().datagram_received(data, addr)
        self.transport.sendto(data, addr)


async def endpoint(protocol: Callable[[], Datagrams] = Datagrams, **options: Any) -> tuple[Any, Any]:
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(protocol, **options)
    return transport, made


async def end(*protocols: Datagrams) -> None:
    for protocol in protocols:
        protocol.transport.close()
    await until(lambda: all("lost" in protocol.events for protocol in protocols))
    await iterations(2)


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
class TestInternet:
    async def test_datagrams_are_answered(self, loop: Loop, host: str) -> None:
        server_transport, server = await endpoint(EchoDatagrams, local_addr=(host, 0))
        address = server_transport.get_extra_info("sockname")
        _, client = await endpoint(remote_addr=address[:2])
        client.transport.sendto(b"question")
        await until(lambda: client.received)
        assert client.received == [(b"question", address)]
        assert server.received == [(b"question", client.transport.get_extra_info("sockname"))]
        await end(client, server)

    async def test_an_unconnected_endpoint_sends_to_anybody(self, loop: Loop, host: str) -> None:
        receivers = [(await endpoint(local_addr=(host, 0)))[1] for _ in range(3)]
        _, sender = await endpoint(local_addr=(host, 0))
        for number in range(30):
            address = receivers[number % 3].transport.get_extra_info("sockname")
            sender.transport.sendto(b"%d" % number, address)
        await until(lambda: sum(len(receiver.received) for receiver in receivers) == 30)
        for index, receiver in enumerate(receivers):
            assert receiver.words == [b"%d" % number for number in range(index, 30, 3)]
            assert {addr for _, addr in receiver.received} == {sender.transport.get_extra_info("sockname")}
        await end(sender, *receivers)

    async def test_boundaries_and_sizes_are_kept(self, loop: Loop, host: str) -> None:
        _, receiver = await endpoint(local_addr=(host, 0))
        _, sender = await endpoint(remote_addr=receiver.transport.get_extra_info("sockname")[:2])
        words = [b"x" * size for size in (1, 0, 2, 1471, 1472, 1473, 0, 9000, 65_000)]
        for number, word in enumerate(words):
            if word or sys.version_info >= (3, 13):  # before, asyncio's sendto drops what is empty
                sender.transport.sendto(word)
                await until(lambda number=number: receiver.received and len(receiver.words[-1]) == len(words[number]))
        assert receiver.words == [word for word in words if word or sys.version_info >= (3, 13)]
        await end(sender, receiver)

    async def test_an_empty_datagram_is_received(self, loop: Loop, host: str) -> None:
        _, receiver = await endpoint(local_addr=(host, 0))
        address = receiver.transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", address)
            sock.sendto(b"after", address)
            await until(lambda: len(receiver.received) == 2)
        assert receiver.words == [b"", b"after"]
        await end(receiver)

    async def test_names_are_told(self, loop: Loop, host: str) -> None:
        _, server = await endpoint(local_addr=(host, 0))
        address = server.transport.get_extra_info("sockname")
        _, client = await endpoint(remote_addr=address[:2])
        info = client.transport.get_extra_info
        assert address[0] == host
        assert info("peername") == address
        assert info("socket").type == socket.SOCK_DGRAM
        assert info("socket").getpeername() == address
        assert server.transport.get_extra_info("peername") is None
        if sys.version_info >= (3, 12):  # before, asyncio's own was not
            assert isinstance(client.transport, asyncio.DatagramTransport)
        await end(client, server)

    async def test_a_burst_arrives_in_order(self, loop: Loop, host: str) -> None:
        """More datagrams than one batch holds."""
        _, receiver = await endpoint(local_addr=(host, 0))
        receiver.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        _, sender = await endpoint(remote_addr=receiver.transport.get_extra_info("sockname")[:2])
        for burst in range(10):
            for number in range(100):
                sender.transport.sendto(b"%d/%d" % (burst, number))
            await until(lambda burst=burst: len(receiver.received) == 100 * (burst + 1))
        assert receiver.words == [b"%d/%d" % (burst, number) for burst in range(10) for number in range(100)]
        await end(sender, receiver)


class TestSendto:
    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview], ids=lambda make: make.__name__)
    async def test_any_bytes_like_object_can_be_sent(self, loop: Loop, make: Any) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        _, sender = await endpoint(remote_addr=receiver.transport.get_extra_info("sockname"))
        sender.transport.sendto(make(b"data"))
        await until(lambda: receiver.received)
        assert receiver.words == [b"data"]
        assert type(receiver.words[0]) is bytes
        await end(sender, receiver)

    @pytest.mark.parametrize("bad", ["text", 5, None, [b"x"]], ids=repr)
    async def test_what_is_not_bytes_is_a_type_error(self, loop: Loop, bad: Any) -> None:
        _, sender = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(TypeError, match="data argument must be"):
            sender.transport.sendto(bad, ("127.0.0.1", 1))
        await end(sender)

    async def test_what_is_changed_after_sendto_is_sent_as_it_was(self, loop: Loop) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        _, sender = await endpoint(remote_addr=receiver.transport.get_extra_info("sockname"))
        data = bytearray(b"original")
        sender.transport.sendto(data)
        data[:] = b"changed!"
        await until(lambda: receiver.received)
        assert receiver.words == [b"original"]
        await end(sender, receiver)

    async def test_a_connected_endpoint_sends_to_its_peer_only(self, loop: Loop) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        address = receiver.transport.get_extra_info("sockname")
        _, sender = await endpoint(remote_addr=address)
        with pytest.raises(ValueError, match="Invalid address: must be None or"):
            sender.transport.sendto(b"x", ("127.0.0.1", 1))
        sender.transport.sendto(b"no address")
        sender.transport.sendto(b"its own", address)
        await until(lambda: len(receiver.received) == 2)
        await end(sender, receiver)

    async def test_sendto_after_close_is_dropped(self, loop: Loop) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        _, sender = await endpoint(remote_addr=receiver.transport.get_extra_info("sockname"))
        sender.transport.sendto(b"before")
        await end(sender)
        sender.transport.sendto(b"after")
        await until(lambda: receiver.received)
        await iterations(3)
        assert receiver.words == [b"before"]
        await end(receiver)

    async def test_a_datagram_that_is_too_long_is_an_error(self, loop: Loop) -> None:
        _, sender = await endpoint(local_addr=("127.0.0.1", 0))
        sender.transport.sendto(b"x" * 70_000, sender.transport.get_extra_info("sockname"))
        await until(lambda: sender.errors)
        (error,) = sender.errors
        assert isinstance(error, OSError)
        assert error.errno == errno.EMSGSIZE
        sender.transport.sendto(b"goes on", sender.transport.get_extra_info("sockname"))
        await until(lambda: sender.received)
        await end(sender)


class TestErrors:
    async def test_a_refusal_of_the_peer_is_received_as_an_error(self, loop: Loop) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            address = gone.getsockname()
        _, sender = await endpoint(remote_addr=address)
        sender.transport.sendto(b"anybody there?")
        await until(lambda: sender.errors)
        assert isinstance(sender.errors[0], ConnectionRefusedError)
        assert not sender.transport.is_closing()
        await end(sender)
        assert sender.lost_with is None

    async def test_an_exception_in_datagram_received_closes_the_endpoint(self, loop: Loop, errors: LoopErrors) -> None:
        class Failing(Datagrams):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                super().datagram_received(data, addr)
                raise LookupError("in datagram_received")

        _, receiver = await endpoint(Failing, local_addr=("127.0.0.1", 0))
        address = receiver.transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", address)
            await until(lambda: errors or "lost" in receiver.events)
        assert isinstance(errors.take_one()["exception"], LookupError)
        receiver.transport.abort()
        await until(lambda: "lost" in receiver.events)

    async def test_abort_drops_and_closes(self, loop: Loop) -> None:
        _, sender = await endpoint(local_addr=("127.0.0.1", 0))
        sender.transport.abort()
        assert sender.transport.is_closing()
        await until(lambda: "lost" in sender.events)
        assert sender.events == ["made", "lost"]
        assert sender.lost_with is None

    async def test_closing_inside_datagram_received_stops_delivery(self, loop: Loop) -> None:
        class Once(Datagrams):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                super().datagram_received(data, addr)
                self.transport.close()

        _, receiver = await endpoint(Once, local_addr=("127.0.0.1", 0))
        address = receiver.transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(10):
                sock.sendto(b"x", address)
            await until(lambda: "lost" in receiver.events)
        assert len(receiver.received) == 1


class TestOptions:
    async def test_a_port_can_be_shared(self, loop: Loop) -> None:
        _, first = await endpoint(local_addr=("127.0.0.1", 0), reuse_port=True)
        port = first.transport.get_extra_info("sockname")[1]
        _, second = await endpoint(local_addr=("127.0.0.1", port), reuse_port=True)
        assert second.transport.get_extra_info("sockname")[1] == port
        await end(first, second)

    async def test_an_address_in_use_is_an_error(self, loop: Loop) -> None:
        _, first = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(OSError) as raised:
            await endpoint(local_addr=first.transport.get_extra_info("sockname"))
        assert raised.value.errno == errno.EADDRINUSE
        await end(first)

    async def test_broadcasts_can_be_allowed(self, loop: Loop) -> None:
        _, sender = await endpoint(local_addr=("127.0.0.1", 0), allow_broadcast=True)
        assert sender.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)
        await end(sender)

    async def test_both_addresses_can_be_given(self, loop: Loop) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        _, sender = await endpoint(
            local_addr=("127.0.0.2", 0), remote_addr=receiver.transport.get_extra_info("sockname")
        )
        sender.transport.sendto(b"x")
        await until(lambda: receiver.received)
        assert receiver.received[0][1][0] == "127.0.0.2"
        await end(sender, receiver)

    async def test_a_family_alone_is_enough(self, loop: Loop) -> None:
        _, receiver = await endpoint(local_addr=("127.0.0.1", 0))
        _, sender = await endpoint(family=socket.AF_INET)
        sender.transport.sendto(b"x", receiver.transport.get_extra_info("sockname"))
        await until(lambda: receiver.received)
        await end(sender, receiver)

    async def test_a_socket_of_ones_own_is_used(self, loop: Loop) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        _, receiver = await endpoint(sock=sock)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"x", sock.getsockname())
            await until(lambda: receiver.received)
        assert sock.gettimeout() == 0
        await end(receiver)
        assert sock.fileno() == -1

    async def test_a_connected_socket_of_ones_own_has_its_peer(self, loop: Loop) -> None:
        left = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        right = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with right:
            left.bind(("127.0.0.1", 0))
            right.bind(("127.0.0.1", 0))
            left.connect(right.getsockname())
            _, protocol = await endpoint(sock=left)
            assert protocol.transport.get_extra_info("peername") == right.getsockname()
            protocol.transport.sendto(b"x")
            await iterations(1)
            assert right.recv(10) == b"x"
            await end(protocol)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "unexpected address family"),
            ({"sock": "stream"}, "A (UDP|datagram) Socket was expected|A datagram socket was expected"),
            ({"sock": "datagram", "local_addr": ("127.0.0.1", 0)}, "socket modifier keyword arguments can not be used"),
            ({"local_addr": ("::1", 0), "family": socket.AF_INET}, None),
            ({"local_addr": "text", "family": socket.AF_INET}, None),
        ],
        ids=str,
    )
    async def test_impossible_options_are_refused(
        self, loop: Loop, options: dict[str, Any], message: str | None
    ) -> None:
        kinds = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}
        with socket.socket(socket.AF_INET, kinds.get(options.get("sock", ""), socket.SOCK_DGRAM)) as sock:
            if "sock" in options:
                options = {**options, "sock": sock}
            with pytest.raises((ValueError, TypeError, OSError, AssertionError), match=message):
                await endpoint(**options)

    async def test_flow_control_pauses_a_sender_the_kernel_cannot_follow(self, loop: Loop) -> None:
        with socket_folder() as folder:
            path = str(folder / "receiver")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
                receiver.bind(path)
                _, sender = await endpoint(remote_addr=path, family=socket.AF_UNIX)
                sender.transport.set_write_buffer_limits(high=10_000)
                count = 0
                while "pause" not in sender.events:
                    sender.transport.sendto(b"%05d" % count + b"x" * 1000)
                    count += 1
                assert sender.transport.get_write_buffer_size() > 10_000
                receiver.setblocking(False)
                words = []

                def drain() -> None:
                    try:
                        while True:
                            words.append(int(receiver.recv(2000)[:5]))
                    except BlockingIOError:
                        pass

                while len(words) < count:
                    drain()
                    await asyncio.sleep(0.0005)
                assert words == list(range(count))
                await until(lambda: "resume" in sender.events)
                if sys.version_info[:2] != (3, 13):  # whose first releases count wrongly
                    assert sender.transport.get_write_buffer_size() == 0
                await end(sender)

    async def test_close_sends_what_is_buffered_first(self, loop: Loop) -> None:
        with socket_folder() as folder:
            path = str(folder / "receiver")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
                receiver.bind(path)
                _, sender = await endpoint(remote_addr=path, family=socket.AF_UNIX)
                for number in range(1000):
                    sender.transport.sendto(b"%d" % number)
                assert sender.transport.get_write_buffer_size() > 0
                sender.transport.close()

                def receive() -> list[bytes]:
                    return [receiver.recv(100) for _ in range(1000)]

                received = await loop.run_in_executor(None, receive)
                assert received == [b"%d" % number for number in range(1000)]
                await until(lambda: "lost" in sender.events)


class TestUnixDatagrams:
    async def test_datagrams_go_between_paths(self, loop: Loop) -> None:
        with socket_folder() as folder:
            here, there = str(folder / "here"), str(folder / "there")
            _, server = await endpoint(EchoDatagrams, local_addr=there, family=socket.AF_UNIX)
            _, client = await endpoint(local_addr=here, remote_addr=there, family=socket.AF_UNIX)
            client.transport.sendto(b"question")
            await until(lambda: client.received)
            assert client.received == [(b"question", there)]
            assert server.received == [(b"question", here)]
            await end(client, server)

    async def test_a_nameless_sender_is_received(self, loop: Loop) -> None:
        with socket_folder() as folder:
            path = str(folder / "s")
            _, receiver = await endpoint(local_addr=path, family=socket.AF_UNIX)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"anonymous", path)
                await until(lambda: receiver.received)
            assert receiver.received == [(b"anonymous", None)]
            await end(receiver)

    async def test_a_stale_file_is_replaced(self, loop: Loop) -> None:
        with socket_folder() as folder:
            path = str(folder / "s")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
                stale.bind(path)
            _, receiver = await endpoint(local_addr=path, family=socket.AF_UNIX)
            await end(receiver)

    async def test_a_socketpair_is_used(self, loop: Loop) -> None:
        left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with right:
            _, protocol = await endpoint(sock=left)
            right.send(b"one")
            right.send(b"")
            right.send(b"two")
            await until(lambda: len(protocol.received) == 3)
            assert protocol.words == [b"one", b"", b"two"]
            await end(protocol)


async def test_multicast_options_can_be_set_on_the_socket(loop: Loop) -> None:
    _, protocol = await endpoint(local_addr=("127.0.0.1", 0))
    sock = protocol.transport.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 3)
    assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3
    group = struct.pack("4s4s", socket.inet_aton("224.0.0.251"), socket.inet_aton("127.0.0.1"))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    await end(protocol)


async def test_a_transports_repr_tells_its_descriptor(loop: Loop) -> None:
    _, protocol = await endpoint(local_addr=("127.0.0.1", 0))
    fd = protocol.transport.get_extra_info("socket").fileno()
    assert f"fd={fd}" in repr(protocol.transport)
    await end(protocol)


async def test_get_and_set_protocol_work(loop: Loop) -> None:
    _, first = await endpoint(local_addr=("127.0.0.1", 0))
    transport, second = first.transport, Datagrams()
    second.transport = transport
    assert transport.get_protocol() is first
    transport.set_protocol(second)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", transport.get_extra_info("sockname"))
        await until(lambda: second.received)
    assert not first.received
    transport.close()
    await until(lambda: "lost" in second.events)


async def test_the_descriptor_of_an_endpoint_is_its_own(loop: Loop) -> None:
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    sock = transport.get_extra_info("socket")
    for refused in (sock, sock.fileno()):
        for method in (loop.add_reader, loop.add_writer):
            with pytest.raises(RuntimeError, match=r"is used by transport <.*DatagramTransport fd="):
                method(refused, print)
        for method in (loop.remove_reader, loop.remove_writer):
            with pytest.raises(RuntimeError, match=r"is used by transport"):
                method(refused)  # type: ignore[call-arg]
    transport.close()


async def test_an_exception_out_of_the_protocol_comes_with_its_handle(loop: Loop, errors: LoopErrors) -> None:
    class Failing(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            raise ValueError("told to")

    transport, _ = await loop.create_datagram_endpoint(Failing, local_addr=("127.0.0.1", 0))
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", transport.get_extra_info("sockname"))
        await until(lambda: errors)
    transport.close()
    (context,) = errors.take()
    assert sorted(context) == ["exception", "handle", "message"]
    assert context["message"].endswith("DatagramTransport._read_ready()")
    assert isinstance(context["handle"], asyncio.Handle)


async def test_nothing_goes_to_the_next_owner_of_a_descriptor(loop: Loop) -> None:
    """Of one that the program closed behind the transport's back."""
    ours, theirs = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    with theirs:
        theirs.bind(("127.0.0.1", 0))
        ours.connect(theirs.getsockname())
        transport, protocol = await loop.create_datagram_endpoint(Datagrams, sock=ours)
        await iterations(2)
        with given_away(ours) as (_, peer):
            transport.sendto(b"secret")
            await until(lambda: protocol.errors)
            assert isinstance(protocol.errors[0], OSError)
            assert protocol.errors[0].errno == errno.EBADF
            peer.setblocking(False)
            with pytest.raises(BlockingIOError):
                peer.recv(100)
            transport.abort()
            await iterations(2)
