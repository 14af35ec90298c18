"""connect_read_pipe and connect_write_pipe: pipes, FIFOs, sockets, terminals, the standard streams."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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


@pytest.fixture
def pipe() -> Iterator[tuple[io.FileIO, io.FileIO]]:
    """Both ends of a pipe as unbuffered files."""
    reading, writing = os.pipe()
    reader, writer = open(reading, "rb", 0), open(writing, "wb", 0)  # noqa: SIM115
    yield reader, writer
    for end in (reader, writer):
        with contextlib.suppress(OSError):
            end.close()


class TestReading:
    async def test_what_is_written_is_received(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_read_pipe(Recorder, reader)
        assert isinstance(transport, asyncio.ReadTransport)
        writer.write(b"one ")
        await protocol.read(4)
        writer.write(b"two")
        assert await protocol.read(7) == b"one two"
        writer.close()
        await protocol.wait_for("lost")
        assert protocol.events == ["made", "eof", "lost"]
        assert protocol.error is None
        assert reader.closed

    async def test_a_large_transfer_is_exact(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        data = pattern(5_000_000)
        _, protocol = await loop.connect_read_pipe(Recorder, reader)

        def write() -> None:
            with writer:
                view = memoryview(data)
                while view:
                    view = view[writer.write(view) :]

        await loop.run_in_executor(None, write)
        await protocol.wait_for("lost")
        assert protocol.data == data

    async def test_reading_can_be_paused_and_resumed(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_read_pipe(Recorder, reader)
        transport.pause_reading()
        writer.write(b"later")
        await asyncio.sleep(0.003)
        assert protocol.data == b""
        transport.resume_reading()
        assert await protocol.read(5) == b"later"
        transport.close()
        await protocol.wait_for("lost")

    async def test_extra_info_has_the_pipe(self, loop: Loop, pipe: Any) -> None:
        reader, _ = pipe
        transport, protocol = await loop.connect_read_pipe(Recorder, reader)
        assert transport.get_extra_info("pipe") is reader
        assert transport.get_protocol() is protocol
        assert not transport.is_closing()
        assert f"fd={reader.fileno()}" in repr(transport)
        transport.close()
        assert transport.is_closing()
        await protocol.wait_for("lost")
        assert protocol.events == ["made", "lost"]

    async def test_an_exception_in_data_received_is_reported(self, loop: Loop, errors: LoopErrors, pipe: Any) -> None:
        class Failing(Recorder):
            def data_received(self, data: bytes) -> None:
                raise LookupError("in data_received")

        reader, writer = pipe
        transport, protocol = await loop.connect_read_pipe(Failing, reader)
        writer.write(b"x")
        await until(lambda: errors)
        assert isinstance(errors.take()[0]["exception"], LookupError)
        transport.close()
        await protocol.wait_for("lost")

    async def test_a_stream_reader_can_read_it(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        stream = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), reader)
        writer.write(b"line one\nline two\n")
        assert await stream.readline() == b"line one\n"
        writer.close()
        assert await stream.read() == b"line two\n"
        transport.close()
        await iterations(3)


class TestWriting:
    async def test_what_is_written_arrives(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"bytes ")
        transport.write(bytearray(b"bytearray "))
        transport.write(memoryview(b"memoryview "))
        transport.writelines([b"lines ", b"too"])
        transport.write(b"")
        transport.close()
        await protocol.wait_for("lost")
        assert reader.read() == b"bytes bytearray memoryview lines too"

    async def test_close_sends_what_is_buffered_first(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        data = pattern(3_000_000)
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        transport.write(data)
        assert transport.get_write_buffer_size() > 0
        assert protocol.events == ["made", "pause"]
        transport.close()
        assert await loop.run_in_executor(None, reader.readall) == data
        await protocol.wait_for("lost")
        assert protocol.events[-1] == "lost"

    async def test_write_eof_closes_after_what_is_buffered(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        data = pattern(500_000)
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        assert transport.can_write_eof()
        transport.write(data)
        transport.write_eof()
        assert await loop.run_in_executor(None, reader.readall) == data
        await protocol.wait_for("lost")

    async def test_flow_control_pauses_and_resumes(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        transport.set_write_buffer_limits(high=1000)
        transport.write(b"x" * 200_000)
        assert "pause" in protocol.events

        def read_everything() -> None:
            left = 200_000
            while left:
                left -= len(reader.read(left))

        reading = loop.run_in_executor(None, read_everything)
        await protocol.wait_for("resume")
        await reading
        transport.abort()
        await protocol.wait_for("lost")

    async def test_a_reader_that_closes_ends_the_transport(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        reader.close()
        await protocol.wait_for("lost")
        assert writer.closed
        transport.write(b"too late")

    async def test_a_reader_that_closes_while_much_is_buffered_is_an_error(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        transport.write(b"x" * 1_000_000)
        reader.close()
        await protocol.wait_for("lost")
        assert isinstance(protocol.error, BrokenPipeError)

    async def test_abort_drops_what_is_buffered(self, loop: Loop, pipe: Any) -> None:
        reader, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        transport.write(b"x" * 1_000_000)
        transport.abort()
        await protocol.wait_for("lost")
        assert protocol.error is None
        assert len(await loop.run_in_executor(None, reader.readall)) < 1_000_000

    async def test_what_is_not_bytes_is_refused(self, loop: Loop, pipe: Any) -> None:
        _, writer = pipe
        transport, protocol = await loop.connect_write_pipe(Recorder, writer)
        with pytest.raises((TypeError, AssertionError)):
            transport.write("text")  # type: ignore[arg-type]
        transport.abort()
        await protocol.wait_for("lost")


class TestKinds:
    async def test_a_fifo_is_read_and_written(self, loop: Loop, tmp_path: Path) -> None:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(path, os.O_WRONLY)
        _, reader = await loop.connect_read_pipe(Recorder, open(reading, "rb", 0))  # noqa: SIM115
        transport, writer = await loop.connect_write_pipe(Recorder, open(writing, "wb", 0))  # noqa: SIM115
        transport.write(b"through the fifo")
        assert await reader.read(16) == b"through the fifo"
        transport.close()
        await reader.wait_for("lost")
        await writer.wait_for("lost")

    async def test_a_socket_is_read_and_written(self, loop: Loop) -> None:
        left, right = socket.socketpair()
        _, reader = await loop.connect_read_pipe(Recorder, left)
        transport, writer = await loop.connect_write_pipe(Recorder, right)
        transport.write(b"through the socket")
        assert await reader.read(18) == b"through the socket"
        transport.close()
        await reader.wait_for("lost")
        await writer.wait_for("lost")
        assert left.fileno() == right.fileno() == -1

    async def test_a_terminal_is_read_and_written(self, loop: Loop) -> None:
        controller, terminal = os.openpty()
        duplicate = os.dup(controller)
        _, reader = await loop.connect_read_pipe(Recorder, open(controller, "rb", 0))  # noqa: SIM115
        transport, writer = await loop.connect_write_pipe(Recorder, open(duplicate, "wb", 0))  # noqa: SIM115
        transport.write(b"typed\n")
        assert await loop.run_in_executor(None, os.read, terminal, 100) == b"typed\n"
        os.write(terminal, b"shown")
        await reader.wait(lambda: b"shown" in reader.data)
        transport.close()
        await writer.wait_for("lost")
        reader.transport.close()
        await reader.wait_for("lost")
        os.close(terminal)

    async def test_a_character_device_is_written(self, loop: Loop) -> None:
        transport, protocol = await loop.connect_write_pipe(Recorder, open("/dev/null", "wb", 0))  # noqa: SIM115
        transport.write(b"into the void")
        transport.close()
        await protocol.wait_for("lost")

    async def test_a_regular_file_is_refused(self, loop: Loop, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        for connect, mode in ((loop.connect_read_pipe, "rb"), (loop.connect_write_pipe, "wb")):
            with open(tmp_path / "file", mode) as file, pytest.raises(ValueError, match="Pipe transport is"):
                await connect(Recorder, file)


async def test_descriptors_of_pipes_become_nonblocking_and_stay_so(loop: Loop, pipe: Any) -> None:
    reader, writer = pipe
    duplicate = os.dup(reader.fileno())
    transport, protocol = await loop.connect_read_pipe(Recorder, reader)
    assert not os.get_blocking(duplicate)
    transport.close()
    await protocol.wait_for("lost")
    assert not os.get_blocking(duplicate)
    os.close(duplicate)


async def test_many_pipes_at_once_lose_nothing(loop: Loop) -> None:
    protocols = []
    writers = []
    for _ in range(50):
        reading, writing = os.pipe()
        protocols.append((await loop.connect_read_pipe(Recorder, open(reading, "rb", 0)))[1])  # noqa: SIM115
        writers.append((await loop.connect_write_pipe(Recorder, open(writing, "wb", 0)))[1])  # noqa: SIM115
    for number, writer in enumerate(writers):
        writer.transport.write(b"%d" % number * 50_000)
        writer.transport.close()
    for number, protocol in enumerate(protocols):
        await protocol.wait_for("lost")
        assert protocol.data == b"%d" % number * 50_000
    for writer in writers:
        await writer.wait_for("lost")


class TestStandardStreams:
    ECHO = """
        async def main():
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout)
            writer = asyncio.StreamWriter(transport, protocol, None, loop)
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()
            await asyncio.sleep(0)
        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    """

    def test_lines_of_stdin_are_answered_on_stdout(self, loop_name: str) -> None:
        done = run_script(loop_name, self.ECHO, input="one\ntwo\nthree\n")
        assert (done.stdout, done.stderr, done.returncode) == ("ONE\nTWO\nTHREE\n", "", 0)

    def test_a_conversation_is_answered_line_by_line(self, loop_name: str) -> None:
        with subprocess.Popen(
            script_command(loop_name, self.ECHO),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(loop_name),
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for word in (b"hello\n", b"again\n"):
                process.stdin.write(word)
                process.stdin.flush()
                assert process.stdout.readline() == word.upper()
            process.stdin.close()
            assert process.stdout.read() == b""
            assert process.wait(10) == 0

    def test_a_terminal_as_stdin_is_read(self, loop_name: str) -> None:
        controller, terminal = os.openpty()
        with subprocess.Popen(
            script_command(loop_name, self.ECHO),
            stdin=terminal,
            stdout=subprocess.PIPE,
            env=child_environment(loop_name),
        ) as process:
            assert process.stdout is not None
            os.write(controller, b"typed\n")
            assert process.stdout.readline() == b"TYPED\n"
            os.write(controller, b"\x04")  # end of file
            assert process.wait(10) == 0
        os.close(controller)
        os.close(terminal)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/fd is Linux's")
async def test_closing_closes_the_descriptor_once(loop: Loop, pipe: Any) -> None:
    """The number may belong to somebody else by the time a second close comes."""
    reader, writer = pipe
    fd = reader.fileno()
    transport, protocol = await loop.connect_read_pipe(Recorder, reader)
    transport.close()
    await protocol.wait_for("lost")
    taken = os.open("/dev/null", os.O_RDONLY)
    assert taken == fd
    del transport, protocol, reader
    await iterations(3)
    os.fstat(taken)
    os.close(taken)
