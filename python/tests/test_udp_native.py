"""What datagram transports add to asyncio's: batches, addresses that are known again, host names, and their ends."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support import Loop, LoopErrors, has_ipv6, iterations, run_script, socket_folder, until

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")

HERE = "127.0.0.1"
BATCH = 40  # more datagrams than are received or sent in one call


class Datagrams(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    transport: Any

    def __init__(self) -> None:
        self.events: list[str] = []
        self.received: list[bytes] = []
        self.addresses: list[Any] = []
        self.errors: list[Exception] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append(data)
        self.addresses.append(addr)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")


async def endpoint(factory: Callable[[], Any] = Datagrams, **options: Any) -> Any:
    options = options or {"local_addr": (HERE, 0)}
    _, protocol = await asyncio.get_running_loop().create_datagram_endpoint(factory, **options)
    return protocol


def name_of(protocol: Any) -> Any:
    return protocol.transport.get_extra_info("sockname")


async def end(*protocols: Any) -> None:
    for protocol in protocols:
        protocol.transport.close()
    await until(lambda: all("lost" in protocol.events for protocol in protocols))
    await iterations(2)


@contextmanager
def udp_socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        sock.settimeout(10)
        yield sock


def unix_pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    return ours, theirs


def take_all(sock: socket.socket) -> list[bytes]:
    taken = []
    while True:
        try:
            taken.append(sock.recv(70_000))
        except BlockingIOError:
            return taken


# ---- batches


async def test_what_is_received_while_reading_is_paused_comes_after_it(loop: Loop) -> None:
    class Pausing(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"3":
                self.transport.pause_reading()

    if sys.version_info < (3, 11) and not type(loop).__module__.startswith("jloop"):
        pytest.skip("asyncio's datagram transports can be paused from 3.11 on")
    receiver = await endpoint(Pausing)
    words = [b"%d" % number for number in range(BATCH)]
    with udp_socket() as sock:
        for word in words:
            sock.sendto(word, name_of(receiver))
        await until(lambda: len(receiver.received) == 4)
        await iterations(5)
        assert receiver.received == words[:4]
        assert not receiver.transport.is_reading()
        receiver.transport.resume_reading()
        await until(lambda: len(receiver.received) == BATCH)
    assert receiver.received == words
    await end(receiver)


async def test_abort_in_the_middle_of_a_batch_drops_the_rest(loop: Loop) -> None:
    class Aborting(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.abort()

    receiver = await endpoint(Aborting)
    with udp_socket() as sock:
        for _ in range(BATCH):
            sock.sendto(b"x", name_of(receiver))
    await until(lambda: "lost" in receiver.events)
    assert len(receiver.received) == 1
    await iterations(2)


async def test_a_new_protocol_gets_the_rest_of_a_batch(loop: Loop) -> None:
    class Handing(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.set_protocol(after)

    after = Datagrams()
    before = await endpoint(Handing)
    with udp_socket() as sock:
        for _ in range(5):
            sock.sendto(b"x", name_of(before))
    await until(lambda: len(after.received) == 4)
    assert len(before.received) == 1
    before.transport.close()
    await until(lambda: "lost" in after.events)
    await iterations(2)


async def test_an_exception_in_one_datagram_lets_the_others_come(loop: Loop, errors: LoopErrors) -> None:
    class Failing(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"1":
                raise LookupError("in datagram_received")

    receiver = await endpoint(Failing)
    with udp_socket() as sock:
        for number in range(4):
            sock.sendto(b"%d" % number, name_of(receiver))
    await until(lambda: len(receiver.received) == 4)
    assert isinstance(errors.take_one()["exception"], LookupError)
    await end(receiver)


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_what_leaves_the_loop_loses_no_datagram(loop: Loop, leaving: type[BaseException]) -> None:
    class Leaving(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            if data == b"1":
                raise leaving

    receiver = loop.run_until_complete(endpoint(Leaving))
    with udp_socket() as sock:
        for number in range(5):
            sock.sendto(b"%d" % number, name_of(receiver))
    with pytest.raises(leaving):
        loop.run_forever()
    assert len(receiver.received) == 2
    loop.run_until_complete(until(lambda: len(receiver.received) == 5))
    loop.run_until_complete(end(receiver))


async def test_many_datagrams_of_one_callback_arrive_whole_and_in_order(loop: Loop) -> None:
    sender = await endpoint()
    receiver = await endpoint()
    receiver.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sizes = [1, 1, 1, 700, 700, 700, 3, 1200, 1200, 1200, 1100, 5000, 5000, 2, *[64] * BATCH]
    words = [bytes([number]) * size for number, size in enumerate(sizes)]
    for word in words:
        sender.transport.sendto(word, name_of(receiver))
    await until(lambda: len(receiver.received) == len(words))
    assert receiver.received == words
    await end(sender, receiver)


async def test_each_peer_gets_its_own_of_one_callback(loop: Loop) -> None:
    sender = await endpoint()
    receivers = [await endpoint() for _ in range(3)]
    for number in range(60):
        sender.transport.sendto(b"%02d" % number, name_of(receivers[number // 2 % 3]))
    await until(lambda: sum(len(receiver.received) for receiver in receivers) == 60)
    for index, receiver in enumerate(receivers):
        assert receiver.received == [b"%02d" % number for number in range(60) if number // 2 % 3 == index]
    await end(sender, *receivers)


async def test_one_datagram_that_fails_lets_the_others_go(loop: Loop) -> None:
    sender = await endpoint()
    receiver = await endpoint()
    for number in range(6):
        sender.transport.sendto(bytes(65_530 if number in (2, 4) else 1), name_of(receiver))
    await until(lambda: len(receiver.received) == 4 and len(sender.errors) == 2)
    assert all(isinstance(error, OSError) for error in sender.errors)
    await end(sender, receiver)


async def test_the_first_datagram_of_a_callback_leaves_at_once(loop: Loop) -> None:
    sender = await endpoint()
    with udp_socket() as sock:
        sender.transport.sendto(b"now", sock.getsockname())
        assert sock.recv(10) == b"now"
    await end(sender)


def test_sendto_leaves_at_once_while_the_loop_does_not_run(loop: Loop) -> None:
    sender = loop.run_until_complete(endpoint())
    with udp_socket() as sock:
        for word in (b"one", b"two", b"three"):
            sender.transport.sendto(word, sock.getsockname())
        assert [sock.recv(10) for _ in range(3)] == [b"one", b"two", b"three"]
    loop.run_until_complete(end(sender))


async def test_sendto_from_another_thread_does_not_wait_for_the_loop(loop: Loop) -> None:
    sender = await endpoint()
    with udp_socket() as sock:
        address = sock.getsockname()

        def send_and_receive() -> list[bytes]:
            threading.Event().wait(0.05)  # by now the loop waits
            for number in range(3):
                sender.transport.sendto(b"%d" % number, address)
            return [sock.recv(10) for _ in range(3)]

        assert await loop.run_in_executor(None, send_and_receive) == [b"0", b"1", b"2"]
    await end(sender)


# ---- addresses


@pytest.mark.jloop_only
@pytest.mark.parametrize("host", [HERE, pytest.param("::1", marks=needs_ipv6)])
async def test_a_peers_address_is_the_same_object_again(loop: Loop, host: str) -> None:
    first = await endpoint(local_addr=(host, 0))
    second = await endpoint(local_addr=(host, 0))
    for _ in range(BATCH):
        first.transport.sendto(b"x", name_of(second))
    await until(lambda: len(second.received) == BATCH)
    assert second.addresses[0] == name_of(first)
    assert len({id(address) for address in second.addresses}) == 1
    await end(first, second)


async def test_very_many_peers_are_told_apart(loop: Loop) -> None:
    receiver = await endpoint()
    receiver.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    expected = set()
    for number in range(4000):
        host = f"127.0.{number // 250}.{number % 250 + 1}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            sock.sendto(host.encode(), name_of(receiver))
            expected.add((host.encode(), sock.getsockname()))
        if number % 50 == 49:
            await until(lambda: len(receiver.received) == len(expected))
    assert set(zip(receiver.received, receiver.addresses, strict=False)) == expected
    await end(receiver)


@needs_ipv6
async def test_ipv6_addresses_have_two_to_four_parts(loop: Loop) -> None:
    first = await endpoint(local_addr=("::1", 0))
    second = await endpoint(local_addr=("::1", 0))
    port = name_of(second)[1]
    for address in (("::1", port), ("::1", port, 0), ("::1", port, 0, 0), ("0:0::0:1", port)):
        first.transport.sendto(repr(address).encode(), address)
    await until(lambda: len(second.received) == 4)
    assert set(second.addresses) == {("::1", name_of(first)[1], 0, 0)}
    await end(first, second)


async def test_host_names_are_resolved(loop: Loop) -> None:
    first = await endpoint()
    second = await endpoint()
    port = name_of(second)[1]
    for host in ("localhost", HERE, "localhost", "127.1"):
        first.transport.sendto(host.encode(), (host, port))
    await until(lambda: len(second.received) == 4)
    assert second.received == [b"localhost", HERE.encode(), b"localhost", b"127.1"]
    await end(first, second)


async def test_a_host_name_that_is_none_is_an_error_of_its_datagram(loop: Loop) -> None:
    sender = await endpoint()
    sender.transport.sendto(b"x", ("no host has this name.invalid", 9))
    await until(lambda: sender.errors)
    assert isinstance(sender.errors[0], socket.gaierror)
    assert not sender.transport.is_closing()
    await end(sender)


@pytest.mark.parametrize(
    "address",
    [
        None,
        "text",
        (),
        (HERE,),
        (HERE, "9"),
        (HERE, 1, 2, 3, 4),
        (9, HERE),
        [HERE, 9],
        (HERE, 70_000),
        (HERE, -1),
        (HERE, 1.5),
    ],
)
async def test_what_is_no_address_ends_the_transport(loop: Loop, errors: LoopErrors, address: Any) -> None:
    expected: BaseException
    with udp_socket() as sock, pytest.raises((TypeError, OverflowError)) as raised:
        sock.sendto(b"x", address)
    expected = raised.value
    sender = await endpoint()
    sender.transport.sendto(b"x", address)
    await until(lambda: "lost" in sender.events)
    context = errors.take_one()
    assert type(context["exception"]) is type(expected)
    assert str(context["exception"]) == str(expected)
    assert context["message"] == "Fatal write error on datagram transport"


async def test_an_ipv4_address_on_an_ipv6_socket_is_as_in_python(loop: Loop) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6")
    sender = await endpoint(local_addr=("::1", 0))
    sender.transport.sendto(b"x", (HERE, 9))
    await until(lambda: sender.errors)
    assert isinstance(sender.errors[0], OSError)
    await end(sender)


async def test_subclasses_of_tuple_and_str_and_int_are_addresses(loop: Loop) -> None:
    class Address(tuple):  # type: ignore[type-arg]
        pass

    class Text(str):
        pass

    class Number(int):
        pass

    first = await endpoint()
    second = await endpoint()
    port = name_of(second)[1]
    for address in (Address((HERE, port)), (Text(HERE), port), (HERE, Number(port))):
        first.transport.sendto(b"x", address)
    await until(lambda: len(second.received) == 3)
    await end(first, second)


async def test_keywords_are_those_of_asyncio(loop: Loop) -> None:
    first = await endpoint()
    second = await endpoint()
    first.transport.sendto(data=b"1", addr=name_of(second))
    first.transport.sendto(b"2", addr=name_of(second))
    await until(lambda: len(second.received) == 2)
    for arguments, keywords in (((), {}), ((b"x", None, None), {}), ((b"x",), {"address": None})):
        with pytest.raises(TypeError):
            first.transport.sendto(*arguments, **keywords)
    await end(first, second)


async def test_an_equal_address_is_the_peers(loop: Loop) -> None:
    receiver = await endpoint()
    sender = await endpoint(remote_addr=name_of(receiver))
    host, port = name_of(receiver)
    sender.transport.sendto(b"1", (host, port))
    sender.transport.sendto(bytearray(b"2"), (host, port))
    with pytest.raises(ValueError, match="Invalid address: must be None or "):
        sender.transport.sendto(b"3", (host, port - 1))
    await until(lambda: receiver.received == [b"1", b"2"])
    await end(sender, receiver)


async def test_unix_addresses_are_paths_and_abstract_names(loop: Loop) -> None:
    with socket_folder() as folder:
        path = str(folder / "ü")
        named = await endpoint(local_addr=path, family=socket.AF_UNIX)
        abstract = await endpoint(local_addr=f"\0jloop-{os.getpid()}", family=socket.AF_UNIX)
        name = name_of(abstract)
        assert isinstance(name, bytes)
        named.transport.sendto(b"1", name)
        abstract.transport.sendto(b"2", path)
        abstract.transport.sendto(b"3", os.fsencode(path))
        await until(lambda: len(named.received) == 2 and abstract.received)
        assert named.addresses == [name, name]
        assert abstract.addresses == [path]
        abstract.transport.sendto(b"x", str(folder / "nobody"))
        abstract.transport.sendto(b"x", "/" + "x" * 200)
        await until(lambda: len(abstract.errors) == 2)
        assert isinstance(abstract.errors[0], FileNotFoundError)
        assert str(abstract.errors[1]) == "AF_UNIX path too long"
        await end(named, abstract)


@pytest.mark.jloop_only
async def test_a_socketpair_sends_without_an_address(loop: Loop) -> None:
    ours, theirs = unix_pair()
    with theirs:
        protocol = await endpoint(sock=ours)
        protocol.transport.sendto(b"out")
        theirs.send(b"in")
        await until(lambda: protocol.received)
        assert (protocol.received, protocol.addresses) == ([b"in"], [None])
        assert take_all(theirs) == [b"out"]
        await end(protocol)


# ---- empty datagrams, large ones, flow control


async def test_empty_datagrams_are_sent_where_the_version_does(loop: Loop) -> None:
    sender = await endpoint()
    receiver = await endpoint()
    for word in (b"", b"1", bytearray(), memoryview(b""), b"2"):
        sender.transport.sendto(word, name_of(receiver))
    await until(lambda: b"2" in receiver.received)
    empty = sys.version_info >= (3, 13)
    assert receiver.received == ([b"", b"1", b"", b"", b"2"] if empty else [b"1", b"2"])
    await end(sender, receiver)


@pytest.mark.parametrize("count", [1, 3])
async def test_the_largest_datagram_goes_both_ways(loop: Loop, count: int) -> None:
    sender = await endpoint()
    receiver = await endpoint()
    receiver.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    words = [os.urandom(65_507) for _ in range(count)]
    for word in words:
        sender.transport.sendto(word, name_of(receiver))
    await until(lambda: len(receiver.received) == count)
    assert receiver.received == words
    await end(sender, receiver)


@pytest.mark.jloop_only
async def test_what_is_queued_counts_as_in_asyncio_and_goes_in_order(loop: Loop) -> None:
    ours, theirs = unix_pair()
    header = 8 if sys.version_info >= (3, 13) else 0
    with theirs:
        protocol = await endpoint(sock=ours)
        protocol.transport.set_write_buffer_limits(high=10 * (100 + header))
        count = 0
        while not protocol.events:
            protocol.transport.sendto(b"%0100d" % count)
            count += 1
        assert protocol.events == ["pause"]
        assert protocol.transport.get_write_buffer_size() == 11 * (100 + header)
        assert "write=<polling, bufsize=" in repr(protocol.transport)
        received: list[bytes] = []
        while len(received) < count:
            received += take_all(theirs)
            await iterations()
        assert received == [b"%0100d" % number for number in range(count)]
        assert protocol.events == ["pause", "resume"]
        assert protocol.transport.get_write_buffer_size() == 0
        await end(protocol)


@pytest.mark.jloop_only
@pytest.mark.parametrize("how", ["close", "abort"])
async def test_close_sends_what_is_queued_and_abort_drops_it(loop: Loop, how: str) -> None:
    ours, theirs = unix_pair()
    with theirs:
        protocol = await endpoint(sock=ours)
        count = 0
        while protocol.transport.get_write_buffer_size() < 1000:
            protocol.transport.sendto(bytes(100))
            count += 1
        getattr(protocol.transport, how)()
        received = 0
        while "lost" not in protocol.events:
            await iterations(3)
            received += len(take_all(theirs))
        received += len(take_all(theirs))
        assert received == count if how == "close" else received < count
        assert protocol.events.count("lost") == 1
        await iterations(2)


async def test_a_host_name_waits_for_what_is_queued_before_it(loop: Loop) -> None:
    with socket_folder() as folder:
        path = str(folder / "s")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(path)
            server.setblocking(False)
            sender = await endpoint(local_addr=str(folder / "c"), family=socket.AF_UNIX)

            class Path(str):  # not exactly a str: what Python's own socket must look at
                pass

            count = 0
            while not sender.transport.get_write_buffer_size():
                sender.transport.sendto(b"%d" % count, path)
                count += 1
            for _ in range(5):
                sender.transport.sendto(b"%d" % count, Path(path))
                sender.transport.sendto(b"%d" % (count + 1), path)
                count += 2
            received: list[bytes] = []
            while len(received) < count:
                received += take_all(server)
                await iterations()
            assert received == [b"%d" % number for number in range(count)]
            await end(sender)


# ---- the end


async def test_sendto_inside_connection_lost_and_after_it_is_harmless(loop: Loop) -> None:
    class Sending(Datagrams):
        def connection_lost(self, exc: Exception | None) -> None:
            self.transport.sendto(b"last", address)
            super().connection_lost(exc)

    with udp_socket() as sock:
        address = sock.getsockname()
        sender = await endpoint(Sending)
        sender.transport.close()
        sender.transport.sendto(b"closing", address)
        await until(lambda: "lost" in sender.events)
        assert [sock.recv(10), sock.recv(10)] == [b"closing", b"last"]
        await iterations(2)


@pytest.mark.jloop_only
async def test_sendto_after_the_end_warns_after_a_while(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    sender = await endpoint()
    address = name_of(sender)
    await end(sender)
    with caplog.at_level(logging.WARNING, "asyncio"):
        for _ in range(10):
            sender.transport.sendto(b"x", address)
    assert "socket.send() raised exception." in caplog.text
    assert repr(sender.transport).startswith("<DatagramTransport closed fd=")


async def test_error_received_may_close(loop: Loop) -> None:
    class Closing(Datagrams):
        def error_received(self, exc: Exception) -> None:
            super().error_received(exc)
            self.transport.close()

    sender = await endpoint(Closing)
    for _ in range(5):
        sender.transport.sendto(bytes(65_530), (HERE, 9))
    await until(lambda: "lost" in sender.events)
    assert sender.errors
    assert sender.events == ["lost"]
    await iterations(2)


async def test_callbacks_run_in_the_context_of_the_endpoint(loop: Loop) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    class Looking(Datagrams):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.events.append(variable.get())
            for _ in range(3):
                self.transport.sendto(bytes(65_530), addr)

        def error_received(self, exc: Exception) -> None:
            self.events.append(variable.get())

    variable.set("made here")
    receiver = await endpoint(Looking)
    variable.set("changed")
    with udp_socket() as sock:
        sock.sendto(b"x", name_of(receiver))
        await until(lambda: len(receiver.events) == 4)
    assert receiver.events == ["made here"] * 4
    await end(receiver)


async def test_a_cycle_through_a_closed_transport_is_collected(loop: Loop) -> None:
    protocols = [await endpoint() for _ in range(10)]
    for protocol in protocols:
        protocol.transport.sendto(b"x", name_of(protocol))
    await end(*protocols)
    references = [weakref.ref(protocol.transport) for protocol in protocols]
    del protocol, protocols
    gc.collect()
    assert [reference() for reference in references] == [None] * 10


def test_an_endpoint_that_nobody_closed_is_told_of_and_closed(loop_name: str) -> None:
    script = """
        import gc, warnings
        loop = new_event_loop()
        async def main():
            return await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        transport, protocol = loop.run_until_complete(main())
        fd = transport.get_extra_info("socket").fileno()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop.close()
            del transport, protocol, loop
            gc.collect()
        print([str(w.message).split(" ")[:2] for w in caught if "transport" in str(w.message)])
        try:
            os.fstat(fd)
        except OSError:
            print("closed")
    """
    result = run_script(loop_name, script)
    assert result.stdout.split("\n")[:2] == ["[['unclosed', 'transport']]", "closed"], result.stderr


@pytest.mark.jloop_only
def test_a_socket_whose_methods_are_replaced_keeps_them(loop: Loop) -> None:
    class Recording(socket.socket):
        sent: list[bytes] = []

        def sendto(self, data: bytes, *rest: Any) -> int:  # type: ignore[override]
            self.sent.append(bytes(data))
            return super().sendto(data, *rest)

    async def main() -> None:
        sock = Recording(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HERE, 0))
        protocol = await endpoint(sock=sock)
        protocol.transport.sendto(b"x", name_of(protocol))
        await until(lambda: protocol.received)
        assert Recording.sent == [b"x"]
        await end(protocol)

    loop.run_until_complete(main())


@pytest.mark.jloop_only
def test_a_forked_child_can_drop_its_parents_endpoint() -> None:
    script = """
        import gc, warnings
        loop = new_event_loop()
        got = []
        class Receiver(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                got.append(data)
                loop.stop()
        async def main():
            return await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
        transport, protocol = loop.run_until_complete(main())
        warnings.simplefilter("ignore")
        child = os.fork()
        if not child:
            assert transport.get_write_buffer_size() == 0
            try:
                transport.sendto(b"x", ("127.0.0.1", 9))
            except RuntimeError as e:
                print("refused", flush=True)
            del transport, protocol
            gc.collect()
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        loop.run_forever()
        transport.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        print(got)
    """
    result = run_script("jloop", script)
    assert result.stdout.split("\n")[:3] == ["refused", "0", "[b'x']"], result.stderr
    assert result.stderr == ""
