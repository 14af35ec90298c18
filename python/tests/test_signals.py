"""Signal handlers of the main thread's loop, Ctrl-C, and how signals wake a loop that waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support import Loop, LoopErrors, LoopFactory, child_environment, run_script, script_command, until

LONG = 5.0  # seconds; what should be prompt takes less


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    """No test leaves a disposition or a wake-up descriptor behind."""
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in watched}
    yield
    wakeup = signal.set_wakeup_fd(-1)
    after = {number: signal.getsignal(number) for number in watched}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == before
    assert wakeup == -1


@contextlib.contextmanager
def handling(number: int, handler: Any) -> Iterator[None]:
    """Python's own way of handling a signal, for as long as the block runs."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def kill_soon(number: int, delay: float = 0.02) -> threading.Timer:
    """Another thread sends this process the signal while the loop waits."""
    timer = threading.Timer(delay, os.kill, [os.getpid(), number])
    timer.start()
    return timer


class TestSignalHandlers:
    async def test_a_handler_runs_in_the_loop_with_its_arguments(self, loop: Loop) -> None:
        got: asyncio.Future[tuple[Any, ...]] = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, lambda *args: got.set_result((asyncio.get_running_loop(), *args)), 1, 2)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert await got == (loop, 1, 2)
        assert loop.remove_signal_handler(signal.SIGUSR1)

    async def test_a_signal_wakes_a_loop_that_waits(self, loop: Loop) -> None:
        came = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, came.set_result, None)
        sender = kill_soon(signal.SIGUSR1)
        start = loop.time()
        await came
        assert loop.time() - start < LONG
        sender.join()
        loop.remove_signal_handler(signal.SIGUSR1)

    async def test_each_signal_has_its_own_handler(self, loop: Loop) -> None:
        came: list[int] = []
        numbers = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, came.append, number)
        for number in reversed(numbers):
            os.kill(os.getpid(), number)
        await until(lambda: len(came) == 4)
        assert set(came) == set(numbers)
        for number in numbers:
            loop.remove_signal_handler(number)

    async def test_a_later_handler_replaces_the_earlier_one(self, loop: Loop) -> None:
        came: list[str] = []
        loop.add_signal_handler(signal.SIGUSR1, came.append, "first")
        loop.add_signal_handler(signal.SIGUSR1, came.append, "second")
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: came)
        assert came == ["second"]
        loop.remove_signal_handler(signal.SIGUSR1)

    async def test_a_handler_runs_every_time(self, loop: Loop) -> None:
        came: list[int] = []
        loop.add_signal_handler(signal.SIGUSR1, came.append, 1)
        for count in range(1, 20):
            os.kill(os.getpid(), signal.SIGUSR1)
            await until(lambda count=count: len(came) >= count)  # type: ignore[misc]
        loop.remove_signal_handler(signal.SIGUSR1)

    async def test_removing_tells_whether_there_was_one_and_restores_the_default(self, loop: Loop) -> None:
        assert loop.remove_signal_handler(signal.SIGUSR1) is False
        loop.add_signal_handler(signal.SIGUSR1, print)
        assert signal.getsignal(signal.SIGUSR1) not in (signal.SIG_DFL, signal.SIG_IGN)
        assert loop.remove_signal_handler(signal.SIGUSR1) is True
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        assert loop.remove_signal_handler(signal.SIGUSR1) is False

    async def test_removing_the_handler_of_sigint_restores_ctrl_c(self, loop: Loop) -> None:
        loop.add_signal_handler(signal.SIGINT, print)
        loop.remove_signal_handler(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    async def test_a_handlers_exception_goes_to_the_exception_handler(self, loop: Loop, errors: LoopErrors) -> None:
        error = LookupError("in the signal handler")

        def fail() -> None:
            raise error

        loop.add_signal_handler(signal.SIGUSR1, fail)
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: errors)
        assert errors.take_one()["exception"] is error
        loop.remove_signal_handler(signal.SIGUSR1)

    async def test_what_cannot_be_caught_is_refused(self, loop: Loop) -> None:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            with pytest.raises(RuntimeError, match="cannot be caught"):
                loop.add_signal_handler(number, print)

    @pytest.mark.parametrize("bad", [0, -1, 65, 1000])
    async def test_numbers_that_are_no_signal_are_refused(self, loop: Loop, bad: int) -> None:
        with pytest.raises((ValueError, RuntimeError)):
            loop.add_signal_handler(bad, print)
        with pytest.raises(ValueError):
            loop.remove_signal_handler(bad)

    async def test_a_name_is_no_signal_number(self, loop: Loop) -> None:
        with pytest.raises(TypeError):
            loop.add_signal_handler("SIGUSR1", print)  # type: ignore[arg-type]

    async def test_coroutines_are_refused(self, loop: Loop) -> None:
        async def coroutine() -> None:
            pass

        with pytest.raises(TypeError, match="coroutines cannot be used with add_signal_handler"):
            loop.add_signal_handler(signal.SIGUSR1, coroutine)

    def test_other_threads_may_not_set_handlers(self, loop_factory: LoopFactory) -> None:
        raised: list[BaseException] = []

        def in_thread() -> None:
            with contextlib.closing(loop_factory()) as loop:
                try:
                    loop.add_signal_handler(signal.SIGUSR1, print)
                except (ValueError, RuntimeError) as error:
                    raised.append(error)

        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join()
        assert len(raised) == 1

    def test_closing_the_loop_removes_its_handlers(self, loop_factory: LoopFactory) -> None:
        loop = loop_factory()
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.close()
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL

    def test_a_signal_between_two_runs_is_handled_in_the_next(self, loop: Loop) -> None:
        came: list[int] = []
        loop.add_signal_handler(signal.SIGUSR1, came.append, 1)
        loop.run_until_complete(asyncio.sleep(0))
        os.kill(os.getpid(), signal.SIGUSR1)

        async def wait() -> None:
            await until(lambda: came)

        loop.run_until_complete(wait())
        loop.remove_signal_handler(signal.SIGUSR1)

    def test_a_handler_may_stop_the_loop(self, loop: Loop) -> None:
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        sender = kill_soon(signal.SIGTERM)
        loop.run_forever()
        sender.join()
        loop.remove_signal_handler(signal.SIGTERM)

    async def test_a_handler_may_remove_itself(self, loop: Loop) -> None:
        came: list[bool] = []
        loop.add_signal_handler(signal.SIGUSR1, lambda: came.append(loop.remove_signal_handler(signal.SIGUSR1)))
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: came)
        assert came == [True]

    async def test_real_time_signals_are_signals_too(self, loop: Loop) -> None:
        came: list[int] = []
        number = signal.SIGRTMIN + 5
        loop.add_signal_handler(number, came.append, 1)
        os.kill(os.getpid(), number)
        await until(lambda: came)
        loop.remove_signal_handler(number)

    async def test_a_burst_of_signals_loses_none_of_the_kinds(self, loop: Loop) -> None:
        came: set[int] = set()
        numbers = [signal.SIGRTMIN + offset for offset in range(1, 11)]
        for number in numbers:
            loop.add_signal_handler(number, came.add, number)
        for _ in range(10):
            for number in numbers:
                os.kill(os.getpid(), number)
        await until(lambda: len(came) == len(numbers))
        for number in numbers:
            loop.remove_signal_handler(number)

    async def test_a_handler_does_not_interrupt_system_calls_of_others(self, loop: Loop) -> None:
        """asyncio asks for SA_RESTART: a read in another thread is not cut short."""
        left, right = socket.socketpair()
        loop.add_signal_handler(signal.SIGUSR1, lambda: right.send(b"x"))
        with left, right:
            reading = loop.run_in_executor(None, left.recv, 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert await reading == b"x"
        loop.remove_signal_handler(signal.SIGUSR1)


class TestPythonsOwnHandlers:
    def test_one_runs_promptly_while_the_loop_waits(self, loop: Loop) -> None:
        with handling(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(loop.stop)):
            sender = kill_soon(signal.SIGUSR1)
            start = loop.time()
            loop.run_forever()
            sender.join()
            assert loop.time() - start < LONG

    def test_one_that_raises_leaves_the_run(self, loop: Loop) -> None:
        class FromHandler(Exception):
            pass

        def fail(*_: object) -> None:
            raise FromHandler

        with handling(signal.SIGUSR1, fail):
            sender = kill_soon(signal.SIGUSR1)
            loop.call_later(LONG, loop.stop)
            with pytest.raises(FromHandler):
                loop.run_forever()
            sender.join()
        assert not loop.is_running()
        assert loop.run_until_complete(asyncio.sleep(0, "goes on")) == "goes on"

    def test_one_that_returns_does_not_end_the_wait(self, loop: Loop) -> None:
        came: list[int] = []
        with handling(signal.SIGUSR1, lambda number, _: came.append(number)):
            sender = kill_soon(signal.SIGUSR1, 0.01)
            start = loop.time()
            loop.run_until_complete(asyncio.sleep(0.05))
            sender.join()
        assert came == [signal.SIGUSR1]
        assert loop.time() - start >= 0.05

    def test_an_interval_timer_ticks_while_the_loop_waits(self, loop: Loop) -> None:
        ticks: list[int] = []

        def tick(*_: object) -> None:
            ticks.append(1)
            if len(ticks) == 5:
                loop.call_soon_threadsafe(loop.stop)

        with handling(signal.SIGALRM, tick):
            signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
            loop.run_forever()
            signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(ticks) >= 5


class TestWakeupDescriptor:
    def test_the_users_own_is_back_after_the_run(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        with left, right:
            right.setblocking(False)
            signal.set_wakeup_fd(right.fileno())
            loop.run_until_complete(asyncio.sleep(0))
            assert signal.set_wakeup_fd(-1) == right.fileno()

    def test_none_is_left_after_a_run(self, loop: Loop) -> None:
        loop.run_until_complete(asyncio.sleep(0))
        assert signal.set_wakeup_fd(-1) == -1

    def test_none_is_left_after_a_run_that_raised(self, loop: Loop) -> None:
        def fail() -> None:
            raise KeyboardInterrupt

        loop.call_soon(fail)
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert signal.set_wakeup_fd(-1) == -1

    def test_a_loop_in_another_thread_does_not_touch_it(self, loop_factory: LoopFactory) -> None:
        left, right = socket.socketpair()
        with left, right:
            right.setblocking(False)
            signal.set_wakeup_fd(right.fileno())

            def in_thread() -> None:
                with contextlib.closing(loop_factory()) as loop:
                    loop.run_until_complete(asyncio.sleep(0))

            thread = threading.Thread(target=in_thread)
            thread.start()
            thread.join()
            assert signal.set_wakeup_fd(-1) == right.fileno()


class Process:
    """A script in a child process that says `ready` when it is worth a signal."""

    def __init__(self, loop_name: str, source: str) -> None:
        self.process = subprocess.Popen(
            script_command(loop_name, source),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=child_environment(loop_name),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line != "ready\n":
            self.process.kill()
            raise AssertionError(f"said {line!r} and {self.process.communicate()}")

    def signal(self, number: int) -> tuple[int, str, str]:
        """Send the signal; return exit status, output and errors."""
        self.process.send_signal(number)
        try:
            out, err = self.process.communicate(timeout=LONG)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"signal {number} did not end the process") from None
        return self.process.returncode, out, err


class TestInterrupt:
    """Ctrl-C in a process of its own, as a user meets it."""

    def test_it_ends_a_loop_that_waits_for_nothing(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            loop.call_soon(lambda: print("ready", flush=True))
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                print("interrupted", loop.is_running())
            loop.close()
        """
        assert Process(loop_name, source).signal(signal.SIGINT) == (0, "interrupted False\n", "")

    def test_uncaught_it_ends_the_process_as_any_python_program(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            loop.call_soon(lambda: print("ready", flush=True))
            loop.run_forever()
        """
        status, out, err = Process(loop_name, source).signal(signal.SIGINT)
        assert status == -signal.SIGINT
        assert out == ""
        assert err.rstrip().endswith("KeyboardInterrupt")

    def test_it_interrupts_python_code_in_a_callback(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            def busy():
                print("ready", flush=True)
                while True:
                    pass
            loop.call_soon(busy)
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                print("interrupted")
            loop.close()
        """
        assert Process(loop_name, source).signal(signal.SIGINT)[:2] == (0, "interrupted\n")

    def test_it_interrupts_a_blocking_call_in_a_callback(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            def block():
                # by then the callback sleeps: a signal between two bytecodes would be seen only after the sleep
                threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
                time.sleep(60)
            loop.call_soon(block)
            start = time.monotonic()
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                print("interrupted", time.monotonic() - start < 30)
            loop.close()
        """
        assert run_script(loop_name, source).stdout == "interrupted True\n"

    def test_it_interrupts_a_loop_that_is_never_idle(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            def again():
                loop.call_soon(again)
            again()
            loop.call_soon(lambda: print("ready", flush=True))
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                print("interrupted")
            loop.close()
        """
        assert Process(loop_name, source).signal(signal.SIGINT)[:2] == (0, "interrupted\n")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner came in 3.11")
    def test_a_runner_cancels_its_main_task(self, loop_name: str) -> None:
        source = """
            async def main():
                print("ready", flush=True)
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("cancelled")
                    raise
            try:
                with asyncio.Runner(loop_factory=new_event_loop) as runner:
                    runner.run(main())
            except KeyboardInterrupt:
                print("interrupted")
        """
        assert Process(loop_name, source).signal(signal.SIGINT)[:2] == (0, "cancelled\ninterrupted\n")

    def test_a_termination_signal_without_handler_ends_the_process(self, loop_name: str) -> None:
        source = """
            loop = new_event_loop()
            loop.call_soon(lambda: print("ready", flush=True))
            loop.run_forever()
        """
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            assert Process(loop_name, source).signal(number) == (-number, "", "")

    def test_an_ignored_signal_stays_ignored(self, loop_name: str) -> None:
        source = """
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            loop = new_event_loop()
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGHUP)
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()
            print("still here", signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
        """
        assert run_script(loop_name, source).stdout == "still here True\n"

    def test_sigpipe_stays_ignored(self, loop_name: str) -> None:
        """Python ignores SIGPIPE; a peer that is gone is an error of the transport, not the end of the process."""
        source = """
            async def main():
                loop = asyncio.get_running_loop()
                left, right = socket.socketpair()
                transport, protocol = await loop.create_connection(asyncio.Protocol, sock=left)
                right.close()
                for _ in range(5):
                    transport.write(b"x")
                    await asyncio.sleep(0)
                transport.abort()
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
            print("still here", signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)
        """
        assert run_script(loop_name, source).stdout == "still here True\n"
