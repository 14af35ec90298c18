"""The process ends while loops, connections, timers and threads are still there: status, silence, no hang.

A thread that waits in the loop must not come back into an interpreter that is being taken down, and no callback may be made then.
"""

from __future__ import annotations

import re
import signal

import pytest

from .child import Child

OPEN = {
    "a loop that never ran": "",
    "a loop that ran": "load(loop)",
    "callbacks pending": "load(loop); things = [loop.call_soon(print, index) for index in range(1000)]",
    "timers pending": "load(loop); things = [loop.call_later(60, print, index) for index in range(5000)]",
    "timers overdue": "load(loop); things = [loop.call_later(0, print, index) for index in range(1000)]; time.sleep(0.01)",
    "threads' callbacks pending": "load(loop); things = [loop.call_soon_threadsafe(print, 1) for index in range(1000)]",
    "a reader": "ours, theirs = socket.socketpair(); loop.add_reader(ours, print); theirs.send(b'x')",
    "a signal handler": "loop.add_signal_handler(signal.SIGUSR1, print); os.kill(os.getpid(), signal.SIGUSR1)",
    "a server": "server = loop.run_until_complete(loop.create_server(asyncio.Protocol, '127.0.0.1', 0))",
    "connections": "things = loop.run_until_complete(connect())",
    "connections in a cycle": "things = loop.run_until_complete(connect()); things.append(things)",
    "unsent bytes": "things = loop.run_until_complete(connect()); things[0][0].write(bytes(10_000_000))",
    "unread bytes": "things = loop.run_until_complete(connect()); things[0][0].write(bytes(1000)); time.sleep(0.01)",
    "a datagram endpoint": "things = loop.run_until_complete(loop.create_datagram_endpoint("
    "asyncio.DatagramProtocol, ('127.0.0.1', 0)))",
    "an executor": "loop.run_until_complete(loop.run_in_executor(None, int)); things = loop.run_in_executor(None, time.sleep, 0.3)",
    "a closed loop": "load(loop); loop.close()",
    "ten loops": "loops = [new_event_loop() for _ in range(10)]; [load(loop) for loop in loops]",
    "a loop set as current": "asyncio.set_event_loop(loop); load(loop)",
}

PROGRAM = """
    import asyncio, atexit, gc, os, signal, socket, sys, threading, time, types
    from underloop import callbacks, collect, echo, load, mixed, new_event_loop, run, say

    async def connect():
        loop = asyncio.get_running_loop()
        accepted = []

        class Accepted(asyncio.Protocol):
            def connection_made(self, transport):
                self.transport = transport
                accepted.append(self)

        server = await loop.create_server(Accepted, "127.0.0.1", 0)
        things = [await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname()) for _ in range(20)]
        while len(accepted) < 20:
            await asyncio.sleep(0.001)
        return [*things, server, accepted]
"""


@pytest.mark.parametrize(
    ("what", "end"),
    [(what, end) for what in OPEN for end in ("", "del loop; collect()")]
    + [("connections", "sys.exit(3)"), ("connections", "os._exit(3)"), ("timers pending", "os._exit(3)")],
)
def test_exit_with_something_open(child: Child, what: str, end: str) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    {OPEN[what]}
    say("done")
    {end}
    """,
        out="done\n",
        status=3 if "exit" in end else 0,
        limit=30,
    )


def test_exit_by_an_exception_with_connections_open(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    loop = new_event_loop()
    things = loop.run_until_complete(connect())
    raise ValueError("the end")
    """,
        status=1,
        err=re.compile(r"Traceback \(most recent call last\):\n(  .*\n)+ValueError: the end\n"),
        limit=30,
    )


def test_a_loop_whose_sockets_were_finalized_first_is_dropped_silently(jloop_child: Child) -> None:
    """The collector finalizes what hangs together in no particular order."""
    jloop_child.run(
        PROGRAM
        + """
    loop = new_event_loop()
    load(loop)
    loop._ssock.close()
    loop._csock.close()
    del loop
    collect()
    say("done")
    """,
        out="done\n",
        limit=30,
    )


THREADS = {
    "idle": "loop.run_forever()",
    "many timers": "[tick() for _ in range(10)]; loop.run_forever()",
    "busy": "spin(); loop.run_forever()",
    "busy with bytes": "things = loop.run_until_complete(play()); loop.run_forever()",
    "in time.sleep": "loop.call_soon(time.sleep, 100); loop.run_forever()",
    "in short sleeps": "nap(); loop.run_forever()",
    "in a Python loop": "loop.call_soon(endless); loop.run_forever()",
    "starting": "[new_event_loop().close() for _ in range(10**6)]",
}

THREAD = (
    PROGRAM
    + """
    def tick():
        loop.call_later(0.0005, tick)

    def spin():
        loop.call_soon(spin)

    def nap():
        time.sleep(0.0003)
        loop.call_soon(nap)

    def endless():
        while True:
            pass

    class Ball(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            transport.write(b"x" * 1000)

        def data_received(self, data):
            self.transport.write(data)

    async def play():
        # bytes go to and fro between protocols from now on, without any task to be missed at the end
        loop = asyncio.get_running_loop()
        things = [await loop.create_server(Ball, "127.0.0.1", 0)]
        for _ in range(5):
            things.append(await loop.create_connection(Ball, *things[0].sockets[0].getsockname()))
        return things

    class Slow:
        def __del__(self):
            for _ in range(30):
                time.sleep(0.01)  # gives the lock away, so that other threads find the interpreter going down
"""
)


@pytest.mark.parametrize("ending", ["quick", "slow", "sys.exit", "atexit"])
@pytest.mark.parametrize("what", THREADS)
def test_exit_with_a_loop_in_a_daemon_thread(child: Child, what: str, ending: str) -> None:
    child.run(
        THREAD
        + f"""
    loop = new_event_loop()

    def thread():
        {THREADS[what]}

    threading.Thread(target=thread, daemon=True).start()
    time.sleep(0.3)
    slow = {ending == "slow"} and Slow()
    if {ending == "atexit"}:
        atexit.register(time.sleep, 0.2)
    say("done")
    if {ending == "sys.exit"}:
        sys.exit(3)
    """,
        out="done\n",
        status=3 if ending == "sys.exit" else 0,
        limit=30,
    )


def test_exit_with_several_daemon_threads(child: Child) -> None:
    child.run(
        THREAD
        + """
    def thread(number):
        loop = new_event_loop()
        loop.call_soon(started.release)
        if number % 2:
            things = loop.run_until_complete(play())
        loop.run_forever()

    started = threading.Semaphore(0)
    for number in range(8):
        threading.Thread(target=thread, args=(number,), daemon=True).start()
    for number in range(8):
        started.acquire()
    slow = Slow()
    say("done")
    """,
        out="done\n",
        limit=30,
    )


def test_exit_with_daemon_threads_that_run_callbacks_while_java_collects(child: Child) -> None:
    """Before 3.14 CPython ends a thread that asks for the lock now, and the C library takes its stack away."""
    child.run(
        PROGRAM
        + """
    class Last:
        sleep = staticmethod(time.sleep)
        write = staticmethod(os.write)

        def __del__(self):
            for _ in range(30):
                self.sleep(0.01)  # the other threads find the interpreter going down
            for _ in range(400_000):
                self.loop.call_later(1000, self.sleep)  # fills Java's young generation
            self.write(1, b"late\\n")

    def spin():
        own = new_event_loop()

        def again():
            own.call_soon(again)
            sum(range(100))

        own.call_soon(again)
        own.call_soon(started.release)
        own.run_forever()

    sys.setswitchinterval(1e-5)
    started = threading.Semaphore(0)
    for number in range(24):  # more stacks than the C library keeps
        threading.Thread(target=spin, daemon=True).start()
    for number in range(24):
        started.acquire()
    # not in this module, whose names live as long as the threads' frames
    sys.modules["late"] = types.ModuleType("late")
    sys.modules["late"].last = Last()
    sys.modules["late"].last.loop = new_event_loop()
    say("done")
    """,
        out="done\nlate\n",
        limit=60,
    )


def test_a_loop_in_another_thread_goes_on_after_the_main_thread_ended(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    def thread():
        loop = new_event_loop()
        time.sleep(0.3)
        loop.run_until_complete(callbacks(1000))
        loop.run_until_complete(echo())
        loop.close()
        say("done")

    threading.Thread(target=thread).start()
    """,
        out="done\n",
        limit=30,
    )


RAISERS = {
    "a callback": "loop.call_soon(sys.exit, 3)",
    "a timer": "loop.call_later(0.01, sys.exit, 3)",
    "a callback from another thread": "threading.Timer(0.1, loop.call_soon_threadsafe, [sys.exit, 3]).start()",
    "a task": "keep = loop.create_task(leave())",
    "data_received": "loop.create_task(exchange())",
    "a signal handler": "signal.signal(signal.SIGALRM, lambda *_: sys.exit(3)); signal.setitimer(signal.ITIMER_REAL, 0.1)",
    "a signal handler of the loop": "loop.add_signal_handler(signal.SIGALRM, sys.exit, 3); signal.setitimer(signal.ITIMER_REAL, 0.1)",
    "a reader": "ours, theirs = socket.socketpair(); loop.add_reader(ours, sys.exit, 3); theirs.send(b'x')",
}


@pytest.mark.parametrize("how", RAISERS)
def test_sys_exit_inside(child: Child, how: str) -> None:
    child.run(
        PROGRAM
        + f"""
    async def leave():
        sys.exit(3)

    class Leaver(asyncio.Protocol):
        def data_received(self, data):
            sys.exit(3)

    async def exchange():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Leaver, "127.0.0.1", 0)
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.write(b"leave")

    loop = new_event_loop()
    load(loop)
    {RAISERS[how]}
    say("done")
    loop.run_forever()
    say("not reached")
    """,
        out="done\n",
        # a task keeps what it raised, as asyncio's do
        err="" if how != "a task" else re.compile("(?s).*"),
        status=3,
        limit=30,
    )


@pytest.mark.parametrize("end", ["os._exit(5)", "os.abort()", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_an_abrupt_end_inside_a_callback(child: Child, end: str) -> None:
    child.run(
        PROGRAM
        + f"""
    loop = new_event_loop()
    things = loop.run_until_complete(connect())
    loop.call_soon(lambda: {end})
    loop.run_forever()
    """,
        status=5 if "_exit" in end else -signal.SIGABRT if "abort" in end else -signal.SIGKILL,
        limit=30,
    )


USES = {
    "runs the loop": "some(loop)",
    "makes another loop": "again = new_event_loop(); some(again); again.close()",
    "closes another loop": "other.close()",
    "leaves a run by SystemExit": "leave()",
}


@pytest.mark.parametrize("registered", ["before", "after"])
@pytest.mark.parametrize("use", USES)
def test_loops_are_used_in_atexit_handlers(child: Child, use: str, registered: str) -> None:
    """Handlers run in reverse order: one registered before jloop was imported runs after jloop's own."""
    child.run(
        f"""
        import atexit, sys

        def some(loop):
            # no executor: the standard library's takes no work any more by now
            for part in (callbacks(1000), timers(100), echo()):
                loop.run_until_complete(part)

        def leave():
            loop.call_soon(sys.exit)
            try:
                loop.run_forever()
            except SystemExit:
                pass

        def last():
            {USES[use]}
            some(loop)
            say("at exit")

        if {registered == "before"}:
            atexit.register(last)
        from underloop import callbacks, echo, load, new_event_loop, say, timers
        loop, other = new_event_loop(), new_event_loop()
        load(loop)
        if {registered == "after"}:
            atexit.register(last)
        say("done")
        """,
        out="done\nat exit\n",
        limit=30,
    )


@pytest.mark.parametrize("end", ["os._exit(4)", "raise SystemExit(4)"])
def test_an_atexit_handler_leaves(child: Child, end: str) -> None:
    child.run(
        PROGRAM
        + f"""
    def leave():
        {end}

    loop = new_event_loop()
    things = loop.run_until_complete(connect())
    atexit.register(leave)
    say("done")
    """,
        out="done\n",
        status=4 if "_exit" in end else 0,
        # CPython before 3.14 has no word for SystemExit there, later ones report it like any other
        err=re.compile("(?s).*"),
        limit=30,
    )


def test_a_program_that_lives_in_its_atexit_handler(child: Child) -> None:
    child.run(
        """
        import atexit

        def whole():
            from underloop import callbacks, echo, new_event_loop, say, timers
            loop = new_event_loop()
            for part in (callbacks(10_000), timers(100), echo()):
                loop.run_until_complete(part)
            say("done")

        atexit.register(whole)
        """,
        out="done\n",
        limit=30,
    )


@pytest.mark.parametrize(
    "use",
    [
        "loop.call_soon(int)",
        "loop.call_later(1, int).cancel()",
        "loop.call_soon_threadsafe(int)",
        "transport.write(b'x')",
        "transport.close()",
        "loop.close()",
        "handle.cancel(); repr(handle)",
        "loop.time(); repr(loop)",
        "new_event_loop().close()",
    ],
)
@pytest.mark.parametrize("holder", ["module", "builtins", "cycle"])
def test_a_finalizer_uses_the_loop_while_modules_are_taken_down(child: Child, use: str, holder: str) -> None:
    """Whatever it gives there, an ordinary exception at most: no crash, no output."""
    child.run(
        PROGRAM
        + f"""
    import builtins

    class Last:
        def __del__(self, loop=new_event_loop(), new_event_loop=new_event_loop):
            transport, handle = self.transport, self.handle
            try:
                {use}
            except Exception:
                pass

    loop = new_event_loop()
    last = Last()
    things = loop.run_until_complete(connect())
    last.transport = things[0][0]
    last.handle = loop.call_later(60, int)
    if {holder == "builtins"}:
        builtins.last = last
        del last
    elif {holder == "cycle"}:
        last.self = last
        del last
    say("done")
    """,
        out="done\n",
        limit=30,
    )


def test_weakref_finalizers_close_loops_at_exit(child: Child) -> None:
    child.run(
        PROGRAM
        + """
    import weakref
    loop = new_event_loop()
    load(loop)
    things = loop.run_until_complete(connect())

    def finish(loop):
        for transport, protocol in things[:20]:
            transport.close()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        say("finished")

    weakref.finalize(loop, finish, loop)
    say("done")
    """,
        out="done\nfinished\n",
        limit=30,
    )


@pytest.mark.parametrize("what", ["async generator", "subprocess", "task"])
def test_exit_with_coroutines_alive(child: Child, what: str) -> None:
    child.run(
        PROGRAM
        + f"""
    async def numbers():
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            pass

    async def forever():
        await asyncio.sleep(1000)

    async def main():
        global keep
        if {what == "async generator"}:
            keep = numbers()
            await keep.__anext__()
        elif {what == "subprocess"}:
            keep = await asyncio.create_subprocess_exec("true")
            await keep.wait()
        else:
            keep = asyncio.ensure_future(forever())
            keep._log_destroy_pending = False
            await asyncio.sleep(0)

    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main())
    say("done")
    """,
        out="done\n",
        limit=30,
        options=("-W", "ignore"),
    )


def test_ten_quick_lives(child: Child) -> None:
    """Start and end close together, where the JVM's own threads may still be starting."""
    for _ in range(10):
        child.run("from underloop import new_event_loop; loop = new_event_loop()", limit=30)
        child.run("from underloop import new_event_loop; import os; loop = new_event_loop(); os._exit(0)", limit=30)
