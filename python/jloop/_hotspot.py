"""Reaches into HotSpot by the tables that it exports for debuggers (`vmStructs.hpp`, the Serviceability Agent's).

For forks: a forked child that is inside of Java when it is forked has to return through it once. The JVM's other
threads are in the parent, and the locks that they held stay locked in the child: those of the compiler, which works
whenever there is something new to compile. Nor does a stop of all threads end there, that of a collection for one. So
those threads come to rest before the fork, and the child asks nothing of them: HotSpot counts calls, and would hand a
method over, by a queue with a lock. No option does either in a running JVM; flags do. And for `_warm_up`, which needs
methods that HotSpot has for its own tests.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

from . import _jvm

# HotSpot's options of these names. False: the compiler's threads drop what they are asked for.
_COMPILE = "UseCompiler"
# True: `CompilationPolicy::event` asks for nothing. Meant for compiling again what a crash report names.
_ASK_FOR_NOTHING = "ReplayCompiles"

# True: Java may have the methods that HotSpot's own tests use.
_WHITE_BOX = "WhiteBoxAPI"
# False: HotSpot prints nothing.
_PRINT = "DisplayVMOutput"
_USED = frozenset((_COMPILE, _ASK_FOR_NOTHING, _WHITE_BOX, _PRINT))

# Parts of the names of threads, of which the kernel keeps fifteen bytes.
_COMPILERS = ("CompilerThre", "jloop warm-up")  # the latter hands methods to them: jloop._warm_up
_STOPPERS = ("VM Thread", "GC Thread", "G1 ", "ZWorker", "Shenandoah")  # while all others are stopped

_PAUSE = 200  # microseconds
_MAX_PAUSES = 1000  # a method that takes the compiler longer is not waited for: it seldom holds a lock

_white_box_lock = threading.Lock()
_compiled: int | None = None  # whether HotSpot compiled before it was told to rest; None: it never was


def stop_compiling() -> None:
    """Let the compiler's threads drop what they are asked for, before a fork. Once, until `go_on`."""
    global _compiled
    flags = _flags()
    if _COMPILE in flags and _ASK_FOR_NOTHING in flags:
        _compiled = _jvm.read_long(flags[_COMPILE]) & 0xFF
        _jvm.write_byte(flags[_COMPILE], 0)


def go_on() -> None:
    """Let them work again, after the fork, in the parent."""
    if _compiled is not None:
        _jvm.write_byte(_flags()[_COMPILE], _compiled)


def wait_for_rest() -> None:
    """Wait until the JVM's threads rest: the compiler's, if they were told to, and who stops all others. GIL held."""
    names = _STOPPERS if _compiled is None else _STOPPERS + _COMPILERS
    with suppress(OSError):  # no /proc, or no descriptor left
        for _ in range(_MAX_PAUSES):
            threads = os.listdir("/proc/self/task")
            # Twice: a thread that was looked at may sleep since it waits for one that was not yet to stop all others.
            if not _works(threads, names) and not _works(threads, names):
                break
            _jvm.pause(_PAUSE)


def ask_for_nothing() -> None:
    """Hand no more methods to them, in the child. Enters no Java."""
    if _compiled is not None:
        _jvm.write_byte(_flags()[_ASK_FOR_NOTHING], 1)


def compiler_flags() -> tuple[int, int]:
    """The addresses of two `bool`s: whether HotSpot compiles, and prints. Raises KeyError if it does not tell."""
    return _flags()[_COMPILE], _flags()[_PRINT]


@contextmanager
def white_box() -> Iterator[None]:
    """Let Java have the methods that HotSpot's own tests use, for one thread at a time.

    Raises KeyError if HotSpot's tables do not tell how.
    """
    flag = _flags()[_WHITE_BOX]
    with _white_box_lock:
        before = _jvm.read_long(flag) & 0xFF
        _jvm.write_byte(flag, 1)
        try:
            yield
        finally:
            _jvm.write_byte(flag, before)


def _works(threads: list[str], names: tuple[str, ...]) -> bool:
    """Whether one of these threads has one of these names and does something. GIL held, so nobody begins meanwhile."""
    for thread in threads:
        name, _, state = _jvm.read_file(f"/proc/self/task/{thread}/stat").rpartition(") ")  # "": it has just ended
        if any(part in name for part in names) and not state.startswith("S"):
            return True
    return False


@cache
def _flags() -> dict[str, int]:
    """The addresses of the `bool`s behind HotSpot's options that are used here; those of which its tables tell."""
    found = {}
    with suppress(KeyError, ValueError):  # another HotSpot, or no HotSpot at all
        fields, size = _fields("JVMFlag"), _size("JVMFlag")
        flag, count = _jvm.read_long(fields["flags"]), _jvm.read_long(fields["numFlags"])
        for _ in range(count):
            name = _jvm.read_long(flag + fields["_name"])
            if name and _jvm.read_string(name) in _USED:  # the last one has none
                found[_jvm.read_string(name)] = _jvm.read_long(flag + fields["_addr"])
            flag += size
    return found


def _fields(type_name: str) -> dict[str, int]:
    """Where the fields of a type are: addresses of static ones, offsets of the others."""
    entry = _jvm.read_long(_jvm.libjvm_symbol("gHotSpotVMStructs"))
    stride = _number("gHotSpotVMStructEntryArrayStride")
    type_at, field_at, static_at, offset_at, address_at = (
        _number(f"gHotSpotVMStructEntry{what}Offset")
        for what in ("TypeName", "FieldName", "IsStatic", "Offset", "Address")
    )
    found = {}
    while _jvm.read_long(entry + type_at):  # the last entry has no name
        if _jvm.read_string(_jvm.read_long(entry + type_at)) == type_name:
            static = _jvm.read_long(entry + static_at) & 0xFFFF_FFFF
            where = _jvm.read_long(entry + (address_at if static else offset_at))
            found[_jvm.read_string(_jvm.read_long(entry + field_at))] = where
        entry += stride
    return found


def _size(type_name: str) -> int:
    entry = _jvm.read_long(_jvm.libjvm_symbol("gHotSpotVMTypes"))
    stride = _number("gHotSpotVMTypeEntryArrayStride")
    type_at, size_at = (_number(f"gHotSpotVMTypeEntry{what}Offset") for what in ("TypeName", "Size"))
    while _jvm.read_long(entry + type_at):
        if _jvm.read_string(_jvm.read_long(entry + type_at)) == type_name:
            return _jvm.read_long(entry + size_at)
        entry += stride
    raise KeyError(type_name)


def _number(symbol: str) -> int:
    return _jvm.read_long(_jvm.libjvm_symbol(symbol))
