"""HotSpot answers SIGSEGV for its own safepoints and null checks; `faulthandler` takes the same signal for its reports.

The load runs under a JVM that stops its threads every millisecond, so that a lost handler shows within a moment.
"""

from __future__ import annotations

import re
import signal

import pytest

from .child import Child, lines

SAFEPOINTS = {
    "JLOOP_JVM_OPTIONS": "-XX:+UnlockDiagnosticVMOptions -XX:+SafepointALot -XX:GuaranteedSafepointInterval=1"
}

# Each word is one step of the program; a loop is made, loaded and closed by "loop".
ORDERS = [
    "enable loop",
    "loop enable loop",
    "loop enable disable loop",
    "loop disable loop",
    "enable loop disable loop enable loop",
    "enable disable loop enable loop disable loop",
    "loop enable enable loop disable disable loop",
    "inside loop",
    "loop inside loop",
]

STEPS = """
    import asyncio, faulthandler, sys
    from faulthandler import enable as early_enable, disable as early_disable
    from underloop import load, new_event_loop, say

    def loop():
        loop = new_event_loop()
        load(loop, 5)
        loop.close()

    def inside():
        loop = new_event_loop()
        load(loop, 2)
        for switch in (faulthandler.enable, faulthandler.disable, faulthandler.enable, early_disable, early_enable):
            loop.call_soon(switch)
            load(loop, 2)
        loop.close()

    early = "early" in sys.argv
    for step in sys.argv[1].split():
        if step == "enable":
            (early_enable if early else faulthandler.enable)()
        elif step == "disable":
            (early_disable if early else faulthandler.disable)()
        else:
            globals()[step]()
    say("done")
"""


@pytest.mark.parametrize(
    ("order", "bound"),
    [(order, "late") for order in ORDERS]
    + [("loop enable loop", "early"), ("enable loop disable loop enable loop", "early"), ("loop inside loop", "early")],
)
def test_load_survives_faulthandler_in_any_order(child: Child, order: str, bound: str) -> None:
    child.run(STEPS, order, bound, env=SAFEPOINTS, out="done\n")


@pytest.mark.parametrize(
    ("options", "env"),
    [(("-X", "faulthandler"), {}), ((), {"PYTHONFAULTHANDLER": "1"}), (("-X", "dev"), {})],
    ids=["-X faulthandler", "PYTHONFAULTHANDLER", "-X dev"],
)
def test_load_survives_faulthandler_that_the_interpreter_enabled(
    child: Child, options: tuple[str, ...], env: dict[str, str]
) -> None:
    child.run(STEPS, "loop disable loop enable loop", "late", options=options, env=SAFEPOINTS | env, out="done\n")


def test_the_watchdog_dumps_a_loop_that_sits_in_its_wait(child: Child) -> None:
    """Only in the wait: under load the watchdog reads frames while they change and crashes stock CPython too."""
    child.run(
        """
        import asyncio, faulthandler, os, tempfile
        from underloop import load, new_event_loop, say

        loop = new_event_loop()
        load(loop)
        with tempfile.TemporaryFile("w+") as dump:
            faulthandler.dump_traceback_later(0.05, repeat=True, file=dump)
            loop.run_until_complete(asyncio.sleep(0.5))
            faulthandler.cancel_dump_traceback_later()
            load(loop)
            loop.close()
            dump.seek(0)
            text = dump.read()
        assert text.count("Timeout (") > 3, text
        assert "in run_until_complete" in text, text
        say("done")
        """,
        out="done\n",
    )


def test_a_registered_signal_still_dumps_all_threads(child: Child) -> None:
    child.run(
        """
        import faulthandler, os, signal, sys
        from underloop import load, new_event_loop, say

        loop = new_event_loop()
        load(loop)
        faulthandler.register(signal.SIGUSR1)
        loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
        load(loop)
        faulthandler.unregister(signal.SIGUSR1)
        loop.close()
        say("done")
        """,
        out="done\n",
        err=re.compile(r"(?s).*Current thread 0x[0-9a-f]+ .*\(most recent call first\):\n.* in load\n.*"),
    )


def test_pytest_with_its_faulthandler_plugin_runs_loops(child: Child) -> None:
    child.run(
        """
        import pathlib, sys, tempfile
        import pytest

        with tempfile.TemporaryDirectory() as folder:
            test = pathlib.Path(folder, "test_loops.py")
            test.write_text('''
        import faulthandler, pytest
        from underloop import load, new_event_loop

        @pytest.mark.parametrize("number", range(4))
        def test_load(number):
            assert faulthandler.is_enabled()
            loop = new_event_loop()
            load(loop, 3)
            loop.close()
        '''.replace("\\n        ", "\\n"))
            sys.exit(pytest.main([str(test), "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", folder]))
        """,
        env=SAFEPOINTS,
        out=re.compile(r"(?s)\.{4} .*\n4 passed in .*\n"),
    )


@pytest.mark.parametrize(
    "order", ["enable loop", "loop enable", "loop enable disable enable loop", "enable loop disable loop enable"]
)
def test_a_real_crash_still_prints_the_python_traceback(child: Child, order: str) -> None:
    """Whoever enabled `faulthandler` wants Python's traceback of a crash, not only the JVM's report of it.

    HotSpot reports the fault and ends the process by SIGABRT, which `faulthandler` answers, too.
    """
    program = STEPS.rstrip().removesuffix('say("done")') + "    import ctypes\n    ctypes.string_at(8)\n"
    running = child.start(program, order, "late")
    _, err = running.process.communicate(timeout=60)
    assert running.process.returncode in (
        (-signal.SIGSEGV,) if child.loop == "asyncio" else (-signal.SIGSEGV, -signal.SIGABRT)
    )
    pattern = r'(?s)Fatal Python error: (Segmentation fault|Aborted)\n.*File ".*ctypes.*", line \d+ in string_at\n.*'
    assert re.fullmatch(pattern, err), err


def test_a_crash_without_faulthandler_ends_the_process_by_a_signal(child: Child) -> None:
    """HotSpot may report it; what matters is that the crash is not swallowed and the process does not hang."""
    running = child.start(
        """
        import ctypes
        from underloop import load, new_event_loop
        load(new_event_loop())
        ctypes.string_at(8)
        """
    )
    running.process.wait(30)
    assert running.process.returncode in (-signal.SIGSEGV, -signal.SIGABRT)


def test_the_segmentation_handler_is_the_same_before_and_after_faulthandler(jloop_child: Child) -> None:
    jloop_child.run(
        """
        import ctypes, faulthandler, signal
        from underloop import load, new_event_loop, say

        libc = ctypes.CDLL(None)

        def handlers():
            found = {}
            for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
                action = (ctypes.c_ulong * 32)()
                assert libc.sigaction(int(number), None, action) == 0
                found[number.name] = action[0]
            return found

        loop = new_event_loop()
        load(loop)
        before = handlers()
        assert all(before.values()), before
        for switch in (faulthandler.enable, faulthandler.disable, faulthandler.enable, faulthandler.disable):
            loop.call_soon(switch)
            load(loop)
            assert handlers() == before, (switch, handlers(), before)
        loop.close()
        say("done")
        """,
        out=lines("done"),
    )
