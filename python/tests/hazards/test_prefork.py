"""A server that forks its workers: whoever imports jloop before the fork and makes loops after it has jloop in every worker."""

from __future__ import annotations

import pytest

from .child import Child

SERVER = """
    import warnings
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    import asyncio, os, signal, socket, sys, time
    from underloop import KIND, echo, new_event_loop, say

    if KIND == "jloop":
        import jloop
        if "install" in sys.argv:
            import warnings
            warnings.simplefilter("ignore", DeprecationWarning)
            jloop.install()

    threads = len(os.listdir("/proc/self/task"))
    assert threads == 1, threads

    listening = socket.create_server(("127.0.0.1", 0), backlog=200)
    listening.setblocking(False)

    def worker():
        loop = asyncio.new_event_loop() if "install" in sys.argv else new_event_loop()
        name = type(loop).__module__.split(".")[0]

        async def serve(reader, writer):
            await reader.readline()
            writer.write(f"{os.getpid()} {name}\\n".encode())
            await writer.drain()
            writer.close()

        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            server = await asyncio.start_server(serve, sock=listening)
            await stop.wait()
            server.close()

        loop.run_until_complete(main())
        loop.close()

    workers = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            worker()
            sys.exit(0)
        workers.append(pid)

    seen, names = set(), set()
    deadline = time.monotonic() + 60
    while len(seen) < 3 and time.monotonic() < deadline:
        with socket.create_connection(listening.getsockname()) as client:
            client.sendall(b"who\\n")
            pid, name = client.makefile().readline().split()
        seen.add(int(pid))
        names.add(name)
        time.sleep(0.005)
    assert seen == set(workers), (seen, workers)
    say(*names)
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
    say(*{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers})
    if "parent" in sys.argv:
        loop = new_event_loop()
        loop.run_until_complete(echo())
        loop.close()
        say("parent too")
"""


@pytest.mark.parametrize("way", ["import", "import parent"])
def test_workers_of_a_parent_that_only_imported_jloop(child: Child, way: str) -> None:
    out = f"{child.loop}\n0\n" + ("parent too\n" if "parent" in way else "")
    child.run(SERVER, *way.split(), out=out)


def test_workers_of_a_parent_that_installed_jloop(jloop_child: Child) -> None:
    jloop_child.run(SERVER, "install", out="jloop\n0\n")


def test_import_starts_no_jvm(jloop_child: Child) -> None:
    jloop_child.run(
        """
        import os
        import jloop
        print(len(os.listdir("/proc/self/task")), "libjvm" in open("/proc/self/maps").read())
        jloop.new_event_loop().close()
        print("libjvm" in open("/proc/self/maps").read())
        """,
        out="1 False\nTrue\n",
    )
