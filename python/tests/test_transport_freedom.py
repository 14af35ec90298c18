"""What programs do to asyncio's objects they may do to these: subclass, patch, mock, refer to weakly, check types."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import select
import socket
import sys
import weakref
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest import mock

import pytest
from support import Echo, Loop, LoopErrors, LoopFactory, Recorder, connected, iterations, pattern, until


def run_once(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


class TestSubclassesOfTheLoop:
    @pytest.fixture
    def base(self, loop_factory: LoopFactory) -> Any:
        """The class of the loop under test."""
        with closing(loop_factory()) as loop:
            return type(loop)

    def test_an_overridden_call_soon_sees_what_asyncio_schedules(self, base: Any) -> None:
        seen: list[str] = []

        class Watching(base):
            def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
                seen.append("call_soon")
                return super().call_soon(callback, *args, context=context)

            def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
                seen.append("call_later")
                return super().call_later(delay, callback, *args, context=context)

            def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
                seen.append("call_at")
                return super().call_at(when, callback, *args, context=context)

        with closing(Watching()) as loop:
            loop.run_until_complete(asyncio.sleep(0.001))
        assert seen.count("call_soon") >= 2  # the task's steps
        assert "call_later" in seen
        assert "call_at" in seen  # which call_later calls

    def test_an_overridden_time_is_the_time(self, base: Any) -> None:
        """Tests of programs run against clocks that they move themselves."""

        class Shifted(base):
            offset = 0.0

            def time(self) -> float:
                return super().time() + self.offset

        with closing(Shifted()) as loop:
            ran: list[int] = []
            handle = loop.call_later(1000, ran.append, 1)
            assert handle.when() > 1000
            loop.offset = 2000.0
            run_once(loop)
            run_once(loop)
            assert ran == [1]

    def test_an_overridden_method_may_pass_its_arguments_on_by_name(self, base: Any) -> None:
        class Naming(base):
            def call_soon(self, callback: Any, *, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
                return super().call_soon(callback=callback, context=context)

            def call_later(self, delay: float, callback: Any) -> asyncio.TimerHandle:  # type: ignore[override]
                return super().call_later(delay=delay, callback=callback)

            def call_at(self, when: float, callback: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
                return super().call_at(when=when, callback=callback)

        with closing(Naming()) as loop:
            ran: list[int] = []
            loop.call_soon(lambda: ran.append(1))
            loop.call_later(0, lambda: ran.append(2))
            loop.call_soon_threadsafe(callback=lambda: ran.append(3))
            run_once(loop)
            run_once(loop)
            assert sorted(ran) == [1, 2, 3]

    def test_an_overridden_create_task_makes_the_tasks(self, base: Any) -> None:
        names: list[str] = []

        class Naming(base):
            def create_task(self, coro: Any, **options: Any) -> Any:
                names.append(coro.__name__)
                return super().create_task(coro, **options)

        async def inner() -> int:
            return 1

        async def outer() -> int:
            return await asyncio.create_task(inner())

        with closing(Naming()) as loop:
            assert loop.run_until_complete(outer()) == 1
        assert names == ["outer", "inner"]

    def test_an_overridden_getaddrinfo_resolves(self, base: Any) -> None:
        class Resolving(base):
            async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        async def main() -> None:
            server = await loop.create_server(Echo, "whatever.test", 0)
            port = server.sockets[0].getsockname()[1]
            transport, client = await loop.create_connection(Recorder, "another.test", port)
            transport.close()
            await client.wait_for("lost")
            server.close()

        with closing(Resolving()) as loop:
            loop.run_until_complete(main())

    def test_an_overridden_exception_handler_is_called(self, base: Any) -> None:
        contexts: list[Any] = []

        class Handling(base):
            def call_exception_handler(self, context: Any) -> None:
                contexts.append(context)

        def fail() -> None:
            raise LookupError

        with closing(Handling()) as loop:
            loop.call_soon(fail)
            run_once(loop)
        assert len(contexts) == 1

    def test_a_subclass_may_have_state_and_its_own_constructor(self, base: Any) -> None:
        class Stateful(base):
            def __init__(self, name: str) -> None:
                super().__init__()
                self.name = name

        with closing(Stateful("mine")) as loop:
            assert loop.name == "mine"
            assert loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"

    def test_a_loop_with_a_mixin_works(self, base: Any) -> None:
        class Mixin:
            def run_briefly(self: Any) -> None:
                run_once(self)

        class Mixed(Mixin, base):
            pass

        with closing(Mixed()) as loop:
            loop.run_briefly()


class TestPatchedLoops:
    def test_attributes_can_be_set_on_a_loop(self, loop: Any) -> None:
        loop.anything = 123
        assert loop.anything == 123
        del loop.anything

    def test_a_method_replaced_on_the_instance_is_the_one_called(self, loop: Any) -> None:
        calls: list[Any] = []
        original = loop.call_soon

        def call_soon(callback: Any, *args: Any, **options: Any) -> asyncio.Handle:
            calls.append(callback)
            return original(callback, *args, **options)

        loop.call_soon = call_soon
        loop.run_until_complete(asyncio.sleep(0))
        assert calls
        del loop.call_soon

    def test_methods_can_be_mocked(self, loop: Any) -> None:
        with mock.patch.object(loop, "call_later") as call_later:
            loop.call_later(5, print)
        call_later.assert_called_once_with(5, print)
        with mock.patch.object(loop, "time", return_value=42.0):
            assert loop.time() == 42.0

    def test_a_patched_clock_moves_timers(self, loop: Any) -> None:
        ran: list[int] = []
        loop.call_later(100, ran.append, 1)
        later = loop.time() + 200
        with mock.patch.object(loop, "time", return_value=later):
            run_once(loop)
            run_once(loop)
        assert ran == [1]

    def test_a_clock_put_onto_a_running_loop_moves_timers(self, loop: Any) -> None:
        ran: list[int] = []

        async def main() -> None:
            original = loop.time
            loop.call_later(1000, ran.append, 1)
            loop.time = lambda: original() + 2000
            later = loop.call_later(1000, ran.append, 2)
            assert later.when() > original() + 2900
            await iterations(2)
            assert ran == [1]
            loop.time = lambda: original() + 4000
            await iterations(2)
            assert ran == [1, 2]
            del loop.time
            assert loop.call_later(1000, ran.append, 3).when() < original() + 1001

        loop.run_until_complete(main())

    def test_a_clock_put_onto_the_class_moves_timers(self, loop: Any) -> None:
        ran: list[int] = []
        loop.call_later(100, ran.append, 1)
        later = loop.time() + 200
        with mock.patch.object(type(loop), "time", lambda self: later):
            run_once(loop)
            run_once(loop)
            assert loop.call_later(1, int).when() == later + 1
        assert ran == [1]

    def test_an_exception_of_a_clock_leaves_the_loop(self, loop: Any) -> None:
        loop.call_later(0.01, int)
        with mock.patch.object(loop, "time", side_effect=LookupError("clock")):
            with pytest.raises(LookupError, match="clock"):
                loop.run_forever()
        loop.run_until_complete(asyncio.sleep(0.02))

    @pytest.mark.jloop_only
    def test_a_clock_that_schedules_is_heard(self, loop: Any) -> None:
        """What a clock brings about is to be done now; asyncio would wait for the timer all the same."""
        original = loop.time
        loop.call_later(1000, int)

        def clock() -> float:
            loop.call_soon(loop.stop)
            return float(original())

        with mock.patch.object(loop, "time", clock):
            loop.run_forever()
        run_once(loop)

    async def test_call_later_asks_a_call_at_put_onto_the_loop(self, loop: Any) -> None:
        with mock.patch.object(loop, "call_at", wraps=loop.call_at) as call_at:
            loop.call_later(1, int).cancel()
        assert call_at.call_count == 1
        loop.call_later(1, int).cancel()
        assert call_at.call_count == 1

    def test_weak_references_to_loops_work(self, loop_factory: LoopFactory) -> None:
        loop = loop_factory()
        reference = weakref.ref(loop)
        mapping = weakref.WeakKeyDictionary({loop: "value"})
        assert reference() is loop
        assert mapping[loop] == "value"
        loop.close()
        del loop
        gc.collect()
        assert reference() is None
        assert not mapping

    def test_loops_are_hashable_and_compare_by_identity(self, loop_factory: LoopFactory) -> None:
        with closing(loop_factory()) as first, closing(loop_factory()) as second:
            assert first == first
            assert first != second
            assert len({first, second}) == 2


class TestTypes:
    def test_a_loop_is_asyncios(self, loop: Loop) -> None:
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert isinstance(loop, asyncio.BaseEventLoop)

    def test_every_method_of_the_abstract_loop_is_there(self, loop: Loop) -> None:
        for name in dir(asyncio.AbstractEventLoop):
            if not name.startswith("_"):
                assert callable(getattr(loop, name)), name
                assert getattr(type(loop), name) is not getattr(asyncio.AbstractEventLoop, name), name

    def test_coroutine_methods_are_coroutine_functions(self, loop: Loop) -> None:
        control = asyncio.SelectorEventLoop
        for name in dir(asyncio.AbstractEventLoop):
            if inspect.iscoroutinefunction(getattr(control, name)):
                assert inspect.iscoroutinefunction(getattr(type(loop), name)), name

    def test_signatures_accept_what_asyncios_accept(self, loop: Loop) -> None:
        control = asyncio.SelectorEventLoop
        for name in dir(asyncio.AbstractEventLoop):
            if name.startswith("_"):
                continue
            expected = inspect.signature(getattr(control, name)).parameters
            parameters = inspect.signature(getattr(type(loop), name)).parameters
            any_keyword = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
            for parameter in expected.values():
                if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and not any_keyword:
                    assert parameter.name in parameters, f"{name}({parameter.name}=)"
                    assert parameters[parameter.name].default == parameter.default, f"{name}({parameter.name}=)"

    @pytest.mark.parametrize(
        "name", ["call_soon", "call_soon_threadsafe", "call_later", "call_at", "stop", "get_debug", "create_future"]
    )
    def test_bound_methods_have_asyncios_signature_and_a_doc(self, loop: Loop, name: str) -> None:
        control = asyncio.SelectorEventLoop
        expected = inspect.signature(getattr(control, name))
        parameters = [parameter for parameter in expected.parameters.values() if parameter.name != "self"]
        assert inspect.signature(getattr(loop, name)) == expected.replace(parameters=parameters)
        assert inspect.getdoc(getattr(loop, name)) or not inspect.getdoc(getattr(control, name))

    async def test_methods_of_handles_and_transports_have_signatures(self, loop: Loop) -> None:
        assert str(inspect.signature(loop.call_soon(int).cancel)) == "()"
        assert str(inspect.signature(loop.call_later(0, int).cancel)) == "()"
        async with connected("tcp") as (_, client):
            assert list(inspect.signature(client.transport.write).parameters) == ["data"]
            assert list(inspect.signature(client.transport.writelines).parameters) == ["list_of_data"]
            assert list(inspect.signature(client.transport.get_write_buffer_size).parameters) == []

    async def test_transports_are_asyncios(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            for protocol in (server, client):
                assert isinstance(protocol.transport, asyncio.Transport)
                assert isinstance(protocol.transport, asyncio.ReadTransport)
                assert isinstance(protocol.transport, asyncio.WriteTransport)

    async def test_every_method_of_the_abstract_transport_is_there(self, loop: Loop) -> None:
        async with connected("tcp") as (_, client):
            for name in dir(asyncio.Transport):
                if not name.startswith("_"):
                    assert callable(getattr(client.transport, name)), name

    async def test_a_server_is_asyncios(self, loop: Loop) -> None:
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        assert isinstance(server, asyncio.AbstractServer)
        assert isinstance(server, asyncio.Server)
        server.close()


class TestTransports:
    async def test_attributes_can_be_set_and_deleted(self, loop: Loop) -> None:
        async with connected("tcp") as (_, client):
            client.transport.my_own = "attribute"
            assert client.transport.my_own == "attribute"
            del client.transport.my_own
            assert not hasattr(client.transport, "my_own")

    async def test_weak_references_work(self, loop: Loop) -> None:
        async with connected("tcp") as (_, client):
            reference = weakref.ref(client.transport)
            mapping = weakref.WeakKeyDictionary({client.transport: 1})
            members = weakref.WeakSet([client.transport])
            assert reference() is client.transport
            assert mapping[client.transport] == 1
            assert client.transport in members

    async def test_a_weak_reference_is_told_of_the_end(self, loop: Loop) -> None:
        ended: list[int] = []
        async with connected("tcp") as (server, client):
            finalizer = weakref.finalize(client.transport, ended.append, 1)
            client.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")
            client.transport = None
            await iterations(3)
            gc.collect()
            assert ended == [1]
            assert not finalizer.alive

    async def test_transports_are_hashable_and_compare_by_identity(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            assert len({server.transport, client.transport}) == 2
            assert client.transport == client.transport
            assert client.transport != server.transport

    async def test_a_method_replaced_on_a_transport_is_the_one_the_program_calls(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            written: list[bytes] = []
            original = client.transport.write

            def write(data: bytes) -> None:
                written.append(data)
                original(data.upper())

            client.transport.write = write
            client.transport.write(b"data")
            assert await server.read(4) == b"DATA"
            assert written == [b"data"]
            del client.transport.write
            client.transport.write(b"data")
            assert await server.read(8) == b"DATAdata"

    async def test_a_mocked_write_is_seen_by_a_stream_writer(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        with right:
            _, writer = await asyncio.open_connection(sock=left)
            with mock.patch.object(writer.transport, "write") as write:
                writer.write(b"data")
            write.assert_called_once_with(b"data")
            writer.close()
            await writer.wait_closed()

    async def test_a_replaced_close_is_called_by_a_stream_writer(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        with right:
            _, writer = await asyncio.open_connection(sock=left)
            transport: Any = writer.transport
            with mock.patch.object(transport, "close", wraps=transport.close) as close:
                writer.close()
            close.assert_called_once_with()
            await writer.wait_closed()

    async def test_bound_methods_can_be_kept(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            write, closing_, close = client.transport.write, client.transport.is_closing, client.transport.close
            write(b"kept")
            assert await server.read(4) == b"kept"
            assert not closing_()
            close()
            assert closing_()
            await client.wait_for("lost")
            write(b"after the end")
            assert closing_()

    async def test_methods_may_be_called_through_the_class(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            type(client.transport).write(client.transport, b"unbound")
            assert await server.read(7) == b"unbound"
            with pytest.raises((TypeError, AttributeError)):
                type(client.transport).write(object(), b"not a transport")

    async def test_a_transport_can_be_wrapped(self, loop: Loop) -> None:
        class Wrapper(asyncio.Transport):
            def __init__(self, inner: Any) -> None:
                super().__init__()
                self.inner = inner

            def __getattribute__(self, name: str) -> Any:
                if name in ("inner", "__class__"):
                    return super().__getattribute__(name)
                return getattr(super().__getattribute__("inner"), name)

        async with connected("tcp") as (server, client):
            wrapper = Wrapper(client.transport)
            wrapper.write(b"wrapped")
            assert await server.read(7) == b"wrapped"
            assert wrapper.get_extra_info("peername") == client.transport.get_extra_info("peername")

    async def test_transports_cannot_be_copied_or_pickled_by_accident(self, loop: Loop) -> None:
        import pickle

        async with connected("tcp") as (_, client):
            with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
                pickle.dumps(client.transport)
            with pytest.raises((TypeError, AttributeError)):
                copy.deepcopy(client.transport)
            assert not client.transport.is_closing()

    async def test_what_asyncios_transport_is_patched_with_is_asked(self, loop: Loop) -> None:
        async with connected("tcp") as (server, client):
            for transport in (server.transport, client.transport):
                with mock.patch("asyncio.Transport.get_extra_info", return_value="patched") as patched:
                    assert transport.get_extra_info("peername") == "patched"
                    patched.assert_called_with("peername")
                    assert transport.get_extra_info("unknown", "other") == "patched"
                    patched.assert_called_with("unknown", "other")
                assert transport.get_extra_info("unknown", "other") == "other"
                assert transport.get_extra_info("unknown", default=None) is None

    async def test_the_private_state_that_libraries_look_at_is_there(self, loop: Loop) -> None:
        """aiohttp, uvicorn, asyncpg and others look at these; asyncio's selector transports have them."""
        async with connected("tcp") as (_, client):
            assert client.transport._loop is loop
            assert client.transport._closing is False
            assert client.transport._protocol is client
            assert client.transport._sock is not None or client.transport.get_extra_info("socket")

    async def test_the_socket_of_a_transport_can_be_wrapped(self, loop: Loop) -> None:
        """As CPython's own tests of TLS do, with a socket that takes half of what it is given."""
        async with connected("tcp") as (server, client):
            for transport in (server.transport, client.transport):
                wrapper = mock.Mock(wraps=transport._sock)
                transport._sock = wrapper
                assert transport._sock is wrapper
            client.transport.write(b"wrapped")
            assert await server.read(7) == b"wrapped"
            client.transport.close()
            await client.wait_for("lost")
            await server.wait_for("lost")
            assert client.transport._sock is None
            wrapper.close.assert_called_once_with()

    async def test_a_mock_of_a_socket_becomes_a_transport(self, loop: Loop) -> None:
        """A mock with a specification says that it is an instance of `socket.socket`, and its attributes are mocks."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        sock = mock.Mock(spec=socket.socket, wraps=ours)
        with theirs:
            transport, _ = await loop.create_connection(Recorder, sock=stream_socket(sock))
            transport.write(b"mocked")
            await until(lambda: select.select([theirs], [], [], 0)[0])
            assert theirs.recv(10) == b"mocked"
            transport.close()
            await until(lambda: ours.fileno() < 0)


def stream_socket(sock: mock.Mock) -> Any:
    sock.type, sock.family, sock.proto = socket.SOCK_STREAM, socket.AF_UNIX, 0
    return sock


class TestProtocols:
    async def test_a_protocol_method_replaced_after_connection_made_is_not_missed(self, loop: Loop) -> None:
        """Until set_protocol asyncio binds data_received when it is called; a cached bound method would be stale."""
        async with connected("tcp") as (server, client):
            client.transport.write(b"first")
            await server.read(5)
            got: list[bytes] = []

            def replacement(data: bytes) -> None:
                got.append(data)
                server.happened()

            server.data_received = replacement
            client.transport.write(b"second")
            await server.wait(lambda: got)
            assert got == [b"second"]
            assert server.data == b"first"

    async def test_the_class_of_a_protocol_can_be_changed(self, loop: Loop) -> None:
        class Upper(Recorder):
            def data_received(self, data: bytes) -> None:
                super().data_received(data.upper())

        async with connected("tcp") as (server, client):
            client.transport.write(b"one ")
            await server.read(4)
            server.__class__ = Upper
            client.transport.write(b"two")
            assert await server.read(7) == b"one TWO"

    async def test_a_method_patched_on_the_class_is_called(self, loop: Loop) -> None:
        class Own(Recorder):
            pass

        got: list[bytes] = []

        def patched(self: Own, data: bytes) -> None:
            got.append(data)
            self.happened()

        async with connected("tcp", Own) as (server, client):
            client.transport.write(b"one")
            await server.read(3)
            with mock.patch.object(Own, "data_received", patched):
                client.transport.write(b"two")
                await server.wait(lambda: got)
            assert got == [b"two"]

    async def test_a_protocol_may_be_a_mock(self, loop: Loop) -> None:
        protocol = mock.Mock(spec=asyncio.Protocol)
        protocol.eof_received.return_value = None
        left, right = socket.socketpair()
        with right:
            transport, made = await loop.create_connection(lambda: protocol, sock=left)
            assert made is protocol
            protocol.connection_made.assert_called_once_with(transport)
            right.sendall(b"data")
            await until(lambda: protocol.data_received.called)
            protocol.data_received.assert_called_once_with(b"data")
            right.close()
            await until(lambda: protocol.connection_lost.called)
            protocol.connection_lost.assert_called_once_with(None)

    async def test_data_received_may_be_any_callable(self, loop: Loop) -> None:
        class Receiver:
            got = b""

            def __call__(self, data: bytes) -> None:
                self.got += data

        class Own(Recorder):
            data_received = Receiver()

        class Static(Recorder):
            got = bytearray()

            @staticmethod
            def data_received(data: bytes) -> None:
                Static.got.extend(data)

        async with connected("tcp", Own) as (server, client):
            client.transport.write(b"data")
            await until(lambda: server.data_received.got == b"data")
        async with connected("tcp", Static) as (_, client):
            client.transport.write(b"data")
            await until(lambda: Static.got == b"data")

    async def test_slots_and_no_dictionary_are_enough_for_a_protocol(self, loop: Loop) -> None:
        class Slotted(asyncio.Protocol):
            __slots__ = ("data", "lost")

            def __init__(self) -> None:
                self.data = b""
                self.lost = False

            def data_received(self, data: bytes) -> None:
                self.data += data

            def connection_lost(self, exc: Exception | None) -> None:
                self.lost = True

        left, right = socket.socketpair()
        with right:
            _, protocol = await loop.create_connection(Slotted, sock=left)
            right.sendall(b"data")
            await until(lambda: protocol.data == b"data")
        await until(lambda: protocol.lost)

    async def test_one_protocol_object_may_serve_many_connections(self, loop: Loop) -> None:
        class Shared(asyncio.Protocol):
            received = bytearray()
            lost = 0

            def data_received(self, data: bytes) -> None:
                self.received += data

            def connection_lost(self, exc: Exception | None) -> None:
                self.lost += 1

        shared = Shared()
        pairs = [socket.socketpair() for _ in range(5)]
        for left, _ in pairs:
            await loop.create_connection(lambda: shared, sock=left)
        for _, right in pairs:
            right.sendall(b"x")
            right.close()
        await until(lambda: shared.lost == 5)
        assert shared.received == b"xxxxx"


class TestStreamReaders:
    async def test_a_subclass_of_stream_reader_is_fed_through_its_own_methods(self, loop: Loop) -> None:
        fed: list[bytes] = []

        class Watching(asyncio.StreamReader):
            def feed_data(self, data: bytes) -> None:  # type: ignore[override]
                fed.append(bytes(data))
                super().feed_data(data)

        left, right = socket.socketpair()
        with right:
            reader = Watching()
            transport, _ = await loop.create_connection(lambda: asyncio.StreamReaderProtocol(reader), sock=left)
            right.sendall(b"line\n")
            assert await reader.readline() == b"line\n"
            assert b"".join(fed) == b"line\n"
            transport.abort()
            await iterations(3)

    async def test_a_patched_feed_data_is_called(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        with right:
            reader, writer = await asyncio.open_connection(sock=left)
            with mock.patch.object(reader, "feed_data", wraps=reader.feed_data) as feed:
                right.sendall(b"line\n")
                assert await reader.readline() == b"line\n"
            feed.assert_called_once_with(b"line\n")
            writer.close()
            await writer.wait_closed()

    async def test_a_patched_class_is_called_too(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        fed: list[bytes] = []
        original = asyncio.StreamReader.feed_data

        def feed_data(self: Any, data: bytes) -> None:
            fed.append(bytes(data))
            original(self, data)

        with right:
            reader, writer = await asyncio.open_connection(sock=left)
            with mock.patch.object(asyncio.StreamReader, "feed_data", feed_data):
                right.sendall(b"line\n")
                assert await reader.readline() == b"line\n"
            assert b"".join(fed) == b"line\n"
            writer.close()
            await writer.wait_closed()

    async def test_the_buffer_can_be_looked_at_and_changed(self, loop: Loop) -> None:
        """Libraries peek into the reader's private buffer."""
        left, right = socket.socketpair()
        with right:
            reader, writer = await asyncio.open_connection(sock=left)
            buffered: Any = reader
            right.sendall(b"peeked at")
            await until(lambda: len(buffered._buffer) == 9)
            assert bytes(buffered._buffer) == b"peeked at"
            del buffered._buffer[:7]
            assert await reader.readexactly(2) == b"at"
            writer.close()
            await writer.wait_closed()


class TestModules:
    async def test_a_patched_socket_getaddrinfo_is_used(self, loop: Loop) -> None:
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
        with mock.patch("socket.getaddrinfo", return_value=answer) as getaddrinfo:
            assert await loop.getaddrinfo("anything.test", 80) == answer
            getaddrinfo.assert_called_once()
            assert await loop.getaddrinfo("other.test", 80, type=socket.SOCK_STREAM) == answer

    async def test_a_patched_socket_getnameinfo_is_used(self, loop: Loop) -> None:
        with mock.patch("socket.getnameinfo", return_value=("name", "service")):
            assert await loop.getnameinfo(("127.0.0.1", 80)) == ("name", "service")

    async def test_a_subclass_of_socket_may_be_given(self, loop: Loop) -> None:
        closed: list[int] = []

        class Own(socket.socket):
            def close(self) -> None:
                if self.fileno() >= 0:
                    closed.append(self.fileno())
                super().close()

        left, right = socket.socketpair()
        with right:
            own = Own(fileno=left.detach())
            fd = own.fileno()
            transport, protocol = await loop.create_connection(Recorder, sock=own)
            right.sendall(b"x")
            await protocol.read(1)
            transport.close()
            await protocol.wait_for("lost")
            await iterations(2)
            assert closed == [fd]

    async def test_handlers_that_count_run_calls_see_real_handles(self, loop: Loop) -> None:
        """Profilers patch Handle._run; where asyncio's is patched, debug mode or not, callbacks still run."""
        ran: list[int] = []
        with mock.patch.object(asyncio.Handle, "_run", asyncio.Handle._run):
            loop.call_soon(ran.append, 1)
            await iterations(2)
        assert ran == [1]

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came in 3.12")
    async def test_python_code_in_callbacks_can_be_traced(self, loop: Loop) -> None:
        names: list[str] = []

        def tracer(frame: Any, event: str, arg: Any) -> None:
            if event == "call":
                names.append(frame.f_code.co_name)

        def traced_callback() -> None:
            pass

        loop.call_soon(traced_callback)
        sys.setprofile(tracer)
        await iterations(2)
        sys.setprofile(None)
        assert "traced_callback" in names


async def test_an_exception_while_everything_is_patched_is_still_reported(loop: Loop, errors: LoopErrors) -> None:
    def fail(self: Any, data: bytes) -> None:
        raise LookupError("patched in")

    async with connected("tcp") as (server, client):
        with mock.patch.object(Recorder, "data_received", fail):
            client.transport.write(b"x")
            await server.wait_for("lost")
    assert isinstance(errors.take_one()["exception"], LookupError)


Call = Callable[[Any], Any]


@pytest.mark.parametrize(
    "call",
    [
        lambda transport: transport.write(),
        lambda transport: transport.write(b"x", b"y"),
        lambda transport: transport.write(no_such=b"x"),
        lambda transport: transport.close(1),
        lambda transport: transport.get_extra_info(),
        lambda transport: transport.set_protocol(),
        lambda transport: transport.pause_reading(1),
        lambda transport: transport.writelines(),
    ],
    ids=["none", "two", "unknown", "close", "info", "protocol", "pause", "lines"],
)
async def test_wrong_numbers_of_arguments_are_type_errors(loop: Loop, call: Call) -> None:
    async with connected("tcp") as (server, client):
        with pytest.raises(TypeError):
            call(client.transport)
        client.transport.write(b"fine")
        assert await server.read(4) == b"fine"


async def test_arguments_may_be_given_by_name(loop: Loop) -> None:
    async with connected("tcp") as (server, client):
        client.transport.write(data=b"by name")
        client.transport.writelines(list_of_data=[b", too"])
        assert await server.read(12) == b"by name, too"
        assert client.transport.get_extra_info(name="nothing", default=1) == 1
        client.transport.set_write_buffer_limits(high=10, low=5)
        client.transport.set_protocol(protocol=client)


async def test_large_data_through_every_patched_path_is_exact(loop: Loop) -> None:
    data = pattern(500_000)

    async with connected("tcp", Echo) as (_, client):
        with mock.patch.object(client, "data_received", wraps=client.data_received):
            client.transport.write(data)
            assert await client.read(len(data)) == data
