"""What jloop needs of the Python that runs it and of the machine."""

from __future__ import annotations

import os
import sys
from importlib import import_module

MACHINES = ("x86_64", "aarch64")
OLDEST, NEWEST = (3, 10), (3, 14)


class Requirement:
    """One thing jloop needs: what, what is there, and whether that will do."""

    __slots__ = ("found", "met", "name")

    def __init__(self, name: str, found: str, met: bool) -> None:
        self.name = name
        self.found = found
        self.met = met


def requirements() -> list[Requirement]:
    """Everything jloop needs apart from a Java runtime, in the order in which a user would care."""
    version = ".".join(map(str, sys.version_info[:3]))
    machine = os.uname().machine if hasattr(os, "uname") else "unknown"
    main = in_main_interpreter()
    build = "free-threaded" if free_threaded() else "with GIL"
    return [
        Requirement("Linux", sys.platform, sys.platform == "linux"),
        Requirement("a 64-bit " + " or ".join(MACHINES), machine, machine in MACHINES and sys.maxsize > 2**32),
        Requirement("CPython", sys.implementation.name, sys.implementation.name == "cpython"),
        Requirement("Python 3.10 to 3.14", version, OLDEST <= sys.version_info[:2] <= NEWEST),
        Requirement("a build with the GIL", f"{build} build", not free_threaded()),
        Requirement("the main interpreter", "the main one" if main else "a sub-interpreter", main),
    ]


def require() -> None:
    """Raise RuntimeError naming the first requirement that is not met."""
    for need in requirements():
        if not need.met:
            raise RuntimeError(f"jloop needs {need.name}; this is {need.found}: {sys.executable}, Python {sys.version}")


def in_main_interpreter() -> bool:
    """Whether this code runs in the interpreter that the process started with; True where that cannot be told."""
    try:
        interpreters = import_module("_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters")
    except ImportError:
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


def free_threaded() -> bool:
    """Whether this interpreter was built without the global interpreter lock (PEP 703)."""
    return "t" in getattr(sys, "abiflags", "")
