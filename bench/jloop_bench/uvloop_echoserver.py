"""`python -m jloop_bench.uvloop_echoserver LOOP echoserver.py ARGUMENTS`: uvloop's server on any loop.

The program makes its loop by `uvloop.new_event_loop()`; a module of that name with the wanted loop's stands in.
"""

from __future__ import annotations

import runpy
import sys
import types

from jloop_bench import loops


def main() -> None:
    """Run the program with the loop of the first argument."""
    name, program, *arguments = sys.argv[1:]
    if name != "asyncio":
        factory = loops.factory(name)
        stand_in = types.ModuleType("uvloop")
        stand_in.new_event_loop = factory  # type: ignore[attr-defined]
        sys.modules["uvloop"] = stand_in
        arguments.append("--uvloop")
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
