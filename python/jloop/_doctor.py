"""`python -m jloop doctor`: what was found here, and whether jloop works."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator

from . import __version__, _aot, _jvm, _platform
from ._runner import new_event_loop

_VARIABLES = ("JLOOP_JAVA_HOME", "JLOOP_JVM_OPTIONS", "JLOOP_AOT", "JLOOP_CACHE_DIR", "JAVA_HOME")


def main(arguments: list[str]) -> int:
    """Print the report; returns 1 if jloop cannot be used here."""
    if arguments:
        print("usage: python -m jloop doctor", file=sys.stderr)
        return 2
    print(f"jloop {__version__}, {sys.executable}")
    if not _report_platform():
        print("\njloop cannot be used here: see the lines marked NO above")
        return 1
    _report_environment()
    _report_runtimes()
    try:
        _report_options(_jvm.find_jvm())
        _report_start()
    except RuntimeError as error:
        print(f"\njloop cannot be used here: {error}")
        return 1
    print("\njloop works here")
    return 0


def _report_platform() -> bool:
    _section("Needed", ((need.name, _mark(need.met, need.found)) for need in _platform.requirements()))
    return all(need.met for need in _platform.requirements())


def _report_environment() -> None:
    _section("Environment", ((name, os.environ.get(name, "not set")) for name in _VARIABLES))


def _report_runtimes() -> None:
    """Every place looked at; an arrow marks the runtime that is used."""
    try:
        chosen = _jvm.find_jvm()
    except _jvm.JVMError:
        chosen = None
    print("\nJava runtimes, in order of preference")
    for candidate in _jvm.candidates():
        mark = "->" if chosen is not None and candidate.jvm == chosen else "  "
        print(f"{mark} {candidate}")


def _report_options(jvm: _jvm.JVM) -> None:
    print("\nJVM options")
    for option in _jvm.options(jvm):
        print(f"   {option}")
    _section("Start-up cache", [("state", _aot.state(jvm, _jvm.basic_options()))])


def _report_start() -> None:
    """Run one callback on a loop of this process."""
    before = time.perf_counter()
    loop = new_event_loop()
    try:
        loop.call_soon(loop.stop)
        loop.run_forever()
    finally:
        loop.close()
    milliseconds = (time.perf_counter() - before) * 1e3
    _section("Trial", [("JVM, loop, first callback", f"{milliseconds:.0f} ms"), ("resident memory", _resident())])
    _section("asyncio of this Python", _features())


def _features() -> Iterator[tuple[str, str]]:
    yield "policies, jloop.install()", "yes, deprecated" if sys.version_info >= (3, 12) else "yes"
    yield "asyncio.Runner", _since(hasattr(asyncio, "Runner"), "3.11")
    yield "asyncio.timeout, TaskGroup", _since(hasattr(asyncio, "timeout"), "3.11")
    yield "eager tasks", _since(hasattr(asyncio, "eager_task_factory"), "3.12")
    yield "loop in a forked child", "asyncio's own, where the JVM ran before the fork"
    yield "subinterpreters", "no"


def _since(there: bool, version: str) -> str:
    return "yes" if there else f"no, since Python {version}"


def _mark(met: bool, found: str) -> str:
    return f"{'ok' if met else 'NO'}  {found}"


def _section(title: str, rows: "Iterator[tuple[str, str]] | list[tuple[str, str]]") -> None:
    print(f"\n{title}")
    for name, value in rows:
        print(f"   {name:28} {value}")


def _resident() -> str:
    with open("/proc/self/status", encoding="ascii") as status:
        kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return f"{kilobytes / 1024:.0f} MB"
