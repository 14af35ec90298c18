"""What a server is compiled before its first client comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from jloop import _aot_build, _jars, _jvm, _warm_up

BEGIN = """\
import asyncio, contextlib, os, socket, struct, threading, time
import jloop

def seconds_of_c2():
    ticks = 0
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/stat") as file:
            name, _, fields = file.read().rpartition(") ")
        if "C2 Compiler" in name:
            ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")

async def is_compiled(method):
    for _ in range(200):
        await asyncio.sleep(0.05)
        with open(os.environ["COMPILATIONS"]) as file:
            if any(" 4  " in line and method in line for line in file):
                return True
    return False

async def idle():
    before = seconds_of_c2()
    for _ in range(40):
        await asyncio.sleep(0.05)
        if seconds_of_c2() - before > 0.05:
            return True
    return False
"""

STREAMS = """
async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    print(await idle(), threading.active_count())
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    print(await reader.read())
    writer.close()
    server.close()
"""

DATAGRAMS = """
async def main():
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    print(await idle(), threading.active_count())
    transport.close()
    print(b"")
"""

SOCKETS = """
async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        listening.setblocking(False)
        accepting = asyncio.ensure_future(loop.sock_accept(listening))
        await asyncio.sleep(0)
        print(await idle(), threading.active_count())
        client.setblocking(False)
        await loop.sock_connect(client, listening.getsockname())
        (await accepting)[0].close()
        print(await loop.sock_recv(client, 1))
"""

BUSY_AT_ONCE = """
async def main():
    connections = 0
    async def connected(reader, writer):
        nonlocal connections
        connections += 1
        writer.close()
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await reader.read()
        writer.close()
    assert connections > 40, connections
    print(await is_compiled("TransportMethods::writelines"))
    server.close()
"""

RESETS = """
async def reset(address, sends):
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await asyncio.get_running_loop().sock_connect(client, address)
        await asyncio.sleep(0.01)
        if sends:
            client.send(b"." * 1000)

async def all_resets(address, last_method):
    print(await is_compiled(last_method))
    for number in range(8):
        await reset(address, number % 2)
        await asyncio.sleep(0.01)
"""

ECHO = (
    RESETS
    + """
class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    await all_resets(server.sockets[0].getsockname(), "TransportMethods::writelines")
    server.close()
"""
)

SOCKETS_ECHO = (
    RESETS
    + """
async def main():
    loop = asyncio.get_running_loop()

    async def serve(connection):
        with connection, contextlib.suppress(ConnectionError):
            while data := await loop.sock_recv(connection, 5000):
                await loop.sock_sendall(connection, data)

    async def accept():
        while True:
            tasks.append(asyncio.ensure_future(serve((await loop.sock_accept(listening))[0])))

    tasks = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        accepting = asyncio.ensure_future(accept())
        await asyncio.sleep(0)
        await all_resets(listening.getsockname(), "SocketMethods::trySend")
        accepting.cancel()
        await asyncio.wait([accepting, *tasks])
"""
)

NO_SERVER = """
async def main():
    print(await idle(), threading.active_count())
    print(b"")
"""

FORKING = """
def main():
    loop = jloop.new_event_loop()
    loop.run_until_complete(asyncio.start_server(asyncio.Protocol, "127.0.0.1", 0))  # listens on
    parent, statuses = os.getpid(), []

    def fork(left):
        if not left:
            loop.stop()
            return
        loop.call_later(0.01, fork, left - 1)
        pid = os.fork()
        if pid:
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    loop.call_soon(fork, 40)
    try:
        loop.run_forever()
    except RuntimeError:
        os._exit(7 if os.getpid() != parent else 1)
    print(set(statuses))
"""

CLOSED_AT_ONCE = """
async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    server.close()
    print(True, threading.active_count())
    print(b"")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For caches, with that for the default options."""
    folder = tmp_path_factory.mktemp("caches")
    build(folder, "")
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder for caches, and one where the JVM with the options `watching` tells what it compiles and gives up."""
    folder, logs = tmp_path_factory.mktemp("caches"), tmp_path_factory.mktemp("logs")
    build(folder, watching(logs))
    return folder, logs


def watching(logs: Path) -> str:
    return f"-Xlog:jit+compilation=debug:file={logs}/compilations -Xlog:deoptimization=debug:file={logs}/given-up"


def build(folder: Path, options: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JLOOP_CACHE_DIR", str(folder))
        patch.setenv("JLOOP_JVM_OPTIONS", options)
        assert _aot_build.build(_jvm.find_jvm()) is None


def run(folder: Path, main: str, options: str = "", mode: str = "use", start: str = "jloop.run(main())") -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", f"{BEGIN}{main}\n{start}"],
        env={**os.environ, "JLOOP_CACHE_DIR": str(folder), "JLOOP_JVM_OPTIONS": options, "JLOOP_AOT": mode},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


@pytest.mark.parametrize("main", [STREAMS, DATAGRAMS, SOCKETS], ids=["streams", "datagrams", "sockets"])
def test_an_idle_server_is_compiled(folder: Path, main: str) -> None:
    assert run(folder, main) == ["True 1", "b''"]


def test_the_rest_is_compiled_when_a_busy_server_is_idle(
    watched: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is, what the clients did not have it do."""
    folder, logs = watched
    monkeypatch.setenv("COMPILATIONS", str(logs / "compilations"))
    assert run(folder, BUSY_AT_ONCE, watching(logs)) == ["True"]


@pytest.mark.parametrize(
    ("main", "kept"),
    [
        (ECHO, ("StreamChannel.flush", "StreamChannel.readOnce", "StreamChannel.discardQueue")),
        (SOCKETS_ECHO, ("SocketMethods.tryRecv", "SocketMethods.trySend", "SocketMethods.send")),
    ],
    ids=["echo", "sockets"],
)
def test_clients_that_go_away_do_not_cost_what_is_compiled(
    watched: tuple[Path, Path], main: str, kept: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, logs = watched
    monkeypatch.setenv("COMPILATIONS", str(logs / "compilations"))
    assert run(folder, main, watching(logs)) == ["True"]
    given_up = (logs / "given-up").read_text()
    assert not [method for method in kept if method in given_up]


def test_without_a_server_nothing_is(folder: Path) -> None:
    assert run(folder, NO_SERVER) == ["False 1", "b''"]


def test_without_a_cache_nothing_is(tmp_path: Path) -> None:
    assert run(tmp_path, STREAMS, mode="0") == ["False 1", "b''"]


def test_a_server_that_is_closed_at_once(folder: Path) -> None:
    assert run(folder, CLOSED_AT_ONCE) == ["True 1", "b''"]


def test_children_that_are_forked_meanwhile_leave_the_running_loop(folder: Path) -> None:
    assert run(folder, FORKING, start="main()") == ["{7}"]


@pytest.mark.parametrize("options", ["-XX:TieredStopAtLevel=1", "-Xint"])
def test_a_jvm_without_the_compiler_says_nothing(tmp_path: Path, options: str) -> None:
    build(tmp_path, options)
    assert run(tmp_path, STREAMS, options) == ["False 1", "b''"]


WORK = [_warm_up._LOOP, _warm_up.STREAMS, _warm_up.DATAGRAMS, _warm_up.SOCKETS]
METHODS = sorted({method for work in WORK for method in (*work.compiled, *work.inlined)})


@pytest.mark.parametrize("method", [method for method in METHODS if method.startswith("jloop.")])
def test_methods_are_there(method: str) -> None:
    class_name, _, name = method.partition("(")[0].partition("::")
    assert constant(name) in class_file(class_name)


@pytest.mark.parametrize("class_name", sorted({name for work in WORK for name in work.classes}))
def test_classes_are_there(class_name: str) -> None:
    assert constant(class_name.replace(".", "/")) in class_file(class_name)


def test_classes_of_methods_are_initialized() -> None:
    for work in WORK:
        initialized = {*work.classes, *_warm_up._LOOP.classes}
        for method in (*work.compiled, *work.inlined):
            class_name = method.partition("::")[0]
            assert class_name in initialized or not class_name.startswith("jloop."), method


@pytest.mark.parametrize("work", WORK[1:], ids=["streams", "datagrams", "sockets"])
def test_no_method_is_named_twice(work: _warm_up.Work) -> None:
    names = [name for part in (_warm_up._LOOP, work) for name in (*part.compiled, *part.inlined)]
    assert sorted(names) == sorted(set(names))


def class_file(name: str) -> bytes:
    file = name.replace(".", "/") + ".class"
    return next(jar for jar in map(ZipFile, _jars.JARS) if file in jar.namelist()).read(file)


def constant(text: str) -> bytes:
    """CONSTANT_Utf8_info."""
    return b"\x01" + len(text).to_bytes(2, "big") + text.encode()
