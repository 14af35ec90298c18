"""The machine: what it is, and which of its cores server and load run on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """Sets of cores as `sched_setaffinity` takes them. `shared` if there was only one core for both."""

    server: frozenset[int]
    load: frozenset[int]
    shared: bool


def choose_cores() -> Cores:
    """One core for the server and another, of another physical core where there is one, for load and driver."""
    usable = sorted(os.sched_getaffinity(0))
    server = usable[0]
    others = [core for core in usable if core != server]
    if not others:
        return Cores(frozenset({server}), frozenset({server}), True)
    siblings = _siblings(server)
    load = next((core for core in others if core not in siblings), others[0])
    return Cores(frozenset({server}), frozenset({load}), False)


def _siblings(core: int) -> set[int]:
    """The hardware threads that share a physical core with `core`."""
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    found: set[int] = set()
    try:
        for part in path.read_text().strip().split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    except OSError:
        pass
    return found


def describe() -> dict[str, object]:
    """`processor`, `cores` (count), `memory_gib`, `system` and `load_average` (over the last minute)."""
    return {
        "processor": _first_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def _first_value(path: str, key: str) -> str | None:
    try:
        for line in Path(path).read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return None
