"""Child processes as the loop itself watches them: exits, who else waits, spawning from large and threaded programs."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from support import Loop, LoopFactory, iterations, pattern, run_script, until

MIB = 1 << 20
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

before_314 = pytest.mark.skipif(sys.version_info >= (3, 14), reason="child watchers left Python in 3.14")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change users")


async def python(source: str, **keywords: Any) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", source, **keywords)


async def output(program: str, *args: str, **keywords: Any) -> str:
    """What a program that succeeds writes."""
    process = await asyncio.create_subprocess_exec(program, *args, stdout=subprocess.PIPE, **keywords)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode().strip()


def is_alive(pid: int) -> bool:
    """Whether a child of ours runs; one that has exited and was not waited for is not alive."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def end(pid: int) -> None:
    """End a child of ours with SIGTERM, behind the loop's back, and leave its exit status to the loop."""
    os.kill(pid, signal.SIGTERM)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


class TestExits:
    @pytest.mark.parametrize("status", [0, 1, 7, 255])
    async def test_an_exit_status_is_the_return_code(self, loop: Loop, status: int) -> None:
        process = await asyncio.create_subprocess_exec("sh", "-c", f"exit {status}")
        assert await process.wait() == status

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGRTMIN + 3])
    async def test_a_signal_is_the_negative_return_code(self, loop: Loop, number: int) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "100")
        process.send_signal(number)
        assert await process.wait() == -number

    async def test_a_child_that_stops_has_not_exited(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "100")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        await asyncio.sleep(0.02)
        assert process.returncode is None
        process.send_signal(signal.SIGCONT)
        process.kill()
        assert await process.wait() == -signal.SIGKILL

    @pytest.mark.jloop_only
    async def test_no_thread_and_no_signal_handler_watch(self, loop: Loop) -> None:
        threads = threading.active_count()
        children = [await asyncio.create_subprocess_exec("sleep", "100") for _ in range(20)]
        assert threading.active_count() == threads
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        for child in children:
            child.terminate()
        assert [await child.wait() for child in children] == [-signal.SIGTERM] * 20

    async def test_children_end_in_any_order(self, loop: Loop) -> None:
        children = [await asyncio.create_subprocess_exec("sleep", "100") for _ in range(10)]
        waiters = [asyncio.create_task(child.wait()) for child in children]
        for at in (7, 3, 9, 0, 5):
            children[at].kill()
            assert await waiters[at] == -signal.SIGKILL
        assert [waiter.done() for waiter in waiters] == [at in (7, 3, 9, 0, 5) for at in range(10)]
        for child in children:
            if child.returncode is None:
                child.kill()
        await asyncio.gather(*waiters)

    async def test_two_hundred_children_with_a_mebibyte_each_lose_nothing(self, loop: Loop) -> None:
        data = pattern(MIB)

        async def through_cat(number: int) -> bool:
            process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            sent = number.to_bytes(4, "big") + data
            out, _ = await process.communicate(sent)
            return process.returncode == 0 and out == sent

        assert all(await asyncio.gather(*map(through_cat, range(200))))

    def test_any_number_of_threads_spawn_at_once(self, loop_factory: LoopFactory) -> None:
        """uvloop#508: "Racing with another loop to spawn a process"."""
        codes: list[int] = []

        async def spawn(thread: int) -> None:
            children = [await asyncio.create_subprocess_exec("sh", "-c", f"exit {thread}") for _ in range(15)]
            codes.extend([await child.wait() for child in children])

        def in_thread(thread: int) -> None:
            loop = loop_factory()
            try:
                loop.run_until_complete(spawn(thread))
            finally:
                loop.close()

        threads = [threading.Thread(target=in_thread, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == sorted([*range(6)] * 15)


class TestSomebodyElseWaits:
    @pytest.mark.jloop_only
    async def test_a_status_that_is_gone_is_255_with_a_warning(
        self, loop: Loop, caplog: pytest.LogCaptureFixture
    ) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "100")
        os.kill(process.pid, signal.SIGTERM)
        os.waitpid(process.pid, 0)
        assert await process.wait() == 255
        assert re.search(rf"child process pid {process.pid}\b.* will report returncode 255", caplog.text)

    @pytest.mark.jloop_only
    async def test_a_poll_of_the_programs_loses_nothing(self, loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
        """asyncio reports 255 then; its own close() and, before 3.13, send_signal() poll too."""
        transport, _ = await loop.subprocess_exec(
            asyncio.SubprocessProtocol, "sleep", "100", stdin=None, stdout=None, stderr=None
        )
        end(transport.get_pid())
        assert transport.get_extra_info("subprocess").poll() == -signal.SIGTERM
        await until(lambda: transport.get_returncode() is not None)
        assert transport.get_returncode() == -signal.SIGTERM
        assert not caplog.records
        transport.close()

    @pytest.mark.jloop_only
    def test_children_that_the_kernel_reaps_end_too(self, loop_name: str) -> None:
        source = """
            async def main():
                process = await asyncio.create_subprocess_exec("true")
                print(await process.wait())
                process = await asyncio.create_subprocess_exec("sleep", "0.05")
                print(await process.wait())
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
        """
        done = run_script(loop_name, source)
        assert done.stdout == "255\n255\n", done.stderr
        assert done.stderr.count("will report returncode 255") == 2

    def test_children_of_subprocess_are_left_alone(self, loop: Loop) -> None:
        other = subprocess.Popen(["sh", "-c", "exit 9"])
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)

        async def main() -> int | None:
            process = await asyncio.create_subprocess_exec("true")
            return await process.wait()

        assert loop.run_until_complete(main()) == 0
        assert other.wait() == 9


@pytest.mark.jloop_only
class TestWithoutPidfd:
    """Where the kernel, a sandbox or the build of Python has no pidfds, a thread waits."""

    @pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EMFILE])
    async def test_a_refused_pidfd(self, loop: Loop, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        def refuse(pid: int) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "pidfd_open", refuse)
        await self.check()

    async def test_a_python_that_knows_none(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(os, "pidfd_open")
        await self.check()

    async def test_a_poller_that_takes_no_more(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(fd: int, callback: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        process_class = type(loop)
        add_reader = process_class._add_reader  # type: ignore[attr-defined]
        monkeypatch.setattr(process_class, "_add_reader", lambda self, fd, callback: full(fd, callback))
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 5")
        monkeypatch.setattr(process_class, "_add_reader", add_reader)
        assert await process.wait() == 5

    async def check(self) -> None:
        process = await asyncio.create_subprocess_exec("sh", "-c", "cat; exit 5", **PIPES)
        assert await process.communicate(b"data") == (b"data", b"")
        assert process.returncode == 5


@before_314
class TestWatchersOfTheProgram:
    @pytest.fixture(autouse=True)
    def watcher_restored(self) -> Iterator[None]:
        policy: Any = asyncio.get_event_loop_policy()
        before = policy._watcher
        yield
        policy._watcher = before

    def make_watcher(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)

            class Watcher(asyncio.ThreadedChildWatcher):  # type: ignore[name-defined,misc,unused-ignore]
                active = True

                def __init__(self) -> None:
                    super().__init__()
                    self.seen: list[int] = []

                def is_active(self) -> bool:
                    return self.active

                def add_child_handler(self, pid: int, callback: Any, *args: Any) -> None:
                    self.seen.append(pid)
                    super().add_child_handler(pid, callback, *args)

        return Watcher()

    def set_watcher(self, watcher: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            asyncio.get_event_loop_policy().set_child_watcher(watcher)  # type: ignore[attr-defined,unused-ignore]

    async def test_one_that_was_set_sees_the_children(self, loop: Loop) -> None:
        watcher = self.make_watcher()
        self.set_watcher(watcher)
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 4")
        assert await process.wait() == 4
        assert watcher.seen == [process.pid]

    async def test_one_that_is_not_active_prevents_children(self, loop: Loop) -> None:
        watcher = self.make_watcher()
        watcher.active = False
        self.set_watcher(watcher)
        with pytest.raises(RuntimeError, match="not activated"):
            await asyncio.create_subprocess_exec("true")

    @pytest.mark.jloop_only
    async def test_asyncios_default_does_not_start_its_threads(self, loop: Loop) -> None:
        self.set_watcher(asyncio.ThreadedChildWatcher())  # type: ignore[attr-defined,unused-ignore]
        threads = threading.active_count()
        process = await asyncio.create_subprocess_exec("sleep", "100")
        assert threading.active_count() == threads
        process.kill()
        await process.wait()


class TestSignals:
    async def test_signals_after_the_end_find_no_process(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        for send in (process.kill, process.terminate, lambda: process.send_signal(signal.SIGHUP)):
            with pytest.raises(ProcessLookupError):
                send()

    @pytest.mark.jloop_only
    async def test_signals_race_with_exits_and_lose_no_status(
        self, loop: Loop, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Before 3.13 Popen.send_signal polls, which takes the status of a child that has just exited."""
        for _ in range(30):
            process = await asyncio.create_subprocess_exec("sleep", "100")
            end(process.pid)
            process.kill()
            assert await process.wait() == -signal.SIGTERM
        assert not caplog.records

    @pytest.mark.jloop_only
    async def test_no_signal_goes_to_a_number_that_is_free_again(
        self, loop: Loop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A grandchild keeps the pipe open, so the transport lives on after the child's number is given back."""
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "sleep 100 & echo $!", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdout is not None
        grandchild = int(await process.stdout.readline())
        transport = process._transport  # type: ignore[attr-defined]
        await until(lambda: transport.get_returncode() is not None)
        with monkeypatch.context() as patch:
            patch.setattr(os, "kill", lambda pid, number: pytest.fail(f"kill({pid}, {number})"))
            process.kill()
            process.terminate()
        os.kill(grandchild, signal.SIGKILL)
        assert await process.stdout.read() == b""
        await until(transport.is_closing)
        assert process.returncode == 0

    async def test_closing_the_transport_kills_and_the_exit_is_told(self, loop: Loop) -> None:
        class Protocol(asyncio.SubprocessProtocol):
            exited = lost = False

            def process_exited(self) -> None:
                self.exited = True

            def connection_lost(self, exc: Exception | None) -> None:
                self.lost = True

        transport, protocol = await loop.subprocess_exec(Protocol, "sleep", "100")
        transport.close()
        await until(lambda: protocol.lost)
        assert protocol.exited
        assert transport.get_returncode() == -signal.SIGKILL


class TestCancellation:
    @pytest.mark.parametrize("turns", range(9))
    async def test_cancelled_while_it_is_spawned_no_child_is_left(self, loop: Loop, turns: int) -> None:
        spawning = asyncio.create_task(asyncio.create_subprocess_exec("sleep", "100", **PIPES))
        await iterations(turns)
        if spawning.done():  # so soon that there is nothing to cancel
            process = spawning.result()
            process.kill()
            await process.communicate()
            return
        spawning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(spawning, 10)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    @pytest.mark.jloop_only
    @pytest.mark.parametrize("turns", range(1, 7))
    def test_with_every_task_cancelled_it_ends(self, loop: Loop, caplog: pytest.LogCaptureFixture, turns: int) -> None:
        """asyncio.run cancels the loop's own task that connects the pipes, too: 3.12 and 3.13 waited for ever."""

        async def main() -> None:
            spawning = asyncio.create_task(asyncio.create_subprocess_exec("sleep", "100", **PIPES))
            await iterations(turns)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            (result,) = await asyncio.wait_for(asyncio.gather(spawning, return_exceptions=True), 10)
            if isinstance(result, asyncio.subprocess.Process):
                result.kill()
                await result.communicate()

        loop.run_until_complete(main())
        gc.collect()
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    async def test_a_program_that_is_not_there_leaves_nothing(self, loop: Loop) -> None:
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                await asyncio.create_subprocess_exec("/no/such/program", **PIPES)


class TestTheLoopsEnd:
    @pytest.mark.jloop_only
    def test_children_outlive_a_loop_that_is_closed(self, loop_factory: LoopFactory) -> None:
        """The fixture sees that their pidfds are closed; asyncio leaves those open."""
        loop = loop_factory()
        transports = [
            loop.run_until_complete(
                loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "100", stdin=None, stdout=None, stderr=None)
            )[0]
            for _ in range(3)
        ]
        loop.close()
        for transport in transports:
            pid = transport.get_pid()
            assert pid is not None
            assert is_alive(pid)
            transport.close()
            assert transport.get_extra_info("subprocess").wait() == -signal.SIGKILL

    def test_an_exit_between_two_runs_is_told_in_the_next(self, loop: Loop) -> None:
        process = loop.run_until_complete(asyncio.create_subprocess_exec("sleep", "100"))
        os.kill(process.pid, signal.SIGTERM)
        time.sleep(0.02)
        assert loop.run_until_complete(process.wait()) == -signal.SIGTERM

    @pytest.mark.jloop_only
    def test_a_forked_process_does_not_kill_its_parents_children(self, loop_name: str) -> None:
        source = """
            import gc, warnings
            warnings.simplefilter("ignore")
            loop = new_event_loop()
            transport, _ = loop.run_until_complete(loop.subprocess_exec(asyncio.SubprocessProtocol, "sleep", "100"))
            if os.fork() == 0:
                transport.close()
                del transport, _
                gc.collect()
                loop.close()
                sys.exit()
            os.wait()
            print(os.waitid(os.P_PID, transport.get_pid(), os.WEXITED | os.WNOHANG | os.WNOWAIT))
            transport.kill()
            async def main():
                while transport.get_returncode() is None:
                    await asyncio.sleep(0.001)
                print(transport.get_returncode())
                transport.close()
                await asyncio.sleep(0.01)
            loop.run_until_complete(main())
            loop.close()
        """
        done = run_script(loop_name, source)
        assert (done.stdout, done.stderr) == ("None\n-9\n", "")


class TestSpawning:
    def test_at_fork_hooks_run_with_preexec_fn_only(self, loop_name: str) -> None:
        """uvloop#749: it ran them for every child, and a `before` hook of one program stopped its threads."""
        source = """
            for name in ("before", "after_in_parent", "after_in_child"):
                os.register_at_fork(**{name: lambda name=name: os.write(1, name.encode() + b" ")})
            async def main():
                for keywords in ({}, dict(start_new_session=True), dict(preexec_fn=lambda: os.write(1, b"preexec "))):
                    process = await asyncio.create_subprocess_exec("true", **keywords)
                    await process.wait()
                    os.write(1, b". ")
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
        """
        done = run_script(loop_name, source)
        words = done.stdout.split()
        assert words[:2] == [".", "."], done.stderr
        assert words[2] == "before"
        # parent and child go on side by side
        assert sorted(words[3:-1]) == ["after_in_child", "after_in_parent", "preexec"]

    def test_the_memory_of_a_large_process_is_not_copied(self, loop_name: str) -> None:
        """After a fork each page of the parent faults once more when it is written; after a vfork none does."""
        source = """
            import mmap, resource
            PAGES = 16384
            ballast = mmap.mmap(-1, PAGES * mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            ballast.madvise(mmap.MADV_NOHUGEPAGE)
            def touch():
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                for offset in range(0, len(ballast), mmap.PAGESIZE):
                    ballast[offset] = 1
                return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
            async def main():
                touch()
                for keywords in ({}, dict(cwd="/", env={"A": "b"}, start_new_session=True), dict(preexec_fn=int)):
                    process = await asyncio.create_subprocess_exec("/bin/true", **keywords)
                    faults = touch()
                    await process.wait()
                    print("copied" if faults > PAGES / 2 else "shared" if faults < PAGES / 8 else faults)
            loop = new_event_loop()
            loop.run_until_complete(main())
            loop.close()
        """
        done = run_script(loop_name, source)
        assert done.stdout == "shared\nshared\ncopied\n", done.stderr

    async def test_preexec_fn_runs_in_the_child(self, loop: Loop) -> None:
        """uvloop#118: the loop blocked."""
        parent = os.getpid()

        def prepare() -> None:
            assert os.getpid() != parent
            os.setpgid(0, 0)
            os.write(1, f"{os.getpid()} ".encode())

        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "ps -o pgid= $$ || cut -d' ' -f5 /proc/$$/stat", stdout=subprocess.PIPE, preexec_fn=prepare
        )
        out, _ = await process.communicate()
        assert out.split() == [str(process.pid).encode()] * 2

    async def test_what_preexec_fn_raises_is_told(self, loop: Loop) -> None:
        def fail() -> None:
            raise LookupError

        with pytest.raises(subprocess.SubprocessError, match="Exception occurred in preexec_fn"):
            await asyncio.create_subprocess_exec("true", preexec_fn=fail)
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    @pytest.mark.jloop_only
    async def test_preexec_fn_may_touch_what_the_parent_made(self, loop: Loop) -> None:
        """The JVM's threads are not in the child: whatever reached into it could hang there."""
        handles = [loop.call_later(100, print) for _ in range(10)]

        def prepare() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                handles.clear()
                gc.collect()
                for refused in (lambda: loop.call_soon(print), lambda: loop.call_later(1, print)):
                    try:
                        refused()
                    except RuntimeError:
                        os.write(1, b"refused ")
                loop.call_soon_threadsafe  # noqa: B018
                [object() for _ in range(10000)]

        process = await asyncio.create_subprocess_exec("echo", "here", stdout=subprocess.PIPE, preexec_fn=prepare)
        out, _ = await asyncio.wait_for(process.communicate(), 10)
        assert out == b"refused refused here\n"
        for handle in handles:
            handle.cancel()

    def test_preexec_fn_in_a_loop_of_another_thread(self, loop_factory: LoopFactory) -> None:
        """uvloop#118, as Home Assistant met it."""
        results: list[int | None] = []

        async def main() -> None:
            for _ in range(5):
                process = await asyncio.create_subprocess_exec("true", preexec_fn=os.setsid)
                results.append(await process.wait())

        def in_thread() -> None:
            loop = loop_factory()
            try:
                loop.run_until_complete(main())
            finally:
                loop.close()

        thread = threading.Thread(target=in_thread)
        thread.start()
        thread.join(30)
        assert results == [0] * 5

    async def test_a_child_opens_its_streams_by_name(self, loop: Loop) -> None:
        """uvloop#532, #505: sockets stood for the pipes, and a socket cannot be opened."""
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "cat /dev/stdin > /dev/stdout; echo error > /proc/self/fd/2", **PIPES
        )
        assert await process.communicate(b"through") == (b"through", b"error\n")

    async def test_it_inherits_what_it_should_and_nothing_more(self, loop: Loop) -> None:
        """uvloop#40, #136: descriptors of the loop's stay here; those passed and the standard ones are there."""
        read, write = os.pipe()
        inheritable, other = os.pipe()
        os.set_inheritable(inheritable, True)
        try:
            listing = await output(
                sys.executable, "-c", "import os; print(*os.listdir('/proc/self/fd'))", pass_fds=[write]
            )
        finally:
            for fd in (read, write, inheritable, other):
                os.close(fd)
        # and the one by which the child lists
        assert len(listing.split()) == 5
        assert {"0", "1", "2", str(write)} <= set(listing.split())

    @pytest.mark.jloop_only
    async def test_nothing_of_the_loops_is_inherited_though_nothing_is_closed(self, loop: Loop) -> None:
        pipe = os.pipe()
        before = set(os.listdir("/proc/self/fd"))
        listing = await output(sys.executable, "-c", "import os; print(*os.listdir('/proc/self/fd'))", close_fds=False)
        for fd in pipe:
            os.close(fd)
        inheritable = {fd for fd in before if os.path.exists(f"/proc/self/fd/{fd}") and os.get_inheritable(int(fd))}
        assert len(set(listing.split()) - inheritable - {"0", "1", "2"}) <= 1


class TestKeywords:
    """Every keyword of subprocess.Popen that asyncio takes."""

    async def test_cwd(self, loop: Loop, tmp_path: pathlib.Path) -> None:
        assert await output("pwd", "-P", cwd=tmp_path) == str(tmp_path.resolve())

    async def test_a_cwd_that_is_not_there(self, loop: Loop) -> None:
        with pytest.raises(FileNotFoundError, match="/no/such"):
            await asyncio.create_subprocess_exec("true", cwd="/no/such")

    async def test_env(self, loop: Loop) -> None:
        assert await output("/usr/bin/env", env={"ONLY": "this"}) == "ONLY=this"

    async def test_executable(self, loop: Loop) -> None:
        assert await output("called so", "-c", "echo $0 is", executable="/bin/sh") == "called so is"

    async def test_start_new_session(self, loop: Loop) -> None:
        sid, pid = (
            await output(sys.executable, "-c", "import os; print(os.getsid(0), os.getpid())", start_new_session=True)
        ).split()
        assert sid == pid

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="process_group came in 3.11")
    async def test_process_group(self, loop: Loop) -> None:
        pgid, pid = (
            await output(sys.executable, "-c", "import os; print(os.getpgid(0), os.getpid())", process_group=0)
        ).split()
        assert pgid == pid

    async def test_umask(self, loop: Loop) -> None:
        assert int(await output("sh", "-c", "umask", umask=0o027), 8) == 0o027

    async def test_pass_fds(self, loop: Loop) -> None:
        read, write = os.pipe()
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", f"echo passed > /proc/self/fd/{write}", pass_fds=[write]
        )
        os.close(write)
        assert await process.wait() == 0
        with open(read) as file:
            assert file.read() == "passed\n"

    async def test_pipesize(self, loop: Loop) -> None:
        source = "import fcntl, sys; print(fcntl.fcntl(1, 1032), file=sys.stderr)"  # F_GETPIPE_SZ
        process = await python(source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=16384)
        _, err = await process.communicate()
        assert err == b"16384\n"

    @pytest.mark.parametrize(("restore", "ignored"), [(True, False), (False, True)])
    async def test_restore_signals(self, loop: Loop, restore: bool, ignored: bool) -> None:
        mask = await output("sed", "-n", "s/^SigIgn:\t//p", "/proc/self/status", restore_signals=restore)
        assert bool(int(mask, 16) & 1 << signal.SIGPIPE - 1) == ignored

    @root_only
    async def test_user_and_groups(self, loop: Loop) -> None:
        keywords: Any = {"user": 65534, "group": 65533, "extra_groups": [65532]}
        assert await output("sh", "-c", "id -u; id -g; id -G", **keywords) == "65534\n65533\n65533 65532"

    async def test_streams_of_the_programs_own(self, loop: Loop, tmp_path: pathlib.Path) -> None:
        (tmp_path / "in").write_bytes(b"given")
        with open(tmp_path / "in", "rb") as given, open(tmp_path / "out", "wb") as taken:
            process = await asyncio.create_subprocess_exec("cat", stdin=given, stdout=taken, stderr=subprocess.DEVNULL)
            assert await process.wait() == 0
        assert (tmp_path / "out").read_bytes() == b"given"

    async def test_one_stream_for_output_and_errors(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_shell(
            "echo out; echo err >&2", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, err = await process.communicate()
        assert (out, err) == (b"out\nerr\n", None)


@pytest.mark.jloop_only
async def test_debug_mode_tells_the_story(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "asyncio")
    loop.set_debug(True)
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    assert f"process 'true' created: pid {process.pid}" in caplog.text
    assert "exited with return code 0" in caplog.text
