"""`python -m jloop_bench.servers SPEC`: serve until killed.

`SPEC` is a JSON object: `program` (a module of this package), `loop` (see `jloop_bench.loops`) and what that module's
`start` reads. Prints one JSON line when it serves: `address` (`127.0.0.1:PORT` or `unix:PATH`) and `loop`, its class.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys

from jloop_bench import loops


def main() -> None:
    """Serve what the first argument says."""
    spec = json.loads(sys.argv[1])
    program = importlib.import_module(f"jloop_bench.servers.{spec['program']}")
    loop = loops.factory(spec["loop"])()
    asyncio.set_event_loop(loop)
    address = loop.run_until_complete(program.start(loop, spec))
    kind = type(loop)
    print(json.dumps({"address": address, "loop": f"{kind.__module__}.{kind.__qualname__}"}), flush=True)
    loop.run_forever()


if __name__ == "__main__":
    main()
