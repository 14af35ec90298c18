"""Signals keep the meaning they have in CPython: in an idle wait, in Python code, set before or after the JVM started."""

from __future__ import annotations

import re
import signal
import time

import pytest

from .child import Child

WAITS = {
    "run_forever": "loop.run_forever()",
    "sleep": "loop.run_until_complete(asyncio.sleep(100))",
    "accept": "loop.run_until_complete(asyncio.start_server(print, '127.0.0.1', 0)); loop.run_forever()",
    "short timers": "tick(); loop.run_forever()",
}

INTERRUPTED = """
    import asyncio, signal, sys, time
    from underloop import echo, load, new_event_loop, run, say

    loop = new_event_loop()
    load(loop)

    def tick():
        loop.call_later(0.0005, tick)
"""


@pytest.mark.parametrize("wait", WAITS)
def test_sigint_during_a_wait_is_a_keyboard_interrupt(child: Child, wait: str) -> None:
    running = child.start(
        INTERRUPTED
        + f"""
    loop.call_later(0.01, say, "ready")
    try:
        {WAITS[wait]}
    except KeyboardInterrupt:
        say("interrupted")
    assert not loop.is_running()
    loop.run_until_complete(echo())
    loop.close()
    """
    )
    running.expect("ready")
    time.sleep(0.3)
    running.signal(signal.SIGINT)
    since = time.monotonic()
    running.expect("interrupted")
    assert time.monotonic() - since < 2
    running.finish(out="ready\ninterrupted\n", limit=20)


def test_fifty_interrupts_of_the_same_loop(child: Child) -> None:
    """Whichever thread of the process the kernel picks to take the signal."""
    running = child.start(
        INTERRUPTED
        + """
    for number in range(50):
        loop.call_soon(say, number)
        try:
            loop.run_forever()
        except KeyboardInterrupt:
            pass
    load(loop)
    loop.close()
    """
    )
    for number in range(50):
        running.expect(str(number))
        time.sleep(0.01)
        running.signal(signal.SIGINT)
    running.finish(out="".join(f"{n}\n" for n in range(50)), limit=20)


@pytest.mark.parametrize("busy", ["while True: pass", "time.sleep(100)", "while True: loop.call_soon(int).cancel()"])
def test_sigint_during_a_callback_leaves_the_loop_and_keeps_the_rest(child: Child, busy: str) -> None:
    running = child.start(
        INTERRUPTED
        + f"""
    def callback():
        say("ready")
        {busy}

    loop.call_soon(callback)
    loop.call_soon(say, "the rest")
    try:
        loop.run_forever()
    except KeyboardInterrupt:
        say("interrupted")
    assert not loop.is_running()
    load(loop)
    loop.close()
    """
    )
    running.expect("ready")
    time.sleep(0.1)
    running.signal(signal.SIGINT)
    running.finish(out="ready\ninterrupted\nthe rest\n", limit=20)


def test_sigint_under_load(child: Child) -> None:
    running = child.start(
        INTERRUPTED
        + """
    say("ready")
    try:
        while True:
            load(loop)
    except KeyboardInterrupt:
        say("interrupted")
    import os
    os._exit(0)
    """
    )
    running.expect("ready")
    time.sleep(0.4)
    running.signal(signal.SIGINT)
    running.finish(out="ready\ninterrupted\n", limit=20)


@pytest.mark.parametrize("code", ["sleep(100)", "spin()"])
def test_an_interrupt_nobody_catches_ends_the_process_by_sigint(child: Child, code: str) -> None:
    running = child.start(
        f"""
        import asyncio
        from asyncio import sleep
        from underloop import mixed, run, say

        async def spin():
            while True:
                await sleep(0)

        async def main():
            await mixed()
            say("ready")
            await {code}

        run(main())
        """
    )
    running.expect("ready")
    time.sleep(0.3)
    running.signal(signal.SIGINT)
    # A Python traceback, or a chain of them, and nothing else.
    frame = r"  .*\n"
    error = rf"Traceback \(most recent call last\):\n({frame})+(KeyboardInterrupt|asyncio\.exceptions\.CancelledError)(: )?\n"
    chained = r"\nDuring handling of the above exception, another exception occurred:\n\n"
    running.finish(status=-signal.SIGINT, out="ready\n", err=re.compile(rf"({error}{chained})*{error}"), limit=20)


@pytest.mark.parametrize(
    "number", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPROF", "SIGVTALRM"]
)
@pytest.mark.parametrize("work", ["idle", "busy"])
def test_a_signal_left_at_its_default_ends_the_process(child: Child, number: str, work: str) -> None:
    running = child.start(
        INTERRUPTED
        + f"""
    say("ready")
    while {work == "busy"}:
        load(loop)
    loop.run_forever()
    """
    )
    running.expect("ready")
    time.sleep(0.2)
    running.signal(signal.Signals[number])
    running.finish(status=-signal.Signals[number], out="ready\n", limit=20)


@pytest.mark.parametrize("when", ["before", "after"])
def test_every_python_handler_runs_whenever_it_was_set(child: Child, when: str) -> None:
    """HotSpot takes some signals for itself (SIGUSR2, SIGPIPE, SIGXFSZ); a handler of the program must still be called."""
    child.run(
        f"""
        import asyncio, os, signal
        from underloop import load, new_event_loop, say

        taken = "SIGKILL SIGSTOP SIGSEGV SIGBUS SIGFPE SIGILL SIGABRT SIGIOT SIGCLD SIGPOLL SIGSTKFLT".split()
        numbers = [signal.Signals[name] for name in dir(signal) if name.startswith("SIG") and "_" not in name
                   and name not in taken and isinstance(getattr(signal, name), signal.Signals)]
        got = []

        def set_handlers():
            for number in numbers:
                signal.signal(number, lambda number, frame: got.append(number))

        if {when == "before"}:
            set_handlers()
        loop = new_event_loop()
        load(loop)
        if {when == "after"}:
            set_handlers()
        for number in numbers:
            loop.call_later(0.05, os.kill, os.getpid(), number)
            loop.call_later(0.06, loop.stop)
            loop.run_forever()
            assert got == [number], (got, number)
            got.clear()
        load(loop)
        loop.close()
        assert len(numbers) > 15, numbers
        say("done")
        """,
        out="done\n",
    )


def test_signal_handlers_of_the_loop_take_every_signal_a_program_may_use(child: Child) -> None:
    child.run(
        """
        import asyncio, os, signal
        from underloop import load, new_event_loop, say

        names = "SIGHUP SIGINT SIGQUIT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGCHLD SIGCONT SIGWINCH SIGXFSZ SIGURG SIGIO".split()
        loop = new_event_loop()
        got = []
        for name in names:
            loop.add_signal_handler(signal.Signals[name], got.append, name)
        load(loop)
        for name in names:
            loop.call_later(0.01, os.kill, os.getpid(), signal.Signals[name])
            for _ in range(100):
                loop.call_later(0.03, loop.stop)
                loop.run_forever()
                if got:
                    break
            assert got == [name], (got, name)
            got.clear()
            assert loop.remove_signal_handler(signal.Signals[name])
        load(loop)
        loop.close()
        say("done")
        """,
        out="done\n",
    )


def test_a_handler_runs_during_a_wait_that_nothing_else_ends(child: Child) -> None:
    child.run(
        """
        import signal, time
        from underloop import load, new_event_loop, say

        loop = new_event_loop()
        load(loop)
        since = time.monotonic()

        def handler(number, frame):
            took.append(time.monotonic() - since)
            if len(took) == 5:
                loop.call_soon_threadsafe(loop.stop)

        took = []
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        loop.run_forever()
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(took) == 5 and took[-1] < 3, took
        loop.close()
        say("done")
        """,
        out="done\n",
        limit=30,
    )


def test_an_exception_of_a_handler_leaves_the_wait(child: Child) -> None:
    child.run(
        """
        import signal
        from underloop import load, new_event_loop, say

        class Alarm(BaseException):
            pass

        def handler(number, frame):
            raise Alarm

        loop = new_event_loop()
        load(loop)
        signal.signal(signal.SIGALRM, handler)
        for _ in range(10):
            signal.setitimer(signal.ITIMER_REAL, 0.03)
            try:
                loop.run_forever()
            except Alarm:
                pass
            assert not loop.is_running()
        load(loop)
        loop.close()
        say("done")
        """,
        out="done\n",
        limit=30,
    )


@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP", "SIGTERM", "SIGUSR2"])
def test_a_signal_that_was_ignored_stays_ignored(child: Child, number: str) -> None:
    """As under `nohup`: the disposition comes from the parent and CPython leaves it alone."""
    child.run(
        f"""
        import os, signal, sys
        if "again" not in sys.argv:
            signal.signal(signal.{number}, signal.SIG_IGN)
            os.execv(sys.executable, [sys.executable, *sys.argv, "again"])
        import asyncio
        from underloop import load, new_event_loop, say
        loop = new_event_loop()
        load(loop)
        assert signal.getsignal(signal.{number}) == signal.SIG_IGN
        loop.call_soon(os.kill, os.getpid(), signal.{number})
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        say("done")
        """,
        out="done\n",
    )


def test_the_wakeup_descriptor_is_given_back(child: Child) -> None:
    child.run(
        """
        import asyncio, signal, socket
        from underloop import load, new_event_loop, say
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        loop = new_event_loop()
        load(loop)
        assert signal.set_wakeup_fd(-1) == -1
        loop.close()
        signal.set_wakeup_fd(ours.fileno())
        loop = new_event_loop()
        load(loop)
        loop.close()
        assert signal.set_wakeup_fd(-1) == ours.fileno()
        say("done")
        """,
        out="done\n",
    )


def test_sigint_reaches_a_main_thread_that_waits_for_a_loops_thread(child: Child) -> None:
    running = child.start(
        """
        import threading
        from underloop import load, new_event_loop, say
        loop = new_event_loop()
        done = threading.Event()

        def main():
            loop.run_forever()
            done.set()

        thread = threading.Thread(target=main)
        thread.start()
        loop.call_soon_threadsafe(say, "ready")
        try:
            done.wait(100)
        except KeyboardInterrupt:
            say("interrupted")
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        load(loop)
        loop.close()
        """
    )
    running.expect("ready")
    time.sleep(0.2)
    running.signal(signal.SIGINT)
    running.finish(out="ready\ninterrupted\n", limit=20)
