"""Debug mode: thread checks, slow callbacks, where coroutines come from."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support import Loop, LoopErrors, LoopFactory, run_script


@pytest.fixture
def debug_loop(loop: Loop) -> Loop:
    loop.set_debug(True)
    return loop


def run_once(loop: Loop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def in_thread(call: Callable[[], object]) -> BaseException | None:
    """What `call` raises on another thread."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def test_debug_mode_is_off_unless_asked_for(loop: Loop) -> None:
    assert loop.get_debug() is False
    loop.set_debug(True)
    assert loop.get_debug() is True
    loop.set_debug(False)
    assert loop.get_debug() is False


def test_asking_for_debug_mode_takes_no_arguments(loop: Loop) -> None:
    for enabled in (False, True):
        loop.set_debug(enabled)
        assert loop.get_debug.__name__ == "get_debug"
        with pytest.raises(TypeError, match="get_debug"):
            loop.get_debug(1)  # type: ignore[call-arg]


def test_a_get_debug_of_the_program_is_asked(loop: Loop) -> None:
    asked = []

    def get_debug() -> bool:
        asked.append(True)
        return False

    loop.get_debug = get_debug  # type: ignore[method-assign]
    loop.set_debug(True)
    loop.set_debug(False)
    loop.create_future()
    assert asked
    del loop.get_debug
    assert loop.get_debug() is False


def test_a_subclass_answers_for_itself(loop: Loop) -> None:
    class Asked(type(loop)):  # type: ignore[misc]
        def get_debug(self) -> bool:
            return True

    other = Asked()
    try:
        other.set_debug(False)
        assert other.get_debug() is True
        assert other.create_future()._source_traceback
    finally:
        other.close()


def test_the_environment_and_dev_mode_turn_it_on(loop_name: str) -> None:
    source = "loop = new_event_loop(); print(loop.get_debug()); loop.close()"
    assert run_script(loop_name, source, env={"PYTHONASYNCIODEBUG": "1"}).stdout == "True\n"
    assert run_script(loop_name, source, "-X", "dev").stdout == "True\n"
    assert run_script(loop_name, source, env={"PYTHONASYNCIODEBUG": ""}).stdout == "False\n"


@pytest.mark.parametrize("method", ["call_soon", "call_later", "call_at"])
def test_scheduling_from_another_thread_is_refused(debug_loop: Loop, method: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "call_soon": lambda: debug_loop.call_soon(print),
        "call_later": lambda: debug_loop.call_later(1, print),
        "call_at": lambda: debug_loop.call_at(1, print),
    }

    async def main() -> None:
        raised = in_thread(calls[method])
        assert isinstance(raised, RuntimeError)
        assert "Non-thread-safe operation invoked on an event loop other than the current one" in str(raised)

    debug_loop.run_until_complete(main())


def test_the_threadsafe_way_is_not_refused(debug_loop: Loop) -> None:
    async def main() -> None:
        done = asyncio.Event()
        assert in_thread(lambda: debug_loop.call_soon_threadsafe(done.set)) is None
        await done.wait()

    debug_loop.run_until_complete(main())


def test_a_loop_that_is_not_running_takes_callbacks_from_any_thread(debug_loop: Loop) -> None:
    ran: list[int] = []
    assert in_thread(lambda: debug_loop.call_soon(ran.append, 1)) is None
    run_once(debug_loop)
    assert ran == [1]


def test_without_debug_mode_threads_are_not_checked(loop: Loop) -> None:
    async def main() -> None:
        assert in_thread(lambda: loop.call_later(0, int)) is None

    loop.run_until_complete(main())


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_coroutines_are_refused_as_callbacks(debug_loop: Loop, method: str) -> None:
    async def coroutine() -> None:
        pass

    lead = {"call_later": (1,), "call_at": (1,)}.get(method, ())
    with pytest.raises(TypeError, match="coroutines cannot be used with"):
        getattr(debug_loop, method)(*lead, coroutine)


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_what_cannot_be_called_is_refused_at_once(debug_loop: Loop, method: str) -> None:
    lead = {"call_later": (1,), "call_at": (1,)}.get(method, ())
    with pytest.raises(TypeError, match="a callable object was expected by"):
        getattr(debug_loop, method)(*lead, "not callable")


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later", "call_at"])
def test_a_handles_source_traceback_ends_where_it_was_scheduled(debug_loop: Loop, method: str) -> None:
    # one frame more has to go where the handle's class has an __init__ of its own (call_soon_threadsafe, 3.14)
    lead = {"call_later": (1,), "call_at": (1,)}.get(method, ())
    handle: Any = getattr(debug_loop, method)(*lead, print)
    assert handle._source_traceback[-1].name == "test_a_handles_source_traceback_ends_where_it_was_scheduled"


def test_a_slow_callback_is_logged(debug_loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    debug_loop.slow_callback_duration = 0.005
    debug_loop.call_soon(time.sleep, 0.01)
    debug_loop.call_soon(time.sleep, 0)
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        run_once(debug_loop)
    messages = [record.getMessage() for record in caplog.records]
    (message,) = messages
    assert message.startswith("Executing <Handle ")
    assert "sleep" in message
    assert message.endswith(" seconds")
    assert " took 0.0" in message


def test_a_slow_callback_goes_to_the_logger_that_asyncios_loops_have(
    debug_loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # CPython's own tests put another one in its place
    monkeypatch.setattr(asyncio.base_events, "logger", logging.getLogger("of.the.test"))
    debug_loop.slow_callback_duration = 0
    debug_loop.call_soon(debug_loop.stop)
    debug_loop.run_forever()
    assert any(record.name == "of.the.test" and "Executing" in record.message for record in caplog.records)


def test_a_slow_step_of_a_task_is_logged_with_the_task(debug_loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    async def slow_coroutine() -> None:
        time.sleep(0.01)

    debug_loop.slow_callback_duration = 0.005
    with caplog.at_level(logging.WARNING, logger="asyncio"):
        debug_loop.run_until_complete(slow_coroutine())
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("Executing <Task ")
    assert "slow_coroutine" in message


def test_a_slow_callback_is_not_logged_without_debug_mode(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.slow_callback_duration = 0.0001
    loop.call_soon(time.sleep, 0.002)
    run_once(loop)
    assert not caplog.records


def test_the_limit_of_slow_callbacks_is_a_tenth_of_a_second(loop: Loop) -> None:
    assert loop.slow_callback_duration == 0.1


def test_handles_remember_where_they_were_made(debug_loop: Loop, errors: LoopErrors) -> None:
    def fail() -> None:
        raise ValueError

    debug_loop.call_soon(fail)
    run_once(debug_loop)
    summary = errors.take_one()["source_traceback"]
    assert summary[-1].name == "test_handles_remember_where_they_were_made"
    timer = debug_loop.call_later(1, fail)
    assert timer._source_traceback[-1].filename == __file__  # type: ignore[attr-defined]
    timer.cancel()


def test_coroutine_origins_are_tracked_while_a_debug_loop_runs(debug_loop: Loop) -> None:
    before = sys.get_coroutine_origin_tracking_depth()

    async def main() -> int:
        return sys.get_coroutine_origin_tracking_depth()

    assert debug_loop.run_until_complete(main()) > 0
    assert sys.get_coroutine_origin_tracking_depth() == before


def test_origin_tracking_follows_debug_mode_while_the_loop_runs(loop: Loop) -> None:
    async def main() -> list[bool]:
        depths = []
        for debug in (False, True, False):
            loop.set_debug(debug)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            depths.append(sys.get_coroutine_origin_tracking_depth() > 0)
        return depths

    assert loop.run_until_complete(main()) == [False, True, False]


def test_futures_and_tasks_show_where_they_were_made(debug_loop: Loop) -> None:
    future: Any = debug_loop.create_future()
    assert "test_futures_and_tasks_show_where_they_were_made" in [frame.name for frame in future._source_traceback]
    assert "created at" in repr(future)


def test_everything_still_works_in_debug_mode(loop_factory: LoopFactory) -> None:
    from contextlib import closing

    with closing(loop_factory()) as loop:
        loop.set_debug(True)
        ran: list[int] = []

        async def main() -> None:
            for number in range(100):
                loop.call_soon(ran.append, number)
                loop.call_later(0, ran.append, number)
                loop.call_soon(pytest.fail, "cancelled").cancel()
                loop.call_later(1, pytest.fail, "cancelled").cancel()
            await asyncio.sleep(0.002)

        loop.run_until_complete(main())
        assert sorted(ran) == sorted([*range(100), *range(100)])


async def test_blocking_sockets_are_refused(loop: Loop) -> None:
    import socket

    loop.set_debug(True)
    left, right = socket.socketpair()
    with left, right:
        for call in (
            lambda: loop.sock_recv(left, 1),
            lambda: loop.sock_sendall(left, b"x"),
            lambda: loop.sock_recv_into(left, bytearray(1)),
            lambda: loop.sock_accept(left),
            lambda: loop.sock_connect(left, "nowhere"),
        ):
            with pytest.raises(ValueError, match="the socket must be non-blocking"):
                await call()


class Slow(asyncio.Protocol, asyncio.DatagramProtocol):
    def data_received(self, data: bytes) -> None:
        time.sleep(0.01)

    def datagram_received(self, data: bytes, addr: object) -> None:
        time.sleep(0.01)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_slow_protocol_is_logged(debug_loop: Loop, caplog: pytest.LogCaptureFixture, kind: int) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
        with theirs:
            if kind == socket.SOCK_STREAM:
                transport: Any = (await debug_loop.create_connection(Slow, sock=ours))[0]
            else:
                transport = (await debug_loop.create_datagram_endpoint(Slow, sock=ours))[0]
            theirs.send(b"data")
            await asyncio.sleep(0.02)
            transport.close()

    debug_loop.slow_callback_duration = 0.005
    with caplog.at_level(logging.WARNING, "asyncio"):
        debug_loop.run_until_complete(main())
    (message,) = [record.getMessage() for record in caplog.records if "_read_ready()" in record.getMessage()]
    assert re.search(r"Executing <Handle .*Transport\._read_ready\(\).*> took 0\.[0-9]{3} seconds", message)


def test_the_handle_of_a_watched_descriptor_knows_where_it_was_made(debug_loop: Loop, errors: LoopErrors) -> None:
    def fail() -> None:
        debug_loop.remove_writer(ours)
        raise ValueError("told to")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        debug_loop.add_writer(ours, fail)
        run_once(debug_loop)
        run_once(debug_loop)
    (context,) = errors.take()
    assert any(frame.name.startswith("test_the_handle_of") for frame in context["source_traceback"])
