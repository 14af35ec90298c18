"""A forked child has the JVM's memory and none of its threads; it gets CPython's own loops, and its parent's loops stay whole."""

from __future__ import annotations

import re

import pytest

from .child import Child, has_line

ONE_WARNING = re.compile(r"(?s)[^\n]*RuntimeWarning: [^\n]*fork[^\n]*\n(  [^\n]*\n)?")

# CPython 3.12 and later say so themselves when a process with several threads forks; a process with a JVM is one.
FORK = """
    import warnings
    warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
    import asyncio, gc, os, signal, sys, threading, time
    from underloop import collect, descriptors, echo, load, mixed, new_event_loop, run, say

    def forked(body, leave=os._exit):
        pid = os.fork()
        if pid == 0:
            try:
                status = body() or 0
            except SystemExit:
                raise
            except BaseException:
                import traceback
                traceback.print_exc()
                status = 99
            leave(status)
        return reap(pid)

    def reap(pid):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "hung"

    def quiet(body):
        def quietly():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return body()
        return quietly
"""


def with_fork(program: str) -> str:
    return FORK + program


def test_a_child_gets_the_standard_loop_and_one_warning(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    import jloop
    load(new_event_loop())

    def body():
        first = jloop.new_event_loop()
        second = jloop.new_event_loop()
        for loop in (first, second):
            assert not isinstance(loop, jloop.Loop), loop
            assert isinstance(loop, asyncio.SelectorEventLoop), loop
            load(loop)
            loop.close()

    say(forked(body))
    """),
        out="0\n",
        err=ONE_WARNING,
    )


@pytest.mark.parametrize("way", ["run", "Runner", "policy", "asyncio.run"])
def test_every_way_to_a_loop_works_in_a_child(child: Child, way: str) -> None:
    if way == "Runner":
        call = "asyncio.Runner(loop_factory=factory).run(mixed())"
    elif way == "policy":
        call = "asyncio.set_event_loop_policy(policy()); asyncio.run(mixed())"
    elif way == "asyncio.run":
        call = "asyncio.run(mixed())"
    else:
        call = "run(mixed())"
    child.run(
        with_fork(f"""
    if {child.loop == "jloop"}:
        import jloop
        factory, policy = jloop.new_event_loop, getattr(jloop, "EventLoopPolicy", None)
    else:
        factory, policy = asyncio.SelectorEventLoop, lambda: asyncio.DefaultEventLoopPolicy()  # 3.14 warns of the name
    if {way == "Runner"} and sys.version_info < (3, 11):
        asyncio.Runner = type("Runner", (), dict(__init__=lambda self, loop_factory: None, run=lambda self, main: run(main)))
    run(mixed())
    warnings.simplefilter("ignore")
    def body():
        {call}

    say(forked(body))
    say(forked(body))
    run(mixed())
    """),
        out="0\n0\n",
    )


def test_running_the_inherited_loop_is_a_runtime_error(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    loop = new_event_loop()
    load(loop)
    future = loop.create_future()

    def body():
        for attempt in (loop.run_forever, lambda: loop.run_until_complete(future)):
            try:
                attempt()
            except RuntimeError as error:
                assert "fork" in str(error), error
            else:
                return 1

    say(forked(quiet(body)))
    load(loop)
    loop.close()
    """),
        out="0\n",
    )


@pytest.mark.parametrize(
    "use",
    [
        "loop.call_soon(print, 1)",
        "loop.call_later(0, print, 1)",
        "loop.call_soon_threadsafe(print, 1)",
        "loop.time()",
        "loop.is_running(), loop.is_closed(), repr(loop)",
        "loop.stop()",
        "loop.add_reader(0, print)",
        "loop.create_future().set_result(1)",
        "loop.set_debug(True)",
        "loop.get_exception_handler(), loop.get_task_factory()",
        "transport.write(b'x'); transport.write(b'y' * 10_000_000)",
        "transport.close()",
        "transport.abort()",
        "transport.pause_reading(); transport.resume_reading()",
        "transport.get_extra_info('socket'), transport.get_write_buffer_size(), repr(transport)",
        "server.close()",
        "handle.cancel(); timer.cancel(); repr(handle), repr(timer)",
        "loop.close()",
    ],
)
def test_touching_what_was_inherited_neither_crashes_nor_hangs(jloop_child: Child, use: str) -> None:
    """Each use may work or raise an ordinary exception; the child then exits as it should and the parent goes on."""
    jloop_child.run(
        with_fork(f"""
    class Peer(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"hello")

    loop = new_event_loop()
    server = loop.run_until_complete(loop.create_server(Peer, "127.0.0.1", 0))
    transport, protocol = loop.run_until_complete(
        loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
    loop.run_until_complete(asyncio.sleep(0.01))
    handle, timer = loop.call_soon(int), loop.call_later(3600, int)

    def body():
        try:
            {use}
        except Exception as error:
            assert str(error), repr(error)
        collect()

    say(forked(quiet(body)))
    say(forked(quiet(body), leave=sys.exit))
    """),
        out=re.compile(r"0\n0\n"),
    )


def test_a_child_that_drops_the_inherited_loop_leaves_the_parents_alone(jloop_child: Child) -> None:
    """epoll sets are shared by fork: a child that unregisters a descriptor takes it from its parent."""
    jloop_child.run(
        with_fork("""
    import socket
    loop = new_event_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    got = []
    loop.add_reader(ours, lambda: got.append(ours.recv(100)))

    async def connect():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return server, await asyncio.open_connection(*server.sockets[0].getsockname())

    async def serve(reader, writer):
        while data := await reader.read(100):
            writer.write(data)

    async def ask(stream):
        stream[1].write(b"ping")
        return await asyncio.wait_for(stream[0].readexactly(4), 10)

    server, stream = loop.run_until_complete(connect())
    assert loop.run_until_complete(ask(stream)) == b"ping"

    def body():
        global loop, server, stream
        for last in ("remove_reader", "abort", "close", "drop"):
            try:
                if last == "remove_reader":
                    loop.remove_reader(ours)
                elif last == "abort":
                    stream[1].transport.abort()
                elif last == "close":
                    server.close()
                else:
                    del loop, server, stream
            except RuntimeError:
                pass
            collect()

    say(forked(quiet(body), leave=sys.exit))
    assert loop.run_until_complete(ask(stream)) == b"ping"
    theirs.send(b"still")
    loop.run_until_complete(asyncio.sleep(0.05))
    say(got)
    threading.Timer(0.1, loop.call_soon_threadsafe, [loop.stop]).start()
    loop.run_forever()
    say("woken")
    stream[1].close()
    loop.run_until_complete(stream[1].wait_closed())
    server.close()
    load(loop)
    loop.close()
    """),
        out="0\n[b'still']\nwoken\n",
    )


@pytest.mark.parametrize("leave", ["os._exit(7)", "sys.exit(7)"])
def test_a_child_forked_in_a_callback_can_leave(child: Child, leave: str) -> None:
    child.run(
        with_fork(f"""
    loop = new_event_loop()

    def callback():
        pid = os.fork()
        if pid == 0:
            {leave}
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    loop.call_soon(callback)
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    load(loop if {child.loop == "jloop"} else new_event_loop())  # the child's exit breaks stock asyncio's epoll set
    """),
        out="7\n",
    )


def test_a_child_that_returns_to_the_running_loop_gets_a_runtime_error(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    loop = new_event_loop()
    parent = os.getpid()
    pids = []
    loop.call_soon(lambda: pids.append(os.fork()))
    loop.call_soon(lambda: os.getpid() == parent or say("a callback ran in the child"))
    try:
        loop.run_until_complete(asyncio.sleep(0.05))
    except RuntimeError as error:
        assert os.getpid() != parent
        assert "fork" in str(error), error
        os._exit(7)
    say(os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]))
    load(loop)
    loop.close()
    """),
        out="7\n",
    )


@pytest.mark.parametrize("leave", ["return", "raise ValueError('mine')", "sys.exit(7)"])
def test_many_children_leave_the_running_loop(jloop_child: Child, leave: str) -> None:
    """The way out leads through Java, whose other threads are in the parent with the locks that they held."""
    jloop_child.run(
        with_fork(f"""
    loop = new_event_loop()
    parent = os.getpid()
    statuses = []

    def child():
        {leave}

    def callback(left):
        if not left:
            loop.stop()
            return
        loop.call_soon(callback, left - 1)
        pid = os.fork()
        if pid == 0:
            return child()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                statuses.append(os.waitstatus_to_exitcode(status))
                return
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        statuses.append("hung")

    loop.call_soon(callback, 20)
    try:
        loop.run_forever()
    except RuntimeError as error:
        assert os.getpid() != parent
        assert "fork" in str(error), error
        assert ("mine" in str(error.__cause__)) == {"ValueError" in leave}
        os._exit(7)
    say(set(statuses))
    load(loop)
    loop.close()
    """),
        out="{7}\n",
    )


def test_no_destructor_and_no_collection_enters_java_in_a_child(jloop_child: Child) -> None:
    """Hooks of others run first there. Entering Java from a thread that it does not know hung one time in forty."""
    jloop_child.run(
        with_fork("""
    def first():
        collect()
        things.clear()
        from jloop import _jvm
        assert _jvm._type_slots
        for address, value in _jvm._type_slots.items():
            assert _jvm.read_long(address) == value

    def failed(*_):
        os._exit(9)

    os.register_at_fork(after_in_child=first)
    sys.unraisablehook = failed
    loop = new_event_loop()
    things = [loop.call_later(60, list, []) for _ in range(100)]
    from jloop import _jvm
    javas = [_jvm.read_long(address) for address in _jvm._type_slots]
    statuses = []
    thread = threading.Thread(target=lambda: statuses.extend(forked(int) for _ in range(20)))
    thread.start()
    while thread.is_alive():
        load(loop)
    say(set(statuses))
    assert javas == [_jvm.read_long(address) for address in _jvm._type_slots]
    things.clear()
    loop.close()
    """),
        out="{0}\n",
    )


def test_what_a_callback_wrote_before_it_forked_is_sent_once(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.write(data)
            pid = os.fork()
            if pid:
                assert os.waitpid(pid, 0)[1] == 7 << 8

    loop = new_event_loop()
    parent = os.getpid()

    async def main():
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(5):
            writer.write(b"%d" % number)
            await asyncio.sleep(0.02)
        say(await reader.readexactly(5))
        writer.write_eof()
        say(await reader.read())
        server.close()

    try:
        loop.run_until_complete(main())
    except RuntimeError:
        os._exit(7 if os.getpid() != parent else 1)
    loop.close()
    """),
        out="b'01234'\nb''\n",
    )


def test_a_callback_that_forks_while_java_collects(jloop_child: Child) -> None:
    """The child has to leave through Java, where nobody ends the collection's stop that it was forked in."""
    jloop_child.run(
        with_fork("""
    import ctypes
    from jloop import _jvm

    def collect_java():  # System.gc() without the GIL, with pauses in which a fork can find nothing under way
        with _jvm._machine._environment() as jni:
            system = jni.call(_jvm._FIND_CLASS, ctypes.c_void_p, ctypes.c_char_p(b"java/lang/System"))
            names = ctypes.c_char_p(b"gc"), ctypes.c_char_p(b"()V")
            gc = jni.call(_jvm._GET_STATIC_METHOD_ID, ctypes.c_void_p, ctypes.c_void_p(system), *names)
            prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
            call = prototype(jni._functions[_jvm._CALL_STATIC_VOID_METHOD_A])
            while not done:
                call(jni._object, system, gc, None)
                time.sleep(0.01)

    def fork():
        pid = os.fork()
        if pid:
            statuses.add(reap(pid))

    async def main():
        for _ in range(30):
            loop.call_soon(fork)
            await asyncio.sleep(0.003)

    loop = new_event_loop()
    kept = [loop.call_later(1000, print) for _ in range(100_000)]  # a collection takes a while
    parent, done, statuses = os.getpid(), False, set()
    thread = threading.Thread(target=collect_java)
    thread.start()
    try:
        loop.run_until_complete(main())
    except RuntimeError:
        os._exit(7 if os.getpid() != parent else 1)
    done = True
    thread.join()
    say(statuses)
    for handle in kept:
        handle.cancel()
    loop.close()
    """),
        out="{7}\n",
    )


def test_callbacks_that_fork_in_several_threads_leave_the_jvm_as_it_was(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    from jloop import _hotspot, _jvm

    def fork(loop, times):
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        if times:
            loop.call_soon(fork, loop, times - 1)
        else:
            loop.stop()

    def run_one():
        loop = new_event_loop()
        loop.call_soon(fork, loop, 40)
        loop.run_forever()
        loop.close()

    new_event_loop().close()
    compiles = lambda: _jvm.read_long(_hotspot.compiler_flags()[0]) & 0xFF
    slots = lambda: [_jvm.read_long(address) for address in _jvm._type_slots]
    compiled, javas = compiles(), slots()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=run_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(compiled, compiles(), slots() == javas)
    """),
        out="1 1 True\n",
    )


def test_a_signal_handler_that_forks_in_the_wait(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    loop = new_event_loop()
    parent = os.getpid()
    pids = []
    signal.signal(signal.SIGALRM, lambda *_: pids.append(os.fork()))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    loop.call_later(0.3, lambda: os.getpid() == parent or say("a callback ran in the child"))
    try:
        loop.run_until_complete(asyncio.sleep(0.5))
    except RuntimeError:
        os._exit(7 if os.getpid() != parent else 1)
    say(os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]))
    loop.close()
    """),
        out="7\n",
    )


def test_a_child_forked_in_a_callback_runs_a_loop_of_its_own(child: Child) -> None:
    child.run(
        with_fork("""
    warnings.simplefilter("ignore")
    def body():
        assert asyncio._get_running_loop() is None
        asyncio.run(mixed())
        run(mixed())


    async def main():
        for _ in range(3):
            say(forked(body))
            await mixed()

    run(main())
    """),
        out="0\n0\n0\n",
    )


def test_forks_in_a_thread_while_the_loop_is_busy(child: Child) -> None:
    child.run(
        with_fork("""
    warnings.simplefilter("ignore")
    def body():
        run(echo(2, 5))

    def fork_often():
        time.sleep(0.05)
        return {forked(body) for _ in range(20)}

    async def main():
        forks = asyncio.get_running_loop().run_in_executor(None, fork_often)
        while not forks.done():
            await mixed()
        say(await forks)

    run(main())
    """),
        out="{0}\n",
        limit=150,
    )


def test_forks_in_a_thread_while_the_loop_is_in_its_wait(child: Child) -> None:
    child.run(
        with_fork("""
    warnings.simplefilter("ignore")
    async def main():
        say(await asyncio.get_running_loop().run_in_executor(None, forked, lambda: run(mixed())))
        await mixed()

    run(main())
    """),
        out="0\n",
    )


@pytest.mark.parametrize("kept", ["globals", "cycle", "thread"])
def test_a_child_collects_what_it_inherited_and_exits(jloop_child: Child, kept: str) -> None:
    """Handles, timers, transports, servers and the loop itself are freed in the child, at exit or by the collector.

    Not on asyncio: there the child's exit closes the loop and takes the wake-up descriptor from the parent's epoll set.
    """
    jloop_child.run(
        with_fork(f"""
    warnings.simplefilter("ignore")
    loop = new_event_loop()
    things = [loop.call_soon(int) for _ in range(1000)] + [loop.call_later(60 + i, list, []) for i in range(1000)]
    server = loop.run_until_complete(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    for _ in range(10):
        things += loop.run_until_complete(loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()))
    things += [loop.call_soon(list, []) for _ in range(1000)]
    if {kept == "cycle"}:
        things.append(things)

    def body():
        global things, loop, server
        if {kept == "cycle"}:
            del things, loop, server
            collect()
        elif {kept == "thread"}:
            thread = threading.Thread(target=things.clear)
            thread.start()
            thread.join()
            collect()

    say(forked(body, sys.exit))
    load(loop)
    """),
        out="0\n",
    )


def test_a_child_that_execs_starts_afresh(child: Child) -> None:
    child.run(
        with_fork("""
    loop = new_event_loop()
    load(loop)
    again = "from underloop import *; load(new_event_loop()); say('again')"

    def body():
        os.execv(sys.executable, [sys.executable, "-c", again])

    loop.call_soon(lambda: say(forked(body)))
    load(loop)
    say(forked(body))
    loop.close()
    """),
        out="again\n0\nagain\n0\n",
    )


def test_exec_in_a_callback_replaces_the_program(child: Child) -> None:
    child.run(
        """
        import os, sys
        from underloop import load, new_event_loop
        loop = new_event_loop()
        load(loop)
        again = "from underloop import *; load(new_event_loop()); say('again')"
        loop.call_soon(os.execv, sys.executable, [sys.executable, "-c", again])
        loop.run_forever()
        """,
        out="again\n",
    )


def test_subprocesses_with_a_preexec_function_start_from_the_running_loop(child: Child) -> None:
    child.run(
        """
        import asyncio, os, subprocess, warnings
        from underloop import mixed, run, say
        warnings.simplefilter("ignore", DeprecationWarning)

        async def main():
            for _ in range(10):
                process = await asyncio.create_subprocess_exec("sh", "-c", "echo $X", stdout=subprocess.PIPE,
                                                               preexec_fn=lambda: os.environ.update(X="1"), env={"X": "2"})
                assert await process.communicate() == (b"2\\n", None)
                await mixed()
        run(main())
        say("done")
        """,
        out="done\n",
    )


def test_grandchildren(child: Child) -> None:
    child.run(
        with_fork("""
    warnings.simplefilter("ignore")
    run(mixed())

    def grandchild():
        run(mixed())

    def body():
        run(mixed())
        return forked(grandchild, sys.exit)

    say(forked(body, sys.exit))
    """),
        out="0\n",
    )


def test_the_warning_names_what_to_do(jloop_child: Child) -> None:
    jloop_child.run(
        with_fork("""
    import jloop
    load(new_event_loop())
    say(forked(lambda: jloop.new_event_loop().close()))
    """),
        out=has_line("0"),
        err=re.compile(r"(?s).*RuntimeWarning: .*(spawn|forkserver|before|exec).*"),
    )
