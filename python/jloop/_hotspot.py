"""Reaches into HotSpot by the tables that it exports for debuggers (`vmStructs.hpp`, the Serviceability Agent's).

A forked child that is inside of Java when it is forked has to return through it once. HotSpot counts calls there, and
may want to hand a method to its compiler's threads: these are in the parent, with the lock of their queue perhaps held
for ever. There is no option that ends compiling in a running JVM; there is a flag that does.
"""

from . import _jvm

# Of HotSpot's `CompilationPolicy::event`: it returns at once. Meant for compiling again what a crash report names.
_NO_COMPILING = "ReplayCompiles"

_flag: int | None = None


def prepare_to_stop_compiling() -> None:
    """Find the flag, once; takes some milliseconds."""
    global _flag
    if _flag is None:
        _flag = _find_flag(_NO_COMPILING) or 0


def stop_compiling() -> None:
    """Hand no more methods to the compiler's threads, if the flag was found. Enters no Java."""
    if _flag:
        _jvm.write_byte(_flag, 1)


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
