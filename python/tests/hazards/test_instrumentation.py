"""Tracers, profilers, debug allocators and strict flags see a program on jloop as they see it on asyncio."""

from __future__ import annotations

import re
import sys

import pytest

from .child import Child

COUNTED = """
    import asyncio, sys, threading
    from underloop import callbacks, load, new_event_loop, run, say

    def counted(*arguments):
        pass

    class Counted(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            counted()

        def data_received(self, data):
            counted()

        def connection_lost(self, error):
            counted()

    async def work():
        loop = asyncio.get_running_loop()
        for _ in range(500):
            loop.call_soon(counted)
            loop.call_later(0.001, counted, 1)
            loop.call_soon_threadsafe(counted, 1, 2)
        server = await loop.create_server(Counted, "127.0.0.1", 0)
        for _ in range(10):
            transport, protocol = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
            transport.write(b"x")
            await asyncio.sleep(0.005)
            transport.close()
            await asyncio.sleep(0.005)
        server.close()
        await asyncio.sleep(0.01)

    loop = new_event_loop()
    load(loop)
"""
CALLS = 500 * 3 + 10 * 3


@pytest.mark.parametrize("set_it", ["sys.settrace", "sys.setprofile"])
def test_trace_functions_see_every_call(child: Child, set_it: str) -> None:
    child.run(
        COUNTED
        + f"""
    calls = 0

    def trace(frame, event, argument):
        global calls
        if event == "call" and frame.f_code is counted.__code__:
            calls += 1
        return trace

    {set_it}(trace)
    loop.run_until_complete(work())
    {set_it}(None)
    load(loop)
    loop.close()
    say(calls)
    """,
        out=f"{CALLS}\n",
    )


def test_trace_functions_that_raise(child: Child) -> None:
    child.run(
        COUNTED
        + """
    class Stop(Exception):
        pass

    def trace(frame, event, argument):
        if frame.f_code is counted.__code__:
            raise Stop
        return trace

    errors = []
    loop.set_exception_handler(lambda loop, context: errors.append(type(context["exception"]).__name__))
    loop.call_soon(sys.settrace, trace)
    loop.call_soon(counted)
    loop.call_soon(loop.stop)
    loop.run_forever()
    sys.settrace(None)
    load(loop)
    loop.close()
    say(*errors)
    """,
        out="Stop\n",
    )


def test_profilers_count_every_call(child: Child) -> None:
    child.run(
        COUNTED
        + """
    import cProfile, pstats
    profile = cProfile.Profile()
    profile.enable()
    loop.run_until_complete(work())
    profile.disable()
    load(loop)
    loop.close()
    for (file, line, name), numbers in pstats.Stats(profile).stats.items():
        if name == "counted":
            say(numbers[0])
    """,
        out=f"{CALLS}\n",
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with CPython 3.12")
def test_monitoring_sees_every_call(child: Child) -> None:
    child.run(
        COUNTED
        + """
    monitoring = sys.monitoring
    started, raised = 0, 0

    def on_start(code, offset):
        global started
        started += code is counted.__code__

    monitoring.use_tool_id(3, "test")
    monitoring.register_callback(3, monitoring.events.PY_START, on_start)
    for event in (monitoring.events.C_RETURN, monitoring.events.CALL, monitoring.events.RAISE, monitoring.events.PY_UNWIND,
                  monitoring.events.LINE):
        monitoring.register_callback(3, event, lambda *_: None)
    monitoring.set_events(3, monitoring.events.PY_START | monitoring.events.CALL | monitoring.events.RAISE
                          | monitoring.events.PY_UNWIND | monitoring.events.LINE)
    loop.run_until_complete(work())
    monitoring.set_events(3, 0)
    monitoring.free_tool_id(3)
    load(loop)
    loop.close()
    say(started)
    """,
        out=f"{CALLS}\n",
    )


@pytest.mark.parametrize("frames", [1, 25])
def test_tracemalloc(child: Child, frames: int) -> None:
    child.run(
        COUNTED
        + f"""
    import gc, tracemalloc
    tracemalloc.start({frames})
    load(loop)
    gc.collect()
    before = tracemalloc.take_snapshot()
    for _ in range(5):
        load(loop)
    gc.collect()
    after = tracemalloc.take_snapshot()
    grown = sum(entry.size_diff for entry in after.compare_to(before, "filename") if "tracemalloc" not in str(entry))
    assert grown < 500_000, grown
    tracemalloc.stop()
    load(loop)
    tracemalloc.start()
    loop.close()
    say("done")
    """,
        out="done\n",
    )


WORK = """
    import sys
    if "path" in sys.argv:
        sys.path[:0] = sys.argv[-1].split(":")
    import asyncio, os
    os.environ.setdefault("UNDER_LOOP", sys.argv[1])
    from underloop import callbacks, load, new_event_loop, say, timers

    loop = new_event_loop()
    load(loop, 2)
    handles = [loop.call_soon(int) for _ in range(5000)]
    later = [loop.call_later(0, list, []) for _ in range(5000)]
    load(loop)
    del handles, later
    load(loop)
    loop.close()
    say("done")
"""


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONMALLOC": "debug"},
        {"PYTHONMALLOC": "malloc"},
        {"PYTHONMALLOC": "malloc_debug"},
        {"PYTHONMALLOC": "malloc", "MALLOC_PERTURB_": "165", "MALLOC_CHECK_": "3"},
        {"PYTHONHASHSEED": "0"},
        {"PYTHONUTF8": "0", "LC_ALL": "C"},
        {"PYTHONUNBUFFERED": "1"},
        {"PYTHONNODEBUGRANGES": "1"},
        {"PYTHONPROFILEIMPORTTIME": ""},
        {"PYTHON_PERF_JIT_SUPPORT": "0"},
        {"TZ": "Asia/Kathmandu"},
        {"HOME": "/nonexistent"},
        {"TMPDIR": "/nonexistent"},
        {"PATH": "/nonexistent"},
    ],
    ids=lambda env: " ".join(f"{name}={value}" for name, value in env.items()),
)
def test_work_under_a_variable(child: Child, env: dict[str, str]) -> None:
    """Debug allocators overwrite what is freed and check their fences: use after free and wrong allocators show."""
    child.run(WORK, child.loop, env=env, out="done\n")


@pytest.mark.parametrize(
    "options", ["-X dev", "-bb", "-O", "-OO", "-u", "-W error", "-s", "-E path", "-I path", "-S path", "-P", "-B"]
)
def test_work_under_an_option(child: Child, options: str) -> None:
    if options == "-P" and sys.version_info < (3, 11):
        pytest.skip("-P came with CPython 3.11")
    words = options.replace(" path", "").split()
    paths = ":".join(
        re.sub(r"^$", "/nonexistent", path) for path in [*child.environment({})["PYTHONPATH"].split(":"), *sys.path]
    )
    # -W error: warnings that nobody can catch are printed, and there must be none
    child.run(WORK, child.loop, *(["path", paths] if "path" in options else []), options=tuple(words), out="done\n")


def test_threads_that_switch_all_the_time(child: Child) -> None:
    child.run(
        COUNTED
        + """
    sys.setswitchinterval(1e-6)
    stop = False

    def spin():
        while not stop:
            pass

    spinners = [threading.Thread(target=spin) for _ in range(3)]
    for spinner in spinners:
        spinner.start()
    loop.run_until_complete(callbacks(5000))
    loop.run_until_complete(work())
    stop = True
    for spinner in spinners:
        spinner.join()
    loop.close()
    say("done")
    """,
        out="done\n",
    )


def test_audit_hooks(child: Child) -> None:
    child.run(
        COUNTED
        + """
    events = set()
    sys.addaudithook(lambda event, arguments: events.add(event))
    loop.run_until_complete(work())
    load(loop)
    loop.close()
    assert "socket.connect" in events or "socket.bind" in events, events
    say("done")
    """,
        out="done\n",
    )
