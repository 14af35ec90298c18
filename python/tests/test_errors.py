"""Exceptions out of callbacks, exception handlers, and what ends a run."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import Context, Loop, LoopErrors


def run_once(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def fail_with(error: BaseException) -> None:
    raise error


class OddError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text either")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"),
        OSError(5, "with errno"),
        StopIteration("stop"),
        StopAsyncIteration(),
        GeneratorExit("generator"),
        asyncio.CancelledError("cancelled"),
        AssertionError(),
        RecursionError("deep"),
        MemoryError(),
        OddError(),
        BaseException("base"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_out_of_a_callback_goes_to_the_handler(
    loop: Loop, errors: LoopErrors, error: BaseException
) -> None:
    ran: list[str] = []
    handle = loop.call_soon(fail_with, error)
    loop.call_soon(ran.append, "the next one")
    run_once(loop)
    context = errors.take_one()
    assert context["exception"] is error
    assert context["handle"] is handle
    assert context["message"].startswith("Exception in callback fail_with(")
    assert ran == ["the next one"]


def test_an_exception_out_of_a_timer_goes_to_the_handler(loop: Loop, errors: LoopErrors) -> None:
    error = ValueError("from a timer")
    handle = loop.call_later(0, fail_with, error)
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    context = errors.take_one()
    assert context["exception"] is error
    assert context["handle"] is handle


def test_an_exceptions_traceback_shows_where_it_came_from(loop: Loop, errors: LoopErrors) -> None:
    loop.call_soon(fail_with, ValueError())
    run_once(loop)
    frames = []
    traceback = errors.take_one()["exception"].__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames[-1] == "fail_with"


def test_a_handler_gets_the_loop_and_the_context(loop: Loop) -> None:
    calls: list[tuple[Loop, Context]] = []
    loop.set_exception_handler(lambda *args: calls.append(args))
    context = {"message": "made by hand", "anything": object()}
    loop.call_exception_handler(context)
    assert calls == [(loop, context)]


def test_the_handler_can_be_read_and_replaced(loop: Loop) -> None:
    def handler(loop: Loop, context: Context) -> None:
        pass

    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None


def test_a_handler_must_be_callable(loop: Loop) -> None:
    with pytest.raises(TypeError, match="A callable object or None is expected"):
        loop.set_exception_handler("not callable")  # type: ignore[arg-type]


def test_without_a_handler_the_error_is_logged(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.set_exception_handler(None)
    error = ValueError("logged")
    loop.call_soon(fail_with, error)
    run_once(loop)
    (record,) = caplog.records
    assert record.name == "asyncio"
    assert record.levelno == logging.ERROR
    assert record.message.startswith("Exception in callback fail_with(")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_the_default_handler_logs_each_entry_of_the_context(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.default_exception_handler({"message": "what happened", "detail": 123})
    (record,) = caplog.records
    assert record.message == "what happened\ndetail: 123"
    assert not record.exc_info


def test_a_handler_that_raises_is_logged_and_the_loop_goes_on(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def bad_handler(loop: Loop, context: Context) -> None:
        raise LookupError("in the handler")

    ran: list[int] = []
    loop.set_exception_handler(bad_handler)
    loop.call_soon(fail_with, ValueError("first"))
    loop.call_soon(ran.append, 1)
    run_once(loop)
    assert ran == [1]
    assert "Unhandled error in exception handler" in caplog.text
    assert "in the handler" in caplog.text


def test_an_error_while_logging_is_logged(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    def no_log(context: Context) -> None:
        raise LookupError("in the default handler")

    loop.set_exception_handler(None)
    loop.default_exception_handler = no_log  # type: ignore[method-assign]
    loop.call_soon(fail_with, ValueError("first"))
    run_once(loop)
    assert "Exception in default exception handler" in caplog.text


def test_a_task_that_fails_unseen_is_reported(loop: Loop, errors: LoopErrors) -> None:
    async def fail() -> None:
        raise ValueError("unseen")

    async def main() -> None:
        loop.create_task(fail(), name="unlucky")
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    context = errors.take_one()
    assert context["message"] == "Task exception was never retrieved"
    assert str(context["exception"]) == "unseen"


def test_a_future_with_an_unseen_exception_is_reported(loop: Loop, errors: LoopErrors) -> None:
    future = loop.create_future()
    future.set_exception(ValueError("unseen"))
    del future
    assert errors.take_one()["message"] == "Future exception was never retrieved"


def test_a_task_dropped_while_pending_is_reported(loop: Loop, errors: LoopErrors) -> None:
    import gc

    async def wait_for_ever() -> None:
        await loop.create_future()

    loop.create_task(wait_for_ever())
    run_once(loop)
    gc.collect()
    assert errors.take_one()["message"] == "Task was destroyed but it is pending!"


class EndOfRun(SystemExit):
    pass


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, EndOfRun])
class TestExceptionsThatEndTheRun:
    def test_they_leave_at_once_and_the_rest_is_kept(self, loop: Loop, end: type[BaseException]) -> None:
        ran: list[str] = []
        loop.call_soon(ran.append, "before")
        loop.call_soon(fail_with, end())
        loop.call_soon(ran.append, "after")
        loop.call_soon(loop.stop)
        with pytest.raises(end):
            loop.run_forever()
        assert ran == ["before"]
        assert not loop.is_running()
        run_once(loop)
        assert ran == ["before", "after"]

    def test_they_leave_from_a_timer(self, loop: Loop, end: type[BaseException]) -> None:
        ran: list[str] = []
        now = loop.time()
        loop.call_at(now, fail_with, end())
        loop.call_at(now + 1e-6, ran.append, "after")
        with pytest.raises(end):
            loop.run_forever()
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        assert ran == ["after"]

    def test_they_leave_from_a_task(self, loop: Loop, end: type[BaseException]) -> None:
        async def main() -> None:
            await asyncio.sleep(0)
            raise end()

        with pytest.raises(end):
            loop.run_until_complete(main())
        assert loop.run_until_complete(asyncio.sleep(0, "still runs")) == "still runs"

    def test_they_leave_from_a_reader(self, loop: Loop, end: type[BaseException]) -> None:
        import socket

        left, right = socket.socketpair()
        with left, right:
            right.send(b"x")
            loop.add_reader(left, fail_with, end())
            with pytest.raises(end):
                loop.run_forever()
            loop.remove_reader(left)

    def test_they_leave_from_a_protocol(self, loop: Loop, end: type[BaseException]) -> None:
        import socket

        class Protocol(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                raise end()

        left, right = socket.socketpair()
        with right:
            transport, _ = loop.run_until_complete(loop.create_connection(Protocol, sock=left))
            right.send(b"x")
            with pytest.raises(end):
                loop.run_forever()
            transport.abort()
            run_once(loop)

    def test_they_leave_from_the_exception_handler(self, loop: Loop, end: type[BaseException]) -> None:
        loop.set_exception_handler(lambda *_: fail_with(end()))
        loop.call_soon(fail_with, ValueError())
        with pytest.raises(end):
            loop.run_forever()
        assert not loop.is_running()

    def test_running_and_hooks_are_restored(self, loop: Loop, end: type[BaseException]) -> None:
        import sys

        hooks = sys.get_asyncgen_hooks()
        loop.call_soon(fail_with, end())
        with pytest.raises(end):
            loop.run_forever()
        assert sys.get_asyncgen_hooks() == hooks
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()


def deep(depth: int) -> int:
    return depth if depth == 0 else deep(depth - 1)


def test_recursion_without_end_in_a_callback_is_a_recursion_error(loop: Loop, errors: LoopErrors) -> None:
    def endless() -> None:
        endless()

    ran: list[int] = []
    loop.call_soon(endless)
    loop.call_soon(ran.append, 1)
    run_once(loop)
    assert isinstance(errors.take_one()["exception"], RecursionError)
    assert ran == [1]


def test_recursion_through_the_loops_own_methods_is_a_recursion_error(loop: Loop) -> None:
    """The methods of the loop are entered at every depth of the stack."""
    raised: list[BaseException] = []

    def endless() -> None:
        loop.call_soon(int).cancel()
        loop.time()
        endless()

    def callback() -> None:
        try:
            endless()
        except RecursionError as error:
            raised.append(error)

    loop.call_soon(callback)
    run_once(loop)
    assert len(raised) == 1


async def test_bad_arguments_of_the_connecting_methods_have_asyncios_errors(loop: Loop) -> None:
    import socket

    with socket.socket() as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        sock.setblocking(False)
        cases: list[tuple[Callable[[], Any], str]] = [
            (lambda: loop.create_connection(asyncio.Protocol), "host and port was not specified and no sock specified"),
            (
                lambda: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, sock=sock),
                "host/port and sock can not be specified at the same time",
            ),
            (lambda: loop.create_connection(asyncio.Protocol, sock=datagrams), "A Stream Socket was expected"),
            (
                lambda: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, server_hostname="x"),
                "server_hostname is only meaningful with ssl",
            ),
            (
                lambda: loop.create_connection(asyncio.Protocol, sock=sock, ssl=True),
                "You must set server_hostname when using ssl without a host",
            ),
            (
                lambda: loop.create_connection(asyncio.Protocol, "127.0.0.1", 1, ssl_handshake_timeout=1),
                "ssl_handshake_timeout is only meaningful with ssl",
            ),
            (lambda: loop.create_server(asyncio.Protocol), "Neither host/port nor sock were specified"),
            (
                lambda: loop.create_server(asyncio.Protocol, "127.0.0.1", 0, sock=sock),
                "host/port and sock can not be specified at the same time",
            ),
            (lambda: loop.create_server(asyncio.Protocol, sock=datagrams), "A Stream Socket was expected"),
            (lambda: loop.create_unix_connection(asyncio.Protocol), "no path and sock were specified"),
            (
                lambda: loop.create_unix_connection(asyncio.Protocol, sock=sock),
                "A UNIX Domain Stream Socket was expected",
            ),
            (lambda: loop.create_unix_server(asyncio.Protocol), "path was not specified, and no sock specified"),
            (lambda: loop.create_unix_server(asyncio.Protocol, sock=sock), "A UNIX Domain Stream Socket was expected"),
            (lambda: loop.connect_accepted_socket(asyncio.Protocol, datagrams), "A Stream Socket was expected"),
        ]
        for call, message in cases:
            with pytest.raises(ValueError, match=message):
                await call()
        with pytest.raises(TypeError, match="ssl argument must be an SSLContext or None"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=True)


@pytest.mark.parametrize("where", ["callback", "timer", "connection_made", "data_received", "get_buffer", "datagram"])
def test_the_exception_handler_runs_while_the_exception_is_handled(loop: Loop, where: str) -> None:
    """Handlers call `logger.exception()` and `traceback.format_exc()`."""

    class Failing(asyncio.Protocol, asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            if where == "connection_made":
                raise ValueError(where)

        def data_received(self, data: bytes) -> None:
            raise ValueError(where)

        def datagram_received(self, data: bytes, addr: object) -> None:
            raise ValueError(where)

    class FailingBuffered(asyncio.BufferedProtocol):
        def get_buffer(self, sizehint: int) -> bytearray:
            raise ValueError(where)

    async def fail() -> None:
        if where == "callback":
            loop.call_soon(fail_with, ValueError(where))
        elif where == "timer":
            loop.call_later(0, fail_with, ValueError(where))
        ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM if where == "datagram" else socket.SOCK_STREAM)
        factory = FailingBuffered if where == "get_buffer" else Failing
        with theirs:
            if where == "datagram":
                transport: Any = (await loop.create_datagram_endpoint(factory, sock=ours))[0]  # type: ignore[type-var]
            else:
                transport = (await loop.create_connection(factory, sock=ours))[0]
            if where not in ("callback", "timer", "connection_made"):
                theirs.send(b"data")
            await asyncio.sleep(0.01)
            transport.close()
            await asyncio.sleep(0)

    handled: list[BaseException | None] = []
    traces: list[str] = []

    def handler(_: Loop, context: Context) -> None:
        handled.extend((context["exception"], sys.exc_info()[1]))
        traces.append(traceback.format_exc())

    loop.set_exception_handler(handler)
    loop.run_until_complete(fail())
    assert len(handled) == 2
    assert handled[0] is handled[1]
    assert f"ValueError: {where}" in traces[0]
    assert sys.exc_info() == (None, None, None)


def test_what_the_program_handles_already_is_handled_again_afterwards(loop: Loop) -> None:
    loop.set_exception_handler(lambda _, context: None)
    loop.call_soon(fail_with, ValueError("inner"))
    outer = KeyError("outer")
    try:
        raise outer
    except KeyError:
        run_once(loop)
        handled = sys.exc_info()[1]
    assert handled is outer


def test_an_exception_that_hides_its_traceback_goes_to_the_handler(loop: Loop, errors: LoopErrors) -> None:
    class Hiding(Exception):
        @property
        def __traceback__(self) -> Any:
            raise RuntimeError("no traceback either")

    error = Hiding()
    loop.call_soon(fail_with, error)
    run_once(loop)
    assert errors.take_one()["exception"] is error


def test_a_generator_that_runs_the_loop_keeps_nothing_of_what_its_caller_handles(loop: Loop) -> None:
    def generator() -> Iterator[Any]:
        loop.call_soon(fail_with, ValueError("inner"))
        run_once(loop)
        yield None
        yield sys.exc_info()[0]

    loop.set_exception_handler(lambda _, context: None)
    running = generator()
    try:
        raise KeyError("outer")
    except KeyError:
        next(running)
    assert next(running) is None
