"""Reaches into HotSpot by the tables that it exports for debuggers (`vmStructs.hpp`, the Serviceability Agent's).

A forked child that is inside of Java when it is forked has to return through it once. The JVM's other threads are in
the parent, and the locks that they held stay locked in the child: those of the compiler, which works whenever there
is something new to compile. So they come to rest before the fork, and the child asks nothing of them: HotSpot counts
calls, and would hand a method over, by a queue with a lock. No option does either in a running JVM; flags do.
"""

import os
from contextlib import suppress

from . import _jvm

# HotSpot's options of these names. False: the compiler's threads drop what they are asked for.
_COMPILE = "UseCompiler"
# True: `CompilationPolicy::event` asks for nothing. Meant for compiling again what a crash report names.
_ASK_FOR_NOTHING = "ReplayCompiles"

_PAUSE = 200  # microseconds
_MAX_PAUSES = 1000  # a method that takes the compiler longer is not waited for: it seldom holds a lock

_flags: tuple[int, int] | None = None  # addresses of the two; None: not looked for, or not found
_looked = False
_compiled = 1  # whether HotSpot compiled before it was told to rest


def rest() -> None:
    """Let the compiler's threads come to rest, before a fork. GIL held all the time. Takes a millisecond at least."""
    global _flags, _looked, _compiled
    if not _looked:
        _looked = True
        compiles, asks_nothing = _find_flag(_COMPILE), _find_flag(_ASK_FOR_NOTHING)
        if compiles and asks_nothing:
            _flags = compiles, asks_nothing
    if _flags is None:
        return
    _compiled = _jvm.read_long(_flags[0]) & 0xFF
    _jvm.write_byte(_flags[0], 0)
    for _ in range(_MAX_PAUSES):
        if not _compiler_works():
            break
        _jvm.pause(_PAUSE)


def go_on() -> None:
    """Let them work again, after the fork, in the parent."""
    if _flags is not None:
        _jvm.write_byte(_flags[0], _compiled)


def ask_for_nothing() -> None:
    """Hand no more methods to them, in the child. Enters no Java."""
    if _flags is not None:
        _jvm.write_byte(_flags[1], 1)


def _compiler_works() -> bool:
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError), open(f"/proc/self/task/{thread}/stat") as file:  # it may just have ended
            name, _, state = file.read().rpartition(") ")
            if "CompilerThre" in name and not state.startswith("S"):
                return True
    return False


def _find_flag(name: str) -> int | None:
    """The address of the `bool` behind an option of HotSpot's; None if its tables do not tell."""
    try:
        fields, size = _fields("JVMFlag"), _size("JVMFlag")
        flag, count = _jvm.read_long(fields["flags"]), _jvm.read_long(fields["numFlags"])
        for _ in range(count):
            if _jvm.read_string(_jvm.read_long(flag + fields["_name"])) == name:
                return _jvm.read_long(flag + fields["_addr"])
            flag += size
    except (KeyError, ValueError):  # another HotSpot, or no HotSpot at all
        pass
    return None


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
