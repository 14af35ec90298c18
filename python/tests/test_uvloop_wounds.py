"""Reports on uvloop's tracker, each as the scenario that hurt there.

The number is the report's on github.com/MagicStack/uvloop; the comment tells the mechanism.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import multiprocessing
import os
import socket
import struct
import sys
import threading
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from typing import Any

import pytest
from certificates import client_context, server_context
from support import (
    Deaf,
    Echo,
    Loop,
    LoopErrors,
    LoopFactory,
    Recorder,
    connected,
    has_ipv6,
    iterations,
    reset,
    run_script,
    socket_folder,
    tcp_socketpair,
    until,
)

RESOLUTION = time.get_clock_info("monotonic").resolution


class TestDescriptors:
    """A descriptor closed twice is somebody else's the second time."""

    async def test_a_cancelled_connect_with_a_socket_closes_it_once(self, loop: Loop) -> None:
        # 645, 646, 738: the loop closed the number, the Python socket closed it again when it was collected, and a
        # transport that had got the number meanwhile lost its connection, or sent its bytes to another's peer
        for _ in range(20):
            left, right = tcp_socketpair()
            number = left.fileno()
            task = loop.create_task(loop.create_connection(Recorder, sock=left))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await iterations(2)
            right.close()
            innocent, peer = tcp_socketpair()
            assert number in (innocent.fileno(), peer.fileno())
            del left, task
            gc.collect()
            innocent.sendall(b"mine")
            assert peer.recv(10) == b"mine"
            innocent.close()
            peer.close()

    async def test_connects_cancelled_under_load_mix_no_streams(self, loop: Loop) -> None:
        # 645: users' answers reached other users
        async def client(number: int) -> None:
            try:
                _, protocol = await asyncio.wait_for(loop.create_connection(Recorder, *address), 0.0005 * (number % 5))
            except asyncio.TimeoutError:
                return
            protocol.transport.write(b"%04d" % number)
            try:
                assert await protocol.read(4) == b"%04d" % number
            finally:
                protocol.transport.abort()
                await protocol.wait_for("lost")

        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=500)
        address = server.sockets[0].getsockname()
        for _ in range(5):
            await asyncio.gather(*(client(number) for number in range(60)))
        server.close()

    @pytest.mark.parametrize("direction", ["read", "write"])
    async def test_a_pipe_is_closed_once(self, loop: Loop, direction: str) -> None:
        # 763: libuv closed the number and the file object closed it again
        class Probing(io.FileIO):
            def close(self) -> None:
                if not self.closed:
                    number = self.fileno()
                    os.fstat(number)  # still ours: nobody closed it before
                    taken.append(os.dup(0))
                    assert taken[-1] != number
                super().close()

        taken: list[int] = []
        reading, writing = os.pipe()
        if direction == "read":
            transport: Any
            transport, protocol = await loop.connect_read_pipe(Recorder, Probing(reading, "rb"))
        else:
            transport, protocol = await loop.connect_write_pipe(Recorder, Probing(writing, "wb"))
        transport.close()
        await protocol.wait_for("lost")
        await iterations(2)
        assert len(taken) == 1
        os.close(taken[0])
        os.close(writing if direction == "read" else reading)

    @pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
    def test_the_callers_socket_outlives_the_loop(self, loop_factory: LoopFactory) -> None:
        # 464: closing the loop closed the number of a socket that its caller still used
        left, right = tcp_socketpair()
        with left, right:
            loop = loop_factory()
            kept = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=left))
            loop.close()
            assert left.fileno() >= 0
            left.sendall(b"still mine")
            right.settimeout(5)
            assert right.recv(20) == b"still mine"
            with contextlib.suppress(RuntimeError):  # the loop is closed
                kept[0].abort()


class TestWriteAfterClose:
    async def test_writing_to_a_pipe_whose_reader_is_gone_does_not_raise(self, loop: Loop) -> None:
        # 506, 685: "unable to perform operation on <WriteUnixTransport closed=True>; the handler is closed"
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        assert process.stdin is not None
        await process.wait()
        for _ in range(3):
            process.stdin.write(b"too late")
            await asyncio.sleep(0.001)
        process.stdin.close()
        process._transport.close()  # type: ignore[attr-defined]
        await iterations(3)

    async def test_writing_to_a_closed_connection_does_not_raise(self, loop: Loop) -> None:
        # 506, 685: the same on sockets
        async with connected("tcp") as (server, client):
            server.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")
            for transport in (server.transport, client.transport):
                transport.write(b"too late")
                transport.close()
                transport.abort() if sys.version_info >= (3, 13) else None
                assert transport.is_closing()


class TestCrashes:
    async def test_an_event_for_a_transport_closed_in_the_same_poll_is_dropped(self, loop: Loop) -> None:
        # 538: libuv called the read callback of a handle that another callback of the same poll had closed
        class Killer(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data)
                for other in others:
                    if other is not self:
                        other.transport.abort()

        pairs = [tcp_socketpair() for _ in range(10)]
        others = [(await loop.create_connection(Killer, sock=left))[1] for left, _ in pairs]
        for _, right in pairs:
            right.sendall(b"x")
        await until(lambda: sum("lost" in other.events for other in others) == 9)
        assert [bytes(other.data) for other in others if other.data] == [b"x"]
        for other in others:
            if "lost" not in other.events:
                other.transport.abort()
                await other.wait_for("lost")
        for _, right in pairs:
            right.close()

    def test_a_loop_closed_under_live_connections_does_not_crash(self, loop_name: str) -> None:
        # 706: the close callback of a handle ran after its Python object was gone
        source = """
            import gc
            for round_ in range(20):
                loop = new_event_loop()
                pairs = [socket.socketpair() for _ in range(10)]
                made = [loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=a)) for a, _ in pairs]
                for number, (transport, _) in enumerate(made):
                    transport.write(b"x" * 1_000_000)
                    if number % 3 == 0:
                        transport.close()
                    if number % 3 == 1:
                        transport.abort()
                if round_ % 2:
                    loop.call_soon(loop.stop)
                    loop.run_forever()
                loop.close()
                del made, transport, loop
                gc.collect()
            print("survived")
        """
        done = run_script(loop_name, source, "-W", "ignore")
        assert (done.stdout, done.returncode) == ("survived\n", 0)

    def test_objects_made_by_hand_fail_with_exceptions(self, loop_name: str) -> None:
        # 760: Server(None).close() ended the interpreter
        source = """
            import gc
            async def types():
                loop = asyncio.get_running_loop()
                a, b = socket.socketpair()
                transport, _ = await loop.create_connection(asyncio.Protocol, sock=a)
                server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
                handle, timer = loop.call_soon(int), loop.call_later(0, int)
                found = [type(transport), type(server), type(handle), type(timer), type(loop)]
                transport.abort(); server.close(); b.close()
                return found
            loop = new_event_loop()
            found = loop.run_until_complete(types())
            loop.close()
            for kind in found:
                for arguments in ((), (None,), (None, None), (None,) * 5):
                    try:
                        made = kind(*arguments) if arguments else kind.__new__(kind)
                    except Exception:
                        continue
                    for name in dir(made):
                        if name in ("run_forever", "_run_once", "_run", "_read_from_self") or name.startswith("__"):
                            continue
                        try:
                            call = getattr(made, name)
                            for more in ((), (None,), (b"x",), (1, None)):
                                try:
                                    result = call(*more)
                                    if asyncio.iscoroutine(result):
                                        result.close()
                                except Exception:
                                    pass
                        except Exception:
                            pass
                    del made
                    gc.collect()
            print("survived")
        """
        done = run_script(loop_name, source, "-W", "ignore")
        assert (done.stdout.splitlines()[-1:], done.returncode) == (["survived"], 0), done.stderr[-2000:]


class TestMissingThere:
    async def test_sendfile_works_on_transports(self, loop: Loop, tmp_path: Any) -> None:
        # 228: loop.sendfile was not implemented
        (tmp_path / "file").write_bytes(b"content")
        with (tmp_path / "file").open("rb") as file:
            async with connected("tcp") as (server, client):
                assert await loop.sendfile(client.transport, file) == 7
                assert await server.read(7) == b"content"

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="sock_sendto and sock_recvfrom came in 3.11")
    async def test_datagrams_can_be_sent_and_received_on_sockets(self, loop: Any) -> None:
        # 561: sock_sendto, sock_recvfrom and sock_recvfrom_into raised NotImplementedError
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            assert await loop.sock_sendto(sock, b"test", sock.getsockname()) == 4
            assert await loop.sock_recvfrom(sock, 10) == (b"test", sock.getsockname())

    @pytest.mark.skipif(sys.version_info < (3, 14), reason="create_task takes eager_start from 3.14 on")
    async def test_tasks_can_be_started_eagerly(self, loop: Loop) -> None:
        # 754, 746: create_task() got an unexpected keyword argument 'eager_start'
        async def no_wait() -> str:
            return "done"

        task = asyncio.create_task(no_wait(), eager_start=True)
        assert task.done()
        assert await task == "done"

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients came in 3.13")
    async def test_servers_close_their_clients(self, loop: Loop) -> None:
        # 683: Server had neither close_clients nor abort_clients
        server: Any = await loop.create_server(Echo, "127.0.0.1", 0)
        _, client = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
        client.transport.write(b"x")
        await client.read(1)
        server.close()
        server.close_clients()
        await client.wait_for("lost")

    async def test_close_ends_serve_forever(self, loop: Loop) -> None:
        # 602: the listening socket was closed, the await went on for ever
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        loop.call_soon(loop.call_later, 0.001, server.close)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(server.serve_forever(), 10)

    async def test_happy_eyeballs_are_supported(self, loop: Loop) -> None:
        # 406: create_connection() got an unexpected keyword argument 'happy_eyeballs_delay'
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        _, client = await loop.create_connection(
            Recorder, *server.sockets[0].getsockname(), happy_eyeballs_delay=0.25, interleave=1
        )
        client.transport.close()
        await client.wait_for("lost")
        server.close()

    async def test_abstract_unix_sockets_are_connected_to(self, loop: Loop) -> None:
        # 528: the name was taken for a string that ends at its first zero byte, which is its first byte
        name = f"\0jloop wound {os.getpid()}"
        server = await loop.create_unix_server(Echo, name)
        _, client = await loop.create_unix_connection(Recorder, name)
        client.transport.write(b"x")
        assert await client.read(1) == b"x"
        client.transport.close()
        await client.wait_for("lost")
        server.close()

    async def test_a_datagram_socket_of_any_family_is_served(self, loop: Loop) -> None:
        # 467: families other than the usual three could not be converted and were refused; here: netlink
        answers: list[tuple[bytes, Any]] = []

        class Netlink(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                answers.append((data, addr))

        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0)
        sock.bind((0, 0))
        transport, _ = await loop.create_datagram_endpoint(Netlink, sock=sock)
        rtm_getlink, request_dump = 18, 0x301
        transport.sendto(struct.pack("=IHHII16x", 32, rtm_getlink, request_dump, 7, 0), (0, 0))
        await until(lambda: answers)
        data, sender = answers[0]
        assert struct.unpack_from("=IHHI", data)[3] == 7
        assert sender == (0, 0)
        transport.close()
        await iterations(3)

    async def test_unix_datagrams_need_no_remote_address(self, loop: Loop) -> None:
        # 403: local_addr must be a tuple of (host, port)
        received: list[bytes] = []

        class Keeping(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                received.append(data)

        with socket_folder() as folder:
            path = str(folder / "s")
            transport, _ = await loop.create_datagram_endpoint(Keeping, local_addr=path, family=socket.AF_UNIX)
            transport.sendto(b"to myself", path)
            await until(lambda: received)
            assert received == [b"to myself"]
            transport.close()
            await iterations(3)

    async def test_the_socket_of_a_transport_can_be_shut_down(self, loop: Loop) -> None:
        # 241: transport sockets do not support shutdown() method
        async with connected("tcp") as (server, client):
            client.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
            await server.wait_for("eof")


class TestAddresses:
    @pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
    async def test_scope_ids_survive_the_lookup_of_a_stream_address(self, loop: Loop) -> None:
        # 539: the short cut for numeric addresses gave every scope the id 0
        index = socket.if_nametoindex("lo")
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            results = await loop.getaddrinfo("fe80::1%lo", 0, type=kind)
            assert results[0][4] == ("fe80::1", 0, 0, index)

    async def test_the_peers_name_is_known_even_if_it_is_gone_already(self, loop: Loop) -> None:
        # 560: asked for with getpeername() after accept(), which fails when the client has reset meanwhile
        names: list[Any] = []

        class Asking(Recorder):
            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                names.append(transport.get_extra_info("peername"))

        server = await loop.create_server(Asking, "127.0.0.1", 0, backlog=50, start_serving=False)
        server.sockets[0]._sock.listen(50)  # type: ignore[attr-defined]
        expected = []
        for _ in range(20):
            client = socket.create_connection(server.sockets[0].getsockname())
            expected.append(client.getsockname())
            reset(client)
        await server.start_serving()
        await until(lambda: len(names) == 20)
        assert sorted(names) == sorted(expected)
        server.close()

    async def test_sendto_looks_no_address_up(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        # 214: every datagram paid for a getaddrinfo() that only checked the address
        def fail(*args: Any, **options: Any) -> Any:
            pytest.fail("an address was looked up")

        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(5)
            monkeypatch.setattr(socket, "getaddrinfo", fail)
            monkeypatch.setattr(loop, "getaddrinfo", fail)
            for number in range(100):
                transport.sendto(b"%d" % number, sock.getsockname())
                await asyncio.sleep(0)
                assert sock.recv(10) == b"%d" % number
        transport.close()
        await iterations(3)


class TestTime:
    async def test_no_sleep_ends_early(self, loop: Loop) -> None:
        # 739: libuv's clock is the floor of the milliseconds, and deadlines were up to one too early
        for number in range(40):
            delay = 0.001 + number * 0.0001
            start = time.monotonic()
            await asyncio.sleep(delay)
            assert time.monotonic() - start >= delay - RESOLUTION

    async def test_the_clock_does_not_stand_still_between_two_operations(self, loop: Loop) -> None:
        # 359: loop.time() was accurate to a millisecond
        start = loop.time()
        spins = 0
        while loop.time() == start:
            spins += 1
        assert spins < 5_000

    async def test_a_delay_of_nothing_still_makes_a_timer_handle(self, loop: Loop) -> None:
        # 482, 704: call_later(0) and call_later(-1) returned a Handle without when()
        for delay in (0, -1, 0.0):
            handle = loop.call_later(delay, int)
            assert isinstance(handle, asyncio.TimerHandle)
            assert handle.when() <= loop.time()


class TestTls:
    @pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10's own TLS has this wound: it waits for the peer")
    async def test_a_closed_connection_does_not_go_on_downloading(self, loop: Loop) -> None:
        # 471: close() resumed reading and took in, for 30 seconds, what the server still sent
        sent = 0

        class Endless(Recorder):
            paused = False

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                transport.set_write_buffer_limits(high=200_000)
                self.resume_writing()

            def pause_writing(self) -> None:
                self.paused = True

            def resume_writing(self) -> None:
                nonlocal sent
                self.paused = False
                while not self.paused and not self.transport.is_closing():
                    self.transport.write(b"x" * 50_000)
                    sent += 50_000

        servers: list[Endless] = []

        def accept() -> Endless:
            servers.append(Endless())
            return servers[0]

        server = await loop.create_server(accept, "127.0.0.1", 0, ssl=server_context())
        transport, client = await loop.create_connection(
            Deaf, *server.sockets[0].getsockname(), ssl=client_context(), server_hostname="localhost"
        )
        await until(lambda: servers and servers[0].paused)
        at_close = sent
        transport.close()
        await client.wait_for("lost")
        await servers[0].wait_for("lost")
        assert sent - at_close < 20_000_000
        server.close()

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10's own TLS has this wound after failed handshakes")
    async def test_connections_leak_nothing(self, loop: Loop, errors: LoopErrors) -> None:
        # 565, 548, 239: SSL objects, contexts and buffers stayed behind, most of all after failed handshakes
        import ssl

        async def good() -> None:
            transport, client = await loop.create_connection(
                Recorder, *address, ssl=client_context(), server_hostname="localhost"
            )
            transport.write(b"x")
            await client.read(1)
            transport.close()
            await client.wait_for("lost")

        async def bad() -> None:
            with pytest.raises(ssl.SSLError):
                await loop.create_connection(Recorder, *address, ssl=untrusting, server_hostname="localhost")

        async def rude() -> None:
            with socket.create_connection(address) as sock:
                sock.sendall(b"hello?")

        def left_behind() -> int:
            gc.collect()
            return sum(isinstance(found, (ssl.SSLObject, ssl.MemoryBIO, Recorder)) for found in gc.get_objects())

        untrusting = ssl.create_default_context()
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        address = server.sockets[0].getsockname()
        before = left_behind()
        for _ in range(15):
            await good()
            await bad()
            await rude()
        await until(lambda: left_behind() <= before)
        server.close()
        errors.take()

    @pytest.mark.filterwarnings("ignore:unclosed transport <asyncio.sslproto:ResourceWarning")  # 3.10's own
    async def test_in_debug_mode_a_client_that_leaves_before_the_handshake_is_no_error(
        self, loop: Loop, errors: LoopErrors
    ) -> None:
        # 449: the log line subtracted a start time that was still None
        loop.set_debug(True)
        server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=server_context())
        address = server.sockets[0].getsockname()
        for number in range(20):
            sock = socket.create_connection(address)
            if number % 2:
                sock.sendall(b"\x16\x03\x01")
            reset(sock) if number % 3 else sock.close()
            await iterations(number % 4)
        transport, client = await loop.create_connection(
            Recorder, *address, ssl=client_context(), server_hostname="localhost"
        )
        transport.write(b"x")
        assert await client.read(1) == b"x"
        transport.close()
        await client.wait_for("lost")
        server.close()
        assert not [context for context in errors.take() if isinstance(context.get("exception"), TypeError)]


class TestProcesses:
    def test_spawning_runs_no_fork_hooks_in_the_child(self, loop_name: str) -> None:
        # 749: hooks of os.register_at_fork are for children that go on as Python
        source = """
            os.register_at_fork(after_in_child=lambda: os.write(2, b"hook ran"))
            async def main():
                process = await asyncio.create_subprocess_exec("true", start_new_session=True)
                await process.wait()
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
        """
        done = run_script(loop_name, source, "-W", "ignore")
        assert (done.stderr, done.returncode) == ("", 0)

    def test_threads_run_children_while_the_main_thread_has_no_loop(self, loop_factory: LoopFactory) -> None:
        # 508: exits were only seen by a loop in the main thread
        async def child() -> int:
            process = await asyncio.create_subprocess_exec("sh", "-c", "exit 5")
            return await process.wait()

        def thread() -> None:
            with contextlib.closing(loop_factory()) as loop:
                statuses.append(loop.run_until_complete(child()))

        statuses: list[int] = []
        threads = [threading.Thread(target=thread) for _ in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
        assert statuses == [5, 5, 5]

    async def test_a_preexec_function_does_not_block_the_loop_for_good(self, loop: Loop) -> None:
        # 118: the child waited for locks that other threads of the parent had held at the fork
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                time.sleep(0.0001)

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            for _ in range(10):
                process = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: None)
                assert await asyncio.wait_for(process.wait(), 10) == 0
        finally:
            stop.set()
            thread.join()

    async def test_a_child_can_open_its_standard_streams_by_name(self, loop: Loop) -> None:
        # 532 (and 505): the streams were sockets, which cannot be opened through /dev/stdin
        process = await asyncio.create_subprocess_exec("cat", "/dev/stdin", stdin=PIPE, stdout=PIPE)
        assert (await process.communicate(b"through the name"))[0] == b"through the name"
        process = await asyncio.create_subprocess_shell("echo by name > /proc/self/fd/1", stdout=PIPE)
        assert (await process.communicate())[0] == b"by name\n"


class TestFlagsAndPipes:
    @pytest.fixture
    def pipe(self) -> Iterator[tuple[int, int]]:
        reading, writing = os.pipe()
        yield reading, writing
        os.close(reading)
        os.close(writing)

    async def test_watching_a_descriptor_leaves_it_blocking(self, loop: Loop, pipe: tuple[int, int]) -> None:
        # 712: add_reader and add_writer made it non-blocking, and with it the terminal of the parent shell
        reading, writing = pipe
        loop.add_reader(reading, int)
        loop.add_writer(writing, int)
        await iterations(3)
        assert os.get_blocking(reading)
        assert os.get_blocking(writing)
        loop.remove_reader(reading)
        loop.remove_writer(writing)
        assert os.get_blocking(reading)
        assert os.get_blocking(writing)

    async def test_a_multiprocessing_pipe_can_be_watched_and_read(self, loop: Loop) -> None:
        # 686: its blocking reads failed with BlockingIOError after add_reader
        receiver, sender = multiprocessing.Pipe(duplex=False)
        readable = asyncio.Event()
        loop.add_reader(receiver.fileno(), readable.set)
        await iterations(2)
        message = b"x" * 1_000_000
        thread = threading.Thread(target=sender.send_bytes, args=[message])
        thread.start()
        await readable.wait()
        loop.remove_reader(receiver.fileno())
        assert receiver.recv_bytes() == message
        thread.join()
        receiver.close()
        sender.close()

    def test_standard_output_can_be_connected_twice(self, loop_name: str) -> None:
        # 262: FileExistsError from the poller
        source = """
            async def main():
                loop = asyncio.get_running_loop()
                first, _ = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout)
                second, _ = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout)
                first.write(b"one ")
                second.write(b"two")
                await asyncio.sleep(0.01)
                os._exit(0)
            new_event_loop().run_until_complete(main())
        """
        done = run_script(loop_name, source)
        assert (done.stdout, done.returncode) == ("one two", 0), done.stderr


class TestInterrupt:
    def test_after_ctrl_c_the_loop_can_be_cleaned_up(self, loop_name: str) -> None:
        # 295, 335: the interrupt was ignored while the loop waited, or the cleaning up after it hung
        source = """
            async def serve():
                return await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
            async def cleanup(server):
                server.close()
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
                await asyncio.sleep(0.01)
                print("cleaned up", flush=True)
            loop = new_event_loop()
            server = loop.run_until_complete(serve())
            loop.create_task(asyncio.sleep(1000))
            loop.call_soon(threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start)
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                loop.run_until_complete(cleanup(server))
            loop.close()
        """
        done = run_script(loop_name, source)
        assert (done.stdout, done.stderr, done.returncode) == ("cleaned up\n", "", 0)

    def test_a_second_signal_during_the_clean_up_ends_it(self, loop_name: str) -> None:
        # 335: nothing but SIGKILL helped
        source = """
            loop = new_event_loop()
            def interrupt():
                threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
            loop.call_soon(interrupt)
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                loop.call_soon(interrupt)
                try:
                    loop.run_until_complete(loop.create_future())
                except KeyboardInterrupt:
                    print("ended")
            loop.close()
        """
        assert run_script(loop_name, source).stdout == "ended\n"


async def test_the_log_of_a_slow_step_names_task_and_coroutine(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    # 656 (and 103): the message named an internal wrapper instead of what was slow
    async def slow_one() -> None:
        time.sleep(0.01)

    loop.set_debug(True)
    loop.slow_callback_duration = 0.005
    await loop.create_task(slow_one(), name="the culprit")
    (message,) = [record.getMessage() for record in caplog.records if "Executing" in record.getMessage()]
    assert "slow_one" in message
    assert "the culprit" in message
