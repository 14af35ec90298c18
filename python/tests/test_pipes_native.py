"""Pipe transports over everything that is a pipe to asyncio, and what the loop leaves alone of descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import multiprocessing
import os
import pathlib
import pty
import re
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from typing import Any

import pytest
from support import (
    Loop,
    LoopErrors,
    Recorder,
    child_environment,
    iterations,
    pattern,
    run_script,
    script_command,
    until,
)

MIB = 1 << 20
KINDS = ("pipe", "fifo", "socket", "tty")


class Pipe:
    """The two ends of something that is a pipe to asyncio, as file objects."""

    def __init__(self, kind: str, folder: pathlib.Path) -> None:
        if kind == "pipe":
            read, write = os.pipe()
        elif kind == "fifo":
            os.mkfifo(folder / "fifo")
            read = os.open(folder / "fifo", os.O_RDONLY | os.O_NONBLOCK)
            write = os.open(folder / "fifo", os.O_WRONLY)
            os.set_blocking(read, True)
        elif kind == "socket":
            read, write = (sock.detach() for sock in socket.socketpair())
        else:
            read, write = pty.openpty()
            tty.setraw(write)
        self.kind = kind
        self.read = open(read, "rb", 0)
        self.write = open(write, "wb", 0)

    def close(self) -> None:
        self.read.close()
        self.write.close()


@pytest.fixture(params=KINDS)
def pipe(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Pipe]:
    pipe = Pipe(request.param, tmp_path)
    yield pipe
    pipe.close()


@pytest.fixture
def plain(tmp_path: pathlib.Path) -> Iterator[Pipe]:
    pipe = Pipe("pipe", tmp_path)
    yield pipe
    pipe.close()


def write_all(file: io.FileIO | Any, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file.fileno(), view) :]


def receive(file: io.FileIO | Any, count: int) -> bytes:
    """At least `count` bytes; a terminal gives them in pieces."""
    received = bytearray()
    while len(received) < count:
        received += os.read(file.fileno(), MIB)
    return bytes(received)


def read_all(file: io.FileIO | Any) -> bytes:
    chunks = []
    while chunk := os.read(file.fileno(), MIB):
        chunks.append(chunk)
    return b"".join(chunks)


class TestReading:
    async def test_what_is_written_arrives_and_the_end_too(self, loop: Loop, pipe: Pipe) -> None:
        transport, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        assert transport.get_extra_info("pipe") is pipe.read
        pipe.write.write(b"first ")
        assert await protocol.read(6) == b"first "
        pipe.write.write(b"second")
        assert await protocol.read(12) == b"first second"
        pipe.write.close()
        await protocol.wait_for("lost")
        if pipe.kind == "tty":  # a terminal that hangs up says EIO
            assert isinstance(protocol.error, OSError)
            assert protocol.events == ["made", "lost"]
        else:
            assert protocol.error is None
            assert protocol.events == ["made", "eof", "lost"]
        assert pipe.read.closed

    async def test_what_was_written_before_the_hang_up_is_read(self, loop: Loop, pipe: Pipe) -> None:
        pipe.write.write(b"x" * 1000)
        pipe.write.close()
        _, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        await protocol.wait_for("lost")
        assert protocol.data == b"x" * 1000

    async def test_an_end_that_came_before(self, loop: Loop, plain: Pipe) -> None:
        plain.write.close()
        _, protocol = await loop.connect_read_pipe(Recorder, plain.read)
        await protocol.wait_for("lost")
        assert protocol.events == ["made", "eof", "lost"]

    async def test_much_arrives_whole(self, loop: Loop, pipe: Pipe) -> None:
        data = pattern(8 * MIB if pipe.kind != "tty" else MIB // 8)
        _, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        writing = loop.run_in_executor(None, write_all, pipe.write, data)
        assert await protocol.read(len(data)) == data
        await writing
        pipe.write.close()
        await protocol.wait_for("lost")
        assert protocol.data == data

    async def test_a_paused_reader_gets_nothing_and_later_everything(self, loop: Loop, pipe: Pipe) -> None:
        transport, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        transport.pause_reading()
        if sys.version_info >= (3, 11):
            assert not transport.is_reading()
        pipe.write.write(b"waits")
        await asyncio.sleep(0.02)
        assert not protocol.data
        transport.resume_reading()
        assert await protocol.read(5) == b"waits"
        transport.close()
        await protocol.wait_for("lost")

    async def test_a_paused_reader_sleeps_through_a_hang_up(self, loop: Loop, pipe: Pipe) -> None:
        """epoll reports a hang-up whatever was asked for: one that stays registered makes the loop spin."""
        transport, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        pipe.write.write(b"last")
        transport.pause_reading()
        pipe.write.close()
        before = time.thread_time()
        await asyncio.sleep(0.2)
        assert time.thread_time() - before < 0.1
        assert "lost" not in protocol.events
        transport.resume_reading()
        await protocol.wait_for("lost")
        assert protocol.data == b"last"

    async def test_pausing_in_data_received(self, loop: Loop, plain: Pipe) -> None:
        class Pauser(Recorder):
            paused = False

            def data_received(self, data: bytes) -> None:
                self.transport.pause_reading()
                self.paused = True
                super().data_received(data)

        transport, protocol = await loop.connect_read_pipe(Pauser, plain.read)
        data = pattern(MIB)
        writing = loop.run_in_executor(None, write_all, plain.write, data)
        while len(protocol.data) < len(data):
            await until(lambda: protocol.paused)
            await iterations(3)
            protocol.paused = False
            transport.resume_reading()
        await writing
        assert protocol.data == data
        transport.close()
        await protocol.wait_for("lost")

    async def test_closing_ends_it_once(self, loop: Loop, pipe: Pipe) -> None:
        transport, protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        transport.close()
        transport.close()
        assert transport.is_closing()
        await protocol.wait_for("lost")
        await iterations(5)
        assert protocol.events == ["made", "lost"]


class TestWriting:
    async def test_what_is_written_arrives_and_the_end_too(self, loop: Loop, pipe: Pipe) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, pipe.write)
        assert transport.get_extra_info("pipe") is pipe.write
        transport.write(b"one ")
        transport.writelines([bytearray(b"two "), memoryview(b"three")])
        transport.close()
        await protocol.wait_for("lost")
        assert protocol.error is None
        assert pipe.write.closed
        assert receive(pipe.read, 13) == b"one two three"
        if pipe.kind != "tty":
            assert pipe.read.read() == b""

    async def test_much_arrives_whole_through_a_slow_reader(self, loop: Loop, pipe: Pipe) -> None:
        data = pattern(8 * MIB if pipe.kind != "tty" else MIB // 8)
        transport, protocol = await loop.connect_write_pipe(Recorder, pipe.write)
        transport.write(data)
        assert transport.get_write_buffer_size() > 0
        assert protocol.events == ["made", "pause"]

        assert await loop.run_in_executor(None, receive, pipe.read, len(data)) == data
        await protocol.wait_for("resume")
        transport.close()
        await protocol.wait_for("lost")

    async def test_closing_sends_what_is_queued(self, loop: Loop, plain: Pipe) -> None:
        data = pattern(2 * MIB)
        transport, protocol = await loop.connect_write_pipe(Recorder, plain.write)
        transport.write(data)
        transport.write_eof()
        assert await loop.run_in_executor(None, read_all, plain.read) == data
        await protocol.wait_for("lost")
        assert protocol.error is None

    async def test_aborting_drops_what_is_queued(self, loop: Loop, plain: Pipe) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, plain.write)
        transport.write(bytes(2 * MIB))
        transport.abort()
        await protocol.wait_for("lost")
        assert protocol.error is None
        assert 0 < len(read_all(plain.read)) < 2 * MIB

    @pytest.mark.parametrize("kind", ["pipe", "socket"])
    async def test_a_reader_that_goes_ends_it(self, loop: Loop, tmp_path: pathlib.Path, kind: str) -> None:
        pipe = Pipe(kind, tmp_path)
        _, protocol = await loop.connect_write_pipe(Recorder, pipe.write)
        pipe.read.close()
        await protocol.wait_for("lost")
        assert protocol.error is None
        pipe.close()

    async def test_a_reader_that_goes_before_all_is_read_breaks_it(self, loop: Loop, plain: Pipe) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, plain.write)
        transport.write(bytes(2 * MIB))
        await iterations(3)
        plain.read.close()
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, BrokenPipeError)

    async def test_writing_to_nobody_breaks_it(self, loop: Loop, plain: Pipe) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, plain.write)
        plain.read.close()
        transport.write(b"nobody")
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, BrokenPipeError)

    async def test_writes_after_the_end_are_dropped(self, loop: Loop, plain: Pipe) -> None:
        """uvloop#506: RuntimeError, the handler is closed."""
        transport, protocol = await loop.connect_write_pipe(Recorder, plain.write)
        transport.close()
        transport.write(b"late")
        await protocol.wait_for("lost")
        transport.write(b"later")
        assert plain.read.read() == b""

    async def test_a_terminal_that_gets_input_is_still_written_to(self, loop: Loop) -> None:
        """asyncio takes what can be read from a pipe's writing end for its end; not so from a terminal's."""
        controller, terminal = pty.openpty()
        tty.setraw(terminal)
        transport, protocol = await loop.connect_write_pipe(Recorder, open(terminal, "wb", 0))
        os.write(controller, b"typed")
        await asyncio.sleep(0.02)
        transport.write(b"answer")
        assert os.read(controller, 6) == b"answer"
        transport.close()
        await protocol.wait_for("lost")
        os.close(controller)


class TestWhatIsNoPipe:
    async def test_regular_files_are_refused(self, loop: Loop, tmp_path: pathlib.Path) -> None:
        with open(tmp_path / "file", "w+b") as file:
            with pytest.raises(ValueError, match="Pipe transport is for pipes/sockets only"):
                await loop.connect_read_pipe(Recorder, file)
            with pytest.raises(ValueError, match="Pipe transport is only for pipes, sockets and character devices"):
                await loop.connect_write_pipe(Recorder, file)
            with pytest.raises(PermissionError):
                loop.add_reader(file, print)
            with pytest.raises(PermissionError):
                loop.add_writer(file, print)
            assert not loop.remove_reader(file)

    async def test_devices_that_cannot_be_polled_say_so(self, loop: Loop, errors: LoopErrors) -> None:
        transport, protocol = await loop.connect_read_pipe(Recorder, open("/dev/null", "rb", 0))
        await until(lambda: errors)
        assert isinstance(errors.take_one()["exception"], PermissionError)
        transport.close()
        await protocol.wait_for("lost")

    async def test_devices_that_are_always_writable_take_everything(self, loop: Loop) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, open("/dev/null", "wb", 0))
        transport.write(bytes(MIB))
        assert transport.get_write_buffer_size() == 0
        transport.close()
        await protocol.wait_for("lost")
        assert protocol.error is None


class TestDescriptors:
    async def test_watching_leaves_a_descriptor_blocking(self, loop: Loop, pipe: Pipe) -> None:
        """uvloop#712: add_reader and add_writer made standard streams non-blocking, for everybody who shares them."""
        came = loop.create_future()
        loop.add_reader(pipe.read, came.set_result, None)
        loop.add_writer(pipe.write, lambda: None)
        pipe.write.write(b"x")
        await came
        for file in (pipe.read, pipe.write):
            assert os.get_blocking(file.fileno())
        assert loop.remove_reader(pipe.read)
        assert loop.remove_writer(pipe.write)
        for file in (pipe.read, pipe.write):
            assert os.get_blocking(file.fileno())

    async def test_a_transport_makes_it_non_blocking_and_nothing_else(self, loop: Loop, pipe: Pipe) -> None:
        before = [fcntl.fcntl(file, fcntl.F_GETFL) for file in (pipe.read, pipe.write)]
        reader, read_protocol = await loop.connect_read_pipe(Recorder, pipe.read)
        writer, write_protocol = await loop.connect_write_pipe(Recorder, pipe.write)
        after = [fcntl.fcntl(file, fcntl.F_GETFL) for file in (pipe.read, pipe.write)]
        assert after == [flags | os.O_NONBLOCK for flags in before]
        reader.close()
        writer.close()
        await read_protocol.wait_for("lost")
        await write_protocol.wait_for("lost")

    async def test_a_childs_own_pipe_stays_blocking(self, loop: Loop) -> None:
        """Only our end of a child's pipes is non-blocking."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import os, sys; print(*map(os.get_blocking, range(3)))",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert out == b"True True True\n"

    @pytest.mark.parametrize("direction", ["read", "write"])
    async def test_the_file_object_closes_it_and_nobody_else(self, loop: Loop, direction: str) -> None:
        """uvloop#763: the loop closed the number before the file object did; another thread had it by then."""
        states: list[bool] = []

        class Probe(io.FileIO):
            def close(self) -> None:
                if not self.closed:
                    try:
                        os.fstat(self.fileno())
                        states.append(True)
                    except OSError:
                        states.append(False)
                super().close()

        read, write = os.pipe()
        transport: asyncio.BaseTransport
        if direction == "read":
            transport, protocol = await loop.connect_read_pipe(Recorder, Probe(read, "rb"))
            other = write
        else:
            transport, protocol = await loop.connect_write_pipe(Recorder, Probe(write, "wb"))
            other = read
        transport.close()
        await protocol.wait_for("lost")
        taken = os.dup(other)  # the lowest number that is free: the one just closed
        assert taken in (read, write)
        del transport, protocol
        await iterations(5)
        os.fstat(taken)
        assert states == [True]
        os.close(taken)
        os.close(other)

    async def test_a_number_that_is_used_again_is_a_new_pipe(self, loop: Loop) -> None:
        numbers = set()
        for round_ in range(20):
            read, write = os.pipe()
            numbers.add(read)
            _, reading = await loop.connect_read_pipe(Recorder, open(read, "rb", 0))
            writer, writing = await loop.connect_write_pipe(Recorder, open(write, "wb", 0))
            writer.write(b"round %d" % round_)
            writer.close()
            await reading.wait_for("lost")
            await writing.wait_for("lost")
            assert reading.data == b"round %d" % round_
        assert len(numbers) < 20

    async def test_two_transports_on_one_stream(self, loop: Loop, plain: Pipe) -> None:
        """uvloop#262: FileExistsError for the second one on sys.stdout."""
        first, _ = await loop.connect_write_pipe(Recorder, open(os.dup(plain.write.fileno()), "wb", 0))
        second, second_protocol = await loop.connect_write_pipe(Recorder, plain.write)
        third, third_protocol = await loop.connect_write_pipe(Recorder, plain.write)
        first.write(b"one ")
        second.write(b"two ")
        third.write(b"three")
        assert receive(plain.read, 13) == b"one two three"
        for transport in (first, second, third):
            transport.close()
        await second_protocol.wait_for("lost")
        await third_protocol.wait_for("lost")
        await iterations(3)

    async def test_a_pipe_of_multiprocessing_is_read_when_the_loop_says_so(self, loop: Loop) -> None:
        """uvloop#686: BlockingIOError, as add_reader had made the connection non-blocking."""
        read, write = multiprocessing.Pipe(duplex=False)
        message = pattern(MIB)
        ready = asyncio.Event()
        loop.add_reader(read.fileno(), ready.set)
        sending = threading.Thread(target=write.send_bytes, args=[message])
        sending.start()
        await ready.wait()
        assert read.recv_bytes() == message
        sending.join()
        loop.remove_reader(read.fileno())
        read.close()
        write.close()


class TestTerminals:
    async def test_a_terminal_is_read_and_written(self, loop: Loop) -> None:
        controller, terminal = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "read line; echo got $line", stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        _, reading = await loop.connect_read_pipe(Recorder, open(controller, "rb", 0))
        writer, writing = await loop.connect_write_pipe(Recorder, open(os.dup(controller), "wb", 0))
        writer.write(b"a line\n")
        await reading.wait_for("lost")
        assert reading.data == b"a line\r\ngot a line\r\n"
        assert await process.wait() == 0
        writer.close()
        await writing.wait_for("lost")

    async def test_its_settings_are_left_alone(self, loop: Loop) -> None:
        controller, terminal = pty.openpty()
        before = termios.tcgetattr(terminal)
        transport, protocol = await loop.connect_read_pipe(Recorder, open(os.dup(terminal), "rb", 0))
        os.write(controller, b"typed\n")
        assert await protocol.read(6) == b"typed\n"
        transport.close()
        await protocol.wait_for("lost")
        assert termios.tcgetattr(terminal) == before
        os.close(controller)
        os.close(terminal)


class TestStandardStreams:
    SOURCE = """
        async def main():
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
            writer = asyncio.StreamWriter(transport, protocol, None, loop)
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.write(b"end\\n")
            await writer.drain()
        loop = new_event_loop()
        loop.run_until_complete(main())
        os._exit(0)
    """

    def test_pipes(self, loop_name: str) -> None:
        text = "".join(f"line {number}\n" for number in range(20000))
        done = run_script(loop_name, self.SOURCE, input=text)
        assert done.stdout == text.upper() + "end\n", done.stderr

    def test_a_terminal(self, loop_name: str) -> None:
        controller, terminal = pty.openpty()
        tty.setraw(terminal)
        with subprocess.Popen(
            script_command(loop_name, self.SOURCE),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=child_environment(loop_name),
        ) as process:
            os.close(terminal)
            received = b""
            for line in (b"one\n", b"two\n"):
                os.write(controller, line)
                while not received.endswith(line.upper()):
                    received += os.read(controller, 1000)
            assert received == b"ONE\nTWO\n"
            process.kill()
        with contextlib.suppress(OSError):
            os.close(controller)

    def test_the_writing_end_of_stdout_twice(self, loop_name: str) -> None:
        source = """
            async def main():
                loop = asyncio.get_running_loop()
                for word in (b"first ", b"second "):
                    transport, protocol = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout)
                    transport.write(word)
            loop = new_event_loop()
            loop.run_until_complete(main())
            os._exit(0)
        """
        done = run_script(loop_name, source)
        assert (done.stdout, done.stderr) == ("first second ", "")


async def test_reprs_tell_the_state(loop: Loop, plain: Pipe) -> None:
    reader, reading = await loop.connect_read_pipe(Recorder, plain.read)
    writer, writing = await loop.connect_write_pipe(Recorder, plain.write)
    await iterations(2)
    assert re.fullmatch(rf"<_UnixReadPipeTransport fd={plain.read.fileno()} polling>", repr(reader))
    reader.pause_reading()
    assert repr(reader).endswith("idle>")
    assert repr(writer).endswith("idle bufsize=0>")
    writer.write(bytes(MIB))
    assert re.search(r"polling bufsize=\d+>$", repr(writer))
    writer.abort()
    reader.close()
    await reading.wait_for("lost")
    await writing.wait_for("lost")
    assert "closed" in repr(reader)
    assert "closed" in repr(writer)
