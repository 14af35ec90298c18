"""The wake-up descriptor of signals, who else has one, and signals at awkward moments."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support import (
    Loop,
    LoopFactory,
    Recorder,
    child_environment,
    iterations,
    pattern,
    run_script,
    script_command,
    until,
)

PROMPT = 5.0  # seconds; what is not prompt takes for ever


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    """No test leaves a disposition or a wake-up descriptor behind."""
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)
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


@contextlib.contextmanager
def wakeup_socket() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A program's own wake-up descriptor: the one that is told, and the one to read from."""
    told, reads = socket.socketpair()
    with told, reads:
        told.setblocking(False)
        reads.settimeout(PROMPT)
        assert signal.set_wakeup_fd(told.fileno()) == -1
        yield told, reads
        signal.set_wakeup_fd(-1)


class TestWakeupDescriptorOfTheProgram:
    def test_it_is_told_of_signals_while_the_loop_runs(self, loop: Loop) -> None:
        with wakeup_socket() as (told, reads), handling(signal.SIGUSR1, lambda *_: None):

            async def main() -> bytes:
                os.kill(os.getpid(), signal.SIGUSR1)
                return await loop.run_in_executor(None, reads.recv, 10)

            assert loop.run_until_complete(main()) == bytes([signal.SIGUSR1])
            assert signal.set_wakeup_fd(-1) == told.fileno()

    def test_it_is_told_of_a_signal_at_the_end_of_the_run(self, loop: Loop) -> None:
        """The loop does not look at its self-pipe once more before it leaves."""
        with wakeup_socket() as (_, reads), handling(signal.SIGUSR1, lambda *_: None):
            loop.call_soon(loop.stop)
            loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
            loop.run_forever()
            assert reads.recv(10) == bytes([signal.SIGUSR1])

    def test_it_is_told_of_signals_after_the_run(self, loop: Loop) -> None:
        with wakeup_socket() as (_, reads), handling(signal.SIGUSR1, lambda *_: None):
            loop.run_until_complete(asyncio.sleep(0))
            os.kill(os.getpid(), signal.SIGUSR1)
            assert reads.recv(10) == bytes([signal.SIGUSR1])

    def test_one_that_was_set_during_the_run_stays(self, loop: Loop) -> None:
        told, reads = socket.socketpair()
        with told, reads:
            told.setblocking(False)

            async def main() -> None:
                signal.set_wakeup_fd(told.fileno())

            loop.run_until_complete(main())
            assert signal.set_wakeup_fd(-1) == told.fileno()

    @pytest.mark.jloop_only
    def test_it_is_back_after_handlers_came_and_went(self, loop: Loop) -> None:
        """asyncio takes it with the first handler and forgets whose it was."""
        with wakeup_socket() as (told, _):

            async def main() -> None:
                came = loop.create_future()
                loop.add_signal_handler(signal.SIGUSR1, came.set_result, None)
                os.kill(os.getpid(), signal.SIGUSR1)
                await came
                loop.remove_signal_handler(signal.SIGUSR1)

            loop.run_until_complete(main())
            assert signal.set_wakeup_fd(-1) == told.fileno()

    @pytest.mark.jloop_only
    def test_one_that_is_closed_or_full_harms_nobody(self, loop: Loop) -> None:
        came: list[int] = []
        with wakeup_socket() as (told, _), handling(signal.SIGUSR1, lambda number, _: came.append(number)):

            async def main() -> None:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        told.send(bytes(10000))
                os.kill(os.getpid(), signal.SIGUSR1)
                await until(lambda: len(came) == 1)
                await iterations(3)
                told.close()
                os.kill(os.getpid(), signal.SIGUSR1)
                await until(lambda: len(came) == 2)
                await iterations(3)

            loop.run_until_complete(main())
            with contextlib.suppress(ValueError, OSError):
                signal.set_wakeup_fd(-1)


class TestHandlersAndRuns:
    def test_one_added_in_a_run_hears_a_signal_between_two(self, loop: Loop) -> None:
        came: list[int] = []

        async def add() -> None:
            loop.add_signal_handler(signal.SIGUSR1, came.append, 1)

        loop.run_until_complete(add())
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run_until_complete(until(lambda: came))
        loop.remove_signal_handler(signal.SIGUSR1)

    def test_signals_of_one_loop_wait_while_another_runs(self, loop: Loop, loop_factory: LoopFactory) -> None:
        came: list[int] = []
        loop.add_signal_handler(signal.SIGUSR1, came.append, 1)
        other = loop_factory()

        async def main() -> None:
            os.kill(os.getpid(), signal.SIGUSR1)
            await iterations(3)

        other.run_until_complete(main())
        other.close()
        assert not came
        loop.run_until_complete(until(lambda: came))
        assert came == [1]
        loop.remove_signal_handler(signal.SIGUSR1)

    @pytest.mark.jloop_only
    def test_the_wait_still_ends_for_signals_after_the_last_handler_went(self, loop: Loop) -> None:
        """Without a wake-up descriptor a signal just before the wait, or one that another thread takes, is not seen."""

        async def main() -> None:
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)
            await self.signal_to_another_thread()
            with pytest.raises(RuntimeError, match="cannot be caught"):
                loop.add_signal_handler(signal.SIGKILL, print)
            await self.signal_to_another_thread()

        loop.run_until_complete(main())

    async def signal_to_another_thread(self) -> None:
        came = asyncio.get_running_loop().create_future()
        thread = threading.Thread(target=time.sleep, args=[0.2])
        with handling(signal.SIGUSR2, lambda *_: came.set_result(None)):
            thread.start()
            assert thread.ident is not None
            signal.pthread_kill(thread.ident, signal.SIGUSR2)
            start = time.monotonic()
            await asyncio.wait_for(came, PROMPT)
            assert time.monotonic() - start < PROMPT / 2
            thread.join()

    async def test_sigchld_is_the_programs(self, loop: Loop) -> None:
        """uvloop refuses it."""
        came: list[int] = []
        loop.add_signal_handler(signal.SIGCHLD, came.append, 1)
        children = [await asyncio.create_subprocess_exec("sh", "-c", f"exit {code}") for code in range(5)]
        assert [await child.wait() for child in children] == [*range(5)]
        await until(lambda: came)
        loop.remove_signal_handler(signal.SIGCHLD)

    async def test_a_handlers_context_is_that_of_its_adding(self, loop: Loop) -> None:
        import contextvars

        variable = contextvars.ContextVar("variable", default="none")
        seen: list[str] = []
        variable.set("adding")
        loop.add_signal_handler(signal.SIGUSR1, lambda: seen.append(variable.get()))
        variable.set("later")
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: seen)
        assert seen == ["adding"]
        loop.remove_signal_handler(signal.SIGUSR1)


@contextlib.contextmanager
def storm(number: int) -> Iterator[None]:
    """Another thread sends the main thread this signal each millisecond."""
    main, over = threading.get_ident(), threading.Event()

    def send() -> None:
        while not over.wait(0.001):
            signal.pthread_kill(main, number)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class TestInterruptedCalls:
    async def test_a_storm_of_signals_loses_nothing(self, loop: Loop) -> None:
        """Each wait is interrupted; timers, pipes and children go on."""
        ticks: list[int] = []
        data = pattern(4 << 20)
        with handling(signal.SIGUSR1, lambda *_: ticks.append(1)), storm(signal.SIGUSR1):
            process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            out, _ = await process.communicate(data)
            start = loop.time()
            await asyncio.sleep(0.05)
            assert 0.05 <= loop.time() - start < PROMPT
            await until(lambda: len(ticks) > 20)
        assert out == data

    async def test_a_storm_of_handled_signals(self, loop: Loop) -> None:
        ticks: list[int] = []
        loop.add_signal_handler(signal.SIGUSR1, ticks.append, 1)
        read, write = os.pipe()
        _, protocol = await loop.connect_read_pipe(Recorder, open(read, "rb", 0))
        data = pattern(1 << 20)

        def send() -> None:
            view = memoryview(data)
            while view:
                view = view[os.write(write, view) :]
            os.close(write)

        with storm(signal.SIGUSR1):
            await loop.run_in_executor(None, send)
            await protocol.wait_for("lost")
            await until(lambda: len(ticks) > 20)
        assert protocol.data == data
        await iterations(3)
        loop.remove_signal_handler(signal.SIGUSR1)


class TestForkedChildren:
    @pytest.mark.jloop_only
    @pytest.mark.parametrize("way", ["os.fork", "multiprocessing"])
    def test_a_childs_signals_do_not_reach_its_parent(self, loop_name: str, way: str) -> None:
        """They share the self-pipe; asyncio tells them apart from 3.12 on."""
        source = f"""
            import warnings
            warnings.simplefilter("ignore")
            came = []
            def child():
                signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(10)
            async def main():
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, came.append, 1)
                if {way!r} == "os.fork":
                    pid = os.fork()
                    if pid == 0:
                        child()
                    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                else:
                    import multiprocessing
                    process = multiprocessing.get_context("fork").Process(target=child)
                    process.start()
                    process.join()
                    print(process.exitcode)
                await asyncio.sleep(0.02)
                loop.remove_signal_handler(signal.SIGTERM)
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
            print(came)
        """
        done = run_script(loop_name, source)
        assert (done.stdout, done.stderr) == ("7\n[]\n", "")


def interrupted(loop_name: str, source: str, times: int = 1) -> tuple[int, str, str]:
    """Run a script, send it Ctrl-C soon after it says `ready`, and return exit status, output and errors."""
    with subprocess.Popen(
        script_command(loop_name, source),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(loop_name),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(times):
            time.sleep(0.1)  # until it waits: that none is lost before a wait is another test's
            process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"Ctrl-C did not end it: {out}{err}")
    return process.returncode, out, err


class TestInterrupt:
    def test_a_server_cleans_up_and_ends(self, loop_name: str) -> None:
        """uvloop#295: Ctrl-C was ignored in an idle run_forever after run_until_complete."""
        source = """
            async def start():
                return await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
            async def stop(server):
                server.close()
                await server.wait_closed()
                print("cleaned up")
            loop = new_event_loop()
            server = loop.run_until_complete(start())
            loop.call_soon(lambda: print("ready", flush=True))
            try:
                loop.run_forever()
            except KeyboardInterrupt:
                loop.run_until_complete(stop(server))
            loop.close()
        """
        assert interrupted(loop_name, source) == (0, "cleaned up\n", "")

    def test_a_shutdown_in_a_handler_ends(self, loop_name: str) -> None:
        """uvloop#335: cancelling everything in a handler of SIGINT left the program hanging."""
        source = """
            async def worker():
                try:
                    await asyncio.sleep(1000)
                finally:
                    await asyncio.sleep(0)
                    print("worker ends")
            async def shutdown(loop):
                tasks = asyncio.all_tasks() - {asyncio.current_task()}
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await loop.run_in_executor(None, time.sleep, 0.01)
                loop.stop()
            loop = new_event_loop()
            loop.add_signal_handler(signal.SIGINT, lambda: loop.create_task(shutdown(loop)))
            loop.create_task(worker())
            loop.call_soon(lambda: print("ready", flush=True))
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            print("closed")
        """
        assert interrupted(loop_name, source) == (0, "worker ends\nclosed\n", "")

    def test_while_a_child_is_waited_for(self, loop_name: str) -> None:
        """As in a terminal, where the child gets Ctrl-C too; here it is killed on the way out."""
        source = """
            async def main():
                process = await asyncio.create_subprocess_exec("sleep", "1000")
                try:
                    print("ready", flush=True)
                    await process.wait()
                except asyncio.CancelledError:
                    process.kill()
                    print(await process.wait())
                    raise
            loop = new_event_loop()
            task = loop.create_task(main())
            try:
                loop.run_until_complete(task)
            except KeyboardInterrupt:
                task.cancel()
                try:
                    loop.run_until_complete(task)
                except asyncio.CancelledError:
                    print("cancelled")
            loop.close()
        """
        assert interrupted(loop_name, source) == (0, "-9\ncancelled\n", "")

    @pytest.mark.parametrize("rest", ["time.sleep(1000)", "queue.get()", "threading.Event().wait()"])
    def test_while_the_loop_runs_in_another_thread(self, loop_name: str, rest: str) -> None:
        """The main thread gets it, wherever it is; the other thread's loop goes on."""
        source = f"""
            import queue as queues
            queue = queues.Queue()
            loop = new_event_loop()
            def run():
                loop.run_forever()
                loop.close()
                print("closed")
            thread = threading.Thread(target=run)
            thread.start()
            loop.call_soon_threadsafe(lambda: print("ready", flush=True))
            try:
                {rest}
            except KeyboardInterrupt:
                print("interrupted", loop.is_running())
                loop.call_soon_threadsafe(loop.stop)
            thread.join()
        """
        assert interrupted(loop_name, source) == (0, "interrupted True\nclosed\n", "")

    @pytest.mark.jloop_only
    def test_a_signal_is_never_lost_before_a_wait(self, loop_name: str) -> None:
        """One that comes after the last look at signals and before the wait must end it; asyncio's may sleep on."""
        source = """
            loop = new_event_loop()
            came = []
            def stop(*_):
                came.append(1)
                loop.stop()
            signal.signal(signal.SIGUSR1, stop)
            signal.alarm(50)
            main = threading.get_ident()
            for attempt in range(300):
                loop.call_soon(lambda: sum(range(attempt * 10)))
                sender = threading.Timer(attempt % 20 * 0.00005, signal.pthread_kill, [main, signal.SIGUSR1])
                sender.start()
                loop.run_forever()
                sender.join()
            loop.close()
            print(len(came))
        """
        done = run_script(loop_name, source)
        assert (done.returncode, done.stdout, done.stderr) == (0, "300\n", "")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner came in 3.11")
    def test_asyncio_run_cancels_at_the_first_and_leaves_at_the_second(self, loop_name: str) -> None:
        source = """
            async def main():
                print("ready", flush=True)
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    print("cancelled", flush=True)
                    while True:
                        await asyncio.sleep(0.001)
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                try:
                    runner.run(main())
                except KeyboardInterrupt:
                    print("interrupted", flush=True)
                    os._exit(3)
        """
        assert interrupted(loop_name, source, times=2)[:2] == (3, "cancelled\ninterrupted\n")
