"""The command line: `python -m jloop`."""

import builtins
import io
import os
import pkgutil
import runpy
import sys
import types
from importlib import import_module
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from importlib.util import MAGIC_NUMBER, find_spec
from pathlib import Path
from typing import Any

from . import __version__

USAGE = """\
usage: python -m jloop SCRIPT [ARGS]         run a program on jloop, unchanged (-: from standard input)
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
        case ["-", *rest]:
            _run_input(rest)
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
    path = os.path.abspath(script)
    _prepare(script, arguments, str(Path(script).resolve().parent))
    if pkgutil.get_importer(path) is not None:  # a folder, or an archive
        runpy.run_path(script, run_name="__main__")
        return
    with io.open_code(path) as file:
        source = file.read()
    loader: Any = SourceFileLoader
    if source.startswith(MAGIC_NUMBER):
        loader = SourcelessFileLoader
        code = loader("__main__", path).get_code("__main__")
    else:
        code = compile(source, path, "exec", dont_inherit=True)
    _run(code, __file__=path, __cached__=None, __loader__=loader("__main__", path))


def _run_input(arguments: list[str]) -> None:
    """What `python - ARGUMENTS` does, on jloop."""
    _prepare("-", arguments, "")
    code = compile(sys.stdin.buffer.read(), "<stdin>", "exec", dont_inherit=True)
    _run(code, __file__="<stdin>", __cached__=None, __loader__=BuiltinImporter)


def _run(code: types.CodeType, **variables: Any) -> None:
    """Run a program as the module `__main__`, which is there until the process ends, with these variables."""
    main = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __spec__=None, __package__=None, **variables)
    sys.modules["__main__"] = main
    exec(code, vars(main))


def _run_module(module: str, arguments: list[str]) -> None:
    """What `python -m MODULE ARGUMENTS` does, on jloop."""
    _prepare(module, arguments, os.getcwd())
    _import_package(module.rpartition(".")[0])
    try:
        found = find_spec(module) is not None
    except (ImportError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        sys.exit(f"{sys.executable}: Error while finding module specification for {module!r} ({reason})")
    if not found:
        sys.exit(f"{sys.executable}: No module named {module}")
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _import_package(package: str) -> None:
    """Import it, if it is there: what goes wrong inside of it is not that the module cannot be found."""
    if package:
        try:
            import_module(package)
        except ImportError as error:
            if error.name is None or not f"{package}.".startswith(f"{error.name}."):
                raise


def _prepare(name: str, arguments: list[str], folder: str) -> None:
    from ._takeover import take_over

    sys.argv[:] = [name, *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder
    take_over()


if __name__ == "__main__":
    sys.exit(main())
