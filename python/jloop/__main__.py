"""The command line: `python -m jloop`."""

import os
import runpy
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from . import __version__

USAGE = """\
usage: python -m jloop SCRIPT [ARGS]         run a program on jloop, unchanged
       python -m jloop -m MODULE [ARGS]      the same for a module
       python -m jloop doctor                what was found here, and whether jloop works
       python -m jloop cache --build|--clear make or remove the start-up cache
       python -m jloop --version
"""

# command -> module with `main(arguments) -> exit status`
COMMANDS = {
    "bench": "jloop._bench",
    "cache": "jloop._aot_build",
    "doctor": "jloop._doctor",
}


def main() -> int:
    """Run what the command line says; returns the exit status."""
    arguments = sys.argv[1:]
    match arguments:
        case ["-h" | "--help"]:
            print(USAGE, end="")
            return 0
        case ["-V" | "--version"]:
            print(f"jloop {__version__}")
            return 0
        case [command, *rest] if command in COMMANDS and find_spec(COMMANDS[command]) is not None:
            status: int = import_module(COMMANDS[command]).main(rest)
            return status
        case ["-m", module, *rest]:
            _run_module(module, rest)
            return 0
        case [script, *rest] if not script.startswith("-"):
            _run_script(script, rest)
            return 0
    print(USAGE, end="", file=sys.stderr)
    return 2


def _run_script(script: str, arguments: list[str]) -> None:
    """What `python SCRIPT ARGUMENTS` does, on jloop."""
    if not Path(script).exists():
        print(f"{sys.executable} -m jloop: can't open file {script!r}: no such file or directory", file=sys.stderr)
        sys.exit(2)
    _prepare(script, arguments, str(Path(script).resolve().parent))
    runpy.run_path(script, run_name="__main__")


def _run_module(module: str, arguments: list[str]) -> None:
    """What `python -m MODULE ARGUMENTS` does, on jloop."""
    _prepare(module, arguments, os.getcwd())
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _prepare(name: str, arguments: list[str], folder: str) -> None:
    from ._takeover import take_over

    sys.argv[:] = [name, *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder
    take_over()


if __name__ == "__main__":
    sys.exit(main())
