"""Child processes: exec and shell, protocols and asyncio.subprocess, every way to spawn and to end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest
from support import Loop, LoopFactory, iterations, open_descriptors, pattern, until

PYTHON = sys.executable


async def run(*args: Any, data: bytes | None = None, **options: Any) -> tuple[int | None, bytes, bytes]:
    """Exit status, output and errors of a child given `data`."""
    process = await asyncio.create_subprocess_exec(
        *args, stdin=PIPE if data is not None else DEVNULL, stdout=PIPE, stderr=PIPE, **options
    )
    out, err = await process.communicate(data)
    return process.returncode, out, err


async def run_python(source: str, data: bytes | None = None, **options: Any) -> tuple[int | None, bytes, bytes]:
    return await run(PYTHON, "-S", "-c", source, data=data, **options)


class Child(asyncio.SubprocessProtocol):
    """Keeps everything it is told."""

    transport: Any

    def __init__(self) -> None:
        self.events: list[str] = []
        self.output: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
        self.closed: dict[int, Exception | None] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.events.append("made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output[fd] += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.closed[fd] = exc

    def process_exited(self) -> None:
        self.events.append("exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")


class TestRunning:
    async def test_output_errors_and_status_come_back(self, loop: Loop) -> None:
        source = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
        assert await run_python(source) == (7, b"out\n", b"err\n")

    async def test_input_is_read(self, loop: Loop) -> None:
        data = pattern(1_000_000)
        assert await run("cat", data=data) == (0, data, b"")

    async def test_a_shell_runs_a_command_line(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_shell("echo one; echo two >&2; exit 3", stdout=PIPE, stderr=PIPE)
        assert await process.communicate() == (b"one\n", b"two\n")
        assert process.returncode == 3

    async def test_a_conversation_goes_line_by_line(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(100):
            process.stdin.write(b"line %d\n" % number)
            await process.stdin.drain()
            assert await process.stdout.readline() == b"line %d\n" % number
        process.stdin.close()
        assert await process.wait() == 0

    async def test_wait_may_be_called_by_many_and_again(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "0.01")
        assert process.pid > 0
        assert process.returncode is None
        assert await asyncio.gather(*(process.wait() for _ in range(5))) == [0] * 5
        assert await process.wait() == 0
        assert process.returncode == 0

    async def test_a_program_that_does_not_exist_is_an_error(self, loop: Loop) -> None:
        before = open_descriptors()
        with pytest.raises(FileNotFoundError):
            await run("/no/such/program")
        await iterations(3)
        gc.collect()
        assert open_descriptors() == before

    async def test_a_program_that_may_not_be_run_is_an_error(self, loop: Loop, tmp_path: Path) -> None:
        (tmp_path / "script").write_text("not executable")
        with pytest.raises(PermissionError):
            await run(str(tmp_path / "script"))

    async def test_arguments_may_be_paths_and_bytes(self, loop: Loop, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"content")
        assert await run("cat", tmp_path / "file") == (0, b"content", b"")
        assert await run(b"cat", os.fsencode(tmp_path / "file")) == (0, b"content", b"")

    @pytest.mark.parametrize(
        "bad", [{"universal_newlines": True}, {"text": True}, {"encoding": "utf-8"}, {"bufsize": 1}]
    )
    async def test_text_and_buffering_are_refused(self, loop: Loop, bad: dict[str, Any]) -> None:
        with pytest.raises(ValueError):
            await asyncio.create_subprocess_exec("true", **bad)
        with pytest.raises(ValueError):
            await loop.subprocess_exec(asyncio.SubprocessProtocol, "true", shell=True)


class TestOptions:
    async def test_errors_can_be_joined_with_the_output(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_shell("echo out; echo err >&2", stdout=PIPE, stderr=STDOUT)
        assert await process.communicate() == (b"out\nerr\n", None)

    async def test_output_can_be_thrown_away(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_shell("echo out; cat", stdin=DEVNULL, stdout=DEVNULL)
        assert await process.wait() == 0
        assert process.stdin is process.stdout is process.stderr is None

    async def test_streams_may_be_files_and_descriptors(self, loop: Loop, tmp_path: Path) -> None:
        (tmp_path / "in").write_bytes(b"content")
        with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
            process = await asyncio.create_subprocess_exec("cat", stdin=source, stdout=target.fileno())
            assert await process.wait() == 0
        assert (tmp_path / "out").read_bytes() == b"content"

    async def test_the_folder_can_be_chosen(self, loop: Loop, tmp_path: Path) -> None:
        assert (await run("pwd", "-P", cwd=tmp_path))[1] == os.fsencode(tmp_path.resolve()) + b"\n"
        with pytest.raises(FileNotFoundError):
            await run("pwd", cwd=tmp_path / "missing")

    async def test_the_environment_can_be_given(self, loop: Loop) -> None:
        status, out, _ = await run("/usr/bin/env", env={"ONLY": "this", "AND": "thät"})
        assert status == 0
        assert sorted(out.splitlines()) == ["AND=thät".encode(), b"ONLY=this"]

    async def test_descriptors_are_passed_only_when_named(self, loop: Loop) -> None:
        reading, writing = os.pipe()
        source = f"import os; os.write({writing}, b'passed')"
        status, _, err = await run_python(source, pass_fds=[writing])
        assert (status, err) == (0, b"")
        assert os.read(reading, 100) == b"passed"
        status, _, err = await run_python(source)
        assert status == 1
        assert b"Bad file descriptor" in err
        os.close(reading)
        os.close(writing)

    async def test_inheritable_descriptors_are_inherited_when_closing_is_off(self, loop: Loop) -> None:
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        status, _, err = await run_python(f"import os; os.write({writing}, b'inherited')", close_fds=False)
        assert (status, err) == (0, b"")
        assert os.read(reading, 100) == b"inherited"
        os.close(reading)
        os.close(writing)

    async def test_a_function_can_run_before_the_program(self, loop: Loop) -> None:
        status, out, _ = await run("sh", "-c", "umask", preexec_fn=lambda: os.umask(0o027) and None)
        assert (status, out.strip()) == (0, b"0027")

    async def test_a_failing_function_before_the_program_is_an_error(self, loop: Loop) -> None:
        def fail() -> None:
            raise LookupError("in preexec_fn")

        with pytest.raises(subprocess.SubprocessError, match="preexec_fn"):
            await run("true", preexec_fn=fail)

    async def test_a_session_of_its_own_can_be_started(self, loop: Loop) -> None:
        status, out, _ = await run_python("import os; print(os.getpid() == os.getsid(0))", start_new_session=True)
        assert (status, out) == (0, b"True\n")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="process_group came in 3.11")
    async def test_the_process_group_can_be_chosen(self, loop: Loop) -> None:
        status, out, _ = await run_python("import os; print(os.getpid() == os.getpgid(0))", process_group=0)
        assert (status, out) == (0, b"True\n")

    async def test_the_umask_can_be_chosen(self, loop: Loop) -> None:
        assert (await run("sh", "-c", "umask", umask=0o077))[1].strip() == b"0077"

    @pytest.mark.skipif(os.getuid() != 0, reason="only root may change the user")
    async def test_user_and_groups_can_be_chosen(self, loop: Loop) -> None:
        status, out, _ = await run("/usr/bin/id", "-u", user=12345)
        assert (status, out) == (0, b"12345\n")
        status, out, _ = await run("/usr/bin/id", "-g", group=23456, user=12345)
        assert (status, out) == (0, b"23456\n")
        status, out, _ = await run("/usr/bin/id", "-G", extra_groups=[34567], group=23456, user=12345)
        assert (status, set(out.split())) == (0, {b"23456", b"34567"})

    async def test_another_executable_can_be_run_under_the_name(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("pretended", "-c", "echo $0", executable="/bin/sh", stdout=PIPE)
        assert (await process.communicate())[0] == b"pretended\n"

    async def test_signals_are_restored_in_the_child(self, loop: Loop) -> None:
        """Python ignores SIGPIPE; its children should not."""
        grep = "grep SigIgn /proc/self/status"
        ignored = int((await run("sh", "-c", grep))[1].split()[1], 16)
        assert not ignored & 1 << (signal.SIGPIPE - 1)
        ignored = int((await run("sh", "-c", grep, restore_signals=False))[1].split()[1], 16)
        assert ignored & 1 << (signal.SIGPIPE - 1)

    async def test_a_child_has_no_signals_blocked(self, loop: Loop) -> None:
        blocked = int((await run("sh", "-c", "grep SigBlk /proc/self/status"))[1].split()[1], 16)
        assert blocked == 0

    async def test_a_child_gets_no_descriptors_of_the_loop(self, loop: Loop) -> None:
        status, out, _ = await run("ls", "/proc/self/fd", close_fds=True)
        assert status == 0
        assert set(map(int, out.split())) <= {0, 1, 2, 3}  # 3: the listing itself


class TestEnding:
    async def test_kill_terminate_and_send_signal_end_it(self, loop: Loop) -> None:
        endings = [
            (lambda process: process.kill(), -signal.SIGKILL),
            (lambda process: process.terminate(), -signal.SIGTERM),
            (lambda process: process.send_signal(signal.SIGUSR1), -signal.SIGUSR1),
        ]
        for end, status in endings:
            process = await asyncio.create_subprocess_exec("sleep", "100")
            end(process)
            assert await process.wait() == status
            assert process.returncode == status

    async def test_ending_one_that_ended_raises(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        await iterations(3)
        for end in (process.kill, process.terminate, lambda: process.send_signal(signal.SIGUSR1)):
            with pytest.raises(ProcessLookupError):
                end()

    async def test_signals_race_with_exits_harmlessly(self, loop: Loop, loop_name: str) -> None:
        possible = {0, -signal.SIGKILL}
        if loop_name == "asyncio":
            possible.add(255)  # its watcher and the kill, which polls first, compete for the status
        for number in range(30):
            process = await asyncio.create_subprocess_exec("true")
            await iterations(number % 5)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            assert await process.wait() in possible

    async def test_a_wait_can_time_out_and_the_child_be_killed(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("sleep", "100")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 0.005)
        process.kill()
        assert await process.wait() == -signal.SIGKILL

    async def test_communicate_can_be_cancelled(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)
        task = loop.create_task(process.communicate(b"x" * 1_000_000))
        await iterations(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        process.kill()
        await process.communicate()
        assert process.returncode == -signal.SIGKILL
        process._transport.close()  # type: ignore[attr-defined]

    async def test_creating_can_be_cancelled(self, loop: Loop) -> None:
        before = open_descriptors()
        for steps in range(6):
            task = loop.create_task(asyncio.create_subprocess_exec("sleep", "100", stdin=PIPE, stdout=PIPE))
            await iterations(steps)
            task.cancel()
            try:
                process = await task
            except asyncio.CancelledError:
                continue
            process.kill()
            await process.communicate()
            del process
        del task
        await iterations(5)
        gc.collect()
        await until(lambda: open_descriptors() == before)

    async def test_a_child_that_closes_its_output_early_is_still_waited_for(self, loop: Loop) -> None:
        source = "import os, time; os.close(1); os.close(2); time.sleep(0.02); os._exit(5)"
        assert await run_python(source) == (5, b"", b"")

    async def test_a_child_that_does_not_read_its_input_is_no_error(self, loop: Loop) -> None:
        status, out, _ = await run("true", data=b"x" * 1_000_000)
        assert (status, out) == (0, b"")

    async def test_output_of_grandchildren_is_read_to_its_end(self, loop: Loop) -> None:
        process = await asyncio.create_subprocess_shell("(sleep 0.03; echo late) & echo early", stdout=PIPE)
        assert (await process.communicate())[0] == b"early\nlate\n"

    async def test_exit_statuses_are_exact(self, loop: Loop) -> None:
        for status in (0, 1, 127, 255):
            assert (await run("sh", "-c", f"exit {status}"))[0] == status
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGABRT):
            assert (await run("sh", "-c", f"kill -{int(number)} $$"))[0] == -number


class TestProtocols:
    async def test_a_protocol_hears_everything_in_order(self, loop: Loop) -> None:
        transport, child = await loop.subprocess_exec(
            Child, "sh", "-c", "echo out; echo err >&2; exit 4", stdin=None, stdout=PIPE, stderr=PIPE
        )
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert transport.get_pid() > 0
        await until(lambda: "lost" in child.events)
        assert child.events == ["made", "exited", "lost"]
        assert (child.output[1], child.output[2]) == (b"out\n", b"err\n")
        assert child.closed == {1: None, 2: None}
        assert transport.get_returncode() == 4
        transport.close()

    async def test_pipes_are_transports(self, loop: Loop) -> None:
        transport, child = await loop.subprocess_exec(Child, "cat", stdin=PIPE, stdout=PIPE)
        stdin: Any = transport.get_pipe_transport(0)
        assert transport.get_pipe_transport(1) is not None
        stdin.write(b"through the pipe")
        stdin.close()
        await until(lambda: "lost" in child.events)
        assert child.output[1] == b"through the pipe"
        transport.close()

    async def test_a_shell_command_may_be_text_or_bytes(self, loop: Loop) -> None:
        command: Any
        for command in ("echo shell", b"echo shell"):
            transport, child = await loop.subprocess_shell(Child, command, stdout=PIPE, stdin=None, stderr=None)
            await until(lambda child=child: "lost" in child.events)
            assert child.output[1] == b"shell\n"
            transport.close()

    async def test_closing_the_transport_kills_the_child(self, loop: Loop) -> None:
        transport, child = await loop.subprocess_exec(Child, "sleep", "100")
        pid = transport.get_pid()
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        await until(lambda: "exited" in child.events)
        assert transport.get_returncode() == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    async def test_the_transport_ends_it_in_every_way(self, loop: Loop) -> None:
        for end, status in (
            ("kill", -signal.SIGKILL),
            ("terminate", -signal.SIGTERM),
        ):
            transport, child = await loop.subprocess_exec(Child, "sleep", "100")
            getattr(transport, end)()
            await until(lambda child=child: "lost" in child.events)
            assert transport.get_returncode() == status
            with contextlib.suppress(ProcessLookupError):
                transport.send_signal(signal.SIGUSR1)
            transport.close()


class TestMany:
    async def test_two_hundred_children_at_once_lose_nothing(self, loop: Loop) -> None:
        data = pattern(50_000)

        async def one(number: int) -> None:
            status, out, _ = await run("cat", data=data + b"%d" % number)
            assert status == 0
            assert out == data + b"%d" % number

        before = open_descriptors()
        await asyncio.gather(*(one(number) for number in range(200)))
        await until(lambda: open_descriptors() == before)

    async def test_children_that_end_at_once_are_all_seen(self, loop: Loop) -> None:
        processes = [await asyncio.create_subprocess_exec("sh", "-c", f"exit {number}") for number in range(50)]
        assert await asyncio.gather(*(process.wait() for process in processes)) == list(range(50))

    async def test_one_mebibyte_through_each_of_many_arrives(self, loop: Loop) -> None:
        data = pattern(2**20)
        results = await asyncio.gather(*(run("cat", data=data) for _ in range(12)))
        assert all(result == (0, data, b"") for result in results)

    async def test_no_thread_is_left_and_no_zombie(self, loop: Loop) -> None:
        for _ in range(10):
            await run("true")
        await until(lambda: not [t for t in threading.enumerate() if t.name.startswith(("waitpid", "asyncio-waitpid"))])
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        states = [Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] for child in children]
        assert "Z" not in states


class TestThreads:
    def test_loops_of_other_threads_run_children(self, loop_factory: LoopFactory) -> None:
        results: list[Any] = []

        def thread(number: int) -> None:
            with contextlib.closing(loop_factory()) as loop:
                results.append(loop.run_until_complete(run("sh", "-c", f"echo {number}; exit {number}")))

        threads = [threading.Thread(target=thread, args=[number]) for number in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
        assert sorted(results) == [(number, b"%d\n" % number, b"") for number in range(4)]

    async def test_children_of_others_are_left_alone(self, loop: Loop) -> None:
        """A loop that waits for any child would steal the status of this one."""
        with subprocess.Popen(["sh", "-c", "exit 9"]) as other:
            assert (await run("true"))[0] == 0
            time.sleep(0.02)
            assert (await run("true"))[0] == 0
            assert other.wait(10) == 9

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="older versions' default watcher needs no handler either")
    async def test_sigchld_stays_the_users(self, loop: Loop) -> None:
        before = signal.getsignal(signal.SIGCHLD)
        await run("true")
        assert signal.getsignal(signal.SIGCHLD) == before


async def test_a_status_that_somebody_else_took_is_reported_as_unknown(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "0.01")
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, 0)
    assert await process.wait() in (255, 0)


async def test_a_process_is_freed_when_it_is_done(loop: Loop) -> None:
    import weakref

    process = await asyncio.create_subprocess_exec("true", stdout=PIPE)
    await process.communicate()
    reference = weakref.ref(process._transport)  # type: ignore[attr-defined]
    del process
    await iterations(5)
    gc.collect()
    await until(lambda: reference() is None)
