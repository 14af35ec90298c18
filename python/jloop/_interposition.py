"""Exchanges a C function that CPython calls for another one, as `LD_PRELOAD` does before a program starts.

CPython's executable or library calls functions of other libraries through a table of addresses, which its dynamic
section describes (elf(5)). Exchanging one there reaches all of CPython and nothing else.
"""

import os
import struct

from . import _jvm

# Words of an ELF header and of its tables, 64-bit
_PROGRAM_HEADERS = struct.Struct("<32xQ14xHH")  # e_phoff, e_phentsize, e_phnum
_PROGRAM_HEADER = struct.Struct("<I4x8xQ")  # p_type, p_vaddr
_DYNAMIC = struct.Struct("<QQ")  # d_tag, d_val
_RELOCATION = struct.Struct("<QIIq")  # r_offset, type, symbol, r_addend
_WORD = struct.Struct("<I")
_SYMBOL_SIZE = 24
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_PLTRELSZ, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ, _DT_STRSZ, _DT_JMPREL = 0, 2, 5, 6, 7, 8, 10, 23
_DT_RELACOUNT = 0x6FFF_FFF9
# R_X86_64_GLOB_DAT and _JUMP_SLOT, R_AARCH64_GLOB_DAT and _JUMP_SLOT
_ADDRESS_OF_SYMBOL = frozenset((6, 7, 1025, 1026))

_PAGE = os.sysconf("SC_PAGE_SIZE")


# One line of /proc/self/maps: where it starts and ends, whether it can be written, what is mapped.
_Mapping = tuple[int, int, bool, str]


def exchange(name: str, function: int) -> bool:
    """Let CPython call the C function at this address for the one called `name`; returns whether it does so now."""
    try:
        mappings = _mappings()
        slots = _slots(mappings, name.encode() + b"\0")
        for slot in slots:
            _write(mappings, slot, function)
    except (OSError, LookupError, struct.error):
        return False
    return bool(slots)


def _mappings() -> list[_Mapping]:
    found = []
    with open("/proc/self/maps") as lines:
        for line in lines:
            addresses, access, _, _, _, *path = line.rstrip("\n").split(maxsplit=5)
            start, end = addresses.split("-")
            found.append((int(start, 16), int(end, 16), "w" in access, path[0] if path else ""))
    return found


def _mapping(mappings: list[_Mapping], address: int) -> _Mapping:
    for mapping in mappings:
        if mapping[0] <= address < mapping[1]:
            return mapping
    raise LookupError(address)


def _slots(mappings: list[_Mapping], name: bytes) -> list[int]:
    """The places that hold the address of the symbol in the object that CPython's code is part of."""
    path = _mapping(mappings, _jvm.address_in_python())[3]
    base = next(start for start, _, _, mapped in mappings if mapped == path)
    shift, dynamic = _dynamic_section(base)

    def table(tag: int, size_tag: int) -> bytes:
        return _jvm.read_bytes(pointer(tag), dynamic[size_tag]) if tag in dynamic else b""

    def pointer(tag: int) -> int:
        return dynamic[tag] if dynamic[tag] >= shift else dynamic[tag] + shift  # glibc has added it, musl has not

    names = table(_DT_STRTAB, _DT_STRSZ)

    def search(relocations: bytes) -> list[int]:
        entries = list(_RELOCATION.iter_unpack(relocations))
        count = max((symbol for _, _, symbol, _ in entries), default=-1) + 1
        wanted = _symbols(_jvm.read_bytes(pointer(_DT_SYMTAB), count * _SYMBOL_SIZE), names, name)
        return [
            offset + shift for offset, kind, symbol, _ in entries if symbol in wanted and kind in _ADDRESS_OF_SYMBOL
        ]

    # The usual place of functions, and that of a build with -fno-plt, behind what refers to no symbol
    return search(table(_DT_JMPREL, _DT_PLTRELSZ)) or search(
        table(_DT_RELA, _DT_RELASZ)[dynamic.get(_DT_RELACOUNT, 0) * _RELOCATION.size :]
    )


def _symbols(table: bytes, names: bytes, name: bytes) -> set[int]:
    """The numbers of the symbols that are called so; a name may be the end of a longer one."""
    found = set()
    start = names.find(name)
    while start >= 0:
        at = table.find(_WORD.pack(start))
        while at >= 0:
            if at % _SYMBOL_SIZE == 0:  # st_name
                found.add(at // _SYMBOL_SIZE)
            at = table.find(_WORD.pack(start), at + 1)
        start = names.find(name, start + 1)
    return found


def _dynamic_section(base: int) -> tuple[int, dict[int, int]]:
    """How far the object that starts at `base` is from where it was linked for, and its dynamic section."""
    offset, size, count = _PROGRAM_HEADERS.unpack(_jvm.read_bytes(base, _PROGRAM_HEADERS.size))
    wanted: dict[int, int] = {}
    for i in range(count):
        header = _jvm.read_bytes(base + offset + size * i, _PROGRAM_HEADER.size)
        kind, address = _PROGRAM_HEADER.unpack(header)
        wanted.setdefault(kind, address)
    shift = base - wanted[_PT_LOAD] // _PAGE * _PAGE
    entries: dict[int, int] = {}
    entry = wanted[_PT_DYNAMIC] + shift
    while True:
        tag, value = _DYNAMIC.unpack(_jvm.read_bytes(entry, _DYNAMIC.size))
        if tag == _DT_NULL:
            return shift, entries
        entries[tag] = value
        entry += _DYNAMIC.size


def _write(mappings: list[_Mapping], slot: int, value: int) -> None:
    """Write 8 bytes that may have been made read-only once they were filled ("RELRO")."""
    _, _, writable, _ = _mapping(mappings, slot)
    if writable:
        _jvm.write_long(slot, value)
        return
    page = slot // _PAGE * _PAGE
    _jvm.make_writable(page, _PAGE, True)
    _jvm.write_long(slot, value)
    _jvm.make_writable(page, _PAGE, False)
