"""What starting a JVM does to a process that nobody looks at: locale, limits, environment, descriptors, names.

HotSpot by itself raises the limit of open files, sets the locale, takes signals and leaves files in the temporary folder.
"""

from __future__ import annotations

import textwrap

import pytest

from .child import Child

SNAPSHOT = """
    import ctypes, locale, os, resource, signal, sys
    from underloop import load, new_event_loop, say

    libc = ctypes.CDLL(None)
    libc.setlocale.restype = ctypes.c_char_p
    libc.getenv.restype = ctypes.c_char_p

    def status(*wanted):
        with open("/proc/self/status") as lines:
            return {line.split(":")[0]: line.split(":")[1].strip() for line in lines if line.split(":")[0] in wanted}

    def snapshot():
        return {
            "locale": [libc.setlocale(number, None) for number in range(13)],
            "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
            "environment": dict(os.environ),
            "C environment": open("/proc/self/environ").read(),
            "library path": libc.getenv(b"LD_LIBRARY_PATH"),
            "folder": os.getcwd(),
            "umask": [os.umask(0o22), os.umask(0o22)][1],
            "name": open("/proc/self/comm").read(),
            "blocking": [os.get_blocking(number) for number in range(3)],
            "process group": (os.getpgid(0), os.getsid(0)),
            "nice": os.nice(0),
            "affinity": os.sched_getaffinity(0),
            "scheduler": os.sched_getscheduler(0),
            "handlers": {number: str(signal.getsignal(number)) for number in signal.valid_signals()},
            "blocked": status("SigBlk", "NoNewPrivs", "Seccomp", "THP_enabled"),
            "recursion": sys.getrecursionlimit(),
            "switch interval": sys.getswitchinterval(),
            "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, sys.gettrace(), sys.getprofile()),
            "dlopen flags": sys.getdlopenflags(),
            "wakeup": signal.set_wakeup_fd(-1),
            "timers": [signal.getitimer(number) for number in range(3)],
            "numbers": (0.1 + 0.2, 5e-324 * 0.5, 5e-324 + 0.0, float("1.5"), "%.2f" % 2.675),
        }

    def differences(before, after):
        return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
"""


def test_the_process_is_what_it_was(child: Child) -> None:
    child.run(
        SNAPSHOT
        + """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    before = snapshot()
    loop = new_event_loop()
    load(loop)
    say(differences(before, snapshot()))
    loop.close()
    say(differences(before, snapshot()))
    """,
        out="{}\n{}\n",
    )


def test_children_inherit_neither_descriptors_nor_signals(child: Child) -> None:
    """Without `close_fds` a child gets every descriptor that is not marked close-on-exec."""
    child.run(
        SNAPSHOT
        + """
    import subprocess
    ask = "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1], *[line for line in open('/proc/self/status') if line.startswith(('SigB', 'SigI', 'SigC'))])"

    def child():
        return subprocess.run([sys.executable, "-S", "-c", ask], close_fds=False, capture_output=True, text=True, check=True).stdout

    before = child()
    loop = new_event_loop()
    load(loop)
    say(child() == before or (before, child()))
    loop.close()
    """,
        out="True\n",
    )


def test_no_files_are_left_in_the_temporary_folder(child: Child) -> None:
    child.run(
        """
        import glob, os
        from underloop import load, new_event_loop, say

        def left():
            return {*glob.glob(f"/tmp/hsperfdata_*/{os.getpid()}"), *glob.glob(f"/tmp/.java_pid{os.getpid()}")}

        before = left()  # of a process that had this number
        loop = new_event_loop()
        load(loop)
        say(sorted(left() - before))
        loop.close()
        """,
        out="[]\n",
    )


def test_standard_streams_may_be_closed(child: Child) -> None:
    """A daemon's descriptors 0, 1 and 2 are free: what the JVM opens or prints then must not land in a socket of the program."""
    child.run(
        """
        import os, sys
        from underloop import load
        for number in range(3):
            os.close(number)
        import socket
        ends = [*socket.socketpair(), *socket.socketpair()]
        assert {end.fileno() for end in ends} >= {0, 1, 2}, ends
        from underloop import new_event_loop
        loop = new_event_loop()
        load(loop)
        loop.close()
        for end in ends:
            end.setblocking(False)
            try:
                os._exit(2 if end.recv(100) else 3)
            except BlockingIOError:
                pass
        os._exit(7)
        """,
        status=7,
    )


def test_few_descriptors_and_threads_are_used(jloop_child: Child) -> None:
    """A bound, so that growth is noticed: the JVM's own threads and files, and a loop's."""
    jloop_child.run(
        """
        from underloop import descriptors, kernel_threads, load, new_event_loop, say
        before = descriptors()
        loop = new_event_loop()
        load(loop)
        assert descriptors() - before < 12, descriptors()
        assert kernel_threads() < 25, kernel_threads()
        loops = [new_event_loop() for _ in range(10)]
        for each in loops:
            load(each)
        assert descriptors() - before < 12 + 10 * 6, descriptors()
        assert kernel_threads() < 25, kernel_threads()
        for each in [loop, *loops]:
            each.close()
        say("done")
        """,
        out="done\n",
    )


IMPORTED_AGAIN = """
    import asyncio, importlib, sys

    def run(jloop):
        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            server.close()
            if DATAGRAMS:
                transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
                transport.close()
            return type(loop)

        return jloop.run(main())

    import jloop
    classes = {run(jloop)} if RUN_FIRST else set()
    for again in range(3):
        outer = dict(sys.modules)
        classes.add(run(importlib.import_module("jloop")))
        classes.add(importlib.import_module("jloop").Loop)
        if WHOLE:
            for name in [name for name in sys.modules if name.partition(".")[0] == "jloop"]:
                del sys.modules[name]
        else:  # as pytester does
            sys.modules.clear()
            sys.modules.update(outer)
    print(len(classes))
"""


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("datagrams", [False, True])
@pytest.mark.parametrize("run_first", [False, True])
def test_modules_may_be_taken_out_and_imported_again(
    jloop_child: Child, whole: bool, datagrams: bool, run_first: bool
) -> None:
    settings = f"WHOLE, DATAGRAMS, RUN_FIRST = {whole}, {datagrams}, {run_first}\n"
    jloop_child.run(settings + textwrap.dedent(IMPORTED_AGAIN), out="1\n")
